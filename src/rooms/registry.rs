//! The rooms that are open on this hub: handles only. A room's truth is in its task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use dashmap::DashMap;
use rand::RngCore as _;
use signaling::ids::{PeerId, PersonId, ResumeToken, RoomId};
use signaling::message::ClientMessage;
use signaling::message::session::{CloseReason, Form, MemberView, RoomRole, RoomState, RoomView, VideoCodec};
use signaling::refusal::RefusalCode;
use signaling::room::{Admission, Control, Limits, Room, RoomConfig, Seat};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::{Entry, Gate, Purpose, Refused};
use super::actor::{self, Binding, Event, Sink};
use super::media_watch::MediaDump;
use super::relays::Relays;
use crate::clock::WallClock;
use crate::domain::consultation::Timing;
use crate::domain::ids::ConsultationId;
use crate::domain::policy::Principal;
use crate::presence::Presence;
use crate::rate::Buckets;
use crate::sfu::handle::SfuHandle;
use crate::store::origin::Origin;
use crate::store::{Store, StoreError};

/// Events of all rooms that a listener may be behind; then it is told that it missed some and looks into the store.
const EVENTS: usize = 4_096;
/// Chat given to a room when it opens.
const CHAT_KEPT: u16 = 256;
/// Seated people whose access is looked at again at the same time.
const RECHECKS: usize = 8;
/// A room answers within this, or it is taken for dead.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// What the registry is made of.
pub struct Parts {
    pub store: Store,
    pub clock: WallClock,
    /// `None`: a hub without media (tests).
    pub sfu: Option<SfuHandle>,
    pub presence: Presence,
    pub gate: Arc<dyn Gate>,
    pub settings: Settings,
}

/// Figures from the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    pub publishers_per_person: usize,
    pub watchers_per_person: usize,
    pub sockets_per_person: usize,
    /// Seats asked for by one person; a resumed seat does not count.
    pub joins_per_minute: u32,
    pub joins_burst: u32,
    pub relays: Relays,
    /// The hub's times around consultations.
    pub timing: Timing,
    /// Receive slots that a client is told to offer.
    pub audio_slots: u8,
    pub video_slots: u8,
    /// In which codec clients are to send.
    pub camera_codec: VideoCodec,
    pub screen_codec: VideoCodec,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            publishers_per_person: 4,
            watchers_per_person: 10,
            sockets_per_person: 50,
            joins_per_minute: 10,
            joins_burst: 20,
            relays: Relays::default(),
            timing: Timing::default(),
            audio_slots: 4,
            video_slots: 9,
            camera_codec: VideoCodec::Vp8,
            screen_codec: VideoCodec::Vp8,
        }
    }
}

/// A room to open.
#[derive(Clone, Debug)]
pub struct RoomSpec {
    pub school: String,
    /// The consultation's id.
    pub room: RoomId,
    pub form: Form,
    pub title: String,
    pub start_ms: u64,
    pub end_ms: u64,
    pub closes_ms: u64,
    /// `Live` when a host has been there before (a restart).
    pub state: RoomState,
    /// Office hours: one after the other, each let in by the host.
    pub takes_turns: bool,
}

impl RoomSpec {
    pub(super) fn has_media(&self) -> bool {
        self.form != Form::Chat
    }
}

/// What the scheduler needs to hear from rooms. It is the one who writes the consultation's change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    /// The first host is in: Open to Live.
    HostArrived { room: RoomId, person: String, at_ms: i64, origin: Option<Origin> },
    /// The last host went, or one came back.
    HostPresence { room: RoomId, present: bool, at_ms: i64 },
    /// The room has closed itself.
    EndedByHost { room: RoomId, person: String, at_ms: i64, origin: Option<Origin> },
    /// The room fell too often and is closed: a technical fault.
    Failed { room: RoomId },
}

