//! The scheduler's look at a timetable with 10,000, 100,000 and 1,000,000 future consultations: with nothing to do, and with
//! eight rooms to open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, ready};
use kafedra::clock::WallClock;
use kafedra::domain::consultation::{Closing, State, Timing};
use kafedra::domain::ids::ConsultationId;
use kafedra::schedule::RoomOpener;
use kafedra::schedule::driver::{Reconciler, Scheduler};
use kafedra::store::consultation::Consultation;
use sqlx::Connection as _;

use crate::made::{self, Made, Size};
use crate::memory;

const SIZE: Size = Size { students: 44, teachers: 10, guardians: 0, classes: 44 };
/// Rooms that open at once.
const AT_ONCE: i64 = 8;
const MINUTE_MS: i64 = 60_000;

/// Rooms that open at once and hold nobody.
#[derive(Default)]
struct Rooms(std::sync::Mutex<Vec<ConsultationId>>);

impl RoomOpener for Rooms {
    fn open_room(&self, consultation: Consultation) -> BoxFuture<'_, bool> {
        self.0.lock().unwrap().push(consultation.id);
        Box::pin(ready(true))
    }
    fn close_room(&self, id: ConsultationId, _: Closing) -> BoxFuture<'_, ()> {
        self.0.lock().unwrap().retain(|open| *open != id);
        Box::pin(ready(()))
    }
    fn state_changed(&self, _: ConsultationId, _: State) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
    fn warn(&self, _: ConsultationId, _: i64) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
    fn open_rooms(&self) -> Vec<ConsultationId> {
        self.0.lock().unwrap().clone()
    }
    fn shared_ms(&self, _: ConsultationId, _: i64) -> BoxFuture<'_, i64> {
        Box::pin(ready(0))
    }
}

pub async fn run() {
    println!(
        "\n| future consultations | look with nothing to do (median, worst of 200) | look that opens 8 rooms (median of 20) | memory of 200 looks, of the process |\n|---|---|---|---|"
    );
    for rows in [10_000, 100_000, 1_000_000] {
        let made = Made::new(SIZE).await;
        made.import(&SIZE.weekly_cards(1), 14).await;
        fill(&made, rows).await;
        let clock = WallClock::system(made::clock_offset_s() * 1_000);
        let rooms = Arc::new(Rooms::default());
        let scheduler = Scheduler {
            store: made.store.clone(),
            rooms: rooms.clone(),
            clock: clock.clone(),
            timing: Timing::default(),
            horizon_days: 0,
        };
        let mut reconciler = Reconciler::new(scheduler);
        reconciler.look_now().await;
        let before = memory::resident_kib();
        let mut idle = Vec::new();
        for _ in 0..200 {
            let began = Instant::now();
            reconciler.look_now().await;
            idle.push(began.elapsed());
        }
        let grown = memory::resident_kib().saturating_sub(before);
        let mut opening = Vec::new();
        for round in 0..20 {
            // Eight of them open ten minutes before their start, a day apart from the next eight.
            clock.advance_ms(if round == 0 { FIRST_MS - 10 * MINUTE_MS } else { 24 * 60 * MINUTE_MS });
            let began = Instant::now();
            reconciler.look_now().await;
            opening.push(began.elapsed());
            assert!(rooms.open_rooms().len() >= AT_ONCE as usize, "the rooms of round {round} are open");
        }
        idle.sort();
        opening.sort();
        println!(
            "| {rows} | {}, {} | {} | {grown} KiB, {} MiB |",
            shown(idle[idle.len() / 2]),
            shown(idle[idle.len() - 1]),
            shown(opening[opening.len() / 2]),
            memory::resident_kib() / 1_024
        );
    }
}

/// The first of them begin so long after [`made::NOW`].
const FIRST_MS: i64 = 24 * 3_600_000;

/// Copies one consultation to `rows` later dates, eight at each time of a day, one time a day: by hand, since no school has so
/// many.
async fn fill(made: &Made, rows: i64) {
    const COLUMNS: &str =
        "school_id, card_id, slot_id, slot_key, date, form, group_id, host_id, state, sequence, updated_at";
    let file = made.folder.path().join("kafedra.db");
    let mut connection = sqlx::AnyConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let sql = format!(
        "WITH RECURSIVE n (i, start_at) AS (SELECT 0, $1 UNION ALL SELECT i + 1, $2 + (i + 1) / $3 * 86400000 FROM n WHERE i + 1 < $4)
         INSERT INTO consultation (id, start_at, end_at, opens_at, closes_at, due_at, {COLUMNS})
         SELECT 'made-' || i, n.start_at, n.start_at + 1800000, n.start_at - 600000, n.start_at + 2400000, n.start_at - 600000,
         {COLUMNS} FROM n, (SELECT {COLUMNS} FROM consultation LIMIT 1)"
    );
    let first = made::now_ms() + FIRST_MS;
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(first).bind(first).bind(AT_ONCE).bind(rows);
    query.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn shown(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}
