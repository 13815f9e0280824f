//! Lesson cards: versions, slots, and the consultations they expand into.

pub(super) mod edited;
pub(super) mod judge;
mod nightly;

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, AssertSqlSafe};

use super::appointment::Hours;
use super::sql::{self, Value, date, int, json, optional_int, optional_text, placeholders, text, to_json};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx, audit};
use crate::domain::calendar::{Calendar, ForClass, Span, plus_days};
use crate::domain::consultation::{Facts, State, Timing, Timings};
use crate::domain::fold::fold;
use crate::domain::ids::{CardId, ConsultationId, PersonId, ProgrammeId, SchoolId, SubjectId};
use crate::domain::lesson_card::{CardContent, CardSlot, CardStatus};
use crate::domain::role::Role;
use crate::domain::timetable::{Occurrence, expand};

use super::school::School;

/// A card ready to be published: everything about it is decided.
#[derive(Clone, Debug)]
pub struct PreparedCard {
    /// The card's `Код`.
    pub key: String,
    /// The card and its version as they were when this was prepared; `None`: a new card.
    pub existing: Option<(CardId, i64)>,
    pub content: CardContent,
    pub subject: Option<SubjectId>,
    /// Codes of norms broken in warn mode.
    pub warnings: Vec<String>,
    /// Codes that stay on single dates as remarks.
    pub remarks: HashMap<ConsultationId, Vec<String>>,
    /// Occurrences of each slot inside the horizon, past ones left out; in the order of the slots.
    pub occurrences: Vec<Vec<Occurrence>>,
}

impl PreparedCard {
    /// Hash of what the card says; the same content gives the same hash.
    pub fn content_hash(&self) -> String {
        audit::digest(&to_json(&self.content))
    }
}

/// What publishing did to the timetable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanChange {
    pub planned: usize,
    pub moved: usize,
    pub removed: usize,
    /// Booked appointments of moved office hours that hosts take back: they no longer fit, or the student has another lesson.
    pub taken_back: usize,
}

/// A consultation as the cards want it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    card: CardId,
    slot_id: String,
    group: String,
    host: PersonId,
    form: &'static str,
    student: Option<PersonId>,
    /// Office hours are cut into appointments of so many minutes.
    office: Option<u16>,
    warnings: Option<String>,
    slot: CardSlot,
    /// The programme of the card's subject for its class.
    programme: Option<ProgrammeId>,
    occurrence: Occurrence,
}

