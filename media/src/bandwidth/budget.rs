//! Divides what may be sent to one receiver among its video slots. Pure: `sfu` collects the claims and carries the shares
//! out. Audio is no claim: it is taken off first and never paused.
//!
//! A screen climbs as high as it can, for it is what the lesson is about. Then everybody is seen: the smallest picture of
//! the speaker, then of the others, larger tiles first; who does not fit is paused. Then the speaker climbs, then the
//! others, a rung each in turn.

use std::time::{Duration, Instant};

use crate::forward::ladder::{Ladder, Rung};

/// Climbing needs this much more than the rung costs: rates are averages, and a step down again is a visible jerk.
const HEADROOM: f64 = 1.15;
/// What flows is kept while this part of its cost fits and nothing shows that the path is full.
const TOLERANCE: f64 = 0.8;
/// No climbing for this long after a fall; twice as long each time the climb before it did not last.
const HOLD: Duration = Duration::from_secs(2);
const LONGEST_HOLD: Duration = Duration::from_secs(16);
const LASTED: Duration = Duration::from_secs(8);

/// In the order in which they are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Screen,
    Speaker,
    Other,
}

/// What one slot asks for.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The slot's m-line.
    pub line: usize,
    pub class: Class,
    /// Height at which it is drawn: of two others, the larger is served first.
    pub height: u16,
    pub ladder: Ladder,
    /// What it has now; `None`: paused, or new.
    pub held: Option<Rung>,
    /// Nothing was decided about it yet: it may start without waiting for the end of a hold.
    pub is_new: bool,
    /// What it gets: the place of a rung; `None`: paused.
    pub share: Option<u8>,
}

impl Claim {
    fn held_place(&self) -> Option<u8> {
        let held = self.held?;
        let same = self.ladder.rungs().iter().position(|rung| rung.is_same(&held));
        // Layers that are gone: the dearest that costs no more.
        let below = || self.ladder.rungs().iter().rposition(|rung| rung.bps <= held.bps);
        same.or_else(below).map(|place| place as u8)
    }

    fn cost(&self, place: u8, terms: &Terms) -> f64 {
        let bps = self.ladder.rungs().get(usize::from(place)).map_or(0.0, |rung| f64::from(rung.bps));
        match self.held_place() {
            Some(held) if place <= held => bps * terms.keep,
            None if self.is_new => bps,
            // Whoever sees nothing is not made to wait for the end of a hold, or for headroom after it.
            None if place == 0 => bps * if terms.may_climb { 1.0 } else { HEADROOM },
            _ if terms.may_climb => bps * HEADROOM,
            _ => f64::INFINITY,
        }
    }

    /// The rung it was given.
    pub fn rung(&self) -> Option<Rung> {
        self.share.and_then(|place| self.ladder.rungs().get(usize::from(place))).copied()
    }

    /// What it would take to show it as well as it is drawn.
    pub fn most_bps(&self) -> f64 {
        self.ladder.rungs().last().map_or(0.0, |rung| f64::from(rung.bps))
    }
}

#[derive(Clone, Copy, Debug)]
struct Terms {
    keep: f64,
    may_climb: bool,
}

/// When a receiver's pictures may climb.
#[derive(Clone, Copy, Debug, Default)]
pub struct Climb {
    climbed: Option<Instant>,
    held_until: Option<Instant>,
    hold: Option<Duration>,
}

impl Climb {
    fn is_open(&self, now: Instant) -> bool {
        self.held_until.is_none_or(|until| now >= until)
    }

    fn note(&mut self, now: Instant, has_climbed: bool, has_fallen: bool) {
        if has_climbed {
            self.climbed = Some(now);
        }
        if has_fallen {
            let lasted = self.climbed.is_none_or(|at| now.saturating_duration_since(at) > LASTED);
            let hold = match self.hold {
                Some(before) if !lasted => (before * 2).min(LONGEST_HOLD),
                _ => HOLD,
            };
            self.hold = Some(hold);
            self.held_until = Some(now + hold);
        }
    }

