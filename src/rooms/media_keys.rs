//! Two sets of names for the same things: the wire's (`PeerId`, `SourceId`) in the room, numbers in the SFU.
//!
//! A peer that starts anew gets a new number, so that late events of its earlier connection name nobody.

use std::collections::HashMap;

use media::model as sfu;
use signaling::ids::{Mid, PeerId, SourceId};
use signaling::message::media::SourceKind;
use signaling::room::{MediaEvent, Publish};

/// The two-way dictionary of one room.
#[derive(Debug, Default)]
pub(super) struct MediaKeys {
    last: u64,
    peers: HashMap<PeerId, sfu::PeerKey>,
    peer_names: HashMap<sfu::PeerKey, PeerId>,
    sources: HashMap<SourceId, (sfu::SourceKey, sfu::PeerKey)>,
    source_names: HashMap<sfu::SourceKey, SourceId>,
}

impl MediaKeys {
    /// The peer's number; made on first use.
    pub(super) fn peer(&mut self, peer: &PeerId) -> sfu::PeerKey {
        if let Some(key) = self.peers.get(peer) {
            return *key;
        }
        self.last += 1;
        let key = sfu::PeerKey(self.last);
        self.peers.insert(peer.clone(), key);
        self.peer_names.insert(key, peer.clone());
        key
    }

    /// The peer's number, if it has one.
    pub(super) fn known_peer(&self, peer: &PeerId) -> Option<sfu::PeerKey> {
        self.peers.get(peer).copied()
    }

    /// The source's number; the same in every renegotiation of one peer connection.
    pub(super) fn source(&mut self, source: &SourceId, owner: sfu::PeerKey) -> sfu::SourceKey {
        if let Some((key, _)) = self.sources.get(source) {
            return *key;
        }
        self.last += 1;
        let key = sfu::SourceKey(self.last);
        self.sources.insert(source.clone(), (key, owner));
        self.source_names.insert(key, source.clone());
        key
    }

    pub(super) fn known_source(&self, source: &SourceId) -> Option<sfu::SourceKey> {
        self.sources.get(source).map(|(key, _)| *key)
    }

    /// Forgets a peer and its sources.
    pub(super) fn forget(&mut self, peer: &PeerId) -> Option<sfu::PeerKey> {
        let gone = self.peers.remove(peer)?;
        self.peer_names.remove(&gone);
        self.sources.retain(|_, (_, owner)| *owner != gone);
        let sources = &self.sources;
        self.source_names.retain(|key, name| sources.get(name).is_some_and(|(known, _)| known == key));
        Some(gone)
    }

    /// The name of a peer's number; `None`: gone.
    pub(super) fn peer_name(&self, key: sfu::PeerKey) -> Option<&PeerId> {
        self.peer_names.get(&key)
    }

    /// The name of a source's number; `None`: gone.
    pub(super) fn source_name(&self, key: sfu::SourceKey) -> Option<&SourceId> {
        self.source_names.get(&key)
    }

    /// Everybody who has a number.
    pub(super) fn peers(self) -> impl Iterator<Item = PeerId> {
        self.peers.into_keys()
    }

    /// The room's word for an event; `None`: about somebody who is gone.
    pub(super) fn event(&self, event: sfu::SfuEvent) -> Option<MediaEvent> {
        let peer = |key| self.peer_names.get(&key).cloned();
        let source = |key| self.source_names.get(&key).cloned();
        Some(match event {
            sfu::SfuEvent::Connected { peer: key } => MediaEvent::Connected { peer: peer(key)? },
            sfu::SfuEvent::Disconnected { peer: key } => MediaEvent::Disconnected { peer: peer(key)? },
            sfu::SfuEvent::Fallen { peer: key } => MediaEvent::Fallen { peer: peer(key)? },
            sfu::SfuEvent::SourceAdded { peer: owner, source: key, kind } => {
                MediaEvent::SourceAdded { peer: peer(owner)?, source: source(key)?, kind: wire_kind(kind) }
            }
            sfu::SfuEvent::SourceRemoved { source: key } => MediaEvent::SourceRemoved { source: source(key)? },
            sfu::SfuEvent::SlotsChanged { peer: key, slots } => MediaEvent::SlotsChanged {
                peer: peer(key)?,
                slots: slots.into_iter().map(|(mid, key)| (Mid::new(mid), key.and_then(source))).collect(),
            },
            sfu::SfuEvent::LayersWanted { peer: owner, source: key, rids, is_watched, spatial_unwatched } => {
                let (peer, source) = (peer(owner)?, source(key)?);
                MediaEvent::LayersWanted { peer, source, rids, watched: is_watched, spatial_unwatched }
            }
            sfu::SfuEvent::Speakers { peers } => {
                MediaEvent::Speakers { peers: peers.into_iter().filter_map(peer).collect() }
            }
        })
    }
}

pub(super) fn sfu_kind(kind: SourceKind) -> sfu::SourceKind {
    match kind {
        SourceKind::Microphone => sfu::SourceKind::Microphone,
        SourceKind::Camera => sfu::SourceKind::Camera,
        SourceKind::ScreenAudio => sfu::SourceKind::ScreenAudio,
        SourceKind::Screen => sfu::SourceKind::Screen,
    }
}

fn wire_kind(kind: sfu::SourceKind) -> SourceKind {
    match kind {
        sfu::SourceKind::Microphone => SourceKind::Microphone,
        sfu::SourceKind::Camera => SourceKind::Camera,
        sfu::SourceKind::ScreenAudio => SourceKind::ScreenAudio,
        sfu::SourceKind::Screen => SourceKind::Screen,
    }
}

pub(super) fn sfu_publish(allowed: Publish) -> sfu::Publish {
    sfu::Publish { audio: allowed.audio, video: allowed.video, screen: allowed.screen }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_starts_anew_has_new_numbers_and_old_events_name_nobody() {
        let mut keys = MediaKeys::default();
        let (ann, camera) = (PeerId::new("ann"), SourceId::new("ann:camera"));
        let first = keys.peer(&ann);
        let old = keys.source(&camera, first);
        assert_eq!(keys.source(&camera, first), old);
        keys.forget(&ann);
        let second = keys.peer(&ann);
        let new = keys.source(&camera, second);
        assert!(first != second && old != new);
        assert!(keys.event(sfu::SfuEvent::SourceRemoved { source: old }).is_none());
        assert!(keys.event(sfu::SfuEvent::Disconnected { peer: first }).is_none());
        assert!(keys.event(sfu::SfuEvent::SourceRemoved { source: new }).is_some());
    }
}
