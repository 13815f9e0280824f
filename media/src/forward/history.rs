//! What was sent on a slot under which sequence number, for as long as a receiver may ask for it again.

use std::time::{Duration, Instant};

use super::rewrite::Mapped;
use super::rtx_cache::VIDEO_PACKETS;

/// Packets of a block: what is forgotten at once, and timed together.
const BLOCK: usize = 32;
/// Entries of a new ring. A power of two.
const LEAST: usize = 4 * BLOCK;
/// Never more than the layer's cache holds packets.
const MOST: usize = VIDEO_PACKETS;
/// Round trips for which a receiver may ask again: a loss is seen, asked for, and three answers may be lost too.
const TRIPS: u32 = 4;
/// Bounds of that time. A browser asks in steps of tens of milliseconds, however near it is. Who is at no known distance
/// is taken for near until the first report, a second at most.
const SHORTEST: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(2);
/// Stands for `resends` of a packet that has not been sent yet.
pub const WAITS: u8 = u8::MAX;

/// One sent packet.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub mapped: Mapped,
    pub layer: u8,
    pub source_sequence: u16,
    pub resends: u8,
    /// Without RTX: the transport-wide number or the time that it bore, for it has to bear it again. With RTX: the
    /// millisecond at which it was last sent.
    pub memo: u32,
}

/// A ring by the receiver's sequence number, as long as the stream is fast: nine thumbnails are not to take what one large
/// picture does. Empty until the first packet.
#[derive(Debug, Default)]
pub struct History {
    ring: Vec<Option<Sent>>,
    /// When each block of the ring got its newest packet; `None`: nothing in it.
    written: [Option<Instant>; MOST / BLOCK],
    newest: Option<u16>,
}

impl History {
    /// Notes a packet in the place of one a ring's length older. While there is room to grow, nothing is forgotten that this
    /// receiver, so far away, may still ask for.
    pub fn note(&mut self, now: Instant, round_trip: Option<Duration>, sent: Sent) {
        if self.ring.is_empty() {
            self.ring.resize(LEAST, None);
        }
        let sequence = sent.mapped.sequence();
        let is_newer = self.newest.is_none_or(|newest| sequence.wrapping_sub(newest) < 1 << 15);
        if is_newer {
            let span = round_trip.map_or(SHORTEST, |trip| (trip * TRIPS).clamp(SHORTEST, LONGEST));
            while self.enters_young_block(now, span, sequence) && self.ring.len() < MOST {
                self.grow();
            }
            self.newest = Some(sequence);
        } else if self.newest.is_some_and(|newest| usize::from(newest.wrapping_sub(sequence)) >= self.ring.len()) {
            // Later than anybody asks for: its place belongs to a newer one.
            return;
        }
        let place = self.place(sequence);
        self.ring[place] = Some(sent);
        self.written[place / BLOCK] = Some(now);
    }

    /// Whether the block that this number opens still holds packets which receivers may ask for, or which have not left yet.
    fn enters_young_block(&self, now: Instant, span: Duration, sequence: u16) -> bool {
        let same = self.newest.is_some_and(|newest| usize::from(newest) / BLOCK == usize::from(sequence) / BLOCK);
        if same {
            return false;
        }
        let block = self.place(sequence) / BLOCK;
        let is_young = self.written[block].is_some_and(|written| now.saturating_duration_since(written) < span);
        let waits = |sent: &Option<Sent>| sent.as_ref().is_some_and(|sent| sent.resends == WAITS);
        is_young || self.ring[block * BLOCK..(block + 1) * BLOCK].iter().any(waits)
    }

    fn grow(&mut self) {
        let length = self.ring.len() * 2;
        let before = std::mem::replace(&mut self.ring, vec![None; length]);
        let written = std::mem::take(&mut self.written);
        for (old, sent) in before.into_iter().enumerate() {
            let Some(sent) = sent else { continue };
            let place = self.place(sent.mapped.sequence());
            self.ring[place] = Some(sent);
            // Blocks move whole, but packets of two rounds may share one.
            let block = &mut self.written[place / BLOCK];
            *block = (*block).max(written[old / BLOCK]);
        }
    }

    /// The place of a number in the ring, which is not empty.
    fn place(&self, sequence: u16) -> usize {
        usize::from(sequence) & (self.ring.len() - 1)
    }

    /// What was sent under this number, or waits under it, if it is still known.
    pub fn find(&self, sequence: u16) -> Option<&Sent> {
        if self.ring.is_empty() {
            return None;
        }
        self.ring[self.place(sequence)].as_ref().filter(|sent| sent.mapped.sequence() == sequence)
    }

    /// The same, to change it.
    pub fn find_mut(&mut self, sequence: u16) -> Option<&mut Sent> {
        if self.ring.is_empty() {
            return None;
        }
        let place = self.place(sequence);
        self.ring[place].as_mut().filter(|sent| sent.mapped.sequence() == sequence)
    }

