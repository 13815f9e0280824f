//! Sources: what a peer publishes, in layers, and which slots of which peers carry it. `sfu` moves packets between them.

pub mod history;
pub mod keyframe;
pub mod ladder;
pub mod layer;
pub mod rates;
pub mod reception;
pub mod rewrite;
pub mod rtx_cache;
pub mod selector;
pub mod slot;

use std::time::Instant;

use crate::model::{PeerKey, RoomKey, SourceKey, SourceKind};
use crate::transport::TransportIndex;
use keyframe::Throttle;
use layer::Layer;
use selector::Layers;
use slot::{Allowance, Reason, Slot};

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
    /// When its publisher may be asked for key frames again.
    pub requests: Throttle,
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

    /// Chooses for a slot the layer, and of a layered stream the layers within, by the height of its picture and by what
    /// the receiver's budget allows.
    pub fn aim(&self, now: Instant, slot: &mut Slot) {
        if self.kind.is_audio() {
            return;
        }
        let (takes, is_taken) = (slot.takes, self.is_for(slot));
        slot.set_paused(slot.max_height == 0 || !is_taken || slot.allowance == Allowance::Paused);
        if slot.max_height == 0 || !is_taken {
            (slot.wish, slot.reason) = (None, if is_taken { Reason::Hidden } else { Reason::Codec });
            return;
        }
        let is_there = |layer: &Layer| layer.is_for(takes) && layer.is_active(now);
        let may_come = |layer: &Layer| layer.is_for(takes) && (layer.is_active(now) || layer.is_asleep());
        let ideal = layer::choose(&self.layers, slot.max_height, may_come);
        let (wish, limits) = match slot.allowance {
            Allowance::New | Allowance::Free => (ideal, Layers::ALL),
            Allowance::Rung(rung) => (rung.layer, Layers { spatial: rung.spatial, temporal: rung.temporal }),
            // The smallest is kept alive for it.
            Allowance::Paused => (layer::choose(&self.layers, 1, may_come), Layers::ALL),
        };
        slot.wish = Some(wish);
        slot.inner_wish = match (self.layers.get(usize::from(wish)), slot.allowance) {
            (_, Allowance::Paused) | (None, _) => 0,
            (Some(layer), _) => layer.choose_spatial(slot.max_height).min(limits.spatial),
        };
        slot.target = layer::choose_below(&self.layers, wish, is_there);
        let is_wished = slot.target == wish;
        let mut is_highest = is_wished && wish == ideal;
        if let Some(layer) = self.layers.get(usize::from(slot.target)) {
            let fitting = layer.choose_spatial(slot.max_height);
            // Of another layer than the rung's, all of it: it costs less.
            let limits = if is_wished { limits } else { Layers::ALL };
            slot.selector.wanted = Layers { spatial: fitting.min(limits.spatial), temporal: limits.temporal };
            is_highest &= limits.spatial >= fitting && limits.temporal == u8::MAX;
        }
        slot.reason = match slot.allowance {
            _ if slot.has_overflowed => Reason::Overflow,
            Allowance::Paused => Reason::Bandwidth,
            Allowance::Rung(_) if !is_highest && is_wished => Reason::Bandwidth,
            _ if !is_wished => Reason::Missing,
            _ => Reason::Fits,
        };
    }

    /// Whether the receiver can decode any layer of it.
    pub fn is_for(&self, slot: &Slot) -> bool {
        self.layers.iter().any(|layer| layer.is_for(slot.takes))
    }

    /// The place of a layer among its source's, lowest first.
    pub fn rank_of(&self, layer: u8) -> usize {
        let mut ranked = [0; crate::sdp::MAX_LAYERS];
        let count = ladder::rank(&self.layers, &mut ranked, |_| true);
        ranked[..count].iter().position(|number| *number == layer).unwrap_or(0)
    }
}
