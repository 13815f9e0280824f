//! One OS thread per worker: it owns one `media` core, its UDP sockets and its TCP connections, and nothing else touches
//! them.
//!
//! The loop: wait for a datagram, a command or the core's next timer; take a batch; send what the core wants sent. At most
//! `DATAGRAM_BATCHES` batches are taken before sending, so that a flood of input cannot hold back the output.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self as std_mpsc, TryRecvError};
use std::thread;
use std::time::Instant;

use media::model::{RoomKey, SfuEvent};
use media::sfu::{Config, Output, Sfu};
use tokio::sync::mpsc;

use super::epoll::{Alarm, Epoll, Interest};
use super::handle::{Command, OfferError, SfuHandle, WorkerPort};
use super::socket::{Poller, Socket, Waker, interface_addresses};
use super::tcp::{Arrival, CONNECTIONS, Stray, Tcp, listen};

/// Receive batches of 64 per turn.
const DATAGRAM_BATCHES: usize = 4;
/// Events kept for a room that does not take them; beyond, the room is cut off and its receiver ends.
const BACKLOG: usize = 4096;
/// Transports per worker: three times the busiest school.
const TRANSPORTS: usize = 4096;
/// One train costs little more than one packet, and a picture sent at once arrives within microseconds; what a publisher
/// spreads over milliseconds is not waited for.
const LINGER: std::time::Duration = std::time::Duration::from_micros(300);
/// How long the thread sleeps while a picture is on its way: its packets come within microseconds of each other, and each
/// would wake the thread. Sound that comes meanwhile waits so long.
const NAP: std::time::Duration = std::time::Duration::from_micros(100);
/// Candidates of each kind in an answer: a machine with more addresses sets `media.advertise`.
const CANDIDATES: usize = 12;
/// Connections of strangers in one worker's inbox, of up to 64 KiB each; more are closed.
const STRAYS: usize = 64;
/// Commands of one turn; then media has its turn.
const COMMANDS: usize = 256;
/// What a worker waits for, beside its sockets, whose tokens are their places.
const WAKER: u64 = u64::MAX;
const TCP: u64 = u64::MAX - 1;
const ALARM: u64 = u64::MAX - 2;
/// Workers of one hub: user fragments have a byte for the number.
const WORKERS: usize = 256;
/// Panics in putting right what one has broken: each gets a transport further.
const RECOVERIES: usize = 2 * TRANSPORTS;

/// How the SFU is bound and reached.
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// Addresses to bind, each with the worker's port. Default: all of this machine's.
    pub bind: Vec<IpAddr>,
    /// UDP port of the first worker; the next workers take the next ports. 0: any free port (tests).
    pub first_port: u16,
    /// UDP port of the first worker as clients see it, when a router maps another one to it. 0: `first_port`.
    pub first_public_port: u16,
    /// TCP port that all workers share, for clients without UDP; 0: any free port (tests). `None`: no TCP.
    pub tcp_port: Option<u16>,
    /// TCP port as clients see it. 0: the one above.
    pub public_tcp_port: u16,
    /// Addresses put into the answers. Empty: every address of the machine's interfaces, loopback last.
    pub advertise: Vec<IpAddr>,
    /// Worker threads; 0: one per processor.
    pub workers: usize,
}

impl Default for SfuConfig {
    fn default() -> Self {
        Self {
            bind: vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
            first_port: 8090,
            first_public_port: 0,
            tcp_port: Some(8090),
            public_tcp_port: 0,
            advertise: Vec::new(),
            workers: 1,
        }
    }
}

