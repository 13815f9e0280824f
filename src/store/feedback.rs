//! What recipients say after a consultation: feedback, which is shown in sums of five and more, and complaints, to which the
//! host may answer before the deputy decides.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::consultation::Named;
use super::sql::{int, optional_int, optional_text, text, word};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::feedback::{ComplaintKind, ComplaintState, Summary};
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::notice::Notice;
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// What one person said of one consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    pub score: u8,
    pub helped: bool,
    pub text: Option<String>,
}

/// A complaint with its answers.
#[derive(Clone, Debug)]
pub struct Complaint {
    pub id: String,
    pub school: SchoolId,
    pub consultation: ConsultationId,
    pub title: String,
    pub start_ms: i64,
    pub host: Named,
    pub unit: Option<String>,
    pub author: Named,
    pub kind: ComplaintKind,
    pub text: String,
    pub state: ComplaintState,
    pub decision: Option<String>,
    pub created_ms: i64,
    pub closed_ms: Option<i64>,
    /// Who, what, when.
    pub answers: Vec<(Named, String, i64)>,
}

/// Whose complaints are asked for.
#[derive(Clone, Debug)]
pub enum ComplaintsOf {
    Author(PersonId),
    Host(PersonId),
    Unit(Vec<String>),
    School,
}

/// Why a complaint does not change.
#[derive(Debug, thiserror::Error)]
pub enum ComplaintError {
    #[error("refused: {0}")]
    Refused(RefusalCode),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Complaints of one person about one consultation.
const MOST_COMPLAINTS: i64 = 3;
const MOST_ROWS: i64 = 500;

const SELECT: &str = "SELECT k.id, k.school_id, k.consultation_id, v.title, c.start_at, k.host_id, h.display_name AS host_name,
    cl.unit_id, k.author_id, a.display_name AS author_name, k.kind, k.text, k.state, k.decision, k.created_at, k.closed_at
    FROM complaint k
    JOIN consultation c ON c.id = k.consultation_id
    JOIN card_slot s ON s.id = c.slot_id
    JOIN card_version v ON v.id = s.version_id
    JOIN study_group g ON g.id = c.group_id
    LEFT JOIN school_class cl ON cl.id = g.class_id
    JOIN person h ON h.id = k.host_id
    JOIN person a ON a.id = k.author_id";

fn complaint(row: &AnyRow) -> Result<Complaint, StoreError> {
    let named = |id, name| -> Result<Named, StoreError> {
        Ok(Named { id: PersonId::new(text(row, id)?), display_name: text(row, name)? })
    };
    Ok(Complaint {
        id: text(row, "id")?,
        school: SchoolId::new(text(row, "school_id")?),
        consultation: ConsultationId::new(text(row, "consultation_id")?),
        title: text(row, "title")?,
        start_ms: int(row, "start_at")?,
        host: named("host_id", "host_name")?,
        unit: optional_text(row, "unit_id")?,
        author: named("author_id", "author_name")?,
        kind: word(ComplaintKind::parse(&text(row, "kind")?), "complaint")?,
        text: text(row, "text")?,
        state: word(ComplaintState::parse(&text(row, "state")?), "complaint state")?,
        decision: optional_text(row, "decision")?,
        created_ms: int(row, "created_at")?,
        closed_ms: optional_int(row, "closed_at")?,
        answers: Vec::new(),
    })
}

impl Store {
    /// What a person said of a consultation; `None`: nothing yet.
    pub async fn feedback_of(&self, id: &ConsultationId, person: &PersonId) -> Result<Option<Feedback>, StoreError> {
        let row = sqlx::query("SELECT score, helped, text FROM feedback WHERE consultation_id = $1 AND person_id = $2")
            .bind(id.as_str())
            .bind(person.as_str())
            .fetch_optional(self.readers())
            .await?;
        row.map(|row| {
            Ok(Feedback {
                score: u8::try_from(int(&row, "score")?).unwrap_or(5),
                helped: int(&row, "helped")? != 0,
                text: optional_text(&row, "text")?,
            })
        })
        .transpose()
    }

