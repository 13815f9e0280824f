//! The school's people as those see them who keep accounts and roles: the list, one person, and every change with its row in the
//! journal.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::Date;
use sqlx::AssertSqlSafe;

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
    /// The last person of the page before; `None`: the first page.
    pub after: Option<PersonId>,
    /// At most [`MOST_ON_A_PAGE`].
    pub limit: usize,
}

/// Most people of one page, whoever asks.
pub const MOST_ON_A_PAGE: usize = 200;

/// Most words of a search that are looked at: a name has three.
const MOST_WORDS: usize = 8;

/// One page of the list.
#[derive(Clone, Debug)]
pub struct PeoplePage {
    pub people: Vec<PersonRow>,
    /// Of everybody who fits.
    pub total: usize,
    /// Ask with it for the next page; `None`: this is the last.
    pub after: Option<PersonId>,
}

const FROM: &str = "person p LEFT JOIN account a ON a.person_id = p.id";

/// Conditions of the list with what is bound to them, in order.
struct Filter {
    conditions: Vec<String>,
    values: Vec<String>,
}

impl Filter {
    fn of(school: &SchoolId, query: &PeopleQuery, today: Date) -> Self {
        let mut filter = Self { conditions: vec!["p.status = 'active'".to_owned()], values: Vec::new() };
        let school = filter.bind(school.as_str());
        filter.conditions.push(format!("p.school_id = {school}"));
        filter.search(&query.search);
        if query.condition == Some(Condition::Pedagogical) {
            let others =
                Role::ALL.iter().filter(|role| !role.is_pedagogical()).map(|role| format!("'{}'", role.as_str()));
            let others = format!("r.role IN ({})", others.collect::<Vec<_>>().join(", "));
            let held = filter.holds(&others, today);
            filter.conditions.push(format!("NOT {held}"));
        }
        if let Some(role) = query.role {
            let held = filter.holds(&format!("r.role = '{}'", role.as_str()), today);
            filter.conditions.push(held);
        }
        if query.without_role {
            let held = filter.holds("1 = 1", today);
            filter.conditions.push(format!("NOT {held}"));
        }
        if let Some(unit) = &query.unit {
            let unit = filter.bind(unit.as_str());
            let held = filter.holds(&format!("r.unit_id = {unit}"), today);
            filter.conditions.push(held);
        }
        if query.blocked {
            filter.conditions.push("a.disabled_at IS NOT NULL".to_owned());
        }
        filter
    }

    fn bind(&mut self, value: &str) -> String {
        self.values.push(value.to_owned());
        format!("${}", self.values.len())
    }

    /// Every word somewhere in the name, or the code from its beginning, in either alphabet.
    fn search(&mut self, search: &str) {
        let like = |text: &str| text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let name = fold(search);
        let words: Vec<String> = name
            .split(' ')
            .filter(|word| !word.is_empty())
            .take(MOST_WORDS)
            .map(|word| format!("p.name_fold LIKE {} ESCAPE '\\'", self.bind(&format!("%{}%", like(word)))))
            .collect();
        if words.is_empty() {
            return;
        }
        let code = self.bind(&format!("{}%", like(&fold_code(search))));
        self.conditions.push(format!("(({}) OR p.code_fold LIKE {code} ESCAPE '\\')", words.join(" AND ")));
    }

    /// Whether the person holds a role like that today.
    fn holds(&mut self, role: &str, today: Date) -> String {
        let (from, to) = (self.bind(&today.to_string()), self.bind(&today.to_string()));
        format!(
            "EXISTS (SELECT 1 FROM role_assignment r WHERE r.person_id = p.id AND {role}
             AND (r.valid_from IS NULL OR r.valid_from <= {from}) AND (r.valid_to IS NULL OR r.valid_to >= {to}))"
        )
    }
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
    /// People of a school, by the alphabet, where ё stands beside е: those of one page, and how many there are in all. Searched,
    /// filtered and cut by the database: a page reads a page. [`StoreError::NotFound`]: nobody is where the page before ended.
    pub async fn people(&self, school: &SchoolId, query: &PeopleQuery, today: Date) -> Result<PeoplePage, StoreError> {
        let mut filter = Filter::of(school, query, today);
        let count = format!("SELECT COUNT(*) FROM {FROM} WHERE {}", filter.conditions.join(" AND "));
        let mut counting = sqlx::query_as::<_, (i64,)>(AssertSqlSafe(count));
        for value in &filter.values {
            counting = counting.bind(value.as_str());
        }
        let (total,) = counting.fetch_one(self.readers()).await?;
        if let Some(after) = &query.after {
            // By the name that stands there now; who has been erased has none any more.
            let (name,): (String,) =
                sqlx::query_as("SELECT name_fold FROM person WHERE id = $1 AND school_id = $2 AND status = 'active'")
                    .bind(after.as_str())
                    .bind(school.as_str())
                    .fetch_one(self.readers())
                    .await?;
            let (name, id) = (filter.bind(&name), filter.bind(after.as_str()));
            filter.conditions.push(format!("(p.name_fold, p.id) > ({name}, {id})"));
        }
        let limit = query.limit.clamp(1, MOST_ON_A_PAGE);
        let page = format!(
            "SELECT p.id, p.code, p.display_name, a.person_id AS account, a.disabled_at FROM {FROM} WHERE {}
             ORDER BY p.name_fold, p.id LIMIT {}",
            filter.conditions.join(" AND "),
            limit + 1
        );
        let mut asking = sqlx::query(AssertSqlSafe(page));
        for value in &filter.values {
            asking = asking.bind(value.as_str());
        }
        let mut rows = asking.fetch_all(self.readers()).await?;
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let ids = rows.iter().map(|row| text(row, "id")).collect::<Result<Vec<_>, _>>()?;
        let mut roles = self.roles_of(&ids, today).await?;
        let people = rows.iter().map(|row| person_row(row, &mut roles)).collect::<Result<Vec<_>, _>>()?;
        let after = people.last().filter(|_| is_more).map(|last| last.id.clone());
        Ok(PeoplePage { people, total: usize::try_from(total).unwrap_or(0), after })
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
        let mut roles = self.roles_of(&[id.as_str().to_owned()], today).await?;
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

    /// Roles in force of these people, no more than a page of them.
    async fn roles_of(&self, people: &[String], today: Date) -> Result<HashMap<String, Vec<RoleFacts>>, StoreError> {
        if people.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "SELECT r.person_id, r.role, r.unit_id, u.name AS unit, r.valid_from, r.valid_to FROM role_assignment r
             LEFT JOIN org_unit u ON u.id = r.unit_id WHERE r.person_id IN ({}) ORDER BY r.id",
            sql::placeholders(1, people.len())
        );
        let mut asking = sqlx::query(AssertSqlSafe(sql));
        for person in people {
            asking = asking.bind(person.as_str());
        }
        let rows = asking.fetch_all(self.readers()).await?;
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
    pub(in crate::store) async fn keep_an_admin(
        &mut self,
        school: &School,
        person: &PersonId,
        today: Date,
    ) -> Result<(), ManageError> {
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
