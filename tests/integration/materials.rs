//! What of a consultation is kept from whom: an administrator sees that it is, and neither materials nor for whom it is
//! (DOMAIN 5: `material.view` "-", `timetable.view` without names of recipients); and rows of the table that are a dash.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::hub::{ADMIN, Client, DEPUTY, GUARDIAN, STUDENT, TEACHER, TestHub};

async fn both(client: &Client, id: &str) -> [Value; 2] {
    let one = client.get(&format!("/api/v1/consultations/{id}")).await.body;
    let listed = client.timetable().await.into_iter().find(|item| item["id"] == id).unwrap();
    [one, listed]
}

#[tokio::test]
async fn an_administrator_sees_no_materials_and_not_whom_individual_help_is_for() {
    let hub = TestHub::start().await;
    let (admin, deputy, teacher) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let me = teacher.me["person"]["id"].as_str().unwrap().to_owned();
    // A card with everything on it, by its own teacher; its dates are found by the title.
    let options = deputy.get("/api/v1/card-options").await.body;
    let find = |list: &str, fits: &dyn Fn(&Value) -> bool| {
        options[list].as_array().unwrap().iter().find(|one| fits(one)).unwrap()["id"].clone()
    };
    let cards = deputy.get("/api/v1/cards").await.body;
    let known = cards["items"].as_array().unwrap().iter().find(|one| one["key"] == "МАТ-5А-чат").unwrap()["id"].clone();
    let page = deputy.get(&format!("/api/v1/cards/{}", known.as_str().unwrap())).await.body;
    let mut body = page["versions"][0]["body"].clone();
    body["subject"] = find("subjects", &|one| one["name"] == "Математика");
    assert_eq!(body["content"]["teacher"], me.as_str());
    body["content"]["materials"] = json!(["https://school.example/m/1"]);
    body["content"]["homework"] = json!({ "text": "№ 15", "due": null });
    body["content"]["note"] = "Для Пети".into();
    let path = format!("/api/v1/cards/{}", known.as_str().unwrap());
    let draft = deputy.request(Method::PUT, &format!("{path}/draft")).header("if-match", "\"0\"");
    let drafted = deputy.send(draft.json(&json!({ "body": body }))).await;
    assert_eq!(drafted.status, StatusCode::OK, "{}", drafted.body);
    let publish = deputy.request(Method::POST, &format!("{path}/publish")).header("if-match", "\"1\"");
    let published = deputy.send(publish.json(&json!({}))).await;
    assert_eq!(published.status, StatusCode::OK, "{}", published.body);

    let with = deputy.timetable().await.into_iter().find(|item| item["homework"] == "№ 15").expect("it has a date");
    let id = with["id"].as_str().unwrap();
    for seen in both(&admin, id).await {
        assert_eq!(seen["materials"], json!([]), "{seen}");
        assert!(seen["homework"].is_null() && seen["note"].is_null(), "{seen}");
        assert_eq!(seen["title"], with["title"], "a group's lesson keeps its name");
    }
    for who in [&deputy, &teacher, &hub.sign_in(STUDENT).await] {
        for seen in both(who, id).await {
            let code = &who.me["person"]["code"];
            assert_eq!((&seen["materials"], &seen["homework"]), (&with["materials"], &json!("№ 15")), "{code}");
        }
    }
    // A parent sees what their child has to do, where the audience has parents or not.
    let parent = hub.sign_in(GUARDIAN).await.get(&format!("/api/v1/consultations/{id}")).await;
    assert_eq!((parent.status, &parent.body["homework"]), (StatusCode::OK, &json!("№ 15")), "{}", parent.body);
    // A program that reads the timetable reads its owner's materials too; one for rooms does not.
    let program = hub.token(TEACHER, &["timetable.read"]).await;
    assert_eq!(both(&program, id).await[0]["homework"], "№ 15");
    let program = hub.token(TEACHER, &["room.join"]).await;
    assert!(both(&program, id).await[0]["homework"].is_null());

    let individual = deputy.timetable().await.into_iter().find(|item| item["form"] == "individual").unwrap();
    for seen in both(&admin, individual["id"].as_str().unwrap()).await {
        let named = [&individual["subject"], &individual["card_key"]];
        assert!(named.contains(&&seen["title"]), "{seen}");
        assert_eq!((&seen["topics"], &seen["wards"]), (&json!([]), &json!([])), "{seen}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_head_books_no_appointments_and_nobody_writes_their_own_contract() {
    let hub = TestHub::start().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let head =
        json!({ "code": "H-100", "family_name": "Первая", "given_name": "Анна", "role": "head", "account": true });
    let made = admin.post("/api/v1/people", &head).await;
    let login = json!({ "login": "H-100", "password": made.body["password"] });
    let head = hub.client();
    assert_eq!(head.post("/api/v1/session", &login).await.status, StatusCode::OK);
    let own = json!({ "old_password": made.body["password"], "new_password": "три белых коня" });
    assert_eq!(head.post("/api/v1/me/password", &own).await.status, StatusCode::NO_CONTENT);
    let hours = deputy.get("/api/v1/office-hours").await;
    assert_eq!(hours.status, StatusCode::OK, "{}", hours.body);
    for path in ["/api/v1/office-hours", "/api/v1/appointments"] {
        let answer = head.get(path).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"), "{path}");
    }

    // The same hours for oneself and for a teacher: the one is refused, whoever asks, the other written.
    let contract = |id: &str, person: &Value| {
        json!({
            "id": id, "person": person, "position": "учитель", "kind": "teaching", "consultation_hours_week": 40.0,
            "windows": [], "absences": [],
        })
    };
    let write = async |by: &Client, id: &str, person: &Value| {
        by.send(by.request(Method::PUT, "/api/v1/contracts").json(&contract(id, person))).await
    };
    let own = write(&deputy, "own", &deputy.me["person"]["id"]).await;
    assert_eq!((own.status, own.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    let above = write(&deputy, "above", &made.body["person"]["person"]["id"]).await;
    assert_eq!((above.status, above.code()), (StatusCode::FORBIDDEN, "role_not_permitted"), "the head's");
    let teacher = hub.sign_in(TEACHER).await;
    let done = write(&deputy, "theirs", &teacher.me["person"]["id"]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let absence =
        json!({ "person": deputy.me["person"]["id"], "from": "2027-01-11", "to": "2027-01-12", "kind": "trip" });
    assert_eq!(deputy.post("/api/v1/absences", &absence).await.status, StatusCode::FORBIDDEN);
    hub.stop().await;
}
