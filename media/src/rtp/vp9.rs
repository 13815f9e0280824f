//! The VP9 payload descriptor (RFC 9628 section 4.2), flexible and not: layers, key pictures, sizes, and where the ids to
//! rewrite stand.

/// Spatial layers that the scalability structure can describe.
pub const MAX_SPATIAL: usize = 8;

/// What the hub needs of a VP9 packet. Offsets point into the payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// First packet of a layer frame (B).
    pub starts_frame: bool,
    /// Last packet of a layer frame (E).
    pub ends_frame: bool,
    /// Depends on earlier pictures (P). A layer frame that does not can be started with.
    pub is_inter_picture: bool,
    /// Depends on the next lower spatial layer of its picture (D).
    pub is_inter_layer: bool,
    /// Higher spatial layers of the picture do without this layer frame (Z).
    pub unused_above: bool,
    /// No later picture of a higher temporal layer refers to pictures before this one that are above its layer (U).
    pub switching_up: bool,
    /// Whether the layer byte is there (L).
    pub has_layers: bool,
    pub spatial: u8,
    pub temporal: u8,
    /// Picture id, its offset, and whether it is 15 bits wide.
    pub picture_id: Option<(u16, u8, bool)>,
    /// TL0PICIDX and its offset: in non-flexible mode only.
    pub tl0_picture_index: Option<(u8, u8)>,
    /// Scalability structure: the number of spatial layers, and their heights if it tells them.
    pub structure: Option<(u8, Option<[u16; MAX_SPATIAL]>)>,
    /// Where the VP9 frame begins.
    pub length: u16,
}

impl Descriptor {
    /// First packet of a key picture: every decoder can start here.
    pub fn starts_key_frame(&self) -> bool {
        self.starts_frame && !self.is_inter_picture && !self.is_inter_layer && self.spatial == 0
    }
}

/// Reads the descriptor. `None`: cut short, or with more references than allowed.
pub fn parse(payload: &[u8]) -> Option<Descriptor> {
    let mut rest = Cursor { payload, offset: 0 };
    let first = rest.byte()?;
    let is_flexible = first & 0x10 != 0;
    let mut found = Descriptor {
        is_inter_picture: first & 0x40 != 0,
        starts_frame: first & 0x08 != 0,
        ends_frame: first & 0x04 != 0,
        unused_above: first & 0x01 != 0,
        ..Descriptor::default()
    };
    if first & 0x80 != 0 {
        let offset = rest.offset as u8;
        let high = rest.byte()?;
        found.picture_id = Some(if high & 0x80 != 0 {
            (u16::from(high & 0x7f) << 8 | u16::from(rest.byte()?), offset, true)
        } else {
            (u16::from(high), offset, false)
        });
    }
    if first & 0x20 != 0 {
        let layers = rest.byte()?;
        found.has_layers = true;
        found.temporal = layers >> 5;
        found.switching_up = layers & 0x10 != 0;
        found.spatial = layers >> 1 & 7;
        found.is_inter_layer = layers & 1 != 0;
        if !is_flexible {
            let offset = rest.offset as u8;
            found.tl0_picture_index = Some((rest.byte()?, offset));
        }
    }
    if is_flexible && found.is_inter_picture {
        // Section 4.2: at most three references, each saying whether another follows.
        let mut references = 1;
        while rest.byte()? & 1 != 0 {
            references += 1;
            if references > 3 {
                return None;
            }
        }
    }
    if first & 0x02 != 0 {
        found.structure = Some(rest.structure()?);
    }
    found.length = rest.offset as u16;
    Some(found)
}

/// Writes new ids over those of a copied payload, in the width the source uses.
pub fn rewrite(payload: &mut [u8], descriptor: &Descriptor, picture_id: u16, tl0_picture_index: u8) {
    super::vp8::write_picture_id(payload, descriptor.picture_id, picture_id);
    if let Some((_, offset)) = descriptor.tl0_picture_index
        && let Some(byte) = payload.get_mut(usize::from(offset))
    {
        *byte = tl0_picture_index;
    }
}

