//! Files that people add to requests and bookings (SAFETY UP-01 to UP-04): known kinds only, told by their first bytes; kept
//! under a name of the hub's making; served as an attachment that runs nothing.

use std::path::PathBuf;

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Session;
use super::help::Asker;
use super::problem::Problem;
use super::{ApiState, appointments, body, requests};
use crate::domain::ids::{AppointmentId, RequestId};
use crate::domain::policy::action::kind;
use crate::store::StoreError;
use crate::store::request_file::{Owner, RequestFile};
use crate::store::transition::Actor;

/// Largest file: a photographed page of homework.
pub(super) const MOST_BYTES: usize = 10 << 20;
/// Longest name that is kept, characters.
const NAME_CHARACTERS: usize = 120;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(add_to_request))
        .routes(routes!(add_to_appointment))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .routes(routes!(file))
}

/// A file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FileView {
    id: String,
    name: String,
    media_type: String,
    size_bytes: i64,
    /// Where it is downloaded.
    url: String,
}

impl From<RequestFile> for FileView {
    fn from(file: RequestFile) -> Self {
        Self {
            url: format!("/api/v1/files/{}", file.id),
            id: file.id,
            name: file.name,
            media_type: file.media_type,
            size_bytes: file.size_bytes,
        }
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Named {
    /// What the file is called; shown, never used as a path.
    pub(super) name: String,
}

/// Add a file to one's request: an image, a PDF or an office document of at most 10 MiB, five of them. The body is the file.
#[utoipa::path(post, path = "/api/v1/requests/{request}/files", tag = "requests", params(("request" = String, Path), Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 201, body = FileView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`limit_reached`", body = Problem),
    (status = 413, body = Problem), (status = 415, description = "A kind of file that is not taken", body = Problem)
))]
pub async fn add_to_request(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Query(named): Query<Named>,
    request: Request,
) -> Result<(StatusCode, axum::Json<FileView>), Problem> {
    let seen = requests::authored(&state, &session, &id).await?;
    let grant = session.allow::<kind::RequestCreate>(seen.1)?;
    let owner = Owner::Request(RequestId::new(id));
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    keep(&state, &session, owner, actor, named.name, request).await
}

/// Add a file to a booking of one's own or one's child's. As with requests.
#[utoipa::path(post, path = "/api/v1/appointments/{appointment}/files", tag = "appointments",
    params(("appointment" = String, Path), Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 201, body = FileView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`limit_reached`", body = Problem),
    (status = 413, body = Problem), (status = 415, description = "A kind of file that is not taken", body = Problem)
))]
pub async fn add_to_appointment(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Query(named): Query<Named>,
    request: Request,
) -> Result<(StatusCode, axum::Json<FileView>), Problem> {
    let relations = appointments::standing_at(&state, &session, &id).await?;
    let grant = session.allow::<kind::AppointmentBook>(relations)?;
    let owner = Owner::Appointment(AppointmentId::new(id));
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    keep(&state, &session, owner, actor, named.name, request).await
}

async fn keep(
    state: &ApiState,
    session: &Session,
    owner: Owner,
    actor: Actor,
    name: String,
    request: Request,
) -> Result<(StatusCode, axum::Json<FileView>), Problem> {
    let brought = receive(state, &name, request).await?;
    let (request, appointment) = match owner {
        Owner::Request(id) => (Some(id), None),
        Owner::Appointment(id) => (None, Some(id)),
    };
    let file = RequestFile {
        id: brought.id,
        request,
        appointment,
        name: brought.name,
        media_type: brought.media_type.to_owned(),
        size_bytes: brought.size_bytes,
        sha256: brought.sha256,
        by: session.principal.person.clone(),
    };
    let now_ms = state.clock.now_ms();
    let added = state.store.add_file(session.principal.school.clone(), file.clone(), actor, now_ms).await;
    settle(state, &file.id, added).await?;
    Ok((StatusCode::CREATED, axum::Json(file.into())))
}

/// A file whose bytes are in the data folder; its row is not written yet.
pub(super) struct Brought {
    pub id: String,
    pub name: String,
    pub media_type: &'static str,
    pub size_bytes: i64,
    pub sha256: String,
}

/// Takes a body as a file of a known kind and puts it into the data folder. [`settle`] comes next.
///
/// # Errors
/// `bad_request` without a name or bytes, `too_large`, `unsupported_media_type`, `storage_full`.
pub(super) async fn receive(state: &ApiState, name: &str, request: Request) -> Result<Brought, Problem> {
    let name = shown_name(name).ok_or_else(|| Problem::bad_request("name: the file needs one"))?;
    let bytes = body::bytes(request, state).await?;
    if bytes.is_empty() {
        return Err(Problem::bad_request("the file is empty"));
    }
    if bytes.len() > MOST_BYTES {
        return Err(Problem::new("too_large"));
    }
    let media_type = kind_of(&bytes, &name).ok_or_else(|| Problem::new("unsupported_media_type"))?;
    let brought = Brought {
        id: uuid::Uuid::new_v4().to_string(),
        name,
        media_type,
        size_bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        sha256: hex::encode(Sha256::digest(&bytes)),
    };
    write(&path_of(state, &brought.id), &bytes).await?;
    Ok(brought)
}

