//! `kafedra backup DIR` and `kafedra restore DIR`: one consistent copy of the database with the files of people, and its way
//! back.

use std::path::{Path, PathBuf};

use super::{Done, Failure};
use crate::app::open_store;
use crate::config::Config;
use crate::store::{Store, audit};

/// Name of the copy inside the folder.
const COPY: &str = "kafedra.db";
/// Folder with what people added to requests and bookings; its files are never changed, only added.
const FILES: &str = "files";

pub async fn backup(config: Config, dir: PathBuf) -> Done {
    std::fs::create_dir_all(&dir).map_err(|error| trouble(&dir, &error))?;
    let target = dir.join(COPY);
    let fresh = dir.join("kafedra.db.part");
    remove(&fresh)?;
    let store = open_store(&config).await?;
    let copied = store.copy_to(&fresh).await;
    store.close().await;
    copied?;
    // The old copy goes only when the new one is whole and on disk.
    std::fs::File::open(&fresh).and_then(|file| file.sync_all()).map_err(|error| trouble(&fresh, &error))?;
    std::fs::rename(&fresh, &target).map_err(|error| trouble(&target, &error))?;
    // After the database: a row whose file came later is worse than a file without a row.
    copy_new(&config.data.dir.join(FILES), &dir.join(FILES))?;
    println!("{}", target.display());
    Ok(())
}

pub async fn restore(config: Config, dir: PathBuf, force: bool) -> Done {
    if !config.data.database.is_empty() {
        return Err(Failure::Use("restore is for SQLite in the data folder; PostgreSQL has pg_restore".into()));
    }
    let source = dir.join(COPY);
    let target = config.data.dir.join(COPY);
    if !source.exists() {
        return Err(Failure::Use(format!("{} is not there", source.display())));
    }
    if target.exists() && !force {
        return Err(Failure::Use(format!("{} is there already; --force replaces it", target.display())));
    }
    std::fs::create_dir_all(&config.data.dir).map_err(|error| trouble(&config.data.dir, &error))?;
    let fresh = config.data.dir.join("kafedra.db.part");
    remove(&fresh)?;
    std::fs::copy(&source, &fresh).map_err(|error| trouble(&source, &error))?;
    // A copy that is not whole must not take the place of anything.
    let store = Store::open(&fresh.to_string_lossy()).await?;
    let report = audit::verify(&store).await;
    store.close().await;
    let report = report?;
    if !report.is_intact() {
        return Err(Failure::Work(format!("the journal in {} was changed; it is not put back", source.display())));
    }
    for ending in ["-wal", "-shm"] {
        remove(&config.data.dir.join(format!("{COPY}{ending}")))?;
        remove(&config.data.dir.join(format!("kafedra.db.part{ending}")))?;
    }
    copy_new(&dir.join(FILES), &config.data.dir.join(FILES))?;
    std::fs::rename(&fresh, &target).map_err(|error| trouble(&target, &error))?;
    println!("{}: {} rows of the journal, the chain is intact", target.display(), report.rows);
    Ok(())
}

/// Copies the files that are not there yet; no folder, nothing to copy.
fn copy_new(from: &Path, to: &Path) -> Done {
    let entries = match std::fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(trouble(from, &error)),
    };
    std::fs::create_dir_all(to).map_err(|error| trouble(to, &error))?;
    for entry in entries {
        let source = entry.map_err(|error| trouble(from, &error))?.path();
        let Some(name) = source.file_name().filter(|_| source.is_file()) else { continue };
        let target = to.join(name);
        if target.exists() {
            continue;
        }
        // A copy that was cut off must not pass for the file.
        let fresh = to.join("copying.part");
        std::fs::copy(&source, &fresh).map_err(|error| trouble(&source, &error))?;
        std::fs::rename(&fresh, &target).map_err(|error| trouble(&target, &error))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Done {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(trouble(path, &error)),
    }
}

fn trouble(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Work(format!("{}: {error}", path.display()))
}
