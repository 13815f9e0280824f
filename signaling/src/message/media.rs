//! Sources, slots, mute, speakers, quality.

use super::wire;
use crate::ids::{Mid, PeerId, SourceId};

wire! {
    /// What a source shows.
    pub enum SourceKind { Microphone, Camera, ScreenAudio, Screen }
}

wire! {
    /// Something that can be watched or heard.
    pub struct SourceView {
        pub source: SourceId,
        pub peer: PeerId,
        pub kind: SourceKind,
        /// Muted by its owner or by the host: nothing is sent.
        pub muted: bool,
        /// Its frames are encrypted end to end: without the key there is nothing to see or hear.
        pub encrypted: bool,
    }
}

wire! {
    /// How well the line of a seat carries, by what the hub measures and what its client reports.
    pub enum SignalLevel {
        Good,
        /// Loss of 2 % and more, a round trip of 400 ms and more, or pictures that stood still for a second.
        Fair,
        /// Loss of 8 % and more, 800 ms, or 4 s.
        Poor,
    }
}

wire! {
    /// Somebody whose microphone is on, and somebody at whom its sound does not arrive.
    pub struct Unheard { pub speaker: PeerId, pub listener: PeerId }
}

wire! {
    /// Who cannot hear whom now, by the listeners' own reports; replaces what was said before. Moderators are told all,
    /// the others who it is that cannot hear them. At most 64.
    pub struct UnheardNow { pub pairs: Vec<Unheard> }
}

wire! {
    /// All sources of the room, after any change.
    pub struct Sources { pub sources: Vec<SourceView> }
}

wire! {
    /// A video slot and what the client wants in it.
    pub struct SlotRequest {
        pub mid: Mid,
        /// `None`: nothing; the slot costs no bandwidth.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<SourceId>,
        /// Height in pixels at which the tile is drawn; the hub sends no larger layer. 0: it is not drawn now (the page is
        /// hidden, the tile is off the screen), and costs nothing until it is.
        pub max_height: u16,
    }
}

wire! {
    /// What the layout shows now. Replaces the earlier wish entirely. Audio slots are filled by the hub.
    /// A mid that is no receiving m-line of the last offer: `bad_message`. A source that is not there or not for this
    /// person: `not_found`, and that slot stays empty.
    pub struct SlotRequests { pub slots: Vec<SlotRequest> }
}

wire! {
    /// What a slot carries.
    pub struct SlotView {
        pub mid: Mid,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<SourceId>,
    }
}

wire! {
    /// What every slot of this receiver carries now.
    pub struct SlotMap { pub slots: Vec<SlotView> }
}

wire! {
    /// To the publisher of a source: what anybody watches of it now. It stops the simulcast layers that are not named, and
    /// starts those that are, with a key frame; a source without simulcast goes by `watched`, and where it has spatial
    /// layers inside (SVC), by how many of those nobody watches, from the largest down: 2 of `L3T3_KEY` leave `L1T3` of a
    /// quarter of the size. Sent when that has changed, a few seconds after somebody looked away and at once when somebody
    /// looks. Everything is wanted until the first, and again after every offer that makes the source anew.
    pub struct LayersWanted {
        pub source: SourceId,
        pub rids: Vec<String>,
        pub watched: bool,
        #[serde(default)]
        pub spatial_unwatched: u8,
    }
}

wire! {
    /// The client switched one of its own sources on or off. Everything starts off: nothing is forwarded before
    /// `mute{muted: false}`. Refusals of switching on: `role_not_permitted`, `host_absent`, `room_locked`.
    pub struct Mute { pub kind: SourceKind, pub muted: bool }
}

wire! {
    /// Who speaks, loudest first (from RFC 6464 levels). At most four.
    pub struct Speakers { pub peers: Vec<PeerId> }
}

wire! {
    /// The client's own view of its connection, every 10 s at most. It counts for the signal shown to the others, and as
    /// evidence.
    pub struct QualityReport {
        pub rtt_ms: u32,
        /// Lost packets, in thousandths.
        pub loss_permille: u16,
        pub jitter_ms: u32,
        /// Time that watched video stood still since the last report.
        pub freeze_ms: u32,
        /// Peers whose microphone is on but whose sound does not arrive here.
        pub unheard: Vec<PeerId>,
    }
}
