//! Guardian links over HTTP: proposing, confirming, ending, rights with dates, and the grant of a student of age (INV-51).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body::Json;
use super::help::{Asker, SHORT_CHARACTERS, optional, refused};
use super::problem::Problem;
use super::session::rfc3339;
use super::timetable::PersonRef;
use crate::domain::ids::PersonId;
use crate::domain::person::{GuardianRight, LinkState, SetRight, is_minor};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::guardian::{EndReason, GuardianLink, LinkError, LinksOf};
use crate::store::transition::Actor;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, propose))
        .routes(routes!(confirm))
        .routes(routes!(end))
        .routes(routes!(set_right))
        .routes(routes!(grant, take_back))
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Refused(code) => refused(code),
            LinkError::Store(error) => error.into(),
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LinkList {
    items: Vec<LinkView>,
}

/// A link between a guardian and a child.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LinkView {
    id: String,
    guardian: PersonRef,
    student: PersonRef,
    class: Option<String>,
    /// `mother`, `father`, or what the school calls it.
    relation: String,
    /// `proposed`, `confirmed` or `ended`.
    state: String,
    /// Whether it gives rights today.
    is_in_force: bool,
    confirmed_by: Option<String>,
    created_at: String,
    ended_at: Option<String>,
    /// `age18`, `court`, `school` or `error`.
    reason: Option<String>,
    /// The day on which the child comes of age, YYYY-MM-DD.
    adult_on: Option<String>,
    rights: Vec<RightView>,
    /// `guardian`, `student` or `school`: what the person is to the link.
    role: String,
    /// `confirm`, `end`, `rights`, `grant`, `take_back`.
    may: Vec<&'static str>,
}

/// A right with its dates.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RightView {
    /// `view`, `book`, `attend`, `message` or `consent`.
    right: String,
    granted: bool,
    from: Option<String>,
    to: Option<String>,
}

/// Links of the person: as a guardian, as a student, of the homeroom class, of the school.
#[utoipa::path(get, path = "/api/v1/guardian-links", tag = "guardians", responses(
    (status = 200, body = LinkList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn list(State(state): State<ApiState>, session: Session) -> Result<axum::Json<LinkList>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::AccountView>(Relations::own())?;
    let me = asker.facts.id.clone();
    let mut found = Vec::new();
    if asker.facts.has(Role::Guardian) {
        found.extend(state.store.guardian_links(&LinksOf::Guardian(me.clone())).await?);
    }
    if asker.facts.has(Role::Student) {
        // A student sees who stands for them, and not who would like to.
        let links = state.store.guardian_links(&LinksOf::Student(me.clone())).await?;
        found.extend(links.into_iter().filter(|link| link.state != LinkState::Proposed));
    }
    if asker.sees_school() {
        found.extend(state.store.guardian_links(&LinksOf::School(asker.school.id.clone())).await?);
    } else if asker.facts.has(Role::Teacher) {
        found.extend(state.store.guardian_links(&LinksOf::Homeroom(me.clone())).await?);
    }
    let grants = state.store.adult_grants(&me).await?;
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|link| seen.insert(link.id.clone()));
    let items = found.into_iter().map(|link| view(link, &asker, &session, &grants)).collect();
    Ok(axum::Json(LinkList { items }))
}

fn view(link: GuardianLink, asker: &Asker, session: &Session, grants: &[PersonId]) -> LinkView {
    let me = &asker.facts.id;
    let role = match (link.guardian.id == *me, link.student.id == *me) {
        (true, _) => "guardian",
        (_, true) => "student",
        _ => "school",
    };
    let is_adult = link.birth_date.is_some_and(|born| !is_minor(born, asker.today));
    let decides = decide(asker, session, &link);
    let mut may = Vec::new();
    if decides && link.state == LinkState::Proposed {
        may.push("confirm");
    }
    if decides && link.state != LinkState::Ended {
        may.push("end");
    }
    if decides && link.state == LinkState::Confirmed {
        may.push("rights");
    }
    if role == "student" && is_adult && link.state != LinkState::Proposed {
        may.push(if grants.contains(&link.guardian.id) { "take_back" } else { "grant" });
    }
    let adult_on = link.birth_date.and_then(|born| Date::new(born.year() + 18, born.month(), born.day()).ok());
    let is_in_force = match is_adult {
        true => grants.contains(&link.guardian.id) && role == "student",
        false => link.state == LinkState::Confirmed && link.birth_date.is_some(),
    };
    let reference = |named: crate::store::consultation::Named| PersonRef {
        id: named.id.as_str().to_owned(),
        display_name: named.display_name,
    };
    LinkView {
        is_in_force,
        rights: GuardianRight::ALL.iter().map(|right| right_view(*right, &link.rights)).collect(),
        id: link.id,
        guardian: reference(link.guardian),
        student: reference(link.student),
        class: link.class,
        relation: link.relation,
        state: link.state.as_str().to_owned(),
        confirmed_by: link.confirmed_by,
        created_at: rfc3339(link.created_ms),
        ended_at: link.ended_ms.map(rfc3339),
        reason: link.reason,
        adult_on: adult_on.map(|day| day.to_string()),
        role: role.to_owned(),
        may,
    }
}

