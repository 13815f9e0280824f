//! The hub's log: text for people, JSON for machines, on standard error, so that standard output stays for answers.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::config::log::{Format, Log};

/// Starts the log of this process.
///
/// # Errors
/// A level that is none.
pub fn start(settings: &Log) -> Result<(), Failure> {
    let filter =
        EnvFilter::try_new(filter(&settings.level)).map_err(|error| Failure::Use(format!("log.level: {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    let _ = match settings.format {
        Format::Json => log.json().flatten_event(true).with_current_span(false).try_init(),
        Format::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    Ok(())
}

/// The WebRTC stack warns at each handshake of what is usual there; a filter that names it wins.
fn filter(level: &str) -> String {
    format!("rtc=error,{level}")
}
