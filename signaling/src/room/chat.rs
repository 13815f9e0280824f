//! Chat: the room checks and orders, the store keeps. Nothing is told to anybody before the store has it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::ids::{ClientMessageId, MessageId, PeerId, PersonId};
use crate::message::ServerMessage;
use crate::message::chat::{
    ChatAck, ChatChanged, ChatDelete, ChatEdit, ChatHistory, ChatHistoryRequest, ChatMessage, ChatSend,
};
use crate::message::session::Refused;
use crate::refusal::RefusalCode;

use super::timer::Timer;
use super::{Record, Refusal, Room, Stored, rights};

/// Messages kept in memory; older ones come from the store.
const KEPT: usize = 256;
/// Bytes of text kept in memory, and most bytes of one page.
const KEPT_BYTES: usize = 512 << 10;
const PAGE_BYTES: usize = 128 << 10;
/// Messages of a page given with `joined`.
const GREETING: usize = 50;
/// Records of one room that the store has not answered yet; past it `unavailable`.
const MOST_IN_FLIGHT: usize = 256;
/// A missing number is awaited this long.
const GAP_WAIT: Duration = Duration::from_secs(2);

/// The longest slow mode.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The newest messages, in the order of the store.
#[derive(Debug)]
pub(super) struct ChatLog {
    /// Oldest first, by `seq`; at most [`KEPT`] and [`KEPT_BYTES`].
    recent: VecDeque<ChatMessage>,
    bytes: usize,
    /// Highest number told to the room.
    last_seq: u64,
    /// Stored, but a lower number is still awaited. At most [`MOST_IN_FLIGHT`].
    held: BTreeMap<u64, ChatMessage>,
    in_flight: usize,
    /// When each recipient last wrote, and what, within the longest slow mode: they do not get around it by leaving. Bounded
    /// by who can write within a minute: those who sat here then, each seat behind the limits of joining.
    wrote: BTreeMap<PersonId, (Instant, ClientMessageId)>,
}

impl ChatLog {
    pub(super) fn new(stored: Vec<ChatMessage>, last_seq: u64) -> Self {
        let mut log = Self {
            recent: VecDeque::new(),
            bytes: 0,
            last_seq,
            held: BTreeMap::new(),
            in_flight: 0,
            wrote: BTreeMap::new(),
        };
        stored.into_iter().for_each(|message| log.push(message));
        log
    }

    fn push(&mut self, message: ChatMessage) {
        self.bytes += weight(&message);
        self.last_seq = self.last_seq.max(message.seq);
        self.recent.push_back(message);
        while self.recent.len() > KEPT || (self.bytes > KEPT_BYTES && self.recent.len() > 1) {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.bytes -= weight(&oldest);
        }
    }

    fn replace(&mut self, message: &ChatMessage) {
        if let Some(kept) = self.recent.iter_mut().find(|kept| kept.message == message.message) {
            self.bytes = self.bytes - weight(kept) + weight(message);
            *kept = message.clone();
        }
    }

    fn find(&self, message: &MessageId) -> Option<&ChatMessage> {
        self.recent.iter().find(|kept| kept.message == *message)
    }

    /// Number of the last message that was told.
    pub(super) fn last(&self) -> u64 {
        self.last_seq
    }

    /// What a newcomer sees first.
    pub(super) fn newest(&self) -> ChatHistory {
        self.page(self.recent.iter().rev().take(GREETING).rev().cloned().collect(), 0)
    }

    /// Everything after `seen`; `more` when the memory does not reach back that far.
    pub(super) fn after(&self, seen: u64) -> ChatHistory {
        self.page(self.recent.iter().filter(|message| message.seq > seen).cloned().collect(), seen)
    }

    /// Up to 50 messages up to `seen` that were edited or deleted: the client may hold their old text.
    pub(super) fn changed_until(&self, seen: u64) -> Vec<ChatChanged> {
        let changed = |message: &&ChatMessage| message.seq <= seen && (message.deleted || message.edited_ms.is_some());
        self.recent
            .iter()
            .rev()
            .filter(changed)
            .take(GREETING)
            .map(|message| ChatChanged { message: message.clone() })
            .collect()
    }

    fn page(&self, messages: Vec<ChatMessage>, seen: u64) -> ChatHistory {
        let first_wanted = seen + 1;
        let messages = newest_that_fit(messages);
        let more = messages.first().map_or(self.last_seq > seen, |first| first.seq > first_wanted);
        ChatHistory { messages, last_seq: self.last_seq, more }
    }

    /// A page that lies wholly in memory.
    fn page_before(&self, before: Option<u64>, limit: usize) -> Option<ChatHistory> {
        let before = before.unwrap_or(u64::MAX);
        let page: Vec<ChatMessage> =
            self.recent.iter().rev().filter(|message| message.seq < before).take(limit).cloned().collect();
        let reaches_start = self.last_seq == 0 || self.recent.front().is_some_and(|first| first.seq == 1);
        if page.len() < limit && !reaches_start {
            return None;
        }
        Some(self.page(page.into_iter().rev().collect(), 0))
    }
}

