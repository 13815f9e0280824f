//! Reads transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1): when the receiver got
//! each packet. In place and without allocation: it comes ten to twenty times a second from every receiver.

/// Statuses of one feedback. The sender's history is shorter, so more of them could mean nothing; a run-length chunk
/// promises 8191 in two bytes, and must not cost that much work.
const MAX_STATUSES: u16 = 4096;
/// Ticks of 250 us in one unit of the reference time, 64 ms.
const REFERENCE_TICKS: i64 = 256;
/// Where the chunks begin: header, two SSRCs, base, count, reference time, counter.
const CHUNKS: usize = 20;

/// One feedback, checked to hold all that it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    base: u16,
    count: u16,
    reference: i64,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> Feedback<'a> {
    /// Reads an RTCP packet of payload type 205 and format 15. `None`: cut short, or not to be understood.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let fixed: &[u8; CHUNKS] = packet.first_chunk()?;
        let count = u16::from_be_bytes([fixed[14], fixed[15]]);
        if count > MAX_STATUSES {
            return None;
        }
        let body = &packet[CHUNKS..];
        let (mut covered, mut length, mut bytes) = (0, 0, 0);
        while covered < count {
            let chunk = chunk(body, length)?;
            length += 2;
            for place in 0..chunk.len().min(count - covered) {
                bytes += match chunk.symbol(place) {
                    0 => 0,
                    1 => 1,
                    2 => 2,
                    // Reserved: how long its delta is, nobody knows.
                    _ => return None,
                };
            }
            covered += chunk.len().min(count - covered);
        }
        let deltas = body.get(length..length + bytes)?;
        // 24 bits, signed.
        let reference = i64::from(i32::from_be_bytes([fixed[16], fixed[17], fixed[18], 0]) >> 8);
        let base = u16::from_be_bytes([fixed[12], fixed[13]]);
        Some(Self { base, count, reference: reference * REFERENCE_TICKS, chunks: &body[..length], deltas })
    }

    /// Each sequence number with its arrival in microseconds of the receiver's clock; `None`: it has not arrived.
    pub fn statuses(self) -> Statuses<'a> {
        Statuses { feedback: self, done: 0, chunk: None, place: 0, ticks: self.reference }
    }
}

/// Iterator over a feedback.
#[derive(Clone, Debug)]
pub struct Statuses<'a> {
    feedback: Feedback<'a>,
    done: u16,
    chunk: Option<Chunk>,
    /// Next symbol within the chunk.
    place: u16,
    ticks: i64,
}

impl Iterator for Statuses<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.done >= self.feedback.count {
            return None;
        }
        let chunk = match self.chunk.filter(|chunk| self.place < chunk.len()) {
            Some(chunk) => chunk,
            None => {
                let next = chunk(self.feedback.chunks, 0)?;
                self.feedback.chunks = &self.feedback.chunks[2..];
                self.place = 0;
                *self.chunk.insert(next)
            }
        };
        let sequence = self.feedback.base.wrapping_add(self.done);
        let symbol = chunk.symbol(self.place);
        self.place += 1;
        self.done += 1;
        let (delta, rest) = match symbol {
            1 => {
                let (delta, rest) = self.feedback.deltas.split_first()?;
                (i64::from(*delta), rest)
            }
            2 => {
                let (delta, rest) = self.feedback.deltas.split_first_chunk()?;
                (i64::from(i16::from_be_bytes(*delta)), rest)
            }
            _ => return Some((sequence, None)),
        };
        self.feedback.deltas = rest;
        self.ticks += delta;
        Some((sequence, Some(self.ticks * 250)))
    }
}

/// A run of one symbol, 14 symbols of one bit, or 7 of two.
#[derive(Clone, Copy, Debug)]
struct Chunk(u16);

fn chunk(bytes: &[u8], at: usize) -> Option<Chunk> {
    bytes.get(at..)?.first_chunk().map(|word| Chunk(u16::from_be_bytes(*word)))
}

impl Chunk {
    fn len(self) -> u16 {
        match self.0 >> 14 {
            2 => 14,
            3 => 7,
            // A run of nothing would be read for ever.
            _ => (self.0 & 0x1fff).max(1),
        }
    }

    fn symbol(self, place: u16) -> u8 {
        match self.0 >> 14 {
            2 => (self.0 >> (13 - place) & 1) as u8,
            3 => (self.0 >> (12 - 2 * place) & 3) as u8,
            _ => (self.0 >> 13 & 3) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

    use super::*;
    use crate::transport::feedback::ArrivalLog;

    fn read(packet: &[u8]) -> Option<Vec<(u16, Option<i64>)>> {
        Some(Feedback::parse(packet)?.statuses().collect())
    }

    #[test]
    fn runs_and_both_vectors_are_read() {
        let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0, 20, 0, 0, 1, 7];
        // Two received with small deltas; 14 of one bit, of which the second arrived; 7 of two bits, 4 of them in the count.
        packet.extend_from_slice(&[0x20, 2, 0b1001_0000, 0, 0b1110_0100, 0]);
        packet.extend_from_slice(&[4, 8, 0, 0xff, 0xfc, 12]);
        let found = read(&packet).unwrap();
        assert_eq!(found.len(), 20);
        assert_eq!(found[0], (65_535, Some((256 + 4) * 250)));
        assert_eq!(found[1], (0, Some((256 + 12) * 250)));
        assert_eq!((found[2].1, found[3].1), (None, Some(268 * 250)));
        assert_eq!(found[4], (3, None));
        assert_eq!(&found[16..], [(15, Some(264 * 250)), (16, Some(276 * 250)), (17, None), (18, None)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_is_refused_or_read_to_its_end(
            body in prop::collection::vec(any::<u8>(), 0..80),
            count in 0u16..200,
        ) {
            let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0];
            packet.extend_from_slice(&count.to_be_bytes());
            packet.extend_from_slice(&body);
            if let Some(found) = read(&packet) {
                prop_assert_eq!(found.len(), usize::from(count));
            }
        }

        #[test]
        fn what_the_hub_itself_writes_is_read_back(
            arrivals in prop::collection::vec((0u16..400, 0u64..2000), 1..300),
            first in any::<u16>(),
        ) {
            // The origin of time; the core is told the time, and so are its tests.
            #[allow(clippy::disallowed_methods)]
            let start = Instant::now();
            let mut log = ArrivalLog::default();
            let mut newest = std::collections::BTreeMap::new();
            for (step, (offset, ms)) in arrivals.iter().enumerate() {
                let sequence = first.wrapping_add(if step == 0 { 0 } else { *offset });
                log.note(start + Duration::from_millis(*ms), sequence);
                newest.entry(sequence).or_insert(*ms);
            }
            let packet = log.take(1, 2).unwrap();
            let found = read(&packet).unwrap();
            let theirs = rtc::rtcp::packet::unmarshal(&mut &packet[..]).unwrap();
            let theirs = theirs[0].as_any().downcast_ref::<TransportLayerCc>().unwrap();
            prop_assert_eq!(found.len(), usize::from(theirs.packet_status_count));
            prop_assert_eq!(found.iter().filter(|(_, at)| at.is_some()).count(), theirs.recv_deltas.len());
            prop_assert_eq!(found.iter().filter(|(_, at)| at.is_some()).count(), newest.len());
        }
    }
}
