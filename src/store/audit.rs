//! The journal: rows that are only ever appended, each sealed with the hash of the one before it (INV-70, INV-71).

pub mod journal;

use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::{Backend, Store, StoreError, Tx};
use crate::domain::ids::{PersonId, SchoolId};

/// One thing that happened, as it is told to the journal in the transaction that made it happen.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    pub school: SchoolId,
    pub at_ms: i64,
    /// `None`: the clock or the hub itself.
    pub actor: Option<PersonId>,
    /// The role that allowed it, in its stored spelling.
    pub acting_role: Option<String>,
    /// From where it was asked for, if nobody says otherwise where the job is from: never the address itself.
    pub ip_class: Option<String>,
    /// `consultation.open`, `card.publish`: object and verb.
    pub action: &'static str,
    pub object_kind: &'static str,
    pub object_id: String,
    /// Canonical text of the object before and after; only the hash is kept.
    pub before: Option<String>,
    pub after: Option<String>,
    pub reason: Option<String>,
    /// Small JSON, no personal data beyond ids.
    pub detail: Option<serde_json::Value>,
}

impl AuditEvent {
    /// An act of the clock or the hub; fill in what else is known.
    pub fn new(school: SchoolId, at_ms: i64, action: &'static str, object_kind: &'static str, object_id: &str) -> Self {
        Self {
            school,
            at_ms,
            actor: None,
            acting_role: None,
            ip_class: None,
            action,
            object_kind,
            object_id: object_id.to_owned(),
            before: None,
            after: None,
            reason: None,
            detail: None,
        }
    }

    #[must_use]
    pub fn by(mut self, actor: &PersonId, role: Option<&str>) -> Self {
        self.actor = Some(actor.clone());
        self.acting_role = role.map(str::to_owned);
        self
    }

    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    #[must_use]
    pub fn with(mut self, detail: serde_json::Value) -> Self {
        self.detail = Some(detail);
        self
    }
}

/// Last sealed row of a school's chain.
#[derive(Clone, Debug)]
pub(super) struct ChainHead {
    seq: i64,
    hash: String,
}

/// What `prev_hash` of the first row is.
fn genesis() -> String {
    "0".repeat(64)
}

impl Tx {
    /// Appends to the school's chain. The row is part of this job: undone with it, committed with it.
    pub async fn audit(&mut self, mut event: AuditEvent) -> Result<(), StoreError> {
        event.ip_class = event.ip_class.or_else(|| self.origin.map(|origin| origin.as_str().to_owned()));
        let head = self.head(&event.school).await?;
        let row = Sealed::after(&head, event);
        sqlx::query(
            "INSERT INTO audit_event (school_id, seq, at, actor_id, acting_role, ip_class, action, object_kind, object_id,
             before_hash, after_hash, reason, detail, prev_hash, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(row.school.as_str())
        .bind(row.seq)
        .bind(row.at)
        .bind(row.actor.as_deref())
        .bind(row.acting_role.as_deref())
        .bind(row.ip_class.as_deref())
        .bind(row.action.as_str())
        .bind(row.object_kind.as_str())
        .bind(row.object_id.as_str())
        .bind(row.before_hash.as_deref())
        .bind(row.after_hash.as_deref())
        .bind(row.reason.as_deref())
        .bind(row.detail.as_deref())
        .bind(row.prev_hash.as_str())
        .bind(row.hash.as_str())
        .execute(self.connection())
        .await?;
        self.heads.insert(SchoolId::new(row.school), ChainHead { seq: row.seq, hash: row.hash });
        Ok(())
    }

    async fn head(&mut self, school: &SchoolId) -> Result<ChainHead, StoreError> {
        if let Some(head) = self.heads.get(school) {
            return Ok(head.clone());
        }
        if self.backend() == Backend::Postgres {
            // Other hubs write to the same chain: one at a time until this transaction ends.
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(hashtext($1)) AS TEXT)")
                .bind(school.as_str())
                .execute(self.connection())
                .await?;
        }
        let row: Option<(i64, String)> =
            sqlx::query_as("SELECT seq, hash FROM audit_event WHERE school_id = $1 ORDER BY seq DESC LIMIT 1")
                .bind(school.as_str())
                .fetch_optional(self.connection())
                .await?;
        Ok(row.map_or_else(|| ChainHead { seq: 0, hash: genesis() }, |(seq, hash)| ChainHead { seq, hash }))
    }
}

