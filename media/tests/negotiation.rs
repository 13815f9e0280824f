//! Offers and answers: a real browser's, and a table of broken ones (SG-06).

use media::error::OfferError;
use media::model::{OfferRequest, PeerKey, Publish, SfuEvent, SourceKey, SourceKind};
use media::sdp::{self, SdpError};

use crate::pair::{LineSpec, Peer, ROOM, World};

/// Chromium 156: microphone, camera in three layers, one audio and one video slot, a data channel.
const CHROMIUM: &str = include_str!("chromium_offer.sdp");

fn chromium() -> OfferRequest {
    OfferRequest {
        sdp: CHROMIUM.to_owned(),
        sends: vec![
            ("0".to_owned(), SourceKey(1), SourceKind::Microphone),
            ("1".to_owned(), SourceKey(2), SourceKind::Camera),
        ],
        allowed: Publish::ALL,
    }
}

fn offer(request: &OfferRequest) -> Result<String, OfferError> {
    let mut world = World::new();
    world.sfu.handle_offer(world.now, ROOM, PeerKey(1), request)
}

#[test]
fn the_answer_to_chromium_is_as_reviewed() {
    let answer = offer(&chromium()).unwrap();
    // The certificate is fresh in every run; all else follows from the seed.
    let stable: Vec<&str> = answer.lines().filter(|line| !line.starts_with("a=fingerprint:")).collect();
    insta::assert_snapshot!(stable.join("\n"));
    assert!(sdp::parse(&answer).is_ok(), "and is SDP by our own reader");
}

