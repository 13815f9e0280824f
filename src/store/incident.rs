//! Incident records: each technical failure of a consultation leaves one (DOMAIN 2.2), written in the transaction of the failure
//! and never changed. What was said in it is shown to people and stands behind the figures of evidence.

use super::transition::Actor;
use super::{StoreError, Tx};
use crate::domain::consultation::IncidentKind;
use crate::domain::ids::{ConsultationId, SchoolId};
use crate::domain::role::Role;

impl Tx {
    /// Keeps the record of a failure. `said` is what somebody wrote, or the machine's word. The journal's row of the step names
    /// it too.
    pub(super) async fn keep_incident(
        &mut self,
        school: &SchoolId,
        consultation: &ConsultationId,
        (kind, said): (IncidentKind, &str),
        actor: Option<&Actor>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO incident (id, school_id, consultation_id, n, kind, reason, by_id, role, at)
             VALUES ($1, $2, $3, (SELECT COUNT(*) + 1 FROM incident WHERE consultation_id = $3), $4, $5, $6, $7, $8)",
        )
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(school.as_str())
        .bind(consultation.as_str())
        .bind(kind.as_str())
        .bind(said)
        .bind(actor.map(|actor| actor.person.as_str()))
        .bind(actor.and_then(|actor| actor.role).map(Role::as_str))
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
