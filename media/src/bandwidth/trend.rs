//! Whether a queue grows on the way to the receiver: the trend of the one-way delay (draft-ietf-rmcat-gcc-02 sections 5.1
//! to 5.5, with the trendline filter that libwebrtc uses in place of the draft's Kalman filter).
//!
//! Packets that left together form a group. Of each group counts how much longer it was under way than the one before; the
//! sum, smoothed, over time is a line, and its slope times the number of groups is compared with a threshold that adapts,
//! so that a jittery path does not look like a full one and a rival flow does not starve this one.

/// Packets sent within this time are one group.
const BURST_US: u64 = 5_000;
/// A group that arrives this long is cut, however it was sent.
const LONGEST_BURST_US: i64 = 100_000;
/// Groups in the line.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// Groups that count at most: the trend is weighted with them.
const MOST_GROUPS: u32 = 60;
/// How long the trend must stand above the threshold.
const OVERUSE_MS: f64 = 10.0;
const FIRST_THRESHOLD: f64 = 12.5;
/// How fast the threshold follows the trend, above and below it (section 5.4).
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;
/// A difference of delays above this is no queue: a pause, a suspended laptop, another path.
const STRANGE_MS: f64 = 3_000.0;

/// What the path looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    #[default]
    Normal,
    /// A queue grows.
    Over,
    /// A queue drains.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent_us: u64,
    last_sent_us: u64,
    first_arrival_us: i64,
    last_arrival_us: i64,
}

/// The detector of one receiver.
#[derive(Debug)]
pub struct Trend {
    current: Option<Group>,
    previous: Option<Group>,
    groups: u32,
    accumulated_ms: f64,
    smoothed_ms: f64,
    /// Arrival and smoothed delay, a ring.
    line: [(f64, f64); WINDOW],
    first_arrival_us: i64,
    slope: f64,
    threshold: f64,
    updated_us: Option<i64>,
    over_ms: Option<f64>,
    over_count: u32,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            current: None,
            previous: None,
            groups: 0,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            line: [(0.0, 0.0); WINDOW],
            first_arrival_us: 0,
            slope: 0.0,
            threshold: FIRST_THRESHOLD,
            updated_us: None,
            over_ms: None,
            over_count: 0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// A packet's times; in the order of arrival reports.
    pub fn note(&mut self, sent_us: u64, arrival_us: i64) {
        let Some(group) = &mut self.current else {
            self.current = Some(Group::new(sent_us, arrival_us));
            return;
        };
        if sent_us < group.first_sent_us {
            // Overtaken by a whole group: its place in the line is gone.
            return;
        }
        if group.takes(sent_us, arrival_us) {
            group.last_sent_us = group.last_sent_us.max(sent_us);
            group.last_arrival_us = group.last_arrival_us.max(arrival_us);
            return;
        }
        let done = *group;
        if let Some(before) = self.previous {
            self.compare(&before, &done);
        }
        self.previous = Some(done);
        self.current = Some(Group::new(sent_us, arrival_us));
    }

    fn compare(&mut self, before: &Group, group: &Group) {
        let sent_ms = (group.last_sent_us as i64 - before.last_sent_us as i64) as f64 / 1000.0;
        let arrival_ms = (group.last_arrival_us - before.last_arrival_us) as f64 / 1000.0;
        let difference = arrival_ms - sent_ms;
        if difference.abs() > STRANGE_MS || arrival_ms < 0.0 {
            *self = Self { threshold: self.threshold, ..Self::default() };
            return;
        }
        if self.groups == 0 {
            self.first_arrival_us = group.last_arrival_us;
        }
        self.accumulated_ms += difference;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        let at = (group.last_arrival_us - self.first_arrival_us) as f64 / 1000.0;
        self.line[self.groups as usize % WINDOW] = (at, self.smoothed_ms);
        self.groups = self.groups.saturating_add(1);
        let before = self.slope;
        if self.groups as usize >= WINDOW
            && let Some(slope) = self.fit()
        {
            self.slope = slope;
        }
        self.detect(sent_ms, before, group.last_arrival_us);
    }

