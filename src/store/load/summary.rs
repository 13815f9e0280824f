//! Load planned against actual, by host and in single rows (clause 4.1).

use std::collections::HashMap;

use jiff::civil::Date;

use super::super::evidence::corrections::outcome;
use super::super::school::School;
use super::super::sql::{self, flag, int, optional_text, text, word};
use super::super::{Store, StoreError};
use crate::domain::calendar::Span;
use crate::domain::consultation::State;
use crate::domain::ids::{ConsultationId, PersonId, UnitId};
use crate::domain::planning::load::Hundredths;

/// One host's load over some dates.
#[derive(Clone, Debug)]
pub struct HostLoad {
    pub host: PersonId,
    pub display_name: String,
    pub is_teaching: bool,
    /// Of the contract, in hundredths of an academic hour.
    pub week_limit: Option<Hundredths>,
    pub month_limit: Option<Hundredths>,
    pub year_limit: Option<Hundredths>,
    /// Of everything that was or is planned for these dates, whoever held it in the end.
    pub planned: Hundredths,
    pub held: Hundredths,
    /// Still to come.
    pub ahead: Hundredths,
    pub cancelled: Hundredths,
    pub not_held: Hundredths,
    /// Held by somebody else.
    pub given_away: Hundredths,
    /// Held for somebody else.
    pub taken_over: Hundredths,
    pub consultations: usize,
}

/// One consultation in a host's load, with what explains the difference between plan and fact (INV-33).
#[derive(Clone, Debug)]
pub struct LoadRow {
    pub consultation: ConsultationId,
    pub date: Date,
    pub start_ms: i64,
    pub title: String,
    pub class: Option<String>,
    pub state: State,
    pub detail: Option<String>,
    pub planned: Hundredths,
    /// `None`: nothing was counted.
    pub entry: Option<Entry>,
    pub is_substitution: bool,
    pub host: PersonId,
    pub substitute: Option<PersonId>,
}

/// The ledger's row with its last correction.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: String,
    pub minutes: i64,
    pub hours: Hundredths,
    pub was_corrected: bool,
}

