//! `[presence]`: who is online, in this process or through Redis.

use serde::{Deserialize, Serialize};

use super::secret::Secret;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Presence {
    pub backend: Backend,
    /// `redis://HOST:6379/0`, without a password.
    pub url: String,
    /// Password of Redis; by environment or file only.
    pub password: Secret,
    /// File that holds the password.
    pub password_file: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    #[default]
    Local,
    Redis,
}
