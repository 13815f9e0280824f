//! One room: members, lobby, hands, rights, chat order, slots. Sans-I/O, told the time, drained after every call.
//!
//! Drain contract: one `handle_*`, then [`Room::poll_output`] until `None`, then the next.
//!
//! The handlers change the room's own state and end in [`Room::sync`], which compares it with what was last told to
//! everybody and sends the difference. Rights therefore have one source, [`rights`], and no handler can forget to
//! announce or enforce a change.

mod chat;
mod floor;
mod kept;
mod lobby;
mod member;
mod negotiation;
mod quality;
pub mod rights;
mod slots;
mod sync;
mod timer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{ClientMessageId, MessageId, Mid, PeerId, PersonId, ResumeToken, RoomId, SourceId};
use crate::message::chat::ChatMessage;
use crate::message::floor::{RoomPolicy, WaitingView};
use crate::message::media::{SourceKind, SourceView, Unheard};
use crate::message::session::{
    CloseReason, Form, LeftReason, MemberView, Refused, RoomRole, RoomState, RoomView, VideoCodec,
};
use crate::message::{ClientMessage, ServerMessage};
use crate::refusal::RefusalCode;

use chat::ChatLog;
pub use kept::Kept;
use member::Member;
pub use quality::{Measured, QualityMinute};
use slots::Source;
use timer::{Timer, Timers};

/// A dropped socket may take its seat again for this long.
pub const RESUME_WINDOW: Duration = Duration::from_secs(30);

/// What takes a seat. Headless seats (WHIP, WHEP) obey the same rights; they raise no hand and are no attendance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// A person with the room open in front of them.
    Person,
    /// A program that sends for a person. Its sources are `{peer}:{label}` and `{peer}:{label}-audio`.
    Publisher { label: String },
    /// A program that watches for a person.
    Watcher,
}

/// How many seats there may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Recipients and guardians together, the lobby included: the form's size.
    pub capacity: usize,
    /// Hosts, cohosts and observers together.
    pub staff: usize,
    /// Devices of one person.
    pub seats_per_person: usize,
    /// WHIP publishers of one person.
    pub publishers_per_person: usize,
    /// WHEP watchers of one person.
    pub watchers_per_person: usize,
}

impl Limits {
    /// The defaults of DOMAIN 2.5 for a form.
    pub fn of(form: Form) -> Self {
        let capacity = match form {
            Form::Webinar => 300,
            Form::VideoConference => 30,
            Form::Chat => 100,
            Form::Individual => 4,
        };
        Self { capacity, staff: 64, seats_per_person: 3, publishers_per_person: 4, watchers_per_person: 10 }
    }
}

/// What the hub knows of a person when they knock; the room trusts it.
#[derive(Clone, Debug)]
pub struct Admission {
    pub person: PersonId,
    pub display_name: String,
    pub role: RoomRole,
    /// The child beside whom a guardian sits.
    pub beside: Option<PersonId>,
    pub seat: Seat,
    /// 256 random bits, made by the driver.
    pub resume: ResumeToken,
}

/// What a room is opened with.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    pub room: RoomId,
    pub form: Form,
    pub title: String,
    pub start_ms: u64,
    pub end_ms: u64,
    pub closes_ms: u64,
    pub state: RoomState,
    pub limits: Limits,
    /// How many receive slots a client is to offer; a chat gives none whatever stands here.
    pub audio_slots: u8,
    pub video_slots: u8,
    /// In which codec a client is to send, when it can.
    pub camera_codec: VideoCodec,
    pub screen_codec: VideoCodec,
    /// Chat as stored: the newest messages, oldest first, and the highest sequence number.
    pub chat: Vec<ChatMessage>,
    pub chat_last_seq: u64,
    /// Persons who may not come back.
    pub removed: Vec<PersonId>,
    /// Office hours, one after the other: everybody waits to be let in, and recipients see of the chat only what was written
    /// since they first sat down. What was said to the one before is none of theirs.
    pub takes_turns: bool,
}

