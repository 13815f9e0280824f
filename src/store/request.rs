//! Requests for help: asking, voting, moving from state to state with journal and notices, and the lists people work from.

mod list;
mod moves;

pub use list::{InboxFilter, RequestList};
pub use moves::{Helped, Move};

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::sql::{self, flag, int, optional_int, optional_text, text, word};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::form::Form;
use crate::domain::ids::{
    ConsultationId, GroupId, PersonId, ProgrammeId, RequestId, SchoolId, SubjectId, TopicId, UnitId,
};
use crate::domain::notice::Notice;
use crate::domain::refusal::RefusalCode;
use crate::domain::request::{DeclineReason, Due, RequestFacts, RequestState, SlaFacts};
use crate::domain::role::Role;

/// A request as the store has it. Names are for those who answer; peers are shown none.
#[derive(Clone, Debug)]
pub struct HelpRequest {
    pub id: RequestId,
    pub school: SchoolId,
    pub author: PersonId,
    pub author_name: String,
    pub student: PersonId,
    pub student_name: String,
    pub group: GroupId,
    pub class: Option<String>,
    pub unit: Option<UnitId>,
    pub subject: SubjectId,
    pub subject_name: String,
    pub programme: Option<ProgrammeId>,
    pub topic: Option<TopicId>,
    pub topic_title: Option<String>,
    pub text: String,
    pub wish_form: Option<Form>,
    pub wish_times: Option<String>,
    pub is_shared: bool,
    pub state: RequestState,
    pub decline: Option<DeclineReason>,
    pub decline_text: Option<String>,
    pub answer: Option<String>,
    pub answered_by: Option<String>,
    pub answered_ms: Option<i64>,
    pub assigned_to: Option<PersonId>,
    pub consultation: Option<ConsultationId>,
    pub due: Due,
    pub first_response_ms: Option<i64>,
    pub helped_ms: Option<i64>,
    pub reopened: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub votes: i64,
}

impl HelpRequest {
    pub fn facts(&self) -> RequestFacts {
        RequestFacts { state: self.state, answered_ms: self.answered_ms, reopened: self.reopened }
    }

    pub fn sla_facts(&self) -> SlaFacts {
        SlaFacts {
            state: self.state,
            due: self.due,
            first_response_ms: self.first_response_ms,
            answered_ms: self.answered_ms,
            helped_ms: self.helped_ms,
        }
    }
}

/// A request to write.
#[derive(Clone, Debug)]
pub struct NewRequest {
    pub school: SchoolId,
    pub author: PersonId,
    pub role: Role,
    pub student: PersonId,
    pub group: GroupId,
    pub subject: SubjectId,
    pub topic: Option<TopicId>,
    pub text: String,
    pub wish_form: Option<Form>,
    pub wish_times: Option<String>,
    pub is_shared: bool,
    pub due: Due,
    pub now_ms: i64,
}

/// One step of a request's life.
#[derive(Clone, Debug)]
pub struct RequestStep {
    pub at_ms: i64,
    pub from: Option<RequestState>,
    pub to: RequestState,
    pub by: Option<String>,
    pub reason: Option<String>,
}

/// Why a request does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("refused: {0}")]
    Refused(RefusalCode),
    /// The student has as many open requests as anybody may have.
    #[error("too many open requests")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Open requests of one student: more are not answered sooner.
const MOST_OPEN: i64 = 20;

pub(super) const SELECT: &str = "SELECT r.id, r.school_id, r.author_id, a.display_name AS author_name, r.student_id,
    s.display_name AS student_name, r.group_id, cl.name AS class, cl.unit_id, r.subject_id, sub.name AS subject,
    r.programme_id, r.topic_id, t.title AS topic, r.text, r.wish_form, r.wish_times, r.is_shared, r.state, r.decline_code,
    r.decline_text, r.answer, ab.display_name AS answered_name, r.answered_at, r.assigned_to, r.consultation_id,
    r.first_response_due, r.help_due, r.first_response_at, r.helped_at, r.reopened, r.created_at, r.updated_at,
    (SELECT COUNT(*) FROM request_vote v WHERE v.request_id = r.id) AS votes
    FROM help_request r
    JOIN person a ON a.id = r.author_id
    JOIN person s ON s.id = r.student_id
    JOIN subject sub ON sub.id = r.subject_id
    JOIN study_group g ON g.id = r.group_id
    LEFT JOIN school_class cl ON cl.id = g.class_id
    LEFT JOIN topic t ON t.id = r.topic_id
    LEFT JOIN person ab ON ab.id = r.answered_by";

