//! The words that the core and its driver share: keys, rights, the offer and the events.

/// A room on one worker. Made by the driver, unique per worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(pub u64);

/// A peer (one peer connection) in a room. Made by the driver, unique per room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey(pub u64);

/// A published source in a room. Made by the driver, unique per room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey(pub u64);

/// What a source shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceKind {
    Microphone,
    Camera,
    ScreenAudio,
    Screen,
}

impl SourceKind {
    /// Whether this source travels on an audio m-line.
    pub fn is_audio(self) -> bool {
        matches!(self, Self::Microphone | Self::ScreenAudio)
    }
}

/// What a peer may send, enforced on every packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Publish {
    /// Microphone.
    pub audio: bool,
    /// Camera.
    pub video: bool,
    /// Screen and screen audio.
    pub screen: bool,
}

impl Publish {
    /// Everything.
    pub const ALL: Self = Self { audio: true, video: true, screen: true };

    /// Whether a source of this kind may be sent.
    pub fn allows(self, kind: SourceKind) -> bool {
        match kind {
            SourceKind::Microphone => self.audio,
            SourceKind::Camera => self.video,
            SourceKind::Screen | SourceKind::ScreenAudio => self.screen,
        }
    }
}

/// An SDP offer and what its m-lines are for.
#[derive(Clone, Debug)]
pub struct OfferRequest {
    /// At most 64 KiB and 64 m-lines.
    pub sdp: String,
    /// The m-lines (by mid) that send, and what. Every other m-line on which the client receives is a slot.
    pub sends: Vec<(String, SourceKey, SourceKind)>,
    pub allowed: Publish,
}

/// What a receiver wants on one of its m-lines, replaced as a whole by every call.
///
/// A video slot that is not listed, or listed with `None`, carries nothing. An audio slot that is not listed is filled
/// with the loudest sources; one that is listed carries exactly that source (or nothing), which is how a watcher of one
/// labelled source hears only that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotWish {
    pub mid: String,
    pub source: Option<SourceKey>,
    /// Height in pixels at which the picture is drawn; no larger layer is sent when a smaller one exists. 0: it is not
    /// drawn now (off the screen, page hidden), and costs nothing until it is.
    pub max_height: u16,
}

/// What the core tells the room that a peer or source belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SfuEvent {
    /// ICE and DTLS are up (again).
    Connected { peer: PeerKey },
    /// No consent for 15 s, or DTLS was closed. The peer stays known: checks that return bring `Connected`, a new offer
    /// may replace the transport, `drop_peer` ends it. Its sources are paused, and announced again when packets come again.
    Disconnected { peer: PeerKey },
    /// A fault of ours ended this peer's transport (a panic in its work). Nothing of it is left here: it has to connect
    /// anew, with a new offer over a new peer connection.
    Fallen { peer: PeerKey },
    /// The first packet of a source arrived that its owner may send. It is paused: nothing of it is forwarded before
    /// `Sfu::pause(…, false)`, which also asks for a key frame.
    SourceAdded { peer: PeerKey, source: SourceKey, kind: SourceKind },
    /// The source left with a renegotiation or with its peer.
    SourceRemoved { source: SourceKey },
    /// What every slot of this receiver carries now.
    SlotsChanged { peer: PeerKey, slots: Vec<(String, Option<SourceKey>)> },
    /// What anybody watches of a source, when that has changed: its publisher may stop the layers that are not named, and
    /// is to start those that are. `rids` is empty for a source without simulcast; then `is_watched` says it all.
    /// `spatial_unwatched`: how many of the layers within its only stream, from the largest down, nobody watches.
    LayersWanted { peer: PeerKey, source: SourceKey, rids: Vec<String>, is_watched: bool, spatial_unwatched: u8 },
    /// Who speaks, the dominant speaker first, at most four.
    Speakers { peers: Vec<PeerKey> },
}
