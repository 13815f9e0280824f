//! Evidence of clause 4.1: timeliness, quality and lawfulness of the help, as figures that stand on rows.
//!
//! A figure is never counted apart from its rows: [`Metric::of`] sums the shares of the rows it is given, so that the figure
//! on a page and the list behind it cannot differ. Facts come from `store::evidence`, already cut to what the person may see.

pub mod behind;
pub mod coverage;
pub mod gaps;
pub mod helped;
pub mod metrics;
pub mod technical;
pub mod working_time;

use std::collections::HashMap;

use jiff::civil::Date;

use super::consultation::{IncidentKind, NotHeldReason, State};
use super::form::{Form, Kind};
use super::ids::{ConsultationId, PersonId, UnitId};
use helped::{HelpOutcome, Seeker};
use technical::Participation;

/// A consultation as evidence sees it, corrections applied.
#[derive(Clone, Debug)]
pub struct LessonFact {
    pub id: ConsultationId,
    pub date: Date,
    pub start_ms: i64,
    pub end_ms: i64,
    pub state: State,
    pub not_held: Option<NotHeldReason>,
    /// A finer word to the state.
    pub detail: Option<String>,
    /// Cancelled with less than a day's notice.
    pub is_late_cancel: bool,
    pub host: PersonId,
    pub host_name: String,
    pub title: String,
    pub subject: Option<String>,
    pub class: Option<String>,
    pub grade: Option<u8>,
    pub unit: Option<UnitId>,
    pub form: Form,
    pub kind: Kind,
    /// One of `difficulty`, `repetition`, …; `None`: not said.
    pub purpose: Option<String>,
    pub topics: Vec<String>,
    /// Seconds after the start that the host came.
    pub host_delay_s: Option<i64>,
    /// Who was invited, and how long each was there with the host.
    pub invited: Vec<Invited>,
    /// Seconds together with the host that a correction says and the register can give to nobody.
    pub unnamed_s: i64,
    /// Hundredths of an academic hour, by the plan and by the ledger.
    pub hours_planned: i64,
    pub hours_held: i64,
    /// Codes of rules that were broken with a warning or lifted by an order.
    pub violations: Vec<String>,
    /// Children who were there without a consent that the school asks for (personal data), and observers of whom nobody was
    /// told: each makes it unlawful.
    pub without_consent: Vec<PersonId>,
    pub unannounced: Vec<PersonId>,
    /// Participations with media, and how each went.
    pub participations: Vec<Participation>,
    /// Stays that ended because the line was lost.
    pub stays_lost: u32,
    /// It was moved: its successor stands for it.
    pub is_moved: bool,
    /// The technical failure that ended it.
    pub incident: Option<IncidentFact>,
    /// Whether a correction changed what the clock wrote.
    pub is_corrected: bool,
}

/// The record of a technical failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentFact {
    pub kind: IncidentKind,
    /// What was said, or the machine's word.
    pub reason: String,
    /// Who declared it; `None`: the clock.
    pub by: Option<PersonId>,
    pub at_ms: i64,
}

impl LessonFact {
    pub fn minutes(&self) -> i64 {
        (self.end_ms - self.start_ms) / 60_000
    }

    /// Neither cancelled in time nor still to come.
    pub fn is_due(&self) -> bool {
        !self.is_moved
            && (matches!(self.state, State::Held | State::NotHeld)
                || (self.state == State::Cancelled && self.is_late_cancel))
    }

    /// Everything by which it was not as the rules want it: norms that were warned of or lifted by an order, a consent that is
    /// missing, an observer of whom nobody was told.
    pub fn breaches(&self) -> Vec<String> {
        let mut codes = self.violations.clone();
        codes.extend((!self.without_consent.is_empty()).then(|| "consent_missing".to_owned()));
        codes.extend((!self.unannounced.is_empty()).then(|| "observer_unannounced".to_owned()));
        codes
    }
}

/// A student who was invited to a consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    pub person: PersonId,
    /// Seconds of the planned time together with a host.
    pub present_s: i64,
    /// Was there long enough to be helped.
    pub came: bool,
}

impl RequestFact {
    /// How many of those who asked have this outcome.
    pub fn count(&self, outcome: HelpOutcome) -> usize {
        self.seekers.iter().filter(|one| one.outcome == outcome).count()
    }
}

/// A request for help.
#[derive(Clone, Debug)]
pub struct RequestFact {
    pub id: String,
    pub student: PersonId,
    pub subject: String,
    pub class: Option<String>,
    pub topic: Option<String>,
    pub state: String,
    pub created_ms: i64,
    pub help_due_ms: i64,
    /// Working minutes until the first reaction; until now when there is none yet.
    pub response_minutes: i64,
    /// Who asked, the one who wrote it first, and what became of it for each.
    pub seekers: Vec<Seeker>,
    /// Help reached the student who asked by the time it was due.
    pub is_helped_in_time: bool,
    /// The time for help is not over yet and there was none: it counts for neither.
    pub is_open: bool,
    /// Whether a held consultation covered its topic within 14 days; `None`: it names no topic.
    pub was_covered: Option<bool>,
}

/// An answer to "was it solved?".
#[derive(Clone, Debug)]
pub struct ScoreFact {
    pub lesson: ConsultationId,
    pub score: u8,
    pub helped: bool,
}

/// A complaint.
#[derive(Clone, Debug)]
pub struct ComplaintFact {
    pub id: String,
    pub lesson: ConsultationId,
    pub kind: String,
    pub state: String,
    pub created_ms: i64,
}

/// Everything that figures of some dates stand on.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Of everybody whom the other facts name.
    pub names: HashMap<PersonId, String>,
    pub lessons: Vec<LessonFact>,
    pub requests: Vec<RequestFact>,
    pub scores: Vec<ScoreFact>,
    pub complaints: Vec<ComplaintFact>,
}

/// What to look at; `None` is everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub unit: Option<String>,
    pub host: Option<PersonId>,
    pub class: Option<String>,
    pub subject: Option<String>,
    pub purpose: Option<String>,
}

impl Facts {
    /// The part that a filter leaves. Requests have no host or purpose: they stay where only those are asked for.
    #[must_use]
    pub fn filtered(mut self, filter: &Filter) -> Self {
        let same =
            |wanted: &Option<String>, value: Option<&str>| wanted.as_deref().is_none_or(|wanted| value == Some(wanted));
        self.lessons.retain(|one| {
            same(&filter.unit, one.unit.as_ref().map(UnitId::as_str))
                && filter.host.as_ref().is_none_or(|host| *host == one.host)
                && same(&filter.class, one.class.as_deref())
                && same(&filter.subject, one.subject.as_deref())
                && same(&filter.purpose, one.purpose.as_deref())
        });
        self.requests.retain(|one| {
            same(&filter.class, one.class.as_deref()) && same(&filter.subject, Some(one.subject.as_str()))
        });
        let kept: std::collections::HashSet<_> = self.lessons.iter().map(|one| one.id.clone()).collect();
        self.scores.retain(|one| kept.contains(&one.lesson));
        self.complaints.retain(|one| kept.contains(&one.lesson));
        self
    }
}
