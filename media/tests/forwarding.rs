//! Media through the core: slots, layers, rewriting, repair, rights, reports.

use std::time::Duration;

use media::model::{PeerKey, Publish, SfuEvent, SlotWish, SourceKey, SourceKind};
use media::rtp::vp8::parse;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};

use crate::pair::{LineSpec, Peer, ROOM, Received, World, vp8};

const CAMERA: SourceKey = SourceKey(11);
const OTHER: SourceKey = SourceKey(21);

fn camera(key: SourceKey) -> LineSpec {
    LineSpec::Send(key, SourceKind::Camera, &[])
}

fn wish(mid: &str, source: SourceKey, max_height: u16) -> SlotWish {
    SlotWish { mid: mid.to_owned(), source: Some(source), max_height }
}

/// A publisher of one camera and a watcher whose slot "0" wishes for it, both connected, key frame sent and taken.
fn watched() -> (World, Peer, Peer) {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![camera(CAMERA)]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video"), LineSpec::Receive("audio")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 1080)]);
    publisher.send(&mut world, 1000, 0, "", 100, 9000, &vp8(Some(360), 5, b"key"));
    assert_eq!(watcher.receive(&mut world).len(), 1);
    (world, publisher, watcher)
}

fn sequences(received: &[Received]) -> Vec<u16> {
    received.iter().map(|packet| packet.header.sequence).collect()
}

#[test]
fn a_watcher_gets_the_source_of_its_slot_from_the_key_frame_on() {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![camera(CAMERA)]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 1080)]);
    for (sequence, key_frame) in [(100, None), (101, Some(360)), (102, None)] {
        publisher.send(&mut world, 1000, 0, "", sequence, 9000, &vp8(key_frame, sequence, b"content"));
    }
    let received = watcher.receive(&mut world);
    assert_eq!(sequences(&received), [1, 2]);
    assert_eq!(received[0].header.ssrc, watcher.slot_ssrcs()["0"]);
    assert_eq!(received[0].mid.as_deref(), Some("0"));
    assert!(received[0].payload.ends_with(b"content"));
    assert_eq!(world.slots_of(PeerKey(2)), [("0".to_owned(), Some(CAMERA))]);
    let added = SfuEvent::SourceAdded { peer: PeerKey(1), source: CAMERA, kind: SourceKind::Camera };
    assert!(world.events.contains(&added));
    publisher.receive(&mut world);
    assert!(!publisher.reports::<PictureLossIndication>().is_empty(), "the new subscriber asked for a key frame");
}

#[test]
fn a_picture_waits_for_its_last_packet_but_not_for_long_and_sound_never() {
    const LINGER: Duration = Duration::from_micros(300);
    const MICROPHONE: SourceKey = SourceKey(12);
    let mut world = World::with_linger(LINGER);
    let lines = vec![camera(CAMERA), LineSpec::Send(MICROPHONE, SourceKind::Microphone, &[])];
    let mut publisher = Peer::new(1, lines);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video"), LineSpec::Receive("audio")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    let wishes = vec![wish("0", CAMERA, 1080), wish("1", MICROPHONE, 0)];
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), wishes);

    publisher.send(&mut world, 1000, 0, "", 1, 9000, &vp8(Some(360), 1, b"first"));
    publisher.send(&mut world, 1000, 0, "", 2, 9000, &vp8(None, 1, b"second"));
    publisher.send(&mut world, 2000, 1, "", 1, 960, b"sound");
    assert_eq!(watcher.receive(&mut world).len(), 1, "the sound");
    publisher.marker = true;
    publisher.send(&mut world, 1000, 0, "", 3, 9000, &vp8(None, 1, b"third"));
    assert_eq!(watcher.receive(&mut world).len(), 3, "the picture is whole");

    publisher.marker = false;
    publisher.send(&mut world, 1000, 0, "", 4, 12_000, &vp8(None, 2, b"first"));
    assert_eq!(world.sfu.poll_timeout(), Some(world.now + LINGER));
    world.pass(LINGER - Duration::from_micros(1));
    assert_eq!(watcher.receive(&mut world).len(), 0);
    world.pass(Duration::from_micros(1));
    assert_eq!(watcher.receive(&mut world).len(), 1, "its last packet is late");
    let later = world.sfu.poll_timeout();
    assert!(later.is_none_or(|at| at > world.now), "nothing is left to wait for");
}

