//! RTP header extensions (RFC 8285): the few the hub reads and writes, and their negotiated ids.

use super::Header;

/// URIs the hub knows.
pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
pub const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

pub const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
pub const FRAME_MARKING: &str = "urn:ietf:params:rtp-hdrext:framemarking";
pub const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
pub const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/// Negotiated ids of one transport, 0: not negotiated. Bundled m-lines share them (RFC 8843 section 9.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    pub mid: u8,
    pub rid: u8,
    pub repaired_rid: u8,
    pub audio_level: u8,
    pub abs_send_time: u8,
    pub transport_cc: u8,
    pub dependency: u8,
    pub marking: u8,
    pub orientation: u8,
    pub playout_delay: u8,
}

impl ExtensionIds {
    /// Those that are written into what is forwarded.
    pub fn forwarded(&self) -> [u8; 7] {
        let Self { mid, abs_send_time, transport_cc, dependency, marking, orientation, playout_delay, .. } = *self;
        [mid, abs_send_time, transport_cc, dependency, marking, orientation, playout_delay]
    }

    /// The field for a URI that the hub accepts.
    pub fn field(&mut self, uri: &str) -> Option<&mut u8> {
        match uri {
            MID => Some(&mut self.mid),
            RID => Some(&mut self.rid),
            REPAIRED_RID => Some(&mut self.repaired_rid),
            AUDIO_LEVEL => Some(&mut self.audio_level),
            ABS_SEND_TIME => Some(&mut self.abs_send_time),
            TRANSPORT_CC => Some(&mut self.transport_cc),
            DEPENDENCY_DESCRIPTOR => Some(&mut self.dependency),
            FRAME_MARKING => Some(&mut self.marking),
            VIDEO_ORIENTATION => Some(&mut self.orientation),
            PLAYOUT_DELAY => Some(&mut self.playout_delay),
            _ => None,
        }
    }
}

/// The elements of a packet that the hub looks at, borrowed from the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    pub mid: Option<&'a str>,
    pub rid: Option<&'a str>,
    pub repaired_rid: Option<&'a str>,
    /// RFC 6464: whether the sender calls it voice, and the level in -dBov (0 loudest, 127 silence).
    pub audio_level: Option<(bool, u8)>,
    pub transport_cc: Option<u16>,
    /// 24 bits of seconds, 18 of them behind the point.
    pub abs_send_time: Option<u32>,
    /// See [`super::dependency`].
    pub dependency: Option<&'a [u8]>,
    /// See [`super::marking`].
    pub marking: Option<&'a [u8]>,
    /// 3GPP TS 26.114 section 7.4.5: camera, flip and rotation; passed on.
    pub orientation: Option<u8>,
    /// Least and greatest delay, 12 bits each, in 10 ms; passed on.
    pub playout_delay: Option<[u8; 3]>,
}

/// Reads the known elements; unknown and malformed ones are skipped.
pub fn read<'a>(packet: &'a [u8], header: &Header, ids: &ExtensionIds) -> Extensions<'a> {
    let mut found = Extensions::default();
    let Some((profile, start, end)) = header.extension else { return found };
    let Some(mut rest) = packet.get(start..end) else { return found };
    let two_bytes = match profile {
        0xbede => false,
        profile if profile & 0xfff0 == 0x1000 => true,
        _ => return found,
    };
    while let Some((&first, after)) = rest.split_first() {
        let (id, length, after) = match (first, two_bytes) {
            (0, _) => {
                rest = after;
                continue;
            }
            (first, false) if first >> 4 == 15 => break,
            (first, false) => (first >> 4, usize::from(first & 15) + 1, after),
            (first, true) => match after.split_first() {
                Some((&length, after)) => (first, usize::from(length), after),
                None => break,
            },
        };
        let Some((value, after)) = after.split_at_checked(length) else { break };
        rest = after;
        if id == 0 {
            continue;
        } else if id == ids.mid {
            found.mid = std::str::from_utf8(value).ok();
        } else if id == ids.rid {
            found.rid = std::str::from_utf8(value).ok();
        } else if id == ids.repaired_rid {
            found.repaired_rid = std::str::from_utf8(value).ok();
        } else if id == ids.audio_level {
            found.audio_level = value.first().map(|byte| (byte & 0x80 != 0, byte & 0x7f));
        } else if id == ids.transport_cc {
            found.transport_cc = value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
        } else if id == ids.dependency {
            found.dependency = Some(value);
        } else if id == ids.marking {
            found.marking = Some(value);
        } else if id == ids.orientation {
            found.orientation = value.first().copied();
        } else if id == ids.abs_send_time {
            found.abs_send_time = value.first_chunk().map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]));
        } else if id == ids.playout_delay {
            found.playout_delay = value.try_into().ok();
        }
    }
    found
}

