//! The dependency descriptor (AV1 RTP specification, appendix A.8): which frames a frame needs and which decode targets
//! need it, in a header extension, so that layers are chosen without a look at the payload. Any codec may carry it.

use std::sync::Arc;

use super::bits::{BitReader, BitWriter};

/// Bounds of the syntax: 5 bits count the decode targets, 6 bits name a template.
pub const MAX_TARGETS: usize = 32;
pub const MAX_TEMPLATES: usize = 64;
/// Layers of either kind that the hub follows; no scalability mode has more than three.
pub const MAX_LAYERS: u8 = 4;
/// Frames that one frame may refer to: AV1 has seven references.
pub const MAX_REFERENCES: usize = 8;
/// Largest element that is read and forwarded: a structure of nine decode targets takes about 90 bytes.
pub const MAX_BYTES: usize = 255;

/// What a frame is to a decode target (table A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indication {
    NotPresent,
    Discardable,
    /// Whoever can decode this frame can decode all later ones of the decode target.
    Switch,
    Required,
}

/// The indications of a frame, two bits for each decode target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indications(u64);

impl Indications {
    /// For a decode target below 32.
    pub fn of(self, target: u8) -> Indication {
        match self.0 >> (2 * u32::from(target & 31)) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    fn read(bits: &mut BitReader<'_>, targets: u8) -> Option<Self> {
        let mut found = 0;
        for target in 0..u32::from(targets) {
            found |= u64::from(bits.number(2)?) << (2 * target);
        }
        Some(Self(found))
    }

    /// No decode target needs the frame for another frame.
    pub fn is_discardable(self) -> bool {
        // The high bit of a pair is set for Switch and Required.
        self.0 & 0xaaaa_aaaa_aaaa_aaaa == 0
    }

    fn present(self) -> u32 {
        (0..MAX_TARGETS as u8)
            .fold(0, |mask, target| mask | u32::from(self.of(target) != Indication::NotPresent) << target)
    }
}

/// How far back the frames lie that a frame refers to, in frame numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct References {
    differences: [u16; MAX_REFERENCES],
    count: u8,
}

impl References {
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.differences.iter().take(usize::from(self.count)).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn push(&mut self, difference: u32) -> Option<()> {
        *self.differences.get_mut(usize::from(self.count))? = difference as u16;
        self.count += 1;
        Some(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: Indications,
    references: References,
    /// Distance to the previous frame of each chain; 0: none is needed.
    chains: [u8; MAX_TARGETS],
}

/// The structure that key frames carry and later packets refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    id_offset: u8,
    /// Decode targets, 1 to 32.
    pub targets: u8,
    pub chains: u8,
    protected_by: [u8; MAX_TARGETS],
    templates: Vec<Template>,
    /// Spatial and temporal layer of each decode target.
    layers: [(u8, u8); MAX_TARGETS],
    /// For each decode target those whose frames are all among its own.
    contains: [u32; MAX_TARGETS],
    /// Width and height of each spatial layer, when the structure tells them.
    pub sizes: Option<[(u16, u16); MAX_LAYERS as usize]>,
    pub spatial_layers: u8,
    pub temporal_layers: u8,
}

impl Structure {
    /// The decode target for these layers: the largest of the active ones (a mask) that exceeds neither.
    pub fn target(&self, spatial: u8, temporal: u8, active: u32) -> u8 {
        let all = (0..self.targets).filter(|target| active >> target & 1 != 0);
        let fits = |target: &u8| {
            let (s, t) = self.layers(*target);
            s <= spatial && t <= temporal
        };
        let best = all.clone().filter(fits).max_by_key(|target| self.layers(*target));
        best.or(all.min_by_key(|target| self.layers(*target))).unwrap_or(0)
    }

    /// Spatial and temporal layer of a decode target.
    pub fn layers(&self, target: u8) -> (u8, u8) {
        self.layers[usize::from(target) % MAX_TARGETS]
    }

