//! How much may be sent to one receiver: a send-side estimate from its feedback.
//!
//! What the delay allows (`trend`, `delay_rate`) and what loss allows (`loss_rate`), the smaller of the two, from
//! transport-wide feedback (`feedback`, `history`, `acked`); `probe` tries out more. After draft-ietf-rmcat-gcc-02 with the
//! changes that libwebrtc made to it since; the terms of RFC 8888 ("feedback", "arrival") where they fit. Receivers without
//! transport-wide feedback are held to their REMB (draft-alvestrand-rmcat-remb-03), those without either to the loss in
//! their report blocks, and to nothing while they report none. `incoming` is the other direction: what a publisher without
//! transport-wide feedback is told.
//!
//! The `transport` of a receiver owns one, `sfu` tells it what was sent and what came, and the time with both. It allocates
//! once, for the history; a packet costs a few additions.

pub mod acked;
pub mod budget;
pub mod delay_rate;
pub mod feedback;
pub mod history;
pub mod incoming;
pub mod loss_rate;
pub mod meter;
pub mod probe;
pub mod queue;
pub mod trend;
pub mod upstream;

use std::time::{Duration, Instant};

use acked::Acked;
use delay_rate::{DelayRate, Input};
use feedback::Feedback;
use history::{Fate, History};
use loss_rate::LossRate;
use meter::Meter;
use probe::Prober;
use queue::Queue;
use trend::{Trend, Usage};

/// What is assumed of a receiver that has not answered yet: two small pictures and the voices. The first probes follow with
/// the first feedback.
const FIRST_BPS: f64 = 1_000_000.0;
/// Bounds of the estimate: one voice with its overhead, and more than any layout needs.
pub const LEAST_BPS: f64 = 40_000.0;
pub const MOST_BPS: f64 = 100_000_000.0;
/// A receiver that negotiated feedback and gives none for so long and so many packets does not give any.
const SILENT: Duration = Duration::from_secs(3);
const SILENT_PACKETS: u32 = 50;
/// Feedback that used to come and stops: the rate halves each time this passes.
const LATE: Duration = Duration::from_millis(1_200);
/// A sender that fills less of its estimate than this is limited by what it has to send.
const LIMITED: f64 = 0.7;
/// After a queue has grown, no probe for this long.
const PROBE_PAUSE: Duration = Duration::from_secs(1);
/// A trend of the delay is believed when the quickest packets stand this long, in milliseconds: a key frame on a thin line
/// makes a trend too, and is gone a moment later.
const QUEUE_MS: f64 = 60.0;
/// With more than this on the way, the estimate does not grow.
const STANDING_MS: f64 = 120.0;
/// Where nothing can be padded, the estimate grows by so much each time this passes: 27 % a second.
const UNTRIED_STEP: f64 = 1.05;
const UNTRIED_SPACING_US: u64 = 200_000;
/// A REMB that fell less long ago than this is the limit; one that did not grows only with what is sent, so that more than
/// it says has to be tried.
const REMB_CALM: Duration = Duration::from_secs(10);
const REMB_TRIAL: f64 = 2.0;
/// A REMB that was not repeated.
const REMB_STALE: Duration = Duration::from_secs(20);
/// Repairs that may always be sent, if the estimate bears twice as much: what was lost may have been a burst after which
/// nothing came, the key frame of a screen.
const LEAST_REPAIRS_BPS: f64 = 1_500_000.0;
/// Of a datagram, beside its payload: IPv4 and UDP headers.
const OVERHEAD: u32 = 28;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Audio,
    Video,
    Retransmission,
    Probe,
}

#[derive(Clone, Copy, Debug)]
struct Remb {
    bps: f64,
    came_us: u64,
    fell_us: Option<u64>,
}

/// How feedback comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Transport-wide feedback is negotiated, and expected.
    Expecting,
    /// It comes.
    Feedback,
    /// It does not.
    None,
}

/// The estimate for one receiver.
#[derive(Debug)]
pub struct Estimator {
    origin: Instant,
    now_us: u64,
    mode: Mode,
    history: History,
    trend: Trend,
    queue: Queue,
    acked: Acked,
    delay: DelayRate,
    loss: LossRate,
    remb: Option<Remb>,
    prober: Prober,
    total: Meter,
    audio: Meter,
    repeated: Meter,
    rtt_us: Option<u64>,
    first_sent_us: Option<u64>,
    /// Packets since the last feedback.
    unanswered: u32,
    answered_us: u64,
    /// When the estimate last grew without a probe.
    untried_us: u64,
    is_limited: bool,
}

