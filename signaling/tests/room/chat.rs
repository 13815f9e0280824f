//! Chat: order, acknowledgement, idempotence, editing, history.

use std::time::Duration;

use kafedra_signaling::ids::{ClientMessageId, MessageId, PersonId};
use kafedra_signaling::message::chat::{ChatDelete, ChatEdit, ChatHistoryRequest, ChatMessage};
use kafedra_signaling::message::floor::{RoomPolicy, RoomPolicyChange};
use kafedra_signaling::message::session::{Form, RoomRole};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::refusal::RefusalCode;
use kafedra_signaling::room::{Control, Record, Stored};

use crate::scenario::{Scenario, chat_send};

fn stored(seq: u64) -> ChatMessage {
    ChatMessage {
        message: MessageId::new(format!("m{seq}")),
        seq,
        author: PersonId::new("teacher"),
        author_name: "T".into(),
        peer: None,
        client_msg_id: ClientMessageId::new(format!("c{seq}")),
        body: format!("body {seq}"),
        sent_ms: seq,
        edited_ms: None,
        deleted: false,
        reply_to: None,
    }
}

#[test]
fn nothing_is_acknowledged_or_told_before_the_store_has_it() {
    let mut scene = Scenario::new(Form::Chat);
    scene.store_answers = false;
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.take_all();
    scene.say(&ann, chat_send("1"));
    assert!(scene.inbox(&ann).is_empty() && scene.inbox(&host).is_empty());
    let record = scene.records.remove(0);
    scene.play_store(record);
    // One more drain happens with the next call.
    scene.pass(Duration::ZERO);
    scene.say(&ann, chat_send("2"));
    assert!(matches!(scene.inbox(&ann)[0], ServerMessage::ChatAck(_)));
    assert_eq!(scene.chat_bodies(&host), ["body 1"]);
    assert_eq!(scene.chat_bodies(&ann), ["body 1"]);
}

