//! Presence shared over Redis: the driver that carries the machine's notes over one publish/subscribe channel.
//!
//! Only PUBLISH and SUBSCRIBE are used and no key is written, so FLUSHALL, a full memory and another application's
//! keys do not matter. The connection resubscribes by itself after a short break; silence that no error reports
//! (a partition, a frozen server) is noticed by our own beats not coming back, and then the connection is replaced.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::note::{NodeId, Note};
use super::state::{Output, State};
use super::{Presence, Shared};

/// No step of the driver waits on Redis longer than this.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long `kafedra doctor` waits for an answer.
const PROBE_WAIT: Duration = Duration::from_secs(3);
/// Notes that may wait for the driver; beyond this they are dropped and repaired by the next beat.
const INBOX: usize = 4_096;

/// Why presence could not be shared.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// The address is not one that Redis understands (`redis://[user:password@]host:port/db`).
    #[error("the address of Redis cannot be understood")]
    Address(#[source] redis::RedisError),
    /// It refuses the password, does not speak RESP3, or is not there.
    #[error("Redis cannot be used")]
    Refused(#[source] redis::RedisError),
    #[error("Redis does not answer")]
    Silent,
}

impl Presence {
    /// Shares presence with every hub that uses the same server and `namespace` (the school's id). Redis need not be
    /// there yet: until it is, this hub knows only its own people and `healthy` is false. Must run inside tokio.
    /// `password` wins over one inside `url`.
    ///
    /// # Errors
    /// [`PresenceError::Address`] when `url` is malformed.
    pub fn redis(url: &str, password: Option<&str>, namespace: &str) -> Result<Self, PresenceError> {
        let client = client(url, password)?;
        let node = NodeId::from_random(rand::random());
        let shared = Shared::new(State::linked(node, now()));
        let stop = CancellationToken::new();
        let driver = Driver {
            shared: Arc::clone(&shared),
            client,
            channel: format!("kafedra:{namespace}:presence"),
            link: None,
            stop: stop.clone(),
        };
        tokio::spawn(driver.run());
        Ok(Self::new(shared, Some(stop.drop_guard())))
    }
}

/// Asks a Redis for its version, over RESP3 as presence will.
///
/// # Errors
/// [`PresenceError`]: malformed address, no answer, a refused password, or a server older than RESP3 (before 6).
pub async fn probe(url: &str, password: Option<&str>) -> Result<String, PresenceError> {
    let client = client(url, password)?;
    let asked = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<()>(&mut connection).await?;
        redis::cmd("INFO").arg("server").query_async::<String>(&mut connection).await
    };
    let info = tokio::time::timeout(PROBE_WAIT, asked).await.map_err(|_| PresenceError::Silent)?;
    let info = info.map_err(PresenceError::Refused)?;
    Ok(info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("unknown").trim().to_owned())
}

fn client(url: &str, password: Option<&str>) -> Result<Client, PresenceError> {
    let info = url.into_connection_info().map_err(PresenceError::Address)?;
    // RESP3 carries subscriptions and commands on one connection, which is what resubscription needs.
    let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    Client::open(info.set_redis_settings(settings)).map_err(PresenceError::Address)
}

/// The only place of presence that reads a clock.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A connection that has subscribed, and what arrives on it.
struct Link {
    connection: ConnectionManager,
    inbox: mpsc::Receiver<Vec<u8>>,
}

struct Driver {
    shared: Arc<Shared>,
    client: Client,
    channel: String,
    link: Option<Link>,
    stop: CancellationToken,
}

enum Event {
    Arrived(Vec<u8>),
    Woken,
    TimedOut,
    Stopped,
}

impl Driver {
    async fn run(mut self) {
        loop {
            self.drain().await;
            match self.next_event().await {
                Event::Arrived(payload) => self.shared.apply(|state| state.handle_payload(now(), &payload)),
                Event::TimedOut => self.shared.apply(|state| state.handle_timeout(now())),
                Event::Woken => {}
                Event::Stopped => break,
            }
        }
        self.shared.apply(State::handle_shutdown);
        self.drain().await;
    }

    async fn next_event(&mut self) -> Event {
        let deadline = self.shared.state().poll_timeout();
        let timeout = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let arrival = async {
            match &mut self.link {
                Some(link) => link.inbox.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => Event::Stopped,
            // The sender lives as long as the connection, so `None` cannot come while we hold it; treat it as a wake.
            payload = arrival => payload.map_or(Event::Woken, Event::Arrived),
            () = self.shared.wake.notified() => Event::Woken,
            () = timeout => Event::TimedOut,
        }
    }

    /// Does what the machine asks until it asks for nothing.
    async fn drain(&mut self) {
        loop {
            let mut notes = Vec::new();
            let mut reconnect = false;
            {
                let mut state = self.shared.state();
                while let Some(output) = state.poll_output() {
                    match output {
                        Output::Publish(note) => notes.push(note),
                        Output::Reconnect => reconnect = true,
                    }
                }
            }
            if notes.is_empty() && !reconnect {
                return;
            }
            if reconnect && !self.stop.is_cancelled() {
                self.reconnect().await;
            }
            self.publish(&notes).await;
        }
    }

    async fn publish(&mut self, notes: &[Note]) {
        let Some(link) = self.link.as_mut().filter(|_| !notes.is_empty()) else { return };
        let mut pipeline = redis::pipe();
        for note in notes {
            pipeline.cmd("PUBLISH").arg(&self.channel).arg(note.to_payload()).ignore();
        }
        let sent = tokio::time::timeout(PATIENCE, pipeline.exec_async(&mut link.connection)).await;
        if !matches!(sent, Ok(Ok(()))) {
            // Not handled here: lost notes show as a gap, a dead connection as beats that do not come back.
            tracing::debug!(notes = notes.len(), "presence notes were not sent");
        }
    }

    async fn reconnect(&mut self) {
        // Let go of the old one first, with its own attempts to come back.
        self.link = None;
        match tokio::time::timeout(PATIENCE, self.connect()).await {
            Ok(Ok(link)) => {
                self.link = Some(link);
                self.shared.apply(|state| state.handle_connected(now()));
            }
            Ok(Err(error)) => tracing::debug!(%error, "no connection to redis for presence"),
            Err(_) => tracing::debug!("redis did not answer in time for presence"),
        }
    }

    async fn connect(&self) -> redis::RedisResult<Link> {
        let (arrivals, inbox) = mpsc::channel(INBOX);
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(PATIENCE)
            .set_push_sender(move |push: PushInfo| match payload_of(push) {
                // A full inbox loses the note, not the connection: the next beat shows the gap.
                Some(payload) => match arrivals.try_send(payload) {
                    Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
                    Err(mpsc::error::TrySendError::Closed(_)) => Err(redis::aio::SendError),
                },
                None => Ok(()),
            })
            .set_automatic_resubscription();
        let mut connection = ConnectionManager::new_with_config(self.client.clone(), config).await?;
        connection.subscribe(&self.channel).await?;
        Ok(Link { connection, inbox })
    }
}

/// The payload of a published message; `None` for every other push.
fn payload_of(push: PushInfo) -> Option<Vec<u8>> {
    match (push.kind, push.data.into_iter().nth(1)) {
        (PushKind::Message, Some(Value::BulkString(payload))) => Some(payload),
        _ => None,
    }
}
