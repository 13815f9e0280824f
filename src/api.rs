//! The only HTTP of the hub: router, sign-in, problems, the resources, the web client's files.
//!
//! Every request passes the same layers, outermost first: counters and log, security headers, the check against forged
//! requests, the limits of rate and body; then the route, whose handler takes a [`auth::Session`] and asks the policy.

pub mod access;
pub mod account;
pub mod appointments;
pub mod auth;
pub mod body;
pub mod closing;
pub mod complaints;
pub mod device_check;
pub mod directory;
pub mod feed;
pub mod feedback;
pub mod files;
pub mod guardians;
pub mod guide;
pub mod headers;
pub mod health;
pub mod help;
pub mod imports;
pub mod journal;
pub mod lesson_cards;
pub mod login_limit;
pub mod marks;
pub mod notice_settings;
pub mod notices;
pub mod observe;
pub mod openapi;
pub mod origin;
pub mod password;
pub mod people;
pub mod planning;
pub mod presence;
pub mod privacy;
pub mod problem;
pub mod public;
pub mod rate_limit;
pub mod reports;
pub mod requests;
pub mod room_media;
pub mod rooms;
pub mod server;
pub mod session;
pub mod strangers;
pub mod tickets;
pub mod timetable;
pub mod topics;
pub mod wards;
pub mod web;
pub mod whip;
pub mod ws;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse as _;
use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock::WallClock;
use crate::config::Config;
use crate::domain::consultation::Timing;
use crate::domain::ids::PersonId;
use crate::presence::Presence;
use crate::rate::Buckets;
use crate::rooms::registry::Rooms;
use crate::sfu::handle::SfuHandle;
use crate::store::Store;
use problem::Problem;

/// What the handlers work with; made by `app`. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Parts>);

/// The parts behind [`ApiState`].
pub struct Parts {
    pub config: Arc<Config>,
    pub store: Store,
    pub clock: WallClock,
    pub presence: Presence,
    pub sfu: SfuHandle,
    pub rooms: Rooms,
    /// WHIP and WHEP sessions.
    pub programs: whip::Programs,
    pub origins: origin::Origins,
    pub headers: headers::Headers,
    pub passwords: password::Passwords,
    pub login_limits: login_limit::LoginLimits,
    pub rate_limits: rate_limit::RateLimits,
    /// Sockets before their `hello`.
    pub strangers: strangers::Strangers,
    pub tickets: tickets::Tickets,
    /// Hashes of sign-ins that have just ended: sockets that hang on one close within a second.
    pub revoked: broadcast::Sender<String>,
    pub web: web::Web,
    pub metrics: observe::Metrics,
    pub ready: health::Readiness,
    /// Times around consultations, before a school's own policy.
    pub timing: Timing,
    /// Who was told something just now: open pages listen.
    pub told: broadcast::Sender<PersonId>,
    /// Says true when the hub is going down: open streams end.
    pub stopping: watch::Receiver<bool>,
    /// Sends a letter (to, subject, text); `None`: the hub sends none.
    pub send_mail: Option<SendMail>,
    /// Codes to new addresses, by person.
    pub mail_codes: Buckets<PersonId>,
    pub device_checks: device_check::Limits,
    /// The key that browsers subscribe to pushes with; `None`: the hub sends none.
    pub push_key: Option<String>,
    /// Whether a push service or a webhook may be called at this address.
    pub may_push_to: MayCall,
    pub may_call: MayCall,
    /// Tells the driver of notices that something waits.
    pub poke_notices: Box<dyn Fn() + Send + Sync>,
    /// Tells the scheduler that the timetable has changed.
    pub poke_schedule: Box<dyn Fn() + Send + Sync>,
}

/// Sends one letter, at once; what goes wrong is for the log.
pub type SendMail = Box<
    dyn Fn(String, String, String) -> BoxFuture<'static, Result<(), Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Sync,
>;

/// Whether an address may be called.
pub type MayCall = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl Deref for ApiState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl ApiState {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

/// The routes that stand in the OpenAPI document.
pub fn documented(max_import: usize) -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(session::sign_in, session::sign_out))
        .routes(routes!(public::public))
        .routes(routes!(session::me))
        .routes(routes!(session::ticket))
        .routes(routes!(session::token))
        .routes(routes!(account::change_password))
        .routes(routes!(timetable::timetable))
        .routes(routes!(timetable::consultation))
        .routes(routes!(timetable::cancel))
        .merge(closing::routes())
        .merge(device_check::routes())
        .merge(guide::routes())
        .merge(imports(max_import))
        .merge(planning::routes())
        .merge(directory::routes())
        .merge(help::routes(max_import))
        .routes(routes!(rooms::attendance))
        .routes(routes!(rooms::messages))
        .routes(routes!(rooms::room))
        .merge(notices::routes())
        .merge(notice_settings::routes())
        .merge(feed::routes())
        .merge(reports::routes())
        .merge(privacy::routes())
        .merge(journal::routes())
        .merge(imports::routes(max_import))
        .routes(routes!(room_media::dump))
        .routes(routes!(presence::presence))
        .merge(whip::routes())
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(observe::metrics))
}

/// Files may be larger than other bodies.
fn imports(max_bytes: usize) -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(lesson_cards::import)).layer(axum::extract::DefaultBodyLimit::max(max_bytes))
}

/// All routes and layers.
pub fn router(state: ApiState) -> Router {
    let (router, document) = documented(state.config.server.max_import_bytes as usize).split_for_parts();
    let max_body = state.config.server.max_body_bytes as usize;
    router
        .merge(openapi::routes(&document))
        .route("/ws", axum::routing::get(ws::upgrade))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::extract::DefaultBodyLimit::max(max_body))
        .layer(from_fn_with_state(state.clone(), rate_limit::limit))
        .layer(from_fn_with_state(state.clone(), origin::guard))
        .layer(from_fn(observe::contain_panic))
        .layer(from_fn_with_state(state.clone(), headers::add))
        .layer(from_fn(observe::count))
        .with_state(state)
}

/// Unknown paths: a problem under `/api`, the web client everywhere else.
async fn unknown(
    axum::extract::State(state): axum::extract::State<ApiState>,
    method: axum::http::Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
) -> axum::response::Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") || path.starts_with("/ws/") {
        return Problem::not_found().into_response();
    }
    state.web.answer(&method, path, &headers)
}

async fn wrong_method() -> Problem {
    Problem::new("method_not_allowed")
}