fn weight(message: &ChatMessage) -> usize {
    message.body.len() + message.author_name.len() + 200
}

/// Cuts a page at its old end so that it fits a connection's outbox many times over.
fn newest_that_fit(mut messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let mut bytes = 0;
    let fitting = messages
        .iter()
        .rev()
        .take_while(|message| {
            bytes += weight(message);
            bytes <= PAGE_BYTES
        })
        .count()
        .max(1);
    let cut = messages.len().saturating_sub(fitting);
    messages.split_off(cut)
}

impl Room {
    /// Slow mode: refuses a recipient's message that comes too soon after their last. The same message sent again is no new
    /// one: its first answer was lost.
    fn slow_down(&mut self, now: Instant, peer: &PeerId, id: &ClientMessageId) -> Result<(), Refusal> {
        self.chat.wrote.retain(|_, (at, _)| now.saturating_duration_since(*at) < LONGEST_PAUSE);
        let member = self.seated(peer)?;
        if !member.role.is_recipient() {
            return Ok(());
        }
        let (person, pause) = (member.person.clone(), Duration::from_secs(self.policy.slow_mode_s.into()));
        match self.chat.wrote.get(&person) {
            Some((_, last)) if last == id => return Ok(()),
            Some((at, _)) => {
                let left = pause.saturating_sub(now.saturating_duration_since(*at));
                if !left.is_zero() {
                    let wait = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
                    return Err(Refusal::of(RefusalCode::SlowMode).retry_after_ms(wait));
                }
            }
            None => {}
        }
        self.chat.wrote.insert(person, (now, id.clone()));
        Ok(())
    }

    pub(super) fn chat_send(&mut self, now: Instant, peer: &PeerId, send: ChatSend) -> Result<(), Refusal> {
        self.may_write(peer)?;
        self.reserve_record()?;
        self.slow_down(now, peer, &send.client_msg_id)?;
        let author = self.seated(peer)?;
        let record = Record::Chat {
            author: author.person.clone(),
            author_name: author.name.clone(),
            peer: peer.clone(),
            client_msg_id: send.client_msg_id,
            body: send.body,
            reply_to: send.reply_to,
        };
        self.chat.in_flight += 1;
        self.record(record);
        Ok(())
    }

