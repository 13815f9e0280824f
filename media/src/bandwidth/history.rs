//! What was sent to one receiver under which transport-wide number, until feedback says what became of it.

/// Packets remembered: 0.8 s at 10 Mbit/s. Feedback that comes later than that says nothing any more. Power of two.
const SIZE: usize = 1024;

/// A packet that was sent. Eight bytes, for every receiver has a thousand of them.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Microseconds, wrapping after 71 minutes.
    sent_us: u32,
    bytes: u16,
    /// What the place in the ring does not tell of the number.
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

/// The ring of one receiver.
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
            self.ring.resize(SIZE, Entry::default());
        }
        let place = usize::from(self.next) % SIZE;
        let state = IN_FLIGHT | if is_probe { PROBE } else { 0 };
        self.ring[place] = Entry { sent_us: now_us as u32, bytes, high: high(self.next), state };
        self.next = self.next.wrapping_add(1);
    }

    /// Takes what feedback says of a number. `None`: never sent, too long ago, or told before.
    pub fn settle(&mut self, now_us: u64, sequence: u16, has_arrived: bool) -> Option<Fate> {
        let entry = self.ring.get_mut(usize::from(sequence) % SIZE)?;
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
    (usize::from(sequence) / SIZE) as u8
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
}
