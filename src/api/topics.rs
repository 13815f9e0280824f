//! Topics by need: what a person teaches, the ranked list of a group with its reasons, and what is chosen for a date.

use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::Seen;
use super::auth::Session;
use super::body::Json;
use super::help::{Asker, SHORT_CHARACTERS, optional, refused};
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::consultation::State as ConsultationState;
use crate::domain::ids::{GroupId, PartId, RequestId, SubjectId, TopicId};
use crate::domain::performance::rank;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::request::RequestState;
use crate::domain::role::Role;
use crate::store::consultation::{Consultation, Viewer};
use crate::store::request::{InboxFilter, RequestList};
use crate::store::topics::{Choice, Teaching};
use crate::store::transition::Actor;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(teaching)).routes(routes!(ranked)).routes(routes!(chosen, choose))
}

/// What the person teaches.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TeachingView {
    items: Vec<TeachingItem>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TeachingItem {
    group: String,
    class: String,
    /// Empty: the whole class.
    group_name: String,
    subject: String,
    subject_name: String,
    /// Whether there is a programme, without which there are no topics.
    has_programme: bool,
}

/// Groups and subjects by published cards: one's own; for heads those of the unit or the school.
#[utoipa::path(get, path = "/api/v1/teaching", tag = "topics", responses(
    (status = 200, body = TeachingView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn teaching(State(state): State<ApiState>, session: Session) -> Result<axum::Json<TeachingView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    let widest = Relations::school().with(Relation::Group).with(Relation::Unit).with(Relation::Assigned);
    session.allow::<kind::RequestTriage>(widest)?;
    let items = taught(&state, &asker).await?;
    let items = items
        .into_iter()
        .map(|one| TeachingItem {
            group: one.group.as_str().to_owned(),
            class: one.class,
            group_name: one.group_name,
            subject: one.subject.as_str().to_owned(),
            subject_name: one.subject_name,
            has_programme: one.programme.is_some(),
        })
        .collect();
    Ok(axum::Json(TeachingView { items }))
}

