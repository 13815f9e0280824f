//! Who is told what when a consultation goes from one state to the next; part of the transaction that moves it.

use super::outbox::Letter;
use super::{StoreError, Tx};
use crate::domain::consultation::{Effect, IncidentKind, NotHeldReason, State, Step};
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::notice::Notice;
use crate::domain::role::Role;

impl Tx {
    /// Puts the notices of a step into the outbox. The clock may come by the same step twice: the key says it was told.
    pub(super) async fn tell_step(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        before: State,
        step: &Step,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        if before == step.to {
            return Ok(());
        }
        match step.to {
            State::Open => {
                let notice = Notice::ConsultationOpened { lesson: self.lesson_of(id).await? };
                self.tell_concerned(school, id, notice, now_ms).await
            }
            State::Cancelled => self.tell_cancelled(school, id, step, now_ms).await,
            State::NotHeld => match step.not_held {
                Some(reason @ (NotHeldReason::NoHost | NotHeldReason::Technical)) => {
                    self.tell_not_held(school, id, reason, step, now_ms).await
                }
                // Who was not there has nothing to be told.
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// It did not take place, and not for want of those who were invited: they, their guardians and the hosts are told, the
    /// deputy and the head of the school too.
    async fn tell_not_held(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        reason: NotHeldReason,
        step: &Step,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let lesson = self.lesson_of(id).await?;
        let day = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let day = day.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        let to = self.holders(school, &[Role::DeputyHead, Role::Head], &day).await?;
        let key = id.as_str().to_owned();
        let word = reason.as_str().to_owned();
        let notice = Notice::ConsultationNotHeld { lesson: lesson.clone(), reason: word.clone() };
        let supervisors: std::collections::BTreeSet<PersonId> = to.iter().cloned().collect();
        self.enqueue(Letter { school: school.clone(), to, notice, key: key.clone(), now_ms }).await?;
        if !step.effects.iter().any(|effect| matches!(effect, Effect::Notice { .. })) {
            return Ok(());
        }
        // What somebody wrote is shown; the machine's words are not for people.
        let is_said = matches!(step.incident(), Some(IncidentKind::Declared | IncidentKind::Emergency));
        let said = step.detail.clone().filter(|_| is_said).unwrap_or_default();
        let notice = Notice::ConsultationFellThrough { lesson, reason: word, said };
        let mut to = self.concerned_with_guardians(id).await?;
        to.retain(|person| !supervisors.contains(person));
        self.enqueue(Letter { school: school.clone(), to, notice, key, now_ms }).await?;
        Ok(())
    }

    async fn tell_cancelled(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        step: &Step,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let lesson = self.lesson_of(id).await?;
        let moved = step.effects.iter().find_map(|effect| match effect {
            Effect::MovedTo(to) => Some(to.clone()),
            _ => None,
        });
        // Bookings went along to the successor.
        let about = moved.clone().unwrap_or_else(|| id.clone());
        let notice = match moved {
            Some(to) => {
                let was_ms = lesson.start_ms;
                // The successor may be written after this step in the same transaction: then the old one is named.
                let lesson = self.lesson_of(&to).await.unwrap_or(lesson);
                Notice::ConsultationMoved { lesson, was_ms }
            }
            None => Notice::ConsultationCancelled { lesson, reason: step.detail.clone().unwrap_or_default() },
        };
        let to = self.concerned(&about).await?;
        self.enqueue(Letter { school: school.clone(), to, notice, key: id.as_str().to_owned(), now_ms }).await?;
        Ok(())
    }

    async fn tell_concerned(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        notice: Notice,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let to = self.concerned(id).await?;
        self.enqueue(Letter { school: school.clone(), to, notice, key: id.as_str().to_owned(), now_ms }).await?;
        Ok(())
    }
}
