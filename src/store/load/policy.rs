//! What a school counts for a host to whom nobody came: rows in the order of time. A change holds for what ends after it; what
//! has ended is judged by what held then, also when its outcome is corrected later.

use sqlx::any::AnyRow;

use super::super::sql::{self, optional_int, text, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::SchoolId;
use crate::domain::planning::load::NoAudience;
use crate::domain::role::Role;

const AT: &str = "SELECT counts, minutes FROM load_policy WHERE school_id = $1 AND from_at <= $2
    ORDER BY from_at DESC, id DESC LIMIT 1";

fn policy(row: Option<&AnyRow>) -> Result<NoAudience, StoreError> {
    let Some(row) = row else { return Ok(NoAudience::default()) };
    let minutes = optional_int(row, "minutes")?.and_then(|minutes| u8::try_from(minutes).ok());
    match (text(row, "counts")?.as_str(), minutes) {
        ("never", _) => Ok(NoAudience::Never {}),
        (_, minutes) => word(minutes.map(|minutes| NoAudience::Waited { minutes }), "load policy"),
    }
}

impl Store {
    /// What holds at an instant (Unix milliseconds).
    pub async fn no_audience(&self, school: &SchoolId, at_ms: i64) -> Result<NoAudience, StoreError> {
        let row = sqlx::query(AT).bind(school.as_str()).bind(at_ms).fetch_optional(self.readers()).await?;
        policy(row.as_ref())
    }
}

impl Tx {
    /// What held at an instant (Unix milliseconds).
    pub async fn no_audience_at(&mut self, school: &SchoolId, at_ms: i64) -> Result<NoAudience, StoreError> {
        let row = sqlx::query(AT).bind(school.as_str()).bind(at_ms).fetch_optional(self.connection()).await?;
        policy(row.as_ref())
    }

    /// Decides it anew from now on. What holds already is not written again.
    pub async fn put_no_audience(
        &mut self,
        school: &SchoolId,
        new: NoAudience,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let was = self.no_audience_at(school, now_ms).await?;
        if was == new {
            return Ok(());
        }
        let id = uuid::Uuid::now_v7().to_string();
        let minutes = match new {
            NoAudience::Never {} => None,
            NoAudience::Waited { minutes } => Some(i64::from(minutes)),
        };
        let row = vec![
            id.as_str().into(),
            school.as_str().into(),
            now_ms.into(),
            if minutes.is_some() { "waited" } else { "never" }.into(),
            minutes.into(),
            actor.person.as_str().into(),
        ];
        let into = "load_policy (id, school_id, from_at, counts, minutes, by_id)";
        sql::insert_many(self.connection(), into, 6, vec![row]).await?;
        let event = AuditEvent::new(school.clone(), now_ms, "load_policy.put", "load_policy", &id)
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({ "was": was, "now": new }));
        self.audit(event).await
    }
}
