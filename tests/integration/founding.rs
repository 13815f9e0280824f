//! A hub without the demo: the school is founded by the command line, its administrator signs in, and the commands for
//! accounts, tokens and cards do their work on the same data.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use reqwest::StatusCode;
use serde_json::json;

use crate::hub::postgres::database;
use crate::hub::{Client, DEPUTY, TEACHER, TestHub};

const PASSWORD: &str = "a long pass phrase";

fn kafedra(data: &Path, password: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafedra"));
    command.args(arguments).arg("--data-dir").arg(data).env_remove("KAFEDRA_PASSWORD").stdin(Stdio::null());
    command.env("KAFEDRA_DATA__DATABASE", database(data));
    command.env("KAFEDRA_CLOCK_OFFSET_SECONDS", crate::hub::clock_offset_s().to_string());
    if let Some(password) = password {
        command.env("KAFEDRA_PASSWORD", password);
    }
    command.output().unwrap()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output, code: i32, word: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(word), "{text}");
}

const INIT: [&str; 12] = [
    "school",
    "init",
    "--name",
    "Средняя школа № 7",
    "--short-name",
    "Школа 7",
    "--tz",
    "Asia/Yekaterinburg",
    "--admin-login",
    "A-100",
    "--admin-name",
    "Иванова Анна Петровна",
];

#[tokio::test]
async fn a_founded_school_has_an_administrator_who_signs_in() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    refused(&kafedra(data, Some("short"), &INIT), 2, "8 characters");
    let wrong_zone = INIT.map(|word| if word == "Asia/Yekaterinburg" { "Moscow" } else { word });
    refused(&kafedra(data, Some(PASSWORD), &wrong_zone), 2, "Moscow");
    let user = ["user", "add", "--login", "T-1", "--family-name", "Ким", "--given-name", "Яна", "--role", "teacher"];
    refused(&kafedra(data, Some(PASSWORD), &user), 1, "school init");
    done(&kafedra(data, Some(PASSWORD), &INIT));
    refused(&kafedra(data, Some(PASSWORD), &INIT), 1, "already");
    done(&kafedra(data, Some(PASSWORD), &user));
    refused(&kafedra(data, Some(PASSWORD), &user), 1, "taken");
    let token = done(&kafedra(data, None, &["token", "--login", "T-1", "--scopes", "timetable.read"]));

    let roles = ["user", "roles", "--login", "T-1", "--add", "unit_head"];
    refused(&kafedra(data, None, &roles), 2, "--unit");
    refused(&kafedra(data, None, &[&roles[..], &["--unit", "Кафедра"]].concat()), 1, "there is no unit");
    refused(&kafedra(data, None, &["user", "roles", "--login", "A-100", "--remove", "admin"]), 1, "last administrator");

    let hub = TestHub::start_on(folder).await;
    let admin = hub.client();
    let me = admin.post("/api/v1/session", &json!({ "login": "a-100", "password": PASSWORD })).await;
    assert_eq!(me.status, StatusCode::OK, "{}", me.body);
    assert_eq!(me.body["person"]["display_name"], "Иванова Анна Петровна");
    assert_eq!(me.body["roles"][0]["role"], "admin");
    assert_eq!(me.body["password_change_required"], false, "whoever founds a school chose it");
    assert_eq!((&me.body["school"]["tz"], &me.body["demo"]), (&json!("Asia/Yekaterinburg"), &json!(false)));
    assert!(admin.timetable().await.is_empty());
    let program = Client { token: Some(token.trim().to_owned()), ..hub.client() };
    assert_eq!(program.get("/api/v1/me").await.body["person"]["code"], "T-1");
    assert!(program.timetable().await.is_empty());
    let made = admin.post("/api/v1/units", &json!({ "name": "Кафедра" })).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let folder = hub.stop_and_keep().await;
    done(&kafedra(folder.path(), None, &[&roles[..], &["--unit", "кафедра"]].concat()));
    let hub = TestHub::start_on(folder).await;
    let teacher = hub.client();
    let me = teacher.post("/api/v1/session", &json!({ "login": "T-1", "password": PASSWORD })).await;
    assert_eq!(
        (&me.body["roles"][1]["role"], &me.body["roles"][1]["unit"]),
        (&json!("unit_head"), &made.body["items"][0]["id"])
    );
    assert_eq!(me.body["password_change_required"], true, "the operator typed it, and not the teacher");
    assert_eq!(teacher.get("/api/v1/notices").await.code(), "password_change_required");
    let folder = hub.stop_and_keep().await;
    done(&kafedra(folder.path(), Some(PASSWORD), &["user", "password", "--login", "T-1", "--own"]));
    let hub = TestHub::start_on(folder).await;
    let teacher = hub.client();
    let me = teacher.post("/api/v1/session", &json!({ "login": "T-1", "password": PASSWORD })).await;
    assert_eq!(me.body["password_change_required"], false, "one's own account, or a program's");
    assert_eq!(teacher.get("/api/v1/notices").await.status, StatusCode::OK);
    let folder = hub.stop_and_keep().await;
    done(&kafedra(folder.path(), Some(PASSWORD), &["user", "password", "--login", "T-1"]));
    let hub = TestHub::start_on(folder).await;
    let me = hub.client().post("/api/v1/session", &json!({ "login": "T-1", "password": PASSWORD })).await;
    assert_eq!(me.body["password_change_required"], true, "somebody else's");
    let folder = hub.stop_and_keep().await;
    assert!(done(&kafedra(folder.path(), None, &["audit", "verify"])).contains("intact"));
}

