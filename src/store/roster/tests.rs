//! A roster meets a school: made, unchanged, left, come back.
#![allow(clippy::unwrap_used)]

use jiff::civil::date;

use super::*;
use crate::domain::policy::Held;
use crate::domain::roster::{Class, Enrollment, Post, Unit};
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
        in_units: Vec::new(),
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
    let request =
        RosterRequest { school: school.clone(), actor, assigns: None, dry_run: false, today: TODAY, now_ms: NOW_MS };
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
    let request = RosterRequest {
        school: school.clone(),
        actor: None,
        assigns: None,
        dry_run: false,
        today: TODAY,
        now_ms: NOW_MS,
    };
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

/// Whom the store knows of each unit: name, heads by name, members.
async fn units(store: &Store, school: &School) -> Vec<(String, Vec<String>, i64)> {
    let units = store.units(&school.id, TODAY).await.unwrap();
    units.into_iter().map(|unit| (unit.name, unit.heads, unit.members)).collect()
}

fn unit(n: usize, name: &str) -> Unit {
    Unit { source: format!("d{n}"), name: name.to_owned() }
}

/// Two departments: p0 teaches in the first and leads both.
fn with_departments() -> Roster {
    let mut roster = roster(2);
    roster.units = vec![unit(1, "Естественные науки"), unit(2, "Языки")];
    roster.people[0].roles = vec![Role::Teacher, Role::UnitHead];
    roster.people[0].in_units =
        vec![(Role::Teacher, "d1".to_owned()), (Role::UnitHead, "d1".to_owned()), (Role::UnitHead, "d2".to_owned())];
    roster
}

#[tokio::test]
async fn departments_become_units_with_heads_and_members_and_go_round() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, _) = school(&folder).await;
    let head = "Фамилия0 Имя".to_owned();
    let request = |dry_run| RosterRequest {
        school: school.clone(),
        actor: None,
        assigns: None,
        dry_run,
        today: TODAY,
        now_ms: NOW_MS,
    };
    let tried = store.import_roster(&packed(&with_departments()), request(true)).await.unwrap();
    assert_eq!((tried.units_created, tried.roles_given), (2, 6), "{tried:?}");
    let seen =
        |what| tried.examples.iter().filter(|one| one.what == what).map(|one| one.name.as_str()).collect::<Vec<_>>();
    assert_eq!(
        (seen("unit_created"), seen("head")),
        (vec!["Естественные науки", "Языки"], vec!["Естественные науки", "Языки"])
    );
    assert_eq!(units(&store, &school).await, [], "a dry run writes nothing");

    import(&store, &school, &with_departments(), None).await.unwrap();
    let expected =
        [("Естественные науки".to_owned(), vec![head.clone()], 1), ("Языки".to_owned(), vec![head.clone()], 0)];
    assert_eq!(units(&store, &school).await, expected);
    assert!(import(&store, &school, &with_departments(), None).await.unwrap().is_unchanged());
    let back = store.import_roster(&store.export_roster(&school, TODAY).await.unwrap(), request(false)).await.unwrap();
    assert_eq!(back, RosterReport { people: back.people, ..RosterReport::default() }, "an export is what is there");

    // Another name, another place of work, one headship less; what is not named any more is no unit.
    let mut next = with_departments();
    next.units = vec![unit(2, "Иностранные языки")];
    next.people[0].in_units = vec![(Role::Teacher, "d2".to_owned()), (Role::UnitHead, "d2".to_owned())];
    let report = import(&store, &school, &next, None).await.unwrap();
    assert_eq!((report.units_renamed, report.units_removed, report.people_moved), (1, 1, 1), "{report:?}");
    assert_eq!(report.roles_taken, 1, "the headship of what is gone");
    assert_eq!(units(&store, &school).await, [("Иностранные языки".to_owned(), vec![head], 1)]);
    let teacher = store.person_by_code(&school.id, "Ч-00000").await.unwrap().unwrap();
    assert_eq!(store.roles_on(&teacher.id, TODAY).await.unwrap().len(), 2, "teacher and one headship");
    // An archive without departments says nothing of units, nor of who leads them by the same role.
    assert!(crate::store::audit::verify(&store).await.unwrap().is_intact());
}

