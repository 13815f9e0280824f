//! The two lines of office hours: the waiting list of those that are full, and the queue at the door of those that run.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::HoursView;
use crate::api::ApiState;
use crate::api::auth::Session;
use crate::api::body::Json;
use crate::api::help::{Asker, SHORT_CHARACTERS, optional, refused};
use crate::api::problem::Problem;
use crate::domain::form::Form;
use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::person::GuardianRight;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::appointment::OfficeHours;
use crate::store::consultation::Consultation;
use crate::store::transition::Actor;

/// Who stands in line.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    /// The child; without it the student's own place.
    student: Option<String>,
    message: Option<String>,
}

/// Office hours as one person meets them.
struct Met {
    asker: Asker,
    lesson: Consultation,
    is_host: bool,
}

impl Met {
    /// `not_found` when there are none of that name that concern the person.
    async fn look_up(state: &ApiState, session: &Session, id: &str) -> Result<Self, Problem> {
        let asker = Asker::of(state, session).await?;
        let lesson = state.store.consultation(&ConsultationId::new(id)).await?;
        if lesson.school != asker.school.id || lesson.form != Form::Individual {
            return Err(Problem::not_found());
        }
        let is_host = lesson.substitute.as_ref().unwrap_or(&lesson.host).id == asker.facts.id;
        let in_group = asker.groups(GuardianRight::View).iter().any(|(_, group)| *group == lesson.group);
        if !is_host && !in_group && !asker.sees_school() {
            return Err(Problem::not_found());
        }
        Ok(Self { asker, lesson, is_host })
    }

    async fn view(self, state: &ApiState) -> Result<axum::Json<HoursView>, Problem> {
        let lesson = state.store.consultation(&self.lesson.id).await?;
        let times = state.store.times_of(&lesson.id).await?;
        let waiting = state.store.waiting_for(&lesson.id).await?;
        let walk_ins = state.store.walk_ins(&lesson.id).await?;
        let rules = state.store.booking_rules(&self.asker.school.id).await?;
        let hours = OfficeHours { consultation: lesson, times, waiting };
        Ok(axum::Json(HoursView::of(hours, walk_ins, &self.asker, &rules)))
    }

    /// The student for whom somebody stands in line, and who does it.
    async fn stander(
        &self,
        state: &ApiState,
        session: &Session,
        student: Option<&str>,
    ) -> Result<(PersonId, Actor), Problem> {
        let (student, relations) = self.asker.standing(student, GuardianRight::Book)?;
        let grant = session.allow::<kind::AppointmentBook>(relations)?;
        let facts = state.store.person_facts(&student, self.asker.today).await?;
        if !facts.has(Role::Student) || !facts.groups.contains(&self.lesson.group) {
            return Err(refused(RefusalCode::NotOnRoster));
        }
        Ok((student, Actor { person: session.principal.person.clone(), role: Some(grant.role) }))
    }
}

/// One's places in the lines of these office hours; "you are next" is position 1 of the queue.
#[utoipa::path(get, path = "/api/v1/office-hours/{id}", tag = "appointments", params(("id" = String, Path)), responses(
    (status = 200, body = HoursView), (status = 401, body = Problem), (status = 404, body = Problem)
))]
pub async fn one(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<HoursView>, Problem> {
    Met::look_up(&state, &session, &id).await?.view(&state).await
}

/// Stand on the waiting list of office hours that are full. When a time is given back, the first who may have it gets it.
#[utoipa::path(post, path = "/api/v1/office-hours/{id}/waiting", tag = "appointments", params(("id" = String, Path)),
    request_body = LineBody, responses(
    (status = 200, body = HoursView), (status = 401, body = Problem),
    (status = 403, description = "`not_on_roster`, `guardian_link_missing`, `ward_is_adult`", body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`booking_closed`, `booking_limit`; `conflict`: there is a free time, or one waits already", body = Problem)
))]
pub async fn wait(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<LineBody>,
) -> Result<axum::Json<HoursView>, Problem> {
    let met = Met::look_up(&state, &session, &id).await?;
    let (student, actor) = met.stander(&state, &session, body.student.as_deref()).await?;
    let message = optional(body.message.as_deref(), SHORT_CHARACTERS, "message")?;
    let (school, lesson) = (met.asker.school.id.clone(), met.lesson.id.clone());
    state.store.wait_for(school, lesson, student, actor, message, met.asker.now_ms).await?;
    met.view(&state).await
}

