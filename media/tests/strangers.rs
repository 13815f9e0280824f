//! MD-01, MD-02, MD-11, MD-12: who has not passed an authenticated check reaches nothing, and silence ends consent.

use std::net::SocketAddr;
use std::time::Duration;

use media::model::{PeerKey, SfuEvent, SourceKey, SourceKind};
use media::path::Path;
use rtc::rtcp::receiver_report::ReceiverReport;

use crate::pair::{LineSpec, Peer, World, vp8};

fn peer(key: u64) -> Peer {
    Peer::new(key, vec![LineSpec::Send(SourceKey(key), SourceKind::Camera, &[]), LineSpec::Receive("video")])
}

/// The five kinds of the attack that stops other stacks: fatal alert, ClientHello, garbage record, close_notify, and the
/// null-cipher ClientHello.
fn attacks() -> Vec<Vec<u8>> {
    let record = |kind: u8, body: &[u8]| {
        let mut record = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend_from_slice(&(body.len() as u16).to_be_bytes());
        record.extend_from_slice(body);
        record
    };
    let hello = |suites: &[u8]| {
        let mut body = vec![254, 253];
        body.extend_from_slice(&[9; 32]);
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&(suites.len() as u16).to_be_bytes());
        body.extend_from_slice(suites);
        body.extend_from_slice(&[1, 0, 0, 0]);
        let length = (body.len() as u32).to_be_bytes();
        let mut handshake = vec![1, length[1], length[2], length[3], 0, 0, 0, 0, 0, length[1], length[2], length[3]];
        handshake.extend_from_slice(&body);
        record(22, &handshake)
    };
    vec![record(21, &[2, 40]), hello(&[0xc0, 0x2b]), record(22, &[0xff; 40]), record(21, &[1, 0]), hello(&[0, 0])]
}

#[test]
fn an_off_path_attacker_stops_no_handshake() {
    // 5 kinds x {before, during, after} x 20 calls, and all at once; every call must connect.
    let attacker = SocketAddr::from(([127, 0, 0, 66], 666));
    for call in 0..20 {
        let mut world = World::new();
        let mut victim = peer(1);
        let kinds = attacks();
        let mut sent = 0;
        let mut attack = |world: &mut World, kind: usize| {
            for datagram in kinds.iter().cycle().skip(kind).take(5) {
                world.deliver(attacker, datagram);
                sent += 1;
            }
        };
        attack(&mut world, call);
        victim.offer(&mut world);
        attack(&mut world, call);
        world.deliver(victim.address, &victim.good_check());
        attack(&mut world, call);
        victim.start_dtls(world.now);
        loop {
            attack(&mut world, call);
            if !victim.step(&mut world) {
                break;
            }
        }
        assert!(victim.established, "call {call}");
        attack(&mut world, call);
        world.drain();
        assert!(world.events.contains(&SfuEvent::Connected { peer: PeerKey(1) }));
        assert!(!world.events.contains(&SfuEvent::Disconnected { peer: PeerKey(1) }));
        assert_eq!(world.sfu.load().counters.strangers, sent);
        assert!(world.take(attacker).is_empty(), "and gets no answer");
    }
}

#[test]
fn media_from_another_address_is_counted_and_dropped() {
    let mut world = World::new();
    let mut publisher = peer(1);
    publisher.connect(&mut world);
    let datagram = publisher.packet(1, 0, "", 1, 0, &vp8(Some(360), 1, b""), None);
    world.deliver(SocketAddr::from(([10, 9, 9, 9], 9)), &datagram);
    let counters = world.sfu.load().counters;
    assert_eq!((counters.strangers, counters.packets_received), (1, 0));
    world.deliver(publisher.address, &datagram);
    assert_eq!(world.sfu.load().counters.packets_received, 1, "the packet itself was good");
}

#[test]
fn a_check_without_the_password_is_not_answered_and_validates_nothing() {
    let mut world = World::new();
    let mut victim = peer(1);
    victim.offer(&mut world);
    let stranger = SocketAddr::from(([10, 9, 9, 9], 9));
    for datagram in [victim.check("wrong password, sorry", true), vec![0; 20], victim.good_check()[..40].to_vec()] {
        world.deliver(stranger, &datagram);
    }
    assert!(world.take(stranger).is_empty());
    world.deliver(stranger, &[22; 100]);
    assert_eq!(world.sfu.load().counters.strangers, 2, "the cut check and the DTLS record");
}

