//! Which spatial and temporal layers of a stream a slot forwards: higher ones are left out, and taken up again only where
//! the receiver's decoder can follow. By the dependency descriptor where there is one, else by the layer ids of VP8 and VP9.

use super::rtx_cache::CachedPacket;
use crate::negotiate::Codec;
use crate::rtp::dependency::{Indication, Structure};
use crate::rtp::frame::{Dependency, FrameInfo, SwitchUp};

/// Pictures in a row that end below the chosen spatial layer before it counts as gone.
const SHORT_PICTURES: u8 = 3;

/// The highest layers wanted, or flowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    pub spatial: u8,
    pub temporal: u8,
}

impl Layers {
    /// Whatever the stream has.
    pub const ALL: Self = Self { spatial: u8::MAX, temporal: u8::MAX };
}

/// How a packet that passes is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Last packet of the picture, as the receiver gets it.
    pub marker: bool,
    /// Decode targets that the receiver gets; `u32::MAX`: as the source says.
    pub active: u32,
}

/// State of one slot towards its stream; bounded, no allocation.
#[derive(Clone, Debug)]
pub struct Selector {
    /// What should flow. Temporal layers change within some frames, spatial ones mostly with a key frame.
    pub wanted: Layers,
    current: Layers,
    /// Decode target that flows, where the stream has a dependency descriptor.
    target: Option<u8>,
    /// The decode target should be another one, and only a key frame leads there.
    is_stuck: bool,
    forwarded: Numbers,
    /// Highest spatial layer that the stream has, as far as known.
    top: u8,
    /// Pictures in a row that ended below `current.spatial`.
    short: u8,
    /// Frames of lower spatial layers were left out since the key frame: those layers cannot be decoded any more.
    gave_up_below: bool,
    /// The picture before said that from now on any temporal layer can be taken up.
    may_rise: bool,
    /// Newest picture seen.
    timestamp: Option<u32>,
}

impl Default for Selector {
    fn default() -> Self {
        Self {
            wanted: Layers::ALL,
            current: Layers::ALL,
            target: None,
            is_stuck: false,
            forwarded: Numbers::default(),
            top: u8::MAX,
            short: 0,
            gave_up_below: false,
            may_rise: false,
            timestamp: None,
        }
    }
}

impl Selector {
    /// Another stream begins with its next packet, the start of a key frame.
    pub fn restart(&mut self) {
        *self = Self { wanted: self.wanted, ..Self::default() };
    }

    /// Whether what is wanted can be had only from the next key frame on.
    pub fn awaits_key_frame(&self) -> bool {
        if self.target.is_some() {
            return self.is_stuck;
        }
        let wanted = self.wanted.spatial.min(self.top);
        // Before the first key frame of layers nothing is known, and nothing left out.
        let current = self.current.spatial.min(self.top);
        self.short >= SHORT_PICTURES || wanted > current || wanted < current && self.gave_up_below
    }

    /// Whether and how a packet passes.
    pub fn select(&mut self, packet: &CachedPacket) -> Option<Selected> {
        let info = &packet.info;
        match &info.dependency {
            Some(dependency) => self.by_dependency(packet, dependency),
            // Its structure has not come: the receiver could do nothing with it either.
            None if self.target.is_some() && packet.codec == Codec::Av1 => None,
            None if info.has_layers => self.by_layer(packet),
            None => Some(Selected { marker: packet.marker, active: u32::MAX }),
        }
    }

    fn by_dependency(&mut self, packet: &CachedPacket, found: &Dependency) -> Option<Selected> {
        let (info, structure) = (&packet.info, &found.structure);
        let wanted = structure.target(self.wanted.spatial, self.wanted.temporal, found.active);
        if info.starts_key_frame {
            self.forwarded = Numbers::default();
            self.target = Some(wanted);
        } else if self.target != Some(wanted) && info.starts_frame && self.forwarded.is_newest(found.number) {
            let is_decodable =
                found.references.iter().all(|back| self.forwarded.contains(found.number.wrapping_sub(back)));
            if found.indications.of(wanted) == Indication::Switch && is_decodable {
                self.target = Some(wanted);
            }
        }
        let target = self.target?;
        // A decode target within the one that flows is reached at its next switch indication.
        self.is_stuck = target != wanted
            && structure.contained(target) >> wanted & 1 == 0
            && !is_temporal_step(structure, target, wanted);
        if found.indications.of(target) == Indication::NotPresent {
            return None;
        }
        self.forwarded.insert(found.number);
        let (spatial, _) = structure.layers(target);
        let active = structure.contained(target) & found.active;
        Some(Selected {
            marker: packet.marker || info.ends_frame && info.spatial == spatial,
            active: if active == found.active { u32::MAX } else { active },
        })
    }

