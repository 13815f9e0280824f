//! A local act with its papers (R1.1): the protocols by which opinions were heeded, and its file, which everybody of the school may
//! read once the act is written.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::hub;
use crate::hub::{ADMIN, Answer, Client, DEPUTY, GUARDIAN, STUDENT, TEACHER};

const PDF: &[u8] = b"%PDF-1.7 the order";

async fn bring(client: &Client, name: &str, bytes: &[u8]) -> Answer {
    let request = client.request(Method::POST, &format!("/api/v1/local-acts/files?name={name}"));
    client.send(request.header("content-type", "application/octet-stream").body(bytes.to_vec())).await
}

fn act(file: Option<&str>) -> Value {
    let opinions = json!([
        { "title": "Совет родителей", "number": "3", "dated": "2026-08-28" },
        { "title": "Профсоюз", "number": "11", "dated": "2026-08-29" },
    ]);
    let mut act = json!({ "number": "77-о", "dated": "2026-09-01", "title": "Положение", "basis": "273-ФЗ",
        "valid_from": "2026-09-01", "opinions": opinions });
    if let Some(file) = file {
        act["file"] = file.into();
    }
    act
}

async fn newest(client: &Client) -> Value {
    let acts = client.get("/api/v1/local-acts").await.body;
    acts["items"].as_array().unwrap().iter().find(|act| act["number"] == "77-о").cloned().unwrap_or(Value::Null)
}

#[tokio::test]
async fn an_act_is_written_with_opinions_and_its_file_and_everybody_reads_them() {
    let hub = hub().await;
    let (deputy, student) = (hub.sign_in(DEPUTY).await, hub.sign_in(STUDENT).await);

    // Who may not write acts brings no files; what is no paper is not taken.
    for code in [TEACHER, STUDENT, GUARDIAN] {
        let answer = bring(&hub.sign_in(code).await, "x.pdf", PDF).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"), "{code}");
    }
    assert_eq!(bring(&deputy, "x.html", b"<html>").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(bring(&deputy, "x.pdf", b"").await.status, StatusCode::BAD_REQUEST);
    let large = vec![b'%'; (10 << 20) + 1];
    assert_eq!(bring(&deputy, "x.pdf", &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);

    let brought = bring(&deputy, "prikaz.pdf", PDF).await;
    assert_eq!(brought.status, StatusCode::CREATED, "{}", brought.body);
    let (file, url) = (brought.body["id"].as_str().unwrap(), brought.body["url"].as_str().unwrap());
    // Not before there is an act.
    assert_eq!(student.get(url).await.status, StatusCode::FORBIDDEN);

    for (change, status) in [
        (json!({ "file": "none" }), 404),
        (json!({ "opinions": [{ "title": "", "number": "1", "dated": "2026-08-28" }] }), 400),
        (json!({ "opinions": [{ "title": "Совет", "number": "1", "dated": "вчера" }] }), 400),
        (json!({ "opinions": vec![json!({ "title": "Совет", "number": "1", "dated": "2026-08-28" }); 11] }), 400),
        (json!({ "opinions": [{ "title": "Совет", "number": "1", "dated": "2026-08-28", "text": "x" }] }), 400),
    ] {
        let mut wrong = act(None);
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = deputy.post("/api/v1/local-acts", &wrong).await;
        assert_eq!(answer.status.as_u16(), status, "{change}: {}", answer.body);
    }
    let written = deputy.post("/api/v1/local-acts", &act(Some(file))).await;
    assert_eq!(written.status, StatusCode::CREATED, "{}", written.body);
    // One file is one act's.
    let again = deputy.post("/api/v1/local-acts", &act(Some(file))).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "conflict"));

    for code in [STUDENT, GUARDIAN, TEACHER, ADMIN] {
        let reader = hub.sign_in(code).await;
        let act = newest(&reader).await;
        assert_eq!(act["opinions"].as_array().map(Vec::len), Some(2), "{code}: {act}");
        assert_eq!(act["opinions"][0]["title"], "Совет родителей");
        assert_eq!(act["file"]["name"], "prikaz.pdf");
        let response = reader.request(Method::GET, act["file"]["url"].as_str().unwrap()).send().await.unwrap();
        let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.starts_with("attachment; filename=\"prikaz.pdf\""), "{disposition}");
        assert_eq!(response.bytes().await.unwrap(), PDF, "{code}");
    }
    assert_eq!(hub.client().get(url).await.status, StatusCode::UNAUTHORIZED);
    hub.stop().await;
}

#[tokio::test]
async fn an_administrator_proposes_an_act_with_its_file_which_who_decides_can_read() {
    let hub = hub().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let brought = bring(&admin, "prikaz.pdf", PDF).await;
    let answer = admin.post("/api/v1/local-acts", &act(brought.body["id"].as_str())).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let id = answer.body["id"].as_str().unwrap().to_owned();
    let waiting = deputy.get("/api/v1/rule-proposals").await.body["items"][0]["change"]["row"].clone();
    assert_eq!(waiting["opinions"][1]["number"], "11");
    let url = waiting["file"]["url"].as_str().unwrap();
    assert_eq!(deputy.get(url).await.status, StatusCode::OK);
    assert_eq!(newest(&admin).await, Value::Null);
    let decided = deputy.post(&format!("/api/v1/rule-proposals/{id}/decide"), &json!({ "decision": "confirm" })).await;
    assert_eq!(decided.status, StatusCode::NO_CONTENT, "{}", decided.body);
    assert_eq!(newest(&admin).await["file"]["name"], "prikaz.pdf");
    assert_eq!(hub.sign_in(STUDENT).await.get(url).await.status, StatusCode::OK);
    hub.stop().await;
}
