//! People come, go, reload, restart ICE, look elsewhere and switch their cameras off, in random order, against the real
//! program: after every step each slot of everybody shows whom it should (a mark in every packet tells), its memory stays
//! flat, when the hub is killed and started again everybody is back, and when all have gone nothing is left of them (WS-15,
//! WS-16, MD-22).
//!
//! Twenty seconds in an ordinary run; `make soak` asks for `KAFEDRA_SOAK_MINUTES`.

mod person;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::client::until_async;
use crate::hub::{Client, OTHER_TEACHER, PASSWORD};
use crate::lessons;
use crate::program::{Program, free_port};
use person::{Order, Ordered, View, live};

const STUDENTS: [&str; 6] = ["S-9B-01", "S-9B-02", "S-9B-03", "S-9B-04", "S-9B-05", "S-9B-06"];
const ORDINARY: Duration = Duration::from_secs(20);
/// What the allocator may take more at its worst moment of the last third than of the second.
const SLACK_KIB: u64 = 6 << 10;
/// Growth of a long run, by the line through what was measured after the first third: 1 MB an hour (MD-22) beside what the
/// database grows meanwhile, whose pages SQLite keeps (2 MB at most for each connection).
const SLOPE_KIB_PER_HOUR: f64 = 1024.0;
/// From this length on the slope says something: before it, one arena of the allocator is a slope.
const LONG: Duration = Duration::from_secs(25 * 60);
/// Looks in a row at which everything has to be right, and between which packets have to come.
const LOOKS: usize = 2;

struct Person {
    mark: u8,
    view: Arc<Mutex<View>>,
    orders: mpsc::Sender<Ordered>,
    task: JoinHandle<()>,
}

/// How many packets have come, by who looks and by SSRC.
type Counts = BTreeMap<(u8, u32), u64>;

/// Kibibytes an hour by the line that fits best.
fn slope(points: &[(f64, u64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), (at, kib)| (x + at / count, y + *kib as f64 / count));
    let (up, down) = points
        .iter()
        .fold((0.0, 0.0), |(up, down), (at, kib)| (up + (at - x) * (*kib as f64 - y), down + (at - x) * (at - x)));
    if down == 0.0 { 0.0 } else { up / down * 3_600.0 }
}

struct Soak {
    program: Program,
    room: String,
    clients: BTreeMap<u8, Client>,
    people: BTreeMap<u8, Person>,
}

impl Soak {
    async fn start(folder: &std::path::Path) -> Self {
        let program = Program::start(folder, free_port()).await;
        let mut clients = BTreeMap::new();
        for (code, mark) in std::iter::once(OTHER_TEACHER).chain(STUDENTS).zip(1_u8..) {
            let client = program.client(None);
            let answer = client.post("/api/v1/session", &json!({ "login": code, "password": PASSWORD })).await;
            assert!(answer.status.is_success(), "{}", answer.body);
            clients.insert(mark, client);
        }
        let room = lessons::open(&clients[&1], "video_conference").await["id"].as_str().unwrap().to_owned();
        Self { program, room, clients, people: BTreeMap::new() }
    }

    fn come(&mut self, mark: u8) {
        let view = Arc::new(Mutex::new(View::default()));
        let (orders, inbox) = mpsc::channel(8);
        let task =
            tokio::task::spawn_local(live(self.clients[&mark].clone(), self.room.clone(), mark, view.clone(), inbox));
        self.people.insert(mark, Person { mark, view, orders, task });
    }

    /// Gives an order and waits until it is done.
    async fn order(&self, mark: u8, order: Order) {
        let (done, is_done) = oneshot::channel();
        let _ = self.people[&mark].orders.send((order, done)).await;
        let patience = Duration::from_secs(40);
        let is_done = tokio::time::timeout(patience, is_done).await.unwrap_or_else(|_| panic!("{mark} is stuck"));
        is_done.unwrap_or_else(|_| panic!("{mark} fell out"));
    }

    async fn go(&mut self, mark: u8) {
        self.order(mark, Order::Leave).await;
        self.people.remove(&mark).unwrap().task.await.unwrap();
    }

