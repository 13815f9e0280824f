//! The lasting truth: the only SQL of the hub, on SQLite (embedded, the default) or PostgreSQL.
//!
//! All writes go through one writer task that commits in groups ([`Store::write`]); reads come from a pool. The SQL is
//! portable: `$1` placeholders, TEXT names, BIGINT Unix milliseconds, JSON as TEXT, no booleans (0 or 1 as BIGINT), no
//! upsert dialects beyond `ON CONFLICT`. Each file below brings its own statements and nothing else holds any.

pub mod access;
pub mod appointment;
pub mod asc;
pub mod attendance;
pub mod audit;
mod backup;
pub mod calendar;
pub mod card;
pub mod card_export;
pub mod chat;
mod chosen;
pub mod consultation;
pub mod deliveries;
pub mod demo;
pub mod device_check;
pub mod error;
pub mod evidence;
pub mod feed;
pub mod feedback;
pub mod founding;
pub mod guardian;
pub mod guide;
pub mod import;
mod incident;
mod lessons;
pub mod load;
pub mod logins;
pub mod marks;
pub mod media_quality;
mod migrate;
pub mod notices;
mod open;
pub mod origin;
pub mod outbox;
pub mod people;
pub mod planning;
pub mod privacy;
pub mod programme;
mod reach;
pub mod request;
pub mod request_file;
pub mod roster;
pub mod school;
pub mod sessions;
mod sql;
mod tell;
mod told;
pub mod topics;
pub mod transition;
pub mod units;
mod writer;

#[cfg(test)]
#[path = "../tests/integration/hub/postgres.rs"]
#[allow(clippy::unwrap_used, reason = "tests only")]
mod postgres;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::AnyPool;

pub use audit::AuditEvent;
pub use error::StoreError;
pub use writer::Tx;

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    readers: AnyPool,
    writer: writer::WriterHandle,
}

/// Which database answers. Statements are the same; only opening, locking and errors differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Store {
    /// Opens (and on first use creates) the database and brings its schema up to date.
    ///
    /// `target` is a file path, a `sqlite:` URL or a `postgres:` URL. A file that is there but is not a healthy database is
    /// refused with [`StoreError::Corrupt`] and never recreated; a schema newer than this binary with
    /// [`StoreError::SchemaTooNew`].
    pub async fn open(target: &str) -> Result<Self, StoreError> {
        let opened = open::open(target).await?;
        let writer = writer::start(opened.backend, opened.writer);
        Ok(Self { inner: Arc::new(Inner { backend: opened.backend, readers: opened.readers, writer }) })
    }

    /// Runs `job` in the writer, inside its own savepoint of a group commit, and answers after `COMMIT`.
    ///
    /// `Err` of the job undoes what it wrote and leaves its neighbours alone. The caller may go away: the job still runs.
    /// ```text
    /// store.write(|tx| Box::pin(async move { tx.audit(event).await?; Ok::<_, StoreError>(()) })).await?;
    /// ```
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.writer.write(job).await
    }

    /// The pool to read from. Reads see committed rows only.
    pub(crate) fn readers(&self) -> &AnyPool {
        &self.inner.readers
    }

    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Whether the database answers now; for `/readyz`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(self.readers()).await?;
        Ok(())
    }

    /// What a test on this folder opens: SQLite in it, or the database that goes with it on `KAFEDRA_TEST_POSTGRES`.
    #[cfg(test)]
    pub(crate) fn test_target(folder: &std::path::Path) -> String {
        let database = postgres::database(folder);
        if database.is_empty() { folder.join("kafedra.db").to_string_lossy().into_owned() } else { database }
    }

    /// The store of a test on this folder.
    #[cfg(test)]
    pub(crate) async fn fresh(folder: &std::path::Path) -> Self {
        #[allow(clippy::unwrap_used, reason = "a test")]
        Self::open(&Self::test_target(folder)).await.unwrap()
    }

    /// Lets the writer finish what is queued, then closes all connections. Later writes are [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.readers.close().await;
    }
}

#[cfg(test)]
mod tests;
