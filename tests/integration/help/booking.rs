//! Appointments: one time for one student whoever is quick, limits, guard time, the waiting list, the queue, notes.

use futures_util::future::join_all;
use kafedra::domain::consultation::Event;
use kafedra::domain::ids::ConsultationId;
use serde_json::{Value, json};

use super::{accepted, hub, refused};
use crate::client::until_async;
use crate::hub::{Client, DEPUTY, GUARDIAN, OTHER_STUDENT, OTHER_TEACHER, STUDENT, TEACHER, TestHub};

/// Office hours of a class, by start: those that are full and those that are not.
async fn hours(client: &Client, class: &str) -> Vec<Value> {
    let all = accepted(client.get("/api/v1/office-hours").await);
    all["items"].as_array().unwrap().iter().filter(|one| one["class"] == class).cloned().collect()
}

fn free(hours: &Value) -> Vec<String> {
    let times = hours["times"].as_array().unwrap().iter();
    times.filter(|time| time["can_book"] == true).map(|time| time["id"].as_str().unwrap().to_owned()).collect()
}

async fn with_free(client: &Client, class: &str) -> Value {
    hours(client, class).await.into_iter().find(|one| free(one).len() > 1).expect("office hours with free times")
}

fn book(time: &str) -> String {
    format!("/api/v1/appointments/{time}/book")
}

