//! The form decides who publishes; guardians see the hosts and their own child.

use kafedra_signaling::ids::{Mid, PeerId, PersonId, SourceId};
use kafedra_signaling::message::floor::{EndRoom, Promote};
use kafedra_signaling::message::media::{SlotRequest, SlotRequests, SourceKind};
use kafedra_signaling::message::session::{CloseReason, Form, RoomRole};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::refusal::RefusalCode;
use kafedra_signaling::room::{Admission, MediaCommand};

use crate::scenario::{Scenario, admission};

fn sources(scene: &Scenario, peer: &PeerId) -> Vec<String> {
    let told = scene.inbox(peer).iter().rev().find_map(|message| match message {
        ServerMessage::Sources(sources) => Some(sources.sources.clone()),
        ServerMessage::Joined(joined) => Some(joined.sources.clone()),
        _ => None,
    });
    told.unwrap_or_default().into_iter().map(|source| source.source.as_str().to_owned()).collect()
}

#[test]
fn a_webinar_recipient_publishes_nothing_until_promoted() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann) = (scene.host(), scene.student("ann"));
    assert_eq!(scene.offer(&ann, 1, &[SourceKind::Camera]), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(scene.offer(&ann, 1, &[]), Ok(()));
    assert_eq!(scene.unmute(&ann, SourceKind::Camera), Err(RefusalCode::RoleNotPermitted));
    scene.say(&host, ClientMessage::Promote(Promote { peer: ann.clone(), promoted: true }));
    assert_eq!(scene.unmute(&ann, SourceKind::Camera), Ok(()));
    assert_eq!(scene.offer(&ann, 2, &[SourceKind::Camera]), Ok(()));
}

#[test]
fn in_a_video_conference_everybody_publishes_once_the_host_is_there() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    assert_eq!(scene.offer(&ann, 1, &[SourceKind::Microphone, SourceKind::Camera]), Ok(()));
    assert_eq!(scene.offer(&ann, 2, &[SourceKind::Screen]), Err(RefusalCode::RoleNotPermitted));
    scene.disconnect(&host);
    assert_eq!(scene.unmute(&ann, SourceKind::Microphone), Err(RefusalCode::HostAbsent));
    let bob_late = scene.offer(&ann, 1, &[SourceKind::Camera]);
    assert_eq!(bob_late, Err(RefusalCode::HostAbsent), "a new peer connection is judged anew");
}

#[test]
fn a_chat_has_no_media_at_all() {
    let mut scene = Scenario::new(Form::Chat);
    let (host, ann) = (scene.host(), scene.student("ann"));
    for peer in [&host, &ann] {
        assert_eq!(scene.offer(peer, 1, &[]), Err(RefusalCode::FormMismatch));
        assert_eq!(scene.unmute(peer, SourceKind::Microphone), Err(RefusalCode::FormMismatch));
    }
    assert!(scene.media.is_empty());
    let host = scene.host();
    let joined = scene.joined(&host).unwrap();
    assert_eq!((joined.audio_slots, joined.video_slots, joined.rights.receive_media), (0, 0, false));
}

#[test]
fn an_individual_consultation_ends_from_either_side() {
    let mut scene = Scenario::new(Form::Individual);
    let (host, ann) = (scene.host(), scene.student("ann"));
    let mother = scene.join(RoomRole::Guardian, "mother");
    for peer in [&host, &ann, &mother] {
        assert_eq!(scene.offer(peer, 1, &[SourceKind::Microphone, SourceKind::Camera]), Ok(()));
    }
    scene.say(&ann, ClientMessage::EndRoom(EndRoom {}));
    assert_eq!(scene.closed(&host), Some(CloseReason::EndedByHost));
}

