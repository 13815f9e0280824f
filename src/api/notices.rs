//! One's own notices: the list, what is unread, and a stream that says when something new is there.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body;
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::ids::PersonId;
use crate::domain::notice::Notice;
use crate::domain::policy::Relations;
use crate::domain::policy::action::kind;

/// Notices in one answer.
const PAGE: i64 = 50;
/// A stream ends after this long and the browser opens the next: what it stands on (sign-in, roles) is looked at again.
const STREAM_LIFE: Duration = Duration::from_secs(300);
/// Keeps proxies from closing a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(live))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Older than this (Unix milliseconds), for the next page.
    before_ms: Option<i64>,
}

/// Notices of a person, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NoticeList {
    items: Vec<NoticeView>,
    unread: i64,
    /// Whether there are older ones.
    more: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NoticeView {
    id: String,
    /// RFC 3339, UTC.
    at: String,
    at_ms: i64,
    is_read: bool,
    /// Page of the web client that it leads to.
    path: String,
    notice: Notice,
}

/// The newest notices and how many are unread.
#[utoipa::path(get, path = "/api/v1/notices", tag = "notices", params(Page), responses(
    (status = 200, body = NoticeList), (status = 401, body = Problem)
))]
pub async fn list(
    State(state): State<ApiState>,
    session: Session,
    Query(page): Query<Page>,
) -> Result<Json<NoticeList>, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    let person = &session.principal.person;
    let mut told = state.store.notices(person, page.before_ms.unwrap_or(i64::MAX), PAGE + 1).await?;
    let more = told.len() > PAGE as usize;
    told.truncate(PAGE as usize);
    let items = told
        .into_iter()
        .map(|told| NoticeView {
            id: told.id,
            at: rfc3339(told.at_ms),
            at_ms: told.at_ms,
            is_read: told.read_ms.is_some(),
            path: told.notice.path(),
            notice: told.notice,
        })
        .collect();
    Ok(Json(NoticeList { items, unread: state.store.unread_notices(person).await?, more }))
}

/// What has been read.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadUntil {
    /// Everything up to this instant (Unix milliseconds, included).
    until_ms: i64,
}

/// Mark one's notices as read.
#[utoipa::path(post, path = "/api/v1/notices/read", tag = "notices", request_body = ReadUntil, responses(
    (status = 204), (status = 401, body = Problem)
))]
pub async fn read(
    State(state): State<ApiState>,
    session: Session,
    body::Json(asked): body::Json<ReadUntil>,
) -> Result<StatusCode, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    let person = session.principal.person.clone();
    state.store.read_notices(person.clone(), asked.until_ms, state.clock.now_ms()).await?;
    // Other open pages of the same person take the figure back.
    let _ = state.told.send(person);
    Ok(StatusCode::NO_CONTENT)
}

/// A stream of server-sent events: `unread` with `{"unread": 3}` at once and whenever it changes.
#[utoipa::path(get, path = "/api/v1/notices/live", tag = "notices", responses(
    (status = 200, description = "text/event-stream", content_type = "text/event-stream", body = String),
    (status = 401, body = Problem)
))]
pub async fn live(State(state): State<ApiState>, session: Session) -> Result<impl IntoResponse, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    let open = Open {
        told: state.told.subscribe(),
        revoked: state.revoked.subscribe(),
        stopping: state.stopping.clone(),
        person: session.principal.person.clone(),
        sign_in: session.principal.session.clone(),
        ends: Box::pin(tokio::time::sleep(STREAM_LIFE)),
        is_first: true,
        state,
    };
    let stream = futures_util::stream::unfold(open, async |mut open| {
        let event = open.next().await?;
        Some((Ok::<_, Infallible>(event), open))
    });
    // Axum's own word for streams, `no-cache`, would let them be kept.
    let live = Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    Ok(([(header::CACHE_CONTROL, "no-store")], live))
}

/// One open page.
struct Open {
    state: ApiState,
    told: tokio::sync::broadcast::Receiver<PersonId>,
    revoked: tokio::sync::broadcast::Receiver<String>,
    stopping: tokio::sync::watch::Receiver<bool>,
    person: PersonId,
    sign_in: String,
    ends: std::pin::Pin<Box<tokio::time::Sleep>>,
    is_first: bool,
}

impl Open {
    /// The next event; `None`: the stream ends.
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::take(&mut self.is_first) {
            self.wait().await?;
        }
        // A store that does not answer is a stream that ends: the browser comes again.
        let unread = self.state.store.unread_notices(&self.person).await.ok()?;
        Some(Event::default().event("unread").data(serde_json::json!({ "unread": unread }).to_string()))
    }

    async fn wait(&mut self) -> Option<()> {
        loop {
            tokio::select! {
                told = self.told.recv() => match told {
                    Ok(person) if person == self.person => return Some(()),
                    Ok(_) => {}
                    // Too many at once: one of them may have been ours.
                    Err(RecvError::Lagged(_)) => return Some(()),
                    Err(RecvError::Closed) => return None,
                },
                ended = self.revoked.recv() => match ended {
                    Ok(hash) if hash != self.sign_in => {}
                    _ => return None,
                },
                () = &mut self.ends => return None,
                _ = self.stopping.wait_for(|stop| *stop) => return None,
            }
        }
    }
}
