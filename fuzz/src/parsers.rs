//! Parsers of packets and of SDP. Beside "no panic": what is read lies inside the input, and what is written back is read
//! as it was.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

use media::bandwidth::feedback::Feedback;
use media::demux;
use media::framing::{self, Deframer, MAX_DATAGRAM};
use media::model::{OfferRequest, Publish, SourceKey, SourceKind};
use media::negotiate::{self, Codec};
use media::path::Path;
use media::rtp::extension::{self, ExtensionIds};
use media::rtp::frame::Tracker;
use media::rtp::{self, av1, dependency, h264, marking, red, vp8, vp9};
use media::sdp::{self, Media};
use media::transport::feedback::ArrivalLog;
use media::transport::hello::HelloCollector;
use media::transport::ice::{Credentials, Ice, ufrag_of};
use rtc::crypto::RTCCryptoProvider;

const IDS: ExtensionIds = ExtensionIds {
    mid: 1,
    rid: 2,
    repaired_rid: 3,
    audio_level: 4,
    abs_send_time: 5,
    transport_cc: 6,
    dependency: 7,
    marking: 8,
    orientation: 9,
    playout_delay: 10,
};

fn crypto() -> &'static dyn RTCCryptoProvider {
    static PROVIDER: OnceLock<std::sync::Arc<dyn RTCCryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| rtc::crypto::default_provider().unwrap()).as_ref()
}

/// The origin of the virtual clock.
#[allow(clippy::disallowed_methods)]
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// STUN: nobody without the password gets an answer, an address or a nomination.
pub fn stun(data: &[u8]) {
    let kind = demux::classify(data);
    if let Some(ufrag) = ufrag_of(data) {
        assert!(ufrag.len() <= data.len());
    }
    let credentials = Credentials { ufrag: "hub".to_owned(), password: "apasswordofours0123456".to_owned() };
    let mut ice = Ice::new(credentials, "peer".to_owned());
    let from = Path::udp(SocketAddr::from(([192, 0, 2, 2], 8090)), SocketAddr::from(([192, 0, 2, 1], 9)));
    let accepted = ice.handle_check(origin(), from, data, crypto().crypto());
    assert!(accepted.is_none(), "no input forges an HMAC: {kind:?}");
    assert!(ice.paths().next().is_none() && ice.selected().is_none());
}

/// A byte stream of ICE over TCP, cut at places that the first bytes name: whatever the cuts, the same datagrams come out.
pub fn framing(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let (cuts, stream) = rest.split_at(usize::from(*count & 15).min(rest.len()));
    let cut = |cuts: &[u8]| {
        let (mut deframer, mut rest) = (Deframer::default(), stream);
        let mut found = Vec::new();
        for length in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
            let (now, later) = rest.split_at(length.min(rest.len()));
            if let Err(error) = deframer.push(&mut now.to_vec(), |datagram| found.push(datagram.to_vec())) {
                assert!(error.length > MAX_DATAGRAM);
                return (found, false);
            }
            rest = later;
        }
        (found, true)
    };
    let (found, is_whole) = cut(&[]);
    assert_eq!((&found, is_whole), (&cut(cuts).0, cut(cuts).1));
    let mut again = Vec::new();
    for datagram in &found {
        assert!((1..=MAX_DATAGRAM).contains(&datagram.len()));
        framing::frame(&mut again, datagram);
    }
    // Empty datagrams are left out, and one that is not whole may end the stream.
    assert!(again.len() <= stream.len());
}

/// The first ClientHello, split at places that the input names.
pub fn hello(data: &[u8]) {
    let mut collector = HelloCollector::default();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first() {
        let (datagram, after) = after.split_at(usize::from(*length).min(after.len()));
        let _ = collector.push(datagram);
        rest = after;
    }
    let _ = HelloCollector::default().push(data);
    assert!(collector.into_datagrams().iter().map(Vec::len).sum::<usize>() <= data.len());
}

