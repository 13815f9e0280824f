//! What those who answer do with requests: the inbox, taking on, declining, putting into a consultation, answering.

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::view::{self, See, Seen};
use super::{RequestListView, RequestView};
use crate::api::ApiState;
use crate::api::auth::Session;
use crate::api::body::Json;
use crate::api::help::{Asker, SHORT_CHARACTERS, TEXT_CHARACTERS, optional, refused};
use crate::api::problem::Problem;
use crate::domain::appointment::Origin;
use crate::domain::form::Form;
use crate::domain::ids::{AppointmentId, ConsultationId, GroupId, PersonId, SubjectId};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::request::{DeclineReason, RequestEvent, RequestState, Sla};
use crate::domain::role::Role;
use crate::store::StoreError;
use crate::store::appointment::Booking;
use crate::store::request::{InboxFilter, Move, RequestList};
use crate::store::transition::Actor;

/// What of the inbox.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// `open` (waiting for somebody, the default), `all`, or one state.
    state: Option<String>,
    subject: Option<String>,
    group: Option<String>,
    /// `late`, `soon`, `fine` or `met`.
    sla: Option<String>,
}

/// Requests that the person answers for, the most urgent first: of groups and subjects they teach, of their unit, of the
/// school; staff see what was assigned to them.
#[utoipa::path(get, path = "/api/v1/requests/inbox", tag = "requests", params(Filter), responses(
    (status = 200, body = RequestListView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn inbox(
    State(state): State<ApiState>,
    session: Session,
    Query(filter): Query<Filter>,
) -> Result<axum::Json<RequestListView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    let widest = Relations::school().with(Relation::Group).with(Relation::Unit).with(Relation::Assigned);
    session.allow::<kind::RequestTriage>(widest)?;
    let list = if asker.sees_school() {
        RequestList::School
    } else if asker.facts.has(Role::UnitHead) {
        RequestList::Unit(asker.units())
    } else {
        RequestList::Inbox(asker.facts.id.clone())
    };
    let states = match filter.state.as_deref() {
        None | Some("open") => {
            vec![RequestState::Submitted, RequestState::Accepted, RequestState::Scheduled, RequestState::Reopened]
        }
        Some("all") => Vec::new(),
        Some(word) => vec![RequestState::parse(word).ok_or_else(|| Problem::bad_request("state: no such state"))?],
    };
    let sla = match filter.sla.as_deref() {
        None => None,
        Some(word) => Some(Sla::parse(word).ok_or_else(|| Problem::bad_request("sla: no such word"))?),
    };
    let what =
        InboxFilter { states, subject: filter.subject.map(SubjectId::new), group: filter.group.map(GroupId::new) };
    let mut found = state.store.help_requests(&asker.school.id, &list, &what).await?;
    found.retain(|request| sla.is_none_or(|sla| request.sla_facts().sla(asker.now_ms) == sla));
    view::list(&state, &session, &asker, found, See::Whole).await
}

/// What is done with a request.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, tag = "act", rename_all = "snake_case")]
pub enum Triage {
    /// Take it on.
    Accept,
    /// `reason`: `not_programme`, `duplicate`, `out_of_right` or `other`, which needs a text.
    Decline {
        reason: String,
        #[serde(default)]
        text: String,
    },
    /// Put it into a planned consultation of the group, or book a free time of office hours for the student.
    Schedule { consultation: Option<String>, appointment: Option<String> },
    /// Let somebody else of the school answer.
    Assign { to: String },
}

