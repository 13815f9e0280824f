//! Requests for help (обращения): asking, the lists, one request with its steps, and what its author does with it. What those
//! who answer do: [`triage`].

mod triage;
mod view;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body::Json;
use super::help::{Asker, SHORT_CHARACTERS, TEXT_CHARACTERS, optional, refused, required};
use super::problem::Problem;
use crate::domain::form::Form;
use crate::domain::ids::{GroupId, PersonId, RequestId, SubjectId, TopicId};
use crate::domain::person::GuardianRight;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::request::{RequestEvent, RequestState, due};
use crate::domain::role::Role;
use crate::store::request::{HelpRequest, InboxFilter, Move, NewRequest, RequestError, RequestList};
use crate::store::transition::Actor;
pub use view::RequestView;
use view::{See, Seen};

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, ask))
        .routes(routes!(choices))
        .routes(routes!(peers))
        .routes(routes!(triage::inbox))
        .routes(routes!(one))
        .routes(routes!(triage::triage))
        .routes(routes!(triage::answer))
        .routes(routes!(withdraw))
        .routes(routes!(reopen))
        .routes(routes!(close))
        .routes(routes!(vote, unvote))
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(code) => refused(code),
            RequestError::TooMany => Self::new("limit_reached"),
            RequestError::Store(error) => error.into(),
        }
    }
}

/// A list of requests.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RequestListView {
    pub items: Vec<RequestView>,
    pub server_time_ms: i64,
}

/// What is asked.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequestBody {
    /// The child; without it the student asks for themselves.
    student: Option<String>,
    subject: String,
    topic: Option<String>,
    text: String,
    /// The form that would suit: `webinar`, `video_conference`, `chat`, `individual`.
    wish_form: Option<String>,
    /// When it would suit, in words.
    wish_times: Option<String>,
    /// Others of the class may read it, without a name, and say that they have the same question.
    #[serde(default)]
    is_shared: bool,
}

/// Subjects and topics that somebody may ask about.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Choices {
    students: Vec<StudentChoices>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StudentChoices {
    id: String,
    display_name: String,
    class: String,
    subjects: Vec<SubjectChoice>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SubjectChoice {
    id: String,
    name: String,
    topics: Vec<TopicChoice>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TopicChoice {
    pub id: String,
    pub title: String,
    pub part: String,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfStudent {
    /// One child only.
    student: Option<String>,
}

/// One's own requests and one's children's, newest first.
#[utoipa::path(get, path = "/api/v1/requests", tag = "requests", params(OfStudent), responses(
    (status = 200, body = RequestListView), (status = 401, body = Problem),
    (status = 403, description = "`role_not_permitted`, `guardian_link_missing`, `ward_is_adult`", body = Problem)
))]
pub async fn list(
    State(state): State<ApiState>,
    session: Session,
    Query(of): Query<OfStudent>,
) -> Result<axum::Json<RequestListView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::RequestCreate>(Relations::own().with(Relation::Ward))?;
    let students = match &of.student {
        Some(student) => vec![asker.standing(Some(student), GuardianRight::View)?.0],
        None => asker.students(GuardianRight::View),
    };
    let list = RequestList::Mine(students);
    let found = state.store.help_requests(&asker.school.id, &list, &InboxFilter::default()).await?;
    view::list(&state, &session, &asker, found, See::Whole).await
}

/// Open questions of one's class (or one's children's) that may be read, without names, most votes first.
#[utoipa::path(get, path = "/api/v1/requests/peers", tag = "requests", responses(
    (status = 200, body = RequestListView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn peers(State(state): State<ApiState>, session: Session) -> Result<axum::Json<RequestListView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::RequestCreate>(Relations::own().with(Relation::Ward))?;
    let groups: Vec<GroupId> = asker.groups(GuardianRight::View).into_iter().map(|(_, group)| group).collect();
    let mut not_of = asker.students(GuardianRight::View);
    not_of.push(asker.facts.id.clone());
    let list = RequestList::Peers { groups, not_of };
    let found = state.store.help_requests(&asker.school.id, &list, &InboxFilter::default()).await?;
    view::list(&state, &session, &asker, found, See::Peer).await
}

