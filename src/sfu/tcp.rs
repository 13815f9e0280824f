//! ICE over TCP of one worker (RFC 6544, passive side): clients whose network lets no UDP through connect here. The
//! worker's thread owns every connection, nothing blocks, and the core sees datagrams with a path like any other.
//!
//! A connection is a stranger until a check over it has passed ([`Tcp::sweep`] closes those that stay one), and is closed
//! soon after its transport is gone. Workers share one port: whose a connection is stands in the user fragment of its first
//! check, and it is handed over when it is another's ([`Stray`]).

mod connection;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use media::demux::{self, Kind};
use media::output::Batch;
use media::path::{Path, Protocol};
use media::transport::ice;

use self::connection::{Connection, Read};
use super::epoll::{Epoll, Interest, Ready};

/// Connections of one worker; the next are refused. A whole school without UDP, twice.
pub const CONNECTIONS: usize = 2048;
/// Connections of one worker that have not passed a check; the oldest makes room. Their clients send one within a moment.
const STRANGERS: usize = 256;
/// The same from one address (IPv6: one /64); the next is refused. A school behind one address connects one after another.
const STRANGERS_OF_ONE: usize = 64;
/// Connections taken per turn.
const ACCEPTS: usize = 32;
/// A connection that is nobody's for this long is closed: it never had a check, or its transport has ended.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that takes no byte of what waits for this long is closed: its client is gone, or stopped reading.
const STALLED: Duration = Duration::from_secs(10);
/// How often those two are looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// Rest after the system had no descriptor for a connection: the listener stays ready, and asking again at once is a loop.
const REST: Duration = Duration::from_secs(1);
/// Tokens of listeners; connections count up from zero.
const LISTENER: u64 = 1 << 63;

/// A connection that belongs to another worker, with what was read from it.
#[derive(Debug)]
pub struct Stray {
    pub worker: u8,
    stream: TcpStream,
    /// Whole frames and perhaps the beginning of one, as they came.
    read: Vec<u8>,
}

/// What has come.
pub enum Arrival<'a> {
    Datagram(Path, &'a mut [u8]),
    Closed(Path),
    Stray(Stray),
}

/// The listeners and connections of one worker.
#[derive(Debug)]
pub struct Tcp {
    worker: u8,
    epoll: Epoll,
    listeners: Vec<TcpListener>,
    connections: HashMap<u64, Connection>,
    by_path: HashMap<Path, u64>,
    next: u64,
    /// Tokens of connections that have not passed a check, oldest first; some may be gone.
    strangers: VecDeque<u64>,
    /// Closed, and the core does not know yet.
    closed: Vec<Path>,
    ready: Vec<Ready>,
    /// Accepting goes on then.
    rests_until: Option<Instant>,
    next_sweep: Option<Instant>,
    buffer: Vec<u8>,
}

impl AsRawFd for Tcp {
    /// Readable when [`Tcp::receive`] has work.
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.fd()
    }
}

impl Tcp {
    /// Over listeners that may be shared with other workers; none: this worker has no TCP.
    ///
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn new(worker: u8, listeners: Vec<TcpListener>) -> io::Result<Self> {
        let tcp = Self {
            worker,
            epoll: Epoll::new()?,
            listeners,
            connections: HashMap::new(),
            by_path: HashMap::new(),
            next: 0,
            strangers: VecDeque::new(),
            closed: Vec::new(),
            ready: Vec::new(),
            rests_until: None,
            next_sweep: None,
            buffer: vec![0; 64 << 10],
        };
        tcp.watch_listeners()?;
        Ok(tcp)
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// When [`Tcp::sweep`] wants to be called; `None`: nothing pending.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_sweep.into_iter().chain(self.rests_until).min()
    }

