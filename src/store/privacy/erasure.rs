//! Erasure of a person: asked, approved by the head, confirmed by the data officer, executed by an administrator; an act and
//! the journal's rows stay as proof for three years, the person's id stays as a pseudonym (DOMAIN 4.2).

use super::super::outbox::Letter;
use super::super::sql::{int, optional_int, optional_text, text};
use super::super::transition::{Actor, TransitionError};
use super::super::{AuditEvent, Store, StoreError, Tx, audit};
use super::places::{End, PLACES};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::notice::Notice;
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// How long an act is kept.
const KEEP_ACT_MS: i64 = 3 * 366 * 86_400_000;

/// How long after one gave the other a new password the two do not count as two persons: whoever comes back to their own
/// account has noticed by then.
const BORROWED_MS: i64 = 7 * 86_400_000;

/// A request to erase.
#[derive(Clone, Debug)]
pub struct Erasure {
    pub id: String,
    pub person: PersonId,
    pub person_name: String,
    pub asked_by: PersonId,
    pub asked_by_name: String,
    pub reason: String,
    /// `requested`, `approved`, `confirmed`, `declined` or `done`.
    pub state: String,
    pub asked_ms: i64,
    pub confirmed_by: Option<PersonId>,
    pub declined_reason: Option<String>,
    pub executed_ms: Option<i64>,
    pub act_number: Option<String>,
}

/// Proof of a destruction.
#[derive(Clone, Debug)]
pub struct DestructionAct {
    pub number: String,
    pub at_ms: i64,
    pub kind: String,
    pub subjects: serde_json::Value,
    pub categories: serde_json::Value,
    pub reason: String,
    pub log_export: String,
    pub log_sha256: String,
}

/// What an execution did.
#[derive(Clone, Debug)]
pub struct Erased {
    pub act_number: String,
    /// Files in the data folder that have to go with it.
    pub files: Vec<String>,
}

