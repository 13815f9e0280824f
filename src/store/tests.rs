#![allow(clippy::unwrap_used)]
//! The frame: commits, undoing, refusals at opening, the audit chain.

use super::audit::{AuditEvent, ChainFault, verify};
use super::{Store, StoreError};
use crate::domain::ids::SchoolId;

async fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::fresh(folder.path()).await;
    (store, folder)
}

fn event(n: i64) -> AuditEvent {
    AuditEvent::new(SchoolId::new("s1"), n, "test.done", "test", &n.to_string())
}

async fn append(store: &Store, n: i64) -> Result<(), StoreError> {
    store.write(move |tx| Box::pin(async move { tx.audit(event(n)).await })).await
}

#[tokio::test]
async fn writes_from_many_callers_are_all_kept_and_chained() {
    let (store, _folder) = store().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        tasks.spawn(async move { append(&store, n).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    let report = verify(&store).await.unwrap();
    assert_eq!((report.rows, report.is_intact()), (200, true));
}

#[tokio::test]
async fn a_failed_job_is_undone_and_its_neighbours_stay() {
    let (store, _folder) = store().await;
    let good = append(&store, 1);
    let bad = store.write(|tx| {
        Box::pin(async move {
            tx.audit(event(2)).await?;
            Err::<(), _>(StoreError::Conflict)
        })
    });
    let panicking = store.write(|tx| {
        Box::pin(async move {
            tx.audit(event(3)).await?;
            assert!(tx.connection().backend_name().is_empty(), "on purpose");
            Ok::<(), StoreError>(())
        })
    });
    let good_too = append(&store, 4);
    let (first, second, third, fourth) = tokio::join!(good, bad, panicking, good_too);
    assert!(first.is_ok() && fourth.is_ok());
    assert!(matches!(second, Err(StoreError::Conflict)));
    assert!(matches!(third, Err(StoreError::Fault(None))));
    let report = verify(&store).await.unwrap();
    assert_eq!((report.rows, report.is_intact()), (2, true));
}

#[tokio::test]
async fn one_changed_byte_is_found() {
    let (store, _folder) = store().await;
    for n in 0..5 {
        append(&store, n).await.unwrap();
    }
    store
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("UPDATE audit_event SET object_id = '9' WHERE seq = 3").execute(tx.connection()).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
    let report = verify(&store).await.unwrap();
    assert_eq!(report.broken.len(), 1);
    assert_eq!((report.broken[0].seq, report.broken[0].fault), (3, ChainFault::Changed));
}

#[tokio::test]
async fn a_second_opening_finds_everything_there() {
    let (store, folder) = store().await;
    append(&store, 1).await.unwrap();
    store.close().await;
    assert!(matches!(append(&store, 2).await, Err(StoreError::Unavailable(_))));
    let store = Store::fresh(folder.path()).await;
    append(&store, 2).await.unwrap();
    assert_eq!(verify(&store).await.unwrap().rows, 2);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (store, folder) = store().await;
    store
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO schema_migration (version, name) VALUES (9999, 'later')")
                    .execute(tx.connection())
                    .await?;
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
    store.close().await;
    let again = Store::open(&Store::test_target(folder.path())).await;
    assert!(matches!(again.err(), Some(StoreError::SchemaTooNew { found: 9999, .. })));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("empty.db", &b""[..]), ("garbage.db", &b"this is not a database at all"[..])] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let opened = Store::open(path.to_str().unwrap()).await;
        assert!(matches!(opened.err(), Some(StoreError::Corrupt { .. })), "{name}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
