//! Units of the school (методические объединения, корпуса): which there are, who leads them, which classes and people are in
//! them. What a unit head sees hangs on it.

use std::collections::HashMap;

use super::school::School;
use super::sql::{optional_text, text};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::fold::fold;
use crate::domain::ids::{ClassId, SchoolId, UnitId};
use crate::domain::role::Role;

/// A unit with what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFacts {
    pub id: UnitId,
    pub name: String,
    /// Names of those who hold the role of its head and have no last day behind them.
    pub heads: Vec<String>,
    /// People who work in it, its heads not counted.
    pub members: i64,
    /// Names of its classes.
    pub classes: Vec<String>,
}

/// A class of the present school years and its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassUnit {
    pub id: ClassId,
    pub name: String,
    pub year: String,
    pub unit: Option<UnitId>,
}

/// Why a unit stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// Roles and classes are in it.
    #[error("{roles} roles and {classes} classes are in the unit")]
    Used { roles: i64, classes: i64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Units of a school by name. `today`: YYYY-MM-DD.
    pub async fn units(&self, school: &SchoolId, today: jiff::civil::Date) -> Result<Vec<UnitFacts>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.unit_id, r.role, r.person_id, p.display_name FROM role_assignment r JOIN person p ON p.id = r.person_id
             WHERE r.school_id = $1 AND r.unit_id IS NOT NULL AND (r.valid_from IS NULL OR r.valid_from <= $2)
             AND (r.valid_to IS NULL OR r.valid_to >= $3) ORDER BY p.display_name",
        )
        .bind(school.as_str())
        .bind(today.to_string())
        .bind(today.to_string())
        .fetch_all(self.readers())
        .await?;
        let mut heads: HashMap<String, Vec<String>> = HashMap::new();
        let mut members: HashMap<String, std::collections::BTreeSet<String>> = HashMap::new();
        for row in &rows {
            let unit = text(row, "unit_id")?;
            if text(row, "role")? == Role::UnitHead.as_str() {
                heads.entry(unit).or_default().push(text(row, "display_name")?);
            } else {
                members.entry(unit).or_default().insert(text(row, "person_id")?);
            }
        }
        let mut classes: HashMap<UnitId, Vec<String>> = HashMap::new();
        for class in self.class_units(school).await? {
            if let Some(unit) = class.unit {
                classes.entry(unit).or_default().push(class.name);
            }
        }
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, name FROM org_unit WHERE school_id = $1 ORDER BY name")
                .bind(school.as_str())
                .fetch_all(self.readers())
                .await?;
        Ok(rows
            .into_iter()
            .map(|(id, name)| UnitFacts {
                heads: heads.remove(&id).unwrap_or_default(),
                members: members.remove(&id).map_or(0, |people| people.len() as i64),
                classes: classes.remove(&UnitId::new(id.as_str())).unwrap_or_default(),
                id: UnitId::new(id),
                name,
            })
            .collect())
    }

    /// Classes of a school with their units, the newest year first.
    pub async fn class_units(&self, school: &SchoolId) -> Result<Vec<ClassUnit>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.id, c.name, c.unit_id, y.name AS year FROM school_class c JOIN school_year y ON y.id = c.year_id
             WHERE c.school_id = $1 ORDER BY y.starts_on DESC, c.grade, c.name",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ClassUnit {
                    id: ClassId::new(text(row, "id")?),
                    name: text(row, "name")?,
                    year: text(row, "year")?,
                    unit: optional_text(row, "unit_id")?.map(UnitId::new),
                })
            })
            .collect()
    }
}

impl Tx {
    /// Writes a unit. [`StoreError::Conflict`]: there is one of that name.
    pub async fn create_unit(
        &mut self,
        school: &School,
        name: &str,
        by: &Actor,
        now_ms: i64,
    ) -> Result<UnitId, StoreError> {
        self.free_unit_name(&school.id, name, None).await?;
        let id = self.insert_unit(&school.id, name, now_ms).await?;
        self.unit_event(school, "unit.create", id.as_str(), by, now_ms, serde_json::json!({ "name": name })).await?;
        Ok(id)
    }

