//! An administrator proposes changes of norms, acts and policy; the deputy head or the head decides (DOMAIN 5). Each kind is
//! sent to its own route by everybody: who may only propose is answered 202, and nothing is in force yet.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::privacy::consents::TextForm;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::acts::ActView;
use super::modes::{HoursNormView, RuleModeView};
use super::rules::NormView;
use super::{actor, parsed, reason, school_of};
use crate::domain::planning::load::NoAudience;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Condition, Grant, Relations};
use crate::domain::proposal::{Decision, State as ProposalState};
use crate::store::StoreError;
use crate::store::planning::PlanError;
use crate::store::planning::proposals::{MOST_WAITING, Proposal, RuleChange};

/// Proposals in one answer: what waits, and the latest that are decided.
const MOST_SHOWN: i64 = MOST_WAITING + 20;

/// A change that waits for somebody else's decision.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Proposed {
    /// The proposal.
    id: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProposalsView {
    /// Whether the caller decides; who does not sees their own proposals only.
    decides: bool,
    items: Vec<ProposalView>,
}

/// A proposed change, beside what stood in its place.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProposalView {
    id: String,
    change: ChangeView,
    /// Missing where there was nothing, and of what is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<ChangeView>,
    state: ProposalState,
    /// It waits, and what it would replace has changed since: it can only be declined or withdrawn.
    is_stale: bool,
    /// Name of the person.
    proposed_by: String,
    proposed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    /// Of a declined one.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the caller may do with it.
    may: Vec<Decision>,
}

/// What is changed, as its own route takes it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", content = "row", rename_all = "snake_case")]
pub enum ChangeView {
    Act(ActView),
    Norm(NormView),
    Hours(HoursNormView),
    Mode(RuleModeView),
    Text(TextForm),
    Load(NoAudience),
}

impl From<RuleChange> for ChangeView {
    fn from(change: RuleChange) -> Self {
        match change {
            RuleChange::Act(act) => Self::Act(act.into()),
            RuleChange::Norm(row) => Self::Norm(row.into()),
            RuleChange::Hours(row) => Self::Hours(row.into()),
            RuleChange::Mode { rule, mode } => Self::Mode(RuleModeView { rule, mode: mode.as_str().to_owned() }),
            RuleChange::Text { purpose, title, body } => Self::Text(TextForm { purpose, title, body }),
            RuleChange::Load(policy) => Self::Load(policy),
        }
    }
}

/// Writes a change down, or keeps it as a proposal when the grant is for that only. `done`: what the first is answered.
pub(super) async fn put<A>(
    state: &ApiState,
    session: &Session,
    grant: &Grant<A>,
    change: RuleChange,
    done: StatusCode,
) -> Result<Response, Problem> {
    if grant.condition == Some(Condition::Propose) {
        let id = propose(state, session, grant, change).await?;
        return Ok((StatusCode::ACCEPTED, axum::Json(Proposed { id })).into_response());
    }
    let (school, by, now_ms) = (school_of(state, session).await?, actor(session, grant), state.clock.now_ms());
    state
        .store
        .write(move |tx| Box::pin(async move { tx.apply_rule_change(&school, change, &by, now_ms).await }))
        .await?;
    Ok(done.into_response())
}

/// Keeps a change until somebody else decides; gives the proposal's id.
///
/// # Errors
/// `conflict` when too many wait.
pub async fn propose<A>(
    state: &ApiState,
    session: &Session,
    grant: &Grant<A>,
    change: RuleChange,
) -> Result<String, Problem> {
    let (school, by, now_ms) = (school_of(state, session).await?, actor(session, grant), state.clock.now_ms());
    let id = state
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { tx.propose_rule_change(&school, &change, &by, now_ms).await })
        })
        .await?;
    Ok(id)
}

