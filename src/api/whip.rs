//! WHIP (RFC 9725) and WHEP: programs publish and watch over HTTP. Each session is a seat in the room, taken by the same
//! door as a person's, with the same rights.
//!
//! `POST` an SDP offer, get the answer and a `Location`; `PATCH` it with candidates or new ICE credentials, `DELETE` it to
//! stop. The session ends with the room, with the right, with the sign-in, or when the program is silent for 15 s.

mod fragment;
mod program;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use signaling::ids::RoomId;
use signaling::room::Seat;

use super::ApiState;
use super::auth::Session;
use super::body;
use super::problem::Problem;
use crate::rooms::access::Refused;
use program::{Answer, Program, Wanted};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Largest offer, as in signaling.
const MOST_BYTES: usize = media::sdp::MAX_BYTES;
/// Most labels in one `sources`: picture and sound of each are two of the m-lines that an offer may have.
const MOST_SOURCES: usize = media::sdp::MAX_LINES / 2;
/// Longest label.
const LABEL_CHARACTERS: usize = 32;

/// The sessions of this hub by the last part of their `Location`.
#[derive(Clone, Default)]
pub struct Programs(Arc<Mutex<HashMap<String, Program>>>);

impl Programs {
    fn insert(&self, id: String, program: Program) {
        self.lock().insert(id, program);
    }

    fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// The session, for the person who made it and the kind and room of its address.
    fn find(&self, id: &str, session: &Session, room: &str, kind: Kind) -> Result<Program, Problem> {
        let found = self.lock().get(id).cloned();
        let person = session.principal.person.as_str();
        found
            .filter(|program| program.person == person && program.room == room && program.kind == kind)
            .ok_or_else(Problem::not_found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Program>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whip,
    Whep,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

/// How the source is called.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PublishQuery {
    /// Letters, digits, `-` and `_`, at most 32; `stream` without it. Its sound is `LABEL-audio`.
    label: Option<String>,
}

/// What to watch.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WatchQuery {
    /// Labels with commas between, picture and sound of each; without it: the speaker and the loudest voices. The people's
    /// own labels are `camera`, `microphone`, `screen`, `screen_audio`.
    sources: Option<String>,
}

/// Publish into a room: the body is an SDP offer with at most one audio and one video that send.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/whip", tag = "media", params(("room" = String, Path), PublishQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, description = "The answer; `Location` names the session", body = String, content_type = "application/sdp"),
    (status = 400, description = "`bad_offer`, `bad_request`", body = Problem), (status = 401, body = Problem),
    (status = 403, description = "No right to publish here", body = Problem),
    (status = 409, description = "`too_early`, `host_absent` and the like", body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem)
))]
pub async fn publish(
    State(state): State<ApiState>,
    session: Session,
    Path(room): Path<String>,
    query: Result<Query<PublishQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let label = query.label.unwrap_or_else(|| "stream".to_owned());
    check_label(&label)?;
    let sdp = text(request, &state, SDP).await?;
    begin(&state, &session, room, Kind::Whip, Seat::Publisher { label }, Wanted::Nothing, sdp).await
}

/// Watch a room: the body is an SDP offer whose m-lines receive.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/whep", tag = "media", params(("room" = String, Path), WatchQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, description = "The answer; `Location` names the session", body = String, content_type = "application/sdp"),
    (status = 400, description = "`bad_offer`, `bad_request`", body = Problem), (status = 401, body = Problem),
    (status = 403, description = "No right to watch here", body = Problem),
    (status = 409, description = "`too_early` and the like", body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem)
))]
pub async fn watch(
    State(state): State<ApiState>,
    session: Session,
    Path(room): Path<String>,
    query: Result<Query<WatchQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let wanted = match query.sources.as_deref() {
        None | Some("") => Wanted::Speaker,
        Some(list) => {
            let labels: Vec<String> = list.split(',').map(|label| label.trim().to_owned()).collect();
            if labels.len() > MOST_SOURCES {
                return Err(Problem::bad_request(format!("sources: at most {MOST_SOURCES}")));
            }
            labels.iter().try_for_each(|label| check_label(label))?;
            Wanted::Labels(labels)
        }
    };
    let sdp = text(request, &state, SDP).await?;
    begin(&state, &session, room, Kind::Whep, Seat::Watcher, wanted, sdp).await
}

