//! Texts of consents and the acts of giving and withdrawing them: rows that are only appended.

use sqlx::any::AnyRow;

use super::super::sql::{int, text, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx, audit};
use crate::domain::consent::{Act, Entry, Purpose};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::role::Role;

/// A text that people sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentText {
    pub id: String,
    pub purpose: Purpose,
    pub version: i64,
    pub title: String,
    pub body: String,
    pub sha256: String,
    pub created_ms: i64,
}

impl Store {
    /// The texts in force: of each purpose the newest version.
    pub async fn consent_texts(&self, school: &SchoolId) -> Result<Vec<ConsentText>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, purpose, version, title, body, sha256, created_at FROM consent_text t WHERE school_id = $1
             AND version = (SELECT MAX(version) FROM consent_text o WHERE o.school_id = t.school_id AND o.purpose = t.purpose)
             ORDER BY purpose",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(consent_text).collect()
    }

    /// Puts a new version of a text in force. Earlier signatures are outdated from then on.
    pub async fn add_consent_text(
        &self,
        school: SchoolId,
        purpose: Purpose,
        title: String,
        body: String,
        actor: Option<Actor>,
        now_ms: i64,
    ) -> Result<String, StoreError> {
        self.write(move |tx| {
            Box::pin(
                async move { tx.add_consent_text(&school, purpose, (&title, &body), actor.as_ref(), now_ms).await },
            )
        })
        .await
    }

    /// Acts about one person's consent, oldest first.
    pub async fn consent_entries(&self, person: &PersonId, purpose: Purpose) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.by_id, c.act, c.at, t.version FROM consent c JOIN consent_text t ON t.id = c.text_id
             WHERE c.person_id = $1 AND c.purpose = $2 ORDER BY c.at, c.id",
        )
        .bind(person.as_str())
        .bind(purpose.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Entry {
                    by: PersonId::new(text(row, "by_id")?),
                    act: word(Act::parse(&text(row, "act")?), "act")?,
                    version: int(row, "version")?,
                    at_ms: int(row, "at")?,
                })
            })
            .collect()
    }

    /// Guardians who may sign for a person: confirmed links.
    pub async fn confirmed_guardians(&self, student: &PersonId) -> Result<Vec<PersonId>, StoreError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT guardian_id FROM guardian_link WHERE student_id = $1 AND state = 'confirmed'")
                .bind(student.as_str())
                .fetch_all(self.readers())
                .await?;
        Ok(rows.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }

    /// Appends an act. The text has to be the one in force, so that nobody signs what they have not seen.
    /// [`StoreError::Conflict`]: it is not.
    #[allow(clippy::too_many_arguments, reason = "one for each column of the act")]
    pub async fn sign_consent(
        &self,
        school: SchoolId,
        person: PersonId,
        actor: Actor,
        purpose: Purpose,
        text_id: String,
        act: Act,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let row = sqlx::query(
                    "SELECT id FROM consent_text WHERE school_id = $1 AND purpose = $2 ORDER BY version DESC LIMIT 1",
                )
                .bind(school.as_str())
                .bind(purpose.as_str())
                .fetch_one(tx.connection())
                .await?;
                if text(&row, "id")? != text_id {
                    return Err(StoreError::Conflict);
                }
                let id = uuid::Uuid::now_v7().to_string();
                sqlx::query(
                    "INSERT INTO consent (id, school_id, person_id, by_id, purpose, text_id, act, method, at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, 'web', $8)",
                )
                .bind(id.as_str())
                .bind(school.as_str())
                .bind(person.as_str())
                .bind(actor.person.as_str())
                .bind(purpose.as_str())
                .bind(text_id.as_str())
                .bind(act.as_str())
                .bind(now_ms)
                .execute(tx.connection())
                .await?;
                if act == Act::Withdrawn && purpose == Purpose::Messages {
                    // What waits for the morning does not go out any more either.
                    sqlx::query(
                        "UPDATE delivery SET state = 'failed', last_error = 'consent withdrawn', done_at = $1
                         WHERE person_id = $2 AND state = 'waiting' AND channel IN ('email', 'push')",
                    )
                    .bind(now_ms)
                    .bind(person.as_str())
                    .execute(tx.connection())
                    .await?;
                }
                let action = if act == Act::Given { "consent.give" } else { "consent.withdraw" };
                let detail = serde_json::json!({ "purpose": purpose, "text": text_id, "person": person });
                let event = AuditEvent::new(school, now_ms, action, "consent", &id)
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .with(detail);
                tx.audit(event).await
            })
        })
        .await
    }
}

impl Tx {
    /// Puts a new version of a text (title, body) in force; gives its id. [`StoreError::Conflict`]: it says what is in force
    /// already, and would outdate every signature for nothing.
    pub async fn add_consent_text(
        &mut self,
        school: &SchoolId,
        purpose: Purpose,
        (title, body): (&str, &str),
        actor: Option<&Actor>,
        now_ms: i64,
    ) -> Result<String, StoreError> {
        let id = uuid::Uuid::now_v7().to_string();
        let before = self.consent_text_in_force(school, purpose).await?;
        if before.as_ref().is_some_and(|text| text.title == title && text.body == body) {
            return Err(StoreError::Conflict);
        }
        let version = before.map_or(0, |text| text.version) + 1;
        let sha256 = audit::digest(&format!("{title}\n{body}"));
        sqlx::query(
            "INSERT INTO consent_text (id, school_id, purpose, version, title, body, sha256, created_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id.as_str())
        .bind(school.as_str())
        .bind(purpose.as_str())
        .bind(version)
        .bind(title)
        .bind(body)
        .bind(sha256.as_str())
        .bind(actor.map(|actor| actor.person.as_str()))
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        let detail = serde_json::json!({ "purpose": purpose, "version": version, "sha256": sha256 });
        let mut event = AuditEvent::new(school.clone(), now_ms, "consent_text.add", "consent_text", &id).with(detail);
        if let Some(actor) = actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        self.audit(event).await?;
        Ok(id)
    }

    /// The newest version of a purpose's text; `None`: there is none yet.
    pub async fn consent_text_in_force(
        &mut self,
        school: &SchoolId,
        purpose: Purpose,
    ) -> Result<Option<ConsentText>, StoreError> {
        let row = sqlx::query(
            "SELECT id, purpose, version, title, body, sha256, created_at FROM consent_text
             WHERE school_id = $1 AND purpose = $2 ORDER BY version DESC LIMIT 1",
        )
        .bind(school.as_str())
        .bind(purpose.as_str())
        .fetch_optional(self.connection())
        .await?;
        row.as_ref().map(consent_text).transpose()
    }
}

fn consent_text(row: &AnyRow) -> Result<ConsentText, StoreError> {
    Ok(ConsentText {
        id: text(row, "id")?,
        purpose: word(Purpose::parse(&text(row, "purpose")?), "purpose")?,
        version: int(row, "version")?,
        title: text(row, "title")?,
        body: text(row, "body")?,
        sha256: text(row, "sha256")?,
        created_ms: int(row, "created_at")?,
    })
}
