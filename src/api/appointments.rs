//! Appointments (запись на приём) over HTTP: office hours with their times, booking for oneself or a child, giving back, the
//! host's notes. The waiting list and the queue at the door: [`lines`].

mod lines;
mod view;

use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body::Json;
use super::help::{Asker, SHORT_CHARACTERS, TEXT_CHARACTERS, optional, refused};
use super::problem::Problem;
use crate::domain::appointment::Origin;
use crate::domain::ids::{AppointmentId, GroupId};
use crate::domain::person::GuardianRight;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::appointment::{Appointment, Booking, BookingError, GiveBack};
use crate::store::request_file::Owner;
use crate::store::transition::Actor;
pub use view::{AppointmentView, HoursView};

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(hours))
        .routes(routes!(list))
        .routes(routes!(book))
        .routes(routes!(cancel))
        .routes(routes!(notes))
        .routes(routes!(lines::one))
        .routes(routes!(lines::wait, lines::wait_no_more))
        .routes(routes!(lines::walk_in, lines::walk_out))
        .routes(routes!(lines::next))
}

impl From<BookingError> for Problem {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::Refused(code) => refused(code),
            BookingError::Store(error) => error.into(),
        }
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfWhom {
    /// One child only.
    student: Option<String>,
}

/// Office hours that one may book in, or holds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HoursList {
    items: Vec<HoursView>,
    rules: RulesView,
    server_time_ms: i64,
}

/// What the school decided about booking.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RulesView {
    days_ahead: u32,
    closes_minutes: u32,
    guard_minutes: u32,
    most_with_host: u32,
    most_in_all: u32,
}

/// Appointments, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AppointmentList {
    items: Vec<AppointmentView>,
    server_time_ms: i64,
}

const DAY_MS: i64 = 24 * 3_600_000;
/// How far ahead office hours are shown, and how far back appointments.
const AHEAD_MS: i64 = 35 * DAY_MS;
const BACK_MS: i64 = 120 * DAY_MS;

/// Office hours of the next weeks: those of one's groups or one's children's, and those that one holds.
#[utoipa::path(get, path = "/api/v1/office-hours", tag = "appointments", params(OfWhom), responses(
    (status = 200, body = HoursList), (status = 401, body = Problem),
    (status = 403, description = "`role_not_permitted`, `guardian_link_missing`, `ward_is_adult`", body = Problem)
))]
pub async fn hours(
    State(state): State<ApiState>,
    session: Session,
    Query(of): Query<OfWhom>,
) -> Result<axum::Json<HoursList>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::AppointmentCancel>(Relations::own().with(Relation::Ward).with(Relation::Host))?;
    let chosen = of.student.as_deref().map(|student| asker.standing(Some(student), GuardianRight::View)).transpose()?;
    let groups: Vec<GroupId> = asker
        .groups(GuardianRight::View)
        .into_iter()
        .filter(|(student, _)| chosen.as_ref().is_none_or(|(only, _)| only == student))
        .map(|(_, group)| group)
        .collect();
    let host = asker.facts.roles.iter().any(|held| held.role.can_host()).then_some(&asker.facts.id);
    let within = (asker.now_ms, asker.now_ms + AHEAD_MS);
    let found = state.store.office_hours(&asker.school.id, &groups, host, within).await?;
    let rules = state.store.booking_rules(&asker.school.id).await?;
    let mut items = Vec::with_capacity(found.len());
    for one in found {
        let walk_ins = state.store.walk_ins(&one.consultation.id).await?;
        items.push(HoursView::of(one, walk_ins, &asker, &rules));
    }
    Ok(axum::Json(HoursList {
        items,
        rules: RulesView {
            days_ahead: rules.days_ahead,
            closes_minutes: rules.closes_minutes,
            guard_minutes: rules.guard_minutes,
            most_with_host: rules.most_with_host,
            most_in_all: rules.most_in_all,
        },
        server_time_ms: asker.now_ms,
    }))
}

