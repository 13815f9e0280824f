//! Programmes made by hand: written, changed, and taken away while nothing uses them. Cards speak of parts and topics by their
//! titles, so a title that changes is carried into the cards that are in force and into drafts.

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Serialize;
use sqlx::AnyConnection;

use super::super::planning::drafts::DraftBody;
use super::super::school::School;
use super::super::sql::{self, json, to_json};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::fold::fold;
use crate::domain::ids::{PartId, PersonId, ProgrammeId, SchoolId, SubjectId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::role::Role;

/// What is written of a programme.
#[derive(Clone, Debug)]
pub struct ProgrammePlan {
    /// Name of the subject; a new one is written.
    pub subject: String,
    /// The subject of the programme gets this name, in the whole school.
    pub renames_subject: bool,
    pub grade: u8,
    pub starts_on: Date,
    pub ends_on: Date,
}

/// How many of each speak of a programme, a part or a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Uses {
    /// Cards in force and drafts.
    pub cards: i64,
    pub consultations: i64,
    pub requests: i64,
    pub marks: i64,
    pub findings: i64,
    /// Completed parts: a record that stays.
    pub completed: i64,
}

impl Uses {
    fn is_used(self) -> bool {
        self != Self::default()
    }
}

/// Why a programme stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("something speaks of it")]
    Used(Uses),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A school year to choose from.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct YearOption {
    pub id: String,
    pub name: String,
    /// YYYY-MM-DD.
    pub starts_on: String,
    pub ends_on: String,
}

/// The classes that a programme is for.
struct Place {
    subject: String,
    grade: i64,
    year: String,
}

impl Store {
    /// School years, the newest first.
    pub async fn year_options(&self, school: &SchoolId) -> Result<Vec<YearOption>, StoreError> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, name, starts_on, ends_on FROM school_year WHERE school_id = $1 ORDER BY starts_on DESC",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let year = |(id, name, starts_on, ends_on)| YearOption { id, name, starts_on, ends_on };
        Ok(rows.into_iter().map(year).collect())
    }

    /// Names of the school's subjects.
    pub async fn subject_names(&self, school: &SchoolId) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT name FROM subject WHERE school_id = $1 ORDER BY name")
            .bind(school.as_str())
            .fetch_all(self.readers())
            .await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Whether a person teaches a subject in a grade: by a published card or as a group's teacher.
    pub async fn teaches_in_grade(
        &self,
        school: &SchoolId,
        person: &PersonId,
        (subject, grade, year): (&str, u8, &str),
    ) -> Result<bool, StoreError> {
        let row: (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM subject s JOIN school_class c ON c.school_id = s.school_id
             JOIN study_group g ON g.class_id = c.id
             WHERE s.school_id = $1 AND s.name_fold = $2 AND c.grade = $3 AND c.year_id = $4 AND (
             EXISTS (SELECT 1 FROM card_version v WHERE v.group_id = g.id AND v.subject_id = s.id
             AND v.status = 'published' AND v.teacher_id = $5)
             OR (g.subject_id = s.id AND EXISTS (SELECT 1 FROM enrollment e WHERE e.study_group_id = g.id
             AND e.role = 'teacher' AND e.person_id = $6)))",
        )
        .bind(school.as_str())
        .bind(fold(subject))
        .bind(i64::from(grade))
        .bind(year)
        .bind(person.as_str())
        .bind(person.as_str())
        .fetch_one(self.readers())
        .await?;
        Ok(row.0 > 0)
    }
}

