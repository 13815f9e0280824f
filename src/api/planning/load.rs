//! Load planned against actual, contracts, working time, absences, corrections.

use axum::extract::{Query, State};
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::access;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::{actor, day, parsed, reason, school_of};
use crate::domain::calendar::{Span, monday_of, plus_days};
use crate::domain::ids::{PersonId, UnitId};
use crate::domain::person::PersonFacts;
use crate::domain::planning::load::{Hundredths, hours};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Condition, Grant, Relation, Relations};
use crate::domain::role::Role;
use crate::store::load::contracts::{Absence, Contract};
use crate::store::load::summary::{HostLoad, LoadRow};

/// Most days in one answer: a school year with its summer.
const MOST_DAYS: i32 = 370;
/// Most academic hours that a contract can say for a year.
const MOST_HOURS: f64 = 3000.0;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LoadQuery {
    /// First day, YYYY-MM-DD; this week's Monday without it.
    from: Option<String>,
    /// Last day; the Sunday of the first day's week without it.
    to: Option<String>,
    /// One host only.
    person: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LoadView {
    from: String,
    to: String,
    items: Vec<HostLoadView>,
}

/// Academic hours of one host.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HostLoadView {
    person: String,
    display_name: String,
    /// `teaching` or `working_time`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    week_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    month_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year_limit: Option<f64>,
    planned: f64,
    held: f64,
    /// Still to come.
    ahead: f64,
    cancelled: f64,
    not_held: f64,
    /// Held, or to be held, by a substitute.
    given_away: f64,
    taken_over: f64,
    consultations: usize,
}

impl From<HostLoad> for HostLoadView {
    fn from(one: HostLoad) -> Self {
        Self {
            person: one.host.as_str().to_owned(),
            display_name: one.display_name,
            kind: if one.is_teaching { "teaching" } else { "working_time" },
            week_limit: one.week_limit.map(hours),
            month_limit: one.month_limit.map(hours),
            year_limit: one.year_limit.map(hours),
            planned: hours(one.planned),
            held: hours(one.held),
            ahead: hours(one.ahead),
            cancelled: hours(one.cancelled),
            not_held: hours(one.not_held),
            given_away: hours(one.given_away),
            taken_over: hours(one.taken_over),
            consultations: one.consultations,
        }
    }
}

/// Whose load a person sees.
struct Reach {
    only: Option<PersonId>,
    units: Option<Vec<UnitId>>,
    dates: Span,
}

async fn reach(state: &ApiState, session: &Session, query: &LoadQuery) -> Result<Reach, Problem> {
    let grant = session.allow::<kind::LoadView>(Relations::own().with(Relation::Unit))?;
    let today = access::today(state, session).await?;
    let from = query.from.as_deref().map(day).transpose()?.unwrap_or_else(|| monday_of(today));
    let to = query.to.as_deref().map(day).transpose()?.unwrap_or_else(|| plus_days(monday_of(from), 6));
    if to < from || to > plus_days(from, MOST_DAYS) {
        return Err(Problem::bad_request(format!("to: from {from} on, at most {MOST_DAYS} days")));
    }
    let me = &session.principal.person;
    let wanted = query.person.as_ref().map(PersonId::new);
    let widest = widest(session, &grant);
    let units: Vec<UnitId> = session
        .principal
        .roles
        .iter()
        .filter(|held| held.role == Role::UnitHead)
        .filter_map(|held| held.unit.clone())
        .collect();
    let (only, units) = match widest {
        Relation::School => (wanted, None),
        Relation::Unit if wanted.as_ref() != Some(me) => (wanted, Some(units)),
        _ => {
            if wanted.as_ref().is_some_and(|wanted| wanted != me) {
                return Err(Problem::new("role_not_permitted"));
            }
            (Some(me.clone()), None)
        }
    };
    Ok(Reach { only, units, dates: Span { from, to } })
}

/// A second role may see more than the first that was found.
fn widest(session: &Session, grant: &Grant<kind::LoadView>) -> Relation {
    if session.allow::<kind::LoadView>(Relations::school()).is_ok() {
        return Relation::School;
    }
    if session.principal.is(Role::UnitHead) { Relation::Unit } else { grant.relation }
}

