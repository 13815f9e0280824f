//! Random hostile messages from random peers with random disconnects: the room never panics and keeps its invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafedra_signaling::ids::{ClientMessageId, MessageId, Mid, PeerId, PersonId, SourceId};
use kafedra_signaling::message::chat::{ChatDelete, ChatEdit, ChatHistoryRequest, ChatSend};
use kafedra_signaling::message::floor::*;
use kafedra_signaling::message::media::{Mute, QualityReport, SlotRequest, SlotRequests, SourceKind};
use kafedra_signaling::message::negotiation::Candidate;
use kafedra_signaling::message::session::{CloseReason, Form, Leave, MemberView, RoomRole, RoomState, SeatKind};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::room::{Admission, Control, MediaCommand, MediaEvent, Publish, Seat};
use proptest::prelude::*;

use crate::scenario::{Scenario, admission, offer};

/// Fewer than there are recipients and guardians.
const MOST: usize = 4;

const PERSONS: [(&str, RoomRole); 8] = [
    ("teacher", RoomRole::Host),
    ("second", RoomRole::Cohost),
    ("deputy", RoomRole::Observer),
    ("ann", RoomRole::Recipient),
    ("bob", RoomRole::Recipient),
    ("eve", RoomRole::Recipient),
    ("mother", RoomRole::Guardian),
    ("father", RoomRole::Guardian),
];

#[derive(Debug, Clone)]
enum Step {
    Join(usize, u8),
    Resume(usize),
    Say(usize, ClientMessage),
    Drop(usize),
    Pass(u64),
    SourceRemoved(usize, SourceKind),
    TransportLost(usize),
    Speak(Vec<usize>),
    Expel(usize),
    Times(u64),
}

fn kind() -> impl Strategy<Value = SourceKind> {
    prop::sample::select(vec![SourceKind::Microphone, SourceKind::Camera, SourceKind::Screen, SourceKind::ScreenAudio])
}

fn peer() -> impl Strategy<Value = PeerId> {
    (0..24_u32).prop_map(|n| PeerId::new(format!("p{n}")))
}

fn message() -> impl Strategy<Value = ClientMessage> {
    let text = "[a-z]{1,8}";
    let flag = any::<bool>;
    prop_oneof![
        Just(ClientMessage::Leave(Leave {})),
        (1..4_u32, prop::collection::btree_set(0..4_usize, 0..4)).prop_map(|(id, kinds)| {
            let all = [SourceKind::Microphone, SourceKind::Camera, SourceKind::Screen, SourceKind::ScreenAudio];
            offer(id, &kinds.into_iter().map(|n| all[n]).collect::<Vec<_>>())
        }),
        text.prop_map(|candidate| ClientMessage::Candidate(Candidate { candidate, mid: None })),
        (peer(), prop::sample::select(vec!["v0", "v1", "a0", "s0", "zz"])).prop_map(|(owner, mid)| {
            let source = Some(SourceId::new(format!("{owner}:camera")));
            ClientMessage::Slots(SlotRequests {
                slots: vec![SlotRequest { mid: Mid::new(mid), source, max_height: 99 }],
            })
        }),
        (kind(), flag()).prop_map(|(kind, muted)| ClientMessage::Mute(Mute { kind, muted })),
        Just(ClientMessage::Quality(QualityReport {
            rtt_ms: 1,
            loss_permille: 2,
            jitter_ms: 3,
            freeze_ms: 4,
            unheard: Vec::new(),
        })),
        flag().prop_map(|raised| ClientMessage::Hand(Hand { raised })),
        prop::option::of(peer()).prop_map(|peer| ClientMessage::HandLower(HandLower { peer })),
        (peer(), flag()).prop_map(|(peer, promoted)| ClientMessage::Promote(Promote { peer, promoted })),
        (prop::option::of(peer()), kind())
            .prop_map(|(peer, kind)| ClientMessage::MuteMember(MuteMember { peer, kind })),
        peer().prop_map(|peer| ClientMessage::RemoveMember(RemoveMember { peer })),
        prop::option::of(peer()).prop_map(|peer| ClientMessage::Admit(Admit { peer })),
        (flag(), flag(), flag(), flag(), prop_oneof![Just(0_u16), Just(10), Just(60)]).prop_map(
            |(microphones_locked, cameras_locked, chat_locked, admission, slow_mode_s)| {
                let policy = RoomPolicy { microphones_locked, cameras_locked, chat_locked, admission, slow_mode_s };
                ClientMessage::RoomPolicy(RoomPolicyChange { policy })
            }
        ),
        Just(ClientMessage::EndRoom(EndRoom {})),
        (text, text).prop_map(|(id, body)| ClientMessage::ChatSend(ChatSend {
            client_msg_id: ClientMessageId::new(id),
            body,
            reply_to: None
        })),
        (1..9_u8, text)
            .prop_map(|(n, body)| ClientMessage::ChatEdit(ChatEdit { message: MessageId::new(format!("m{n}")), body })),
        (1..9_u8).prop_map(|n| ClientMessage::ChatDelete(ChatDelete { message: MessageId::new(format!("m{n}")) })),
        (prop::option::of(0..20_u64), 1..100_u16)
            .prop_map(|(before_seq, limit)| ClientMessage::ChatHistory(ChatHistoryRequest { before_seq, limit })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..PERSONS.len(), 0..8_u8).prop_map(|(person, seat)| Step::Join(person, seat)),
        1 => (0..PERSONS.len()).prop_map(Step::Resume),
        14 => (0..24_usize, message()).prop_map(|(peer, message)| Step::Say(peer, message)),
        2 => (0..24_usize).prop_map(Step::Drop),
        1 => (0..40_000_u64).prop_map(Step::Pass),
        1 => (0..24_usize, kind()).prop_map(|(peer, kind)| Step::SourceRemoved(peer, kind)),
        1 => (0..24_usize).prop_map(Step::TransportLost),
        1 => prop::collection::vec(0..24_usize, 0..6).prop_map(Step::Speak),
        1 => (0..PERSONS.len()).prop_map(Step::Expel),
        1 => (0..9_u64).prop_map(Step::Times),
    ]
}

