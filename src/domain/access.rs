//! Who may enter a room, as what, and when (INV-50, INV-51, INV-53; clauses 2.1 and 3.1). Pure: facts in, role or refusal out.

use jiff::civil::Date;

use super::consultation::State;
use super::form::{Audience, Form};
use super::ids::{GroupId, PersonId, UnitId};
use super::person::{GuardianRight, PersonFacts, WardFacts};
use super::refusal::{Refusal, RefusalCode};
use super::role::Role;

/// What somebody is in one room. Rights follow from role, form and state together (DOMAIN 2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomRole {
    /// The host of the card, or the substitute for this date.
    Host,
    Recipient,
    /// A guardian of these children, who are on the roster.
    Guardian {
        wards: Vec<PersonId>,
    },
    /// Visible to all; takes no part.
    Observer,
}

/// What the rules need to know of a consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomFacts {
    pub form: Form,
    pub state: State,
    pub start_ms: i64,
    pub end_ms: i64,
    pub opens_ms: i64,
    pub closes_ms: i64,
    pub host: PersonId,
    pub substitute: Option<PersonId>,
    pub group: GroupId,
    /// The unit that the class belongs to.
    pub unit: Option<UnitId>,
    pub audience: Audience,
    /// Individual help: for whom, and when. Several, when office hours are cut into appointments.
    pub booked: Vec<Booked>,
}

/// One student's time of an individual consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    pub student: PersonId,
    pub starts_ms: i64,
    pub ends_ms: i64,
}

/// How long before their time the next ones may wait at the door of office hours.
pub const WAIT_BEFORE_MS: i64 = 10 * 60_000;
/// How long past their time a student may stay in office hours: the next one is waiting.
pub const STAY_AFTER_MS: i64 = 2 * 60_000;

impl RoomFacts {
    /// Office hours: the time of these students has come (`Ok`), is over, or is `retry_after_ms` away. Individual help that is
    /// not cut into several has no times of its own.
    fn is_turn_of(&self, students: &[PersonId], now_ms: i64) -> Result<(), Refusal> {
        let whole = |one: &Booked| one.starts_ms <= self.start_ms && one.ends_ms >= self.end_ms;
        let mut theirs = self.booked.iter().filter(|one| students.contains(&one.student)).peekable();
        if self.form != Form::Individual || theirs.peek().is_none() {
            return Ok(());
        }
        let mut next: Option<i64> = None;
        for one in theirs {
            let from = one.starts_ms - WAIT_BEFORE_MS;
            if whole(one) || (from..one.ends_ms + STAY_AFTER_MS).contains(&now_ms) {
                return Ok(());
            }
            if now_ms < from {
                next = Some(next.map_or(from, |next| next.min(from)));
            }
        }
        Err(match next {
            Some(from) => Refusal { code: RefusalCode::TooEarly, retry_after_ms: Some(from - now_ms) },
            None => RefusalCode::TooLate.into(),
        })
    }

    /// Whether a student of these groups is meant.
    pub fn is_on_roster(&self, student: &PersonId, groups: &[GroupId]) -> bool {
        match self.form {
            Form::Individual => self.booked.iter().any(|booked| booked.student == *student),
            _ => groups.contains(&self.group),
        }
    }
}

/// The role of a person in a room, whatever the hour. `today` is the school's date.
///
/// Refusals: `no_role` (none in force today), `not_on_roster`, `guardian_link_missing`, `guardian_link_ended`,
/// `ward_is_adult`, `role_not_permitted`.
pub fn room_role(person: &PersonFacts, room: &RoomFacts, today: Date) -> Result<RoomRole, RefusalCode> {
    if person.roles.is_empty() {
        return Err(RefusalCode::NoRole);
    }
    let hosts = match &room.substitute {
        // The substitute holds it in the host's place, for this date only.
        Some(substitute) => person.id == *substitute,
        None => person.id == room.host,
    };
    if hosts && person.roles.iter().any(|held| held.role.can_host()) {
        return Ok(RoomRole::Host);
    }
    if person.has(Role::Student) && room.audience.students && room.is_on_roster(&person.id, &person.groups) {
        return Ok(RoomRole::Recipient);
    }
    let mut refusal = None;
    if person.has(Role::Guardian) {
        match guardian(person, room, today) {
            Ok(wards) => return Ok(RoomRole::Guardian { wards }),
            Err(code) => refusal = Some(code),
        }
    }
    if may_observe(person, room) {
        return Ok(RoomRole::Observer);
    }
    Err(refusal.unwrap_or(if person.has(Role::Student) {
        RefusalCode::NotOnRoster
    } else {
        RefusalCode::RoleNotPermitted
    }))
}

