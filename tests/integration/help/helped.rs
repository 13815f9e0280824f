//! Who was helped and who never came: by the presence of those who asked, over HTTP, in figures, rows and on paper.

use std::io::Cursor;

use calamine::Reader as _;
use kafedra::domain::consultation::{Event, Timing, Timings};
use kafedra::domain::ids::{ConsultationId, PersonId, SchoolId};
use kafedra::store::Store;
use reqwest::Method;
use serde_json::{Value, json};

use super::{accepted, ask, hub};
use crate::hub::{Client, DEPUTY, GUARDIAN, STUDENT, TEACHER, TestHub};

const MINUTE_MS: i64 = 60_000;

/// A group's consultation that lies ahead.
pub(super) struct Ahead {
    pub store: Store,
    pub school: SchoolId,
    pub id: ConsultationId,
    host: PersonId,
    start_ms: i64,
    end_ms: i64,
}

impl Ahead {
    pub(super) async fn of(hub: &TestHub, id: &Value) -> Self {
        let store = hub.app().state.store.clone();
        let id = ConsultationId::new(id.as_str().unwrap());
        let one = store.consultation(&id).await.unwrap();
        Self { store, school: one.school, host: one.host.id, start_ms: one.start_ms, end_ms: one.end_ms, id }
    }

