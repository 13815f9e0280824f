//! Sources, who may see them, slots, mute, speakers.

use std::time::{Duration, Instant};

use crate::ids::{PeerId, SourceId};
use crate::message::ServerMessage;
use crate::message::media::{LayersWanted, Mute, SlotMap, SlotRequests, SlotView, SourceKind, SourceView, Speakers};
use crate::message::negotiation::MediaLost;
use crate::message::session::{Form, RoomRole};
use crate::refusal::RefusalCode;

use super::member::Member;
use super::negotiation::SlotWish;
use super::timer::Timer;
use super::{MediaCommand, MediaEvent, Refusal, Room, Seat};

/// Most speakers told.
const MOST_SPEAKERS: usize = 4;
/// Speakers are told at most this often: a name that flickers helps nobody.
const SPEAKERS_SPACING: Duration = Duration::from_millis(300);

/// Something that the SFU receives.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) peer: PeerId,
    pub(super) kind: SourceKind,
    /// As last told to the SFU since it announced the source. Until then it holds the source back, but a command of before
    /// may still be on its way: so the first word is always said.
    pub(super) paused: Option<bool>,
}

impl Room {
    /// The client switches one of its own sources.
    pub(super) fn mute(&mut self, peer: &PeerId, mute: Mute) -> Result<(), Refusal> {
        if !mute.muted {
            self.may_publish(peer, mute.kind)?;
        }
        if let Some(member) = self.members.get_mut(peer) {
            member.switched_on.set(mute.kind, !mute.muted);
        }
        self.dirty = true;
        Ok(())
    }

    pub(super) fn wish(&mut self, peer: &PeerId, wish: SlotRequests) -> Result<(), Refusal> {
        if !self.rights_of(peer).is_some_and(|rights| rights.receive_media) {
            return Err(RefusalCode::RoleNotPermitted.into());
        }
        let member = self.seated(peer)?;
        let mut seen = Vec::new();
        for slot in &wish.slots {
            if !member.negotiation.receives.contains(&slot.mid) || seen.contains(&&slot.mid) {
                return Err(Refusal::of(RefusalCode::BadMessage).because("no receiving m-line of the last offer"));
            }
            seen.push(&slot.mid);
        }
        let may = |source: &SourceId| self.may_see(member, source);
        let missing = wish.slots.iter().filter_map(|slot| slot.source.as_ref()).any(|source| !may(source));
        let slots: Vec<SlotWish> = wish
            .slots
            .iter()
            .map(|slot| (slot.mid.clone(), slot.source.clone().filter(may), slot.max_height))
            .collect();
        if self.is_restricted(member) {
            if let Some(member) = self.members.get_mut(peer) {
                member.negotiation.wish = slots;
            }
            self.dirty = true;
        } else {
            self.media(MediaCommand::Slots { peer: peer.clone(), slots });
        }
        // The other slots are served: in a race with somebody leaving, one empty tile must not cost all.
        if missing { Err(RefusalCode::NotFound.into()) } else { Ok(()) }
    }

    /// A guardian in a group room of minors sees the hosts and their own child; consent differs for the others
    /// (DOMAIN 2.5).
    fn may_see(&self, viewer: &Member, source: &SourceId) -> bool {
        let Some(owner) = self.sources.get(source).and_then(|source| self.members.get(&source.peer)) else {
            return false;
        };
        if !self.is_restricted(viewer) {
            return true;
        }
        owner.role.is_staff() || viewer.beside.as_ref() == Some(&owner.person) || owner.person == viewer.person
    }

    /// Must not see and hear everybody.
    pub(super) fn is_restricted(&self, viewer: &Member) -> bool {
        viewer.role == RoomRole::Guardian && self.config.form != Form::Individual
    }

    /// The SFU fills audio slots with the loudest voices of the room. A restricted receiver's are named one by one, so
    /// that no other child is heard.
    pub(super) fn sync_restricted(&mut self) {
        for peer in self.peers_where(|member| self.is_restricted(member) && member.negotiation.has_transport()) {
            let Some(viewer) = self.members.get(&peer) else { continue };
            let mut slots = viewer.negotiation.wish.clone();
            for (_, source, _) in &mut slots {
                *source = source.take().filter(|source| self.may_see(viewer, source));
            }
            let is_audible = |id: &SourceId, source: &Source| {
                matches!(source.kind, SourceKind::Microphone | SourceKind::ScreenAudio)
                    && source.peer != peer
                    && self.may_see(viewer, id)
                    && !slots.iter().any(|(_, wished, _)| wished.as_ref() == Some(id))
            };
            let mut audible: Vec<SourceId> =
                self.sources.iter().filter(|(id, source)| is_audible(id, source)).map(|(id, _)| id.clone()).collect();
            audible.sort();
            let free = viewer.negotiation.hears.iter().filter(|mid| !slots.iter().any(|(named, _, _)| named == *mid));
            let mut audible = audible.into_iter();
            let heard: Vec<SlotWish> = free.map(|mid| (mid.clone(), audible.next(), 0)).collect();
            slots.extend(heard);
            if viewer.negotiation.told.as_ref() == Some(&slots) {
                continue;
            }
            if let Some(member) = self.members.get_mut(&peer) {
                member.negotiation.told = Some(slots.clone());
            }
            self.media(MediaCommand::Slots { peer, slots });
        }
    }

