//! Files that people add to requests and bookings: the row here, the bytes in the data folder under the row's id.

use super::sql::{self, int, optional_text, text};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError};
use crate::domain::ids::{AppointmentId, PersonId, RequestId, SchoolId};
use crate::domain::role::Role;

/// A file's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFile {
    /// Made by the hub; the name of the bytes on the disk.
    pub id: String,
    pub request: Option<RequestId>,
    pub appointment: Option<AppointmentId>,
    /// What the person called it: shown, never used as a path.
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
    pub sha256: String,
    pub by: PersonId,
}

/// What a file hangs on.
#[derive(Clone, Debug)]
pub enum Owner {
    Request(RequestId),
    Appointment(AppointmentId),
}

/// Files of one request or booking.
pub const MOST_FILES: i64 = 5;

impl Store {
    /// The files of a request or a booking, oldest first.
    pub async fn files_of(&self, owner: &Owner) -> Result<Vec<RequestFile>, StoreError> {
        let (sql, id) = match owner {
            Owner::Request(id) => ("SELECT * FROM request_file WHERE request_id = $1 ORDER BY at, id", id.as_str()),
            Owner::Appointment(id) => {
                ("SELECT * FROM request_file WHERE appointment_id = $1 ORDER BY at, id", id.as_str())
            }
        };
        let rows = sqlx::query(sql).bind(id).fetch_all(self.readers()).await?;
        rows.iter().map(file).collect()
    }

    /// One file; [`StoreError::NotFound`] for another school's.
    pub async fn request_file(&self, school: &SchoolId, id: &str) -> Result<RequestFile, StoreError> {
        let row = sqlx::query("SELECT * FROM request_file WHERE id = $1 AND school_id = $2")
            .bind(id)
            .bind(school.as_str())
            .fetch_one(self.readers())
            .await?;
        file(&row)
    }

    /// Writes a file's row, once its bytes are on the disk. `false`: there are as many as may be.
    pub async fn add_file(
        &self,
        school: SchoolId,
        new: RequestFile,
        actor: Actor,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let (request, appointment) = (new.request.as_ref(), new.appointment.as_ref());
                let there: (i64,) =
                    sqlx::query_as("SELECT COUNT(*) FROM request_file WHERE request_id = $1 OR appointment_id = $2")
                        .bind(request.map(RequestId::as_str))
                        .bind(appointment.map(AppointmentId::as_str))
                        .fetch_one(tx.connection())
                        .await?;
                if there.0 >= MOST_FILES {
                    return Ok(false);
                }
                let row = vec![
                    new.id.as_str().into(),
                    school.as_str().into(),
                    request.map(|id| id.as_str().to_owned()).into(),
                    appointment.map(|id| id.as_str().to_owned()).into(),
                    new.name.as_str().into(),
                    new.media_type.as_str().into(),
                    new.size_bytes.into(),
                    new.sha256.as_str().into(),
                    new.by.as_str().into(),
                    now_ms.into(),
                ];
                let into = "request_file (id, school_id, request_id, appointment_id, name, media_type, size_bytes, sha256, by_id, at)";
                sql::insert_many(tx.connection(), into, 10, vec![row]).await?;
                let event = AuditEvent::new(school, now_ms, "file.add", "request_file", &new.id)
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .with(serde_json::json!({ "sha256": new.sha256, "bytes": new.size_bytes }));
                tx.audit(event).await?;
                Ok(true)
            })
        })
        .await
    }
}

fn file(row: &sqlx::any::AnyRow) -> Result<RequestFile, StoreError> {
    Ok(RequestFile {
        id: text(row, "id")?,
        request: optional_text(row, "request_id")?.map(RequestId::new),
        appointment: optional_text(row, "appointment_id")?.map(AppointmentId::new),
        name: text(row, "name")?,
        media_type: text(row, "media_type")?,
        size_bytes: int(row, "size_bytes")?,
        sha256: text(row, "sha256")?,
        by: PersonId::new(text(row, "by_id")?),
    })
}