async fn taught(state: &ApiState, asker: &Asker) -> Result<Vec<Teaching>, Problem> {
    let is_wide = asker.sees_school() || asker.facts.has(Role::UnitHead);
    let host = (!is_wide).then_some(&asker.facts.id);
    let mut items = state.store.teachings(&asker.school.id, host).await?;
    if !asker.sees_school() && asker.facts.has(Role::UnitHead) {
        let units = asker.units();
        items.retain(|one| one.unit.as_ref().is_some_and(|unit| units.iter().any(|mine| mine.as_str() == unit)));
    }
    Ok(items)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfGroup {
    group: String,
    subject: String,
}

/// Topics of a group by need, the neediest first, each score with its reasons.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RankedView {
    class: String,
    subject: String,
    students: i64,
    topics: Vec<RankedTopic>,
    parts: Vec<PartView>,
    /// Open requests of the group in the subject, by topic.
    requests: Vec<AskedView>,
    /// What marks say of single students.
    findings: Vec<FindingView>,
    /// Planned consultations of the group in the subject for which topics can be chosen.
    planned: Vec<PlannedView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RankedTopic {
    id: String,
    title: String,
    part: String,
    part_id: String,
    score: i64,
    reasons: Vec<ReasonView>,
    graded: i64,
    below_three: i64,
    /// Hundredths of a mark.
    mean: Option<i64>,
    requests: i64,
    votes: i64,
    held_days_ago: Option<i64>,
    is_planned: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReasonView {
    /// `below_three`, `low_mean`, `requests`, `votes`, `missed`, `never_held`, `held_lately` or `planned`.
    kind: String,
    value: i64,
    of: Option<i64>,
    points: i64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PartView {
    id: String,
    title: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AskedView {
    id: String,
    topic: Option<String>,
    text: String,
    votes: i64,
    state: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FindingView {
    student: String,
    student_name: String,
    /// `low_mean`, `drop`, `failed_marks` or `missed_work`.
    rule: String,
    value: i64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PlannedView {
    id: String,
    title: String,
    start: String,
    form: String,
    coverage: String,
}

/// How far ahead topics can be chosen.
const AHEAD_MS: i64 = 28 * 24 * 3_600_000;

/// The ranked list of topics of a group in a subject.
#[utoipa::path(get, path = "/api/v1/topics/ranked", tag = "topics", params(OfGroup), responses(
    (status = 200, body = RankedView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "Nobody teaches that subject there", body = Problem)
))]
pub async fn ranked(
    State(state): State<ApiState>,
    session: Session,
    Query(of): Query<OfGroup>,
) -> Result<axum::Json<RankedView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    let (group, subject) = (GroupId::new(of.group), SubjectId::new(of.subject));
    // Who may see no performance at all learns nothing of what is taught.
    session.allow::<kind::RequestTriage>(
        Relations::school().with(Relation::Group).with(Relation::Unit).with(Relation::Assigned),
    )?;
    let all = state.store.teachings(&asker.school.id, None).await?;
    let Some(one) = all.into_iter().find(|one| one.group == group && one.subject == subject) else {
        return Err(Problem::not_found());
    };
    let teaches = state.store.teaches_subject(&asker.facts.id, &group, &subject).await?;
    let units = asker.units();
    let in_unit = one.unit.as_ref().is_some_and(|unit| units.iter().any(|mine| mine.as_str() == unit));
    let relations = Relations::school().with_if(teaches, Relation::Group).with_if(in_unit, Relation::Unit);
    session.allow::<kind::PerformanceView>(relations.with_if(teaches, Relation::Assigned))?;
    let Some(programme) = &one.programme else { return Err(Problem::not_found().detail("there is no programme")) };
    let needs = state.store.group_needs(&group, programme, asker.now_ms).await?;
    let students = needs.evidence.first().map_or(0, |evidence| evidence.students);
    let ranks = rank(needs.evidence);
    let topics = ranks.into_iter().filter_map(|rank| {
        let row = needs.topics.iter().find(|row| row.id == rank.topic)?;
        Some(RankedTopic {
            id: rank.topic.as_str().to_owned(),
            title: row.title.clone(),
            part: row.part_title.clone(),
            part_id: row.part.as_str().to_owned(),
            score: rank.score,
            reasons: rank
                .reasons
                .iter()
                .map(|reason| ReasonView {
                    kind: reason.kind.as_str().to_owned(),
                    value: reason.value,
                    of: reason.of,
                    points: reason.points,
                })
                .collect(),
            graded: rank.evidence.graded,
            below_three: rank.evidence.below_three,
            mean: rank.evidence.mean,
            requests: rank.evidence.requests,
            votes: rank.evidence.votes,
            held_days_ago: rank.evidence.held_days_ago,
            is_planned: rank.evidence.is_planned,
        })
    });
    let filter = InboxFilter {
        states: vec![RequestState::Submitted, RequestState::Accepted, RequestState::Reopened],
        subject: Some(subject),
        group: Some(group.clone()),
    };
    let asked = state.store.help_requests(&asker.school.id, &RequestList::School, &filter).await?;
    let planned = state
        .store
        .timetable(&Viewer::of_school(&asker.school.id), asker.now_ms, asker.now_ms + AHEAD_MS)
        .await?
        .into_iter()
        .filter(|lesson| lesson.group == group && lesson.subject.as_deref() == Some(&one.subject_name))
        .filter(|lesson| lesson.state == ConsultationState::Planned)
        .filter(|lesson| relations.contains(Relation::Unit) || asker.sees_school() || hosts(lesson, &asker))
        .map(|lesson| PlannedView {
            id: lesson.id.as_str().to_owned(),
            start: rfc3339(lesson.start_ms),
            form: lesson.form.as_str().to_owned(),
            coverage: lesson.coverage.as_str().to_owned(),
            title: lesson.title,
        })
        .collect();
    Ok(axum::Json(RankedView {
        class: one.class,
        subject: one.subject_name,
        students,
        topics: topics.collect(),
        parts: state
            .store
            .parts_of(programme)
            .await?
            .into_iter()
            .map(|(id, title)| PartView { id: id.as_str().to_owned(), title })
            .collect(),
        requests: asked
            .into_iter()
            .map(|request| AskedView {
                id: request.id.as_str().to_owned(),
                topic: request.topic.map(|topic| topic.as_str().to_owned()),
                text: request.text,
                votes: request.votes,
                state: request.state.as_str().to_owned(),
            })
            .collect(),
        findings: needs
            .students
            .into_iter()
            .map(|(student, student_name, rule, value)| FindingView {
                student: student.as_str().to_owned(),
                student_name,
                rule: rule.as_str().to_owned(),
                value,
            })
            .collect(),
        planned,
    }))
}

fn hosts(lesson: &Consultation, asker: &Asker) -> bool {
    lesson.substitute.as_ref().unwrap_or(&lesson.host).id == asker.facts.id
}

/// What a date is about and why.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChosenView {
    topics: Vec<PartView>,
    parts: Vec<PartView>,
    sources: Vec<SourceView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SourceView {
    /// `request`, `performance` or `note`.
    kind: String,
    ref_id: Option<String>,
    text: Option<String>,
}

/// Topics, parts and sources of one date, as its host chose them.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/topics", tag = "topics", params(("id" = String, Path)), responses(
    (status = 200, body = ChosenView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn chosen(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<ChosenView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    // Whose request it was is for those who hold it and answer for it.
    session.allow::<kind::ConsultationCancel>(seen.relations)?;
    chosen_of(&state, &seen.consultation).await
}

async fn chosen_of(state: &ApiState, one: &Consultation) -> Result<axum::Json<ChosenView>, Problem> {
    let topics = state.store.chosen_topics(std::slice::from_ref(&one.id)).await?.remove(&one.id).unwrap_or_default();
    let parts = state.store.chosen_parts(&one.id).await?;
    let sources = state.store.sources_of(&one.id).await?;
    Ok(axum::Json(ChosenView {
        topics: topics.into_iter().map(|(id, title)| PartView { id: id.as_str().to_owned(), title }).collect(),
        parts: parts.into_iter().map(|(id, title)| PartView { id: id.as_str().to_owned(), title }).collect(),
        sources: sources.into_iter().map(|(kind, ref_id, text)| SourceView { kind, ref_id, text }).collect(),
    }))
}

/// What the host chooses for a date.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoiceBody {
    #[serde(default)]
    parts: Vec<String>,
    #[serde(default)]
    topics: Vec<String>,
    /// Requests that it answers: they are put into it, and those who asked are told.
    #[serde(default)]
    requests: Vec<String>,
    /// Topics whose marks speak for it.
    #[serde(default)]
    performance: Vec<String>,
    /// The host's own reason.
    note: Option<String>,
}

/// Most entries of each list of a choice.
const MOST_CHOSEN: usize = 50;

/// Choose topics and sources for a planned date (clauses 3.5, 3.6). The host does, never an administrator.
#[utoipa::path(put, path = "/api/v1/consultations/{id}/topics", tag = "topics", params(("id" = String, Path)),
    request_body = ChoiceBody, responses(
    (status = 200, body = ChosenView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`: it is over", body = Problem),
    (status = 422, description = "`source_required`, `topics_required`, `part_required`, `outside_study_period`, \
     `prep_before_part_end`", body = Problem)
))]
pub async fn choose(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<ChoiceBody>,
) -> Result<axum::Json<ChosenView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::CardEdit>(seen.relations)?;
    let one = seen.consultation;
    for (name, list) in [
        ("parts", &body.parts),
        ("topics", &body.topics),
        ("requests", &body.requests),
        ("performance", &body.performance),
    ] {
        if list.len() > MOST_CHOSEN {
            return Err(Problem::bad_request(format!("{name}: at most {MOST_CHOSEN}")));
        }
    }
    if one.state.is_final() {
        return Err(refused(RefusalCode::IllegalTransition));
    }
    let choice = Choice {
        parts: body.parts.into_iter().map(PartId::new).collect(),
        topics: body.topics.into_iter().map(TopicId::new).collect(),
        requests: body.requests.into_iter().map(RequestId::new).collect(),
        performance: body.performance.into_iter().map(TopicId::new).collect(),
        note: optional(body.note.as_deref(), SHORT_CHARACTERS, "note")?,
    };
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let school = state.store.school(&session.principal.school).await?;
    state.store.choose_topics(&school, &one, choice, (actor, seen.today), state.clock.now_ms()).await?;
    (state.poke_notices)();
    chosen_of(&state, &one).await
}
