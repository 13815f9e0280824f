//! From an offer to an answer (RFC 9429): which codecs, extensions and directions every m-line gets. Pure: `sfu` turns
//! the plan into transports, sources and slots, then has it written down.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::error::OfferError;
use crate::model::{OfferRequest, SourceKey, SourceKind};
use crate::rtp::extension::{self, ExtensionIds};
use crate::sdp::{Description, Line, Media, Setup};
use crate::transport::dtls::Fingerprint;
use crate::transport::ice::Credentials;

/// The canonical name of all that the hub sends, in the answer and in its reports.
pub const CNAME: &str = "kafedra";

/// What the hub forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Vp8,
    Vp9,
    Av1,
    H264,
    Opus,
    /// Opus with older frames repeated in each packet (RFC 2198).
    Red,
}

impl Codec {
    /// RTP clock in Hz.
    pub fn clock(self) -> u32 {
        match self {
            Self::Opus | Self::Red => 48_000,
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H264 => 90_000,
        }
    }

    pub fn is_audio(self) -> bool {
        matches!(self, Self::Opus | Self::Red)
    }
}

/// A set of codecs: what a receiver takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codecs(u8);

impl Codecs {
    /// Of an m-line. RED is for everybody who knows Opus, for the newest frame in it can go alone.
    pub fn of(accepted: &[Accepted]) -> Self {
        let bits = |codec| {
            if codec == Codec::Opus { 1 << Codec::Opus as u8 | 1 << Codec::Red as u8 } else { 1 << codec as u8 }
        };
        Self(accepted.iter().fold(0, |codecs, accepted| codecs | bits(accepted.codec)))
    }

    pub fn has(self, codec: Codec) -> bool {
        self.0 >> codec as u8 & 1 != 0
    }
}

/// A codec of one m-line with its payload types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub codec: Codec,
    pub payload_type: u8,
    /// Payload type of its retransmissions (RFC 4588).
    pub retransmission: Option<u8>,
    format: String,
}

/// What becomes of one m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Port 0.
    Refused,
    /// Kept, carries nothing.
    Inactive,
    /// The client sends this source.
    Send { source: SourceKey, kind: SourceKind, rids: Vec<String> },
    /// The client receives: a slot.
    Slot,
}

/// The plan for one m-line, at its index in the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePlan {
    pub mid: String,
    pub media: Media,
    pub purpose: Purpose,
    pub codecs: Vec<Accepted>,
    extensions: Vec<(u8, String)>,
    /// SSRCs the client announced for what it sends.
    pub ssrcs: Vec<u32>,
    pub retransmission_ssrcs: Vec<(u32, u32)>,
    media_name: String,
    protocol: String,
    formats: String,
}

impl LinePlan {
    /// Whether the answer carries this extension on this m-line.
    pub fn has_extension(&self, uri: &str) -> bool {
        self.extensions.iter().any(|(_, accepted)| accepted == uri)
    }
}

/// The plan for an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub remote_ufrag: String,
    pub fingerprint: Fingerprint,
    pub extensions: ExtensionIds,
    pub lines: Vec<LinePlan>,
    extmap_allow_mixed: bool,
    /// Every live m-line takes RTCP that is no compound.
    pub reduced_size: bool,
}

