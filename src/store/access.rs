//! When access was last changed, for hubs that have people seated. Two counters, raised in the transaction of the change
//! itself, so that whoever writes (another hub, the command line) need not know who has to hear of it (WS-07).

use sqlx::Row as _;

use super::{Store, StoreError, Tx};

const PEOPLE: &str = "access:people";
const SIGN_INS: &str = "access:sign_ins";

/// Both counters. A greater number than before means: look again. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessMarks {
    /// Roles, guardian links, enrolments, bookings.
    pub people: i64,
    /// Sign-ins that were ended before their time.
    pub sign_ins: i64,
}

/// What a batch of the writer has touched; written once for all its jobs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    people: bool,
    sign_ins: bool,
}

impl Store {
    /// The counters now.
    pub async fn access_marks(&self) -> Result<AccessMarks, StoreError> {
        let rows = sqlx::query("SELECT name, value FROM hub_fact WHERE name = $1 OR name = $2")
            .bind(PEOPLE)
            .bind(SIGN_INS)
            .fetch_all(self.readers())
            .await?;
        let mut marks = AccessMarks::default();
        for row in &rows {
            let value = row.try_get("value")?;
            match row.try_get::<String, _>("name")?.as_str() {
                PEOPLE => marks.people = value,
                _ => marks.sign_ins = value,
            }
        }
        Ok(marks)
    }

    /// Hashes of sign-ins whose time (whole life or idling) ran out after `after_ms` and by `now_ms`, at most `limit`.
    pub async fn sessions_run_out(&self, after_ms: i64, now_ms: i64, limit: i64) -> Result<Vec<String>, StoreError> {
        // Two selects, so that each finds its index.
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT id_hash FROM web_session WHERE expires_at > $1 AND expires_at <= $2
             UNION SELECT id_hash FROM web_session WHERE idle > 0 AND seen_at + idle > $1 AND seen_at + idle <= $2
             LIMIT $3",
        )
        .bind(after_ms)
        .bind(now_ms)
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(|(hash,)| hash).collect())
    }

    /// Whether somebody's own time in office hours that are open now has ended after `after_ms`, up to `until_ms`.
    pub async fn turn_over(&self, after_ms: i64, until_ms: i64) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = sqlx::query_as(
            "SELECT a.ends FROM consultation c JOIN appointment a ON a.consultation_id = c.id
             WHERE c.state IN ('open', 'live') AND c.form = 'individual' AND a.state IN ('booked', 'attended')
             AND a.ends > $1 AND a.ends <= $2 LIMIT 1",
        )
        .bind(after_ms)
        .bind(until_ms)
        .fetch_optional(self.readers())
        .await?;
        Ok(row.is_some())
    }
}

impl Tx {
    /// Says that this job changes roles, links, enrolments or bookings.
    pub fn access_changed(&mut self) {
        self.touched.people = true;
    }

    /// Says that this job ends sign-ins.
    pub(super) fn sign_ins_changed(&mut self) {
        self.touched.sign_ins = true;
    }

    /// Raises the counters that the batch has touched. A job that was undone may raise one for nothing: harmless.
    pub(super) async fn raise_marks(&mut self) -> Result<(), sqlx::Error> {
        let Touched { people, sign_ins } = std::mem::take(&mut self.touched);
        for name in [(people, PEOPLE), (sign_ins, SIGN_INS)].into_iter().filter_map(|(is, name)| is.then_some(name)) {
            sqlx::query(
                "INSERT INTO hub_fact (name, value) VALUES ($1, 1)
                 ON CONFLICT (name) DO UPDATE SET value = hub_fact.value + 1",
            )
            .bind(name)
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::ids::{PersonId, SchoolId};
    use crate::store::sessions::{SessionKind, SessionRow};

    fn session(id_hash: &str, idle_ms: i64, expires_ms: i64) -> SessionRow {
        SessionRow {
            id_hash: id_hash.into(),
            school: SchoolId::new("s"),
            person: PersonId::new("p"),
            kind: SessionKind::Cookie,
            scopes: None,
            created_ms: 0,
            seen_ms: 0,
            idle_ms,
            expires_ms,
        }
    }

    #[tokio::test]
    async fn ending_a_sign_in_raises_its_counter_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        let before = store.access_marks().await.unwrap();
        store.begin_session(session("a", 0, 1_000), None).await.unwrap();
        assert_eq!(store.access_marks().await.unwrap(), before, "a new sign-in takes nothing from anybody");
        store.end_sessions_of(&PersonId::new("p")).await.unwrap();
        let after = store.access_marks().await.unwrap();
        assert_eq!((after.people, after.sign_ins), (before.people, before.sign_ins + 1));
        store
            .write(|tx| {
                tx.access_changed();
                Box::pin(async { Ok::<_, StoreError>(()) })
            })
            .await
            .unwrap();
        assert_eq!(store.access_marks().await.unwrap().people, before.people + 1);
    }

    #[tokio::test]
    async fn a_sign_in_that_runs_out_is_named_once_by_life_and_by_idling() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        store.begin_session(session("life", 0, 1_000), None).await.unwrap();
        store.begin_session(session("idle", 500, 9_000), None).await.unwrap();
        assert!(store.sessions_run_out(0, 499, 9).await.unwrap().is_empty());
        assert_eq!(store.sessions_run_out(499, 500, 9).await.unwrap(), ["idle"]);
        assert_eq!(store.sessions_run_out(500, 1_000, 9).await.unwrap(), ["life"]);
        assert!(store.sessions_run_out(1_000, 8_999, 9).await.unwrap().is_empty());
        assert_eq!(store.sessions_run_out(0, 10_000, 1).await.unwrap().len(), 1);
    }
}
