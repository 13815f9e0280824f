//! How often one person, or one address without a sign-in, may ask `/api/`: `rate_limited` with Retry-After beyond it.
//! Health, figures, sockets and the web client's files are not counted.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::ApiState;
use super::auth::{self, Known};
use super::problem::Problem;
use crate::domain::ids::PersonId;
use crate::rate::Buckets;
use crate::store::origin::Origin;

/// The buckets of everybody. Persons and addresses are kept apart: a flood from many addresses pushes no person out.
pub struct RateLimits {
    persons: Buckets<PersonId>,
    addresses: Buckets<IpAddr>,
}

impl RateLimits {
    pub fn new(per_second: u32, burst: u32) -> Self {
        let second = Duration::from_secs(1);
        Self { persons: Buckets::new(per_second, second, burst), addresses: Buckets::new(per_second, second, burst) }
    }

    /// Forgets who has been quiet.
    pub fn forget_idle(&self) {
        self.persons.forget_idle();
        self.addresses.forget_idle();
    }
}

/// Counts a request under `/api/`, and hands on whose it is and from where.
pub async fn limit(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let address = auth::address(&state, request.extensions(), request.headers());
    let signed = auth::signed_in(&state, request.headers()).await;
    let taken = match &signed {
        Ok(Some(session)) => state.rate_limits.persons.take(&session.principal.person),
        Ok(None) | Err(_) => state.rate_limits.addresses.take(&network(address)),
    };
    if let Err(wait) = taken {
        metrics::counter!("kafedra_rate_limited_total").increment(1);
        let wait_s = (wait.as_millis() as u64).div_ceil(1000).max(1);
        let params = serde_json::json!({ "retry_after_s": wait_s });
        return Problem::new("rate_limited").params(params).retry_after_s(wait_s).into_response();
    }
    request.extensions_mut().insert(Known(signed));
    Origin::of(address).around(next.run(request)).await
}

/// What one subscriber has: an IPv4 address, or 64 bits of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_one_subscriber_share_a_bucket() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
