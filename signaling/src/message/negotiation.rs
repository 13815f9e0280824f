//! Offer, answer, candidates. The client always offers, the server always answers; the server is ICE-lite (RFC 8445).

use super::media::SourceKind;
use super::wire;
use crate::ids::Mid;

wire! {
    /// Which source an m-line of the offer sends. Every kind once at most.
    pub struct SendSlot {
        pub mid: Mid,
        pub kind: SourceKind,
        /// Its frames are encrypted end to end (encoded transforms): the hub looks at no payload and changes none. It then
        /// tells key frames by the dependency descriptor alone: an offer without that extension brings no picture.
        #[serde(default)]
        pub encrypted: bool,
    }
}

wire! {
    /// An SDP offer: the first, a renegotiation or an ICE restart. At most 64 KiB and 64 m-lines.
    /// Refusals: `bad_offer`, `out_of_order`, and for a sending m-line without the right `role_not_permitted`,
    /// `host_absent` or `room_locked`. While an offer is unanswered a newer one replaces it.
    pub struct Offer {
        /// Counts the offers of one `RTCPeerConnection` from 1; the answer repeats it. 1 starts a new peer connection:
        /// the earlier one of this seat, if any, is dropped.
        pub id: u32,
        pub sdp: String,
        /// The m-lines that send, and what. All others receive and are slots.
        pub sends: Vec<SendSlot>,
    }
}

wire! {
    /// Trickled candidate of the client (RFC 8838). At most 40 per offer. Empty text: end of candidates.
    pub struct Candidate {
        pub candidate: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mid: Option<Mid>,
    }
}

wire! {
    /// The SDP answer to the offer of that id.
    pub struct Answer { pub id: u32, pub sdp: String }
}

wire! {
    /// A fault of the hub ended this seat's media; the seat stays. Make a new `RTCPeerConnection` and offer with `id` 1.
    pub struct MediaLost {}
}
