//! What people choose about their notices: channels, address, browsers, quiet hours; and the school's webhooks.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body;
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::notice::{Channel, Notice, Topic};
use crate::domain::policy::Relations;
use crate::domain::policy::action::kind;
use crate::domain::quiet::Quiet;
use crate::store::StoreError;
use crate::store::notices::{NoticeSettings, PushTarget, REMINDER_MINUTES, Webhook, default_channels};

/// Longest address of a browser or webhook.
const MOST_URL: usize = 2000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(show, change))
        .routes(routes!(set_email))
        .routes(routes!(confirm_email))
        .routes(routes!(add_push, remove_push))
        .routes(routes!(webhooks, add_webhook))
        .routes(routes!(remove_webhook))
}

/// What a person chose, and what the hub can do at all.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SettingsView {
    /// Ways out by topic; every topic is there.
    topics: Vec<TopicView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    is_email_confirmed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder_minutes: Option<u32>,
    reminder_choices: Vec<u32>,
    /// `HH:MM` in the school's zone; both or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet_to: Option<String>,
    /// Whether the hub sends letters.
    has_email: bool,
    /// The key that browsers subscribe with; missing: the hub sends no pushes.
    #[serde(skip_serializing_if = "Option::is_none")]
    push_key: Option<String>,
    /// Browsers that take pushes.
    browsers: usize,
    /// The consent to messages was withdrawn or has ended: letters and pushes stay away, in the app all is told.
    is_silenced: bool,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicView {
    topic: Topic,
    email: bool,
    push: bool,
}

/// What is chosen; what is left out of `topics` stays as usual.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsForm {
    topics: Vec<TopicView>,
    /// One of the choices; missing: no reminders.
    reminder_minutes: Option<u32>,
    quiet_from: Option<String>,
    quiet_to: Option<String>,
}

/// One's settings of notices.
#[utoipa::path(get, path = "/api/v1/notices/settings", tag = "notices", responses(
    (status = 200, body = SettingsView), (status = 401, body = Problem)
))]
pub async fn show(State(state): State<ApiState>, session: Session) -> Result<Json<SettingsView>, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    view(&state, &session).await.map(Json)
}

async fn view(state: &ApiState, session: &Session) -> Result<SettingsView, Problem> {
    let person = &session.principal.person;
    let chosen = state.store.notice_settings(person).await?;
    let clock = |time: jiff::civil::Time| time.strftime("%H:%M").to_string();
    let names = [person.as_str().to_owned()];
    let silenced = state.store.silenced(&names, state.clock.now_ms()).await?;
    Ok(SettingsView {
        topics: Topic::ALL
            .iter()
            .map(|topic| TopicView {
                topic: *topic,
                email: chosen.wants(*topic, Channel::Email),
                push: chosen.wants(*topic, Channel::Push),
            })
            .collect(),
        email: chosen.email,
        is_email_confirmed: chosen.is_email_confirmed,
        reminder_minutes: chosen.reminder_minutes,
        reminder_choices: REMINDER_MINUTES.to_vec(),
        quiet_from: chosen.quiet.map(|quiet| clock(quiet.from)),
        quiet_to: chosen.quiet.map(|quiet| clock(quiet.to)),
        has_email: state.send_mail.is_some(),
        push_key: state.push_key.clone(),
        browsers: state.store.push_targets(person).await?.len(),
        is_silenced: !silenced.is_empty(),
    })
}

/// Choose channels, reminder and quiet hours.
#[utoipa::path(put, path = "/api/v1/notices/settings", tag = "notices", request_body = SettingsForm, responses(
    (status = 200, body = SettingsView), (status = 400, body = Problem), (status = 401, body = Problem)
))]
pub async fn change(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<SettingsForm>,
) -> Result<Json<SettingsView>, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    if form.reminder_minutes.is_some_and(|minutes| !REMINDER_MINUTES.contains(&minutes)) {
        return Err(Problem::bad_request(format!("reminder_minutes: one of {REMINDER_MINUTES:?}")));
    }
    let clock = |text: Option<&String>| -> Result<_, Problem> {
        let parse = |text: &String| text.parse().map_err(|_| Problem::bad_request("quiet hours are HH:MM"));
        text.map(parse).transpose()
    };
    let quiet = match (clock(form.quiet_from.as_ref())?, clock(form.quiet_to.as_ref())?) {
        (Some(from), Some(to)) => Some(Quiet { from, to }),
        (None, None) => None,
        _ => return Err(Problem::bad_request("quiet hours need both ends")),
    };
    let mut channels = BTreeMap::new();
    for chosen in form.topics {
        let ways = [(Channel::Email, chosen.email), (Channel::Push, chosen.push)];
        let ways: BTreeSet<Channel> = ways.into_iter().filter_map(|(way, is)| is.then_some(way)).collect();
        if ways != default_channels() {
            channels.insert(chosen.topic, ways);
        }
    }
    let settings = NoticeSettings { channels, reminder_minutes: form.reminder_minutes, quiet, ..Default::default() };
    let principal = &session.principal;
    let now_ms = state.clock.now_ms();
    state.store.set_notice_settings(principal.school.clone(), principal.person.clone(), settings, now_ms).await?;
    view(&state, &session).await.map(Json)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailForm {
    /// Missing: no letters any more.
    email: Option<String>,
}

