//! Streams made of pictures, and what of them passes.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::negotiate::Codec;
use crate::rtp::bits::BitWriter;
use crate::rtp::dependency;
use crate::rtp::extension::Extensions;
use crate::rtp::frame::{PayloadIds, Tracker};

fn vp9(timestamp: u32, spatial: u8, temporal: u8, top: u8) -> CachedPacket {
    let mut packet = CachedPacket { timestamp, marker: spatial == top, ..CachedPacket::new(Codec::Vp9) };
    packet.info =
        FrameInfo { starts_frame: true, ends_frame: true, has_layers: true, spatial, temporal, ..FrameInfo::default() };
    packet.info.ids = PayloadIds::None;
    packet
}

/// A key picture of three layers, then pictures of the temporal pattern 0 2 1 2; every layer one packet.
/// `k_svc`: spatial layers refer to each other on key pictures only.
fn picture(number: u32, is_key: bool, k_svc: bool) -> Vec<CachedPacket> {
    let temporal = if is_key { 0 } else { [0, 2, 1, 2][number as usize % 4] };
    (0..3)
        .map(|spatial| {
            let mut packet = vp9(number * 3000, spatial, temporal, 2);
            packet.info.starts_key_frame = is_key && spatial == 0;
            packet.info.unused_above = !is_key && k_svc || spatial == 2;
            packet.info.switch_up = if temporal == 0 { SwitchUp::After } else { SwitchUp::No };
            packet.info.heights = (is_key && spatial == 0).then_some((3, [180, 360, 720, 0]));
            packet
        })
        .collect()
}

/// What passes of a picture, as `spatial:marker`.
fn passed(selector: &mut Selector, packets: &[CachedPacket]) -> String {
    let mut found = Vec::new();
    for packet in packets {
        if let Some(selected) = selector.select(packet) {
            found.push(format!("{}{}", packet.info.spatial, if selected.marker { "!" } else { "" }));
        }
    }
    found.join(" ")
}

#[test]
fn the_marker_stands_on_the_last_layer_that_passes() {
    let mut selector = Selector::default();
    assert_eq!(passed(&mut selector, &picture(0, true, false)), "0 1 2!");
    selector.wanted.spatial = 1;
    assert_eq!(passed(&mut selector, &picture(1, false, false)), "0 1!");
    assert!(!selector.awaits_key_frame());
    selector.wanted.spatial = 2;
    assert_eq!(passed(&mut selector, &picture(2, false, false)), "0 1!", "up with a key frame only");
    assert!(selector.awaits_key_frame());
    assert_eq!(passed(&mut selector, &picture(4, true, false)), "0 1 2!");
    assert!(!selector.awaits_key_frame());
    selector.wanted.spatial = 7;
    assert!(!selector.awaits_key_frame(), "there are no more");
}

#[test]
fn what_upper_layers_do_without_is_left_out_and_then_missing_for_the_way_down() {
    let mut selector = Selector::default();
    assert_eq!(passed(&mut selector, &picture(0, true, true)), "0 1 2!");
    assert_eq!(passed(&mut selector, &picture(1, false, true)), "2!");
    selector.wanted.spatial = 0;
    assert_eq!(passed(&mut selector, &picture(2, false, true)), "2!");
    assert!(selector.awaits_key_frame());
    assert_eq!(passed(&mut selector, &picture(3, true, true)), "0!");
    assert_eq!(passed(&mut selector, &picture(5, false, true)), "0!");
    assert!(!selector.awaits_key_frame());
}

#[test]
fn temporal_layers_fall_at_once_and_rise_where_the_stream_allows() {
    let mut selector = Selector::default();
    passed(&mut selector, &picture(0, true, false));
    selector.wanted.temporal = 0;
    let flows = |selector: &mut Selector, numbers: std::ops::Range<u32>| -> String {
        numbers.map(|n| if passed(selector, &picture(n, false, false)).is_empty() { '-' } else { 'x' }).collect()
    };
    assert_eq!(flows(&mut selector, 1..10), "---x---x-");
    selector.wanted.temporal = 2;
    assert_eq!(flows(&mut selector, 10..17), "--xxxxx", "after the base layer's next picture");
    selector.wanted.temporal = 1;
    assert_eq!(flows(&mut selector, 17..25), "-x-x-x-x");
}

