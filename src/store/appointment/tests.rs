//! Booking by many at once: nothing is taken twice, nobody gets more screen time than a day has (P12).
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use proptest::test_runner::TestRunner;

use super::*;
use crate::domain::appointment::Origin;
use crate::domain::consultation::Timing;
use crate::store::demo;

/// A Saturday morning of the second quarter.
const NOW_MS: i64 = 1_795_856_400_000;
/// Minutes of a fifth-grader's day in these tests.
const CAP: i64 = 30;

async fn school(cap: Option<i64>) -> (tempfile::TempDir, Store, SchoolId) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::fresh(folder.path()).await;
    let demo = demo::start(&store, Timing::default(), 30, NOW_MS).await.unwrap().unwrap();
    store
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query("UPDATE norm SET per_day_home = $1, mode = 'enforce'")
                    .bind(cap)
                    .execute(tx.connection())
                    .await?;
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
    (folder, store, demo.school.id)
}

async fn pupils(store: &Store, school: &SchoolId) -> Vec<PersonId> {
    let mut pupils = Vec::new();
    for n in 1..=6 {
        pupils.push(store.person_by_code(school, &format!("S-5A-0{n}")).await.unwrap().unwrap().id);
    }
    pupils
}

fn rules() -> BookingRules {
    BookingRules { days_ahead: 60, most_with_host: 50, most_in_all: 50, ..BookingRules::default() }
}

fn wish(time: &AppointmentId, student: &PersonId) -> Booking {
    Booking {
        appointment: time.clone(),
        student: student.clone(),
        actor: Actor { person: student.clone(), role: Some(Role::Student) },
        message: None,
        origin: Origin::Booked,
        request: None,
        rules: rules(),
        now_ms: NOW_MS,
    }
}

#[test]
fn p12_whatever_is_booked_at_once_no_time_is_taken_twice_and_no_day_is_too_long() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let (_folder, store, school) = runtime.block_on(school(Some(CAP)));
    let (pupils, hours) = runtime.block_on(async {
        let pupils = pupils(&store, &school).await;
        let groups = store.person_facts(&pupils[0], jiff::civil::date(2026, 11, 28)).await.unwrap().groups;
        let within = (NOW_MS, NOW_MS + 30 * 24 * 3_600_000);
        (pupils, store.office_hours(&school, &groups, None, within).await.unwrap())
    });
    assert!(hours.len() >= 4);
    let times: Vec<Appointment> = hours.into_iter().flat_map(|one| one.times).collect();
    let mut runner = TestRunner::new(crate::domain::cases::cases(12));
    let wishes = proptest::collection::vec((0..times.len(), 0..pupils.len()), 40..80);
    runner
        .run(&wishes, |wishes| {
            runtime.block_on(async {
                free_all(&store).await;
                let tasks: Vec<_> = wishes
                    .into_iter()
                    .map(|(time, pupil)| {
                        let (store, wish) = (store.clone(), wish(&times[time].id, &pupils[pupil]));
                        tokio::spawn(async move { store.book(wish).await })
                    })
                    .collect();
                for task in tasks {
                    match task.await.unwrap() {
                        Ok(_) => {}
                        Err(BookingError::Refused(code)) => assert!(
                            matches!(
                                code,
                                RefusalCode::SlotTaken | RefusalCode::DailyScreenCap | RefusalCode::StudentConflict
                            ),
                            "{code}"
                        ),
                        Err(BookingError::Store(error)) => panic!("{error:?}"),
                    }
                }
                no_rule_is_broken(&store, &school, &pupils).await;
            });
            Ok(())
        })
        .unwrap();
}

/// Every case finds all times free: in a full school nobody competes for anything.
async fn free_all(store: &Store) {
    let job = store.write(|tx| {
        Box::pin(async move {
            sqlx::query(
                "UPDATE appointment SET state = 'free', student_id = NULL, booked_by = NULL, booked_at = NULL, origin = NULL
                 WHERE state = 'booked' AND origin = 'booked'",
            )
            .execute(tx.connection())
            .await?;
            Ok::<_, StoreError>(())
        })
    });
    job.await.unwrap();
}

