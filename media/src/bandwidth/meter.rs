//! How much was sent lately: half a second in five buckets.

const BUCKET_US: u64 = 100_000;
const BUCKETS: usize = 5;

/// Bytes by time; a few operations for each packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    buckets: [u32; BUCKETS],
    /// Number of the newest bucket since the origin.
    newest: u64,
    first: Option<u64>,
}

impl Meter {
    pub fn note(&mut self, now_us: u64, bytes: u32) {
        self.advance(now_us);
        self.buckets[self.newest as usize % BUCKETS] += bytes;
    }

    fn advance(&mut self, now_us: u64) {
        let bucket = now_us / BUCKET_US;
        self.first.get_or_insert(bucket);
        for stale in (self.newest + 1..=bucket).take(BUCKETS) {
            self.buckets[stale as usize % BUCKETS] = 0;
        }
        if bucket > self.newest + BUCKETS as u64 {
            self.buckets = [0; BUCKETS];
        }
        self.newest = self.newest.max(bucket);
    }

    /// Bit/s over the window, or over the time since the first packet.
    pub fn bps(&mut self, now_us: u64) -> f64 {
        self.advance(now_us);
        let Some(first) = self.first else { return 0.0 };
        let bytes: u32 = self.buckets.iter().sum();
        let begin = first.max((self.newest + 1).saturating_sub(BUCKETS as u64)) * BUCKET_US;
        f64::from(bytes) * 8e6 / now_us.saturating_sub(begin).max(BUCKET_US) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut meter = Meter::default();
        for packet in 0..100u64 {
            meter.note(5_000_000 + packet * 10_000, 1250);
        }
        let bps = meter.bps(5_999_999);
        assert!((0.95e6..1.05e6).contains(&bps), "{bps}");
        assert!(meter.bps(6_300_000) < 0.5e6);
        assert!(meter.bps(60_000_000) < 1.0);
    }
}
