//! Every codec through the core: payload types, layers within a stream, header extensions, RED, and payloads that are
//! nobody's business.

use std::time::Duration;

use media::model::{PeerKey, Publish, SfuEvent, SlotWish, SourceKey, SourceKind};
use media::rtp::bits::BitWriter;
use media::rtp::{dependency, vp9};
use media::sdp;
use media::stats::Reason;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;

use crate::pair::{EXTENSIONS, LineSpec, Peer, ROOM, Received, World, vp8};

const CAMERA: SourceKey = SourceKey(11);
const OTHER: SourceKey = SourceKey(21);
const VP9: u8 = 98;
const AV1: u8 = 45;
const H264: u8 = 108;
/// Parameter sets of 320 by 180, 640 by 360 and 1280 by 720.
const F_180: &[u8] = &[0x67, 0x42, 0xe0, 0x1f, 0xda, 0x05, 0x06, 0x7e, 0x74];
const Q_360: &[u8] = &[0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40];
const H_720: &[u8] = &[0x67, 0x42, 0xe0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe4];
const RED: u8 = 63;

fn wish(source: SourceKey, max_height: u16) -> SlotWish {
    SlotWish { mid: "0".to_owned(), source: Some(source), max_height }
}

fn publisher(key: u64, source: SourceKey) -> Peer {
    let mut peer = Peer::new(key, vec![LineSpec::Send(source, SourceKind::Camera, &[])]);
    peer.all_codecs = true;
    peer
}

fn watcher(world: &mut World, all_codecs: bool, max_height: u16) -> Peer {
    let mut peer = Peer::new(2, vec![LineSpec::Receive("video")]);
    peer.all_codecs = all_codecs;
    peer.connect(world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, max_height)]);
    peer
}

/// One VP9 picture of three spatial layers in non-flexible mode, one packet each, as L3T3_KEY.
fn vp9_picture(number: u16, is_key: bool) -> Vec<Vec<u8>> {
    vp9_layers(number, is_key, 3)
}

/// The same of so many layers, lowest first.
fn vp9_layers(number: u16, is_key: bool, count: u8) -> Vec<Vec<u8>> {
    let temporal = if is_key { 0 } else { [0u8, 2, 1, 2][usize::from(number) % 4] };
    (0..count)
        .map(|spatial| {
            // I, P, L, B, E, V on the first packet of a key picture, Z where upper layers do without.
            let needless = u8::from(!is_key || spatial + 1 == count);
            let first = 0xac | u8::from(!is_key) << 6 | u8::from(is_key && spatial == 0) << 1 | needless;
            let layer = temporal << 5 | u8::from(temporal == 0) << 4 | spatial << 1 | u8::from(is_key && spatial > 0);
            let mut payload = vec![first, 0x80 | (number >> 8) as u8, number as u8, layer, number as u8];
            if is_key && spatial == 0 {
                payload.push((count - 1) << 5 | 0x10);
                for (width, height) in [(320u16, 180u16), (640, 360), (1280, 720)].into_iter().take(usize::from(count))
                {
                    payload.extend_from_slice(&width.to_be_bytes());
                    payload.extend_from_slice(&height.to_be_bytes());
                }
            }
            payload.extend_from_slice(&[b's', b'0' + spatial]);
            payload
        })
        .collect()
}

struct Sender {
    sequence: u16,
}

impl Sender {
    fn vp9(&mut self, world: &mut World, peer: &mut Peer, number: u16, is_key: bool) {
        self.vp9_layers(world, peer, number, is_key, 3);
    }

    fn vp9_layers(&mut self, world: &mut World, peer: &mut Peer, number: u16, is_key: bool, count: u8) {
        peer.payload_type = Some(VP9);
        for (spatial, payload) in vp9_layers(number, is_key, count).iter().enumerate() {
            self.sequence = self.sequence.wrapping_add(1);
            peer.marker = spatial + 1 == usize::from(count);
            peer.send(world, 1000, 0, "", self.sequence, u32::from(number) * 3000, payload);
        }
        world.pass(Duration::from_millis(33));
    }
}

