//! How much a publisher may send that gets no transport-wide feedback and has to be told (REMB): by what arrives of it and
//! what does not, as draft-ietf-rmcat-gcc-02 section 6 does for the sender. A line that is full loses, and then carries
//! what arrives; while nothing is lost, a little more is tried. Before it loses, a line with a long buffer holds up: its
//! queue (`upstream`) counts as soon as it is seen.

use std::time::Instant;

use super::upstream::{Sent, Upstream};

/// What is allowed before anything was seen, and at least and at most: a voice with a small picture, a good screen.
const FIRST_BPS: f64 = 2_000_000.0;
const LEAST_BPS: f64 = 100_000.0;
const MOST_BPS: f64 = 4_000_000.0;
/// Loss above which less is allowed, and below which more.
const HIGH: f64 = 0.10;
const LOW: f64 = 0.02;
/// Part of what arrived that is allowed then, so that the queue on the way empties.
const DOWN: f64 = 0.85;
/// Growth with every look, one a second: of a line whose end is not known, and near where it was last.
const UP: f64 = 1.08;
/// The same, of a line whose queue would show that it is too much.
const UP_SEEN: f64 = 1.16;
const UP_NEAR: f64 = 1.02;
const NEAR: f64 = 1.2;
/// So few packets say nothing about loss.
const PACKETS: u64 = 20;
/// Most loss of the line itself.
const MOST_OWN: f64 = 0.45;

/// A look at which less was allowed.
#[derive(Clone, Copy, Debug)]
struct Fall {
    /// What was allowed before it.
    allowed_bps: f64,
    sent_bps: f64,
    arrived_bps: f64,
}

/// Whether a queue stands on the line; `Cut`: it was cut for since the look before. `Unknown`: nothing tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Unknown,
    Flows,
    Stands,
    Cut,
}

/// State of one publisher's line.
#[derive(Debug)]
pub struct Incoming {
    bytes: u64,
    since: Option<Instant>,
    bps: f64,
    /// The look before this one, if it was a fall.
    fall: Option<Fall>,
    /// Loss that is there at any rate (a radio), and no reason to send less.
    own: f64,
    /// What the line carried when it was full.
    full_bps: Option<f64>,
    /// The same, while a queue is being emptied.
    emptying_bps: Option<f64>,
    /// What stands on the line; `None`: nothing has come.
    upstream: Option<Box<Upstream>>,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            bytes: 0,
            since: None,
            bps: FIRST_BPS,
            fall: None,
            own: 0.0,
            full_bps: None,
            emptying_bps: None,
            upstream: None,
        }
    }
}

