//! The AV1 aggregation header (AV1 RTP specification section 4.4) and, of the OBU that a packet begins with, its layers.
//! All else about AV1 comes from the dependency descriptor.

/// What the hub needs of an AV1 packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aggregation {
    /// The packet goes on with an OBU of the packet before (Z).
    pub continues: bool,
    /// Its last OBU goes on in the next packet (Y).
    pub is_continued: bool,
    /// First packet of a coded video sequence (N): a key frame follows.
    pub starts_sequence: bool,
    /// Temporal and spatial id of the first OBU that begins here, when its header has them.
    pub layers: Option<(u8, u8)>,
}

/// Reads the header. `None`: there is none.
pub fn parse(payload: &[u8]) -> Option<Aggregation> {
    let (first, rest) = payload.split_first()?;
    let mut found = Aggregation {
        continues: first & 0x80 != 0,
        is_continued: first & 0x40 != 0,
        starts_sequence: first & 0x08 != 0,
        layers: None,
    };
    // With W = 1 the only element has no length before it.
    let element = if first >> 4 & 3 == 1 { Some(rest) } else { leb128(rest).map(|(_, after)| after) };
    if !found.continues
        && let Some([header, extension, ..]) = element
        && header & 0x84 == 0x04
    {
        found.layers = Some((extension >> 5, extension >> 3 & 3));
    }
    Some(found)
}

/// A LEB128 number (AV1 section 4.10.5) and what stands behind it. `None`: cut short, or longer than eight bytes.
pub fn leb128(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_packet_of_a_sequence_is_known_by_its_n_bit() {
        // W = 2, N; a sequence header OBU of one byte length before it.
        let found = parse(&[0x28, 0x03, 0x0a, 1, 2, 0x32]).unwrap();
        assert!(found.starts_sequence && !found.continues && !found.is_continued);
        assert_eq!(found.layers, None, "this OBU has no extension");
        assert!(!parse(&[0x50, 0x32]).unwrap().starts_sequence);
        assert_eq!(parse(&[]), None);
    }

    #[test]
    fn layers_are_read_from_an_obu_that_begins_here() {
        let frame = [0x36, 0x48];
        assert_eq!(parse(&[0x10, frame[0], frame[1]]).unwrap().layers, Some((2, 1)));
        assert_eq!(parse(&[0x00, 0x02, frame[0], frame[1]]).unwrap().layers, Some((2, 1)));
        assert_eq!(parse(&[0x90, frame[0], frame[1]]).unwrap().layers, None, "a continuation has no header");
        assert_eq!(parse(&[0x10, frame[0]]).unwrap().layers, None);
        assert_eq!(parse(&[0x00, 0xff]).unwrap().layers, None);
    }

    #[test]
    fn leb128_ends_after_eight_bytes() {
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26, 9]), Some((624_485, &[9u8][..])));
        assert_eq!(leb128(&[0x80; 9]), None);
        assert_eq!(leb128(&[0x80; 3]), None);
    }
}