/// An RTP header with its extensions.
pub fn rtp(data: &[u8]) {
    let Some(header) = rtp::parse(data) else { return };
    assert!((12..=data.len()).contains(&header.payload_offset));
    let found = extension::read(data, &header, &IDS);
    let text = |text: Option<&str>| text.is_none_or(|text| text.len() <= 255);
    assert!(text(found.mid) && text(found.rid) && text(found.repaired_rid));
    // What we write of it is read as the same.
    let number = found.transport_cc.unwrap_or_default().to_be_bytes();
    let elements: [(u8, &[u8]); 4] = [
        (IDS.mid, found.mid.unwrap_or_default().as_bytes()),
        (IDS.rid, found.rid.unwrap_or_default().as_bytes()),
        (IDS.transport_cc, &number),
        (IDS.dependency, found.dependency.unwrap_or_default()),
    ];
    let mut again = vec![0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    assert!(extension::write(&mut again, &elements));
    let header = rtp::parse(&again).unwrap();
    let written = extension::read(&again, &header, &IDS);
    let is_same = |before: Option<&str>, after: Option<&str>| before.filter(|text| !text.is_empty()) == after;
    assert!(is_same(found.mid, written.mid) && is_same(found.rid, written.rid));
    assert_eq!(found.dependency.filter(|bytes| !bytes.is_empty()), written.dependency);
}

/// RTCP compounds as they are after SRTP, read as the core reads them, and the feedback that we write ourselves.
pub fn rtcp(data: &[u8]) {
    let mut rest = data;
    while let Some(head) = rest.first_chunk::<4>() {
        let length = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
        let Some((packet, after)) = rest.split_at_checked(length) else { break };
        rest = after;
        if (head[1], head[0] & 0x1f) == (205, 15) {
            if let Some(feedback) = Feedback::parse(packet) {
                assert!(feedback.statuses().count() <= 4_096);
            }
        } else {
            let _ = rtc::rtcp::packet::unmarshal(&mut &packet[..]);
        }
    }
    let mut log = ArrivalLog::default();
    // More tell nothing new, and slow the search.
    for bytes in data.chunks_exact(3).take(96) {
        let at = origin() + std::time::Duration::from_millis(u64::from(bytes[2]));
        log.note(at, u16::from_be_bytes([bytes[0], bytes[1]]));
        if bytes[2] == 0xff {
            feedback(&mut log);
        }
    }
    feedback(&mut log);
}

fn feedback(log: &mut ArrivalLog) {
    if let Some(packet) = log.take(1, 2) {
        assert!(Feedback::parse(&packet).is_some(), "our feedback is readable");
        assert!(packet.len() < 4_096);
    }
}

const CODECS: [Codec; 6] = [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264, Codec::Opus, Codec::Red];

/// Payload and frame descriptors of every codec: the first byte chooses, the second is the length of the extension.
pub fn codecs(data: &[u8]) {
    let [choice, length, rest @ ..] = data else { return };
    let (element, payload) = rest.split_at(usize::from(*length).min(rest.len()));
    let _ = (av1::parse(payload), h264::parse(payload), h264::picture_size(payload), marking::parse(element));
    if let Some(primary) = red::primary(payload) {
        assert!(primary.offset <= payload.len());
    }
    if let Some(descriptor) = vp8::parse(payload) {
        let mut again = payload.to_vec();
        vp8::rewrite(&mut again, &descriptor, 0x1234, 0x56);
        let second = vp8::parse(&again).expect("a rewritten descriptor is still one");
        assert_eq!(
            (second.key_frame, second.size, second.temporal),
            (descriptor.key_frame, descriptor.size, descriptor.temporal)
        );
        let wide = descriptor.picture_id.map(|(.., is_wide)| if is_wide { 0x1234 } else { 0x34 });
        assert_eq!(second.picture_id.map(|(id, ..)| id), wide);
    }
    if let Some(descriptor) = vp9::parse(payload) {
        let mut again = payload.to_vec();
        vp9::rewrite(&mut again, &descriptor, 0x1234, 0x56);
        let second = vp9::parse(&again).expect("a rewritten descriptor is still one");
        assert_eq!(
            (second.starts_key_frame(), second.structure),
            (descriptor.starts_key_frame(), descriptor.structure)
        );
        assert!(usize::from(descriptor.length) <= payload.len());
    }
    let first = dependency::parse(element, None);
    let known = first.as_ref().map(|descriptor| descriptor.structure.clone());
    let second = known.as_ref().and_then(|known| dependency::parse(payload, Some(known)));
    for (element, descriptor) in [(element, first), (payload, second)] {
        let Some(descriptor) = descriptor else { continue };
        let structure = &descriptor.structure;
        for target in 0..=u8::MAX {
            let _ = (structure.layers(target), structure.contained(target), structure.chain(target));
        }
        let _ = (descriptor.size(), structure.target(*choice, *length, structure.all()));
        for active in [None, Some(structure.all())] {
            // Five bytes more at most; over the bound it is left out of the packet.
            if element.len() + 5 > dependency::MAX_BYTES {
                continue;
            }
            let mut again = Vec::new();
            dependency::rewrite(&mut again, element, descriptor.layout, 0x1234, active);
            let second = dependency::parse(&again, Some(structure)).expect("a rewritten descriptor is still one");
            assert_eq!((second.number, second.active), (0x1234, active.or(descriptor.active)));
            assert_eq!((second.spatial, second.temporal), (descriptor.spatial, descriptor.temporal));
            assert_eq!((second.chains, second.references), (descriptor.chains, descriptor.references));
        }
    }
    // What the core makes of it, twice: the second packet goes by the structure of the first.
    let codec = CODECS[usize::from(*choice) % CODECS.len()];
    let mut tracker = Tracker::default();
    for is_encrypted in [false, true, false] {
        let extensions = extension::Extensions {
            dependency: Some(element),
            marking: (*choice & 0x80 != 0).then_some(element),
            ..Default::default()
        };
        let info = tracker.examine(codec, &extensions, payload, is_encrypted);
        let mut again = payload.to_vec();
        info.ids.rewrite(&mut again, 7, 7);
        let _ = info.height();
    }
}

/// An offer, and the answer to it if there is one.
pub fn sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(offer) = sdp::parse(text) else { return };
    assert!(offer.lines.len() <= sdp::MAX_LINES);
    let sends = offer.lines.iter().filter(|line| line.direction.sends() && line.media != Media::Other);
    let sends = sends.enumerate().map(|(n, line)| {
        let kind = if line.media == Media::Audio { SourceKind::Microphone } else { SourceKind::Camera };
        (line.mid.clone(), SourceKey(n as u64), kind)
    });
    let request = OfferRequest { sdp: String::new(), sends: sends.collect(), allowed: Publish::ALL };
    let Ok(plan) = negotiate::plan(&offer, &request) else { return };
    assert_eq!(plan.lines.len(), offer.lines.len());
    let local = negotiate::Local {
        session: (1, 1),
        credentials: &Credentials { ufrag: "hubs".to_owned(), password: "apasswordofours0123456".to_owned() },
        fingerprint: media::transport::dtls::Fingerprint([7; 32]),
        candidates: &[SocketAddr::from(([192, 0, 2, 1], 8090))],
        tcp_candidates: &[SocketAddr::from(([192, 0, 2, 1], 8090))],
    };
    let ssrcs = |n| Some(negotiate::SlotSsrcs { media: n as u32, retransmission: 1_000 + n as u32 });
    let answer = negotiate::write_answer(&plan, &local, ssrcs);
    // Nothing of the offer ends a line of the answer.
    assert!(answer.lines().all(|line| line.as_bytes().get(1) == Some(&b'=')), "{answer}");
    assert!(sdp::parse(&answer).is_ok(), "{answer}");
}