/// After the row: a file without one would be nobody's, and goes again.
///
/// # Errors
/// `limit_reached` when there are as many as may be.
pub(super) async fn settle(state: &ApiState, id: &str, added: Result<bool, StoreError>) -> Result<(), Problem> {
    if !matches!(added, Ok(true)) {
        let _ = tokio::fs::remove_file(path_of(state, id)).await;
    }
    if added? { Ok(()) } else { Err(Problem::new("limit_reached")) }
}

/// One file, as an attachment. For those who see the request or the booking it hangs on.
#[utoipa::path(get, path = "/api/v1/files/{file}", tag = "requests", params(("file" = String, Path)), responses(
    (status = 200, description = "The file", content_type = "application/octet-stream"),
    (status = 401, body = Problem), (status = 404, body = Problem)
))]
pub async fn file(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let asker = Asker::of(&state, &session).await?;
    let file = state.store.request_file(&asker.school.id, &id).await?;
    match (&file.request, &file.appointment) {
        (Some(request), _) => requests::sees_whole(&state, &session, request.as_str()).await?,
        (None, Some(appointment)) => appointments::sees(&state, &session, appointment.as_str()).await?,
        (None, None) => return Err(Problem::not_found()),
    }
    serve(&state, &file.id, &file.name).await
}

/// The bytes as an attachment that runs nothing.
///
/// # Errors
/// `not_found` when they are gone.
pub(super) async fn serve(state: &ApiState, id: &str, name: &str) -> Result<Response, Problem> {
    let bytes = match tokio::fs::read(path_of(state, id)).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Problem::not_found()),
        Err(error) => return Err(Problem::fault(&error)),
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(value) = HeaderValue::try_from(disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// Under the data folder, by the hub's own id.
pub(super) fn path_of(state: &ApiState, id: &str) -> PathBuf {
    state.config.data.dir.join("files").join(id)
}

async fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), Problem> {
    let written = async {
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        tokio::fs::write(path, bytes).await
    };
    written.await.map_err(|error| match error.kind() {
        std::io::ErrorKind::StorageFull => Problem::new("storage_full"),
        _ => Problem::fault(&error),
    })
}

/// The last part of a name, without what a terminal, a path or a header could take amiss; `None`: nothing is left.
fn shown_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks of direction turn `exe.fdp` into `pdf.exe` for the eye.
    let is_plain = |each: &char| {
        !each.is_control()
            && !matches!(each, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let plain: String = last.chars().filter(is_plain).take(NAME_CHARACTERS).collect();
    let plain = plain.trim().trim_matches('.').trim().to_owned();
    (!plain.is_empty()).then_some(plain)
}

/// RFC 6266 with RFC 5987: the name in UTF-8, and a plain one for old clients.
fn disposition(name: &str) -> String {
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let plain: String = name
        .chars()
        .map(|each| if each.is_ascii_alphanumeric() || matches!(each, '.' | '-' | '_') { each } else { '_' })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Kinds that are taken: first bytes, endings that go with them, media type. SVG and HTML are none of them.
const KINDS: &[(&[u8], &[&str], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", &["png"], "image/png"),
    (b"\xff\xd8\xff", &["jpg", "jpeg"], "image/jpeg"),
    (b"GIF87a", &["gif"], "image/gif"),
    (b"GIF89a", &["gif"], "image/gif"),
    (b"%PDF-", &["pdf"], "application/pdf"),
    (b"PK\x03\x04", &["docx", "xlsx", "pptx", "odt", "ods", "odp"], "application/zip"),
];

/// The media type of known bytes under an ending that goes with them; `None`: not taken.
fn kind_of(bytes: &[u8], name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    if bytes.len() >= 12 && bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WEBP" {
        return (ending == "webp").then_some("image/webp");
    }
    KINDS
        .iter()
        .find(|(magic, endings, _)| bytes.starts_with(magic) && endings.contains(&ending.as_str()))
        .map(|(_, _, media_type)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_only_a_name() {
        for (given, shown) in [
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Windows\\a.png", Some("a.png")),
            ("дробь.png", Some("дробь.png")),
            ("a\u{202e}gnp.exe", Some("agnp.exe")),
            ("a\r\nb.png", Some("ab.png")),
            ("..", None),
            ("\0", None),
        ] {
            assert_eq!(shown_name(given).as_deref(), shown, "{given:?}");
        }
        assert!(shown_name(&"x".repeat(999)).is_some_and(|name| name.chars().count() == NAME_CHARACTERS));
    }

    #[test]
    fn bytes_and_ending_must_agree() {
        let png = b"\x89PNG\r\n\x1a\nrest";
        assert_eq!(kind_of(png, "a.PNG"), Some("image/png"));
        assert_eq!(kind_of(png, "a.jpg"), None);
        assert_eq!(kind_of(b"<html>", "a.png"), None);
        assert_eq!(kind_of(b"<svg xmlns", "a.svg"), None);
        assert_eq!(kind_of(b"PK\x03\x04", "a.zip"), None);
        assert_eq!(kind_of(b"RIFF0000WEBPVP8 ", "a.webp"), Some("image/webp"));
    }

    #[test]
    fn a_header_cannot_be_broken_out_of() {
        let value = disposition("a\"; filename=evil.exe\u{0}ё.pdf");
        assert!(value.is_ascii() && !value.contains('\u{0}') && value.matches('"').count() == 2, "{value}");
    }
}
