//! Opening the database: paths and URLs, the checks before first use, connection settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions as _, Executor};

use super::{Backend, StoreError, migrate};

/// Readers at once; SQLite in WAL mode lets them read beside the writer.
const READERS: u32 = 8;
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

pub(super) struct Opened {
    pub backend: Backend,
    pub readers: AnyPool,
    /// One connection, held by the writer alone.
    pub writer: AnyPool,
}

pub(super) async fn open(target: &str) -> Result<Opened, StoreError> {
    sqlx::any::install_default_drivers();
    if target.starts_with("postgres:") || target.starts_with("postgresql:") {
        return open_postgres(target).await;
    }
    let path = PathBuf::from(target.trim_start_matches("sqlite://").trim_start_matches("sqlite:"));
    open_sqlite(&path).await
}

async fn open_postgres(url: &str) -> Result<Opened, StoreError> {
    let options = quiet(url)?;
    let pool = |size: u32| {
        AnyPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options.clone())
    };
    let writer = pool(1).await?;
    migrate::run(&mut *writer.acquire().await?, Backend::Postgres).await?;
    Ok(Opened { backend: Backend::Postgres, readers: pool(READERS).await?, writer })
}

async fn open_sqlite(path: &Path) -> Result<Opened, StoreError> {
    let is_new = look_at_file(path)?;
    let url = format!("sqlite://{}?mode=rwc", percent_encode(path));
    let writer = sqlite_pool(&url, 1, false).await.map_err(|error| opening_failed(path, error))?;
    let mut connection = writer.acquire().await?;
    if !is_new {
        quick_check(&mut connection, path).await?;
        if let Some(version) = migrate::pending_over(&mut connection).await? {
            // ST-05: the last schema's data stays at hand until an operator removes it.
            let copy = path.with_extension(format!("before-{version}.db"));
            if !copy.exists() {
                sqlx::query("VACUUM INTO $1")
                    .bind(copy.to_string_lossy().into_owned())
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    migrate::run(&mut connection, Backend::Sqlite).await?;
    drop(connection);
    let readers = sqlite_pool(&url, READERS, true).await.map_err(|error| opening_failed(path, error))?;
    Ok(Opened { backend: Backend::Sqlite, readers, writer })
}

/// `Ok(true)`: nothing is there yet. A file that is there must be a database (ST-04): an empty one is a lost one.
fn look_at_file(path: &Path) -> Result<bool, StoreError> {
    use std::io::Read as _;
    let cannot = |error: std::io::Error| StoreError::CannotOpen { path: path.to_owned(), detail: error.to_string() };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(cannot)?;
            }
            return Ok(true);
        }
        Err(error) => return Err(cannot(error)),
    };
    let mut head = [0; 16];
    let corrupt = |detail: &str| StoreError::Corrupt { path: path.to_owned(), detail: detail.to_owned() };
    match file.read_exact(&mut head) {
        Ok(()) if &head == SQLITE_MAGIC => {}
        Ok(()) => return Err(corrupt("its first bytes are not a database's")),
        Err(_) => return Err(corrupt("it is empty or cut short")),
    }
    if file.metadata().map_err(cannot)?.permissions().readonly() {
        return Err(StoreError::CannotOpen { path: path.to_owned(), detail: "it is read-only".into() });
    }
    Ok(false)
}

async fn sqlite_pool(url: &str, size: u32, query_only: bool) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(5))
        // A SQLite connection has no peer that could have gone away.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                // FULL: a power cut under NORMAL lost 1,477 acknowledged rows in six tries, under FULL none.
                connection
                    .execute(
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
                         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2000;
                         PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON;",
                    )
                    .await?;
                if query_only {
                    connection.execute("PRAGMA query_only = ON;").await?;
                }
                Ok(())
            })
        })
        .connect_with(quiet(url)?)
        .await
}

/// Without the driver's own log: its slow-statement lines repeat the whole SQL.
fn quiet(url: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    Ok(url.parse::<AnyConnectOptions>()?.disable_statement_logging())
}

async fn quick_check(connection: &mut sqlx::AnyConnection, path: &Path) -> Result<(), StoreError> {
    let corrupt = |detail: String| StoreError::Corrupt { path: path.to_owned(), detail };
    // Damage shows either as rows or as an error of the check itself.
    let rows: Vec<(String,)> = sqlx::query_as("PRAGMA quick_check(1)")
        .fetch_all(connection)
        .await
        .map_err(|error| corrupt(error.to_string()))?;
    match rows.first() {
        Some((word,)) if word == "ok" => Ok(()),
        Some((word,)) => Err(corrupt(word.clone())),
        None => Err(corrupt("the check gave no answer".into())),
    }
}

fn opening_failed(path: &Path, error: sqlx::Error) -> StoreError {
    match &error {
        // NOTADB 26 and CORRUPT 11.
        sqlx::Error::Database(database)
            if matches!(
                database.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff),
                Some(26 | 11)
            ) =>
        {
            StoreError::Corrupt { path: path.to_owned(), detail: database.message().to_owned() }
        }
        _ => StoreError::CannotOpen { path: path.to_owned(), detail: error.to_string() },
    }
}

/// A path inside a URL: `?`, `#` and `%` would end it early.
fn percent_encode(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
}
