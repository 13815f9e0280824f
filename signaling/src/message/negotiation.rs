//! Offer, answer, candidates. The client always offers, the server always answers; the server is ICE-lite (RFC 8445).

use super::media::SourceKind;
use super::wire;
use crate::ids::Mid;

wire! {
    /// Which source an m-line of the offer sends.
    pub struct SendSlot { pub mid: Mid, pub kind: SourceKind }
}

wire! {
    /// An SDP offer: the first, a renegotiation or an ICE restart. At most 64 KiB and 64 m-lines.
    /// Refusals: `bad_offer`, `role_not_permitted` (a sending m-line without the right), `out_of_order`.
    pub struct Offer {
        /// Counts the client's offers; the answer repeats it.
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