#[test]
fn aes_128_gcm_is_chosen_when_the_client_lists_it_then_counter_mode_then_aes_256_gcm() {
    for (profiles, chosen) in [
        (
            vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm],
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        ),
        (vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80], SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80),
        (
            vec![SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80],
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ),
        (vec![SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm], SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm),
    ] {
        let mut world = World::new();
        let mut publisher = Peer::new(1, vec![camera(CAMERA)]);
        let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
        publisher.profiles.clone_from(&profiles);
        watcher.profiles = profiles;
        publisher.connect(&mut world);
        watcher.connect(&mut world);
        assert_eq!(publisher.profile(), chosen);
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 1080)]);
        publisher.send(&mut world, 1000, 0, "", 1, 9000, &vp8(Some(360), 1, b""));
        assert_eq!(watcher.receive(&mut world).len(), 1);
    }
}

#[test]
fn a_slot_that_changes_its_source_continues_its_numbers() {
    let (mut world, mut publisher, mut watcher) = watched();
    let mut other = Peer::new(3, vec![camera(OTHER)]);
    other.connect(&mut world);
    publisher.send(&mut world, 1000, 0, "", 101, 12_000, &vp8(None, 6, b""));
    let before = watcher.receive(&mut world).pop().unwrap();

    world.pass(Duration::from_millis(100));
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", OTHER, 1080)]);
    publisher.send(&mut world, 1000, 0, "", 102, 15_000, &vp8(None, 7, b""));
    other.send(&mut world, 2000, 0, "", 40_000, 7, &vp8(None, 300, b""));
    assert!(watcher.receive(&mut world).is_empty(), "neither the old source nor a delta frame of the new one");
    other.send(&mut world, 2000, 0, "", 40_001, 3007, &vp8(Some(360), 301, b""));
    let after = watcher.receive(&mut world).pop().unwrap();

    assert_eq!(after.header.ssrc, before.header.ssrc);
    assert_eq!(after.header.sequence, before.header.sequence + 1);
    assert_eq!(after.header.timestamp, before.header.timestamp + 9000, "100 ms at 90 kHz");
    let ids = |packet: &Received| parse(&packet.payload).unwrap();
    assert_eq!(ids(&after).picture_id.unwrap().0, ids(&before).picture_id.unwrap().0 + 1);
    assert_eq!(ids(&after).tl0_picture_index.unwrap().0, ids(&before).tl0_picture_index.unwrap().0 + 1);
    assert_eq!(world.slots_of(PeerKey(2))[0], ("0".to_owned(), Some(OTHER)));
}

#[test]
fn of_three_layers_the_highest_that_fits_is_forwarded_and_changes_on_a_key_frame() {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &["q", "h", "f"])]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 400)]);
    let mut sequence = 0;
    let mut frame = |world: &mut World, publisher: &mut Peer, key_frame: bool| {
        sequence += 1;
        for (ssrc, rid, height) in [(1, "q", 90u16), (2, "h", 180), (3, "f", 360)] {
            let payload = vp8(key_frame.then_some(height), sequence, rid.as_bytes());
            publisher.send(world, ssrc, 0, rid, sequence, u32::from(sequence) * 3000, &payload);
        }
        world.pass(Duration::from_millis(33));
    };
    let layers = |received: &[Received]| -> String {
        received.iter().map(|packet| char::from(*packet.payload.last().unwrap())).collect()
    };
    frame(&mut world, &mut publisher, true);
    watcher.receive(&mut world);
    for key_frame in [false, true, false] {
        frame(&mut world, &mut publisher, key_frame);
    }
    assert!(layers(&watcher.receive(&mut world)).ends_with("ff"), "360 fits into 400");

    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 200)]);
    frame(&mut world, &mut publisher, false);
    assert_eq!(layers(&watcher.receive(&mut world)), "f", "until the key frame");
    frame(&mut world, &mut publisher, true);
    frame(&mut world, &mut publisher, false);
    let received = watcher.receive(&mut world);
    assert_eq!(layers(&received), "hh");
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 20)]);
    frame(&mut world, &mut publisher, true);
    assert_eq!(layers(&watcher.receive(&mut world)), "q", "the lowest when none fits");
}

