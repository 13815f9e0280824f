//! The same over WebSocket, WHIP and WHEP: who gets a seat in an open lesson of each form, and what they may do there, is
//! what the policy table says with the form's profile (DOMAIN 2.5) on top.
//!
//! What is expected comes from the table and from the files of the demo school, never from the hub's own door.

use std::time::Duration;

use kafedra::domain::policy::{Action, Condition, Relation, Relations, decide};
use kafedra::domain::role::Role;
use reqwest::Method;
use serde_json::{Value, json};
use signaling::ids::RoomId;
use tokio::time::timeout;

use super::{Actor, PEOPLE, hire};
use crate::client::until_async;
use crate::hub::{DEPUTY, TestHub};
use crate::sockets::Wire;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// A lesson that the demo keeps open, as its makers describe it.
struct Lesson {
    card: &'static str,
    form: &'static str,
    host: &'static str,
    class: &'static str,
    guardians: bool,
    student: Option<&'static str>,
}

const LESSONS: [Lesson; 4] = [
    Lesson {
        card: "ДЕМО-вебинар", form: "webinar", host: "T-014", class: "5А", guardians: true, student: None
    },
    Lesson {
        card: "ДЕМО-видео",
        form: "video_conference",
        host: "T-021",
        class: "9Б",
        guardians: false,
        student: None,
    },
    Lesson { card: "ДЕМО-чат", form: "chat", host: "T-007", class: "5А", guardians: false, student: None },
    Lesson {
        card: "ДЕМО-индивидуальная",
        form: "individual",
        host: "T-014",
        class: "5А",
        guardians: true,
        student: Some("S-5A-01"),
    },
];

/// Children of the guardians whom the matrix asks.
const WARDS: [(&str, &[&str]); 3] = [("G-01", &["S-5A-01", "S-9B-01"]), ("G-02", &["S-5A-02"]), ("G-04", &["S-9B-02"])];

/// m-lines that the room can read and the SFU cannot answer: who may send hears `bad_offer`, nobody else does.
const SENDS: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
                     a=sendonly\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\n";
const RECEIVES: &str =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\n";

impl Lesson {
    fn has_student(&self, code: &str) -> bool {
        let prefix = if self.class == "5А" { "S-5A" } else { "S-9B" };
        self.student.map_or_else(|| code.starts_with(prefix), |booked| booked == code)
    }

    /// What the lesson is to a person before they have a seat.
    fn relations(&self, actor: &Actor) -> Relations {
        let wards = WARDS.iter().find(|(guardian, _)| *guardian == actor.code).map_or(&[][..], |(_, wards)| wards);
        let hosts = self.host == actor.code;
        // Help for one child is between them: nobody supervises it (INV-50).
        let is_supervised = self.form != "individual";
        Relations::NONE
            .with_if(hosts || is_supervised, Relation::School)
            .with_if(hosts || self.has_student(actor.code), Relation::Own)
            .with_if(hosts, Relation::Host)
            .with_if(wards.iter().any(|ward| self.has_student(ward)), Relation::Ward)
            .with_if(is_supervised && actor.leads_unit, Relation::Unit)
    }

    fn fulfils(&self, condition: Option<Condition>) -> bool {
        match condition {
            None | Some(Condition::Visible) => true,
            Some(Condition::GuardianAudience) => self.guardians,
            Some(_) => false,
        }
    }

    fn allows(&self, actor: &Actor, action: Action, relations: Relations) -> bool {
        decide(&actor.principal, action, relations).is_ok_and(|(_, permit)| self.fulfils(permit.condition))
    }

