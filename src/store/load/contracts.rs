//! Contracts with their share for consultations, working time, absences.

use jiff::civil::{Date, Time};

use super::super::school::School;
use super::super::sql::{self, int, optional_date, optional_int, optional_text, text, time};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::planning::load::Hundredths;
use crate::domain::role::Role;

/// A contract as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub id: String,
    pub person: PersonId,
    pub position: String,
    pub is_teaching: bool,
    pub contract_no: Option<String>,
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub teaching_week: Option<Hundredths>,
    pub week: Option<Hundredths>,
    pub month: Option<Hundredths>,
    pub year: Option<Hundredths>,
    /// Weekday (Monday is 1), from, to.
    pub windows: Vec<(i8, Time, Time)>,
    pub absences: Vec<Absence>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    pub id: String,
    pub from: Date,
    pub to: Date,
    pub kind: String,
}

impl Store {
    /// Contracts of a school, or of one person.
    pub async fn contracts(&self, school: &School, of: Option<&PersonId>) -> Result<Vec<Contract>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, person_id, position, kind, contract_no, valid_from, valid_to, teaching_hours_week,
             consultation_hours_week, consultation_hours_month, consultation_hours_year FROM employment
             WHERE school_id = $1 ORDER BY created_at, id",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        let windows = sqlx::query(
            "SELECT w.employment_id, w.weekday, w.starts, w.ends FROM working_window w JOIN employment e
             ON e.id = w.employment_id WHERE e.school_id = $1 ORDER BY w.weekday, w.starts",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        let absences = sqlx::query(
            "SELECT a.id, a.employment_id, a.starts_on, a.ends_on, a.kind FROM absence a JOIN employment e
             ON e.id = a.employment_id WHERE e.school_id = $1 ORDER BY a.starts_on",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = text(row, "id")?;
            let person = PersonId::new(text(row, "person_id")?);
            if of.is_some_and(|of| *of != person) {
                continue;
            }
            let mut contract = Contract {
                person,
                position: text(row, "position")?,
                is_teaching: text(row, "kind")? == "teaching",
                contract_no: optional_text(row, "contract_no")?,
                from: optional_date(optional_text(row, "valid_from")?)?,
                to: optional_date(optional_text(row, "valid_to")?)?,
                teaching_week: optional_int(row, "teaching_hours_week")?,
                week: optional_int(row, "consultation_hours_week")?,
                month: optional_int(row, "consultation_hours_month")?,
                year: optional_int(row, "consultation_hours_year")?,
                windows: Vec::new(),
                absences: Vec::new(),
                id,
            };
            for window in &windows {
                if text(window, "employment_id")? == contract.id {
                    let day = i8::try_from(int(window, "weekday")?).unwrap_or_default();
                    contract.windows.push((day, time(&text(window, "starts")?)?, time(&text(window, "ends")?)?));
                }
            }
            for absence in &absences {
                if text(absence, "employment_id")? == contract.id {
                    contract.absences.push(Absence {
                        id: text(absence, "id")?,
                        from: sql::date(&text(absence, "starts_on")?)?,
                        to: sql::date(&text(absence, "ends_on")?)?,
                        kind: text(absence, "kind")?,
                    });
                }
            }
            all.push(contract);
        }
        Ok(all)
    }
}

impl Store {
    /// Whose absence it is; [`StoreError::NotFound`]: not one of this school.
    pub async fn person_of_absence(&self, school: &SchoolId, id: &str) -> Result<PersonId, StoreError> {
        let (person,): (String,) = sqlx::query_as(
            "SELECT e.person_id FROM absence a JOIN employment e ON e.id = a.employment_id
             WHERE a.id = $1 AND e.school_id = $2",
        )
        .bind(id)
        .bind(school.as_str())
        .fetch_one(self.readers())
        .await?;
        Ok(PersonId::new(person))
    }
}

