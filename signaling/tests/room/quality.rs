//! The signal of a line, who cannot hear whom, the minutes that are kept, and sources encrypted end to end.

use std::time::Duration;

use kafedra_signaling::ids::PeerId;
use kafedra_signaling::message::media::{QualityReport, SignalLevel, SourceKind, Unheard};
use kafedra_signaling::message::negotiation::Offer;
use kafedra_signaling::message::session::Form;
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::room::{Measured, MediaCommand, MediaEvent, QualityMinute, Record};

use crate::scenario::{Scenario, offer};

fn report(loss_permille: u16, unheard: &[&PeerId]) -> ClientMessage {
    ClientMessage::Quality(QualityReport {
        rtt_ms: 40,
        loss_permille,
        jitter_ms: 5,
        freeze_ms: 300,
        unheard: unheard.iter().map(|&peer| peer.clone()).collect(),
    })
}

fn measured(scenario: &mut Scenario, peer: &PeerId, loss_permille: u16) {
    let measured = Measured { rtt_ms: Some(60), loss_permille, jitter_ms: 9 };
    scenario.media_event(MediaEvent::Measured { peer: peer.clone(), measured });
}

/// The levels of this peer that somebody was told, in order.
fn told(scenario: &mut Scenario, reader: &PeerId, of: &PeerId) -> Vec<Option<SignalLevel>> {
    let messages = scenario.take(reader);
    messages
        .iter()
        .filter_map(|message| match message {
            ServerMessage::MemberChanged(changed) if changed.member.peer == *of => Some(changed.member.signal),
            _ => None,
        })
        .collect()
}

#[test]
fn a_signal_falls_at_once_and_rises_when_it_stays_better() {
    let mut scenario = Scenario::new(Form::VideoConference);
    let (host, ann) = (scenario.host(), scenario.student("ann"));
    scenario.take_all();
    measured(&mut scenario, &ann, 0);
    assert_eq!(told(&mut scenario, &host, &ann), [Some(SignalLevel::Good)]);
    measured(&mut scenario, &ann, 30);
    assert_eq!(told(&mut scenario, &host, &ann), [Some(SignalLevel::Fair)]);
    // What the client sees counts as much.
    scenario.say(&ann, report(100, &[]));
    assert_eq!(told(&mut scenario, &host, &ann), [Some(SignalLevel::Poor)]);
    scenario.say(&ann, report(0, &[]));
    measured(&mut scenario, &ann, 90);
    measured(&mut scenario, &ann, 0);
    assert_eq!(told(&mut scenario, &host, &ann), [], "better once, then worse again");
    measured(&mut scenario, &ann, 0);
    assert_eq!(told(&mut scenario, &host, &ann), [Some(SignalLevel::Good)]);
}

#[test]
fn moderators_hear_who_cannot_hear_whom_and_speakers_who_cannot_hear_them() {
    let mut scenario = Scenario::new(Form::VideoConference);
    let host = scenario.host();
    let (ann, bob, cid) = (scenario.student("ann"), scenario.student("bob"), scenario.student("cid"));
    for peer in [&ann, &cid] {
        scenario.offer(peer, 1, &[SourceKind::Microphone]).unwrap();
    }
    scenario.unmute(&ann, SourceKind::Microphone).unwrap();
    scenario.take_all();
    // Cid's microphone is off: of course he is not heard.
    scenario.say(&bob, report(0, &[&ann, &cid]));
    let pairs = |scenario: &mut Scenario, peer: &PeerId| {
        let messages = scenario.take(peer);
        messages.into_iter().rev().find_map(|message| match message {
            ServerMessage::Unheard(unheard) => Some(unheard.pairs),
            _ => None,
        })
    };
    let expected = vec![Unheard { speaker: ann.clone(), listener: bob.clone() }];
    assert_eq!(pairs(&mut scenario, &host), Some(expected.clone()));
    assert_eq!(pairs(&mut scenario, &ann), Some(expected));
    assert_eq!(pairs(&mut scenario, &bob), None, "not told of others");
    scenario.say(&bob, report(0, &[]));
    assert_eq!(pairs(&mut scenario, &ann), Some(Vec::new()));
}

#[test]
fn a_minute_of_each_line_and_the_time_until_media_stood_are_kept() {
    let mut scenario = Scenario::new(Form::VideoConference);
    scenario.host();
    let ann = scenario.student("ann");
    scenario.offer(&ann, 1, &[SourceKind::Microphone]).unwrap();
    scenario.pass(Duration::from_millis(700));
    scenario.media_event(MediaEvent::Connected { peer: ann.clone() });
    // A path that heals is no second join.
    scenario.media_event(MediaEvent::Connected { peer: ann.clone() });
    measured(&mut scenario, &ann, 10);
    scenario.say(&ann, report(50, &[]));
    scenario.say(&ann, report(0, &[]));
    scenario.pass(Duration::from_secs(60));
    scenario.pass(Duration::from_secs(600));
    let took: Vec<_> = scenario.records.iter().filter(|record| matches!(record, Record::MediaJoined { .. })).collect();
    assert!(matches!(took[..], [Record::MediaJoined { took, .. }] if *took == Duration::from_millis(700)), "{took:?}");
    let minutes: Vec<_> = scenario
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Quality { person, minute } => Some((person.as_str(), *minute)),
            _ => None,
        })
        .collect();
    let minute = QualityMinute { rtt_ms: 60, loss_permille: 20, jitter_ms: 9, freeze_ms: 600 };
    assert_eq!(minutes, [("ann", minute)], "one minute, and nothing for minutes in which nothing was seen");
}

#[test]
fn a_source_that_says_it_is_encrypted_is_told_to_the_sfu_and_to_everybody() {
    let mut scenario = Scenario::new(Form::VideoConference);
    let host = scenario.host();
    let encrypted = |id, encrypted: bool| {
        let ClientMessage::Offer(mut offer) = offer(id, &[SourceKind::Camera]) else { unreachable!("an offer") };
        offer.sends.iter_mut().for_each(|send| send.encrypted = encrypted);
        ClientMessage::Offer(Offer { ..offer })
    };
    let commands = |scenario: &mut Scenario| {
        let media = std::mem::take(&mut scenario.media);
        let of = |command| match command {
            MediaCommand::Offer { .. } => Some("offer".to_owned()),
            MediaCommand::Encrypted { source, is_encrypted } => Some(format!("{source} {is_encrypted}")),
            _ => None,
        };
        media.into_iter().filter_map(of).collect::<Vec<_>>()
    };
    scenario.media.clear();
    scenario.ask(&host, encrypted(1, true)).unwrap();
    let source = format!("{host}:camera");
    assert_eq!(commands(&mut scenario), ["offer".to_owned(), format!("{source} true")], "in this order");
    scenario.media_event(MediaEvent::SourceAdded {
        peer: host.clone(),
        source: kafedra_signaling::ids::SourceId::new(source.as_str()),
        kind: SourceKind::Camera,
    });
    let seen = scenario.take(&host).into_iter().rev().find_map(|message| match message {
        ServerMessage::Sources(sources) => sources.sources.first().map(|view| view.encrypted),
        _ => None,
    });
    assert_eq!(seen, Some(true));
    scenario.ask(&host, encrypted(2, false)).unwrap();
    assert_eq!(commands(&mut scenario), ["offer".to_owned(), format!("{source} false")]);
    scenario.ask(&host, encrypted(3, false)).unwrap();
    assert_eq!(commands(&mut scenario), ["offer"], "nothing to say");
}
