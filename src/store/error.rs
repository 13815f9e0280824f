//! What can go wrong with the store, by what a caller can do about it.

use std::path::PathBuf;

/// A failure of the store. Texts are for the operator and name no rows.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space left: reads go on, writes come back when there is space (`storage_full`).
    #[error("the disk under the database is full")]
    Full,
    /// The row is there already, or another writer was first.
    #[error("the row is already there or has changed meanwhile")]
    Conflict,
    #[error("no such row")]
    NotFound,
    /// Try again: the database is restarting, locked or overloaded.
    #[error("the database does not answer now")]
    Unavailable(#[source] Option<sqlx::Error>),
    /// The file is damaged or is not a Kafedra database.
    #[error("{} is damaged or not a Kafedra database ({detail}); put a backup back: kafedra restore DIR", path.display())]
    Corrupt { path: PathBuf, detail: String },
    /// The file cannot be opened or written.
    #[error("{} cannot be opened: {detail}", path.display())]
    CannotOpen { path: PathBuf, detail: String },
    #[error("the database has schema {found}, this binary knows up to {known}: start the newer kafedra")]
    SchemaTooNew { found: i64, known: i64 },
    #[error("migration {version} failed")]
    Migration {
        version: i64,
        #[source]
        source: sqlx::Error,
    },
    /// A stored value that this binary cannot read: a fault of ours.
    #[error("a stored {what} cannot be read")]
    Unreadable { what: &'static str },
    /// A fault of ours in a statement or a job.
    #[error("a statement failed")]
    Fault(#[source] Option<sqlx::Error>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(database) => {
                if database.is_unique_violation() || database.is_foreign_key_violation() {
                    return Self::Conflict;
                }
                let code = database.code().unwrap_or_default();
                match class(&code) {
                    Class::Full => Self::Full,
                    Class::Busy => Self::Unavailable(Some(error)),
                    Class::Other => Self::Fault(Some(error)),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_) => Self::Unavailable(Some(error)),
            _ => Self::Fault(Some(error)),
        }
    }
}

enum Class {
    Full,
    Busy,
    Other,
}

/// SQLite's (extended) result codes are decimal numbers, PostgreSQL's are five-character SQLSTATEs.
fn class(code: &str) -> Class {
    if code.len() == 5 {
        return match code {
            "53100" => Class::Full,
            "40001" | "40P01" | "55P03" | "53300" | "57P01" | "57P02" | "57P03" => Class::Busy,
            _ if code.starts_with("08") => Class::Busy,
            _ => Class::Other,
        };
    }
    // The low byte is the primary code: BUSY 5, LOCKED 6, READONLY 8, IOERR 10, FULL 13, CANTOPEN 14.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(13) => Class::Full,
        Ok(5 | 6 | 8 | 10 | 14) => Class::Busy,
        _ => Class::Other,
    }
}

/// A stored value that this binary cannot read: our fault, not the caller's.
pub(crate) fn unreadable(what: &'static str) -> StoreError {
    StoreError::Unreadable { what }
}
