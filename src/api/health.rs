//! Alive and ready: for supervisors, balancers and people with curl.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::ApiState;

/// A check takes at most this long before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something outside this module that has to answer for the hub to be ready (presence, the scheduler).
pub type Check = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The named checks behind `/readyz`, besides the store's.
#[derive(Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
}

impl Readiness {
    pub fn new(checks: Vec<(&'static str, Check)>) -> Self {
        Self { checks }
    }
}

/// State of one part.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PartState {
    name: String,
    ok: bool,
}

/// State of the hub.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    ok: bool,
    version: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartState>,
}

/// The process is alive and answers.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Health)))]
pub async fn alive() -> Json<Health> {
    Json(Health { ok: true, version: env!("CARGO_PKG_VERSION"), parts: Vec::new() })
}

/// Store and presence answer: send people here.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, body = Health), (status = 503, description = "A part does not answer", body = Health)
))]
pub async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<Health>) {
    let store = tokio::time::timeout(PATIENCE, state.store.ping()).await;
    let mut parts = vec![PartState { name: "store".into(), ok: matches!(store, Ok(Ok(()))) }];
    for (name, check) in &state.ready.checks {
        let ok = tokio::time::timeout(PATIENCE, check()).await.unwrap_or(false);
        parts.push(PartState { name: (*name).into(), ok });
    }
    let ok = parts.iter().all(|part| part.ok);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { ok, version: env!("CARGO_PKG_VERSION"), parts }))
}
