//! A copy of the database while it is in use.

use std::path::Path;

use sqlx::Executor as _;

use super::{Backend, Store, StoreError};

impl Store {
    /// Writes a consistent copy to `path`, which must not exist. Readers and the writer go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] for a path that cannot be written and on PostgreSQL, which has `pg_dump`.
    pub async fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let cannot = |detail: String| StoreError::CannotOpen { path: path.to_owned(), detail };
        if self.backend() != Backend::Sqlite {
            return Err(cannot("this database is PostgreSQL: use pg_dump".into()));
        }
        if path.exists() {
            return Err(cannot("it is there already".into()));
        }
        let mut connection = self.readers().acquire().await?;
        // Readers may not write, and SQLite counts the copy as writing. The connection goes back as it was.
        connection.execute("PRAGMA query_only = OFF").await?;
        let copied =
            sqlx::query("VACUUM INTO $1").bind(path.to_string_lossy().into_owned()).execute(&mut *connection).await;
        connection.execute("PRAGMA query_only = ON").await?;
        copied.map(|_| ()).map_err(|error| cannot(error.to_string()))
    }
}
