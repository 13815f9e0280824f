//! A technical fault and the emergency close: who may, what people in the room and at home learn, and what evidence keeps.

use std::io::Cursor;

use calamine::Reader as _;
use kafedra::domain::consultation::{Event, Timing, Timings};
use kafedra::domain::ids::ConsultationId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{connect, host_of, join, open};
use crate::client::until_async;
use crate::hub::{ADMIN, Client, DEPUTY, OTHER_STUDENT, STUDENT, TestHub};

async fn notices(client: &Client, kind: &str) -> Vec<Value> {
    let list = client.get("/api/v1/notices").await.body;
    let items = list["items"].as_array().unwrap().iter().map(|item| item["notice"].clone());
    items.filter(|notice| notice["kind"] == kind).collect()
}

#[tokio::test]
async fn an_administrator_closes_a_lesson_for_everybody_and_evidence_tells_it_from_an_absent_host() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(OTHER_STUDENT).await;
    let item = open(&student, "video_conference").await;
    let room = item["room"].as_str().unwrap();
    let path = format!("/api/v1/consultations/{room}/close");
    let close = |kind: &str, reason: &str| json!({ "kind": kind, "reason": reason });
    let teacher = host_of(&hub, &item).await;
    let mut host = connect(&teacher).await;
    join(&mut host, room).await;
    let mut ann = connect(&student).await;
    join(&mut ann, room).await;
    assert_eq!(student.get(&format!("/api/v1/consultations/{room}")).await.body["may_close"], false);

    let other =
        if teacher.me["person"]["id"] == hub.sign_in("T-014").await.me["person"]["id"] { "T-007" } else { "T-014" };
    for code in [OTHER_STUDENT, STUDENT, "G-01", other, "Z-001"] {
        let answer = hub.sign_in(code).await.post(&path, &close("emergency", "x")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{code}: {}", answer.body);
    }
    let admin = hub.sign_in(ADMIN).await;
    assert_eq!(admin.get(&format!("/api/v1/consultations/{room}")).await.body["may_close"], true);
    assert_eq!(teacher.post(&path, &close("fault", " ")).await.code(), "reason_required");
    assert_eq!(admin.post(&path, &close("party", "x")).await.status, StatusCode::BAD_REQUEST);
    let closed = admin.post(&path, &close("emergency", "Пожарная тревога")).await;
    assert_eq!(closed.status, StatusCode::OK, "{}", closed.body);
    assert_eq!((&closed.body["state"], &closed.body["not_held_reason"]), (&json!("not_held"), &json!("technical")));
    assert_eq!(
        (&closed.body["incident"], &closed.body["close_reason"]),
        (&json!("emergency"), &json!("Пожарная тревога"))
    );
    assert_eq!(host.hears("closed").await["reason"], "technical");
    assert_eq!(ann.hears("closed").await["reason"], "technical");
    let again = teacher.post(&path, &close("fault", "ещё раз")).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "illegal_transition"));

    // Host and recipients learn why; the deputy head learns of it as oversight.
    for client in [&student, &teacher] {
        let told = notices(client, "consultation_fell_through").await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["reason"], &told[0]["said"]), (&json!("technical"), &json!("Пожарная тревога")));
    }
    let deputy = hub.sign_in(DEPUTY).await;
    let told = notices(&deputy, "consultation_not_held").await;
    assert!(told.iter().any(|one| one["lesson"]["id"] == room && one["reason"] == "technical"), "{told:?}");

    // Evidence: an incident with its words, nobody's absence, no hours.
    let report = deputy.get("/api/v1/reports/evidence").await.body;
    let incident = report["incidents"].as_array().unwrap().iter().find(|one| one["consultation"] == room).unwrap();
    assert_eq!((&incident["kind"], &incident["reason"]), (&json!("emergency"), &json!("Пожарная тревога")));
    assert_eq!(incident["by"], admin.me["person"]["display_name"]);
    let rows = |metric: &'static str| {
        let deputy = deputy.clone();
        async move { deputy.get(&format!("/api/v1/reports/evidence/rows?metric={metric}")).await.body }
    };
    let tech = rows("tech_ok").await;
    let row = tech["rows"].as_array().unwrap().iter().find(|row| row["id"] == room).unwrap().clone();
    let behind = row["behind"].as_array().unwrap().iter().find(|one| one["code"] == "emergency").unwrap();
    assert_eq!(behind["said"], "Пожарная тревога");
    let punctual = rows("punctuality").await;
    assert!(!punctual["rows"].as_array().unwrap().iter().any(|row| row["id"] == room), "not the host's");
    let store = &hub.app().state.store;
    let book =
        deputy.request(Method::GET, "/api/v1/reports/evidence.xlsx").send().await.unwrap().bytes().await.unwrap();
    let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(book.to_vec())).unwrap();
    let sheet = book.worksheet_range("Технические сбои").unwrap();
    assert!(sheet.rows().any(|row| row[5] == "Пожарная тревога"));
    assert!(kafedra::store::audit::verify(store).await.unwrap().is_intact());
    hub.stop().await;
}

