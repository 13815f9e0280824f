//! The hub's wall clock: the only place that asks what time it is. Made by `app`, handed to whoever needs it.
//!
//! Rules, rooms and media are told the time; this handle is for their drivers. `KAFEDRA_CLOCK_OFFSET_SECONDS` shifts it
//! for tests of the timetable.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds, now. Cheap to clone; clones share one offset.
#[derive(Clone, Debug)]
pub struct WallClock {
    offset_ms: Arc<AtomicI64>,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    System,
    /// Starts at these Unix milliseconds and runs with tokio's clock, paused or not.
    Tokio {
        start_ms: i64,
        since: tokio::time::Instant,
    },
}

impl WallClock {
    /// The machine's clock, shifted.
    pub fn system(offset_ms: i64) -> Self {
        Self { offset_ms: Arc::new(AtomicI64::new(offset_ms)), source: Source::System }
    }

    /// The machine's clock, shifted by `KAFEDRA_CLOCK_OFFSET_SECONDS`; `None`: the variable is not a whole number.
    pub fn from_environment() -> Option<Self> {
        match std::env::var("KAFEDRA_CLOCK_OFFSET_SECONDS") {
            Ok(text) => text.trim().parse::<i64>().ok().map(|seconds| Self::system(seconds.saturating_mul(1000))),
            Err(_) => Some(Self::system(0)),
        }
    }

    /// A clock for tests that starts at `start_ms` and follows tokio's, so that a paused runtime drives it.
    pub fn tokio(start_ms: i64) -> Self {
        let source = Source::Tokio { start_ms, since: tokio::time::Instant::now() };
        Self { offset_ms: Arc::new(AtomicI64::new(0)), source }
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        let base = match self.source {
            // Before 1970 there is no lesson; a clock that claims so is treated as standing at zero.
            Source::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64),
            Source::Tokio { start_ms, since } => start_ms + since.elapsed().as_millis() as i64,
        };
        base + self.offset_ms.load(Ordering::Relaxed)
    }

    /// Moves the clock for every holder of this handle; for tests.
    pub fn advance_ms(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_shared_by_its_clones() {
        let clock = WallClock::system(0);
        let other = clock.clone();
        let before = other.now_ms();
        clock.advance_ms(3_600_000);
        assert!(other.now_ms() >= before + 3_600_000);
    }
}
