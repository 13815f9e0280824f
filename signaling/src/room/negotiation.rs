//! Offers and candidates: rights and bounds are checked here, the SFU answers. The SDP itself is its business; the room
//! reads only which m-lines there are.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::ids::{Mid, PeerId, SourceId};
use crate::message::ServerMessage;
use crate::message::media::SourceKind;
use crate::message::negotiation::{Answer, Candidate, Offer};
use crate::message::session::{Form, Refused};
use crate::refusal::RefusalCode;

use super::{MediaCommand, Refusal, Room, Seat, rights};

/// Most m-lines of an offer.
const MOST_MEDIA_LINES: usize = 64;
/// Most candidates of one offer, those inside the SDP included.
const MOST_CANDIDATES: usize = 40;

/// A slot, what it is to carry, and the height at which that is drawn.
pub(super) type SlotWish = (Mid, Option<SourceId>, u16);

/// One seat's media negotiation.
#[derive(Debug, Default)]
pub(super) struct Negotiation {
    /// The client's number of its last offer; 0: none yet.
    last_id: u32,
    /// Our number and the client's of the offer that the SFU has not answered yet.
    pending: Option<(u32, u32)>,
    /// What the last accepted offer sends.
    pub(super) sends: BTreeMap<Mid, SourceKind>,
    /// Which of them are encrypted end to end.
    pub(super) encrypted: Vec<SourceKind>,
    /// Its receiving m-lines: the slots.
    pub(super) receives: Vec<Mid>,
    /// Those of them that are audio.
    pub(super) hears: Vec<Mid>,
    /// The client's last wish, and the slots of a restricted receiver as last told to the SFU.
    pub(super) wish: Vec<SlotWish>,
    pub(super) told: Option<Vec<SlotWish>>,
    candidates: usize,
}

impl Negotiation {
    /// The SFU may hold something of this peer.
    pub(super) fn has_transport(&self) -> bool {
        self.last_id > 0
    }
}

