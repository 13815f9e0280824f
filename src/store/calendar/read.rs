//! Reading a calendar with all its layers, by readers and inside transactions.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, Weekday};
use sqlx::AnyConnection;

use super::super::StoreError;
use super::super::school::School;
use super::super::sql::{self, date, optional_text, text, word};
use crate::domain::calendar::{Bells, Calendar, DayKind, DayRule, Parity, Span};
use crate::domain::ids::SchoolId;

/// The school's calendar with all layers.
pub(in crate::store) async fn calendar(
    connection: &mut AnyConnection,
    school: &School,
) -> Result<Calendar, StoreError> {
    let spans = |rows: Vec<(String, String)>| -> Result<Vec<Span>, StoreError> {
        rows.into_iter().map(|(from, to)| Ok(Span { from: date(&from)?, to: date(&to)? })).collect()
    };
    let years = sqlx::query_as("SELECT starts_on, ends_on FROM school_year WHERE school_id = $1")
        .bind(school.id.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let terms = sqlx::query_as("SELECT starts_on, ends_on FROM term WHERE school_id = $1")
        .bind(school.id.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let usual: Option<(Option<String>,)> = sqlx::query_as("SELECT usual_bells_id FROM school WHERE id = $1")
        .bind(school.id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    Ok(Calendar {
        tz: school.zone(),
        years: spans(years)?,
        terms: spans(terms)?,
        days_a_week: school.days_a_week,
        days: calendar_days(connection, &school.id).await?,
        bells: bells(connection, &school.id).await?,
        usual_bells: usual.and_then(|(id,)| id).unwrap_or_default(),
        odd_monday: school.odd_monday,
        parity_skips_breaks: school.parity_skips_breaks,
        grade_weeks: grade_weeks(connection, &school.id).await?,
        grade_days: grade_days(connection, &school.id).await?,
        shift_bells: shift_bells(connection, &school.id).await?,
    })
}

async fn grade_weeks(connection: &mut AnyConnection, school: &SchoolId) -> Result<BTreeMap<u8, i8>, StoreError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT grade, days_a_week FROM grade_week WHERE school_id = $1")
        .bind(school.as_str())
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|(grade, days)| {
            Ok((word(u8::try_from(grade).ok(), "grade")?, word(i8::try_from(days).ok(), "days a week")?))
        })
        .collect()
}

async fn grade_days(
    connection: &mut AnyConnection,
    school: &SchoolId,
) -> Result<BTreeMap<(u8, Date), DayKind>, StoreError> {
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT grade, date, kind FROM grade_day WHERE school_id = $1")
            .bind(school.as_str())
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(grade, day, kind)| {
            let key = (word(u8::try_from(grade).ok(), "grade")?, date(&day)?);
            Ok((key, word(DayKind::parse(&kind), "kind of day")?))
        })
        .collect()
}

/// Schedules of one name belong together, one for each shift.
async fn shift_bells(
    connection: &mut AnyConnection,
    school: &SchoolId,
) -> Result<HashMap<(String, u8), String>, StoreError> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "SELECT f.id, o.shift, o.id FROM bell_schedule f
         JOIN bell_schedule o ON o.school_id = f.school_id AND o.name = f.name AND o.shift > 1
         WHERE f.school_id = $1 AND f.shift = 1",
    )
    .bind(school.as_str())
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(first, shift, other)| Ok(((first, word(u8::try_from(shift).ok(), "shift")?), other)))
        .collect()
}

async fn calendar_days(
    connection: &mut AnyConnection,
    school: &SchoolId,
) -> Result<BTreeMap<Date, DayRule>, StoreError> {
    let rows = sqlx::query(
        "SELECT date, kind, use_weekday, bell_schedule_id, week_override FROM calendar_day WHERE school_id = $1",
    )
    .bind(school.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let weekday = sql::optional_int(row, "use_weekday")?
                .map(|day| {
                    let day = i8::try_from(day).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
                    word(day, "weekday")
                })
                .transpose()?;
            let week = optional_text(row, "week_override")?
                .map(|parity| word(Parity::parse(&parity), "week parity"))
                .transpose()?;
            let rule = DayRule {
                kind: word(DayKind::parse(&text(row, "kind")?), "kind of day")?,
                use_weekday: weekday,
                bells: optional_text(row, "bell_schedule_id")?,
                week,
            };
            Ok((date(&text(row, "date")?)?, rule))
        })
        .collect()
}

async fn bells(connection: &mut AnyConnection, school: &SchoolId) -> Result<HashMap<String, Bells>, StoreError> {
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(
        "SELECT p.schedule_id, p.n, p.starts, p.ends FROM bell_period p
         JOIN bell_schedule s ON s.id = p.schedule_id WHERE s.school_id = $1",
    )
    .bind(school.as_str())
    .fetch_all(connection)
    .await?;
    let mut bells: HashMap<String, Bells> = HashMap::new();
    for (schedule, number, starts, ends) in rows {
        let number = word(u8::try_from(number).ok(), "period")?;
        bells.entry(schedule).or_default().insert(number, (sql::time(&starts)?, sql::time(&ends)?));
    }
    Ok(bells)
}
