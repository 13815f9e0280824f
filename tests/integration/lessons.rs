//! A lesson of the demo school over the whole hub: the timetable opens it, the door knows who may come in as what, the
//! store keeps what was written.

mod closing;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::hub::{Client, DEPUTY, OTHER_STUDENT, STUDENT, TestHub};
use crate::sockets::Wire;

/// An open consultation of this form in the person's timetable.
pub async fn open(client: &Client, form: &str) -> Value {
    let found = async {
        loop {
            let items = client.timetable().await;
            let is_it = |item: &&Value| item["form"] == form && (item["state"] == "open" || item["state"] == "live");
            if let Some(item) = items.iter().find(is_it) {
                return item.clone();
            }
        }
    };
    timeout(Duration::from_secs(10), found).await.unwrap_or_else(|_| panic!("no open {form}"))
}

/// A socket of this person, after `hello`.
pub async fn connect(client: &Client) -> Wire {
    let answer = client.post("/api/v1/session/ticket", &json!({})).await;
    let ticket = answer.body["ticket"].as_str().unwrap().to_owned();
    let (socket, _) =
        tokio_tungstenite::connect_async(format!("{}/ws", client.url.replacen("http", "ws", 1))).await.unwrap();
    let mut wire = Wire { socket };
    wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
    wire.hears("welcome").await;
    wire
}

/// Joins; a room that the scheduler opens this very moment answers `unavailable` or `too_early` first.
pub async fn join(wire: &mut Wire, room: &str) -> Value {
    let seated = async {
        loop {
            wire.say(json!({ "type": "join", "room": room })).await;
            loop {
                let message = wire.next().await.unwrap();
                match message["type"].as_str().unwrap() {
                    "joined" | "waiting" => return message,
                    "error" if message["code"] == "unavailable" || message["code"] == "too_early" => {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        break;
                    }
                    "error" => return message,
                    _ => {}
                }
            }
        }
    };
    timeout(Duration::from_secs(10), seated).await.expect("no seat")
}

/// The host's code, from the timetable: persons are shown by id there.
async fn host_of(hub: &TestHub, item: &Value) -> Client {
    for code in ["T-014", "T-021", "T-007"] {
        let client = hub.sign_in(code).await;
        if client.me["person"]["id"] == item["host"]["id"] {
            return client;
        }
    }
    panic!("nobody hosts {item}");
}

#[tokio::test]
async fn a_student_waits_for_the_teacher_and_the_lesson_goes_live() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(OTHER_STUDENT).await;
    let item = open(&student, "video_conference").await;
    let room = item["room"].as_str().unwrap();
    let mut ann = connect(&student).await;
    let waiting = join(&mut ann, room).await;
    assert_eq!((&waiting["type"], &waiting["reason"]), (&json!("waiting"), &json!("host_absent")));
    let teacher = host_of(&hub, &item).await;
    let mut host = connect(&teacher).await;
    let joined = join(&mut host, room).await;
    assert_eq!((&joined["room"]["state"], &joined["rights"]["moderate"]), (&json!("live"), &json!(true)));
    assert_eq!(ann.hears("joined").await["rights"]["publish_audio"], true);
    let live = async {
        loop {
            let answer = student.get(&format!("/api/v1/consultations/{room}")).await;
            if answer.body["state"] == "live" {
                return;
            }
        }
    };
    timeout(Duration::from_secs(5), live).await.expect("the timetable does not say that it is live");
    hub.stop().await;
}

#[tokio::test]
async fn who_does_not_belong_there_is_refused_and_who_supervises_observes() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(OTHER_STUDENT).await;
    let item = open(&student, "video_conference").await;
    let room = item["room"].as_str().unwrap();
    let other = hub.sign_in(STUDENT).await;
    let mut eve = connect(&other).await;
    assert_eq!(join(&mut eve, room).await["code"], "not_on_roster");
    assert_eq!(join(&mut eve, "no-such-room").await["code"], "not_on_timetable");
    let mut deputy = connect(&hub.sign_in(DEPUTY).await).await;
    let joined = join(&mut deputy, room).await;
    assert_eq!((&joined["rights"]["publish_audio"], &joined["rights"]["moderate"]), (&json!(false), &json!(false)));
    hub.stop().await;
}

