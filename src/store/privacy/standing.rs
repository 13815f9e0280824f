//! What consents do: who may not be written to outside the hub, and the clock's word on signatures whose signers have lost the
//! right to sign (`Given -> Expired`, DOMAIN 2.2).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::school::School;
use super::super::sql::{self, int, optional_text, placeholders, text, word};
use super::super::{AuditEvent, Store, StoreError};
use crate::domain::calendar::date_in;
use crate::domain::consent::{Act, Entry, Purpose, has_ended, lapsed, signers, standing};
use crate::domain::ids::PersonId;

/// What one person's consents rest on.
struct Signed {
    school: String,
    born: Option<Date>,
    guardians: Vec<PersonId>,
    /// By purpose.
    entries: BTreeMap<Purpose, Vec<Entry>>,
}

impl Store {
    /// Who of these must not get mails and pushes: their consent to messages was withdrawn, or has ended by itself. In the app
    /// they are told all the same.
    pub async fn silenced(&self, people: &[String], now_ms: i64) -> Result<BTreeSet<String>, StoreError> {
        let mut silenced = BTreeSet::new();
        if people.is_empty() {
            return Ok(silenced);
        }
        let schools = self.schools().await?;
        let zone_of = |of: &str| schools.iter().find(|one| one.id.as_str() == of).map_or(TimeZone::UTC, School::zone);
        for chunk in people.chunks(400) {
            let condition = format!("c.purpose = 'messages' AND c.person_id IN ({})", placeholders(1, chunk.len()));
            let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
            for (person, signed) in self.signed(&condition, &chunk).await? {
                let needed = signers(signed.born, date_in(&zone_of(&signed.school), now_ms));
                let entries = signed.entries.get(&Purpose::Messages).map(Vec::as_slice).unwrap_or_default();
                // A newer version of the text takes nothing away: any version will do here.
                let found = standing(entries, &PersonId::new(person.as_str()), &signed.guardians, needed, i64::MAX);
                if has_ended(found) {
                    silenced.insert(person);
                }
            }
        }
        Ok(silenced)
    }

    /// Notes signatures whose signers may not sign any more; gives how many. Asking again notes nothing.
    pub async fn expire_consents(&self, now_ms: i64) -> Result<usize, StoreError> {
        let mut noted = 0;
        for school in self.schools().await? {
            let today = date_in(&school.zone(), now_ms);
            let mut due = Vec::new();
            for (person, signed) in self.signed("c.school_id = $1", &[school.id.as_str()]).await? {
                let needed = signers(signed.born, today);
                for (purpose, entries) in &signed.entries {
                    let gone = lapsed(entries, &PersonId::new(person.as_str()), &signed.guardians, needed);
                    due.extend(gone.into_iter().map(|by| (person.clone(), by, *purpose)));
                }
            }
            noted += due.len();
            if due.is_empty() {
                continue;
            }
            let school = school.id.clone();
            self.write(move |tx| {
                Box::pin(async move {
                    for (person, by, purpose) in due {
                        let id = uuid::Uuid::now_v7().to_string();
                        sqlx::query(
                            "INSERT INTO consent (id, school_id, person_id, by_id, purpose, text_id, act, method, at)
                             SELECT $1, school_id, person_id, by_id, purpose, text_id, 'expired', 'clock', $2 FROM consent
                             WHERE person_id = $3 AND by_id = $4 AND purpose = $5 ORDER BY at DESC, id DESC LIMIT 1",
                        )
                        .bind(id.as_str())
                        .bind(now_ms)
                        .bind(person.as_str())
                        .bind(by.as_str())
                        .bind(purpose.as_str())
                        .execute(tx.connection())
                        .await?;
                        let detail = serde_json::json!({ "purpose": purpose, "person": person, "by": by });
                        let event = AuditEvent::new(school.clone(), now_ms, "consent.expire", "consent", &id);
                        tx.audit(event.with(detail)).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        }
        Ok(noted)
    }

    /// Acts that fit, by person, with what their standing depends on: two queries, however many people they are.
    async fn signed(&self, condition: &str, values: &[&str]) -> Result<HashMap<String, Signed>, StoreError> {
        let sql = format!(
            "SELECT c.person_id, c.school_id, c.by_id, c.purpose, c.act, c.at, t.version, p.birth_date FROM consent c
             JOIN consent_text t ON t.id = c.text_id JOIN person p ON p.id = c.person_id
             WHERE {condition} ORDER BY c.at, c.id"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for value in values {
            query = query.bind(*value);
        }
        let sql = format!(
            "SELECT l.student_id, l.guardian_id FROM guardian_link l WHERE l.state = 'confirmed'
             AND l.student_id IN (SELECT c.person_id FROM consent c WHERE {condition}) ORDER BY l.guardian_id"
        );
        let mut links = sqlx::query_as::<_, (String, String)>(sqlx::AssertSqlSafe(sql));
        for value in values {
            links = links.bind(*value);
        }
        let mut guardians: HashMap<String, Vec<PersonId>> = HashMap::new();
        for (student, guardian) in links.fetch_all(self.readers()).await? {
            guardians.entry(student).or_default().push(PersonId::new(guardian));
        }
        let mut found: HashMap<String, Signed> = HashMap::new();
        for row in &query.fetch_all(self.readers()).await? {
            let person = text(row, "person_id")?;
            if !found.contains_key(&person) {
                let signed = Signed {
                    school: text(row, "school_id")?,
                    born: optional_text(row, "birth_date")?.map(|born| sql::date(&born)).transpose()?,
                    guardians: guardians.remove(&person).unwrap_or_default(),
                    entries: BTreeMap::new(),
                };
                found.insert(person.clone(), signed);
            }
            let purpose = word(Purpose::parse(&text(row, "purpose")?), "purpose")?;
            let entry = Entry {
                by: PersonId::new(text(row, "by_id")?),
                act: word(Act::parse(&text(row, "act")?), "act")?,
                version: int(row, "version")?,
                at_ms: int(row, "at")?,
            };
            if let Some(signed) = found.get_mut(&person) {
                signed.entries.entry(purpose).or_default().push(entry);
            }
        }
        Ok(found)
    }
}
