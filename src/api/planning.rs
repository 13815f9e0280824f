//! Planning over HTTP: calendar, programmes, lesson cards, load, orders, substitutes, moving. The rules are the domain's; here
//! is who may ask and how a refusal reads.

pub mod acts;
pub mod calendar;
pub mod cards;
pub mod changes;
pub mod load;
pub mod load_policy;
pub mod modes;
pub mod programmes;
pub mod proposals;
pub mod rules;

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use jiff::civil::Date;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::planning::card::Checked;
use crate::domain::planning::finding::Finding;
use crate::domain::policy::Grant;
use crate::store::StoreError;
use crate::store::planning::PlanError;
use crate::store::school::School;
use crate::store::transition::Actor;

/// Dates told of in one refusal.
const MOST_DATES: usize = 400;
/// Longest reason, characters.
const REASON_CHARACTERS: usize = 500;

/// All routes of planning.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(calendar::calendar, calendar::change))
        .routes(routes!(programmes::programmes, programmes::new_programme))
        .routes(routes!(programmes::put_programme, programmes::drop_programme))
        .routes(routes!(programmes::new_part))
        .routes(routes!(programmes::put_part, programmes::drop_part))
        .routes(routes!(programmes::complete))
        .routes(routes!(cards::cards, cards::new_card))
        .routes(routes!(cards::options))
        .routes(routes!(cards::check))
        .routes(routes!(cards::card))
        .routes(routes!(cards::save_draft, cards::drop_draft))
        .routes(routes!(cards::agree))
        .routes(routes!(cards::publish))
        .routes(routes!(cards::withdraw))
        .routes(routes!(load::load))
        .routes(routes!(load::rows))
        .routes(routes!(load::correct))
        .routes(routes!(load::contracts, load::put_contract))
        .routes(routes!(load_policy::policy, load_policy::put_policy))
        .routes(routes!(load::add_absence, load::drop_absence))
        .routes(routes!(changes::orders, changes::grant))
        .routes(routes!(changes::substitutes))
        .routes(routes!(changes::substitute))
        .routes(routes!(changes::move_to))
        .merge(acts::routes())
        .routes(routes!(rules::norms, rules::put_norm))
        .routes(routes!(modes::hours, modes::put_hours))
        .routes(routes!(modes::modes, modes::put_mode))
        .routes(routes!(proposals::proposals))
        .routes(routes!(proposals::decide))
}

/// One thing that speaks against a date.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FindingView {
    pub code: String,
    /// The numbers and names that explain it; what is in it depends on the code.
    #[schema(value_type = Object)]
    pub params: serde_json::Value,
    /// Keeps the date out of the plan; else it is a remark.
    pub refused: bool,
    /// The deputy head or the head can lift it by an order.
    pub overridable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_no: Option<String>,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.as_str().to_owned(),
            params: serde_json::to_value(&finding.params).unwrap_or_default(),
            refused: finding.is_refusal(),
            overridable: finding.is_overridable(),
            order_no: finding.order_no.clone(),
        }
    }
}

/// One date of a card.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct DateView {
    /// Name of the consultation, also of one that is not planned yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub slot_key: String,
    /// YYYY-MM-DD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    pub findings: Vec<FindingView>,
}

impl From<&Checked> for DateView {
    fn from(one: &Checked) -> Self {
        Self {
            id: one.id().map(|id| id.as_str().to_owned()),
            slot_key: one.slot_key.clone(),
            date: one.date.map(|date| date.to_string()),
            start: one.occurrence.as_ref().map(|one| rfc3339(one.start_ms)),
            end: one.occurrence.as_ref().map(|one| rfc3339(one.end_ms)),
            findings: one.findings.iter().map(FindingView::from).collect(),
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Refused(code) => Self::new(code.as_str()),
            PlanError::Store(error) => error.into(),
            PlanError::Findings(checked) => findings(&checked),
        }
    }
}

/// The first refusal speaks, with its numbers; `errors` has all dates that are refused.
fn findings(checked: &[Checked]) -> Problem {
    let refused: Vec<&Checked> = checked.iter().filter(|one| one.is_refused()).collect();
    let first = refused
        .iter()
        .find_map(|one| one.findings.iter().find(|finding| finding.is_refusal()).map(|finding| (one, finding)));
    let Some((one, finding)) = first else { return Problem::new("internal") };
    let mut params = serde_json::to_value(&finding.params).unwrap_or_default();
    if let Some(params) = params.as_object_mut() {
        params.insert("date".into(), one.date.map(|date| date.to_string()).into());
        params.insert("consultation".into(), one.id().map(|id| id.as_str().to_owned()).into());
        params.insert("dates".into(), refused.len().into());
    }
    let errors: Vec<DateView> = refused.into_iter().take(MOST_DATES).map(DateView::from).collect();
    Problem::new(finding.code.as_str()).params(params).errors(serde_json::json!(errors))
}

/// The person's school.
async fn school_of(state: &ApiState, session: &Session) -> Result<School, StoreError> {
    state.store.school(&session.principal.school).await
}

fn actor<A>(session: &Session, grant: &Grant<A>) -> Actor {
    Actor { person: session.principal.person.clone(), role: Some(grant.role) }
}

/// The revision that the caller has seen.
///
/// # Errors
/// `precondition_required` without `If-Match`, `bad_request` when it is not a number in quotes.
fn if_match(headers: &HeaderMap) -> Result<i64, Problem> {
    let value =
        headers.get(IF_MATCH).ok_or_else(|| Problem::new("precondition_required").detail("If-Match is missing"))?;
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
    text.parse().map_err(|_| Problem::bad_request("If-Match: the revision in quotes"))
}

fn day(text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::bad_request(format!("not a day (YYYY-MM-DD): {}", text.escape_debug())))
}

/// A reason that people read.
///
/// # Errors
/// `reason_required` for a blank one, `bad_request` for one that is too long.
fn reason(text: &str) -> Result<&str, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::new("reason_required"));
    }
    if text.chars().count() > REASON_CHARACTERS {
        return Err(Problem::bad_request(format!("reason: at most {REASON_CHARACTERS} characters")));
    }
    Ok(text)
}

/// Reads a body whose shape is checked only after the policy has been asked.
fn parsed<T: serde::de::DeserializeOwned>(body: serde_json::Value) -> Result<T, Problem> {
    serde_json::from_value(body).map_err(|error| Problem::bad_request(error.to_string()))
}
