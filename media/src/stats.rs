//! Counters of one worker and views of its receivers, for metrics and the support dump.

use std::time::Duration;

use crate::forward::selector::Layers;
use crate::forward::slot::Reason;
use crate::model::SourceKey;

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