impl Tx {
    /// Writes a contract, or replaces the one of the same name; working time is replaced as a whole, absences stay.
    pub async fn put_contract(
        &mut self,
        school: &School,
        contract: &Contract,
        actor: Option<&Actor>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let known: Option<(String,)> = sqlx::query_as("SELECT id FROM person WHERE id = $1 AND school_id = $2")
            .bind(contract.person.as_str())
            .bind(school.id.as_str())
            .fetch_optional(self.connection())
            .await?;
        if known.is_none() {
            return Err(StoreError::NotFound);
        }
        let other: Option<(String, String)> =
            sqlx::query_as("SELECT school_id, person_id FROM employment WHERE id = $1")
                .bind(contract.id.as_str())
                .fetch_optional(self.connection())
                .await?;
        if other.is_some_and(|other| other != (school.id.as_str().to_owned(), contract.person.as_str().to_owned())) {
            return Err(StoreError::NotFound);
        }
        sqlx::query(
            "INSERT INTO employment (id, school_id, person_id, position, kind, contract_no, valid_from, valid_to,
             teaching_hours_week, consultation_hours_week, consultation_hours_month, consultation_hours_year, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (id) DO UPDATE SET position = excluded.position, kind = excluded.kind,
             contract_no = excluded.contract_no, valid_from = excluded.valid_from, valid_to = excluded.valid_to,
             teaching_hours_week = excluded.teaching_hours_week,
             consultation_hours_week = excluded.consultation_hours_week,
             consultation_hours_month = excluded.consultation_hours_month,
             consultation_hours_year = excluded.consultation_hours_year",
        )
        .bind(contract.id.as_str())
        .bind(school.id.as_str())
        .bind(contract.person.as_str())
        .bind(contract.position.as_str())
        .bind(if contract.is_teaching { "teaching" } else { "non_teaching" })
        .bind(contract.contract_no.as_deref())
        .bind(contract.from.map(|day| day.to_string()))
        .bind(contract.to.map(|day| day.to_string()))
        .bind(contract.teaching_week)
        .bind(contract.week)
        .bind(contract.month)
        .bind(contract.year)
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        sqlx::query("DELETE FROM working_window WHERE employment_id = $1")
            .bind(contract.id.as_str())
            .execute(self.connection())
            .await?;
        let windows = contract
            .windows
            .iter()
            .map(|(day, from, to)| {
                vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    contract.id.as_str().into(),
                    i64::from(*day).into(),
                    from.to_string().into(),
                    to.to_string().into(),
                ]
            })
            .collect();
        sql::insert_many(self.connection(), "working_window (id, employment_id, weekday, starts, ends)", 5, windows)
            .await?;
        let mut event = AuditEvent::new(school.id.clone(), now_ms, "contract.put", "employment", &contract.id).with(
            serde_json::json!({ "person": contract.person, "week": contract.week, "month": contract.month, "year": contract.year }),
        );
        if let Some(actor) = actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        self.audit(event).await
    }

    /// Writes an absence of everything that a person is employed as.
    pub async fn add_absence(
        &mut self,
        school: &School,
        person: &PersonId,
        (from, to): (Date, Date),
        kind: &str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT id FROM employment WHERE school_id = $1 AND person_id = $2")
            .bind(school.id.as_str())
            .bind(person.as_str())
            .fetch_all(self.connection())
            .await?;
        if rows.is_empty() {
            return Err(StoreError::NotFound);
        }
        let count = rows.len();
        let absences = rows
            .into_iter()
            .map(|(employment,)| {
                vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    employment.into(),
                    from.to_string().into(),
                    to.to_string().into(),
                    kind.into(),
                    actor.person.as_str().into(),
                    now_ms.into(),
                ]
            })
            .collect();
        let into = "absence (id, employment_id, starts_on, ends_on, kind, created_by, created_at)";
        sql::insert_many(self.connection(), into, 7, absences).await?;
        let event = AuditEvent::new(school.id.clone(), now_ms, "absence.add", "person", person.as_str())
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(serde_json::json!({ "from": from, "to": to }));
        self.audit(event).await?;
        Ok(count)
    }

    /// Takes an absence back. [`StoreError::NotFound`]: the school has none of that name.
    pub async fn drop_absence(
        &mut self,
        school: &School,
        id: &str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "DELETE FROM absence WHERE id = $1 AND employment_id IN (SELECT id FROM employment WHERE school_id = $2)",
        )
        .bind(id)
        .bind(school.id.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        let event = AuditEvent::new(school.id.clone(), now_ms, "absence.drop", "absence", id)
            .by(&actor.person, actor.role.map(Role::as_str));
        self.audit(event).await
    }
}
