//! The queue on a publisher's line, by what its packets tell of when they were sent: abs-send-time where it is negotiated
//! (<http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time>), else the RTP time of one stream. Of those, a voice comes
//! first: it is neither paced nor late at the encoder.

use std::time::Instant;

use super::OVERHEAD;
use super::meter::Meter;
use super::queue::Queue;

/// A queue this long is emptied, and while one of this length stands, nothing more is tried; milliseconds.
const LONG_MS: f64 = 100.0;
const STANDING_MS: f64 = 60.0;
/// A stream silent for so long says nothing any more, and another takes its place. With DTX a voice is heard each 400 ms.
const SILENT_US: i64 = 1_000_000;
/// A delay that jumps by more is another clock.
const STRANGE_US: i64 = 3_000_000;
/// One that has wandered so far begins anew: no clock does, and a sender that makes it up must not reach the end of a number.
const FAR_US: i64 = 3_600_000_000;
/// Part of what arrives that is allowed while a queue is long: the longer, the less, for it has to empty. At 500 ms or more,
/// half: then a second of it is gone in two.
const DOWN: f64 = 0.85;
const DEEP: f64 = 0.5;
const DEEP_MS: f64 = 500.0;
/// Between two cuts: the publisher has to hear of the first, and the meter to forget what was before it.
const SPACING_US: i64 = 300_000;
/// What stands for so long, hardly shorter, although less is sent, is no queue of this publisher's: the way has become longer,
/// or others fill it.
const STUBBORN_US: i64 = 4_000_000;
const STUBBORN: f64 = 0.8;

/// When a packet was sent, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// 24 bits of seconds, 18 of them behind the point.
    Absolute(u32),
    Rtp {
        ssrc: u32,
        timestamp: u32,
        clock: u32,
        is_audio: bool,
    },
}

impl Sent {
    /// The better the lower, and which clock it is of.
    fn source(self) -> (u8, u32) {
        match self {
            Self::Absolute(_) => (0, 0),
            Self::Rtp { ssrc, is_audio: true, .. } => (1, ssrc),
            Self::Rtp { ssrc, .. } => (2, ssrc),
        }
    }

    /// Ticks, so many bits of them, and how many make a second.
    fn ticks(self) -> (u32, u32, i64) {
        match self {
            Self::Absolute(time) => (time & 0xff_ffff, 24, 1 << 18),
            Self::Rtp { timestamp, clock, .. } => (timestamp, 32, i64::from(clock.max(1))),
        }
    }
}

/// The clock that is followed.
#[derive(Clone, Copy, Debug)]
struct Reference {
    source: (u8, u32),
    newest: u32,
    /// Arrival of the first packet.
    began_us: i64,
    /// Since the first packet; may go back when packets overtake.
    ticks: i64,
    arrival_us: i64,
    delay_us: i64,
}

/// A queue that has been long since then.
#[derive(Clone, Copy, Debug)]
struct Episode {
    since_us: i64,
    peak_ms: f64,
}

/// State of one publisher's line.
#[derive(Debug)]
pub struct Upstream {
    origin: Instant,
    reference: Option<Reference>,
    queue: Queue,
    arrived: Meter,
    episode: Option<Episode>,
    cut_us: Option<i64>,
}

impl Upstream {
    pub fn new(now: Instant) -> Self {
        let (queue, arrived) = (Queue::default(), Meter::default());
        Self { origin: now, reference: None, queue, arrived, episode: None, cut_us: None }
    }

