//! What a layer costs: the bit rate of a stream, by the spatial and temporal layers in it. Two additions for each packet
//! that arrives, whoever receives it.

use std::time::{Duration, Instant};

const SPATIAL: usize = 4;
const TEMPORAL: usize = 4;
/// Length of a sample.
const WINDOW: Duration = Duration::from_millis(500);
/// A stream that was silent for so long tells nothing by the length of its silence: it was switched off.
const SILENCE: Duration = Duration::from_secs(2);
/// Samples before they count for more than a guess: the first begins with a key frame.
const SURE: u8 = 2;
/// Up quickly, down slowly: a picture that stood still for a moment will move again.
const UP: f32 = 0.6;
const DOWN: f32 = 0.2;
/// Beside the payload: IPv4, UDP, RTP with its extensions, the tag.
const OVERHEAD: u32 = 28 + 12 + 16 + 16;
/// Of a picture 720 high, and how the rate grows with the height, for streams that were not measured yet.
const GUESS_BPS: f32 = 1_700_000.0;
const GUESS_POWER: f32 = 1.7;

/// Rates of one simulcast layer.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    bytes: [[u32; TEMPORAL]; SPATIAL],
    bps: [[f32; TEMPORAL]; SPATIAL],
    since: Option<Instant>,
    samples: u8,
    /// Spatial layers above this one are not sent because nobody watches them: their silence says nothing.
    stopped_above: Option<u8>,
}

impl Rates {
    /// A packet of these layers came.
    pub fn note(&mut self, now: Instant, spatial: u8, temporal: u8, payload: usize) {
        let since = *self.since.get_or_insert(now);
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= WINDOW {
            self.fold(elapsed);
            self.since = Some(now);
        }
        self.bytes[usize::from(spatial).min(SPATIAL - 1)][usize::from(temporal).min(TEMPORAL - 1)] +=
            payload as u32 + OVERHEAD;
    }

    fn fold(&mut self, elapsed: Duration) {
        let bytes = std::mem::take(&mut self.bytes);
        if elapsed > SILENCE {
            return;
        }
        let seconds = elapsed.as_secs_f32();
        for (spatial, (row, bytes)) in self.bps.iter_mut().zip(bytes).enumerate() {
            let is_stopped = self.stopped_above.is_some_and(|kept| spatial > usize::from(kept));
            if is_stopped && bytes.iter().all(|bytes| *bytes == 0) {
                continue;
            }
            for (bps, bytes) in row.iter_mut().zip(bytes) {
                let sample = bytes as f32 * 8.0 / seconds;
                let weight = match self.samples {
                    0 => 1.0,
                    _ if sample > *bps => UP,
                    _ => DOWN,
                };
                *bps += (sample - *bps) * weight;
            }
        }
        self.samples = self.samples.saturating_add(1);
    }

    /// Spatial layers above this one stop; what they cost stays known. `None`: none.
    pub fn set_stopped_above(&mut self, kept: Option<u8>) {
        self.stopped_above = kept;
    }

    /// Bit/s of everything up to these layers. `height` and `rank` (0: lowest simulcast layer) are what a guess is made by.
    pub fn bps(&self, spatial: u8, temporal: u8, height: Option<u16>, rank: usize) -> f32 {
        if self.samples < SURE {
            return guess(height, rank);
        }
        let rows = self.bps.iter().take(usize::from(spatial).saturating_add(1));
        rows.flat_map(|row| row.iter().take(usize::from(temporal).saturating_add(1))).sum()
    }

    /// Highest temporal layer that carries anything.
    pub fn top_temporal(&self) -> u8 {
        let is_used = |temporal: &usize| self.bps.iter().any(|row| row[*temporal] > 0.0);
        (0..TEMPORAL).rev().find(is_used).unwrap_or(0) as u8
    }
}

fn guess(height: Option<u16>, rank: usize) -> f32 {
    let height = height.map_or([180.0, 360.0, 720.0][rank.min(2)], f32::from);
    (GUESS_BPS * (height / 720.0).powf(GUESS_POWER)).max(60_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_by_layer_and_a_pause_does_not_lower_them() {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut rates = Rates::default();
        assert!((rates.bps(0, 0, Some(720), 0) - GUESS_BPS).abs() < 1.0);
        for frame in 0..300u32 {
            let temporal = (frame % 2) as u8;
            rates.note(start + Duration::from_millis(33) * frame, 0, temporal, 1250 - OVERHEAD as usize);
        }
        let (base, all) = (rates.bps(0, 0, None, 0), rates.bps(0, u8::MAX, None, 0));
        assert!((140_000.0..165_000.0).contains(&base), "{base}");
        assert!((290_000.0..315_000.0).contains(&all), "{all}");
        assert_eq!(rates.top_temporal(), 1);
        // A layer above that nobody watches is stopped: what it would cost stays known.
        let sent = |rates: &mut Rates, from: u64, layers: u8| {
            for frame in 0..300u32 {
                for spatial in 0..layers {
                    let at = start + Duration::from_secs(from) + Duration::from_millis(33) * frame;
                    rates.note(at, spatial, 0, 1250 - OVERHEAD as usize);
                }
            }
        };
        let mut layered = Rates::default();
        sent(&mut layered, 0, 2);
        layered.set_stopped_above(Some(0));
        sent(&mut layered, 10, 1);
        let (low, high) = (layered.bps(0, 0, None, 0), layered.bps(1, 0, None, 0));
        assert!((550_000.0..630_000.0).contains(&high) && (290_000.0..315_000.0).contains(&low), "{low} {high}");
        layered.set_stopped_above(None);
        sent(&mut layered, 20, 1);
        assert!(layered.bps(1, 0, None, 0) < 320_000.0);
        rates.note(start + Duration::from_secs(100), 0, 0, 100);
        assert!((rates.bps(0, u8::MAX, None, 0) - all).abs() < 1.0);
    }
}
