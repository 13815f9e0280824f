//! Norms as rows that are written and changed; changes of mode are in the journal (DOMAIN 4.6).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::super::sql::{int, optional_date, optional_int, optional_text, text, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::SchoolId;
use crate::domain::norm::NormMode;
use crate::domain::role::Role;

/// A norm as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NormRow {
    /// Empty: a new one.
    pub id: String,
    pub code: String,
    pub grade_from: u8,
    pub grade_to: u8,
    pub per_lesson: u16,
    pub per_day_home: Option<u16>,
    pub source: String,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
    pub mode: NormMode,
}

const COLUMNS: &str = "id, code, grade_from, grade_to, per_lesson, per_day_home, source, valid_from, valid_to, mode";

fn norm(row: &AnyRow) -> Result<NormRow, StoreError> {
    Ok(NormRow {
        id: text(row, "id")?,
        code: text(row, "code")?,
        grade_from: word(u8::try_from(int(row, "grade_from")?).ok(), "grade")?,
        grade_to: word(u8::try_from(int(row, "grade_to")?).ok(), "grade")?,
        per_lesson: word(u16::try_from(int(row, "per_lesson")?).ok(), "norm")?,
        per_day_home: optional_int(row, "per_day_home")?.and_then(|minutes| u16::try_from(minutes).ok()),
        source: text(row, "source")?,
        valid_from: optional_date(optional_text(row, "valid_from")?)?,
        valid_to: optional_date(optional_text(row, "valid_to")?)?,
        mode: word(NormMode::parse(&text(row, "mode")?), "norm's mode")?,
    })
}

impl Store {
    /// All rows of a school, by grade.
    pub async fn norm_rows(&self, school: &SchoolId) -> Result<Vec<NormRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM norm WHERE school_id = $1 AND device = 'pc' ORDER BY grade_from, grade_to, valid_from"
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(school.as_str()).fetch_all(self.readers()).await?;
        rows.iter().map(norm).collect()
    }
}

impl Tx {
    /// The norm of this id; [`StoreError::NotFound`]: the school has none.
    pub async fn norm_row(&mut self, school: &SchoolId, id: &str) -> Result<NormRow, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM norm WHERE id = $1 AND school_id = $2 AND device = 'pc'");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(school.as_str());
        norm(&query.fetch_one(self.connection()).await?)
    }

    /// Writes a norm, or changes the one of that id. [`StoreError::NotFound`]: the school has none of that id.
    pub async fn put_norm(
        &mut self,
        school: &SchoolId,
        row: NormRow,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let is_new = row.id.is_empty();
        if !is_new && self.norm_row(school, &row.id).await? == row {
            return Ok(());
        }
        let id = if is_new { uuid::Uuid::now_v7().to_string() } else { row.id };
        let sql = if is_new {
            "INSERT INTO norm (grade_from, grade_to, per_lesson, per_day_home, source, valid_from, valid_to, mode, code, id,
             school_id, device) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pc')"
        } else {
            "UPDATE norm SET grade_from = $1, grade_to = $2, per_lesson = $3, per_day_home = $4, source = $5,
             valid_from = $6, valid_to = $7, mode = $8, code = $9 WHERE id = $10 AND school_id = $11"
        };
        let done = sqlx::query(sql)
            .bind(i64::from(row.grade_from))
            .bind(i64::from(row.grade_to))
            .bind(i64::from(row.per_lesson))
            .bind(row.per_day_home.map(i64::from))
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
        let event = AuditEvent::new(school.clone(), now_ms, "norm.put", "norm", &id)
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(
                serde_json::json!({ "mode": row.mode, "per_lesson": row.per_lesson, "per_day_home": row.per_day_home }),
            );
        self.audit(event).await
    }
}
