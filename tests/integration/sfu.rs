//! The SFU with real sockets and clients of another implementation (the `webrtc` crate).

use std::sync::atomic::Ordering;

use kafedra::sfu::handle::{MediaRoom, OfferError};
use kafedra::sfu::worker::{SfuConfig, start};
use media::model::{OfferRequest, PeerKey, Publish, SfuEvent, SourceKey, SourceKind};
use media::sfu::fault::Fault;
use tokio::sync::mpsc;

use crate::client::{Client, send_until, until, until_async};

const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

pub fn config() -> SfuConfig {
    SfuConfig { bind: vec![LOOPBACK], first_port: 0, tcp_port: None, advertise: vec![LOOPBACK], ..SfuConfig::default() }
}

async fn publish(room: &MediaRoom, peer: u64) -> Client {
    let client = Client::publisher().await;
    let sends = vec![
        ("0".to_owned(), SourceKey(peer * 10), SourceKind::Camera),
        ("1".to_owned(), SourceKey(peer * 10 + 1), SourceKind::Microphone),
    ];
    let offer = OfferRequest { sdp: client.offer().await, sends, allowed: Publish::ALL };
    client.answer(room.offer(PeerKey(peer), offer).await.unwrap()).await;
    for source in [SourceKey(peer * 10), SourceKey(peer * 10 + 1)] {
        room.pause(source, false);
    }
    client.connected().await;
    client
}

async fn watch(room: &MediaRoom, peer: u64) -> Client {
    let client = Client::watcher().await;
    let offer = OfferRequest { sdp: client.offer().await, sends: Vec::new(), allowed: Publish::default() };
    client.answer(room.offer(PeerKey(peer), offer).await.unwrap()).await;
    client.connected().await;
    client
}

async fn event(events: &mut mpsc::Receiver<SfuEvent>, wanted: &SfuEvent) {
    let found = async { while events.recv().await.expect("the room is open") != *wanted {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), found).await.expect("the event comes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_publishes_another_watches_slots_switch_and_rights_cut() {
    let sfu = start(&config()).unwrap();
    let (room, mut events) = sfu.open_room();
    let mut one = publish(&room, 1).await;
    let mut two = publish(&room, 2).await;
    let watcher = watch(&room, 3).await;
    event(&mut events, &SfuEvent::Connected { peer: PeerKey(3) }).await;

    room.slots(PeerKey(3), vec![("0".to_owned(), Some(SourceKey(10)), 1080)]);
    let seen = watcher.seen.clone();
    let arrived = || {
        seen.video.load(Ordering::SeqCst) > 10
            && seen.audio.load(Ordering::SeqCst) > 10
            && seen.mark.load(Ordering::SeqCst) == 1
    };
    send_until("picture and sound of the first", &mut one, 1, arrived).await;
    let added = SfuEvent::SourceAdded { peer: PeerKey(1), source: SourceKey(10), kind: SourceKind::Camera };
    event(&mut events, &added).await;

    room.slots(PeerKey(3), vec![("0".to_owned(), Some(SourceKey(20)), 1080)]);
    send_until("picture of the second", &mut two, 2, || seen.mark.load(Ordering::SeqCst) == 2).await;

    room.allow(PeerKey(2), Publish { audio: true, video: false, screen: false });
    // Commands are taken in order: the right is gone before this load is told, and so for every packet after it.
    let refused = async || sfu.load().await[0].counters.packets_not_allowed;
    let before = refused().await;
    until_async("pictures are refused", async || {
        two.send(3).await;
        refused().await > before + 10
    })
    .await;
    assert_ne!(seen.mark.load(Ordering::SeqCst), 3, "no picture after the right was gone");

    room.drop_peer(PeerKey(1));
    event(&mut events, &SfuEvent::SourceRemoved { source: SourceKey(10) }).await;
    room.close();
    until("the events end", || events.try_recv() == Err(mpsc::error::TryRecvError::Disconnected)).await;
    assert_eq!(sfu.load().await[0].transports, 0);
}

/// MD-21: the hub's own fault in one peer's work, in the real driver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn md_21_a_panic_costs_one_peer_its_connection_and_nobody_else_a_packet() {
    let sfu = start(&config()).unwrap();
    let (room, mut events) = sfu.open_room();
    let mut one = publish(&room, 1).await;
    let watcher = watch(&room, 3).await;
    let victim = watch(&room, 4).await;
    for peer in [3, 4] {
        room.slots(PeerKey(peer), vec![("0".to_owned(), Some(SourceKey(10)), 1080)]);
    }
    let both = || [&watcher, &victim].iter().all(|client| client.seen.video.load(Ordering::SeqCst) > 10);
    send_until("pictures for both", &mut one, 1, both).await;

    // What was under way has arrived: from here on each picture is counted.
    let seen = || watcher.seen.video.load(Ordering::SeqCst);
    let settle = async || {
        let mut last = u64::MAX;
        until("the line is quiet", || std::mem::replace(&mut last, seen()) == seen()).await;
    };
    settle().await;
    let before = seen();
    room.fail(Fault::Forward(PeerKey(4)));
    let fell = std::time::Instant::now();
    for _ in 0..20 {
        one.send(1).await;
    }
    event(&mut events, &SfuEvent::Fallen { peer: PeerKey(4) }).await;
    until("every picture arrives", || seen() >= before + 20).await;
    settle().await;
    assert_eq!(seen(), before + 20, "each once");

    let again = watch(&room, 4).await;
    room.slots(PeerKey(4), vec![("0".to_owned(), Some(SourceKey(10)), 1080)]);
    send_until("pictures again", &mut one, 1, || again.seen.video.load(Ordering::SeqCst) > 0).await;
    assert!(fell.elapsed() < std::time::Duration::from_secs(5), "back after {:?}", fell.elapsed());
}

#[tokio::test]
async fn a_bad_offer_is_refused_and_a_closed_room_is_unavailable() {
    let sfu = start(&config()).unwrap();
    let (room, _events) = sfu.open_room();
    let offer = OfferRequest { sdp: "hello".to_owned(), sends: Vec::new(), allowed: Publish::default() };
    let refused = room.offer(PeerKey(1), offer.clone()).await;
    assert!(matches!(refused, Err(OfferError::Refused(_))));
    room.close();
    assert!(room.offer(PeerKey(1), offer).await.is_err());
}

#[tokio::test]
async fn a_room_goes_to_the_least_loaded_worker() {
    let sfu = start(&SfuConfig { workers: 2, ..config() }).unwrap();
    let rooms: Vec<_> = (0..4).map(|_| sfu.open_room()).collect();
    let loads: Vec<usize> = sfu.load().await.iter().map(|load| load.rooms).collect();
    assert_eq!(loads, [2, 2]);
    // Each worker has a certificate of its own.
    let mut fingerprints = std::collections::HashSet::new();
    for (room, _events) in &rooms {
        let offer =
            OfferRequest { sdp: Client::watcher().await.offer().await, sends: Vec::new(), allowed: Publish::default() };
        let answer = room.offer(PeerKey(1), offer).await.unwrap();
        let fingerprint = answer.lines().find_map(|line| line.strip_prefix("a=fingerprint:")).unwrap();
        fingerprints.insert(fingerprint.to_owned());
    }
    assert_eq!(fingerprints.len(), 2);
    drop(rooms);
}