    /// Takes connections and what they have brought, a bounded part of it. `each` says of a datagram whether its path is
    /// valid now: its connection is no stranger's then. `is_readable`: whether its descriptor is.
    pub fn receive(&mut self, now: Instant, is_readable: bool, mut each: impl FnMut(Arrival<'_>) -> bool) {
        self.tell_closed(&mut each);
        if !is_readable {
            return;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.epoll.ready(&mut ready);
        for Ready { token, can_read, can_write } in ready.drain(..) {
            if token >= LISTENER {
                self.accept(now, (token - LISTENER) as usize);
                continue;
            }
            if can_write {
                self.flush(now, token);
            }
            if can_read {
                self.read(now, token, &mut each);
            }
        }
        self.ready = ready;
        self.tell_closed(&mut each);
    }

    fn tell_closed(&mut self, each: &mut impl FnMut(Arrival<'_>) -> bool) {
        for path in self.closed.drain(..) {
            each(Arrival::Closed(path));
        }
    }

    /// Writes the trains that go over TCP; gives how many datagrams found no room. What a slow connection cannot take is
    /// lost, as it would be over UDP: media that waits is worth nothing.
    pub fn send(&mut self, now: Instant, batch: &Batch) -> u64 {
        let mut lost = 0;
        for train in batch.trains().iter().filter(|train| train.to.protocol == Protocol::Tcp) {
            let Some(token) = self.by_path.get(&train.to).copied() else { continue };
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            for datagram in batch.slab()[train.start..train.start + train.length].chunks(train.segment) {
                lost += u64::from(!connection.queue(now, datagram));
            }
            self.flush(now, token);
        }
        lost
    }

    /// Takes over a connection that came to another worker; `each` as in [`Tcp::receive`].
    pub fn adopt(&mut self, now: Instant, mut stray: Stray, mut each: impl FnMut(Arrival<'_>) -> bool) {
        let Some(token) = self.take(now, stray.stream) else { return };
        // It may stand in the place of an older one, whose end is told before what the new one brings.
        self.tell_closed(&mut each);
        let Some(connection) = self.connections.get_mut(&token) else { return };
        // Its first check was for this worker: it is not looked at again.
        connection.is_placed = true;
        let path = connection.path;
        let mut is_valid = false;
        let cut = connection.cut(&mut stray.read, |datagram| is_valid |= each(Arrival::Datagram(path, datagram)));
        if is_valid {
            connection.prove(now);
        }
        if cut.is_err() {
            self.close(token, "garbage");
        }
    }

    /// Closes connections that are nobody's and those that take nothing, and goes on accepting after a rest.
    pub fn sweep(&mut self, now: Instant, is_valid: impl Fn(&Path) -> bool) {
        if self.rests_until.is_some_and(|until| now >= until) {
            self.rests_until = None;
            if let Err(error) = self.watch_listeners() {
                tracing::error!(%error, "no connections are taken for now");
                self.rest(now);
            }
        }
        if self.next_sweep.is_none_or(|at| now < at) {
            return;
        }
        let mut over = Vec::new();
        for (token, connection) in &mut self.connections {
            if is_valid(&connection.path) {
                connection.prove(now);
            }
            if now.saturating_duration_since(connection.valid_at) >= PATIENCE {
                over.push((*token, if connection.is_stranger { "silent" } else { "ended" }));
            } else if connection.stalled_for(now) >= STALLED {
                over.push((*token, "stalled"));
            }
        }
        for (token, why) in over {
            self.close(token, why);
        }
        self.strangers.retain(|token| self.connections.get(token).is_some_and(|connection| connection.is_stranger));
        self.next_sweep = (!self.connections.is_empty()).then(|| now + SWEEP);
    }

    fn watch_listeners(&self) -> io::Result<()> {
        for (number, listener) in self.listeners.iter().enumerate() {
            self.epoll.add(listener, LISTENER + number as u64, Interest::Shared)?;
        }
        Ok(())
    }

    /// Looks at no listener for a while.
    fn rest(&mut self, now: Instant) {
        for listener in &self.listeners {
            // One that is not in the set needs no removing.
            let _ = self.epoll.remove(listener);
        }
        self.rests_until = Some(now + REST);
    }

    fn accept(&mut self, now: Instant, listener: usize) {
        for _ in 0..ACCEPTS {
            match self.listeners[listener].accept() {
                Ok((stream, _)) => {
                    self.take(now, stream);
                }
                // `ECONNABORTED` and the like are about one connection; another worker may have been faster.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_exhaustion(&error) => {
                    tracing::warn!(%error, "no descriptor for a media connection");
                    self.rest(now);
                    return;
                }
                Err(_) => {}
            }
        }
    }

    /// `None`: refused.
    fn take(&mut self, now: Instant, stream: TcpStream) -> Option<u64> {
        let connection = Connection::new(now, stream).ok()?;
        let of_one = block_of(connection.path.remote);
        let strangers = || self.strangers.iter().filter_map(|token| self.connections.get(token));
        let same = strangers().filter(|other| other.is_stranger && block_of(other.path.remote) == of_one).count();
        if same >= STRANGERS_OF_ONE || self.connections.len() >= CONNECTIONS {
            count("refused");
            return None;
        }
        // A new connection between the same addresses: the old one is gone, only nobody has said so yet.
        if let Some(old) = self.by_path.get(&connection.path).copied() {
            self.close(old, "replaced");
        }
        if self.strangers.len() >= STRANGERS
            && let Some(oldest) = self.strangers.pop_front()
        {
            // One that has passed its check meanwhile only leaves the list.
            if self.connections.get(&oldest).is_some_and(|connection| connection.is_stranger) {
                self.close(oldest, "crowded_out");
            }
        }
        let token = self.next;
        self.next += 1;
        self.epoll.add(&connection.stream, token, Interest::Read).ok()?;
        self.by_path.insert(connection.path, token);
        self.connections.insert(token, connection);
        self.strangers.push_back(token);
        self.next_sweep.get_or_insert(now + SWEEP);
        count("accepted");
        Some(token)
    }

    fn read(&mut self, now: Instant, token: u64, each: &mut impl FnMut(Arrival<'_>) -> bool) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let length = match connection.read(&mut self.buffer) {
            Read::Bytes(length) => length,
            Read::Nothing => return,
            Read::End => {
                self.close(token, "closed");
                return;
            }
        };
        let path = connection.path;
        let bytes = &mut self.buffer[..length];
        if !connection.is_placed {
            connection.is_placed = true;
            if let Some(worker) = owner(bytes).filter(|worker| *worker != self.worker) {
                let read = bytes.to_vec();
                if let Some(stream) = self.give_away(token) {
                    each(Arrival::Stray(Stray { worker, stream, read }));
                }
                return;
            }
        }
        let mut is_valid = false;
        let cut = connection.cut(bytes, |datagram| is_valid |= each(Arrival::Datagram(path, datagram)));
        if is_valid {
            connection.prove(now);
        }
        if cut.is_err() {
            self.close(token, "garbage");
        }
    }

    fn flush(&mut self, now: Instant, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let waited = connection.waits_to_write;
        if connection.flush(now).is_err() {
            self.close(token, "closed");
            return;
        }
        if connection.waits_to_write != waited {
            let interest = if connection.waits_to_write { Interest::ReadAndWrite } else { Interest::Read };
            if self.epoll.change(&connection.stream, token, interest).is_err() {
                self.close(token, "closed");
            }
        }
    }

    fn close(&mut self, token: u64, why: &'static str) {
        let Some(connection) = self.connections.remove(&token) else { return };
        self.by_path.remove(&connection.path);
        self.closed.push(connection.path);
        count(why);
    }

    /// Takes a connection out; nothing has come over it yet that the core has seen.
    fn give_away(&mut self, token: u64) -> Option<TcpStream> {
        let connection = self.connections.remove(&token)?;
        self.by_path.remove(&connection.path);
        self.epoll.remove(&connection.stream).ok()?;
        Some(connection.stream)
    }
}

/// The worker that a connection's first check is for; `None`: no check, or it has not come whole. Then it stays where it
/// is: what is no check at all is refused by any worker alike. (A check has some 100 bytes and is one segment.)
fn owner(read: &[u8]) -> Option<u8> {
    let (head, rest) = read.split_first_chunk::<2>()?;
    let datagram = rest.get(..usize::from(u16::from_be_bytes(*head)))?;
    if demux::classify(datagram) != Kind::Stun {
        return None;
    }
    ice::worker_of(ice::ufrag_of(datagram)?)
}

/// Addresses that one sender has: an IPv4 address, or the /64 that a host picks its own from.
fn block_of(address: SocketAddr) -> u64 {
    match address.ip() {
        IpAddr::V4(v4) => u64::from(u32::from(v4)),
        IpAddr::V6(v6) => (u128::from(v6) >> 64) as u64,
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

fn count(what: &'static str) {
    metrics::counter!("kafedra_media_tcp_connections_total", "event" => what).increment(1);
}

/// Listeners at these addresses, non-blocking. Port 0: any free port, the same for all.
///
/// # Errors
/// When one is taken or not ours.
pub fn listen(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    for address in addresses {
        let mut address = *address;
        if let Some(first) = listeners.first().filter(|_| address.port() == 0) {
            address.set_port(first.local_addr()?.port());
        }
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Connections of the hub's last life may still linger.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        listeners.push(socket.into());
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests;
