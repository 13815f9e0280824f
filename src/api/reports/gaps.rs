//! The gap report (R3.5d): subjects of classes in which no consultation was held for so many weeks.

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::auth::Session;
use super::super::people;
use super::super::problem::Problem;
use super::range;
use crate::domain::evidence::gaps;
use crate::store::evidence::Range;
use crate::store::school::School;

/// Weeks looked back when nothing is asked for, and at most.
pub(super) const DEFAULT_WEEKS: u8 = 4;
const MOST_WEEKS: u8 = 52;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GapsAsked {
    /// Weeks without a consultation, 1 to 52; 4 without it.
    weeks: Option<u8>,
}

/// Subjects without consultations.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GapsView {
    weeks: u8,
    /// Subjects of classes that were looked at.
    places: usize,
    rows: Vec<GapView>,
}

/// A subject of a class in which nothing was held in those weeks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GapView {
    pub(super) subject: String,
    pub(super) class: String,
    /// The last day on which one was held; missing: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_held: Option<String>,
    /// The next day for which one is planned; missing: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

pub(super) async fn find(
    state: &ApiState,
    school: &School,
    range: &Range,
    weeks: u8,
) -> Result<(usize, Vec<GapView>), Problem> {
    let today = people::today(school, state.clock.now_ms());
    let places = state.store.places(school, range, today).await?;
    let known = state.store.help_by_place(school, today).await?;
    let rows = gaps::gaps(&places, &known, today, weeks).into_iter().map(|gap| GapView {
        subject: gap.place.0,
        class: gap.place.1,
        last_held: gap.last_held.map(|day| day.to_string()),
        next: gap.next.map(|day| day.to_string()),
    });
    Ok((places.len(), rows.collect()))
}

/// Subjects of classes in which no consultation was held for so many weeks, the longest without first.
#[utoipa::path(get, path = "/api/v1/reports/gaps", tag = "reports", params(GapsAsked), responses(
    (status = 200, body = GapsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn list(
    State(state): State<ApiState>,
    session: Session,
    Query(asked): Query<GapsAsked>,
) -> Result<Json<GapsView>, Problem> {
    let range = range(&session)?;
    let weeks = asked.weeks.unwrap_or(DEFAULT_WEEKS);
    if !(1..=MOST_WEEKS).contains(&weeks) {
        return Err(Problem::bad_request(format!("weeks: 1 to {MOST_WEEKS}")));
    }
    let school = state.store.school(&session.principal.school).await?;
    let (places, rows) = find(&state, &school, &range, weeks).await?;
    Ok(Json(GapsView { weeks, places, rows }))
}
