//! Who can sign in: for the demo school's start-up text and sign-in page. A real school's list is never given out.

use super::sql::{text, word};
use super::{Store, StoreError};
use crate::domain::ids::SchoolId;
use crate::domain::role::Role;

/// An account by its login's usual spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub code: String,
    pub display_name: String,
    pub role: Role,
}

impl Store {
    /// Accounts of a school with the first role of each person, by role and code.
    pub async fn logins(&self, school: &SchoolId) -> Result<Vec<Login>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.code, p.display_name, MIN(r.role) AS role FROM account a JOIN person p ON p.id = a.person_id
             JOIN role_assignment r ON r.person_id = p.id WHERE a.school_id = $1 AND a.disabled_at IS NULL
             GROUP BY p.code, p.display_name ORDER BY p.code",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut logins = rows
            .iter()
            .map(|row| {
                let role = word(Role::parse(&text(row, "role")?), "role")?;
                Ok(Login { code: text(row, "code")?, display_name: text(row, "display_name")?, role })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        logins.sort_by_key(|login| (order(login.role), login.code.clone()));
        Ok(logins)
    }
}

/// Those who hold lessons first.
fn order(role: Role) -> usize {
    const ORDER: [Role; 8] = [
        Role::Teacher,
        Role::Student,
        Role::Guardian,
        Role::DeputyHead,
        Role::UnitHead,
        Role::Staff,
        Role::Head,
        Role::Admin,
    ];
    ORDER.iter().position(|other| *other == role).unwrap_or(ORDER.len())
}
