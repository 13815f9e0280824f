//! WHIP (RFC 9725) and WHEP: programs publish and watch over HTTP. Each session is a seat in the room, taken by the same
//! door as a person's, with the same rights.
//!
//! `POST` an SDP offer, get the answer and a `Location`; `PATCH` it with candidates or new ICE credentials, `DELETE` it to
//! stop. The session ends with the room, with the right, with the sign-in, or when the program is silent for 15 s.

mod condition;
mod cors;
mod fragment;
mod links;
mod program;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use media::sdp::{Description, Media};
use serde::Deserialize;
use signaling::ids::RoomId;
use signaling::room::Seat;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body;
use super::problem::Problem;
use crate::rooms::access::Refused;
use condition::{Condition, etag};
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

/// All of it, with what pages of other sites need.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(publish, publish_look, publish_options))
        .routes(routes!(watch, watch_look, watch_options))
        .routes(routes!(publish_patch, publish_end, publish_session, publish_session_options))
        .routes(routes!(watch_patch, watch_end, watch_session, watch_session_options))
        .layer(from_fn(cors::allow))
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
    (status = 406, description = "`Accept` leaves out application/sdp", body = Problem),
    (status = 409, description = "`too_early`, `host_absent` and the like", body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, description = "`offer_unsupported`: two of a kind, or a codec that is not forwarded", body = Problem)
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
    accepts(request.headers(), SDP)?;
    let sdp = text(request, &state, SDP).await?;
    begin(&state, &session, room, Kind::Whip, Seat::Publisher { label }, Wanted::Nothing, sdp).await
}

/// Watch a room: the body is an SDP offer whose m-lines receive.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/whep", tag = "media", params(("room" = String, Path), WatchQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, description = "The answer; `Location` names the session", body = String, content_type = "application/sdp"),
    (status = 400, description = "`bad_offer`, `bad_request`", body = Problem), (status = 401, body = Problem),
    (status = 403, description = "No right to watch here", body = Problem),
    (status = 406, description = "`Accept` leaves out application/sdp", body = Problem),
    (status = 409, description = "`too_early` and the like", body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, description = "`offer_unsupported`: a codec that is not forwarded", body = Problem)
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
    accepts(request.headers(), SDP)?;
    let sdp = text(request, &state, SDP).await?;
    begin(&state, &session, room, Kind::Whep, Seat::Watcher, wanted, sdp).await
}

/// Candidates of a publisher (with `If-Match` and the session's ETag), or new ICE credentials (with `If-Match: *`).
#[utoipa::path(patch, path = "/api/v1/rooms/{room}/whip/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"), responses(
    (status = 200, description = "ICE is restarted: our new credentials", body = String, content_type = "application/trickle-ice-sdpfrag"),
    (status = 204, description = "Candidates taken"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 406, body = Problem),
    (status = 412, description = "`If-Match` names an earlier ICE session", body = Problem), (status = 415, body = Problem),
    (status = 428, description = "No `If-Match`", body = Problem)
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
    (status = 404, body = Problem), (status = 406, body = Problem),
    (status = 412, description = "`If-Match` names an earlier ICE session", body = Problem), (status = 415, body = Problem),
    (status = 428, description = "No `If-Match`", body = Problem)
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
    responses((status = 200), (status = 401, body = Problem), (status = 404, body = Problem)))]
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
    responses((status = 200), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn watch_end(
    State(state): State<ApiState>,
    session: Session,
    Path((room, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    end(&state, &session, &room, &id, Kind::Whep).await
}

/// Nothing to see: an endpoint has no representation (RFC 9725 section 4.1).
#[utoipa::path(get, path = "/api/v1/rooms/{room}/whip", tag = "media", params(("room" = String, Path)),
    responses((status = 204), (status = 401, body = Problem)))]
pub async fn publish_look(_session: Session) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Nothing to see: an endpoint has no representation.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/whep", tag = "media", params(("room" = String, Path)),
    responses((status = 204), (status = 401, body = Problem)))]
