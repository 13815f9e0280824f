//! The sources that a card's slots name (INV-23): a request is one that asks for this subject and group and still waits for help, a
//! finding or a topic is one of this programme. What a published version of the card names already stays good: requests are
//! answered and findings are found anew while the card goes on.

use std::collections::{HashMap, HashSet};

use sqlx::AnyConnection;

use super::super::request::{Move, RequestError, request_in};
use super::super::school::School;
use super::super::sql::{int, json, text, word};
use super::super::transition::Actor;
use super::super::{StoreError, Tx};
use super::PlanError;
use super::drafts::DraftBody;
use crate::domain::ids::{CardId, ConsultationId, ProgrammeId, RequestId};
use crate::domain::lesson_card::{CardSlot, Source, SourceKind};
use crate::domain::planning::card::Checked;
use crate::domain::planning::finding::{Finding, Params, SourceAt, SourceTrouble};
use crate::domain::refusal::RefusalCode;
use crate::domain::request::{RequestEvent, RequestState};
use jiff::civil::Date;

/// A source that is named: kind and reference.
type Named = (SourceKind, String);

/// Puts a finding on every date of a slot whose sources are none.
pub(super) async fn check(
    connection: &mut AnyConnection,
    school: &School,
    (card, body): (&CardId, &DraftBody),
    (programme, today): (Option<&ProgrammeId>, Date),
    checked: &mut [Checked],
) -> Result<(), StoreError> {
    let known = published(connection, card).await?;
    let mut asked: HashMap<Named, Option<SourceTrouble>> = HashMap::new();
    for (index, slot) in body.content.slots.iter().enumerate() {
        let mut troubles = Vec::new();
        for source in &slot.sources {
            let Some(named) = named(source).filter(|named| !known.contains(named)) else { continue };
            let trouble = match asked.get(&named) {
                // Of a named student's slot the request has to be that student's.
                Some(trouble) if slot.student.is_none() => *trouble,
                _ => trouble(connection, school, (&named, slot), body, (programme, today)).await?,
            };
            if slot.student.is_none() {
                asked.insert(named.clone(), trouble);
            }
            troubles.extend(trouble.map(|why| SourceAt { kind: named.0, ref_id: named.1, why }));
        }
        if troubles.is_empty() {
            continue;
        }
        for one in checked.iter_mut().filter(|one| one.slot == index) {
            one.findings.push(Finding::of(RefusalCode::SourceRequired, Params::Sources { sources: troubles.clone() }));
        }
    }
    Ok(())
}

/// What has to be looked up: every request, and marks that say which.
fn named(source: &Source) -> Option<Named> {
    let ref_id = source.ref_id.clone().filter(|id| !id.is_empty());
    match source.kind {
        SourceKind::Request => Some((source.kind, ref_id.unwrap_or_default())),
        SourceKind::Performance => ref_id.map(|id| (source.kind, id)),
        SourceKind::Note => None,
    }
}

/// What the card's version in force names.
async fn published(connection: &mut AnyConnection, card: &CardId) -> Result<HashSet<Named>, StoreError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT s.body FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
         JOIN card_slot s ON s.version_id = v.id WHERE k.id = $1",
    )
    .bind(card.as_str())
    .fetch_all(connection)
    .await?;
    let mut known = HashSet::new();
    for (body,) in rows {
        let slot: CardSlot = json(&body, "slot")?;
        known.extend(slot.sources.iter().filter_map(named));
    }
    Ok(known)
}

async fn trouble(
    connection: &mut AnyConnection,
    school: &School,
    ((kind, id), slot): (&Named, &CardSlot),
    body: &DraftBody,
    (programme, today): (Option<&ProgrammeId>, Date),
) -> Result<Option<SourceTrouble>, StoreError> {
    let group = &body.content.group;
    if *kind == SourceKind::Performance {
        return marks(connection, school, id, (programme, group.as_str())).await;
    }
    let row = sqlx::query(
        "SELECT r.group_id, r.subject_id, r.student_id, r.state, (SELECT COUNT(*) FROM enrollment e
         WHERE e.person_id = r.student_id AND e.study_group_id = $3 AND e.role = 'student'
         AND (e.valid_from IS NULL OR e.valid_from <= $4) AND (e.valid_to IS NULL OR e.valid_to >= $4)) AS learns
         FROM help_request r WHERE r.id = $1 AND r.school_id = $2",
    )
    .bind(id.as_str())
    .bind(school.id.as_str())
    .bind(group.as_str())
    .bind(today.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(Some(SourceTrouble::Unknown)) };
    let is_of = text(&row, "group_id")? == group.as_str() || int(&row, "learns")? > 0;
    let is_about = body.subject.as_ref().map(|id| id.as_str()) == Some(text(&row, "subject_id")?.as_str());
    let student = text(&row, "student_id")?;
    let is_theirs = slot.student.as_ref().is_none_or(|one| one.as_str() == student);
    if !(is_of && is_about && is_theirs) {
        return Ok(Some(SourceTrouble::Other));
    }
    let state = word(RequestState::parse(&text(&row, "state")?), "state of a request")?;
    let is_open = state.is_waiting() || state == RequestState::Scheduled;
    Ok((!is_open).then_some(SourceTrouble::NotOpen))
}

/// A topic of the programme, whose marks speak, or a finding about the group.
async fn marks(
    connection: &mut AnyConnection,
    school: &School,
    id: &str,
    (programme, group): (Option<&ProgrammeId>, &str),
) -> Result<Option<SourceTrouble>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT p.programme_id, CAST($2 AS TEXT) FROM topic t JOIN programme_part p ON p.id = t.part_id
         JOIN programme g ON g.id = p.programme_id WHERE t.id = $1 AND g.school_id = $3
         UNION ALL SELECT f.programme_id, f.group_id FROM performance_finding f WHERE f.id = $1 AND f.school_id = $3",
    )
    .bind(id)
    .bind(group)
    .bind(school.id.as_str())
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Ok(Some(SourceTrouble::Unknown));
    }
    let is_of = |(of, about): &(String, String)| programme.is_some_and(|one| one.as_str() == of) && about == group;
    Ok((!rows.iter().any(is_of)).then_some(SourceTrouble::Other))
}

impl Tx {
    /// Requests that a published card names are put into the first date of their slot: those who asked are told, and the date
    /// keeps them as its sources.
    pub(super) async fn schedule_sources(
        &mut self,
        slots: &[(CardSlot, Option<ConsultationId>)],
        actor: &Actor,
        today: Date,
        now_ms: i64,
    ) -> Result<(), PlanError> {
        for (slot, first) in slots {
            // Office hours are booked by those who asked.
            let Some(first) = first.as_ref().filter(|_| slot.office_minutes().is_none()) else { continue };
            for (_, id) in slot.sources.iter().filter_map(named).filter(|(kind, _)| *kind == SourceKind::Request) {
                let asked = match request_in(self.connection(), &RequestId::new(id)).await {
                    Ok(asked) if asked.state.is_waiting() => asked,
                    Ok(_) | Err(StoreError::NotFound) => continue,
                    Err(error) => return Err(error.into()),
                };
                let step = Move {
                    event: RequestEvent::Schedule,
                    actor: Some(actor.clone()),
                    answered_by: None,
                    consultation: Some(first.clone()),
                    appointment: None,
                    today,
                    now_ms,
                };
                match self.move_request(&asked, &step).await {
                    Ok(_) => {}
                    Err(RequestError::Store(error)) => return Err(error.into()),
                    Err(_) => return Err(PlanError::Refused(RefusalCode::SourceRequired)),
                }
            }
        }
        Ok(())
    }
}
