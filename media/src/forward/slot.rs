//! A slot: one m-line on which a client receives, whatever source and layer it carries at the moment.

use std::net::SocketAddr;
use std::time::Instant;

use super::SourceIndex;
use super::rewrite::{Mapped, Rewrite};
use super::rtx_cache::CachedPacket;
use super::selector::Selector;
use crate::negotiate::{Accepted, Codec, SlotSsrcs};
use crate::output::Batch;
use crate::rtp::dependency;
use crate::rtp::extension::{self, ExtensionIds};
use crate::rtp::frame::PayloadIds;
use crate::sdp::Media;
use crate::transport::srtp::Outbound;

/// Sent packets that a receiver may ask for again: as many as a video layer's cache holds.
const HISTORY: usize = super::rtx_cache::VIDEO_PACKETS;
/// How often one packet is sent again (MD-20: a storm of NACKs must not amplify).
const RESENDS: u8 = 8;
/// Packets that carry the MID, until the receiver has surely bound the SSRC to the m-line.
const WITH_MID: u32 = 100;

/// What was sent under a sequence number.
#[derive(Clone, Copy, Debug)]
struct Sent {
    mapped: Mapped,
    layer: u8,
    source_sequence: u16,
    resends: u8,
}

/// Where a slot's packets go: the receiver's keys and address.
pub struct Egress<'a> {
    pub srtp: &'a mut Outbound,
    pub extensions: ExtensionIds,
    pub to: SocketAddr,
    pub batch: &'a mut Batch,
}

/// State of one slot.
#[derive(Debug)]
pub struct Slot {
    pub mid: String,
    pub media: Media,
    pub ssrcs: SlotSsrcs,
    pub codecs: Vec<Accepted>,
    /// What it carries; the source lists this slot among its subscribers exactly then.
    pub source: Option<SourceIndex>,
    pub max_height: u16,
    /// The layer that is forwarded now; `None`: waiting for a key frame.
    current: Option<u8>,
    /// The layer that should be forwarded.
    pub target: u8,
    /// Of a stream with layers inside, which of them are.
    pub selector: Selector,
    rewrite: Rewrite,
    /// Ring by receiver's sequence number; empty until the first video packet.
    history: Vec<Option<Sent>>,
    retransmission_index: u64,
    /// The dependency descriptor being written.
    dependency: Vec<u8>,
    pub packets: u32,
    pub octets: u32,
    pub resent: u64,
}

impl Slot {
    pub fn new(mid: String, media: Media, ssrcs: SlotSsrcs) -> Self {
        Self {
            mid,
            media,
            ssrcs,
            codecs: Vec::new(),
            source: None,
            max_height: 0,
            current: None,
            target: 0,
            selector: Selector::default(),
            rewrite: Rewrite::default(),
            history: Vec::new(),
            retransmission_index: 0,
            dependency: Vec::new(),
            packets: 0,
            octets: 0,
            resent: 0,
        }
    }

    /// Carries this source (or none) from now on. Video starts with its next key frame.
    pub fn assign(&mut self, source: Option<SourceIndex>) {
        self.source = source;
        self.interrupt();
    }

    /// The flow stops (pause, lost rights): what comes next starts with a key frame.
    pub fn interrupt(&mut self) {
        self.current = None;
        // Sequence numbers of a source return after 65536 packets: nothing of before may be sent again as if it were now.
        self.history.fill(None);
    }

    /// The layer whose key frame it waits for, if it waits.
    pub fn awaits(&self) -> Option<u8> {
        let awaits = self.current != Some(self.target) || self.selector.awaits_key_frame();
        (self.media == Media::Video && awaits).then_some(self.target)
    }

    /// The layer that flows, or will.
    pub fn layer(&self) -> u8 {
        self.current.unwrap_or(self.target)
    }

    /// Forwards a packet of one layer of the slot's source, if it is the layer this slot takes.
    pub fn forward(&mut self, now: Instant, layer: u8, packet: &CachedPacket, egress: &mut Egress<'_>) {
        if self.current != Some(layer) {
            if layer != self.target || !packet.info.starts_key_frame {
                return;
            }
            self.current = Some(layer);
            self.selector.restart();
            self.rewrite.switch(now, packet);
        }
        let Some((codec, start)) = self.accepted(packet) else { return };
        let (payload_type, has_retransmission) = (codec.payload_type, codec.retransmission.is_some());
        let Some(selected) = self.selector.select(packet) else {
            self.rewrite.leave_out(packet);
            return;
        };
        let Some(mut mapped) = self.rewrite.map(now, packet) else { return };
        (mapped.marker, mapped.active) = (selected.marker, selected.active);
        if self.media == Media::Video {
            if self.history.is_empty() {
                self.history.resize(HISTORY, None);
            }
            let place = usize::from(mapped.sequence()) % HISTORY;
            self.history[place] = Some(Sent { mapped, layer, source_sequence: packet.sequence, resends: 0 });
        }
        // Without RTX a packet is sent again under its own number, and then must be the same to the last bit: GCM breaks
        // when one nonce meets two messages. So the MID stays on.
        let with_mid = self.packets < WITH_MID || !has_retransmission;
        let ssrc = self.ssrcs.media;
        if self.write(payload_type, ssrc, mapped.index, &mapped, packet, start, with_mid, None, egress) {
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add((packet.payload.len() - start) as u32);
        }
    }