    /// The decode targets, as a mask, that a receiver of this one can decode.
    pub fn contained(&self, target: u8) -> u32 {
        self.contains[usize::from(target) % MAX_TARGETS]
    }

    /// The chain that protects a decode target; `None`: there are no chains.
    pub fn chain(&self, target: u8) -> Option<u8> {
        (self.chains > 0).then_some(self.protected_by[usize::from(target) % MAX_TARGETS])
    }

    /// Every decode target, as a mask.
    pub fn all(&self) -> u32 {
        u32::MAX >> (MAX_TARGETS as u32 - u32::from(self.targets))
    }

    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let id_offset = bits.number(6)? as u8;
        let targets = bits.number(5)? as u8 + 1;
        let mut templates = Vec::new();
        let (mut spatial, mut temporal, mut temporal_layers) = (0, 0, 0);
        loop {
            if templates.len() >= MAX_TEMPLATES {
                return None;
            }
            let (indications, references) = Default::default();
            templates.push(Template { spatial, temporal, indications, references, chains: [0; MAX_TARGETS] });
            temporal_layers = temporal_layers.max(temporal + 1);
            match bits.number(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (temporal, spatial) = (0, spatial + 1),
                _ => break,
            }
            if spatial >= MAX_LAYERS || temporal >= MAX_LAYERS {
                return None;
            }
        }
        for template in &mut templates {
            template.indications = Indications::read(bits, targets)?;
        }
        for template in &mut templates {
            while bits.flag()? {
                template.references.push(bits.number(4)? + 1)?;
            }
        }
        let chains = bits.non_symmetric(u32::from(targets) + 1)? as u8;
        let mut protected_by = [0; MAX_TARGETS];
        if chains > 0 {
            for chain in protected_by.iter_mut().take(usize::from(targets)) {
                *chain = bits.non_symmetric(u32::from(chains))? as u8;
            }
            for template in &mut templates {
                for difference in template.chains.iter_mut().take(usize::from(chains)) {
                    *difference = bits.number(4)? as u8;
                }
            }
        }
        let sizes = if bits.flag()? {
            let mut sizes = [(0, 0); MAX_LAYERS as usize];
            for size in sizes.iter_mut().take(usize::from(spatial) + 1) {
                let (width, height) = (bits.number(16)?, bits.number(16)?);
                *size = ((width + 1).min(0xffff) as u16, (height + 1).min(0xffff) as u16);
            }
            Some(sizes)
        } else {
            None
        };
        let mut structure = Self {
            id_offset,
            targets,
            chains,
            protected_by,
            templates,
            layers: [(0, 0); MAX_TARGETS],
            contains: [0; MAX_TARGETS],
            sizes,
            spatial_layers: spatial + 1,
            temporal_layers,
        };
        structure.derive();
        Some(structure)
    }

    /// Layers of the decode targets (`decode_target_layers()`) and which contain which.
    fn derive(&mut self) {
        self.contains = [self.all(); MAX_TARGETS];
        for template in &self.templates {
            let present = template.indications.present();
            for target in 0..self.targets {
                let place = usize::from(target);
                if present >> target & 1 == 0 {
                    self.contains[place] &= !present;
                } else {
                    let (spatial, temporal) = &mut self.layers[place];
                    *spatial = (*spatial).max(template.spatial);
                    *temporal = (*temporal).max(template.temporal);
                }
            }
        }
    }
}

/// Where the active decode targets stand, or would: what it takes to write others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    mask_at: u16,
    end: u16,
    targets: u8,
    has_mask: bool,
}

/// A packet's descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub starts_frame: bool,
    pub ends_frame: bool,
    /// Frame number: rises by one with every frame of the stream, modulo 2^16.
    pub number: u16,
    /// This packet carries the structure.
    pub has_structure: bool,
    /// The structure that it, or the packet that carried one last, goes by.
    pub structure: Arc<Structure>,
    /// Decode targets that the sender says it produces from here on.
    pub active: Option<u32>,
    pub spatial: u8,
    pub temporal: u8,
    pub indications: Indications,
    pub references: References,
    /// Distance to the previous frame of each chain.
    pub chains: [u8; MAX_TARGETS],
    pub layout: Layout,
}