#[test]
fn lost_packets_are_repaired_on_both_sides() {
    let (mut world, mut publisher, mut watcher) = watched();
    publisher.send(&mut world, 1000, 0, "", 101, 9000, &vp8(None, 5, b"first"));
    publisher.send(&mut world, 1000, 0, "", 103, 9000, &vp8(None, 5, b"third"));
    assert_eq!(sequences(&watcher.receive(&mut world)), [2, 4]);
    world.pass(Duration::from_millis(60));
    publisher.receive(&mut world);
    let nacks = publisher.reports::<TransportLayerNack>();
    assert_eq!(nacks[0].nacks[0].packet_list(), [102]);
    publisher.send(&mut world, 1000, 0, "", 102, 9000, &vp8(None, 5, b"second"));
    assert_eq!(sequences(&watcher.receive(&mut world)), [3]);

    // The watcher lost the second packet: it comes again on the retransmission SSRC, with its number before the payload.
    let media_ssrc = watcher.slot_ssrcs()["0"];
    let nacks = nack_pairs_from_sequence_numbers(&[2]);
    let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc, nacks };
    watcher.send_rtcp(&mut world, &[Box::new(nack.clone())]);
    let again = watcher.receive(&mut world);
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].header.ssrc, media_ssrc);
    assert_eq!(again[0].header.payload_type, 97);
    assert_eq!(again[0].payload[..2], [0, 2]);
    assert!(again[0].payload.ends_with(b"first"));

    for _ in 0..100 {
        watcher.send_rtcp(&mut world, &[Box::new(nack.clone())]);
    }
    assert!(watcher.receive(&mut world).len() < 10, "a storm of NACKs does not amplify");
}

#[test]
fn without_rtx_a_packet_is_repeated_to_the_last_bit() {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![camera(CAMERA)]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
    watcher.with_rtx = false;
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 1080)]);
    for sequence in 0..300u16 {
        publisher.send(&mut world, 1000, 0, "", sequence, 0, &vp8((sequence == 0).then_some(360), sequence, b"x"));
    }
    let sent = world.take(watcher.address);
    let media_ssrc = watcher.slot_ssrcs()["0"];
    let nacks = nack_pairs_from_sequence_numbers(&[250]);
    watcher.send_rtcp(&mut world, &[Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc, nacks })]);
    let again = world.take(watcher.address);
    assert_eq!(again.len(), 1);
    assert!(sent.contains(&again[0]), "one nonce never meets two messages");
}

#[test]
fn a_lost_right_cuts_from_the_next_packet_on() {
    let (mut world, mut publisher, mut watcher) = watched();
    world.sfu.allow(ROOM, PeerKey(1), Publish { audio: true, video: false, screen: true });
    for sequence in 101..110 {
        publisher.send(&mut world, 1000, 0, "", sequence, 9000, &vp8(None, sequence, b""));
    }
    assert!(watcher.receive(&mut world).is_empty());
    assert_eq!(world.sfu.load().counters.packets_not_allowed, 9);
    world.sfu.allow(ROOM, PeerKey(1), Publish::ALL);
    publisher.send(&mut world, 1000, 0, "", 110, 9000, &vp8(None, 110, b""));
    assert!(watcher.receive(&mut world).is_empty(), "not before a key frame");
    publisher.send(&mut world, 1000, 0, "", 111, 9000, &vp8(Some(360), 111, b""));
    assert_eq!(sequences(&watcher.receive(&mut world)), [2]);
}