#[test]
fn a_vp8_stream_rises_by_one_layer_at_a_frame_that_refers_to_the_base_only() {
    let mut selector = Selector::default();
    let flows = |selector: &mut Selector, number: u32, is_sync: bool| {
        let mut packet = vp9(number * 3000, 0, [0, 2, 1, 2][number as usize % 4], 0);
        packet.info.starts_key_frame = number == 0;
        packet.info.switch_up = if is_sync { SwitchUp::Here } else { SwitchUp::No };
        selector.select(&packet).is_some()
    };
    assert!(flows(&mut selector, 0, true));
    selector.wanted.temporal = 0;
    assert!(!flows(&mut selector, 1, true) && !flows(&mut selector, 2, true) && flows(&mut selector, 4, false));
    selector.wanted.temporal = 2;
    assert!(!flows(&mut selector, 5, true), "two layers at once");
    assert!(!flows(&mut selector, 6, false), "not here");
    assert!(flows(&mut selector, 10, true));
    assert!(flows(&mut selector, 11, true));
    assert!(flows(&mut selector, 13, false) && flows(&mut selector, 14, false));
}

#[test]
fn an_upper_layer_that_is_no_longer_sent_is_not_waited_for() {
    let mut selector = Selector::default();
    passed(&mut selector, &picture(0, true, true));
    let short = |number: u32, is_key: bool| {
        let mut packets = picture(number, is_key, true);
        packets.pop();
        packets[1].marker = true;
        packets
    };
    for number in 1..4 {
        assert_eq!(passed(&mut selector, &short(number, false)), if number < 3 { "" } else { "1!" });
    }
    assert!(selector.awaits_key_frame(), "its references are missing");
    assert_eq!(passed(&mut selector, &short(4, true)), "0 1!");
    assert!(!selector.awaits_key_frame());
    assert_eq!(passed(&mut selector, &short(5, false)), "1!", "the highest there is");
}

/// Decode targets of L2T2_KEY: spatial 0 with temporal 0 and 1, then spatial 1 likewise; spatial layers refer to each
/// other on key pictures only.
struct Described {
    tracker: Tracker,
    number: u16,
    /// Frame numbers of the last base frame of each spatial layer.
    last: [u16; 2],
}

impl Described {
    fn new() -> Self {
        Self { tracker: Tracker::default(), number: 100, last: [0; 2] }
    }

    fn structure(bits: &mut BitWriter<'_>) {
        bits.number(0, 6);
        bits.number(3, 5);
        // Templates: key, base, upper frame of layer 0; the same of layer 1.
        for next in [0, 1, 2, 0, 1, 3] {
            bits.number(next, 2);
        }
        for row in ["SSSS", "SS--", "-D--", "--SS", "--SS", "---D"] {
            row.chars().for_each(|letter| bits.number("-DSR".find(letter).unwrap() as u32, 2));
        }
        for back in [0, 4, 2, 1, 4, 2] {
            if back > 0 {
                bits.number(1, 1);
                bits.number(back - 1, 4);
            }
            bits.number(0, 1);
        }
        bits.non_symmetric(0, 5);
        bits.number(0, 1);
    }

