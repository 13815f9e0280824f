//! Reports of clause 4.1: figures with the rows behind them, coverage, who was helped; as data, XLSX and a page to print.
//!
//! Who sees what: a teacher what they held, a unit's head the unit, deputies and the head the school.

pub mod files;
pub mod gaps;
pub mod rows;

use axum::Json;
use axum::extract::{Query, State};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::people;
use super::problem::Problem;
use crate::domain::calendar::{Span, plus_days};
use crate::domain::consultation::IncidentKind;
use crate::domain::evidence::metrics::{self, Metric, MetricCode};
use crate::domain::evidence::{Facts, Filter, LessonFact, coverage};
use crate::domain::ids::{PersonId, UnitId};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::role::Role;
use crate::store::evidence::Range;
use crate::store::school::School;

/// Days shown when nothing is asked for, and at most.
const DEFAULT_DAYS: i32 = 30;
const MOST_DAYS: i32 = 400;

/// The routes of this file and its parts.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(evidence))
        .routes(routes!(coverage_matrix))
        .routes(routes!(students))
        .merge(rows::routes())
        .merge(files::routes())
        .merge(gaps::routes())
}

/// Dates and filters of a report.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// First day, YYYY-MM-DD; without it 30 days before the last.
    from: Option<String>,
    /// Last day; today without it. At most 400 days.
    to: Option<String>,
    unit: Option<String>,
    /// Id of a host.
    host: Option<String>,
    /// Name of a class.
    class: Option<String>,
    subject: Option<String>,
    /// `difficulty`, `repetition`, `deepening`, `motivation`, `guardian_guidance` or `assessment_prep`.
    purpose: Option<String>,
    /// For the list behind a figure.
    metric: Option<MetricCode>,
}

/// Facts of a request, cut to what the person may see and to what was asked for.
pub(super) struct Looked {
    pub school: School,
    pub dates: Span,
    /// After the filters.
    pub facts: Facts,
    /// Before them, for the choices.
    choices: Choices,
    pub range: Range,
}

/// What the filters can be set to.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Choices {
    hosts: Vec<Choice>,
    classes: Vec<String>,
    subjects: Vec<String>,
    purposes: Vec<String>,
    units: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct Choice {
    name: String,
    id: String,
}

impl Looked {
    pub(super) async fn up(state: &ApiState, session: &Session, asked: &Asked) -> Result<Self, Problem> {
        let principal = &session.principal;
        let school = state.store.school(&principal.school).await?;
        let now_ms = state.clock.now_ms();
        let today = people::today(&school, now_ms);
        let range = range(session)?;
        let to = asked.to.as_deref().map(day).transpose()?.unwrap_or(today);
        let from = asked.from.as_deref().map(day).transpose()?.unwrap_or_else(|| plus_days(to, -DEFAULT_DAYS));
        if from > to || plus_days(from, MOST_DAYS) < to {
            return Err(Problem::bad_request(format!("from..to: at most {MOST_DAYS} days, in this order")));
        }
        let dates = Span { from, to };
        let facts = state.store.evidence(&school, dates, &range, now_ms).await?;
        let choices = choices(&facts.lessons);
        let filter = Filter {
            unit: asked.unit.clone(),
            host: asked.host.clone().map(PersonId::new),
            class: asked.class.clone(),
            subject: asked.subject.clone(),
            purpose: asked.purpose.clone(),
        };
        Ok(Self { school, dates, facts: facts.filtered(&filter), choices, range })
    }
}

/// The widest range that the person's roles allow.
fn range(session: &Session) -> Result<Range, Problem> {
    // Asked with every relation that one can have to a report: the widest that holds is taken.
    if session.allow::<kind::EvidenceReport>(Relations::school()).is_ok() {
        return Ok(Range::School);
    }
    let units: Vec<UnitId> = session
        .principal
        .roles
        .iter()
        .filter(|held| held.role == Role::UnitHead)
        .filter_map(|held| held.unit.clone())
        .collect();
    let grant = session.allow::<kind::EvidenceReport>(Relations::own().with_if(!units.is_empty(), Relation::Unit))?;
    Ok(match grant.relation {
        Relation::Unit => Range::Units(units),
        _ => Range::Host(session.principal.person.clone()),
    })
}