    /// When the hold ends, if one is on.
    pub fn held_until(&self) -> Option<Instant> {
        self.held_until
    }
}

/// Gives every claim its share. `budget_bps`: what is left beside audio. The claims come back in the order of service.
pub fn divide(now: Instant, budget_bps: f64, is_congested: bool, climb: &mut Climb, claims: &mut [Claim]) {
    let terms =
        Terms { keep: if is_congested { 1.0 } else { TOLERANCE }, may_climb: climb.is_open(now) && !is_congested };
    claims.sort_unstable_by_key(|claim| (claim.class, std::cmp::Reverse(claim.height), claim.line));
    let mut left = budget_bps;
    for claim in claims.iter_mut() {
        claim.share = None;
    }
    // The most important picture is not withheld on a guess: only when the path is known to be full.
    if let Some(first) = claims.first_mut()
        && !is_congested
        && (first.is_new || first.held.is_some())
        && !first.ladder.rungs().is_empty()
    {
        first.share = Some(0);
        left -= first.cost(0, &terms).min(left);
    }
    for claim in claims.iter_mut().take_while(|claim| claim.class == Class::Screen) {
        while raise(claim, &terms, &mut left) {}
    }
    for claim in claims.iter_mut().filter(|claim| claim.class != Class::Screen && claim.share.is_none()) {
        raise(claim, &terms, &mut left);
    }
    for claim in claims.iter_mut().filter(|claim| claim.class == Class::Speaker) {
        while claim.share.is_some() && raise(claim, &terms, &mut left) {}
    }
    let mut moved = true;
    while moved {
        moved = false;
        for claim in claims.iter_mut().filter(|claim| claim.class == Class::Other && claim.share.is_some()) {
            moved |= raise(claim, &terms, &mut left);
        }
    }
    let (mut has_climbed, mut has_fallen) = (false, false);
    for claim in claims.iter() {
        let held = claim.held_place();
        has_climbed |= claim.share > held && !claim.is_new;
        has_fallen |= claim.share < held;
    }
    climb.note(now, has_climbed, has_fallen);
}

