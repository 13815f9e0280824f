//! What arrives of one layer (RFC 3550 appendix A): loss and jitter for reports, and which packets to ask for again.

use std::time::{Duration, Instant};

use rtc::rtcp::reception_report::ReceptionReport;

use crate::transport::replay::ReplayWindow;

/// Missing packets remembered; beyond, the oldest are given up.
const MISSING: usize = 128;
/// A jump this wide is a restart of the sender, not loss.
const JUMP: u64 = 512;
/// Where counting begins: packets of before a wrap may come after the first one.
const ORIGIN: u64 = 1 << 16;
/// How often one packet is asked for, and the bounds of the time between: half as long again as repairs take. Who asks before
/// the answer can have come makes a publisher on a full line send everything several times, and fills the line with that.
const TRIES: u8 = 8;
const RETRY: Duration = Duration::from_millis(40);
/// What repairs are thought to take before the first has come.
const REPAIR: Duration = Duration::from_millis(60);
const LONGEST_RETRY: Duration = Duration::from_millis(600);

#[derive(Clone, Copy, Debug)]
struct Missing {
    index: u64,
    /// For the first and for the last time.
    first_asked: Option<Instant>,
    asked: Option<Instant>,
    tries: u8,
}

/// Reception state of one layer.
#[derive(Debug)]
pub struct Reception {
    clock: u32,
    window: ReplayWindow,
    first: Option<u64>,
    highest: u64,
    received: u64,
    /// Of those, the ones that came only when they were asked for.
    repaired: u64,
    /// Expected and come by themselves, when [`Reception::take_loss`] looked last.
    looked: (u64, u64),
    /// At the last report: expected and received, for the fraction lost.
    reported: (u64, u64),
    jitter: f64,
    transit: Option<f64>,
    origin: Option<Instant>,
    missing: Vec<Missing>,
    /// From the first asking to the repair, lately.
    repair_time: Duration,
    /// Middle 32 bits of the NTP time of the last sender report, and when it came.
    sender_report: Option<(u32, Instant)>,
}

impl Reception {
    pub fn new(clock: u32) -> Self {
        Self {
            clock,
            window: ReplayWindow::default(),
            first: None,
            highest: 0,
            received: 0,
            repaired: 0,
            looked: (0, 0),
            reported: (0, 0),
            jitter: 0.0,
            transit: None,
            origin: None,
            missing: Vec::new(),
            repair_time: REPAIR,
            sender_report: None,
        }
    }

    /// Notes a packet; `wants_repair`: gaps are to be asked for. `false`: it was here before (a repair and the late
    /// original may both come).
    pub fn receive(&mut self, now: Instant, sequence: u16, timestamp: u32, wants_repair: bool) -> bool {
        let index = match self.first {
            None => ORIGIN | u64::from(sequence),
            Some(_) => self.window.index_of(sequence),
        };
        if !self.window.is_fresh(index) {
            return false;
        }
        self.window.accept(index);
        self.received += 1;
        if self.first.is_none() {
            self.first = Some(index);
            self.highest = index;
        } else if index > self.highest {
            if wants_repair && index - self.highest <= JUMP {
                for index in self.highest + 1..index {
                    if self.missing.len() >= MISSING {
                        self.missing.remove(0);
                    }
                    self.missing.push(Missing { index, first_asked: None, asked: None, tries: 0 });
                }
            }
            self.highest = index;
        } else if let Some(place) = self.missing.iter().position(|missing| missing.index == index) {
            let missing = self.missing.remove(place);
            if let Some(asked) = missing.first_asked {
                self.repaired += 1;
                self.note_repair(now.saturating_duration_since(asked));
            }
        }
        self.note_jitter(now, timestamp);
        true
    }

    /// Short ones count more: in a long one an answer was lost.
    fn note_repair(&mut self, took: Duration) {
        self.repair_time = match self.repair_time {
            before if took < before => (before + took) / 2,
            before => before + (took - before) / 8,
        };
    }

