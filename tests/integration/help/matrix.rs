//! Every role about one request, one appointment and one link: the answer is the policy table's (P6). And no list of anybody
//! names a person who is none of theirs (P7).

use std::collections::{BTreeMap, BTreeSet};

use kafedra::domain::ids::{PersonId, SchoolId};
use kafedra::domain::policy::{Action, Held, Principal, Relation, Relations, decide};
use kafedra::domain::role::Role;
use reqwest::Method;
use serde_json::json;

use super::{accepted, ask, hub, refused};
use crate::hub::{Client, GUARDIAN, OTHER_TEACHER, STUDENT, TEACHER, TestHub};

const STAFF: [&str; 6] = ["T-014", "T-021", "T-007", "D-001", "Z-001", "A-001"];
const PUPILS: [&str; 12] = [
    "S-5A-01", "S-5A-02", "S-5A-03", "S-5A-04", "S-5A-05", "S-5A-06", "S-9B-01", "S-9B-02", "S-9B-03", "S-9B-04",
    "S-9B-05", "S-9B-06",
];
/// Guardians with their children, as the demo has them.
const FAMILIES: [(&str, &[&str]); 4] =
    [("G-01", &["S-5A-01", "S-9B-01"]), ("G-02", &["S-5A-02"]), ("G-03", &["S-5A-05"]), ("G-04", &["S-9B-02"])];

fn everybody() -> impl Iterator<Item = &'static str> {
    STAFF.into_iter().chain(PUPILS).chain(FAMILIES.map(|(guardian, _)| guardian))
}

async fn clients(hub: &TestHub) -> BTreeMap<&'static str, Client> {
    let mut clients = BTreeMap::new();
    for code in everybody() {
        clients.insert(code, hub.sign_in(code).await);
    }
    clients
}

fn principal(client: &Client) -> Principal {
    let roles = client.me["roles"].as_array().unwrap().iter();
    Principal {
        school: SchoolId::new("demo"),
        person: PersonId::new(client.id()),
        code: String::new(),
        display_name: String::new(),
        roles: roles
            .map(|held| Held { role: Role::parse(held["role"].as_str().unwrap()).unwrap(), unit: None })
            .collect(),
        scopes: None,
        session: String::new(),
    }
}

/// What a thing of this pupil, taught by this teacher, is to somebody.
fn relations(code: &str, pupil: &str, teacher: &str) -> Relations {
    let is_ward = FAMILIES.iter().any(|(guardian, wards)| *guardian == code && wards.contains(&pupil));
    Relations::school()
        .with_if(code == pupil, Relation::Own)
        .with_if(is_ward, Relation::Ward)
        .with_if(code == teacher, Relation::Group)
        .with_if(code == teacher, Relation::Host)
        // The teachers of the demo are homeroom teachers of the classes that they teach.
        .with_if(code == teacher, Relation::Homeroom)
}

