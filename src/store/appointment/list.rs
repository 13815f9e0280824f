//! Lists of appointments: office hours that somebody may book in, and the times that people have or give.

use super::{Appointment, SELECT, appointment, waited_since};
use crate::domain::ids::{ConsultationId, GroupId, PersonId, SchoolId};
use crate::store::consultation::{Consultation, Named};
use crate::store::sql::{optional_text, placeholders, text};
use crate::store::{Store, StoreError};

/// Most rows of one list of appointments.
const MOST_ROWS: i64 = 1_000;
/// Office hours in one answer.
const MOST_HOURS: i64 = 200;

/// Office hours with all their times.
#[derive(Clone, Debug)]
pub struct OfficeHours {
    pub consultation: Consultation,
    pub times: Vec<Appointment>,
    pub waiting: Vec<Waiting>,
}

/// Somebody on a waiting list.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub student: Named,
    pub message: Option<String>,
    pub since_ms: i64,
}

impl Store {
    /// Office hours for these groups, or held by this person, that end after `from_ms` and start before `to_ms`, by start.
    pub async fn office_hours(
        &self,
        school: &SchoolId,
        groups: &[GroupId],
        host: Option<&PersonId>,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Vec<OfficeHours>, StoreError> {
        let whose = match groups.is_empty() {
            true => "1 = 0".to_owned(),
            false => format!("c.group_id IN ({})", placeholders(6, groups.len())),
        };
        let sql = format!(
            "SELECT c.id FROM consultation c WHERE c.school_id = $1 AND c.form = 'individual' AND c.end_at > $2 AND c.start_at < $3
             AND c.state IN ('planned', 'open', 'live')
             AND EXISTS (SELECT 1 FROM appointment a WHERE a.consultation_id = c.id AND (a.origin IS NULL OR a.origin <> 'card'))
             AND (c.host_id = $4 OR c.substitute_host_id = $5 OR {whose}) ORDER BY c.start_at, c.id LIMIT {MOST_HOURS}"
        );
        let host = host.map_or("", PersonId::as_str);
        let mut query =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(school.as_str()).bind(from_ms).bind(to_ms).bind(host).bind(host);
        for group in groups {
            query = query.bind(group.as_str());
        }
        let rows = query.fetch_all(self.readers()).await?;
        let ids: Vec<ConsultationId> =
            rows.iter().map(|row| text(row, "id").map(ConsultationId::new)).collect::<Result<_, _>>()?;
        let mut found = Vec::with_capacity(ids.len());
        for consultation in self.consultations(&ids).await? {
            let (times, waiting) = (self.times_of(&consultation.id).await?, self.waiting_for(&consultation.id).await?);
            found.push(OfficeHours { consultation, times, waiting });
        }
        Ok(found)
    }

    /// All living times of one consultation, by start.
    pub async fn times_of(&self, consultation: &ConsultationId) -> Result<Vec<Appointment>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE a.consultation_id = $1 AND a.state IN ('free', 'booked', 'attended', 'no_show') ORDER BY a.starts"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(consultation.as_str()).fetch_all(self.readers()).await?;
        rows.iter().map(appointment).collect()
    }

    /// The waiting list of one consultation, in its order.
    pub async fn waiting_for(&self, consultation: &ConsultationId) -> Result<Vec<Waiting>, StoreError> {
        let rows = sqlx::query(
            "SELECT w.student_id, p.display_name, w.message, w.at FROM waiting_list w JOIN person p ON p.id = w.student_id
             WHERE w.consultation_id = $1 AND w.state = 'waiting' ORDER BY w.at, w.id",
        )
        .bind(consultation.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let student =
                    Named { id: PersonId::new(text(row, "student_id")?), display_name: text(row, "display_name")? };
                Ok(Waiting { student, message: optional_text(row, "message")?, since_ms: waited_since(row)? })
            })
            .collect()
    }

    /// Times that these students have or had, and that this person gives or gave, newest first. Free ones are not among them.
    pub async fn appointments_of(
        &self,
        school: &SchoolId,
        students: &[PersonId],
        host: Option<&PersonId>,
        from_ms: i64,
    ) -> Result<Vec<Appointment>, StoreError> {
        let whose = match students.is_empty() {
            true => "1 = 0".to_owned(),
            false => format!("a.student_id IN ({})", placeholders(5, students.len())),
        };
        let sql = format!(
            "{SELECT} WHERE c.school_id = $1 AND a.starts >= $2 AND a.state <> 'free' AND a.student_id IS NOT NULL
             AND (c.host_id = $3 OR c.substitute_host_id = $4 OR {whose}) ORDER BY a.starts DESC LIMIT {MOST_ROWS}"
        );
        let host = host.map_or("", PersonId::as_str);
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(school.as_str()).bind(from_ms).bind(host).bind(host);
        for student in students {
            query = query.bind(student.as_str());
        }
        query.fetch_all(self.readers()).await?.iter().map(appointment).collect()
    }
}

impl Store {
    /// How many lists a student waits on.
    pub async fn waits_of(&self, student: &PersonId) -> Result<usize, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM waiting_list WHERE student_id = $1 AND state = 'waiting'")
                .bind(student.as_str())
                .fetch_one(self.readers())
                .await?;
        Ok(usize::try_from(count).unwrap_or_default())
    }
}