/// Take a request on, decline it with a reason, put it into a consultation, or hand it on. Everyone who asked or voted is told.
#[utoipa::path(post, path = "/api/v1/requests/{request}/triage", tag = "requests", params(("request" = String, Path)),
    request_body = Triage, responses(
    (status = 200, body = RequestView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`, `conflict`, `slot_taken`, `booking_limit`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn triage(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(triage): Json<Triage>,
) -> Result<axum::Json<RequestView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::RequestTriage>(seen.relations)?;
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let (today, now_ms) = (seen.asker.today, seen.asker.now_ms);
    let mut step = Move {
        event: RequestEvent::Accept,
        actor: Some(actor.clone()),
        answered_by: None,
        consultation: None,
        appointment: None,
        today,
        now_ms,
    };
    match triage {
        Triage::Accept => {}
        Triage::Decline { reason, text } => {
            let reason = DeclineReason::parse(&reason).ok_or_else(|| Problem::bad_request("reason: no such reason"))?;
            let text = optional(Some(&text), SHORT_CHARACTERS, "text")?.unwrap_or_default();
            step.event = RequestEvent::Decline { reason, text };
        }
        Triage::Schedule { consultation: Some(consultation), appointment: None } => {
            let consultation = ConsultationId::new(consultation);
            fits(&state, &seen, &consultation).await?;
            step.event = RequestEvent::Schedule;
            step.consultation = Some(consultation);
        }
        Triage::Schedule { consultation: None, appointment: Some(appointment) } => {
            let appointment = AppointmentId::new(appointment);
            // Whether it may be scheduled at all is asked before a time is taken.
            crate::domain::request::apply(&seen.request.facts(), &RequestEvent::Schedule, now_ms).map_err(refused)?;
            let one = state.store.appointment(&seen.asker.school.id, &appointment).await?;
            fits(&state, &seen, &one.consultation).await?;
            let booking = Booking {
                appointment: appointment.clone(),
                student: seen.request.student.clone(),
                actor: actor.clone(),
                message: Some(seen.request.text.clone()),
                origin: Origin::Request,
                request: Some(seen.request.id.clone()),
                rules: state.store.booking_rules(&seen.asker.school.id).await?,
                now_ms,
            };
            step.consultation = Some(state.store.book(booking).await?);
            step.appointment = Some(appointment);
            step.event = RequestEvent::Schedule;
        }
        Triage::Schedule { .. } => return Err(Problem::bad_request("one of: consultation, appointment")),
        Triage::Assign { to } => {
            let to = PersonId::new(to);
            let roles = state.store.roles_on(&to, today).await?;
            let person = state.store.person(&to).await?;
            if person.school != seen.asker.school.id || !roles.iter().any(|held| held.role.can_host()) {
                return Err(Problem::not_found().detail("nobody of the school who may answer"));
            }
            state.store.assign_request(seen.request, to, actor, now_ms).await?;
            (state.poke_notices)();
            let seen = Seen::look_up(&state, &session, &id).await?;
            return Ok(axum::Json(seen.whole(&state, &session).await?));
        }
    }
    state.store.move_request(seen.request, step).await?;
    (state.poke_notices)();
    let seen = Seen::look_up(&state, &session, &id).await?;
    Ok(axum::Json(seen.whole(&state, &session).await?))
}

/// A consultation that a request is put into is planned, of the student's group and of the same subject (INV-23).
async fn fits(state: &ApiState, seen: &Seen, consultation: &ConsultationId) -> Result<(), Problem> {
    let one = match state.store.consultation(consultation).await {
        Ok(one) if one.school == seen.asker.school.id => one,
        Ok(_) | Err(StoreError::NotFound) => return Err(Problem::not_found()),
        Err(error) => return Err(error.into()),
    };
    let is_planned = !one.state.is_final() && one.end_ms > seen.asker.now_ms;
    let is_booked = one.form != Form::Individual
        || one.booked.is_empty()
        || one.booked.iter().any(|booked| booked.student == seen.request.student)
        || seen.request.state.is_waiting();
    if !is_planned || !is_booked {
        return Err(refused(RefusalCode::IllegalTransition));
    }
    if one.group != seen.request.group || one.subject.as_deref() != Some(&seen.request.subject_name) {
        return Err(refused(RefusalCode::NotOnRoster));
    }
    Ok(())
}

/// What is answered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    text: String,
}

/// Answer in writing. Everyone who asked or voted is told.
#[utoipa::path(post, path = "/api/v1/requests/{request}/answer", tag = "requests", params(("request" = String, Path)),
    request_body = Answer, responses(
    (status = 200, body = RequestView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`, `conflict`", body = Problem),
    (status = 422, description = "`reason_required`: the text is blank", body = Problem)
))]
pub async fn answer(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(answer): Json<Answer>,
) -> Result<axum::Json<RequestView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::RequestAnswer>(seen.relations)?;
    let text = optional(Some(&answer.text), TEXT_CHARACTERS, "text")?.unwrap_or_default();
    let step = Move {
        event: RequestEvent::Answer { text },
        actor: Some(Actor { person: session.principal.person.clone(), role: Some(grant.role) }),
        answered_by: None,
        consultation: None,
        appointment: None,
        today: seen.asker.today,
        now_ms: seen.asker.now_ms,
    };
    state.store.move_request(seen.request, step).await?;
    (state.poke_notices)();
    let seen = Seen::look_up(&state, &session, &id).await?;
    Ok(axum::Json(seen.whole(&state, &session).await?))
}