    /// One picture of two layer frames, one packet each.
    fn picture(&mut self, is_key: bool, temporal: u8) -> Vec<CachedPacket> {
        (0..2u8)
            .map(|spatial| {
                self.number += 1;
                let template = spatial * 3 + if is_key { 0 } else { 1 + temporal };
                let mut element = vec![0xc0 | template];
                element.extend_from_slice(&self.number.to_be_bytes());
                let mut bits = BitWriter::new(&mut element);
                bits.number(if is_key && spatial == 0 { 0b1_0000 } else { 0b0_0010 }, 5);
                if is_key && spatial == 0 {
                    Self::structure(&mut bits);
                } else {
                    // Its own references: to layer 0 of the key picture, else to the last base frame of its layer.
                    let to = if is_key { self.number - 1 } else { self.last[usize::from(spatial)] };
                    bits.number(2, 2);
                    bits.number(u32::from(self.number - to - 1), 8);
                    bits.number(0, 2);
                }
                if temporal == 0 {
                    self.last[usize::from(spatial)] = self.number;
                }
                let extensions = Extensions { dependency: Some(&element), ..Extensions::default() };
                let mut packet = CachedPacket::new(Codec::Av1);
                packet.info = self.tracker.examine(Codec::Av1, &extensions, &[], true);
                packet.dependency = element;
                packet.marker = spatial == 1;
                assert!(packet.info.dependency.is_some());
                packet
            })
            .collect()
    }
}

#[test]
fn decode_targets_are_followed_and_told_to_the_receiver() {
    let mut stream = Described::new();
    let mut selector = Selector { wanted: Layers { spatial: 0, temporal: 0 }, ..Selector::default() };
    let key = stream.picture(true, 0);
    assert_eq!(passed(&mut selector, &key), "0!");
    let selected = selector.select(&key[0]).unwrap();
    assert_eq!(selected.active, 0b0001);
    let mut written = Vec::new();
    let layout = key[0].info.dependency.as_ref().unwrap().layout;
    dependency::rewrite(&mut written, &key[0].dependency, layout, 7, Some(selected.active));
    let read = dependency::parse(&written, None).unwrap();
    assert!(read.starts_key_frame());
    assert_eq!((read.number, read.active), (7, Some(1)));

    assert_eq!(passed(&mut selector, &stream.picture(false, 1)), "");
    selector.wanted.temporal = 1;
    assert_eq!(passed(&mut selector, &stream.picture(false, 1)), "", "no switch indication yet");
    assert!(!selector.awaits_key_frame(), "it comes by itself");
    assert_eq!(passed(&mut selector, &stream.picture(false, 0)), "0!");
    assert_eq!(passed(&mut selector, &stream.picture(false, 1)), "0!");

    selector.wanted.spatial = 1;
    assert_eq!(passed(&mut selector, &stream.picture(false, 0)), "0!", "the upper layer's references are missing");
    assert!(selector.awaits_key_frame());
    assert_eq!(passed(&mut selector, &stream.picture(true, 0)), "0 1!");
    assert_eq!(passed(&mut selector, &stream.picture(false, 0)), "1!", "of the lower layer nothing is needed");
    selector.wanted.spatial = 0;
    assert_eq!(passed(&mut selector, &stream.picture(false, 0)), "1!");
    assert!(selector.awaits_key_frame());
}

#[test]
fn a_packet_whose_structure_never_came_does_not_pass() {
    let mut stream = Described::new();
    let mut selector = Selector::default();
    passed(&mut selector, &stream.picture(true, 0));
    let unknown = CachedPacket::new(Codec::Av1);
    assert_eq!(selector.select(&unknown), None);
    selector.restart();
    assert!(selector.select(&unknown).is_some(), "a stream without descriptors passes whole");
}

#[test]
fn forwarded_numbers_are_known_for_256_frames_across_the_wrap() {
    let mut numbers = Numbers::default();
    for number in [65_500u16, 65_534, 3, 2] {
        numbers.insert(number);
    }
    assert!([65_500, 65_534, 2, 3].iter().all(|number| numbers.contains(*number)));
    assert!([65_501, 65_535, 1, 4].iter().all(|number| !numbers.contains(*number)));
    numbers.insert(300);
    assert!(numbers.contains(300) && !numbers.contains(3) && !numbers.contains(65_534));
    numbers.insert(3000);
    assert!(numbers.contains(3000) && !numbers.contains(300));
    numbers.insert(3);
    assert!(!numbers.contains(3), "too old");
}
