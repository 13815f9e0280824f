//! MD-02, MD-03, MD-11, MD-12, MD-15 through the core: what is forged, copied or replayed moves nothing, an address that is
//! forged takes nobody's path, floods of checks get no answer, media alone is no consent, and nothing of ours is longer than
//! a narrow path.

use std::net::SocketAddr;
use std::time::Duration;

use media::model::{PeerKey, SfuEvent, SlotWish, SourceKey, SourceKind};

use crate::pair::{LineSpec, Peer, ROOM, World, usual_path, vp8};

const CAMERA: SourceKey = SourceKey(1);

/// A publisher whose camera a watcher sees.
fn watched() -> (World, Peer, Peer) {
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &[])]);
    let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
    publisher.connect(&mut world);
    watcher.connect(&mut world);
    let wish = SlotWish { mid: "0".to_owned(), source: Some(CAMERA), max_height: 1080 };
    world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish]);
    (world, publisher, watcher)
}

fn picture(publisher: &mut Peer, sequence: u16) -> Vec<u8> {
    publisher.packet(1000, 0, "", sequence, u32::from(sequence) * 3000, &vp8(Some(360), sequence, b""), None)
}

#[test]
fn a_packet_with_a_bad_tag_is_not_forwarded_from_whatever_address_and_moves_nothing() {
    let (mut world, mut publisher, mut watcher) = watched();
    let first = picture(&mut publisher, 1);
    world.deliver(publisher.address, &first);
    assert_eq!(watcher.receive(&mut world).len(), 1);
    let before = world.sfu.load().counters;

    // A spoofed source address is the right address, as far as anybody can see.
    for address in [publisher.address, SocketAddr::from(([10, 9, 9, 9], 9))] {
        for byte in [0, 1, 3, 8, 20, 40] {
            let mut forged = picture(&mut publisher, 2 + byte as u16);
            let end = forged.len() - 1;
            forged[end - byte] ^= 1;
            world.deliver(address, &forged);
        }
        let clear = [&[0x80, 96, 0, 9, 0, 0, 0, 0, 0, 0, 3, 232][..], &vp8(Some(360), 9, b""), &[0; 16]].concat();
        world.deliver(address, &clear);
    }
    assert!(watcher.receive(&mut world).is_empty(), "nothing of it is forwarded");
    let after = world.sfu.load().counters;
    assert_eq!(after.packets_rejected - before.packets_rejected, 7);
    assert_eq!(after.strangers - before.strangers, 7);
    assert_eq!(after.packets_received, before.packets_received);

    // Sequence numbers of forged packets are still free, and what is sent back goes where it went.
    world.deliver(publisher.address, &picture(&mut publisher, 2));
    assert_eq!(watcher.receive(&mut world).len(), 1);
    world.pass(Duration::from_secs(2));
    assert!(world.take(SocketAddr::from(([10, 9, 9, 9], 9))).is_empty());
    assert!(!world.take(publisher.address).is_empty());
}

#[test]
fn a_replayed_packet_is_forwarded_once_however_late_it_comes_again() {
    let (mut world, mut publisher, mut watcher) = watched();
    let packets: Vec<Vec<u8>> = (1..=600).map(|sequence| picture(&mut publisher, sequence)).collect();
    let mut forwarded = 0;
    for (count, packet) in packets.iter().enumerate() {
        world.deliver(publisher.address, packet);
        world.deliver(publisher.address, packet);
        // One that is reordered by 64 and more.
        if let Some(older) = count.checked_sub(100) {
            world.deliver(publisher.address, &packets[older]);
        }
        forwarded += watcher.receive(&mut world).len();
    }
    for later in [Duration::from_millis(10), Duration::from_secs(1)] {
        world.pass(later);
        for packet in &packets {
            world.deliver(publisher.address, packet);
        }
        forwarded += watcher.receive(&mut world).len();
    }
    assert_eq!(forwarded, 600);
    assert_eq!(world.sfu.load().counters.packets_received, 600);
}

