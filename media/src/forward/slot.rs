//! A slot: one m-line on which a client receives, whatever source and layer it carries at the moment.

use std::time::Instant;

use super::SourceIndex;
use super::history::{History, Sent, WAITS};
use super::ladder::Rung;
use super::rewrite::{self, Mapped, Rewrite};
use super::rtx_cache::CachedPacket;
use super::selector::Selector;
use crate::bandwidth::{Estimator, Purpose};
use crate::negotiate::{Accepted, Codec, Codecs, LinePlan, SlotSsrcs};
use crate::output::Batch;
use crate::pacer::{Pacer, Waiting};
use crate::path::Path;
use crate::rtp::dependency;
use crate::rtp::extension::{self, ExtensionIds};
use crate::rtp::frame::PayloadIds;
use crate::sdp::Media;
use crate::stats::{Flow, RemoteReport};
use crate::transport::srtp::Outbound;

/// How often one packet is sent again (MD-20: a storm of NACKs must not amplify).
const RESENDS: u8 = 8;
/// Packets that carry the MID, until the receiver has surely bound the SSRC to the m-line.
const WITH_MID: u32 = 100;

/// Header, extensions and tag of a packet, about.
const PACKET_OVERHEAD: usize = 48;
/// Padding octets of one probe packet: what the last octet can count (RFC 3550 section 5.1).
const PADDING: usize = 255;

/// What the receiver's feedback goes by, if anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    #[default]
    None,
    /// Transport-wide numbers.
    Number,
    /// abs-send-time: 24 bits of seconds, 18 of them behind the point.
    Time,
}

/// How far a slot may go, as the receiver's budget has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Allowance {
    /// Nothing was decided yet.
    #[default]
    New,
    /// Nothing bounds it but the height of its picture.
    Free,
    Rung(Rung),
    /// It does not fit.
    Paused,
}

/// Why a slot shows what it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// It carries no source, or its source is held back.
    #[default]
    Idle,
    /// As large as it is drawn, or as the source has it.
    Fits,
    /// Drawn nowhere: the tile is off the screen or the page hidden.
    Hidden,
    /// The publisher does not send the layer that would fit.
    Missing,
    /// The receiver's estimate bears no more.
    Bandwidth,
    /// More came than the receiver's line took: cut off until a smaller key frame.
    Overflow,
    /// The receiver cannot decode what the publisher sends.
    Codec,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Fits => "fits",
            Self::Hidden => "hidden",
            Self::Missing => "missing",
            Self::Bandwidth => "bandwidth",
            Self::Overflow => "overflow",
            Self::Codec => "codec",
        }
    }
}

/// Where a slot's packets go: the receiver's keys and path.
pub struct Egress<'a> {
    pub srtp: &'a mut Outbound,
    pub extensions: ExtensionIds,
    pub to: Path,
    pub batch: &'a mut Batch,
    pub estimator: &'a mut Estimator,
    pub pacer: &'a mut Pacer,
    /// The slot's m-line.
    pub line: u16,
}

/// One packet as it is to be written.
struct Form {
    payload_type: u8,
    ssrc: u32,
    index: u64,
    payload_start: usize,
    with_mid: bool,
    /// Of a retransmission: the sequence number that is sent again.
    original: Option<u16>,
    /// Of a packet that must be the same to the last bit as one before.
    stamp: Option<u32>,
    purpose: Purpose,
}

/// State of one slot.
#[derive(Debug)]
pub struct Slot {
    pub mid: String,
    pub media: Media,
    pub ssrcs: SlotSsrcs,
    codecs: Vec<Accepted>,
    /// What of it the receiver can decode.
    pub takes: Codecs,
    pub stamp: Stamp,
    /// What it carries; the source lists this slot among its subscribers exactly then.
    pub source: Option<SourceIndex>,
    pub max_height: u16,
    pub allowance: Allowance,
    /// Hidden, or does not fit: nothing is forwarded, and nothing asked for.
    pub is_paused: bool,
    pub reason: Reason,
    /// Changes of the layer that flows, pauses included.
    pub switches: u32,
    /// The receiver's line did not take what came.
    pub has_overflowed: bool,
    /// The layer that would be taken if the publisher sent it.
    pub wish: Option<u8>,
    /// The highest spatial layer within it that would be taken. `u8::MAX`: all.
    pub inner_wish: u8,
    /// The layer that is forwarded now; `None`: waiting for a key frame.
    current: Option<u8>,
    /// The layer that should be forwarded.
    pub target: u8,
    /// Of a stream with layers inside, which of them are.
    pub selector: Selector,
    rewrite: Rewrite,
    history: History,
    retransmission_index: u64,
    /// The dependency descriptor being written.
    dependency: Vec<u8>,
    pub packets: u32,
    pub octets: u32,
    pub resent: u64,
    /// By the receiver's newest report block.
    pub remote: Option<RemoteReport>,
    pub flow: Flow,
    /// When the newest packet of the present source left; `None`: none of it yet.
    sent_at: Option<Instant>,
}

