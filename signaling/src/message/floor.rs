//! Who may do what: hands, promotion, moderation, the host's switches.

use super::media::SourceKind;
use super::session::{RoomRole, WaitingReason};
use super::wire;
use crate::ids::{PeerId, PersonId};

wire! {
    /// What this person may do now. Sent in `joined` and whenever it changes; the hub enforces it per message and per packet.
    pub struct Rights {
        pub publish_audio: bool,
        pub publish_video: bool,
        pub publish_screen: bool,
        pub chat: bool,
        pub raise_hand: bool,
        pub moderate: bool,
        pub receive_media: bool,
    }
}

wire! { /// New rights; what is no longer allowed is already cut off.
pub struct RightsChanged { pub rights: Rights } }

wire! {
    /// The host's switches.
    pub struct RoomPolicy {
        /// Recipients may not switch their microphones on.
        pub microphones_locked: bool,
        /// Recipients may not switch their cameras on.
        pub cameras_locked: bool,
        /// Recipients may not write.
        pub chat_locked: bool,
        /// Newcomers wait until admitted.
        pub admission: bool,
        /// Slow mode of the chat: a recipient writes one message in so many seconds. One of 0 (off), 10, 30, 60.
        #[serde(default)]
        pub slow_mode_s: u16,
    }
}

wire! { /// Moderators only: replace the room's policy.
pub struct RoomPolicyChange { pub policy: RoomPolicy } }
wire! { /// Raise or lower one's own hand.
pub struct Hand { pub raised: bool } }
wire! { /// Moderators only: lower somebody's hand; `None` lowers all.
pub struct HandLower { #[serde(default, skip_serializing_if = "Option::is_none")] pub peer: Option<PeerId> } }
wire! { /// Raised hands, first come first.
pub struct HandQueue { pub peers: Vec<PeerId> } }
wire! {
    /// Moderators only: give the floor (publish rights in a webinar), or take it back. Giving lowers the hand.
    pub struct Promote { pub peer: PeerId, pub promoted: bool }
}
wire! {
    /// Moderators only: switch somebody's source off. They may switch it on again unless the policy locks it. `peer: None`: all recipients.
    pub struct MuteMember { #[serde(default, skip_serializing_if = "Option::is_none")] pub peer: Option<PeerId>, pub kind: SourceKind }
}
wire! { /// The host switched your source off.
pub struct MuteRequested { pub kind: SourceKind, pub by: PeerId } }
wire! {
    /// Moderators only: send somebody out. The account may not come back to this room.
    pub struct RemoveMember { pub peer: PeerId }
}
wire! { /// Moderators only: let in who waits; `None` lets everybody in.
pub struct Admit { #[serde(default, skip_serializing_if = "Option::is_none")] pub peer: Option<PeerId> } }
wire! {
    /// Somebody in the lobby, as moderators see them. `admit` names the peer.
    pub struct WaitingView {
        pub peer: PeerId,
        pub person: PersonId,
        pub display_name: String,
        pub role: RoomRole,
        pub reason: WaitingReason,
    }
}
wire! { /// To moderators: who waits, first come first, after any change.
pub struct Lobby { pub waiting: Vec<WaitingView> } }
wire! { /// Host only (or both sides of an individual consultation): end the consultation now.
pub struct EndRoom {} }