#[test]
fn a_packet_may_be_late_by_511_others_and_no_more() {
    let (mut world, mut publisher, _watcher) = watched();
    let packets: Vec<Vec<u8>> = (1..=1000).map(|sequence| picture(&mut publisher, sequence)).collect();
    let received = |world: &World| world.sfu.load().counters.packets_received;
    world.deliver(publisher.address, &packets[999]);
    world.deliver(publisher.address, &packets[999 - 511]);
    assert_eq!(received(&world), 2, "40 % jitter does not eat it");
    world.deliver(publisher.address, &packets[999 - 512]);
    assert_eq!(received(&world), 2);
}

#[test]
fn ten_thousand_checks_of_strangers_get_no_byte_and_hold_up_nobody() {
    let (mut world, mut publisher, mut watcher) = watched();
    let forged = publisher.check("not the password at all!", true);
    let mut nobody = forged.clone();
    // The user name begins behind the header and its own four bytes.
    nobody[24..32].copy_from_slice(b"ffnobody");
    let mut sent = 0;
    for number in 0..10_000_u32 {
        let from = SocketAddr::from(([172, 16, (number >> 8) as u8 & 3, number as u8], 4000 + (number / 1000) as u16));
        let datagram = [&forged[..], &nobody, &forged[..20], &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0][..]];
        world.deliver(from, datagram[number as usize % 4]);
        if number % 100 == 0 {
            sent += 1;
            world.deliver(publisher.address, &picture(&mut publisher, sent));
        }
    }
    world.drain();
    let addresses: Vec<SocketAddr> = world.sent.iter().map(|(path, _)| path.remote).collect();
    assert!(addresses.iter().all(|address| *address == watcher.address || *address == publisher.address));
    assert_eq!(watcher.receive(&mut world).len(), usize::from(sent));
    assert_eq!(world.sfu.load().counters.checks_refused, 7_500, "the quarter that is no STUN counts as strangers");
}

#[test]
fn media_without_checks_is_no_consent() {
    let (mut world, mut publisher, _watcher) = watched();
    let gone = SfuEvent::Disconnected { peer: PeerKey(1) };
    for second in 0..15_u16 {
        assert!(!world.events.contains(&gone), "{second}");
        world.deliver(publisher.address, &picture(&mut publisher, second + 1));
        world.pass(Duration::from_secs(1));
    }
    assert!(world.events.contains(&gone));
    world.take(publisher.address);
    for second in 15..30_u16 {
        world.deliver(publisher.address, &picture(&mut publisher, second + 1));
        world.pass(Duration::from_secs(1));
    }
    assert!(world.take(publisher.address).is_empty(), "nothing more is sent");
}

/// RFC 8489 section 14.5: whoever stands on the way can append to a check.
#[test]
fn what_is_appended_behind_the_integrity_nominates_nothing() {
    let (mut world, mut publisher, _watcher) = watched();
    let mut check = publisher.check_without_nomination();
    // USE-CANDIDATE, empty.
    check.extend_from_slice(&[0, 0x25, 0, 0]);
    let length = (check.len() - 20) as u16;
    check[2..4].copy_from_slice(&length.to_be_bytes());
    let elsewhere = SocketAddr::from(([10, 9, 9, 9], 9));
    world.deliver(elsewhere, &check);
    assert_eq!(world.take(elsewhere).len(), 1, "the check itself is good");
    world.deliver(publisher.address, &picture(&mut publisher, 1));
    world.pass(Duration::from_secs(2));
    assert!(world.take(elsewhere).is_empty());
    assert!(!world.take(publisher.address).is_empty());
}

