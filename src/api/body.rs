//! Bodies of requests: JSON with a bound on size and time, whose faults are problems like all others.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// How long a body may take to arrive.
const LONGEST_UPLOAD: Duration = Duration::from_secs(30);

/// A JSON body. Unknown fields are refused by the type (`deny_unknown_fields`).
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new("unsupported_media_type").detail("the body must be application/json"));
        }
        let body = bytes(request, state).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// The whole body.
///
/// # Errors
/// `too_large` past the route's limit, `bad_request` when it does not arrive in time.
pub async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    match tokio::time::timeout(LONGEST_UPLOAD, Bytes::from_request(request, state)).await {
        Err(_) => Err(Problem::bad_request("the body did not arrive in 30 s")),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Problem::new("too_large")),
        Ok(Err(_)) => Err(Problem::bad_request("the body could not be read")),
        Ok(Ok(body)) => Ok(body),
    }
}
