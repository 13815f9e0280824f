//! Signing in and out, who I am, tickets for the WebSocket, tokens for programs.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::ApiState;
use super::auth::{AnySession, ClientAddress, Session, cookie, cookie_name, is_https, secret_hash, signed_in};
use super::body::Json;
use super::people;
use super::problem::Problem;
use super::tickets::{LIFE_S, random_secret};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::password::{MAX_BYTES, is_outdated};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Action, Held, Relations, Scope};
use crate::domain::role::Role;
use crate::store::people::Account;
use crate::store::sessions::{SessionKind, SessionRow};

/// Longest login that is looked at, bytes.
const LOGIN_BYTES: usize = 128;

/// What a person types.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The person's code in the school.
    login: String,
    password: String,
}

/// The signed-in person.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Me {
    pub person: Person,
    /// In force today; empty: no role yet.
    pub roles: Vec<RoleView>,
    pub school: SchoolView,
    /// Codes of what the person's roles allow at all; about what, each request is asked anew.
    pub actions: Vec<&'static str>,
    /// Children whose confirmed guardian the person is.
    pub wards: Vec<WardView>,
    /// The hub's clock, Unix milliseconds.
    pub server_time_ms: i64,
    pub demo: bool,
    /// Somebody else chose the password: until another is chosen everything but that, this and signing out is refused with
    /// `password_change_required`.
    pub password_change_required: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Person {
    pub id: String,
    pub code: String,
    pub display_name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RoleView {
    pub role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SchoolView {
    pub name: String,
    pub short_name: String,
    /// IANA name of the school's time zone.
    pub tz: String,
    pub locale: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WardView {
    pub id: String,
    pub display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// A ticket for the first message of a WebSocket.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TicketView {
    ticket: String,
    expires_in_s: u32,
}

/// What a program asks for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    scopes: Vec<Scope>,
    /// Seconds; at most `session.token_max_s`.
    expires_in_s: u32,
}

/// A bearer token; it is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenView {
    token: String,
    /// RFC 3339, UTC.
    expires_at: String,
}

/// Sign in. A browser that was signed in gets a new session, the old one ends.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Credentials, responses(
    (status = 200, body = Me),
    (status = 401, description = "`wrong_credentials`", body = Problem),
    (status = 429, description = "`rate_limited`, with Retry-After", body = Problem),
    (status = 503, description = "`unavailable`: too many sign-ins at once", body = Problem)
))]
pub async fn sign_in(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(given): Json<Credentials>,
) -> Result<Response, Problem> {
    let login = given.login.trim().to_owned();
    if login.is_empty() || login.len() > LOGIN_BYTES || given.password.len() > MAX_BYTES {
        return Err(Problem::bad_request("login or password is empty or too long"));
    }
    let now_ms = state.clock.now_ms();
    let attempt = match state.login_limits.begin(&login, address, now_ms) {
        Ok(attempt) => attempt,
        Err(wait_s) => {
            metrics::counter!("kafedra_logins_total", "outcome" => "limited").increment(1);
            let params = serde_json::json!({ "retry_after_s": wait_s });
            return Err(Problem::new("rate_limited").params(params).retry_after_s(wait_s));
        }
    };
    let account = match state.store.account_by_login(&login).await {
        Ok(account) => account,
        Err(error) => {
            state.login_limits.undecided(attempt);
            return Err(error.into());
        }
    };
    // A closed account answers like a wrong password, after the same work.
    let account = account.filter(|account| !account.is_disabled);
    let phc = account.as_ref().map(|account| account.password_hash.clone());
    let fits = match state.passwords.verify(given.password.clone(), phc).await {
        Ok(fits) => fits,
        Err(super::password::Busy) => {
            state.login_limits.undecided(attempt);
            return Err(Problem::new("unavailable").detail("too many sign-ins at once").retry_after_s(2));
        }
    };
    let Some(account) = account.filter(|_| fits) else {
        metrics::counter!("kafedra_logins_total", "outcome" => "refused").increment(1);
        return Err(Problem::new("wrong_credentials").detail("login or password is wrong"));
    };
    state.login_limits.succeeded(attempt);
    metrics::counter!("kafedra_logins_total", "outcome" => "ok").increment(1);
    if is_outdated(&account.password_hash) {
        rehash(&state, &account, given.password).await;
    }
    let person = account.person;
    let (row, secret) = new_cookie(&state, person.school, person.id, now_ms).await?;
    let life_ms = row.expires_ms - row.created_ms;
    let old = cookie(&headers, cookie_name(&state)).map(secret_hash);
    state.store.begin_session(row.clone(), old.clone()).await?;
    if let Some(old) = old {
        end_everywhere(&state, old);
    }
    let session = people::session(&state, row, now_ms).await?.ok_or_else(|| Problem::new("session_expired"))?;
    let me = me_of(&state, &session).await?;
    let mut response = axum::Json(me).into_response();
    set_cookie(&state, response.headers_mut(), &secret, life_ms / 1000);
    Ok(response)
}

