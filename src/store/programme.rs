//! Programmes with their parts and topics; a part is completed by whoever teaches it, and that opens the preparation for its
//! assessment (clause 3.7).

pub mod editing;

use std::collections::HashMap;

use jiff::civil::Date;

use self::editing::EditError;
use super::school::School;
use super::sql::{self, date, int, optional_date, optional_text, text, word};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::fold::fold;
use crate::domain::ids::{PartId, PersonId, ProgrammeId, SchoolId, SubjectId, TopicId};
use crate::domain::role::Role;

#[derive(Clone, Debug)]
pub struct Programme {
    pub id: ProgrammeId,
    pub subject_id: SubjectId,
    pub subject: String,
    pub grade: u8,
    /// The school year's name.
    pub year: String,
    pub starts_on: Date,
    pub ends_on: Date,
    pub parts: Vec<Part>,
    /// Who teaches it: holds a published card or is enrolled as its teacher.
    pub teachers: Vec<PersonId>,
}

#[derive(Clone, Debug)]
pub struct Part {
    pub id: PartId,
    pub n: i64,
    pub title: String,
    pub starts_on: Date,
    pub ends_on: Date,
    pub completed_on: Option<Date>,
    pub completed_by: Option<String>,
    /// In their order.
    pub topics: Vec<(TopicId, String)>,
}

/// What is written of a part.
#[derive(Clone, Debug)]
pub struct PartPlan {
    pub title: String,
    pub starts_on: Date,
    pub ends_on: Date,
    /// In their order; those that stay keep their ids.
    pub topics: Vec<String>,
    /// Topics whose title changes, from the present one to that in `topics`.
    pub renamed: HashMap<String, String>,
}

impl Store {
    /// All programmes of a school, by subject and grade.
    pub async fn programmes(&self, school: &SchoolId) -> Result<Vec<Programme>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.id, p.subject_id, s.name AS subject, p.grade, y.name AS year, p.starts_on, p.ends_on FROM programme p
             JOIN subject s ON s.id = p.subject_id JOIN school_year y ON y.id = p.year_id
             WHERE p.school_id = $1 ORDER BY s.name, p.grade, p.starts_on",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut parts = self.parts(school).await?;
        let mut teachers = self.teachers_of_programmes(school).await?;
        rows.iter()
            .map(|row| {
                let id = text(row, "id")?;
                Ok(Programme {
                    parts: parts.remove(&id).unwrap_or_default(),
                    teachers: teachers.remove(&id).unwrap_or_default(),
                    id: ProgrammeId::new(id),
                    subject_id: SubjectId::new(text(row, "subject_id")?),
                    subject: text(row, "subject")?,
                    grade: word(u8::try_from(int(row, "grade")?).ok(), "grade")?,
                    year: text(row, "year")?,
                    starts_on: date(&text(row, "starts_on")?)?,
                    ends_on: date(&text(row, "ends_on")?)?,
                })
            })
            .collect()
    }

    async fn parts(&self, school: &SchoolId) -> Result<HashMap<String, Vec<Part>>, StoreError> {
        let topics: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT t.part_id, t.id, t.title FROM topic t JOIN programme_part p ON p.id = t.part_id
             JOIN programme g ON g.id = p.programme_id WHERE g.school_id = $1 ORDER BY t.n, t.title",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut of_part: HashMap<String, Vec<(TopicId, String)>> = HashMap::new();
        for (part, id, title) in topics {
            of_part.entry(part).or_default().push((TopicId::new(id), title));
        }
        let rows = sqlx::query(
            "SELECT p.id, p.programme_id, p.n, p.title, p.starts_on, p.ends_on, p.completed_on, b.display_name AS completed_by
             FROM programme_part p JOIN programme g ON g.id = p.programme_id LEFT JOIN person b ON b.id = p.completed_by
             WHERE g.school_id = $1 ORDER BY p.starts_on, p.n",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut parts: HashMap<String, Vec<Part>> = HashMap::new();
        for row in &rows {
            let id = text(row, "id")?;
            parts.entry(text(row, "programme_id")?).or_default().push(Part {
                topics: of_part.remove(&id).unwrap_or_default(),
                id: PartId::new(id),
                n: int(row, "n")?,
                title: text(row, "title")?,
                starts_on: date(&text(row, "starts_on")?)?,
                ends_on: date(&text(row, "ends_on")?)?,
                completed_on: optional_date(optional_text(row, "completed_on")?)?,
                completed_by: optional_text(row, "completed_by")?,
            });
        }
        Ok(parts)
    }

    async fn teachers_of_programmes(&self, school: &SchoolId) -> Result<HashMap<String, Vec<PersonId>>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT p.id, v.teacher_id FROM programme p JOIN school_class c ON c.grade = p.grade AND c.year_id = p.year_id
             JOIN study_group g ON g.class_id = c.id JOIN card_version v ON v.group_id = g.id AND v.subject_id = p.subject_id
             AND v.status = 'published' WHERE p.school_id = $1
             UNION SELECT p.id, e.person_id FROM programme p JOIN school_class c ON c.grade = p.grade AND c.year_id = p.year_id
             JOIN study_group g ON g.class_id = c.id AND g.subject_id = p.subject_id
             JOIN enrollment e ON e.study_group_id = g.id AND e.role = 'teacher' WHERE p.school_id = $2",
        )
        .bind(school.as_str())
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut teachers: HashMap<String, Vec<PersonId>> = HashMap::new();
        for (programme, person) in rows {
            teachers.entry(programme).or_default().push(PersonId::new(person));
        }
        Ok(teachers)
    }

    /// The programme that a part belongs to; [`StoreError::NotFound`] in another school.
    pub async fn programme_of_part(&self, school: &SchoolId, part: &PartId) -> Result<Programme, StoreError> {
        let all = self.programmes(school).await?;
        all.into_iter().find(|programme| programme.parts.iter().any(|one| one.id == *part)).ok_or(StoreError::NotFound)
    }

    pub async fn programme(&self, school: &SchoolId, id: &ProgrammeId) -> Result<Programme, StoreError> {
        self.programmes(school).await?.into_iter().find(|one| one.id == *id).ok_or(StoreError::NotFound)
    }
}

