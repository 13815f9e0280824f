//! Hours of the day as dated rows, and which rules a school softens; every change is in the journal (DOMAIN 4.6).

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::super::sql::{int, json, optional_date, optional_text, text, time, to_json, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::SchoolId;
use crate::domain::norm::NormMode;
use crate::domain::planning::finding::Rules;
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// From when to when students of some grades may be taught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoursRow {
    /// Empty: a new one.
    pub id: String,
    pub code: String,
    pub grade_from: u8,
    pub grade_to: u8,
    pub earliest: Time,
    pub latest: Time,
    pub source: String,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
    pub mode: NormMode,
}

const COLUMNS: &str = "id, code, grade_from, grade_to, earliest, latest, source, valid_from, valid_to, mode";

fn hours(row: &AnyRow) -> Result<HoursRow, StoreError> {
    Ok(HoursRow {
        id: text(row, "id")?,
        code: text(row, "code")?,
        grade_from: word(u8::try_from(int(row, "grade_from")?).ok(), "grade")?,
        grade_to: word(u8::try_from(int(row, "grade_to")?).ok(), "grade")?,
        earliest: time(&text(row, "earliest")?)?,
        latest: time(&text(row, "latest")?)?,
        source: text(row, "source")?,
        valid_from: optional_date(optional_text(row, "valid_from")?)?,
        valid_to: optional_date(optional_text(row, "valid_to")?)?,
        mode: word(NormMode::parse(&text(row, "mode")?), "norm's mode")?,
    })
}

impl Store {
    /// All rows of a school, by grade.
    pub async fn hours_rows(&self, school: &SchoolId) -> Result<Vec<HoursRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM hours_norm WHERE school_id = $1 ORDER BY grade_from, grade_to, valid_from");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(school.as_str()).fetch_all(self.readers()).await?;
        rows.iter().map(hours).collect()
    }

    /// The rules that a school may soften, with what it has decided; what it says nothing about is enforced.
    pub async fn rule_modes(&self, school: &SchoolId) -> Result<Vec<(RefusalCode, NormMode)>, StoreError> {
        let (policy,): (String,) = sqlx::query_as("SELECT policy FROM school WHERE id = $1")
            .bind(school.as_str())
            .fetch_one(self.readers())
            .await?;
        let rules = super::view::rules(&policy)?;
        Ok(Rules::SOFT.into_iter().map(|code| (code, rules.mode(code))).collect())
    }
}

impl Tx {
    /// The hours of this id; [`StoreError::NotFound`]: the school has none.
    pub async fn hours_row(&mut self, school: &SchoolId, id: &str) -> Result<HoursRow, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM hours_norm WHERE id = $1 AND school_id = $2");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(school.as_str());
        hours(&query.fetch_one(self.connection()).await?)
    }

    /// How strictly a rule is meant now.
    pub async fn rule_mode(&mut self, school: &SchoolId, code: RefusalCode) -> Result<NormMode, StoreError> {
        let (policy,): (String,) = sqlx::query_as("SELECT policy FROM school WHERE id = $1")
            .bind(school.as_str())
            .fetch_one(self.connection())
            .await?;
        Ok(super::view::rules(&policy)?.mode(code))
    }

    /// Writes hours down, or changes the row of that id. [`StoreError::NotFound`]: the school has none of that id.
    pub async fn put_hours(
        &mut self,
        school: &SchoolId,
        row: HoursRow,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let is_new = row.id.is_empty();
        if !is_new && self.hours_row(school, &row.id).await? == row {
            return Ok(());
        }
        let id = if is_new { uuid::Uuid::now_v7().to_string() } else { row.id };
        let sql = if is_new {
            "INSERT INTO hours_norm (grade_from, grade_to, earliest, latest, source, valid_from, valid_to, mode, code, id,
             school_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        } else {
            "UPDATE hours_norm SET grade_from = $1, grade_to = $2, earliest = $3, latest = $4, source = $5, valid_from = $6,
             valid_to = $7, mode = $8, code = $9 WHERE id = $10 AND school_id = $11"
        };
        let done = sqlx::query(sql)
            .bind(i64::from(row.grade_from))
            .bind(i64::from(row.grade_to))
            .bind(row.earliest.to_string())
            .bind(row.latest.to_string())
            .bind(row.source.as_str())
            .bind(row.valid_from.map(|day| day.to_string()))
            .bind(row.valid_to.map(|day| day.to_string()))
            .bind(row.mode.as_str())
            .bind(row.code.as_str())
            .bind(id.as_str())
            .bind(school.as_str())
            .execute(self.connection())
            .await?;
        if done.rows_affected() != 1 {
            return Err(StoreError::NotFound);
        }
        let detail = serde_json::json!({ "mode": row.mode, "earliest": row.earliest, "latest": row.latest });
        let event = AuditEvent::new(school.clone(), now_ms, "hours_norm.put", "hours_norm", &id)
            .by(&actor.person, actor.role.map(Role::as_str));
        self.audit(event.with(detail)).await
    }

    /// Decides how strictly a rule is meant; the rest of the school's policy stays.
    pub async fn put_rule_mode(
        &mut self,
        school: &SchoolId,
        (code, mode): (RefusalCode, NormMode),
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (policy,): (String,) = sqlx::query_as("SELECT policy FROM school WHERE id = $1")
            .bind(school.as_str())
            .fetch_one(self.connection())
            .await?;
        let was = super::view::rules(&policy)?.mode(code);
        if was == mode {
            return Ok(());
        }
        let mut policy: BTreeMap<String, serde_json::Value> = json(&policy, "school policy")?;
        let rules = policy.entry("rules".to_owned()).or_insert_with(|| serde_json::json!({}));
        rules[code.as_str()] = mode.as_str().into();
        sqlx::query("UPDATE school SET policy = $1 WHERE id = $2")
            .bind(to_json(&policy))
            .bind(school.as_str())
            .execute(self.connection())
            .await?;
        let event = AuditEvent::new(school.clone(), now_ms, "policy.rule", "school", school.as_str())
            .by(&actor.person, actor.role.map(Role::as_str));
        self.audit(event.with(serde_json::json!({ "rule": code, "mode": mode, "was": was }))).await
    }
}