    /// As what the table lets a person in, or the code with which it does not.
    fn seat(&self, actor: &Actor) -> Result<Seat, &'static str> {
        let relations = self.relations(actor);
        if self.allows(actor, Action::RoomHost, relations) {
            return Ok(Seat::Host);
        }
        if self.allows(actor, Action::RoomJoin, relations) {
            return Ok(if actor.is(Role::Guardian) { Seat::Guardian } else { Seat::Recipient });
        }
        if self.allows(actor, Action::RoomObserve, relations) {
            return Ok(Seat::Observer);
        }
        Err(decide(&actor.principal, Action::RoomJoin, relations).map_or_else(|no| no.code(), |_| "role_not_permitted"))
    }

    /// What a person with that seat may do by the table and the form. `promoted`: the host gave them the floor.
    fn may(&self, actor: &Actor, seat: Seat, what: What, promoted: bool) -> bool {
        let relations = self.relations(actor).with(Relation::Seat);
        let by_table = |action| self.allows(actor, action, relations);
        let is_host = seat == Seat::Host;
        match what {
            What::Send(kind) => {
                let by_form = match self.form {
                    "webinar" => is_host || promoted,
                    "video_conference" => is_host || promoted || kind != "screen",
                    "individual" => true,
                    _ => false,
                };
                by_form && by_table(Action::MediaPublish)
            }
            What::Watch => self.form != "chat" && by_table(Action::MediaWatch),
            What::Write => by_table(Action::ChatWrite),
            What::Moderate => by_table(Action::RoomModerate),
            // There is no floor to give where nobody sends.
            What::GiveFloor => self.form != "chat" && by_table(Action::RoomModerate),
            // Hands are for those who came to be helped.
            What::RaiseHand => by_table(Action::RoomJoin),
            // Help for one child ends when either side says so.
            What::End => by_table(Action::RoomClose) || (self.form == "individual" && by_table(Action::RoomJoin)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Host,
    Recipient,
    Guardian,
    Observer,
}

impl Seat {
    fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Recipient => "recipient",
            Self::Guardian => "guardian",
            Self::Observer => "observer",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Send(&'static str),
    Watch,
    Write,
    Moderate,
    GiveFloor,
    RaiseHand,
    End,
}

/// What differs from the table.
#[derive(Default)]
struct Findings {
    cells: usize,
    wrong: Vec<String>,
}

impl Findings {
    /// `got`: the code of the refusal.
    fn compare(&mut self, cell: &str, expected: bool, got: Option<&str>) {
        self.cells += 1;
        if expected != got.is_none() {
            let expected = if expected { "allowed" } else { "refused" };
            self.wrong.push(format!("{cell}: the table says {expected}, the hub {}", got.unwrap_or("does it")));
        }
    }
}

/// One person's seat in one room.
struct Seated<'a> {
    actor: &'a Actor,
    seat: Seat,
    wire: Wire,
    peer: String,
}

impl Seated<'_> {
    /// Says it, and reads on until the hub has dealt with it: the code of the refusal, if it was one.
    async fn tries(&mut self, message: Value) -> Option<String> {
        let kind = message["type"].as_str().unwrap().to_owned();
        self.wire.say(message).await;
        let answer = match kind.as_str() {
            "offer" => "answer",
            "chat_send" => "chat_ack",
            // Answered in order, after whatever came before it.
            _ => {
                self.wire.say(json!({ "type": "chat_history", "limit": 1 })).await;
                "chat_history"
            }
        };
        let answered = self.answered(&kind, answer);
        timeout(PATIENCE, answered).await.unwrap_or_else(|_| panic!("no `{answer}`"))
    }

    async fn answered(&mut self, kind: &str, answer: &str) -> Option<String> {
        let mut refusal = None;
        loop {
            let message = self.wire.next().await.unwrap();
            let of_this = message["type"] == "error" && message["request"] == kind;
            if of_this {
                refusal = message["code"].as_str().map(str::to_owned);
            }
            if message["type"] == answer || (of_this && answer != "chat_history") {
                return refusal;
            }
        }
    }

    /// The same for an offer that is let through when the SFU is asked for an answer.
    async fn offers(&mut self, kind: &str) -> Option<String> {
        let mid = if kind == "microphone" { "0" } else { "1" };
        let sends = json!([{ "mid": mid, "kind": kind }]);
        let refusal = self.tries(json!({ "type": "offer", "id": 1, "sdp": SENDS, "sends": sends })).await;
        refusal.filter(|code| code != "bad_offer")
    }
}

async fn enter<'a>(
    hub: &TestHub,
    lesson: &Lesson,
    room: &str,
    actor: &'a Actor,
    found: &mut Findings,
) -> Option<Seated<'a>> {
    let ticket = actor.client.post("/api/v1/session/ticket", &json!({})).await;
    let (socket, _) = tokio_tungstenite::connect_async(hub.socket_url()).await.unwrap();
    let mut wire = Wire { socket };
    wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket.body["ticket"] })).await;
    wire.hears("welcome").await;
    wire.say(json!({ "type": "join", "room": room })).await;
    let answer = loop {
        let message = wire.next().await.unwrap();
        if matches!(message["type"].as_str(), Some("joined" | "waiting" | "error")) {
            break message;
        }
    };
    let peer = answer["peer"].as_str().unwrap_or_default().to_owned();
    let role = answer["members"].as_array().and_then(|all| all.iter().find(|member| member["peer"] == peer.as_str()));
    let got = role.map_or(&answer["code"], |member| &member["role"]).as_str().unwrap_or("waiting");
    let expected = lesson.seat(actor);
    found.cells += 1;
    if got != expected.map_or_else(|code| code, Seat::word) {
        found.wrong.push(format!("{} joins {}: the table says {expected:?}, the hub {got}", actor.code, lesson.form));
    }
    let seat = expected.ok()?;
    (answer["type"] == "joined").then_some(Seated { actor, seat, wire, peer })
}

