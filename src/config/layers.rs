//! Defaults, file, environment, flags, in this order; each later one wins. Every key that is not known is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;
use super::secret::Secret;

/// Why a configuration is refused; each is the user's to mend, so the program ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{file}:{line}: unknown key `{key}`{hint}", hint = hint(nearest))]
    UnknownKey { file: String, line: usize, key: String, nearest: Option<String> },
    #[error("{file}:{line}: `{key}` must be {expected}")]
    WrongType { file: String, line: usize, key: String, expected: String },
    #[error("{file}:{line}: `{key}` is a secret: set {variable} or `{key}_file` instead")]
    SecretInFile { file: String, line: usize, key: String, variable: String },
    #[error("{file}:{line}: {text}")]
    Syntax { file: String, line: usize, text: String },
    #[error("environment variable {variable}: unknown key{hint}", hint = hint(nearest))]
    UnknownVariable { variable: String, nearest: Option<String> },
    #[error("environment variable {variable}: must be {expected}")]
    VariableType { variable: String, expected: String },
    #[error("`{key}` {why}")]
    Value { key: String, why: String },
    #[error("cannot read {file}")]
    Unreadable {
        file: String,
        #[source]
        source: std::io::Error,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!(", did you mean `{key}`?")).unwrap_or_default()
}

/// The places that settings come from. Fill what there is, then [`Layers::load`].
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// Names and values, as `std::env::vars()` gives them; only `KAFEDRA_*__*` are looked at.
    pub environment: Vec<(String, String)>,
    /// From flags: key (`server.listen`) and value as text.
    pub flags: Vec<(&'static str, String)>,
}

/// Keys that hold a [`Secret`].
const SECRETS: [&str; 3] = ["presence.password", "turn.secret", "notify.smtp_password"];

impl Layers {
    /// Lays the layers over each other and checks the result.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut merged = Table::try_from(Config::default()).expect("the defaults are plain TOML");
        let known = keys(&merged);
        let mut origin = BTreeMap::new();
        if let Some(file) = &self.file {
            let text = std::fs::read_to_string(file)
                .map_err(|source| ConfigError::Unreadable { file: file.display().to_string(), source })?;
            read_file(&mut merged, &known, &mut origin, &file.display().to_string(), &text)?;
        }
        for (variable, text) in &self.environment {
            let Some(name) = variable.strip_prefix("KAFEDRA_").filter(|name| name.contains("__")) else { continue };
            let key = name.to_lowercase().replacen("__", ".", 1);
            if !known.contains(&key) {
                return Err(ConfigError::UnknownVariable {
                    variable: variable.clone(),
                    nearest: nearest(&key, &known).map(|key| variable_name(&key)),
                });
            }
            set_text(&mut merged, &key, text)
                .map_err(|expected| ConfigError::VariableType { variable: variable.clone(), expected })?;
            origin.insert(key, format!("environment variable {variable}"));
        }
        for (key, text) in &self.flags {
            set_text(&mut merged, key, text).map_err(|expected| ConfigError::Value {
                key: (*key).to_owned(),
                why: format!("must be {expected}"),
            })?;
            origin.insert((*key).to_owned(), "flag".into());
        }
        let mut config = typed(&merged, &origin)?;
        read_secret(&mut config.presence.password, &config.presence.password_file)?;
        read_secret(&mut config.turn.secret, &config.turn.secret_file)?;
        read_secret(&mut config.notify.smtp_password, &config.notify.smtp_password_file)?;
        config.check()?;
        Ok(config)
    }
}

/// `section.key` of every value, sorted.
pub fn keys(table: &Table) -> Vec<String> {
    let mut keys: Vec<String> = table
        .iter()
        .flat_map(|(section, value)| match value {
            Value::Table(inner) => inner.keys().map(|key| format!("{section}.{key}")).collect(),
            _ => vec![section.clone()],
        })
        .collect();
    keys.sort();
    keys
}

fn variable_name(key: &str) -> String {
    format!("KAFEDRA_{}", key.replacen('.', "__", 1).to_uppercase())
}

