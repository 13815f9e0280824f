//! N scripted peers, a store and an SFU that answer at once, and a clock that moves when told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kafedra_signaling::ids::{ClientMessageId, MessageId, Mid, PeerId, PersonId, ResumeToken, RoomId};
use kafedra_signaling::message::chat::{ChatMessage, ChatSend};
use kafedra_signaling::message::media::{Mute, SourceKind};
use kafedra_signaling::message::negotiation::{Offer, SendSlot};
use kafedra_signaling::message::session::{CloseReason, Form, Joined, RoomRole, RoomState, VideoCodec};
use kafedra_signaling::message::{ClientMessage, ServerMessage};
use kafedra_signaling::refusal::RefusalCode;
use kafedra_signaling::room::{
    Admission, Control, Limits, MediaCommand, MediaEvent, Output, Record, Room, RoomConfig, Seat, Stored,
};

pub struct Scenario {
    pub room: Room,
    pub now: Instant,
    /// What each peer got and has not taken yet.
    inboxes: BTreeMap<PeerId, Vec<ServerMessage>>,
    pub media: Vec<MediaCommand>,
    pub records: Vec<Record>,
    pub unbound: BTreeSet<PeerId>,
    pub finished: bool,
    /// Off: records wait for [`Scenario::answer`].
    pub store_answers: bool,
    pub stored: Vec<ChatMessage>,
    peers: u32,
}

impl Scenario {
    pub fn new(form: Form) -> Self {
        Self::with(form, |_| {})
    }

    pub fn with(form: Form, change: impl FnOnce(&mut RoomConfig)) -> Self {
        let mut config = RoomConfig {
            room: RoomId::new("room"),
            form,
            title: "Fractions".into(),
            start_ms: 1_000,
            end_ms: 2_000,
            closes_ms: 3_000,
            state: RoomState::Open,
            limits: Limits::of(form),
            camera_codec: VideoCodec::Vp8,
            screen_codec: VideoCodec::Vp8,
            audio_slots: 3,
            video_slots: 9,
            chat: Vec::new(),
            chat_last_seq: 0,
            removed: Vec::new(),
            takes_turns: false,
        };
        change(&mut config);
        // The one origin of the virtual clock.
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        Self {
            room: Room::new(config, now),
            now,
            inboxes: BTreeMap::new(),
            media: Vec::new(),
            records: Vec::new(),
            unbound: BTreeSet::new(),
            finished: false,
            store_answers: true,
            stored: Vec::new(),
            peers: 0,
        }
    }

    pub fn knock(&mut self, admission: Admission) -> Result<PeerId, RefusalCode> {
        self.peers += 1;
        let peer = PeerId::new(format!("p{}", self.peers));
        let result = self.room.handle_join(self.now, peer.clone(), admission);
        self.drain();
        result.map(|()| peer)
    }

    pub fn join(&mut self, role: RoomRole, person: &str) -> PeerId {
        self.knock(admission(role, person)).unwrap()
    }

    pub fn host(&mut self) -> PeerId {
        self.join(RoomRole::Host, "teacher")
    }

    pub fn student(&mut self, person: &str) -> PeerId {
        self.join(RoomRole::Recipient, person)
    }

    pub fn resume(&mut self, person: &str, token: &ResumeToken, chat_seq: u64) -> Result<PeerId, RefusalCode> {
        let result = self.room.handle_resume(self.now, &PersonId::new(person), token, chat_seq);
        self.drain();
        result
    }

    pub fn say(&mut self, peer: &PeerId, message: ClientMessage) {
        self.room.handle_message(self.now, peer, message);
        self.drain();
    }

    /// Says it and returns the code if it is refused.
    pub fn ask(&mut self, peer: &PeerId, message: ClientMessage) -> Result<(), RefusalCode> {
        self.take(peer);
        self.say(peer, message);
        let refused = self.inbox(peer).iter().find_map(|message| match message {
            ServerMessage::Error(refused) => Some(refused.code),
            _ => None,
        });
        refused.map_or(Ok(()), Err)
    }

    pub fn disconnect(&mut self, peer: &PeerId) {
        self.room.handle_disconnect(self.now, peer);
        self.drain();
    }

    pub fn control(&mut self, control: Control) {
        self.room.handle_control(self.now, control);
        self.drain();
    }

    pub fn media_event(&mut self, event: MediaEvent) {
        self.room.handle_media(self.now, event);
        self.drain();
    }

    pub fn answer(&mut self, stored: Stored) {
        self.room.handle_stored(self.now, stored);
        self.drain();
    }

