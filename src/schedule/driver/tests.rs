#![allow(clippy::unwrap_used)]
//! The driver on a real store, with rooms that only take notes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::*;
use crate::domain::ids::PersonId;
use crate::store::consultation::Consultation;
use crate::store::{audit, demo};

const MIN: i64 = 60_000;

/// Rooms that note what they are told.
#[derive(Default)]
struct Notes {
    open: Mutex<HashMap<ConsultationId, Consultation>>,
    /// Every call, in order.
    log: Mutex<Vec<(String, ConsultationId)>>,
    shared_ms: Mutex<i64>,
    /// No room opens.
    broken: AtomicBool,
    /// When each room was open, by this clock.
    clock: Option<WallClock>,
    opened_ms: Mutex<HashMap<ConsultationId, i64>>,
    changed: Notify,
}

impl Notes {
    fn note(&self, what: &str, id: &ConsultationId) {
        self.log.lock().unwrap().push((what.to_owned(), id.clone()));
        self.changed.notify_waiters();
    }

    fn count(&self, what: &str, id: &ConsultationId) -> usize {
        self.log.lock().unwrap().iter().filter(|(one, of)| one == what && of == id).count()
    }

    /// Waits until it is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if is_so(self) {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_millis(100), changed).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
    }
}

impl RoomOpener for Notes {
    fn open_room(&self, consultation: Consultation) -> BoxFuture<'_, bool> {
        let id = consultation.id.clone();
        if self.broken.load(Ordering::Relaxed) {
            self.note("broken", &id);
            return std::future::ready(false).boxed();
        }
        self.open.lock().unwrap().insert(id.clone(), consultation);
        if let Some(clock) = &self.clock {
            self.opened_ms.lock().unwrap().insert(id.clone(), clock.now_ms());
        }
        self.note("open", &id);
        std::future::ready(true).boxed()
    }

    fn close_room(&self, id: ConsultationId, closing: Closing) -> BoxFuture<'_, ()> {
        self.open.lock().unwrap().remove(&id);
        self.note(&format!("close {closing:?}"), &id);
        std::future::ready(()).boxed()
    }

    fn state_changed(&self, id: ConsultationId, state: State) -> BoxFuture<'_, ()> {
        self.note(state.as_str(), &id);
        std::future::ready(()).boxed()
    }

    fn warn(&self, id: ConsultationId, _ends_in_ms: i64) -> BoxFuture<'_, ()> {
        self.note("warn", &id);
        std::future::ready(()).boxed()
    }

    fn open_rooms(&self) -> Vec<ConsultationId> {
        self.open.lock().unwrap().keys().cloned().collect()
    }

    fn shared_ms(&self, _id: ConsultationId, _now_ms: i64) -> BoxFuture<'_, i64> {
        std::future::ready(*self.shared_ms.lock().unwrap()).boxed()
    }
}

struct Hub {
    store: Store,
    rooms: Arc<Notes>,
    handle: ScheduleHandle,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Hub {
    fn start(store: &Store, clock: &WallClock) -> Self {
        let rooms = Arc::new(Notes { clock: Some(clock.clone()), ..Notes::default() });
        let (handle, orders) = channel();
        let scheduler = Scheduler {
            store: store.clone(),
            rooms: rooms.clone(),
            clock: clock.clone(),
            timing: Timing::default(),
            horizon_days: 30,
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(scheduler.run(orders, stopped));
        Self { store: store.clone(), rooms, handle, stop, task }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }

    /// The one lesson of the demo that opens later; it is the only one that the clock has not reached.
    async fn later(&self) -> Consultation {
        let due = self.store.next_due_ms().await.unwrap().unwrap();
        let all = self.all().await;
        all.into_iter().find(|one| one.opens_ms == due).unwrap()
    }

    async fn all(&self) -> Vec<Consultation> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT id FROM consultation").fetch_all(self.store.readers()).await.unwrap();
        let ids: Vec<_> = rows.into_iter().map(|(id,)| ConsultationId::new(id)).collect();
        self.store.consultations(&ids).await.unwrap()
    }

    async fn state(&self, id: &ConsultationId) -> (State, Option<NotHeldReason>) {
        let one = self.store.consultation(id).await.unwrap();
        (one.state, one.not_held)
    }
}

/// A demo school whose four lessons are due now; the clock is the machine's, moved by the test.
async fn school() -> (Store, WallClock, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::fresh(folder.path()).await;
    let clock = WallClock::system(0);
    demo::start(&store, Timing::default(), 30, clock.now_ms()).await.unwrap();
    // Hosts are waited for as everywhere.
    let plain: fn(&mut crate::store::Tx) -> BoxFuture<'_, Result<(), StoreError>> = |tx| {
        Box::pin(async move {
            sqlx::query("UPDATE school SET policy = '{}'").execute(tx.connection()).await?;
            sqlx::query("DELETE FROM appointment").execute(tx.connection()).await?;
            sqlx::query(
                "UPDATE consultation SET state = 'cancelled', due_at = NULL
                 WHERE card_id IN (SELECT id FROM lesson_card WHERE external_key NOT LIKE 'ДЕМО-%')",
            )
            .execute(tx.connection())
            .await?;
            Ok(())
        })
    };
    store.write(plain).await.unwrap();
    (store, clock, folder)
}

