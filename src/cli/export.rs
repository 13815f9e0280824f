//! `kafedra export DIR`: the contracts as files, for generated clients and for reading.

use std::path::Path;

use super::{Done, Failure};
use crate::api::openapi;

pub fn run(dir: &Path) -> Done {
    let write = |name: &str, value: serde_json::Value| {
        let mut text = serde_json::to_string_pretty(&value).expect("a JSON value is always text");
        text.push('\n');
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::Work(format!("{}: {error}", path.display())))?;
        println!("{}", path.display());
        Ok(())
    };
    std::fs::create_dir_all(dir).map_err(|error| Failure::Work(format!("{}: {error}", dir.display())))?;
    let api = serde_json::to_value(openapi::document()).expect("the document is plain data");
    write("openapi.json", api)?;
    write("signaling.schema.json", openapi::signaling_schema())
}