/// Decides everything the offer decides.
///
/// # Errors
/// See [`OfferError`].
pub fn plan(offer: &Description, request: &OfferRequest) -> Result<Plan, OfferError> {
    let live = || offer.lines.iter().filter(|line| !line.is_rejected && line.media != Media::Other);
    // With BUNDLE the transport of the first live m-line is everyone's (RFC 8843 section 7.3).
    let first = live().next().or(offer.lines.first());
    let attributes = first.map_or(&offer.transport, |line| &line.transport);
    let session = &offer.transport;
    let remote_ufrag = attributes.ufrag.clone().or(session.ufrag.clone()).ok_or(OfferError::NoIceCredentials)?;
    if attributes.password.is_none() && session.password.is_none() {
        return Err(OfferError::NoIceCredentials);
    }
    let fingerprint = attributes.fingerprint.or(session.fingerprint).ok_or(OfferError::NoFingerprint)?;
    match attributes.setup.or(session.setup) {
        Some(Setup::ActPass | Setup::Active) => {}
        _ => return Err(OfferError::Setup),
    }
    let mut lines_live = 0;
    for line in live() {
        lines_live += 1;
        let same_certificate = line.transport.fingerprint.is_none_or(|shown| shown == fingerprint);
        let same_ice = line.transport.ufrag.as_ref().is_none_or(|ufrag| *ufrag == remote_ufrag);
        let bundled = offer.bundle.contains(&line.mid) || lines_live == 1;
        if !(line.rtcp_mux && same_certificate && same_ice && bundled) {
            return Err(OfferError::NotBundled);
        }
    }

    for (position, (mid, source, kind)) in request.sends.iter().enumerate() {
        let line = offer.lines.iter().find(|line| line.mid == *mid && !line.is_rejected);
        let wanted = if kind.is_audio() { Media::Audio } else { Media::Video };
        if line.is_none_or(|line| line.media != wanted || !line.direction.sends()) {
            return Err(OfferError::NoSuchSend { mid: mid.clone() });
        }
        if request.sends[..position].iter().any(|(earlier_mid, earlier, _)| earlier == source || earlier_mid == mid) {
            return Err(OfferError::DuplicateSource);
        }
    }

    let mut extensions = ExtensionIds::default();
    let allow_mixed = offer.extmap_allow_mixed;
    let lines = offer.lines.iter().map(|line| plan_line(line, request, allow_mixed, &mut extensions)).collect();
    Ok(Plan {
        remote_ufrag,
        fingerprint,
        extensions,
        lines,
        extmap_allow_mixed: offer.extmap_allow_mixed,
        reduced_size: live().all(|line| line.rtcp_rsize),
    })
}

fn plan_line(line: &Line, request: &OfferRequest, allow_mixed: bool, ids: &mut ExtensionIds) -> LinePlan {
    let announced = request.sends.iter().find(|(mid, ..)| *mid == line.mid);
    let codecs = codecs(line, announced.map(|(_, _, kind)| *kind));
    // RED alone carries nothing.
    let is_refused = codecs.iter().all(|accepted| accepted.codec == Codec::Red);
    let purpose = if line.is_rejected || line.media == Media::Other || is_refused {
        Purpose::Refused
    } else if let Some((_, source, kind)) = announced {
        Purpose::Send { source: *source, kind: *kind, rids: line.rids.clone() }
    } else if line.direction.receives() {
        Purpose::Slot
    } else {
        Purpose::Inactive
    };
    let is_send = matches!(purpose, Purpose::Send { .. });
    let is_slot = purpose == Purpose::Slot;
    let is_video = line.media == Media::Video;
    let has_feedback = line.extensions.iter().any(|(_, uri)| uri == extension::TRANSPORT_CC);
    let mut accepted = Vec::new();
    for (id, uri) in &line.extensions {
        let useful = match uri.as_str() {
            extension::RID | extension::REPAIRED_RID => is_send,
            extension::TRANSPORT_CC => is_send || is_slot,
            extension::AUDIO_LEVEL => is_send && line.media == Media::Audio,
            // Receivers without transport-wide feedback make their REMB by it.
            extension::ABS_SEND_TIME => is_send || is_slot && !has_feedback,
            extension::MID => true,
            // Structures take more than the 16 bytes of the one-byte form, which may then be mixed with the other.
            extension::DEPENDENCY_DESCRIPTOR => is_video && allow_mixed && (is_send || is_slot),
            extension::FRAME_MARKING | extension::VIDEO_ORIENTATION | extension::PLAYOUT_DELAY => {
                is_video && (is_send || is_slot)
            }
            _ => false,
        };
        if useful
            && purpose != Purpose::Refused
            && let Some(field) = ids.field(uri)
            && (*field == 0 || *field == *id)
        {
            *field = *id;
            accepted.push((*id, uri.clone()));
        }
    }
    LinePlan {
        mid: line.mid.clone(),
        media: line.media,
        purpose,
        codecs,
        extensions: accepted,
        ssrcs: line.ssrcs.clone(),
        retransmission_ssrcs: line.retransmission_ssrcs.clone(),
        media_name: line.media_name.clone(),
        protocol: line.protocol.clone(),
        formats: line.formats.clone(),
    }
}

