//! People as the rules see them: roles in force on a day, groups, wards, age.

use jiff::civil::Date;

use super::ids::{GroupId, PersonId};
use super::policy::Held;
use super::role::Role;

impl Role {
    /// Those who may host a consultation (clause 3.1).
    pub const fn can_host(self) -> bool {
        matches!(self, Self::Teacher | Self::DeputyHead | Self::UnitHead | Self::Staff | Self::Head)
    }
}

/// What the rules need to know of a person, as of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonFacts {
    pub id: PersonId,
    /// In force that day (INV-53).
    pub roles: Vec<Held>,
    /// Study groups the person learns in.
    pub groups: Vec<GroupId>,
    /// Children whose guardian the person is, was, or says to be.
    pub wards: Vec<WardFacts>,
}

impl PersonFacts {
    pub fn has(&self, role: Role) -> bool {
        self.roles.iter().any(|held| held.role == role)
    }
}

/// A child and the link to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WardFacts {
    pub id: PersonId,
    pub birth_date: Date,
    pub link: LinkState,
    pub groups: Vec<GroupId>,
}

super::words!(
    /// State of a guardian link (DOMAIN 2.2): only a confirmed one gives rights.
    LinkState {
        Proposed = "proposed",
        Confirmed = "confirmed",
        Ended = "ended",
    }
);

/// Whether something valid from..to (both inclusive, open-ended when `None`) holds on `day`.
pub fn in_force(day: Date, from: Option<Date>, to: Option<Date>) -> bool {
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
}

/// Full years of age on `day`. Who was born on 29 February grows older on 1 March in common years.
pub fn age_on(birth_date: Date, day: Date) -> i32 {
    let had_birthday = (day.month(), day.day()) >= (birth_date.month(), birth_date.day());
    i32::from(day.year()) - i32::from(birth_date.year()) - i32::from(!had_birthday)
}

/// Guardians act for their wards until the wards are of age (INV-51).
pub fn is_minor(birth_date: Date, day: Date) -> bool {
    age_on(birth_date, day) < 18
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_ward_is_of_age_on_the_eighteenth_birthday() {
        assert!(is_minor(date(2008, 11, 22), date(2026, 11, 21)));
        assert!(!is_minor(date(2008, 11, 22), date(2026, 11, 22)));
        assert!(is_minor(date(2008, 2, 29), date(2026, 2, 28)));
        assert!(!is_minor(date(2008, 2, 29), date(2026, 3, 1)));
    }
}
