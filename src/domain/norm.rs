//! Hygiene norms (DOMAIN 4.6) as dated rows, and the check of a slot's length against them (INV-40, INV-43).

use jiff::civil::Date;

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

/// One row: the longest a lesson at the screen may be for these grades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Norm {
    pub id: String,
    pub grade_from: u8,
    pub grade_to: u8,
    pub per_lesson_minutes: u16,
    pub mode: NormMode,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
}

/// A distance lesson with students is never longer.
const STUDENT_CAP_MINUTES: u16 = 40;
/// Guardians alone.
const GUARDIAN_CAP_MINUTES: u16 = 90;

/// A broken norm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    pub code: RefusalCode,
    /// The row it rests on; `None`: the general cap.
    pub norm: Option<String>,
    pub cap_minutes: u16,
    pub mode: NormMode,
}

/// Checks a length for a grade on a date (`grade` `None`: guardians only). The strictest of all rows in force counts; without
/// rows the general cap does, as a warning.
pub fn check_length(norms: &[Norm], grade: Option<u8>, date: Date, minutes: u16) -> Option<Breach> {
    let Some(grade) = grade else {
        return (minutes > GUARDIAN_CAP_MINUTES).then_some(Breach {
            code: RefusalCode::DurationOverCap,
            norm: None,
            cap_minutes: GUARDIAN_CAP_MINUTES,
            mode: NormMode::Warn,
        });
    };
    let strictest = norms
        .iter()
        .filter(|norm| norm.mode != NormMode::Off && in_force(date, norm.valid_from, norm.valid_to))
        .filter(|norm| (norm.grade_from..=norm.grade_to).contains(&grade))
        .min_by_key(|norm| norm.per_lesson_minutes);
    let (cap, norm, mode) = match strictest {
        Some(norm) if norm.per_lesson_minutes <= STUDENT_CAP_MINUTES => {
            (norm.per_lesson_minutes, Some(norm.id.clone()), norm.mode)
        }
        Some(norm) => (STUDENT_CAP_MINUTES, None, norm.mode),
        None => (STUDENT_CAP_MINUTES, None, NormMode::Warn),
    };
    (minutes > cap).then_some(Breach { code: RefusalCode::DurationOverCap, norm, cap_minutes: cap, mode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_strictest_row_in_force_counts() {
        let row = |id: &str, minutes, valid_to| Norm {
            id: id.into(),
            grade_from: 5,
            grade_to: 9,
            per_lesson_minutes: minutes,
            mode: NormMode::Enforce,
            valid_from: None,
            valid_to,
        };
        let norms = [row("pc", 30, Some(date(2027, 1, 1))), row("later", 35, None)];
        let cap = |grade, day, minutes| check_length(&norms, grade, day, minutes).map(|breach| breach.cap_minutes);
        assert_eq!(cap(Some(5), date(2026, 12, 1), 30), None);
        assert_eq!(cap(Some(5), date(2026, 12, 1), 31), Some(30));
        assert_eq!(cap(Some(5), date(2027, 2, 1), 31), None);
        assert_eq!(cap(Some(11), date(2026, 12, 1), 41), Some(40));
        assert_eq!(cap(None, date(2026, 12, 1), 60), None);
    }
}
