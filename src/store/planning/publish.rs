//! Publishing a draft: checked date by date inside the transaction that plans it. The same check, asked by a reader, is the
//! preview.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::super::card::{PreparedCard, horizon};
use super::super::school::School;
use super::super::sql::text;
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use super::drafts::{self, DraftBody};
use super::{PlanError, class_of, programme_of, sources, view};
use crate::domain::calendar::{Calendar, Span};
use crate::domain::consultation::{Event, Timings};
use crate::domain::ids::{CardId, ConsultationId, ProgrammeId};
use crate::domain::lesson_card::{CardStatus, Recurrence};
use crate::domain::planning::card::{About, Checked, check_card};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// What is asked of publishing.
#[derive(Clone, Debug)]
pub struct Publishing {
    pub school: School,
    pub calendar: Calendar,
    pub actor: Actor,
    /// Staff publish only what the deputy head has agreed to.
    pub needs_agreement: bool,
    pub timings: Timings,
    pub horizon_days: u32,
    pub now_ms: i64,
}

/// What publishing did.
#[derive(Clone, Debug)]
pub struct Published {
    pub version: i64,
    pub planned: usize,
    pub moved: usize,
    pub removed: usize,
    /// All dates, with remarks.
    pub checked: Vec<Checked>,
}

impl Store {
    /// What would speak against each date of a card, as things stand now.
    pub async fn check_draft(
        &self,
        asked: &Publishing,
        card: &CardId,
        body: &DraftBody,
    ) -> Result<Vec<Checked>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        Ok(check(&mut connection, asked, card, body).await?.checked)
    }

    /// Publishes a draft; nothing is planned when one date is refused. Poke the scheduler afterwards.
    pub async fn publish_draft(&self, asked: Publishing, card: CardId, revision: i64) -> Result<Published, PlanError> {
        self.write(move |tx| Box::pin(async move { tx.publish_draft(&asked, &card, revision).await })).await
    }

    /// Withdraws a card: its future consultations are cancelled with the reason, its drafts are gone.
    pub async fn withdraw_card(&self, asked: Publishing, card: CardId, reason: String) -> Result<usize, PlanError> {
        self.write(move |tx| Box::pin(async move { tx.withdraw_card(&asked, &card, reason).await })).await
    }
}

/// A check with what it rests on.
struct Judged {
    programme: Option<ProgrammeId>,
    checked: Vec<Checked>,
}

async fn check(
    connection: &mut AnyConnection,
    asked: &Publishing,
    card: &CardId,
    body: &DraftBody,
) -> Result<Judged, StoreError> {
    let content = &body.content;
    let within = horizon(asked.calendar.date_at(asked.now_ms), asked.horizon_days);
    let programme = programme_of(connection, body.subject.as_ref(), &content.group).await?;
    let calendar = asked.calendar.for_class(class_of(connection, &content.group).await?);
    let dates = dates_of(body, within);
    let mut view = view::load(connection, &asked.school, asked.calendar.clone(), dates).await?;
    view.calendar = calendar.clone();
    // What has begun keeps its version and its place.
    view.remove_card(card, |entry| entry.start_ms > asked.now_ms);
    let about = About {
        school: &asked.school.id,
        card,
        programme: programme.as_ref(),
        calendar: &calendar,
        within: Span { from: within.from, to: within.to.max(dates.to) },
        now_ms: asked.now_ms,
    };
    let mut checked = check_card(&mut view, content, &about);
    let (named, of) = ((card, body), (programme.as_ref(), within.from));
    sources::check(connection, &asked.school, named, of, &mut checked).await?;
    Ok(Judged { programme, checked })
}

/// The dates that the card's slots reach, today at least; a single date counts also beyond the horizon.
fn dates_of(body: &DraftBody, within: Span) -> Span {
    let mut span = Span { from: within.from, to: within.from };
    for slot in &body.content.slots {
        let last = match &slot.recurrence {
            Recurrence::Once { date } => *date,
            Recurrence::Weekly { span, .. } => span.to.min(within.to),
            Recurrence::Window { .. } => continue,
        };
        span.to = span.to.max(last);
    }
    span
}