/// Candidates of a publisher, or new ICE credentials (then with `If-Match: "*"` or the session's ETag).
#[utoipa::path(patch, path = "/api/v1/rooms/{room}/whip/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"), responses(
    (status = 200, description = "ICE is restarted: our new credentials", body = String, content_type = "application/trickle-ice-sdpfrag"),
    (status = 204, description = "Candidates taken"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 412, body = Problem), (status = 415, body = Problem)
))]
pub async fn publish_patch(
    State(state): State<ApiState>,
    session: Session,
    Path((room, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    patch(&state, &session, &room, &id, Kind::Whip, request).await
}

/// Candidates of a watcher, or new ICE credentials.
#[utoipa::path(patch, path = "/api/v1/rooms/{room}/whep/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"), responses(
    (status = 200, description = "ICE is restarted: our new credentials", body = String, content_type = "application/trickle-ice-sdpfrag"),
    (status = 204, description = "Candidates taken"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 412, body = Problem), (status = 415, body = Problem)
))]
pub async fn watch_patch(
    State(state): State<ApiState>,
    session: Session,
    Path((room, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    patch(&state, &session, &room, &id, Kind::Whep, request).await
}

/// Stop publishing.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/whip/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn publish_end(
    State(state): State<ApiState>,
    session: Session,
    Path((room, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    end(&state, &session, &room, &id, Kind::Whip).await
}

/// Stop watching.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}/whep/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn watch_end(
    State(state): State<ApiState>,
    session: Session,
    Path((room, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    end(&state, &session, &room, &id, Kind::Whep).await
}

async fn begin(
    state: &ApiState,
    session: &Session,
    room: String,
    kind: Kind,
    seat: Seat,
    wanted: Wanted,
    sdp: String,
) -> Result<Response, Problem> {
    let lines = media::sdp::parse(&sdp).map_err(|error| Problem::new("bad_offer").detail(error.to_string()))?;
    let revoked = state.revoked.subscribe();
    let seat =
        state.rooms.join_headless(&RoomId::new(room.as_str()), &session.principal, seat).await.map_err(refused)?;
    let tether = state.rooms.tether(&seat, session.principal.clone(), revoked);
    let id = uuid::Uuid::new_v4().simple().to_string();
    let person = session.principal.person.as_str().to_owned();
    let over = {
        let (programs, id) = (state.programs.clone(), id.clone());
        move || programs.remove(&id)
    };
    let (program, answer) =
        program::start((seat, tether), &lines, sdp, wanted, (person, room.clone(), kind), over).await?;
    state.programs.insert(id.clone(), program.clone());
    if program.is_over() {
        // It ended before it was in the table: its own removal found nothing.
        state.programs.remove(&id);
    }
    let location = format!("/api/v1/rooms/{room}/{}/{id}", kind.word());
    let mut response = (StatusCode::CREATED, answer.sdp).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(header::ETAG, etag(answer.generation));
    headers.insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static(FRAGMENT));
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn patch(
    state: &ApiState,
    session: &Session,
    room: &str,
    id: &str,
    kind: Kind,
    request: Request,
) -> Result<Response, Problem> {
    let program = state.programs.find(id, session, room, kind)?;
    let condition = if_match(request.headers());
    let fragment = fragment::parse(&text(request, state, FRAGMENT).await?)?;
    match program.patch(fragment, condition).await? {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(Answer { sdp, generation }) => {
            let mut response = (StatusCode::OK, fragment::of_answer(&sdp)).into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(FRAGMENT));
            response.headers_mut().insert(header::ETAG, etag(generation));
            Ok(response)
        }
    }
}

async fn end(state: &ApiState, session: &Session, room: &str, id: &str, kind: Kind) -> Result<StatusCode, Problem> {
    state.programs.find(id, session, room, kind)?.end().await;
    state.programs.remove(id);
    Ok(StatusCode::NO_CONTENT)
}

/// A body of this type, as text.
async fn text(request: Request, state: &ApiState, kind: &str) -> Result<String, Problem> {
    let sent = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    if !sent.eq_ignore_ascii_case(kind) {
        return Err(Problem::new("unsupported_media_type").detail(format!("the body must be {kind}")));
    }
    let bytes = body::bytes(request, state).await?;
    if bytes.len() > MOST_BYTES {
        return Err(Problem::new("too_large"));
    }
    String::from_utf8(bytes.into()).map_err(|_| Problem::bad_request("the body is not UTF-8"))
}

/// The generation that `If-Match` asks for: `None` without the header, `Some(None)` for any.
fn if_match(headers: &HeaderMap) -> Option<Option<u32>> {
    let value = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default().trim();
    // RFC 9725 writes the wildcard with quotation marks, RFC 9110 without.
    if matches!(value, "*" | "\"*\"") {
        return Some(None);
    }
    Some(Some(value.trim_matches('"').parse().unwrap_or(u32::MAX)))
}

fn etag(generation: u32) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{generation}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

fn check_label(label: &str) -> Result<(), Problem> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=LABEL_CHARACTERS).contains(&label.len()) && label.bytes().all(is_word) {
        return Ok(());
    }
    Err(Problem::bad_request("a label is 1 to 32 letters, digits, `-` or `_`"))
}

fn refused(refused: Refused) -> Problem {
    let problem = Problem::from(refused.code);
    match refused.retry_after_ms {
        Some(wait) => problem.retry_after_s(wait.div_ceil(1_000)),
        None => problem,
    }
}
