//! What a packet is to its stream, whatever the codec: taken from header extensions first, and from the payload only
//! where that may be read.

use std::sync::Arc;

use super::dependency::{self, Indications, Layout, References, Structure};
use super::extension::Extensions;
use super::{av1, h264, marking, vp8, vp9};
use crate::negotiate::Codec;

/// Whether a receiver of fewer temporal layers may move up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SwitchUp {
    #[default]
    No,
    /// With this frame, to its layer: it refers to the base layer only (VP8 Y, frame marking B).
    Here,
    /// After this frame, to any layer: later frames above its layer refer to nothing before it that is above (VP9 U).
    After,
}

/// What the payload descriptor holds that is rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadIds {
    #[default]
    None,
    Vp8(vp8::Descriptor),
    Vp9(vp9::Descriptor),
}

impl PayloadIds {
    /// Picture id and TL0PICIDX, 0 where there is none.
    pub fn ids(&self) -> (u16, u8) {
        let (picture_id, tl0_picture_index) = match self {
            Self::None => return (0, 0),
            Self::Vp8(descriptor) => (descriptor.picture_id, descriptor.tl0_picture_index),
            Self::Vp9(descriptor) => (descriptor.picture_id, descriptor.tl0_picture_index),
        };
        (picture_id.map_or(0, |(id, ..)| id), tl0_picture_index.map_or(0, |(index, _)| index))
    }

    /// Writes new ids over those of a copied payload, in the width the source uses.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_picture_index: u8) {
        match self {
            Self::None => {}
            Self::Vp8(descriptor) => vp8::rewrite(payload, descriptor, picture_id, tl0_picture_index),
            Self::Vp9(descriptor) => vp9::rewrite(payload, descriptor, picture_id, tl0_picture_index),
        }
    }
}

/// What the dependency descriptor adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub structure: Arc<Structure>,
    pub number: u16,
    /// The packet carries the structure: the active decode targets are all again, unless it says otherwise.
    pub has_structure: bool,
    /// Decode targets that the sender produces now.
    pub active: u32,
    pub indications: Indications,
    pub references: References,
    pub layout: Layout,
}

/// What a packet is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameInfo {
    /// Every decoder can start here.
    pub starts_key_frame: bool,
    /// First and last packet of a frame; with spatial layers, of a layer's frame. Both are known only with `has_layers`.
    pub starts_frame: bool,
    pub ends_frame: bool,
    /// The stream tells the layer of its frames.
    pub has_layers: bool,
    pub spatial: u8,
    pub temporal: u8,
    pub switch_up: SwitchUp,
    /// No other frame needs it.
    pub is_discardable: bool,
    /// Higher spatial layers of the picture do without it.
    pub unused_above: bool,
    /// On key frames: how many spatial layers the stream has, and the height of each where it is known (0: not).
    pub heights: Option<(u8, [u16; dependency::MAX_LAYERS as usize])>,
    pub temporal_layers: u8,
    pub ids: PayloadIds,
    pub dependency: Option<Dependency>,
}

impl FrameInfo {
    /// Height of the largest picture in the stream.
    pub fn height(&self) -> Option<u16> {
        let (layers, heights) = self.heights?;
        heights.iter().take(usize::from(layers)).copied().max().filter(|height| *height > 0)
    }
}

/// What later packets of a stream refer to. One per layer of a source; bounded by one structure.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    structure: Option<Arc<Structure>>,
    /// Frame number that brought it.
    since: u16,
    active: u32,
}

impl Tracker {
    /// Looks at a packet. `is_encrypted`: the payload is the sender's secret and is not looked at; then a packet without
    /// descriptor or marking may be anything, also the start of a key frame, which the decoder has to find.
    pub fn examine(
        &mut self,
        codec: Codec,
        extensions: &Extensions<'_>,
        payload: &[u8],
        is_encrypted: bool,
    ) -> FrameInfo {
        if codec.is_audio() {
            return FrameInfo { starts_key_frame: true, ..FrameInfo::default() };
        }
        let mut info = if is_encrypted { FrameInfo::default() } else { from_payload(codec, payload) };
        let descriptor = extensions.dependency.and_then(|element| self.read(element));
        if let Some(descriptor) = descriptor {
            info.take_dependency(descriptor, self.active);
        } else if let Some(marking) = extensions.marking.and_then(marking::parse) {
            // Of a payload that was read, frame marking adds what the codec cannot tell.
            if is_encrypted || codec == Codec::H264 {
                info.take_marking(&marking, is_encrypted);
            }
        } else if is_encrypted {
            info.starts_key_frame = true;
        }
        info
    }

