//! The school's calendar as layers, the last one that speaks wins (DOMAIN 9): school year, term, weekday pattern, holiday or
//! break, moved working day, bells, week override. Intent is local (date, period or time); instants come out of here.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};

words!(
    /// What an entry of the calendar makes of its date.
    DayKind {
        /// Lessons are held, whatever the layers below say.
        School = "school",
        Holiday = "holiday",
        Break = "break",
        /// A working day held by another weekday's timetable.
        Moved = "moved",
    }
);

words!(
    /// Odd or even school week.
    Parity {
        Odd = "odd",
        Even = "even",
    }
);

/// From one date to another, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    pub from: Date,
    pub to: Date,
}

impl Span {
    pub fn contains(&self, date: Date) -> bool {
        self.from <= date && date <= self.to
    }
}

/// An entry for one date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayRule {
    pub kind: DayKind,
    /// With [`DayKind::Moved`]: the weekday whose timetable is held.
    pub use_weekday: Option<Weekday>,
    /// Other bells than usual (shortened day).
    pub bells: Option<String>,
    /// The whole week of this date counts as odd or even.
    pub week: Option<Parity>,
}

impl DayRule {
    /// Nothing but the kind of day.
    pub fn of(kind: DayKind) -> Self {
        Self { kind, use_weekday: None, bells: None, week: None }
    }
}

/// Start and end of each period of a day, by its number.
pub type Bells = BTreeMap<u8, (Time, Time)>;

/// One school's calendar with all its layers.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub tz: TimeZone,
    pub years: Vec<Span>,
    /// Empty: the whole year counts as term.
    pub terms: Vec<Span>,
    /// 5 (Monday to Friday) or 6 (to Saturday).
    pub days_a_week: i8,
    pub days: BTreeMap<Date, DayRule>,
    pub bells: HashMap<String, Bells>,
    pub usual_bells: String,
    /// A Monday that begins an odd week. Not the ISO week number: 2026 has week 53, which would put two odd weeks in a row.
    pub odd_monday: Date,
    /// Weeks without a school day do not count.
    pub parity_skips_breaks: bool,
    /// Grades whose week is not the school's.
    pub grade_weeks: BTreeMap<u8, i8>,
    /// Days that are otherwise for one grade (the first grade's break in February).
    pub grade_days: BTreeMap<(u8, Date), DayKind>,
    /// For each schedule of the first shift, those of the others: by schedule and shift.
    pub shift_bells: HashMap<(String, u8), String>,
}

/// For whom a calendar holds, beyond the school as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForClass {
    /// `None`: no class (a group of several).
    pub grade: Option<u8>,
    /// 1 or more.
    pub shift: u8,
}

impl Calendar {
    /// The weekday whose lessons are held on `date`; `None`: no school that day.
    pub fn lessons_of(&self, date: Date) -> Option<Weekday> {
        let weekday = date.weekday();
        match self.days.get(&date).map(|rule| (rule.kind, rule.use_weekday)) {
            Some((DayKind::School, _)) => return Some(weekday),
            Some((DayKind::Moved, of)) => return Some(of.unwrap_or(weekday)),
            Some((DayKind::Holiday | DayKind::Break, _)) => return None,
            None => {}
        }
        let in_year = self.years.iter().any(|year| year.contains(date));
        let in_term = self.terms.is_empty() || self.terms.iter().any(|term| term.contains(date));
        let pattern = weekday.to_monday_one_offset() <= self.days_a_week;
        (in_year && in_term && pattern).then_some(weekday)
    }

    /// The calendar as one class lives by it: its grade's week and days, its shift's bells. Parity stays the school's.
    #[must_use]
    pub fn for_class(&self, class: ForClass) -> Self {
        let mut own = self.clone();
        if let Some(grade) = class.grade {
            own.days_a_week = self.grade_weeks.get(&grade).copied().unwrap_or(self.days_a_week);
            for ((_, date), kind) in self.grade_days.range((grade, Date::MIN)..=(grade, Date::MAX)) {
                let rule = own.days.entry(*date).or_insert_with(|| DayRule::of(*kind));
                rule.kind = *kind;
            }
        }
        if class.shift > 1 {
            own.usual_bells = self.bells_of_shift(&self.usual_bells, class.shift);
            for rule in own.days.values_mut() {
                rule.bells = rule.bells.as_ref().map(|name| self.bells_of_shift(name, class.shift));
            }
        }
        own
    }

    /// The bells that a later shift has in place of these.
    fn bells_of_shift(&self, name: &String, shift: u8) -> String {
        self.shift_bells.get(&(name.clone(), shift)).unwrap_or(name).clone()
    }