/// Layer of each packet with `!` for a marker; sequence numbers have no gap.
fn layers(received: &[Received]) -> String {
    for pair in received.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1), "the numbers close up");
    }
    let layer = |packet: &Received| {
        format!("{}{}", char::from(*packet.payload.last().unwrap()), if packet.header.marker { "!" } else { "" })
    };
    received.iter().map(layer).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_slot_carries_whichever_codec_its_source_has() {
    let mut world = World::new();
    let mut one = publisher(1, CAMERA);
    let mut two = publisher(3, OTHER);
    one.connect(&mut world);
    two.connect(&mut world);
    let mut watcher = watcher(&mut world, true, 1080);
    one.send(&mut world, 1, 0, "", 1, 0, &vp8(Some(360), 1, b"vp8"));
    for (payload_type, payload, sequence) in [
        (VP9, &vp9_picture(7, true)[0][..], 1u16),
        (AV1, &[0x18, 0x0a, 1, 2][..], 2),
        (H264, &[0x67, 0x42, 0xe0, 0x1f, 9][..], 3),
    ] {
        two.payload_type = Some(payload_type);
        two.send(&mut world, 5, 0, "", sequence, 0, payload);
        watcher.receive(&mut world);
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, 1080)]);
        one.send(&mut world, 1, 0, "", 1 + sequence, 0, &vp8(Some(360), 1, b"vp8"));
        assert_eq!(watcher.receive(&mut world)[0].header.payload_type, 96);
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(OTHER, 1080)]);
        two.send(&mut world, 5, 0, "", 100 + sequence, 0, payload);
        let received = watcher.receive(&mut world);
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].header.payload_type, payload_type);
        if payload_type != VP9 {
            assert_eq!(received[0].payload, payload, "not a byte is changed");
        }
    }
}

#[test]
fn a_receiver_without_the_codec_gets_nothing_and_the_others_are_not_disturbed() {
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA);
    publisher.connect(&mut world);
    let mut watcher = watcher(&mut world, false, 1080);
    publisher.payload_type = Some(AV1);
    publisher.send(&mut world, 1, 0, "", 1, 0, &[0x18, 0x0a, 1, 2]);
    assert!(watcher.receive(&mut world).is_empty());
    publisher.payload_type = None;
    publisher.send(&mut world, 1, 0, "", 2, 0, &vp8(Some(360), 1, b"vp8"));
    assert_eq!(watcher.receive(&mut world).len(), 1);
}

#[test]
fn a_picture_that_cannot_be_decoded_costs_nothing_and_says_why() {
    const SCREEN: SourceKey = SourceKey(31);
    let mut world = World::new();
    let mut camera = publisher(1, CAMERA);
    let mut screen = Peer::new(3, vec![LineSpec::Send(SCREEN, SourceKind::Screen, &[])]);
    screen.all_codecs = true;
    screen.payload_type = Some(AV1);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video"), LineSpec::Receive("video")]);
    for peer in [&mut camera, &mut screen, &mut watcher] {
        peer.connect(&mut world);
    }
    let other = SlotWish { mid: "1".to_owned(), source: Some(SCREEN), max_height: 1080 };
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, 240), other]);
    // It bears the camera or the screen, and a screen is served first.
    for bitrate in [500_000.0, 300_000.0] {
        let remb = ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate, ssrcs: Vec::new() };
        watcher.send_rtcp(&mut world, &[Box::new(remb)]);
        world.pass(Duration::from_millis(50));
    }
    let mut pictures = 0;
    for sequence in 1..30 {
        screen.send(&mut world, 5, 0, "", sequence, u32::from(sequence) * 3000, &[0x18, 0x0a, 1, 2]);
        let key = sequence.is_multiple_of(5).then_some(240);
        camera.send(&mut world, 1, 0, "", sequence, u32::from(sequence) * 3000, &vp8(key, sequence, b"vp8"));
        world.pass(Duration::from_millis(20));
        pictures += watcher.receive(&mut world).len();
    }
    let view = world.sfu.receiver(world.now, ROOM, PeerKey(2)).unwrap();
    let reasons: Vec<Reason> = view.slots.iter().map(|slot| slot.reason).collect();
    assert_eq!(reasons, [Reason::Fits, Reason::Codec]);
    assert_eq!((view.slots[1].current, view.slots[1].packets), (None, 0));
    assert!(pictures >= 25, "{pictures}");
    screen.receive(&mut world);
    assert_eq!(screen.reports::<PictureLossIndication>().len(), 0, "a key frame would be of no use");

    // The publisher has changed to what everybody knows.
    screen.payload_type = None;
    screen.send(&mut world, 5, 0, "", 40, 200_000, &vp8(Some(180), 1, b"vp8"));
    let ssrc = watcher.slot_ssrcs()["1"];
    assert!(watcher.receive(&mut world).iter().any(|packet| packet.header.ssrc == ssrc));
}

