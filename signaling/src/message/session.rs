//! Coming, staying, going: hello, join, resume, presence of members, refusals, the end.

use super::floor::{Rights, RoomPolicy};
use super::media::{SignalLevel, SourceView};
use super::wire;
use crate::ids::{PeerId, PersonId, ResumeToken, RoomId};
use crate::refusal::RefusalCode;

wire! {
    /// First message of every connection, within 10 s. Refusals: `version_not_supported`, `not_authenticated`.
    pub struct Hello {
        /// [`crate::version::PROTOCOL_VERSION`] of the client.
        pub version: u16,
        /// One-use ticket (30 s) for clients that bring neither a cookie nor a bearer token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ticket: Option<String>,
        /// Free text for support ("web 0.1.0 Chromium 156"), at most 100 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub client: Option<String>,
    }
}

wire! {
    /// Take a seat in a room. Refusals: every code of DOMAIN.md 2.4 that concerns access and time.
    pub struct Join {
        pub room: RoomId,
        /// Whose guardian the person comes as, when they come beside a child.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub beside: Option<PersonId>,
    }
}

wire! {
    /// Take the same seat again after a dropped socket, within 30 s. Answered by `joined` with the same peer id,
    /// or by `error{not_found}`: then join anew. The old socket may still look alive: the new one wins, the old one
    /// gets `closed{replaced}`.
    pub struct Resume {
        pub room: RoomId,
        pub token: ResumeToken,
        /// Highest chat sequence number seen; what followed is replayed in `joined`.
        pub chat_seq: u64,
    }
}

wire! {
    /// Give the seat up.
    pub struct Leave {}
}

wire! {
    /// Answer to `hello`.
    pub struct Welcome {
        pub version: u16,
        pub person: PersonId,
        pub display_name: String,
        /// The hub's clock, Unix milliseconds: countdowns use the difference to it.
        pub server_time_ms: u64,
        /// The hub pings this often; a client that hears nothing for 15 s reconnects.
        pub ping_interval_ms: u32,
    }
}

wire! {
    /// A room's form (regulation clause 3.2); fixed by the lesson card.
    pub enum Form { Webinar, VideoConference, Chat, Individual }
}

wire! {
    /// What a person is in this room. Rights follow from role, form and state (DOMAIN 2.5), never from the role alone.
    pub enum RoomRole { Host, Cohost, Recipient, Guardian, Observer }
}

wire! {
    /// State of the consultation as far as a room knows it (DOMAIN 2.2).
    pub enum RoomState { Open, Live, Closed }
}

wire! {
    /// The room as every member sees it.
    pub struct RoomView {
        pub room: RoomId,
        pub form: Form,
        pub state: RoomState,
        /// What the lesson is about, for the heading.
        pub title: String,
        /// Planned start and end, Unix milliseconds.
        pub start_ms: u64,
        pub end_ms: u64,
        /// When the clock closes the room at the latest.
        pub closes_ms: u64,
        pub policy: RoomPolicy,
    }
}

wire! {
    /// What sits on a seat.
    pub enum SeatKind {
        /// A person with the room open in front of them.
        Person,
        /// A program that sends for a person (WHIP).
        Publisher,
        /// A program that watches for a person (WHEP).
        Watcher,
    }
}

wire! {
    /// A seat as every member sees it.
    pub struct MemberView {
        pub peer: PeerId,
        pub person: PersonId,
        pub display_name: String,
        pub role: RoomRole,
        pub seat: SeatKind,
        /// Present now; false while a dropped socket may still resume.
        pub connected: bool,
        pub microphone: bool,
        pub camera: bool,
        pub screen: bool,
        /// Raised hand: its place in the queue is in `hand_queue`.
        pub hand: bool,
        /// Promoted by the host to publish (webinar).
        pub promoted: bool,
        /// The child beside whom a guardian sits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub beside: Option<PersonId>,
        /// How well its line carries; `None`: nothing is known, or it has no media.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub signal: Option<SignalLevel>,
    }
}

