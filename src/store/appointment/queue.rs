//! The queue at the door of office hours that run now: whoever has no appointment waits, sees the position, and is called.

use super::{BookingError, waited_since};
use crate::domain::appointment::{AppointmentState, Origin};
use crate::domain::ids::{AppointmentId, ConsultationId, PersonId, SchoolId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::notice::Notice;
use crate::domain::refusal::RefusalCode;
use crate::store::consultation::Named;
use crate::store::sql::{self, int, json, optional_int, optional_text, text};
use crate::store::transition::Actor;
use crate::store::{Store, StoreError, Tx};

/// Somebody at the door.
#[derive(Clone, Debug)]
pub struct WalkIn {
    pub id: String,
    pub student: Named,
    pub message: Option<String>,
    pub since_ms: i64,
}

/// Longest queue; office hours do not serve more.
const MOST_WALK_IN: i64 = 40;

impl Store {
    /// Who waits at the door, first come first served.
    pub async fn walk_ins(&self, consultation: &ConsultationId) -> Result<Vec<WalkIn>, StoreError> {
        let rows = sqlx::query(
            "SELECT w.id, w.student_id, p.display_name, w.message, w.at FROM walk_in w JOIN person p ON p.id = w.student_id
             WHERE w.consultation_id = $1 AND w.state = 'waiting' ORDER BY w.at, w.id",
        )
        .bind(consultation.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let student =
                    Named { id: PersonId::new(text(row, "student_id")?), display_name: text(row, "display_name")? };
                let message = optional_text(row, "message")?;
                Ok(WalkIn { id: text(row, "id")?, student, message, since_ms: waited_since(row)? })
            })
            .collect()
    }

    /// Queues a student. Refusals: `booking_closed` when the room is not open, `booking_limit` when the queue is full;
    /// [`StoreError::Conflict`]: they stand in it, or have a time.
    pub async fn walk_in(
        &self,
        school: SchoolId,
        consultation: ConsultationId,
        student: PersonId,
        actor: Actor,
        message: Option<String>,
        now_ms: i64,
    ) -> Result<(), BookingError> {
        self.write(move |tx| {
            Box::pin(async move {
                tx.lock_booking(&consultation).await?;
                let row = sqlx::query(
                    "SELECT c.state, c.end_at, (SELECT COUNT(*) FROM walk_in w WHERE w.consultation_id = c.id
                     AND w.state = 'waiting') AS n, (SELECT COUNT(*) FROM appointment a WHERE a.consultation_id = c.id
                     AND a.student_id = $2 AND a.state = 'booked' AND a.ends > $3) AS theirs FROM consultation c WHERE c.id = $1",
                )
                .bind(consultation.as_str())
                .bind(student.as_str())
                .bind(now_ms)
                .fetch_one(tx.connection())
                .await?;
                let is_open = matches!(text(&row, "state")?.as_str(), "open" | "live") && now_ms < int(&row, "end_at")?;
                if !is_open {
                    return Err(RefusalCode::BookingClosed.into());
                }
                if int(&row, "n")? >= MOST_WALK_IN {
                    return Err(RefusalCode::BookingLimit.into());
                }
                if int(&row, "theirs")? > 0 {
                    return Err(StoreError::Conflict.into());
                }
                let is_first = int(&row, "n")? == 0;
                let id = uuid::Uuid::now_v7().to_string();
                let row = vec![
                    id.as_str().into(),
                    school.as_str().into(),
                    consultation.as_str().into(),
                    student.as_str().into(),
                    actor.person.as_str().into(),
                    message.into(),
                    now_ms.into(),
                    "waiting".into(),
                    now_ms.into(),
                ];
                let into = "walk_in (id, school_id, consultation_id, student_id, by_id, message, at, state, updated_at)";
                sql::insert_many(tx.connection(), into, 9, vec![row]).await?;
                let named = AppointmentId::new(id);
                tx.note_booking(&school, "walk_in.join", &named, Some(&actor), None, now_ms).await?;
                if is_first {
                    tx.tell_first(&school, &consultation, now_ms).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Takes a student out of the queue. [`StoreError::NotFound`]: they do not stand in it.
    pub async fn walk_out(
        &self,
        school: SchoolId,
        consultation: ConsultationId,
        student: PersonId,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE walk_in SET state = 'left', updated_at = $1
                     WHERE consultation_id = $2 AND student_id = $3 AND state = 'waiting'",
                )
                .bind(now_ms)
                .bind(consultation.as_str())
                .bind(student.as_str())
                .execute(tx.connection())
                .await?;
                if done.rows_affected() == 0 {
                    return Err(StoreError::NotFound);
                }
                let id = AppointmentId::new(consultation.as_str());
                tx.note_booking(&school, "walk_in.leave", &id, Some(&actor), None, now_ms).await?;
                tx.tell_first(&school, &consultation, now_ms).await
            })
        })
        .await
    }

    /// The host calls the next one: an appointment from now on, as long as the others, and not into the next booked time.
    /// Refusals: `booking_closed` when the room is not open, `slot_taken` when the next booked time is too near;
    /// [`StoreError::NotFound`]: nobody waits.
    pub async fn call_next(
        &self,
        school: SchoolId,
        consultation: ConsultationId,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), BookingError> {
        self.write(move |tx| Box::pin(async move { tx.call_next(&school, &consultation, &actor, now_ms).await })).await
    }
}