#[test]
fn of_a_layered_vp9_stream_a_slot_gets_what_its_height_shows() {
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA);
    publisher.connect(&mut world);
    let mut watcher = watcher(&mut world, true, 400);
    let mut sender = Sender { sequence: 10 };
    let mut number = 0x7ffc;
    let mut flows = |world: &mut World, publisher: &mut Peer, watcher: &mut Peer, is_key: bool| {
        number = (number + 1) & 0x7fff;
        sender.vp9(world, publisher, number, is_key);
        layers(&watcher.receive(world))
    };
    // The structure is known from the key picture on; what it shows of itself was chosen before.
    flows(&mut world, &mut publisher, &mut watcher, true);
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, true), "0 1!");
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, false), "1!");
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, false), "1!");
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, 720)]);
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, false), "1!", "until the key frame");
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, true), "0 1 2!");
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, 90)]);
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, false), "2!");
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, true), "0!");
    assert_eq!(flows(&mut world, &mut publisher, &mut watcher, false), "0!");
}

#[test]
fn layers_whose_height_nobody_tells_are_chosen_by_their_order() {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &["q", "h", "f"])]);
    publisher.all_codecs = true;
    publisher.payload_type = Some(H264);
    publisher.connect(&mut world);
    let mut watcher = watcher(&mut world, true, 1080);
    let mut sequence = 0;
    let mut shown = |world: &mut World, watcher: &mut Peer, height: u16| {
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, height)]);
        let mut last = None;
        for _ in 0..3 {
            sequence += 1;
            for (ssrc, rid) in [(1, "q"), (2, "h"), (3, "f")] {
                // A sequence parameter set begins a key frame; its size is not read.
                let payload = [&[0x67, 0x42, 0xe0, 0x1f], rid.as_bytes()].concat();
                publisher.send(world, ssrc, 0, rid, sequence, u32::from(sequence) * 3000, &payload);
            }
            world.pass(Duration::from_millis(33));
            last = watcher.receive(world).pop().map(|packet| char::from(*packet.payload.last().unwrap()));
        }
        last
    };
    assert_eq!(shown(&mut world, &mut watcher, 1080), Some('f'));
    assert_eq!(shown(&mut world, &mut watcher, 400), Some('h'));
    assert_eq!(shown(&mut world, &mut watcher, 90), Some('q'));
    assert_eq!(shown(&mut world, &mut watcher, 720), Some('f'));
}

/// H264 tells the height of each layer in its parameter sets: by those, and not by their order, is chosen.
#[test]
fn layers_of_h264_are_chosen_by_the_height_in_their_parameter_sets() {
    // Constrained baseline, 16 pixels a unit: 20 by 12 less 12 lines, 40 by 23 less 8, 80 by 45.
    let sets: [(&str, &[u8]); 3] = [("f", F_180), ("q", Q_360), ("h", H_720)];
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &["q", "h", "f"])]);
    publisher.all_codecs = true;
    publisher.payload_type = Some(H264);
    publisher.connect(&mut world);
    let mut watcher = watcher(&mut world, true, 1080);
    let mut sequence = 0;
    let mut shown = |world: &mut World, watcher: &mut Peer, height: u16| {
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, height)]);
        let mut last = None;
        for _ in 0..3 {
            sequence += 1;
            for (ssrc, rid) in [(1, "q"), (2, "h"), (3, "f")] {
                let set = sets.iter().find(|(of, _)| *of == rid).map(|(_, set)| *set).unwrap();
                // STAP-A: the sequence parameter set and a slice that ends with the layer's name.
                let slice = [&[0x65, 0x88], rid.as_bytes()].concat();
                let mut payload = vec![0x78];
                for unit in [set, &slice] {
                    payload.extend_from_slice(&(unit.len() as u16).to_be_bytes());
                    payload.extend_from_slice(unit);
                }
                publisher.send(world, ssrc, 0, rid, sequence, u32::from(sequence) * 3000, &payload);
            }
            world.pass(Duration::from_millis(33));
            last = watcher.receive(world).pop().map(|packet| char::from(*packet.payload.last().unwrap()));
        }
        last
    };
    assert_eq!(shown(&mut world, &mut watcher, 1080), Some('h'));
    assert_eq!(shown(&mut world, &mut watcher, 400), Some('q'));
    assert_eq!(shown(&mut world, &mut watcher, 200), Some('f'));
    assert_eq!(shown(&mut world, &mut watcher, 719), Some('q'));
    let report = world.sfu.report(world.now, ROOM).unwrap();
    let heights: Vec<_> = report.transports[0].sources[0].layers.iter().map(|layer| layer.height).collect();
    assert_eq!(heights, [Some(360), Some(720), Some(180)]);
}

