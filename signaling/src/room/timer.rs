//! All timers of a room, by name.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::ids::PeerId;

/// What a room waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The socket of this seat did not come back.
    SeatExpires(PeerId),
    /// The speakers changed again shortly after they were told.
    SpeakersDue,
    /// A chat message with a lower number is awaited; after this the others are told without it.
    ChatGap,
    /// A minute of observed quality is over.
    Minute,
}

/// At most one time per timer.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<Timer, Instant>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.due.insert(timer, at);
    }

    pub(super) fn clear(&mut self, timer: &Timer) {
        self.due.remove(timer);
    }

    pub(super) fn is_set(&self, timer: &Timer) -> bool {
        self.due.contains_key(timer)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let timer = self.due.iter().find(|(_, at)| **at <= now).map(|(timer, _)| timer.clone())?;
        self.due.remove(&timer);
        Some(timer)
    }

    pub(super) fn clear_all(&mut self) {
        self.due.clear();
    }
}
