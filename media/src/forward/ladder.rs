//! What a source can be had for: rungs of layers, cheapest first, up to the height at which a slot shows it.

use std::time::Instant;

use super::layer::{Layer, height_in};
use crate::negotiate::Codecs;

/// Most rungs: three simulcast layers with two temporal steps below the lowest, or four spatial layers of a screen.
pub const RUNGS: usize = 10;

/// A choice of layers and what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rung {
    /// Simulcast layer, by its place in the offer.
    pub layer: u8,
    /// Within it; `u8::MAX`: all.
    pub spatial: u8,
    pub temporal: u8,
    pub bps: f32,
}

impl Rung {
    /// The same layers, whatever they cost.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.layer, self.spatial, self.temporal) == (other.layer, other.spatial, other.temporal)
    }
}

/// The rungs of one slot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ladder {
    rungs: [Rung; RUNGS],
    length: u8,
}

impl Ladder {
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs[..usize::from(self.length)]
    }

    /// From rungs in the order of their cost; what is over the most is left out.
    pub fn from_rungs(rungs: impl Iterator<Item = Rung>) -> Self {
        let mut ladder = Self::default();
        rungs.for_each(|rung| ladder.push(rung));
        ladder
    }

    fn push(&mut self, mut rung: Rung) {
        // A rung never costs less than the one below it: measurements of two streams are of two moments.
        let below = self.rungs().last().map_or(0.0, |below| below.bps);
        rung.bps = rung.bps.max(below);
        if let Some(place) = self.rungs.get_mut(usize::from(self.length)) {
            *place = rung;
            self.length += 1;
        }
    }
}

/// The rungs of these layers for a picture drawn `max_height` high, of those that the receiver can decode. Of a screen, sharpness counts before movement: each
/// height is also to be had with fewer frames. Of a camera only the lowest is.
pub fn of(layers: &[Layer], now: Instant, max_height: u16, is_screen: bool, takes: Codecs) -> Ladder {
    let mut ladder = Ladder::default();
    if max_height == 0 {
        return ladder;
    }
    let mut ranked = [0u8; crate::sdp::MAX_LAYERS];
    let may_come = |layer: &Layer| layer.is_for(takes) && (layer.is_active(now) || layer.is_asleep());
    let count = rank(layers, &mut ranked, may_come);
    for (place, number) in ranked[..count].iter().enumerate() {
        let Some(layer) = layers.get(usize::from(*number)) else { continue };
        if place > 0 && height_in(layers, usize::from(*number)) > max_height {
            break;
        }
        let spatial_layers = layer.spatial.map_or(1, |(count, _)| count.max(1));
        let top_spatial = layer.choose_spatial(max_height);
        let top_temporal = layer.rates.top_temporal();
        for spatial in 0..=top_spatial.min(spatial_layers - 1) {
            let is_lowest = place == 0 && spatial == 0;
            let lowest = if is_lowest || is_screen { 0 } else { top_temporal };
            for temporal in lowest..=top_temporal {
                let bps = layer.rates.bps(spatial, temporal, layer.height_of(spatial), place + usize::from(spatial));
                let is_all = spatial + 1 == spatial_layers;
                ladder.push(Rung {
                    layer: *number,
                    spatial: if is_all { u8::MAX } else { spatial },
                    temporal: if temporal == top_temporal { u8::MAX } else { temporal },
                    bps,
                });
            }
        }
    }
    ladder
}

/// Fills in the places of the layers that pass, lowest first: by height, or in the order of the offer where it is unknown.
pub fn rank(layers: &[Layer], ranked: &mut [u8; crate::sdp::MAX_LAYERS], passes: impl Fn(&Layer) -> bool) -> usize {
    let mut count = 0;
    for (number, layer) in layers.iter().enumerate().take(ranked.len()) {
        if passes(layer) {
            ranked[count] = number as u8;
            count += 1;
        }
    }
    let height = |number: &u8| height_in(layers, usize::from(*number));
    ranked[..count].sort_by_key(|number| (height(number), *number));
    count
}
