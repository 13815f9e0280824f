//! `[data]`: where lasting things lie.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Folder of the SQLite file and of files; made when missing.
    pub dir: PathBuf,
    /// `sqlite://PATH` or `postgres://USER@HOST/DB`; empty: SQLite in `dir`.
    pub database: String,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("data"), database: String::new() }
    }
}