pub async fn watch_look(_session: Session) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Whether the session is still there.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/whip/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn publish_session(
    State(state): State<ApiState>,
    session: Session,
    Path((room, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    state.programs.find(&id, &session, &room, Kind::Whip).map(|_| StatusCode::NO_CONTENT)
}

/// Whether the session is still there.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/whep/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn watch_session(
    State(state): State<ApiState>,
    session: Session,
    Path((room, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    state.programs.find(&id, &session, &room, Kind::Whep).map(|_| StatusCode::NO_CONTENT)
}

/// Which methods and bodies an endpoint takes. Needs no sign-in: a browser asks this before it sends one.
#[utoipa::path(options, path = "/api/v1/rooms/{room}/whip", tag = "media", params(("room" = String, Path)),
    responses((status = 200, description = "`Accept-Post`, and what CORS asks for")))]
pub async fn publish_options() -> Response {
    cors::endpoint()
}

/// Which methods and bodies an endpoint takes.
#[utoipa::path(options, path = "/api/v1/rooms/{room}/whep", tag = "media", params(("room" = String, Path)),
    responses((status = 200, description = "`Accept-Post`, and what CORS asks for")))]
pub async fn watch_options() -> Response {
    cors::endpoint()
}

/// Which methods and bodies a session takes.
#[utoipa::path(options, path = "/api/v1/rooms/{room}/whip/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    responses((status = 200, description = "`Accept-Patch`, and what CORS asks for")))]
pub async fn publish_session_options() -> Response {
    cors::session()
}

/// Which methods and bodies a session takes.
#[utoipa::path(options, path = "/api/v1/rooms/{room}/whep/{session}", tag = "media",
    params(("room" = String, Path), ("session" = String, Path)),
    responses((status = 200, description = "`Accept-Patch`, and what CORS asks for")))]
pub async fn watch_session_options() -> Response {
    cors::session()
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
    if let Some(mid) = left_out(&lines, &answer.sdp) {
        // RFC 9725 section 4.4.3: half a session would mislead whoever started it.
        program.end().await;
        return Err(Problem::new("offer_unsupported").detail(format!("no codec of m-line {mid:?} is forwarded here")));
    }
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
    let person = signaling::ids::PersonId::new(session.principal.person.as_str());
    for link in links::of(&state.rooms.relays().servers(&person, state.clock.now_ms())) {
        headers.append(header::LINK, link);
    }
    Ok(response)
}

/// An m-line of the offer that the answer refuses though the program wants it.
fn left_out(offer: &Description, answer: &str) -> Option<String> {
    let answer = media::sdp::parse(answer).ok()?;
    let wanted = |line: &&media::sdp::Line| !line.is_rejected && line.media != Media::Other;
    let is_refused = |mid: &str| answer.lines.iter().any(|line| line.mid == mid && line.is_rejected);
    offer.lines.iter().filter(wanted).find(|line| is_refused(&line.mid)).map(|line| line.mid.clone())
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
    accepts(request.headers(), FRAGMENT)?;
    let condition = Condition::of(request.headers());
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
    Ok(StatusCode::OK)
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
    // A copy: the session keeps the offer, and the bytes would keep the connection's whole read buffer with it.
    std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_| Problem::bad_request("the body is not UTF-8"))
}

/// Refuses a client that could not read the answer (RFC 9110 section 12.5.1).
fn accepts(headers: &HeaderMap, kind: &str) -> Result<(), Problem> {
    let group = kind.split('/').next().unwrap_or_default();
    let suits = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_named = name == "*/*" || name.eq_ignore_ascii_case(kind) || name.strip_suffix("/*") == Some(group);
        is_named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    };
    let mut ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() || ranges.any(|value| value.split(',').any(suits)) {
        return Ok(());
    }
    Err(Problem::new("not_acceptable").detail(format!("the answer is {kind}")))
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