#[test]
fn a_copied_check_opens_no_path_nominates_nothing_and_drives_nobody_out() {
    let (mut world, mut publisher, _watcher) = watched();
    let checks: Vec<Vec<u8>> = (0..12).map(|_| publisher.good_check()).collect();
    for check in &checks {
        world.deliver(publisher.address, check);
    }
    assert_eq!(world.take(publisher.address).iter().filter(|datagram| datagram[0] == 1).count(), 12);
    let refused = world.sfu.load().counters.checks_refused;
    let thieves: Vec<SocketAddr> = (0..12).map(|number| SocketAddr::from(([10, 9, 9, number], 9))).collect();
    for (thief, check) in thieves.iter().zip(&checks) {
        world.deliver(*thief, check);
        assert!(!world.sfu.is_valid(&usual_path(*thief)));
    }
    assert_eq!(world.sfu.load().counters.checks_refused - refused, 12);
    assert!(world.sfu.is_valid(&usual_path(publisher.address)));
    world.deliver(publisher.address, &picture(&mut publisher, 1));
    world.pass(Duration::from_secs(2));
    assert!(!world.take(publisher.address).is_empty());
    assert!(world.sent.iter().all(|(path, _)| !thieves.contains(&path.remote)));
}

#[test]
fn a_repeated_check_is_answered_but_renews_no_consent() {
    let (mut world, publisher, _watcher) = watched();
    let check = publisher.good_check();
    world.deliver(publisher.address, &check);
    let first = world.take(publisher.address);
    let gone = SfuEvent::Disconnected { peer: PeerKey(1) };
    for second in 0..15 {
        world.deliver(publisher.address, &check);
        let answers = world.take(publisher.address);
        let again = answers.iter().filter(|datagram| datagram[..2] == [1, 1]);
        assert!(again.eq(first.iter().filter(|datagram| datagram[..2] == [1, 1])), "the answer may have been lost");
        assert!(!world.events.contains(&gone), "{second}");
        world.pass(Duration::from_secs(1));
    }
    assert!(world.events.contains(&gone));
    world.deliver(publisher.address, &check);
    world.drain();
    assert_eq!(
        world.events.iter().filter(|event| matches!(event, SfuEvent::Connected { peer: PeerKey(1) })).count(),
        1
    );
}

/// Anybody can write a teacher's address into a datagram, and every pupil has the password of an offer: the own one.
#[test]
fn who_sends_checks_under_the_address_of_another_takes_nothing_from_him() {
    let (mut world, mut publisher, mut watcher) = watched();
    let mut thief = Peer::new(3, vec![LineSpec::Receive("video")]);
    thief.connect(&mut world);
    let own = thief.address;
    let refused = world.sfu.load().counters.checks_refused;
    let mut received = 0;
    for step in 0..200_u16 {
        world.deliver(publisher.address, &thief.good_check());
        // Firefox checks every 5 s, and nothing is assumed of the thief's pace.
        if step % 48 == 0 {
            world.deliver(publisher.address, &publisher.good_check());
        }
        if step % 25 == 0 {
            world.deliver(own, &thief.good_check());
            world.deliver(watcher.address, &watcher.good_check());
        }
        world.deliver(publisher.address, &picture(&mut publisher, step + 1));
        received += watcher.receive(&mut world).len();
        world.pass(Duration::from_millis(100));
    }
    assert_eq!(received, 200);
    assert_eq!(world.sfu.load().counters.checks_refused - refused, 200);
    assert!(!world.events.contains(&SfuEvent::Disconnected { peer: PeerKey(1) }));

    // Nor before there are keys.
    let mut newcomer = Peer::new(4, vec![LineSpec::Receive("video")]);
    newcomer.offer(&mut world);
    world.deliver(newcomer.address, &newcomer.good_check());
    newcomer.start_dtls(world.now);
    loop {
        world.deliver(newcomer.address, &thief.good_check());
        if !newcomer.step(&mut world) {
            break;
        }
    }
    assert!(newcomer.established);
}

