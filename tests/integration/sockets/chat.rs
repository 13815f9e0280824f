//! SG-11 over sockets, and chat across a restart of the hub.

use serde_json::json;
use signaling::message::session::Form;

use super::TestRooms;

#[tokio::test]
async fn sg_11_a_repeated_message_is_one_row_one_seq_and_the_same_acknowledgement() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (mut ann, joined) = hub.join("ann", "r").await;
    let mut acks = Vec::new();
    for _ in 0..10 {
        ann.chats("same").await;
        acks.push(ann.hears("chat_ack").await);
    }
    // Across a resume, and from another device.
    drop(ann);
    let mut ann = hub.connect("ann").await;
    ann.say(json!({ "type": "resume", "room": "r", "token": joined["resume"], "chat_seq": 0 })).await;
    ann.hears("joined").await;
    let (mut other, _) = hub.join("ann", "r").await;
    for wire in [&mut ann, &mut other] {
        wire.chats("same").await;
        acks.push(wire.hears("chat_ack").await);
    }
    assert!(acks.windows(2).all(|pair| pair[0] == pair[1]), "{acks:?}");
    host.chats("after").await;
    let (first, second) = (host.hears("chat_message").await, host.hears("chat_message").await);
    assert_eq!((&first["body"], &first["seq"]), (&json!("body same"), &json!(1)));
    assert_eq!((&second["body"], &second["seq"]), (&json!("body after"), &json!(2)));
}

#[tokio::test]
async fn acknowledged_chat_survives_a_restart_and_goes_on_counting() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    for n in 1..=15 {
        host.chats(&n.to_string()).await;
        assert_eq!(host.hears("chat_ack").await["seq"], n);
    }
    let hub = hub.restart().await;
    hub.open("r", Form::Chat).await;
    let (mut host, joined) = hub.join("host", "r").await;
    let chat = &joined["chat"];
    assert_eq!((chat["messages"].as_array().unwrap().len(), &chat["last_seq"]), (15, &json!(15)));
    // What was sent before the restart and is sent again after it is the same message.
    host.chats("15").await;
    assert_eq!(host.hears("chat_ack").await["seq"], 15);
    host.chats("16").await;
    assert_eq!(host.hears("chat_ack").await["seq"], 16);
}

#[tokio::test]
async fn edits_and_deletions_reach_everybody_and_history_shows_them() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (mut ann, _) = hub.join("ann", "r").await;
    ann.chats("1").await;
    let message = ann.hears("chat_ack").await["message"].clone();
    ann.say(json!({ "type": "chat_edit", "message": message, "body": "better" })).await;
    assert_eq!(host.hears("chat_changed").await["message"]["body"], "better");
    host.say(json!({ "type": "chat_edit", "message": message, "body": "worse" })).await;
    assert_eq!(host.hears("error").await["code"], "role_not_permitted");
    host.say(json!({ "type": "chat_delete", "message": message })).await;
    let deleted = ann.hears("chat_changed").await;
    let deleted = if deleted["message"]["deleted"] == true { deleted } else { ann.hears("chat_changed").await };
    assert_eq!((&deleted["message"]["deleted"], &deleted["message"]["body"]), (&json!(true), &json!("")));
    ann.say(json!({ "type": "chat_history", "limit": 10 })).await;
    assert_eq!(ann.hears("chat_history").await["messages"][0]["deleted"], true);
}

#[tokio::test]
async fn a_locked_chat_refuses_recipients_with_its_code_and_hears_hosts() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Webinar).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (mut ann, _) = hub.join("ann", "r").await;
    let policy =
        json!({ "microphones_locked": false, "cameras_locked": false, "chat_locked": true, "admission": false });
    host.say(json!({ "type": "room_policy", "policy": policy })).await;
    // The answer to a message of the host's own says that the switch has been read.
    host.chats("first").await;
    host.hears("chat_ack").await;
    ann.chats("1").await;
    assert_eq!(ann.hears("error").await["code"], "room_locked");
}

/// Slow mode is refused with its code and says how long to wait.
#[tokio::test]
async fn slow_mode_is_refused_with_its_code_and_the_time_to_wait() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Webinar).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (mut ann, _) = hub.join("ann", "r").await;
    let policy = json!({
        "microphones_locked": false, "cameras_locked": false, "chat_locked": false, "admission": false, "slow_mode_s": 60
    });
    host.say(json!({ "type": "room_policy", "policy": policy })).await;
    host.chats("first").await;
    host.hears("chat_ack").await;
    ann.chats("1").await;
    ann.hears("chat_ack").await;
    ann.chats("2").await;
    let refused = ann.hears("error").await;
    assert_eq!((&refused["code"], &refused["request"]), (&json!("slow_mode"), &json!("chat_send")));
    let wait = refused["retry_after_ms"].as_u64().unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
}
