//! The command line: exit codes, and the subcommands that work without a running hub.

use std::path::Path;
use std::process::{Command, Output};

fn kafedra(data: &Path, arguments: &[&str]) -> Output {
    kafedra_on("", data, arguments)
}

/// `database` as in the configuration: empty for SQLite in the data folder.
fn kafedra_on(database: &str, data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kafedra"))
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .env("KAFEDRA_SERVER__LISTEN", "127.0.0.1:0")
        .env("KAFEDRA_MEDIA__UDP_PORT", "0")
        .env("KAFEDRA_DATA__DATABASE", database)
        .env_remove("KAFEDRA_PASSWORD")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn wrong_use_is_two_and_failure_is_one() {
    let data = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], code| {
        let output = kafedra(data.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output));
    };
    check(&["version"], 0);
    check(&["no-such-command"], 2);
    check(&["token", "--login", "T-014", "--scopes", "everything"], 2);
    check(&["token", "--login", "T-014", "--scopes", "room.join"], 1);
    check(&["restore", "/nowhere"], 2);
    check(&["audit", "verify"], 0);
    check(&["doctor"], 0);
}

#[test]
fn a_store_that_is_no_database_is_refused_and_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("kafedra.db");
    std::fs::write(&file, b"this is not a database at all").unwrap();
    let output = kafedra(data.path(), &["audit", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("restore"), "{}", text(&output));
    assert_eq!(std::fs::read(&file).unwrap(), b"this is not a database at all");
    let output = kafedra(data.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("FAIL  store"), "{}", text(&output));
}

#[test]
fn a_backup_comes_back() {
    let data = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let copy = copy.path().to_str().unwrap();
    assert_eq!(kafedra(data.path(), &["audit", "verify"]).status.code(), Some(0));
    let output = kafedra(data.path(), &["backup", copy]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(kafedra(data.path(), &["restore", copy]).status.code(), Some(2), "a database is there");
    let output = kafedra(data.path(), &["restore", copy, "--force"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(kafedra(data.path(), &["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn the_contracts_are_exported() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("contracts");
    let output = kafedra(data.path(), &["export", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for name in ["openapi.json", "signaling.schema.json"] {
        let value: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        assert!(value.is_object());
    }
}

/// Evidence (clause 4.1): one changed byte in a row of the journal is found from outside, with its place.
#[tokio::test]
async fn one_changed_byte_of_the_journal_is_found() {
    use sqlx::Connection as _;

    let hub = crate::hub::TestHub::start().await;
    let database = hub.database();
    let folder = hub.stop_and_keep().await;
    let verify = || kafedra_on(&database, folder.path(), &["audit", "verify"]);
    assert_eq!(verify().status.code(), Some(0));
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(&database).await.unwrap();
    let changed = sqlx::query(
        "UPDATE audit_event SET object_id = substr(object_id, 1, length(object_id) - 1) || 'x' WHERE seq = 7",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    assert_eq!(changed.rows_affected(), 1);
    connection.close().await.unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains('7'), "the row is named: {}", text(&output));
}