fn choices(lessons: &[LessonFact]) -> Choices {
    let sorted = |pick: fn(&LessonFact) -> Option<String>| {
        let found: std::collections::BTreeSet<String> = lessons.iter().filter_map(pick).collect();
        found.into_iter().collect()
    };
    let hosts: std::collections::BTreeSet<Choice> =
        lessons.iter().map(|one| Choice { id: one.host.as_str().to_owned(), name: one.host_name.clone() }).collect();
    Choices {
        hosts: hosts.into_iter().collect(),
        classes: sorted(|one| one.class.clone()),
        subjects: sorted(|one| one.subject.clone()),
        purposes: sorted(|one| one.purpose.clone()),
        units: sorted(|one| one.unit.as_ref().map(|unit| unit.as_str().to_owned())),
    }
}

fn day(text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::bad_request(format!("not a day (YYYY-MM-DD): {}", text.escape_debug())))
}

/// A report.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EvidenceReport {
    from: String,
    to: String,
    /// `own`, `unit` or `school`: how far the person sees.
    range: &'static str,
    metrics: Vec<MetricView>,
    hosts: Vec<HostView>,
    weeks: Vec<WeekView>,
    /// Why it did not take place: `no_host`, `no_audience`, `technical`, with numbers.
    not_held: Vec<CountView>,
    purposes: Vec<CountView>,
    /// Technical failures, newest first: told apart from the absence of hosts.
    incidents: Vec<IncidentView>,
    choices: Choices,
    audit: AuditHead,
}

/// A technical failure that ended a consultation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IncidentView {
    /// Id of the consultation.
    pub(super) consultation: String,
    pub(super) title: String,
    pub(super) class: String,
    pub(super) host: String,
    /// RFC 3339, UTC.
    pub(super) at: String,
    pub(super) kind: IncidentKind,
    /// What was said; empty for what the clock noted.
    pub(super) reason: String,
    /// Who declared it; empty: the clock.
    pub(super) by: String,
}

pub(super) fn incidents(facts: &Facts) -> Vec<IncidentView> {
    let mut found: Vec<(i64, IncidentView)> = facts
        .lessons
        .iter()
        .filter_map(|one| one.incident.as_ref().map(|incident| (one, incident)))
        .map(|(one, incident)| {
            let by = incident.by.as_ref().and_then(|by| facts.names.get(by)).cloned();
            let view = IncidentView {
                consultation: one.id.as_str().to_owned(),
                title: one.title.clone(),
                class: one.class.clone().unwrap_or_default(),
                host: one.host_name.clone(),
                at: super::session::rfc3339(incident.at_ms),
                kind: incident.kind,
                reason: if by.is_some() { incident.reason.clone() } else { String::new() },
                by: by.unwrap_or_default(),
            };
            (incident.at_ms, view)
        })
        .collect();
    found.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
    found.truncate(MOST_ROWS);
    found.into_iter().map(|(_, view)| view).collect()
}

/// A figure. `value` is missing when there is nothing to count, or (`is_hidden`) too few answers to show.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MetricView {
    code: MetricCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    above: f64,
    below: f64,
    is_hidden: bool,
}

impl From<&Metric> for MetricView {
    fn from(metric: &Metric) -> Self {
        Self {
            code: metric.code,
            value: metric.value,
            above: metric.above,
            below: metric.below,
            is_hidden: metric.is_hidden,
        }
    }
}

/// One host's part.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HostView {
    id: String,
    name: String,
    planned: usize,
    held: usize,
    no_host: usize,
    technical: usize,
    late: usize,
    /// Hundredths of an academic hour.
    hours_planned: i64,
    hours_held: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    attendance: Option<f64>,
}

/// One week.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WeekView {
    /// Its Monday.
    monday: String,
    held: usize,
    not_held: usize,
    cancelled: usize,
    ahead: usize,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CountView {
    code: String,
    count: usize,
}

