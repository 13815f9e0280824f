//! What everybody is told: the difference between the room now and the room as last told.

use std::sync::Arc;
use std::time::Instant;

use crate::ids::{PeerId, PersonId};
use crate::message::ServerMessage;
use crate::message::floor::{HandQueue, Lobby, Rights, RightsChanged, WaitingView};
use crate::message::media::{SignalLevel, SourceKind, Sources};
use crate::message::session::{MemberChanged, MemberView, RoomChanged, RoomRole, RoomState, RoomView, SeatKind};

use super::member::{Member, Place};
use super::rights::{self, Circumstances};
use super::{MediaCommand, Output, Record, Room};

/// A member as everybody sees it, borrowed: what has not changed is compared and not copied.
#[derive(PartialEq)]
struct Looks<'a> {
    peer: &'a PeerId,
    person: &'a PersonId,
    display_name: &'a str,
    beside: Option<&'a PersonId>,
    role: RoomRole,
    seat: SeatKind,
    connected: bool,
    /// Microphone, camera, screen.
    switched_on: (bool, bool, bool),
    hand: bool,
    promoted: bool,
    signal: Option<SignalLevel>,
}

impl<'a> Looks<'a> {
    fn of(view: &'a MemberView) -> Self {
        Self {
            peer: &view.peer,
            person: &view.person,
            display_name: &view.display_name,
            beside: view.beside.as_ref(),
            role: view.role,
            seat: view.seat,
            connected: view.connected,
            switched_on: (view.microphone, view.camera, view.screen),
            hand: view.hand,
            promoted: view.promoted,
            signal: view.signal,
        }
    }

    fn into_view(self) -> MemberView {
        let (microphone, camera, screen) = self.switched_on;
        MemberView {
            peer: self.peer.clone(),
            person: self.person.clone(),
            display_name: self.display_name.to_owned(),
            role: self.role,
            seat: self.seat,
            connected: self.connected,
            microphone,
            camera,
            screen,
            hand: self.hand,
            promoted: self.promoted,
            beside: self.beside.cloned(),
            signal: self.signal,
        }
    }
}

impl Room {
    /// Brings everybody up to date. Does nothing unless a handler changed something; changing nothing twice tells
    /// nothing twice.
    pub(super) fn sync(&mut self, _now: Instant) {
        if !std::mem::take(&mut self.dirty) || self.finished {
            return;
        }
        self.sync_host();
        self.let_in();
        self.switch_off_forbidden();
        self.sync_rights();
        self.pause_sources();
        self.sync_members();
        self.sync_hands();
        self.sync_sources();
        self.sync_restricted();
        self.sync_lobby();
    }

    fn sync_host(&mut self) {
        let host = self.members.values().find(|member| member.stands_for_host()).map(|member| member.person.clone());
        if host.is_some() == self.host_present {
            return;
        }
        self.host_present = host.is_some();
        if let Some(person) = host.filter(|_| self.config.state == RoomState::Open) {
            self.config.state = RoomState::Live;
            self.record(Record::HostArrived { person });
            self.announce_room();
        }
        self.record(Record::HostPresence { present: self.host_present });
    }

    fn sync_rights(&mut self) {
        // Every change of the room looks at every seat: what is as it was told costs no copy.
        let changed: Vec<(PeerId, Rights)> = self
            .members
            .iter()
            .filter(|(_, member)| member.is_seated())
            .map(|(peer, member)| (peer, member, self.rights_of_member(member)))
            .filter(|(_, member, rights)| member.sent_rights.as_ref() != Some(rights))
            .map(|(peer, _, rights)| (peer.clone(), rights))
            .collect();
        for (peer, rights) in changed {
            let Some(member) = self.members.get_mut(&peer) else { continue };
            let before = member.sent_rights.replace(rights.clone());
            let is_told = member.is_person() && member.is_connected();
            let has_transport = member.negotiation.has_transport();
            let allowed = rights::publish(&rights);
            if has_transport && before.as_ref().map(rights::publish) != Some(allowed) {
                self.media(MediaCommand::Allow { peer: peer.clone(), allowed });
            }
            if !rights.raise_hand {
                self.hands.retain(|raised| *raised != peer);
            }
            // A member who is between two sockets reads the rights in the `joined` of the resume.
            if is_told {
                self.send(&peer, ServerMessage::Rights(RightsChanged { rights }));
            }
        }
    }

    fn sync_members(&mut self) {
        let changed: Vec<MemberView> = self
            .members
            .iter()
            .filter(|(_, member)| member.is_seated())
            .map(|(peer, member)| (member.sent_view.as_ref().map(Looks::of), self.looks(peer, member)))
            .filter(|(sent, looks)| sent.as_ref() != Some(looks))
            .map(|(_, looks)| looks.into_view())
            .collect();
        for view in changed {
            let Some(member) = self.members.get_mut(&view.peer) else { continue };
            member.sent_view = Some(view.clone());
            self.broadcast(None, ServerMessage::MemberChanged(MemberChanged { member: view }));
        }
    }

    fn sync_hands(&mut self) {
        if self.hands != self.sent_hands {
            self.sent_hands = self.hands.clone();
            let peers = self.hands.clone();
            self.broadcast(None, ServerMessage::HandQueue(HandQueue { peers }));
        }
    }

