//! One step of a request: the machine decides, the row changes by compare and set, journal and notices go with it.

use super::{HelpRequest, RequestError};
use crate::domain::appointment::Stay;
use crate::domain::attendance::{self, Interval};
use crate::domain::ids::{AppointmentId, ConsultationId, PersonId, RequestId, SchoolId};
use crate::domain::notice::Notice;
use crate::domain::request::{REOPEN_MS, RequestEvent, RequestState, apply};
use crate::domain::role::Role;
use crate::store::sql::{int, text};
use crate::store::transition::Actor;
use crate::store::{AuditEvent, Store, StoreError, Tx};

/// What somebody does to a request.
#[derive(Clone, Debug)]
pub struct Move {
    pub event: RequestEvent,
    /// `None`: the clock.
    pub actor: Option<Actor>,
    /// Whose answer it is, where that is not the actor's own.
    pub answered_by: Option<PersonId>,
    /// Where it was put, with [`RequestEvent::Schedule`].
    pub consultation: Option<ConsultationId>,
    pub appointment: Option<AppointmentId>,
    /// The school's date, for whom to tell.
    pub today: jiff::civil::Date,
    pub now_ms: i64,
}

/// What became of a consultation, for the requests that were put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helped {
    Held,
    FellThrough,
}

impl Store {
    /// Moves a request. `asked` is what the caller saw; somebody quicker makes it [`StoreError::Conflict`].
    pub async fn move_request(&self, asked: HelpRequest, step: Move) -> Result<RequestState, RequestError> {
        self.write(move |tx| Box::pin(async move { tx.move_request(&asked, &step).await })).await
    }

