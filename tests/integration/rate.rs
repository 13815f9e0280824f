//! How often one may ask: by person, by address without a sign-in, and at the doors of rooms.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::hub::{Answer, Client, OTHER_TEACHER, TEACHER, TestHub};
use crate::sockets::Wire;

/// Asks until it is refused; the rate refills while it asks, so the count is at least the burst.
async fn refused_after(client: &Client, path: &str, burst: usize) -> Answer {
    for asked in 0..10 * burst {
        let answer = client.get(path).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(asked >= burst - 10, "refused after {asked}");
            return answer;
        }
    }
    panic!("never refused")
}

/// Whether what `one` has used up is missing to `other`, too: the bucket refills while the machine does something else.
async fn shares(one: &Client, path: &str, other: &Client) -> bool {
    for _ in 0..10 {
        while one.get(path).await.status != StatusCode::TOO_MANY_REQUESTS {}
        if other.get("/api/v1/me").await.status == StatusCode::TOO_MANY_REQUESTS {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else_does() {
    let hub = TestHub::start_with(|config| {
        config.limits.api_per_second = 1;
        config.limits.api_burst = 20;
    })
    .await;
    let (teacher, other) = (hub.sign_in(TEACHER).await, hub.sign_in(OTHER_TEACHER).await);
    let answer = refused_after(&teacher, "/api/v1/me", 20).await;
    assert_eq!(answer.code(), "rate_limited");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.body["params"]["retry_after_s"], 1);
    // Another browser of the same person shares the bucket; signing in does not, or nobody could.
    let again = hub.sign_in(TEACHER).await;
    assert!(shares(&teacher, "/api/v1/me", &again).await);
    assert_eq!(other.get("/api/v1/me").await.status, StatusCode::OK);
    // The address by itself, then a made-up sign-in from it.
    let nobody = hub.client();
    refused_after(&nobody, "/api/v1/public", 20).await;
    let made_up = Client { token: Some("made-up".into()), ..hub.client() };
    assert!(shares(&nobody, "/api/v1/public", &made_up).await);
    assert_eq!(other.get("/api/v1/me").await.status, StatusCode::OK);
    for path in ["/healthz", "/readyz", "/metrics", "/", "/timetable"] {
        assert_eq!(nobody.get(path).await.status, StatusCode::OK, "{path}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn joins_of_one_person_are_counted_over_socket_and_program_alike() {
    let hub = TestHub::start_with(|config| {
        config.limits.joins_per_minute = 1;
        config.limits.joins_burst = 3;
    })
    .await;
    let teacher = hub.sign_in(TEACHER).await;
    let ticket = teacher.post("/api/v1/session/ticket", &json!({})).await.body["ticket"].clone();
    let (socket, _) = tokio_tungstenite::connect_async(hub.socket_url()).await.unwrap();
    let mut wire = Wire { socket };
    wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
    wire.hears("welcome").await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        wire.say(json!({ "type": "join", "room": "no-such-room" })).await;
        codes.push(wire.hears("error").await);
    }
    assert!(codes[..3].iter().all(|error| error["code"] != "rate_limited"), "{codes:?}");
    assert_eq!(codes[3]["code"], "rate_limited");
    assert!(codes[3]["retry_after_ms"].as_u64().unwrap() > 1_000, "{}", codes[3]);
    let program = hub.token(TEACHER, &["room.publish"]).await;
    let offer = crate::client::Client::publisher().await.offer().await;
    let request = program.request(Method::POST, "/api/v1/rooms/no-such-room/whip");
    let answer = program.send(request.header("content-type", "application/sdp").body(offer)).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"), "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"));
    hub.stop().await;
}
