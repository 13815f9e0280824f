//! Video instructions beside the articles of the guide (R2.3b): everybody sees them, the school's deputies, head and administrator
//! put them there. A file is streamed both ways, so that its size is the disk's matter and not the memory's.

use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::body::Json;
use super::files::path_of;
use super::problem::Problem;
use crate::domain::form::Form;
use crate::domain::guide::{LINK_CHARACTERS, Part, TITLE_CHARACTERS, Wanted, is_link, wanted};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Grant, Relation, Relations};
use crate::store::guide::{GuideVideo, Source};
use crate::store::transition::Actor;

/// Largest video: five minutes of a screen with a voice. There are at most twenty articles.
const MOST_BYTES: u64 = 64 << 20;
/// How long its body may take to arrive: at 1 Mbit/s.
const LONGEST_UPLOAD: Duration = Duration::from_secs(600);
/// Read from the disk at once.
const CHUNK: u64 = 64 << 10;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(videos)).routes(routes!(put_link, drop_video)).routes(routes!(put_file, file))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VideosView {
    items: Vec<VideoView>,
}

/// A video beside an article: outside, or a file of the hub's.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VideoView {
    part: Part,
    /// `webinar`, `video_conference`, `chat` or `individual`.
    form: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Where the file is played from.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<GuideVideo> for VideoView {
    fn from(video: GuideVideo) -> Self {
        let form = video.form.as_str().to_owned();
        let (link, url) = match video.source {
            Source::Link(link) => (Some(link), None),
            // The name of the bytes changes with them: what a browser keeps is never an earlier video.
            Source::File { id, .. } => (None, Some(format!("/api/v1/guide/videos/{}/{form}/file?of={id}", video.part))),
        };
        Self { part: video.part, form, title: video.title, link, url }
    }
}

/// Which article, after the policy has been asked.
fn article(part: &str, form: &str) -> Result<(Part, Form), Problem> {
    let form = Form::parse(form).filter(|form| form.is_realtime());
    Part::parse(part).zip(form).ok_or_else(|| Problem::bad_request("no such article"))
}

fn title_of(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TITLE_CHARACTERS || text.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!("title: 1 to {TITLE_CHARACTERS} characters")));
    }
    Ok(text.to_owned())
}

fn actor<A>(session: &Session, grant: &Grant<A>) -> Actor {
    Actor { person: session.principal.person.clone(), role: Some(grant.role) }
}

fn reader() -> Relations {
    Relations::own().with(Relation::Ward).with(Relation::Unit)
}

/// The video instructions of the school, by article.
#[utoipa::path(get, path = "/api/v1/guide/videos", tag = "guide", responses(
    (status = 200, body = VideosView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn videos(State(state): State<ApiState>, session: Session) -> Result<axum::Json<VideosView>, Problem> {
    session.allow::<kind::TimetableView>(reader())?;
    let videos = state.store.guide_videos(&session.principal.school).await?;
    Ok(axum::Json(VideosView { items: videos.into_iter().map(VideoView::from).collect() }))
}

/// A video outside.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkForm {
    title: String,
    /// `https://…`
    link: String,
}

/// Put the address of a video beside an article, in the place of an earlier one.
#[utoipa::path(put, path = "/api/v1/guide/videos/{part}/{form}", tag = "guide",
    params(("part" = String, Path), ("form" = String, Path)), request_body = LinkForm, responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn put_link(
    State(state): State<ApiState>,
    session: Session,
    Path((part, form)): Path<(String, String)>,
    Json(body): Json<serde_json::Value>,
) -> Result<StatusCode, Problem> {
    let grant = session.allow::<kind::GuideManage>(Relations::school())?;
    let (part, form) = article(&part, &form)?;
    let asked: LinkForm = serde_json::from_value(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    if !is_link(&asked.link) {
        return Err(Problem::bad_request(format!("link: an https address of at most {LINK_CHARACTERS} characters")));
    }
    let video = GuideVideo { part, form, title: title_of(&asked.title)?, source: Source::Link(asked.link) };
    put(&state, &session, &grant, video).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn put<A>(state: &ApiState, session: &Session, grant: &Grant<A>, video: GuideVideo) -> Result<(), Problem> {
    let school = session.principal.school.clone();
    let before = state.store.put_guide_video(school, video, actor(session, grant), state.clock.now_ms()).await?;
    forget(state, before).await;
    Ok(())
}

/// A file that no article has any more.
async fn forget(state: &ApiState, file: Option<String>) {
    if let Some(id) = file
        && let Err(error) = tokio::fs::remove_file(path_of(state, &id)).await
    {
        tracing::warn!(%error, id, "a video's file stays");
    }
}

/// Take an article's video away.
#[utoipa::path(delete, path = "/api/v1/guide/videos/{part}/{form}", tag = "guide",
    params(("part" = String, Path), ("form" = String, Path)), responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn drop_video(
    State(state): State<ApiState>,
    session: Session,
    Path((part, form)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let grant = session.allow::<kind::GuideManage>(Relations::school())?;
    let (part, form) = article(&part, &form)?;
    let (school, by) = (session.principal.school.clone(), actor(&session, &grant));
    let file = state.store.drop_guide_video(school, part, form, by, state.clock.now_ms()).await?;
    forget(&state, file).await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Titled {
    title: String,
}

/// Put a video's file beside an article: MP4 or WebM of at most 64 MiB. The body is the file.
#[utoipa::path(post, path = "/api/v1/guide/videos/{part}/{form}/file", tag = "guide",
    params(("part" = String, Path), ("form" = String, Path), Titled),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 201), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 413, body = Problem), (status = 415, description = "Neither MP4 nor WebM", body = Problem),
    (status = 507, description = "`storage_full`", body = Problem)
))]
pub async fn put_file(
    State(state): State<ApiState>,
    session: Session,
    Path((part, form)): Path<(String, String)>,
    titled: Result<Query<Titled>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let grant = session.allow::<kind::GuideManage>(Relations::school())?;
    let (part, form) = article(&part, &form)?;
    let Query(titled) = titled.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let title = title_of(&titled.title)?;
    let id = uuid::Uuid::new_v4().to_string();
    let path = path_of(&state, &id);
    let half = Half(path.with_extension(HALF));
    let taken = tokio::time::timeout(LONGEST_UPLOAD, take(request, &half.0))
        .await
        .unwrap_or_else(|_| Err(Problem::bad_request("the file did not arrive in 10 minutes")));
    let put = match taken {
        Ok((media_type, size)) => {
            tokio::fs::rename(&half.0, &path).await.map_err(|error| Problem::fault(&error))?;
            let size_bytes = i64::try_from(size).unwrap_or(i64::MAX);
            let source = Source::File { id, media_type: media_type.to_owned(), size_bytes };
            put(&state, &session, &grant, GuideVideo { part, form, title, source }).await
        }
        Err(problem) => Err(problem),
    };
    if put.is_err() {
        // One without a row would be nobody's.
        let _ = tokio::fs::remove_file(&path).await;
    }
    put.map(|()| StatusCode::CREATED)
}

