//! The estimator on made-up lines: bounds, convergence, hostile feedback.
#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::transport::feedback::ArrivalLog;

// The origin of time; the core is told the time, and so are its tests.
#[allow(clippy::disallowed_methods)]
fn origin() -> Instant {
    Instant::now()
}

/// A sender that fills its estimate (at most `most`), a line with a rate and a queue, feedback each 100 ms.
struct Run {
    start: Instant,
    estimator: Estimator,
    log: ArrivalLog,
    ms: u64,
    free_us: u64,
    credit: f64,
}

impl Run {
    fn new() -> Self {
        let start = origin();
        let mut estimator = Estimator::new(start);
        estimator.expect_feedback();
        Self { start, estimator, log: ArrivalLog::default(), ms: 0, free_us: 0, credit: 0.0 }
    }

    fn go(&mut self, ms: u64, line_bps: f64, most_bps: f64, jitter_us: impl Fn(u64) -> u64) {
        for _ in 0..ms {
            self.ms += 1;
            let now_us = self.ms * 1000;
            self.estimator.set_now(self.start + Duration::from_micros(now_us));
            self.credit += self.estimator.estimate_bps().unwrap().min(most_bps) / 8000.0;
            while self.credit >= 1000.0 {
                self.credit -= 1000.0;
                let number = self.estimator.next_number();
                self.estimator.note_sent(1000 - OVERHEAD as usize, Purpose::Video, true);
                let begin = self.free_us.max(now_us);
                if begin - now_us < 400_000 {
                    self.free_us = begin + (8e9 / line_bps) as u64;
                    let arrival = self.free_us + 20_000 + jitter_us(self.ms);
                    self.log.note(self.start + Duration::from_micros(arrival), number);
                }
            }
            if self.ms.is_multiple_of(100)
                && let Some(packet) = self.log.take(1, 2)
            {
                self.estimator.handle_feedback(Feedback::parse(&packet).unwrap());
            }
            self.estimator.handle_timeout();
        }
    }
}

#[test]
fn it_settles_below_a_line_and_follows_it_down_and_up() {
    let mut run = Run::new();
    run.go(20_000, 2e6, 1e8, |_| 0);
    let bps = run.estimator.estimate_bps().unwrap();
    assert!((1.4e6..2.4e6).contains(&bps), "{bps}");
    run.go(5_000, 0.4e6, 1e8, |_| 0);
    let bps = run.estimator.estimate_bps().unwrap();
    assert!((0.2e6..0.55e6).contains(&bps), "{bps}");
    run.go(40_000, 2e6, 1e8, |_| 0);
    let bps = run.estimator.estimate_bps().unwrap();
    assert!(bps > 1.2e6, "{bps}");
}

#[test]
fn without_any_feedback_nothing_is_bounded_and_a_remb_bounds() {
    let start = origin();
    let mut estimator = Estimator::new(start);
    assert_eq!(estimator.estimate_bps(), None);
    estimator.handle_remb(500_000.0);
    assert!(estimator.estimate_bps().is_some_and(|bps| bps >= 500_000.0), "it grows only with what is sent");
    estimator.handle_remb(300_000.0);
    assert_eq!(estimator.estimate_bps(), Some(300_000.0), "it fell: that is the limit");
    estimator.handle_remb(f64::NAN);
    estimator.handle_remb(-1.0);
    assert_eq!(estimator.estimate_bps(), Some(300_000.0));
    estimator.set_now(start + Duration::from_secs(60));
    assert_eq!(estimator.estimate_bps(), None, "not repeated");
}

#[test]
fn feedback_that_was_promised_and_does_not_come_bounds_nothing() {
    let start = origin();
    let mut estimator = Estimator::new(start);
    estimator.expect_feedback();
    assert!(estimator.estimate_bps().is_some());
    for ms in 0..4_000u64 {
        estimator.set_now(start + Duration::from_millis(ms));
        estimator.note_sent(1000, Purpose::Video, true);
        estimator.handle_timeout();
    }
    assert_eq!(estimator.estimate_bps(), None);
}

#[test]
fn feedback_that_stops_halves_the_rate_again_and_again() {
    let mut run = Run::new();
    run.go(5_000, 2e6, 1e8, |_| 0);
    let before = run.estimator.estimate_bps().unwrap();
    for ms in 0..6_000u64 {
        run.estimator.set_now(run.start + Duration::from_millis(5_000 + ms));
        run.estimator.note_sent(1000, Purpose::Video, true);
        run.estimator.handle_timeout();
    }
    let after = run.estimator.estimate_bps().unwrap();
    assert!(after < before / 8.0, "{before} {after}");
}

#[test]
fn a_line_that_was_gone_comes_back_also_when_nothing_can_be_padded() {
    let mut run = Run::new();
    run.go(5_000, 2e6, 1e8, |_| 0);
    for ms in 0..12_000u64 {
        run.estimator.set_now(run.start + Duration::from_millis(5_000 + ms));
        run.estimator.note_sent(100, Purpose::Audio, true);
        run.estimator.handle_timeout();
    }
    assert!(run.estimator.estimate_bps().unwrap() < 50_000.0, "nothing but voices is left");
    run.ms = 17_000;
    for _ in 0..200 {
        run.go(200, 2e6, 20_000.0, |_| 0);
        run.estimator.grow_untried(600_000.0);
    }
    let after = run.estimator.estimate_bps().unwrap();
    assert!((500_000.0..=700_000.0).contains(&after), "{after}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_line_it_stays_within_its_bounds_and_does_not_bury_it(
        rates in prop::collection::vec(100_000.0f64..8e6, 1..4),
        most in 50_000.0f64..10e6,
        jitter in 0u64..40_000,
        seed in any::<u32>(),
    ) {
        let mut run = Run::new();
        for rate in rates {
            run.go(8_000, rate, most, |ms| (ms.wrapping_mul(2_654_435_761) ^ u64::from(seed)) % (jitter + 1));
            let bps = run.estimator.estimate_bps().unwrap();
            prop_assert!((LEAST_BPS..=MOST_BPS).contains(&bps));
            // What is not filled is not known.
            prop_assert!(bps < (1.6 * rate).max(2.0 * most).max(1.1 * FIRST_BPS), "{bps} on {rate}, at most {most}");
        }
    }

    #[test]
    fn whatever_feedback_says_nothing_breaks(
        packets in prop::collection::vec((prop::collection::vec(any::<u8>(), 20..60), 0u64..5_000_000, any::<f64>()), 1..40),
    ) {
        let start = origin();
        let mut estimator = Estimator::new(start);
        estimator.expect_feedback();
        let mut now = 0;
        for (bytes, step, number) in packets {
            now += step;
            estimator.set_now(start + Duration::from_micros(now));
            for _ in 0..30 {
                estimator.note_sent(1200, Purpose::Video, true);
            }
            if let Some(feedback) = Feedback::parse(&bytes) {
                estimator.handle_feedback(feedback);
            }
            estimator.handle_remb(number);
            estimator.handle_report(number, Some(Duration::from_micros(step)));
            estimator.begin_probe(number);
            estimator.handle_timeout();
            let bps = estimator.estimate_bps();
            prop_assert!(bps.is_none_or(|bps| (LEAST_BPS..=REMB_TRIAL * MOST_BPS).contains(&bps)), "{bps:?}");
        }
    }
}