#[tokio::test]
async fn a_delta_names_heads_of_known_departments_relieves_them_and_takes_departments_away() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, _) = school(&folder).await;
    import(&store, &school, &with_departments(), None).await.unwrap();
    let post = |n: usize, unit: &str| Post { person: format!("p{n}"), role: Role::UnitHead, unit: unit.to_owned() };
    let delta = Roster {
        mode: Mode::Delta,
        // The guardian leads the languages now, and the teacher does not.
        posts: vec![post(1, "d2")],
        gone_posts: vec![post(0, "d2")],
        ..Roster::default()
    };
    let report = import(&store, &school, &delta, None).await.unwrap();
    assert_eq!((report.roles_given, report.roles_taken), (1, 1), "{report:?}");
    assert_eq!(units(&store, &school).await[1], ("Языки".to_owned(), vec!["Фамилия1 Имя".to_owned()], 0));
    let stranger = Roster { mode: Mode::Delta, posts: vec![post(77, "d2")], ..Roster::default() };
    assert!(matches!(import(&store, &school, &stranger, None).await, Err(RosterImportError::Rejected(_))));
    let gone = Roster { mode: Mode::Delta, gone_units: vec!["d2".to_owned(), "o".to_owned()], ..Roster::default() };
    let report = import(&store, &school, &gone, None).await.unwrap();
    assert_eq!((report.units_removed, report.roles_taken), (1, 1), "{report:?}");
    assert_eq!(units(&store, &school).await.len(), 1);
    assert!(import(&store, &school, &gone, None).await.unwrap().is_unchanged(), "gone already");
}

/// What was given by hand is not taken by a file; and each change of a role that a file makes has its row (INV-71).
#[tokio::test]
async fn inv_71_each_role_of_a_roster_has_its_row_and_hands_keep_what_they_gave() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, admin) = school(&folder).await;
    let actor = Actor { person: admin.clone(), role: Some(Role::Admin) };
    import(&store, &school, &with_departments(), Some(actor.clone())).await.unwrap();
    let rows = |action: &'static str| {
        let readers = store.readers().clone();
        async move {
            let rows: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
                "SELECT object_id, actor_id, acting_role FROM audit_event WHERE action = $1
                 AND detail LIKE '%\"import\":\"roster\"%'",
            )
            .bind(action)
            .fetch_all(&readers)
            .await
            .unwrap();
            rows
        }
    };
    let given = rows("role.assign").await;
    assert_eq!(given.len(), 6);
    let (held,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM role_assignment WHERE assigned_by = $1")
        .bind(admin.as_str())
        .fetch_one(store.readers())
        .await
        .unwrap();
    assert_eq!(held, 6, "a row in the journal for each that was written");
    assert!(given.iter().all(|row| row.1.as_deref() == Some(admin.as_str()) && row.2.as_deref() == Some("admin")));

    // By hand the guardian leads the languages as well.
    let guardian = store.person_by_code(&school.id, "Ч-00001").await.unwrap().unwrap().id;
    let languages = store.units(&school.id, TODAY).await.unwrap().remove(1).id;
    let (by, of, to) = (actor.clone(), school.clone(), guardian.clone());
    let done: Result<(), StoreError> = store
        .write(move |tx| {
            Box::pin(async move {
                tx.give_role(&of, &to, (Role::UnitHead, Some(&languages)), Some(&by), (TODAY, NOW_MS)).await
            })
        })
        .await;
    done.unwrap();
    let mut next = with_departments();
    next.people[0].roles = vec![Role::Teacher];
    next.people[0].in_units = vec![(Role::Teacher, "d1".to_owned())];
    import(&store, &school, &next, Some(actor)).await.unwrap();
    assert_eq!(rows("role.end").await.len(), 2, "both headships that the file had given");
    assert_eq!(units(&store, &school).await[1].1, ["Фамилия1 Имя"]);
}

fn rejected(result: Result<RosterReport, RosterImportError>) -> Vec<RosterCode> {
    match result {
        Err(RosterImportError::Rejected(errors)) => errors.into_iter().map(|error| error.code).collect(),
        other => panic!("{other:?}"),
    }
}

