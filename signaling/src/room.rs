//! One room: members, lobby, hands, rights, chat order, slots. Sans-I/O, told the time, drained after every call.
//!
//! Drain contract: one `handle_*`, then [`Room::poll_output`] until `None`, then the next.

use std::time::Instant;

use crate::ids::{ClientMessageId, MessageId, Mid, PeerId, PersonId, ResumeToken, RoomId, SourceId};
use crate::message::chat::ChatMessage;
use crate::message::media::SourceKind;
use crate::message::session::{CloseReason, Form, LeftReason, RoomRole, RoomState};
use crate::message::{ClientMessage, ServerMessage};
use crate::refusal::RefusalCode;

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
    /// Most seats (recipients and guests together).
    pub capacity: u32,
    /// Chat as stored: the newest messages, oldest first, and the highest sequence number.
    pub chat: Vec<ChatMessage>,
    pub chat_last_seq: u64,
    /// Persons who may not come back.
    pub removed: Vec<PersonId>,
}

/// What the room wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// To one peer.
    Send {
        peer: PeerId,
        message: Box<ServerMessage>,
    },
    /// To every seated, connected peer but this one; serialised once by the driver.
    Broadcast {
        except: Option<PeerId>,
        message: Box<ServerMessage>,
    },
    Media(MediaCommand),
    Record(Record),
    /// The peer's stay is over; the driver unbinds the connection from the room.
    Unbind {
        peer: PeerId,
        reason: CloseReason,
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
    Speakers {
        peers: Vec<PeerId>,
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
    ChatEdit {
        peer: PeerId,
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
    Joined {
        peer: PeerId,
        person: PersonId,
        role: RoomRole,
    },
    Left {
        peer: PeerId,
        person: PersonId,
        reason: LeftReason,
    },
    /// The first host came: Open to Live.
    HostArrived {
        person: PersonId,
    },
    /// The last host went (for the 10-minute rule), or came back.
    HostPresence {
        present: bool,
    },
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
    Chat { peer: PeerId, result: Result<ChatMessage, (ClientMessageId, RefusalCode)>, repeated: bool },
    ChatChanged { peer: PeerId, result: Result<ChatMessage, RefusalCode> },
    ChatHistory { peer: PeerId, messages: Vec<ChatMessage>, more: bool },
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
}

impl Room {
    pub fn new(config: RoomConfig, _now: Instant) -> Self {
        Self { config }
    }
    /// A person knocks. `Err`: refused, nothing changed.
    pub fn handle_join(&mut self, _now: Instant, _peer: PeerId, _admission: Admission) -> Result<(), RefusalCode> {
        Err(RefusalCode::Internal)
    }
    /// A dropped socket comes back. `Ok(peer)`: bind the connection to that seat.
    pub fn handle_resume(
        &mut self,
        _now: Instant,
        _person: &PersonId,
        _token: &ResumeToken,
        _chat_seq: u64,
    ) -> Result<PeerId, RefusalCode> {
        Err(RefusalCode::NotFound)
    }
    /// Any message but hello, join and resume.
    pub fn handle_message(&mut self, _now: Instant, _peer: &PeerId, _message: ClientMessage) {}
    /// The socket is gone; the seat is kept for 30 s.
    pub fn handle_disconnect(&mut self, _now: Instant, _peer: &PeerId) {}
    pub fn handle_media(&mut self, _now: Instant, _event: MediaEvent) {}
    pub fn handle_stored(&mut self, _now: Instant, _stored: Stored) {}
    pub fn handle_control(&mut self, _now: Instant, _control: Control) {}
    pub fn handle_timeout(&mut self, _now: Instant) {}
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }
    /// When [`Room::handle_timeout`] wants to be called next; `None`: nothing pending.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    pub fn id(&self) -> &RoomId {
        &self.config.room
    }
}
