//! The school's people for those who keep accounts and roles (rows `user.manage` and `role.assign` of DOMAIN 5): list, one
//! person, new people, first and new passwords, blocking, roles. Nobody changes their own; the last administrator stays.

pub mod units;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access;
use super::auth::Session;
use super::body::Json;
use super::password::Busy;
use super::problem::Problem;
use super::session::end_everywhere;
use crate::domain::ids::{PersonId, UnitId};
use crate::domain::password::one_time;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Condition, Grant, Relations};
use crate::domain::role::Role;
use crate::domain::staffing::{may_assign, may_manage};
use crate::store::people::NewPerson;
use crate::store::people::managing::{AccountState, ManageError, PeopleQuery, PersonCard, PersonRow, RoleFacts};
use crate::store::school::School;
use crate::store::transition::Actor;
use crate::store::{StoreError, Tx};

/// People on one page.
const PAGE: usize = 50;
/// Longest name and code, characters.
const NAME_CHARACTERS: usize = 80;
const CODE_CHARACTERS: usize = 40;

/// All routes of people and units.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(people, new_person))
        .routes(routes!(person))
        .routes(routes!(new_password))
        .routes(routes!(block, unblock))
        .routes(routes!(give_role, take_role))
        .merge(units::routes())
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeopleParams {
    /// Parts of a name, or the beginning of a code.
    #[serde(default)]
    search: String,
    /// A role; `none`: people without any.
    #[serde(default)]
    role: String,
    /// Id of a unit.
    #[serde(default)]
    unit: String,
    /// Only those whose account is closed.
    #[serde(default)]
    blocked: bool,
    /// `after` of the page before; missing: the first page. Fifty people each.
    #[serde(default)]
    after: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PeopleView {
    items: Vec<PersonInList>,
    /// Of everybody who fits.
    total: usize,
    /// Ask with it for the next page; missing: this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Roles that the person who asks may give to somebody new.
    roles: Vec<Role>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PersonInList {
    id: String,
    code: String,
    display_name: String,
    account: AccountState,
    roles: Vec<HeldView>,
}

/// A role as it is held.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HeldView {
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_name: Option<String>,
    /// Last day, YYYY-MM-DD.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PersonDetails {
    person: PersonInList,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_date: Option<String>,
    groups: Vec<GroupPlace>,
    /// Classes whose homeroom teacher they are.
    homeroom: Vec<String>,
    can: Can,
}

/// A place in a class or group.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GroupPlace {
    class: String,
    /// Empty: the whole class.
    group: String,
    /// `student` or `teacher`.
    role: String,
}

/// What the person who asks may do about somebody.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Can {
    /// Password, blocking, unit.
    account: bool,
    /// Roles to give.
    give: Vec<Role>,
    /// Roles to take.
    take: Vec<Role>,
}

impl From<PersonRow> for PersonInList {
    fn from(row: PersonRow) -> Self {
        Self {
            id: row.id.as_str().to_owned(),
            code: row.code,
            display_name: row.display_name,
            account: row.account,
            roles: row.roles.into_iter().map(HeldView::from).collect(),
        }
    }
}

impl From<RoleFacts> for HeldView {
    fn from(held: RoleFacts) -> Self {
        Self {
            role: held.role,
            unit: held.unit.map(|unit| unit.as_str().to_owned()),
            unit_name: held.unit_name,
            to: held.to.map(|day| day.to_string()),
        }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::LastAdmin => Self::new("conflict").params(serde_json::json!({ "last_admin": true })),
            ManageError::Store(error) => error.into(),
        }
    }
}