async fn no_rule_is_broken(store: &Store, school: &SchoolId, pupils: &[PersonId]) {
    let booked = store.appointments_of(school, pupils, None, NOW_MS).await.unwrap();
    let booked: Vec<_> = booked.into_iter().filter(|one| one.state == AppointmentState::Booked).collect();
    let mut places = HashSet::new();
    let mut minutes: HashMap<(PersonId, i64), i64> = HashMap::new();
    for one in &booked {
        assert!(places.insert((one.consultation.clone(), one.starts_ms)), "taken twice: {one:?}");
        // What a lesson card names is the teacher's plan, not a booking.
        if one.origin == Some(Origin::Card) {
            continue;
        }
        let day = one.starts_ms / (24 * 3_600_000);
        let student = one.student.clone().unwrap().id;
        *minutes.entry((student, day)).or_default() += (one.ends_ms - one.starts_ms) / 60_000;
    }
    assert!(minutes.values().all(|minutes| *minutes <= CAP), "{minutes:?}");
    for (index, one) in booked.iter().enumerate() {
        let same = |other: &&Appointment| other.student == one.student && other.id != one.id;
        let clash = booked[index + 1..]
            .iter()
            .filter(same)
            .find(|other| other.starts_ms < one.ends_ms && one.starts_ms < other.ends_ms);
        assert!(clash.is_none(), "{one:?} and {clash:?}");
    }
}

#[tokio::test]
async fn a_day_that_is_full_refuses_with_the_code_of_the_norm() {
    let (_folder, store, school) = school(Some(CAP)).await;
    let pupils = pupils(&store, &school).await;
    let groups = store.person_facts(&pupils[0], jiff::civil::date(2026, 11, 28)).await.unwrap().groups;
    let within = (NOW_MS + 7 * 24 * 3_600_000, NOW_MS + 30 * 24 * 3_600_000);
    let hours = store.office_hours(&school, &groups, None, within).await.unwrap();
    let mut codes = HashSet::new();
    for one in &hours {
        for time in &one.times {
            if let Err(BookingError::Refused(code)) = store.book(wish(&time.id, &pupils[5])).await {
                codes.insert(code);
            }
        }
    }
    assert!(codes.contains(&RefusalCode::DailyScreenCap), "{codes:?}");
}

