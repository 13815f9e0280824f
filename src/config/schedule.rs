//! `[schedule]`: when rooms open and close around a lesson.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Minutes before the start that a room opens.
    pub lead_minutes: u32,
    /// Minutes that a room waits for its host before the lesson counts as not held.
    pub host_grace_minutes: u32,
    /// Minutes past the planned end that a room may stay open.
    pub overrun_minutes: u32,
    /// Minutes that host and a recipient must share for the lesson to count as held.
    pub min_shared_minutes: u32,
    /// Minutes after which a lost host who does not return makes a technical failure.
    pub host_lost_minutes: u32,
    /// Days ahead for which cards are expanded into consultations.
    pub horizon_days: u32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            lead_minutes: 10,
            host_grace_minutes: 15,
            overrun_minutes: 10,
            min_shared_minutes: 5,
            host_lost_minutes: 10,
            horizon_days: 92,
        }
    }
}
