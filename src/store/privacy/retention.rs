//! The end by time (DOMAIN 4.7): what is older than its term goes within a day of it, with an act and the journal's rows as
//! proof (INV-73). What is under a hold stays.

use std::collections::BTreeSet;

use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::SchoolId;

const DAY_MS: i64 = 86_400_000;
const YEAR_MS: i64 = 365 * DAY_MS;

/// What goes after how long. `$1` is the school, `$2` the instant before which it goes; what refers to others stands first.
struct Term {
    category: &'static str,
    keep_ms: i64,
    statement: &'static str,
}

const TERMS: &[Term] = &[
    Term {
        category: "message_edit",
        keep_ms: YEAR_MS,
        statement:
            "DELETE FROM message_edit WHERE message_id IN (SELECT id FROM message WHERE school_id = $1 AND sent_at < $2
            AND author_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL))",
    },
    Term {
        category: "message",
        keep_ms: YEAR_MS,
        statement: "DELETE FROM message WHERE school_id = $1 AND sent_at < $2
            AND author_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "delivery",
        keep_ms: 90 * DAY_MS,
        statement: "DELETE FROM delivery WHERE school_id = $1 AND done_at < $2",
    },
    Term {
        category: "notification",
        keep_ms: YEAR_MS,
        statement: "DELETE FROM notification WHERE school_id = $1 AND created_at < $2
            AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "outbox",
        keep_ms: YEAR_MS,
        statement: "DELETE FROM outbox WHERE school_id = $1 AND created_at < $2
            AND id NOT IN (SELECT outbox_id FROM notification) AND id NOT IN (SELECT outbox_id FROM delivery)",
    },
    // The raw figures of lines go room by room; what evidence needs of them is summed up first (see `SUM_UP_LINES`).
    Term {
        category: "media_quality",
        keep_ms: 30 * DAY_MS,
        statement: "DELETE FROM media_quality WHERE room_id IN (SELECT id FROM consultation WHERE school_id = $1
            AND end_at < $2) AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "media_join",
        keep_ms: 30 * DAY_MS,
        statement: "DELETE FROM media_join WHERE room_id IN (SELECT id FROM consultation WHERE school_id = $1
            AND end_at < $2) AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "device_check",
        keep_ms: 30 * DAY_MS,
        statement: "DELETE FROM device_check WHERE school_id = $1 AND at < $2
            AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    // A file that was brought for a local act which nobody wrote, and which no waiting proposal names.
    Term {
        category: "act_file",
        keep_ms: 30 * DAY_MS,
        statement: "DELETE FROM act_file WHERE school_id = $1 AND at < $2 AND act_id IS NULL AND NOT EXISTS
            (SELECT 1 FROM rule_proposal r WHERE r.school_id = act_file.school_id AND r.state = 'proposed'
            AND r.kind = 'act' AND r.body LIKE '%' || act_file.id || '%')",
    },
    Term {
        category: "request_file",
        keep_ms: 3 * YEAR_MS,
        statement: "DELETE FROM request_file WHERE school_id = $1 AND at < $2
            AND by_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)
            AND (request_id IS NULL OR request_id NOT IN (SELECT r.id FROM help_request r JOIN retention_hold h
            ON h.person_id IN (r.student_id, r.author_id) WHERE h.lifted_at IS NULL))",
    },
    Term { category: "request_vote", keep_ms: 3 * YEAR_MS, statement: OLD_REQUESTS[0] },
    Term { category: "request_event", keep_ms: 3 * YEAR_MS, statement: OLD_REQUESTS[1] },
    Term { category: "help_request", keep_ms: 3 * YEAR_MS, statement: OLD_REQUESTS[2] },
    Term {
        category: "media_summary",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM media_summary WHERE room_id IN (SELECT id FROM consultation WHERE school_id = $1
            AND end_at < $2) AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "room_removal",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM room_removal WHERE room_id IN (SELECT id FROM consultation WHERE school_id = $1)
            AND at < $2 AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "load_correction",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM load_correction WHERE entry_id IN (SELECT id FROM load_entry WHERE school_id = $1
            AND created_at < $2 AND host_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL))",
    },
    Term {
        category: "load_entry",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM load_entry WHERE school_id = $1 AND created_at < $2
            AND host_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "correction",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM correction WHERE school_id = $1 AND created_at < $2 AND consultation_id NOT IN
            (SELECT c.id FROM consultation c JOIN retention_hold h ON h.person_id IN (c.host_id, c.substitute_host_id)
            WHERE h.lifted_at IS NULL)",
    },
    Term {
        category: "incident",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM incident WHERE school_id = $1 AND at < $2 AND consultation_id NOT IN
            (SELECT c.id FROM consultation c JOIN retention_hold h ON h.person_id IN (c.host_id, c.substitute_host_id)
            WHERE h.lifted_at IS NULL)",
    },
    Term { category: "complaint_answer", keep_ms: 5 * YEAR_MS, statement: OLD_COMPLAINTS[0] },
    Term { category: "complaint", keep_ms: 5 * YEAR_MS, statement: OLD_COMPLAINTS[1] },
    Term {
        category: "participation",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM participation WHERE school_id = $1 AND joined_at < $2
            AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "feedback",
        keep_ms: 5 * YEAR_MS,
        statement: "DELETE FROM feedback WHERE school_id = $1 AND at < $2
            AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "consent",
        keep_ms: 5 * YEAR_MS,
        // The last word of each signer stays: without their withdrawal letters would go out again.
        statement: "DELETE FROM consent WHERE school_id = $1 AND at < $2 AND EXISTS
            (SELECT 1 FROM consent o WHERE o.person_id = consent.person_id AND o.by_id = consent.by_id
            AND o.purpose = consent.purpose AND o.at < $2 AND (o.at > consent.at OR (o.at = consent.at
            AND o.id > consent.id))) AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "destruction_act",
        keep_ms: 0,
        statement: "DELETE FROM destruction_act WHERE school_id = $1 AND keep_until < $2",
    },
];

