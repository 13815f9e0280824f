//! Units of the school: made, renamed, taken away while empty; classes and people put into them. Kept by those who keep people
//! (`user.manage`): DOMAIN 5 has no row of its own for units.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::auth::Session;
use super::super::body::Json;
use super::super::problem::Problem;
use super::{About, PersonDetails, barred, details, parsed, word};
use crate::domain::ids::{ClassId, UnitId};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Condition, Grant, Relations};
use crate::domain::role::Role;
use crate::store::StoreError;
use crate::store::transition::Actor;
use crate::store::units::{ClassUnit, UnitError, UnitFacts};

/// Longest name of a unit, characters.
const NAME_CHARACTERS: usize = 120;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(units, new_unit))
        .routes(routes!(rename_unit, drop_unit))
        .routes(routes!(put_class))
        .routes(routes!(put_person))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UnitsView {
    items: Vec<UnitView>,
    /// Every class with the unit it is in.
    classes: Vec<ClassView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UnitView {
    id: String,
    name: String,
    heads: Vec<String>,
    /// People who work in it, its heads not counted.
    members: i64,
    classes: Vec<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClassView {
    id: String,
    name: String,
    year: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

impl From<UnitFacts> for UnitView {
    fn from(unit: UnitFacts) -> Self {
        let UnitFacts { id, name, heads, members, classes } = unit;
        Self { id: id.as_str().to_owned(), name, heads, members, classes }
    }
}

impl From<ClassUnit> for ClassView {
    fn from(class: ClassUnit) -> Self {
        let unit = class.unit.map(|unit| unit.as_str().to_owned());
        Self { id: class.id.as_str().to_owned(), name: class.name, year: class.year, unit }
    }
}

impl From<UnitError> for Problem {
    fn from(error: UnitError) -> Self {
        match error {
            UnitError::Used { roles, classes } => {
                let used = serde_json::json!({ "used": { "roles": roles, "classes": classes } });
                Self::new("conflict").params(used)
            }
            UnitError::Store(error) => error.into(),
        }
    }
}

/// Units with their heads, people and classes.
#[utoipa::path(get, path = "/api/v1/units", tag = "people", responses(
    (status = 200, body = UnitsView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn units(State(state): State<ApiState>, session: Session) -> Result<axum::Json<UnitsView>, Problem> {
    session.allow::<kind::UserManage>(Relations::school())?;
    view(&state, &session).await
}

async fn view(state: &ApiState, session: &Session) -> Result<axum::Json<UnitsView>, Problem> {
    let school = &session.principal.school;
    let today = super::super::access::today(state, session).await?;
    Ok(axum::Json(UnitsView {
        items: state.store.units(school, today).await?.into_iter().map(UnitView::from).collect(),
        classes: state.store.class_units(school).await?.into_iter().map(ClassView::from).collect(),
    }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitBody {
    name: String,
}

/// Make a unit.
#[utoipa::path(post, path = "/api/v1/units", tag = "people", request_body = UnitBody, responses(
    (status = 200, body = UnitsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, description = "`conflict`: the name is taken", body = Problem)
))]
pub async fn new_unit(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<UnitsView>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let name = word(&parsed::<UnitBody>(body)?.name, "name", NAME_CHARACTERS)?;
    let (school, by, now_ms) =
        (state.store.school(&session.principal.school).await?, actor(&session, &grant), state.clock.now_ms());
    let made: Result<UnitId, StoreError> =
        state.store.write(move |tx| Box::pin(async move { tx.create_unit(&school, &name, &by, now_ms).await })).await;
    made?;
    view(&state, &session).await
}

/// Give a unit another name.
#[utoipa::path(put, path = "/api/v1/units/{unit}", tag = "people", params(("unit" = String, Path)), request_body = UnitBody,
    responses(
    (status = 200, body = UnitsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`conflict`: the name is taken", body = Problem)
))]
pub async fn rename_unit(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<UnitsView>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let name = word(&parsed::<UnitBody>(body)?.name, "name", NAME_CHARACTERS)?;
    let (school, by, now_ms) =
        (state.store.school(&session.principal.school).await?, actor(&session, &grant), state.clock.now_ms());
    let done: Result<(), StoreError> = state
        .store
        .write(move |tx| Box::pin(async move { tx.rename_unit(&school, &UnitId::new(id), &name, &by, now_ms).await }))
        .await;
    done?;
    view(&state, &session).await
}

/// Take a unit away, while nobody and nothing is in it.
#[utoipa::path(delete, path = "/api/v1/units/{unit}", tag = "people", params(("unit" = String, Path)), responses(
    (status = 200, body = UnitsView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`conflict`; `params.used` says what is in it", body = Problem)
))]
pub async fn drop_unit(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<UnitsView>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let (school, by, now_ms) =
        (state.store.school(&session.principal.school).await?, actor(&session, &grant), state.clock.now_ms());
    let today = super::super::people::today(&school, now_ms);
    state
        .store
        .write(move |tx| Box::pin(async move { tx.drop_unit(&school, &UnitId::new(id), &by, (today, now_ms)).await }))
        .await?;
    view(&state, &session).await
}

/// In which unit; `null`: in none.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InUnit {
    unit: Option<String>,
}

