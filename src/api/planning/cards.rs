//! Lesson cards: the list, one card with its versions, drafts under If-Match, the check of every date, publishing, withdrawing.

mod content;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::{DateView, actor, if_match, parsed, reason, school_of};
use crate::domain::ids::{CardId, GroupId, PersonId};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Action, Condition, Grant, Relation, Relations, decide};
use crate::domain::role::Role;
use crate::store::planning::drafts::{CardFacts, DraftBody, VersionFacts};
use crate::store::planning::options::CardOptions;
use crate::store::planning::publish::Publishing;

/// Cards in one answer; a school of 1,200 has some thousands.
const MOST_CARDS: i64 = 5000;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CardsView {
    items: Vec<CardView>,
}

/// A card in the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CardView {
    id: String,
    /// The card's `Код`.
    key: String,
    title: String,
    /// In force; 0: never published.
    version: i64,
    /// `draft`, `published` or `withdrawn`.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    teacher: String,
    has_draft: bool,
    /// Consultations still to come.
    planned: i64,
    /// What the person who asks may do with it.
    can: Vec<&'static str>,
}

/// One card with everything.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CardPage {
    card: CardView,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<DraftView>,
    /// The newest first.
    versions: Vec<VersionView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DraftView {
    /// For If-Match.
    revision: i64,
    edited_at: String,
    /// The deputy head has agreed to it as it stands.
    agreed: bool,
    #[schema(value_type = Object)]
    body: DraftBody,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VersionView {
    version: i64,
    /// `published`, `superseded` or `withdrawn`.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_reason: Option<String>,
    #[schema(value_type = Object)]
    body: DraftBody,
}

impl From<VersionFacts> for VersionView {
    fn from(one: VersionFacts) -> Self {
        Self {
            version: one.version,
            status: one.status.as_str().to_owned(),
            published_by: one.published_by,
            published_at: one.published_at_ms.map(rfc3339),
            withdrawn_reason: one.withdrawn_reason,
            body: one.body,
        }
    }
}

/// What a card is to a person.
fn relations(session: &Session, card: &CardFacts) -> Relations {
    let me = &session.principal.person;
    let leads = session
        .principal
        .roles
        .iter()
        .any(|held| held.role == Role::UnitHead && held.unit.is_some() && held.unit == card.unit);
    Relations::school()
        .with_if(card.teacher == *me || card.hosts.contains(me), Relation::Own)
        .with_if(leads, Relation::Unit)
}

fn view(session: &Session, card: &CardFacts) -> CardView {
    let own = relations(session, card);
    let can = [(Action::CardEdit, "edit"), (Action::CardPublish, "publish")]
        .into_iter()
        .filter(|(action, _)| decide(&session.principal, *action, own).is_ok())
        .map(|(_, word)| word)
        .collect();
    CardView {
        id: card.id.as_str().to_owned(),
        key: card.key.clone(),
        title: card.title.clone(),
        version: card.version,
        status: card.status.as_str().to_owned(),
        class: card.class.clone(),
        group: Some(card.group_name.clone()).filter(|name| !name.is_empty()),
        subject: card.subject.clone(),
        teacher: card.teacher_name.clone(),
        has_draft: card.has_draft,
        planned: card.planned,
        can,
    }
}

/// Cards that the person may publish: their own, their unit's, the school's.
#[utoipa::path(get, path = "/api/v1/cards", tag = "planning", responses(
    (status = 200, body = CardsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn cards(State(state): State<ApiState>, session: Session) -> Result<axum::Json<CardsView>, Problem> {
    session.allow::<kind::CardPublish>(Relations::own().with(Relation::Unit))?;
    let all = state.store.cards(&session.principal.school, state.clock.now_ms(), MOST_CARDS).await?;
    let items = all.iter().map(|card| view(&session, card)).filter(|card| !card.can.is_empty()).collect();
    Ok(axum::Json(CardsView { items }))
}

/// Looks a card up for a person who may publish it, which is also the right to see it.
async fn seen(state: &ApiState, session: &Session, id: &str) -> Result<CardFacts, Problem> {
    let card = state.store.card(&session.principal.school, &CardId::new(id), state.clock.now_ms()).await?;
    session.allow::<kind::CardPublish>(relations(session, &card))?;
    Ok(card)
}

async fn page(state: &ApiState, session: &Session, id: &CardId) -> Result<axum::Json<CardPage>, Problem> {
    let card = state.store.card(&session.principal.school, id, state.clock.now_ms()).await?;
    let draft = state.store.card_draft(id).await?.map(|draft| DraftView {
        revision: draft.revision,
        edited_at: rfc3339(draft.edited_at_ms),
        agreed: draft.is_agreed,
        body: draft.body,
    });
    let versions = state.store.card_versions(id).await?.into_iter().map(VersionView::from).collect();
    Ok(axum::Json(CardPage { card: view(session, &card), draft, versions }))
}

/// One card with its draft and all versions.
#[utoipa::path(get, path = "/api/v1/cards/{id}", tag = "planning", params(("id" = String, Path)), responses(
    (status = 200, body = CardPage), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn card(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<CardPage>, Problem> {
    let card = seen(&state, &session, &id).await?;
    page(&state, &session, &card.id).await
}

/// What a card can be made of: groups, subjects, hosts, programmes' parts and topics.
#[utoipa::path(get, path = "/api/v1/card-options", tag = "planning", responses(
    (status = 200, body = CardOptions), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn options(State(state): State<ApiState>, session: Session) -> Result<axum::Json<CardOptions>, Problem> {
    let grant = session.allow::<kind::CardPublish>(Relations::own().with(Relation::Unit))?;
    let mut options = state.store.card_options(&session.principal.school).await?;
    if grant.relation == Relation::Own {
        options.hosts.retain(|host| host.id == session.principal.person.as_str());
    }
    Ok(axum::Json(options))
}

/// A card as it is written down.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardBody {
    /// The card's `Код`, for a new card; without it the hub finds one.
    #[serde(default)]
    key: Option<String>,
    /// Subject and content; slots without a key get one.
    #[schema(value_type = Object)]
    body: DraftBody,
}

/// The relations of what somebody wants to write: their own card is one that they teach themselves.
async fn allowed(state: &ApiState, session: &Session, body: &DraftBody) -> Result<Grant<kind::CardEdit>, Problem> {
    let me = &session.principal.person;
    let unit = state.store.unit_of_group(&body.content.group).await?;
    let leads = session
        .principal
        .roles
        .iter()
        .any(|held| held.role == Role::UnitHead && held.unit.is_some() && held.unit == unit);
    let is_own = body.content.teacher == *me && body.content.slots.iter().all(|slot| slot.host == *me);
    session.allow::<kind::CardEdit>(Relations::school().with_if(is_own, Relation::Own).with_if(leads, Relation::Unit))
}

/// Make a card with a draft. It binds nobody until it is published.
#[utoipa::path(post, path = "/api/v1/cards", tag = "planning", request_body = CardBody, responses(
    (status = 200, body = CardPage), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, description = "`version_conflict`: a card of that key is there", body = Problem)
))]
pub async fn new_card(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<CardPage>, Problem> {
    let CardBody { key, body } = parsed(body)?;
    let grant = allowed(&state, &session, &body).await?;
    let options = state.store.card_options(&session.principal.school).await?;
    content::check(&body, &options)?;
    let key = content::key(key, &body, &options)?;
    let (school, by, now_ms) = (session.principal.school.clone(), actor(&session, &grant), state.clock.now_ms());
    let id = state
        .store
        .write(move |tx| Box::pin(async move { tx.new_card(&school, &key, body, &by, now_ms).await }))
        .await?;
    page(&state, &session, &id).await
}

/// Save the draft of a card's next version. `If-Match`: the draft's revision, 0 when there is none yet.
#[utoipa::path(put, path = "/api/v1/cards/{id}/draft", tag = "planning", params(("id" = String, Path)),
    request_body = CardBody, responses(
    (status = 200, body = CardPage), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`version_conflict`, `card_locked`", body = Problem), (status = 428, body = Problem)
))]
pub async fn save_draft(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<CardPage>, Problem> {
    let card = state.store.card(&session.principal.school, &CardId::new(id), state.clock.now_ms()).await?;
    session.allow::<kind::CardEdit>(relations(&session, &card))?;
    let revision = if_match(&headers)?;
    let CardBody { body, .. } = parsed(body)?;
    let grant = allowed(&state, &session, &body).await?;
    content::check(&body, &state.store.card_options(&session.principal.school).await?)?;
    let (school, by, now_ms) = (session.principal.school.clone(), actor(&session, &grant), state.clock.now_ms());
    let id = card.id.clone();
    state
        .store
        .write(move |tx| Box::pin(async move { tx.save_draft(&school, &id, revision, body, &by, now_ms).await }))
        .await?;
    page(&state, &session, &card.id).await
}

/// Throw the draft away; a card that was never published goes with it.
#[utoipa::path(delete, path = "/api/v1/cards/{id}/draft", tag = "planning", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 428, body = Problem)
))]
pub async fn drop_draft(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<axum::http::StatusCode, Problem> {
    let card = state.store.card(&session.principal.school, &CardId::new(id), state.clock.now_ms()).await?;
    let grant = session.allow::<kind::CardEdit>(relations(&session, &card))?;
    let revision = if_match(&headers)?;
    let found = state.store.card_draft(&card.id).await?.ok_or_else(Problem::not_found)?;
    if found.revision != revision {
        return Err(Problem::new("version_conflict"));
    }
    let (school, by, now_ms) = (session.principal.school.clone(), actor(&session, &grant), state.clock.now_ms());
    state.store.write(move |tx| Box::pin(async move { tx.drop_draft(&school, &card.id, &by, now_ms).await })).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// Every date of a card, with what speaks against it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CheckView {
    dates: Vec<DateView>,
    /// Dates that keep the card from being published.
    refused: usize,
}

/// What is to be checked: a card as it would be written.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckBody {
    /// The card whose version this would replace.
    #[serde(default)]
    card: Option<String>,
    #[schema(value_type = Object)]
    body: DraftBody,
}

