//! Coming and going: who is let in, who waits, who keeps a seat, who is sent out.
//!
//! INV-55: a recipient is never in the room before an adult host is; until then they wait in the lobby.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::ids::{PeerId, PersonId, ResumeToken};
use crate::message::ServerMessage;
use crate::message::negotiation::MediaLost;
use crate::message::session::{
    CloseReason, Closed, Form, Joined, LeftReason, MemberJoined, MemberLeft, RoomState, Waiting, WaitingReason,
};
use crate::refusal::RefusalCode;

use super::member::{Member, Place};
use super::timer::Timer;
use super::{Admission, MediaCommand, Output, RESUME_WINDOW, Record, Room, Seat};

/// Persons remembered as let in. More than any school has pupils in one room; past it people wait again.
pub(super) const MOST_ADMITTED: usize = 4_096;

impl Room {
    /// Checks the limits and takes the newcomer in; `sync` decides between seat and lobby.
    pub(super) fn knock(&mut self, now: Instant, peer: PeerId, admission: Admission) -> Result<(), RefusalCode> {
        if self.config.state == RoomState::Closed || self.ending {
            return Err(RefusalCode::TooLate);
        }
        if self.removed.contains(&admission.person) {
            return Err(RefusalCode::RemovedFromRoom);
        }
        if self.members.contains_key(&peer) {
            return Err(RefusalCode::OutOfOrder);
        }
        if admission.seat == Seat::Person {
            self.make_room_for_device(now, &admission.person)?;
        } else {
            self.check_program(&admission)?;
        }
        let is_recipient = admission.role.is_recipient();
        // Persons, not devices: a pupil's second device takes nobody's place.
        let others: BTreeSet<&PersonId> = self
            .members
            .values()
            .filter(|member| member.is_person() && member.role.is_recipient() == is_recipient)
            .map(|member| &member.person)
            .filter(|person| **person != admission.person)
            .collect();
        let taken = others.len();
        let most = if is_recipient { self.config.limits.capacity } else { self.config.limits.staff };
        if admission.seat == Seat::Person && taken >= most {
            return Err(RefusalCode::RoomFull);
        }
        self.arrivals += 1;
        self.members.insert(peer, Member::new(admission, self.arrivals));
        self.dirty = true;
        Ok(())
    }

    /// One more device: when the person has as many as allowed, the longest lost one goes; if all are alive, refused.
    fn make_room_for_device(&mut self, now: Instant, person: &PersonId) -> Result<(), RefusalCode> {
        let devices = self.members.iter().filter(|(_, member)| member.is_person() && member.person == *person);
        if devices.clone().count() < self.config.limits.seats_per_person {
            return Ok(());
        }
        let lost = devices
            .filter_map(|(peer, member)| Some((member.gone_since?, peer.clone())))
            .min()
            .map(|(_, peer)| peer)
            .ok_or(RefusalCode::RoomFull)?;
        self.vacate(now, &lost, LeftReason::Lost, None);
        Ok(())
    }

    /// A program takes a seat only where its person might be: never waits, never comes before the host.
    fn check_program(&self, admission: &Admission) -> Result<(), RefusalCode> {
        let kin = |member: &&Member| member.person == admission.person;
        let (running, most) = match admission.seat {
            Seat::Person => return Ok(()),
            Seat::Publisher { .. } => (
                self.members.values().filter(kin).filter(|m| matches!(m.seat, Seat::Publisher { .. })).count(),
                self.config.limits.publishers_per_person,
            ),
            Seat::Watcher => (
                self.members.values().filter(kin).filter(|m| m.seat == Seat::Watcher).count(),
                self.config.limits.watchers_per_person,
            ),
        };
        if running >= most {
            return Err(RefusalCode::RoomFull);
        }
        if admission.role.is_recipient() {
            if !self.host_present {
                return Err(RefusalCode::HostAbsent);
            }
            if self.policy.admission && !self.admitted.contains(&admission.person) {
                return Err(RefusalCode::RoomLocked);
            }
        }
        Ok(())
    }

    /// Why this member must wait; `None`: they may sit down.
    pub(super) fn must_wait(&self, member: &Member) -> Option<WaitingReason> {
        if !member.role.is_recipient() {
            return None;
        }
        if !self.host_present {
            return Some(WaitingReason::HostAbsent);
        }
        (self.policy.admission && !self.admitted.contains(&member.person)).then_some(WaitingReason::Admission)
    }

