//! What leaves: forwarded media, key frame requests, NACKs, congestion feedback, reports. Reports stand in compound packets
//! with the CNAMEs of their sources (RFC 3550 section 6.1); what is urgent goes by itself to
//! those who take that (RFC 5506).

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtcp::Packet;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};

use super::Sfu;
use super::fault::Fault;
use crate::forward::SourceIndex;
use crate::negotiate::CNAME;
use crate::output::Batch;
use crate::transport::{Role, Timer, Transport, TransportIndex};

/// Our SSRC in feedback about what we receive: browsers only compare it with nothing.
const FEEDBACK_SSRC: u32 = 1;
/// Bytes of one source in a description: SSRC, one item with [`CNAME`], its end.
const CHUNK: usize = (4 + 2 + CNAME.len() + 1).next_multiple_of(4);
/// What feedback begins with for those who take nothing but compounds: a report without blocks of [`FEEDBACK_SSRC`], and
/// its [`CNAME`].
const PREFIX: [u8; 28] =
    *b"\x80\xc9\x00\x01\x00\x00\x00\x01\x81\xca\x00\x04\x00\x00\x00\x01\x01\x07kafedra\x00\x00\x00";
/// Report blocks in one packet: 31 is the field's limit, 24 bytes each stay under any MTU.
const BLOCKS: usize = 31;
/// A slab that has grown to this size leaves before the next receiver is served: one picture to 1,000 receivers is 7 MB,
/// which would be kept for good, and what has just been written is sealed and sent while it is in the processor's cache.
pub(super) const SLAB_BYTES: usize = 256 << 10;
/// The feedback timer of a peer that has sent nothing for this long stops.
const QUIET: Duration = Duration::from_secs(2);

impl Sfu {
    /// Forwards what is due, source by source and receiver by receiver.
    pub(super) fn flush(&mut self, most_bytes: usize) {
        let mut next = 0;
        while let Some(place) = self.dirty.get(next).copied()
            && self.batch.slab.len() < most_bytes
        {
            if self.sources.get(place.0).and_then(Option::as_ref).is_some_and(|source| source.due > self.now) {
                next += 1;
            } else {
                self.dirty.remove(next);
                if !self.flush_source(place, most_bytes) {
                    // It goes on with its next receiver, before any other source.
                    self.dirty.insert(0, place);
                }
            }
        }
    }

    /// `false`: the slab is full before all receivers are served.
    fn flush_source(&mut self, place: SourceIndex, most_bytes: usize) -> bool {
        let now = self.now;
        let Some(Some(source)) = self.sources.get_mut(place.0) else { return true };
        let mut is_done = true;
        let mut awaited = [false; crate::sdp::MAX_LAYERS];
        let mut forwarded = 0;
        self.backed_up.clear();
        let served = self.served.filter(|(served, _)| *served == place).map_or(0, |(_, count)| count);
        for (number, subscriber) in source.subscribers.iter().enumerate().skip(served) {
            if self.batch.slab.len() >= most_bytes {
                self.served = Some((place, number));
                is_done = false;
                break;
            }
            let Some(Some(transport)) = self.transports.get_mut(subscriber.transport.0) else { continue };
            (self.work, self.served) = (Some(subscriber.transport), Some((place, number + 1)));
            if self.fault == Some(Fault::Forward(transport.peer)) {
                self.fault = None;
                panic!("asked for by a test");
            }
            let Some((slot, mut egress)) = transport.egress(now, subscriber.line, &mut self.batch) else { continue };
            if slot.is_paused {
                continue;
            }
            let before = slot.packets;
            for (number, layer) in source.layers.iter().enumerate() {
                let number = number as u8;
                if number != slot.layer() && number != slot.target {
                    continue;
                }
                for sequence in &layer.pending {
                    if let Some(packet) = layer.cache.find(*sequence) {
                        slot.forward(now, number, packet, &mut egress);
                    }
                }
            }
            forwarded += u64::from(slot.packets.wrapping_sub(before));
            // After an overflow the budget decides first which layer is asked for.
            if slot.has_overflowed || !egress.pacer.is_empty() {
                self.backed_up.push(*subscriber);
            } else if let Some(layer) = slot.awaits() {
                awaited[usize::from(layer).min(awaited.len() - 1)] = true;
            }
        }
        self.work = None;
        if is_done {
            self.served = None;
            source.dirty = false;
        }
        for (layer, awaited) in source.layers.iter_mut().zip(awaited) {
            if is_done {
                layer.pending.clear();
            }
            if awaited {
                layer.request.want();
            }
        }
        self.counters.packets_forwarded += forwarded;
        if awaited.contains(&true) {
            self.send_key_frame_requests(place);
        }
        if !self.backed_up.is_empty() {
            self.look_after_backed_up(now);
        }
        is_done
    }

