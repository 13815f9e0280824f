//! Reads an SDP offer (RFC 8866, RFC 9429) into what the hub needs of it, within bounds. What it does not need it skips.

use std::collections::HashSet;

use crate::transport::dtls::Fingerprint;

/// Largest description read.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most m-lines.
pub const MAX_LINES: usize = 64;
/// Most candidates in one description.
pub const MAX_CANDIDATES: usize = 40;
/// Longest mid or rid.
const MAX_TOKEN: usize = 32;
/// Most payload types looked at per m-line: the space has 128.
const MAX_CODECS: usize = 128;
/// Most simulcast layers of a source.
pub const MAX_LAYERS: usize = 3;

/// Why a description cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    #[error("larger than 64 KiB")]
    TooLarge,
    #[error("more than 64 m-lines")]
    TooManyLines,
    #[error("more than 40 candidates")]
    TooManyCandidates,
    #[error("no m-line")]
    Empty,
    /// Not `x=value`, a control character, or a broken attribute; line numbers start at 1.
    #[error("line {line} is malformed")]
    Malformed { line: usize },
    #[error("an m-line has no mid")]
    NoMid,
    #[error("mid {mid:?} is used twice")]
    DuplicateMid { mid: String },
    #[error("rid {rid:?} is used twice")]
    DuplicateRid { rid: String },
    #[error("SSRC {ssrc} is used by two m-lines")]
    DuplicateSsrc { ssrc: u32 },
    #[error("more than three simulcast layers")]
    TooManyLayers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Audio,
    Video,
    /// Data channels and whatever else: refused with port 0.
    Other,
}

/// As the client says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// DTLS role the client offers (RFC 5763).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    Active,
    Passive,
    ActPass,
    HoldConn,
}

/// Transport attributes, from the session or from an m-line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportAttributes {
    pub ufrag: Option<String>,
    pub password: Option<String>,
    pub fingerprint: Option<Fingerprint>,
    pub setup: Option<Setup>,
}

/// A payload type of an m-line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    pub number: u8,
    /// `name/clock[/channels]` in lower case; empty when the offer has no rtpmap for it.
    pub encoding: String,
    pub format: String,
}

/// One m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub media: Media,
    /// As written, for the answer's echo.
    pub media_name: String,
    pub protocol: String,
    /// As written after the protocol.
    pub formats: String,
    /// Port 0 without `bundle-only`: refused by the client itself.
    pub is_rejected: bool,
    pub mid: String,
    pub direction: Direction,
    pub rtcp_mux: bool,
    /// It understands RTCP that is no compound (RFC 5506).
    pub rtcp_rsize: bool,
    pub payloads: Vec<Payload>,
    /// `(id, uri)`.
    pub extensions: Vec<(u8, String)>,
    pub ssrcs: Vec<u32>,
    /// FID groups: `(primary, retransmission)`.
    pub retransmission_ssrcs: Vec<(u32, u32)>,
    /// Layers offered with `a=rid:… send`, in the order of `a=simulcast:send`.
    pub rids: Vec<String>,
    pub transport: TransportAttributes,
}

/// A whole offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    pub bundle: Vec<String>,
    pub extmap_allow_mixed: bool,
    pub transport: TransportAttributes,
    pub lines: Vec<Line>,
}

