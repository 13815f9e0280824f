//! Personal data from outside: consents, one's export, erasure by two persons, acts.

pub mod consents;
pub mod holds;

use std::path::PathBuf;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body;
use super::people;
use super::problem::Problem;
use super::reports::files::attachment;
use super::session::rfc3339;
use crate::domain::ids::PersonId;
use crate::domain::person::{LinkState, is_minor};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Kind, Relation, Relations};
use crate::domain::role::Role;
use crate::store::privacy::erasure::{DestructionAct, Erasure, ErasureStep};
use crate::store::transition::{Actor, TransitionError};

/// The capability of the one who answers for personal data.
pub const DATA_OFFICER: &str = "data_officer";
/// Longest reason, characters.
const REASON_CHARACTERS: usize = 1_000;

/// The routes of this file and its part.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(list, ask))
        .routes(routes!(approve))
        .routes(routes!(confirm))
        .routes(routes!(decline))
        .routes(routes!(execute))
        .routes(routes!(acts))
        .routes(routes!(officers, set_officer))
        .merge(consents::routes())
        .merge(holds::routes())
}

/// What a person is to the one who asks: oneself, or a ward today. Refused like anything else that is none of one's business.
pub(super) async fn about(state: &ApiState, session: &Session, person: &str) -> Result<(PersonId, Relations), Problem> {
    let principal = &session.principal;
    let id = PersonId::new(person);
    if id == principal.person {
        return Ok((id, Relations::own()));
    }
    let school = state.store.school(&principal.school).await?;
    let today = people::today(&school, state.clock.now_ms());
    let facts = state.store.person_facts(&principal.person, today).await?;
    let Some(ward) = facts.wards.iter().find(|ward| ward.id == id) else {
        return Err(Problem::new("guardian_link_missing"));
    };
    match ward.link {
        LinkState::Confirmed if is_minor(ward.birth_date, today) => Ok((id, Relations::school().with(Relation::Ward))),
        LinkState::Confirmed => Err(Problem::new("ward_is_adult")),
        LinkState::Ended => Err(Problem::new("guardian_link_ended")),
        LinkState::Proposed => Err(Problem::new("guardian_link_missing")),
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Whose {
    /// Oneself without it, or the id of one's ward.
    person: Option<String>,
}

/// Everything that stands about a person, as an archive: JSON, CSV by table, and the files. One's own or one's ward's.
#[utoipa::path(get, path = "/api/v1/privacy/export", tag = "privacy", params(Whose), responses(
    (status = 200, content_type = "application/zip", body = Vec<u8>), (status = 401, body = Problem),
    (status = 403, description = "`guardian_link_missing`, `guardian_link_ended`, `ward_is_adult`", body = Problem)
))]
pub async fn export(
    State(state): State<ApiState>,
    session: Session,
    Query(whose): Query<Whose>,
) -> Result<Response, Problem> {
    let wanted = whose.person.unwrap_or_else(|| session.principal.person.as_str().to_owned());
    let (person, relations) = about(&state, &session, &wanted).await?;
    let grant = session.allow::<kind::DataExport>(relations)?;
    let data = state.store.personal_data(&person).await?;
    let now_ms = state.clock.now_ms();
    state.store.note_export(session.principal.school.clone(), person, actor(&session, grant.role), now_ms).await?;
    let folder: PathBuf = state.config.data.dir.join("files");
    let readme = format!(
        "Персональные данные из системы «Кафедра», {}.\n\ndata.json: все записи; tables: те же записи по таблицам (CSV, UTF-8);\n\
         files: файлы. Время в записях: миллисекунды от 01.01.1970 UTC. Пароли и ключи не выгружаются.\n",
        rfc3339(now_ms)
    );
    let bytes = tokio::task::spawn_blocking(move || {
        let files = data.files.iter().filter_map(|(id, name)| {
            // The id is the hub's own; the shown name is only a name in the archive.
            let content = std::fs::read(folder.join(id)).ok()?;
            let name: String = name.chars().filter(|next| next.is_alphanumeric() || " ._-()".contains(*next)).collect();
            Some((format!("{id} {name}"), content))
        });
        crate::store::privacy::export::pack(&data, &readme, files.collect())
    })
    .await
    .map_err(|error| Problem::fault(&error))?
    .map_err(|error| Problem::fault(&error))?;
    Ok(attachment("application/zip", "kafedra-my-data.zip", bytes))
}

fn actor(session: &Session, role: Role) -> Actor {
    Actor { person: session.principal.person.clone(), role: Some(role) }
}

/// Requests for erasure.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErasureList {
    items: Vec<ErasureView>,
    /// What the one who asks may do with them.
    may_approve: bool,
    may_confirm: bool,
    may_execute: bool,
    /// May set and lift holds.
    may_hold: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErasureView {
    id: String,
    person: String,
    person_name: String,
    asked_by_name: String,
    reason: String,
    /// `requested`, `approved`, `confirmed`, `declined` or `done`.
    state: String,
    asked_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act_number: Option<String>,
}

