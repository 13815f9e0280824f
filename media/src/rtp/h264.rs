//! H.264 payloads (RFC 6184): whether a packet starts a key frame, whether its frame is referred to, and the picture size
//! of a sequence parameter set (H.264 section 7.3.2.1.1).

use super::bits::BitReader;

const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// Units looked at in one aggregate.
const MAX_UNITS: usize = 16;
/// Bytes of a parameter set that are looked at: up to the size there are at most 64 values, without scaling lists.
const MAX_SPS: usize = 256;

/// What the hub needs of an H.264 packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// It carries an SPS: a decoder can start here.
    pub starts_key_frame: bool,
    /// No frame refers to it (`nal_ref_idc` 0 throughout).
    pub is_discardable: bool,
    /// Width and height in its SPS.
    pub size: Option<(u16, u16)>,
}

/// Looks at a payload. `None`: it has no NAL unit.
pub fn parse(payload: &[u8]) -> Option<Units> {
    let first = *payload.first()?;
    let mut found = Units { is_discardable: first & 0x60 == 0, ..Units::default() };
    match first & 0x1f {
        SPS => found.take_sps(payload),
        STAP_A => {
            let mut rest = payload.get(1..)?;
            for _ in 0..MAX_UNITS {
                let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
                let Some((unit, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
                    break;
                };
                if unit.first().is_some_and(|byte| byte & 0x1f == SPS) {
                    found.take_sps(unit);
                }
                rest = after;
            }
        }
        FU_A if payload.get(1).is_some_and(|byte| byte & 0x80 != 0 && byte & 0x1f == SPS) => {
            // The set begins in this fragment, mostly with all that is read of it; its header is made of both (section 5.8).
            found.take_sps(payload.get(1..)?);
        }
        _ => {}
    }
    Some(found)
}

impl Units {
    fn take_sps(&mut self, unit: &[u8]) {
        self.starts_key_frame = true;
        self.size = self.size.or(picture_size(unit));
    }
}

/// Width and height, cropped, of a sequence parameter set with its NAL header. `None`: malformed, or larger than 16 bits.
pub fn picture_size(unit: &[u8]) -> Option<(u16, u16)> {
    // Without the emulation prevention bytes (section 7.3.1).
    let mut clean = [0u8; MAX_SPS];
    let mut length = 0;
    let mut zeros = 0;
    for byte in unit.get(1..)?.iter().take(MAX_SPS) {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        clean[length] = *byte;
        length += 1;
    }
    let mut bits = BitReader::new(clean.get(..length)?);
    let profile = bits.number(8)?;
    bits.number(16)?;
    bits.exp_golomb()?;
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = bits.exp_golomb()?;
        if chroma == 3 {
            bits.flag()?;
        }
        bits.exp_golomb()?;
        bits.exp_golomb()?;
        bits.flag()?;
        if bits.flag()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.exp_golomb()?;
    match bits.exp_golomb()? {
        0 => {
            bits.exp_golomb()?;
        }
        1 => {
            bits.flag()?;
            bits.signed_exp_golomb()?;
            bits.signed_exp_golomb()?;
            // num_ref_frames_in_pic_order_cnt_cycle is at most 255.
            for _ in 0..bits.exp_golomb().filter(|count| *count <= 255)? {
                bits.signed_exp_golomb()?;
            }
        }
        _ => {}
    }
    bits.exp_golomb()?;
    bits.flag()?;
    let width = u64::from(bits.exp_golomb()?) + 1;
    let height = u64::from(bits.exp_golomb()?) + 1;
    let is_frame_only = bits.flag()?;
    if !is_frame_only {
        bits.flag()?;
    }
    bits.flag()?;
    // In units of chroma samples, and of two lines for fields (equations 7-18 to 7-21).
    let fields = if is_frame_only { 1 } else { 2 };
    let (unit_x, unit_y) = match chroma {
        1 => (2, 2 * fields),
        2 => (2, fields),
        _ => (1, fields),
    };
    let mut crop = [0u64; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = u64::from(bits.exp_golomb()?);
        }
    }
    let [left, right, top, bottom] = crop;
    let width = (width * 16).checked_sub((left + right) * unit_x)?;
    let height = (height * 16 * fields).checked_sub((top + bottom) * unit_y)?;
    let size = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    (size.0 > 0 && size.1 > 0).then_some(size)
}

