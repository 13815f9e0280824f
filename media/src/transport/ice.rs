//! ICE-lite (RFC 8445 section 2.5) of one transport: answers authenticated checks, follows nominations, watches consent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCrypto;
use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message};
use rtc::stun::xoraddr::XorMappedAddress;

/// Silence after which nothing more is sent. RFC 7675 allows 30 s; browsers check every 2 to 5 s.
pub const CONSENT: Duration = Duration::from_secs(15);
/// An offer that has led to no connection after this time is given up: its seat must not be held for ever.
pub const CONNECT: Duration = Duration::from_secs(30);
/// Validated addresses kept per transport; the oldest goes first. A client has a handful of interfaces.
const ADDRESSES: usize = 8;

/// Our credentials for one generation of ICE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub password: String,
}

/// A check that was authentic.
pub struct Accepted {
    /// To send back to where the check came from.
    pub response: Vec<u8>,
    /// The address passed its first check just now.
    pub new_address: bool,
    /// An address that had to make room and is no longer valid.
    pub evicted: Option<SocketAddr>,
    /// The older generation of credentials is no longer needed: the restart is through.
    pub retired: Option<Credentials>,
}

/// ICE state of one transport.
pub struct Ice {
    pub credentials: Credentials,
    /// The generation before a restart, good until the new one has been used.
    previous: Option<Credentials>,
    /// The client's user fragment: checks name both.
    remote_ufrag: String,
    /// Oldest first; each has passed a check with our password.
    addresses: Vec<SocketAddr>,
    selected: Option<SocketAddr>,
    last_check: Option<Instant>,
}

impl Ice {
    pub fn new(credentials: Credentials, remote_ufrag: String) -> Self {
        Self { credentials, previous: None, remote_ufrag, addresses: Vec::new(), selected: None, last_check: None }
    }

    /// New credentials for a restart (RFC 8445 section 9); gives the generation that is given up at once, if any.
    pub fn restart(&mut self, credentials: Credentials, remote_ufrag: String) -> Option<Credentials> {
        self.remote_ufrag = remote_ufrag;
        let current = std::mem::replace(&mut self.credentials, credentials);
        self.previous.replace(current)
    }

    pub fn remote_ufrag(&self) -> &str {
        &self.remote_ufrag
    }

    /// Every generation of ours that checks may still name.
    pub fn generations(&self) -> impl Iterator<Item = &Credentials> {
        std::iter::once(&self.credentials).chain(&self.previous)
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where to send, while there is consent.
    pub fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Checks a binding request. `None`: not authentic, not a request, or not for us; no answer, no change.
    pub fn handle_check(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        crypto: &dyn RTCCrypto,
    ) -> Option<Accepted> {
        let mut request = Message::new();
        request.unmarshal_binary(datagram).ok()?;
        if request.typ != BINDING_REQUEST {
            return None;
        }
        let username = String::from_utf8(request.get(ATTR_USERNAME).ok()?).ok()?;
        let (ours, _theirs) = username.split_once(':')?;
        let generation = self.generations().find(|credentials| credentials.ufrag == ours)?.clone();
        // Integrity before anything else: nothing below may happen for a stranger.
        MessageIntegrity::check(&mut request, generation.password.as_bytes(), crypto).ok()?;

        let mut response = Message::new();
        response
            .build(&[
                Box::new(request.clone()),
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip: from.ip(), port: from.port() }),
                Box::new(MessageIntegrity::new_short_term_integrity_with_provider(generation.password.clone(), crypto)),
                Box::new(FINGERPRINT),
            ])
            .ok()?;

        let is_current = generation == self.credentials;
        let retired = if is_current { self.previous.take() } else { None };
        self.last_check = Some(now);
        let mut evicted = None;
        let new_address = !self.addresses.contains(&from);
        if new_address {
            if self.addresses.len() >= ADDRESSES {
                let oldest = self.addresses.iter().position(|address| Some(*address) != self.selected).unwrap_or(0);
                evicted = Some(self.addresses.remove(oldest));
            }
            self.addresses.push(from);
        }
        // After a restart the new generation decides; before it every nomination is followed, which is how roaming works.
        if self.selected.is_none() || retired.is_some() || (is_current && request.contains(ATTR_USE_CANDIDATE)) {
            self.selected = Some(from);
        }
        Some(Accepted { response: response.raw, new_address, evicted, retired })
    }

    /// Something authentic came over SRTP: who sends it is alive and answers for its address. Some clients (libnice as
    /// GStreamer uses it) send no checks after the first ones and would be cut off in the middle of their stream.
    pub fn note_alive(&mut self, now: Instant) {
        if self.last_check.is_some() {
            self.last_check = Some(now);
        }
    }

    /// When consent ends if no check comes before; `None`: there is none.
    pub fn consent_ends(&self) -> Option<Instant> {
        self.selected.and(self.last_check).map(|last| last + CONSENT)
    }

    /// Stops sending when consent has ended. `true`: it ended just now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.consent_ends().is_some_and(|end| now >= end) {
            self.selected = None;
            return true;
        }
        false
    }
}

/// Our user fragment in the USERNAME of a STUN message, read without trusting anything else in it.
pub fn ufrag_of(datagram: &[u8]) -> Option<&str> {
    let length = usize::from(u16::from_be_bytes(*datagram.get(2..4)?.first_chunk()?));
    let mut rest = datagram.get(20..)?.get(..length)?;
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = after.get(..length)?;
        if kind == ATTR_USERNAME.0 {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    None
}
