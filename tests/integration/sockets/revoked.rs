//! WS-07: sign-in revoked, role lowered, sent out, while connected. The effect comes within a second and no token of the
//! old seat brings it back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signaling::message::session::Form;

use super::{TestRooms, Wire};

async fn resume(hub: &TestRooms, person: &str, joined: &Value) -> Value {
    let mut wire = hub.connect(person).await;
    wire.say(json!({ "type": "resume", "room": "r", "token": joined["resume"], "chat_seq": 0 })).await;
    wire.hears("error").await["code"].clone()
}

async fn seated(hub: &TestRooms) -> (Wire, Wire, Value) {
    hub.open("r", Form::VideoConference).await;
    let (host, _) = hub.join("host", "r").await;
    let (ann, joined) = hub.join("ann", "r").await;
    (host, ann, joined)
}

#[tokio::test]
async fn ws_07_a_revoked_sign_in_ends_the_socket_and_the_seat() {
    let hub = TestRooms::start().await;
    let (mut host, mut ann, joined) = seated(&hub).await;
    let start = Instant::now();
    hub.revoked.send("session of ann".into()).unwrap();
    assert_eq!(ann.hears("error").await["code"], "session_expired");
    assert_eq!(ann.closed().await, Some(4001));
    assert_eq!(host.hears("member_left").await["peer"], joined["peer"]);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(resume(&hub, "ann", &joined).await, "not_found");
}

#[tokio::test]
async fn ws_07_a_sign_in_that_ended_elsewhere_is_noticed_when_access_changes() {
    let hub = TestRooms::start().await;
    let (_host, mut ann, _) = seated(&hub).await;
    hub.gate.signed_out.lock().unwrap().insert("ann".into());
    hub.rooms.access_changed();
    assert_eq!(ann.closed().await, Some(4001));
}

#[tokio::test]
async fn ws_07_a_lowered_role_takes_the_seat_at_once() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::VideoConference).await;
    let (mut second, joined) = hub.join("second", "r").await;
    let start = Instant::now();
    hub.gate.demoted.lock().unwrap().insert("second".into());
    hub.rooms.access_changed();
    assert_eq!(second.hears("closed").await["reason"], "access_ended");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(resume(&hub, "second", &joined).await, "not_found");
    // As what they are now, they may come in.
    second.say(json!({ "type": "join", "room": "r" })).await;
    let again = second.hears("joined").await;
    assert_eq!(again["rights"]["moderate"], false);
}

#[tokio::test]
async fn ws_07_a_seat_waiting_for_its_socket_does_not_outlive_the_role() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::VideoConference).await;
    let (second, joined) = hub.join("second", "r").await;
    drop(second);
    hub.gate.demoted.lock().unwrap().insert("second".into());
    assert_eq!(resume(&hub, "second", &joined).await, "not_found");
}

#[tokio::test]
async fn ws_07_who_was_sent_out_cannot_resume_nor_join() {
    let hub = TestRooms::start().await;
    let (mut host, mut ann, joined) = seated(&hub).await;
    let start = Instant::now();
    host.say(json!({ "type": "remove_member", "peer": joined["peer"] })).await;
    assert_eq!(ann.hears("closed").await["reason"], "removed");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(resume(&hub, "ann", &joined).await, "not_found");
    ann.say(json!({ "type": "join", "room": "r" })).await;
    assert_eq!(ann.hears("error").await["code"], "removed_from_room");
}

#[tokio::test]
async fn ws_07_the_ban_holds_after_a_restart() {
    let hub = TestRooms::start().await;
    let (mut host, mut ann, joined) = seated(&hub).await;
    host.say(json!({ "type": "remove_member", "peer": joined["peer"] })).await;
    ann.hears("closed").await;
    let hub = hub.restart().await;
    hub.open("r", Form::VideoConference).await;
    let (_host, _) = hub.join("host", "r").await;
    let mut ann = hub.connect("ann").await;
    ann.say(json!({ "type": "join", "room": "r" })).await;
    assert_eq!(ann.hears("error").await["code"], "removed_from_room");
}
