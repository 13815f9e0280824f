//! What each receiver gets: its estimate divided among its slots, bursts spread, probes sent, and publishers told which
//! layers nobody watches. Nothing here runs for a packet; timers, feedback and wishes drive it.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::rtcp::Packet;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;

use super::Sfu;
use crate::bandwidth::budget::{self, Claim, Class};
use crate::bandwidth::feedback::Feedback;
use crate::forward::ladder;
use crate::forward::layer::Layer;
use crate::forward::slot::{Allowance, Reason, Slot};
use crate::forward::{Source, SourceIndex};
use crate::model::{PeerKey, RoomKey, SfuEvent, SourceKind};
use crate::pacer;
use crate::sdp::Media;
use crate::stats::{ReceiverView, SlotView};
use crate::transport::{Role, Timer, TransportIndex};

/// Set aside for voices that are silent now but may not be in a moment.
const VOICES_BPS: f64 = 50_000.0;
/// A layer that nobody wanted for so long is stopped: whoever switches back and forth does not make it flap.
const SLEEP_AFTER: Duration = Duration::from_secs(5);
/// Divisions after feedback that lowered the estimate are at least so far apart.
const DIVIDE_SPACING: Duration = Duration::from_millis(40);
/// Payload type and format of transport-wide feedback (RFC 4585 section 6.2).
const TRANSPORT_FEEDBACK: (u8, u8) = (205, 15);

impl Sfu {
    /// Divides what a receiver may get among its slots, aims them, and probes for more when more is wanted.
    pub(super) fn divide(&mut self, now: Instant, index: TransportIndex) {
        let mut claims = std::mem::take(&mut self.claims);
        claims.clear();
        self.collect(now, index, &mut claims);
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        transport.estimator.set_now(now);
        transport.estimator.handle_timeout();
        let estimate = transport.estimator.estimate_bps();
        if let Some(estimate) = estimate {
            let (_, audio) = transport.estimator.sent_bps();
            let voices = transport.lines.iter().any(
                |line| matches!(&line.role, Role::Slot(slot) if slot.media == Media::Audio && slot.source.is_some()),
            );
            let audio = if voices { audio.max(VOICES_BPS) } else { audio };
            let is_congested = transport.estimator.is_congested();
            budget::divide(now, (estimate - audio).max(0.0), is_congested, &mut transport.climb, &mut claims);
            let wanted: f64 = claims.iter().map(Claim::most_bps).sum();
            // With the headroom that climbing asks for.
            let wanted = audio + wanted * 1.2;
            if !transport.slots_mut().any(|(_, slot)| slot.takes_padding()) {
                transport.estimator.grow_untried(wanted);
            } else if transport.estimator.begin_probe(wanted) {
                self.arm(index, Timer::Pace, now);
            }
        }
        for claim in &claims {
            let Some(Some(transport)) = self.transports.get_mut(index.0) else { break };
            let Some(slot) = transport.slot(claim.line) else { continue };
            slot.allowance = match (estimate, claim.rung()) {
                (None, _) => Allowance::Free,
                (Some(_), Some(rung)) => Allowance::Rung(rung),
                // No layer of it is known yet: there is nothing to choose.
                (Some(_), None) if claim.ladder.rungs().is_empty() => Allowance::New,
                (Some(_), None) => Allowance::Paused,
            };
            slot.has_overflowed = false;
        }
        self.claims = claims;
        self.aim_all(now, index);
        if estimate.is_some() {
            self.arm(index, Timer::Budget, now + Timer::BUDGET_INTERVAL);
        }
    }

    /// A layer of this source came, went, or changed its size: who shows nothing of it yet chooses anew, before the packets
    /// at hand are forwarded. The others do at the next look.
    pub(super) fn divide_undecided(&mut self, now: Instant, place: SourceIndex) {
        let Some(Some(source)) = self.sources.get(place.0) else { return };
        for number in 0..source.subscribers.len() {
            let Some(Some(source)) = self.sources.get(place.0) else { return };
            let Some(subscriber) = source.subscribers.get(number).copied() else { return };
            let Some(transport) = self.transport(subscriber.transport) else { continue };
            let is_bounded = transport.estimator.estimate_bps().is_some();
            let shows_nothing = |slot: &mut Slot| slot.current().is_none() && !slot.is_paused && !slot.has_overflowed;
            if is_bounded && transport.slot(subscriber.line).is_some_and(shows_nothing) {
                self.divide(now, subscriber.transport);
            }
        }
    }

