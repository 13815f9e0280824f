//! WHIP and WHEP through the whole hub: an independent client publishes, another watches.

mod figures;
mod rules;

use std::sync::atomic::Ordering;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::client::{Client, send_until, until_async};
use crate::hub::{Answer, Client as Program, OTHER_TEACHER, STUDENT, TestHub};

/// Holds the demo's video conference.
const HOST: &str = OTHER_TEACHER;
const BOTH: [&str; 2] = ["room.publish", "room.watch"];

/// The room of the demo's video conference, once the scheduler has opened it.
async fn conference(hub: &TestHub) -> String {
    let host = hub.sign_in(HOST).await;
    let fits = |item: &Value| {
        let is_open = item["state"] == "open" || item["state"] == "live";
        item["form"] == "video_conference" && item["role"] == "host" && is_open
    };
    let mut found = None;
    until_async("the video conference is open", async || {
        found = host.find(fits).await;
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// Posts an offer. The room of an open consultation opens within a moment: until then the hub is `unavailable`.
async fn post(program: &Program, path: &str, sdp: &str) -> Answer {
    let mut answer = None;
    until_async("the room is open", async || {
        let request = program.request(Method::POST, path).header("content-type", "application/sdp");
        let given = program.send(request.body(sdp.to_owned())).await;
        let is_open = given.code() != "unavailable";
        answer = Some(given);
        is_open
    })
    .await;
    answer.unwrap()
}

fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.headers["location"].to_str().unwrap().to_owned()
}

fn sdp(answer: &Answer) -> String {
    answer.body.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_program_publishes_another_watches() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let program = hub.token(HOST, &BOTH).await;

    let mut publisher = Client::publisher().await;
    let published = post(&program, &format!("/api/v1/rooms/{room}/whip?label=board"), &publisher.offer().await).await;
    let publishing = location(&published);
    assert_eq!(published.headers["content-type"], "application/sdp");
    assert_eq!(published.headers["etag"], "\"1\"");
    publisher.answer(sdp(&published)).await;
    publisher.connected().await;

    let by_label = Client::watcher().await;
    let path = format!("/api/v1/rooms/{room}/whep?sources=board");
    let watched = post(&program, &path, &by_label.offer().await).await;
    let watching = location(&watched);
    by_label.answer(sdp(&watched)).await;
    by_label.connected().await;
    let by_speaker = Client::watcher().await;
    let watched = post(&program, &format!("/api/v1/rooms/{room}/whep"), &by_speaker.offer().await).await;
    by_speaker.answer(sdp(&watched)).await;
    by_speaker.connected().await;

    for watcher in [&by_label, &by_speaker] {
        let seen = watcher.seen.clone();
        let arrived = || seen.video.load(Ordering::SeqCst) > 10 && seen.audio.load(Ordering::SeqCst) > 10;
        send_until("picture and sound", &mut publisher, 1, arrived).await;
    }

    assert_eq!(program.delete(&watching).await.status, StatusCode::OK);
    assert_eq!(program.delete(&watching).await.status, StatusCode::NOT_FOUND);
    let stranger = hub.token(STUDENT, &BOTH).await;
    assert_eq!(stranger.delete(&publishing).await.status, StatusCode::NOT_FOUND, "another person's session");
    assert_eq!(program.delete(&publishing).await.status, StatusCode::OK);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_ipv6_alone_a_picture_arrives() {
    const LOOPBACK: &str = "[::1]:0";
    let hub = TestHub::start_with(|config| {
        config.media.bind = vec!["::1".parse().unwrap()];
        config.media.advertise = vec!["::1".parse().unwrap()];
    })
    .await;
    let room = conference(&hub).await;
    let program = hub.token(HOST, &BOTH).await;
    let mut publisher = Client::publisher_at(LOOPBACK).await;
    let whip = format!("/api/v1/rooms/{room}/whip?label=board");
    let published = sdp(&post(&program, &whip, &publisher.offer().await).await);
    let hosts = published.lines().filter(|line| line.starts_with("a=candidate:") && line.contains(" udp "));
    assert!(hosts.clone().count() > 0 && hosts.clone().all(|line| line.contains(" ::1 ")), "{published}");
    publisher.answer(published).await;
    publisher.connected().await;
    let watcher = Client::watcher_at(LOOPBACK).await;
    let path = format!("/api/v1/rooms/{room}/whep?sources=board");
    watcher.answer(sdp(&post(&program, &path, &watcher.offer().await).await)).await;
    watcher.connected().await;
    let seen = watcher.seen.clone();
    let arrived = || seen.video.load(Ordering::SeqCst) > 10 && seen.audio.load(Ordering::SeqCst) > 10;
    send_until("picture and sound", &mut publisher, 1, arrived).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_is_refused_with_the_reason() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let whip = format!("/api/v1/rooms/{room}/whip");
    let offer = Client::publisher().await.offer().await;
    let teacher = hub.token(HOST, &BOTH).await;
    // The room is open from here on.
    location(&post(&teacher, &whip, &offer).await);

    assert_eq!(post(&hub.client(), &whip, &offer).await.status, StatusCode::UNAUTHORIZED);
    let stranger = hub.token(STUDENT, &BOTH).await;
    assert_eq!(post(&stranger, &whip, &offer).await.status, StatusCode::FORBIDDEN);
    let only_watches = hub.token(HOST, &["room.watch"]).await;
    assert_eq!(post(&only_watches, &whip, &offer).await.status, StatusCode::FORBIDDEN);

    assert_eq!(post(&teacher, &whip, "hello").await.code(), "bad_offer");
    assert_eq!(post(&teacher, &format!("{whip}?label=a%20b"), &offer).await.code(), "bad_request");
    let watcher = Client::watcher().await.offer().await;
    assert_eq!(post(&teacher, &whip, &watcher).await.code(), "bad_offer", "nothing is sent");
    assert_eq!(post(&teacher, &whip, &"a=x\r\n".repeat(20_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = teacher.request(Method::POST, &whip).header("content-type", "text/plain").body(offer.clone());
    assert_eq!(teacher.send(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(&teacher, "/api/v1/rooms/none/whip", &offer).await.code(), "not_on_timetable");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_at_most_four_publishers_and_ten_watchers() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let program = hub.token(HOST, &BOTH).await;
    let publisher = Client::publisher().await.offer().await;
    let watcher = Client::watcher().await.offer().await;
    for (path, most, offer) in [("whip?label=n", 4, publisher), ("whep?sources=x&n=", 10, watcher)] {
        let path = |number: usize| match path.split_once("&n=") {
            Some((path, _)) => format!("/api/v1/rooms/{room}/{path}"),
            None => format!("/api/v1/rooms/{room}/{path}{number}"),
        };
        for number in 0..most {
            location(&post(&program, &path(number), &offer).await);
        }
        let refused = post(&program, &path(most), &offer).await;
        assert_eq!(refused.code(), "room_full", "{}", refused.body);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_ends_with_the_sign_in_that_it_came_with() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let signed_in = hub.sign_in(HOST).await;
    let other = hub.token(HOST, &BOTH).await;
    let publisher = Client::publisher().await.offer().await;
    let watcher = Client::watcher().await.offer().await;
    let whip = location(&post(&signed_in, &format!("/api/v1/rooms/{room}/whip?label=one"), &publisher).await);
    let whep = location(&post(&signed_in, &format!("/api/v1/rooms/{room}/whep"), &watcher).await);
    let stays = location(&post(&other, &format!("/api/v1/rooms/{room}/whip?label=two"), &publisher).await);
    let trickle = async |session: &str| {
        let request = other.request(Method::PATCH, session).header("content-type", "application/trickle-ice-sdpfrag");
        let request = request.header("if-match", "*");
        other.send(request.body("m=audio 9 RTP/AVP 0\r\na=mid:0\r\n")).await.status
    };
    assert_eq!(trickle(&whip).await, StatusCode::NO_CONTENT);

    assert_eq!(signed_in.delete("/api/v1/session").await.status, StatusCode::NO_CONTENT);
    for session in [&whip, &whep] {
        until_async("the program is out", async || trickle(session).await == StatusCode::NOT_FOUND).await;
    }
    assert_eq!(trickle(&stays).await, StatusCode::NO_CONTENT, "came with another sign-in");

    let owner = hub.sign_in(HOST).await;
    let asked = serde_json::json!({ "scopes": BOTH, "expires_in_s": 60 });
    let short = owner.post("/api/v1/tokens", &asked).await.body["token"].as_str().unwrap().to_owned();
    let short = Program { token: Some(short), ..hub.client() };
    let runs_out = location(&post(&short, &format!("/api/v1/rooms/{room}/whip?label=three"), &publisher).await);
    hub.clock.advance_ms(61_000);
    until_async("the token has run out", async || trickle(&runs_out).await == StatusCode::NOT_FOUND).await;
    assert_eq!(trickle(&stays).await, StatusCode::NO_CONTENT);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_told_the_relays_with_a_credential_of_its_own() {
    let urls = ["stun:relay.example", "turn:relay.example?transport=udp", "turns:relay.example"];
    let hub = TestHub::start_with(|config| {
        config.turn.urls = urls.map(str::to_owned).to_vec();
        config.turn.secret = kafedra::config::secret::Secret::new("north");
    })
    .await;
    let room = conference(&hub).await;
    let program = hub.token(HOST, &BOTH).await;
    let (publisher, watcher) = (Client::publisher().await.offer().await, Client::watcher().await.offer().await);
    for (way, offer) in [("whip", publisher), ("whep", watcher)] {
        let answer = post(&program, &format!("/api/v1/rooms/{room}/{way}"), &offer).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let links: Vec<&str> = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
        assert_eq!(links[0], r#"<stun:relay.example>; rel="ice-server""#);
        for (link, url) in links[1..].iter().zip(&urls[1..]) {
            let person = program.me["person"]["id"].as_str().unwrap();
            assert!(link.starts_with(&format!(r#"<{url}>; rel="ice-server"; username=""#)), "{link}");
            assert!(link.contains(&format!(":{person}\"; credential=\"")), "{link}");
            assert!(link.ends_with(r#""; credential-type="password""#), "{link}");
        }
        assert_eq!(links.len(), 3);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_11_nobody_makes_a_conference_of_a_chat() {
    let hub = TestHub::start().await;
    // The demo's chat of now and its host.
    let host = hub.sign_in("T-007").await;
    let mut room = None;
    until_async("the chat is open", async || {
        room = host
            .find(|item| {
                item["form"] == "chat" && item["role"] == "host" && (item["state"] == "open" || item["state"] == "live")
            })
            .await;
        room.is_some()
    })
    .await;
    let program = hub.token("T-007", &BOTH).await;
    let offer = Client::publisher().await.offer().await;
    let refused = post(&program, &format!("/api/v1/rooms/{}/whip", room.unwrap()), &offer).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "form_mismatch"), "{}", refused.body);
    hub.stop().await;
}
