//! Schema versions: numbered files, all pending ones in one transaction, so that a kill in the middle leaves the old schema.
//!
//! To add tables: put `NNNN_name.sql` under `migrations/` and a line into [`MIGRATIONS`]. Never edit one that has been
//! released. The SQL must run on both databases.

use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::{Backend, StoreError};

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration { version: $version, name: $name, sql: include_str!(concat!("migrations/", $name, ".sql")) }
    };
}

/// 1 to 9 the school, 10 to 19 sessions and access, 20 to 29 rooms (chat, attendance), 30 to 99 whatever came next,
/// 100 to 119 planning, 120 to 139 individual help, 140 to 159 evidence.
const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_audit"),
    migration!(2, "0002_school"),
    migration!(3, "0003_timetable"),
    migration!(10, "0010_sessions"),
    migration!(20, "0020_chat"),
    migration!(21, "0021_attendance"),
    migration!(30, "0030_session_idle"),
    migration!(100, "0100_planning"),
    migration!(120, "0120_requests"),
    migration!(121, "0121_marks"),
    migration!(122, "0122_appointments"),
    migration!(123, "0123_guardians"),
    migration!(124, "0124_feedback"),
    migration!(140, "0140_notices"),
    migration!(141, "0141_evidence"),
    migration!(142, "0142_roster"),
    migration!(143, "0143_privacy"),
    migration!(144, "0144_regular_lessons"),
    migration!(160, "0160_media_quality"),
    migration!(170, "0170_holds"),
    migration!(180, "0180_guardian_index"),
    migration!(190, "0190_rule_proposals"),
    migration!(200, "0200_regular_lesson_terms"),
    migration!(210, "0210_journal_actor"),
    migration!(220, "0220_incidents"),
    migration!(221, "0221_evidence_of_lines"),
    migration!(222, "0222_audit_anchor"),
    migration!(230, "0230_device_check"),
    migration!(231, "0231_load_policy"),
    migration!(232, "0232_local_act_papers"),
    migration!(233, "0233_guide_video"),
    migration!(240, "0240_first_password"),
    migration!(241, "0241_people_by_name"),
    migration!(242, "0242_journal_by_action"),
];

/// The highest version applied, when there are migrations to apply on top of it.
pub(super) async fn pending_over(connection: &mut AnyConnection) -> Result<Option<i64>, StoreError> {
    create_table(connection).await?;
    let applied = applied(connection).await?;
    let pending = MIGRATIONS.iter().any(|migration| !applied.contains(&migration.version));
    Ok(applied.last().copied().filter(|_| pending))
}

pub(super) async fn run(connection: &mut AnyConnection, backend: Backend) -> Result<(), StoreError> {
    if backend == Backend::Postgres {
        // Two hubs starting at once: the second waits and finds the work done.
        connection.execute("SELECT CAST(pg_advisory_lock(7210041) AS TEXT)").await?;
    }
    let result = run_locked(connection).await;
    if backend == Backend::Postgres {
        connection.execute("SELECT CAST(pg_advisory_unlock(7210041) AS TEXT)").await?;
    }
    result
}

async fn run_locked(connection: &mut AnyConnection) -> Result<(), StoreError> {
    create_table(connection).await?;
    let applied = applied(connection).await?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    if let Some(found) = applied.iter().copied().find(|found| MIGRATIONS.iter().all(|known| known.version != *found)) {
        return Err(StoreError::SchemaTooNew { found, known });
    }
    let mut transaction = connection.begin().await?;
    for migration in MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)) {
        let failed = |source| StoreError::Migration { version: migration.version, source };
        sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(failed)?;
        if migration.version == NAMES_ARE_FOLDED {
            fold_names(&mut transaction).await.map_err(failed)?;
        }
        sqlx::query("INSERT INTO schema_migration (version, name) VALUES ($1, $2)")
            .bind(migration.version)
            .bind(migration.name)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The version that wants every person's folded name.
const NAMES_ARE_FOLDED: i64 = 241;

async fn fold_names(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let people: Vec<(String, String)> =
        sqlx::query_as("SELECT id, display_name FROM person").fetch_all(&mut *connection).await?;
    for (id, name) in people {
        sqlx::query("UPDATE person SET name_fold = $1 WHERE id = $2")
            .bind(crate::domain::fold::fold(&name))
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn create_table(connection: &mut AnyConnection) -> Result<(), StoreError> {
    connection
        .execute("CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL)")
        .await?;
    Ok(())
}

/// Versions applied, in rising order.
async fn applied(connection: &mut AnyConnection) -> Result<Vec<i64>, StoreError> {
    let rows: Vec<(i64,)> =
        sqlx::query_as("SELECT version FROM schema_migration ORDER BY version").fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(version,)| version).collect())
}
