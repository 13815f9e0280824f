//! How fast one connection may write to the hub (SAFETY 5.3). Told the time, like everything here.
//!
//! Token buckets: every message, chat among them, and hands and switches. A connection that keeps hitting the wall is closed.

use std::time::{Duration, Instant};

use crate::message::ClientMessage;

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
    toggles: TokenBucket,
    /// When strikes were given, within the last 10 s; at most one a second, so that one burst is one strike.
    strikes: Vec<Instant>,
}

const STRIKES: usize = 3;
const STRIKE_WINDOW: Duration = Duration::from_secs(10);
const STRIKE_SPACING: Duration = Duration::from_secs(1);

impl RateGate {
    pub fn new(now: Instant) -> Self {
        Self {
            all: TokenBucket::new(20, 60, now),
            chat: TokenBucket::new(5, 20, now),
            toggles: TokenBucket::new(2, 10, now),
            strikes: Vec::new(),
        }
    }

    /// Any message, asked before it is parsed: what is dropped costs its reading only.
    pub fn message(&mut self, now: Instant) -> Verdict {
        match self.all.take(now) {
            Ok(()) => Verdict::Pass,
            Err(wait) => self.strike(now, wait),
        }
    }

    /// A message that everybody in the room hears of, asked after parsing: chat with its edits and deletions, a hand
    /// raised, a source switched on. What only takes back (a hand down, a microphone off) always passes; it cannot be
    /// done twice. Each refused one is answered, because the client waits for it.
    pub fn heard_by_all(&mut self, now: Instant, message: &ClientMessage) -> Verdict {
        use ClientMessage as M;
        let taken = match message {
            M::ChatSend(_) | M::ChatEdit(_) | M::ChatDelete(_) => self.chat.take(now),
            M::Hand(hand) if hand.raised => self.toggles.take(now),
            M::Mute(mute) if !mute.muted => self.toggles.take(now),
            _ => Ok(()),
        };
        match taken {
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
    use crate::ids::MessageId;
    use crate::message::chat::ChatDelete;
    use crate::message::floor::Hand;

    fn delete() -> ClientMessage {
        ClientMessage::ChatDelete(ChatDelete { message: MessageId::new("m") })
    }

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
            assert_eq!((gate.message(now), gate.heard_by_all(now, &delete())), (Verdict::Pass, Verdict::Pass));
        }
    }

    #[test]
    fn chat_has_its_own_smaller_bucket() {
        let start = origin();
        let mut gate = RateGate::new(start);
        let passed = (0..30).filter(|_| gate.heard_by_all(start, &delete()) == Verdict::Pass).count();
        assert_eq!(passed, 20);
        assert!(matches!(gate.heard_by_all(start, &delete()), Verdict::Limited(Some(_))));
    }

    #[test]
    fn a_hand_goes_up_ten_times_at_once_and_comes_down_always() {
        let start = origin();
        let mut gate = RateGate::new(start);
        let mut hand = |raised| gate.heard_by_all(start, &ClientMessage::Hand(Hand { raised }));
        let passed = (0..30).filter(|_| hand(false) == Verdict::Pass && hand(true) == Verdict::Pass).count();
        assert_eq!(passed, 10);
    }
}
