//! One seat and what the room knows of it.

use std::time::Instant;

use crate::ids::{PersonId, ResumeToken};
use crate::message::floor::Rights;
use crate::message::media::SourceKind;
use crate::message::session::{MemberView, RoomRole, SeatKind, WaitingReason};

use super::negotiation::Negotiation;
use super::quality::Quality;
use super::rights::Standing;
use super::{Admission, Seat};

/// A person on one device, or a program.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) person: PersonId,
    pub(super) name: String,
    pub(super) role: RoomRole,
    pub(super) beside: Option<PersonId>,
    pub(super) seat: Seat,
    pub(super) resume: ResumeToken,
    /// Place in the order of arrival.
    pub(super) order: u64,
    pub(super) place: Place,
    /// When the socket was lost; `None`: connected.
    pub(super) gone_since: Option<Instant>,
    /// Its connection of media fell while the socket was lost: it is told when it is back.
    pub(super) media_fell: bool,
    pub(super) switched_on: Switches,
    pub(super) negotiation: Negotiation,
    pub(super) quality: Quality,
    /// As last told to the member; `None` before the first `joined`.
    pub(super) sent_rights: Option<Rights>,
    /// As last told to everybody.
    pub(super) sent_view: Option<MemberView>,
}

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Came in this very call; `sync` decides.
    Arriving,
    Lobby(WaitingReason),
    Seated,
}

/// Which kinds of source the owner has switched on. A microphone starts off; a program's sources start on, because
/// nobody sits there to switch them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Switches {
    microphone: bool,
    camera: bool,
    screen: bool,
    screen_audio: bool,
}

impl Switches {
    pub(super) fn has(&self, kind: SourceKind) -> bool {
        match kind {
            SourceKind::Microphone => self.microphone,
            SourceKind::Camera => self.camera,
            SourceKind::Screen => self.screen,
            SourceKind::ScreenAudio => self.screen_audio,
        }
    }

    pub(super) fn set(&mut self, kind: SourceKind, on: bool) {
        match kind {
            SourceKind::Microphone => self.microphone = on,
            SourceKind::Camera => self.camera = on,
            SourceKind::Screen => self.screen = on,
            SourceKind::ScreenAudio => self.screen_audio = on,
        }
    }
}

/// Every kind there is.
pub(super) const KINDS: [SourceKind; 4] =
    [SourceKind::Microphone, SourceKind::Camera, SourceKind::ScreenAudio, SourceKind::Screen];

impl Member {
    pub(super) fn new(admission: Admission, order: u64) -> Self {
        let on = matches!(admission.seat, Seat::Publisher { .. });
        Self {
            person: admission.person,
            name: admission.display_name,
            role: admission.role,
            beside: admission.beside,
            seat: admission.seat,
            resume: admission.resume,
            order,
            place: Place::Arriving,
            gone_since: None,
            media_fell: false,
            switched_on: Switches { microphone: on, camera: on, screen: on, screen_audio: on },
            negotiation: Negotiation::default(),
            quality: Quality::default(),
            sent_rights: None,
            sent_view: None,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.gone_since.is_none()
    }

    pub(super) fn is_seated(&self) -> bool {
        self.place == Place::Seated
    }

    pub(super) fn is_person(&self) -> bool {
        self.seat == Seat::Person
    }

    /// Makes a host present (INV-55): an adult who can step in. A program is nobody, not even the host's own encoder.
    pub(super) fn stands_for_host(&self) -> bool {
        self.role.is_staff() && self.is_connected() && self.is_person()
    }

    pub(super) fn standing(&self, promoted: bool) -> Standing<'_> {
        Standing { role: self.role, seat: &self.seat, promoted }
    }

    pub(super) fn seat_kind(&self) -> SeatKind {
        match self.seat {
            Seat::Person => SeatKind::Person,
            Seat::Publisher { .. } => SeatKind::Publisher,
            Seat::Watcher => SeatKind::Watcher,
        }
    }
}