impl From<Erasure> for ErasureView {
    fn from(one: Erasure) -> Self {
        Self {
            id: one.id,
            person: one.person.as_str().to_owned(),
            person_name: one.person_name,
            asked_by_name: one.asked_by_name,
            reason: one.reason,
            state: one.state,
            asked_at: rfc3339(one.asked_ms),
            declined_reason: one.declined_reason,
            executed_at: one.executed_ms.map(rfc3339),
            act_number: one.act_number,
        }
    }
}

async fn is_officer(state: &ApiState, session: &Session) -> Result<bool, Problem> {
    Ok(state.store.has_capability(&session.principal.person, DATA_OFFICER).await?)
}

/// Relations of an officer: assigned to them.
fn assigned(is_officer: bool) -> Relations {
    Relations::NONE.with_if(is_officer, Relation::Assigned)
}

/// Requests for erasure: all of the school for head, data officer and administrator, one's own for the others.
#[utoipa::path(get, path = "/api/v1/privacy/erasures", tag = "privacy", responses(
    (status = 200, body = ErasureList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn list(State(state): State<ApiState>, session: Session) -> Result<Json<ErasureList>, Problem> {
    session.allow::<kind::ErasureRequest>(Relations::own())?;
    let may_approve = session.allow::<kind::ErasureApprove>(Relations::school()).is_ok();
    let may_execute = session.allow::<kind::ErasureExecute>(Relations::school()).is_ok();
    let is_officer = is_officer(&state, &session).await?;
    let may_confirm = session.allow::<kind::ErasureConfirm>(assigned(is_officer)).is_ok();
    let may_hold = Relations::school().with_if(is_officer, Relation::Assigned);
    let may_hold = session.allow::<kind::RetentionHold>(may_hold).is_ok();
    let sees_all = may_approve || may_confirm || may_execute;
    let asker = (!sees_all).then_some(&session.principal.person);
    let items = state.store.erasures(&session.principal.school, asker).await?;
    let items = items.into_iter().map(ErasureView::from).collect();
    Ok(Json(ErasureList { items, may_approve, may_confirm, may_execute, may_hold }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureForm {
    /// Oneself without it, or one's ward.
    person: Option<String>,
    reason: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Made {
    id: String,
}

/// Ask for the erasure of one's own or one's ward's data.
#[utoipa::path(post, path = "/api/v1/privacy/erasures", tag = "privacy", request_body = ErasureForm, responses(
    (status = 201, body = Made), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, description = "`erasure_pending`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn ask(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<ErasureForm>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let wanted = form.person.unwrap_or_else(|| session.principal.person.as_str().to_owned());
    let (person, relations) = about(&state, &session, &wanted).await?;
    let grant = session.allow::<kind::ErasureRequest>(relations)?;
    bounded(&form.reason)?;
    let school = session.principal.school.clone();
    let done = state.store.ask_erasure(school, person, form.reason, actor(&session, grant.role), state.clock.now_ms());
    let id = done.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Made { id })))
}

fn bounded(reason: &str) -> Result<(), Problem> {
    if reason.chars().count() > REASON_CHARACTERS {
        return Err(Problem::bad_request(format!("reason: at most {REASON_CHARACTERS} characters")));
    }
    Ok(())
}

fn refused(error: TransitionError) -> Problem {
    match error {
        TransitionError::Refused(code) => Problem::new(code.as_str()),
        TransitionError::Store(error) => error.into(),
    }
}

/// A step of a request by whoever may make it.
async fn step<A: Kind>(
    state: &ApiState,
    session: &Session,
    relations: Relations,
    id: String,
    to: ErasureStep,
) -> Result<StatusCode, Problem> {
    let grant = session.allow::<A>(relations)?;
    let school = session.principal.school.clone();
    let done = state.store.step_erasure(school, id, to, actor(session, grant.role), state.clock.now_ms());
    done.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The head approves.
#[utoipa::path(post, path = "/api/v1/privacy/erasures/{erasure}/approve", tag = "privacy",
    params(("erasure" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`retention_hold`, `illegal_transition`", body = Problem)
))]
pub async fn approve(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    step::<kind::ErasureApprove>(&state, &session, Relations::school(), id, ErasureStep::Approve).await
}

/// The data officer confirms: the first of the two persons.
#[utoipa::path(post, path = "/api/v1/privacy/erasures/{erasure}/confirm", tag = "privacy",
    params(("erasure" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`retention_hold`, `illegal_transition`", body = Problem)
))]
pub async fn confirm(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let relations = assigned(is_officer(&state, &session).await?);
    step::<kind::ErasureConfirm>(&state, &session, relations, id, ErasureStep::Confirm).await
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclineForm {
    reason: String,
}

/// The head declines, with a reason that the asker reads.
#[utoipa::path(post, path = "/api/v1/privacy/erasures/{erasure}/decline", tag = "privacy",
    params(("erasure" = String, Path)), request_body = DeclineForm, responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn decline(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    body::Json(form): body::Json<DeclineForm>,
) -> Result<StatusCode, Problem> {
    session.allow::<kind::ErasureApprove>(Relations::school())?;
    bounded(&form.reason)?;
    if form.reason.trim().is_empty() {
        return Err(Problem::new("reason_required"));
    }
    let to = ErasureStep::Decline { reason: form.reason };
    step::<kind::ErasureApprove>(&state, &session, Relations::school(), id, to).await
}

/// What was done.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErasedView {
    act_number: String,
    files_deleted: usize,
}

