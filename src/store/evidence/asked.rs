//! Requests as evidence sees them: when somebody reacted, who of those who asked was helped, and whether the topic was taught.

use std::collections::{BTreeSet, HashMap};

use super::super::chosen::{Of, chosen};
use super::super::school::School;
use super::super::sql::{int, json, optional_int, optional_text, text, word};
use super::super::{Store, StoreError};
use super::presence::{Register, Scope};
use super::{Range, corrections};
use crate::domain::calendar::{Calendar, Span, plus_days};
use crate::domain::chosen::about;
use crate::domain::consultation::State;
use crate::domain::evidence::RequestFact;
use crate::domain::evidence::helped::{HeldAbout, HelpOutcome, Seeker, outcome};
use crate::domain::evidence::working_time::working_minutes;
use crate::domain::fold::fold;
use crate::domain::ids::{ConsultationId, PersonId, UnitId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::request::RequestState;

/// A consultation counts as covering a request's topic within this time after it.
const TOPIC_WITHIN_DAYS: i32 = 14;
const TOPIC_WITHIN_MS: i64 = TOPIC_WITHIN_DAYS as i64 * 86_400_000;

/// Subject, class and topic of a held consultation, and its start.
type Taught = (String, String, String, i64);

/// What stands beside requests made between two instants.
struct Beside {
    register: Register,
    /// By request: the held consultations that it was put into, with their ends.
    held: HashMap<String, Vec<(String, i64)>>,
    voters: HashMap<String, Vec<String>>,
    taught: Vec<Taught>,
}

impl Store {
    /// Requests made on these dates, as of `now_ms`.
    pub(super) async fn request_facts(
        &self,
        school: &School,
        dates: Span,
        range: &Range,
        now_ms: i64,
    ) -> Result<Vec<RequestFact>, StoreError> {
        let calendar = self.calendar(school).await?;
        let from_ms = calendar.instant_ms(dates.from, jiff::civil::Time::midnight());
        let to_ms = calendar.instant_ms(plus_days(dates.to, 1), jiff::civil::Time::midnight());
        let rows = sqlx::query(
            "SELECT r.id, r.author_id, r.student_id, r.state, r.created_at, r.help_due, r.first_response_at, r.answer,
             r.answered_at, r.assigned_to, r.answered_by, sub.name AS subject, cl.name AS class, cl.unit_id,
             t.title AS topic FROM help_request r JOIN subject sub ON sub.id = r.subject_id
             JOIN study_group g ON g.id = r.group_id LEFT JOIN school_class cl ON cl.id = g.class_id
             LEFT JOIN topic t ON t.id = r.topic_id
             WHERE r.school_id = $1 AND r.created_at >= $2 AND r.created_at < $3 ORDER BY r.created_at, r.id",
        )
        .bind(school.id.as_str())
        .bind(from_ms)
        .bind(to_ms)
        .fetch_all(self.readers())
        .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let beside = Beside::load(self, school, dates, (from_ms, to_ms)).await?;
        let mut facts = Vec::with_capacity(rows.len());
        for row in &rows {
            let hands = [optional_text(row, "assigned_to")?, optional_text(row, "answered_by")?];
            let is_in = match range {
                Range::School => true,
                Range::Units(units) => {
                    optional_text(row, "unit_id")?.is_some_and(|unit| units.contains(&UnitId::new(unit)))
                }
                Range::Host(host) => hands.iter().flatten().any(|hand| hand == host.as_str()),
            };
            if is_in {
                facts.push(beside.request(row, &calendar, now_ms)?);
            }
        }
        Ok(facts)
    }
}

impl Beside {
    async fn load(
        store: &Store,
        school: &School,
        dates: Span,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Self, StoreError> {
        let scope = Scope::AskedIn(from_ms, to_ms);
        let register = Register::load(store, school, scope).await?;
        let mut ends = HashMap::new();
        let select = "SELECT id, state, end_at FROM consultation WHERE id";
        for row in &scope.rows(store, school, select).await? {
            let id = text(row, "id")?;
            if is_held(&register, &id, &text(row, "state")?) {
                ends.insert(id, int(row, "end_at")?);
            }
        }
        let pairs: Vec<(String, String)> = sqlx::query_as(
            "SELECT r.id, s.consultation_id FROM help_request r JOIN consultation_source s ON s.ref_id = r.id
             AND s.kind = 'request' WHERE r.school_id = $1 AND r.created_at >= $2 AND r.created_at < $3
             UNION SELECT r.id, r.consultation_id FROM help_request r WHERE r.consultation_id IS NOT NULL
             AND r.school_id = $1 AND r.created_at >= $2 AND r.created_at < $3",
        )
        .bind(school.id.as_str())
        .bind(from_ms)
        .bind(to_ms)
        .fetch_all(store.readers())
        .await?;
        let mut held: HashMap<String, Vec<(String, i64)>> = HashMap::new();
        for (request, consultation) in pairs {
            if let Some(end_ms) = ends.get(&consultation) {
                held.entry(request).or_default().push((consultation, *end_ms));
            }
        }
        let votes: Vec<(String, String)> = sqlx::query_as(
            "SELECT v.request_id, v.student_id FROM request_vote v JOIN help_request r ON r.id = v.request_id
             WHERE r.school_id = $1 AND r.created_at >= $2 AND r.created_at < $3 ORDER BY v.at",
        )
        .bind(school.id.as_str())
        .bind(from_ms)
        .bind(to_ms)
        .fetch_all(store.readers())
        .await?;
        let mut voters: HashMap<String, Vec<String>> = HashMap::new();
        for (request, student) in votes {
            voters.entry(request).or_default().push(student);
        }
        let until = plus_days(dates.to, TOPIC_WITHIN_DAYS + 1);
        let taught = store.taught(school, Span { from: dates.from, to: until }).await?;
        Ok(Self { register, held, voters, taught })
    }

    fn request(&self, row: &sqlx::any::AnyRow, calendar: &Calendar, now_ms: i64) -> Result<RequestFact, StoreError> {
        let id = text(row, "id")?;
        let state: RequestState = word(RequestState::parse(&text(row, "state")?), "request state")?;
        let (created_ms, help_due_ms) = (int(row, "created_at")?, int(row, "help_due")?);
        let (author, student) = (text(row, "author_id")?, text(row, "student_id")?);
        let written_ms = match optional_text(row, "answer")? {
            Some(_) => optional_int(row, "answered_at")?,
            None => None,
        };
        let held = self.held.get(&id).map(Vec::as_slice).unwrap_or_default();
        let seeker = |person: &str, people: &[&str], is_voter: bool| {
            let held: Vec<HeldAbout> = held
                .iter()
                .map(|(room, ends_ms)| HeldAbout { ends_ms: *ends_ms, attended: self.register.came(room, people) })
                .collect();
            let (outcome, helped_ms) = outcome(state, written_ms, &held);
            Seeker { person: PersonId::new(person), is_voter, outcome, helped_ms }
        };
        // A guardian who asked may come in the child's place.
        let asker = seeker(&student, &[&student, &author], false);
        let voters = self.voters.get(&id).into_iter().flatten().map(|voter| seeker(voter, &[voter], true));
        let (subject, class, topic) =
            (text(row, "subject")?, optional_text(row, "class")?, optional_text(row, "topic")?);
        let was_covered = topic.as_ref().map(|topic| {
            let wanted = (fold(&subject), fold(class.as_deref().unwrap_or_default()), fold(topic));
            self.taught.iter().any(|(subject, class, topic, at)| {
                (subject, class, topic) == (&wanted.0, &wanted.1, &wanted.2)
                    && (created_ms..=created_ms + TOPIC_WITHIN_MS).contains(at)
            })
        });
        // Answered is the question, by words or by a consultation about it; who came to that is told apart (`help_given`).
        let answered_ms = held.iter().map(|(_, ends_ms)| *ends_ms).chain(written_ms).min();
        let responded_ms = optional_int(row, "first_response_at")?.unwrap_or(now_ms);
        Ok(RequestFact {
            is_helped_in_time: answered_ms.is_some_and(|at| at <= help_due_ms),
            is_open: asker.outcome == HelpOutcome::Waiting && now_ms <= help_due_ms,
            seekers: std::iter::once(asker).chain(voters).collect(),
            id,
            student: PersonId::new(student),
            subject,
            class,
            topic,
            state: state.as_str().to_owned(),
            created_ms,
            help_due_ms,
            response_minutes: working_minutes(calendar, created_ms, responded_ms),
            // The 14 days are not over yet: it may still come.
            was_covered: was_covered.filter(|was| *was || now_ms > created_ms + TOPIC_WITHIN_MS),
        })
    }
}

/// Whether a consultation was held, corrections applied.
fn is_held(register: &Register, id: &str, state: &str) -> bool {
    let corrected = register.corrections.get(id).and_then(|fields| fields.get("outcome"));
    match corrected.and_then(|word| corrections::outcome(word)) {
        Some((state, _)) => state == State::Held,
        None => state == State::Held.as_str(),
    }
}

impl Store {
    /// What was taught on these dates by anybody in the school, for the question whether a topic was covered at all.
    async fn taught(&self, school: &School, dates: Span) -> Result<Vec<Taught>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.id, c.start_at, c.state, s.body, sub.name AS subject, cl.name AS class,
             (SELECT x.new_value FROM correction x WHERE x.consultation_id = c.id AND x.field = 'outcome'
              ORDER BY x.n DESC LIMIT 1) AS corrected
             FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
             JOIN study_group g ON g.id = c.group_id JOIN school_class cl ON cl.id = g.class_id
             JOIN subject sub ON sub.id = v.subject_id
             WHERE c.school_id = $1 AND c.date >= $2 AND c.date <= $3 AND c.state IN ('held', 'not_held')",
        )
        .bind(school.id.as_str())
        .bind(dates.from.to_string())
        .bind(dates.to.to_string())
        .fetch_all(self.readers())
        .await?;
        let chosen = {
            let mut connection = self.readers().acquire().await?;
            chosen(&mut connection, Of::Dates(&school.id, dates.from, dates.to)).await?
        };
        let mut taught = Vec::new();
        for row in &rows {
            let is_held = match optional_text(row, "corrected")? {
                Some(outcome) => outcome == State::Held.as_str(),
                None => text(row, "state")? == State::Held.as_str(),
            };
            if !is_held {
                continue;
            }
            let slot: CardSlot = json(&text(row, "body")?, "slot")?;
            let (_, topics) = about(&slot, chosen.get(&ConsultationId::new(text(row, "id")?)));
            let (subject, class, at) = (text(row, "subject")?, text(row, "class")?, int(row, "start_at")?);
            let unique: BTreeSet<String> = topics.iter().map(|topic| fold(topic)).collect();
            taught.extend(unique.into_iter().map(|topic| (fold(&subject), fold(&class), topic, at)));
        }
        Ok(taught)
    }
}