/// Requests that nobody has touched for their term, with whom no hold stands in the way.
const OLD_REQUESTS: [&str; 3] = [
    "DELETE FROM request_vote WHERE request_id IN (SELECT id FROM help_request WHERE school_id = $1 AND updated_at < $2
        AND id NOT IN (SELECT r.id FROM help_request r JOIN retention_hold h ON h.person_id IN (r.student_id, r.author_id)
        WHERE h.lifted_at IS NULL) AND id NOT IN (SELECT request_id FROM request_file WHERE request_id IS NOT NULL))
        AND student_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    "DELETE FROM request_event WHERE request_id IN (SELECT id FROM help_request WHERE school_id = $1 AND updated_at < $2
        AND id NOT IN (SELECT r.id FROM help_request r JOIN retention_hold h ON h.person_id IN (r.student_id, r.author_id)
        WHERE h.lifted_at IS NULL) AND id NOT IN (SELECT request_id FROM request_file WHERE request_id IS NOT NULL)
        AND id NOT IN (SELECT request_id FROM request_vote))",
    "DELETE FROM help_request WHERE school_id = $1 AND updated_at < $2
        AND id NOT IN (SELECT r.id FROM help_request r JOIN retention_hold h ON h.person_id IN (r.student_id, r.author_id)
        WHERE h.lifted_at IS NULL) AND id NOT IN (SELECT request_id FROM request_file WHERE request_id IS NOT NULL)
        AND id NOT IN (SELECT request_id FROM request_vote) AND id NOT IN (SELECT request_id FROM request_event)",
];

/// Complaints and their answers.
const OLD_COMPLAINTS: [&str; 2] = [
    "DELETE FROM complaint_answer WHERE complaint_id IN (SELECT id FROM complaint WHERE school_id = $1 AND created_at < $2
        AND id NOT IN (SELECT x.id FROM complaint x JOIN retention_hold h
        ON h.person_id IN (x.author_id, x.student_id, x.host_id) WHERE h.lifted_at IS NULL))",
    "DELETE FROM complaint WHERE school_id = $1 AND created_at < $2
        AND id NOT IN (SELECT x.id FROM complaint x JOIN retention_hold h
        ON h.person_id IN (x.author_id, x.student_id, x.host_id) WHERE h.lifted_at IS NULL)",
];