/// The codecs both sides speak, in the client's order, each once: VP8, VP9 and AV1 of profile 0, H264 (packetization mode
/// 1, constrained baseline when offered), Opus and, on top of it, RED. Everything else (ULPFEC, FlexFEC, comfort noise) is
/// refused: a repair stream that is not understood here could not be rewritten.
fn codecs(line: &Line, kind: Option<SourceKind>) -> Vec<Accepted> {
    let wanted: &[(Codec, &str)] = match line.media {
        Media::Audio => &[(Codec::Opus, "opus/48000/2"), (Codec::Red, "red/48000/2")],
        Media::Video => &[
            (Codec::Vp8, "vp8/90000"),
            (Codec::Vp9, "vp9/90000"),
            (Codec::Av1, "av1/90000"),
            (Codec::H264, "h264/90000"),
        ],
        Media::Other => &[],
    };
    let place = |number: u8| line.payloads.iter().position(|payload| payload.number == number);
    let mut opus = None;
    let mut accepted: Vec<Accepted> = wanted
        .iter()
        .filter_map(|(codec, encoding)| {
            let payload = line
                .payloads
                .iter()
                .filter(|payload| payload.encoding == *encoding)
                .filter(|payload| rank(*codec, &payload.format, opus) > 0)
                // The first of the best: `max_by_key` would give the last.
                .rev()
                .max_by_key(|payload| rank(*codec, &payload.format, opus))?;
            if *codec == Codec::Opus {
                opus = Some(payload.number);
            }
            let retransmission = line
                .payloads
                .iter()
                .find(|other| {
                    other.encoding == "rtx/90000"
                        && parameter(&other.format, "apt") == Some(&payload.number.to_string())
                })
                .map(|other| other.number);
            let format = match codec {
                // In-band FEC is what makes 5 % loss inaudible; stereo and the rest are as the sender likes. Silence is
                // not sent (DTX): in a class nearly everybody is silent. A screen's sound may be music, which DTX spoils.
                Codec::Opus if kind == Some(SourceKind::Microphone) => "minptime=10;useinbandfec=1;usedtx=1".to_owned(),
                Codec::Opus => "minptime=10;useinbandfec=1".to_owned(),
                Codec::Vp8 => String::new(),
                Codec::Vp9 | Codec::Av1 | Codec::H264 | Codec::Red => payload.format.clone(),
            };
            Some(Accepted { codec: *codec, payload_type: payload.number, retransmission, format })
        })
        .collect();
    accepted.sort_by_key(|accepted| place(accepted.payload_type));
    accepted
}

/// How well a format suits, 0: not at all. `opus` is the payload type that RED may repeat.
fn rank(codec: Codec, format: &str, opus: Option<u8>) -> u8 {
    let is_profile_0 = |name| parameter(format, name).is_none_or(|profile| profile == "0");
    match codec {
        Codec::H264 => h264_rank(format),
        Codec::Vp9 => u8::from(is_profile_0("profile-id")),
        Codec::Av1 => u8::from(is_profile_0("profile")),
        // RFC 2198 section 3: the encodings inside, one for each block.
        Codec::Red => {
            let is_opus = |number: &str| opus.is_some() && number.trim().parse().ok() == opus;
            u8::from(format.split('/').all(is_opus))
        }
        Codec::Vp8 | Codec::Opus => 1,
    }
}