impl Store {
    /// Requests of a school, newest first; of one asker, or all.
    pub async fn erasures(&self, school: &SchoolId, asker: Option<&PersonId>) -> Result<Vec<Erasure>, StoreError> {
        let mut sql =
            "SELECT e.id, e.person_id, p.display_name AS person_name, e.asked_by, a.display_name AS asker_name,
            e.reason, e.state, e.asked_at, e.confirmed_by, e.declined_reason, e.executed_at, d.number FROM erasure e
            JOIN person p ON p.id = e.person_id JOIN person a ON a.id = e.asked_by
            LEFT JOIN destruction_act d ON d.id = e.act_id WHERE e.school_id = $1"
                .to_owned();
        if asker.is_some() {
            sql.push_str(" AND (e.asked_by = $2 OR e.person_id = $3)");
        }
        sql.push_str(" ORDER BY e.asked_at DESC LIMIT 500");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(school.as_str());
        if let Some(asker) = asker {
            query = query.bind(asker.as_str()).bind(asker.as_str());
        }
        let rows = query.fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                Ok(Erasure {
                    id: text(row, "id")?,
                    person: PersonId::new(text(row, "person_id")?),
                    person_name: text(row, "person_name")?,
                    asked_by: PersonId::new(text(row, "asked_by")?),
                    asked_by_name: text(row, "asker_name")?,
                    reason: text(row, "reason")?,
                    state: text(row, "state")?,
                    asked_ms: int(row, "asked_at")?,
                    confirmed_by: optional_text(row, "confirmed_by")?.map(PersonId::new),
                    declined_reason: optional_text(row, "declined_reason")?,
                    executed_ms: optional_int(row, "executed_at")?,
                    act_number: optional_text(row, "number")?,
                })
            })
            .collect()
    }

    /// Asks for an erasure. Refusals: `reason_required`, `erasure_pending`.
    pub async fn ask_erasure(
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
                let pending = sqlx::query(
                    "SELECT 1 FROM erasure WHERE person_id = $1 AND state IN ('requested', 'approved', 'confirmed')",
                )
                .bind(person.as_str())
                .fetch_optional(tx.connection())
                .await
                .map_err(StoreError::from)?;
                if pending.is_some() {
                    return Err(TransitionError::Refused(RefusalCode::ErasurePending));
                }
                let id = uuid::Uuid::now_v7().to_string();
                sqlx::query(
                    "INSERT INTO erasure (id, school_id, person_id, asked_by, reason, state, asked_at)
                     VALUES ($1, $2, $3, $4, $5, 'requested', $6)",
                )
                .bind(id.as_str())
                .bind(school.as_str())
                .bind(person.as_str())
                .bind(actor.person.as_str())
                .bind(reason.trim())
                .bind(now_ms)
                .execute(tx.connection())
                .await
                .map_err(StoreError::from)?;
                tx.erasure_event(&school, "erasure.request", &id, &person, &actor, now_ms).await?;
                Ok(id)
            })
        })
        .await
    }

    /// Moves a request on. `Approved` by the head, `Confirmed` by the data officer; refusals: `illegal_transition`,
    /// `retention_hold` (a hold, or a complaint that is not closed).
    pub async fn step_erasure(
        &self,
        school: SchoolId,
        id: String,
        to: ErasureStep,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), TransitionError> {
        self.write(move |tx| {
            Box::pin(async move {
                let (person, state) = tx.erasure_row(&school, &id).await?;
                let (from, word, columns, action) = match &to {
                    ErasureStep::Approve => {
                        ("requested", "approved", "approved_by = $2, approved_at = $3", "erasure.approve")
                    }
                    ErasureStep::Confirm => {
                        ("approved", "confirmed", "confirmed_by = $2, confirmed_at = $3", "erasure.confirm")
                    }
                    ErasureStep::Decline { .. } => {
                        (state.as_str(), "declined", "declined_by = $2, declined_reason = $3", "erasure.decline")
                    }
                };
                let is_open = matches!(state.as_str(), "requested" | "approved" | "confirmed");
                if state != from || !is_open {
                    return Err(TransitionError::Refused(RefusalCode::IllegalTransition));
                }
                if !matches!(to, ErasureStep::Decline { .. }) {
                    tx.refuse_held(&person).await?;
                }
                let sql = format!("UPDATE erasure SET state = $1, {columns} WHERE id = $4");
                let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(word).bind(actor.person.as_str());
                let query = match &to {
                    ErasureStep::Decline { reason } => query.bind(reason.clone()),
                    _ => query.bind(now_ms),
                };
                query.bind(id.as_str()).execute(tx.connection()).await.map_err(StoreError::from)?;
                tx.erasure_event(&school, action, &id, &person, &actor, now_ms).await?;
                Ok(())
            })
        })
        .await
    }

    /// Erases. Needs the data officer's confirmation, by another person than who executes (two persons). Refusals:
    /// `illegal_transition`, `retention_hold`, `role_not_permitted` (the same person, or one's own data).
    pub async fn execute_erasure(
        &self,
        school: SchoolId,
        id: String,
        actor: Actor,
        now_ms: i64,
    ) -> Result<Erased, TransitionError> {
        self.write(move |tx| {
            Box::pin(async move {
                let (person, state) = tx.erasure_row(&school, &id).await?;
                if state != "confirmed" {
                    return Err(TransitionError::Refused(RefusalCode::IllegalTransition));
                }
                let row = sqlx::query("SELECT approved_by, confirmed_by FROM erasure WHERE id = $1")
                    .bind(id.as_str())
                    .fetch_one(tx.connection())
                    .await
                    .map_err(StoreError::from)?;
                let officer = optional_text(&row, "confirmed_by")?;
                if officer.as_deref() == Some(actor.person.as_str()) || person == actor.person {
                    return Err(TransitionError::Refused(RefusalCode::RoleNotPermitted));
                }
                let approver = optional_text(&row, "approved_by")?;
                for other in [approver, officer].into_iter().flatten() {
                    tx.refuse_borrowed(&school, (&actor.person, &other), now_ms).await?;
                }
                tx.refuse_held(&person).await?;
                let erased = tx.erase(&school, &id, &person, &actor, now_ms).await?;
                Ok(erased)
            })
        })
        .await
    }

    /// Acts of a school, newest first.
    pub async fn destruction_acts(&self, school: &SchoolId) -> Result<Vec<DestructionAct>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, at, kind, subjects, categories, reason, log_export, log_sha256 FROM destruction_act
             WHERE school_id = $1 ORDER BY at DESC LIMIT 500",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(DestructionAct {
                    number: text(row, "number")?,
                    at_ms: int(row, "at")?,
                    kind: text(row, "kind")?,
                    subjects: super::super::sql::json(&text(row, "subjects")?, "subjects")?,
                    categories: super::super::sql::json(&text(row, "categories")?, "categories")?,
                    reason: text(row, "reason")?,
                    log_export: text(row, "log_export")?,
                    log_sha256: text(row, "log_sha256")?,
                })
            })
            .collect()
    }

    /// Whether a person has a capability beyond their roles (`data_officer`).
    pub async fn has_capability(&self, person: &PersonId, name: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM capability WHERE person_id = $1 AND name = $2 AND ended_at IS NULL")
            .bind(person.as_str())
            .bind(name)
            .fetch_optional(self.readers())
            .await?;
        Ok(row.is_some())
    }

    /// Who has a capability, with names.
    pub async fn holders_of(&self, school: &SchoolId, name: &str) -> Result<Vec<(PersonId, String)>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT p.id, p.display_name FROM capability c JOIN person p ON p.id = c.person_id
             WHERE c.school_id = $1 AND c.name = $2 AND c.ended_at IS NULL ORDER BY p.display_name",
        )
        .bind(school.as_str())
        .bind(name)
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(|(id, name)| (PersonId::new(id), name)).collect())
    }

    /// Gives a capability, or ends it.
    pub async fn set_capability(
        &self,
        school: SchoolId,
        person: PersonId,
        name: &'static str,
        is_given: bool,
        actor: Option<Actor>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO capability (school_id, person_id, name, given_by, given_at, ended_at)
                     VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT (person_id, name) DO UPDATE SET given_by = excluded.given_by,
                     given_at = excluded.given_at, ended_at = excluded.ended_at",
                )
                .bind(school.as_str())
                .bind(person.as_str())
                .bind(name)
                .bind(actor.as_ref().map(|actor| actor.person.as_str()))
                .bind(now_ms)
                .bind((!is_given).then_some(now_ms))
                .execute(tx.connection())
                .await?;
                let action = if is_given { "capability.give" } else { "capability.end" };
                let detail = serde_json::json!({ "name": name });
                let mut event = AuditEvent::new(school, now_ms, action, "person", person.as_str()).with(detail);
                if let Some(actor) = &actor {
                    event = event.by(&actor.person, actor.role.map(Role::as_str));
                }
                tx.audit(event).await
            })
        })
        .await
    }
}

