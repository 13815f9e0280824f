//! What planning needs of the demo school: the local act, contracts with working time, parts that are over.

use jiff::civil::Date;
use serde::Deserialize;

use super::{DemoError, rows};
use crate::domain::calendar::plus_days;
use crate::domain::ids::PersonId;
use crate::store::load::contracts::Contract;
use crate::store::planning::acts::LocalAct;
use crate::store::school::School;
use crate::store::{Store, StoreError, sql};

const CONTRACTS: &str = include_str!("../../../config/demo/contracts.csv");

#[derive(Clone, Debug, Deserialize)]
struct ContractRow {
    person: String,
    position: String,
    kind: String,
    contract_no: String,
    hours_week: Option<i64>,
    /// `1-5 09:00-18:00`: weekdays, from, to.
    windows: String,
}

/// The act of the demo school, in force from the year's first day.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ActRow {
    number: String,
    dated: Date,
    title: String,
    basis: String,
    valid_from: Date,
}

/// Writes what cards are checked against: the act and the contracts.
pub(super) async fn add(store: &Store, school: &School, act: &ActRow, now_ms: i64) -> Result<(), DemoError> {
    let mut contracts = Vec::new();
    for row in rows::<ContractRow>("contracts.csv", CONTRACTS)? {
        let person = store.person_by_code(&school.id, &row.person).await?;
        let person = person.ok_or_else(|| DemoError::File { file: "contracts.csv", detail: row.person.clone() })?;
        contracts.push(row.contract(person.id)?);
    }
    let act = LocalAct {
        id: uuid::Uuid::now_v7().to_string(),
        number: act.number.clone(),
        dated: act.dated,
        title: act.title.clone(),
        basis: act.basis.clone(),
        valid_from: act.valid_from,
        valid_to: None,
        opinions: Vec::new(),
        file: None,
    };
    let school = school.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.insert_local_act(&school, &act, None, now_ms).await?;
                for contract in &contracts {
                    tx.put_contract(&school, contract, None, now_ms).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}

/// Ends the parts that are over by the plan; the cards have brought them.
pub(super) async fn complete(store: &Store, school: &School, now_ms: i64) -> Result<(), DemoError> {
    let deputy = store.person_by_code(&school.id, "D-001").await?.map(|person| person.id);
    let yesterday = plus_days(crate::domain::calendar::date_in(&school.zone(), now_ms), -1);
    let school = school.id.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE programme_part SET completed_on = ends_on, completed_by = $1 WHERE ends_on <= $2
                     AND programme_id IN (SELECT id FROM programme WHERE school_id = $3)",
                )
                .bind(deputy.as_ref().map(PersonId::as_str))
                .bind(yesterday.to_string())
                .bind(school.as_str())
                .execute(tx.connection())
                .await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}

impl ContractRow {
    fn contract(&self, person: PersonId) -> Result<Contract, DemoError> {
        let wrong = || DemoError::File { file: "contracts.csv", detail: self.windows.clone() };
        let mut windows = Vec::new();
        if let Some((days, times)) = self.windows.split_once(' ') {
            let (first, last) = days.split_once('-').ok_or_else(wrong)?;
            let (from, to) = times.split_once('-').ok_or_else(wrong)?;
            let days = first.parse::<i8>().ok().zip(last.parse().ok()).ok_or_else(wrong)?;
            let time = |text: &str| sql::time(&format!("{text}:00"));
            for day in days.0..=days.1 {
                windows.push((day, time(from)?, time(to)?));
            }
        }
        Ok(Contract {
            id: uuid::Uuid::now_v7().to_string(),
            person,
            position: self.position.clone(),
            is_teaching: self.kind == "teaching",
            contract_no: Some(self.contract_no.clone()),
            from: None,
            to: None,
            teaching_week: None,
            week: self.hours_week.map(|hours| hours * 100),
            month: None,
            year: None,
            windows,
            absences: Vec::new(),
        })
    }
}
