//! Relays (TURN) for clients whose network lets nothing through to the media ports, with credentials that end by
//! themselves: the REST scheme that coturn knows as `use-auth-secret`. The user name is an expiry and a person, the password
//! its HMAC-SHA1 under a secret shared with the relay; the hub and the relay never talk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use signaling::ids::PersonId;
use signaling::message::session::IceServer;

use crate::config::secret::Secret;
use crate::config::turn::Turn;

/// The relays of this hub; none by default.
#[derive(Clone, Debug, Default)]
pub struct Relays {
    /// Those with credentials, and STUN servers, which need none.
    turn: Vec<String>,
    stun: Vec<String>,
    secret: Secret,
    ttl_s: u32,
}

impl Relays {
    pub fn new(settings: &Turn) -> Self {
        let (stun, turn) = settings.urls.iter().cloned().partition(|url| url.starts_with("stun"));
        Self { turn, stun, secret: settings.secret.clone(), ttl_s: settings.ttl_s }
    }

    /// Whether there is anything that has to be given anew before it ends.
    pub fn end(&self) -> bool {
        !self.turn.is_empty()
    }

    /// How often everybody is given new credentials: twice in their life, so that a lost message costs nothing.
    pub fn renewed_every(&self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::from(self.ttl_s) * 500)
    }

    /// For `RTCPeerConnection`, good for `turn.ttl_s` seconds from `now_ms` (Unix milliseconds). The relay counts what a
    /// person has open by the name behind the colon.
    pub fn servers(&self, person: &PersonId, now_ms: i64) -> Vec<IceServer> {
        let mut servers = Vec::new();
        if !self.stun.is_empty() {
            servers.push(IceServer { urls: self.stun.clone(), username: None, credential: None });
        }
        if !self.turn.is_empty() {
            let expires_s = now_ms / 1000 + i64::from(self.ttl_s);
            let username = format!("{expires_s}:{person}");
            let credential = STANDARD.encode(sign(self.secret.expose(), &username));
            servers.push(IceServer { urls: self.turn.clone(), username: Some(username), credential: Some(credential) });
        }
        servers
    }
}

fn sign(secret: &str, username: &str) -> impl AsRef<[u8]> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(username.as_bytes());
    mac.finalize().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relays(urls: &[&str]) -> Relays {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Relays::new(&Turn { urls, secret: Secret::new("north"), ..Turn::default() })
    }

    #[test]
    fn a_credential_names_its_end_and_its_person_and_is_signed() {
        let relays = relays(&["stun:relay.example", "turn:relay.example?transport=udp", "turns:relay.example"]);
        let servers = relays.servers(&PersonId::new("p-1"), 1_000_999);
        assert_eq!(servers.len(), 2);
        assert_eq!(servers[0].urls, ["stun:relay.example"]);
        assert_eq!(servers[0].credential, None);
        assert_eq!(servers[1].urls, ["turn:relay.example?transport=udp", "turns:relay.example"]);
        assert_eq!(servers[1].username.as_deref(), Some("1600:p-1"));
        // printf 1600:p-1 | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(servers[1].credential.as_deref(), Some("5XUFdXj9L9k8sgQQKGYHSVe7kV4="));
        assert!(relays.end());
        assert_eq!(relays.renewed_every().as_secs(), 300);
    }

    #[test]
    fn without_relays_nothing_is_given() {
        assert!(relays(&[]).servers(&PersonId::new("p-1"), 0).is_empty());
        assert!(!relays(&["stun:relay.example"]).end());
    }
}
