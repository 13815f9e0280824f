//! Parts and topics that a host chooses for one date: held against the rules (INV-20, INV-27), and seen wherever somebody asks
//! what the date is about.

use super::*;

/// Parts and topics of mathematics in 5А, by title.
struct Mathematics {
    ranked: Value,
}

impl Mathematics {
    async fn of(teacher: &Client) -> Self {
        let school = School::of(teacher).await;
        let path =
            format!("/api/v1/topics/ranked?group={}&subject={}", school.group("5А"), school.subject("Математика"));
        Self { ranked: teacher.get(&path).await.body }
    }

    fn part(&self, title: &str) -> Value {
        let found = self.ranked["parts"].as_array().unwrap().iter().find(|one| one["title"] == title);
        found.unwrap_or_else(|| panic!("no part {title}: {}", self.ranked))["id"].clone()
    }

    fn topic(&self, title: &str) -> Value {
        let found = self.ranked["topics"].as_array().unwrap().iter().find(|one| one["title"] == title);
        found.unwrap_or_else(|| panic!("no topic {title}: {}", self.ranked))["id"].clone()
    }
}

const FRACTIONS: &str = "Обыкновенные дроби";
const SUMS: &str = "Сложение и вычитание дробей";

/// Publishes the card with a change; gives the path of its date.
async fn date_of(teacher: &Client, change: impl Fn(&mut Value)) -> String {
    let school = School::of(teacher).await;
    let mut body = card(teacher, &school, &me(teacher)).await;
    change(&mut body["content"]["slots"][0]);
    let answer = published(teacher, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let one = planned(teacher, "Сложение дробей").await.remove(0);
    format!("/api/v1/consultations/{}", one["id"].as_str().unwrap())
}

async fn choose(client: &Client, date: &str, parts: &[Value], topics: &[Value]) -> Answer {
    let body = json!({ "parts": parts, "topics": topics, "note": "по контрольной" });
    put(client, &format!("{date}/topics"), None, &body).await
}

#[track_caller]
fn refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, code), "{}", answer.body);
}