#[test]
fn the_answer_to_a_check_is_no_amplifier() {
    let mut world = World::new();
    let mut victim = peer(1);
    victim.offer(&mut world);
    let check = victim.good_check();
    world.deliver(victim.address, &check);
    let answers = world.take(victim.address);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].len() * 10 <= check.len() * 12, "{} for {}", answers[0].len(), check.len());
}

#[test]
fn a_client_that_roams_is_followed_at_its_first_nomination() {
    let mut world = World::new();
    let mut client = peer(1);
    client.connect(&mut world);
    let old = client.address;
    client.address = SocketAddr::from(([10, 0, 7, 7], 7));
    world.deliver(client.address, &client.good_check());
    world.take(client.address);
    world.pass(Duration::from_secs(2));
    client.send(&mut world, 1, 0, "", 1, 0, &vp8(Some(360), 1, b""));
    world.pass(Duration::from_secs(2));
    assert!(world.take(old).is_empty());
    assert!(!world.take(client.address).is_empty(), "reports go to the new address");
}

#[test]
fn silence_ends_consent_and_checks_bring_it_back() {
    let mut world = World::new();
    let mut client = peer(1);
    client.connect(&mut world);
    world.pass(Duration::from_secs(14));
    assert!(!world.events.contains(&SfuEvent::Disconnected { peer: PeerKey(1) }));
    world.pass(Duration::from_secs(2));
    assert_eq!(world.events.last(), Some(&SfuEvent::Disconnected { peer: PeerKey(1) }));
    world.sent.clear();
    world.pass(Duration::from_secs(30));
    assert!(world.sent.is_empty(), "nothing is sent without consent");
    world.deliver(client.address, &client.good_check());
    world.drain();
    assert_eq!(world.events.last(), Some(&SfuEvent::Connected { peer: PeerKey(1) }));
}

