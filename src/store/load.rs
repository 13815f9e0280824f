//! The load ledger: one row for each host of a consultation that was held, appended and never changed, corrected by further
//! rows (INV-32, INV-33, INV-70); contracts and working time beside it.

pub mod contracts;
pub mod policy;
pub mod summary;

use super::sql::{self, int, json, text};
use super::transition::Actor;
use super::{AuditEvent, StoreError, Tx};
use crate::domain::consultation::{Facts, Step};
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::planning::load::{LoadKind, NoAudience, Outcome, academic_hours, counts, is_whole_period};
use crate::domain::role::Role;

impl Tx {
    /// Writes what a consultation that has just ended counts for its host. Held: always, once. Nobody came: as the
    /// school's policy says at that moment. Asking again changes nothing.
    pub(super) async fn count_load(
        &mut self,
        id: &ConsultationId,
        before: &Facts,
        step: &Step,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let after = (step.to, step.not_held);
        if before.state.is_final() || !counts(after, i64::MAX, 0, NoAudience::default()) {
            return Ok(());
        }
        let row = sqlx::query("SELECT school_id, start_at, end_at, live_at FROM consultation WHERE id = $1")
            .bind(id.as_str())
            .fetch_one(self.connection())
            .await?;
        let policy = self.no_audience_at(&SchoolId::new(text(&row, "school_id")?), now_ms).await?;
        let (start_ms, end_ms) = (int(&row, "start_at")?, int(&row, "end_at")?);
        let came_ms = sql::optional_int(&row, "live_at")?.unwrap_or(now_ms).max(start_ms);
        if !counts(after, now_ms.min(end_ms) - came_ms, end_ms - start_ms, policy) {
            return Ok(());
        }
        self.append_load(id, now_ms).await
    }

