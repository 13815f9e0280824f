//! `kafedra import cards FILE`: lesson cards from a file, all or nothing; mistakes by line and column.

use std::path::PathBuf;

use super::{Done, Failure};
use crate::app::{open_store, timing};
use crate::clock::WallClock;
use crate::config::Config;
use crate::store::import::{ImportError, ImportRequest};

pub async fn cards(config: Config, clock: WallClock, file: PathBuf, dry_run: bool) -> Done {
    let bytes = std::fs::read(&file).map_err(|error| Failure::Use(format!("{}: {error}", file.display())))?;
    let store = open_store(&config).await?;
    let schools = store.schools().await?;
    let Some(school) = schools.into_iter().next() else {
        return Err(Failure::Work("there is no school in the store yet; kafedra school init makes it".into()));
    };
    let wanted = ImportRequest {
        school,
        actor: None,
        own_only: false,
        dry_run,
        timings: store.timings(timing(&config)).await?,
        horizon_days: config.schedule.horizon_days,
        now_ms: clock.now_ms(),
    };
    let done = store.import_cards(&bytes, wanted).await;
    store.close().await;
    match done {
        Ok(report) => {
            for cell in &report.warnings {
                println!("{}:{}: {}: {}", file.display(), cell.line, cell.column, cell.text);
            }
            let done = if report.dry_run { "would be" } else { "were" };
            println!(
                "{} rows: {} cards {done} created, {} changed, {} unchanged; {} consultations",
                report.rows, report.created, report.updated, report.unchanged, report.consultations
            );
            Ok(())
        }
        Err(ImportError::Rejected(errors)) => {
            for cell in &errors {
                eprintln!("{}:{}: {} [{}]: {}", file.display(), cell.line, cell.column, cell.code, cell.text);
            }
            Err(Failure::Work(format!("{} mistakes, nothing was changed", errors.len())))
        }
        Err(ImportError::Store(error)) => Err(error.into()),
    }
}
