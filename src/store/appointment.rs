//! Individual help by appointment: times, who holds them, the waiting list and the queue at the door. Rules are
//! `domain::appointment`; the one writer makes booking serialisable, and the index `appointment_time` keeps it so between hubs.

mod booking;
mod cutting;
mod list;
mod outcome;
mod queue;

pub use booking::{Booking, GiveBack};
pub use cutting::Hours;
pub use list::{OfficeHours, Waiting};
pub use queue::WalkIn;

use sqlx::any::AnyRow;

use super::consultation::Named;
use super::sql::{self, int, optional_int, optional_text, text, word};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::appointment::{AppointmentState, BookingRules, Origin};
use crate::domain::ids::{AppointmentId, ConsultationId, PersonId, SchoolId};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// One time of an individual consultation.
#[derive(Clone, Debug)]
pub struct Appointment {
    pub id: AppointmentId,
    pub school: SchoolId,
    pub consultation: ConsultationId,
    pub starts_ms: i64,
    pub ends_ms: i64,
    pub state: AppointmentState,
    pub student: Option<Named>,
    pub booked_by: Option<Named>,
    pub message: Option<String>,
    pub reason: Option<String>,
    pub note_shared: Option<String>,
    /// For the host alone.
    pub note_private: Option<String>,
    pub origin: Option<Origin>,
    /// Who holds the consultation: the substitute when there is one.
    pub host: Named,
    pub title: String,
    pub subject: Option<String>,
    pub class: Option<String>,
}

/// Why an appointment does not change.
#[derive(Debug, thiserror::Error)]
pub enum BookingError {
    #[error("refused: {0}")]
    Refused(RefusalCode),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RefusalCode> for BookingError {
    fn from(code: RefusalCode) -> Self {
        Self::Refused(code)
    }
}

impl From<sqlx::Error> for BookingError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

const SELECT: &str = "SELECT a.id, c.school_id, a.consultation_id, a.starts, a.ends, a.state, a.student_id,
    st.display_name AS student_name, a.booked_by, b.display_name AS booked_name, a.message, a.reason, a.note_shared,
    a.note_private, a.origin, COALESCE(c.substitute_host_id, c.host_id) AS host_id, h.display_name AS host_name, v.title,
    sub.name AS subject, cl.name AS class
    FROM appointment a
    JOIN consultation c ON c.id = a.consultation_id
    JOIN card_slot s ON s.id = c.slot_id
    JOIN card_version v ON v.id = s.version_id
    JOIN study_group g ON g.id = c.group_id
    JOIN person h ON h.id = COALESCE(c.substitute_host_id, c.host_id)
    LEFT JOIN school_class cl ON cl.id = g.class_id
    LEFT JOIN subject sub ON sub.id = v.subject_id
    LEFT JOIN person st ON st.id = a.student_id
    LEFT JOIN person b ON b.id = a.booked_by";

fn appointment(row: &AnyRow) -> Result<Appointment, StoreError> {
    let named = |id: &'static str, name: &'static str| -> Result<Option<Named>, StoreError> {
        let (id, name) = (optional_text(row, id)?, optional_text(row, name)?);
        Ok(id.zip(name).map(|(id, display_name)| Named { id: PersonId::new(id), display_name }))
    };
    let origin = |text: String| word(Origin::parse(&text), "origin of an appointment");
    Ok(Appointment {
        id: AppointmentId::new(text(row, "id")?),
        school: SchoolId::new(text(row, "school_id")?),
        consultation: ConsultationId::new(text(row, "consultation_id")?),
        starts_ms: int(row, "starts")?,
        ends_ms: int(row, "ends")?,
        state: word(AppointmentState::parse(&text(row, "state")?), "appointment state")?,
        student: named("student_id", "student_name")?,
        booked_by: named("booked_by", "booked_name")?,
        message: optional_text(row, "message")?,
        reason: optional_text(row, "reason")?,
        note_shared: optional_text(row, "note_shared")?,
        note_private: optional_text(row, "note_private")?,
        origin: optional_text(row, "origin")?.map(origin).transpose()?,
        host: word(named("host_id", "host_name")?, "host")?,
        title: text(row, "title")?,
        subject: optional_text(row, "subject")?,
        class: optional_text(row, "class")?,
    })
}

impl Store {
    /// One appointment; [`StoreError::NotFound`] for another school's.
    pub async fn appointment(&self, school: &SchoolId, id: &AppointmentId) -> Result<Appointment, StoreError> {
        let sql = format!("{SELECT} WHERE a.id = $1 AND c.school_id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.as_str())
            .bind(school.as_str())
            .fetch_one(self.readers())
            .await?;
        appointment(&row)
    }

    /// What a school decides about booking.
    pub async fn booking_rules(&self, school: &SchoolId) -> Result<BookingRules, StoreError> {
        let (policy,): (String,) = sqlx::query_as("SELECT policy FROM school WHERE id = $1")
            .bind(school.as_str())
            .fetch_one(self.readers())
            .await?;
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Part {
            booking: BookingRules,
        }
        Ok(sql::json::<Part>(&policy, "school policy")?.booking)
    }

    /// Writes the host's notes; an empty text takes one away.
    pub async fn note_appointment(
        &self,
        one: Appointment,
        (shared, private): (String, String),
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let kept = |text: String| Some(text).filter(|text| !text.trim().is_empty());
                sqlx::query("UPDATE appointment SET note_shared = $1, note_private = $2, note_at = $3 WHERE id = $4")
                    .bind(kept(shared))
                    .bind(kept(private))
                    .bind(now_ms)
                    .bind(one.id.as_str())
                    .execute(tx.connection())
                    .await?;
                tx.note_booking(&one.school, "appointment.note", &one.id, Some(&actor), None, now_ms).await
            })
        })
        .await
    }
}

impl Tx {
    /// The journal row of a change of an appointment (INV-71).
    async fn note_booking(
        &mut self,
        school: &SchoolId,
        action: &'static str,
        id: &AppointmentId,
        actor: Option<&Actor>,
        detail: Option<serde_json::Value>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut event = AuditEvent::new(school.clone(), now_ms, action, "appointment", id.as_str());
        if let Some(actor) = actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        if let Some(detail) = detail {
            event = event.with(detail);
        }
        self.audit(event).await
    }

    async fn appointment_now(&mut self, id: &AppointmentId) -> Result<Appointment, StoreError> {
        let sql = format!("{SELECT} WHERE a.id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_one(self.connection()).await?;
        appointment(&row)
    }
}

/// When somebody joined a list; shared by the list and the queue.
fn waited_since(row: &AnyRow) -> Result<i64, StoreError> {
    Ok(optional_int(row, "at")?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
