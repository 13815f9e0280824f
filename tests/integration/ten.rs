//! Ten people in one video conference, each sending and receiving on one peer connection through signaling over
//! WebSocket: everybody sees and hears the nine others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use signaling::message::session::Form;
use tokio::sync::Barrier;

use crate::client::Client;
use crate::sockets::{TestRooms, Wire};

const PEOPLE: u8 = 10;
/// Packets of each kind from each other that count as seen and heard.
const ENOUGH: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(30);

struct Participant {
    mark: u8,
    wire: Wire,
    media: Client,
    peer: String,
    /// Video slots by their mids, in the order of the offer.
    slots: Vec<String>,
}

/// The mids of the receiving m-lines of a kind.
fn receiving(sdp: &str, kind: &str) -> Vec<String> {
    sdp.split("\r\nm=")
        .skip(1)
        .filter(|section| section.starts_with(kind) && section.contains("a=recvonly"))
        .filter_map(|section| section.lines().find_map(|line| line.strip_prefix("a=mid:")))
        .map(str::to_owned)
        .collect()
}

async fn take_part(hub: &TestRooms, mark: u8) -> Participant {
    let person = if mark == 1 { "host".to_owned() } else { format!("student-{mark}") };
    let (mut wire, joined) = hub.join(&person, "r").await;
    let media = Client::participant(usize::from(PEOPLE) - 1).await;
    let sdp = media.offer().await;
    let slots = receiving(&sdp, "video");
    assert_eq!((slots.len(), receiving(&sdp, "audio").len()), (9, 9), "{sdp}");
    let sends = json!([{ "mid": "0", "kind": "camera" }, { "mid": "1", "kind": "microphone" }]);
    wire.say(json!({ "type": "offer", "id": 1, "sdp": sdp, "sends": sends })).await;
    let answer = wire.hears("answer").await;
    media.answer(answer["sdp"].as_str().unwrap().to_owned()).await;
    media.connected().await;
    for kind in ["camera", "microphone"] {
        wire.say(json!({ "type": "mute", "kind": kind, "muted": false })).await;
    }
    Participant { mark, wire, media, peer: joined["peer"].as_str().unwrap().to_owned(), slots }
}

impl Participant {
    /// Waits until the nine cameras of the others are on, then wants one in each slot. Gives whose is whose.
    async fn watch_everybody(&mut self) -> Vec<String> {
        let cameras = loop {
            let message = self.wire.hears_within("sources", PATIENCE).await;
            let others: Vec<Value> = message["sources"].as_array().unwrap().clone();
            let others = others.into_iter().filter(|source| {
                source["kind"] == "camera" && source["muted"] == false && source["peer"] != self.peer.as_str()
            });
            let sources: Vec<String> = others.map(|source| source["source"].as_str().unwrap().to_owned()).collect();
            if sources.len() == usize::from(PEOPLE) - 1 {
                break sources;
            }
        };
        let slots: Vec<Value> = self
            .slots
            .iter()
            .zip(&cameras)
            .map(|(mid, source)| json!({ "mid": mid, "source": source, "max_height": 180 }))
            .collect();
        self.wire.say(json!({ "type": "slots", "slots": slots })).await;
        cameras
    }

    /// Sends until each of `others` is seen and heard anew, and for as long as somebody else still waits for it.
    async fn perform(mut self, others: Vec<u8>, everybody: Arc<Barrier>) -> Participant {
        let before = self.media.seen.counts();
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let mut done = std::pin::pin!(None);
        loop {
            tick.tick().await;
            self.media.send(self.mark).await;
            if done.is_none() && all_arrive(&before, &self.media.seen.counts(), &others) {
                let everybody = everybody.clone();
                done.set(Some(async move { everybody.wait().await }));
            }
            if let Some(waiting) = done.as_mut().as_pin_mut()
                && futures_util::poll!(waiting).is_ready()
            {
                return self;
            }
        }
    }
}

type Counts = BTreeMap<u8, (u64, u64)>;

/// Whether enough pictures and sounds of each of `others` came since `before`.
fn all_arrive(before: &Counts, now: &Counts, others: &[u8]) -> bool {
    others.iter().all(|mark| {
        let (seen, heard) = now.get(mark).copied().unwrap_or_default();
        let (had_seen, had_heard) = before.get(mark).copied().unwrap_or_default();
        (seen - had_seen).min(heard - had_heard) >= ENOUGH
    })
}

/// Everybody sends until everybody has seen and heard everybody else.
async fn all_perform(people: Vec<Participant>) -> Vec<Participant> {
    let everybody = Arc::new(Barrier::new(people.len()));
    let marks: Vec<u8> = people.iter().map(|person| person.mark).collect();
    let watching: Vec<_> = people.iter().map(|person| (person.mark, person.media.seen.clone())).collect();
    let performing = people.into_iter().map(|person| {
        let others = marks.iter().copied().filter(|mark| *mark != person.mark).collect();
        tokio::spawn(person.perform(others, everybody.clone()))
    });
    let done = tokio::time::timeout(PATIENCE, futures_util::future::join_all(performing)).await;
    let who: Vec<_> = watching.iter().map(|(mark, seen)| (*mark, seen.counts())).collect();
    let done = done.unwrap_or_else(|_| panic!("not everybody is seen and heard: {who:?}"));
    done.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_people_see_and_hear_each_other() {
    let hub = TestRooms::start_with_media().await;
    hub.open("r", Form::VideoConference).await;
    let mut people = Vec::new();
    for mark in 1..=PEOPLE {
        people.push(take_part(&hub, mark).await);
    }
    let mut wanted = BTreeMap::new();
    // A source is announced when its first packet comes: everybody has to send while they wait.
    for person in &mut people {
        person.media.send(person.mark).await;
    }
    for person in &mut people {
        wanted.insert(person.mark, person.watch_everybody().await);
    }
    assert!(wanted.values().all(|cameras| cameras.len() == 9));
    let mut people = all_perform(people).await;

    // One leaves: nothing more of them arrives, and the nine others go on as before.
    let mut gone = people.pop().unwrap();
    gone.wire.say(json!({ "type": "leave" })).await;
    gone.wire.hears("closed").await;
    for person in &mut people {
        while person.wire.hears("member_left").await["peer"] != gone.peer.as_str() {}
    }
    // What they sent before may still lie with a receiver: what the nine send now comes behind it.
    let people = all_perform(people).await;
    gone.media.send(gone.mark).await;
    let before: Vec<_> = people.iter().map(|person| person.media.seen.counts()[&gone.mark]).collect();
    let people = all_perform(people).await;
    let after: Vec<_> = people.iter().map(|person| person.media.seen.counts()[&gone.mark]).collect();
    assert_eq!(before, after, "packets of somebody who left");
}
