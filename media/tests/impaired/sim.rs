//! Publishers and receivers around a core, each behind a line of its own, in steps of one millisecond.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use media::forward::reception::Reception;
use media::model::{PeerKey, SfuEvent, SlotWish, SourceKey, SourceKind};
use media::stats::ReceiverView;
use media::transport::feedback::ArrivalLog;
use rtc::rtcp::Packet;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};

use crate::netem::{Link, Path};
use crate::pair::{EXTENSIONS, LineSpec, Opened, Peer, ROOM, World, vp8};

const RED: u8 = 63;
const VP8_REPAIRS: u8 = 97;
/// From the SSRC of a layer to that of its retransmissions, and from the first layer's to the voice's.
const TO_REPAIRS: u32 = 100;
const TO_VOICE: u32 = 500;
const FRAME: Duration = Duration::from_micros(33_333);
/// Bytes of one coded voice frame: 16 kbit/s, three of them in a packet of RED.
const VOICE: usize = 40;
/// With its headers.
const VOICE_BPS: f64 = 80_000.0;
/// Packets are at most this large.
const PACKET: usize = 1100;
/// A key frame is so many times as large as the others.
const KEY_FRAME: usize = 5;
/// Browsers check a path so often.
const CHECKS_MS: u64 = 2_500;
/// From here on a gap between two pictures is seen.
const FREEZE: Duration = Duration::from_millis(250);

/// rid, height, bit/s.
pub const SIMULCAST: [(&str, u16, f64); 3] = [("q", 180, 150_000.0), ("h", 360, 500_000.0), ("f", 720, 1_500_000.0)];

pub struct Layer {
    pub rid: &'static str,
    ssrc: u32,
    height: u16,
    bps: f64,
    sequence: u16,
    repairs: u16,
    /// Bytes sent beyond what its rate allows.
    debt: usize,
    number: u32,
    wants_key: bool,
    pub is_active: bool,
    /// Key frame requests that came.
    pub asked: Vec<Instant>,
    pub key_frames: u32,
}

/// Layer and sequence number of what is sent again.
type Repair = (usize, u16);

