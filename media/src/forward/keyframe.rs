//! Key frame requests of one layer, collected from all its receivers: at most one PLI per 500 ms goes to the publisher.

use std::time::{Duration, Instant};

/// Shortest time between two requests. A key frame costs the publisher ten ordinary ones.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// Who wants a key frame is not kept: whoever waits takes the next one that comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyFrameRequest {
    wanted: bool,
    asked: Option<Instant>,
}

impl KeyFrameRequest {
    /// A receiver needs one.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// One came.
    pub fn satisfy(&mut self) {
        self.wanted = false;
    }

    /// Whether to ask now; asks again until one comes.
    pub fn take(&mut self, now: Instant) -> bool {
        let is_due = self.wanted && self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= INTERVAL);
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
        let mut request = KeyFrameRequest::default();
        let mut asked = 0;
        for ms in 0..1600 {
            request.want();
            asked += u32::from(request.take(start + Duration::from_millis(ms)));
        }
        assert_eq!(asked, 4);
        request.satisfy();
        assert!(!request.take(start + Duration::from_secs(10)));
    }
}
