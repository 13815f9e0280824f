//! Counters of one worker and views of its receivers, for metrics and the support dump.

use std::time::Duration;

use crate::forward::selector::Layers;
pub use crate::forward::slot::Reason;

use crate::model::{PeerKey, SourceKey, SourceKind};

/// Since the worker started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub datagrams_received: u64,
    /// From an address that no authenticated check has validated, and not STUN (MD-01).
    pub strangers: u64,
    /// Binding requests that were not authentic.
    pub checks_refused: u64,
    pub checks_answered: u64,
    /// SRTP packets with a wrong tag, replayed or malformed.
    pub packets_rejected: u64,
    /// Media that its sender may not send, or of a paused source.
    pub packets_not_allowed: u64,
    pub packets_received: u64,
    pub packets_forwarded: u64,
    pub packets_resent: u64,
    /// Packets of padding, sent to find out how much a receiver's line takes.
    pub padding_sent: u64,
    /// Slots cut off because their receiver's line did not take what came.
    pub overflows: u64,
    pub key_frame_requests: u64,
    /// Compounds of RTCP that were not looked at, for their sender had sent too many (MD-20).
    pub control_ignored: u64,
}

/// What one receiver gets, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverView {
    /// What may be sent to it, in bit/s; `None`: nothing that it says bounds it.
    pub estimate_bps: Option<f64>,
    /// What is sent, audio, repairs and probes included, and the audio in it; bit/s over half a second.
    pub sent_bps: (f64, f64),
    /// To the receiver and back, with what feedback waits there.
    pub rtt: Option<Duration>,
    /// What the quickest packets stand on the way.
    pub queue: Duration,
    /// Lately, 0 to 1.
    pub fraction_lost: f64,
    /// Compounds of its RTCP that were not looked at, for it sent too many (MD-20).
    pub control_ignored: u64,
    pub slots: Vec<SlotView>,
}

/// What one slot shows, and why not more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    pub mid: String,
    pub source: Option<SourceKey>,
    pub max_height: u16,
    /// Simulcast layer that flows, by its place in the offer; `None`: paused, or waiting for a key frame.
    pub current: Option<u8>,
    /// Layers chosen: of simulcast, and the highest within (255: all).
    pub target: u8,
    pub wanted: Layers,
    pub is_paused: bool,
    pub reason: Reason,
    /// Changes of the layer so far, pauses included.
    pub switches: u32,
    pub packets: u32,
    pub resent: u64,
}

/// What a worker carries now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub rooms: usize,
    pub transports: usize,
    pub sources: usize,
    pub counters: Counters,
}

/// Everything that a room's transports, sources and slots have counted, made when it is asked for. Sums grow from the start
/// of what they belong to: rates follow from two reports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomReport {
    pub transports: Vec<TransportReport>,
}

/// One peer connection.
#[derive(Clone, Debug, PartialEq)]
pub struct TransportReport {
    pub peer: PeerKey,
    pub is_connected: bool,
    /// Round trip by the receiver's newest report block (RFC 3550 section 6.4.1); `None`: no report of it came yet.
    pub rtt: Option<Duration>,
    /// SRTP packets that were refused, or belong to no stream.
    pub rejected: u64,
    /// NACK messages and key frame requests from this peer.
    pub nacks: u64,
    pub key_frame_requests: u64,
    /// What the estimator thinks can be sent to this peer, bits in a second; `None`: nothing is estimated.
    pub estimate_bps: Option<u64>,
    pub sources: Vec<SourceReport>,
    pub slots: Vec<SlotReport>,
}

/// What a peer sends.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceReport {
    pub source: SourceKey,
    pub kind: SourceKind,
    pub is_paused: bool,
    pub is_encrypted: bool,
    pub subscribers: usize,
    pub layers: Vec<LayerReport>,
}

/// One simulcast layer, or the only stream of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    pub rid: Option<String>,
    pub is_active: bool,
    /// Pixels, by its last key frame.
    pub height: Option<u16>,
    /// Spatial layers within the stream.
    pub spatial_layers: Option<u8>,
    pub packets: u64,
    pub payload_bytes: u64,
    /// Packets that never came, retransmissions counted as arrived.
    pub lost: u64,
    pub jitter: Duration,
}

/// One m-line on which a peer receives.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotReport {
    pub mid: String,
    pub source: Option<SourceKey>,
    pub max_height: u16,
    /// Simulcast layer that flows; `None`: waiting for a key frame, or empty.
    pub layer: Option<u8>,
    /// Simulcast layer that should flow.
    pub target: u8,
    /// Why that one.
    pub reason: Reason,
    pub packets: u64,
    pub payload_bytes: u64,
    pub resent: u64,
    /// As the receiver reports it.
    pub remote: Option<RemoteReport>,
    pub flow: Flow,
}

/// What a receiver says of one slot (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RemoteReport {
    /// In the newest interval, 0 to 1.
    pub fraction_lost: f32,
    /// Since the slot began; below zero when duplicates arrive.
    pub lost: i64,
    pub jitter: Duration,
}

/// How steadily a slot's picture went on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Begun with a key frame after nothing: a new source, the end of a pause, a return.
    pub starts: u32,
    /// Changed to a larger simulcast layer, and to a smaller one.
    pub ups: u32,
    pub downs: u32,
    /// Time for which a picture that had begun stood still until the next key frame of the same source.
    pub stood: Duration,
}
