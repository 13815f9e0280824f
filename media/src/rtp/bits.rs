//! Bits of a byte string, most significant first: what the AV1 dependency descriptor and H.264 parameter sets are made of.

/// Reads bits in order; every read past the end is `None`, and stays so.
#[derive(Clone, Copy, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bits read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    pub fn flag(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit != 0)
    }

    /// An unsigned number of `count` bits, at most 32.
    pub fn number(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// `ns(count)` of the AV1 RTP specification, appendix A.8.2: a number below `count`, in as few bits as that takes.
    pub fn non_symmetric(&mut self, count: u32) -> Option<u32> {
        let width = u32::BITS - count.leading_zeros();
        let short = (1u32.checked_shl(width)?).wrapping_sub(count);
        let value = self.number(width.checked_sub(1)?)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + u32::from(self.flag()?))
    }

    /// `ue(v)` of H.264 section 9.1: an Exp-Golomb code. `None` also for more than 31 leading zeros, which no field has.
    pub fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(((1u64 << zeros) - 1) as u32 + self.number(zeros)?)
    }

    /// `se(v)`: the same, signed.
    pub fn signed_exp_golomb(&mut self) -> Option<i32> {
        let code = i64::from(self.exp_golomb()?);
        let magnitude = (code + 1) / 2;
        i32::try_from(if code % 2 == 0 { -magnitude } else { magnitude }).ok()
    }
}

/// Appends bits to bytes; the last byte is filled up with zeros.
#[derive(Debug)]
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits of the last byte that are taken; 0: it is full, or there is none.
    used: u32,
}

impl<'a> BitWriter<'a> {
    /// Continues behind the bytes that are there.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, used: 0 }
    }

    /// Writes the low `count` bits of a number, at most 32.
    pub fn number(&mut self, value: u32, count: u32) {
        for bit in (0..count.min(32)).rev() {
            if self.used == 0 {
                self.out.push(0);
            }
            if let Some(last) = self.out.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// `ns(count)`, see [`BitReader::non_symmetric`].
    pub fn non_symmetric(&mut self, value: u32, count: u32) {
        let width = u32::BITS - count.leading_zeros();
        let short = (1u32 << width.min(31)).wrapping_sub(count);
        if value < short {
            self.number(value, width.saturating_sub(1));
        } else {
            self.number(value + short, width);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_read_across_bytes_and_never_past_the_end() {
        let mut bits = BitReader::new(&[0b1010_0101, 0b1100_0000]);
        assert_eq!((bits.number(3), bits.number(7), bits.position()), (Some(5), Some(0b001_0111), 10));
        assert_eq!((bits.number(7), bits.number(32)), (None, None));
    }

    #[test]
    fn non_symmetric_numbers_are_those_of_the_specification() {
        // The table of appendix A.8.2 for n = 5.
        for (value, code, width) in [(0, 0b00, 2), (1, 0b01, 2), (2, 0b10, 2), (3, 0b110, 3), (4, 0b111, 3)] {
            let mut written = Vec::new();
            let mut writer = BitWriter::new(&mut written);
            writer.non_symmetric(value, 5);
            assert_eq!(written, [(code << (8 - width)) as u8]);
            let mut bits = BitReader::new(&written);
            assert_eq!((bits.non_symmetric(5), bits.position()), (Some(value), width));
        }
        assert_eq!(BitReader::new(&[]).non_symmetric(1), Some(0), "one value needs no bit");
    }

    #[test]
    fn exp_golomb_codes_are_those_of_h264_table_9_2() {
        let codes: [(u8, usize, u32, i32); 5] =
            [(0b1, 1, 0, 0), (0b010, 3, 1, 1), (0b011, 3, 2, -1), (0b00100, 5, 3, 2), (0b00101, 5, 4, -2)];
        for (code, width, unsigned, signed) in codes {
            let byte = [code << (8 - width)];
            assert_eq!(BitReader::new(&byte).exp_golomb(), Some(unsigned));
            assert_eq!(BitReader::new(&byte).signed_exp_golomb(), Some(signed));
        }
        assert_eq!(BitReader::new(&[0; 16]).exp_golomb(), None);
    }
}
