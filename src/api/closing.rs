//! Closing a consultation at once: a technical fault that somebody declares, or an emergency (a fire alarm, a danger to a
//! child). Everybody is shown out, an incident is recorded, and those whom it concerns are told (DOMAIN 2.2, 5).

use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::Seen;
use super::auth::Session;
use super::body::Json;
use super::problem::Problem;
use super::timetable::ConsultationView;
use crate::domain::consultation::{IncidentKind, State as Stage};
use crate::domain::policy::Condition;
use crate::domain::policy::action::kind;
use crate::domain::refusal::RefusalCode;
use crate::store::transition::{Actor, TransitionError};

/// Longest reason, characters.
const REASON_CHARACTERS: usize = 500;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(close))
}

/// Why it is closed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    kind: ClosingKind,
    /// People are shown it, and it stands in the incident record.
    reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum ClosingKind {
    /// A technical fault is declared.
    Fault,
    /// It must not go on.
    Emergency,
}

/// Close a consultation at once: its host a live one for a technical fault, the deputy head, the head and administrators an open
/// or live one in an emergency. It counts as not held for a technical reason, and as nobody's absence.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/close", tag = "timetable", params(("id" = String, Path)),
    request_body = Closing, responses(
    (status = 200, body = ConsultationView), (status = 401, body = Problem),
    (status = 403, description = "`role_not_permitted`", body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`: not open, over, or a fault before it is live", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn close(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(asked): Json<Closing>,
) -> Result<axum::Json<ConsultationView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::RoomClose>(seen.relations)?;
    if asked.reason.chars().count() > REASON_CHARACTERS {
        return Err(Problem::bad_request(format!("reason: at most {REASON_CHARACTERS} characters")));
    }
    let kind = match asked.kind {
        ClosingKind::Fault => IncidentKind::Declared,
        ClosingKind::Emergency => IncidentKind::Emergency,
    };
    // Whether there is a fault the host can tell; the school's people close in an emergency only (DOMAIN 5).
    if grant.condition == Some(Condition::Emergency) && kind != IncidentKind::Emergency {
        return Err(Problem::new(RefusalCode::RoleNotPermitted.as_str()));
    }
    // Nor can a host who has not come close what waits for them.
    if grant.condition.is_none() && seen.consultation.state != Stage::Live {
        return Err(Problem::new(RefusalCode::IllegalTransition.as_str()));
    }
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let timings = state.store.timings(state.timing).await?;
    let id = seen.consultation.id.clone();
    let now_ms = state.clock.now_ms();
    state.store.close_consultation(id.clone(), kind, asked.reason, actor, timings, now_ms).await.map_err(|error| {
        match error {
            TransitionError::Refused(code) => Problem::new(code.as_str()),
            TransitionError::Store(error) => error.into(),
        }
    })?;
    (state.poke_schedule)();
    let after = state.store.consultation(&id).await?;
    Ok(axum::Json(ConsultationView::of(after, &session, &seen.facts, seen.today)))
}
