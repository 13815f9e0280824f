//! ICE-lite (RFC 8445 section 2.5) of one transport: answers authenticated checks, follows nominations, watches consent.
//! A check counts once: what somebody on the way has copied opens no path, nominates nothing and renews no consent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCrypto;
use rtc::stun::attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, TransactionId};
use rtc::stun::xoraddr::XorMappedAddress;

use crate::path::Path;

/// Silence after which nothing more is sent. RFC 7675 allows 30 s; browsers check every 2 to 5 s.
pub const CONSENT: Duration = Duration::from_secs(15);
/// A selected path that was not checked for so long loses its place to one that is, nominated or not: the address of a
/// client behind NAT has changed, and not every client nominates again. Clients check every 2 to 6 s (RFC 7675 section 5.1).
const SILENT: Duration = Duration::from_secs(7);
/// A path over which its client was heard less long ago is nobody else's. Who gets or sends media reports every second or
/// oftener beside the checks. A page that was closed without a word may come again from its address after this time.
const HELD: Duration = Duration::from_secs(5);
/// An offer that has led to no connection after this time is given up: its seat must not be held for ever.
pub const CONNECT: Duration = Duration::from_secs(30);
/// Validated paths kept per transport; the oldest goes first. A client has a handful of interfaces, each with UDP and TCP.
const PATHS: usize = 8;
/// Checks remembered, four bytes each: browsers check a path every 2.5 s, so these are a lesson's, 42 minutes of one path.
/// Nothing in a check tells its age: one that was copied earlier counts again, until the client's own next check.
const SEEN: usize = 1024;
/// Characters of a user fragment that name its worker: any worker can tell whose check came in over a shared TCP port.
const WORKER_CHARACTERS: usize = 2;

/// Our credentials for one generation of ICE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub password: String,
}

/// A check that was authentic.
pub struct Accepted {
    /// To send back over the path that the check came by.
    pub response: Vec<u8>,
    /// It was here before, and has changed nothing.
    pub is_copy: bool,
    /// A path that had to make room and is no longer valid.
    pub evicted: Option<Path>,
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
    /// Oldest first, each with its last check; all have passed one with our password.
    paths: Vec<(Path, Instant)>,
    /// One of `paths`.
    selected: Option<Path>,
    /// Since when.
    selected_since: Option<Instant>,
    /// Over any path; `None` when consent has ended, or was never given.
    last_check: Option<Instant>,
    /// Transactions of the checks that counted, oldest first.
    seen: VecDeque<u32>,
}

impl Ice {
    pub fn new(credentials: Credentials, remote_ufrag: String) -> Self {
        Self {
            credentials,
            previous: None,
            remote_ufrag,
            paths: Vec::new(),
            selected: None,
            selected_since: None,
            last_check: None,
            seen: VecDeque::new(),
        }
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

    pub fn paths(&self) -> impl Iterator<Item = Path> {
        self.paths.iter().map(|(path, _)| *path)
    }

    /// Where to send, while there is consent.
    pub fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// Checks a binding request. `None`: not authentic, not a request, not for us, or a copy of an earlier one over a path
    /// of its own; no answer, no change. A copy over a known path is answered, for the client may repeat a request whose
    /// answer was lost (RFC 8489 section 6.2.1), and changes nothing.
    pub fn handle_check(
        &mut self,
        now: Instant,
        path: Path,
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
        // RFC 8489 section 14.5: what stands behind MESSAGE-INTEGRITY is covered by nothing, and anybody can append it.
        let attributes = &mut request.attributes.0;
        let covered = attributes.iter().position(|attribute| attribute.typ == ATTR_MESSAGE_INTEGRITY)?;
        attributes.truncate(covered);
        if !request.contains(ATTR_USERNAME) {
            return None;
        }

        let mut response = Message::new();
        response
            .build(&[
                Box::new(request.clone()),
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip: path.remote.ip(), port: path.remote.port() }),
                Box::new(MessageIntegrity::new_short_term_integrity_with_provider(generation.password.clone(), crypto)),
                Box::new(FINGERPRINT),
            ])
            .ok()?;
        let response = response.raw;
        let is_known = self.paths.iter().any(|(known, _)| *known == path);
        if !self.is_first(request.transaction_id) {
            return is_known.then_some(Accepted { response, is_copy: true, evicted: None, retired: None });
        }

