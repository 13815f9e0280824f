//! What happens to single consultations: orders that lift a refusal, substitutes, moving.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::access::Seen;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::super::timetable::ConsultationView;
use super::load::clock;
use super::{FindingView, actor, day, reason, school_of};
use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::policy::Relations;
use crate::domain::policy::action::kind;
use crate::domain::refusal::RefusalCode;
use crate::store::planning::overrides::NewOrder;

/// Orders in one answer.
const MOST_ORDERS: i64 = 500;
const ORDER_NO_CHARACTERS: usize = 60;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrdersView {
    items: Vec<OrderView>,
}

/// An order that lifts a refusal of one consultation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrderView {
    id: String,
    consultation: String,
    /// Of the consultation, once it is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    code: String,
    host: String,
    granted_by: String,
    order_no: String,
    reason: String,
    created_at: String,
}

/// The book of orders, the newest first.
#[utoipa::path(get, path = "/api/v1/overrides", tag = "planning", responses(
    (status = 200, body = OrdersView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn orders(State(state): State<ApiState>, session: Session) -> Result<axum::Json<OrdersView>, Problem> {
    session.allow::<kind::OverrideGrant>(Relations::school())?;
    let orders = state.store.orders(&session.principal.school, MOST_ORDERS).await?;
    let ids: Vec<String> = orders.iter().map(|one| one.consultation.as_str().to_owned()).collect();
    let mut names = state.store.consultation_names(&ids).await?;
    let items = orders
        .into_iter()
        .map(|one| {
            let name = names.remove(one.consultation.as_str());
            OrderView {
                id: one.id,
                consultation: one.consultation.as_str().to_owned(),
                title: name.as_ref().map(|(title, ..)| title.clone()),
                class: name.as_ref().and_then(|(_, class, _)| class.clone()),
                start: name.map(|(.., start)| rfc3339(start)),
                code: one.code.as_str().to_owned(),
                host: one.host_name,
                granted_by: one.granted_by,
                order_no: one.order_no,
                reason: one.reason,
                created_at: rfc3339(one.created_at_ms),
            }
        })
        .collect();
    Ok(axum::Json(OrdersView { items }))
}

/// An order.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Granting {
    /// Name of the consultation, also of one that is not planned yet.
    consultation: String,
    /// The refusal that it lifts: `load_exceeded`, `outside_working_hours`, `duration_over_cap`, `daily_screen_cap`,
    /// `after_hours`.
    code: String,
    /// For whom: the order holds for this host only.
    host: String,
    order_no: String,
    reason: String,
}

