//! The school itself, its calendar with all layers, subjects, classes and groups.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use sqlx::AnyConnection;

use super::calendar::read::calendar;
use super::sql::{self, Value, date, flag, int, optional_text, text, word};
use super::{Store, StoreError, Tx};
use crate::domain::calendar::{Calendar, DayKind, Span};
use crate::domain::fold::{fold, fold_code};
use crate::domain::ids::{ClassId, GroupId, PersonId, SchoolId, SubjectId, UnitId};
use crate::domain::norm::{Norm, NormMode};

/// A school as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct School {
    pub id: SchoolId,
    pub name: String,
    pub short_name: String,
    /// IANA name; never an offset.
    pub tz: String,
    pub locale: String,
    pub days_a_week: i8,
    /// A Monday that begins an odd week.
    pub odd_monday: Date,
    /// Weeks without a school day do not count for odd and even.
    pub parity_skips_breaks: bool,
    /// Rises with each change of the calendar.
    pub calendar_version: i64,
    /// Minutes of an academic hour.
    pub academic_hour_minutes: i64,
    /// Made by the demo loader, may be added to by it.
    pub is_demo: bool,
}

impl School {
    pub fn zone(&self) -> TimeZone {
        zone(&self.tz)
    }
}

/// The zone of an IANA name; a name this machine does not know counts as UTC (`kafedra doctor` says so).
pub(super) fn zone(tz: &str) -> TimeZone {
    TimeZone::get(tz).unwrap_or(TimeZone::UTC)
}

/// A school year and its terms, as they are written.
#[derive(Clone, Debug)]
pub struct NewYear {
    pub name: String,
    pub span: Span,
    /// Kind (`quarter`, `trimester`, `half`), number, title, dates.
    pub terms: Vec<(String, u8, String, Span)>,
}

/// Code, grades from and to, minutes per lesson and per day at home, source, mode.
pub type NormRow = (String, u8, u8, (u16, Option<u16>), String, NormMode);

/// A class with the group of its whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchoolClass {
    pub id: ClassId,
    pub name: String,
    pub grade: u8,
    /// The study group of the whole class.
    pub group: GroupId,
}

/// All schools, oldest first.
pub(super) async fn schools(connection: &mut AnyConnection) -> Result<Vec<School>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, name, short_name, tz, locale, days_a_week, odd_monday, is_demo, parity_skips_breaks, calendar_version,
         academic_hour_minutes FROM school ORDER BY created_at, id",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(School {
                id: SchoolId::new(text(row, "id")?),
                name: text(row, "name")?,
                short_name: text(row, "short_name")?,
                tz: text(row, "tz")?,
                locale: text(row, "locale")?,
                days_a_week: i8::try_from(int(row, "days_a_week")?).unwrap_or(5),
                odd_monday: date(&text(row, "odd_monday")?)?,
                is_demo: flag(row, "is_demo")?,
                parity_skips_breaks: flag(row, "parity_skips_breaks")?,
                calendar_version: int(row, "calendar_version")?,
                academic_hour_minutes: int(row, "academic_hour_minutes")?,
            })
        })
        .collect()
}

