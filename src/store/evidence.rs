//! The facts that reports stand on: consultations of some dates with attendance, load, breaches and corrections; requests,
//! answers and complaints beside them. Reads only; figures are made of them in `domain::evidence`.

mod asked;
pub mod corrections;
mod gaps;
mod lawful;
mod presence;

use std::collections::{HashMap, HashSet};

use super::chosen::{Of, chosen};
use super::school::School;
use super::sql::{date, int, json, optional_int, optional_text, text, word};
use super::{Store, StoreError};
use crate::domain::attendance::Interval;
use crate::domain::calendar::Span;
use crate::domain::chosen::{Chosen, about};
use crate::domain::consultation::{IncidentKind, NotHeldReason, State};
use crate::domain::evidence::{ComplaintFact, Facts, IncidentFact, Invited, LessonFact, ScoreFact};
use crate::domain::form::{Form, Kind};
use crate::domain::ids::{ConsultationId, PersonId, UnitId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::planning::load::{academic_hours, is_whole_period};
use presence::{Register, Scope};

/// Whose facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    School,
    /// Of classes in these units.
    Units(Vec<UnitId>),
    /// Held, or to be held, by this person.
    Host(PersonId),
}

const DAY_MS: i64 = 86_400_000;

impl Store {
    /// The facts of these dates (both included), as of `now_ms`.
    pub async fn evidence(
        &self,
        school: &School,
        dates: Span,
        range: &Range,
        now_ms: i64,
    ) -> Result<Facts, StoreError> {
        let lessons = self.lesson_facts(school, dates, range).await?;
        let kept: HashSet<&str> = lessons.iter().map(|one| one.id.as_str()).collect();
        let requests = self.request_facts(school, dates, range, now_ms).await?;
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT f.consultation_id, f.score, f.helped FROM feedback f JOIN consultation c ON c.id = f.consultation_id
             WHERE f.school_id = $1 AND c.date >= $2 AND c.date <= $3",
        )
        .bind(school.id.as_str())
        .bind(dates.from.to_string())
        .bind(dates.to.to_string())
        .fetch_all(self.readers())
        .await?;
        let scores = rows
            .into_iter()
            .filter(|(lesson, ..)| kept.contains(lesson.as_str()))
            .map(|(lesson, score, helped)| ScoreFact {
                lesson: ConsultationId::new(lesson),
                score: u8::try_from(score).unwrap_or(0),
                helped: helped != 0,
            })
            .collect();
        let rows = sqlx::query(
            "SELECT x.id, x.consultation_id, x.kind, x.state, x.created_at FROM complaint x
             JOIN consultation c ON c.id = x.consultation_id
             WHERE x.school_id = $1 AND c.date >= $2 AND c.date <= $3 ORDER BY x.created_at",
        )
        .bind(school.id.as_str())
        .bind(dates.from.to_string())
        .bind(dates.to.to_string())
        .fetch_all(self.readers())
        .await?;
        let mut complaints = Vec::new();
        for row in &rows {
            let lesson = text(row, "consultation_id")?;
            if kept.contains(lesson.as_str()) {
                complaints.push(ComplaintFact {
                    id: text(row, "id")?,
                    lesson: ConsultationId::new(lesson),
                    kind: text(row, "kind")?,
                    state: text(row, "state")?,
                    created_ms: int(row, "created_at")?,
                });
            }
        }
        let names: Vec<(String, String)> = sqlx::query_as("SELECT id, display_name FROM person WHERE school_id = $1")
            .bind(school.id.as_str())
            .fetch_all(self.readers())
            .await?;
        let names = names.into_iter().map(|(id, name)| (PersonId::new(id), name)).collect();
        Ok(Facts { names, lessons, requests, scores, complaints })
    }

    async fn lesson_facts(&self, school: &School, dates: Span, range: &Range) -> Result<Vec<LessonFact>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.id, c.date, c.start_at, c.end_at, c.state, c.not_held_reason, c.detail, c.closed_at, c.form,
             c.group_id, c.host_id, c.substitute_host_id, c.host_delay_s, c.warnings, c.moved_to, s.kind, s.medium, s.body, v.title,
             sub.name AS subject, cl.name AS class, cl.grade, cl.unit_id
             FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
             JOIN study_group g ON g.id = c.group_id LEFT JOIN school_class cl ON cl.id = g.class_id
             LEFT JOIN subject sub ON sub.id = v.subject_id
             WHERE c.school_id = $1 AND c.date >= $2 AND c.date <= $3 ORDER BY c.start_at, c.id",
        )
        .bind(school.id.as_str())
        .bind(dates.from.to_string())
        .bind(dates.to.to_string())
        .fetch_all(self.readers())
        .await?;
        let beside = Beside::load(self, school, dates).await?;
        let mut lessons = Vec::with_capacity(rows.len());
        for row in &rows {
            let fact = lesson_fact(row, &beside)?;
            let is_in = match range {
                Range::School => true,
                Range::Units(units) => fact.unit.as_ref().is_some_and(|unit| units.contains(unit)),
                Range::Host(host) => fact.host == *host,
            };
            if is_in {
                lessons.push(fact);
            }
        }
        Ok(lessons)
    }

    /// Topics of the programmes of this school's classes: subject, class, topic.
    pub async fn known_topics(&self, school: &School) -> Result<Vec<(String, String, String)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT sub.name, cl.name, t.title FROM topic t JOIN programme_part p ON p.id = t.part_id
             JOIN programme g ON g.id = p.programme_id JOIN subject sub ON sub.id = g.subject_id
             JOIN school_class cl ON cl.grade = g.grade AND cl.year_id = g.year_id
             WHERE g.school_id = $1 ORDER BY sub.name, cl.name, p.n, t.n",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?)
    }

    /// The newest row of the school's journal: number and hash; `None`: it is empty.
    pub async fn audit_head(&self, school: &School) -> Result<Option<(i64, String)>, StoreError> {
        Ok(sqlx::query_as("SELECT seq, hash FROM audit_event WHERE school_id = $1 ORDER BY seq DESC LIMIT 1")
            .bind(school.id.as_str())
            .fetch_optional(self.readers())
            .await?)
    }

    /// Names and classes of students, for the list of who was helped.
    pub async fn student_classes(&self, school: &School) -> Result<HashMap<PersonId, (String, String)>, StoreError> {
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT p.id, p.display_name, MAX(cl.name) FROM person p
             LEFT JOIN enrollment e ON e.person_id = p.id AND e.role = 'student'
             LEFT JOIN study_group g ON g.id = e.study_group_id LEFT JOIN school_class cl ON cl.id = g.class_id
             WHERE p.school_id = $1 GROUP BY p.id, p.display_name",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(|(id, name, class)| (PersonId::new(id), (name, class.unwrap_or_default()))).collect())
    }
}