/// What the publisher was told last: whether anybody watches, and how many of its layers nobody does.
fn told(world: &World) -> Option<(bool, u8)> {
    world.events.iter().rev().find_map(|event| match event {
        SfuEvent::LayersWanted { is_watched, spatial_unwatched, .. } => Some((*is_watched, *spatial_unwatched)),
        _ => None,
    })
}

#[test]
fn layers_within_a_stream_that_nobody_watches_are_stopped_and_come_back() {
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA);
    publisher.with_feedback = true;
    publisher.connect(&mut world);
    let mut watcher = watcher(&mut world, true, 720);
    let mut sender = Sender { sequence: 10 };
    let (mut number, mut obeyed) = (0, (true, 0));
    let mut last = String::new();
    // A publisher that obeys at once, with a key frame; what flows at the end.
    let mut run = |world: &mut World, watcher: &mut Peer, seconds: u16| {
        // Consent (RFC 7675).
        for peer in [&publisher, &*watcher] {
            let check = peer.good_check();
            world.deliver(peer.address, &check);
        }
        for _ in 0..seconds * 30 {
            let (is_watched, unwatched) = told(world).unwrap_or((true, 0));
            number += 1;
            if is_watched {
                let is_key = number == 1 || (is_watched, unwatched) != obeyed;
                sender.vp9_layers(world, &mut publisher, number, is_key, 3 - unwatched);
            } else {
                world.pass(Duration::from_millis(33));
            }
            obeyed = (is_watched, unwatched);
            last = layers(&watcher.receive(world));
        }
        (told(world), last.clone())
    };
    assert_eq!(run(&mut world, &mut watcher, 7), (None, "2!".to_owned()));

    let ask = |world: &mut World, height: u16| {
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(CAMERA, height)]);
        world.drain();
    };
    ask(&mut world, 200);
    assert_eq!(run(&mut world, &mut watcher, 3).0, None, "who looks back within seconds makes nothing flap");
    assert_eq!(run(&mut world, &mut watcher, 4), (Some((true, 2)), "0!".to_owned()));
    // At once when somebody looks: as much as is looked at, and no more.
    ask(&mut world, 400);
    assert_eq!(told(&world), Some((true, 1)));
    assert_eq!(run(&mut world, &mut watcher, 1), (Some((true, 1)), "1!".to_owned()));
    ask(&mut world, 720);
    assert_eq!(told(&world), Some((true, 0)));
    assert_eq!(run(&mut world, &mut watcher, 1), (Some((true, 0)), "2!".to_owned()));

    // Nobody looks at all, and then at a small one: the large ones are started for nobody.
    ask(&mut world, 200);
    run(&mut world, &mut watcher, 7);
    ask(&mut world, 0);
    assert_eq!(run(&mut world, &mut watcher, 7).0, Some((false, 2)));
    ask(&mut world, 180);
    assert_eq!(told(&world), Some((true, 2)));
    assert_eq!(run(&mut world, &mut watcher, 1), (Some((true, 2)), "0!".to_owned()));
}

#[test]
fn picture_ids_of_vp9_go_on_across_sources() {
    let mut world = World::new();
    let mut one = publisher(1, CAMERA);
    let mut two = publisher(3, OTHER);
    one.connect(&mut world);
    two.connect(&mut world);
    let mut watcher = watcher(&mut world, true, 180);
    let mut sender = Sender { sequence: 10 };
    sender.vp9(&mut world, &mut one, 500, true);
    sender.vp9(&mut world, &mut one, 501, true);
    let before = watcher.receive(&mut world).pop().unwrap();
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(OTHER, 180)]);
    Sender { sequence: 77 }.vp9(&mut world, &mut two, 9000, true);
    let after = &watcher.receive(&mut world)[0];
    let id = |packet: &Received| vp9::parse(&packet.payload).unwrap().picture_id.unwrap().0;
    let tl0 = |packet: &Received| vp9::parse(&packet.payload).unwrap().tl0_picture_index.unwrap().0;
    assert_eq!(id(after), id(&before) + 1);
    assert_eq!(tl0(after), tl0(&before).wrapping_add(1));
    assert_eq!(after.header.sequence, before.header.sequence + 1);
}