/// A step of a request before its execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErasureStep {
    Approve,
    Confirm,
    Decline { reason: String },
}

impl Tx {
    /// Two persons are two: whoever gave the other a new password lately may have acted in both names.
    async fn refuse_borrowed(
        &mut self,
        school: &SchoolId,
        (one, other): (&PersonId, &str),
        now_ms: i64,
    ) -> Result<(), TransitionError> {
        let reset = sqlx::query(
            "SELECT 1 FROM audit_event WHERE school_id = $1 AND object_kind = 'person' AND action = 'account.password'
             AND at >= $2 AND (object_id = $3 AND actor_id = $4 OR object_id = $4 AND actor_id = $3)",
        )
        .bind(school.as_str())
        .bind(now_ms - BORROWED_MS)
        .bind(one.as_str())
        .bind(other)
        .fetch_optional(self.connection())
        .await
        .map_err(StoreError::from)?;
        if one.as_str() != other && reset.is_some() {
            return Err(TransitionError::Refused(RefusalCode::RoleNotPermitted));
        }
        Ok(())
    }

    async fn erasure_row(&mut self, school: &SchoolId, id: &str) -> Result<(PersonId, String), StoreError> {
        let row = sqlx::query("SELECT person_id, state FROM erasure WHERE id = $1 AND school_id = $2")
            .bind(id)
            .bind(school.as_str())
            .fetch_one(self.connection())
            .await?;
        Ok((PersonId::new(text(&row, "person_id")?), text(&row, "state")?))
    }

