//! Headers that every answer carries, errors and files included (SAFETY 5.3).

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::ApiState;

/// Values made once at start, because they depend on the public address.
#[derive(Clone, Debug)]
pub struct Headers {
    fixed: Vec<(HeaderName, HeaderValue)>,
}

impl Headers {
    /// `public_url` is what people type.
    pub fn new(public_url: &str) -> Self {
        let socket = public_url.replacen("http", "ws", 1);
        // Mantine puts style elements into the page; background blur and noise suppression start workers from blobs and
        // compile WebAssembly. Nothing comes from outside.
        let csp = format!(
            "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
             img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' {socket}; \
             worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let mut fixed = vec![
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (
                HeaderName::from_static("permissions-policy"),
                HeaderValue::from_static(
                    "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
                ),
            ),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        ];
        // A public address is checked text; if it has a byte that no header may have, the policy stays without it.
        let csp = HeaderValue::try_from(csp).unwrap_or(HeaderValue::from_static("default-src 'self'"));
        fixed.push((header::CONTENT_SECURITY_POLICY, csp));
        if public_url.starts_with("https://") {
            fixed.push((header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")));
        }
        Self { fixed }
    }
}

/// Adds them; what the handler has set stays.
pub async fn add(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in &state.headers.fixed {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
