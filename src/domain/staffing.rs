//! Whose account and which roles somebody may change: what the conditions of `user.manage` and `role.assign` (DOMAIN 5) leave
//! out, and that nobody changes their own.

use super::policy::Condition;
use super::role::Role;

impl Role {
    /// Those whom a deputy head leads: pedagogical work and the units it is done in.
    pub const fn is_pedagogical(self) -> bool {
        matches!(self, Self::Teacher | Self::UnitHead)
    }

    /// Whether the role is held in a unit: without one its holder would see nothing.
    pub const fn needs_unit(self) -> bool {
        matches!(self, Self::UnitHead)
    }
}

/// Whether a person with these roles is somebody whose account and roles the condition covers. Somebody without any role is:
/// that is how a new teacher begins.
pub fn may_manage(condition: Option<Condition>, is_self: bool, roles: &[Role]) -> bool {
    !is_self && (condition != Some(Condition::Pedagogical) || roles.iter().all(|role| role.is_pedagogical()))
}

/// Whether this role may be given to, or taken from, a person with these roles.
pub fn may_assign(condition: Option<Condition>, is_self: bool, roles: &[Role], role: Role) -> bool {
    may_manage(condition, is_self, roles) && (condition != Some(Condition::Pedagogical) || role.is_pedagogical())
}

/// Whether a roster that somebody brings in may give or end this role: pupils and parents come and go by it, the roles of others
/// are given as by hand.
pub fn may_bring(condition: Option<Condition>, held: &[Role], role: Role) -> bool {
    let is_roll = |role: &Role| matches!(role, Role::Student | Role::Guardian);
    let staff: Vec<Role> = held.iter().copied().filter(|role| !is_roll(role)).collect();
    is_roll(&role) || may_assign(condition, false, &staff, role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_changes_their_own_roles_whatever_they_are() {
        for condition in [None, Some(Condition::Pedagogical), Some(Condition::NotSelf)] {
            for role in Role::ALL {
                assert!(!may_assign(condition, true, &[role], role), "{condition:?} {role:?}");
                assert!(!may_manage(condition, true, &[role]), "{condition:?} {role:?}");
            }
        }
    }

    #[test]
    fn a_deputy_head_makes_teachers_and_no_deputies() {
        let deputy = Some(Condition::Pedagogical);
        for role in Role::ALL {
            let expected = matches!(role, Role::Teacher | Role::UnitHead);
            assert_eq!(may_assign(deputy, false, &[], role), expected, "{role:?}");
            assert_eq!(may_manage(deputy, false, &[Role::Teacher, role]), expected, "{role:?}");
            assert!(may_assign(None, false, &[role], role), "the head gives any");
        }
    }

    #[test]
    fn a_roster_of_a_deputy_brings_pupils_parents_and_those_whom_a_deputy_may_name() {
        let deputy = Some(Condition::Pedagogical);
        for role in Role::ALL {
            let expected = matches!(role, Role::Student | Role::Guardian | Role::Teacher | Role::UnitHead);
            assert_eq!(may_bring(deputy, &[], role), expected, "{role:?}");
            assert!(may_bring(None, &[role], role), "{role:?}");
        }
        assert!(may_bring(deputy, &[Role::Guardian], Role::Teacher), "a mother who teaches");
        assert!(
            !may_bring(deputy, &[Role::Admin], Role::Teacher),
            "an administrator's roles are not a deputy's to change"
        );
    }
}
