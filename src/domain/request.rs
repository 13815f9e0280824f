//! A request for help (обращение): its states, who may move it, and by when somebody has to react (DOMAIN 2.2, R4.1a).
//! Pure: facts and an event in, the next state or a refusal out. The store keeps it, the clock and people drive it.

use jiff::civil::{Date, Time};

use super::calendar::{Calendar, plus_days};
use super::refusal::RefusalCode;

words!(
    /// Where a request stands. Closed, Declined and Withdrawn are final.
    RequestState {
        Submitted = "submitted",
        Accepted = "accepted",
        Scheduled = "scheduled",
        Answered = "answered",
        Reopened = "reopened",
        Closed = "closed",
        Declined = "declined",
        Withdrawn = "withdrawn",
    }
);

impl RequestState {
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Closed | Self::Declined | Self::Withdrawn)
    }

    /// Whether help is still owed.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Submitted | Self::Accepted | Self::Reopened)
    }
}

words!(
    /// Why a request is not taken on.
    DeclineReason {
        NotProgramme = "not_programme",
        Duplicate = "duplicate",
        OutOfRight = "out_of_right",
        Other = "other",
    }
);

/// An answer may be doubted this long, once; after it the clock closes the request.
pub const REOPEN_MS: i64 = 7 * 24 * 3_600_000;
/// Working days for the first reaction, days for the help itself.
const FIRST_RESPONSE_DAYS: u8 = 2;
const HELP_DAYS: i32 = 7;
/// Days looked ahead for a working day: longer than any summer.
const MOST_DAYS: i32 = 150;

/// What the rules rest on; times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    pub state: RequestState,
    pub answered_ms: Option<i64>,
    /// How often it was reopened.
    pub reopened: i64,
}

/// What can happen to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    /// Somebody takes it on.
    Accept,
    /// A consultation or appointment is named for it.
    Schedule,
    /// That consultation fell through: it is owed again.
    FellThrough,
    /// An answer in writing.
    Answer {
        text: String,
    },
    /// The consultation was held, and this is the answer; whether it helped the asker is told by their presence.
    Helped {
        attended: bool,
    },
    Decline {
        reason: DeclineReason,
        text: String,
    },
    /// By its author.
    Withdraw,
    /// By its author: the answer did not help.
    Reopen {
        reason: String,
    },
    /// By its author (it helped), or by the clock once it cannot be reopened any more.
    Close,
}

/// Applies `event`. Refusals: `illegal_transition`, `reason_required`.
pub fn apply(facts: &RequestFacts, event: &RequestEvent, now_ms: i64) -> Result<RequestState, RefusalCode> {
    use RequestState as S;
    let illegal = Err(RefusalCode::IllegalTransition);
    let is_blank = |text: &str| text.trim().is_empty();
    match event {
        RequestEvent::Accept => match facts.state {
            S::Submitted | S::Reopened => Ok(S::Accepted),
            _ => illegal,
        },
        RequestEvent::Schedule => match facts.state {
            // Who schedules has accepted it: one act for the person, both stand in the journal.
            S::Submitted | S::Accepted | S::Reopened => Ok(S::Scheduled),
            _ => illegal,
        },
        RequestEvent::FellThrough => match facts.state {
            S::Scheduled => Ok(S::Accepted),
            _ => illegal,
        },
        RequestEvent::Answer { text } => match facts.state {
            S::Submitted | S::Accepted | S::Scheduled | S::Reopened if is_blank(text) => {
                Err(RefusalCode::ReasonRequired)
            }
            S::Submitted | S::Accepted | S::Scheduled | S::Reopened => Ok(S::Answered),
            _ => illegal,
        },
        RequestEvent::Helped { .. } => match facts.state {
            S::Scheduled => Ok(S::Answered),
            _ => illegal,
        },
        RequestEvent::Decline { reason, text } => match facts.state {
            S::Submitted | S::Accepted if *reason == DeclineReason::Other && is_blank(text) => {
                Err(RefusalCode::ReasonRequired)
            }
            S::Submitted | S::Accepted => Ok(S::Declined),
            _ => illegal,
        },
        RequestEvent::Withdraw if facts.state.is_final() => illegal,
        RequestEvent::Withdraw => Ok(S::Withdrawn),
        RequestEvent::Reopen { reason } => match facts.state {
            S::Answered if facts.reopened > 0 || !may_reopen(facts, now_ms) => illegal,
            S::Answered if is_blank(reason) => Err(RefusalCode::ReasonRequired),
            S::Answered => Ok(S::Reopened),
            _ => illegal,
        },
        RequestEvent::Close => match facts.state {
            S::Answered => Ok(S::Closed),
            _ => illegal,
        },
    }
}