/// Load of everybody whom the person may see: their own, their unit's, the school's.
#[utoipa::path(get, path = "/api/v1/load", tag = "planning", params(LoadQuery), responses(
    (status = 200, body = LoadView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn load(
    State(state): State<ApiState>,
    session: Session,
    query: Result<Query<LoadQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<LoadView>, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let reach = reach(&state, &session, &query).await?;
    let school = school_of(&state, &session).await?;
    let all = state.store.load_summary(&school, reach.dates, reach.only.as_ref(), reach.units.as_deref()).await?;
    Ok(axum::Json(LoadView {
        from: reach.dates.from.to_string(),
        to: reach.dates.to.to_string(),
        items: all.into_iter().map(HostLoadView::from).collect(),
    }))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LoadRowsView {
    items: Vec<LoadRowView>,
}

/// One consultation in somebody's load, with what explains a difference between plan and fact.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LoadRowView {
    consultation: String,
    date: String,
    start: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    planned: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<f64>,
    /// The ledger's row, for corrections.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<i64>,
    corrected: bool,
    /// `own`, `given_away` or `taken_over`.
    share: &'static str,
}

fn row_view(row: LoadRow, of: &PersonId) -> LoadRowView {
    let share = match &row.substitute {
        Some(substitute) if substitute == of => "taken_over",
        Some(_) => "given_away",
        None => "own",
    };
    LoadRowView {
        consultation: row.consultation.as_str().to_owned(),
        date: row.date.to_string(),
        start: rfc3339(row.start_ms),
        title: row.title,
        class: row.class,
        state: row.state.as_str().to_owned(),
        detail: row.detail,
        planned: hours(row.planned),
        held: row.entry.as_ref().map(|entry| hours(entry.hours)),
        minutes: row.entry.as_ref().map(|entry| entry.minutes),
        corrected: row.entry.as_ref().is_some_and(|entry| entry.was_corrected),
        entry: row.entry.map(|entry| entry.id),
        share,
    }
}

/// The single rows of one host's load; one's own without `person`.
#[utoipa::path(get, path = "/api/v1/load/rows", tag = "planning", params(LoadQuery), responses(
    (status = 200, body = LoadRowsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn rows(
    State(state): State<ApiState>,
    session: Session,
    query: Result<Query<LoadQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<LoadRowsView>, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let reach = reach(&state, &session, &query).await?;
    let of = reach.only.unwrap_or_else(|| session.principal.person.clone());
    if let Some(units) = &reach.units
        && !state.store.people_of_units(units).await?.contains(&of)
    {
        return Err(Problem::new("role_not_permitted"));
    }
    let school = school_of(&state, &session).await?;
    let rows = state.store.load_rows(&school, reach.dates, Some(&of)).await?;
    Ok(axum::Json(LoadRowsView { items: rows.into_iter().map(|row| row_view(row, &of)).collect() }))
}

/// A correction: the row stays, this is appended.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Correcting {
    /// The ledger's row.
    entry: String,
    minutes: u16,
    reason: String,
}

/// Correct what a consultation counted for its host. Never one's own.
#[utoipa::path(post, path = "/api/v1/load/corrections", tag = "planning", request_body = Correcting, responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn correct(
    State(state): State<ApiState>,
    session: Session,
    Json(asked): Json<Correcting>,
) -> Result<axum::http::StatusCode, Problem> {
    let grant = session.allow::<kind::OverrideGrant>(Relations::school())?;
    let why = reason(&asked.reason)?.to_owned();
    if asked.minutes > 24 * 60 {
        return Err(Problem::bad_request("minutes: of one day"));
    }
    let school = school_of(&state, &session).await?;
    if state.store.load_entry_host(&school, &asked.entry).await? == session.principal.person {
        return Err(Problem::new("role_not_permitted"));
    }
    let (by, now_ms) = (actor(&session, &grant), state.clock.now_ms());
    state
        .store
        .write(move |tx| {
            Box::pin(
                async move { tx.correct_load(&school.id, &asked.entry, asked.minutes.into(), &why, &by, now_ms).await },
            )
        })
        .await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ContractsView {
    items: Vec<ContractView>,
}

/// A contract with working time and absences. Hours are academic hours.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContractView {
    /// Empty: a new one.
    #[serde(default)]
    id: String,
    person: String,
    position: String,
    /// `teaching` or `non_teaching`.
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    teaching_hours_week: Option<f64>,
    /// The share for consultations; `null`: recorded, not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consultation_hours_week: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consultation_hours_month: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consultation_hours_year: Option<f64>,
    #[serde(default)]
    windows: Vec<WindowView>,
    #[serde(default)]
    absences: Vec<AbsenceView>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowView {
    /// Monday is 1.
    weekday: i8,
    /// HH:MM.
    starts: String,
    ends: String,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AbsenceView {
    id: String,
    from: String,
    to: String,
    kind: String,
}

impl From<Contract> for ContractView {
    fn from(one: Contract) -> Self {
        Self {
            id: one.id,
            person: one.person.as_str().to_owned(),
            position: one.position,
            kind: if one.is_teaching { "teaching" } else { "non_teaching" }.to_owned(),
            contract_no: one.contract_no,
            from: one.from.map(|day| day.to_string()),
            to: one.to.map(|day| day.to_string()),
            teaching_hours_week: one.teaching_week.map(hours),
            consultation_hours_week: one.week.map(hours),
            consultation_hours_month: one.month.map(hours),
            consultation_hours_year: one.year.map(hours),
            windows: one
                .windows
                .into_iter()
                .map(|(weekday, starts, ends)| WindowView {
                    weekday,
                    starts: starts.strftime("%H:%M").to_string(),
                    ends: ends.strftime("%H:%M").to_string(),
                })
                .collect(),
            absences: one
                .absences
                .into_iter()
                .map(|Absence { id, from, to, kind }| AbsenceView {
                    id,
                    from: from.to_string(),
                    to: to.to_string(),
                    kind,
                })
                .collect(),
        }
    }
}

impl ContractView {
    fn contract(self) -> Result<Contract, Problem> {
        let wrong = |is_wrong: bool, what: &str| if is_wrong { Err(Problem::bad_request(what)) } else { Ok(()) };
        wrong(self.position.trim().is_empty() || self.position.chars().count() > 120, "position: 1 to 120 characters")?;
        wrong(!matches!(self.kind.as_str(), "teaching" | "non_teaching"), "kind: teaching or non_teaching")?;
        wrong(self.contract_no.as_ref().is_some_and(|no| no.chars().count() > 60), "contract_no: too long")?;
        wrong(self.windows.len() > 28, "windows: at most four a day")?;
        let mut windows = Vec::with_capacity(self.windows.len());
        for window in &self.windows {
            let (starts, ends) = (clock(&window.starts)?, clock(&window.ends)?);
            wrong(!(1..=7).contains(&window.weekday) || starts >= ends, "windows: weekday 1 to 7, from before to")?;
            windows.push((window.weekday, starts, ends));
        }
        let (from, to) = (optional_day(self.from.as_deref())?, optional_day(self.to.as_deref())?);
        wrong(from.zip(to).is_some_and(|(from, to)| from > to), "dates: the first before the last")?;
        Ok(Contract {
            id: if self.id.is_empty() { uuid::Uuid::now_v7().to_string() } else { self.id },
            person: PersonId::new(self.person),
            position: self.position.trim().to_owned(),
            is_teaching: self.kind == "teaching",
            contract_no: self.contract_no,
            from,
            to,
            teaching_week: hundredths(self.teaching_hours_week)?,
            week: hundredths(self.consultation_hours_week)?,
            month: hundredths(self.consultation_hours_month)?,
            year: hundredths(self.consultation_hours_year)?,
            windows,
            absences: Vec::new(),
        })
    }
}

fn optional_day(text: Option<&str>) -> Result<Option<Date>, Problem> {
    text.filter(|text| !text.is_empty()).map(day).transpose()
}

pub(super) fn clock(text: &str) -> Result<Time, Problem> {
    let is_short = text.len() == 5;
    let full = if is_short { format!("{text}:00") } else { text.to_owned() };
    full.parse().map_err(|_| Problem::bad_request(format!("not a time (HH:MM): {}", text.escape_debug())))
}

fn hundredths(hours: Option<f64>) -> Result<Option<Hundredths>, Problem> {
    let Some(hours) = hours else { return Ok(None) };
    if !(0.0..=MOST_HOURS).contains(&hours) {
        return Err(Problem::bad_request(format!("hours: 0 to {MOST_HOURS}")));
    }
    // At most 300,000.
    #[allow(clippy::cast_possible_truncation)]
    Ok(Some((hours * 100.0).round() as i64))
}

/// Contracts of those whose load the person may see.
#[utoipa::path(get, path = "/api/v1/contracts", tag = "planning", params(LoadQuery), responses(
    (status = 200, body = ContractsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn contracts(
    State(state): State<ApiState>,
    session: Session,
    query: Result<Query<LoadQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<ContractsView>, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let reach = reach(&state, &session, &query).await?;
    let school = school_of(&state, &session).await?;
    let mut all = state.store.contracts(&school, reach.only.as_ref()).await?;
    if let Some(units) = &reach.units {
        let people = state.store.people_of_units(units).await?;
        all.retain(|one| people.contains(&one.person));
    }
    Ok(axum::Json(ContractsView { items: all.into_iter().map(ContractView::from).collect() }))
}

/// The person behind a contract, for the conditions of `user.manage`: people who hold consultations, and never oneself, whoever
/// one is: an order that lifts a limit is not given to oneself either (INV-34). Deputies write none of other heads.
async fn managed(
    state: &ApiState,
    session: &Session,
    grant: &Grant<kind::UserManage>,
    person: &str,
) -> Result<PersonFacts, Problem> {
    let id = PersonId::new(person);
    let found = state.store.person(&id).await?;
    if found.school != session.principal.school {
        return Err(Problem::not_found());
    }
    let today = access::today(state, session).await?;
    let facts = state.store.person_facts(&id, today).await?;
    let can_host = facts.roles.iter().any(|held| held.role.can_host());
    let leads = |role: Role| matches!(role, Role::DeputyHead | Role::Head | Role::Admin);
    let is_above = grant.condition == Some(Condition::Pedagogical) && facts.roles.iter().any(|held| leads(held.role));
    let is_allowed = id != session.principal.person && !is_above;
    if can_host && is_allowed { Ok(facts) } else { Err(Problem::new("role_not_permitted")) }
}

/// Write a contract down, or change it; working time is replaced as a whole.
#[utoipa::path(put, path = "/api/v1/contracts", tag = "planning", request_body = ContractView, responses(
    (status = 200, body = ContractsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub async fn put_contract(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<ContractsView>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let contract = parsed::<ContractView>(body)?.contract()?;
    managed(&state, &session, &grant, contract.person.as_str()).await?;
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    let (of, again) = (contract.person.clone(), school.clone());
    state
        .store
        .write(move |tx| Box::pin(async move { tx.put_contract(&school, &contract, Some(&by), now_ms).await }))
        .await?;
    let all = state.store.contracts(&again, Some(&of)).await?;
    Ok(axum::Json(ContractsView { items: all.into_iter().map(ContractView::from).collect() }))
}

/// An absence from work.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAbsence {
    person: String,
    from: String,
    to: String,
    /// `sick`, `leave`, `trip` or `other`.
    kind: String,
}

/// Write down an absence; consultations in it need a substitute or another date.
#[utoipa::path(post, path = "/api/v1/absences", tag = "planning", request_body = NewAbsence, responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "the person has no contract", body = Problem)
))]
pub async fn add_absence(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::http::StatusCode, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let asked: NewAbsence = parsed(body)?;
    let (from, to) = (day(&asked.from)?, day(&asked.to)?);
    if from > to || !matches!(asked.kind.as_str(), "sick" | "leave" | "trip" | "other") {
        return Err(Problem::bad_request("from before to; kind: sick, leave, trip or other"));
    }
    let person = managed(&state, &session, &grant, &asked.person).await?.id;
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    state
        .store
        .write(move |tx| {
            Box::pin(async move { tx.add_absence(&school, &person, (from, to), &asked.kind, &by, now_ms).await })
        })
        .await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AbsenceQuery {
    /// Which one.
    #[serde(default)]
    id: String,
}

/// Take an absence back.
#[utoipa::path(delete, path = "/api/v1/absences", tag = "planning", params(AbsenceQuery), responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn drop_absence(
    State(state): State<ApiState>,
    session: Session,
    query: Query<AbsenceQuery>,
) -> Result<axum::http::StatusCode, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    if query.id.is_empty() {
        return Err(Problem::bad_request("id: which absence"));
    }
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    let id = query.0.id;
    let person = state.store.person_of_absence(&session.principal.school, &id).await?;
    managed(&state, &session, &grant, person.as_str()).await?;
    state.store.write(move |tx| Box::pin(async move { tx.drop_absence(&school, &id, &by, now_ms).await })).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
