//! What became of booked times when a consultation is over, by who was in the room.

use super::{Appointment, BookingError};
use crate::domain::appointment::{AppointmentState, Stay, outcome};
use crate::domain::consultation::{NotHeldReason, State};
use crate::domain::ids::{ConsultationId, PersonId};
use crate::store::request::Helped;
use crate::store::sql::{int, optional_int, text};
use crate::store::transition::Actor;
use crate::store::{StoreError, Tx};

impl Tx {
    /// A consultation has come to its end: its times, its lists and the requests put into it follow. In the transaction of the
    /// end itself.
    pub(in crate::store) async fn settle_help(
        &mut self,
        id: &ConsultationId,
        to: State,
        not_held: Option<NotHeldReason>,
        reason: Option<&str>,
        (by, now_ms): (Option<&Actor>, i64),
    ) -> Result<(), StoreError> {
        let booked = self.booked_in(id).await?;
        if !booked.is_empty() {
            let stays = self.stays(id, now_ms).await?;
            for one in booked {
                self.settle_appointment(&one, (to, not_held, reason), &stays, now_ms).await?;
            }
        }
        for statement in [
            "UPDATE waiting_list SET state = 'over', updated_at = $1 WHERE consultation_id = $2 AND state = 'waiting'",
            "UPDATE walk_in SET state = 'over', updated_at = $1 WHERE consultation_id = $2 AND state = 'waiting'",
        ] {
            sqlx::query(statement).bind(now_ms).bind(id.as_str()).execute(self.connection()).await?;
        }
        let helped = if to == State::Held { Helped::Held } else { Helped::FellThrough };
        self.settle_requests(id, helped, by, now_ms).await
    }

    async fn settle_appointment(
        &mut self,
        one: &Appointment,
        (to, not_held, reason): (State, Option<NotHeldReason>, Option<&str>),
        stays: &[Stay],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let Some(student) = &one.student else { return Ok(()) };
        if to == State::Cancelled {
            let reason = reason.unwrap_or("cancelled");
            return self.end_booking(one, AppointmentState::CancelledByHost, None, reason, now_ms).await;
        }
        let mut recipients =
            self.guardians_of(std::slice::from_ref(&student.id), super::booking::date_of(one.starts_ms)).await?;
        recipients.push(student.id.clone());
        let found = match not_held {
            Some(NotHeldReason::Technical | NotHeldReason::NoHost) => AppointmentState::CancelledByHost,
            _ => outcome(one.starts_ms, one.ends_ms, &recipients, stays),
        };
        if found == AppointmentState::CancelledByHost {
            let reason = not_held.map_or("no_host", NotHeldReason::as_str);
            return self.end_booking(one, found, None, reason, now_ms).await;
        }
        sqlx::query("UPDATE appointment SET state = $1, ended_at = $2 WHERE id = $3 AND state = 'booked'")
            .bind(found.as_str())
            .bind(now_ms)
            .bind(one.id.as_str())
            .execute(self.connection())
            .await?;
        let detail = serde_json::json!({ "to": found });
        self.note_booking(&one.school, "appointment.settle", &one.id, None, Some(detail), now_ms).await
    }

    /// Who was in a room; `now_ms` ends open stays.
    pub(in crate::store) async fn stays(
        &mut self,
        room: &ConsultationId,
        now_ms: i64,
    ) -> Result<Vec<Stay>, StoreError> {
        let rows = sqlx::query("SELECT person_id, role, joined_at, left_at FROM participation WHERE room_id = $1")
            .bind(room.as_str())
            .fetch_all(self.connection())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Stay {
                    person: PersonId::new(text(row, "person_id")?),
                    is_host: matches!(text(row, "role")?.as_str(), "host" | "cohost"),
                    from_ms: int(row, "joined_at")?,
                    to_ms: optional_int(row, "left_at")?.unwrap_or(now_ms),
                })
            })
            .collect()
    }
}

impl From<BookingError> for StoreError {
    /// Where a rule cannot refuse any more, its refusal is a fault.
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::Store(error) => error,
            BookingError::Refused(_) => Self::Conflict,
        }
    }
}
