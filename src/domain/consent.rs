//! Consents (152-FZ): for what, whose signature it takes, and whether it stands. One record for each purpose, signer and text.

use jiff::civil::Date;

use super::ids::PersonId;
use super::person::age_on;

super::words!(
    /// What a consent is for; one is never hidden in another (156-FZ).
    #[derive(utoipa::ToSchema)]
    Purpose {
        /// Handling of personal data by the hub beyond what the law lays on the school.
        PersonalData = "personal_data",
        /// Sound and picture of a consultation are kept.
        Recording = "recording",
        /// E-mail and pushes through services outside the school.
        Messages = "messages",
        /// Works and pictures are shown to others.
        Publication = "publication",
    }
);

super::words!(
    /// An act about a consent.
    Act {
        Given = "given",
        Withdrawn = "withdrawn",
        /// By the clock: the signer's right to sign has ended.
        Expired = "expired",
    }
);

/// One act, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub by: PersonId,
    pub act: Act,
    /// Version of the text that was signed.
    pub version: i64,
    pub at_ms: i64,
}

/// Who signs for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signers {
    pub own: bool,
    pub guardian: bool,
}

/// Under 14 a guardian, from 14 to 17 the student and a guardian, from 18 oneself. Who has no birth date is of age: only
/// children's dates are needed here.
pub fn signers(birth_date: Option<Date>, today: Date) -> Signers {
    match birth_date.map(|born| age_on(born, today)) {
        Some(age) if age < 14 => Signers { own: false, guardian: true },
        Some(age) if age < 18 => Signers { own: true, guardian: true },
        _ => Signers { own: true, guardian: false },
    }
}

super::words!(
    /// Whether a consent stands.
    #[derive(utoipa::ToSchema)]
    Standing {
        /// Everybody who has to has signed the text in force.
        Given = "given",
        /// One signature is there, the other is not.
        Partly = "partly",
        /// The text has a newer version than the one signed.
        Outdated = "outdated",
        Withdrawn = "withdrawn",
        /// Whoever signed stands for the person no longer: came of age, or the link has ended.
        Expired = "expired",
        None = "none",
    }
);

/// How a consent stands. `guardians` are those who may sign for the person today; a withdrawal by any signer takes it away,
/// whoever else has signed.
pub fn standing(
    entries: &[Entry],
    person: &PersonId,
    guardians: &[PersonId],
    needed: Signers,
    version: i64,
) -> Standing {
    let last = |by: &PersonId| entries.iter().filter(|entry| entry.by == *by).max_by_key(|entry| entry.at_ms);
    let is_given = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.act == Act::Given);
    let own = last(person).filter(|_| needed.own);
    let guards: Vec<&Entry> = guardians.iter().filter_map(last).filter(|_| needed.guardian).collect();
    let withdrawn = own.into_iter().chain(guards.iter().copied()).any(|entry| entry.act == Act::Withdrawn);
    if withdrawn {
        return Standing::Withdrawn;
    }
    let by_guardian = guards.iter().copied().find(|entry| entry.act == Act::Given);
    let (has_own, has_guardian) = (!needed.own || is_given(own), !needed.guardian || by_guardian.is_some());
    if has_own && has_guardian {
        let is_current = |entry: Option<&Entry>| entry.is_none_or(|entry| entry.version == version);
        let guardian_is_current = guards.iter().any(|entry| entry.act == Act::Given && entry.version == version);
        let current = (!needed.own || is_current(own)) && (!needed.guardian || guardian_is_current);
        return if current { Standing::Given } else { Standing::Outdated };
    }
    if is_given(own) || by_guardian.is_some() {
        return Standing::Partly;
    }
    if lapsed(entries, person, guardians, needed).is_empty() && !entries.iter().any(|entry| entry.act == Act::Expired) {
        Standing::None
    } else {
        Standing::Expired
    }
}

/// Signers whose last word is a signature that they may not give any more: it has ended by itself (`Given -> Expired`).
pub fn lapsed(entries: &[Entry], person: &PersonId, guardians: &[PersonId], needed: Signers) -> Vec<PersonId> {
    let mut signers: Vec<&PersonId> = entries.iter().map(|entry| &entry.by).collect();
    signers.sort();
    signers.dedup();
    let may_sign = |by: &PersonId| if by == person { needed.own } else { needed.guardian && guardians.contains(by) };
    let is_given = |by: &PersonId| {
        let last = entries.iter().filter(|entry| entry.by == *by).max_by_key(|entry| entry.at_ms);
        last.is_some_and(|entry| entry.act == Act::Given)
    };
    signers.into_iter().filter(|by| !may_sign(by) && is_given(by)).cloned().collect()
}

