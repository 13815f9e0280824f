//! Consents: what one is asked to sign for oneself and one's wards, and the texts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body;
use super::super::people;
use super::super::planning::proposals::propose;
use super::super::problem::Problem;
use super::super::session::rfc3339;
use super::{about, actor};
use crate::domain::consent::{Act, Purpose, Standing, signers, standing};
use crate::domain::ids::PersonId;
use crate::domain::person::age_on;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Condition, Kind, Relation, Relations};
use crate::store::StoreError;
use crate::store::planning::proposals::RuleChange;
use crate::store::privacy::consents::ConsentText;

/// Longest text of a consent, characters.
const MOST_TEXT: usize = 20_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, give)).routes(routes!(withdraw)).routes(routes!(add_text))
}

/// What is asked of a person, for themselves and for each ward.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConsentList {
    people: Vec<PersonConsents>,
    /// Whether the person may put texts in force.
    may_edit: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PersonConsents {
    person: String,
    display_name: String,
    is_own: bool,
    items: Vec<ConsentView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConsentView {
    purpose: Purpose,
    text: TextView,
    standing: Standing,
    /// Whether the one who looks is among those who sign.
    may_sign: bool,
    /// What the one who looks last did: `given` or `withdrawn`; missing: nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mine_at: Option<String>,
    needs_own: bool,
    needs_guardian: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TextView {
    id: String,
    version: i64,
    title: String,
    body: String,
    sha256: String,
    in_force_from: String,
}

impl From<&ConsentText> for TextView {
    fn from(text: &ConsentText) -> Self {
        Self {
            id: text.id.clone(),
            version: text.version,
            title: text.title.clone(),
            body: text.body.clone(),
            sha256: text.sha256.clone(),
            in_force_from: rfc3339(text.created_ms),
        }
    }
}

/// Consents that concern the person: their own and their wards'.
#[utoipa::path(get, path = "/api/v1/consents", tag = "privacy", responses(
    (status = 200, body = ConsentList), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn list(State(state): State<ApiState>, session: Session) -> Result<Json<ConsentList>, Problem> {
    session.allow::<kind::DataExport>(Relations::own())?;
    let principal = &session.principal;
    let school = state.store.school(&principal.school).await?;
    let today = people::today(&school, state.clock.now_ms());
    let texts = state.store.consent_texts(&principal.school).await?;
    let wards = people::wards(&state.store, &principal.person, today).await?;
    let mut people = Vec::new();
    let mut ids = vec![principal.person.clone()];
    ids.extend(wards.into_iter().map(|ward| PersonId::new(ward.id)));
    for id in ids {
        let person = state.store.person(&id).await?;
        let needed = signers(person.birth_date, today);
        let guardians = state.store.confirmed_guardians(&id).await?;
        let is_own = id == principal.person;
        let mut items = Vec::new();
        for text in &texts {
            let entries = state.store.consent_entries(&id, text.purpose).await?;
            let mine = entries.iter().filter(|entry| entry.by == principal.person).max_by_key(|entry| entry.at_ms);
            items.push(ConsentView {
                purpose: text.purpose,
                text: TextView::from(text),
                standing: standing(&entries, &id, &guardians, needed, text.version),
                may_sign: if is_own { needed.own } else { needed.guardian },
                mine: mine.map(|entry| entry.act.as_str().to_owned()),
                mine_at: mine.map(|entry| rfc3339(entry.at_ms)),
                needs_own: needed.own,
                needs_guardian: needed.guardian,
            });
        }
        people.push(PersonConsents {
            person: id.as_str().to_owned(),
            display_name: person.display_name,
            is_own,
            items,
        });
    }
    let may_edit =
        session.allow::<kind::PolicyManage>(Relations::school()).is_ok_and(|grant| grant.condition.is_none());
    Ok(Json(ConsentList { people, may_edit }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentForm {
    /// Oneself without it, or one's ward.
    person: Option<String>,
    purpose: Purpose,
    /// The text in force, as it was shown.
    text: String,
}

async fn sign<A: Kind>(
    state: &ApiState,
    session: &Session,
    form: ConsentForm,
    act: Act,
) -> Result<StatusCode, Problem> {
    let principal = &session.principal;
    let wanted = form.person.unwrap_or_else(|| principal.person.as_str().to_owned());
    let (person, relations) = about(state, session, &wanted).await?;
    let grant = session.allow::<A>(relations)?;
    let now_ms = state.clock.now_ms();
    let school = state.store.school(&principal.school).await?;
    let texts = state.store.consent_texts(&school.id).await?;
    if !texts.iter().any(|text| text.purpose == form.purpose && text.id == form.text) {
        return Err(Problem::new("version_conflict").detail("the text is not the one in force"));
    }
    let today = people::today(&school, now_ms);
    let born = state.store.person(&person).await?.birth_date;
    // Under 14 the guardian signs, not the child; who is of age is signed for by nobody else.
    if grant.condition == Some(Condition::FromFourteen) && born.is_some_and(|born| age_on(born, today) < 14) {
        return Err(Problem::new("role_not_permitted").detail("under 14 a guardian signs"));
    }
    if grant.relation == Relation::Ward && !signers(born, today).guardian {
        return Err(Problem::new("ward_is_adult"));
    }
    let by = actor(session, grant.role);
    let done = state.store.sign_consent(school.id, person, by, form.purpose, form.text, act, now_ms).await;
    done.map_err(|error| match error {
        StoreError::Conflict => Problem::new("version_conflict").detail("the text has a newer version"),
        error => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign a consent, for oneself or one's ward: one record for each purpose.
#[utoipa::path(post, path = "/api/v1/consents", tag = "privacy", request_body = ConsentForm, responses(
    (status = 204), (status = 401, body = Problem),
    (status = 403, description = "`role_not_permitted`: under 14; `guardian_link_missing`, `guardian_link_ended`, \
        `ward_is_adult`", body = Problem),
    (status = 409, description = "`version_conflict`: the text shown is not the one in force", body = Problem)
))]
pub async fn give(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<ConsentForm>,
) -> Result<StatusCode, Problem> {
    sign::<kind::ConsentGive>(&state, &session, form, Act::Given).await
}

/// Withdraw a consent. It ends at once, whoever else has signed.
#[utoipa::path(post, path = "/api/v1/consents/withdraw", tag = "privacy", request_body = ConsentForm, responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)
))]
pub async fn withdraw(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<ConsentForm>,
) -> Result<StatusCode, Problem> {
    sign::<kind::ConsentWithdraw>(&state, &session, form, Act::Withdrawn).await
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextForm {
    pub purpose: Purpose,
    pub title: String,
    pub body: String,
}

/// Put a new version of a text in force. Signatures under earlier ones are outdated from then on.
#[utoipa::path(post, path = "/api/v1/consent-texts", tag = "privacy", request_body = TextForm, responses(
    (status = 201, body = super::Made), (status = 202, description = "Proposed", body = super::Made),
    (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)
))]
pub async fn add_text(
    State(state): State<ApiState>,
    session: Session,
    body::Json(form): body::Json<TextForm>,
) -> Result<(StatusCode, Json<super::Made>), Problem> {
    let grant = session.allow::<kind::PolicyManage>(Relations::school())?;
    let is_bad = form.title.trim().is_empty()
        || form.body.trim().is_empty()
        || form.body.chars().count() > MOST_TEXT
        || form.title.chars().count() > 300;
    if is_bad {
        return Err(Problem::bad_request(format!("a title, and a text of at most {MOST_TEXT} characters")));
    }
    if grant.condition == Some(Condition::Propose) {
        let change = RuleChange::Text { purpose: form.purpose, title: form.title, body: form.body };
        return Ok((StatusCode::ACCEPTED, Json(super::Made { id: propose(&state, &session, &grant, change).await? })));
    }
    let school = session.principal.school.clone();
    let by = Some(actor(&session, grant.role));
    let made = state.store.add_consent_text(school, form.purpose, form.title, form.body, by, state.clock.now_ms());
    Ok((StatusCode::CREATED, Json(super::Made { id: made.await? })))
}
