//! One-use tickets for the WebSocket: 30 seconds, bound to the sign-in and to the page that asked. In memory: a hub that
//! restarts makes its clients ask again.

use std::collections::HashMap;
use std::sync::Mutex;

use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use crate::domain::policy::Principal;

/// How long a ticket waits to be used, seconds.
pub const LIFE_S: u32 = 30;

/// Most tickets at once; when it is full the oldest go first.
const CAPACITY: usize = 50_000;

#[derive(Debug, Default)]
pub struct Tickets {
    waiting: Mutex<HashMap<[u8; 32], Ticket>>,
}

#[derive(Debug)]
struct Ticket {
    principal: Principal,
    origin: Option<String>,
    expires_ms: i64,
}

impl Tickets {
    /// A new ticket. `origin` is the page's, when the browser told it.
    pub fn issue(&self, principal: &Principal, origin: Option<&str>, now_ms: i64) -> String {
        let secret = random_secret();
        let ticket = Ticket {
            principal: principal.clone(),
            origin: origin.map(str::to_lowercase),
            expires_ms: now_ms + i64::from(LIFE_S) * 1000,
        };
        let mut waiting = self.waiting.lock().expect("no code panics while it holds the lock");
        if waiting.len() >= CAPACITY {
            waiting.retain(|_, ticket| ticket.expires_ms > now_ms);
            if waiting.len() >= CAPACITY {
                waiting.clear();
            }
        }
        waiting.insert(digest(&secret), ticket);
        secret
    }

    /// Takes a ticket out of the world. `None`: used, expired, of another page, or never issued.
    pub fn redeem(&self, secret: &str, origin: Option<&str>, now_ms: i64) -> Option<Principal> {
        let ticket = self.waiting.lock().expect("no code panics while it holds the lock").remove(&digest(secret))?;
        let same_page = ticket.origin.is_none() || ticket.origin == origin.map(str::to_lowercase);
        (ticket.expires_ms > now_ms && same_page).then_some(ticket.principal)
    }

    /// Sign-out takes the tickets of that sign-in along.
    pub fn revoke(&self, session: &str) {
        self.waiting
            .lock()
            .expect("no code panics while it holds the lock")
            .retain(|_, ticket| ticket.principal.session != session);
    }
}

/// 256 random bits as 43 characters that need no quoting anywhere.
pub fn random_secret() -> String {
    use base64::Engine as _;
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{PersonId, SchoolId};

    fn principal() -> Principal {
        Principal {
            school: SchoolId::new("s"),
            person: PersonId::new("p"),
            code: "T-014".into(),
            display_name: "T".into(),
            roles: Vec::new(),
            scopes: None,
            session: "abc".into(),
        }
    }

    #[test]
    fn a_ticket_works_once() {
        let tickets = Tickets::default();
        let secret = tickets.issue(&principal(), None, 0);
        assert!(tickets.redeem(&secret, None, 1).is_some());
        assert!(tickets.redeem(&secret, None, 1).is_none());
    }

    #[test]
    fn a_ticket_dies_after_thirty_seconds_and_with_its_session() {
        let tickets = Tickets::default();
        let secret = tickets.issue(&principal(), None, 0);
        assert!(tickets.redeem(&secret, None, 31_000).is_none());
        let secret = tickets.issue(&principal(), None, 0);
        tickets.revoke("abc");
        assert!(tickets.redeem(&secret, None, 1).is_none());
    }

    #[test]
    fn a_ticket_is_bound_to_its_page() {
        let tickets = Tickets::default();
        let secret = tickets.issue(&principal(), Some("https://hub.school"), 0);
        assert!(tickets.redeem(&secret, Some("https://evil.example"), 1).is_none());
        let secret = tickets.issue(&principal(), Some("https://hub.school"), 0);
        assert!(tickets.redeem(&secret, Some("https://hub.school"), 1).is_some());
    }
}
