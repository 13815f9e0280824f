//! WS-09: a reader that stops reading while the room talks on. It is cut off, nobody else notices, and it catches up by
//! sequence numbers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use signaling::message::session::Form;
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::Message;

use super::{TestRooms, Wire, p99};

/// Forty people, five messages a second each: what the chat's limit lets through.
const WRITERS: u64 = 40;
const EVERY: Duration = Duration::from_millis(200);

/// Says things until told to stop, then waits until all of them are kept. Gives how many.
async fn write(mut wire: Wire, who: u64, since: Instant, stop: Arc<AtomicBool>) -> u64 {
    // Spread over the interval, so that the room hears an even 200 a second.
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + EVERY * who as u32 / WRITERS as u32, EVERY);
    let pad = "слово ".repeat(60);
    let (mut said, mut kept) = (0, 0);
    loop {
        tokio::select! {
            heard = wire.socket.next() => {
                let Message::Text(text) = heard.unwrap().unwrap() else { continue };
                assert!(!text.contains("rate_limited"), "{text}");
                kept += u64::from(text.contains(r#""type":"chat_ack""#));
                if kept == said && stop.load(Ordering::Relaxed) {
                    return said;
                }
            }
            _ = tick.tick(), if !stop.load(Ordering::Relaxed) => {
                said += 1;
                let body = format!("{} {pad}", since.elapsed().as_micros());
                let message = json!({ "type": "chat_send", "client_msg_id": format!("{who}-{said}"), "body": body });
                wire.socket.send(Message::text(message.to_string())).await.unwrap();
            }
        }
    }
}

/// How long a message took from its writer to here.
fn delay(message: &Value, since: Instant) -> Duration {
    let sent: u64 = message["body"].as_str().unwrap().split(' ').next().unwrap().parse().unwrap();
    since.elapsed().saturating_sub(Duration::from_micros(sent))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_09_a_reader_that_stops_is_cut_off_and_catches_up() {
    // Whatever else the machine does comes and goes; what the reader does to the others would show each time.
    for _ in 0..4 {
        let (before, during) = stop_reading().await;
        if during < (before * 2).max(Duration::from_millis(50)) {
            return;
        }
        println!("others waited {during:?} (p99), {before:?} before");
    }
    panic!("others notice a reader that stops");
}

/// The whole story; gives the p99 of the others' waiting before and during it.
async fn stop_reading() -> (Duration, Duration) {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(hub.address).await.unwrap();
    let (mut slow, joined) = hub.join_over(stream, "slow", "r").await;
    let (since, stop) = (Instant::now(), Arc::<AtomicBool>::default());
    let mut writers = Vec::new();
    for who in 0..WRITERS {
        let (wire, _) = hub.join(&format!("writer-{who}"), "r").await;
        writers.push(tokio::spawn(write(wire, who, since, stop.clone())));
    }

    // While everybody reads.
    let (mut calm, mut seen) = (Vec::new(), 0);
    while calm.len() < 600 {
        let heard = async { delay(&host.hears("chat_message").await, since) };
        let (message, delay) = tokio::join!(slow.hears("chat_message"), heard);
        seen = message["seq"].as_u64().unwrap();
        calm.push(delay);
    }

    // From here on `slow` reads nothing.
    let start = Instant::now();
    let (mut others, mut cut) = (Vec::new(), None);
    while cut.is_none() {
        let message = host.next().await.unwrap();
        match message["type"].as_str().unwrap() {
            "chat_message" => others.push(delay(&message, since)),
            "member_changed" if message["member"]["peer"] == joined["peer"] => {
                assert_eq!(message["member"]["connected"], false);
                cut = Some(start.elapsed());
            }
            _ => {}
        }
        assert!(start.elapsed() < Duration::from_secs(20), "a reader that stopped is still in after 20 s");
    }
    let cut = cut.unwrap();
    // 1 MiB behind, or one write of 10 s; the kernel's own buffers fill before.
    assert!(cut < Duration::from_secs(11), "cut off after {cut:?}");
    let (before, during) = (p99(&mut calm), p99(&mut others));
    let rate = others.len() as f64 / cut.as_secs_f64();
    assert!(rate > 150.0, "the room had {rate} messages a second");

    // It reads again: what was on its way, then the end, by its code.
    let code = loop {
        match slow.next().await {
            Ok(message) if message["type"] == "chat_message" => {
                assert_eq!(message["seq"].as_u64().unwrap(), seen + 1, "no message is skipped before the end");
                seen += 1;
            }
            Ok(_) => {}
            Err(code) => break code,
        }
    };
    assert_eq!(code, Some(4008));
    stop.store(true, Ordering::Relaxed);
    let mut total = 0;
    for writer in writers {
        total += writer.await.unwrap();
    }

    // And comes back: the rest is there, each once.
    let mut back = hub.connect("slow").await;
    back.say(json!({ "type": "resume", "room": "r", "token": joined["resume"], "chat_seq": seen })).await;
    let again = back.hears("joined").await;
    assert_eq!(again["resumed"], true);
    let mut missing: BTreeSet<u64> = (seen + 1..=total).collect();
    let mut page = again["chat"]["messages"].clone();
    loop {
        let numbers: Vec<u64> = page.as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap()).collect();
        for number in &numbers {
            missing.remove(number);
        }
        let Some(oldest) = numbers.iter().min().copied().filter(|oldest| *oldest > seen + 1) else { break };
        if missing.is_empty() {
            break;
        }
        back.say(json!({ "type": "chat_history", "before_seq": oldest, "limit": 100 })).await;
        page = back.hears("chat_history").await["messages"].clone();
    }
    assert!(missing.is_empty(), "{} of {total} messages are lost", missing.len());
    println!("WS-09: cut off after {cut:?}; p99 of the others {during:?}, {before:?} before; caught up to {total}");
    (before, during)
}