/// Appends an extension block with these elements to a header being built: in the one-byte form, or in the two-byte form
/// when an element needs it (more than 16 bytes). Left out are ids of 0, empty values and those over 255 bytes. Returns
/// whether a block was written: the caller sets the X bit.
pub fn write(out: &mut Vec<u8>, elements: &[(u8, &[u8])]) -> bool {
    let is_written = |(id, value): &&(u8, &[u8])| (1..=14).contains(id) && (1..=255).contains(&value.len());
    let two_bytes = elements.iter().filter(is_written).any(|(_, value)| value.len() > 16);
    let start = out.len();
    for (id, value) in elements.iter().filter(is_written) {
        if out.len() == start {
            out.extend_from_slice(if two_bytes { &[0x10, 0, 0, 0] } else { &[0xbe, 0xde, 0, 0] });
        }
        if two_bytes {
            out.extend_from_slice(&[*id, value.len() as u8]);
        } else {
            out.push(id << 4 | (value.len() - 1) as u8);
        }
        out.extend_from_slice(value);
    }
    if out.len() == start {
        return false;
    }
    while !(out.len() - start).is_multiple_of(4) {
        out.push(0);
    }
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rtp::parse;

    const IDS: ExtensionIds = ExtensionIds {
        mid: 4,
        rid: 10,
        repaired_rid: 11,
        audio_level: 1,
        abs_send_time: 2,
        transport_cc: 3,
        dependency: 12,
        marking: 9,
        orientation: 13,
        playout_delay: 5,
    };

    #[test]
    fn what_is_written_is_read_back() {
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        assert!(write(&mut packet, &[(4, b"12"), (0, b"unnegotiated"), (1, &[0x85]), (3, &[1, 2]), (10, b"h")]));
        let header = parse(&packet).unwrap();
        let found = read(&packet, &header, &IDS);
        assert_eq!((found.mid, found.rid, found.repaired_rid), (Some("12"), Some("h"), None));
        assert_eq!((found.audio_level, found.transport_cc), (Some((true, 5)), Some(0x0102)));
    }

    #[test]
    fn the_two_byte_form_is_read() {
        let packet = [0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0, 0, 2, 4, 1, b'7', 0, 1, 1, 0x20, 0];
        let header = parse(&packet).unwrap();
        let found = read(&packet, &header, &IDS);
        assert_eq!((found.mid, found.audio_level), (Some("7"), Some((false, 0x20))));
    }

    #[test]
    fn a_long_element_makes_the_block_two_byte_form() {
        let structure = [7u8; 90];
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        assert!(write(&mut packet, &[(4, b"12"), (12, &structure), (5, &[1, 2, 3]), (13, &[2]), (9, &[0; 256])]));
        let header = parse(&packet).unwrap();
        assert_eq!(header.payload_offset, packet.len());
        let found = read(&packet, &header, &IDS);
        assert_eq!((found.mid, found.dependency), (Some("12"), Some(&structure[..])));
        assert_eq!((found.playout_delay, found.orientation, found.marking), (Some([1, 2, 3]), Some(2), None));
    }

    #[test]
    fn an_element_longer_than_its_block_ends_the_reading() {
        let packet = [0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x4f, b'7', 0, 1];
        let header = parse(&packet).unwrap();
        assert_eq!(read(&packet, &header, &IDS), Extensions::default());
    }
}
