//! The life of one real-time consultation (DOMAIN 2.2), as a pure function: state and event in, step or refusal out.

use std::collections::HashMap;

use super::ids::{ConsultationId, PersonId, SchoolId};
use super::refusal::RefusalCode;

words!(
    /// Where a consultation stands. Held, NotHeld and Cancelled are final.
    State {
        Planned = "planned",
        Open = "open",
        Live = "live",
        Held = "held",
        NotHeld = "not_held",
        Cancelled = "cancelled",
    }
);

impl State {
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Held | Self::NotHeld | Self::Cancelled)
    }

    /// Whether a room belongs to it (INV-03).
    pub const fn has_room(self) -> bool {
        matches!(self, Self::Open | Self::Live)
    }
}

words!(
    /// Why it did not take place.
    NotHeldReason {
        NoHost = "no_host",
        NoAudience = "no_audience",
        Technical = "technical",
    }
);

words!(
    /// What kind of technical failure it was; each leaves an incident record (DOMAIN 2.2).
    #[derive(utoipa::ToSchema)]
    IncidentKind {
        /// Declared by the host, or by those who answer for the school.
        Declared = "fault",
        /// Closed at once, because it must not go on.
        Emergency = "emergency",
        /// The host's line was lost and did not come back.
        HostLost = "host_lost",
        /// The hub itself was down.
        ServerDown = "server_down",
        /// Said afterwards, by a correction.
        Corrected = "corrected",
    }
);

const MINUTE_MS: i64 = 60_000;
/// A host later than this after the start is late (4.1).
pub const LATE_HOST_S: i64 = 300;
/// Cancelling with less notice than this is late.
pub const LATE_CANCEL_MS: i64 = 24 * 60 * MINUTE_MS;

/// The school's times around a consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The room opens this long before the start.
    pub lead_ms: i64,
    /// The host may be this late.
    pub host_grace_ms: i64,
    /// The room may stay this long past the end.
    pub overrun_ms: i64,
    /// A host who is lost this long does not come back.
    pub host_lost_ms: i64,
    /// Host and a recipient together for at least this long: held.
    pub shared_ms: i64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lead_ms: 10 * MINUTE_MS,
            host_grace_ms: 15 * MINUTE_MS,
            overrun_ms: 10 * MINUTE_MS,
            host_lost_ms: 10 * MINUTE_MS,
            shared_ms: 5 * MINUTE_MS,
        }
    }
}

/// The hub's times, and those of schools that have decided otherwise.
#[derive(Clone, Debug)]
pub struct Timings {
    hub: Timing,
    schools: HashMap<SchoolId, Timing>,
}

impl Timings {
    pub fn new(hub: Timing) -> Self {
        Self { hub, schools: HashMap::new() }
    }

    pub fn set(&mut self, school: SchoolId, timing: Timing) {
        self.schools.insert(school, timing);
    }

    pub fn of(&self, school: &SchoolId) -> &Timing {
        self.schools.get(school).unwrap_or(&self.hub)
    }
}

/// Times in which the hub was not running: `from` when it was last known alive, `to` when it came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downtime {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// What the clock's and people's decisions rest on; all times Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub state: State,
    pub start_ms: i64,
    pub end_ms: i64,
    pub opens_ms: i64,
    /// When the clock closes the room at the latest (INV-12).
    pub closes_ms: i64,
    /// From when the host's grace counts, if later than the start: the hub opened late, or was down meanwhile.
    pub grace_from_ms: Option<i64>,
    /// Since when no host is in the live room; `None`: a host is there (or never was one).
    pub host_lost_ms: Option<i64>,
}

impl Facts {
    /// The instant up to which the host may come. The hub's own downtime is never blamed on the host.
    fn grace_until(&self, timing: &Timing) -> i64 {
        (self.start_ms.max(self.grace_from_ms.unwrap_or(self.start_ms)) + timing.host_grace_ms).min(self.end_ms)
    }

    /// When the clock must look at this consultation next; `None`: never again.
    pub fn due_ms(&self, timing: &Timing) -> Option<i64> {
        match self.state {
            State::Planned => Some(self.opens_ms),
            State::Open => Some(self.grace_until(timing)),
            State::Live => Some(match self.host_lost_ms {
                Some(lost) => self.end_ms.min(lost + timing.host_lost_ms).max(lost),
                None => self.closes_ms,
            }),
            State::Held | State::NotHeld | State::Cancelled => None,
        }
    }
}

/// What can happen to a consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time has come to look. `shared_ms`: how long host and a recipient were together, asked of the attendance register.
    Clock {
        shared_ms: i64,
        down: Option<Downtime>,
    },
    HostJoined,
    /// The last host has gone, or one is back.
    HostPresence {
        present: bool,
    },
    EndedByHost {
        shared_ms: i64,
    },
    /// A technical fault, or an emergency close, declared by somebody who may; the reason is shown to people.
    Fault {
        kind: IncidentKind,
        reason: String,
    },
    Cancel {
        reason: String,
    },
    Move {
        to: ConsultationId,
        reason: String,
    },
}

