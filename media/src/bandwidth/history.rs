//! What was sent to one receiver under which transport-wide number, until feedback says what became of it.

/// Packets remembered at least: twice what is in flight at 1.5 Mbit/s with feedback each half second. A power of two, and
/// as many as the low eight bits of a number tell apart.
const LEAST: usize = 256;
/// And at most: 0.8 s at 10 Mbit/s. Feedback that comes later than that says nothing any more. A power of two.
const MOST: usize = 1024;
/// For this long a packet is worth remembering, in microseconds: while there is room to grow, none younger is forgotten.
const SPAN_US: u32 = 1_000_000;

/// A packet that was sent. Eight bytes, for every receiver has hundreds of them.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Microseconds, wrapping after 71 minutes.
    sent_us: u32,
    bytes: u16,
    /// The high half of the number; the place in the ring tells the low one.
    high: u8,
    state: u8,
}

const IN_FLIGHT: u8 = 1;
/// A feedback has said that it did not arrive; a later one may say that it did.
const MISSED: u8 = 2;
const PROBE: u8 = 4;

/// What feedback says of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrived {
        sent_us: u64,
        bytes: u16,
        is_probe: bool,
        /// It was counted as lost before.
        was_missed: bool,
    },
    /// For the first time.
    Missed,
}

/// The ring of one receiver, as long as what is in flight to it.
#[derive(Debug, Default)]
pub struct History {
    /// Empty until the first packet.
    ring: Vec<Entry>,
    next: u16,
}

impl History {
    /// The number of the next packet.
    pub fn next(&self) -> u16 {
        self.next
    }

    /// A packet leaves under [`History::next`].
    pub fn insert(&mut self, now_us: u64, bytes: u16, is_probe: bool) {
        if self.ring.is_empty() {
            self.ring.resize(LEAST, Entry::default());
        }
        let oldest = self.ring[self.place(self.next)];
        let is_young = (now_us as u32).wrapping_sub(oldest.sent_us) < SPAN_US;
        if oldest.state & (IN_FLIGHT | MISSED) == IN_FLIGHT && is_young && self.ring.len() < MOST {
            self.grow();
        }
        let place = self.place(self.next);
        let state = IN_FLIGHT | if is_probe { PROBE } else { 0 };
        self.ring[place] = Entry { sent_us: now_us as u32, bytes, high: high(self.next), state };
        self.next = self.next.wrapping_add(1);
    }

    fn grow(&mut self) {
        let length = self.ring.len() * 2;
        let before = std::mem::replace(&mut self.ring, vec![Entry::default(); length]);
        for (place, entry) in before.into_iter().enumerate().filter(|(_, entry)| entry.state != 0) {
            let place = self.place(u16::from(entry.high) << 8 | (place % LEAST) as u16);
            self.ring[place] = entry;
        }
    }

    /// The place of a number in the ring, which is not empty.
    fn place(&self, sequence: u16) -> usize {
        usize::from(sequence) & (self.ring.len() - 1)
    }

    /// Takes what feedback says of a number. `None`: never sent, too long ago, or told before.
    pub fn settle(&mut self, now_us: u64, sequence: u16, has_arrived: bool) -> Option<Fate> {
        if self.ring.is_empty() {
            return None;
        }
        let place = self.place(sequence);
        let entry = &mut self.ring[place];
        if entry.state & IN_FLIGHT == 0 || entry.high != high(sequence) {
            return None;
        }
        let was_missed = entry.state & MISSED != 0;
        if !has_arrived {
            entry.state |= MISSED;
            return (!was_missed).then_some(Fate::Missed);
        }
        let is_probe = entry.state & PROBE != 0;
        entry.state = 0;
        let age = (now_us as u32).wrapping_sub(entry.sent_us);
        let sent_us = now_us.saturating_sub(u64::from(age));
        Some(Fate::Arrived { sent_us, bytes: entry.bytes, is_probe, was_missed })
    }
}

fn high(sequence: u16) -> u8 {
    (sequence >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_settled_once_and_not_before_it_was_sent() {
        let mut history = History::default();
        assert_eq!(history.settle(0, 0, true), None);
        for number in 0..2000u64 {
            history.insert(number * 10, 1200, number == 1999);
        }
        assert_eq!(history.settle(50_000, 5, true), None, "too long ago");
        assert_eq!(history.settle(50_000, 1998, false), Some(Fate::Missed));
        assert_eq!(history.settle(50_000, 1998, false), None, "counted once");
        let late = Fate::Arrived { sent_us: 19_980, bytes: 1200, is_probe: false, was_missed: true };
        assert_eq!(history.settle(60_000, 1998, true), Some(late));
        let probe = Fate::Arrived { sent_us: 19_990, bytes: 1200, is_probe: true, was_missed: false };
        assert_eq!(history.settle(60_000, 1999, true), Some(probe));
        assert_eq!(history.settle(60_000, 1999, true), None);
        assert_eq!(history.settle(60_000, 2000, true), None, "not sent yet");
    }
    #[test]
    fn a_ring_is_as_long_as_what_is_in_flight() {
        /// Packets that go unanswered for so long, at this pace in microseconds; gives the ring's length afterwards.
        fn ring(pace_us: u64, answered_after: u64) -> usize {
            let mut history = History::default();
            // Across the end of the numbers.
            for number in 0..70_000u64 {
                history.insert(number * pace_us, 1200, false);
                if let Some(answered) = number.checked_sub(answered_after) {
                    let fate = history.settle(number * pace_us, answered as u16, true);
                    let sent_us = answered * pace_us;
                    assert_eq!(fate, Some(Fate::Arrived { sent_us, bytes: 1200, is_probe: false, was_missed: false }));
                }
            }
            history.ring.len()
        }
        assert_eq!(ring(4_500, 30), LEAST);
        assert_eq!(ring(1_000, 255), LEAST);
        assert_eq!(ring(1_000, 256), 2 * LEAST);
        assert_eq!(ring(500, 1_000), MOST);
    }

    #[test]
    fn what_nobody_answers_is_forgotten_in_time() {
        let mut history = History::default();
        for number in 0..5_000u64 {
            history.insert(number * 4_500, 1200, false);
        }
        assert_eq!(history.ring.len(), LEAST, "a receiver without feedback costs no more");
        for number in 0..5_000u64 {
            history.insert(30_000_000 + number, 1200, false);
        }
        assert_eq!(history.ring.len(), MOST);
    }
}
