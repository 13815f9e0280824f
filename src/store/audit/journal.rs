//! The journal for reading: newest first, a page at a time, cut to what somebody may see.

use sqlx::Row as _;

use super::super::sql::placeholders;
use super::super::{Backend, Store, StoreError};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::journal::{SIGN_INS, Sight, TECHNICAL};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct JournalQuery {
    /// Who did it, or whom it is about.
    pub person: Option<PersonId>,
    /// Beginning of the action; a whole one or `card.`.
    pub action: String,
    /// Unix milliseconds, both included.
    pub from_ms: Option<i64>,
    pub to_ms: Option<i64>,
    /// Rows before this one.
    pub before: Option<i64>,
    pub limit: i64,
}

/// One row.
#[derive(Clone, Debug)]
pub struct JournalRow {
    pub seq: i64,
    pub at_ms: i64,
    pub actor: Option<PersonId>,
    pub acting_role: Option<String>,
    /// From where ([`Origin`](super::super::origin::Origin)); `None`: nobody was there, or it is not known.
    pub ip_class: Option<String>,
    pub action: String,
    pub object_kind: String,
    pub object_id: String,
    pub reason: Option<String>,
    pub detail: Option<String>,
    pub hash: String,
}

/// A statement that grows, with what is bound to it.
struct Statement {
    sql: String,
    values: Vec<Bound>,
}

enum Bound {
    Text(String),
    Int(i64),
}

impl Statement {
    fn text(&mut self, value: &str) -> String {
        self.values.push(Bound::Text(value.to_owned()));
        format!("${}", self.values.len())
    }

    fn int(&mut self, value: i64) -> String {
        self.values.push(Bound::Int(value));
        format!("${}", self.values.len())
    }

    /// `(action LIKE 'session.%' OR …)`.
    fn beginnings(&mut self, beginnings: &[&str]) -> String {
        let any: Vec<String> =
            beginnings.iter().map(|beginning| format!("action LIKE {}", self.text(&format!("{beginning}%")))).collect();
        format!("({})", any.join(" OR "))
    }

    /// Rows that somebody did, or that are about them.
    fn of(&mut self, person: &str) -> String {
        let (actor, object) = (self.text(person), self.text(person));
        format!("(actor_id = {actor} OR (object_kind = 'person' AND object_id = {object}))")
    }
}

impl Store {
    /// Rows of a school's journal that `me` may see, newest first.
    pub async fn journal(
        &self,
        school: &SchoolId,
        (me, sight): (&PersonId, &Sight),
        query: &JournalQuery,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let mut statement = Statement { sql: String::new(), values: Vec::new() };
        let mut all = vec![format!("school_id = {}", statement.text(school.as_str()))];
        if !sight.all {
            all.push(visible(&mut statement, me, sight));
        }
        if let Some(person) = &query.person {
            all.push(statement.of(person.as_str()));
        }
        if !query.action.is_empty() {
            // As a range, which an index knows, where LIKE would look at every row.
            let from = statement.text(&query.action);
            if self.backend() == Backend::Postgres {
                // There a range goes by the database's collation.
                all.push(format!("starts_with(action, {from})"));
            } else {
                let to = statement.text(&format!("{}\u{10ffff}", query.action));
                all.push(format!("action >= {from} AND action < {to}"));
            }
        }
        for (comparison, bound) in [("at >=", query.from_ms), ("at <=", query.to_ms), ("seq <", query.before)] {
            if let Some(bound) = bound {
                all.push(format!("{comparison} {}", statement.int(bound)));
            }
        }
        let limit = statement.int(query.limit);
        statement.sql = format!(
            "SELECT seq, at, actor_id, acting_role, action, object_kind, object_id, reason, detail, hash,
             ip_class FROM audit_event
             WHERE {} ORDER BY seq DESC LIMIT {limit}",
            all.join(" AND ")
        );
        let mut found = sqlx::query(sqlx::AssertSqlSafe(statement.sql));
        for value in statement.values {
            found = match value {
                Bound::Text(text) => found.bind(text),
                Bound::Int(number) => found.bind(number),
            };
        }
        let rows = found.fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                Ok(JournalRow {
                    seq: row.try_get(0)?,
                    at_ms: row.try_get(1)?,
                    actor: row.try_get::<Option<String>, _>(2)?.map(PersonId::new),
                    acting_role: row.try_get(3)?,
                    ip_class: row.try_get(10)?,
                    action: row.try_get(4)?,
                    object_kind: row.try_get(5)?,
                    object_id: row.try_get(6)?,
                    reason: row.try_get(7)?,
                    detail: row.try_get(8)?,
                    hash: row.try_get(9)?,
                })
            })
            .collect()
    }

    /// The newest row of a school's chain: its number and hash; `None`: nothing has happened yet.
    pub async fn journal_head(&self, school: &SchoolId) -> Result<Option<(i64, String)>, StoreError> {
        let row: Option<(i64, String)> =
            sqlx::query_as("SELECT seq, hash FROM audit_event WHERE school_id = $1 ORDER BY seq DESC LIMIT 1")
                .bind(school.as_str())
                .fetch_optional(self.readers())
                .await?;
        Ok(row)
    }
}

/// What somebody sees who does not see all.
fn visible(statement: &mut Statement, me: &PersonId, sight: &Sight) -> String {
    let own = statement.of(me.as_str());
    let sign_ins = statement.beginnings(SIGN_INS);
    let mut any = vec![format!("({own} AND {sign_ins})")];
    if sight.own_acts {
        any.push(format!("actor_id = {}", statement.text(me.as_str())));
    }
    if sight.technical {
        any.push(statement.beginnings(TECHNICAL));
    }
    if sight.teaching {
        any.push(format!("NOT {}", statement.beginnings(TECHNICAL)));
    }
    if !sight.units.is_empty() {
        let list = |statement: &mut Statement| {
            let from = statement.values.len() + 1;
            statement.values.extend(sight.units.iter().map(|unit| Bound::Text(unit.as_str().to_owned())));
            placeholders(from, sight.units.len())
        };
        let (members, classes) = (list(statement), list(statement));
        let people = format!(
            "(SELECT person_id FROM role_assignment WHERE unit_id IN ({members})
             UNION SELECT e.person_id FROM enrollment e JOIN study_group g ON g.id = e.study_group_id
             JOIN school_class c ON c.id = g.class_id WHERE c.unit_id IN ({classes}))"
        );
        any.push(format!("actor_id IN {people}"));
    }
    format!("({})", any.join(" OR "))
}
