//! From a sign-in to the person behind it, as of now.

use jiff::civil::Date;

use super::ApiState;
use super::auth::Session;
use super::session::{SchoolView, WardView};
use crate::domain::calendar::date_in;
use crate::domain::ids::PersonId;
use crate::domain::person::GuardianRight;
use crate::domain::policy::Principal;
use crate::store::people::SignedPerson;
use crate::store::school::School;
use crate::store::sessions::{SessionKind, SessionRow};
use crate::store::{Store, StoreError};

/// The person of a sign-in as of now; `None`: gone from the school.
pub async fn session(state: &ApiState, row: SessionRow, now_ms: i64) -> Result<Option<Session>, StoreError> {
    let SignedPerson { person, zone, is_password_due } = match state.store.signed_person(&row.person).await {
        Ok(found) => found,
        Err(StoreError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let today = date_in(&zone, now_ms);
    let principal = Principal {
        roles: state.store.roles_on(&person.id, today).await?,
        school: person.school,
        person: person.id,
        code: person.code,
        display_name: person.display_name,
        scopes: row.scopes.as_ref().map(|scopes| scopes.iter().copied().collect()),
        session: row.id_hash.clone(),
    };
    // A program's token was never opened by the password that somebody else knows.
    let is_password_due = is_password_due && row.kind == SessionKind::Cookie;
    Ok(Some(Session { principal, row, is_password_due }))
}

/// The school's date at an instant.
pub fn today(school: &School, now_ms: i64) -> Date {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    now.to_zoned(school.zone()).date()
}

pub fn school_view(school: School) -> SchoolView {
    SchoolView { name: school.name, short_name: school.short_name, tz: school.tz, locale: school.locale }
}

/// Children for whom the person acts today (INV-51).
pub async fn wards(store: &Store, guardian: &PersonId, today: Date) -> Result<Vec<WardView>, StoreError> {
    let facts = store.person_facts(guardian, today).await?;
    let confirmed: Vec<PersonId> = facts.wards_with(GuardianRight::View, today).map(|ward| ward.id.clone()).collect();
    let wards = store.wards(&confirmed).await?;
    Ok(wards
        .into_iter()
        .map(|ward| WardView {
            id: ward.id.as_str().to_owned(),
            display_name: ward.display_name,
            class: Some(ward.class).filter(|class| !class.is_empty()),
        })
        .collect())
}