/// The newest row of the journal when the report was made: who keeps it can show later that nothing was changed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AuditHead {
    seq: i64,
    hash: String,
    /// RFC 3339, UTC.
    at: String,
}

pub(super) async fn audit_head(state: &ApiState, school: &School) -> Result<AuditHead, Problem> {
    let (seq, hash) = state.store.audit_head(school).await?.unwrap_or_default();
    Ok(AuditHead { seq, hash, at: super::session::rfc3339(state.clock.now_ms()) })
}

/// Figures of clause 4.1 over some dates, by host and week.
#[utoipa::path(get, path = "/api/v1/reports/evidence", tag = "reports", params(Asked), responses(
    (status = 200, body = EvidenceReport), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn evidence(
    State(state): State<ApiState>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Json<EvidenceReport>, Problem> {
    let looked = Looked::up(&state, &session, &asked).await?;
    let facts = &looked.facts;
    Ok(Json(EvidenceReport {
        from: looked.dates.from.to_string(),
        to: looked.dates.to.to_string(),
        range: match looked.range {
            Range::School => "school",
            Range::Units(_) => "unit",
            Range::Host(_) => "own",
        },
        metrics: metrics::all(facts).iter().map(MetricView::from).collect(),
        hosts: hosts(facts),
        weeks: weeks(&facts.lessons),
        not_held: counted(facts.lessons.iter().filter_map(|one| one.not_held).map(|reason| reason.as_str())),
        purposes: counted(facts.lessons.iter().map(|one| one.purpose.as_deref().unwrap_or("none"))),
        audit: audit_head(&state, &looked.school).await?,
        incidents: incidents(facts),
        choices: looked.choices,
    }))
}

fn counted<'a>(codes: impl Iterator<Item = &'a str>) -> Vec<CountView> {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for code in codes {
        *counts.entry(code).or_default() += 1;
    }
    counts.into_iter().map(|(code, count)| CountView { code: code.to_owned(), count }).collect()
}

pub(super) fn hosts(facts: &Facts) -> Vec<HostView> {
    use crate::domain::consultation::{NotHeldReason, State as Outcome};

    let mut by_host: std::collections::BTreeMap<(String, String), Vec<LessonFact>> = std::collections::BTreeMap::new();
    for one in &facts.lessons {
        let key = (one.host_name.clone(), one.host.as_str().to_owned());
        by_host.entry(key).or_default().push(one.clone());
    }
    by_host
        .into_iter()
        .map(|((name, id), lessons)| {
            let count = |fits: &dyn Fn(&LessonFact) -> bool| lessons.iter().filter(|one| fits(one)).count();
            HostView {
                planned: lessons.len(),
                held: count(&|one| one.state == Outcome::Held),
                no_host: count(&|one| one.not_held == Some(NotHeldReason::NoHost)),
                technical: count(&|one| one.not_held == Some(NotHeldReason::Technical)),
                late: count(&|one| one.state == Outcome::Held && one.host_delay_s.unwrap_or(0) > 300),
                hours_planned: lessons.iter().map(|one| one.hours_planned).sum(),
                hours_held: lessons.iter().map(|one| one.hours_held).sum(),
                attendance: metrics::metric(&Facts { lessons, ..Facts::default() }, MetricCode::Attendance).value,
                id,
                name,
            }
        })
        .collect()
}

fn weeks(lessons: &[LessonFact]) -> Vec<WeekView> {
    use crate::domain::consultation::State as Outcome;

    let mut weeks: std::collections::BTreeMap<Date, WeekView> = std::collections::BTreeMap::new();
    for one in lessons {
        let monday = plus_days(one.date, -i32::from(one.date.weekday().to_monday_zero_offset()));
        let week = weeks.entry(monday).or_insert_with(|| WeekView {
            monday: monday.to_string(),
            held: 0,
            not_held: 0,
            cancelled: 0,
            ahead: 0,
        });
        *match one.state {
            Outcome::Held => &mut week.held,
            Outcome::NotHeld => &mut week.not_held,
            Outcome::Cancelled => &mut week.cancelled,
            Outcome::Planned | Outcome::Open | Outcome::Live => &mut week.ahead,
        } += 1;
    }
    weeks.into_values().collect()
}

