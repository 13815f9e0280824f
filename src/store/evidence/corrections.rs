//! Corrections: what is over is never changed, a row beside it says what it should say, who said so and why (DOMAIN 2.2).

use super::super::sql::{int, optional_int, optional_text, text, word};
use super::super::transition::{Actor, TransitionError};
use super::super::{AuditEvent, Store, StoreError};
use crate::domain::consultation::{IncidentKind, NotHeldReason, State};
use crate::domain::ids::ConsultationId;
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

crate::domain::words!(
    /// What can be corrected.
    #[derive(utoipa::ToSchema)]
    Field {
        /// `held`, `no_host`, `no_audience` or `technical`.
        Outcome = "outcome",
        /// Whole seconds.
        HostDelay = "host_delay_s",
        /// Whole seconds that host and a recipient were there together.
        Shared = "shared_s",
    }
);

/// A correction as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    pub field: Field,
    pub old: String,
    pub new: String,
    pub reason: String,
    pub by_name: String,
    pub at_ms: i64,
}

/// State and reason of an outcome's word; `None`: no such word.
pub fn outcome(word: &str) -> Option<(State, Option<NotHeldReason>)> {
    match word {
        "held" => Some((State::Held, None)),
        reason => NotHeldReason::parse(reason).map(|reason| (State::NotHeld, Some(reason))),
    }
}

fn is_value(field: Field, value: &str) -> bool {
    match field {
        Field::Outcome => outcome(value).is_some(),
        Field::HostDelay | Field::Shared => value.parse::<i64>().is_ok_and(|seconds| (0..=86_400).contains(&seconds)),
    }
}

/// Corrections of one consultation.
const MOST: i64 = 50;

impl Store {
    /// Appends a correction. Refusals: `reason_required`, `illegal_transition` (it is not over, was cancelled, has been
    /// corrected too often, or the value is none of its field).
    pub async fn correct(
        &self,
        id: ConsultationId,
        field: Field,
        new: String,
        reason: String,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), TransitionError> {
        if reason.trim().is_empty() {
            return Err(TransitionError::Refused(RefusalCode::ReasonRequired));
        }
        if !is_value(field, &new) {
            return Err(TransitionError::Refused(RefusalCode::IllegalTransition));
        }
        self.write(move |tx| {
            Box::pin(async move {
                let row = sqlx::query(
                    "SELECT school_id, state, not_held_reason, host_delay_s, shared_s,
                     (SELECT COUNT(*) FROM correction x WHERE x.consultation_id = c.id) AS n FROM consultation c WHERE id = $1",
                )
                .bind(id.as_str())
                .fetch_one(tx.connection())
                .await
                .map_err(StoreError::from)?;
                let state = word(State::parse(&text(&row, "state")?), "state")?;
                let n = int(&row, "n")?;
                if !matches!(state, State::Held | State::NotHeld) || n >= MOST {
                    return Err(TransitionError::Refused(RefusalCode::IllegalTransition));
                }
                let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
                let old = match field {
                    Field::Outcome => optional_text(&row, "not_held_reason")?.unwrap_or_else(|| "held".to_owned()),
                    Field::HostDelay => number(optional_int(&row, "host_delay_s")?),
                    Field::Shared => number(optional_int(&row, "shared_s")?),
                };
                let school = crate::domain::ids::SchoolId::new(text(&row, "school_id")?);
                sqlx::query(
                    "INSERT INTO correction (id, school_id, consultation_id, n, field, old_value, new_value, reason,
                     corrected_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                )
                .bind(uuid::Uuid::now_v7().to_string())
                .bind(school.as_str())
                .bind(id.as_str())
                .bind(n + 1)
                .bind(field.as_str())
                .bind(old.as_str())
                .bind(new.as_str())
                .bind(reason.as_str())
                .bind(actor.person.as_str())
                .bind(now_ms)
                .execute(tx.connection())
                .await
                .map_err(StoreError::from)?;
                if let Some(after) = outcome(&new).filter(|_| field == Field::Outcome) {
                    tx.settle_load(&id, after, &reason, &actor, now_ms).await?;
                    if after.1 == Some(NotHeldReason::Technical) {
                        let incident = (IncidentKind::Corrected, reason.as_str());
                        tx.keep_incident(&school, &id, incident, Some(&actor), now_ms).await?;
                    }
                }
                let detail = serde_json::json!({ "field": field, "old": old, "new": new });
                let mut event = AuditEvent::new(school, now_ms, "consultation.correct", "consultation", id.as_str())
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .because(reason)
                    .with(detail);
                event.before = Some(old);
                event.after = Some(new);
                tx.audit(event).await?;
                Ok(())
            })
        })
        .await
    }

    /// What has been corrected about a consultation, oldest first.
    pub async fn corrections(&self, id: &ConsultationId) -> Result<Vec<Correction>, StoreError> {
        let rows = sqlx::query(
            "SELECT x.field, x.old_value, x.new_value, x.reason, x.created_at, p.display_name FROM correction x
             LEFT JOIN person p ON p.id = x.corrected_by WHERE x.consultation_id = $1 ORDER BY x.n",
        )
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Correction {
                    field: word(Field::parse(&text(row, "field")?), "field")?,
                    old: text(row, "old_value")?,
                    new: text(row, "new_value")?,
                    reason: text(row, "reason")?,
                    by_name: optional_text(row, "display_name")?.unwrap_or_default(),
                    at_ms: int(row, "created_at")?,
                })
            })
            .collect()
    }
}
