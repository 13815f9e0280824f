//! Hygiene norms (DOMAIN 4.6) as dated rows: length of a lesson, minutes a day, hours of the day (INV-40 to INV-43).
//!
//! Of several rows that are broken the strictest that is enforced counts, else the strictest. Where a school has no rows, the
//! general caps below are held against a plan as a remark.

use jiff::civil::{Date, Time};

use super::person::in_force;
use super::refusal::RefusalCode;

words!(
    /// What happens when a norm is broken; each school decides, rule by rule.
    NormMode {
        Enforce = "enforce",
        Warn = "warn",
        Off = "off",
    }
);

/// One row: minutes at the screen for these grades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Norm {
    pub id: String,
    pub grade_from: u8,
    pub grade_to: u8,
    pub per_lesson_minutes: u16,
    /// Of one student in one day, at home; `None`: the row says nothing of it.
    pub per_day_minutes: Option<u16>,
    pub mode: NormMode,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
}

/// One row: from when to when students of these grades may be taught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoursNorm {
    pub id: String,
    pub grade_from: u8,
    pub grade_to: u8,
    pub earliest: Time,
    pub latest: Time,
    pub mode: NormMode,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
}

/// A distance lesson with students is never longer.
const STUDENT_CAP_MINUTES: u16 = 40;
/// Guardians alone.
const GUARDIAN_CAP_MINUTES: u16 = 90;
/// Lessons from home, where the school has no row of its own.
const EARLIEST: Time = Time::constant(8, 0, 0, 0);
const LATEST: Time = Time::constant(18, 0, 0, 0);

/// A broken norm of minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    pub code: RefusalCode,
    /// The row it rests on; `None`: the general cap.
    pub norm: Option<String>,
    pub cap_minutes: u16,
    pub mode: NormMode,
}

/// A broken norm of hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoursBreach {
    pub norm: Option<String>,
    pub earliest: Time,
    pub latest: Time,
    pub mode: NormMode,
}

impl Norm {
    fn speaks_of(&self, grades: &[u8], date: Date) -> bool {
        self.mode != NormMode::Off
            && in_force(date, self.valid_from, self.valid_to)
            && grades.iter().any(|grade| (self.grade_from..=self.grade_to).contains(grade))
    }
}

/// The longest lesson for these grades on a date: the least over all of them (INV-40); adding a younger one never raises it
/// (INV-43).
pub fn cap_minutes(norms: &[Norm], has_students: bool, grades: &[u8], date: Date) -> u16 {
    if !has_students {
        return GUARDIAN_CAP_MINUTES;
    }
    let rows = norms.iter().filter(|norm| norm.speaks_of(grades, date));
    rows.map(|norm| norm.per_lesson_minutes).min().unwrap_or(STUDENT_CAP_MINUTES).min(STUDENT_CAP_MINUTES)
}

/// Checks a length on a date for everybody who would be there. Without students only the cap for guardians counts.
pub fn check_length(norms: &[Norm], has_students: bool, grades: &[u8], date: Date, minutes: i64) -> Option<Breach> {
    let breach = |norm, cap_minutes, mode| Breach { code: RefusalCode::DurationOverCap, norm, cap_minutes, mode };
    if !has_students {
        return (minutes > i64::from(GUARDIAN_CAP_MINUTES)).then(|| breach(None, GUARDIAN_CAP_MINUTES, NormMode::Warn));
    }
    let rows: Vec<&Norm> = norms.iter().filter(|norm| norm.speaks_of(grades, date)).collect();
    let is_enforced = rows.iter().any(|norm| norm.mode == NormMode::Enforce);
    let general = breach(None, STUDENT_CAP_MINUTES, if is_enforced { NormMode::Enforce } else { NormMode::Warn });
    rows.iter()
        .map(|norm| breach(Some(norm.id.clone()), norm.per_lesson_minutes, norm.mode))
        .chain([general])
        .filter(|breach| minutes > i64::from(breach.cap_minutes))
        .min_by_key(|breach| (breach.mode != NormMode::Enforce, breach.cap_minutes))
}

/// Checks the sum of one student's minutes in a day (INV-41).
pub fn check_daily(norms: &[Norm], grades: &[u8], date: Date, minutes: i64) -> Option<Breach> {
    norms
        .iter()
        .filter(|norm| norm.speaks_of(grades, date))
        .filter_map(|norm| norm.per_day_minutes.map(|cap| (norm, cap)))
        .filter(|(_, cap)| minutes > i64::from(*cap))
        .min_by_key(|(norm, cap)| (norm.mode != NormMode::Enforce, *cap))
        .map(|(norm, cap_minutes)| Breach {
            code: RefusalCode::DailyScreenCap,
            norm: Some(norm.id.clone()),
            cap_minutes,
            mode: norm.mode,
        })
}