    /// What was sent under this number: the source's layer and sequence number.
    pub fn sent(&self, sequence: u16) -> Option<(u8, u16)> {
        let sent = self.history.get(usize::from(sequence) % HISTORY)?.as_ref()?;
        (sent.mapped.sequence() == sequence && sent.resends < RESENDS).then_some((sent.layer, sent.source_sequence))
    }

    /// Sends a packet again, found by [`Slot::sent`].
    pub fn resend(&mut self, sequence: u16, packet: &CachedPacket, egress: &mut Egress<'_>) {
        let Some(Some(sent)) = self.history.get_mut(usize::from(sequence) % HISTORY) else { return };
        if sent.mapped.sequence() != sequence || sent.resends >= RESENDS {
            return;
        }
        sent.resends += 1;
        let mapped = sent.mapped;
        let Some((codec, start)) = self.accepted(packet) else { return };
        let (payload_type, retransmission) = (codec.payload_type, codec.retransmission);
        self.resent += 1;
        match retransmission {
            Some(payload_type) => {
                self.retransmission_index += 1;
                let original = Some(sequence);
                let (ssrc, index) = (self.ssrcs.retransmission, self.retransmission_index);
                self.write(payload_type, ssrc, index, &mapped, packet, start, true, original, egress);
            }
            None => {
                let ssrc = self.ssrcs.media;
                self.write(payload_type, ssrc, mapped.index, &mapped, packet, start, true, None, egress);
            }
        }
    }

    /// The receiver's timestamp for a timestamp of the source; `None`: nothing flows.
    pub fn timestamp(&self, source: u32) -> Option<u32> {
        self.current.map(|_| self.rewrite.timestamp(source))
    }

    /// Whether the receiver can decode this codec.
    pub fn takes(&self, codec: Codec) -> bool {
        let takes = |codec| self.codecs.iter().any(|accepted| accepted.codec == codec);
        takes(codec) || codec == Codec::Red && takes(Codec::Opus)
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

    /// Builds and encrypts one packet at the end of the slab.
    #[allow(clippy::too_many_arguments, reason = "one call per field of the packet, inlined into two callers")]
    fn write(
        &mut self,
        payload_type: u8,
        ssrc: u32,
        index: u64,
        mapped: &Mapped,
        packet: &CachedPacket,
        payload_start: usize,
        with_mid: bool,
        original: Option<u16>,
        egress: &mut Egress<'_>,
    ) -> bool {
        let slab = &mut egress.batch.slab;
        let start = slab.len();
        slab.extend_from_slice(&[0x80, payload_type | u8::from(mapped.marker) << 7]);
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
        let elements = [
            (if with_mid { ids.mid } else { 0 }, self.mid.as_bytes()),
            (ids.orientation, packet.orientation.as_slice()),
            (ids.playout_delay, packet.playout_delay.as_ref().map_or(&[][..], |delay| delay)),
            (ids.dependency, &self.dependency),
        ];
        if extension::write(slab, &elements) {
            slab[start] |= 0x10;
        }
        let header = slab.len() - start;
        if let Some(original) = original {
            slab.extend_from_slice(&original.to_be_bytes());
        }
        let payload = slab.len();
        slab.extend_from_slice(packet.payload.get(payload_start..).unwrap_or_default());
        packet.info.ids.rewrite(&mut slab[payload..], mapped.picture_id, mapped.tl0_picture_index);
        if !egress.srtp.seal_rtp(slab, start, header, ssrc, index) {
            slab.truncate(start);
            return false;
        }
        egress.batch.commit(egress.to, start);
        true
    }
}

/// Whether the receiver needs the dependency descriptor: AV1 has nothing else, and of a secret payload nothing else is
/// known. VP8, VP9 and H264 tell it all in the payload, and browsers get one truth instead of two.
fn needs_dependency(packet: &CachedPacket) -> bool {
    packet.codec == Codec::Av1 || packet.codec != Codec::H264 && packet.info.ids == PayloadIds::None
}