    fn by_layer(&mut self, packet: &CachedPacket) -> Option<Selected> {
        let info = &packet.info;
        let is_new = self.timestamp.is_none_or(|newest| (packet.timestamp.wrapping_sub(newest) as i32) > 0);
        if is_new {
            self.timestamp = Some(packet.timestamp);
            self.begin_picture();
        }
        if info.starts_key_frame {
            self.begin_key_picture(info);
        }
        if info.spatial > self.top {
            self.top = info.spatial;
        }
        if info.temporal > self.current.temporal {
            let is_next = info.temporal == self.current.temporal + 1 && info.temporal <= self.wanted.temporal;
            if !(is_next && info.switch_up == SwitchUp::Here && info.starts_frame) {
                return None;
            }
            self.current.temporal = info.temporal;
        }
        if info.switch_up == SwitchUp::After {
            self.may_rise = true;
        }
        if packet.marker {
            let is_short = info.spatial < self.current.spatial.min(self.top);
            self.short = if is_short { (self.short + 1).min(SHORT_PICTURES) } else { 0 };
            if self.short >= SHORT_PICTURES {
                self.top = info.spatial;
            }
        }
        if info.spatial > self.current.spatial {
            return None;
        }
        if info.spatial < self.current.spatial.min(self.top) && info.unused_above {
            self.gave_up_below = true;
            return None;
        }
        let ends_picture = info.ends_frame && info.spatial == self.current.spatial;
        Some(Selected { marker: packet.marker || ends_picture, active: u32::MAX })
    }

    fn begin_picture(&mut self) {
        if std::mem::take(&mut self.may_rise) {
            self.current.temporal = self.wanted.temporal;
        }
        self.current.temporal = self.current.temporal.min(self.wanted.temporal);
        if !self.gave_up_below {
            self.current.spatial = self.current.spatial.min(self.wanted.spatial);
        }
    }

    fn begin_key_picture(&mut self, info: &FrameInfo) {
        if let Some((layers, _)) = info.heights
            && self.short < SHORT_PICTURES
        {
            self.top = layers.saturating_sub(1);
        }
        self.current = self.wanted;
        self.short = 0;
        self.gave_up_below = false;
    }
}

/// Both decode targets are of one spatial layer: switch indications come with every period of the temporal pattern.
fn is_temporal_step(structure: &Structure, from: u8, to: u8) -> bool {
    structure.layers(from).0 == structure.layers(to).0
}

/// Which of the last 256 frame numbers were forwarded.
#[derive(Clone, Debug, Default)]
struct Numbers {
    newest: Option<u16>,
    bits: [u64; 4],
}

impl Numbers {
    const SIZE: u16 = 256;

    fn is_newest(&self, number: u16) -> bool {
        self.newest.is_none_or(|newest| crate::rtp::is_newer(number, newest))
    }

    fn insert(&mut self, number: u16) {
        if let Some(newest) = self.newest {
            if crate::rtp::is_newer(number, newest) {
                let ahead = number.wrapping_sub(newest);
                for step in 1..=ahead.min(Self::SIZE) {
                    self.set(newest.wrapping_add(step), false);
                }
                self.newest = Some(number);
            } else if newest.wrapping_sub(number) >= Self::SIZE {
                return;
            }
        } else {
            self.newest = Some(number);
        }
        self.set(number, true);
    }

    fn contains(&self, number: u16) -> bool {
        let place = usize::from(number % Self::SIZE);
        self.newest.is_some_and(|newest| newest.wrapping_sub(number) < Self::SIZE)
            && self.bits[place / 64] >> (place % 64) & 1 != 0
    }

    fn set(&mut self, number: u16, is_set: bool) {
        let place = usize::from(number % Self::SIZE);
        let bit = 1 << (place % 64);
        if is_set {
            self.bits[place / 64] |= bit;
        } else {
            self.bits[place / 64] &= !bit;
        }
    }
}

#[cfg(test)]
mod tests;