/// Why the workers do not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot bind the UDP port {port} of media; another port: --udp-port")]
    Udp {
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("cannot bind the TCP port {port} of media; another port: media.tcp_port, none at all: media.tcp = false")]
    Tcp {
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("the media core does not start")]
    Core(#[source] media::sfu::StartError),
    /// No descriptors or threads are left.
    #[error("the system has no resources for media")]
    System(#[from] io::Error),
}

/// Other ports that are tried when the system's choice does not fit all addresses.
const PORT_TRIES: usize = 16;

/// Binds the ports and starts the threads. A thread ends when every handle to it is dropped.
///
/// # Errors
/// See [`StartError`].
pub fn start(config: &SfuConfig) -> Result<SfuHandle, StartError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let workers = if config.workers == 0 { processors } else { config.workers };
    let workers = workers.min(WORKERS);
    let bind: Vec<IpAddr> = config.bind.iter().copied().filter(|ip| is_there(*ip)).collect();
    let listeners = match config.tcp_port {
        Some(port) => {
            on_any_port(port, || listen(&bind.iter().map(|ip| SocketAddr::new(*ip, port)).collect::<Vec<_>>()))
                .map_err(|source| StartError::Tcp { port, source })?
        }
        None => Vec::new(),
    };
    let mut doors = Vec::new();
    let mut inboxes = Vec::new();
    for _ in 0..workers {
        let (commands, inbox) = std_mpsc::channel();
        doors.push(Door { commands, waker: Arc::new(Waker::new()?), strays: Arc::default() });
        inboxes.push(inbox);
    }
    let doors: Arc<[Door]> = doors.into();
    let started = inboxes.into_iter().enumerate().map(|(number, inbox)| {
        let listeners = listeners.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        start_worker(config, &bind, number as u8, inbox, doors.clone(), listeners)
    });
    let ports = started.collect::<Result<Vec<_>, StartError>>();
    if ports.is_err() {
        // The threads that did start hold the doors of each other: they have to be told.
        for door in doors.iter() {
            door.send(Command::Stop);
        }
    }
    Ok(SfuHandle::new(ports?))
}

/// Connections over TCP that so many workers take at most.
pub fn most_tcp_connections(workers: usize) -> usize {
    workers.min(WORKERS) * CONNECTIONS
}

/// Whether this machine has the family at all: hosts without IPv6 are common, and no reason not to start.
fn is_there(ip: IpAddr) -> bool {
    !ip.is_unspecified() || Socket::bind(SocketAddr::new(ip, 0)).is_ok()
}

fn start_worker(
    config: &SfuConfig,
    bind: &[IpAddr],
    number: u8,
    inbox: std_mpsc::Receiver<Command>,
    doors: Arc<[Door]>,
    listeners: Vec<TcpListener>,
) -> Result<Arc<WorkerPort>, StartError> {
    let nth = |first: u16| if first == 0 { 0 } else { first.saturating_add(u16::from(number)) };
    let port = nth(config.first_port);
    let sockets = bind_udp(bind, port).map_err(|source| StartError::Udp { port, source })?;
    let bound: Vec<SocketAddr> = sockets.iter().map(Socket::local).collect();
    let candidates = candidates(&config.advertise, &bound, nth(config.first_public_port));
    let bound = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    let tcp_candidates = self::candidates(&config.advertise, &bound, config.public_tcp_port);
    let core = Sfu::new(Config {
        candidates: candidates.clone(),
        tcp_candidates: tcp_candidates.clone(),
        worker: number,
        seed: rand::random(),
        started: now(),
        max_transports: TRANSPORTS,
        linger: LINGER,
    })
    .map_err(StartError::Core)?;
    let Door { commands, waker, .. } = doors[usize::from(number)].clone();
    let tcp = Tcp::new(number, listeners)?;
    let epoll = Epoll::new()?;
    for (place, socket) in sockets.iter().enumerate() {
        epoll.add(socket, place as u64, Interest::Read)?;
    }
    epoll.add(&*waker, WAKER, Interest::Read)?;
    epoll.add(&tcp, TCP, Interest::Read)?;
    let alarm = Alarm::new()?;
    epoll.add(&alarm, ALARM, Interest::Read)?;
    let worker = Worker {
        core,
        sockets,
        tcp,
        epoll,
        alarm,
        inbox,
        waker: waker.clone(),
        doors,
        rooms: HashMap::new(),
        behind: Vec::new(),
    };
    thread::Builder::new().name(format!("sfu-{number}")).spawn(move || run_or_abort(worker))?;
    Ok(Arc::new(WorkerPort::new(commands, waker, candidates, tcp_candidates)))
}

