//! Formulas of DOMAIN 2.6 against rows that are written for them: what was measured of lines, consents, observers.

use kafedra::domain::consent::{Act, Purpose};
use kafedra::domain::form::Form;
use kafedra::domain::ids::{ConsultationId, PersonId};
use kafedra::store::media_quality::Minute;
use kafedra::store::transition::Actor;
use serde_json::Value;

use crate::hub::{ADMIN, Client, DEPUTY, GUARDIAN, TestHub};

async fn row(deputy: &Client, metric: &str, id: &Value) -> Value {
    let rows = deputy.get(&format!("/api/v1/reports/evidence/rows?metric={metric}")).await.body;
    rows["rows"].as_array().unwrap().iter().find(|row| row["id"] == *id).unwrap_or_else(|| panic!("{metric}")).clone()
}

fn codes<'a>(row: &'a Value, name: &Value) -> Vec<&'a str> {
    let behind = row["behind"].as_array().unwrap().iter().filter(|one| one["name"] == *name);
    behind.map(|one| one["code"].as_str().unwrap()).collect()
}

fn id(client: &Client) -> PersonId {
    PersonId::new(client.me["person"]["id"].as_str().unwrap())
}

/// A held lesson of a group of the demo's past that has media; in individual help nobody observes.
async fn held(hub: &TestHub, deputy: &Client) -> (Value, i64) {
    let rows = deputy.get("/api/v1/reports/evidence/rows?metric=tech_ok").await.body;
    for row in rows["rows"].as_array().unwrap().iter().filter(|row| row["state"] == "held") {
        let room = ConsultationId::new(row["id"].as_str().unwrap());
        let lesson = hub.app().state.store.consultation(&room).await.unwrap();
        if lesson.form != Form::Individual && row["above"].as_f64().unwrap() > 1.0 {
            return (row.clone(), lesson.start_ms);
        }
    }
    panic!("the demo has held lessons of groups");
}

#[tokio::test]
async fn a_participation_is_technically_fine_by_its_join_and_its_loss() {
    let hub = TestHub::start().await;
    // Somebody who was surely not there.
    let (deputy, guest) = (hub.sign_in(DEPUTY).await, hub.sign_in(ADMIN).await);
    let (before, start_ms) = held(&hub, &deputy).await;
    let store = &hub.app().state.store;
    let room = ConsultationId::new(before["id"].as_str().unwrap());
    let school = store.consultation(&room).await.unwrap().school;
    let come = store.begin_attendance(school, room.clone(), id(&guest), "recipient", start_ms);
    come.await.unwrap();
    store.end_attendance(room.clone(), id(&guest), "left", start_ms + 600_000).await.unwrap();
    let share = |row: &Value, of: &str| row[of].as_f64().unwrap();
    let name = &guest.me["person"]["display_name"];
    let expect = async |above: f64, code: &str| {
        let after = row(&deputy, "tech_ok", &before["id"]).await;
        assert_eq!(share(&after, "below"), share(&before, "below") + 1.0);
        assert_eq!((share(&after, "above") - share(&before, "above"), codes(&after, name)), (above, vec![code]));
    };
    expect(0.0, "no_media").await;
    store.add_media_join(room.clone(), id(&guest), start_ms, 900).await.unwrap();
    expect(1.0, "fine").await;
    let minute = |minute, loss_permille| Minute { minute, rtt_ms: 20, loss_permille, jitter_ms: 1, freeze_ms: 0 };
    store.add_media_minute(room.clone(), id(&guest), minute(start_ms / 60_000, 10)).await.unwrap();
    expect(1.0, "fine").await;
    store.add_media_minute(room.clone(), id(&guest), minute(start_ms / 60_000 + 1, 100)).await.unwrap();
    expect(0.0, "loss").await;
    store.add_media_join(room.clone(), id(&guest), start_ms + 1, 10_000).await.unwrap();
    expect(0.0, "late_join").await;
    // The raw figures run out after 30 days; what is left of them says the same.
    let later_ms = hub.clock.now_ms() + 40 * 86_400_000;
    store.end_by_time(later_ms).await.unwrap();
    assert!(store.media_minutes(&room, &id(&guest)).await.unwrap().is_empty());
    expect(0.0, "late_join").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_missing_consent_and_an_observer_nobody_was_told_of_are_not_lawful() {
    let hub = TestHub::start().await;
    let (deputy, guardian) = (hub.sign_in(DEPUTY).await, hub.sign_in(GUARDIAN).await);
    let (lesson, start_ms) = held(&hub, &deputy).await;
    let store = &hub.app().state.store;
    let room = ConsultationId::new(lesson["id"].as_str().unwrap());
    let school = store.consultation(&room).await.unwrap().school;
    let before = row(&deputy, "lawful", &lesson["id"]).await;
    assert_eq!(before["above"], 1.0, "{before}");

    // Everybody is told of an observer; of this one nobody was.
    store.begin_attendance(school.clone(), room.clone(), id(&deputy), "observer", start_ms).await.unwrap();
    let watched = row(&deputy, "lawful", &lesson["id"]).await;
    let name = &deputy.me["person"]["display_name"];
    assert_eq!((watched["above"].as_f64(), codes(&watched, name)), (Some(0.0), vec!["observer_unannounced"]));
    store.note_announced(room.clone(), id(&deputy), start_ms).await.unwrap();
    assert_eq!(row(&deputy, "lawful", &lesson["id"]).await["above"], 1.0);

    // The school asks for a consent from before the lesson on; the child's guardian has not signed, and then had.
    let child = PersonId::new(guardian.child("5А"));
    let come = store.begin_attendance(school.clone(), room.clone(), child.clone(), "recipient", start_ms);
    come.await.unwrap();
    let text = ("Персональные данные".to_owned(), "Согласен".to_owned());
    let by = Actor { person: id(&guardian), role: None };
    let long_ago_ms = start_ms - 86_400_000;
    let text =
        store.add_consent_text(school.clone(), Purpose::PersonalData, text.0, text.1, None, long_ago_ms).await.unwrap();
    let child_name = store.person(&child).await.unwrap().display_name.into();
    let missing = row(&deputy, "lawful", &lesson["id"]).await;
    assert_eq!((missing["above"].as_f64(), codes(&missing, &child_name)), (Some(0.0), vec!["consent_missing"]));
    assert!(missing["violations"].as_array().unwrap().iter().any(|code| code == "consent_missing"));
    let signed = store.sign_consent(school, child, by, Purpose::PersonalData, text, Act::Given, start_ms - 1);
    signed.await.unwrap();
    let after = row(&deputy, "lawful", &lesson["id"]).await;
    assert!(codes(&after, &child_name).is_empty(), "{after}");
    hub.stop().await;
}