/// All rooms of this hub; cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    open: DashMap<RoomId, mpsc::Sender<Event>>,
    /// Sockets of each person.
    sockets: DashMap<PersonId, usize>,
    joins: Buckets<PersonId>,
    events: broadcast::Sender<RoomEvent>,
    signals: watch::Sender<Signals>,
    bindings: AtomicU64,
    /// A change of access makes everybody ask at once: so many ask the store at a time, and joins still get through.
    rechecks: Semaphore,
}

/// What every connection listens to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signals {
    /// The hub stops.
    pub(super) stopping: bool,
    /// Counts the times at which somebody's access may have changed.
    pub(super) access: u64,
    /// Counts the times at which somebody's sign-in may have ended.
    pub(super) sign_ins: u64,
}

/// A seat that a connection has taken.
#[derive(Clone)]
pub(super) struct Bound {
    pub(super) room: RoomId,
    pub(super) peer: PeerId,
    /// As which, and for what, the door let them in.
    role: RoomRole,
    /// Beside which child.
    beside: Option<PersonId>,
    purpose: Purpose,
    binding: u64,
    inbox: mpsc::Sender<Event>,
    gone: CancellationToken,
}

impl Bound {
    /// The room has taken the seat away (and has said why).
    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Waits for that.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Waits while the room is busy: that holds back this connection and no other.
    pub(super) async fn say(&self, message: ClientMessage) {
        let _ = self.inbox.send(Event::Message { peer: self.peer.clone(), binding: self.binding, message }).await;
    }

    /// The connection is gone.
    pub(super) async fn lose(self) {
        let _ = self.inbox.send(Event::Disconnect { peer: self.peer, binding: self.binding }).await;
    }
}

