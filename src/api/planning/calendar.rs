//! The school's calendar: read by everybody, changed as a whole under If-Match, with a preview of what moves.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::{actor, if_match, parsed, school_of};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::store::calendar::{CalendarChange, CalendarDoc, CalendarEdit, CalendarError, Moved, RefusedMove};

/// The calendar with its version.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CalendarView {
    /// For If-Match.
    version: i64,
    /// Today in the school.
    today: String,
    /// `odd` or `even`.
    parity: String,
    /// Layers of the calendar: years with terms, days, bells, weeks of grades, shifts of classes.
    #[schema(value_type = Object)]
    calendar: CalendarDoc,
}

/// What a change does, or with `dry_run` would do, to consultations that have not begun.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChangeView {
    dry_run: bool,
    version: i64,
    moved: Vec<MovedView>,
    planned: Vec<MovedView>,
    /// Not wanted any more.
    removed: Vec<MovedView>,
    /// Dates that stand against a rule at their new time (`to`): they are not planned, and those who answer for their cards are told.
    refused: Vec<RefusedView>,
    /// Booked appointments of moved office hours that hosts take back, because they no longer fit or the student has another
    /// lesson then.
    taken_back: usize,
    /// How many people are told.
    people: usize,
    /// Pairs of consultations that one host or one group would have at the same time.
    collisions: Vec<(String, String)>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MovedView {
    id: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RefusedView {
    #[serde(flatten)]
    at: MovedView,
    /// What speaks against it.
    codes: Vec<String>,
}

impl From<RefusedMove> for RefusedView {
    fn from(one: RefusedMove) -> Self {
        Self { at: one.at.into(), codes: one.codes.iter().map(|code| code.as_str().to_owned()).collect() }
    }
}

impl From<Moved> for MovedView {
    fn from(one: Moved) -> Self {
        Self {
            id: one.id.as_str().to_owned(),
            title: one.title,
            class: one.class,
            host: one.host,
            from: one.from_ms.map(rfc3339),
            to: one.to_ms.map(rfc3339),
        }
    }
}

impl ChangeView {
    fn of(change: CalendarChange, dry_run: bool) -> Self {
        let views = |list: Vec<Moved>| list.into_iter().map(MovedView::from).collect();
        Self {
            dry_run,
            version: change.version,
            moved: views(change.moved),
            planned: views(change.planned),
            removed: views(change.removed),
            refused: change.refused.into_iter().map(RefusedView::from).collect(),
            taken_back: change.taken_back,
            people: change.people,
            collisions: change
                .collisions
                .into_iter()
                .map(|(one, other)| (one.as_str().to_owned(), other.as_str().to_owned()))
                .collect(),
        }
    }
}

/// The calendar in force.
#[utoipa::path(get, path = "/api/v1/calendar", tag = "planning", responses(
    (status = 200, body = CalendarView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn calendar(State(state): State<ApiState>, session: Session) -> Result<axum::Json<CalendarView>, Problem> {
    session.allow::<kind::TimetableView>(Relations::own().with(Relation::Ward).with(Relation::Unit))?;
    let school = school_of(&state, &session).await?;
    let doc = state.store.calendar_doc(&school).await?;
    let today = super::super::people::today(&school, state.clock.now_ms());
    Ok(axum::Json(CalendarView {
        version: school.calendar_version,
        today: today.to_string(),
        parity: doc.calendar().parity(today).as_str().to_owned(),
        calendar: doc,
    }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Trial {
    /// Say what would move and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Put a calendar in the place of the one that was read. Only consultations that have not begun move; their people are told.
#[utoipa::path(put, path = "/api/v1/calendar", tag = "planning", params(Trial), request_body = Object, responses(
    (status = 200, body = ChangeView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, description = "`version_conflict`", body = Problem),
    (status = 428, description = "`precondition_required`", body = Problem)
))]
pub async fn change(
    State(state): State<ApiState>,
    session: Session,
    trial: Result<Query<Trial>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<ChangeView>, Problem> {
    let Query(trial) = trial.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let grant = session.allow::<kind::CalendarManage>(Relations::school())?;
    let version = if_match(&headers)?;
    let doc: CalendarDoc = parsed(body)?;
    let edit = CalendarEdit {
        school: school_of(&state, &session).await?,
        doc,
        version,
        actor: actor(&session, &grant),
        dry_run: trial.dry_run,
        timings: state.store.timings(state.timing).await?,
        horizon_days: state.config.schedule.horizon_days,
        now_ms: state.clock.now_ms(),
    };
    match state.store.edit_calendar(edit).await {
        Ok(change) => {
            (state.poke_schedule)();
            Ok(axum::Json(ChangeView::of(change, false)))
        }
        Err(CalendarError::Tried(change)) => Ok(axum::Json(ChangeView::of(*change, true))),
        Err(CalendarError::VersionConflict) => Err(Problem::new("version_conflict")),
        Err(CalendarError::Invalid(what)) => Err(Problem::bad_request(what)),
        Err(CalendarError::Store(error)) => Err(error.into()),
    }
}
