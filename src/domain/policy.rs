//! Who may do what: one table of role, action and relation (regulation clause 2.1, DOMAIN section 5). Deny by default.
//!
//! [`authorize`] is the only maker of a [`Grant`]; whatever changes or shows something takes a `Grant<A>` by type, so code
//! without a check does not compile. What a room's form and state allow on top (a locked chat, a webinar's recipients)
//! is the room's own matter and is checked there on every message.

pub mod action;
pub mod principal;
pub mod table;

use std::marker::PhantomData;

pub use action::{Action, Scope};
pub use principal::{Held, Principal};
pub use table::{Condition, Permit};

use crate::domain::role::Role;

/// What the thing in question is to the person who asks. The caller reads it from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// Their own: their card, their consultation, their place on the roster, their account.
    Own,
    /// It concerns a child whose confirmed guardian they are.
    Ward,
    /// Of a study group or subject that they teach.
    Group,
    /// Of the class whose homeroom teacher they are.
    Homeroom,
    /// Assigned to them by somebody of the school.
    Assigned,
    /// They hold (or substitute in) this consultation.
    Host,
    /// They have a seat in the room.
    Seat,
    /// Of the unit that they lead.
    Unit,
    /// Of their school. Nobody has any relation to another school's things.
    School,
}

/// A set of relations, small enough to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relations(u16);

impl Relations {
    /// None at all: another school's, or unknown.
    pub const NONE: Self = Self(0);

    /// Of the same school and nothing more.
    pub fn school() -> Self {
        Self::NONE.with(Relation::School)
    }

    /// Their own thing (which is then of their school, too).
    pub fn own() -> Self {
        Self::school().with(Relation::Own)
    }

    #[must_use]
    pub fn with(self, relation: Relation) -> Self {
        Self(self.0 | 1 << relation as u16)
    }

    #[must_use]
    pub fn with_if(self, holds: bool, relation: Relation) -> Self {
        if holds { self.with(relation) } else { self }
    }

    pub fn contains(self, relation: Relation) -> bool {
        self.0 & (1 << relation as u16) != 0
    }
}

impl FromIterator<Relation> for Relations {
    fn from_iter<I: IntoIterator<Item = Relation>>(relations: I) -> Self {
        relations.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Why the policy says no. The code is the one of DOMAIN 2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("no role is assigned today")]
    NoRole,
    #[error("no role of this person allows it")]
    RoleNotPermitted,
    #[error("the student is not on the roster")]
    NotOnRoster,
    #[error("no confirmed guardian link")]
    GuardianLinkMissing,
    /// The token could not do it whoever holds it.
    #[error("the token has no scope for it")]
    ScopeMissing,
}

impl Denied {
    pub fn code(self) -> &'static str {
        match self {
            Self::NoRole => "no_role",
            Self::RoleNotPermitted | Self::ScopeMissing => "role_not_permitted",
            Self::NotOnRoster => "not_on_roster",
            Self::GuardianLinkMissing => "guardian_link_missing",
        }
    }
}

/// Proof that the policy allowed action `A`. Made by [`authorize`] only.
#[derive(Clone, Copy, Debug)]
pub struct Grant<A> {
    /// The role that allowed it, for the journal.
    pub role: Role,
    pub relation: Relation,
    /// What the doer still owes (a reason, an order number); `None`: nothing.
    pub condition: Option<Condition>,
    action: PhantomData<A>,
}

/// An action as a type; the types are in [`action::kind`].
pub trait Kind {
    const ACTION: Action;
}

/// Asks the table.
///
/// # Errors
/// [`Denied`] when no role of the principal allows the action in any of the relations, or the token lacks the scope.
pub fn authorize<A: Kind>(principal: &Principal, relations: Relations) -> Result<Grant<A>, Denied> {
    let (role, permit) = decide(principal, A::ACTION, relations)?;
    Ok(Grant { role, relation: permit.relation, condition: permit.condition, action: PhantomData })
}

/// The same for an action that is known at run time only: listings, tests.
///
/// # Errors
/// As [`authorize`].
pub fn decide(principal: &Principal, action: Action, relations: Relations) -> Result<(Role, Permit), Denied> {
    if !principal.has_scope(action) {
        return Err(Denied::ScopeMissing);
    }
    if principal.roles.is_empty() {
        return Err(Denied::NoRole);
    }
    let mut conditional = None;
    for held in &principal.roles {
        for permit in table::permits(action, held.role) {
            if !relations.contains(permit.relation) {
                continue;
            }
            if permit.condition.is_none() {
                return Ok((held.role, *permit));
            }
            conditional.get_or_insert((held.role, *permit));
        }
    }
    conditional.ok_or_else(|| why_not(principal, action))
}

/// The code that helps the person most: a student learns that the roster is the matter, a guardian that the link is.
fn why_not(principal: &Principal, action: Action) -> Denied {
    if matches!(action, Action::RoomJoin | Action::RoomView | Action::ConsultationView) {
        if principal.roles.iter().all(|held| held.role == Role::Guardian) {
            return Denied::GuardianLinkMissing;
        }
        if principal.roles.iter().all(|held| matches!(held.role, Role::Student | Role::Guardian)) {
            return Denied::NotOnRoster;
        }
    }
    Denied::RoleNotPermitted
}

#[cfg(test)]
mod tests;
