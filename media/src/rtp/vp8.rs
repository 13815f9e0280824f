//! The VP8 payload descriptor (RFC 7741 section 4.2): key frames, picture size, and where the ids to rewrite stand.

/// What the hub needs of a VP8 packet. Offsets point into the payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// First packet of a key frame.
    pub key_frame: bool,
    /// Width and height, on the first packet of a key frame.
    pub size: Option<(u16, u16)>,
    /// Picture id, its offset, and whether it is 15 bits wide.
    pub picture_id: Option<(u16, u8, bool)>,
    /// TL0PICIDX and its offset.
    pub tl0_picture_index: Option<(u8, u8)>,
    /// First packet of a frame.
    pub starts_frame: bool,
    /// No other frame refers to it (N).
    pub is_discardable: bool,
    /// Temporal layer (TID), and whether the frame refers to layer 0 only (Y); when the descriptor has them (T).
    pub temporal: Option<(u8, bool)>,
}

/// Reads the descriptor. `None`: cut short.
pub fn parse(payload: &[u8]) -> Option<Descriptor> {
    let mut found = Descriptor::default();
    let first = *payload.first()?;
    let mut offset = 1;
    if first & 0x80 != 0 {
        let extended = *payload.get(offset)?;
        offset += 1;
        if extended & 0x80 != 0 {
            let high = *payload.get(offset)?;
            if high & 0x80 != 0 {
                let low = *payload.get(offset + 1)?;
                found.picture_id = Some((u16::from(high & 0x7f) << 8 | u16::from(low), offset as u8, true));
                offset += 2;
            } else {
                found.picture_id = Some((u16::from(high), offset as u8, false));
                offset += 1;
            }
        }
        if extended & 0x40 != 0 {
            found.tl0_picture_index = Some((*payload.get(offset)?, offset as u8));
            offset += 1;
        }
        if extended & 0x30 != 0 {
            let layer = *payload.get(offset)?;
            if extended & 0x20 != 0 {
                found.temporal = Some((layer >> 6, layer & 0x20 != 0));
            }
            offset += 1;
        }
    }
    found.is_discardable = first & 0x20 != 0;
    let start_of_frame = first & 0x10 != 0 && first & 0x07 == 0;
    found.starts_frame = start_of_frame;
    // RFC 6386 section 9.1: bit 0 of the first byte is 0 in a key frame, the start code and the size follow.
    if start_of_frame
        && let Some(frame) = payload.get(offset..offset + 10)
        && frame[0] & 1 == 0
        && frame[3..6] == [0x9d, 0x01, 0x2a]
    {
        found.key_frame = true;
        found.size = Some((
            u16::from_le_bytes([frame[6], frame[7]]) & 0x3fff,
            u16::from_le_bytes([frame[8], frame[9]]) & 0x3fff,
        ));
    }
    Some(found)
}

/// Writes new ids over those of a copied payload, in the width the source uses.
pub fn rewrite(payload: &mut [u8], descriptor: &Descriptor, picture_id: u16, tl0_picture_index: u8) {
    write_picture_id(payload, descriptor.picture_id, picture_id);
    if let Some((_, offset)) = descriptor.tl0_picture_index
        && let Some(byte) = payload.get_mut(usize::from(offset))
    {
        *byte = tl0_picture_index;
    }
}

/// Writes a picture id at its place, in 15 or 7 bits: VP9 has the same field (RFC 9628 section 4.2).
pub(super) fn write_picture_id(payload: &mut [u8], place: Option<(u16, u8, bool)>, picture_id: u16) {
    match place {
        Some((_, offset, true)) => {
            if let Some(bytes) = payload.get_mut(usize::from(offset)..usize::from(offset) + 2) {
                bytes.copy_from_slice(&(picture_id | 0x8000).to_be_bytes());
            }
        }
        Some((_, offset, false)) => {
            if let Some(byte) = payload.get_mut(usize::from(offset)) {
                *byte = picture_id as u8 & 0x7f;
            }
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_frame_tells_its_size_and_its_ids_can_be_replaced() {
        let mut payload =
            vec![0x90, 0xe0, 0x92, 0x34, 0x56, 0x20, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
        let found = parse(&payload).unwrap();
        assert!(found.key_frame);
        assert_eq!(found.size, Some((640, 360)));
        assert_eq!(found.picture_id, Some((0x1234, 2, true)));
        assert_eq!(found.tl0_picture_index, Some((0x56, 4)));
        assert_eq!((found.starts_frame, found.temporal), (true, Some((0, true))));
        rewrite(&mut payload, &found, 0x7fff, 9);
        let again = parse(&payload).unwrap();
        assert_eq!((again.picture_id, again.tl0_picture_index), (Some((0x7fff, 2, true)), Some((9, 4))));
    }

    #[test]
    fn a_delta_frame_and_a_continuation_are_no_key_frames() {
        assert!(!parse(&[0x10, 0x01, 0, 0, 0x9d, 1, 0x2a, 0, 0, 0, 0]).unwrap().key_frame);
        assert!(!parse(&[0x00, 0x10, 0, 0, 0x9d, 1, 0x2a, 0, 0, 0, 0]).unwrap().key_frame);
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[0x80, 0x80]), None);
    }
}
