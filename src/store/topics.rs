//! What a group needs help with: the evidence behind the ranked list of topics, and the topics and sources that a teacher
//! chooses for one date (INV-21 to INV-24).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use super::chosen::{Of, chosen};
use super::consultation::Consultation;
use super::marks::mark;
use super::planning::PlanError;
use super::planning::substitute::again;
use super::request::{Move, RequestError};
use super::school::School;
use super::sql::{self, int, optional_text, text};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::form::Coverage;
use crate::domain::ids::{
    ConsultationId, GroupId, PartId, PersonId, ProgrammeId, RequestId, SchoolId, SubjectId, TopicId,
};
use crate::domain::performance::{FindingRule, Mark, TopicEvidence, mean};
use crate::domain::refusal::RefusalCode;
use crate::domain::request::RequestEvent;
use crate::domain::role::Role;

/// A group and a subject that somebody teaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teaching {
    pub group: GroupId,
    pub class: String,
    /// Empty: the whole class.
    pub group_name: String,
    pub subject: SubjectId,
    pub subject_name: String,
    pub programme: Option<ProgrammeId>,
    pub unit: Option<String>,
}

/// A topic of a programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRow {
    pub id: TopicId,
    pub title: String,
    pub part: PartId,
    pub part_title: String,
}

/// What is known of a group in a subject.
#[derive(Clone, Debug)]
pub struct GroupNeeds {
    pub topics: Vec<TopicRow>,
    pub evidence: Vec<TopicEvidence>,
    /// Findings about students, with their names.
    pub students: Vec<(PersonId, String, FindingRule, i64)>,
}

/// What a teacher chose for a date.
#[derive(Clone, Debug)]
pub struct Choice {
    pub parts: Vec<PartId>,
    pub topics: Vec<TopicId>,
    /// Requests that it answers.
    pub requests: Vec<RequestId>,
    /// Topics whose marks speak for it.
    pub performance: Vec<TopicId>,
    pub note: Option<String>,
}

const DAY_MS: i64 = 24 * 3_600_000;