#[tokio::test]
async fn what_a_host_does_over_the_socket_is_in_the_journal_with_their_role_and_from_where() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(OTHER_STUDENT).await;
    let item = open(&student, "video_conference").await;
    let room = item["room"].as_str().unwrap();
    let teacher = host_of(&hub, &item).await;
    let mut host = connect(&teacher).await;
    join(&mut host, room).await;
    let mut ann = connect(&student).await;
    let seat = join(&mut ann, room).await;
    assert_eq!(seat["type"], "joined", "{seat}");
    host.say(json!({ "type": "mute_member", "kind": "microphone" })).await;
    host.say(json!({ "type": "remove_member", "peer": seat["peer"] })).await;
    assert_eq!(ann.hears("closed").await["reason"], "removed");
    host.say(json!({ "type": "end_room" })).await;
    assert_eq!(host.hears("closed").await["reason"], "ended_by_host");
    // They were together for less than what counts.
    let acts = ["consultation.live", "room.moderate", "room.remove", "room.end", "consultation.not_held"];
    for action in acts {
        let answer = teacher.get(&format!("/api/v1/journal?action={action}")).await;
        let rows = answer.body["items"].as_array().unwrap();
        let row = rows.iter().find(|row| row["object_id"] == room).unwrap_or_else(|| panic!("{action}: {rows:?}"));
        assert_eq!(
            (&row["actor"], &row["role"], &row["from"]),
            (&teacher.me["person"]["display_name"], &json!("teacher"), &json!("hub")),
            "{action}: {row}"
        );
    }
    hub.stop().await;
}

#[tokio::test]
async fn chat_and_seats_survive_a_restart_of_the_hub() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let item = open(&student, "chat").await;
    let room = item["room"].as_str().unwrap();
    let mut host = connect(&host_of(&hub, &item).await).await;
    join(&mut host, room).await;
    host.chats("1").await;
    host.hears("chat_ack").await;
    let hub = hub.restart().await;
    host.hears("reconnect").await;
    let mut host = connect(&host_of(&hub, &item).await).await;
    let joined = join(&mut host, room).await;
    assert_eq!(joined["chat"]["messages"][0]["body"], "body 1", "{joined}");
    assert_eq!(joined["room"]["state"], "live");
    hub.stop().await;
}

#[tokio::test]
async fn the_clock_ends_a_lesson_and_its_people_are_told() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(OTHER_STUDENT).await;
    let item = open(&student, "video_conference").await;
    let room = item["room"].as_str().unwrap();
    let ms = |name: &str| item[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(ms("closes_at") - ms("end"), 10 * 60_000, "{item}");
    let teacher = host_of(&hub, &item).await;
    let mut host = connect(&teacher).await;
    assert_eq!(join(&mut host, room).await["type"], "joined");
    let mut ann = connect(&student).await;
    assert_eq!(join(&mut ann, room).await["type"], "joined");
    let state = || async {
        student.get(&format!("/api/v1/consultations/{room}")).await.body["state"].as_str().unwrap().to_owned()
    };
    // The scheduler is to know of the teacher before the time passes.
    let live = async { while state().await != "live" {} };
    timeout(Duration::from_secs(5), live).await.expect("it is not live");
    // In strides shorter than the idle limit of a sign-in, and with a sign of life after each: one leap over the whole lesson
    // would end the sign-ins before the lesson.
    loop {
        let left = ms("closes_at") - hub.clock.now_ms();
        hub.clock.advance_ms(left.min(15 * 60_000));
        if left <= 15 * 60_000 {
            break;
        }
        for client in [&student, &teacher] {
            assert_eq!(client.get("/api/v1/me").await.status, 200);
        }
    }
    for wire in [&mut ann, &mut host] {
        let closed = wire.hears("closed").await;
        assert_eq!((&closed["reason"], &closed["room"]), (&json!("ended"), &json!(room)));
    }
    assert_eq!(state().await, "held");
    hub.stop().await;
}