    /// It is held: the host is there from beginning to end, these come for so many minutes, in whatever role.
    pub(super) async fn hold(&self, came: &[(&str, &'static str, i64)]) {
        let host = self.host.as_str().to_owned();
        let minutes = (self.end_ms - self.start_ms) / MINUTE_MS;
        let stays = std::iter::once((host.as_str(), "host", minutes)).chain(came.iter().copied());
        for (person, role, minutes) in stays {
            let (room, who) = (self.id.clone(), PersonId::new(person));
            let begun =
                self.store.begin_attendance(self.school.clone(), room.clone(), who.clone(), role, self.start_ms).await;
            begun.unwrap();
            self.store.end_attendance(room, who, "left", self.start_ms + minutes * MINUTE_MS).await.unwrap();
        }
        let clock = Event::Clock { shared_ms: 0, down: None };
        self.step(clock, self.start_ms - 10 * MINUTE_MS).await;
        self.step(Event::HostJoined, self.start_ms).await;
        self.step(Event::EndedByHost { shared_ms: 6 * MINUTE_MS }, self.end_ms).await;
    }

    async fn step(&self, event: Event, at_ms: i64) {
        let timings = Timings::new(Timing::default());
        self.store.transition(self.id.clone(), event, None, timings, at_ms).await.unwrap();
    }
}

/// A group's date ahead of the teacher's, with these requests as its sources.
pub(super) async fn scheduled(hub: &TestHub, requests: &[&Value]) -> Value {
    let list = super::topics::ranked(hub, TEACHER, "5А", "Математика").await.unwrap();
    let lesson = list["planned"].as_array().unwrap().iter().find(|one| one["form"] != "individual").unwrap();
    let path = format!("/api/v1/consultations/{}/topics", lesson["id"].as_str().unwrap());
    // Of the part that the date lies in.
    let mut topics = list["topics"].as_array().unwrap().iter();
    let topic = topics.find(|topic| topic["title"] == "Сложение и вычитание дробей").unwrap();
    let choice = json!({ "topics": [topic["id"]], "parts": [topic["part_id"]], "requests": requests });
    accepted(hub.sign_in(TEACHER).await.put(&path, &choice).await);
    lesson["id"].clone()
}

async fn request(client: &Client, made: &Value) -> Value {
    accepted(client.get(&format!("/api/v1/requests/{}", made["id"].as_str().unwrap())).await)
}

#[tokio::test]
async fn who_asked_and_did_not_come_is_not_helped_and_who_came_is() {
    let hub = hub().await;
    let (author, peer) = (hub.sign_in(STUDENT).await, hub.sign_in("S-5A-04").await);
    let made = ask(&author, "Математика", "Откуда общий знаменатель?").await;
    let path = format!("/api/v1/requests/{}", made["id"].as_str().unwrap());
    accepted(peer.post(&format!("{path}/vote"), &json!({})).await);
    // A second question, of somebody who only looks in for a minute; a third, answered in writing to one who stays away.
    let brief = hub.sign_in("S-5A-05").await;
    let looked = ask(&brief, "Математика", "А если знаменатели разные?").await;
    let written = hub.sign_in("S-5A-06").await;
    let told = ask(&written, "Математика", "Можно калькулятор?").await;
    // A guardian's, whose child is in the class: the guardian comes in the child's place.
    let guardian = hub.sign_in(GUARDIAN).await;
    let subject = super::subject(&author, "Математика").await;
    let body = json!({ "student": guardian.child("5А"), "subject": subject["id"], "text": "Как помочь дома?" });
    let theirs = accepted(guardian.post("/api/v1/requests", &body).await);

    let lesson = scheduled(&hub, &[&made["id"], &looked["id"], &told["id"], &theirs["id"]]).await;
    let teacher = hub.sign_in(TEACHER).await;
    let answer = format!("/api/v1/requests/{}/answer", told["id"].as_str().unwrap());
    accepted(teacher.post(&answer, &json!({ "text": "Нет" })).await);
    let ahead = Ahead::of(&hub, &lesson).await;
    ahead.hold(&[(&peer.id(), "recipient", 20), (&brief.id(), "recipient", 1), (&guardian.id(), "guardian", 10)]).await;

    // It was held, so the question is answered; helped is another matter, and nothing is owed or late.
    let seen = request(&author, &made).await;
    assert_eq!(
        (seen["state"].as_str(), seen["is_missed"].as_bool(), seen["sla"].as_str()),
        (Some("answered"), Some(true), Some("met"))
    );
    assert_eq!(request(&guardian, &theirs).await["is_missed"], false);
    let deputy = hub.sign_in(DEPUTY).await;
    let rows = accepted(deputy.get("/api/v1/reports/evidence/rows?metric=help_given").await);
    let row = |id: &Value| rows["rows"].as_array().unwrap().iter().find(|row| row["id"] == *id).unwrap().clone();
    let shares = |id: &Value| (row(id)["above"].as_f64().unwrap(), row(id)["below"].as_f64().unwrap());
    assert_eq!(shares(&made["id"]), (1.0, 2.0), "the voter came, the author did not");
    assert_eq!(shares(&looked["id"]), (0.0, 1.0), "a look through the door helps nobody");
    assert_eq!(shares(&told["id"]), (1.0, 1.0));
    assert_eq!(shares(&theirs["id"]), (1.0, 1.0));
    let codes: Vec<String> = row(&made["id"])["behind"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codes, ["never_came", "helped"]);
    let resolved = accepted(deputy.get("/api/v1/reports/evidence/rows?metric=request_resolution").await);
    let above = |id: &Value| {
        resolved["rows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == *id)
            .map(|row| row["above"].as_f64().unwrap())
    };
    // Answered in time, whoever came: whether it helped stands above.
    assert_eq!((above(&made["id"]), above(&told["id"]), above(&theirs["id"])), (Some(1.0), Some(1.0), Some(1.0)));

    // By student, the page's table. The author has a past in the demo: only the own question tells.
    let students = accepted(deputy.get("/api/v1/reports/students").await);
    let of = |id: &str| students["rows"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    assert!(of(&author.id())["missed"].as_i64().unwrap() >= 1, "{}", of(&author.id()));
    assert!(of(&peer.id())["helped"].as_i64().unwrap() >= 1 && of(&peer.id())["never_came"] == false);
    assert_eq!(of(&brief.id())["missed"], 1);
    assert!(students["helped"].as_u64().unwrap() >= 2 && students["missed"].as_u64().unwrap() >= 2);

    // On paper: each who asked has a line.
    let response = deputy.request(Method::GET, "/api/v1/reports/evidence.xlsx").send().await.unwrap();
    let book = response.bytes().await.unwrap().to_vec();
    let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(book)).unwrap();
    let sheet = book.worksheet_range("Кто просил помощи").unwrap();
    let outcomes: Vec<String> = sheet.rows().skip(1).map(|row| row[6].to_string()).collect();
    assert!(outcomes.iter().filter(|one| one.contains("не пришёл")).count() >= 2, "{outcomes:?}");
    let page = deputy.request(Method::GET, "/api/v1/reports/evidence.html").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("консультация проведена, не пришёл"));
    assert!(kafedra::store::audit::verify(&ahead.store).await.unwrap().is_intact());
    hub.stop().await;
}