    fn note_jitter(&mut self, now: Instant, timestamp: u32) {
        let origin = *self.origin.get_or_insert(now);
        let arrival = now.saturating_duration_since(origin).as_secs_f64() * f64::from(self.clock);
        let transit = arrival - f64::from(timestamp);
        if let Some(before) = self.transit {
            let difference = (transit - before).abs();
            // A wrapped or restarted timestamp is no jitter.
            if difference < 10.0 * f64::from(self.clock) {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }

    pub fn has_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Sequence numbers to ask for now.
    pub fn ask(&mut self, now: Instant, sequences: &mut Vec<u16>) {
        let highest = self.highest;
        self.missing.retain(|missing| missing.tries < TRIES && highest - missing.index < JUMP);
        let retry = (self.repair_time * 3 / 2).clamp(RETRY, LONGEST_RETRY);
        for missing in &mut self.missing {
            if missing.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= retry) {
                missing.first_asked.get_or_insert(now);
                missing.asked = Some(now);
                missing.tries += 1;
                sequences.push(missing.index as u16);
            }
        }
    }

    /// Packets that never came, and the jitter (RFC 3550 section 6.4.1).
    pub fn loss(&self) -> (u64, Duration) {
        let expected = self.first.map_or(0, |first| self.highest - first + 1);
        let jitter = Duration::from_secs_f64(self.jitter / f64::from(self.clock));
        (expected.saturating_sub(self.received), jitter)
    }

    /// Packets expected since this was asked last, and how many of them the line has lost: a repair does not undo that.
    pub fn take_loss(&mut self) -> (u64, u64) {
        let expected = self.first.map_or(0, |first| self.highest - first + 1);
        let (expected_before, come_before) =
            std::mem::replace(&mut self.looked, (expected, self.received - self.repaired));
        let expected_now = expected.saturating_sub(expected_before);
        let come_now = (self.received - self.repaired).saturating_sub(come_before);
        (expected_now, expected_now.saturating_sub(come_now))
    }

    /// A sender report came.
    pub fn note_sender_report(&mut self, now: Instant, ntp: u64) {
        self.sender_report = Some(((ntp >> 16) as u32, now));
    }

    /// The report block for this layer; starts the next interval.
    pub fn report(&mut self, now: Instant, ssrc: u32) -> Option<ReceptionReport> {
        let expected = self.highest - self.first? + 1;
        let (expected_before, received_before) = self.reported;
        self.reported = (expected, self.received);
        let expected_now = expected.saturating_sub(expected_before);
        let lost_now = expected_now.saturating_sub(self.received - received_before);
        let (last_sender_report, delay) = self.sender_report.map_or((0, 0), |(middle, came)| {
            (middle, (now.saturating_duration_since(came).as_secs_f64() * 65_536.0) as u32)
        });
        Some(ReceptionReport {
            ssrc,
            fraction_lost: (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8,
            total_lost: expected.saturating_sub(self.received).min(0x7f_ffff) as u32,
            last_sequence_number: self.highest.saturating_sub(ORIGIN) as u32,
            jitter: self.jitter as u32,
            last_sender_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // The origin of time; the core is told the time, and so are its tests.
    #[allow(clippy::disallowed_methods)]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn gaps_are_asked_for_until_they_are_filled_or_given_up() {
        let start = origin();
        let mut reception = Reception::new(90_000);
        for sequence in [10, 11, 14] {
            assert!(reception.receive(start, sequence, 0, true));
        }
        let mut asked = Vec::new();
        reception.ask(start, &mut asked);
        assert_eq!(asked, [12, 13]);
        asked.clear();
        reception.ask(start + REPAIR, &mut asked);
        assert!(asked.is_empty());
        assert!(reception.receive(start, 12, 0, true));
        assert!(!reception.receive(start, 12, 0, true), "the repair and the late original");
        for round in 1..20 {
            reception.ask(start + REPAIR * 2 * round, &mut asked);
        }
        assert_eq!(asked, vec![13; usize::from(TRIES) - 1]);
        assert!(!reception.has_missing());
        assert_eq!(reception.take_loss(), (5, 2), "the repaired one was lost too");
        assert_eq!(reception.take_loss(), (0, 0));
    }

    #[test]
    fn where_repairs_take_long_they_are_asked_for_less_often() {
        let start = origin();
        let mut reception = Reception::new(90_000);
        let (mut sequence, mut asked) = (0, Vec::new());
        // Every tenth is lost and comes 400 ms after it was asked for first, however often that is.
        let mut due: Vec<(Instant, u16)> = Vec::new();
        for ms in (0..20_000).step_by(10) {
            let now = start + Duration::from_millis(ms);
            sequence += 1;
            if sequence % 10 != 0 {
                reception.receive(now, sequence, 0, true);
            }
            let before = asked.len();
            reception.ask(now, &mut asked);
            for missing in &asked[before..] {
                if due.iter().all(|(_, number)| number != missing) {
                    due.push((now + Duration::from_millis(400), *missing));
                }
            }
            for (_, number) in due.iter().filter(|(at, _)| *at == now) {
                assert!(reception.receive(now, *number, 0, true));
            }
        }
        let packets = due.len();
        assert!(asked.len() < packets + 20, "{} requests for {packets} packets", asked.len());
    }

    #[test]
    fn loss_is_reported_per_interval_and_in_total() {
        let start = origin();
        let mut reception = Reception::new(90_000);
        for sequence in (0..100).filter(|sequence| sequence % 4 != 1) {
            reception.receive(start, sequence, 0, false);
        }
        let report = reception.report(start, 1).unwrap();
        assert_eq!((report.fraction_lost, report.total_lost, report.last_sequence_number), (64, 25, 99));
        for sequence in 100..200 {
            reception.receive(start, sequence, 0, false);
        }
        let report = reception.report(start, 1).unwrap();
        assert_eq!((report.fraction_lost, report.total_lost), (0, 25));
    }
}
