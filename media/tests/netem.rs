//! A seeded network: loss, bursts of loss, delay, jitter, reordering, duplicates, a rate with a queue. Told the time, as
//! everything here; the same seed gives the same run to the last packet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Headers of IPv4 and UDP, which a line's rate counts too.
const OVERHEAD: usize = 28;

/// A small generator, good enough for coins and dice.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 to 1, without 1.
    pub fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What the path does to packets. All chances are 0 to 1.
#[derive(Clone, Debug)]
pub struct Path {
    pub loss: f64,
    /// Mean packets lost in a row; 1: each for itself (Gilbert's model otherwise).
    pub burst: f64,
    pub delay: Duration,
    /// Added to the delay: up to this much, never overtaking.
    pub jitter: Duration,
    /// Packets that come this much later than the rest, overtaken by others.
    pub reorder: f64,
    pub reorder_by: Duration,
    pub duplicate: f64,
    /// Bit/s; `None`: as fast as may be.
    pub rate: Option<u64>,
    /// Time that a packet may stand in the queue; who would stand longer is dropped.
    pub queue: Duration,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst: 1.0,
            delay: Duration::from_millis(20),
            jitter: Duration::ZERO,
            reorder: 0.0,
            reorder_by: Duration::from_millis(15),
            duplicate: 0.0,
            rate: None,
            queue: Duration::from_millis(1000),
        }
    }
}

/// One direction between two hosts.
#[derive(Debug)]
pub struct Link {
    pub path: Path,
    dice: Dice,
    under_way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    number: u64,
    is_burst: bool,
    /// When the line is free again, and when the last packet comes out of it.
    free: Option<Instant>,
    last: Option<Instant>,
    pub sent_bytes: u64,
    pub sent: u64,
    pub lost: u64,
    /// Longest stand in the queue since it was last asked.
    pub longest_queue: Duration,
}

impl Link {
    pub fn new(seed: u64, path: Path) -> Self {
        Self {
            path,
            dice: Dice::new(seed),
            under_way: BinaryHeap::new(),
            number: 0,
            is_burst: false,
            free: None,
            last: None,
            sent_bytes: 0,
            sent: 0,
            lost: 0,
            longest_queue: Duration::ZERO,
        }
    }

    fn is_lost(&mut self) -> bool {
        let Path { loss, burst, .. } = self.path;
        if burst <= 1.0 {
            return self.dice.roll() < loss;
        }
        let chance = if self.is_burst { 1.0 - 1.0 / burst } else { loss / (1.0 - loss) / burst };
        self.is_burst = self.dice.roll() < chance;
        self.is_burst
    }

    /// A datagram is sent.
    pub fn send(&mut self, now: Instant, datagram: Vec<u8>) {
        let bytes = datagram.len() + OVERHEAD;
        self.sent_bytes += bytes as u64;
        self.sent += 1;
        if self.is_lost() {
            self.lost += 1;
            return;
        }
        let mut at = now;
        if let Some(rate) = self.path.rate {
            let begin = self.free.map_or(now, |free| free.max(now));
            let stand = begin.saturating_duration_since(now);
            if stand > self.path.queue {
                self.lost += 1;
                return;
            }
            self.longest_queue = self.longest_queue.max(stand);
            at = begin + Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
            self.free = Some(at);
        }
        at += self.path.delay + self.path.jitter.mul_f64(self.dice.roll());
        if self.dice.roll() < self.path.reorder {
            at += self.path.reorder_by;
        } else {
            at = self.last.map_or(at, |last| last.max(at));
            self.last = Some(at);
        }
        if self.dice.roll() < self.path.duplicate {
            self.number += 1;
            self.under_way.push(Reverse((at + Duration::from_millis(1), self.number, datagram.clone())));
        }
        self.number += 1;
        self.under_way.push(Reverse((at, self.number, datagram)));
    }

    /// The next datagram that has arrived.
    pub fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.under_way.peek().is_none_or(|Reverse((at, ..))| *at > now) {
            return None;
        }
        self.under_way.pop().map(|Reverse((_, _, datagram))| datagram)
    }
}

#[test]
fn the_network_does_what_it_says() {
    // The origin of the virtual clock.
    #[allow(clippy::disallowed_methods)]
    let start = Instant::now();
    let run = |path: Path| {
        let mut link = Link::new(7, path);
        let mut arrived = Vec::new();
        for ms in 0..20_000u64 {
            let now = start + Duration::from_millis(ms);
            link.send(now, vec![0; 972]);
            while link.receive(now).is_some() {
                arrived.push(ms);
            }
        }
        (link, arrived)
    };
    let (link, _) = run(Path { loss: 0.2, ..Path::default() });
    assert!((3800..4200).contains(&link.lost), "{}", link.lost);
    let (link, _) = run(Path { loss: 0.1, burst: 5.0, ..Path::default() });
    assert!((1600..2400).contains(&link.lost), "{}", link.lost);
    let path = Path { rate: Some(800_000), queue: Duration::from_millis(100), ..Path::default() };
    let (link, arrived) = run(path);
    assert!((1980..2020).contains(&arrived.len()), "100 packets of 1000 bytes in a second: {}", arrived.len());
    assert!(link.longest_queue >= Duration::from_millis(90));
}