    /// Sends the key frame requests of a source that are due.
    pub(super) fn send_key_frame_requests(&mut self, place: SourceIndex) {
        let now = self.now;
        let Some(Some(source)) = self.sources.get_mut(place.0) else { return };
        // Asked first: in a storm of requests nothing is made that does not leave.
        if !source.requests.is_open(now) {
            return;
        }
        let wanted = source.layers.iter().filter(|layer| layer.request.is_wanted()).filter_map(|layer| layer.ssrc);
        let packets: Vec<Box<dyn Packet>> = wanted
            .map(|media_ssrc| -> Box<dyn Packet> {
                Box::new(PictureLossIndication { sender_ssrc: FEEDBACK_SSRC, media_ssrc })
            })
            .collect();
        if packets.is_empty() || !source.requests.take(now) {
            return;
        }
        self.counters.key_frame_requests += packets.len() as u64;
        let Some(Some(owner)) = self.transports.get_mut(source.owner.0) else { return };
        send_rtcp(owner, &mut self.batch, &packets);
    }

    /// Congestion feedback, NACKs, repeated key frame requests and layer choice for a peer that sends.
    pub(super) fn send_feedback(&mut self, now: Instant, index: TransportIndex) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let media_ssrc = transport.streams.keys().next().copied().unwrap_or(0);
        if let Some(feedback) = transport.arrivals.take(FEEDBACK_SSRC, media_ssrc) {
            send_sealed(transport, &mut self.batch, &feedback);
        }
        if transport.extensions.transport_cc == 0
            && let Some(bps) = transport.incoming.look(now)
        {
            self.send_remb(index, bps);
        }
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let room = transport.room;
        let mut is_quiet = true;
        let places: Vec<SourceIndex> = transport.sources().collect();
        for place in &places {
            let Some(Some(source)) = self.sources.get_mut(place.0) else { continue };
            let mut packets: Vec<Box<dyn Packet>> = Vec::new();
            for layer in &mut source.layers {
                is_quiet &= layer.last_packet().is_none_or(|last| now.saturating_duration_since(last) >= QUIET);
                self.scratch.clear();
                layer.reception.ask(now, &mut self.scratch);
                if let (Some(media_ssrc), false) = (layer.ssrc, self.scratch.is_empty()) {
                    let nacks = nack_pairs_from_sequence_numbers(&self.scratch);
                    packets.push(Box::new(TransportLayerNack { sender_ssrc: FEEDBACK_SSRC, media_ssrc, nacks }));
                }
            }
            let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
            send_rtcp(transport, &mut self.batch, &packets);
            self.retarget(*place);
            self.look_at_wants(now, *place);
        }
        if !is_quiet {
            self.arm(index, Timer::Feedback, self.feedback_at(now, room));
        }
    }

    /// Tells a publisher what it may send, before the next report does.
    fn send_remb(&mut self, index: TransportIndex, bps: f64) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let videos = transport.sources().filter_map(|place| self.sources.get(place.0)?.as_ref());
        let ssrcs: Vec<u32> = videos
            .filter(|source| !source.kind.is_audio())
            .flat_map(|source| source.layers.iter().filter_map(|layer| layer.ssrc))
            .collect();
        if !ssrcs.is_empty() {
            let remb = ReceiverEstimatedMaximumBitrate { sender_ssrc: FEEDBACK_SSRC, bitrate: bps as f32, ssrcs };
            send_rtcp(transport, &mut self.batch, &[Box::new(remb) as Box<dyn Packet>]);
        }
    }

    /// Sender reports for what the peer receives, receiver reports and a rate for what it sends.
    pub(super) fn send_reports(&mut self, now: Instant, index: TransportIndex) {
        let ntp = self.ntp(now);
        let Some(Some(transport)) = self.transports.get(index.0) else { return };
        if !transport.is_ready() {
            return;
        }
        let mut reports: Vec<(u32, Box<dyn Packet>)> = Vec::new();
        let mut sent = Vec::new();
        for line in &transport.lines {
            match &line.role {
                Role::Idle => {}
                Role::Send { source, .. } => sent.push(*source),
                Role::Slot(slot) => {
                    let Some(Some(source)) = slot.source.and_then(|source| self.sources.get(source.0)) else {
                        continue;
                    };
                    let Some(layer) = source.layers.get(usize::from(slot.layer())) else { continue };
                    let owner = self.transports.get(source.owner.0).and_then(Option::as_ref);
                    let offset = owner.and_then(|owner| owner.clock_offset);
                    let (Some((rtp, published)), Some(offset)) = (layer.sender_report, offset) else { continue };
                    let clock = if source.kind.is_audio() { 48_000 } else { 90_000 };
                    // The publisher's clock now, and how far its media has run since its own report.
                    let theirs = ntp.wrapping_sub(offset as u64);
                    let elapsed = theirs.wrapping_sub(published) as i64;
                    let ticks = (i128::from(elapsed) * clock) >> 32;
                    let Some(rtp_time) = slot.timestamp(rtp.wrapping_add(ticks as u32)) else { continue };
                    let report = SenderReport {
                        ssrc: slot.ssrcs.media,
                        ntp_time: ntp,
                        rtp_time,
                        packet_count: slot.packets,
                        octet_count: slot.octets,
                        ..SenderReport::default()
                    };
                    reports.push((report.ssrc, Box::new(report)));
                }
            }
        }
        let has_feedback = transport.extensions.transport_cc != 0;
        let mut blocks = Vec::new();
        let mut ssrcs = Vec::new();
        let (mut expected, mut lost) = (0, 0);
        for place in sent {
            let Some(Some(source)) = self.sources.get_mut(place.0) else { continue };
            for layer in &mut source.layers {
                if !has_feedback {
                    let (expected_here, lost_here) = layer.reception.take_loss();
                    (expected, lost) = (expected + expected_here, lost + lost_here);
                }
                if let Some(ssrc) = layer.ssrc {
                    blocks.extend(layer.reception.report(now, ssrc));
                    if !source.kind.is_audio() {
                        ssrcs.push(ssrc);
                    }
                }
            }
        }
        for blocks in blocks.chunks(BLOCKS) {
            let report = ReceiverReport { ssrc: FEEDBACK_SSRC, reports: blocks.to_vec(), ..ReceiverReport::default() };
            reports.push((FEEDBACK_SSRC, Box::new(report)));
        }
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let mut remb: Option<Box<dyn Packet>> = None;
        if !has_feedback && !ssrcs.is_empty() {
            let bitrate = transport.incoming.update(now, expected, lost) as f32;
            remb = Some(Box::new(ReceiverEstimatedMaximumBitrate { sender_ssrc: FEEDBACK_SSRC, bitrate, ssrcs }));
        }
        send_reports(transport, &mut self.batch, reports, remb);
    }

    /// The core's clock as NTP (32.32 seconds). Only differences count, so its origin is arbitrary.
    pub(super) fn ntp(&self, now: Instant) -> u64 {
        // 2^31 seconds: far from zero on both sides.
        let since = now.saturating_duration_since(self.config.started);
        (1u64 << 63)
            .wrapping_add(since.as_secs() << 32)
            .wrapping_add((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000)
    }
}

