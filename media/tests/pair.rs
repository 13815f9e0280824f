//! The harness: a core and any number of hand-made peers, joined by function calls, under one virtual clock.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::allocations::counted;
use bytes::BytesMut;
use media::model::{OfferRequest, PeerKey, Publish, RoomKey, SfuEvent, SourceKey, SourceKind};
use media::path::Path;
use media::rtp;
use media::rtp::extension::{self, ExtensionIds};
use media::sfu::{Config, Output, Sfu};
use media::transport::srtp::{Inbound, Keys, Outbound, session};
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::ConfigBuilder;
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::srtp::protection_profile::ProtectionProfile;
use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter};

pub const ROOM: RoomKey = RoomKey(1);
pub const EXTENSIONS: ExtensionIds = ExtensionIds {
    mid: 4,
    rid: 10,
    repaired_rid: 11,
    audio_level: 1,
    abs_send_time: 2,
    transport_cc: 3,
    dependency: 12,
    marking: 9,
    orientation: 13,
    playout_delay: 5,
};

/// The core, its clock and what it said.
pub struct World {
    pub sfu: Sfu,
    pub now: Instant,
    pub events: Vec<SfuEvent>,
    /// Datagrams on their way to peers.
    pub sent: Vec<(Path, Vec<u8>)>,
    /// Sources stay paused after an offer.
    pub mutes: bool,
}

impl World {
    pub fn new() -> Self {
        Self::with_linger(Duration::ZERO)
    }

    pub fn with_linger(linger: Duration) -> Self {
        // The origin of the virtual clock.
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let mut sfu = Sfu::new(Config {
            candidates: vec![SocketAddr::from(([127, 0, 0, 1], 8090))],
            tcp_candidates: vec![SocketAddr::from(([127, 0, 0, 1], 8090))],
            worker: 1,
            seed: [7; 32],
            started: now,
            max_transports: 100,
            linger,
        })
        .unwrap();
        sfu.open_room(ROOM);
        Self { sfu, now, events: Vec::new(), sent: Vec::new(), mutes: false }
    }

    pub fn deliver(&mut self, from: SocketAddr, datagram: &[u8]) {
        let mut datagram = datagram.to_vec();
        counted(|| self.sfu.handle_datagram(self.now, usual_path(from), &mut datagram));
    }

    /// Over a path that is not the usual one.
    pub fn deliver_by(&mut self, path: Path, datagram: &[u8]) {
        self.sfu.handle_datagram(self.now, path, &mut datagram.to_vec());
    }

    pub fn drain(&mut self) {
        self.drain_in_parts();
    }

    /// Gives how many batches left.
    pub fn drain_in_parts(&mut self) -> usize {
        let mut parts = 0;
        while let Some(output) = self.sfu.poll_output() {
            match output {
                Output::Transmit(batch) => {
                    parts += 1;
                    self.sent.extend(batch.datagrams().map(|(to, bytes)| (to, bytes.to_vec())));
                }
                Output::Event(_, event) => self.events.push(event),
            }
        }
        parts
    }

    /// Lets time pass, with every timer on the way.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.sfu.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.sfu.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// What has arrived for this address.
    pub fn take(&mut self, to: SocketAddr) -> Vec<Vec<u8>> {
        self.take_by(usual_path(to))
    }

    /// What has arrived by this path.
    pub fn take_by(&mut self, path: Path) -> Vec<Vec<u8>> {
        self.drain();
        let (mine, others) = std::mem::take(&mut self.sent).into_iter().partition(|(by, _)| *by == path);
        self.sent = others;
        mine.into_iter().map(|(_, datagram)| datagram).collect::<Vec<_>>()
    }

    pub fn slots_of(&self, peer: PeerKey) -> Vec<(String, Option<SourceKey>)> {
        let changed = |event: &SfuEvent| match event {
            SfuEvent::SlotsChanged { peer: who, slots } if *who == peer => Some(slots.clone()),
            _ => None,
        };
        self.events.iter().rev().find_map(changed).unwrap_or_default()
    }
}

/// A received media packet.
#[derive(Clone, Debug)]
pub struct Received {
    pub header: rtp::Header,
    pub mid: Option<String>,
    pub dependency: Option<Vec<u8>>,
    pub orientation: Option<u8>,
    pub marking: Option<Vec<u8>>,
    pub payload: Vec<u8>,
}

/// What a datagram held.
pub enum Opened {
    Media { header: rtp::Header, number: Option<u16>, payload: Vec<u8> },
    Control(Vec<Box<dyn rtc::rtcp::Packet>>),
}

