//! A request as one person sees it: whole for those it concerns and those who answer, without names for peers.

use serde::Serialize;

use super::super::files::FileView;
use super::{RequestListView, name, relations};
use crate::api::ApiState;
use crate::api::auth::Session;
use crate::api::help::Asker;
use crate::api::problem::Problem;
use crate::api::session::rfc3339;
use crate::api::timetable::PersonRef;
use crate::domain::person::GuardianRight;
use crate::domain::policy::{Action, Relation, Relations, decide};
use crate::domain::request::{RequestState, may_reopen};
use crate::domain::role::Role;
use crate::store::StoreError;
use crate::store::request::HelpRequest;
use crate::store::request_file::Owner;

/// A request for help. Instants are RFC 3339 in UTC.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RequestView {
    id: String,
    subject: Choice,
    topic: Option<Choice>,
    class: Option<String>,
    group: String,
    text: String,
    wish_form: Option<String>,
    wish_times: Option<String>,
    is_shared: bool,
    /// `submitted`, `accepted`, `scheduled`, `answered`, `reopened`, `closed`, `declined` or `withdrawn`.
    state: String,
    /// `met`, `fine`, `soon` or `late`.
    sla: String,
    /// By when somebody has to react, and to help.
    first_response_due: String,
    help_due: String,
    created_at: String,
    updated_at: String,
    votes: i64,
    /// The person's own, or children, who have the same question.
    voted: Vec<String>,
    /// Not told to peers.
    student: Option<PersonRef>,
    author: Option<PersonRef>,
    answer: Option<String>,
    answered_by: Option<String>,
    answered_at: Option<String>,
    /// `not_programme`, `duplicate`, `out_of_right` or `other`.
    decline: Option<String>,
    decline_text: Option<String>,
    /// Where help is given.
    consultation: Option<Place>,
    /// The consultation about it was held, and the one who asked was not there.
    is_missed: bool,
    /// What the person may do with it now: `accept`, `answer`, `decline`, `schedule`, `assign`, `withdraw`, `reopen`,
    /// `close`, `vote`, `attach`.
    may: Vec<&'static str>,
    /// With a single request.
    steps: Vec<StepView>,
    files: Vec<FileView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Choice {
    id: String,
    name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Place {
    id: String,
    title: String,
    start: String,
    form: String,
    host: PersonRef,
}

/// One step of a request's life.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StepView {
    at: String,
    from: Option<String>,
    to: String,
    /// Name of who did it; the clock has none.
    by: Option<String>,
    reason: Option<String>,
}

/// How much of a request somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum See {
    Whole,
    /// Neither names nor answers nor files.
    Peer,
}

/// A request as one person meets it.
pub struct Seen {
    pub request: HelpRequest,
    pub asker: Asker,
    pub relations: Relations,
    see: See,
}

impl Seen {
    /// Looks a request up for a person.
    ///
    /// # Errors
    /// `not_found` also when it is there and none of theirs: nobody learns of another's question.
    pub async fn look_up(state: &ApiState, session: &Session, id: &str) -> Result<Self, Problem> {
        let asker = Asker::of(state, session).await?;
        let request = state.store.help_request(&asker.school.id, &name(id)).await?;
        let teaches = teaches(state, &asker, &request).await?;
        let relations = relations(session, &asker, &request, teaches);
        let is_near = relations.contains(Relation::Own) || relations.contains(Relation::Ward);
        let answers = decide(&session.principal, Action::RequestTriage, relations).is_ok();
        let is_peer = request.is_shared
            && !request.state.is_final()
            && asker.groups(GuardianRight::View).iter().any(|(_, group)| *group == request.group);
        let see = match (is_near || answers, is_peer) {
            (true, _) => See::Whole,
            (false, true) => See::Peer,
            (false, false) => return Err(Problem::not_found()),
        };
        Ok(Self { request, asker, relations, see })
    }

    /// With names, answer and files.
    pub fn is_whole(&self) -> bool {
        self.see == See::Whole
    }

    /// What the author of a request may do: a student with their own, a guardian with one they wrote for a child they still
    /// stand for.
    pub fn authorship(&self) -> Relations {
        let is_author = self.request.author == self.asker.facts.id;
        let is_own = is_author && self.request.student == self.request.author;
        Relations::school()
            .with_if(is_own, Relation::Own)
            .with_if(is_author && !is_own && self.relations.contains(Relation::Ward), Relation::Ward)
    }

    /// The view with steps and files.
    pub async fn whole(self, state: &ApiState, session: &Session) -> Result<RequestView, Problem> {
        let Self { request, asker, relations, see } = self;
        let id = request.id.clone();
        let mut view = view(state, session, &asker, request, (see, relations)).await?;
        if see == See::Whole {
            let steps = state.store.request_steps(&id).await?;
            view.steps = steps
                .into_iter()
                .map(|step| StepView {
                    at: rfc3339(step.at_ms),
                    from: step.from.map(|state| state.as_str().to_owned()),
                    to: step.to.as_str().to_owned(),
                    by: step.by,
                    reason: step.reason,
                })
                .collect();
            let files = state.store.files_of(&Owner::Request(id)).await?;
            view.files = files.into_iter().map(FileView::from).collect();
        }
        Ok(view)
    }
}