#[test]
fn observers_are_seen_by_all_and_only_receive() {
    let mut scene = Scenario::new(Form::VideoConference);
    let host = scene.host();
    let deputy = scene.join(RoomRole::Observer, "deputy");
    let seen = scene.inbox(&host).iter().any(
        |message| matches!(message, ServerMessage::MemberJoined(joined) if joined.member.role == RoomRole::Observer),
    );
    assert!(seen);
    assert_eq!(scene.offer(&deputy, 1, &[SourceKind::Camera]), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(scene.offer(&deputy, 1, &[]), Ok(()));
}

#[test]
fn a_guardian_sees_the_host_and_the_own_child_only() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann, bob) = (scene.host(), scene.student("ann"), scene.student("bob"));
    let mother = scene
        .knock(Admission { beside: Some(PersonId::new("ann")), ..admission(RoomRole::Guardian, "mother") })
        .unwrap();
    for peer in [&host, &ann, &bob, &mother] {
        scene.offer(peer, 1, &[SourceKind::Camera]).unwrap();
        scene.unmute(peer, SourceKind::Camera).unwrap();
    }
    let seen = sources(&scene, &mother);
    assert_eq!(seen, [format!("{host}:camera"), format!("{ann}:camera"), format!("{mother}:camera")]);
    assert_eq!(sources(&scene, &host).len(), 4);
    scene.media.clear();
    let wish = |sources: [&PeerId; 2]| {
        let slots = ["v0", "v1"]
            .into_iter()
            .zip(sources)
            .map(|(mid, peer)| SlotRequest {
                mid: Mid::new(mid),
                source: Some(SourceId::new(format!("{peer}:camera"))),
                max_height: 360,
            })
            .collect();
        ClientMessage::Slots(SlotRequests { slots })
    };
    assert_eq!(scene.ask(&mother, wish([&bob, &ann])), Err(RefusalCode::NotFound));
    let given: Vec<Option<SourceId>> = scene
        .media
        .iter()
        .find_map(|command| match command {
            MediaCommand::Slots { slots, .. } => {
                let video = slots.iter().filter(|(mid, ..)| mid.as_str().starts_with('v'));
                Some(video.map(|(_, source, _)| source.clone()).collect())
            }
            _ => None,
        })
        .unwrap();
    assert_eq!(given, [None, Some(SourceId::new(format!("{ann}:camera")))]);
    assert_eq!(scene.ask(&ann, wish([&bob, &host])), Ok(()));
}

#[test]
fn a_guardian_hears_the_host_and_the_own_child_only() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann, bob) = (scene.host(), scene.student("ann"), scene.student("bob"));
    let mother = scene
        .knock(Admission { beside: Some(PersonId::new("ann")), ..admission(RoomRole::Guardian, "mother") })
        .unwrap();
    for peer in [&bob, &host, &ann, &mother] {
        scene.offer(peer, 1, &[SourceKind::Microphone]).unwrap();
        scene.unmute(peer, SourceKind::Microphone).unwrap();
    }
    let told = |scene: &Scenario| -> Vec<SourceId> {
        let last = scene.media.iter().rev().find_map(|command| match command {
            MediaCommand::Slots { peer, slots } if *peer == mother => Some(slots.clone()),
            _ => None,
        });
        let slots = last.expect("a restricted receiver's audio slots are named");
        // Every audio slot is named: one that is not would be filled with the loudest voice.
        assert!(slots.iter().any(|(mid, ..)| mid.as_str() == "a0"), "{slots:?}");
        slots.into_iter().filter_map(|(_, source, _)| source).collect()
    };
    let mut heard = told(&scene);
    heard.sort();
    let mut allowed = vec![SourceId::new(format!("{host}:microphone")), SourceId::new(format!("{ann}:microphone"))];
    allowed.sort();
    assert_eq!(heard, allowed);
    assert!(!scene.media.iter().any(|command| matches!(command, MediaCommand::Slots { peer, .. } if *peer != mother)));
    // A wish for somebody else's voice changes nothing.
    let wish =
        SlotRequest { mid: Mid::new("a0"), source: Some(SourceId::new(format!("{bob}:microphone"))), max_height: 0 };
    assert_eq!(
        scene.ask(&mother, ClientMessage::Slots(SlotRequests { slots: vec![wish] })),
        Err(RefusalCode::NotFound)
    );
    assert!(!told(&scene).contains(&SourceId::new(format!("{bob}:microphone"))));
}