    /// All sources as everybody without restriction sees them.
    pub(super) fn all_sources(&self) -> Vec<SourceView> {
        self.sources
            .iter()
            .map(|(id, source)| SourceView {
                source: id.clone(),
                peer: source.peer.clone(),
                kind: source.kind,
                muted: self.is_silent(&source.peer, source.kind),
                encrypted: self
                    .members
                    .get(&source.peer)
                    .is_some_and(|member| member.negotiation.encrypted.contains(&source.kind)),
            })
            .collect()
    }

    pub(super) fn sources_for(&self, peer: &PeerId) -> Vec<SourceView> {
        let Some(viewer) = self.members.get(peer) else { return Vec::new() };
        self.all_sources().into_iter().filter(|view| self.may_see(viewer, &view.source)).collect()
    }

    /// Nothing of it is forwarded: switched off, or not allowed now.
    fn is_silent(&self, peer: &PeerId, kind: SourceKind) -> bool {
        !self.members.get(peer).is_some_and(|member| member.switched_on.has(kind))
            || self.may_publish(peer, kind).is_err()
    }

    /// Tells the SFU what to hold back.
    pub(super) fn pause_sources(&mut self) {
        let changes: Vec<(SourceId, bool)> = self
            .sources
            .iter()
            .map(|(id, source)| (id, source, self.is_silent(&source.peer, source.kind)))
            .filter(|(_, source, silent)| source.paused != Some(*silent))
            .map(|(id, _, silent)| (id.clone(), silent))
            .collect();
        for (source, paused) in changes {
            if let Some(known) = self.sources.get_mut(&source) {
                known.paused = Some(paused);
            }
            self.media(MediaCommand::Pause { source, paused });
        }
    }

    pub(super) fn media_event(&mut self, now: Instant, event: MediaEvent) {
        match event {
            MediaEvent::Answered { peer, id, sdp } => self.answered(&peer, id, Ok(sdp)),
            MediaEvent::OfferRefused { peer, id, code, detail } => self.answered(&peer, id, Err((code, detail))),
            MediaEvent::Connected { peer } => self.note_connected(now, &peer),
            MediaEvent::Measured { peer, measured } => self.note_measured(now, &peer, measured),
            MediaEvent::Fallen { peer } => {
                match self.members.get_mut(&peer).filter(|member| member.is_person()) {
                    Some(member) if member.is_connected() => self.send(&peer, ServerMessage::MediaLost(MediaLost {})),
                    Some(member) => member.media_fell = true,
                    None => {}
                }
                self.media_event(now, MediaEvent::Disconnected { peer });
            }
            MediaEvent::Disconnected { peer } => {
                self.sources.retain(|_, source| source.peer != peer);
                self.dirty = true;
                // Nobody sits at a program's seat to offer again.
                if self.members.get(&peer).is_some_and(|member| !member.is_person()) {
                    self.vacate(now, &peer, crate::message::session::LeftReason::Lost, None);
                }
            }
            MediaEvent::SourceAdded { peer, source, kind } => {
                let declared = self.members.get(&peer).is_some_and(|member| {
                    member.is_seated() && member.negotiation.sends.values().any(|sent| *sent == kind)
                });
                if declared {
                    self.sources.insert(source, Source { peer, kind, paused: None });
                    self.dirty = true;
                }
            }
            MediaEvent::SourceRemoved { source } => {
                self.dirty |= self.sources.remove(&source).is_some();
            }
            MediaEvent::SlotsChanged { peer, slots } => {
                let slots = slots.into_iter().map(|(mid, source)| SlotView { mid, source }).collect();
                if self.members.get(&peer).is_some_and(|member| member.is_connected() && member.is_seated()) {
                    self.send(&peer, ServerMessage::SlotMap(SlotMap { slots }));
                }
            }
            MediaEvent::LayersWanted { peer, source, rids, watched, spatial_unwatched } => {
                // A program publishes as it likes: there is no socket to tell it.
                if self.members.get(&peer).is_some_and(|member| member.is_connected() && member.is_seated()) {
                    let wanted = LayersWanted { source, rids, watched, spatial_unwatched };
                    self.send(&peer, ServerMessage::LayersWanted(wanted));
                }
            }
            MediaEvent::Speakers { peers } => self.speak(now, peers),
        }
    }

    fn speak(&mut self, now: Instant, mut peers: Vec<PeerId>) {
        peers.retain(|peer| self.is_seated(peer));
        peers.truncate(MOST_SPEAKERS);
        self.speakers_next = Some(peers);
        let due = self.speakers_sent.map_or(now, |at| at + SPEAKERS_SPACING);
        if due <= now {
            self.tell_speakers(now);
        } else if !self.timers.is_set(&Timer::SpeakersDue) {
            self.timers.set(Timer::SpeakersDue, due);
        }
    }

    pub(super) fn tell_speakers(&mut self, now: Instant) {
        let Some(mut peers) = self.speakers_next.take() else { return };
        peers.retain(|peer| self.is_seated(peer));
        if peers == self.speakers {
            return;
        }
        self.speakers = peers.clone();
        self.speakers_sent = Some(now);
        self.broadcast(None, ServerMessage::Speakers(Speakers { peers }));
    }

    pub(super) fn may_publish(&self, peer: &PeerId, kind: SourceKind) -> Result<(), RefusalCode> {
        let member = self.members.get(peer).ok_or(RefusalCode::NotFound)?;
        let who = member.standing(self.promoted.contains(&member.person));
        super::rights::may_publish(&self.circumstances(), &who, kind)
    }

    /// Everybody but publishing programs gets broadcasts; a watching one reads sources and speakers.
    pub(super) fn hears_broadcasts(member: &Member) -> bool {
        member.is_seated() && member.is_connected() && !matches!(member.seat, Seat::Publisher { .. })
    }
}
