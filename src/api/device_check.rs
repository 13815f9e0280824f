//! The check of devices and line before a lesson (R2.3c): kept for the person, seen by the host of what they are invited to.
//! The line is tried as media will go: an offer of the person's own, answered by the hub in a room of nobody.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use media::model::{OfferRequest, PeerKey, Publish, SfuEvent};
use serde::{Deserialize, Serialize};
use signaling::message::session::IceServer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::Seen;
use super::auth::Session;
use super::body::{self, Json};
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::device_check::Findings;
use crate::domain::ids::PersonId;
use crate::domain::policy::Relations;
use crate::domain::policy::action::kind;
use crate::rate::Buckets;
use crate::sfu::handle::{OfferError, SfuHandle};
use crate::store::device_check::{DeviceCheck, Invited};

/// How long a line that is tried stays: a relay over TLS takes its seconds.
const TRIAL: Duration = Duration::from_secs(15);
/// Lines that are tried at once, all people together: a class and its neighbours. Each is a transport of the media core.
const MOST_TRIALS: usize = 256;
/// Bytes of one measurement each way: a second at 2 Mbit/s, and little against a minute of a lesson.
const MEASURED_BYTES: usize = 256 << 10;
/// Largest offer, as in signaling.
const MOST_OFFER_BYTES: usize = ::media::sdp::MAX_BYTES;

/// How often one person may try, so that checks are no way to fill the line of a school.
pub struct Limits {
    trials: Buckets<PersonId>,
    measures: Buckets<PersonId>,
    places: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            trials: Buckets::new(6, minute, 4),
            measures: Buckets::new(24, minute, 16),
            places: Arc::new(Semaphore::new(MOST_TRIALS)),
        }
    }
}

impl Limits {
    /// Forgets who has been quiet.
    pub fn forget_idle(&self) {
        self.trials.forget_idle();
        self.measures.forget_idle();
    }
}

fn take(from: &Buckets<PersonId>, session: &Session) -> Result<(), Problem> {
    from.take(&session.principal.person).map_err(|wait| {
        let wait_s = (wait.as_millis() as u64).div_ceil(1000).max(1);
        Problem::new("rate_limited").params(serde_json::json!({ "retry_after_s": wait_s })).retry_after_s(wait_s)
    })
}

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(own, keep))
        .routes(routes!(connection))
        .merge(OpenApiRouter::new().routes(routes!(download, upload)).layer(DefaultBodyLimit::max(MEASURED_BYTES)))
        .routes(routes!(of_invited))
}

/// A check that is kept.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CheckView {
    at: String,
    findings: Findings,
}

impl From<DeviceCheck> for CheckView {
    fn from(check: DeviceCheck) -> Self {
        Self { at: rfc3339(check.at_ms), findings: check.findings }
    }
}

/// One's own last check, and what the next one needs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OwnCheck {
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<CheckView>,
    /// For `RTCPeerConnection`: urls, and where needed a user name and a password that end.
    #[schema(value_type = Vec<Object>)]
    ice_servers: Vec<IceServer>,
}

/// One's own last check of devices and line; the hub keeps it for 30 days.
#[utoipa::path(get, path = "/api/v1/device-check", tag = "account", responses(
    (status = 200, body = OwnCheck), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn own(State(state): State<ApiState>, session: Session) -> Result<axum::Json<OwnCheck>, Problem> {
    session.allow::<kind::DeviceCheck>(Relations::own())?;
    let person = &session.principal.person;
    let last = state.store.device_check(person).await?.map(CheckView::from);
    let name = signaling::ids::PersonId::new(person.as_str());
    let ice_servers = state.rooms.relays().servers(&name, state.clock.now_ms());
    Ok(axum::Json(OwnCheck { last, ice_servers }))
}

/// What a check found.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCheck {
    /// On whose page it was made.
    #[serde(default)]
    consultation: Option<String>,
    findings: Findings,
}

/// Keep a check in the place of one's earlier one. The hosts of lessons that one is invited to see it.
#[utoipa::path(put, path = "/api/v1/device-check", tag = "account", request_body = NewCheck, responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, description = "Also for a consultation that one does not see", body = Problem),
    (status = 404, body = Problem)
))]
pub async fn keep(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<StatusCode, Problem> {
    session.allow::<kind::DeviceCheck>(Relations::own())?;
    let asked: NewCheck = serde_json::from_value(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    if !asked.findings.is_sound() {
        return Err(Problem::bad_request("findings: at least one, and no figure beyond sense"));
    }
    let consultation = match asked.consultation {
        Some(id) => {
            let seen = Seen::look_up(&state, &session, &id).await?;
            session.allow::<kind::ConsultationView>(seen.relations)?;
            Some(seen.consultation.id)
        }
        None => None,
    };
    let check = DeviceCheck { at_ms: state.clock.now_ms(), consultation, findings: asked.findings };
    let principal = session.principal;
    state.store.keep_device_check(principal.school, principal.person, check).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try the line: the body is an SDP offer, the answer leads to the hub's media ports. It ends by itself within 15 s; nothing
/// is sent on it.
#[utoipa::path(post, path = "/api/v1/device-check/connection", tag = "account",
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, description = "The answer", body = String, content_type = "application/sdp"),
    (status = 400, description = "`bad_offer`, `bad_request`", body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 429, description = "`rate_limited`", body = Problem),
    (status = 503, description = "`unavailable`: too many are tried at once", body = Problem)
))]
pub async fn connection(
    State(state): State<ApiState>,
    session: Session,
    request: Request,
) -> Result<Response, Problem> {
    session.allow::<kind::DeviceCheck>(Relations::own())?;
    let sent = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !sent.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/sdp") {
        return Err(Problem::new("unsupported_media_type").detail("the body must be application/sdp"));
    }
    take(&state.device_checks.trials, &session)?;
    let bytes = body::bytes(request, &state).await?;
    if bytes.len() > MOST_OFFER_BYTES {
        return Err(Problem::new("too_large"));
    }
    let sdp = std::str::from_utf8(&bytes).map_err(|_| Problem::bad_request("the body is not UTF-8"))?.to_owned();
    let place = state.device_checks.places.clone().try_acquire_owned().map_err(|_| Problem::new("unavailable"))?;
    let answer = try_line(&state.sfu, place, sdp).await.map_err(|error| match error {
        OfferError::Refused(error) => Problem::new("bad_offer").detail(error.to_string()),
        OfferError::Unavailable => Problem::new("unavailable"),
    })?;
    let mut response = (StatusCode::CREATED, answer).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
    Ok(response)
}