impl Store {
    /// Groups and subjects by published cards: of one host, of units, or of the school, by class and subject.
    pub async fn teachings(&self, school: &SchoolId, host: Option<&PersonId>) -> Result<Vec<Teaching>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT v.group_id, cl.name AS class, cl.grade, g.name AS group_name, v.subject_id, s.name AS subject,
             cl.unit_id, (SELECT MAX(p.id) FROM programme p WHERE p.subject_id = v.subject_id AND p.grade = cl.grade
             AND p.year_id = cl.year_id) AS programme_id
             FROM card_version v JOIN card_slot cs ON cs.version_id = v.id JOIN study_group g ON g.id = v.group_id
             JOIN school_class cl ON cl.id = g.class_id JOIN subject s ON s.id = v.subject_id
             WHERE s.school_id = $1 AND v.status = 'published' AND ($2 = '' OR cs.host_id = $2)
             ORDER BY cl.grade, cl.name, s.name",
        )
        .bind(school.as_str())
        .bind(host.map_or("", PersonId::as_str))
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Teaching {
                    group: GroupId::new(text(row, "group_id")?),
                    class: text(row, "class")?,
                    group_name: text(row, "group_name")?,
                    subject: SubjectId::new(text(row, "subject_id")?),
                    subject_name: text(row, "subject")?,
                    programme: optional_text(row, "programme_id")?.map(ProgrammeId::new),
                    unit: optional_text(row, "unit_id")?,
                })
            })
            .collect()
    }

    /// Topics of a programme in its order.
    pub async fn topics_of(&self, programme: &ProgrammeId) -> Result<Vec<TopicRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.id, t.title, p.id AS part_id, p.title AS part FROM topic t JOIN programme_part p ON p.id = t.part_id
             WHERE p.programme_id = $1 ORDER BY p.starts_on, p.n, t.n, t.title",
        )
        .bind(programme.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(TopicRow {
                    id: TopicId::new(text(row, "id")?),
                    title: text(row, "title")?,
                    part: PartId::new(text(row, "part_id")?),
                    part_title: text(row, "part")?,
                })
            })
            .collect()
    }

    /// Parts of a programme in its order.
    pub async fn parts_of(&self, programme: &ProgrammeId) -> Result<Vec<(PartId, String)>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, title FROM programme_part WHERE programme_id = $1 ORDER BY starts_on, n, title")
                .bind(programme.as_str())
                .fetch_all(self.readers())
                .await?;
        Ok(rows.into_iter().map(|(id, title)| (PartId::new(id), title)).collect())
    }

    /// Everything that speaks for or against each topic of the programme, for this group.
    pub async fn group_needs(
        &self,
        group: &GroupId,
        programme: &ProgrammeId,
        now_ms: i64,
    ) -> Result<GroupNeeds, StoreError> {
        let topics = self.topics_of(programme).await?;
        let (students,): (i64,) = sqlx::query_as(
            "SELECT COUNT(DISTINCT person_id) FROM enrollment WHERE study_group_id = $1 AND role = 'student'",
        )
        .bind(group.as_str())
        .fetch_one(self.readers())
        .await?;
        let rows = sqlx::query(
            "SELECT m.student_id, m.topic_id, m.date, m.value, m.weight FROM mark m
             JOIN enrollment e ON e.person_id = m.student_id AND e.role = 'student' AND e.study_group_id = $1
             WHERE m.programme_id = $2 AND m.topic_id IS NOT NULL",
        )
        .bind(group.as_str())
        .bind(programme.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut marks: HashMap<TopicId, Vec<Mark>> = HashMap::new();
        for row in &rows {
            let mark = mark(row)?;
            if let Some(topic) = mark.topic.clone() {
                marks.entry(topic).or_default().push(mark);
            }
        }
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT r.topic_id, COUNT(*), CAST(SUM((SELECT COUNT(*) FROM request_vote v WHERE v.request_id = r.id)) AS BIGINT)
             FROM help_request r WHERE r.group_id = $1 AND r.topic_id IS NOT NULL
             AND r.state IN ('submitted', 'accepted', 'reopened') GROUP BY r.topic_id",
        )
        .bind(group.as_str())
        .fetch_all(self.readers())
        .await?;
        let asked: HashMap<String, (i64, i64)> =
            rows.into_iter().map(|(topic, requests, votes)| (topic, (requests, votes))).collect();
        let given = self.given_topics(group, programme, now_ms).await?;
        let evidence = topics.iter().map(|topic| {
            let (mut graded, mut below_three, mut missed) = (0, 0, 0);
            let mut by_student: BTreeMap<&PersonId, Vec<&Mark>> = BTreeMap::new();
            let theirs = marks.get(&topic.id).map_or(&[][..], Vec::as_slice);
            for mark in theirs {
                by_student.entry(&mark.student).or_default().push(mark);
                missed += i64::from(mark.value.is_none());
            }
            for marks in by_student.into_values() {
                if let Some(mean) = mean(marks) {
                    graded += 1;
                    below_three += i64::from(mean < 300);
                }
            }
            let (requests, votes) = asked.get(topic.id.as_str()).copied().unwrap_or_default();
            let (held, planned) = given.get(&topic.id).copied().unwrap_or_default();
            TopicEvidence {
                topic: topic.id.clone(),
                students,
                graded,
                below_three,
                mean: mean(theirs),
                missed,
                requests,
                votes,
                held_days_ago: held.map(|at| (now_ms - at).max(0) / DAY_MS),
                is_planned: planned,
            }
        });
        let evidence = evidence.collect();
        Ok(GroupNeeds { evidence, topics, students: self.findings_in(group, programme).await? })
    }

    async fn findings_in(
        &self,
        group: &GroupId,
        programme: &ProgrammeId,
    ) -> Result<Vec<(PersonId, String, FindingRule, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT f.student_id, p.display_name, f.rule, f.value FROM performance_finding f
             JOIN person p ON p.id = f.student_id WHERE f.group_id = $1 AND f.programme_id = $2
             ORDER BY p.family_name, p.given_name, f.rule",
        )
        .bind(group.as_str())
        .bind(programme.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let rule = sql::word(FindingRule::parse(&text(row, "rule")?), "rule")?;
                Ok((PersonId::new(text(row, "student_id")?), text(row, "display_name")?, rule, int(row, "value")?))
            })
            .collect()
    }

    /// By topic: when a consultation on it was last held, and whether one is planned within four weeks.
    async fn given_topics(
        &self,
        group: &GroupId,
        programme: &ProgrammeId,
        now_ms: i64,
    ) -> Result<HashMap<TopicId, (Option<i64>, bool)>, StoreError> {
        // The slot names its topics by title.
        let rows = sqlx::query(
            "SELECT c.id, c.state, c.start_at, s.body FROM consultation c JOIN card_slot s ON s.id = c.slot_id
             JOIN card_version v ON v.id = s.version_id JOIN programme p ON p.subject_id = v.subject_id
             WHERE c.group_id = $1 AND p.id = $2 AND c.start_at > $3 AND c.start_at < $4
             AND c.state IN ('planned', 'open', 'live', 'held')",
        )
        .bind(group.as_str())
        .bind(programme.as_str())
        .bind(now_ms - 120 * DAY_MS)
        .bind(now_ms + 28 * DAY_MS)
        .fetch_all(self.readers())
        .await?;
        let titles: HashMap<String, TopicId> = self
            .topics_of(programme)
            .await?
            .into_iter()
            .map(|topic| (crate::domain::fold::fold(&topic.title), topic.id))
            .collect();
        let ids: Vec<ConsultationId> =
            rows.iter().map(|row| text(row, "id").map(ConsultationId::new)).collect::<Result<_, _>>()?;
        let mut connection = self.readers().acquire().await?;
        let chosen = chosen(&mut connection, Of::These(&ids)).await?;
        drop(connection);
        let mut given: HashMap<TopicId, (Option<i64>, bool)> = HashMap::new();
        for row in &rows {
            let id = ConsultationId::new(text(row, "id")?);
            let topics: Vec<TopicId> = match chosen.get(&id) {
                Some(chosen) => chosen.topics.iter().map(|topic| topic.id.clone()).collect(),
                None => {
                    let slot: crate::domain::lesson_card::CardSlot = sql::json(&text(row, "body")?, "slot")?;
                    let known = |title: &String| titles.get(&crate::domain::fold::fold(title)).cloned();
                    slot.topics.iter().filter_map(known).collect()
                }
            };
            let (at, is_held) = (int(row, "start_at")?, text(row, "state")? == "held");
            for topic in topics {
                let entry = given.entry(topic).or_default();
                match is_held {
                    true => entry.0 = Some(entry.0.map_or(at, |before| before.max(at))),
                    false => entry.1 = true,
                }
            }
        }
        Ok(given)
    }

    /// Topics that were chosen for single dates, with titles.
    pub async fn chosen_topics(
        &self,
        ids: &[ConsultationId],
    ) -> Result<HashMap<ConsultationId, Vec<(TopicId, String)>>, StoreError> {
        let mut found: HashMap<ConsultationId, Vec<(TopicId, String)>> = HashMap::new();
        for chunk in ids.chunks(500) {
            let sql = format!(
                "SELECT ct.consultation_id, t.id, t.title FROM consultation_topic ct JOIN topic t ON t.id = ct.topic_id
                 WHERE ct.consultation_id IN ({}) ORDER BY t.n",
                sql::placeholders(1, chunk.len())
            );
            let mut query = sqlx::query_as::<_, (String, String, String)>(sqlx::AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id.as_str());
            }
            for (consultation, topic, title) in query.fetch_all(self.readers()).await? {
                found.entry(ConsultationId::new(consultation)).or_default().push((TopicId::new(topic), title));
            }
        }
        Ok(found)
    }

    /// Parts that were chosen for one date, by title; empty: those of the slot hold.
    pub async fn chosen_parts(&self, id: &ConsultationId) -> Result<Vec<(PartId, String)>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT p.id, p.title FROM consultation_part cp JOIN programme_part p ON p.id = cp.part_id
             WHERE cp.consultation_id = $1 ORDER BY p.n",
        )
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(|(id, title)| (PartId::new(id), title)).collect())
    }

    /// Sources of one date: kind, what it refers to, text.
    pub async fn sources_of(
        &self,
        id: &ConsultationId,
    ) -> Result<Vec<(String, Option<String>, Option<String>)>, StoreError> {
        Ok(sqlx::query_as("SELECT kind, ref_id, text FROM consultation_source WHERE consultation_id = $1 ORDER BY n")
            .bind(id.as_str())
            .fetch_all(self.readers())
            .await?)
    }
}