#[tokio::test]
async fn inv_27_no_choice_leads_past_the_end_of_a_part() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let maths = Mathematics::of(&teacher).await;
    let (first, second) = (maths.part("1 четверть"), maths.part("2 четверть"));
    let date = date_of(&teacher, |slot| {
        slot["kind"] = "assessment_prep".into();
        slot["parts"] = json!(["1 четверть"]);
        slot["topics"] = json!([FRACTIONS]);
    })
    .await;
    let open = choose(&teacher, &date, std::slice::from_ref(&second), &[maths.topic(SUMS)]).await;
    refused(&open, "prep_before_part_end");
    assert_eq!(open.body["params"]["parts"][0]["title"], "2 четверть", "{}", open.body);
    // A topic brings its part along, whatever parts are named beside it.
    refused(&choose(&teacher, &date, std::slice::from_ref(&first), &[maths.topic(SUMS)]).await, "prep_before_part_end");
    let kept = teacher.get(&format!("{date}/topics")).await.body;
    assert_eq!((&kept["topics"], &kept["sources"]), (&json!([]), &json!([])), "nothing of it is kept");
    let done = choose(&teacher, &date, std::slice::from_ref(&first), &[maths.topic(FRACTIONS)]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    // Once the part is finished it may be prepared for.
    let complete = format!("/api/v1/parts/{}/complete", second.as_str().unwrap());
    assert_eq!(teacher.post(&complete, &json!({ "on": "2026-11-23" })).await.status, StatusCode::OK);
    let done = choose(&teacher, &date, std::slice::from_ref(&second), &[maths.topic(SUMS)]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    hub.stop().await;
}

#[tokio::test]
async fn inv_20_a_choice_outside_the_study_period_is_refused_or_remarked_as_the_school_wills() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let maths = Mathematics::of(&teacher).await;
    let date = date_of(&teacher, |_| {}).await;
    let (parts, topics) = ([maths.part("1 четверть")], [maths.topic(FRACTIONS)]);
    let refusal = choose(&teacher, &date, &parts, &topics).await;
    refused(&refusal, "outside_study_period");
    assert_eq!(refusal.body["params"]["parts"][0]["completed_on"], "2026-10-25", "{}", refusal.body);
    let rule = |mode: &str| json!({ "rule": "outside_study_period", "mode": mode });
    assert_eq!(put(&deputy, "/api/v1/planning-rules", None, &rule("warn")).await.status, StatusCode::NO_CONTENT);
    let warned = choose(&teacher, &date, &parts, &topics).await;
    assert_eq!(warned.status, StatusCode::OK, "{}", warned.body);
    let shown = teacher.get(&date).await.body;
    assert_eq!(shown["warnings"], json!(["outside_study_period"]), "it stays as a remark");
    // A better choice takes the remark away.
    let better = choose(&teacher, &date, &[maths.part("2 четверть")], &[maths.topic(SUMS)]).await;
    assert_eq!(better.status, StatusCode::OK, "{}", better.body);
    assert_eq!(teacher.get(&date).await.body["warnings"], json!([]));
    assert_eq!(put(&deputy, "/api/v1/planning-rules", None, &rule("off")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(choose(&teacher, &date, &parts, &topics).await.status, StatusCode::OK);
    assert_eq!(teacher.get(&date).await.body["warnings"], json!([]));
    hub.stop().await;
}

#[tokio::test]
async fn what_is_chosen_for_a_date_is_what_people_and_reports_see() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let maths = Mathematics::of(&teacher).await;
    let rule = json!({ "rule": "outside_study_period", "mode": "off" });
    assert_eq!(put(&deputy, "/api/v1/planning-rules", None, &rule).await.status, StatusCode::NO_CONTENT);
    let date = date_of(&teacher, |_| {}).await;
    let student = hub.sign_in("S-5A-01").await;
    let shown = planned(&student, "Сложение дробей").await.remove(0);
    assert_eq!((&shown["topics"], &shown["parts"]), (&json!([SUMS]), &json!(["2 четверть"])), "the slot's");

    let done = choose(&teacher, &date, &[], &[maths.topic(FRACTIONS)]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let chosen = (json!([FRACTIONS]), json!(["1 четверть"]));
    let shown = planned(&student, "Сложение дробей").await.remove(0);
    assert_eq!((&shown["topics"], &shown["parts"]), (&chosen.0, &chosen.1), "in the timetable");
    let shown = student.get(&date).await.body;
    assert_eq!((&shown["topics"], &shown["parts"]), (&chosen.0, &chosen.1), "on its page");
    let told = student.get("/api/v1/notices").await.body.to_string();
    assert!(told.contains("consultation_changed"), "{told}");

    let path = "/api/v1/reports/coverage?from=2026-11-30&to=2026-12-06";
    let matrix = deputy.get(path).await.body;
    let id = json!(date.rsplit('/').next().unwrap());
    let ahead = |topic: &str| {
        let rows = matrix["rows"].as_array().unwrap().iter();
        let of_class = rows.filter(|row| row["class"] == "5А" && row["topic"] == topic);
        of_class.flat_map(|row| row["ahead"].as_array().unwrap().clone()).collect::<Vec<_>>()
    };
    assert!(ahead(FRACTIONS).contains(&id), "{matrix}");
    assert!(!ahead(SUMS).contains(&id), "the slot's topic is not what this date covers: {matrix}");
    hub.stop().await;
}

#[tokio::test]
async fn inv_20_a_move_is_checked_with_what_was_chosen() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let maths = Mathematics::of(&teacher).await;
    let overview = |slot: &mut Value| {
        slot["coverage"] = "overview".into();
        slot["parts"] = json!(["2 четверть", "3 четверть"]);
        slot["topics"] = json!([]);
    };
    let date = date_of(&teacher, overview).await;
    let done = choose(&teacher, &date, &[maths.part("2 четверть")], &[]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    // The card goes on in the third quarter; this date is about the second.
    let to = json!({ "date": "2027-01-14", "start": "15:30", "reason": "карантин" });
    refused(&teacher.post(&format!("{date}/move"), &to).await, "outside_study_period");
    let to = json!({ "date": "2026-12-04", "start": "15:30", "reason": "карантин" });
    let moved = teacher.post(&format!("{date}/move"), &to).await;
    assert_eq!((moved.status, &moved.body["parts"]), (StatusCode::OK, &json!(["2 четверть"])), "{}", moved.body);
    hub.stop().await;
}

#[tokio::test]
async fn inv_27_a_new_version_of_a_card_is_checked_with_what_was_chosen() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let maths = Mathematics::of(&teacher).await;
    let date = date_of(&teacher, |_| {}).await;
    let done = choose(&teacher, &date, &[maths.part("2 четверть")], &[maths.topic(SUMS)]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let all = teacher.get("/api/v1/cards").await.body;
    let found = all["items"].as_array().unwrap().iter().find(|one| one["title"] == "Сложение дробей").unwrap();
    let path = format!("/api/v1/cards/{}", found["id"].as_str().unwrap());
    let mut body = teacher.get(&path).await.body["versions"][0]["body"].clone();
    // The slot itself would do: its part is finished. What was chosen for the date is not.
    let slot = &mut body["content"]["slots"][0];
    slot["kind"] = "assessment_prep".into();
    slot["parts"] = json!(["1 четверть"]);
    slot["topics"] = json!([FRACTIONS]);
    let saved = put(&teacher, &format!("{path}/draft"), Some(0), &json!({ "body": body })).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.body);
    refused(&post(&teacher, &format!("{path}/publish"), 1).await, "prep_before_part_end");
    hub.stop().await;
}