#[test]
fn a_paused_source_costs_its_watchers_nothing() {
    let (mut world, mut publisher, mut watcher) = watched();
    world.sfu.pause(ROOM, CAMERA, true);
    publisher.send(&mut world, 1000, 0, "", 101, 9000, &vp8(Some(360), 6, b""));
    assert!(watcher.receive(&mut world).is_empty());
    world.sfu.pause(ROOM, CAMERA, false);
    publisher.send(&mut world, 1000, 0, "", 102, 9000, &vp8(Some(360), 7, b""));
    assert_eq!(watcher.receive(&mut world).len(), 1);
}

/// Issue 2: the room hears of a source by its first packet, and only then can hold it back.
#[test]
fn nothing_of_a_new_source_is_forwarded_before_the_room_lets_it_flow() {
    let mut world = World::new();
    world.mutes = true;
    let microphone = LineSpec::Send(SourceKey(12), SourceKind::Microphone, &[]);
    let mut publisher = Peer::new(1, vec![camera(CAMERA), microphone]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video"), LineSpec::Receive("audio")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 1080)]);
    let send = |world: &mut World, publisher: &mut Peer, sequence: u16| {
        let payload = vp8(sequence.is_multiple_of(10).then_some(360), sequence, b"");
        publisher.send(world, 1000, 0, "", sequence, 9000, &payload);
        publisher.send(world, 1001, 1, "", sequence, 960, b"opus");
        world.pass(Duration::from_millis(20));
    };
    for sequence in 0..50 {
        send(&mut world, &mut publisher, sequence);
    }
    assert!(watcher.receive(&mut world).is_empty());
    assert_eq!(world.sfu.load().counters.packets_forwarded, 0);
    let added = |event: &&SfuEvent| matches!(event, SfuEvent::SourceAdded { .. });
    assert_eq!(world.events.iter().filter(added).count(), 2, "announced while paused");
    publisher.receive(&mut world);
    assert!(publisher.reports::<PictureLossIndication>().is_empty(), "nobody waits for a picture yet");

    world.sfu.pause(ROOM, CAMERA, false);
    world.sfu.pause(ROOM, SourceKey(12), false);
    publisher.receive(&mut world);
    assert_eq!(publisher.reports::<PictureLossIndication>().len(), 1, "the key frame that was missed");
    send(&mut world, &mut publisher, 50);
    assert_eq!(watcher.receive(&mut world).len(), 2);

    // A transport that is replaced starts again from nothing.
    let mut again = Peer::new(1, publisher.lines.clone());
    again.connect(&mut world);
    for sequence in 0..50 {
        send(&mut world, &mut again, sequence);
    }
    assert!(watcher.receive(&mut world).is_empty());
}

#[test]
fn a_replayed_or_forged_packet_is_never_forwarded() {
    let (mut world, mut publisher, mut watcher) = watched();
    let datagram = publisher.packet(1000, 0, "", 101, 9000, &vp8(None, 6, b""), None);
    let mut forged = datagram.clone();
    *forged.last_mut().unwrap() ^= 1;
    world.deliver(publisher.address, &forged);
    assert!(watcher.receive(&mut world).is_empty());
    for _ in 0..3 {
        world.deliver(publisher.address, &datagram);
    }
    assert_eq!(watcher.receive(&mut world).len(), 1, "forwarded once");
    assert_eq!(world.sfu.load().counters.packets_rejected, 3);
}

/// MD-04, and the same MID: what a publisher calls its streams is between it and the hub.
#[test]
fn two_publishers_with_one_ssrc_never_mix() {
    let mut world = World::new();
    let mut one = Peer::new(1, vec![camera(CAMERA)]);
    let mut two = Peer::new(3, vec![camera(OTHER)]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video"), LineSpec::Receive("video")]);
    for peer in [&mut one, &mut two, &mut watcher] {
        peer.connect(&mut world);
    }
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 1080), wish("1", OTHER, 1080)]);
    one.send(&mut world, 5, 0, "", 1, 0, &vp8(Some(360), 1, b"one"));
    two.send(&mut world, 5, 0, "", 1, 0, &vp8(Some(360), 1, b"two"));
    let received = watcher.receive(&mut world);
    let ssrcs = watcher.slot_ssrcs();
    let of = |mid: &str| received.iter().find(|packet| packet.header.ssrc == ssrcs[mid]).unwrap();
    assert!(of("0").payload.ends_with(b"one"));
    assert!(of("1").payload.ends_with(b"two"));
}

