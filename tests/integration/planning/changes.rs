//! What happens to single consultations: orders, substitutes, moving, load.

use super::*;

/// A published card of the teacher on 3 December; gives the consultation.
async fn one(hub: &TestHub) -> String {
    let deputy = hub.sign_in(DEPUTY).await;
    let school = School::of(&deputy).await;
    let body = card(&deputy, &school, &me(&hub.sign_in(TEACHER).await)).await;
    let answer = published(&deputy, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    planned(&deputy, "Сложение дробей").await[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_order_lifts_the_load_and_only_others_give_it() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let school = School::of(&deputy).await;
    let host = me(&teacher);
    let contracts = deputy.get(&format!("/api/v1/contracts?person={host}")).await.body;
    let mut contract = contracts["items"][0].clone();
    contract["consultation_hours_week"] = 1.into();
    contract["absences"] = json!([]);
    assert_eq!(put(&deputy, "/api/v1/contracts", None, &contract).await.status, StatusCode::OK);
    let id = drafted(&teacher, &card(&teacher, &school, &host).await).await;
    let publish = format!("/api/v1/cards/{id}/publish");
    let refused = post(&teacher, &publish, 1).await;
    assert_eq!(refused.code(), "load_exceeded", "{}", refused.body);
    let consultation = refused.body["params"]["consultation"].as_str().unwrap();
    let order = |order_no: &str, host: &str, code: &str| json!({ "consultation": consultation, "code": code, "host": host, "order_no": order_no, "reason": "перед контрольной" });
    let own = teacher.post("/api/v1/overrides", &order("15-к", &host, "load_exceeded")).await;
    assert_eq!((own.status, own.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    let selfish = deputy.post("/api/v1/overrides", &order("15-к", &me(&deputy), "load_exceeded")).await;
    assert_eq!((selfish.status, selfish.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    let unnumbered = deputy.post("/api/v1/overrides", &order(" ", &host, "load_exceeded")).await;
    assert_eq!((unnumbered.status, unnumbered.code()), (StatusCode::UNPROCESSABLE_ENTITY, "reason_required"));
    let conflict = deputy.post("/api/v1/overrides", &order("15-к", &host, "host_conflict")).await;
    assert_eq!((conflict.status, conflict.code()), (StatusCode::CONFLICT, "illegal_transition"));
    let given = deputy.post("/api/v1/overrides", &order("15-к", &host, "load_exceeded")).await;
    assert_eq!(given.status, StatusCode::CREATED, "{}", given.body);
    let done = post(&teacher, &publish, 1).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(done.body["dates"][0]["findings"][0]["order_no"], "15-к");
    let shown = planned(&teacher, "Сложение дробей").await.remove(0);
    assert_eq!(shown["warnings"], json!(["load_exceeded"]));
    let book = deputy.get("/api/v1/overrides").await.body;
    assert_eq!(
        (&book["items"][0]["order_no"], &book["items"][0]["title"]),
        (&json!("15-к"), &json!("Сложение дробей"))
    );
    hub.stop().await;
}

#[tokio::test]
async fn a_substitute_is_checked_hosts_the_room_and_gets_the_hours() {
    let hub = hub().await;
    let id = one(&hub).await;
    let (deputy, teacher, other) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await, hub.sign_in("T-021").await);
    let path = format!("/api/v1/consultations/{id}");
    let by_teacher = teacher.post(&format!("{path}/substitute"), &json!({ "to": me(&other), "reason": "болею" })).await;
    assert_eq!(by_teacher.status, StatusCode::FORBIDDEN);
    let student = me(&hub.sign_in("S-5A-01").await);
    let wrong = deputy.post(&format!("{path}/substitute"), &json!({ "to": student, "reason": "болеет" })).await;
    assert_eq!(wrong.code(), "role_not_permitted");
    let candidates = deputy.get(&format!("{path}/substitutes")).await.body;
    let found = candidates["items"].as_array().unwrap().iter().find(|one| one["id"] == me(&other).as_str()).unwrap();
    assert_eq!(found["free"], true, "{candidates}");
    assert!(!candidates["items"].as_array().unwrap().iter().any(|one| one["id"] == me(&teacher).as_str()));
    let unsaid = deputy.post(&format!("{path}/substitute"), &json!({ "to": me(&other), "reason": "" })).await;
    assert_eq!(unsaid.code(), "reason_required");
    let done = deputy.post(&format!("{path}/substitute"), &json!({ "to": me(&other), "reason": "болеет" })).await;
    assert_eq!((done.status, &done.body["host"]["id"]), (StatusCode::OK, &json!(me(&other))), "{}", done.body);
    let shown = other.get(&path).await.body;
    assert_eq!(shown["role"], "host");
    let seen = teacher.get(&path).await.body;
    assert_eq!(
        (&seen["host"]["id"], &seen["role"]),
        (&json!(me(&other)), &json!("none")),
        "replaced: sees it, enters not"
    );
    // Somebody who is busy then (the chat of 9Б) is refused, with what stands in the way.
    let busy = me(&hub.sign_in("T-007").await);
    let refused = deputy.post(&format!("{path}/substitute"), &json!({ "to": busy, "reason": "болеет" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "host_conflict"), "{}", refused.body);
    let load = deputy.get(&format!("/api/v1/load?from=2026-11-30&to=2026-12-06&person={}", me(&other))).await.body;
    assert_eq!(load["items"][0]["taken_over"], json!(0.67), "{load}");
    // Back to the host.
    let back = deputy.post(&format!("{path}/substitute"), &json!({ "to": null, "reason": "здоров" })).await;
    assert_eq!(back.body["host"]["id"], json!(me(&teacher)));
    hub.stop().await;
}

#[tokio::test]
async fn a_moved_consultation_has_a_successor_that_is_checked() {
    let hub = hub().await;
    let id = one(&hub).await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let path = format!("/api/v1/consultations/{id}/move");
    let to = |date: &str, start: &str| json!({ "date": date, "start": start, "reason": "актовый зал занят" });
    let free = deputy.post(&path, &to("2026-12-05", "12:00")).await;
    assert_eq!((free.status, free.code()), (StatusCode::UNPROCESSABLE_ENTITY, "not_a_school_day"), "{}", free.body);
    assert_eq!(deputy.post(&path, &to("2026-11-20", "12:00")).await.code(), "too_late");
    let unsaid = deputy.post(&path, &json!({ "date": "2026-12-04", "start": "12:00", "reason": "" })).await;
    assert_eq!(unsaid.code(), "reason_required");
    let student = hub.sign_in("S-5A-01").await;
    assert_eq!(student.post(&path, &to("2026-12-04", "15:30")).await.status, StatusCode::FORBIDDEN);
    let moved = teacher.post(&path, &to("2026-12-04", "15:30")).await;
    assert_eq!(
        (moved.status, &moved.body["start"]),
        (StatusCode::OK, &json!("2026-12-04T12:30:00Z")),
        "{}",
        moved.body
    );
    let both = planned(&student, "Сложение дробей").await;
    let states: Vec<&Value> = both.iter().map(|item| &item["state"]).collect();
    assert_eq!(states, ["cancelled", "planned"]);
    let again = teacher.post(&path, &to("2026-12-07", "15:30")).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "illegal_transition"));
    // No later expansion takes the successor away.
    let state = &hub.app().state;
    let school = state.store.schools().await.unwrap().remove(0);
    let timings = state.store.timings(state.timing).await.unwrap();
    state.store.reexpand(&school, &timings, hub.clock.now_ms(), 92).await.unwrap();
    assert_eq!(planned(&student, "Сложение дробей").await.len(), 2);
    hub.stop().await;
}

#[tokio::test]
async fn completing_the_part_opens_the_preparation() {
    let hub = hub().await;
    let (teacher, other) = (hub.sign_in(TEACHER).await, hub.sign_in("T-007").await);
    let school = School::of(&teacher).await;
    let mut body = card(&teacher, &school, &me(&teacher)).await;
    body["content"]["slots"][0]["kind"] = "assessment_prep".into();
    let id = drafted(&teacher, &body).await;
    let publish = format!("/api/v1/cards/{id}/publish");
    assert_eq!(post(&teacher, &publish, 1).await.code(), "prep_before_part_end");
    let programmes = teacher.get("/api/v1/programmes").await.body;
    let maths = programmes["items"].as_array().unwrap().iter().find(|one| one["subject"] == "Математика").unwrap();
    assert_eq!(maths["editable"], true);
    let part = maths["parts"].as_array().unwrap().iter().find(|one| one["title"] == "2 четверть").unwrap();
    let path = format!("/api/v1/parts/{}/complete", part["id"].as_str().unwrap());
    assert_eq!(other.post(&path, &json!({ "on": "2026-11-23" })).await.status, StatusCode::FORBIDDEN);
    assert_eq!(teacher.post(&path, &json!({ "on": "2026-11-24" })).await.status, StatusCode::BAD_REQUEST, "tomorrow");
    let done = teacher.post(&path, &json!({ "on": "2026-11-23" })).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let answer = post(&teacher, &publish, 1).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(teacher.post(&path, &json!({ "on": null })).await.code(), "reason_required");
    // What is planned stays, and it is said what stands against the rule now.
    let reopened = teacher.post(&path, &json!({ "on": null, "reason": "рано" })).await;
    assert_eq!((reopened.status, &reopened.body["against"][0]["title"]), (StatusCode::OK, &json!("Сложение дробей")));
    assert_eq!(reopened.body["against"][0]["findings"][0]["code"], "prep_before_part_end", "{}", reopened.body);
    hub.stop().await;
}