/// Before the raw figures of a line go: what evidence keeps of them. `$1` the school, `$2` the instant.
const SUM_UP_LINES: &str = "INSERT INTO media_summary
        (room_id, person_id, minutes, loss_permille, worst_rtt_ms, freeze_ms, slowest_join_ms)
    SELECT room_id, person_id, CAST(SUM(minutes) AS BIGINT),
        CAST(CASE WHEN SUM(minutes) = 0 THEN 0 ELSE SUM(loss) / SUM(minutes) END AS BIGINT),
        CAST(MAX(rtt) AS BIGINT), CAST(SUM(frozen) AS BIGINT), CAST(MAX(took) AS BIGINT)
    FROM (
        SELECT room_id, person_id, 1 AS minutes, loss_permille AS loss, rtt_ms AS rtt, freeze_ms AS frozen, NULL AS took
        FROM media_quality
        UNION ALL
        SELECT room_id, person_id, 0, 0, 0, 0, took_ms FROM media_join
    ) AS raw WHERE room_id IN (SELECT id FROM consultation WHERE school_id = $1 AND end_at < $2)
        AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)
    GROUP BY room_id, person_id ON CONFLICT (room_id, person_id) DO NOTHING";

/// How long a school's journal is kept.
const JOURNAL_MS: i64 = 5 * YEAR_MS;

/// What a round has destroyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub rows: u64,
    /// Names of files in the data folder that belong to nothing any more.
    pub files: Vec<String>,
}

impl Store {
    /// Destroys what has run out in all schools; the caller deletes the files. Nothing to destroy makes no act.
    pub async fn end_by_time(&self, now_ms: i64) -> Result<Ended, StoreError> {
        let mut ended = Ended::default();
        for school in self.schools().await? {
            let one = self.end_by_time_in(school.id, now_ms).await?;
            ended.rows += one.rows;
            ended.files.extend(one.files);
        }
        Ok(ended)
    }

    async fn end_by_time_in(&self, school: SchoolId, now_ms: i64) -> Result<Ended, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let mut categories = serde_json::Map::new();
                let mut destroyed = 0;
                sqlx::query(SUM_UP_LINES)
                    .bind(school.as_str())
                    .bind(now_ms - 30 * DAY_MS)
                    .execute(tx.connection())
                    .await?;
                let files = tx.file_names(&school).await?;
                for term in TERMS {
                    let done = sqlx::query(term.statement)
                        .bind(school.as_str())
                        .bind(now_ms - term.keep_ms)
                        .execute(tx.connection())
                        .await?;
                    if done.rows_affected() > 0 {
                        destroyed += done.rows_affected();
                        categories.insert(term.category.to_owned(), done.rows_affected().into());
                    }
                }
                let journal = tx.end_journal(&school, now_ms - JOURNAL_MS, now_ms).await?;
                if journal > 0 {
                    destroyed += journal;
                    categories.insert("audit_event".to_owned(), journal.into());
                }
                if destroyed == 0 {
                    return Ok(Ended::default());
                }
                let left = tx.file_names(&school).await?;
                let files: Vec<String> = files.difference(&left).cloned().collect();
                let run = uuid::Uuid::now_v7().to_string();
                let event = AuditEvent::new(school.clone(), now_ms, "retention.end", "retention_run", &run)
                    .with(categories.clone().into());
                tx.audit(event).await?;
                let reason = "Истёк срок хранения".to_owned();
                tx.write_act(
                    &school,
                    "retention",
                    Vec::new(),
                    categories.into(),
                    reason,
                    ("retention_run", &run),
                    now_ms,
                )
                .await?;
                Ok(Ended { rows: destroyed, files })
            })
        })
        .await
    }
}

impl Tx {
    /// Names of a school's files in the data folder.
    async fn file_names(&mut self, school: &SchoolId) -> Result<BTreeSet<String>, StoreError> {
        let sql = "SELECT id FROM request_file WHERE school_id = $1 UNION SELECT id FROM act_file WHERE school_id = $2";
        let rows: Vec<(String,)> =
            sqlx::query_as(sql).bind(school.as_str()).bind(school.as_str()).fetch_all(self.connection()).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}
