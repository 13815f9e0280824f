//! The planning check of dates that no person has just published (INV-13 to INV-44): a date that is refused is not planned, and
//! those who answer for its card learn of it; what is only warned of stays on the date as a remark.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;

use super::super::outbox::Letter;
use super::super::school::School;
use super::super::sql::to_json;
use super::super::{AuditEvent, StoreError, Tx};
use super::Wanted;
use crate::domain::ids::{CardId, ConsultationId, GroupId, PersonId};
use crate::domain::notice::Notice;
use crate::domain::planning::view::{Entry, PlanView};
use crate::domain::planning::{Wish, check};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// A date that was not planned, and what speaks against it.
#[derive(Clone, Debug)]
pub(in crate::store) struct RefusedDate {
    pub id: ConsultationId,
    pub card: CardId,
    /// Who would have held it: the substitute, when there is one.
    pub host: PersonId,
    pub date: Date,
    pub start_ms: i64,
    pub end_ms: i64,
    /// Sorted, each once.
    pub codes: Vec<RefusalCode>,
}

/// Asks for one date after the other; what is accepted stands in the way of the next.
pub(super) struct Judge {
    view: PlanView,
    kept: Vec<Wanted>,
    refused: Vec<RefusedDate>,
}

impl Judge {
    pub(super) fn over(view: PlanView) -> Self {
        Self { view, kept: Vec::new(), refused: Vec::new() }
    }

    /// `host`: who will hold it. `more_sources`: what the date has of its own besides the sources of its slot.
    pub(super) fn ask(&mut self, mut one: Wanted, host: &PersonId, more_sources: usize) {
        let occurrence = &one.occurrence;
        let group = GroupId::new(one.group.as_str());
        let wish = Wish {
            id: occurrence.id.clone(),
            date: occurrence.date,
            start_ms: occurrence.start_ms,
            end_ms: occurrence.end_ms,
            group: &group,
            programme: one.programme.as_ref(),
            slot: &one.slot,
            host,
            students: one.student.iter().cloned().collect(),
            // The class's calendar has decided.
            allow_in_break: true,
            more_sources,
        };
        let found = check(&self.view, &wish);
        let mut codes: Vec<RefusalCode> = found.iter().filter(|one| one.is_refusal()).map(|one| one.code).collect();
        if codes.is_empty() {
            self.view.add(Entry::of(&wish, &self.view, one.card.clone()));
            // An empty list, not none: a date that moved has no remarks of its old place.
            one.warnings = Some(to_json(&found.iter().map(|one| one.code.as_str()).collect::<Vec<_>>()));
            self.kept.push(one);
            return;
        }
        codes.sort();
        codes.dedup();
        self.refused.push(RefusedDate {
            id: occurrence.id.clone(),
            card: one.card.clone(),
            date: occurrence.date,
            start_ms: occurrence.start_ms,
            end_ms: occurrence.end_ms,
            host: host.clone(),
            codes,
        });
    }

    /// What may be planned, and what may not.
    pub(super) fn done(self) -> (Vec<Wanted>, Vec<RefusedDate>) {
        (self.kept, self.refused)
    }
}

impl Tx {
    /// The journal, and for each card a letter to the hosts, its owner and the deputies. `cause` tells letters about the same
    /// dates apart; without one they are written once.
    pub(in crate::store) async fn tell_refused(
        &mut self,
        school: &School,
        refused: &[RefusedDate],
        cause: &str,
        today: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut of_card: BTreeMap<&CardId, Vec<&RefusedDate>> = BTreeMap::new();
        for one in refused {
            of_card.entry(&one.card).or_default().push(one);
        }
        for (card, of) in of_card {
            let mut codes: Vec<RefusalCode> = of.iter().flat_map(|one| one.codes.iter().copied()).collect();
            codes.sort();
            codes.dedup();
            let (title, owner): (String, String) = sqlx::query_as(
                "SELECT v.title, v.teacher_id FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
                 WHERE k.id = $1",
            )
            .bind(card.as_str())
            .fetch_one(self.connection())
            .await?;
            let dates: Vec<Date> = of.iter().map(|one| one.date).collect();
            let detail = serde_json::json!({ "dates": dates, "codes": codes });
            let event = AuditEvent::new(school.id.clone(), now_ms, "card.dates_refused", "lesson_card", card.as_str());
            self.audit(event.with(detail)).await?;
            let mut to = self.holders(&school.id, &[Role::DeputyHead], today).await?;
            to.push(PersonId::new(owner));
            to.extend(of.iter().map(|one| one.host.clone()).collect::<HashSet<_>>());
            let first = dates.iter().min().map(Date::to_string).unwrap_or_default();
            let notice = Notice::CardDatesRefused {
                card: card.as_str().to_owned(),
                title,
                from: first.clone(),
                count: u32::try_from(of.len()).unwrap_or(u32::MAX),
                code: codes.first().map(|code| code.as_str().to_owned()).unwrap_or_default(),
            };
            let key = format!("{card}:{first}:{}{cause}", of.len());
            self.enqueue(Letter { school: school.id.clone(), to, notice, key, now_ms }).await?;
        }
        Ok(())
    }
}
