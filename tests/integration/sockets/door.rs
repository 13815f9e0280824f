//! WS-04 to WS-06: who gets as far as a message. The first three against the whole hub.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{TestRooms, Wire};
use crate::hub::{PASSWORD, STUDENT, TestHub};

/// Sends these bytes and waits for the hub to close; how long that took.
async fn until_closed(address: std::net::SocketAddr, bytes: &[u8], drip: Option<u8>) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let start = Instant::now();
    let mut buffer = [0; 1024];
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    let closed = async {
        loop {
            tokio::select! {
                read = stream.read(&mut buffer) => if matches!(read, Ok(0) | Err(_)) { return },
                _ = tick.tick() => if let Some(byte) = drip {
                    let _ = stream.write_all(&[byte]).await;
                },
            }
        }
    };
    timeout(Duration::from_secs(20), closed).await.expect("still open after 20 s");
    start.elapsed()
}

#[tokio::test]
async fn ws_04_who_says_nothing_is_shown_out() {
    let hub = TestHub::start().await;
    let address = hub.app().addr;
    let partial = format!("GET /ws HTTP/1.1\r\nHost: {address}\r\nX-Slow: ");
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let (silent, half, dripping, no_hello) = tokio::join!(
        until_closed(address, b"", None),
        until_closed(address, partial.as_bytes(), None),
        until_closed(address, partial.as_bytes(), Some(b'x')),
        until_closed(address, upgrade.as_bytes(), None),
    );
    for (what, took) in [("no byte", silent), ("half a header", half), ("a byte in 2 s", dripping)] {
        assert!((4..=8).contains(&took.as_secs()), "{what}: closed after {took:?}");
    }
    assert!((9..=13).contains(&no_hello.as_secs()), "no hello: closed after {no_hello:?}");
    hub.stop().await;
}

/// The answer to an upgrade with these headers: status line and whatever follows the head.
async fn knock(hub: &TestHub, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(hub.app().addr).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
        hub.app().addr
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(answer).unwrap();
    let mut body = vec![0; 256];
    let read = timeout(Duration::from_millis(100), stream.read(&mut body)).await.ok().and_then(Result::ok).unwrap_or(0);
    (head.lines().next().unwrap().to_owned(), String::from_utf8_lossy(&body[..read]).into_owned())
}

#[tokio::test]
async fn one_network_holds_so_many_sockets_without_a_sign_in_and_no_more() {
    let hub = TestHub::start_with(|config| config.limits.strangers_per_network = 2).await;
    let cookie = cookie(&hub, STUDENT).await;
    let dial = async || tokio_tungstenite::connect_async(hub.socket_url()).await;
    let first = dial().await.unwrap();
    let mut second = Wire { socket: dial().await.unwrap().0 };
    let (status, _) = knock(&hub, "").await;
    assert_eq!(status, "HTTP/1.1 429 Too Many Requests");
    // Who signs in by a cookie is no stranger, and who has signed in is none any more.
    let own = format!("Cookie: {cookie}\r\nOrigin: {}\r\n", hub.url);
    assert_eq!(knock(&hub, &own).await.0, "HTTP/1.1 101 Switching Protocols");
    let ticket = ticket(&hub.sign_in(STUDENT).await, None).await;
    second.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
    second.hears("welcome").await;
    let third = dial().await.unwrap();
    assert!(dial().await.is_err());
    drop(first);
    crate::client::until_async("the place is free again", async || dial().await.is_ok()).await;
    drop(third);
    hub.stop().await;
}