/// What the name of a file ends with until all of it is there.
const HALF: &str = "half";

/// A file that is being brought: gone unless it has been renamed, also when whoever brings it goes away.
struct Half(PathBuf);

impl Drop for Half {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes what a hub that fell left half brought.
pub fn sweep(files: &FilePath) {
    let entries = std::fs::read_dir(files).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == HALF)) {
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "half a file stays");
        }
    }
}

/// Writes a body to the disk as it comes; gives what it is and how long.
async fn take(request: Request, path: &FilePath) -> Result<(&'static str, u64), Problem> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => Problem::new("storage_full"),
        _ => Problem::fault(&error),
    };
    let mut stream = request.into_body().into_data_stream();
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    }
    let mut file = File::create(path).await.map_err(failed)?;
    let (mut head, mut size) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("the body could not be read"))?;
        size += chunk.len() as u64;
        if size > MOST_BYTES {
            return Err(Problem::new("too_large"));
        }
        let missing = HEAD_BYTES.saturating_sub(head.len()).min(chunk.len());
        head.extend_from_slice(&chunk[..missing]);
        if head.len() == HEAD_BYTES && kind_of(&head).is_none() {
            return Err(Problem::new("unsupported_media_type"));
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    let media_type = kind_of(&head).ok_or_else(|| Problem::new("unsupported_media_type"))?;
    Ok((media_type, size))
}

const HEAD_BYTES: usize = 12;

/// By the first bytes: a box `ftyp` (ISO 14496-12), or the head of EBML.
fn kind_of(head: &[u8]) -> Option<&'static str> {
    if head.len() < HEAD_BYTES {
        return None;
    }
    if &head[4..8] == b"ftyp" {
        return Some("video/mp4");
    }
    head.starts_with(b"\x1a\x45\xdf\xa3").then_some("video/webm")
}

/// The file of an article's video, as players ask for it: whole or in parts.
#[utoipa::path(get, path = "/api/v1/guide/videos/{part}/{form}/file", tag = "guide",
    params(("part" = String, Path), ("form" = String, Path)), responses(
    (status = 200, description = "The file", content_type = "video/mp4"),
    (status = 206, description = "The part that `Range` names", content_type = "video/mp4"),
    (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 416, description = "Beyond its end")
))]
pub async fn file(
    State(state): State<ApiState>,
    session: Session,
    Path((part, form)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    session.allow::<kind::TimetableView>(reader())?;
    let (part, form) = article(&part, &form)?;
    let video = state.store.guide_video(&session.principal.school, part, form).await?;
    let Source::File { id, media_type, .. } = video.source else { return Err(Problem::not_found()) };
    let mut file = match File::open(path_of(&state, &id)).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Problem::not_found()),
        Err(error) => return Err(Problem::fault(&error)),
    };
    let size = file.metadata().await.map_err(|error| Problem::fault(&error))?.len();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, from, length) = match wanted(range, size) {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part { from, to } => (StatusCode::PARTIAL_CONTENT, from, to - from + 1),
        Wanted::Beyond => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            insert(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
    };
    file.seek(std::io::SeekFrom::Start(from)).await.map_err(|error| Problem::fault(&error))?;
    let mut response = (status, body_of(file, length)).into_response();
    let headers = response.headers_mut();
    insert(headers, header::CONTENT_TYPE, &media_type);
    insert(headers, header::CONTENT_LENGTH, &length.to_string());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        insert(headers, header::CONTENT_RANGE, &format!("bytes {from}-{}/{size}", from + length - 1));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    Ok(response)
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn body_of(file: File, length: u64) -> Body {
    Body::from_stream(stream::try_unfold((file, length), |(mut file, left)| async move {
        let mut chunk = vec![0; usize::try_from(left.min(CHUNK)).unwrap_or(0)];
        let read = if chunk.is_empty() { 0 } else { file.read(&mut chunk).await? };
        chunk.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (chunk, (file, left - read as u64))))
    }))
}
