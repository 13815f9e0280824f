//! Offers, candidates, slots: bounds and order. The SDP's content is the SFU's business.

use kafedra_signaling::ids::{Mid, SourceId};
use kafedra_signaling::message::media::{SlotRequest, SlotRequests, SourceKind};
use kafedra_signaling::message::negotiation::{Candidate, Offer, SendSlot};
use kafedra_signaling::message::session::{Form, RoomRole};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::refusal::RefusalCode;
use kafedra_signaling::room::{Admission, MediaCommand, MediaEvent, Seat};

use crate::scenario::{Scenario, admission, offer};

fn raw(sdp: &str, sends: &[(&str, SourceKind)]) -> ClientMessage {
    let sends =
        sends.iter().map(|(mid, kind)| SendSlot { mid: Mid::new(*mid), kind: *kind, encrypted: false }).collect();
    ClientMessage::Offer(Offer { id: 1, sdp: sdp.into(), sends })
}

fn line(kind: &str, mid: &str) -> String {
    format!("m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\n")
}

/// SG-06, the part of the messages: refused with a type before the SFU sees anything.
#[test]
fn sg_06_munged_offers_are_refused_before_they_reach_the_sfu() {
    use SourceKind::{Camera, Microphone};
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    let many = |n: usize| (0..n).map(|i| line("video", &i.to_string())).collect::<String>();
    let candidates = "a=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n";
    let cases = [
        ("nothing", raw("", &[])),
        ("no m-line", raw("v=0\r\n", &[])),
        ("500 m-lines", raw(&many(500), &[])),
        ("65 m-lines", raw(&many(65), &[])),
        ("an m-line without a mid", raw("m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n", &[])),
        ("the last m-line without a mid", raw(&(line("audio", "0") + "m=audio 9 X 96\r\n"), &[])),
        ("a repeated mid", raw(&(line("audio", "0") + &line("video", "0")), &[])),
        ("two mids of one m-line", raw(&(line("audio", "0") + "a=mid:1\r\n"), &[])),
        ("a long mid", raw(&line("audio", &"x".repeat(33)), &[])),
        ("100,000 candidates", raw(&(line("audio", "0") + &candidates.repeat(1_000)), &[])),
        ("41 candidates", raw(&(line("audio", "0") + &candidates.repeat(41)), &[])),
        ("a control character", raw(&(line("audio", "0") + "a=x\u{0}y\r\n"), &[])),
        ("a send that is not there", raw(&line("audio", "0"), &[("7", Microphone)])),
        ("a camera on an audio line", raw(&line("audio", "0"), &[("0", Camera)])),
        ("a send named twice", raw(&line("audio", "0"), &[("0", Microphone), ("0", Microphone)])),
        (
            "a kind named twice",
            raw(&(line("audio", "0") + &line("audio", "1")), &[("0", Microphone), ("1", Microphone)]),
        ),
    ];
    for (what, message) in cases {
        assert_eq!(scene.ask(&host, message), Err(RefusalCode::BadOffer), "{what}");
    }
    assert!(scene.media.is_empty(), "{:?}", scene.media);
    assert_eq!(scene.ask(&host, raw(&many(64), &[])), Ok(()));
}

#[test]
fn the_answer_repeats_the_clients_id_and_a_replaced_offer_gets_none() {
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    scene.say(&host, offer(1, &[SourceKind::Camera]));
    let answered = |scene: &Scenario| -> Vec<u32> {
        scene
            .inbox(&host)
            .iter()
            .filter_map(|message| match message {
                ServerMessage::Answer(answer) => Some(answer.id),
                _ => None,
            })
            .collect()
    };
    scene.pass(std::time::Duration::ZERO);
    scene.media_event(MediaEvent::Connected { peer: host.clone() });
    assert_eq!(answered(&scene), [1]);
    scene.media_event(MediaEvent::Answered { peer: host.clone(), id: 1, sdp: "again".into() });
    assert_eq!(answered(&scene), [1], "an answer is given once");
}

#[test]
fn offer_ids_count_up_and_one_starts_a_new_peer_connection() {
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    scene.offer(&host, 1, &[SourceKind::Camera]).unwrap();
    scene.offer(&host, 2, &[SourceKind::Camera]).unwrap();
    assert_eq!(scene.offer(&host, 2, &[SourceKind::Camera]), Err(RefusalCode::OutOfOrder));
    scene.media.clear();
    scene.offer(&host, 1, &[SourceKind::Camera]).unwrap();
    assert!(matches!(scene.media[0], MediaCommand::Drop { .. }));
    assert!(matches!(scene.media[1], MediaCommand::Offer { .. }));
}

#[test]
fn a_refusal_of_the_sfu_reaches_the_client() {
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    // Only the newest of two unanswered offers counts; the harness answers at once, so refuse a made-up one first.
    scene.media_event(MediaEvent::OfferRefused {
        peer: host.clone(),
        id: 99,
        code: RefusalCode::BadOffer,
        detail: "no".into(),
    });
    assert!(!scene.inbox(&host).iter().any(|message| matches!(message, ServerMessage::Error(_))));
}

#[test]
fn candidates_need_an_offer_and_have_a_bound() {
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    let candidate = || {
        ClientMessage::Candidate(Candidate { candidate: "candidate:1 1 udp 1 10.0.0.1 1 typ host".into(), mid: None })
    };
    assert_eq!(scene.ask(&host, candidate()), Err(RefusalCode::OutOfOrder));
    scene.offer(&host, 1, &[]).unwrap();
    let taken = (0..50).filter(|_| scene.ask(&host, candidate()).is_ok()).count();
    assert_eq!(taken, 40);
}

