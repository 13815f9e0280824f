//! Rosters in and out, and lesson cards out: OneRoster archives, CSV and XLSX.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::HeaderValue;
use axum::response::Response;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::lesson_cards::file;
use super::people;
use super::problem::Problem;
use super::reports::files::attachment;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::{asc, card_csv, sheet};
use crate::store::asc::{AscImportError, AscReport};
use crate::store::roster::{RosterImportError, RosterReport, RosterRequest};
use crate::store::transition::Actor;

/// Mistakes told of in one answer.
const MOST_ERRORS: usize = 500;

/// The routes of this file; files may be larger than other bodies.
pub fn routes(max_bytes: usize) -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(import_roster))
        .routes(routes!(import_asc))
        .layer(axum::extract::DefaultBodyLimit::max(max_bytes))
        .routes(routes!(export_asc))
        .routes(routes!(export_roster))
        .routes(routes!(export_cards))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RosterOptions {
    /// Look and report, change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Bring the school's people in line with a OneRoster 1.2 archive (zip of CSV, bulk or delta), all or nothing. The same
/// archive twice changes nothing. Guardian links come as proposals; nobody gives themselves a role.
#[utoipa::path(post, path = "/api/v1/roster/import", tag = "imports", params(RosterOptions),
    request_body(content = Vec<u8>, content_type = "application/zip"), responses(
    (status = 200, body = RosterReport), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 413, body = Problem),
    (status = 422, description = "`import_rejected`, with `errors` by file, line and column; nothing was changed", body = Problem)
))]
pub async fn import_roster(
    State(state): State<ApiState>,
    session: Session,
    Query(options): Query<RosterOptions>,
    request: Request,
) -> Result<Json<RosterReport>, Problem> {
    let grant = session.allow::<kind::RosterImport>(Relations::school())?;
    let assigns = session.allow::<kind::RoleAssign>(Relations::school())?.condition;
    let bytes = file(request, &state).await?;
    let principal = &session.principal;
    let school = state.store.school(&principal.school).await?;
    let now_ms = state.clock.now_ms();
    let request = RosterRequest {
        today: people::today(&school, now_ms),
        school,
        actor: Some(Actor { person: principal.person.clone(), role: Some(grant.role) }),
        assigns,
        dry_run: options.dry_run,
        now_ms,
    };
    let report = state.store.import_roster(&bytes, request).await.map_err(|error| match error {
        RosterImportError::Rejected(mut errors) => {
            let count = errors.len();
            errors.truncate(MOST_ERRORS);
            Problem::new("import_rejected")
                .params(serde_json::json!({ "rows": count }))
                .errors(serde_json::json!(errors))
        }
        RosterImportError::Store(error) => error.into(),
    })?;
    Ok(Json(report))
}

/// Bring in a timetable of aSc (XML, also windows-1251): its regular lessons replace the earlier ones, its bells become a
/// schedule of their own when they differ. Planned dates that meet one of its lessons are listed, also of a dry run, and stay as
/// they are; whoever holds them and the deputy head are told of those that met none before. No document types, no entities.
#[utoipa::path(post, path = "/api/v1/timetable/import", tag = "imports", params(RosterOptions),
    request_body(content = String, content_type = "text/xml"), responses(
    (status = 200, body = AscReport), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 413, body = Problem), (status = 422, description = "`import_rejected`; nothing was changed", body = Problem)
))]
pub async fn import_asc(
    State(state): State<ApiState>,
    session: Session,
    Query(options): Query<RosterOptions>,
    request: Request,
) -> Result<Json<AscReport>, Problem> {
    let grant = session.allow::<kind::BellsManage>(Relations::school())?;
    let bytes = file(request, &state).await?;
    let principal = &session.principal;
    let school = state.store.school(&principal.school).await?;
    let now_ms = state.clock.now_ms();
    let request = RosterRequest {
        today: people::today(&school, now_ms),
        school,
        actor: Some(Actor { person: principal.person.clone(), role: Some(grant.role) }),
        assigns: None,
        dry_run: options.dry_run,
        now_ms,
    };
    let report = state.store.import_asc(&bytes, request).await.map_err(|error| match error {
        AscImportError::File(error) => {
            let text = format!("Файл не читается как расписание aSc: {error}");
            let cell = serde_json::json!({ "line": 0, "column": "", "code": "unreadable", "text": text });
            Problem::new("import_rejected").params(serde_json::json!({ "rows": 1 })).errors(serde_json::json!([cell]))
        }
        AscImportError::Tried(_) => Problem::new("internal"),
        AscImportError::Store(error) => error.into(),
    })?;
    Ok(Json(report))
}

/// Regular lessons and the usual bells as a timetable of aSc (XML): an import of it finds nothing to change.
#[utoipa::path(get, path = "/api/v1/timetable/export", tag = "imports", responses(
    (status = 200, content_type = "text/xml", body = String), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn export_asc(State(state): State<ApiState>, session: Session) -> Result<Response, Problem> {
    session.allow::<kind::BellsManage>(Relations::school())?;
    let school = state.store.school(&session.principal.school).await?;
    let timetable = state.store.export_asc(&school).await?;
    let bytes = asc::write(&timetable).map_err(|error| Problem::fault(&error))?;
    Ok(attachment("text/xml; charset=utf-8", "kafedra-timetable.xml", bytes))
}

/// The school's people as a OneRoster 1.2 archive: an import of it finds nothing to change.
#[utoipa::path(get, path = "/api/v1/roster/export", tag = "imports", responses(
    (status = 200, content_type = "application/zip", body = Vec<u8>), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn export_roster(State(state): State<ApiState>, session: Session) -> Result<Response, Problem> {
    session.allow::<kind::RosterImport>(Relations::school())?;
    let school = state.store.school(&session.principal.school).await?;
    let today = people::today(&school, state.clock.now_ms());
    let bytes = state.store.export_roster(&school, today).await?;
    Ok(attachment("application/zip", "kafedra-roster.zip", bytes))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardsOptions {
    /// `csv` (UTF-8 with BOM, `;`) or `xlsx`.
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Csv,
    Xlsx,
}

/// The lesson cards in force, in the layout of the import, which finds nothing to change in them. Cards that a line cannot
/// hold (several slots, office hours) are left out; `Kafedra-Left-Out` says how many.
#[utoipa::path(get, path = "/api/v1/lesson-cards/export", tag = "imports", params(CardsOptions), responses(
    (status = 200, content_type = "text/csv", body = String), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn export_cards(
    State(state): State<ApiState>,
    session: Session,
    Query(options): Query<CardsOptions>,
) -> Result<Response, Problem> {
    let grant = session.allow::<kind::CardsImport>(Relations::own())?;
    let school = state.store.school(&session.principal.school).await?;
    let own = (grant.relation == Relation::Own).then_some(&session.principal.person);
    let exported = state.store.export_cards(&school, own).await?;
    let text = card_csv::write(&exported.rows, b';');
    let mut response = match options.format {
        Format::Csv => {
            let mut bytes = vec![0xef, 0xbb, 0xbf];
            bytes.extend_from_slice(text.as_bytes());
            attachment("text/csv; charset=utf-8", "kafedra-cards.csv", bytes)
        }
        Format::Xlsx => {
            let bytes = tokio::task::spawn_blocking(move || sheet::write(&text))
                .await
                .map_err(|error| Problem::fault(&error))?
                .map_err(|error| Problem::fault(&error))?;
            let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            attachment(kind, "kafedra-cards.xlsx", bytes)
        }
    };
    response.headers_mut().insert("kafedra-left-out", HeaderValue::from(exported.left_out.len()));
    Ok(response)
}