    /// `retention_hold` while something about the person is in dispute.
    async fn refuse_held(&mut self, person: &PersonId) -> Result<(), TransitionError> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM retention_hold WHERE person_id = $1 AND lifted_at IS NULL)
             + (SELECT COUNT(*) FROM complaint WHERE (author_id = $2 OR student_id = $3) AND state <> 'closed') AS n",
        )
        .bind(person.as_str())
        .bind(person.as_str())
        .bind(person.as_str())
        .fetch_one(self.connection())
        .await
        .map_err(StoreError::from)?;
        if int(&row, "n")? > 0 { Err(TransitionError::Refused(RefusalCode::RetentionHold)) } else { Ok(()) }
    }

    async fn erasure_event(
        &mut self,
        school: &SchoolId,
        action: &'static str,
        id: &str,
        person: &PersonId,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let event = AuditEvent::new(school.clone(), now_ms, action, "erasure", id)
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({ "person": person }));
        self.audit(event).await?;
        self.tell_erasure(school, action, id, now_ms).await
    }

    /// Whose turn it is, or who asked, hears of a step.
    async fn tell_erasure(&mut self, school: &SchoolId, action: &str, id: &str, now_ms: i64) -> Result<(), StoreError> {
        let row = sqlx::query("SELECT asked_by, person_id, declined_reason FROM erasure WHERE id = $1")
            .bind(id)
            .fetch_one(self.connection())
            .await?;
        let erasure = id.to_owned();
        let day = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let day = day.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        let asker = PersonId::new(text(&row, "asked_by")?);
        let (to, notice) = match action {
            "erasure.request" => {
                (self.holders(school, &[Role::Head], &day).await?, Notice::ErasureRequested { erasure })
            }
            "erasure.approve" => {
                let officers: Vec<(String,)> = sqlx::query_as(
                    "SELECT person_id FROM capability WHERE school_id = $1 AND name = 'data_officer' AND ended_at IS NULL",
                )
                .bind(school.as_str())
                .fetch_all(self.connection())
                .await?;
                let mut to: Vec<PersonId> = officers.into_iter().map(|(id,)| PersonId::new(id)).collect();
                to.push(asker);
                (to, Notice::ErasureApproved { erasure })
            }
            "erasure.confirm" => {
                (self.holders(school, &[Role::Admin], &day).await?, Notice::ErasureRequested { erasure })
            }
            "erasure.decline" => {
                let reason = optional_text(&row, "declined_reason")?.unwrap_or_default();
                (vec![asker], Notice::ErasureDeclined { erasure, reason })
            }
            // Who is erased hears of nothing any more.
            _ => return Ok(()),
        };
        let key = format!("{id}:{action}");
        self.enqueue(Letter { school: school.clone(), to, notice, key, now_ms }).await?;
        Ok(())
    }

    async fn erase(
        &mut self,
        school: &SchoolId,
        id: &str,
        person: &PersonId,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<Erased, StoreError> {
        let files: Vec<(String,)> = sqlx::query_as("SELECT id FROM request_file WHERE by_id = $1")
            .bind(person.as_str())
            .fetch_all(self.connection())
            .await?;
        // Edits hang on messages that stay.
        let edits =
            sqlx::query("DELETE FROM message_edit WHERE message_id IN (SELECT id FROM message WHERE author_id = $1)")
                .bind(person.as_str())
                .execute(self.connection())
                .await?
                .rows_affected();
        let mut categories = serde_json::Map::new();
        categories.insert("message_edit".to_owned(), edits.into());
        for place in PLACES.iter().filter(|place| place.is_own) {
            let sql = match place.end {
                End::Keep => continue,
                End::Delete => format!("DELETE FROM {} WHERE {} = $1", place.table, place.column),
                // Columns of text that may not be null are emptied alike.
                End::Redact(columns) => {
                    let emptied: Vec<String> = columns
                        .iter()
                        .map(|column| format!("{column} = CASE WHEN {column} IS NULL THEN NULL ELSE '' END"))
                        .collect();
                    format!("UPDATE {} SET {} WHERE {} = $1", place.table, emptied.join(", "), place.column)
                }
            };
            let done = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str()).execute(self.connection()).await?;
            if done.rows_affected() > 0 {
                let before = categories.get(place.table).and_then(serde_json::Value::as_u64).unwrap_or(0);
                categories.insert(place.table.to_owned(), (before + done.rows_affected()).into());
            }
        }
        sqlx::query("DELETE FROM roster_source WHERE target_id = $1")
            .bind(person.as_str())
            .execute(self.connection())
            .await?;
        let pseudonym = format!("X-{}", &audit::digest(person.as_str())[..12]);
        sqlx::query(
            "UPDATE person SET code = $1, code_fold = $2, family_name = '', given_name = '', middle_name = NULL,
             birth_date = NULL, display_name = $3, name_fold = '', status = 'erased' WHERE id = $4",
        )
        .bind(pseudonym.as_str())
        .bind(pseudonym.to_lowercase())
        .bind(format!("Удалено ({pseudonym})"))
        .bind(person.as_str())
        .execute(self.connection())
        .await?;
        categories.insert("person".to_owned(), 1.into());
        for statement in [
            "UPDATE role_assignment SET valid_to = '1970-01-01' WHERE person_id = $1",
            "UPDATE guardian_link SET state = 'ended' WHERE student_id = $1",
            "UPDATE guardian_link SET state = 'ended' WHERE guardian_id = $1",
        ] {
            sqlx::query(statement).bind(person.as_str()).execute(self.connection()).await?;
        }
        self.access_changed();
        self.erasure_event(school, "erasure.execute", id, person, actor, now_ms).await?;
        let reason = "Требование субъекта персональных данных".to_owned();
        let act = self
            .write_act(school, "erasure", vec![pseudonym], categories.into(), reason, ("erasure", id), now_ms)
            .await?;
        sqlx::query("UPDATE erasure SET state = 'done', executed_by = $1, executed_at = $2, act_id = $3 WHERE id = $4")
            .bind(actor.person.as_str())
            .bind(now_ms)
            .bind(act.0.as_str())
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(Erased { act_number: act.1, files: files.into_iter().map(|(id,)| id).collect() })
    }

    /// Writes an act with the journal's rows about an object; gives its id and number.
    #[allow(clippy::too_many_arguments)]
    pub(super) async fn write_act(
        &mut self,
        school: &SchoolId,
        kind: &'static str,
        subjects: Vec<String>,
        categories: serde_json::Value,
        reason: String,
        (object_kind, object_id): (&str, &str),
        now_ms: i64,
    ) -> Result<(String, String), StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at, actor_id, acting_role, action, object_id, prev_hash, hash FROM audit_event
             WHERE school_id = $1 AND object_kind = $2 AND object_id = $3 ORDER BY seq",
        )
        .bind(school.as_str())
        .bind(object_kind)
        .bind(object_id)
        .fetch_all(self.connection())
        .await?;
        let mut log = String::new();
        for row in &rows {
            let line = serde_json::json!({
                "seq": int(row, "seq")?, "at": int(row, "at")?, "actor": optional_text(row, "actor_id")?,
                "role": optional_text(row, "acting_role")?, "action": text(row, "action")?,
                "object": text(row, "object_id")?, "prev_hash": text(row, "prev_hash")?, "hash": text(row, "hash")?,
            });
            log.push_str(&line.to_string());
            log.push('\n');
        }
        let id = uuid::Uuid::now_v7().to_string();
        let year =
            jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).year();
        // Counted within the year: acts themselves go after three, and a number is never given twice.
        let row = sqlx::query("SELECT COUNT(*) AS n FROM destruction_act WHERE school_id = $1 AND number LIKE $2")
            .bind(school.as_str())
            .bind(format!("{year}-%"))
            .fetch_one(self.connection())
            .await?;
        let number = format!("{year}-{:04}", int(&row, "n")? + 1);
        sqlx::query(
            "INSERT INTO destruction_act (id, school_id, number, at, kind, subjects, categories, reason, log_export,
             log_sha256, keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id.as_str())
        .bind(school.as_str())
        .bind(number.as_str())
        .bind(now_ms)
        .bind(kind)
        .bind(super::super::sql::to_json(&subjects))
        .bind(categories.to_string())
        .bind(reason)
        .bind(log.as_str())
        .bind(audit::digest(&log))
        .bind(now_ms + KEEP_ACT_MS)
        .execute(self.connection())
        .await?;
        let event = AuditEvent::new(school.clone(), now_ms, "destruction.act", "destruction_act", &id)
            .with(serde_json::json!({ "number": number, "log_sha256": audit::digest(&log), "categories": categories }));
        self.audit(event).await?;
        Ok((id, number))
    }
}
