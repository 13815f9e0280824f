//! Planning over HTTP: each refusal of DOMAIN 2.4 that planning knows, with its numbers; versions, orders, substitutes, moving,
//! the calendar.

mod acts;
mod calendar;
mod changes;
mod chosen;
mod lessons;
mod load_policy;
mod parts;
mod programmes;
mod proposals;
mod refusals;
mod sources;

use kafedra::clock::WallClock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::hub::{Answer, Client, DEPUTY, TEACHER, TestHub};

/// Monday, 23 November 2026, 10:00 in Moscow: a school day of the demo's second quarter.
const NOW: &str = "2026-11-23T07:00:00Z";

/// The demo school on that Monday. Its norms warn; here they are enforced.
async fn hub() -> TestHub {
    let at = NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let hub = TestHub::start_at(WallClock::tokio(at)).await;
    let deputy = hub.sign_in(DEPUTY).await;
    let norms = deputy.get("/api/v1/norms").await;
    for norm in norms.body["items"].as_array().unwrap() {
        let mut norm = norm.clone();
        norm["mode"] = "enforce".into();
        let answer = put(&deputy, "/api/v1/norms", None, &norm).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
    }
    hub
}

async fn put(client: &Client, path: &str, revision: Option<i64>, body: &Value) -> Answer {
    let mut request = client.request(Method::PUT, path).json(body);
    if let Some(revision) = revision {
        request = request.header("if-match", format!("\"{revision}\""));
    }
    client.send(request).await
}

async fn post(client: &Client, path: &str, revision: i64) -> Answer {
    client.send(client.request(Method::POST, path).header("if-match", format!("\"{revision}\"")).json(&json!({}))).await
}

/// What a card can be made of, with the names that the tests use.
struct School {
    options: Value,
}

impl School {
    async fn of(client: &Client) -> Self {
        Self { options: client.get("/api/v1/card-options").await.body }
    }

    fn id(&self, list: &str, fits: impl Fn(&Value) -> bool) -> String {
        let found = self.options[list].as_array().unwrap().iter().find(|one| fits(one));
        found.unwrap_or_else(|| panic!("no such {list}: {}", self.options))["id"].as_str().unwrap().to_owned()
    }

    fn group(&self, class: &str) -> String {
        self.id("groups", |one| one["class"] == class && one["name"] == "")
    }

    fn subject(&self, name: &str) -> String {
        self.id("subjects", |one| one["name"] == name)
    }
}

/// A card of mathematics for 5А that nothing speaks against: Thursday, 3 December, 15:30, half an hour.
async fn card(client: &Client, school: &School, host: &str) -> Value {
    let _ = client;
    json!({
        "subject": school.subject("Математика"),
        "content": {
            "title": "Сложение дробей",
            "programme": null,
            "group": school.group("5А"),
            "teacher": host,
            "materials": ["https://school.example/m/1"],
            "homework": null,
            "note": null,
            "allow_in_break": false,
            "slots": [slot(host, "2026-12-03", "15:30:00", 30)],
        },
    })
}

fn slot(host: &str, date: &str, start: &str, minutes: u16) -> Value {
    json!({
        "key": "",
        "recurrence": { "type": "once", "date": date },
        "at": { "type": "start", "value": start },
        "minutes": minutes,
        "form": "webinar",
        "medium": null,
        "kind": "current",
        "coverage": "topics",
        "parts": ["2 четверть"],
        "topics": ["Сложение и вычитание дробей"],
        "audience": { "students": true, "guardians": false },
        "host": host,
        "student": null,
        "sources": [{ "kind": "note", "text": "Ошибки в контрольной" }],
    })
}

fn me(client: &Client) -> String {
    client.me["person"]["id"].as_str().unwrap().to_owned()
}