/// What the room wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// To one peer.
    Send {
        peer: PeerId,
        message: Box<ServerMessage>,
    },
    /// To these peers, but not to `except`; serialised once by the driver.
    Broadcast {
        to: Arc<[PeerId]>,
        except: Option<PeerId>,
        message: Box<ServerMessage>,
    },
    Media(MediaCommand),
    Record(Record),
    /// The peer's stay is over, and it has been told; the driver unbinds the connection from the room.
    Unbind {
        peer: PeerId,
    },
    /// Nothing is left to do: the room is closed and empty, drop it.
    Finished,
}

/// What the room asks of the SFU, in the room's own words; `rooms/actor.rs` translates.
#[derive(Clone, Debug)]
pub enum MediaCommand {
    /// Answer this offer and report with [`MediaEvent::Answered`] or [`MediaEvent::OfferRefused`].
    Offer {
        peer: PeerId,
        id: u32,
        sdp: String,
        sends: Vec<(Mid, SourceId, SourceKind)>,
        allowed: Publish,
    },
    Candidate {
        peer: PeerId,
        candidate: String,
    },
    /// Its payload is encrypted end to end, or not; follows the offer that sends it.
    Encrypted {
        source: SourceId,
        is_encrypted: bool,
    },
    /// From the next packet on.
    Allow {
        peer: PeerId,
        allowed: Publish,
    },
    /// Stop or resume forwarding of one source.
    Pause {
        source: SourceId,
        paused: bool,
    },
    Slots {
        peer: PeerId,
        slots: Vec<(Mid, Option<SourceId>, u16)>,
    },
    Drop {
        peer: PeerId,
    },
    CloseRoom,
}

/// What a peer may send, enforced per packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Publish {
    pub audio: bool,
    pub video: bool,
    pub screen: bool,
}

/// What the SFU tells the room.
#[derive(Clone, Debug)]
pub enum MediaEvent {
    Answered {
        peer: PeerId,
        id: u32,
        sdp: String,
    },
    OfferRefused {
        peer: PeerId,
        id: u32,
        code: RefusalCode,
        detail: String,
    },
    /// DTLS and ICE are up.
    Connected {
        peer: PeerId,
    },
    /// Consent lost or DTLS closed. The seat stays: the client offers again.
    Disconnected {
        peer: PeerId,
    },
    /// A fault of the SFU ended the transport: the client has to make a new peer connection.
    Fallen {
        peer: PeerId,
    },
    SourceAdded {
        peer: PeerId,
        source: SourceId,
        kind: SourceKind,
    },
    SourceRemoved {
        source: SourceId,
    },
    SlotsChanged {
        peer: PeerId,
        slots: Vec<(Mid, Option<SourceId>)>,
    },
    /// What anybody watches of this peer's source now.
    LayersWanted {
        peer: PeerId,
        source: SourceId,
        rids: Vec<String>,
        watched: bool,
        spatial_unwatched: u8,
    },
    Speakers {
        peers: Vec<PeerId>,
    },
    /// How the line of a peer did since it was last measured, some seconds ago.
    Measured {
        peer: PeerId,
        measured: Measured,
    },
}

/// What must last. The driver stores it; chat is answered by [`Room::handle_stored`].
#[derive(Clone, Debug)]
pub enum Record {
    Chat {
        author: PersonId,
        author_name: String,
        peer: PeerId,
        client_msg_id: ClientMessageId,
        body: String,
        reply_to: Option<MessageId>,
    },
    /// The store refuses when `by` is not the author or the 30 minutes are over.
    ChatEdit {
        peer: PeerId,
        by: PersonId,
        message: MessageId,
        body: String,
    },
    ChatDelete {
        peer: PeerId,
        message: MessageId,
        by: PersonId,
        moderator: bool,
    },
    /// A page of history that the room no longer holds in memory.
    ChatHistory {
        peer: PeerId,
        before_seq: Option<u64>,
        limit: u16,
    },
    /// Messages between these two numbers that the room was never answered.
    ChatMissing {
        after_seq: u64,
        before_seq: u64,
    },
    /// A person is in the room: their first seat was taken. Seats of programs are no attendance.
    Joined {
        peer: PeerId,
        person: PersonId,
        role: RoomRole,
    },
    /// A person is out: their last seat is empty.
    Left {
        peer: PeerId,
        person: PersonId,
        reason: LeftReason,
        /// They were last connected this long ago (a lost socket keeps its seat for a while).
        ago: Duration,
    },
    /// How the line of one of a person's seats did in the past minute.
    Quality {
        person: PersonId,
        minute: QualityMinute,
    },
    /// From a seat's first offer to standing media.
    MediaJoined {
        person: PersonId,
        took: Duration,
    },
    /// The first host came: Open to Live.
    HostArrived {
        person: PersonId,
    },
    /// The last host went (for the 10-minute rule), or came back.
    HostPresence {
        present: bool,
    },
    /// Answered by [`Stored::Ended`]; until then everybody stays.
    EndedByHost {
        person: PersonId,
    },
    Moderated {
        by: PersonId,
        action: &'static str,
        target: Option<PersonId>,
    },
    Removed {
        person: PersonId,
        by: PersonId,
    },
}

