//! Programmes, their parts and topics: made, changed and taken away by those who may complete their parts; completing a part.
//! DOMAIN 5 has no row of its own for making them, and `part.complete` is the row of those who own a programme.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::access;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::{FindingView, MOST_DATES, actor, day, parsed, reason, school_of};
use crate::domain::fold::fold;
use crate::domain::ids::{PartId, ProgrammeId};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Action, Relation, Relations, decide};
use crate::domain::role::Role;
use crate::store::StoreError;
use crate::store::planning::parts::{PartChange, PartEdit, PartError};
use crate::store::programme::editing::{EditError, ProgrammePlan, YearOption};
use crate::store::programme::{PartPlan, Programme};
use crate::store::transition::Actor;

/// Bounds of what is written: a year has no more parts, a part no more topics.
const MOST_PARTS: usize = 60;
const MOST_TOPICS: usize = 200;
const TITLE_CHARACTERS: usize = 200;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProgrammesView {
    items: Vec<ProgrammeView>,
    today: String,
    /// What a programme can be made of; `null` for those who make none.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<NewChoices>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NewChoices {
    /// Names of the school's subjects; another name makes a subject.
    subjects: Vec<String>,
    years: Vec<YearOption>,
    /// For every subject and grade; else only for what the person teaches.
    whole_school: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProgrammeView {
    id: String,
    subject_id: String,
    subject: String,
    grade: u8,
    year: String,
    starts_on: String,
    ends_on: String,
    parts: Vec<PartView>,
    /// The person who asks may complete and change its parts.
    editable: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PartView {
    id: String,
    title: String,
    starts_on: String,
    ends_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_by: Option<String>,
    topics: Vec<String>,
}

fn relations(session: &Session, programme: &Programme) -> Relations {
    Relations::school().with_if(programme.teachers.contains(&session.principal.person), Relation::Group)
}

fn view(session: &Session, programme: Programme) -> ProgrammeView {
    let editable = decide(&session.principal, Action::PartComplete, relations(session, &programme)).is_ok();
    ProgrammeView {
        editable,
        id: programme.id.as_str().to_owned(),
        subject_id: programme.subject_id.as_str().to_owned(),
        subject: programme.subject,
        grade: programme.grade,
        year: programme.year,
        starts_on: programme.starts_on.to_string(),
        ends_on: programme.ends_on.to_string(),
        parts: programme
            .parts
            .into_iter()
            .map(|part| PartView {
                id: part.id.as_str().to_owned(),
                title: part.title,
                starts_on: part.starts_on.to_string(),
                ends_on: part.ends_on.to_string(),
                completed_on: part.completed_on.map(|day| day.to_string()),
                completed_by: part.completed_by,
                topics: part.topics.into_iter().map(|(_, title)| title).collect(),
            })
            .collect(),
    }
}

/// Programmes: of the school for those who work there, of their own grade for students, of their children's for guardians.
#[utoipa::path(get, path = "/api/v1/programmes", tag = "planning", responses(
    (status = 200, body = ProgrammesView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn programmes(
    State(state): State<ApiState>,
    session: Session,
) -> Result<axum::Json<ProgrammesView>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let today = access::today(&state, &session).await?;
    let mut all = state.store.programmes(&session.principal.school).await?;
    if !session.principal.roles.iter().any(|held| held.role.is_staff()) {
        let facts = state.store.person_facts(&session.principal.person, today).await?;
        let groups = facts
            .groups
            .iter()
            .chain(facts.wards.iter().filter(|_| facts.has(Role::Guardian)).flat_map(|ward| &ward.groups));
        let grades = state.store.grades_of_groups(&groups.cloned().collect::<Vec<_>>()).await?;
        all.retain(|programme| grades.contains(&programme.grade));
    }
    let items = all.into_iter().map(|one| view(&session, one)).collect();
    let new = match decide(&session.principal, Action::PartComplete, Relations::school().with(Relation::Group)) {
        Err(_) => None,
        Ok(_) => Some(NewChoices {
            subjects: state.store.subject_names(&session.principal.school).await?,
            years: state.store.year_options(&session.principal.school).await?,
            whole_school: decide(&session.principal, Action::PartComplete, Relations::school()).is_ok(),
        }),
    };
    Ok(axum::Json(ProgrammesView { items, today: today.to_string(), new }))
}

/// What is written of a programme.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgrammeBody {
    /// Name of the subject; one that the school does not have is written.
    subject: String,
    /// 1 to 11.
    grade: u8,
    /// YYYY-MM-DD, inside the school year.
    starts_on: String,
    ends_on: String,
    /// The subject itself gets this name, in the whole school.
    #[serde(default)]
    rename_subject: bool,
}

/// The same with the year, which does not change later.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProgramme {
    /// Id of the school year.
    year: String,
    subject: String,
    grade: u8,
    starts_on: String,
    ends_on: String,
}

