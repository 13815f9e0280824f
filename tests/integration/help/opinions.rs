//! Feedback and complaints: from those who were there, hidden while few, with the host's right to answer.

use kafedra::domain::consultation::Event;
use kafedra::domain::ids::{ConsultationId, PersonId, SchoolId};
use serde_json::json;

use super::{accepted, hub, refused};
use crate::hub::{ADMIN, DEPUTY, OTHER_STUDENT, OTHER_TEACHER, STUDENT, TEACHER, TestHub};

/// The demo's webinar that is open now, with these people in it.
async fn lesson_with(hub: &TestHub, present: &[&str]) -> String {
    let teacher = hub.sign_in(TEACHER).await;
    let item = crate::lessons::open(&teacher, "webinar").await;
    let id = item["id"].as_str().unwrap().to_owned();
    let store = &hub.app().state.store;
    let (room, school) = (ConsultationId::new(id.clone()), store.schools().await.unwrap().remove(0).id);
    let now = hub.clock.now_ms();
    for code in present {
        let person = PersonId::new(hub.sign_in(code).await.id());
        let school = SchoolId::new(school.as_str());
        store.begin_attendance(school, room.clone(), person, "recipient", now).await.unwrap();
    }
    let timings = store.timings(hub.app().state.timing).await.unwrap();
    store.transition(room, Event::HostJoined, None, timings, now).await.unwrap();
    id
}

#[tokio::test]
async fn few_answers_are_hidden_and_only_who_was_there_gives_one() {
    let hub = hub().await;
    let pupils = ["S-5A-01", "S-5A-02", "S-5A-03", "S-5A-04", "S-5A-05"];
    let id = lesson_with(&hub, &pupils).await;
    let path = format!("/api/v1/consultations/{id}/feedback");
    let good = json!({ "score": 5, "helped": true, "text": "Понятно" });
    refused(&hub.sign_in(TEACHER).await.put(&path, &good).await, 403, "role_not_permitted");
    refused(&hub.sign_in("S-5A-06").await.put(&path, &good).await, 403, "role_not_permitted");
    refused(&hub.sign_in(OTHER_STUDENT).await.put(&path, &good).await, 403, "not_on_roster");
    refused(&hub.sign_in(STUDENT).await.put(&path, &json!({ "score": 6, "helped": true })).await, 400, "bad_request");
    let teacher = hub.sign_in(TEACHER).await;
    for (n, code) in pupils.into_iter().enumerate() {
        let seen = accepted(teacher.get(&path).await);
        assert!(seen["summary"].is_null(), "{n} answers are shown");
        accepted(hub.sign_in(code).await.put(&path, &good).await);
    }
    // The same person again changes their own answer, and is not counted twice.
    accepted(hub.sign_in(STUDENT).await.put(&path, &json!({ "score": 3, "helped": false })).await);
    let seen = accepted(teacher.get(&path).await);
    assert_eq!(seen["summary"], json!({ "count": 5, "mean": 460, "helped": 4 }));
    let mine = accepted(teacher.get("/api/v1/feedback/mine").await);
    assert_eq!(mine["texts"].as_array().unwrap().len(), 4);
    for code in pupils {
        assert!(!mine.to_string().contains(&hub.sign_in(code).await.id()), "a sum tells who said it");
    }
    let pupil = accepted(hub.sign_in(STUDENT).await.get(&path).await);
    assert!(pupil["summary"].is_null() && pupil["own"]["score"] == 3);
    hub.stop().await;
}

#[tokio::test]
async fn a_complaint_is_answered_by_the_host_and_decided_by_the_deputy() {
    let hub = hub().await;
    let id = lesson_with(&hub, &[STUDENT]).await;
    let path = format!("/api/v1/consultations/{id}/complaints");
    let body = json!({ "kind": "untimely", "text": "Начали на 20 минут позже" });
    refused(&hub.sign_in(TEACHER).await.post(&path, &body).await, 403, "role_not_permitted");
    refused(&hub.sign_in(OTHER_STUDENT).await.post(&path, &body).await, 403, "role_not_permitted");
    let author = hub.sign_in(STUDENT).await;
    refused(&author.post(&path, &json!({ "kind": "poor", "text": " " })).await, 422, "reason_required");
    accepted(author.post(&path, &body).await);

    let teacher = hub.sign_in(TEACHER).await;
    let seen = accepted(teacher.get("/api/v1/complaints").await);
    let one = &seen["items"][0];
    assert!(one["author"].is_null() && !one.to_string().contains(&author.id()), "the host learns who complained");
    let complaint = format!("/api/v1/complaints/{}", one["id"].as_str().unwrap());
    let said = json!({ "text": "Не работал интернет в школе, время добавлено" });
    for code in [OTHER_TEACHER, OTHER_STUDENT, ADMIN] {
        refused(&hub.sign_in(code).await.post(&format!("{complaint}/answer"), &said).await, 404, "not_found");
    }
    refused(&author.post(&format!("{complaint}/answer"), &said).await, 403, "role_not_permitted");
    accepted(teacher.post(&format!("{complaint}/answer"), &said).await);
    refused(&teacher.post(&format!("{complaint}/close"), &said).await, 403, "role_not_permitted");
    let deputy = hub.sign_in(DEPUTY).await;
    refused(&deputy.post(&format!("{complaint}/close"), &json!({ "text": "" })).await, 422, "reason_required");
    accepted(deputy.post(&format!("{complaint}/close"), &json!({ "text": "Причина техническая" })).await);
    refused(&teacher.post(&format!("{complaint}/answer"), &said).await, 409, "illegal_transition");
    let seen = accepted(author.get("/api/v1/complaints").await);
    assert_eq!(
        (seen["items"][0]["state"].as_str(), seen["items"][0]["answers"].as_array().unwrap().len()),
        (Some("closed"), 1)
    );
    for _ in 0..2 {
        accepted(author.post(&path, &body).await);
    }
    refused(&author.post(&path, &body).await, 409, "limit_reached");
    hub.stop().await;
}