#[tokio::test]
async fn p6_each_role_is_answered_as_the_table_says() {
    let hub = TestHub::start_with(|config| config.limits.logins_per_address = 1000).await;
    let clients = clients(&hub).await;
    let made = ask(&clients[STUDENT], "Математика", "Вопрос").await;
    let request = format!("/api/v1/requests/{}", made["id"].as_str().unwrap());
    let links = accepted(clients["D-001"].get("/api/v1/guardian-links").await);
    let mut links = links["items"].as_array().unwrap().iter();
    let link = links.find(|one| one["student"]["id"] == clients["S-5A-02"].id()).unwrap();
    let link = format!("/api/v1/guardian-links/{}", link["id"].as_str().unwrap());
    let teaching = accepted(clients[TEACHER].get("/api/v1/teaching").await);
    let teaching = teaching["items"].as_array().unwrap().iter().find(|one| one["class"] == "5А").unwrap().clone();
    let (group, subject) = (teaching["group"].as_str().unwrap(), teaching["subject"].as_str().unwrap());
    let ranked = format!("/api/v1/topics/ranked?group={group}&subject={subject}");
    let performance = format!("/api/v1/performance?student={}", clients["S-5A-02"].id());
    // Bodies that get past the policy and change nothing.
    let asks: [(Method, String, serde_json::Value, Action, &str); 7] = [
        (Method::POST, format!("{request}/triage"), json!({ "act": "schedule" }), Action::RequestTriage, STUDENT),
        (Method::POST, format!("{request}/answer"), json!({ "text": " " }), Action::RequestAnswer, STUDENT),
        (Method::POST, format!("{link}/confirm"), json!({}), Action::GuardianLinkConfirm, "S-5A-02"),
        (Method::POST, format!("{link}/end"), json!({ "reason": "court" }), Action::GuardianLinkConfirm, "S-5A-02"),
        (
            Method::PUT,
            format!("{link}/rights"),
            json!({ "right": "x", "granted": true }),
            Action::GuardianLinkConfirm,
            "S-5A-02",
        ),
        (Method::GET, ranked, json!(null), Action::PerformanceView, "nobody"),
        (Method::GET, performance, json!(null), Action::PerformanceView, "S-5A-02"),
    ];
    let mut wrong = Vec::new();
    for (method, path, body, action, pupil) in &asks {
        for (code, client) in &clients {
            let call = client.request(method.clone(), path);
            let call = if *method == Method::GET { call } else { call.json(body) };
            let status = call.send().await.unwrap().status();
            let mut relations = relations(code, pupil, TEACHER);
            if *pupil == "nobody" {
                // Of a whole group there is nothing of one's own, and a colleague of the same class teaches another subject.
                relations = Relations::school().with_if(*code == TEACHER, Relation::Group);
            } else if *action == Action::PerformanceView && *code == "T-007" {
                relations = relations.with(Relation::Group);
            }
            let is_about_oneself = *action == Action::GuardianLinkConfirm && (*code == "G-02" || code == pupil);
            let allowed = decide(&principal(client), *action, relations).is_ok() && !is_about_oneself;
            if allowed == matches!(status.as_u16(), 401 | 403 | 404) || status.is_server_error() {
                wrong.push(format!("{code} {method} {path}: {status}, allowed {allowed}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    hub.stop().await;
}

/// Everything that pupils and guardians can list.
const LISTS: [&str; 12] = [
    "/api/v1/requests",
    "/api/v1/requests/peers",
    "/api/v1/requests/choices",
    "/api/v1/office-hours",
    "/api/v1/appointments",
    "/api/v1/children",
    "/api/v1/guardian-links",
    "/api/v1/complaints",
    "/api/v1/feedback/due",
    "/api/v1/performance",
    "/api/v1/notices",
    "/api/v1/device-check",
];

#[tokio::test]
async fn p7_no_list_names_somebody_outside_ones_own_circle() {
    let hub = hub().await;
    let mut clients = clients(&hub).await;
    // Something of everybody is there to be told.
    for code in PUPILS {
        let name = if code.starts_with("S-5A") { "Математика" } else { "Физика" };
        ask(&clients[code], name, &format!("Вопрос {code}")).await;
        let hours = accepted(clients[code].get("/api/v1/office-hours").await);
        let all = hours["items"].as_array().unwrap().iter().flat_map(|one| one["times"].as_array().unwrap());
        if let Some(time) = all.into_iter().find(|time| time["can_book"] == true) {
            let path = format!("/api/v1/appointments/{}/book", time["id"].as_str().unwrap());
            accepted(clients[code].post(&path, &json!({})).await);
        }
    }
    let ids: BTreeMap<&str, String> = clients.iter().map(|(code, client)| (*code, client.id())).collect();
    let staff: BTreeSet<&str> = STAFF.into_iter().collect();
    for code in PUPILS.into_iter().chain(FAMILIES.map(|(guardian, _)| guardian)) {
        let mut circle: BTreeSet<&str> = staff.clone();
        circle.insert(code);
        for (guardian, wards) in FAMILIES {
            if guardian == code {
                circle.extend(wards.iter().copied());
            }
            if wards.contains(&code) {
                circle.insert(guardian);
            }
            // Another guardian's child that is one's own brings its other guardian along; the demo has none.
        }
        let client = clients.remove(code).unwrap();
        for path in LISTS {
            let answer = client.get(path).await;
            let text = answer.body.to_string();
            for (other, id) in &ids {
                assert!(circle.contains(other) || !text.contains(id.as_str()), "{code} {path} names {other}: {text}");
            }
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_teacher_of_another_class_and_an_administrator_see_no_help_of_a_child() {
    let hub = hub().await;
    let child = hub.sign_in(STUDENT).await;
    ask(&child, "Математика", "Только для учителя").await;
    for code in [OTHER_TEACHER, "A-001", GUARDIAN] {
        let client = hub.sign_in(code).await;
        let inbox = client.get("/api/v1/requests/inbox").await;
        match code {
            OTHER_TEACHER => assert!(!accepted(inbox).to_string().contains("Только для учителя")),
            _ => refused(&inbox, 403, "role_not_permitted"),
        }
    }
    hub.stop().await;
}
