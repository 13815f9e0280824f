//! WS-02, WS-03 and WS-09 by what they cost: the real program, whose memory the kernel tells.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use super::Wire;
use super::frames::{frame, header, read};
use crate::client::until_async;
use crate::hub::{Client, PASSWORD};
use crate::lessons;
use crate::program::{Program, free_port};

/// At once; sockets of one person are bounded, so two people share them.
const ATTACKERS: usize = 64;
/// Readers that stop: three devices of two people.
const SLOW: usize = 6;
const PATIENCE: Duration = Duration::from_secs(30);
/// What the allocator keeps for itself between two equal attacks.
const SLACK_KIB: u64 = 4 << 10;

/// A WebSocket that nobody has signed in on, after a handshake made by hand.
async fn raw(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

async fn sign_in(program: &Program, login: &str) -> Client {
    let client = program.client(None);
    let body = json!({ "login": login, "password": PASSWORD });
    let mut answer = client.post("/api/v1/session", &body).await;
    // On a slow machine a dozen checks at once are too many: whoever is turned away comes again.
    for _ in 0..20 {
        if answer.code() != "unavailable" {
            break;
        }
        answer = client.post("/api/v1/session", &body).await;
    }
    assert!(answer.status.is_success(), "{}", answer.body);
    client
}

/// The same after `hello` of this person.
async fn signed(address: SocketAddr, client: &Client) -> TcpStream {
    let mut stream = raw(address).await;
    let ticket = client.post("/api/v1/session/ticket", &json!({})).await.body["ticket"].clone();
    let hello = json!({ "type": "hello", "version": 1, "ticket": ticket }).to_string();
    stream.write_all(&frame(0x81, true, hello.as_bytes())).await.unwrap();
    assert_eq!(read(&mut stream).await.expect("welcome").0, 1);
    stream
}

/// Runs `attack` and gives the most memory that the program held meanwhile, KiB.
async fn peak(program: &Program, attack: impl Future<Output = ()>) -> u64 {
    let mut most = program.rss_kib();
    let mut attack = std::pin::pin!(timeout(PATIENCE, attack));
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    loop {
        tokio::select! {
            done = &mut attack => {
                done.expect("the attack is over");
                return most.max(program.rss_kib());
            }
            _ = tick.tick() => most = most.max(program.rss_kib()),
        }
    }
}

/// Writes until the hub closes, then waits for its last word.
async fn until_closed(mut stream: TcpStream, bytes: Vec<u8>) {
    let _ = stream.write_all(&bytes).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

/// Each check takes 19 MiB while it lasts, on whatever thread it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_password_checks_take_goes_back_to_the_system() {
    const CHECK_KIB: u64 = 19 << 10;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), free_port()).await;
    let before = program.rss_kib();
    for _ in 0..3 {
        let codes = (1..=6).flat_map(|n| [format!("S-5A-0{n}"), format!("S-9B-0{n}")]);
        futures_util::future::join_all(codes.map(async |code| drop(sign_in(&program, &code).await))).await;
    }
    until_async("the memory is back", async || program.rss_kib() < before + CHECK_KIB / 2).await;
    assert!(before < 5 * CHECK_KIB, "{before} KiB after the hashes of the demo");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_03_an_attacker_costs_less_than_a_mebibyte() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), free_port()).await;
    let people = [sign_in(&program, "S-5A-01").await, sign_in(&program, "S-5A-02").await];
    let mut claimed = header(0x81, true, 16 << 20);
    claimed.resize(15 << 20, b'x');
    let mut fragments = frame(0x01, true, &[b'x'; 1_000]);
    for _ in 0..900 {
        fragments.extend(frame(0x00, true, &[b'x'; 1_000]));
    }
    // All but the last byte of what is allowed, and then nothing: this much the hub does hold.
    let mut unfinished = header(0x81, true, 64 << 10);
    unfinished.resize(64 << 10, b'x');
    let attack = async |bytes: &[u8], is_closed: bool| {
        let mut sockets = JoinSet::new();
        for n in 0..ATTACKERS {
            let stream = signed(program.address(), &people[n % 2]).await;
            let bytes = bytes.to_vec();
            sockets.spawn(async move {
                let mut stream = stream;
                if is_closed {
                    until_closed(stream, bytes).await;
                } else {
                    stream.write_all(&bytes).await.unwrap();
                    stream.flush().await.unwrap();
                    // The hub answers what came before only after it has read all of this.
                    let idle = timeout(Duration::from_millis(500), stream.read_u8()).await;
                    assert!(idle.is_err(), "an unfinished frame is waited for");
                }
            });
        }
        while let Some(done) = sockets.join_next().await {
            done.unwrap();
        }
    };
    // What sockets and sign-ins cost by themselves.
    attack(&frame(0x88, true, &1000_u16.to_be_bytes()), true).await;
    let before = program.rss_kib();
    for (what, bytes, is_closed) in
        [("16 MiB claimed", &claimed, true), ("900 fragments", &fragments, true), ("unfinished", &unfinished, false)]
    {
        let most = peak(&program, attack(bytes, is_closed)).await;
        let each = most.saturating_sub(before) / ATTACKERS as u64;
        println!("WS-03, {what}: {each} KiB for each of {ATTACKERS} attackers");
        assert!(each < 1_024, "{what}: {each} KiB for each attacker ({before} before, {most} at most)");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_02_malformed_frames_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), free_port()).await;
    let frames = [
        frame(0xc1, true, b"{}"),
        frame(0x8b, true, b"{}"),
        frame(0x81, false, b"{}"),
        frame(0x81, true, &[0xff, 0xfe]),
        frame(0x89, true, &[b'x'; 126]),
        frame(0x80, true, b"x"),
        header(0x81, true, 1 << 63),
    ];
    let round = async || {
        for bytes in &frames {
            let mut sockets = JoinSet::new();
            for _ in 0..ATTACKERS {
                sockets.spawn(until_closed(raw(program.address()).await, bytes.clone()));
            }
            sockets.join_all().await;
        }
    };
    round().await;
    let before = program.rss_kib();
    for _ in 0..3 {
        round().await;
    }
    let after = program.rss_kib();
    println!("WS-02: {before} KiB before, {after} KiB after {} sockets", 3 * ATTACKERS * frames.len());
    assert!(after <= before + SLACK_KIB, "{before} KiB before, {after} after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_09_readers_that_stop_cost_their_outbox_and_give_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), free_port()).await;
    let host = sign_in(&program, "T-007").await;
    let room = lessons::open(&host, "chat").await["id"].as_str().unwrap().to_owned();
    let mut teacher = lessons::connect(&host).await;
    assert_eq!(lessons::join(&mut teacher, &room).await["type"], "joined");
    // A chat whose last page is 80 KB.
    for n in 0..20 {
        let body = "я".repeat(2_000);
        teacher.say(json!({ "type": "chat_send", "client_msg_id": n.to_string(), "body": body })).await;
        teacher.hears("chat_ack").await;
    }
    let students: Vec<Client> = vec![sign_in(&program, "S-5A-01").await, sign_in(&program, "S-5A-02").await];
    let cut_off = async || {
        let text = host.get("/metrics").await.body.as_str().unwrap().to_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("kafedra_outbox_overflows_total "));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let mut seats = vec![Value::Null; SLOW];
    // Each asks for the page again and again, and reads nothing until the hub has given it up.
    let mut attack = async || {
        let (mut sockets, so_far) = (Vec::new(), cut_off().await);
        for (seat, student) in seats.iter_mut().zip(students.iter().cycle()) {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4_096).unwrap();
            let stream = socket.connect(program.address()).await.unwrap();
            let ticket = student.post("/api/v1/session/ticket", &json!({})).await.body["ticket"].clone();
            let url = format!("ws://{}/ws", program.address());
            let (socket, _) = tokio_tungstenite::client_async(url, MaybeTlsStream::Plain(stream)).await.unwrap();
            let mut wire = Wire { socket };
            wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
            wire.hears("welcome").await;
            // A seat outlives its socket: the next attack sits on the same.
            wire.say(match seat["resume"].as_str() {
                None => json!({ "type": "join", "room": room }),
                Some(token) => json!({ "type": "resume", "room": room, "token": token, "chat_seq": 0 }),
            })
            .await;
            *seat = wire.hears("joined").await;
            sockets.push(wire);
        }
        for wire in &mut sockets {
            for _ in 0..40 {
                let ask = json!({ "type": "chat_history", "limit": 100 }).to_string();
                wire.socket.send(Message::text(ask)).await.unwrap();
            }
        }
        until_async("all are cut off", async || cut_off().await >= so_far + SLOW as u64).await;
        for wire in &mut sockets {
            // The code, or the reset that overtook it.
            assert!(matches!(wire.closed().await, Some(4008) | None));
        }
    };
    let before = program.rss_kib();
    let first = peak(&program, attack()).await;
    assert!(first - before < SLOW as u64 * (3 << 10), "outboxes of 1 MiB cost {} KiB", first - before);
    let mut last = first;
    for _ in 0..4 {
        last = peak(&program, attack()).await;
    }
    println!("WS-09: {before} KiB before, {first} at most in the first attack, {last} in the fifth");
    assert!(last <= first + SLACK_KIB, "the fifth attack took {last} KiB, the first {first}");
    teacher.chats("still_here").await;
    teacher.hears("chat_ack").await;
}