    /// Least squares over the line.
    fn fit(&self) -> Option<f64> {
        let count = WINDOW as f64;
        let (x, y) = self.line.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (x, y) = (x / count, y / count);
        let (over, under) = self.line.iter().fold((0.0, 0.0), |(over, under), point| {
            (over + (point.0 - x) * (point.1 - y), under + (point.0 - x) * (point.0 - x))
        });
        (under > 0.0).then(|| over / under)
    }

    fn detect(&mut self, sent_ms: f64, slope_before: f64, at_us: i64) {
        if (self.groups as usize) < 2 {
            return;
        }
        let trend = f64::from(self.groups.min(MOST_GROUPS)) * self.slope * GAIN;
        if trend > self.threshold {
            // Half of the first interval: the crossing was somewhere within.
            let over = self.over_ms.map_or(sent_ms / 2.0, |over| over + sent_ms);
            self.over_count += 1;
            self.over_ms = Some(over);
            if over > OVERUSE_MS && self.over_count > 1 && self.slope >= slope_before {
                self.over_ms = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_ms = None;
            self.over_count = 0;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.adapt(trend.abs(), at_us);
    }

    fn adapt(&mut self, trend: f64, at_us: i64) {
        let elapsed = self.updated_us.map_or(0.0, |before| (at_us - before) as f64 / 1000.0).clamp(0.0, 100.0);
        self.updated_us = Some(at_us);
        // A spike is no new normal.
        if trend > self.threshold + 15.0 {
            return;
        }
        let speed = if trend < self.threshold { DOWN } else { UP };
        self.threshold = (self.threshold + speed * (trend - self.threshold) * elapsed).clamp(6.0, 600.0);
    }
}

impl Group {
    fn new(sent_us: u64, arrival_us: i64) -> Self {
        Self {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            first_arrival_us: arrival_us,
            last_arrival_us: arrival_us,
        }
    }

    fn takes(&self, sent_us: u64, arrival_us: i64) -> bool {
        if sent_us - self.first_sent_us <= BURST_US {
            return true;
        }
        // Held up together on the way: they came at once although they were sent apart.
        let sent = sent_us as i64 - self.last_sent_us as i64;
        let arrival = arrival_us - self.last_arrival_us;
        (0..=BURST_US as i64).contains(&arrival)
            && arrival < sent
            && arrival_us - self.first_arrival_us < LONGEST_BURST_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a packet each 20 ms over a path whose queue grows by so much with each.
    fn run(trend: &mut Trend, from: u64, packets: u64, growth_us: i64, jitter_us: i64) -> Vec<Usage> {
        let mut state = 1u32;
        (0..packets)
            .map(|number| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let jitter = if jitter_us > 0 { i64::from(state >> 8) % jitter_us } else { 0 };
                let sent = (from + number) * 20_000;
                trend.note(sent, sent as i64 + 40_000 + number as i64 * growth_us + jitter);
                trend.usage()
            })
            .collect()
    }

    #[test]
    fn a_growing_queue_is_overuse_and_a_draining_one_underuse() {
        let mut trend = Trend::default();
        assert!(run(&mut trend, 0, 100, 0, 0).iter().all(|usage| *usage == Usage::Normal));
        let growing = run(&mut trend, 100, 40, 4_000, 0);
        let first = growing.iter().position(|usage| *usage == Usage::Over);
        assert!(first.is_some_and(|first| first < 25), "{first:?}");
        assert!(run(&mut trend, 140, 60, -2_000, 0).contains(&Usage::Under));
    }

    #[test]
    fn jitter_alone_is_no_queue() {
        let mut trend = Trend::default();
        let found = run(&mut trend, 0, 2000, 0, 15_000);
        let over = found.iter().filter(|usage| **usage == Usage::Over).count();
        assert!(over < 40, "{over} of 2000");
    }

    #[test]
    fn a_pause_of_minutes_starts_over() {
        let mut trend = Trend::default();
        run(&mut trend, 0, 100, 0, 0);
        trend.note(400_000_000, 2_000_000_000);
        trend.note(400_020_000, 2_000_020_000);
        trend.note(400_040_000, 2_000_040_000);
        assert_eq!(trend.usage(), Usage::Normal);
    }
}
