//! Refusals as HTTP: RFC 9457 problem documents. The only place that knows which code has which status.
//!
//! A problem says to the public what DOMAIN 2.4 says and nothing of the cause; causes are logged here, once.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use signaling::refusal::RefusalCode;

use crate::domain::policy::Denied;
use crate::store::StoreError;

/// The answer to a request that is refused.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `about:blank`: the code says it all.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    kind: &'static str,
    title: String,
    status: u16,
    /// One of the codes of the regulation's refusals; the client has the text for each.
    code: String,
    /// One sentence in English for a developer.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Values that the text of the code needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<serde_json::Value>,
    /// Lines of an import that is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<serde_json::Value>,
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

impl Problem {
    /// The problem of a code, with the status that the code has.
    pub fn new(code: &str) -> Self {
        let status = status(code);
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: None,
            params: None,
            errors: None,
            retry_after_s: None,
        }
    }

    pub fn not_found() -> Self {
        Self::new("not_found")
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new("bad_request").detail(detail)
    }

    /// A fault of ours: logged with its cause, told without it.
    pub fn fault(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %chain(cause), "request failed");
        Self::new("internal")
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn params(mut self, params: serde_json::Value) -> Self {
        self.params = Some(params);
        self
    }

    #[must_use]
    pub fn errors(mut self, errors: serde_json::Value) -> Self {
        self.errors = Some(errors);
        self
    }

    #[must_use]
    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn code(&self) -> &str {
        &self.code
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Status of each code (DOMAIN 2.4). An unknown code is a fault of ours.
fn status(code: &str) -> StatusCode {
    match code {
        "bad_request" | "bad_message" | "bad_offer" => StatusCode::BAD_REQUEST,
        "not_authenticated" | "session_expired" | "wrong_credentials" => StatusCode::UNAUTHORIZED,
        "identity_not_trusted"
        | "idp_not_allowed"
        | "no_role"
        | "role_not_permitted"
        | "not_on_roster"
        | "guardian_link_missing"
        | "guardian_link_ended"
        | "ward_is_adult"
        | "removed_from_room"
        | "room_locked"
        | "recording_forbidden"
        | "wrong_password"
        | "password_change_required"
        | "csrf" => StatusCode::FORBIDDEN,
        "not_found" => StatusCode::NOT_FOUND,
        "method_not_allowed" => StatusCode::METHOD_NOT_ALLOWED,
        "not_acceptable" => StatusCode::NOT_ACCEPTABLE,
        "not_on_timetable"
        | "too_early"
        | "too_late"
        | "form_mismatch"
        | "card_locked"
        | "version_conflict"
        | "conflict"
        | "illegal_transition"
        | "host_conflict"
        | "group_conflict"
        | "student_conflict"
        | "load_exceeded"
        | "outside_working_hours"
        | "daily_screen_cap"
        | "recording_consent_missing"
        | "host_absent"
        | "room_full"
        | "out_of_order"
        | "slot_taken"
        | "booking_closed"
        | "booking_limit"
        | "limit_reached"
        | "retention_hold"
        | "erasure_pending" => StatusCode::CONFLICT,
        "precondition_failed" => StatusCode::PRECONDITION_FAILED,
        "precondition_required" => StatusCode::PRECONDITION_REQUIRED,
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "unsupported_media_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "offer_unsupported"
        | "reason_required"
        | "outside_study_period"
        | "prep_must_be_group"
        | "prep_before_part_end"
        | "topics_required"
        | "part_required"
        | "source_required"
        | "duration_over_cap"
        | "after_hours"
        | "not_a_school_day"
        | "no_local_act"
        | "import_rejected"
        | "password_weak"
        | "version_not_supported" => StatusCode::UNPROCESSABLE_ENTITY,
        "rate_limited" | "slow_mode" => StatusCode::TOO_MANY_REQUESTS,
        "unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        "storage_full" => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error and all its causes on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after_s;
        let mut response = (self.status(), Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kafedra\""));
        }
        response
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(denied.code()).detail(denied.to_string())
    }
}

impl From<RefusalCode> for Problem {
    fn from(code: RefusalCode) -> Self {
        match serde_json::to_value(code) {
            Ok(serde_json::Value::String(code)) => Self::new(&code),
            _ => Self::new("internal"),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::Conflict => Self::new("conflict"),
            StoreError::Full => Self::new("storage_full"),
            StoreError::Unavailable(_) => {
                tracing::warn!(cause = %chain(&error), "the store does not answer");
                Self::new("unavailable").retry_after_s(2)
            }
            _ => Self::fault(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_refusal_of_the_wire_has_a_status_of_its_own_kind() {
        for code in [
            RefusalCode::NotAuthenticated,
            RefusalCode::NotOnRoster,
            RefusalCode::TooEarly,
            RefusalCode::RateLimited,
            RefusalCode::BadOffer,
            RefusalCode::NotFound,
            RefusalCode::StorageFull,
            RefusalCode::Unavailable,
        ] {
            let problem = Problem::from(code);
            assert_ne!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR, "{code:?}");
        }
        assert_eq!(Problem::from(RefusalCode::TooEarly).code(), "too_early");
    }

    #[test]
    fn a_problem_is_a_problem_document() {
        let response = Problem::new("rate_limited").retry_after_s(7).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::RETRY_AFTER], "7");
    }
}