/// The administrator executes what the data officer has confirmed: the second of the two persons. There is no way back.
#[utoipa::path(post, path = "/api/v1/privacy/erasures/{erasure}/execute", tag = "privacy",
    params(("erasure" = String, Path)), responses(
    (status = 200, body = ErasedView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`retention_hold`, `illegal_transition`", body = Problem)
))]
pub async fn execute(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<ErasedView>, Problem> {
    let grant = session.allow::<kind::ErasureExecute>(Relations::school())?;
    let school = session.principal.school.clone();
    let done = state.store.execute_erasure(school, id, actor(&session, grant.role), state.clock.now_ms());
    let erased = done.await.map_err(refused)?;
    let folder = state.config.data.dir.join("files");
    let mut files_deleted = 0;
    for file in &erased.files {
        match tokio::fs::remove_file(folder.join(file)).await {
            Ok(()) => files_deleted += 1,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, file, "a file of an erased person stays"),
        }
    }
    Ok(Json(ErasedView { act_number: erased.act_number, files_deleted }))
}

/// Acts of destruction, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActList {
    items: Vec<ActView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActView {
    number: String,
    at: String,
    /// `erasure` or `retention`.
    kind: String,
    subjects: serde_json::Value,
    categories: serde_json::Value,
    reason: String,
    /// Rows of the journal that go with it, one JSON object a line, and their SHA-256.
    log_export: String,
    log_sha256: String,
}

impl From<DestructionAct> for ActView {
    fn from(act: DestructionAct) -> Self {
        Self {
            number: act.number,
            at: rfc3339(act.at_ms),
            kind: act.kind,
            subjects: act.subjects,
            categories: act.categories,
            reason: act.reason,
            log_export: act.log_export,
            log_sha256: act.log_sha256,
        }
    }
}

/// Acts of destruction with the log that proves them, for head, data officer and administrator.
#[utoipa::path(get, path = "/api/v1/privacy/acts", tag = "privacy", responses(
    (status = 200, body = ActList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn acts(State(state): State<ApiState>, session: Session) -> Result<Json<ActList>, Problem> {
    let is_officer = is_officer(&state, &session).await?;
    session.allow::<kind::ErasureActs>(Relations::school().with_if(is_officer, Relation::Assigned))?;
    let items = state.store.destruction_acts(&session.principal.school).await?;
    Ok(Json(ActList { items: items.into_iter().map(ActView::from).collect() }))
}

/// Who answers for personal data.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OfficerList {
    items: Vec<OfficerView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OfficerView {
    id: String,
    display_name: String,
}

/// Who answers for personal data in the school.
#[utoipa::path(get, path = "/api/v1/privacy/officers", tag = "privacy", responses(
    (status = 200, body = OfficerList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn officers(State(state): State<ApiState>, session: Session) -> Result<Json<OfficerList>, Problem> {
    session.allow::<kind::ErasureApprove>(Relations::school())?;
    let people = state.store.holders_of(&session.principal.school, DATA_OFFICER).await?;
    let items = people.into_iter().map(|(id, display_name)| OfficerView { id: id.as_str().to_owned(), display_name });
    Ok(Json(OfficerList { items: items.collect() }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficerForm {
    /// Code of a member of staff.
    code: String,
    is_given: bool,
}

/// The head names the data officer, or ends it.
#[utoipa::path(put, path = "/api/v1/privacy/officers", tag = "privacy", request_body = OfficerForm, responses(
    (status = 204), (status = 400, description = "Nobody of the staff has this code", body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn set_officer(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<OfficerForm>,
) -> Result<StatusCode, Problem> {
    let grant = session.allow::<kind::ErasureApprove>(Relations::school())?;
    let school = state.store.school(&session.principal.school).await?;
    let now_ms = state.clock.now_ms();
    let nobody = || Problem::bad_request("nobody of the staff has this code");
    let person = state.store.person_by_code(&school.id, &form.code).await?.ok_or_else(nobody)?;
    let roles = state.store.roles_on(&person.id, people::today(&school, now_ms)).await?;
    if !roles.iter().any(|held| held.role.is_staff()) {
        return Err(nobody());
    }
    let by = Some(actor(&session, grant.role));
    state.store.set_capability(school.id, person.id, DATA_OFFICER, form.is_given, by, now_ms).await?;
    Ok(StatusCode::NO_CONTENT)
}