    /// What the video slots of a receiver ask for.
    fn collect(&self, now: Instant, index: TransportIndex, claims: &mut Vec<Claim>) {
        let Some(Some(transport)) = self.transports.get(index.0) else { return };
        let speaker = self.rooms.get(&transport.room).and_then(|room| room.told.first().copied());
        for (line, state) in transport.lines.iter().enumerate() {
            let Role::Slot(slot) = &state.role else { continue };
            let source = slot.source.and_then(|source| self.sources.get(source.0)).and_then(Option::as_deref);
            let is_shown = |source: &&Source| {
                !source.kind.is_audio() && source.is_open() && slot.max_height > 0 && source.is_for(slot)
            };
            let Some(source) = source.filter(is_shown) else { continue };
            let held = match slot.allowance {
                // What overflowed is not held: it has to fit again.
                Allowance::Rung(rung) if !slot.has_overflowed => Some(rung),
                _ => None,
            };
            claims.push(Claim {
                line,
                class: class(source, speaker),
                height: slot.max_height,
                ladder: ladder::of(&source.layers, now, slot.max_height, source.kind == SourceKind::Screen, slot.takes),
                held,
                is_new: matches!(slot.allowance, Allowance::New | Allowance::Free) && !slot.has_overflowed,
                share: None,
            });
        }
    }

    /// Aims every video slot of a receiver, wakes layers that are wanted again, and asks for the key frames awaited.
    fn aim_all(&mut self, now: Instant, index: TransportIndex) {
        let lines = self.transports.get(index.0).and_then(Option::as_ref).map_or(0, |transport| transport.lines.len());
        for line in 0..lines {
            let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
            let Some(slot) = transport.slot(line) else { continue };
            let Some(place) = slot.source.filter(|_| slot.media == Media::Video) else { continue };
            let Some(Some(source)) = self.sources.get(place.0) else { continue };
            source.aim(now, slot);
            let inner = slot.inner_wish;
            let is_missing = |layer: &Layer| layer.is_asleep() || layer.is_stopped(inner);
            let wished = slot.wish.and_then(|wish| source.layers.get(usize::from(wish)));
            let wakes = wished.is_some_and(is_missing);
            let awaits = slot.awaits().is_some();
            if wakes {
                self.look_at_wants(now, place);
            }
            if awaits {
                self.want_awaited(place);
            }
        }
    }

    /// Sends what has waited for its time, and padding for a probe.
    pub(super) fn release(&mut self, now: Instant, index: TransportIndex) {
        let mut sent = 0;
        loop {
            let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
            transport.estimator.set_now(now);
            transport.pacer.set_now(now, transport.estimator.estimate_bps());
            let Some(waiting) = transport.pacer.pop() else { break };
            let Some((slot, mut egress)) = transport.egress(now, usize::from(waiting.line), &mut self.batch) else {
                continue;
            };
            let Some(Some(source)) = slot.source.and_then(|source| self.sources.get(source.0)) else { continue };
            if let Some((layer, original)) = slot.waiting(waiting.sequence)
                && let Some(packet) = source.layers.get(usize::from(layer)).and_then(|layer| layer.cache.find(original))
            {
                slot.release(waiting.sequence, packet, &mut egress);
                sent += 1;
            }
        }
        self.counters.packets_forwarded += sent;
        self.pad(now, index);
        let Some(Some(transport)) = self.transports.get(index.0) else { return };
        if !transport.pacer.is_empty() || transport.estimator.is_probing() {
            self.arm(index, Timer::Pace, now + pacer::INTERVAL);
        }
    }

