//! The media driver alone, in a process of its own: for many rooms at once, which a timetable would have to be made for.
//! The process takes JSON lines on its input and answers with JSON lines.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use kafedra::sfu::handle::MediaRoom;
use kafedra::sfu::worker::{SfuConfig, start};
use media::model::{OfferRequest, PeerKey, Publish, SfuEvent, SourceKey, SourceKind};
use media::sdp::Media;
use serde_json::{Value, json};

use crate::flow::Flow;
use crate::meter::wall_ns;
use crate::peer::{Identity, Peer};
use crate::scenario::Server;
use crate::sdp::{Line, Remote};
use crate::swarm::Swarm;

/// The process.
pub fn serve(workers: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let _inside = runtime.enter();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let config = SfuConfig {
        bind: vec![loopback],
        first_port: 0,
        tcp_port: None,
        advertise: vec![loopback],
        workers,
        ..SfuConfig::default()
    };
    let sfu = start(&config).expect("free ports");
    let mut rooms: HashMap<u64, MediaRoom> = HashMap::new();
    println!("ready");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let ask: Value = serde_json::from_str(&line).expect("the parent writes JSON");
        let number = |name: &str| ask[name].as_u64().unwrap_or_default();
        let room = rooms.entry(number("room")).or_insert_with(|| {
            let (room, mut events) = sfu.open_room();
            let opened = room.clone();
            runtime.spawn(async move {
                while let Some(event) = events.recv().await {
                    // As a room does that mutes nobody.
                    if let SfuEvent::SourceAdded { source, .. } = event {
                        opened.pause(source, false);
                    }
                }
            });
            room
        });
        let peer = PeerKey(number("peer"));
        let sources: Vec<u64> = ask["sources"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        // Line by line: sound and picture of each source.
        let kinds = [SourceKind::Microphone, SourceKind::Camera];
        let sends = if ask["sends"].as_bool() == Some(true) {
            kinds
                .iter()
                .zip(&sources)
                .enumerate()
                .map(|(mid, (kind, source))| (mid.to_string(), SourceKey(*source), *kind))
                .collect()
        } else {
            Vec::new()
        };
        let watches = sends.is_empty();
        let sdp = ask["sdp"].as_str().unwrap_or_default().to_owned();
        let answer = runtime.block_on(room.offer(peer, OfferRequest { sdp, sends, allowed: Publish::ALL }));
        if watches {
            let slots =
                sources.iter().enumerate().map(|(mid, source)| (mid.to_string(), Some(SourceKey(*source)), 2160));
            room.slots(peer, slots.collect());
        }
        println!("{}", answer.map_or_else(|error| json!({ "error": error.to_string() }), |sdp| json!({ "sdp": sdp })));
    }
}

/// A running driver.
pub struct Driver {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
    identity: Arc<Identity>,
    peers: u64,
}

impl Driver {
    pub fn start(workers: usize, identity: Arc<Identity>) -> std::io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["driver", &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut answers = BufReader::new(child.stdout.take().ok_or_else(|| std::io::Error::other("no pipe"))?);
        answers.read_line(&mut String::new())?;
        Ok(Self { child, answers, identity, peers: 0 })
    }

    fn join(&mut self, swarm: &Swarm, room: u16, flow: Flow, publishers: &[u16]) -> Result<(), String> {
        let sends = !flow.tracks.is_empty();
        let mut peer = Peer::new(self.identity.clone(), flow).map_err(|error| error.to_string())?;
        let lines = publishers.iter().flat_map(|_| [Media::Audio, Media::Video]).map(|media| Line { media, sends });
        let sdp = peer.describe(&lines.collect::<Vec<_>>());
        let sources: Vec<u64> =
            publishers.iter().flat_map(|number| [u64::from(*number) * 2, u64::from(*number) * 2 + 1]).collect();
        self.peers += 1;
        let ask = json!({ "room": room, "peer": self.peers, "sdp": sdp, "sources": sources, "sends": sends });
        peer.posted_ns = wall_ns();
        let answer = self.ask(&ask).map_err(|error| error.to_string())?;
        let sdp = answer["sdp"].as_str().ok_or_else(|| answer.to_string())?;
        swarm.add(peer, Some(Remote::read(sdp)));
        Ok(())
    }

    fn ask(&mut self, ask: &Value) -> std::io::Result<Value> {
        let stdin = self.child.stdin.as_mut().ok_or_else(|| std::io::Error::other("no pipe"))?;
        writeln!(stdin, "{ask}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        serde_json::from_str(&answer).map_err(std::io::Error::other)
    }
}

impl Server for Driver {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn publish(&mut self, swarm: &Swarm, room: u16, number: u16, bits_per_second: f64) -> Result<(), String> {
        self.join(swarm, room, Flow::publisher(number, bits_per_second), &[number])
    }

    fn watch(&mut self, swarm: &Swarm, room: u16, publishers: &[u16], sample: u64) -> Result<(), String> {
        self.join(swarm, room, Flow::watcher(sample), publishers)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