/// Runs statements on the store, as somebody else's work would.
async fn change(store: &Store, statements: Vec<String>) {
    let job = store.write(move |tx| {
        Box::pin(async move {
            for statement in statements {
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(tx.connection()).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    job.await.unwrap();
}

/// Free times from the second week on, and the first of them that would make a full day too long for the pupil.
async fn too_long(store: &Store, school: &SchoolId, pupil: &PersonId) -> Appointment {
    let groups = store.person_facts(pupil, jiff::civil::date(2026, 11, 28)).await.unwrap().groups;
    let within = (NOW_MS + 7 * 24 * 3_600_000, NOW_MS + 30 * 24 * 3_600_000);
    for time in store.office_hours(school, &groups, None, within).await.unwrap().into_iter().flat_map(|one| one.times) {
        match store.book(wish(&time.id, pupil)).await {
            Err(BookingError::Refused(RefusalCode::DailyScreenCap)) => return time,
            _ => free_all(store).await,
        }
    }
    panic!("no day is full");
}

#[tokio::test]
async fn inv_41_a_booking_holds_the_day_as_strictly_as_the_school_does() {
    let (_folder, store, school) = school(Some(10)).await;
    let pupil = pupils(&store, &school).await.remove(5);
    let time = too_long(&store, &school, &pupil).await;
    let warnings = async |store: &Store| store.consultation(&time.consultation).await.unwrap().warnings;
    let book = async |store: &Store| store.book(wish(&time.id, &pupil)).await.map(|_| ());
    let cap = RefusalCode::DailyScreenCap.as_str().to_owned();
    change(&store, vec!["UPDATE norm SET mode = 'off'".into()]).await;
    assert!(book(&store).await.is_ok());
    assert!(!warnings(&store).await.contains(&cap), "nobody asks for it");
    free_all(&store).await;
    change(&store, vec!["UPDATE norm SET mode = 'warn'".into()]).await;
    assert!(book(&store).await.is_ok());
    assert!(warnings(&store).await.contains(&cap), "it stays as a remark");
    // An order for this host lifts it; one for another does not.
    let order = |id: &str, host: &PersonId| {
        format!(
            "INSERT INTO override_grant (id, school_id, kind, consultation_id, host_id, granted_by, granted_role, order_no, reason, created_at)
             VALUES ('{id}', '{school}', 'daily_screen_cap', '{}', '{host}', '{host}', 'deputy_head', '1', 'нужно', 0)",
            time.consultation
        )
    };
    free_all(&store).await;
    change(&store, vec!["UPDATE norm SET mode = 'enforce'".into(), order("other", &pupil)]).await;
    assert!(matches!(book(&store).await, Err(BookingError::Refused(RefusalCode::DailyScreenCap))));
    change(&store, vec!["DELETE FROM override_grant".into(), order("own", &time.host.id)]).await;
    assert!(book(&store).await.is_ok());
}

#[tokio::test]
async fn inv_14_whoever_has_left_a_group_is_not_busy_with_its_lessons() {
    let (_folder, store, school) = school(None).await;
    let pupil = pupils(&store, &school).await.remove(5);
    let groups = store.person_facts(&pupil, jiff::civil::date(2026, 11, 28)).await.unwrap().groups;
    let within = (NOW_MS + 7 * 24 * 3_600_000, NOW_MS + 30 * 24 * 3_600_000);
    let hours = store.office_hours(&school, &groups, None, within).await.unwrap();
    let time = hours.into_iter().flat_map(|one| one.times).find(|time| time.state == AppointmentState::Free).unwrap();
    // A webinar of the class comes to stand at that hour.
    let moved = format!(
        "UPDATE consultation SET start_at = {}, end_at = {}, date = (SELECT date FROM consultation WHERE id = '{}')
         WHERE id = (SELECT MIN(c.id) FROM consultation c JOIN card_slot s ON s.id = c.slot_id WHERE c.form <> 'individual'
         AND s.audience_students = 1 AND c.state = 'planned' AND c.group_id = '{}')",
        time.starts_ms, time.ends_ms, time.consultation, groups[0]
    );
    change(&store, vec![moved]).await;
    let book = async |store: &Store| store.book(wish(&time.id, &pupil)).await.map(|_| ());
    assert!(matches!(book(&store).await, Err(BookingError::Refused(RefusalCode::StudentConflict))));
    let left = format!("UPDATE enrollment SET valid_to = '2026-11-30' WHERE person_id = '{pupil}'");
    change(&store, vec![left]).await;
    assert!(book(&store).await.is_ok(), "left the class on 30 November");
}

#[tokio::test]
async fn who_came_and_who_did_not_is_known_from_the_room_alone() {
    use crate::domain::consultation::{Event, State, Timings};

    let (_folder, store, school) = school(None).await;
    let pupils = pupils(&store, &school).await;
    let groups = store.person_facts(&pupils[0], jiff::civil::date(2026, 11, 28)).await.unwrap().groups;
    let within = (NOW_MS + 7 * 24 * 3_600_000, NOW_MS + 30 * 24 * 3_600_000);
    let hours = store.office_hours(&school, &groups, None, within).await.unwrap().remove(0);
    let id = hours.consultation.id.clone();
    for (time, pupil) in hours.times.iter().zip(&pupils).take(2) {
        store.book(wish(&time.id, pupil)).await.unwrap();
    }
    let waits = Actor { person: pupils[4].clone(), role: Some(Role::Student) };
    // There is a free time: nobody waits for one.
    let refused = store.wait_for(school.clone(), id.clone(), pupils[4].clone(), waits, None, NOW_MS).await;
    assert!(matches!(refused, Err(BookingError::Store(StoreError::Conflict))));
    let timings = Timings::new(Timing::default());
    let start = hours.consultation.start_ms;
    let step = |event, at| store.transition(id.clone(), event, None, timings.clone(), at);
    let clock = || Event::Clock { shared_ms: 0, down: None };
    assert_eq!(step(clock(), hours.consultation.opens_ms).await.unwrap().after, State::Open);
    step(Event::HostJoined, start).await.unwrap();
    let host = hours.consultation.host.id.clone();
    store.begin_attendance(school.clone(), id.clone(), host, "host", start).await.unwrap();
    let first = pupils[0].clone();
    store.begin_attendance(school.clone(), id.clone(), first.clone(), "recipient", start).await.unwrap();
    store.end_attendance(id.clone(), first, "left", start + 600_000).await.unwrap();
    let over = step(Event::EndedByHost { shared_ms: 600_000 }, start + 3_600_000).await.unwrap();
    assert_eq!(over.after, State::Held);
    let states: Vec<_> = store.times_of(&id).await.unwrap().into_iter().map(|time| time.state).take(3).collect();
    assert_eq!(states, [AppointmentState::Attended, AppointmentState::NoShow, AppointmentState::Free]);
}

#[tokio::test]
async fn cancelled_office_hours_take_their_bookings_back_with_the_reason() {
    use crate::domain::consultation::Timings;

    let (_folder, store, school) = school(None).await;
    let pupils = pupils(&store, &school).await;
    let groups = store.person_facts(&pupils[0], jiff::civil::date(2026, 11, 28)).await.unwrap().groups;
    let within = (NOW_MS + 7 * 24 * 3_600_000, NOW_MS + 30 * 24 * 3_600_000);
    let hours = store.office_hours(&school, &groups, None, within).await.unwrap().remove(0);
    store.book(wish(&hours.times[0].id, &pupils[0])).await.unwrap();
    let actor = Actor { person: hours.consultation.host.id.clone(), role: Some(Role::Teacher) };
    let timings = Timings::new(Timing::default());
    store.cancel_consultation(hours.consultation.id, "Болею".into(), actor, timings, NOW_MS).await.unwrap();
    let after = store.appointment(&school, &hours.times[0].id).await.unwrap();
    assert_eq!((after.state, after.reason.as_deref()), (AppointmentState::CancelledByHost, Some("Болею")));
}