/// Makes a card with a draft; gives its id.
async fn drafted(client: &Client, body: &Value) -> String {
    let answer = client.post("/api/v1/cards", &json!({ "body": body })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["card"]["id"].as_str().unwrap().to_owned()
}

/// Publishes what has just been drafted.
async fn published(client: &Client, body: &Value) -> Answer {
    let id = drafted(client, body).await;
    post(client, &format!("/api/v1/cards/{id}/publish"), 1).await
}

/// The consultations of a card's title in the person's timetable of the weeks around it.
async fn planned(client: &Client, title: &str) -> Vec<Value> {
    let answer = client.get("/api/v1/timetable?from=2026-11-23&to=2027-01-31").await;
    let items = answer.body["items"].as_array().unwrap().clone();
    items.into_iter().filter(|item| item["title"] == title).collect()
}

#[tokio::test]
async fn a_card_goes_from_draft_to_version_to_version_to_withdrawn() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let school = School::of(&teacher).await;
    let body = card(&teacher, &school, &me(&teacher)).await;
    let id = drafted(&teacher, &body).await;
    let path = format!("/api/v1/cards/{id}");
    assert_eq!(planned(&teacher, "Сложение дробей").await.len(), 0, "a draft binds nobody");
    let checked = teacher.post("/api/v1/cards/check", &json!({ "card": id, "body": body })).await;
    assert_eq!((checked.status, &checked.body["refused"]), (StatusCode::OK, &json!(0)), "{}", checked.body);
    assert_eq!(checked.body["dates"][0]["start"], "2026-12-03T12:30:00Z");
    let done = post(&teacher, &format!("{path}/publish"), 1).await;
    assert_eq!((done.status, &done.body["version"], &done.body["planned"]), (StatusCode::OK, &json!(1), &json!(1)));
    let before = planned(&teacher, "Сложение дробей").await.remove(0);
    let student = hub.sign_in("S-5A-01").await;
    assert_eq!(planned(&student, "Сложение дробей").await.len(), 1);

    // The same slot at another time: the same consultation, moved.
    let page = teacher.get(&path).await.body;
    let mut next = page["versions"][0]["body"].clone();
    next["content"]["slots"][0]["at"]["value"] = "15:45:00".into();
    assert_eq!(
        put(&teacher, &format!("{path}/draft"), None, &json!({ "body": next })).await.code(),
        "precondition_required"
    );
    let saved = put(&teacher, &format!("{path}/draft"), Some(0), &json!({ "body": next })).await;
    assert_eq!((saved.status, &saved.body["draft"]["revision"]), (StatusCode::OK, &json!(1)), "{}", saved.body);
    let stale = put(&teacher, &format!("{path}/draft"), Some(0), &json!({ "body": next })).await;
    assert_eq!((stale.status, stale.code()), (StatusCode::CONFLICT, "version_conflict"));
    assert_eq!(post(&teacher, &format!("{path}/publish"), 7).await.code(), "version_conflict");
    let done = post(&teacher, &format!("{path}/publish"), 1).await;
    assert_eq!((&done.body["version"], &done.body["moved"]), (&json!(2), &json!(1)), "{}", done.body);
    let after = planned(&teacher, "Сложение дробей").await.remove(0);
    assert_eq!((&after["id"], &after["start"]), (&before["id"], &json!("2026-12-03T12:45:00Z")));
    let page = teacher.get(&path).await.body;
    let states: Vec<&Value> = page["versions"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(states, ["published", "superseded"]);

    let unsaid = teacher.post(&format!("{path}/withdraw"), &json!({ "reason": " " })).await;
    assert_eq!((unsaid.status, unsaid.code()), (StatusCode::UNPROCESSABLE_ENTITY, "reason_required"));
    let gone = teacher.post(&format!("{path}/withdraw"), &json!({ "reason": "тема пройдена" })).await;
    assert_eq!((gone.status, &gone.body["card"]["status"]), (StatusCode::OK, &json!("withdrawn")), "{}", gone.body);
    let cancelled = planned(&student, "Сложение дробей").await.remove(0);
    assert_eq!((&cancelled["state"], &cancelled["cancel_reason"]), (&json!("cancelled"), &json!("тема пройдена")));
    let locked = put(&teacher, &format!("{path}/draft"), Some(0), &json!({ "body": next })).await;
    assert_eq!((locked.status, locked.code()), (StatusCode::CONFLICT, "card_locked"));
    let again = teacher.post(&format!("{path}/withdraw"), &json!({ "reason": "ещё раз" })).await;
    assert_eq!(again.code(), "illegal_transition");
    hub.stop().await;
}

#[tokio::test]
async fn a_draft_of_a_version_that_is_no_longer_in_force_is_locked() {
    let hub = hub().await;
    let teacher = hub.sign_in(TEACHER).await;
    let school = School::of(&teacher).await;
    // A card from a file, with a draft on top; then the file brings another version.
    let header = "Код;Дата;Начало;Минут;Класс;Предмет;Часть;Тема;Учитель;Вид;Форма;Аудитория\n";
    let row = "КАРТА-1;03.12.2026;15:30;30;5А;Математика;2 четверть;Дроби;Т-014;текущая;вебинар;обучающиеся\n";
    let import = async |row: String| {
        let request = teacher.request(Method::POST, "/api/v1/lesson-cards/import").header("content-type", "text/csv");
        teacher.send(request.body(format!("{header}{row}"))).await
    };
    assert_eq!(import(row.to_owned()).await.status, StatusCode::OK);
    let all = teacher.get("/api/v1/cards").await.body;
    let id = all["items"].as_array().unwrap().iter().find(|one| one["key"] == "КАРТА-1").unwrap()["id"].clone();
    let path = format!("/api/v1/cards/{}", id.as_str().unwrap());
    let body = card(&teacher, &school, &me(&teacher)).await;
    assert_eq!(put(&teacher, &format!("{path}/draft"), Some(0), &json!({ "body": body })).await.status, StatusCode::OK);
    assert_eq!(import(row.replace("15:30", "15:40")).await.status, StatusCode::OK);
    assert_eq!(post(&teacher, &format!("{path}/publish"), 1).await.code(), "card_locked");
    assert_eq!(put(&teacher, &format!("{path}/draft"), Some(1), &json!({ "body": body })).await.code(), "card_locked");
    hub.stop().await;
}

#[tokio::test]
async fn a_teacher_writes_their_own_cards_and_staff_publish_after_the_deputy() {
    let hub = hub().await;
    let (teacher, deputy) = (hub.sign_in(TEACHER).await, hub.sign_in(DEPUTY).await);
    let school = School::of(&teacher).await;
    let other = hub.sign_in("T-021").await;
    let foreign = card(&teacher, &school, &me(&other)).await;
    let answer = teacher.post("/api/v1/cards", &json!({ "body": foreign })).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    let own = drafted(&teacher, &card(&teacher, &school, &me(&teacher)).await).await;
    assert_eq!(other.get(&format!("/api/v1/cards/{own}")).await.status, StatusCode::FORBIDDEN);

    let staff = hub.sign_in("Z-001").await;
    let mut body = card(&staff, &school, &me(&staff)).await;
    body["subject"] = Value::Null;
    body["content"]["title"] = "Как помочь дома".into();
    body["content"]["slots"][0]["audience"] = json!({ "students": false, "guardians": true });
    let id = drafted(&staff, &body).await;
    let publish = format!("/api/v1/cards/{id}/publish");
    let refused = post(&staff, &publish, 1).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "card_locked"));
    assert_eq!(post(&deputy, &format!("/api/v1/cards/{id}/agree"), 1).await.status, StatusCode::OK);
    let done = post(&staff, &publish, 1).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    hub.stop().await;
}

#[tokio::test]
async fn cards_published_at_once_never_pass_a_limit_together() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let school = School::of(&deputy).await;
    // P12: five half hours for one class on one day; the norm of the day is 120 minutes, each host has hours enough.
    let mut drafts = Vec::new();
    let hosts = ["T-014", "T-021", "T-007"];
    for n in 0..6 {
        let host = me(&hub.sign_in(hosts[n % 3]).await);
        let mut body = card(&deputy, &school, &host).await;
        body["content"]["title"] = format!("Вместе {n}").into();
        body["content"]["slots"] = json!([slot(&host, "2026-12-05", &format!("{:02}:00:00", 9 + n), 30)]);
        body["content"]["allow_in_break"] = true.into();
        drafts.push(drafted(&deputy, &body).await);
    }
    let answers = futures_util::future::join_all(drafts.iter().map(|id| {
        let deputy = &deputy;
        async move { post(deputy, &format!("/api/v1/cards/{id}/publish"), 1).await }
    }))
    .await;
    let done = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let capped = answers.iter().filter(|answer| answer.code() == "daily_screen_cap").count();
    assert_eq!((done, capped), (4, 2), "{:?}", answers.iter().map(Answer::code).collect::<Vec<_>>());
    hub.stop().await;
}