pub(super) fn request(row: &AnyRow) -> Result<HelpRequest, StoreError> {
    let form = |text: String| word(Form::parse(&text), "form");
    let decline = |text: String| word(DeclineReason::parse(&text), "decline reason");
    Ok(HelpRequest {
        id: RequestId::new(text(row, "id")?),
        school: SchoolId::new(text(row, "school_id")?),
        author: PersonId::new(text(row, "author_id")?),
        author_name: text(row, "author_name")?,
        student: PersonId::new(text(row, "student_id")?),
        student_name: text(row, "student_name")?,
        group: GroupId::new(text(row, "group_id")?),
        class: optional_text(row, "class")?,
        unit: optional_text(row, "unit_id")?.map(UnitId::new),
        subject: SubjectId::new(text(row, "subject_id")?),
        subject_name: text(row, "subject")?,
        programme: optional_text(row, "programme_id")?.map(ProgrammeId::new),
        topic: optional_text(row, "topic_id")?.map(TopicId::new),
        topic_title: optional_text(row, "topic")?,
        text: text(row, "text")?,
        wish_form: optional_text(row, "wish_form")?.map(form).transpose()?,
        wish_times: optional_text(row, "wish_times")?,
        is_shared: flag(row, "is_shared")?,
        state: word(RequestState::parse(&text(row, "state")?), "request state")?,
        decline: optional_text(row, "decline_code")?.map(decline).transpose()?,
        decline_text: optional_text(row, "decline_text")?,
        answer: optional_text(row, "answer")?,
        answered_by: optional_text(row, "answered_name")?,
        answered_ms: optional_int(row, "answered_at")?,
        assigned_to: optional_text(row, "assigned_to")?.map(PersonId::new),
        consultation: optional_text(row, "consultation_id")?.map(ConsultationId::new),
        due: Due { first_response_ms: int(row, "first_response_due")?, help_ms: int(row, "help_due")? },
        first_response_ms: optional_int(row, "first_response_at")?,
        helped_ms: optional_int(row, "helped_at")?,
        reopened: int(row, "reopened")?,
        created_ms: int(row, "created_at")?,
        updated_ms: int(row, "updated_at")?,
        votes: row.try_get("votes")?,
    })
}

/// A request as it stands in a transaction; [`StoreError::NotFound`]: there is none of that name.
pub(super) async fn request_in(
    connection: &mut sqlx::AnyConnection,
    id: &RequestId,
) -> Result<HelpRequest, StoreError> {
    let sql = format!("{SELECT} WHERE r.id = $1");
    request(&sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_one(connection).await?)
}

impl Store {
    /// One request; [`StoreError::NotFound`] for another school's.
    pub async fn help_request(&self, school: &SchoolId, id: &RequestId) -> Result<HelpRequest, StoreError> {
        let sql = format!("{SELECT} WHERE r.id = $1 AND r.school_id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.as_str())
            .bind(school.as_str())
            .fetch_one(self.readers())
            .await?;
        request(&row)
    }

    /// The steps of a request, oldest first.
    pub async fn request_steps(&self, id: &RequestId) -> Result<Vec<RequestStep>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.at, e.from_state, e.to_state, p.display_name, e.reason FROM request_event e
             LEFT JOIN person p ON p.id = e.by_id WHERE e.request_id = $1 ORDER BY e.n",
        )
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        let state = |text: String| word(RequestState::parse(&text), "request state");
        rows.iter()
            .map(|row| {
                Ok(RequestStep {
                    at_ms: int(row, "at")?,
                    from: optional_text(row, "from_state")?.map(state).transpose()?,
                    to: state(text(row, "to_state")?)?,
                    by: optional_text(row, "display_name")?,
                    reason: optional_text(row, "reason")?,
                })
            })
            .collect()
    }

    /// Whether somebody of these has said that they have the same question.
    pub async fn has_voted(&self, id: &RequestId, students: &[PersonId]) -> Result<Vec<PersonId>, StoreError> {
        if students.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT student_id FROM request_vote WHERE request_id = $1 AND student_id IN ({})",
            sql::placeholders(2, students.len())
        );
        let mut query = sqlx::query_as::<_, (String,)>(sqlx::AssertSqlSafe(sql)).bind(id.as_str());
        for student in students {
            query = query.bind(student.as_str());
        }
        Ok(query.fetch_all(self.readers()).await?.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }

    /// Writes a request, its first step and its journal row, and tells those who answer.
    pub async fn ask(&self, new: NewRequest) -> Result<RequestId, RequestError> {
        self.write(move |tx| Box::pin(async move { tx.ask(&new).await })).await
    }

    /// Says, or takes back, that a student has the same question. `false`: nothing changed.
    pub async fn vote(
        &self,
        asked: HelpRequest,
        student: PersonId,
        actor: Actor,
        is_for: bool,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let query = match is_for {
                    true => sqlx::query(
                        "INSERT INTO request_vote (request_id, student_id, by_id, at) VALUES ($1, $2, $3, $4)
                         ON CONFLICT DO NOTHING",
                    )
                    .bind(asked.id.as_str())
                    .bind(student.as_str())
                    .bind(actor.person.as_str())
                    .bind(now_ms),
                    false => sqlx::query("DELETE FROM request_vote WHERE request_id = $1 AND student_id = $2")
                        .bind(asked.id.as_str())
                        .bind(student.as_str()),
                };
                if query.execute(tx.connection()).await?.rows_affected() == 0 {
                    return Ok(false);
                }
                let action = if is_for { "request.vote" } else { "request.unvote" };
                let event = AuditEvent::new(asked.school.clone(), now_ms, action, "help_request", asked.id.as_str());
                tx.audit(event.by(&actor.person, actor.role.map(Role::as_str))).await?;
                Ok(true)
            })
        })
        .await
    }
}