impl Tx {
    /// Says on which day a part was finished; `None` takes it back.
    pub async fn complete_part(
        &mut self,
        school: &School,
        part: &PartId,
        on: Option<Date>,
        reason: Option<&str>,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE programme_part SET completed_on = $1, completed_by = $2 WHERE id = $3
             AND programme_id IN (SELECT id FROM programme WHERE school_id = $4)",
        )
        .bind(on.map(|day| day.to_string()))
        .bind(on.map(|_| actor.person.as_str()))
        .bind(part.as_str())
        .bind(school.id.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() != 1 {
            return Err(StoreError::NotFound);
        }
        let action = if on.is_some() { "part.complete" } else { "part.reopen" };
        let mut event = AuditEvent::new(school.id.clone(), now_ms, action, "programme_part", part.as_str())
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({ "completed_on": on }));
        if let Some(reason) = reason {
            event = event.because(reason);
        }
        self.audit(event).await
    }

    /// Writes a part anew (`part` `None`) or changes it. [`StoreError::Conflict`]: the programme has one of that title;
    /// [`EditError::Used`]: a topic that shall go is in use.
    pub async fn put_part(
        &mut self,
        school: &School,
        programme: &ProgrammeId,
        part: Option<&PartId>,
        plan: &PartPlan,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<PartId, EditError> {
        let id = part.cloned().unwrap_or_else(PartId::fresh);
        let before: Option<(String,)> = sqlx::query_as("SELECT title FROM programme_part WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.connection())
            .await
            .map_err(StoreError::from)?;
        sqlx::query(
            "INSERT INTO programme_part (id, programme_id, n, title, title_fold, starts_on, ends_on)
             VALUES ($1, $2, (SELECT COUNT(*) FROM programme_part WHERE programme_id = $3) + 1, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, title_fold = excluded.title_fold,
             starts_on = excluded.starts_on, ends_on = excluded.ends_on",
        )
        .bind(id.as_str())
        .bind(programme.as_str())
        .bind(programme.as_str())
        .bind(plan.title.as_str())
        .bind(fold(&plan.title))
        .bind(plan.starts_on.to_string())
        .bind(plan.ends_on.to_string())
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if let Some((title,)) = before.filter(|(title,)| *title != plan.title) {
            self.retitle_part(&school.id, programme, (&title, &plan.title)).await?;
        }
        self.rename_topics((&school.id, programme, &id), &plan.renamed).await?;
        self.put_topics((&school.id, programme, &id), &plan.topics).await?;
        let event = AuditEvent::new(school.id.clone(), now_ms, "part.put", "programme_part", id.as_str())
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({ "starts_on": plan.starts_on, "ends_on": plan.ends_on, "topics": plan.topics.len() }));
        self.audit(event).await?;
        Ok(id)
    }

    async fn put_topics(
        &mut self,
        (school, programme, part): (&SchoolId, &ProgrammeId, &PartId),
        topics: &[String],
    ) -> Result<(), EditError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT title_fold, id FROM topic WHERE part_id = $1")
            .bind(part.as_str())
            .fetch_all(self.connection())
            .await
            .map_err(StoreError::from)?;
        let mut known: HashMap<String, String> = rows.into_iter().collect();
        let mut fresh = Vec::new();
        for (n, title) in (1_i64..).zip(topics) {
            match known.remove(&fold(title)) {
                Some(id) => {
                    sqlx::query("UPDATE topic SET n = $1, title = $2 WHERE id = $3")
                        .bind(n)
                        .bind(title.as_str())
                        .bind(id)
                        .execute(self.connection())
                        .await
                        .map_err(StoreError::from)?;
                }
                None => fresh.push(vec![
                    TopicId::fresh().as_str().into(),
                    part.as_str().into(),
                    n.into(),
                    title.as_str().into(),
                    fold(title).into(),
                ]),
            }
        }
        let gone: Vec<(String, String)> = known.into_iter().collect();
        self.drop_topics((school, programme), &gone).await?;
        sql::insert_many(self.connection(), "topic (id, part_id, n, title, title_fold)", 5, fresh).await?;
        Ok(())
    }
}

impl Store {
    /// Grades of the classes of these groups.
    pub async fn grades_of_groups(
        &self,
        groups: &[crate::domain::ids::GroupId],
    ) -> Result<std::collections::BTreeSet<u8>, StoreError> {
        let mut grades = std::collections::BTreeSet::new();
        for chunk in groups.chunks(500) {
            let sql = format!(
                "SELECT DISTINCT c.grade FROM study_group g JOIN school_class c ON c.id = g.class_id WHERE g.id IN ({})",
                sql::placeholders(1, chunk.len())
            );
            let mut query = sqlx::query_as::<_, (i64,)>(sqlx::AssertSqlSafe(sql));
            for group in chunk {
                query = query.bind(group.as_str());
            }
            for (grade,) in query.fetch_all(self.readers()).await? {
                grades.insert(word(u8::try_from(grade).ok(), "grade")?);
            }
        }
        Ok(grades)
    }
}