impl Tx {
    async fn publish_draft(
        &mut self,
        asked: &Publishing,
        card: &CardId,
        revision: i64,
    ) -> Result<Published, PlanError> {
        let school = &asked.school;
        self.lock_planning(school).await?;
        self.same_calendar(school).await?;
        let (key, version, status) = self.card_head(&school.id, card).await?;
        let draft = drafts::draft(self.connection(), card).await?.ok_or(StoreError::NotFound)?;
        if status == CardStatus::Withdrawn || draft.base_version != version {
            return Err(PlanError::Refused(RefusalCode::CardLocked));
        }
        if draft.revision != revision {
            return Err(PlanError::Refused(RefusalCode::VersionConflict));
        }
        if asked.needs_agreement && !draft.is_agreed {
            return Err(PlanError::Refused(RefusalCode::CardLocked));
        }
        let judged = check(self.connection(), asked, card, &draft.body).await?;
        if judged.checked.iter().any(Checked::is_refused) {
            return Err(PlanError::Findings(judged.checked));
        }
        let Judged { programme, checked } = judged;
        let DraftBody { subject, mut content } = draft.body;
        content.programme = programme;
        let mut remarks: HashMap<ConsultationId, Vec<String>> = HashMap::new();
        let mut occurrences = vec![Vec::new(); content.slots.len()];
        for one in &checked {
            if let Some(occurrence) = &one.occurrence {
                remarks.insert(occurrence.id.clone(), one.remarks());
                occurrences[one.slot].push(occurrence.clone());
            }
        }
        let dates = |slot: usize| occurrences[slot].iter().filter(|one| one.start_ms > asked.now_ms);
        let first = |slot: usize| dates(slot).min_by_key(|one| one.start_ms).map(|one| one.id.clone());
        let slots: Vec<_> = content.slots.iter().enumerate().map(|(n, slot)| (slot.clone(), first(n))).collect();
        let prepared = PreparedCard {
            key,
            existing: Some((card.clone(), version)),
            content,
            subject,
            warnings: Vec::new(),
            remarks,
            occurrences,
        };
        let timing = asked.timings.of(&school.id);
        let change = self.publish_cards(&school.id, Some(&asked.actor), vec![prepared], timing, asked.now_ms).await?;
        let today = asked.calendar.date_at(asked.now_ms);
        self.schedule_sources(&slots, &asked.actor, today, asked.now_ms).await?;
        self.forget_draft(card).await?;
        self.tell_card(&school.id, card, version + 1, false, asked.now_ms).await?;
        Ok(Published {
            version: version + 1,
            planned: change.planned,
            moved: change.moved,
            removed: change.removed,
            checked,
        })
    }

    /// What was checked by the caller's calendar is planned by the same one.
    pub(in crate::store) async fn same_calendar(&mut self, school: &School) -> Result<(), PlanError> {
        let (version,): (i64,) = sqlx::query_as("SELECT calendar_version FROM school WHERE id = $1")
            .bind(school.id.as_str())
            .fetch_one(self.connection())
            .await
            .map_err(StoreError::from)?;
        if version == school.calendar_version { Ok(()) } else { Err(PlanError::Refused(RefusalCode::VersionConflict)) }
    }

    async fn withdraw_card(&mut self, asked: &Publishing, card: &CardId, reason: String) -> Result<usize, PlanError> {
        let school = &asked.school.id;
        let (_, version, status) = self.card_head(school, card).await?;
        if status != CardStatus::Published {
            return Err(PlanError::Refused(RefusalCode::IllegalTransition));
        }
        if reason.trim().is_empty() {
            return Err(PlanError::Refused(RefusalCode::ReasonRequired));
        }
        let rows = sqlx::query(
            // Also what is due and has not been opened yet: nothing opens from a card that is withdrawn (INV-10).
            "SELECT id FROM consultation WHERE card_id = $1 AND state = 'planned' AND end_at > $2 ORDER BY start_at",
        )
        .bind(card.as_str())
        .bind(asked.now_ms)
        .fetch_all(self.connection())
        .await
        .map_err(StoreError::from)?;
        for row in &rows {
            let id = ConsultationId::new(text(row, "id")?);
            let event = Event::Cancel { reason: reason.clone() };
            self.transition(&id, event, Some(&asked.actor), &asked.timings, asked.now_ms).await?;
        }
        for (sql, last) in [
            ("UPDATE lesson_card SET status = 'withdrawn' WHERE id = $1", None),
            (
                "UPDATE card_version SET status = 'withdrawn', withdrawn_reason = $1, withdrawn_at = $2
                 WHERE card_id = $3 AND version = $4",
                Some((reason.as_str(), asked.now_ms, version)),
            ),
        ] {
            let query = sqlx::query(sql);
            let query = match last {
                None => query.bind(card.as_str()),
                Some((reason, at, version)) => query.bind(reason).bind(at).bind(card.as_str()).bind(version),
            };
            query.execute(self.connection()).await.map_err(StoreError::from)?;
        }
        self.forget_draft(card).await?;
        let event = AuditEvent::new(school.clone(), asked.now_ms, "card.withdraw", "lesson_card", card.as_str())
            .by(&asked.actor.person, asked.actor.role.map(Role::as_str))
            .because(reason)
            .with(serde_json::json!({ "cancelled": rows.len() }));
        self.audit(event).await?;
        self.tell_card(school, card, version, true, asked.now_ms).await?;
        Ok(rows.len())
    }
}