/// Makes a password's string anew under today's parameters, now that the password is at hand. The next sign-in does it
/// when this one cannot.
async fn rehash(state: &ApiState, account: &Account, password: String) {
    let Ok(fresh) = state.passwords.hash(password).await else { return };
    let (person, old) = (account.person.id.clone(), account.password_hash.clone());
    if let Err(error) = state.store.rehash_password(person, old, fresh).await {
        tracing::warn!(%error, "a password stays under old parameters");
    }
}

/// A new sign-in of a browser, not kept yet, and its secret.
pub(super) async fn new_cookie(
    state: &ApiState,
    school: SchoolId,
    person: PersonId,
    now_ms: i64,
) -> Result<(SessionRow, String), Problem> {
    let secret = random_secret();
    let today = people::today(&state.store.school(&school).await?, now_ms);
    let (idle_ms, life_ms) = lifetime(state, &state.store.roles_on(&person, today).await?);
    let row = SessionRow {
        id_hash: secret_hash(&secret),
        school,
        person,
        kind: SessionKind::Cookie,
        scopes: None,
        created_ms: now_ms,
        seen_ms: now_ms,
        idle_ms,
        expires_ms: now_ms + life_ms,
    };
    Ok((row, secret))
}

/// Sign out. The session, its tickets and its sockets end.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204, description = "Signed out")))]
pub async fn sign_out(State(state): State<ApiState>, headers: HeaderMap) -> Result<Response, Problem> {
    // Who is signed out already gets the same answer: there is nothing to refuse.
    match signed_in(&state, &headers).await {
        Ok(Some(session)) => {
            let hash = session.row.id_hash.clone();
            state.store.end_session(session.row, state.clock.now_ms()).await?;
            end_everywhere(&state, hash);
        }
        Ok(None) => {}
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {}
        Err(problem) => return Err(problem),
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&state, response.headers_mut(), "", 0);
    Ok(response)
}

/// The signed-in person, their roles and their children.
#[utoipa::path(get, path = "/api/v1/me", tag = "session", responses(
    (status = 200, body = Me), (status = 401, body = Problem)
))]
pub async fn me(State(state): State<ApiState>, AnySession(session): AnySession) -> Result<axum::Json<Me>, Problem> {
    // Without a role there is still a page that says so: no policy is asked.
    me_of(&state, &session).await.map(axum::Json)
}

