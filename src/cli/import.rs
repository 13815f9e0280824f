//! `kafedra import cards|roster FILE`: lesson cards or people from a file, all or nothing; mistakes by line and column.

use std::path::PathBuf;

use super::{Done, Failure};
use crate::app::{open_store, timing};
use crate::clock::WallClock;
use crate::config::Config;
use crate::store::import::{ImportError, ImportRequest};
use crate::store::roster::{RosterImportError, RosterRequest};

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

pub async fn roster(config: Config, clock: WallClock, file: PathBuf, dry_run: bool) -> Done {
    let bytes = std::fs::read(&file).map_err(|error| Failure::Use(format!("{}: {error}", file.display())))?;
    let store = open_store(&config).await?;
    let Some(school) = store.schools().await?.into_iter().next() else {
        return Err(Failure::Work("there is no school in the store yet; kafedra school init makes it".into()));
    };
    let now_ms = clock.now_ms();
    let today = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(school.zone()).date();
    let done =
        store.import_roster(&bytes, RosterRequest { school, actor: None, assigns: None, dry_run, today, now_ms }).await;
    store.close().await;
    match done {
        Ok(report) => {
            let done = if report.dry_run { "would be" } else { "were" };
            println!(
                "{} people: {} {done} created, {} changed, {} have left; {} classes, {} groups, {} subjects created; \
                 {} enrolled, {} ended; {} guardian links proposed",
                report.people,
                report.people_created,
                report.people_updated,
                report.people_left,
                report.classes_created,
                report.groups_created,
                report.subjects_created,
                report.enrollments_made,
                report.enrollments_ended,
                report.links_proposed
            );
            if report.units_created + report.units_renamed + report.units_removed + report.people_moved > 0 {
                println!(
                    "{} units {done} created, {} renamed, {} removed; {} people work in another unit",
                    report.units_created, report.units_renamed, report.units_removed, report.people_moved
                );
            }
            Ok(())
        }
        Err(RosterImportError::Rejected(errors)) => {
            for cell in &errors {
                eprintln!("{}:{}: {} [{}]: {}", cell.file, cell.line, cell.column, cell.code, cell.text);
            }
            Err(Failure::Work(format!("{} mistakes, nothing was changed", errors.len())))
        }
        Err(RosterImportError::Store(error)) => Err(error.into()),
    }
}