fn right_view(right: GuardianRight, set: &[SetRight]) -> RightView {
    let set = set.iter().find(|one| one.right == right);
    RightView {
        right: right.as_str().to_owned(),
        granted: set.is_none_or(|one| one.granted),
        from: set.and_then(|one| one.from).map(|day| day.to_string()),
        to: set.and_then(|one| one.to).map(|day| day.to_string()),
    }
}

/// The homeroom teacher of the child's class, a deputy, the head; never about oneself.
fn relations(asker: &Asker, link: &GuardianLink) -> Relations {
    let me = &asker.facts.id;
    if link.guardian.id == *me || link.student.id == *me {
        return Relations::NONE;
    }
    Relations::school().with_if(link.homeroom.as_ref() == Some(me), Relation::Homeroom)
}

fn decide(asker: &Asker, session: &Session, link: &GuardianLink) -> bool {
    session.allow::<kind::GuardianLinkConfirm>(relations(asker, link)).is_ok()
}

/// Whom a guardian says to stand for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The school's code of the child, from the school's letter.
    student_code: String,
    /// The child's birth date, YYYY-MM-DD: who does not know it proposes nothing.
    birth_date: String,
    /// `mother`, `father`, or another word.
    relation: String,
}

/// Say that one is a child's guardian. It gives no right; the homeroom teacher confirms it. The answer is the same whether
/// there is such a child or not.
#[utoipa::path(post, path = "/api/v1/guardian-links", tag = "guardians", request_body = Proposal, responses(
    (status = 202, description = "Looked at by the school"), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn propose(
    State(state): State<ApiState>,
    session: Session,
    Json(proposal): Json<Proposal>,
) -> Result<StatusCode, Problem> {
    let asker = Asker::of(&state, &session).await?;
    if !asker.facts.has(Role::Guardian) {
        return Err(refused(RefusalCode::RoleNotPermitted));
    }
    session.allow::<kind::AccountView>(Relations::own())?;
    let born: Date = proposal.birth_date.parse().map_err(|_| Problem::bad_request("birth_date: YYYY-MM-DD"))?;
    let relation = optional(Some(&proposal.relation), 60, "relation")?.unwrap_or_default();
    let code = proposal.student_code.trim();
    if code.is_empty() || code.chars().count() > 60 {
        return Err(Problem::bad_request("student_code: from 1 to 60 characters"));
    }
    let student = state.store.person_by_code(&asker.school.id, code).await?;
    if let Some(student) = student.filter(|student| student.birth_date == Some(born)) {
        let roles = state.store.roles_on(&student.id, asker.today).await?;
        if roles.iter().any(|held| held.role == Role::Student) && student.id != asker.facts.id {
            let pair = (asker.facts.id.clone(), student.id);
            state.store.propose_link(&asker.school.id, pair, relation, asker.now_ms).await?;
            (state.poke_notices)();
        }
    }
    Ok(StatusCode::ACCEPTED)
}

/// Confirm a proposed link.
#[utoipa::path(post, path = "/api/v1/guardian-links/{link}/confirm", tag = "guardians", params(("link" = String, Path)), responses(
    (status = 204, description = "Confirmed"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`, `ward_is_adult`", body = Problem)
))]
pub async fn confirm(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let (asker, link, actor) = deciding(&state, &session, &id).await?;
    if link.birth_date.is_none_or(|born| !is_minor(born, asker.today)) {
        return Err(refused(RefusalCode::WardIsAdult));
    }
    state.store.confirm_link(link, actor, &asker.school, asker.now_ms).await?;
    changed(&state);
    Ok(StatusCode::NO_CONTENT)
}

/// Why a link ends.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// `court`, `school` or `error`.
    reason: String,
    /// What it rests on: the number of a decision, a note.
    #[serde(default)]
    text: String,
}

/// End a link, or turn a proposal down. Rights are gone at once, also in rooms where the guardian sits.
#[utoipa::path(post, path = "/api/v1/guardian-links/{link}/end", tag = "guardians", params(("link" = String, Path)),
    request_body = Ending, responses(
    (status = 204, description = "Ended"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`", body = Problem),
    (status = 422, description = "`reason_required`: a court's decision needs its number", body = Problem)
))]
pub async fn end(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(ending): Json<Ending>,
) -> Result<StatusCode, Problem> {
    let (asker, link, actor) = deciding(&state, &session, &id).await?;
    let reason = EndReason::parse(&ending.reason)
        .filter(|reason| *reason != EndReason::Age18)
        .ok_or_else(|| Problem::bad_request("reason: court, school or error"))?;
    let text = optional(Some(&ending.text), SHORT_CHARACTERS, "text")?.unwrap_or_default();
    if reason == EndReason::Court && text.is_empty() {
        return Err(refused(RefusalCode::ReasonRequired));
    }
    state.store.end_link(link, (reason, text), actor, &asker.school, asker.now_ms).await?;
    changed(&state);
    Ok(StatusCode::NO_CONTENT)
}

