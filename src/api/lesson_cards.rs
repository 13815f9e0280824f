//! Import of lesson cards over HTTP: a CSV or XLSX file as the body, or as the field `file` of a form.

use axum::Json;
use axum::extract::multipart::Multipart;
use axum::extract::{FromRequest as _, Query, Request, State};
use axum::http::header;
use serde::{Deserialize, Serialize};

use super::ApiState;
use super::auth::Session;
use super::body;
use super::problem::Problem;
use crate::domain::card_csv::CellError;
use crate::domain::policy::Relation;
use crate::domain::policy::Relations;
use crate::domain::policy::action::kind;
use crate::store::import::{ImportError, ImportReport, ImportRequest, RowChange};
use crate::store::transition::Actor;

/// Mistakes told of in one answer; a file with more has one mistake many times.
const MOST_ERRORS: usize = 500;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportOptions {
    /// Check and report, change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What an import did, or with `dry_run` would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ImportView {
    dry_run: bool,
    rows: usize,
    created: usize,
    updated: usize,
    unchanged: usize,
    /// Consultations planned, moved and removed.
    consultations: usize,
    warnings: Vec<CellView>,
    /// What is new and what changes, by line; at most 500.
    changes: Vec<ChangeView>,
}

/// What one line does to its card.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChangeView {
    line: u64,
    key: String,
    is_new: bool,
    title: String,
    consultations: usize,
    cells: Vec<CellChangeView>,
}

/// One cell that changes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CellChangeView {
    column: String,
    before: String,
    after: String,
}

impl From<RowChange> for ChangeView {
    fn from(change: RowChange) -> Self {
        let cells = change.cells.into_iter().map(|cell| CellChangeView {
            column: cell.column.to_owned(),
            before: cell.before,
            after: cell.after,
        });
        Self {
            line: change.line,
            key: change.key,
            is_new: change.is_new,
            title: change.title,
            consultations: change.consultations,
            cells: cells.collect(),
        }
    }
}

/// A remark about one cell.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CellView {
    line: u64,
    /// Heading of the column.
    column: String,
    code: String,
    /// For the person who mends the file, in Russian.
    text: String,
}

impl From<CellError> for CellView {
    fn from(cell: CellError) -> Self {
        Self { line: cell.line, column: cell.column, code: cell.code.as_str().to_owned(), text: cell.text }
    }
}

impl From<ImportReport> for ImportView {
    fn from(report: ImportReport) -> Self {
        Self {
            dry_run: report.dry_run,
            rows: report.rows,
            created: report.created,
            updated: report.updated,
            unchanged: report.unchanged,
            consultations: report.consultations,
            warnings: report.warnings.into_iter().take(MOST_ERRORS).map(CellView::from).collect(),
            changes: report.changes.into_iter().map(ChangeView::from).collect(),
        }
    }
}

/// Bring in lesson cards, all or nothing. The same file twice changes nothing. A teacher brings in cards of their own
/// only. The layout stands in docs/operations.md; encoding (UTF-8, windows-1251) and delimiter (`;` `,` tab) are found
/// out.
#[utoipa::path(post, path = "/api/v1/lesson-cards/import", tag = "lesson cards", params(ImportOptions),
    request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, body = ImportView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 413, body = Problem),
    (status = 422, description = "`import_rejected`, with `errors` by line and column; nothing was changed", body = Problem)
))]
pub async fn import(
    State(state): State<ApiState>,
    session: Session,
    options: Result<Query<ImportOptions>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Json<ImportView>, Problem> {
    let Query(options) = options.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let grant = session.allow::<kind::CardsImport>(Relations::own())?;
    let bytes = file(request, &state).await?;
    let principal = &session.principal;
    let wanted = ImportRequest {
        school: state.store.school(&principal.school).await?,
        actor: Some(Actor { person: principal.person.clone(), role: Some(grant.role) }),
        own_only: grant.relation == Relation::Own,
        dry_run: options.dry_run,
        timings: state.store.timings(state.timing).await?,
        horizon_days: state.config.schedule.horizon_days,
        now_ms: state.clock.now_ms(),
    };
    let report = state.store.import_cards(&bytes, wanted).await.map_err(|error| match error {
        ImportError::Rejected(errors) => {
            let count = errors.len();
            let shown: Vec<CellView> = errors.into_iter().take(MOST_ERRORS).map(CellView::from).collect();
            Problem::new("import_rejected")
                .params(serde_json::json!({ "rows": count }))
                .errors(serde_json::json!(shown))
        }
        ImportError::Store(error) => error.into(),
    })?;
    if !report.dry_run {
        (state.poke_schedule)();
    }
    Ok(Json(report.into()))
}

/// The file out of the body.
pub(super) async fn file(request: Request, state: &ApiState) -> Result<axum::body::Bytes, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    match kind.as_str() {
        "text/csv"
        | "application/csv"
        | "application/octet-stream"
        | "application/zip"
        | "application/xml"
        | "text/xml"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => body::bytes(request, state).await,
        "multipart/form-data" => {
            let mut form = Multipart::from_request(request, state)
                .await
                .map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
            let unreadable = |error: axum::extract::multipart::MultipartError| {
                if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                    Problem::new("too_large")
                } else {
                    Problem::bad_request(error.body_text())
                }
            };
            while let Some(field) = form.next_field().await.map_err(unreadable)? {
                if field.name() == Some("file") {
                    return field.bytes().await.map_err(unreadable);
                }
            }
            Err(Problem::bad_request("the form has no field `file`"))
        }
        _ => Err(Problem::new("unsupported_media_type").detail("text/csv or a form with the field `file`")),
    }
}
