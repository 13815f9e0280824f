#![allow(clippy::unwrap_used)]
//! Expansion over the calendar: P4, INV-15, INV-16, periods and parity.

use std::collections::BTreeSet;

use jiff::civil::{date, time};
use proptest::prelude::*;

use super::*;
use crate::domain::calendar::tests::calendar;
use crate::domain::calendar::{DayKind, DayRule, Parity};
use crate::domain::form::{Audience, Coverage, Form, Kind};
use crate::domain::ids::PersonId;

fn year() -> Span {
    Span { from: date(2026, 9, 1), to: date(2027, 5, 31) }
}

fn slot(recurrence: Recurrence, at: At) -> CardSlot {
    CardSlot {
        key: "МАТ-5А-1#1".into(),
        recurrence,
        at: Some(at),
        minutes: Some(30),
        form: Form::Webinar,
        medium: None,
        kind: Kind::Current,
        coverage: Coverage::Overview,
        parts: vec![],
        topics: vec![],
        audience: Audience { students: true, guardians: false },
        host: PersonId::new("p"),
        student: None,
        sources: Vec::new(),
        purpose: None,
        appointment_minutes: None,
        capacity: None,
    }
}

fn weekly(weekday: Weekday, parity: Option<Parity>) -> Recurrence {
    Recurrence::Weekly { weekdays: vec![weekday], parity, span: year() }
}

fn dates(expansion: &Expansion) -> Vec<Date> {
    expansion.occurrences.iter().map(|occurrence| occurrence.date).collect()
}

fn run(slot: &CardSlot, calendar: &Calendar) -> Expansion {
    expand(&SchoolId::new("s"), slot, false, calendar, year())
}

#[test]
fn odd_and_even_weeks_share_the_year_between_them() {
    let calendar = calendar("Europe/Moscow");
    let every = run(&slot(weekly(Weekday::Thursday, None), At::Period(7)), &calendar);
    let odd = run(&slot(weekly(Weekday::Thursday, Some(Parity::Odd)), At::Period(7)), &calendar);
    let even = run(&slot(weekly(Weekday::Thursday, Some(Parity::Even)), At::Period(7)), &calendar);
    let mut both = dates(&odd);
    both.extend(dates(&even));
    both.sort();
    assert_eq!(both, dates(&every));
    assert!(odd.occurrences.len().abs_diff(even.occurrences.len()) <= 1);
}

#[test]
fn new_bells_move_periods_and_leave_times() {
    let mut calendar = calendar("Europe/Moscow");
    let by_period = slot(weekly(Weekday::Tuesday, None), At::Period(2));
    let by_time = slot(weekly(Weekday::Tuesday, None), At::Start(time(16, 0, 0, 0)));
    let (period, start) = (run(&by_period, &calendar), run(&by_time, &calendar));
    let bells = calendar.bells.get_mut("usual").unwrap();
    bells.insert(2, (time(9, 10, 0, 0), time(9, 50, 0, 0)));
    let moved = run(&by_period, &calendar);
    assert_eq!(run(&by_time, &calendar), start);
    assert_ne!(moved.occurrences[0].start_ms, period.occurrences[0].start_ms);
    assert_eq!(moved.occurrences[0].id, period.occurrences[0].id);
}

#[test]
fn a_single_date_in_a_break_needs_permission() {
    let mut calendar = calendar("Europe/Moscow");
    let holiday = date(2026, 11, 4);
    calendar.days.insert(holiday, DayRule { kind: DayKind::Holiday, use_weekday: None, bells: None, week: None });
    let slot = slot(Recurrence::Once { date: holiday }, At::Start(time(23, 30, 0, 0)));
    let refused = run(&slot, &calendar);
    assert_eq!((refused.occurrences.len(), refused.skipped), (0, vec![(holiday, Skip::NotASchoolDay)]));
    let allowed = expand(&SchoolId::new("s"), &slot, true, &calendar, year());
    assert_eq!(dates(&allowed), [holiday]);
    assert_eq!(allowed.occurrences[0].end_ms - allowed.occurrences[0].start_ms, 30 * 60_000);
}

#[test]
fn a_period_that_the_day_lacks_is_reported() {
    let mut calendar = calendar("Europe/Moscow");
    calendar.bells.insert("short".into(), Default::default());
    let day = date(2026, 12, 30);
    let rule = DayRule { kind: DayKind::School, use_weekday: None, bells: Some("short".into()), week: None };
    calendar.days.insert(day, rule);
    let expansion = run(&slot(Recurrence::Once { date: day }, At::Period(7)), &calendar);
    assert_eq!(expansion.skipped, [(day, Skip::NoSuchPeriod)]);
}

fn any_slot() -> impl Strategy<Value = CardSlot> {
    let at = prop_oneof![(1u8..9).prop_map(At::Period), (0i8..24).prop_map(|hour| At::Start(time(hour, 10, 0, 0)))];
    let parity = prop_oneof![Just(None), Just(Some(Parity::Odd)), Just(Some(Parity::Even))];
    let days = proptest::collection::btree_set(1i8..=7, 1..4);
    (days, parity, at, 0i32..270, 0i32..270, 1u16..90).prop_map(|(days, parity, at, from, long, minutes)| {
        let span = Span { from: plus_days(year().from, from), to: plus_days(year().from, from + long) };
        let weekdays = days.into_iter().map(|day| Weekday::from_monday_one_offset(day).unwrap()).collect();
        let mut slot = slot(Recurrence::Weekly { weekdays, parity, span }, at);
        slot.minutes = Some(minutes);
        slot
    })
}

proptest! {
    /// INV-15: the same again, however the time is cut into pieces and in whatever order they come.
    #[test]
    fn expansion_is_idempotent_and_order_independent(slot in any_slot(), cut in 0i32..272) {
        let calendar = calendar("Asia/Yekaterinburg");
        let whole = run(&slot, &calendar);
        prop_assert_eq!(&whole, &run(&slot, &calendar));
        let middle = plus_days(year().from, cut);
        let school = SchoolId::new("s");
        let late = expand(&school, &slot, false, &calendar, Span { from: plus_days(middle, 1), to: year().to });
        let early = expand(&school, &slot, false, &calendar, Span { from: year().from, to: middle });
        let pieces: BTreeSet<_> = late.occurrences.into_iter().chain(early.occurrences).collect();
        prop_assert_eq!(pieces, whole.occurrences.iter().cloned().collect::<BTreeSet<_>>());
        let names: BTreeSet<_> = whole.occurrences.iter().map(|occurrence| &occurrence.id).collect();
        prop_assert_eq!(names.len(), whole.occurrences.len());
    }

    /// P4: a holiday takes away that date's occurrences and touches nothing else.
    #[test]
    fn a_holiday_only_removes_its_own_date(slot in any_slot(), day in 0i32..272) {
        let mut calendar = calendar("Europe/Moscow");
        let before = run(&slot, &calendar);
        let holiday = plus_days(year().from, day);
        calendar.days.insert(holiday, DayRule { kind: DayKind::Holiday, use_weekday: None, bells: None, week: None });
        let after = run(&slot, &calendar);
        let expected: Vec<_> = before.occurrences.into_iter().filter(|occurrence| occurrence.date != holiday).collect();
        prop_assert_eq!(after.occurrences, expected);
    }
}