/// A right as it is set.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RightBody {
    /// `view`, `book`, `attend`, `message` or `consent`.
    right: String,
    granted: bool,
    /// First and last day, YYYY-MM-DD.
    from: Option<String>,
    to: Option<String>,
}

/// Give or take one right of a guardian, with dates.
#[utoipa::path(put, path = "/api/v1/guardian-links/{link}/rights", tag = "guardians", params(("link" = String, Path)),
    request_body = RightBody, responses(
    (status = 204, description = "Set"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn set_right(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<RightBody>,
) -> Result<StatusCode, Problem> {
    let (asker, link, actor) = deciding(&state, &session, &id).await?;
    let right = GuardianRight::parse(&body.right).ok_or_else(|| Problem::bad_request("right: no such right"))?;
    let day = |text: Option<String>, name: &str| {
        text.map(|text| text.parse::<Date>().map_err(|_| Problem::bad_request(format!("{name}: YYYY-MM-DD"))))
            .transpose()
    };
    let (from, to) = (day(body.from, "from")?, day(body.to, "to")?);
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        return Err(Problem::bad_request("to: not before from"));
    }
    let set = SetRight { right, granted: body.granted, from, to };
    state.store.set_guardian_right(link, set, actor, &asker.school, asker.now_ms).await?;
    changed(&state);
    Ok(StatusCode::NO_CONTENT)
}

async fn deciding(state: &ApiState, session: &Session, id: &str) -> Result<(Asker, GuardianLink, Actor), Problem> {
    let asker = Asker::of(state, session).await?;
    // Who confirms no links at all does not learn which there are.
    session.allow::<kind::GuardianLinkConfirm>(Relations::school().with(Relation::Homeroom))?;
    let link = state.store.guardian_link(&asker.school.id, id).await?;
    let grant = session.allow::<kind::GuardianLinkConfirm>(relations(&asker, &link))?;
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    Ok((asker, link, actor))
}

/// Seated guardians are asked again, notices go out.
fn changed(state: &ApiState) {
    state.rooms.access_changed();
    (state.poke_notices)();
}

/// To whom a grown student gives a grant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    guardian: String,
}

/// A student of age lets a guardian go on as before.
#[utoipa::path(post, path = "/api/v1/adult-grants", tag = "guardians", request_body = GrantBody, responses(
    (status = 204, description = "Given"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "Nobody who stood for them", body = Problem)
))]
pub async fn grant(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<GrantBody>,
) -> Result<StatusCode, Problem> {
    set_grant(&state, &session, body, true).await
}

/// A student of age takes a grant back.
#[utoipa::path(delete, path = "/api/v1/adult-grants", tag = "guardians", request_body = GrantBody, responses(
    (status = 204, description = "Taken back"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn take_back(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<GrantBody>,
) -> Result<StatusCode, Problem> {
    set_grant(&state, &session, body, false).await
}

async fn set_grant(
    state: &ApiState,
    session: &Session,
    body: GrantBody,
    is_given: bool,
) -> Result<StatusCode, Problem> {
    let asker = Asker::of(state, session).await?;
    session.allow::<kind::RequestCreate>(Relations::own())?;
    let me = asker.facts.id.clone();
    let born = state.store.person(&me).await?.birth_date;
    // A minor's guardians are the school's matter, not the child's.
    if is_given && born.is_none_or(|born| is_minor(born, asker.today)) {
        return Err(refused(RefusalCode::RoleNotPermitted));
    }
    let guardian = PersonId::new(body.guardian);
    let links = state.store.guardian_links(&LinksOf::Student(me.clone())).await?;
    let stood = links.iter().any(|link| link.guardian.id == guardian && link.state != LinkState::Proposed);
    if !stood {
        return Err(Problem::not_found());
    }
    state.store.set_adult_grant(&asker.school.id, me, guardian, is_given, asker.now_ms).await?;
    changed(state);
    Ok(StatusCode::NO_CONTENT)
}