/// Signs in as a browser and gives the cookie pair.
async fn cookie(hub: &TestHub, code: &str) -> String {
    let login = json!({ "login": code, "password": PASSWORD });
    let answer = hub.client().post("/api/v1/session", &login).await;
    let set = answer.headers.get("set-cookie").unwrap().to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn ws_05_another_sites_page_gets_403_before_the_upgrade() {
    let hub = TestHub::start().await;
    let cookie = cookie(&hub, STUDENT).await;
    let own = hub.url.clone();
    let refused = "HTTP/1.1 403 Forbidden";
    let cases = [
        (format!("Cookie: {cookie}\r\nOrigin: https://evil.example\r\n"), refused),
        (format!("Cookie: {cookie}\r\n"), refused),
        (format!("Cookie: {cookie}\r\nOrigin: null\r\n"), refused),
        (format!("Cookie: {cookie}\r\nOrigin: {own}.evil.example\r\n"), refused),
        (format!("Cookie: {cookie}\r\nOrigin: {own}0\r\n"), refused),
        (format!("Cookie: {cookie}\r\nOrigin: {own}\r\nSec-Fetch-Site: cross-site\r\n"), refused),
        ("Origin: https://evil.example\r\n".to_owned(), refused),
        (format!("Cookie: {cookie}\r\nOrigin: {own}\r\n"), "HTTP/1.1 101 Switching Protocols"),
        (String::new(), "HTTP/1.1 101 Switching Protocols"),
    ];
    for (headers, expected) in cases {
        let (status, body) = knock(&hub, &headers).await;
        assert_eq!(status, expected, "{headers}");
        assert!(body.is_empty(), "{headers}: {body}");
    }
    hub.stop().await;
}

async fn ticket(client: &crate::hub::Client, origin: Option<&str>) -> String {
    let mut request = client.request(reqwest::Method::POST, "/api/v1/session/ticket");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    let answer = client.send(request).await;
    answer.body["ticket"].as_str().unwrap_or_else(|| panic!("no ticket: {answer:?}")).to_owned()
}

/// Shows a ticket: the code of the refusal, or `welcome`.
async fn shows(hub: &TestHub, ticket: &str, origin: Option<&str>) -> String {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let mut request = hub.socket_url().into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let mut wire = Wire { socket };
    wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
    let message = wire.next().await.unwrap();
    message["code"].as_str().or(message["type"].as_str()).unwrap().to_owned()
}

#[tokio::test]
async fn ws_06_a_ticket_works_once_soon_and_for_its_page_only() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let own = hub.url.clone();

    let used = ticket(&student, None).await;
    assert_eq!(shows(&hub, &used, None).await, "welcome");
    assert_eq!(shows(&hub, &used, None).await, "not_authenticated", "the second use");

    let pages = ticket(&student, Some(&own)).await;
    assert_eq!(shows(&hub, &pages, None).await, "not_authenticated", "shown by no page");

    let signed_out = ticket(&student, None).await;
    student.delete("/api/v1/session").await;
    assert_eq!(shows(&hub, &signed_out, None).await, "not_authenticated", "of a sign-in that is over");

    let student = hub.sign_in(STUDENT).await;
    let late = ticket(&student, None).await;
    hub.clock.advance_ms(31_000);
    assert_eq!(shows(&hub, &late, None).await, "not_authenticated", "after 31 s");
    assert_eq!(shows(&hub, "made up", None).await, "not_authenticated");
    hub.stop().await;
}

#[tokio::test]
async fn ws_07_signing_out_ends_the_sockets_of_that_sign_in() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let ticket = ticket(&student, None).await;
    let (socket, _) = tokio_tungstenite::connect_async(hub.socket_url()).await.unwrap();
    let mut wire = Wire { socket };
    wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
    wire.hears("welcome").await;
    let start = Instant::now();
    student.delete("/api/v1/session").await;
    assert_eq!(wire.closed().await, Some(4001));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    hub.stop().await;
}

#[tokio::test]
async fn hello_comes_first_and_in_a_version_that_is_spoken() {
    let hub = TestRooms::start().await;
    let mut wire = hub.dial("ann").await;
    wire.say(json!({ "type": "join", "room": "r" })).await;
    assert_eq!(wire.hears("error").await["code"], "out_of_order");
    assert_eq!(wire.closed().await, Some(1008));
    let mut wire = hub.dial("ann").await;
    wire.say(json!({ "type": "hello", "version": 999 })).await;
    assert_eq!(wire.hears("error").await["code"], "version_not_supported");
    assert_eq!(wire.closed().await, Some(1008));
    let mut wire = hub.dial("").await;
    wire.say(json!({ "type": "hello", "version": 1 })).await;
    assert_eq!(wire.hears("error").await["code"], "not_authenticated");
    assert_eq!(wire.closed().await, Some(4001));
}

/// SG-04 over the wire: what does not parse is answered with a type, and the socket goes on.
#[tokio::test]
async fn sg_04_a_message_that_does_not_parse_is_refused_and_the_socket_stays() {
    let hub = TestRooms::start().await;
    let mut wire = hub.connect("ann").await;
    for text in ["nonsense", "{\"type\":\"leave\",\"type\":\"leave\"}", "{\"type\":\"leave\",\"role\":\"host\"}"] {
        use futures_util::SinkExt as _;
        wire.socket.send(tokio_tungstenite::tungstenite::Message::text(text)).await.unwrap();
        assert_eq!(wire.hears("error").await["code"], "bad_message");
    }
    wire.say(json!({ "type": "hand", "raised": true })).await;
    assert_eq!(wire.hears("error").await["code"], "out_of_order");
}
