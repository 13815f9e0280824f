//! How people's lines did in a room: a row for each minute and each join of media, and what the evidence of a lesson makes
//! of them.

use sqlx::Row as _;

use super::{Store, StoreError};
use crate::domain::evidence::technical::Measured;
use crate::domain::ids::{ConsultationId, PersonId};

/// How one line did in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Unix time in whole minutes.
    pub minute: i64,
    pub rtt_ms: i64,
    pub loss_permille: i64,
    pub jitter_ms: i64,
    pub freeze_ms: i64,
}

/// One person's participation, technically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub person: PersonId,
    /// Minutes that were measured.
    pub minutes: i64,
    /// Mean over the minutes.
    pub loss_permille: i64,
    pub worst_rtt_ms: i64,
    pub freeze_ms: i64,
    /// The slowest; `None`: media never stood, or was not asked for.
    pub slowest_join_ms: Option<i64>,
}

impl Line {
    /// What `tech_ok` is judged by.
    pub fn measured(&self) -> Measured {
        Measured { slowest_join_ms: self.slowest_join_ms, loss_permille: self.loss_permille }
    }
}

impl Store {
    /// A minute of one person's line. The same minute again (a second device) keeps the worse of both.
    pub async fn add_media_minute(
        &self,
        room: ConsultationId,
        person: PersonId,
        minute: Minute,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO media_quality
                         (room_id, person_id, minute, rtt_ms, loss_permille, jitter_ms, freeze_ms)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                     ON CONFLICT (room_id, person_id, minute) DO UPDATE SET
                         rtt_ms = CASE WHEN excluded.rtt_ms > media_quality.rtt_ms
                             THEN excluded.rtt_ms ELSE media_quality.rtt_ms END,
                         loss_permille = CASE WHEN excluded.loss_permille > media_quality.loss_permille
                             THEN excluded.loss_permille ELSE media_quality.loss_permille END,
                         jitter_ms = CASE WHEN excluded.jitter_ms > media_quality.jitter_ms
                             THEN excluded.jitter_ms ELSE media_quality.jitter_ms END,
                         freeze_ms = CASE WHEN excluded.freeze_ms > media_quality.freeze_ms
                             THEN excluded.freeze_ms ELSE media_quality.freeze_ms END",
                )
                .bind(room.as_str())
                .bind(person.as_str())
                .bind(minute.minute)
                .bind(minute.rtt_ms)
                .bind(minute.loss_permille)
                .bind(minute.jitter_ms)
                .bind(minute.freeze_ms)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// How long a person's media took to stand.
    pub async fn add_media_join(
        &self,
        room: ConsultationId,
        person: PersonId,
        at_ms: i64,
        took_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO media_join (room_id, person_id, at, took_ms) VALUES ($1, $2, $3, $4)
                     ON CONFLICT DO NOTHING",
                )
                .bind(room.as_str())
                .bind(person.as_str())
                .bind(at_ms)
                .bind(took_ms)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// One person's minutes in a room, in their order.
    pub async fn media_minutes(&self, room: &ConsultationId, person: &PersonId) -> Result<Vec<Minute>, StoreError> {
        let rows = sqlx::query(
            "SELECT minute, rtt_ms, loss_permille, jitter_ms, freeze_ms FROM media_quality
             WHERE room_id = $1 AND person_id = $2 ORDER BY minute",
        )
        .bind(room.as_str())
        .bind(person.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Minute {
                    minute: row.try_get("minute")?,
                    rtt_ms: row.try_get("rtt_ms")?,
                    loss_permille: row.try_get("loss_permille")?,
                    jitter_ms: row.try_get("jitter_ms")?,
                    freeze_ms: row.try_get("freeze_ms")?,
                })
            })
            .collect()
    }

    /// Everybody of whose line something is known, in the order of their ids. What was summed up before its figures ran out
    /// stands beside what is still there.
    pub async fn media_lines(&self, room: &ConsultationId) -> Result<Vec<Line>, StoreError> {
        let rows = sqlx::query(
            "SELECT person_id, CAST(SUM(minutes) AS BIGINT) AS minutes, CAST(SUM(loss) AS BIGINT) AS loss,
                 CAST(MAX(rtt) AS BIGINT) AS rtt, CAST(SUM(frozen) AS BIGINT) AS frozen,
                 CAST(MAX(took) AS BIGINT) AS took
             FROM (
                 SELECT person_id, 1 AS minutes, loss_permille AS loss, rtt_ms AS rtt, freeze_ms AS frozen, -1 AS took
                 FROM media_quality WHERE room_id = $1
                 UNION ALL
                 SELECT person_id, 0, 0, 0, 0, took_ms FROM media_join WHERE room_id = $1
                 UNION ALL
                 SELECT person_id, minutes, loss_permille * minutes, worst_rtt_ms, freeze_ms,
                     COALESCE(slowest_join_ms, -1) FROM media_summary WHERE room_id = $1
             ) AS rows_of_room GROUP BY person_id ORDER BY person_id",
        )
        .bind(room.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let minutes: i64 = row.try_get("minutes")?;
                let took: i64 = row.try_get("took")?;
                Ok(Line {
                    person: PersonId::new(row.try_get::<String, _>("person_id")?),
                    minutes,
                    loss_permille: row.try_get::<i64, _>("loss")?.checked_div(minutes).unwrap_or(0),
                    worst_rtt_ms: row.try_get("rtt")?,
                    freeze_ms: row.try_get("frozen")?,
                    slowest_join_ms: (took >= 0).then_some(took),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::evidence::technical::{Verdict, judge};

    #[tokio::test]
    async fn a_participation_is_fine_when_media_came_in_time_and_was_not_spoilt() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        let room = ConsultationId::new("c1");
        let minute = |minute, loss_permille| Minute { minute, rtt_ms: 20, loss_permille, jitter_ms: 3, freeze_ms: 100 };
        let add = async |person: &str, row| {
            store.add_media_minute(room.clone(), PersonId::new(person), row).await.unwrap();
        };
        let join = async |person: &str, took| {
            store.add_media_join(room.clone(), PersonId::new(person), 1_000, took).await.unwrap();
        };
        add("fine", minute(1, 10)).await;
        add("fine", minute(2, 80)).await;
        // A second device in the same minute.
        add("fine", Minute { rtt_ms: 300, ..minute(2, 0) }).await;
        join("fine", 900).await;
        add("lossy", minute(1, 60)).await;
        join("lossy", 900).await;
        join("late", 10_000).await;
        add("deaf", minute(1, 0)).await;

        let lines = store.media_lines(&room).await.unwrap();
        let verdict = |line: &Line| judge(60_000, Some(line.measured())).unwrap();
        let seen: Vec<_> = lines.iter().map(|line| (line.person.as_str(), verdict(line))).collect();
        let expected = [
            ("deaf", Verdict::NoMedia),
            ("fine", Verdict::Fine),
            ("late", Verdict::LateJoin),
            ("lossy", Verdict::Loss),
        ];
        assert_eq!(seen, expected);
        let fine = lines.iter().find(|line| line.person.as_str() == "fine").unwrap();
        assert_eq!((fine.minutes, fine.loss_permille, fine.worst_rtt_ms, fine.freeze_ms), (2, 45, 300, 200));
        assert_eq!(fine.slowest_join_ms, Some(900));
        let minutes = store.media_minutes(&room, &PersonId::new("fine")).await.unwrap();
        assert_eq!(minutes, [minute(1, 10), Minute { rtt_ms: 300, ..minute(2, 80) }]);
    }
}