impl Slot {
    pub fn new(mid: String, media: Media, ssrcs: SlotSsrcs) -> Self {
        Self {
            mid,
            media,
            ssrcs,
            codecs: Vec::new(),
            takes: Codecs::default(),
            stamp: Stamp::None,
            source: None,
            max_height: 0,
            allowance: Allowance::New,
            is_paused: false,
            reason: Reason::Idle,
            switches: 0,
            has_overflowed: false,
            wish: None,
            inner_wish: u8::MAX,
            current: None,
            target: 0,
            selector: Selector::default(),
            rewrite: Rewrite::default(),
            history: History::default(),
            retransmission_index: 0,
            dependency: Vec::new(),
            packets: 0,
            octets: 0,
            resent: 0,
            remote: None,
            flow: Flow::default(),
            sent_at: None,
        }
    }

    /// Takes what an offer has agreed for its m-line. `has_new_ids`: header extensions have other numbers than before.
    pub fn negotiate(&mut self, plan: &LinePlan, has_new_ids: bool) {
        let stamp = if plan.has_extension(extension::TRANSPORT_CC) {
            Stamp::Number
        } else if plan.has_extension(extension::ABS_SEND_TIME) {
            Stamp::Time
        } else {
            Stamp::None
        };
        // Without RTX a packet is repeated under its own nonce, and must be the same to the last bit: what was written in
        // another form is not repeated any more.
        let may_repeat = |codecs: &[Accepted]| codecs.iter().any(|accepted| accepted.retransmission.is_none());
        let has_changed = has_new_ids || self.stamp != stamp || self.codecs != plan.codecs;
        if has_changed && (may_repeat(&self.codecs) || may_repeat(&plan.codecs)) {
            self.history.forget(|sent| sent.resends != WAITS);
        }
        self.stamp = stamp;
        self.codecs.clone_from(&plan.codecs);
        self.takes = Codecs::of(&plan.codecs);
    }

    /// Carries this source (or none) from now on. Video starts with its next key frame.
    pub fn assign(&mut self, source: Option<SourceIndex>) {
        self.source = source;
        self.allowance = Allowance::New;
        self.is_paused = false;
        self.wish = None;
        self.reason = Reason::Idle;
        self.sent_at = None;
        self.interrupt();
    }

    /// Stops or resumes what flows; whoever resumes waits for a key frame.
    pub fn set_paused(&mut self, is_paused: bool) {
        if std::mem::replace(&mut self.is_paused, is_paused) != is_paused {
            self.switches = self.switches.wrapping_add(1);
            self.interrupt();
        }
    }

    /// The flow stops (pause, lost rights): what comes next starts with a key frame.
    pub fn interrupt(&mut self) {
        self.current = None;
        // Sequence numbers of a source return after 65536 packets: nothing of before may be sent again as if it were now.
        self.history.clear();
    }

    /// A layer begins anew under another SSRC: its sequence numbers stand for other packets from now on.
    pub fn restart(&mut self, layer: u8) {
        if self.current == Some(layer) {
            self.interrupt();
        } else {
            self.history.forget(|sent| sent.layer == layer);
        }
    }

    /// The layer whose key frame it waits for, if it waits.
    pub fn awaits(&self) -> Option<u8> {
        let awaits = self.current != Some(self.target) || self.selector.awaits_key_frame();
        (self.media == Media::Video && awaits && !self.is_paused).then_some(self.target)
    }

    /// The layer that flows, or will.
    pub fn layer(&self) -> u8 {
        self.current.unwrap_or(self.target)
    }

    /// The layer that flows; `None`: it waits for a key frame, or is paused.
    pub fn current(&self) -> Option<u8> {
        self.current
    }

