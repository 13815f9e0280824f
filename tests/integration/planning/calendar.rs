//! The calendar: preview, version, and what moves.

use super::*;
use crate::hub::OTHER_TEACHER;

async fn doc(client: &Client) -> (i64, Value) {
    let answer = client.get("/api/v1/calendar").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    (answer.body["version"].as_i64().unwrap(), answer.body["calendar"].clone())
}

#[tokio::test]
async fn a_preview_says_what_moves_and_moves_nothing() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let (version, mut calendar) = doc(&deputy).await;
    let tuesday = async || {
        let answer = deputy.get("/api/v1/timetable?from=2026-12-01&to=2026-12-01").await;
        answer.body["items"].as_array().unwrap().clone()
    };
    let before = tuesday().await;
    assert_eq!(before.len(), 1, "{before:?}");
    // The seventh period a quarter of an hour later, and a free Tuesday.
    calendar["bells"][0]["periods"][6] = json!({ "n": 7, "starts": "14:30:00", "ends": "15:10:00" });
    let days = calendar["days"].as_array_mut().unwrap();
    days.push(json!({ "date": "2026-12-08", "kind": "holiday", "title": "Карантин" }));
    let tried = put(&deputy, "/api/v1/calendar?dry_run=true", Some(version), &calendar).await;
    assert_eq!((tried.status, &tried.body["dry_run"]), (StatusCode::OK, &json!(true)), "{}", tried.body);
    let moved = tried.body["moved"].as_array().unwrap();
    assert!(
        moved.iter().any(|one| one["from"] == "2026-12-01T11:20:00Z" && one["to"] == "2026-12-01T11:30:00Z"),
        "{moved:?}"
    );
    let removed = tried.body["removed"].as_array().unwrap();
    assert!(
        !removed.is_empty() && removed.iter().all(|one| one["from"].as_str().unwrap().starts_with("2026-12-08")),
        "{removed:?}"
    );
    assert!(tried.body["people"].as_u64().unwrap() > 6);
    assert_eq!(tuesday().await, before, "a preview changes nothing");
    assert_eq!(doc(&deputy).await.0, version);

    assert_eq!(put(&deputy, "/api/v1/calendar", None, &calendar).await.code(), "precondition_required");
    let done = put(&deputy, "/api/v1/calendar", Some(version), &calendar).await;
    assert_eq!((done.status, &done.body["version"]), (StatusCode::OK, &json!(version + 1)), "{}", done.body);
    assert_eq!(done.body["moved"], tried.body["moved"]);
    let after = tuesday().await;
    assert_eq!((&after[0]["id"], &after[0]["start"]), (&before[0]["id"], &json!("2026-12-01T11:30:00Z")));
    let stale = put(&deputy, "/api/v1/calendar", Some(version), &calendar).await;
    assert_eq!((stale.status, stale.code()), (StatusCode::CONFLICT, "version_conflict"));
    // Taken back, everything is where it was.
    calendar["days"].as_array_mut().unwrap().pop();
    calendar["bells"][0]["periods"][6] = json!({ "n": 7, "starts": "14:20:00", "ends": "15:05:00" });
    let back = put(&deputy, "/api/v1/calendar", Some(version + 1), &calendar).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.body);
    let again = tuesday().await;
    assert_eq!((&again[0]["id"], &again[0]["start"]), (&before[0]["id"], &before[0]["start"]));
    hub.stop().await;
}

