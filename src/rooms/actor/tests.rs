//! A room that falls is built anew; its people come back to their chat.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures_util::future::BoxFuture;
use signaling::ids::{ClientMessageId, PersonId as WirePerson, RoomId};
use signaling::message::chat::ChatSend;
use signaling::message::floor::{RoomPolicy, RoomPolicyChange};
use signaling::message::session::Form;
use signaling::room::Seat;

use super::*;
use crate::clock::WallClock;
use crate::domain::ids::PersonId as SchoolPerson;
use crate::domain::policy::Principal;
use crate::presence::Presence;
use crate::rooms::access::{Entry, Gate, Purpose, Refused};
use crate::rooms::registry::{Parts, Settings};
use crate::store::Store;

struct Everybody;

impl Gate for Everybody {
    fn admit<'a>(
        &'a self,
        _who: &'a Principal,
        _room: &'a RoomId,
        _beside: Option<&'a WirePerson>,
        _purpose: Purpose,
    ) -> BoxFuture<'a, Result<Entry, Refused>> {
        Box::pin(std::future::ready(Ok(Entry { role: RoomRole::Host, beside: None })))
    }

    fn is_signed_in<'a>(&'a self, _who: &'a Principal) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }

    fn in_use<'a>(&'a self, _who: &'a Principal) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn person(name: &str) -> Principal {
    Principal {
        school: SchoolId::new("s"),
        person: SchoolPerson::new(name),
        code: name.into(),
        display_name: name.into(),
        roles: Vec::new(),
        scopes: None,
        session: String::new(),
    }
}

async fn rooms(folder: &std::path::Path) -> Rooms {
    rooms_with(folder, Form::Chat, Settings::default()).await
}

async fn rooms_with(folder: &std::path::Path, form: Form, settings: Settings) -> Rooms {
    let store = Store::fresh(folder).await;
    let rooms = Rooms::new(Parts {
        store,
        clock: WallClock::system(0),
        sfu: None,
        presence: Presence::local(),
        gate: Arc::new(Everybody),
        settings,
    });
    let spec = RoomSpec {
        school: "s".into(),
        room: RoomId::new("r"),
        form,
        title: String::new(),
        start_ms: 1,
        end_ms: 2,
        closes_ms: 3,
        takes_turns: false,
        state: RoomState::Open,
    };
    rooms.open(spec).await.unwrap();
    rooms
}

/// A seat whose messages come as values.
async fn seat(rooms: &Rooms, name: &str) -> (super::super::registry::Bound, mpsc::Receiver<Box<ServerMessage>>) {
    let (sender, messages) = mpsc::channel(64);
    let room = RoomId::new("r");
    let sink = Sink::Program { channel: sender, reads: |_| true };
    let bound = rooms.join(&person(name), &room, None, Seat::Person, sink).await.unwrap();
    (bound, messages)
}

async fn wait_for<T>(
    messages: &mut mpsc::Receiver<Box<ServerMessage>>,
    pick: impl Fn(ServerMessage) -> Option<T>,
) -> T {
    loop {
        let message = messages.recv().await.expect("the seat ended first");
        if let Some(found) = pick(*message) {
            return found;
        }
    }
}

#[tokio::test]
async fn a_panic_is_contained_and_the_room_comes_back_with_its_chat() {
    let folder = tempfile::tempdir().unwrap();
    let rooms = rooms(folder.path()).await;
    let (bound, mut messages) = seat(&rooms, "ann").await;
    let send = ChatSend { client_msg_id: ClientMessageId::new("1"), body: "kept".into(), reply_to: None };
    bound.say(ClientMessage::ChatSend(send)).await;
    wait_for(&mut messages, |message| matches!(message, ServerMessage::ChatAck(_)).then_some(())).await;
    rooms.inbox(&RoomId::new("r")).unwrap().send(Event::Panic).await.unwrap();
    // Told to come back, and the seat is known to be gone.
    wait_for(&mut messages, |message| matches!(message, ServerMessage::Reconnect(_)).then_some(())).await;
    bound.gone().await;
    let (_bound, mut messages) = seat(&rooms, "ann").await;
    let chat = wait_for(&mut messages, |message| match message {
        ServerMessage::Joined(joined) => Some(joined.chat),
        _ => None,
    });
    assert_eq!(chat.await.messages[0].body, "kept");
}

