//! The end by time (DOMAIN 4.7): what is older than its term goes within a day of it, with an act and the journal's rows as
//! proof (INV-73). What is under a hold stays.

use super::super::{AuditEvent, Store, StoreError};
use crate::domain::ids::SchoolId;

const DAY_MS: i64 = 86_400_000;
const YEAR_MS: i64 = 365 * DAY_MS;

/// What goes after how long. `$1` is the school, `$2` the instant before which it goes.
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
        statement: "DELETE FROM consent WHERE school_id = $1 AND at < $2 AND act = 'withdrawn'
            AND person_id NOT IN (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL)",
    },
    Term {
        category: "destruction_act",
        keep_ms: 0,
        statement: "DELETE FROM destruction_act WHERE school_id = $1 AND keep_until < $2",
    },
];

impl Store {
    /// Destroys what has run out in all schools; gives how many rows. Nothing to destroy makes no act.
    pub async fn end_by_time(&self, now_ms: i64) -> Result<u64, StoreError> {
        let mut destroyed = 0;
        for school in self.schools().await? {
            destroyed += self.end_by_time_in(school.id, now_ms).await?;
        }
        Ok(destroyed)
    }

    async fn end_by_time_in(&self, school: SchoolId, now_ms: i64) -> Result<u64, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let mut categories = serde_json::Map::new();
                let mut destroyed = 0;
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
                if destroyed == 0 {
                    return Ok(0);
                }
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
                Ok(destroyed)
            })
        })
        .await
    }
}
