#![allow(clippy::unwrap_used)]
//! The demo school on an empty store, at odd hours, and again.

use jiff::civil::date;

use super::*;
use crate::domain::access::{RoomRole, room_role};
use crate::domain::calendar::date_in;
use crate::domain::consultation::State;
use crate::store::audit;
use crate::store::consultation::Viewer;

async fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::fresh(folder.path()).await, folder)
}

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[tokio::test]
async fn whatever_the_hour_each_form_is_open_and_one_more_soon() {
    let (store, _folder) = store().await;
    // Sunday night, shortly before midnight of the school; then the summer holidays.
    for now in ["2026-11-22T20:58:31Z", "2026-11-22T21:30:00Z", "2027-07-15T03:00:00Z"] {
        let now_ms = at(now);
        let demo = start(&store, Timing::default(), 92, now_ms).await.unwrap().unwrap();
        assert_eq!(demo.logins.len(), 22);
        let today = date_in(&demo.school.zone(), now_ms);
        let admin = store.person_by_code(&demo.school.id, "A-001").await.unwrap().unwrap();
        let facts = store.person_facts(&admin.id, today).await.unwrap();
        let viewer = Viewer::of(&facts, &demo.school.id, today);
        let all = store.timetable(&viewer, now_ms - 1, now_ms + 15 * MINUTE_MS).await.unwrap();
        for form in [Form::Webinar, Form::VideoConference, Form::Chat, Form::Individual] {
            let open =
                all.iter().filter(|one| one.form == form && one.start_ms <= now_ms && one.end_ms > now_ms + ENOUGH_MS);
            assert!(open.count() >= 1, "{form} at {now}");
        }
        assert!(all.iter().any(|one| one.opens_ms == now_ms + LATER_MS), "{now}");
        assert!(all.iter().all(|one| one.state == State::Planned));
    }
    assert!(audit::verify(&store).await.unwrap().is_intact());
}

/// The whole week lies ahead on a Monday: whoever tries the demo then can still plan something.
#[tokio::test]
async fn a_monday_leaves_every_teacher_hours_to_plan() {
    let (store, _folder) = store().await;
    let now_ms = at("2026-12-06T21:10:00Z");
    let school = start(&store, Timing::default(), 92, now_ms).await.unwrap().unwrap().school;
    let today = date(2026, 12, 7);
    assert_eq!(date_in(&school.zone(), now_ms), today);
    let admin = store.person_by_code(&school.id, "A-001").await.unwrap().unwrap();
    let viewer = Viewer::of(&store.person_facts(&admin.id, today).await.unwrap(), &school.id, today);
    let week = store.timetable(&viewer, now_ms - 30 * MINUTE_MS, now_ms + 7 * 1440 * MINUTE_MS).await.unwrap();
    for code in ["T-007", "T-014", "T-021"] {
        let teacher = store.person_by_code(&school.id, code).await.unwrap().unwrap().id;
        let contracts = store.contracts(&school, Some(&teacher)).await.unwrap();
        let hours = contracts[0].week.unwrap() / 100;
        let minutes: i64 =
            week.iter().filter(|one| one.host.id == teacher).map(|one| (one.end_ms - one.start_ms) / MINUTE_MS).sum();
        assert!(minutes > 0 && minutes / 45 + 3 <= hours, "{code}: {minutes} min of {hours} h");
    }
}

#[tokio::test]
async fn a_second_start_makes_nothing_twice() {
    let (store, _folder) = store().await;
    let now_ms = at("2026-11-23T09:00:00Z");
    for _ in 0..2 {
        start(&store, Timing::default(), 92, now_ms).await.unwrap().unwrap();
    }
    let (n,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM lesson_card WHERE external_key LIKE 'ДЕМО-%'")
        .fetch_one(store.readers())
        .await
        .unwrap();
    assert_eq!(n, 5);
}

#[tokio::test]
async fn each_sees_what_is_theirs_and_may_enter_it() {
    let (store, _folder) = store().await;
    let now_ms = at("2026-11-23T09:00:00Z");
    let school = start(&store, Timing::default(), 92, now_ms).await.unwrap().unwrap().school;
    let today = date(2026, 11, 23);
    let mut seen = HashMap::new();
    for code in ["T-014", "S-5A-01", "S-5A-02", "S-9B-01", "G-01", "G-02", "D-001"] {
        let person = store.person_by_code(&school.id, code).await.unwrap().unwrap();
        let facts = store.person_facts(&person.id, today).await.unwrap();
        let viewer = Viewer::of(&facts, &school.id, today);
        let found = store.timetable(&viewer, now_ms, now_ms + MINUTE_MS).await.unwrap();
        let roles: Vec<_> = found
            .iter()
            .map(|one| {
                let role = match room_role(&facts, &one.room_facts(), today) {
                    Ok(RoomRole::Host) => "host",
                    Ok(RoomRole::Recipient) => "recipient",
                    Ok(RoomRole::Guardian { .. }) => "guardian",
                    Ok(RoomRole::Observer) => "observer",
                    Err(_) => "none",
                };
                (one.form.as_str(), role)
            })
            .collect();
        seen.insert(code, roles.into_iter().collect::<std::collections::BTreeMap<_, _>>());
    }
    let expected = |pairs: &[(&'static str, &'static str)]| pairs.iter().copied().collect();
    assert_eq!(seen["T-014"], expected(&[("webinar", "host"), ("individual", "host")]));
    assert_eq!(
        seen["S-5A-01"],
        expected(&[("webinar", "recipient"), ("chat", "recipient"), ("individual", "recipient")])
    );
    assert_eq!(seen["S-5A-02"], expected(&[("webinar", "recipient"), ("chat", "recipient")]));
    assert_eq!(seen["S-9B-01"], expected(&[("video_conference", "recipient")]));
    // Two children: both timetables; only where guardians are invited may the mother enter.
    let both = [("webinar", "guardian"), ("chat", "none"), ("individual", "guardian"), ("video_conference", "none")];
    assert_eq!(seen["G-01"], expected(&both));
    assert_eq!(seen["G-02"], expected(&[("webinar", "guardian"), ("chat", "none")]));
    let all = [("webinar", "observer"), ("chat", "observer"), ("individual", "none"), ("video_conference", "observer")];
    assert_eq!(seen["D-001"], expected(&all));
    let account = store.account_by_login("т-014").await.unwrap().unwrap();
    assert_eq!(account.person.code, "T-014");
    assert!(password::verify("kafedra-demo", &account.password_hash));
    let wards = store.person_by_code(&school.id, "G-01").await.unwrap().unwrap();
    let facts = store.person_facts(&wards.id, today).await.unwrap();
    let ids: Vec<_> = facts.wards.iter().map(|ward| ward.id.clone()).collect();
    let classes: Vec<_> = store.wards(&ids).await.unwrap().into_iter().map(|ward| ward.class).collect();
    assert_eq!(classes.len(), 2);
    assert!(classes.contains(&"5А".to_owned()) && classes.contains(&"9Б".to_owned()));
}