impl Estimator {
    /// For a receiver that begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            origin: now,
            now_us: 0,
            mode: Mode::None,
            history: History::default(),
            trend: Trend::default(),
            queue: Queue::default(),
            acked: Acked::default(),
            delay: DelayRate::new(FIRST_BPS),
            loss: LossRate::default(),
            remb: None,
            prober: Prober::default(),
            total: Meter::default(),
            audio: Meter::default(),
            repeated: Meter::default(),
            rtt_us: None,
            first_sent_us: None,
            unanswered: 0,
            answered_us: 0,
            untried_us: 0,
            is_limited: true,
        }
    }

    /// The receiver has negotiated transport-wide feedback for some m-line.
    pub fn expect_feedback(&mut self) {
        if self.mode == Mode::None && self.first_sent_us.is_none() {
            self.mode = Mode::Expecting;
        }
    }

    /// Its transport-wide feedback comes.
    pub fn has_feedback(&self) -> bool {
        self.mode == Mode::Feedback
    }

    /// Tells the time, before anything else that happens at it.
    pub fn set_now(&mut self, now: Instant) {
        self.now_us = now.saturating_duration_since(self.origin).as_micros() as u64;
    }

    /// The transport-wide number of the next packet.
    pub fn next_number(&self) -> u16 {
        self.history.next()
    }

    /// The time as abs-send-time has it: 24 bits of seconds, 18 of them behind the point.
    pub fn send_time(&self) -> u32 {
        (((self.now_us << 18) / 1_000_000) & 0xff_ffff) as u32
    }

    /// A packet left. `is_numbered`: under [`Estimator::next_number`], which is used up then.
    pub fn note_sent(&mut self, bytes: usize, purpose: Purpose, is_numbered: bool) {
        let bytes = bytes as u32 + OVERHEAD;
        self.total.note(self.now_us, bytes);
        if purpose == Purpose::Audio {
            self.audio.note(self.now_us, bytes);
        } else if purpose == Purpose::Retransmission {
            self.repeated.note(self.now_us, bytes);
        }
        if is_numbered {
            self.first_sent_us.get_or_insert(self.now_us);
            self.unanswered = self.unanswered.saturating_add(1);
            let is_probe = self.prober.is_sending();
            self.history.insert(self.now_us, bytes.min(u32::from(u16::MAX)) as u16, is_probe);
            if is_probe {
                self.prober.note_sent(self.now_us, bytes);
            }
        }
    }

    /// Transport-wide feedback came. Whether the estimate fell.
    pub fn handle_feedback(&mut self, feedback: Feedback<'_>) -> bool {
        let now_us = self.now_us;
        let before = self.bps();
        self.is_limited = self.total.bps(now_us) < LIMITED * self.delay.bps();
        let (mut arrived, mut lost) = (0, 0i32);
        let mut newest_sent_us = None;
        let mut is_over = false;
        for (sequence, arrival) in feedback.statuses() {
            match self.history.settle(now_us, sequence, arrival.is_some()) {
                Some(Fate::Arrived { sent_us, bytes, is_probe, was_missed }) => {
                    let Some(arrival_us) = arrival else { continue };
                    arrived += 1;
                    lost -= i32::from(was_missed);
                    newest_sent_us = newest_sent_us.max(Some(sent_us));
                    self.acked.note(arrival_us, u64::from(bytes), self.is_limited);
                    self.queue.note_sized(sent_us, arrival_us, u32::from(bytes), before);
                    self.trend.note(sent_us, arrival_us);
                    is_over |= self.trend.usage() == Usage::Over;
                    if is_probe {
                        self.prober.note_arrival(sent_us, arrival_us, u64::from(bytes));
                    }
                }
                Some(Fate::Missed) => lost += 1,
                None => {}
            }
        }
        if arrived == 0 && lost <= 0 {
            return false;
        }
        self.mode = Mode::Feedback;
        self.unanswered = 0;
        self.answered_us = now_us;
        if let Some(sent_us) = newest_sent_us {
            self.note_rtt(Duration::from_micros(now_us.saturating_sub(sent_us)));
        }
        self.loss.note(arrived, lost);
        let sent_bps = self.total.bps(now_us);
        self.loss.update(now_us, self.delay.bps(), sent_bps);
        let usage = self.judge(is_over);
        let has_fallen = self.delay.update(Input {
            now_us,
            usage,
            acked_bps: self.acked.bps(),
            rtt_us: self.rtt_us(),
            is_limited: self.is_limited,
        });
        if has_fallen || self.loss.excess() > 0.1 {
            self.prober.stop(now_us);
            self.prober.hold(now_us + PROBE_PAUSE.as_micros() as u64);
        }
        if usage == Usage::Normal {
            // What arrives without a queue is no guess.
            self.delay.raise(now_us, self.acked.bps().unwrap_or(0.0).min(MOST_BPS));
        }
        if let Some(shown) = self.prober.result(now_us)
            && usage != Usage::Over
        {
            self.delay.raise(now_us, shown.min(MOST_BPS));
            self.loss.raise(shown.min(MOST_BPS));
        }
        self.bps() < before
    }

    /// What the trend of the delay is worth: a queue that only some packets stand in is jitter.
    fn judge(&self, is_over: bool) -> Usage {
        let (queue, jitter) = (self.queue.ms(), self.jitter());
        match self.trend.usage() {
            _ if is_over && queue > QUEUE_MS + jitter => Usage::Over,
            _ if is_over || queue > STANDING_MS + jitter => Usage::Under,
            usage => usage,
        }
    }

    /// On a path with much jitter, even the quickest packets of a moment are not always as quick: so much is no queue.
    fn jitter(&self) -> f64 {
        let jitter = self.queue.jitter_ms();
        if jitter > probe::JITTERY_MS { jitter } else { 0.0 }
    }

    /// The receiver's own estimate came (REMB).
    pub fn handle_remb(&mut self, bps: f64) {
        if !bps.is_finite() || bps <= 0.0 {
            return;
        }
        let bps = bps.clamp(LEAST_BPS, MOST_BPS);
        let fell_us = match self.remb {
            Some(before) if bps < before.bps * 0.95 => Some(self.now_us),
            Some(before) => before.fell_us,
            None => None,
        };
        self.remb = Some(Remb { bps, came_us: self.now_us, fell_us });
    }

    /// A report block came: fraction lost, and the round trip where it tells one.
    pub fn handle_report(&mut self, fraction_lost: f64, rtt: Option<Duration>) {
        if let Some(rtt) = rtt {
            self.note_rtt(rtt);
        }
        if self.mode == Mode::None && fraction_lost.is_finite() {
            let sent_bps = self.total.bps(self.now_us);
            let allowed = self.loss.bps().unwrap_or(sent_bps).max(LEAST_BPS);
            self.loss.judge(fraction_lost.clamp(0.0, 1.0), allowed, sent_bps);
        }
    }

    fn note_rtt(&mut self, rtt: Duration) {
        let rtt_us = rtt.as_micros() as u64;
        // Feedback waits at the receiver for up to a quarter second: the shortest are the truth, longer ones count slowly.
        self.rtt_us = Some(match self.rtt_us {
            None => rtt_us,
            Some(before) if rtt_us < before => (before + 3 * rtt_us) / 4,
            Some(before) => (before * 31 + rtt_us) / 32,
        });
    }

    fn rtt_us(&self) -> u64 {
        self.rtt_us.unwrap_or(200_000)
    }

    /// What the quickest packets stand on the way.
    pub fn queue(&self) -> Duration {
        Duration::from_secs_f64(self.queue.ms() / 1000.0)
    }

    /// Milliseconds since this estimator began.
    pub fn now_ms(&self) -> u32 {
        (self.now_us / 1000) as u32
    }

    /// Round trip to the receiver and back, with what its feedback waits; `None`: not known.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt_us.map(Duration::from_micros)
    }

    /// Loss towards the receiver lately, 0 to 1.
    pub fn fraction_lost(&self) -> f64 {
        self.loss.fraction()
    }

    /// From time to time: feedback that fails to come is news too.
    pub fn handle_timeout(&mut self) {
        let since = |at_us: u64| Duration::from_micros(self.now_us.saturating_sub(at_us));
        match self.mode {
            Mode::Expecting => {
                let is_silent = self.first_sent_us.is_some_and(|at| since(at) > SILENT);
                if is_silent && self.unanswered > SILENT_PACKETS {
                    self.mode = Mode::None;
                }
            }
            Mode::Feedback => {
                if self.unanswered > 10 && since(self.answered_us) > LATE {
                    self.answered_us = self.now_us;
                    let lower = (self.bps() / 2.0).max(LEAST_BPS);
                    self.delay.lower(self.now_us, lower);
                }
            }
            Mode::None => {}
        }
        // A cluster nobody answers must not stand for ever.
        let _ = self.prober.result(self.now_us);
    }

    fn bps(&self) -> f64 {
        self.delay.bps().min(self.loss.bps().unwrap_or(f64::MAX)).clamp(LEAST_BPS, MOST_BPS)
    }

    /// What may be sent, audio and repairs included, in bit/s with the headers of IP and UDP. `None`: the receiver says
    /// nothing that would bound it.
    pub fn estimate_bps(&self) -> Option<f64> {
        if self.mode != Mode::None {
            return Some(self.bps());
        }
        let since = |at_us: u64| Duration::from_micros(self.now_us.saturating_sub(at_us));
        let remb = self.remb.filter(|remb| since(remb.came_us) < REMB_STALE).map(|remb| {
            let is_limit = remb.fell_us.is_some_and(|at| since(at) < REMB_CALM);
            if is_limit { remb.bps } else { remb.bps * REMB_TRIAL }
        });
        let loss = self.loss.bps().map(|bps| bps.clamp(LEAST_BPS, MOST_BPS));
        match (remb, loss) {
            (Some(remb), Some(loss)) => Some(remb.min(loss)),
            (bound, None) | (None, bound) => bound,
        }
    }

    /// A queue stands on the way, or grew only just now.
    pub fn is_congested(&self) -> bool {
        let recently = |at: u64| self.now_us.saturating_sub(at) < 500_000;
        self.queue.ms() > STANDING_MS + self.jitter() || self.delay.decreased_us().is_some_and(recently)
    }

    /// What is sent to this receiver, and how much of that is audio; bit/s over the last half second.
    pub fn sent_bps(&mut self) -> (f64, f64) {
        (self.total.bps(self.now_us), self.audio.bps(self.now_us))
    }

    /// Whether something may be sent again: of all that leaves, and of what the estimate bears, repairs are half at most. On
    /// a line that loses 40 % they are 40 %; a receiver that asks for everything over and over gets no more for it than
    /// twice what it would get anyway (MD-20).
    pub fn may_repeat(&mut self) -> bool {
        let repeated = self.repeated.bps(self.now_us);
        let others = self.total.bps(self.now_us) - repeated;
        let least = self.estimate_bps().map_or(LEAST_REPAIRS_BPS, |estimate| LEAST_REPAIRS_BPS.min(estimate / 2.0));
        repeated < others.max(least)
    }

    /// Begins a probe when more is wanted than the estimate carries, and it is time. `true`: padding is due.
    pub fn begin_probe(&mut self, wanted_bps: f64) -> bool {
        let may = self.mode == Mode::Feedback && !self.is_congested() && self.loss.excess() < 0.05;
        let jitter_ms = self.queue.jitter_ms();
        may && self.prober.begin(self.now_us, self.bps(), wanted_bps.min(MOST_BPS), jitter_ms)
    }

    /// In place of a probe, for a receiver that takes no padding (no RTX): more is wanted than the estimate carries, and
    /// voices alone fill too little of it to make it grow. Without this, a line that was gone for some seconds would get no
    /// picture ever again. While feedback comes and speaks of no queue and no loss, the estimate grows; the first picture
    /// that fits is the probe.
    pub fn grow_untried(&mut self, wanted_bps: f64) {
        let is_calm = self.mode == Mode::Feedback && !self.is_congested() && self.loss.excess() < 0.05;
        let is_answered = self.now_us.saturating_sub(self.answered_us) < LATE.as_micros() as u64;
        let is_due = self.now_us.saturating_sub(self.untried_us) >= UNTRIED_SPACING_US;
        let bps = self.bps();
        if is_calm && is_answered && is_due && bps < wanted_bps {
            self.untried_us = self.now_us;
            let more = (bps * UNTRIED_STEP).min(wanted_bps).min(MOST_BPS);
            self.delay.raise(self.now_us, more);
            self.loss.raise(more);
        }
    }

    /// Bytes of padding due for a probe; asks again until 0.
    pub fn padding_due(&self) -> u32 {
        self.prober.due(self.now_us)
    }

    /// A probe is under way.
    pub fn is_probing(&self) -> bool {
        self.prober.is_sending()
    }
}

#[cfg(test)]
mod tests;