    /// Whether the week of `date` is odd or even, counted from the anchor Monday unless an entry says otherwise.
    pub fn parity(&self, date: Date) -> Parity {
        let monday = monday_of(date);
        let said = (0..7).filter_map(|day| self.days.get(&plus_days(monday, day))).find_map(|rule| rule.week);
        said.unwrap_or_else(|| {
            let mut weeks = days_between(self.odd_monday, monday).div_euclid(7);
            if self.parity_skips_breaks {
                weeks -= self.idle_weeks(monday);
            }
            if weeks.rem_euclid(2) == 0 { Parity::Odd } else { Parity::Even }
        })
    }

    /// Weeks without a school day between the anchor and `monday`; behind the anchor they count negative. At most ten years are
    /// looked at: who anchors further away has forgotten to move the anchor.
    fn idle_weeks(&self, monday: Date) -> i32 {
        let (from, to, sign) =
            if monday >= self.odd_monday { (self.odd_monday, monday, 1) } else { (monday, self.odd_monday, -1) };
        let mut week = from.max(plus_days(to, -3660));
        let mut idle = 0;
        while week < to {
            idle += i32::from((0..7).all(|day| self.lessons_of(plus_days(week, day)).is_none()));
            week = plus_days(week, 7);
        }
        idle * sign
    }

    /// Start and end of the period on `date`; `None`: that day's bells do not have it.
    pub fn period(&self, date: Date, number: u8) -> Option<(Time, Time)> {
        self.bells_on(date)?.get(&number).copied()
    }

    /// The bells that ring on `date`, if it is a school day; `None`: there are none.
    pub fn bells_on(&self, date: Date) -> Option<&Bells> {
        let name = self.days.get(&date).and_then(|rule| rule.bells.as_deref()).unwrap_or(&self.usual_bells);
        self.bells.get(name)
    }

    /// Whether a date is in one of the terms that bits name, the year's first term first (`"10"`: the first half). Bits that
    /// are fewer than the year's terms name equal shares of them. Where the calendar has no terms, the whole year is.
    pub fn is_in_terms(&self, date: Date, bits: &str) -> bool {
        let Some(year) = self.years.iter().find(|year| year.contains(date)) else { return false };
        let mut terms: Vec<&Span> = self.terms.iter().filter(|term| year.contains(term.from)).collect();
        terms.sort_by_key(|term| term.from);
        let Some(n) = terms.iter().rposition(|term| term.from <= date) else { return true };
        bits.as_bytes().get(n * bits.len() / terms.len()).is_none_or(|bit| *bit == b'1')
    }

    /// The instant of a local time, Unix milliseconds. A time that the clocks skip becomes the first instant after the gap, one
    /// that they show twice the first of both.
    pub fn instant_ms(&self, date: Date, time: Time) -> i64 {
        let local = date.to_datetime(time);
        let ambiguous = self.tz.to_ambiguous_timestamp(local);
        let gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let Ok(before) = ambiguous.earlier() else {
            // Only beyond the year 9999, where no school plans.
            return i64::MAX;
        };
        if gap {
            let after = self.tz.following(before).next();
            return after.map_or(before, |transition| transition.timestamp()).as_millisecond();
        }
        before.as_millisecond()
    }

    /// The school's date at an instant.
    pub fn date_at(&self, at_ms: i64) -> Date {
        date_in(&self.tz, at_ms)
    }
}

/// The local date in a zone at an instant (Unix milliseconds).
pub fn date_in(tz: &TimeZone, at_ms: i64) -> Date {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    tz.to_datetime(at).date()
}

/// Days from one date to the other, negative backwards.
fn days_between(from: Date, to: Date) -> i32 {
    (to - from).get_days()
}

/// `date` and that many days; stays put at the end of all calendars (year 9999).
pub fn plus_days(date: Date, days: i32) -> Date {
    date.checked_add(jiff::Span::new().days(days)).unwrap_or(date)
}

