//! The figures of a room: what was counted of lines, layers and slots, whoever asks.

use std::time::Duration;

use media::model::{PeerKey, Publish, SourceKey, SourceKind};
use media::stats::{Flow, RemoteReport, TransportReport};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{SdesType, SourceDescription};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use crate::pair::{LineSpec, Peer, ROOM, World, vp8};

const CAMERA: SourceKey = SourceKey(11);
const REDUCED_SIZE: (&str, &str) = ("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-rsize\r\n");

/// A publisher of one camera and a watcher of it, with its key frame sent.
fn watched() -> (World, Peer, Peer) {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &[])]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    let wish = media::model::SlotWish { mid: "0".to_owned(), source: Some(CAMERA), max_height: 720 };
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish]);
    publisher.send(&mut world, 1000, 0, "", 100, 9000, &vp8(Some(360), 5, b"key"));
    (world, publisher, watcher)
}

fn of(world: &World, peer: u64) -> TransportReport {
    let report = world.sfu.report(world.now, ROOM).expect("the room is open");
    let mut found = report.transports.into_iter().filter(|transport| transport.peer == PeerKey(peer));
    found.next().expect("the peer is there")
}

#[test]
fn what_never_came_and_what_the_receiver_says_stand_in_the_report() {
    let (mut world, mut publisher, mut watcher) = watched();
    for sequence in [101, 103, 104, 107] {
        publisher.send(&mut world, 1000, 0, "", sequence, 9000, &vp8(None, sequence, b"x"));
    }
    let sender = of(&world, 1);
    let layer = &sender.sources[0].layers[0];
    assert_eq!((layer.packets, layer.lost, layer.height, layer.is_active), (5, 3, Some(360), true));
    assert_eq!((sender.sources[0].subscribers, sender.sources[0].is_paused), (1, false));

    // The publisher's report lets the hub report to the watcher, who answers for it 40 ms later, after 10 ms of its own.
    let clock = SenderReport { ssrc: 1000, ntp_time: 7 << 32, rtp_time: 9000, ..SenderReport::default() };
    publisher.send_rtcp(&mut world, &[Box::new(clock)]);
    world.pass(Duration::from_millis(1500));
    watcher.receive(&mut world);
    let reports = watcher.reports::<SenderReport>();
    let report = reports.last().expect("a sender report of the slot");
    let before = world.now;
    world.pass(Duration::from_millis(40));
    let block = ReceptionReport {
        ssrc: report.ssrc,
        fraction_lost: 64,
        // A duplicate more than was lost: -2 in 24 bits.
        total_lost: 0xff_fffe,
        jitter: 900,
        last_sender_report: (report.ntp_time >> 16) as u32,
        delay: 65_536 / 100,
        ..ReceptionReport::default()
    };
    watcher.send_rtcp(&mut world, &[Box::new(ReceiverReport { reports: vec![block], ..ReceiverReport::default() })]);
    let receiver = of(&world, 2);
    let slot = &receiver.slots[0];
    let remote = RemoteReport { fraction_lost: 0.25, lost: -2, jitter: Duration::from_millis(10) };
    assert_eq!((slot.remote, slot.packets, slot.layer), (Some(remote), 5, Some(0)));
    let sent_before = world.now.saturating_duration_since(before) + Duration::from_millis(1_500);
    let rtt = receiver.rtt.expect("a round trip");
    assert!(rtt >= Duration::from_millis(29) && rtt < sent_before, "{rtt:?}");
}

/// RFC 3550 section 6.1: a compound begins with a report and says who gives it.
fn check_compounds(peer: &Peer, cname: &str) -> usize {
    let mut reports = 0;
    for clear in &peer.rtcp {
        assert!(clear.len() <= 1152, "{}", clear.len());
        let packets = rtc::rtcp::packet::unmarshal(&mut &clear[..]).unwrap();
        let senders: Vec<u32> = packets
            .iter()
            .filter_map(|packet| {
                let packet = packet.as_any();
                let sender = packet.downcast_ref::<SenderReport>().map(|report| report.ssrc);
                sender.or_else(|| packet.downcast_ref::<ReceiverReport>().map(|report| report.ssrc))
            })
            .collect();
        if senders.is_empty() {
            continue;
        }
        reports += senders.len();
        let descriptions: Vec<&SourceDescription> =
            packets.iter().filter_map(|packet| packet.as_any().downcast_ref()).collect();
        assert_eq!(descriptions.len(), 1);
        assert!(!packets[0].as_any().is::<SourceDescription>());
        for sender in senders {
            let chunk = descriptions[0].chunks.iter().find(|chunk| chunk.source == sender).expect("it says who it is");
            assert_eq!((chunk.items[0].sdes_type, &chunk.items[0].text[..]), (SdesType::SdesCname, cname.as_bytes()));
        }
    }
    reports
}

