//! The replay window of one SRTP stream (RFC 3711 section 3.3.2), 512 packets wide so that reordering does not cost audio.

/// Packets behind the highest that are still told apart.
pub const WINDOW: u64 = 512;
const WORDS: usize = (WINDOW / 64) as usize;

/// Which of the last [`WINDOW`] packet indexes were received.
#[derive(Clone, Debug, Default)]
pub struct ReplayWindow {
    /// Highest index received; meaningless while `started` is false.
    highest: u64,
    started: bool,
    /// Bit `index % WINDOW`: received. Bits outside the window are stale and cleared as it moves.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// The 48-bit packet index that a sequence number stands for: the one nearest to the highest received.
    pub fn index_of(&self, sequence: u16) -> u64 {
        if !self.started {
            return u64::from(sequence);
        }
        let rollover = self.highest >> 16;
        let last = self.highest as u16;
        let behind = sequence.wrapping_sub(last) >= 0x8000;
        let rollover = match (behind, sequence > last) {
            (false, true) | (true, false) => rollover,
            (false, false) if sequence == last => rollover,
            (false, false) => rollover + 1,
            // Before the first rollover there is nothing older: let it stay in the present, the tag will not match.
            (true, true) => rollover.saturating_sub(1),
        };
        rollover << 16 | u64::from(sequence)
    }

    /// Whether a packet of this index is new and inside the window.
    pub fn is_fresh(&self, index: u64) -> bool {
        if !self.started || index > self.highest {
            return true;
        }
        self.highest - index < WINDOW && self.seen[Self::word(index)] & Self::bit(index) == 0
    }

    /// Notes an authenticated packet.
    pub fn accept(&mut self, index: u64) {
        if !self.started {
            self.started = true;
            self.highest = index;
        } else if index > self.highest {
            if index - self.highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                for gone in self.highest + 1..=index {
                    self.seen[Self::word(gone)] &= !Self::bit(gone);
                }
            }
            self.highest = index;
        }
        self.seen[Self::word(index)] |= Self::bit(index);
    }

    fn word(index: u64) -> usize {
        (index % WINDOW / 64) as usize
    }

    fn bit(index: u64) -> u64 {
        1 << (index % 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_passes_once_within_the_window() {
        let mut window = ReplayWindow::default();
        for index in [100, 101, 99, 700, 612, 300] {
            assert!(window.is_fresh(index), "{index}");
            window.accept(index);
            assert!(!window.is_fresh(index), "{index}");
        }
        assert!(!window.is_fresh(188), "older than the window");
        assert!(window.is_fresh(189));
        assert!(!window.is_fresh(612));
    }

    #[test]
    fn the_rollover_is_followed_both_ways() {
        let mut window = ReplayWindow::default();
        window.accept(window.index_of(65_530));
        assert_eq!(window.index_of(5), 65_536 + 5);
        window.accept(window.index_of(5));
        assert_eq!(window.index_of(65_535), 65_535);
        assert!(window.is_fresh(65_535));
        assert!(!window.is_fresh(65_530));
        assert_eq!(window.index_of(4), 65_536 + 4);
    }

    #[test]
    fn a_jump_wider_than_the_window_forgets_the_old() {
        let mut window = ReplayWindow::default();
        window.accept(10);
        window.accept(10 + 2 * WINDOW);
        assert!(window.is_fresh(11 + WINDOW));
        assert!(!window.is_fresh(10));
    }
}
