//! One task per room: owns the machine, its SFU room and its bindings; a loop over a closed set of events.
//!
//! After every event the machine is drained. Nothing here waits: outboxes are pushed, writes and offers run beside the
//! loop and come back as events. A panic is contained, counted, and the room is built anew from the store; its clients
//! are told to reconnect.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{FutureExt as _, StreamExt as _};
use media::model::{OfferRequest, SfuEvent};
use media::stats::RoomReport;
use signaling::ids::{PeerId, PersonId, ResumeToken};
use signaling::message::session::{
    CloseReason, Closed, IceServer, IceServersChanged, MemberView, Reconnect, RoomRole, RoomState, RoomView,
};
use signaling::message::{ClientMessage, ServerMessage};
use signaling::refusal::RefusalCode;
use signaling::room::{Admission, Control, Kept, MediaCommand, MediaEvent, Output, Record, Room, Stored};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::media_keys::{MediaKeys, sfu_kind, sfu_publish};
use super::media_watch::{self, MediaDump, MediaWatch};
use super::outbox::{Outbox, encode};
use super::records::{Clerk, Evidence};
use super::registry::{RoomEvent, RoomSpec, Rooms};
use crate::domain::ids::{ConsultationId, SchoolId};
use crate::sfu::handle::{MediaRoom, OfferError};
use crate::store::origin::Origin;

/// Messages of all its connections that may wait for a room; then the connections wait, each reading no further.
pub(super) const INBOX: usize = 1_024;
/// Those present are written down as still present this often.
const BEAT: Duration = Duration::from_secs(20);
/// The end by the host is kept within this, or people are let go without (the scheduler tries on).
const END_WAIT: Duration = Duration::from_secs(3);
/// Reports of one room under way at once.
const MOST_REPORTS: usize = 8;
/// After this many panics a room is closed instead of built anew.
const MOST_PANICS: u32 = 3;

/// What reaches a room.
pub(super) enum Event {
    Join {
        peer: PeerId,
        admission: Admission,
        binding: Binding,
        answer: oneshot::Sender<Result<(), RefusalCode>>,
    },
    Resume {
        person: PersonId,
        /// What the door says that they are today.
        role: RoomRole,
        /// The child beside whom the door lets them sit today.
        beside: Option<PersonId>,
        token: ResumeToken,
        chat_seq: u64,
        binding: Binding,
        answer: oneshot::Sender<Result<PeerId, RefusalCode>>,
    },
    /// Beside whom the seat of this token is.
    Beside {
        token: ResumeToken,
        answer: oneshot::Sender<Option<PersonId>>,
    },
    /// `binding`: of whoever says it. A connection that lost its seat to another is not heard.
    Message {
        peer: PeerId,
        binding: u64,
        message: ClientMessage,
    },
    Disconnect {
        peer: PeerId,
        binding: u64,
    },
    Control(Control),
    Snapshot(oneshot::Sender<(RoomView, Vec<MemberView>)>),
    /// Every figure of the room's media. Dropped when there is none.
    Dump(oneshot::Sender<MediaDump>),
    /// Everybody reconnects: the hub stops. Answered when what was under way is kept.
    Stop(oneshot::Sender<()>),
    #[cfg(test)]
    Panic,
}

/// Where a seat's messages go.
#[derive(Debug)]
pub(super) enum Sink {
    Socket(Outbox),
    /// A headless seat, which gets what it `reads`. A full channel loses the message: its reader has given up. Boxed: the
    /// channel holds room for 32, of the largest message, 18 KB for each seat.
    Program {
        channel: mpsc::Sender<Box<ServerMessage>>,
        reads: fn(&ServerMessage) -> bool,
    },
}

/// A seat's tie to its connection.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) id: u64,
    pub(super) sink: Sink,
    /// Tells the connection that its seat is gone.
    pub(super) gone: CancellationToken,
    /// From where the connection comes.
    pub(super) origin: Option<Origin>,
    /// Whoever is unbound has been told why; else the room died, and the client should come back.
    pub(super) told: bool,
}