    fn sync_sources(&mut self) {
        let sources = self.all_sources();
        if sources == self.sent_sources {
            return;
        }
        self.sent_sources = sources.clone();
        let everything: Vec<PeerId> =
            self.peers_where(|member| Self::hears_broadcasts(member) && !self.is_restricted(member));
        let restricted: Vec<PeerId> =
            self.peers_where(|member| Self::hears_broadcasts(member) && self.is_restricted(member));
        if !everything.is_empty() {
            let message = Box::new(ServerMessage::Sources(Sources { sources }));
            self.outputs.push_back(Output::Broadcast { to: everything.into(), except: None, message });
        }
        for peer in restricted {
            let sources = self.sources_for(&peer);
            self.send(&peer, ServerMessage::Sources(Sources { sources }));
        }
    }

    fn sync_lobby(&mut self) {
        let mut waiting: Vec<(u64, WaitingView)> = self
            .members
            .iter()
            .filter_map(|(peer, member)| {
                let Place::Lobby(reason) = member.place else { return None };
                Some((
                    member.order,
                    WaitingView {
                        peer: peer.clone(),
                        person: member.person.clone(),
                        display_name: member.name.clone(),
                        role: member.role,
                        reason,
                    },
                ))
            })
            .collect();
        waiting.sort_by_key(|(order, _)| *order);
        let waiting: Vec<WaitingView> = waiting.into_iter().map(|(_, view)| view).collect();
        if waiting == self.sent_lobby {
            return;
        }
        self.sent_lobby = waiting.clone();
        let moderators: Arc<[PeerId]> = self
            .peers_where(|member| Self::hears_broadcasts(member) && member.is_person() && member.role.is_staff())
            .into();
        if !moderators.is_empty() {
            let message = Box::new(ServerMessage::Lobby(Lobby { waiting }));
            self.outputs.push_back(Output::Broadcast { to: moderators, except: None, message });
        }
    }

    /// To everybody seated and connected. Silent once the room is closed: then each is told of the end itself.
    pub(super) fn broadcast(&mut self, except: Option<&PeerId>, message: ServerMessage) {
        if self.config.state == RoomState::Closed {
            return;
        }
        let to = match &self.audience {
            Some(audience) => audience.clone(),
            None => {
                let audience: Arc<[PeerId]> = self.peers_where(Self::hears_broadcasts).into();
                self.audience = Some(audience.clone());
                audience
            }
        };
        if !to.is_empty() {
            self.outputs.push_back(Output::Broadcast { to, except: except.cloned(), message: Box::new(message) });
        }
    }

    pub(super) fn announce_room(&mut self) {
        let room = self.room_view();
        self.broadcast(None, ServerMessage::RoomChanged(RoomChanged { room }));
    }

    pub(super) fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            form: self.config.form,
            state: self.config.state,
            policy: &self.policy,
            host_present: self.host_present,
        }
    }

    pub(super) fn rights_of(&self, peer: &PeerId) -> Option<Rights> {
        self.members.get(peer).map(|member| self.rights_of_member(member))
    }

    fn rights_of_member(&self, member: &Member) -> Rights {
        let promoted = self.promoted.contains(&member.person);
        rights::rights(&self.circumstances(), &member.standing(promoted))
    }

    pub(super) fn is_seated(&self, peer: &PeerId) -> bool {
        self.members.get(peer).is_some_and(Member::is_seated)
    }

    pub(super) fn peers_where(&self, keep: impl Fn(&Member) -> bool) -> Vec<PeerId> {
        self.members.iter().filter(|(_, member)| keep(member)).map(|(peer, _)| peer.clone()).collect()
    }

    pub(super) fn room_view(&self) -> RoomView {
        RoomView {
            room: self.config.room.clone(),
            form: self.config.form,
            state: self.config.state,
            title: self.config.title.clone(),
            start_ms: self.config.start_ms,
            end_ms: self.config.end_ms,
            closes_ms: self.config.closes_ms,
            policy: self.policy.clone(),
        }
    }

    pub(super) fn view_of(&self, peer: &PeerId, member: &Member) -> MemberView {
        self.looks(peer, member).into_view()
    }

    fn looks<'a>(&self, peer: &'a PeerId, member: &'a Member) -> Looks<'a> {
        Looks {
            peer,
            person: &member.person,
            display_name: &member.name,
            beside: member.beside.as_ref(),
            role: member.role,
            seat: member.seat_kind(),
            connected: member.is_connected(),
            switched_on: self.switched_on(member),
            hand: self.hands.contains(peer),
            promoted: self.promoted.contains(&member.person),
            signal: member.quality.level(),
        }
    }

    /// Microphone, camera and screen: on, and allowed to be.
    fn switched_on(&self, member: &Member) -> (bool, bool, bool) {
        let who = member.standing(self.promoted.contains(&member.person));
        let at = self.circumstances();
        let is_on = |kind| member.switched_on.has(kind) && rights::may_publish(&at, &who, kind).is_ok();
        (is_on(SourceKind::Microphone), is_on(SourceKind::Camera), is_on(SourceKind::Screen))
    }

    /// Everybody seated, in the order of arrival.
    pub(super) fn members_in_order(&self) -> Vec<MemberView> {
        let mut seated: Vec<(u64, MemberView)> = self
            .members
            .iter()
            .filter(|(_, member)| member.is_seated())
            .map(|(peer, member)| (member.order, self.view_of(peer, member)))
            .collect();
        seated.sort_by_key(|(order, _)| *order);
        seated.into_iter().map(|(_, view)| view).collect()
    }
}
