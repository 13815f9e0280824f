//! Calendar feeds: one secret, revocable address for a person. Only the hash of the secret is here.

use super::sql::{int, text};
use super::{AuditEvent, Store, StoreError};
use crate::domain::ids::{PersonId, SchoolId};

/// A feed that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    pub person: PersonId,
    pub school: SchoolId,
    pub created_ms: i64,
    /// When a calendar program last asked; `None`: never.
    pub used_ms: Option<i64>,
}

impl Store {
    pub async fn feed_of(&self, person: &PersonId) -> Result<Option<Feed>, StoreError> {
        self.feed_where(
            "SELECT person_id, school_id, created_at, used_at FROM ics_token WHERE person_id = $1",
            person.as_str(),
        )
        .await
    }

    /// The feed of a secret's hash.
    pub async fn feed_by_hash(&self, hash: &str) -> Result<Option<Feed>, StoreError> {
        self.feed_where("SELECT person_id, school_id, created_at, used_at FROM ics_token WHERE token_hash = $1", hash)
            .await
    }

    async fn feed_where(&self, statement: &'static str, value: &str) -> Result<Option<Feed>, StoreError> {
        let row = sqlx::query(statement).bind(value).fetch_optional(self.readers()).await?;
        row.map(|row| {
            Ok(Feed {
                person: PersonId::new(text(&row, "person_id")?),
                school: SchoolId::new(text(&row, "school_id")?),
                created_ms: int(&row, "created_at")?,
                used_ms: super::sql::optional_int(&row, "used_at")?,
            })
        })
        .transpose()
    }

    /// A new address in place of the old one, which stops working; `None` only takes it away.
    pub async fn set_feed(
        &self,
        school: SchoolId,
        person: PersonId,
        hash: Option<String>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query("DELETE FROM ics_token WHERE person_id = $1")
                    .bind(person.as_str())
                    .execute(tx.connection())
                    .await?;
                let action = if hash.is_some() { "feed.make" } else { "feed.revoke" };
                if let Some(hash) = hash {
                    sqlx::query(
                        "INSERT INTO ics_token (person_id, school_id, token_hash, created_at) VALUES ($1, $2, $3, $4)",
                    )
                    .bind(person.as_str())
                    .bind(school.as_str())
                    .bind(hash)
                    .bind(now_ms)
                    .execute(tx.connection())
                    .await?;
                }
                tx.audit(AuditEvent::new(school, now_ms, action, "person", person.as_str()).by(&person, None)).await
            })
        })
        .await
    }

    /// A calendar program has asked.
    pub async fn touch_feed(&self, person: PersonId, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query("UPDATE ics_token SET used_at = $1 WHERE person_id = $2")
                    .bind(now_ms)
                    .bind(person.as_str())
                    .execute(tx.connection())
                    .await?;
                Ok(())
            })
        })
        .await
    }
}