/// How well an H264 format suits: 0 not at all, 3 constrained baseline, which every browser decodes.
fn h264_rank(format: &str) -> u8 {
    if parameter(format, "packetization-mode") != Some("1") {
        return 0;
    }
    let profile = parameter(format, "profile-level-id").unwrap_or("42e01f").to_ascii_lowercase();
    match profile.get(..4) {
        Some("42e0") => 3,
        Some("4200" | "42c0") => 2,
        _ => 1,
    }
}

fn parameter<'a>(format: &'a str, name: &str) -> Option<&'a str> {
    format
        .split(';')
        .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value)
}

/// A slot's SSRCs, for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSsrcs {
    pub media: u32,
    pub retransmission: u32,
}

/// What the answer says of our side of the transport.
pub struct Local<'a> {
    /// `o=` session id and version (RFC 9429 section 5.2.1): the version grows with every answer.
    pub session: (u64, u64),
    pub credentials: &'a Credentials,
    pub fingerprint: Fingerprint,
    pub candidates: &'a [SocketAddr],
    /// Passive ones (RFC 6544).
    pub tcp_candidates: &'a [SocketAddr],
}

/// Writes the answer; `ssrcs` gives the SSRCs of the slot at an index.
pub fn write_answer(plan: &Plan, local: &Local<'_>, ssrcs: impl Fn(usize) -> Option<SlotSsrcs>) -> String {
    let mut text = String::with_capacity(1024 * plan.lines.len());
    let bundle: Vec<&str> =
        plan.lines.iter().filter(|line| line.purpose != Purpose::Refused).map(|line| line.mid.as_str()).collect();
    // A picture and a sound in one stream: the player then keeps lips and voice together. Slots go in pairs by their order;
    // whose picture is in one of a pair has their voice in the other (`sfu/slots.rs`).
    let mut slots = [0; 2];

    let mut write = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("writing to a String cannot fail");
        text.push_str("\r\n");
    };
    write(format_args!("v=0"));
    write(format_args!("o=- {} {} IN IP4 127.0.0.1", local.session.0, local.session.1));
    write(format_args!("s=-"));
    write(format_args!("t=0 0"));
    write(format_args!("a=ice-lite"));
    if !bundle.is_empty() {
        write(format_args!("a=group:BUNDLE {}", bundle.join(" ")));
    }
    if plan.extmap_allow_mixed {
        write(format_args!("a=extmap-allow-mixed"));
    }
    write(format_args!("a=msid-semantic: WMS *"));
    for (index, line) in plan.lines.iter().enumerate() {
        if line.purpose == Purpose::Refused {
            write(format_args!("m={} 0 {} {}", line.media_name, line.protocol, line.formats));
            write(format_args!("c=IN IP4 0.0.0.0"));
            write(format_args!("a=mid:{}", line.mid));
            write(format_args!("a=inactive"));
            continue;
        }
        let numbers: Vec<String> = line
            .codecs
            .iter()
            .flat_map(|codec| std::iter::once(codec.payload_type).chain(codec.retransmission))
            .map(|number| number.to_string())
            .collect();
        write(format_args!("m={} 9 {} {}", line.media_name, line.protocol, numbers.join(" ")));
        write(format_args!("c=IN IP4 0.0.0.0"));
        write(format_args!("a=mid:{}", line.mid));
        write(format_args!("a=ice-ufrag:{}", local.credentials.ufrag));
        write(format_args!("a=ice-pwd:{}", local.credentials.password));
        write(format_args!("a=fingerprint:sha-256 {}", local.fingerprint));
        write(format_args!("a=setup:passive"));
        for (id, uri) in &line.extensions {
            write(format_args!("a=extmap:{id} {uri}"));
        }
        let direction = match line.purpose {
            Purpose::Send { .. } => "recvonly",
            Purpose::Slot => "sendonly",
            Purpose::Inactive | Purpose::Refused => "inactive",
        };
        write(format_args!("a={direction}"));
        write(format_args!("a=rtcp-mux"));
        // RFC 5506 section 5: only what was offered.
        if plan.reduced_size {
            write(format_args!("a=rtcp-rsize"));
        }
        for codec in &line.codecs {
            write_codec(&mut write, codec, line.has_extension(extension::TRANSPORT_CC));
        }
        if let Purpose::Send { rids, .. } = &line.purpose
            && !rids.is_empty()
        {
            for rid in rids {
                write(format_args!("a=rid:{rid} recv"));
            }
            write(format_args!("a=simulcast:recv {}", rids.join(";")));
        }
        if let (Purpose::Slot, Some(ssrcs)) = (&line.purpose, ssrcs(index)) {
            let pair = &mut slots[usize::from(line.media == Media::Video)];
            write(format_args!("a=msid:pair-{pair} slot-{}", line.mid));
            *pair += 1;
            if line.codecs.iter().any(|codec| codec.retransmission.is_some()) {
                write(format_args!("a=ssrc-group:FID {} {}", ssrcs.media, ssrcs.retransmission));
                write(format_args!("a=ssrc:{} cname:{CNAME}", ssrcs.media));
                write(format_args!("a=ssrc:{} cname:{CNAME}", ssrcs.retransmission));
            } else {
                write(format_args!("a=ssrc:{} cname:{CNAME}", ssrcs.media));
            }
        }
        // Candidates belong to the bundle's first m-line (RFC 8843 section 10.1).
        if bundle.first() == Some(&line.mid.as_str()) {
            for (position, candidate) in local.candidates.iter().enumerate() {
                // RFC 8445 section 5.1.2.1: type preference 126 for host candidates, component 1.
                let priority = 126u32 << 24 | (65_535 - position as u32) << 8 | 255;
                let (ip, port) = (candidate.ip(), candidate.port());
                write(format_args!("a=candidate:{} 1 udp {priority} {ip} {port} typ host", position + 1));
            }
            for (position, candidate) in local.tcp_candidates.iter().enumerate() {
                // RFC 6544 section 4.2: below every UDP candidate, relayed ones excepted; direction preference 4 for passive
                // ones in the upper three bits of the local preference.
                let priority = 90u32 << 24 | (4 << 13 | (8_191 - position as u32)) << 8 | 255;
                let foundation = local.candidates.len() + position + 1;
                let (ip, port) = (candidate.ip(), candidate.port());
                write(format_args!("a=candidate:{foundation} 1 tcp {priority} {ip} {port} typ host tcptype passive"));
            }
            write(format_args!("a=end-of-candidates"));
        }
    }
    text
}

