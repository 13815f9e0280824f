//! Small helps for statements: lists of placeholders, dates and words kept as text.

use jiff::civil::{Date, Time};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::StoreError;
use super::error::unreadable;

/// `$from, $from+1, …`, `count` of them.
pub(super) fn placeholders(from: usize, count: usize) -> String {
    (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// `($1, $2), ($3, $4), …`: `rows` rows of `columns` values.
///
/// For SQLite `$n` is a name, looked up in a list from its head for each of them: square in their number. `?` has none.
fn value_rows(connection: &AnyConnection, rows: usize, columns: usize) -> String {
    let row = |row: usize| match connection.backend_name() {
        "SQLite" => vec!["?"; columns].join(", "),
        _ => placeholders(1 + row * columns, columns),
    };
    (0..rows).map(|n| format!("({})", row(n))).collect::<Vec<_>>().join(", ")
}

/// A value of a row to insert.
pub(super) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

/// Rows per statement: one round trip to the database costs more than the row itself.
const CHUNK_VALUES: usize = 900;

/// Inserts all rows, many per statement. `into` is `table (column, …)`, `columns` their number.
pub(super) async fn insert_many(
    connection: &mut AnyConnection,
    into: &'static str,
    columns: usize,
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    let per_chunk = (CHUNK_VALUES / columns).max(1);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<_> = rows.by_ref().take(per_chunk).collect();
        let sql = format!("INSERT INTO {into} VALUES {}", value_rows(connection, chunk.len(), columns));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for value in chunk.into_iter().flatten() {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(number) => query.bind(number),
            };
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) fn text(row: &AnyRow, column: &'static str) -> Result<String, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn optional_text(row: &AnyRow, column: &'static str) -> Result<Option<String>, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn int(row: &AnyRow, column: &'static str) -> Result<i64, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn optional_int(row: &AnyRow, column: &'static str) -> Result<Option<i64>, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn flag(row: &AnyRow, column: &'static str) -> Result<bool, StoreError> {
    Ok(int(row, column)? != 0)
}

pub(super) fn date(text: &str) -> Result<Date, StoreError> {
    text.parse().map_err(|_| unreadable("date"))
}

pub(super) fn optional_date(text: Option<String>) -> Result<Option<Date>, StoreError> {
    text.map(|text| date(&text)).transpose()
}

pub(super) fn time(text: &str) -> Result<Time, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable { what: "time" })
}

/// A word of a closed list.
pub(super) fn word<T>(value: Option<T>, what: &'static str) -> Result<T, StoreError> {
    value.ok_or(StoreError::Unreadable { what })
}

pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable { what })
}

/// JSON of our own types, which always have one.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("domain types have string keys and finite numbers")
}