impl Store {
    /// Brings the future of a school's timetable in line with its cards and calendar: plans what is missing up to the horizon,
    /// moves and removes what has changed. Doing it again changes nothing (INV-15).
    pub async fn reexpand(
        &self,
        school: &School,
        timings: &Timings,
        now_ms: i64,
        horizon_days: u32,
    ) -> Result<PlanChange, StoreError> {
        let calendar = self.calendar(school).await?;
        let within = horizon(calendar.date_at(now_ms), horizon_days);
        let (whole, school, timing) = (school.clone(), school.id.clone(), *timings.of(&school.id));
        self.write(move |tx| {
            Box::pin(async move {
                tx.lock_planning(&whole).await?;
                let wanted = wanted(tx.connection(), &school, &calendar, within, now_ms).await?;
                let (wanted, refused) = tx.judge_changes(&whole, &calendar, wanted, &HashSet::new(), now_ms).await?;
                let today = calendar.date_at(now_ms).to_string();
                tx.tell_refused(&whole, &refused, "", &today, now_ms).await?;
                let change = tx.settle(&school, Scope::School, wanted, &timing, now_ms).await?;
                if change != PlanChange::default() {
                    let detail = serde_json::json!({ "planned": change.planned, "moved": change.moved, "removed": change.removed });
                    let event = AuditEvent::new(school.clone(), now_ms, "timetable.expand", "school", school.as_str());
                    tx.audit(event.with(detail)).await?;
                }
                Ok(change)
            })
        })
        .await
    }
    /// Plans what the days that have come inside the horizon since the last call bring; gives how many consultations. Each is
    /// checked against the school as publishing checks it; touches nothing that is planned already.
    pub async fn extend_horizon(&self, timings: &Timings, now_ms: i64, horizon_days: u32) -> Result<usize, StoreError> {
        let mut planned = 0;
        for school in self.schools().await? {
            let calendar = self.calendar(&school).await?;
            let within = horizon(calendar.date_at(now_ms), horizon_days);
            let mark = format!("expanded:{}", school.id);
            let row = sqlx::query("SELECT value FROM hub_fact WHERE name = $1")
                .bind(mark.as_str())
                .fetch_optional(self.readers())
                .await?;
            // The mark is the last date done, as an instant in the school's zone.
            let done = row.map(|row| int(&row, "value")).transpose()?.map(|at| calendar.date_at(at));
            let from = done.map_or(within.from, |done| plus_days(done, 1)).max(within.from);
            if from > within.to {
                continue;
            }
            let within = Span { from, to: within.to };
            let mark_ms = calendar.instant_ms(within.to, jiff::civil::time(12, 0, 0, 0));
            let timing = *timings.of(&school.id);
            let change = self
                .write(move |tx| {
                    Box::pin(async move {
                        let wanted = wanted(tx.connection(), &school.id, &calendar, within, now_ms).await?;
                        let wanted = tx.judge_additions(&school, &calendar, wanted, now_ms).await?;
                        let change = tx.settle(&school.id, Scope::Additions, wanted, &timing, now_ms).await?;
                        sqlx::query(
                            "INSERT INTO hub_fact (name, value) VALUES ($1, $2)
                             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                        )
                        .bind(mark)
                        .bind(mark_ms)
                        .execute(tx.connection())
                        .await?;
                        Ok::<_, StoreError>(change)
                    })
                })
                .await?;
            planned += change.planned;
        }
        Ok(planned)
    }
}

/// The occurrences of all published cards of a school with dates inside `within`, past ones left out.
pub(super) async fn wanted(
    connection: &mut AnyConnection,
    school: &SchoolId,
    calendar: &Calendar,
    within: Span,
    now_ms: i64,
) -> Result<Vec<Wanted>, StoreError> {
    let rows = sqlx::query(
        "SELECT k.id AS card_id, v.group_id, v.allow_in_break, s.id AS slot_id, s.body, c.grade, c.shift, p.id AS programme
         FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
         JOIN card_slot s ON s.version_id = v.id JOIN study_group g ON g.id = v.group_id
         LEFT JOIN school_class c ON c.id = g.class_id
         LEFT JOIN programme p ON p.subject_id = v.subject_id AND p.grade = c.grade AND p.year_id = c.year_id WHERE k.school_id = $1 AND k.status = 'published'",
    )
    .bind(school.as_str())
    .fetch_all(connection)
    .await?;
    let mut wanted = Vec::new();
    let mut calendars: HashMap<ForClass, Calendar> = HashMap::new();
    for row in &rows {
        let slot: CardSlot = json(&text(row, "body")?, "slot")?;
        let small = |number: Option<i64>| number.and_then(|number| u8::try_from(number).ok());
        let class = ForClass {
            grade: small(optional_int(row, "grade")?),
            shift: small(optional_int(row, "shift")?).unwrap_or(1),
        };
        let calendar = calendars.entry(class).or_insert_with(|| calendar.for_class(class));
        let expansion = expand(school, &slot, int(row, "allow_in_break")? != 0, calendar, within);
        for occurrence in expansion.occurrences.into_iter().filter(|one| one.end_ms > now_ms) {
            wanted.push(Wanted {
                card: CardId::new(text(row, "card_id")?),
                slot_id: text(row, "slot_id")?,
                group: text(row, "group_id")?,
                host: slot.host.clone(),
                form: slot.form.as_str(),
                student: slot.student.clone(),
                office: slot.office_minutes(),
                warnings: None,
                slot: slot.clone(),
                programme: optional_text(row, "programme")?.map(ProgrammeId::new),
                occurrence,
            });
        }
    }
    Ok(wanted)
}