fn skip_scaling_list(bits: &mut BitReader<'_>, count: usize) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..count {
        if next != 0 {
            next = last.wrapping_add(bits.signed_exp_golomb()?) & 0xff;
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn starts_key_frame(payload: &[u8]) -> bool {
        parse(payload).is_some_and(|units| units.starts_key_frame)
    }

    #[test]
    fn an_sps_alone_or_in_an_aggregate_starts_a_key_frame() {
        assert!(starts_key_frame(&[0x67, 0x42]));
        assert!(starts_key_frame(&[0x78, 0, 2, 0x68, 0xce, 0, 2, 0x67, 0x42]));
        assert!(!starts_key_frame(&[0x78, 0, 2, 0x68, 0xce]));
        assert!(!starts_key_frame(&[0x78, 0, 9, 0x67]));
        assert!(!starts_key_frame(&[0x7c, 0x85, 0]));
        assert!(!starts_key_frame(&[0x41]));
        assert!(!starts_key_frame(&[]));
    }

    #[test]
    fn a_frame_that_nobody_refers_to_is_discardable() {
        assert!(parse(&[0x01, 9]).unwrap().is_discardable);
        assert!(parse(&[0x1c, 0x81, 9]).unwrap().is_discardable);
        assert!(!parse(&[0x41, 9]).unwrap().is_discardable);
    }

    #[test]
    fn the_picture_size_is_in_the_sps() {
        // Constrained baseline, level 3.1: 40 x 23 macroblocks, 8 lines cropped.
        let baseline = sps(66, &[], 40, 23, Some(4));
        assert_eq!(picture_size(&baseline), Some((640, 360)));
        // High profile with its extra fields.
        let high = sps(100, &[1, 0, 0], 80, 45, None);
        assert_eq!(picture_size(&high), Some((1280, 720)));
        let mut aggregate = vec![0x78, 0, baseline.len() as u8];
        aggregate.extend_from_slice(&baseline);
        assert_eq!(parse(&aggregate).unwrap().size, Some((640, 360)));
        for length in 0..baseline.len() - 2 {
            assert_eq!(picture_size(&baseline[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_set_that_begins_in_a_fragment_is_read_too() {
        let set = sps(66, &[], 40, 23, Some(4));
        let fragment = [&[0x7c, 0x87][..], &set[1..]].concat();
        let units = parse(&fragment).unwrap();
        assert_eq!((units.starts_key_frame, units.size), (true, Some((640, 360))));
        let second = [&[0x7c, 0x47][..], &set[1..]].concat();
        assert_eq!(parse(&second).unwrap(), Units::default(), "not the start of it");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_size_that_can_be_written_is_read(
            high in any::<bool>(),
            width in 1u32..=4095,
            height in 1u32..=4095,
            crop in prop::option::of(0u32..40),
        ) {
            let unit = sps(if high { 100 } else { 66 }, if high { &[1, 0, 0] } else { &[] }, width, height, crop);
            let lines = (height * 16).checked_sub(2 * crop.unwrap_or_default()).filter(|lines| *lines > 0);
            let size = lines.map(|lines| (width as u16 * 16, lines as u16));
            prop_assert_eq!(picture_size(&prevent(&unit)), size);
        }

        #[test]
        fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), profile in 0usize..5) {
            let mut unit = vec![0x67, [66, 77, 100, 244, 118][profile]];
            unit.extend_from_slice(&bytes);
            let size = picture_size(&unit);
            prop_assert!(size.is_none_or(|(width, height)| width > 0 && height > 0));
            prop_assert_eq!(parse(&unit).unwrap().size, size);
            // What is not looked at changes nothing.
            unit.extend_from_slice(&[0xff; 300]);
            if bytes.len() >= MAX_SPS {
                prop_assert_eq!(picture_size(&unit), size);
            }
        }
    }

    /// Emulation prevention bytes (section 7.4.1.1).
    fn prevent(unit: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut zeros = 0;
        for byte in unit {
            if zeros >= 2 && *byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            out.push(*byte);
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
        }
        out
    }

    /// Writes a parameter set by the syntax table of section 7.3.2.1.1, field by field.
    fn sps(profile: u32, high: &[u32], width: u32, height: u32, crop_bottom: Option<u32>) -> Vec<u8> {
        use crate::rtp::bits::BitWriter;
        let mut unit = vec![0x67];
        let mut bits = BitWriter::new(&mut unit);
        let golomb = |bits: &mut BitWriter<'_>, value: u32| {
            let width = u32::BITS - (value + 1).leading_zeros();
            bits.number(value + 1, 2 * width - 1);
        };
        bits.number(profile, 8);
        bits.number(0xe01f, 16);
        golomb(&mut bits, 0);
        if !high.is_empty() {
            for value in high {
                golomb(&mut bits, *value);
            }
            bits.number(0, 2);
        }
        golomb(&mut bits, 0); // log2_max_frame_num
        golomb(&mut bits, 2); // pic_order_cnt_type
        golomb(&mut bits, 1); // max_num_ref_frames
        bits.number(0, 1);
        golomb(&mut bits, width - 1);
        golomb(&mut bits, height - 1);
        bits.number(0b11, 2); // frame_mbs_only, direct_8x8
        match crop_bottom {
            Some(bottom) => {
                bits.number(1, 1);
                for side in [0, 0, 0, bottom] {
                    golomb(&mut bits, side);
                }
            }
            None => bits.number(0, 1),
        }
        bits.number(0b01, 2); // no VUI, stop bit
        bits.number(0, 8);
        unit
    }
}