/// What would be refused at its new time is in the preview with its reasons, is not planned by the edit, and is told of.
#[tokio::test]
async fn an_edit_does_not_plan_what_stands_against_a_rule() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let school = School::of(&deputy).await;
    let host = me(&teacher);
    let (mut by_period, mut by_clock) = (card(&deputy, &school, &host).await, card(&deputy, &school, &host).await);
    by_period["content"]["title"] = "По звонку".into();
    by_period["content"]["slots"][0]["at"] = json!({ "type": "period", "value": 6 });
    by_clock["content"]["title"] = "По часам".into();
    by_clock["content"]["slots"][0]["at"] = json!({ "type": "start", "value": "14:10" });
    for body in [&by_period, &by_clock] {
        let answer = published(&deputy, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let was = planned(&deputy, "По звонку").await.remove(0);
    let (version, mut calendar) = doc(&deputy).await;
    calendar["bells"][0]["periods"][5] = json!({ "n": 6, "starts": "13:50:00", "ends": "14:15:00" });
    let tried = put(&deputy, "/api/v1/calendar?dry_run=true", Some(version), &calendar).await;
    let mine = |answer: &Answer| {
        let list = answer.body["refused"].as_array().unwrap().clone();
        list.into_iter().find(|one| one["title"] == "По звонку").unwrap_or_else(|| panic!("{}", answer.body))
    };
    let refused = mine(&tried);
    assert_eq!(
        (&refused["id"], &refused["from"], &refused["to"], &refused["class"]),
        (&was["id"], &was["start"], &json!("2026-12-03T10:50:00Z"), &json!("5А"))
    );
    let codes = refused["codes"].as_array().unwrap();
    assert!(codes.contains(&json!("host_conflict")) && codes.contains(&json!("group_conflict")), "{refused}");
    let removed = tried.body["removed"].as_array().unwrap();
    assert!(removed.iter().all(|one| one["id"] != was["id"]), "named once: {removed:?}");
    assert_eq!(planned(&deputy, "По звонку").await.len(), 1, "a preview");
    let done = put(&deputy, "/api/v1/calendar", Some(version), &calendar).await;
    assert_eq!((done.status, mine(&done)), (StatusCode::OK, refused), "{}", done.body);
    assert_eq!(planned(&deputy, "По звонку").await, Vec::<Value>::new());
    assert_eq!(planned(&deputy, "По часам").await.len(), 1, "what stays counts first");
    crate::client::until_async("the host and the deputy hear of it", async || {
        let mut heard = 0;
        for who in [&deputy, &teacher] {
            let notices = who.get("/api/v1/notices").await.body["items"].to_string();
            heard += usize::from(notices.contains("card_dates_refused") && notices.contains("По звонку"));
        }
        heard == 2
    })
    .await;
    hub.stop().await;
}

/// Office hours of 5А by the bells: Thursday, 3 December, sixth period, three appointments of ten minutes.
async fn office_hours(deputy: &Client, host: &str) -> Value {
    let school = School::of(deputy).await;
    let mut body = card(deputy, &school, host).await;
    body["content"]["title"] = "Приём".into();
    let slot = &mut body["content"]["slots"][0];
    slot["at"] = json!({ "type": "period", "value": 6 });
    slot["form"] = "individual".into();
    slot["appointment_minutes"] = 10.into();
    let answer = published(deputy, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    planned(deputy, "Приём").await.remove(0)
}

/// Appointments go along with their hours. Whoever would then be in two places speaks against a move by hand; with the bells
/// the hours move, that booking is taken back, and everybody else's stays (INV-14).
#[tokio::test]
async fn office_hours_do_not_move_a_booked_child_into_another_lesson() {
    let hub = hub().await;
    let (deputy, pupil) = (hub.sign_in(DEPUTY).await, hub.sign_in("S-5A-01").await);
    let other_pupil = hub.sign_in("S-5A-03").await;
    let (host, other) = (me(&hub.sign_in(TEACHER).await), me(&hub.sign_in(OTHER_TEACHER).await));
    let school = School::of(&deputy).await;
    let mut lesson = card(&deputy, &school, &other).await;
    lesson["content"]["slots"][0]["at"] = json!({ "type": "start", "value": "14:20" });
    let answer = published(&deputy, &lesson).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let id = office_hours(&deputy, &host).await["id"].as_str().unwrap().to_owned();
    // The last ten minutes lie over the lesson of the class from now on.
    let (version, mut calendar) = doc(&deputy).await;
    calendar["bells"][0]["periods"][5] = json!({ "n": 6, "starts": "13:55:00", "ends": "14:29:00" });
    calendar["bells"][0]["periods"][6] = json!({ "n": 7, "starts": "14:30:00", "ends": "15:05:00" });
    let try_edit = async || {
        let answer = put(&deputy, "/api/v1/calendar?dry_run=true", Some(version), &calendar).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let is_moved = answer.body["moved"].as_array().unwrap().iter().any(|one| one["id"] == id.as_str());
        assert!(is_moved, "{}", answer.body);
        answer.body["taken_back"].clone()
    };
    assert_eq!(try_edit().await, 0, "nobody has booked");
    let times = async |who: &Client| {
        let items = who.get("/api/v1/office-hours").await.body["items"].as_array().unwrap().clone();
        items.into_iter().find(|one| one["id"] == id.as_str()).unwrap()["times"].clone()
    };
    let book = async |who: &Client, time: usize| {
        let time = times(who).await[time]["id"].as_str().unwrap().to_owned();
        let booked = who.post(&format!("/api/v1/appointments/{time}/book"), &json!({})).await;
        assert!(booked.status.is_success(), "{}", booked.body);
        time
    };
    // The first ten minutes end before the lesson begins, the last do not.
    book(&other_pupil, 0).await;
    assert_eq!(try_edit().await, 0, "ends before the lesson begins");
    let clashing = book(&pupil, 2).await;
    assert_eq!(try_edit().await, 1);
    let by_hand = format!("/api/v1/consultations/{id}/move");
    let to = json!({ "date": "2026-12-03", "start": "14:00", "reason": "занят кабинет" });
    let refused = deputy.post(&by_hand, &to).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "student_conflict"), "{}", refused.body);
    assert_eq!(refused.body["params"]["students"], json!([me(&pupil)]), "and nobody else");

    let done = put(&deputy, "/api/v1/calendar", Some(version), &calendar).await;
    assert_eq!((done.status, &done.body["taken_back"]), (StatusCode::OK, &json!(1)), "{}", done.body);
    let after = times(&other_pupil).await;
    let states: Vec<&Value> = after.as_array().unwrap().iter().map(|time| &time["state"]).collect();
    assert_eq!(states, ["mine", "free", "free"], "{after}");
    let mine = pupil.get("/api/v1/appointments").await.body;
    let mine = mine["items"].as_array().unwrap().iter().find(|one| one["id"] == clashing.as_str()).cloned();
    assert_eq!(mine.map(|one| one["state"].clone()), Some(json!("cancelled_by_host")));
    crate::client::until_async("the child hears of it", async || {
        pupil.get("/api/v1/notices").await.body["items"].to_string().contains("appointment_cancelled")
    })
    .await;
    hub.stop().await;
}