#[tokio::test]
async fn a_host_declares_a_fault_and_guardians_at_home_learn_of_it() {
    let hub = TestHub::start().await;
    let child = hub.sign_in(STUDENT).await;
    let item = open(&child, "chat").await;
    let teacher = host_of(&hub, &item).await;
    let path = format!("/api/v1/consultations/{}/close", item["id"].as_str().unwrap());
    let fault = json!({ "kind": "fault", "reason": "Нет интернета в школе" });
    // Who has not come cannot turn that into a fault, and the school's people do not declare any.
    assert_eq!(teacher.post(&path, &fault).await.code(), "illegal_transition");
    for code in [DEPUTY, ADMIN] {
        let answer = hub.sign_in(code).await.post(&path, &fault).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"), "{code}");
    }
    let mut host = connect(&teacher).await;
    join(&mut host, item["room"].as_str().unwrap()).await;
    let view = path.trim_end_matches("/close");
    until_async("the host has begun", async || teacher.get(view).await.body["state"] == "live").await;
    let closed = teacher.post(&path, &fault).await;
    assert_eq!((closed.status, &closed.body["incident"]), (StatusCode::OK, &json!("fault")), "{}", closed.body);
    let guardian = hub.sign_in("G-01").await;
    let told = notices(&guardian, "consultation_fell_through").await;
    assert!(
        told.iter().any(|one| one["lesson"]["id"] == item["id"] && one["said"] == "Нет интернета в школе"),
        "{told:?}"
    );
    hub.stop().await;
}

#[tokio::test]
async fn who_waited_for_a_host_who_did_not_come_is_told() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let planned = student.timetable().await;
    // The last one: the scheduler itself opens what begins within ten minutes.
    let item = planned.iter().rfind(|item| item["state"] == "planned" && item["audience"]["students"] == true);
    let item = item.expect("the demonstration plans two weeks");
    let store = hub.app().state.store.clone();
    let id = ConsultationId::new(item["id"].as_str().unwrap());
    let start_ms = store.consultation(&id).await.unwrap().start_ms;
    for at_ms in [start_ms - 600_000, start_ms + 900_000] {
        let clock = Event::Clock { shared_ms: 0, down: None };
        store.transition(id.clone(), clock, None, Timings::new(Timing::default()), at_ms).await.unwrap();
    }
    let told = notices(&student, "consultation_fell_through").await;
    assert_eq!(told.iter().map(|one| one["reason"].clone()).collect::<Vec<_>>(), ["no_host"], "{told:?}");
    let deputy = hub.sign_in(DEPUTY).await;
    assert_eq!(notices(&deputy, "consultation_not_held").await.len(), 1);
    hub.stop().await;
}