impl Store {
    /// All schools, oldest first; a hub usually has one.
    pub async fn schools(&self) -> Result<Vec<School>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        schools(&mut connection).await
    }

    /// One school; [`StoreError::NotFound`] if there is none of that name.
    pub async fn school(&self, id: &SchoolId) -> Result<School, StoreError> {
        self.schools().await?.into_iter().find(|school| school.id == *id).ok_or(StoreError::NotFound)
    }

    /// The school's calendar with all layers.
    pub async fn calendar(&self, school: &School) -> Result<Calendar, StoreError> {
        let mut connection = self.readers().acquire().await?;
        calendar(&mut connection, school).await
    }

    /// Norms of the school, for all dates.
    pub async fn norms(&self, school: &SchoolId) -> Result<Vec<Norm>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, grade_from, grade_to, per_lesson, per_day_home, mode, valid_from, valid_to FROM norm
             WHERE school_id = $1 AND device = 'pc'",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let small = |column| -> Result<u8, StoreError> { word(u8::try_from(int(row, column)?).ok(), "grade") };
                Ok(Norm {
                    id: text(row, "id")?,
                    grade_from: small("grade_from")?,
                    grade_to: small("grade_to")?,
                    per_lesson_minutes: word(u16::try_from(int(row, "per_lesson")?).ok(), "norm")?,
                    per_day_minutes: sql::optional_int(row, "per_day_home")?
                        .map(|minutes| word(u16::try_from(minutes).ok(), "norm"))
                        .transpose()?,
                    mode: word(NormMode::parse(&text(row, "mode")?), "norm's mode")?,
                    valid_from: sql::optional_date(optional_text(row, "valid_from")?)?,
                    valid_to: sql::optional_date(optional_text(row, "valid_to")?)?,
                })
            })
            .collect()
    }

    /// The classes of the school, by grade and name.
    pub async fn classes(&self, school: &SchoolId) -> Result<Vec<SchoolClass>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.id, c.name, c.grade, g.id AS group_id FROM school_class c
             JOIN study_group g ON g.class_id = c.id AND g.name_fold = '' WHERE c.school_id = $1 ORDER BY c.grade, c.name",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SchoolClass {
                    id: ClassId::new(text(row, "id")?),
                    name: text(row, "name")?,
                    grade: word(u8::try_from(int(row, "grade")?).ok(), "grade")?,
                    group: GroupId::new(text(row, "group_id")?),
                })
            })
            .collect()
    }
}

