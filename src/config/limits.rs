//! `[limits]`: bounds on what one person or address can take. What happens at each bound stands beside it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Sources by WHIP that one person publishes into a room; one more is refused with 409.
    pub sources_per_person: u32,
    /// WHEP watchers of one person in a room; one more is refused with 409.
    pub watchers_per_person: u32,
    /// WebSockets of one person; one more is refused with 429.
    pub sockets_per_person: u32,
    /// WebSockets of one network (256 addresses of IPv4, 64 bits of IPv6) on which nobody has signed in yet; one more is
    /// refused with 429. Browsers sign in by their cookie and do not count.
    pub strangers_per_network: u32,
    /// Requests to `/api/` in a second of one person, or of one address without a sign-in; more are refused with 429. A
    /// school behind one public address raises it.
    pub api_per_second: u32,
    /// Requests at once before that rate holds.
    pub api_burst: u32,
    /// Joins of one person in a minute over WebSocket, WHIP and WHEP; more are refused as `rate_limited`.
    pub joins_per_minute: u32,
    /// Joins at once before that rate holds.
    pub joins_burst: u32,
    /// Failed logins of one account in 15 minutes before each next try has to wait longer.
    pub logins_per_account: u32,
    /// Failed logins from one address in 15 minutes before each next try has to wait longer. A school behind one
    /// public address raises it.
    pub logins_per_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sources_per_person: 4,
            watchers_per_person: 10,
            sockets_per_person: 50,
            strangers_per_network: 200,
            api_per_second: 20,
            api_burst: 100,
            joins_per_minute: 10,
            joins_burst: 20,
            logins_per_account: 5,
            logins_per_address: 20,
        }
    }
}
