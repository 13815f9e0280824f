//! `[school]`: what the hub starts with on an empty store.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct School {
    /// Load the demo school into an empty store and print its logins. Its password is public: never in production.
    pub demo: bool,
}
