//! Regular lessons of the week (DOMAIN 8.3): their teachers teach then, their groups learn. They are kept by their place in the
//! week and looked up there, never written out date by date: a year of a school has sixty thousand of them.

use std::collections::HashMap;

use jiff::civil::{Date, Time};

use crate::domain::calendar::{Calendar, ForClass, Parity, plus_days};
use crate::domain::ids::{GroupId, PersonId};

/// A lesson that stands in the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regular {
    /// Monday is 1.
    pub weekday: i8,
    /// Its number in the bells of its class.
    pub period: u8,
    /// `None`: every week.
    pub parity: Option<Parity>,
    /// A bit for each term in which it is held; `None`: all year.
    pub terms: Option<String>,
    pub teacher: Option<PersonId>,
    /// Whose calendar and bells it follows.
    pub of: ForClass,
    /// Who learns there; none for a lesson whose class the school does not know.
    pub groups: Vec<GroupId>,
    pub subject: String,
    pub class: String,
}

/// A lesson on a date, by the school's clock.
#[derive(Clone, Copy, Debug)]
pub struct Held<'v> {
    pub lesson: &'v Regular,
    pub starts: Time,
    pub ends: Time,
}

/// Place in the week: whose calendar, weekday, number of the lesson.
type Place = (usize, i8, u8);

/// All regular lessons of a school, by their place in the week.
#[derive(Clone, Debug, Default)]
pub struct Lessons {
    all: Vec<Regular>,
    /// The school's, then those of classes that differ; most schools have one or two.
    calendars: Vec<Calendar>,
    at: HashMap<Place, Vec<usize>>,
}

impl Lessons {
    /// `calendar`: the school's, not a class's.
    pub fn new(calendar: &Calendar, all: Vec<Regular>) -> Self {
        let school = ForClass { grade: None, shift: 1 };
        let mut lessons = Self { calendars: vec![calendar.clone()], ..Self::default() };
        let mut kinds = HashMap::from([(school, 0)]);
        for (n, lesson) in all.iter().enumerate() {
            // A grade without days of its own lives by the school's calendar.
            let is_own = |grade: &u8| {
                calendar.grade_weeks.contains_key(grade) || calendar.grade_days.keys().any(|(other, _)| other == grade)
            };
            let of = ForClass { grade: lesson.of.grade.filter(is_own), shift: lesson.of.shift };
            let kind = *kinds.entry(of).or_insert_with(|| {
                lessons.calendars.push(calendar.for_class(of));
                lessons.calendars.len() - 1
            });
            lessons.at.entry((kind, lesson.weekday, lesson.period)).or_default().push(n);
        }
        lessons.all = all;
        lessons
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn all(&self) -> &[Regular] {
        &self.all
    }

    /// What is held at some moment from..to (Unix milliseconds).
    pub fn overlapping(&self, from_ms: i64, to_ms: i64) -> Vec<Held<'_>> {
        let mut found = Vec::new();
        let Some(first) = self.calendars.first() else { return found };
        let local = |ms| {
            let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            first.tz.to_datetime(at)
        };
        let (from, to) = (local(from_ms), local(to_ms));
        // Over midnight it has two days; nothing that is planned lasts longer.
        for date in [from.date(), plus_days(from.date(), 1)] {
            if date > to.date() {
                break;
            }
            let starts = if date == from.date() { from.time() } else { Time::MIN };
            let ends = if date == to.date() { to.time() } else { Time::MAX };
            self.on(date, starts, ends, &mut found);
        }
        found
    }

    fn on<'v>(&'v self, date: Date, from: Time, to: Time, found: &mut Vec<Held<'v>>) {
        let Some(school) = self.calendars.first() else { return };
        let mut parity = None;
        for (kind, calendar) in self.calendars.iter().enumerate() {
            let Some(weekday) = calendar.lessons_of(date) else { continue };
            let bells = calendar.bells_on(date).into_iter().flatten();
            for (number, (starts, ends)) in bells.filter(|(_, (starts, ends))| *starts < to && from < *ends) {
                let place = (kind, weekday.to_monday_one_offset(), *number);
                for lesson in self.at.get(&place).into_iter().flatten().filter_map(|n| self.all.get(*n)) {
                    // The week is the school's, whatever the class.
                    let is_week =
                        lesson.parity.is_none_or(|of| *parity.get_or_insert_with(|| school.parity(date)) == of);
                    if is_week && lesson.terms.as_ref().is_none_or(|bits| calendar.is_in_terms(date, bits)) {
                        found.push(Held { lesson, starts: *starts, ends: *ends });
                    }
                }
            }
        }
    }
}