/// The store's answer to a chat record.
#[derive(Clone, Debug)]
pub enum Stored {
    Chat {
        peer: PeerId,
        /// The same author's same `client_msg_id` again gives the first message: it is acknowledged again.
        result: Result<ChatMessage, (ClientMessageId, RefusalCode)>,
    },
    /// `edited`: of an edit, else of a deletion.
    ChatChanged {
        peer: PeerId,
        edited: bool,
        result: Result<ChatMessage, RefusalCode>,
    },
    ChatHistory {
        peer: PeerId,
        result: Result<(Vec<ChatMessage>, bool), RefusalCode>,
    },
    ChatMissing {
        result: Result<Vec<ChatMessage>, RefusalCode>,
    },
    /// The end is kept, or the store was given its time: the room closes now.
    Ended,
}

/// What the hub tells the room: the clock's and the deputy's decisions.
#[derive(Clone, Debug)]
pub enum Control {
    State {
        state: RoomState,
    },
    Times {
        start_ms: u64,
        end_ms: u64,
        closes_ms: u64,
    },
    /// Everybody out; persistent state is already written.
    Close {
        reason: CloseReason,
    },
    /// A person's session or role is gone (WS-07).
    Expel {
        person: PersonId,
    },
}

/// The machine behind one room.
#[derive(Debug)]
pub struct Room {
    config: RoomConfig,
    policy: RoomPolicy,
    /// Everybody: seated, in the lobby, or between two sockets. At most `limits.capacity + limits.staff` persons' seats
    /// and for each of those persons a few programs.
    members: BTreeMap<PeerId, Member>,
    /// Counts the seats ever given: orders members.
    arrivals: u64,
    /// Raised hands, first come first. A subset of the seated members.
    hands: Vec<PeerId>,
    /// Persons who have the floor. A subset of the members' persons.
    promoted: BTreeSet<PersonId>,
    /// Persons who passed the lobby once: not stopped again by `admission`. At most [`lobby::MOST_ADMITTED`].
    admitted: BTreeSet<PersonId>,
    /// In a room of turns: the last message when a recipient first sat down. At most [`lobby::MOST_ADMITTED`].
    sat_down: BTreeMap<PersonId, u64>,
    removed: BTreeSet<PersonId>,
    /// When a seat of this person was last connected, of the seats given up while the person has others. A subset of
    /// the members' persons.
    last_connected: BTreeMap<PersonId, Instant>,
    /// What the SFU has, by its name. Owners are seated members.
    sources: BTreeMap<SourceId, Source>,
    speakers: Vec<PeerId>,
    speakers_next: Option<Vec<PeerId>>,
    speakers_sent: Option<Instant>,
    chat: ChatLog,
    /// Numbers offers towards the driver, so that an answer to a replaced offer is told apart.
    offers: u32,
    timers: Timers,
    outputs: VecDeque<Output>,

    /// A host or cohost is connected: the condition of INV-55.
    host_present: bool,
    /// Something that others see may have changed since the last [`Room::sync`].
    dirty: bool,
    /// Seated and connected members that get broadcasts. Rebuilt when it is `None`.
    audience: Option<Arc<[PeerId]>>,
    sent_sources: Vec<SourceView>,
    sent_hands: Vec<PeerId>,
    sent_lobby: Vec<WaitingView>,
    /// Who cannot hear whom, as last told to moderators and speakers.
    sent_unheard: Vec<Unheard>,
    /// The host has ended it, and the store has not answered yet.
    ending: bool,
    finished: bool,
}