/// Proposals that wait, and what became of the latest others: all of them for those who decide, else one's own.
#[utoipa::path(get, path = "/api/v1/rule-proposals", tag = "planning", responses(
    (status = 200, body = ProposalsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn proposals(State(state): State<ApiState>, session: Session) -> Result<axum::Json<ProposalsView>, Problem> {
    let grant = session.allow::<kind::PolicyManage>(Relations::school())?;
    let decides = grant.condition != Some(Condition::Propose);
    let me = &session.principal.person;
    let of = (!decides).then_some(me);
    let known = state.store.rule_proposals(&session.principal.school, of, MOST_SHOWN).await?;
    let stale = state.store.stale_proposals(&session.principal.school, &known, state.clock.now_ms()).await?;
    let view = |proposal: Proposal| {
        let is_mine = proposal.proposed_by == *me;
        let (is_waiting, is_stale) = (proposal.state == ProposalState::Proposed, stale.contains(&proposal.id));
        let may = match proposal.state {
            ProposalState::Proposed if is_mine => vec![Decision::Withdraw],
            ProposalState::Proposed if decides && is_stale => vec![Decision::Decline],
            ProposalState::Proposed if decides => vec![Decision::Confirm, Decision::Decline],
            _ => Vec::new(),
        };
        ProposalView {
            id: proposal.id,
            change: proposal.change.into(),
            was: proposal.was.filter(|_| is_waiting).map(ChangeView::from),
            state: proposal.state,
            is_stale,
            proposed_by: proposal.proposer,
            proposed_at: rfc3339(proposal.proposed_ms),
            decided_by: proposal.decider,
            decided_at: proposal.decided_ms.map(rfc3339),
            reason: proposal.reason,
            may,
        }
    };
    Ok(axum::Json(ProposalsView { decides, items: known.into_iter().map(view).collect() }))
}

/// A decision on a proposal.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionForm {
    decision: Decision,
    /// Of declining: its author reads it.
    #[serde(default)]
    reason: String,
}

/// Confirm a proposal, which puts it in force, or decline it; its author withdraws it.
#[utoipa::path(post, path = "/api/v1/rule-proposals/{id}/decide", tag = "planning", params(("id" = String, Path)),
    request_body = DecisionForm, responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, description = "Nobody decides on their own proposal", body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`illegal_transition`; `version_conflict`: what it would replace has changed", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn decide(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<serde_json::Value>,
) -> Result<StatusCode, Problem> {
    let asks = session.allow::<kind::PolicyManage>(Relations::school())?;
    let form: DecisionForm = parsed(body)?;
    let known = state.store.rule_proposal(&session.principal.school, &id).await?;
    if form.decision == Decision::Withdraw {
        return settle(&state, &session, &asks, id, form.decision, None).await;
    }
    let why = match form.decision {
        Decision::Decline => Some(reason(&form.reason)?.to_owned()),
        _ => None,
    };
    match known.change {
        RuleChange::Norm(_) | RuleChange::Hours(_) => {
            let grant = session.allow::<kind::NormManage>(Relations::school())?;
            settle(&state, &session, &grant, id, form.decision, why).await
        }
        RuleChange::Act(_) | RuleChange::Mode { .. } | RuleChange::Text { .. } | RuleChange::Load(_) => {
            settle(&state, &session, &asks, id, form.decision, why).await
        }
    }
}

async fn settle<A>(
    state: &ApiState,
    session: &Session,
    grant: &Grant<A>,
    id: String,
    decision: Decision,
    why: Option<String>,
) -> Result<StatusCode, Problem> {
    // Who may only propose decides on nobody's proposal.
    if decision != Decision::Withdraw && grant.condition == Some(Condition::Propose) {
        return Err(Problem::new("role_not_permitted"));
    }
    let (school, by, now_ms) = (school_of(state, session).await?, actor(session, grant), state.clock.now_ms());
    state
        .store
        .write::<_, PlanError, _>(move |tx| {
            Box::pin(
                async move { tx.decide_on_rule_change(&school, &id, (decision, why.as_deref()), &by, now_ms).await },
            )
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
