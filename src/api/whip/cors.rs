//! Pages of other sites may publish and watch with a token (RFC 9725 section 4.2 asks for CORS): what browsers have to be
//! told for that, and `OPTIONS`.
//!
//! Any origin is allowed because the right comes in the `Authorization` header, which no page can make a browser send for
//! somebody else. Cookies stay out: `*` without `Access-Control-Allow-Credentials` keeps the answer from such a page, and
//! `origin::guard` refuses the request before that.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{FRAGMENT, SDP};

/// Seconds that a browser may remember the answer to a preflight.
const MAX_AGE_S: &str = "7200";
const ASKED: &str = "authorization, content-type, if-match";
const SHOWN: &str = "accept-patch, accept-post, etag, link, location, retry-after, www-authenticate";
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// Lets pages of any origin read the answers of these routes, refusals included.
pub(super) async fn allow(request: Request, next: Next) -> Response {
    let is_foreign = request.headers().contains_key(header::ORIGIN);
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    if is_foreign {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
        if is_preflight {
            let methods = headers.get(header::ALLOW).cloned().unwrap_or(HeaderValue::from_static("OPTIONS"));
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ASKED));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
        }
    }
    response
}

/// What an endpoint takes. A preflight carries no sign-in, so nobody is asked for one.
pub(super) fn endpoint() -> Response {
    let allowed = HeaderValue::from_static("GET, HEAD, OPTIONS, POST");
    [(header::ALLOW, allowed), (ACCEPT_POST, HeaderValue::from_static(SDP))].into_response()
}

/// What a session takes.
pub(super) fn session() -> Response {
    let allowed = HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH");
    let post = HeaderValue::from_static(SDP);
    [(header::ALLOW, allowed), (ACCEPT_POST, post), (ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT))].into_response()
}