impl Room {
    /// Opens the machine: nobody is in, the clock of the resume windows starts with the first seat.
    pub fn new(config: RoomConfig, _now: Instant) -> Self {
        Self {
            chat: ChatLog::new(config.chat.clone(), config.chat_last_seq),
            removed: config.removed.iter().cloned().collect(),
            policy: RoomPolicy {
                microphones_locked: false,
                cameras_locked: false,
                chat_locked: false,
                admission: config.takes_turns,
                slow_mode_s: 0,
            },
            config,
            members: BTreeMap::new(),
            arrivals: 0,
            hands: Vec::new(),
            promoted: BTreeSet::new(),
            admitted: BTreeSet::new(),
            sat_down: BTreeMap::new(),
            last_connected: BTreeMap::new(),
            sources: BTreeMap::new(),
            speakers: Vec::new(),
            speakers_next: None,
            speakers_sent: None,
            offers: 0,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            host_present: false,
            dirty: false,
            audience: None,
            sent_sources: Vec::new(),
            sent_hands: Vec::new(),
            sent_lobby: Vec::new(),
            sent_unheard: Vec::new(),
            ending: false,
            finished: false,
        }
    }

    /// The room's name.
    pub fn id(&self) -> &RoomId {
        &self.config.room
    }

    /// The state now; changes are also told to everybody by `room_changed`.
    pub fn state(&self) -> RoomState {
        self.config.state
    }

    /// The room and everybody seated, as members see them.
    pub fn snapshot(&self) -> (RoomView, Vec<MemberView>) {
        (self.room_view(), self.members_in_order())
    }

    /// A person knocks. `Err`: refused, nothing changed. `Ok`: `joined` or `waiting` follows in the outputs.
    pub fn handle_join(&mut self, now: Instant, peer: PeerId, admission: Admission) -> Result<(), RefusalCode> {
        let knocked = self.knock(now, peer, admission);
        self.sync(now);
        knocked
    }

    /// As what the seat that this token takes again was given, and beside whom; `None`: no such seat.
    pub fn seat_of(&self, token: &ResumeToken) -> Option<(RoomRole, Option<PersonId>)> {
        self.holder(token).map(|(_, member)| (member.role, member.beside.clone()))
    }

    /// Who sits there, if it is a person who may receive media: they need to be told the relays.
    pub fn receiver(&self, peer: &PeerId) -> Option<&PersonId> {
        let member = self.members.get(peer).filter(|member| member.is_person() && member.is_seated())?;
        self.rights_of(peer)?.receive_media.then_some(&member.person)
    }

    /// A dropped socket comes back. `Ok(peer)`: bind the connection to that seat. If another connection is still bound
    /// to it, the driver tells that one `closed{replaced}` and unbinds it; the outputs are for the new one.
    pub fn handle_resume(
        &mut self,
        now: Instant,
        person: &PersonId,
        token: &ResumeToken,
        chat_seq: u64,
    ) -> Result<PeerId, RefusalCode> {
        let peer = self.take_again(person, token, chat_seq)?;
        self.sync(now);
        Ok(peer)
    }

    /// Any message but hello, join and resume. An unknown peer's message is dropped.
    pub fn handle_message(&mut self, now: Instant, peer: &PeerId, message: ClientMessage) {
        if !self.members.contains_key(peer) {
            return;
        }
        let request = message.kind();
        let client_msg_id = match &message {
            ClientMessage::ChatSend(send) => Some(send.client_msg_id.clone()),
            _ => None,
        };
        if let Err(refusal) = self.obey(now, peer, message) {
            self.send(
                peer,
                ServerMessage::Error(Refused {
                    code: refusal.code,
                    request: Some(request.to_owned()),
                    client_msg_id,
                    retry_after_ms: refusal.retry_after_ms,
                    detail: refusal.detail.map(str::to_owned),
                }),
            );
        }
        self.sync(now);
    }

    /// The socket is gone. A person's seat is kept for [`RESUME_WINDOW`]; a place in the lobby and a program's seat are
    /// not.
    pub fn handle_disconnect(&mut self, now: Instant, peer: &PeerId) {
        self.lose(now, peer);
        self.sync(now);
    }

    /// The SFU reports.
    pub fn handle_media(&mut self, now: Instant, event: MediaEvent) {
        if self.finished {
            return;
        }
        self.media_event(now, event);
        self.sync(now);
    }

