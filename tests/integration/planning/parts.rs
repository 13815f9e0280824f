//! Editing a part of a programme: a preview names the planned dates that would stand against a rule; saving keeps them, remarks
//! them and tells those who answer for them.

use super::*;

/// The part of mathematics of that title.
async fn part(client: &Client, title: &str) -> Value {
    let programmes = client.get("/api/v1/programmes").await.body;
    let maths = programmes["items"].as_array().unwrap().iter().find(|one| one["subject"] == "Математика").unwrap();
    maths["parts"].as_array().unwrap().iter().find(|one| one["title"] == title).unwrap().clone()
}

fn path(part: &Value) -> String {
    format!("/api/v1/parts/{}", part["id"].as_str().unwrap())
}

/// Dates of a title that an answer says stand against a rule.
fn against<'v>(answer: &'v Answer, title: &str) -> Vec<&'v Value> {
    let all = answer.body["against"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    all.iter().filter(|one| one["title"] == title).collect()
}

async fn heard(client: &Client) -> bool {
    let notices = client.get("/api/v1/notices").await.body.to_string();
    notices.contains("card_dates_against") && notices.contains("Сложение дробей")
}

/// A preparation for the first quarter, which is over.
async fn preparation(teacher: &Client) -> Value {
    let school = School::of(teacher).await;
    let mut body = card(teacher, &school, &me(teacher)).await;
    let slot = &mut body["content"]["slots"][0];
    slot["kind"] = "assessment_prep".into();
    slot["parts"] = json!(["1 четверть"]);
    slot["topics"] = json!(["Обыкновенные дроби"]);
    let answer = published(teacher, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    planned(teacher, "Сложение дробей").await.remove(0)
}

#[tokio::test]
async fn inv_27_reopening_a_part_says_what_it_does_to_planned_preparations() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let lesson = preparation(&teacher).await;
    let first = part(&teacher, "1 четверть").await;
    let complete = format!("{}/complete", path(&first));
    let preview = teacher.post(&format!("{complete}?dry_run=true"), &json!({ "on": null })).await;
    assert_eq!((preview.status, &preview.body["dry_run"]), (StatusCode::OK, &json!(true)), "{}", preview.body);
    let [one] = against(&preview, "Сложение дробей")[..] else { panic!("{}", preview.body) };
    assert_eq!(
        (&one["id"], &one["class"], &one["findings"][0]["code"]),
        (&lesson["id"], &json!("5А"), &json!("prep_before_part_end"))
    );
    assert_eq!(part(&teacher, "1 четверть").await["completed_on"], "2026-10-25", "a preview changes nothing");
    assert!(!heard(&deputy).await);

    let saved = teacher.post(&complete, &json!({ "on": null, "reason": "пройдено не всё" })).await;
    assert_eq!((saved.status, &saved.body["dry_run"]), (StatusCode::OK, &json!(false)), "{}", saved.body);
    assert_eq!(saved.body["against"], preview.body["against"], "the preview was right");
    let shown = planned(&teacher, "Сложение дробей").await.remove(0);
    assert_eq!(
        (&shown["state"], &shown["warnings"]),
        (&json!("planned"), &json!(["prep_before_part_end"])),
        "it stays, with a remark"
    );
    for client in [&deputy, &teacher] {
        assert!(heard(client).await, "{}", client.get("/api/v1/notices").await.body);
    }
    // Completed again: nothing stands against it any more.
    let again = teacher.post(&complete, &json!({ "on": "2026-11-20" })).await;
    assert_eq!((again.status, &again.body["cleared"]), (StatusCode::OK, &json!(1)), "{}", again.body);
    assert_eq!(planned(&teacher, "Сложение дробей").await[0]["warnings"], json!([]));
    hub.stop().await;
}

#[tokio::test]
async fn inv_20_completing_or_shortening_a_part_says_which_current_dates_it_leaves_outside() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let school = School::of(&teacher).await;
    let body = card(&teacher, &school, &me(&teacher)).await;
    assert_eq!(published(&teacher, &body).await.status, StatusCode::OK);
    let second = part(&teacher, "2 четверть").await;
    let complete = format!("{}/complete?dry_run=true", path(&second));
    let preview = teacher.post(&complete, &json!({ "on": "2026-11-20" })).await;
    let [one] = against(&preview, "Сложение дробей")[..] else { panic!("{}", preview.body) };
    assert_eq!(one["findings"][0]["code"], "outside_study_period");
    // The demo's weekly card has dates of its own in December.
    let count = preview.body["against_count"].as_u64().unwrap();
    assert!(count > 1, "{}", preview.body);

    let change = |ends: &str, title: &str| json!({ "title": title, "starts_on": second["starts_on"], "ends_on": ends, "topics": second["topics"] });
    let edit = format!("{}?dry_run=true", path(&second));
    let same = put(&teacher, &edit, None, &change("2026-12-04", "2 четверть")).await;
    assert!(against(&same, "Сложение дробей").is_empty(), "3 December is inside: {}", same.body);
    let shorter = put(&teacher, &edit, None, &change("2026-12-02", "2 четверть")).await;
    let [one] = against(&shorter, "Сложение дробей")[..] else { panic!("{}", shorter.body) };
    assert_eq!(one["findings"][0]["code"], "outside_study_period");
    let renamed = put(&teacher, &edit, None, &change("2026-12-30", "Вторая четверть")).await;
    assert!(against(&renamed, "Сложение дробей").is_empty(), "cards take the new title over: {}", renamed.body);
    assert_eq!(part(&teacher, "2 четверть").await["ends_on"], second["ends_on"], "previews change nothing");
    let student = hub.sign_in("S-5A-01").await;
    assert_eq!(put(&student, &edit, None, &change("2026-12-02", "2 четверть")).await.status, StatusCode::FORBIDDEN);
    hub.stop().await;
}
