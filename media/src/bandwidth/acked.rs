//! How fast data arrives: bytes over windows of the receiver's clock, merged by how sure each sample is (the filter of
//! libwebrtc's acknowledged bitrate estimator).

/// The first window is long, for nothing is known yet.
const FIRST_WINDOW_US: i64 = 400_000;
const WINDOW_US: i64 = 150_000;
/// How much a sample that differs is mistrusted.
const SCALE: f64 = 10.0;
/// While the sender has nothing to send, a low sample says little about the path.
const SCALE_LIMITED: f64 = 20.0;

/// Filter state; rates in bit/s.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acked {
    window: Option<(i64, i64)>,
    bytes: u64,
    estimate: Option<f64>,
    variance: f64,
}

impl Acked {
    /// A packet has arrived.
    pub fn note(&mut self, arrival_us: i64, bytes: u64, is_limited: bool) {
        let (start, newest) = *self.window.get_or_insert((arrival_us, arrival_us));
        // A clock that jumped, or a pause longer than any window.
        if arrival_us < start - FIRST_WINDOW_US || arrival_us > newest + 2_000_000 {
            self.window = Some((arrival_us, arrival_us));
            self.bytes = bytes;
            return;
        }
        self.window = Some((start, newest.max(arrival_us)));
        let length = if self.estimate.is_none() { FIRST_WINDOW_US } else { WINDOW_US };
        let elapsed = arrival_us - start;
        if elapsed >= length {
            // The packet that ends the window belongs to the next: the window began with one too.
            let sample = self.bytes as f64 * 8e6 / elapsed as f64;
            self.merge(sample, is_limited);
            self.window = Some((arrival_us, arrival_us));
            self.bytes = 0;
        }
        self.bytes += bytes;
    }

    fn merge(&mut self, sample: f64, is_limited: bool) {
        let Some(estimate) = self.estimate else {
            self.estimate = Some(sample);
            self.variance = 50.0;
            return;
        };
        let scale = if is_limited && sample < estimate { SCALE_LIMITED } else { SCALE };
        let unsure = scale * (estimate - sample).abs() / (estimate + sample.min(estimate)).max(1.0);
        let (sample_variance, predicted) = (unsure * unsure, self.variance + 5.0);
        let merged = (sample_variance * estimate + predicted * sample) / (sample_variance + predicted);
        self.variance = sample_variance * predicted / (sample_variance + predicted);
        self.estimate = Some(merged.max(0.0));
    }

    /// `None`: not enough has arrived.
    pub fn bps(&self) -> Option<f64> {
        self.estimate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_arrives() {
        let mut acked = Acked::default();
        let mut at = 0;
        for _ in 0..200 {
            acked.note(at, 1250, false);
            at += 10_000;
        }
        let bps = acked.bps().unwrap_or_default();
        assert!((990_000.0..1_010_000.0).contains(&bps), "{bps}");
        for _ in 0..20 {
            acked.note(at, 1250, false);
            at += 100_000;
        }
        let bps = acked.bps().unwrap_or_default();
        assert!(bps < 120_000.0, "a tenth of it, two seconds later: {bps}");
    }
}