/// A ticket for `hello`, for clients that cannot send a cookie with the WebSocket. One use, 30 seconds.
#[utoipa::path(post, path = "/api/v1/session/ticket", tag = "session", responses(
    (status = 200, body = TicketView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn ticket(
    State(state): State<ApiState>,
    session: Session,
    headers: HeaderMap,
) -> Result<axum::Json<TicketView>, Problem> {
    session.allow::<kind::TicketCreate>(Relations::own())?;
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let ticket = state.tickets.issue(&session.principal, origin, state.clock.now_ms());
    Ok(axum::Json(TicketView { ticket, expires_in_s: LIFE_S }))
}

/// A bearer token for a program. It can do what its scopes say and no more than its owner.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "session", request_body = TokenRequest, responses(
    (status = 201, body = TokenView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, description = "A token makes no tokens", body = Problem)
))]
pub async fn token(
    State(state): State<ApiState>,
    session: Session,
    Json(asked): Json<TokenRequest>,
) -> Result<Response, Problem> {
    session.allow::<kind::TokenCreate>(Relations::own())?;
    if asked.scopes.is_empty() {
        return Err(Problem::bad_request("scopes: at least one is needed"));
    }
    let longest = state.config.session.token_max_s;
    if asked.expires_in_s == 0 || asked.expires_in_s > longest {
        return Err(Problem::bad_request(format!("expires_in_s: from 1 to {longest}")));
    }
    let now_ms = state.clock.now_ms();
    let (row, secret) = new_token(&session.row, asked.scopes, asked.expires_in_s, now_ms);
    let expires_at = rfc3339(row.expires_ms);
    state.store.begin_session(row, None).await?;
    Ok((StatusCode::CREATED, axum::Json(TokenView { token: secret, expires_at })).into_response())
}

/// A token of the same person as `owner`'s sign-in, and its secret.
fn new_token(owner: &SessionRow, mut scopes: Vec<Scope>, expires_in_s: u32, now_ms: i64) -> (SessionRow, String) {
    scopes.sort_unstable();
    scopes.dedup();
    let secret = random_secret();
    let row = SessionRow {
        id_hash: secret_hash(&secret),
        school: owner.school.clone(),
        person: owner.person.clone(),
        kind: SessionKind::Token,
        scopes: Some(scopes),
        created_ms: now_ms,
        seen_ms: now_ms,
        idle_ms: 0,
        expires_ms: now_ms + i64::from(expires_in_s) * 1000,
    };
    (row, secret)
}

/// Unix milliseconds as RFC 3339 in UTC, to the second.
pub fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_second(ms.div_euclid(1000)).map_or_else(|_| String::new(), |time| time.to_string())
}

/// Idle time and whole life of a sign-in, milliseconds: the strictest of the person's roles counts.
pub(super) fn lifetime(state: &ApiState, roles: &[Held]) -> (i64, i64) {
    let settings = &state.config.session;
    let is_staff = roles.iter().any(|held| held.role.is_staff());
    let is_admin = roles.iter().any(|held| held.role == Role::Admin);
    let idle_minutes = if is_staff { settings.staff_idle_minutes } else { settings.idle_minutes };
    let hours = if is_admin { settings.admin_absolute_hours } else { settings.absolute_hours };
    (i64::from(idle_minutes) * 60_000, i64::from(hours) * 3_600_000)
}

/// Tickets go, sockets that hang on the sign-in are told.
pub(super) fn end_everywhere(state: &ApiState, hash: String) {
    state.tickets.revoke(&hash);
    // Nobody listens when no socket is open.
    let _ = state.revoked.send(hash);
}

pub(super) fn set_cookie(state: &ApiState, headers: &mut HeaderMap, value: &str, max_age_s: i64) {
    let secure = if is_https(state) { "; Secure" } else { "" };
    let name = cookie_name(state);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}");
    if let Ok(text) = HeaderValue::try_from(text) {
        headers.append(header::SET_COOKIE, text);
    }
}

async fn me_of(state: &ApiState, session: &Session) -> Result<Me, Problem> {
    let principal = &session.principal;
    let now_ms = state.clock.now_ms();
    let school = state.store.school(&principal.school).await?;
    let today = people::today(&school, now_ms);
    Ok(Me {
        person: Person {
            id: principal.person.as_str().to_owned(),
            code: principal.code.clone(),
            display_name: principal.display_name.clone(),
        },
        roles: principal
            .roles
            .iter()
            .map(|held| RoleView { role: held.role, unit: held.unit.as_ref().map(|unit| unit.as_str().to_owned()) })
            .collect(),
        actions: principal.actions().map(Action::code).collect(),
        wards: people::wards(&state.store, &principal.person, today).await?,
        school: people::school_view(school),
        server_time_ms: now_ms,
        demo: state.config.school.demo,
        password_change_required: session.is_password_due,
    })
}