/// What an m-line of a peer's offer is.
#[derive(Clone, Debug)]
pub enum LineSpec {
    Send(SourceKey, SourceKind, &'static [&'static str]),
    Receive(&'static str),
    Inactive(&'static str),
}

/// A peer made by hand.
pub struct Peer {
    pub key: PeerKey,
    pub address: SocketAddr,
    pub lines: Vec<LineSpec>,
    pub profiles: Vec<SrtpProtectionProfile>,
    pub with_rtx: bool,
    /// It takes and gives transport-wide feedback.
    pub with_feedback: bool,
    /// It also knows VP9, AV1, H264 and RED, and mixes both forms of header extensions.
    pub all_codecs: bool,
    /// Payload type of what it sends, when not VP8 or Opus.
    pub payload_type: Option<u8>,
    /// Further header extension elements of what it sends.
    pub elements: Vec<(u8, Vec<u8>)>,
    /// Of what it sends.
    pub marker: bool,
    /// How often the sequence numbers of what it sends have wrapped.
    pub rollover: u64,
    /// What stands in its offers in place of what.
    pub replaces: Vec<(&'static str, &'static str)>,
    /// Its SSRCs are acknowledged: packets carry neither MID nor RID any more.
    pub acknowledged: bool,
    crypto: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    /// Replaces the true fingerprint in the offer.
    pub false_fingerprint: Option<String>,
    pub ufrag: String,
    remote: (String, String),
    dtls: Endpoint,
    pub srtp: Option<(Inbound, Outbound)>,
    pub established: bool,
    pub answer: String,
    pub rtcp: Vec<BytesMut>,
}

/// Beside VP8; FlexFEC is refused.
const ALL_VIDEO: &str = "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
    a=rtpmap:45 AV1/90000\r\na=fmtp:45 profile=0\r\na=rtpmap:46 rtx/90000\r\na=fmtp:46 apt=45\r\n\
    a=rtpmap:108 H264/90000\r\na=fmtp:108 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:109 rtx/90000\r\n\
    a=fmtp:109 apt=108\r\na=rtpmap:49 flexfec-03/90000\r\na=fmtp:49 repair-window=10000000\r\n";

const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 8090);

/// Over UDP, to the address that the answer names.
pub fn usual_path(client: SocketAddr) -> Path {
    Path::udp(SERVER.into(), client)
}

impl Peer {
    pub fn new(key: u64, lines: Vec<LineSpec>) -> Self {
        let crypto = rtc::crypto::default_provider().unwrap();
        let certificate = Certificate::generate_self_signed(vec!["peer".to_owned()], crypto.crypto()).unwrap();
        Self {
            key: PeerKey(key),
            address: SocketAddr::from(([10, 0, 0, key as u8], 5000)),
            lines,
            profiles: vec![
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            ],
            with_rtx: true,
            with_feedback: false,
            all_codecs: false,
            payload_type: None,
            elements: Vec::new(),
            marker: false,
            rollover: 0,
            replaces: Vec::new(),
            acknowledged: false,
            crypto,
            certificate,
            false_fingerprint: None,
            ufrag: format!("peer{key}"),
            remote: Default::default(),
            dtls: Endpoint::new(SocketAddr::from(([0, 0, 0, 0], 1)), TransportProtocol::UDP, None),
            srtp: None,
            established: false,
            answer: String::new(),
            rtcp: Vec::new(),
        }
    }