    /// Forgets these.
    pub fn forget(&mut self, which: impl Fn(&Sent) -> bool) {
        for place in &mut self.ring {
            if place.as_ref().is_some_and(&which) {
                *place = None;
            }
        }
    }

    /// Forgets everything, but not how fast the stream was.
    pub fn clear(&mut self) {
        self.ring.fill(None);
        self.written = Default::default();
        self.newest = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // The origin of time; the core is told the time, and so are its tests.
    #[allow(clippy::disallowed_methods)]
    fn origin() -> Instant {
        Instant::now()
    }

    fn sent(index: u64) -> Sent {
        let mapped = Mapped {
            index,
            timestamp: 0,
            active: u32::MAX,
            picture_id: 0,
            frame_number: 0,
            tl0_picture_index: 0,
            marker: false,
        };
        Sent { mapped, layer: 0, source_sequence: index as u16, resends: 0, memo: 0 }
    }

    /// A stream of this pace across the end of the numbers to a receiver so far away; gives the ring's length, and how many
    /// packets are known.
    fn stream(pace: Duration, trip: Option<Duration>) -> (usize, usize) {
        let start = origin();
        let mut history = History::default();
        let last = 65_000 + 4_000u64;
        for index in 65_000..=last {
            history.note(start + pace * (index - 65_000) as u32, trip, sent(index));
        }
        let known = (0..1_000).take_while(|back| history.find((last - back) as u16).is_some()).count();
        history.find_mut(last as u16).unwrap().resends = 3;
        assert_eq!(history.find(last as u16).unwrap().resends, 3);
        history.clear();
        assert!(history.find(last as u16).is_none());
        (history.ring.len(), known)
    }

    #[test]
    fn a_ring_is_as_long_as_its_stream_is_fast() {
        let (slow, fast, burst) = (Duration::from_millis(58), Duration::from_micros(5_900), Duration::from_micros(100));
        let trip = |milliseconds| Some(Duration::from_millis(milliseconds));
        assert_eq!(stream(slow, None), (LEAST, LEAST));
        assert_eq!(
            stream(fast, trip(20)),
            (LEAST, LEAST),
            "some 570 ms of it: a burst after 150 ms of nothing makes it no longer"
        );
        assert_eq!(stream(fast, None), (LEAST, LEAST));
        assert_eq!(stream(fast, trip(250)), (2 * LEAST, 2 * LEAST), "a second of it");
        assert_eq!(stream(fast, trip(900)), (4 * LEAST, 4 * LEAST), "two seconds of it");
        assert_eq!(stream(burst, trip(20)), (MOST, MOST));
    }

    #[test]
    fn a_burst_after_a_slow_stream_is_remembered_whole() {
        let start = origin();
        for slow in 0..2 * LEAST as u64 {
            let mut history = History::default();
            for index in 0..slow {
                history.note(start + Duration::from_millis(100) * index as u32, None, sent(index));
            }
            let now = start + Duration::from_millis(100) * slow as u32;
            let burst = slow..slow + 400;
            burst.clone().for_each(|index| history.note(now, None, sent(index)));
            assert!(burst.clone().all(|index| history.find(index as u16).is_some()), "after {slow} slow ones");
        }
    }

    /// A picture that grows beyond what the line takes: the pacer holds it for up to a second, longer than a near receiver
    /// may ask.
    #[test]
    fn what_has_not_left_yet_is_never_overwritten() {
        let start = origin();
        let mut history = History::default();
        let pace = Duration::from_micros(4_500);
        for index in 0..440u64 {
            let waiting = Sent { resends: WAITS, ..sent(index) };
            history.note(start + pace * index as u32, Some(Duration::from_millis(20)), waiting);
            // One of two leaves, in order.
            if index % 2 == 1 {
                history.find_mut((index / 2) as u16).expect("it waits, or is on its way").resends = 0;
            }
        }
    }

    #[test]
    fn a_late_packet_moves_nothing() {
        let start = origin();
        let mut history = History::default();
        for index in 0..200 {
            history.note(start, None, sent(index));
        }
        let length = history.ring.len();
        history.note(start, None, sent(100));
        assert_eq!(history.ring.len(), length);
        assert!((0..200).all(|index| history.find(index as u16).is_some()));
        let long_ago = 65_536 + 100 - length as u64;
        history.note(start, None, sent(long_ago));
        assert!(history.find(100).is_some(), "one of long ago does not take the place of a newer one");
    }

    #[test]
    fn nothing_is_known_of_what_was_never_sent() {
        assert!(History::default().find(7).is_none());
        let mut history = History::default();
        history.note(origin(), None, sent(7));
        assert!(history.find(7).is_some());
        assert!(history.find(8).is_none());
        assert!(history.find(7 + LEAST as u16).is_none(), "the same place, another number");
    }
}
