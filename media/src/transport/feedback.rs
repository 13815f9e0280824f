//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each packet of a
//! publisher arrived, so that its own estimator can find its rate.

use std::time::Instant;

/// Packets that one feedback may span; a wider gap starts over.
const SPAN: i64 = 1000;
/// Arrivals kept between two feedbacks; beyond, the rest is reported as lost, which slows the sender down.
const ARRIVALS: usize = 2000;

/// Arrivals since the last feedback.
#[derive(Debug, Default)]
pub struct ArrivalLog {
    origin: Option<Instant>,
    /// `(extended sequence number, quarter milliseconds since origin)`.
    arrivals: Vec<(i64, i64)>,
    newest: Option<i64>,
    /// First number not reported yet.
    next: i64,
    count: u8,
}

impl ArrivalLog {
    /// Notes a packet.
    pub fn note(&mut self, now: Instant, sequence: u16) {
        let origin = *self.origin.get_or_insert(now);
        let extended = match self.newest {
            None => i64::from(sequence),
            Some(newest) => newest + i64::from(sequence.wrapping_sub(newest as u16) as i16),
        };
        if self.newest.is_none() {
            self.next = extended;
        }
        self.newest = Some(self.newest.map_or(extended, |newest| newest.max(extended)));
        if self.arrivals.len() < ARRIVALS {
            let ticks = now.saturating_duration_since(origin).as_micros() as i64 / 250;
            self.arrivals.push((extended, ticks));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// The feedback packet over everything noted since the last one.
    pub fn take(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Option<Vec<u8>> {
        self.arrivals.sort_unstable();
        self.arrivals.dedup_by_key(|(sequence, _)| *sequence);
        let (first, first_ticks) = *self.arrivals.first()?;
        let (last, _) = *self.arrivals.last()?;
        let mut base = first.min(self.next);
        if last - base >= SPAN {
            base = last - SPAN + 1;
            self.arrivals.retain(|(sequence, _)| *sequence >= base);
        }
        let reference = first_ticks.div_euclid(256);
        let mut before = reference * 256;

        // Two bits per packet: 0 lost, 1 one-byte delta, 2 two-byte delta.
        let mut symbols = vec![0u8; (last - base + 1) as usize];
        let mut deltas = Vec::with_capacity(self.arrivals.len());
        for (sequence, ticks) in &self.arrivals {
            let delta = ticks - before;
            let symbol = &mut symbols[(sequence - base) as usize];
            if let Ok(small) = u8::try_from(delta) {
                *symbol = 1;
                deltas.push(small);
            } else if let Ok(large) = i16::try_from(delta) {
                *symbol = 2;
                deltas.extend_from_slice(&large.to_be_bytes());
            } else {
                continue;
            }
            before = *ticks;
        }

        let mut packet = vec![0x8f, 205, 0, 0];
        packet.extend_from_slice(&sender_ssrc.to_be_bytes());
        packet.extend_from_slice(&media_ssrc.to_be_bytes());
        packet.extend_from_slice(&(base as u16).to_be_bytes());
        packet.extend_from_slice(&(symbols.len() as u16).to_be_bytes());
        packet.extend_from_slice(&((reference as u32) << 8 | u32::from(self.count)).to_be_bytes());
        for seven in symbols.chunks(7) {
            let bits = seven
                .iter()
                .enumerate()
                .fold(0u16, |bits, (place, symbol)| bits | u16::from(*symbol) << (12 - 2 * place));
            packet.extend_from_slice(&(0xc000 | bits).to_be_bytes());
        }
        packet.extend_from_slice(&deltas);
        let padding = packet.len().next_multiple_of(4) - packet.len();
        if padding > 0 {
            packet[0] |= 0x20;
            packet.resize(packet.len() + padding - 1, 0);
            packet.push(padding as u8);
        }
        let words = (packet.len() / 4 - 1) as u16;
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        self.count = self.count.wrapping_add(1);
        // Not back, when all that came was late: what was reported is not reported lost.
        self.next = self.next.max(last + 1);
        self.arrivals.clear();
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

    use super::*;

    #[test]
    fn the_rtcp_layer_of_rtc_reads_what_is_written() {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut log = ArrivalLog::default();
        for (ms, sequence) in [(0, 65_534u16), (1, 65_535), (100, 1), (99, 0), (900, 4)] {
            log.note(start + Duration::from_millis(ms), sequence);
        }
        let packet = log.take(1, 2).unwrap();
        let read = rtc::rtcp::packet::unmarshal(&mut &packet[..]).unwrap();
        let feedback = read[0].as_any().downcast_ref::<TransportLayerCc>().unwrap();
        assert_eq!((feedback.base_sequence_number, feedback.packet_status_count), (65_534, 7));
        let deltas: Vec<i64> = feedback.recv_deltas.iter().map(|delta| delta.delta / 1000).collect();
        assert_eq!(deltas, [0, 1, 98, 1, 800]);
        assert!(log.take(1, 2).is_none());

        log.note(start + Duration::from_millis(950), 6);
        let packet = log.take(1, 2).unwrap();
        let read = rtc::rtcp::packet::unmarshal(&mut &packet[..]).unwrap();
        let feedback = read[0].as_any().downcast_ref::<TransportLayerCc>().unwrap();
        assert_eq!((feedback.base_sequence_number, feedback.packet_status_count), (5, 2), "5 is reported lost");
    }
}