/// A deputy head names teachers, not those above: neither by hand nor by a file (`role.assign`, DOMAIN 5).
#[tokio::test]
async fn a_deputy_brings_no_administrator_and_takes_none_away() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, admin) = school(&folder).await;
    import(&store, &school, &roster(1), None).await.unwrap();
    let by_deputy = async |roster: &Roster| {
        let request = RosterRequest {
            school: school.clone(),
            actor: Some(Actor { person: PersonId::new("deputy"), role: Some(Role::DeputyHead) }),
            assigns: Some(Condition::Pedagogical),
            dry_run: false,
            today: TODAY,
            now_ms: NOW_MS,
        };
        store.import_roster(&packed(roster), request).await
    };
    for role in [Role::Admin, Role::Head, Role::DeputyHead, Role::Staff] {
        let mut next = roster(1);
        next.people[0].roles = vec![Role::Teacher, role];
        assert_eq!(rejected(by_deputy(&next).await), [RosterCode::RoleNotPermitted], "{role:?}");
    }
    let mut next = roster(2);
    next.people.push(person(9, Role::Teacher, Vec::new()));
    assert_eq!(by_deputy(&next).await.unwrap().roles_given, 2, "a pupil and a teacher");
    // The other system knows the administrator for a while; whoever it does not know any more has left.
    let mut known = next.clone();
    known.people.push(Person { code: "A-001".to_owned(), ..person(50, Role::Admin, Vec::new()) });
    assert_eq!(by_deputy(&known).await.unwrap().people_updated, 1);
    assert_eq!(
        rejected(by_deputy(&next).await),
        [RosterCode::RoleNotPermitted],
        "the administrator is not in the file"
    );
    assert_eq!(rejected(import(&store, &school, &next, None).await), [RosterCode::RoleNotPermitted], "the last one");
    assert_eq!(store.roles_on(&admin, TODAY).await.unwrap().len(), 1);
}

/// A head appointed by hand is relieved by hand, and the unit they lead stays; nobody is moved out of where a hand put them.
#[tokio::test]
async fn a_file_leaves_what_hands_have_arranged() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, admin) = school(&folder).await;
    import(&store, &school, &with_departments(), None).await.unwrap();
    let actor = Actor { person: admin.clone(), role: Some(Role::Admin) };
    let guardian = store.person_by_code(&school.id, "Ч-00001").await.unwrap().unwrap().id;
    let languages = store.units(&school.id, TODAY).await.unwrap().remove(1).id;
    let (by, of, to, unit) = (actor, school.clone(), guardian, languages);
    let done: Result<(), StoreError> = store
        .write(move |tx| {
            Box::pin(async move {
                tx.give_role(&of, &to, (Role::UnitHead, Some(&unit)), Some(&by), (TODAY, NOW_MS)).await?;
                tx.give_role(&of, &to, (Role::Teacher, Some(&unit)), Some(&by), (TODAY, NOW_MS)).await
            })
        })
        .await;
    done.unwrap();
    let by_hand = Post { person: "p1".to_owned(), role: Role::UnitHead, unit: "d2".to_owned() };
    let delta = Roster { mode: Mode::Delta, gone_posts: vec![by_hand], ..Roster::default() };
    assert!(import(&store, &school, &delta, None).await.unwrap().is_unchanged());
    let elsewhere = Post { person: "p1".to_owned(), role: Role::Teacher, unit: "d1".to_owned() };
    let delta = Roster { mode: Mode::Delta, posts: vec![elsewhere], ..Roster::default() };
    assert_eq!(import(&store, &school, &delta, None).await.unwrap().people_moved, 0);
    let gone = Roster { mode: Mode::Delta, gone_units: vec!["d2".to_owned()], ..Roster::default() };
    let report = import(&store, &school, &gone, None).await.unwrap();
    assert_eq!((report.units_removed, report.examples[0].what), (0, "unit_kept"), "{report:?}");
    let left = units(&store, &school).await;
    assert_eq!((left.len(), left[1].1.contains(&"Фамилия1 Имя".to_owned()), left[1].2), (2, true, 1), "{left:?}");
}

/// Who leaves in the file that drops their unit: one change, one row.
#[tokio::test]
async fn inv_71_a_head_who_leaves_with_their_department_has_one_row_for_each_role() {
    let folder = tempfile::tempdir().unwrap();
    let (store, school, _) = school(&folder).await;
    import(&store, &school, &with_departments(), None).await.unwrap();
    let mut next = with_departments();
    next.units.remove(1);
    next.people.remove(0);
    next.enrollments.retain(|one| one.person != "p0");
    let report = import(&store, &school, &next, None).await.unwrap();
    assert_eq!((report.people_left, report.roles_taken, report.units_removed), (1, 2, 1), "{report:?}");
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT detail FROM audit_event WHERE action IN ('role.end', 'unit.member')")
            .fetch_all(store.readers())
            .await
            .unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
}
