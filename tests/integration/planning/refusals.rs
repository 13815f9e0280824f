//! One rule broken, one code over HTTP, with the values that the client shows.

use super::*;

/// A change to the valid card, the code it must get, its status, and a look at the params.
async fn refused(code: &str, status: u16, change: impl Fn(&mut Value), params: impl Fn(&Value) -> bool) {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let teacher = hub.sign_in(TEACHER).await;
    let school = School::of(&deputy).await;
    let mut body = card(&deputy, &school, &me(&teacher)).await;
    change(&mut body);
    let answer = published(&deputy, &body).await;
    assert_eq!((answer.code(), answer.status.as_u16()), (code, status), "{}", answer.body);
    assert!(params(&answer.body["params"]), "{}", answer.body);
    let first = &answer.body["errors"][0]["findings"];
    assert!(
        first.as_array().unwrap().iter().any(|one| one["code"] == code && one["refused"] == true),
        "{}",
        answer.body
    );
    assert!(planned(&deputy, "Сложение дробей").await.is_empty(), "nothing is planned");
    hub.stop().await;
}

fn first(body: &mut Value) -> &mut Value {
    &mut body["content"]["slots"][0]
}

#[tokio::test]
async fn outside_study_period() {
    let change = |body: &mut Value| {
        first(body)["parts"] = json!(["1 четверть"]);
        first(body)["topics"] = json!(["Обыкновенные дроби"]);
    };
    refused("outside_study_period", 422, change, |params| params["parts"][0]["completed_on"] == "2026-10-25").await;
}

#[tokio::test]
async fn prep_must_be_group() {
    let change = |body: &mut Value| {
        first(body)["kind"] = "assessment_prep".into();
        first(body)["form"] = "individual".into();
        first(body)["parts"] = json!(["1 четверть"]);
        first(body)["topics"] = json!(["Обыкновенные дроби"]);
    };
    refused("prep_must_be_group", 422, change, |_| true).await;
}

#[tokio::test]
async fn prep_before_part_end() {
    let change = |body: &mut Value| first(body)["kind"] = "assessment_prep".into();
    refused("prep_before_part_end", 422, change, |params| params["parts"][0]["title"] == "2 четверть").await;
}

#[tokio::test]
async fn topics_required() {
    refused("topics_required", 422, |body| first(body)["topics"] = json!([]), |_| true).await;
    let change = |body: &mut Value| first(body)["topics"] = json!(["Интегралы"]);
    refused("topics_required", 422, change, |params| params["unknown"][0] == "Интегралы").await;
}

#[tokio::test]
async fn part_required() {
    let change = |body: &mut Value| {
        first(body)["coverage"] = "overview".into();
        first(body)["parts"] = json!([]);
    };
    refused("part_required", 422, change, |_| true).await;
    refused("part_required", 422, |body| body["subject"] = Value::Null, |_| true).await;
}

#[tokio::test]
async fn source_required() {
    refused("source_required", 422, |body| first(body)["sources"] = json!([]), |_| true).await;
}

#[tokio::test]
async fn not_a_school_day() {
    let change = |body: &mut Value| first(body)["recurrence"]["date"] = "2026-12-05".into();
    refused("not_a_school_day", 422, change, |params| params["date"] == "2026-12-05").await;
}

#[tokio::test]
async fn duration_over_cap() {
    let params = |params: &Value| params["cap_minutes"] == 30 && params["minutes"] == 31 && params["norm"].is_string();
    refused("duration_over_cap", 422, |body| first(body)["minutes"] = 31.into(), params).await;
}

#[tokio::test]
async fn after_hours() {
    let change = |body: &mut Value| first(body)["at"]["value"] = "17:45:00".into();
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let teacher = hub.sign_in(TEACHER).await;
    let school = School::of(&deputy).await;
    let mut body = card(&deputy, &school, &me(&teacher)).await;
    change(&mut body);
    // Without a row of the school it is a remark that stays on the consultation.
    let answer = published(&deputy, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.body["dates"][0]["findings"][0]["code"], "after_hours");
    assert_eq!(planned(&deputy, "Сложение дробей").await[0]["warnings"], json!(["after_hours"]));
    hub.stop().await;
}