/// One socket for each address, all on one port. Port 0: any port that is free for all of them.
fn bind_udp(bind: &[IpAddr], port: u16) -> io::Result<Vec<Socket>> {
    on_any_port(port, || bind_udp_once(bind, port))
}

/// Tries again where the port is left to the system: what it chose for the first address may be taken on the next.
fn on_any_port<T>(port: u16, bind: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let mut bound = bind();
    for _ in 0..PORT_TRIES {
        match &bound {
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse => bound = bind(),
            _ => break,
        }
    }
    bound
}

fn bind_udp_once(bind: &[IpAddr], port: u16) -> io::Result<Vec<Socket>> {
    let mut sockets: Vec<Socket> = Vec::new();
    for ip in bind {
        let port = sockets.first().map_or(port, |first| first.local().port());
        sockets.push(Socket::bind(SocketAddr::new(*ip, port))?);
    }
    if sockets.is_empty() {
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no address to bind"));
    }
    Ok(sockets)
}

/// The host candidates for what is bound: each advertised address of its family, or the bound address itself.
fn candidates(advertise: &[IpAddr], bound: &[SocketAddr], public_port: u16) -> Vec<SocketAddr> {
    let found = if advertise.is_empty() { interface_addresses() } else { advertise.to_vec() };
    let mut candidates: Vec<SocketAddr> = Vec::new();
    for address in bound {
        let port = if public_port == 0 { address.port() } else { public_port };
        let ip = address.ip();
        let of_wildcard = ip.is_unspecified() || !advertise.is_empty();
        let ips = if of_wildcard { &found[..] } else { std::slice::from_ref(&ip) };
        for ip in ips.iter().filter(|found| found.is_ipv4() == ip.is_ipv4()) {
            let candidate = SocketAddr::new(*ip, port);
            // Two bound addresses may stand behind one public one.
            if !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
    }
    // What everybody reaches first, loopback last, whatever the order of binding.
    candidates.sort_by_key(|candidate| candidate.ip().is_loopback());
    candidates.truncate(CANDIDATES);
    candidates
}

/// The way into a worker's thread, for the other workers.
#[derive(Clone, Debug)]
struct Door {
    commands: std_mpsc::Sender<Command>,
    waker: Arc<Waker>,
    /// Connections of strangers that wait in the inbox.
    strays: Arc<AtomicUsize>,
}

impl Door {
    fn send(&self, command: Command) {
        // A thread that has ended takes nothing any more, and needs nothing.
        let _ = self.commands.send(command);
        self.waker.wake();
    }

    /// Hands a connection over. What is too many is closed: whoever sends them has not shown yet that it is anybody's.
    fn send_stray(&self, stray: Stray) {
        if self.strays.fetch_add(1, Ordering::Relaxed) >= STRAYS {
            self.strays.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        self.send(Command::Adopt(Box::new(stray)));
    }
}

/// A panic outside what [`contain`] holds would end the thread in silence: rooms would wait for a worker that is gone.
fn run_or_abort(worker: Worker) {
    if !survives(|| worker.run()) {
        tracing::error!("a media worker has fallen");
        std::process::abort();
    }
}

/// Packets that neither the kernel nor a connection took.
fn note_dropped(reason: &'static str, count: u64) {
    if count > 0 {
        metrics::counter!("kafedra_media_packets_dropped_total", "reason" => reason).increment(count);
    }
}

/// The driver's clock: tokio's, so that paused time drives the tests that have a runtime.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Whether the work came to its end. A panic is our bug.
fn survives(work: impl FnOnce()) -> bool {
    let survived = catch_unwind(AssertUnwindSafe(work)).is_ok();
    if !survived {
        tracing::error!("the media core panicked");
        metrics::counter!("kafedra_panics_total", "where" => "media").increment(1);
    }
    survived
}

/// After a panic: it costs the peer in whose work it fell its transport, not every room of the worker (MD-21).
fn recover(core: &mut Sfu) {
    for _ in 0..RECOVERIES {
        if survives(|| core.recover()) {
            return;
        }
    }
    // A worker that can do nothing but fall would hold its rooms for ever: a supervisor starts the hub again, and
    // everybody comes back to their seat.
    tracing::error!("the media core does not recover");
    std::process::abort();
}

/// Work of the core alone, under that containment.
fn contain(core: &mut Sfu, work: impl FnOnce(&mut Sfu)) {
    if !survives(|| work(core)) {
        recover(core);
    }
}

/// Gives whether the core knows the path then: a check has passed on it.
fn handle_arrival(core: &mut Sfu, doors: &[Door], now: Instant, arrival: Arrival<'_>) -> bool {
    match arrival {
        Arrival::Datagram(path, datagram) => {
            contain(core, |core| core.handle_datagram(now, path, datagram));
            return core.is_valid(&path);
        }
        Arrival::Closed(path) => contain(core, |core| core.handle_closed(now, path)),
        // A number that is no worker's: the connection is dropped, and with it closed.
        Arrival::Stray(stray) => {
            if let Some(door) = doors.get(usize::from(stray.worker)) {
                door.send_stray(stray);
            }
        }
    }
    false
}

struct RoomPort {
    events: mpsc::Sender<SfuEvent>,
    /// What did not fit into the channel yet.
    backlog: VecDeque<SfuEvent>,
}

struct Worker {
    core: Sfu,
    sockets: Vec<Socket>,
    tcp: Tcp,
    /// Of the sockets, the waker, the TCP connections and the alarm.
    epoll: Epoll,
    alarm: Alarm,
    inbox: std_mpsc::Receiver<Command>,
    waker: Arc<Waker>,
    /// Of all workers, this one among them.
    doors: Arc<[Door]>,
    rooms: HashMap<RoomKey, RoomPort>,
    /// Rooms with events that their channel has not taken yet.
    behind: Vec<RoomKey>,
}

impl Worker {
    fn run(mut self) {
        // Known before the first one, so that its rise is seen.
        for reason in ["refused", "tcp_full"] {
            metrics::counter!("kafedra_media_packets_dropped_total", "reason" => reason).increment(0);
        }
        let mut nap = Poller::new([self.waker.fd()]);
        let mut ready = Vec::new();
        let mut is_behind = false;
        loop {
            let time = now();
            let wait = self.core.poll_timeout().into_iter().chain(self.tcp.poll_timeout()).min();
            let wait = wait.map(|at| at.saturating_duration_since(time));
            // A room that lags behind gets its events on a later turn.
            let lagging = !self.behind.is_empty();
            let patience = std::time::Duration::from_millis(20);
            if let (Some(due), Some(wait), false) = (self.core.gathers_until(), wait, is_behind) {
                let rest = due.saturating_duration_since(time);
                // What rooms ask for ends the nap; packets do not.
                nap.wait(Some(rest.min(wait).min(NAP)));
                self.epoll.ready(&mut ready);
            } else {
                let most = if lagging { Some(patience) } else { None };
                match wait.into_iter().chain(most).min() {
                    Some(std::time::Duration::ZERO) => self.epoll.ready(&mut ready),
                    Some(wait) => {
                        self.alarm.ring_by(time, time + wait);
                        self.epoll.wait(&mut ready);
                    }
                    None => self.epoll.wait(&mut ready),
                }
            }
            let is_ready = |token| ready.iter().any(|ready| ready.token == token);
            if is_ready(ALARM) {
                self.alarm.clear();
            }
            if is_ready(WAKER) {
                self.waker.clear();
                if !self.take_commands() {
                    return;
                }
            }
            is_behind = false;
            for (place, socket) in self.sockets.iter_mut().enumerate() {
                if !is_ready(place as u64) {
                    continue;
                }
                for turn in 1..=DATAGRAM_BATCHES {
                    let more = socket.receive();
                    let now = now();
                    for (path, datagram) in socket.datagrams() {
                        contain(&mut self.core, |core| core.handle_datagram(now, path, datagram));
                    }
                    if !more {
                        break;
                    }
                    is_behind |= turn == DATAGRAM_BATCHES;
                }
            }
            let now = now();
            let (core, doors) = (&mut self.core, &self.doors);
            self.tcp.receive(now, is_ready(TCP), |arrival| handle_arrival(core, doors, now, arrival));
            self.tcp.sweep(now, |path| core.is_valid(path));
            contain(core, |core| core.handle_timeout(now));
            self.contain(Self::drain);
        }
    }

    fn contain(&mut self, work: impl FnOnce(&mut Self)) {
        if !survives(|| work(self)) {
            recover(&mut self.core);
            // What the others get, and the word of who fell, wait for no other occasion.
            if !survives(|| self.drain()) {
                recover(&mut self.core);
            }
        }
    }

    /// Does what the rooms ask, a bounded part of it. `false`: every handle is gone.
    fn take_commands(&mut self) -> bool {
        for _ in 0..COMMANDS {
            match self.inbox.try_recv() {
                Err(TryRecvError::Empty) => return true,
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Ok(command) => self.contain(|worker| worker.handle_command(command)),
            }
            self.contain(Self::drain);
        }
        // There may be more: media first.
        self.waker.wake();
        true
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
            Command::Adopt(stray) => {
                self.doors[usize::from(stray.worker)].strays.fetch_sub(1, Ordering::Relaxed);
                let now = now();
                let (core, doors) = (&mut self.core, &self.doors);
                self.tcp.adopt(now, *stray, |arrival| handle_arrival(core, doors, now, arrival));
            }
            Command::Fail { fault } => self.core.set_fault(fault),
            Command::Stop => {}
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Transmit(batch) => {
                    let refused = self.sockets.iter_mut().map(|socket| socket.send(batch)).sum();
                    note_dropped("refused", refused);
                    if !self.tcp.is_empty() {
                        note_dropped("tcp_full", self.tcp.send(now(), batch));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_name_what_browsers_reach_not_what_is_bound() {
        let all = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        for (advertise, bound, public_port, expected) in [
            // Behind a router that maps the address, and one that maps the port as well.
            (vec!["203.0.113.5"], vec!["10.0.0.2:8090"], 0, vec!["203.0.113.5:8090"]),
            (vec!["203.0.113.5"], vec!["10.0.0.2:8090"], 40_000, vec!["203.0.113.5:40000"]),
            // Each family by its own.
            (
                vec!["203.0.113.5", "2001:db8::5"],
                vec!["0.0.0.0:8090", "[::]:8090"],
                0,
                vec!["203.0.113.5:8090", "[2001:db8::5]:8090"],
            ),
            // Two bound addresses behind one.
            (vec!["203.0.113.5"], vec!["10.0.0.2:1", "10.0.0.3:1"], 0, vec!["203.0.113.5:1"]),
            // Nothing advertised: what is bound, loopback last.
            (vec![], vec!["127.0.0.1:7", "10.0.0.2:7"], 0, vec!["10.0.0.2:7", "127.0.0.1:7"]),
        ] {
            assert_eq!(
                candidates(&ips(&advertise), &all(&bound), public_port),
                all(&expected),
                "{advertise:?} {bound:?}"
            );
        }
    }
}
