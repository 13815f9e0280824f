//! Programmes made by hand: in a school that imports no cards they are where planning begins.

use super::*;

fn programme<'v>(list: &'v Value, subject: &str, grade: u8) -> Option<&'v Value> {
    list["items"].as_array().unwrap().iter().find(|one| one["subject"] == subject && one["grade"] == grade)
}

/// The body of a programme for the demo's school year.
fn plan(subject: &str, grade: u8) -> Value {
    json!({ "subject": subject, "grade": grade, "starts_on": "2026-09-01", "ends_on": "2027-05-31" })
}

fn part(title: &str, topics: &[&str]) -> Value {
    json!({ "title": title, "starts_on": "2026-11-02", "ends_on": "2026-12-30", "topics": topics })
}

async fn made(client: &Client, subject: &str, grade: u8) -> Answer {
    let list = client.get("/api/v1/programmes").await.body;
    let mut body = plan(subject, grade);
    body["year"] = list["new"]["years"][0]["id"].clone();
    client.post("/api/v1/programmes", &body).await
}

#[tokio::test]
async fn a_card_is_published_by_a_programme_that_was_made_by_hand_and_it_stays_while_it_is_used() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let fresh = made(&deputy, "Астрономия", 5).await;
    assert_eq!((fresh.status, &fresh.body["grade"]), (StatusCode::OK, &json!(5)), "{}", fresh.body);
    let id = fresh.body["id"].as_str().unwrap().to_owned();
    let twice = made(&deputy, "астрономия", 5).await;
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "conflict"));

    // Without a part the card is refused; with one it is published.
    let school = School::of(&deputy).await;
    let mut body = card(&deputy, &school, &me(&teacher)).await;
    body["subject"] = school.subject("Астрономия").into();
    body["content"]["title"] = "Звёзды".into();
    body["content"]["slots"][0]["parts"] = json!(["Небо"]);
    body["content"]["slots"][0]["topics"] = json!(["Звёзды"]);
    assert_eq!(published(&deputy, &body).await.code(), "part_required");
    let with_part = deputy.post(&format!("/api/v1/programmes/{id}/parts"), &part("Небо", &["Звёзды", "Луна"])).await;
    assert_eq!(with_part.status, StatusCode::OK, "{}", with_part.body);
    let part_id = with_part.body["parts"][0]["id"].as_str().unwrap().to_owned();
    let done = published(&deputy, &body).await;
    assert_eq!((done.status, &done.body["planned"]), (StatusCode::OK, &json!(1)), "{}", done.body);

    // It is used now: neither it, its part nor its topic goes, and it moves to no other grade. What is not used goes.
    let (path, part_path) = (format!("/api/v1/programmes/{id}"), format!("/api/v1/parts/{part_id}"));
    let check = |answer: Answer, what: &str| {
        assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "conflict"), "{what}");
        assert!(answer.body["params"]["used"]["cards"].as_i64().unwrap() >= 1, "{what}: {}", answer.body);
    };
    check(deputy.delete(&path).await, "programme");
    check(deputy.delete(&part_path).await, "part");
    check(put(&deputy, &part_path, None, &part("Небо", &["Луна"])).await, "topic");
    check(put(&deputy, &path, None, &plan("Астрономия", 6)).await, "grade");
    let kept = put(&deputy, &part_path, None, &part("Небо", &["Звёзды"])).await;
    assert_eq!((kept.status, &kept.body["parts"][0]["topics"]), (StatusCode::OK, &json!(["Звёзды"])));

    // Another name for the subject, the part and the topic: the card goes along and can be published again.
    let mut renamed = plan("Астрофизика", 5);
    renamed["rename_subject"] = true.into();
    let other = put(&deputy, &path, None, &renamed).await;
    assert_eq!((other.status, &other.body["subject"]), (StatusCode::OK, &json!("Астрофизика")), "{}", other.body);
    let mut titles = part("Звёздное небо", &["Светила"]);
    titles["renamed"] = json!({ "Звёзды": "Светила" });
    let other = put(&deputy, &part_path, None, &titles).await;
    assert_eq!((other.status, &other.body["parts"][0]["topics"]), (StatusCode::OK, &json!(["Светила"])));
    let cards = deputy.get("/api/v1/cards").await.body;
    let mine = cards["items"].as_array().unwrap().iter().find(|one| one["title"] == "Звёзды").unwrap().clone();
    assert_eq!(mine["subject"], "Астрофизика");
    let page = format!("/api/v1/cards/{}", mine["id"].as_str().unwrap());
    let content = deputy.get(&page).await.body["versions"][0]["body"].clone();
    assert_eq!(content["content"]["slots"][0]["parts"], json!(["Звёздное небо"]));
    assert_eq!(content["content"]["slots"][0]["topics"], json!(["Светила"]));
    let checked = deputy.post("/api/v1/cards/check", &json!({ "card": mine["id"], "body": content })).await;
    assert_eq!(checked.body["refused"], 0, "{}", checked.body);

    // What nobody uses goes for good, with its parts.
    let spare = made(&deputy, "Черчение", 9).await;
    let spare_path = format!("/api/v1/programmes/{}", spare.body["id"].as_str().unwrap());
    deputy.post(&format!("{spare_path}/parts"), &part("Линии", &["Прямая"])).await;
    assert_eq!(put(&deputy, &spare_path, None, &plan("Черчение", 8)).await.body["grade"], 8);
    let mut narrow = plan("Черчение", 8);
    narrow["ends_on"] = "2026-10-31".into();
    assert_eq!(put(&deputy, &spare_path, None, &narrow).await.code(), "conflict", "its part would lie outside");
    assert_eq!(deputy.delete(&spare_path).await.status, StatusCode::NO_CONTENT);
    assert!(programme(&deputy.get("/api/v1/programmes").await.body, "Черчение", 8).is_none());
    assert_eq!(deputy.delete(&spare_path).await.status, StatusCode::NOT_FOUND);
    hub.stop().await;
}

#[tokio::test]
async fn teachers_make_what_they_teach_and_an_administrator_none() {
    let hub = hub().await;
    let (deputy, teacher, admin) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await, hub.sign_in("A-001").await);
    let foreign = made(&teacher, "Астрономия", 5).await;
    assert_eq!((foreign.status, foreign.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    // Mathematics in grade 5 is theirs: it is there, and everybody may not rename the subject for the school.
    assert_eq!(made(&teacher, "Математика", 5).await.code(), "conflict");
    let own = programme(&teacher.get("/api/v1/programmes").await.body, "Математика", 5).unwrap().clone();
    assert_eq!(own["editable"], true);
    let path = format!("/api/v1/programmes/{}", own["id"].as_str().unwrap());
    let mut body = plan("Алгебра", 5);
    body["rename_subject"] = true.into();
    assert_eq!(put(&teacher, &path, None, &body).await.status, StatusCode::FORBIDDEN);
    assert_eq!(put(&teacher, &path, None, &plan("Математика", 5)).await.status, StatusCode::OK);

    let list = admin.get("/api/v1/programmes").await.body;
    assert!(list["new"].is_null(), "nothing to choose from");
    let mut body = plan("Астрономия", 5);
    body["year"] = deputy.get("/api/v1/programmes").await.body["new"]["years"][0]["id"].clone();
    let refused = admin.post("/api/v1/programmes", &body).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    for (field, wrong) in [("grade", json!(12)), ("starts_on", json!("2026-08-01")), ("subject", json!(" "))] {
        let mut body = body.clone();
        body[field] = wrong;
        assert_eq!(deputy.post("/api/v1/programmes", &body).await.code(), "bad_request", "{field}");
    }
    hub.stop().await;
}