async fn publishing<A>(state: &ApiState, session: &Session, grant: &Grant<A>) -> Result<Publishing, Problem> {
    let school = school_of(state, session).await?;
    Ok(Publishing {
        calendar: state.store.calendar(&school).await?,
        school,
        actor: actor(session, grant),
        needs_agreement: grant.condition == Some(Condition::AfterDeputy),
        timings: state.store.timings(state.timing).await?,
        horizon_days: state.config.schedule.horizon_days,
        now_ms: state.clock.now_ms(),
    })
}

/// Check every date of a card as things stand now, and change nothing.
#[utoipa::path(post, path = "/api/v1/cards/check", tag = "planning", request_body = CheckBody, responses(
    (status = 200, body = CheckView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn check(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<CheckView>, Problem> {
    let CheckBody { card, mut body } = parsed(body)?;
    let grant = allowed(&state, &session, &body).await?;
    content::check(&body, &state.store.card_options(&session.principal.school).await?)?;
    let id = match card {
        Some(card) => seen(&state, &session, &card).await?.id,
        None => CardId::new(""),
    };
    for (n, slot) in body.content.slots.iter_mut().enumerate().filter(|(_, slot)| slot.key.is_empty()) {
        slot.key = format!("?#{n}");
    }
    let asked = publishing(&state, &session, &grant).await?;
    let checked = state.store.check_draft(&asked, &id, &body).await?;
    Ok(axum::Json(CheckView {
        refused: checked.iter().filter(|one| one.is_refused()).count(),
        dates: checked.iter().map(DateView::from).collect(),
    }))
}

/// The deputy head agrees to a draft as it stands, so that staff may publish it.
#[utoipa::path(post, path = "/api/v1/cards/{id}/agree", tag = "planning", params(("id" = String, Path)), responses(
    (status = 200, body = CardPage), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`version_conflict`", body = Problem),
    (status = 428, body = Problem)
))]
pub async fn agree(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<axum::Json<CardPage>, Problem> {
    let card = state.store.card(&session.principal.school, &CardId::new(id), state.clock.now_ms()).await?;
    let grant = session.allow::<kind::OverrideGrant>(Relations::school())?;
    let revision = if_match(&headers)?;
    let (school, by, now_ms) = (session.principal.school.clone(), actor(&session, &grant), state.clock.now_ms());
    let id = card.id.clone();
    state
        .store
        .write(move |tx| Box::pin(async move { tx.agree_to_draft(&school, &id, revision, &by, now_ms).await }))
        .await?;
    page(&state, &session, &card.id).await
}

/// What publishing did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PublishedView {
    version: i64,
    planned: usize,
    moved: usize,
    removed: usize,
    /// All dates, with remarks.
    dates: Vec<DateView>,
}