/// Set the address of one's letters. A code goes there; no letter before it has come back.
#[utoipa::path(put, path = "/api/v1/notices/email", tag = "notices", request_body = EmailForm, responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 429, description = "`rate_limited`: a code goes out at most every minute", body = Problem),
    (status = 503, description = "`unavailable`: the hub sends no letters, or the server does not answer", body = Problem)
))]
pub async fn set_email(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<EmailForm>,
) -> Result<StatusCode, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    let (school, person) = (session.principal.school.clone(), session.principal.person.clone());
    let now_ms = state.clock.now_ms();
    let Some(email) = form.email else {
        state.store.set_email(school, person, None, now_ms).await?;
        return Ok(StatusCode::NO_CONTENT);
    };
    let Some(send) = &state.send_mail else {
        return Err(Problem::new("unavailable").detail("the hub sends no letters: [notify] smtp_host is empty"));
    };
    if !crate::domain::address::is_mail_address(&email) {
        return Err(Problem::bad_request("not an e-mail address"));
    }
    // Somebody else's mailbox must not be filled from here.
    if let Err(wait) = state.mail_codes.take(&person) {
        return Err(Problem::new("rate_limited").retry_after_s(wait.as_secs().max(1)));
    }
    let code = format!("{:06}", rand::rng().random_range(0..1_000_000));
    state.store.set_email(school.clone(), person, Some((email.clone(), code.clone())), now_ms).await?;
    let locale = state.store.school(&school).await?.locale;
    let (subject, text) = if locale.starts_with("en") {
        ("Your code".to_owned(), format!("Code to confirm this address in Kafedra: {code}\nGood for 30 minutes.\n"))
    } else {
        (
            "Код подтверждения".to_owned(),
            format!("Код для подтверждения адреса в «Кафедре»: {code}\nДействует 30 минут.\n"),
        )
    };
    if let Err(error) = send(email, subject, text).await {
        tracing::warn!(%error, "a code could not be sent");
        return Err(Problem::new("unavailable").detail("the SMTP server does not take it").retry_after_s(60));
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeForm {
    code: String,
}

/// Confirm the address by the code that came. Five wrong ones, and a new code is needed.
#[utoipa::path(post, path = "/api/v1/notices/email/confirm", tag = "notices", request_body = CodeForm, responses(
    (status = 200, body = SettingsView), (status = 400, body = Problem), (status = 401, body = Problem)
))]
pub async fn confirm_email(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<CodeForm>,
) -> Result<Json<SettingsView>, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    let code = form.code.trim().to_owned();
    if !state.store.confirm_email(session.principal.person.clone(), code, state.clock.now_ms()).await? {
        return Err(Problem::bad_request("the code does not fit or is too old"));
    }
    view(&state, &session).await.map(Json)
}

/// What `PushSubscription.toJSON()` gives.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushForm {
    endpoint: String,
    keys: PushKeys,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushKeys {
    p256dh: String,
    auth: String,
}

