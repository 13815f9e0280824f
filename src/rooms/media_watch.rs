//! Watches a room's media: from one report of the SFU to the next it makes what the room is told of each line, the figures
//! for `/metrics`, and rates for the dump. Told the time; `actor` asks for the reports.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use media::model::{PeerKey, SourceKey};
use media::stats::{Flow, RoomReport, SlotReport, SourceReport, TransportReport};
use serde::Serialize;
use signaling::room::Measured;

/// How often a room is looked at.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// What was counted of one direction of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    packets: u64,
    bytes: u64,
    lost: u64,
}

/// The last report and what followed from it.
#[derive(Debug, Default)]
pub(super) struct MediaWatch {
    before: Option<(Instant, RoomReport)>,
}

impl MediaWatch {
    /// Takes a report; gives what each connected peer's line did since the one before. Nothing at the first.
    pub(super) fn take(&mut self, now: Instant, report: RoomReport) -> Vec<(PeerKey, Measured)> {
        let mut measured = Vec::new();
        if let Some((_, before)) = &self.before {
            let earlier: HashMap<PeerKey, &TransportReport> =
                before.transports.iter().map(|transport| (transport.peer, transport)).collect();
            for transport in report.transports.iter().filter(|transport| transport.is_connected) {
                let before = earlier.get(&transport.peer).copied();
                let line = measure(before, transport);
                observe(before, transport, line);
                measured.push((transport.peer, line));
            }
        }
        self.before = Some((now, report));
        measured
    }

    /// The dump of a fresh report, with rates since the last look. `name` and `source` say how things are called outside.
    pub(super) fn dump(
        &self,
        now: Instant,
        report: &RoomReport,
        name: impl Fn(PeerKey) -> Option<(String, String)>,
        source: impl Fn(SourceKey) -> Option<String>,
    ) -> MediaDump {
        let since = self.before.as_ref().map(|(at, _)| now.saturating_duration_since(*at)).unwrap_or_default();
        let earlier = |peer| {
            let (_, before) = self.before.as_ref()?;
            before.transports.iter().find(|transport| transport.peer == peer)
        };
        let transports = report
            .transports
            .iter()
            .filter_map(|transport| {
                let (peer, person) = name(transport.peer)?;
                Some(dump_transport((peer, person), earlier(transport.peer), transport, since, &source))
            })
            .collect();
        MediaDump { window_ms: since.as_millis() as u64, transports }
    }
}

/// How the line of a peer did: the worse of both directions.
fn measure(before: Option<&TransportReport>, now: &TransportReport) -> Measured {
    let up = received(now).since(before.map(received));
    let jitter = now.sources.iter().flat_map(|source| &source.layers).filter(|layer| layer.is_active);
    let jitter = jitter.map(|layer| layer.jitter).max().unwrap_or_default();
    let remote = |slot: &&SlotReport| slot.layer.is_some() && slot.remote.is_some();
    let slots = || now.slots.iter().filter(remote).filter_map(|slot| slot.remote);
    let down = slots().map(|remote| remote.fraction_lost).fold(0.0_f32, f32::max);
    let jitter = slots().map(|remote| remote.jitter).fold(jitter, Duration::max);
    Measured {
        rtt_ms: now.rtt.map(|rtt| rtt.as_millis() as u32),
        loss_permille: up.loss_permille().max((down * 1_000.0) as u16),
        jitter_ms: jitter.as_millis() as u32,
    }
}

/// Figures without names: what Prometheus may have.
fn observe(before: Option<&TransportReport>, now: &TransportReport, line: Measured) {
    metrics::histogram!("kafedra_media_loss_ratio").record(f64::from(line.loss_permille) / 1_000.0);
    metrics::histogram!("kafedra_media_jitter_seconds").record(f64::from(line.jitter_ms) / 1_000.0);
    if let Some(rtt) = line.rtt_ms {
        metrics::histogram!("kafedra_media_rtt_seconds").record(f64::from(rtt) / 1_000.0);
    }
    if let Some(estimate) = now.estimate_bps {
        metrics::histogram!("kafedra_media_estimate_bps").record(estimate as f64);
    }
    let flow = |slots: &[SlotReport]| {
        slots.iter().fold(Flow::default(), |sum, slot| Flow {
            starts: sum.starts + slot.flow.starts,
            ups: sum.ups + slot.flow.ups,
            downs: sum.downs + slot.flow.downs,
            stood: sum.stood + slot.flow.stood,
        })
    };
    let (was, is) = (before.map(|before| flow(&before.slots)).unwrap_or_default(), flow(&now.slots));
    let switched = |reason: &'static str, was: u32, is: u32| {
        metrics::counter!("kafedra_media_switches_total", "reason" => reason).increment(is.saturating_sub(was).into());
    };
    switched("start", was.starts, is.starts);
    switched("up", was.ups, is.ups);
    switched("down", was.downs, is.downs);
    for slot in now.slots.iter().filter(|slot| slot.source.is_some()) {
        metrics::counter!("kafedra_media_slot_looks_total", "reason" => slot.reason.as_str()).increment(1);
    }
    let stood = is.stood.saturating_sub(was.stood).as_millis() as u64;
    metrics::counter!("kafedra_media_stood_milliseconds_total").increment(stood);
}