/// Whether the answer may still be doubted.
pub fn may_reopen(facts: &RequestFacts, now_ms: i64) -> bool {
    facts.state == RequestState::Answered
        && facts.reopened == 0
        && facts.answered_ms.is_some_and(|answered| now_ms - answered < REOPEN_MS)
}

/// By when a request made at an instant has to be reacted to, and helped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub first_response_ms: i64,
    pub help_ms: i64,
}

/// The end of the second working day after the request, and the end of its seventh day or of the first working day after.
pub fn due(calendar: &Calendar, created_ms: i64) -> Due {
    let made = calendar.date_at(created_ms);
    let mut working = (1..=MOST_DAYS).map(|n| plus_days(made, n)).filter(|day| calendar.lessons_of(*day).is_some());
    // Outside all school years only the calendar's days are left.
    let first = working.nth(usize::from(FIRST_RESPONSE_DAYS) - 1).unwrap_or(plus_days(made, 2));
    let help = (HELP_DAYS..=MOST_DAYS)
        .map(|n| plus_days(made, n))
        .find(|day| calendar.lessons_of(*day).is_some())
        .unwrap_or(plus_days(made, HELP_DAYS));
    let end_of = |day: Date| calendar.instant_ms(plus_days(day, 1), Time::midnight());
    Due { first_response_ms: end_of(first), help_ms: end_of(help).max(end_of(first)) }
}

words!(
    /// How a request stands against its times; what a list is coloured by.
    Sla {
        /// Help was given, or nothing is owed, in time.
        Met = "met",
        Fine = "fine",
        /// Less than a day is left.
        Soon = "soon",
        Late = "late",
    }
);

/// What is left to react to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlaFacts {
    pub state: RequestState,
    pub due: Due,
    pub first_response_ms: Option<i64>,
    /// When it was answered, in writing or by a consultation that was held, whoever came.
    pub answered_ms: Option<i64>,
    pub helped_ms: Option<i64>,
}

const SOON_MS: i64 = 24 * 3_600_000;

impl SlaFacts {
    pub fn sla(&self, now_ms: i64) -> Sla {
        // What is late stays late: the report counts it.
        let missed = |at: Option<i64>, due: i64| at.is_some_and(|at| at > due);
        // Who did not come to the help that was there has not made it late.
        let given_ms = self.helped_ms.or(self.answered_ms);
        if missed(self.first_response_ms, self.due.first_response_ms) || missed(given_ms, self.due.help_ms) {
            return Sla::Late;
        }
        let is_owed = self.helped_ms.is_none()
            && !matches!(
                self.state,
                RequestState::Answered | RequestState::Closed | RequestState::Declined | RequestState::Withdrawn
            );
        if !is_owed {
            return Sla::Met;
        }
        let due = match self.first_response_ms {
            None => self.due.first_response_ms,
            Some(_) => self.due.help_ms,
        };
        match due - now_ms {
            left if left < 0 => Sla::Late,
            left if left < SOON_MS => Sla::Soon,
            _ => Sla::Fine,
        }
    }
}

#[cfg(test)]
mod tests;
