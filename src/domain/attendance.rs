//! Who was there how long: what intervals of presence add up to (INV-74, clause 4.1).

/// Presence from..to, Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// How long at least one of `hosts` and at least one of `recipients` were there together, in milliseconds.
pub fn shared_ms(hosts: &[Interval], recipients: &[Interval]) -> i64 {
    let (hosts, recipients) = (union(hosts), union(recipients));
    let together = |host: &Interval| -> i64 {
        recipients.iter().map(|one| (host.to_ms.min(one.to_ms) - host.from_ms.max(one.from_ms)).max(0)).sum()
    };
    hosts.iter().map(together).sum()
}

/// Together with a host for this long: the person was there, and did not only look through the door. The same measure that
/// makes a consultation held (DOMAIN 2.2).
pub const CAME_MS: i64 = 5 * 60_000;

/// Whether a person was at a consultation: together with a host for long enough.
pub fn came(hosts: &[Interval], mine: &[Interval]) -> bool {
    shared_ms(hosts, mine) >= CAME_MS
}

/// What remains of somebody's time with the host when the time that host and recipients had together is corrected from `was_s`
/// to `is_s`: each has the same share of it as before. Where nothing was recorded at all,
/// nobody in particular can be said to have been there.
pub fn corrected_s(present_s: i64, was_s: i64, is_s: i64) -> i64 {
    if was_s <= 0 {
        return present_s.min(is_s.max(0));
    }
    let scaled = i128::from(present_s.max(0)) * i128::from(is_s.max(0)) / i128::from(was_s);
    i64::try_from(scaled).unwrap_or(i64::MAX).min(is_s.max(0))
}

/// What of these lies inside `window`.
#[must_use]
pub fn inside(intervals: &[Interval], window: Interval) -> Vec<Interval> {
    let cut =
        |one: &Interval| Interval { from_ms: one.from_ms.max(window.from_ms), to_ms: one.to_ms.min(window.to_ms) };
    intervals.iter().map(cut).filter(|one| one.to_ms > one.from_ms).collect()
}

/// The same time covered, without overlaps.
fn union(intervals: &[Interval]) -> Vec<Interval> {
    let mut sorted: Vec<Interval> = intervals.iter().copied().filter(|one| one.to_ms > one.from_ms).collect();
    sorted.sort_by_key(|one| one.from_ms);
    let mut merged: Vec<Interval> = Vec::with_capacity(sorted.len());
    for one in sorted {
        match merged.last_mut() {
            Some(last) if one.from_ms <= last.to_ms => last.to_ms = last.to_ms.max(one.to_ms),
            _ => merged.push(one),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn intervals() -> impl Strategy<Value = Vec<Interval>> {
        let one = (0i64..100, 0i64..30).prop_map(|(from_ms, long)| Interval { from_ms, to_ms: from_ms + long });
        proptest::collection::vec(one, 0..6)
    }

    proptest! {
        #[test]
        fn shared_time_is_what_counting_each_instant_gives(hosts in intervals(), recipients in intervals()) {
            let there = |people: &[Interval], at: i64| people.iter().any(|one| one.from_ms <= at && at < one.to_ms);
            let counted = (0..200).filter(|at| there(&hosts, *at) && there(&recipients, *at)).count();
            prop_assert_eq!(shared_ms(&hosts, &recipients), i64::try_from(counted).unwrap_or(0));
        }

        #[test]
        fn a_correction_keeps_the_shares_and_never_exceeds_what_it_says(
            present in 0i64..4_000, was in 0i64..4_000, is in 0i64..4_000,
        ) {
            let present = present.min(was);
            let corrected = corrected_s(present, was, is);
            prop_assert!((0..=is).contains(&corrected));
            prop_assert_eq!(corrected_s(present, was, was), present);
            prop_assert!(was == 0 || corrected_s(was, was, is) == is);
        }

        #[test]
        fn what_lies_inside_a_window_is_the_windows_share(mine in intervals(), from_ms in 0i64..80, long in 0i64..60) {
            let window = Interval { from_ms, to_ms: from_ms + long };
            prop_assert_eq!(shared_ms(&inside(&mine, window), &mine), shared_ms(&[window], &mine));
            prop_assert!(shared_ms(&inside(&mine, window), &mine) <= long);
        }
    }
}