    fn read(&mut self, element: &[u8]) -> Option<dependency::Descriptor> {
        let found = dependency::parse(element, self.structure.as_ref())?;
        // A repair that comes late brings no structure back.
        let is_newer = self.structure.is_none() || super::is_newer(found.number, self.since);
        if found.has_structure && is_newer {
            self.structure = Some(found.structure.clone());
            self.since = found.number;
        }
        if let (Some(active), true) = (found.active, is_newer || found.number == self.since) {
            self.active = active;
        }
        Some(found)
    }
}

impl FrameInfo {
    fn take_dependency(&mut self, found: dependency::Descriptor, active: u32) {
        self.starts_key_frame = found.starts_key_frame();
        self.starts_frame = found.starts_frame;
        self.ends_frame = found.ends_frame;
        self.has_layers = true;
        self.spatial = found.spatial;
        self.temporal = found.temporal;
        self.is_discardable = found.indications.is_discardable();
        self.switch_up = SwitchUp::No;
        self.temporal_layers = found.structure.temporal_layers;
        if found.has_structure {
            let layers = found.structure.spatial_layers;
            match found.structure.sizes {
                Some(sizes) => self.heights = Some((layers, sizes.map(|(_, height)| height))),
                None if self.heights.is_none_or(|(told, _)| told != layers) => {
                    self.heights = Some((layers, Default::default()));
                }
                None => {}
            }
        }
        self.dependency = Some(Dependency {
            number: found.number,
            has_structure: found.has_structure,
            active,
            indications: found.indications,
            references: found.references,
            layout: found.layout,
            structure: found.structure,
        });
    }

    fn take_marking(&mut self, marking: &marking::Marking, alone: bool) {
        self.starts_frame = marking.starts_frame;
        self.ends_frame = marking.ends_frame;
        self.has_layers = true;
        self.temporal = marking.temporal;
        self.is_discardable = marking.is_discardable;
        self.switch_up = if marking.refers_to_base && marking.starts_frame { SwitchUp::Here } else { SwitchUp::No };
        if alone {
            self.starts_key_frame = marking.is_independent && marking.starts_frame;
        }
    }
}

