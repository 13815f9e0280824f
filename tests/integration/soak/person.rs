//! One person of the soak: a socket and a peer connection, and what comes over both.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::STUDENTS;
use crate::client::{Client as Media, Seen};
use crate::hub::Client;
use crate::lessons;
use crate::sockets::Wire;

/// What the hub has told a person, and what arrives.
#[derive(Default)]
pub struct View {
    pub peer: String,
    resume: String,
    sources: Vec<Value>,
    /// m-line to source.
    pub slots: BTreeMap<String, String>,
    pub ssrcs: BTreeMap<String, u32>,
    pub seen: Arc<Seen>,
    /// How far the assignment of cameras to slots is turned.
    turn: usize,
    /// The hub is away, and its sockets with it: nothing to wonder at.
    pub is_hub_away: bool,
}

pub enum Order {
    Turn,
    Camera(bool),
    /// New ICE credentials on the same peer connection (the network has changed).
    Restart,
    /// Without a word, and back on the same seat over another socket and another peer connection.
    Reload,
    /// The hub is another one: everything anew.
    Rejoin,
    Leave,
}

/// An order, and whom to tell that it is done.
pub type Ordered = (Order, oneshot::Sender<()>);

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

fn ufrag(sdp: &str) -> String {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned()
}

/// Offers and hands over the answer.
async fn agree(wire: &mut Wire, view: &Mutex<View>, media: &Media, id: u32, sdp: String) -> String {
    let sends = json!([{ "mid": "0", "kind": "camera" }, { "mid": "1", "kind": "microphone" }]);
    wire.say(json!({ "type": "offer", "id": id, "sdp": sdp, "sends": sends })).await;
    let answer = loop {
        let message = wire.next().await.unwrap();
        take(view, &message);
        assert!(message["type"] != "error" || message["request"] == "slots", "{message}");
        if message["type"] == "answer" {
            assert_eq!(message["id"], id, "{message}");
            break message["sdp"].as_str().unwrap().to_owned();
        }
    };
    media.answer(answer.clone()).await;
    answer
}

/// Makes a peer connection on this seat; gives the hub's user fragment, too.
async fn negotiate(wire: &mut Wire, view: &Mutex<View>) -> (Media, String) {
    let media = Media::participant(STUDENTS.len()).await;
    view.lock().unwrap().slots.clear();
    let sdp = media.offer().await;
    let answer = agree(wire, view, &media, 1, sdp).await;
    {
        let mut view = view.lock().unwrap();
        (view.ssrcs, view.seen) = (ssrcs(&answer), media.seen.clone());
    }
    media.connected().await;
    for kind in ["camera", "microphone"] {
        wire.say(json!({ "type": "mute", "kind": kind, "muted": false })).await;
    }
    (media, ufrag(&answer))
}

/// A socket and a seat. A student waits while the host is not there.
async fn sit_down(client: &Client, room: &str, view: &Mutex<View>) -> Wire {
    let mut wire = lessons::connect(client).await;
    let mut joined = lessons::join(&mut wire, room).await;
    if joined["type"] == "waiting" {
        joined = wire.hears("joined").await;
    }
    assert_eq!(joined["type"], "joined", "{joined}");
    take(view, &joined);
    wire
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
    pub fn cameras(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.sources
            .iter()
            .filter(|source| source["kind"] == "camera" && source["muted"] == false && source["peer"] != *self.peer)
            .map(|source| (text(&source["source"]), text(&source["peer"])))
            .collect()
    }

    pub fn knows(&self, source: &str) -> bool {
        self.sources.iter().any(|one| one["source"] == source)
    }

    pub fn is_on(&self, source: &str) -> bool {
        self.sources.iter().any(|one| one["source"] == source && one["muted"] == false)
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
pub async fn live(client: Client, room: String, mark: u8, view: Arc<Mutex<View>>, mut orders: mpsc::Receiver<Ordered>) {
    let mut wire = sit_down(&client, &room, &view).await;
    let (mut media, mut ufrag_before) = negotiate(&mut wire, &view).await;
    let mut offers = 1;
    let wish = view.lock().unwrap().wish();
    wire.say(wish).await;
    let mut tick = tokio::time::interval(Duration::from_millis(60));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_online = true;
    loop {
        let mut has_changed = false;
        let mut done = None;
        tokio::select! {
            message = wire.next(), if is_online => match message {
                Ok(message) => {
                    // A wish may cross the word that somebody has gone; the other slots are served.
                    let has_crossed = message["code"] == "not_found" && message["request"] == "slots";
                    assert!(message["type"] != "error" || has_crossed, "{mark}: {message}");
                    has_changed = take(&view, &message);
                }
                Err(code) => {
                    assert!(view.lock().unwrap().is_hub_away, "{mark}: closed with {code:?}");
                    is_online = false;
                }
            },
            _ = tick.tick() => media.send(mark).await,
            order = orders.recv() => {
                let Some((order, tell)) = order else { return };
                match order {
                    Order::Turn => {
                        view.lock().unwrap().turn += 1;
                        has_changed = true;
                    }
                    Order::Camera(is_on) => {
                        wire.say(json!({ "type": "mute", "kind": "camera", "muted": !is_on })).await;
                    }
                    Order::Restart => {
                        offers += 1;
                        let sdp = media.restart().await;
                        let answer = agree(&mut wire, &view, &media, offers, sdp).await;
                        let before = std::mem::replace(&mut ufrag_before, ufrag(&answer));
                        assert_ne!(ufrag_before, before, "{mark}: ICE did not restart");
                        assert_eq!(ssrcs(&answer), view.lock().unwrap().ssrcs, "{mark}: a slot is another one");
                    }
                    Order::Reload => {
                        drop(wire);
                        media.peer.close().await.unwrap();
                        wire = lessons::connect(&client).await;
                        let token = view.lock().unwrap().resume.clone();
                        wire.say(json!({ "type": "resume", "room": room, "token": token, "chat_seq": 0 })).await;
                        let joined = wire.hears("joined").await;
                        assert_eq!(joined["resumed"], true);
                        take(&view, &joined);
                        (media, ufrag_before) = negotiate(&mut wire, &view).await;
                        (offers, has_changed) = (1, true);
                    }
                    Order::Rejoin => {
                        media.peer.close().await.unwrap();
                        wire = sit_down(&client, &room, &view).await;
                        (media, ufrag_before) = negotiate(&mut wire, &view).await;
                        (offers, has_changed, is_online) = (1, true, true);
                    }
                    Order::Leave => {
                        wire.say(json!({ "type": "leave" })).await;
                        wire.hears("closed").await;
                        media.peer.close().await.unwrap();
                        let _ = tell.send(());
                        return;
                    }
                }
                done = Some(tell);
            }
        }
        if has_changed {
            let wish = view.lock().unwrap().wish();
            wire.say(wish).await;
        }
        if let Some(done) = done {
            // Who gave the order may have given up.
            let _ = done.send(());
        }
    }
}