    fn micros(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.origin).as_micros() as i64
    }

    /// A packet came; `sent`: `None` where it does not tell, as a repair under the time of the original.
    pub fn note(&mut self, now: Instant, bytes: usize, sent: Option<Sent>) {
        let arrival_us = self.micros(now);
        self.arrived.note(arrival_us as u64, bytes as u32 + OVERHEAD);
        let Some(sent) = sent else { return };
        let (source, (raw, bits, rate)) = (sent.source(), sent.ticks());
        let start = Reference { source, newest: raw, began_us: arrival_us, ticks: 0, arrival_us, delay_us: 0 };
        let Some(reference) = &mut self.reference else {
            self.start(start);
            return;
        };
        if source != reference.source {
            if source.0 < reference.source.0 || arrival_us - reference.arrival_us > SILENT_US {
                self.start(start);
            }
            return;
        }
        // Signed, in so many bits.
        let step = i64::from((raw.wrapping_sub(reference.newest) << (32 - bits)) as i32 >> (32 - bits));
        let ticks = reference.ticks + step;
        let sent_us = ticks * 1_000_000 / rate;
        let delay_us = arrival_us - reference.began_us - sent_us;
        let is_strange = (delay_us - reference.delay_us).abs() > STRANGE_US || delay_us.abs() > FAR_US;
        if arrival_us - reference.arrival_us > SILENT_US || is_strange {
            self.start(start);
            return;
        }
        (reference.newest, reference.ticks, reference.arrival_us, reference.delay_us) =
            (raw, ticks, arrival_us, delay_us);
        self.queue.note_delay(arrival_us, delay_us);
    }

    fn start(&mut self, reference: Reference) {
        self.reference = Some(reference);
        self.queue = Queue::default();
        self.episode = None;
    }

    /// What the quickest packets stand there, in milliseconds. 0: also when nothing tells.
    fn queue_ms(&self, now_us: i64) -> f64 {
        if self.tells_at(now_us) { self.queue.ms() } else { 0.0 }
    }

    fn tells_at(&self, now_us: i64) -> bool {
        self.reference.is_some_and(|reference| now_us - reference.arrival_us < SILENT_US)
    }

    /// Something tells of the queue, be it empty.
    pub fn is_told(&self, now: Instant) -> bool {
        self.tells_at(self.micros(now))
    }

    /// Nothing more may be tried: what stands has to go first.
    pub fn is_standing(&self, now: Instant) -> bool {
        self.queue_ms(self.micros(now)) > STANDING_MS
    }

    /// A queue was cut for since that time.
    pub fn has_cut_since(&self, since: Instant) -> bool {
        self.cut_us.is_some_and(|at| at >= self.micros(since))
    }

    /// What arrives, and which part of it may be sent so that a long queue goes; `None`: there is none, or it was cut for just
    /// now.
    pub fn excess(&mut self, now: Instant) -> Option<(f64, f64)> {
        let now_us = self.micros(now);
        let queue_ms = self.queue_ms(now_us);
        if queue_ms < LONG_MS {
            self.episode = None;
            return None;
        }
        let episode = self.episode.get_or_insert(Episode { since_us: now_us, peak_ms: queue_ms });
        episode.peak_ms = episode.peak_ms.max(queue_ms);
        if now_us - episode.since_us > STUBBORN_US {
            if queue_ms > STUBBORN * episode.peak_ms {
                self.queue = Queue::default();
                self.episode = None;
                return None;
            }
            *episode = Episode { since_us: now_us, peak_ms: queue_ms };
        }
        if self.cut_us.is_some_and(|at| now_us - at < SPACING_US) {
            return None;
        }
        self.cut_us = Some(now_us);
        let depth = ((queue_ms - LONG_MS) / (DEEP_MS - LONG_MS)).min(1.0);
        Some((self.arrived.bps(now_us as u64), DOWN - (DOWN - DEEP) * depth))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Line {
        start: Instant,
        upstream: Upstream,
        dice: u32,
    }

    impl Line {
        fn new() -> Self {
            // The origin of time; the core is told the time, and so are its tests.
            #[allow(clippy::disallowed_methods)]
            let start = Instant::now();
            Self { start, upstream: Upstream::new(start), dice: 1 }
        }

        /// A packet of 250 bytes each 10 ms with this delay, and the cuts asked for meanwhile.
        fn run(
            &mut self,
            from_ms: u64,
            to_ms: u64,
            sent: impl Fn(u64) -> Sent,
            delay_ms: impl Fn(u64) -> u64,
        ) -> Vec<f64> {
            let mut cuts = Vec::new();
            for ms in (from_ms..to_ms).step_by(10) {
                let now = self.start + Duration::from_millis(ms + delay_ms(ms));
                self.upstream.note(now, 222, Some(sent(ms)));
                cuts.extend(self.upstream.excess(now).map(|(arrived, part)| part * arrived));
            }
            cuts
        }

        fn jitter(&mut self) -> u64 {
            self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u64::from(self.dice >> 8) % 100
        }
    }

    fn voice(ms: u64) -> Sent {
        Sent::Rtp { ssrc: 7, timestamp: (ms * 48) as u32 ^ 0x8000_0000, clock: 48_000, is_audio: true }
    }

    /// Wraps each 64 seconds.
    fn absolute(ms: u64) -> Sent {
        Sent::Absolute((((ms << 18) / 1000) & 0xff_ffff) as u32)
    }

    #[test]
    fn a_queue_is_seen_by_either_clock_and_across_its_wrap() {
        for sent in [voice, absolute] {
            let mut line = Line::new();
            assert!(line.run(0, 60_000, sent, |_| 20).is_empty());
            let cuts = line.run(60_000, 61_000, sent, |ms| 20 + (ms - 60_000) / 2);
            assert!((1..=4).contains(&cuts.len()), "{cuts:?}");
            // 200 kbit/s are sent, two thirds of them arrive.
            assert!(cuts.iter().all(|bps| (60_000.0..170_000.0).contains(bps)), "{cuts:?}");
            assert!(line.run(61_500, 80_000, sent, |_| 20).is_empty(), "it is gone");
        }
    }

    #[test]
    fn a_clock_that_is_made_up_breaks_nothing() {
        let mut line = Line::new();
        // Two and a half seconds on with each packet, and back as far as the number goes.
        line.run(
            0,
            200_000,
            |ms| Sent::Rtp { ssrc: 1, timestamp: (ms * 22_500) as u32, clock: 90_000, is_audio: false },
            |_| 5,
        );
        line.run(
            200_000,
            201_000,
            |ms| Sent::Rtp { ssrc: 1, timestamp: (ms as u32 & 16) << 27, clock: 1, is_audio: false },
            |_| 5,
        );
        let ticks = line.upstream.reference.map(|reference| reference.ticks);
        assert!(ticks.is_some_and(|ticks| ticks.abs() < 90_000 * 4_000), "{ticks:?}");
    }

    #[test]
    fn jitter_is_none_and_a_longer_way_is_taken_for_one_once() {
        let mut line = Line::new();
        let jitter: Vec<u64> = (0..6_000).map(|_| line.jitter()).collect();
        assert!(line.run(0, 60_000, voice, |ms| jitter[ms as usize / 10]).is_empty());
        let mut line = Line::new();
        line.run(0, 10_000, voice, |_| 20);
        let cuts = line.run(10_000, 60_000, voice, |_| 220);
        assert!((1..20).contains(&cuts.len()), "for some seconds: {}", cuts.len());
        assert!(line.run(61_000, 90_000, voice, |_| 220).is_empty());
    }

    #[test]
    fn a_voice_counts_before_a_picture_and_a_picture_where_there_is_no_voice() {
        let picture = |ms: u64| Sent::Rtp { ssrc: 9, timestamp: (ms * 90) as u32, clock: 90_000, is_audio: false };
        let mut line = Line::new();
        line.run(0, 5_000, picture, |_| 20);
        assert!(!line.run(5_000, 6_000, picture, |ms| 20 + (ms - 5_000) / 2).is_empty());
        let mut line = Line::new();
        line.run(0, 1_000, picture, |_| 20);
        for ms in (1_000..6_000).step_by(1_000) {
            line.run(ms, ms + 10, voice, |_| 20);
            let late = line.run(ms + 10, ms + 1_000, picture, |_| 400);
            assert!(late.is_empty(), "the encoder was late");
        }
    }
}