/// What stands beside the consultations of some dates, looked up by name.
struct Beside {
    names: HashMap<String, String>,
    /// By group.
    enrolled: HashMap<String, Vec<Enrolled>>,
    register: Register,
    load: HashMap<String, i64>,
    lifted: HashMap<String, Vec<String>>,
    incidents: HashMap<String, IncidentFact>,
    consents: lawful::Consents,
    /// What hosts chose for single dates.
    chosen: HashMap<ConsultationId, Chosen>,
    hour_minutes: u16,
}

/// Student, from, to.
type Enrolled = (String, Option<String>, Option<String>);

impl Beside {
    async fn load(store: &Store, school: &School, dates: Span) -> Result<Self, StoreError> {
        let (from, to) = (dates.from.to_string(), dates.to.to_string());
        let id = school.id.as_str();
        let names: Vec<(String, String)> = sqlx::query_as("SELECT id, display_name FROM person WHERE school_id = $1")
            .bind(id)
            .fetch_all(store.readers())
            .await?;
        let rows = sqlx::query(
            "SELECT e.study_group_id, e.person_id, e.valid_from, e.valid_to FROM enrollment e
             JOIN study_group g ON g.id = e.study_group_id WHERE g.school_id = $1 AND e.role = 'student'",
        )
        .bind(id)
        .fetch_all(store.readers())
        .await?;
        let mut enrolled: HashMap<String, Vec<_>> = HashMap::new();
        for row in &rows {
            let one = (text(row, "person_id")?, optional_text(row, "valid_from")?, optional_text(row, "valid_to")?);
            enrolled.entry(text(row, "study_group_id")?).or_default().push(one);
        }
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT l.consultation_id, COALESCE((SELECT x.academic_hours FROM load_correction x WHERE x.entry_id = l.id
             ORDER BY x.n DESC LIMIT 1), l.academic_hours) FROM load_entry l
             WHERE l.school_id = $1 AND l.date >= $2 AND l.date <= $3",
        )
        .bind(id)
        .bind(&from)
        .bind(&to)
        .fetch_all(store.readers())
        .await?;
        let mut load: HashMap<String, i64> = HashMap::new();
        for (consultation, hours) in rows {
            *load.entry(consultation).or_default() += hours;
        }
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT consultation_id, kind FROM override_grant WHERE school_id = $1")
                .bind(id)
                .fetch_all(store.readers())
                .await?;
        let mut lifted: HashMap<String, Vec<String>> = HashMap::new();
        for (consultation, kind) in rows {
            lifted.entry(consultation).or_default().push(kind);
        }
        let row = sqlx::query("SELECT academic_hour_minutes FROM school WHERE id = $1")
            .bind(id)
            .fetch_one(store.readers())
            .await?;
        Ok(Self {
            names: names.into_iter().collect(),
            enrolled,
            register: Register::load(store, school, Scope::Dates(dates)).await?,
            load,
            lifted,
            incidents: incidents(store, school, dates).await?,
            consents: lawful::Consents::load(store, school).await?,
            chosen: {
                let mut connection = store.readers().acquire().await?;
                chosen(&mut connection, Of::Dates(&school.id, dates.from, dates.to)).await?
            },
            hour_minutes: u16::try_from(int(&row, "academic_hour_minutes")?).unwrap_or(45),
        })
    }

    /// The students that a consultation is for.
    fn students(&self, id: &str, group: &str, day: &str, form: Form, slot: &CardSlot) -> Vec<String> {
        if !slot.audience.students {
            return Vec::new();
        }
        if form == Form::Individual {
            return self.register.booked_in(id);
        }
        let holds = |from: &Option<String>, to: &Option<String>| {
            from.as_deref().is_none_or(|from| from <= day) && to.as_deref().is_none_or(|to| day <= to)
        };
        let members = self.enrolled.get(group).map(Vec::as_slice).unwrap_or_default();
        members.iter().filter(|(_, from, to)| holds(from, to)).map(|(person, ..)| person.clone()).collect()
    }
}