impl Incoming {
    /// A datagram of it came.
    pub fn note(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// When that datagram was sent, as it says itself, if it does.
    pub fn note_sent(&mut self, now: Instant, bytes: usize, sent: Option<Sent>) {
        self.upstream.get_or_insert_with(|| Box::new(Upstream::new(now))).note(now, bytes, sent);
    }

    /// Looks at the queue on the line. What it may send from now on, if that is less: to be told at once.
    pub fn look(&mut self, now: Instant) -> Option<f64> {
        let (arrived_bps, part) = self.upstream.as_mut()?.excess(now)?;
        let allowed = (part * arrived_bps).max(LEAST_BPS);
        self.full_bps = Some(arrived_bps);
        self.emptying_bps = Some(arrived_bps);
        (allowed < self.bps).then(|| {
            self.bps = allowed;
            allowed
        })
    }

    /// What it may send from now on, in bit/s, by what was expected since the last look and did not come at first.
    pub fn update(&mut self, now: Instant, expected: u64, lost: u64) -> f64 {
        let bytes = std::mem::take(&mut self.bytes);
        let Some(since) = self.since.replace(now) else { return self.bps };
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        if expected >= PACKETS && seconds > 0.0 {
            let line = match &self.upstream {
                Some(upstream) if upstream.has_cut_since(since) => Line::Cut,
                Some(upstream) if upstream.is_standing(now) => Line::Stands,
                Some(upstream) if upstream.is_told(now) => Line::Flows,
                _ => Line::Unknown,
            };
            self.judge(bytes as f64 * 8.0 / seconds, lost as f64 / expected as f64, line);
        }
        self.bps
    }

    fn judge(&mut self, arrived_bps: f64, fraction: f64, line: Line) {
        if fraction < self.own {
            self.own = self.own.mul_add(0.8, 0.2 * fraction);
        }
        let excess = (fraction - self.own).max(0.0);
        let before = self.fall.take();
        if line == Line::Cut {
            // What its queue asked for is under way: loss that came with it asks for the same, and more would be held up.
            return;
        }
        // A queue too short to be cut for may be all that a line holds: then it is loss alone that tells.
        let may_grow = line != Line::Stands;
        if may_grow && let Some(full_bps) = self.emptying_bps.take() {
            // Less than this was allowed for the queue's sake alone.
            self.bps = self.bps.max(DOWN * full_bps);
        }
        if excess > HIGH {
            let sent_bps = arrived_bps / (1.0 - fraction).max(0.01);
            match before {
                // Less was sent, and less arrived, nearer to in proportion than to the same: the line is not full, it loses.
                Some(fall)
                    if sent_bps < 0.9 * fall.sent_bps
                        && arrived_bps / fall.arrived_bps < (1.0 + sent_bps / fall.sent_bps) / 2.0 =>
                {
                    self.own = fraction.min(MOST_OWN);
                    self.bps = fall.allowed_bps;
                    self.full_bps = None;
                }
                _ => {
                    self.fall = Some(Fall { allowed_bps: self.bps, sent_bps, arrived_bps });
                    self.full_bps = Some(arrived_bps);
                    self.bps = self.bps.min(DOWN * arrived_bps).max(LEAST_BPS);
                }
            }
        } else if may_grow && (excess < LOW || self.own > 0.0 && excess < HIGH / 2.0) {
            let is_near = self.full_bps.is_some_and(|full| self.bps > 0.95 * full && self.bps < NEAR * full);
            let up = match line {
                _ if is_near => UP_NEAR,
                Line::Flows => UP_SEEN,
                _ => UP,
            };
            self.bps = (self.bps * up).min(MOST_BPS);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A publisher that sends what it may, at most 3 Mbit/s, over a line of this rate: what it may in each second.
    fn run(line_bps: f64) -> Vec<f64> {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut incoming = Incoming::default();
        let mut bps = incoming.update(start, 0, 0);
        (1..60)
            .map(|second| {
                let sent = bps.min(3e6) / 8.0 / 1000.0;
                let arrived = sent.min(line_bps / 8.0 / 1000.0);
                (0..arrived as usize).for_each(|_| incoming.note(1000));
                bps = incoming.update(start + Duration::from_secs(second), sent as u64, (sent - arrived) as u64);
                bps
            })
            .collect()
    }

    #[test]
    fn a_thin_line_is_filled_and_hardly_more() {
        let allowed = run(600_000.0);
        assert!(allowed[3..].iter().all(|bps| (450_000.0..680_000.0).contains(bps)), "{allowed:?}");
    }

    #[test]
    fn a_radio_that_loses_at_any_rate_is_not_driven_to_the_floor() {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut incoming = Incoming::default();
        let mut bps = incoming.update(start, 0, 0);
        for second in 1..30 {
            let sent = bps.min(1.5e6) / 8.0 / 1000.0;
            (0..(sent * 0.85) as usize).for_each(|_| incoming.note(1000));
            bps = incoming.update(start + Duration::from_secs(second), sent as u64, (sent * 0.15) as u64);
        }
        assert!(bps > 1.5e6, "{bps}");
    }

    #[test]
    fn a_line_whose_buffer_is_too_short_to_be_cut_for_tells_by_its_loss() {
        const BUFFER: Duration = Duration::from_millis(80);
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut incoming = Incoming::default();
        let mut bps = incoming.update(start, 0, 0);
        let (mut sent_at, mut free_at) = (Duration::ZERO, Duration::ZERO);
        let mut allowed = Vec::new();
        for second in 1..=20 {
            // Wide, and then two thirds of what it sends.
            let line_bps = if second <= 6 { 50e6 } else { 2e6 };
            let (mut expected, mut lost) = (0, 0);
            while sent_at < Duration::from_secs(second) {
                expected += 1;
                if free_at.saturating_sub(sent_at) > BUFFER {
                    lost += 1;
                } else {
                    free_at = free_at.max(sent_at) + Duration::from_secs_f64(8_000.0 / line_bps);
                    let ticks = (sent_at.as_micros() << 18) / 1_000_000;
                    incoming.note(1000);
                    incoming.note_sent(start + free_at, 1000, Some(Sent::Absolute(ticks as u32 & 0xff_ffff)));
                    assert_eq!(incoming.look(start + free_at), None, "the queue alone asks for nothing");
                }
                sent_at += Duration::from_secs_f64(8_000.0 / bps.min(3e6));
            }
            bps = incoming.update(start + Duration::from_secs(second), expected, lost);
            allowed.push(bps);
        }
        assert!(allowed[5] > 3e6, "{allowed:?}");
        assert!(allowed[7..].iter().all(|bps| (1.3e6..2.3e6).contains(bps)), "{allowed:?}");
    }

    #[test]
    fn on_a_wide_line_a_publisher_may_soon_send_as_much_as_anybody() {
        let allowed = run(50e6);
        assert_eq!(allowed.last(), Some(&MOST_BPS));
    }

    #[test]
    fn however_bad_a_line_is_the_voice_may_be_sent() {
        assert!(run(20_000.0).iter().all(|bps| *bps >= LEAST_BPS));
    }
}