/// For whom and about what the person may ask.
#[utoipa::path(get, path = "/api/v1/requests/choices", tag = "requests", responses(
    (status = 200, body = Choices), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn choices(State(state): State<ApiState>, session: Session) -> Result<axum::Json<Choices>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::RequestCreate>(Relations::own().with(Relation::Ward))?;
    let groups = asker.groups(GuardianRight::Message);
    let all = state.store.teachings(&asker.school.id, None).await?;
    let ids = asker.students(GuardianRight::Message);
    let mut students = Vec::new();
    for ward in state.store.wards(&ids).await? {
        let mut subjects: Vec<SubjectChoice> = Vec::new();
        for teaching in &all {
            let is_theirs = groups.iter().any(|(student, group)| *student == ward.id && *group == teaching.group);
            if !is_theirs || subjects.iter().any(|subject| subject.id == teaching.subject.as_str()) {
                continue;
            }
            let topics = match &teaching.programme {
                Some(programme) => state.store.topics_of(programme).await?,
                None => Vec::new(),
            };
            let topics = topics.into_iter().map(|topic| TopicChoice {
                id: topic.id.as_str().to_owned(),
                title: topic.title,
                part: topic.part_title,
            });
            subjects.push(SubjectChoice {
                id: teaching.subject.as_str().to_owned(),
                name: teaching.subject_name.clone(),
                topics: topics.collect(),
            });
        }
        students.push(StudentChoices {
            id: ward.id.as_str().to_owned(),
            display_name: ward.display_name,
            class: ward.class,
            subjects,
        });
    }
    Ok(axum::Json(Choices { students }))
}

/// Ask for help, for oneself or for a child.
#[utoipa::path(post, path = "/api/v1/requests", tag = "requests", request_body = NewRequestBody, responses(
    (status = 201, body = RequestView), (status = 401, body = Problem),
    (status = 403, description = "`role_not_permitted`, `guardian_link_missing`, `guardian_link_ended`, `ward_is_adult`", body = Problem),
    (status = 404, description = "The student is not taught that subject", body = Problem),
    (status = 409, description = "`limit_reached`: too many open requests", body = Problem),
    (status = 422, description = "`reason_required`: the text is blank", body = Problem)
))]
pub async fn ask(
    State(state): State<ApiState>,
    session: Session,
    Json(asked): Json<NewRequestBody>,
) -> Result<(StatusCode, axum::Json<RequestView>), Problem> {
    let asker = Asker::of(&state, &session).await?;
    let (student, relations) = asker.standing(asked.student.as_deref(), GuardianRight::Message)?;
    let grant = session.allow::<kind::RequestCreate>(relations)?;
    let text = required(&asked.text, TEXT_CHARACTERS, "text")?;
    let subject = SubjectId::new(asked.subject);
    let group = group_for(&state, &asker, &student, &subject).await?;
    let topic = match asked.topic {
        Some(topic) => Some(topic_of(&state, &asker, &group, &subject, topic).await?),
        None => None,
    };
    let calendar = state.store.calendar(&asker.school).await?;
    let wish_form = asked.wish_form.as_deref().map(|form| {
        Form::parse(form)
            .filter(|form| form.is_realtime())
            .ok_or_else(|| Problem::bad_request("wish_form: no such form"))
    });
    let id = state
        .store
        .ask(NewRequest {
            school: asker.school.id.clone(),
            author: asker.facts.id.clone(),
            role: grant.role,
            student,
            group,
            subject,
            topic,
            text,
            wish_form: wish_form.transpose()?,
            wish_times: optional(asked.wish_times.as_deref(), SHORT_CHARACTERS, "wish_times")?,
            is_shared: asked.is_shared,
            due: due(&calendar, asker.now_ms),
            now_ms: asker.now_ms,
        })
        .await?;
    (state.poke_notices)();
    let seen = Seen::look_up(&state, &session, id.as_str()).await?;
    Ok((StatusCode::CREATED, axum::Json(seen.whole(&state, &session).await?)))
}

