//! Whose datagram is this, and what is it (RFC 7983). The map of paths is filled by authenticated checks only: a
//! datagram over any other path that is not STUN reaches no DTLS and no SRTP code.

use std::collections::HashMap;

use crate::path::Path;
use crate::transport::TransportIndex;

/// What a datagram is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Unknown,
}

/// Tells protocols apart by the first octet, RTCP by the second (RFC 5761 section 4).
pub fn classify(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] if datagram.len() >= 20 && datagram[4..8] == [0x21, 0x12, 0xa4, 0x42] => Kind::Stun,
        [20..=63, ..] if datagram.len() >= 13 => Kind::Dtls,
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, ..] if datagram.len() >= 12 => Kind::Rtp,
        _ => Kind::Unknown,
    }
}

/// The maps from wire names to transports.
#[derive(Debug, Default)]
pub struct Demux {
    by_path: HashMap<Path, TransportIndex>,
    by_ufrag: HashMap<String, TransportIndex>,
}

impl Demux {
    /// Where a check for this user fragment goes.
    pub fn by_ufrag(&self, ufrag: &str) -> Option<TransportIndex> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// Whose validated path this is.
    pub fn by_path(&self, path: &Path) -> Option<TransportIndex> {
        self.by_path.get(path).copied()
    }

    pub fn add_ufrag(&mut self, ufrag: String, transport: TransportIndex) {
        self.by_ufrag.insert(ufrag, transport);
    }

    pub fn remove_ufrag(&mut self, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
    }

    /// A path passed an authenticated check. It belongs to whoever proved it last; whether one may take it over from another
    /// is decided before.
    pub fn add_path(&mut self, path: Path, transport: TransportIndex) {
        self.by_path.insert(path, transport);
    }

    /// Forgets a path unless it has passed to another transport.
    pub fn remove_path(&mut self, path: &Path, transport: TransportIndex) {
        if self.by_path(path) == Some(transport) {
            self.by_path.remove(path);
        }
    }

    /// Nothing is left (leak check of the tests).
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty() && self.by_ufrag.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_apart_by_their_first_bytes() {
        let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
        assert_eq!(classify(&stun), Kind::Stun);
        assert_eq!(classify(&stun[..19]), Kind::Unknown);
        assert_eq!(classify(&[22; 13]), Kind::Dtls);
        assert_eq!(classify(&[0x80, 200, 0, 0]), Kind::Rtcp);
        assert_eq!(classify(&[0x80; 12]), Kind::Rtp);
        assert_eq!(classify(&[]), Kind::Unknown);
        assert_eq!(classify(&[255]), Kind::Unknown);
    }
}
