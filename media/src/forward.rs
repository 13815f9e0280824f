//! Sources: what a peer publishes, in layers, and which slots of which peers carry it. `sfu` moves packets between them.

pub mod keyframe;
pub mod layer;
pub mod reception;
pub mod rewrite;
pub mod rtx_cache;
pub mod selector;
pub mod slot;

use std::time::Instant;

use crate::model::{PeerKey, RoomKey, SourceKey, SourceKind};
use crate::transport::TransportIndex;
use layer::Layer;
use slot::Slot;

/// Place of a source in its worker's table; reused after the source is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceIndex(pub usize);

/// A slot that carries a source: the receiver's transport and the index of the m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    pub transport: TransportIndex,
    pub line: usize,
}

/// One published source.
#[derive(Debug)]
pub struct Source {
    pub room: RoomKey,
    pub key: SourceKey,
    pub kind: SourceKind,
    pub peer: PeerKey,
    pub owner: TransportIndex,
    /// In the order of the offer.
    pub layers: Vec<Layer>,
    pub subscribers: Vec<Subscriber>,
    /// `SourceAdded` was said.
    pub announced: bool,
    /// By the room; a new source is, until the room lets it flow.
    pub paused: bool,
    /// The owner may send this kind.
    pub allowed: bool,
    /// Its payload is secret (end-to-end encryption): never looked at, never changed.
    pub is_encrypted: bool,
    /// Some layer has packets that are not forwarded yet.
    pub dirty: bool,
    /// When they are, while it is dirty.
    pub due: Instant,
}

impl Source {
    /// Notes that somebody needs a key frame of this layer.
    pub fn want_key_frame(&mut self, layer: u8) {
        if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
            layer.request.want();
        }
    }

    /// Whether its packets are forwarded at all; otherwise nothing is asked of the publisher either.
    pub fn is_open(&self) -> bool {
        self.allowed && !self.paused
    }

    /// Chooses for a slot the layer, and of a layered stream the spatial layer, by the height of its picture.
    pub fn aim(&self, now: Instant, slot: &mut Slot) {
        slot.target = layer::choose(&self.layers, now, slot.max_height);
        if let Some(layer) = self.layers.get(usize::from(slot.target)) {
            slot.selector.wanted.spatial = layer.choose_spatial(slot.max_height);
        }
    }
}