struct Cursor<'a> {
    payload: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.payload.get(self.offset)?;
        self.offset += 1;
        Some(byte)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.offset += count;
        (self.offset <= self.payload.len()).then_some(())
    }

    fn structure(&mut self) -> Option<(u8, Option<[u16; MAX_SPATIAL]>)> {
        let first = self.byte()?;
        let layers = (first >> 5) + 1;
        let mut heights = None;
        if first & 0x10 != 0 {
            let mut found = [0; MAX_SPATIAL];
            for height in found.iter_mut().take(usize::from(layers)) {
                self.skip(2)?;
                *height = u16::from_be_bytes([self.byte()?, self.byte()?]);
            }
            heights = Some(found);
        }
        if first & 0x08 != 0 {
            for _ in 0..self.byte()? {
                let references = self.byte()? >> 2 & 3;
                self.skip(usize::from(references))?;
            }
        }
        Some((layers, heights))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_picture_of_three_layers_tells_its_structure() {
        // I, L, B, V; picture id 0x1234; TID 0, U, SID 0; TL0PICIDX 9; three layers with sizes, one group picture.
        let mut payload = vec![0xaa, 0x92, 0x34, 0x10, 9, 0x58, 1, 64, 0, 180, 2, 128, 1, 104, 5, 0, 2, 208, 2];
        payload.extend_from_slice(&[0x00, 0x54, 1, 0xff]);
        let found = parse(&payload).unwrap();
        assert!(found.starts_key_frame() && !found.ends_frame && found.switching_up);
        assert_eq!(found.picture_id, Some((0x1234, 1, true)));
        assert_eq!(found.tl0_picture_index, Some((9, 4)));
        let (layers, heights) = found.structure.unwrap();
        assert_eq!((layers, &heights.unwrap()[..3]), (3, &[180u16, 360, 720][..]));
        assert_eq!(usize::from(found.length), payload.len() - 1);
        rewrite(&mut payload, &found, 0x7001, 200);
        let again = parse(&payload).unwrap();
        assert_eq!((again.picture_id, again.tl0_picture_index), (Some((0x7001, 1, true)), Some((200, 4))));
        assert_eq!(again.structure, found.structure);
    }

    #[test]
    fn an_upper_layer_of_a_flexible_stream_names_its_references() {
        // I, P, L, F, E, Z; 7-bit picture id; TID 2, SID 1, D; two references.
        let found = parse(&[0xf5, 0x05, 0x43, 0x03, 0x04, 0xee]).unwrap();
        assert!(found.is_inter_picture && found.is_inter_layer && found.ends_frame && found.unused_above);
        assert_eq!((found.temporal, found.spatial, found.length), (2, 1, 5));
        assert_eq!((found.picture_id, found.tl0_picture_index), (Some((5, 1, false)), None));
        assert_eq!(parse(&[0xd0, 0x05, 3, 3, 3, 2]), None, "more than three references");
    }

    #[test]
    fn the_upper_layers_of_a_key_picture_are_no_place_to_start() {
        let base = parse(&[0x28, 0x10, 7]).unwrap();
        let upper = parse(&[0x28, 0x13, 7]).unwrap();
        assert!(base.starts_key_frame());
        assert!(upper.starts_frame && !upper.is_inter_picture && !upper.starts_key_frame());
        assert!(!parse(&[0x68, 0x10, 7]).unwrap().starts_key_frame());
    }

    #[test]
    fn a_descriptor_cut_anywhere_is_refused() {
        let payload = [0xaa, 0x92, 0x34, 0x10, 9, 0x18, 1, 64, 0, 180, 1, 0x54, 1];
        assert_eq!(usize::from(parse(&payload).unwrap().length), payload.len());
        for length in 0..payload.len() {
            assert_eq!(parse(&payload[..length]), None, "{length}");
        }
    }
}