    pub(super) fn chat_edit(&mut self, peer: &PeerId, edit: ChatEdit) -> Result<(), Refusal> {
        self.may_write(peer)?;
        self.reserve_record()?;
        let by = self.seated(peer)?.person.clone();
        if self.chat.find(&edit.message).is_some_and(|message| message.author != by || message.deleted) {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        self.chat.in_flight += 1;
        self.record(Record::ChatEdit { peer: peer.clone(), by, message: edit.message, body: edit.body });
        Ok(())
    }

    pub(super) fn chat_delete(&mut self, peer: &PeerId, delete: ChatDelete) -> Result<(), Refusal> {
        self.reserve_record()?;
        let moderator = self.rights_of(peer).is_some_and(|rights| rights.moderate);
        let member = self.seated(peer)?;
        if !member.is_person() {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        let by = member.person.clone();
        let is_own = |message: &ChatMessage| message.author == by;
        if !moderator && self.chat.find(&delete.message).is_some_and(|message| !is_own(message)) {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        self.chat.in_flight += 1;
        self.record(Record::ChatDelete { peer: peer.clone(), message: delete.message, by, moderator });
        Ok(())
    }

    /// In a room of turns: a recipient reads what came after this number, and nothing of those before them.
    pub(super) fn chat_floor(&self, peer: &PeerId) -> Option<u64> {
        let member = self.members.get(peer).filter(|member| self.config.takes_turns && member.role.is_recipient())?;
        Some(self.sat_down.get(&member.person).copied().unwrap_or(self.chat.last_seq))
    }

    pub(super) fn chat_history(&mut self, peer: &PeerId, request: &ChatHistoryRequest) -> Result<(), Refusal> {
        if !self.seated(peer)?.is_person() {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        if let Some(floor) = self.chat_floor(peer) {
            let mut page = self.chat.after(floor);
            page.messages.retain(|message| request.before_seq.is_none_or(|before| message.seq < before));
            page.more = false;
            self.send(peer, ServerMessage::ChatHistory(page));
            return Ok(());
        }
        if let Some(page) = self.chat.page_before(request.before_seq, usize::from(request.limit)) {
            self.send(peer, ServerMessage::ChatHistory(page));
            return Ok(());
        }
        self.reserve_record()?;
        self.chat.in_flight += 1;
        self.record(Record::ChatHistory { peer: peer.clone(), before_seq: request.before_seq, limit: request.limit });
        Ok(())
    }

    pub(super) fn stored(&mut self, now: Instant, stored: Stored) {
        self.chat.in_flight = self.chat.in_flight.saturating_sub(1);
        match stored {
            // The room itself does that.
            Stored::Ended => {}
            Stored::Chat { peer, result: Ok(message) } => {
                self.tell(
                    &peer,
                    ServerMessage::ChatAck(ChatAck {
                        client_msg_id: message.client_msg_id.clone(),
                        message: message.message.clone(),
                        seq: message.seq,
                    }),
                );
                // Also a repeated one, if nobody was shown it: the answer to its first sending was lost.
                if message.seq > self.chat.last_seq {
                    self.chat.held.insert(message.seq, message);
                    self.release_chat(self.chat.held.len() > MOST_IN_FLIGHT);
                    if self.chat.held.is_empty() {
                        self.timers.clear(&Timer::ChatGap);
                    } else if !self.timers.is_set(&Timer::ChatGap) {
                        self.timers.set(Timer::ChatGap, now + GAP_WAIT);
                    }
                }
            }
            Stored::Chat { peer, result: Err((client_msg_id, code)) } => {
                // What was not kept does not count against its author.
                self.chat.wrote.retain(|_, (_, last)| *last != client_msg_id);
                let refused = Refused {
                    code,
                    request: Some("chat_send".into()),
                    client_msg_id: Some(client_msg_id),
                    retry_after_ms: None,
                    detail: None,
                };
                self.tell(&peer, ServerMessage::Error(refused));
            }
            Stored::ChatMissing { result } => {
                let shown = self.chat.last_seq;
                let missing = result.unwrap_or_default().into_iter().filter(|message| message.seq > shown);
                self.chat.held.extend(missing.map(|message| (message.seq, message)));
                self.release_chat(true);
                self.timers.clear(&Timer::ChatGap);
            }
            // An edit that changes nothing is news for its author only.
            Stored::ChatChanged { peer, result: Ok(message), .. }
                if self.chat.find(&message.message) == Some(&message) =>
            {
                self.tell(&peer, ServerMessage::ChatChanged(ChatChanged { message }));
            }
            Stored::ChatChanged { result: Ok(message), .. } => {
                self.chat.replace(&message);
                self.broadcast(None, ServerMessage::ChatChanged(ChatChanged { message }));
            }
            Stored::ChatChanged { peer, edited, result: Err(code) } => {
                self.refuse_later(&peer, if edited { "chat_edit" } else { "chat_delete" }, code);
            }
            Stored::ChatHistory { peer, result: Ok((messages, more)) } => {
                let asked = messages.len();
                let messages = newest_that_fit(messages);
                let more = more || messages.len() < asked;
                let page = ChatHistory { messages, last_seq: self.chat.last_seq, more };
                self.tell(&peer, ServerMessage::ChatHistory(page));
            }
            Stored::ChatHistory { peer, result: Err(code) } => self.refuse_later(&peer, "chat_history", code),
        }
    }

    /// Tells what is in order; `anyway`: also past a gap.
    pub(super) fn release_chat(&mut self, anyway: bool) {
        while let Some(entry) = self.chat.held.first_entry() {
            if *entry.key() != self.chat.last_seq + 1 && !anyway {
                break;
            }
            let message = entry.remove();
            self.chat.push(message.clone());
            self.broadcast(None, ServerMessage::ChatMessage(message));
        }
    }

    /// A number has not come in time. The store knows whether there is such a message.
    pub(super) fn ask_for_missing(&mut self) {
        let Some((first_held, _)) = self.chat.held.first_key_value() else { return };
        let (after_seq, before_seq) = (self.chat.last_seq, *first_held);
        self.chat.in_flight += 1;
        self.record(Record::ChatMissing { after_seq, before_seq });
    }

    fn may_write(&self, peer: &PeerId) -> Result<(), Refusal> {
        let member = self.seated(peer)?;
        let who = member.standing(self.promoted.contains(&member.person));
        Ok(rights::may_write(&self.circumstances(), &who)?)
    }

    fn reserve_record(&self) -> Result<(), Refusal> {
        if self.chat.in_flight < MOST_IN_FLIGHT {
            Ok(())
        } else {
            Err(Refusal::of(RefusalCode::Unavailable).retry_after_ms(1_000))
        }
    }

    fn refuse_later(&mut self, peer: &PeerId, request: &str, code: RefusalCode) {
        let refused = Refused {
            code,
            request: Some(request.to_owned()),
            client_msg_id: None,
            retry_after_ms: None,
            detail: None,
        };
        self.tell(peer, ServerMessage::Error(refused));
    }

    /// To a peer who may be gone by now.
    fn tell(&mut self, peer: &PeerId, message: ServerMessage) {
        if self.members.get(peer).is_some_and(|member| member.is_connected()) {
            self.send(peer, message);
        }
    }
}
