//! `kafedra import cards FILE`.

use std::path::PathBuf;

use super::{Done, Failure};
use crate::clock::WallClock;
use crate::config::Config;

pub async fn cards(_config: Config, _clock: WallClock, file: PathBuf, _dry_run: bool) -> Done {
    Err(Failure::Work(format!("{}: not built yet", file.display())))
}