impl Tx {
    /// Writes a new school.
    pub async fn insert_school(&mut self, school: &School, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO school (id, name, short_name, tz, locale, academic_hour_minutes, days_a_week, odd_monday, is_demo,
             policy, created_at) VALUES ($1, $2, $3, $4, $5, 45, $6, $7, $8, '{}', $9)",
        )
        .bind(school.id.as_str())
        .bind(school.name.as_str())
        .bind(school.short_name.as_str())
        .bind(school.tz.as_str())
        .bind(school.locale.as_str())
        .bind(i64::from(school.days_a_week))
        .bind(school.odd_monday.to_string())
        .bind(i64::from(school.is_demo))
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Writes a school year with its terms; gives the year's name.
    pub async fn insert_year(&mut self, school: &SchoolId, year: &NewYear, now_ms: i64) -> Result<String, StoreError> {
        let id = uuid::Uuid::now_v7().to_string();
        let row = vec![
            id.as_str().into(),
            school.as_str().into(),
            year.name.as_str().into(),
            year.span.from.to_string().into(),
            year.span.to.to_string().into(),
            now_ms.into(),
        ];
        let into = "school_year (id, school_id, name, starts_on, ends_on, created_at)";
        sql::insert_many(self.connection(), into, 6, vec![row]).await?;
        let terms = year
            .terms
            .iter()
            .map(|(kind, number, title, span)| {
                vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    school.as_str().into(),
                    id.as_str().into(),
                    kind.as_str().into(),
                    i64::from(*number).into(),
                    title.as_str().into(),
                    span.from.to_string().into(),
                    span.to.to_string().into(),
                    now_ms.into(),
                ]
            })
            .collect();
        let into = "term (id, school_id, year_id, kind, n, title, starts_on, ends_on, created_at)";
        sql::insert_many(self.connection(), into, 9, terms).await?;
        Ok(id)
    }

    /// Writes entries of the calendar (date, kind, weekday used, title).
    pub async fn insert_days(
        &mut self,
        school: &SchoolId,
        days: &[(Date, DayKind, Option<Weekday>, String)],
    ) -> Result<(), StoreError> {
        let rows = days
            .iter()
            .map(|(date, kind, weekday, title)| {
                vec![
                    school.as_str().into(),
                    date.to_string().into(),
                    kind.as_str().into(),
                    weekday.map(|day| i64::from(day.to_monday_one_offset())).into(),
                    title.as_str().into(),
                ]
            })
            .collect();
        sql::insert_many(self.connection(), "calendar_day (school_id, date, kind, use_weekday, title)", 5, rows).await
    }

    /// Writes a bell schedule; the first one becomes the usual one.
    pub async fn insert_bells(
        &mut self,
        school: &SchoolId,
        name: &str,
        bells: &[(u8, Time, Time)],
        now_ms: i64,
    ) -> Result<String, StoreError> {
        let id = uuid::Uuid::now_v7().to_string();
        let row: Vec<Value> =
            vec![id.as_str().into(), school.as_str().into(), name.into(), 1_i64.into(), now_ms.into()];
        let into = "bell_schedule (id, school_id, name, shift, created_at)";
        sql::insert_many(self.connection(), into, 5, vec![row]).await?;
        let periods = bells
            .iter()
            .map(|(number, starts, ends)| {
                vec![id.as_str().into(), i64::from(*number).into(), starts.to_string().into(), ends.to_string().into()]
            })
            .collect();
        sql::insert_many(self.connection(), "bell_period (schedule_id, n, starts, ends)", 4, periods).await?;
        sqlx::query("UPDATE school SET usual_bells_id = $1 WHERE id = $2 AND usual_bells_id IS NULL")
            .bind(id.as_str())
            .bind(school.as_str())
            .execute(self.connection())
            .await?;
        Ok(id)
    }

    pub async fn insert_subject(
        &mut self,
        school: &SchoolId,
        name: &str,
        now_ms: i64,
    ) -> Result<SubjectId, StoreError> {
        let id = SubjectId::fresh();
        let row = vec![id.as_str().into(), school.as_str().into(), name.into(), fold(name).into(), now_ms.into()];
        sql::insert_many(self.connection(), "subject (id, school_id, name, name_fold, created_at)", 5, vec![row])
            .await?;
        Ok(id)
    }

    /// Writes a class and the study group of its whole. `name` is grade and letter (5А).
    pub async fn insert_class(
        &mut self,
        school: &SchoolId,
        year: &str,
        (grade, letter): (u8, &str),
        homeroom: Option<&PersonId>,
        unit: Option<&UnitId>,
        now_ms: i64,
    ) -> Result<SchoolClass, StoreError> {
        let id = ClassId::fresh();
        let name = format!("{grade}{letter}");
        let row = vec![
            id.as_str().into(),
            school.as_str().into(),
            year.into(),
            i64::from(grade).into(),
            letter.into(),
            name.as_str().into(),
            fold_code(&name).into(),
            homeroom.map(|person| person.as_str().to_owned()).into(),
            unit.map(|unit| unit.as_str().to_owned()).into(),
            now_ms.into(),
        ];
        let into = "school_class (id, school_id, year_id, grade, letter, name, name_fold, homeroom_teacher_id, unit_id, created_at)";
        sql::insert_many(self.connection(), into, 10, vec![row]).await?;
        let group = self.insert_group(school, &id, "", now_ms).await?;
        Ok(SchoolClass { id, name, grade, group })
    }

    /// Writes a study group of a class; an empty name is the whole class.
    pub async fn insert_group(
        &mut self,
        school: &SchoolId,
        class: &ClassId,
        name: &str,
        now_ms: i64,
    ) -> Result<GroupId, StoreError> {
        let id = GroupId::fresh();
        let row = vec![
            id.as_str().into(),
            school.as_str().into(),
            class.as_str().into(),
            name.into(),
            fold_code(name).into(),
            now_ms.into(),
        ];
        let into = "study_group (id, school_id, class_id, name, name_fold, created_at)";
        sql::insert_many(self.connection(), into, 6, vec![row]).await?;
        Ok(id)
    }

    /// Writes norms.
    pub async fn insert_norms(&mut self, school: &SchoolId, norms: &[NormRow]) -> Result<(), StoreError> {
        let rows = norms
            .iter()
            .map(|(code, from, to, minutes, source, mode)| {
                vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    school.as_str().into(),
                    code.as_str().into(),
                    i64::from(*from).into(),
                    i64::from(*to).into(),
                    "pc".into(),
                    i64::from(minutes.0).into(),
                    minutes.1.map(i64::from).into(),
                    source.as_str().into(),
                    mode.as_str().into(),
                ]
            })
            .collect();
        let into = "norm (id, school_id, code, grade_from, grade_to, device, per_lesson, per_day_home, source, mode)";
        sql::insert_many(self.connection(), into, 10, rows).await
    }
}