/// One request as the person may see it.
#[utoipa::path(get, path = "/api/v1/requests/{request}", tag = "requests", params(("request" = String, Path)), responses(
    (status = 200, body = RequestView), (status = 401, body = Problem), (status = 404, body = Problem)
))]
pub async fn one(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<RequestView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    Ok(axum::Json(seen.whole(&state, &session).await?))
}

/// Take one's request back.
#[utoipa::path(post, path = "/api/v1/requests/{request}/withdraw", tag = "requests", params(("request" = String, Path)), responses(
    (status = 200, body = RequestView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`", body = Problem)
))]
pub async fn withdraw(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<RequestView>, Problem> {
    by_author(&state, &session, &id, RequestEvent::Withdraw).await
}

/// Why an answer did not help.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    reason: String,
}

/// Ask again: the answer did not help. Once, within 7 days of it.
#[utoipa::path(post, path = "/api/v1/requests/{request}/reopen", tag = "requests", params(("request" = String, Path)),
    request_body = Doubt, responses(
    (status = 200, body = RequestView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn reopen(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(doubt): Json<Doubt>,
) -> Result<axum::Json<RequestView>, Problem> {
    let reason = optional(Some(&doubt.reason), SHORT_CHARACTERS, "reason")?.unwrap_or_default();
    by_author(&state, &session, &id, RequestEvent::Reopen { reason }).await
}

/// It helped: the request is closed.
#[utoipa::path(post, path = "/api/v1/requests/{request}/close", tag = "requests", params(("request" = String, Path)), responses(
    (status = 200, body = RequestView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`", body = Problem)
))]
pub async fn close(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<RequestView>, Problem> {
    by_author(&state, &session, &id, RequestEvent::Close).await
}

async fn by_author(
    state: &ApiState,
    session: &Session,
    id: &str,
    event: RequestEvent,
) -> Result<axum::Json<RequestView>, Problem> {
    let seen = Seen::look_up(state, session, id).await?;
    let grant = session.allow::<kind::RequestWithdraw>(seen.authorship())?;
    let step = Move {
        event,
        actor: Some(Actor { person: session.principal.person.clone(), role: Some(grant.role) }),
        answered_by: None,
        consultation: None,
        appointment: None,
        today: seen.asker.today,
        now_ms: seen.asker.now_ms,
    };
    state.store.move_request(seen.request, step).await?;
    (state.poke_notices)();
    let seen = Seen::look_up(state, session, id).await?;
    Ok(axum::Json(seen.whole(state, session).await?))
}

/// Whose vote it is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The child; without it the student's own.
    student: Option<String>,
}