impl ProgrammeBody {
    fn plan(&self, year: &YearOption) -> Result<ProgrammePlan, Problem> {
        let (starts_on, ends_on) = (day(&self.starts_on)?, day(&self.ends_on)?);
        let inside =
            year.starts_on.as_str() <= self.starts_on.as_str() && self.ends_on.as_str() <= year.ends_on.as_str();
        if starts_on > ends_on || !inside {
            return Err(Problem::bad_request("dates: inside the school year, the first before the last"));
        }
        if !(1..=11).contains(&self.grade) {
            return Err(Problem::bad_request("grade: from 1 to 11"));
        }
        let subject = title(&self.subject)?;
        Ok(ProgrammePlan { subject, renames_subject: self.rename_subject, grade: self.grade, starts_on, ends_on })
    }
}

async fn year(state: &ApiState, session: &Session, fits: impl Fn(&YearOption) -> bool) -> Result<YearOption, Problem> {
    let years = state.store.year_options(&session.principal.school).await?;
    years.into_iter().find(fits).ok_or_else(|| Problem::bad_request("year: there is no such school year"))
}

/// Make a programme: a subject in a grade for a school year. Deputies and heads make any, teachers those that they teach.
#[utoipa::path(post, path = "/api/v1/programmes", tag = "planning", request_body = NewProgramme, responses(
    (status = 200, body = ProgrammeView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, description = "`conflict`: there is one already", body = Problem)
))]
pub async fn new_programme(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<ProgrammeView>, Problem> {
    // Who makes none at all learns nothing of what is wrong with the body.
    session.allow::<kind::PartComplete>(Relations::school().with(Relation::Group))?;
    let NewProgramme { year: id, subject, grade, starts_on, ends_on } = parsed(body)?;
    let body = ProgrammeBody { subject, grade, starts_on, ends_on, rename_subject: false };
    let year = year(&state, &session, |year| year.id == id).await?;
    let (school_id, person) = (&session.principal.school, &session.principal.person);
    let teaches = state.store.teaches_in_grade(school_id, person, (&body.subject, body.grade, &year.id)).await?;
    let grant = session.allow::<kind::PartComplete>(Relations::school().with_if(teaches, Relation::Group))?;
    let plan = body.plan(&year)?;
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    let made: Result<ProgrammeId, StoreError> = state
        .store
        .write(move |tx| Box::pin(async move { tx.new_programme(&school, &year.id, &plan, &by, now_ms).await }))
        .await;
    again(&state, &session, made?).await
}

/// Change a programme: its dates, the name of its subject; subject and grade while nothing uses it.
#[utoipa::path(put, path = "/api/v1/programmes/{id}", tag = "planning", params(("id" = String, Path)),
    request_body = ProgrammeBody, responses(
    (status = 200, body = ProgrammeView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`conflict`: there is one like it, a part would lie outside, or (`params.used`) \
        something uses it", body = Problem)
))]
pub async fn put_programme(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<ProgrammeView>, Problem> {
    let programme = state.store.programme(&session.principal.school, &ProgrammeId::new(id)).await?;
    let mut grant = session.allow::<kind::PartComplete>(relations(&session, &programme))?;
    let body: ProgrammeBody = parsed(body)?;
    if body.rename_subject {
        // The name is everybody's, not only that of those who teach this grade.
        grant = session.allow::<kind::PartComplete>(Relations::school())?;
    }
    let year = year(&state, &session, |year| year.name == programme.year).await?;
    let plan = body.plan(&year)?;
    let moves = plan.grade != programme.grade || fold(&plan.subject) != fold(&programme.subject);
    if moves && !body.rename_subject {
        let (school_id, person) = (&session.principal.school, &session.principal.person);
        let teaches = state.store.teaches_in_grade(school_id, person, (&plan.subject, plan.grade, &year.id)).await?;
        grant = session.allow::<kind::PartComplete>(Relations::school().with_if(teaches, Relation::Group))?;
    }
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    let id = programme.id.clone();
    state
        .store
        .write(move |tx| Box::pin(async move { tx.put_programme(&school, &id, &plan, &by, now_ms).await }))
        .await?;
    again(&state, &session, programme.id).await
}

/// Take a programme away with its parts and topics, while nothing uses it.
#[utoipa::path(delete, path = "/api/v1/programmes/{id}", tag = "planning", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`conflict`; `params.used` says what uses it", body = Problem)
))]
pub async fn drop_programme(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let programme = state.store.programme(&session.principal.school, &ProgrammeId::new(id)).await?;
    let grant = session.allow::<kind::PartComplete>(relations(&session, &programme))?;
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    state
        .store
        .write(move |tx| Box::pin(async move { tx.drop_programme(&school, &programme.id, &by, now_ms).await }))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a part away with its topics, while nothing uses it.
#[utoipa::path(delete, path = "/api/v1/parts/{id}", tag = "planning", params(("id" = String, Path)), responses(
    (status = 200, body = ProgrammeView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`conflict`; `params.used` says what uses it", body = Problem)
))]
pub async fn drop_part(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<ProgrammeView>, Problem> {
    let part = PartId::new(id);
    let programme = state.store.programme_of_part(&session.principal.school, &part).await?;
    let grant = session.allow::<kind::PartComplete>(relations(&session, &programme))?;
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    let id = programme.id.clone();
    state
        .store
        .write(move |tx| Box::pin(async move { tx.drop_part(&school, (&id, &part), &by, now_ms).await }))
        .await?;
    again(&state, &session, programme.id).await
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Used(uses) => Self::new("conflict").params(serde_json::json!({ "used": uses })),
            EditError::Store(error) => error.into(),
        }
    }
}