fn write_codec(write: &mut impl FnMut(std::fmt::Arguments<'_>), codec: &Accepted, transport_cc: bool) {
    let number = codec.payload_type;
    match codec.codec {
        Codec::Vp8 => write(format_args!("a=rtpmap:{number} VP8/90000")),
        Codec::Vp9 => write(format_args!("a=rtpmap:{number} VP9/90000")),
        Codec::Av1 => write(format_args!("a=rtpmap:{number} AV1/90000")),
        Codec::Red => write(format_args!("a=rtpmap:{number} red/48000/2")),
        Codec::H264 => write(format_args!("a=rtpmap:{number} H264/90000")),
        Codec::Opus => write(format_args!("a=rtpmap:{number} opus/48000/2")),
    }
    if !codec.format.is_empty() {
        write(format_args!("a=fmtp:{number} {}", codec.format));
    }
    if transport_cc {
        write(format_args!("a=rtcp-fb:{number} transport-cc"));
    }
    if !codec.codec.is_audio() {
        for feedback in ["nack", "nack pli", "ccm fir", "goog-remb"] {
            write(format_args!("a=rtcp-fb:{number} {feedback}"));
        }
    }
    if let Some(repair) = codec.retransmission {
        write(format_args!("a=rtpmap:{repair} rtx/90000"));
        write(format_args!("a=fmtp:{repair} apt={number}"));
    }
}
