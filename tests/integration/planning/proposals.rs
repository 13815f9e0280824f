//! What an administrator changes of the rules is a proposal: nothing is in force before the deputy head or the head confirms it
//! (DOMAIN 5, `norm.manage` and `policy.manage`).

use kafedra::domain::role::Role;
use kafedra::store::StoreError;
use kafedra::store::people::NewPerson;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{hub, put};
use crate::hub::{ADMIN, Answer, Client, DEPUTY, GUARDIAN, STUDENT, TEACHER, TestHub};

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

/// People whom the demo school does not have, with the password of all.
async fn hire(hub: &TestHub, people: &'static [(&'static str, Role)]) {
    let store = &hub.app().state.store;
    let now_ms = hub.clock.now_ms();
    let school = store.schools().await.unwrap().remove(0).id;
    let hash = store.account_by_login(DEPUTY).await.unwrap().unwrap().password_hash;
    let hired: Result<(), StoreError> = store
        .write(move |tx| {
            Box::pin(async move {
                let unit = tx.insert_unit(&school, "Кафедра искусств", now_ms).await?;
                for (code, role) in people {
                    let person = NewPerson {
                        code: (*code).to_owned(),
                        family_name: "Новая".to_owned(),
                        given_name: (*code).to_owned(),
                        middle_name: None,
                        birth_date: None,
                    };
                    let id = tx.insert_person(&school, &person, now_ms).await?;
                    tx.insert_account(&school, &id, code, &hash, now_ms).await?;
                    let unit = (*role == Role::UnitHead).then_some(&unit);
                    tx.insert_role(&school, &id, *role, unit, now_ms).await?;
                }
                Ok(())
            })
        })
        .await;
    hired.unwrap();
}

/// DOMAIN 5: the head (not only the deputy) decides on what an administrator proposes of norms and of the policy; nobody else
/// does, another administrator neither.
#[tokio::test]
async fn the_head_decides_on_an_administrators_proposals_and_nobody_else_but_the_deputy() {
    const HEAD: &str = "H-001";
    const SECOND: &str = "A-002";
    let hub = hub().await;
    let newcomers = &[(HEAD, Role::Head), (SECOND, Role::Admin), ("U-001", Role::UnitHead), ("W-001", Role::Staff)];
    hire(&hub, newcomers).await;
    let (admin, head) = (hub.sign_in(ADMIN).await, hub.sign_in(HEAD).await);
    let rules = async || head.get("/api/v1/planning-rules").await.body["items"].as_array().unwrap().clone();
    let rule = rules().await[0].clone();
    let modes = ["off", "warn", "enforce"];
    let mut others = modes.iter().filter(|mode| rule["mode"] != **mode);
    let (first_mode, second_mode) = (*others.next().unwrap(), *others.next().unwrap());
    let ask = json!({ "rule": rule["rule"], "mode": first_mode });
    let policy = proposed(&put(&admin, "/api/v1/planning-rules", None, &ask).await);
    let mut norm = first(&head, "/api/v1/norms").await;
    norm["per_lesson"] = 15.into();
    let norms = proposed(&put(&admin, "/api/v1/norms", None, &norm).await);

    for code in [SECOND, TEACHER, STUDENT, GUARDIAN, "U-001", "W-001"] {
        let other = hub.sign_in(code).await;
        for id in [&policy, &norms] {
            for (decision, reason) in [("confirm", ""), ("decline", "Не нужно"), ("withdraw", "")] {
                refused(&decide(&other, id, decision, reason).await, 403, "role_not_permitted");
            }
        }
    }
    let state = async |id: &str| {
        let all = proposals(&admin).await;
        all.iter().find(|one| one["id"] == id).unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state(&policy).await, state(&norms).await), ("proposed".to_owned(), "proposed".to_owned()));
    assert_eq!(rules().await[0], rule, "nothing is in force yet");

    // The head is told of both, sees what may be done, confirms one and declines the other with a reason.
    assert!(kinds_of_notices(&head).await.contains(&"rule_proposed".to_owned()));
    assert!(proposals(&head).await.iter().all(|one| one["may"] == json!(["confirm", "decline"])));
    assert_eq!(decide(&head, &policy, "confirm", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(rules().await[0]["mode"], first_mode);
    refused(&decide(&head, &norms, "decline", "  ").await, 422, "reason_required");
    assert_eq!(decide(&head, &norms, "decline", "Так нельзя по СанПиН").await.status, StatusCode::NO_CONTENT);
    assert_ne!(first(&head, "/api/v1/norms").await, norm);
    let deputy = hub.sign_in(DEPUTY).await;
    refused(&decide(&deputy, &policy, "decline", "поздно").await, 409, "illegal_transition");
    let decided = &proposals(&admin).await;
    assert!(decided.iter().all(|one| one["decided_by"] == head.me["person"]["display_name"]), "{decided:?}");

    // What the head changes is in force at once; what the second administrator changes is a proposal like the first's, which the
    // first can neither confirm nor take back.
    let own = json!({ "rule": rule["rule"], "mode": second_mode });
    assert_eq!(put(&head, "/api/v1/planning-rules", None, &own).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rules().await[0]["mode"], second_mode);
    let second = hub.sign_in(SECOND).await;
    let theirs = proposed(&put(&second, "/api/v1/planning-rules", None, &ask).await);
    for decision in ["confirm", "withdraw"] {
        refused(&decide(&admin, &theirs, decision, "").await, 403, "role_not_permitted");
    }
    assert_eq!(decide(&second, &theirs, "withdraw", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(rules().await[0]["mode"], second_mode);
    hub.stop().await;
}

/// What needs two (DOMAIN 5, `erasure.execute`): where the administrator is the data officer too, and has confirmed, it takes a
/// second administrator to carry it out, and nobody else can.
#[tokio::test]
async fn an_erasure_that_one_administrator_confirmed_is_executed_by_a_second() {
    const HEAD: &str = "H-001";
    const SECOND: &str = "A-002";
    let hub = hub().await;
    hire(&hub, &[(HEAD, Role::Head), (SECOND, Role::Admin), ("U-001", Role::UnitHead), ("W-001", Role::Staff)]).await;
    let (head, admin, second) = (hub.sign_in(HEAD).await, hub.sign_in(ADMIN).await, hub.sign_in(SECOND).await);
    let officer = json!({ "code": ADMIN, "is_given": true });
    let named = head.send(head.request(Method::PUT, "/api/v1/privacy/officers").json(&officer)).await;
    assert!(named.status.is_success(), "{} {}", named.status, named.body);
    let student = hub.sign_in("S-9B-01").await;
    let asked = student.post("/api/v1/privacy/erasures", &json!({ "reason": "ухожу" })).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.body);
    let path = |step: &str| format!("/api/v1/privacy/erasures/{}/{step}", asked.body["id"].as_str().unwrap());
    let none = json!({});
    assert_eq!(head.post(&path("approve"), &none).await.status, StatusCode::NO_CONTENT);
    assert_eq!(second.post(&path("confirm"), &none).await.code(), "role_not_permitted", "no data officer");
    assert_eq!(admin.post(&path("confirm"), &none).await.status, StatusCode::NO_CONTENT);
    for code in [HEAD, ADMIN, DEPUTY, TEACHER, STUDENT, GUARDIAN, "U-001", "W-001", "Z-001"] {
        let other = hub.sign_in(code).await;
        refused(&other.post(&path("execute"), &none).await, 403, "role_not_permitted");
    }
    assert_eq!(student.get("/api/v1/me").await.status, StatusCode::OK, "nothing is gone yet");
    let done = second.post(&path("execute"), &none).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(student.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    hub.stop().await;
}
