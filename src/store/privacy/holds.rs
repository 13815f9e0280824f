//! Holds: a person's data stays while a dispute or a court needs it, whatever its term and whoever asks for its erasure. Placed
//! and lifted with a reason, both in the journal. The erasure and the end by time ask for them.

use super::super::sql::{int, optional_int, optional_text, text};
use super::super::transition::{Actor, TransitionError};
use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// Most holds in one list; those in force come first.
const MOST: i64 = 500;

/// A hold with the names that a page shows.
#[derive(Clone, Debug)]
pub struct Hold {
    pub id: String,
    pub person: PersonId,
    pub person_name: String,
    pub reason: String,
    pub placed_by_name: String,
    pub placed_ms: i64,
    /// When it was lifted; `None`: in force.
    pub lifted_ms: Option<i64>,
    pub lifted_by_name: Option<String>,
    pub lifted_reason: Option<String>,
}

impl Store {
    /// Holds of a school: in force first, then the newest.
    pub async fn holds(&self, school: &SchoolId) -> Result<Vec<Hold>, StoreError> {
        let rows = sqlx::query(
            "SELECT h.id, h.person_id, p.display_name, h.reason, b.display_name AS placed_by, h.placed_at, h.lifted_at,
             l.display_name AS lifted_by, h.lifted_reason FROM retention_hold h JOIN person p ON p.id = h.person_id
             LEFT JOIN person b ON b.id = h.placed_by LEFT JOIN person l ON l.id = h.lifted_by
             WHERE h.school_id = $1 ORDER BY CASE WHEN h.lifted_at IS NULL THEN 0 ELSE 1 END, h.placed_at DESC LIMIT $2",
        )
        .bind(school.as_str())
        .bind(MOST)
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Hold {
                    id: text(row, "id")?,
                    person: PersonId::new(text(row, "person_id")?),
                    person_name: text(row, "display_name")?,
                    reason: text(row, "reason")?,
                    placed_by_name: optional_text(row, "placed_by")?.unwrap_or_default(),
                    placed_ms: int(row, "placed_at")?,
                    lifted_ms: optional_int(row, "lifted_at")?,
                    lifted_by_name: optional_text(row, "lifted_by")?,
                    lifted_reason: optional_text(row, "lifted_reason")?,
                })
            })
            .collect()
    }

    /// Places a hold; gives its id. Refusal: `reason_required`.
    pub async fn place_hold(
        &self,
        school: SchoolId,
        person: PersonId,
        reason: String,
        actor: Actor,
        now_ms: i64,
    ) -> Result<String, TransitionError> {
        if reason.trim().is_empty() {
            return Err(TransitionError::Refused(RefusalCode::ReasonRequired));
        }
        self.write(move |tx| {
            Box::pin(async move {
                let id = uuid::Uuid::now_v7().to_string();
                sqlx::query(
                    "INSERT INTO retention_hold (id, school_id, person_id, reason, placed_by, placed_at)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(id.as_str())
                .bind(school.as_str())
                .bind(person.as_str())
                .bind(reason.trim())
                .bind(actor.person.as_str())
                .bind(now_ms)
                .execute(tx.connection())
                .await
                .map_err(StoreError::from)?;
                tx.hold_event(&school, "hold.place", (&id, &person), &reason, &actor, now_ms).await?;
                Ok(id)
            })
        })
        .await
    }

    /// Lifts a hold. Refusals: `reason_required`, `illegal_transition` (lifted already), `role_not_permitted` (one about
    /// oneself: whoever is in dispute does not end it).
    pub async fn lift_hold(
        &self,
        school: SchoolId,
        id: String,
        reason: String,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), TransitionError> {
        self.write(move |tx| {
            Box::pin(async move {
                let row = sqlx::query("SELECT person_id FROM retention_hold WHERE id = $1 AND school_id = $2")
                    .bind(id.as_str())
                    .bind(school.as_str())
                    .fetch_one(tx.connection())
                    .await
                    .map_err(StoreError::from)?;
                let person = PersonId::new(text(&row, "person_id")?);
                if reason.trim().is_empty() {
                    return Err(TransitionError::Refused(RefusalCode::ReasonRequired));
                }
                if person == actor.person {
                    return Err(TransitionError::Refused(RefusalCode::RoleNotPermitted));
                }
                let done = sqlx::query(
                    "UPDATE retention_hold SET lifted_at = $1, lifted_by = $2, lifted_reason = $3
                     WHERE id = $4 AND lifted_at IS NULL",
                )
                .bind(now_ms)
                .bind(actor.person.as_str())
                .bind(reason.trim())
                .bind(id.as_str())
                .execute(tx.connection())
                .await
                .map_err(StoreError::from)?;
                if done.rows_affected() != 1 {
                    return Err(TransitionError::Refused(RefusalCode::IllegalTransition));
                }
                tx.hold_event(&school, "hold.lift", (&id, &person), &reason, &actor, now_ms).await?;
                Ok(())
            })
        })
        .await
    }
}

impl Tx {
    async fn hold_event(
        &mut self,
        school: &SchoolId,
        action: &'static str,
        (id, person): (&str, &PersonId),
        reason: &str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let event = AuditEvent::new(school.clone(), now_ms, action, "retention_hold", id)
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({ "person": person, "reason": reason.trim() }));
        self.audit(event).await
    }
}
