//! The local acts of the school (R1.1): the paper on which assistance rests, with the days on which it is in force.

pub mod papers;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::super::school::School;
use super::super::sql::{self, date, json, optional_date, optional_int, optional_text, text, to_json};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::role::Role;
use papers::ActFile;

/// By which protocol an opinion was heeded («учтено мнение»): whose, number, day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    pub title: String,
    pub number: String,
    pub dated: Date,
}

/// Protocols that one act names at most; an act names two or three.
pub const MOST_OPINIONS: usize = 10;

/// A local act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAct {
    pub id: String,
    pub number: String,
    pub dated: Date,
    pub title: String,
    /// The law it rests on.
    pub basis: String,
    pub valid_from: Date,
    pub valid_to: Option<Date>,
    /// At most [`MOST_OPINIONS`]. Proposals from before have none.
    #[serde(default)]
    pub opinions: Vec<Opinion>,
    #[serde(default)]
    pub file: Option<ActFile>,
}

impl Store {
    /// Acts of the school, the newest first.
    pub async fn local_acts(&self, school: &School) -> Result<Vec<LocalAct>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.id, a.number, a.dated, a.title, a.basis, a.valid_from, a.valid_to, a.opinions, f.id AS file_id,
             f.name AS file_name, f.size_bytes AS file_bytes FROM local_act a LEFT JOIN act_file f ON f.act_id = a.id
             WHERE a.school_id = $1 ORDER BY a.valid_from DESC, a.id DESC",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(LocalAct {
                    id: text(row, "id")?,
                    number: text(row, "number")?,
                    dated: date(&text(row, "dated")?)?,
                    title: text(row, "title")?,
                    basis: text(row, "basis")?,
                    valid_from: date(&text(row, "valid_from")?)?,
                    valid_to: optional_date(optional_text(row, "valid_to")?)?,
                    opinions: json(&text(row, "opinions")?, "opinions of an act")?,
                    file: match optional_text(row, "file_id")? {
                        Some(id) => Some(ActFile {
                            id,
                            name: text(row, "file_name")?,
                            size_bytes: optional_int(row, "file_bytes")?.unwrap_or_default(),
                        }),
                        None => None,
                    },
                })
            })
            .collect()
    }
}

impl Store {
    /// Ends every act in force with this day: nothing later can be planned until there is another one.
    pub async fn end_local_acts(&self, school: &School, last_day: Date, now_ms: i64) -> Result<(), StoreError> {
        let school = school.id.clone();
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE local_act SET valid_to = $1 WHERE school_id = $2 AND (valid_to IS NULL OR valid_to > $3)",
                )
                .bind(last_day.to_string())
                .bind(school.as_str())
                .bind(last_day.to_string())
                .execute(tx.connection())
                .await?;
                let event = AuditEvent::new(school.clone(), now_ms, "local_act.end", "school", school.as_str());
                tx.audit(event.with(serde_json::json!({ "last_day": last_day }))).await
            })
        })
        .await
    }
}

impl Tx {
    /// Writes an act with its papers. The one before it is not ended by this: two may be in force for a while.
    /// [`StoreError::Conflict`]: its file is another act's by now, or gone.
    pub async fn insert_local_act(
        &mut self,
        school: &School,
        act: &LocalAct,
        actor: Option<&Actor>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let row = vec![
            act.id.as_str().into(),
            school.id.as_str().into(),
            act.number.as_str().into(),
            act.dated.to_string().into(),
            act.title.as_str().into(),
            act.basis.as_str().into(),
            act.valid_from.to_string().into(),
            act.valid_to.map(|day| day.to_string()).into(),
            to_json(&act.opinions).into(),
            now_ms.into(),
        ];
        let into = "local_act (id, school_id, number, dated, title, basis, valid_from, valid_to, opinions, created_at)";
        sql::insert_many(self.connection(), into, 10, vec![row]).await?;
        if let Some(file) = &act.file {
            self.take_file(&school.id, &act.id, &file.id).await?;
        }
        let mut event = AuditEvent::new(school.id.clone(), now_ms, "local_act.add", "local_act", &act.id)
            .with(serde_json::json!({ "number": act.number, "valid_from": act.valid_from, "valid_to": act.valid_to,
                "opinions": act.opinions.len(), "file": act.file.as_ref().map(|file| &file.id) }));
        if let Some(actor) = actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        self.audit(event).await
    }
}