fn read_file(
    merged: &mut Table,
    known: &[String],
    origin: &mut BTreeMap<String, String>,
    file: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let line_of = |span: Option<std::ops::Range<usize>>| {
        1 + text[..span.map_or(0, |span| span.start).min(text.len())].bytes().filter(|byte| *byte == b'\n').count()
    };
    let document = toml_edit::Document::parse(text.to_owned()).map_err(|error| ConfigError::Syntax {
        file: file.to_owned(),
        line: line_of(error.span()),
        text: error.message().to_owned(),
    })?;
    // Only to take values over; places come from the document above.
    let values: Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        file: file.to_owned(),
        line: line_of(error.span()),
        text: error.message().to_owned(),
    })?;
    for (section, item) in document.as_table() {
        let place = |table: &toml_edit::Table, key: &str| line_of(table.key(key).and_then(toml_edit::Key::span));
        let section_line = place(document.as_table(), section);
        let unknown = |key: &str, line: usize| ConfigError::UnknownKey {
            file: file.to_owned(),
            line,
            key: key.to_owned(),
            nearest: nearest(key, known),
        };
        let Some(inner) = item.as_table_like() else { return Err(unknown(section, section_line)) };
        if !merged.contains_key(section) {
            let sections: Vec<String> = merged.keys().cloned().collect();
            let nearest = nearest(section, &sections);
            return Err(ConfigError::UnknownKey {
                file: file.to_owned(),
                line: section_line,
                key: section.into(),
                nearest,
            });
        }
        for (name, item) in inner.iter() {
            let key = format!("{section}.{name}");
            let span = inner.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let line = line_of(span);
            if !known.contains(&key) {
                return Err(unknown(&key, line));
            }
            let value = values[section][name].clone();
            if SECRETS.contains(&key.as_str()) && value.as_str() != Some("") {
                return Err(ConfigError::SecretInFile {
                    file: file.to_owned(),
                    line,
                    variable: variable_name(&key),
                    key,
                });
            }
            let slot = &mut merged[section][name];
            if !slot.same_type(&value) {
                return Err(ConfigError::WrongType { file: file.to_owned(), line, key, expected: expected(slot) });
            }
            *slot = value;
            origin.insert(key, format!("{file}:{line}"));
        }
    }
    Ok(())
}

/// Reads text as the type that the key has now.
fn set_text(merged: &mut Table, key: &str, text: &str) -> Result<(), String> {
    let (section, name) = key.split_once('.').ok_or_else(|| "a key of a section".to_owned())?;
    let slot = &mut merged[section][name];
    let value = match slot {
        Value::Boolean(_) => match text {
            "true" | "1" | "yes" | "on" => Some(Value::Boolean(true)),
            "false" | "0" | "no" | "off" => Some(Value::Boolean(false)),
            _ => None,
        },
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Array(_) => Some(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| Value::String(part.into()))
                .collect(),
        )),
        _ => Some(Value::String(text.to_owned())),
    };
    *slot = value.ok_or_else(|| expected(slot))?;
    Ok(())
}

fn expected(value: &Value) -> String {
    match value {
        Value::Boolean(_) => "true or false",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Array(_) => "a list of texts",
        _ => "a text in quotes",
    }
    .to_owned()
}

/// Section by section, key by key, so that the message names the key and where its value came from.
fn typed(merged: &Table, origin: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
    let error = match Config::deserialize(Value::Table(merged.clone())) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    for key in keys(merged) {
        let (section, name) = key.split_once('.').expect("keys() gives section.key here");
        let mut one = Table::new();
        let mut inner = Table::new();
        inner.insert(name.to_owned(), merged[section][name].clone());
        one.insert(section.to_owned(), Value::Table(inner));
        if let Err(error) = Config::deserialize(Value::Table(one)) {
            let place = origin.get(&key).map(|place| format!(" ({place})")).unwrap_or_default();
            return Err(ConfigError::Value { key, why: format!("{}{place}", error.message()) });
        }
    }
    Err(ConfigError::Value { key: "config".into(), why: error.message().to_owned() })
}

