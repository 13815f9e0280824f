//! The outbox: what is to be told, written in the transaction of what happened, so that neither is ever without the other.
//!
//! Inside a store function: `tx.enqueue(letter).await?`. In the app the notice is there with the commit; letters, pushes and
//! webhooks are sent by `notify`, at least once.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::sql::{self, int, json, optional_text, text, to_json};
use super::{StoreError, Tx};
use crate::domain::ids::{ConsultationId, GroupId, PersonId, SchoolId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::notice::{Lesson, Notice};
use crate::domain::person::is_minor;
use crate::domain::role::Role;

/// A notice and whom it is for.
#[derive(Clone, Debug)]
pub struct Letter {
    pub school: SchoolId,
    /// Doubles count once. Nobody: only webhooks hear of it.
    pub to: Vec<PersonId>,
    pub notice: Notice,
    /// Names the happening: the same key a second time tells nobody anything. `kind` is put before it.
    pub key: String,
    pub now_ms: i64,
}

/// Recipients of one notice; a school is smaller.
const MOST_RECIPIENTS: usize = 20_000;

impl Tx {
    /// Puts a notice into the outbox and into the app of everybody it is for. `false`: it was there already.
    pub async fn enqueue(&mut self, letter: Letter) -> Result<bool, StoreError> {
        let Letter { school, to, notice, key, now_ms } = letter;
        let id = uuid::Uuid::now_v7().to_string();
        let body = to_json(&notice);
        let done = sqlx::query(
            "INSERT INTO outbox (id, school_id, kind, body, dedup_key, created_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (school_id, dedup_key) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(school.as_str())
        .bind(notice.kind())
        .bind(body.as_str())
        .bind(format!("{}:{key}", notice.kind()))
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let people: BTreeSet<PersonId> = to.into_iter().take(MOST_RECIPIENTS).collect();
        let rows = people
            .iter()
            .map(|person| {
                vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    id.as_str().into(),
                    school.as_str().into(),
                    person.as_str().into(),
                    notice.kind().into(),
                    body.as_str().into(),
                    now_ms.into(),
                ]
            })
            .collect();
        let into = "notification (id, outbox_id, school_id, person_id, kind, body, created_at)";
        sql::insert_many(self.connection(), into, 7, rows).await?;
        Ok(true)
    }

    /// A consultation as a notice names it.
    pub async fn lesson_of(&mut self, id: &ConsultationId) -> Result<Lesson, StoreError> {
        let row = sqlx::query(
            "SELECT c.start_at, v.title, sub.name AS subject, cl.name AS class FROM consultation c
             JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
             JOIN study_group g ON g.id = c.group_id LEFT JOIN school_class cl ON cl.id = g.class_id
             LEFT JOIN subject sub ON sub.id = v.subject_id WHERE c.id = $1",
        )
        .bind(id.as_str())
        .fetch_one(self.connection())
        .await?;
        let subject = optional_text(&row, "subject")?.map_or_else(|| text(&row, "title"), Ok)?;
        let title = match optional_text(&row, "class")? {
            Some(class) => format!("{subject}, {class}"),
            None => subject,
        };
        Ok(Lesson { id: id.clone(), title, start_ms: int(&row, "start_at")? })
    }

    /// Whom a consultation concerns: its hosts, and as its audience says students and their guardians; for individual help
    /// those it is booked for.
    pub async fn concerned(&mut self, id: &ConsultationId) -> Result<Vec<PersonId>, StoreError> {
        self.concerned_by(id, false).await
    }

    /// The same, and the guardians of minors also where they were not invited: a child came home early, or waited for nobody.
    pub async fn concerned_with_guardians(&mut self, id: &ConsultationId) -> Result<Vec<PersonId>, StoreError> {
        self.concerned_by(id, true).await
    }

    async fn concerned_by(&mut self, id: &ConsultationId, tells_guardians: bool) -> Result<Vec<PersonId>, StoreError> {
        let row = sqlx::query(
            "SELECT c.form, c.group_id, c.date, c.host_id, c.substitute_host_id, s.body FROM consultation c
             JOIN card_slot s ON s.id = c.slot_id WHERE c.id = $1",
        )
        .bind(id.as_str())
        .fetch_one(self.connection())
        .await?;
        let slot: CardSlot = json(&text(&row, "body")?, "slot")?;
        let mut people = vec![PersonId::new(text(&row, "host_id")?)];
        people.extend(optional_text(&row, "substitute_host_id")?.map(PersonId::new));
        let students = if text(&row, "form")? == "individual" {
            self.booked_for(id).await?
        } else {
            self.members(&GroupId::new(text(&row, "group_id")?), &text(&row, "date")?).await?
        };
        if slot.audience.guardians || tells_guardians {
            let day = sql::date(&text(&row, "date")?)?;
            people.extend(self.guardians_of(&students, day).await?);
        }
        if slot.audience.students {
            people.extend(students);
        }
        Ok(people)
    }

    async fn booked_for(&mut self, id: &ConsultationId) -> Result<Vec<PersonId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT student_id FROM appointment WHERE consultation_id = $1 AND student_id IS NOT NULL
             AND state IN ('booked', 'attended')",
        )
        .bind(id.as_str())
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }

    /// Students of a group on a day (ISO text).
    pub async fn members(&mut self, group: &GroupId, day: &str) -> Result<Vec<PersonId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT person_id FROM enrollment WHERE study_group_id = $1 AND role = 'student'
             AND (valid_from IS NULL OR valid_from <= $2) AND (valid_to IS NULL OR valid_to >= $3)",
        )
        .bind(group.as_str())
        .bind(day)
        .bind(day)
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }

    /// Confirmed guardians of those among these students who are minors that day (INV-51).
    pub async fn guardians_of(&mut self, students: &[PersonId], day: Date) -> Result<Vec<PersonId>, StoreError> {
        let mut guardians = Vec::new();
        for chunk in students.chunks(500) {
            let sql = format!(
                "SELECT l.guardian_id, p.birth_date FROM guardian_link l JOIN person p ON p.id = l.student_id
                 WHERE l.state = 'confirmed' AND p.birth_date IS NOT NULL AND l.student_id IN ({})",
                sql::placeholders(1, chunk.len())
            );
            let mut query = sqlx::query_as::<_, (String, String)>(sqlx::AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id.as_str());
            }
            for (guardian, born) in query.fetch_all(self.connection()).await? {
                if is_minor(sql::date(&born)?, day) {
                    guardians.push(PersonId::new(guardian));
                }
            }
        }
        Ok(guardians)
    }

    /// Who holds one of these roles on a day (ISO text).
    pub async fn holders(&mut self, school: &SchoolId, roles: &[Role], day: &str) -> Result<Vec<PersonId>, StoreError> {
        let mut people = Vec::new();
        for role in roles {
            let rows: Vec<(String,)> = sqlx::query_as(
                "SELECT DISTINCT person_id FROM role_assignment WHERE school_id = $1 AND role = $2
                 AND (valid_from IS NULL OR valid_from <= $3) AND (valid_to IS NULL OR valid_to >= $4)",
            )
            .bind(school.as_str())
            .bind(role.as_str())
            .bind(day)
            .bind(day)
            .fetch_all(self.connection())
            .await?;
            people.extend(rows.into_iter().map(|(id,)| PersonId::new(id)));
        }
        Ok(people)
    }
}