impl Tx {
    /// Writes a programme. [`StoreError::Conflict`]: the subject has one for that grade and year.
    pub async fn new_programme(
        &mut self,
        school: &School,
        year: &str,
        plan: &ProgrammePlan,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<ProgrammeId, StoreError> {
        let subject = self.ensure_subject(&school.id, &plan.subject, now_ms).await?;
        let id = ProgrammeId::fresh();
        let row = vec![
            id.as_str().into(),
            school.id.as_str().into(),
            subject.as_str().into(),
            i64::from(plan.grade).into(),
            year.into(),
            plan.starts_on.to_string().into(),
            plan.ends_on.to_string().into(),
            now_ms.into(),
        ];
        let into = "programme (id, school_id, subject_id, grade, year_id, starts_on, ends_on, created_at)";
        sql::insert_many(self.connection(), into, 8, vec![row]).await?;
        self.programme_event(school, "programme.create", "programme", id.as_str(), actor, now_ms, plan_detail(plan))
            .await?;
        Ok(id)
    }

    /// Changes a programme. Another subject or grade is another programme to those who use it, so that needs it to be unused;
    /// dates and the subject's name may change at any time.
    ///
    /// # Errors
    /// [`EditError::Used`]; [`StoreError::Conflict`]: there is one like it, or another subject has that name, or a part
    /// would lie outside.
    pub async fn put_programme(
        &mut self,
        school: &School,
        id: &ProgrammeId,
        plan: &ProgrammePlan,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), EditError> {
        let place = place(self.connection(), &school.id, id).await?;
        let (outside,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM programme_part WHERE programme_id = $1 AND (starts_on < $2 OR ends_on > $3)",
        )
        .bind(id.as_str())
        .bind(plan.starts_on.to_string())
        .bind(plan.ends_on.to_string())
        .fetch_one(self.connection())
        .await
        .map_err(StoreError::from)?;
        if outside > 0 {
            return Err(StoreError::Conflict.into());
        }
        let subject = if plan.renames_subject {
            sqlx::query("UPDATE subject SET name = $1, name_fold = $2 WHERE id = $3 AND school_id = $4")
                .bind(plan.subject.as_str())
                .bind(fold(&plan.subject))
                .bind(place.subject.as_str())
                .bind(school.id.as_str())
                .execute(self.connection())
                .await
                .map_err(StoreError::from)?;
            SubjectId::new(place.subject.as_str())
        } else {
            self.ensure_subject(&school.id, &plan.subject, now_ms).await?
        };
        if subject.as_str() != place.subject || i64::from(plan.grade) != place.grade {
            let uses = self.uses_of_programme(&school.id, id, &place).await?;
            if uses.is_used() {
                return Err(EditError::Used(uses));
            }
        }
        sqlx::query("UPDATE programme SET subject_id = $1, grade = $2, starts_on = $3, ends_on = $4 WHERE id = $5")
            .bind(subject.as_str())
            .bind(i64::from(plan.grade))
            .bind(plan.starts_on.to_string())
            .bind(plan.ends_on.to_string())
            .bind(id.as_str())
            .execute(self.connection())
            .await
            .map_err(StoreError::from)?;
        self.programme_event(school, "programme.put", "programme", id.as_str(), actor, now_ms, plan_detail(plan))
            .await?;
        Ok(())
    }

    /// Takes a programme away with its parts and topics, while nothing uses any of them.
    pub async fn drop_programme(
        &mut self,
        school: &School,
        id: &ProgrammeId,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), EditError> {
        let place = place(self.connection(), &school.id, id).await?;
        let uses = self.uses_of_programme(&school.id, id, &place).await?;
        if uses.is_used() {
            return Err(EditError::Used(uses));
        }
        for statement in [
            "DELETE FROM topic WHERE part_id IN (SELECT id FROM programme_part WHERE programme_id = $1)",
            "DELETE FROM programme_part WHERE programme_id = $1",
            "DELETE FROM programme WHERE id = $1",
        ] {
            sqlx::query(statement).bind(id.as_str()).execute(self.connection()).await.map_err(StoreError::from)?;
        }
        let detail = serde_json::json!({ "grade": place.grade, "subject": place.subject });
        self.programme_event(school, "programme.drop", "programme", id.as_str(), actor, now_ms, detail).await?;
        Ok(())
    }

    /// Takes a part away with its topics, while nothing uses it.
    pub async fn drop_part(
        &mut self,
        school: &School,
        (programme, part): (&ProgrammeId, &PartId),
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), EditError> {
        let (title, completed): (String, Option<String>) =
            sqlx::query_as("SELECT title, completed_on FROM programme_part WHERE id = $1 AND programme_id = $2")
                .bind(part.as_str())
                .bind(programme.as_str())
                .fetch_one(self.connection())
                .await
                .map_err(StoreError::from)?;
        let mut uses = Uses { completed: i64::from(completed.is_some()), ..Uses::default() };
        uses.consultations = self
            .count("SELECT COUNT(DISTINCT consultation_id) FROM consultation_part WHERE part_id = $1", part.as_str())
            .await?;
        let topics: Vec<(String, String)> = sqlx::query_as("SELECT id, title FROM topic WHERE part_id = $1")
            .bind(part.as_str())
            .fetch_all(self.connection())
            .await
            .map_err(StoreError::from)?;
        for (topic, _) in &topics {
            self.add_uses_of_topic(topic, &mut uses).await?;
        }
        let place = place(self.connection(), &school.id, programme).await?;
        let slots = self.slots_of(&school.id, &place).await?;
        uses.cards = slots.iter().filter(|slot| speaks_of(&slot.parts, &title)).count() as i64;
        if uses.is_used() {
            return Err(EditError::Used(uses));
        }
        for statement in ["DELETE FROM topic WHERE part_id = $1", "DELETE FROM programme_part WHERE id = $1"] {
            sqlx::query(statement).bind(part.as_str()).execute(self.connection()).await.map_err(StoreError::from)?;
        }
        let detail = serde_json::json!({ "title": title, "topics": topics.len() });
        self.programme_event(school, "part.drop", "programme_part", part.as_str(), actor, now_ms, detail).await?;
        Ok(())
    }

    /// Gives topics of a part other titles, by their present ones. Unknown ones are left out: they come as new topics.
    /// [`StoreError::Conflict`]: the part has one of that title.
    pub(super) async fn rename_topics(
        &mut self,
        (school, programme, part): (&SchoolId, &ProgrammeId, &PartId),
        renamed: &HashMap<String, String>,
    ) -> Result<(), StoreError> {
        for (from, to) in renamed {
            let done =
                sqlx::query("UPDATE topic SET title = $1, title_fold = $2 WHERE part_id = $3 AND title_fold = $4")
                    .bind(to.as_str())
                    .bind(fold(to))
                    .bind(part.as_str())
                    .bind(fold(from))
                    .execute(self.connection())
                    .await?;
            if done.rows_affected() > 0 {
                self.retitle(school, programme, Titles::Topic, (from, to)).await?;
            }
        }
        Ok(())
    }

    /// Topics that go, unless something uses one: then the uses, and nothing is taken away.
    pub(super) async fn drop_topics(
        &mut self,
        (school, programme): (&SchoolId, &ProgrammeId),
        topics: &[(String, String)],
    ) -> Result<(), EditError> {
        if topics.is_empty() {
            return Ok(());
        }
        let place = place(self.connection(), school, programme).await?;
        let slots = self.slots_of(school, &place).await?;
        let mut uses = Uses::default();
        for (fold, id) in topics {
            self.add_uses_of_topic(id, &mut uses).await?;
            uses.cards += slots.iter().filter(|slot| speaks_of(&slot.topics, fold)).count() as i64;
        }
        if uses.is_used() {
            return Err(EditError::Used(uses));
        }
        for (_, id) in topics {
            sqlx::query("DELETE FROM topic WHERE id = $1")
                .bind(id.as_str())
                .execute(self.connection())
                .await
                .map_err(StoreError::from)?;
        }
        Ok(())
    }

    /// Carries a part's other title into the cards in force and the drafts of its programme.
    pub(super) async fn retitle_part(
        &mut self,
        school: &SchoolId,
        programme: &ProgrammeId,
        change: (&str, &str),
    ) -> Result<(), StoreError> {
        self.retitle(school, programme, Titles::Part, change).await
    }

    async fn retitle(
        &mut self,
        school: &SchoolId,
        programme: &ProgrammeId,
        which: Titles,
        (from, to): (&str, &str),
    ) -> Result<(), StoreError> {
        let place = place(self.connection(), school, programme).await?;
        for (id, body) in self.slot_bodies(school, &place).await? {
            let mut slot: CardSlot = json(&body, "slot")?;
            if which.replace(&mut slot, from, to) {
                sqlx::query("UPDATE card_slot SET body = $1 WHERE id = $2")
                    .bind(to_json(&slot))
                    .bind(id)
                    .execute(self.connection())
                    .await?;
            }
        }
        for (id, mut draft) in self.drafts_of(school, &place).await? {
            let mut changed = false;
            for slot in &mut draft.content.slots {
                changed |= which.replace(slot, from, to);
            }
            if changed {
                // The editor that is open on it sees by the revision that it is not the same any more.
                sqlx::query("UPDATE card_draft SET body = $1, revision = revision + 1 WHERE card_id = $2")
                    .bind(to_json(&draft))
                    .bind(id)
                    .execute(self.connection())
                    .await?;
            }
        }
        Ok(())
    }

    async fn uses_of_programme(
        &mut self,
        school: &SchoolId,
        id: &ProgrammeId,
        place: &Place,
    ) -> Result<Uses, StoreError> {
        let id = id.as_str();
        let written =
            self.count("SELECT COUNT(DISTINCT card_id) FROM card_version WHERE programme_id = $1", id).await?;
        Ok(Uses {
            cards: written.max(self.slots_of(school, place).await?.len() as i64),
            consultations: self
                .count(
                    "SELECT COUNT(DISTINCT c.consultation_id) FROM consultation_part c
                     JOIN programme_part p ON p.id = c.part_id WHERE p.programme_id = $1",
                    id,
                )
                .await?,
            requests: self.count("SELECT COUNT(*) FROM help_request WHERE programme_id = $1", id).await?,
            marks: self.count("SELECT COUNT(*) FROM mark WHERE programme_id = $1", id).await?,
            findings: self.count("SELECT COUNT(*) FROM performance_finding WHERE programme_id = $1", id).await?,
            completed: self
                .count("SELECT COUNT(*) FROM programme_part WHERE programme_id = $1 AND completed_on IS NOT NULL", id)
                .await?,
        })
    }

    async fn add_uses_of_topic(&mut self, topic: &str, uses: &mut Uses) -> Result<(), StoreError> {
        uses.consultations += self.count("SELECT COUNT(*) FROM consultation_topic WHERE topic_id = $1", topic).await?;
        uses.requests += self.count("SELECT COUNT(*) FROM help_request WHERE topic_id = $1", topic).await?;
        uses.marks += self.count("SELECT COUNT(*) FROM mark WHERE topic_id = $1", topic).await?;
        uses.findings += self.count("SELECT COUNT(*) FROM performance_finding WHERE topic_id = $1", topic).await?;
        Ok(())
    }

    async fn count(&mut self, statement: &'static str, id: &str) -> Result<i64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(statement).bind(id).fetch_one(self.connection()).await?;
        Ok(count)
    }

    /// Slots of cards in force and of drafts for a subject in the classes of a grade.
    async fn slots_of(&mut self, school: &SchoolId, place: &Place) -> Result<Vec<CardSlot>, StoreError> {
        let mut slots = Vec::new();
        for (_, body) in self.slot_bodies(school, place).await? {
            slots.push(json(&body, "slot")?);
        }
        for (_, draft) in self.drafts_of(school, place).await? {
            slots.extend(draft.content.slots);
        }
        Ok(slots)
    }

    async fn slot_bodies(&mut self, school: &SchoolId, place: &Place) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT s.id, s.body FROM card_slot s JOIN card_version v ON v.id = s.version_id
             JOIN lesson_card k ON k.id = v.card_id JOIN study_group g ON g.id = v.group_id
             JOIN school_class c ON c.id = g.class_id WHERE k.school_id = $1 AND v.status = 'published'
             AND v.subject_id = $2 AND c.grade = $3 AND c.year_id = $4",
        )
        .bind(school.as_str())
        .bind(place.subject.as_str())
        .bind(place.grade)
        .bind(place.year.as_str())
        .fetch_all(self.connection())
        .await?;
        Ok(rows)
    }

    async fn drafts_of(&mut self, school: &SchoolId, place: &Place) -> Result<Vec<(String, DraftBody)>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT d.card_id, d.body FROM card_draft d JOIN lesson_card k ON k.id = d.card_id WHERE k.school_id = $1",
        )
        .bind(school.as_str())
        .fetch_all(self.connection())
        .await?;
        let groups: Vec<(String,)> = sqlx::query_as(
            "SELECT g.id FROM study_group g JOIN school_class c ON c.id = g.class_id
             WHERE c.school_id = $1 AND c.grade = $2 AND c.year_id = $3",
        )
        .bind(school.as_str())
        .bind(place.grade)
        .bind(place.year.as_str())
        .fetch_all(self.connection())
        .await?;
        let mut drafts = Vec::new();
        for (card, body) in rows {
            let draft: DraftBody = json(&body, "draft")?;
            let is_here = groups.iter().any(|(group,)| group == draft.content.group.as_str());
            if is_here && draft.subject.as_ref().is_some_and(|subject| subject.as_str() == place.subject) {
                drafts.push((card, draft));
            }
        }
        Ok(drafts)
    }

    async fn ensure_subject(&mut self, school: &SchoolId, name: &str, now_ms: i64) -> Result<SubjectId, StoreError> {
        let known: Option<(String,)> = sqlx::query_as("SELECT id FROM subject WHERE school_id = $1 AND name_fold = $2")
            .bind(school.as_str())
            .bind(fold(name))
            .fetch_optional(self.connection())
            .await?;
        if let Some((id,)) = known {
            return Ok(SubjectId::new(id));
        }
        let id = SubjectId::fresh();
        let row = vec![id.as_str().into(), school.as_str().into(), name.into(), fold(name).into(), now_ms.into()];
        sql::insert_many(self.connection(), "subject (id, school_id, name, name_fold, created_at)", 5, vec![row])
            .await?;
        Ok(id)
    }

    #[expect(clippy::too_many_arguments, reason = "one row of the journal, field by field")]
    async fn programme_event(
        &mut self,
        school: &School,
        action: &'static str,
        kind: &'static str,
        id: &str,
        actor: &Actor,
        now_ms: i64,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let event = AuditEvent::new(school.id.clone(), now_ms, action, kind, id);
        self.audit(event.by(&actor.person, actor.role.map(Role::as_str)).with(detail)).await
    }
}