/// Reads a description.
///
/// # Errors
/// See [`SdpError`]; the first thing found.
pub fn parse(text: &str) -> Result<Description, SdpError> {
    if text.len() > MAX_BYTES {
        return Err(SdpError::TooLarge);
    }
    let mut description = Description::default();
    let mut candidates = 0;
    let mut rids = Vec::new();
    let mut mids = HashSet::new();
    for (position, line) in text.split_terminator('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let malformed = SdpError::Malformed { line: position + 1 };
        if line.is_empty() {
            continue;
        }
        if line.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(malformed);
        }
        let (kind, value) = match line.as_bytes() {
            [kind @ b'a'..=b'z', b'=', ..] => (*kind, &line[2..]),
            _ => return Err(malformed),
        };
        match kind {
            b'v' if position == 0 && value != "0" => return Err(malformed),
            b'm' => {
                if description.lines.len() >= MAX_LINES {
                    return Err(SdpError::TooManyLines);
                }
                finish_line(description.lines.last_mut(), &mut rids, &mut mids)?;
                description.lines.push(media_line(value).ok_or(malformed)?);
            }
            b'a' => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                if name == "candidate" {
                    candidates += 1;
                    if candidates > MAX_CANDIDATES {
                        return Err(SdpError::TooManyCandidates);
                    }
                }
                match description.lines.last_mut() {
                    None => session_attribute(&mut description, name, value).ok_or(malformed)?,
                    Some(line) => line_attribute(line, &mut rids, name, value).ok_or(malformed)?,
                }
            }
            _ => {}
        }
    }
    finish_line(description.lines.last_mut(), &mut rids, &mut mids)?;
    if description.lines.is_empty() {
        return Err(SdpError::Empty);
    }
    let mut ssrcs = HashSet::new();
    for line in &description.lines {
        for ssrc in &line.ssrcs {
            if !ssrcs.insert(*ssrc) {
                return Err(SdpError::DuplicateSsrc { ssrc: *ssrc });
            }
        }
    }
    Ok(description)
}

/// Checks that need the whole m-line; `rids` are those of its `a=rid` lines that send.
fn finish_line(line: Option<&mut Line>, rids: &mut Vec<String>, mids: &mut HashSet<String>) -> Result<(), SdpError> {
    let Some(line) = line else { return Ok(()) };
    if line.mid.is_empty() {
        return Err(SdpError::NoMid);
    }
    if !mids.insert(line.mid.clone()) {
        return Err(SdpError::DuplicateMid { mid: line.mid.clone() });
    }
    let declared = std::mem::take(rids);
    for (position, rid) in declared.iter().enumerate() {
        if declared[..position].contains(rid) {
            return Err(SdpError::DuplicateRid { rid: rid.clone() });
        }
    }
    // Layers that a=simulcast names but no a=rid declares do not exist (RFC 8853 section 5.2).
    line.rids.retain(|rid| declared.contains(rid));
    if line.rids.len() > MAX_LAYERS {
        return Err(SdpError::TooManyLayers);
    }
    Ok(())
}

fn media_line(value: &str) -> Option<Line> {
    let mut words = value.splitn(4, ' ');
    let (name, port, protocol, formats) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let port: u16 = port.split('/').next()?.parse().ok()?;
    let media = match (name, protocol) {
        ("audio", "UDP/TLS/RTP/SAVPF") => Media::Audio,
        ("video", "UDP/TLS/RTP/SAVPF") => Media::Video,
        _ => Media::Other,
    };
    let mut payloads = Vec::new();
    if media != Media::Other {
        for number in formats.split(' ').filter(|word| !word.is_empty()) {
            let number = number.parse().ok().filter(|number| *number < 128)?;
            if payloads.len() >= MAX_CODECS || payloads.iter().any(|payload: &Payload| payload.number == number) {
                return None;
            }
            payloads.push(Payload { number, ..Payload::default() });
        }
    }
    Some(Line {
        media,
        media_name: name.to_owned(),
        protocol: protocol.to_owned(),
        formats: formats.to_owned(),
        is_rejected: port == 0,
        mid: String::new(),
        direction: Direction::SendRecv,
        rtcp_mux: false,
        rtcp_rsize: false,
        payloads,
        extensions: Vec::new(),
        ssrcs: Vec::new(),
        retransmission_ssrcs: Vec::new(),
        rids: Vec::new(),
        transport: TransportAttributes::default(),
    })
}

fn session_attribute(description: &mut Description, name: &str, value: &str) -> Option<()> {
    match name {
        "group" => {
            if let Some(mids) = value.strip_prefix("BUNDLE") {
                description.bundle = mids.split_whitespace().map(str::to_owned).collect();
            }
        }
        "extmap-allow-mixed" => description.extmap_allow_mixed = true,
        _ => transport_attribute(&mut description.transport, name, value)?,
    }
    Some(())
}

