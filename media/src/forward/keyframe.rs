//! Key frame requests of one source, collected from all its receivers and layers: at most one message per 500 ms goes to the
//! publisher, with a PLI for each layer of which somebody waits.

use std::time::{Duration, Instant};

/// Shortest time between two requests. A key frame costs the publisher ten ordinary ones.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// Of one layer. Who wants a key frame is not kept: whoever waits takes the next one that comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyFrameRequest {
    is_wanted: bool,
}

impl KeyFrameRequest {
    /// A receiver needs one.
    pub fn want(&mut self) {
        self.is_wanted = true;
    }

    /// One came.
    pub fn satisfy(&mut self) {
        self.is_wanted = false;
    }

    /// Whether to ask for one; again and again, until it comes.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }
}

/// Of the whole source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttle {
    asked: Option<Instant>,
}

impl Throttle {
    /// Whether its publisher may be asked now.
    pub fn is_open(&self, now: Instant) -> bool {
        self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= INTERVAL)
    }

    /// The same; then it is.
    pub fn take(&mut self, now: Instant) -> bool {
        let is_due = self.is_open(now);
        if is_due {
            self.asked = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_wishes_gives_one_request_per_interval_until_a_key_frame_comes() {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut layers = [KeyFrameRequest::default(); 3];
        let mut throttle = Throttle::default();
        let mut asked = 0;
        for ms in 0..1600 {
            layers[ms as usize % 3].want();
            let is_wanted = layers.iter().any(KeyFrameRequest::is_wanted);
            asked += u32::from(is_wanted && throttle.take(start + Duration::from_millis(ms)));
        }
        assert_eq!(asked, 4);
        layers.iter_mut().for_each(KeyFrameRequest::satisfy);
        assert!(!layers.iter().any(KeyFrameRequest::is_wanted));
    }
}
