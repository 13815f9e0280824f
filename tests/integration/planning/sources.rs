//! What a card gives as its reason (clause 3.5, INV-22, INV-23): requests and marks that are there, of its own group and subject.

use super::*;

async fn ask(code: &str, hub: &TestHub, subject: &str) -> (Client, Value) {
    let client = hub.sign_in(code).await;
    let choices = client.get("/api/v1/requests/choices").await.body;
    let students = choices["students"].as_array().unwrap();
    let mut all = students.iter().flat_map(|student| student["subjects"].as_array().unwrap());
    let found = all.find(|one| one["name"] == subject).unwrap_or_else(|| panic!("{choices}"));
    let body = json!({ "subject": found["id"], "topic": found["topics"][0]["id"], "text": "Как?", "is_shared": true });
    let answer = client.post("/api/v1/requests", &body).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    (client, answer.body)
}

/// Publishes the card with this source.
async fn publish(teacher: &Client, source: Value) -> Answer {
    let school = School::of(teacher).await;
    let mut body = card(teacher, &school, &me(teacher)).await;
    body["content"]["slots"][0]["sources"] = json!([source]);
    published(teacher, &body).await
}

#[track_caller]
fn refused(answer: &Answer, why: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "source_required"),
        "{}",
        answer.body
    );
    assert_eq!(answer.body["params"]["sources"][0]["why"], why, "{}", answer.body);
}

fn request(id: &Value) -> Value {
    json!({ "kind": "request", "ref_id": id })
}

#[tokio::test]
async fn inv_23_a_card_names_only_sources_that_are_there_theirs_and_open() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    refused(&publish(&teacher, request(&json!("нет такого"))).await, "unknown");
    refused(&publish(&teacher, json!({ "kind": "request" })).await, "unknown");
    refused(&publish(&teacher, json!({ "kind": "performance", "ref_id": "нет такой" })).await, "unknown");
    let (_, foreign) = ask("S-9B-01", &hub, "Физика").await;
    refused(&publish(&teacher, request(&foreign["id"])).await, "other");
    let (_, declined) = ask("S-5A-06", &hub, "Математика").await;
    let path = format!("/api/v1/requests/{}/triage", declined["id"].as_str().unwrap());
    let no = teacher.post(&path, &json!({ "act": "decline", "reason": "not_programme" })).await;
    assert_eq!(no.status, StatusCode::OK, "{}", no.body);
    refused(&publish(&teacher, request(&declined["id"])).await, "not_open");
    // However softly the school means it that there is a source: one that is named has to be there.
    let rule = json!({ "rule": "source_required", "mode": "off" });
    assert_eq!(put(&deputy, "/api/v1/planning-rules", None, &rule).await.status, StatusCode::NO_CONTENT);
    refused(&publish(&teacher, request(&declined["id"])).await, "not_open");
    assert!(planned(&teacher, "Сложение дробей").await.is_empty(), "nothing is planned");
    hub.stop().await;
}

#[tokio::test]
async fn inv_23_publishing_puts_the_request_into_the_date_and_tells_who_asked() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let (author, asked) = ask("S-5A-01", &hub, "Математика").await;
    let done = publish(&teacher, request(&asked["id"])).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let lesson = planned(&teacher, "Сложение дробей").await.remove(0);
    let path = format!("/api/v1/requests/{}", asked["id"].as_str().unwrap());
    let seen = author.get(&path).await.body;
    assert_eq!((&seen["state"], &seen["consultation"]["id"]), (&json!("scheduled"), &lesson["id"]), "{seen}");
    let told = author.get("/api/v1/notices").await.body.to_string();
    assert!(told.contains("request_scheduled"), "{told}");
    let topics = format!("/api/v1/consultations/{}/topics", lesson["id"].as_str().unwrap());
    let sources = |of: &Value| {
        let all = of["sources"].as_array().unwrap().iter();
        all.filter(|one| one["kind"] == "request").map(|one| one["ref_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(sources(&teacher.get(&topics).await.body), [asked["id"].clone()]);

    // Answered since: the card goes on, its next version is no worse for it.
    let answered = teacher.post(&format!("{path}/answer"), &json!({ "text": "Смотрите § 12." })).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
    let all = teacher.get("/api/v1/cards").await.body;
    let found = all["items"].as_array().unwrap().iter().find(|one| one["title"] == "Сложение дробей").unwrap();
    let card = format!("/api/v1/cards/{}", found["id"].as_str().unwrap());
    let mut body = teacher.get(&card).await.body["versions"][0]["body"].clone();
    body["content"]["slots"][0]["at"]["value"] = "15:45:00".into();
    let saved = put(&teacher, &format!("{card}/draft"), Some(0), &json!({ "body": body })).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.body);
    let next = post(&teacher, &format!("{card}/publish"), 1).await;
    assert_eq!(next.status, StatusCode::OK, "{}", next.body);
    hub.stop().await;
}

#[tokio::test]
async fn a_request_that_is_put_into_a_consultation_is_its_source() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let note = json!({ "kind": "note", "text": "Ошибки в контрольной" });
    assert_eq!(publish(&teacher, note).await.status, StatusCode::OK);
    let lesson = planned(&teacher, "Сложение дробей").await.remove(0);
    let (_, asked) = ask("S-5A-01", &hub, "Математика").await;
    let triage = format!("/api/v1/requests/{}/triage", asked["id"].as_str().unwrap());
    let put_in = teacher.post(&triage, &json!({ "act": "schedule", "consultation": lesson["id"] })).await;
    assert_eq!(put_in.status, StatusCode::OK, "{}", put_in.body);
    let path = format!("/api/v1/consultations/{}/topics", lesson["id"].as_str().unwrap());
    let source = json!({ "kind": "request", "ref_id": asked["id"], "text": null });
    let shown = teacher.get(&path).await.body;
    assert_eq!(shown["sources"], json!([source]), "{shown}");
    // What the host chooses later does not take it away.
    let school = School::of(&teacher).await;
    let of = format!("group={}&subject={}", school.group("5А"), school.subject("Математика"));
    let ranked = teacher.get(&format!("/api/v1/topics/ranked?{of}")).await.body;
    let topic = ranked["topics"].as_array().unwrap().iter().find(|one| one["part"] == "2 четверть").unwrap();
    let chosen = put(&teacher, &path, None, &json!({ "topics": [topic["id"]], "note": "по контрольной" })).await;
    assert_eq!(chosen.status, StatusCode::OK, "{}", chosen.body);
    let kinds: Vec<&Value> = chosen.body["sources"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["request", "note"], "{}", chosen.body);
    hub.stop().await;
}
