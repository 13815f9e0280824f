//! People come, go, reload, look elsewhere and switch their cameras off, in random order, against the real program: after
//! every step each slot of everybody shows whom it should (a mark in every packet tells), its memory stays flat, and when
//! all have gone nothing is left of them (WS-15, WS-16, MD-22).
//!
//! Twenty seconds in an ordinary run; `make soak` asks for `KAFEDRA_SOAK_MINUTES`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::{Client as Media, Seen, until_async};
use crate::hub::{Client, OTHER_TEACHER, PASSWORD};
use crate::lessons;
use crate::program::{Program, free_port};
use crate::sockets::Wire;

const STUDENTS: [&str; 6] = ["S-9B-01", "S-9B-02", "S-9B-03", "S-9B-04", "S-9B-05", "S-9B-06"];
const ORDINARY: Duration = Duration::from_secs(20);
/// What the allocator may take more at its worst moment of the second half than of the first.
const SLACK_KIB: u64 = 6 << 10;

/// What the hub has told a person, and what arrives.
#[derive(Default)]
struct View {
    peer: String,
    resume: String,
    sources: Vec<Value>,
    /// m-line to source.
    slots: BTreeMap<String, String>,
    ssrcs: BTreeMap<String, u32>,
    seen: Arc<Seen>,
    /// How far the assignment of cameras to slots is turned.
    turn: usize,
}

enum Order {
    Turn,
    Camera(bool),
    /// Without a word, and back on the same seat over another socket and another peer connection.
    Reload,
    Leave,
}

struct Person {
    mark: u8,
    view: Arc<Mutex<View>>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

/// The SSRC of each slot, from the answer.
fn ssrcs(answer: &str) -> BTreeMap<String, u32> {
    let sections = answer.split("\r\nm=").skip(1).filter(|section| section.starts_with("video"));
    let line = |section: &str, name: &str| {
        section
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.split(' ').next().unwrap().to_owned())
    };
    sections
        .filter_map(|section| Some((line(section, "a=mid:")?, line(section, "a=ssrc:")?.parse().unwrap())))
        .collect()
}

/// Makes a peer connection on this seat.
async fn negotiate(wire: &mut Wire, view: &Mutex<View>) -> Media {
    let media = Media::participant(STUDENTS.len()).await;
    let sends = json!([{ "mid": "0", "kind": "camera" }, { "mid": "1", "kind": "microphone" }]);
    wire.say(json!({ "type": "offer", "id": 1, "sdp": media.offer().await, "sends": sends })).await;
    let answer = loop {
        let message = wire.next().await.unwrap();
        take(view, &message);
        assert_ne!(message["type"], "error", "{message}");
        if message["type"] == "answer" {
            break message["sdp"].as_str().unwrap().to_owned();
        }
    };
    {
        let mut view = view.lock().unwrap();
        (view.ssrcs, view.seen) = (ssrcs(&answer), media.seen.clone());
        view.slots.clear();
    }
    media.answer(answer).await;
    media.connected().await;
    for kind in ["camera", "microphone"] {
        wire.say(json!({ "type": "mute", "kind": kind, "muted": false })).await;
    }
    media
}

/// Notes what the hub says. Whether other cameras are there now.
fn take(view: &Mutex<View>, message: &Value) -> bool {
    let mut view = view.lock().unwrap();
    match message["type"].as_str().unwrap() {
        "joined" => {
            view.peer = message["peer"].as_str().unwrap().to_owned();
            view.resume = message["resume"].as_str().unwrap().to_owned();
            view.sources = message["sources"].as_array().unwrap().clone();
        }
        "sources" => {
            view.sources = message["sources"].as_array().unwrap().clone();
            return true;
        }
        "slot_map" => {
            view.slots = message["slots"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|slot| Some((slot["mid"].as_str()?.to_owned(), slot["source"].as_str()?.to_owned())))
                .collect();
        }
        _ => {}
    }
    false
}

impl View {
    /// Cameras of the others that are on: source and owner.
    fn cameras(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.sources
            .iter()
            .filter(|source| source["kind"] == "camera" && source["muted"] == false && source["peer"] != *self.peer)
            .map(|source| (text(&source["source"]), text(&source["peer"])))
            .collect()
    }

    /// One camera for each slot, in an order of its own.
    fn wish(&self) -> Value {
        let cameras = self.cameras();
        let slots: Vec<Value> = self
            .ssrcs
            .keys()
            .enumerate()
            .map(|(place, mid)| {
                let camera = cameras.get((place + self.turn) % self.ssrcs.len()).map(|(source, _)| source);
                match camera {
                    Some(source) => json!({ "mid": mid, "source": source, "max_height": 360 }),
                    None => json!({ "mid": mid, "max_height": 0 }),
                }
            })
            .collect();
        json!({ "type": "slots", "slots": slots })
    }
}