#[tokio::test]
async fn a_room_that_fell_keeps_its_locks_its_times_and_the_stays() {
    let folder = tempfile::tempdir().unwrap();
    let rooms = rooms(folder.path()).await;
    let room = RoomId::new("r");
    let (bound, mut messages) = seat(&rooms, "ann").await;
    let policy = RoomPolicy {
        microphones_locked: true,
        cameras_locked: true,
        chat_locked: true,
        admission: true,
        slow_mode_s: 0,
    };
    bound.say(ClientMessage::RoomPolicy(RoomPolicyChange { policy: policy.clone() })).await;
    rooms.control(&room, Control::Times { start_ms: 1, end_ms: 20, closes_ms: 30 }).await;
    rooms.inbox(&room).unwrap().send(Event::Panic).await.unwrap();
    wait_for(&mut messages, |message| matches!(message, ServerMessage::Reconnect(_)).then_some(())).await;
    let (_bound, mut messages) = seat(&rooms, "ann").await;
    let view = wait_for(&mut messages, |message| match message {
        ServerMessage::Joined(joined) => Some(joined.room),
        _ => None,
    });
    let view = view.await;
    assert_eq!((view.policy, view.closes_ms, view.state), (policy, 30, RoomState::Live));
    let store = rooms.store().clone();
    rooms.shutdown().await;
    let stays = store.attendance(&ConsultationId::new("r")).await.unwrap();
    assert_eq!(stays.iter().map(|stay| stay.left_ms.is_some()).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_room_that_falls_again_and_again_is_given_up_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let rooms = rooms(folder.path()).await;
    let mut events = rooms.events();
    let inbox = rooms.inbox(&RoomId::new("r")).unwrap();
    for _ in 0..MOST_PANICS {
        inbox.send(Event::Panic).await.unwrap();
    }
    drop(inbox);
    assert_eq!(events.recv().await.unwrap(), RoomEvent::Failed { room: RoomId::new("r") });
    while rooms.is_open(&RoomId::new("r")) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_receives_media_is_told_the_relays_and_told_anew_before_the_credentials_end() {
    let turn = crate::config::turn::Turn {
        urls: vec!["turn:relay.example".into()],
        secret: crate::config::secret::Secret::new("north"),
        ttl_s: 1,
        ..Default::default()
    };
    let relays = crate::rooms::relays::Relays::new(&turn);
    let settings = Settings { relays: relays.clone(), ..Settings::default() };
    for (form, is_told) in [(Form::VideoConference, true), (Form::Chat, false)] {
        let folder = tempfile::tempdir().unwrap();
        let rooms = rooms_with(folder.path(), form, settings.clone()).await;
        let (_bound, mut messages) = seat(&rooms, "ann").await;
        let first = wait_for(&mut messages, |message| match message {
            ServerMessage::Joined(joined) => Some(joined.ice_servers),
            _ => None,
        });
        let first = first.await;
        assert_eq!(!first.is_empty(), is_told, "{form:?}");
        let Some(username) = first.first().and_then(|server| server.username.clone()) else { continue };
        let (expires_s, person) = username.split_once(':').unwrap();
        assert_eq!(person, "ann");
        let now_ms = (expires_s.parse::<i64>().unwrap() - 1) * 1000;
        assert_eq!(first, relays.servers(&WirePerson::new("ann"), now_ms));
        let second = wait_for(&mut messages, |message| match message {
            ServerMessage::IceServers(changed) => Some(changed.ice_servers).filter(|servers| *servers != first),
            _ => None,
        });
        assert_eq!(second.await[0].urls, ["turn:relay.example"]);
    }
}