    /// Sums of one consultation.
    pub async fn feedback_summary(&self, id: &ConsultationId) -> Result<Summary, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(score), 0) AS BIGINT) AS score,
                 CAST(COALESCE(SUM(helped), 0) AS BIGINT) AS helped
             FROM feedback WHERE consultation_id = $1",
        )
        .bind(id.as_str())
        .fetch_one(self.readers())
        .await?;
        Ok(Summary { count: int(&row, "n")?, score: row.try_get("score")?, helped: row.try_get("helped")? })
    }

    /// Sums of a host's consultations since `from_ms`, and the texts, which go without names.
    pub async fn feedback_of_host(&self, host: &PersonId, from_ms: i64) -> Result<(Summary, Vec<String>), StoreError> {
        let rows = sqlx::query(
            "SELECT f.score, f.helped, f.text FROM feedback f JOIN consultation c ON c.id = f.consultation_id
             WHERE COALESCE(c.substitute_host_id, c.host_id) = $1 AND f.at >= $2 ORDER BY f.person_id, f.at LIMIT 5000",
        )
        .bind(host.as_str())
        .bind(from_ms)
        .fetch_all(self.readers())
        .await?;
        let mut sum = Summary::default();
        let mut texts = Vec::new();
        for row in &rows {
            sum.count += 1;
            sum.score += int(row, "score")?;
            sum.helped += int(row, "helped")?;
            texts.extend(optional_text(row, "text")?);
        }
        Ok((sum, texts))
    }

    /// Writes, or writes anew, what a person says of a consultation.
    pub async fn give_feedback(
        &self,
        school: SchoolId,
        id: ConsultationId,
        actor: Actor,
        said: Feedback,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO feedback (consultation_id, person_id, school_id, score, helped, text, at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (consultation_id, person_id) DO UPDATE SET
                     score = excluded.score, helped = excluded.helped, text = excluded.text, at = excluded.at",
                )
                .bind(id.as_str())
                .bind(actor.person.as_str())
                .bind(school.as_str())
                .bind(i64::from(said.score))
                .bind(i64::from(said.helped))
                .bind(said.text)
                .bind(now_ms)
                .execute(tx.connection())
                .await?;
                let event = AuditEvent::new(school, now_ms, "feedback.give", "consultation", id.as_str());
                tx.audit(event.by(&actor.person, actor.role.map(Role::as_str))).await
            })
        })
        .await
    }

    /// Consultations that these people took part in since `from_ms`, that are over, and of which `person` has said nothing:
    /// newest first, at most 10.
    pub async fn feedback_due(
        &self,
        person: &PersonId,
        present: &[PersonId],
        from_ms: i64,
    ) -> Result<Vec<ConsultationId>, StoreError> {
        if present.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT DISTINCT c.id, c.start_at FROM consultation c JOIN participation p ON p.room_id = c.id
             WHERE c.state = 'held' AND c.start_at >= $1 AND p.role IN ('recipient', 'guardian') AND NOT EXISTS
             (SELECT 1 FROM feedback f WHERE f.consultation_id = c.id AND f.person_id = $2)
             AND p.person_id IN ({}) ORDER BY c.start_at DESC LIMIT 10",
            super::sql::placeholders(3, present.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from_ms).bind(person.as_str());
        for person in present {
            query = query.bind(person.as_str());
        }
        query.fetch_all(self.readers()).await?.iter().map(|row| text(row, "id").map(ConsultationId::new)).collect()
    }

    /// Whether one of these people was in the room.
    pub async fn took_part(&self, id: &ConsultationId, people: &[PersonId]) -> Result<bool, StoreError> {
        let stays = self.attendance(id).await?;
        Ok(stays.iter().any(|stay| people.contains(&stay.person)))
    }

    /// Writes a complaint; the host and the deputies are told. [`ComplaintError::Refused`] past three about one consultation.
    pub async fn complain(
        &self,
        new: (SchoolId, ConsultationId, PersonId),
        (kind, said): (ComplaintKind, String),
        actor: Actor,
        now_ms: i64,
    ) -> Result<String, ComplaintError> {
        let (school, consultation, host) = new;
        self.write(move |tx| {
            Box::pin(async move {
                let there: (i64,) =
                    sqlx::query_as("SELECT COUNT(*) FROM complaint WHERE consultation_id = $1 AND author_id = $2")
                        .bind(consultation.as_str())
                        .bind(actor.person.as_str())
                        .fetch_one(tx.connection())
                        .await
                        .map_err(StoreError::from)?;
                if there.0 >= MOST_COMPLAINTS {
                    return Err(ComplaintError::Refused(RefusalCode::BookingLimit));
                }
                let id = uuid::Uuid::now_v7().to_string();
                let row = vec![
                    id.as_str().into(),
                    school.as_str().into(),
                    consultation.as_str().into(),
                    host.as_str().into(),
                    actor.person.as_str().into(),
                    kind.as_str().into(),
                    said.into(),
                    ComplaintState::Open.as_str().into(),
                    now_ms.into(),
                ];
                let into =
                    "complaint (id, school_id, consultation_id, host_id, author_id, kind, text, state, created_at)";
                super::sql::insert_many(tx.connection(), into, 9, vec![row]).await?;
                tx.note_complaint(&school, "complaint.make", &id, &actor, now_ms).await?;
                let day = crate::domain::calendar::date_in(&jiff::tz::TimeZone::UTC, now_ms).to_string();
                let mut people = tx.holders(&school, &[Role::DeputyHead, Role::Head], &day).await?;
                people.push(host);
                let notice = Notice::ComplaintReceived { complaint: id.clone() };
                tx.tell(&school, people, notice, id.clone(), now_ms).await?;
                Ok(id)
            })
        })
        .await
    }

    /// Complaints, newest first, with their answers.
    pub async fn complaints(&self, school: &SchoolId, of: &ComplaintsOf) -> Result<Vec<Complaint>, StoreError> {
        let mut sql = format!("{SELECT} WHERE k.school_id = $1");
        let mut values: Vec<&str> = vec![school.as_str()];
        match of {
            ComplaintsOf::Author(person) => {
                sql.push_str(" AND k.author_id = $2");
                values.push(person.as_str());
            }
            ComplaintsOf::Host(person) => {
                sql.push_str(" AND k.host_id = $2");
                values.push(person.as_str());
            }
            ComplaintsOf::Unit(units) if units.is_empty() => sql.push_str(" AND 1 = 0"),
            ComplaintsOf::Unit(units) => {
                sql.push_str(&format!(" AND cl.unit_id IN ({})", super::sql::placeholders(2, units.len())));
                values.extend(units.iter().map(String::as_str));
            }
            ComplaintsOf::School => {}
        }
        sql.push_str(&format!(" ORDER BY k.created_at DESC, k.id LIMIT {MOST_ROWS}"));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for value in values {
            query = query.bind(value);
        }
        let mut found = query.fetch_all(self.readers()).await?.iter().map(complaint).collect::<Result<Vec<_>, _>>()?;
        for one in &mut found {
            one.answers = self.complaint_answers(&one.id).await?;
        }
        Ok(found)
    }

    /// One complaint; [`StoreError::NotFound`] for another school's.
    pub async fn complaint(&self, school: &SchoolId, id: &str) -> Result<Complaint, StoreError> {
        let sql = format!("{SELECT} WHERE k.school_id = $1 AND k.id = $2");
        let row =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(school.as_str()).bind(id).fetch_one(self.readers()).await?;
        let mut found = complaint(&row)?;
        found.answers = self.complaint_answers(id).await?;
        Ok(found)
    }

    async fn complaint_answers(&self, id: &str) -> Result<Vec<(Named, String, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.by_id, p.display_name, a.text, a.at FROM complaint_answer a JOIN person p ON p.id = a.by_id
             WHERE a.complaint_id = $1 ORDER BY a.n",
        )
        .bind(id)
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let by = Named { id: PersonId::new(text(row, "by_id")?), display_name: text(row, "display_name")? };
                Ok((by, text(row, "text")?, int(row, "at")?))
            })
            .collect()
    }

    /// The host says what they have to say; more than once while it is open. `illegal_transition` once it is closed.
    pub async fn answer_complaint(
        &self,
        one: Complaint,
        said: String,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), ComplaintError> {
        self.write(move |tx| {
            Box::pin(async move {
                let n: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM complaint_answer WHERE complaint_id = $1")
                    .bind(one.id.as_str())
                    .fetch_one(tx.connection())
                    .await
                    .map_err(StoreError::from)?;
                tx.step_complaint(&one, ComplaintState::Answered, None, &actor, now_ms).await?;
                let row = vec![
                    one.id.as_str().into(),
                    (n.0 + 1).into(),
                    actor.person.as_str().into(),
                    said.into(),
                    now_ms.into(),
                ];
                let into = "complaint_answer (complaint_id, n, by_id, text, at)";
                super::sql::insert_many(tx.connection(), into, 5, vec![row]).await?;
                tx.note_complaint(&one.school, "complaint.answer", &one.id, &actor, now_ms).await?;
                let notice = Notice::ComplaintAnswered { complaint: one.id.clone() };
                let key = format!("{}:{}", one.id, n.0 + 1);
                Ok(tx.tell(&one.school, vec![one.author.id.clone()], notice, key, now_ms).await?)
            })
        })
        .await
    }

    /// The deputy decides; it is closed then.
    pub async fn close_complaint(
        &self,
        one: Complaint,
        decision: String,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), ComplaintError> {
        self.write(move |tx| {
            Box::pin(async move {
                tx.step_complaint(&one, ComplaintState::Closed, Some(&decision), &actor, now_ms).await?;
                tx.note_complaint(&one.school, "complaint.close", &one.id, &actor, now_ms).await?;
                let notice = Notice::ComplaintAnswered { complaint: one.id.clone() };
                let people = vec![one.author.id.clone(), one.host.id.clone()];
                Ok(tx.tell(&one.school, people, notice, format!("{}:closed", one.id), now_ms).await?)
            })
        })
        .await
    }
}

impl Tx {
    async fn step_complaint(
        &mut self,
        one: &Complaint,
        to: ComplaintState,
        decision: Option<&str>,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), ComplaintError> {
        let is_closed = to == ComplaintState::Closed;
        let done = sqlx::query(
            "UPDATE complaint SET state = $1, decision = COALESCE($2, decision),
             closed_by = CASE WHEN $3 = 1 THEN $4 ELSE closed_by END, closed_at = CASE WHEN $3 = 1 THEN $5 ELSE closed_at END
             WHERE id = $6 AND state <> 'closed'",
        )
        .bind(to.as_str())
        .bind(decision)
        .bind(i64::from(is_closed))
        .bind(actor.person.as_str())
        .bind(now_ms)
        .bind(one.id.as_str())
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if done.rows_affected() != 1 {
            return Err(ComplaintError::Refused(RefusalCode::IllegalTransition));
        }
        Ok(())
    }

    async fn note_complaint(
        &mut self,
        school: &SchoolId,
        action: &'static str,
        id: &str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let event = AuditEvent::new(school.clone(), now_ms, action, "complaint", id);
        self.audit(event.by(&actor.person, actor.role.map(Role::as_str))).await
    }
}
