//! One OS thread per worker: it owns one `media` core and its UDP sockets, and nothing else touches either.
//!
//! The loop: wait for a datagram, a command or the core's next timer; take a batch; send what the core wants sent. At most
//! `DATAGRAM_BATCHES` batches are taken before sending, so that a flood of input cannot hold back the output.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self as std_mpsc, TryRecvError};
use std::thread;
use std::time::Instant;

use media::model::{RoomKey, SfuEvent};
use media::sfu::{Config, Output, Sfu};
use tokio::sync::mpsc;

use super::handle::{Command, OfferError, SfuHandle, WorkerPort};
use super::socket::{Socket, Waker, interface_addresses, wait_readable};

/// Receive batches of 64 per turn.
const DATAGRAM_BATCHES: usize = 4;
/// Events kept for a room that does not take them; beyond, the room is cut off and its receiver ends.
const BACKLOG: usize = 4096;
/// Transports per worker: three times the busiest school.
const TRANSPORTS: usize = 4096;
/// One train costs little more than one packet, and a picture sent at once arrives within microseconds; what a publisher
/// spreads over milliseconds is not waited for.
const LINGER: std::time::Duration = std::time::Duration::from_micros(300);

/// How the SFU is bound and reached.
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// Addresses to bind, each with the worker's port: at most one of each family. Default: all of IPv4.
    pub bind: Vec<IpAddr>,
    /// UDP port of the first worker; the next workers take the next ports. 0: any free port (tests).
    pub first_port: u16,
    /// Addresses put into the answers. Empty: every address of the machine's interfaces, loopback last.
    pub advertise: Vec<IpAddr>,
    /// Worker threads; 0: one per processor.
    pub workers: usize,
}

impl Default for SfuConfig {
    fn default() -> Self {
        Self { bind: vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)], first_port: 8090, advertise: Vec::new(), workers: 1 }
    }
}

/// Binds the ports and starts the threads. A thread ends when every handle to it is dropped.
///
/// # Errors
/// When a port cannot be bound or a thread not started.
pub fn start(config: &SfuConfig) -> io::Result<SfuHandle> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let workers = if config.workers == 0 { processors } else { config.workers };
    let ports = (0..workers).map(|number| start_worker(config, number)).collect::<io::Result<Vec<_>>>()?;
    Ok(SfuHandle::new(ports))
}

fn start_worker(config: &SfuConfig, number: usize) -> io::Result<Arc<WorkerPort>> {
    let port = if config.first_port == 0 { 0 } else { config.first_port.saturating_add(number as u16) };
    let mut sockets = Vec::new();
    for ip in &config.bind {
        // A second family on an ephemeral port follows the first, so that one port is announced.
        let port = sockets.first().map_or(port, |first: &Socket| first.local().port());
        let address = SocketAddr::new(*ip, port);
        sockets.push(Socket::bind(address)?);
    }
    let candidates = candidates(&config.advertise, &sockets);
    let core = Sfu::new(Config {
        candidates: candidates.clone(),
        seed: rand::random(),
        started: now(),
        max_transports: TRANSPORTS,
        linger: LINGER,
    })
    .map_err(io::Error::other)?;
    let waker = Arc::new(Waker::new()?);
    let (commands, inbox) = std_mpsc::channel();
    let worker = Worker { core, sockets, inbox, waker: waker.clone(), rooms: HashMap::new(), behind: Vec::new() };
    thread::Builder::new().name(format!("sfu-{number}")).spawn(move || worker.run())?;
    Ok(Arc::new(WorkerPort::new(commands, waker, candidates)))
}

/// The host candidates of a worker: each advertised address that one of its sockets can be reached on.
fn candidates(advertise: &[IpAddr], sockets: &[Socket]) -> Vec<SocketAddr> {
    let found = if advertise.is_empty() { interface_addresses() } else { advertise.to_vec() };
    let mut candidates = Vec::new();
    for socket in sockets {
        let (ip, port) = (socket.local().ip(), socket.local().port());
        if ip.is_unspecified() || !advertise.is_empty() {
            let same_family = found.iter().filter(|found| found.is_ipv4() == ip.is_ipv4());
            candidates.extend(same_family.map(|ip| SocketAddr::new(*ip, port)));
        } else {
            candidates.push(socket.local());
        }
    }
    candidates
}

/// The driver's clock: tokio's, so that paused time drives the tests that have a runtime.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A panic is our bug; it costs the packet or command that met it, not every room of the worker.
fn contain(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("the media core panicked");
        metrics::counter!("kafedra_media_panics_total").increment(1);
    }
}

