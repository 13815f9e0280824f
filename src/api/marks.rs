//! Marks over HTTP: bringing them in with a look first, and what they say of one student.

use axum::extract::{Query, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::help::Asker;
use super::lesson_cards::{CellView, file};
use super::problem::Problem;
use super::reports::files::attachment;
use crate::domain::ids::{PersonId, SubjectId};
use crate::domain::performance::marks_csv;
use crate::domain::person::GuardianRight;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::store::marks::{MarksError, MarksReport, MarksRequest};
use crate::store::transition::Actor;

/// Mistakes told of in one answer; a file with more has one mistake many times.
const MOST_ERRORS: usize = 500;

pub fn routes(max_bytes: usize) -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(import))
        .layer(axum::extract::DefaultBodyLimit::max(max_bytes))
        .routes(routes!(performance))
        .routes(routes!(export))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MarksOptions {
    /// Check and report, change nothing.
    #[serde(default)]
    dry_run: bool,
    /// The subject of a grid, which names none.
    subject: Option<String>,
}

/// What an import of marks did, or with `dry_run` would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MarksView {
    dry_run: bool,
    marks: usize,
    students: usize,
    /// Days of a student that are new, other than before, the same.
    created: usize,
    updated: usize,
    unchanged: usize,
    /// What the rules find now in the groups of the file.
    findings: usize,
    warnings: Vec<CellView>,
}

impl From<MarksReport> for MarksView {
    fn from(report: MarksReport) -> Self {
        Self {
            dry_run: report.dry_run,
            marks: report.marks,
            students: report.students,
            created: report.created,
            updated: report.updated,
            unchanged: report.unchanged,
            findings: report.findings,
            warnings: report.warnings.into_iter().take(MOST_ERRORS).map(CellView::from).collect(),
        }
    }
}

/// Bring in marks, all or nothing: a mark a line (`Код ученика;Предмет;Дата;Отметка;Вес;Тема`), or a grid with a student a line
/// and a date a column. A teacher brings in marks of groups and subjects they teach.
#[utoipa::path(post, path = "/api/v1/marks/import", tag = "topics", params(MarksOptions),
    request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, body = MarksView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 413, body = Problem),
    (status = 422, description = "`import_rejected`, with `errors` by line and column; nothing was changed", body = Problem)
))]
pub async fn import(
    State(state): State<ApiState>,
    session: Session,
    Query(options): Query<MarksOptions>,
    request: Request,
) -> Result<axum::Json<MarksView>, Problem> {
    let grant = session.allow::<kind::MarksImport>(Relations::school().with(Relation::Group))?;
    let bytes = file(request, &state).await?;
    let asker = Asker::of(&state, &session).await?;
    let wanted = MarksRequest {
        own_only: grant.relation == Relation::Group,
        actor: Actor { person: session.principal.person.clone(), role: Some(grant.role) },
        subject: options.subject.filter(|subject| !subject.is_empty()).map(SubjectId::new),
        dry_run: options.dry_run,
        now_ms: asker.now_ms,
        school: asker.school,
    };
    let report = state.store.import_marks(&bytes, wanted).await.map_err(|error| match error {
        MarksError::Rejected(errors) => {
            let count = errors.len();
            let shown: Vec<CellView> = errors.into_iter().take(MOST_ERRORS).map(CellView::from).collect();
            Problem::new("import_rejected")
                .params(serde_json::json!({ "rows": count }))
                .errors(serde_json::json!(shown))
        }
        MarksError::Store(error) => error.into(),
    })?;
    Ok(axum::Json(report.into()))
}

/// Marks of this school year, a mark a line, as the import reads them; it finds nothing to change. A teacher gets those of
/// groups and subjects they teach.
#[utoipa::path(get, path = "/api/v1/marks/export", tag = "topics", responses(
    (status = 200, content_type = "text/csv", body = String), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn export(State(state): State<ApiState>, session: Session) -> Result<Response, Problem> {
    let grant = session.allow::<kind::MarksImport>(Relations::school().with(Relation::Group))?;
    let asker = Asker::of(&state, &session).await?;
    let wanted = MarksRequest {
        own_only: grant.relation == Relation::Group,
        actor: Actor { person: session.principal.person.clone(), role: Some(grant.role) },
        subject: None,
        dry_run: true,
        now_ms: asker.now_ms,
        school: asker.school,
    };
    let lines = state.store.export_marks(&wanted).await?;
    let bytes = marks_csv::write(&lines).map_err(|error| Problem::fault(&error))?;
    Ok(attachment("text/csv; charset=utf-8", "kafedra-marks.csv", bytes))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfWhom {
    /// The student; without it oneself.
    student: Option<String>,
}

/// Marks of one student, and what the rules found in them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PerformanceView {
    student: String,
    marks: Vec<MarkView>,
    findings: Vec<StudentFinding>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MarkView {
    /// YYYY-MM-DD.
    date: String,
    subject: String,
    topic: Option<String>,
    /// 2 to 5; nothing: the work is missing.
    value: Option<u8>,
    weight: u8,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StudentFinding {
    subject: String,
    /// `low_mean`, `drop`, `failed_marks` or `missed_work`.
    rule: String,
    value: i64,
}

/// One's own marks, a child's, or those of a student whom one teaches or answers for.
#[utoipa::path(get, path = "/api/v1/performance", tag = "topics", params(OfWhom), responses(
    (status = 200, body = PerformanceView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn performance(
    State(state): State<ApiState>,
    session: Session,
    Query(of): Query<OfWhom>,
) -> Result<axum::Json<PerformanceView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    let student = PersonId::new(of.student.as_deref().unwrap_or(asker.facts.id.as_str()));
    let is_ward = asker.facts.wards_with(GuardianRight::View, asker.today).any(|ward| ward.id == student);
    let teaches = state.store.people_taught_by(&asker.facts.id).await?.contains(&student);
    let in_unit = state.store.people_of_units(&asker.units()).await?.contains(&student);
    let relations = Relations::school()
        .with_if(student == asker.facts.id, Relation::Own)
        .with_if(is_ward, Relation::Ward)
        .with_if(teaches, Relation::Group)
        .with_if(in_unit, Relation::Unit);
    session.allow::<kind::PerformanceView>(relations)?;
    if state.store.person(&student).await?.school != asker.school.id {
        return Err(Problem::not_found());
    }
    let marks = state.store.marks_of(&student).await?;
    let found = state.store.findings_of(&student).await?;
    Ok(axum::Json(PerformanceView {
        student: student.as_str().to_owned(),
        marks: marks
            .into_iter()
            .map(|(mark, subject, topic)| MarkView {
                date: mark.date.to_string(),
                subject,
                topic,
                value: mark.value,
                weight: mark.weight,
            })
            .collect(),
        findings: found
            .into_iter()
            .map(|(rule, value, subject)| StudentFinding { subject, rule: rule.as_str().to_owned(), value })
            .collect(),
    }))
}