#[test]
fn every_report_says_who_gives_it_by_the_name_of_the_answer() {
    const CAMERAS: u64 = 40;
    let mut world = World::new();
    let cameras = (0..CAMERAS).map(|key| LineSpec::Send(SourceKey(100 + key), SourceKind::Camera, &[])).collect();
    let mut publisher = Peer::new(1, cameras);
    publisher.replaces = vec![REDUCED_SIZE];
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video"); CAMERAS as usize]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    let wish = |line: u64| media::model::SlotWish {
        mid: line.to_string(),
        source: Some(SourceKey(100 + line)),
        max_height: 720,
    };
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), (0..CAMERAS).map(wish).collect());
    for line in 0..CAMERAS as usize {
        publisher.send(&mut world, 1000 + line as u32, line, "", 1, 9000, &vp8(Some(360), 5, b"key"));
    }
    watcher.receive(&mut world);
    let clock =
        |line: u32| SenderReport { ssrc: 1000 + line, ntp_time: 7 << 32, rtp_time: 9000, ..SenderReport::default() };
    for line in 0..CAMERAS as u32 {
        publisher.send_rtcp(&mut world, &[Box::new(clock(line))]);
    }
    world.pass(Duration::from_millis(1100));
    watcher.receive(&mut world);
    publisher.receive(&mut world);
    let name = watcher.answer.lines().find_map(|line| line.split_once(" cname:")).unwrap().1.to_owned();
    assert_eq!(check_compounds(&watcher, &name), CAMERAS as usize, "a sender report of each slot");
    assert_eq!(check_compounds(&publisher, &name), 2, "of 31 blocks at most");
}

/// RFC 5506 section 5: without `rtcp-rsize` in the offer there is none in the answer, and nothing but compounds.
#[test]
fn feedback_goes_by_itself_only_to_those_who_take_that() {
    for takes in [false, true] {
        let mut world = World::new();
        let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &[])]);
        publisher.with_feedback = true;
        if takes {
            publisher.replaces = vec![REDUCED_SIZE];
        }
        let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
        publisher.connect(&mut world);
        watcher.connect(&mut world);
        assert_eq!(publisher.answer.contains("a=rtcp-rsize"), takes);
        let wish = media::model::SlotWish { mid: "0".to_owned(), source: Some(CAMERA), max_height: 720 };
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish]);
        for sequence in [1u16, 2, 5, 6] {
            publisher.elements = vec![(crate::pair::EXTENSIONS.transport_cc, sequence.to_be_bytes().to_vec())];
            publisher.send(&mut world, 1000, 0, "", sequence, 9000, &vp8(None, 5, b"x"));
            world.pass(Duration::from_millis(30));
        }
        publisher.receive(&mut world);
        let begins = |kind: u8| publisher.rtcp.iter().filter(|clear| clear[1] == kind).count();
        let (reports, transport, payload) = (begins(201), begins(205), begins(206));
        // Requests for a key frame, for lost packets, and arrivals.
        assert_eq!((transport > 0, payload > 0), (takes, takes), "{reports} {transport} {payload}");
        assert_eq!(reports > 0, !takes);
        assert!(!publisher.reports::<PictureLossIndication>().is_empty());
        assert!(!publisher.reports::<TransportLayerNack>().is_empty());
        assert!(!publisher.reports::<TransportLayerCc>().is_empty());
        if !takes {
            let name = publisher
                .answer
                .lines()
                .find_map(|line| line.split_once(" cname:"))
                .map_or("kafedra", |(_, name)| name);
            check_compounds(&publisher, name);
        }
    }
}

#[test]
fn a_picture_that_stood_until_the_next_key_frame_is_counted() {
    let (mut world, mut publisher, _watcher) = watched();
    let flow = |world: &World| of(world, 2).slots[0].flow;
    // A picture without its last packet lingers a moment before it leaves.
    let linger = Duration::from_millis(1);
    world.pass(linger);
    assert_eq!(flow(&world), Flow { starts: 1, ..Flow::default() });
    world.sfu.allow(ROOM, PeerKey(1), Publish::default());
    world.sfu.allow(ROOM, PeerKey(1), Publish::ALL);
    assert_eq!(of(&world, 2).slots[0].layer, None, "it waits for a key frame");
    world.pass(Duration::from_millis(400));
    publisher.send(&mut world, 1000, 0, "", 101, 18_000, &vp8(None, 6, b"x"));
    publisher.send(&mut world, 1000, 0, "", 102, 27_000, &vp8(Some(360), 7, b"key"));
    world.pass(linger);
    let found = flow(&world);
    let stood = found.stood;
    assert_eq!(found, Flow { starts: 2, stood, ..Flow::default() });
    assert!((400..=402).contains(&stood.as_millis()), "{stood:?}");
    world.sfu.drop_peer(ROOM, PeerKey(1));
    assert_eq!(of(&world, 2).slots[0].source, None);
    assert!(world.sfu.report(world.now, media::model::RoomKey(99)).is_none());
}