fn plan_detail(plan: &ProgrammePlan) -> serde_json::Value {
    serde_json::json!({
        "subject": plan.subject, "grade": plan.grade, "starts_on": plan.starts_on, "ends_on": plan.ends_on,
        "renames_subject": plan.renames_subject,
    })
}

/// [`StoreError::NotFound`] in another school.
async fn place(connection: &mut AnyConnection, school: &SchoolId, id: &ProgrammeId) -> Result<Place, StoreError> {
    let (subject, grade, year): (String, i64, String) =
        sqlx::query_as("SELECT subject_id, grade, year_id FROM programme WHERE id = $1 AND school_id = $2")
            .bind(id.as_str())
            .bind(school.as_str())
            .fetch_one(connection)
            .await?;
    Ok(Place { subject, grade, year })
}

fn speaks_of(titles: &[String], title: &str) -> bool {
    titles.iter().any(|other| fold(other) == fold(title))
}

/// Which titles of a slot.
#[derive(Clone, Copy)]
enum Titles {
    Part,
    Topic,
}

impl Titles {
    /// Whether there was one to replace.
    fn replace(self, slot: &mut CardSlot, from: &str, to: &str) -> bool {
        let titles = match self {
            Self::Part => &mut slot.parts,
            Self::Topic => &mut slot.topics,
        };
        let mut changed = false;
        for title in titles.iter_mut().filter(|title| fold(title) == fold(from)) {
            to.clone_into(title);
            changed = true;
        }
        changed
    }
}
