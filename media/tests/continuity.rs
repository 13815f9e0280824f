//! What goes on when something changes on the way: a stream that begins anew, payload types and header extensions that are
//! negotiated again, packets that come late, frame marking across sources.

use std::time::Duration;

use media::model::{PeerKey, SlotWish, SourceKey, SourceKind};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};

use crate::pair::{EXTENSIONS, LineSpec, Peer, ROOM, Received, World, vp8};

const CAMERA: SourceKey = SourceKey(11);
const OTHER: SourceKey = SourceKey(21);
const H264: u8 = 108;
/// After the last extension that the harness offers.
const WITH_MARKING: (&str, &str) = (
    "a=extmap:13 urn:3gpp:video-orientation\r\n",
    "a=extmap:13 urn:3gpp:video-orientation\r\na=extmap:9 urn:ietf:params:rtp-hdrext:framemarking\r\n",
);

fn wish(source: SourceKey, max_height: u16) -> Vec<SlotWish> {
    vec![SlotWish { mid: "0".to_owned(), source: Some(source), max_height }]
}

fn publisher(key: u64, source: SourceKey, rids: &'static [&'static str]) -> Peer {
    Peer::new(key, vec![LineSpec::Send(source, SourceKind::Camera, rids)])
}

fn watcher(key: u64) -> Peer {
    Peer::new(key, vec![LineSpec::Receive("video")])
}

fn ends(received: &[Received]) -> Vec<&str> {
    received.iter().map(|packet| std::str::from_utf8(&packet.payload[packet.payload.len() - 1..]).unwrap()).collect()
}

#[test]
fn a_stream_that_begins_anew_loses_no_packet_of_its_first_key_frame() {
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA, &[]);
    let mut watcher = watcher(2);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), wish(CAMERA, 720));
    publisher.send(&mut world, 1000, 0, "", 100, 9000, &vp8(Some(360), 1, b"a"));
    assert_eq!(ends(&watcher.receive(&mut world)), ["a"]);
    // Both packets come from the socket in one batch.
    let mut second = vp8(None, 2, b"c");
    second[0] = 0x80;
    publisher.send(&mut world, 2000, 0, "", 7, 500, &vp8(Some(360), 2, b"b"));
    publisher.send(&mut world, 2000, 0, "", 8, 500, &second);
    let received = watcher.receive(&mut world);
    assert_eq!(ends(&received), ["b", "c"]);
    assert_eq!(received[1].header.sequence, received[0].header.sequence + 1);
}

#[test]
fn a_layer_that_begins_anew_takes_nothing_from_the_others() {
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA, &["q", "h"]);
    let (mut small, mut large) = (watcher(2), watcher(3));
    for peer in [&mut publisher, &mut small, &mut large] {
        peer.connect(&mut world);
    }
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), wish(CAMERA, 180));
    world.sfu.set_slots(world.now, ROOM, PeerKey(3), wish(CAMERA, 360));
    for sequence in 1..4 {
        publisher.send(&mut world, 1, 0, "q", sequence, 9000, &vp8(Some(180), sequence, b"q"));
        publisher.send(&mut world, 2, 0, "h", sequence, 9000, &vp8(Some(360), sequence, b"h"));
        world.pass(Duration::from_millis(33));
    }
    small.receive(&mut world);
    large.receive(&mut world);
    publisher.send(&mut world, 2, 0, "h", 4, 12_000, &vp8(None, 4, b"i"));
    publisher.send(&mut world, 9, 0, "q", 500, 12_000, &vp8(Some(180), 4, b"r"));
    publisher.send(&mut world, 2, 0, "h", 5, 15_000, &vp8(None, 5, b"j"));
    assert_eq!(ends(&large.receive(&mut world)), ["i", "j"], "what was on its way goes on");
    assert_eq!(ends(&small.receive(&mut world)), ["r"]);
    // And what was lost of it can still be repaired.
    let media_ssrc = large.slot_ssrcs()["0"];
    publisher.send(&mut world, 2, 0, "h", 6, 18_000, &vp8(None, 6, b"k"));
    let lost = large.receive(&mut world)[0].header.sequence - 1;
    let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc, nacks: nack_pairs_from_sequence_numbers(&[lost]) };
    large.send_rtcp(&mut world, &[Box::new(nack)]);
    assert_eq!(ends(&large.receive(&mut world)), ["j"]);
}

/// SRTP by GCM breaks when one nonce meets two messages.
#[test]
fn without_rtx_nothing_is_repeated_in_another_form_than_it_had() {
    let check = |replaces: &[(&'static str, &'static str)], expected: usize| {
        let mut world = World::new();
        let mut publisher = publisher(1, CAMERA, &[]);
        let mut watcher = watcher(2);
        watcher.with_rtx = false;
        publisher.connect(&mut world);
        watcher.connect(&mut world);
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), wish(CAMERA, 720));
        publisher.elements = vec![(EXTENSIONS.orientation, vec![1])];
        for sequence in 1..5 {
            publisher.send(&mut world, 1, 0, "", sequence, 0, &vp8(Some(360), sequence, b"x"));
        }
        let sent = world.take(watcher.address);
        assert_eq!(
            sent.iter().filter(|datagram| media::demux::classify(datagram) == media::demux::Kind::Rtp).count(),
            4
        );
        watcher.replaces = replaces.to_vec();
        watcher.offer(&mut world);
        world.take(watcher.address);
        let media_ssrc = watcher.slot_ssrcs()["0"];
        let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc, nacks: nack_pairs_from_sequence_numbers(&[3]) };
        watcher.send_rtcp(&mut world, &[Box::new(nack)]);
        let again = world.take(watcher.address);
        assert_eq!(again.len(), expected, "{replaces:?}");
        assert!(again.iter().all(|datagram| sent.contains(datagram)), "{replaces:?}");
    };
    check(&[], 1);
    check(&[("a=extmap:10 ", "a=extmap:8 ")], 1);
    check(&[("SAVPF 96", "SAVPF 100"), ("rtpmap:96", "rtpmap:100")], 0);
    check(&[("a=extmap:13 ", "a=extmap:14 ")], 0);
    check(&[("a=extmap:4 ", "a=extmap:5 ")], 0);
}