/// Why a room closes; the room tells its people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    ByClock,
    ByHost,
    NotHeld,
    Cancelled,
    Technical,
}

/// What must happen along with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    OpenRoom,
    CloseRoom(Closing),
    /// Seconds after the start (0 for an early host); late beyond [`LATE_HOST_S`].
    HostDelay {
        seconds: i64,
        late: bool,
    },
    HostLost {
        since_ms: Option<i64>,
    },
    /// The host's grace counts from here.
    GraceFrom {
        ms: i64,
    },
    /// Whether the hours count for the host (INV-32).
    Load {
        counted: bool,
    },
    /// The deputy learns that it was not held.
    AlertDeputy,
    /// An incident record is kept.
    Incident(IncidentKind),
    /// People are told; `late`: with less than a day's notice.
    Notice {
        late: bool,
    },
    MovedTo(ConsultationId),
}

/// A date that ended longer ago than this is no news to those who were invited.
const STALE_MS: i64 = 24 * 3_600_000;

/// One move of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state after; the same as before when only an effect is due.
    pub to: State,
    pub not_held: Option<NotHeldReason>,
    /// A finer word for the journal (`server_down`, `host_lost`, the reason of a cancelling).
    pub detail: Option<String>,
    pub effects: Vec<Effect>,
}

impl Step {
    fn to(to: State, effects: Vec<Effect>) -> Self {
        Self { to, not_held: None, detail: None, effects }
    }

    fn not_held(reason: NotHeldReason, effects: Vec<Effect>) -> Self {
        Self { to: State::NotHeld, not_held: Some(reason), detail: None, effects }
    }

    /// It failed technically: recorded, and told to the deputy and to those whom it concerns.
    fn technical(kind: IncidentKind, detail: &str, has_room: bool) -> Self {
        let close = has_room.then_some(Effect::CloseRoom(Closing::Technical));
        let told = [Effect::Incident(kind), Effect::AlertDeputy, Effect::Notice { late: true }];
        Self {
            to: State::NotHeld,
            not_held: Some(NotHeldReason::Technical),
            detail: Some(detail.to_owned()),
            effects: close.into_iter().chain(told).collect(),
        }
    }

    /// The incident that has to be recorded with it.
    pub fn incident(&self) -> Option<IncidentKind> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Incident(kind) => Some(*kind),
            _ => None,
        })
    }
}

/// Applies `event`. `Ok(None)`: nothing to do now (the clock came early, the host was there already).
pub fn apply(facts: &Facts, timing: &Timing, event: Event, now_ms: i64) -> Result<Option<Step>, RefusalCode> {
    if facts.state.is_final() {
        // The clock has nothing to say about what is over; anybody else is told so.
        return match event {
            Event::Clock { .. } | Event::HostPresence { .. } => Ok(None),
            _ => Err(RefusalCode::IllegalTransition),
        };
    }
    match event {
        Event::Clock { shared_ms, down } => Ok(by_clock(facts, timing, shared_ms, down, now_ms)),
        Event::HostJoined => host_joined(facts, now_ms),
        Event::HostPresence { present } => Ok(host_presence(facts, present, now_ms)),
        Event::EndedByHost { shared_ms } => match facts.state {
            State::Live => Ok(Some(over(timing, shared_ms, Closing::ByHost))),
            _ => Err(RefusalCode::IllegalTransition),
        },
        Event::Fault { kind, reason } => match facts.state {
            // Before the host has come there is no fault of theirs to declare: it would stand for their absence.
            State::Open if kind != IncidentKind::Emergency => Err(RefusalCode::IllegalTransition),
            State::Live | State::Open if reason.trim().is_empty() => Err(RefusalCode::ReasonRequired),
            State::Live | State::Open => Ok(Some(Step::technical(kind, reason.trim(), true))),
            _ => Err(RefusalCode::IllegalTransition),
        },
        Event::Cancel { reason } => cancel(facts, reason, None, now_ms),
        Event::Move { to, reason } => cancel(facts, reason, Some(to), now_ms),
    }
}