/// A video packet that was sent.
struct Sent {
    place: usize,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// A video packet that waits for its time.
struct Draft {
    repair: Option<Repair>,
    ssrc: u32,
    rid: &'static str,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload_type: Option<u8>,
    elements: Vec<(u8, Vec<u8>)>,
    payload: Vec<u8>,
}

pub struct Publisher {
    pub peer: Peer,
    pub up: Link,
    pub down: Link,
    pub camera: SourceKey,
    pub layers: Vec<Layer>,
    voice_sequence: u16,
    pub has_voice: bool,
    /// Its pictures bear abs-send-time.
    pub stamps: bool,
    pub level: u8,
    began: Instant,
    next_frame: Instant,
    next_voice: Instant,
    sent: VecDeque<Sent>,
    /// What waits for its time, how many bytes may go at once, as of when.
    paced: VecDeque<Draft>,
    tokens: f64,
    paced_at: Instant,
    /// When messages with key frame requests came.
    pub requests: Vec<Instant>,
    /// What the hub told it that it may send (REMB), with the instant.
    pub allowed: Vec<(Instant, f64)>,
    /// As told by `LayersWanted`.
    pub told: Vec<(Instant, Vec<String>, bool)>,
    pub obeys: bool,
}

impl Publisher {
    fn new(
        key: u64,
        kind: SourceKind,
        layers: &[(&'static str, u16, f64)],
        with_feedback: bool,
        replaces: Vec<(&'static str, &'static str)>,
        now: Instant,
    ) -> Self {
        let camera = SourceKey(key * 10);
        let rids: &'static [&'static str] = match layers.len() {
            3 => &["q", "h", "f"],
            1 => &[],
            _ => panic!("one or three layers"),
        };
        let lines = vec![
            LineSpec::Send(camera, kind, rids),
            LineSpec::Send(SourceKey(key * 10 + 1), SourceKind::Microphone, &[]),
        ];
        let mut peer = Peer::new(key, lines);
        peer.all_codecs = true;
        peer.with_feedback = with_feedback;
        peer.replaces = replaces;
        let layers = layers.iter().zip(1u32..).map(|((rid, height, bps), number)| Layer {
            rid: if rids.is_empty() { "" } else { rid },
            ssrc: key as u32 * 1000 + number,
            height: *height,
            bps: *bps,
            sequence: 0,
            repairs: 0,
            debt: 0,
            number: 0,
            wants_key: true,
            is_active: true,
            asked: Vec::new(),
            key_frames: 0,
        });
        let quick = Path { delay: Duration::from_millis(5), ..Path::default() };
        Self {
            peer,
            up: Link::new(key * 2, quick.clone()),
            down: Link::new(key * 2 + 1, quick),
            camera,
            layers: layers.collect(),
            voice_sequence: 0,
            has_voice: true,
            stamps: false,
            level: 40,
            began: now,
            next_frame: now,
            next_voice: now,
            sent: VecDeque::new(),
            paced: VecDeque::new(),
            tokens: f64::MAX,
            paced_at: now,
            requests: Vec::new(),
            allowed: Vec::new(),
            told: Vec::new(),
            obeys: true,
        }
    }

    fn produce(&mut self, now: Instant) {
        if self.has_voice && now >= self.next_voice {
            self.next_voice += Duration::from_millis(20);
            self.voice_sequence = self.voice_sequence.wrapping_add(1);
            let number = self.voice_sequence;
            self.peer.payload_type = Some(RED);
            let payload = red(number);
            let (ssrc, timestamp) = (self.layers[0].ssrc + TO_VOICE, u32::from(number) * 960);
            let datagram = self.peer.packet(ssrc, 1, "", number, timestamp, &payload, Some(self.level));
            self.up.send(now, datagram);
        }
        self.pace(now);
        if now < self.next_frame {
            return;
        }
        self.next_frame += FRAME;
        self.peer.payload_type = None;
        for place in 0..self.layers.len() {
            self.frame(place);
        }
        self.pace(now);
    }

    fn frame(&mut self, place: usize) {
        let waits: usize = self.paced.iter().map(|draft| draft.payload.len() + 40).sum();
        let layer = &mut self.layers[place];
        // An encoder leaves frames out while more than a quarter second of them waits.
        if self.allowed.last().is_some_and(|(_, bps)| waits as f64 * 8.0 > bps / 4.0) {
            return;
        }
        layer.number += 1;
        if !layer.is_active {
            return;
        }
        let is_key = std::mem::take(&mut layer.wants_key);
        layer.key_frames += u32::from(is_key);
        // Who is told how much is allowed makes up for a key frame with smaller frames after it.
        let allowed = self.allowed.last().map_or(f64::MAX, |(_, bps)| (bps - VOICE_BPS) * 0.9);
        let usual = (layer.bps.min(allowed) / 8.0 / 30.0) as usize;
        let saved = if allowed < f64::MAX { layer.debt.min(usual / 2) } else { 0 };
        let bytes = if is_key { usual * KEY_FRAME } else { usual - saved };
        layer.debt = (layer.debt + bytes).saturating_sub(usual);
        let count = bytes.div_ceil(PACKET).max(1);
        for index in 0..count {
            let mut content = vec![place as u8, u8::from(is_key)];
            content.extend_from_slice(&layer.number.to_be_bytes());
            content.extend_from_slice(&[index as u8, count as u8]);
            content.resize((bytes / count).max(content.len()), 7);
            content.reverse();
            let mut payload =
                vp8((is_key && index == 0).then_some(layer.height), layer.number as u16 & 0x7fff, &content);
            if index > 0 {
                payload[0] = 0x80;
            }
            layer.sequence = layer.sequence.wrapping_add(1);
            let (sequence, timestamp, marker) = (layer.sequence, layer.number * 3000, index + 1 == count);
            let draft = Draft {
                repair: None,
                ssrc: layer.ssrc,
                rid: layer.rid,
                sequence,
                timestamp,
                marker,
                payload_type: None,
                elements: Vec::new(),
                payload: payload.clone(),
            };
            if self.sent.len() >= 2000 {
                self.sent.pop_front();
            }
            self.sent.push_back(Sent { place, sequence, timestamp, marker, payload });
            self.paced.push_back(draft);
        }
    }

    /// Sends a packet again as browsers do: on an SSRC of its own, which says whose repairs it carries (RFC 4588, RFC 8852).
    fn repair(&mut self, now: Instant, media_ssrc: u32, sequence: u16) {
        let layers = &self.layers;
        let found = self.sent.iter().rfind(|sent| layers[sent.place].ssrc == media_ssrc && sent.sequence == sequence);
        let Some(sent) = found else { return };
        let repair = Some((sent.place, sequence));
        if self.paced.iter().any(|draft| draft.repair == repair) {
            return;
        }
        let layer = &mut self.layers[sent.place];
        layer.repairs = layer.repairs.wrapping_add(1);
        let payload = [&sequence.to_be_bytes()[..], &sent.payload].concat();
        let (ssrc, number) = (layer.ssrc + TO_REPAIRS, layer.repairs);
        let rid = (!layer.rid.is_empty()).then(|| (EXTENSIONS.repaired_rid, layer.rid.as_bytes().to_vec()));
        self.paced.push_back(Draft {
            repair,
            ssrc,
            rid: "",
            sequence: number,
            timestamp: sent.timestamp,
            marker: sent.marker,
            payload_type: Some(VP8_REPAIRS),
            elements: rid.into_iter().collect(),
            payload,
        });
        self.pace(now);
    }

    /// Sends video: at once, or where the hub says how much is allowed, hardly faster than that.
    fn pace(&mut self, now: Instant) {
        let since = now.saturating_duration_since(std::mem::replace(&mut self.paced_at, now));
        if let Some((_, bps)) = self.allowed.last() {
            self.tokens = (self.tokens + since.as_secs_f64() * (bps - VOICE_BPS) * 1.1 / 8.0).min(2.0 * PACKET as f64);
        } else {
            self.tokens = f64::MAX;
        }
        while self.tokens > 0.0
            && let Some(draft) = self.paced.pop_front()
        {
            let datagram = self.seal(now, draft);
            self.tokens -= datagram.len() as f64;
            self.up.send(now, datagram);
        }
    }

    fn seal(&mut self, now: Instant, draft: Draft) -> Vec<u8> {
        let peer = &mut self.peer;
        (peer.payload_type, peer.marker, peer.elements) = (draft.payload_type, draft.marker, draft.elements);
        if self.stamps {
            let since = now.saturating_duration_since(self.began).as_micros() as u64;
            let time = ((since << 18) / 1_000_000) as u32;
            peer.elements.push((EXTENSIONS.abs_send_time, time.to_be_bytes()[1..].to_vec()));
        }
        let Draft { ssrc, rid, sequence, timestamp, payload, .. } = draft;
        let datagram = peer.packet(ssrc, 0, rid, sequence, timestamp, &payload, None);
        (peer.payload_type, peer.marker) = (None, false);
        peer.elements.clear();
        datagram
    }

    /// Packets sent again so far.
    pub fn repaired(&self) -> u32 {
        self.layers.iter().map(|layer| u32::from(layer.repairs)).sum()
    }

    fn handle(&mut self, now: Instant, datagram: Vec<u8>) {
        let Some(Opened::Control(packets)) = self.peer.open(datagram) else { return };
        if packets.iter().any(|packet| packet.as_any().is::<PictureLossIndication>()) {
            self.requests.push(now);
        }
        for packet in &packets {
            if let Some(request) = packet.as_any().downcast_ref::<PictureLossIndication>() {
                for layer in self.layers.iter_mut().filter(|layer| layer.ssrc == request.media_ssrc) {
                    layer.wants_key = true;
                    layer.asked.push(now);
                }
            } else if let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>() {
                for sequence in nack.nacks.iter().flat_map(|pair| pair.packet_list()) {
                    self.repair(now, nack.media_ssrc, sequence);
                }
            } else if let Some(remb) = packet.as_any().downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
                self.allowed.push((now, f64::from(remb.bitrate)));
            }
        }
    }

