//! MD-01 over real sockets: an attacker who knows the hub's UDP port, and nothing else, sends DTLS records from another
//! address before, during and after the handshake of an independent client (the `webrtc` crate). In that crate's own
//! endpoint 16 such attacks of 16 succeed. Here every call connects and carries media, about as soon as without them.
//!
//! The hub is always the DTLS server (an offer with `setup:passive` is refused), so there is one role to attack.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kafedra::sfu::handle::SfuHandle;
use media::model::{OfferRequest, PeerKey, Publish, SfuEvent, SourceKey, SourceKind};

use crate::client::{Client, send_until};
use crate::sfu;
use crate::sockets::median;

/// Calls under each kind of attack, in an ordinary run and in the long one; as many calls in peace.
const CALLS: usize = 4;
const LONG_CALLS: usize = 20;
const EVERY: Duration = Duration::from_micros(500);
/// Connections are asked about every 20 ms: differences below are noise.
const GRAIN: Duration = Duration::from_millis(40);

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend_from_slice(&(body.len() as u16).to_be_bytes());
    record.extend_from_slice(body);
    record
}

fn hello(suite: [u8; 2]) -> Vec<u8> {
    let body = [&[254, 253][..], &[9; 32], &[0, 0], &[0, 2], &suite, &[1, 0, 0, 0]].concat();
    let length = (body.len() as u32).to_be_bytes();
    let head = [1, length[1], length[2], length[3], 0, 0, 0, 0, 0, length[1], length[2], length[3]];
    record(22, &[&head[..], &body].concat())
}

fn attacks() -> [(&'static str, Vec<u8>); 5] {
    [
        ("a fatal alert", record(21, &[2, 40])),
        ("a ClientHello", hello([0xc0, 0x2b])),
        ("a ClientHello of the null cipher", hello([0, 0])),
        ("a garbage record", record(22, &[0xff; 40])),
        ("a close_notify", record(21, &[1, 0])),
    ]
}

/// Sends while it lives.
struct Attacker {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Attacker {
    fn start(target: SocketAddr, datagram: Vec<u8>) -> Self {
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let socket = UdpSocket::bind("127.0.0.66:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let (told, count) = (stop.clone(), sent.clone());
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if socket.send_to(&datagram, target).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                assert!(socket.recv(&mut [0; 1_500]).is_err(), "the attacker is answered");
                std::thread::sleep(EVERY);
            }
        });
        Self { stop, sent, thread: Some(thread) }
    }

    /// How many datagrams left.
    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}

/// One call from the offer to the first packet that the hub takes; how long the connection took.
async fn call(hub: &SfuHandle) -> Duration {
    let (room, mut events) = hub.open_room();
    let mut client = Client::publisher().await;
    let sends = vec![("0".to_owned(), SourceKey(1), SourceKind::Camera)];
    let offer = OfferRequest { sdp: client.offer().await, sends, allowed: Publish::ALL };
    let start = Instant::now();
    client.answer(room.offer(PeerKey(1), offer).await.unwrap()).await;
    client.connected().await;
    let took = start.elapsed();
    let added = SfuEvent::SourceAdded { peer: PeerKey(1), source: SourceKey(1), kind: SourceKind::Camera };
    send_until("media of the call", &mut client, 1, || events.try_recv().as_ref() == Ok(&added)).await;
    room.close();
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn md_01_whoever_is_not_on_the_path_stops_no_call() {
    let calls = if std::env::var_os("KAFEDRA_LONG_TESTS").is_some() { LONG_CALLS } else { CALLS };
    let hub = kafedra::sfu::worker::start(&sfu::config()).unwrap();
    let target = hub.candidates()[0];
    call(&hub).await;
    for (what, datagram) in attacks() {
        let (mut calm, mut attacked, mut sent) = (Vec::new(), Vec::new(), 0);
        let before = hub.load().await[0].counters.strangers;
        for _ in 0..calls {
            calm.push(call(&hub).await);
            let attacker = Attacker::start(target, datagram.clone());
            attacked.push(call(&hub).await);
            sent += attacker.stop();
        }
        let strangers = hub.load().await[0].counters.strangers - before;
        let (calm, attacked) = (median(&mut calm), median(&mut attacked));
        println!("MD-01, {what}: {calls} of {calls} calls, {attacked:?} (in peace {calm:?}), {sent} datagrams");
        assert!(sent > 20 * calls as u64, "{what}: only {sent} datagrams");
        assert!(strangers > sent / 2, "{what}: {strangers} of {sent} reached the hub");
        assert!(attacked < calm * 2 + GRAIN, "{what}: {attacked:?}, in peace {calm:?}");
    }
}