/// The last incident of each consultation.
async fn incidents(store: &Store, school: &School, dates: Span) -> Result<HashMap<String, IncidentFact>, StoreError> {
    let select = "SELECT consultation_id, n, kind, reason, by_id, at FROM incident WHERE consultation_id";
    let mut last: HashMap<String, (i64, IncidentFact)> = HashMap::new();
    for row in &Scope::Dates(dates).rows(store, school, select).await? {
        let fact = IncidentFact {
            kind: word(IncidentKind::parse(&text(row, "kind")?), "incident")?,
            reason: text(row, "reason")?,
            by: optional_text(row, "by_id")?.map(PersonId::new),
            at_ms: int(row, "at")?,
        };
        let n = int(row, "n")?;
        let id = text(row, "consultation_id")?;
        if last.get(&id).is_none_or(|(before, _)| *before < n) {
            last.insert(id, (n, fact));
        }
    }
    Ok(last.into_iter().map(|(id, (_, fact))| (id, fact)).collect())
}

fn lesson_fact(row: &sqlx::any::AnyRow, beside: &Beside) -> Result<LessonFact, StoreError> {
    let id = text(row, "id")?;
    let slot: CardSlot = json(&text(row, "body")?, "slot")?;
    let form = word(Form::parse(&text(row, "form")?), "form")?;
    let day = text(row, "date")?;
    let (start_ms, end_ms) = (int(row, "start_at")?, int(row, "end_at")?);
    let mut state = word(State::parse(&text(row, "state")?), "state")?;
    let mut not_held = optional_text(row, "not_held_reason")?
        .map(|reason| word(NotHeldReason::parse(&reason), "reason"))
        .transpose()?;
    let mut host_delay_s = optional_int(row, "host_delay_s")?;
    let corrections = beside.register.corrections.get(&id);
    if let Some(outcome) = corrections.and_then(|fields| fields.get("outcome")) {
        (state, not_held) = corrections::outcome(outcome).ok_or(StoreError::Unreadable { what: "correction" })?;
    }
    if let Some(delay) = corrections.and_then(|fields| fields.get("host_delay_s")) {
        host_delay_s = delay.parse().ok();
    }
    let stays = beside.register.stays_in(&id);
    let window = Interval { from_ms: start_ms, to_ms: end_ms };
    let invited = beside
        .students(&id, &text(row, "group_id")?, &day, form, &slot)
        .into_iter()
        .map(|person| Invited {
            present_s: beside.register.with_host_ms(&id, &[&person], window) / 1000,
            came: beside.register.came(&id, &[&person]),
            person: PersonId::new(person),
        })
        .collect();
    let minutes = (end_ms - start_ms) / 60_000;
    let mut violations: Vec<String> =
        optional_text(row, "warnings")?.map(|warnings| json(&warnings, "warnings")).transpose()?.unwrap_or_default();
    violations.extend(beside.lifted.get(&id).into_iter().flatten().cloned());
    let host = optional_text(row, "substitute_host_id")?.map_or_else(|| text(row, "host_id"), Ok)?;
    let closed_ms = optional_int(row, "closed_at")?;
    // In a chat nobody has media.
    let has_media = form != Form::Chat && optional_text(row, "medium")?.as_deref() != Some("chat");
    let people = stays.iter().filter(|stay| stay.role != "observer");
    Ok(LessonFact {
        date: date(&day)?,
        is_late_cancel: state == State::Cancelled && closed_ms.is_some_and(|at| start_ms - at < DAY_MS),
        detail: optional_text(row, "detail")?,
        host_name: beside.names.get(&host).cloned().unwrap_or_default(),
        host: PersonId::new(host),
        title: text(row, "title")?,
        subject: optional_text(row, "subject")?,
        class: optional_text(row, "class")?,
        grade: optional_int(row, "grade")?.and_then(|grade| u8::try_from(grade).ok()),
        unit: optional_text(row, "unit_id")?.map(UnitId::new),
        form,
        kind: word(Kind::parse(&text(row, "kind")?), "kind")?,
        // The word as the card has it: reports list what there is.
        purpose: serde_json::to_value(&slot).ok().and_then(|slot| slot["purpose"].as_str().map(str::to_owned)),
        topics: about(&slot, beside.chosen.get(&ConsultationId::new(id.as_str()))).1,
        hours_planned: academic_hours(minutes, is_whole_period(&slot), beside.hour_minutes),
        hours_held: beside.load.get(&id).copied().unwrap_or(0),
        violations,
        without_consent: beside.consents.missing(stays, date(&day)?, start_ms),
        unannounced: lawful::unannounced(stays, form),
        participations: if has_media { beside.register.participations(&id) } else { Vec::new() },
        is_moved: optional_text(row, "moved_to")?.is_some(),
        stays_lost: u32::try_from(people.filter(|stay| stay.was_lost).count()).unwrap_or(u32::MAX),
        unnamed_s: beside.register.unnamed_s(&id),
        incident: beside.incidents.get(&id).filter(|_| not_held == Some(NotHeldReason::Technical)).cloned(),
        is_corrected: corrections.is_some(),
        id: ConsultationId::new(id),
        start_ms,
        end_ms,
        state,
        not_held,
        host_delay_s,
        invited,
    })
}