wire! {
    /// The seat is taken: everything the client needs to draw the room.
    pub struct Joined {
        pub peer: PeerId,
        pub resume: ResumeToken,
        /// True when an earlier seat was taken again.
        pub resumed: bool,
        pub room: RoomView,
        pub rights: Rights,
        pub members: Vec<MemberView>,
        /// Peers with raised hands, first come first.
        pub hands: Vec<PeerId>,
        /// What can be watched; `slots` asks for it.
        pub sources: Vec<SourceView>,
        /// Chat: the last messages, or after a resume everything past `chat_seq`.
        pub chat: super::chat::ChatHistory,
        /// For `RTCPeerConnection`; credentials end, `ice_servers` brings new ones in time.
        pub ice_servers: Vec<IceServer>,
        /// How many receive slots to offer. Both zero in a chat: then there is no media at all.
        pub audio_slots: u8,
        pub video_slots: u8,
        /// The codec in which to send a camera and a screen, where the client can; else any that both know.
        pub camera_codec: VideoCodec,
        pub screen_codec: VideoCodec,
    }
}

wire! {
    /// A codec of pictures. VP8 is sent in simulcast layers, VP9 and AV1 in one stream with layers inside (SVC).
    pub enum VideoCodec { Vp8, Vp9, Av1, H264 }
}

wire! {
    /// A STUN or TURN server for `RTCPeerConnection`.
    pub struct IceServer {
        pub urls: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub credential: Option<String>,
    }
}

wire! {
    /// New credentials for the servers of `joined`, before the earlier ones end. They count from the next ICE restart on;
    /// what is connected stays.
    pub struct IceServersChanged {
        pub ice_servers: Vec<IceServer>,
    }
}

wire! {
    /// Why a person sits in the lobby.
    pub enum WaitingReason {
        /// No adult host is present (INV-55).
        HostAbsent,
        /// The host has locked the room and admits by hand.
        Admission,
    }
}

wire! {
    /// In the lobby. `joined` follows by itself; `closed` if the room ends first.
    pub struct Waiting {
        pub reason: WaitingReason,
        pub room: RoomView,
        /// How many wait, this person included.
        pub waiting: u32,
    }
}

wire! { /// Somebody took a seat.
pub struct MemberJoined { pub member: MemberView } }
wire! { /// A seat changed: mute, hand, promotion, connection.
pub struct MemberChanged { pub member: MemberView } }
wire! {
    /// A seat is empty.
    pub struct MemberLeft { pub peer: PeerId, pub reason: LeftReason }
}
wire! {
    /// Why a seat is empty.
    pub enum LeftReason { Left, Lost, Removed, Closed }
}
wire! { /// The room changed: state, policy, times.
pub struct RoomChanged { pub room: RoomView } }

wire! {
    /// A refusal: say why, stay.
    pub struct Refused {
        pub code: RefusalCode,
        /// The `type` of the message that is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub request: Option<String>,
        /// The `client_msg_id` of a refused chat message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub client_msg_id: Option<crate::ids::ClientMessageId>,
        /// When trying again makes sense.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub retry_after_ms: Option<u64>,
        /// One sentence in English for a developer; people read the text of the code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
    }
}

wire! {
    /// The hub restarts: reconnect after this time (with jitter) and resume.
    pub struct Reconnect { pub after_ms: u32 }
}

wire! {
    /// Why a person's stay is over.
    pub enum CloseReason {
        /// The person gave the seat up.
        Left,
        /// The clock ended the lesson.
        Ended,
        /// The host ended it.
        EndedByHost,
        /// It did not take place: the host did not come.
        NotHeld,
        Cancelled,
        Removed,
        /// The same seat was taken from elsewhere.
        Replaced,
        /// The person's session or role ended; a new `join` is judged anew.
        AccessEnded,
        /// A technical fault.
        Technical,
    }
}

wire! {
    /// The stay is over; the socket stays open for another `join`.
    pub struct Closed { pub reason: CloseReason, pub room: RoomId }
}
