//! All children of a guardian on one page: what is next, what was asked, what is booked, how they attended, what to say of it.

use axum::extract::State;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::help::Asker;
use super::problem::Problem;
use super::session::rfc3339;
use super::timetable::PersonRef;
use crate::domain::appointment::AppointmentState;
use crate::domain::consultation::State as ConsultationState;
use crate::domain::ids::PersonId;
use crate::domain::person::{GuardianRight, PersonFacts, WardFacts};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Held, Relation, Relations};
use crate::domain::role::Role;
use crate::store::StoreError;
use crate::store::consultation::{Consultation, Viewer};
use crate::store::request::{InboxFilter, RequestList};

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(children))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Children {
    items: Vec<Child>,
    server_time_ms: i64,
}

/// One child as the guardian sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Child {
    id: String,
    display_name: String,
    class: String,
    /// Rights of the guardian today: `view`, `book`, `attend`, `message`, `consent`.
    rights: Vec<String>,
    /// The next consultations of the child, at most 3.
    next: Vec<Lesson>,
    /// Requests that wait for somebody, and those answered and not closed.
    open_requests: usize,
    answered_requests: usize,
    /// Appointments to come.
    appointments: Vec<Booked>,
    /// Places on waiting lists.
    waiting: usize,
    /// Of the consultations held in the last 30 days: how many the child was in.
    attended: usize,
    invited: usize,
    /// Marks below 3, missed works and the like.
    findings: usize,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Lesson {
    id: String,
    title: String,
    subject: Option<String>,
    form: String,
    start: String,
    end: String,
    state: String,
    host: PersonRef,
    /// Whether the guardian is invited, too.
    for_guardians: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Booked {
    id: String,
    consultation: String,
    title: String,
    starts: String,
    ends: String,
    host: PersonRef,
}

const DAY_MS: i64 = 24 * 3_600_000;
const NEXT: usize = 3;

/// Everything about one's children, by child.
#[utoipa::path(get, path = "/api/v1/children", tag = "guardians", responses(
    (status = 200, body = Children), (status = 401, body = Problem),
    (status = 403, description = "`role_not_permitted`: no guardian", body = Problem)
))]
pub async fn children(State(state): State<ApiState>, session: Session) -> Result<axum::Json<Children>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::AppointmentBook>(Relations::school().with(Relation::Ward))?;
    if !asker.facts.has(Role::Guardian) {
        return Err(Problem::new("role_not_permitted"));
    }
    let mine: Vec<WardFacts> = asker.facts.wards_with(GuardianRight::View, asker.today).cloned().collect();
    let ids: Vec<PersonId> = mine.iter().map(|ward| ward.id.clone()).collect();
    let mut items = Vec::with_capacity(mine.len());
    for ward in state.store.wards(&ids).await? {
        let Some(facts) = mine.iter().find(|facts| facts.id == ward.id) else { continue };
        let lessons = lessons(&state, &asker, facts).await?;
        let (attended, invited) = attendance(&state, &ward.id, &lessons).await?;
        let list = RequestList::Mine(vec![ward.id.clone()]);
        let requests = state.store.help_requests(&asker.school.id, &list, &InboxFilter::default()).await?;
        let of = std::slice::from_ref(&ward.id);
        let appointments = state.store.appointments_of(&asker.school.id, of, None, asker.now_ms - DAY_MS).await?;
        let next = lessons.iter().filter(|one| !one.state.is_final() && one.end_ms > asker.now_ms).take(NEXT);
        items.push(Child {
            next: next.map(lesson).collect(),
            open_requests: requests.iter().filter(|one| !one.state.is_final() && one.answered_ms.is_none()).count(),
            answered_requests: requests
                .iter()
                .filter(|one| one.state == crate::domain::request::RequestState::Answered)
                .count(),
            appointments: appointments
                .into_iter()
                .rev()
                .filter(|one| one.state == AppointmentState::Booked && one.ends_ms > asker.now_ms)
                .map(|one| Booked {
                    id: one.id.as_str().to_owned(),
                    consultation: one.consultation.as_str().to_owned(),
                    title: one.title,
                    starts: rfc3339(one.starts_ms),
                    ends: rfc3339(one.ends_ms),
                    host: PersonRef { id: one.host.id.as_str().to_owned(), display_name: one.host.display_name },
                })
                .collect(),
            waiting: state.store.waits_of(&ward.id).await?,
            attended,
            invited,
            findings: state.store.findings_of(&ward.id).await?.len(),
            rights: GuardianRight::ALL
                .iter()
                .filter(|right| facts.may(**right, asker.today))
                .map(|right| right.as_str().to_owned())
                .collect(),
            id: ward.id.as_str().to_owned(),
            display_name: ward.display_name,
            class: ward.class,
        });
    }
    Ok(axum::Json(Children { items, server_time_ms: asker.now_ms }))
}

/// The child's own consultations of the last 30 and the next 14 days: what the child's timetable shows.
async fn lessons(state: &ApiState, asker: &Asker, ward: &WardFacts) -> Result<Vec<Consultation>, StoreError> {
    let child = PersonFacts {
        id: ward.id.clone(),
        roles: vec![Held { role: Role::Student, unit: None }],
        groups: ward.groups.clone(),
        wards: Vec::new(),
    };
    let viewer = Viewer::of(&child, &asker.school.id, asker.today);
    let mut found = state.store.timetable(&viewer, asker.now_ms - 30 * DAY_MS, asker.now_ms + 14 * DAY_MS).await?;
    found.retain(|one| one.audience.students);
    Ok(found)
}

async fn attendance(
    state: &ApiState,
    student: &PersonId,
    lessons: &[Consultation],
) -> Result<(usize, usize), StoreError> {
    let held = lessons.iter().filter(|one| one.state == ConsultationState::Held);
    let (mut attended, mut invited) = (0, 0);
    for one in held {
        invited += 1;
        attended += usize::from(state.store.took_part(&one.id, std::slice::from_ref(student)).await?);
    }
    Ok((attended, invited))
}

fn lesson(one: &Consultation) -> Lesson {
    let host = one.substitute.as_ref().unwrap_or(&one.host);
    Lesson {
        id: one.id.as_str().to_owned(),
        title: one.title.clone(),
        subject: one.subject.clone(),
        form: one.form.as_str().to_owned(),
        start: rfc3339(one.start_ms),
        end: rfc3339(one.end_ms),
        state: one.state.as_str().to_owned(),
        host: PersonRef { id: host.id.as_str().to_owned(), display_name: host.display_name.clone() },
        for_guardians: one.audience.guardians,
    }
}
