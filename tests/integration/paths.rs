//! Ways between a client and the hub: TCP (RFC 6544), addresses that change, narrow paths; and what connections that
//! are no client's cost. With real sockets and clients of another implementation.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kafedra::sfu::handle::{MediaRoom, SfuHandle};
use kafedra::sfu::worker::{SfuConfig, start};
use media::model::{OfferRequest, PeerKey, Publish, SfuEvent, SourceKey, SourceKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::client::{Client, send_until, until, until_async};
use crate::wire::{Hub, Wire};

const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn hub(workers: usize) -> SfuHandle {
    let config = SfuConfig {
        bind: vec![LOOPBACK],
        first_port: 0,
        tcp_port: Some(0),
        advertise: vec![LOOPBACK],
        workers,
        ..SfuConfig::default()
    };
    start(&config).unwrap()
}

fn udp(hub: &SfuHandle) -> Hub {
    Hub::Udp(hub.candidates()[0])
}

fn tcp(hub: &SfuHandle) -> Hub {
    Hub::Tcp(hub.tcp_candidates()[0])
}

/// A publisher and a watcher, each by a wire of its own.
struct Call {
    publisher: Client,
    watcher: Client,
    wires: [Wire; 2],
    events: mpsc::Receiver<SfuEvent>,
    room: MediaRoom,
}

impl Call {
    async fn start(hub: &SfuHandle, way: Hub, narrow: Option<usize>) -> Self {
        let (room, events) = hub.open_room();
        let wires = [Wire::to(way).await, Wire::to(way).await];
        for wire in &wires {
            if let Some(bytes) = narrow {
                wire.narrows(bytes);
            }
        }
        let (publisher, watcher) = (Client::publisher().await, Client::watcher().await);
        let sends = vec![
            ("0".to_owned(), SourceKey(1), SourceKind::Camera),
            ("1".to_owned(), SourceKey(2), SourceKind::Microphone),
        ];
        for (peer, client, wire, sends) in [(1, &publisher, &wires[0], sends), (2, &watcher, &wires[1], Vec::new())] {
            let offer = OfferRequest { sdp: client.offer().await, sends, allowed: Publish::ALL };
            let answer = room.offer(PeerKey(peer), offer).await.unwrap();
            client.answer(wire.only_way(&answer)).await;
        }
        for source in [SourceKey(1), SourceKey(2)] {
            room.pause(source, false);
        }
        publisher.connected().await;
        watcher.connected().await;
        room.slots(PeerKey(2), vec![("0".to_owned(), Some(SourceKey(1)), 1080)]);
        Self { publisher, watcher, wires, events, room }
    }

    /// Pictures and sounds with this mark arrive.
    async fn is_seen(&mut self, mark: u8) {
        let seen = self.watcher.seen.clone();
        let sounds = seen.audio.load(Ordering::SeqCst);
        let arrived =
            || seen.mark.load(Ordering::SeqCst) == u64::from(mark) && seen.audio.load(Ordering::SeqCst) > sounds + 10;
        send_until("picture and sound", &mut self.publisher, mark, arrived).await;
    }

    /// Nobody in the room has heard that somebody went away.
    fn nobody_left(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            assert!(!matches!(event, SfuEvent::Disconnected { .. } | SfuEvent::SourceRemoved { .. }), "{event:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_flows_over_tcp_and_each_connection_finds_its_worker_behind_the_one_port() {
    let hub = hub(2);
    // Rooms go to the workers in turn; who takes a connection is up to the kernel.
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(Call::start(&hub, tcp(&hub), None).await);
    }
    for (mark, call) in calls.iter_mut().enumerate() {
        call.is_seen(mark as u8 + 1).await;
    }
    let transports: Vec<usize> = hub.load().await.iter().map(|load| load.transports).collect();
    assert_eq!(transports, [4, 4]);
    calls[0].room.close();
    calls[1].is_seen(9).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_address_changes_is_followed_without_a_word_to_the_room() {
    let hub = hub(1);
    let mut call = Call::start(&hub, udp(&hub), None).await;
    call.is_seen(1).await;
    // As NAT does when it forgets a mapping: both ends of a call at once.
    for wire in &call.wires {
        wire.moves(udp(&hub));
    }
    call.is_seen(2).await;
    // As a network does that suddenly lets no UDP through.
    for wire in &call.wires {
        wire.moves(tcp(&hub));
    }
    call.is_seen(3).await;
    call.nobody_left();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_connects_over_a_path_that_loses_all_above_1200_bytes() {
    let hub = hub(1);
    let mut call = Call::start(&hub, udp(&hub), Some(1200)).await;
    call.is_seen(1).await;
}

/// A connection that nobody knows.
async fn connection(hub: &SfuHandle) -> TcpStream {
    TcpStream::connect(hub.tcp_candidates()[0]).await.unwrap()
}

/// Waits until the hub closes it; gives how long that took.
async fn closed(stream: &mut TcpStream) -> Duration {
    let since = Instant::now();
    let mut buffer = [0; 64];
    let end = tokio::time::timeout(Duration::from_secs(25), stream.read(&mut buffer)).await.expect("it is closed");
    assert!(matches!(end, Ok(0) | Err(_)), "the hub says nothing to strangers");
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_is_closed_at_once_and_what_is_no_check_gets_no_answer() {
    let hub = hub(1);
    let mut garbage = connection(&hub).await;
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(closed(&mut garbage).await < Duration::from_secs(5));

    let mut stranger = connection(&hub).await;
    stranger.write_all(&[0, 14, 22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]).await.unwrap();
    let strangers = async || hub.load().await[0].counters.strangers;
    until_async("the stranger is counted", async || strangers().await == 1).await;
    let answer = tokio::time::timeout(Duration::from_millis(100), stranger.read(&mut [0; 64])).await;
    assert!(answer.is_err(), "the hub says nothing, and waits for a check");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_holds_64_strangers_and_they_keep_no_client_out() {
    let hub = hub(1);
    let mut strangers = Vec::new();
    for _ in 0..64 {
        strangers.push(connection(&hub).await);
    }
    let mut last = connection(&hub).await;
    assert!(closed(&mut last).await < Duration::from_secs(5), "one too many");
    // From another address a client still gets in.
    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    let mut other = other.connect(hub.tcp_candidates()[0]).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(500), closed(&mut other)).await;
    assert!(waiting.is_err(), "it is open");
    drop(strangers);
    until("the hub has seen them go", || open_connections(&hub) == 1).await;
    let mut call = Call::start(&hub, tcp(&hub), None).await;
    call.is_seen(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_soon_after_its_seat() {
    let hub = hub(1);
    let call = Call::start(&hub, tcp(&hub), None).await;
    let before = open_connections(&hub);
    assert_eq!(before, 2);
    call.room.close();
    until("both are closed", || open_connections(&hub) == 0).await;
}

/// Connections that the hub has not closed, as the kernel counts them on the hub's side: established, or closed by the other.
fn open_connections(hub: &SfuHandle) -> usize {
    let port = format!(":{:04X}", hub.tcp_candidates()[0].port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let of_hub = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&port))
            && words.nth(1).is_some_and(|state| ["01", "08"].contains(&state))
    };
    table.lines().filter(of_hub).count()
}