#[test]
fn a_broken_offer_is_refused_with_its_reason_and_leaves_nothing() {
    let line = |line| Err(OfferError::Sdp(SdpError::Malformed { line }));
    let changed = |from: &str, to: &str| {
        assert!(CHROMIUM.contains(from), "{from}");
        CHROMIUM.replace(from, to)
    };
    let session = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let lines = |count: usize| {
        let media = |mid| format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\n");
        format!("{session}{}", (0..count).map(media).collect::<String>())
    };
    let candidates = "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n".repeat(41);
    let fingerprint = CHROMIUM.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    let table: Vec<(&str, String, Result<(), OfferError>)> = vec![
        ("no m-line", session.to_owned(), Err(OfferError::Sdp(SdpError::Empty))),
        ("500 m-lines", lines(500), Err(OfferError::Sdp(SdpError::TooManyLines))),
        ("64 m-lines without ICE", lines(64), Err(OfferError::NoIceCredentials)),
        ("1 MB", "a".repeat(1 << 20), Err(OfferError::Sdp(SdpError::TooLarge))),
        ("many candidates", format!("{CHROMIUM}{candidates}"), Err(OfferError::Sdp(SdpError::TooManyCandidates))),
        ("not SDP", "hello".to_owned(), line(1)),
        ("a lone CR", changed("s=-\r\n", "s=-\ra=x\r\n"), line(3)),
        ("a NUL", changed("s=-", "s=\0"), line(3)),
        ("a negative port", changed("m=audio 9 ", "m=audio -9 "), line(8)),
        ("a payload type of 300", changed("SAVPF 111 ", "SAVPF 300 "), line(8)),
        ("a payload type twice", changed("SAVPF 111 ", "SAVPF 111 111 "), line(8)),
        ("a short fingerprint", changed(fingerprint, "a=fingerprint:sha-256 AA:BB"), line(14)),
        ("only sha-1", changed("a=fingerprint:sha-256", "a=fingerprint:sha-1"), Err(OfferError::NoFingerprint)),
        ("a password too short", changed("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"), line(12)),
        ("no password", changed("a=ice-pwd:", "a=x:"), Err(OfferError::NoIceCredentials)),
        ("setup holdconn", changed("a=setup:actpass", "a=setup:holdconn"), Err(OfferError::Setup)),
        ("setup passive", changed("a=setup:actpass", "a=setup:passive"), Err(OfferError::Setup)),
        ("no setup", changed("a=setup:actpass\r\n", ""), Err(OfferError::Setup)),
        ("no mid", changed("a=mid:0\r\n", ""), Err(OfferError::Sdp(SdpError::NoMid))),
        (
            "a mid twice",
            changed("a=mid:1\r\n", "a=mid:0\r\n"),
            Err(OfferError::Sdp(SdpError::DuplicateMid { mid: "0".to_owned() })),
        ),
        ("a mid with a blank", changed("a=mid:0\r\n", "a=mid:0 0\r\n"), line(16)),
        (
            "a rid twice",
            changed("a=rid:h send", "a=rid:q send"),
            Err(OfferError::Sdp(SdpError::DuplicateRid { rid: "q".to_owned() })),
        ),
        (
            "an SSRC twice",
            changed("a=mid:0\r\n", "a=mid:0\r\na=ssrc:7 cname:a\r\n")
                .replace("a=mid:1\r\n", "a=mid:1\r\na=ssrc:7 b\r\n"),
            Err(OfferError::Sdp(SdpError::DuplicateSsrc { ssrc: 7 })),
        ),
        ("not bundled", changed("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), Err(OfferError::NotBundled)),
        ("RTCP apart", changed("a=rtcp-mux\r\n", ""), Err(OfferError::NotBundled)),
    ];
    for (name, sdp, expected) in table {
        let mut world = World::new();
        let request = OfferRequest { sdp, ..chromium() };
        let answer = world.sfu.handle_offer(world.now, ROOM, PeerKey(1), &request);
        assert_eq!(answer.map(drop), expected, "{name}");
        assert!(world.sfu.is_empty(), "{name}");
    }
}

#[test]
fn a_source_needs_a_sending_line_of_its_kind() {
    let mut request = chromium();
    request.sends = vec![("0".to_owned(), SourceKey(1), SourceKind::Camera)];
    assert_eq!(offer(&request), Err(OfferError::NoSuchSend { mid: "0".to_owned() }));
    request.sends = vec![("2".to_owned(), SourceKey(1), SourceKind::Microphone)];
    assert_eq!(offer(&request), Err(OfferError::NoSuchSend { mid: "2".to_owned() }));
    request.sends = vec![
        ("0".to_owned(), SourceKey(1), SourceKind::Microphone),
        ("1".to_owned(), SourceKey(1), SourceKind::Camera),
    ];
    assert_eq!(offer(&request), Err(OfferError::DuplicateSource));
}

#[test]
fn nobody_publishes_under_anothers_key() {
    let mut world = World::new();
    let mut one = Peer::new(1, vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])]);
    let two = Peer::new(2, vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])]);
    one.offer(&mut world);
    let answer = world.sfu.handle_offer(world.now, ROOM, two.key, &two.request(Publish::ALL));
    assert_eq!(answer, Err(OfferError::DuplicateSource));
}

#[test]
fn a_renegotiation_keeps_what_stayed_and_ends_what_went() {
    let mut world = World::new();
    let mut peer =
        Peer::new(1, vec![LineSpec::Receive("video"), LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])]);
    peer.connect(&mut world);
    peer.send(&mut world, 9, 1, "", 1, 0, &crate::pair::vp8(Some(90), 1, b""));
    let (ssrcs, ufrag) = (peer.slot_ssrcs(), peer.answer.clone());
    world.drain();
    peer.lines = vec![
        LineSpec::Receive("video"),
        LineSpec::Receive("video"),
        LineSpec::Send(SourceKey(3), SourceKind::Microphone, &[]),
    ];
    peer.offer(&mut world);
    world.drain();
    assert_eq!(peer.slot_ssrcs()["0"], ssrcs["0"]);
    assert!(world.events.contains(&SfuEvent::SourceRemoved { source: SourceKey(1) }));
    let credentials = |answer: &str| answer.lines().find(|line| line.starts_with("a=ice-ufrag:")).unwrap().to_owned();
    assert_eq!(credentials(&peer.answer), credentials(&ufrag), "no restart");
    assert!(!world.events.contains(&SfuEvent::Disconnected { peer: PeerKey(1) }));
}

