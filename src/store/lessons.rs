//! Reading the regular lessons of the week, for whoever must not be in two places: planning looks at all of them, booking at one
//! student's.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::calendar::read::calendar;
use super::school::{School, schools};
use super::sql::{int, optional_int, optional_text, word};
use super::{StoreError, Tx};
use crate::domain::calendar::{Calendar, ForClass, Parity};
use crate::domain::ids::{GroupId, PersonId, SchoolId};
use crate::domain::planning::lessons::{Lessons, Regular};

const SELECT: &str =
    "SELECT r.weekday, r.period, r.parity, r.terms, r.teacher_id, r.group_id, r.class_id, c.grade, c.shift,
    c.name AS class, s.name AS subject FROM regular_lesson r LEFT JOIN school_class c ON c.id = r.class_id
    LEFT JOIN subject s ON s.id = r.subject_id WHERE r.school_id = $1";

/// All regular lessons of a school. `calendar`: the school's, not a class's.
pub(super) async fn lessons(
    connection: &mut AnyConnection,
    school: &SchoolId,
    calendar: &Calendar,
) -> Result<Lessons, StoreError> {
    let rows = sqlx::query(SELECT).bind(school.as_str()).fetch_all(&mut *connection).await?;
    if rows.is_empty() {
        return Ok(Lessons::default());
    }
    let groups: Vec<(String, String)> =
        sqlx::query_as("SELECT class_id, id FROM study_group WHERE school_id = $1 AND class_id IS NOT NULL")
            .bind(school.as_str())
            .fetch_all(connection)
            .await?;
    let mut of_class: HashMap<String, Vec<GroupId>> = HashMap::new();
    for (class, group) in groups {
        of_class.entry(class).or_default().push(GroupId::new(group));
    }
    let all = rows.iter().map(|row| regular(row, &of_class)).collect::<Result<Vec<_>, _>>()?;
    Ok(Lessons::new(calendar, all))
}

/// A lesson of a class that has no group of its whole is every group's.
fn regular(row: &sqlx::any::AnyRow, of_class: &HashMap<String, Vec<GroupId>>) -> Result<Regular, StoreError> {
    let small = |column| -> Result<Option<u8>, StoreError> {
        optional_int(row, column)?.map(|number| word(u8::try_from(number).ok(), column)).transpose()
    };
    let class = optional_text(row, "class_id")?;
    let groups = match (optional_text(row, "group_id")?, &class) {
        (Some(group), _) => vec![GroupId::new(group)],
        (None, Some(class)) => of_class.get(class).cloned().unwrap_or_default(),
        (None, None) => Vec::new(),
    };
    Ok(Regular {
        weekday: word(i8::try_from(int(row, "weekday")?).ok(), "weekday")?,
        period: word(u8::try_from(int(row, "period")?).ok(), "period")?,
        parity: optional_text(row, "parity")?.map(|parity| word(Parity::parse(&parity), "parity")).transpose()?,
        terms: optional_text(row, "terms")?,
        teacher: optional_text(row, "teacher_id")?.map(PersonId::new),
        of: ForClass { grade: small("grade")?, shift: small("shift")?.unwrap_or(1) },
        groups,
        subject: optional_text(row, "subject")?.unwrap_or_default(),
        class: optional_text(row, "class")?.unwrap_or_default(),
    })
}

impl Tx {
    /// Whether a student has a regular lesson at some moment from..to (Unix milliseconds): one of a group that they learn in on
    /// that day.
    pub(super) async fn is_in_lesson(
        &mut self,
        student: &PersonId,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<bool, StoreError> {
        let (of,): (String,) = sqlx::query_as("SELECT school_id FROM person WHERE id = $1")
            .bind(student.as_str())
            .fetch_one(self.connection())
            .await?;
        let all = schools(self.connection()).await?;
        let Some(school) = all.into_iter().find(|school: &School| school.id.as_str() == of) else { return Ok(false) };
        let day = crate::domain::calendar::date_in(&school.zone(), from_ms).to_string();
        let learns = "SELECT e.study_group_id FROM enrollment e WHERE e.person_id = $2 AND e.role = 'student'
             AND (e.valid_from IS NULL OR e.valid_from <= $3) AND (e.valid_to IS NULL OR e.valid_to >= $3)";
        let sql = format!(
            "{SELECT} AND (r.group_id IN ({learns}) OR r.group_id IS NULL AND r.class_id IN
             (SELECT g.class_id FROM study_group g WHERE g.id IN ({learns})))"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(of.as_str())
            .bind(student.as_str())
            .bind(day)
            .fetch_all(self.connection())
            .await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let nobody = HashMap::new();
        let theirs = rows.iter().map(|row| regular(row, &nobody)).collect::<Result<Vec<_>, _>>()?;
        let calendar = calendar(self.connection(), &school).await?;
        Ok(!Lessons::new(&calendar, theirs).overlapping(from_ms, to_ms).is_empty())
    }
}