/// Put a class into a unit: the unit's head sees it from then on.
#[utoipa::path(put, path = "/api/v1/classes/{class}/unit", tag = "people", params(("class" = String, Path)),
    request_body = InUnit, responses(
    (status = 200, body = UnitsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, description = "also into the unit that one leads", body = Problem), (status = 404, body = Problem)
))]
pub async fn put_class(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<UnitsView>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let unit = parsed::<InUnit>(body)?.unit.map(UnitId::new);
    not_into_ones_own(&session, &grant, unit.as_ref())?;
    let (school, by, now_ms) =
        (state.store.school(&session.principal.school).await?, actor(&session, &grant), state.clock.now_ms());
    let done: Result<(), StoreError> = state
        .store
        .write(move |tx| {
            Box::pin(
                async move { tx.put_class_into_unit(&school, &ClassId::new(id), unit.as_ref(), &by, now_ms).await },
            )
        })
        .await;
    done?;
    state.rooms.access_changed();
    view(&state, &session).await
}

/// Put somebody's work into a unit: its head sees their load and evidence from then on.
#[utoipa::path(put, path = "/api/v1/people/{person}/unit", tag = "people", params(("person" = String, Path)),
    request_body = InUnit, responses(
    (status = 200, body = PersonDetails), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, description = "also oneself, and into the unit that one leads", body = Problem),
    (status = 404, description = "no such person or unit, or the person does not work here", body = Problem)
))]
pub async fn put_person(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<PersonDetails>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let about = About::look_up(&state, &session, &grant, id.clone()).await?;
    let unit = parsed::<InUnit>(body)?.unit.map(UnitId::new);
    let about = about.managed()?;
    not_into_ones_own(&session, &grant, unit.as_ref())?;
    let person = about.card.row.id.clone();
    let done: Result<(), StoreError> = state
        .store
        .write(move |tx| {
            Box::pin(async move {
                about.is_unchanged(tx).await?;
                tx.put_into_unit(&about.school, &person, unit.as_ref(), &about.by, about.now_ms).await
            })
        })
        .await;
    done?;
    state.rooms.access_changed();
    details(&state, &session, id).await
}

/// An administrator who leads a unit would show themselves more of the school by filling it.
fn not_into_ones_own(session: &Session, grant: &Grant<kind::UserManage>, unit: Option<&UnitId>) -> Result<(), Problem> {
    let leads = |unit: &UnitId| {
        session.principal.roles.iter().any(|held| held.role == Role::UnitHead && held.unit.as_ref() == Some(unit))
    };
    if grant.condition == Some(Condition::NotSelf) && unit.is_some_and(leads) { Err(barred(true)) } else { Ok(()) }
}

fn actor(session: &Session, grant: &Grant<kind::UserManage>) -> Actor {
    Actor { person: session.principal.person.clone(), role: Some(grant.role) }
}