    /// The shortest time between two messages with key frame requests for its camera, whichever layers they name.
    pub fn closest_requests(&self) -> Duration {
        self.requests.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(Duration::MAX)
    }
}

/// RFC 2198: the two frames before, then this one.
fn red(number: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    for back in [2u32, 1] {
        packet.push(0x80 | 111);
        packet.extend_from_slice(&((back * 960) << 10 | VOICE as u32).to_be_bytes()[1..]);
    }
    packet.push(111);
    for back in [2u16, 1, 0] {
        let mut frame = vec![0; VOICE];
        frame[..2].copy_from_slice(&number.wrapping_sub(back).to_be_bytes());
        packet.extend_from_slice(&frame);
    }
    packet
}

#[derive(Debug, Default)]
struct Picture {
    layer: u8,
    is_key: bool,
    number: u32,
    count: u8,
    parts: HashSet<u8>,
}

/// What one slot shows.
pub struct Screen {
    reception: Reception,
    repairs: Reception,
    waiting: BTreeMap<u32, Picture>,
    last: Option<(u8, u32)>,
    /// Each decoded picture: when, which layer.
    pub shown: Vec<(Instant, u8)>,
    asked: Option<Instant>,
    heard: Option<Instant>,
    pub report: Option<(u32, u64)>,
    pub newest: Option<(u32, Instant)>,
    newest_sequence: Option<u16>,
}

impl Screen {
    fn new() -> Self {
        Self {
            reception: Reception::new(90_000),
            repairs: Reception::new(90_000),
            waiting: BTreeMap::new(),
            last: None,
            shown: Vec::new(),
            asked: None,
            heard: None,
            report: None,
            newest: None,
            newest_sequence: None,
        }
    }

