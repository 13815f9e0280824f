//! What the hub tells of its media: the dump for support and the figures for Prometheus, of real packets.

use std::sync::atomic::Ordering;

use reqwest::StatusCode;

use super::{BOTH, HOST, conference, location, post, sdp};
use crate::client::{Client, send_until, until_async};
use crate::hub::{STUDENT, TestHub};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dump_names_every_line_its_source_and_its_slots_to_those_who_may() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let program = hub.token(HOST, &BOTH).await;
    let mut publisher = Client::publisher().await;
    let published = post(&program, &format!("/api/v1/rooms/{room}/whip?label=board"), &publisher.offer().await).await;
    location(&published);
    publisher.answer(sdp(&published)).await;
    publisher.connected().await;
    let watcher = Client::watcher().await;
    let watched = post(&program, &format!("/api/v1/rooms/{room}/whep?sources=board"), &watcher.offer().await).await;
    watcher.answer(sdp(&watched)).await;
    watcher.connected().await;
    let seen = watcher.seen.clone();
    send_until("picture and sound", &mut publisher, 1, || seen.video.load(Ordering::SeqCst) > 10).await;

    let host = hub.sign_in(HOST).await;
    let path = format!("/api/v1/rooms/{room}/media");
    let dump = host.get(&path).await;
    assert_eq!(dump.status, StatusCode::OK, "{}", dump.body);
    assert!(dump.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let transports = dump.body["transports"].as_array().unwrap();
    assert_eq!(transports.len(), 2, "{}", dump.body);
    let sender = transports.iter().find(|transport| !transport["sources"].as_array().unwrap().is_empty()).unwrap();
    let camera = sender["sources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|source| source["source"].as_str().unwrap().ends_with(":board"));
    let camera = camera.unwrap_or_else(|| panic!("no picture in {}", dump.body));
    assert!(camera["layers"][0]["packets"].as_u64().unwrap() > 10, "{camera}");
    assert_eq!((camera["paused"].as_bool(), camera["subscribers"].as_u64()), (Some(false), Some(1)));
    let receiver = transports.iter().find(|transport| transport["sources"].as_array().unwrap().is_empty()).unwrap();
    let slot = receiver["slots"].as_array().unwrap().iter().find(|slot| slot["source"] == camera["source"]).unwrap();
    assert!(slot["packets"].as_u64().unwrap() > 10, "{slot}");
    assert_eq!((slot["layer"].as_u64(), slot["starts"].as_u64()), (Some(0), Some(1)), "{slot}");
    assert_eq!(receiver["person"], host.me["person"]["id"]);

    // An administrator sees how lines do, not whose they are; a stranger nothing.
    let admin = hub.sign_in("A-001").await.get(&path).await;
    assert_eq!(admin.body["transports"].as_array().unwrap().len(), 2);
    assert!(!admin.body.to_string().contains("\"person\""), "{}", admin.body);
    assert_eq!(hub.sign_in(STUDENT).await.get(&path).await.status, StatusCode::FORBIDDEN);

    // Two looks of the room later there are figures of its lines, without a name in any label.
    until_async("figures of lines", async || {
        let text = host.get("/metrics").await.body.as_str().unwrap_or_default().to_owned();
        for line in text.lines().filter(|line| line.starts_with("kafedra_media_")) {
            assert!(!line.contains(room.as_str()), "{line}");
        }
        text.contains("kafedra_media_loss_ratio_count")
            && text.contains("kafedra_media_switches_total{reason=\"start\"}")
    })
    .await;
    hub.stop().await;
}
