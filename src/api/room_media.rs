//! How a room's media does: every figure of it, for support.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use signaling::ids::RoomId;

use super::ApiState;
use super::access::Seen;
use super::auth::Session;
use super::problem::Problem;
use crate::domain::policy::Condition;
use crate::domain::policy::action::kind;
use crate::rooms::media_watch::MediaDump;

/// The figures of every peer connection in a room: rates, loss, round trip, layers, switches. For the host, heads and
/// administrators; to these without whose they are. A room that is not open has none.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/media", tag = "rooms", params(("room" = String, Path)), responses(
    (status = 200, body = MediaDump), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn dump(
    State(state): State<ApiState>,
    session: Session,
    Path(room): Path<String>,
) -> Result<Response, Problem> {
    let seen = Seen::look_up(&state, &session, &room).await?;
    let grant = session.allow::<kind::MediaInspect>(seen.relations)?;
    let mut dump = state.rooms.media_dump(&RoomId::new(room.as_str())).await.unwrap_or_default();
    if grant.condition == Some(Condition::Technical) {
        dump.transports.iter_mut().for_each(|transport| transport.person = None);
    }
    let mut response = Json(dump).into_response();
    let name = HeaderValue::from_static("attachment; filename=\"kafedra-media.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
