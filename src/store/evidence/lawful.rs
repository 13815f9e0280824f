//! What makes a consultation unlawful beside broken norms (DOMAIN 2.6): children who were there without a consent that the school
//! asks for, observers of whom nobody was told.

use std::collections::HashMap;

use jiff::civil::Date;

use super::super::school::School;
use super::super::sql::{self, int, optional_text, text, word};
use super::super::{Store, StoreError};
use super::presence::Stay;
use crate::domain::consent::{Act, Entry, Purpose, Standing, signers, standing};
use crate::domain::form::Form;
use crate::domain::ids::PersonId;

/// Texts and signatures for personal data in a school, as they are now; each act has its time.
pub(super) struct Consents {
    /// Versions of the text with the instants they came into force, oldest first.
    texts: Vec<(i64, i64)>,
    entries: HashMap<String, Vec<Entry>>,
    /// With when the link ended.
    guardians: HashMap<String, Vec<(PersonId, Option<i64>)>>,
    born: HashMap<String, Date>,
}

impl Consents {
    pub(super) async fn load(store: &Store, school: &School) -> Result<Self, StoreError> {
        let purpose = Purpose::PersonalData.as_str();
        let texts: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT version, created_at FROM consent_text WHERE school_id = $1 AND purpose = $2
             ORDER BY version",
        )
        .bind(school.id.as_str())
        .bind(purpose)
        .fetch_all(store.readers())
        .await?;
        let mut consents = Self { texts, entries: HashMap::new(), guardians: HashMap::new(), born: HashMap::new() };
        // A school that asks for none misses none.
        if consents.texts.is_empty() {
            return Ok(consents);
        }
        let rows = sqlx::query(
            "SELECT c.person_id, c.by_id, c.act, c.at, t.version FROM consent c JOIN consent_text t ON t.id = c.text_id
             WHERE c.school_id = $1 AND c.purpose = $2 ORDER BY c.at, c.id",
        )
        .bind(school.id.as_str())
        .bind(purpose)
        .fetch_all(store.readers())
        .await?;
        for row in &rows {
            consents.entries.entry(text(row, "person_id")?).or_default().push(Entry {
                by: PersonId::new(text(row, "by_id")?),
                act: word(Act::parse(&text(row, "act")?), "act")?,
                version: int(row, "version")?,
                at_ms: int(row, "at")?,
            });
        }
        // Also links that have ended since: their signatures stood while they lasted.
        let links: Vec<(String, String, Option<i64>)> = sqlx::query_as(
            "SELECT l.student_id, l.guardian_id, l.ended_at FROM guardian_link l JOIN person p ON p.id = l.student_id
             WHERE p.school_id = $1 AND (l.state = 'confirmed' OR l.state = 'ended' AND l.confirmed_by IS NOT NULL)",
        )
        .bind(school.id.as_str())
        .fetch_all(store.readers())
        .await?;
        for (student, guardian, ended_ms) in links {
            consents.guardians.entry(student).or_default().push((PersonId::new(guardian), ended_ms));
        }
        let rows = sqlx::query("SELECT id, birth_date FROM person WHERE school_id = $1 AND birth_date IS NOT NULL")
            .bind(school.id.as_str())
            .fetch_all(store.readers())
            .await?;
        for row in &rows {
            if let Some(born) = optional_text(row, "birth_date")? {
                consents.born.insert(text(row, "id")?, sql::date(&born)?);
            }
        }
        Ok(consents)
    }

    /// Who of those who came to be helped had no consent when it began. A consent to an earlier text stands until it is taken
    /// back or runs out.
    pub(super) fn missing(&self, stays: &[Stay], day: Date, start_ms: i64) -> Vec<PersonId> {
        let Some((version, _)) = self.texts.iter().rev().find(|(_, at)| *at <= start_ms) else {
            return Vec::new();
        };
        let mut children: Vec<&str> =
            stays.iter().filter(|stay| stay.role == "recipient").map(|stay| stay.person.as_str()).collect();
        children.sort_unstable();
        children.dedup();
        let has = |person: &str| {
            let entries = self.entries.get(person).map(Vec::as_slice).unwrap_or_default();
            let until: Vec<Entry> = entries.iter().filter(|entry| entry.at_ms <= start_ms).cloned().collect();
            let links = self.guardians.get(person).map(Vec::as_slice).unwrap_or_default();
            let in_force = links.iter().filter(|(_, ended_ms)| ended_ms.is_none_or(|at| at > start_ms));
            let guardians: Vec<PersonId> = in_force.map(|(guardian, _)| guardian.clone()).collect();
            let needed = signers(self.born.get(person).copied(), day);
            let found = standing(&until, &PersonId::new(person), &guardians, needed, *version);
            matches!(found, Standing::Given | Standing::Outdated)
        };
        children.into_iter().filter(|person| !has(person)).map(PersonId::new).collect()
    }
}

/// Observers of whom nobody was told; in individual help there are none at all (INV-50).
pub(super) fn unannounced(stays: &[Stay], form: Form) -> Vec<PersonId> {
    let mut found: Vec<&str> = stays
        .iter()
        .filter(|stay| stay.role == "observer" && (!stay.was_announced || form == Form::Individual))
        .map(|stay| stay.person.as_str())
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(PersonId::new).collect()
}