/// Take pushes in this browser.
#[utoipa::path(post, path = "/api/v1/notices/push", tag = "notices", request_body = PushForm, responses(
    (status = 204), (status = 400, description = "The push service is not on the hub's list", body = Problem),
    (status = 401, body = Problem)
))]
pub async fn add_push(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<PushForm>,
) -> Result<StatusCode, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    let is_allowed = form.endpoint.len() <= MOST_URL && (state.may_push_to)(&form.endpoint);
    if !is_allowed || !crate::domain::address::are_push_keys(&form.keys.p256dh, &form.keys.auth) {
        return Err(Problem::bad_request("not a push service of the hub's list, or unusable keys"));
    }
    let target = PushTarget {
        id: uuid::Uuid::now_v7().to_string(),
        endpoint: form.endpoint,
        p256dh: form.keys.p256dh,
        auth: form.keys.auth,
    };
    let (school, person) = (session.principal.school.clone(), session.principal.person.clone());
    state.store.add_push(school, person, target, state.clock.now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushEnd {
    endpoint: String,
}

/// No more pushes in this browser.
#[utoipa::path(delete, path = "/api/v1/notices/push", tag = "notices", request_body = PushEnd, responses(
    (status = 204), (status = 401, body = Problem)
))]
pub async fn remove_push(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<PushEnd>,
) -> Result<StatusCode, Problem> {
    session.allow::<kind::NoticeView>(Relations::own())?;
    state.store.remove_push(session.principal.person.clone(), form.endpoint).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A subscriber of the school's events. The secret is shown once, when it is made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookView {
    id: String,
    url: String,
    /// Empty: all.
    kinds: Vec<String>,
    created_at: String,
    /// Its receiver said that it is gone.
    is_disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookList {
    items: Vec<WebhookView>,
    /// Hosts that may be named; empty: the hub calls no webhooks.
    hosts: Vec<String>,
    /// Kinds that there are.
    kinds: Vec<&'static str>,
}

fn webhook_view(hook: Webhook, with_secret: bool) -> WebhookView {
    WebhookView {
        id: hook.id,
        url: hook.url,
        kinds: hook.kinds,
        created_at: rfc3339(hook.created_ms),
        is_disabled: hook.is_disabled,
        secret: with_secret.then_some(hook.secret),
    }
}

/// The school's webhooks.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "notices", responses(
    (status = 200, body = WebhookList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn webhooks(State(state): State<ApiState>, session: Session) -> Result<Json<WebhookList>, Problem> {
    session.allow::<kind::SystemConfigure>(Relations::school())?;
    let items = state.store.webhooks(&session.principal.school).await?;
    Ok(Json(WebhookList {
        items: items.into_iter().map(|hook| webhook_view(hook, false)).collect(),
        hosts: state.config.notify.webhook_hosts.clone(),
        kinds: Notice::KINDS.to_vec(),
    }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookForm {
    url: String,
    /// Empty: all.
    #[serde(default)]
    kinds: Vec<String>,
}

/// Add a webhook. The answer holds its secret, this once.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "notices", request_body = WebhookForm, responses(
    (status = 201, body = WebhookView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, description = "There are 20 already", body = Problem)
))]
pub async fn add_webhook(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<WebhookForm>,
) -> Result<(StatusCode, Json<WebhookView>), Problem> {
    session.allow::<kind::SystemConfigure>(Relations::school())?;
    if form.url.len() > MOST_URL || !(state.may_call)(&form.url) {
        return Err(Problem::bad_request("not an address of a host on the hub's list (https, [notify] webhook_hosts)"));
    }
    if form.kinds.iter().any(|kind| !Notice::KINDS.contains(&kind.as_str())) {
        return Err(Problem::bad_request("no such kind of notice"));
    }
    let secret: [u8; 32] = rand::rng().random();
    let hook = Webhook {
        id: uuid::Uuid::now_v7().to_string(),
        url: form.url,
        secret: hex::encode(secret),
        kinds: form.kinds,
        created_ms: state.clock.now_ms(),
        is_disabled: false,
    };
    let (school, person) = (session.principal.school.clone(), session.principal.person.clone());
    state.store.add_webhook(school, person, hook.clone(), hook.created_ms).await.map_err(|error| match error {
        StoreError::Conflict => Problem::new("limit_reached"),
        error => error.into(),
    })?;
    Ok((StatusCode::CREATED, Json(webhook_view(hook, true))))
}

/// Take a webhook away.
#[utoipa::path(delete, path = "/api/v1/webhooks/{webhook}", tag = "notices", params(("webhook" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub async fn remove_webhook(
    State(state): State<ApiState>,
    session: Session,
    Path(webhook): Path<String>,
) -> Result<StatusCode, Problem> {
    session.allow::<kind::SystemConfigure>(Relations::school())?;
    let (school, person) = (session.principal.school.clone(), session.principal.person.clone());
    state.store.remove_webhook(school, person, webhook, state.clock.now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}