    fn take(&mut self, now: Instant, timestamp: u32, payload: &[u8]) {
        self.heard = Some(now);
        // The content ends with what it is, backwards.
        let tag: Vec<u8> = payload.iter().rev().take(8).copied().collect();
        let [layer, is_key, a, b, c, d, index, count] = tag[..] else { return };
        let number = u32::from_be_bytes([a, b, c, d]);
        let picture = self.waiting.entry(timestamp).or_default();
        (picture.layer, picture.number, picture.count) = (layer, number, count);
        picture.is_key = is_key == 1;
        picture.parts.insert(index);
        loop {
            let is_next = |picture: &Picture| {
                let follows =
                    self.last.is_some_and(|(layer, last)| layer == picture.layer && last + 1 == picture.number);
                picture.parts.len() == usize::from(picture.count) && (picture.is_key || follows)
            };
            let Some(at) = self.waiting.iter().find(|(_, picture)| is_next(picture)).map(|(at, _)| *at) else { break };
            let picture = self.waiting.remove(&at).unwrap();
            self.waiting.retain(|other, _| *other > at);
            self.last = Some((picture.layer, picture.number));
            self.shown.push((now, picture.layer));
        }
    }

    /// Time in gaps between pictures that are seen as a freeze, from one instant to another.
    pub fn frozen(&self, from: Instant, to: Instant) -> Duration {
        let mut at: Vec<Instant> = self.shown.iter().map(|(at, _)| *at).filter(|at| *at >= from && *at <= to).collect();
        at.insert(0, from);
        at.push(to);
        at.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > FREEZE).map(|gap| gap - FRAME).sum()
    }

    /// When this layer was first shown after an instant.
    pub fn first(&self, from: Instant, layer: u8) -> Option<Instant> {
        self.shown.iter().find(|(at, shown)| *at >= from && *shown == layer).map(|(at, _)| *at)
    }

    /// Part of the pictures between two instants that were of this layer.
    pub fn share(&self, from: Instant, to: Instant, layer: u8) -> f64 {
        let within: Vec<u8> =
            self.shown.iter().filter(|(at, _)| *at >= from && *at < to).map(|(_, layer)| *layer).collect();
        within.iter().filter(|shown| **shown == layer).count() as f64 / within.len().max(1) as f64
    }
}

pub struct Receiver {
    pub peer: Peer,
    pub up: Link,
    pub down: Link,
    arrivals: ArrivalLog,
    /// By mid.
    pub screens: HashMap<String, Screen>,
    mids: HashMap<u32, String>,
    repairs: HashMap<u32, u32>,
    /// Voice frames that arrived, each once, with the instant.
    pub heard: BTreeMap<u16, Instant>,
    pub padding: u64,
    /// It asks for key frames a thousand times a second.
    pub storm: bool,
    /// It says as often what it may get, now much and now little.
    pub remb_storm: bool,
    /// It asks as often for the newest packets of everything, which it has.
    pub nack_storm: bool,
    /// How often each packet of an SSRC came again, and the bytes of those and of the others.
    pub repeats: HashMap<(u32, u16), u32>,
    pub bytes: (u64, u64),
}

