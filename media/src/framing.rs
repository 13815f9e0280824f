//! Datagrams on a byte stream, each with its length in two octets before it (RFC 4571), as ICE over TCP wants it
//! (RFC 6544 section 3).

/// Longest datagram taken from a stream: what fits into an Ethernet frame, with room to spare, as over UDP.
pub const MAX_DATAGRAM: usize = 2048;
const HEAD: usize = 2;

/// The stream announces a datagram that no peer of ours sends: it cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a datagram of {length} bytes on a stream")]
pub struct TooLong {
    pub length: usize,
}

/// Appends a datagram to what is to be written to a stream. Longer than 65,535 bytes it would be none: it is left out.
pub fn frame(out: &mut Vec<u8>, datagram: &[u8]) {
    if let Ok(length) = u16::try_from(datagram.len()) {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(datagram);
    }
}

/// Cuts a stream into datagrams.
#[derive(Debug, Default)]
pub struct Deframer {
    /// The beginning of a datagram with its length; never more than one. Freed when it is whole, so that an idle
    /// connection costs nothing.
    partial: Vec<u8>,
}

impl Deframer {
    /// Takes what has been read; `each` gets every datagram that is whole now, in order. Empty ones are skipped.
    ///
    /// # Errors
    /// [`TooLong`]: close the stream.
    pub fn push(&mut self, mut bytes: &mut [u8], mut each: impl FnMut(&mut [u8])) -> Result<(), TooLong> {
        if !self.partial.is_empty() {
            bytes = self.fill(bytes, HEAD);
            if self.partial.len() < HEAD {
                return Ok(());
            }
            let length = announced(&self.partial)?;
            bytes = self.fill(bytes, HEAD + length);
            if self.partial.len() < HEAD + length {
                return Ok(());
            }
            let mut whole = std::mem::take(&mut self.partial);
            if length > 0 {
                each(&mut whole[HEAD..]);
            }
        }
        while bytes.len() >= HEAD {
            let length = announced(bytes)?;
            if bytes.len() < HEAD + length {
                break;
            }
            let (whole, rest) = bytes.split_at_mut(HEAD + length);
            if length > 0 {
                each(&mut whole[HEAD..]);
            }
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// Fills `partial` up to `wanted` bytes; gives what is left.
    fn fill<'b>(&mut self, bytes: &'b mut [u8], wanted: usize) -> &'b mut [u8] {
        let (taken, rest) = bytes.split_at_mut(wanted.saturating_sub(self.partial.len()).min(bytes.len()));
        self.partial.extend_from_slice(taken);
        rest
    }
}

/// The length before a datagram. The caller has looked that it is there.
fn announced(bytes: &[u8]) -> Result<usize, TooLong> {
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    if length > MAX_DATAGRAM { Err(TooLong { length }) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(stream: &[u8], pieces: &[usize]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut deframer = Deframer::default();
        let mut found = Vec::new();
        let mut rest = stream;
        for piece in pieces.iter().copied().chain(std::iter::once(usize::MAX)) {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            deframer.push(&mut now.to_vec(), |datagram| found.push(datagram.to_vec()))?;
            assert!(deframer.partial.len() < HEAD + MAX_DATAGRAM, "what is kept has a bound");
            rest = later;
        }
        Ok(found)
    }

    #[test]
    fn a_length_that_no_peer_sends_ends_the_stream() {
        assert_eq!(cut(&[0x08, 0x00], &[]), Ok(vec![]), "2048: it may come");
        assert_eq!(cut(&[0x08, 0x01], &[1]), Err(TooLong { length: 2049 }));
        assert_eq!(cut(b"GET / HTTP/1.1\r\n\r\n", &[]), Err(TooLong { length: 0x4745 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn datagrams_come_out_as_they_went_in_however_the_stream_is_cut(
            datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            pieces in prop::collection::vec(0..200_usize, 0..40),
        ) {
            let mut stream = Vec::new();
            for datagram in &datagrams {
                frame(&mut stream, datagram);
            }
            let sent: Vec<_> = datagrams.into_iter().filter(|datagram| !datagram.is_empty()).collect();
            prop_assert_eq!(cut(&stream, &pieces), Ok(sent));
        }

        #[test]
        fn no_stream_makes_it_panic_or_keep_more_than_a_datagram(
            stream in prop::collection::vec(any::<u8>(), 0..5000),
            pieces in prop::collection::vec(0..2000_usize, 0..10),
        ) {
            let _ = cut(&stream, &pieces);
        }
    }
}
