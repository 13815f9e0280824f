//! The journal as people see it: each as far as DOMAIN 5 says, filtered and paged, with its head; and one's own sign-ins.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::hub::{ADMIN, Client, DEPUTY, STUDENT, TEACHER, TestHub};

async fn rows(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/api/v1/journal{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_sees_of_the_journal_what_domain_5_says() {
    let hub = TestHub::start().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let (teacher, student) = (hub.sign_in(TEACHER).await, hub.sign_in(STUDENT).await);
    let id = |client: &Client| client.me["person"]["id"].as_str().unwrap().to_owned();
    let head =
        json!({ "code": "H-100", "family_name": "Первая", "given_name": "Анна", "role": "head", "account": true });
    let made = admin.post("/api/v1/people", &head).await;
    let login = json!({ "login": "H-100", "password": made.body["password"] });
    let head = hub.client();
    assert_eq!(head.post("/api/v1/session", &login).await.status, StatusCode::OK);
    let own = json!({ "old_password": made.body["password"], "new_password": "три белых коня" });
    assert_eq!(head.post("/api/v1/me/password", &own).await.status, StatusCode::NO_CONTENT);
    let own =
        teacher.find(|item| item["host"]["id"] == id(&teacher).as_str() && item["state"] == "planned").await.unwrap();
    let cancelled = teacher.post(&format!("/api/v1/consultations/{own}/cancel"), &json!({ "reason": "болею" })).await;
    assert!(cancelled.status.is_success(), "{}", cancelled.body);

    // The administrator: what concerns the hub. Who was given a role by whom is named.
    let technical = rows(&admin, "").await;
    assert!(!actions(&technical).iter().any(|action| action.starts_with("consultation.")), "{:?}", actions(&technical));
    let given = rows(&admin, "?action=role.assign").await;
    assert_eq!((&given[0]["actor"], &given[0]["role"]), (&admin.me["person"]["display_name"], &json!("admin")));
    assert_eq!(given[0]["from"], "hub", "asked for on the hub's own machine");
    assert_eq!((&given[0]["object"], &given[0]["detail"]["role"]), (&json!("Первая Анна"), &json!("head")));
    // The deputy: what concerns teaching, with its reason. The teacher: what they did themselves.
    for client in [&deputy, &teacher, &head] {
        let seen = rows(client, "?action=consultation.cancel").await;
        assert_eq!((&seen[0]["object_id"], &seen[0]["reason"]), (&json!(own), &json!("болею")));
    }
    let signed_in: Vec<Value> = rows(&deputy, "?action=session.").await;
    assert!(signed_in.iter().all(|row| row["object_id"] == id(&deputy).as_str()), "only one's own: {signed_in:?}");
    // A student: their own sign-ins and nothing else.
    assert_eq!(actions(&rows(&student, "").await), ["session.begin"]);
    assert!(rows(&student, &format!("?person={TEACHER}")).await.is_empty());
    // The head: all of it, also of one person, by the code.
    let of_teacher = rows(&head, &format!("?person={TEACHER}")).await;
    let both = ["consultation.cancel", "session.begin"].iter().all(|action| actions(&of_teacher).contains(action));
    assert!(both, "{:?}", actions(&of_teacher));
    assert!(of_teacher.iter().all(|row| {
        row["actor"] == teacher.me["person"]["display_name"] || row["object_id"] == id(&teacher).as_str()
    }));

    let verified = head.get("/api/v1/journal/verify").await.body;
    assert_eq!(verified["intact"], true, "{verified}");
    assert_eq!(verified["head"]["hash"].as_str().unwrap().len(), 64);
    let refused = teacher.get("/api/v1/journal/verify").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    hub.stop().await;
}

#[tokio::test]
async fn the_journal_is_read_page_by_page_and_by_days() {
    let hub = TestHub::start().await;
    let admin = hub.sign_in(ADMIN).await;
    for n in 0..60 {
        let made = admin.post("/api/v1/units", &json!({ "name": format!("Кафедра {n}") })).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    }
    let first = admin.get("/api/v1/journal?action=unit.create").await.body;
    let items = first["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["detail"]["name"]), (50, &json!("Кафедра 59")));
    let before = first["before"].as_i64().unwrap();
    let second = admin.get(&format!("/api/v1/journal?action=unit.create&before={before}")).await.body;
    assert_eq!((second["items"].as_array().unwrap().len(), second["before"].is_null()), (10, true));
    assert!(first["head"]["seq"].as_i64().unwrap() >= items[0]["seq"].as_i64().unwrap());
    assert!(rows(&admin, "?action=unit.create&to=2020-01-01").await.is_empty());
    assert_eq!(rows(&admin, "?action=unit.create&from=2020-01-01").await.len(), 50);
    for wrong in ["?action=unit;drop", "?action=UNIT", "?from=yesterday"] {
        assert_eq!(admin.get(&format!("/api/v1/journal{wrong}")).await.code(), "bad_request", "{wrong}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn everybody_sees_their_own_sign_ins_and_nobody_elses() {
    let hub = TestHub::start().await;
    hub.sign_in(TEACHER).await;
    hub.token(STUDENT, &["room.join"]).await;
    let student = hub.sign_in(STUDENT).await;
    let answer = student.get("/api/v1/me/sign-ins").await;
    let items = answer.body["items"].as_array().unwrap().clone();
    assert_eq!(actions(&items), ["session.begin", "token.create", "session.begin"], "newest first");
    let admin = hub.sign_in(ADMIN).await;
    let own = admin.get("/api/v1/me/sign-ins").await.body["items"].as_array().unwrap().clone();
    assert_eq!(actions(&own), ["session.begin"], "an administrator's page of their own is no way round");
    hub.stop().await;
}
