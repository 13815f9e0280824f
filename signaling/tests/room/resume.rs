//! A dropped socket takes its seat again.

use std::time::Duration;

use kafedra_signaling::ids::ResumeToken;
use kafedra_signaling::message::floor::{Hand, Promote};
use kafedra_signaling::message::session::{Form, LeftReason, RoomRole};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::refusal::RefusalCode;
use kafedra_signaling::room::{MediaEvent, Record};

use crate::scenario::{Scenario, admission};

fn token(person: &str) -> ResumeToken {
    admission(RoomRole::Recipient, person).resume
}

#[test]
fn a_resume_keeps_seat_hand_floor_and_misses_no_chat() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.chat(&host, "1").unwrap();
    scene.say(&host, ClientMessage::Promote(Promote { peer: ann.clone(), promoted: true }));
    scene.say(&ann, ClientMessage::Hand(Hand { raised: true }));
    scene.disconnect(&ann);
    scene.chat(&host, "2").unwrap();
    scene.chat(&host, "3").unwrap();
    scene.pass(Duration::from_secs(29));
    scene.take(&ann);
    assert_eq!(scene.resume("ann", &token("ann"), 1), Ok(ann.clone()));
    let joined = scene.joined(&ann).unwrap();
    assert!(joined.resumed);
    assert_eq!(joined.hands, std::slice::from_ref(&ann));
    assert!(joined.rights.publish_audio);
    let seqs: Vec<u64> = joined.chat.messages.iter().map(|message| message.seq).collect();
    assert_eq!((seqs, joined.chat.more, joined.chat.last_seq), (vec![2, 3], false, 3));
    let left = scene.records.iter().any(|record| matches!(record, Record::Left { .. }));
    assert!(!left, "no gap in the attendance");
}

#[test]
fn who_was_away_when_their_media_fell_is_told_on_return_once() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (_host, ann) = (scene.host(), scene.student("ann"));
    let told = |scene: &mut Scenario, ann| {
        scene.take(ann).iter().filter(|message| matches!(message, ServerMessage::MediaLost(_))).count()
    };
    scene.media_event(MediaEvent::Fallen { peer: ann.clone() });
    assert_eq!(told(&mut scene, &ann), 1, "at once, while the socket is there");
    scene.disconnect(&ann);
    scene.media_event(MediaEvent::Fallen { peer: ann.clone() });
    assert_eq!(told(&mut scene, &ann), 0);
    assert_eq!(scene.resume("ann", &token("ann"), 0), Ok(ann.clone()));
    assert_eq!(told(&mut scene, &ann), 1);
    scene.disconnect(&ann);
    assert_eq!(scene.resume("ann", &token("ann"), 0), Ok(ann.clone()));
    assert_eq!(told(&mut scene, &ann), 0);
}

#[test]
fn after_thirty_seconds_the_seat_is_gone() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.say(&ann, ClientMessage::Hand(Hand { raised: true }));
    scene.disconnect(&ann);
    scene.take(&host);
    scene.pass(Duration::from_secs(31));
    assert_eq!(scene.resume("ann", &token("ann"), 0), Err(RefusalCode::NotFound));
    let left = scene.records.iter().find_map(|record| match record {
        Record::Left { reason, ago, .. } => Some((*reason, *ago)),
        _ => None,
    });
    assert_eq!(left, Some((LeftReason::Lost, Duration::from_secs(30))));
    let queue = scene.inbox(&host).iter().find_map(|message| match message {
        ServerMessage::HandQueue(queue) => Some(queue.peers.clone()),
        _ => None,
    });
    assert_eq!(queue, Some(Vec::new()));
}

#[test]
fn only_the_same_person_with_the_right_token_resumes() {
    let mut scene = Scenario::new(Form::VideoConference);
    scene.host();
    let ann = scene.student("ann");
    scene.student("bob");
    scene.disconnect(&ann);
    assert_eq!(scene.resume("bob", &token("ann"), 0), Err(RefusalCode::NotFound));
    assert_eq!(scene.resume("ann", &token("bob"), 0), Err(RefusalCode::NotFound));
    assert_eq!(scene.resume("ann", &ResumeToken::new(""), 0), Err(RefusalCode::NotFound));
    assert_eq!(scene.resume("ann", &token("ann"), 0), Ok(ann));
}

#[test]
fn a_reloaded_page_takes_the_seat_while_the_old_socket_still_looks_alive() {
    let mut scene = Scenario::new(Form::VideoConference);
    scene.host();
    let ann = scene.student("ann");
    assert_eq!(scene.resume("ann", &token("ann"), 0), Ok(ann.clone()));
    scene.pass(Duration::from_secs(60));
    assert!(scene.chat(&ann, "1").is_ok(), "the seat has no expiry left behind");
}

#[test]
fn a_host_who_is_back_gives_everybody_their_rights_again() {
    let mut scene = Scenario::new(Form::VideoConference);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.disconnect(&host);
    scene.take_all();
    scene.resume("teacher", &token("teacher"), 0).unwrap();
    let told = scene
        .inbox(&ann)
        .iter()
        .any(|message| matches!(message, ServerMessage::Rights(changed) if changed.rights.publish_audio));
    assert!(told);
    assert!(matches!(scene.records[0], Record::HostPresence { present: true }));
}

#[test]
fn an_edit_made_while_away_is_told_after_the_resume() {
    let mut scene = Scenario::new(Form::Chat);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.chat(&host, "1").unwrap();
    scene.disconnect(&ann);
    let message = scene.stored[0].message.clone();
    let edit = kafedra_signaling::message::chat::ChatEdit { message, body: "better".into() };
    scene.say(&host, ClientMessage::ChatEdit(edit));
    scene.resume("ann", &token("ann"), 1).unwrap();
    let told = scene
        .inbox(&ann)
        .iter()
        .any(|message| matches!(message, ServerMessage::ChatChanged(changed) if changed.message.body == "better"));
    assert!(told);
}