/// Answers the offer in a room of nobody, and ends that room when its time is over, or whoever asks has gone.
async fn try_line(sfu: &SfuHandle, place: OwnedSemaphorePermit, sdp: String) -> Result<String, OfferError> {
    let (room, mut events) = sfu.open_room();
    let (answer, answered) = oneshot::channel();
    // By itself: the request may be dropped at any moment, and a room without its owner would stay.
    tokio::spawn(async move {
        let offer = OfferRequest { sdp, sends: Vec::new(), allowed: Publish::default() };
        let trial = async {
            let result = room.offer(PeerKey(1), offer).await;
            let is_tried = result.is_ok();
            if answer.send(result).is_err() || !is_tried {
                return;
            }
            while let Some(event) = events.recv().await {
                if matches!(event, SfuEvent::Disconnected { .. } | SfuEvent::Fallen { .. }) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(TRIAL, trial).await;
        room.close();
        drop(place);
    });
    answered.await.unwrap_or(Err(OfferError::Unavailable))
}

/// 256 KiB that cannot be packed, to measure the way from the hub by.
#[utoipa::path(get, path = "/api/v1/device-check/data", tag = "account", responses(
    (status = 200, content_type = "application/octet-stream"), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 429, description = "`rate_limited`", body = Problem)
))]
pub async fn download(State(state): State<ApiState>, session: Session) -> Result<Response, Problem> {
    session.allow::<kind::DeviceCheck>(Relations::own())?;
    take(&state.device_checks.measures, &session)?;
    let mut bytes = vec![0; MEASURED_BYTES];
    rand::fill(&mut bytes[..]);
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// At most 256 KiB, to measure the way to the hub by. They are read and forgotten.
#[utoipa::path(post, path = "/api/v1/device-check/data", tag = "account",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 413, body = Problem),
    (status = 429, description = "`rate_limited`", body = Problem)
))]
pub async fn upload(State(state): State<ApiState>, session: Session, request: Request) -> Result<StatusCode, Problem> {
    session.allow::<kind::DeviceCheck>(Relations::own())?;
    take(&state.device_checks.measures, &session)?;
    body::bytes(request, &state).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Those whom a consultation is for, with what their checks found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct InvitedView {
    items: Vec<InvitedPerson>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct InvitedPerson {
    id: String,
    display_name: String,
    /// A guardian of somebody whom it is for.
    is_guardian: bool,
    /// Nothing: they have made none in the last 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<CheckView>,
}

impl From<Invited> for InvitedPerson {
    fn from(one: Invited) -> Self {
        Self {
            id: one.id.as_str().to_owned(),
            display_name: one.display_name,
            is_guardian: one.is_guardian,
            check: one.check.map(CheckView::from),
        }
    }
}

/// For the host: whom the consultation is for, who has checked devices and line, and what did not work.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/device-checks", tag = "timetable", params(("id" = String, Path)),
    responses(
    (status = 200, body = InvitedView), (status = 401, body = Problem),
    (status = 403, description = "Only whoever holds it", body = Problem), (status = 404, body = Problem)
))]
pub async fn of_invited(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<InvitedView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    session.allow::<kind::DeviceView>(seen.relations)?;
    let one = &seen.consultation;
    let invited = state.store.invited_with_checks(&one.id, one.audience, seen.today).await?;
    Ok(axum::Json(InvitedView { items: invited.into_iter().map(InvitedPerson::from).collect() }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sfu::handle::{Command, WorkerPort};

    #[tokio::test]
    async fn a_line_whose_request_is_dropped_before_the_answer_leaves_no_room() {
        let ((first, asked), (second, others)) = (WorkerPort::by_hand(), WorkerPort::by_hand());
        let sfu = SfuHandle::new(vec![first, second]);
        let places = Arc::new(Semaphore::new(1));
        let place = places.clone().try_acquire_owned().unwrap();
        let request = try_line(&sfu, place, "v=0".to_owned());
        assert!(tokio::time::timeout(Duration::from_millis(100), request).await.is_err());
        assert!(matches!(asked.try_recv(), Ok(Command::Open { .. })));
        let Ok(Command::Offer { answer, .. }) = asked.try_recv() else { panic!("no offer") };
        assert_eq!(places.available_permits(), 0, "the worker has it still");
        answer.send(Ok("v=0".to_owned())).unwrap();
        let _held = tokio::time::timeout(TRIAL, places.acquire()).await.expect("the place is kept").unwrap();
        assert!(matches!(asked.try_recv(), Ok(Command::Close { .. })));
        // The first of those that have as few: it counts none any more.
        sfu.open_room();
        assert!(matches!(asked.try_recv(), Ok(Command::Open { .. })));
        assert!(others.try_recv().is_err());
    }
}
