//! Hours of the day as dated rows, and how strictly each rule is meant.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::proposals::{Proposed, put};
use super::{day, parsed};
use crate::domain::norm::NormMode;
use crate::domain::planning::finding::Rules;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::store::planning::modes::HoursRow;
use crate::store::planning::proposals::RuleChange;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HoursNormsView {
    items: Vec<HoursNormView>,
}

/// From when to when students of some grades may be taught, as a dated row.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursNormView {
    /// Empty: a new row.
    #[serde(default)]
    id: String,
    code: String,
    grade_from: u8,
    grade_to: u8,
    /// HH:MM, the school's time.
    earliest: String,
    latest: String,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    /// `enforce`, `warn` or `off`.
    mode: String,
}

/// Hours of the day in which students may be taught.
#[utoipa::path(get, path = "/api/v1/hours-norms", tag = "planning", responses(
    (status = 200, body = HoursNormsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn hours(State(state): State<ApiState>, session: Session) -> Result<axum::Json<HoursNormsView>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let rows = state.store.hours_rows(&session.principal.school).await?;
    Ok(axum::Json(HoursNormsView { items: rows.into_iter().map(HoursNormView::from).collect() }))
}

impl From<HoursRow> for HoursNormView {
    fn from(row: HoursRow) -> Self {
        Self {
            id: row.id,
            code: row.code,
            grade_from: row.grade_from,
            grade_to: row.grade_to,
            earliest: row.earliest.strftime("%H:%M").to_string(),
            latest: row.latest.strftime("%H:%M").to_string(),
            source: row.source,
            valid_from: row.valid_from.map(|day| day.to_string()),
            valid_to: row.valid_to.map(|day| day.to_string()),
            mode: row.mode.as_str().to_owned(),
        }
    }
}

/// Write hours down, or change a row.
#[utoipa::path(put, path = "/api/v1/hours-norms", tag = "planning", request_body = HoursNormView, responses(
    (status = 204), (status = 202, description = "Proposed", body = Proposed), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem)
))]
pub async fn put_hours(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    let grant = session.allow::<kind::NormManage>(Relations::school())?;
    let asked: HoursNormView = parsed(body)?;
    let time = |text: &str| text.parse::<jiff::civil::Time>().map_err(|_| Problem::bad_request("times: HH:MM"));
    let (earliest, latest) = (time(&asked.earliest)?, time(&asked.latest)?);
    let is_wrong = asked.grade_from > asked.grade_to
        || asked.grade_to > 11
        || earliest >= latest
        || asked.source.trim().is_empty()
        || asked.source.chars().count() > 200
        || asked.code.chars().count() > 60;
    if is_wrong {
        return Err(Problem::bad_request("grades up to 11, earliest before latest, a source"));
    }
    let optional = |text: Option<String>| text.filter(|text| !text.is_empty()).as_deref().map(day).transpose();
    let row = HoursRow {
        id: asked.id,
        code: asked.code,
        grade_from: asked.grade_from,
        grade_to: asked.grade_to,
        earliest,
        latest,
        source: asked.source,
        valid_from: optional(asked.valid_from)?,
        valid_to: optional(asked.valid_to)?,
        mode: mode(&asked.mode)?,
    };
    put(&state, &session, &grant, RuleChange::Hours(row), StatusCode::NO_CONTENT).await
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RuleModesView {
    items: Vec<RuleModeView>,
}

/// How strictly a rule is meant.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleModeView {
    /// The code of its refusal.
    pub(super) rule: String,
    /// `enforce`, `warn` or `off`.
    pub(super) mode: String,
}

/// The rules that a school may soften, with what it has decided.
#[utoipa::path(get, path = "/api/v1/planning-rules", tag = "planning", responses(
    (status = 200, body = RuleModesView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn modes(State(state): State<ApiState>, session: Session) -> Result<axum::Json<RuleModesView>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let modes = state.store.rule_modes(&session.principal.school).await?;
    let view = |(code, mode): (RefusalCode, NormMode)| RuleModeView {
        rule: code.as_str().to_owned(),
        mode: mode.as_str().to_owned(),
    };
    Ok(axum::Json(RuleModesView { items: modes.into_iter().map(view).collect() }))
}

/// Decide how strictly a rule is meant.
#[utoipa::path(put, path = "/api/v1/planning-rules", tag = "planning", request_body = RuleModeView, responses(
    (status = 204), (status = 202, description = "Proposed", body = Proposed),
    (status = 400, description = "Not a rule that a school may soften", body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)
))]
pub async fn put_mode(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    let grant = session.allow::<kind::PolicyManage>(Relations::school())?;
    let asked: RuleModeView = parsed(body)?;
    let code = RefusalCode::parse(&asked.rule).filter(|code| Rules::SOFT.contains(code));
    let code = code.ok_or_else(|| Problem::bad_request("rule: one that a school may soften"))?;
    let mode = mode(&asked.mode)?;
    let change = RuleChange::Mode { rule: code.as_str().to_owned(), mode };
    put(&state, &session, &grant, change, StatusCode::NO_CONTENT).await
}

fn mode(text: &str) -> Result<NormMode, Problem> {
    NormMode::parse(text).ok_or_else(|| Problem::bad_request("mode: enforce, warn or off"))
}