    /// Names who is to answer; for staff, whose right it is then.
    pub async fn assign_request(
        &self,
        asked: HelpRequest,
        to: PersonId,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        if asked.assigned_to.as_ref() == Some(&to) {
            return Ok(());
        }
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query("UPDATE help_request SET assigned_to = $1, updated_at = $2 WHERE id = $3")
                    .bind(to.as_str())
                    .bind(now_ms)
                    .bind(asked.id.as_str())
                    .execute(tx.connection())
                    .await?;
                let request = asked.id.as_str().to_owned();
                let event = AuditEvent::new(asked.school.clone(), now_ms, "request.assign", "help_request", &request)
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .with(serde_json::json!({ "to": to.as_str() }));
                tx.audit(event).await?;
                let key = format!("{request}:{to}");
                let notice = Notice::RequestReceived { request, subject: asked.subject_name.clone() };
                tx.tell(&asked.school, vec![to], notice, key, now_ms).await
            })
        })
        .await
    }

    /// Closes answers that nobody can doubt any more. Gives how many.
    pub async fn close_answered_requests(&self, now_ms: i64) -> Result<usize, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, school_id FROM help_request WHERE state = 'answered' AND answered_at <= $1 LIMIT 500",
        )
        .bind(now_ms - REOPEN_MS)
        .fetch_all(self.readers())
        .await?;
        let count = rows.len();
        if count > 0 {
            self.write(move |tx| {
                Box::pin(async move {
                    for (id, school) in rows {
                        let (id, school) = (RequestId::new(id), SchoolId::new(school));
                        let done = sqlx::query(
                            "UPDATE help_request SET state = 'closed', updated_at = $1 WHERE id = $2 AND state = 'answered'",
                        )
                        .bind(now_ms)
                        .bind(id.as_str())
                        .execute(tx.connection())
                        .await?;
                        if done.rows_affected() == 1 {
                            let step = (Some(RequestState::Answered), RequestState::Closed, None);
                            tx.note_request(&school, &id, step, None, now_ms).await?;
                        }
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        }
        Ok(count)
    }

    /// Tells deputies of requests whose first reaction is overdue, each once. Gives how many were looked at.
    pub async fn alert_overdue_requests(&self, now_ms: i64) -> Result<usize, StoreError> {
        let rows = sqlx::query(
            "SELECT r.id, r.school_id, r.first_response_due, s.name FROM help_request r JOIN subject s ON s.id = r.subject_id
             WHERE r.state = 'submitted' AND r.first_response_at IS NULL AND r.first_response_due <= $1
             AND r.first_response_due > $2 LIMIT 200",
        )
        .bind(now_ms)
        // Older ones were told of when they ran out.
        .bind(now_ms - 3 * 24 * 3_600_000)
        .fetch_all(self.readers())
        .await?;
        let mut overdue = Vec::new();
        for row in &rows {
            let due_ms = int(row, "first_response_due")?;
            overdue.push((text(row, "id")?, SchoolId::new(text(row, "school_id")?), text(row, "name")?, due_ms));
        }
        let count = overdue.len();
        if count > 0 {
            self.write(move |tx| {
                Box::pin(async move {
                    let day = crate::domain::calendar::date_in(&jiff::tz::TimeZone::UTC, now_ms).to_string();
                    for (request, school, subject, due_ms) in overdue {
                        let deputies = tx.holders(&school, &[Role::DeputyHead], &day).await?;
                        let key = request.clone();
                        let notice = Notice::RequestOverdue { request, subject, due_ms };
                        tx.tell(&school, deputies, notice, key, now_ms).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        }
        Ok(count)
    }
}

impl Tx {
    pub(in crate::store) async fn move_request(
        &mut self,
        asked: &HelpRequest,
        step: &Move,
    ) -> Result<RequestState, RequestError> {
        let to = apply(&asked.facts(), &step.event, step.now_ms).map_err(RequestError::Refused)?;
        let by_school = !matches!(
            step.event,
            RequestEvent::Withdraw | RequestEvent::Reopen { .. } | RequestEvent::Close | RequestEvent::FellThrough
        );
        let answers = to == RequestState::Answered;
        let (answer, decline, decline_text) = match &step.event {
            RequestEvent::Answer { text } => (Some(text.as_str()), None, None),
            RequestEvent::Decline { reason, text } => (None, Some(reason.as_str()), Some(text.as_str())),
            _ => (None, None, None),
        };
        let leaves_consultation = matches!(step.event, RequestEvent::FellThrough | RequestEvent::Reopen { .. });
        let done = sqlx::query(
            "UPDATE help_request SET state = $1, updated_at = $2, answer = COALESCE($3, answer),
             answered_by = CASE WHEN $4 = 1 THEN $5 ELSE answered_by END,
             answered_at = CASE WHEN $4 = 1 THEN $2 ELSE answered_at END,
             helped_at = CASE WHEN $16 = 1 THEN COALESCE(helped_at, $2) ELSE helped_at END,
             first_response_at = CASE WHEN $6 = 1 THEN COALESCE(first_response_at, $2) ELSE first_response_at END,
             decline_code = COALESCE($7, decline_code), decline_text = COALESCE($8, decline_text),
             consultation_id = CASE WHEN $9 = 1 THEN NULL ELSE COALESCE($10, consultation_id) END,
             appointment_id = CASE WHEN $9 = 1 THEN NULL ELSE COALESCE($11, appointment_id) END,
             reopened = reopened + $12 WHERE id = $13 AND state = $14 AND updated_at = $15",
        )
        .bind(to.as_str())
        .bind(step.now_ms)
        .bind(answer)
        .bind(i64::from(answers))
        .bind(step.answered_by.as_ref().or(step.actor.as_ref().map(|actor| &actor.person)).map(PersonId::as_str))
        .bind(i64::from(by_school))
        .bind(decline)
        .bind(decline_text)
        .bind(i64::from(leaves_consultation))
        .bind(step.consultation.as_ref().map(ConsultationId::as_str))
        .bind(step.appointment.as_ref().map(AppointmentId::as_str))
        .bind(i64::from(to == RequestState::Reopened))
        .bind(asked.id.as_str())
        .bind(asked.state.as_str())
        .bind(asked.updated_ms)
        // Held without the one who asked: answered, and nobody was helped by it.
        .bind(i64::from(answers && step.event != RequestEvent::Helped { attended: false }))
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if done.rows_affected() != 1 {
            return Err(StoreError::Conflict.into());
        }
        let reason = match &step.event {
            RequestEvent::Decline { reason, text } if text.trim().is_empty() => Some(reason.as_str().to_owned()),
            RequestEvent::Decline { reason, text } => Some(format!("{reason}: {text}")),
            RequestEvent::Reopen { reason } => Some(reason.clone()),
            _ => None,
        };
        if let (RequestState::Scheduled, Some(consultation)) = (to, &step.consultation) {
            self.record_source(consultation, &asked.id).await?;
        }
        let noted = (Some(asked.state), to, reason.as_deref());
        let n = self.note_request(&asked.school, &asked.id, noted, step.actor.as_ref(), step.now_ms).await?;
        self.tell_of_request(asked, step, to, n).await?;
        Ok(to)
    }

    /// A consultation keeps the requests that were put into it as its sources (clause 3.5).
    async fn record_source(&mut self, consultation: &ConsultationId, request: &RequestId) -> Result<(), StoreError> {
        let (there, last): (i64, i64) = sqlx::query_as(
            "SELECT COALESCE(SUM(CASE WHEN kind = 'request' AND ref_id = $2 THEN 1 ELSE 0 END), 0), COALESCE(MAX(n), 0)
             FROM consultation_source WHERE consultation_id = $1",
        )
        .bind(consultation.as_str())
        .bind(request.as_str())
        .fetch_one(self.connection())
        .await?;
        if there == 0 {
            sqlx::query(
                "INSERT INTO consultation_source (consultation_id, n, kind, ref_id, text) VALUES ($1, $2, 'request', $3, NULL)",
            )
            .bind(consultation.as_str())
            .bind(last + 1)
            .bind(request.as_str())
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }

    /// Everyone who asked or voted is told; who answers is told of what the author does.
    async fn tell_of_request(
        &mut self,
        asked: &HelpRequest,
        step: &Move,
        to: RequestState,
        n: i64,
    ) -> Result<(), StoreError> {
        let (request, subject) = (asked.id.as_str().to_owned(), asked.subject_name.clone());
        let notice = match (to, &step.event) {
            (RequestState::Accepted, _) => Notice::RequestAccepted { request, subject },
            (RequestState::Answered, _) => Notice::RequestAnswered { request, subject },
            (RequestState::Declined, RequestEvent::Decline { reason, .. }) => {
                Notice::RequestDeclined { request, subject, reason: reason.as_str().to_owned() }
            }
            (RequestState::Scheduled, _) => match &step.consultation {
                Some(consultation) => {
                    let lesson = self.lesson_of(consultation).await?;
                    Notice::RequestScheduled { request, subject, lesson }
                }
                None => return Ok(()),
            },
            (RequestState::Reopened, _) => Notice::RequestReopened { request, subject },
            (RequestState::Withdrawn, _) => Notice::RequestWithdrawn { request, subject },
            _ => return Ok(()),
        };
        let is_by_author = matches!(to, RequestState::Reopened | RequestState::Withdrawn);
        let people = if is_by_author {
            self.hosts_of(&asked.group, &asked.subject).await?
        } else {
            let voters: Vec<(String,)> = sqlx::query_as("SELECT student_id FROM request_vote WHERE request_id = $1")
                .bind(asked.id.as_str())
                .fetch_all(self.connection())
                .await?;
            let mut students: Vec<PersonId> = voters.into_iter().map(|(id,)| PersonId::new(id)).collect();
            students.push(asked.student.clone());
            let mut people = self.with_guardians(students, step.today).await?;
            people.push(asked.author.clone());
            people
        };
        self.tell(&asked.school, people, notice, format!("{}:{n}", asked.id), step.now_ms).await
    }

    /// Whether the one who asked was at the consultation: the student, or the guardian who asked for the student. Of times
    /// that were booked it is settled already.
    async fn came(
        &mut self,
        consultation: &ConsultationId,
        asked: &HelpRequest,
        stays: &[Stay],
    ) -> Result<bool, StoreError> {
        let attended: (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM appointment WHERE consultation_id = $1 AND student_id = $2 AND state = 'attended'",
        )
        .bind(consultation.as_str())
        .bind(asked.student.as_str())
        .fetch_one(self.connection())
        .await?;
        let interval = |stay: &Stay| Interval { from_ms: stay.from_ms, to_ms: stay.to_ms };
        let hosts: Vec<Interval> = stays.iter().filter(|stay| stay.is_host).map(interval).collect();
        let is_theirs = |stay: &&Stay| !stay.is_host && (stay.person == asked.student || stay.person == asked.author);
        let theirs: Vec<Interval> = stays.iter().filter(is_theirs).map(interval).collect();
        Ok(attended.0 > 0 || attendance::came(&hosts, &theirs))
    }

    /// Requests that were put into a consultation, once it is over: answered by its host, or owed again. `by`: who ended it.
    pub(in crate::store) async fn settle_requests(
        &mut self,
        consultation: &ConsultationId,
        helped: Helped,
        by: Option<&Actor>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let sql = format!("{} WHERE r.consultation_id = $1 AND r.state = 'scheduled'", super::SELECT);
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(consultation.as_str()).fetch_all(self.connection()).await?;
        let waiting = rows.iter().map(super::request).collect::<Result<Vec<_>, _>>()?;
        if waiting.is_empty() {
            return Ok(());
        }
        let host: (String, Option<String>, String) =
            sqlx::query_as("SELECT host_id, substitute_host_id, date FROM consultation WHERE id = $1")
                .bind(consultation.as_str())
                .fetch_one(self.connection())
                .await?;
        let today = crate::store::sql::date(&host.2)?;
        let stays = self.stays(consultation, now_ms).await?;
        let answered_by = Some(PersonId::new(host.1.unwrap_or(host.0)));
        for asked in waiting {
            let event = match helped {
                Helped::Held => RequestEvent::Helped { attended: self.came(consultation, &asked, &stays).await? },
                Helped::FellThrough => RequestEvent::FellThrough,
            };
            let (actor, answered_by) = (by.cloned(), answered_by.clone());
            let step = Move { event, actor, answered_by, consultation: None, appointment: None, today, now_ms };
            match self.move_request(&asked, &step).await {
                Ok(_) | Err(RequestError::Refused(_) | RequestError::TooMany) => {}
                Err(RequestError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }
}