    /// `kill -9`, and the same again on the same data.
    async fn restart(&mut self, folder: &std::path::Path) {
        for person in self.people.values() {
            person.view.lock().unwrap().is_hub_away = true;
        }
        let port = self.program.address().port();
        self.program.stop();
        self.program = Program::start(folder, port).await;
        for mark in self.people.keys() {
            self.order(*mark, Order::Rejoin).await;
            self.people[mark].view.lock().unwrap().is_hub_away = false;
        }
    }

    fn counts(&self) -> Counts {
        let of_person = |person: &Person| {
            let view = person.view.lock().unwrap();
            view.ssrcs.values().map(|ssrc| ((person.mark, *ssrc), view.seen.stream(*ssrc).1)).collect::<Vec<_>>()
        };
        self.people.values().flat_map(of_person).collect()
    }

    /// Whether everybody has every camera that is on in a slot, and packets of its owner have arrived there since `before`.
    /// `Err`: who not.
    fn is_right(&self, off: &[u8], before: &Counts) -> Result<(), String> {
        let owners: BTreeMap<String, u8> =
            self.people.values().map(|person| (person.view.lock().unwrap().peer.clone(), person.mark)).collect();
        for person in self.people.values() {
            assert!(!person.task.is_finished(), "{} fell out", person.mark);
        }
        for person in self.people.values() {
            let view = person.view.lock().unwrap();
            if view.ssrcs.is_empty() {
                return Err(format!("{} is not connected", person.mark));
            }
            let cameras = view.cameras();
            let wanted = self.people.len() - 1 - off.iter().filter(|mark| **mark != person.mark).count();
            if cameras.len() != wanted {
                return Err(format!("{} knows {} cameras of {wanted}", person.mark, cameras.len()));
            }
            for (source, owner) in cameras {
                let Some((mid, _)) = view.slots.iter().find(|(_, carried)| **carried == source) else {
                    return Err(format!("{} has {source} in no slot", person.mark));
                };
                let Some(owner) = owners.get(&owner) else { return Err("a camera of nobody".into()) };
                let ssrc = view.ssrcs[mid];
                let (mark, count) = view.seen.stream(ssrc);
                let came = count.saturating_sub(before.get(&(person.mark, ssrc)).copied().unwrap_or(count));
                if mark != *owner || came == 0 {
                    return Err(format!("{} sees {mark} in the slot of {owner}, {came} packets", person.mark));
                }
            }
            // Where nothing is to be seen nothing comes, and no slot keeps a camera that is off or gone.
            let shown: Vec<&String> =
                view.slots.iter().filter(|(_, source)| view.is_on(source)).map(|(mid, _)| mid).collect();
            for (mid, ssrc) in view.ssrcs.iter().filter(|(mid, _)| !shown.contains(mid)) {
                let (mark, count) = view.seen.stream(*ssrc);
                if count > before.get(&(person.mark, *ssrc)).copied().unwrap_or_default() {
                    return Err(format!("{} sees {mark} where nothing should be ({mid})", person.mark));
                }
            }
            if let Some(gone) = view.slots.values().find(|source| !view.knows(source)) {
                return Err(format!("{} has a slot of {gone}, who is gone", person.mark));
            }
        }
        Ok(())
    }

    /// Waits until everything is right; gives how long that took.
    async fn settle(&self, off: &[u8]) -> Duration {
        let (started, mut right) = (Instant::now(), 0);
        loop {
            let before = self.counts();
            tokio::time::sleep(Duration::from_millis(150)).await;
            match self.is_right(off, &before) {
                Ok(()) => right += 1,
                Err(why) => {
                    right = 0;
                    assert!(started.elapsed() < Duration::from_secs(25), "stuck: {why}");
                }
            }
            if right == LOOKS {
                return started.elapsed();
            }
        }
    }

