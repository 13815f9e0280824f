//! Cards that are published, changed and withdrawn while the clock runs: what opens stands in a card in force, in the form that
//! the card says (INV-10, INV-11), and expanding again changes nothing (INV-15).
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, Time, time};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::sql::text;
use super::super::transition::Actor;
use super::super::{Store, StoreError, demo};
use super::PlanError;
use super::drafts::DraftBody;
use super::publish::Publishing;
use crate::domain::calendar::{date_in, plus_days};
use crate::domain::consultation::{Event, State, Timing, Timings};
use crate::domain::form::{Audience, Coverage, Form, Kind};
use crate::domain::ids::{CardId, ConsultationId, GroupId, PersonId, SubjectId};
use crate::domain::lesson_card::{At, CardContent, CardSlot, Recurrence, Source, SourceKind};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::calendar::{CalendarChange, CalendarEdit, CalendarError};
use crate::store::school::School;

const HOUR: i64 = 3_600_000;
/// Monday of the second quarter, morning in Moscow.
const NOW: &str = "2026-11-23T05:00:00Z";

/// What happens to a card, one after the other.
#[derive(Clone, Debug)]
enum Did {
    /// Published with slots on these days from now, at these times, in these forms.
    Publish(Vec<(i32, i8, usize)>),
    Withdraw,
    /// So many hours pass.
    Wait(i64),
}

fn did() -> impl Strategy<Value = Did> {
    let slots = proptest::collection::vec((0i32..4, 9i8..17, 0usize..3), 1..4);
    prop_oneof![3 => slots.prop_map(Did::Publish), 1 => Just(Did::Withdraw), 4 => (1i64..20).prop_map(Did::Wait)]
}

