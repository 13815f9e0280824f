//! The rate that loss allows (draft-ietf-rmcat-gcc-02 section 6), with one thing added: a radio that loses every tenth
//! packet at any rate would be driven to the floor by the draft's rule, for slowing down does not help there.
//!
//! So while loss brings the rate down, it is watched whether that helps. On a full path what arrives stays the same when
//! less is sent; on a lossy one it shrinks in proportion. Loss of the second kind is the path's own and is no longer held
//! against the rate (the idea of libwebrtc's second loss-based estimator, kept to what a few numbers tell).

/// Loss above which the rate falls, and below which it rises.
const HIGH: f64 = 0.10;
const LOW: f64 = 0.02;
/// Packets and time of one judgement.
const PACKETS: u32 = 20;
const INTERVAL_US: u64 = 200_000;
/// Reports that come seldom speak of whole seconds.
const STALE_US: u64 = 3_000_000;
/// The rate must have fallen to this part before loss can be called the path's own.
const TRIAL: f64 = 0.75;
/// Most loss of the path itself: beyond, no rate helps, and none is right.
const MOST_OWN: f64 = 0.45;

/// A fall under way: what was sent and what arrived when it began.
#[derive(Clone, Copy, Debug)]
struct Trial {
    sent_bps: f64,
    arrived_bps: f64,
}

/// State of one receiver's path. Unlimited until loss was seen.
#[derive(Debug, Default)]
pub struct LossRate {
    bps: Option<f64>,
    lost: u32,
    arrived: u32,
    since_us: Option<u64>,
    /// Loss that is there at any rate.
    own: f64,
    /// Loss of the last judgement, for the statistics.
    fraction: f64,
    trial: Option<Trial>,
    /// Judgements in a row without loss beyond the path's own.
    calm: u32,
}

impl LossRate {
    /// `None`: loss sets no bound.
    pub fn bps(&self) -> Option<f64> {
        self.bps
    }

    pub fn fraction(&self) -> f64 {
        self.fraction
    }

    /// Loss beyond what the path loses at any rate, at the last judgement.
    pub fn excess(&self) -> f64 {
        (self.fraction - self.own).max(0.0)
    }

    /// A probe showed that more gets through.
    pub fn raise(&mut self, bps: f64) {
        if self.excess() < HIGH
            && let Some(bound) = &mut self.bps
        {
            *bound = bound.max(bps);
        }
    }

    /// Counts what feedback said.
    pub fn note(&mut self, arrived: u32, lost: i32) {
        self.arrived += arrived;
        self.lost = self.lost.saturating_add_signed(lost);
    }

    /// Judges what was counted. `sending`: what the sender may send now, and what it sent; bit/s.
    pub fn update(&mut self, now_us: u64, allowed_bps: f64, sent_bps: f64) {
        let since = *self.since_us.get_or_insert(now_us);
        let elapsed = now_us.saturating_sub(since);
        let packets = self.arrived + self.lost;
        if elapsed > STALE_US && packets < PACKETS {
            // So few packets say little; what was judged before them says less with time.
            self.fraction *= 0.5;
            (self.arrived, self.lost, self.since_us) = (0, 0, Some(now_us));
            return;
        }
        if packets < PACKETS || elapsed < INTERVAL_US {
            return;
        }
        let fraction = f64::from(self.lost) / f64::from(packets);
        (self.arrived, self.lost, self.since_us) = (0, 0, Some(now_us));
        self.judge(fraction, allowed_bps, sent_bps);
    }

    /// Judges a loss that the receiver has counted itself (report blocks).
    pub fn judge(&mut self, fraction: f64, allowed_bps: f64, sent_bps: f64) {
        self.fraction = 0.5 * self.fraction + 0.5 * fraction;
        // A path that loses less than it used to has changed.
        if self.fraction < self.own {
            self.own = self.own.mul_add(0.8, 0.2 * self.fraction);
        }
        let excess = (fraction - self.own).max(0.0);
        if excess > HIGH {
            self.calm = 0;
            self.fall(excess, fraction, allowed_bps, sent_bps);
        } else if excess < LOW || self.own > 0.0 && excess < HIGH / 2.0 {
            self.calm += 1;
            self.trial = None;
            if self.calm >= 50 {
                self.bps = None;
            } else if let Some(bps) = &mut self.bps {
                *bps *= 1.05;
            }
        }
    }

    fn fall(&mut self, excess: f64, fraction: f64, allowed_bps: f64, sent_bps: f64) {
        let arrived_bps = sent_bps * (1.0 - fraction);
        let trial = *self.trial.get_or_insert(Trial { sent_bps, arrived_bps });
        if sent_bps > trial.sent_bps * 1.1 {
            self.trial = Some(Trial { sent_bps, arrived_bps });
        } else if sent_bps <= trial.sent_bps * TRIAL {
            let (sent, arrived) = (sent_bps / trial.sent_bps, arrived_bps / trial.arrived_bps.max(1.0));
            // Nearer to proportional than to unchanged.
            if arrived < (1.0 + sent) / 2.0 {
                self.own = self.fraction.max(self.own).min(MOST_OWN);
                self.bps = Some(trial.sent_bps);
                self.trial = None;
                return;
            }
            self.trial = Some(Trial { sent_bps, arrived_bps });
        }
        let from = self.bps.unwrap_or(allowed_bps).min(allowed_bps);
        self.bps = Some(from * (1.0 - 0.5 * excess));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as much as it may, at most 2 Mbit/s, for ten seconds.
    fn run(loss: impl Fn(f64) -> f64) -> (LossRate, f64) {
        let mut rate = LossRate::default();
        let mut bps: f64 = 2e6;
        for step in 0..50u64 {
            let packets = (bps / 8.0 / 1200.0 / 5.0).max(25.0);
            let lost = (packets * loss(bps)).round();
            rate.note((packets - lost) as u32, lost as i32);
            rate.update(step * 200_000, bps, bps);
            bps = rate.bps().unwrap_or(2e6).min(2e6);
        }
        (rate, bps)
    }

    #[test]
    fn a_full_path_brings_the_rate_to_what_gets_through() {
        let (rate, bps) = run(|bps| (1.0 - 0.5e6 / bps).max(0.0));
        assert!((0.4e6..0.75e6).contains(&bps), "{bps}");
        assert!(rate.fraction() < 0.3);
    }

    #[test]
    fn a_path_that_loses_a_fifth_at_any_rate_keeps_it() {
        let (rate, bps) = run(|_| 0.2);
        assert!(bps > 1.5e6, "{bps}");
        assert!((0.15..0.25).contains(&rate.fraction()));
    }

    #[test]
    fn little_loss_is_none_of_its_business() {
        assert_eq!(run(|_| 0.01).0.bps(), None);
    }
}