fn received(transport: &TransportReport) -> Count {
    transport.sources.iter().flat_map(|source| &source.layers).fold(Count::default(), |sum, layer| Count {
        packets: sum.packets + layer.packets,
        bytes: sum.bytes + layer.payload_bytes,
        lost: sum.lost + layer.lost,
    })
}

fn sent(transport: &TransportReport) -> Count {
    transport.slots.iter().fold(Count::default(), |sum, slot| Count {
        packets: sum.packets + slot.packets,
        bytes: sum.bytes + slot.payload_bytes,
        lost: sum.lost + slot.remote.map_or(0, |remote| u64::try_from(remote.lost).unwrap_or(0)),
    })
}

impl Count {
    /// What was added; all of it when there was less before (a layer began anew).
    fn since(self, before: Option<Self>) -> Self {
        let before = before.unwrap_or_default();
        Self {
            packets: self.packets.saturating_sub(before.packets),
            bytes: self.bytes.saturating_sub(before.bytes),
            lost: self.lost.saturating_sub(before.lost),
        }
    }

    fn loss_permille(self) -> u16 {
        (self.lost * 1_000).checked_div(self.packets + self.lost).unwrap_or(0).min(1_000) as u16
    }

    fn bps(self, window: Duration) -> u64 {
        let ms = window.as_millis() as u64;
        (self.bytes * 8_000).checked_div(ms).unwrap_or(0)
    }
}

/// A room's media for support: ids and figures, no names and no addresses.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct MediaDump {
    /// Rates are means over so many milliseconds; 0: there was no look before, and rates are 0.
    pub window_ms: u64,
    pub transports: Vec<TransportDump>,
}

/// One peer connection.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct TransportDump {
    pub peer: String,
    /// Whose; left out for those who may see figures only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    pub connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<u64>,
    pub received_bps: u64,
    pub received_loss_permille: u16,
    pub sent_bps: u64,
    pub sent_loss_permille: u16,
    /// What the hub thinks that this line carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_bps: Option<u64>,
    pub rejected_packets: u64,
    pub nacks: u64,
    pub key_frame_requests: u64,
    pub sources: Vec<SourceDump>,
    pub slots: Vec<SlotDump>,
}

/// Something that a peer sends.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SourceDump {
    pub source: String,
    pub paused: bool,
    pub encrypted: bool,
    /// Slots that carry it.
    pub subscribers: usize,
    pub layers: Vec<LayerDump>,
}

/// A simulcast layer of it, or the only stream.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LayerDump {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spatial_layers: Option<u8>,
    pub packets: u64,
    pub lost: u64,
    pub jitter_ms: u64,
}

/// An m-line on which a peer receives.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SlotDump {
    pub mid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    pub max_height: u16,
    /// The simulcast layer that flows; missing: it waits for a key frame, or is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<u8>,
    /// The one that should.
    pub target: u8,
    /// Why that one: `fits` (as large as it is drawn), `bandwidth`, `overflow`, `missing` (its publisher sends no better),
    /// `hidden`, `idle`.
    pub reason: &'static str,
    pub bps: u64,
    pub packets: u64,
    pub resent: u64,
    /// As the receiver says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_permille: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u64>,
    /// Begun after nothing, changed to a larger layer, to a smaller one.
    pub starts: u32,
    pub ups: u32,
    pub downs: u32,
    /// How long a picture that had begun stood still while the hub waited for a key frame.
    pub stood_ms: u64,
}

fn dump_transport(
    (peer, person): (String, String),
    before: Option<&TransportReport>,
    now: &TransportReport,
    window: Duration,
    name: impl Fn(SourceKey) -> Option<String>,
) -> TransportDump {
    let up = received(now).since(Some(before.map_or(received(now), received)));
    let down = sent(now).since(Some(before.map_or(sent(now), sent)));
    let earlier = |mid: &str| before?.slots.iter().find(|slot| slot.mid == mid);
    TransportDump {
        peer,
        person: Some(person),
        connected: now.is_connected,
        rtt_ms: now.rtt.map(|rtt| rtt.as_millis() as u64),
        received_bps: up.bps(window),
        received_loss_permille: up.loss_permille(),
        sent_bps: down.bps(window),
        sent_loss_permille: down.loss_permille(),
        estimate_bps: now.estimate_bps,
        rejected_packets: now.rejected,
        nacks: now.nacks,
        key_frame_requests: now.key_frame_requests,
        sources: now.sources.iter().filter_map(|source| Some(dump_source(source, name(source.source)?))).collect(),
        slots: now
            .slots
            .iter()
            .map(|slot| dump_slot(slot, earlier(&slot.mid), window, slot.source.and_then(&name)))
            .collect(),
    }
}

