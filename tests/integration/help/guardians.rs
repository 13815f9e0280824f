//! Guardian links: proposed without a right, confirmed by the homeroom teacher, ended with all rights at once.

use serde_json::json;

use super::{accepted, hub, refused};
use crate::hub::{Client, DEPUTY, GUARDIAN, OTHER_TEACHER, STUDENT, TEACHER};

async fn link(client: &Client, guardian: &str, student: &str) -> Option<serde_json::Value> {
    let links = accepted(client.get("/api/v1/guardian-links").await);
    let mut items = links["items"].as_array().unwrap().iter();
    items.find(|one| one["guardian"]["id"] == guardian && one["student"]["id"] == student).cloned()
}

#[tokio::test]
async fn a_link_gives_rights_from_its_confirmation_to_its_end() {
    let hub = hub().await;
    let (guardian, child) = (hub.sign_in("G-02").await, hub.sign_in("S-5A-04").await);
    let (guardian_id, child_id) = (guardian.id(), child.id());
    let proposal = |code: &str, born: &str| json!({ "student_code": code, "birth_date": born, "relation": "father" });
    // Wrong code, wrong day and right ones are answered alike.
    for body in
        [proposal("S-9X-99", "2015-04-09"), proposal("S-5A-04", "2015-04-10"), proposal("S-5A-04", "2015-04-09")]
    {
        assert_eq!(guardian.post("/api/v1/guardian-links", &body).await.status.as_u16(), 202);
    }
    refused(&child.post("/api/v1/guardian-links", &proposal("S-5A-01", "2015-02-17")).await, 403, "role_not_permitted");
    let requests = format!("/api/v1/requests?student={child_id}");
    refused(&guardian.get(&requests).await, 403, "guardian_link_missing");

    let homeroom = hub.sign_in(TEACHER).await;
    let made = link(&homeroom, &guardian_id, &child_id).await.expect("the homeroom teacher sees it");
    assert_eq!((made["state"].as_str(), made["may"].as_array().unwrap().len()), (Some("proposed"), 2));
    let path = |what: &str| format!("/api/v1/guardian-links/{}/{what}", made["id"].as_str().unwrap());
    for code in [OTHER_TEACHER, "G-02", STUDENT, "A-001"] {
        refused(&hub.sign_in(code).await.post(&path("confirm"), &json!({})).await, 403, "role_not_permitted");
    }
    accepted(homeroom.post(&path("confirm"), &json!({})).await);
    refused(&homeroom.post(&path("confirm"), &json!({})).await, 409, "illegal_transition");
    accepted(guardian.get(&requests).await);
    assert!(accepted(guardian.get("/api/v1/children").await).to_string().contains(&child_id));

    // Without the right to book there is no booking, with its dates there is none outside of them.
    let hours = accepted(guardian.get("/api/v1/office-hours").await);
    let mut times = hours["items"].as_array().unwrap().iter().flat_map(|one| one["times"].as_array().unwrap());
    let time = times.find(|time| time["can_book"] == true).unwrap()["id"].as_str().unwrap().to_owned();
    let book = format!("/api/v1/appointments/{time}/book");
    for right in [
        json!({ "right": "book", "granted": false }),
        json!({ "right": "book", "granted": true, "from": "2027-01-01" }),
        json!({ "right": "book", "granted": true, "to": "2026-11-27" }),
    ] {
        accepted(homeroom.put(&path("rights"), &right).await);
        refused(&guardian.post(&book, &json!({ "student": child_id })).await, 403, "role_not_permitted");
    }
    accepted(homeroom.put(&path("rights"), &json!({ "right": "book", "granted": true })).await);
    accepted(guardian.post(&book, &json!({ "student": child_id })).await);

    let deputy = hub.sign_in(DEPUTY).await;
    refused(&deputy.post(&path("end"), &json!({ "reason": "court" })).await, 422, "reason_required");
    accepted(deputy.post(&path("end"), &json!({ "reason": "court", "text": "№ 2-118/2026" })).await);
    refused(&guardian.get(&requests).await, 403, "guardian_link_ended");
    refused(&guardian.post(&book, &json!({ "student": child_id })).await, 403, "guardian_link_ended");
    assert!(!accepted(guardian.get("/api/v1/children").await).to_string().contains(&child_id));
    assert!(kafedra::store::audit::verify(&hub.app().state.store).await.unwrap().is_intact());
    hub.stop().await;
}

#[tokio::test]
async fn a_grown_student_decides_alone() {
    let hub = hub().await;
    // S-9B-01 is 18 on 25 May 2029.
    let (guardian, child) = (hub.sign_in(GUARDIAN).await, hub.sign_in("S-9B-01").await);
    let (guardian_id, child_id) = (guardian.id(), child.id());
    let grant = json!({ "guardian": guardian_id });
    refused(&child.post("/api/v1/adult-grants", &grant).await, 403, "role_not_permitted");
    // The last second before the birthday in Moscow, and the first one of it.
    let birthday: jiff::Timestamp = "2029-05-24T21:00:00Z".parse().unwrap();
    hub.clock.advance_ms(birthday.as_millisecond() - 60_000 - hub.clock.now_ms());
    let requests = format!("/api/v1/requests?student={child_id}");
    let guardian = hub.sign_in(GUARDIAN).await;
    accepted(guardian.get(&requests).await);
    hub.clock.advance_ms(60_000);
    let guardian = hub.sign_in(GUARDIAN).await;
    // By the rule at once; the clock writes the end down in its next round.
    refused(&guardian.get(&requests).await, 403, "ward_is_adult");
    let store = &hub.app().state.store;
    assert!(store.end_links_of_adults(hub.clock.now_ms()).await.unwrap() > 0);
    assert_eq!(store.end_links_of_adults(hub.clock.now_ms()).await.unwrap(), 0, "once");
    refused(&guardian.get(&requests).await, 403, "guardian_link_ended");
    let ended = link(&hub.sign_in(DEPUTY).await, &guardian_id, &child_id).await.unwrap();
    assert_eq!((ended["state"].as_str(), ended["reason"].as_str()), (Some("ended"), Some("age18")), "{ended}");
    let child = hub.sign_in("S-9B-01").await;
    accepted(child.post("/api/v1/adult-grants", &grant).await);
    accepted(guardian.get(&requests).await);
    accepted(child.drop_with("/api/v1/adult-grants", &grant).await);
    assert_eq!(guardian.get(&requests).await.status.as_u16(), 403);
    hub.stop().await;
}

#[tokio::test]
async fn children_are_the_guardians_page() {
    let hub = hub().await;
    let guardian = hub.sign_in(GUARDIAN).await;
    let children = accepted(guardian.get("/api/v1/children").await);
    assert_eq!(children["items"].as_array().unwrap().len(), 2);
    for code in [STUDENT, TEACHER, DEPUTY, "A-001"] {
        refused(&hub.sign_in(code).await.get("/api/v1/children").await, 403, "role_not_permitted");
    }
    hub.stop().await;
}