/// Two appointments of one child are one day at the screen: an order of the deputy head lifts its norm for a move by hand.
#[tokio::test]
async fn a_move_by_hand_counts_the_screen_time_of_those_booked() {
    let hub = hub().await;
    let (deputy, pupil) = (hub.sign_in(DEPUTY).await, hub.sign_in("S-5A-01").await);
    let host = me(&hub.sign_in(TEACHER).await);
    let id = office_hours(&deputy, &host).await["id"].as_str().unwrap().to_owned();
    for time in [0, 1] {
        let items = pupil.get("/api/v1/office-hours").await.body["items"].as_array().unwrap().clone();
        let hours = items.iter().find(|one| one["id"] == id.as_str()).unwrap();
        let time = hours["times"][time]["id"].as_str().unwrap();
        let booked = pupil.post(&format!("/api/v1/appointments/{time}/book"), &json!({})).await;
        assert!(booked.status.is_success(), "{}", booked.body);
    }
    // On that day the child may sit for so long that one appointment more fits, and not two.
    let norms = deputy.get("/api/v1/norms").await.body["items"].as_array().unwrap().clone();
    let mut norm = norms.into_iter().find(|one| one["grade_from"] == 5 || one["grade_to"].as_u64() >= Some(5)).unwrap();
    norm["id"] = "".into();
    norm["per_day_home"] = 15.into();
    norm["mode"] = "enforce".into();
    norm["code"] = "test".into();
    (norm["grade_from"], norm["grade_to"]) = (5.into(), 5.into());
    assert_eq!(put(&deputy, "/api/v1/norms", None, &norm).await.status, StatusCode::NO_CONTENT);
    let by_hand = format!("/api/v1/consultations/{id}/move");
    let to = json!({ "date": "2026-12-04", "start": "15:30", "reason": "занят кабинет" });
    let refused = deputy.post(&by_hand, &to).await;
    assert_eq!(refused.code(), "daily_screen_cap", "{}", refused.body);
    assert_eq!(refused.body["params"]["wanted_minutes"], 20, "{}", refused.body);
    let order = json!({ "consultation": refused.body["params"]["consultation"], "code": "daily_screen_cap", "host": host,
        "order_no": "51-ОД", "reason": "олимпиада" });
    let given = deputy.post("/api/v1/overrides", &order).await;
    assert!(given.status.is_success(), "{}", given.body);
    let moved = deputy.post(&by_hand, &to).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.body);
    hub.stop().await;
}

#[tokio::test]
async fn a_calendar_that_contradicts_itself_is_refused() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let (version, calendar) = doc(&deputy).await;
    for (what, change) in [
        ("a Tuesday as the odd Monday", (|doc: &mut Value| doc["odd_monday"] = "2026-09-01".into()) as fn(&mut Value)),
        ("no such zone", |doc| doc["tz"] = "Europe/Nowhere".into()),
        ("a term outside its year", |doc| doc["years"][0]["terms"][0]["from"] = "2026-08-01".into()),
        ("overlapping periods", |doc| doc["bells"][0]["periods"][1]["starts"] = "09:00:00".into()),
        ("unknown bells", |doc| doc["usual_bells"] = "none".into()),
        ("a seven-day week", |doc| doc["days_a_week"] = 7.into()),
    ] {
        let mut doc = calendar.clone();
        change(&mut doc);
        let answer = put(&deputy, "/api/v1/calendar", Some(version), &doc).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {}", answer.body);
    }
    let teacher = hub.sign_in(TEACHER).await;
    assert_eq!(put(&teacher, "/api/v1/calendar", Some(version), &calendar).await.status, StatusCode::FORBIDDEN);
    hub.stop().await;
}