/// A row with its seal.
struct Sealed {
    school: String,
    seq: i64,
    at: i64,
    actor: Option<String>,
    acting_role: Option<String>,
    ip_class: Option<String>,
    action: String,
    object_kind: String,
    object_id: String,
    before_hash: Option<String>,
    after_hash: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
    prev_hash: String,
    hash: String,
}

impl Sealed {
    fn after(head: &ChainHead, event: AuditEvent) -> Self {
        let mut row = Self {
            school: event.school.as_str().to_owned(),
            seq: head.seq + 1,
            at: event.at_ms,
            actor: event.actor.map(|actor| actor.as_str().to_owned()),
            acting_role: event.acting_role,
            ip_class: event.ip_class,
            action: event.action.to_owned(),
            object_kind: event.object_kind.to_owned(),
            object_id: event.object_id,
            before_hash: event.before.map(|text| digest(&text)),
            after_hash: event.after.map(|text| digest(&text)),
            reason: event.reason,
            detail: event.detail.map(|detail| detail.to_string()),
            prev_hash: head.hash.clone(),
            hash: String::new(),
        };
        row.hash = row.seal();
        row
    }

    /// SHA-256 over all fields in the order of the table. Each field is led by its length, an absent one by a dash, so that
    /// no text can be moved from one field into its neighbour.
    fn seal(&self) -> String {
        let mut hasher = Sha256::new();
        let seq = self.seq.to_string();
        let at = self.at.to_string();
        for field in [
            Some(self.school.as_str()),
            Some(seq.as_str()),
            Some(at.as_str()),
            self.actor.as_deref(),
            self.acting_role.as_deref(),
            self.ip_class.as_deref(),
            Some(self.action.as_str()),
            Some(self.object_kind.as_str()),
            Some(self.object_id.as_str()),
            self.before_hash.as_deref(),
            self.after_hash.as_deref(),
            self.reason.as_deref(),
            self.detail.as_deref(),
            Some(self.prev_hash.as_str()),
        ] {
            match field {
                Some(text) => {
                    hasher.update(format!("{}:", text.len()));
                    hasher.update(text);
                }
                None => hasher.update("-"),
            }
        }
        hex::encode(hasher.finalize())
    }
}

/// SHA-256 of a text, in hex.
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    pub schools: usize,
    pub rows: u64,
    /// Hash of the newest row of each school: print it, keep it elsewhere, and a cut-off tail shows too.
    pub heads: Vec<(SchoolId, i64, String)>,
    /// The first row of each school that does not fit, if any.
    pub broken: Vec<BrokenRow>,
}

impl VerifyReport {
    pub fn is_intact(&self) -> bool {
        self.broken.is_empty()
    }
}

/// The place where a chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    pub school: SchoolId,
    pub seq: i64,
    pub fault: ChainFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainFault {
    /// A row is missing or doubled before this one.
    Gap,
    /// The row does not name the hash of the one before.
    Unlinked,
    /// The row's own fields do not give its hash: it was changed.
    Changed,
}

/// The row that says where the journal begins from now on.
const ANCHOR_ACTION: &str = "audit.anchor";

impl Tx {
    /// Lets the rows of a school's journal go that are older than `before_ms`, from its beginning on and as far as no hold stands
    /// in the way; gives how many. The chain stays whole: its new beginning is sealed in it first.
    pub(super) async fn end_journal(
        &mut self,
        school: &SchoolId,
        before_ms: i64,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        let first_kept: (Option<i64>,) = sqlx::query_as(
            "SELECT MIN(seq) FROM audit_event WHERE school_id = $1 AND (at >= $2 OR actor_id IN
             (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL) OR object_id IN
             (SELECT person_id FROM retention_hold WHERE lifted_at IS NULL))",
        )
        .bind(school.as_str())
        .bind(before_ms)
        .fetch_one(self.connection())
        .await?;
        let last: Option<(i64, String)> = sqlx::query_as(
            "SELECT seq, hash FROM audit_event WHERE school_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1",
        )
        .bind(school.as_str())
        .bind(first_kept.0.unwrap_or(i64::MAX))
        .fetch_optional(self.connection())
        .await?;
        let Some((seq, hash)) = last else { return Ok(0) };
        let mut event = AuditEvent::new(school.clone(), now_ms, ANCHOR_ACTION, "audit_event", &seq.to_string())
            .with(serde_json::json!({ "seq": seq, "hash": hash }));
        event.after = Some(hash.clone());
        self.audit(event).await?;
        sqlx::query(
            "INSERT INTO audit_anchor (school_id, seq, hash, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (school_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at = excluded.at",
        )
        .bind(school.as_str())
        .bind(seq)
        .bind(hash)
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        let done = sqlx::query("DELETE FROM audit_event WHERE school_id = $1 AND seq <= $2")
            .bind(school.as_str())
            .bind(seq)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected())
    }
}