/// Publish the draft. Each date is checked in the transaction that plans it; one refused date keeps all of it out, and
/// `errors` names every one.
#[utoipa::path(post, path = "/api/v1/cards/{id}/publish", tag = "planning", params(("id" = String, Path)), responses(
    (status = 200, body = PublishedView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`version_conflict`, `card_locked`, `host_conflict`, `group_conflict`, `student_conflict`, `load_exceeded`, `outside_working_hours`, `daily_screen_cap`", body = Problem),
    (status = 422, description = "`outside_study_period`, `prep_must_be_group`, `prep_before_part_end`, `topics_required`, `part_required`, `source_required`, `duration_over_cap`, `after_hours`, `not_a_school_day`, `no_local_act`", body = Problem),
    (status = 428, body = Problem)
))]
pub async fn publish(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<axum::Json<PublishedView>, Problem> {
    let card = state.store.card(&session.principal.school, &CardId::new(id), state.clock.now_ms()).await?;
    let grant = session.allow::<kind::CardPublish>(relations(&session, &card))?;
    let revision = if_match(&headers)?;
    let asked = publishing(&state, &session, &grant).await?;
    let done = state.store.publish_draft(asked, card.id, revision).await?;
    (state.poke_schedule)();
    Ok(axum::Json(PublishedView {
        version: done.version,
        planned: done.planned,
        moved: done.moved,
        removed: done.removed,
        dates: done.checked.iter().map(DateView::from).collect(),
    }))
}

/// Why a card is withdrawn.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawing {
    reason: String,
}

/// Withdraw a card: what is still to come of it is cancelled with the reason, and its people are told.
#[utoipa::path(post, path = "/api/v1/cards/{id}/withdraw", tag = "planning", params(("id" = String, Path)),
    request_body = Withdrawing, responses(
    (status = 200, body = CardPage), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn withdraw(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(asked): Json<Withdrawing>,
) -> Result<axum::Json<CardPage>, Problem> {
    let card = seen(&state, &session, &id).await?;
    let grant = session.allow::<kind::CardPublish>(relations(&session, &card))?;
    let why = reason(&asked.reason)?.to_owned();
    let asked = publishing(&state, &session, &grant).await?;
    state.store.withdraw_card(asked, card.id.clone(), why).await?;
    (state.poke_schedule)();
    page(&state, &session, &card.id).await
}

/// Ids that a body names, for the check against the school's own.
fn people(body: &DraftBody) -> impl Iterator<Item = &PersonId> {
    body.content.slots.iter().map(|slot| &slot.host).chain([&body.content.teacher])
}

fn group(body: &DraftBody) -> &GroupId {
    &body.content.group
}
