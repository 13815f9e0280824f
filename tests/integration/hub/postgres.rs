//! The same tests on PostgreSQL: `KAFEDRA_TEST_POSTGRES` names a server (`postgres://USER@HOST:PORT`), on which each data
//! folder gets a database of its own. Without it everything runs on SQLite in the folder.

use std::path::Path;
use std::process::Command;

/// The database that goes with a data folder, made when it is not there; empty on SQLite.
pub fn database(folder: &Path) -> String {
    let Ok(server) = std::env::var("KAFEDRA_TEST_POSTGRES") else { return String::new() };
    // PostgreSQL folds names to small letters, temporary folders tell themselves apart by them.
    let name: String =
        folder.file_name().unwrap().as_encoded_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let psql = |statement: &str| {
        let done = Command::new("psql").args([&format!("{server}/postgres"), "-qAtc", statement]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    if psql(&format!("SELECT 1 FROM pg_database WHERE datname = 't{name}'")).is_empty() {
        psql(&format!("CREATE DATABASE t{name}"));
    }
    format!("{server}/t{name}")
}
