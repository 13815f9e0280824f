//! The files of local acts: brought first, taken over by the act that is written with them.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::super::super::sql::{self, int, optional_text, text};
use super::super::super::transition::Actor;
use super::super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::SchoolId;
use crate::domain::role::Role;

/// A file as an act names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActFile {
    /// The name of the bytes in the data folder.
    pub id: String,
    /// What it was called: shown, never used as a path.
    pub name: String,
    pub size_bytes: i64,
}

/// A file that was brought.
#[derive(Clone, Debug)]
pub struct NewActFile {
    pub file: ActFile,
    pub media_type: String,
    pub sha256: String,
}

/// Files of one school that no act has yet.
const MOST_LOOSE: i64 = 50;

fn file(row: &AnyRow) -> Result<ActFile, StoreError> {
    Ok(ActFile { id: text(row, "id")?, name: text(row, "name")?, size_bytes: int(row, "size_bytes")? })
}

impl Store {
    /// A file, and whether an act has it. [`StoreError::NotFound`]: the school has none of that id.
    pub async fn act_file(&self, school: &SchoolId, id: &str) -> Result<(ActFile, bool), StoreError> {
        let row = sqlx::query("SELECT id, name, size_bytes, act_id FROM act_file WHERE id = $1 AND school_id = $2")
            .bind(id)
            .bind(school.as_str())
            .fetch_one(self.readers())
            .await?;
        Ok((file(&row)?, optional_text(&row, "act_id")?.is_some()))
    }

    /// Writes a file's row, once its bytes are on the disk. `false`: there are as many without an act as may be.
    pub async fn add_act_file(
        &self,
        school: SchoolId,
        new: NewActFile,
        actor: Actor,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let (loose,): (i64,) =
                    sqlx::query_as("SELECT COUNT(*) FROM act_file WHERE school_id = $1 AND act_id IS NULL")
                        .bind(school.as_str())
                        .fetch_one(tx.connection())
                        .await?;
                if loose >= MOST_LOOSE {
                    return Ok(false);
                }
                let row = vec![
                    new.file.id.as_str().into(),
                    school.as_str().into(),
                    new.file.name.as_str().into(),
                    new.media_type.as_str().into(),
                    new.file.size_bytes.into(),
                    new.sha256.as_str().into(),
                    actor.person.as_str().into(),
                    now_ms.into(),
                ];
                let into = "act_file (id, school_id, name, media_type, size_bytes, sha256, by_id, at)";
                sql::insert_many(tx.connection(), into, 8, vec![row]).await?;
                let event = AuditEvent::new(school, now_ms, "local_act.file", "act_file", &new.file.id)
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .with(serde_json::json!({ "sha256": new.sha256, "bytes": new.file.size_bytes }));
                tx.audit(event).await?;
                Ok(true)
            })
        })
        .await
    }
}

impl Tx {
    /// Gives an act its file. [`StoreError::Conflict`]: another act has it, or it is gone.
    pub(super) async fn take_file(&mut self, school: &SchoolId, act: &str, file: &str) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE act_file SET act_id = $1 WHERE id = $2 AND school_id = $3 AND act_id IS NULL")
            .bind(act)
            .bind(file)
            .bind(school.as_str())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }
}