/// "I have the same question." The asker's name is not shown, and who votes is not either.
#[utoipa::path(post, path = "/api/v1/requests/{request}/vote", tag = "requests", params(("request" = String, Path)),
    request_body = Vote, responses(
    (status = 200, body = RequestView), (status = 401, body = Problem),
    (status = 403, description = "`not_on_roster`: of another class", body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`: it is over", body = Problem)
))]
pub async fn vote(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(vote): Json<Vote>,
) -> Result<axum::Json<RequestView>, Problem> {
    set_vote(&state, &session, &id, vote, true).await
}

/// Take a vote back.
#[utoipa::path(delete, path = "/api/v1/requests/{request}/vote", tag = "requests", params(("request" = String, Path)),
    request_body = Vote, responses(
    (status = 200, body = RequestView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn unvote(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(vote): Json<Vote>,
) -> Result<axum::Json<RequestView>, Problem> {
    set_vote(&state, &session, &id, vote, false).await
}

async fn set_vote(
    state: &ApiState,
    session: &Session,
    id: &str,
    vote: Vote,
    is_for: bool,
) -> Result<axum::Json<RequestView>, Problem> {
    let seen = Seen::look_up(state, session, id).await?;
    let (student, relations) = seen.asker.standing(vote.student.as_deref(), GuardianRight::Message)?;
    let grant = session.allow::<kind::RequestCreate>(relations)?;
    let groups = seen.asker.groups(GuardianRight::Message);
    if !groups.iter().any(|(of, group)| *of == student && *group == seen.request.group) {
        return Err(refused(RefusalCode::NotOnRoster));
    }
    let is_open = seen.request.state.is_waiting() || seen.request.state == RequestState::Scheduled;
    if is_for && (!is_open || student == seen.request.student) {
        return Err(refused(RefusalCode::IllegalTransition));
    }
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    state.store.vote(seen.request, student, actor, is_for, seen.asker.now_ms).await?;
    let seen = Seen::look_up(state, session, id).await?;
    Ok(axum::Json(seen.whole(state, session).await?))
}

/// The group in which the student is taught the subject.
async fn group_for(
    state: &ApiState,
    asker: &Asker,
    student: &PersonId,
    subject: &SubjectId,
) -> Result<GroupId, Problem> {
    let groups = asker.groups(GuardianRight::Message);
    let all = state.store.teachings(&asker.school.id, None).await?;
    groups
        .into_iter()
        .filter(|(of, _)| of == student)
        .map(|(_, group)| group)
        .find(|group| all.iter().any(|teaching| teaching.group == *group && teaching.subject == *subject))
        .ok_or_else(|| Problem::not_found().detail("the student is not taught that subject"))
}

async fn topic_of(
    state: &ApiState,
    asker: &Asker,
    group: &GroupId,
    subject: &SubjectId,
    topic: String,
) -> Result<TopicId, Problem> {
    let all = state.store.teachings(&asker.school.id, None).await?;
    let programme = all
        .into_iter()
        .find(|teaching| teaching.group == *group && teaching.subject == *subject)
        .and_then(|teaching| teaching.programme);
    let topics = match &programme {
        Some(programme) => state.store.topics_of(programme).await?,
        None => Vec::new(),
    };
    let topic = TopicId::new(topic);
    let is_known = topics.iter().any(|row| row.id == topic);
    is_known.then_some(topic).ok_or_else(|| Problem::not_found().detail("no such topic in the programme"))
}

/// What a request is to the person who asks.
fn relations(session: &Session, asker: &Asker, request: &HelpRequest, teaches: bool) -> Relations {
    let me = &session.principal.person;
    let is_own = *me == request.author || (*me == request.student && asker.facts.has(Role::Student));
    let is_ward = asker.facts.wards_with(GuardianRight::View, asker.today).any(|ward| ward.id == request.student);
    let in_unit = request.unit.as_ref().is_some_and(|unit| asker.units().contains(unit));
    Relations::school()
        .with_if(is_own, Relation::Own)
        .with_if(is_ward, Relation::Ward)
        .with_if(teaches, Relation::Group)
        .with_if(request.assigned_to.as_ref() == Some(me), Relation::Assigned)
        .with_if(in_unit, Relation::Unit)
}

/// The name of a request in a path.
fn name(id: &str) -> RequestId {
    RequestId::new(id)
}

/// What a request is to its author, for what only authors do.
///
/// # Errors
/// `not_found` for a request that is none of theirs.
pub(super) async fn authored(
    state: &ApiState,
    session: &Session,
    id: &str,
) -> Result<(HelpRequest, Relations), Problem> {
    let seen = Seen::look_up(state, session, id).await?;
    let relations = seen.authorship();
    Ok((seen.request, relations))
}

/// Whether the person sees a request whole, with its files.
///
/// # Errors
/// `not_found` when not.
pub(super) async fn sees_whole(state: &ApiState, session: &Session, id: &str) -> Result<(), Problem> {
    let seen = Seen::look_up(state, session, id).await?;
    seen.is_whole().then_some(()).ok_or_else(Problem::not_found)
}
