//! WS-08: a flooder is limited, then cut off; the others do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use serde_json::json;
use signaling::message::session::Form;
use tokio_tungstenite::tungstenite::Message;

use super::{TestRooms, Wire, median, p99};

/// Pairs of a calm and a flooded spell, and messages in each spell. Spells follow each other closely, so that what else
/// the machine does falls on both alike.
const ROUNDS: usize = 7;
const SAMPLES: usize = 120;
/// What one person may say at once.
const BURST: usize = 20;

/// The delays of one spell, from the writer to another reader. Each writer is new and within the chat's limit.
async fn spell(hub: &TestRooms, reader: &mut Wire, name: &str) -> Duration {
    let mut delays = Vec::with_capacity(SAMPLES);
    for writer in 0..SAMPLES / BURST {
        let person = format!("{name}-{writer}");
        let (mut wire, _) = hub.join(&person, "r").await;
        for n in 0..BURST {
            let start = Instant::now();
            wire.chats(&format!("{name}-{writer}-{n}")).await;
            reader.hears("chat_message").await;
            delays.push(start.elapsed());
        }
        wire.say(json!({ "type": "leave" })).await;
        wire.hears("closed").await;
    }
    p99(&mut delays)
}

/// A thousand messages a second, on a thread of its own, for as long as `on` says: who is cut off comes again at once. The
/// number of times that was with 4029 is counted.
fn flooder(
    address: std::net::SocketAddr,
    size: usize,
    on: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    cut: Arc<AtomicU64>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let text = json!({ "type": "quality", "pad": "x".repeat(size) }).to_string();
        while !stop.load(Ordering::Relaxed) {
            let url = format!("ws://{address}/ws?person=eve");
            let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
            let mut eve = Wire { socket };
            eve.say(json!({ "type": "hello", "version": 1 })).await;
            eve.hears("welcome").await;
            eve.say(json!({ "type": "join", "room": "r" })).await;
            eve.hears("joined").await;
            let mut tick = tokio::time::interval(Duration::from_millis(1));
            let (mut flooding, mut limited) = (None, 0);
            loop {
                tokio::select! {
                    biased;
                    heard = eve.next() => match heard {
                        Ok(message) if message["code"] == "rate_limited" => limited += 1,
                        Ok(_) => {}
                        Err(Some(4029)) => {
                            assert!(limited >= 1, "cut off without a warning");
                            cut.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        // The reset overtook the close.
                        Err(None) => break,
                        Err(code) => panic!("closed with {code:?}"),
                    },
                    _ = tick.tick() => {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        if !on.load(Ordering::Relaxed) {
                            flooding = None;
                            continue;
                        }
                        let since: &mut Instant = flooding.get_or_insert_with(Instant::now);
                        assert!(since.elapsed() < Duration::from_secs(12), "a flooder is still there");
                        let _ = eve.socket.feed(Message::text(text.clone())).await;
                        let _ = eve.socket.flush().await;
                    }
                }
            }
        }
    });
}

async fn check(size: usize) {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (on, stop, cut) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let (address, flags) = (hub.address, (on.clone(), stop.clone(), cut.clone()));
    let attack = std::thread::spawn(move || flooder(address, size, flags.0, flags.1, flags.2));
    let (mut calm, mut flooded) = (Vec::new(), Vec::new());
    spell(&hub, &mut host, "warm").await;
    for round in 0..ROUNDS {
        on.store(false, Ordering::Relaxed);
        calm.push(spell(&hub, &mut host, &format!("calm-{round}")).await);
        on.store(true, Ordering::Relaxed);
        flooded.push(spell(&hub, &mut host, &format!("flood-{round}")).await);
    }
    // Spells may be over before the third strike: let the flood run into it.
    crate::client::until("the flooder is cut off", || cut.load(Ordering::Relaxed) > 0).await;
    stop.store(true, Ordering::Relaxed);
    attack.join().unwrap();
    let (before, during) = (median(&mut calm), median(&mut flooded));
    println!(
        "WS-08, {size} bytes: p99 {before:?} calm, {during:?} flooded, cut off {} times",
        cut.load(Ordering::Relaxed)
    );
    assert!(
        during < before * 2,
        "others waited {during:?} (median of p99s {flooded:?}), {before:?} without ({calm:?})"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_08_a_flood_of_small_messages_is_cut_off_and_delays_nobody() {
    check(60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_08_a_flood_of_large_messages_is_cut_off_and_delays_nobody() {
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
