//! Janus (VideoRoom) from the system's package, for comparison: started with a folder of its own, driven by the same
//! clients over its HTTP interface, ended with the run. It is a full ICE agent, as shipped, and chooses the pair of the
//! watchers, to whom it offers. `LOAD_JANUS_LOG` names a file for all that it has to say; figures are then worthless.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::sdp::Media;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::flow::Flow;
use crate::ice::Role;
use crate::meter::wall_ns;
use crate::peer::{Identity, Peer};
use crate::scenario::Server;
use crate::sdp::{Line, Remote};
use crate::swarm::Swarm;

const BINARY: &str = "/usr/bin/janus";
/// As in the package's settings: nothing is logged for a packet.
const SHIPPED_LEVEL: u32 = 4;
const ROOM: u32 = 1;
const PATIENCE: Duration = Duration::from_secs(10);

/// A running Janus with one room.
pub struct Janus {
    child: Child,
    runtime: Runtime,
    http: reqwest::Client,
    /// Of the one session that all handles belong to.
    session: String,
    /// The machine's address that Janus gathers on: it passes over loopback. Between two sockets of one machine the
    /// packets take the loopback interface all the same.
    ip: IpAddr,
    transactions: u64,
    identity: Arc<Identity>,
    _folder: tempfile::TempDir,
}

/// Whether the package is there.
pub fn is_installed() -> bool {
    Path::new(BINARY).exists()
}