    fn fingerprint(&self) -> String {
        let der = self.certificate.certificate[0].as_ref();
        let hash = self.crypto.crypto().hash(HashAlgorithm::Sha256, der).unwrap();
        hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    pub fn sdp(&self) -> String {
        let mids: Vec<String> = (0..self.lines.len()).map(|index| index.to_string()).collect();
        let fingerprint = self.false_fingerprint.clone().unwrap_or_else(|| self.fingerprint());
        let mut sdp =
            format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
        if self.all_codecs {
            sdp += "a=extmap-allow-mixed\r\n";
        }
        for (mid, line) in self.lines.iter().enumerate() {
            let (media, direction) = match line {
                LineSpec::Send(_, kind, _) => (if kind.is_audio() { "audio" } else { "video" }, "sendonly"),
                LineSpec::Receive(media) => (*media, "recvonly"),
                LineSpec::Inactive(media) => (*media, "inactive"),
            };
            let payloads = match (media, self.with_rtx) {
                ("audio", _) if self.all_codecs => "111 63",
                ("audio", _) => "111",
                (_, true) if self.all_codecs => "96 97 98 99 45 46 108 109 49",
                (_, true) => "96 97",
                (_, false) => "96",
            };
            sdp += &format!(
                "m={media} 9 UDP/TLS/RTP/SAVPF {payloads}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n\
                 a=ice-ufrag:{}\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {fingerprint}\r\n\
                 a=setup:actpass\r\na=rtcp-mux\r\n",
                self.ufrag
            );
            let uris = [
                (4, extension::MID),
                (10, extension::RID),
                (11, extension::REPAIRED_RID),
                (1, extension::AUDIO_LEVEL),
                (3, extension::TRANSPORT_CC),
                (12, extension::DEPENDENCY_DESCRIPTOR),
                (13, extension::VIDEO_ORIENTATION),
            ];
            let is_offered = |uri: &str| uri != extension::TRANSPORT_CC || self.with_feedback;
            for (id, uri) in uris.into_iter().filter(|(_, uri)| is_offered(uri)) {
                sdp += &format!("a=extmap:{id} {uri}\r\n");
            }
            if media == "audio" {
                sdp += "a=rtpmap:111 opus/48000/2\r\n";
                if self.all_codecs {
                    sdp += "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
                }
            } else {
                if self.all_codecs {
                    sdp += ALL_VIDEO;
                }
                sdp += "a=rtpmap:96 VP8/90000\r\n";
                if self.with_rtx {
                    sdp += "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
                }
            }
            if let LineSpec::Send(_, _, rids) = line
                && !rids.is_empty()
            {
                for rid in *rids {
                    sdp += &format!("a=rid:{rid} send\r\n");
                }
                sdp += &format!("a=simulcast:send {}\r\n", rids.join(";"));
            }
        }
        for (from, to) in &self.replaces {
            assert!(sdp.contains(from), "{from}");
            sdp = sdp.replace(from, to);
        }
        sdp
    }

    pub fn request(&self, allowed: Publish) -> OfferRequest {
        let sends = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(mid, line)| match line {
                LineSpec::Send(key, kind, _) => Some((mid.to_string(), *key, *kind)),
                LineSpec::Receive(_) | LineSpec::Inactive(_) => None,
            })
            .collect();
        OfferRequest { sdp: self.sdp(), sends, allowed }
    }

    /// Offers and takes the answer.
    pub fn offer(&mut self, world: &mut World) {
        let request = self.request(Publish::ALL);
        self.answer = counted(|| world.sfu.handle_offer(world.now, ROOM, self.key, &request).unwrap());
        let value = |name: &str| {
            self.answer.lines().find_map(|line| line.strip_prefix(name)).expect("the answer has it").to_owned()
        };
        self.remote = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
        // As a room does that mutes nobody.
        for (_, source, _) in &request.sends {
            world.sfu.pause(ROOM, *source, world.mutes);
        }
    }

    pub fn check(&self, password: &str, nominate: bool) -> Vec<u8> {
        self.signed_check(password, nominate.then_some((ATTR_USE_CANDIDATE.0, &[])))
    }

    /// An authentic check with one more attribute.
    pub fn check_with(&self, attribute: u16, value: &[u8]) -> Vec<u8> {
        self.signed_check(&self.remote.1, Some((attribute, value)))
    }

