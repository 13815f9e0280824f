//! Joining, resuming, being replaced, the end, and what a restart leaves.

use serde_json::json;
use signaling::ids::RoomId;
use signaling::message::session::{CloseReason, Form};

use super::TestRooms;

#[tokio::test]
async fn a_reload_takes_the_seat_again_with_its_hand_and_the_old_socket_hears_why() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::VideoConference).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (mut old, joined) = hub.join("ann", "r").await;
    old.say(json!({ "type": "hand", "raised": true })).await;
    host.hears("hand_queue").await;
    let mut new = hub.connect("ann").await;
    new.say(json!({ "type": "resume", "room": "r", "token": joined["resume"], "chat_seq": 0 })).await;
    let again = new.hears("joined").await;
    assert_eq!((&again["peer"], &again["resumed"]), (&joined["peer"], &json!(true)));
    assert_eq!(again["hands"], json!([joined["peer"]]));
    assert_eq!(old.hears("closed").await["reason"], "replaced");
    // The old socket's end takes nothing away.
    drop(old);
    new.chats("1").await;
    new.hears("chat_ack").await;
}

#[tokio::test]
async fn a_dropped_socket_resumes_and_gets_the_chat_it_missed() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (ann, joined) = hub.join("ann", "r").await;
    drop(ann);
    let peer = joined["peer"].clone();
    loop {
        let member = host.hears("member_changed").await["member"].clone();
        if member["peer"] == peer && member["connected"] == false {
            break;
        }
    }
    for name in ["1", "2"] {
        host.chats(name).await;
        host.hears("chat_ack").await;
    }
    let mut ann = hub.connect("ann").await;
    ann.say(json!({ "type": "resume", "room": "r", "token": joined["resume"], "chat_seq": 0 })).await;
    let again = ann.hears("joined").await;
    let bodies: Vec<_> = again["chat"]["messages"].as_array().unwrap().iter().map(|m| m["body"].clone()).collect();
    assert_eq!(bodies, ["body 1", "body 2"]);
}

#[tokio::test]
async fn the_clock_closes_the_room_for_everybody_and_the_socket_stays_for_another() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Webinar).await;
    hub.open("next", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (mut ann, _) = hub.join("ann", "r").await;
    host.say(json!({ "type": "join", "room": "next" })).await;
    assert_eq!(host.hears("error").await["code"], "out_of_order");
    hub.rooms.close(&RoomId::new("r"), CloseReason::Ended).await;
    for wire in [&mut host, &mut ann] {
        assert_eq!(wire.hears("closed").await["reason"], "ended");
    }
    host.say(json!({ "type": "join", "room": "next" })).await;
    host.hears("joined").await;
}

#[tokio::test]
async fn attendance_is_kept_as_intervals() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::VideoConference).await;
    let (_host, _) = hub.join("host", "r").await;
    let (mut ann, _) = hub.join("ann", "r").await;
    ann.say(json!({ "type": "leave" })).await;
    assert_eq!(ann.hears("closed").await["reason"], "left");
    hub.rooms.close(&RoomId::new("r"), CloseReason::Ended).await;
    let room = kafedra::domain::ids::ConsultationId::new("r");
    // The room keeps what it was asked to before it goes.
    hub.rooms.shutdown().await;
    while hub.rooms.is_open(&RoomId::new("r")) {
        tokio::task::yield_now().await;
    }
    let stays = hub.store.attendance(&room).await.unwrap();
    let told: Vec<_> = stays.iter().map(|s| (s.person.as_str(), s.role.as_str(), s.left_ms.is_some())).collect();
    assert_eq!(told, [("host", "host", true), ("ann", "recipient", true)]);
}

#[tokio::test]
async fn a_hub_that_stops_tells_everybody_to_reconnect() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let mut idle = hub.connect("ann").await;
    let hub = hub.restart().await;
    for wire in [&mut host, &mut idle] {
        wire.hears("reconnect").await;
        assert_eq!(wire.closed().await, Some(1001));
    }
    drop(hub);
}

#[tokio::test]
async fn one_person_has_a_bounded_number_of_sockets() {
    let hub = TestRooms::start().await;
    let mut wires = Vec::new();
    for _ in 0..5 {
        wires.push(hub.connect("ann").await);
    }
    let mut sixth = hub.dial("ann").await;
    sixth.say(json!({ "type": "hello", "version": 1 })).await;
    assert_eq!(sixth.hears("error").await["code"], "rate_limited");
    assert_eq!(sixth.closed().await, Some(1008));
    hub.connect("bob").await;
}