/// What a program of this person is told: `bad_offer` comes after the policy has let it through.
async fn programs(lesson: &Lesson, room: &str, actor: &Actor, found: &mut Findings) {
    for (way, sdp, what) in [("whip", SENDS, What::Send("camera")), ("whep", RECEIVES, What::Watch)] {
        let request = actor.client.request(Method::POST, &format!("/api/v1/rooms/{room}/{way}"));
        let answer = actor.client.send(request.header("content-type", "application/sdp").body(sdp)).await;
        let refusal = match (answer.status.as_u16(), answer.code()) {
            (201, _) | (400, "bad_offer") => None,
            (403 | 409, code) => Some(code.to_owned()),
            (status, code) => {
                found.wrong.push(format!("{} {way} {}: {status} {code}", actor.code, lesson.form));
                continue;
            }
        };
        let expected = lesson.seat(actor).is_ok_and(|seat| lesson.may(actor, seat, what, false));
        found.compare(&format!("{} {way} {}", actor.code, lesson.form), expected, refusal.as_deref());
    }
}

/// Everything that can be tried in a room without sending anybody out.
async fn acts(lesson: &Lesson, one: &mut Seated<'_>, host: &str, learner: &str, found: &mut Findings) {
    let everything_open =
        json!({ "microphones_locked": false, "cameras_locked": false, "chat_locked": false, "admission": false });
    let write = json!({ "type": "chat_send", "client_msg_id": one.peer, "body": "?" });
    let mut tries = vec![
        (What::Write, write),
        (What::RaiseHand, json!({ "type": "hand", "raised": true })),
        (What::Moderate, json!({ "type": "hand_lower" })),
        (What::GiveFloor, json!({ "type": "promote", "peer": learner, "promoted": false })),
        (What::Moderate, json!({ "type": "mute_member", "peer": learner, "kind": "microphone" })),
        (What::Moderate, json!({ "type": "mute_member", "kind": "camera" })),
        (What::Moderate, json!({ "type": "admit" })),
        (What::Moderate, json!({ "type": "room_policy", "policy": everything_open })),
    ];
    if !lesson.may(one.actor, one.seat, What::Moderate, false) {
        tries.push((What::Moderate, json!({ "type": "remove_member", "peer": host })));
        tries.push((What::Moderate, json!({ "type": "remove_member", "peer": learner })));
    }
    if !lesson.may(one.actor, one.seat, What::End, false) {
        tries.push((What::End, json!({ "type": "end_room" })));
    }
    for (what, message) in tries {
        let cell = format!("{} ({}) {} {}", one.actor.code, one.seat.word(), message["type"], lesson.form);
        let refusal = one.tries(message).await;
        found.compare(&cell, lesson.may(one.actor, one.seat, what, false), refusal.as_deref());
    }
    for kind in ["microphone", "camera", "screen"] {
        let refusal = one.offers(kind).await;
        let cell = format!("{} ({}) sends {kind} in {}", one.actor.code, one.seat.word(), lesson.form);
        found.compare(&cell, lesson.may(one.actor, one.seat, What::Send(kind), false), refusal.as_deref());
    }
}