    /// Moves the clock, stopping at each timer on the way.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.room.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.room.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub fn chat(&mut self, peer: &PeerId, name: &str) -> Result<(), RefusalCode> {
        self.ask(peer, chat_send(name))
    }

    pub fn offer(&mut self, peer: &PeerId, id: u32, kinds: &[SourceKind]) -> Result<(), RefusalCode> {
        self.ask(peer, offer(id, kinds))
    }

    pub fn unmute(&mut self, peer: &PeerId, kind: SourceKind) -> Result<(), RefusalCode> {
        self.ask(peer, ClientMessage::Mute(Mute { kind, muted: false }))
    }

    pub fn inbox(&self, peer: &PeerId) -> &[ServerMessage] {
        self.inboxes.get(peer).map_or(&[], Vec::as_slice)
    }

    pub fn take(&mut self, peer: &PeerId) -> Vec<ServerMessage> {
        self.inboxes.remove(peer).unwrap_or_default()
    }

    pub fn take_all(&mut self) {
        self.inboxes.clear();
        self.media.clear();
        self.records.clear();
    }

    /// The last `joined` in the inbox.
    pub fn joined(&self, peer: &PeerId) -> Option<Joined> {
        self.inbox(peer).iter().rev().find_map(|message| match message {
            ServerMessage::Joined(joined) => Some(joined.clone()),
            _ => None,
        })
    }

    pub fn closed(&self, peer: &PeerId) -> Option<CloseReason> {
        self.inbox(peer).iter().find_map(|message| match message {
            ServerMessage::Closed(closed) => Some(closed.reason),
            _ => None,
        })
    }

    pub fn chat_bodies(&self, peer: &PeerId) -> Vec<String> {
        self.inbox(peer)
            .iter()
            .filter_map(|message| match message {
                ServerMessage::ChatMessage(message) => Some(message.body.clone()),
                _ => None,
            })
            .collect()
    }

    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send { peer, message } => self.inboxes.entry(peer).or_default().push(*message),
                Output::Broadcast { to, except, message } => {
                    for peer in to.iter().filter(|peer| except.as_ref() != Some(*peer)) {
                        self.inboxes.entry(peer.clone()).or_default().push((*message).clone());
                    }
                }
                Output::Media(command) => {
                    self.media.push(command.clone());
                    self.play_sfu(command);
                }
                Output::Record(record) => {
                    self.records.push(record.clone());
                    if self.store_answers {
                        self.play_store(record);
                    }
                }
                Output::Unbind { peer } => {
                    self.unbound.insert(peer);
                }
                Output::Finished => self.finished = true,
            }
        }
    }

    fn play_sfu(&mut self, command: MediaCommand) {
        if let MediaCommand::Offer { peer, id, sends, .. } = command {
            self.room.handle_media(self.now, MediaEvent::Answered { peer: peer.clone(), id, sdp: "v=0".into() });
            for (_, source, kind) in sends {
                self.room.handle_media(self.now, MediaEvent::SourceAdded { peer: peer.clone(), source, kind });
            }
        }
    }

    pub fn play_store(&mut self, record: Record) {
        let stored = match record {
            Record::Chat { author, author_name, peer, client_msg_id, body, reply_to } => {
                let before = self.stored.iter().find(|m| m.author == author && m.client_msg_id == client_msg_id);
                let before = before.cloned();
                let message = before.clone().unwrap_or_else(|| {
                    let seq = self.stored.len() as u64 + 1;
                    ChatMessage {
                        message: MessageId::new(format!("m{seq}")),
                        seq,
                        author,
                        author_name,
                        peer: Some(peer.clone()),
                        client_msg_id,
                        body,
                        sent_ms: seq,
                        edited_ms: None,
                        deleted: false,
                        reply_to,
                    }
                });
                if before.is_none() {
                    self.stored.push(message.clone());
                }
                Stored::Chat { peer, result: Ok(message) }
            }
            Record::ChatEdit { peer, by, message, body } => {
                let found = self.stored.iter_mut().find(|m| m.message == message && m.author == by);
                let result = found.ok_or(RefusalCode::NotFound).map(|kept| {
                    kept.body = body;
                    kept.edited_ms = Some(9);
                    kept.clone()
                });
                Stored::ChatChanged { peer, edited: true, result }
            }
            Record::ChatDelete { peer, message, by, moderator } => {
                let found = self.stored.iter_mut().find(|m| m.message == message && (moderator || m.author == by));
                let result = found.ok_or(RefusalCode::NotFound).map(|kept| {
                    kept.body.clear();
                    kept.deleted = true;
                    kept.clone()
                });
                Stored::ChatChanged { peer, edited: false, result }
            }
            Record::ChatHistory { peer, before_seq, limit } => {
                let below = self.stored.iter().filter(|m| m.seq < before_seq.unwrap_or(u64::MAX));
                let page: Vec<ChatMessage> = below.rev().take(limit.into()).cloned().collect();
                let more = page.last().is_some_and(|m| m.seq > 1);
                Stored::ChatHistory { peer, result: Ok((page.into_iter().rev().collect(), more)) }
            }
            Record::ChatMissing { after_seq, before_seq } => {
                let missing = self.stored.iter().filter(|m| m.seq > after_seq && m.seq < before_seq);
                Stored::ChatMissing { result: Ok(missing.cloned().collect()) }
            }
            Record::EndedByHost { .. } => Stored::Ended,
            _ => return,
        };
        self.room.handle_stored(self.now, stored);
    }
}

pub fn admission(role: RoomRole, person: &str) -> Admission {
    Admission {
        person: PersonId::new(person),
        display_name: format!("Name of {person}"),
        role,
        beside: None,
        seat: Seat::Person,
        resume: ResumeToken::new(format!("token-{person}")),
    }
}

pub fn chat_send(name: &str) -> ClientMessage {
    ClientMessage::ChatSend(ChatSend {
        client_msg_id: ClientMessageId::new(name),
        body: format!("body {name}"),
        reply_to: None,
    })
}

/// An SDP with the given sends (mids s0, s1 …), two audio slots (a0, a1) and two video slots (v0, v1).
pub fn offer(id: u32, kinds: &[SourceKind]) -> ClientMessage {
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
    let mut sends = Vec::new();
    for (n, kind) in kinds.iter().enumerate() {
        let media = if matches!(kind, SourceKind::Microphone | SourceKind::ScreenAudio) { "audio" } else { "video" };
        sdp.push_str(&format!("m={media} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:s{n}\r\na=sendonly\r\n"));
        sends.push(SendSlot { mid: Mid::new(format!("s{n}")), kind: *kind, encrypted: false });
    }
    for mid in ["a0", "a1", "v0", "v1"] {
        let media = if mid.starts_with('a') { "audio" } else { "video" };
        sdp.push_str(&format!("m={media} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\na=recvonly\r\n"));
    }
    ClientMessage::Offer(Offer { id, sdp, sends })
}
