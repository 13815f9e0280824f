//! Who asks: the session cookie or the bearer token, turned into a [`Principal`]. Nothing in a message ever names its
//! sender.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use sha2::{Digest as _, Sha256};

use super::ApiState;
use super::problem::Problem;
use crate::domain::policy::{Grant, Kind, Principal, Relations, authorize};
use crate::store::sessions::{SessionKind, SessionRow};

/// A sign-in is written down as "in use" at most this often.
const TOUCH_EVERY_MS: i64 = 60_000;

/// The signed-in person behind a request. As an argument of a handler it refuses everybody else, and whoever must choose a
/// password of their own first.
#[derive(Clone, Debug)]
pub struct Session {
    pub principal: Principal,
    pub row: SessionRow,
    /// Somebody else chose the password by which this browser signed in.
    pub is_password_due: bool,
}

/// The same for what comes before a password of one's own: reading oneself and choosing it.
#[derive(Clone, Debug)]
pub struct AnySession(pub Session);

impl Session {
    /// Asks the policy on behalf of this person.
    ///
    /// # Errors
    /// The problem of the denial.
    pub fn allow<A: Kind>(&self, relations: Relations) -> Result<Grant<A>, Problem> {
        authorize(&self.principal, relations).map_err(Problem::from)
    }

    /// # Errors
    /// `password_change_required` until the person has chosen a password of their own.
    pub fn with_own_password(self) -> Result<Self, Problem> {
        if self.is_password_due {
            return Err(Problem::new("password_change_required").detail("the first password must be changed"));
        }
        Ok(self)
    }
}

impl FromRequestParts<ApiState> for AnySession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let signed = match parts.extensions.get::<Known>() {
            Some(Known(signed)) => signed.clone(),
            None => signed_in(state, &parts.headers).await,
        };
        signed?.ok_or_else(|| Problem::new("not_authenticated")).map(Self)
    }
}

impl FromRequestParts<ApiState> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let AnySession(session) = AnySession::from_request_parts(parts, state).await?;
        session.with_own_password()
    }
}

/// The sign-in of a request that a layer has looked up already, in its extensions.
#[derive(Clone, Debug)]
pub struct Known(pub Result<Option<Session>, Problem>);

/// The sign-in that a request brings; `None`: it brings none at all.
///
/// # Errors
/// `session_expired` for a secret that is not, or no longer, ours.
pub async fn signed_in(state: &ApiState, headers: &HeaderMap) -> Result<Option<Session>, Problem> {
    let (secret, kind) = match (bearer(headers), cookie(headers, cookie_name(state))) {
        (Some(token), _) => (token, SessionKind::Token),
        (None, Some(id)) => (id, SessionKind::Cookie),
        (None, None) => return Ok(None),
    };
    let now_ms = state.clock.now_ms();
    let hash = secret_hash(secret);
    let row = state.store.session(&hash, now_ms).await?.filter(|row| row.kind == kind);
    let Some(row) = row else { return Err(Problem::new("session_expired")) };
    let Some(mut session) = super::people::session(state, row, now_ms).await? else {
        return Err(Problem::new("session_expired"));
    };
    let row = &mut session.row;
    if kind == SessionKind::Cookie {
        tighten(state, row, &session.principal).await?;
        if !row.is_alive(now_ms) {
            return Err(Problem::new("session_expired"));
        }
    }
    if now_ms - row.seen_ms >= TOUCH_EVERY_MS
        && let Err(error) = state.store.touch_session(&hash, now_ms).await
    {
        // A full disk must not sign everybody out: reading goes on.
        tracing::warn!(%error, "a session's last use is not stored");
    }
    Ok(Some(session))
}

/// Whoever became staff or administrator after signing in is held to their shorter times from then on.
async fn tighten(state: &ApiState, row: &mut SessionRow, who: &Principal) -> Result<(), Problem> {
    let (idle_ms, life_ms) = super::session::lifetime(state, &who.roles);
    let expires_ms = row.created_ms + life_ms;
    if idle_ms < row.idle_ms || expires_ms < row.expires_ms {
        row.idle_ms = row.idle_ms.min(idle_ms);
        row.expires_ms = row.expires_ms.min(expires_ms);
        state.store.tighten_session(&row.id_hash, row.idle_ms, row.expires_ms).await?;
    }
    Ok(())
}

/// `__Host-` binds the cookie to this host and to https; without https browsers would drop it.
pub fn cookie_name(state: &ApiState) -> &'static str {
    if is_https(state) { "__Host-sid" } else { "sid" }
}

pub fn is_https(state: &ApiState) -> bool {
    state.config.public_url().starts_with("https://")
}

/// SHA-256 of a session id or token, hex: what the store knows.
pub fn secret_hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// The token of `Authorization: Bearer TOKEN`, and of no other scheme.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The value of a cookie; of several with one name the first, as browsers send the most specific first.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The address that a request came from, for limits. Never logged.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<ApiState> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Ok(Self(address(state, &parts.extensions, &parts.headers)))
    }
}

/// The address that a request came from.
pub fn address(state: &ApiState, extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
    let peer = extensions.get::<PeerAddress>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    client_address(peer, headers, &state.config.server.trusted_proxies)
}

/// The other end of the TCP connection, put into each request by the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// Walks `X-Forwarded-For` from the right past the proxies that are trusted.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[String]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|proxy| proxy.parse() == Ok(*address));
    if !is_trusted(&peer) {
        return peer;
    }
    headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|address| address.trim().parse().ok())
        .rev_find_untrusted(is_trusted)
        .unwrap_or(peer)
}

trait LastUntrusted: Iterator<Item = IpAddr> + Sized {
    fn rev_find_untrusted(self, is_trusted: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let all: Vec<IpAddr> = self.collect();
        all.into_iter().rev().find(|address| !is_trusted(address))
    }
}

impl<I: Iterator<Item = IpAddr>> LastUntrusted for I {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_forwarded_address_is_believed_from_trusted_proxies_only() {
        let check = |peer: &str, forwarded: &str, expected: &str| {
            let headers = [("x-forwarded-for", forwarded)]
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            let trusted = ["10.0.0.1".to_owned(), "10.0.0.2".to_owned()];
            assert_eq!(client_address(peer.parse().unwrap(), &headers, &trusted), expected.parse::<IpAddr>().unwrap());
        };
        check("192.0.2.1", "203.0.113.9", "192.0.2.1");
        check("10.0.0.1", "203.0.113.9", "203.0.113.9");
        check("10.0.0.1", "198.51.100.7, 203.0.113.9, 10.0.0.2", "203.0.113.9");
        check("10.0.0.1", "unknown", "10.0.0.1");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers: HeaderMap = [(header::COOKIE, "xsid=1; sid=2; sid=3".parse().unwrap())].into_iter().collect();
        assert_eq!(cookie(&headers, "sid"), Some("2"));
        assert_eq!(cookie(&headers, "id"), None);
    }
}
