//! The first ClientHello of a client, put together from its fragments, to learn which SRTP profiles it lists. Browsers
//! with post-quantum key shares send it in two datagrams.

/// Largest ClientHello put together, and most datagrams held for it.
const BYTES: usize = 8 * 1024;
const DATAGRAMS: usize = 8;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const USE_SRTP: usize = 14;

/// What is known so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Hello {
    /// Fragments are missing.
    Incomplete,
    /// The SRTP profiles listed (RFC 5764 section 4.1.1), none for a client without the extension.
    Profiles(Vec<u16>),
    /// Not a ClientHello, or too large: the DTLS layer must cope without a hint.
    Unreadable,
}

/// Fragments and the datagrams they came in.
#[derive(Debug, Default)]
pub struct HelloCollector {
    datagrams: Vec<Vec<u8>>,
    message: Vec<u8>,
    covered: Vec<bool>,
}

impl HelloCollector {
    /// Takes a datagram, to be given back by [`HelloCollector::into_datagrams`].
    pub fn push(&mut self, datagram: &[u8]) -> Hello {
        if self.datagrams.len() >= DATAGRAMS {
            return Hello::Unreadable;
        }
        self.datagrams.push(datagram.to_vec());
        match self.collect(datagram) {
            None => Hello::Unreadable,
            Some(()) if self.covered.is_empty() || self.covered.contains(&false) => Hello::Incomplete,
            Some(()) => profiles(&self.message).map_or(Hello::Unreadable, Hello::Profiles),
        }
    }

    /// Everything taken, for the DTLS layer.
    pub fn into_datagrams(self) -> Vec<Vec<u8>> {
        self.datagrams
    }

    fn collect(&mut self, datagram: &[u8]) -> Option<()> {
        let rest = &mut &datagram[..];
        while !rest.is_empty() {
            let record = take(rest, 11)?;
            let length = number(rest, 2)?;
            let body = &mut take(rest, length)?;
            if record[0] != HANDSHAKE {
                return None;
            }
            while !body.is_empty() {
                let kind = take(body, 1)?[0];
                let total = number(body, 3)?;
                take(body, 2)?;
                let offset = number(body, 3)?;
                let length = number(body, 3)?;
                let fragment = take(body, length)?;
                let fits = total <= BYTES && offset + length <= total;
                if kind != CLIENT_HELLO || !fits || !(self.message.is_empty() || self.message.len() == total) {
                    return None;
                }
                self.message.resize(total, 0);
                self.covered.resize(total, false);
                self.message[offset..offset + length].copy_from_slice(fragment);
                self.covered[offset..offset + length].fill(true);
            }
        }
        Some(())
    }
}

/// The use_srtp extension of a whole ClientHello.
fn profiles(message: &[u8]) -> Option<Vec<u16>> {
    let rest = &mut &message[..];
    take(rest, 2 + 32)?;
    for length_bytes in [1, 1, 2, 1] {
        // Session id, cookie, cipher suites, compression methods.
        let length = number(rest, length_bytes)?;
        take(rest, length)?;
    }
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let length = number(rest, 2)?;
    let rest = &mut take(rest, length)?;
    while !rest.is_empty() {
        let kind = number(rest, 2)?;
        let length = number(rest, 2)?;
        let body = &mut take(rest, length)?;
        if kind == USE_SRTP {
            let length = number(body, 2)?;
            let listed = take(body, length)?;
            return Some(listed.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect());
        }
    }
    Some(Vec::new())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn number(rest: &mut &[u8], bytes: usize) -> Option<usize> {
    Some(take(rest, bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let mut message = vec![254, 253];
        message.extend_from_slice(&[7; 32]);
        message.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        // A padding extension, then use_srtp with two profiles and no MKI.
        message.extend_from_slice(&[0, 4 + 3 + 4 + 7, 0, 21, 0, 3, 0, 0, 0, 0, 14, 0, 7, 0, 4, 0, 1, 0, 7, 0]);
        message
    }

    fn fragment(message: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
        let number = |number: usize| [(number >> 16) as u8, (number >> 8) as u8, number as u8];
        let mut body = vec![1];
        body.extend_from_slice(&number(message.len()));
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&number(range.start));
        body.extend_from_slice(&number(range.len()));
        body.extend_from_slice(&message[range]);
        let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend_from_slice(&(body.len() as u16).to_be_bytes());
        record.extend_from_slice(&body);
        record
    }

    #[test]
    fn the_profiles_are_found_whole_or_in_fragments_of_any_order() {
        let message = message();
        let whole = fragment(&message, 0..message.len());
        assert_eq!(HelloCollector::default().push(&whole), Hello::Profiles(vec![1, 7]));

        let mut collector = HelloCollector::default();
        assert_eq!(collector.push(&fragment(&message, 20..message.len())), Hello::Incomplete);
        assert_eq!(collector.push(&fragment(&message, 20..message.len())), Hello::Incomplete, "a repeat");
        assert_eq!(collector.push(&fragment(&message, 0..20)), Hello::Profiles(vec![1, 7]));
        assert_eq!(collector.into_datagrams().len(), 3);
    }

    #[test]
    fn what_is_no_client_hello_or_never_ends_is_given_up() {
        let message = message();
        assert_eq!(HelloCollector::default().push(&[20; 40]), Hello::Unreadable);
        assert_eq!(HelloCollector::default().push(&[]), Hello::Incomplete);
        let mut collector = HelloCollector::default();
        for _ in 0..DATAGRAMS {
            assert_eq!(collector.push(&fragment(&message, 0..20)), Hello::Incomplete);
        }
        assert_eq!(collector.push(&fragment(&message, 20..message.len())), Hello::Unreadable);
    }
}