fn by_clock(facts: &Facts, timing: &Timing, shared_ms: i64, down: Option<Downtime>, now_ms: i64) -> Option<Step> {
    match facts.state {
        State::Planned if now_ms >= facts.end_ms => {
            let mut step = Step::technical(IncidentKind::ServerDown, "server_down", false);
            // After a long downtime nobody needs a letter for each date long past; reports show them.
            if now_ms - facts.end_ms > STALE_MS {
                step.effects.retain(|effect| !matches!(effect, Effect::Notice { .. }));
            }
            Some(step)
        }
        State::Planned if now_ms >= facts.opens_ms => {
            let late = (now_ms > facts.start_ms).then_some(Effect::GraceFrom { ms: now_ms });
            Some(Step::to(State::Open, std::iter::once(Effect::OpenRoom).chain(late).collect()))
        }
        State::Open if now_ms >= facts.grace_until(timing) => {
            let seen = facts.start_ms.max(facts.grace_from_ms.unwrap_or(facts.start_ms));
            let was_down = down.filter(|down| down.from_ms < facts.grace_until(timing) && down.to_ms > seen);
            if let Some(down) = was_down.filter(|down| down.to_ms < facts.end_ms) {
                // The host perhaps knocked at a closed door: the grace starts anew.
                return Some(Step::to(State::Open, vec![Effect::GraceFrom { ms: down.to_ms }]));
            }
            // A grace that started anew was all the host's, unless the end cut it short.
            let cut_short = seen > facts.start_ms && seen + timing.host_grace_ms > facts.end_ms;
            Some(if cut_short || was_down.is_some() {
                Step::technical(IncidentKind::ServerDown, "server_down", true)
            } else {
                Step::not_held(
                    NotHeldReason::NoHost,
                    vec![Effect::CloseRoom(Closing::NotHeld), Effect::AlertDeputy, Effect::Notice { late: true }],
                )
            })
        }
        State::Live => {
            let lost = facts.host_lost_ms;
            let ended = now_ms >= facts.closes_ms || (now_ms >= facts.end_ms && lost.is_some());
            if ended {
                let was_down = down.is_some_and(|down| down.from_ms < facts.end_ms && down.to_ms > facts.start_ms);
                if was_down && shared_ms < timing.shared_ms {
                    return Some(Step::technical(IncidentKind::ServerDown, "server_down", true));
                }
                return Some(over(timing, shared_ms, Closing::ByClock));
            }
            let gone = lost.is_some_and(|lost| now_ms >= lost + timing.host_lost_ms);
            gone.then(|| Step::technical(IncidentKind::HostLost, "host_lost", true))
        }
        _ => None,
    }
}

fn host_joined(facts: &Facts, now_ms: i64) -> Result<Option<Step>, RefusalCode> {
    match facts.state {
        State::Open => {
            let seconds = ((now_ms - facts.start_ms) / 1000).max(0);
            Ok(Some(Step::to(State::Live, vec![Effect::HostDelay { seconds, late: seconds > LATE_HOST_S }])))
        }
        State::Live => Ok(host_presence(facts, true, now_ms)),
        _ => Err(RefusalCode::IllegalTransition),
    }
}

fn host_presence(facts: &Facts, present: bool, now_ms: i64) -> Option<Step> {
    if facts.state != State::Live || present == facts.host_lost_ms.is_none() {
        return None;
    }
    let since_ms = (!present).then_some(now_ms);
    Some(Step::to(State::Live, vec![Effect::HostLost { since_ms }]))
}

/// The end of a live consultation.
fn over(timing: &Timing, shared_ms: i64, closing: Closing) -> Step {
    if shared_ms >= timing.shared_ms {
        Step::to(State::Held, vec![Effect::CloseRoom(closing), Effect::Load { counted: true }])
    } else {
        // The host came and waited: school policy counts the time by default.
        Step::not_held(NotHeldReason::NoAudience, vec![Effect::CloseRoom(closing), Effect::Load { counted: true }])
    }
}

fn cancel(
    facts: &Facts,
    reason: String,
    moved_to: Option<ConsultationId>,
    now_ms: i64,
) -> Result<Option<Step>, RefusalCode> {
    if !matches!(facts.state, State::Planned | State::Open) {
        return Err(RefusalCode::IllegalTransition);
    }
    if reason.trim().is_empty() {
        return Err(RefusalCode::ReasonRequired);
    }
    let mut effects = Vec::new();
    if facts.state == State::Open {
        effects.push(Effect::CloseRoom(Closing::Cancelled));
    }
    effects.push(Effect::Notice { late: facts.start_ms - now_ms < LATE_CANCEL_MS });
    effects.push(Effect::Load { counted: false });
    effects.extend(moved_to.map(Effect::MovedTo));
    Ok(Some(Step { to: State::Cancelled, not_held: None, detail: Some(reason), effects }))
}

/// What a room reports of its people; the room's driver sends these to the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomFact {
    /// A host has come. Repeats are harmless.
    HostArrived {
        consultation: ConsultationId,
        person: PersonId,
        at_ms: i64,
    },
    /// The last host has gone (`false`), or one is back.
    HostPresence {
        consultation: ConsultationId,
        present: bool,
        at_ms: i64,
    },
    EndedByHost {
        consultation: ConsultationId,
        person: PersonId,
        at_ms: i64,
    },
}

#[cfg(test)]
mod tests;