impl Store {
    /// Keeps what the host chose for a date, and puts the requests that it answers into it. Refusals: those of the choice,
    /// `source_required` for a request of another group or subject, or one that cannot be scheduled (INV-23), and what the
    /// rules of parts say of the chosen ones (INV-20, INV-27).
    pub async fn choose_topics(
        &self,
        school: &School,
        one: &Consultation,
        choice: Choice,
        (actor, today): (Actor, Date),
        now_ms: i64,
    ) -> Result<(), PlanError> {
        let (id, group, school) = (one.id.clone(), one.group.clone(), school.clone());
        let needs_topics = one.coverage == Coverage::Topics;
        let calendar = self.calendar(&school).await?;
        let subject: Option<(Option<String>,)> = sqlx::query_as(
            "SELECT v.subject_id FROM consultation c JOIN card_slot s ON s.id = c.slot_id
             JOIN card_version v ON v.id = s.version_id WHERE c.id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(self.readers())
        .await
        .map_err(StoreError::from)?;
        let Some(subject) = subject.and_then(|(subject,)| subject).map(SubjectId::new) else {
            return Err(PlanError::Refused(RefusalCode::TopicsRequired));
        };
        let mut asked = Vec::with_capacity(choice.requests.len());
        for request in &choice.requests {
            let request = self.help_request(&school.id, request).await?;
            if request.group != group || request.subject != subject {
                return Err(PlanError::Refused(RefusalCode::SourceRequired));
            }
            asked.push(request);
        }
        self.write(move |tx| {
            Box::pin(async move {
                // Whoever completes or changes a part at this moment waits.
                tx.lock_planning(&school).await?;
                let before = again(tx.connection(), &id).await?;
                let Some(programme) = &before.programme else {
                    return Err(PlanError::Refused(RefusalCode::TopicsRequired));
                };
                tx.keep_choice(&school.id, &id, programme, (&choice, needs_topics), &actor, now_ms).await?;
                let after = again(tx.connection(), &id).await?;
                tx.check_chosen(&school, calendar, &id, &after).await?;
                if after.about() != before.about() {
                    tx.topics_changed(&id, now_ms).await?;
                    tx.tell_moved_by_card(&school.id, &id, after.start_ms, false, now_ms).await?;
                }
                for request in asked {
                    if request.consultation.as_ref() == Some(&id) {
                        continue;
                    }
                    let step = Move {
                        event: RequestEvent::Schedule,
                        actor: Some(actor.clone()),
                        answered_by: None,
                        consultation: Some(id.clone()),
                        appointment: None,
                        today,
                        now_ms,
                    };
                    match tx.move_request(&request, &step).await {
                        Ok(_) => {}
                        Err(RequestError::Store(error)) => return Err(error.into()),
                        Err(_) => return Err(PlanError::Refused(RefusalCode::SourceRequired)),
                    }
                }
                Ok(())
            })
        })
        .await
    }
}

impl Tx {
    /// A calendar program reads a date anew when its number rises.
    async fn topics_changed(&mut self, id: &ConsultationId, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE consultation SET sequence = sequence + 1, updated_at = $1 WHERE id = $2")
            .bind(now_ms)
            .bind(id.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Keeps what a teacher chose for a date. Refusals: `source_required` (INV-22), `topics_required` for a topic of another
    /// programme or none (INV-24), `part_required` (INV-25).
    pub(super) async fn keep_choice(
        &mut self,
        school: &SchoolId,
        consultation: &ConsultationId,
        programme: &ProgrammeId,
        (choice, needs_topics): (&Choice, bool),
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), PlanError> {
        let note = choice.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        // Requests that were put into it stay its sources, whatever is chosen.
        let scheduled: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM help_request WHERE consultation_id = $1 AND state IN ('scheduled', 'answered', 'closed') ORDER BY id",
        )
        .bind(consultation.as_str())
        .fetch_all(self.connection())
        .await
        .map_err(StoreError::from)?;
        let kept = scheduled.iter().map(|(id,)| id.as_str());
        let kept: Vec<&str> = kept.filter(|id| !choice.requests.iter().any(|one| one.as_str() == *id)).collect();
        if choice.requests.is_empty() && choice.performance.is_empty() && note.is_none() && kept.is_empty() {
            return Err(PlanError::Refused(RefusalCode::SourceRequired));
        }
        let rows: Vec<(String, Option<String>)> = sqlx::query_as(
            "SELECT p.id, t.id FROM programme_part p LEFT JOIN topic t ON t.part_id = p.id WHERE p.programme_id = $1",
        )
        .bind(programme.as_str())
        .fetch_all(self.connection())
        .await
        .map_err(StoreError::from)?;
        let parts: BTreeSet<&str> = rows.iter().map(|(part, _)| part.as_str()).collect();
        let topics: BTreeSet<&str> = rows.iter().filter_map(|(_, topic)| topic.as_deref()).collect();
        let is_known = |topic: &TopicId| topics.contains(topic.as_str());
        if needs_topics && choice.topics.is_empty() || !choice.topics.iter().chain(&choice.performance).all(is_known) {
            return Err(PlanError::Refused(RefusalCode::TopicsRequired));
        }
        let has_parts = choice.parts.iter().all(|part| parts.contains(part.as_str()));
        if !has_parts || (!needs_topics && choice.parts.is_empty()) {
            return Err(PlanError::Refused(RefusalCode::PartRequired));
        }
        for statement in [
            "DELETE FROM consultation_part WHERE consultation_id = $1",
            "DELETE FROM consultation_topic WHERE consultation_id = $1",
            "DELETE FROM consultation_source WHERE consultation_id = $1",
        ] {
            sqlx::query(statement)
                .bind(consultation.as_str())
                .execute(self.connection())
                .await
                .map_err(StoreError::from)?;
        }
        let pair = |id: &str| vec![consultation.as_str().into(), id.into()];
        let rows = choice.parts.iter().map(|part| pair(part.as_str())).collect();
        sql::insert_many(self.connection(), "consultation_part (consultation_id, part_id)", 2, rows).await?;
        let rows = choice.topics.iter().map(|topic| pair(topic.as_str())).collect();
        sql::insert_many(self.connection(), "consultation_topic (consultation_id, topic_id)", 2, rows).await?;
        let requests = choice.requests.iter().map(RequestId::as_str).chain(kept).map(|id| ("request", Some(id), None));
        let marks = choice.performance.iter().map(|id| ("performance", Some(id.as_str()), None));
        let notes = note.into_iter().map(|note| ("note", None, Some(note)));
        let rows = (1_i64..)
            .zip(requests.chain(marks).chain(notes))
            .map(|(n, (kind, ref_id, text))| {
                vec![
                    consultation.as_str().into(),
                    n.into(),
                    kind.into(),
                    ref_id.map(str::to_owned).into(),
                    text.map(str::to_owned).into(),
                ]
            })
            .collect();
        let into = "consultation_source (consultation_id, n, kind, ref_id, text)";
        sql::insert_many(self.connection(), into, 5, rows).await?;
        let event = AuditEvent::new(school.clone(), now_ms, "consultation.topics", "consultation", consultation.as_str())
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({
                "topics": choice.topics, "parts": choice.parts, "requests": choice.requests, "performance": choice.performance,
            }));
        self.audit(event).await?;
        Ok(())
    }
}
