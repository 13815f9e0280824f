//! Whether a host to whom nobody came is counted the time is for the school to decide (DOMAIN 2.2): by the deputy head or the head,
//! by an administrator as a proposal; for what ends from then on.

use kafedra::domain::consultation::{Event, Timing, Timings};
use kafedra::domain::ids::ConsultationId;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{hub, put};
use crate::hub::{ADMIN, Client, DEPUTY, STUDENT, TEACHER, TestHub};

const PATH: &str = "/api/v1/load-policy";
const MINUTE_MS: i64 = 60_000;

async fn says(client: &Client) -> Value {
    client.get(PATH).await.body
}

/// The host is there alone for so long, some time ahead.
async fn alone(hub: &TestHub, id: &str, minutes: i64) {
    let store = &hub.app().state.store;
    let id = ConsultationId::new(id);
    let start_ms = store.consultation(&id).await.unwrap().start_ms;
    for (event, at_ms) in [
        (Event::Clock { shared_ms: 0, down: None }, start_ms - 10 * MINUTE_MS),
        (Event::HostJoined, start_ms),
        (Event::EndedByHost { shared_ms: 0 }, start_ms + minutes * MINUTE_MS),
    ] {
        store.transition(id.clone(), event, None, Timings::new(Timing::default()), at_ms).await.unwrap();
    }
}

/// Minutes that the ledger has for a consultation.
async fn counted(client: &Client, id: &str) -> Option<i64> {
    let rows = client.get("/api/v1/load/rows?from=2026-11-23&to=2026-12-06").await.body;
    let row = rows["items"].as_array().unwrap().iter().find(|row| row["consultation"] == id).cloned();
    row.unwrap_or_else(|| panic!("{id} is not in {rows}"))["minutes"].as_i64()
}

#[tokio::test]
async fn a_school_decides_whether_waiting_in_vain_counts_and_the_ledger_follows() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    assert_eq!(says(&deputy).await, json!({ "count": "waited", "minutes": 15 }), "the regulation's default");
    for body in [
        json!({ "count": "waited", "minutes": 0 }),
        json!({ "count": "waited", "minutes": 61 }),
        json!({ "count": "waited" }),
        json!({ "count": "always" }),
        json!({ "count": "never", "why": "x" }),
    ] {
        assert_eq!(put(&deputy, PATH, None, &body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    for code in [TEACHER, STUDENT] {
        let other = hub.sign_in(code).await;
        let answer = put(&other, PATH, None, &json!({ "count": "never" })).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"), "{code}");
        assert_eq!(says(&other).await["count"], "waited", "everybody may know the rule");
    }

    // Longer than what is waited for below.
    let minutes = |item: &Value| {
        let at = |name: &str| item[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
        (at("end") - at("start")) / MINUTE_MS
    };
    let items = teacher.timetable().await;
    let ahead = items.iter().filter(|item| item["state"] == "planned" && item["role"] == "host" && minutes(item) >= 30);
    let ids: Vec<String> = ahead.map(|item| item["id"].as_str().unwrap().to_owned()).take(3).collect();
    let [first, second, third] = &ids[..] else { panic!("three lessons ahead: {ids:?}") };

    // Twenty minutes count by default, not where the school counts none, and not where it asks for more.
    alone(&hub, first, 20).await;
    assert!(counted(&teacher, first).await.is_some_and(|minutes| minutes > 0));
    assert_eq!(put(&deputy, PATH, None, &json!({ "count": "never" })).await.status, StatusCode::NO_CONTENT);
    alone(&hub, second, 20).await;
    assert_eq!(counted(&teacher, second).await, None);
    let more = json!({ "count": "waited", "minutes": 25 });
    assert_eq!(put(&deputy, PATH, None, &more).await.status, StatusCode::NO_CONTENT);
    assert_eq!(says(&teacher).await, more);
    alone(&hub, third, 20).await;
    assert_eq!(counted(&teacher, third).await, None);
    // What has ended stays as it was counted.
    assert!(counted(&teacher, first).await.is_some_and(|minutes| minutes > 0));
    assert_eq!(counted(&teacher, second).await, None);

    // Each decision stands in the journal, with what held before; the same again is none.
    assert_eq!(put(&deputy, PATH, None, &more).await.status, StatusCode::NO_CONTENT);
    let journal = deputy.get("/api/v1/journal?action=load_policy.put").await.body;
    assert_eq!(journal["items"].as_array().map(Vec::len), Some(2), "{journal}");
    hub.stop().await;
}

#[tokio::test]
async fn an_administrator_proposes_the_rule_on_waiting_in_vain() {
    let hub = hub().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let wanted = json!({ "count": "waited", "minutes": 30 });
    let answer = put(&admin, PATH, None, &wanted).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let id = answer.body["id"].as_str().unwrap().to_owned();
    assert_eq!(says(&deputy).await["minutes"], 15, "nothing is in force yet");
    let waiting = deputy.get("/api/v1/rule-proposals").await.body["items"][0].clone();
    assert_eq!((&waiting["change"]["kind"], &waiting["change"]["row"]), (&json!("load"), &wanted));
    assert_eq!(waiting["was"]["row"], json!({ "count": "waited", "minutes": 15 }));
    let decided = deputy.post(&format!("/api/v1/rule-proposals/{id}/decide"), &json!({ "decision": "confirm" })).await;
    assert_eq!(decided.status, StatusCode::NO_CONTENT, "{}", decided.body);
    assert_eq!(says(&admin).await, wanted);
    // What holds already need not be proposed.
    assert_eq!(put(&admin, PATH, None, &wanted).await.status, StatusCode::CONFLICT);
    hub.stop().await;
}