/// People of the school, by name, fifty a page: everybody for head and administrator, pedagogical people for deputies.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", params(PeopleParams), responses(
    (status = 200, body = PeopleView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn people(
    State(state): State<ApiState>,
    session: Session,
    query: Result<Query<PeopleParams>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<PeopleView>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let roles = assignable(session.allow::<kind::RoleAssign>(Relations::school())?.condition);
    let Query(asked) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    if asked.search.chars().count() > NAME_CHARACTERS {
        return Err(Problem::bad_request(format!("search: at most {NAME_CHARACTERS} characters")));
    }
    let without_role = asked.role == "none";
    let role = (!asked.role.is_empty() && !without_role).then(|| role_of(&asked.role)).transpose()?;
    let query = PeopleQuery {
        search: asked.search,
        role,
        without_role,
        unit: (!asked.unit.is_empty()).then(|| UnitId::new(asked.unit)),
        blocked: asked.blocked,
        condition: grant.condition,
        after: asked.after.filter(|after| !after.is_empty()).map(PersonId::new),
        limit: PAGE,
    };
    let today = access::today(&state, &session).await?;
    let page = state.store.people(&session.principal.school, &query, today).await.map_err(|error| match error {
        StoreError::NotFound => Problem::bad_request("after: nobody is there any more; begin anew"),
        error => error.into(),
    })?;
    Ok(axum::Json(PeopleView {
        items: page.people.into_iter().map(PersonInList::from).collect(),
        total: page.total,
        after: page.after.map(|after| after.as_str().to_owned()),
        roles,
    }))
}

fn assignable(condition: Option<Condition>) -> Vec<Role> {
    Role::ALL.into_iter().filter(|role| may_assign(condition, false, &[], *role)).collect()
}

fn role_of(text: &str) -> Result<Role, Problem> {
    Role::parse(text).ok_or_else(|| Problem::bad_request("role: no such role"))
}

/// Somebody whom a change is about, with who makes it.
pub(super) struct About {
    pub school: School,
    pub card: PersonCard,
    pub today: Date,
    pub now_ms: i64,
    pub by: Actor,
    pub condition: Option<Condition>,
}

impl About {
    /// Looks somebody up after the policy has been asked.
    ///
    /// # Errors
    /// `not_found` when there is none of that name in the school.
    pub async fn look_up<A>(
        state: &ApiState,
        session: &Session,
        grant: &Grant<A>,
        id: String,
    ) -> Result<Self, Problem> {
        let school = state.store.school(&session.principal.school).await?;
        let now_ms = state.clock.now_ms();
        let today = super::people::today(&school, now_ms);
        let card = state.store.person_card(&school.id, &PersonId::new(id), today).await?;
        let by = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
        Ok(Self { school, card, today, now_ms, by, condition: grant.condition })
    }

    fn id(&self) -> PersonId {
        self.card.row.id.clone()
    }

    fn is_self(&self) -> bool {
        self.card.row.id == self.by.person
    }

    fn held(&self) -> Vec<Role> {
        self.card.row.roles.iter().map(|held| held.role).collect()
    }

    /// # Errors
    /// `role_not_permitted` for oneself and for people whom the condition leaves out.
    pub fn managed(self) -> Result<Self, Problem> {
        if may_manage(self.condition, self.is_self(), &self.held()) { Ok(self) } else { Err(barred(self.is_self())) }
    }

    fn assigned(self, role: Role) -> Result<Self, Problem> {
        let may = may_assign(self.condition, self.is_self(), &self.held(), role);
        if may { Ok(self) } else { Err(barred(self.is_self())) }
    }

    /// Within the write: the roles by which this was allowed are held still.
    pub async fn is_unchanged(&self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.roles_are_still(&self.card.row.id, &self.held(), self.today).await
    }

    fn details(self) -> PersonDetails {
        let (is_self, held, condition) = (self.is_self(), self.held(), self.condition);
        let roles = |wanted: &dyn Fn(Role) -> bool| {
            Role::ALL.into_iter().filter(|role| wanted(*role) && may_assign(condition, is_self, &held, *role)).collect()
        };
        let can = Can {
            account: may_manage(condition, is_self, &held),
            give: roles(&|role| role.needs_unit() || !held.contains(&role)),
            take: roles(&|role| held.contains(&role)),
        };
        PersonDetails {
            can,
            birth_date: self.card.birth_date.map(|day| day.to_string()),
            groups: self
                .card
                .groups
                .into_iter()
                .map(|(class, group, role)| GroupPlace { class, group, role })
                .collect(),
            homeroom: self.card.homeroom,
            person: self.card.row.into(),
        }
    }
}

fn barred(is_self: bool) -> Problem {
    Problem::new("role_not_permitted").params(serde_json::json!({ "self": is_self }))
}

async fn details(state: &ApiState, session: &Session, id: String) -> Result<axum::Json<PersonDetails>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    Ok(axum::Json(About::look_up(state, session, &grant, id).await?.details()))
}

/// One person: roles, unit, groups, account.
#[utoipa::path(get, path = "/api/v1/people/{person}", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = PersonDetails), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn person(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<PersonDetails>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let about = About::look_up(&state, &session, &grant, id).await?;
    // One's own page is for looking; of others a deputy sees whom they lead.
    if !about.is_self() && !may_manage(about.condition, false, &about.held()) {
        return Err(barred(false));
    }
    Ok(axum::Json(about.details()))
}

