//! Requests: who may ask, see, vote, answer; what is refused; files that are not what they say.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::{accepted, ask, hub, refused, subject};
use crate::hub::{ADMIN, Client, DEPUTY, GUARDIAN, OTHER_STUDENT, OTHER_TEACHER, STUDENT, TEACHER};

#[tokio::test]
async fn a_question_is_voted_for_without_a_name_answered_doubted_and_closed() {
    let hub = hub().await;
    let (author, peer, teacher) =
        (hub.sign_in(STUDENT).await, hub.sign_in("S-5A-04").await, hub.sign_in(TEACHER).await);
    let made = ask(&author, "Математика", "Откуда общий знаменатель?").await;
    let path = format!("/api/v1/requests/{}", made["id"].as_str().unwrap());
    assert_eq!((made["state"].as_str(), made["sla"].as_str()), (Some("submitted"), Some("fine")));

    let peers = accepted(peer.get("/api/v1/requests/peers").await);
    let seen = peers["items"].as_array().unwrap().iter().find(|item| item["id"] == made["id"]).unwrap().clone();
    assert!(!seen.to_string().contains(&author.id()), "a peer learns who asked: {seen}");
    assert!(seen["student"].is_null() && seen["author"].is_null());
    let seen = accepted(peer.get(&path).await);
    assert!(!seen.to_string().contains(&author.id()) && !seen.to_string().contains("Смирнов"), "{seen}");
    let voted = accepted(peer.post(&format!("{path}/vote"), &json!({})).await);
    assert_eq!(voted["votes"], 1);
    assert_eq!(accepted(peer.post(&format!("{path}/vote"), &json!({})).await)["votes"], 1, "one vote each");

    let inbox = accepted(teacher.get("/api/v1/requests/inbox").await);
    let mine = inbox["items"].as_array().unwrap().iter().find(|item| item["id"] == made["id"]).unwrap().clone();
    assert_eq!((mine["votes"].as_i64(), mine["student"]["id"].as_str()), (Some(1), Some(author.id().as_str())));
    accepted(teacher.post(&format!("{path}/triage"), &json!({ "act": "accept" })).await);
    let answered = accepted(teacher.post(&format!("{path}/answer"), &json!({ "text": "См. §15" })).await);
    assert_eq!((answered["state"].as_str(), answered["answer"].as_str()), (Some("answered"), Some("См. §15")));

    refused(&author.post(&format!("{path}/reopen"), &json!({ "reason": "" })).await, 422, "reason_required");
    accepted(author.post(&format!("{path}/reopen"), &json!({ "reason": "не понял пример 2" })).await);
    accepted(teacher.post(&format!("{path}/answer"), &json!({ "text": "Разберём в среду" })).await);
    refused(&author.post(&format!("{path}/reopen"), &json!({ "reason": "ещё раз" })).await, 409, "illegal_transition");
    let closed = accepted(author.post(&format!("{path}/close"), &json!({})).await);
    assert_eq!(closed["state"], "closed");
    let steps: Vec<&str> =
        closed["steps"].as_array().unwrap().iter().map(|step| step["to"].as_str().unwrap()).collect();
    assert_eq!(steps, ["submitted", "accepted", "answered", "reopened", "answered", "closed"]);
    refused(&author.post(&format!("{path}/withdraw"), &json!({})).await, 409, "illegal_transition");
    assert!(kafedra::store::audit::verify(&hub.app().state.store).await.unwrap().is_intact());

    // Everyone who asked or voted was told.
    for client in [&author, &peer] {
        let notices = accepted(client.get("/api/v1/notices").await);
        let kinds = notices["items"].as_array().unwrap().iter().map(|item| item["notice"]["kind"].clone());
        assert!(kinds.into_iter().any(|kind| kind == "request_answered"), "{notices}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn who_may_not_is_refused_with_the_code_of_the_rule() {
    let hub = hub().await;
    let author = hub.sign_in(STUDENT).await;
    let made = ask(&author, "Математика", "Как сократить дробь?").await;
    let path = format!("/api/v1/requests/{}", made["id"].as_str().unwrap());
    let body = |student: Option<String>, subject: &Value| json!({ "student": student, "subject": subject["id"], "text": "?", "is_shared": false });
    let math = subject(&author, "Математика").await;

    let teacher = hub.sign_in(TEACHER).await;
    refused(&teacher.post("/api/v1/requests", &body(None, &math)).await, 403, "role_not_permitted");
    let guardian = hub.sign_in(GUARDIAN).await;
    let stranger = hub.sign_in("S-5A-03").await.id();
    refused(
        &guardian.post("/api/v1/requests", &body(Some(stranger.clone()), &math)).await,
        403,
        "guardian_link_missing",
    );
    refused(&author.post("/api/v1/requests", &body(Some(stranger), &math)).await, 403, "role_not_permitted");
    let blank = json!({ "subject": math["id"], "text": "  " });
    refused(&author.post("/api/v1/requests", &blank).await, 422, "reason_required");
    let physics = hub.sign_in(OTHER_STUDENT).await;
    let physics = subject(&physics, "Физика").await;
    refused(&author.post("/api/v1/requests", &body(None, &physics)).await, 404, "not_found");

    // Another class, another teacher, an administrator: they do not learn that it is there.
    for code in [OTHER_STUDENT, OTHER_TEACHER, ADMIN, "Z-001"] {
        let client = hub.sign_in(code).await;
        refused(&client.get(&path).await, 404, "not_found");
        refused(&client.post(&format!("{path}/answer"), &json!({ "text": "x" })).await, 404, "not_found");
    }
    // A peer sees it and answers nothing; the author triages nothing; a guardian of the author takes nothing back.
    let peer = hub.sign_in("S-5A-06").await;
    refused(&peer.post(&format!("{path}/answer"), &json!({ "text": "x" })).await, 403, "role_not_permitted");
    refused(&author.post(&format!("{path}/triage"), &json!({ "act": "accept" })).await, 403, "role_not_permitted");
    refused(&guardian.post(&format!("{path}/withdraw"), &json!({})).await, 403, "role_not_permitted");
    refused(&author.post(&format!("{path}/vote"), &json!({})).await, 409, "illegal_transition");

    let decline = |reason: &str| json!({ "act": "decline", "reason": reason });
    refused(&teacher.post(&format!("{path}/triage"), &decline("other")).await, 422, "reason_required");
    let declined = accepted(teacher.post(&format!("{path}/triage"), &decline("duplicate")).await);
    assert_eq!((declined["state"].as_str(), declined["decline"].as_str()), (Some("declined"), Some("duplicate")));
    refused(&teacher.post(&format!("{path}/answer"), &json!({ "text": "x" })).await, 409, "illegal_transition");
    hub.stop().await;
}

#[tokio::test]
async fn requests_of_a_child_are_the_guardians_and_the_deputys_and_nobody_elses() {
    let hub = hub().await;
    let guardian = hub.sign_in(GUARDIAN).await;
    let child = guardian.child("9Б");
    let choices = accepted(guardian.get("/api/v1/requests/choices").await);
    let of = choices["students"].as_array().unwrap().iter().find(|one| one["id"] == child.as_str()).unwrap().clone();
    let body = json!({ "student": child, "subject": of["subjects"][0]["id"], "text": "Можно ли дополнительно?" });
    let made = accepted(guardian.post("/api/v1/requests", &body).await);
    let path = format!("/api/v1/requests/{}", made["id"].as_str().unwrap());
    for (code, status) in [(GUARDIAN, 200), (OTHER_STUDENT, 200), (DEPUTY, 200), ("G-02", 404), (STUDENT, 404)] {
        let client = hub.sign_in(code).await;
        assert_eq!(client.get(&path).await.status.as_u16(), status, "{code}");
    }
    hub.stop().await;
}

async fn send(client: &Client, path: &str, name: &str, bytes: &'static [u8]) -> crate::hub::Answer {
    let path = format!("{path}/files?name={name}");
    client
        .send(client.request(Method::POST, &path).header("content-type", "application/octet-stream").body(bytes))
        .await
}

#[tokio::test]
async fn a_file_is_what_its_bytes_say_and_runs_nowhere() {
    let hub = hub().await;
    let author = hub.sign_in(STUDENT).await;
    let made = ask(&author, "Математика", "На фото мой пример").await;
    let path = format!("/api/v1/requests/{}", made["id"].as_str().unwrap());
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";
    for (name, bytes) in [
        ("a.png", &b"<html><script>alert(1)</script>"[..]),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.html", PNG),
        ("a.exe", b"MZ"),
    ] {
        refused(&send(&author, &path, name, bytes).await, 415, "unsupported_media_type");
    }
    let peer = hub.sign_in("S-5A-04").await;
    refused(&send(&peer, &path, "a.png", PNG).await, 403, "role_not_permitted");
    let file = accepted(send(&author, &path, "..%2F..%2Fetc%2Fmy%20page.png", PNG).await);
    assert_eq!(file["name"], "my page.png");
    for _ in 0..4 {
        accepted(send(&author, &path, "b.png", PNG).await);
    }
    refused(&send(&author, &path, "sixth.png", PNG).await, 409, "limit_reached");

    let url = file["url"].as_str().unwrap();
    let answer = hub.sign_in(TEACHER).await.get(url).await;
    assert_eq!(answer.status, StatusCode::OK);
    let headers = |name: header::HeaderName| answer.headers[name].to_str().unwrap().to_owned();
    assert!(headers(header::CONTENT_DISPOSITION).starts_with("attachment;"));
    assert!(headers(header::CONTENT_SECURITY_POLICY).contains("sandbox; default-src 'none'"));
    assert_eq!(headers(header::CONTENT_TYPE), "application/octet-stream");
    for code in ["S-5A-04", OTHER_TEACHER, "G-02"] {
        refused(&hub.sign_in(code).await.get(url).await, 404, "not_found");
    }
    assert!(hub.data().join("files").join(file["id"].as_str().unwrap()).is_file());
    hub.stop().await;
}