#[test]
fn a_new_user_fragment_restarts_ice_under_the_same_keys() {
    let mut world = World::new();
    let mut peer = Peer::new(1, vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])]);
    peer.connect(&mut world);
    let old_check = peer.good_check();
    peer.ufrag = "fresh".to_owned();
    peer.offer(&mut world);
    world.deliver(peer.address, &old_check);
    assert!(!world.take(peer.address).is_empty(), "the old generation still works");
    peer.address = "10.8.8.8:8".parse().unwrap();
    world.deliver(peer.address, &peer.good_check());
    assert!(!world.take(peer.address).is_empty());
    peer.send(&mut world, 9, 0, "", 1, 0, &crate::pair::vp8(Some(90), 1, b""));
    world.drain();
    assert!(world.events.iter().any(|event| matches!(event, SfuEvent::SourceAdded { .. })));
    world.deliver("10.8.8.9:9".parse().unwrap(), &old_check);
    assert!(world.take("10.8.8.9:9".parse().unwrap()).is_empty(), "and then no more");
}

#[test]
fn a_client_that_comes_back_with_another_certificate_gets_a_new_transport() {
    let mut world = World::new();
    let lines = vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])];
    let mut before = Peer::new(1, lines.clone());
    before.connect(&mut world);
    before.send(&mut world, 9, 0, "", 1, 0, &crate::pair::vp8(Some(90), 1, b""));
    let mut after = Peer::new(1, lines);
    after.ufrag = "reload".to_owned();
    after.connect(&mut world);
    assert_eq!(world.sfu.load().transports, 1);
    after.send(&mut world, 9, 0, "", 1, 0, &crate::pair::vp8(Some(90), 1, b""));
    world.drain();
    let added = |event: &&SfuEvent| matches!(event, SfuEvent::SourceAdded { .. });
    assert_eq!(world.events.iter().filter(added).count(), 2);
    assert!(world.events.contains(&SfuEvent::SourceRemoved { source: SourceKey(1) }));
}

#[test]
fn a_line_that_pauses_and_returns_needs_no_introduction() {
    // As browsers do: the same SSRCs, and no MID or RID once a report has acknowledged them.
    for rids in [&[][..], &["q", "h"]] {
        let camera = LineSpec::Send(SourceKey(1), SourceKind::Camera, rids);
        let screen = LineSpec::Send(SourceKey(2), SourceKind::Screen, &[]);
        let mut world = World::new();
        let mut peer = Peer::new(1, vec![camera.clone(), screen.clone()]);
        peer.connect(&mut world);
        let rid = rids.first().copied().unwrap_or_default();
        peer.send(&mut world, 9, 0, rid, 1, 0, &crate::pair::vp8(Some(90), 1, b""));
        world.drain();
        peer.acknowledged = true;
        peer.lines = vec![LineSpec::Inactive("video"), screen.clone()];
        peer.offer(&mut world);
        world.drain();
        assert!(world.events.contains(&SfuEvent::SourceRemoved { source: SourceKey(1) }));
        world.events.clear();
        peer.lines = vec![camera.clone(), screen];
        peer.offer(&mut world);
        peer.send(&mut world, 9, 0, rid, 2, 3000, &crate::pair::vp8(Some(90), 2, b""));
        world.drain();
        let added = SfuEvent::SourceAdded { peer: PeerKey(1), source: SourceKey(1), kind: SourceKind::Camera };
        assert!(world.events.contains(&added), "{rids:?}");
    }
}

#[test]
fn a_line_that_becomes_another_forgets_its_streams() {
    let mut world = World::new();
    let mut peer = Peer::new(1, vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &["q", "h"])]);
    peer.connect(&mut world);
    peer.send(&mut world, 9, 0, "h", 1, 0, &crate::pair::vp8(Some(90), 1, b""));
    peer.acknowledged = true;
    for lines in [LineSpec::Receive("video"), LineSpec::Send(SourceKey(1), SourceKind::Camera, &["q", "h"])] {
        peer.lines = vec![lines];
        peer.offer(&mut world);
    }
    world.drain();
    world.events.clear();
    peer.send(&mut world, 9, 0, "h", 2, 0, &crate::pair::vp8(Some(90), 1, b""));
    world.drain();
    assert!(world.events.is_empty(), "{:?}", world.events);
}
