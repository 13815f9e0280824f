//! The school's people as those see them who keep accounts and roles: the list, one person, and every change with its row in the
//! journal.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::Date;

use super::super::school::School;
use super::super::sql::{self, optional_date, optional_int, optional_text, text, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Backend, Store, StoreError, Tx};
use super::NewPerson;
use crate::domain::calendar::plus_days;
use crate::domain::fold::{fold, fold_code};
use crate::domain::ids::{PersonId, SchoolId, UnitId};
use crate::domain::person::in_force;
use crate::domain::policy::Condition;
use crate::domain::role::Role;
use crate::domain::staffing::may_manage;

/// What the list shows.
#[derive(Clone, Debug, Default)]
pub struct PeopleQuery {
    /// Parts of name or code, in either alphabet; empty: everybody.
    pub search: String,
    pub role: Option<Role>,
    /// People without any role.
    pub without_role: bool,
    pub unit: Option<UnitId>,
    pub blocked: bool,
    /// Whom the condition of the asker's right covers.
    pub condition: Option<Condition>,
    pub skip: usize,
    pub limit: usize,
}

/// Whether somebody can sign in by a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    None,
    Active,
    Blocked,
}

/// A role in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleFacts {
    pub role: Role,
    pub unit: Option<UnitId>,
    pub unit_name: Option<String>,
    pub to: Option<Date>,
}

/// One person.
#[derive(Clone, Debug)]
pub struct PersonRow {
    pub id: PersonId,
    pub code: String,
    pub display_name: String,
    pub account: AccountState,
    pub roles: Vec<RoleFacts>,
}

/// One person with what hangs on them.
#[derive(Clone, Debug)]
pub struct PersonCard {
    pub row: PersonRow,
    pub birth_date: Option<Date>,
    /// Classes and groups that they learn or teach in: class, group (empty: the whole class), `student` or `teacher`.
    pub groups: Vec<(String, String, String)>,
    /// Classes whose homeroom teacher they are.
    pub homeroom: Vec<String>,
}

