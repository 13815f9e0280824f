//! Spreads bursts to one receiver. A key frame is ten ordinary frames at once: on a thin line it would stand in a queue
//! that every voice behind it has to sit out. So video beyond a small burst waits here and leaves at a multiple of the
//! estimate; audio, retransmissions and control never wait.
//!
//! What waits is not a copy but a pair of numbers, line and sequence number: the packet stands in its source's cache. A
//! receiver without a known limit, or with room, costs one comparison for each packet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Video leaves at this multiple of the estimate: fast enough that a frame is there before the next one.
const FACTOR: f64 = 2.0;
/// What leaves at once: an ordinary frame of a good picture, as one train.
const LEAST_BURST_BYTES: f64 = 14_000.0;
const BURST: Duration = Duration::from_millis(25);
/// How often waiting packets are looked at.
pub const INTERVAL: Duration = Duration::from_millis(5);
/// Time that a packet may wait; a picture older than that is worth less than the next key frame of a smaller layer. Long
/// enough for the key frame of a large screen on a thin line, which would never get through otherwise.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// Packets that may wait: fewer than a slot's history holds, so that what waits is still in it.
const CAPACITY: usize = 400;

/// A packet that waits: the m-line of its slot and the sequence number the receiver will see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub line: u16,
    pub sequence: u16,
    pub bytes: u16,
}

/// Pacing state of one receiver.
#[derive(Debug, Default)]
pub struct Pacer {
    /// Bytes per second; `None`: no limit is known.
    rate: Option<f64>,
    /// Bytes sent that the rate has not made up for yet.
    debt: f64,
    told: Option<Instant>,
    queue: VecDeque<Waiting>,
    queued_bytes: u64,
}

impl Pacer {
    /// Tells the time and the estimate in bit/s, before packets of this instant.
    pub fn set_now(&mut self, now: Instant, estimate_bps: Option<f64>) {
        if let (Some(rate), Some(told)) = (self.rate, self.told) {
            let elapsed = now.saturating_duration_since(told).as_secs_f64();
            self.debt = (self.debt - rate * elapsed).max(0.0);
        }
        self.told = Some(now);
        self.rate = estimate_bps.map(|bps| bps / 8.0 * FACTOR);
        if self.rate.is_none() {
            self.debt = 0.0;
        }
    }

    fn burst(rate: f64) -> f64 {
        (rate * BURST.as_secs_f64()).max(LEAST_BURST_BYTES)
    }

    /// A packet that may wait would have to.
    pub fn is_closed(&self) -> bool {
        self.rate.is_some_and(|rate| !self.queue.is_empty() || self.debt >= Self::burst(rate))
    }

    /// A retransmission may leave: repairs do not wait, but they do not crowd out what they repair either.
    pub fn may_repeat(&self) -> bool {
        self.rate.is_none_or(|rate| self.debt < 2.0 * Self::burst(rate))
    }

    /// Something left, whatever it was.
    pub fn note_sent(&mut self, bytes: usize) {
        if self.rate.is_some() {
            self.debt += bytes as f64;
        }
    }

    /// A packet has to wait. `false`: it would wait too long, and so would all behind it.
    pub fn push(&mut self, waiting: Waiting) -> bool {
        let longest = self.rate.map_or(f64::MAX, |rate| rate * PATIENCE.as_secs_f64()).max(LEAST_BURST_BYTES);
        if self.queue.len() >= CAPACITY || self.queued_bytes as f64 > longest {
            return false;
        }
        self.queued_bytes += u64::from(waiting.bytes);
        self.queue.push_back(waiting);
        true
    }

    /// The next packet whose time has come.
    pub fn pop(&mut self) -> Option<Waiting> {
        if self.rate.is_some_and(|rate| self.debt >= Self::burst(rate)) {
            return None;
        }
        let waiting = self.queue.pop_front()?;
        self.queued_bytes -= u64::from(waiting.bytes);
        Some(waiting)
    }

    /// Nothing of this m-line waits any more.
    pub fn forget(&mut self, line: u16) {
        self.queue.retain(|waiting| waiting.line != line);
        self.queued_bytes = self.queue.iter().map(|waiting| u64::from(waiting.bytes)).sum();
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How long the last packet in it will wait.
    pub fn delay(&self) -> Duration {
        let seconds = self.rate.map_or(0.0, |rate| self.queued_bytes as f64 / rate.max(1.0));
        Duration::from_secs_f64(seconds.min(10.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_at_its_rate_in_order() {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut pacer = Pacer::default();
        pacer.set_now(start, Some(1e6));
        let (mut at_once, mut queued) = (0, 0);
        for sequence in 0..80u16 {
            if pacer.is_closed() {
                queued += u32::from(pacer.push(Waiting { line: 0, sequence, bytes: 1000 }));
            } else {
                pacer.note_sent(1000);
                at_once += 1;
            }
        }
        assert_eq!((at_once, queued), (14, 66));
        let mut left = Vec::new();
        for step in 1..=100 {
            pacer.set_now(start + INTERVAL * step, Some(1e6));
            while let Some(waiting) = pacer.pop() {
                pacer.note_sent(1000);
                left.push((step, waiting.sequence));
            }
        }
        assert!(left.is_sorted_by_key(|(_, sequence)| *sequence));
        // 66 kB at 2 Mbit/s are 264 ms.
        let last = left.last().map_or(0, |(step, _)| step * 5);
        assert!((250..=275).contains(&last), "{last} ms");
    }

    #[test]
    fn without_a_limit_nothing_waits_and_nothing_waits_for_ever() {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut pacer = Pacer::default();
        pacer.set_now(start, None);
        for _ in 0..10_000 {
            pacer.note_sent(1200);
            assert!(!pacer.is_closed());
        }
        pacer.set_now(start, Some(100_000.0));
        let taken = (0..1000).take_while(|sequence| pacer.push(Waiting { line: 1, sequence: *sequence, bytes: 1200 }));
        assert!(taken.count() < 25, "a second at 200 kbit/s");
        pacer.forget(1);
        assert!(pacer.is_empty());
    }
}