fn dump_source(source: &SourceReport, name: String) -> SourceDump {
    let layers = source
        .layers
        .iter()
        .map(|layer| LayerDump {
            rid: layer.rid.clone(),
            active: layer.is_active,
            height: layer.height,
            spatial_layers: layer.spatial_layers,
            packets: layer.packets,
            lost: layer.lost,
            jitter_ms: layer.jitter.as_millis() as u64,
        })
        .collect();
    SourceDump {
        source: name,
        paused: source.is_paused,
        encrypted: source.is_encrypted,
        subscribers: source.subscribers,
        layers,
    }
}

fn dump_slot(slot: &SlotReport, before: Option<&SlotReport>, window: Duration, source: Option<String>) -> SlotDump {
    let bytes = slot.payload_bytes.saturating_sub(before.map_or(slot.payload_bytes, |before| before.payload_bytes));
    SlotDump {
        mid: slot.mid.clone(),
        source,
        max_height: slot.max_height,
        layer: slot.layer,
        target: slot.target,
        reason: slot.reason.as_str(),
        bps: Count { bytes, ..Count::default() }.bps(window),
        packets: slot.packets,
        resent: slot.resent,
        loss_permille: slot.remote.map(|remote| (remote.fraction_lost * 1_000.0) as u16),
        jitter_ms: slot.remote.map(|remote| remote.jitter.as_millis() as u64),
        starts: slot.flow.starts,
        ups: slot.flow.ups,
        downs: slot.flow.downs,
        stood_ms: slot.flow.stood.as_millis() as u64,
    }
}

#[cfg(test)]
mod tests {
    use media::model::SourceKind;
    use media::stats::{LayerReport, Reason, RemoteReport};

    use super::*;

    /// One peer that has sent `packets` of 100 bytes, of which `lost` never came, and whose slot lost this share.
    fn report(packets: u64, lost: u64, fraction_lost: f32) -> RoomReport {
        let layer = LayerReport {
            rid: None,
            is_active: true,
            height: Some(360),
            spatial_layers: None,
            packets,
            payload_bytes: packets * 100,
            lost,
            jitter: Duration::from_millis(7),
        };
        let source = SourceReport {
            source: SourceKey(1),
            kind: SourceKind::Camera,
            is_paused: false,
            is_encrypted: false,
            subscribers: 1,
            layers: vec![layer],
        };
        let slot = SlotReport {
            mid: "4".to_owned(),
            source: Some(SourceKey(1)),
            max_height: 360,
            layer: Some(0),
            target: 0,
            reason: Reason::Bandwidth,
            packets,
            payload_bytes: packets * 100,
            resent: 0,
            remote: Some(RemoteReport { fraction_lost, lost: 0, jitter: Duration::from_millis(3) }),
            flow: Flow { starts: 1, ups: 0, downs: 2, stood: Duration::from_millis(40) },
        };
        let transport = TransportReport {
            peer: PeerKey(1),
            is_connected: true,
            rtt: Some(Duration::from_millis(30)),
            rejected: 0,
            nacks: 0,
            key_frame_requests: 0,
            estimate_bps: None,
            sources: vec![source],
            slots: vec![slot],
        };
        RoomReport { transports: vec![transport] }
    }

    #[test]
    fn a_line_is_as_bad_as_its_worse_direction_since_the_last_look() {
        let start = tokio::time::Instant::now().into_std();
        let check = |first: RoomReport, second: RoomReport, expected| {
            let mut watch = MediaWatch::default();
            assert!(watch.take(start, first).is_empty(), "nothing to compare with");
            let lines = watch.take(start + EVERY, second);
            assert_eq!(lines.iter().map(|(_, line)| line.loss_permille).collect::<Vec<_>>(), [expected]);
        };
        check(report(100, 50, 0.0), report(200, 50, 0.0), 0);
        check(report(100, 0, 0.0), report(190, 10, 0.02), 100);
        check(report(100, 0, 0.0), report(190, 10, 0.25), 250);
    }

    #[test]
    fn the_dump_has_rates_of_the_window_and_only_what_is_known_by_name() {
        let start = tokio::time::Instant::now().into_std();
        let mut watch = MediaWatch::default();
        watch.take(start, report(100, 0, 0.0));
        let now = start + Duration::from_secs(2);
        let name = |key: PeerKey| (key == PeerKey(1)).then(|| ("ann-tab".to_owned(), "ann".to_owned()));
        let dump = watch.dump(now, &report(300, 0, 0.5), name, |_| Some("ann-tab:camera".to_owned()));
        let transport = &dump.transports[0];
        // 200 packets of 100 bytes in 2 s.
        assert_eq!((dump.window_ms, transport.received_bps, transport.sent_bps), (2_000, 80_000, 80_000));
        assert_eq!((transport.slots[0].loss_permille, transport.slots[0].downs), (Some(500), 2));
        assert_eq!(transport.slots[0].reason, "bandwidth");
        assert_eq!(transport.sources[0].source, "ann-tab:camera");
        let nobody = watch.dump(now, &report(300, 0, 0.5), |_| None, |_| None);
        assert!(nobody.transports.is_empty(), "whoever left the room is not told of");
    }
}