/// A descriptor for two temporal layers: template 0 is the key frame, 1 the base, 2 the upper layer.
fn descriptor(template: u8, number: u16, is_key: bool) -> Vec<u8> {
    let mut element = vec![0xc0 | template];
    element.extend_from_slice(&number.to_be_bytes());
    if is_key {
        let mut bits = BitWriter::new(&mut element);
        for (value, count) in [(0b1_0000, 5), (0, 6), (1, 5), (0, 2), (1, 2), (3, 2)] {
            bits.number(value, count);
        }
        // Indications SS, SS, -D; references none, 2, 1; no chains; 640x360.
        for (value, count) in [(0b1010, 4), (0b1010, 4), (0b0001, 4), (0, 1), (0b10_0010, 6), (0b10_0000, 6)] {
            bits.number(value, count);
        }
        bits.non_symmetric(0, 3);
        for (value, count) in [(1, 1), (639, 16), (359, 16)] {
            bits.number(value, count);
        }
        // As long as real ones are: longer than the one-byte form holds.
        element.resize(24, 0);
    }
    element
}

#[test]
fn the_dependency_descriptor_of_av1_goes_on_across_sources() {
    let mut world = World::new();
    let mut one = publisher(1, CAMERA);
    let mut two = publisher(3, OTHER);
    for peer in [&mut one, &mut two] {
        peer.connect(&mut world);
        peer.payload_type = Some(AV1);
    }
    let mut watcher = watcher(&mut world, true, 1080);
    let mut sequence = 0;
    let mut send = |world: &mut World, peer: &mut Peer, template: u8, number: u16, is_key: bool| {
        sequence += 1;
        peer.elements =
            vec![(EXTENSIONS.dependency, descriptor(template, number, is_key)), (EXTENSIONS.orientation, vec![2])];
        peer.send(world, 1, 0, "", sequence, u32::from(sequence) * 3000, b"\x10 whatever it is");
    };
    send(&mut world, &mut one, 0, 65_535, true);
    send(&mut world, &mut one, 2, 0, false);
    let received = watcher.receive(&mut world);
    assert_eq!(received.len(), 2);
    let key = dependency::parse(received[0].dependency.as_ref().unwrap(), None).unwrap();
    assert!(key.starts_key_frame());
    let next = dependency::parse(received[1].dependency.as_ref().unwrap(), Some(&key.structure)).unwrap();
    assert_eq!((next.number, next.temporal), (key.number.wrapping_add(1), 1));
    assert_eq!(received[1].orientation, Some(2));
    assert_eq!(received[1].payload, b"\x10 whatever it is");

    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish(OTHER, 1080)]);
    send(&mut world, &mut two, 0, 300, true);
    let received = watcher.receive(&mut world);
    let other = dependency::parse(received[0].dependency.as_ref().unwrap(), None).unwrap();
    assert_eq!(other.number, next.number.wrapping_add(1));
    assert_eq!(other.structure, key.structure);
}

#[test]
fn red_goes_as_it_is_to_those_who_take_it_and_plain_to_the_others() {
    let mut world = World::new();
    let mut talker = Peer::new(1, vec![LineSpec::Send(SourceKey(5), SourceKind::Microphone, &[])]);
    talker.all_codecs = true;
    let mut with = Peer::new(2, vec![LineSpec::Receive("audio")]);
    with.all_codecs = true;
    let mut without = Peer::new(3, vec![LineSpec::Receive("audio")]);
    for peer in [&mut talker, &mut with, &mut without] {
        peer.connect(&mut world);
    }
    talker.payload_type = Some(RED);
    let payload = [0x80 | 111, 0x0f, 0x00, 3, 111, b'o', b'l', b'd', b'N', b'E', b'W'];
    talker.send(&mut world, 1, 0, "", 1, 960, &payload);
    let whole = with.receive(&mut world);
    assert_eq!((whole[0].header.payload_type, &whole[0].payload[..]), (RED, &payload[..]));
    let plain = without.receive(&mut world);
    assert_eq!((plain[0].header.payload_type, &plain[0].payload[..]), (111, &b"NEW"[..]));
    // Cut short: who takes RED has to cope as with any packet, nothing else is made of it.
    talker.send(&mut world, 1, 0, "", 2, 1920, &payload[..4]);
    assert!(with.receive(&mut world).is_empty() && without.receive(&mut world).is_empty());
}

