//! Who may enter a room, as what, and when (INV-50, INV-51, INV-53; clauses 2.1 and 3.1). Pure: facts in, role or refusal out.

use jiff::civil::Date;

use super::consultation::State;
use super::form::{Audience, Form};
use super::ids::{GroupId, PersonId, UnitId};
use super::person::{LinkState, PersonFacts, WardFacts, is_minor};
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
    /// Individual help: the students it is booked for.
    pub booked: Vec<PersonId>,
}

impl RoomFacts {
    /// Whether a student of these groups is meant.
    pub fn is_on_roster(&self, student: &PersonId, groups: &[GroupId]) -> bool {
        match self.form {
            Form::Individual => self.booked.contains(student),
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
        State::Open | State::Live if now_ms < room.closes_ms => Ok(role),
        _ => Err(RefusalCode::TooLate.into()),
    }
}

fn guardian(person: &PersonFacts, room: &RoomFacts, today: Date) -> Result<Vec<PersonId>, RefusalCode> {
    let on_roster: Vec<&WardFacts> =
        person.wards.iter().filter(|ward| room.is_on_roster(&ward.id, &ward.groups)).collect();
    let may = |ward: &&&WardFacts| ward.link == LinkState::Confirmed && is_minor(ward.birth_date, today);
    let wards: Vec<PersonId> = on_roster.iter().filter(may).map(|ward| ward.id.clone()).collect();
    if !wards.is_empty() {
        return if room.audience.guardians { Ok(wards) } else { Err(RefusalCode::RoleNotPermitted) };
    }
    let link = |state: LinkState| on_roster.iter().any(|ward| ward.link == state);
    Err(if link(LinkState::Confirmed) {
        RefusalCode::WardIsAdult
    } else if link(LinkState::Ended) {
        RefusalCode::GuardianLinkEnded
    } else {
        RefusalCode::GuardianLinkMissing
    })
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
