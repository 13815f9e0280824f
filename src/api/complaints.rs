//! Complaints about a consultation: made by those it was for, answered by its host, decided by the deputy or the head.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::Seen;
use super::auth::Session;
use super::body::Json;
use super::help::{Asker, TEXT_CHARACTERS, refused, required};
use super::problem::Problem;
use super::session::rfc3339;
use super::timetable::PersonRef;
use crate::domain::consultation::State as ConsultationState;
use crate::domain::feedback::{ComplaintKind, ComplaintState};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::consultation::Named;
use crate::store::feedback::{Complaint, ComplaintError, ComplaintsOf};
use crate::store::transition::Actor;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(complain)).routes(routes!(list)).routes(routes!(answer)).routes(routes!(close))
}

impl From<ComplaintError> for Problem {
    fn from(error: ComplaintError) -> Self {
        match error {
            ComplaintError::Refused(RefusalCode::BookingLimit) => Self::new("limit_reached"),
            ComplaintError::Refused(code) => refused(code),
            ComplaintError::Store(error) => error.into(),
        }
    }
}

/// What is complained of.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComplaintBody {
    /// `untimely`, `poor` or `unlawful` (clause 4.1).
    kind: String,
    text: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ComplaintList {
    items: Vec<ComplaintView>,
}

/// A complaint as one person sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ComplaintView {
    id: String,
    consultation: String,
    title: String,
    start: String,
    host: PersonRef,
    /// The host learns what is said, not who said it.
    author: Option<PersonRef>,
    kind: String,
    text: String,
    /// `open`, `answered` or `closed`.
    state: String,
    created_at: String,
    answers: Vec<SaidView>,
    decision: Option<String>,
    closed_at: Option<String>,
    /// `answer`, `close`.
    may: Vec<&'static str>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SaidView {
    by: PersonRef,
    text: String,
    at: String,
}

/// Complain of a consultation. Its host may answer, the deputy decides.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/complaints", tag = "feedback", params(("id" = String, Path)),
    request_body = ComplaintBody, responses(
    (status = 201, description = "Made"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`too_early`; `limit_reached`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn complain(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<ComplaintBody>,
) -> Result<StatusCode, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    // Those for whom it was meant; who holds it has the right to answer instead.
    let is_for = !seen.relations.contains(Relation::Host);
    let grant = session.allow::<kind::RequestCreate>(if is_for { seen.relations } else { Relations::school() })?;
    let kind =
        ComplaintKind::parse(&body.kind).ok_or_else(|| Problem::bad_request("kind: untimely, poor or unlawful"))?;
    let text = required(&body.text, TEXT_CHARACTERS, "text")?;
    let one = &seen.consultation;
    let now_ms = state.clock.now_ms();
    // Nothing can be said of what has not begun, unless it was cancelled.
    if now_ms < one.start_ms && one.state != ConsultationState::Cancelled {
        return Err(refused(RefusalCode::TooEarly));
    }
    let host = one.substitute.as_ref().unwrap_or(&one.host).id.clone();
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    state.store.complain((one.school.clone(), one.id.clone(), host), (kind, text), actor, now_ms).await?;
    (state.poke_notices)();
    Ok(StatusCode::CREATED)
}

/// Complaints: one's own, those about one, and for heads those of the unit or the school.
#[utoipa::path(get, path = "/api/v1/complaints", tag = "feedback", responses(
    (status = 200, body = ComplaintList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn list(State(state): State<ApiState>, session: Session) -> Result<axum::Json<ComplaintList>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::AccountView>(Relations::own())?;
    let me = asker.facts.id.clone();
    let of = if asker.sees_school() {
        vec![ComplaintsOf::School]
    } else {
        let units = asker.units().iter().map(|unit| unit.as_str().to_owned()).collect();
        vec![ComplaintsOf::Author(me.clone()), ComplaintsOf::Host(me), ComplaintsOf::Unit(units)]
    };
    let mut found: Vec<Complaint> = Vec::new();
    for of in of {
        for one in state.store.complaints(&asker.school.id, &of).await? {
            if found.iter().all(|known| known.id != one.id) {
                found.push(one);
            }
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.created_ms));
    Ok(axum::Json(ComplaintList { items: found.into_iter().map(|one| view(one, &asker)).collect() }))
}

fn reference(named: Named) -> PersonRef {
    PersonRef { id: named.id.as_str().to_owned(), display_name: named.display_name }
}

fn view(one: Complaint, asker: &Asker) -> ComplaintView {
    let me = &asker.facts.id;
    let is_host = one.host.id == *me;
    let is_open = one.state != ComplaintState::Closed;
    let decides = decides(asker, &one);
    let mut may = Vec::new();
    if is_host && is_open {
        may.push("answer");
    }
    if decides && is_open {
        may.push("close");
    }
    let sees_author = decides || one.author.id == *me;
    ComplaintView {
        id: one.id,
        consultation: one.consultation.as_str().to_owned(),
        title: one.title,
        start: rfc3339(one.start_ms),
        host: reference(one.host),
        author: sees_author.then(|| reference(one.author)),
        kind: one.kind.as_str().to_owned(),
        text: one.text,
        state: one.state.as_str().to_owned(),
        created_at: rfc3339(one.created_ms),
        answers: one
            .answers
            .into_iter()
            .map(|(by, text, at)| SaidView { by: reference(by), text, at: rfc3339(at) })
            .collect(),
        decision: one.decision,
        closed_at: one.closed_ms.map(rfc3339),
        may,
    }
}

/// Deputies and heads decide for the school, unit heads see their unit; nobody about themselves.
fn decides(asker: &Asker, one: &Complaint) -> bool {
    asker.sees_school() && one.host.id != asker.facts.id && one.author.id != asker.facts.id
}

/// What is answered or decided.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaidBody {
    text: String,
}