/// The host gives the floor to a learner, then sends them out.
async fn moderates(lesson: &Lesson, host: &mut Seated<'_>, learner: &mut Seated<'_>, found: &mut Findings) {
    let floor = host.tries(json!({ "type": "promote", "peer": learner.peer, "promoted": true })).await;
    let cell = format!("{} gives the floor in {}", host.actor.code, lesson.form);
    found.compare(&cell, lesson.may(host.actor, host.seat, What::GiveFloor, false), floor.as_deref());
    let sends = learner.offers("screen").await;
    let cell = format!("{} sends with the floor in {}", learner.actor.code, lesson.form);
    found.compare(&cell, lesson.may(learner.actor, learner.seat, What::Send("screen"), true), sends.as_deref());
    let removes = host.tries(json!({ "type": "remove_member", "peer": learner.peer })).await;
    let cell = format!("{} removes in {}", host.actor.code, lesson.form);
    found.compare(&cell, lesson.may(host.actor, host.seat, What::Moderate, false), removes.as_deref());
}

async fn ask_everybody(hub: &TestHub, lesson: &Lesson, all: &[Value], actors: &[Actor], found: &mut Findings) {
    let is_it = |item: &&Value| item["card_key"].as_str().is_some_and(|key| key.starts_with(lesson.card));
    let room = all.iter().find(is_it).unwrap_or_else(|| panic!("no {}", lesson.card))["room"].as_str().unwrap();
    until_async("the room is open", async || hub.app().state.rooms.is_open(&RoomId::new(room))).await;
    // The host first: learners wait for them.
    let (hosts, others): (Vec<_>, Vec<_>) = actors.iter().partition(|actor| actor.code == lesson.host);
    let mut host = enter(hub, lesson, room, hosts[0], found).await.expect("the host has a seat");
    let mut seated = Vec::new();
    for actor in others {
        seated.extend(enter(hub, lesson, room, actor, found).await);
    }
    let learner = seated.iter().find(|one| one.seat == Seat::Recipient).expect("a learner has a seat").peer.clone();
    for actor in actors {
        programs(lesson, room, actor, found).await;
    }
    let holder = host.peer.clone();
    for one in seated.iter_mut().chain([&mut host]) {
        acts(lesson, one, &holder, &learner, found).await;
    }
    let learner = seated.iter_mut().find(|one| one.peer == learner).expect("it was there");
    moderates(lesson, &mut host, learner, found).await;
}

#[tokio::test]
async fn every_seat_in_every_form_may_do_what_the_policy_table_says() {
    let hub = TestHub::start_with(|config| config.limits.logins_per_address = 1000).await;
    hire(&hub).await;
    let all = hub.sign_in(DEPUTY).await.timetable().await;
    let mut actors = Vec::new();
    for code in PEOPLE {
        actors.push(Actor::of(&hub, code).await);
    }
    for role in Role::ALL {
        assert!(actors.iter().any(|actor| actor.is(role)), "nobody is {role:?}");
    }
    let mut found = Findings::default();
    for lesson in &LESSONS {
        ask_everybody(&hub, lesson, &all, &actors, &mut found).await;
    }
    let Findings { cells, wrong } = found;
    assert!(wrong.is_empty(), "{} of {cells} cells differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells > 450, "only {cells} cells");
    hub.stop().await;
}