impl Room {
    pub(super) fn offer(&mut self, now: Instant, peer: &PeerId, offer: Offer) -> Result<(), Refusal> {
        if self.config.form == Form::Chat {
            return Err(Refusal::of(RefusalCode::FormMismatch).because("a chat has no media"));
        }
        let lines = MediaLines::read(&offer.sdp).map_err(bad_offer)?;
        let member = self.seated(peer)?;
        let negotiation = &member.negotiation;
        if offer.id != 1 && offer.id <= negotiation.last_id {
            return Err(Refusal::of(RefusalCode::OutOfOrder).because("offer ids count up from 1"));
        }
        let is_new = offer.id == 1;
        let mut sends = BTreeMap::new();
        for send in &offer.sends {
            let is_audio = matches!(send.kind, SourceKind::Microphone | SourceKind::ScreenAudio);
            if lines.kind(&send.mid) != Some(if is_audio { "audio" } else { "video" }) {
                return Err(bad_offer("`sends` names an m-line that the SDP does not have"));
            }
            if sends.values().any(|kind| *kind == send.kind) || sends.insert(send.mid.clone(), send.kind).is_some() {
                return Err(bad_offer("`sends` names an m-line or a kind twice"));
            }
            let was_sending = !is_new && negotiation.sends.get(&send.mid) == Some(&send.kind);
            match self.may_publish(peer, send.kind) {
                // What was agreed may be renegotiated (an ICE restart) while a lock or the host's absence holds it
                // back: the SFU forwards nothing of it.
                Err(RefusalCode::HostAbsent | RefusalCode::RoomLocked) if was_sending => {}
                Err(code) => return Err(code.into()),
                Ok(()) => {}
            }
        }
        let receives: Vec<Mid> = lines.media.keys().filter(|mid| !sends.contains_key(*mid)).cloned().collect();
        // The SFU fills audio slots by itself: whoever may not receive must not have one.
        let may_receive = self.rights_of(peer).is_some_and(|rights| rights.receive_media);
        if !may_receive && receives.iter().any(|mid| lines.receives(mid)) {
            return Err(Refusal::of(RefusalCode::RoleNotPermitted).because("this seat may not receive"));
        }
        let hears = receives.iter().filter(|mid| lines.kind(mid) == Some("audio")).cloned().collect();
        let wish = if is_new { Vec::new() } else { negotiation.wish.clone() };
        let sources = sends
            .iter()
            .map(|(mid, kind)| (mid.clone(), source_id(peer, &member.seat, *kind), *kind))
            .collect::<Vec<_>>();
        let encrypted: Vec<SourceKind> =
            offer.sends.iter().filter(|send| send.encrypted).map(|send| send.kind).collect();
        let secrecy: Vec<(SourceId, bool)> = sources
            .iter()
            .map(|(_, source, kind)| (source.clone(), encrypted.contains(kind), negotiation.encrypted.contains(kind)))
            .filter(|(_, is_encrypted, was_encrypted)| *is_encrypted || *was_encrypted)
            .map(|(source, is_encrypted, _)| (source, is_encrypted))
            .collect();
        let renew = is_new && negotiation.has_transport();
        let allowed = self.rights_of(peer).as_ref().map(rights::publish).unwrap_or_default();

        self.offers = self.offers.wrapping_add(1);
        let id = self.offers;
        if let Some(member) = self.members.get_mut(peer) {
            if is_new {
                member.quality.began = Some(now);
            }
            member.negotiation = Negotiation {
                last_id: offer.id,
                pending: Some((id, offer.id)),
                sends,
                encrypted,
                receives,
                hears,
                wish,
                told: None,
                candidates: lines.candidates,
            };
        }
        if renew {
            self.sources.retain(|_, source| source.peer != *peer);
            self.media(MediaCommand::Drop { peer: peer.clone() });
        }
        self.media(MediaCommand::Offer { peer: peer.clone(), id, sdp: offer.sdp, sends: sources, allowed });
        for (source, is_encrypted) in secrecy {
            self.media(MediaCommand::Encrypted { source, is_encrypted });
        }
        self.dirty = true;
        Ok(())
    }

    pub(super) fn candidate(&mut self, peer: &PeerId, candidate: Candidate) -> Result<(), Refusal> {
        let member = self.members.get_mut(peer).ok_or(RefusalCode::NotFound)?;
        if !member.negotiation.has_transport() {
            return Err(Refusal::of(RefusalCode::OutOfOrder).because("a candidate before the first offer"));
        }
        if member.negotiation.candidates >= MOST_CANDIDATES {
            return Err(Refusal::of(RefusalCode::BadMessage).because("at most 40 candidates of one offer"));
        }
        member.negotiation.candidates += 1;
        // The end of candidates: an ICE-lite server waits for none.
        if !candidate.candidate.is_empty() {
            self.media(MediaCommand::Candidate { peer: peer.clone(), candidate: candidate.candidate });
        }
        Ok(())
    }

    pub(super) fn answered(&mut self, peer: &PeerId, id: u32, result: Result<String, (RefusalCode, String)>) {
        let Some(member) = self.members.get_mut(peer) else { return };
        // An answer to an offer that a newer one replaced.
        let Some((_, client_id)) = member.negotiation.pending.filter(|(ours, _)| *ours == id) else { return };
        member.negotiation.pending = None;
        // The SFU knows the slots only now: a restricted receiver's are told again.
        member.negotiation.told = None;
        self.dirty = true;
        let message = match result {
            Ok(sdp) => ServerMessage::Answer(Answer { id: client_id, sdp }),
            Err((code, detail)) => ServerMessage::Error(Refused {
                code,
                request: Some("offer".into()),
                client_msg_id: None,
                retry_after_ms: None,
                detail: Some(detail.chars().take(160).collect()),
            }),
        };
        if member.is_connected() {
            self.send(peer, message);
        }
    }
}

