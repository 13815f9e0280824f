//! H.264 payloads (RFC 6184): whether a packet starts a key frame.

/// Whether a decoder can start at this packet: it carries an SPS, or the first piece of an IDR picture.
pub fn starts_key_frame(payload: &[u8]) -> bool {
    const SPS: u8 = 7;
    let Some(&first) = payload.first() else { return false };
    match first & 0x1f {
        SPS => true,
        24 => {
            let mut rest = &payload[1..];
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                let Some((unit, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
                    return false;
                };
                if unit.first().is_some_and(|byte| byte & 0x1f == SPS) {
                    return true;
                }
                rest = after;
            }
            false
        }
        28 => payload.get(1).is_some_and(|byte| byte & 0x80 != 0 && byte & 0x1f == SPS),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