    /// Forwards a packet of one layer of the slot's source, if it is the layer this slot takes.
    pub fn forward(&mut self, now: Instant, layer: u8, packet: &CachedPacket, egress: &mut Egress<'_>) {
        let Some((codec, start)) = self.accepted(packet) else { return };
        let (payload_type, has_retransmission) = (codec.payload_type, codec.retransmission.is_some());
        if self.current != Some(layer) {
            if layer != self.target || !packet.info.starts_key_frame {
                return;
            }
            self.note_switch(now, layer);
            self.current = Some(layer);
            self.switches = self.switches.wrapping_add(1);
            self.selector.restart();
            self.rewrite.switch(now, packet);
        }
        let Some(selected) = self.selector.select(packet) else {
            self.rewrite.leave_out(packet);
            return;
        };
        let Some(mut mapped) = self.rewrite.map(now, packet) else { return };
        (mapped.marker, mapped.active) = (selected.marker, selected.active);
        self.sent_at = Some(now);
        // Without RTX a packet is sent again under its own number, and then must be the same to the last bit: GCM breaks
        // when one nonce meets two messages. So the MID stays on, and the stamp is kept.
        let form = Form {
            payload_type,
            ssrc: self.ssrcs.media,
            index: mapped.index,
            payload_start: start,
            with_mid: self.packets < WITH_MID || !has_retransmission,
            original: None,
            stamp: None,
            purpose: if self.media == Media::Video { Purpose::Video } else { Purpose::Audio },
        };
        if self.media == Media::Audio {
            if self.write(&form, &mapped, packet, egress).is_some() {
                self.count(packet, start);
            }
            return;
        }
        let mut sent = Sent { mapped, layer, source_sequence: packet.sequence, resends: 0, memo: 0 };
        if egress.pacer.is_closed() {
            sent.resends = WAITS;
            self.history.note(now, egress.estimator.rtt(), sent);
            let bytes = (packet.payload.len() + PACKET_OVERHEAD).min(usize::from(u16::MAX)) as u16;
            if !egress.pacer.push(Waiting { line: egress.line, sequence: mapped.sequence(), bytes }) {
                self.overflow(egress.pacer, egress.line);
            }
            return;
        }
        if let Some(stamp) = self.write(&form, &mapped, packet, egress) {
            sent.memo = if has_retransmission { egress.estimator.now_ms() } else { stamp };
            self.history.note(now, egress.estimator.rtt(), sent);
            self.count(packet, start);
        }
    }

    /// More has come than the line takes in time: what waits is given up, and the next key frame begins anew. By then the
    /// budget has chosen a smaller layer.
    fn overflow(&mut self, pacer: &mut Pacer, line: u16) {
        pacer.forget(line);
        self.interrupt();
        self.has_overflowed = true;
        self.reason = Reason::Overflow;
    }

    fn count(&mut self, packet: &CachedPacket, payload_start: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add((packet.payload.len() - payload_start) as u32);
    }

    /// What waits under this number: the source's layer and sequence number.
    pub fn waiting(&self, sequence: u16) -> Option<(u8, u16)> {
        let sent = self.history.find(sequence)?;
        (sent.resends == WAITS).then_some((sent.layer, sent.source_sequence))
    }

    /// Sends a packet that has waited, found by [`Slot::waiting`].
    pub fn release(&mut self, sequence: u16, packet: &CachedPacket, egress: &mut Egress<'_>) {
        let Some(mapped) = self.history.find(sequence).filter(|sent| sent.resends == WAITS).map(|sent| sent.mapped)
        else {
            return;
        };
        let Some((codec, start)) = self.accepted(packet) else { return };
        let has_retransmission = codec.retransmission.is_some();
        let form = Form {
            payload_type: codec.payload_type,
            ssrc: self.ssrcs.media,
            index: mapped.index,
            payload_start: start,
            with_mid: self.packets < WITH_MID || !has_retransmission,
            original: None,
            stamp: None,
            purpose: Purpose::Video,
        };
        if let Some(stamp) = self.write(&form, &mapped, packet, egress) {
            let memo = if has_retransmission { egress.estimator.now_ms() } else { stamp };
            if let Some(sent) = self.history.find_mut(sequence) {
                (sent.memo, sent.resends) = (memo, 0);
            }
            self.count(packet, start);
        }
    }

