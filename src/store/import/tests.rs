#![allow(clippy::unwrap_used)]
//! All of a file or nothing, the same file again, and a changed row.

use super::*;
use crate::domain::consultation::Timing;
use crate::store::consultation::Viewer;
use crate::store::{audit, demo};

const HEAD: &str = "Код;Дата;День;Начало;Минут;Класс;Группа;Предмет;Тема;Учитель;Вид;Форма;Аудитория";

async fn school() -> (Store, School, ImportRequest, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::fresh(folder.path()).await;
    let now_ms = "2026-11-22T09:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let school = demo::start(&store, Timing::default(), 30, now_ms).await.unwrap().unwrap().school;
    let request = ImportRequest {
        school: school.clone(),
        actor: None,
        own_only: false,
        dry_run: false,
        timings: Timings::new(Timing::default()),
        horizon_days: 30,
        now_ms,
    };
    (store, school, request, folder)
}

/// (id, start, sequence, host's name) of the consultations of the cards called `К…`, by start.
async fn planned(store: &Store, school: &School, now_ms: i64) -> Vec<(String, i64, i64, String)> {
    let all = store.timetable(&Viewer::of_school(&school.id), now_ms, now_ms + 60 * 24 * 3_600_000).await.unwrap();
    all.into_iter()
        .filter(|one| one.card_key.starts_with('К'))
        .map(|one| (one.id.to_string(), one.start_ms, one.sequence, one.host.display_name))
        .collect()
}

fn file(rows: &[&str]) -> Vec<u8> {
    format!("{HEAD}\n{}\n", rows.join("\n")).into_bytes()
}

const WEEKLY: &str = "К1;;Вт;16:30;30;5А;;Математика;Дроби;Т-014;текущая;вебинар;обучающиеся";
const ONCE: &str = "К2;02.12.2026;;17:00;30;9Б;S-9B-01;Физика;Сила;Т-021;текущая;индивидуальная;обучающиеся";

#[tokio::test]
async fn the_same_file_again_changes_nothing_and_a_changed_row_moves_the_future() {
    let (store, school, request, _folder) = school().await;
    let now_ms = request.now_ms;
    let dry = ImportRequest { dry_run: true, ..request.clone() };
    let report = store.import_cards(&file(&[WEEKLY, ONCE]), dry).await.unwrap();
    assert_eq!((report.created, report.consultations), (2, 6));
    assert_eq!(planned(&store, &school, now_ms).await, []);
    let report = store.import_cards(&file(&[WEEKLY, ONCE]), request.clone()).await.unwrap();
    assert_eq!((report.rows, report.created, report.consultations), (2, 2, 6));
    let first = planned(&store, &school, now_ms).await;
    assert_eq!(first.len(), 6);
    let report = store.import_cards(&file(&[WEEKLY, ONCE]), request.clone()).await.unwrap();
    assert_eq!((report.unchanged, report.consultations), (2, 0));
    assert_eq!(planned(&store, &school, now_ms).await, first);
    // Half an hour later, held by another: the same consultations, moved.
    let moved = WEEKLY.replace("16:30", "17:00").replace("Т-014", "Т-007");
    let report = store.import_cards(&file(&[&moved, ONCE]), request.clone()).await.unwrap();
    assert_eq!((report.updated, report.unchanged, report.consultations), (1, 1, 5));
    let second = planned(&store, &school, now_ms).await;
    for (before, after) in first.iter().zip(&second) {
        assert_eq!(before.0, after.0);
        let is_moved = after.3.starts_with("Орлова");
        assert_eq!((after.1 - before.1, after.2), if is_moved { (30 * 60_000, 1) } else { (0, 0) });
    }
    // Another weekday: the old dates go, new ones come.
    let other_day = moved.replace("Вт", "Пт");
    store.import_cards(&file(&[&other_day]), request.clone()).await.unwrap();
    let third = planned(&store, &school, now_ms).await;
    assert!(third.iter().all(|one| !first.iter().any(|before| before.0 == one.0) || one.3.starts_with("Лебедев")));
    // Expanding anew finds nothing to do, and neither does carrying on.
    let timings = Timings::new(Timing::default());
    store.extend_horizon(&timings, now_ms, 30).await.unwrap();
    assert_eq!(planned(&store, &school, now_ms).await, third);
    assert!(audit::verify(&store).await.unwrap().is_intact());
}

