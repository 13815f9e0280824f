//! Redundant audio (RFC 2198): where the newest frame stands in a packet, for receivers who take none of the older ones.

/// Blocks looked at: Chromium sends two or three.
const MAX_BLOCKS: usize = 32;

/// The primary block of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Payload type it would have alone.
    pub payload_type: u8,
    /// Where it begins; it reaches to the end of the payload.
    pub offset: usize,
    /// Older blocks before it.
    pub redundant: usize,
}

/// Finds the primary block. `None`: malformed.
pub fn primary(payload: &[u8]) -> Option<Primary> {
    let mut headers = 0;
    let mut skipped = 0;
    for redundant in 0..MAX_BLOCKS {
        let first = *payload.get(headers)?;
        if first & 0x80 == 0 {
            let offset = headers + 1 + skipped;
            return (offset <= payload.len()).then_some(Primary { payload_type: first, offset, redundant });
        }
        let header = payload.get(headers..headers + 4)?;
        skipped += usize::from(header[2] & 0x03) << 8 | usize::from(header[3]);
        headers += 4;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_block_is_the_last() {
        let mut payload = vec![0x80 | 111, 0x0f, 0x00, 3, 0x80 | 111, 0x07, 0x80, 2, 111];
        payload.extend_from_slice(b"oldolNEW");
        let found = primary(&payload);
        assert_eq!(found, Some(Primary { payload_type: 111, offset: 14, redundant: 2 }));
        assert_eq!(&payload[14..], b"NEW");
        assert_eq!(primary(&[111, b'x']), Some(Primary { payload_type: 111, offset: 1, redundant: 0 }));
        assert_eq!(primary(&payload[..13]), None, "a block longer than the packet");
        assert_eq!(primary(&payload[..8]), None);
        assert_eq!(primary(&[0xff; 400]), None);
        assert_eq!(primary(&[]), None);
    }
}
