//! Everything that crosses the WebSocket. JSON text frames, `{"type": "...", ...}`.
//!
//! One struct per message, unknown fields refused. Every integer stays under 2^53. Times are Unix milliseconds.
//! A client's first message is [`session::Hello`]. Identity comes from the session only: no message carries its sender.

pub mod chat;
pub mod floor;
pub mod media;
pub mod negotiation;
pub mod parse;
pub mod session;

use serde::{Deserialize, Serialize};

/// Derives shared by every message.
macro_rules! wire {
    ($(#[$doc:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[cfg_attr(test, ts(optional_fields))]
        #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($body)* }
    };
    ($(#[$doc:meta])* pub enum $name:ident { $($body:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($body)* }
    };
}
pub(crate) use wire;

/// What a client may send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    Hello(session::Hello),
    Join(session::Join),
    Resume(session::Resume),
    Leave(session::Leave),
    Offer(negotiation::Offer),
    Candidate(negotiation::Candidate),
    Slots(media::SlotRequests),
    Mute(media::Mute),
    Quality(media::QualityReport),
    Hand(floor::Hand),
    HandLower(floor::HandLower),
    Promote(floor::Promote),
    MuteMember(floor::MuteMember),
    RemoveMember(floor::RemoveMember),
    Admit(floor::Admit),
    RoomPolicy(floor::RoomPolicyChange),
    EndRoom(floor::EndRoom),
    ChatSend(chat::ChatSend),
    ChatEdit(chat::ChatEdit),
    ChatDelete(chat::ChatDelete),
    ChatHistory(chat::ChatHistoryRequest),
}

impl ClientMessage {
    /// Every `type` of the list above, in its order.
    pub const KINDS: [&'static str; 21] = [
        "hello",
        "join",
        "resume",
        "leave",
        "offer",
        "candidate",
        "slots",
        "mute",
        "quality",
        "hand",
        "hand_lower",
        "promote",
        "mute_member",
        "remove_member",
        "admit",
        "room_policy",
        "end_room",
        "chat_send",
        "chat_edit",
        "chat_delete",
        "chat_history",
    ];

    /// The message's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Join(_) => "join",
            Self::Resume(_) => "resume",
            Self::Leave(_) => "leave",
            Self::Offer(_) => "offer",
            Self::Candidate(_) => "candidate",
            Self::Slots(_) => "slots",
            Self::Mute(_) => "mute",
            Self::Quality(_) => "quality",
            Self::Hand(_) => "hand",
            Self::HandLower(_) => "hand_lower",
            Self::Promote(_) => "promote",
            Self::MuteMember(_) => "mute_member",
            Self::RemoveMember(_) => "remove_member",
            Self::Admit(_) => "admit",
            Self::RoomPolicy(_) => "room_policy",
            Self::EndRoom(_) => "end_room",
            Self::ChatSend(_) => "chat_send",
            Self::ChatEdit(_) => "chat_edit",
            Self::ChatDelete(_) => "chat_delete",
            Self::ChatHistory(_) => "chat_history",
        }
    }
}

/// What the hub sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    Welcome(session::Welcome),
    Joined(session::Joined),
    Waiting(session::Waiting),
    MemberJoined(session::MemberJoined),
    MemberChanged(session::MemberChanged),
    MemberLeft(session::MemberLeft),
    RoomChanged(session::RoomChanged),
    IceServers(session::IceServersChanged),
    Rights(floor::RightsChanged),
    HandQueue(floor::HandQueue),
    Lobby(floor::Lobby),
    MuteRequested(floor::MuteRequested),
    Answer(negotiation::Answer),
    MediaLost(negotiation::MediaLost),
    Sources(media::Sources),
    SlotMap(media::SlotMap),
    LayersWanted(media::LayersWanted),
    Speakers(media::Speakers),
    Unheard(media::UnheardNow),
    ChatAck(chat::ChatAck),
    ChatMessage(chat::ChatMessage),
    ChatChanged(chat::ChatChanged),
    ChatHistory(chat::ChatHistory),
    Error(session::Refused),
    Reconnect(session::Reconnect),
    Closed(session::Closed),
}
