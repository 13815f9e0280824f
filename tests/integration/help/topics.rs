//! Marks and topics: import with a look first, a ranked list that explains itself, the host's choice with its sources.

use serde_json::{Value, json};

use super::{accepted, ask, hub, refused};
use crate::hub::{ADMIN, Answer, Client, DEPUTY, OTHER_STUDENT, OTHER_TEACHER, STUDENT, TEACHER, TestHub};

async fn import(client: &Client, query: &str, text: &str) -> Answer {
    let path = format!("/api/v1/marks/import{query}");
    let request = client.request(reqwest::Method::POST, &path).header("content-type", "text/csv").body(text.to_owned());
    client.send(request).await
}

pub(super) async fn ranked(hub: &TestHub, code: &str, class: &str, subject: &str) -> Result<Value, Answer> {
    let client = hub.sign_in(code).await;
    let deputy = hub.sign_in(DEPUTY).await;
    let teaching = accepted(deputy.get("/api/v1/teaching").await);
    let mut items = teaching["items"].as_array().unwrap().iter();
    let one = items.find(|one| one["class"] == class && one["subject_name"] == subject).unwrap();
    let path = format!(
        "/api/v1/topics/ranked?group={}&subject={}",
        one["group"].as_str().unwrap(),
        one["subject"].as_str().unwrap()
    );
    let answer = client.get(&path).await;
    if answer.status.is_success() { Ok(answer.body) } else { Err(answer) }
}

const HEAD: &str = "Код ученика;Предмет;Дата;Отметка;Вес;Тема\n";

#[tokio::test]
async fn marks_come_in_all_or_nothing_and_twice_the_same_is_nothing() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let good = format!("{HEAD}S-5A-06;Математика;24.11.2026;2;1;Сложение и вычитание дробей\n");
    let dry = accepted(import(&teacher, "?dry_run=true", &good).await);
    assert_eq!((dry["created"].as_i64(), dry["dry_run"].as_bool()), (Some(1), Some(true)));
    let done = accepted(import(&teacher, "", &good).await);
    assert_eq!(done["created"], 1);
    assert_eq!(accepted(import(&teacher, "", &good).await)["unchanged"], 1);
    let changed = good.replace(";2;1;", ";3;1;");
    assert_eq!(accepted(import(&teacher, "", &changed).await)["updated"], 1);

    let bad = format!("{HEAD}S-5A-06;Математика;25.11.2026;5;1;\nS-5A-99;Математика;25.11.2026;7;1;\n");
    let answer = import(&teacher, "", &bad).await;
    refused(&answer, 422, "import_rejected");
    assert!(answer.body["errors"].to_string().contains("bad_number"), "{}", answer.body);
    assert_eq!(
        accepted(import(&teacher, "?dry_run=true", &format!("{HEAD}S-5A-06;Математика;25.11.2026;5;1;\n")).await)["created"],
        1,
        "nothing of the bad file came in"
    );
    // Another's subject: by line, for a teacher; not for a deputy.
    let foreign = format!("{HEAD}S-9B-01;Физика;25.11.2026;5;1;\n");
    refused(&import(&teacher, "", &foreign).await, 422, "import_rejected");
    accepted(import(&hub.sign_in(DEPUTY).await, "", &foreign).await);
    for code in [STUDENT, "G-01", ADMIN] {
        refused(&import(&hub.sign_in(code).await, "", &good).await, 403, "role_not_permitted");
    }
    // A grid, whose subject the request names.
    let teaching = accepted(teacher.get("/api/v1/teaching").await);
    let subject = teaching["items"].as_array().unwrap().iter().find(|one| one["subject_name"] == "Математика").unwrap();
    let query = format!("?subject={}", subject["subject"].as_str().unwrap());
    let grid = "Код;ФИО;26.11 Сложение и вычитание дробей;27.11\nS-5A-01;Смирнов;4;н\nS-5A-02;Ёлкина;3;\n";
    assert_eq!(accepted(import(&teacher, &query, grid).await)["created"], 3);
    hub.stop().await;
}

