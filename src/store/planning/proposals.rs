//! Changes of rules as an administrator proposes them, and the decision on each: what is confirmed is applied in the same
//! transaction, if what it would replace still stands as it did.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::super::school::School;
use super::super::sql::{self, int, json, optional_int, optional_text, text, to_json, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx, audit};
use super::PlanError;
use super::acts::LocalAct;
use super::modes::HoursRow;
use super::norms::NormRow;
use crate::domain::calendar::date_in;
use crate::domain::consent::Purpose;
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::norm::NormMode;
use crate::domain::notice::Notice;
use crate::domain::planning::load::NoAudience;
use crate::domain::proposal::{Decision, State, decide};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// Proposals of one school that wait at once: those who decide read each.
pub const MOST_WAITING: i64 = 50;
/// Proposals of one person in a day: each is a letter to those who decide and a row of the journal.
const MOST_A_DAY: i64 = 100;
const DAY_MS: i64 = 24 * 3_600_000;

/// A change of what planning is held against, checked and ready to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "row", rename_all = "snake_case")]
pub enum RuleChange {
    Act(LocalAct),
    Norm(NormRow),
    Hours(HoursRow),
    Mode { rule: String, mode: NormMode },
    Text { purpose: Purpose, title: String, body: String },
    Load(NoAudience),
}

impl RuleChange {
    /// How the column `kind` and the journal call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Act(_) => "act",
            Self::Norm(_) => "norm",
            Self::Hours(_) => "hours",
            Self::Mode { .. } => "mode",
            Self::Text { .. } => "text",
            Self::Load(_) => "load",
        }
    }
}

/// A proposal with the names of those who had to do with it.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub id: String,
    pub change: RuleChange,
    /// What stood in its place when it was proposed; `None`: nothing.
    pub was: Option<RuleChange>,
    pub state: State,
    pub proposed_by: PersonId,
    pub proposer: String,
    pub proposed_ms: i64,
    pub decider: Option<String>,
    pub decided_ms: Option<i64>,
    pub reason: Option<String>,
}

const SELECT: &str = "SELECT r.id, r.body, r.was, r.state, r.proposed_by, p.display_name AS proposer, r.created_at,
    d.display_name AS decider, r.decided_at, r.reason FROM rule_proposal r JOIN person p ON p.id = r.proposed_by
    LEFT JOIN person d ON d.id = r.decided_by";

fn proposal(row: &AnyRow) -> Result<Proposal, StoreError> {
    Ok(Proposal {
        id: text(row, "id")?,
        change: json(&text(row, "body")?, "proposal")?,
        was: optional_text(row, "was")?.map(|was| json(&was, "proposal")).transpose()?,
        state: word(State::parse(&text(row, "state")?), "state of a proposal")?,
        proposed_by: PersonId::new(text(row, "proposed_by")?),
        proposer: text(row, "proposer")?,
        proposed_ms: int(row, "created_at")?,
        decider: optional_text(row, "decider")?,
        decided_ms: optional_int(row, "decided_at")?,
        reason: optional_text(row, "reason")?,
    })
}

impl Store {
    /// Proposals of a school, or of one person there: what waits first, then the newest, at most `limit`.
    pub async fn rule_proposals(
        &self,
        school: &SchoolId,
        of: Option<&PersonId>,
        limit: i64,
    ) -> Result<Vec<Proposal>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE r.school_id = $1 AND ($2 = '' OR r.proposed_by = $2)
             ORDER BY CASE r.state WHEN 'proposed' THEN 0 ELSE 1 END, r.created_at DESC, r.id DESC LIMIT $3"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(school.as_str()).bind(of.map_or("", PersonId::as_str));
        query.bind(limit).fetch_all(self.readers()).await?.iter().map(proposal).collect()
    }

    /// One proposal; [`StoreError::NotFound`]: the school has none of that id.
    pub async fn rule_proposal(&self, school: &SchoolId, id: &str) -> Result<Proposal, StoreError> {
        let sql = format!("{SELECT} WHERE r.id = $1 AND r.school_id = $2");
        proposal(&sqlx::query(AssertSqlSafe(sql)).bind(id).bind(school.as_str()).fetch_one(self.readers()).await?)
    }
}