/// Answer a complaint about oneself.
#[utoipa::path(post, path = "/api/v1/complaints/{complaint}/answer", tag = "feedback", params(("complaint" = String, Path)),
    request_body = SaidBody, responses(
    (status = 204, description = "Kept"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`: it is closed", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn answer(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<SaidBody>,
) -> Result<StatusCode, Problem> {
    let (asker, one) = look_up(&state, &session, &id).await?;
    let is_host = one.host.id == asker.facts.id;
    let grant = session.allow::<kind::RoomHost>(Relations::school().with_if(is_host, Relation::Host))?;
    let text = required(&body.text, TEXT_CHARACTERS, "text")?;
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    state.store.answer_complaint(one, text, actor, asker.now_ms).await?;
    (state.poke_notices)();
    Ok(StatusCode::NO_CONTENT)
}

/// Decide on a complaint, which closes it.
#[utoipa::path(post, path = "/api/v1/complaints/{complaint}/close", tag = "feedback", params(("complaint" = String, Path)),
    request_body = SaidBody, responses(
    (status = 204, description = "Closed"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn close(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<SaidBody>,
) -> Result<StatusCode, Problem> {
    let (asker, one) = look_up(&state, &session, &id).await?;
    if !decides(&asker, &one) {
        return Err(refused(RefusalCode::RoleNotPermitted));
    }
    let grant = session.allow::<kind::EvidenceReport>(Relations::school())?;
    let text = required(&body.text, TEXT_CHARACTERS, "text")?;
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    state.store.close_complaint(one, text, actor, asker.now_ms).await?;
    (state.poke_notices)();
    Ok(StatusCode::NO_CONTENT)
}

/// A complaint that the person may know of; else `not_found`.
async fn look_up(state: &ApiState, session: &Session, id: &str) -> Result<(Asker, Complaint), Problem> {
    let asker = Asker::of(state, session).await?;
    let one = state.store.complaint(&asker.school.id, id).await?;
    let me = &asker.facts.id;
    let in_unit = one.unit.as_ref().is_some_and(|unit| asker.units().iter().any(|mine| mine.as_str() == unit));
    let is_known = one.host.id == *me || one.author.id == *me || asker.sees_school() || in_unit;
    if !is_known || asker.facts.has(Role::Admin) && !asker.sees_school() {
        return Err(Problem::not_found());
    }
    Ok((asker, one))
}