    /// Seats whom the lobby no longer holds, staff first and then in the order of arrival, and tells the others why they
    /// wait.
    pub(super) fn let_in(&mut self) {
        let mut waiting: Vec<(bool, u64, PeerId)> = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_seated())
            .map(|(peer, member)| (member.role.is_recipient(), member.order, peer.clone()))
            .collect();
        waiting.sort();
        for (_, _, peer) in waiting {
            let Some(member) = self.members.get(&peer) else { continue };
            match self.must_wait(member) {
                None => self.seat(&peer),
                Some(reason) => self.hold(&peer, reason),
            }
        }
    }

    fn hold(&mut self, peer: &PeerId, reason: WaitingReason) {
        let room = self.room_view();
        let Some(member) = self.members.get_mut(peer) else { return };
        if member.place == Place::Lobby(reason) {
            return;
        }
        member.place = Place::Lobby(reason);
        let waiting = self.members.values().filter(|member| matches!(member.place, Place::Lobby(_))).count();
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.send(peer, ServerMessage::Waiting(Waiting { reason, room, waiting }));
    }

    fn seat(&mut self, peer: &PeerId) {
        let Some(member) = self.members.get(peer) else { return };
        let (person, role, is_person) = (member.person.clone(), member.role, member.is_person());
        let is_first =
            is_person && !self.members.values().any(|m| m.is_seated() && m.is_person() && m.person == person);
        if let Some(member) = self.members.get_mut(peer) {
            member.place = Place::Seated;
        }
        if self.admitted.len() < MOST_ADMITTED {
            self.admitted.insert(person.clone());
        }
        if self.config.takes_turns && role.is_recipient() && self.sat_down.len() < MOST_ADMITTED {
            let last = self.chat.last();
            self.sat_down.entry(person.clone()).or_insert(last);
        }
        self.audience = None;
        let Some(member) = self.members.get(peer) else { return };
        let view = self.view_of(peer, member);
        if let Some(member) = self.members.get_mut(peer) {
            member.sent_view = Some(view.clone());
        }
        self.broadcast(Some(peer), ServerMessage::MemberJoined(MemberJoined { member: view }));
        self.greet(peer, None);
        if is_first {
            self.record(Record::Joined { peer: peer.clone(), person, role });
        }
    }

    /// Sends `joined`, and to moderators who waits. `chat_seq`: of a resume.
    fn greet(&mut self, peer: &PeerId, chat_seq: Option<u64>) {
        let Some(rights) = self.rights_of(peer) else { return };
        let Some(member) = self.members.get_mut(peer) else { return };
        let resume = member.resume.clone();
        member.sent_rights = Some(rights.clone());
        // A program reads its answer and its slots; the rest of the room is not its business.
        if !member.is_person() {
            if member.seat == Seat::Watcher {
                let sources = self.sources_for(peer);
                self.send(peer, ServerMessage::Sources(crate::message::media::Sources { sources }));
            }
            return;
        }
        let floor = self.chat_floor(peer);
        let (audio_slots, video_slots) =
            if rights.receive_media { (self.config.audio_slots, self.config.video_slots) } else { (0, 0) };
        let members = self.members_in_order();
        let joined = Joined {
            peer: peer.clone(),
            resume,
            resumed: chat_seq.is_some(),
            room: self.room_view(),
            rights: rights.clone(),
            members,
            hands: self.hands.clone(),
            sources: self.sources_for(peer),
            chat: match (chat_seq, floor) {
                (Some(seen), floor) => self.chat.after(seen.max(floor.unwrap_or(0))),
                (None, Some(floor)) => self.chat.after(floor),
                (None, None) => self.chat.newest(),
            },
            // The driver's: credentials end at a time of day, and no machine knows that.
            ice_servers: Vec::new(),
            audio_slots,
            video_slots,
            camera_codec: self.config.camera_codec,
            screen_codec: self.config.screen_codec,
        };
        self.send(peer, ServerMessage::Joined(joined));
        for changed in chat_seq.map(|seen| self.chat.changed_until(seen)).unwrap_or_default() {
            if floor.is_some_and(|floor| changed.message.seq <= floor) {
                continue;
            }
            self.send(peer, ServerMessage::ChatChanged(changed));
        }
        if rights.moderate && !self.sent_lobby.is_empty() {
            let lobby = self.sent_lobby.clone();
            self.send(peer, ServerMessage::Lobby(crate::message::floor::Lobby { waiting: lobby }));
        }
        let pairs: Vec<_> =
            self.sent_unheard.iter().filter(|pair| rights.moderate || pair.speaker == *peer).cloned().collect();
        if !pairs.is_empty() {
            self.send(peer, ServerMessage::Unheard(crate::message::media::UnheardNow { pairs }));
        }
    }

    pub(super) fn holder(&self, token: &ResumeToken) -> Option<(&PeerId, &Member)> {
        self.members
            .iter()
            .find(|(_, member)| member.is_person() && member.is_seated() && same_secret(&member.resume, token))
    }

    pub(super) fn take_again(
        &mut self,
        person: &PersonId,
        token: &ResumeToken,
        chat_seq: u64,
    ) -> Result<PeerId, RefusalCode> {
        let peer = self
            .holder(token)
            .filter(|(_, member)| member.person == *person)
            .map(|(peer, _)| peer.clone())
            .ok_or(RefusalCode::NotFound)?;
        self.timers.clear(&Timer::SeatExpires(peer.clone()));
        let mut media_fell = false;
        if let Some(member) = self.members.get_mut(&peer) {
            member.gone_since = None;
            media_fell = std::mem::take(&mut member.media_fell);
        }
        self.audience = None;
        self.dirty = true;
        self.greet(&peer, Some(chat_seq));
        if media_fell {
            self.send(&peer, ServerMessage::MediaLost(MediaLost {}));
        }
        Ok(peer)
    }

    pub(super) fn lose(&mut self, now: Instant, peer: &PeerId) {
        let Some(member) = self.members.get_mut(peer) else { return };
        if !member.is_person() || !member.is_seated() {
            self.vacate(now, peer, LeftReason::Lost, None);
            return;
        }
        if member.gone_since.is_none() {
            member.gone_since = Some(now);
            self.timers.set(Timer::SeatExpires(peer.clone()), now + RESUME_WINDOW);
            self.audience = None;
            self.dirty = true;
        }
    }

    /// Empties a seat. `told`: the peer hears why, and is unbound.
    pub(super) fn vacate(&mut self, now: Instant, peer: &PeerId, reason: LeftReason, told: Option<CloseReason>) {
        let Some(member) = self.members.remove(peer) else { return };
        self.timers.clear(&Timer::SeatExpires(peer.clone()));
        self.hands.retain(|raised| raised != peer);
        self.speakers.retain(|speaker| speaker != peer);
        self.sources.retain(|_, source| source.peer != *peer);
        self.audience = None;
        self.dirty = true;
        let has_other_seat = |seated_only: bool| {
            self.members.values().any(|m| m.is_person() && m.person == member.person && (!seated_only || m.is_seated()))
        };
        let (is_last, is_last_seated) = (!has_other_seat(false), !has_other_seat(true));
        if is_last {
            self.promoted.remove(&member.person);
        }
        if member.negotiation.has_transport() {
            self.media(MediaCommand::Drop { peer: peer.clone() });
        }
        if member.is_seated() {
            self.broadcast(None, ServerMessage::MemberLeft(MemberLeft { peer: peer.clone(), reason }));
            let connected = member.gone_since.unwrap_or(now);
            if member.is_person() && !is_last_seated {
                let last = self.last_connected.entry(member.person).or_insert(connected);
                *last = connected.max(*last);
            } else if member.is_person() {
                let last = self.last_connected.remove(&member.person).map_or(connected, |other| other.max(connected));
                let ago = now.saturating_duration_since(last);
                self.record(Record::Left { peer: peer.clone(), person: member.person, reason, ago });
            }
        }
        if let Some(told) = told {
            self.send(peer, ServerMessage::Closed(Closed { reason: told, room: self.config.room.clone() }));
        }
        self.outputs.push_back(Output::Unbind { peer: peer.clone() });
    }

    /// Everything of one person goes: devices, places in the lobby, programs.
    pub(super) fn expel(&mut self, now: Instant, person: &PersonId, reason: LeftReason, told: CloseReason) {
        let theirs: Vec<PeerId> =
            self.members.iter().filter(|(_, m)| m.person == *person).map(|(peer, _)| peer.clone()).collect();
        for peer in theirs {
            self.vacate(now, &peer, reason, Some(told));
        }
        self.admitted.remove(person);
    }

    /// The end: everybody is told and out, the media stops, the driver may drop the room.
    pub(super) fn close(&mut self, now: Instant, reason: CloseReason) {
        if self.finished {
            return;
        }
        self.config.state = RoomState::Closed;
        let everybody: Vec<PeerId> = self.members.keys().cloned().collect();
        for peer in everybody {
            self.vacate(now, &peer, LeftReason::Closed, Some(reason));
        }
        self.timers.clear_all();
        self.finished = true;
        // A chat never opened anything in the SFU.
        if self.config.form != Form::Chat {
            self.media(MediaCommand::CloseRoom);
        }
        self.outputs.push_back(Output::Finished);
    }
}

/// Compares without telling by its duration how much was right.
fn same_secret(known: &ResumeToken, shown: &ResumeToken) -> bool {
    let (known, shown) = (known.as_str().as_bytes(), shown.as_str().as_bytes());
    known.len() == shown.len() && known.iter().zip(shown).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