impl Rooms {
    pub fn new(parts: Parts) -> Self {
        let joins = Buckets::new(parts.settings.joins_per_minute, Duration::from_secs(60), parts.settings.joins_burst);
        let inner = Inner {
            parts,
            joins,
            open: DashMap::new(),
            sockets: DashMap::new(),
            events: broadcast::Sender::new(EVENTS),
            signals: watch::Sender::default(),
            bindings: AtomicU64::new(1),
            rechecks: Semaphore::new(RECHECKS),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Everything that happens in rooms and concerns the timetable, from now on.
    pub fn events(&self) -> broadcast::Receiver<RoomEvent> {
        self.inner.events.subscribe()
    }

    /// Opens a room. One that is open already takes over the times; so it may be called again at every tick.
    ///
    /// # Errors
    /// The store's, when the room's chat cannot be read: nothing is open then.
    pub async fn open(&self, spec: RoomSpec) -> Result<(), StoreError> {
        if self.signals().borrow().stopping {
            return Err(StoreError::Unavailable(None));
        }
        let RoomSpec { start_ms, end_ms, closes_ms, .. } = spec;
        if self.is_open(&spec.room) {
            self.control(&spec.room, Control::Times { start_ms, end_ms, closes_ms }).await;
            return Ok(());
        }
        // A hub that died here left intervals open.
        self.store().close_stale_attendance(consultation(&spec.room)).await?;
        let room = self.build(&spec).await?;
        let (sender, inbox) = mpsc::channel(actor::INBOX);
        match self.inner.open.entry(spec.room.clone()) {
            dashmap::Entry::Occupied(_) => {}
            dashmap::Entry::Vacant(entry) => {
                entry.insert(sender);
                actor::start(self.clone(), spec, inbox, room);
            }
        }
        metrics::gauge!("kafedra_rooms").set(self.inner.open.len() as f64);
        Ok(())
    }

    /// Everybody out, with this reason. The caller has written the consultation's state. `false`: no such room is open.
    pub async fn close(&self, room: &RoomId, reason: CloseReason) -> bool {
        self.control(room, Control::Close { reason }).await
    }

    /// Hands a decision to a room. `false`: no such room is open.
    pub async fn control(&self, room: &RoomId, control: Control) -> bool {
        let Some(inbox) = self.inbox(room) else { return false };
        inbox.send(Event::Control(control)).await.is_ok()
    }

    /// A person's access ended: out of every room, at once.
    pub async fn expel(&self, person: &PersonId) {
        let inboxes: Vec<_> = self.inner.open.iter().map(|entry| entry.value().clone()).collect();
        for inbox in inboxes {
            let _ = inbox.send(Event::Control(Control::Expel { person: person.clone() })).await;
        }
    }

    pub fn is_open(&self, room: &RoomId) -> bool {
        self.inner.open.contains_key(room)
    }

    /// Names of the open rooms.
    pub fn open_rooms(&self) -> Vec<RoomId> {
        self.inner.open.iter().map(|entry| entry.key().clone()).collect()
    }

    /// The room and everybody seated; `None`: not open.
    pub async fn view(&self, room: &RoomId) -> Option<(RoomView, Vec<MemberView>)> {
        let (answer, view) = oneshot::channel();
        self.inbox(room)?.send(Event::Snapshot(answer)).await.ok()?;
        tokio::time::timeout(ANSWER_WAIT, view).await.ok()?.ok()
    }

    /// Every figure of a room's media; `None`: not open, or without media.
    pub async fn media_dump(&self, room: &RoomId) -> Option<MediaDump> {
        let (answer, dump) = oneshot::channel();
        self.inbox(room)?.send(Event::Dump(answer)).await.ok()?;
        tokio::time::timeout(ANSWER_WAIT, dump).await.ok()?.ok()
    }

    /// Tells everybody to reconnect and waits until what was under way is kept. No room opens after this.
    pub async fn shutdown(&self) {
        self.inner.signals.send_modify(|signals| signals.stopping = true);
        let inboxes: Vec<_> = self.inner.open.iter().map(|entry| entry.value().clone()).collect();
        let stops = inboxes.into_iter().map(|inbox| async move {
            let (done, stopped) = oneshot::channel();
            if inbox.send(Event::Stop(done)).await.is_ok() {
                let _ = stopped.await;
            }
        });
        futures_util::future::join_all(stops).await;
    }

    /// Forgets what was counted of people who have been quiet; call it now and then.
    pub fn forget_idle(&self) {
        self.inner.joins.forget_idle();
    }

    /// Figures for `/metrics`.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let sockets: usize = self.inner.sockets.iter().map(|entry| *entry.value()).sum();
        vec![("kafedra_rooms", self.inner.open.len() as f64), ("kafedra_sockets", sockets as f64)]
    }

    pub(super) fn timing(&self) -> Timing {
        self.inner.parts.settings.timing
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.parts.store
    }

    pub(super) fn clock(&self) -> &WallClock {
        &self.inner.parts.clock
    }

    pub(super) fn sfu(&self) -> Option<&SfuHandle> {
        self.inner.parts.sfu.as_ref()
    }

    pub(super) fn presence(&self) -> &Presence {
        &self.inner.parts.presence
    }

    /// Roles, links or sign-ins have changed: everybody's are looked at again, now.
    pub fn access_changed(&self) {
        self.inner.signals.send_modify(|signals| signals.access += 1);
    }

    /// Sign-ins have ended, nothing else: a cheaper look, since it comes with every sign-out.
    pub fn sign_ins_changed(&self) {
        self.inner.signals.send_modify(|signals| signals.sign_ins += 1);
    }

    pub(super) fn signals(&self) -> watch::Receiver<Signals> {
        self.inner.signals.subscribe()
    }

    pub(super) fn tell(&self, event: RoomEvent) {
        // Nobody may be listening: a test, or the scheduler is restarting and will look into the store.
        let _ = self.inner.events.send(event);
    }

    pub(super) fn forget(&self, room: &RoomId) {
        self.inner.open.remove(room);
        metrics::gauge!("kafedra_rooms").set(self.inner.open.len() as f64);
    }

    /// Counts a socket of a person; `None`: they have as many as allowed.
    pub(super) fn socket(&self, person: &PersonId) -> Option<SocketCount> {
        let mut count = self.inner.sockets.entry(person.clone()).or_insert(0);
        if *count >= self.inner.parts.settings.sockets_per_person {
            return None;
        }
        *count += 1;
        drop(count);
        Some(SocketCount { rooms: self.clone(), person: person.clone() })
    }

    /// Takes a seat, after asking at the door.
    pub(super) async fn join(
        &self,
        who: &Principal,
        room: &RoomId,
        beside: Option<&PersonId>,
        seat: Seat,
        sink: Sink,
    ) -> Result<Bound, Refused> {
        self.inner.joins.take(&PersonId::new(who.person.as_str())).map_err(|wait| Refused {
            code: RefusalCode::RateLimited,
            retry_after_ms: Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)),
        })?;
        let purpose = match seat {
            Seat::Person => Purpose::Join,
            Seat::Publisher { .. } => Purpose::Publish,
            Seat::Watcher => Purpose::Watch,
        };
        let entry = self.inner.parts.gate.admit(who, room, beside, purpose).await?;
        // The timetable says that it is open, the scheduler has not got to it (or the hub stops): a moment.
        let inbox = self.inbox(room).ok_or(Refused { code: RefusalCode::Unavailable, retry_after_ms: Some(1_000) })?;
        let (binding, gone) = self.binding(sink);
        let peer = PeerId::new(uuid::Uuid::new_v4().simple().to_string());
        let admission = Admission {
            person: PersonId::new(who.person.as_str()),
            display_name: who.display_name.clone(),
            role: entry.role,
            beside: entry.beside.clone(),
            seat,
            resume: ResumeToken::new(random_secret()),
        };
        let (id, role, beside) = (binding.id, entry.role, entry.beside);
        let (answer, answered) = oneshot::channel();
        let event = Event::Join { peer: peer.clone(), admission, binding, answer };
        ask(&inbox, event, answered).await?;
        Ok(Bound { room: room.clone(), peer, role, beside, purpose, binding: id, inbox, gone })
    }

    /// Takes a seat again. The door is asked as for a join: what was allowed may be over.
    pub(super) async fn resume(
        &self,
        who: &Principal,
        room: &RoomId,
        token: ResumeToken,
        chat_seq: u64,
        sink: Sink,
    ) -> Result<Bound, Refused> {
        // The door must be asked about the child of that seat: a link to another one is none to this.
        let inbox = self.inbox(room);
        let beside = match &inbox {
            Some(inbox) => beside_of(inbox, token.clone()).await,
            None => None,
        };
        let Entry { role, beside } = self.inner.parts.gate.admit(who, room, beside.as_ref(), Purpose::Join).await?;
        let inbox = inbox.ok_or(RefusalCode::NotFound)?;
        let (binding, gone) = self.binding(sink);
        let id = binding.id;
        let person = PersonId::new(who.person.as_str());
        let (answer, answered) = oneshot::channel();
        let event = Event::Resume { person, role, beside: beside.clone(), token, chat_seq, binding, answer };
        let peer = ask(&inbox, event, answered).await?;
        let purpose = Purpose::Join;
        Ok(Bound { room: room.clone(), peer, role, beside, purpose, binding: id, inbox, gone })
    }

    /// Whether the door would still let a seated person in, as what they are. The clock's refusals do not count: the
    /// scheduler acts on those.
    pub(super) async fn may_stay(&self, who: &Principal, seat: &Bound) -> bool {
        use RefusalCode::{NotOnTimetable, TooEarly, TooLate, Unavailable};
        let _permit = self.inner.rechecks.acquire().await;
        match self.inner.parts.gate.admit(who, &seat.room, seat.beside.as_ref(), seat.purpose).await {
            Ok(entry) => entry.role == seat.role && entry.beside == seat.beside,
            // Times are the scheduler's, who closes the whole room; one's own turn in office hours is not.
            Err(refused) if matches!(refused.code, TooEarly | TooLate) => {
                !self.inner.parts.gate.is_out_of_turn(who, &seat.room).await
            }
            Err(refused) => matches!(refused.code, NotOnTimetable | Unavailable),
        }
    }

    pub(super) async fn in_use(&self, who: &Principal) {
        self.inner.parts.gate.in_use(who).await;
    }

    /// The relays that clients of these rooms are told.
    pub fn relays(&self) -> &Relays {
        &self.inner.parts.settings.relays
    }

    pub(super) async fn is_signed_in(&self, who: &Principal) -> bool {
        let _permit = self.inner.rechecks.acquire().await;
        self.inner.parts.gate.is_signed_in(who).await
    }

    /// The machine of a room, from the spec and what the store has.
    pub(super) async fn build(&self, spec: &RoomSpec) -> Result<Room, StoreError> {
        let room = consultation(&spec.room);
        let (chat, _) = self.store().message_page(&room, None, CHAT_KEPT).await?;
        let chat_last_seq = self.store().last_message_seq(&room).await?;
        let removed = self.store().removed_from_room(&room).await?;
        let settings = &self.inner.parts.settings;
        let limits = Limits {
            publishers_per_person: settings.publishers_per_person,
            watchers_per_person: settings.watchers_per_person,
            ..Limits::of(spec.form)
        };
        let config = RoomConfig {
            room: spec.room.clone(),
            form: spec.form,
            title: spec.title.clone(),
            start_ms: spec.start_ms,
            end_ms: spec.end_ms,
            closes_ms: spec.closes_ms,
            state: spec.state,
            limits,
            audio_slots: settings.audio_slots,
            video_slots: settings.video_slots,
            camera_codec: settings.camera_codec,
            screen_codec: settings.screen_codec,
            chat,
            chat_last_seq,
            removed: removed.into_iter().map(|person| PersonId::new(person.as_str())).collect(),
            takes_turns: spec.takes_turns,
        };
        Ok(Room::new(config, Instant::now().into_std()))
    }

    pub(super) fn inbox(&self, room: &RoomId) -> Option<mpsc::Sender<Event>> {
        self.inner.open.get(room).map(|entry| entry.value().clone())
    }

    fn binding(&self, sink: Sink) -> (Binding, CancellationToken) {
        let gone = CancellationToken::new();
        let id = self.inner.bindings.fetch_add(1, Ordering::Relaxed);
        // The connection asks, in a task of its own: who took it in has said from where.
        (Binding { id, sink, gone: gone.clone(), origin: Origin::current(), told: false }, gone)
    }
}

