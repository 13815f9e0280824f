//! The core of one worker: every room, transport and source it carries, and the timers over them.
//!
//! Drain contract: any number of `handle_*` calls, then [`Sfu::poll_output`] until `None`, then wait until
//! [`Sfu::poll_timeout`] or the next datagram. Media of a batch of datagrams leaves in the `poll_output` after it, and the
//! packets of a picture wait a moment for its last one, so that they form one train per receiver.

mod egress;
pub mod fault;
mod ingress;
mod offer;
mod rate;
mod report;
mod slots;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;

use crate::bandwidth::budget::Claim;
use crate::demux::{self, Demux};
use crate::forward::{Source, SourceIndex, Subscriber};
use crate::model::{PeerKey, Publish, RoomKey, SfuEvent, SlotWish, SourceKey};
use crate::output::Batch;
use crate::path::Path;
use crate::random::Random;
use crate::speaker::Speakers;
use crate::stats::{Counters, Load};
use crate::transport::dtls::{DtlsEvent, Identity};
use crate::transport::{Role, Timer, Transport, TransportIndex, srtp};

/// What a core is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host candidates for the answers, best first.
    pub candidates: Vec<SocketAddr>,
    /// Passive TCP candidates (RFC 6544), best first.
    pub tcp_candidates: Vec<SocketAddr>,
    /// This worker's number: user fragments tell it, so that a connection to a shared port finds its worker.
    pub worker: u8,
    /// Credentials and SSRCs come out of this: from the system's randomness, or fixed in tests.
    pub seed: [u8; 32],
    /// Origin of the core's clock in sender reports.
    pub started: Instant,
    /// Most transports on this worker; the next offer is refused.
    pub max_transports: usize,
    /// How long the packets of a picture wait for its last one, to leave as one train per receiver. Sound never waits.
    pub linger: Duration,
}

/// Why a core could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no cryptography provider")]
    Crypto(#[source] rtc::crypto::CryptoError),
    #[error("no certificate could be generated")]
    Certificate(#[source] rtc::shared::error::Error),
}

/// What the core wants done.
#[derive(Debug)]
pub enum Output<'a> {
    /// Send these; the batch is empty again at the next call.
    Transmit(&'a Batch),
    /// Tell this room.
    Event(RoomKey, SfuEvent),
}

#[derive(Debug, Default)]
struct Room {
    peers: HashMap<PeerKey, TransportIndex>,
    sources: HashMap<SourceKey, SourceIndex>,
    speakers: Speakers,
    /// What `Speakers` said last.
    told: Vec<PeerKey>,
    /// Next look at the speakers; `None` while nobody is heard.
    tick: Option<Instant>,
    /// Last packet with a level.
    heard: Option<Instant>,
}

/// Entries of the timer heap. A stale entry (re-armed earlier, or its owner gone) is skipped when it comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    Transport(TransportIndex, Timer),
    Speakers(RoomKey),
}

/// The core of one worker.
pub struct Sfu {
    config: Config,
    identity: Arc<Identity>,
    random: Random,
    demux: Demux,
    rooms: HashMap<RoomKey, Room>,
    transports: Vec<Option<Box<Transport>>>,
    sources: Vec<Option<Box<Source>>>,
    timers: BinaryHeap<Reverse<(Instant, Wake)>>,
    /// Sources with packets that are not forwarded yet, in the order of their first.
    dirty: Vec<SourceIndex>,
    batch: Batch,
    /// The batch was given out by the last `poll_output`.
    lent: bool,
    events: VecDeque<(RoomKey, SfuEvent)>,
    /// The newest time told.
    now: Instant,
    counters: Counters,
    scratch: Vec<u16>,
    claims: Vec<Claim>,
    /// Receivers that did not take at once what one source had for them.
    backed_up: Vec<Subscriber>,
    /// In whose work we are: what a panic costs. `None`: in nobody's.
    work: Option<TransportIndex>,
    /// Peers in whose work a panic fell, to be dropped.
    doomed: Vec<TransportIndex>,
    /// How many receivers of a source have been served: where forwarding goes on after a panic.
    served: Option<(SourceIndex, usize)>,
    fault: Option<fault::Fault>,
}

