//! Nothing of a person is forgotten by the lists, and nothing of an erased person is left in the file.
#![allow(clippy::unwrap_used)]

mod terms;

use sqlx::Row as _;

use super::erasure::ErasureStep;
use super::places::{End, PLACES, names_a_person};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::people::NewPerson;
use crate::store::school::School;
use crate::store::transition::{Actor, TransitionError};
use crate::store::{Store, StoreError};

const NOW_MS: i64 = 1_795_858_800_000;
/// Stands in every place that holds text of the person.
const MARKER: &str = "МАРКЕР-7f3a";

async fn store(folder: &tempfile::TempDir) -> Store {
    Store::fresh(folder.path()).await
}

async fn columns(store: &Store) -> Vec<(String, String)> {
    if store.backend() == crate::store::Backend::Postgres {
        let columns = "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns
            WHERE table_schema = 'public'";
        return sqlx::query_as(columns).fetch_all(store.readers()).await.unwrap();
    }
    let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .fetch_all(store.readers())
        .await
        .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let table: String = table.try_get("name").unwrap();
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}')")))
            .fetch_all(store.readers())
            .await
            .unwrap();
        found.extend(rows.iter().map(|row| (table.clone(), row.try_get("name").unwrap())));
    }
    found
}

#[tokio::test]
async fn every_column_that_names_a_person_is_on_the_list_and_every_entry_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let columns = columns(&store).await;
    let is_listed =
        |table: &str, column: &str| PLACES.iter().any(|place| (place.table, place.column) == (table, column));
    let missing: Vec<_> =
        columns.iter().filter(|(table, column)| names_a_person(column) && !is_listed(table, column)).collect();
    assert!(missing.is_empty(), "say in store/privacy/places.rs what becomes of them: {missing:?}");
    for place in PLACES {
        let has =
            |column: &str| columns.iter().any(|(table, name)| (table.as_str(), name.as_str()) == (place.table, column));
        assert!(has(place.column), "{}.{} is gone", place.table, place.column);
        if let End::Redact(emptied) = place.end {
            assert!(emptied.iter().all(|column| has(column)), "{}: {emptied:?}", place.table);
        }
    }
}

/// A school with a student, a head, an officer and an administrator.
async fn people(store: &Store) -> (SchoolId, PersonId, Actor, Actor, Actor) {
    let school = SchoolId::new("school");
    let made = store
        .write(move |tx| {
            Box::pin(async move {
                let row = School {
                    id: SchoolId::new("school"),
                    name: "Школа".into(),
                    short_name: "Школа".into(),
                    tz: "Europe/Moscow".into(),
                    locale: "ru-RU".into(),
                    days_a_week: 5,
                    odd_monday: jiff::civil::date(2026, 8, 31),
                    is_demo: false,
                    parity_skips_breaks: false,
                    calendar_version: 1,
                    academic_hour_minutes: 45,
                };
                tx.insert_school(&row, NOW_MS).await?;
                let mut made = Vec::new();
                for (code, name, role) in [
                    ("S-1", MARKER, Role::Student),
                    ("H-1", "Глава", Role::Head),
                    ("Z-1", "Офицер", Role::Staff),
                    ("A-1", "Админ", Role::Admin),
                ] {
                    let person = NewPerson {
                        code: format!("{code}{}", if role == Role::Student { MARKER } else { "" }),
                        family_name: name.to_owned(),
                        given_name: name.to_owned(),
                        middle_name: Some(name.to_owned()),
                        birth_date: Some(jiff::civil::date(2000, 1, 1)),
                    };
                    let id = tx.insert_person(&row.id, &person, NOW_MS).await?;
                    tx.insert_role(&row.id, &id, role, None, NOW_MS).await?;
                    made.push(Actor { person: id, role: Some(role) });
                }
                Ok::<_, StoreError>(made)
            })
        })
        .await
        .unwrap();
    let [student, head, officer, admin] = made.try_into().unwrap();
    (school, student.person, head, officer, admin)
}