async fn beside_of(inbox: &mpsc::Sender<Event>, token: ResumeToken) -> Option<PersonId> {
    let (answer, answered) = oneshot::channel();
    inbox.send(Event::Beside { token, answer }).await.ok()?;
    tokio::time::timeout(ANSWER_WAIT, answered).await.ok()?.ok()?
}

async fn ask<T>(
    inbox: &mpsc::Sender<Event>,
    event: Event,
    answered: oneshot::Receiver<Result<T, RefusalCode>>,
) -> Result<T, Refused> {
    let unavailable = Refused { code: RefusalCode::Unavailable, retry_after_ms: Some(1_000) };
    inbox.send(event).await.map_err(|_| unavailable)?;
    match tokio::time::timeout(ANSWER_WAIT, answered).await {
        Ok(Ok(answer)) => answer.map_err(Refused::from),
        _ => Err(unavailable),
    }
}

/// Counts down when the socket is gone.
pub(super) struct SocketCount {
    rooms: Rooms,
    person: PersonId,
}

impl Drop for SocketCount {
    fn drop(&mut self) {
        let sockets = &self.rooms.inner.sockets;
        if let Some(mut count) = sockets.get_mut(&self.person) {
            *count = count.saturating_sub(1);
        }
        sockets.remove_if(&self.person, |_, count| *count == 0);
    }
}

fn consultation(room: &RoomId) -> ConsultationId {
    ConsultationId::new(room.as_str())
}

/// 256 random bits.
fn random_secret() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
