//! The journal as a page: what each may see of it, its head, and whether its chain holds; and everybody's own sign-ins.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::Json;
use axum::extract::{Query, State};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::auth::Session;
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::calendar::plus_days;
use crate::domain::ids::PersonId;
use crate::domain::journal::Sight;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations};
use crate::domain::role::Role;
use crate::store::audit::journal::{JournalQuery, JournalRow};
use crate::store::audit::{ChainFault, verify_of};
use crate::store::school::School;

/// Rows on one page.
const PAGE: i64 = 50;
/// Longest beginning of an action.
const ACTION_BYTES: usize = 40;
/// A chain is walked again no sooner than this after its last walk: a million rows take seconds of a core.
const AGAIN_MS: i64 = 10_000;

/// All routes of the journal.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(journal)).routes(routes!(verified)).routes(routes!(sign_ins))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JournalParams {
    /// Id or code of a person: what they did, and what was done about them.
    #[serde(default)]
    person: String,
    /// An action, or the beginning of one: `role.assign`, `card.`.
    #[serde(default)]
    action: String,
    /// First and last day, YYYY-MM-DD.
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// Rows before this number.
    before: Option<i64>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct JournalView {
    items: Vec<EventView>,
    /// Ask with `before` for what is older; missing: nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<i64>,
    /// The newest row of the school's chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<HeadView>,
    /// More than one's own is seen.
    wide: bool,
    /// The chain can be verified by whoever asks.
    may_verify: bool,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct HeadView {
    seq: i64,
    hash: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EventView {
    seq: i64,
    at: String,
    /// Missing: the clock, the hub or the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// From where: `console`, `hub` (its own machine), `school` (the school's network), `outside`.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    action: String,
    object_kind: String,
    object_id: String,
    /// Name, where the object is a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    detail: Option<serde_json::Value>,
    hash: String,
}

/// The journal, newest first: everybody's own, a unit's, what concerns teaching, what concerns the hub, or all of it.
#[utoipa::path(get, path = "/api/v1/journal", tag = "journal", params(JournalParams), responses(
    (status = 200, body = JournalView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn journal(
    State(state): State<ApiState>,
    session: Session,
    query: Result<Query<JournalParams>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<JournalView>, Problem> {
    session.allow::<kind::AuditView>(Relations::own().with(Relation::Unit))?;
    let Query(asked) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let school = state.store.school(&session.principal.school).await?;
    let sight = Sight::of(&session.principal.roles);
    let is_word = |letter: char| letter.is_ascii_lowercase() || matches!(letter, '_' | '.');
    if asked.action.len() > ACTION_BYTES || !asked.action.chars().all(is_word) {
        return Err(Problem::bad_request("action: lower-case words with a dot"));
    }
    let person = match asked.person.trim() {
        "" => None,
        person => Some(match state.store.person_by_code(&school.id, person).await? {
            Some(found) => found.id,
            None => PersonId::new(person),
        }),
    };
    let query = JournalQuery {
        person,
        action: asked.action,
        from_ms: bound(&school, &asked.from, 0)?,
        to_ms: bound(&school, &asked.to, 1)?.map(|ms| ms - 1),
        before: asked.before,
        limit: PAGE + 1,
    };
    let mut rows = state.store.journal(&school.id, (&session.principal.person, &sight), &query).await?;
    let before = (rows.len() as i64 > PAGE).then(|| rows[PAGE as usize - 1].seq);
    rows.truncate(PAGE as usize);
    let head = state.store.journal_head(&school.id).await?.map(|(seq, hash)| HeadView { seq, hash });
    let items = events(&state, rows).await?;
    Ok(Json(JournalView { items, before, head, wide: sight.is_wide(), may_verify: sight.is_of_school() }))
}

/// Midnight of the school at the beginning of a day, some days later; `None` for an empty text.
fn bound(school: &School, text: &str, days: i32) -> Result<Option<i64>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let day: Date = text.parse().map_err(|_| Problem::bad_request("from, to: YYYY-MM-DD"))?;
    let midnight =
        plus_days(day, days).to_zoned(school.zone()).map_err(|_| Problem::bad_request("from, to: too far"))?;
    Ok(Some(midnight.timestamp().as_millisecond()))
}

async fn events(state: &ApiState, rows: Vec<JournalRow>) -> Result<Vec<EventView>, Problem> {
    let mut ids: Vec<PersonId> = rows.iter().filter_map(|row| row.actor.clone()).collect();
    ids.extend(rows.iter().filter(|row| row.object_kind == "person").map(|row| PersonId::new(row.object_id.as_str())));
    ids.sort_unstable();
    ids.dedup();
    let names: HashMap<PersonId, String> = state.store.display_names(&ids).await?;
    let event = |row: JournalRow| EventView {
        seq: row.seq,
        at: rfc3339(row.at_ms),
        actor: row.actor.map(|actor| names.get(&actor).cloned().unwrap_or_else(|| actor.as_str().to_owned())),
        role: row.acting_role.as_deref().and_then(Role::parse),
        from: row.ip_class,
        object: (row.object_kind == "person")
            .then(|| names.get(&PersonId::new(row.object_id.as_str())).cloned())
            .flatten(),
        action: row.action,
        object_kind: row.object_kind,
        object_id: row.object_id,
        reason: row.reason,
        detail: row.detail.and_then(|text| serde_json::from_str(&text).ok()),
        hash: row.hash,
    };
    Ok(rows.into_iter().map(event).collect())
}

/// What walking the chain found.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct VerifiedView {
    intact: bool,
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<HeadView>,
    /// The first row that does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BrokenView>,
    /// When it was walked.
    at: String,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct BrokenView {
    seq: i64,
    /// `gap`, `unlinked` or `changed`.
    fault: &'static str,
}

/// The last walk: its time and what it found.
static LAST: Mutex<Option<(String, i64, VerifiedView)>> = Mutex::new(None);
/// One walk at a time: it reads every row.
static WALKING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);

/// Walk the school's chain from its first row: one changed byte is found. An answer of the last ten seconds is given again.
#[utoipa::path(get, path = "/api/v1/journal/verify", tag = "journal", responses(
    (status = 200, body = VerifiedView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 503, description = "`unavailable`: it is being walked", body = Problem)
))]
pub async fn verified(State(state): State<ApiState>, session: Session) -> Result<Json<VerifiedView>, Problem> {
    session.allow::<kind::AuditView>(Relations::school())?;
    let school = session.principal.school.clone();
    let now_ms = state.clock.now_ms();
    let fresh = LAST.lock().ok().and_then(|last| last.clone());
    if let Some((of, at_ms, view)) = fresh
        && of == school.as_str()
        && (at_ms..at_ms + AGAIN_MS).contains(&now_ms)
    {
        return Ok(Json(view));
    }
    let _walk = WALKING
        .try_acquire()
        .map_err(|_| Problem::new("unavailable").detail("the chain is being walked").retry_after_s(2))?;
    let report = verify_of(&state.store, &school).await?;
    let head = report.heads.iter().find(|(of, ..)| *of == school);
    let broken = report.broken.iter().find(|row| row.school == school).map(|row| BrokenView {
        seq: row.seq,
        fault: match row.fault {
            ChainFault::Gap => "gap",
            ChainFault::Unlinked => "unlinked",
            ChainFault::Changed => "changed",
        },
    });
    let view = VerifiedView {
        intact: broken.is_none(),
        rows: report.rows,
        head: head.map(|(_, seq, hash)| HeadView { seq: *seq, hash: hash.clone() }),
        broken,
        at: rfc3339(now_ms),
    };
    if let Ok(mut last) = LAST.lock() {
        *last = Some((school.as_str().to_owned(), now_ms, view.clone()));
    }
    Ok(Json(view))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SignInsView {
    /// Newest first, fifty at most.
    items: Vec<EventView>,
}

/// One's own sign-ins, tokens and changes of the password, newest first.
#[utoipa::path(get, path = "/api/v1/me/sign-ins", tag = "journal", responses(
    (status = 200, body = SignInsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn sign_ins(State(state): State<ApiState>, session: Session) -> Result<Json<SignInsView>, Problem> {
    // A unit's head is of the unit.
    session.allow::<kind::AuditView>(Relations::own().with(Relation::Unit))?;
    let me = &session.principal.person;
    // Whatever else one may see, here it is one's own sign-ins only.
    let query = JournalQuery { person: Some(me.clone()), limit: PAGE, ..JournalQuery::default() };
    let rows = state.store.journal(&session.principal.school, (me, &Sight::default()), &query).await?;
    Ok(Json(SignInsView { items: events(&state, rows).await? }))
}