/// Somebody new.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPersonBody {
    /// The school's own name for the person, which is also the login.
    code: String,
    family_name: String,
    given_name: String,
    #[serde(default)]
    middle_name: String,
    /// YYYY-MM-DD; guardians of somebody without one have no rights, minority cannot be shown.
    #[serde(default)]
    birth_date: Option<String>,
    role: Role,
    /// Of the role; a unit head has one.
    #[serde(default)]
    unit: Option<String>,
    /// An account with a first password.
    #[serde(default)]
    account: bool,
}

/// Somebody new, and the password that is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PersonMade {
    person: PersonDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// Add a person with a role and, if asked, an account; its password is shown this once.
#[utoipa::path(post, path = "/api/v1/people", tag = "people", request_body = NewPersonBody, responses(
    (status = 201, body = PersonMade), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, description = "no such unit", body = Problem),
    (status = 409, description = "`conflict`: the code is taken", body = Problem)
))]
pub async fn new_person(
    State(state): State<ApiState>,
    session: Session,
    Json(body): Json<serde_json::Value>,
) -> Result<(StatusCode, axum::Json<PersonMade>), Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let assign = session.allow::<kind::RoleAssign>(Relations::school())?;
    let body: NewPersonBody = parsed(body)?;
    if !may_assign(assign.condition, false, &[], body.role) {
        return Err(barred(false));
    }
    let middle_name = body.middle_name.trim();
    let new = NewPerson {
        code: word(&body.code, "code", CODE_CHARACTERS)?,
        family_name: word(&body.family_name, "family_name", NAME_CHARACTERS)?,
        given_name: word(&body.given_name, "given_name", NAME_CHARACTERS)?,
        middle_name: (!middle_name.is_empty())
            .then(|| word(middle_name, "middle_name", NAME_CHARACTERS))
            .transpose()?,
        birth_date: body
            .birth_date
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().map_err(|_| Problem::bad_request("birth_date: YYYY-MM-DD")))
            .transpose()?,
    };
    let (role, unit) = (body.role, unit_of(body.role, body.unit)?);
    let password = body.account.then(password);
    let hash = match &password {
        Some(password) => Some(state.passwords.hash(password.clone()).await.map_err(busy)?),
        None => None,
    };
    let school = state.store.school(&session.principal.school).await?;
    let now_ms = state.clock.now_ms();
    let today = super::people::today(&school, now_ms);
    let by = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let made: Result<PersonId, StoreError> = state
        .store
        .write(move |tx| {
            Box::pin(async move {
                let id = tx.add_person(&school, &new, hash.as_deref(), &by, now_ms).await?;
                tx.give_role(&school, &id, (role, unit.as_ref()), Some(&by), (today, now_ms)).await?;
                Ok(id)
            })
        })
        .await;
    let axum::Json(person) = details(&state, &session, made?.as_str().to_owned()).await?;
    Ok((StatusCode::CREATED, axum::Json(PersonMade { person, password })))
}

/// A password that is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PasswordMade {
    password: String,
}

/// Give somebody another password, or an account with a first one. Their sign-ins and tokens end.
#[utoipa::path(post, path = "/api/v1/people/{person}/password", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = PasswordMade), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`conflict`: the login is taken", body = Problem)
))]
pub async fn new_password(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<PasswordMade>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let about = About::look_up(&state, &session, &grant, id).await?.managed()?;
    let password = password();
    let hash = state.passwords.hash(password.clone()).await.map_err(busy)?;
    let (id, code) = (about.id(), about.card.row.code.clone());
    let ended: Result<Vec<String>, StoreError> = state
        .store
        .write(move |tx| {
            Box::pin(async move {
                about.is_unchanged(tx).await?;
                tx.reset_password(&about.school, (&id, &code), &hash, &about.by, about.now_ms).await
            })
        })
        .await;
    for hash in ended? {
        end_everywhere(&state, hash);
    }
    Ok(axum::Json(PasswordMade { password }))
}

/// Close somebody's account; their sign-ins and tokens end, also in rooms.
#[utoipa::path(put, path = "/api/v1/people/{person}/block", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = PersonDetails), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
    (status = 409, description = "`conflict` with `params.last_admin`", body = Problem)
))]
pub async fn block(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<PersonDetails>, Problem> {
    set_blocked(&state, &session, id, true).await
}

/// Open somebody's account again.
#[utoipa::path(delete, path = "/api/v1/people/{person}/block", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = PersonDetails), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn unblock(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<PersonDetails>, Problem> {
    set_blocked(&state, &session, id, false).await
}

