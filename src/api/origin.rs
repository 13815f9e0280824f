//! Which pages may call: the check of `Origin` and `Sec-Fetch-Site` that stands before every request which a browser
//! could send with somebody's cookie, and before every WebSocket.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ApiState;
use super::problem::Problem;

/// Origins that count as ours besides the one in the `Host` header.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    allowed: Vec<String>,
}

/// What the headers say of the page that sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A page of ours.
    Ours,
    /// No browser, or a browser that says nothing: no `Origin` and no `Sec-Fetch-Site`.
    Unknown,
    /// A page of somebody else, or one without an origin (`null`).
    Foreign,
}

impl Origins {
    pub fn new<I: IntoIterator<Item = String>>(allowed: I) -> Self {
        Self { allowed: allowed.into_iter().map(|origin| origin.trim_end_matches('/').to_lowercase()).collect() }
    }

    /// Compares whole origins; a suffix or prefix is no match.
    pub fn caller(&self, headers: &HeaderMap) -> Caller {
        if let Some(site) = headers.get("sec-fetch-site") {
            // `none`: typed by the user. `same-site` is another subdomain and not ours.
            if site != "same-origin" && site != "none" {
                return Caller::Foreign;
            }
        }
        let Some(origin) = headers.get(header::ORIGIN) else {
            return if headers.contains_key("sec-fetch-site") { Caller::Ours } else { Caller::Unknown };
        };
        let Ok(origin) = origin.to_str().map(str::to_lowercase) else { return Caller::Foreign };
        if self.allowed.contains(&origin) {
            return Caller::Ours;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_lowercase();
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !host.is_empty() && authority == Some(host.as_str()) { Caller::Ours } else { Caller::Foreign }
    }
}

/// Whether the request brings its right by header instead of by cookie: no page can make a browser do that.
fn has_bearer(headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer ")))
}

/// Content types that a form of another site can send without asking first.
fn is_simple(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    matches!(kind.as_str(), "text/plain" | "application/x-www-form-urlencoded" | "multipart/form-data")
}

/// Refuses what another site made a browser send: `csrf`.
pub async fn guard(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !has_bearer(request.headers()) {
        let caller = state.origins.caller(request.headers());
        // Multipart is the one simple type that the API takes, from pages that say that they are ours.
        let forged = caller == Caller::Foreign || (caller == Caller::Unknown && is_simple(request.headers()));
        if forged {
            return Problem::new("csrf").detail("the request comes from another site").into_response();
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_whole_origins_count_as_ours() {
        let origins = Origins::new(["https://hub.school/".to_owned()]);
        let check = |pairs: &[(&'static str, &str)], expected| assert_eq!(origins.caller(&headers(pairs)), expected);
        check(&[("origin", "https://hub.school")], Caller::Ours);
        check(&[("origin", "http://localhost:8080"), ("host", "localhost:8080")], Caller::Ours);
        check(&[("origin", "https://hub.school.evil"), ("host", "hub.school")], Caller::Foreign);
        check(&[("origin", "https://evil-hub.school"), ("host", "hub.school")], Caller::Foreign);
        check(&[("origin", "null"), ("host", "hub.school")], Caller::Foreign);
        check(&[("origin", "http://localhost:81"), ("host", "localhost:8080")], Caller::Foreign);
        check(&[("host", "hub.school")], Caller::Unknown);
        check(&[("sec-fetch-site", "cross-site")], Caller::Foreign);
        check(&[("sec-fetch-site", "same-site"), ("origin", "https://hub.school")], Caller::Foreign);
        check(&[("sec-fetch-site", "same-origin")], Caller::Ours);
    }
}