struct World {
    store: Store,
    school: School,
    teacher: PersonId,
    group: GroupId,
    subject: SubjectId,
    timings: Timings,
    cards: usize,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        let school = demo::start(&store, Timing::default(), 30, now_ms()).await.unwrap().unwrap().school;
        let teacher = store.person_by_code(&school.id, "T-014").await.unwrap().unwrap().id;
        let (group, subject): (String, String) = sqlx::query_as(
            "SELECT g.id, s.id FROM study_group g JOIN school_class c ON c.id = g.class_id, subject s
             WHERE c.name = '5А' AND g.name = '' AND s.name = 'Математика'",
        )
        .fetch_one(store.readers())
        .await
        .unwrap();
        // Rules of other tests; here only cards and the clock count.
        store
            .write(|tx| {
                Box::pin(async move {
                    for sql in [
                        "UPDATE norm SET mode = 'off'",
                        "DELETE FROM working_window",
                        "UPDATE employment SET consultation_hours_week = NULL, consultation_hours_month = NULL, consultation_hours_year = NULL",
                    ] {
                        sqlx::query(sql).execute(tx.connection()).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await
            .unwrap();
        Self {
            timings: Timings::new(Timing::default()),
            group: GroupId::new(group),
            subject: SubjectId::new(subject),
            cards: 0,
            store,
            school,
            teacher,
            _folder: folder,
        }
    }

    fn actor(&self) -> Actor {
        Actor { person: self.teacher.clone(), role: Some(Role::Teacher) }
    }

    async fn asked(&self, now_ms: i64) -> Publishing {
        Publishing {
            school: self.school.clone(),
            calendar: self.store.calendar(&self.school).await.unwrap(),
            actor: self.actor(),
            needs_agreement: false,
            timings: self.timings.clone(),
            horizon_days: 30,
            now_ms,
        }
    }

    fn body(&self, slots: Vec<CardSlot>) -> DraftBody {
        let content = CardContent {
            title: "Дроби".into(),
            programme: None,
            group: self.group.clone(),
            teacher: self.teacher.clone(),
            materials: Vec::new(),
            homework: None,
            note: None,
            feedback_channel: None,
            allow_in_break: true,
            slots,
        };
        DraftBody { subject: Some(self.subject.clone()), content }
    }

    fn slot(&self, date: Date, at: Time, form: Form) -> CardSlot {
        CardSlot {
            key: String::new(),
            recurrence: Recurrence::Once { date },
            at: Some(At::Start(at)),
            minutes: Some(30),
            form,
            medium: None,
            kind: Kind::Current,
            coverage: Coverage::Overview,
            parts: vec!["2 четверть".into()],
            topics: Vec::new(),
            audience: Audience { students: true, guardians: false },
            host: self.teacher.clone(),
            student: None,
            sources: vec![Source { kind: SourceKind::Note, ref_id: None, text: Some("повторение".into()) }],
            purpose: None,
            appointment_minutes: None,
            capacity: None,
        }
    }

    async fn new_card(&mut self, now_ms: i64) -> CardId {
        self.cards += 1;
        let (school, key, actor, body) =
            (self.school.id.clone(), format!("К{}", self.cards), self.actor(), self.body(Vec::new()));
        self.store
            .write(move |tx| Box::pin(async move { tx.new_card(&school, &key, body, &actor, now_ms).await }))
            .await
            .unwrap()
    }

    /// Publishes these slots over whatever the card says; `false`: refused.
    async fn publish(&self, card: &CardId, slots: Vec<CardSlot>, now_ms: i64) -> bool {
        let asked = self.asked(now_ms).await;
        self.publish_by(card, slots, asked).await
    }

    async fn publish_by(&self, card: &CardId, slots: Vec<CardSlot>, asked: Publishing) -> bool {
        let now_ms = asked.now_ms;
        let revision = self.store.card_draft(card).await.unwrap().map_or(0, |draft| draft.revision);
        let (school, id, actor, body) = (self.school.id.clone(), card.clone(), self.actor(), self.body(slots));
        let saved = self
            .store
            .write(move |tx| Box::pin(async move { tx.save_draft(&school, &id, revision, body, &actor, now_ms).await }))
            .await;
        let Ok(revision) = saved else { return false };
        match self.store.publish_draft(asked, card.clone(), revision).await {
            Ok(_) => true,
            Err(PlanError::Findings(_) | PlanError::Refused(_)) => false,
            Err(PlanError::Store(error)) => panic!("{error:?}"),
        }
    }

    /// Takes what stories before have left out of the clock's way.
    async fn clear(&self) {
        let job = self.store.write(|tx| {
            Box::pin(async move {
                sqlx::query("UPDATE lesson_card SET status = 'withdrawn'").execute(tx.connection()).await?;
                sqlx::query("UPDATE consultation SET state = 'cancelled', due_at = NULL WHERE due_at IS NOT NULL")
                    .execute(tx.connection())
                    .await?;
                Ok::<_, StoreError>(())
            })
        });
        job.await.unwrap();
    }

    /// Lets the clock do what is due at each instant up to `to_ms`; gives what it opened, and when.
    async fn run_clock(&self, to_ms: i64) -> Vec<(ConsultationId, i64)> {
        let mut opened = Vec::new();
        while let Some(due) = self.store.next_due_ms().await.unwrap().filter(|due| *due <= to_ms) {
            for row in self.store.due(due, 100).await.unwrap() {
                let event = Event::Clock { shared_ms: 0, down: None };
                let done = self.store.transition(row.id.clone(), event, None, self.timings.clone(), due).await.unwrap();
                if done.before == State::Planned && done.after == State::Open {
                    opened.push((row.id, due));
                }
            }
        }
        opened
    }

    /// Of consultations: state, form, form of their slot, version of the slot, version and status of the card.
    async fn rows(&self, card: &CardId) -> HashMap<ConsultationId, Row> {
        let rows = sqlx::query(
            "SELECT c.id, c.state, c.form, c.slot_id, s.form AS slot_form, v.version, k.version AS in_force, k.status
             FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
             JOIN lesson_card k ON k.id = c.card_id WHERE c.card_id = $1",
        )
        .bind(card.as_str())
        .fetch_all(self.store.readers())
        .await
        .unwrap();
        rows.iter()
            .map(|row| {
                let is_current = super::super::sql::int(row, "version").unwrap()
                    == super::super::sql::int(row, "in_force").unwrap()
                    && text(row, "status").unwrap() == "published";
                let one = Row {
                    state: State::parse(&text(row, "state").unwrap()).unwrap(),
                    form: text(row, "form").unwrap(),
                    slot_form: text(row, "slot_form").unwrap(),
                    slot: text(row, "slot_id").unwrap(),
                    is_current,
                };
                (ConsultationId::new(text(row, "id").unwrap()), one)
            })
            .collect()
    }
}

#[derive(Debug)]
struct Row {
    state: State,
    form: String,
    slot_form: String,
    slot: String,
    is_current: bool,
}

fn now_ms() -> i64 {
    NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Stories told in one school. They all happen in the same weeks: in a full school nothing more can be published.
const MOST_STORIES: usize = 24;

#[test]
fn inv_10_inv_11_what_opens_stands_in_a_card_in_force_and_keeps_its_form() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = tokio::sync::Mutex::new(runtime.block_on(World::new()));
    let clock = std::cell::Cell::new(now_ms());
    let opened_in_all = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(crate::domain::cases::cases(24));
    runner
        .run(&proptest::collection::vec(did(), 6..16), |story| {
            runtime.block_on(async {
                let mut world = world.lock().await;
                if world.cards >= MOST_STORIES {
                    let full = std::mem::replace(&mut *world, World::new().await);
                    full.store.close().await;
                }
                // Each story begins on the same Monday, in an empty timetable.
                clock.set(now_ms());
                world.clear().await;
                let card = world.new_card(clock.get()).await;
                // What is open keeps slot and form for ever.
                let mut kept: HashMap<ConsultationId, (String, String)> = HashMap::new();
                for did in story {
                    let now = clock.get();
                    match did {
                        Did::Publish(slots) => {
                            let today = date_in(&world.school.zone(), now);
                            let slots = slots
                                .into_iter()
                                .map(|(days, hour, form)| {
                                    let form = [Form::Webinar, Form::VideoConference, Form::Chat][form];
                                    world.slot(plus_days(today, days), time(hour, 0, 0, 0), form)
                                })
                                .collect();
                            world.publish(&card, slots, now).await;
                        }
                        Did::Withdraw => {
                            let asked = world.asked(now).await;
                            let done = world.store.withdraw_card(asked, card.clone(), "болезнь".into()).await;
                            prop_assert!(!matches!(done, Err(PlanError::Store(_))), "{:?}", done);
                        }
                        Did::Wait(hours) => {
                            let before = world.rows(&card).await;
                            clock.set(now + hours * HOUR);
                            for (id, at) in world.run_clock(clock.get()).await {
                                // Nothing was published while the clock ran: as it stood before is as it stood then.
                                let Some(row) = before.get(&id) else { continue };
                                prop_assert!(row.is_current, "INV-10: {} at {}: {:?}", id, at, row);
                                kept.insert(id, (row.slot.clone(), row.form.clone()));
                                opened_in_all.set(opened_in_all.get() + 1);
                            }
                        }
                    }
                    // The scheduler is poked after each change: what is due opens at once.
                    for (id, at) in world.run_clock(clock.get()).await {
                        let Some(row) = world.rows(&card).await.remove(&id) else { continue };
                        prop_assert!(row.is_current, "INV-10: {} at {}: {:?}", id, at, row);
                        kept.insert(id, (row.slot, row.form));
                    }
                    for (id, row) in world.rows(&card).await {
                        prop_assert_eq!(&row.form, &row.slot_form, "INV-11: {}", id);
                        if let Some((slot, form)) = kept.get(&id) {
                            prop_assert_eq!((slot, form), (&row.slot, &row.form), "INV-11: {} {:?}", id, row);
                            prop_assert!(row.state != State::Planned);
                        }
                    }
                    // INV-15: expanding what is there finds nothing to do.
                    let change = world.store.reexpand(&world.school, &world.timings, clock.get(), 30).await.unwrap();
                    prop_assert_eq!((change.planned, change.moved, change.removed), (0, 0, 0), "INV-15");
                }
                Ok(())
            })
        })
        .unwrap();
    assert!(opened_in_all.get() > 5, "the stories open rooms: {}", opened_in_all.get());
}

/// What the nightly horizon brings is checked like what is published: a date that stands against a rule is not planned, and
/// those who answer for the card learn of it; the dates beside it are.
#[tokio::test]
async fn the_horizon_plans_nothing_that_publishing_would_refuse() {
    let mut world = World::new().await;
    world.clear().await;
    let now = now_ms();
    let today = date_in(&world.school.zone(), now);
    // The demo's own cards have nothing to say here; the horizon has been carried on once.
    world.store.extend_horizon(&world.timings, now, 14).await.unwrap();
    let weekly = world.new_card(now).await;
    let mut slot = world.slot(today, time(15, 0, 0, 0), Form::Webinar);
    let span = crate::domain::calendar::Span { from: today, to: plus_days(today, 60) };
    slot.recurrence = Recurrence::Weekly { weekdays: vec![jiff::civil::Weekday::Thursday], parity: None, span };
    let asked = Publishing { horizon_days: 14, ..world.asked(now).await };
    assert!(world.publish_by(&weekly, vec![slot], asked).await, "two Thursdays are inside the horizon");
    // A single date beyond it takes the host's third Thursday.
    let once = world.new_card(now).await;
    let third = plus_days(today, 3 + 14);
    let single = world.slot(third, time(15, 10, 0, 0), Form::Webinar);
    let asked = Publishing { horizon_days: 14, ..world.asked(now).await };
    assert!(world.publish_by(&once, vec![single], asked).await);
    let later = now + 14 * 24 * HOUR;
    let planned = world.store.extend_horizon(&world.timings, later, 14).await.unwrap();
    let dates: Vec<(String,)> =
        sqlx::query_as("SELECT date FROM consultation WHERE card_id = $1 AND state = 'planned' ORDER BY date")
            .bind(weekly.as_str())
            .fetch_all(world.store.readers())
            .await
            .unwrap();
    let dates: Vec<Date> = dates.into_iter().map(|(date,)| date.parse().unwrap()).collect();
    let thursdays = [3, 10, 24].map(|days| plus_days(today, days));
    assert_eq!((planned, dates), (1, thursdays.into()), "all but the one that is taken");
    let (detail,): (String,) =
        sqlx::query_as("SELECT detail FROM audit_event WHERE action = 'card.dates_refused' AND object_id = $1")
            .bind(weekly.as_str())
            .fetch_one(world.store.readers())
            .await
            .unwrap();
    assert!(detail.contains("host_conflict") && detail.contains(&third.to_string()), "{detail}");
    let letters: Vec<(String,)> = sqlx::query_as("SELECT body FROM outbox WHERE body LIKE '%card_dates_refused%'")
        .fetch_all(world.store.readers())
        .await
        .unwrap();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(world.store.extend_horizon(&world.timings, later, 14).await.unwrap(), 0, "once");
}

impl World {
    /// Moves the sixth and the seventh period to these starts, 40 minutes each; a preview when `dry_run`.
    async fn bells(&self, starts: [Time; 2], dry_run: bool, now_ms: i64) -> CalendarChange {
        let school = self.store.school(&self.school.id).await.unwrap();
        let mut doc = self.store.calendar_doc(&school).await.unwrap();
        for (n, start) in (6..).zip(starts) {
            for bells in doc.bells.iter_mut().filter(|bells| Some(&bells.id) == doc.usual_bells.as_ref()) {
                let period = bells.periods.iter_mut().find(|period| period.n == n).unwrap();
                (period.starts, period.ends) = (start, start.wrapping_add(40.minutes()));
            }
        }
        let edit = CalendarEdit {
            version: school.calendar_version,
            school,
            doc,
            actor: self.actor(),
            dry_run,
            timings: self.timings.clone(),
            horizon_days: 14,
            now_ms,
        };
        match self.store.edit_calendar(edit).await {
            Ok(change) => change,
            Err(CalendarError::Tried(change)) => *change,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Planned dates of a card: the date, the start in the school and the remarks.
    async fn dates(&self, card: &CardId) -> Vec<(Date, Time, Option<String>)> {
        let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
            "SELECT date, start_at, warnings FROM consultation WHERE card_id = $1 AND state = 'planned' ORDER BY start_at",
        )
        .bind(card.as_str())
        .fetch_all(self.store.readers())
        .await
        .unwrap();
        let at = |ms| jiff::Timestamp::from_millisecond(ms).unwrap().to_zoned(self.school.zone()).time();
        rows.into_iter().map(|(date, start, remarks)| (date.parse().unwrap(), at(start), remarks)).collect()
    }

    async fn letters_of_refusals(&self) -> usize {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT body FROM outbox WHERE body LIKE '%card_dates_refused%'")
            .fetch_all(self.store.readers())
            .await
            .unwrap();
        rows.len()
    }
}

/// An edit of the calendar plans nothing that publishing would refuse: what stays counts first, places that become free stand in
/// nobody's way, what is refused is told of once and comes back when the way is free.
#[tokio::test]
async fn an_edited_calendar_plans_nothing_that_publishing_would_refuse() {
    let mut world = World::new().await;
    world.clear().await;
    let now = now_ms();
    let today = date_in(&world.school.zone(), now);
    let span = crate::domain::calendar::Span { from: today, to: plus_days(today, 13) };
    let (thursday, friday) = (jiff::civil::Weekday::Thursday, jiff::civil::Weekday::Friday);
    let mut cards = Vec::new();
    for (at, weekdays) in [
        (At::Period(6), vec![thursday]),
        (At::Period(7), vec![thursday, friday]),
        (At::Start(time(15, 0, 0, 0)), vec![thursday]),
    ] {
        let card = world.new_card(now).await;
        let mut slot = world.slot(today, time(15, 0, 0, 0), Form::Webinar);
        (slot.at, slot.recurrence) = (Some(at), Recurrence::Weekly { weekdays, parity: None, span });
        let asked = Publishing { horizon_days: 14, ..world.asked(now).await };
        assert!(world.publish_by(&card, vec![slot], asked).await);
        cards.push(card);
    }
    let [sixth, seventh, fixed] = cards.try_into().unwrap();
    let days = |days: &[i32]| days.iter().map(|day| plus_days(today, *day)).collect::<Vec<_>>();
    let (usual, late) = ([time(13, 25, 0, 0), time(14, 20, 0, 0)], [time(13, 55, 0, 0), time(14, 35, 0, 0)]);
    let starts = |dates: &[(Date, Time, Option<String>)]| dates.iter().map(|one| (one.0, one.1)).collect::<Vec<_>>();
    let before = [world.dates(&sixth).await, world.dates(&seventh).await, world.dates(&fixed).await];
    assert_eq!(starts(&before[1]), days(&[3, 4, 10, 11]).iter().map(|day| (*day, usual[1])).collect::<Vec<_>>());
    // From now on 20 minutes are remarked on; what stands keeps what it has.
    let job = world.store.write(|tx| {
        Box::pin(async move {
            sqlx::query("UPDATE norm SET mode = 'warn', per_lesson = 20").execute(tx.connection()).await?;
            Ok::<_, StoreError>(())
        })
    });
    job.await.unwrap();

    let tried = world.bells(late, true, now).await;
    let refused: Vec<_> = tried.refused.iter().map(|one| (one.at.from_ms.is_some(), one.codes.clone())).collect();
    let collides = vec![RefusalCode::HostConflict, RefusalCode::GroupConflict];
    assert!(refused.len() == 2 && refused.iter().all(|one| one.0 && one.1 == collides), "{refused:?}");
    assert_eq!((tried.moved.len(), tried.removed.len(), tried.planned.len()), (4, 0, 0));
    assert_eq!((world.dates(&seventh).await, world.letters_of_refusals().await), (before[1].clone(), 0), "a preview");

    let done = world.bells(late, false, now).await;
    assert_eq!((&done.refused, &done.moved), (&tried.refused, &tried.moved), "as the preview said");
    assert_eq!(
        starts(&world.dates(&sixth).await),
        days(&[3, 10]).iter().map(|day| (*day, late[0])).collect::<Vec<_>>()
    );
    let fridays = world.dates(&seventh).await;
    assert_eq!(starts(&fridays), days(&[4, 11]).iter().map(|day| (*day, late[1])).collect::<Vec<_>>());
    assert!(fridays.iter().all(|one| one.2.as_deref() == Some("[\"duration_over_cap\"]")), "{fridays:?}");
    assert_eq!(world.dates(&fixed).await, before[2], "what stays is not touched");
    assert_eq!(world.letters_of_refusals().await, 1);
    let (detail,): (String,) =
        sqlx::query_as("SELECT detail FROM audit_event WHERE action = 'card.dates_refused' AND object_id = $1")
            .bind(seventh.as_str())
            .fetch_one(world.store.readers())
            .await
            .unwrap();
    assert!(detail.contains("host_conflict") && detail.contains(&plus_days(today, 10).to_string()), "{detail}");

    // An edit that has nothing to do with them does not speak of them again.
    let later = world.bells([late[0].wrapping_sub(5.minutes()), late[1]], false, now).await;
    assert_eq!((later.refused.len(), later.moved.len(), world.letters_of_refusals().await), (0, 2, 1));
    // Put back, everything is where it was.
    let back = world.bells(usual, false, now).await;
    assert_eq!((back.refused.len(), back.planned.len()), (0, 2));
    assert_eq!(starts(&world.dates(&seventh).await), starts(&before[1]));
}
