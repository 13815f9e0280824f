//! Presence of a hub that is alone: everything stays in this process. The default.

use super::state::State;
use super::{Presence, Shared};

impl Presence {
    /// Presence that knows this process only. Needs no driver and is always healthy.
    pub fn local() -> Self {
        Self::new(Shared::new(State::alone()), None)
    }
}