/// Takes part until told to leave.
async fn live(client: Client, room: String, mark: u8, view: Arc<Mutex<View>>, mut orders: mpsc::Receiver<Order>) {
    let mut wire = lessons::connect(&client).await;
    let mut joined = lessons::join(&mut wire, &room).await;
    if joined["type"] == "waiting" {
        // The host is not there yet.
        joined = wire.hears("joined").await;
    }
    assert_eq!(joined["type"], "joined", "{joined}");
    take(&view, &joined);
    let mut media = negotiate(&mut wire, &view).await;
    let wish = view.lock().unwrap().wish();
    wire.say(wish).await;
    let mut tick = tokio::time::interval(Duration::from_millis(60));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let mut has_changed = false;
        tokio::select! {
            message = wire.next() => {
                let message = message.unwrap_or_else(|code| panic!("{mark}: closed with {code:?}"));
                assert_ne!(message["type"], "error", "{mark}: {message}");
                has_changed = take(&view, &message);
            }
            _ = tick.tick() => media.send(mark).await,
            order = orders.recv() => match order {
                Some(Order::Turn) => {
                    view.lock().unwrap().turn += 1;
                    has_changed = true;
                }
                Some(Order::Camera(is_on)) => {
                    wire.say(json!({ "type": "mute", "kind": "camera", "muted": !is_on })).await;
                }
                Some(Order::Reload) => {
                    drop(wire);
                    media.peer.close().await.unwrap();
                    wire = lessons::connect(&client).await;
                    let token = view.lock().unwrap().resume.clone();
                    wire.say(json!({ "type": "resume", "room": room, "token": token, "chat_seq": 0 })).await;
                    let joined = wire.hears("joined").await;
                    assert_eq!(joined["resumed"], true);
                    take(&view, &joined);
                    media = negotiate(&mut wire, &view).await;
                    has_changed = true;
                }
                Some(Order::Leave) | None => {
                    wire.say(json!({ "type": "leave" })).await;
                    wire.hears("closed").await;
                    media.peer.close().await.unwrap();
                    return;
                }
            },
        }
        if has_changed {
            let wish = view.lock().unwrap().wish();
            wire.say(wish).await;
        }
    }
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

    async fn go(&mut self, mark: u8) {
        let person = self.people.remove(&mark).unwrap();
        person.orders.send(Order::Leave).await.unwrap();
        person.task.await.unwrap();
    }

    /// Whether everybody has every camera that is on in a slot, and packets of its owner arrive there. `Err`: who not.
    fn is_right(&self, off: &[u8], before: &mut BTreeMap<(u8, u32), u64>) -> Result<(), String> {
        let owners: BTreeMap<String, u8> =
            self.people.values().map(|person| (person.view.lock().unwrap().peer.clone(), person.mark)).collect();
        for person in self.people.values() {
            assert!(!person.task.is_finished(), "{} fell out", person.mark);
            let view = person.view.lock().unwrap();
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
                let was = before.insert((person.mark, ssrc), count).unwrap_or(count);
                if mark != *owner || count == was {
                    return Err(format!("{} sees {mark} in the slot of {owner}, {count} packets", person.mark));
                }
            }
        }
        Ok(())
    }

    async fn settle(&self, off: &[u8]) {
        let (mut before, started) = (BTreeMap::new(), Instant::now());
        loop {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let Err(why) = self.is_right(off, &mut before) else { return };
            assert!(started.elapsed() < Duration::from_secs(25), "stuck: {why}");
        }
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
    soak.come(1);
    for mark in 2..=4 {
        soak.come(mark);
    }
    let mut off: Vec<u8> = Vec::new();
    soak.settle(&off).await;
    let (started, mut steps, mut memory) = (Instant::now(), BTreeMap::new(), Vec::new());
    while started.elapsed() < time {
        let present: Vec<u8> = soak.people.keys().copied().collect();
        let somebody = present[pick(present.len())];
        let absent: Vec<u8> = (2..=STUDENTS.len() as u8 + 1).filter(|mark| !present.contains(mark)).collect();
        let order = match pick(5) {
            0 if !absent.is_empty() => {
                soak.come(absent[pick(absent.len())]);
                *steps.entry("come").or_insert(0) += 1;
                None
            }
            1 if somebody != 1 && present.len() > 2 => {
                soak.go(somebody).await;
                off.retain(|mark| *mark != somebody);
                *steps.entry("go").or_insert(0) += 1;
                None
            }
            2 => {
                off.retain(|mark| *mark != somebody);
                Some(("reload", Order::Reload))
            }
            3 => {
                let is_off = off.contains(&somebody);
                if is_off {
                    off.retain(|mark| *mark != somebody)
                } else {
                    off.push(somebody)
                }
                Some(("camera", Order::Camera(is_off)))
            }
            _ => Some(("turn", Order::Turn)),
        };
        if let Some((name, order)) = order {
            *steps.entry(name).or_insert(0) += 1;
            soak.people[&somebody].orders.send(order).await.unwrap();
        }
        soak.settle(&off).await;
        memory.push(soak.program.rss_kib());
    }
    let worst = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
    // The first third is for warming up.
    let (warm, half) = (memory.len() / 3, memory.len() * 2 / 3);
    let (early, late) = (worst(&memory[warm..half]), worst(&memory[half..]));
    println!(
        "soak: {:?}, steps {steps:?}, RSS {} KiB at first, at most {early} then {late}",
        started.elapsed(),
        memory[0]
    );
    assert!(late <= early + SLACK_KIB, "memory grows: {memory:?}");

    for mark in soak.people.keys().copied().collect::<Vec<_>>() {
        soak.go(mark).await;
    }
    let metrics = soak.clients[&1].get("/metrics").await.body.as_str().unwrap().to_owned();
    assert!(!metrics.contains("kafedra_panics_total{"), "something fell: {metrics}");
    for name in ["kafedra_media_transports", "kafedra_media_sources", "kafedra_people_online"] {
        until_async(&format!("{name} is 0"), async || soak.figure(name).await == 0).await;
    }
}