        let is_current = generation == self.credentials;
        let retired = if is_current { self.previous.take() } else { None };
        self.last_check = Some(now);
        let mut evicted = None;
        if let Some((_, checked)) = self.paths.iter_mut().find(|(known, _)| *known == path) {
            *checked = now;
        } else {
            if self.paths.len() >= PATHS {
                let oldest = self.paths.iter().position(|(known, _)| Some(*known) != self.selected).unwrap_or(0);
                evicted = Some(self.paths.remove(oldest).0);
            }
            self.paths.push((path, now));
        }
        // After a restart the new generation decides; before it every nomination is followed, which is how roaming works.
        let is_chosen = retired.is_some() || (is_current && request.contains(ATTR_USE_CANDIDATE));
        if is_chosen || self.selected_checked().is_none_or(|checked| now >= checked + SILENT) {
            self.select(now, path);
        }
        Some(Accepted { response, is_copy: false, evicted, retired })
    }

    /// Notes a transaction. `false`: it was here before. Four of its twelve bytes tell it well enough: they are random, and
    /// nobody without the password can make one that is authentic.
    fn is_first(&mut self, transaction: TransactionId) -> bool {
        let TransactionId(bytes) = transaction;
        let number = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if self.seen.contains(&number) {
            return false;
        }
        if self.seen.len() >= SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(number);
        true
    }

    fn select(&mut self, now: Instant, path: Path) {
        if self.selected != Some(path) {
            (self.selected, self.selected_since) = (Some(path), Some(now));
        }
    }

    /// Whether the client was heard over this path so lately that nobody else can be there. A path that it left for
    /// another, and did not use since, is free at once: behind a NAT that was restarted, addresses change hands.
    pub fn holds(&self, now: Instant, path: Path) -> bool {
        let Some((_, heard)) = self.paths.iter().find(|(known, _)| *known == path) else { return false };
        let has_left = self.selected != Some(path) && self.selected_since.is_some_and(|since| *heard < since);
        now < *heard + HELD && !has_left
    }

    /// Something authentic came over SRTP: who sends it is alive and answers for its address. Some clients (libnice as
    /// GStreamer uses it) send no checks after the first ones and would be cut off in the middle of their stream.
    pub fn note_alive(&mut self, now: Instant, path: Path) {
        if let (Some(last), Some((_, checked))) =
            (&mut self.last_check, self.paths.iter_mut().find(|(known, _)| *known == path))
        {
            (*last, *checked) = (now, now);
        }
    }

    /// When to look at consent again if no check comes before; `None`: there is none.
    pub fn consent_ends(&self) -> Option<Instant> {
        // A closed connection leaves its client the time to come by another path.
        self.selected_checked().or(self.last_check).map(|last| last + CONSENT)
    }

    /// When the selected path was checked last; `None`: none is selected.
    fn selected_checked(&self) -> Option<Instant> {
        self.paths.iter().find(|(path, _)| Some(*path) == self.selected).map(|(_, checked)| *checked)
    }

    /// Consent is one path's (RFC 7675 section 5.1): when it has ended there, what is sent goes by the path that was
    /// checked last, and stops when that is as old. `true`: it stopped just now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.consent_ends().is_none_or(|end| now < end) {
            return false;
        }
        let freshest = self.paths.iter().max_by_key(|(_, checked)| *checked);
        match freshest.filter(|(_, checked)| now < *checked + CONSENT).map(|(path, _)| *path) {
            Some(path) => self.select(now, path),
            None => (self.selected, self.last_check) = (None, None),
        }
        self.selected.is_none()
    }

    /// Forgets a path that is no more (a closed connection). What was sent over it waits for the next check.
    pub fn remove_path(&mut self, path: Path) {
        if self.selected == Some(path) {
            self.selected = None;
        }
        self.paths.retain(|(known, _)| *known != path);
    }
}

/// The beginning of every user fragment of one worker.
pub fn worker_prefix(worker: u8) -> String {
    format!("{worker:0WORKER_CHARACTERS$x}")
}

/// The worker that made this user fragment; `None`: none of ours.
pub fn worker_of(ufrag: &str) -> Option<u8> {
    u8::from_str_radix(ufrag.get(..WORKER_CHARACTERS)?, 16).ok()
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
