//! What a room's transports, sources and slots have counted, put together when somebody asks. The packets' path only counts.

use std::time::Instant;

use super::Sfu;
use crate::forward::Source;
use crate::forward::slot::Slot;
use crate::model::{RoomKey, SourceKey};
use crate::stats::{LayerReport, Reason, RoomReport, SlotReport, SourceReport, TransportReport};
use crate::transport::{Role, Transport};

impl Sfu {
    /// The room's figures now; peers in the order of their keys. `None`: no such room.
    pub fn report(&self, now: Instant, room: RoomKey) -> Option<RoomReport> {
        let state = self.rooms.get(&room)?;
        let mut peers: Vec<_> = state.peers.iter().collect();
        peers.sort_unstable();
        let transports = peers
            .into_iter()
            .filter_map(|(_, index)| self.transports.get(index.0)?.as_deref())
            .map(|transport| self.report_transport(now, transport))
            .collect();
        Some(RoomReport { transports })
    }

    fn report_transport(&self, now: Instant, transport: &Transport) -> TransportReport {
        let mut report = TransportReport {
            peer: transport.peer,
            is_connected: transport.is_connected,
            rtt: transport.rtt,
            rejected: transport.rejected,
            nacks: transport.nacks,
            key_frame_requests: transport.key_frame_requests,
            estimate_bps: transport.estimator.estimate_bps().map(|bps| bps as u64),
            sources: Vec::new(),
            slots: Vec::new(),
        };
        for line in &transport.lines {
            match &line.role {
                Role::Idle => {}
                Role::Send { source, .. } => {
                    let source = self.sources.get(source.0).and_then(Option::as_deref);
                    report.sources.extend(source.map(|source| report_source(now, source)));
                }
                Role::Slot(slot) => {
                    let source = slot.source.and_then(|source| self.sources.get(source.0)?.as_ref());
                    report.slots.push(report_slot(slot, source.map(|source| source.key)));
                }
            }
        }
        report
    }
}

fn report_source(now: Instant, source: &Source) -> SourceReport {
    let layers = source
        .layers
        .iter()
        .map(|layer| {
            let (lost, jitter) = layer.reception.loss();
            LayerReport {
                rid: layer.rid.clone(),
                is_active: layer.is_active(now),
                height: layer.height,
                spatial_layers: layer.spatial.map(|(count, _)| count),
                packets: layer.packets,
                payload_bytes: layer.octets,
                lost,
                jitter,
            }
        })
        .collect();
    SourceReport {
        source: source.key,
        kind: source.kind,
        is_paused: source.paused,
        is_encrypted: source.is_encrypted,
        subscribers: source.subscribers.len(),
        layers,
    }
}

fn report_slot(slot: &Slot, source: Option<SourceKey>) -> SlotReport {
    SlotReport {
        mid: slot.mid.clone(),
        source,
        max_height: slot.max_height,
        layer: slot.flowing().filter(|_| source.is_some()),
        target: slot.target,
        reason: if source.is_some() { slot.reason } else { Reason::Idle },
        packets: slot.packets.into(),
        payload_bytes: slot.octets.into(),
        resent: slot.resent,
        remote: slot.remote,
        flow: slot.flow,
    }
}