#[test]
fn a_client_without_checks_stays_while_its_reports_come() {
    let gone = SfuEvent::Disconnected { peer: PeerKey(1) };
    let mut world = World::new();
    let mut client = peer(1);
    client.connect(&mut world);
    for _ in 0..20 {
        world.pass(Duration::from_secs(5));
        client.send_rtcp(&mut world, &[Box::new(ReceiverReport::default())]);
    }
    assert!(!world.events.contains(&gone), "GStreamer sends no checks once it is connected");
    // What nobody has authenticated renews nothing.
    for _ in 0..4 {
        world.pass(Duration::from_secs(5));
        world.deliver(client.address, &[0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
    assert!(world.events.contains(&gone));
}

#[test]
fn a_certificate_that_was_not_promised_gets_no_keys() {
    let mut world = World::new();
    let mut client = peer(1);
    client.false_fingerprint = Some(["00"; 32].join(":"));
    client.offer(&mut world);
    world.deliver(client.address, &client.good_check());
    client.start_dtls(world.now);
    while client.step(&mut world) {}
    world.drain();
    assert!(!world.events.contains(&SfuEvent::Connected { peer: PeerKey(1) }));
}

#[test]
fn an_offer_that_leads_to_no_connection_is_given_up() {
    let gone = SfuEvent::Disconnected { peer: PeerKey(1) };
    // Nothing at all comes; only a check; checks for ever, but no handshake.
    for checks in [0, 1, 10] {
        let mut world = World::new();
        let mut client = peer(1);
        client.offer(&mut world);
        for second in 0..29 {
            if second < checks * 3 {
                world.deliver(client.address, &client.good_check());
            }
            world.pass(Duration::from_secs(1));
        }
        assert_eq!(world.events.contains(&gone), checks == 1, "{checks}: consent ends sooner");
        world.pass(Duration::from_secs(60));
        assert_eq!(world.events.iter().filter(|event| **event == gone).count(), 1, "{checks}: said once");
        world.sfu.drop_peer(crate::pair::ROOM, PeerKey(1));
        assert!(world.sfu.is_empty());
    }
}

#[test]
fn a_failed_handshake_is_told() {
    let mut world = World::new();
    let mut client = peer(1);
    client.false_fingerprint = Some(["00"; 32].join(":"));
    client.offer(&mut world);
    world.deliver(client.address, &client.good_check());
    client.start_dtls(world.now);
    while client.step(&mut world) {}
    for _ in 0..20 {
        world.deliver(client.address, &client.good_check());
        world.pass(Duration::from_secs(2));
    }
    assert_eq!(world.events.last(), Some(&SfuEvent::Disconnected { peer: PeerKey(1) }));
}

/// A client that was connected over UDP and has a connection beside it.
fn with_connection() -> (World, Peer, Path) {
    let mut world = World::new();
    let mut client = peer(1);
    client.connect(&mut world);
    let hub = SocketAddr::from(([127, 0, 0, 1], 8090));
    (world, client, Path::tcp(hub, SocketAddr::from(([10, 0, 0, 1], 5000))))
}

#[test]
fn an_address_known_over_udp_is_a_stranger_over_tcp_and_at_another_address_of_ours() {
    let (mut world, mut client, tcp) = with_connection();
    let datagram = client.packet(1, 0, "", 1, 0, &vp8(Some(360), 1, b""), None);
    let elsewhere = Path::udp(SocketAddr::from(([127, 0, 0, 9], 8090)), client.address);
    for path in [tcp, elsewhere] {
        assert!(!world.sfu.is_valid(&path));
        world.deliver_by(path, &datagram);
    }
    let counters = world.sfu.load().counters;
    assert_eq!((counters.strangers, counters.packets_received), (2, 0));
    world.deliver_by(tcp, &client.good_check());
    assert_eq!(world.take_by(tcp).len(), 1, "the answer goes back over the connection");
    assert!(world.sfu.is_valid(&tcp));
    world.deliver_by(tcp, &datagram);
    assert_eq!(world.sfu.load().counters.packets_received, 1);
}

#[test]
fn a_closed_connection_stops_what_is_sent_until_the_next_check_by_another_path() {
    let (mut world, mut client, tcp) = with_connection();
    world.deliver_by(tcp, &client.good_check());
    world.pass(Duration::from_secs(2));
    client.send(&mut world, 1, 0, "", 1, 0, &vp8(Some(360), 1, b""));
    world.pass(Duration::from_secs(1));
    assert!(!world.take_by(tcp).is_empty(), "reports go by the nominated path");
    world.sfu.handle_closed(world.now, tcp);
    world.pass(Duration::from_secs(5));
    assert!(world.sent.is_empty(), "nowhere to go");
    assert!(!world.events.contains(&SfuEvent::Disconnected { peer: PeerKey(1) }), "it may come back in time");

    let datagram = client.packet(1, 0, "", 2, 0, &vp8(None, 2, b""), None);
    let before = world.sfu.load().counters.strangers;
    world.deliver_by(tcp, &datagram);
    assert_eq!(
        world.sfu.load().counters.strangers,
        before + 1,
        "a new connection between the same addresses is a stranger"
    );

    world.deliver(client.address, &client.check_without_nomination());
    world.pass(Duration::from_secs(2));
    assert!(!world.take(client.address).is_empty());
    world.pass(Duration::from_secs(20));
    assert_eq!(world.events.last(), Some(&SfuEvent::Disconnected { peer: PeerKey(1) }));
}

#[test]
fn a_path_that_falls_silent_gives_way_to_one_that_is_checked_nominated_or_not() {
    let (mut world, mut client, tcp) = with_connection();
    let mut went = Vec::new();
    for second in 0..10_u16 {
        client.send(&mut world, 1, 0, "", second, 0, &vp8(Some(360), second, b""));
        world.deliver_by(tcp, &client.check_without_nomination());
        // While it is checked too, the selected path stays.
        if second < 3 {
            world.deliver(client.address, &client.check_without_nomination());
        }
        world.take(client.address);
        world.take_by(tcp);
        world.pass(Duration::from_secs(1));
        went.push((!world.take(client.address).is_empty(), !world.take_by(tcp).is_empty()));
    }
    assert_eq!(went[..8], [(true, false); 8], "up to seven seconds after its last check");
    assert_eq!(went[9], (false, true));
    assert!(!world.events.contains(&SfuEvent::Disconnected { peer: PeerKey(1) }));
}

#[test]
fn user_fragments_tell_their_worker() {
    let (_, client, _) = with_connection();
    let ufrag = client.answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    assert_eq!(media::transport::ice::worker_of(ufrag), Some(1), "{ufrag}");
    for none in ["", "a", "zz345678", "ж1"] {
        assert_eq!(media::transport::ice::worker_of(none), None);
    }
}