impl Janus {
    /// As shipped (0 event loops: a thread for each client), or with that many.
    pub fn start(event_loops: usize, identity: Arc<Identity>) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
        let loops = if event_loops == 0 { String::new() } else { format!("event_loops = {event_loops}") };
        let log = std::env::var_os("LOAD_JANUS_LOG");
        let level = if log.is_some() { 7 } else { SHIPPED_LEVEL };
        // The package's own settings, but for what the run has to have of its own: the folder, the port, no plugin or
        // transport that it does not use (they would want files and ports too), and a session that outlives a long run.
        write(
            "janus.jcfg",
            format!(
                "general: {{ configs_folder = \"{}\"\nplugins_folder = \"/usr/lib/x86_64-linux-gnu/janus/plugins\"\n\
                 transports_folder = \"/usr/lib/x86_64-linux-gnu/janus/transports\"\ndebug_level = {level}\n\
                 session_timeout = 0\n{loops} }}\nnat: {{ nice_debug = false\nice_ignore_list = \"vmnet\" }}\n\
                 plugins: {{ disable = \"libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,\
                 libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,\
                 libjanus_textroom.so,libjanus_videocall.so,libjanus_voicemail.so\" }}\n\
                 transports: {{ disable = \"libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,\
                 libjanus_rabbitmq.so,libjanus_websockets.so\" }}\nevents: {{ broadcast = false }}\n",
                folder.path().display()
            ),
        )?;
        write(
            "janus.transport.http.jcfg",
            format!(
                "general: {{ json = \"compact\"\nbase_path = \"/janus\"\nhttp = true\nport = {port}\n\
                 ip = \"127.0.0.1\"\nhttps = false }}\nadmin: {{ admin_http = false }}\n"
            ),
        )?;
        // Nobody's bitrate is capped, as in the hub.
        write(
            "janus.plugin.videoroom.jcfg",
            format!("room-{ROOM}: {{ publishers = 200\nbitrate = 0\naudiocodec = \"opus\"\nvideocodec = \"vp8\" }}\n"),
        )?;
        let child = Command::new(BINARY)
            .arg("--configs-folder")
            .arg(folder.path())
            .arg("--config")
            .arg(folder.path().join("janus.jcfg"))
            .stdin(Stdio::null())
            .stdout(log.map_or_else(|| Ok(Stdio::null()), |path| std::fs::File::create(path).map(Stdio::from))?)
            .stderr(Stdio::null())
            .spawn()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let session = format!("http://127.0.0.1:{port}/janus");
        let ip = Ipv4Addr::LOCALHOST.into();
        let mut janus = Self { child, runtime, http, session, ip, transactions: 0, identity, _folder: folder };
        let end = Instant::now() + PATIENCE;
        let info = loop {
            match janus.get("/info") {
                Ok(info) => break info,
                Err(error) if Instant::now() > end => return Err(error.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        janus.ip = info["local-ip"].as_str().unwrap_or_default().parse()?;
        if janus.ip.is_loopback() {
            return Err("Janus takes no candidate of loopback, and this machine has no other address".into());
        }
        let made = janus.post("", &json!({ "janus": "create" }))?;
        janus.session = format!("{}/{}", janus.session, made["data"]["id"]);
        Ok(janus)
    }

    /// The address of its media and of its clients.
    pub fn address(&self) -> IpAddr {
        self.ip
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let request = self.http.get(format!("{}{path}", self.session)).timeout(PATIENCE);
        let answer: Result<Value, reqwest::Error> = self.runtime.block_on(async { request.send().await?.json().await });
        answer.map_err(|error| error.to_string())
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<Value, String> {
        self.transactions += 1;
        let mut body = body.clone();
        body["transaction"] = self.transactions.to_string().into();
        let request = self.http.post(format!("{}{path}", self.session)).json(&body);
        let answer: Result<Value, reqwest::Error> = self.runtime.block_on(async { request.send().await?.json().await });
        let answer = answer.map_err(|error| error.to_string())?;
        if answer["janus"] == "error" { Err(answer.to_string()) } else { Ok(answer) }
    }

    /// Says something to the plugin and waits for the event that answers it.
    fn say(&mut self, handle: &str, body: &Value, jsep: Option<Value>) -> Result<Value, String> {
        let mut message = json!({ "janus": "message", "body": body });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        self.post(&format!("/{handle}"), &message)?;
        let transaction = self.transactions.to_string();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let event = self.get("?maxev=1")?;
            let event = event.get(0).cloned().unwrap_or(event);
            if event["transaction"] == transaction.as_str() {
                let refusal = &event["plugindata"]["data"]["error"];
                return if refusal.is_null() { Ok(event) } else { Err(refusal.to_string()) };
            }
        }
        Err("Janus does not answer".to_owned())
    }

    fn attach(&mut self) -> Result<String, String> {
        let made = self.post("", &json!({ "janus": "attach", "plugin": "janus.plugin.videoroom" }))?;
        Ok(made["data"]["id"].to_string())
    }
}

impl Server for Janus {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn publish(&mut self, swarm: &Swarm, _room: u16, number: u16, bits_per_second: f64) -> Result<(), String> {
        let handle = self.attach()?;
        let peer = Peer::at(self.ip, self.identity.clone(), Flow::publisher(number, bits_per_second)).map_err(text)?;
        let lines = [Media::Audio, Media::Video].map(|media| Line { media, sends: true });
        // 0 is no feed.
        let body = json!({ "request": "joinandconfigure", "ptype": "publisher", "room": ROOM, "id": number + 1 });
        let jsep = json!({ "type": "offer", "sdp": peer.describe(&lines) });
        let answer = self.say(&handle, &body, Some(jsep))?;
        let answer = answer["jsep"]["sdp"].as_str().ok_or_else(|| answer.to_string())?;
        swarm.add(peer, Some(Remote::read(answer)));
        Ok(())
    }

    fn watch(&mut self, swarm: &Swarm, _room: u16, publishers: &[u16], sample: u64) -> Result<(), String> {
        let mut peer = Peer::at(self.ip, self.identity.clone(), Flow::watcher(sample)).map_err(text)?;
        peer.posted_ns = wall_ns();
        let handle = self.attach()?;
        let feeds: Vec<Value> = publishers.iter().map(|number| json!({ "feed": number + 1 })).collect();
        let body = json!({ "request": "join", "ptype": "subscriber", "room": ROOM, "streams": feeds });
        let offered = self.say(&handle, &body, None)?;
        let offer = offered["jsep"]["sdp"].as_str().ok_or_else(|| offered.to_string())?;
        let lines = Line::answering(offer)?;
        peer.role = Role::Controlled;
        let remote = Remote::read(offer);
        let jsep = json!({ "type": "answer", "sdp": peer.describe(&lines) });
        self.say(&handle, &json!({ "request": "start" }), Some(jsep))?;
        swarm.add(peer, Some(remote));
        Ok(())
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
