//! Vectors written field by field from the syntax tables, bounds, and noise.
#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

/// A structure as its fields, to be written by the syntax of appendix A.8.2.
#[derive(Clone, Debug)]
struct Spec {
    id_offset: u8,
    targets: usize,
    /// Of each template: `next_layer_idc` after it, indications, references, chains.
    templates: Vec<(u32, &'static str, Vec<u32>, Vec<u32>)>,
    protected_by: Vec<u32>,
    sizes: Vec<(u32, u32)>,
}

fn indication(letter: char) -> u32 {
    "-DSR".find(letter).unwrap() as u32
}

impl Spec {
    fn write(&self, bits: &mut BitWriter<'_>) {
        bits.number(u32::from(self.id_offset), 6);
        bits.number(self.targets as u32 - 1, 5);
        for (next, ..) in &self.templates {
            bits.number(*next, 2);
        }
        for (_, indications, ..) in &self.templates {
            indications.chars().for_each(|letter| bits.number(indication(letter), 2));
        }
        for (_, _, references, _) in &self.templates {
            for difference in references {
                bits.number(1, 1);
                bits.number(difference - 1, 4);
            }
            bits.number(0, 1);
        }
        let chains = self.templates[0].3.len() as u32;
        bits.non_symmetric(chains, self.targets as u32 + 1);
        if chains > 0 {
            self.protected_by.iter().for_each(|chain| bits.non_symmetric(*chain, chains));
            for (.., differences) in &self.templates {
                differences.iter().for_each(|difference| bits.number(*difference, 4));
            }
        }
        bits.number(u32::from(!self.sizes.is_empty()), 1);
        for (width, height) in &self.sizes {
            bits.number(width - 1, 16);
            bits.number(height - 1, 16);
        }
    }
}

/// Two spatial layers of one temporal layer, full SVC.
fn l2t1() -> Spec {
    Spec {
        id_offset: 60,
        targets: 2,
        templates: vec![
            (0, "SS", vec![], vec![0, 0]),
            (2, "SR", vec![2], vec![2, 1]),
            (0, "-S", vec![1], vec![1, 1]),
            (3, "-R", vec![2, 1], vec![1, 1]),
        ],
        protected_by: vec![0, 1],
        sizes: vec![(320, 180), (640, 360)],
    }
}

fn key_frame(spec: &Spec, number: u16) -> Vec<u8> {
    let mut element = Vec::new();
    let mut bits = BitWriter::new(&mut element);
    bits.number(0b10, 2);
    bits.number(u32::from(spec.id_offset), 6);
    bits.number(u32::from(number), 16);
    bits.number(0b1_0000, 5);
    spec.write(&mut bits);
    element
}

#[test]
fn a_key_frame_brings_the_structure() {
    let found = parse(&key_frame(&l2t1(), 7), None).unwrap();
    assert!(found.starts_key_frame() && !found.ends_frame);
    assert_eq!((found.number, found.spatial, found.temporal, found.active), (7, 0, 0, Some(0b11)));
    assert_eq!(found.size(), Some((320, 180)));
    let structure = &found.structure;
    assert_eq!((structure.targets, structure.spatial_layers, structure.temporal_layers), (2, 2, 1));
    assert_eq!((structure.layers(0), structure.layers(1)), ((0, 0), (1, 0)));
    assert_eq!((structure.chain(0), structure.chain(1)), (Some(0), Some(1)));
    assert_eq!((structure.contained(0), structure.contained(1)), (0b01, 0b11));
    assert_eq!((structure.target(0, 2, 0b11), structure.target(2, 2, 0b11), structure.target(2, 2, 0b01)), (0, 1, 0));
}

#[test]
fn later_packets_are_read_by_the_structure_and_refused_without() {
    let structure = parse(&key_frame(&l2t1(), 7), None).unwrap().structure;
    // Template 63 of 60: the fourth.
    let packet = [0x40 | 63, 0, 10];
    assert_eq!(parse(&packet, None), None);
    let found = parse(&packet, Some(&structure)).unwrap();
    assert!(found.ends_frame && !found.starts_frame && !found.starts_key_frame());
    assert_eq!((found.spatial, found.number, found.active), (1, 10, None));
    assert_eq!(found.indications.of(0), Indication::NotPresent);
    assert_eq!(found.indications.of(1), Indication::Required);
    assert_eq!(found.references.iter().collect::<Vec<_>>(), [2, 1]);
    assert_eq!(found.chains[..2], [1, 1]);
    // The numbers wrap: id 0 would be the fifth template.
    assert_eq!(parse(&[0x40, 0, 10], Some(&structure)), None);
}

#[test]
fn a_frame_may_differ_from_its_template() {
    // Frame 105 of the specification's example A.10.1.2: a switch to the upper layer, its chain starts anew.
    let structure = parse(&key_frame(&l2t1(), 7), None).unwrap().structure;
    let mut element = vec![0xc0 | 61, 0, 105];
    let mut bits = BitWriter::new(&mut element);
    bits.number(0b0_0111, 5);
    bits.number(indication('S'), 2);
    bits.number(indication('S'), 2);
    for (size, difference) in [(1, 2), (2, 18), (3, 4000)] {
        bits.number(size, 2);
        bits.number(difference - 1, 4 * size);
    }
    bits.number(0, 2);
    bits.number(2, 8);
    bits.number(0, 8);
    let found = parse(&element, Some(&structure)).unwrap();
    assert_eq!(found.indications.of(1), Indication::Switch);
    assert_eq!(found.references.iter().collect::<Vec<_>>(), [2, 18, 4000]);
    assert_eq!(found.chains[..2], [2, 0]);
    assert!(!found.starts_key_frame());
}

#[test]
fn number_and_active_targets_are_rewritten_and_nothing_else() {
    let key = key_frame(&l2t1(), 7);
    let first = parse(&key, None).unwrap();
    let structure = first.structure.clone();
    let mut with_custom = vec![0xc0 | 61, 0, 8];
    let mut bits = BitWriter::new(&mut with_custom);
    bits.number(0b0_1100, 5);
    bits.number(0b11, 2);
    bits.number(0b1011, 4);
    for element in [key, vec![0x40 | 63, 0, 9], with_custom] {
        let before = parse(&element, Some(&structure)).unwrap();
        for active in [None, Some(0b01)] {
            let mut written = vec![0xee];
            rewrite(&mut written, &element, before.layout, 0xabcd, active);
            let after = parse(&written[1..], Some(&structure)).unwrap();
            assert_eq!(after.number, 0xabcd);
            assert_eq!(after.active, active.or(before.active));
            let same = Descriptor { number: before.number, active: before.active, layout: before.layout, ..after };
            assert_eq!(same, before);
        }
    }
}

#[test]
fn what_exceeds_the_bounds_is_refused() {
    let mut endless = vec![0x80, 0, 1];
    let mut bits = BitWriter::new(&mut endless);
    bits.number(0b1_0000, 5);
    bits.number(0, 11);
    for _ in 0..MAX_TEMPLATES + 1 {
        bits.number(0, 2);
    }
    endless.resize(200, 0);
    assert_eq!(parse(&endless, None), None, "more templates than ids");
    let mut deep = l2t1();
    deep.templates = vec![(2, "S", vec![], vec![]); 6];
    deep.targets = 1;
    deep.templates[5].0 = 3;
    assert_eq!(parse(&key_frame(&deep, 1), None), None, "more layers than there are");
    let mut many = l2t1();
    many.templates[1].2 = vec![1; MAX_REFERENCES + 1];
    assert_eq!(parse(&key_frame(&many, 1), None), None, "more references than a frame has");
    assert_eq!(parse(&[0; 300], None), None);
}

#[test]
fn a_structure_cut_anywhere_is_refused() {
    let element = key_frame(&l2t1(), 7);
    for length in 0..element.len() {
        assert_eq!(parse(&element[..length], None), None, "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_panics_and_what_is_read_survives_rewriting(
        mut element in prop::collection::vec(any::<u8>(), 0..120),
        follow_up in prop::collection::vec(any::<u8>(), 0..20),
        number in any::<u16>(),
        mask in any::<u32>(),
    ) {
        if element.len() > 3 {
            // Structures are rarer than they should be.
            element[3] |= 0x80;
        }
        let known = parse(&element, None);
        let known = known.as_ref().map(|descriptor| &descriptor.structure);
        for bytes in [&element, &follow_up] {
            let Some(before) = parse(bytes, known) else { continue };
            let mask = mask & before.structure.all();
            let mut written = Vec::new();
            rewrite(&mut written, bytes, before.layout, number, Some(mask));
            prop_assert!(written.len() <= bytes.len() + 6);
            if written.len() <= MAX_BYTES {
                let after = parse(&written, known);
                prop_assert!(after.is_some());
                if let Some(after) = after {
                    prop_assert_eq!((after.number, after.active), (number, Some(mask)));
                    prop_assert_eq!(after.indications, before.indications);
                    prop_assert_eq!(after.references, before.references);
                    prop_assert_eq!(after.structure, before.structure);
                }
            }
        }
    }
}