impl Tx {
    pub(super) async fn ask(&mut self, new: &NewRequest) -> Result<RequestId, RequestError> {
        let open: (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM help_request WHERE student_id = $1
             AND state IN ('submitted', 'accepted', 'scheduled', 'reopened')",
        )
        .bind(new.student.as_str())
        .fetch_one(self.connection())
        .await
        .map_err(StoreError::from)?;
        if open.0 >= MOST_OPEN {
            return Err(RequestError::TooMany);
        }
        let programme = self.programme_of(&new.group, &new.subject).await?;
        let id = RequestId::fresh();
        let row = vec![
            id.as_str().into(),
            new.school.as_str().into(),
            new.author.as_str().into(),
            new.student.as_str().into(),
            new.group.as_str().into(),
            new.subject.as_str().into(),
            programme.map(|id| id.as_str().to_owned()).into(),
            new.topic.as_ref().map(|id| id.as_str().to_owned()).into(),
            new.text.as_str().into(),
            new.wish_form.map(|form| form.as_str().to_owned()).into(),
            new.wish_times.clone().into(),
            i64::from(new.is_shared).into(),
            RequestState::Submitted.as_str().into(),
            new.due.first_response_ms.into(),
            new.due.help_ms.into(),
            0_i64.into(),
            new.now_ms.into(),
            new.now_ms.into(),
        ];
        let into = "help_request (id, school_id, author_id, student_id, group_id, subject_id, programme_id, topic_id, text, wish_form, wish_times, is_shared, state, first_response_due, help_due, reopened, created_at, updated_at)";
        sql::insert_many(self.connection(), into, 18, vec![row]).await?;
        let actor = Actor { person: new.author.clone(), role: Some(new.role) };
        let step = (None, RequestState::Submitted, None);
        self.note_request(&new.school, &id, step, Some(&actor), new.now_ms).await?;
        let hosts = self.hosts_of(&new.group, &new.subject).await?;
        let subject = self.subject_name(&new.subject).await?;
        let notice = Notice::RequestReceived { request: id.as_str().to_owned(), subject };
        self.tell(&new.school, hosts, notice, id.as_str().to_owned(), new.now_ms).await?;
        Ok(id)
    }

    pub(super) async fn subject_name(&mut self, subject: &SubjectId) -> Result<String, StoreError> {
        let row: (String,) = sqlx::query_as("SELECT name FROM subject WHERE id = $1")
            .bind(subject.as_str())
            .fetch_one(self.connection())
            .await?;
        Ok(row.0)
    }

    /// The programme of a group's grade in a subject, of the newest year; `None`: the school has none yet.
    pub(super) async fn programme_of(
        &mut self,
        group: &GroupId,
        subject: &SubjectId,
    ) -> Result<Option<ProgrammeId>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT p.id FROM programme p JOIN school_class c ON c.grade = p.grade AND c.year_id = p.year_id
             JOIN study_group g ON g.class_id = c.id WHERE g.id = $1 AND p.subject_id = $2 ORDER BY p.starts_on DESC LIMIT 1",
        )
        .bind(group.as_str())
        .bind(subject.as_str())
        .fetch_optional(self.connection())
        .await?;
        Ok(row.map(|(id,)| ProgrammeId::new(id)))
    }

    /// Who holds consultations of a subject for a group: they answer its requests.
    pub(super) async fn hosts_of(&mut self, group: &GroupId, subject: &SubjectId) -> Result<Vec<PersonId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT DISTINCT s.host_id FROM card_slot s JOIN card_version v ON v.id = s.version_id
             WHERE v.group_id = $1 AND v.subject_id = $2 AND v.status = 'published'",
        )
        .bind(group.as_str())
        .bind(subject.as_str())
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }

    /// Appends a step and its journal row (INV-71).
    pub(super) async fn note_request(
        &mut self,
        school: &SchoolId,
        id: &RequestId,
        (from, to, reason): (Option<RequestState>, RequestState, Option<&str>),
        actor: Option<&Actor>,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let last: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM request_event WHERE request_id = $1")
            .bind(id.as_str())
            .fetch_one(self.connection())
            .await?;
        let n = last.0 + 1;
        let row = vec![
            id.as_str().into(),
            n.into(),
            now_ms.into(),
            from.map(|state| state.as_str().to_owned()).into(),
            to.as_str().into(),
            actor.map(|actor| actor.person.as_str().to_owned()).into(),
            actor.and_then(|actor| actor.role).map(|role| role.as_str().to_owned()).into(),
            reason.map(str::to_owned).into(),
        ];
        let into = "request_event (request_id, n, at, from_state, to_state, by_id, role, reason)";
        sql::insert_many(self.connection(), into, 8, vec![row]).await?;
        let mut event = AuditEvent::new(school.clone(), now_ms, "request.move", "help_request", id.as_str())
            .with(serde_json::json!({ "from": from, "to": to }));
        if let Some(actor) = actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        if let Some(reason) = reason {
            event = event.because(reason);
        }
        self.audit(event).await?;
        Ok(n)
    }
}
