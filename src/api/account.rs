//! One's own account: a new password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::ApiState;
use super::auth::{AnySession, ClientAddress};
use super::body::Json;
use super::password::Busy;
use super::problem::Problem;
use super::session::{end_everywhere, new_cookie, set_cookie};
use crate::domain::password::{MAX_BYTES, check};
use crate::domain::policy::Relations;
use crate::domain::policy::action::kind;
use crate::store::StoreError;
use crate::store::sessions::PasswordChange;

/// The password that is, and the one that shall be.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    old_password: String,
    new_password: String,
}

/// Change one's password; whom somebody else gave theirs does so first of all. Every other sign-in and every token of the person ends; this browser gets a new session.
#[utoipa::path(post, path = "/api/v1/me/password", tag = "session", request_body = PasswordForm, responses(
    (status = 204, description = "Changed; the answer sets the new session's cookie"),
    (status = 401, body = Problem),
    (status = 403, description = "`wrong_password`: the old one does not fit; a token changes none", body = Problem),
    (status = 422, description = "`password_weak`; `params.reason`: `too_short`, `too_long`, `too_common`, `like_login`, \
        `same`", body = Problem),
    (status = 429, description = "`rate_limited`, with Retry-After: wrong tries count as those at the sign-in", body = Problem),
    (status = 503, description = "`unavailable`: too many sign-ins at once", body = Problem)
))]
pub async fn change_password(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    AnySession(session): AnySession,
    Json(form): Json<PasswordForm>,
) -> Result<Response, Problem> {
    session.allow::<kind::PasswordChange>(Relations::own())?;
    if form.old_password.len() > MAX_BYTES {
        return Err(Problem::bad_request("old_password is too long"));
    }
    let principal = &session.principal;
    check(&form.new_password, &principal.code).map_err(|why| weak(&why.to_string()))?;
    if form.new_password == form.old_password {
        return Err(weak("same"));
    }
    let now_ms = state.clock.now_ms();
    // Whoever found an open browser guesses here no faster than at the door.
    let attempt = state.login_limits.begin(&principal.code, address, now_ms).map_err(|wait_s| {
        let params = serde_json::json!({ "retry_after_s": wait_s });
        Problem::new("rate_limited").params(params).retry_after_s(wait_s)
    })?;
    let account = match state.store.account_by_login(&principal.code).await {
        Ok(account) => account.filter(|account| account.person.id == principal.person && !account.is_disabled),
        Err(error) => {
            state.login_limits.undecided(attempt);
            return Err(error.into());
        }
    };
    let phc = account.map(|account| account.password_hash);
    let fits = match state.passwords.verify(form.old_password, phc.clone()).await {
        Ok(fits) => fits,
        Err(Busy) => {
            state.login_limits.undecided(attempt);
            return Err(busy());
        }
    };
    let Some(phc) = phc.filter(|_| fits) else {
        return Err(Problem::new("wrong_password").detail("the old password does not fit"));
    };
    state.login_limits.succeeded(attempt);
    let password_hash = state.passwords.hash(form.new_password).await.map_err(|Busy| busy())?;
    let (row, secret) = new_cookie(&state, principal.school.clone(), principal.person.clone(), now_ms).await?;
    let life_s = (row.expires_ms - row.created_ms) / 1000;
    let change = PasswordChange {
        school: principal.school.clone(),
        person: principal.person.clone(),
        instead_of: Some(phc),
        password_hash,
        by: Some(principal.person.clone()),
        is_own: true,
    };
    let ended = state.store.change_password(change, Some(row), now_ms).await.map_err(|error| match error {
        // Changed by another browser while this one was checked.
        StoreError::NotFound => Problem::new("conflict"),
        error => error.into(),
    })?;
    for hash in ended {
        end_everywhere(&state, hash);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&state, response.headers_mut(), &secret, life_s);
    Ok(response)
}

fn weak(reason: &str) -> Problem {
    Problem::new("password_weak").params(serde_json::json!({ "reason": reason }))
}

fn busy() -> Problem {
    Problem::new("unavailable").detail("too many sign-ins at once").retry_after_s(2)
}