/// Why a person stays as they are.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// Nobody would be left who can keep the hub.
    #[error("the last administrator")]
    LastAdmin,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// People of a school, by name: those of one page, and how many there are.
    pub async fn people(
        &self,
        school: &SchoolId,
        query: &PeopleQuery,
        today: Date,
    ) -> Result<(Vec<PersonRow>, usize), StoreError> {
        let mut roles = self.roles_of_school(school, None, today).await?;
        let rows = sqlx::query(
            "SELECT p.id, p.code, p.display_name, a.person_id AS account, a.disabled_at FROM person p
             LEFT JOIN account a ON a.person_id = p.id WHERE p.school_id = $1 AND p.status = 'active'
             ORDER BY p.code",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let words: Vec<String> = fold(&query.search).split(' ').map(str::to_owned).collect();
        let code = fold_code(&query.search);
        let mut found = Vec::new();
        for row in &rows {
            let person = person_row(row, &mut roles)?;
            let name = fold(&person.display_name);
            let is_named = words.iter().all(|word| name.contains(word.as_str()))
                || (!code.is_empty() && fold_code(&person.code).starts_with(&code));
            let held: Vec<Role> = person.roles.iter().map(|held| held.role).collect();
            let fits = is_named
                && may_manage(query.condition, false, &held)
                && query.role.is_none_or(|role| held.contains(&role))
                && (!query.without_role || held.is_empty())
                && (!query.blocked || person.account == AccountState::Blocked)
                && query
                    .unit
                    .as_ref()
                    .is_none_or(|unit| person.roles.iter().any(|one| one.unit.as_ref() == Some(unit)));
            if fits {
                found.push(person);
            }
        }
        // By the alphabet, where ё stands beside е: databases sort it before А.
        found.sort_by_cached_key(|person| fold(&person.display_name));
        let total = found.len();
        Ok((found.into_iter().skip(query.skip).take(query.limit).collect(), total))
    }

    /// One person of a school; [`StoreError::NotFound`] if there is none of that name, or they have been erased.
    pub async fn person_card(&self, school: &SchoolId, id: &PersonId, today: Date) -> Result<PersonCard, StoreError> {
        let row = sqlx::query(
            "SELECT p.id, p.code, p.display_name, p.birth_date, a.person_id AS account, a.disabled_at FROM person p
             LEFT JOIN account a ON a.person_id = p.id WHERE p.school_id = $1 AND p.id = $2 AND p.status = 'active'",
        )
        .bind(school.as_str())
        .bind(id.as_str())
        .fetch_one(self.readers())
        .await?;
        let mut roles = self.roles_of_school(school, Some(id), today).await?;
        let enrolled = sqlx::query(
            "SELECT c.name AS class, g.name AS group_name, e.role, e.valid_from, e.valid_to FROM enrollment e
             JOIN study_group g ON g.id = e.study_group_id LEFT JOIN school_class c ON c.id = g.class_id
             WHERE e.person_id = $1 ORDER BY c.name, g.name",
        )
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut groups = Vec::new();
        for one in &enrolled {
            if super::is_in_force(one, today)? {
                let class = optional_text(one, "class")?.unwrap_or_default();
                groups.push((class, text(one, "group_name")?, text(one, "role")?));
            }
        }
        let homeroom: Vec<(String,)> =
            sqlx::query_as("SELECT name FROM school_class WHERE homeroom_teacher_id = $1 ORDER BY name")
                .bind(id.as_str())
                .fetch_all(self.readers())
                .await?;
        Ok(PersonCard {
            birth_date: optional_date(optional_text(&row, "birth_date")?)?,
            row: person_row(&row, &mut roles)?,
            groups,
            homeroom: homeroom.into_iter().map(|(name,)| name).collect(),
        })
    }

    /// Roles in force, by person.
    async fn roles_of_school(
        &self,
        school: &SchoolId,
        person: Option<&PersonId>,
        today: Date,
    ) -> Result<HashMap<String, Vec<RoleFacts>>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.person_id, r.role, r.unit_id, u.name AS unit, r.valid_from, r.valid_to FROM role_assignment r
             LEFT JOIN org_unit u ON u.id = r.unit_id
             WHERE r.school_id = $1 AND r.person_id = COALESCE($2, r.person_id) ORDER BY r.id",
        )
        .bind(school.as_str())
        .bind(person.map(PersonId::as_str))
        .fetch_all(self.readers())
        .await?;
        let mut roles: HashMap<String, Vec<RoleFacts>> = HashMap::new();
        for row in &rows {
            let (from, to) =
                (optional_date(optional_text(row, "valid_from")?)?, optional_date(optional_text(row, "valid_to")?)?);
            if !in_force(today, from, to) {
                continue;
            }
            let facts = RoleFacts {
                role: word(Role::parse(&text(row, "role")?), "role")?,
                unit: optional_text(row, "unit_id")?.map(UnitId::new),
                unit_name: optional_text(row, "unit")?,
                to,
            };
            let held = roles.entry(text(row, "person_id")?).or_default();
            if !held.contains(&facts) {
                held.push(facts);
            }
        }
        Ok(roles)
    }
}

fn person_row(row: &sqlx::any::AnyRow, roles: &mut HashMap<String, Vec<RoleFacts>>) -> Result<PersonRow, StoreError> {
    let id = text(row, "id")?;
    let account = match (optional_text(row, "account")?, optional_int(row, "disabled_at")?) {
        (None, _) => AccountState::None,
        (Some(_), None) => AccountState::Active,
        (Some(_), Some(_)) => AccountState::Blocked,
    };
    Ok(PersonRow {
        roles: roles.remove(&id).unwrap_or_default(),
        id: PersonId::new(id),
        code: text(row, "code")?,
        display_name: text(row, "display_name")?,
        account,
    })
}

impl Tx {
    /// Writes a person, with an account when there is a password, which the person changes at the first sign-in.
    /// [`StoreError::Conflict`]: the code is taken.
    pub async fn add_person(
        &mut self,
        school: &School,
        new: &NewPerson,
        password_hash: Option<&str>,
        by: &Actor,
        now_ms: i64,
    ) -> Result<PersonId, StoreError> {
        let id = self.insert_person(&school.id, new, now_ms).await?;
        if let Some(hash) = password_hash {
            self.insert_account(&school.id, &id, &new.code, hash, now_ms).await?;
            self.set_password_due(&id, true).await?;
        }
        let detail = serde_json::json!({ "account": password_hash.is_some() });
        self.person_event(school, "user.add", &id, by, now_ms, detail).await?;
        Ok(id)
    }

