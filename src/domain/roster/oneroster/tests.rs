//! What is written is read back, and strangers' archives do no harm.
#![allow(clippy::unwrap_used)]

use jiff::civil::date;
use proptest::prelude::*;

use super::super::{Class, Enrollment, Group, Mode, Person, Post, Roster, RosterCode, Unit};
use super::*;
use crate::domain::archive;

fn year() -> (&'static str, jiff::civil::Date, jiff::civil::Date) {
    ("2026/2027", date(2026, 9, 1), date(2027, 5, 31))
}

prop_compose! {
    fn roster()(
        letters in proptest::collection::btree_set("[А-Я]", 1..4),
        names in proptest::collection::vec(("[А-Яа-яёЁA-Za-z ,;\"'=-]{0,12}[А-Яа-я]", any::<bool>(), 0_i32..8000), 1..12),
        subjects in proptest::collection::btree_set("[А-Яа-я]{3,10}", 0..4),
        units in proptest::collection::btree_set("[А-Я][а-я]{3,10}", 0..4),
        delta in any::<bool>(),
    ) -> Roster {
        let units: Vec<Unit> = units.into_iter().enumerate().map(|(n, name)| Unit { source: format!("d-{n}"), name }).collect();
        let unit = |n: usize| (!units.is_empty()).then(|| units[n % units.len()].source.clone());
        let classes: Vec<Class> = letters.iter().map(|letter| Class { source: format!("k-{letter}"), grade: 5, letter: letter.clone() }).collect();
        let subjects: Vec<String> = subjects.into_iter().collect();
        let groups: Vec<Group> = subjects.iter().enumerate().map(|(n, subject)| Group {
            source: format!("g-{n}"), class: classes[n % classes.len()].name(), name: format!("{subject} {n}"), subject: Some(subject.clone()),
        }).collect();
        let people: Vec<Person> = names.iter().enumerate().map(|(n, (name, is_student, days))| Person {
            source: format!("p-{n}"),
            code: format!("Ч-{n:03}"),
            family_name: name.trim().to_owned(),
            given_name: "Имя".to_owned(),
            middle_name: is_student.then(|| "Отчество".to_owned()),
            birth_date: is_student.then(|| crate::domain::calendar::plus_days(date(2000, 1, 1), *days)),
            roles: if *is_student { vec![Role::Student] } else { vec![Role::Guardian, Role::Teacher, Role::UnitHead] },
            in_units: {
                let mut held: Vec<(Role, String)> = match unit(n).filter(|_| !is_student) {
                    // Works in one, leads it and perhaps another.
                    Some(own) => [(Role::Teacher, own.clone()), (Role::UnitHead, own)]
                        .into_iter().chain(unit(n + 1).map(|other| (Role::UnitHead, other))).collect(),
                    None => Vec::new(),
                };
                held.sort();
                held.dedup();
                held
            },
            guardians: if *is_student && n > 0 { vec![format!("p-{}", n - 1)] } else { Vec::new() },
            line: n as u64 + 2,
        }).collect();
        let enrollments = people.iter().enumerate().map(|(n, one)| Enrollment {
            source: format!("e-{n}"),
            class: classes[n % classes.len()].source.clone(),
            person: one.source.clone(),
            is_teacher: !one.roles.contains(&Role::Student),
        }).collect();
        Roster {
            mode: if delta { Mode::Delta } else { Mode::Bulk },
            posts: if delta { unit(0).map(|unit| Post { person: "elsewhere".to_owned(), role: Role::Staff, unit }).into_iter().collect() } else { Vec::new() },
            gone_posts: if delta { unit(1).map(|unit| Post { person: "p-0".to_owned(), role: Role::UnitHead, unit }).into_iter().collect() } else { Vec::new() },
            gone_units: if delta { vec!["d-gone".to_owned()] } else { Vec::new() },
            units, classes, groups, subjects, people, enrollments,
            gone_people: if delta { vec!["gone".to_owned()] } else { Vec::new() },
            gone_enrollments: if delta { vec!["e-gone".to_owned()] } else { Vec::new() },
        }
    }
}

proptest! {
    #[test]
    fn a_roster_that_is_written_is_read_back_the_same(roster in roster()) {
        let bytes = write(&roster, "Школа", year()).unwrap();
        let read = parse(&bytes);
        prop_assert_eq!(read, Ok(roster));
    }

    #[test]
    fn no_file_of_a_stranger_makes_it_panic(
        name in "(users|roles|classes|enrollments|demographics|manifest).csv",
        text in "(sourcedId|status|role|title|,|\"|\n|[а-я]|\\PC){0,80}",
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let packed = archive::pack(&[(name, text.into_bytes()), ("users.csv".to_owned(), bytes)]);
        if let Ok(packed) = packed {
            let _ = parse(&packed);
        }
    }
}