    /// Writes the row of a consultation's host: the substitute's when there is one.
    async fn append_load(&mut self, id: &ConsultationId, now_ms: i64) -> Result<(), StoreError> {
        let row = sqlx::query(
            "SELECT c.school_id, c.date, c.host_id, c.substitute_host_id, c.start_at, c.end_at, s.body,
             o.academic_hour_minutes FROM consultation c JOIN card_slot s ON s.id = c.slot_id
             JOIN school o ON o.id = c.school_id WHERE c.id = $1",
        )
        .bind(id.as_str())
        .fetch_one(self.connection())
        .await?;
        let (start_ms, end_ms) = (int(&row, "start_at")?, int(&row, "end_at")?);
        let substitute = sql::optional_text(&row, "substitute_host_id")?;
        let is_planned = substitute.is_none();
        let host = PersonId::new(match substitute {
            Some(substitute) => substitute,
            None => text(&row, "host_id")?,
        });
        let day = sql::date(&text(&row, "date")?)?;
        let school = text(&row, "school_id")?;
        let hosts = super::planning::view::hosts(self.connection(), &school).await?;
        let teaches = hosts.get(&host).is_some_and(|facts| facts.teaches_on(day));
        let kind = if teaches { LoadKind::Teaching } else { LoadKind::WorkingTime };
        let slot: CardSlot = json(&text(&row, "body")?, "slot")?;
        let minutes = (end_ms - start_ms) / 60_000;
        let hour = u16::try_from(int(&row, "academic_hour_minutes")?).unwrap_or(45);
        sqlx::query(
            "INSERT INTO load_entry (id, school_id, host_id, consultation_id, date, kind, minutes, academic_hours, planned,
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (host_id, consultation_id) DO NOTHING",
        )
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(school)
        .bind(host.as_str())
        .bind(id.as_str())
        .bind(day.to_string())
        .bind(kind.as_str())
        .bind(minutes)
        .bind(academic_hours(minutes, is_whole_period(&slot), hour))
        .bind(i64::from(is_planned))
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// The ledger follows a corrected outcome (INV-32, INV-33): what is held after all counts, what was not is taken back. The
    /// entry itself stays; rows are only appended. Asking again changes nothing.
    pub(super) async fn settle_load(
        &mut self,
        id: &ConsultationId,
        after: Outcome,
        reason: &str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let entry = sqlx::query(
            "SELECT e.id, e.school_id, e.minutes, e.academic_hours, (SELECT x.minutes FROM load_correction x WHERE x.entry_id = e.id
             ORDER BY x.n DESC LIMIT 1) AS corrected FROM load_entry e WHERE e.consultation_id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(self.connection())
        .await?;
        let row = sqlx::query("SELECT school_id, start_at, end_at, live_at, closed_at FROM consultation WHERE id = $1")
            .bind(id.as_str())
            .fetch_one(self.connection())
            .await?;
        let (start_ms, end_ms) = (int(&row, "start_at")?, int(&row, "end_at")?);
        let closed_ms = sql::optional_int(&row, "closed_at")?.unwrap_or(end_ms);
        let came_ms = sql::optional_int(&row, "live_at")?;
        let waited_ms = came_ms.map_or(0, |came| closed_ms.min(end_ms) - came.max(start_ms));
        // As it was when it ended: what a school decides later changes nothing of what is past.
        let policy = self.no_audience_at(&SchoolId::new(text(&row, "school_id")?), closed_ms).await?;
        let counts = counts(after, waited_ms, end_ms - start_ms, policy);
        match entry {
            None if counts => self.append_load(id, now_ms).await,
            Some(entry) => {
                let minutes = int(&entry, "minutes")?;
                let now = sql::optional_int(&entry, "corrected")?.unwrap_or(minutes);
                // Somebody has set other minutes already, and they still stand for what happened.
                if counts == (now > 0) {
                    return Ok(());
                }
                let school = SchoolId::new(text(&entry, "school_id")?);
                let said = if counts { (minutes, int(&entry, "academic_hours")?) } else { (0, 0) };
                self.append_correction(&school, &text(&entry, "id")?, said, (reason, actor), now_ms).await
            }
            None => Ok(()),
        }
    }

    /// Appends a correction to an entry; the entry itself stays (R4.1e). [`StoreError::NotFound`]: no such entry in the school.
    pub async fn correct_load(
        &mut self,
        school: &SchoolId,
        entry: &str,
        minutes: i64,
        reason: &str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let row = sqlx::query(
            "SELECT o.academic_hour_minutes FROM load_entry e JOIN school o ON o.id = e.school_id
             WHERE e.id = $1 AND e.school_id = $2",
        )
        .bind(entry)
        .bind(school.as_str())
        .fetch_one(self.connection())
        .await?;
        let hour = u16::try_from(int(&row, "academic_hour_minutes")?).unwrap_or(45);
        let said = (minutes, academic_hours(minutes, false, hour));
        self.append_correction(school, entry, said, (reason, actor), now_ms).await
    }

    async fn append_correction(
        &mut self,
        school: &SchoolId,
        entry: &str,
        (minutes, hours): (i64, i64),
        (reason, actor): (&str, &Actor),
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let row = sqlx::query(
            "SELECT consultation_id, minutes, (SELECT COUNT(*) FROM load_correction x WHERE x.entry_id = e.id) AS n
             FROM load_entry e WHERE id = $1",
        )
        .bind(entry)
        .fetch_one(self.connection())
        .await?;
        let correction = vec![
            entry.into(),
            (int(&row, "n")? + 1).into(),
            minutes.into(),
            hours.into(),
            actor.person.as_str().into(),
            reason.into(),
            now_ms.into(),
        ];
        let into = "load_correction (entry_id, n, minutes, academic_hours, corrected_by, reason, created_at)";
        sql::insert_many(self.connection(), into, 7, vec![correction]).await?;
        let event = AuditEvent::new(school.clone(), now_ms, "load.correct", "load_entry", entry)
            .by(&actor.person, actor.role.map(Role::as_str))
            .because(reason)
            .with(serde_json::json!({ "minutes": minutes, "was": int(&row, "minutes")?, "consultation": text(&row, "consultation_id")? }));
        self.audit(event).await
    }
}

#[cfg(test)]
mod tests;
