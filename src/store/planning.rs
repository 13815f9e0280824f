//! Planning against the whole school: the view for the check, publishing with refusals, orders that lift them, substitutes,
//! moving. What is checked here is checked inside the transaction that writes it, one planner at a time (P12).

mod about;
pub mod acts;
pub mod drafts;
pub mod modes;
pub mod moving;
pub mod norms;
pub mod notice;
pub mod options;
pub mod overrides;
pub mod parts;
pub mod proposals;
pub mod publish;
mod sources;
pub mod substitute;
pub mod view;

use sqlx::AnyConnection;

use super::school::School;
use super::{Backend, StoreError, Tx};
use crate::domain::ids::{ConsultationId, GroupId, ProgrammeId, SubjectId};
use crate::domain::planning::card::Checked;
use crate::domain::refusal::RefusalCode;

/// Why something was not planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Nothing was changed; every date with what speaks against it.
    #[error("{} dates are refused", .0.iter().filter(|one| one.is_refused()).count())]
    Findings(Vec<Checked>),
    /// A rule of the state machine, of versions, or of rights.
    #[error("refused: {0}")]
    Refused(RefusalCode),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tx {
    /// Lets one planner of a school at a time through, until the transaction ends. SQLite has one writer anyway.
    pub(super) async fn lock_planning(&mut self, school: &School) -> Result<(), StoreError> {
        if self.backend() == Backend::Postgres {
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(hashtext($1)) AS TEXT)")
                .bind(format!("planning:{}", school.id))
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}

/// The programme of a subject for a group's grade in the year that holds most of what is planned now; `None`: there is none.
pub(super) async fn programme_of(
    connection: &mut AnyConnection,
    subject: Option<&SubjectId>,
    group: &GroupId,
) -> Result<Option<ProgrammeId>, StoreError> {
    let Some(subject) = subject else { return Ok(None) };
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT p.id FROM programme p JOIN school_class c ON c.grade = p.grade AND c.year_id = p.year_id
         JOIN study_group g ON g.class_id = c.id WHERE g.id = $1 AND p.subject_id = $2",
    )
    .bind(group.as_str())
    .bind(subject.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(id,)| ProgrammeId::new(id)))
}

/// The group's grade and shift, for its calendar.
pub(super) async fn class_of(
    connection: &mut AnyConnection,
    group: &GroupId,
) -> Result<crate::domain::calendar::ForClass, StoreError> {
    let row: Option<(Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT c.grade, c.shift FROM study_group g LEFT JOIN school_class c ON c.id = g.class_id WHERE g.id = $1",
    )
    .bind(group.as_str())
    .fetch_optional(connection)
    .await?;
    let (grade, shift) = row.ok_or(StoreError::NotFound)?;
    Ok(crate::domain::calendar::ForClass {
        grade: grade.and_then(|grade| u8::try_from(grade).ok()),
        shift: shift.and_then(|shift| u8::try_from(shift).ok()).unwrap_or(1),
    })
}

/// A name that the successor of a moved consultation has: the same for ever, so that moving twice is noticed.
pub(super) fn successor_of(id: &ConsultationId) -> ConsultationId {
    const SUCCESSORS: uuid::Uuid = uuid::Uuid::from_u128(0x6b61_6665_6472_5a00_8c6d_6f76_6564_0001);
    ConsultationId::new(uuid::Uuid::new_v5(&SUCCESSORS, id.as_str().as_bytes()).to_string())
}

#[cfg(test)]
mod tests;