/// A time shorter than this helps nobody.
const SHORTEST_MS: i64 = 3 * 60_000;

impl Tx {
    async fn call_next(
        &mut self,
        school: &SchoolId,
        consultation: &ConsultationId,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), BookingError> {
        self.lock_booking(consultation).await?;
        // Who was called before and has had at least a minute is done: hosts call the next one when they are ready.
        sqlx::query(
            "UPDATE appointment SET ends = $1 WHERE consultation_id = $2 AND state = 'booked' AND origin = 'walk_in'
             AND starts <= $3 AND ends > $1",
        )
        .bind(now_ms)
        .bind(consultation.as_str())
        .bind(now_ms - 60_000)
        .execute(self.connection())
        .await?;
        let row = sqlx::query(
            "SELECT c.state, c.end_at, s.body, (SELECT MIN(a.starts) FROM appointment a WHERE a.consultation_id = c.id
             AND a.state = 'booked' AND a.ends > $2) AS next FROM consultation c JOIN card_slot s ON s.id = c.slot_id
             WHERE c.id = $1",
        )
        .bind(consultation.as_str())
        .bind(now_ms)
        .fetch_one(self.connection())
        .await?;
        let end_ms = int(&row, "end_at")?;
        if !matches!(text(&row, "state")?.as_str(), "open" | "live") || now_ms >= end_ms {
            return Err(RefusalCode::BookingClosed.into());
        }
        let slot: CardSlot = json(&text(&row, "body")?, "slot")?;
        let length = i64::from(slot.office_minutes().unwrap_or(15)) * 60_000;
        let until = (now_ms + length).min(end_ms).min(optional_int(&row, "next")?.unwrap_or(i64::MAX));
        if until - now_ms < SHORTEST_MS {
            return Err(RefusalCode::SlotTaken.into());
        }
        let first = sqlx::query(
            "SELECT id, student_id, by_id, message FROM walk_in WHERE consultation_id = $1 AND state = 'waiting'
             ORDER BY at, id LIMIT 1",
        )
        .bind(consultation.as_str())
        .fetch_optional(self.connection())
        .await?
        .ok_or(StoreError::NotFound)?;
        // Free times that have begun or that this one runs into are nobody's any more.
        sqlx::query("DELETE FROM appointment WHERE consultation_id = $1 AND state = 'free' AND starts < $2")
            .bind(consultation.as_str())
            .bind(until)
            .execute(self.connection())
            .await?;
        let id = AppointmentId::fresh();
        let student = PersonId::new(text(&first, "student_id")?);
        let row = vec![
            id.as_str().into(),
            consultation.as_str().into(),
            now_ms.into(),
            until.into(),
            student.as_str().into(),
            text(&first, "by_id")?.into(),
            AppointmentState::Booked.as_str().into(),
            optional_text(&first, "message")?.into(),
            now_ms.into(),
            Origin::WalkIn.as_str().into(),
        ];
        let into =
            "appointment (id, consultation_id, starts, ends, student_id, booked_by, state, message, booked_at, origin)";
        sql::insert_many(self.connection(), into, 10, vec![row]).await?;
        sqlx::query("UPDATE walk_in SET state = 'called', appointment_id = $1, updated_at = $2 WHERE id = $3")
            .bind(id.as_str())
            .bind(now_ms)
            .bind(text(&first, "id")?)
            .execute(self.connection())
            .await?;
        self.access_changed();
        let detail = serde_json::json!({ "student": student.as_str() });
        self.note_booking(school, "walk_in.call", &id, Some(actor), Some(detail), now_ms).await?;
        let lesson = self.lesson_of(consultation).await?;
        let people = self.with_guardians(vec![student], super::booking::date_of(now_ms)).await?;
        let notice = Notice::AppointmentBooked { lesson, appointment: id.as_str().to_owned() };
        self.tell(school, people, notice, id.as_str().to_owned(), now_ms).await?;
        self.tell_first(school, consultation, now_ms).await?;
        Ok(())
    }

    /// "You are next" to whoever stands first now, once.
    async fn tell_first(
        &mut self,
        school: &SchoolId,
        consultation: &ConsultationId,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let first = sqlx::query(
            "SELECT id, student_id FROM walk_in WHERE consultation_id = $1 AND state = 'waiting' ORDER BY at, id LIMIT 1",
        )
        .bind(consultation.as_str())
        .fetch_optional(self.connection())
        .await?;
        let Some(first) = first else { return Ok(()) };
        let lesson = self.lesson_of(consultation).await?;
        let student = PersonId::new(text(&first, "student_id")?);
        let people = self.with_guardians(vec![student], super::booking::date_of(now_ms)).await?;
        self.tell(school, people, Notice::AppointmentNext { lesson }, text(&first, "id")?, now_ms).await
    }
}
