//! Telling people what became of their requests and appointments: a notice in the transaction of what happened.

use super::outbox::Letter;
use super::{StoreError, Tx};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::notice::Notice;

impl Tx {
    /// Tells these people; `key` names the happening, told once.
    pub(super) async fn tell(
        &mut self,
        school: &SchoolId,
        to: Vec<PersonId>,
        notice: Notice,
        key: String,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.enqueue(Letter { school: school.clone(), to, notice, key, now_ms }).await?;
        Ok(())
    }

    /// These students and those who stand for them that day: what concerns a child is told to both.
    pub(super) async fn with_guardians(
        &mut self,
        students: Vec<PersonId>,
        day: jiff::civil::Date,
    ) -> Result<Vec<PersonId>, StoreError> {
        let mut people = self.guardians_of(&students, day).await?;
        people.extend(students);
        Ok(people)
    }
}