/// MD-04: numbers of others, and of the hub itself, open no way into what others get.
#[test]
fn who_sends_under_the_ssrc_of_another_or_of_a_slot_speaks_for_nobody_else() {
    let (mut world, mut publisher, mut watcher) = watched();
    let mut thief = Peer::new(3, vec![camera(OTHER)]);
    thief.connect(&mut world);
    let slot = watcher.slot_ssrcs()["0"];
    let mut number = 0;
    for stolen in [1000, slot, watcher.repair_ssrcs().into_iter().find(|(_, media)| *media == slot).unwrap().0] {
        for acknowledged in [false, true] {
            // With its own MID, then with no name at all, as if a report had acknowledged it.
            thief.acknowledged = acknowledged;
            number += 1;
            thief.send(&mut world, stolen, 0, "", 500 + number, 9000, &vp8(Some(360), number, b"stolen"));
            publisher.send(&mut world, 1000, 0, "", 100 + number, 9000, &vp8(None, 5 + number, b"own"));
            let received = watcher.receive(&mut world);
            assert_eq!(received.len(), 1, "nobody wishes for the thief's camera");
            assert!(received[0].payload.ends_with(b"own") && received[0].header.ssrc == slot);
        }
    }
}

#[test]
fn audio_slots_carry_the_loudest_but_never_the_receivers_own() {
    let mut world = World::new();
    let mut speakers: Vec<Peer> = (1..=12)
        .map(|key| Peer::new(key, vec![LineSpec::Send(SourceKey(key * 10), SourceKind::Microphone, &[])]))
        .collect();
    let mut listener = Peer::new(50, vec![LineSpec::Receive("audio"), LineSpec::Receive("audio")]);
    let mut talker = Peer::new(
        51,
        vec![
            LineSpec::Send(SourceKey(510), SourceKind::Microphone, &[]),
            LineSpec::Receive("audio"),
            LineSpec::Receive("audio"),
        ],
    );
    for peer in speakers.iter_mut().chain([&mut listener, &mut talker]) {
        peer.connect(&mut world);
    }
    for round in 0..100u16 {
        for (index, peer) in speakers.iter_mut().enumerate() {
            let level = if index == 10 { 25 } else { 110 };
            let datagram = peer.packet(1, 0, "", round, u32::from(round) * 960, b"opus", Some(level));
            world.deliver(peer.address, &datagram);
        }
        let datagram = talker.packet(1, 0, "", round, u32::from(round) * 960, b"opus", Some(15));
        world.deliver(talker.address, &datagram);
        world.pass(Duration::from_millis(20));
        world.drain();
    }
    let carried = |peer: u64| -> Vec<u64> {
        let mut sources: Vec<u64> =
            world.slots_of(PeerKey(peer)).iter().filter_map(|(_, source)| source.map(|source| source.0)).collect();
        sources.sort_unstable();
        sources
    };
    assert_eq!(carried(50), [110, 510]);
    assert!(carried(51).contains(&110) && !carried(51).contains(&510));
    let spoke = world.events.iter().rev().find_map(|event| match event {
        SfuEvent::Speakers { peers } => Some(peers.clone()),
        _ => None,
    });
    assert_eq!(spoke.unwrap(), [PeerKey(51), PeerKey(11)]);
}