/// The Monday of a date's week.
pub fn monday_of(date: Date) -> Date {
    plus_days(date, -i32::from(date.weekday().to_monday_zero_offset()))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use jiff::civil::{date, time};

    pub(crate) fn calendar(zone: &str) -> Calendar {
        let bells = (1..=8u8).map(|n| {
            let start = time(8, 30, 0, 0) + jiff::Span::new().minutes(55 * (i64::from(n) - 1));
            (n, (start, start + jiff::Span::new().minutes(45)))
        });
        Calendar {
            tz: TimeZone::get(zone).unwrap(),
            years: vec![Span { from: date(2026, 9, 1), to: date(2027, 5, 31) }],
            terms: vec![],
            days_a_week: 5,
            days: BTreeMap::new(),
            bells: HashMap::from([("usual".to_owned(), bells.collect())]),
            usual_bells: "usual".into(),
            odd_monday: date(2026, 8, 31),
            parity_skips_breaks: false,
            grade_weeks: BTreeMap::new(),
            grade_days: BTreeMap::new(),
            shift_bells: HashMap::new(),
        }
    }

    /// Also across New Year 2026/27, where ISO week numbers give odd after odd.
    #[test]
    fn p5_parity_alternates_for_700_days() {
        let calendar = calendar("Europe/Moscow");
        let mut monday = date(2026, 8, 31);
        let mut before = Parity::Even;
        for _ in 0..100 {
            let parity = calendar.parity(monday);
            assert_ne!(parity, before, "{monday}");
            assert!((0..7).all(|day| calendar.parity(plus_days(monday, day)) == parity));
            before = parity;
            monday = plus_days(monday, 7);
        }
    }

    #[test]
    fn an_override_turns_the_whole_week() {
        let mut calendar = calendar("Europe/Moscow");
        let rule = DayRule { kind: DayKind::School, use_weekday: None, bells: None, week: Some(Parity::Even) };
        calendar.days.insert(date(2026, 9, 2), rule);
        assert_eq!(calendar.parity(date(2026, 9, 4)), Parity::Even);
        assert_eq!(calendar.parity(date(2026, 9, 7)), Parity::Even);
    }

    #[test]
    fn layers_speak_in_order() {
        let mut calendar = calendar("Europe/Moscow");
        assert_eq!(calendar.lessons_of(date(2026, 9, 5)), None, "Saturday of a five-day week");
        let mut rule = DayRule { kind: DayKind::Moved, use_weekday: Some(Weekday::Monday), bells: None, week: None };
        calendar.days.insert(date(2026, 9, 5), rule.clone());
        assert_eq!(calendar.lessons_of(date(2026, 9, 5)), Some(Weekday::Monday));
        rule.kind = DayKind::Holiday;
        calendar.days.insert(date(2026, 11, 4), rule);
        assert_eq!(calendar.lessons_of(date(2026, 11, 4)), None);
        assert_eq!(calendar.lessons_of(date(2026, 8, 31)), None, "before the school year");
    }

    #[test]
    fn zones_are_names_not_offsets() {
        for (zone, day, utc) in [
            ("Europe/Moscow", date(2026, 9, 1), "2026-09-01T05:30:00Z"),
            ("Asia/Kamchatka", date(2026, 9, 1), "2026-08-31T20:30:00Z"),
            ("Europe/Volgograd", date(2020, 12, 25), "2020-12-25T04:30:00Z"),
            ("Europe/Volgograd", date(2020, 12, 28), "2020-12-28T05:30:00Z"),
        ] {
            let expected: jiff::Timestamp = utc.parse().unwrap();
            assert_eq!(calendar(zone).instant_ms(day, time(8, 30, 0, 0)), expected.as_millisecond(), "{zone} {day}");
        }
    }

    #[test]
    fn a_skipped_time_is_the_first_instant_after_and_a_doubled_one_the_first() {
        let calendar = calendar("Europe/Berlin");
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(calendar.instant_ms(date(2027, 3, 28), time(2, 30, 0, 0)), at("2027-03-28T01:00:00Z"));
        assert_eq!(calendar.instant_ms(date(2026, 10, 25), time(2, 30, 0, 0)), at("2026-10-25T00:30:00Z"));
    }

    proptest! {
        #![proptest_config(crate::domain::cases::cases(128))]

        /// Anchored at any Monday, over 700 days from any other: a week is of one kind, the next of the other.
        #[test]
        fn p5_parity_alternates_whatever_the_anchor(anchor in -1_000i32..1_000, first in -1_000i32..1_000) {
            let mut calendar = calendar("Asia/Kamchatka");
            calendar.odd_monday = monday_of(plus_days(date(2026, 8, 31), anchor));
            prop_assert_eq!(calendar.parity(calendar.odd_monday), Parity::Odd);
            let mut day = plus_days(date(2026, 8, 31), first);
            for _ in 0..700 {
                let (monday, next) = (monday_of(day), plus_days(day, 1));
                prop_assert_eq!(calendar.parity(day), calendar.parity(monday));
                prop_assert_ne!(calendar.parity(day), calendar.parity(plus_days(day, 7)));
                day = next;
            }
        }

        /// Where breaks do not count, the weeks in which something is held alternate among themselves.
        #[test]
        fn p5_weeks_of_lessons_alternate_where_breaks_do_not_count(
            breaks in proptest::collection::btree_set(0i32..38, 0..10),
        ) {
            let mut calendar = calendar("Europe/Moscow");
            calendar.parity_skips_breaks = true;
            let monday = date(2026, 8, 31);
            for week in &breaks {
                for day in 0..7 {
                    calendar.days.insert(plus_days(monday, week * 7 + day), DayRule::of(DayKind::Break));
                }
            }
            let held: Vec<_> = (0..38)
                .map(|week| plus_days(monday, week * 7))
                .filter(|monday| (0..7).any(|day| calendar.lessons_of(plus_days(*monday, day)).is_some()))
                .collect();
            for pair in held.windows(2) {
                prop_assert_ne!(calendar.parity(pair[0]), calendar.parity(pair[1]), "{:?}", pair);
            }
        }
    }
}
