//! SC-04: where clocks and calendars bend. Local time is kept, a time that does not exist is the first instant after it, one
//! that exists twice is held once, and a change of a zone's rules moves the instant and not the lesson.

use jiff::civil::{Date, Time, Weekday, date, time};

use super::super::*;
use super::{slot, year};
use crate::domain::calendar::tests::calendar;
use crate::domain::calendar::{DayKind, DayRule, Parity, monday_of};

fn instant(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Zone, date, local time, instant.
type Row = (&'static str, (i16, i8, i8), (i8, i8), &'static str);

/// One date of a slot at a local time, in a zone; school days or not.
fn held(zone: &str, day: Date, at: Time) -> Vec<Occurrence> {
    let slot = slot(Recurrence::Once { date: day }, At::Start(at));
    expand(&SchoolId::new("s"), &slot, true, &calendar(zone), Span { from: day, to: day }).occurrences
}

#[test]
fn sc_04_local_time_is_kept_in_every_zone_over_every_change() {
    const ROWS: &[Row] = &[
        // The eleven offsets of Russia, winter and summer alike: no daylight saving since 2014.
        ("Europe/Kaliningrad", (2026, 9, 1), (8, 30), "2026-09-01T06:30:00Z"),
        ("Europe/Kaliningrad", (2027, 1, 15), (8, 30), "2027-01-15T06:30:00Z"),
        ("Europe/Moscow", (2026, 9, 1), (8, 30), "2026-09-01T05:30:00Z"),
        ("Europe/Moscow", (2027, 1, 15), (8, 30), "2027-01-15T05:30:00Z"),
        ("Europe/Samara", (2026, 9, 1), (8, 30), "2026-09-01T04:30:00Z"),
        ("Asia/Yekaterinburg", (2026, 9, 1), (8, 30), "2026-09-01T03:30:00Z"),
        ("Asia/Omsk", (2026, 9, 1), (8, 30), "2026-09-01T02:30:00Z"),
        ("Asia/Novosibirsk", (2026, 9, 1), (8, 30), "2026-09-01T01:30:00Z"),
        ("Asia/Irkutsk", (2026, 9, 1), (8, 30), "2026-09-01T00:30:00Z"),
        ("Asia/Yakutsk", (2026, 9, 1), (8, 30), "2026-08-31T23:30:00Z"),
        ("Asia/Vladivostok", (2026, 9, 1), (8, 30), "2026-08-31T22:30:00Z"),
        ("Asia/Magadan", (2026, 9, 1), (8, 30), "2026-08-31T21:30:00Z"),
        ("Asia/Kamchatka", (2026, 9, 1), (8, 30), "2026-08-31T20:30:00Z"),
        // Rules of a zone that changed: the lesson stays, the instant moves.
        ("Europe/Volgograd", (2020, 12, 25), (8, 30), "2020-12-25T04:30:00Z"),
        ("Europe/Volgograd", (2020, 12, 28), (8, 30), "2020-12-28T05:30:00Z"),
        ("Europe/Volgograd", (2018, 10, 26), (8, 30), "2018-10-26T05:30:00Z"),
        ("Europe/Volgograd", (2018, 10, 29), (8, 30), "2018-10-29T04:30:00Z"),
        ("Europe/Saratov", (2016, 12, 2), (8, 30), "2016-12-02T05:30:00Z"),
        ("Europe/Saratov", (2016, 12, 5), (8, 30), "2016-12-05T04:30:00Z"),
        ("Asia/Tomsk", (2016, 5, 27), (8, 30), "2016-05-27T02:30:00Z"),
        ("Asia/Tomsk", (2016, 5, 30), (8, 30), "2016-05-30T01:30:00Z"),
        ("Asia/Novosibirsk", (2016, 7, 22), (8, 30), "2016-07-22T02:30:00Z"),
        ("Asia/Novosibirsk", (2016, 7, 25), (8, 30), "2016-07-25T01:30:00Z"),
        ("Europe/Astrakhan", (2016, 3, 25), (8, 30), "2016-03-25T05:30:00Z"),
        ("Europe/Astrakhan", (2016, 3, 28), (8, 30), "2016-03-28T04:30:00Z"),
        ("Asia/Barnaul", (2016, 3, 25), (8, 30), "2016-03-25T02:30:00Z"),
        ("Asia/Barnaul", (2016, 3, 28), (8, 30), "2016-03-28T01:30:00Z"),
        ("Asia/Chita", (2016, 3, 25), (8, 30), "2016-03-25T00:30:00Z"),
        ("Asia/Chita", (2016, 3, 28), (8, 30), "2016-03-27T23:30:00Z"),
        ("Asia/Sakhalin", (2016, 3, 25), (8, 30), "2016-03-24T22:30:00Z"),
        ("Asia/Sakhalin", (2016, 3, 28), (8, 30), "2016-03-27T21:30:00Z"),
        ("Asia/Magadan", (2016, 4, 22), (8, 30), "2016-04-21T22:30:00Z"),
        ("Asia/Magadan", (2016, 4, 25), (8, 30), "2016-04-24T21:30:00Z"),
        ("Europe/Moscow", (2014, 10, 24), (8, 30), "2014-10-24T04:30:00Z"),
        ("Europe/Moscow", (2014, 10, 27), (8, 30), "2014-10-27T05:30:00Z"),
        // Three zones in one republic.
        ("Asia/Yakutsk", (2026, 11, 23), (12, 0), "2026-11-23T03:00:00Z"),
        ("Asia/Khandyga", (2026, 11, 23), (12, 0), "2026-11-23T03:00:00Z"),
        ("Asia/Ust-Nera", (2026, 11, 23), (12, 0), "2026-11-23T02:00:00Z"),
        ("Asia/Srednekolymsk", (2026, 11, 23), (12, 0), "2026-11-23T01:00:00Z"),
        // Before and after a change of the clock elsewhere.
        ("Europe/Berlin", (2026, 10, 23), (8, 30), "2026-10-23T06:30:00Z"),
        ("Europe/Berlin", (2026, 10, 26), (8, 30), "2026-10-26T07:30:00Z"),
        ("Europe/Berlin", (2027, 3, 26), (8, 30), "2027-03-26T07:30:00Z"),
        ("Europe/Berlin", (2027, 3, 29), (8, 30), "2027-03-29T06:30:00Z"),
        ("America/New_York", (2026, 10, 30), (8, 30), "2026-10-30T12:30:00Z"),
        ("America/New_York", (2026, 11, 2), (8, 30), "2026-11-02T13:30:00Z"),
        // A time that does not exist: the first instant after the gap.
        ("Europe/Berlin", (2027, 3, 28), (2, 0), "2027-03-28T01:00:00Z"),
        ("Europe/Berlin", (2027, 3, 28), (2, 30), "2027-03-28T01:00:00Z"),
        ("Europe/Berlin", (2027, 3, 28), (2, 59), "2027-03-28T01:00:00Z"),
        ("Europe/Berlin", (2027, 3, 28), (3, 0), "2027-03-28T01:00:00Z"),
        ("America/New_York", (2027, 3, 14), (2, 30), "2027-03-14T07:00:00Z"),
        ("Australia/Lord_Howe", (2026, 10, 4), (2, 15), "2026-10-03T15:30:00Z"),
        // A time that exists twice: the first of them, once.
        ("Europe/Berlin", (2026, 10, 25), (2, 30), "2026-10-25T00:30:00Z"),
        ("America/New_York", (2026, 11, 1), (1, 30), "2026-11-01T05:30:00Z"),
        ("Australia/Lord_Howe", (2027, 4, 4), (1, 45), "2027-04-03T14:45:00Z"),
        ("Europe/Moscow", (2014, 10, 26), (1, 30), "2014-10-25T21:30:00Z"),
        // The leap day, and the day after where there is none.
        ("Europe/Moscow", (2028, 2, 29), (15, 0), "2028-02-29T12:00:00Z"),
        ("Asia/Kamchatka", (2028, 2, 29), (8, 30), "2028-02-28T20:30:00Z"),
        ("Europe/Moscow", (2027, 3, 1), (0, 15), "2027-02-28T21:15:00Z"),
        // The turn of the year, from both sides.
        ("Asia/Kamchatka", (2027, 1, 1), (0, 15), "2026-12-31T12:15:00Z"),
        ("Europe/Kaliningrad", (2026, 12, 31), (23, 45), "2026-12-31T21:45:00Z"),
        ("UTC", (2026, 12, 31), (23, 45), "2026-12-31T23:45:00Z"),
    ];
    assert!(ROWS.len() >= 60, "{}", ROWS.len());
    for (zone, (year, month, day), (hour, minute), expected) in ROWS {
        let day = date(*year, *month, *day);
        let found = held(zone, day, time(*hour, *minute, 0, 0));
        assert_eq!(found.len(), 1, "{zone} {day}");
        assert_eq!(found[0].start_ms, instant(expected), "{zone} {day} {hour}:{minute:02}");
        assert_eq!((found[0].date, found[0].end_ms - found[0].start_ms), (day, 30 * 60_000), "{zone} {day}");
    }
}

#[test]
fn sc_04_a_week_of_lessons_keeps_its_hour_over_a_change_of_the_clock() {
    let calendar = calendar("Europe/Berlin");
    let recurrence = Recurrence::Weekly { weekdays: vec![Weekday::Monday], parity: None, span: year() };
    let all = expand(&SchoolId::new("s"), &slot(recurrence, At::Start(time(15, 0, 0, 0))), false, &calendar, year());
    let hours: Vec<_> = all
        .occurrences
        .iter()
        .map(|one| {
            let at = jiff::Timestamp::from_millisecond(one.start_ms).unwrap();
            (at.to_zoned(calendar.tz.clone()).time(), at.to_zoned(jiff::tz::TimeZone::UTC).hour())
        })
        .collect();
    assert!(hours.iter().all(|(local, _)| *local == time(15, 0, 0, 0)));
    assert!(hours.iter().any(|(_, utc)| *utc == 13) && hours.iter().any(|(_, utc)| *utc == 14));
}

#[test]
fn sc_04_the_leap_day_is_a_school_day_like_another() {
    let mut calendar = calendar("Europe/Moscow");
    calendar.years.push(Span { from: date(2027, 9, 1), to: date(2028, 5, 31) });
    let span = Span { from: date(2028, 2, 21), to: date(2028, 3, 14) };
    let recurrence = Recurrence::Weekly { weekdays: vec![Weekday::Tuesday], parity: None, span };
    let slot = slot(recurrence, At::Start(time(15, 0, 0, 0)));
    let found: Vec<_> =
        expand(&SchoolId::new("s"), &slot, false, &calendar, span).occurrences.iter().map(|one| one.date).collect();
    assert_eq!(found, [date(2028, 2, 22), date(2028, 2, 29), date(2028, 3, 7), date(2028, 3, 14)]);
    let leap = monday_of(date(2028, 2, 29));
    assert_ne!(calendar.parity(leap), calendar.parity(plus_days(leap, 7)));
}

#[test]
fn sc_04_parity_passes_the_53rd_week_of_the_year() {
    let calendar = calendar("Europe/Moscow");
    let weeks: Vec<_> = (0..4).map(|n| calendar.parity(plus_days(date(2026, 12, 21), n * 7))).collect();
    let (odd, even) = (Parity::Odd, Parity::Even);
    assert!(weeks == [odd, even, odd, even] || weeks == [even, odd, even, odd], "{weeks:?}");
    // By the numbers of ISO 8601 weeks 53 and 1 would both be odd.
    assert_eq!(date(2026, 12, 28).iso_week_date().week(), 53);
}

#[test]
fn sc_04_a_school_in_two_zones_has_two_schools_whose_times_are_compared_as_instants() {
    let day = date(2026, 11, 23);
    let (moscow, perm) =
        (held("Europe/Moscow", day, time(13, 0, 0, 0)), held("Asia/Yekaterinburg", day, time(15, 0, 0, 0)));
    assert_eq!(moscow[0].start_ms, perm[0].start_ms, "one teacher cannot hold both");
}

#[test]
fn sc_04_another_rule_of_the_zone_moves_the_instant_of_the_same_consultation() {
    let slot = slot(Recurrence::Once { date: date(2026, 12, 1) }, At::Start(time(8, 30, 0, 0)));
    let of = |hours: i8| {
        let mut calendar = calendar("Europe/Moscow");
        calendar.tz = jiff::tz::TimeZone::fixed(jiff::tz::offset(hours));
        calendar.days.insert(date(2026, 12, 1), DayRule::of(DayKind::School));
        run_once(&slot, &calendar)
    };
    let (before, after) = (of(4), of(3));
    assert_eq!(before.id, after.id);
    assert_eq!(after.start_ms - before.start_ms, 3_600_000);
}

fn run_once(slot: &CardSlot, calendar: &Calendar) -> Occurrence {
    let mut found = expand(&SchoolId::new("s"), slot, false, calendar, year()).occurrences;
    assert_eq!(found.len(), 1);
    found.remove(0)
}