/// What is written of a part.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartBody {
    title: String,
    starts_on: String,
    ends_on: String,
    /// In their order. One that goes must not be in use.
    topics: Vec<String>,
    /// Present titles of topics that get another one, which stands in `topics`: what hangs on them stays.
    #[serde(default)]
    renamed: HashMap<String, String>,
}

impl PartBody {
    fn plan(self, programme: &Programme) -> Result<PartPlan, Problem> {
        let title = title(&self.title)?;
        let (starts_on, ends_on) = (day(&self.starts_on)?, day(&self.ends_on)?);
        if starts_on > ends_on || starts_on < programme.starts_on || ends_on > programme.ends_on {
            return Err(Problem::bad_request("dates: inside the programme, the first before the last"));
        }
        if self.topics.len() > MOST_TOPICS {
            return Err(Problem::bad_request(format!("topics: at most {MOST_TOPICS}")));
        }
        let mut topics = Vec::with_capacity(self.topics.len());
        for topic in &self.topics {
            let topic = self::title(topic)?;
            let is_new = !topics.iter().any(|other: &String| fold(other) == fold(&topic));
            if is_new {
                topics.push(topic);
            }
        }
        if self.renamed.len() > MOST_TOPICS {
            return Err(Problem::bad_request(format!("renamed: at most {MOST_TOPICS}")));
        }
        let mut renamed = HashMap::new();
        for (from, to) in &self.renamed {
            let to = self::title(to)?;
            if topics.contains(&to) {
                renamed.insert(self::title(from)?, to);
            }
        }
        Ok(PartPlan { title, starts_on, ends_on, topics, renamed })
    }
}

fn title(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TITLE_CHARACTERS {
        return Err(Problem::bad_request(format!("a title of 1 to {TITLE_CHARACTERS} characters")));
    }
    Ok(text.to_owned())
}

/// Add a part to a programme.
#[utoipa::path(post, path = "/api/v1/programmes/{id}/parts", tag = "planning", params(("id" = String, Path)),
    request_body = PartBody, responses(
    (status = 200, body = ProgrammeView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`conflict`: a part of that title is there, or (`params.used`) a topic that shall go is in \
        use", body = Problem)
))]
pub async fn new_part(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<ProgrammeView>, Problem> {
    let programme = state.store.programme(&session.principal.school, &ProgrammeId::new(id)).await?;
    let grant = session.allow::<kind::PartComplete>(relations(&session, &programme))?;
    if programme.parts.len() >= MOST_PARTS {
        return Err(Problem::bad_request(format!("at most {MOST_PARTS} parts")));
    }
    let plan = parsed::<PartBody>(body)?.plan(&programme)?;
    let by = actor(&session, &grant);
    let change = PartChange::Put { part: None, plan };
    let axum::Json(done) = edited(&state, &session, programme.id, (change, by, false)).await?;
    Ok(axum::Json(done.programme))
}

/// A planned date that stands against a rule by the edit. It stays, with a remark; its host and the deputies are told.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AgainstView {
    id: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    host: String,
    start: String,
    findings: Vec<FindingView>,
}

