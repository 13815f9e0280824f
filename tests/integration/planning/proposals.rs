//! What an administrator changes of the rules is a proposal: nothing is in force before the deputy head or the head confirms it
//! (DOMAIN 5, `norm.manage` and `policy.manage`).

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{hub, put};
use crate::hub::{ADMIN, Answer, Client, DEPUTY, STUDENT, TEACHER};

async fn proposals(client: &Client) -> Vec<Value> {
    client.get("/api/v1/rule-proposals").await.body["items"].as_array().unwrap().clone()
}

async fn decide(client: &Client, id: &str, decision: &str, reason: &str) -> Answer {
    let body = json!({ "decision": decision, "reason": reason });
    client.post(&format!("/api/v1/rule-proposals/{id}/decide"), &body).await
}

/// The id of what was proposed by this answer.
#[track_caller]
fn proposed(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{}", answer.body);
}

async fn first(client: &Client, path: &str) -> Value {
    client.get(path).await.body["items"][0].clone()
}

async fn kinds_of_notices(client: &Client) -> Vec<String> {
    let items = client.get("/api/v1/notices").await.body["items"].as_array().unwrap().clone();
    items.iter().map(|notice| notice["notice"]["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_proposed_norm_is_in_force_once_somebody_else_confirms_it() {
    let hub = hub().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let before = first(&deputy, "/api/v1/norms").await;
    let mut norm = before.clone();
    norm["per_lesson"] = 15.into();
    let id = proposed(&put(&admin, "/api/v1/norms", None, &norm).await);
    assert_eq!(first(&deputy, "/api/v1/norms").await, before, "nothing is in force yet");

    // Its author sees it and may take it back, the deputy head decides, nobody else sees any.
    let (mine, theirs) = (proposals(&admin).await, proposals(&deputy).await);
    assert_eq!((mine[0]["state"].as_str(), &mine[0]["may"]), (Some("proposed"), &json!(["withdraw"])));
    assert_eq!((&theirs[0]["may"], &theirs[0]["is_stale"]), (&json!(["confirm", "decline"]), &json!(false)));
    assert_eq!((&theirs[0]["change"]["row"], &theirs[0]["was"]["row"]), (&norm, &before));
    for code in [TEACHER, STUDENT] {
        let other = hub.sign_in(code).await;
        refused(&other.get("/api/v1/rule-proposals").await, 403, "role_not_permitted");
        refused(&decide(&other, &id, "confirm", "").await, 403, "role_not_permitted");
    }
    refused(&decide(&admin, &id, "confirm", "").await, 403, "role_not_permitted");
    refused(&decide(&deputy, &id, "withdraw", "").await, 403, "role_not_permitted");
    refused(&decide(&deputy, "absent", "confirm", "").await, 404, "not_found");
    refused(&decide(&deputy, &id, "perhaps", "").await, 400, "bad_request");

    assert_eq!(decide(&deputy, &id, "confirm", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(first(&deputy, "/api/v1/norms").await, norm);
    refused(&decide(&deputy, &id, "decline", "late").await, 409, "illegal_transition");
    refused(&decide(&admin, &id, "withdraw", "").await, 409, "illegal_transition");
    let done = &proposals(&admin).await[0];
    assert_eq!((done["state"].as_str(), &done["may"]), (Some("confirmed"), &json!([])));
    assert_eq!(done["decided_by"], deputy.me["person"]["display_name"]);
    assert!(kinds_of_notices(&deputy).await.contains(&"rule_proposed".to_owned()));
    assert!(kinds_of_notices(&admin).await.contains(&"rule_confirmed".to_owned()));
    hub.stop().await;
}

#[tokio::test]
async fn a_proposal_is_declined_with_a_reason_or_withdrawn_and_changes_nothing() {
    let hub = hub().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let before = deputy.get("/api/v1/planning-rules").await.body;
    let rule = json!({ "rule": before["items"][0]["rule"], "mode": "off" });
    let declined = proposed(&put(&admin, "/api/v1/planning-rules", None, &rule).await);
    refused(&decide(&deputy, &declined, "decline", " ").await, 422, "reason_required");
    assert_eq!(decide(&deputy, &declined, "decline", "Этого закон не разрешает").await.status, StatusCode::NO_CONTENT);
    let withdrawn = proposed(&put(&admin, "/api/v1/planning-rules", None, &rule).await);
    assert_eq!(decide(&admin, &withdrawn, "withdraw", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(deputy.get("/api/v1/planning-rules").await.body, before);
    let known = proposals(&admin).await;
    let state = |id: &str| known.iter().find(|one| one["id"] == id).unwrap()["state"].as_str().unwrap().to_owned();
    assert_eq!((state(&declined), state(&withdrawn)), ("declined".to_owned(), "withdrawn".to_owned()));
    assert_eq!(known.iter().find(|one| one["id"] == declined.as_str()).unwrap()["reason"], "Этого закон не разрешает");
    assert!(kinds_of_notices(&admin).await.contains(&"rule_declined".to_owned()));
    hub.stop().await;
}

#[tokio::test]
async fn what_has_changed_since_it_was_proposed_is_not_overwritten() {
    let hub = hub().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let row = json!({ "code": "evening", "grade_from": 1, "grade_to": 4, "earliest": "08:00", "latest": "18:00",
        "source": "СП 2.4.3648-20", "mode": "enforce" });
    assert_eq!(put(&deputy, "/api/v1/hours-norms", None, &row).await.status, StatusCode::NO_CONTENT);
    let before = first(&deputy, "/api/v1/hours-norms").await;
    let mut late = before.clone();
    late["latest"] = "21:00".into();
    let id = proposed(&put(&admin, "/api/v1/hours-norms", None, &late).await);
    let mut early = before.clone();
    early["latest"] = "17:30".into();
    assert_eq!(put(&deputy, "/api/v1/hours-norms", None, &early).await.status, StatusCode::NO_CONTENT);
    refused(&decide(&deputy, &id, "confirm", "").await, 409, "version_conflict");
    assert_eq!(first(&deputy, "/api/v1/hours-norms").await, early);
    let stale = &proposals(&deputy).await[0];
    assert_eq!((&stale["is_stale"], &stale["may"]), (&json!(true), &json!(["decline"])));
    // The refusal left the proposal as it was: it can still be declined.
    assert_eq!(decide(&deputy, &id, "decline", "Уже изменено").await.status, StatusCode::NO_CONTENT);
    // A row that is not there cannot be proposed for.
    late["id"] = "absent".into();
    refused(&put(&admin, "/api/v1/hours-norms", None, &late).await, 404, "not_found");
    hub.stop().await;
}

#[tokio::test]
async fn acts_and_texts_are_proposed_too_checked_alike_and_bounded() {
    let hub = hub().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let mut act = json!({ "number": "48-ОД", "dated": "2026-11-20", "title": "Положение", "basis": "№ 1678",
        "valid_from": "2026-12-01", "valid_to": "2026-11-01" });
    refused(&admin.post("/api/v1/local-acts", &act).await, 400, "bad_request");
    act["valid_to"] = "2027-05-31".into();
    let acts = deputy.get("/api/v1/local-acts").await.body["items"].as_array().unwrap().len();
    let act_id = proposed(&admin.post("/api/v1/local-acts", &act).await);
    let text = json!({ "purpose": "messages", "title": "Согласие", "body": "Новый текст" });
    let text_id = proposed(&admin.post("/api/v1/consent-texts", &text).await);
    assert_eq!(deputy.get("/api/v1/local-acts").await.body["items"].as_array().unwrap().len(), acts);
    for id in [act_id, text_id] {
        assert_eq!(decide(&deputy, &id, "confirm", "").await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(deputy.get("/api/v1/local-acts").await.body["items"].as_array().unwrap().len(), acts + 1);
    assert!(admin.get("/api/v1/consents").await.body.to_string().contains("Новый текст"));
    // What is in force already would outdate every signature for nothing.
    for client in [&admin, &deputy] {
        refused(&client.post("/api/v1/consent-texts", &text).await, 409, "conflict");
    }
    // Those who decide read each: no more than fifty wait.
    for _ in 0..50 {
        proposed(&admin.post("/api/v1/local-acts", &act).await);
    }
    refused(&admin.post("/api/v1/local-acts", &act).await, 409, "conflict");
    hub.stop().await;
}