impl Store {
    /// Those of these proposals that wait while what they would replace has changed since, by id: they can no longer be
    /// confirmed.
    pub async fn stale_proposals(
        &self,
        school: &SchoolId,
        known: &[Proposal],
        now_ms: i64,
    ) -> Result<HashSet<String>, StoreError> {
        let waiting: Vec<&Proposal> = known.iter().filter(|one| one.state == State::Proposed).collect();
        if waiting.is_empty() {
            return Ok(HashSet::new());
        }
        let (norms, hours) = (self.norm_rows(school).await?, self.hours_rows(school).await?);
        let (modes, texts) = (self.rule_modes(school).await?, self.consent_texts(school).await?);
        let load = self.no_audience(school, now_ms).await?;
        let now = |change: &RuleChange| match change {
            RuleChange::Act(_) => None,
            RuleChange::Norm(row) => norms.iter().find(|one| one.id == row.id).cloned().map(RuleChange::Norm),
            RuleChange::Hours(row) => hours.iter().find(|one| one.id == row.id).cloned().map(RuleChange::Hours),
            RuleChange::Mode { rule, .. } => modes
                .iter()
                .find(|(code, _)| code.as_str() == rule)
                .map(|(_, mode)| RuleChange::Mode { rule: rule.clone(), mode: *mode }),
            RuleChange::Text { purpose, .. } => texts
                .iter()
                .find(|one| one.purpose == *purpose)
                .map(|one| RuleChange::Text { purpose: *purpose, title: one.title.clone(), body: one.body.clone() }),
            RuleChange::Load(_) => Some(RuleChange::Load(load)),
        };
        Ok(waiting.into_iter().filter(|one| now(&one.change) != one.was).map(|one| one.id.clone()).collect())
    }
}

impl RuleChange {
    /// As the journal keeps it: of a long text its digest, like that of a text in force.
    fn noted(&self) -> serde_json::Value {
        match self {
            Self::Text { purpose, title, body } => {
                serde_json::json!({ "purpose": purpose, "sha256": audit::digest(&format!("{title}\n{body}")) })
            }
            other => serde_json::json!(other),
        }
    }
}

impl Tx {
    /// Writes the change down: from now on it is in force.
    pub async fn apply_rule_change(
        &mut self,
        school: &School,
        change: RuleChange,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        match change {
            RuleChange::Act(act) => self.insert_local_act(school, &act, Some(actor), now_ms).await,
            RuleChange::Norm(row) => self.put_norm(&school.id, row, actor, now_ms).await,
            RuleChange::Hours(row) => self.put_hours(&school.id, row, actor, now_ms).await,
            RuleChange::Mode { rule, mode } => {
                let code = word(RefusalCode::parse(&rule), "rule")?;
                self.put_rule_mode(&school.id, (code, mode), actor, now_ms).await
            }
            RuleChange::Text { purpose, title, body } => {
                self.add_consent_text(&school.id, purpose, (&title, &body), Some(actor), now_ms).await.map(drop)
            }
            RuleChange::Load(policy) => self.put_no_audience(&school.id, policy, actor, now_ms).await,
        }
    }

    /// What a change would replace, as it stands now; `None`: nothing. [`StoreError::NotFound`]: it names a row that is not.
    async fn standing(
        &mut self,
        school: &SchoolId,
        change: &RuleChange,
        now_ms: i64,
    ) -> Result<Option<RuleChange>, StoreError> {
        Ok(match change {
            RuleChange::Act(_) => None,
            RuleChange::Norm(row) if row.id.is_empty() => None,
            RuleChange::Hours(row) if row.id.is_empty() => None,
            RuleChange::Norm(row) => Some(RuleChange::Norm(self.norm_row(school, &row.id).await?)),
            RuleChange::Hours(row) => Some(RuleChange::Hours(self.hours_row(school, &row.id).await?)),
            RuleChange::Mode { rule, .. } => {
                let mode = self.rule_mode(school, word(RefusalCode::parse(rule), "rule")?).await?;
                Some(RuleChange::Mode { rule: rule.clone(), mode })
            }
            RuleChange::Text { purpose, .. } => {
                let text = self.consent_text_in_force(school, *purpose).await?;
                text.map(|text| RuleChange::Text { purpose: text.purpose, title: text.title, body: text.body })
            }
            RuleChange::Load(_) => Some(RuleChange::Load(self.no_audience_at(school, now_ms).await?)),
        })
    }