impl Wanted {
    /// As office hours; `None`: it is none.
    fn hours(&self) -> Option<Hours> {
        let (start_ms, end_ms) = (self.occurrence.start_ms, self.occurrence.end_ms);
        self.office.map(|minutes| Hours { id: self.occurrence.id.clone(), start_ms, end_ms, minutes })
    }
}

/// What settling may touch.
#[derive(Clone, Copy, Debug)]
enum Scope<'a> {
    /// The future of these cards.
    Cards(&'a [CardId]),
    /// The future of the whole school.
    School,
    /// Nothing that is there.
    Additions,
}

/// From today to the horizon.
pub(crate) fn horizon(today: jiff::civil::Date, days: u32) -> Span {
    // One day back: what began before midnight may still run.
    let days = i32::try_from(days).unwrap_or(i32::MAX).min(4000);
    Span { from: plus_days(today, -1), to: plus_days(today, days) }
}

impl Tx {
    /// Publishes cards, new or changed, and settles their consultations. [`StoreError::Conflict`]: somebody else has published
    /// one of them meanwhile.
    pub async fn publish_cards(
        &mut self,
        school: &SchoolId,
        actor: Option<&Actor>,
        cards: Vec<PreparedCard>,
        timing: &Timing,
        now_ms: i64,
    ) -> Result<PlanChange, StoreError> {
        let (mut new_cards, mut versions, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        let (mut wanted, mut changed) = (Vec::new(), Vec::new());
        let mut events = Vec::with_capacity(cards.len());
        for card in cards {
            let hash = card.content_hash();
            let (id, version) = match &card.existing {
                Some((id, version)) => {
                    self.supersede(id, *version, &hash).await?;
                    changed.push(id.clone());
                    (id.clone(), version + 1)
                }
                None => {
                    let id = CardId::fresh();
                    new_cards.push(vec![
                        id.as_str().into(),
                        school.as_str().into(),
                        card.key.as_str().into(),
                        1_i64.into(),
                        hash.as_str().into(),
                        CardStatus::Published.as_str().into(),
                        now_ms.into(),
                    ]);
                    (id, 1)
                }
            };
            let version_id = uuid::Uuid::now_v7().to_string();
            versions.push(version_row(&card, &id, version, &version_id, actor, now_ms));
            let mut event = AuditEvent::new(school.clone(), now_ms, "card.publish", "lesson_card", id.as_str())
                .with(serde_json::json!({ "key": card.key, "version": version }));
            event.after = Some(to_json(&card.content));
            if let Some(actor) = actor {
                event = event.by(&actor.person, actor.role.map(Role::as_str));
            }
            events.push(event);
            let mut remarks = card.remarks;
            let mut warnings_of = |id: &ConsultationId| {
                let mut codes = remarks.remove(id).unwrap_or_default();
                codes.extend(card.warnings.iter().filter(|code| !codes.contains(code)).cloned().collect::<Vec<_>>());
                (!codes.is_empty()).then(|| to_json(&codes))
            };
            for (slot, occurrences) in card.content.slots.iter().zip(card.occurrences) {
                let slot_id = uuid::Uuid::now_v7().to_string();
                slots.push(slot_row(slot, &slot_id, &version_id));
                wanted.extend(occurrences.into_iter().map(|occurrence| Wanted {
                    card: id.clone(),
                    slot_id: slot_id.clone(),
                    group: card.content.group.as_str().to_owned(),
                    host: slot.host.clone(),
                    form: slot.form.as_str(),
                    student: slot.student.clone(),
                    office: slot.office_minutes(),
                    warnings: warnings_of(&occurrence.id),
                    slot: slot.clone(),
                    programme: card.content.programme.clone(),
                    occurrence,
                }));
            }
        }
        let connection = self.connection();
        let into = "lesson_card (id, school_id, external_key, version, content_hash, status, created_at)";
        sql::insert_many(connection, into, 7, new_cards).await?;
        let into = "card_version (id, card_id, version, status, title, programme_id, subject_id, group_id, teacher_id, materials, homework, note, feedback_channel, allow_in_break, published_by, published_at)";
        sql::insert_many(connection, into, 16, versions).await?;
        let into = "card_slot (id, version_id, slot_key, form, medium, kind, coverage, audience_students, audience_guardians, host_id, body)";
        sql::insert_many(connection, into, 11, slots).await?;
        for event in events {
            self.audit(event).await?;
        }
        self.settle(school, Scope::Cards(&changed), wanted, timing, now_ms).await
    }

    /// Settles the whole school's future by what a new calendar wants.
    pub(super) async fn settle_school(
        &mut self,
        school: &SchoolId,
        wanted: Vec<Wanted>,
        timing: &Timing,
        now_ms: i64,
    ) -> Result<PlanChange, StoreError> {
        self.settle(school, Scope::School, wanted, timing, now_ms).await
    }

    async fn supersede(&mut self, card: &CardId, version: i64, hash: &str) -> Result<(), StoreError> {
        let done =
            sqlx::query("UPDATE lesson_card SET version = $1, content_hash = $2, status = 'published' WHERE id = $3 AND version = $4")
                .bind(version + 1)
                .bind(hash)
                .bind(card.as_str())
                .bind(version)
                .execute(self.connection())
                .await?;
        if done.rows_affected() != 1 {
            return Err(StoreError::Conflict);
        }
        sqlx::query("UPDATE card_version SET status = 'superseded' WHERE card_id = $1 AND version = $2")
            .bind(card.as_str())
            .bind(version)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Makes the future planned consultations (of these cards; `None`: of the whole school) those that are wanted. What is open
    /// or over keeps its card version.
    async fn settle(
        &mut self,
        school: &SchoolId,
        scope: Scope<'_>,
        wanted: Vec<Wanted>,
        timing: &Timing,
        now_ms: i64,
    ) -> Result<PlanChange, StoreError> {
        let existing = match scope {
            Scope::Cards(cards) => self.future(school, Some(cards), now_ms, i64::MAX).await?,
            Scope::School => self.future(school, None, now_ms, i64::MAX).await?,
            Scope::Additions if wanted.is_empty() => HashMap::new(),
            Scope::Additions => {
                let from = wanted.iter().map(|one| one.occurrence.start_ms).min().unwrap_or(now_ms);
                let to = wanted.iter().map(|one| one.occurrence.start_ms).max().unwrap_or(now_ms);
                // Only what stands on those dates can be one of them; names belong to dates.
                self.future(school, None, from, to.saturating_add(24 * 3_600_000)).await?
            }
        };
        let touches = !matches!(scope, Scope::Additions);
        // Of a calendar everybody hears once, not of each date.
        let tells = matches!(scope, Scope::Cards(_));
        let mut change = PlanChange::default();
        let mut kept = HashSet::new();
        let (mut rows, mut bookings, mut hours, mut moved_hours) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for one in wanted {
            kept.insert(one.occurrence.id.clone());
            match existing.get(&one.occurrence.id) {
                Some(row) if !touches || !row.is_planned || row.is_as(&one, timing) => {}
                Some(row) => {
                    let was = (row.start_ms, row.end_ms, row.host.clone(), row.form.clone());
                    change.taken_back += self.move_to(&one, row.start_ms, timing, now_ms).await?;
                    change.moved += 1;
                    let occurrence = &one.occurrence;
                    let is_moved = (was.0, was.1) != (occurrence.start_ms, occurrence.end_ms);
                    moved_hours.extend(one.hours().filter(|_| is_moved).map(|hours| hours.id));
                    let is_other = was.2 != one.host.as_str() || was.3 != one.form;
                    if tells && (is_moved || is_other) {
                        self.tell_moved_by_card(school, &occurrence.id, was.0, is_moved, now_ms).await?;
                    }
                }
                None => {
                    change.planned += 1;
                    if let Some(student) = &one.student {
                        bookings.push(booking(&one, student));
                    }
                    hours.extend(one.hours());
                    rows.push(consultation_row(school, &one, timing, now_ms));
                }
            }
        }
        let into = "consultation (id, school_id, card_id, slot_id, slot_key, date, start_at, end_at, opens_at, closes_at, form, group_id, host_id, state, sequence, warnings, due_at, updated_at)";
        sql::insert_many(self.connection(), into, 18, rows).await?;
        let into = "appointment (id, consultation_id, starts, ends, student_id, state, origin)";
        sql::insert_many(self.connection(), into, 7, bookings).await?;
        self.cut_hours(&hours).await?;
        let gone: Vec<_> = existing
            .iter()
            .filter(|(id, row)| touches && row.is_planned && !row.is_successor && !kept.contains(*id))
            .map(|(id, _)| id.clone())
            .collect();
        change.removed = gone.len();
        if tells {
            for id in &gone {
                self.tell_dropped_by_card(school, id, now_ms).await?;
            }
        }
        self.forget_hours(&gone, now_ms).await?;
        for chunk in gone.chunks(500) {
            for (before, after) in [
                ("DELETE FROM appointment WHERE consultation_id IN (", ")"),
                ("DELETE FROM consultation WHERE id IN (", ") AND state = 'planned'"),
            ] {
                let sql = format!("{before}{}{after}", placeholders(1, chunk.len()));
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for id in chunk {
                    query = query.bind(id.as_str());
                }
                query.execute(self.connection()).await?;
            }
        }
        // Only now everything stands where it will: whoever is booked and would be in two places keeps the lesson (INV-14).
        for id in &moved_hours {
            change.taken_back += self.take_back_clashing(id, now_ms).await?;
        }
        if change.planned + change.moved > 0 {
            // R1.1: each names the act in force on its date.
            sqlx::query(
                "UPDATE consultation SET local_act_id = (SELECT a.id FROM local_act a WHERE a.school_id = consultation.school_id
                 AND a.valid_from <= consultation.date AND (a.valid_to IS NULL OR a.valid_to >= consultation.date)
                 ORDER BY a.valid_from DESC LIMIT 1)
                 WHERE school_id = $1 AND start_at > $2 AND local_act_id IS NULL AND state = 'planned'",
            )
            .bind(school.as_str())
            .bind(now_ms)
            .execute(self.connection())
            .await?;
        }
        Ok(change)
    }

    /// Consultations that have not ended and begin before `to_ms`; of the whole school only those planned and not due yet are
    /// looked at for removal.
    async fn future(
        &mut self,
        school: &SchoolId,
        cards: Option<&[CardId]>,
        now_ms: i64,
        to_ms: i64,
    ) -> Result<HashMap<ConsultationId, Existing>, StoreError> {
        const COLUMNS: &str = "SELECT id, state, slot_id, start_at, end_at, opens_at, closes_at, group_id, host_id, form, moved_from, substitute_host_id FROM consultation";
        let mut found = HashMap::new();
        // A card that has just been made has none.
        let chunks: Vec<Option<&[CardId]>> =
            cards.map_or_else(|| vec![None], |cards| cards.chunks(500).map(Some).collect());
        for chunk in chunks {
            let rows = match chunk {
                None => {
                    let sql = format!("{COLUMNS} WHERE school_id = $1 AND start_at > $2 AND start_at < $3");
                    sqlx::query(AssertSqlSafe(sql))
                        .bind(school.as_str())
                        .bind(now_ms - 24 * 3_600_000)
                        .bind(to_ms)
                        .fetch_all(self.connection())
                        .await?
                }
                Some(cards) => {
                    let sql = format!("{COLUMNS} WHERE card_id IN ({})", placeholders(1, cards.len()));
                    let mut query = sqlx::query(AssertSqlSafe(sql));
                    for card in cards {
                        query = query.bind(card.as_str());
                    }
                    query.fetch_all(self.connection()).await?
                }
            };
            for row in &rows {
                let is_planned = text(row, "state")? == State::Planned.as_str() && int(row, "opens_at")? > now_ms;
                let one = Existing {
                    is_planned,
                    is_successor: optional_text(row, "moved_from")?.is_some(),
                    slot_id: text(row, "slot_id")?,
                    start_ms: int(row, "start_at")?,
                    end_ms: int(row, "end_at")?,
                    opens_ms: int(row, "opens_at")?,
                    closes_ms: int(row, "closes_at")?,
                    group: text(row, "group_id")?,
                    host: text(row, "host_id")?,
                    substitute: optional_text(row, "substitute_host_id")?.map(PersonId::new),
                    form: text(row, "form")?,
                };
                found.insert(ConsultationId::new(text(row, "id")?), one);
            }
        }
        Ok(found)
    }

    /// Gives how many bookings no longer fit and are taken back.
    async fn move_to(&mut self, one: &Wanted, was_ms: i64, timing: &Timing, now_ms: i64) -> Result<usize, StoreError> {
        let occurrence = &one.occurrence;
        sqlx::query(
            "UPDATE consultation SET slot_id = $1, start_at = $2, end_at = $3, opens_at = $4, closes_at = $5, form = $6,
             group_id = $7, host_id = $8, warnings = COALESCE($9, warnings), due_at = $10, updated_at = $11, sequence = sequence + 1
             WHERE id = $12 AND state = 'planned'",
        )
        .bind(one.slot_id.as_str())
        .bind(occurrence.start_ms)
        .bind(occurrence.end_ms)
        .bind(occurrence.start_ms - timing.lead_ms)
        .bind(occurrence.end_ms + timing.overrun_ms)
        .bind(one.form)
        .bind(one.group.as_str())
        .bind(one.host.as_str())
        .bind(one.warnings.as_deref())
        .bind(occurrence.start_ms - timing.lead_ms)
        .bind(now_ms)
        .bind(occurrence.id.as_str())
        .execute(self.connection())
        .await?;
        self.access_changed();
        let taken_back = match one.hours() {
            Some(hours) => self.recut_hours(&hours, was_ms, now_ms).await?,
            None => 0,
        };
        sqlx::query("DELETE FROM appointment WHERE consultation_id = $1 AND origin = 'card'")
            .bind(occurrence.id.as_str())
            .execute(self.connection())
            .await?;
        if let Some(student) = &one.student {
            let into = "appointment (id, consultation_id, starts, ends, student_id, state, origin)";
            sql::insert_many(self.connection(), into, 7, vec![booking(one, student)]).await?;
        }
        Ok(taken_back)
    }
}

#[derive(Debug)]
struct Existing {
    /// Not opened yet and not due: may be moved and removed.
    is_planned: bool,
    /// Moved there by hand: no expansion wants it, and none takes it away.
    is_successor: bool,
    slot_id: String,
    start_ms: i64,
    end_ms: i64,
    opens_ms: i64,
    closes_ms: i64,
    group: String,
    host: String,
    /// Holds it instead of the host.
    substitute: Option<PersonId>,
    form: String,
}

impl Existing {
    fn is_as(&self, wanted: &Wanted, timing: &Timing) -> bool {
        let occurrence = &wanted.occurrence;
        self.slot_id == wanted.slot_id
            && self.start_ms == occurrence.start_ms
            && self.end_ms == occurrence.end_ms
            && self.opens_ms == occurrence.start_ms - timing.lead_ms
            && self.closes_ms == occurrence.end_ms + timing.overrun_ms
            && self.group == wanted.group
            && self.host == wanted.host.as_str()
            && self.form == wanted.form
    }
}

fn version_row(
    card: &PreparedCard,
    id: &CardId,
    version: i64,
    version_id: &str,
    actor: Option<&Actor>,
    now_ms: i64,
) -> Vec<Value> {
    let content = &card.content;
    vec![
        version_id.into(),
        id.as_str().into(),
        version.into(),
        CardStatus::Published.as_str().into(),
        content.title.as_str().into(),
        content.programme.as_ref().map(|id| id.as_str().to_owned()).into(),
        card.subject.as_ref().map(|id| id.as_str().to_owned()).into(),
        content.group.as_str().into(),
        content.teacher.as_str().into(),
        to_json(&content.materials).into(),
        content.homework.as_ref().map(to_json).into(),
        content.note.clone().into(),
        content.feedback_channel.clone().into(),
        i64::from(content.allow_in_break).into(),
        actor.map(|actor| actor.person.as_str().to_owned()).into(),
        now_ms.into(),
    ]
}

fn slot_row(slot: &CardSlot, slot_id: &str, version_id: &str) -> Vec<Value> {
    vec![
        slot_id.into(),
        version_id.into(),
        slot.key.as_str().into(),
        slot.form.as_str().into(),
        slot.medium.map(|medium| medium.as_str().to_owned()).into(),
        slot.kind.as_str().into(),
        slot.coverage.as_str().into(),
        i64::from(slot.audience.students).into(),
        i64::from(slot.audience.guardians).into(),
        slot.host.as_str().into(),
        to_json(slot).into(),
    ]
}

fn consultation_row(school: &SchoolId, one: &Wanted, timing: &Timing, now_ms: i64) -> Vec<Value> {
    let occurrence = &one.occurrence;
    let facts = Facts {
        state: State::Planned,
        start_ms: occurrence.start_ms,
        end_ms: occurrence.end_ms,
        opens_ms: occurrence.start_ms - timing.lead_ms,
        closes_ms: occurrence.end_ms + timing.overrun_ms,
        grace_from_ms: None,
        host_lost_ms: None,
    };
    vec![
        occurrence.id.as_str().into(),
        school.as_str().into(),
        one.card.as_str().into(),
        one.slot_id.as_str().into(),
        occurrence.slot_key.as_str().into(),
        occurrence.date.to_string().into(),
        facts.start_ms.into(),
        facts.end_ms.into(),
        facts.opens_ms.into(),
        facts.closes_ms.into(),
        one.form.into(),
        one.group.as_str().into(),
        one.host.as_str().into(),
        facts.state.as_str().into(),
        0_i64.into(),
        one.warnings.clone().into(),
        facts.due_ms(timing).into(),
        now_ms.into(),
    ]
}

fn booking(one: &Wanted, student: &PersonId) -> Vec<Value> {
    vec![
        uuid::Uuid::now_v7().to_string().into(),
        one.occurrence.id.as_str().into(),
        one.occurrence.start_ms.into(),
        one.occurrence.end_ms.into(),
        student.as_str().into(),
        "booked".into(),
        "card".into(),
    ]
}

/// A card as it stands, to compare an import with.
#[derive(Clone, Debug)]
pub(super) struct CardHead {
    /// As it was first written.
    pub key: String,
    pub id: CardId,
    pub version: i64,
    pub content_hash: String,
}

impl Store {
    /// The cards of a school by their folded `Код`.
    pub(super) async fn card_heads(&self, school: &SchoolId) -> Result<HashMap<String, CardHead>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, external_key, version, content_hash FROM lesson_card WHERE school_id = $1
             ORDER BY created_at DESC, id DESC",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        // Of two that differ by case only, as older hubs let in, the first one stays.
        rows.iter()
            .map(|row| {
                let head = CardHead {
                    key: text(row, "external_key")?,
                    id: CardId::new(text(row, "id")?),
                    version: int(row, "version")?,
                    content_hash: text(row, "content_hash")?,
                };
                Ok((fold(&head.key), head))
            })
            .collect()
    }

    /// Terms of a school by their title, with their dates.
    pub(super) async fn terms(&self, school: &SchoolId) -> Result<Vec<(String, Span)>, StoreError> {
        let rows = sqlx::query("SELECT title, starts_on, ends_on FROM term WHERE school_id = $1")
            .bind(school.as_str())
            .fetch_all(self.readers())
            .await?;
        rows.iter()
            .map(|row| {
                let span = Span { from: date(&text(row, "starts_on")?)?, to: date(&text(row, "ends_on")?)? };
                Ok((optional_text(row, "title")?.unwrap_or_default(), span))
            })
            .collect()
    }
}
