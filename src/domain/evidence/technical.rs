//! How participations went technically (DOMAIN 2.6, `tech_ok`): media stood within ten seconds and lost less than one packet in
//! twenty. Whether the line was lost once is another matter.

use crate::domain::ids::PersonId;

/// Media that stood later than this was late.
pub const LATE_JOIN_MS: i64 = 10_000;
/// Mean loss from which a participation was spoilt.
pub const SPOILT_PERMILLE: i64 = 50;

/// What was measured of one person's line in one consultation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The slowest; `None`: media never stood.
    pub slowest_join_ms: Option<i64>,
    /// Mean over the minutes that were measured.
    pub loss_permille: i64,
}

crate::domain::words!(
    /// How one participation went.
    Verdict {
        Fine = "fine",
        LateJoin = "late_join",
        NoMedia = "no_media",
        Loss = "loss",
    }
);

/// One participation that is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participation {
    pub person: PersonId,
    pub verdict: Verdict,
    pub measured: Measured,
}

/// How a participation of `stay_ms` in a room with media went. `None`: it is not judged, for it was over before media had to
/// stand.
pub fn judge(stay_ms: i64, measured: Option<Measured>) -> Option<Verdict> {
    let Some(measured) = measured else {
        return (stay_ms >= LATE_JOIN_MS).then_some(Verdict::NoMedia);
    };
    Some(match measured.slowest_join_ms {
        None if stay_ms < LATE_JOIN_MS => return None,
        None => Verdict::NoMedia,
        Some(took) if took >= LATE_JOIN_MS => Verdict::LateJoin,
        Some(_) if measured.loss_permille >= SPOILT_PERMILLE => Verdict::Loss,
        Some(_) => Verdict::Fine,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_participation_is_fine_exactly_when_media_came_in_time_and_was_whole(
            stay in 0_i64..100_000, join in proptest::option::of(0_i64..20_000), loss in 0_i64..200,
        ) {
            let measured = Measured { slowest_join_ms: join, loss_permille: loss };
            let is_fine = join.is_some_and(|took| took < 10_000) && loss < 50;
            prop_assert_eq!(judge(stay, Some(measured)) == Some(Verdict::Fine), is_fine);
            // Nobody who was there long enough is left out.
            prop_assert!(stay < 10_000 || judge(stay, Some(measured)).is_some());
            prop_assert_eq!(judge(stay, None).is_some(), stay >= 10_000);
        }
    }
}
