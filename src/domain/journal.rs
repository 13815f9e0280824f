//! Who sees which rows of the journal (row `audit.view` of DOMAIN 5). Everybody sees their own; a unit's head the unit's people;
//! a deputy head what concerns teaching; an administrator what concerns the hub; the head all of it.

use super::ids::UnitId;
use super::policy::action::Action;
use super::policy::table::permits;
use super::policy::{Condition, Held, Relation};
use super::role::Role;

/// Beginnings of actions that concern the hub and its accounts, not the teaching.
pub const TECHNICAL: &[&str] = &[
    "session.",
    "token.",
    "account.",
    "user.",
    "role.",
    "unit.",
    "capability.",
    "school.",
    "calendar.",
    "webhook.",
    "feed.",
    "import.",
    "retention.",
    "destruction.",
    "timetable.",
    "file.",
    "demo.",
];

/// Beginnings of actions that are somebody's sign-ins.
pub const SIGN_INS: &[&str] = &["session.", "token.", "account."];

/// How far somebody sees. What several roles allow adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Everything of the school.
    pub all: bool,
    /// Of the school, what is not [`TECHNICAL`].
    pub teaching: bool,
    /// Of the school, what is [`TECHNICAL`].
    pub technical: bool,
    /// Of people in these units, and of their classes' students.
    pub units: Vec<UnitId>,
    /// What one did oneself; else, of one's own, only sign-ins (students).
    pub own_acts: bool,
}

impl Sight {
    /// Of these roles.
    pub fn of(roles: &[Held]) -> Self {
        let mut sight = Self::default();
        for held in roles {
            // DOMAIN: students see their own sign-ins, all others what is their own.
            sight.own_acts |= held.role != Role::Student;
            for permit in permits(Action::AuditView, held.role) {
                match (permit.relation, permit.condition) {
                    (Relation::School, None) => sight.all = true,
                    (Relation::School, Some(Condition::Pedagogical)) => sight.teaching = true,
                    (Relation::School, Some(Condition::Technical)) => sight.technical = true,
                    (Relation::Unit, _) => sight.units.extend(held.unit.clone()),
                    _ => {}
                }
            }
        }
        sight.all |= sight.teaching && sight.technical;
        sight
    }

    /// More than one's own.
    pub fn is_wide(&self) -> bool {
        self.is_of_school() || !self.units.is_empty()
    }

    /// Of the whole school, whole or in part: who may have its chain verified.
    pub fn is_of_school(&self) -> bool {
        self.all || self.teaching || self.technical
    }
}

/// Whether an action concerns the hub and its accounts.
pub fn is_technical(action: &str) -> bool {
    TECHNICAL.iter().any(|beginning| action.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(roles: &[Role]) -> Sight {
        let held = |role: &Role| Held { role: *role, unit: role.needs_unit().then(|| UnitId::new("u")) };
        Sight::of(&roles.iter().map(held).collect::<Vec<_>>())
    }

    #[test]
    fn everybody_sees_as_far_as_domain_5_says() {
        assert!(sight(&[Role::Head]).all);
        assert_eq!(sight(&[Role::DeputyHead]), Sight { teaching: true, own_acts: true, ..Sight::default() });
        assert_eq!(sight(&[Role::Admin]), Sight { technical: true, own_acts: true, ..Sight::default() });
        assert_eq!(sight(&[Role::UnitHead]).units, [UnitId::new("u")]);
        for role in [Role::Guardian, Role::Teacher, Role::Staff] {
            assert_eq!(sight(&[role]), Sight { own_acts: true, ..Sight::default() }, "{role:?}");
        }
        assert_eq!(sight(&[Role::Student]), Sight::default());
        assert!(sight(&[Role::Admin, Role::DeputyHead]).all, "two roles add up");
    }

    #[test]
    fn lessons_are_no_technical_matter() {
        for action in ["consultation.cancel", "request.move", "part.complete", "consent.give", "feedback.give"] {
            assert!(!is_technical(action), "{action}");
        }
        assert!(SIGN_INS.iter().all(|beginning| TECHNICAL.contains(beginning)));
    }
}
