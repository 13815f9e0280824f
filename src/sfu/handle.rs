//! Handles to the SFU workers: what the rooms hold. Cheap to clone; every call is a message to one worker's thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use media::model::{OfferRequest, PeerKey, Publish, RoomKey, SfuEvent, SlotWish, SourceKey};
use media::sfu::fault::Fault;
use media::stats::{Load, RoomReport};
use tokio::sync::{mpsc, oneshot};

use super::socket::Waker;
use super::tcp::Stray;

/// Events that may wait for a room before its worker keeps them back.
const EVENT_CAPACITY: usize = 1024;

/// Why an offer got no answer.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The client's fault: tell it, keep the seat.
    #[error("the offer is not acceptable")]
    Refused(#[from] media::error::OfferError),
    /// The room or the worker is gone.
    #[error("the media worker is not available")]
    Unavailable,
}

/// What a room asks of its worker.
#[derive(Debug)]
pub(crate) enum Command {
    Open {
        room: RoomKey,
        events: mpsc::Sender<SfuEvent>,
    },
    Offer {
        room: RoomKey,
        peer: PeerKey,
        offer: OfferRequest,
        answer: oneshot::Sender<Result<String, OfferError>>,
    },
    Allow {
        room: RoomKey,
        peer: PeerKey,
        allowed: Publish,
    },
    Pause {
        room: RoomKey,
        source: SourceKey,
        paused: bool,
    },
    Encrypted {
        room: RoomKey,
        source: SourceKey,
        is_encrypted: bool,
    },
    Slots {
        room: RoomKey,
        peer: PeerKey,
        slots: Vec<SlotWish>,
    },
    Report {
        room: RoomKey,
        answer: oneshot::Sender<Option<RoomReport>>,
    },
    Drop {
        room: RoomKey,
        peer: PeerKey,
    },
    Close {
        room: RoomKey,
    },
    Load {
        answer: oneshot::Sender<Load>,
    },
    /// A connection that another worker took belongs here.
    Adopt(Box<Stray>),
    /// Lets the core fall (tests).
    Fail {
        fault: Fault,
    },
    /// Every handle is gone.
    Stop,
}

/// The way into one worker's thread.
#[derive(Debug)]
pub(crate) struct WorkerPort {
    // Unbounded on purpose: a lost `Allow` or `Drop` would be a hole in the rights, and what can fill the queue is
    // bounded where it comes from (the rate limit of every signaling socket).
    commands: std::sync::mpsc::Sender<Command>,
    waker: Arc<Waker>,
    candidates: Vec<SocketAddr>,
    tcp_candidates: Vec<SocketAddr>,
    rooms: AtomicUsize,
}

impl Drop for WorkerPort {
    fn drop(&mut self) {
        self.send(Command::Stop);
    }
}

impl WorkerPort {
    pub(crate) fn new(
        commands: std::sync::mpsc::Sender<Command>,
        waker: Arc<Waker>,
        candidates: Vec<SocketAddr>,
        tcp_candidates: Vec<SocketAddr>,
    ) -> Self {
        Self { commands, waker, candidates, tcp_candidates, rooms: AtomicUsize::new(0) }
    }

    /// A worker of which the test does the work.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (Arc<Self>, std::sync::mpsc::Receiver<Command>) {
        let (commands, asked) = std::sync::mpsc::channel();
        let waker = Arc::new(Waker::new().expect("there are file descriptors"));
        (Arc::new(Self::new(commands, waker, Vec::new(), Vec::new())), asked)
    }

    /// Queues a command. `false`: the worker is gone.
    fn send(&self, command: Command) -> bool {
        let is_queued = self.commands.send(command).is_ok();
        self.waker.wake();
        is_queued
    }
}

/// All workers. Clone freely.
#[derive(Clone, Debug)]
pub struct SfuHandle {
    workers: Arc<[Arc<WorkerPort>]>,
    next_room: Arc<AtomicU64>,
}

impl SfuHandle {
    /// The handle over ports that `worker::start` made; at least one.
    pub(crate) fn new(workers: Vec<Arc<WorkerPort>>) -> Self {
        assert!(!workers.is_empty(), "an SFU has at least one worker");
        Self { workers: workers.into(), next_room: Arc::new(AtomicU64::new(1)) }
    }