impl Sfu {
    /// A core without rooms.
    ///
    /// # Errors
    /// When there is no cryptography.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let crypto: Arc<dyn RTCCryptoProvider> = rtc::crypto::default_provider().map_err(StartError::Crypto)?;
        let identity = Identity::generate(crypto.clone()).map_err(StartError::Certificate)?;
        Ok(Self {
            random: Random::new(crypto, config.seed),
            now: config.started,
            config,
            identity: Arc::new(identity),
            demux: Demux::default(),
            rooms: HashMap::new(),
            transports: Vec::new(),
            sources: Vec::new(),
            timers: BinaryHeap::new(),
            dirty: Vec::new(),
            batch: Batch::default(),
            lent: false,
            events: VecDeque::new(),
            counters: Counters::default(),
            scratch: Vec::new(),
            claims: Vec::new(),
            backed_up: Vec::new(),
            work: None,
            doomed: Vec::new(),
            served: None,
            fault: None,
        })
    }

    /// A room that may have peers from now on.
    pub fn open_room(&mut self, room: RoomKey) {
        self.rooms.entry(room).or_default();
    }

    /// Ends every peer of the room. No events: the room asked for it.
    pub fn close_room(&mut self, room: RoomKey) {
        let Some(state) = self.rooms.get(&room) else { return };
        let peers: Vec<PeerKey> = state.peers.keys().copied().collect();
        for peer in peers {
            self.drop_peer(room, peer);
        }
        self.rooms.remove(&room);
        self.events.retain(|(owner, _)| *owner != room);
    }

    /// Ends a peer: its sources leave, its slots are free.
    pub fn drop_peer(&mut self, room: RoomKey, peer: PeerKey) {
        let Some(index) = self.rooms.get_mut(&room).and_then(|room| room.peers.remove(&peer)) else { return };
        self.drop_transport(room, index);
    }

    /// Ends a transport, whoever stands for its peer by now.
    fn drop_transport(&mut self, room: RoomKey, index: TransportIndex) {
        let Some(transport) = self.transport(index) else { return };
        let lines = transport.lines.len();
        for line in 0..lines {
            self.clear_line(index, line);
        }
        let Some(transport) = self.transports[index.0].take() else { return };
        for credentials in transport.ice.generations() {
            self.demux.remove_ufrag(&credentials.ufrag);
        }
        for path in transport.ice.paths() {
            self.demux.remove_path(&path, index);
        }
        self.assign_audio(room);
    }

    /// What a peer may send, from the next packet on.
    pub fn allow(&mut self, room: RoomKey, peer: PeerKey, allowed: Publish) {
        let Some(index) = self.peer(room, peer) else { return };
        self.work = Some(index);
        let Some(transport) = self.transport(index) else { return };
        let sources: Vec<SourceIndex> = transport.sources().collect();
        for place in sources {
            let Some(source) = self.source(place) else { continue };
            let may = allowed.allows(source.kind);
            if std::mem::replace(&mut source.allowed, may) != may {
                self.interrupt(place);
            }
        }
    }

    /// Stops or resumes forwarding of a source.
    pub fn pause(&mut self, room: RoomKey, source: SourceKey, paused: bool) {
        let Some(index) = self.rooms.get(&room).and_then(|room| room.sources.get(&source).copied()) else { return };
        self.work = None;
        if let Some(source) = self.source(index) {
            source.paused = paused;
        }
        self.interrupt(index);
    }

    /// Says that the payload of a source is encrypted end to end, or no longer is. What is forwarded from then on is not
    /// looked at and not changed by a byte: key frames and layers are known by the dependency descriptor or frame marking.
    pub fn set_encrypted(&mut self, room: RoomKey, source: SourceKey, is_encrypted: bool) {
        let Some(index) = self.rooms.get(&room).and_then(|room| room.sources.get(&source).copied()) else { return };
        self.work = None;
        if let Some(source) = self.source(index) {
            source.is_encrypted = is_encrypted;
        }
        self.interrupt(index);
    }

    /// What a receiver wants on its slots; replaces the earlier wish.
    pub fn set_slots(&mut self, now: Instant, room: RoomKey, peer: PeerKey, mut wishes: Vec<SlotWish>) {
        self.now = now;
        wishes.truncate(crate::sdp::MAX_LINES);
        let Some(index) = self.peer(room, peer) else { return };
        self.work = Some(index);
        if self.fault == Some(fault::Fault::Command(peer)) {
            self.trip(fault::Fault::Command(peer));
        }
        let Some(transport) = self.transport(index) else { return };
        transport.wishes = wishes;
        self.apply_wishes(index);
        self.assign_audio_of(room, index);
    }

    /// Takes a datagram; it is decrypted in place.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        self.now = now;
        self.recycle();
        self.counters.datagrams_received += 1;
        let kind = demux::classify(datagram);
        if kind == demux::Kind::Stun {
            self.handle_check(now, path, datagram);
            return;
        }
        // MD-01: nothing but an authenticated check opens this door.
        let Some(index) = self.demux.by_path(&path) else {
            self.counters.strangers += 1;
            return;
        };
        self.work = Some(index);
        if self.fault.is_some()
            && let Some(transport) = self.transport(index)
        {
            let peer = transport.peer;
            self.trip(fault::Fault::Datagram(peer));
        }
        match kind {
            demux::Kind::Dtls => self.handle_dtls(now, index, datagram),
            demux::Kind::Rtp => self.handle_rtp(now, index, datagram),
            demux::Kind::Rtcp => self.handle_rtcp(now, index, path, datagram),
            demux::Kind::Stun | demux::Kind::Unknown => {}
        }
    }

    /// Whether this path has passed a check and belongs to a transport that is still there.
    pub fn is_valid(&self, path: &Path) -> bool {
        self.demux.by_path(path).is_some()
    }

    /// A connection is closed: its path is no more, and a new one between the same addresses has to pass its own check.
    pub fn handle_closed(&mut self, now: Instant, path: Path) {
        self.now = now;
        let Some(index) = self.demux.by_path(&path) else { return };
        self.work = Some(index);
        self.demux.remove_path(&path, index);
        if let Some(transport) = self.transport(index) {
            transport.ice.remove_path(path);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.recycle();
        while let Some(Reverse((at, wake))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            match wake {
                Wake::Transport(index, timer) => {
                    if let Some(transport) = self.transport(index)
                        && transport.armed[timer as usize] == Some(at)
                    {
                        transport.armed[timer as usize] = None;
                        self.fire(now, index, timer);
                    }
                }
                Wake::Speakers(room) => {
                    self.work = None;
                    self.look_at_speakers(now, room, at);
                }
            }
        }
    }

    /// When [`Sfu::handle_timeout`] wants to be called next; `None`: nothing pending.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waiting =
            self.dirty.iter().filter_map(|place| self.sources.get(place.0)?.as_ref()).map(|source| source.due);
        self.timers.peek().map(|Reverse((at, _))| *at).into_iter().chain(waiting).min()
    }

    /// Until when the packets of a picture are gathered; `None`: nothing is on its way.
    pub fn gathers_until(&self) -> Option<Instant> {
        let waiting = self.dirty.iter().filter_map(|place| self.sources.get(place.0)?.as_ref());
        waiting.map(|source| source.due).filter(|due| *due > self.now).min()
    }

    /// The next thing to do; `None`: all done.
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        self.recycle();
        self.flush(egress::SLAB_BYTES);
        if !self.batch.is_empty() {
            self.lent = true;
            return Some(Output::Transmit(&self.batch));
        }
        self.events.pop_front().map(|(room, event)| Output::Event(room, event))
    }

    /// What this worker carries now.
    pub fn load(&self) -> Load {
        Load {
            rooms: self.rooms.len(),
            transports: self.transports.iter().flatten().count(),
            sources: self.sources.iter().flatten().count(),
            counters: self.counters,
        }
    }

    /// Nothing is left of any peer (leak check of the tests).
    pub fn is_empty(&self) -> bool {
        self.load().transports == 0 && self.load().sources == 0 && self.demux.is_empty()
    }

    fn recycle(&mut self) {
        self.work = None;
        if self.lent {
            self.batch.clear();
            self.lent = false;
        }
    }

    fn peer(&self, room: RoomKey, peer: PeerKey) -> Option<TransportIndex> {
        self.rooms.get(&room)?.peers.get(&peer).copied()
    }

    fn transport(&mut self, index: TransportIndex) -> Option<&mut Transport> {
        self.transports.get_mut(index.0)?.as_deref_mut()
    }

    fn source(&mut self, index: SourceIndex) -> Option<&mut Source> {
        self.sources.get_mut(index.0)?.as_deref_mut()
    }

    fn tell(&mut self, room: RoomKey, event: SfuEvent) {
        self.events.push_back((room, event));
    }

    /// Makes sure a timer fires no later than `at`.
    fn arm(&mut self, index: TransportIndex, timer: Timer, at: Instant) {
        let Some(transport) = self.transport(index) else { return };
        let armed = &mut transport.armed[timer as usize];
        if armed.is_none_or(|armed| at < armed) {
            *armed = Some(at);
            self.timers.push(Reverse((at, Wake::Transport(index, timer))));
        }
    }

    /// When feedback to the peers of a room is due next: to all of them at one time, for each time is a wake-up, and one for
    /// ten publishers costs little more than one for one. Rooms lie apart, so that no worker has all of them at once.
    fn feedback_at(&self, now: Instant, room: RoomKey) -> Instant {
        let interval = Timer::FEEDBACK_INTERVAL.as_micros() as u64;
        let phase = room.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) % interval;
        let elapsed = now.saturating_duration_since(self.config.started).as_micros() as u64;
        now + Duration::from_micros(interval - (elapsed + phase) % interval)
    }

    fn fire(&mut self, now: Instant, index: TransportIndex, timer: Timer) {
        self.work = Some(index);
        if self.fault.is_some()
            && let Some(transport) = self.transport(index)
        {
            let peer = transport.peer;
            self.trip(fault::Fault::Timer(peer));
        }
        match timer {
            Timer::Dtls => {
                let alive = self.transport(index).is_some_and(|transport| transport.dtls.handle_timeout(now));
                self.send_dtls(index);
                if !alive {
                    self.disconnect(index);
                }
            }
            Timer::Consent => {
                let Some(transport) = self.transport(index) else { return };
                let is_late = transport.connects_by.is_some_and(|by| now >= by);
                if transport.ice.handle_timeout(now) || is_late {
                    self.disconnect(index);
                }
                let Some(transport) = self.transport(index) else { return };
                if let Some(next) = transport.ice.consent_ends().into_iter().chain(transport.connects_by).min() {
                    self.arm(index, Timer::Consent, next);
                }
            }
            Timer::Report => {
                self.send_reports(now, index);
                self.divide(now, index);
                self.arm(index, Timer::Report, now + Timer::REPORT_INTERVAL);
            }
            Timer::Feedback => self.send_feedback(now, index),
            Timer::Budget => self.divide(now, index),
            Timer::Pace => self.release(now, index),
        }
    }

    fn handle_check(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        let found = crate::transport::ice::ufrag_of(datagram).and_then(|ufrag| self.demux.by_ufrag(ufrag));
        let identity = self.identity.clone();
        self.work = found;
        let owner = self.demux.by_path(&path);
        let accepted = found.and_then(|index| {
            // A source address is easily forged, and the password of one's own offer known: who sends checks in the name of
            // another's address would take its path. Who comes to an address after somebody else has left it waits a moment.
            let is_other = |owner: &TransportIndex| *owner != index;
            if let Some(Some(owner)) = owner.filter(is_other).and_then(|owner| self.transports.get(owner.0))
                && !owner.dtls.is_closed()
                && owner.ice.holds(now, path)
            {
                return None;
            }
            let transport = self.transport(index)?;
            let accepted = transport.ice.handle_check(now, path, datagram, identity.crypto.crypto())?;
            Some((index, accepted))
        });
        let Some((index, accepted)) = accepted else {
            self.counters.checks_refused += 1;
            return;
        };
        self.counters.checks_answered += 1;
        self.batch.push(path, &accepted.response);
        if accepted.is_copy {
            return;
        }
        // Nothing more goes there for whoever had it before.
        if let Some(before) = owner.filter(|owner| *owner != index).and_then(|owner| self.transport(owner)) {
            before.ice.remove_path(path);
        }
        self.demux.add_path(path, index);
        if let Some(path) = accepted.evicted {
            self.demux.remove_path(&path, index);
        }
        if let Some(credentials) = accepted.retired {
            self.demux.remove_ufrag(&credentials.ufrag);
        }
        self.arm(index, Timer::Consent, now + crate::transport::ice::CONSENT);
        self.check_connected(index);
    }

    fn handle_dtls(&mut self, now: Instant, index: TransportIndex, datagram: &[u8]) {
        let identity = self.identity.clone();
        let Some(transport) = self.transport(index) else { return };
        match transport.dtls.handle_datagram(now, datagram) {
            Some(DtlsEvent::Established(keys)) => {
                transport.srtp = srtp::session(&keys, identity.crypto.crypto()).ok();
                self.send_dtls(index);
                self.arm(index, Timer::Report, now + Timer::REPORT_INTERVAL);
                self.check_connected(index);
            }
            Some(DtlsEvent::Closed) => {
                self.send_dtls(index);
                self.disconnect(index);
                if let Some(transport) = self.transport(index) {
                    transport.srtp = None;
                }
            }
            None => self.send_dtls(index),
        }
    }

    fn send_dtls(&mut self, index: TransportIndex) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let to = transport.ice.selected();
        while let Some(datagram) = transport.dtls.poll_transmit() {
            if let Some(to) = to {
                self.batch.push(to, &datagram);
            }
        }
        if let Some(at) = transport.dtls.poll_timeout() {
            self.arm(index, Timer::Dtls, at);
        }
    }

    /// Says `Connected` when consent and keys have both come (back).
    fn check_connected(&mut self, index: TransportIndex) {
        let Some(transport) = self.transport(index) else { return };
        if transport.is_connected || !transport.is_ready() {
            return;
        }
        transport.is_connected = true;
        transport.connects_by = None;
        let (room, peer) = (transport.room, transport.peer);
        // What was missed in the meantime is not worth repeating: start every picture with a key frame.
        let mut waiting = Vec::new();
        for (_, slot) in transport.slots_mut() {
            if slot.source.is_some() {
                slot.interrupt();
                waiting.extend(slot.source);
            }
        }
        self.tell(room, SfuEvent::Connected { peer });
        for source in waiting {
            self.want_awaited(source);
        }
    }

    /// Says `Disconnected`, also of a peer that never got so far as to be connected.
    fn disconnect(&mut self, index: TransportIndex) {
        let Some(transport) = self.transport(index) else { return };
        let was_awaited = transport.connects_by.take().is_some();
        if std::mem::take(&mut transport.is_connected) || was_awaited {
            let (room, peer) = (transport.room, transport.peer);
            let places: Vec<SourceIndex> = transport.sources().collect();
            self.tell(room, SfuEvent::Disconnected { peer });
            // The room forgets the sources with the connection; what comes after it is announced again.
            for place in places {
                if let Some(source) = self.source(place) {
                    source.announced = false;
                    source.paused = true;
                }
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.speakers.remove(place);
                }
            }
            self.assign_audio(room);
        }
    }

    fn look_at_speakers(&mut self, now: Instant, key: RoomKey, at: Instant) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        if room.tick != Some(at) {
            return;
        }
        let changed = room.speakers.handle_timeout(now);
        let peers: Vec<PeerKey> = room
            .speakers
            .speaking(now)
            .into_iter()
            .filter_map(|source| self.sources.get(source.0)?.as_ref().map(|source| source.peer))
            .collect();
        if peers != room.told {
            room.told.clone_from(&peers);
            self.events.push_back((key, SfuEvent::Speakers { peers }));
        }
        // A silent room costs nothing: the next level starts the clock again.
        let idle = room.heard.is_none_or(|heard| now.saturating_duration_since(heard).as_secs() >= 3);
        room.tick = (!idle || !room.told.is_empty()).then(|| now + crate::speaker::TICK);
        if let Some(at) = room.tick {
            self.timers.push(Reverse((at, Wake::Speakers(key))));
        }
        if changed {
            self.assign_audio(key);
        }
    }

    /// Places a value in the first free slot of a table.
    fn place<T>(table: &mut Vec<Option<Box<T>>>, value: T) -> usize {
        let free = table.iter().position(Option::is_none).unwrap_or_else(|| {
            table.push(None);
            table.len() - 1
        });
        table[free] = Some(Box::new(value));
        free
    }

    fn role(&mut self, index: TransportIndex, line: usize) -> Option<&mut Role> {
        Some(&mut self.transport(index)?.lines.get_mut(line)?.role)
    }
}