/// Topics by consultations.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CoverageView {
    rows: Vec<TopicView>,
    /// Rows beyond what one answer holds.
    left_out: usize,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TopicView {
    subject: String,
    class: String,
    topic: String,
    /// Ids of consultations that were held, and that are still to come.
    held: Vec<String>,
    ahead: Vec<String>,
    requests: usize,
}

/// Rows of one answer.
const MOST_ROWS: usize = 2_000;

/// Which topics were covered by which consultations, and which by none.
#[utoipa::path(get, path = "/api/v1/reports/coverage", tag = "reports", params(Asked), responses(
    (status = 200, body = CoverageView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn coverage_matrix(
    State(state): State<ApiState>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Json<CoverageView>, Problem> {
    let looked = Looked::up(&state, &session, &asked).await?;
    // Topics that nobody taught are of the school; a teacher's report has their own alone.
    let known = match looked.range {
        Range::School => state.store.known_topics(&looked.school).await?,
        _ => Vec::new(),
    };
    let same = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
    let known: Vec<_> = known
        .into_iter()
        .filter(|(subject, class, _)| same(&asked.subject, subject) && same(&asked.class, class))
        .collect();
    let mut rows = coverage::matrix(&looked.facts, &known);
    let left_out = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    let ids = |ids: Vec<crate::domain::ids::ConsultationId>| ids.iter().map(|id| id.as_str().to_owned()).collect();
    let rows = rows
        .into_iter()
        .map(|row| TopicView {
            subject: row.subject,
            class: row.class,
            topic: row.topic,
            held: ids(row.held),
            ahead: ids(row.ahead),
            requests: row.requests,
        })
        .collect();
    Ok(Json(CoverageView { rows, left_out }))
}

/// Students, and what help each had.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StudentsView {
    rows: Vec<StudentView>,
    /// Who was invited and came at least once, and for whom something was held and who was at none of it.
    came: usize,
    never_came: usize,
    /// Who asked, or had the same question: who was helped with at least one, and who missed at least one.
    helped: usize,
    missed: usize,
    left_out: usize,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StudentView {
    id: String,
    name: String,
    class: String,
    invited: usize,
    came: usize,
    /// With the host.
    minutes: i64,
    /// Questions asked, or shared with somebody who asked.
    requests: usize,
    /// Of these: answered, or the student was at the consultation about it.
    helped: usize,
    /// Of these: the consultation about it was held without the student.
    missed: usize,
    never_came: bool,
}

/// Who was helped and who never came, those who never came first.
#[utoipa::path(get, path = "/api/v1/reports/students", tag = "reports", params(Asked), responses(
    (status = 200, body = StudentsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn students(
    State(state): State<ApiState>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Json<StudentsView>, Problem> {
    let looked = Looked::up(&state, &session, &asked).await?;
    let names = state.store.student_classes(&looked.school).await?;
    let mut rows: Vec<StudentView> = coverage::students(&looked.facts)
        .into_iter()
        .map(|(person, row)| {
            let (name, class) = names.get(&person).cloned().unwrap_or_default();
            StudentView {
                id: person.as_str().to_owned(),
                name,
                class,
                invited: row.invited,
                came: row.came,
                minutes: row.minutes,
                requests: row.requests,
                helped: row.helped,
                missed: row.missed,
                never_came: row.never_came(),
            }
        })
        .collect();
    rows.sort_by(|a, b| (!a.never_came, a.came, &a.class, &a.name).cmp(&(!b.never_came, b.came, &b.class, &b.name)));
    let count = |fits: fn(&StudentView) -> bool| rows.iter().filter(|row| fits(row)).count();
    let (came, never_came) = (count(|row| row.came > 0), count(|row| row.never_came));
    let (helped, missed) = (count(|row| row.helped > 0), count(|row| row.missed > 0));
    let left_out = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    Ok(Json(StudentsView { rows, came, never_came, helped, missed, left_out }))
}