    /// Counts the change to this layer.
    fn note_switch(&mut self, now: Instant, layer: u8) {
        match self.current {
            Some(current) if layer > current => self.flow.ups += 1,
            Some(_) => self.flow.downs += 1,
            None => {
                self.flow.starts += 1;
                if let (Some(sent), Media::Video) = (self.sent_at, self.media) {
                    self.flow.stood += now.saturating_duration_since(sent);
                }
            }
        }
    }

    /// The layer that flows; `None`: it waits for a key frame, or carries nothing.
    pub fn flowing(&self) -> Option<u8> {
        self.current
    }

    /// What was sent under this number: the source's layer and sequence number.
    pub fn sent(&self, sequence: u16) -> Option<(u8, u16)> {
        let sent = self.history.find(sequence)?;
        (sent.resends < RESENDS).then_some((sent.layer, sent.source_sequence))
    }

    /// Sends a packet again, found by [`Slot::sent`].
    pub fn resend(&mut self, sequence: u16, packet: &CachedPacket, egress: &mut Egress<'_>) {
        let Some((codec, payload_start)) = self.accepted(packet) else { return };
        let (payload_type, retransmission) = (codec.payload_type, codec.retransmission);
        let Some(sent) = self.history.find_mut(sequence) else { return };
        if sent.resends >= RESENDS || !egress.pacer.may_repeat() || !egress.estimator.may_repeat() {
            return;
        }
        if retransmission.is_some() {
            // Asked for again before the last answer can have come: on a path with a long queue, clients do.
            let trip = egress.estimator.rtt().map_or(0, |rtt| rtt.as_millis() as u32 / 2).min(500);
            let now = egress.estimator.now_ms();
            if sent.resends > 0 && now.wrapping_sub(sent.memo) < trip {
                return;
            }
            sent.memo = now;
        }
        sent.resends += 1;
        let (mapped, stamp) = (sent.mapped, sent.memo);
        self.resent += 1;
        let mut form = Form {
            payload_type,
            ssrc: self.ssrcs.media,
            index: mapped.index,
            payload_start,
            with_mid: true,
            original: None,
            stamp: Some(stamp),
            purpose: Purpose::Retransmission,
        };
        if let Some(payload_type) = retransmission {
            self.retransmission_index += 1;
            (form.payload_type, form.ssrc, form.index) =
                (payload_type, self.ssrcs.retransmission, self.retransmission_index);
            (form.original, form.stamp) = (Some(sequence), None);
        }
        self.write(&form, &mapped, packet, egress);
    }

    /// Whether padding can be sent on it: on the retransmission SSRC, where every receiver drops it.
    pub fn takes_padding(&self) -> bool {
        self.stamp == Stamp::Number && self.codecs.iter().any(|codec| codec.retransmission.is_some())
    }

    /// Sends one packet of padding for a probe. `false`: it cannot.
    pub fn pad(&mut self, egress: &mut Egress<'_>) -> bool {
        let Some(payload_type) = self.codecs.iter().find_map(|codec| codec.retransmission) else { return false };
        self.retransmission_index += 1;
        let (ssrc, index) = (self.ssrcs.retransmission, self.retransmission_index);
        let number = egress.estimator.next_number().to_be_bytes();
        let slab = &mut egress.batch.slab;
        let start = slab.len();
        slab.extend_from_slice(&[0xa0, payload_type]);
        slab.extend_from_slice(&(index as u16).to_be_bytes());
        slab.extend_from_slice(&self.rewrite.last_timestamp().to_be_bytes());
        slab.extend_from_slice(&ssrc.to_be_bytes());
        let ids = &egress.extensions;
        if extension::write(slab, &[(ids.mid, self.mid.as_bytes()), (ids.transport_cc, &number)]) {
            slab[start] |= 0x10;
        }
        let header = slab.len() - start;
        slab.resize(start + header + PADDING, 0);
        slab[start + header + PADDING - 1] = PADDING as u8;
        if !egress.srtp.seal_rtp(slab, start, header, ssrc, index) {
            slab.truncate(start);
            return false;
        }
        let bytes = slab.len() - start;
        egress.batch.commit(egress.to, start);
        egress.estimator.note_sent(bytes, Purpose::Probe, true);
        egress.pacer.note_sent(bytes);
        true
    }

    /// The receiver's timestamp for a timestamp of the source; `None`: nothing flows.
    pub fn timestamp(&self, source: u32) -> Option<u32> {
        self.current.map(|_| self.rewrite.timestamp(source))
    }