impl Store {
    /// Load rows of the dates, of one host or all, by start. A row concerns its host and, if there is one, the substitute.
    pub async fn load_rows(
        &self,
        school: &School,
        dates: Span,
        host: Option<&PersonId>,
    ) -> Result<Vec<LoadRow>, StoreError> {
        let mut sql = "SELECT c.id, c.date, c.start_at, c.end_at, c.state, c.not_held_reason, c.detail, c.host_id,
            c.substitute_host_id, v.title, cl.name AS class, s.body, l.id AS entry, l.minutes, l.academic_hours,
            (SELECT x.minutes FROM load_correction x WHERE x.entry_id = l.id ORDER BY x.n DESC LIMIT 1) AS corrected_minutes,
            (SELECT x.academic_hours FROM load_correction x WHERE x.entry_id = l.id ORDER BY x.n DESC LIMIT 1) AS corrected_hours,
            (SELECT x.new_value FROM correction x WHERE x.consultation_id = c.id AND x.field = 'outcome'
             ORDER BY x.n DESC LIMIT 1) AS outcome
            FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
            JOIN study_group g ON g.id = c.group_id LEFT JOIN school_class cl ON cl.id = g.class_id
            LEFT JOIN load_entry l ON l.consultation_id = c.id
            WHERE c.school_id = $1 AND c.date >= $2 AND c.date <= $3"
            .to_owned();
        if host.is_some() {
            sql.push_str(" AND (c.host_id = $4 OR c.substitute_host_id = $5)");
        }
        sql.push_str(" ORDER BY c.start_at, c.id");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(school.id.as_str())
            .bind(dates.from.to_string())
            .bind(dates.to.to_string());
        if let Some(host) = host {
            query = query.bind(host.as_str()).bind(host.as_str());
        }
        let hour = u16::try_from(school.academic_hour_minutes).unwrap_or(45);
        let rows = query.fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                let slot: crate::domain::lesson_card::CardSlot = sql::json(&text(row, "body")?, "slot")?;
                let minutes = (int(row, "end_at")? - int(row, "start_at")?) / 60_000;
                let is_whole = crate::domain::planning::load::is_whole_period(&slot);
                let substitute = optional_text(row, "substitute_host_id")?.map(PersonId::new);
                let said = optional_text(row, "not_held_reason")?.or(optional_text(row, "detail")?);
                let corrected = optional_text(row, "outcome")?.and_then(|word| outcome(&word));
                let (state, detail) = match corrected {
                    Some((state, reason)) => (state, reason.map(|reason| reason.as_str().to_owned())),
                    None => (word(State::parse(&text(row, "state")?), "state")?, said),
                };
                let entry = optional_text(row, "entry")?
                    .map(|id| {
                        let corrected = sql::optional_int(row, "corrected_minutes")?;
                        Ok::<_, StoreError>(Entry {
                            id,
                            minutes: corrected.map_or_else(|| int(row, "minutes"), Ok)?,
                            hours: sql::optional_int(row, "corrected_hours")?
                                .map_or_else(|| int(row, "academic_hours"), Ok)?,
                            was_corrected: corrected.is_some(),
                        })
                    })
                    .transpose()?;
                Ok(LoadRow {
                    consultation: ConsultationId::new(text(row, "id")?),
                    date: sql::date(&text(row, "date")?)?,
                    start_ms: int(row, "start_at")?,
                    title: text(row, "title")?,
                    class: optional_text(row, "class")?,
                    state,
                    detail,
                    planned: crate::domain::planning::load::academic_hours(minutes, is_whole, hour),
                    entry,
                    is_substitution: substitute.is_some(),
                    host: PersonId::new(text(row, "host_id")?),
                    substitute,
                })
            })
            .collect()
    }

    /// Everybody's load over the dates, by name; with `unit` only hosts of classes of that unit or with a role in it.
    pub async fn load_summary(
        &self,
        school: &School,
        dates: Span,
        only: Option<&PersonId>,
        units: Option<&[UnitId]>,
    ) -> Result<Vec<HostLoad>, StoreError> {
        let rows = self.load_rows(school, dates, only).await?;
        let mut connection = self.readers().acquire().await?;
        let facts = super::super::planning::view::hosts(&mut connection, school.id.as_str()).await?;
        drop(connection);
        let mut all: HashMap<PersonId, HostLoad> = HashMap::new();
        let empty = |host: &PersonId| {
            let on = facts.get(host);
            let limit = |of: fn(&crate::domain::planning::view::Employment) -> Option<Hundredths>| {
                let contracts: Vec<_> =
                    on.into_iter().flat_map(|facts| facts.on(dates.to)).filter(|one| one.is_teaching).collect();
                if contracts.is_empty() { None } else { contracts.into_iter().map(of).sum() }
            };
            HostLoad {
                host: host.clone(),
                display_name: String::new(),
                is_teaching: on.is_some_and(|facts| facts.teaches_on(dates.to)),
                week_limit: limit(|one| one.week),
                month_limit: limit(|one| one.month),
                year_limit: limit(|one| one.year),
                planned: 0,
                held: 0,
                ahead: 0,
                cancelled: 0,
                not_held: 0,
                given_away: 0,
                taken_over: 0,
                consultations: 0,
            }
        };
        for person in facts.keys().filter(|person| only.is_none_or(|only| only == *person)) {
            all.insert(person.clone(), empty(person));
        }
        for row in &rows {
            let host = all.entry(row.host.clone()).or_insert_with(|| empty(&row.host));
            host.planned += row.planned;
            host.consultations += 1;
            match (&row.substitute, row.state) {
                (_, State::Cancelled) => host.cancelled += row.planned,
                (Some(_), _) => host.given_away += row.planned,
                (None, State::Held | State::NotHeld) => match &row.entry {
                    Some(entry) => host.held += entry.hours,
                    None => host.not_held += row.planned,
                },
                (None, _) => host.ahead += row.planned,
            }
            if let Some(substitute) = &row.substitute
                && row.state != State::Cancelled
            {
                let other = all.entry(substitute.clone()).or_insert_with(|| empty(substitute));
                other.taken_over += row.planned;
                match (&row.entry, row.state.is_final()) {
                    (Some(entry), _) => other.held += entry.hours,
                    (None, false) => other.ahead += row.planned,
                    (None, true) => other.not_held += row.planned,
                }
            }
        }
        let allowed = match units {
            Some(units) => Some(self.people_of_units(units).await?),
            None => None,
        };
        let ids: Vec<PersonId> = all.keys().cloned().collect();
        let names = self.display_names(&ids).await?;
        let mut all: Vec<HostLoad> = all
            .into_values()
            .filter(|one| only.is_none_or(|only| *only == one.host))
            .filter(|one| allowed.as_ref().is_none_or(|allowed| allowed.contains(&one.host)))
            .map(|one| HostLoad { display_name: names.get(&one.host).cloned().unwrap_or_default(), ..one })
            .collect();
        all.sort_by(|one, other| one.display_name.cmp(&other.display_name));
        Ok(all)
    }

    /// Whether a ledger row belongs to the school, and whose it is.
    pub async fn load_entry_host(&self, school: &School, entry: &str) -> Result<PersonId, StoreError> {
        let row: (String,) = sqlx::query_as("SELECT host_id FROM load_entry WHERE id = $1 AND school_id = $2")
            .bind(entry)
            .bind(school.id.as_str())
            .fetch_one(self.readers())
            .await?;
        Ok(PersonId::new(row.0))
    }

    /// Whether anything of the ledger was ever counted for a consultation; for tests and `doctor`.
    pub async fn load_sum(&self, school: &School) -> Result<(i64, Hundredths), StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(COALESCE((SELECT x.academic_hours FROM load_correction x
             WHERE x.entry_id = l.id ORDER BY x.n DESC LIMIT 1), l.academic_hours)), 0) AS BIGINT) AS hours
             FROM load_entry l WHERE l.school_id = $1",
        )
        .bind(school.id.as_str())
        .fetch_one(self.readers())
        .await?;
        Ok((int(&row, "n")?, int(&row, "hours")?))
    }

    /// Whether a ledger row was planned, i.e. is no substitution.
    pub async fn was_planned(&self, entry: &str) -> Result<bool, StoreError> {
        let row =
            sqlx::query("SELECT planned FROM load_entry WHERE id = $1").bind(entry).fetch_one(self.readers()).await?;
        flag(&row, "planned")
    }
}