impl Binding {
    fn send(&self, message: &ServerMessage) {
        match &self.sink {
            Sink::Socket(outbox) => outbox.message(message),
            Sink::Program { channel, reads } if reads(message) => {
                let _ = channel.try_send(Box::new(message.clone()));
            }
            Sink::Program { .. } => {}
        }
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        if !self.told {
            self.send(&ServerMessage::Reconnect(Reconnect { after_ms: 500 }));
        }
        self.gone.cancel();
    }
}

/// Starts the task. It ends when the room is closed, or with `Event::Stop`.
pub(super) fn start(rooms: Rooms, spec: RoomSpec, inbox: mpsc::Receiver<Event>, room: Room) {
    tokio::spawn(supervise(rooms, spec, inbox, room));
}

async fn supervise(rooms: Rooms, spec: RoomSpec, mut inbox: mpsc::Receiver<Event>, room: Room) {
    let mut room = Some(room);
    let mut panics = 0;
    let clerk = Clerk {
        store: rooms.store().clone(),
        clock: rooms.clock().clone(),
        school: SchoolId::new(spec.school.as_str()),
        room: ConsultationId::new(spec.room.as_str()),
        timing: rooms.timing(),
    };
    let evidence = Evidence::start(clerk.clone());
    // Outlives a fall: a room that forgot its locks would open every microphone.
    let mut kept = None;
    loop {
        let fresh = match room.take() {
            Some(room) => Ok(room),
            None => rooms.build(&spec).await,
        };
        match fresh {
            Ok(mut room) => {
                if let Some(kept) = kept.clone() {
                    room.go_on(kept);
                }
                let actor = Actor::new(rooms.clone(), &spec, room, clerk.clone(), evidence.clone());
                if AssertUnwindSafe(actor.run(&mut inbox, &mut kept)).catch_unwind().await.is_ok() {
                    break;
                }
                panics += 1;
                let at_ms = clerk.clock.now_ms();
                evidence.fall(at_ms);
                if kept.as_ref().is_some_and(|kept| kept.host_present) {
                    rooms.tell(RoomEvent::HostPresence { room: spec.room.clone(), present: false, at_ms });
                }
                if kept.as_ref().is_some_and(|kept| kept.state == RoomState::Closed) {
                    break;
                }
                metrics::counter!("kafedra_panics_total", "where" => "room").increment(1);
                tracing::error!(room = %spec.room, panics, "a room panicked and is built anew");
                if panics >= MOST_PANICS {
                    // Gone before it is told, so that the scheduler finds it missing.
                    rooms.forget(&spec.room);
                    rooms.tell(RoomEvent::Failed { room: spec.room });
                    return;
                }
            }
            Err(error) => {
                tracing::error!(room = %spec.room, error = %error, "a room cannot be read from the store");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    rooms.forget(&spec.room);
}

/// The SFU's room of this one: closed however the actor ends, by a panic too.
struct OpenMedia(MediaRoom);

impl Drop for OpenMedia {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Actor {
    rooms: Rooms,
    clerk: Clerk,
    room: Room,
    bindings: HashMap<PeerId, Binding>,
    media: Option<OpenMedia>,
    media_events: Option<mpsc::Receiver<SfuEvent>>,
    keys: MediaKeys,
    /// Chat under way; answered in the order in which it was asked.
    chat: FuturesOrdered<BoxFuture<'static, Option<Stored>>>,
    /// Apart from the chat: evidence is tried again while the store is away, chat is refused at once.
    evidence: Evidence,
    offers: FuturesUnordered<BoxFuture<'static, MediaEvent>>,
    watch: MediaWatch,
    /// Reports under way, some with who asked.
    reports: FuturesUnordered<BoxFuture<'static, Report>>,
    look: Instant,
    /// From where the event at hand was asked for; `None`: nobody did.
    origin: Option<Origin>,
    /// The host has ended it: who and when, until that is kept.
    ending: Option<Ending>,
    beat: Instant,
    /// New credentials for relays go out then; never without relays.
    renewal: Option<Instant>,
    finished: bool,
}

struct Ending {
    person: PersonId,
    at_ms: i64,
    origin: Option<Origin>,
    kept: BoxFuture<'static, ()>,
}

/// A report of the SFU; `None`: the room or its worker is gone.
struct Report {
    report: Option<RoomReport>,
    asked_by: Option<oneshot::Sender<MediaDump>>,
}

/// What woke the loop.
enum Wake {
    Event(Option<Event>),
    Media(Option<SfuEvent>),
    Stored(Option<Stored>),
    Answered(MediaEvent),
    Ended,
    Timer,
    Beat,
    Look,
    Report(Option<Report>),
    Renewal,
}

impl Actor {
    fn new(rooms: Rooms, spec: &RoomSpec, room: Room, clerk: Clerk, evidence: Evidence) -> Self {
        let opened = rooms.sfu().filter(|_| spec.has_media()).map(|sfu| sfu.open_room());
        let (media, media_events) = opened.unzip();
        let relays = rooms.relays();
        let renewal = (relays.end() && spec.has_media()).then(|| Instant::now() + relays.renewed_every());
        Self {
            rooms,
            clerk,
            room,
            bindings: HashMap::new(),
            media: media.map(OpenMedia),
            media_events,
            keys: MediaKeys::default(),
            chat: FuturesOrdered::new(),
            evidence,
            offers: FuturesUnordered::new(),
            watch: MediaWatch::default(),
            reports: FuturesUnordered::new(),
            look: Instant::now() + media_watch::EVERY,
            origin: None,
            ending: None,
            beat: Instant::now() + BEAT,
            renewal,
            finished: false,
        }
    }

    async fn run(mut self, inbox: &mut mpsc::Receiver<Event>, kept: &mut Option<Kept>) {
        let mut stopping = None;
        while !self.finished {
            let wake = self.wait(inbox).await;
            let now = Instant::now().into_std();
            self.origin = None;
            match wake {
                Wake::Event(None) => break,
                Wake::Event(Some(Event::Stop(done))) => {
                    stopping = Some(done);
                    break;
                }
                Wake::Event(Some(event)) => self.handle(now, event),
                Wake::Media(Some(event)) => {
                    if let Some(event) = self.keys.event(event) {
                        self.room.handle_media(now, event);
                    }
                }
                Wake::Media(None) => self.lose_media(now),
                Wake::Stored(Some(stored)) => self.room.handle_stored(now, stored),
                Wake::Stored(None) => {}
                Wake::Answered(event) => self.room.handle_media(now, event),
                Wake::Ended => self.end(now),
                Wake::Timer => self.room.handle_timeout(now),
                Wake::Beat => self.beat(),
                Wake::Look => {
                    self.look = Instant::now() + media_watch::EVERY;
                    if !self.bindings.is_empty() {
                        self.ask_for_report(None);
                    }
                }
                Wake::Report(report) => self.reported(now, report),
                Wake::Renewal => self.renew(),
            }
            self.drain();
            self.room.keep_in(kept);
        }
        // What was asked for before the end is kept; the store answers or refuses in bounded time.
        self.bindings.clear();
        while self.chat.next().await.is_some() {}
        self.evidence.flush().await;
        self.media = None;
        if let Some(done) = stopping {
            let _ = done.send(());
        }
    }

    async fn wait(&mut self, inbox: &mut mpsc::Receiver<Event>) -> Wake {
        let timeout = self.room.poll_timeout().map(Instant::from_std);
        tokio::select! {
            biased;
            Some(stored) = self.chat.next(), if !self.chat.is_empty() => Wake::Stored(stored),
            Some(event) = self.offers.next(), if !self.offers.is_empty() => Wake::Answered(event),
            () = kept(&mut self.ending) => Wake::Ended,
            () = sleep_until(timeout) => Wake::Timer,
            event = next_event(&mut self.media_events) => Wake::Media(event),
            event = inbox.recv() => Wake::Event(event),
            () = tokio::time::sleep_until(self.beat) => Wake::Beat,
            () = tokio::time::sleep_until(self.look), if self.media.is_some() => Wake::Look,
            report = self.reports.next(), if !self.reports.is_empty() => Wake::Report(report),
            () = sleep_until(self.renewal) => Wake::Renewal,
        }
    }

    fn handle(&mut self, now: std::time::Instant, event: Event) {
        match event {
            Event::Join { peer, admission, mut binding, answer } => {
                self.origin = binding.origin;
                let joined = self.room.handle_join(now, peer.clone(), admission);
                if joined.is_err() {
                    binding.told = true;
                    let _ = answer.send(joined);
                    return;
                }
                self.bindings.insert(peer.clone(), binding);
                if answer.send(joined).is_err() {
                    self.lose(now, &peer);
                }
            }
            Event::Resume { person, role, beside, token, chat_seq, mut binding, answer } => {
                self.origin = binding.origin;
                let resumed = match self.room.seat_of(&token) {
                    Some(before) if before == (role, beside) => self.room.handle_resume(now, &person, &token, chat_seq),
                    // Another role now, or another child, is another seat.
                    _ => Err(RefusalCode::NotFound),
                };
                let Ok(peer) = resumed.clone() else {
                    binding.told = true;
                    let _ = answer.send(resumed);
                    return;
                };
                if let Some(mut old) = self.bindings.insert(peer.clone(), binding) {
                    let room = self.room.id().clone();
                    old.send(&ServerMessage::Closed(Closed { reason: CloseReason::Replaced, room }));
                    old.told = true;
                }
                if answer.send(resumed).is_err() {
                    self.lose(now, &peer);
                }
            }
            Event::Beside { token, answer } => {
                let _ = answer.send(self.room.seat_of(&token).and_then(|(_, beside)| beside));
            }
            Event::Message { peer, binding, message } => {
                if let Some(bound) = self.bindings.get(&peer).filter(|bound| bound.id == binding) {
                    self.origin = bound.origin;
                    self.room.handle_message(now, &peer, message);
                }
            }
            Event::Disconnect { peer, binding } => {
                if self.bindings.get(&peer).is_some_and(|bound| bound.id == binding) {
                    self.lose(now, &peer);
                }
            }
            Event::Control(control) => self.room.handle_control(now, control),
            Event::Snapshot(answer) => {
                let _ = answer.send(self.room.snapshot());
            }
            Event::Dump(answer) => self.ask_for_report(Some(answer)),
            Event::Stop(done) => {
                let _ = done.send(());
            }
            #[cfg(test)]
            Event::Panic => panic!("asked for by a test"),
        }
    }

    /// The end is kept: now people hear of it, and the scheduler looks. What could not be kept it tries to keep.
    fn end(&mut self, now: std::time::Instant) {
        if let Some(Ending { person, at_ms, origin, .. }) = self.ending.take() {
            let (room, person) = (self.room.id().clone(), person.as_str().to_owned());
            self.rooms.tell(RoomEvent::EndedByHost { room, person, at_ms, origin });
        }
        self.room.handle_stored(now, Stored::Ended);
    }

    /// A connection is gone.
    fn lose(&mut self, now: std::time::Instant, peer: &PeerId) {
        if let Some(mut bound) = self.bindings.remove(peer) {
            bound.told = true;
        }
        self.room.handle_disconnect(now, peer);
    }

    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send { peer, mut message } => {
                    if let ServerMessage::Joined(joined) = message.as_mut() {
                        joined.ice_servers = self.ice_servers(&peer);
                    }
                    if let Some(binding) = self.bindings.get(&peer) {
                        binding.send(&message);
                    }
                }
                Output::Broadcast { to, except, message } => self.broadcast(&to, except.as_ref(), &message),
                Output::Media(command) => self.command(command),
                Output::Record(record) => self.keep(record),
                Output::Unbind { peer } => {
                    if let Some(mut binding) = self.bindings.remove(&peer) {
                        binding.told = true;
                    }
                }
                Output::Finished => self.finished = true,
            }
        }
    }

    /// Serialises once, however many read it.
    fn broadcast(&self, to: &[PeerId], except: Option<&PeerId>, message: &ServerMessage) {
        let mut text = None;
        for binding in to.iter().filter(|peer| Some(*peer) != except).filter_map(|peer| self.bindings.get(peer)) {
            match &binding.sink {
                Sink::Socket(outbox) => outbox.text(text.get_or_insert_with(|| encode(message)).clone()),
                Sink::Program { .. } => binding.send(message),
            }
        }
        metrics::counter!("kafedra_room_broadcasts_total").increment(1);
    }

    fn keep(&mut self, record: Record) {
        let room = self.room.id().clone();
        let (at_ms, origin) = (self.clerk.clock.now_ms(), self.origin);
        match &record {
            Record::HostArrived { person } => {
                let person = person.as_str().to_owned();
                self.rooms.tell(RoomEvent::HostArrived { room, person, at_ms, origin });
            }
            Record::EndedByHost { person } => {
                let kept = self.evidence.end(person.clone(), at_ms, origin);
                let kept = Box::pin(tokio::time::timeout(END_WAIT, kept).map(|_| ()));
                self.ending = Some(Ending { person: person.clone(), at_ms, origin, kept });
                return;
            }
            Record::HostPresence { present } => {
                self.rooms.tell(RoomEvent::HostPresence { room, present: *present, at_ms });
            }
            _ => {}
        }
        let is_chat = matches!(
            record,
            Record::Chat { .. }
                | Record::ChatEdit { .. }
                | Record::ChatDelete { .. }
                | Record::ChatHistory { .. }
                | Record::ChatMissing { .. }
        );
        if !is_chat {
            self.evidence.record(record, at_ms, origin);
            return;
        }
        let mut write: BoxFuture<'static, Option<Stored>> =
            Box::pin(Origin::around_if(origin, self.clerk.clone().keep(record)));
        // The first poll puts the job into the writer's queue: writes are done in the order of the records.
        if let Poll::Ready(stored) = poll_once(write.as_mut()) {
            write = Box::pin(std::future::ready(stored));
        }
        self.chat.push_back(write);
    }

    fn command(&mut self, command: MediaCommand) {
        let Some(media) = self.media.as_ref().map(|open| open.0.clone()) else {
            if let MediaCommand::Offer { peer, id, .. } = command {
                let (code, detail) = (RefusalCode::Unavailable, "no media on this hub".to_owned());
                let refused = MediaEvent::OfferRefused { peer, id, code, detail };
                self.offers.push(Box::pin(std::future::ready(refused)));
            }
            return;
        };
        match command {
            MediaCommand::Offer { peer, id, sdp, sends, allowed } => {
                let key = self.keys.peer(&peer);
                let sends = sends
                    .into_iter()
                    .map(|(mid, source, kind)| (mid.0, self.keys.source(&source, key), sfu_kind(kind)))
                    .collect();
                let offer = OfferRequest { sdp, sends, allowed: sfu_publish(allowed) };
                let mut answer: BoxFuture<'static, MediaEvent> = Box::pin(async move {
                    match media.offer(key, offer).await {
                        Ok(sdp) => MediaEvent::Answered { peer, id, sdp },
                        Err(error) => {
                            let code = match &error {
                                OfferError::Refused(_) => RefusalCode::BadOffer,
                                OfferError::Unavailable => RefusalCode::Unavailable,
                            };
                            MediaEvent::OfferRefused { peer, id, code, detail: error.to_string() }
                        }
                    }
                });
                // The first poll sends the offer, so that no later command overtakes it.
                if let Poll::Ready(event) = poll_once(answer.as_mut()) {
                    answer = Box::pin(std::future::ready(event));
                }
                self.offers.push(answer);
            }
            MediaCommand::Candidate { peer, candidate } => {
                if let Some(key) = self.keys.known_peer(&peer) {
                    media.candidate(key, candidate);
                }
            }
            MediaCommand::Encrypted { source, is_encrypted } => {
                if let Some(key) = self.keys.known_source(&source) {
                    media.set_encrypted(key, is_encrypted);
                }
            }
            MediaCommand::Allow { peer, allowed } => {
                if let Some(key) = self.keys.known_peer(&peer) {
                    media.allow(key, sfu_publish(allowed));
                }
            }
            MediaCommand::Pause { source, paused } => {
                if let Some(key) = self.keys.known_source(&source) {
                    media.pause(key, paused);
                }
            }
            MediaCommand::Slots { peer, slots } => {
                if let Some(key) = self.keys.known_peer(&peer) {
                    let source = |source: signaling::ids::SourceId| self.keys.known_source(&source);
                    let slots = slots
                        .into_iter()
                        .map(|(mid, wanted, max_height)| (mid.0, wanted.and_then(source), max_height))
                        .collect();
                    media.slots(key, slots);
                }
            }
            MediaCommand::Drop { peer } => {
                if let Some(key) = self.keys.forget(&peer) {
                    media.drop_peer(key);
                }
            }
            // Closed at the end of the task.
            MediaCommand::CloseRoom => {}
        }
    }

    /// The worker is gone: a fault of the media plane. Chat goes on; offers are refused until the room is built anew.
    fn lose_media(&mut self, now: std::time::Instant) {
        tracing::error!(room = %self.room.id(), "the media worker of a room is gone");
        self.media_events = None;
        self.media = None;
        for peer in std::mem::take(&mut self.keys).peers() {
            self.room.handle_media(now, MediaEvent::Disconnected { peer });
        }
    }

    /// Relays with credentials for a person who may receive media.
    fn ice_servers(&self, peer: &PeerId) -> Vec<IceServer> {
        let person = self.room.receiver(peer);
        person.map(|person| self.rooms.relays().servers(person, self.clerk.clock.now_ms())).unwrap_or_default()
    }

    fn renew(&mut self) {
        self.renewal = Some(Instant::now() + self.rooms.relays().renewed_every());
        for (peer, binding) in &self.bindings {
            let ice_servers = self.ice_servers(peer);
            if !ice_servers.is_empty() {
                binding.send(&ServerMessage::IceServers(IceServersChanged { ice_servers }));
            }
        }
    }

    fn ask_for_report(&mut self, asked_by: Option<oneshot::Sender<MediaDump>>) {
        // At the bound nobody is answered: whoever asks so often has asked already.
        let Some(media) = self.media.as_ref().filter(|_| self.reports.len() < MOST_REPORTS) else { return };
        let media = media.0.clone();
        self.reports.push(Box::pin(async move { Report { report: media.report().await, asked_by } }));
    }

    fn reported(&mut self, now: std::time::Instant, report: Option<Report>) {
        let Some(Report { report: Some(report), asked_by }) = report else { return };
        match asked_by {
            Some(asked_by) => {
                let (_, members) = self.room.snapshot();
                let name = |key| {
                    let peer = self.keys.peer_name(key)?;
                    let person = members.iter().find(|member| member.peer == *peer)?.person.as_str();
                    Some((peer.as_str().to_owned(), person.to_owned()))
                };
                let source = |key| Some(self.keys.source_name(key)?.as_str().to_owned());
                // Who asked may be gone.
                let _ = asked_by.send(self.watch.dump(now, &report, name, source));
            }
            None => {
                for (key, measured) in self.watch.take(now, report) {
                    if let Some(peer) = self.keys.peer_name(key).cloned() {
                        self.room.handle_media(now, MediaEvent::Measured { peer, measured });
                    }
                }
            }
        }
    }

    fn beat(&mut self) {
        self.beat = Instant::now() + BEAT;
        if self.bindings.is_empty() {
            return;
        }
        self.evidence.beat(self.clerk.clock.now_ms());
    }
}

/// Polls a new future once without waiting; whoever polls it next is woken anew.
fn poll_once<T>(future: Pin<&mut (dyn Future<Output = T> + Send)>) -> Poll<T> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn kept(ending: &mut Option<Ending>) {
    match ending {
        Some(ending) => ending.kept.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn next_event(events: &mut Option<mpsc::Receiver<SfuEvent>>) -> Option<SfuEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