#[tokio::test]
async fn one_mistake_keeps_the_whole_file_out() {
    let (store, school, request, _folder) = school().await;
    let now_ms = request.now_ms;
    let wrong = [
        WEEKLY,
        "К3;02.12.2026;;17:00;30;5Ж;;Математика;Дроби;Т-014;текущая;чат;обучающиеся",
        "К4;02.12.2026;;17:00;30;5А;;Матиматика;Дроби;Т-999;текущая;чат;обучающиеся",
        "К5;04.11.2026;;17:00;30;5А;;Математика;Дроби;S-5A-01;текущая;чат;обучающиеся",
        "К6;04.11.2026;;17:00;30;5А;;Математика;Дроби;Т-014;текущая;чат;обучающиеся",
    ];
    let Err(ImportError::Rejected(errors)) = store.import_cards(&file(&wrong), request).await else {
        panic!("the file is wrong");
    };
    let found: Vec<_> = errors.iter().map(|error| (error.line, error.column.as_str(), error.code)).collect();
    let expected = [
        (3, "Класс", CellCode::UnknownClass),
        (4, "Учитель", CellCode::UnknownTeacher),
        (4, "Предмет", CellCode::UnknownSubject),
        (5, "Учитель", CellCode::CannotHost),
        (6, "Дата", CellCode::NotASchoolDay),
    ];
    assert_eq!(found, expected);
    assert!(errors[2].text.contains("«Математика»"));
    assert_eq!(planned(&store, &school, now_ms).await, []);
}

#[tokio::test]
async fn a_teacher_imports_own_cards_only() {
    let (store, school, mut request, _folder) = school().await;
    let teacher = store.person_by_code(&school.id, "T-014").await.unwrap().unwrap();
    request.own_only = true;
    request.actor = Some(Actor { person: teacher.id, role: Some(Role::Teacher) });
    assert!(store.import_cards(&file(&[WEEKLY]), request.clone()).await.is_ok());
    assert!(matches!(store.import_cards(&file(&[ONCE]), request).await, Err(ImportError::Rejected(_))));
}

#[tokio::test]
async fn the_case_of_a_key_makes_no_other_card() {
    let (store, school, request, _folder) = school().await;
    let now_ms = request.now_ms;
    store.import_cards(&file(&[WEEKLY]), request.clone()).await.unwrap();
    let first = planned(&store, &school, now_ms).await;
    let again = WEEKLY.replace("К1", "к1");
    let report = store.import_cards(&file(&[&again]), request.clone()).await.unwrap();
    assert_eq!((report.created, report.updated, report.unchanged), (0, 0, 1));
    // A changed row keeps the key that is known, and with it the names of the consultations.
    let moved = again.replace("16:30", "17:00");
    let report = store.import_cards(&file(&[&moved]), request.clone()).await.unwrap();
    assert_eq!((report.created, report.updated), (0, 1));
    let ids = |all: &[(String, i64, i64, String)]| all.iter().map(|one| one.0.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&planned(&store, &school, now_ms).await), ids(&first));
    let report = store.import_cards(&file(&[&moved.replace("к1", "К1")]), request).await.unwrap();
    assert_eq!(report.unchanged, 1);
}

#[tokio::test]
async fn a_row_whose_dates_have_passed_is_remarked() {
    let (store, _school, request, _folder) = school().await;
    let head = HEAD.replace("День", "День;По");
    let rows = [
        WEEKLY.replace(";Вт;", ";Вт;21.11.2026;"),
        ONCE.replace("02.12.2026;", "18.11.2026;;"),
        ONCE.replace("02.12.2026;", "02.12.2026;;").replace("К2", "К3"),
        // Far beyond the horizon.
        ONCE.replace("02.12.2026;", "14.04.2027;;").replace("К2", "К4"),
    ];
    let file = format!("{head}\n{}\n", rows.join("\n"));
    let report = store.import_cards(file.as_bytes(), request).await.unwrap();
    let found: Vec<_> = report.warnings.iter().map(|one| (one.line, one.column.as_str(), one.code)).collect();
    assert_eq!(found, [(2, "По", CellCode::DatesPassed), (3, "Дата", CellCode::DatesPassed)]);
    assert!(report.warnings[0].text.contains("17.11.2026"), "{}", report.warnings[0].text);
    assert_eq!((report.created, report.consultations), (4, 1));
}