#[tokio::test]
async fn a_lesson_opens_goes_live_and_is_held() {
    let (store, clock, _folder) = school().await;
    let hub = Hub::start(&store, &clock);
    hub.rooms.until("four rooms", |rooms| rooms.open.lock().unwrap().len() == 4).await;
    let later = hub.later().await;
    clock.advance_ms(later.opens_ms - clock.now_ms());
    hub.rooms.until("it opens", |rooms| rooms.count("open", &later.id) == 1).await;
    let host = PersonId::new(later.host.id.as_str());
    hub.handle.host_arrived(later.id.clone(), host.clone(), later.start_ms + 6 * MIN).await;
    hub.rooms.until("it is live", |rooms| rooms.count("live", &later.id) == 1).await;
    assert_eq!(store.consultation(&later.id).await.unwrap().host_delay_s, Some(360));
    *hub.rooms.shared_ms.lock().unwrap() = 20 * MIN;
    hub.handle.ended_by_host(later.id.clone(), host, later.start_ms + 40 * MIN).await;
    hub.rooms.until("it closes", |rooms| rooms.count("close ByHost", &later.id) == 1).await;
    assert_eq!(hub.state(&later.id).await, (State::Held, None));
    assert!(audit::verify(&store).await.unwrap().is_intact());
    hub.stop().await;
}

#[tokio::test]
async fn without_a_host_it_is_not_held_and_a_cancelled_one_closes() {
    let (store, clock, _folder) = school().await;
    let hub = Hub::start(&store, &clock);
    hub.rooms.until("four rooms", |rooms| rooms.open.lock().unwrap().len() == 4).await;
    let open: Vec<_> = hub.rooms.open.lock().unwrap().values().cloned().collect();
    let actor = Actor { person: open[0].host.id.clone(), role: None };
    let timings = Timings::new(Timing::default());
    let later = hub.later().await;
    let now_ms = clock.now_ms();
    store.cancel_consultation(open[0].id.clone(), "болезнь".into(), actor, timings, now_ms).await.unwrap();
    hub.handle.poke();
    hub.rooms.until("the cancelled one closes", |rooms| rooms.count("close Cancelled", &open[0].id) == 1).await;
    // On time, so that nobody but the host can be the reason.
    clock.advance_ms(later.opens_ms - clock.now_ms());
    hub.rooms.until("it opens", |rooms| rooms.count("open", &later.id) == 1).await;
    clock.advance_ms(25 * MIN);
    hub.rooms.until("nobody came", |rooms| rooms.count("close NotHeld", &later.id) == 1).await;
    assert_eq!(hub.state(&later.id).await, (State::NotHeld, Some(NotHeldReason::NoHost)));
    hub.stop().await;
}

