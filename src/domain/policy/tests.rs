//! The policy as examples, and the table against its review copy.
#![allow(clippy::unwrap_used)]

use super::action::kind;
use super::*;
use crate::domain::ids::{PersonId, SchoolId};

fn principal(roles: &[Role]) -> Principal {
    Principal {
        school: SchoolId::new("school"),
        person: PersonId::new("person"),
        code: "X-001".into(),
        display_name: "X".into(),
        roles: roles.iter().map(|role| Held { role: *role, unit: None }).collect(),
        scopes: None,
        session: "0".repeat(64),
    }
}

#[test]
fn the_table_equals_its_review_copy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policy.csv");
    let table = table::to_csv();
    if std::env::var_os("KAFEDRA_BLESS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), table, "run again with KAFEDRA_BLESS=1 and review");
}

#[test]
fn without_a_relation_nothing_is_allowed() {
    for role in Role::ALL {
        for action in Action::ALL {
            assert!(decide(&principal(&[role]), *action, Relations::NONE).is_err(), "{role:?} {action:?}");
        }
    }
}

#[test]
fn inv_53_without_a_role_nothing_is_allowed() {
    let everything: Relations = [Relation::Own, Relation::Ward, Relation::Host, Relation::School].into_iter().collect();
    for action in Action::ALL {
        assert_eq!(decide(&principal(&[]), *action, everything), Err(Denied::NoRole));
    }
}

#[test]
fn nobody_enters_a_lesson_of_others() {
    let check = |role, denied| {
        assert_eq!(authorize::<kind::RoomJoin>(&principal(&[role]), Relations::school()).unwrap_err(), denied);
    };
    check(Role::Student, Denied::NotOnRoster);
    check(Role::Guardian, Denied::GuardianLinkMissing);
    check(Role::Teacher, Denied::RoleNotPermitted);
    check(Role::Admin, Denied::RoleNotPermitted);
}

#[test]
fn a_second_role_adds_and_an_unconditional_permit_wins() {
    let both = principal(&[Role::Admin, Role::DeputyHead]);
    let grant = authorize::<kind::TimetableView>(&both, Relations::school()).unwrap();
    assert_eq!((grant.role, grant.condition), (Role::DeputyHead, None));
}

#[test]
fn inv_52_an_administrator_sees_neither_chat_nor_recordings_nor_work() {
    let everything: Relations =
        [Relation::Own, Relation::Host, Relation::Seat, Relation::School, Relation::Unit].into_iter().collect();
    for action in [Action::ChatRead, Action::RecordingView, Action::SubmissionView, Action::PerformanceView] {
        assert!(decide(&principal(&[Role::Admin]), action, everything).is_err(), "{action:?}");
    }
}

/// Topics of a date are chosen by who may edit its card.
#[test]
fn inv_21_topics_are_set_by_teachers_deputies_and_staff_never_by_an_administrator() {
    let everything: Relations =
        [Relation::Own, Relation::Host, Relation::Seat, Relation::School, Relation::Unit].into_iter().collect();
    for role in Role::ALL {
        let may = decide(&principal(&[role]), Action::CardEdit, everything).is_ok();
        let expected = matches!(role, Role::Teacher | Role::DeputyHead | Role::UnitHead | Role::Staff);
        assert_eq!(may, expected, "{role:?}");
    }
}

#[test]
fn a_token_does_no_more_than_its_scopes_and_no_more_than_its_owner() {
    let mut student = principal(&[Role::Student]);
    student.scopes = Some([Scope::CardsImport].into());
    assert_eq!(authorize::<kind::TimetableView>(&student, Relations::own()).unwrap_err(), Denied::ScopeMissing);
    assert_eq!(authorize::<kind::CardsImport>(&student, Relations::own()).unwrap_err(), Denied::RoleNotPermitted);
    student.scopes = Some([Scope::TimetableRead].into());
    authorize::<kind::TimetableView>(&student, Relations::own()).unwrap();
    assert_eq!(authorize::<kind::TokenCreate>(&student, Relations::own()).unwrap_err(), Denied::ScopeMissing);
}
