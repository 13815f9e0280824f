//! The school's local acts with their papers (R1.1): the protocols by which opinions were heeded, and the act's own file. Everybody
//! of the school may read them.

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::files::{self, MOST_BYTES, Named};
use super::super::problem::Problem;
use super::proposals::{Proposed, put};
use super::{actor, day, parsed, school_of};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::store::planning::acts::papers::{ActFile, NewActFile};
use crate::store::planning::acts::{LocalAct, MOST_OPINIONS, Opinion};
use crate::store::planning::proposals::RuleChange;

/// Longest text of an act, and of whose opinion it was, characters.
const TEXT_CHARACTERS: usize = 300;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(acts, add_act))
        .merge(OpenApiRouter::new().routes(routes!(bring)).layer(DefaultBodyLimit::max(MOST_BYTES)))
        .routes(routes!(file))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActsView {
    items: Vec<ActView>,
}

/// A local act: the paper on which assistance rests.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActView {
    id: String,
    number: String,
    /// YYYY-MM-DD.
    dated: String,
    title: String,
    basis: String,
    valid_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    opinions: Vec<OpinionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<ActFileView>,
}

/// By which protocol an opinion was heeded.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpinionView {
    /// Whose: the council of parents, the union.
    title: String,
    number: String,
    /// YYYY-MM-DD.
    dated: String,
}

/// The act itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActFileView {
    id: String,
    name: String,
    size_bytes: i64,
    /// Where it is downloaded.
    url: String,
}

impl From<ActFile> for ActFileView {
    fn from(file: ActFile) -> Self {
        Self {
            url: format!("/api/v1/local-acts/files/{}", file.id),
            id: file.id,
            name: file.name,
            size_bytes: file.size_bytes,
        }
    }
}

impl From<LocalAct> for ActView {
    fn from(act: LocalAct) -> Self {
        let opinion = |one: Opinion| OpinionView { title: one.title, number: one.number, dated: one.dated.to_string() };
        Self {
            id: act.id,
            number: act.number,
            dated: act.dated.to_string(),
            title: act.title,
            basis: act.basis,
            valid_from: act.valid_from.to_string(),
            valid_to: act.valid_to.map(|day| day.to_string()),
            opinions: act.opinions.into_iter().map(opinion).collect(),
            file: act.file.map(ActFileView::from),
        }
    }
}

/// The school's local acts, the newest first.
#[utoipa::path(get, path = "/api/v1/local-acts", tag = "planning", responses(
    (status = 200, body = ActsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn acts(State(state): State<ApiState>, session: Session) -> Result<axum::Json<ActsView>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let school = school_of(&state, &session).await?;
    let acts = state.store.local_acts(&school).await?;
    Ok(axum::Json(ActsView { items: acts.into_iter().map(ActView::from).collect() }))
}

/// A local act as it is written down.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActForm {
    /// Ignored: each is a new one.
    #[serde(default)]
    #[allow(dead_code)]
    id: String,
    number: String,
    /// YYYY-MM-DD.
    dated: String,
    title: String,
    basis: String,
    valid_from: String,
    #[serde(default)]
    valid_to: Option<String>,
    /// At most 10.
    #[serde(default)]
    opinions: Vec<OpinionView>,
    /// One that was brought for it.
    #[serde(default)]
    file: Option<String>,
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= TEXT_CHARACTERS
}

/// Write a local act down.
#[utoipa::path(post, path = "/api/v1/local-acts", tag = "planning", request_body = ActForm, responses(
    (status = 201), (status = 202, description = "Proposed", body = Proposed), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "No such file was brought", body = Problem),
    (status = 409, description = "`conflict`: the file is another act's", body = Problem)
))]
pub async fn add_act(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    let grant = session.allow::<kind::PolicyManage>(Relations::school())?;
    let asked: ActForm = parsed(body)?;
    if ![&asked.number, &asked.title, &asked.basis].into_iter().all(|text| is_text(text)) {
        return Err(Problem::bad_request("number, title, basis: 1 to 300 characters"));
    }
    if asked.opinions.len() > MOST_OPINIONS
        || !asked.opinions.iter().all(|one| is_text(&one.title) && is_text(&one.number))
    {
        return Err(Problem::bad_request("opinions: at most 10, each with title and number of 1 to 300 characters"));
    }
    let opinion = |one: OpinionView| Ok(Opinion { dated: day(&one.dated)?, title: one.title, number: one.number });
    let file = match asked.file {
        None => None,
        Some(id) => match state.store.act_file(&session.principal.school, &id).await? {
            (file, false) => Some(file),
            (_, true) => return Err(Problem::new("conflict").detail("the file is another act's")),
        },
    };
    let act = LocalAct {
        id: uuid::Uuid::now_v7().to_string(),
        number: asked.number,
        dated: day(&asked.dated)?,
        title: asked.title,
        basis: asked.basis,
        valid_from: day(&asked.valid_from)?,
        valid_to: asked.valid_to.as_deref().filter(|text| !text.is_empty()).map(day).transpose()?,
        opinions: asked.opinions.into_iter().map(opinion).collect::<Result<_, Problem>>()?,
        file,
    };
    if act.valid_to.is_some_and(|to| to < act.valid_from) {
        return Err(Problem::bad_request("valid_to: not before valid_from"));
    }
    put(&state, &session, &grant, RuleChange::Act(act), StatusCode::CREATED).await
}

/// Bring the file of an act that is about to be written: an image, a PDF or an office document of at most 10 MiB. The body is the
/// file. One that no act names goes after 30 days.
#[utoipa::path(post, path = "/api/v1/local-acts/files", tag = "planning", params(Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 201, body = ActFileView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, description = "`limit_reached`", body = Problem),
    (status = 413, body = Problem), (status = 415, description = "A kind of file that is not taken", body = Problem)
))]
pub async fn bring(
    State(state): State<ApiState>,
    session: Session,
    named: Result<Query<Named>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<(StatusCode, axum::Json<ActFileView>), Problem> {
    let grant = session.allow::<kind::PolicyManage>(Relations::school())?;
    let Query(named) = named.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let brought = files::receive(&state, &named.name, request).await?;
    let file = ActFile { id: brought.id, name: brought.name, size_bytes: brought.size_bytes };
    let new = NewActFile { file: file.clone(), media_type: brought.media_type.to_owned(), sha256: brought.sha256 };
    let school = session.principal.school.clone();
    let added = state.store.add_act_file(school, new, actor(&session, &grant), state.clock.now_ms()).await;
    files::settle(&state, &file.id, added).await?;
    Ok((StatusCode::CREATED, axum::Json(file.into())))
}

/// The file of an act, as an attachment: for everybody who sees the act. One that no act has yet is for those who decide on it.
#[utoipa::path(get, path = "/api/v1/local-acts/files/{file}", tag = "planning", params(("file" = String, Path)), responses(
    (status = 200, description = "The file", content_type = "application/octet-stream"),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub async fn file(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let (file, is_taken) = state.store.act_file(&session.principal.school, &id).await?;
    if !is_taken {
        session.allow::<kind::PolicyManage>(Relations::school())?;
    }
    files::serve(&state, &file.id, &file.name).await
}