#[test]
fn a_page_that_is_loaded_again_connects_from_the_address_it_had() {
    // Time until the first answered check, when the page before said goodbye or did not; another person's, or the same.
    let check = |says_goodbye: bool, key: u64| {
        let (mut world, mut before, _watcher) = watched();
        if says_goodbye {
            before.close_dtls(&mut world);
        }
        let mut after = Peer::new(key, vec![LineSpec::Send(SourceKey(9), SourceKind::Camera, &[])]);
        after.address = before.address;
        after.offer(&mut world);
        world.take(after.address);
        let start = world.now;
        loop {
            world.deliver(after.address, &after.good_check());
            if world.take(after.address).iter().any(|datagram| datagram[..2] == [1, 1]) {
                break;
            }
            world.pass(Duration::from_millis(250));
            assert!(world.now < start + Duration::from_secs(30));
        }
        let waited = world.now - start;
        after.start_dtls(world.now);
        while after.step(&mut world) {}
        assert!(after.established);
        world.deliver(after.address, &picture(&mut after, 1));
        world.drain();
        let added = SfuEvent::SourceAdded { peer: PeerKey(key), source: SourceKey(9), kind: SourceKind::Camera };
        assert!(world.events.contains(&added));
        // Nothing of the old one goes to the new one.
        world.pass(Duration::from_secs(3));
        let media = world.take(before.address).into_iter().filter(|datagram| datagram[0] >= 128);
        assert!(media.into_iter().all(|datagram| after.open(datagram).is_some()));
        waited
    };
    assert_eq!(check(true, 7), Duration::ZERO);
    assert_eq!(check(false, 1), Duration::ZERO);
    assert_eq!(check(false, 7), Duration::from_secs(5));
}

/// MD-17 in numbers: addresses change hands when a NAT is restarted.
#[test]
fn behind_a_nat_that_gave_new_ports_everybody_is_found_again() {
    let (mut world, mut one, mut two) = watched();
    let (first, second) = (one.address, two.address);
    world.pass(Duration::from_secs(1));
    // The second gets a new port, the first that which the second had.
    two.address.set_port(6000);
    world.deliver(two.address, &two.good_check());
    one.address = second;
    world.deliver(one.address, &one.good_check());
    world.deliver(one.address, &picture(&mut one, 1));
    assert_eq!(two.receive(&mut world).len(), 1, "at once");

    // Both get the port of the other: whoever is heard at the old one no more gives it up.
    world.pass(Duration::from_secs(1));
    (one.address, two.address) = (two.address, one.address);
    let start = world.now;
    let mut sequence = 1;
    loop {
        for peer in [&one, &two] {
            world.deliver(peer.address, &peer.good_check());
        }
        sequence += 1;
        world.deliver(one.address, &picture(&mut one, sequence));
        if world.take(two.address).into_iter().any(|datagram| two.open(datagram).is_some()) {
            break;
        }
        world.pass(Duration::from_millis(250));
        assert!(world.now < start + Duration::from_secs(30));
    }
    assert!(world.now - start <= Duration::from_secs(5), "{:?}", world.now - start);
    assert!(!world.events.iter().any(|event| matches!(event, SfuEvent::Disconnected { .. })));
    assert_ne!(first, one.address);
}

#[test]
fn what_the_hub_says_by_itself_fits_a_path_of_1200_bytes() {
    // IPv6 and UDP take 48 of them.
    const LONGEST: usize = 1200 - 48;
    let mut world = World::new();
    let mut publisher = Peer::new(1, vec![LineSpec::Send(CAMERA, SourceKind::Camera, &[])]);
    publisher.offer(&mut world);
    world.deliver(publisher.address, &publisher.good_check());
    publisher.start_dtls(world.now);
    let mut longest = 0;
    loop {
        let flights = publisher.dtls_datagrams();
        for datagram in &flights {
            world.deliver(publisher.address, datagram);
        }
        let answers = world.take(publisher.address);
        for datagram in &answers {
            longest = longest.max(datagram.len());
            if media::demux::classify(datagram) == media::demux::Kind::Dtls {
                publisher.handle_dtls(world.now, datagram);
            }
        }
        if flights.is_empty() && answers.is_empty() {
            break;
        }
    }
    assert!(publisher.established);
    // Every second packet is lost: the longest NACKs and feedback.
    for sequence in (1..2000_u16).step_by(2) {
        world.deliver(publisher.address, &picture(&mut publisher, sequence));
        world.pass(Duration::from_millis(2));
    }
    world.pass(Duration::from_secs(2));
    longest = world.take(publisher.address).iter().map(Vec::len).fold(longest, usize::max);
    assert!(longest <= LONGEST, "{longest}");
    assert!(longest > 200, "flights were seen: {longest}");
}
