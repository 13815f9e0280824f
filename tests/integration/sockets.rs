//! Signaling over real sockets: rooms, connections and the store as they are, behind a door that the test keeps.

mod chat;
mod door;
mod flood;
mod frames;
mod half_open;
mod memory;
mod revoked;
mod slow;
mod stay;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use kafedra::api::server::{self, Connections};
use kafedra::clock::WallClock;
use kafedra::domain::ids::{PersonId, SchoolId};
use kafedra::domain::policy::Principal;
use kafedra::presence::Presence;
use kafedra::rooms::access::{Entry, Gate, Purpose, Refused};
use kafedra::rooms::connection::{Caller, Connection};
use kafedra::rooms::registry::{Parts, RoomSpec, Rooms, Settings};
use kafedra::sfu::handle::SfuHandle;
use kafedra::sfu::worker::SfuConfig;
use kafedra::store::Store;
use serde_json::{Value, json};
use signaling::ids::{PersonId as WirePerson, RoomId};
use signaling::message::session::{Form, RoomRole, RoomState};
use signaling::refusal::RefusalCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Lets in whoever is not on the list: `host` and `second` as hosts, `deputy` as an observer, others as recipients.
#[derive(Default)]
pub struct TestGate {
    pub denied: Mutex<HashSet<String>>,
    pub demoted: Mutex<HashSet<String>>,
    pub signed_out: Mutex<HashSet<String>>,
}

impl Gate for TestGate {
    fn admit<'a>(
        &'a self,
        who: &'a Principal,
        _room: &'a RoomId,
        _beside: Option<&'a WirePerson>,
        _purpose: Purpose,
    ) -> BoxFuture<'a, Result<Entry, Refused>> {
        let name = who.person.as_str();
        let result = if self.denied.lock().unwrap().contains(name) {
            Err(RefusalCode::NotOnRoster.into())
        } else {
            let role = match name {
                _ if self.demoted.lock().unwrap().contains(name) => RoomRole::Observer,
                "host" | "second" => RoomRole::Host,
                "deputy" => RoomRole::Observer,
                _ => RoomRole::Recipient,
            };
            Ok(Entry { role, beside: None })
        };
        Box::pin(std::future::ready(result))
    }

    fn is_signed_in<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, bool> {
        let is_in = !self.signed_out.lock().unwrap().contains(who.person.as_str());
        Box::pin(std::future::ready(is_in))
    }

    fn in_use<'a>(&'a self, _who: &'a Principal) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Rooms behind a socket.
pub struct TestRooms {
    pub rooms: Rooms,
    pub presence: Presence,
    pub store: Store,
    pub gate: Arc<TestGate>,
    pub revoked: broadcast::Sender<String>,
    pub address: std::net::SocketAddr,
    serving: tokio::task::JoinHandle<()>,
    folder: Option<tempfile::TempDir>,
}

#[derive(Clone)]
struct Door {
    rooms: Rooms,
    revoked: broadcast::Sender<String>,
}

