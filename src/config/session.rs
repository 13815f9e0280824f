//! `[session]`: how long a sign-in holds.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// Minutes without a request after which staff sign in again.
    pub staff_idle_minutes: u32,
    /// The same for students and guardians.
    pub idle_minutes: u32,
    /// Hours after which everybody signs in again.
    pub absolute_hours: u32,
    /// The same for administrators.
    pub admin_absolute_hours: u32,
    /// Longest life of a bearer token, seconds.
    pub token_max_s: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            staff_idle_minutes: 30,
            idle_minutes: 720,
            absolute_hours: 12,
            admin_absolute_hours: 8,
            token_max_s: 30 * 24 * 3600,
        }
    }
}
