//! What a lesson card can be made of, for the editor and for the check of what it sends.

use std::collections::HashMap;

use serde::Serialize;

use super::super::{Store, StoreError};
use crate::domain::ids::{GroupId, SchoolId, UnitId};

/// Groups, subjects, hosts and programmes of a school.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CardOptions {
    pub groups: Vec<GroupOption>,
    pub subjects: Vec<NamedOption>,
    pub hosts: Vec<NamedOption>,
    pub programmes: Vec<ProgrammeOption>,
    /// Numbers of the periods that the bells have, with their usual times.
    pub periods: Vec<PeriodOption>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GroupOption {
    pub id: String,
    pub class: String,
    /// Empty: the whole class.
    pub name: String,
    pub grade: i64,
}

/// Something with a name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NamedOption {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProgrammeOption {
    pub subject: String,
    pub grade: i64,
    pub parts: Vec<PartOption>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PartOption {
    pub title: String,
    pub completed: bool,
    pub topics: Vec<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PeriodOption {
    pub n: i64,
    pub starts: String,
    pub ends: String,
}

impl Store {
    /// What a card of the school can be made of.
    pub async fn card_options(&self, school: &SchoolId) -> Result<CardOptions, StoreError> {
        let id = school.as_str();
        let groups: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT g.id, c.name, g.name, c.grade FROM study_group g JOIN school_class c ON c.id = g.class_id
             WHERE g.school_id = $1 ORDER BY c.grade, c.name, g.name",
        )
        .bind(id)
        .fetch_all(self.readers())
        .await?;
        let subjects: Vec<(String, String)> =
            sqlx::query_as("SELECT id, name FROM subject WHERE school_id = $1 ORDER BY name")
                .bind(id)
                .fetch_all(self.readers())
                .await?;
        let hosts: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT p.id, p.display_name FROM person p JOIN role_assignment r ON r.person_id = p.id
             WHERE p.school_id = $1 AND r.role IN ('teacher', 'deputy_head', 'unit_head', 'staff', 'head')
             ORDER BY p.display_name",
        )
        .bind(id)
        .fetch_all(self.readers())
        .await?;
        let periods: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT p.n, p.starts, p.ends FROM bell_period p JOIN school s ON s.usual_bells_id = p.schedule_id
             WHERE s.id = $1 ORDER BY p.n",
        )
        .bind(id)
        .fetch_all(self.readers())
        .await?;
        let programmes = self.programmes(school).await?;
        let named = |(id, name)| NamedOption { id, name };
        Ok(CardOptions {
            groups: groups.into_iter().map(|(id, class, name, grade)| GroupOption { id, class, name, grade }).collect(),
            subjects: subjects.into_iter().map(named).collect(),
            hosts: hosts.into_iter().map(named).collect(),
            programmes: programmes
                .into_iter()
                .map(|one| ProgrammeOption {
                    subject: one.subject_id.as_str().to_owned(),
                    grade: i64::from(one.grade),
                    parts: one
                        .parts
                        .into_iter()
                        .map(|part| PartOption {
                            title: part.title,
                            completed: part.completed_on.is_some(),
                            topics: part.topics.into_iter().map(|(_, title)| title).collect(),
                        })
                        .collect(),
                })
                .collect(),
            periods: periods.into_iter().map(|(n, starts, ends)| PeriodOption { n, starts, ends }).collect(),
        })
    }

    /// The unit of a group's class; `None`: it has none, or there is no such group.
    pub async fn unit_of_group(&self, group: &GroupId) -> Result<Option<UnitId>, StoreError> {
        let row: Option<(Option<String>,)> = sqlx::query_as(
            "SELECT c.unit_id FROM study_group g LEFT JOIN school_class c ON c.id = g.class_id WHERE g.id = $1",
        )
        .bind(group.as_str())
        .fetch_optional(self.readers())
        .await?;
        Ok(row.and_then(|(unit,)| unit).map(UnitId::new))
    }

    /// Names of consultations that can be shown beside their ids: title, class, host, start.
    pub async fn consultation_names(
        &self,
        ids: &[String],
    ) -> Result<HashMap<String, (String, Option<String>, i64)>, StoreError> {
        let mut names = HashMap::new();
        for chunk in ids.chunks(500) {
            let sql = format!(
                "SELECT c.id, v.title, cl.name, c.start_at FROM consultation c JOIN card_slot s ON s.id = c.slot_id
                 JOIN card_version v ON v.id = s.version_id JOIN study_group g ON g.id = c.group_id
                 LEFT JOIN school_class cl ON cl.id = g.class_id WHERE c.id IN ({})",
                super::super::sql::placeholders(1, chunk.len())
            );
            let mut query = sqlx::query_as::<_, (String, String, Option<String>, i64)>(sqlx::AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id.as_str());
            }
            for (id, title, class, start) in query.fetch_all(self.readers()).await? {
                names.insert(id, (title, class, start));
            }
        }
        Ok(names)
    }
}