async fn set_blocked(
    state: &ApiState,
    session: &Session,
    id: String,
    blocks: bool,
) -> Result<axum::Json<PersonDetails>, Problem> {
    let grant = session.allow::<kind::UserManage>(Relations::school())?;
    let about = About::look_up(state, session, &grant, id.clone()).await?.managed()?;
    let person = about.id();
    let ended = state
        .store
        .write(move |tx| {
            Box::pin(async move {
                about.is_unchanged(tx).await?;
                tx.block_account(&about.school, &person, blocks, &about.by, (about.today, about.now_ms)).await
            })
        })
        .await?;
    for hash in ended {
        end_everywhere(state, hash);
    }
    details(state, session, id).await
}

/// A role, with the unit where it is held.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    role: Role,
    #[serde(default)]
    unit: Option<String>,
}

/// Give somebody a role from today on. Rooms ask at once who may be in them.
#[utoipa::path(post, path = "/api/v1/people/{person}/roles", tag = "people", params(("person" = String, Path)),
    request_body = RoleBody, responses(
    (status = 200, body = PersonDetails), (status = 400, description = "a unit head needs a unit", body = Problem),
    (status = 401, body = Problem), (status = 403, description = "also about oneself", body = Problem),
    (status = 404, body = Problem)
))]
pub async fn give_role(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<PersonDetails>, Problem> {
    let grant = session.allow::<kind::RoleAssign>(Relations::school())?;
    let about = About::look_up(&state, &session, &grant, id.clone()).await?;
    let RoleBody { role, unit } = parsed(body)?;
    let (about, unit) = (about.assigned(role)?, unit_of(role, unit)?);
    let person = about.id();
    let done: Result<(), StoreError> = state
        .store
        .write(move |tx| {
            Box::pin(async move {
                about.is_unchanged(tx).await?;
                let at = (about.today, about.now_ms);
                tx.give_role(&about.school, &person, (role, unit.as_ref()), Some(&about.by), at).await
            })
        })
        .await;
    done?;
    state.rooms.access_changed();
    details(&state, &session, id).await
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RoleParams {
    #[serde(default)]
    role: String,
    /// Where it is held; empty: everywhere.
    #[serde(default)]
    unit: String,
}

/// Take a role from somebody, from today on. Rooms ask at once who may be in them.
#[utoipa::path(delete, path = "/api/v1/people/{person}/roles", tag = "people", params(("person" = String, Path), RoleParams),
    responses(
    (status = 200, body = PersonDetails), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, description = "also about oneself", body = Problem), (status = 404, body = Problem),
    (status = 409, description = "`conflict` with `params.last_admin`", body = Problem)
))]
pub async fn take_role(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    query: Result<Query<RoleParams>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<PersonDetails>, Problem> {
    let grant = session.allow::<kind::RoleAssign>(Relations::school())?;
    let about = About::look_up(&state, &session, &grant, id.clone()).await?;
    let Query(asked) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let role = role_of(&asked.role)?;
    let about = about.assigned(role)?;
    let unit = (!asked.unit.is_empty()).then(|| UnitId::new(asked.unit));
    let person = about.id();
    state
        .store
        .write(move |tx| {
            Box::pin(async move {
                about.is_unchanged(tx).await?;
                let at = (about.today, about.now_ms);
                tx.take_role(&about.school, &person, (role, unit.as_ref()), Some(&about.by), at).await
            })
        })
        .await?;
    state.rooms.access_changed();
    details(&state, &session, id).await
}

/// The unit of a role: a unit head has one, learners and guardians have none.
fn unit_of(role: Role, unit: Option<String>) -> Result<Option<UnitId>, Problem> {
    let unit = unit.filter(|unit| !unit.is_empty()).map(UnitId::new);
    match (&unit, role.needs_unit()) {
        (None, true) => Err(Problem::bad_request("unit: a unit head leads one")),
        (Some(_), _) if !role.is_staff() => Err(Problem::bad_request("unit: learners and guardians are in none")),
        _ => Ok(unit),
    }
}

fn word(text: &str, what: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!("{what}: 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

fn password() -> String {
    use rand::RngCore as _;
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    one_time(&bytes)
}

fn busy(_: Busy) -> Problem {
    Problem::new("unavailable").detail("too many sign-ins at once").retry_after_s(2)
}

/// Reads a body whose shape is checked only after the policy has been asked.
fn parsed<T: serde::de::DeserializeOwned>(body: serde_json::Value) -> Result<T, Problem> {
    serde_json::from_value(body).map_err(|error| Problem::bad_request(error.to_string()))
}
