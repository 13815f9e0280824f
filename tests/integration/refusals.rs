//! Refusals that depend on the hour, as programs and browsers get them over HTTP: with their code, before and after.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Client as Media;
use crate::hub::{Answer, Client, OTHER_STUDENT, OTHER_TEACHER, STUDENT, TestHub};
use crate::lessons::{connect, join, open};

/// What a program gets that wants to watch a room.
async fn watch(program: &Client, room: &str, offer: &str) -> Answer {
    let path = format!("/api/v1/rooms/{room}/whep");
    let request = program.request(Method::POST, &path).header("content-type", "application/sdp");
    program.send(request.body(offer.to_owned())).await
}

#[track_caller]
fn refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.body);
}

fn in_state(state: &str) -> impl Fn(&Value) -> bool {
    move |item| item["state"] == state && item["form"] != "individual"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_too_early_before_its_time_and_too_late_after() {
    let hub = TestHub::start().await;
    let offer = Media::watcher().await.offer().await;
    let (teacher, program) = (hub.sign_in(OTHER_TEACHER).await, hub.token(OTHER_TEACHER, &["room.watch"]).await);
    let planned = teacher.find(in_state("planned")).await.expect("the demo school has lessons ahead");
    let early = watch(&program, &planned, &offer).await;
    refused(&early, StatusCode::CONFLICT, "too_early");
    let wait: u64 = early.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait > 0, "{}", early.body);

    // The same lesson a day after its end.
    let lesson = teacher.get(&format!("/api/v1/consultations/{planned}")).await.body;
    let end: jiff::Timestamp = lesson["end"].as_str().unwrap().parse().unwrap();
    hub.clock.advance_ms(end.as_millisecond() + 86_400_000 - hub.clock.now_ms());
    let program = hub.token(OTHER_TEACHER, &["room.watch"]).await;
    refused(&watch(&program, &planned, &offer).await, StatusCode::CONFLICT, "too_late");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pupils_program_does_not_wait_for_the_host() {
    let hub = TestHub::start().await;
    let offer = Media::watcher().await.offer().await;
    let (host, student) = (hub.sign_in(OTHER_TEACHER).await, hub.sign_in(OTHER_STUDENT).await);
    let room = open(&student, "video_conference").await["room"].as_str().unwrap().to_owned();
    // Whoever sees it live has waited for the room itself.
    let mut pupil = connect(&student).await;
    assert_eq!(join(&mut pupil, &room).await["type"], "waiting");
    let program = hub.token(OTHER_STUDENT, &["room.watch"]).await;
    refused(&watch(&program, &room, &offer).await, StatusCode::CONFLICT, "host_absent");
    let mut wire = connect(&host).await;
    assert_eq!(join(&mut wire, &room).await["type"], "joined");
    assert_eq!(watch(&program, &room, &offer).await.status, StatusCode::CREATED);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opinions_have_their_time() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let planned = student.find(in_state("planned")).await.expect("the demo school has lessons ahead");
    let said = json!({ "score": 5, "helped": true });
    let path = format!("/api/v1/consultations/{planned}/feedback");
    let give = async |client: Client| client.send(client.request(Method::PUT, &path).json(&said)).await;
    refused(&give(student.clone()).await, StatusCode::CONFLICT, "too_early");
    refused(&give(hub.client()).await, StatusCode::UNAUTHORIZED, "not_authenticated");
    refused(&hub.client().get("/api/v1/timetable").await, StatusCode::UNAUTHORIZED, "not_authenticated");
    let complaint = json!({ "kind": "untimely", "text": "Консультации не было" });
    let complaints = format!("/api/v1/consultations/{planned}/complaints");
    refused(&student.post(&complaints, &complaint).await, StatusCode::CONFLICT, "too_early");
    hub.stop().await;
}