/// Checks the hours of the day (INV-42). `ends` before `starts`: past midnight.
pub fn check_hours(norms: &[HoursNorm], grades: &[u8], date: Date, starts: Time, ends: Time) -> Option<HoursBreach> {
    let is_outside = |earliest: Time, latest: Time| starts < earliest || ends > latest || ends < starts;
    let rows: Vec<&HoursNorm> = norms
        .iter()
        .filter(|norm| in_force(date, norm.valid_from, norm.valid_to))
        .filter(|norm| grades.iter().any(|grade| (norm.grade_from..=norm.grade_to).contains(grade)))
        .collect();
    if rows.is_empty() {
        return is_outside(EARLIEST, LATEST).then_some(HoursBreach {
            norm: None,
            earliest: EARLIEST,
            latest: LATEST,
            mode: NormMode::Warn,
        });
    }
    rows.iter()
        .filter(|norm| norm.mode != NormMode::Off && is_outside(norm.earliest, norm.latest))
        .min_by_key(|norm| norm.mode != NormMode::Enforce)
        .map(|norm| HoursBreach {
            norm: Some(norm.id.clone()),
            earliest: norm.earliest,
            latest: norm.latest,
            mode: norm.mode,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};
    use proptest::prelude::*;

    fn row(id: &str, minutes: u16, valid_to: Option<Date>) -> Norm {
        Norm {
            id: id.into(),
            grade_from: 5,
            grade_to: 9,
            per_lesson_minutes: minutes,
            per_day_minutes: Some(120),
            mode: NormMode::Enforce,
            valid_from: None,
            valid_to,
        }
    }

    #[test]
    fn the_strictest_row_in_force_counts() {
        let norms = [row("pc", 30, Some(date(2027, 1, 1))), row("later", 35, None)];
        let cap = |grades: &[u8], day, minutes| {
            check_length(&norms, !grades.is_empty(), grades, day, minutes).map(|breach| breach.cap_minutes)
        };
        assert_eq!(cap(&[5], date(2026, 12, 1), 30), None);
        assert_eq!(cap(&[5], date(2026, 12, 1), 31), Some(30));
        assert_eq!(cap(&[5], date(2027, 2, 1), 31), None);
        assert_eq!(cap(&[11], date(2026, 12, 1), 41), Some(40));
        assert_eq!(cap(&[], date(2026, 12, 1), 60), None);
    }

    #[test]
    fn an_enforced_row_counts_before_a_stricter_remark() {
        let mut remark = row("remark", 20, None);
        remark.mode = NormMode::Warn;
        let norms = [remark, row("law", 30, None)];
        let breach = |minutes| check_length(&norms, true, &[5], date(2026, 12, 1), minutes);
        assert_eq!(breach(25).map(|breach| (breach.cap_minutes, breach.mode)), Some((20, NormMode::Warn)));
        assert_eq!(breach(35).map(|breach| (breach.cap_minutes, breach.mode)), Some((30, NormMode::Enforce)));
    }

    #[test]
    fn inv_41_a_day_has_a_sum() {
        let norms = [row("pc", 30, None)];
        assert_eq!(check_daily(&norms, &[5], date(2026, 12, 1), 120), None);
        let breach = check_daily(&norms, &[5], date(2026, 12, 1), 121).map(|breach| breach.cap_minutes);
        assert_eq!(breach, Some(120));
    }

    #[test]
    fn inv_42_students_are_taught_by_day() {
        let law = HoursNorm {
            id: "day".into(),
            grade_from: 1,
            grade_to: 11,
            earliest: EARLIEST,
            latest: LATEST,
            mode: NormMode::Enforce,
            valid_from: None,
            valid_to: None,
        };
        let check = |from, to| check_hours(std::slice::from_ref(&law), &[5], date(2026, 12, 1), from, to).is_some();
        assert!(!check(time(8, 0, 0, 0), time(18, 0, 0, 0)));
        assert!(check(time(7, 59, 0, 0), time(8, 30, 0, 0)));
        assert!(check(time(17, 45, 0, 0), time(18, 1, 0, 0)));
        assert!(check(time(17, 0, 0, 0), time(0, 30, 0, 0)), "past midnight");
        let mode = check_hours(&[], &[5], date(2026, 12, 1), time(19, 0, 0, 0), time(19, 30, 0, 0)).map(|one| one.mode);
        assert_eq!(mode, Some(NormMode::Warn), "without a row of the school");
    }

    proptest! {
        #![proptest_config(crate::domain::cases::cases(256))]

        /// INV-43: adding a younger participant, or anybody, never raises the cap.
        #[test]
        fn inv_43_the_cap_is_monotone(
            grades in proptest::collection::vec(1_u8..=11, 1..5),
            more in 1_u8..=11,
            rows in proptest::collection::vec((1_u8..=11, 0_u8..4, 10_u16..60), 0..8),
        ) {
            let norms: Vec<Norm> = rows
                .iter()
                .map(|(from, span, minutes)| Norm { grade_from: *from, grade_to: from + span, ..row("n", *minutes, None) })
                .collect();
            let day = date(2026, 12, 1);
            let before = cap_minutes(&norms, true, &grades, day);
            let mut all = grades.clone();
            all.push(more);
            prop_assert!(cap_minutes(&norms, true, &all, day) <= before);
            // And the check says the same as the cap.
            for minutes in [i64::from(before), i64::from(before) + 1] {
                prop_assert_eq!(check_length(&norms, true, &grades, day, minutes).is_some(), minutes > i64::from(before));
            }
        }
    }
}
