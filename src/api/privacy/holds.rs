//! Holds against erasure and against the end by time: set and lifted with a reason by head, data officer or administrator.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::{Made, actor, bounded, is_officer, refused};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Grant, Relation, Relations};
use crate::store::privacy::holds::Hold;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, place)).routes(routes!(lift))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HoldList {
    items: Vec<HoldView>,
}

/// Why a person's data must stay for now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HoldView {
    id: String,
    person: String,
    person_name: String,
    reason: String,
    placed_by_name: String,
    placed_at: String,
    /// Absent while it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_by_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_reason: Option<String>,
}

impl From<Hold> for HoldView {
    fn from(one: Hold) -> Self {
        Self {
            id: one.id,
            person: one.person.as_str().to_owned(),
            person_name: one.person_name,
            reason: one.reason,
            placed_by_name: one.placed_by_name,
            placed_at: rfc3339(one.placed_ms),
            lifted_at: one.lifted_ms.map(rfc3339),
            lifted_by_name: one.lifted_by_name,
            lifted_reason: one.lifted_reason,
        }
    }
}

async fn allowed(state: &ApiState, session: &Session) -> Result<Grant<kind::RetentionHold>, Problem> {
    let is_officer = is_officer(state, session).await?;
    session.allow::<kind::RetentionHold>(Relations::school().with_if(is_officer, Relation::Assigned))
}

/// Holds of the school, those in force first.
#[utoipa::path(get, path = "/api/v1/privacy/holds", tag = "privacy", responses(
    (status = 200, body = HoldList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn list(State(state): State<ApiState>, session: Session) -> Result<Json<HoldList>, Problem> {
    allowed(&state, &session).await?;
    let items = state.store.holds(&session.principal.school).await?;
    Ok(Json(HoldList { items: items.into_iter().map(HoldView::from).collect() }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldForm {
    /// Code of the person whose data stays.
    code: String,
    reason: String,
}

/// Keep a person's data from erasure and from its term.
#[utoipa::path(post, path = "/api/v1/privacy/holds", tag = "privacy", request_body = HoldForm, responses(
    (status = 201, body = Made), (status = 400, description = "Nobody has this code", body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn place(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<HoldForm>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let grant = allowed(&state, &session).await?;
    bounded(&form.reason)?;
    let school = session.principal.school.clone();
    let person = state.store.person_by_code(&school, &form.code).await?;
    let person = person.ok_or_else(|| Problem::bad_request("nobody has this code"))?.id;
    let by = actor(&session, grant.role);
    let placed = state.store.place_hold(school, person, form.reason, by, state.clock.now_ms());
    Ok((StatusCode::CREATED, Json(Made { id: placed.await.map_err(refused)? })))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftForm {
    reason: String,
}

/// Let a person's data go again. Nobody lifts a hold about themselves.
#[utoipa::path(post, path = "/api/v1/privacy/holds/{hold}/lift", tag = "privacy", params(("hold" = String, Path)),
    request_body = LiftForm, responses(
    (status = 204), (status = 401, body = Problem), (status = 403, description = "`role_not_permitted`", body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`: lifted already", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn lift(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    body::Json(form): body::Json<LiftForm>,
) -> Result<StatusCode, Problem> {
    let grant = allowed(&state, &session).await?;
    bounded(&form.reason)?;
    let (school, by) = (session.principal.school.clone(), actor(&session, grant.role));
    state.store.lift_hold(school, id, form.reason, by, state.clock.now_ms()).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}