    /// The store answers a record.
    pub fn handle_stored(&mut self, now: Instant, stored: Stored) {
        if self.finished {
            return;
        }
        match stored {
            Stored::Ended => self.close(now, CloseReason::EndedByHost),
            stored => self.stored(now, stored),
        }
        self.sync(now);
    }

    /// The hub decides.
    pub fn handle_control(&mut self, now: Instant, control: Control) {
        match control {
            Control::State { state: RoomState::Closed } => self.close(now, CloseReason::Ended),
            Control::State { state } => {
                if self.config.state != RoomState::Closed && self.config.state != state {
                    self.config.state = state;
                    self.announce_room();
                    self.dirty = true;
                }
            }
            Control::Times { start_ms, end_ms, closes_ms } => {
                self.config.start_ms = start_ms;
                self.config.end_ms = end_ms;
                self.config.closes_ms = closes_ms;
                self.announce_room();
            }
            Control::Close { reason } => self.close(now, reason),
            Control::Expel { person } => {
                self.expel(now, &person, LeftReason::Removed, CloseReason::AccessEnded);
            }
        }
        self.sync(now);
    }

    /// Call at [`Room::poll_timeout`]; earlier is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::SeatExpires(peer) => self.vacate(now, &peer, LeftReason::Lost, None),
                Timer::SpeakersDue => self.tell_speakers(now),
                Timer::ChatGap => self.ask_for_missing(),
                Timer::Minute => self.keep_minute(now),
            }
        }
        self.sync(now);
    }

    /// The next thing to do; `None`: the room waits for its driver.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Room::handle_timeout`] wants to be called next; `None`: nothing pending.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn obey(&mut self, now: Instant, peer: &PeerId, message: ClientMessage) -> Result<(), Refusal> {
        use ClientMessage as M;
        if !self.is_seated(peer) && !matches!(message, M::Leave(_)) {
            return Err(Refusal::of(RefusalCode::OutOfOrder).because("not in the room yet"));
        }
        match message {
            M::Hello(_) | M::Join(_) | M::Resume(_) => Err(Refusal::of(RefusalCode::OutOfOrder)),
            M::Leave(_) => {
                self.vacate(now, peer, LeftReason::Left, Some(CloseReason::Left));
                Ok(())
            }
            M::Offer(offer) => self.offer(now, peer, offer),
            M::Candidate(candidate) => self.candidate(peer, candidate),
            M::Slots(wish) => self.wish(peer, wish),
            M::Mute(mute) => self.mute(peer, mute),
            M::Quality(report) => {
                self.note_quality(now, peer, report);
                Ok(())
            }
            M::Hand(hand) => self.raise_hand(peer, hand.raised),
            M::HandLower(lower) => self.lower_hands(peer, lower.peer.as_ref()),
            M::Promote(promote) => self.promote(peer, &promote),
            M::MuteMember(mute) => self.mute_members(peer, &mute),
            M::RemoveMember(remove) => self.remove(now, peer, &remove.peer),
            M::Admit(admit) => self.admit(peer, admit.peer.as_ref()),
            M::RoomPolicy(change) => self.change_policy(peer, change.policy),
            M::EndRoom(_) => self.end(peer),
            M::ChatSend(send) => self.chat_send(now, peer, send),
            M::ChatEdit(edit) => self.chat_edit(peer, edit),
            M::ChatDelete(delete) => self.chat_delete(peer, delete),
            M::ChatHistory(request) => self.chat_history(peer, &request),
        }
    }

    fn send(&mut self, peer: &PeerId, message: ServerMessage) {
        self.outputs.push_back(Output::Send { peer: peer.clone(), message: Box::new(message) });
    }

    fn record(&mut self, record: Record) {
        self.outputs.push_back(Output::Record(record));
    }

    fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }
}

/// A message refused: its sender stays and is told why.
#[derive(Debug)]
struct Refusal {
    code: RefusalCode,
    retry_after_ms: Option<u64>,
    detail: Option<&'static str>,
}

impl Refusal {
    fn of(code: RefusalCode) -> Self {
        Self { code, retry_after_ms: None, detail: None }
    }

    fn because(self, detail: &'static str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    fn retry_after_ms(self, wait: u64) -> Self {
        Self { retry_after_ms: Some(wait), ..self }
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self::of(code)
    }
}