/// Whether a consent that was there has ended: what rests on it stops. Who never signed has said nothing.
pub const fn has_ended(standing: Standing) -> bool {
    matches!(standing, Standing::Withdrawn | Standing::Expired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn id(text: &str) -> PersonId {
        PersonId::new(text)
    }

    fn entry(by: &str, act: Act, at_ms: i64) -> Entry {
        Entry { by: id(by), act, version: 2, at_ms }
    }

    #[test]
    fn who_signs_follows_the_birthday() {
        let check = |born, own, guardian| {
            assert_eq!(signers(Some(born), date(2026, 11, 28)), Signers { own, guardian }, "{born}");
        };
        check(date(2012, 11, 29), false, true);
        check(date(2012, 11, 28), true, true);
        check(date(2008, 11, 29), true, true);
        check(date(2008, 11, 28), true, false);
    }

    #[test]
    fn from_fourteen_it_takes_two() {
        let both = Signers { own: true, guardian: true };
        let check = |entries: &[Entry], expected| {
            assert_eq!(standing(entries, &id("s"), &[id("g")], both, 2), expected);
        };
        check(&[], Standing::None);
        check(&[entry("s", Act::Given, 1)], Standing::Partly);
        check(&[entry("s", Act::Given, 1), entry("g", Act::Given, 2)], Standing::Given);
        check(
            &[entry("s", Act::Given, 1), entry("g", Act::Given, 2), entry("s", Act::Withdrawn, 3)],
            Standing::Withdrawn,
        );
        check(&[entry("s", Act::Given, 1), entry("stranger", Act::Given, 2)], Standing::Partly);
        assert_eq!(
            standing(&[entry("s", Act::Given, 1), entry("g", Act::Given, 2)], &id("s"), &[id("g")], both, 3),
            Standing::Outdated
        );
    }

    #[test]
    fn a_guardians_signature_ends_with_the_right_to_sign() {
        let (child, adult) = (Signers { own: false, guardian: true }, Signers { own: true, guardian: false });
        let signed = [entry("g", Act::Given, 1)];
        assert_eq!(standing(&signed, &id("s"), &[id("g")], child, 2), Standing::Given);
        // The link has ended.
        assert_eq!(standing(&signed, &id("s"), &[], child, 2), Standing::Expired);
        assert_eq!(lapsed(&signed, &id("s"), &[], child), [id("g")]);
        // The student has come of age, and then signs themselves.
        assert_eq!(standing(&signed, &id("s"), &[id("g")], adult, 2), Standing::Expired);
        let noted = [entry("g", Act::Given, 1), entry("g", Act::Expired, 2)];
        assert_eq!(standing(&noted, &id("s"), &[id("g")], adult, 2), Standing::Expired);
        assert_eq!(lapsed(&noted, &id("s"), &[id("g")], adult), []);
        let own = [entry("g", Act::Given, 1), entry("s", Act::Given, 3)];
        assert_eq!(standing(&own, &id("s"), &[id("g")], adult, 2), Standing::Given);
    }

    proptest! {
        /// The clock's note changes nothing but that it is noted: what has lapsed was no consent before it either.
        #[test]
        fn noting_what_has_lapsed_is_idempotent_and_changes_no_standing(
            acts in proptest::collection::vec((0_usize..3, any::<bool>()), 0..12), own in any::<bool>(), guardian in any::<bool>(),
            linked in any::<bool>(),
        ) {
            let people = ["s", "g", "h"];
            let needed = Signers { own: own || !guardian, guardian };
            let guardians = if linked { vec![id("g")] } else { Vec::new() };
            let mut entries: Vec<Entry> = acts.iter().enumerate()
                .map(|(at, (who, given))| entry(people[*who], if *given { Act::Given } else { Act::Withdrawn }, at as i64))
                .collect();
            let before = standing(&entries, &id("s"), &guardians, needed, 2);
            for by in lapsed(&entries, &id("s"), &guardians, needed) {
                entries.push(entry(by.as_str(), Act::Expired, 100));
            }
            prop_assert_eq!(standing(&entries, &id("s"), &guardians, needed, 2), before);
            prop_assert!(lapsed(&entries, &id("s"), &guardians, needed).is_empty());
        }

        #[test]
        fn a_withdrawal_that_is_the_last_word_always_takes_it_away(
            acts in proptest::collection::vec((0_usize..3, any::<bool>()), 0..12),
            own in any::<bool>(),
        ) {
            let people = ["s", "g", "h"];
            let needed = Signers { own, guardian: true };
            let mut entries: Vec<Entry> = acts.iter().enumerate()
                .map(|(at, (who, given))| entry(people[*who], if *given { Act::Given } else { Act::Withdrawn }, at as i64))
                .collect();
            entries.push(entry("g", Act::Withdrawn, 100));
            prop_assert_eq!(standing(&entries, &id("s"), &[id("g"), id("h")], needed, 2), Standing::Withdrawn);
        }
    }
}
