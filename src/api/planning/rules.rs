//! What planning is held against: norms as dated rows. Local acts are in [`super::acts`].

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
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::store::planning::norms::NormRow;
use crate::store::planning::proposals::RuleChange;

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