#[tokio::test]
async fn the_neediest_topic_stands_first_and_says_why() {
    let hub = hub().await;
    let list = ranked(&hub, TEACHER, "5А", "Математика").await.unwrap();
    let first = &list["topics"][0];
    assert_eq!(first["title"], "Сложение и вычитание дробей");
    let reason = |kind: &str| first["reasons"].as_array().unwrap().iter().find(|one| one["kind"] == kind).cloned();
    let below = reason("below_three").expect("marks speak for it");
    assert_eq!((below["value"].as_i64(), below["of"].as_i64()), (Some(3), Some(6)));
    assert_eq!(reason("requests").unwrap()["value"], 2);
    let sum: i64 = first["reasons"].as_array().unwrap().iter().map(|one| one["points"].as_i64().unwrap()).sum();
    assert_eq!(first["score"], sum);
    for (code, status, word) in [
        (STUDENT, 403, "role_not_permitted"),
        (ADMIN, 403, "role_not_permitted"),
        (OTHER_TEACHER, 403, "role_not_permitted"),
        ("G-01", 403, "role_not_permitted"),
    ] {
        refused(&ranked(&hub, code, "5А", "Математика").await.unwrap_err(), status, word);
    }
    // Marks of one student: their own, the guardian's, the teacher's; nobody else's.
    let student = hub.sign_in(STUDENT).await.id();
    let path = format!("/api/v1/performance?student={student}");
    for (code, status) in [
        (STUDENT, 200),
        ("G-01", 200),
        (TEACHER, 200),
        (DEPUTY, 200),
        ("S-5A-02", 403),
        ("G-02", 403),
        (OTHER_TEACHER, 403),
        (ADMIN, 403),
    ] {
        assert_eq!(hub.sign_in(code).await.get(&path).await.status.as_u16(), status, "{code}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_date_keeps_its_topics_and_sources_and_those_who_asked_are_told() {
    let hub = hub().await;
    let author = hub.sign_in(STUDENT).await;
    let asked = ask(&author, "Математика", "Как складывать дроби?").await;
    let list = ranked(&hub, TEACHER, "5А", "Математика").await.unwrap();
    let lesson = list["planned"].as_array().unwrap().iter().find(|one| one["form"] != "individual").unwrap();
    let overview = list["planned"].as_array().unwrap().iter().find(|one| one["coverage"] == "overview").unwrap();
    let path = format!("/api/v1/consultations/{}/topics", lesson["id"].as_str().unwrap());
    let teacher = hub.sign_in(TEACHER).await;
    let (topic, part) = (&list["topics"][0]["id"], &list["topics"][0]["part_id"]);
    refused(&teacher.put(&path, &json!({ "topics": [topic], "parts": [part] })).await, 422, "source_required");
    let note = json!({ "topics": ["x"], "parts": [part], "note": "контрольная" });
    refused(&teacher.put(&path, &note).await, 422, "topics_required");
    let bare = format!("/api/v1/consultations/{}/topics", overview["id"].as_str().unwrap());
    refused(&teacher.put(&bare, &json!({ "note": "повторение" })).await, 422, "part_required");
    let foreign = json!({ "topics": [topic], "parts": [part], "requests": ["none"] });
    refused(&teacher.put(&path, &foreign).await, 404, "not_found");

    let choice = json!({ "topics": [topic], "parts": [part], "requests": [asked["id"]], "performance": [topic] });
    for code in [OTHER_TEACHER, STUDENT, ADMIN] {
        refused(&hub.sign_in(code).await.put(&path, &choice).await, 403, "role_not_permitted");
    }
    let chosen = accepted(teacher.put(&path, &choice).await);
    let kinds: Vec<&str> =
        chosen["sources"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["request", "performance"]);
    let seen = accepted(author.get(&format!("/api/v1/requests/{}", asked["id"].as_str().unwrap())).await);
    assert_eq!((seen["state"].as_str(), &seen["consultation"]["id"]), (Some("scheduled"), &lesson["id"]));
    assert!(accepted(author.get("/api/v1/notices").await).to_string().contains("request_scheduled"));
    // It falls through: help is owed again.
    let cancel = format!("/api/v1/consultations/{}/cancel", lesson["id"].as_str().unwrap());
    accepted(teacher.post(&cancel, &json!({ "reason": "Болею" })).await);
    let seen = accepted(author.get(&format!("/api/v1/requests/{}", asked["id"].as_str().unwrap())).await);
    assert_eq!((seen["state"].as_str(), seen["consultation"].is_null()), (Some("accepted"), true));
    hub.stop().await;
}

#[tokio::test]
async fn inv_23_a_request_of_another_group_is_no_source() {
    let hub = hub().await;
    let other = hub.sign_in(OTHER_STUDENT).await;
    let asked = ask(&other, "Физика", "Что такое импульс?").await;
    let list = ranked(&hub, TEACHER, "5А", "Математика").await.unwrap();
    let lesson = list["planned"].as_array().unwrap().iter().find(|one| one["form"] != "individual").unwrap();
    let path = format!("/api/v1/consultations/{}/topics", lesson["id"].as_str().unwrap());
    let (topic, part) = (&list["topics"][0]["id"], &list["topics"][0]["part_id"]);
    let choice = json!({ "topics": [topic], "parts": [part], "requests": [asked["id"]] });
    let teacher = hub.sign_in(TEACHER).await;
    refused(&teacher.put(&path, &choice).await, 422, "source_required");
    // What was declined is no source either.
    let own = ask(&hub.sign_in(STUDENT).await, "Математика", "Когда каникулы?").await;
    let id = own["id"].as_str().unwrap();
    let declined = json!({ "act": "decline", "reason": "not_programme" });
    accepted(teacher.post(&format!("/api/v1/requests/{id}/triage"), &declined).await);
    let choice = json!({ "topics": [topic], "parts": [part], "requests": [id] });
    refused(&teacher.put(&path, &choice).await, 422, "source_required");
    hub.stop().await;
}