/// Lift a refusal by an order. The deputy head or the head, never for oneself.
#[utoipa::path(post, path = "/api/v1/overrides", tag = "planning", request_body = Granting, responses(
    (status = 201), (status = 401, body = Problem), (status = 403, description = "`role_not_permitted`", body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`: no order lifts this; `conflict`: there is one", body = Problem),
    (status = 422, description = "`reason_required`: number or reason", body = Problem)
))]
pub async fn grant(
    State(state): State<ApiState>,
    session: Session,
    Json(asked): Json<Granting>,
) -> Result<axum::http::StatusCode, Problem> {
    let grant = session.allow::<kind::OverrideGrant>(Relations::school())?;
    let order_no = reason(&asked.order_no)?.to_owned();
    if order_no.chars().count() > ORDER_NO_CHARACTERS || asked.consultation.len() > 64 {
        return Err(Problem::bad_request(format!("order_no: at most {ORDER_NO_CHARACTERS} characters")));
    }
    let why = reason(&asked.reason)?.to_owned();
    let code = RefusalCode::parse(&asked.code).ok_or_else(|| Problem::bad_request("code: no refusal"))?;
    let order = NewOrder {
        consultation: ConsultationId::new(asked.consultation),
        code,
        host: PersonId::new(asked.host),
        order_no,
        reason: why,
    };
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    state.store.write(move |tx| Box::pin(async move { tx.grant_override(&school, &order, &by, now_ms).await })).await?;
    Ok(axum::http::StatusCode::CREATED)
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CandidatesView {
    items: Vec<CandidateView>,
}

/// Somebody who could hold it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CandidateView {
    id: String,
    display_name: String,
    /// What speaks against it: the hour, the load, the working time.
    findings: Vec<FindingView>,
    /// Nothing that would be refused.
    free: bool,
}

/// Who could hold a consultation, the freest first.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/substitutes", tag = "planning", params(("id" = String, Path)),
    responses((status = 200, body = CandidatesView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn substitutes(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<CandidatesView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    session.allow::<kind::OverrideGrant>(seen.relations)?;
    let school = school_of(&state, &session).await?;
    let calendar = state.store.calendar(&school).await?;
    let all = state.store.substitutes(&school, &calendar, &seen.consultation.id).await?;
    let items = all
        .into_iter()
        .map(|one| CandidateView {
            id: one.id.as_str().to_owned(),
            display_name: one.display_name,
            free: !one.findings.iter().any(crate::domain::planning::finding::Finding::is_refusal),
            findings: one.findings.iter().map(FindingView::from).collect(),
        })
        .collect();
    Ok(axum::Json(CandidatesView { items }))
}

/// Who holds it instead.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Substituting {
    /// `null`: the host again.
    to: Option<String>,
    reason: String,
}

/// Let somebody else hold a consultation that has not begun. Room and load go to the substitute.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/substitute", tag = "planning", params(("id" = String, Path)),
    request_body = Substituting, responses(
    (status = 200, body = ConsultationView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`, `host_conflict`, `load_exceeded`, `outside_working_hours`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn substitute(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(asked): Json<Substituting>,
) -> Result<axum::Json<ConsultationView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::OverrideGrant>(seen.relations)?;
    let why = reason(&asked.reason)?.to_owned();
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    let calendar = state.store.calendar(&school).await?;
    let (id, to) = (seen.consultation.id.clone(), asked.to.map(PersonId::new));
    state
        .store
        .write(move |tx| {
            Box::pin(async move { tx.substitute(&school, &calendar, &id, to.as_ref(), &why, &by, now_ms).await })
        })
        .await?;
    state.rooms.access_changed();
    (state.poke_schedule)();
    shown(&state, &session, seen.consultation.id.as_str()).await
}

/// To when it is moved.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Moving {
    /// YYYY-MM-DD.
    date: String,
    /// HH:MM on the school's clock.
    start: String,
    reason: String,
}

/// Move a consultation that has not begun: it is cancelled, and a successor stands in its place with everybody who was booked.
/// Answers with the successor.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/move", tag = "planning", params(("id" = String, Path)),
    request_body = Moving, responses(
    (status = 200, body = ConsultationView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`, `too_late`, and the conflicts and limits of planning", body = Problem),
    (status = 422, description = "`reason_required`, and the rules of planning", body = Problem)
))]
pub async fn move_to(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(asked): Json<Moving>,
) -> Result<axum::Json<ConsultationView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::ConsultationMove>(seen.relations)?;
    let why = reason(&asked.reason)?.to_owned();
    let (date, start) = (day(&asked.date)?, clock(&asked.start)?);
    let (school, by, now_ms) = (school_of(&state, &session).await?, actor(&session, &grant), state.clock.now_ms());
    let calendar = state.store.calendar(&school).await?;
    let timings = state.store.timings(state.timing).await?;
    let id = seen.consultation.id.clone();
    let to = state
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.move_consultation(&school, &calendar, &id, (date, start), &why, &by, &timings, now_ms).await
            })
        })
        .await?;
    (state.poke_schedule)();
    shown(&state, &session, to.as_str()).await
}

async fn shown(state: &ApiState, session: &Session, id: &str) -> Result<axum::Json<ConsultationView>, Problem> {
    let seen = Seen::look_up(state, session, id).await?;
    Ok(axum::Json(ConsultationView::of(seen.consultation, session, &seen.facts, seen.today)))
}
