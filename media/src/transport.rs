//! One peer connection: ICE-lite, DTLS, SRTP and the m-lines on top. What is behind this seam can be swapped.

pub mod control;
pub mod dtls;
pub mod feedback;
pub mod hello;
pub mod ice;
pub mod replay;
pub mod srtp;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::bandwidth::Estimator;
use crate::bandwidth::budget::Climb;
use crate::bandwidth::incoming::Incoming;
use crate::forward::SourceIndex;
use crate::forward::slot::{Egress, Slot};
use crate::model::{PeerKey, RoomKey, SlotWish, SourceKey};
use crate::negotiate::{Accepted, Codec};
use crate::output::Batch;
use crate::pacer::Pacer;
use crate::rtp::extension::ExtensionIds;
use crate::sdp::Media;
use control::ControlShare;
use dtls::Dtls;
use feedback::ArrivalLog;
use ice::Ice;

/// Place of a transport in its worker's table; reused after the transport is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportIndex(pub usize);

/// SSRCs bound to m-lines, per transport: every layer and its retransmissions of 64 m-lines.
pub const MAX_STREAMS: usize = 64 * 6;
/// SSRCs that stay bound to an m-line which stops sending and starts again.
pub const KEPT_STREAMS: usize = 12;

/// Which stream an SSRC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub line: usize,
    pub layer: u8,
    /// Carries retransmissions of the layer (RFC 4588).
    pub is_retransmission: bool,
}

/// What an m-line is for.
#[derive(Debug)]
pub enum Role {
    /// Refused, or kept for later.
    Idle,
    /// The client sends a source.
    Send { source: SourceIndex, key: SourceKey, codecs: Vec<Accepted> },
    /// The client receives.
    Slot(Box<Slot>),
}

/// An m-line, at its index.
#[derive(Debug)]
pub struct Line {
    pub mid: String,
    pub role: Role,
    /// Layers of what it sends, or sent last: what its bound SSRCs stand for.
    pub rids: Vec<String>,
}

/// Timers of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// A DTLS flight may have to be repeated.
    Dtls,
    /// Consent may have ended.
    Consent,
    /// Sender and receiver reports.
    Report,
    /// NACKs, key frame requests, congestion feedback, layer choice: while the peer sends.
    Feedback,
    /// Layers, pauses and probes of what the peer receives: while something bounds it.
    Budget,
    /// Packets or padding wait for their time.
    Pace,
}

impl Timer {
    pub const COUNT: usize = 6;
    pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);
    pub const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);
    pub const BUDGET_INTERVAL: Duration = Duration::from_millis(200);
}

/// State of one peer connection.
pub struct Transport {
    pub room: RoomKey,
    pub peer: PeerKey,
    pub ice: Ice,
    pub dtls: Dtls,
    pub srtp: Option<(srtp::Inbound, srtp::Outbound)>,
    pub extensions: ExtensionIds,
    /// The client takes RTCP that is no compound.
    pub reduced_size: bool,
    pub lines: Vec<Line>,
    /// SSRCs of what the client sends, once bound.
    pub streams: HashMap<u32, Stream>,
    /// m-line of each slot's SSRC (media and retransmission).
    pub slots: HashMap<u32, usize>,
    pub wishes: Vec<SlotWish>,
    /// What `SlotsChanged` said last.
    pub told: Vec<(String, Option<SourceKey>)>,
    /// `Connected` was said, `Disconnected` not since.
    pub is_connected: bool,
    /// Until when the first connection has to stand; `None` once it did, or was given up.
    pub connects_by: Option<Instant>,
    pub arrivals: ArrivalLog,
    /// How much it may send, when its own estimator gets no feedback.
    pub incoming: Incoming,
    /// How much may be sent to it, and what waits for its time.
    pub estimator: Estimator,
    pub pacer: Pacer,
    pub climb: Climb,
    /// Our clock minus the publisher's NTP clock, 32.32 seconds; the smallest seen is the one with the least delay in it.
    pub clock_offset: Option<i64>,
    /// Earliest pending entry of each timer in the worker's heap.
    pub armed: [Option<Instant>; Timer::COUNT],
    /// `o=` version of the answers.
    pub answers: u64,
    pub session_id: u64,
    /// Packets that did not pass SRTP, are no RTP, or come from an unknown stream.
    pub rejected: u64,
    pub nacks: u64,
    pub key_frame_requests: u64,
    /// How much of its RTCP is looked at, and how many compounds were not.
    pub control: ControlShare,
    pub control_ignored: u64,
    /// Fraction lost in the newest report of the receiver, in 1/256.
    pub fraction_lost: u8,
    /// Round trip by its newest report block.
    pub rtt: Option<Duration>,
}

impl Transport {
    /// Whether media can be sent: consent and keys are there.
    pub fn is_ready(&self) -> bool {
        self.srtp.is_some() && self.ice.selected().is_some()
    }

    /// The slot of an m-line and the way to its receiver, at this time. `None`: there is no such slot, or no way yet.
    pub fn egress<'a>(
        &'a mut self,
        now: Instant,
        line: usize,
        batch: &'a mut Batch,
    ) -> Option<(&'a mut Slot, Egress<'a>)> {
        let to = self.ice.selected()?;
        let (_, srtp) = self.srtp.as_mut()?;
        let Role::Slot(slot) = &mut self.lines.get_mut(line)?.role else { return None };
        self.estimator.set_now(now);
        self.pacer.set_now(now, self.estimator.estimate_bps());
        let (estimator, pacer) = (&mut self.estimator, &mut self.pacer);
        let (extensions, line) = (self.extensions, line as u16);
        Some((slot.as_mut(), Egress { srtp, extensions, to, batch, estimator, pacer, line }))
    }

    /// The slot of an m-line.
    pub fn slot(&mut self, line: usize) -> Option<&mut Slot> {
        match &mut self.lines.get_mut(line)?.role {
            Role::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    /// Whether this compound of the peer's, which is authentic, is looked at.
    pub fn takes_control(&mut self, now: Instant, compound: &[u8]) -> bool {
        let is_video = |line: &&Line| matches!(&line.role, Role::Slot(slot) if slot.media == Media::Video);
        let slots = self.lines.iter().filter(is_video).count();
        let takes = self.control.take(now, slots, compound);
        self.control_ignored += u64::from(!takes);
        takes
    }

    /// All slots with their m-line's index.
    pub fn slots_mut(&mut self) -> impl Iterator<Item = (usize, &mut Slot)> {
        self.lines.iter_mut().enumerate().filter_map(|(index, line)| match &mut line.role {
            Role::Slot(slot) => Some((index, slot.as_mut())),
            _ => None,
        })
    }

    /// The sources this peer sends.
    pub fn sources(&self) -> impl Iterator<Item = SourceIndex> {
        self.lines.iter().filter_map(|line| match &line.role {
            Role::Send { source, .. } => Some(*source),
            _ => None,
        })
    }

    /// What a payload type means on a sending m-line: the codec, and whether it is a retransmission.
    pub fn codec(&self, line: usize, payload_type: u8) -> Option<(Codec, bool)> {
        let Role::Send { codecs, .. } = &self.lines.get(line)?.role else { return None };
        codecs.iter().find_map(|accepted| {
            if accepted.payload_type == payload_type {
                Some((accepted.codec, false))
            } else {
                (accepted.retransmission == Some(payload_type)).then_some((accepted.codec, true))
            }
        })
    }
}