/// Leave the waiting list.
#[utoipa::path(delete, path = "/api/v1/office-hours/{id}/waiting", tag = "appointments", params(("id" = String, Path)),
    request_body = LineBody, responses(
    (status = 200, body = HoursView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "Not on the list", body = Problem)
))]
pub async fn wait_no_more(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<LineBody>,
) -> Result<axum::Json<HoursView>, Problem> {
    let met = Met::look_up(&state, &session, &id).await?;
    let (student, actor) = met.stander(&state, &session, body.student.as_deref()).await?;
    let (school, lesson) = (met.asker.school.id.clone(), met.lesson.id.clone());
    state.store.wait_no_more(school, lesson, student, actor, met.asker.now_ms).await?;
    met.view(&state).await
}

/// Stand in the queue at the door of office hours that run now.
#[utoipa::path(post, path = "/api/v1/office-hours/{id}/queue", tag = "appointments", params(("id" = String, Path)),
    request_body = LineBody, responses(
    (status = 200, body = HoursView), (status = 401, body = Problem),
    (status = 403, description = "`not_on_roster`, `guardian_link_missing`, `ward_is_adult`", body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`booking_closed`: the room is not open; `booking_limit`: the queue is full; `conflict`", body = Problem)
))]
pub async fn walk_in(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<LineBody>,
) -> Result<axum::Json<HoursView>, Problem> {
    let met = Met::look_up(&state, &session, &id).await?;
    let (student, actor) = met.stander(&state, &session, body.student.as_deref()).await?;
    let message = optional(body.message.as_deref(), SHORT_CHARACTERS, "message")?;
    let (school, lesson) = (met.asker.school.id.clone(), met.lesson.id.clone());
    state.store.walk_in(school, lesson, student, actor, message, met.asker.now_ms).await?;
    (state.poke_notices)();
    met.view(&state).await
}

/// Leave the queue.
#[utoipa::path(delete, path = "/api/v1/office-hours/{id}/queue", tag = "appointments", params(("id" = String, Path)),
    request_body = LineBody, responses(
    (status = 200, body = HoursView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "Not in the queue", body = Problem)
))]
pub async fn walk_out(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<LineBody>,
) -> Result<axum::Json<HoursView>, Problem> {
    let met = Met::look_up(&state, &session, &id).await?;
    let (student, actor) = met.stander(&state, &session, body.student.as_deref()).await?;
    let (school, lesson) = (met.asker.school.id.clone(), met.lesson.id.clone());
    state.store.walk_out(school, lesson, student, actor, met.asker.now_ms).await?;
    (state.poke_notices)();
    met.view(&state).await
}

/// The host calls the next one of the queue: from now on the room admits them.
#[utoipa::path(post, path = "/api/v1/office-hours/{id}/next", tag = "appointments", params(("id" = String, Path)), responses(
    (status = 200, body = HoursView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "Nobody waits", body = Problem),
    (status = 409, description = "`booking_closed`, `slot_taken`: the next booked time is too near", body = Problem)
))]
pub async fn next(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<HoursView>), Problem> {
    let met = Met::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::RoomHost>(Relations::school().with_if(met.is_host, Relation::Host))?;
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let (school, lesson) = (met.asker.school.id.clone(), met.lesson.id.clone());
    state.store.call_next(school, lesson, actor, met.asker.now_ms).await?;
    (state.poke_notices)();
    Ok((StatusCode::OK, met.view(&state).await?))
}
