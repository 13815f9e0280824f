//! How long packets stand on the way: the least delay of the last moments above the least of the last ten seconds.
//!
//! A queue holds up every packet, jitter only some. So a trend that looks like a queue is believed when the quickest
//! packets are late too. The least delay wanders with the clocks of both ends (100 ppm are a millisecond in ten seconds)
//! and with the path, which is why it is forgotten.

const RECENT_US: i64 = 100_000;
const RECENT: usize = 3;
const BASE_US: i64 = 5_000_000;
const BASE: usize = 3;
/// Time over which jitter is looked at, weight of a look, and what one counts at most, in milliseconds.
const JITTER_US: u64 = 200_000;
const JITTER_WEIGHT: f64 = 1.0 / 8.0;
const MOST_JITTER_MS: f64 = 60.0;
/// What those ahead of a packet are thought to take at most, in microseconds.
const LONGEST_WAIT_US: u64 = 500_000;

/// Minima of a delay over buckets of time.
#[derive(Clone, Copy, Debug)]
struct Minima<const COUNT: usize> {
    length_us: i64,
    buckets: [i64; COUNT],
    newest: Option<i64>,
}

impl<const COUNT: usize> Minima<COUNT> {
    fn new(length_us: i64) -> Self {
        Self { length_us, buckets: [i64::MAX; COUNT], newest: None }
    }

    fn note(&mut self, at_us: i64, delay_us: i64) {
        let bucket = at_us.div_euclid(self.length_us);
        let newest = *self.newest.get_or_insert(bucket);
        if bucket > newest {
            let steps = (bucket - newest).min(COUNT as i64);
            for step in 1..=steps {
                self.buckets[(bucket - steps + step).rem_euclid(COUNT as i64) as usize] = i64::MAX;
            }
            self.newest = Some(bucket);
        } else if newest - bucket >= COUNT as i64 {
            return;
        }
        let least = &mut self.buckets[bucket.rem_euclid(COUNT as i64) as usize];
        *least = delay_us.min(*least);
    }

    fn least(&self) -> Option<i64> {
        self.buckets.iter().copied().min().filter(|least| *least != i64::MAX)
    }
}

/// How much the delays of packets differ that left alone, over a fifth of a second. Those that leave before what is ahead of
/// them has gone wait for it on any line, and say nothing of its jitter.
#[derive(Clone, Copy, Debug, Default)]
struct Jitter {
    bucket: i64,
    /// Least and most.
    range: Option<(i64, i64)>,
    /// When a line of the rate that is known to get through has sent what left so far.
    free_us: u64,
    ms: f64,
}

impl Jitter {
    fn note(&mut self, sent_us: u64, delay_us: i64, bytes: u32, rate_bps: f64) {
        let is_alone = sent_us >= self.free_us;
        // Who sends more than is known to get through for long would be found alone no more.
        let free_us = self.free_us.max(sent_us) + (f64::from(bytes) * 8e6 / rate_bps.max(1.0)) as u64;
        self.free_us = free_us.min(sent_us + LONGEST_WAIT_US);
        if !is_alone {
            return;
        }
        let bucket = (sent_us / JITTER_US) as i64;
        if bucket > self.bucket
            && let Some((least, most)) = self.range.take()
        {
            let ms = ((most - least) as f64 / 1000.0).min(MOST_JITTER_MS);
            self.ms += (ms - self.ms) * JITTER_WEIGHT;
        }
        self.bucket = self.bucket.max(bucket);
        let (least, most) = self.range.unwrap_or((delay_us, delay_us));
        self.range = Some((least.min(delay_us), most.max(delay_us)));
    }
}

/// The queue of one path.
#[derive(Debug)]
pub struct Queue {
    recent: Minima<RECENT>,
    base: Minima<BASE>,
    jitter: Jitter,
}

impl Default for Queue {
    fn default() -> Self {
        Self { recent: Minima::new(RECENT_US), base: Minima::new(BASE_US), jitter: Jitter::default() }
    }
}

impl Queue {
    /// A packet's times, each by its own clock.
    pub fn note(&mut self, sent_us: u64, arrival_us: i64) {
        self.note_delay(arrival_us, arrival_us - sent_us as i64);
    }

    /// The same, of one with so many bytes on a path that is known to bear this rate: for the jitter too.
    pub fn note_sized(&mut self, sent_us: u64, arrival_us: i64, bytes: u32, rate_bps: f64) {
        self.note(sent_us, arrival_us);
        self.jitter.note(sent_us, arrival_us - sent_us as i64, bytes, rate_bps);
    }

    /// The same, of one whose delay is known, from any origin.
    pub fn note_delay(&mut self, arrival_us: i64, delay_us: i64) {
        self.recent.note(arrival_us, delay_us);
        self.base.note(arrival_us, delay_us);
    }

    /// How much the delays of packets that left alone differ lately, in milliseconds.
    pub fn jitter_ms(&self) -> f64 {
        self.jitter.ms
    }

    /// What the quickest packet of the last moments stood, in milliseconds.
    pub fn ms(&self) -> f64 {
        match (self.recent.least(), self.base.least()) {
            (Some(recent), Some(base)) => (recent - base).max(0) as f64 / 1000.0,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_told_from_what_waits_for_those_ahead() {
        let run = |gap_us: u64, rate_bps: f64, jitter_us: u64| {
            let (mut queue, mut free, mut dice) = (Queue::default(), 0u64, 1u32);
            for number in 0..2_000u64 {
                let sent = number * gap_us;
                free = free.max(sent) + (1_000.0 * 8e6 / rate_bps) as u64;
                dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let jitter = u64::from(dice >> 8) % jitter_us.max(1);
                queue.note_sized(sent, (free + jitter) as i64, 1_000, rate_bps);
            }
            queue.jitter_ms()
        };
        assert!(run(10_000, 1e6, 0) < 1.0);
        assert!(run(10_000, 0.7e6, 0) < 1.0, "a queue that grows");
        assert!(run(10_000, 1e6, 100_000) > 40.0);
        assert!((8.0..20.0).contains(&run(10_000, 1e6, 20_000)));
    }

    #[test]
    fn a_queue_is_told_from_jitter_and_another_path_is_forgotten() {
        let mut queue = Queue::default();
        let mut send = |from_ms: u64, count: u64, delay_ms: &dyn Fn(u64) -> i64| {
            for number in 0..count {
                let sent = (from_ms + number * 10) * 1000;
                queue.note(sent, sent as i64 + delay_ms(number) * 1000 - 77_000_000);
            }
            queue.ms()
        };
        assert!(send(0, 200, &|number| 20 + (number as i64 * 37) % 50) < 5.0);
        assert!((send(2_000, 100, &|_| 120) - 100.0).abs() < 1.0);
        assert!(send(3_000, 100, &|_| 20) < 1.0);
        assert!(send(4_000, 2_000, &|_| 90) < 1.0, "after a while that is the path");
    }
}