impl Descriptor {
    /// Whether every decoder can start at this packet.
    pub fn starts_key_frame(&self) -> bool {
        self.starts_frame && self.has_structure && self.references.is_empty()
    }

    /// Size of the picture at this frame's spatial layer.
    pub fn size(&self) -> Option<(u16, u16)> {
        self.structure.sizes?.get(usize::from(self.spatial)).copied()
    }
}

/// Reads a descriptor; `known` is the structure that came last. `None`: malformed, or of a structure that is not known.
pub fn parse(element: &[u8], known: Option<&Arc<Structure>>) -> Option<Descriptor> {
    if element.len() > MAX_BYTES {
        return None;
    }
    let mut bits = BitReader::new(element);
    let (starts_frame, ends_frame) = (bits.flag()?, bits.flag()?);
    let template_id = bits.number(6)? as u8;
    let number = bits.number(16)? as u16;
    let mut flags = [false; 5];
    if element.len() > 3 {
        for flag in &mut flags {
            *flag = bits.flag()?;
        }
    }
    let [has_structure, has_mask, custom_indications, custom_references, custom_chains] = flags;
    let structure = if has_structure { Arc::new(Structure::read(&mut bits)?) } else { known?.clone() };
    let mask_at = bits.position() as u16;
    let mut active = None;
    if has_mask {
        active = Some(bits.number(u32::from(structure.targets))?);
    } else if has_structure {
        active = Some(structure.all());
    }
    let place = (template_id + 64 - structure.id_offset) % 64;
    let template = structure.templates.get(usize::from(place))?;
    let (spatial, temporal) = (template.spatial, template.temporal);
    let mut indications = template.indications;
    if custom_indications {
        indications = Indications::read(&mut bits, structure.targets)?;
    }
    let mut references = template.references;
    if custom_references {
        references = References::default();
        loop {
            let size = bits.number(2)?;
            if size == 0 {
                break;
            }
            references.push(bits.number(4 * size)? + 1)?;
        }
    }
    let mut chains = template.chains;
    if custom_chains {
        for difference in chains.iter_mut().take(usize::from(structure.chains)) {
            *difference = bits.number(8)? as u8;
        }
    }
    let layout = Layout { mask_at, end: bits.position() as u16, targets: structure.targets, has_mask };
    Some(Descriptor {
        starts_frame,
        ends_frame,
        number,
        has_structure,
        structure,
        active,
        spatial,
        temporal,
        indications,
        references,
        chains,
        layout,
    })
}

/// Appends a parsed element with another frame number and, if given, other active decode targets; all else stays.
pub fn rewrite(out: &mut Vec<u8>, element: &[u8], layout: Layout, number: u16, active: Option<u32>) {
    let [first, _, _, rest @ ..] = element else { return };
    out.push(*first);
    out.extend_from_slice(&number.to_be_bytes());
    let Some(active) = active else {
        out.extend_from_slice(rest);
        return;
    };
    /// The second of the flags behind the 24 mandatory bits.
    const HAS_MASK: u32 = 0b0_1000;
    let mut bits = BitReader::new(rest);
    let mut writer = BitWriter::new(out);
    let copy = |bits: &mut BitReader<'_>, writer: &mut BitWriter<'_>, until: u16| {
        while bits.position() + 24 < usize::from(until) {
            let count = (usize::from(until) - 24 - bits.position()).min(32) as u32;
            let Some(number) = bits.number(count) else { return };
            writer.number(number, count);
        }
    };
    writer.number(bits.number(5).unwrap_or(0) | HAS_MASK, 5);
    copy(&mut bits, &mut writer, layout.mask_at);
    let targets = u32::from(layout.targets);
    if layout.has_mask {
        let _ = bits.number(targets);
    }
    writer.number(active, targets);
    copy(&mut bits, &mut writer, layout.end);
}

#[cfg(test)]
mod tests;
