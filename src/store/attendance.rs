//! Attendance: who was in a room from when to when (INV-74), and who was sent out of it.
//!
//! An open interval is touched now and then ([`Store::beat_attendance`]); if the hub dies, it ends with the last touch.

use sqlx::Row as _;

use super::audit::AuditEvent;
use super::{Store, StoreError};
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::role::Role;

/// One stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub person: PersonId,
    /// `host`, `cohost`, `recipient`, `guardian` or `observer`.
    pub role: String,
    pub joined_ms: i64,
    /// `None`: still there.
    pub left_ms: Option<i64>,
}

impl Store {
    /// A person came in. Nothing happens if they are in already.
    pub async fn begin_attendance(
        &self,
        school: SchoolId,
        room: ConsultationId,
        person: PersonId,
        role: &'static str,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO participation (id, school_id, room_id, person_id, role, joined_at, seen_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
                )
                .bind(uuid::Uuid::now_v7().to_string())
                .bind(school.as_str())
                .bind(room.as_str())
                .bind(person.as_str())
                .bind(role)
                .bind(at_ms)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Everybody in the room has been told that an observer is there.
    pub async fn note_announced(&self, room: ConsultationId, person: PersonId, at_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE participation SET announced_at = $3
                     WHERE room_id = $1 AND person_id = $2 AND role = 'observer' AND announced_at IS NULL",
                )
                .bind(room.as_str())
                .bind(person.as_str())
                .bind(at_ms)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// A person went out. Nothing happens if they are out already.
    pub async fn end_attendance(
        &self,
        room: ConsultationId,
        person: PersonId,
        reason: &'static str,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                // Not before they came, whatever a moved clock says.
                sqlx::query(
                    "UPDATE participation SET left_at = CASE WHEN joined_at > $3 THEN joined_at ELSE $3 END,
                     left_reason = $4 WHERE room_id = $1 AND person_id = $2 AND left_at IS NULL",
                )
                .bind(room.as_str())
                .bind(person.as_str())
                .bind(at_ms)
                .bind(reason)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Everybody who is in this room is still there.
    pub async fn beat_attendance(&self, room: ConsultationId, at_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query("UPDATE participation SET seen_at = $2 WHERE room_id = $1 AND left_at IS NULL")
                    .bind(room.as_str())
                    .bind(at_ms)
                    .execute(tx.connection())
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Ends what a hub that died left open in this room, at the moment it last knew of.
    pub async fn close_stale_attendance(&self, room: ConsultationId) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE participation SET left_at = seen_at, left_reason = 'server_down'
                     WHERE room_id = $1 AND left_at IS NULL",
                )
                .bind(room.as_str())
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// The same for every room: what a hub that died left open, before anything is judged by it.
    pub async fn close_all_stale_attendance(&self) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE participation SET left_at = seen_at, left_reason = 'server_down' WHERE left_at IS NULL",
                )
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// All stays in a room, in the order of coming.
    pub async fn attendance(&self, room: &ConsultationId) -> Result<Vec<Interval>, StoreError> {
        let rows = sqlx::query(
            "SELECT person_id, role, joined_at, left_at FROM participation WHERE room_id = $1 ORDER BY joined_at, id",
        )
        .bind(room.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Interval {
                    person: PersonId::new(row.try_get::<String, _>("person_id")?),
                    role: row.try_get("role")?,
                    joined_ms: row.try_get("joined_at")?,
                    left_ms: row.try_get("left_at")?,
                })
            })
            .collect()
    }

    /// A person was sent out of a room by somebody: they may not come back, and it is written down.
    pub async fn remove_from_room(
        &self,
        school: SchoolId,
        room: ConsultationId,
        person: PersonId,
        by: PersonId,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO room_removal (room_id, person_id, removed_by, at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT DO NOTHING",
                )
                .bind(room.as_str())
                .bind(person.as_str())
                .bind(by.as_str())
                .bind(at_ms)
                .execute(tx.connection())
                .await?;
                let event = AuditEvent::new(school, at_ms, "room.remove", "consultation", room.as_str());
                let by = tx.host_of_room(&by, at_ms).await?;
                let event = event.by(&by.person, by.role.map(Role::as_str));
                tx.audit(event.with(serde_json::json!({ "person": person.as_str() }))).await
            })
        })
        .await
    }

    /// Who may not come back to a room.
    pub async fn removed_from_room(&self, room: &ConsultationId) -> Result<Vec<PersonId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT person_id FROM room_removal WHERE room_id = $1")
            .bind(room.as_str())
            .fetch_all(self.readers())
            .await?;
        Ok(rows.into_iter().map(|(person,)| PersonId::new(person)).collect())
    }
}

/// How late the host was: from the planned start to their first coming, 0 when in time. `None`: never came.
pub fn host_delay_ms(intervals: &[Interval], start_ms: i64) -> Option<i64> {
    let first = intervals.iter().filter(|stay| stay.role == "host").map(|stay| stay.joined_ms).min()?;
    Some((first - start_ms).max(0))
}

/// How long a host and at least one recipient (or guardian) were in the room together. `now_ms` ends open stays.
pub fn shared_ms(intervals: &[Interval], now_ms: i64) -> i64 {
    let side = |roles: &[&str]| {
        let stays = intervals.iter().filter(|stay| roles.contains(&stay.role.as_str()));
        union(stays.map(|stay| (stay.joined_ms, stay.left_ms.unwrap_or(now_ms))).collect())
    };
    let (hosts, recipients) = (side(&["host", "cohost"]), side(&["recipient", "guardian"]));
    let overlap = |a: &(i64, i64), b: &(i64, i64)| (a.1.min(b.1) - a.0.max(b.0)).max(0);
    hosts.iter().map(|host| recipients.iter().map(|other| overlap(host, other)).sum::<i64>()).sum()
}

