//! The door of signaling: checks Origin and sign-in before the upgrade, then hands the socket to `rooms`.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::ApiState;
use super::auth::{self, ClientAddress};
use super::origin::Caller as Page;
use super::problem::Problem;
use super::server::Place;
use crate::rooms::connection::{Caller, Connection};
use crate::store::origin::Origin;

/// Largest message and frame.
const MOST_BYTES: usize = signaling::message::parse::MAX_MESSAGE_BYTES;
/// axum's default of 128 KiB a socket is 135 KB of memory for each idle one; with this it is 7.
const READ_BUFFER: usize = 4_096;

/// `GET /ws`.
///
/// A browser sends the cookie along wherever the page is from, so the page's origin decides before anything else: another
/// origin, `null`, or a cookie without an origin is 403 with nothing in it. A program brings a bearer token or, in
/// `hello`, a ticket.
pub async fn upgrade(
    State(state): State<ApiState>,
    headers: HeaderMap,
    place: Option<Extension<Place>>,
    ClientAddress(address): ClientAddress,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let page = state.origins.caller(&headers);
    let has_cookie = auth::cookie(&headers, auth::cookie_name(&state)).is_some();
    // Of the same parser that signs in: another scheme would leave the cookie to do it.
    let has_bearer = auth::bearer(&headers).is_some();
    let is_forged = page == Page::Foreign || (page == Page::Unknown && has_cookie && !has_bearer);
    if is_forged {
        metrics::counter!("kafedra_sockets_refused_total").increment(1);
        return StatusCode::FORBIDDEN.into_response();
    }
    let socket = match socket {
        Ok(socket) => socket,
        Err(rejection) => return rejection.into_response(),
    };
    // Before the sign-in is looked up: one that ends in between is heard of.
    let revoked = state.revoked.subscribe();
    let caller = match auth::signed_in(&state, &headers).await {
        Ok(Some(session)) => match session.with_own_password() {
            Ok(session) => Caller::Known(session.principal),
            Err(problem) => return problem.into_response(),
        },
        Ok(None) => Caller::Unknown,
        // A browser cannot see the status of a refused upgrade: it hears `session_expired` after `hello`.
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => Caller::Expired,
        // The store does not answer: that says nothing about the sign-in.
        Err(problem) => return problem.into_response(),
    };
    let stranger = match caller {
        Caller::Known(_) => None,
        Caller::Unknown | Caller::Expired => match state.strangers.enter(address) {
            Some(stranger) => Some(Box::new(stranger) as _),
            None => {
                metrics::counter!("kafedra_sockets_refused_total").increment(1);
                return Problem::new("rate_limited").retry_after_s(10).into_response();
            }
        },
    };
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
    let tickets = state.clone();
    let connection = Connection {
        rooms: state.rooms.clone(),
        caller,
        redeem: Arc::new(move |ticket| tickets.tickets.redeem(ticket, origin.as_deref(), tickets.clock.now_ms())),
        revoked,
        stranger,
    };
    socket
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .on_upgrade(move |socket| async move {
            Origin::of(address).around(connection.run(socket)).await;
            drop(place);
        })
}
