//! A whole card against the plan: its slots expanded over the calendar, each date checked beside those before it.

use jiff::civil::Date;

use super::finding::{Finding, Params};
use super::view::{Entry, PlanView};
use super::{Wish, check};
use crate::domain::calendar::{Calendar, Span};
use crate::domain::ids::{CardId, ConsultationId, ProgrammeId, SchoolId};
use crate::domain::lesson_card::CardContent;
use crate::domain::refusal::RefusalCode;
use crate::domain::timetable::{Occurrence, expand};

/// One date of a card with what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    pub slot_key: String,
    /// Which of the card's slots.
    pub slot: usize,
    pub date: Option<Date>,
    /// `None`: nothing can be held on that date at all, or the slot has no dates.
    pub occurrence: Option<Occurrence>,
    pub findings: Vec<Finding>,
}

impl Checked {
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(Finding::is_refusal)
    }

    pub fn id(&self) -> Option<&ConsultationId> {
        self.occurrence.as_ref().map(|one| &one.id)
    }

    /// Codes that stay as remarks on the consultation: lifted by an order, or warned of.
    pub fn remarks(&self) -> Vec<String> {
        self.findings.iter().filter(|one| !one.is_refusal()).map(|one| one.code.as_str().to_owned()).collect()
    }
}

/// What a card is, beside its content.
#[derive(Clone, Debug)]
pub struct About<'a> {
    pub school: &'a SchoolId,
    pub card: &'a CardId,
    pub programme: Option<&'a ProgrammeId>,
    /// Of the card's class.
    pub calendar: &'a Calendar,
    pub within: Span,
    pub now_ms: i64,
}

/// Checks all future dates of a card inside the horizon. What is accepted is in the view afterwards, so that two slots of one
/// card, or two cards of one import, are held against each other. The card's own future must have been taken out before.
pub fn check_card(view: &mut PlanView, content: &CardContent, about: &About<'_>) -> Vec<Checked> {
    let mut all = Vec::new();
    for (index, slot) in content.slots.iter().enumerate() {
        let expansion = expand(about.school, slot, content.allow_in_break, about.calendar, about.within);
        let checked = |date, occurrence, findings| Checked {
            slot_key: slot.key.clone(),
            slot: index,
            date,
            occurrence,
            findings,
        };
        for (date, _) in expansion
            .skipped
            .iter()
            .filter(|_| matches!(slot.recurrence, crate::domain::lesson_card::Recurrence::Once { .. }))
        {
            let finding = Finding::of(RefusalCode::NotASchoolDay, Params::Date { date: *date });
            all.push(checked(Some(*date), None, vec![finding]));
        }
        for occurrence in expansion.occurrences.into_iter().filter(|one| one.end_ms > about.now_ms) {
            let wish = Wish {
                id: occurrence.id.clone(),
                date: occurrence.date,
                start_ms: occurrence.start_ms,
                end_ms: occurrence.end_ms,
                group: &content.group,
                programme: about.programme,
                slot,
                host: &slot.host,
                students: slot.student.iter().cloned().collect(),
                // The class's calendar has decided, with its grade's own days.
                allow_in_break: true,
                more_sources: 0,
            };
            let findings = check(view, &wish);
            let entry = Entry::of(&wish, view, about.card.clone());
            let one = checked(Some(occurrence.date), Some(occurrence), findings);
            if !one.is_refused() {
                view.add(entry);
            }
            all.push(one);
        }
    }
    all
}