    /// What may be done to somebody was judged by these roles, read before: [`StoreError::Conflict`] when they hold others by now.
    /// Called first in whatever writes, so that nobody is handed the password of one who has just become an administrator.
    pub async fn roles_are_still(&mut self, person: &PersonId, judged: &[Role], today: Date) -> Result<(), StoreError> {
        if self.backend() == Backend::Postgres {
            // Writers about one person wait for each other; SQLite has one writer at a time.
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(hashtext($1)) AS TEXT)")
                .bind(format!("roles:{person}"))
                .execute(self.connection())
                .await?;
        }
        let rows: Vec<(String, Option<String>, Option<String>)> =
            sqlx::query_as("SELECT role, valid_from, valid_to FROM role_assignment WHERE person_id = $1")
                .bind(person.as_str())
                .fetch_all(self.connection())
                .await?;
        let mut held = BTreeSet::new();
        for (role, from, to) in rows {
            if in_force(today, optional_date(from)?, optional_date(to)?) {
                held.insert(word(Role::parse(&role), "role")?);
            }
        }
        if held == judged.iter().copied().collect() { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Gives a role from today on; one that is held already stays as it is.
    pub async fn give_role(
        &mut self,
        school: &School,
        person: &PersonId,
        (role, unit): (Role, Option<&UnitId>),
        by: Option<&Actor>,
        (today, now_ms): (Date, i64),
    ) -> Result<(), StoreError> {
        if let Some(unit) = unit {
            self.unit_of_school(&school.id, unit).await?;
        }
        let held: Vec<(Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT valid_from, valid_to FROM role_assignment WHERE person_id = $1 AND role = $2
             AND COALESCE(unit_id, '') = COALESCE($3, COALESCE(unit_id, ''))",
        )
        .bind(person.as_str())
        .bind(role.as_str())
        .bind(unit.map(UnitId::as_str))
        .fetch_all(self.connection())
        .await?;
        for (from, to) in held {
            if in_force(today, optional_date(from)?, optional_date(to)?) {
                return Ok(());
            }
        }
        self.access_changed();
        let row = vec![
            uuid::Uuid::now_v7().to_string().into(),
            school.id.as_str().into(),
            person.as_str().into(),
            role.as_str().into(),
            unit.map(|unit| unit.as_str().to_owned()).into(),
            today.to_string().into(),
            by.map(|by| by.person.as_str().to_owned()).into(),
            now_ms.into(),
        ];
        let into = "role_assignment (id, school_id, person_id, role, unit_id, valid_from, assigned_by, created_at)";
        sql::insert_many(self.connection(), into, 8, vec![row]).await?;
        let detail = serde_json::json!({ "role": role, "unit": unit });
        self.role_event(school, "role.assign", person, by, now_ms, detail).await
    }

    /// Takes a role from today on. [`StoreError::NotFound`]: the person does not hold it (in that unit).
    ///
    /// # Errors
    /// [`ManageError::LastAdmin`].
    pub async fn take_role(
        &mut self,
        school: &School,
        person: &PersonId,
        (role, unit): (Role, Option<&UnitId>),
        by: Option<&Actor>,
        (today, now_ms): (Date, i64),
    ) -> Result<(), ManageError> {
        if role == Role::Admin {
            self.keep_an_admin(school, person, today).await?;
        }
        self.access_changed();
        let yesterday = plus_days(today, -1).to_string();
        let done = sqlx::query(
            "UPDATE role_assignment SET valid_to = $1 WHERE person_id = $2 AND role = $3
             AND (valid_to IS NULL OR valid_to > $4) AND COALESCE(unit_id, '') = COALESCE($5, COALESCE(unit_id, ''))",
        )
        .bind(yesterday.as_str())
        .bind(person.as_str())
        .bind(role.as_str())
        .bind(yesterday.as_str())
        .bind(unit.map(UnitId::as_str))
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound.into());
        }
        let detail = serde_json::json!({ "role": role, "unit": unit });
        self.role_event(school, "role.end", person, by, now_ms, detail).await?;
        Ok(())
    }

    /// Puts the work of a person into a unit, or into none; the units that they lead are another matter.
    /// [`StoreError::NotFound`]: they hold no role of the staff, or there is no such unit.
    pub async fn put_into_unit(
        &mut self,
        school: &School,
        person: &PersonId,
        unit: Option<&UnitId>,
        by: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        if let Some(unit) = unit {
            self.unit_of_school(&school.id, unit).await?;
        }
        self.access_changed();
        let done = sqlx::query(
            "UPDATE role_assignment SET unit_id = $1 WHERE person_id = $2 AND school_id = $3
             AND role IN ('teacher', 'staff', 'deputy_head') AND (valid_to IS NULL OR valid_to >= $4)",
        )
        .bind(unit.map(UnitId::as_str))
        .bind(person.as_str())
        .bind(school.id.as_str())
        .bind(crate::domain::calendar::date_in(&school.zone(), now_ms).to_string())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        self.person_event(school, "unit.member", person, by, now_ms, serde_json::json!({ "unit": unit })).await
    }

    /// Gives a person another password, or their first with an account, to be changed at the next sign-in; their sign-ins end.
    /// Answers the hashes that ended.
    pub async fn reset_password(
        &mut self,
        school: &School,
        person: (&PersonId, &str),
        password_hash: &str,
        by: &Actor,
        now_ms: i64,
    ) -> Result<Vec<String>, StoreError> {
        let (id, login) = person;
        match self.update_password(id, password_hash, None).await {
            Err(StoreError::NotFound) => self.insert_account(&school.id, id, login, password_hash, now_ms).await?,
            done => done?,
        }
        self.set_password_due(id, true).await?;
        let ended = self.delete_sessions_of(id.as_str()).await?;
        self.end_ways_in(id).await?;
        self.person_event(school, "account.password", id, by, now_ms, serde_json::json!({ "reset": true })).await?;
        Ok(ended)
    }

    /// Closes an account and ends its sign-ins, or opens it again. [`StoreError::NotFound`]: there is none.
    ///
    /// # Errors
    /// [`ManageError::LastAdmin`].
    pub async fn block_account(
        &mut self,
        school: &School,
        person: &PersonId,
        blocks: bool,
        by: &Actor,
        (today, now_ms): (Date, i64),
    ) -> Result<Vec<String>, ManageError> {
        if blocks {
            self.keep_an_admin(school, person, today).await?;
        }
        let done = sqlx::query("UPDATE account SET disabled_at = $1 WHERE person_id = $2 AND school_id = $3")
            .bind(blocks.then_some(now_ms))
            .bind(person.as_str())
            .bind(school.id.as_str())
            .execute(self.connection())
            .await
            .map_err(StoreError::from)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound.into());
        }
        let ended = if blocks { self.delete_sessions_of(person.as_str()).await? } else { Vec::new() };
        if blocks {
            self.end_ways_in(person).await?;
        }
        let action = if blocks { "account.block" } else { "account.unblock" };
        self.person_event(school, action, person, by, now_ms, serde_json::json!({})).await?;
        Ok(ended)
    }

    /// What shows a person's dates without a sign-in: the secret address of the calendar feed, and browsers that get pushes.
    async fn end_ways_in(&mut self, person: &PersonId) -> Result<(), StoreError> {
        for statement in
            ["DELETE FROM ics_token WHERE person_id = $1", "DELETE FROM push_subscription WHERE person_id = $1"]
        {
            sqlx::query(statement).bind(person.as_str()).execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Somebody else must be left who holds the role today and can sign in, if this person is one.
    async fn keep_an_admin(&mut self, school: &School, person: &PersonId, today: Date) -> Result<(), ManageError> {
        if self.backend() == Backend::Postgres {
            // Two administrators who take the role from each other at once: one waits and sees what the other did.
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(hashtext($1)) AS TEXT)")
                .bind(format!("admins:{}", school.id))
                .execute(self.connection())
                .await
                .map_err(StoreError::from)?;
        }
        let rows: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT r.person_id, r.valid_from, r.valid_to FROM role_assignment r
             JOIN account a ON a.person_id = r.person_id AND a.disabled_at IS NULL
             WHERE r.school_id = $1 AND r.role = 'admin'",
        )
        .bind(school.id.as_str())
        .fetch_all(self.connection())
        .await
        .map_err(StoreError::from)?;
        let (mut is_one, mut others) = (false, false);
        for (id, from, to) in rows {
            if in_force(today, optional_date(from)?, optional_date(to)?) {
                is_one |= id == person.as_str();
                others |= id != person.as_str();
            }
        }
        if is_one && !others { Err(ManageError::LastAdmin) } else { Ok(()) }
    }

    async fn role_event(
        &mut self,
        school: &School,
        action: &'static str,
        person: &PersonId,
        by: Option<&Actor>,
        now_ms: i64,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let event = AuditEvent::new(school.id.clone(), now_ms, action, "person", person.as_str()).with(detail);
        self.audit(match by {
            Some(by) => event.by(&by.person, by.role.map(Role::as_str)),
            None => event,
        })
        .await
    }

    async fn person_event(
        &mut self,
        school: &School,
        action: &'static str,
        person: &PersonId,
        by: &Actor,
        now_ms: i64,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        self.role_event(school, action, person, Some(by), now_ms, detail).await
    }
}
