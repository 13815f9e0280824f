//! Coming in: the lobby, the host, capacity, devices, admission, the end.

use std::time::Duration;

use kafedra_signaling::ids::PersonId;
use kafedra_signaling::message::chat::ChatHistoryRequest;
use kafedra_signaling::message::floor::{Admit, EndRoom, RoomPolicy, RoomPolicyChange};
use kafedra_signaling::message::session::{CloseReason, Form, Leave, LeftReason, RoomRole, RoomState, WaitingReason};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::refusal::RefusalCode;
use kafedra_signaling::room::{Control, MediaCommand, Record, Seat, Stored};

use crate::scenario::{Scenario, admission};

fn waiting(scene: &Scenario, peer: &kafedra_signaling::ids::PeerId) -> Option<WaitingReason> {
    scene.inbox(peer).iter().rev().find_map(|message| match message {
        ServerMessage::Waiting(waiting) => Some(waiting.reason),
        _ => None,
    })
}

#[test]
fn inv_55_recipients_wait_until_the_host_comes_and_then_sit_down_in_order() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (ann, bob) = (scene.student("ann"), scene.student("bob"));
    assert_eq!(waiting(&scene, &ann), Some(WaitingReason::HostAbsent));
    assert!(scene.joined(&ann).is_none());
    let host = scene.host();
    assert_eq!(scene.joined(&host).unwrap().room.state, RoomState::Live);
    let seen: Vec<_> = scene.joined(&bob).unwrap().members.into_iter().map(|member| member.peer).collect();
    assert_eq!(seen, [ann, bob, host]);
    let arrived = scene.records.iter().filter(|record| matches!(record, Record::HostArrived { .. })).count();
    assert_eq!(arrived, 1);
}

#[test]
fn the_last_host_going_silences_recipients_and_the_next_waits() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.take_all();
    scene.disconnect(&host);
    let bob = scene.student("bob");
    assert_eq!(waiting(&scene, &bob), Some(WaitingReason::HostAbsent));
    assert!(matches!(scene.records[0], Record::HostPresence { present: false }));
    let told = scene.inbox(&ann).iter().any(|message| {
        matches!(message, ServerMessage::Rights(changed) if !changed.rights.publish_audio && !changed.rights.chat)
    });
    assert!(told, "{:?}", scene.inbox(&ann));
    assert_eq!(scene.chat(&ann, "1"), Err(RefusalCode::HostAbsent));
}

#[test]
fn admission_holds_newcomers_until_a_moderator_lets_them_in() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    let policy = RoomPolicy {
        microphones_locked: false,
        cameras_locked: false,
        chat_locked: false,
        admission: true,
        slow_mode_s: 0,
    };
    scene.say(&host, ClientMessage::RoomPolicy(RoomPolicyChange { policy }));
    let (bob, eve) = (scene.student("bob"), scene.student("eve"));
    assert_eq!(waiting(&scene, &bob), Some(WaitingReason::Admission));
    let lobby = scene.inbox(&host).iter().rev().find_map(|message| match message {
        ServerMessage::Lobby(lobby) => Some(lobby.waiting.len()),
        _ => None,
    });
    assert_eq!(lobby, Some(2));
    assert_eq!(scene.ask(&ann, ClientMessage::Admit(Admit { peer: None })), Err(RefusalCode::RoleNotPermitted));
    scene.say(&host, ClientMessage::Admit(Admit { peer: Some(bob.clone()) }));
    assert!(scene.joined(&bob).is_some() && scene.joined(&eve).is_none());
    // Whoever was in comes back without asking.
    scene.say(&ann, ClientMessage::Leave(Leave {}));
    let again = scene.student("ann");
    assert!(scene.joined(&again).is_some());
    scene.say(&host, ClientMessage::Admit(Admit { peer: None }));
    assert!(scene.joined(&eve).is_some());
}

#[test]
fn who_waits_may_do_nothing_and_learns_nothing() {
    let mut scene = Scenario::new(Form::VideoConference);
    let ann = scene.student("ann");
    assert_eq!(scene.chat(&ann, "1"), Err(RefusalCode::OutOfOrder));
    assert_eq!(scene.offer(&ann, 1, &[]), Err(RefusalCode::OutOfOrder));
    scene.take(&ann);
    let bob = scene.student("bob");
    assert!(scene.inbox(&ann).is_empty(), "{:?}", scene.inbox(&ann));
    scene.disconnect(&bob);
    assert!(scene.unbound.contains(&bob));
}

#[test]
fn the_room_is_full_at_its_forms_size_but_its_host_comes_in() {
    let mut scene = Scenario::with(Form::Individual, |config| config.limits.capacity = 2);
    scene.student("ann");
    scene.student("bob");
    assert_eq!(scene.knock(admission(RoomRole::Guardian, "eve")), Err(RefusalCode::RoomFull));
    let host = scene.host();
    assert!(scene.joined(&host).is_some());
}

