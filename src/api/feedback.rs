//! Feedback after a consultation: each recipient says whether it helped; sums of five and more are shown to those who answer
//! for it, texts without names.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::Seen;
use super::auth::Session;
use super::body::Json;
use super::help::{Asker, TEXT_CHARACTERS, optional, refused};
use super::problem::Problem;
use super::session::rfc3339;
use super::timetable::PersonRef;
use crate::domain::consultation::State as ConsultationState;
use crate::domain::feedback::{ENOUGH_ANSWERS, Summary};
use crate::domain::person::GuardianRight;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::store::feedback::Feedback;
use crate::store::transition::Actor;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(of_lesson, give)).routes(routes!(due)).routes(routes!(mine))
}

/// What one says.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackBody {
    /// 1 to 5.
    score: u8,
    /// "Was it solved?"
    helped: bool,
    text: Option<String>,
}

/// Feedback of one consultation as the person sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FeedbackView {
    /// Whether the person may say something: they took part, and it is over or under way.
    can_give: bool,
    own: Option<FeedbackBody>,
    /// For those who hold it or answer for it; nothing while there are fewer than five answers.
    summary: Option<SummaryView>,
    /// How many answers it takes to show a sum.
    enough: i64,
}

/// Sums.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SummaryView {
    count: i64,
    /// Hundredths of a point.
    mean: i64,
    helped: i64,
}

fn summary(sum: Summary) -> Option<SummaryView> {
    sum.shown().map(|shown| SummaryView { count: shown.count, mean: shown.mean, helped: shown.helped })
}

/// How long after its end something can be said of it.
const OPEN_MS: i64 = 14 * 24 * 3_600_000;

/// Whether the person took part as a recipient, themselves or beside a child.
async fn may_give(state: &ApiState, seen: &Seen, now_ms: i64) -> Result<bool, Problem> {
    let one = &seen.consultation;
    let is_recipient = seen.relations.contains(Relation::Own) || seen.relations.contains(Relation::Ward);
    let is_time =
        matches!(one.state, ConsultationState::Live | ConsultationState::Held) && now_ms - one.end_ms < OPEN_MS;
    if !is_recipient || seen.relations.contains(Relation::Host) || !is_time {
        return Ok(false);
    }
    // A guardian speaks of what the child was in, too.
    let mut people = vec![seen.facts.id.clone()];
    people.extend(seen.facts.wards_with(GuardianRight::View, seen.today).map(|ward| ward.id.clone()));
    Ok(state.store.took_part(&one.id, &people).await?)
}

/// Feedback of one consultation: one's own, and for those who answer for it the sums.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/feedback", tag = "feedback", params(("id" = String, Path)), responses(
    (status = 200, body = FeedbackView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn of_lesson(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<FeedbackView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    session.allow::<kind::ConsultationView>(seen.relations)?;
    let id = &seen.consultation.id;
    let own = state.store.feedback_of(id, &session.principal.person).await?;
    let reports = session.allow::<kind::EvidenceReport>(seen.relations).is_ok()
        && !session.principal.roles.iter().all(|held| !held.role.is_staff());
    let sum = if reports { summary(state.store.feedback_summary(id).await?) } else { None };
    Ok(axum::Json(FeedbackView {
        can_give: may_give(&state, &seen, state.clock.now_ms()).await?,
        own: own.map(|own| FeedbackBody { score: own.score, helped: own.helped, text: own.text }),
        summary: sum,
        enough: ENOUGH_ANSWERS,
    }))
}

/// Say whether a consultation helped. Once more replaces what was said before.
#[utoipa::path(put, path = "/api/v1/consultations/{id}/feedback", tag = "feedback", params(("id" = String, Path)),
    request_body = FeedbackBody, responses(
    (status = 204, description = "Kept"), (status = 401, body = Problem),
    (status = 403, description = "`role_not_permitted`: who held it, or was not there", body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`too_late`, `too_early`", body = Problem)
))]
pub async fn give(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<FeedbackBody>,
) -> Result<StatusCode, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::ConsultationView>(seen.relations)?;
    if !(1..=5).contains(&body.score) {
        return Err(Problem::bad_request("score: from 1 to 5"));
    }
    let text = optional(body.text.as_deref(), TEXT_CHARACTERS, "text")?;
    let now_ms = state.clock.now_ms();
    if !may_give(&state, &seen, now_ms).await? {
        let one = &seen.consultation;
        return Err(refused(match one.state {
            ConsultationState::Planned | ConsultationState::Open => RefusalCode::TooEarly,
            _ if now_ms - one.end_ms >= OPEN_MS => RefusalCode::TooLate,
            _ => RefusalCode::RoleNotPermitted,
        }));
    }
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let said = Feedback { score: body.score, helped: body.helped, text };
    let school = session.principal.school.clone();
    state.store.give_feedback(school, seen.consultation.id.clone(), actor, said, now_ms).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Consultations of which one has not said anything yet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DueView {
    items: Vec<DueItem>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DueItem {
    id: String,
    title: String,
    subject: Option<String>,
    start: String,
    host: PersonRef,
}

/// What one (or one's child) was in during the last two weeks and has not said anything of.
#[utoipa::path(get, path = "/api/v1/feedback/due", tag = "feedback", responses(
    (status = 200, body = DueView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn due(State(state): State<ApiState>, session: Session) -> Result<axum::Json<DueView>, Problem> {
    let asker = Asker::of(&state, &session).await?;
    session.allow::<kind::AccountView>(Relations::own())?;
    let mut present = asker.students(GuardianRight::View);
    if asker.facts.has(crate::domain::role::Role::Guardian) {
        present.push(asker.facts.id.clone());
    }
    let ids = state.store.feedback_due(&asker.facts.id, &present, asker.now_ms - OPEN_MS).await?;
    let found = state.store.consultations(&ids).await?;
    let items = found.into_iter().map(|one| {
        let host = one.substitute.unwrap_or(one.host);
        DueItem {
            id: one.id.as_str().to_owned(),
            title: one.title,
            subject: one.subject,
            start: rfc3339(one.start_ms),
            host: PersonRef { id: host.id.as_str().to_owned(), display_name: host.display_name },
        }
    });
    Ok(axum::Json(DueView { items: items.collect() }))
}

/// What recipients say of a host's consultations.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HostFeedback {
    /// Nothing while there are fewer than five answers in all.
    summary: Option<SummaryView>,
    /// Without names, and only with the sum.
    texts: Vec<String>,
    enough: i64,
}

/// How far back a host's sums go.
const HOST_MS: i64 = 120 * 24 * 3_600_000;
const MOST_TEXTS: usize = 100;

/// Sums of one's own consultations of the last four months.
#[utoipa::path(get, path = "/api/v1/feedback/mine", tag = "feedback", responses(
    (status = 200, body = HostFeedback), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn mine(State(state): State<ApiState>, session: Session) -> Result<axum::Json<HostFeedback>, Problem> {
    session.allow::<kind::EvidenceReport>(Relations::own())?;
    let from_ms = state.clock.now_ms() - HOST_MS;
    let (sum, mut texts) = state.store.feedback_of_host(&session.principal.person, from_ms).await?;
    let summary = summary(sum);
    if summary.is_none() {
        texts.clear();
    }
    texts.truncate(MOST_TEXTS);
    Ok(axum::Json(HostFeedback { summary, texts, enough: ENOUGH_ANSWERS }))
}
