//! Whom somebody is responsible for: the people behind the relations `group` and `unit` of the policy table.

use std::collections::HashSet;

use super::sql::placeholders;
use super::{Store, StoreError};
use crate::domain::ids::{GroupId, PersonId, UnitId};

impl Store {
    /// Students of the groups for which this person holds consultations.
    pub async fn people_taught_by(&self, host: &PersonId) -> Result<HashSet<PersonId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT DISTINCT e.person_id FROM enrollment e JOIN consultation c ON c.group_id = e.study_group_id
             WHERE c.host_id = $1 OR c.substitute_host_id = $2",
        )
        .bind(host.as_str())
        .bind(host.as_str())
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }

    /// Whether this person holds consultations for a group.
    pub async fn teaches(&self, host: &PersonId, group: &GroupId) -> Result<bool, StoreError> {
        let found: Option<(String,)> = sqlx::query_as(
            "SELECT id FROM consultation WHERE group_id = $1 AND (host_id = $2 OR substitute_host_id = $2) LIMIT 1",
        )
        .bind(group.as_str())
        .bind(host.as_str())
        .fetch_optional(self.readers())
        .await?;
        Ok(found.is_some())
    }

    /// Whether this person is the homeroom teacher of a group's class.
    pub async fn is_homeroom_of(&self, person: &PersonId, group: &GroupId) -> Result<bool, StoreError> {
        let found: Option<(String,)> = sqlx::query_as(
            "SELECT c.id FROM school_class c JOIN study_group g ON g.class_id = c.id
             WHERE g.id = $1 AND c.homeroom_teacher_id = $2",
        )
        .bind(group.as_str())
        .bind(person.as_str())
        .fetch_optional(self.readers())
        .await?;
        Ok(found.is_some())
    }

    /// People of these units: those with a role in them, and the students of their classes.
    pub async fn people_of_units(&self, units: &[UnitId]) -> Result<HashSet<PersonId>, StoreError> {
        if units.is_empty() {
            return Ok(HashSet::new());
        }
        let first = placeholders(1, units.len());
        let second = placeholders(1 + units.len(), units.len());
        let sql = format!(
            "SELECT person_id FROM role_assignment WHERE unit_id IN ({first})
             UNION SELECT e.person_id FROM enrollment e JOIN study_group g ON g.id = e.study_group_id
             JOIN school_class c ON c.id = g.class_id WHERE c.unit_id IN ({second})"
        );
        let mut query = sqlx::query_as::<_, (String,)>(sqlx::AssertSqlSafe(sql));
        for unit in units.iter().chain(units) {
            query = query.bind(unit.as_str());
        }
        let rows = query.fetch_all(self.readers()).await?;
        Ok(rows.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }
}
