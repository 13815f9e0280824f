//! The hub's settings: one typed `Config`, every key with a default, unknown keys refused.
//!
//! Order: defaults, then the file, then `KAFEDRA_SECTION__KEY`, then flags ([`layers`] does it). What a value means
//! stands on the field; `config/kafedra.toml` says the same to the people who run the hub, and a test compares them.
//! Secrets never stand in the file: they come by environment or from a file of their own ([`secret`]).

pub mod data;
pub mod layers;
pub mod limits;
pub mod log;
pub mod media;
pub mod notify;
pub mod presence;
pub mod schedule;
pub mod school;
pub mod secret;
pub mod server;
pub mod session;
pub mod turn;

use serde::{Deserialize, Serialize};

pub use layers::{ConfigError, Layers};

/// Everything that can be set. Field names are the sections and keys of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: server::Server,
    pub data: data::Data,
    pub school: school::School,
    pub log: log::Log,
    pub media: media::Media,
    pub presence: presence::Presence,
    pub limits: limits::Limits,
    pub session: session::Session,
    pub schedule: schedule::Schedule,
    pub turn: turn::Turn,
    pub notify: notify::Notify,
}

/// The file as it ships, with every key and its default.
pub const SHIPPED_FILE: &str = include_str!("../config/kafedra.toml");

impl Config {
    /// Where people open the hub: `server.public_url`, or the listen address when that is empty.
    pub fn public_url(&self) -> String {
        if !self.server.public_url.is_empty() {
            return self.server.public_url.trim_end_matches('/').to_owned();
        }
        let address = self.server.listen;
        let host = if address.ip().is_unspecified() || address.ip().is_loopback() {
            "localhost".to_owned()
        } else if address.is_ipv6() {
            format!("[{}]", address.ip())
        } else {
            address.ip().to_string()
        };
        format!("http://{host}:{}", address.port())
    }

    /// The database: `data.database`, or an SQLite file in the data folder.
    pub fn database_url(&self) -> String {
        if self.data.database.is_empty() {
            format!("sqlite://{}", self.data.dir.join("kafedra.db").display())
        } else {
            self.data.database.clone()
        }
    }

    /// What no single key shows: values that contradict each other or lie outside their range.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, why: &str| Err(ConfigError::Value { key: key.to_owned(), why: why.to_owned() });
        if !self.server.public_url.is_empty()
            && !self.server.public_url.starts_with("http://")
            && !self.server.public_url.starts_with("https://")
        {
            return refuse("server.public_url", "must start with http:// or https://");
        }
        if self.presence.backend == presence::Backend::Redis && self.presence.url.is_empty() {
            return refuse("presence.url", "is needed when presence.backend is \"redis\"");
        }
        let is_turn = |url: &&String| url.starts_with("turn:") || url.starts_with("turns:");
        if !self.turn.urls.iter().all(|url| is_turn(&url) || url.starts_with("stun:")) {
            return refuse("turn.urls", "must each start with turn:, turns: or stun:");
        }
        if self.turn.urls.iter().any(|url| is_turn(&url)) && self.turn.secret.is_unset() {
            return refuse("turn.secret", "is needed for relays: set KAFEDRA_TURN__SECRET or turn.secret_file");
        }
        if !(60..=86_400).contains(&self.turn.ttl_s) {
            return refuse("turn.ttl_s", "must be between 60 and 86400");
        }
        if self.media.bind.is_empty() {
            return refuse("media.bind", "needs at least one address");
        }
        for (key, value) in [
            ("limits.sources_per_person", self.limits.sources_per_person),
            ("limits.watchers_per_person", self.limits.watchers_per_person),
            ("limits.sockets_per_person", self.limits.sockets_per_person),
            ("limits.strangers_per_network", self.limits.strangers_per_network),
        ] {
            if value == 0 {
                return refuse(key, "must be at least 1");
            }
        }
        if self.session.absolute_hours == 0 || self.session.admin_absolute_hours == 0 {
            return refuse("session.absolute_hours", "must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_shipped_file_states_every_key_with_its_default() {
        let shipped: toml::Table = SHIPPED_FILE.parse().unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(layers::keys(&shipped), layers::keys(&defaults));
        assert_eq!(shipped, defaults);
    }

    #[test]
    fn every_key_of_the_shipped_file_has_a_comment_above_it() {
        let mut above = "";
        for line in SHIPPED_FILE.lines() {
            if line.contains('=') && !line.starts_with('#') {
                assert!(above.starts_with('#'), "no comment above: {line}");
            }
            above = line;
        }
    }

    #[test]
    fn an_unset_public_url_follows_the_listen_address() {
        let mut config = Config::default();
        config.server.listen = "0.0.0.0:9000".parse().unwrap();
        assert_eq!(config.public_url(), "http://localhost:9000");
        config.server.public_url = "https://hub.school.example/".into();
        assert_eq!(config.public_url(), "https://hub.school.example");
    }
}