fn bad_offer(detail: &'static str) -> Refusal {
    Refusal::of(RefusalCode::BadOffer).because(detail)
}

/// The name of what a seat sends.
fn source_id(peer: &PeerId, seat: &Seat, kind: SourceKind) -> SourceId {
    let is_audio = matches!(kind, SourceKind::Microphone | SourceKind::ScreenAudio);
    let label = match (seat, kind) {
        (Seat::Publisher { label }, _) if is_audio => return SourceId::new(format!("{peer}:{label}-audio")),
        (Seat::Publisher { label }, _) => label,
        (_, SourceKind::Microphone) => "microphone",
        (_, SourceKind::Camera) => "camera",
        (_, SourceKind::Screen) => "screen",
        (_, SourceKind::ScreenAudio) => "screen_audio",
    };
    SourceId::new(format!("{peer}:{label}"))
}

/// What the room needs of an SDP: its m-lines by mid, and how many candidates it carries.
#[derive(Debug)]
struct MediaLines<'a> {
    media: BTreeMap<Mid, MediaLine<'a>>,
    candidates: usize,
}

#[derive(Debug)]
struct MediaLine<'a> {
    /// `audio` or `video`.
    kind: &'a str,
    /// The client wants something on it: unless every direction it names says no (RFC 8866: none is `sendrecv`).
    receives: bool,
}

/// A direction attribute: whether the client receives.
fn receives(line: &str) -> Option<bool> {
    match line.trim_end() {
        "a=recvonly" | "a=sendrecv" => Some(true),
        "a=sendonly" | "a=inactive" => Some(false),
        _ => None,
    }
}

impl<'a> MediaLines<'a> {
    fn kind(&self, mid: &Mid) -> Option<&'a str> {
        self.media.get(mid).map(|line| line.kind)
    }

    fn receives(&self, mid: &Mid) -> bool {
        self.media.get(mid).is_some_and(|line| line.receives)
    }

    fn read(sdp: &'a str) -> Result<Self, &'static str> {
        if sdp.chars().any(|character| character.is_control() && !matches!(character, '\r' | '\n')) {
            return Err("control characters in the SDP");
        }
        let mut lines = Self { media: BTreeMap::new(), candidates: 0 };
        let (mut kind, mut mid_of_section, mut sections) = (None, None, 0_usize);
        // Of the section, while its mid is not known yet.
        let mut direction = None;
        let mut named = true;
        for line in sdp.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                if !named {
                    return Err("an m-line without a mid");
                }
                sections += 1;
                if sections > MOST_MEDIA_LINES {
                    return Err("at most 64 m-lines");
                }
                kind = Some(media.split(' ').next().unwrap_or_default());
                named = false;
                (mid_of_section, direction) = (None, None);
            } else if let (Some(mid), Some(kind)) = (line.strip_prefix("a=mid:"), kind) {
                let fits = (1..=32).contains(&mid.len()) && mid.bytes().all(|byte| byte.is_ascii_graphic());
                let media = MediaLine { kind, receives: direction.unwrap_or(true) };
                if named || !fits || lines.media.insert(Mid::new(mid), media).is_some() {
                    return Err("a mid that is repeated or malformed");
                }
                named = true;
                mid_of_section = Some(Mid::new(mid));
            } else if let (Some(receiving), Some(_)) = (receives(line), kind) {
                // Two that disagree count as receiving, whichever of them the SFU believes.
                let receiving = receiving || direction == Some(true);
                direction = Some(receiving);
                if let Some(media) = mid_of_section.as_ref().and_then(|mid| lines.media.get_mut(mid)) {
                    media.receives = receiving;
                }
            } else if line.starts_with("a=candidate:") {
                lines.candidates += 1;
                if lines.candidates > MOST_CANDIDATES {
                    return Err("at most 40 candidates");
                }
            }
        }
        if sections == 0 {
            return Err("no m-lines");
        }
        if named { Ok(lines) } else { Err("an m-line without a mid") }
    }
}
