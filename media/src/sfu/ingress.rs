//! What arrives over a transport's SRTP: media into its source's layer, RTCP to whom it concerns.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rtc::rtcp::Packet;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use super::{Sfu, Wake};
use crate::bandwidth::upstream::Sent;
use crate::forward::SourceIndex;
use crate::forward::reception::Reception;
use crate::model::{PeerKey, RoomKey, SfuEvent, SourceKey, SourceKind};
use crate::path::Path;
use crate::rtp::frame::Tracker;
use crate::rtp::{self, extension};
use crate::sdp::Media;
use crate::stats::RemoteReport;
use crate::transport::{MAX_STREAMS, Role, Stream, Timer, Transport, TransportIndex};

/// A gap waits this long for a packet that was merely overtaken before it is asked for.
const REORDER: Duration = Duration::from_millis(8);

impl Sfu {
    pub(super) fn handle_rtp(&mut self, now: Instant, index: TransportIndex, packet: &mut [u8]) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let Some((inbound, _)) = &mut transport.srtp else { return };
        let Some(mut header) = rtp::parse(packet) else { return };
        let Ok(mut end) = inbound.open_rtp(packet, &header) else {
            transport.rejected += 1;
            self.counters.packets_rejected += 1;
            return;
        };
        self.counters.packets_received += 1;
        transport.incoming.note(packet.len());
        if header.padding {
            let padding = packet[..end].last().map_or(0, |count| usize::from(*count));
            match end.checked_sub(padding) {
                Some(shorter) if padding > 0 && shorter >= header.payload_offset => end = shorter,
                _ => return,
            }
        }
        let extensions = extension::read(packet, &header, &transport.extensions);
        if let Some(sequence) = extensions.transport_cc {
            transport.arrivals.note(now, sequence);
        }
        let feedback_due = transport.armed[Timer::Feedback as usize].is_none();
        let level = extensions.audio_level;

        let is_sending =
            |line: usize| matches!(transport.lines.get(line).map(|line| &line.role), Some(Role::Send { .. }));
        let (stream, is_new) = match transport.streams.get(&header.ssrc).filter(|stream| is_sending(stream.line)) {
            Some(stream) => (*stream, false),
            None => match identify(transport, &self.sources, &header, &extensions) {
                Some(stream) if transport.streams.len() < MAX_STREAMS => {
                    transport.streams.insert(header.ssrc, stream);
                    (stream, true)
                }
                _ => {
                    transport.rejected += 1;
                    return;
                }
            },
        };
        let Some((codec, is_retransmission)) = transport.codec(stream.line, header.payload_type) else { return };
        if transport.extensions.transport_cc == 0 {
            let rtp = Sent::Rtp {
                ssrc: header.ssrc,
                timestamp: header.timestamp,
                clock: codec.clock(),
                is_audio: codec.is_audio(),
            };
            let sent = extensions.abs_send_time.map(Sent::Absolute).or((!is_retransmission).then_some(rtp));
            transport.incoming.note_sent(now, packet.len(), sent);
        }
        if is_retransmission {
            // RFC 4588 section 4: the original sequence number stands before the payload. Without one it is padding, sent
            // to probe for bandwidth.
            let Some(original) = packet[header.payload_offset..end].first_chunk() else { return };
            header.sequence = u16::from_be_bytes(*original);
            header.payload_offset += 2;
        }
        let Some(Role::Send { source: place, .. }) = transport.lines.get(stream.line).map(|line| &line.role) else {
            return;
        };
        let place = *place;
        let (room, peer) = (transport.room, transport.peer);
        if feedback_due {
            self.arm(index, Timer::Feedback, self.feedback_at(now, room));
        }

