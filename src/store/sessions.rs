//! Sign-ins: cookies of people and tokens of their programs. What is kept is the SHA-256 of a random secret, so that a
//! stolen copy of the database signs nobody in.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::policy::Scope;

/// How a sign-in came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A person with a password, in a browser.
    Cookie,
    /// A program that acts for a person.
    Token,
}

/// One sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the secret, hex.
    pub id_hash: String,
    pub school: SchoolId,
    pub person: PersonId,
    pub kind: SessionKind,
    /// `None`: everything that its owner may do.
    pub scopes: Option<Vec<Scope>>,
    pub created_ms: i64,
    /// Last request, to the minute.
    pub seen_ms: i64,
    /// Milliseconds without a request after which it is over; 0: never.
    pub idle_ms: i64,
    /// When it is over in any case.
    pub expires_ms: i64,
}

/// A password to write.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    pub school: SchoolId,
    pub person: PersonId,
    /// The PHC string that was checked; `None`: whatever is there.
    pub instead_of: Option<String>,
    /// The new PHC string.
    pub password_hash: String,
    /// `None`: somebody at the command line.
    pub by: Option<PersonId>,
    /// The person chose it; else the next sign-in is for choosing another.
    pub is_own: bool,
}

impl SessionRow {
    /// Whether it still signs anybody in.
    pub fn is_alive(&self, now_ms: i64) -> bool {
        now_ms < self.expires_ms && (self.idle_ms == 0 || now_ms < self.seen_ms.saturating_add(self.idle_ms))
    }
}

impl SessionKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Token => "token",
        }
    }
}

impl Store {
    /// Keeps a new sign-in. `replaces` is the sign-in that the same browser brought along: it ends (no fixation).
    pub async fn begin_session(&self, row: SessionRow, replaces: Option<String>) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                if let Some(old) = replaces {
                    tx.delete_session(&old).await?;
                }
                tx.insert_session(row).await
            })
        })
        .await
    }

    /// The sign-in of a secret's hash; `None`: there is none, or its time is over.
    pub async fn session(&self, id_hash: &str, now_ms: i64) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT id_hash, school_id, person_id, kind, scopes, created_at, seen_at, idle, expires_at
             FROM web_session WHERE id_hash = $1",
        )
        .bind(id_hash)
        .fetch_optional(self.readers())
        .await?;
        let session = row.map(|row| read(&row)).transpose()?;
        Ok(session.filter(|session| session.is_alive(now_ms)))
    }

    /// Notes that the sign-in is in use.
    pub async fn touch_session(&self, id_hash: &str, now_ms: i64) -> Result<(), StoreError> {
        let id_hash = id_hash.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query("UPDATE web_session SET seen_at = $1 WHERE id_hash = $2 AND seen_at < $1")
                    .bind(now_ms)
                    .bind(id_hash)
                    .execute(tx.connection())
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Shortens a sign-in; what is shorter already stays.
    pub async fn tighten_session(&self, id_hash: &str, idle_ms: i64, expires_ms: i64) -> Result<(), StoreError> {
        let id_hash = id_hash.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE web_session SET idle = CASE WHEN idle > $1 THEN $1 ELSE idle END,
                     expires_at = CASE WHEN expires_at > $2 THEN $2 ELSE expires_at END WHERE id_hash = $3",
                )
                .bind(idle_ms)
                .bind(expires_ms)
                .bind(id_hash)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Ends one sign-in.
    pub async fn end_session(&self, row: SessionRow, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                tx.delete_session(&row.id_hash).await?;
                let event = AuditEvent::new(row.school, now_ms, "session.end", "person", row.person.as_str());
                tx.audit(event.by(&row.person, None)).await
            })
        })
        .await
    }

    /// Ends all sign-ins and tokens of a person (new password, left the school). Answers their hashes.
    pub async fn end_sessions_of(&self, person: &PersonId) -> Result<Vec<String>, StoreError> {
        let person = person.as_str().to_owned();
        self.write(move |tx| Box::pin(async move { tx.delete_sessions_of(&person).await })).await
    }

    /// Gives a person another password and ends all their sign-ins and tokens; `fresh` is the one with which they go on.
    /// Answers the hashes that ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]: no account, or its password is not `instead_of` any more (somebody was quicker).
    pub async fn change_password(
        &self,
        change: PasswordChange,
        fresh: Option<SessionRow>,
        now_ms: i64,
    ) -> Result<Vec<String>, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let PasswordChange { school, person, instead_of, password_hash, by, is_own } = change;
                tx.update_password(&person, &password_hash, instead_of.as_deref()).await?;
                tx.set_password_due(&person, !is_own).await?;
                let ended = tx.delete_sessions_of(person.as_str()).await?;
                if let Some(fresh) = fresh {
                    tx.insert_session(fresh).await?;
                }
                let event = AuditEvent::new(school, now_ms, "account.password", "person", person.as_str());
                tx.audit(match by {
                    Some(by) => event.by(&by, None),
                    None => event,
                })
                .await?;
                Ok(ended)
            })
        })
        .await
    }

    /// Keeps the same password under today's parameters. Nothing happens when it has been changed meanwhile.
    pub async fn rehash_password(&self, person: PersonId, from: String, to: String) -> Result<(), StoreError> {
        let done =
            self.write(move |tx| Box::pin(async move { tx.update_password(&person, &to, Some(&from)).await })).await;
        match done {
            Err(StoreError::NotFound) => Ok(()),
            done => done,
        }
    }

    /// Ends all sign-ins and tokens of a person on somebody's word, with a row in the journal. Answers how many.
    pub async fn sign_out_everywhere(
        &self,
        school: SchoolId,
        person: PersonId,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let ended = tx.delete_sessions_of(person.as_str()).await?.len();
                tx.audit(AuditEvent::new(school, now_ms, "session.end_all", "person", person.as_str())).await?;
                Ok(ended)
            })
        })
        .await
    }

    /// Forgets what is over; answers how many.
    pub async fn purge_sessions(&self, now_ms: i64) -> Result<u64, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM web_session WHERE expires_at <= $1")
                    .bind(now_ms)
                    .execute(tx.connection())
                    .await?;
                Ok(done.rows_affected())
            })
        })
        .await
    }
}

