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
}