        let Some(Some(source)) = self.sources.get_mut(place.0) else { return };
        // SG-10: from the very packet on which the right is gone.
        if !source.allowed {
            self.counters.packets_not_allowed += 1;
            return;
        }
        let (room, key, kind) = (source.room, source.key, source.kind);
        let is_first = !std::mem::replace(&mut source.announced, true);
        if source.paused {
            self.counters.packets_not_allowed += 1;
            // Known already, so that the un-pause can ask for the key frame that is lost here.
            if let Some(layer) = source.layers.get_mut(usize::from(stream.layer))
                && !is_retransmission
            {
                layer.ssrc.get_or_insert(header.ssrc);
            }
            if is_first {
                self.announce(place, room, peer, key, kind);
            }
            return;
        }
        let wants_repair = !source.kind.is_audio() && !source.subscribers.is_empty();
        let is_encrypted = source.is_encrypted;
        let Some(layer) = source.layers.get_mut(usize::from(stream.layer)) else { return };
        let restarted = !is_retransmission && layer.ssrc != Some(header.ssrc) && layer.ssrc.is_some();
        if !is_retransmission && (is_new || layer.ssrc.is_none() || restarted) {
            layer.ssrc = Some(header.ssrc);
            if restarted {
                layer.reception = Reception::new(codec.clock());
                layer.sender_report = None;
                layer.tracker = Tracker::default();
                layer.pending.clear();
                // Before the packet at hand is taken: it may begin the new stream's first key frame.
                for subscriber in &source.subscribers {
                    let receiver = self.transports.get_mut(subscriber.transport.0).and_then(Option::as_mut);
                    if let Some(slot) = receiver.and_then(|receiver| receiver.slot(subscriber.line)) {
                        slot.restart(stream.layer);
                    }
                }
            }
        }
        if !layer.reception.receive(now, header.sequence, header.timestamp, wants_repair) {
            return;
        }
        let payload = &packet[header.payload_offset..end];
        let changed = layer.receive(now, &header, &extensions, codec, payload, is_encrypted);
        let has_missing = layer.reception.has_missing();
        // Of a picture, the first packet sets the time and the last ends the wait.
        let waits = !kind.is_audio() && !header.marker && !is_retransmission;
        let due = if waits { now + self.config.linger } else { now };
        if !source.dirty {
            source.dirty = true;
            source.due = due;
            self.dirty.push(place);
        } else {
            source.due = source.due.min(due);
        }
        if is_first {
            self.announce(place, room, peer, key, kind);
        }
        if changed && !kind.is_audio() {
            self.retarget(place);
        }
        if has_missing {
            self.arm(index, Timer::Feedback, now + REORDER);
        }
        if let (Some((_, level)), true) = (level, kind.is_audio()) {
            self.note_level(now, room, place, level);
        }
    }

    /// Says that a source is there; the room decides whether it flows.
    fn announce(&mut self, place: SourceIndex, room: RoomKey, peer: PeerKey, source: SourceKey, kind: SourceKind) {
        self.tell(room, SfuEvent::SourceAdded { peer, source, kind });
        if kind.is_audio() {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.speakers.add(place, kind);
            }
            self.assign_audio(room);
        }
    }

    fn note_level(&mut self, now: Instant, key: RoomKey, place: SourceIndex, level: u8) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        room.speakers.note(place, level);
        room.heard = Some(now);
        if room.tick.is_none() {
            let at = now + crate::speaker::TICK;
            room.tick = Some(at);
            self.timers.push(Reverse((at, Wake::Speakers(key))));
        }
    }

    pub(super) fn handle_rtcp(&mut self, now: Instant, index: TransportIndex, path: Path, packet: &[u8]) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let Some((inbound, _)) = &mut transport.srtp else { return };
        let Ok(mut clear) = inbound.open_rtcp(packet, self.identity.crypto.crypto()) else {
            transport.rejected += 1;
            self.counters.packets_rejected += 1;
            return;
        };
        // Reports are authenticated and come from an address that passed a check, every few seconds: enough to see that
        // the client is there, at no cost on the path of media.
        transport.ice.note_alive(now, path);
        if !transport.takes_control(now, &clear) {
            self.counters.control_ignored += 1;
            return;
        }
        // Transport-wide feedback comes most often, and is read in place.
        if let Some(packets) = self.take_feedback(now, index, &mut clear) {
            self.handle_control(now, index, &packets);
        }
    }

    fn handle_control(&mut self, now: Instant, index: TransportIndex, packets: &[Box<dyn Packet>]) {
        for packet in packets {
            let packet = packet.as_any();
            if let Some(report) = packet.downcast_ref::<SenderReport>() {
                self.note_sender_report(now, index, report);
                self.note_reports(now, index, &report.reports);
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                self.note_reports(now, index, &report.reports);
            } else if let Some(request) = packet.downcast_ref::<PictureLossIndication>() {
                self.handle_key_frame_request(index, request.media_ssrc);
            } else if let Some(request) = packet.downcast_ref::<FullIntraRequest>() {
                for entry in &request.fir {
                    self.handle_key_frame_request(index, entry.ssrc);
                }
            } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                self.handle_nack(now, index, nack);
            } else if let Some(remb) = packet.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
                self.handle_remb(now, index, remb);
            }
        }
    }

    fn note_sender_report(&mut self, now: Instant, index: TransportIndex, report: &SenderReport) {
        let ours = self.ntp(now);
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let Some(stream) = transport.streams.get(&report.ssrc) else { return };
        let Some(Role::Send { source, .. }) = transport.lines.get(stream.line).map(|line| &line.role) else { return };
        let offset = ours.wrapping_sub(report.ntp_time) as i64;
        transport.clock_offset = Some(transport.clock_offset.map_or(offset, |before| before.min(offset)));
        let Some(Some(source)) = self.sources.get_mut(source.0) else { return };
        if let Some(layer) = source.layers.get_mut(usize::from(stream.layer)) {
            layer.sender_report = Some((report.rtp_time, report.ntp_time));
            layer.reception.note_sender_report(now, report.ntp_time);
        }
    }

    fn note_reports(&mut self, now: Instant, index: TransportIndex, reports: &[ReceptionReport]) {
        let middle = (self.ntp(now) >> 16) as u32;
        let Some(transport) = self.transport(index) else { return };
        let known = |report: &&ReceptionReport| transport.slots.contains_key(&report.ssrc);
        if let Some(worst) = reports.iter().filter(known).map(|report| report.fraction_lost).max() {
            transport.fraction_lost = worst;
            // RFC 3550 section 6.4.1: what has passed since our report, less what it lay at the receiver.
            let trip = |report: &ReceptionReport| {
                let ticks = middle.wrapping_sub(report.last_sender_report).wrapping_sub(report.delay);
                (report.last_sender_report != 0 && ticks < 10 << 16)
                    .then(|| Duration::from_secs_f64(f64::from(ticks) / 65_536.0))
            };
            let rtt = reports.iter().filter(known).filter_map(trip).min();
            transport.rtt = rtt.or(transport.rtt);
            transport.estimator.set_now(now);
            transport.estimator.handle_report(f64::from(worst) / 256.0, rtt);
        }
        for report in reports {
            let Some(line) = transport.slots.get(&report.ssrc).copied() else { continue };
            let Some(slot) = transport.slot(line).filter(|slot| slot.ssrcs.media == report.ssrc) else { continue };
            let clock = if slot.media == Media::Audio { 48_000.0 } else { 90_000.0 };
            // 24 bits with a sign.
            let lost = i64::from((report.total_lost << 8) as i32 >> 8);
            let jitter = Duration::from_secs_f64(f64::from(report.jitter) / clock);
            let fraction_lost = f32::from(report.fraction_lost) / 256.0;
            slot.remote = Some(RemoteReport { fraction_lost, lost, jitter });
        }
    }

    fn handle_key_frame_request(&mut self, index: TransportIndex, ssrc: u32) {
        let Some(transport) = self.transport(index) else { return };
        transport.key_frame_requests += 1;
        let Some(line) = transport.slots.get(&ssrc).copied() else { return };
        let Some(slot) = transport.slot(line) else { return };
        let layer = slot.layer();
        let Some(place) = slot.source else { return };
        if let Some(source) = self.source(place)
            && source.is_open()
        {
            source.want_key_frame(layer);
        }
        self.send_key_frame_requests(place);
    }

    fn handle_nack(&mut self, now: Instant, index: TransportIndex, nack: &TransportLayerNack) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        transport.nacks += 1;
        let Some(line) = transport.slots.get(&nack.media_ssrc).copied() else { return };
        let Some((slot, mut egress)) = transport.egress(now, line, &mut self.batch) else { return };
        if slot.ssrcs.media != nack.media_ssrc {
            return;
        }
        let Some(Some(source)) = slot.source.and_then(|source| self.sources.get(source.0)) else { return };
        let before = slot.resent;
        for sequence in nack.nacks.iter().flat_map(|pair| pair.packet_list()) {
            if let Some((layer, original)) = slot.sent(sequence)
                && let Some(packet) = source.layers.get(usize::from(layer)).and_then(|layer| layer.cache.find(original))
            {
                slot.resend(sequence, packet, &mut egress);
            }
        }
        self.counters.packets_resent += slot.resent - before;
    }
}

/// Which stream a new SSRC is: by MID and RID extension, else by a payload type that only one sending m-line has.
fn identify(
    transport: &Transport,
    sources: &[Option<Box<crate::forward::Source>>],
    header: &rtp::Header,
    extensions: &extension::Extensions<'_>,
) -> Option<Stream> {
    let accepts = |line: usize| transport.codec(line, header.payload_type);
    let line = match extensions.mid {
        Some(mid) => transport.lines.iter().position(|line| line.mid == mid)?,
        None => {
            let mut lines = (0..transport.lines.len()).filter(|line| accepts(*line).is_some());
            let only = lines.next()?;
            if lines.next().is_some() {
                return None;
            }
            only
        }
    };
    let (_, is_retransmission) = accepts(line)?;
    let Role::Send { source, .. } = &transport.lines.get(line)?.role else { return None };
    let source = sources.get(source.0)?.as_ref()?;
    let layer = match extensions.rid.or(extensions.repaired_rid) {
        _ if source.layers.len() == 1 && source.layers[0].rid.is_none() => 0,
        Some(rid) => source.layers.iter().position(|layer| layer.rid.as_deref() == Some(rid))?,
        None => return None,
    };
    Some(Stream { line, layer: layer as u8, is_retransmission })
}