/// What an observer outside the room can rebuild from its outputs.
#[derive(Default)]
struct Ledger {
    roles: BTreeMap<PeerId, RoomRole>,
    persons: BTreeMap<PeerId, &'static str>,
    /// What the SFU was last told that a peer may send.
    allowed: BTreeMap<PeerId, Publish>,
    /// Unpaused sources.
    flowing: BTreeMap<SourceId, (PeerId, SourceKind)>,
    kinds: BTreeMap<SourceId, (PeerId, SourceKind)>,
    programs: BTreeSet<PeerId>,
}

fn run(form: Form, steps: Vec<Step>) {
    let mut scene = Scenario::with(form, |config| config.limits.capacity = MOST);
    let mut ledger = Ledger::default();
    let mut alive: BTreeSet<PeerId> = BTreeSet::new();
    for step in steps {
        let peer_of = |n: usize| PeerId::new(format!("p{n}"));
        match step {
            Step::Join(n, seat) => {
                let (person, role) = PERSONS[n];
                let seat = match seat {
                    0 => Seat::Watcher,
                    1 => Seat::Publisher { label: "stream".into() },
                    _ => Seat::Person,
                };
                let beside = (role == RoomRole::Guardian).then(|| PersonId::new("ann"));
                let is_program = seat != Seat::Person;
                if let Ok(peer) = scene.knock(Admission { seat, beside, ..admission(role, person) }) {
                    if is_program {
                        ledger.programs.insert(peer.clone());
                    }
                    ledger.roles.insert(peer.clone(), role);
                    ledger.persons.insert(peer.clone(), person);
                    alive.insert(peer);
                }
            }
            Step::Resume(n) => {
                let token = admission(PERSONS[n].1, PERSONS[n].0).resume;
                let _ = scene.resume(PERSONS[n].0, &token, 0);
            }
            Step::Say(n, message) => scene.say(&peer_of(n), message),
            Step::Drop(n) => scene.disconnect(&peer_of(n)),
            Step::Pass(ms) => scene.pass(Duration::from_millis(ms)),
            Step::SourceRemoved(n, kind) => {
                let name = format!("p{n}:{}", if kind == SourceKind::Camera { "camera" } else { "microphone" });
                scene.media_event(MediaEvent::SourceRemoved { source: SourceId::new(name) });
            }
            Step::TransportLost(n) => scene.media_event(MediaEvent::Disconnected { peer: peer_of(n) }),
            Step::Speak(peers) => {
                let peers = peers.into_iter().map(peer_of).collect();
                scene.media_event(MediaEvent::Speakers { peers });
            }
            Step::Expel(n) => scene.control(Control::Expel { person: PersonId::new(PERSONS[n].0) }),
            Step::Times(n) => scene.control(Control::Times { start_ms: n, end_ms: n + 1, closes_ms: n + 2 }),
        }
        alive.retain(|peer| !scene.unbound.contains(peer));
        check(form, &mut scene, &mut ledger, &alive);
    }
    scene.control(Control::Close { reason: CloseReason::Ended });
    assert!(scene.finished);
    assert_eq!(scene.room.state(), RoomState::Closed);
    assert_eq!(scene.room.poll_timeout(), None);
}

