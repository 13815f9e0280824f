//! Whether one dated consultation may be planned (clauses 3.1 to 3.7): a pure check of a wish against a view of the school.
//!
//! The store loads the [`view::PlanView`] inside the transaction that plans, asks [`check`] for each occurrence, and adds what
//! is accepted, so that the next occurrence sees it. All findings are given, not the first one only: a person mends a card
//! once. What they mean for HTTP is the API's business.

pub mod card;
pub mod conflicts;
pub mod finding;
pub mod hygiene;
pub mod lessons;
pub mod load;
pub mod programme;
pub mod view;

use jiff::civil::Date;

use super::form::Mode;
use super::ids::{ConsultationId, GroupId, PersonId, ProgrammeId};
use super::lesson_card::CardSlot;
use super::norm::NormMode;
use super::refusal::RefusalCode;
use finding::{Finding, Params};
use view::{Entry, PlanView};

/// One occurrence of a slot that somebody wants to plan.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    pub id: ConsultationId,
    /// The school's date of the start.
    pub date: Date,
    pub start_ms: i64,
    pub end_ms: i64,
    pub group: &'a GroupId,
    /// `None`: an organisational card, for guardians only (INV-01).
    pub programme: Option<&'a ProgrammeId>,
    pub slot: &'a CardSlot,
    /// Who will hold it: the slot's host, or a substitute.
    pub host: &'a PersonId,
    /// Individual help: for whom; none for office hours that are booked later.
    pub students: Vec<PersonId>,
    pub allow_in_break: bool,
    /// How many sources the date has of its own, besides those of the slot.
    pub more_sources: usize,
}

impl Wish<'_> {
    pub fn minutes(&self) -> i64 {
        (self.end_ms - self.start_ms) / 60_000
    }

    /// Who would sit there: the students of the group, those booked, or nobody when only guardians are invited.
    pub fn students<'v>(&'v self, view: &'v PlanView) -> &'v [PersonId] {
        if !self.slot.audience.students {
            return &[];
        }
        match self.slot.form.mode() {
            Mode::Individual => &self.students,
            _ => view.members(self.group),
        }
    }
}

/// Everything that speaks against a wish, in the order of the regulation; empty: plan it. Findings that an order lifts come
/// back as remarks ([`Finding::is_refusal`] is false), because they are evidence (clause 4.1).
pub fn check(view: &PlanView, wish: &Wish<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if view.act_on(wish.date).is_none() {
        found.push(Finding::of(RefusalCode::NoLocalAct, Params::Date { date: wish.date }));
    }
    programme::check(view, wish, &mut found);
    conflicts::check(view, wish, &mut found);
    load::check(view, wish, &mut found);
    hygiene::check(view, wish, &mut found);
    by_rules(view, wish, found)
}

/// What speaks against what a date is about (clauses 3.5 to 3.7): its parts and topics, whatever its time and people.
pub fn check_about(view: &PlanView, wish: &Wish<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    programme::check(view, wish, &mut found);
    found.retain(|finding| programme::is_about(finding.code));
    by_rules(view, wish, found)
}

/// As the school has decided about its rules, and as orders lift them.
fn by_rules(view: &PlanView, wish: &Wish<'_>, mut found: Vec<Finding>) -> Vec<Finding> {
    for finding in &mut found {
        finding.mode = finding.mode.min_with(view.rules.mode(finding.code));
        if finding.is_refusal() && finding.is_overridable() {
            let order = view.overrides.get(&(wish.id.clone(), finding.code));
            finding.order_no = order.filter(|order| order.host == *wish.host).map(|order| order.order_no.clone());
        }
    }
    found.retain(|finding| finding.mode != NormMode::Off);
    found
}

/// What speaks against the appointments that go along when office hours move: each for its student at its own new time (INV-14),
/// and all of a student's for that day (INV-41). One finding of a kind; the hours' own entries are out of the view.
pub fn check_carried(view: &PlanView, hours: &Wish<'_>, carried: &[Entry]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut ask = |code: RefusalCode, one: &Entry, lasts_ms: i64| {
        let (start_ms, end_ms) = (one.start_ms, one.start_ms + lasts_ms);
        let appointment = Wish { id: hours.id.clone(), start_ms, end_ms, students: one.students.clone(), ..*hours };
        let of_kind = check(view, &appointment).into_iter().find(|finding| finding.code == code);
        found.extend(of_kind.filter(|_| found.iter().all(|known| known.code != code)));
    };
    for one in carried {
        let of_student = carried.iter().filter(|other| other.students == one.students);
        ask(RefusalCode::StudentConflict, one, one.end_ms - one.start_ms);
        ask(RefusalCode::DailyScreenCap, one, of_student.map(|other| other.end_ms - other.start_ms).sum());
    }
    found
}

impl NormMode {
    /// The milder of two.
    #[must_use]
    pub fn min_with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Off, _) | (_, Self::Off) => Self::Off,
            (Self::Warn, _) | (_, Self::Warn) => Self::Warn,
            (Self::Enforce, Self::Enforce) => Self::Enforce,
        }
    }
}

#[cfg(test)]
mod tests;
