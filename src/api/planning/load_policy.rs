//! What the school counts for a host to whom nobody came (DOMAIN 2.2).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::parsed;
use super::proposals::{Proposed, put};
use crate::domain::planning::load::NoAudience;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::store::planning::proposals::RuleChange;

/// Whether a host to whom nobody came is counted the time, and after how much waiting.
#[utoipa::path(get, path = "/api/v1/load-policy", tag = "planning", responses(
    (status = 200, body = NoAudience), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn policy(State(state): State<ApiState>, session: Session) -> Result<axum::Json<NoAudience>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let now_ms = state.clock.now_ms();
    Ok(axum::Json(state.store.no_audience(&session.principal.school, now_ms).await?))
}

/// Decide it anew, for consultations that end from now on.
#[utoipa::path(put, path = "/api/v1/load-policy", tag = "planning", request_body = NoAudience, responses(
    (status = 204), (status = 202, description = "Proposed", body = Proposed),
    (status = 400, description = "1 to 60 minutes", body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, body = Problem)
))]
pub async fn put_policy(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    let grant = session.allow::<kind::PolicyManage>(Relations::school())?;
    let asked: NoAudience = parsed(body)?;
    if !asked.is_sound() {
        return Err(Problem::bad_request("minutes: 1 to 60"));
    }
    put(&state, &session, &grant, RuleChange::Load(asked), StatusCode::NO_CONTENT).await
}