/// Rows looked at in one read.
const PAGE: i64 = 2000;

/// Walks every chain from its first row; one changed byte is found.
pub async fn verify(store: &Store) -> Result<VerifyReport, StoreError> {
    let schools: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT school_id FROM audit_event ORDER BY school_id")
        .fetch_all(store.readers())
        .await?;
    let mut report = VerifyReport { schools: schools.len(), rows: 0, heads: Vec::new(), broken: Vec::new() };
    for (school,) in schools {
        verify_school(store, &school, &mut report).await?;
    }
    Ok(report)
}

/// Walks one school's chain.
pub async fn verify_of(store: &Store, school: &SchoolId) -> Result<VerifyReport, StoreError> {
    let mut report = VerifyReport { schools: 1, rows: 0, heads: Vec::new(), broken: Vec::new() };
    verify_school(store, school.as_str(), &mut report).await?;
    Ok(report)
}

async fn verify_school(store: &Store, school: &str, report: &mut VerifyReport) -> Result<(), StoreError> {
    let anchor: Option<(i64, String)> = sqlx::query_as("SELECT seq, hash FROM audit_anchor WHERE school_id = $1")
        .bind(school)
        .fetch_optional(store.readers())
        .await?;
    // What has run out is gone; the chain goes on from the hash of its last row, if a row of the chain says so too.
    let mut head = match &anchor {
        Some((seq, hash)) => ChainHead { seq: *seq, hash: hash.clone() },
        None => ChainHead { seq: 0, hash: genesis() },
    };
    let mut is_anchored = anchor.is_none();
    let mut broken = None;
    // From below zero: a forged row before the first must show as a gap.
    let mut after = i64::MIN;
    loop {
        let rows = sqlx::query(
            "SELECT school_id, seq, at, actor_id, acting_role, ip_class, action, object_kind, object_id, before_hash,
             after_hash, reason, detail, prev_hash, hash FROM audit_event WHERE school_id = $1 AND seq > $2
             ORDER BY seq LIMIT $3",
        )
        .bind(school)
        .bind(after)
        .bind(PAGE)
        .fetch_all(store.readers())
        .await?;
        for row in &rows {
            let row = Sealed {
                school: row.try_get(0)?,
                seq: row.try_get(1)?,
                at: row.try_get(2)?,
                actor: row.try_get(3)?,
                acting_role: row.try_get(4)?,
                ip_class: row.try_get(5)?,
                action: row.try_get(6)?,
                object_kind: row.try_get(7)?,
                object_id: row.try_get(8)?,
                before_hash: row.try_get(9)?,
                after_hash: row.try_get(10)?,
                reason: row.try_get(11)?,
                detail: row.try_get(12)?,
                prev_hash: row.try_get(13)?,
                hash: row.try_get(14)?,
            };
            report.rows += 1;
            after = row.seq;
            is_anchored |= anchor.as_ref().is_some_and(|(seq, hash)| {
                row.action == ANCHOR_ACTION
                    && row.object_id == seq.to_string()
                    && row.after_hash.as_deref() == Some(digest(hash).as_str())
            });
            if broken.is_none() {
                broken =
                    fault(&head, &row).map(|fault| BrokenRow { school: SchoolId::new(school), seq: row.seq, fault });
            }
            head = ChainHead { seq: row.seq, hash: row.hash };
        }
        if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            break;
        }
    }
    if let Some((seq, _)) = anchor.filter(|_| !is_anchored && broken.is_none()) {
        broken = Some(BrokenRow { school: SchoolId::new(school), seq: seq + 1, fault: ChainFault::Gap });
    }
    report.heads.push((SchoolId::new(school), head.seq, head.hash));
    report.broken.extend(broken);
    Ok(())
}

fn fault(head: &ChainHead, row: &Sealed) -> Option<ChainFault> {
    if row.seq != head.seq + 1 {
        Some(ChainFault::Gap)
    } else if row.prev_hash != head.hash {
        Some(ChainFault::Unlinked)
    } else if row.seal() != row.hash {
        Some(ChainFault::Changed)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
