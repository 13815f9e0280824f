//! What the hub tells of its HTTP: a line and two figures for each request, `/metrics` for Prometheus. Routes are named
//! by their pattern, people by nothing: no address, no token, no id of a person reaches a log or a label.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::Instant;

use super::ApiState;
use super::problem::Problem;

/// The recorder of the process. There is one, however many hubs a test starts in it.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Upper bounds of the request histogram, seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Upper bounds of the share of packets that a line loses.
const LOSS_BUCKETS: [f64; 7] = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
/// Upper bounds of what a line's estimate is, bits in a second.
const ESTIMATE_BUCKETS: [f64; 7] = [1e5, 3e5, 6e5, 1e6, 2e6, 4e6, 1e7];

/// How long `/metrics` waits for the media workers.
const MEDIA_PATIENCE: Duration = Duration::from_secs(1);

/// A figure that is asked for when `/metrics` is.
pub type Gauge = Box<dyn Fn() -> Vec<(&'static str, f64)> + Send + Sync>;

/// The figures of this process.
pub struct Metrics {
    handle: PrometheusHandle,
    gauges: Vec<Gauge>,
}

impl Metrics {
    /// Takes the process's recorder; `gauges` are read at each scrape.
    pub fn new(gauges: Vec<Gauge>) -> Self {
        let handle = RECORDER.get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full("kafedra_http_request_seconds".into()), &BUCKETS)
                .expect("the list of buckets is not empty");
            let media = [
                ("kafedra_media_loss_ratio", LOSS_BUCKETS.as_slice()),
                ("kafedra_media_rtt_seconds", &BUCKETS),
                ("kafedra_media_jitter_seconds", &BUCKETS),
                ("kafedra_media_estimate_bps", &ESTIMATE_BUCKETS),
            ];
            let builder = media.into_iter().fold(builder, |builder, (name, buckets)| {
                let builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), buckets);
                builder.expect("the list of buckets is not empty")
            });
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another recorder of metrics was there first: /metrics stays empty");
            }
            describe();
            handle
        });
        Self { handle: handle.clone(), gauges }
    }

    /// Lets the histograms forget what is old; call it every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    fn render(&self) -> String {
        for gauge in &self.gauges {
            for (name, value) in gauge() {
                metrics::gauge!(name).set(value);
            }
        }
        self.handle.render()
    }
}

fn describe() {
    metrics::describe_counter!("kafedra_http_requests_total", "Requests by method, route and status");
    metrics::describe_histogram!("kafedra_http_request_seconds", "Time to the head of the answer");
    metrics::describe_counter!("kafedra_panics_total", "Panics that were contained; each one is a bug");
    metrics::describe_counter!("kafedra_logins_total", "Sign-ins by outcome");
    metrics::describe_gauge!("kafedra_media_transports", "Peer connections of people and programs");
    metrics::describe_histogram!("kafedra_media_loss_ratio", "Share of packets lost by a line in 5 s, worse direction");
    metrics::describe_histogram!("kafedra_media_rtt_seconds", "Round trip to a client, every 5 s");
    metrics::describe_histogram!("kafedra_media_jitter_seconds", "Jitter of a line, worst stream, every 5 s");
    metrics::describe_histogram!("kafedra_media_estimate_bps", "What the hub thinks a line carries, every 5 s");
    metrics::describe_counter!("kafedra_media_switches_total", "Pictures begun or changed to another layer, by reason");
    metrics::describe_counter!(
        "kafedra_media_slot_looks_total",
        "Every 5 s for each slot: why it gets the layer it gets"
    );
    metrics::describe_counter!("kafedra_media_stood_milliseconds_total", "Time that pictures waited for a key frame");
    metrics::describe_counter!("kafedra_media_packets_dropped_total", "Packets that went no further, by reason");
    metrics::describe_gauge!("kafedra_connections", "TCP connections of HTTP and WebSocket");
    metrics::gauge!("kafedra_up").set(1.0);
    metrics::gauge!("kafedra_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, description = "Text exposition format")))]
pub async fn metrics(State(state): State<ApiState>) -> Response {
    // A worker that does not answer in time leaves its last figures standing.
    if let Ok(loads) = tokio::time::timeout(MEDIA_PATIENCE, state.sfu.load()).await {
        media_figures(&loads);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render()).into_response()
}

/// Sums over the workers of the media server.
fn media_figures(loads: &[media::stats::Load]) {
    let now = |of: fn(&media::stats::Load) -> usize| loads.iter().map(of).sum::<usize>() as f64;
    metrics::gauge!("kafedra_media_transports").set(now(|load| load.transports));
    metrics::gauge!("kafedra_media_sources").set(now(|load| load.sources));
    let ever = |of: fn(&media::stats::Counters) -> u64| loads.iter().map(|load| of(&load.counters)).sum::<u64>();
    metrics::counter!("kafedra_media_packets_received_total").absolute(ever(|counters| counters.packets_received));
    metrics::counter!("kafedra_media_packets_forwarded_total").absolute(ever(|counters| counters.packets_forwarded));
    metrics::counter!("kafedra_media_packets_resent_total").absolute(ever(|counters| counters.packets_resent));
    metrics::counter!("kafedra_media_key_frame_requests_total").absolute(ever(|counters| counters.key_frame_requests));
    let dropped = |reason: &'static str, count: u64| {
        metrics::counter!("kafedra_media_packets_dropped_total", "reason" => reason).absolute(count);
    };
    dropped("stranger", ever(|counters| counters.strangers));
    dropped("rejected", ever(|counters| counters.packets_rejected));
    dropped("not_allowed", ever(|counters| counters.packets_not_allowed));
    dropped("control", ever(|counters| counters.control_ignored));
}

/// Counts each request under its route's pattern, and logs it.
pub async fn count(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("files", |path| path.as_str()).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let took: Duration = started.elapsed();
    metrics::counter!(
        "kafedra_http_requests_total",
        "method" => method.as_str().to_owned(), "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    metrics::histogram!("kafedra_http_request_seconds", "route" => route.clone()).record(took.as_secs_f64());
    tracing::debug!(method = method.as_str(), route, status, took_ms = took.as_millis() as u64, "request");
    response
}

/// A panic in a handler is our bug; it costs this request and nobody else's.
pub async fn contain_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            metrics::counter!("kafedra_panics_total", "where" => "http").increment(1);
            Problem::new("internal").into_response()
        }
    }
}