fn read_secret(secret: &mut Secret, file: &str) -> Result<(), ConfigError> {
    if secret.is_unset() && !file.is_empty() {
        let text = std::fs::read_to_string(Path::new(file))
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        *secret = Secret::new(&text);
    }
    Ok(())
}

/// The known key that looks most like `key`: by its whole name, or by its last part in another section.
fn nearest(key: &str, known: &[String]) -> Option<String> {
    let last = key.rsplit('.').next().unwrap_or(key);
    known
        .iter()
        .map(|candidate| {
            let tail = candidate.rsplit('.').next().unwrap_or(candidate);
            (strsim::jaro_winkler(key, candidate).max(strsim::jaro_winkler(last, tail)), candidate)
        })
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kafedra.toml");
        std::fs::write(&path, file).unwrap();
        Layers {
            file: Some(path.clone()),
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            flags: flags.iter().map(|(key, value)| (*key, (*value).into())).collect(),
        }
        .load()
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn a_later_layer_wins() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[media]\nudp_port = 1\n[limits]\nsources_per_person = 1\n";
        let environment = [("KAFEDRA_MEDIA__UDP_PORT", "2"), ("KAFEDRA_LIMITS__SOURCES_PER_PERSON", "2")];
        let config = load(file, &environment, &[("limits.sources_per_person", "3")]).unwrap();
        assert_eq!(config.server.listen.port(), 1);
        assert_eq!(config.media.udp_port, 2);
        assert_eq!(config.limits.sources_per_person, 3);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
        let check = |file: &str, message: &str| assert_eq!(load(file, &[], &[]).unwrap_err(), message);
        check("[server]\n\nlisten_adr = 1\n", "FILE:3: unknown key `server.listen_adr`, did you mean `server.listen`?");
        check("[log]\nudp_port = 1\n", "FILE:2: unknown key `log.udp_port`, did you mean `media.udp_port`?");
        check("# one\n[sever]\nlisten = 1\n", "FILE:2: unknown key `sever`, did you mean `server`?");
        check("listen = 1\n", "FILE:1: unknown key `listen`, did you mean `server.listen`?");
        check("[zzz]\n", "FILE:1: unknown key `zzz`");
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_nearest_one() {
        let error = load("", &[("KAFEDRA_SERVER__LISEN", "x")], &[]).unwrap_err();
        assert_eq!(
            error,
            "environment variable KAFEDRA_SERVER__LISEN: unknown key, did you mean `KAFEDRA_SERVER__LISTEN`?"
        );
        load("", &[("KAFEDRA_CLOCK_OFFSET_SECONDS", "60"), ("PATH", "/bin")], &[]).unwrap();
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_with_its_place() {
        let check = |file: &str, message: &str| assert_eq!(load(file, &[], &[]).unwrap_err(), message);
        check("[media]\nudp_port = \"x\"\n", "FILE:2: `media.udp_port` must be a whole number");
        let error = load("[media]\nudp_port = 70000\n", &[], &[]).unwrap_err();
        assert!(error.starts_with("`media.udp_port` ") && error.ends_with("(FILE:2)"), "{error}");
        let error = load("", &[("KAFEDRA_PRESENCE__BACKEND", "memcached")], &[]).unwrap_err();
        assert!(error.contains("`presence.backend`") && error.contains("KAFEDRA_PRESENCE__BACKEND"), "{error}");
        assert_eq!(load("[media\n", &[], &[]).unwrap_err().split(':').nth(1), Some("1"));
    }

    #[test]
    fn a_secret_comes_by_environment_or_file_reference_only() {
        let error = load("[turn]\nsecret = \"x\"\n", &[], &[]).unwrap_err();
        assert_eq!(error, "FILE:2: `turn.secret` is a secret: set KAFEDRA_TURN__SECRET or `turn.secret_file` instead");
        let config = load("", &[("KAFEDRA_TURN__SECRET", "s3cret")], &[]).unwrap();
        assert_eq!(config.turn.secret.expose(), "s3cret");
    }
}