impl Receiver {
    fn new(key: u64, videos: usize, with_feedback: bool, path: Path) -> Self {
        let mut lines = vec![LineSpec::Receive("audio")];
        lines.extend((0..videos).map(|_| LineSpec::Receive("video")));
        let mut peer = Peer::new(key, lines);
        peer.all_codecs = true;
        peer.with_feedback = with_feedback;
        Self {
            peer,
            up: Link::new(key * 31, Path::default()),
            down: Link::new(key * 37, path),
            arrivals: ArrivalLog::default(),
            screens: (1..=videos).map(|mid| (mid.to_string(), Screen::new())).collect(),
            mids: HashMap::new(),
            repairs: HashMap::new(),
            heard: BTreeMap::new(),
            padding: 0,
            storm: false,
            remb_storm: false,
            nack_storm: false,
            repeats: HashMap::new(),
            bytes: (0, 0),
        }
    }

    fn handle(&mut self, now: Instant, datagram: Vec<u8>) {
        match self.peer.open(datagram) {
            None => {}
            Some(Opened::Control(packets)) => {
                for report in packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<SenderReport>()) {
                    if let Some(screen) = self.mids.get(&report.ssrc).and_then(|mid| self.screens.get_mut(mid)) {
                        screen.reception.note_sender_report(now, report.ntp_time);
                        screen.report = Some((report.rtp_time, report.ntp_time));
                    }
                }
            }
            Some(Opened::Media { header, number, payload }) => {
                if let Some(number) = number {
                    self.arrivals.note(now, number);
                }
                let repaired = self.repairs.get(&header.ssrc).copied();
                let mid = self.mids.get(&repaired.unwrap_or(header.ssrc));
                if header.padding {
                    self.padding += 1;
                } else if header.payload_type == RED {
                    for frame in payload[9..].chunks(VOICE) {
                        self.heard.entry(u16::from_be_bytes([frame[0], frame[1]])).or_insert(now);
                    }
                } else if let Some(screen) = mid.and_then(|mid| self.screens.get_mut(mid)) {
                    let (sequence, payload) = match repaired {
                        Some(media) => {
                            let original = u16::from_be_bytes([payload[0], payload[1]]);
                            *self.repeats.entry((media, original)).or_default() += 1;
                            self.bytes.0 += payload.len() as u64;
                            screen.repairs.receive(now, header.sequence, header.timestamp, false);
                            (u16::from_be_bytes([payload[0], payload[1]]), &payload[2..])
                        }
                        None => {
                            self.bytes.1 += payload.len() as u64;
                            screen.newest_sequence = Some(header.sequence);
                            (header.sequence, &payload[..])
                        }
                    };
                    if screen.reception.receive(now, sequence, header.timestamp, true) {
                        screen.newest = Some((header.timestamp, now));
                        screen.take(now, header.timestamp, payload);
                    }
                }
            }
        }
    }

    /// Feedback, NACKs, key frame requests, reports.
    fn answer(&mut self, now: Instant, ms: u64) {
        if ms.is_multiple_of(50)
            && let Some(clear) = self.arrivals.take(1, 0)
        {
            let sealed = self.peer.seal(&clear);
            self.up.send(now, sealed);
        }
        let ssrcs: Vec<(u32, String)> = self.mids.iter().map(|(ssrc, mid)| (*ssrc, mid.clone())).collect();
        let mut packets: Vec<Box<dyn Packet>> = Vec::new();
        for (media_ssrc, mid) in ssrcs {
            let Some(screen) = self.screens.get_mut(&mid) else { continue };
            if ms.is_multiple_of(10) {
                let mut missing = Vec::new();
                screen.reception.ask(now, &mut missing);
                if !missing.is_empty() {
                    let nacks = nack_pairs_from_sequence_numbers(&missing);
                    packets.push(Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc, nacks }));
                }
            }
            if let (true, Some(newest)) = (self.nack_storm, screen.newest_sequence) {
                let everything: Vec<u16> = (0..17).map(|back| newest.wrapping_sub(16 - back)).collect();
                let nacks = nack_pairs_from_sequence_numbers(&everything);
                packets.push(Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc, nacks }));
            }
            let since = |at: Option<Instant>| at.map_or(Duration::MAX, |at| now - at);
            let is_stuck = since(screen.shown.last().map(|(at, _)| *at)) > Duration::from_millis(300)
                && since(screen.heard) < Duration::from_millis(300);
            if is_stuck && since(screen.asked) > Duration::from_millis(200) || self.storm {
                screen.asked = Some(now);
                packets.push(Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc }));
            }
            if ms.is_multiple_of(1000)
                && let Some(report) = screen.reception.report(now, media_ssrc)
            {
                packets.push(Box::new(ReceiverReport { ssrc: 1, reports: vec![report], ..ReceiverReport::default() }));
            }
        }
        if self.remb_storm {
            let bitrate = if ms.is_multiple_of(2) { 5_000_000.0 } else { 100_000.0 };
            packets.push(Box::new(ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate, ssrcs: Vec::new() }));
        }
        if !packets.is_empty() {
            let sealed = self.peer.seal(&rtc::rtcp::packet::marshal(&packets).unwrap());
            self.up.send(now, sealed);
        }
    }

    /// Part of the voice frames of a time that were heard.
    pub fn heard_share(&self, from: Instant, to: Instant) -> f64 {
        let within: Vec<u16> =
            self.heard.iter().filter(|(_, at)| **at >= from && **at < to).map(|(number, _)| *number).collect();
        let (Some(first), Some(last)) = (within.iter().min(), within.iter().max()) else { return 0.0 };
        within.len() as f64 / f64::from(last - first + 1)
    }
}