#[test]
fn slots_are_receiving_m_lines_of_the_last_offer() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.offer(&host, 1, &[SourceKind::Camera]).unwrap();
    scene.offer(&ann, 1, &[SourceKind::Camera]).unwrap();
    let wish = |mid: &str, source: Option<String>| {
        ClientMessage::Slots(SlotRequests {
            slots: vec![SlotRequest { mid: Mid::new(mid), source: source.map(SourceId::new), max_height: 180 }],
        })
    };
    assert_eq!(scene.ask(&ann, wish("s0", None)), Err(RefusalCode::BadMessage), "a sending m-line");
    assert_eq!(scene.ask(&ann, wish("zz", None)), Err(RefusalCode::BadMessage));
    assert_eq!(scene.ask(&ann, wish("v0", Some("nothing".into()))), Err(RefusalCode::NotFound));
    assert_eq!(scene.ask(&ann, wish("v0", Some(format!("{host}:camera")))), Ok(()));
}

#[test]
fn only_the_publisher_of_a_source_is_told_what_is_watched_of_it() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.offer(&host, 1, &[SourceKind::Camera]).unwrap();
    scene.take_all();
    let source = SourceId::new(format!("{host}:camera"));
    let rids = vec!["q".to_owned()];
    scene.media_event(MediaEvent::LayersWanted {
        peer: host.clone(),
        source,
        rids: rids.clone(),
        watched: true,
        spatial_unwatched: 2,
    });
    let told = |message: &ServerMessage| match message {
        ServerMessage::LayersWanted(wanted) => Some((wanted.rids.clone(), wanted.watched, wanted.spatial_unwatched)),
        _ => None,
    };
    assert_eq!(scene.inbox(&host).iter().filter_map(told).collect::<Vec<_>>(), [(rids, true, 2)]);
    assert_eq!(scene.inbox(&ann).iter().filter_map(told).count(), 0);
}

#[test]
fn speakers_are_told_at_most_three_times_a_second() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.take_all();
    for n in 0..100 {
        let speaker = if n % 2 == 0 { &host } else { &ann };
        scene.media_event(MediaEvent::Speakers { peers: vec![speaker.clone()] });
        scene.pass(std::time::Duration::from_millis(10));
    }
    let told = scene.inbox(&ann).iter().filter(|message| matches!(message, ServerMessage::Speakers(_))).count();
    assert!((1..=4).contains(&told), "{told}");
}

#[test]
fn a_muted_source_is_held_back_from_its_first_packet() {
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    scene.offer(&host, 1, &[SourceKind::Microphone]).unwrap();
    scene.media_event(MediaEvent::Connected { peer: host.clone() });
    let paused = |scene: &Scenario| {
        scene.media.iter().rev().find_map(|command| match command {
            MediaCommand::Pause { paused, .. } => Some(*paused),
            _ => None,
        })
    };
    assert_eq!(paused(&scene), Some(true));
    scene.unmute(&host, SourceKind::Microphone).unwrap();
    assert_eq!(paused(&scene), Some(false));
}

/// The SFU holds a new source back. One that may flow is let go in so many words, also after the source came anew.
#[test]
fn the_first_word_about_a_source_is_always_said() {
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    scene.unmute(&host, SourceKind::Microphone).unwrap();
    scene.offer(&host, 1, &[SourceKind::Microphone]).unwrap();
    let source = SourceId::new(format!("{host}:microphone"));
    for round in 0..3 {
        let let_go = |command: &&MediaCommand| match command {
            MediaCommand::Pause { source: named, paused } => *named == source && !paused,
            _ => false,
        };
        assert_eq!(scene.media.iter().filter(let_go).count(), 1, "round {round}");
        scene.media.clear();
        scene.media_event(MediaEvent::SourceRemoved { source: source.clone() });
        let kind = SourceKind::Microphone;
        scene.media_event(MediaEvent::SourceAdded { peer: host.clone(), source: source.clone(), kind });
    }
}

/// The SFU fills audio slots by itself, so a seat that may only send gets none (a token for publishing hears no child).
#[test]
fn a_publisher_may_not_receive() {
    let mut scene = Scenario::new(Form::VideoConference);
    scene.host();
    let seat = Seat::Publisher { label: "stream".into() };
    let peer = scene.knock(Admission { seat, ..admission(RoomRole::Host, "teacher") }).unwrap();
    scene.media.clear();
    let send = line("video", "0") + "a=sendonly\r\n";
    let sends = [("0", SourceKind::Camera)];
    let refused =
        ["", "a=recvonly\r\n", "a=sendrecv\r\n", "a=sendonly\r\na=recvonly\r\n", "a=recvonly\r\na=inactive\r\n"];
    for direction in refused {
        let sdp = send.clone() + &line("audio", "1") + direction;
        assert_eq!(scene.ask(&peer, raw(&sdp, &sends)), Err(RefusalCode::RoleNotPermitted), "{direction:?}");
        let before_the_mid = format!("{send}m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n{direction}a=mid:1\r\n");
        assert_eq!(scene.ask(&peer, raw(&before_the_mid, &sends)), Err(RefusalCode::RoleNotPermitted), "{direction:?}");
    }
    assert!(scene.media.is_empty(), "{:?}", scene.media);
    let sdp = send + &line("audio", "1") + "a=inactive\r\n";
    assert_eq!(scene.ask(&peer, raw(&sdp, &sends)), Ok(()));
}