#[test]
fn the_password_may_come_by_standard_input() {
    use std::io::Write as _;

    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kafedra"))
        .args(INIT)
        .arg("--data-dir")
        .arg(folder.path())
        .env_remove("KAFEDRA_PASSWORD")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    done(&child.wait_with_output().unwrap());
}

#[tokio::test]
async fn cards_are_imported_by_the_command_line() {
    let folder = TestHub::start().await.stop_and_keep().await;
    let header = "Код;Дата;Начало;Минут;Класс;Предмет;Часть;Тема;Учитель;Вид;Форма;Аудитория\n";
    let row = "КЛ-1;08.12.2026;15:30;30;5А;Математика;2 четверть;Дроби;Т-014;текущая;вебинар;обучающиеся\n";
    let file = folder.path().join("cards.csv");
    let name = file.to_str().unwrap().to_owned();
    std::fs::write(&file, format!("{header}{row}")).unwrap();
    let tried = done(&kafedra(folder.path(), None, &["import", "cards", &name, "--dry-run"]));
    assert!(tried.contains("1 cards would be created"), "{tried}");
    let made = done(&kafedra(folder.path(), None, &["import", "cards", &name]));
    assert!(made.contains("1 cards were created"), "{made}");
    let again = done(&kafedra(folder.path(), None, &["import", "cards", &name]));
    assert!(again.contains("1 unchanged"), "{again}");
    std::fs::write(&file, format!("{header}{}", row.replace("Математика", "Алхимия"))).unwrap();
    refused(&kafedra(folder.path(), None, &["import", "cards", &name]), 1, "cards.csv:2: Предмет");
    let token = done(&kafedra(folder.path(), None, &["token", "--login", DEPUTY, "--scopes", "timetable.read"]));

    let hub = TestHub::start_on(folder).await;
    let deputy = Client { token: Some(token.trim().to_owned()), ..hub.client() };
    let answer = deputy.get("/api/v1/timetable?from=2026-12-08&to=2026-12-08").await;
    let items = answer.body["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["card_key"] == "КЛ-1"), "{}", answer.body);
    let teacher = hub.sign_in(TEACHER).await;
    assert_eq!(teacher.get("/api/v1/timetable?from=2026-12-08&to=2026-12-08").await.status, StatusCode::OK);
    hub.stop().await;
}
