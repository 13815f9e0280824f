//! The rows behind a figure, and corrections of what the clock wrote.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::access::Seen;
use super::super::auth::Session;
use super::super::body;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::{Asked, Looked, MetricView};
use crate::domain::evidence::metrics::{self, MetricCode, RowKind, Share};
use crate::domain::evidence::{Facts, LessonFact, RequestFact, behind};
use crate::domain::ids::PersonId;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::store::evidence::corrections::Field;
use crate::store::transition::{Actor, TransitionError};

/// Rows of one answer.
const MOST_ROWS: usize = 2_000;
/// Longest reason of a correction, characters.
const REASON_CHARACTERS: usize = 500;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(corrections, correct))
}

/// A figure and its rows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RowsView {
    metric: MetricView,
    rows: Vec<RowView>,
    left_out: usize,
}

/// One row: a consultation or a request, with its share above and below the line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RowView {
    /// `lesson` or `request`.
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) above: f64,
    pub(super) below: f64,
    /// RFC 3339, UTC: start of the consultation, or when the request came.
    pub(super) at: String,
    pub(super) title: String,
    pub(super) class: String,
    pub(super) host: String,
    /// State and finer word: `held`, `not_held: no_host`.
    pub(super) state: String,
    /// Seconds that the host was late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host_delay_s: Option<i64>,
    pub(super) violations: Vec<String>,
    pub(super) is_corrected: bool,
    /// Whom and what the shares are counted of: with `help_given` those who asked.
    pub(super) behind: Vec<BehindView>,
}

/// One thing behind a row.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BehindView {
    /// Whom it is about; empty: nobody in particular.
    pub(super) name: String,
    pub(super) code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<f64>,
    /// What somebody wrote about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
}

/// Rows with what a person wants to see of each.
fn views(facts: &Facts, code: MetricCode, shares: &[Share]) -> Vec<RowView> {
    let behind = |share: &Share| -> Vec<BehindView> {
        let name = |person: &PersonId| facts.names.get(person).cloned().unwrap_or_default();
        let found = behind::of(facts, code, share).into_iter();
        found
            .map(|one| BehindView {
                name: one.person.as_ref().map(name).unwrap_or_default(),
                code: one.code,
                value: one.value,
                said: one.said,
            })
            .collect()
    };
    let lessons: HashMap<&str, &LessonFact> = facts.lessons.iter().map(|one| (one.id.as_str(), one)).collect();
    let requests: HashMap<&str, &RequestFact> = facts.requests.iter().map(|one| (one.id.as_str(), one)).collect();
    let mut rows: Vec<RowView> = shares
        .iter()
        .filter_map(|share| match share.kind {
            RowKind::Lesson => lessons
                .get(share.id.as_str())
                .map(|one| RowView { behind: behind(share), ..lesson_view(one, share.above, share.below) }),
            RowKind::Request => requests
                .get(share.id.as_str())
                .map(|one| RowView { behind: behind(share), ..request_view(one, share.above, share.below) }),
        })
        .collect();
    rows.sort_by(|a, b| b.at.cmp(&a.at));
    rows
}

pub(super) fn lesson_view(one: &LessonFact, above: f64, below: f64) -> RowView {
    let reason = one.not_held.map(|reason| format!(": {}", reason.as_str())).unwrap_or_default();
    RowView {
        kind: "lesson",
        id: one.id.as_str().to_owned(),
        above,
        below,
        at: rfc3339(one.start_ms),
        title: one.title.clone(),
        class: one.class.clone().unwrap_or_default(),
        host: one.host_name.clone(),
        state: format!("{}{reason}", one.state.as_str()),
        host_delay_s: one.host_delay_s,
        violations: one.breaches(),
        is_corrected: one.is_corrected,
        behind: Vec::new(),
    }
}

fn request_view(one: &RequestFact, above: f64, below: f64) -> RowView {
    RowView {
        kind: "request",
        id: one.id.clone(),
        above,
        below,
        at: rfc3339(one.created_ms),
        title: match &one.topic {
            Some(topic) => format!("{}: {topic}", one.subject),
            None => one.subject.clone(),
        },
        class: one.class.clone().unwrap_or_default(),
        host: String::new(),
        state: one.state.clone(),
        host_delay_s: None,
        violations: Vec::new(),
        is_corrected: false,
        behind: Vec::new(),
    }
}

/// The rows behind one figure (`metric`), newest first.
#[utoipa::path(get, path = "/api/v1/reports/evidence/rows", tag = "reports", params(Asked), responses(
    (status = 200, body = RowsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn list(
    State(state): State<ApiState>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Json<RowsView>, Problem> {
    let looked = Looked::up(&state, &session, &asked).await?;
    let metric = metrics::metric(&looked.facts, asked.metric.unwrap_or(MetricCode::Punctuality));
    let mut rows = views(&looked.facts, metric.code, &metric.rows);
    let left_out = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    Ok(Json(RowsView { metric: MetricView::from(&metric), rows, left_out }))
}

/// What was corrected about a consultation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CorrectionList {
    items: Vec<CorrectionView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CorrectionView {
    field: Field,
    old: String,
    new: String,
    reason: String,
    by: String,
    at: String,
}

/// What was corrected about a consultation, oldest first. The first values stay readable.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/corrections", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = CorrectionList), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn corrections(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<CorrectionList>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    session.allow::<kind::EvidenceReport>(seen.relations)?;
    let items = state.store.corrections(&seen.consultation.id).await?;
    let items = items.into_iter().map(|one| CorrectionView {
        field: one.field,
        old: one.old,
        new: one.new,
        reason: one.reason,
        by: one.by_name,
        at: rfc3339(one.at_ms),
    });
    Ok(Json(CorrectionList { items: items.collect() }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionForm {
    field: Field,
    /// `held`, `no_host`, `no_audience`, `technical`; or whole seconds.
    new: String,
    reason: String,
}

/// Correct what the clock wrote about a consultation that is over. The original stays; deputies and the head only, and
/// nobody their own.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/corrections", tag = "reports", params(("id" = String, Path)),
    request_body = CorrectionForm, responses(
    (status = 201), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`: not over, cancelled, or no value of this field", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn correct(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    body::Json(form): body::Json<CorrectionForm>,
) -> Result<StatusCode, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    // Nobody corrects what they hold themselves, whatever else they are.
    let is_own = seen.relations.contains(Relation::Host) || seen.relations.contains(Relation::Own);
    let relations = if is_own { Relations::NONE } else { Relations::school() };
    let grant = session.allow::<kind::EvidenceCorrect>(relations)?;
    if form.reason.chars().count() > REASON_CHARACTERS {
        return Err(Problem::bad_request(format!("reason: at most {REASON_CHARACTERS} characters")));
    }
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let id = seen.consultation.id.clone();
    let done = state.store.correct(id, form.field, form.new, form.reason, actor, state.clock.now_ms()).await;
    done.map_err(|error| match error {
        TransitionError::Refused(code) => Problem::new(code.as_str()),
        TransitionError::Store(error) => error.into(),
    })?;
    Ok(StatusCode::CREATED)
}
