//! From a sign-in to the person behind it. The rows come through [`Directory`], which the store fills.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::ApiState;
use super::session::{SchoolView, WardView};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::policy::{Held, Principal};
use crate::store::StoreError;
use crate::store::sessions::SessionRow;

/// An account with what sign-in and `me` show of its person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub school: SchoolId,
    pub person: PersonId,
    pub code: String,
    pub display_name: String,
    /// In force today.
    pub roles: Vec<Held>,
    /// `None`: no password, so no sign-in by one.
    pub password: Option<String>,
}

/// Where people are looked up.
pub trait Directory: Send + Sync {
    /// By what a person typed; spelling is the directory's business.
    fn by_login(&self, login: String, now_ms: i64) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;
    fn by_id(&self, person: PersonId, now_ms: i64) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;
    fn school(&self, school: SchoolId) -> BoxFuture<'_, Result<SchoolView, StoreError>>;
    /// Children whose confirmed guardian the person is now.
    fn wards(&self, person: PersonId, now_ms: i64) -> BoxFuture<'_, Result<Vec<WardView>, StoreError>>;
}

pub type People = Arc<dyn Directory>;

/// The person of a sign-in, as of now; `None`: gone from the school.
pub async fn principal(state: &ApiState, row: &SessionRow, now_ms: i64) -> Result<Option<Principal>, StoreError> {
    let account = state.people.by_id(row.person.clone(), now_ms).await?;
    Ok(account.map(|account| Principal {
        school: account.school,
        person: account.person,
        code: account.code,
        display_name: account.display_name,
        roles: account.roles,
        scopes: row.scopes.as_ref().map(|scopes| scopes.iter().copied().collect()),
        session: row.id_hash.clone(),
    }))
}
