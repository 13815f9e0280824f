//! Hands, the floor, switches, removal.

use kafedra_signaling::ids::PeerId;
use kafedra_signaling::message::floor::{
    Hand, HandLower, MuteMember, Promote, RemoveMember, RoomPolicy, RoomPolicyChange,
};
use kafedra_signaling::message::media::SourceKind;
use kafedra_signaling::message::session::{Form, RoomRole};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::refusal::RefusalCode;
use kafedra_signaling::room::{MediaCommand, Publish};

use crate::scenario::Scenario;

fn hands(scene: &Scenario, peer: &PeerId) -> Vec<PeerId> {
    let told = scene.inbox(peer).iter().rev().find_map(|message| match message {
        ServerMessage::HandQueue(queue) => Some(queue.peers.clone()),
        _ => None,
    });
    told.unwrap_or_default()
}

fn raise(raised: bool) -> ClientMessage {
    ClientMessage::Hand(Hand { raised })
}

#[test]
fn hands_stand_in_the_order_they_were_raised() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann, bob) = (scene.host(), scene.student("ann"), scene.student("bob"));
    scene.say(&bob, raise(true));
    scene.say(&ann, raise(true));
    scene.say(&bob, raise(true));
    assert_eq!(hands(&scene, &host), [bob.clone(), ann.clone()]);
    scene.say(&bob, raise(false));
    assert_eq!(hands(&scene, &host), std::slice::from_ref(&ann));
    assert_eq!(scene.ask(&host, raise(true)), Err(RefusalCode::RoleNotPermitted));
    scene.say(&host, ClientMessage::HandLower(HandLower { peer: None }));
    assert!(hands(&scene, &host).is_empty());
}

#[test]
fn giving_the_floor_lowers_the_hand_and_opens_the_sfu_for_that_peer() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.offer(&ann, 1, &[]).unwrap();
    scene.say(&ann, raise(true));
    scene.media.clear();
    scene.say(&host, ClientMessage::Promote(Promote { peer: ann.clone(), promoted: true }));
    let all = Publish { audio: true, video: true, screen: true };
    assert!(
        scene
            .media
            .iter()
            .any(|c| matches!(c, MediaCommand::Allow { peer, allowed } if *peer == ann && *allowed == all))
    );
    assert!(hands(&scene, &host).is_empty());
    scene.unmute(&ann, SourceKind::Microphone).unwrap();
    scene.offer(&ann, 2, &[SourceKind::Microphone]).unwrap();
    scene.media.clear();
    scene.say(&host, ClientMessage::Promote(Promote { peer: ann.clone(), promoted: false }));
    let none = Publish::default();
    assert!(scene.media.iter().any(|c| matches!(c, MediaCommand::Allow { allowed, .. } if *allowed == none)));
    assert!(scene.media.iter().any(|c| matches!(c, MediaCommand::Pause { paused: true, .. })));
}

#[test]
fn only_moderators_moderate() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann, bob) = (scene.host(), scene.student("ann"), scene.student("bob"));
    let watcher = scene.join(RoomRole::Observer, "deputy");
    let policy = RoomPolicy {
        microphones_locked: true,
        cameras_locked: true,
        chat_locked: true,
        admission: true,
        slow_mode_s: 0,
    };
    for by in [&ann, &watcher] {
        for message in [
            ClientMessage::Promote(Promote { peer: bob.clone(), promoted: true }),
            ClientMessage::MuteMember(MuteMember { peer: Some(bob.clone()), kind: SourceKind::Camera }),
            ClientMessage::RemoveMember(RemoveMember { peer: bob.clone() }),
            ClientMessage::HandLower(HandLower { peer: None }),
            ClientMessage::RoomPolicy(RoomPolicyChange { policy: policy.clone() }),
        ] {
            let kind = message.kind();
            assert_eq!(scene.ask(by, message), Err(RefusalCode::RoleNotPermitted), "{kind}");
        }
    }
    let remove = |peer: &PeerId| ClientMessage::RemoveMember(RemoveMember { peer: peer.clone() });
    assert_eq!(scene.ask(&host, remove(&watcher)), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(scene.ask(&host, remove(&host)), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(scene.ask(&host, remove(&PeerId::new("nobody"))), Err(RefusalCode::NotFound));
}

#[test]
fn a_hard_mute_stops_the_source_and_a_lock_keeps_it_off() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.unmute(&ann, SourceKind::Microphone).unwrap();
    scene.offer(&ann, 1, &[SourceKind::Microphone]).unwrap();
    scene.take_all();
    scene.say(&host, ClientMessage::MuteMember(MuteMember { peer: None, kind: SourceKind::Microphone }));
    assert!(scene.media.iter().any(|c| matches!(c, MediaCommand::Pause { paused: true, .. })));
    assert!(scene.inbox(&ann).iter().any(|m| matches!(m, ServerMessage::MuteRequested(_))));
    scene.unmute(&ann, SourceKind::Microphone).unwrap();
    let policy = RoomPolicy {
        microphones_locked: true,
        cameras_locked: false,
        chat_locked: false,
        admission: false,
        slow_mode_s: 0,
    };
    scene.say(&host, ClientMessage::RoomPolicy(RoomPolicyChange { policy: policy.clone() }));
    assert_eq!(scene.unmute(&ann, SourceKind::Microphone), Err(RefusalCode::RoomLocked));
    scene.media.clear();
    let open = RoomPolicy { microphones_locked: false, ..policy };
    scene.say(&host, ClientMessage::RoomPolicy(RoomPolicyChange { policy: open }));
    let opened = scene.media.iter().any(|c| matches!(c, MediaCommand::Pause { paused: false, .. }));
    assert!(!opened, "a lifted lock opens no microphone by itself");
}

#[test]
fn a_second_device_shares_the_floor_and_it_goes_with_the_last() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.say(&host, ClientMessage::Promote(Promote { peer: ann.clone(), promoted: true }));
    let second = scene.student("ann");
    assert!(scene.joined(&second).unwrap().rights.publish_audio);
    for peer in [&ann, &second] {
        scene.say(peer, ClientMessage::Leave(kafedra_signaling::message::session::Leave {}));
    }
    let back = scene.student("ann");
    assert!(!scene.joined(&back).unwrap().rights.publish_audio);
}