/// One rung up, if it fits.
fn raise(claim: &mut Claim, terms: &Terms, left: &mut f64) -> bool {
    let next = claim.share.map_or(0, |place| place + 1);
    if usize::from(next) >= claim.ladder.rungs().len() {
        return false;
    }
    let paid = claim.share.map_or(0.0, |place| claim.cost(place, terms));
    let more = (claim.cost(next, terms) - paid).max(0.0);
    if more > *left {
        return false;
    }
    *left -= more;
    claim.share = Some(next);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    // The origin of time; the core is told the time, and so are its tests.
    #[allow(clippy::disallowed_methods)]
    fn origin() -> Instant {
        Instant::now()
    }

    fn claim(line: usize, class: Class, height: u16, costs: &[u32]) -> Claim {
        let rungs = costs.iter().enumerate();
        let rungs = rungs.map(|(layer, bps)| Rung {
            layer: layer as u8,
            spatial: u8::MAX,
            temporal: u8::MAX,
            bps: *bps as f32 * 1000.0,
        });
        let ladder = Ladder::from_rungs(rungs);
        Claim { line, class, height, ladder, held: None, is_new: true, share: None }
    }

    /// The rungs that lines 0, 1, … get; -1: paused.
    fn shares(claims: &[Claim]) -> Vec<i32> {
        let mut by_line: Vec<_> = claims.iter().map(|claim| (claim.line, claim.share.map_or(-1, i32::from))).collect();
        by_line.sort_unstable();
        by_line.into_iter().map(|(_, share)| share).collect()
    }

    fn check(kbps: u32, expected: &[i32]) {
        let mut claims = [
            claim(0, Class::Other, 180, &[100, 400, 1500]),
            claim(1, Class::Other, 360, &[100, 400, 1500]),
            claim(2, Class::Speaker, 720, &[100, 400, 1500]),
            claim(3, Class::Screen, 1080, &[200, 800]),
        ];
        divide(origin(), f64::from(kbps) * 1000.0, false, &mut Climb::default(), &mut claims);
        assert_eq!(shares(&claims), expected, "{kbps} kbit/s");
    }

    #[test]
    fn the_screen_is_served_first_then_everybody_then_the_speaker_then_the_others() {
        check(50, &[-1, -1, -1, 0]);
        check(250, &[-1, -1, -1, 0]);
        check(820, &[-1, -1, -1, 1]);
        check(900, &[-1, -1, 0, 1]);
        check(1_000, &[-1, 0, 0, 1]);
        check(1_100, &[0, 0, 0, 1]);
        check(1_400, &[0, 0, 1, 1]);
        check(2_500, &[0, 0, 2, 1]);
        check(2_800, &[0, 1, 2, 1]);
        check(3_100, &[1, 1, 2, 1]);
        check(9_000, &[2, 2, 2, 1]);
    }

    fn again(claims: &mut [Claim]) {
        for claim in claims {
            (claim.held, claim.is_new) = (claim.rung(), false);
        }
    }

    #[test]
    fn what_flows_is_kept_a_little_beyond_the_budget_and_climbs_only_with_headroom() {
        let (now, mut climb) = (origin(), Climb::default());
        let mut claims = [claim(0, Class::Speaker, 720, &[100, 400, 1500])];
        let mut run = |at: Duration, kbps: u32, is_congested: bool| {
            again(&mut claims);
            divide(now + at, f64::from(kbps) * 1000.0, is_congested, &mut climb, &mut claims);
            shares(&claims)[0]
        };
        // It is not new any more after the first look.
        assert_eq!(run(Duration::ZERO, 120, false), 0);
        assert_eq!(run(Duration::ZERO, 1_600, false), 1);
        assert_eq!(run(Duration::ZERO, 1_800, false), 2);
        assert_eq!(run(Duration::ZERO, 1_300, false), 2, "nothing shows that the path is full");
        assert_eq!(run(Duration::ZERO, 1_300, true), 1);
        assert_eq!(run(Duration::from_secs(1), 9_000, false), 1, "held");
        assert_eq!(run(Duration::from_secs(3), 9_000, false), 2);
        assert_eq!(run(Duration::from_secs(4), 500, true), 1);
        assert_eq!(run(Duration::from_millis(7_900), 9_000, false), 1, "held twice as long");
        assert_eq!(run(Duration::from_millis(8_100), 9_000, false), 2);
    }

    #[test]
    fn whatever_is_claimed_the_shares_fit() {
        use proptest::prelude::*;
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 2048,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let claims = prop::collection::vec((0u8..3, 0u16..1200, prop::collection::vec(1u32..3000, 0..8)), 0..20);
        let result = runner.run(&(claims, 0u32..20_000), |(made, kbps)| {
            let mut claims: Vec<Claim> = made
                .iter()
                .enumerate()
                .map(|(line, (class, height, costs))| {
                    let class = [Class::Screen, Class::Speaker, Class::Other][usize::from(*class)];
                    claim(line, class, *height, costs)
                })
                .collect();
            divide(origin(), f64::from(kbps) * 1000.0, false, &mut Climb::default(), &mut claims);
            let spent: f64 = claims.iter().filter_map(Claim::rung).map(|rung| f64::from(rung.bps)).sum();
            let first = claims.first().and_then(Claim::rung).map_or(0.0, |rung| f64::from(rung.bps));
            prop_assert!(spent <= (f64::from(kbps) * 1000.0).max(first) + 1.0);
            Ok(())
        });
        assert!(result.is_ok(), "{result:?}");
    }
}