#[test]
fn a_person_has_three_devices_and_a_lost_one_makes_room() {
    let mut scene = Scenario::new(Form::VideoConference);
    scene.host();
    let first = scene.student("ann");
    scene.student("ann");
    scene.student("ann");
    assert_eq!(scene.knock(admission(RoomRole::Recipient, "ann")), Err(RefusalCode::RoomFull));
    scene.disconnect(&first);
    scene.student("ann");
    assert!(scene.unbound.contains(&first));
    let joined = scene.records.iter().filter(|record| matches!(record, Record::Joined { .. })).count();
    assert_eq!(joined, 2, "one person is one attendance, however many devices");
}

#[test]
fn who_was_removed_cannot_come_back() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    let second = scene.student("ann");
    let remove = kafedra_signaling::message::floor::RemoveMember { peer: ann.clone() };
    scene.say(&host, ClientMessage::RemoveMember(remove));
    assert_eq!(scene.closed(&ann), Some(CloseReason::Removed));
    assert_eq!(scene.closed(&second), Some(CloseReason::Removed));
    assert_eq!(scene.knock(admission(RoomRole::Recipient, "ann")), Err(RefusalCode::RemovedFromRoom));
    let token = admission(RoomRole::Recipient, "ann").resume;
    assert_eq!(scene.resume("ann", &token, 0), Err(RefusalCode::NotFound));
    assert!(scene.records.iter().any(|r| matches!(r, Record::Removed { person, .. } if person.as_str() == "ann")));
}

#[test]
fn the_end_reaches_everybody_once_and_finishes_the_room() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.take_all();
    assert_eq!(scene.ask(&ann, ClientMessage::EndRoom(EndRoom {})), Err(RefusalCode::RoleNotPermitted));
    scene.take_all();
    scene.say(&host, ClientMessage::EndRoom(EndRoom {}));
    for peer in [&host, &ann] {
        assert_eq!(scene.closed(peer), Some(CloseReason::EndedByHost));
        assert_eq!(scene.inbox(peer).len(), 1, "{:?}", scene.inbox(peer));
    }
    assert!(scene.finished);
    assert!(scene.media.iter().any(|command| matches!(command, MediaCommand::CloseRoom)));
    assert!(matches!(&scene.records[0], Record::EndedByHost { person } if *person == PersonId::new("teacher")));
    let left = |record: &&Record| matches!(record, Record::Left { reason: LeftReason::Closed, .. });
    assert_eq!(scene.records.iter().filter(left).count(), 2);
    assert_eq!(scene.knock(admission(RoomRole::Recipient, "bob")), Err(RefusalCode::TooLate));
}

#[test]
fn nobody_is_told_of_the_end_before_it_is_kept() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.take_all();
    scene.store_answers = false;
    for _ in 0..2 {
        assert_eq!(scene.ask(&host, ClientMessage::EndRoom(EndRoom {})), Ok(()));
    }
    let asked = scene.records.iter().filter(|record| matches!(record, Record::EndedByHost { .. })).count();
    assert_eq!((asked, scene.closed(&ann), scene.finished), (1, None, false));
    assert_eq!(scene.knock(admission(RoomRole::Recipient, "bob")), Err(RefusalCode::TooLate));
    scene.answer(Stored::Ended);
    for peer in [&host, &ann] {
        assert_eq!(scene.closed(peer), Some(CloseReason::EndedByHost));
    }
    assert!(scene.finished);
}

#[test]
fn who_was_admitted_is_not_stopped_again_when_the_room_is_built_anew() {
    let lock = |admission| RoomPolicyChange {
        policy: RoomPolicy {
            microphones_locked: false,
            cameras_locked: false,
            chat_locked: false,
            admission,
            slow_mode_s: 0,
        },
    };
    let mut before = Scenario::new(Form::Webinar);
    let (host, ann) = (before.host(), before.student("ann"));
    before.say(&host, ClientMessage::RoomPolicy(lock(true)));
    assert!(before.joined(&ann).is_some());
    let mut kept = None;
    before.room.keep_in(&mut kept);
    let mut after = Scenario::new(Form::Webinar);
    after.room.go_on(kept.unwrap());
    after.host();
    let (ann, bob) = (after.student("ann"), after.student("bob"));
    assert!(after.joined(&ann).is_some(), "she was in before");
    assert!(after.joined(&bob).is_none(), "he was not");
}

#[test]
fn the_clock_closes_for_those_in_the_lobby_too() {
    let mut scene = Scenario::new(Form::Webinar);
    let ann = scene.student("ann");
    scene.control(Control::Close { reason: CloseReason::NotHeld });
    assert_eq!(scene.closed(&ann), Some(CloseReason::NotHeld));
}