/// Pairs of a class and a teacher in a large school.
const PAIRS: usize = 320;

/// As many more classes as 5Б-0 and teachers as Ф-0, each like one of the demo.
async fn grow(store: &Store, school: &School) {
    let school = school.id.to_string();
    store
        .write(move |tx| {
            Box::pin(async move {
                for n in 0..PAIRS {
                    let (class, teacher) = (format!("5Б-{n}"), format!("Ф-{n}"));
                    for (sql, name) in [
                        (
                            "INSERT INTO person SELECT $1, school_id, $2, $3, $2, given_name, middle_name, birth_date, $2, status,
                             created_at, name_fold FROM person WHERE school_id = $4 AND code = 'T-014'",
                            &teacher,
                        ),
                        (
                            "INSERT INTO role_assignment SELECT $1, school_id, $1, role, unit_id, valid_from, valid_to, assigned_by,
                             created_at FROM role_assignment WHERE $2 <> $3 AND person_id =
                             (SELECT id FROM person WHERE school_id = $4 AND code = 'T-014') AND role = 'teacher'",
                            &teacher,
                        ),
                        (
                            "INSERT INTO school_class (id, school_id, year_id, grade, letter, name, name_fold, created_at, shift)
                             SELECT $1, school_id, year_id, grade, letter, $2, $3, created_at, shift FROM school_class
                             WHERE school_id = $4 AND name = '5А'",
                            &class,
                        ),
                        (
                            "INSERT INTO study_group (id, school_id, class_id, name, name_fold, created_at)
                             SELECT $1, g.school_id, $1, '', '', g.created_at FROM study_group g
                             JOIN school_class c ON c.id = g.class_id
                             WHERE $2 <> $3 AND g.school_id = $4 AND c.name = '5А' AND g.name = ''",
                            &class,
                        ),
                    ] {
                        let rows = sqlx::query(sql)
                            .bind(name)
                            .bind(name)
                            .bind(crate::domain::fold::fold_code(name))
                            .bind(&school)
                            .execute(tx.connection())
                            .await?;
                        assert_eq!(rows.rows_affected(), 1, "{sql}");
                    }
                }
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
}

/// A large school's month in one file takes seconds, with every date held against all others (the hub goes on meanwhile: the
/// writer is one, the readers are not held).
#[tokio::test]
async fn ten_thousand_rows_are_brought_in_within_seconds() {
    let (store, school, request, _folder) = school().await;
    grow(&store, &school).await;
    // Weekdays before the holidays and inside the horizon.
    let days: Vec<u32> = (1..=22).filter(|day| !matches!(day % 7, 5 | 6)).collect();
    let rows: Vec<String> = (0..10_000)
        .map(|n| {
            let (day, place) = (days[n % days.len()], n / days.len());
            let (pair, hour) = (place % PAIRS, 15 + place / PAIRS);
            format!("К{n};{day:02}.12.2026;;{hour}:00;30;5Б-{pair};;Математика;Тема;Ф-{pair};текущая;чат;обучающиеся")
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let file = file(&rows);
    // Looking from outside at what people wait for.
    #[allow(clippy::disallowed_methods)]
    let started = std::time::Instant::now();
    let report = store.import_cards(&file, request.clone()).await.unwrap();
    let took = started.elapsed();
    println!("10,000 rows in {took:?}");
    assert_eq!((report.rows, report.created, report.consultations), (10_000, 10_000, 10_000));
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    assert_eq!(planned(&store, &school, request.now_ms).await.len(), 10_000);
    let again = store.import_cards(&file, request).await.unwrap();
    assert_eq!((again.unchanged, again.consultations), (10_000, 0));
}
