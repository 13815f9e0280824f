//! WS-02 and WS-03: frames that RFC 6455 forbids, and frames that are too much. Each ends that socket with the right code
//! and nobody else's.

use std::time::{Duration, Instant};

use signaling::message::session::Form;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TestRooms;

/// A socket after a handshake made by hand and after `hello`.
async fn raw(hub: &TestRooms) -> TcpStream {
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let request = format!(
        "GET /ws?person=eve HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        hub.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream.write_all(&frame(0x81, true, br#"{"type":"hello","version":1}"#)).await.unwrap();
    let (opcode, _) = read(&mut stream).await.expect("welcome");
    assert_eq!(opcode, 1);
    stream
}

/// A frame with its first byte as given. Masked with zeros, which is a mask all the same.
pub fn frame(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, masked, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

pub fn header(first: u8, masked: bool, length: u64) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut header = vec![first];
    match length {
        0..=125 => header.push(mask | length as u8),
        126..=0xffff => {
            header.push(mask | 126);
            header.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            header.push(mask | 127);
            header.extend_from_slice(&length.to_be_bytes());
        }
    }
    if masked {
        header.extend_from_slice(&[0; 4]);
    }
    header
}

/// The next frame of the hub; `None`: the connection is gone.
pub async fn read(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let mut length = u64::from(stream.read_u8().await.ok()?);
    if length == 126 {
        length = u64::from(stream.read_u16().await.ok()?);
    }
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((first & 0x0f, payload))
}

/// Sends the bytes; the hub closes with this code, and the connection is gone within a second.
async fn check(hub: &TestRooms, what: &str, bytes: &[u8], code: u16) {
    let mut stream = raw(hub).await;
    let start = Instant::now();
    // The hub may close while the rest is on its way.
    let _ = stream.write_all(bytes).await;
    let mut closed = None;
    let end = async {
        while let Some((opcode, payload)) = read(&mut stream).await {
            if opcode == 8 && payload.len() >= 2 {
                closed = Some(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
    };
    timeout(Duration::from_secs(3), end).await.unwrap_or_else(|_| panic!("{what}: still open"));
    assert_eq!(closed, Some(code), "{what}");
    assert!(start.elapsed() <= Duration::from_secs(1), "{what}: took {:?}", start.elapsed());
}

#[tokio::test]
async fn ws_02_malformed_frames_close_their_socket_and_no_other() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut healthy, _) = hub.join("host", "r").await;
    let text = br#"{"type":"leave"}"#;
    let cases: [(&str, Vec<u8>, u16); 12] = [
        ("a reserved bit", frame(0x81 | 0x40, true, text), 1002),
        ("opcode 3", frame(0x83, true, text), 1002),
        ("opcode 11", frame(0x8b, true, text), 1002),
        ("unmasked", frame(0x81, false, text), 1002),
        ("text that is not UTF-8", frame(0x81, true, &[0xff, 0xfe, 0xfd]), 1007),
        ("a ping of 126 bytes", frame(0x89, true, &[b'x'; 126]), 1002),
        ("a fragmented ping", frame(0x09, true, b"x"), 1002),
        ("a lone continuation", frame(0x80, true, b"x"), 1002),
        ("a close with 1005", frame(0x88, true, &1005_u16.to_be_bytes()), 1002),
        ("a close of one byte", frame(0x88, true, &[3]), 1002),
        ("a length of 2^63", header(0x81, true, 1 << 63), 1009),
        ("a binary frame", frame(0x82, true, b"x"), 1003),
    ];
    for (what, bytes, code) in cases {
        check(&hub, what, &bytes, code).await;
        healthy.chats(&what.replace(' ', "_")).await;
        healthy.hears("chat_ack").await;
    }
}

#[tokio::test]
async fn ws_03_what_is_too_much_is_refused_before_it_is_kept() {
    let hub = TestRooms::start().await;
    let big = frame(0x81, true, &vec![b'x'; (64 << 10) + 1]);
    check(&hub, "a message of 64 KiB and one byte", &big, 1009).await;
    let mut fragments = frame(0x01, true, &[b'x'; 1_000]);
    for _ in 0..900 {
        fragments.extend(frame(0x00, true, &[b'x'; 1_000]));
    }
    check(&hub, "900 fragments", &fragments, 1009).await;
    let mut claimed = header(0x81, true, 16 << 20);
    claimed.extend_from_slice(&[b'x'; 10_000]);
    check(&hub, "16 MiB claimed", &claimed, 1009).await;
}