    /// Keeps a change until somebody decides on it, and tells those who may; gives its id. Refusals: `conflict` when
    /// [`MOST_WAITING`] wait already, when this person proposes without end, and for what would change nothing.
    pub async fn propose_rule_change(
        &mut self,
        school: &School,
        change: &RuleChange,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<String, StoreError> {
        self.lock_planning(school).await?;
        let (waiting, today): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM rule_proposal WHERE school_id = $1 AND state = 'proposed'),
             (SELECT COUNT(*) FROM rule_proposal WHERE school_id = $2 AND proposed_by = $3 AND created_at > $4)",
        )
        .bind(school.id.as_str())
        .bind(school.id.as_str())
        .bind(actor.person.as_str())
        .bind(now_ms - DAY_MS)
        .fetch_one(self.connection())
        .await?;
        let was = self.standing(&school.id, change, now_ms).await?;
        if waiting >= MOST_WAITING || today >= MOST_A_DAY || was.as_ref() == Some(change) {
            return Err(StoreError::Conflict);
        }
        let id = uuid::Uuid::now_v7().to_string();
        let row = vec![
            id.as_str().into(),
            school.id.as_str().into(),
            change.kind().into(),
            to_json(change).into(),
            was.as_ref().map(to_json).into(),
            State::Proposed.as_str().into(),
            actor.person.as_str().into(),
            now_ms.into(),
        ];
        let into = "rule_proposal (id, school_id, kind, body, was, state, proposed_by, created_at)";
        sql::insert_many(self.connection(), into, 8, vec![row]).await?;
        let event = AuditEvent::new(school.id.clone(), now_ms, "rule.propose", "rule_proposal", &id)
            .by(&actor.person, actor.role.map(Role::as_str));
        let was = was.as_ref().map(RuleChange::noted);
        self.audit(event.with(serde_json::json!({ "kind": change.kind(), "change": change.noted(), "was": was })))
            .await?;
        let day = date_in(&school.zone(), now_ms).to_string();
        let mut to = self.holders(&school.id, &[Role::DeputyHead, Role::Head], &day).await?;
        to.retain(|person| *person != actor.person);
        self.tell(&school.id, to, Notice::RuleProposed { proposal: id.clone() }, id.clone(), now_ms).await?;
        Ok(id)
    }

    /// Decides on a proposal; what is confirmed is in force from now on. `reason`: of declining. Refusals:
    /// `illegal_transition` and `role_not_permitted` by [`decide`], `version_conflict` when what it would replace has
    /// changed since, [`StoreError::NotFound`] when that is gone.
    pub async fn decide_on_rule_change(
        &mut self,
        school: &School,
        id: &str,
        (decision, reason): (Decision, Option<&str>),
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), PlanError> {
        self.lock_planning(school).await?;
        let sql = format!("{SELECT} WHERE r.id = $1 AND r.school_id = $2");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(school.id.as_str());
        let known = proposal(&query.fetch_one(self.connection()).await.map_err(StoreError::from)?)?;
        let is_author = known.proposed_by == actor.person;
        let state = decide(known.state, decision, is_author).map_err(PlanError::Refused)?;
        sqlx::query("UPDATE rule_proposal SET state = $1, decided_by = $2, decided_at = $3, reason = $4 WHERE id = $5")
            .bind(state.as_str())
            .bind(actor.person.as_str())
            .bind(now_ms)
            .bind(reason)
            .bind(id)
            .execute(self.connection())
            .await
            .map_err(StoreError::from)?;
        let mut event = AuditEvent::new(school.id.clone(), now_ms, "rule.decide", "rule_proposal", id)
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({ "decision": decision, "proposed_by": known.proposed_by }));
        if let Some(reason) = reason {
            event = event.because(reason);
        }
        self.audit(event).await?;
        if state == State::Confirmed {
            if self.standing(&school.id, &known.change, now_ms).await? != known.was {
                return Err(PlanError::Refused(RefusalCode::VersionConflict));
            }
            self.apply_rule_change(school, known.change, actor, now_ms).await?;
        }
        let notice = match state {
            State::Confirmed => Notice::RuleConfirmed { proposal: id.to_owned() },
            State::Declined => {
                Notice::RuleDeclined { proposal: id.to_owned(), reason: reason.unwrap_or_default().to_owned() }
            }
            State::Proposed | State::Withdrawn => return Ok(()),
        };
        self.tell(&school.id, vec![known.proposed_by], notice, format!("{id}:{state}"), now_ms).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
