//! The rate that the delay allows: up a little while no queue grows, down when one does (draft-ietf-rmcat-gcc-02 section
//! 5.5, additive increase near the known capacity, multiplicative otherwise and down).

use super::trend::Usage;

/// Of what arrived, that much is sent after a queue has grown.
const BETA: f64 = 0.85;
/// Multiplicative growth in a second.
const GROWTH: f64 = 1.08;
/// Never more than this above what arrives: an estimate that nothing tests is a guess.
const AHEAD: f64 = 1.5;
const AHEAD_BPS: f64 = 10_000.0;
/// Least of what a sender that does not fill its estimate is cut to at once. What arrives says little then, and the delay
/// of a phone's radio looks like a queue for a moment.
const LIMITED_CUT: f64 = 0.5;
/// Standard deviations from the mean capacity that still belong to it.
const DEVIATIONS: f64 = 3.0;
/// Weight of a new sample of the capacity.
const WEIGHT: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

/// What arrived when queues grew: the capacity of the path, in kbit/s, with a normalised variance.
#[derive(Clone, Copy, Debug)]
struct Capacity {
    mean: f64,
    variance: f64,
}

impl Capacity {
    fn spread(self) -> f64 {
        (self.variance * self.mean).sqrt() * DEVIATIONS
    }

    fn merge(known: Option<Self>, kbps: f64) -> Self {
        let Some(known) = known else { return Self { mean: kbps, variance: 0.4 } };
        let mean = (1.0 - WEIGHT) * known.mean + WEIGHT * kbps;
        let error = kbps - mean;
        let variance = (1.0 - WEIGHT) * known.variance + WEIGHT * error * error / mean.max(1.0);
        Self { mean, variance: variance.clamp(0.4, 2.5) }
    }
}

/// State of one receiver's path; rates in bit/s.
#[derive(Debug)]
pub struct DelayRate {
    bps: f64,
    state: State,
    capacity: Option<Capacity>,
    changed_us: Option<u64>,
    decreased_us: Option<u64>,
}

/// What the rate is changed by.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    pub now_us: u64,
    pub usage: Usage,
    pub acked_bps: Option<f64>,
    pub rtt_us: u64,
    /// The sender has not filled its estimate.
    pub is_limited: bool,
}

impl DelayRate {
    pub fn new(bps: f64) -> Self {
        Self { bps, state: State::Increase, capacity: None, changed_us: None, decreased_us: None }
    }

    pub fn bps(&self) -> f64 {
        self.bps
    }

    /// When it last went down.
    pub fn decreased_us(&self) -> Option<u64> {
        self.decreased_us
    }

    /// A probe showed that more gets through.
    pub fn raise(&mut self, now_us: u64, bps: f64) {
        if bps > self.bps {
            self.bps = bps;
            self.changed_us = Some(now_us);
            if self.capacity.is_some_and(|capacity| bps / 1000.0 > capacity.mean + capacity.spread()) {
                self.capacity = None;
            }
        }
    }

    /// Something else than delay brought the rate down to this.
    pub fn lower(&mut self, now_us: u64, bps: f64) {
        if bps < self.bps {
            self.bps = bps;
            self.changed_us = Some(now_us);
        }
    }

    /// With each feedback. Whether the rate went down.
    pub fn update(&mut self, input: Input) -> bool {
        let elapsed = self.changed_us.map_or(0, |at| input.now_us.saturating_sub(at)) as f64 / 1e6;
        match (input.usage, self.state) {
            (Usage::Over, _) => {
                let done = self.decrease(&input);
                self.state = State::Hold;
                return done;
            }
            // A queue that drains shall drain.
            (Usage::Under, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => {
                self.changed_us = Some(input.now_us);
                self.state = State::Increase;
            }
            (Usage::Normal, State::Increase) => {
                self.increase(&input, elapsed.min(1.0));
                self.changed_us = Some(input.now_us);
            }
        }
        false
    }

    fn increase(&mut self, input: &Input, elapsed: f64) {
        let Some(acked) = input.acked_bps else { return };
        if self.capacity.is_some_and(|capacity| acked / 1000.0 > capacity.mean + capacity.spread()) {
            self.capacity = None;
        }
        let grown = if self.capacity.is_some() {
            // About one packet of a 30th of a second's data for each round trip.
            let response = (input.rtt_us + 100_000) as f64 / 1e6;
            let frame = self.bps / 8.0 / 30.0;
            let packet = frame / (frame / 1200.0).ceil().max(1.0);
            self.bps + (packet * 8.0 / response).max(4_000.0) * elapsed
        } else {
            (self.bps * GROWTH.powf(elapsed)).max(self.bps + 1_000.0 * elapsed)
        };
        let most = AHEAD * acked + AHEAD_BPS;
        self.bps = grown.min(most.max(self.bps));
    }

    fn decrease(&mut self, input: &Input) -> bool {
        let acked = input.acked_bps.unwrap_or(self.bps);
        let pause_us = input.rtt_us.clamp(10_000, 200_000);
        let is_early = self.decreased_us.is_some_and(|at| input.now_us.saturating_sub(at) < pause_us);
        if is_early && acked > 0.5 * self.bps {
            return false;
        }
        let mut wanted = BETA * acked;
        if wanted > self.bps
            && let Some(capacity) = self.capacity
        {
            wanted = BETA * capacity.mean * 1000.0;
        }
        if input.is_limited {
            wanted = wanted.max(LIMITED_CUT * self.bps);
        }
        let kbps = acked / 1000.0;
        if !input.is_limited {
            if self.capacity.is_some_and(|capacity| kbps < capacity.mean - capacity.spread()) {
                self.capacity = None;
            }
            self.capacity = Some(Capacity::merge(self.capacity, kbps));
        }
        let is_lower = wanted < self.bps;
        self.bps = self.bps.min(wanted);
        self.changed_us = Some(input.now_us);
        self.decreased_us = Some(input.now_us);
        is_lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(ms: u64, usage: Usage, acked_bps: f64) -> Input {
        Input { now_us: ms * 1000, usage, acked_bps: Some(acked_bps), rtt_us: 50_000, is_limited: false }
    }

    #[test]
    fn it_grows_by_the_second_but_not_far_ahead_of_what_arrives() {
        let mut rate = DelayRate::new(1e6);
        for step in 0..=100 {
            rate.update(input(step * 100, Usage::Normal, 1e6));
        }
        assert!((1.4e6..1.52e6).contains(&rate.bps()), "{}", rate.bps());
    }

    #[test]
    fn a_queue_brings_it_below_what_arrives_and_growth_is_careful_after() {
        let mut rate = DelayRate::new(1e6);
        assert!(rate.update(input(0, Usage::Over, 0.8e6)));
        assert!((rate.bps() - 0.68e6).abs() < 1.0);
        for step in 1..=20 {
            rate.update(input(step * 100, Usage::Normal, 0.75e6));
        }
        assert!((0.7e6..0.85e6).contains(&rate.bps()), "{}", rate.bps());
    }

    #[test]
    fn a_sender_with_little_to_send_is_not_cut_to_that_little() {
        let mut rate = DelayRate::new(3e6);
        rate.update(Input { is_limited: true, ..input(0, Usage::Over, 0.1e6) });
        assert!((rate.bps() - 1.5e6).abs() < 1.0);
    }
}
