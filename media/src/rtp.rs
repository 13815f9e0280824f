//! The RTP header (RFC 3550 section 5.1), read in place; payload descriptors and extensions live below.

pub mod extension;
pub mod frame;

pub mod av1;
pub mod bits;
pub mod dependency;
pub mod h264;
pub mod marking;
pub mod red;
pub mod vp8;
pub mod vp9;

/// A parsed RTP header. Offsets point into the packet it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// The payload ends with padding whose last octet counts it.
    pub padding: bool,
    /// Profile word and byte range of the extension block.
    pub extension: Option<(u16, usize, usize)>,
    /// Where the header, CSRC list and extension end.
    pub payload_offset: usize,
}

/// Reads the header. `None`: not RTP version 2, or cut short.
pub fn parse(packet: &[u8]) -> Option<Header> {
    let fixed: &[u8; 12] = packet.first_chunk()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let mut offset = 12 + 4 * usize::from(fixed[0] & 0x0f);
    let mut extension = None;
    if fixed[0] & 0x10 != 0 {
        let word = packet.get(offset..offset + 4)?;
        let profile = u16::from_be_bytes([word[0], word[1]]);
        let length = 4 * usize::from(u16::from_be_bytes([word[2], word[3]]));
        extension = Some((profile, offset + 4, offset + 4 + length));
        offset += 4 + length;
    }
    if packet.len() < offset {
        return None;
    }
    Some(Header {
        marker: fixed[1] & 0x80 != 0,
        payload_type: fixed[1] & 0x7f,
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        padding: fixed[0] & 0x20 != 0,
        extension,
        payload_offset: offset,
    })
}

/// Whether `a` comes after `b` in sequence number order (RFC 1982).
pub fn is_newer(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) < 0x8000
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_header_with_csrc_and_extension_is_measured() {
        let mut packet = vec![0x91, 0xe0, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0x10, 5, 0, 0];
        packet.push(42);
        let header = parse(&packet).unwrap();
        assert_eq!((header.marker, header.payload_type, header.sequence, header.timestamp), (true, 96, 7, 9));
        assert_eq!((header.ssrc, header.payload_offset), (0x0102_0304, 24));
        assert_eq!(header.extension, Some((0xbede, 20, 24)));
    }

    #[test]
    fn a_packet_cut_anywhere_in_its_header_is_refused() {
        let packet = [0x90, 0x60, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4, 0xbe, 0xde, 0, 1, 0x10, 5, 0, 0];
        assert!(parse(&packet).is_some());
        for length in 0..packet.len() {
            assert_eq!(parse(&packet[..length]), None, "{length}");
        }
    }
}