fn line_attribute(line: &mut Line, rids: &mut Vec<String>, name: &str, value: &str) -> Option<()> {
    match name {
        "mid" => line.mid = token(value)?,
        "sendrecv" => line.direction = Direction::SendRecv,
        "sendonly" => line.direction = Direction::SendOnly,
        "recvonly" => line.direction = Direction::RecvOnly,
        "inactive" => line.direction = Direction::Inactive,
        "rtcp-mux" => line.rtcp_mux = true,
        "rtcp-rsize" => line.rtcp_rsize = true,
        // Port 0 then only means: without the bundle I would not exist (RFC 8843 section 6).
        "bundle-only" => line.is_rejected = false,
        "rtpmap" => {
            let (number, encoding) = value.split_once(' ')?;
            payload(line, number)?.encoding = encoding.to_ascii_lowercase();
        }
        "fmtp" => {
            let (number, format) = value.split_once(' ')?;
            payload(line, number)?.format = format.to_owned();
        }
        "extmap" => {
            let (id, rest) = value.split_once(' ')?;
            let id: u16 = id.split('/').next()?.parse().ok()?;
            let uri = rest.split(' ').next()?;
            if line.extensions.len() >= 64 {
                return None;
            }
            // The one-byte form carries ids 1 to 14; higher ones are simply not accepted.
            if let Ok(id @ 1..=14) = u8::try_from(id) {
                line.extensions.push((id, uri.to_owned()));
            }
        }
        "ssrc" => {
            let ssrc = value.split(' ').next()?.parse().ok()?;
            if !line.ssrcs.contains(&ssrc) {
                line.ssrcs.push(ssrc);
            }
        }
        "ssrc-group" => {
            if let Some(pair) = value.strip_prefix("FID ") {
                let (primary, repair) = pair.split_once(' ')?;
                line.retransmission_ssrcs.push((primary.parse().ok()?, repair.trim().parse().ok()?));
            }
        }
        "rid" => {
            let mut words = value.split(' ');
            let (rid, direction) = (token(words.next()?)?, words.next()?);
            if direction == "send" {
                rids.push(rid);
            }
        }
        "simulcast" => {
            let mut words = value.split(' ');
            while let (Some(direction), Some(list)) = (words.next(), words.next()) {
                if direction == "send" {
                    // Alternatives (comma) of one layer count as one; the hub takes the first. `~`: initially paused.
                    line.rids = list
                        .split(';')
                        .filter_map(|layer| token(layer.split(',').next()?.trim_start_matches('~')))
                        .collect();
                }
            }
        }
        _ => transport_attribute(&mut line.transport, name, value)?,
    }
    Some(())
}

fn transport_attribute(attributes: &mut TransportAttributes, name: &str, value: &str) -> Option<()> {
    match name {
        "ice-ufrag" => attributes.ufrag = Some(ice_text(value, 4)?),
        "ice-pwd" => attributes.password = Some(ice_text(value, 22)?),
        "fingerprint" => {
            let (hash, hex) = value.split_once(' ')?;
            if hash.eq_ignore_ascii_case("sha-256") {
                attributes.fingerprint = Some(fingerprint(hex)?);
            }
        }
        "setup" => {
            attributes.setup = Some(match value {
                "active" => Setup::Active,
                "passive" => Setup::Passive,
                "actpass" => Setup::ActPass,
                "holdconn" => Setup::HoldConn,
                _ => return None,
            });
        }
        _ => {}
    }
    Some(())
}

fn payload<'a>(line: &'a mut Line, number: &str) -> Option<&'a mut Payload> {
    let number: u8 = number.parse().ok()?;
    line.payloads.iter_mut().find(|payload| payload.number == number)
}

/// A mid or rid: it is echoed into the answer and into header extensions, so only what RFC 8866 calls a token passes.
fn token(text: &str) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    ((1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(is_token)).then(|| text.to_owned())
}

/// ICE characters (RFC 8839 section 5.4), at least as many as it demands.
fn ice_text(text: &str, shortest: usize) -> Option<String> {
    let is_ice = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    ((shortest..=256).contains(&text.len()) && text.bytes().all(is_ice)).then(|| text.to_owned())
}

fn fingerprint(hex: &str) -> Option<Fingerprint> {
    let mut bytes = [0u8; 32];
    let mut pairs = hex.trim().split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Fingerprint(bytes))
}