    /// Gives a unit another name.
    pub async fn rename_unit(
        &mut self,
        school: &School,
        id: &UnitId,
        name: &str,
        by: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.unit_of_school(&school.id, id).await?;
        self.free_unit_name(&school.id, name, Some(id)).await?;
        sqlx::query("UPDATE org_unit SET name = $1 WHERE id = $2")
            .bind(name)
            .bind(id.as_str())
            .execute(self.connection())
            .await?;
        self.unit_event(school, "unit.rename", id.as_str(), by, now_ms, serde_json::json!({ "name": name })).await
    }

    /// Takes a unit away, while no class and no role that is not over is in it.
    pub async fn drop_unit(
        &mut self,
        school: &School,
        id: &UnitId,
        by: &Actor,
        (today, now_ms): (jiff::civil::Date, i64),
    ) -> Result<(), UnitError> {
        self.unit_of_school(&school.id, id).await?;
        let (roles,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM role_assignment WHERE unit_id = $1 AND (valid_to IS NULL OR valid_to >= $2)",
        )
        .bind(id.as_str())
        .bind(today.to_string())
        .fetch_one(self.connection())
        .await
        .map_err(StoreError::from)?;
        let (classes,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM school_class WHERE unit_id = $1")
            .bind(id.as_str())
            .fetch_one(self.connection())
            .await
            .map_err(StoreError::from)?;
        if roles > 0 || classes > 0 {
            return Err(UnitError::Used { roles, classes });
        }
        // Roles that are over stay as they were, without the name of what is gone; the journal has it.
        for statement in
            ["UPDATE role_assignment SET unit_id = NULL WHERE unit_id = $1", "DELETE FROM org_unit WHERE id = $1"]
        {
            sqlx::query(statement).bind(id.as_str()).execute(self.connection()).await.map_err(StoreError::from)?;
        }
        self.unit_event(school, "unit.drop", id.as_str(), by, now_ms, serde_json::json!({})).await?;
        Ok(())
    }

    /// Puts a class into a unit, or into none. [`StoreError::NotFound`]: no such class, or no such unit.
    pub async fn put_class_into_unit(
        &mut self,
        school: &School,
        class: &ClassId,
        unit: Option<&UnitId>,
        by: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        if let Some(unit) = unit {
            self.unit_of_school(&school.id, unit).await?;
        }
        self.access_changed();
        let done = sqlx::query("UPDATE school_class SET unit_id = $1 WHERE id = $2 AND school_id = $3")
            .bind(unit.map(UnitId::as_str))
            .bind(class.as_str())
            .bind(school.id.as_str())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        let event = AuditEvent::new(school.id.clone(), now_ms, "unit.class", "school_class", class.as_str());
        let event = event.by(&by.person, by.role.map(Role::as_str)).with(serde_json::json!({ "unit": unit }));
        self.audit(event).await
    }

    /// [`StoreError::NotFound`]: not a unit of this school.
    pub(super) async fn unit_of_school(&mut self, school: &SchoolId, id: &UnitId) -> Result<(), StoreError> {
        sqlx::query("SELECT id FROM org_unit WHERE id = $1 AND school_id = $2")
            .bind(id.as_str())
            .bind(school.as_str())
            .fetch_one(self.connection())
            .await?;
        Ok(())
    }

    async fn free_unit_name(&mut self, school: &SchoolId, name: &str, but: Option<&UnitId>) -> Result<(), StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT id, name FROM org_unit WHERE school_id = $1")
            .bind(school.as_str())
            .fetch_all(self.connection())
            .await?;
        let is_taken =
            |(id, other): &(String, String)| fold(other) == fold(name) && but.is_none_or(|but| but.as_str() != id);
        if rows.iter().any(is_taken) { Err(StoreError::Conflict) } else { Ok(()) }
    }

    async fn unit_event(
        &mut self,
        school: &School,
        action: &'static str,
        id: &str,
        by: &Actor,
        now_ms: i64,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let event = AuditEvent::new(school.id.clone(), now_ms, action, "org_unit", id).with(detail);
        self.audit(event.by(&by.person, by.role.map(Role::as_str))).await
    }
}
