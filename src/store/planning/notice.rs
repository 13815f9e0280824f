//! Who hears of a change of the plan: letters for the outbox, written in the transaction of the change, so that nobody is told
//! of what was undone and nobody is left out. What happens to a single consultation is told by its transition.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::super::outbox::Letter;
use super::super::{StoreError, Tx};
use crate::domain::ids::{CardId, ConsultationId, PersonId, SchoolId};
use crate::domain::notice::Notice;

impl Tx {
    /// Somebody else holds it now; whoever held it before is told as well. `count`: the how many-th substitution it is.
    pub(super) async fn tell_substituted(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        before: &PersonId,
        after: &PersonId,
        count: i64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (by,): (String,) = sqlx::query_as("SELECT display_name FROM person WHERE id = $1")
            .bind(after.as_str())
            .fetch_one(self.connection())
            .await?;
        let notice = Notice::ConsultationSubstituted { lesson: self.lesson_of(id).await?, by };
        let mut to = self.concerned(id).await?;
        to.push(before.clone());
        self.enqueue(Letter { school: school.clone(), to, notice, key: format!("{id}:{count}"), now_ms }).await?;
        Ok(())
    }

    /// The host learns of an order. One that comes before the consultation is planned is seen by whoever publishes.
    pub(super) async fn tell_order(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        host: &PersonId,
        order_no: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let lesson = match self.lesson_of(id).await {
            Ok(lesson) => lesson,
            Err(StoreError::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        let notice = Notice::OverrideGranted { lesson, order_no: order_no.to_owned() };
        let key = format!("{id}:{order_no}");
        self.enqueue(Letter { school: school.clone(), to: vec![host.clone()], notice, key, now_ms }).await?;
        Ok(())
    }

    /// The people who hold a card's slots learn that a version is in force, or that none is any more.
    pub(super) async fn tell_card(
        &mut self,
        school: &SchoolId,
        card: &CardId,
        version: i64,
        is_withdrawn: bool,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT v.title, s.host_id FROM card_version v JOIN card_slot s ON s.version_id = v.id
             WHERE v.card_id = $1 AND v.version = $2",
        )
        .bind(card.as_str())
        .bind(version)
        .fetch_all(self.connection())
        .await?;
        let Some((title, _)) = rows.first().cloned() else { return Ok(()) };
        let to = rows.into_iter().map(|(_, host)| PersonId::new(host)).collect();
        let card_id = card.as_str().to_owned();
        let notice = if is_withdrawn {
            Notice::CardWithdrawn { card: card_id, title }
        } else {
            Notice::CardPublished { card: card_id, title }
        };
        self.enqueue(Letter { school: school.clone(), to, notice, key: format!("{card}:{version}"), now_ms }).await?;
        Ok(())
    }

    /// People learn that the calendar has changed and how many of their consultations with it. One letter for each number.
    pub(in crate::store) async fn tell_calendar(
        &mut self,
        school: &SchoolId,
        version: i64,
        (from, to): (Date, Date),
        affected: &BTreeMap<PersonId, u32>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut by_count: BTreeMap<u32, Vec<PersonId>> = BTreeMap::new();
        for (person, count) in affected {
            by_count.entry(*count).or_default().push(person.clone());
        }
        for (affected, to_people) in by_count {
            let notice = Notice::CalendarChanged { from: from.to_string(), to: to.to_string(), affected };
            let key = format!("{version}:{affected}");
            self.enqueue(Letter { school: school.clone(), to: to_people, notice, key, now_ms }).await?;
        }
        Ok(())
    }

    /// A new version of a card has moved a consultation: its people see the time before and after.
    pub(in crate::store) async fn tell_moved_by_card(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        was_ms: i64,
        is_moved: bool,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let lesson = self.lesson_of(id).await?;
        let to = self.concerned(id).await?;
        let key = format!("{id}:{was_ms}:{now_ms}");
        let notice = if is_moved {
            Notice::ConsultationMoved { lesson, was_ms }
        } else {
            Notice::ConsultationChanged { lesson }
        };
        self.enqueue(Letter { school: school.clone(), to, notice, key, now_ms }).await?;
        Ok(())
    }

    /// A new version of a card no longer has it.
    pub(in crate::store) async fn tell_dropped_by_card(
        &mut self,
        school: &SchoolId,
        id: &ConsultationId,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let lesson = self.lesson_of(id).await?;
        let to = self.concerned(id).await?;
        let notice = Notice::ConsultationCancelled { lesson, reason: String::new() };
        self.enqueue(Letter { school: school.clone(), to, notice, key: format!("{id}:{now_ms}"), now_ms }).await?;
        Ok(())
    }

    /// Everybody of some consultations, with how many of them are theirs.
    pub(in crate::store) async fn people_of(
        &mut self,
        ids: &[ConsultationId],
    ) -> Result<BTreeMap<ConsultationId, BTreeSet<PersonId>>, StoreError> {
        const PEOPLE: [&str; 4] = [
            "SELECT c.id, COALESCE(c.substitute_host_id, c.host_id) AS person FROM consultation c WHERE c.id",
            "SELECT c.id, e.person_id FROM consultation c JOIN enrollment e ON e.study_group_id = c.group_id AND e.role = 'student'
             JOIN card_slot s ON s.id = c.slot_id WHERE c.form <> 'individual' AND s.audience_students = 1 AND c.id",
            "SELECT c.id, a.student_id FROM appointment a JOIN consultation c ON c.id = a.consultation_id
             WHERE a.student_id IS NOT NULL AND a.state = 'booked' AND c.id",
            "SELECT c.id, l.guardian_id FROM consultation c JOIN enrollment e ON e.study_group_id = c.group_id AND e.role = 'student'
             JOIN card_slot s ON s.id = c.slot_id JOIN guardian_link l ON l.student_id = e.person_id AND l.state = 'confirmed'
             WHERE s.audience_guardians = 1 AND c.form <> 'individual' AND c.id",
        ];
        let mut people: BTreeMap<ConsultationId, BTreeSet<PersonId>> = BTreeMap::new();
        for chunk in ids.chunks(400) {
            for sql in PEOPLE {
                let sql = format!("{sql} IN ({})", super::super::sql::placeholders(1, chunk.len()));
                let mut query = sqlx::query_as::<_, (String, String)>(sqlx::AssertSqlSafe(sql));
                for id in chunk {
                    query = query.bind(id.as_str());
                }
                for (id, person) in query.fetch_all(self.connection()).await? {
                    people.entry(ConsultationId::new(id)).or_default().insert(PersonId::new(person));
                }
            }
        }
        Ok(people)
    }
}