fn archive_with(users: &str, roles: &str, classes: &str, enrollments: &str) -> Vec<u8> {
    let file = |name: &str, text: &str| (format!("{name}.csv"), text.as_bytes().to_vec());
    archive::pack(&[
        file("users", &format!("sourcedId,enabledUser,username,givenName,familyName,agentSourcedIds\n{users}")),
        file("roles", &format!("sourcedId,userSourcedId,roleType,role,orgSourcedId\n{roles}")),
        file("classes", &format!("sourcedId,title,classType,courseSourcedId\n{classes}")),
        file("enrollments", &format!("sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role\n{enrollments}")),
    ])
    .unwrap()
}

#[test]
fn departments_are_units_and_an_organisation_that_is_not_there_is_a_mistake() {
    let file = |name: &str, text: String| (format!("{name}.csv"), text.into_bytes());
    let packed = |orgs: &str, org: &str| {
        archive::pack(&[
            file("orgs", format!("sourcedId,name,type\no,Школа,school\n{orgs}")),
            file("users", "sourcedId,enabledUser,username,givenName,familyName\na,true,A-1,Анна,Ким\n".to_owned()),
            file(
                "roles",
                format!("sourcedId,userSourcedId,roleType,role,orgSourcedId\nr,a,primary,ext:unitHead,{org}\n"),
            ),
            file("classes", "sourcedId,title,classType\n".to_owned()),
            file("enrollments", "sourcedId,classSourcedId,userSourcedId,role\n".to_owned()),
        ])
        .unwrap()
    };
    let read = parse(&packed("d,Кафедра языков,department\n", "d")).unwrap();
    assert_eq!(read.units, [Unit { source: "d".to_owned(), name: "Кафедра языков".to_owned() }]);
    assert_eq!(read.people[0].in_units, [(Role::UnitHead, "d".to_owned())]);
    assert_eq!(parse(&packed("", "o")).unwrap().people[0].in_units, []);
    let check = |bytes: Vec<u8>, expected: (&str, u64, &str, RosterCode)| {
        let (file, line, column, code) = expected;
        assert_eq!(codes(&bytes), [(file.to_owned(), line, column.to_owned(), code)]);
    };
    check(packed("", "x"), ("roles.csv", 2, "orgSourcedId", RosterCode::UnknownReference));
    check(packed("d,,department\n", "o"), ("orgs.csv", 3, "name", RosterCode::Required));
    let twice = "d,Языки,department\ne,языки,department\n";
    check(packed(twice, "d"), ("orgs.csv", 4, "name", RosterCode::Doubled));
}

fn codes(bytes: &[u8]) -> Vec<(String, u64, String, RosterCode)> {
    let errors = parse(bytes).unwrap_err();
    errors.into_iter().map(|error| (error.file, error.line, error.column, error.code)).collect()
}

#[test]
fn mistakes_are_told_of_by_file_line_and_column() {
    let check = |bytes: Vec<u8>, file: &str, line, column: &str, code| {
        assert_eq!(codes(&bytes), [(file.to_owned(), line, column.to_owned(), code)]);
    };
    let user = "a,true,A-1,Анна,Ким,\n";
    let role = "r,a,primary,student,s\n";
    check(archive_with(user, "r,a,primary,wizard,s\n", "", ""), "roles.csv", 2, "role", RosterCode::UnknownRole);
    check(archive_with("a,true,A-1,Анна,,\n", "", "", ""), "users.csv", 2, "familyName", RosterCode::Required);
    check(
        archive_with("a,true,A-1,Анна,Ким,m\n", role, "", ""),
        "users.csv",
        2,
        "agentSourcedIds",
        RosterCode::UnknownReference,
    );
    check(archive_with(user, role, "k,Синий,homeroom,\n", ""), "classes.csv", 2, "title", RosterCode::BadClass);
    check(
        archive_with(user, role, "", "e,k,s,a,student\n"),
        "enrollments.csv",
        2,
        "classSourcedId",
        RosterCode::UnknownReference,
    );
    check(b"not a zip".to_vec(), "", 0, "", RosterCode::Unreadable);
    let two = "a,true,A-1,Анна,Ким,\nb,true,а-1,Яна,Ли,\n";
    assert!(
        codes(&archive_with(two, role, "", "")).iter().any(|error| error.3 == RosterCode::Doubled),
        "one login, two alphabets"
    );
}

#[test]
fn a_class_is_a_grade_and_a_letter() {
    let check = |text, expected: Option<(u8, &str)>| {
        assert_eq!(class_name(text), expected.map(|(grade, letter)| (grade, letter.to_owned())), "{text}");
    };
    check("5А", Some((5, "А")));
    check("10 «Б»", Some((10, "Б")));
    check("11", Some((11, "")));
    check("12А", None);
    check("А5", None);
    check("", None);
}
