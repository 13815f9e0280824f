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

/// What a look finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLook {
    pub marks: AccessMarks,
    /// Hashes of sign-ins whose time ran out.
    pub run_out: Vec<String>,
    /// Somebody's own time in office hours that are open now has ended.
    pub is_turn_over: bool,
}

/// Rows of a look that are no counters: those never fall below zero.
const RUN_OUT: i64 = -1;
const TURN_OVER: i64 = -2;

/// What a batch of the writer has touched; written once for all its jobs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    people: bool,
    sign_ins: bool,
}

impl Store {
    /// What has changed since the last look, in one read: this is asked several times a second for as long as the hub runs.
    /// Sign-ins: hashes of those whose time (whole life or idling) ran out after `after_ms` and by `until_ms`, at most
    /// `limit`. `stays_ms`: how long somebody may stay whose own time in office hours is over.
    pub async fn access_look(
        &self,
        after_ms: i64,
        until_ms: i64,
        stays_ms: i64,
        limit: i64,
    ) -> Result<AccessLook, StoreError> {
        // Sign-ins by two selects, so that each finds its index.
        let rows = sqlx::query(
            "SELECT name AS what, value AS mark FROM hub_fact WHERE name IN ($1, $2)
             UNION ALL SELECT id_hash, -1 FROM (
                 SELECT id_hash FROM web_session WHERE expires_at > $3 AND expires_at <= $4
                 UNION SELECT id_hash FROM web_session WHERE idle > 0 AND seen_at + idle > $3 AND seen_at + idle <= $4
                 LIMIT $5) AS run_out
             UNION ALL SELECT '', -2 FROM (
                 SELECT a.ends FROM consultation c JOIN appointment a ON a.consultation_id = c.id
                 WHERE c.state IN ('open', 'live') AND c.form = 'individual' AND a.state IN ('booked', 'attended')
                 AND a.ends > $6 AND a.ends <= $7 LIMIT 1) AS turn_over",
        )
        .bind(PEOPLE)
        .bind(SIGN_INS)
        .bind(after_ms)
        .bind(until_ms)
        .bind(limit)
        .bind(after_ms - stays_ms)
        .bind(until_ms - stays_ms)
        .fetch_all(self.readers())
        .await?;
        let mut look = AccessLook::default();
        for row in &rows {
            let what: String = row.try_get("what")?;
            match row.try_get("mark")? {
                RUN_OUT => look.run_out.push(what),
                TURN_OVER => look.is_turn_over = true,
                mark if what == PEOPLE => look.marks.people = mark,
                mark => look.marks.sign_ins = mark,
            }
        }
        Ok(look)
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

    async fn marks(store: &Store) -> AccessMarks {
        store.access_look(0, 0, 0, 1).await.unwrap().marks
    }

    async fn run_out(store: &Store, after_ms: i64, until_ms: i64, limit: i64) -> Vec<String> {
        store.access_look(after_ms, until_ms, 0, limit).await.unwrap().run_out
    }

    #[tokio::test]
    async fn ending_a_sign_in_raises_its_counter_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        let before = marks(&store).await;
        store.begin_session(session("a", 0, 1_000), None).await.unwrap();
        assert_eq!(marks(&store).await, before, "a new sign-in takes nothing from anybody");
        store.end_sessions_of(&PersonId::new("p")).await.unwrap();
        let after = marks(&store).await;
        assert_eq!((after.people, after.sign_ins), (before.people, before.sign_ins + 1));
        store
            .write(|tx| {
                tx.access_changed();
                Box::pin(async { Ok::<_, StoreError>(()) })
            })
            .await
            .unwrap();
        assert_eq!(marks(&store).await.people, before.people + 1);
    }

    #[tokio::test]
    async fn a_sign_in_that_runs_out_is_named_once_by_life_and_by_idling() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        store.begin_session(session("life", 0, 1_000), None).await.unwrap();
        store.begin_session(session("idle", 500, 9_000), None).await.unwrap();
        assert!(run_out(&store, 0, 499, 9).await.is_empty());
        assert_eq!(run_out(&store, 499, 500, 9).await, ["idle"]);
        assert_eq!(run_out(&store, 500, 1_000, 9).await, ["life"]);
        assert!(run_out(&store, 1_000, 8_999, 9).await.is_empty());
        assert_eq!(run_out(&store, 0, 10_000, 1).await.len(), 1);
    }
}