    fn signed_check(&self, password: &str, attribute: Option<(u16, &[u8])>) -> Vec<u8> {
        let mut request = Message::new();
        let name = format!("{}:{}", self.remote.0, self.ufrag).into_bytes();
        request.new_transaction_id().unwrap();
        request.set_type(BINDING_REQUEST);
        request.write_header();
        request.add(ATTR_USERNAME, &name);
        if let Some((attribute, value)) = attribute {
            request.add(AttrType(attribute), value);
        }
        MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), self.crypto.crypto())
            .add_to(&mut request)
            .unwrap();
        request.raw
    }

    pub fn good_check(&self) -> Vec<u8> {
        self.check(&self.remote.1, true)
    }

    pub fn check_without_nomination(&self) -> Vec<u8> {
        self.check(&self.remote.1, false)
    }

    /// Starts DTLS as the client.
    pub fn start_dtls(&mut self, now: Instant) {
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.crypto.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(self.profiles.clone())
            .with_insecure_skip_verify(true)
            .build(true, None)
            .unwrap();
        self.dtls.connect(now, SocketAddr::from(SERVER), Arc::new(config), None).unwrap();
    }

    /// Says goodbye, as a page does that is left.
    pub fn close_dtls(&mut self, world: &mut World) {
        self.dtls.close(world.now).unwrap();
        for datagram in self.dtls_datagrams() {
            world.deliver(self.address, &datagram);
        }
    }

    pub fn dtls_datagrams(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.dtls.poll_transmit()).map(|transmit| transmit.message.to_vec()).collect()
    }

    pub fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) {
        let server = SocketAddr::from(SERVER);
        for event in self.dtls.read(now, server, None, BytesMut::from(datagram)).unwrap_or_default() {
            if let EndpointEvent::HandshakeComplete = event {
                self.established = true;
                let state = self.dtls.get_connection_state(server).unwrap();
                let profile = match state.srtp_protection_profile() {
                    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
                    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => ProtectionProfile::AeadAes256Gcm,
                    _ => ProtectionProfile::Aes128CmHmacSha1_80,
                };
                let mut config = rtc::srtp::config::Config { profile, ..Default::default() };
                let length = config.keying_material_len();
                let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], length).unwrap();
                config.set_session_keys_from_keying_material(material.as_ref(), true).unwrap();
                let keys = Keys {
                    profile,
                    local_key: config.keys.local_master_key,
                    local_salt: config.keys.local_master_salt,
                    remote_key: config.keys.remote_master_key,
                    remote_salt: config.keys.remote_master_salt,
                };
                self.srtp = Some(session(&keys, self.crypto.crypto()).unwrap());
            }
        }
    }

    /// Sends bytes inside DTLS, as SCTP does.
    pub fn send_inside_dtls(&mut self, world: &mut World, bytes: &[u8]) {
        self.dtls.write(world.now, SocketAddr::from(SERVER), bytes).unwrap();
        for datagram in self.dtls_datagrams() {
            world.deliver(self.address, &datagram);
        }
    }

    /// Whether this peer's end uses AES-GCM.
    pub fn profile(&self) -> SrtpProtectionProfile {
        self.dtls.get_connection_state(SocketAddr::from(SERVER)).unwrap().srtp_protection_profile()
    }

    /// One exchange of DTLS flights. Whether anything moved.
    pub fn step(&mut self, world: &mut World) -> bool {
        let mut moved = false;
        for datagram in self.dtls_datagrams() {
            world.deliver(self.address, &datagram);
            moved = true;
        }
        for datagram in world.take(self.address) {
            if media::demux::classify(&datagram) == media::demux::Kind::Dtls {
                self.handle_dtls(world.now, &datagram);
                moved = true;
            }
        }
        moved
    }

    /// Offer, check, handshake.
    pub fn connect(&mut self, world: &mut World) {
        self.offer(world);
        world.deliver(self.address, &self.good_check());
        self.start_dtls(world.now);
        while self.step(world) {}
        assert!(self.established, "the handshake is through");
        world.drain();
    }

    /// Sends one RTP packet on an m-line.
    #[allow(clippy::too_many_arguments)]
    pub fn send(
        &mut self,
        world: &mut World,
        ssrc: u32,
        line: usize,
        rid: &str,
        sequence: u16,
        timestamp: u32,
        payload: &[u8],
    ) {
        let datagram = self.packet(ssrc, line, rid, sequence, timestamp, payload, None);
        world.deliver(self.address, &datagram);
    }

    #[allow(clippy::too_many_arguments)]
    pub fn packet(
        &mut self,
        ssrc: u32,
        line: usize,
        rid: &str,
        sequence: u16,
        timestamp: u32,
        payload: &[u8],
        level: Option<u8>,
    ) -> Vec<u8> {
        let LineSpec::Send(_, kind, _) = &self.lines[line] else { panic!("line {line} does not send") };
        let payload_type = self.payload_type.unwrap_or(if kind.is_audio() { 111 } else { 96 });
        let mut packet = vec![0x80, payload_type | u8::from(self.marker) << 7];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        let mid = line.to_string();
        let level = level.map(|level| [0x80 | level]);
        let mut elements: Vec<(u8, &[u8])> = Vec::new();
        if !self.acknowledged {
            elements.push((EXTENSIONS.mid, mid.as_bytes()));
        }
        if !rid.is_empty() && !self.acknowledged {
            elements.push((EXTENSIONS.rid, rid.as_bytes()));
        }
        if let Some(level) = &level {
            elements.push((EXTENSIONS.audio_level, level));
        }
        elements.extend(self.elements.iter().map(|(id, value)| (*id, &value[..])));
        if !elements.is_empty() {
            assert!(extension::write(&mut packet, &elements));
            packet[0] |= 0x10;
        }
        let header = packet.len();
        packet.extend_from_slice(payload);
        let index = self.rollover << 16 | u64::from(sequence);
        assert!(self.srtp.as_mut().unwrap().1.seal_rtp(&mut packet, 0, header, ssrc, index));
        packet
    }

    pub fn send_rtcp(&mut self, world: &mut World, packets: &[Box<dyn rtc::rtcp::Packet>]) {
        let clear = rtc::rtcp::packet::marshal(packets).unwrap();
        let sealed = self.srtp.as_mut().unwrap().1.seal_rtcp(&clear).unwrap();
        world.deliver(self.address, &sealed);
    }

    /// Encrypts RTCP, as it would stand in a datagram.
    pub fn seal(&mut self, clear: &[u8]) -> Vec<u8> {
        self.srtp.as_mut().unwrap().1.seal_rtcp(clear).unwrap().to_vec()
    }

    /// Opens one datagram. `None`: a duplicate, or neither RTP nor RTCP.
    pub fn open(&mut self, mut datagram: Vec<u8>) -> Option<Opened> {
        let (inbound, _) = self.srtp.as_mut().unwrap();
        match media::demux::classify(&datagram) {
            media::demux::Kind::Rtp => {
                let header = rtp::parse(&datagram).unwrap();
                let end = inbound.open_rtp(&mut datagram, &header).ok()?;
                let number = extension::read(&datagram, &header, &EXTENSIONS).transport_cc;
                let payload = datagram[header.payload_offset..end].to_vec();
                Some(Opened::Media { header, number, payload })
            }
            media::demux::Kind::Rtcp => {
                let clear = inbound.open_rtcp(&datagram, self.crypto.crypto()).ok()?;
                Some(Opened::Control(rtc::rtcp::packet::unmarshal(&mut &clear[..]).ok()?))
            }
            _ => None,
        }
    }

    /// Takes what has come: media decrypted, RTCP kept in `rtcp`.
    pub fn receive(&mut self, world: &mut World) -> Vec<Received> {
        let mut received = Vec::new();
        for mut datagram in world.take(self.address) {
            let (inbound, _) = self.srtp.as_mut().unwrap();
            match media::demux::classify(&datagram) {
                media::demux::Kind::Rtp => {
                    let header = rtp::parse(&datagram).unwrap();
                    let end = inbound.open_rtp(&mut datagram, &header).expect("authentic and not a replay");
                    let found = extension::read(&datagram, &header, &EXTENSIONS);
                    let mid = found.mid.map(str::to_owned);
                    let (dependency, orientation) = (found.dependency.map(<[u8]>::to_vec), found.orientation);
                    let marking = found.marking.map(<[u8]>::to_vec);
                    let payload = datagram[header.payload_offset..end].to_vec();
                    received.push(Received { header, mid, dependency, orientation, marking, payload });
                }
                media::demux::Kind::Rtcp => self.rtcp.extend(inbound.open_rtcp(&datagram, self.crypto.crypto()).ok()),
                _ => {}
            }
        }
        received
    }

    /// RTCP packets of one kind that have come.
    pub fn reports<T: Clone + 'static>(&mut self) -> Vec<T> {
        let mut found = Vec::new();
        for clear in &self.rtcp {
            if let Ok(packets) = rtc::rtcp::packet::unmarshal(&mut &clear[..]) {
                found.extend(packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<T>().cloned()));
            }
        }
        found
    }

    /// Retransmission SSRC of each slot's SSRC, from the answer.
    pub fn repair_ssrcs(&self) -> HashMap<u32, u32> {
        let groups = self.answer.lines().filter_map(|line| line.strip_prefix("a=ssrc-group:FID "));
        groups
            .filter_map(|pair| pair.split_once(' '))
            .map(|(media, repair)| (repair.parse().unwrap(), media.parse().unwrap()))
            .collect()
    }

    /// SSRCs of the slots by mid, from the answer.
    pub fn slot_ssrcs(&self) -> HashMap<String, u32> {
        let mut mid = String::new();
        let mut found = HashMap::new();
        for line in self.answer.lines() {
            if let Some(value) = line.strip_prefix("a=mid:") {
                mid = value.to_owned();
            } else if let Some(value) = line.strip_prefix("a=ssrc:") {
                found.entry(mid.clone()).or_insert_with(|| value.split(' ').next().unwrap().parse().unwrap());
            }
        }
        found
    }
}

/// A VP8 packet with 15-bit picture id and TL0PICIDX; a key frame tells its height.
pub fn vp8(key_frame: Option<u16>, picture_id: u16, content: &[u8]) -> Vec<u8> {
    let mut payload = vec![0x90, 0xe0, 0x80 | (picture_id >> 8) as u8, picture_id as u8, picture_id as u8, 0x20];
    match key_frame {
        Some(height) => {
            payload.extend_from_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02]);
            payload.extend_from_slice(&height.to_le_bytes());
        }
        None => payload.extend_from_slice(&[0x11, 0, 0]),
    }
    payload.extend_from_slice(content);
    payload
}
