//! A person's data in one archive: each table as JSON and as CSV, and the files.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError};
use super::places::{HIDDEN, PLACES};
use crate::domain::archive;
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::role::Role;

/// Rows of one table in an export; a person has fewer in ten years.
const MOST_ROWS: i64 = 200_000;

/// What an export holds, before it is packed.
#[derive(Clone, Debug, Default)]
pub struct PersonalData {
    /// By table; the person's own row is `person`.
    pub tables: BTreeMap<String, Vec<Map<String, Value>>>,
    /// Id and shown name of files that stand in the data folder.
    pub files: Vec<(String, String)>,
}

impl Store {
    /// Everything that stands about a person, secrets left out.
    pub async fn personal_data(&self, person: &PersonId) -> Result<PersonalData, StoreError> {
        let mut data = PersonalData::default();
        let own = self.rows_of("person", "id", person).await?;
        if own.is_empty() {
            return Err(StoreError::NotFound);
        }
        data.tables.insert("person".to_owned(), own);
        for place in PLACES.iter().filter(|place| place.is_own) {
            let rows = self.rows_of(place.table, place.column, person).await?;
            let table = data.tables.entry(place.table.to_owned()).or_default();
            // One row may name the person twice.
            for row in rows {
                if !table.contains(&row) {
                    table.push(row);
                }
            }
        }
        data.tables.insert("message_edit".to_owned(), self.edits_of(person).await?);
        for row in data.tables.get("request_file").into_iter().flatten() {
            if let (Some(id), Some(name)) = (row["id"].as_str(), row["name"].as_str()) {
                data.files.push((id.to_owned(), name.to_owned()));
            }
        }
        data.tables.retain(|_, rows| !rows.is_empty());
        Ok(data)
    }

    /// Writes down who took an export of whose data.
    pub async fn note_export(
        &self,
        school: SchoolId,
        person: PersonId,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let event = AuditEvent::new(school, now_ms, "data.export", "person", person.as_str())
                    .by(&actor.person, actor.role.map(Role::as_str));
                tx.audit(event).await
            })
        })
        .await
    }

    async fn rows_of(
        &self,
        table: &str,
        column: &str,
        person: &PersonId,
    ) -> Result<Vec<Map<String, Value>>, StoreError> {
        // Both names come from a list in this folder.
        let sql = format!("SELECT * FROM {table} WHERE {column} = $1 LIMIT {MOST_ROWS}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str()).fetch_all(self.readers()).await?;
        rows.iter().map(object).collect()
    }

    async fn edits_of(&self, person: &PersonId) -> Result<Vec<Map<String, Value>>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.message_id, e.at, e.body FROM message_edit e JOIN message m ON m.id = e.message_id
             WHERE m.author_id = $1 ORDER BY e.at",
        )
        .bind(person.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(object).collect()
    }
}

/// A row as JSON.
fn object(row: &sqlx::any::AnyRow) -> Result<Map<String, Value>, StoreError> {
    let mut object = Map::new();
    for column in row.columns().iter().filter(|column| !HIDDEN.contains(&column.name())) {
        let at = column.ordinal();
        let raw = row.try_get_raw(at)?;
        let value = if raw.is_null() {
            Value::Null
        } else {
            match raw.type_info().name() {
                "TEXT" => Value::String(row.try_get(at)?),
                _ => Value::from(row.try_get::<i64, _>(at)?),
            }
        };
        object.insert(column.name().to_owned(), value);
    }
    Ok(object)
}

/// The archive: `README.txt`, `data.json`, `tables/NAME.csv`, `files/ID NAME`. Packing takes a while: not on a thread that
/// others wait for.
///
/// # Errors
/// What the format cannot hold.
pub fn pack(
    data: &PersonalData,
    readme: &str,
    files: Vec<(String, Vec<u8>)>,
) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut entries = vec![("README.txt".to_owned(), readme.as_bytes().to_vec())];
    let json = serde_json::to_vec_pretty(&data.tables).unwrap_or_default();
    entries.push(("data.json".to_owned(), json));
    for (table, rows) in &data.tables {
        entries.push((format!("tables/{table}.csv"), csv_of(rows)));
    }
    entries.extend(files.into_iter().map(|(name, content)| (format!("files/{name}"), content)));
    archive::pack(&entries)
}

fn csv_of(rows: &[Map<String, Value>]) -> Vec<u8> {
    let Some(first) = rows.first() else { return Vec::new() };
    let mut writer = csv::Writer::from_writer(vec![0xef, 0xbb, 0xbf]);
    // Writing to memory cannot fail; all rows of a table have its columns.
    let _ = writer.write_record(first.keys());
    for row in rows {
        let cells = row.values().map(|value| match value {
            Value::Null => String::new(),
            // A spreadsheet would run it.
            Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let _ = writer.write_record(cells.collect::<Vec<_>>());
    }
    writer.into_inner().unwrap_or_default()
}