impl TestRooms {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut hub = Self::start_on(folder.path()).await;
        hub.folder = Some(folder);
        hub
    }

    /// With a media server of one worker on loopback.
    pub async fn start_with_media() -> Self {
        let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
        let media = SfuConfig {
            bind: vec![loopback],
            first_port: 0,
            tcp_port: None,
            advertise: vec![loopback],
            ..SfuConfig::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let mut hub = Self::start_on_with(folder.path(), Some(kafedra::sfu::worker::start(&media).unwrap())).await;
        hub.folder = Some(folder);
        hub
    }

    async fn start_on(folder: &Path) -> Self {
        Self::start_on_with(folder, None).await
    }

    async fn start_on_with(folder: &Path, sfu: Option<SfuHandle>) -> Self {
        let database = crate::hub::postgres::database(folder);
        let file = folder.join("kafedra.db").to_string_lossy().into_owned();
        let store = Store::open(if database.is_empty() { &file } else { &database }).await.unwrap();
        let gate = Arc::new(TestGate::default());
        let presence = Presence::local();
        let rooms = Rooms::new(Parts {
            store: store.clone(),
            clock: WallClock::system(0),
            sfu,
            presence: presence.clone(),
            gate: gate.clone(),
            settings: Settings { sockets_per_person: 5, joins_burst: 10_000, ..Settings::default() },
        });
        let revoked = broadcast::channel(16).0;
        let door = Door { rooms: rooms.clone(), revoked: revoked.clone() };
        let router = Router::new().route("/ws", get(upgrade)).with_state(door);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // The hub's own accept loop: how it sets up a connection is part of what is tested.
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(async move {
            server::serve(listener, router, 1_000, Connections::default(), stopped, Duration::from_secs(1)).await;
            drop(stop);
        });
        Self { rooms, presence, store, gate, revoked, address, serving, folder: None }
    }

    /// In order, as the program does on SIGTERM; and again on the same data.
    pub async fn restart(mut self) -> Self {
        self.rooms.shutdown().await;
        self.store.close().await;
        self.serving.abort();
        let folder = self.folder.take().unwrap();
        let mut hub = Self::start_on(folder.path()).await;
        hub.folder = Some(folder);
        hub
    }

    pub async fn open(&self, room: &str, form: Form) {
        let spec = RoomSpec {
            school: "school".into(),
            room: RoomId::new(room),
            form,
            title: "Fractions".into(),
            start_ms: 1,
            end_ms: 2,
            closes_ms: 3,
            takes_turns: false,
            state: RoomState::Open,
        };
        self.rooms.open(spec).await.unwrap();
    }

    /// A socket of this person, after `hello`.
    pub async fn connect(&self, person: &str) -> Wire {
        let mut wire = self.dial(person).await;
        wire.say(json!({ "type": "hello", "version": 1 })).await;
        wire.hears("welcome").await;
        wire
    }

    pub async fn dial(&self, person: &str) -> Wire {
        self.dial_over(TcpStream::connect(self.address).await.unwrap(), person).await
    }

    /// Over a connection of the test's own making.
    pub async fn dial_over(&self, stream: TcpStream, person: &str) -> Wire {
        let url = format!("ws://{}/ws?person={person}", self.address);
        let (socket, _) = tokio_tungstenite::client_async(url, MaybeTlsStream::Plain(stream)).await.unwrap();
        Wire { socket }
    }

    /// A seat over a connection of the test's own making.
    pub async fn join_over(&self, stream: TcpStream, person: &str, room: &str) -> (Wire, Value) {
        let mut wire = self.dial_over(stream, person).await;
        wire.say(json!({ "type": "hello", "version": 1 })).await;
        wire.hears("welcome").await;
        wire.say(json!({ "type": "join", "room": room })).await;
        let joined = wire.hears("joined").await;
        (wire, joined)
    }

    /// A seat of this person: the socket and its `joined`.
    pub async fn join(&self, person: &str, room: &str) -> (Wire, Value) {
        let mut wire = self.connect(person).await;
        wire.say(json!({ "type": "join", "room": room })).await;
        let joined = wire.hears("joined").await;
        (wire, joined)
    }
}

async fn upgrade(
    State(door): State<Door>,
    Query(query): Query<std::collections::HashMap<String, String>>,
    socket: WebSocketUpgrade,
) -> Response {
    let person = query.get("person").cloned().unwrap_or_default();
    let who = Principal {
        school: SchoolId::new("school"),
        person: PersonId::new(person.clone()),
        code: person.clone(),
        display_name: format!("Name of {person}"),
        roles: Vec::new(),
        scopes: None,
        session: format!("session of {person}"),
    };
    let connection = Connection {
        rooms: door.rooms,
        caller: if person.is_empty() { Caller::Unknown } else { Caller::Known(who) },
        redeem: Arc::new(|_| None),
        revoked: door.revoked.subscribe(),
        stranger: None,
    };
    socket
        .read_buffer_size(4_096)
        .max_message_size(64 << 10)
        .max_frame_size(64 << 10)
        .on_upgrade(|socket| connection.run(socket))
}

/// One client's socket.
pub struct Wire {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Wire {
    pub async fn say(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message of this type; others are skipped.
    pub async fn hears(&mut self, kind: &str) -> Value {
        self.hears_within(kind, PATIENCE).await
    }

    pub async fn hears_within(&mut self, kind: &str, patience: Duration) -> Value {
        let wanted = async {
            loop {
                let message = self.next().await.unwrap_or_else(|code| panic!("closed ({code:?}) before `{kind}`"));
                if message["type"] == kind {
                    return message;
                }
            }
        };
        timeout(patience, wanted).await.unwrap_or_else(|_| panic!("no `{kind}`"))
    }

    /// The next message, or the code with which the socket closed (`None`: without one).
    pub async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// How the socket closes.
    pub async fn closed(&mut self) -> Option<u16> {
        let closed = async {
            loop {
                if let Err(code) = self.next().await {
                    return code;
                }
            }
        };
        timeout(PATIENCE, closed).await.expect("the socket stays open")
    }

    pub async fn chats(&mut self, name: &str) {
        self.say(json!({ "type": "chat_send", "client_msg_id": name, "body": format!("body {name}") })).await;
    }
}

/// The value below which 99 of 100 samples are.
pub fn p99(samples: &mut [Duration]) -> Duration {
    samples.sort_unstable();
    samples[(samples.len() * 99).div_ceil(100) - 1]
}

pub fn median(values: &mut [Duration]) -> Duration {
    values.sort_unstable();
    values[values.len() / 2]
}