#[tokio::test]
async fn one_time_is_taken_once_however_many_reach_for_it() {
    let hub = hub().await;
    let mut pupils = Vec::new();
    for code in ["S-5A-01", "S-5A-06"] {
        pupils.push(hub.sign_in(code).await);
    }
    let time = free(&with_free(&pupils[0], "5А").await).remove(0);
    // Each of them sends it ten times over.
    let tries = (0..20).map(|n| {
        let (client, path) = (&pupils[n % 2], book(&time));
        async move { client.post(&path, &json!({})).await }
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1);
    for answer in answers.iter().filter(|answer| !answer.status.is_success()) {
        refused(answer, 409, "slot_taken");
    }
    hub.stop().await;
}

#[tokio::test]
async fn limits_rosters_and_links_stand_before_a_booking() {
    let hub = hub().await;
    let pupil = hub.sign_in(STUDENT).await;
    let dates = hours(&pupil, "5А").await;
    let times: Vec<String> = dates.iter().filter_map(|one| free(one).into_iter().next()).collect();
    assert!(times.len() > 3, "the demo has weeks of office hours");
    accepted(pupil.post(&book(&times[0]), &json!({ "message": "№ 415" })).await);
    // A second time on the same date is held against the same student.
    accepted(pupil.post(&book(&times[1]), &json!({})).await);
    refused(&pupil.post(&book(&times[2]), &json!({})).await, 409, "booking_limit");

    let stranger = hub.sign_in(OTHER_STUDENT).await;
    refused(&stranger.post(&book(&times[2]), &json!({})).await, 403, "not_on_roster");
    let guardian = hub.sign_in("G-02").await;
    let child = json!({ "student": pupil.id() });
    refused(&guardian.post(&book(&times[2]), &child).await, 403, "guardian_link_missing");
    let teacher = hub.sign_in(TEACHER).await;
    refused(&teacher.post(&book(&times[2]), &json!({})).await, 403, "role_not_permitted");
    refused(&pupil.post(&book("none"), &json!({})).await, 404, "not_found");

    // What somebody else booked is a taken time and nothing more.
    let other = hub.sign_in("S-5A-06").await;
    let seen = accepted(other.get("/api/v1/office-hours").await).to_string();
    assert!(!seen.contains(&pupil.id()) && !seen.contains("№ 415"), "another's booking is told");
    // The host sees who comes and why.
    let seen = accepted(teacher.get("/api/v1/appointments").await).to_string();
    assert!(seen.contains(&pupil.id()) && seen.contains("№ 415"));

    // Ten minutes before it begins it is too late to book, and within three hours too late to give back.
    let mine = accepted(pupil.get("/api/v1/appointments").await);
    let mine = mine["items"].as_array().unwrap().iter().rev().find(|one| one["message"] == "№ 415").unwrap().clone();
    let starts: jiff::Timestamp = mine["starts"].as_str().unwrap().parse().unwrap();
    hub.clock.advance_ms(starts.as_millisecond() - hub.clock.now_ms() - 2 * 3_600_000);
    let path = format!("/api/v1/appointments/{}/cancel", mine["id"].as_str().unwrap());
    let pupil = hub.sign_in(STUDENT).await;
    refused(&pupil.post(&path, &json!({})).await, 409, "booking_closed");
    let teacher = hub.sign_in(TEACHER).await;
    refused(&teacher.post(&path, &json!({})).await, 422, "reason_required");
    accepted(teacher.post(&path, &json!({ "reason": "Болею" })).await);
    refused(&teacher.post(&path, &json!({ "reason": "Болею" })).await, 409, "illegal_transition");
    refused(&hub.sign_in(OTHER_TEACHER).await.post(&path, &json!({ "reason": "x" })).await, 403, "role_not_permitted");
    let other = hub.sign_in("S-5A-06").await;
    let last = hours(&other, "5А").await.remove(0)["times"].as_array().unwrap().last().unwrap()["id"].clone();
    hub.clock.advance_ms(3 * 3_600_000);
    let other = hub.sign_in("S-5A-06").await;
    refused(&other.post(&book(last.as_str().unwrap()), &json!({})).await, 409, "booking_closed");
    hub.stop().await;
}

#[tokio::test]
async fn the_waiting_list_moves_up_by_itself() {
    let hub = hub().await;
    let guardian = hub.sign_in(GUARDIAN).await;
    let (child, elder) = (guardian.child("5А"), guardian.child("9Б"));
    let full = hours(&guardian, "5А").await.into_iter().find(|one| free(one).is_empty()).expect("one is full");
    let path = format!("/api/v1/office-hours/{}/waiting", full["id"].as_str().unwrap());
    let seen = accepted(guardian.post(&path, &json!({ "student": child })).await);
    assert_eq!((seen["waiting"][0]["position"].as_i64(), seen["waiting_count"].as_i64()), (Some(1), Some(1)));
    refused(&guardian.post(&path, &json!({ "student": child })).await, 409, "conflict");
    refused(&guardian.post(&path, &json!({ "student": elder })).await, 403, "not_on_roster");
    // For the other child there is a free time.
    let time = free(&with_free(&guardian, "9Б").await).remove(0);
    let booked = accepted(guardian.post(&book(&time), &json!({ "student": elder, "message": "Импульс" })).await);
    assert_eq!((booked["state"].as_str(), booked["student"]["id"].as_str()), (Some("booked"), Some(elder.as_str())));
    let open = with_free(&guardian, "5А").await;
    let open = format!("/api/v1/office-hours/{}/waiting", open["id"].as_str().unwrap());
    refused(&guardian.post(&open, &json!({ "student": child })).await, 409, "conflict");

    // Another gives a time back: the child has it at once, and both are told.
    let other = hub.sign_in("S-5A-02").await;
    let theirs = accepted(other.get("/api/v1/appointments").await);
    let theirs =
        theirs["items"].as_array().unwrap().iter().find(|one| one["consultation"] == full["id"]).unwrap().clone();
    let cancel = format!("/api/v1/appointments/{}/cancel", theirs["id"].as_str().unwrap());
    accepted(other.post(&cancel, &json!({})).await);
    let mine = accepted(guardian.get(&format!("/api/v1/appointments?student={child}")).await);
    let moved = mine["items"].as_array().unwrap().iter().find(|one| one["consultation"] == full["id"]).unwrap().clone();
    assert_eq!((moved["state"].as_str(), moved["origin"].as_str()), (Some("booked"), Some("waiting_list")));
    assert_eq!(moved["starts"], theirs["starts"]);
    let told = accepted(guardian.get("/api/v1/notices").await);
    assert!(told.to_string().contains("appointment_moved_up"), "{told}");
    refused(&guardian.drop_with(&path, &json!({ "student": child })).await, 404, "not_found");
    hub.stop().await;
}

/// Brings the hub to the moment when office hours have just opened and their host is there.
async fn opened(hub: &TestHub, class: &str, host: &str) -> Value {
    let teacher = hub.sign_in(host).await;
    let one = hours(&teacher, class).await.remove(0);
    let starts: jiff::Timestamp = one["start"].as_str().unwrap().parse().unwrap();
    hub.clock.advance_ms(starts.as_millisecond() - hub.clock.now_ms() + 1_000);
    let store = &hub.app().state.store;
    let id = ConsultationId::new(one["id"].as_str().unwrap());
    let teacher = hub.sign_in(host).await;
    // The scheduler looks once a second.
    until_async("the office hours are open", async || store.consultation(&id).await.unwrap().state.has_room()).await;
    let timings = store.timings(hub.app().state.timing).await.unwrap();
    store.transition(id.clone(), Event::HostJoined, None, timings, hub.clock.now_ms()).await.unwrap();
    accepted(teacher.get(&format!("/api/v1/office-hours/{id}")).await)
}

#[tokio::test]
async fn the_queue_at_the_door_says_who_is_next_and_the_host_calls() {
    let hub = hub().await;
    let first = hub.sign_in("S-9B-03").await;
    let early = hours(&first, "9Б").await.remove(0);
    let queue = format!("/api/v1/office-hours/{}/queue", early["id"].as_str().unwrap());
    refused(&first.post(&queue, &json!({})).await, 409, "booking_closed");
    let one = opened(&hub, "9Б", OTHER_TEACHER).await;
    assert_eq!(one["id"], early["id"]);
    let next = format!("/api/v1/office-hours/{}/next", one["id"].as_str().unwrap());
    let teacher = hub.sign_in(OTHER_TEACHER).await;
    refused(&teacher.post(&next, &json!({})).await, 404, "not_found");
    let (first, second) = (hub.sign_in("S-9B-03").await, hub.sign_in("S-9B-04").await);
    let seen = accepted(first.post(&queue, &json!({ "message": "Задача 3" })).await);
    assert_eq!(seen["queue"][0]["position"], 1);
    let seen = accepted(second.post(&queue, &json!({})).await);
    assert_eq!((seen["queue"][0]["position"].as_i64(), seen["queue"].as_array().unwrap().len()), (Some(2), 1));
    refused(&first.post(&next, &json!({})).await, 403, "role_not_permitted");
    let seen = accepted(teacher.post(&next, &json!({})).await);
    assert_eq!((seen["queue_count"].as_i64(), seen["queue"][0]["position"].as_i64()), (Some(1), Some(1)));
    // Who was called has a time now, and is let in; the one behind stays outside and was told to be next.
    let store = &hub.app().state.store;
    let lesson = store.consultation(&ConsultationId::new(one["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(lesson.booked.len(), 1);
    let told = accepted(second.get("/api/v1/notices").await).to_string();
    assert!(told.contains("appointment_next"), "{told}");
    refused(&teacher.post(&next, &json!({})).await, 409, "slot_taken");
    accepted(second.drop_with(&queue, &json!({})).await);
    hub.stop().await;
}

#[tokio::test]
async fn private_notes_are_the_hosts_alone() {
    let hub = hub().await;
    let pupil = hub.sign_in(OTHER_STUDENT).await;
    let time = free(&with_free(&pupil, "9Б").await).remove(0);
    accepted(pupil.post(&book(&time), &json!({})).await);
    let path = format!("/api/v1/appointments/{time}/notes");
    let notes = json!({ "shared": "Повторить §17", "private": "Проверить на уроке" });
    for code in [OTHER_STUDENT, GUARDIAN, TEACHER, DEPUTY] {
        refused(&hub.sign_in(code).await.put(&path, &notes).await, 403, "role_not_permitted");
    }
    let teacher = hub.sign_in(OTHER_TEACHER).await;
    let seen = accepted(teacher.put(&path, &notes).await);
    assert_eq!(seen["note_private"], "Проверить на уроке");
    for code in [OTHER_STUDENT, GUARDIAN] {
        let seen = accepted(hub.sign_in(code).await.get("/api/v1/appointments").await).to_string();
        assert!(seen.contains("Повторить §17") && !seen.contains("Проверить на уроке"), "{code}: {seen}");
    }
    hub.stop().await;
}