/// The role of a person in a room now: [`room_role`], and then whether the door is open.
///
/// Who does not belong there does not learn the times: the role is asked first. `too_early` carries the time to wait.
pub fn admit(person: &PersonFacts, room: &RoomFacts, today: Date, now_ms: i64) -> Result<RoomRole, Refusal> {
    let role = room_role(person, room, today)?;
    match room.state {
        State::Planned if now_ms < room.opens_ms => {
            Err(Refusal { code: RefusalCode::TooEarly, retry_after_ms: Some(room.opens_ms - now_ms) })
        }
        // Due, but the scheduler has not got there yet: a moment.
        State::Planned if now_ms < room.end_ms => {
            Err(Refusal { code: RefusalCode::TooEarly, retry_after_ms: Some(1000) })
        }
        State::Cancelled => Err(RefusalCode::NotOnTimetable.into()),
        State::Open | State::Live if now_ms < room.closes_ms => {
            match &role {
                RoomRole::Recipient => room.is_turn_of(std::slice::from_ref(&person.id), now_ms)?,
                RoomRole::Guardian { wards } => room.is_turn_of(wards, now_ms)?,
                RoomRole::Host | RoomRole::Observer => {}
            }
            Ok(role)
        }
        _ => Err(RefusalCode::TooLate.into()),
    }
}

/// Whether a room is open and somebody who belongs there has had, or has not yet, their own turn in it: office hours alone.
pub fn is_out_of_turn(person: &PersonFacts, room: &RoomFacts, today: Date, now_ms: i64) -> bool {
    if !matches!(room.state, State::Open | State::Live) || now_ms >= room.closes_ms {
        return false;
    }
    match room_role(person, room, today) {
        Ok(RoomRole::Recipient) => room.is_turn_of(std::slice::from_ref(&person.id), now_ms).is_err(),
        Ok(RoomRole::Guardian { wards }) => room.is_turn_of(&wards, now_ms).is_err(),
        _ => false,
    }
}

fn guardian(person: &PersonFacts, room: &RoomFacts, today: Date) -> Result<Vec<PersonId>, RefusalCode> {
    let on_roster: Vec<&WardFacts> =
        person.wards.iter().filter(|ward| room.is_on_roster(&ward.id, &ward.groups)).collect();
    let wards: Vec<PersonId> =
        on_roster.iter().filter(|ward| ward.may(GuardianRight::Attend, today)).map(|ward| ward.id.clone()).collect();
    if !wards.is_empty() {
        return if room.audience.guardians { Ok(wards) } else { Err(RefusalCode::RoleNotPermitted) };
    }
    let codes: Vec<Option<RefusalCode>> = on_roster.iter().map(|ward| ward.refusal(today)).collect();
    let says = |code: RefusalCode| codes.contains(&Some(code));
    Err(if codes.contains(&None) {
        // Stands for the child, but was not given, or has lost, the right to attend.
        RefusalCode::RoleNotPermitted
    } else if says(RefusalCode::WardIsAdult) {
        RefusalCode::WardIsAdult
    } else if says(RefusalCode::GuardianLinkEnded) {
        RefusalCode::GuardianLinkEnded
    } else {
        RefusalCode::GuardianLinkMissing
    })
}

/// Whether a person may close a room at once: its host while it is live, and for the school its heads and administrators, who
/// need not be let in for it (`room.close`).
pub fn may_close(person: &PersonFacts, room: &RoomFacts, today: Date) -> bool {
    let answers_for_school = person.has(Role::DeputyHead) || person.has(Role::Head) || person.has(Role::Admin);
    let is_live = room.state == State::Live;
    room.state.has_room() && answers_for_school || is_live && room_role(person, room, today) == Ok(RoomRole::Host)
}

/// Supervision: the school by its heads, a unit by its head. Never in individual help (INV-50).
fn may_observe(person: &PersonFacts, room: &RoomFacts) -> bool {
    room.form != Form::Individual
        && person.roles.iter().any(|held| match held.role {
            Role::DeputyHead | Role::Head => true,
            Role::UnitHead => held.unit.is_some() && held.unit == room.unit,
            _ => false,
        })
}

#[cfg(test)]
mod tests;