async fn write_marks(store: &Store, person: PersonId) {
    store
        .write(move |tx| {
            Box::pin(async move {
                for n in 0..200 {
                    sqlx::query(
                        "INSERT INTO message (id, school_id, room_id, seq, author_id, author_name, client_msg_id, body, sent_at)
                         VALUES ($1, 'school', 'room', $2, $3, $4, $5, $6, 0)",
                    )
                    .bind(format!("m{n}"))
                    .bind(n + 1)
                    .bind(person.as_str())
                    .bind(MARKER)
                    .bind(format!("c{n}"))
                    .bind(format!("{MARKER} {}", "слово ".repeat(60)))
                    .execute(tx.connection())
                    .await?;
                    sqlx::query("INSERT INTO message_edit (message_id, at, body) VALUES ($1, 1, $2)")
                        .bind(format!("m{n}"))
                        .bind(MARKER)
                        .execute(tx.connection())
                        .await?;
                }
                sqlx::query(
                    "INSERT INTO notice_setting (person_id, school_id, email, email_code_tries, channels, updated_at)
                     VALUES ($1, 'school', $2, 0, '{}', 0)",
                )
                .bind(person.as_str())
                .bind(format!("{MARKER}@mail.example"))
                .execute(tx.connection())
                .await?;
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
}

/// Where the marker is: in which file of SQLite's, deleted pages included; PostgreSQL's are out of reach, there it is the columns.
async fn scan(folder: &tempfile::TempDir) -> Vec<String> {
    if !Store::test_target(folder.path()).starts_with("postgres") {
        return scan_files(folder);
    }
    let store = store(folder).await;
    let mut found = Vec::new();
    for (table, column) in columns(&store).await {
        let count = format!("SELECT COUNT(*) FROM {table} WHERE CAST({column} AS TEXT) LIKE '%{MARKER}%'");
        let (hits,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(count)).fetch_one(store.readers()).await.unwrap();
        if hits > 0 {
            found.push(format!("{table}.{column}: {hits}"));
        }
    }
    found
}

fn scan_files(folder: &tempfile::TempDir) -> Vec<String> {
    let marker = MARKER.as_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let hits = bytes.windows(marker.len()).filter(|window| *window == marker).count();
        if hits > 0 {
            found.push(format!("{}: {hits}", path.display()));
        }
    }
    found
}

#[tokio::test]
async fn after_an_erasure_by_two_persons_the_marker_is_nowhere_and_an_act_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let (school, student, head, officer, admin) = people(&store).await;
    write_marks(&store, student.clone()).await;
    let own = Actor { person: student.clone(), role: Some(Role::Student) };
    let refused = |result: Result<(), TransitionError>, code| {
        assert!(matches!(result, Err(TransitionError::Refused(found)) if found == code), "{code}");
    };
    let asked = store.ask_erasure(school.clone(), student.clone(), "ухожу".into(), own.clone(), NOW_MS).await.unwrap();
    let twice =
        store.ask_erasure(school.clone(), student.clone(), "ещё раз".into(), own.clone(), NOW_MS).await.map(|_| ());
    refused(twice, RefusalCode::ErasurePending);
    let early = store.execute_erasure(school.clone(), asked.clone(), admin.clone(), NOW_MS).await.map(|_| ());
    refused(early, RefusalCode::IllegalTransition);
    store.step_erasure(school.clone(), asked.clone(), ErasureStep::Approve, head, NOW_MS).await.unwrap();
    store.step_erasure(school.clone(), asked.clone(), ErasureStep::Confirm, officer.clone(), NOW_MS).await.unwrap();
    let confirmed_by = officer.person.clone();
    let alone = store.execute_erasure(school.clone(), asked.clone(), officer, NOW_MS).await.map(|_| ());
    refused(alone, RefusalCode::RoleNotPermitted);
    assert!(!scan(&folder).await.is_empty(), "the marker is found while it is there");
    let data = store.personal_data(&student).await.unwrap();
    assert_eq!(data.tables["message"].len(), 200);
    assert!(data.tables["notice_setting"][0].get("email_code_hash").is_none(), "no secrets in an export");
    // Whoever gave the officer a new password could have confirmed in the officer's name.
    let (of, by, named) = (store.school(&school).await.unwrap(), admin.clone(), confirmed_by.clone());
    let reset = store.write(move |tx| {
        Box::pin(async move { tx.reset_password(&of, (&named, "officer"), "hash", &by, NOW_MS - 6 * 86_400_000).await })
    });
    let reset: Result<Vec<String>, StoreError> = reset.await;
    reset.unwrap();
    let borrowed = store.execute_erasure(school.clone(), asked.clone(), admin.clone(), NOW_MS).await.map(|_| ());
    refused(borrowed, RefusalCode::RoleNotPermitted);
    let later_ms = NOW_MS + 2 * 86_400_000;
    let erased = store.execute_erasure(school.clone(), asked, admin, later_ms).await.unwrap();
    let act = store.destruction_acts(&school).await.unwrap().remove(0);
    assert_eq!((act.number, act.kind), (erased.act_number, "erasure".to_owned()));
    assert!(act.log_export.contains("erasure.execute") && act.categories["message"].as_u64() == Some(200));
    assert!(crate::store::audit::verify(&store).await.unwrap().is_intact());
    let name = store.person(&student).await.unwrap().display_name;
    assert!(name.starts_with("Удалено (X-"), "{name}");
    store.close().await;
    assert_eq!(scan(&folder).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_hold_keeps_what_a_request_and_time_would_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let (school, student, head, ..) = people(&store).await;
    write_marks(&store, student.clone()).await;
    let place =
        |reason: &str| store.place_hold(school.clone(), student.clone(), reason.to_owned(), head.clone(), NOW_MS);
    let unsaid = place(" ").await;
    assert!(matches!(unsaid, Err(TransitionError::Refused(RefusalCode::ReasonRequired))));
    let hold = place("суд").await.unwrap();
    let own = Actor { person: student.clone(), role: Some(Role::Student) };
    let asked = store.ask_erasure(school.clone(), student.clone(), "ухожу".into(), own, NOW_MS).await.unwrap();
    let refused = store.step_erasure(school.clone(), asked, ErasureStep::Approve, head.clone(), NOW_MS).await;
    assert!(matches!(refused, Err(TransitionError::Refused(RefusalCode::RetentionHold))));
    assert_eq!(store.end_by_time(NOW_MS).await.unwrap().rows, 0, "under a hold");
    let lift = |by: &Actor| store.lift_hold(school.clone(), hold.clone(), "решение суда".into(), by.clone(), NOW_MS);
    let by_oneself = Actor { person: student.clone(), role: Some(Role::Admin) };
    assert!(matches!(lift(&by_oneself).await, Err(TransitionError::Refused(RefusalCode::RoleNotPermitted))));
    lift(&head).await.unwrap();
    assert!(matches!(lift(&head).await, Err(TransitionError::Refused(RefusalCode::IllegalTransition))));
    let shown = store.holds(&school).await.unwrap().remove(0);
    assert_eq!((shown.reason.as_str(), shown.lifted_reason.as_deref()), ("суд", Some("решение суда")));
    assert_eq!(store.end_by_time(NOW_MS).await.unwrap().rows, 400, "messages and their edits, a year after");
    assert_eq!(store.end_by_time(NOW_MS).await.unwrap().rows, 0, "once");
    let acts = store.destruction_acts(&school).await.unwrap();
    assert_eq!(
        (acts.len(), acts[0].kind.as_str(), acts[0].categories["message"].as_u64()),
        (1, "retention", Some(200))
    );
}
