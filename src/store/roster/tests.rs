//! A roster meets a school: made, unchanged, left, come back.
#![allow(clippy::unwrap_used)]

use jiff::civil::date;

use super::*;
use crate::domain::policy::Held;
use crate::domain::roster::{Class, Enrollment};
use crate::store::founding::Founding;
use crate::store::people::NewPerson;

const TODAY: Date = date(2026, 11, 28);
const NOW_MS: i64 = 1_795_858_800_000;

async fn school(folder: &tempfile::TempDir) -> (Store, School, PersonId) {
    let store = Store::fresh(folder.path()).await;
    let founding = Founding {
        name: "Школа".to_owned(),
        short_name: "Школа".to_owned(),
        tz: "Europe/Moscow".to_owned(),
        locale: "ru-RU".to_owned(),
        admin: NewPerson {
            code: "A-001".to_owned(),
            family_name: "Первый".to_owned(),
            given_name: "Админ".to_owned(),
            middle_name: None,
            birth_date: None,
        },
        password_hash: "x".to_owned(),
    };
    let admin = store.found(founding, TODAY, NOW_MS).await.unwrap();
    let school = store.schools().await.unwrap().remove(0);
    (store, school, admin)
}

fn person(n: usize, role: Role, guardians: Vec<String>) -> Person {
    Person {
        source: format!("p{n}"),
        code: format!("Ч-{n:05}"),
        family_name: format!("Фамилия{n}"),
        given_name: "Имя".to_owned(),
        middle_name: None,
        birth_date: (role == Role::Student).then_some(date(2015, 3, 1)),
        roles: vec![role],
        guardians,
        line: n as u64 + 2,
    }
}

/// A teacher, a guardian and students of 5А.
fn roster(students: usize) -> Roster {
    let mut people = vec![person(0, Role::Teacher, Vec::new()), person(1, Role::Guardian, Vec::new())];
    people.extend((2..students + 2).map(|n| person(n, Role::Student, vec!["p1".to_owned()])));
    let place = |n: usize, is_teacher| Enrollment {
        source: format!("e{n}"),
        class: "k5a".to_owned(),
        person: format!("p{n}"),
        is_teacher,
    };
    let mut enrollments = vec![place(0, true)];
    enrollments.extend((2..students + 2).map(|n| place(n, false)));
    Roster {
        classes: vec![Class { source: "k5a".to_owned(), grade: 5, letter: "А".to_owned() }],
        subjects: vec!["Математика".to_owned()],
        people,
        enrollments,
        ..Roster::default()
    }
}

fn packed(roster: &Roster) -> Vec<u8> {
    oneroster::write(roster, "Школа", ("2026/2027", date(2026, 9, 1), date(2027, 5, 31))).unwrap()
}

async fn import(
    store: &Store,
    school: &School,
    roster: &Roster,
    actor: Option<Actor>,
) -> Result<RosterReport, RosterImportError> {
    let request = RosterRequest { school: school.clone(), actor, dry_run: false, today: TODAY, now_ms: NOW_MS };
    store.import_roster(&packed(roster), request).await
}

#[tokio::test]
async fn the_same_roster_again_changes_nothing_and_so_does_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, _) = school(&folder).await;
    let report = import(&store, &school, &roster(3), None).await.unwrap();
    assert_eq!((report.people_created, report.classes_created, report.subjects_created), (5, 1, 1));
    assert_eq!((report.enrollments_made, report.links_proposed, report.roles_given), (3, 3, 5));
    let again = import(&store, &school, &roster(3), None).await.unwrap();
    assert!(again.is_unchanged(), "{again:?}");
    let exported = store.export_roster(&school, TODAY).await.unwrap();
    let request = RosterRequest { school: school.clone(), actor: None, dry_run: false, today: TODAY, now_ms: NOW_MS };
    let back = store.import_roster(&exported, request).await.unwrap();
    // The first administrator, whom the roster did not know, has a name of the hub now; nothing else is new.
    let quiet = RosterReport { people: back.people, ..RosterReport::default() };
    assert_eq!(back, quiet, "an export is what is there");
}

#[tokio::test]
async fn who_is_missing_from_a_whole_roster_has_left_and_comes_back_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, admin) = school(&folder).await;
    import(&store, &school, &roster(3), None).await.unwrap();
    let report = import(&store, &school, &roster(2), None).await.unwrap();
    assert_eq!((report.people_left, report.enrollments_ended, report.people_created), (1, 1, 0));
    let gone = store.person_by_code(&school.id, "Ч-00004").await.unwrap().unwrap();
    assert!(store.roles_on(&gone.id, TODAY).await.unwrap().is_empty());
    assert_eq!(
        store.roles_on(&admin, TODAY).await.unwrap(),
        [Held { role: Role::Admin, unit: None }],
        "by hand, so not gone"
    );
    let report = import(&store, &school, &roster(3), None).await.unwrap();
    assert_eq!((report.people_created, report.roles_given, report.enrollments_made), (0, 1, 1));
    assert_eq!(store.person_facts(&gone.id, TODAY).await.unwrap().groups.len(), 1);
}

#[tokio::test]
async fn a_delta_touches_only_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, _) = school(&folder).await;
    import(&store, &school, &roster(3), None).await.unwrap();
    let mut renamed = person(2, Role::Student, Vec::new());
    renamed.family_name = "Новая".to_owned();
    let delta = Roster {
        mode: Mode::Delta,
        people: vec![renamed],
        gone_people: vec!["p4".to_owned()],
        gone_enrollments: vec!["e3".to_owned()],
        ..Roster::default()
    };
    let report = import(&store, &school, &delta, None).await.unwrap();
    assert_eq!((report.people_updated, report.people_left, report.people_created), (1, 1, 0));
    assert_eq!(report.enrollments_ended, 2, "the one named, and that of whom is gone: {report:?}");
    let renamed = store.person_by_code(&school.id, "Ч-00002").await.unwrap().unwrap();
    assert_eq!(renamed.display_name, "Новая Имя");
    assert_eq!(store.roles_on(&renamed.id, TODAY).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_gives_themselves_a_role_by_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, admin) = school(&folder).await;
    let mut roster = roster(1);
    roster.people[0].code = "A-001".to_owned();
    roster.people[0].roles = vec![Role::Head];
    let actor = Actor { person: admin, role: Some(Role::Admin) };
    let Err(RosterImportError::Rejected(errors)) = import(&store, &school, &roster, Some(actor)).await else {
        panic!("it was let through");
    };
    assert_eq!(errors[0].code, RosterCode::RoleNotPermitted);
    assert!(store.person_by_code(&school.id, "Ч-00001").await.unwrap().is_none(), "all or nothing");
}
