//! Video frame marking (RFC 9626): what a packet is for, for codecs whose payload does not tell it, or may not be read.

/// The element of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marking {
    /// First packet of a frame (S).
    pub starts_frame: bool,
    /// Last packet of a frame (E).
    pub ends_frame: bool,
    /// Can be decoded without earlier frames (I).
    pub is_independent: bool,
    /// No other frame needs it (D).
    pub is_discardable: bool,
    /// Refers to the base temporal layer only (B); of the long form.
    pub refers_to_base: bool,
    /// Temporal layer (TID); 0 in the short form.
    pub temporal: u8,
}

/// An element as it came, to be passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Element {
    bytes: [u8; 4],
    length: u8,
}

impl Element {
    /// `None`: of a length that no marking has.
    pub fn new(element: &[u8]) -> Option<Self> {
        let mut bytes = [0; 4];
        bytes.get_mut(..element.len()).filter(|_| !element.is_empty())?.copy_from_slice(element);
        Some(Self { bytes, length: element.len() as u8 })
    }

    /// The index of the base layer's picture; `None`: it is left out.
    pub fn tl0_picture_index(&self) -> Option<u8> {
        (self.length >= 3).then_some(self.bytes[2])
    }

    /// The same with this index, where it has one.
    pub fn with_tl0_picture_index(mut self, index: u8) -> Self {
        if self.length >= 3 {
            self.bytes[2] = index;
        }
        self
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Reads an element: one byte (non-scalable), or two to four. `None`: of another length.
pub fn parse(element: &[u8]) -> Option<Marking> {
    let is_scalable = match element.len() {
        1 => false,
        // RFC 9626 section 3.1: LID and TL0PICIDX may be left out.
        2..=4 => true,
        _ => return None,
    };
    let first = *element.first()?;
    Some(Marking {
        starts_frame: first & 0x80 != 0,
        ends_frame: first & 0x40 != 0,
        is_independent: first & 0x20 != 0,
        is_discardable: first & 0x10 != 0,
        refers_to_base: is_scalable && first & 0x08 != 0,
        temporal: if is_scalable { first & 7 } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_long_form_tells_the_temporal_layer() {
        let found = parse(&[0x9a, 0, 77]).unwrap();
        assert!(found.starts_frame && !found.ends_frame && !found.is_independent);
        assert!(found.is_discardable && found.refers_to_base);
        assert_eq!(found.temporal, 2);
        let short = parse(&[0xef]).unwrap();
        assert!(short.is_independent && !short.refers_to_base);
        assert_eq!(short.temporal, 0);
        assert_eq!((parse(&[]), parse(&[0; 5])), (None, None));
    }

    #[test]
    fn an_element_is_passed_on_whole_but_for_its_index() {
        for length in 1..=4 {
            let bytes = &[0x9a, 1, 77, 9][..length];
            let element = Element::new(bytes).unwrap();
            assert_eq!(element.as_slice(), bytes);
            let mut expected = bytes.to_vec();
            if length >= 3 {
                assert_eq!(element.tl0_picture_index(), Some(77));
                expected[2] = 5;
            }
            assert_eq!(element.with_tl0_picture_index(5).as_slice(), expected);
        }
        assert_eq!((Element::new(&[]), Element::new(&[0; 5])), (None, None));
    }
}
