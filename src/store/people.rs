//! People, their accounts, roles, groups and guardian links.

pub mod managing;

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::any::AnyRow;

use super::school::zone;
use super::sql::{self, date, optional_text, text, word};
use super::{Store, StoreError, Tx};
use crate::domain::fold::{fold, fold_code};
use crate::domain::ids::{GroupId, PersonId, SchoolId, UnitId};
use crate::domain::person::{LinkState, PersonFacts, WardFacts, in_force};
use crate::domain::policy::Held;
use crate::domain::role::Role;

/// A person as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub school: SchoolId,
    /// The school's own name for the person (`T-014`), which is also the login.
    pub code: String,
    pub display_name: String,
    pub birth_date: Option<Date>,
}

/// A local account.
#[derive(Clone, Debug)]
pub struct Account {
    pub person: Person,
    /// PHC string.
    pub password_hash: String,
    pub is_disabled: bool,
}

/// Whom a sign-in is of, as each request asks.
#[derive(Clone, Debug)]
pub struct SignedPerson {
    pub person: Person,
    pub zone: TimeZone,
    /// Somebody else chose the password: nothing but choosing another comes first.
    pub is_password_due: bool,
}

/// A child of a guardian, for the child switcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ward {
    pub id: PersonId,
    pub display_name: String,
    /// Name of the class; empty if the child is in none.
    pub class: String,
}

/// A person to write.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub code: String,
    pub family_name: String,
    pub given_name: String,
    pub middle_name: Option<String>,
    pub birth_date: Option<Date>,
}

impl NewPerson {
    /// Teachers are called by name and patronymic, with the family name last where it helps; one form for all here.
    fn display_name(&self) -> String {
        let parts = [Some(&self.family_name), Some(&self.given_name), self.middle_name.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

fn person(row: &AnyRow) -> Result<Person, StoreError> {
    Ok(Person {
        id: PersonId::new(text(row, "id")?),
        school: SchoolId::new(text(row, "school_id")?),
        code: text(row, "code")?,
        display_name: text(row, "display_name")?,
        birth_date: sql::optional_date(optional_text(row, "birth_date")?)?,
    })
}

fn is_in_force(row: &AnyRow, day: Date) -> Result<bool, StoreError> {
    let from = sql::optional_date(optional_text(row, "valid_from")?)?;
    let to = sql::optional_date(optional_text(row, "valid_to")?)?;
    Ok(in_force(day, from, to))
}

/// `role`: the column with the role's word.
fn held(row: &AnyRow, role: &'static str) -> Result<Held, StoreError> {
    let role = word(Role::parse(&text(row, role)?), "role")?;
    Ok(Held { role, unit: optional_text(row, "unit_id")?.map(UnitId::new) })
}

impl Store {
    /// The account of a login, whatever alphabet it was typed in (`Т-014`, `t-014`); `None`: no such login.
    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT p.id, p.school_id, p.code, p.display_name, p.birth_date, a.password_hash, a.disabled_at
             FROM account a JOIN person p ON p.id = a.person_id WHERE a.login = $1",
        )
        .bind(fold_code(login))
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| {
            Ok(Account {
                person: person(&row)?,
                password_hash: text(&row, "password_hash")?,
                is_disabled: sql::optional_int(&row, "disabled_at")?.is_some(),
            })
        })
        .transpose()
    }

    /// One person; [`StoreError::NotFound`] if there is none of that name.
    pub async fn person(&self, id: &PersonId) -> Result<Person, StoreError> {
        let row = sqlx::query("SELECT id, school_id, code, display_name, birth_date FROM person WHERE id = $1")
            .bind(id.as_str())
            .fetch_one(self.readers())
            .await?;
        person(&row)
    }

