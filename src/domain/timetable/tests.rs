#![allow(clippy::unwrap_used)]
//! Expansion over the calendar: P4, P5, INV-03, INV-15, INV-16, periods and parity.

mod sc04;

use std::collections::{BTreeMap, BTreeSet};

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
    #![proptest_config(crate::domain::cases::cases(256))]

    /// The same again, however the time is cut into pieces and in whatever order they come.
    #[test]
    fn p4_inv_15_expansion_is_idempotent_and_order_independent(slot in any_slot(), cut in 0i32..272) {
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

    /// A holiday takes away that date's occurrences and touches nothing else.
    #[test]
    fn p4_inv_16_a_holiday_only_removes_its_own_date(slot in any_slot(), day in 0i32..272) {
        let mut calendar = calendar("Europe/Moscow");
        let before = run(&slot, &calendar);
        let holiday = plus_days(year().from, day);
        calendar.days.insert(holiday, DayRule { kind: DayKind::Holiday, use_weekday: None, bells: None, week: None });
        let after = run(&slot, &calendar);
        let expected: Vec<_> = before.occurrences.into_iter().filter(|occurrence| occurrence.date != holiday).collect();
        prop_assert_eq!(after.occurrences, expected);
    }

    /// A Saturday on which Monday's lessons are held brings or moves what is on that date, and nothing else; other bells move
    /// only what goes by periods, on their own date.
    #[test]
    fn p4_a_moved_day_and_other_bells_touch_their_own_date_only(
        slot in any_slot(), day in 0i32..272, of in 1i8..=5, is_short in any::<bool>(),
    ) {
        let mut calendar = calendar("Europe/Saratov");
        let early = BTreeMap::from([(2, (time(8, 50, 0, 0), time(9, 20, 0, 0)))]);
        calendar.bells.insert("short".into(), early);
        let before = run(&slot, &calendar);
        let changed = plus_days(year().from, day);
        let rule = DayRule {
            kind: DayKind::Moved,
            use_weekday: Some(Weekday::from_monday_one_offset(of).unwrap()),
            bells: is_short.then(|| "short".to_owned()),
            week: None,
        };
        calendar.days.insert(changed, rule);
        let after = run(&slot, &calendar);
        let others = |expansion: &Expansion| -> Vec<_> {
            expansion.occurrences.iter().filter(|one| one.date != changed).cloned().collect()
        };
        prop_assert_eq!(others(&before), others(&after));
        let on = |expansion: &Expansion| expansion.occurrences.iter().find(|one| one.date == changed).cloned();
        if let (Some(was), Some(is)) = (on(&before), on(&after)) {
            prop_assert_eq!(&was.id, &is.id);
            prop_assert!(matches!(slot.at, Some(At::Period(_))) || was.start_ms == is.start_ms);
        }
    }

    /// A slot of odd weeks and the same of even ones: never both in a week, together what a slot of all weeks gives.
    #[test]
    fn p5_odd_and_even_share_every_span(slot in any_slot(), anchor in 0i32..700) {
        let mut calendar = calendar("Asia/Yakutsk");
        calendar.odd_monday = crate::domain::calendar::monday_of(plus_days(date(2025, 9, 1), anchor));
        let of = |parity: Option<Parity>| {
            let mut slot = slot.clone();
            if let Recurrence::Weekly { parity: own, .. } = &mut slot.recurrence {
                *own = parity;
            }
            dates(&run(&slot, &calendar)).into_iter().collect::<BTreeSet<_>>()
        };
        let (odd, even, all) = (of(Some(Parity::Odd)), of(Some(Parity::Even)), of(None));
        prop_assert_eq!(odd.union(&even).copied().collect::<BTreeSet<_>>(), all);
        let week = crate::domain::calendar::monday_of;
        let weeks = |dates: &BTreeSet<Date>| dates.iter().map(|date| week(*date)).collect::<BTreeSet<_>>();
        prop_assert!(weeks(&odd).is_disjoint(&weeks(&even)));
    }

    /// What is deferred has no room and no dated consultation (INV-03).
    #[test]
    fn inv_03_deferred_forms_have_no_consultation(slot in any_slot(), form in 0usize..8) {
        let mut slot = slot;
        slot.form = Form::ALL[form];
        let expansion = run(&slot, &calendar("Europe/Moscow"));
        prop_assert!(slot.form.is_realtime() || expansion.occurrences.is_empty());
    }

    #[test]
    fn inv_04_the_end_is_the_start_and_the_length(slot in any_slot()) {
        for one in run(&slot, &calendar("Europe/Kaliningrad")).occurrences {
            prop_assert_eq!(one.end_ms - one.start_ms, i64::from(slot.minutes.unwrap()) * 60_000);
            prop_assert!(one.end_ms > one.start_ms);
        }
    }
}