impl Tx {
    async fn insert_session(&mut self, row: SessionRow) -> Result<(), StoreError> {
        let scopes = row.scopes.as_ref().map(|scopes| serde_json::json!(scopes));
        sqlx::query(
            "INSERT INTO web_session (id_hash, school_id, person_id, kind, scopes, created_at, seen_at, idle, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(row.id_hash)
        .bind(row.school.as_str())
        .bind(row.person.as_str())
        .bind(row.kind.as_str())
        .bind(scopes.as_ref().map(ToString::to_string))
        .bind(row.created_ms)
        .bind(row.seen_ms)
        .bind(row.idle_ms)
        .bind(row.expires_ms)
        .execute(self.connection())
        .await?;
        let action = match row.kind {
            SessionKind::Cookie => "session.begin",
            SessionKind::Token => "token.create",
        };
        let event = AuditEvent::new(row.school, row.created_ms, action, "person", row.person.as_str());
        let event = event.by(&row.person, None);
        self.audit(match scopes {
            Some(scopes) => event.with(serde_json::json!({ "scopes": scopes })),
            None => event,
        })
        .await
    }

    async fn delete_session(&mut self, id_hash: &str) -> Result<(), StoreError> {
        self.sign_ins_changed();
        sqlx::query("DELETE FROM web_session WHERE id_hash = $1").bind(id_hash).execute(self.connection()).await?;
        Ok(())
    }

    /// Ends all sign-ins of a person inside a larger job. Answers their hashes.
    pub(crate) async fn delete_sessions_of(&mut self, person: &str) -> Result<Vec<String>, StoreError> {
        self.sign_ins_changed();
        let hashes: Vec<(String,)> = sqlx::query_as("SELECT id_hash FROM web_session WHERE person_id = $1")
            .bind(person)
            .fetch_all(self.connection())
            .await?;
        sqlx::query("DELETE FROM web_session WHERE person_id = $1").bind(person).execute(self.connection()).await?;
        Ok(hashes.into_iter().map(|(hash,)| hash).collect())
    }
}

fn read(row: &AnyRow) -> Result<SessionRow, StoreError> {
    let kind = match row.try_get::<String, _>("kind")?.as_str() {
        "cookie" => SessionKind::Cookie,
        "token" => SessionKind::Token,
        _ => return Err(StoreError::Unreadable { what: "session kind" }),
    };
    let scopes = row
        .try_get::<Option<String>, _>("scopes")?
        .map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Unreadable { what: "session scope" }))
        .transpose()?;
    Ok(SessionRow {
        id_hash: row.try_get("id_hash")?,
        school: SchoolId::new(row.try_get::<String, _>("school_id")?),
        person: PersonId::new(row.try_get::<String, _>("person_id")?),
        kind,
        scopes,
        created_ms: row.try_get("created_at")?,
        seen_ms: row.try_get("seen_at")?,
        idle_ms: row.try_get("idle")?,
        expires_ms: row.try_get("expires_at")?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(id_hash: &str) -> SessionRow {
        SessionRow {
            id_hash: id_hash.into(),
            school: SchoolId::new("s"),
            person: PersonId::new("p"),
            kind: SessionKind::Cookie,
            scopes: None,
            created_ms: 0,
            seen_ms: 0,
            idle_ms: 1_000,
            expires_ms: 10_000,
        }
    }

    async fn store() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        (store, folder)
    }

    #[tokio::test]
    async fn a_session_ends_by_idling_by_age_and_by_sign_out() {
        let (store, _folder) = store().await;
        store.begin_session(row("a"), None).await.unwrap();
        assert!(store.session("a", 999).await.unwrap().is_some());
        assert!(store.session("a", 1_000).await.unwrap().is_none());
        for now_ms in (500..10_000).step_by(500) {
            store.touch_session("a", now_ms).await.unwrap();
        }
        let kept = store.session("a", 9_999).await.unwrap().unwrap();
        assert!(store.session("a", 10_000).await.unwrap().is_none());
        store.end_session(kept, 9_999).await.unwrap();
        assert!(store.session("a", 9_999).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn signing_in_ends_the_session_that_the_browser_brought() {
        let (store, _folder) = store().await;
        store.begin_session(row("old"), None).await.unwrap();
        store.begin_session(row("new"), Some("old".into())).await.unwrap();
        assert!(store.session("old", 1).await.unwrap().is_none());
        assert!(store.session("new", 1).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_token_keeps_its_scopes_and_ends_with_all_sessions_of_its_owner() {
        let (store, _folder) = store().await;
        let token = SessionRow { kind: SessionKind::Token, scopes: Some(vec![Scope::RoomPublish]), ..row("t") };
        store.begin_session(token.clone(), None).await.unwrap();
        let (action, detail): (String, String) =
            sqlx::query_as("SELECT action, detail FROM audit_event").fetch_one(store.readers()).await.unwrap();
        assert_eq!((action.as_str(), detail.as_str()), ("token.create", r#"{"scopes":["room.publish"]}"#));
        assert_eq!(store.session("t", 1).await.unwrap(), Some(token));
        assert_eq!(store.end_sessions_of(&PersonId::new("p")).await.unwrap(), ["t"]);
        assert!(store.session("t", 1).await.unwrap().is_none());
    }
}
