//! What planning is held against: local acts, and norms as dated rows.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::proposals::{Proposed, put};
use super::{day, parsed, school_of};
use crate::domain::norm::NormMode;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::store::planning::acts::LocalAct;
use crate::store::planning::norms::NormRow;
use crate::store::planning::proposals::RuleChange;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActsView {
    items: Vec<ActView>,
}

/// A local act: the paper on which assistance rests.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActView {
    #[serde(default)]
    id: String,
    number: String,
    /// YYYY-MM-DD.
    dated: String,
    title: String,
    basis: String,
    valid_from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
}

/// The school's local acts, the newest first.
#[utoipa::path(get, path = "/api/v1/local-acts", tag = "planning", responses(
    (status = 200, body = ActsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn acts(State(state): State<ApiState>, session: Session) -> Result<axum::Json<ActsView>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let school = school_of(&state, &session).await?;
    let acts = state.store.local_acts(&school).await?;
    Ok(axum::Json(ActsView { items: acts.into_iter().map(ActView::from).collect() }))
}

impl From<LocalAct> for ActView {
    fn from(act: LocalAct) -> Self {
        Self {
            id: act.id,
            number: act.number,
            dated: act.dated.to_string(),
            title: act.title,
            basis: act.basis,
            valid_from: act.valid_from.to_string(),
            valid_to: act.valid_to.map(|day| day.to_string()),
        }
    }
}

/// Write a local act down.
#[utoipa::path(post, path = "/api/v1/local-acts", tag = "planning", request_body = ActView, responses(
    (status = 201), (status = 202, description = "Proposed", body = Proposed), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)
))]
pub async fn add_act(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    let grant = session.allow::<kind::PolicyManage>(Relations::school())?;
    let asked: ActView = parsed(body)?;
    let texts = [&asked.number, &asked.title, &asked.basis];
    if texts.iter().any(|text| text.trim().is_empty() || text.chars().count() > 300) {
        return Err(Problem::bad_request("number, title, basis: 1 to 300 characters"));
    }
    let act = LocalAct {
        id: uuid::Uuid::now_v7().to_string(),
        number: asked.number,
        dated: day(&asked.dated)?,
        title: asked.title,
        basis: asked.basis,
        valid_from: day(&asked.valid_from)?,
        valid_to: asked.valid_to.as_deref().filter(|text| !text.is_empty()).map(day).transpose()?,
    };
    if act.valid_to.is_some_and(|to| to < act.valid_from) {
        return Err(Problem::bad_request("valid_to: not before valid_from"));
    }
    put(&state, &session, &grant, RuleChange::Act(act), StatusCode::CREATED).await
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NormsView {
    items: Vec<NormView>,
}

/// A norm of minutes as a dated row.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NormView {
    /// Empty: a new row.
    #[serde(default)]
    id: String,
    code: String,
    grade_from: u8,
    grade_to: u8,
    per_lesson: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_day_home: Option<u16>,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    /// `enforce`, `warn` or `off`.
    mode: String,
}

/// Norms of the school.
#[utoipa::path(get, path = "/api/v1/norms", tag = "planning", responses(
    (status = 200, body = NormsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn norms(State(state): State<ApiState>, session: Session) -> Result<axum::Json<NormsView>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let rows = state.store.norm_rows(&session.principal.school).await?;
    Ok(axum::Json(NormsView { items: rows.into_iter().map(NormView::from).collect() }))
}

impl From<NormRow> for NormView {
    fn from(row: NormRow) -> Self {
        Self {
            id: row.id,
            code: row.code,
            grade_from: row.grade_from,
            grade_to: row.grade_to,
            per_lesson: row.per_lesson,
            per_day_home: row.per_day_home,
            source: row.source,
            valid_from: row.valid_from.map(|day| day.to_string()),
            valid_to: row.valid_to.map(|day| day.to_string()),
            mode: row.mode.as_str().to_owned(),
        }
    }
}

/// Write a norm down, or change its dates and mode.
#[utoipa::path(put, path = "/api/v1/norms", tag = "planning", request_body = NormView, responses(
    (status = 204), (status = 202, description = "Proposed", body = Proposed), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem)
))]
pub async fn put_norm(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    let grant = session.allow::<kind::NormManage>(Relations::school())?;
    let asked: NormView = parsed(body)?;
    let is_wrong = asked.grade_from > asked.grade_to
        || asked.grade_to > 11
        || !(1..=480).contains(&asked.per_lesson)
        || asked.source.trim().is_empty()
        || asked.source.chars().count() > 200
        || asked.code.chars().count() > 60;
    if is_wrong {
        return Err(Problem::bad_request("grades up to 11, minutes 1 to 480, a source"));
    }
    let optional = |text: Option<String>| text.filter(|text| !text.is_empty()).as_deref().map(day).transpose();
    let row = NormRow {
        id: asked.id,
        code: asked.code,
        grade_from: asked.grade_from,
        grade_to: asked.grade_to,
        per_lesson: asked.per_lesson,
        per_day_home: asked.per_day_home,
        source: asked.source,
        valid_from: optional(asked.valid_from)?,
        valid_to: optional(asked.valid_to)?,
        mode: NormMode::parse(&asked.mode).ok_or_else(|| Problem::bad_request("mode: enforce, warn or off"))?,
    };
    put(&state, &session, &grant, RuleChange::Norm(row), StatusCode::NO_CONTENT).await
}
