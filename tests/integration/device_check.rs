//! The check of devices and line before a lesson: kept for its maker, shown to the host of what they are invited to, and to nobody
//! else; and the line that is tried really is one.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Client as Media;
use crate::hub::{ADMIN, Client, DEPUTY, GUARDIAN, OTHER_STUDENT, OTHER_TEACHER, STUDENT, TEACHER, TestHub};

const PATH: &str = "/api/v1/device-check";

fn id(client: &Client) -> String {
    client.me["person"]["id"].as_str().unwrap().to_owned()
}

async fn put(client: &Client, body: &Value) -> crate::hub::Answer {
    client.send(client.request(Method::PUT, PATH).json(body)).await
}

/// A lesson with media of this class, held by this teacher.
async fn lesson(host: &Client, class: &str) -> String {
    let has_media = |item: &Value| item["form"] == "webinar" || item["form"] == "video_conference";
    host.find(|item| item["role"] == "host" && item["class"] == class && has_media(item)).await.unwrap()
}

async fn checks(client: &Client, lesson: &str) -> crate::hub::Answer {
    client.get(&format!("/api/v1/consultations/{lesson}/device-checks")).await
}

#[tokio::test]
async fn the_host_sees_who_checked_and_what_did_not_work_and_nobody_else_does() {
    let hub = TestHub::start().await;
    let (host, student) = (hub.sign_in(TEACHER).await, hub.sign_in(STUDENT).await);
    let lesson = lesson(&host, "5А").await;

    // Nobody has checked yet.
    assert_eq!(student.get(PATH).await.body.get("last"), None);
    let before = checks(&host, &lesson).await;
    assert_eq!(before.status, StatusCode::OK, "{}", before.body);
    let class = before.body["items"].as_array().unwrap().clone();
    assert!(class.len() > 1 && class.iter().all(|one| one.get("check").is_none()), "{class:?}");

    // Words of one's own are refused, and so is a check of nothing.
    for (body, status) in [
        (json!({ "findings": {} }), 400),
        (json!({ "findings": { "camera": "Logitech C920" } }), 400),
        (json!({ "findings": { "camera": "works", "address": "192.0.2.1" } }), 400),
        (json!({ "findings": { "up_kbps": 100_000_001 } }), 400),
        (json!({ "findings": { "way": "udp" }, "consultation": "none" }), 404),
    ] {
        assert_eq!(put(&student, &body).await.status.as_u16(), status, "{body}");
    }
    let findings = json!({ "camera": "missing", "microphone": "works", "way": "relay", "up_kbps": 800 });
    let answer = put(&student, &json!({ "consultation": lesson, "findings": findings })).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
    assert_eq!(student.get(PATH).await.body["last"]["findings"], findings);

    let after = checks(&host, &lesson).await.body;
    let with: Vec<&Value> = after["items"].as_array().unwrap().iter().filter(|one| one["check"].is_object()).collect();
    assert_eq!(with.len(), 1, "{after}");
    assert_eq!((with[0]["id"].as_str().unwrap(), &with[0]["check"]["findings"]), (id(&student).as_str(), &findings));

    // The newest stands in the place of the earlier one.
    let better = json!({ "camera": "works", "microphone": "works", "way": "udp" });
    assert_eq!(put(&student, &json!({ "findings": better })).await.status, StatusCode::NO_CONTENT);
    let after = checks(&host, &lesson).await.body;
    let of = |id: &str| after["items"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!(of(&id(&student))["check"]["findings"], better);

    // Not those who are invited, not other teachers, not those who supervise, not the administrator.
    for code in [STUDENT, "S-5A-02", OTHER_STUDENT, GUARDIAN, OTHER_TEACHER, DEPUTY, "Z-001", ADMIN] {
        let answer = checks(&hub.sign_in(code).await, &lesson).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{code}: {}", answer.body);
        assert!(!answer.body.to_string().contains(&id(&student)), "P7: {code} {}", answer.body);
    }
    // What somebody else found is in nobody's own answer.
    for code in [OTHER_STUDENT, TEACHER, GUARDIAN] {
        assert_eq!(hub.sign_in(code).await.get(PATH).await.body.get("last"), None, "{code}");
    }
    // A page of others cannot be named as where it was made.
    let stranger = hub.sign_in(OTHER_STUDENT).await;
    let answer = put(&stranger, &json!({ "consultation": lesson, "findings": { "way": "udp" } })).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "not_on_roster"));
    hub.stop().await;
}

#[tokio::test]
async fn a_check_stands_in_the_export_of_its_maker() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    put(&student, &json!({ "findings": { "camera": "busy", "way": "tcp" } })).await;
    let response = student.request(Method::GET, "/api/v1/privacy/export").send().await.unwrap();
    let files = kafedra::domain::archive::unpack(&response.bytes().await.unwrap()).unwrap();
    let data: Value = serde_json::from_slice(&files["data.json"]).unwrap();
    let check = &data["device_check"][0];
    assert_eq!((&check["camera"], &check["way"], &check["microphone"]), (&json!("busy"), &json!("tcp"), &Value::Null));
    hub.stop().await;
}

#[tokio::test]
async fn the_line_that_is_tried_reaches_the_media_ports() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let media = Media::watcher().await;
    let try_line = async |sdp: String, kind: &str| {
        let request = student.request(Method::POST, "/api/v1/device-check/connection");
        request.header("content-type", kind).body(sdp).send().await.unwrap()
    };
    assert_eq!(
        try_line(media.offer().await, "application/octet-stream").await.status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let bad = try_line("v=0".to_owned(), "application/sdp").await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let answer = try_line(media.offer().await, "application/sdp").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    media.answer(answer.text().await.unwrap()).await;
    media.connected().await;

    // Tried without end, it would be a way to fill the hub.
    let mut refused = 0;
    for _ in 0..8 {
        let status = try_line("v=0".to_owned(), "application/sdp").await.status();
        refused += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused > 0, "nobody is held back");
    let other = hub.sign_in(OTHER_STUDENT).await;
    let request = other.request(Method::POST, "/api/v1/device-check/connection");
    let status = request.header("content-type", "application/sdp").body("v=0").send().await.unwrap().status();
    assert_eq!(status, StatusCode::BAD_REQUEST, "others are not held back");
    hub.stop().await;
}

#[tokio::test]
async fn the_way_is_measured_by_bytes_that_are_bounded() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let down = student.request(Method::GET, "/api/v1/device-check/data").send().await.unwrap();
    assert_eq!(down.status(), StatusCode::OK);
    let bytes = down.bytes().await.unwrap();
    assert_eq!(bytes.len(), 256 * 1024);
    assert!(bytes.iter().filter(|byte| **byte == bytes[0]).count() < bytes.len() / 64, "it cannot be packed");
    let up = async |size: usize| {
        let request = student.request(Method::POST, "/api/v1/device-check/data");
        request.body(vec![7; size]).send().await.unwrap().status()
    };
    assert_eq!(up(256 * 1024).await, StatusCode::NO_CONTENT);
    assert_eq!(up(256 * 1024 + 1).await, StatusCode::PAYLOAD_TOO_LARGE);
    hub.stop().await;
}