    /// Where the workers are reached: the candidates of their answers.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        self.workers.iter().flat_map(|worker| worker.candidates.iter().copied()).collect()
    }

    /// Where clients without UDP connect, whichever worker their room is on.
    pub fn tcp_candidates(&self) -> Vec<SocketAddr> {
        self.workers.first().map(|worker| worker.tcp_candidates.clone()).unwrap_or_default()
    }

    /// What each worker carries now, for metrics. A worker that is gone is left out.
    pub async fn load(&self) -> Vec<Load> {
        let mut loads = Vec::with_capacity(self.workers.len());
        for worker in self.workers.iter() {
            let (answer, result) = oneshot::channel();
            worker.send(Command::Load { answer });
            loads.extend(result.await.ok());
        }
        loads
    }

    /// Opens a room on the least loaded worker. The receiver ends (`None`) when the room is closed or the worker is gone.
    pub fn open_room(&self) -> (MediaRoom, mpsc::Receiver<SfuEvent>) {
        let (events, receiver) = mpsc::channel(EVENT_CAPACITY);
        let room = RoomKey(self.next_room.fetch_add(1, Ordering::Relaxed));
        let worker = self
            .workers
            .iter()
            .min_by_key(|worker| worker.rooms.load(Ordering::Relaxed))
            .expect("an SFU has at least one worker")
            .clone();
        worker.rooms.fetch_add(1, Ordering::Relaxed);
        worker.send(Command::Open { room, events });
        (MediaRoom { room, worker }, receiver)
    }
}

/// One room on its worker. Clone freely; `close` ends it for all clones.
#[derive(Clone, Debug)]
pub struct MediaRoom {
    room: RoomKey,
    worker: Arc<WorkerPort>,
}

impl MediaRoom {
    /// Answers an offer: the first of this peer makes its transport, later ones renegotiate or restart ICE.
    ///
    /// # Errors
    /// [`OfferError::Refused`] when the offer breaks a limit or lacks what the hub needs; nothing changed then.
    pub async fn offer(&self, peer: PeerKey, offer: OfferRequest) -> Result<String, OfferError> {
        let (answer, result) = oneshot::channel();
        self.worker.send(Command::Offer { room: self.room, peer, offer, answer });
        result.await.unwrap_or(Err(OfferError::Unavailable))
    }

    /// Lets this room's worker fall, once: how containment is tested.
    #[doc(hidden)]
    pub fn fail(&self, fault: Fault) {
        self.worker.send(Command::Fail { fault });
    }

    /// A trickled candidate. The hub is ICE-lite and never sends a check: there is nothing to do with it.
    pub fn candidate(&self, _peer: PeerKey, _candidate: String) {}

    /// What the peer may send, from the next packet on.
    pub fn allow(&self, peer: PeerKey, allowed: Publish) {
        let room = self.room;
        self.worker.send(Command::Allow { room, peer, allowed });
    }

    /// Stops or resumes the forwarding of one source.
    pub fn pause(&self, source: SourceKey, paused: bool) {
        let room = self.room;
        self.worker.send(Command::Pause { room, source, paused });
    }

    /// Says that a source's payload is encrypted end to end, or that it is not.
    pub fn set_encrypted(&self, source: SourceKey, is_encrypted: bool) {
        let room = self.room;
        self.worker.send(Command::Encrypted { room, source, is_encrypted });
    }

    /// Every figure of the room. `None`: the room or the worker is gone.
    pub async fn report(&self) -> Option<RoomReport> {
        let (answer, report) = oneshot::channel();
        self.worker.send(Command::Report { room: self.room, answer });
        report.await.ok()?
    }

    /// What a receiver wants to see, as `(mid, source, max_height)`; replaces the earlier wish. Audio slots that are not
    /// listed are filled with the loudest sources but the receiver's own.
    pub fn slots(&self, peer: PeerKey, slots: Vec<(String, Option<SourceKey>, u16)>) {
        let slots = slots.into_iter().map(|(mid, source, max_height)| SlotWish { mid, source, max_height }).collect();
        let room = self.room;
        self.worker.send(Command::Slots { room, peer, slots });
    }

    /// Ends a peer: its sources leave, its transport is gone.
    pub fn drop_peer(&self, peer: PeerKey) {
        let room = self.room;
        self.worker.send(Command::Drop { room, peer });
    }

    /// Ends the room and every peer in it.
    pub fn close(&self) {
        let room = self.room;
        if self.worker.send(Command::Close { room }) {
            self.worker.rooms.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