async fn teaches(state: &ApiState, asker: &Asker, request: &HelpRequest) -> Result<bool, StoreError> {
    if !asker.facts.has(Role::Teacher) {
        return Ok(false);
    }
    state.store.teaches_subject(&asker.facts.id, &request.group, &request.subject).await
}

/// Views of a list.
pub async fn list(
    state: &ApiState,
    session: &Session,
    asker: &Asker,
    found: Vec<HelpRequest>,
    see: See,
) -> Result<axum::Json<RequestListView>, Problem> {
    let mut items = Vec::with_capacity(found.len());
    for request in found {
        let teaches = see == See::Whole && teaches(state, asker, &request).await?;
        let relations = relations(session, asker, &request, teaches);
        items.push(view(state, session, asker, request, (see, relations)).await?);
    }
    Ok(axum::Json(RequestListView { items, server_time_ms: asker.now_ms }))
}

async fn view(
    state: &ApiState,
    session: &Session,
    asker: &Asker,
    request: HelpRequest,
    (see, relations): (See, Relations),
) -> Result<RequestView, Problem> {
    let students = asker.students(GuardianRight::View);
    let voted = state.store.has_voted(&request.id, &students).await?;
    let is_whole = see == See::Whole;
    let may = may(session, asker, &request, (see, relations));
    let sla = request.sla_facts().sla(asker.now_ms);
    let person = |id: &crate::domain::ids::PersonId, name: &str| {
        is_whole.then(|| PersonRef { id: id.as_str().to_owned(), display_name: name.to_owned() })
    };
    let place = match request.consultation.as_ref().filter(|_| is_whole) {
        Some(id) => match state.store.consultation(id).await {
            Ok(one) => {
                let host = one.substitute.unwrap_or(one.host);
                Some(Place {
                    id: id.as_str().to_owned(),
                    title: one.title,
                    start: rfc3339(one.start_ms),
                    form: one.form.as_str().to_owned(),
                    host: PersonRef { id: host.id.as_str().to_owned(), display_name: host.display_name },
                })
            }
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    // Answered by a consultation, and helped nobody who asked.
    let is_missed = is_whole
        && matches!(request.state, RequestState::Answered | RequestState::Closed)
        && request.consultation.is_some()
        && request.helped_ms.is_none();
    let choice = |id: &str, name: &str| Choice { id: id.to_owned(), name: name.to_owned() };
    Ok(RequestView {
        id: request.id.as_str().to_owned(),
        subject: choice(request.subject.as_str(), &request.subject_name),
        topic: request.topic.as_ref().zip(request.topic_title.as_ref()).map(|(id, title)| choice(id.as_str(), title)),
        class: request.class.clone(),
        group: request.group.as_str().to_owned(),
        student: person(&request.student, &request.student_name),
        author: person(&request.author, &request.author_name),
        text: request.text,
        wish_form: request.wish_form.map(|form| form.as_str().to_owned()),
        wish_times: request.wish_times.filter(|_| is_whole),
        is_shared: request.is_shared,
        state: request.state.as_str().to_owned(),
        sla: sla.as_str().to_owned(),
        first_response_due: rfc3339(request.due.first_response_ms),
        help_due: rfc3339(request.due.help_ms),
        created_at: rfc3339(request.created_ms),
        updated_at: rfc3339(request.updated_ms),
        votes: request.votes,
        voted: voted.into_iter().map(|id| id.as_str().to_owned()).collect(),
        answer: request.answer.filter(|_| is_whole),
        answered_by: request.answered_by.filter(|_| is_whole),
        answered_at: request.answered_ms.map(rfc3339),
        decline: request.decline.map(|reason| reason.as_str().to_owned()),
        decline_text: request.decline_text.filter(|_| is_whole),
        consultation: place,
        is_missed,
        may,
        steps: Vec::new(),
        files: Vec::new(),
    })
}

/// What the buttons of the page are made of; the acts themselves ask again.
fn may(
    session: &Session,
    asker: &Asker,
    request: &HelpRequest,
    (see, relations): (See, Relations),
) -> Vec<&'static str> {
    use RequestState as S;
    let mut may = Vec::new();
    let is_open = matches!(request.state, S::Submitted | S::Accepted | S::Scheduled | S::Reopened);
    let has_peer = asker
        .groups(GuardianRight::Message)
        .iter()
        .any(|(student, group)| *group == request.group && *student != request.student);
    if is_open && has_peer && request.is_shared {
        may.push("vote");
    }
    if see == See::Peer {
        return may;
    }
    if decide(&session.principal, Action::RequestTriage, relations).is_ok() {
        if matches!(request.state, S::Submitted | S::Reopened) {
            may.push("accept");
        }
        if is_open {
            may.extend(["answer", "assign"]);
        }
        if matches!(request.state, S::Submitted | S::Accepted) {
            may.push("decline");
        }
        if request.state.is_waiting() {
            may.push("schedule");
        }
    }
    let is_author = request.author == asker.facts.id;
    let stands = relations.contains(Relation::Own) || relations.contains(Relation::Ward);
    if is_author && stands {
        if !request.state.is_final() {
            may.push("withdraw");
            may.push("attach");
        }
        if may_reopen(&request.facts(), asker.now_ms) {
            may.push("reopen");
        }
        if request.state == S::Answered {
            may.push("close");
        }
    }
    may
}