/// Compound packets stay under any MTU.
const BYTES: usize = 1100;

/// Sends sender and receiver reports, each with who gives it, a few per datagram; every datagram names their CNAMEs.
fn send_reports(
    transport: &mut Transport,
    batch: &mut Batch,
    reports: Vec<(u32, Box<dyn Packet>)>,
    further: Option<Box<dyn Packet>>,
) {
    /// Header of the description.
    const HEADER: usize = 4;
    let mut compound: Vec<Box<dyn Packet>> = Vec::new();
    let mut chunks: Vec<SourceDescriptionChunk> = Vec::new();
    let mut size = HEADER;
    for (source, report) in reports {
        let more = report.raw_size() + CHUNK;
        // The number of chunks has five bits, as that of the blocks of a report.
        if size + more > BYTES || chunks.len() >= BLOCKS {
            compound.push(Box::new(SourceDescription { chunks: std::mem::take(&mut chunks) }));
            send_rtcp(transport, batch, &std::mem::take(&mut compound));
            size = HEADER;
        }
        size += more;
        if chunks.iter().all(|chunk| chunk.source != source) {
            let item =
                SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::from_static(CNAME.as_bytes()) };
            chunks.push(SourceDescriptionChunk { source, items: vec![item] });
        }
        compound.push(report);
    }
    if !chunks.is_empty() {
        compound.push(Box::new(SourceDescription { chunks }));
    }
    compound.extend(further);
    send_rtcp(transport, batch, &compound);
}

/// Sends these packets, a few per datagram.
fn send_rtcp(transport: &mut Transport, batch: &mut Batch, packets: &[Box<dyn Packet>]) {
    let mut rest = packets;
    while !rest.is_empty() {
        let mut size = 0;
        let fitting = rest
            .iter()
            .take_while(|packet| {
                size += packet.raw_size();
                size <= BYTES
            })
            .count()
            .max(1);
        let (now, later) = rest.split_at(fitting);
        rest = later;
        if let Ok(clear) = rtc::rtcp::packet::marshal(now) {
            send_sealed(transport, batch, &clear);
        }
    }
}

fn send_sealed(transport: &mut Transport, batch: &mut Batch, clear: &[u8]) {
    let mut compound = Vec::new();
    let is_compound = matches!(clear.get(1), Some(200 | 201));
    let clear = if is_compound || transport.reduced_size {
        clear
    } else {
        compound.extend_from_slice(&PREFIX);
        compound.extend_from_slice(clear);
        &compound
    };
    if let (Some(to), Some((_, outbound))) = (transport.ice.selected(), &mut transport.srtp)
        && let Some(sealed) = outbound.seal_rtcp(clear)
    {
        batch.push(to, &sealed);
    }
}
