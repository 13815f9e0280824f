//! Who may publish, write, raise a hand, moderate: one function of form, state, policy, role and floor (INV-54,
//! DOMAIN 2.5). Everything that enforces a right asks here.

use crate::message::floor::{Rights, RoomPolicy};
use crate::message::media::SourceKind;
use crate::message::session::{Form, RoomRole, RoomState};
use crate::refusal::RefusalCode;

use super::{Publish, Seat};

/// What rights depend on besides the person.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub form: Form,
    pub state: RoomState,
    pub policy: &'a RoomPolicy,
    /// An adult host or cohost is connected (INV-55).
    pub host_present: bool,
}

/// What rights depend on in the person.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub role: RoomRole,
    pub seat: &'a Seat,
    /// The host gave them the floor.
    pub promoted: bool,
}

impl RoomRole {
    /// Holds the lesson: moderates, and their presence lets children in.
    pub fn is_staff(self) -> bool {
        matches!(self, Self::Host | Self::Cohost)
    }

    /// Came to be helped.
    pub fn is_recipient(self) -> bool {
        matches!(self, Self::Recipient | Self::Guardian)
    }
}

/// May this kind of source be sent? The error says which rule forbids it.
pub fn may_publish(at: &Circumstances<'_>, who: &Standing<'_>, kind: SourceKind) -> Result<(), RefusalCode> {
    let never = Err(RefusalCode::RoleNotPermitted);
    if at.state == RoomState::Closed || *who.seat == Seat::Watcher {
        return never;
    }
    // R3.4b: the form is the card's; nobody makes a conference of a chat.
    if at.form == Form::Chat {
        return Err(RefusalCode::FormMismatch);
    }
    if who.role == RoomRole::Observer {
        return never;
    }
    if who.role.is_staff() {
        return Ok(());
    }
    let is_screen = matches!(kind, SourceKind::Screen | SourceKind::ScreenAudio);
    let by_form = match at.form {
        Form::Webinar => who.promoted,
        Form::VideoConference => !is_screen || who.promoted,
        Form::Individual => true,
        Form::Chat => false,
    };
    if !by_form {
        return never;
    }
    if !at.host_present {
        return Err(RefusalCode::HostAbsent);
    }
    let locked = match kind {
        SourceKind::Microphone => at.policy.microphones_locked,
        SourceKind::Camera => at.policy.cameras_locked,
        SourceKind::Screen | SourceKind::ScreenAudio => false,
    };
    // The floor stands above the switches: that is how a host hears one child with all microphones locked.
    if locked && !who.promoted { Err(RefusalCode::RoomLocked) } else { Ok(()) }
}

/// May this person write in the chat?
pub fn may_write(at: &Circumstances<'_>, who: &Standing<'_>) -> Result<(), RefusalCode> {
    if at.state == RoomState::Closed {
        return Err(RefusalCode::TooLate);
    }
    if *who.seat != Seat::Person {
        return Err(RefusalCode::RoleNotPermitted);
    }
    if !who.role.is_recipient() {
        return Ok(());
    }
    if !at.host_present {
        return Err(RefusalCode::HostAbsent);
    }
    if at.policy.chat_locked { Err(RefusalCode::RoomLocked) } else { Ok(()) }
}

/// Everything at once, as the person is told it.
pub fn rights(at: &Circumstances<'_>, who: &Standing<'_>) -> Rights {
    let is_person = *who.seat == Seat::Person;
    let is_open = at.state != RoomState::Closed;
    Rights {
        publish_audio: may_publish(at, who, SourceKind::Microphone).is_ok(),
        publish_video: may_publish(at, who, SourceKind::Camera).is_ok(),
        publish_screen: may_publish(at, who, SourceKind::Screen).is_ok(),
        chat: may_write(at, who).is_ok(),
        raise_hand: is_open && is_person && who.role.is_recipient(),
        moderate: is_open && is_person && who.role.is_staff(),
        receive_media: is_open && at.form != Form::Chat && !matches!(who.seat, Seat::Publisher { .. }),
    }
}

/// The part of the rights that the SFU enforces.
pub(super) fn publish(rights: &Rights) -> Publish {
    Publish { audio: rights.publish_audio, video: rights.publish_video, screen: rights.publish_screen }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: RoomPolicy = RoomPolicy {
        microphones_locked: false,
        cameras_locked: false,
        chat_locked: false,
        admission: false,
        slow_mode_s: 0,
    };

    fn check(form: Form, role: RoomRole, promoted: bool, host_present: bool, expected: &str) {
        let at = Circumstances { form, state: RoomState::Live, policy: &OPEN, host_present };
        let got = rights(&at, &Standing { role, seat: &Seat::Person, promoted });
        let shown: String = [
            (got.publish_audio, 'a'),
            (got.publish_video, 'v'),
            (got.publish_screen, 's'),
            (got.chat, 'c'),
            (got.raise_hand, 'h'),
            (got.moderate, 'm'),
            (got.receive_media, 'r'),
        ]
        .iter()
        .map(|(has, letter)| if *has { *letter } else { '-' })
        .collect();
        assert_eq!(shown, expected, "{form:?} {role:?} promoted={promoted} host={host_present}");
    }

    /// The table of DOMAIN 2.5: audio, video, screen, chat, hand, moderate, receive.
    #[test]
    fn inv_54_the_form_decides_rights() {
        use {Form::*, RoomRole::*};
        for form in [Webinar, VideoConference, Individual] {
            check(form, Host, false, true, "avsc-mr");
            check(form, Cohost, false, true, "avsc-mr");
            check(form, Observer, false, true, "---c--r");
        }
        check(Webinar, Recipient, false, true, "---ch-r");
        check(Webinar, Recipient, true, true, "avsch-r");
        check(Webinar, Guardian, false, true, "---ch-r");
        check(VideoConference, Recipient, false, true, "av-ch-r");
        check(VideoConference, Recipient, true, true, "avsch-r");
        check(VideoConference, Guardian, false, true, "av-ch-r");
        check(Individual, Recipient, false, true, "avsch-r");
        check(Individual, Guardian, false, true, "avsch-r");
        check(Chat, Host, false, true, "---c-m-");
        check(Chat, Recipient, true, true, "---ch--");
    }

    /// INV-55: without an adult host a child sends nothing, whatever was granted.
    #[test]
    fn without_a_host_recipients_send_nothing() {
        use {Form::*, RoomRole::*};
        for form in [Webinar, VideoConference, Individual] {
            check(form, Recipient, true, false, "----h-r");
            check(form, Guardian, true, false, "----h-r");
        }
    }

    #[test]
    fn the_floor_stands_above_locked_microphones() {
        let locked = RoomPolicy { microphones_locked: true, ..OPEN };
        let at =
            Circumstances { form: Form::VideoConference, state: RoomState::Live, policy: &locked, host_present: true };
        let ask = |promoted| {
            let who = Standing { role: RoomRole::Recipient, seat: &Seat::Person, promoted };
            may_publish(&at, &who, SourceKind::Microphone)
        };
        assert_eq!((ask(false), ask(true)), (Err(RefusalCode::RoomLocked), Ok(())));
    }
}
