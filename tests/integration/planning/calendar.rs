//! The calendar: preview, version, and what moves.

use super::*;

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