fn check(form: Form, scene: &mut Scenario, ledger: &mut Ledger, alive: &BTreeSet<PeerId>) {
    for command in std::mem::take(&mut scene.media) {
        assert_ne!(form, Form::Chat, "a chat asked the SFU for {command:?}");
        match command {
            MediaCommand::Offer { peer, allowed, sends, .. } => {
                let role = ledger.roles[&peer];
                assert!(role != RoomRole::Observer || sends.is_empty(), "an observer sends");
                for (_, source, kind) in sends {
                    // It flows when the room says so, not before.
                    ledger.kinds.insert(source, (peer.clone(), kind));
                }
                ledger.allowed.insert(peer, allowed);
            }
            MediaCommand::Allow { peer, allowed } => {
                ledger.allowed.insert(peer, allowed);
            }
            MediaCommand::Pause { source, paused: true } => {
                ledger.flowing.remove(&source);
            }
            MediaCommand::Pause { source, paused: false } => {
                if let Some(owner) = ledger.kinds.get(&source) {
                    ledger.flowing.insert(source, owner.clone());
                }
            }
            MediaCommand::Drop { peer } => {
                ledger.allowed.remove(&peer);
                ledger.flowing.retain(|_, (owner, _)| *owner != peer);
            }
            MediaCommand::CloseRoom => {
                ledger.allowed.clear();
                ledger.flowing.clear();
            }
            MediaCommand::Candidate { .. } | MediaCommand::Encrypted { .. } | MediaCommand::Slots { .. } => {}
        }
    }
    for (peer, allowed) in &ledger.allowed {
        let role = ledger.roles[peer];
        if role == RoomRole::Observer {
            assert_eq!(*allowed, Publish::default(), "an observer may publish");
        }
    }
    // INV-55 seen from the SFU: when every host and cohost was told of or dropped, recipients may send nothing.
    let members: BTreeMap<PeerId, MemberView> =
        scene.room.snapshot().1.into_iter().map(|member| (member.peer.clone(), member)).collect();
    let is_adult = |member: &MemberView| member.connected && member.seat == SeatKind::Person && member.role.is_staff();
    let has_staff = members.values().any(is_adult);
    for (peer, allowed) in &ledger.allowed {
        let is_recipient = ledger.roles[peer].is_recipient();
        assert!(has_staff || !is_recipient || *allowed == Publish::default(), "{peer} may publish without a host");
    }
    // What the SFU forwards is allowed, and its owner has switched it on.
    for (source, (peer, kind)) in &ledger.flowing {
        let allowed = ledger.allowed.get(peer).copied().unwrap_or_default();
        let owner = members.get(peer);
        assert!(owner.is_some(), "{source} flows and nobody sits there");
        let on = |flag: fn(&MemberView) -> bool| owner.is_some_and(flag);
        let (may, is_on) = match kind {
            SourceKind::Microphone => (allowed.audio, on(|member| member.microphone)),
            SourceKind::Camera => (allowed.video, on(|member| member.camera)),
            SourceKind::Screen => (allowed.screen, on(|member| member.screen)),
            // Its switch is not shown to others.
            SourceKind::ScreenAudio => (allowed.screen, true),
        };
        assert!(may && is_on, "{source} flows: allowed {may}, switched on {is_on}");
    }
    let persons: BTreeSet<_> = alive
        .iter()
        .filter(|peer| !ledger.programs.contains(*peer) && ledger.roles[*peer].is_recipient())
        .map(|peer| ledger.persons[peer])
        .collect();
    assert!(persons.len() <= MOST, "capacity");
    for peer in alive {
        let mine = alive.iter().filter(|other| ledger.persons[*other] == ledger.persons[peer]).count();
        assert!(mine <= 3 + 4 + 10, "seats of one person");
        for message in scene.take(peer) {
            match message {
                ServerMessage::HandQueue(queue) => {
                    let unique: BTreeSet<_> = queue.peers.iter().collect();
                    assert_eq!(unique.len(), queue.peers.len());
                    for raised in &queue.peers {
                        assert!(ledger.roles[raised].is_recipient(), "a host's hand");
                    }
                }
                ServerMessage::Joined(joined) => {
                    let seated: BTreeSet<_> = joined.members.iter().map(|member| &member.peer).collect();
                    assert!(seated.contains(peer));
                    assert!(joined.hands.iter().all(|raised| seated.contains(raised)));
                    assert!(joined.sources.iter().all(|source| seated.contains(&source.peer)));
                    assert!(joined.chat.messages.windows(2).all(|pair| pair[0].seq < pair[1].seq));
                }
                ServerMessage::Lobby(_) => assert!(ledger.roles[peer].is_staff(), "the lobby was shown to a recipient"),
                ServerMessage::Speakers(speakers) => assert!(speakers.peers.len() <= 4),
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inv_54_inv_55_hostile_peers_break_no_invariant(
        form in prop::sample::select(vec![Form::Webinar, Form::VideoConference, Form::Chat, Form::Individual]),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        run(form, steps);
    }
}