    /// Display names of these people; who is unknown is missing from the answer.
    pub async fn display_names(&self, ids: &[PersonId]) -> Result<HashMap<PersonId, String>, StoreError> {
        let mut names = HashMap::new();
        for chunk in ids.chunks(500) {
            let sql =
                format!("SELECT id, display_name FROM person WHERE id IN ({})", sql::placeholders(1, chunk.len()));
            let mut query = sqlx::query_as::<_, (String, String)>(sqlx::AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id.as_str());
            }
            let rows = query.fetch_all(self.readers()).await?;
            names.extend(rows.into_iter().map(|(id, name)| (PersonId::new(id), name)));
        }
        Ok(names)
    }

    /// Who a sign-in is of; [`StoreError::NotFound`] if there is none of that name.
    pub async fn signed_person(&self, id: &PersonId) -> Result<SignedPerson, StoreError> {
        let row = sqlx::query(
            "SELECT p.id, p.school_id, p.code, p.display_name, p.birth_date, s.tz,
             COALESCE((SELECT a.change_due FROM account a WHERE a.person_id = p.id), 0) AS change_due
             FROM person p JOIN school s ON s.id = p.school_id WHERE p.id = $1",
        )
        .bind(id.as_str())
        .fetch_one(self.readers())
        .await?;
        Ok(SignedPerson {
            person: person(&row)?,
            zone: zone(&text(&row, "tz")?),
            is_password_due: sql::int(&row, "change_due")? != 0,
        })
    }

    /// Everything the rules ask of a person, as of `today` (the school's date): roles in force, groups, wards.
    ///
    /// Asked at every join: what most people have is one query, children are looked at where there are any.
    pub async fn person_facts(&self, id: &PersonId, today: Date) -> Result<PersonFacts, StoreError> {
        let rows = sqlx::query(
            "SELECT 1 AS what, id, role AS name, unit_id, valid_from, valid_to
             FROM role_assignment WHERE person_id = $1
             UNION ALL
             SELECT 2, study_group_id, study_group_id, CAST(NULL AS TEXT), valid_from, valid_to
             FROM enrollment WHERE person_id = $2 AND role = 'student'
             UNION ALL
             SELECT 3, id, student_id, CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT)
             FROM guardian_link WHERE guardian_id = $3
             ORDER BY 1, 2",
        )
        .bind(id.as_str())
        .bind(id.as_str())
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        let (mut roles, mut groups, mut has_wards) = (Vec::new(), Vec::new(), false);
        for row in &rows {
            match sql::int(row, "what")? {
                3 => has_wards = true,
                _ if !is_in_force(row, today)? => {}
                1 => roles.push(held(row, "name")?),
                _ => groups.push(GroupId::new(text(row, "name")?)),
            }
        }
        let wards = if has_wards { self.ward_facts(id, today).await? } else { Vec::new() };
        Ok(PersonFacts { id: id.clone(), roles, groups, wards })
    }

    async fn ward_facts(&self, guardian: &PersonId, today: Date) -> Result<Vec<WardFacts>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.id, l.student_id, l.state, p.birth_date, (SELECT COUNT(*) FROM adult_grant g
             WHERE g.guardian_id = l.guardian_id AND g.student_id = l.student_id AND g.withdrawn_at IS NULL) AS grants
             FROM guardian_link l JOIN person p ON p.id = l.student_id
             WHERE l.guardian_id = $1 ORDER BY p.family_name, p.given_name, l.created_at",
        )
        .bind(guardian.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut wards = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = PersonId::new(text(row, "student_id")?);
            // A child without a birth date gives no rights: minority cannot be shown.
            let Some(born) = optional_text(row, "birth_date")? else { continue };
            let groups = self.groups_on(&id, today).await?;
            let link = word(LinkState::parse(&text(row, "state")?), "guardian link")?;
            let rights = self.guardian_rights(&text(row, "id")?).await?;
            let granted_by_adult = sql::int(row, "grants")? > 0;
            wards.push(WardFacts { id, birth_date: date(&born)?, link, groups, granted_by_adult, rights });
        }
        Ok(wards)
    }

    /// Roles in force on a day (INV-53).
    pub async fn roles_on(&self, person: &PersonId, day: Date) -> Result<Vec<Held>, StoreError> {
        let rows = sqlx::query(
            "SELECT role, unit_id, valid_from, valid_to FROM role_assignment WHERE person_id = $1 ORDER BY id",
        )
        .bind(person.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut roles = Vec::new();
        for row in &rows {
            if is_in_force(row, day)? {
                roles.push(held(row, "role")?);
            }
        }
        Ok(roles)
    }

    async fn groups_on(&self, student: &PersonId, day: Date) -> Result<Vec<GroupId>, StoreError> {
        let rows = sqlx::query(
            "SELECT study_group_id, valid_from, valid_to FROM enrollment WHERE person_id = $1 AND role = 'student'",
        )
        .bind(student.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut groups = Vec::new();
        for row in &rows {
            if is_in_force(row, day)? {
                groups.push(GroupId::new(text(row, "study_group_id")?));
            }
        }
        Ok(groups)
    }

    /// Children of these names with their classes, in that order.
    pub async fn wards(&self, ids: &[PersonId]) -> Result<Vec<Ward>, StoreError> {
        let mut wards = Vec::with_capacity(ids.len());
        for id in ids {
            let row = sqlx::query(
                "SELECT p.display_name, c.name AS class FROM person p
                 LEFT JOIN enrollment e ON e.person_id = p.id AND e.role = 'student'
                 LEFT JOIN study_group g ON g.id = e.study_group_id AND g.name_fold = ''
                 LEFT JOIN school_class c ON c.id = g.class_id WHERE p.id = $1 ORDER BY c.name DESC LIMIT 1",
            )
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await?;
            if let Some(row) = row {
                let class = optional_text(&row, "class")?.unwrap_or_default();
                wards.push(Ward { id: id.clone(), display_name: text(&row, "display_name")?, class });
            }
        }
        Ok(wards)
    }

    /// The person of a code in a school, whatever alphabet it is written in.
    pub async fn person_by_code(&self, school: &SchoolId, code: &str) -> Result<Option<Person>, StoreError> {
        let row = sqlx::query(
            "SELECT id, school_id, code, display_name, birth_date FROM person WHERE school_id = $1 AND code_fold = $2",
        )
        .bind(school.as_str())
        .bind(fold_code(code))
        .fetch_optional(self.readers())
        .await?;
        row.as_ref().map(person).transpose()
    }
}

impl Tx {
    pub async fn insert_person(
        &mut self,
        school: &SchoolId,
        new: &NewPerson,
        now_ms: i64,
    ) -> Result<PersonId, StoreError> {
        let id = PersonId::fresh();
        let row = vec![
            id.as_str().into(),
            school.as_str().into(),
            new.code.as_str().into(),
            fold_code(&new.code).into(),
            new.family_name.as_str().into(),
            new.given_name.as_str().into(),
            new.middle_name.clone().into(),
            new.birth_date.map(|date| date.to_string()).into(),
            new.display_name().into(),
            fold(&new.display_name()).into(),
            "active".into(),
            now_ms.into(),
        ];
        let into = "person (id, school_id, code, code_fold, family_name, given_name, middle_name, birth_date, display_name, name_fold, status, created_at)";
        sql::insert_many(self.connection(), into, 12, vec![row]).await?;
        Ok(id)
    }

    /// Gives a person a local account; `login` is folded, so that it may be typed in either alphabet.
    /// [`StoreError::Conflict`]: the login is taken or the person has one.
    pub async fn insert_account(
        &mut self,
        school: &SchoolId,
        person: &PersonId,
        login: &str,
        password_hash: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let row = vec![
            person.as_str().into(),
            school.as_str().into(),
            fold_code(login).into(),
            password_hash.into(),
            now_ms.into(),
        ];
        let into = "account (person_id, school_id, login, password_hash, created_at)";
        sql::insert_many(self.connection(), into, 5, vec![row]).await
    }

    /// Whether the account's password is only good for choosing another: `true` where somebody else chose it.
    pub async fn set_password_due(&mut self, person: &PersonId, is_due: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE account SET change_due = $1 WHERE person_id = $2")
            .bind(i64::from(is_due))
            .bind(person.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// `instead_of`: the string that must stand there still, else [`StoreError::NotFound`].
    pub async fn update_password(
        &mut self,
        person: &PersonId,
        password_hash: &str,
        instead_of: Option<&str>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE account SET password_hash = $1 WHERE person_id = $2 AND password_hash = COALESCE($3, password_hash)",
        )
        .bind(password_hash)
        .bind(person.as_str())
        .bind(instead_of)
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Gives a role without an end, from now on.
    pub async fn insert_role(
        &mut self,
        school: &SchoolId,
        person: &PersonId,
        role: Role,
        unit: Option<&UnitId>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.access_changed();
        let row = vec![
            uuid::Uuid::now_v7().to_string().into(),
            school.as_str().into(),
            person.as_str().into(),
            role.as_str().into(),
            unit.map(|unit| unit.as_str().to_owned()).into(),
            now_ms.into(),
        ];
        let into = "role_assignment (id, school_id, person_id, role, unit_id, created_at)";
        sql::insert_many(self.connection(), into, 6, vec![row]).await
    }

    /// Lets a role end with `last_day`. [`StoreError::NotFound`]: the person does not hold it after that day anyway.
    pub async fn end_role(&mut self, person: &PersonId, role: Role, last_day: Date) -> Result<(), StoreError> {
        self.access_changed();
        let done = sqlx::query(
            "UPDATE role_assignment SET valid_to = $1
             WHERE person_id = $2 AND role = $3 AND (valid_to IS NULL OR valid_to > $1)",
        )
        .bind(last_day.to_string())
        .bind(person.as_str())
        .bind(role.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    pub async fn insert_unit(&mut self, school: &SchoolId, name: &str, now_ms: i64) -> Result<UnitId, StoreError> {
        let id = UnitId::fresh();
        let row = vec![id.as_str().into(), school.as_str().into(), name.into(), now_ms.into()];
        sql::insert_many(self.connection(), "org_unit (id, school_id, name, created_at)", 4, vec![row]).await?;
        Ok(id)
    }

    pub async fn enroll(&mut self, group: &GroupId, student: &PersonId) -> Result<(), StoreError> {
        self.access_changed();
        let row = vec![group.as_str().into(), student.as_str().into(), "student".into()];
        sql::insert_many(self.connection(), "enrollment (study_group_id, person_id, role)", 3, vec![row]).await
    }

    /// Lets a student's place in a group end with `last_day`. [`StoreError::NotFound`]: there is none after that day.
    pub async fn end_enrollment(
        &mut self,
        group: &GroupId,
        student: &PersonId,
        last_day: Date,
    ) -> Result<(), StoreError> {
        self.access_changed();
        let done = sqlx::query(
            "UPDATE enrollment SET valid_to = $1 WHERE study_group_id = $2 AND person_id = $3
             AND (valid_to IS NULL OR valid_to > $1)",
        )
        .bind(last_day.to_string())
        .bind(group.as_str())
        .bind(student.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Ends the link of a guardian to a student, now. [`StoreError::NotFound`]: there is none that has not ended.
    pub async fn end_guardian_link(
        &mut self,
        (guardian, student): (&PersonId, &PersonId),
        reason: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.access_changed();
        let done = sqlx::query(
            "UPDATE guardian_link SET state = $1, ended_at = $2, reason = $3
             WHERE guardian_id = $4 AND student_id = $5 AND state <> $1",
        )
        .bind(LinkState::Ended.as_str())
        .bind(now_ms)
        .bind(reason)
        .bind(guardian.as_str())
        .bind(student.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    pub async fn insert_guardian_link(
        &mut self,
        school: &SchoolId,
        (guardian, student): (&PersonId, &PersonId),
        relation: &str,
        state: LinkState,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.access_changed();
        let row = vec![
            uuid::Uuid::now_v7().to_string().into(),
            school.as_str().into(),
            guardian.as_str().into(),
            student.as_str().into(),
            relation.into(),
            state.as_str().into(),
            "roster".into(),
            now_ms.into(),
        ];
        let into = "guardian_link (id, school_id, guardian_id, student_id, relation, state, source, created_at)";
        sql::insert_many(self.connection(), into, 8, vec![row]).await
    }
}
