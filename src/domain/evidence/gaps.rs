//! The gap report (R3.5d): subjects of classes in which no consultation was held for so many weeks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::domain::calendar::plus_days;

/// A subject in a class.
pub type Place = (String, String);

/// A subject of a class without help for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub place: Place,
    /// The last that was held; `None`: none ever was.
    pub last_held: Option<Date>,
    /// The next that is planned; `None`: nothing is.
    pub next: Option<Date>,
}

/// What is known of a subject in a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub last_held: Option<Date>,
    pub next: Option<Date>,
}

/// Of the places that should have help, those where none was held in the `weeks` before `today`: the longest without first, those
/// with nothing ahead before others.
pub fn gaps(places: &BTreeSet<Place>, known: &BTreeMap<Place, Known>, today: Date, weeks: u8) -> Vec<Gap> {
    let since = plus_days(today, -7 * i32::from(weeks));
    let mut found: Vec<Gap> = places
        .iter()
        .map(|place| {
            let one = known.get(place).copied().unwrap_or_default();
            Gap { place: place.clone(), last_held: one.last_held, next: one.next }
        })
        .filter(|gap| gap.last_held.is_none_or(|held| held < since))
        .collect();
    found.sort_by(|a, b| (a.last_held, a.next.is_some(), &a.place).cmp(&(b.last_held, b.next.is_some(), &b.place)));
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_a_gap_exactly_when_nothing_was_held_in_those_weeks(
            held in proptest::collection::vec(proptest::option::of(0_i32..200), 0..20), weeks in 1_u8..30,
        ) {
            let today = date(2026, 11, 28);
            let place = |n: usize| (format!("s{n}"), "5А".to_owned());
            let known: BTreeMap<Place, Known> = held.iter().enumerate()
                .map(|(n, ago)| (place(n), Known { last_held: ago.map(|ago| plus_days(today, -ago)), next: None }))
                .collect();
            let places: BTreeSet<Place> = (0..held.len() + 1).map(place).collect();
            let found = gaps(&places, &known, today, weeks);
            for (n, ago) in held.iter().enumerate() {
                let is_gap = found.iter().any(|gap| gap.place == place(n));
                prop_assert_eq!(is_gap, ago.is_none_or(|ago| ago > 7 * i32::from(weeks)));
            }
            prop_assert!(found.iter().any(|gap| gap.place == place(held.len())), "never planned is the widest gap");
            // More weeks find no more gaps.
            prop_assert!(gaps(&places, &known, today, weeks + 1).len() <= found.len());
        }
    }
}
