//! Lesson cards over HTTP: dry run, all or nothing, idempotent, only one's own.

use reqwest::{Method, StatusCode};

use crate::hub::{Answer, Client, DEPUTY, STUDENT, TEACHER, TestHub};

const HEADER: &str = "Код;Дата;Начало;Минут;Класс;Предмет;Часть;Тема;Учитель;Вид;Форма;Аудитория\n";
const OWN: &str = "ИМП-1;08.12.2026;15:30;30;5А;Математика;2 четверть;Дроби;Т-014;текущая;вебинар;обучающиеся\n";
const OTHERS: &str = "ИМП-2;09.12.2026;17:00;30;9Б;Физика;2 четверть;Импульс;Т-021;текущая;чат;обучающиеся\n";

async fn import(client: &Client, query: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = client.request(Method::POST, &format!("/api/v1/lesson-cards/import{query}"));
    client.send(request.header("content-type", "text/csv").body(body)).await
}

fn counts(answer: &Answer) -> (u64, u64, u64) {
    let count = |key: &str| answer.body[key].as_u64().unwrap_or_else(|| panic!("{}", answer.body));
    (count("created"), count("updated"), count("unchanged"))
}

/// The demo's calendar has the school days that the rows name; the clock stands before them.
async fn hub() -> TestHub {
    TestHub::start().await
}

#[tokio::test]
async fn a_file_is_tried_brought_in_once_and_changed_once() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let file = format!("{HEADER}{OWN}{OTHERS}");
    let tried = import(&deputy, "?dry_run=true", file.clone()).await;
    assert_eq!(tried.status, StatusCode::OK, "{}", tried.body);
    assert_eq!((counts(&tried), tried.body["dry_run"].as_bool()), ((2, 0, 0), Some(true)));
    assert_eq!(counts(&import(&deputy, "", file.clone()).await), (2, 0, 0), "the dry run had changed nothing");
    assert_eq!(counts(&import(&deputy, "", file.clone()).await), (0, 0, 2));
    assert_eq!(counts(&import(&deputy, "", file.replace("15:30;30;5А", "15:40;30;5А")).await), (0, 1, 1));
    hub.stop().await;
}

#[tokio::test]
async fn windows_1251_is_read_like_utf_8() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let file = format!("{HEADER}{OWN}");
    let (old, _, _) = encoding_rs::WINDOWS_1251.encode(&file);
    assert_eq!(counts(&import(&deputy, "", old.into_owned()).await), (1, 0, 0));
    assert_eq!(counts(&import(&deputy, "", file).await), (0, 0, 1));
    hub.stop().await;
}

#[tokio::test]
async fn one_mistake_keeps_the_whole_file_out_and_is_named_by_cell() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let file = format!("{HEADER}{OWN}{}", OTHERS.replace("Физика", "Алхимия"));
    let answer = import(&deputy, "", file).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "import_rejected"));
    let error = &answer.body["errors"][0];
    assert_eq!((error["line"].as_u64(), error["column"].as_str()), (Some(3), Some("Предмет")), "{error}");
    assert_eq!(counts(&import(&deputy, "", format!("{HEADER}{OWN}")).await), (1, 0, 0), "nothing had been kept");
    hub.stop().await;
}

#[tokio::test]
async fn a_form_with_a_file_is_taken_too() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let form = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cards.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n{HEADER}{OWN}\r\n--cut--\r\n"
    );
    let request = deputy
        .request(Method::POST, "/api/v1/lesson-cards/import")
        .header("origin", hub.url.as_str())
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(form);
    let answer = deputy.send(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(counts(&answer), (1, 0, 0));
    hub.stop().await;
}

#[tokio::test]
async fn a_teacher_brings_in_their_own_cards_and_a_student_none() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    assert_eq!(import(&teacher, "", format!("{HEADER}{OWN}")).await.status, StatusCode::OK);
    assert_eq!(import(&teacher, "", format!("{HEADER}{OTHERS}")).await.code(), "import_rejected");
    let student = hub.sign_in(STUDENT).await;
    assert_eq!(import(&student, "", format!("{HEADER}{OWN}")).await.status, StatusCode::FORBIDDEN);
    let program = hub.token(TEACHER, &["cards.import"]).await;
    assert_eq!(import(&program, "?dry_run=true", format!("{HEADER}{OWN}")).await.status, StatusCode::OK);
    let reader = hub.token(TEACHER, &["timetable.read"]).await;
    assert_eq!(import(&reader, "", format!("{HEADER}{OWN}")).await.status, StatusCode::FORBIDDEN);
    hub.stop().await;
}