pub struct Sim {
    pub world: World,
    pub publishers: Vec<Publisher>,
    pub receivers: Vec<Receiver>,
    pub ms: u64,
    seen: usize,
    /// To the first receiver in each second: bit/s, and the longest stand in its queue.
    pub seconds: Vec<(f64, Duration)>,
    counted: u64,
    /// Of the first receiver at the end of each second.
    pub views: Vec<ReceiverView>,
}

impl Sim {
    pub fn new() -> Self {
        let world = World::new();
        Self {
            world,
            publishers: Vec::new(),
            receivers: Vec::new(),
            ms: 0,
            seen: 0,
            seconds: Vec::new(),
            counted: 0,
            views: Vec::new(),
        }
    }

    /// One camera in three layers with a voice, and one receiver behind this line that wants it at 720.
    pub fn one_to_one(path: Path) -> Self {
        let mut sim = Self::new();
        sim.publish(1, SourceKind::Camera, &SIMULCAST);
        sim.watch(50, 1, path);
        sim.wish(0, &[(1, 720)]);
        sim
    }

    pub fn publish(&mut self, key: u64, kind: SourceKind, layers: &[(&'static str, u16, f64)]) {
        self.publish_with(key, kind, layers, true);
    }

    /// The same, of one that may know no transport-wide feedback.
    pub fn publish_with(
        &mut self,
        key: u64,
        kind: SourceKind,
        layers: &[(&'static str, u16, f64)],
        with_feedback: bool,
    ) {
        let publisher = Publisher::new(key, kind, layers, with_feedback, Vec::new(), self.world.now);
        self.add(publisher);
    }

    /// The same, of one that knows none, with something replaced in its offer.
    pub fn publish_as(
        &mut self,
        key: u64,
        kind: SourceKind,
        layers: &[(&'static str, u16, f64)],
        replaces: Vec<(&'static str, &'static str)>,
    ) {
        let publisher = Publisher::new(key, kind, layers, false, replaces, self.world.now);
        self.add(publisher);
    }

    fn add(&mut self, mut publisher: Publisher) {
        publisher.peer.connect(&mut self.world);
        publisher.has_voice = self.publishers.is_empty();
        self.publishers.push(publisher);
    }

    pub fn watch(&mut self, key: u64, videos: usize, path: Path) {
        self.watch_with(key, videos, true, path);
    }

    /// The same, of one that may know no transport-wide feedback.
    pub fn watch_with(&mut self, key: u64, videos: usize, with_feedback: bool, path: Path) {
        let mut receiver = Receiver::new(key, videos, with_feedback, path);
        receiver.peer.connect(&mut self.world);
        let ssrcs = receiver.peer.slot_ssrcs();
        receiver.mids = ssrcs.into_iter().filter(|(mid, _)| mid != "0").map(|(mid, ssrc)| (ssrc, mid)).collect();
        receiver.repairs = receiver.peer.repair_ssrcs();
        self.receivers.push(receiver);
    }

    /// What a receiver shows: on its video slots in order, the publisher's key and a height.
    pub fn wish(&mut self, receiver: usize, wishes: &[(u64, u16)]) {
        let wishes = wishes.iter().zip(1..).map(|((key, max_height), mid)| SlotWish {
            mid: mid.to_string(),
            source: Some(SourceKey(key * 10)),
            max_height: *max_height,
        });
        let key: PeerKey = self.receivers[receiver].peer.key;
        self.world.sfu.set_slots(self.world.now, ROOM, key, wishes.collect());
    }

    pub fn screen(&self, mid: &str) -> &Screen {
        &self.receivers[0].screens[mid]
    }

    pub fn now(&self) -> Instant {
        self.world.now
    }

    pub fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.world.now;
        for publisher in &mut self.publishers {
            if self.ms.is_multiple_of(CHECKS_MS) {
                let check = publisher.peer.good_check();
                publisher.up.send(now, check);
            }
            publisher.produce(now);
            if self.ms.is_multiple_of(1000) {
                let (address, sealed) = publisher_report(publisher, self.ms);
                self.world.deliver(address, &sealed);
            }
        }
        for publisher in &mut self.publishers {
            while let Some(datagram) = publisher.up.receive(now) {
                self.world.deliver(publisher.peer.address, &datagram);
            }
        }
        for receiver in &mut self.receivers {
            if self.ms.is_multiple_of(CHECKS_MS) {
                let check = receiver.peer.good_check();
                receiver.up.send(now, check);
            }
            while let Some(datagram) = receiver.up.receive(now) {
                self.world.deliver(receiver.peer.address, &datagram);
            }
        }
        self.world.drain();
        self.world.pass(Duration::from_millis(1));
        let now = self.world.now;
        for (path, datagram) in std::mem::take(&mut self.world.sent) {
            let to = path.remote;
            if let Some(receiver) = self.receivers.iter_mut().find(|receiver| receiver.peer.address == to) {
                receiver.down.send(now, datagram);
            } else if let Some(publisher) = self.publishers.iter_mut().find(|publisher| publisher.peer.address == to) {
                publisher.down.send(now, datagram);
            }
        }
        self.ms += 1;
        for receiver in &mut self.receivers {
            while let Some(datagram) = receiver.down.receive(now) {
                receiver.handle(now, datagram);
            }
            receiver.answer(now, self.ms);
        }
        for publisher in &mut self.publishers {
            while let Some(datagram) = publisher.down.receive(now) {
                publisher.handle(now, datagram);
            }
        }
        self.hear_events(now);
        if self.ms.is_multiple_of(1000)
            && let Some(receiver) = self.receivers.first_mut()
        {
            let bits = (receiver.down.sent_bytes - self.counted) as f64 * 8.0;
            self.counted = receiver.down.sent_bytes;
            self.seconds.push((bits, std::mem::take(&mut receiver.down.longest_queue)));
            let key = receiver.peer.key;
            self.views.extend(self.world.sfu.receiver(now, ROOM, key));
        }
    }

    fn hear_events(&mut self, now: Instant) {
        for event in &self.world.events[self.seen..] {
            let SfuEvent::LayersWanted { source, rids, is_watched, .. } = event else { continue };
            for publisher in self.publishers.iter_mut().filter(|publisher| publisher.camera == *source) {
                publisher.told.push((now, rids.clone(), *is_watched));
                if !publisher.obeys {
                    continue;
                }
                for layer in &mut publisher.layers {
                    let is_wanted =
                        if layer.rid.is_empty() { *is_watched } else { rids.iter().any(|rid| rid == layer.rid) };
                    layer.wants_key |= is_wanted && !layer.is_active;
                    layer.is_active = is_wanted;
                }
            }
        }
        self.seen = self.world.events.len();
    }
}

/// Sender reports of every stream: all of them were captured on one clock.
fn publisher_report(publisher: &mut Publisher, ms: u64) -> (std::net::SocketAddr, Vec<u8>) {
    let ntp_time = (1000u64 << 32) + (ms << 32) / 1000;
    let report = |ssrc, rtp_time| SenderReport { ssrc, ntp_time, rtp_time, ..SenderReport::default() };
    let mut packets: Vec<Box<dyn Packet>> = publisher
        .layers
        .iter()
        .map(|layer| Box::new(report(layer.ssrc, layer.number * 3000)) as Box<dyn Packet>)
        .collect();
    packets.push(Box::new(report(publisher.layers[0].ssrc + TO_VOICE, u32::from(publisher.voice_sequence) * 960)));
    let sealed = publisher.peer.seal(&rtc::rtcp::packet::marshal(&packets).unwrap());
    (publisher.peer.address, sealed)
}