    /// The codec under which the receiver gets a packet, and where the payload for it begins. RED goes as it is to those who
    /// take it and know the Opus inside by the same payload type; to others goes the newest frame alone. `None`: the
    /// receiver cannot decode it.
    fn accepted(&self, packet: &CachedPacket) -> Option<(&Accepted, usize)> {
        let find = |codec| self.codecs.iter().find(|accepted| accepted.codec == codec);
        if packet.codec != Codec::Red {
            return find(packet.codec).map(|accepted| (accepted, 0));
        }
        let opus = find(Codec::Opus)?;
        match (find(Codec::Red), packet.primary) {
            (Some(red), Some(primary)) if primary.payload_type == opus.payload_type => Some((red, 0)),
            (_, primary) => primary.map(|primary| (opus, primary.offset)),
        }
    }

    /// Builds and encrypts one packet at the end of the slab. Gives the stamp it bears; `None`: it could not be encrypted.
    fn write(&mut self, form: &Form, mapped: &Mapped, packet: &CachedPacket, egress: &mut Egress<'_>) -> Option<u32> {
        let (ssrc, index) = (form.ssrc, form.index);
        let slab = &mut egress.batch.slab;
        let start = slab.len();
        slab.extend_from_slice(&[0x80, form.payload_type | u8::from(mapped.marker) << 7]);
        slab.extend_from_slice(&(index as u16).to_be_bytes());
        slab.extend_from_slice(&mapped.timestamp.to_be_bytes());
        slab.extend_from_slice(&ssrc.to_be_bytes());
        let ids = &egress.extensions;
        self.dependency.clear();
        if let Some(found) = &packet.info.dependency
            && ids.dependency != 0
            && needs_dependency(packet)
        {
            let active = (mapped.active != u32::MAX).then_some(mapped.active);
            dependency::rewrite(&mut self.dependency, &packet.dependency, found.layout, mapped.frame_number, active);
        }
        let stamp = form.stamp.unwrap_or_else(|| match self.stamp {
            Stamp::Number => u32::from(egress.estimator.next_number()),
            Stamp::Time => egress.estimator.send_time(),
            Stamp::None => 0,
        });
        let bytes = stamp.to_be_bytes();
        let (stamp_id, stamp_bytes) = match self.stamp {
            Stamp::Number => (ids.transport_cc, &bytes[2..]),
            Stamp::Time => (ids.abs_send_time, &bytes[1..]),
            Stamp::None => (0, &bytes[..0]),
        };
        let marking = rewrite::marking(packet, mapped);
        let elements = [
            (if form.with_mid { ids.mid } else { 0 }, self.mid.as_bytes()),
            (stamp_id, stamp_bytes),
            (ids.orientation, packet.orientation.as_slice()),
            (ids.playout_delay, packet.playout_delay.as_ref().map_or(&[][..], |delay| delay)),
            (ids.dependency, &self.dependency),
            (ids.marking, marking.as_ref().map_or(&[][..], |marking| marking.as_slice())),
        ];
        if extension::write(slab, &elements) {
            slab[start] |= 0x10;
        }
        let header = slab.len() - start;
        if let Some(original) = form.original {
            slab.extend_from_slice(&original.to_be_bytes());
        }
        let payload = slab.len();
        slab.extend_from_slice(packet.payload.get(form.payload_start..).unwrap_or_default());
        packet.info.ids.rewrite(&mut slab[payload..], mapped.picture_id, mapped.tl0_picture_index);
        if !egress.srtp.seal_rtp(slab, start, header, ssrc, index) {
            slab.truncate(start);
            return None;
        }
        let bytes = slab.len() - start;
        egress.batch.commit(egress.to, start);
        let is_numbered = self.stamp == Stamp::Number && form.stamp.is_none();
        egress.estimator.note_sent(bytes, form.purpose, is_numbered);
        egress.pacer.note_sent(bytes);
        Some(stamp)
    }
}

/// Whether the receiver needs the dependency descriptor: AV1 has nothing else, and of a secret payload nothing else is
/// known. VP8, VP9 and H264 tell it all in the payload, and browsers get one truth instead of two.
fn needs_dependency(packet: &CachedPacket) -> bool {
    packet.codec == Codec::Av1 || packet.codec != Codec::H264 && packet.info.ids == PayloadIds::None
}