/// One's own appointments, one's children's, and those that one gives; also past ones, with the host's shared notes.
#[utoipa::path(get, path = "/api/v1/appointments", tag = "appointments", params(OfWhom), responses(
    (status = 200, body = AppointmentList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn list(
    State(state): State<ApiState>,
    session: Session,
    Query(of): Query<OfWhom>,
) -> Result<axum::Json<AppointmentList>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::AppointmentCancel>(Relations::own().with(Relation::Ward).with(Relation::Host))?;
    let students = match of.student.as_deref() {
        Some(student) => vec![asker.standing(Some(student), GuardianRight::View)?.0],
        None => asker.students(GuardianRight::View),
    };
    let host =
        (of.student.is_none() && asker.facts.roles.iter().any(|held| held.role.can_host())).then_some(&asker.facts.id);
    let found = state.store.appointments_of(&asker.school.id, &students, host, asker.now_ms - BACK_MS).await?;
    let rules = state.store.booking_rules(&asker.school.id).await?;
    let mut items = Vec::with_capacity(found.len());
    for one in found {
        let files = match one.message.is_some() || one.booked_by.is_some() {
            true => state.store.files_of(&Owner::Appointment(one.id.clone())).await?,
            false => Vec::new(),
        };
        items.push(AppointmentView::of(one, files, &asker, &rules));
    }
    Ok(axum::Json(AppointmentList { items, server_time_ms: asker.now_ms }))
}

/// For whom a time is taken, and what it is about.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingBody {
    /// The child; without it the student's own.
    student: Option<String>,
    message: Option<String>,
}

/// Take a free time, for oneself or for a child.
#[utoipa::path(post, path = "/api/v1/appointments/{appointment}/book", tag = "appointments",
    params(("appointment" = String, Path)), request_body = BookingBody, responses(
    (status = 200, body = AppointmentView), (status = 401, body = Problem),
    (status = 403, description = "`not_on_roster`, `guardian_link_missing`, `guardian_link_ended`, `ward_is_adult`", body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`slot_taken`, `booking_closed`, `booking_limit`, `student_conflict`, `daily_screen_cap`", body = Problem)
))]
pub async fn book(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<BookingBody>,
) -> Result<axum::Json<AppointmentView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    // A deputy books for any student of the group.
    let (student, relations) = match body.student.as_deref() {
        Some(student) if asker.sees_school() && student != asker.facts.id.as_str() => {
            (crate::domain::ids::PersonId::new(student), Relations::school())
        }
        student => asker.standing(student, GuardianRight::Book)?,
    };
    let grant = session.allow::<kind::AppointmentBook>(relations)?;
    let message = optional(body.message.as_deref(), TEXT_CHARACTERS, "message")?;
    let one = state.store.appointment(&asker.school.id, &AppointmentId::new(id)).await?;
    on_roster(&state, &asker, &one, &student).await?;
    let booking = Booking {
        appointment: one.id.clone(),
        student,
        actor: Actor { person: session.principal.person.clone(), role: Some(grant.role) },
        message,
        origin: Origin::Booked,
        request: None,
        rules: state.store.booking_rules(&asker.school.id).await?,
        now_ms: asker.now_ms,
    };
    state.store.book(booking).await?;
    (state.poke_notices)();
    view(&state, &asker, &one.id).await
}

/// Office hours are for the students of their group; guardians book where the card invites them or for the child.
async fn on_roster(
    state: &ApiState,
    asker: &Asker,
    one: &Appointment,
    student: &crate::domain::ids::PersonId,
) -> Result<(), Problem> {
    let lesson = state.store.consultation(&one.consultation).await?;
    let facts = state.store.person_facts(student, asker.today).await?;
    if facts.has(Role::Student) && facts.groups.contains(&lesson.group) {
        return Ok(());
    }
    Err(refused(RefusalCode::NotOnRoster))
}

async fn view(state: &ApiState, asker: &Asker, id: &AppointmentId) -> Result<axum::Json<AppointmentView>, Problem> {
    let one = state.store.appointment(&asker.school.id, id).await?;
    let files = state.store.files_of(&Owner::Appointment(id.clone())).await?;
    let rules = state.store.booking_rules(&asker.school.id).await?;
    Ok(axum::Json(AppointmentView::of(one, files, asker, &rules)))
}

/// Why it is given back; hosts must say, recipients may.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    #[serde(default)]
    reason: String,
}