#[test]
fn an_encrypted_payload_is_forwarded_untouched() {
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA);
    publisher.connect(&mut world);
    let mut watcher = watcher(&mut world, true, 1080);
    // The source is known from its first packet on.
    publisher.send(&mut world, 1, 0, "", 9, 0, b"?");
    world.sfu.set_encrypted(ROOM, CAMERA, true);
    // What would be a VP8 key frame with a picture id to rewrite.
    let secret = vp8(Some(360), 5, b"secret");
    publisher.elements = vec![(EXTENSIONS.dependency, descriptor(1, 10, false))];
    publisher.send(&mut world, 1, 0, "", 10, 0, &secret);
    let noise = b"\xff\xfe\xfd".as_slice();
    publisher.elements = vec![(EXTENSIONS.dependency, descriptor(0, 11, true))];
    publisher.send(&mut world, 1, 0, "", 11, 3000, noise);
    publisher.elements = vec![(EXTENSIONS.dependency, descriptor(1, 12, false))];
    publisher.send(&mut world, 1, 0, "", 12, 6000, &secret);
    let received = watcher.receive(&mut world);
    let payloads: Vec<&[u8]> = received.iter().map(|packet| &packet.payload[..]).collect();
    let with_key: Vec<&[u8]> = payloads.iter().skip_while(|payload| **payload != noise).copied().collect();
    assert_eq!(with_key, [noise, &secret[..]]);
    assert!(received.iter().all(|packet| packet.dependency.is_some() || packet.payload == secret));
}

#[test]
fn data_channels_and_repair_codecs_are_refused_and_the_order_is_the_clients() {
    let mut world = World::new();
    let mut peer = publisher(1, CAMERA);
    peer.lines.push(LineSpec::Receive("video"));
    let mut request = peer.request(Publish::ALL);
    request.sdp = request.sdp.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 2");
    let transport: String = request
        .sdp
        .lines()
        .filter(|line| ["a=ice-", "a=fingerprint", "a=setup"].iter().any(|start| line.starts_with(start)))
        .take(4)
        .map(|line| format!("{line}\r\n"))
        .collect();
    request.sdp +=
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n";
    request.sdp += &transport;
    // This client prefers VP9, then H264.
    request.sdp = request.sdp.replace("96 97 98 99 45 46 108 109 49", "98 99 108 109 96 97 45 46 49");
    let answer = world.sfu.handle_offer(world.now, ROOM, PeerKey(1), &request).unwrap();
    assert!(answer.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"), "{answer}");
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
    assert!(!answer.to_lowercase().contains("flexfec") && !answer.contains("sctp-port"));
    let codecs = "m=video 9 UDP/TLS/RTP/SAVPF 98 99 108 109 96 97 45 46\r\n";
    assert_eq!(answer.matches(codecs).count(), 2, "{answer}");
    assert!(sdp::parse(&answer).is_ok());
}

/// MD-08: the 20 bytes on which SCTP of the same family falls (an ABORT whose cause claims 65,535 bytes), and others. There is
/// no SCTP here: whatever comes inside DTLS is dropped unread.
#[test]
fn what_comes_inside_dtls_is_dropped_unread() {
    let abort = [19, 136, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 8, 0, 1, 0xff, 0xff];
    let mut error = abort;
    error[12] = 9;
    let init = [&abort[..12], &[1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1]].concat();
    let mut world = World::new();
    let mut publisher = publisher(1, CAMERA);
    publisher.connect(&mut world);
    let mut watcher = watcher(&mut world, false, 1080);
    world.sfu.set_slots(world.now, ROOM, watcher.key, vec![wish(CAMERA, 1080)]);
    for (number, bytes) in [&abort[..], &error, &init, b"", &[0xff; 1000]].into_iter().enumerate() {
        publisher.send_inside_dtls(&mut world, bytes);
        let answers = world.take(publisher.address);
        let is_dtls = |datagram: &Vec<u8>| media::demux::classify(datagram) == media::demux::Kind::Dtls;
        assert!(!answers.iter().any(is_dtls), "nothing answers {bytes:?}");
        let number = number as u16 + 1;
        publisher.send(&mut world, 1000, 0, "", number, 9000, &vp8(Some(360), number, b"picture"));
        assert_eq!(watcher.receive(&mut world).len(), 1, "media goes on after {bytes:?}");
    }
}