#[test]
fn a_voice_takes_the_slot_beside_its_picture_and_both_are_one_stream() {
    let mut world = World::new();
    let mut speakers: Vec<Peer> = (1..=3)
        .map(|key| {
            let voice = LineSpec::Send(SourceKey(key * 10), SourceKind::Microphone, &[]);
            Peer::new(key, vec![voice, LineSpec::Send(SourceKey(key * 10 + 1), SourceKind::Camera, &[])])
        })
        .collect();
    let lines = ["audio", "audio", "audio", "video", "video", "video"].map(LineSpec::Receive);
    let mut watcher = Peer::new(50, lines.to_vec());
    watcher.connect(&mut world);
    for peer in &mut speakers {
        peer.connect(&mut world);
        peer.send(&mut world, 1, 0, "", 1, 960, b"opus");
        peer.send(&mut world, 2, 1, "", 1, 3000, &vp8(Some(360), 1, b"picture"));
    }
    let streams: Vec<&str> =
        watcher.answer.lines().filter_map(|line| line.strip_prefix("a=msid:")?.split(' ').next()).collect();
    assert_eq!(streams, ["pair-0", "pair-1", "pair-2", "pair-0", "pair-1", "pair-2"]);

    let shows = |world: &mut World, pictures: [u64; 3]| {
        let wishes = pictures.iter().zip(3..).filter(|(key, _)| **key > 0).map(|(key, mid)| SlotWish {
            mid: mid.to_string(),
            source: Some(SourceKey(key * 10 + 1)),
            max_height: 360,
        });
        world.sfu.set_slots(world.now, ROOM, PeerKey(50), wishes.collect());
        world.drain();
        let carried = world.slots_of(PeerKey(50));
        carried.iter().take(3).map(|(_, source)| source.map_or(0, |source| source.0 / 10)).collect::<Vec<u64>>()
    };
    assert_eq!(shows(&mut world, [3, 1, 2]), [3, 1, 2]);
    assert_eq!(shows(&mut world, [2, 1, 3]), [2, 1, 3]);
    // Those without a picture take what is left, and stay there.
    let alone = shows(&mut world, [0, 3, 0]);
    assert_eq!(alone[1], 3);
    assert_eq!(shows(&mut world, [0, 3, 0]), alone);
}

#[test]
fn who_speaks_is_heard_over_open_microphones_that_only_rustle() {
    let mut world = World::new();
    let microphone = |key| Peer::new(key, vec![LineSpec::Send(SourceKey(key * 10), SourceKind::Microphone, &[])]);
    // The teacher joins last.
    let mut speakers: Vec<Peer> = (1..=6).map(microphone).collect();
    let mut listener = Peer::new(50, vec![LineSpec::Receive("audio"); 4]);
    for peer in speakers.iter_mut().chain([&mut listener]) {
        peer.connect(&mut world);
    }
    let mut changed = 0;
    for round in 0..300u16 {
        for (index, peer) in speakers.iter_mut().enumerate() {
            // Nobody is as even as a machine. She says nothing at first.
            let level = match index {
                5 if round < 100 => 110,
                5 => 20,
                _ => 48 + (round + index as u16) as u8 % 5,
            };
            let datagram = peer.packet(1, 0, "", round, u32::from(round) * 960, b"opus", Some(level));
            world.deliver(peer.address, &datagram);
        }
        if round == 150 {
            let carried = world.slots_of(PeerKey(50));
            assert!(carried.iter().any(|(_, source)| *source == Some(SourceKey(60))), "after a second: {carried:?}");
            changed = world.events.len();
        }
        world.pass(Duration::from_millis(20));
        world.drain();
    }
    let told = |event: &&SfuEvent| matches!(event, SfuEvent::SlotsChanged { peer: PeerKey(50), .. });
    assert_eq!(world.events[changed..].iter().filter(told).count(), 0, "and nobody comes and goes");
}

