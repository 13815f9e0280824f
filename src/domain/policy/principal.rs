//! The person who asks, as sign-in found them: identity, roles valid today, what their token may do.

use std::collections::BTreeSet;

use super::table::permits;
use super::{Action, Scope};
use crate::domain::ids::{PersonId, SchoolId, UnitId};
use crate::domain::role::Role;

/// A signed-in person or a program acting for one. Made by sign-in, never from anything in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub school: SchoolId,
    pub person: PersonId,
    /// The person's code in the school, which is also the login (`T-014`).
    pub code: String,
    pub display_name: String,
    /// Valid today (INV-53); empty: only the page that says so.
    pub roles: Vec<Held>,
    /// `None`: signed in as themselves. `Some`: a token, which can do this and no more.
    pub scopes: Option<BTreeSet<Scope>>,
    /// SHA-256 of the session id or token, hex: names the sign-in where it has to be revoked.
    pub session: String,
}

/// A role as a person holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub role: Role,
    /// The unit it is limited to.
    pub unit: Option<UnitId>,
}

impl Principal {
    pub fn is(&self, role: Role) -> bool {
        self.roles.iter().any(|held| held.role == role)
    }

    pub fn is_staff(&self) -> bool {
        self.roles.iter().any(|held| held.role.is_staff())
    }

    /// What any of the roles allows in any relation, in the order of the table: what is worth showing a way to.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        let allows = |action: &Action| self.roles.iter().any(|held| !permits(*action, held.role).is_empty());
        Action::ALL.iter().copied().filter(move |action| self.has_scope(*action) && allows(action))
    }

    /// Whether the sign-in as such reaches this action; roles are another matter.
    pub fn has_scope(&self, action: Action) -> bool {
        match &self.scopes {
            None => true,
            Some(scopes) => action.scopes().iter().any(|scope| scopes.contains(scope)),
        }
    }

    /// Whether the sign-in holds this scope itself (a person signed in as themselves holds all).
    pub fn holds(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }
}
