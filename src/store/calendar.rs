//! Editing the calendar: the whole of it at once, under its version. What the change does to the future of the timetable is
//! found out by doing it; a preview is the same and is undone.

pub(super) mod read;
mod write;

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::school::School;
use super::sql::{self, date, int, optional_text, text, time, word};
use super::transition::Actor;
use super::{Store, StoreError};
use crate::domain::calendar::{Bells, Calendar, DayKind, DayRule, Parity, Span};
use crate::domain::consultation::Timings;
use crate::domain::ids::ConsultationId;
use crate::domain::refusal::RefusalCode;

/// The calendar as it is read and written. Names of schedules are their ids; a new one brings a name that no other has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarDoc {
    /// IANA name.
    pub tz: String,
    /// 5 or 6.
    pub days_a_week: i8,
    /// A Monday that begins an odd week.
    pub odd_monday: Date,
    pub parity_skips_breaks: bool,
    pub years: Vec<YearDoc>,
    pub days: Vec<DayDoc>,
    pub bells: Vec<BellsDoc>,
    /// Id of the schedule of ordinary days.
    pub usual_bells: Option<String>,
    pub grade_weeks: Vec<GradeWeekDoc>,
    pub grade_days: Vec<GradeDayDoc>,
    pub classes: Vec<ClassDoc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YearDoc {
    pub id: String,
    pub name: String,
    pub from: Date,
    pub to: Date,
    pub terms: Vec<TermDoc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermDoc {
    /// `quarter`, `trimester` or `half`.
    pub kind: String,
    pub title: String,
    pub from: Date,
    pub to: Date,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayDoc {
    pub date: Date,
    pub kind: DayKind,
    /// Monday is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_weekday: Option<i8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bells: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week: Option<Parity>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BellsDoc {
    pub id: String,
    pub name: String,
    pub shift: u8,
    pub periods: Vec<PeriodDoc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodDoc {
    pub n: u8,
    pub starts: Time,
    pub ends: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradeWeekDoc {
    pub grade: u8,
    pub days_a_week: i8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradeDayDoc {
    pub grade: u8,
    pub date: Date,
    pub kind: DayKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
}

/// A class and the shift in which it learns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassDoc {
    pub id: String,
    pub name: String,
    pub shift: u8,
}

/// What is asked of an edit.
#[derive(Clone, Debug)]
pub struct CalendarEdit {
    pub school: School,
    pub doc: CalendarDoc,
    /// The version that was edited.
    pub version: i64,
    pub actor: Actor,
    /// Look, but change nothing.
    pub dry_run: bool,
    pub timings: Timings,
    pub horizon_days: u32,
    pub now_ms: i64,
}

/// What an edit does to the future.
#[derive(Clone, Debug, Default)]
pub struct CalendarChange {
    pub version: i64,
    pub moved: Vec<Moved>,
    pub planned: Vec<Moved>,
    /// Not wanted any more; those whose new time is refused stand in `refused`.
    pub removed: Vec<Moved>,
    /// Dates that stand against a rule at the time that the calendar gives them: they are not planned.
    pub refused: Vec<RefusedMove>,
    /// Booked appointments of moved office hours that hosts take back: they no longer fit, or the student has another lesson.
    pub taken_back: usize,
    /// People who are told.
    pub people: usize,
    /// Consultations that collide after the change, in pairs.
    pub collisions: Vec<(ConsultationId, ConsultationId)>,
}

/// One consultation and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub id: ConsultationId,
    pub title: String,
    pub class: Option<String>,
    pub host: String,
    /// `None`: it was not there before.
    pub from_ms: Option<i64>,
    /// `None`: it is not there any more.
    pub to_ms: Option<i64>,
}

/// A consultation that would go where it may not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedMove {
    pub at: Moved,
    /// What speaks against it; never empty.
    pub codes: Vec<RefusalCode>,
}

/// Why a calendar was not changed.
#[derive(Debug, thiserror::Error)]
pub enum CalendarError {
    /// A preview: this is what would happen. Nothing has.
    #[error("tried only")]
    Tried(Box<CalendarChange>),
    /// Somebody else has changed it meanwhile.
    #[error("the calendar has changed meanwhile")]
    VersionConflict,
    /// The calendar contradicts itself; what is wrong, for a developer.
    #[error("{0}")]
    Invalid(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Most of each kind in one calendar; ten years of days.
const MOST_DAYS: usize = 4000;
const MOST: usize = 400;

impl CalendarDoc {
    /// # Errors
    /// [`CalendarError::Invalid`] with the first contradiction.
    pub fn check(&self) -> Result<(), CalendarError> {
        let fails = |is_wrong: bool, what| if is_wrong { Err(CalendarError::Invalid(what)) } else { Ok(()) };
        fails(TimeZone::get(&self.tz).is_err(), "tz: not a zone that this machine knows")?;
        fails(!(5..=6).contains(&self.days_a_week), "days_a_week: 5 or 6")?;
        fails(self.odd_monday.weekday() != Weekday::Monday, "odd_monday: not a Monday")?;
        fails(self.days.len() > MOST_DAYS || self.grade_days.len() > MOST_DAYS, "days: too many")?;
        fails(self.bells.len() > MOST || self.years.len() > MOST || self.classes.len() > 4 * MOST, "too many rows")?;
        let too_long = |text: &str| text.chars().count() > 120;
        for year in &self.years {
            fails(year.from > year.to || too_long(&year.name) || year.name.is_empty(), "years: dates or name")?;
            let outside = |term: &TermDoc| term.from > term.to || term.from < year.from || term.to > year.to;
            fails(year.terms.iter().any(|term| outside(term) || too_long(&term.title)), "terms: outside the year")?;
            let mut terms: Vec<_> = year.terms.iter().map(|term| (term.from, term.to)).collect();
            terms.sort_unstable();
            fails(terms.windows(2).any(|two| two[0].1 >= two[1].0), "terms: overlapping")?;
        }
        for bells in &self.bells {
            fails(
                bells.name.is_empty() || too_long(&bells.name) || !(1..=3).contains(&bells.shift),
                "bells: name, shift",
            )?;
            let mut last = None;
            for period in &bells.periods {
                let follows = last.is_none_or(|(n, ends)| period.n > n && period.starts >= ends);
                fails(period.starts >= period.ends || !follows, "bells: periods overlap or are out of order")?;
                last = Some((period.n, period.ends));
            }
        }
        let known = |id: &Option<String>| id.as_ref().is_none_or(|id| self.bells.iter().any(|bells| bells.id == *id));
        fails(!known(&self.usual_bells) || !self.days.iter().all(|day| known(&day.bells)), "bells: unknown schedule")?;
        let mut dates: Vec<_> = self.days.iter().map(|day| day.date).collect();
        dates.sort_unstable();
        fails(dates.windows(2).any(|two| two[0] == two[1]), "days: a date twice")?;
        fails(self.days.iter().any(|day| too_long(&day.title)), "days: title too long")?;
        let weekday = |day: &DayDoc| day.use_weekday.is_none_or(|day| (1..=7).contains(&day));
        fails(!self.days.iter().all(weekday), "days: use_weekday")?;
        let grade = |grade: u8| (1..=11).contains(&grade);
        let weeks = |week: &GradeWeekDoc| grade(week.grade) && (5..=6).contains(&week.days_a_week);
        fails(!self.grade_weeks.iter().all(weeks), "grade_weeks: grade or days")?;
        fails(!self.grade_days.iter().all(|day| grade(day.grade)), "grade_days: grade")?;
        fails(!self.classes.iter().all(|class| (1..=3).contains(&class.shift)), "classes: shift")
    }

    /// The calendar that this says.
    pub fn calendar(&self) -> Calendar {
        let bells = self
            .bells
            .iter()
            .map(|bells| {
                let periods: Bells = bells.periods.iter().map(|one| (one.n, (one.starts, one.ends))).collect();
                (bells.id.clone(), periods)
            })
            .collect();
        let first = |name: &str| self.bells.iter().find(|one| one.name == name && one.shift == 1);
        let shift_bells = self
            .bells
            .iter()
            .filter(|bells| bells.shift > 1)
            .filter_map(|bells| first(&bells.name).map(|of| ((of.id.clone(), bells.shift), bells.id.clone())))
            .collect();
        let days = self.days.iter().map(|day| {
            let use_weekday = day.use_weekday.and_then(|day| Weekday::from_monday_one_offset(day).ok());
            (day.date, DayRule { kind: day.kind, use_weekday, bells: day.bells.clone(), week: day.week })
        });
        Calendar {
            tz: TimeZone::get(&self.tz).unwrap_or(TimeZone::UTC),
            years: self.years.iter().map(|year| Span { from: year.from, to: year.to }).collect(),
            terms: self
                .years
                .iter()
                .flat_map(|year| &year.terms)
                .map(|term| Span { from: term.from, to: term.to })
                .collect(),
            days_a_week: self.days_a_week,
            days: days.collect(),
            bells,
            usual_bells: self.usual_bells.clone().unwrap_or_default(),
            odd_monday: self.odd_monday,
            parity_skips_breaks: self.parity_skips_breaks,
            grade_weeks: self.grade_weeks.iter().map(|week| (week.grade, week.days_a_week)).collect(),
            grade_days: self.grade_days.iter().map(|day| ((day.grade, day.date), day.kind)).collect(),
            shift_bells,
        }
    }
}

impl Store {
    /// The calendar as it is written, to be edited.
    pub async fn calendar_doc(&self, school: &School) -> Result<CalendarDoc, StoreError> {
        let id = school.id.as_str();
        let rows =
            sqlx::query("SELECT id, name, starts_on, ends_on FROM school_year WHERE school_id = $1 ORDER BY starts_on")
                .bind(id)
                .fetch_all(self.readers())
                .await?;
        let mut years = Vec::with_capacity(rows.len());
        for row in &rows {
            years.push(YearDoc {
                id: text(row, "id")?,
                name: text(row, "name")?,
                from: date(&text(row, "starts_on")?)?,
                to: date(&text(row, "ends_on")?)?,
                terms: Vec::new(),
            });
        }
        let rows = sqlx::query(
            "SELECT year_id, kind, title, starts_on, ends_on FROM term WHERE school_id = $1 ORDER BY starts_on",
        )
        .bind(id)
        .fetch_all(self.readers())
        .await?;
        for row in &rows {
            let year = text(row, "year_id")?;
            if let Some(year) = years.iter_mut().find(|one| one.id == year) {
                year.terms.push(TermDoc {
                    kind: text(row, "kind")?,
                    title: text(row, "title")?,
                    from: date(&text(row, "starts_on")?)?,
                    to: date(&text(row, "ends_on")?)?,
                });
            }
        }
        let (usual,): (Option<String>,) = sqlx::query_as("SELECT usual_bells_id FROM school WHERE id = $1")
            .bind(id)
            .fetch_one(self.readers())
            .await?;
        let classes: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT id, name, shift FROM school_class WHERE school_id = $1 ORDER BY grade, name")
                .bind(id)
                .fetch_all(self.readers())
                .await?;
        let calendar = self.calendar(school).await?;
        let grade_titles: Vec<(i64, String, Option<String>)> =
            sqlx::query_as("SELECT grade, date, title FROM grade_day WHERE school_id = $1")
                .bind(id)
                .fetch_all(self.readers())
                .await?;
        let titles: HashMap<(i64, String), String> =
            grade_titles.into_iter().map(|(grade, day, title)| ((grade, day), title.unwrap_or_default())).collect();
        Ok(CalendarDoc {
            tz: school.tz.clone(),
            days_a_week: school.days_a_week,
            odd_monday: school.odd_monday,
            parity_skips_breaks: school.parity_skips_breaks,
            years,
            days: self.day_docs(school, &calendar.days).await?,
            bells: self.bells_docs(school).await?,
            usual_bells: usual,
            grade_weeks: calendar
                .grade_weeks
                .iter()
                .map(|(grade, days)| GradeWeekDoc { grade: *grade, days_a_week: *days })
                .collect(),
            grade_days: calendar
                .grade_days
                .iter()
                .map(|((grade, day), kind)| GradeDayDoc {
                    grade: *grade,
                    date: *day,
                    kind: *kind,
                    title: titles.get(&(i64::from(*grade), day.to_string())).cloned().unwrap_or_default(),
                })
                .collect(),
            classes: classes
                .into_iter()
                .map(|(id, name, shift)| Ok(ClassDoc { id, name, shift: word(u8::try_from(shift).ok(), "shift")? }))
                .collect::<Result<_, StoreError>>()?,
        })
    }

    async fn day_docs(&self, school: &School, days: &BTreeMap<Date, DayRule>) -> Result<Vec<DayDoc>, StoreError> {
        let rows: Vec<(String, Option<String>)> =
            sqlx::query_as("SELECT date, title FROM calendar_day WHERE school_id = $1")
                .bind(school.id.as_str())
                .fetch_all(self.readers())
                .await?;
        let titles: HashMap<String, String> =
            rows.into_iter().map(|(day, title)| (day, title.unwrap_or_default())).collect();
        Ok(days
            .iter()
            .map(|(day, rule)| DayDoc {
                date: *day,
                kind: rule.kind,
                use_weekday: rule.use_weekday.map(Weekday::to_monday_one_offset),
                bells: rule.bells.clone(),
                week: rule.week,
                title: titles.get(&day.to_string()).cloned().unwrap_or_default(),
            })
            .collect())
    }

    async fn bells_docs(&self, school: &School) -> Result<Vec<BellsDoc>, StoreError> {
        let rows = sqlx::query(
            "SELECT s.id, s.name, s.shift, p.n, p.starts, p.ends FROM bell_schedule s
             LEFT JOIN bell_period p ON p.schedule_id = s.id WHERE s.school_id = $1 ORDER BY s.name, s.shift, s.id, p.n",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut all: Vec<BellsDoc> = Vec::new();
        for row in &rows {
            let id = text(row, "id")?;
            if all.last().is_none_or(|last| last.id != id) {
                all.push(BellsDoc {
                    id,
                    name: text(row, "name")?,
                    shift: word(u8::try_from(int(row, "shift")?).ok(), "shift")?,
                    periods: Vec::new(),
                });
            }
            if let (Some(last), Some(starts)) = (all.last_mut(), optional_text(row, "starts")?) {
                last.periods.push(PeriodDoc {
                    n: word(u8::try_from(sql::int(row, "n")?).ok(), "period")?,
                    starts: time(&starts)?,
                    ends: time(&text(row, "ends")?)?,
                });
            }
        }
        Ok(all)
    }

    /// Changes the calendar and settles the future of the timetable by it. Poke the scheduler afterwards.
    pub async fn edit_calendar(&self, edit: CalendarEdit) -> Result<CalendarChange, CalendarError> {
        edit.doc.check()?;
        // Of the version that was edited, or the edit is refused.
        let before = self.calendar(&edit.school).await?;
        self.write(move |tx| Box::pin(async move { tx.edit_calendar(edit, before).await })).await
    }
}