#[tokio::test]
async fn host_group_and_student_conflicts_name_what_they_collide_with() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let school = School::of(&deputy).await;
    let (ours, theirs) = (me(&hub.sign_in(TEACHER).await), me(&hub.sign_in("T-021").await));
    let answer = published(&deputy, &card(&deputy, &school, &ours).await).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let id = planned(&deputy, "Сложение дробей").await[0]["id"].clone();

    // The same teacher with the other class.
    let mut body = card(&deputy, &school, &ours).await;
    body["content"]["group"] = school.group("9Б").into();
    body["content"]["slots"][0]["audience"] = json!({ "students": false, "guardians": true });
    body["subject"] = Value::Null;
    let answer = published(&deputy, &body).await;
    assert_eq!((answer.code(), answer.status), ("host_conflict", StatusCode::CONFLICT), "{}", answer.body);
    assert_eq!(answer.body["params"]["ids"], json!([id]));

    // The same class with another teacher.
    let answer = published(&deputy, &card(&deputy, &school, &theirs).await).await;
    assert_eq!((answer.code(), answer.status), ("group_conflict", StatusCode::CONFLICT), "{}", answer.body);
    assert_eq!(answer.body["params"]["ids"], json!([id]));

    // A student of the class, alone with another teacher.
    let mut body = card(&deputy, &school, &theirs).await;
    let student = me(&hub.sign_in("S-5A-03").await);
    body["content"]["slots"][0]["form"] = "individual".into();
    body["content"]["slots"][0]["student"] = student.clone().into();
    let answer = published(&deputy, &body).await;
    assert_eq!((answer.code(), answer.status), ("student_conflict", StatusCode::CONFLICT), "{}", answer.body);
    assert_eq!((&answer.body["params"]["ids"], &answer.body["params"]["students"]), (&json!([id]), &json!([student])));
    hub.stop().await;
}

#[tokio::test]
async fn load_exceeded_says_how_many_hours_are_left() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let school = School::of(&deputy).await;
    let contracts = deputy.get(&format!("/api/v1/contracts?person={}", me(&teacher))).await.body;
    let mut contract = contracts["items"][0].clone();
    // The week of 30 November has a webinar and an individual hour, 0.67 each.
    contract["consultation_hours_week"] = 1.5.into();
    contract["absences"] = json!([]);
    let answer = put(&deputy, "/api/v1/contracts", None, &contract).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let body = card(&deputy, &school, &me(&teacher)).await;
    let answer = published(&deputy, &body).await;
    assert_eq!((answer.code(), answer.status), ("load_exceeded", StatusCode::CONFLICT), "{}", answer.body);
    let params = &answer.body["params"];
    assert_eq!((&params["limit_hours"], &params["period"]), (&json!(1.5), &json!("week")));
    let planned_hours = params["planned_hours"].as_f64().unwrap();
    assert_eq!(params["wanted_hours"], json!(0.67));
    assert!((params["left_hours"].as_f64().unwrap() - (1.5 - planned_hours).max(0.0)).abs() < 1e-9, "{params}");
    assert!(planned_hours > 0.6, "{params}");
    assert_eq!(answer.body["errors"][0]["findings"][0]["overridable"], true);
    hub.stop().await;
}

#[tokio::test]
async fn outside_working_hours_of_those_who_do_not_teach() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let school = School::of(&deputy).await;
    let staff = me(&hub.sign_in("Z-001").await);
    let mut body = card(&deputy, &school, &staff).await;
    body["content"]["slots"][0]["at"]["value"] = "09:30:00".into();
    let answer = published(&deputy, &body).await;
    assert_eq!((answer.code(), answer.status), ("outside_working_hours", StatusCode::CONFLICT), "{}", answer.body);
    assert_eq!(answer.body["params"]["windows"], json!([["10:00:00", "19:00:00"]]));
    let absent = json!({ "person": staff, "from": "2026-12-01", "to": "2026-12-04", "kind": "leave" });
    assert_eq!(deputy.post("/api/v1/absences", &absent).await.status, StatusCode::NO_CONTENT);
    let answer = published(&deputy, &card(&deputy, &school, &staff).await).await;
    assert_eq!((answer.code(), &answer.body["params"]["absent"]), ("outside_working_hours", &json!(true)));
    hub.stop().await;
}

#[tokio::test]
async fn no_local_act() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let acts = deputy.get("/api/v1/local-acts").await.body;
    assert_eq!(acts["items"][0]["valid_from"], "2026-09-01");
    // Of the years after the last act there is none: the act here ends with November.
    let store = &hub.app().state.store;
    let demo = store.schools().await.unwrap().remove(0);
    store.end_local_acts(&demo, jiff::civil::date(2026, 11, 30), hub.clock.now_ms()).await.unwrap();
    let school = School::of(&deputy).await;
    let body = card(&deputy, &school, &me(&hub.sign_in(TEACHER).await)).await;
    let answer = published(&deputy, &body).await;
    assert_eq!((answer.code(), answer.status.as_u16()), ("no_local_act", 422), "{}", answer.body);
    let act = json!({ "number": "48-ОД", "dated": "2026-11-20", "title": "Положение", "basis": "№ 1678", "valid_from": "2026-12-01" });
    assert_eq!(deputy.post("/api/v1/local-acts", &act).await.status, StatusCode::CREATED);
    let answer = published(&deputy, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    hub.stop().await;
}