#[test]
fn what_comes_late_alone_makes_nothing_lost_that_was_reported() {
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA, &[]);
    publisher.with_feedback = true;
    publisher.connect(&mut world);
    let mut found = Vec::new();
    for (batch, numbers) in [&[1u16, 2, 4][..], &[3], &[5]].iter().enumerate() {
        for number in *numbers {
            publisher.elements = vec![(EXTENSIONS.transport_cc, number.to_be_bytes().to_vec())];
            publisher.send(&mut world, 1, 0, "", *number, 0, &vp8(Some(360), *number, b"x"));
        }
        world.pass(Duration::from_millis(60));
        publisher.receive(&mut world);
        let feedback = publisher.reports::<TransportLayerCc>();
        assert_eq!(feedback.len(), batch + 1);
        found.push((feedback[batch].base_sequence_number, feedback[batch].packet_status_count));
    }
    assert_eq!(found, [(1, 4), (3, 1), (5, 1)]);
}

#[test]
fn a_packet_of_before_the_wrap_is_no_jump_around_all_numbers() {
    let mut world = World::new();
    world.mutes = true;
    let mut publisher = publisher(1, CAMERA, &[]);
    publisher.connect(&mut world);
    // While it is held back nothing is counted; then the first packet counted is one behind the wrap.
    publisher.send(&mut world, 1, 0, "", 65_530, 0, &vp8(Some(360), 1, b"x"));
    world.sfu.pause(ROOM, CAMERA, false);
    for (rollover, sequence) in [(1, 2u16), (0, 65_534), (1, 3), (0, 65_535), (1, 4), (1, 6)] {
        publisher.rollover = rollover;
        publisher.send(&mut world, 1, 0, "", sequence, 0, &vp8(Some(360), sequence, b"x"));
    }
    world.pass(Duration::from_millis(1100));
    publisher.receive(&mut world);
    let reports = publisher.reports::<ReceiverReport>();
    let block = &reports.last().unwrap().reports[0];
    assert!(block.fraction_lost < 64 && block.total_lost <= 1, "{block:?}");
    assert_eq!(block.last_sequence_number as u16, 6);
    let report = world.sfu.report(world.now, ROOM).unwrap();
    assert!(report.transports[0].sources[0].layers[0].lost <= 1);
}

#[test]
fn frame_marking_is_passed_on_whole_and_its_index_goes_on_across_sources() {
    let mut world = World::new();
    let (mut one, mut two) = (publisher(1, CAMERA, &[]), publisher(3, OTHER, &[]));
    let (mut with, mut without) = (watcher(2), watcher(4));
    for peer in [&mut one, &mut two, &mut with, &mut without] {
        peer.all_codecs = true;
        if peer.key != PeerKey(4) {
            peer.replaces = vec![WITH_MARKING];
        }
        peer.payload_type = Some(H264);
        peer.connect(&mut world);
    }
    for key in [2, 4] {
        world.sfu.set_slots(world.now, ROOM, PeerKey(key), wish(CAMERA, 720));
    }
    let mut send = |world: &mut World, peer: &mut Peer, sequence: u16, marking: &[u8], payload: &[u8]| {
        peer.elements = vec![(EXTENSIONS.marking, marking.to_vec())];
        peer.send(world, 1, 0, "", sequence, u32::from(sequence) * 3000, payload);
        let found: Vec<_> = with.receive(world).into_iter().map(|packet| packet.marking.unwrap()).collect();
        assert!(without.receive(world).iter().all(|packet| packet.marking.is_none()));
        found
    };
    let (key, delta) = ([0x67u8, 0x42, 0xe0, 0x1f, 9], [0x41u8, 9, 9]);
    let first = send(&mut world, &mut one, 1, &[0xe8, 0, 250], &key);
    assert_eq!(first, [[0xe8, 0, 250]]);
    assert_eq!(send(&mut world, &mut one, 2, &[0xda, 0, 250], &delta), [[0xda, 0, 250]]);
    assert_eq!(send(&mut world, &mut one, 3, &[0xc8, 0, 251], &delta), [[0xc8, 0, 251]]);
    for peer in [2, 4] {
        world.sfu.set_slots(world.now, ROOM, PeerKey(peer), wish(OTHER, 720));
    }
    assert_eq!(send(&mut world, &mut two, 90, &[0xe8, 0, 17], &key), [[0xe8, 0, 252]], "one picture on");
    assert_eq!(send(&mut world, &mut two, 91, &[0xc8, 0, 18], &delta), [[0xc8, 0, 253]]);
    // The short form has no index.
    assert_eq!(send(&mut world, &mut two, 92, &[0xc0], &delta), [[0xc0]]);
}
