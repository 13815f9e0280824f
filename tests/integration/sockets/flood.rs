//! WS-08: a flooder is limited, then cut off; the others do not notice.

use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use serde_json::json;
use signaling::message::session::Form;
use tokio_tungstenite::tungstenite::Message;

use super::TestRooms;

/// How long the slowest of a few dozen chat messages takes from one client to another.
async fn slowest(sender: &mut super::Wire, reader: &mut super::Wire, name: &str) -> Duration {
    let mut worst = Duration::ZERO;
    for n in 0..12 {
        let start = Instant::now();
        sender.chats(&format!("{name}{n}")).await;
        reader.hears("chat_message").await;
        worst = worst.max(start.elapsed());
        // Under the chat limit of 5 a second with its burst of 20.
    }
    worst
}

async fn check(size: usize) {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (mut bob, _) = hub.join("bob", "r").await;
    let (mut eve, _) = hub.join("eve", "r").await;
    let calm = slowest(&mut host, &mut bob, "calm").await;
    let flood = tokio::spawn(async move {
        let text = json!({ "type": "quality", "pad": "x".repeat(size) }).to_string();
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        let start = Instant::now();
        loop {
            tick.tick().await;
            if eve.socket.send(Message::text(text.clone())).await.is_err() {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(12), "a flooder is still there");
        }
        let mut limited = 0;
        loop {
            match eve.next().await {
                Ok(message) if message["code"] == "rate_limited" => limited += 1,
                Ok(_) => {}
                Err(code) => return (limited, code),
            }
        }
    });
    let meanwhile = slowest(&mut bob, &mut host, "flood").await;
    let (limited, code) = flood.await.unwrap();
    assert!(limited >= 1, "never told");
    assert_eq!(code, Some(4029));
    // A shared test machine hiccups; twenty times is still no harm a person would see.
    let most = (calm * 20).max(Duration::from_millis(500));
    assert!(meanwhile < most, "others waited {meanwhile:?}, {calm:?} without the flood");
}

#[tokio::test]
async fn ws_08_a_flood_of_small_messages_is_cut_off() {
    check(60).await;
}

#[tokio::test]
async fn ws_08_a_flood_of_large_messages_is_cut_off() {
    check(60_000).await;
}

#[tokio::test]
async fn chat_faster_than_the_limit_is_refused_by_its_own_name() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    for n in 0..21 {
        host.chats(&n.to_string()).await;
    }
    let refused = host.hears("error").await;
    assert_eq!((&refused["code"], &refused["client_msg_id"]), (&json!("rate_limited"), &json!("20")));
    assert!(refused["retry_after_ms"].as_u64().unwrap() <= 1_000);
}
