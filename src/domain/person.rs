//! People as the rules see them: roles in force on a day, groups, wards, age.

use jiff::civil::Date;

use super::ids::{GroupId, PersonId};
use super::policy::Held;
use super::refusal::RefusalCode;
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

    /// Children for whom the person may do this today.
    pub fn wards_with(&self, right: GuardianRight, today: Date) -> impl Iterator<Item = &WardFacts> {
        let is_guardian = self.has(Role::Guardian);
        self.wards.iter().filter(move |ward| is_guardian && ward.may(right, today))
    }
}

/// A child and the link to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WardFacts {
    pub id: PersonId,
    pub birth_date: Date,
    pub link: LinkState,
    pub groups: Vec<GroupId>,
    /// The child is of age and lets the person go on (INV-51).
    pub granted_by_adult: bool,
    /// Rights that were set for this link; one that is not here has never been touched and holds.
    pub rights: Vec<SetRight>,
}

impl WardFacts {
    /// Whether the person stands for this child today (INV-51).
    pub fn is_represented(&self, today: Date) -> bool {
        match is_minor(self.birth_date, today) {
            true => self.link == LinkState::Confirmed,
            // Of age: the link alone gives nothing, the grown child's own grant does.
            false => self.granted_by_adult,
        }
    }

    /// Whether the person may do this for the child today.
    pub fn may(&self, right: GuardianRight, today: Date) -> bool {
        self.is_represented(today)
            && self
                .rights
                .iter()
                .find(|set| set.right == right)
                .is_none_or(|set| set.granted && in_force(today, set.from, set.to))
    }

    /// Why the person does not stand for the child today; `None`: they do.
    pub fn refusal(&self, today: Date) -> Option<RefusalCode> {
        if self.is_represented(today) {
            return None;
        }
        Some(match (self.link, is_minor(self.birth_date, today)) {
            (LinkState::Confirmed, false) => RefusalCode::WardIsAdult,
            (LinkState::Ended, _) => RefusalCode::GuardianLinkEnded,
            _ => RefusalCode::GuardianLinkMissing,
        })
    }
}

/// A right of a guardian as somebody has set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetRight {
    pub right: GuardianRight,
    pub granted: bool,
    pub from: Option<Date>,
    pub to: Option<Date>,
}

super::words!(
    /// What a guardian may do for a child; each can be given and taken with dates.
    GuardianRight {
        /// See timetable, requests, attendance, marks.
        View = "view",
        /// Book and cancel appointments.
        Book = "book",
        /// Take a seat in rooms that are open to guardians.
        Attend = "attend",
        /// Ask for help in the child's name.
        Message = "message",
        /// Give and withdraw consents.
        Consent = "consent",
    }
);

super::words!(
    /// State of a guardian link (DOMAIN 2.2): only a confirmed one gives rights, and only over a minor.
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
    use proptest::prelude::*;

    #[test]
    fn a_ward_is_of_age_on_the_eighteenth_birthday() {
        assert!(is_minor(date(2008, 11, 22), date(2026, 11, 21)));
        assert!(!is_minor(date(2008, 11, 22), date(2026, 11, 22)));
        assert!(is_minor(date(2008, 2, 29), date(2026, 2, 28)));
        assert!(!is_minor(date(2008, 2, 29), date(2026, 3, 1)));
    }

    fn ward(born: Date, link: LinkState, granted_by_adult: bool) -> WardFacts {
        WardFacts {
            id: PersonId::new("child"),
            birth_date: born,
            link,
            groups: Vec::new(),
            granted_by_adult,
            rights: Vec::new(),
        }
    }

    proptest! {
        #![proptest_config(crate::domain::cases::cases(256))]

        /// P8: in whatever zone, a confirmed link gives every right until the last instant before the 18th birthday there, and
        /// none from the next one on, unless the grown child says so.
        #[test]
        fn p8_rights_vanish_at_the_eighteenth_birthday_in_any_zone(
            zone in proptest::sample::select(&[
                "Europe/Kaliningrad", "Europe/Moscow", "Asia/Yekaterinburg", "Asia/Vladivostok", "Asia/Kamchatka", "UTC",
            ]),
            year in 1990i16..2020, month in 1i8..=12, day in 1i8..=28, right in proptest::sample::select(GuardianRight::ALL),
        ) {
            let zone = jiff::tz::TimeZone::get(zone).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let born = date(year, month, day);
            let birthday = crate::domain::calendar::plus_days(date(year + 18, month, day), 0);
            let midnight = birthday.to_zoned(zone.clone()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let at = |ms: i64| crate::domain::calendar::date_in(&zone, ms);
            let start = midnight.timestamp().as_millisecond();
            let confirmed = ward(born, LinkState::Confirmed, false);
            prop_assert!(confirmed.may(right, at(start - 1)));
            prop_assert!(!confirmed.may(right, at(start)));
            prop_assert_eq!(confirmed.refusal(at(start)), Some(RefusalCode::WardIsAdult));
            prop_assert!(ward(born, LinkState::Ended, true).may(right, at(start)));
        }

        /// INV-51: without a confirmed link to a minor, or a grant, nobody has any right, whatever was set.
        #[test]
        fn inv_51_no_right_stands_without_link_or_grant(
            link in proptest::sample::select(&[LinkState::Proposed, LinkState::Ended]),
            age in 0i16..40, right in proptest::sample::select(GuardianRight::ALL),
        ) {
            let mut facts = ward(date(2026 - age, 1, 1), link, false);
            facts.rights = vec![SetRight { right, granted: true, from: None, to: None }];
            prop_assert!(!facts.may(right, date(2026, 6, 1)));
            prop_assert!(facts.refusal(date(2026, 6, 1)).is_some());
        }
    }

    #[test]
    fn inv_53_a_right_holds_between_its_dates() {
        let mut facts = ward(date(2015, 1, 1), LinkState::Confirmed, false);
        let set = |granted, from, to| vec![SetRight { right: GuardianRight::Book, granted, from, to }];
        let day = date(2026, 6, 15);
        assert!(facts.may(GuardianRight::Book, day), "untouched");
        for (rights, expected) in [
            (set(false, None, None), false),
            (set(true, None, Some(day)), true),
            (set(true, Some(date(2026, 6, 16)), None), false),
            (set(true, None, Some(date(2026, 6, 14))), false),
        ] {
            facts.rights = rights;
            assert_eq!(facts.may(GuardianRight::Book, day), expected, "{:?}", facts.rights);
            assert!(facts.may(GuardianRight::View, day), "another right is not touched");
        }
    }
}