    /// Pages of the database, KiB.
    async fn database_kib(&self, folder: &std::path::Path) -> u64 {
        let options = SqliteConnectOptions::new().filename(folder.join("kafedra.db")).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut connection).await.unwrap();
        let size: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        (pages * size / 1024) as u64
    }

    async fn figure(&self, name: &str) -> u64 {
        let text = self.clients[&1].get("/metrics").await.body.as_str().unwrap().to_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")).map(str::to_owned));
        line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_come_and_go_and_every_slot_shows_whom_it_should() {
    tokio::task::LocalSet::new().run_until(soak()).await;
}

async fn soak() {
    let minutes = std::env::var("KAFEDRA_SOAK_MINUTES").ok().map(|text| text.parse::<f64>().unwrap());
    let time = minutes.map_or(ORDINARY, |minutes| Duration::from_secs_f64(minutes * 60.0));
    let mut random = StdRng::seed_from_u64(7);
    let mut pick = |count: usize| random.random_range(0..count);
    let folder = tempfile::tempdir().unwrap();
    let mut soak = Soak::start(folder.path()).await;
    for mark in 1..=4 {
        soak.come(mark);
    }
    let mut off: Vec<u8> = Vec::new();
    soak.settle(&off).await;
    let (started, mut steps, mut memory) = (Instant::now(), BTreeMap::new(), Vec::new());
    // When memory is looked at, and how large the database is then.
    let mut database = Vec::new();
    let mut slowest = (Duration::ZERO, "");
    while started.elapsed() < time {
        let present: Vec<u8> = soak.people.keys().copied().collect();
        let somebody = present[pick(present.len())];
        let absent: Vec<u8> = (2..=STUDENTS.len() as u8 + 1).filter(|mark| !present.contains(mark)).collect();
        let (name, order) = match pick(6) {
            0 if !absent.is_empty() => {
                soak.come(absent[pick(absent.len())]);
                ("come", None)
            }
            1 if somebody != 1 && present.len() > 2 => {
                soak.go(somebody).await;
                off.retain(|mark| *mark != somebody);
                ("go", None)
            }
            2 => {
                // Who comes back comes with a camera.
                off.retain(|mark| *mark != somebody);
                ("reload", Some(Order::Reload))
            }
            3 => {
                let is_off = off.contains(&somebody);
                if is_off {
                    off.retain(|mark| *mark != somebody)
                } else {
                    off.push(somebody)
                }
                ("camera", Some(Order::Camera(is_off)))
            }
            4 => ("restart", Some(Order::Restart)),
            _ => ("turn", Some(Order::Turn)),
        };
        *steps.entry(name).or_insert(0) += 1;
        if let Some(order) = order {
            soak.order(somebody, order).await;
        }
        slowest = slowest.max((soak.settle(&off).await, name));
        let at = started.elapsed().as_secs_f64();
        memory.push((at, soak.program.rss_kib()));
        if database.last().is_none_or(|(last, _)| at >= last + 10.0) {
            database.push((at, soak.database_kib(folder.path()).await));
        }
    }
    let worst = |part: &[(f64, u64)]| part.iter().map(|(_, kib)| *kib).max().unwrap_or(0);
    // The first third is for warming up.
    let (warm, half) = (memory.len() / 3, memory.len() * 2 / 3);
    let (early, late) = (worst(&memory[warm..half]), worst(&memory[half..]));
    let (slope, pages) = (slope(&memory[warm..]), slope(&database[database.len() / 3..]));
    println!(
        "soak: {:?}, steps {steps:?}, slowest {slowest:?}, RSS {} KiB at first, at most {early} then {late}, \
         {slope:.0} KiB/h, the database {pages:.0} KiB/h",
        started.elapsed(),
        memory[0].1
    );
    if std::env::var_os("KAFEDRA_SOAK_MINUTES").is_some() {
        for part in memory.chunks(memory.len().div_ceil(30)) {
            println!("  {:5.0} s: {} KiB", part[0].0, worst(part));
        }
    }
    assert!(late <= early + SLACK_KIB, "memory grows: {memory:?}");
    assert!(started.elapsed() < LONG || slope < SLOPE_KIB_PER_HOUR + pages, "memory grows: {slope} KiB/h");

    soak.restart(folder.path()).await;
    let back = soak.settle(&[]).await;
    println!("soak: after kill -9 and a start everybody is back, {back:?} after the last has come");

    for mark in soak.people.keys().copied().collect::<Vec<_>>() {
        soak.go(mark).await;
    }
    let metrics = soak.clients[&1].get("/metrics").await.body.as_str().unwrap().to_owned();
    assert!(!metrics.contains("kafedra_panics_total{"), "something fell: {metrics}");
    for name in ["kafedra_media_transports", "kafedra_media_sources", "kafedra_people_online"] {
        until_async(&format!("{name} is 0"), async || soak.figure(name).await == 0).await;
    }
}
