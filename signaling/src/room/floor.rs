//! The floor: hands, promotion, the host's switches, removal, the end.

use std::time::Instant;

use crate::ids::PeerId;
use crate::message::ServerMessage;
use crate::message::floor::{MuteMember, MuteRequested, Promote, RoomPolicy};
use crate::message::media::SourceKind;
use crate::message::session::{CloseReason, Form, LeftReason};
use crate::refusal::RefusalCode;

use super::member::{KINDS, Member};
use super::{Record, Refusal, Room};

impl Room {
    pub(super) fn raise_hand(&mut self, peer: &PeerId, raised: bool) -> Result<(), Refusal> {
        if !raised {
            self.hands.retain(|other| other != peer);
        } else if !self.rights_of(peer).is_some_and(|rights| rights.raise_hand) {
            return Err(RefusalCode::RoleNotPermitted.into());
        } else if !self.hands.contains(peer) {
            self.hands.push(peer.clone());
        }
        self.dirty = true;
        Ok(())
    }

    pub(super) fn lower_hands(&mut self, by: &PeerId, target: Option<&PeerId>) -> Result<(), Refusal> {
        self.moderator(by)?;
        match target {
            Some(target) => {
                self.seated(target)?;
                self.hands.retain(|raised| raised != target);
            }
            None => self.hands.clear(),
        }
        self.dirty = true;
        Ok(())
    }

    pub(super) fn promote(&mut self, by: &PeerId, promote: &Promote) -> Result<(), Refusal> {
        self.moderator(by)?;
        let target = self.seated(&promote.peer)?;
        if !target.role.is_recipient() || self.config.form == Form::Chat {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        let person = target.person.clone();
        if promote.promoted {
            self.promoted.insert(person.clone());
            self.hands.retain(|raised| *raised != promote.peer);
        } else {
            self.promoted.remove(&person);
        }
        let action = if promote.promoted { "promote" } else { "demote" };
        self.moderated(by, action, Some(&promote.peer));
        self.dirty = true;
        Ok(())
    }

    pub(super) fn mute_members(&mut self, by: &PeerId, mute: &MuteMember) -> Result<(), Refusal> {
        self.moderator(by)?;
        let targets: Vec<PeerId> = match &mute.peer {
            Some(peer) => {
                if self.seated(peer)?.role.is_staff() && peer != by {
                    return Err(RefusalCode::RoleNotPermitted.into());
                }
                vec![peer.clone()]
            }
            None => self.peers_where(|member| member.role.is_recipient()),
        };
        for peer in targets {
            let Some(member) = self.members.get_mut(&peer) else { continue };
            if !member.switched_on.has(mute.kind) {
                continue;
            }
            member.switched_on.set(mute.kind, false);
            self.send(&peer, ServerMessage::MuteRequested(MuteRequested { kind: mute.kind, by: by.clone() }));
        }
        self.moderated(by, "mute", mute.peer.as_ref());
        self.dirty = true;
        Ok(())
    }

    /// Sends a person out for good, from the room or from its lobby.
    pub(super) fn remove(&mut self, now: Instant, by: &PeerId, target: &PeerId) -> Result<(), Refusal> {
        let moderator = self.moderator(by)?.person.clone();
        let member = self.members.get(target).ok_or(RefusalCode::NotFound)?;
        // Observers supervise and hosts hold the lesson: only those who came to be helped can be sent out.
        if !member.role.is_recipient() {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        let person = member.person.clone();
        self.removed.insert(person.clone());
        self.moderated(by, "remove", Some(target));
        self.record(Record::Removed { person: person.clone(), by: moderator });
        self.expel(now, &person, LeftReason::Removed, CloseReason::Removed);
        Ok(())
    }

    pub(super) fn admit(&mut self, by: &PeerId, target: Option<&PeerId>) -> Result<(), Refusal> {
        self.moderator(by)?;
        let persons: Vec<_> = match target {
            Some(target) => {
                let member = self.members.get(target).ok_or(RefusalCode::NotFound)?;
                vec![member.person.clone()]
            }
            None => self.members.values().filter(|m| !m.is_seated()).map(|m| m.person.clone()).collect(),
        };
        self.moderated(by, "admit", target);
        self.admitted.extend(persons);
        self.dirty = true;
        Ok(())
    }

    pub(super) fn change_policy(&mut self, by: &PeerId, policy: RoomPolicy) -> Result<(), Refusal> {
        self.moderator(by)?;
        if self.policy == policy {
            return Ok(());
        }
        self.policy = policy;
        self.moderated(by, "room_policy", None);
        self.announce_room();
        self.dirty = true;
        Ok(())
    }

    /// Asks for the end to be kept: who was told that it is over must not find it open again after a crash.
    pub(super) fn end(&mut self, by: &PeerId) -> Result<(), Refusal> {
        let member = self.seated(by)?;
        let may_end = match self.config.form {
            Form::Individual => member.is_person() && (member.role.is_staff() || member.role.is_recipient()),
            _ => member.is_person() && member.role == crate::message::session::RoomRole::Host,
        };
        if !may_end {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        let person = member.person.clone();
        if !std::mem::replace(&mut self.ending, true) {
            self.record(Record::EndedByHost { person });
        }
        Ok(())
    }

    /// What a person may no longer send is switched off as well, so that a lifted lock opens no microphone by itself.
    /// Not while a host is away for a moment: then all goes on as it was.
    pub(super) fn switch_off_forbidden(&mut self) {
        if !self.host_present {
            return;
        }
        let is_on = |member: &Member| KINDS.into_iter().any(|kind| member.switched_on.has(kind));
        let peers = self.peers_where(|member| member.is_person() && member.is_seated() && is_on(member));
        for peer in peers {
            let forbidden: Vec<SourceKind> =
                KINDS.into_iter().filter(|kind| self.may_publish(&peer, *kind).is_err()).collect();
            if let Some(member) = self.members.get_mut(&peer) {
                for kind in forbidden {
                    member.switched_on.set(kind, false);
                }
            }
        }
    }

    fn moderator(&self, peer: &PeerId) -> Result<&Member, Refusal> {
        if self.rights_of(peer).is_some_and(|rights| rights.moderate) {
            self.seated(peer)
        } else {
            Err(RefusalCode::RoleNotPermitted.into())
        }
    }

    pub(super) fn seated(&self, peer: &PeerId) -> Result<&Member, Refusal> {
        self.members.get(peer).filter(|member| member.is_seated()).ok_or(RefusalCode::NotFound.into())
    }

    fn moderated(&mut self, by: &PeerId, action: &'static str, target: Option<&PeerId>) {
        let person = |peer: &PeerId| self.members.get(peer).map(|member| member.person.clone());
        let Some(moderator) = person(by) else { return };
        let target = target.and_then(person);
        self.record(Record::Moderated { by: moderator, action, target });
    }
}