    fn pad(&mut self, now: Instant, index: TransportIndex) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        if !transport.estimator.is_probing() {
            return;
        }
        let line = transport.slots_mut().find(|(_, slot)| slot.takes_padding()).map(|(line, _)| line);
        let Some((slot, mut egress)) = line.and_then(|line| transport.egress(now, line, &mut self.batch)) else {
            return;
        };
        while egress.estimator.padding_due() > 0 && slot.pad(&mut egress) {
            self.counters.padding_sent += 1;
        }
    }

    /// Receivers for which the last source had more than they take at once.
    pub(super) fn look_after_backed_up(&mut self, now: Instant) {
        let backed_up = std::mem::take(&mut self.backed_up);
        for subscriber in &backed_up {
            let overflowed = self
                .transport(subscriber.transport)
                .and_then(|transport| transport.slot(subscriber.line))
                .is_some_and(|slot| slot.has_overflowed);
            if overflowed {
                self.counters.overflows += 1;
                self.divide(now, subscriber.transport);
            }
            self.arm(subscriber.transport, Timer::Pace, now + pacer::INTERVAL);
        }
        self.backed_up = backed_up;
    }

    /// Takes the transport-wide feedback out of a compound packet, and reads the rest. `None`: it is not RTCP.
    pub(super) fn take_feedback(
        &mut self,
        now: Instant,
        index: TransportIndex,
        clear: &mut BytesMut,
    ) -> Option<Vec<Box<dyn Packet>>> {
        let mut others = Vec::new();
        while clear.len() >= 4 {
            let length = 4 * (usize::from(u16::from_be_bytes([clear[2], clear[3]])) + 1);
            if length > clear.len() {
                return None;
            }
            let mut packet = clear.split_to(length);
            if (packet[1], packet[0] & 0x1f) == TRANSPORT_FEEDBACK {
                if let Some(feedback) = Feedback::parse(&packet) {
                    self.handle_feedback(now, index, feedback);
                }
            } else {
                others.extend(rtc::rtcp::packet::unmarshal(&mut packet).ok()?);
            }
        }
        Some(others)
    }

    fn handle_feedback(&mut self, now: Instant, index: TransportIndex, feedback: Feedback<'_>) {
        let Some(transport) = self.transport(index) else { return };
        transport.estimator.set_now(now);
        let was_known = transport.estimator.has_feedback();
        let has_fallen = transport.estimator.handle_feedback(feedback);
        if has_fallen || !was_known {
            self.arm(index, Timer::Budget, now + DIVIDE_SPACING);
        }
    }

    pub(super) fn handle_remb(&mut self, now: Instant, index: TransportIndex, remb: &ReceiverEstimatedMaximumBitrate) {
        let Some(transport) = self.transport(index) else { return };
        transport.estimator.set_now(now);
        transport.estimator.handle_remb(f64::from(remb.bitrate));
        self.arm(index, Timer::Budget, now + DIVIDE_SPACING);
    }

    /// Looks which layers of a source anybody wants, and tells its publisher when that has changed. Stopped is what was
    /// sent, lies above everything wanted, and was unwanted for a while; started is what is wanted.
    pub(super) fn look_at_wants(&mut self, now: Instant, place: SourceIndex) {
        let Some(Some(source)) = self.sources.get(place.0) else { return };
        if source.kind.is_audio() || !source.is_open() || !source.announced {
            return;
        }
        let (mut highest, mut inner) = (None, None);
        for subscriber in &source.subscribers {
            let Some(Some(transport)) = self.transports.get(subscriber.transport.0) else { continue };
            let Some(Role::Slot(slot)) = transport.lines.get(subscriber.line).map(|line| &line.role) else { continue };
            // Whoever just came or went without a word may be back in a moment.
            let wish = slot.wish.map(|wish| source.rank_of(wish));
            highest = highest.max(wish);
            inner = inner.max(slot.wish.map(|_| slot.inner_wish));
        }
        let ranks: [usize; crate::sdp::MAX_LAYERS] = std::array::from_fn(|layer| source.rank_of(layer as u8));
        let Some(Some(source)) = self.sources.get_mut(place.0) else { return };
        let mut changed = false;
        // Layers within a stream are counted where it is the only one: a publisher of several stops whole streams.
        if let ([only], Some(inner)) = (source.layers.as_mut_slice(), inner) {
            changed |= only.keep(now, inner, SLEEP_AFTER);
        }
        for (layer, rank) in source.layers.iter_mut().zip(ranks) {
            let is_wanted = highest.is_some_and(|highest| rank <= highest);
            if is_wanted {
                changed |= layer.is_asleep();
                layer.set_asleep(false);
            } else if !layer.is_asleep() && layer.is_active(now) {
                let since = *layer.unwanted.get_or_insert(now);
                if now.saturating_duration_since(since) >= SLEEP_AFTER {
                    layer.set_asleep(true);
                    changed = true;
                }
            }
        }
        if changed {
            let awake = source.layers.iter().filter(|layer| !layer.is_asleep());
            let rids = awake.clone().filter_map(|layer| layer.rid.clone()).collect();
            let is_watched = awake.count() > 0;
            let spatial_unwatched = match source.layers.as_slice() {
                [only] => only.stopped_layers(),
                _ => 0,
            };
            let (room, peer, source) = (source.room, source.peer, source.key);
            self.tell(room, SfuEvent::LayersWanted { peer, source, rids, is_watched, spatial_unwatched });
        }
    }
}

impl Sfu {
    /// What a receiver gets, and why; for statistics. `None`: no such peer.
    pub fn receiver(&mut self, now: Instant, room: RoomKey, peer: PeerKey) -> Option<ReceiverView> {
        let index = self.peer(room, peer)?;
        let transport = self.transport(index)?;
        transport.estimator.set_now(now);
        let estimator = &mut transport.estimator;
        let mut view = ReceiverView {
            estimate_bps: estimator.estimate_bps(),
            sent_bps: estimator.sent_bps(),
            rtt: estimator.rtt(),
            queue: estimator.queue(),
            fraction_lost: estimator.fraction_lost(),
            control_ignored: transport.control_ignored,
            slots: Vec::new(),
        };
        let transport = self.transports.get(index.0)?.as_ref()?;
        for line in &transport.lines {
            let Role::Slot(slot) = &line.role else { continue };
            let source = slot.source.and_then(|source| self.sources.get(source.0)).and_then(Option::as_deref);
            view.slots.push(SlotView {
                mid: line.mid.clone(),
                source: source.map(|source| source.key),
                max_height: slot.max_height,
                current: slot.current(),
                target: slot.target,
                wanted: slot.selector.wanted,
                is_paused: slot.is_paused,
                reason: if slot.source.is_some() { slot.reason } else { Reason::Idle },
                switches: slot.switches,
                packets: slot.packets,
                resent: slot.resent,
            });
        }
        Some(view)
    }
}

fn class(source: &Source, speaker: Option<PeerKey>) -> Class {
    if source.kind == SourceKind::Screen {
        Class::Screen
    } else if speaker == Some(source.peer) {
        Class::Speaker
    } else {
        Class::Other
    }
}