/// SG-11, within the room: a repeated message is one row, one seq, the same acknowledgement.
#[test]
fn sg_11_a_repeated_client_msg_id_gets_the_first_answer_again() {
    let mut scene = Scenario::new(Form::Chat);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.take_all();
    for _ in 0..10 {
        scene.say(&ann, chat_send("same"));
    }
    let acks: Vec<_> = scene
        .take(&ann)
        .into_iter()
        .filter_map(|message| match message {
            ServerMessage::ChatAck(ack) => Some((ack.message, ack.seq)),
            _ => None,
        })
        .collect();
    assert_eq!(acks.len(), 10);
    assert!(acks.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(scene.chat_bodies(&host), ["body same"]);
    // Across a reconnect that found no seat: another peer of the same person.
    let again = scene.student("ann");
    scene.take(&again);
    scene.say(&again, chat_send("same"));
    assert!(
        matches!(&scene.inbox(&again)[0], ServerMessage::ChatAck(ack) if (&ack.message, ack.seq) == (&acks[0].0, acks[0].1))
    );
    assert_eq!(scene.stored.len(), 1);
}

#[test]
fn everybody_sees_one_order_even_if_the_store_answers_out_of_it() {
    let mut scene = Scenario::new(Form::Chat);
    scene.store_answers = false;
    let host = scene.host();
    scene.take_all();
    for seq in [2, 3, 1] {
        scene.answer(Stored::Chat { peer: host.clone(), result: Ok(stored(seq)) });
    }
    assert_eq!(scene.chat_bodies(&host), ["body 1", "body 2", "body 3"]);
    // A number that never comes holds the rest back for a moment only.
    scene.take(&host);
    scene.answer(Stored::Chat { peer: host.clone(), result: Ok(stored(5)) });
    assert!(scene.chat_bodies(&host).is_empty());
    scene.pass(Duration::from_secs(3));
    let Some(Record::ChatMissing { after_seq: 3, before_seq: 5 }) = scene.records.last() else {
        panic!("{:?}", scene.records.last())
    };
    assert!(scene.chat_bodies(&host).is_empty());
    scene.answer(Stored::ChatMissing { result: Ok(vec![stored(4)]) });
    assert_eq!(scene.chat_bodies(&host), ["body 4", "body 5"]);
}

#[test]
fn a_number_that_the_store_cannot_tell_of_holds_nobody_up() {
    let mut scene = Scenario::new(Form::Chat);
    scene.store_answers = false;
    let host = scene.host();
    scene.take(&host);
    scene.answer(Stored::Chat { peer: host.clone(), result: Ok(stored(2)) });
    scene.pass(Duration::from_secs(3));
    scene.answer(Stored::ChatMissing { result: Err(RefusalCode::Unavailable) });
    assert_eq!(scene.chat_bodies(&host), ["body 2"]);
    assert_eq!(scene.room.poll_timeout(), None);
}

/// The answer to the first sending was lost between store and room: the second one shows it.
#[test]
fn a_repeated_message_that_nobody_was_shown_is_shown() {
    let mut scene = Scenario::new(Form::Chat);
    let (host, ann) = (scene.host(), scene.student("ann"));
    scene.store_answers = false;
    scene.say(&host, chat_send("1"));
    let lost = scene.records.pop().unwrap();
    scene.answer(Stored::Chat {
        peer: host.clone(),
        result: Err((ClientMessageId::new("1"), RefusalCode::Unavailable)),
    });
    for _ in 0..2 {
        scene.say(&host, chat_send("1"));
        scene.play_store(lost.clone());
        scene.pass(Duration::ZERO);
    }
    scene.control(Control::Times { start_ms: 1, end_ms: 2, closes_ms: 3 });
    assert_eq!(scene.chat_bodies(&ann), ["body 1"]);
}

#[test]
fn an_edit_that_changes_nothing_is_told_to_its_author_only() {
    let mut scene = Scenario::new(Form::Chat);
    let (_host, ann, bob) = (scene.host(), scene.student("ann"), scene.student("bob"));
    scene.chat(&ann, "1").unwrap();
    let edit = ClientMessage::ChatEdit(ChatEdit { message: scene.stored[0].message.clone(), body: "new".into() });
    for _ in 0..5 {
        scene.ask(&ann, edit.clone()).unwrap();
    }
    let changed = |peer| scene.inbox(peer).iter().filter(|m| matches!(m, ServerMessage::ChatChanged(_))).count();
    assert_eq!((changed(&bob), changed(&ann)), (1, 1));
}

#[test]
fn a_failed_write_is_refused_with_the_clients_name_of_it() {
    let mut scene = Scenario::new(Form::Chat);
    scene.store_answers = false;
    let host = scene.host();
    scene.take_all();
    scene.say(&host, chat_send("1"));
    let failed = Err((ClientMessageId::new("1"), RefusalCode::StorageFull));
    scene.answer(Stored::Chat { peer: host.clone(), result: failed });
    let ServerMessage::Error(refused) = &scene.inbox(&host)[0] else { panic!() };
    assert_eq!(refused.code, RefusalCode::StorageFull);
    assert_eq!(refused.client_msg_id, Some(ClientMessageId::new("1")));
}

#[test]
fn only_authors_edit_and_only_authors_or_moderators_delete() {
    let mut scene = Scenario::new(Form::Chat);
    let (host, ann, bob) = (scene.host(), scene.student("ann"), scene.student("bob"));
    scene.chat(&ann, "1").unwrap();
    let message = scene.stored[0].message.clone();
    let edit = || ClientMessage::ChatEdit(ChatEdit { message: message.clone(), body: "new".into() });
    let delete = || ClientMessage::ChatDelete(ChatDelete { message: message.clone() });
    assert_eq!(scene.ask(&bob, edit()), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(scene.ask(&host, edit()), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(scene.ask(&bob, delete()), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(scene.ask(&ann, edit()), Ok(()));
    assert_eq!(scene.ask(&host, delete()), Ok(()));
    let last = scene.inbox(&host).iter().rev().find_map(|message| match message {
        ServerMessage::ChatChanged(changed) => Some((changed.message.deleted, changed.message.body.clone())),
        _ => None,
    });
    assert_eq!(last, Some((true, String::new())));
}

#[test]
fn a_locked_chat_is_open_to_hosts_and_observers_only() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann) = (scene.host(), scene.student("ann"));
    let deputy = scene.join(RoomRole::Observer, "deputy");
    let policy = RoomPolicy {
        microphones_locked: false,
        cameras_locked: false,
        chat_locked: true,
        admission: false,
        slow_mode_s: 0,
    };
    scene.say(&host, ClientMessage::RoomPolicy(RoomPolicyChange { policy }));
    assert_eq!(scene.chat(&ann, "1"), Err(RefusalCode::RoomLocked));
    assert_eq!(scene.chat(&host, "2"), Ok(()));
    assert_eq!(scene.chat(&deputy, "3"), Ok(()));
}

/// Slow mode: one message of a recipient in so many seconds, whoever else writes; hosts and observers are free of it.
#[test]
fn slow_mode_holds_recipients_to_one_message_in_its_time() {
    let mut scene = Scenario::new(Form::Webinar);
    let (host, ann, bob) = (scene.host(), scene.student("ann"), scene.student("bob"));
    assert_eq!((scene.chat(&ann, "1"), scene.chat(&ann, "2")), (Ok(()), Ok(())), "off at first");
    let slow = |slow_mode_s| RoomPolicy {
        microphones_locked: false,
        cameras_locked: false,
        chat_locked: false,
        admission: false,
        slow_mode_s,
    };
    scene.say(&ann, ClientMessage::RoomPolicy(RoomPolicyChange { policy: slow(60) }));
    assert_eq!(scene.chat(&ann, "3"), Ok(()), "only a moderator changes it");
    scene.pass(Duration::from_secs(11));
    scene.say(&host, ClientMessage::RoomPolicy(RoomPolicyChange { policy: slow(10) }));
    assert_eq!(scene.chat(&ann, "4"), Ok(()));
    scene.pass(Duration::from_secs(4));
    scene.take_all();
    scene.say(&ann, chat_send("5"));
    let refused = scene.take(&ann).into_iter().find_map(|message| match message {
        ServerMessage::Error(refused) => Some((refused.code, refused.retry_after_ms)),
        _ => None,
    });
    assert_eq!(refused, Some((RefusalCode::SlowMode, Some(6_000))));
    assert_eq!(scene.chat(&bob, "6"), Ok(()), "each has their own time");
    assert_eq!(scene.chat(&ann, "4"), Ok(()), "sent again, it is the same message");
    for n in 0..3 {
        assert_eq!(scene.chat(&host, &format!("h{n}")), Ok(()), "the host is exempt");
    }
    // Leaving and coming back does not shorten it.
    scene.say(&ann, ClientMessage::Leave(kafedra_signaling::message::session::Leave {}));
    let ann = scene.student("ann");
    assert_eq!(scene.chat(&ann, "7"), Err(RefusalCode::SlowMode));
    scene.pass(Duration::from_secs(6));
    assert_eq!(scene.chat(&ann, "8"), Ok(()));
    scene.say(&host, ClientMessage::RoomPolicy(RoomPolicyChange { policy: slow(0) }));
    assert_eq!(scene.chat(&ann, "9"), Ok(()));
}

#[test]
fn history_comes_from_memory_and_then_from_the_store() {
    let mut scene = Scenario::new(Form::Chat);
    scene.stored = (1..=600).map(stored).collect();
    let (chat, last) = (scene.stored[344..].to_vec(), 600);
    let stored = scene.stored.clone();
    scene = Scenario::with(Form::Chat, |config| {
        config.chat = chat;
        config.chat_last_seq = last;
    });
    scene.stored = stored;
    let host = scene.host();
    let first = scene.joined(&host).unwrap().chat;
    assert_eq!((first.messages[0].seq, first.messages.len(), first.last_seq, first.more), (551, 50, 600, true));
    let mut before = first.messages[0].seq;
    let mut pages = 0;
    loop {
        scene.take(&host);
        scene.say(&host, ClientMessage::ChatHistory(ChatHistoryRequest { before_seq: Some(before), limit: 100 }));
        // Answers of the store arrive with the next drain.
        scene.pass(Duration::ZERO);
        scene.media_event(kafedra_signaling::room::MediaEvent::Speakers { peers: Vec::new() });
        let page = scene
            .inbox(&host)
            .iter()
            .find_map(|message| match message {
                ServerMessage::ChatHistory(page) => Some(page.clone()),
                _ => None,
            })
            .unwrap();
        assert_eq!(page.messages.last().unwrap().seq, before - 1, "no gap between pages");
        before = page.messages[0].seq;
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!((before, pages), (1, 6));
}

#[test]
fn a_slow_store_is_answered_with_try_again() {
    let mut scene = Scenario::new(Form::Chat);
    scene.store_answers = false;
    let host = scene.host();
    let refused = (0..300).filter(|n| scene.chat(&host, &n.to_string()) == Err(RefusalCode::Unavailable)).count();
    assert_eq!(refused, 300 - 256);
    assert_eq!(scene.records.iter().filter(|record| matches!(record, Record::Chat { .. })).count(), 256);
}