/// Give a time back, before the guard time; the waiting list moves up by itself. The host cancels at any time, with a reason.
#[utoipa::path(post, path = "/api/v1/appointments/{appointment}/cancel", tag = "appointments",
    params(("appointment" = String, Path)), request_body = CancelBody, responses(
    (status = 200, body = AppointmentView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`booking_closed`: inside the guard time; `illegal_transition`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn cancel(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<CancelBody>,
) -> Result<axum::Json<AppointmentView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    let one = state.store.appointment(&asker.school.id, &AppointmentId::new(id)).await?;
    let relations = relations(&asker, &one, GuardianRight::Book);
    let grant = session.allow::<kind::AppointmentCancel>(relations)?;
    let reason = optional(Some(&body.reason), SHORT_CHARACTERS, "reason")?.unwrap_or_default();
    let back = GiveBack {
        appointment: one.id.clone(),
        actor: Actor { person: session.principal.person.clone(), role: Some(grant.role) },
        by_host: !matches!(grant.relation, Relation::Own | Relation::Ward),
        reason,
        rules: state.store.booking_rules(&asker.school.id).await?,
        now_ms: asker.now_ms,
    };
    state.store.give_back(back).await?;
    (state.poke_notices)();
    view(&state, &asker, &one.id).await
}

/// What the host notes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotesBody {
    /// For the student and the guardians.
    #[serde(default)]
    shared: String,
    /// For the host alone.
    #[serde(default)]
    private: String,
}

/// Write the host's notes on an appointment.
#[utoipa::path(put, path = "/api/v1/appointments/{appointment}/notes", tag = "appointments",
    params(("appointment" = String, Path)), request_body = NotesBody, responses(
    (status = 200, body = AppointmentView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn notes(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<NotesBody>,
) -> Result<axum::Json<AppointmentView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    let one = state.store.appointment(&asker.school.id, &AppointmentId::new(id)).await?;
    let grant = session.allow::<kind::RoomHost>(relations(&asker, &one, GuardianRight::View))?;
    let shared = optional(Some(&body.shared), TEXT_CHARACTERS, "shared")?.unwrap_or_default();
    let private = optional(Some(&body.private), TEXT_CHARACTERS, "private")?.unwrap_or_default();
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let id = one.id.clone();
    state.store.note_appointment(one, (shared, private), actor, asker.now_ms).await?;
    view(&state, &asker, &id).await
}

/// What an appointment is to the person who asks; a free one is nobody's own.
fn relations(asker: &Asker, one: &Appointment, right: GuardianRight) -> Relations {
    let student = one.student.as_ref().map(|student| &student.id);
    let is_own = asker.facts.has(Role::Student) && student == Some(&asker.facts.id);
    let is_ward = asker.facts.wards_with(right, asker.today).any(|ward| Some(&ward.id) == student);
    Relations::school()
        .with_if(is_own, Relation::Own)
        .with_if(is_ward, Relation::Ward)
        .with_if(one.host.id == asker.facts.id, Relation::Host)
}

/// What a booking is to the person, for files. `not_found` when it is there and not theirs.
pub(super) async fn standing_at(state: &ApiState, session: &Session, id: &str) -> Result<Relations, Problem> {
    let asker = Asker::of(state, session).await?;
    let one = state.store.appointment(&asker.school.id, &AppointmentId::new(id)).await?;
    let relations = relations(&asker, &one, GuardianRight::Book);
    let is_theirs = relations.contains(Relation::Own) || relations.contains(Relation::Ward);
    is_theirs.then_some(relations).ok_or_else(Problem::not_found)
}

/// Whether the person sees a booking whole.
///
/// # Errors
/// `not_found` when not.
pub(super) async fn sees(state: &ApiState, session: &Session, id: &str) -> Result<(), Problem> {
    let asker = Asker::of(state, session).await?;
    let one = state.store.appointment(&asker.school.id, &AppointmentId::new(id)).await?;
    let relations = relations(&asker, &one, GuardianRight::View);
    let is_near = [Relation::Own, Relation::Ward, Relation::Host].into_iter().any(|each| relations.contains(each));
    is_near.then_some(()).ok_or_else(Problem::not_found)
}
