//! The calendar feed of a person: made, shown as there, taken away; and the feed itself, which its secret address opens
//! without a sign-in, because calendar programs have none.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rand::Rng as _;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::{Session, secret_hash};
use super::people;
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::consultation::State as ConsultationState;
use crate::domain::form::Form;
use crate::domain::ics::{Event, calendar};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Principal, Relations, authorize};
use crate::store::consultation::{Consultation, Viewer};

/// How far the feed reaches back and ahead.
const PAST_MS: i64 = 31 * 86_400_000;
const AHEAD_MS: i64 = 184 * 86_400_000;
/// A feed's last use is written down at most this often.
const TOUCH_EVERY_MS: i64 = 3_600_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show, make, revoke)).routes(routes!(feed))
}

/// One's calendar feed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FeedView {
    /// Whether there is one.
    exists: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// When a calendar program last asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_at: Option<String>,
    /// The address, only in the answer that made it: the hub keeps no more than its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// Whether one has a feed.
#[utoipa::path(get, path = "/api/v1/me/calendar", tag = "notices", responses(
    (status = 200, body = FeedView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn show(State(state): State<ApiState>, session: Session) -> Result<Json<FeedView>, Problem> {
    session.allow::<kind::TimetableIcs>(Relations::own())?;
    let feed = state.store.feed_of(&session.principal.person).await?;
    Ok(Json(FeedView {
        exists: feed.is_some(),
        created_at: feed.as_ref().map(|feed| rfc3339(feed.created_ms)),
        used_at: feed.and_then(|feed| feed.used_ms).map(rfc3339),
        url: None,
    }))
}

/// A new secret address. An earlier one stops working.
#[utoipa::path(post, path = "/api/v1/me/calendar", tag = "notices", responses(
    (status = 201, body = FeedView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn make(State(state): State<ApiState>, session: Session) -> Result<(StatusCode, Json<FeedView>), Problem> {
    session.allow::<kind::TimetableIcs>(Relations::own())?;
    let secret: [u8; 24] = rand::rng().random();
    let secret = hex::encode(secret);
    let now_ms = state.clock.now_ms();
    let (school, person) = (session.principal.school.clone(), session.principal.person.clone());
    state.store.set_feed(school, person, Some(secret_hash(&secret)), now_ms).await?;
    let url = format!("{}/api/v1/calendar/{secret}", state.config.public_url());
    let view = FeedView { exists: true, created_at: Some(rfc3339(now_ms)), used_at: None, url: Some(url) };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Take the feed away: its address stops working at once.
#[utoipa::path(delete, path = "/api/v1/me/calendar", tag = "notices", responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn revoke(State(state): State<ApiState>, session: Session) -> Result<StatusCode, Problem> {
    session.allow::<kind::TimetableIcs>(Relations::own())?;
    let (school, person) = (session.principal.school.clone(), session.principal.person.clone());
    state.store.set_feed(school, person, None, state.clock.now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The feed behind a secret address (iCalendar): one's own consultations and those of one's children, a month back and
/// half a year ahead. No names of children are in it.
#[utoipa::path(get, path = "/api/v1/calendar/{feed}", tag = "notices", params(("feed" = String, Path)), responses(
    (status = 200, description = "text/calendar", content_type = "text/calendar", body = String),
    (status = 404, body = Problem)
))]
pub async fn feed(State(state): State<ApiState>, Path(feed): Path<String>) -> Result<Response, Problem> {
    let secret = feed.strip_suffix(".ics").unwrap_or(&feed);
    let now_ms = state.clock.now_ms();
    let Some(feed) = state.store.feed_by_hash(&secret_hash(secret)).await? else { return Err(Problem::not_found()) };
    let school = state.store.school(&feed.school).await?;
    let today = people::today(&school, now_ms);
    let facts = state.store.person_facts(&feed.person, today).await?;
    let principal = Principal {
        school: feed.school.clone(),
        person: feed.person.clone(),
        code: String::new(),
        display_name: String::new(),
        roles: facts.roles.clone(),
        scopes: None,
        session: String::new(),
    };
    // Who has left the school has no feed any more, whatever their calendar program remembers.
    authorize::<kind::TimetableIcs>(&principal, Relations::own()).map_err(|_| Problem::not_found())?;
    if feed.used_ms.is_none_or(|used| now_ms - used > TOUCH_EVERY_MS) {
        state.store.touch_feed(feed.person.clone(), now_ms).await?;
    }
    let viewer = Viewer::of(&facts, &feed.school, today).own_only();
    let found = state.store.timetable(&viewer, now_ms - PAST_MS, now_ms + AHEAD_MS).await?;
    let base = state.config.public_url();
    let host = base.split("//").nth(1).unwrap_or("kafedra").split([':', '/']).next().unwrap_or("kafedra").to_owned();
    let is_english = school.locale.starts_with("en");
    let events: Vec<Event> = found.into_iter().map(|one| event(one, &base, is_english)).collect();
    let name = if is_english { "Consultations" } else { "Консультации" };
    let text = calendar(&events, &host, &format!("{name}: {}", school.short_name));
    let head = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "inline; filename=\"kafedra.ics\""),
    ];
    Ok((head, text).into_response())
}

fn event(one: Consultation, base: &str, is_english: bool) -> Event {
    let form = match (one.form, is_english) {
        (Form::Webinar, false) => "вебинар",
        (Form::VideoConference, false) => "видеоконференция",
        (Form::Chat, false) => "чат",
        (Form::Individual, false) => "индивидуальная",
        (Form::Webinar, true) => "webinar",
        (Form::VideoConference, true) => "video conference",
        (Form::Chat, true) => "chat",
        (Form::Individual, true) => "individual",
        (form, _) => form.as_str(),
    };
    let subject = one.subject.as_deref().unwrap_or(&one.title);
    let class = one.class.as_ref().map(|class| format!(", {class}")).unwrap_or_default();
    let host = &one.substitute.as_ref().unwrap_or(&one.host).display_name;
    let mut lines = vec![host.clone()];
    lines.extend(one.topics.iter().cloned());
    Event {
        id: one.id.as_str().to_owned(),
        start_ms: one.start_ms,
        end_ms: one.end_ms,
        changed_ms: one.updated_ms,
        sequence: one.sequence,
        is_cancelled: one.state == ConsultationState::Cancelled,
        summary: format!("{subject}{class} ({form})"),
        description: lines.join("\n"),
        url: format!("{base}/room/{}", one.id),
    }
}