#[tokio::test]
async fn a_restart_takes_open_rooms_up_again_and_blames_nobody() {
    let (store, clock, _folder) = school().await;
    let hub = Hub::start(&store, &clock);
    hub.rooms.until("four rooms", |rooms| rooms.open.lock().unwrap().len() == 4).await;
    let ids: Vec<_> = hub.rooms.open.lock().unwrap().keys().cloned().collect();
    let later = hub.later().await;
    hub.stop().await;
    // Down for an hour: the later lesson should have opened meanwhile.
    clock.advance_ms(60 * MIN);
    let hub = Hub::start(&store, &clock);
    hub.rooms.until("five rooms", |rooms| rooms.open.lock().unwrap().len() == 5).await;
    for id in ids.iter().chain([&later.id]) {
        assert_eq!((hub.rooms.count("open", id), hub.state(id).await), (1, (State::Open, None)));
        let (openings,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM audit_event WHERE action = 'consultation.open' AND object_id = $1")
                .bind(id.as_str())
                .fetch_one(store.readers())
                .await
                .unwrap();
        assert_eq!(openings, 1);
    }
    hub.stop().await;
    // Down until everything was over.
    clock.advance_ms(5 * 60 * MIN);
    let hub = Hub::start(&store, &clock);
    let over = async {
        for id in ids.iter().chain([&later.id]) {
            while !hub.state(id).await.0.is_final() {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), over).await.unwrap();
    assert_eq!(hub.state(&later.id).await, (State::NotHeld, Some(NotHeldReason::Technical)));
    hub.stop().await;
}

#[tokio::test]
async fn a_room_that_does_not_open_is_tried_again_soon() {
    let (store, clock, _folder) = school().await;
    let hub = Hub::start(&store, &clock);
    hub.rooms.until("four rooms", |rooms| rooms.open.lock().unwrap().len() == 4).await;
    let later = hub.later().await;
    hub.rooms.broken.store(true, Ordering::Relaxed);
    clock.advance_ms(later.opens_ms - clock.now_ms());
    // More looks than the regular ones would give in that time.
    hub.rooms.until("three failures", |rooms| rooms.count("broken", &later.id) >= 3).await;
    hub.rooms.broken.store(false, Ordering::Relaxed);
    hub.rooms.until("it opens", |rooms| rooms.count("open", &later.id) == 1).await;
    assert!(clock.now_ms() - later.opens_ms < LOOK_MS);
    hub.stop().await;
}

#[test]
fn people_are_told_the_true_reason() {
    assert_eq!(closing(State::NotHeld, Some(NotHeldReason::NoAudience)), Closing::ByClock);
    assert_eq!(closing(State::NotHeld, Some(NotHeldReason::NoHost)), Closing::NotHeld);
    assert_eq!(closing(State::NotHeld, Some(NotHeldReason::Technical)), Closing::Technical);
    assert_eq!(closing(State::Held, None), Closing::ByClock);
}

/// Opening is within a second of the planned instant with 10,000 consultations in the store, many of them at once.
#[tokio::test]
async fn ten_thousand_lessons_open_on_time() {
    let (store, clock, _folder) = school().await;
    let pattern = Hub::start(&store, &clock);
    let template = pattern.later().await;
    pattern.stop().await;
    let soon = clock.now_ms() + 2000;
    store
        .write(move |tx| {
            Box::pin(async move {
                for n in 0..10_000_i64 {
                    // 200 at one instant, 40 more within a second, the others on later days.
                    let opens = match n {
                        0..200 => soon,
                        200..240 => soon + (n - 200) * 25,
                        _ => soon + n * 3_600_000,
                    };
                    sqlx::query(
                        "INSERT INTO consultation (id, school_id, card_id, slot_id, slot_key, date, start_at, end_at, opens_at,
                         closes_at, form, group_id, host_id, state, sequence, due_at, updated_at)
                         SELECT $1, school_id, card_id, slot_id, slot_key, date, $2, $3, $4, $5, form, group_id, host_id,
                         'planned', 0, $6, updated_at FROM consultation WHERE id = $7",
                    )
                    .bind(format!("load-{n:05}"))
                    .bind(opens + 10 * MIN)
                    .bind(opens + 40 * MIN)
                    .bind(opens)
                    .bind(opens + 50 * MIN)
                    .bind(opens)
                    .bind(template.id.as_str())
                    .execute(tx.connection())
                    .await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
    // The writing took its time: the instants are put two seconds ahead of the clock again.
    clock.advance_ms(soon - 2000 - clock.now_ms());
    let hub = Hub::start(&store, &clock);
    hub.rooms
        .until("240 open", |rooms| {
            rooms.open.lock().unwrap().keys().filter(|id| id.as_str().starts_with("load-")).count() == 240
        })
        .await;
    // When the room itself was there, not when the row says so.
    let opened = hub.rooms.opened_ms.lock().unwrap().clone();
    let planned: HashMap<ConsultationId, i64> =
        hub.rooms.open.lock().unwrap().iter().map(|(id, lesson)| (id.clone(), lesson.opens_ms)).collect();
    let late: Vec<i64> = opened
        .iter()
        .filter(|(id, _)| id.as_str().starts_with("load-"))
        .map(|(id, opened_ms)| opened_ms - planned[id])
        .collect();
    assert_eq!(late.len(), 240);
    let worst = late.iter().max().unwrap();
    assert!(late.iter().all(|late| (0..1000).contains(late)), "opened {worst} ms after the planned instant");
    hub.stop().await;
}