#[test]
fn lips_and_voice_of_a_publisher_share_one_clock_in_the_reports() {
    let mut world = World::new();
    let microphone = LineSpec::Send(SourceKey(12), SourceKind::Microphone, &[]);
    let mut publisher = Peer::new(1, vec![camera(CAMERA), microphone]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video"), LineSpec::Receive("audio")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish("0", CAMERA, 1080)]);
    publisher.send(&mut world, 1, 0, "", 1, 90_000, &vp8(Some(360), 1, b""));
    publisher.send(&mut world, 2, 1, "", 1, 48_000, b"opus");
    let media = watcher.receive(&mut world);
    // The publisher captured both at the same instant: its reports say so, on its own clock.
    let ntp = 77u64 << 32;
    let report = |ssrc, rtp_time| SenderReport { ssrc, ntp_time: ntp, rtp_time, ..SenderReport::default() };
    publisher.send_rtcp(&mut world, &[Box::new(report(1, 90_000)), Box::new(report(2, 48_000))]);
    world.pass(Duration::from_millis(1500));
    watcher.receive(&mut world);
    let ssrcs = watcher.slot_ssrcs();
    let reports = watcher.reports::<SenderReport>();
    let captured = |mid: &str, clock: f64| {
        let report = reports.iter().rfind(|report| report.ssrc == ssrcs[mid]).expect("a report per slot");
        let packet = media.iter().find(|packet| packet.header.ssrc == ssrcs[mid]).unwrap();
        let behind = f64::from(report.rtp_time.wrapping_sub(packet.header.timestamp)) / clock;
        (report.ntp_time >> 32) as f64 + (report.ntp_time as u32) as f64 / 4_294_967_296.0 - behind
    };
    assert!((captured("0", 90_000.0) - captured("1", 48_000.0)).abs() < 0.001);
}

#[test]
fn a_publisher_gets_congestion_feedback_and_at_most_one_key_frame_request_per_half_second() {
    let (mut world, mut publisher, mut watcher) = watched();
    publisher.receive(&mut world);
    publisher.rtcp.clear();
    let media_ssrc = watcher.slot_ssrcs()["0"];
    for sequence in 0..100u16 {
        watcher.send_rtcp(&mut world, &[Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc })]);
        publisher.send(&mut world, 1000, 0, "", 101 + sequence, 9000, &vp8(None, sequence, b""));
        world.pass(Duration::from_millis(20));
    }
    publisher.receive(&mut world);
    let asked = publisher.reports::<PictureLossIndication>().len();
    assert!((3..=4).contains(&asked), "{asked} in 2 s");
    assert!(publisher.reports::<TransportLayerCc>().is_empty(), "the harness sends no transport-wide numbers");
}

#[test]
fn requests_for_several_layers_of_one_source_go_together_and_not_oftener() {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &["q", "h"])]);
    let mut watchers = [2, 3].map(|key| Peer::new(key, vec![LineSpec::Receive("video")]));
    publisher.connect(&mut world);
    for (watcher, height) in watchers.iter_mut().zip([180, 360]) {
        watcher.connect(&mut world);
        world.sfu.set_slots(world.now, ROOM, watcher.key, vec![wish("0", CAMERA, height)]);
    }
    let mut requests = Vec::new();
    for round in 0..200u16 {
        for (ssrc, rid, height) in [(1, "q", 180u16), (2, "h", 360)] {
            let key = (round < 5).then_some(height);
            publisher.send(&mut world, ssrc, 0, rid, round, u32::from(round) * 900, &vp8(key, round, b""));
        }
        // They ask at different times.
        let watcher = &mut watchers[usize::from(round % 2)];
        let media_ssrc = watcher.slot_ssrcs()["0"];
        watcher.send_rtcp(&mut world, &[Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc })]);
        world.pass(Duration::from_millis(10));
        publisher.receive(&mut world);
        for clear in std::mem::take(&mut publisher.rtcp) {
            let packets = rtc::rtcp::packet::unmarshal(&mut &clear[..]).unwrap();
            let requested = packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<PictureLossIndication>());
            let layers: Vec<u32> = requested.map(|request| request.media_ssrc).collect();
            if !layers.is_empty() {
                requests.push((world.now, layers));
            }
        }
    }
    assert!(requests.windows(2).all(|pair| pair[1].0 - pair[0].0 >= Duration::from_millis(490)), "{requests:?}");
    assert!((3..=5).contains(&requests.len()), "{requests:?}");
    assert!(requests[1..].iter().all(|(_, layers)| *layers == [1, 2]), "{requests:?}");
}

#[test]
fn nothing_is_left_of_a_room_that_closed() {
    let (mut world, _publisher, _watcher) = watched();
    assert!(!world.sfu.is_empty());
    world.sfu.close_room(ROOM);
    assert!(world.sfu.is_empty());
    world.pass(Duration::from_secs(60));
    assert_eq!(world.sfu.poll_timeout(), None, "no timer either");
}
