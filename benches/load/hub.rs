//! The hub itself, as its users start it: the real binary with the demo school, its clients over WHIP and WHEP.

use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::sdp::Media;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::flow::Flow;
use crate::meter::wall_ns;
use crate::peer::{Identity, Peer};
use crate::scenario::Server;
use crate::sdp::{Line, Remote};
use crate::swarm::Swarm;

/// Holds the demo school's video conference of today.
const HOST: &str = "T-021";
const PASSWORD: &str = "kafedra-demo";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running hub with one open room.
pub struct Hub {
    child: Child,
    http: reqwest::Client,
    url: String,
    token: String,
    room: String,
    runtime: Runtime,
    /// The address of its media and of its clients.
    ip: IpAddr,
    identity: Arc<Identity>,
    _data: tempfile::TempDir,
    /// Watchers give transport-wide feedback, as browsers do.
    pub with_feedback: bool,
}

impl Hub {
    /// With so many workers, media and clients on this address of the machine.
    pub fn start(workers: usize, ip: IpAddr, identity: Arc<Identity>) -> Result<Self, Box<dyn std::error::Error>> {
        let data = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(env!("CARGO_BIN_EXE_kafedra"))
            .args(["serve", "--demo", "--log", "warn", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(data.path())
            .env("KAFEDRA_MEDIA__UDP_PORT", "0")
            .env("KAFEDRA_MEDIA__WORKERS", workers.to_string())
            .env("KAFEDRA_MEDIA__ADVERTISE", ip.to_string())
            // One account stands for everybody.
            .env("KAFEDRA_LIMITS__API_BURST", "1000000")
            .env("KAFEDRA_LIMITS__API_PER_SECOND", "100000")
            .env("KAFEDRA_LIMITS__JOINS_BURST", "1000000")
            .env("KAFEDRA_LIMITS__SOURCES_PER_PERSON", "100")
            .env("KAFEDRA_LIMITS__WATCHERS_PER_PERSON", "5000")
            .stdout(Stdio::null())
            .spawn()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder().cookie_store(true).no_proxy().build()?;
        let url = format!("http://127.0.0.1:{port}");
        let (token, room) = (String::new(), String::new());
        let mut hub = Self { child, http, url, token, room, runtime, ip, identity, with_feedback: false, _data: data };
        hub.until("ready", async |hub| {
            hub.http.get(format!("{}/readyz", hub.url)).send().await.ok()?.error_for_status().ok().map(drop)
        })?;
        hub.json("session", &json!({ "login": HOST, "password": PASSWORD }))?;
        let asked = json!({ "scopes": ["room.publish", "room.watch"], "expires_in_s": 3600 });
        hub.token = hub.json("tokens", &asked)?["token"].as_str().unwrap_or_default().to_owned();
        hub.room = hub.until("open", async |hub| {
            let answer = hub.http.get(format!("{}/api/v1/timetable", hub.url)).send().await.ok()?;
            let timetable: Value = answer.json().await.ok()?;
            let is_ours = |item: &&Value| {
                let is_open = item["state"] == "open" || item["state"] == "live";
                item["form"] == "video_conference" && item["role"] == "host" && is_open
            };
            Some(timetable["items"].as_array()?.iter().find(is_ours)?["id"].as_str()?.to_owned())
        })?;
        Ok(hub)
    }

    fn until<T>(&self, what: &str, attempt: impl AsyncFn(&Self) -> Option<T>) -> Result<T, String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(found) = self.runtime.block_on(attempt(self)) {
                return Ok(found);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the hub is not {what}"))
    }

    fn json(&self, path: &str, body: &Value) -> Result<Value, reqwest::Error> {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url)).json(body);
        self.runtime.block_on(async { request.send().await?.error_for_status()?.json().await })
    }

    fn join(&self, swarm: &Swarm, mut peer: Peer, lines: &[Line], path: &str) -> Result<(), String> {
        let url = format!("{}/api/v1/rooms/{}/{path}", self.url, self.room);
        let request = self.http.post(url).bearer_auth(&self.token).header("content-type", "application/sdp");
        let request = request.body(peer.describe(lines));
        peer.posted_ns = wall_ns();
        let answer = self.runtime.block_on(async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        });
        let (status, answer) = answer.map_err(text)?;
        if status != reqwest::StatusCode::CREATED {
            return Err(format!("{path}: {status} {answer}"));
        }
        swarm.add(peer, Some(Remote::read(&answer)));
        Ok(())
    }
}

impl Server for Hub {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn publish(&mut self, swarm: &Swarm, _room: u16, number: u16, bits_per_second: f64) -> Result<(), String> {
        let peer = Peer::at(self.ip, self.identity.clone(), Flow::publisher(number, bits_per_second)).map_err(text)?;
        let lines = [Line { media: Media::Audio, sends: true }, Line { media: Media::Video, sends: true }];
        self.join(swarm, peer, &lines, &format!("whip?label={}", label(number)))
    }

    fn watch(&mut self, swarm: &Swarm, _room: u16, publishers: &[u16], sample: u64) -> Result<(), String> {
        let flow = Flow::watcher(sample);
        let flow = if self.with_feedback { flow.with_feedback() } else { flow };
        let peer = Peer::at(self.ip, self.identity.clone(), flow).map_err(text)?;
        let lines: Vec<Line> = [Media::Audio, Media::Video]
            .into_iter()
            .flat_map(|media| publishers.iter().map(move |_| Line { media, sends: false }))
            .collect();
        let labels: Vec<String> = publishers.iter().map(|number| label(*number)).collect();
        self.join(swarm, peer, &lines, &format!("whep?sources={}", labels.join(",")))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // In order, so that a profiler around it writes what it saw; by force when it hangs.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(8);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn label(number: u16) -> String {
    format!("load-{number}")
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
