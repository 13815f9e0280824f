//! How fast one connection may write to the hub (SAFETY 5.3). Told the time, like everything here.
//!
//! Two token buckets: every message, and chat messages among them. A connection that keeps hitting the wall is closed.

use std::time::{Duration, Instant};

/// Tokens that refill evenly up to a burst.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    /// Tokens per second.
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(rate_per_s: u32, burst: u32, now: Instant) -> Self {
        Self { rate: f64::from(rate_per_s), burst: f64::from(burst), tokens: f64::from(burst), at: now }
    }

    /// Takes one token; `Err`: how long until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        self.at = now.max(self.at);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
        }
    }
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// Drop it. `Some`: say `rate_limited` with this wait; `None`: it was said a moment ago, so that a flood is not
    /// answered by a flood.
    Limited(Option<Duration>),
    /// Too many strikes: close with 4029.
    Close,
}

/// The limits of one connection.
#[derive(Debug)]
pub struct RateGate {
    all: TokenBucket,
    chat: TokenBucket,
    /// When strikes were given, within the last 10 s; at most one a second, so that one burst is one strike.
    strikes: Vec<Instant>,
}

const STRIKES: usize = 3;
const STRIKE_WINDOW: Duration = Duration::from_secs(10);
const STRIKE_SPACING: Duration = Duration::from_secs(1);

impl RateGate {
    pub fn new(now: Instant) -> Self {
        Self { all: TokenBucket::new(20, 60, now), chat: TokenBucket::new(5, 20, now), strikes: Vec::new() }
    }

    /// Any message, asked before it is parsed: what is dropped costs its reading only.
    pub fn message(&mut self, now: Instant) -> Verdict {
        match self.all.take(now) {
            Ok(()) => Verdict::Pass,
            Err(wait) => self.strike(now, wait),
        }
    }

    /// A chat message, asked after parsing. Each refused one is answered, because it carries the client's message id.
    pub fn chat(&mut self, now: Instant) -> Verdict {
        match self.chat.take(now) {
            Ok(()) => Verdict::Pass,
            Err(wait) => match self.strike(now, wait) {
                Verdict::Close => Verdict::Close,
                _ => Verdict::Limited(Some(wait)),
            },
        }
    }

    fn strike(&mut self, now: Instant, wait: Duration) -> Verdict {
        self.strikes.retain(|at| now.saturating_duration_since(*at) < STRIKE_WINDOW);
        if self.strikes.last().is_some_and(|at| now.saturating_duration_since(*at) < STRIKE_SPACING) {
            return Verdict::Limited(None);
        }
        self.strikes.push(now);
        if self.strikes.len() >= STRIKES { Verdict::Close } else { Verdict::Limited(Some(wait)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One fixed origin; the gate itself never reads a clock.
    #[allow(clippy::disallowed_methods)]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_burst_passes_and_one_burst_too_many_is_one_strike() {
        let start = origin();
        let mut gate = RateGate::new(start);
        let passed = (0..200).filter(|_| gate.message(start) == Verdict::Pass).count();
        assert_eq!(passed, 60);
        assert_eq!(gate.strikes.len(), 1);
        assert_eq!(gate.message(start + Duration::from_secs(1)), Verdict::Pass);
    }

    #[test]
    fn a_thousand_messages_a_second_are_cut_off_within_three_seconds() {
        let start = origin();
        let mut gate = RateGate::new(start);
        let closed = (0..10_000)
            .map(|n| start + Duration::from_millis(n))
            .find(|now| gate.message(*now) == Verdict::Close)
            .map(|at| at.saturating_duration_since(start));
        assert!(closed.is_some_and(|after| after <= Duration::from_secs(3)), "{closed:?}");
    }

    #[test]
    fn a_person_who_writes_steadily_is_never_limited() {
        let start = origin();
        let mut gate = RateGate::new(start);
        for n in 0..1_000 {
            let now = start + Duration::from_millis(n * 200);
            assert_eq!((gate.message(now), gate.chat(now)), (Verdict::Pass, Verdict::Pass));
        }
    }

    #[test]
    fn chat_has_its_own_smaller_bucket() {
        let start = origin();
        let mut gate = RateGate::new(start);
        let passed = (0..30).filter(|_| gate.chat(start) == Verdict::Pass).count();
        assert_eq!(passed, 20);
        assert!(matches!(gate.chat(start), Verdict::Limited(Some(_))));
    }
}