/// Merges overlapping stays.
fn union(mut stays: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    stays.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (from, to) in stays {
        match merged.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stay(person: &str, role: &str, joined_ms: i64, left_ms: i64) -> Interval {
        Interval { person: PersonId::new(person), role: role.into(), joined_ms, left_ms: Some(left_ms) }
    }

    #[test]
    fn shared_time_counts_each_moment_once() {
        let stays = [
            stay("t", "host", 0, 10),
            stay("ann", "recipient", 2, 6),
            stay("bob", "recipient", 4, 8),
            stay("ann", "recipient", 9, 20),
        ];
        assert_eq!(shared_ms(&stays, 20), 7);
        assert_eq!(shared_ms(&stays[1..], 20), 0);
    }

    #[test]
    fn the_hosts_delay_is_counted_from_the_planned_start() {
        let stays = [stay("t", "host", 400, 900), stay("ann", "recipient", 1, 2)];
        assert_eq!(host_delay_ms(&stays, 100), Some(300));
        assert_eq!(host_delay_ms(&stays, 500), Some(0));
        assert_eq!(host_delay_ms(&stays[1..], 0), None);
    }

    #[tokio::test]
    async fn an_interval_left_open_by_a_dead_hub_ends_with_its_last_beat() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::fresh(dir.path()).await;
        let (school, room, ann) = (SchoolId::new("s"), ConsultationId::new("r"), PersonId::new("ann"));
        let begin = |at| store.begin_attendance(school.clone(), room.clone(), ann.clone(), "recipient", at);
        begin(100).await.unwrap();
        begin(150).await.unwrap();
        store.beat_attendance(room.clone(), 300).await.unwrap();
        store.close_stale_attendance(room.clone()).await.unwrap();
        begin(500).await.unwrap();
        store.end_attendance(room.clone(), ann.clone(), "left", 600).await.unwrap();
        let stays = store.attendance(&room).await.unwrap();
        let times: Vec<_> = stays.iter().map(|stay| (stay.joined_ms, stay.left_ms)).collect();
        assert_eq!(times, [(100, Some(300)), (500, Some(600))]);
    }

    #[tokio::test]
    async fn downtime_is_nobodys_attendance() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::fresh(dir.path()).await;
        let (school, room) = (SchoolId::new("s"), ConsultationId::new("r"));
        for (person, role) in [("t", "host"), ("ann", "recipient")] {
            store.begin_attendance(school.clone(), room.clone(), PersonId::new(person), role, 100).await.unwrap();
        }
        store.beat_attendance(room.clone(), 220).await.unwrap();
        // The hub dies here and comes back an hour later.
        store.close_all_stale_attendance().await.unwrap();
        let stays = store.attendance(&room).await.unwrap();
        assert_eq!(shared_ms(&stays, 3_600_000), 120);
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        #[derive(Clone, Debug)]
        enum Did {
            Came(u8),
            Went(u8),
            Beat,
            HubDied,
        }

        fn did() -> impl Strategy<Value = (Did, i64)> {
            let one = prop_oneof![
                (0_u8..3).prop_map(Did::Came),
                (0_u8..3).prop_map(Did::Went),
                Just(Did::Beat),
                Just(Did::HubDied),
            ];
            (one, 0_i64..90_000)
        }

        /// One store for all cases, a room of its own for each.
        #[test]
        fn inv_74_stays_of_one_person_never_overlap() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let store = runtime.block_on(Store::fresh(folder.path()));
            let told = std::cell::Cell::new(0);
            let mut runner = proptest::test_runner::TestRunner::new(crate::domain::cases::cases(24));
            runner
                .run(&proptest::collection::vec(did(), 1..30), |events| {
                    told.set(told.get() + 1);
                    runtime.block_on(case(&store, ConsultationId::new(format!("room {}", told.get())), events))
                })
                .unwrap();
            runtime.block_on(store.close());
        }

        async fn case(store: &Store, room: ConsultationId, events: Vec<(Did, i64)>) -> Result<(), TestCaseError> {
            let person = |n: u8| PersonId::new(format!("p{n}"));
            let mut now_ms = 1_000_000;
            for (event, after_ms) in events {
                now_ms += after_ms;
                match event {
                    Did::Came(n) => {
                        let school = SchoolId::new("s");
                        store.begin_attendance(school, room.clone(), person(n), "recipient", now_ms).await.unwrap();
                    }
                    Did::Went(n) => store.end_attendance(room.clone(), person(n), "left", now_ms).await.unwrap(),
                    Did::Beat => store.beat_attendance(room.clone(), now_ms).await.unwrap(),
                    Did::HubDied => store.close_all_stale_attendance().await.unwrap(),
                }
            }
            let stays = store.attendance(&room).await.unwrap();
            for n in 0..3 {
                let mine: Vec<_> = stays.iter().filter(|stay| stay.person == person(n)).collect();
                for pair in mine.windows(2) {
                    let left_ms = pair[0].left_ms.expect("a next stay begins after the one before has ended");
                    prop_assert!(pair[0].joined_ms <= left_ms && left_ms <= pair[1].joined_ms, "{:?}", pair);
                }
                prop_assert!(mine.iter().all(|stay| stay.left_ms.is_none_or(|left| left <= now_ms)));
            }
            Ok(())
        }
    }
}