struct RoomPort {
    events: mpsc::Sender<SfuEvent>,
    /// What did not fit into the channel yet.
    backlog: VecDeque<SfuEvent>,
}

struct Worker {
    core: Sfu,
    sockets: Vec<Socket>,
    inbox: std_mpsc::Receiver<Command>,
    waker: Arc<Waker>,
    rooms: HashMap<RoomKey, RoomPort>,
    /// Rooms with events that their channel has not taken yet.
    behind: Vec<RoomKey>,
}

impl Worker {
    fn run(mut self) {
        let mut fds: Vec<_> = self.sockets.iter().map(Socket::fd).collect();
        fds.push(self.waker.fd());
        loop {
            let wait = self.core.poll_timeout().map(|at| at.saturating_duration_since(now()));
            // A room that lags behind gets its events on a later turn.
            let lagging = !self.behind.is_empty();
            let patience = std::time::Duration::from_millis(20);
            wait_readable(&fds, if lagging { Some(wait.map_or(patience, |wait| wait.min(patience))) } else { wait });
            self.waker.clear();
            if !self.take_commands() {
                return;
            }
            for socket in &mut self.sockets {
                for _ in 0..DATAGRAM_BATCHES {
                    let more = socket.receive();
                    let now = now();
                    for (from, datagram) in socket.datagrams() {
                        contain(|| self.core.handle_datagram(now, from, datagram));
                    }
                    if !more {
                        break;
                    }
                }
            }
            contain(|| self.core.handle_timeout(now()));
            contain(|| self.drain());
        }
    }

    /// Does what the rooms ask. `false`: every handle is gone.
    fn take_commands(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Err(TryRecvError::Empty) => return true,
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Ok(command) => contain(|| self.handle_command(command)),
            }
            contain(|| self.drain());
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Open { room, events } => {
                self.core.open_room(room);
                self.rooms.insert(room, RoomPort { events, backlog: VecDeque::new() });
            }
            Command::Offer { room, peer, offer, answer } => {
                let result = self.core.handle_offer(now(), room, peer, &offer);
                if let Err(error) = &result {
                    tracing::debug!(%error, "offer refused");
                }
                // Who asked may be gone; then nobody waits for the answer.
                let _ = answer.send(result.map_err(OfferError::from));
            }
            Command::Allow { room, peer, allowed } => self.core.allow(room, peer, allowed),
            Command::Pause { room, source, paused } => self.core.pause(room, source, paused),
            Command::Encrypted { room, source, is_encrypted } => self.core.set_encrypted(room, source, is_encrypted),
            Command::Report { room, answer } => {
                let _ = answer.send(self.core.report(now(), room));
            }
            Command::Slots { room, peer, slots } => self.core.set_slots(now(), room, peer, slots),
            Command::Drop { room, peer } => self.core.drop_peer(room, peer),
            Command::Close { room } => {
                self.core.close_room(room);
                self.rooms.remove(&room);
            }
            Command::Load { answer } => {
                let _ = answer.send(self.core.load());
            }
            Command::Stop => {}
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Transmit(batch) => {
                    for socket in &mut self.sockets {
                        socket.send(batch);
                    }
                }
                Output::Event(room, event) => {
                    if let Some(port) = self.rooms.get_mut(&room) {
                        if port.backlog.is_empty() {
                            self.behind.push(room);
                        }
                        port.backlog.push_back(event);
                    }
                }
            }
        }
        let (core, rooms) = (&mut self.core, &mut self.rooms);
        self.behind.retain(|room| {
            let Some(port) = rooms.get_mut(room) else { return false };
            let waits = deliver(*room, port);
            if waits.is_none() {
                core.close_room(*room);
                rooms.remove(room);
            }
            waits == Some(true)
        });
    }
}

/// Hands a room its events. Whether some still wait; `None`: the room is given up.
fn deliver(room: RoomKey, port: &mut RoomPort) -> Option<bool> {
    while let Some(event) = port.backlog.pop_front() {
        match port.events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(event)) => {
                port.backlog.push_front(event);
                break;
            }
            // The room's task is gone without a word.
            Err(mpsc::error::TrySendError::Closed(_)) => return None,
        }
    }
    if port.backlog.len() > BACKLOG {
        tracing::error!(room = room.0, "room takes no media events: cut off");
        return None;
    }
    Some(!port.backlog.is_empty())
}