#[test]
fn a_person_whose_access_ended_is_out_but_not_banned() {
    let mut scene = Scenario::new(Form::VideoConference);
    scene.host();
    let ann = scene.student("ann");
    scene.control(Control::Expel { person: PersonId::new("ann") });
    assert_eq!(scene.closed(&ann), Some(CloseReason::AccessEnded));
    let token = admission(RoomRole::Recipient, "ann").resume;
    assert_eq!(scene.resume("ann", &token, 0), Err(RefusalCode::NotFound));
    scene.student("ann");
}

#[test]
fn programs_come_only_where_their_person_might_be() {
    let mut scene = Scenario::new(Form::Webinar);
    let seat = |role, person: &str, seat| kafedra_signaling::room::Admission { seat, ..admission(role, person) };
    let publisher = || Seat::Publisher { label: "stream".into() };
    assert_eq!(scene.knock(seat(RoomRole::Recipient, "ann", Seat::Watcher)), Err(RefusalCode::HostAbsent));
    // The host's encoder is no adult who could step in.
    scene.knock(seat(RoomRole::Host, "teacher", publisher())).unwrap();
    assert_eq!(scene.room.state(), RoomState::Open);
    assert_eq!(scene.knock(seat(RoomRole::Recipient, "ann", Seat::Watcher)), Err(RefusalCode::HostAbsent));
    assert!(!scene.records.iter().any(|record| matches!(record, Record::HostArrived { .. })));
    assert!(!scene.records.iter().any(|record| matches!(record, Record::Joined { .. })), "no attendance");
    scene.host();
    assert_eq!(scene.room.state(), RoomState::Live);
    scene.take_all();
    for _ in 0..10 {
        scene.knock(seat(RoomRole::Recipient, "ann", Seat::Watcher)).unwrap();
    }
    assert_eq!(scene.knock(seat(RoomRole::Recipient, "ann", Seat::Watcher)), Err(RefusalCode::RoomFull));
    assert!(!scene.records.iter().any(|record| matches!(record, Record::Joined { .. })), "no attendance");
}

/// INV-55: the encoder goes on when the teacher's own device is gone; the children do not.
#[test]
fn a_hosts_encoder_alone_keeps_no_floor_open() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    let publisher = Seat::Publisher { label: "stream".into() };
    scene
        .knock(kafedra_signaling::room::Admission { seat: publisher, ..admission(RoomRole::Host, "teacher") })
        .unwrap();
    scene.disconnect(&host);
    assert_eq!(scene.chat(&ann, "1"), Err(RefusalCode::HostAbsent));
}

#[test]
fn a_second_device_takes_nobodys_place() {
    let mut scene = Scenario::with(Form::Individual, |config| config.limits.capacity = 2);
    scene.host();
    scene.student("ann");
    scene.student("ann");
    scene.student("bob");
    scene.student("bob");
    assert_eq!(scene.knock(admission(RoomRole::Recipient, "eve")), Err(RefusalCode::RoomFull));
}

#[test]
fn a_person_was_there_as_long_as_their_longest_device() {
    let mut scene = Scenario::new(Form::VideoConference);
    scene.host();
    let (phone, tablet) = (scene.student("ann"), scene.student("ann"));
    scene.disconnect(&phone);
    scene.pass(Duration::from_secs(10));
    scene.say(&tablet, ClientMessage::Leave(Leave {}));
    scene.pass(Duration::from_secs(25));
    let ago = scene.records.iter().find_map(|record| match record {
        Record::Left { ago, .. } => Some(*ago),
        _ => None,
    });
    assert_eq!(ago, Some(Duration::from_secs(20)), "the phone's seat ran out 20 s after the tablet went");
}

#[test]
fn in_a_room_of_turns_the_next_one_waits_and_reads_nothing_of_the_one_before() {
    let mut scene = Scenario::with(Form::Individual, |config| config.takes_turns = true);
    let (host, ann) = (scene.host(), scene.student("ann"));
    assert_eq!(waiting(&scene, &ann), Some(WaitingReason::Admission));
    scene.say(&host, ClientMessage::Admit(Admit { peer: Some(ann.clone()) }));
    scene.chat(&ann, "ann's trouble").unwrap();
    assert_eq!(scene.chat_bodies(&host).len(), 1);
    let bob = scene.student("bob");
    assert_eq!(waiting(&scene, &bob), Some(WaitingReason::Admission));
    scene.say(&host, ClientMessage::Admit(Admit { peer: Some(bob.clone()) }));
    assert_eq!(scene.joined(&bob).unwrap().chat.messages.len(), 0);
    scene.take(&bob);
    scene.say(&bob, ClientMessage::ChatHistory(ChatHistoryRequest { before_seq: None, limit: 50 }));
    let page = scene.inbox(&bob).iter().find_map(|message| match message {
        ServerMessage::ChatHistory(page) => Some((page.messages.len(), page.more)),
        _ => None,
    });
    assert_eq!(page, Some((0, false)));
    scene.chat(&host, "to bob").unwrap();
    assert_eq!(scene.chat_bodies(&bob).len(), 1);
}
