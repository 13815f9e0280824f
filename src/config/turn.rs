//! `[turn]`: relays for clients whose network lets no UDP through. None is needed for the demo.

use serde::{Deserialize, Serialize};

use super::secret::Secret;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// `turn:HOST:3478?transport=udp` and the like; empty: no relay is offered.
    pub urls: Vec<String>,
    /// Shared secret for time-limited credentials; by environment or file only.
    pub secret: Secret,
    /// File that holds the secret.
    pub secret_file: String,
    /// Seconds that a credential is good for.
    pub ttl_s: u32,
}

impl Default for Turn {
    fn default() -> Self {
        Self { urls: Vec::new(), secret: Secret::default(), secret_file: String::new(), ttl_s: 600 }
    }
}