/// A programme with what the edit of its part does to planned dates.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PartEditedView {
    #[serde(flatten)]
    programme: ProgrammeView,
    /// Nothing was changed: `against` says what would be.
    dry_run: bool,
    /// Dates that stand against a rule by it, by start, the first 400.
    against: Vec<AgainstView>,
    /// How many in all.
    against_count: usize,
    /// Dates that stood against a rule before and no longer do.
    cleared: usize,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Trial {
    /// Say which planned dates would stand against a rule and change nothing.
    #[serde(default)]
    dry_run: bool,
}

type Tried = Result<Query<Trial>, axum::extract::rejection::QueryRejection>;

fn is_trial(trial: Tried) -> Result<bool, Problem> {
    let Query(trial) = trial.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    Ok(trial.dry_run)
}

async fn edited(
    state: &ApiState,
    session: &Session,
    programme: ProgrammeId,
    (change, by, dry_run): (PartChange, Actor, bool),
) -> Result<axum::Json<PartEditedView>, Problem> {
    let school = school_of(state, session).await?;
    let now_ms = state.clock.now_ms();
    let edit = PartEdit { school, programme: programme.clone(), change, actor: by, dry_run, now_ms };
    let done = match state.store.edit_part(edit).await {
        Ok(done) => done,
        Err(PartError::Tried(done)) => *done,
        Err(PartError::Edit(error)) => return Err(error.into()),
        Err(PartError::Store(error)) => return Err(error.into()),
    };
    if !dry_run {
        (state.poke_notices)();
    }
    let axum::Json(programme) = again(state, session, programme).await?;
    let against_count = done.against.len();
    let against = done.against.into_iter().take(MOST_DATES).map(|one| AgainstView {
        id: one.id.as_str().to_owned(),
        title: one.title,
        class: one.class,
        host: one.host_name,
        start: rfc3339(one.start_ms),
        findings: one.findings.iter().map(FindingView::from).collect(),
    });
    let against = against.collect();
    Ok(axum::Json(PartEditedView { programme, dry_run, against, against_count, cleared: done.cleared }))
}

/// Change a part: title, dates, topics. Topics that stay keep what hangs on them. Planned dates that stand against a rule by it
/// keep their place with a remark, and their hosts are told.
#[utoipa::path(put, path = "/api/v1/parts/{id}", tag = "planning", params(("id" = String, Path), Trial),
    request_body = PartBody, responses(
    (status = 200, body = PartEditedView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)
))]
pub async fn put_part(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    trial: Tried,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<PartEditedView>, Problem> {
    let dry_run = is_trial(trial)?;
    let part = PartId::new(id);
    let programme = state.store.programme_of_part(&session.principal.school, &part).await?;
    let grant = session.allow::<kind::PartComplete>(relations(&session, &programme))?;
    let plan = parsed::<PartBody>(body)?.plan(&programme)?;
    let change = PartChange::Put { part: Some(part), plan };
    edited(&state, &session, programme.id, (change, actor(&session, &grant), dry_run)).await
}

/// On which day a part was finished.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completing {
    /// YYYY-MM-DD, today or earlier; `null` takes the completion back and needs a reason.
    on: Option<String>,
    #[serde(default)]
    reason: String,
}

/// Complete a part, which opens the preparation for its assessment; or take that back. A preview needs no reason.
#[utoipa::path(post, path = "/api/v1/parts/{id}/complete", tag = "planning", params(("id" = String, Path), Trial),
    request_body = Completing, responses(
    (status = 200, body = PartEditedView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn complete(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    trial: Tried,
    Json(asked): Json<Completing>,
) -> Result<axum::Json<PartEditedView>, Problem> {
    let dry_run = is_trial(trial)?;
    let part = PartId::new(id);
    let programme = state.store.programme_of_part(&session.principal.school, &part).await?;
    let grant = session.allow::<kind::PartComplete>(relations(&session, &programme))?;
    let today = access::today(&state, &session).await?;
    let on: Option<Date> = asked.on.as_deref().map(day).transpose()?;
    let starts = programme.parts.iter().find(|one| one.id == part).map_or(programme.starts_on, |one| one.starts_on);
    if on.is_some_and(|on| on > today || on < starts) {
        return Err(Problem::bad_request("on: from the part's first day to today"));
    }
    let reason = if on.is_none() && !dry_run { Some(reason(&asked.reason)?.to_owned()) } else { None };
    let change = PartChange::Complete { part, on, reason };
    edited(&state, &session, programme.id, (change, actor(&session, &grant), dry_run)).await
}

async fn again(state: &ApiState, session: &Session, id: ProgrammeId) -> Result<axum::Json<ProgrammeView>, Problem> {
    let programme = state.store.programme(&session.principal.school, &id).await?;
    Ok(axum::Json(view(session, programme)))
}