fn from_payload(codec: Codec, payload: &[u8]) -> FrameInfo {
    let one = |height: u16| Some((1, [height, 0, 0, 0]));
    match codec {
        Codec::Vp8 => {
            let Some(found) = vp8::parse(payload) else { return FrameInfo::default() };
            let (temporal, is_sync) = found.temporal.unwrap_or_default();
            FrameInfo {
                starts_key_frame: found.key_frame,
                starts_frame: found.starts_frame,
                has_layers: found.temporal.is_some(),
                temporal,
                switch_up: if is_sync { SwitchUp::Here } else { SwitchUp::No },
                is_discardable: found.is_discardable,
                heights: found.size.and_then(|(_, height)| one(height)),
                ids: PayloadIds::Vp8(found),
                ..FrameInfo::default()
            }
        }
        Codec::Vp9 => {
            let Some(found) = vp9::parse(payload) else { return FrameInfo::default() };
            FrameInfo {
                starts_key_frame: found.starts_key_frame(),
                starts_frame: found.starts_frame,
                ends_frame: found.ends_frame,
                has_layers: found.has_layers,
                spatial: found.spatial,
                temporal: found.temporal,
                switch_up: if found.switching_up { SwitchUp::After } else { SwitchUp::No },
                unused_above: found.unused_above,
                heights: found.structure.map(|(layers, heights)| {
                    let heights = heights.unwrap_or_default();
                    (layers.min(dependency::MAX_LAYERS), [heights[0], heights[1], heights[2], heights[3]])
                }),
                ids: PayloadIds::Vp9(found),
                ..FrameInfo::default()
            }
        }
        Codec::Av1 => {
            let Some(found) = av1::parse(payload) else { return FrameInfo::default() };
            FrameInfo {
                starts_key_frame: found.starts_sequence,
                spatial: found.layers.map_or(0, |(_, spatial)| spatial),
                temporal: found.layers.map_or(0, |(temporal, _)| temporal),
                ..FrameInfo::default()
            }
        }
        Codec::H264 => {
            let Some(found) = h264::parse(payload) else { return FrameInfo::default() };
            FrameInfo {
                starts_key_frame: found.starts_key_frame,
                is_discardable: found.is_discardable,
                heights: found.size.and_then(|(_, height)| one(height)),
                ..FrameInfo::default()
            }
        }
        Codec::Opus | Codec::Red => FrameInfo { starts_key_frame: true, ..FrameInfo::default() },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtp::bits::BitWriter;

    const VP8_KEY: [u8; 16] =
        [0x90, 0xe0, 0x92, 0x34, 0x56, 0x20, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];

    #[test]
    fn a_clear_payload_tells_what_it_is() {
        let mut tracker = Tracker::default();
        let info = tracker.examine(Codec::Vp8, &Extensions::default(), &VP8_KEY, false);
        assert!(info.starts_key_frame && info.has_layers);
        assert_eq!((info.height(), info.switch_up, info.ids.ids()), (Some(360), SwitchUp::Here, (0x1234, 0x56)));
        let red = tracker.examine(Codec::Red, &Extensions::default(), &[], false);
        assert!(red.starts_key_frame);
    }

    #[test]
    fn an_encrypted_payload_is_never_looked_at() {
        let mut tracker = Tracker::default();
        let marked = |first: u8| [first, 0, 0];
        let (key, delta) = (marked(0xa0), marked(0x8a));
        let mut examine = |marking: Option<&[u8]>| {
            let extensions = Extensions { marking, ..Extensions::default() };
            tracker.examine(Codec::Vp8, &extensions, &VP8_KEY, true)
        };
        assert!(examine(Some(&key)).starts_key_frame);
        let info = examine(Some(&delta));
        assert!(!info.starts_key_frame, "the marking counts, not the payload");
        assert_eq!((info.temporal, info.switch_up, info.ids), (2, SwitchUp::Here, PayloadIds::None));
        assert!(examine(None).starts_key_frame, "nothing is known: the decoder decides");
    }

    #[test]
    fn the_descriptor_counts_before_the_payload() {
        // Start of frame 1 by template 0; two templates for one decode target, no chains, 640x360.
        let mut key = vec![0x80, 0, 1];
        let mut bits = BitWriter::new(&mut key);
        for (value, count) in [(0b1_0000, 5), (0, 6), (0, 5), (0, 2), (3, 2), (2, 2), (2, 2)] {
            bits.number(value, count);
        }
        for (value, count) in [(0, 1), (0b10_0000, 6), (0, 1), (1, 1), (639, 16), (359, 16)] {
            bits.number(value, count);
        }
        let mut tracker = Tracker::default();
        let extensions = Extensions { dependency: Some(&key), ..Extensions::default() };
        let info = tracker.examine(Codec::Vp8, &extensions, &[0x10, 0x01, 0, 0], false);
        assert!(info.starts_key_frame && info.dependency.is_some(), "whatever the payload seems to be: {info:?}");
        assert_eq!(info.height(), Some(360));
        let second = Extensions { dependency: Some(&[0xc1, 0, 2]), ..Extensions::default() };
        let info = tracker.examine(Codec::Vp8, &second, &VP8_KEY, false);
        assert!(!info.starts_key_frame && info.dependency.is_some());
        let unknown = Extensions { dependency: Some(&[0xff, 0, 2]), ..Extensions::default() };
        let info = tracker.examine(Codec::Vp8, &unknown, &VP8_KEY, false);
        assert!(info.starts_key_frame && info.dependency.is_none(), "an unknown template: as without");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_harm_a_tracker(
            packets in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..60), prop::collection::vec(any::<u8>(), 0..60), any::<bool>()),
                1..8,
            ),
            picture_id in any::<u16>(),
        ) {
            for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264, Codec::Red] {
                let mut tracker = Tracker::default();
                for (element, payload, is_encrypted) in &packets {
                    let extensions = Extensions {
                        dependency: Some(element),
                        marking: Some(element),
                        ..Extensions::default()
                    };
                    let info = tracker.examine(codec, &extensions, payload, *is_encrypted);
                    prop_assert!(!is_encrypted || info.ids == PayloadIds::None);
                    let mut copy = payload.clone();
                    info.ids.rewrite(&mut copy, picture_id, 7);
                    prop_assert_eq!(copy.len(), payload.len());
                    // Nothing but the ids is ever changed.
                    let changed = copy.iter().zip(payload).filter(|(a, b)| a != b).count();
                    prop_assert!(changed <= 3);
                    let _ = super::super::red::primary(payload);
                    let _ = h264::picture_size(payload);
                }
            }
        }
    }
}
