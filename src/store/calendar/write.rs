//! The writing side of the calendar's editor, inside one transaction.

use std::collections::{BTreeMap, HashSet};

use sqlx::Row as _;

use super::super::card::edited::Place;
use super::super::card::judge::RefusedDate;
use super::super::card::{Wanted, horizon, wanted};
use super::super::school::School;
use super::super::sql::{self, int, optional_text, text};
use super::super::{AuditEvent, StoreError, Tx};
use super::{CalendarChange, CalendarDoc, CalendarEdit, CalendarError, Moved, RefusedMove};
use jiff::civil::Date;

use crate::domain::calendar::Calendar;
use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::role::Role;

/// Collisions told of in one preview.
const MOST_COLLISIONS: usize = 200;

impl Tx {
    pub(super) async fn edit_calendar(
        &mut self,
        edit: CalendarEdit,
        calendar_before: Calendar,
    ) -> Result<CalendarChange, CalendarError> {
        let CalendarEdit { school, doc, version, actor, dry_run, timings, horizon_days, now_ms } = edit;
        let done = sqlx::query(
            "UPDATE school SET tz = $1, days_a_week = $2, odd_monday = $3, parity_skips_breaks = $4,
             calendar_version = calendar_version + 1 WHERE id = $5 AND calendar_version = $6",
        )
        .bind(doc.tz.as_str())
        .bind(i64::from(doc.days_a_week))
        .bind(doc.odd_monday.to_string())
        .bind(i64::from(doc.parity_skips_breaks))
        .bind(school.id.as_str())
        .bind(version)
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if done.rows_affected() != 1 {
            return Err(CalendarError::VersionConflict);
        }
        self.lock_planning(&school).await?;
        self.put_years(&school, &doc, now_ms).await?;
        self.put_bells(&school, &doc, now_ms).await?;
        self.put_days(&school, &doc).await?;
        for class in &doc.classes {
            sqlx::query("UPDATE school_class SET shift = $1 WHERE id = $2 AND school_id = $3")
                .bind(i64::from(class.shift))
                .bind(class.id.as_str())
                .bind(school.id.as_str())
                .execute(self.connection())
                .await
                .map_err(StoreError::from)?;
        }
        let calendar = doc.calendar();
        let within = horizon(calendar.date_at(now_ms), horizon_days);
        let before = self.future_of(&school, now_ms).await?;
        let asked = wanted(self.connection(), &school.id, &calendar_before, within, now_ms).await?;
        let asked: HashSet<Place> = asked.iter().map(Wanted::place).collect();
        let wanted = wanted(self.connection(), &school.id, &calendar, within, now_ms).await?;
        let (wanted, refused) = self.judge_changes(&school, &calendar, wanted, &asked, now_ms).await?;
        let ids: Vec<ConsultationId> = before.keys().cloned().collect();
        // Whoever is told has to be known before rows go.
        let mut concerned = self.people_of(&ids).await?;
        let settled = self.settle_school(&school.id, wanted, timings.of(&school.id), now_ms).await?;
        let after = self.future_of(&school, now_ms).await?;
        let mut change = difference(&before, &after);
        change.version = version + 1;
        change.taken_back = settled.taken_back;
        change.collisions = collisions(&after);
        let changed: Vec<ConsultationId> =
            change.moved.iter().chain(&change.planned).chain(&change.removed).map(|one| one.id.clone()).collect();
        let planned: Vec<ConsultationId> = change.planned.iter().map(|one| one.id.clone()).collect();
        concerned.extend(self.people_of(&planned).await?);
        let mut affected: BTreeMap<PersonId, u32> = BTreeMap::new();
        for person in changed.iter().filter_map(|id| concerned.get(id)).flatten() {
            *affected.entry(person.clone()).or_default() += 1;
        }
        change.people = affected.len();
        change.removed.retain(|one| !refused.iter().any(|refused| refused.id == one.id));
        change.refused = self.refused_moves(&refused, &before).await?;
        if dry_run {
            return Err(CalendarError::Tried(Box::new(change)));
        }
        let detail = serde_json::json!({
            "version": change.version, "moved": change.moved.len(), "planned": change.planned.len(),
            "removed": change.removed.len(), "refused": change.refused.len(), "taken_back": change.taken_back,
        });
        let mut event = AuditEvent::new(school.id.clone(), now_ms, "calendar.change", "school", school.id.as_str())
            .by(&actor.person, actor.role.map(Role::as_str))
            .with(detail);
        event.after = Some(sql::to_json(&doc));
        self.audit(event).await?;
        let today = calendar.date_at(now_ms).to_string();
        self.tell_refused(&school, &refused, &format!(":v{}", change.version), &today, now_ms).await?;
        if let Some(days) = days_of(&change, &calendar) {
            self.tell_calendar(&school.id, change.version, days, &affected, now_ms).await?;
        }
        Ok(change)
    }

    /// Refused dates in words, in the order of time.
    async fn refused_moves(
        &mut self,
        refused: &[RefusedDate],
        before: &BTreeMap<ConsultationId, Row>,
    ) -> Result<Vec<RefusedMove>, StoreError> {
        let mut moves = Vec::with_capacity(refused.len());
        for one in refused {
            let (title, class, host): (String, Option<String>, String) = sqlx::query_as(
                "SELECT v.title, cl.name, h.display_name FROM lesson_card k
                 JOIN card_version v ON v.card_id = k.id AND v.version = k.version
                 JOIN study_group g ON g.id = v.group_id LEFT JOIN school_class cl ON cl.id = g.class_id
                 JOIN person h ON h.id = $1 WHERE k.id = $2",
            )
            .bind(one.host.as_str())
            .bind(one.card.as_str())
            .fetch_one(self.connection())
            .await?;
            let from_ms = before.get(&one.id).map(|row| row.start_ms);
            let at = Moved { id: one.id.clone(), title, class, host, from_ms, to_ms: Some(one.start_ms) };
            moves.push(RefusedMove { at, codes: one.codes.clone() });
        }
        moves.sort_by_key(|one| (one.at.to_ms, one.at.id.clone()));
        Ok(moves)
    }

    /// Years keep their ids, because classes and programmes hang on them; terms are replaced.
    async fn put_years(&mut self, school: &School, doc: &CalendarDoc, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM term WHERE school_id = $1")
            .bind(school.id.as_str())
            .execute(self.connection())
            .await?;
        for year in &doc.years {
            sqlx::query(
                "INSERT INTO school_year (id, school_id, name, starts_on, ends_on, created_at) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, starts_on = excluded.starts_on, ends_on = excluded.ends_on
                 WHERE school_year.school_id = excluded.school_id",
            )
            .bind(year.id.as_str())
            .bind(school.id.as_str())
            .bind(year.name.as_str())
            .bind(year.from.to_string())
            .bind(year.to.to_string())
            .bind(now_ms)
            .execute(self.connection())
            .await?;
            let terms = (1_i64..)
                .zip(&year.terms)
                .map(|(n, term)| {
                    vec![
                        uuid::Uuid::now_v7().to_string().into(),
                        school.id.as_str().into(),
                        year.id.as_str().into(),
                        term.kind.as_str().into(),
                        n.into(),
                        term.title.as_str().into(),
                        term.from.to_string().into(),
                        term.to.to_string().into(),
                        now_ms.into(),
                    ]
                })
                .collect();
            let into = "term (id, school_id, year_id, kind, n, title, starts_on, ends_on, created_at)";
            sql::insert_many(self.connection(), into, 9, terms).await?;
        }
        Ok(())
    }

    async fn put_bells(&mut self, school: &School, doc: &CalendarDoc, now_ms: i64) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM bell_period WHERE schedule_id IN (SELECT id FROM bell_schedule WHERE school_id = $1)",
            "DELETE FROM bell_schedule WHERE school_id = $1",
        ] {
            sqlx::query(sql).bind(school.id.as_str()).execute(self.connection()).await?;
        }
        let (mut schedules, mut periods) = (Vec::new(), Vec::new());
        for bells in &doc.bells {
            schedules.push(vec![
                bells.id.as_str().into(),
                school.id.as_str().into(),
                bells.name.as_str().into(),
                i64::from(bells.shift).into(),
                now_ms.into(),
            ]);
            for period in &bells.periods {
                periods.push(vec![
                    bells.id.as_str().into(),
                    i64::from(period.n).into(),
                    period.starts.to_string().into(),
                    period.ends.to_string().into(),
                ]);
            }
        }
        let connection = self.connection();
        sql::insert_many(connection, "bell_schedule (id, school_id, name, shift, created_at)", 5, schedules).await?;
        sql::insert_many(connection, "bell_period (schedule_id, n, starts, ends)", 4, periods).await?;
        sqlx::query("UPDATE school SET usual_bells_id = $1 WHERE id = $2")
            .bind(doc.usual_bells.as_deref())
            .bind(school.id.as_str())
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn put_days(&mut self, school: &School, doc: &CalendarDoc) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM calendar_day WHERE school_id = $1",
            "DELETE FROM grade_day WHERE school_id = $1",
            "DELETE FROM grade_week WHERE school_id = $1",
        ] {
            sqlx::query(sql).bind(school.id.as_str()).execute(self.connection()).await?;
        }
        let days = doc
            .days
            .iter()
            .map(|day| {
                vec![
                    school.id.as_str().into(),
                    day.date.to_string().into(),
                    day.kind.as_str().into(),
                    day.use_weekday.map(i64::from).into(),
                    day.bells.clone().into(),
                    day.week.map(|week| week.as_str().to_owned()).into(),
                    day.title.as_str().into(),
                ]
            })
            .collect();
        let into = "calendar_day (school_id, date, kind, use_weekday, bell_schedule_id, week_override, title)";
        sql::insert_many(self.connection(), into, 7, days).await?;
        let days = doc
            .grade_days
            .iter()
            .map(|day| {
                vec![
                    school.id.as_str().into(),
                    day.date.to_string().into(),
                    i64::from(day.grade).into(),
                    day.kind.as_str().into(),
                    day.title.as_str().into(),
                ]
            })
            .collect();
        sql::insert_many(self.connection(), "grade_day (school_id, date, grade, kind, title)", 5, days).await?;
        let weeks = doc
            .grade_weeks
            .iter()
            .map(|week| {
                vec![school.id.as_str().into(), i64::from(week.grade).into(), i64::from(week.days_a_week).into()]
            })
            .collect();
        sql::insert_many(self.connection(), "grade_week (school_id, grade, days_a_week)", 3, weeks).await
    }

    /// Planned consultations that have not begun.
    async fn future_of(&mut self, school: &School, now_ms: i64) -> Result<BTreeMap<ConsultationId, Row>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.id, c.start_at, c.end_at, c.group_id, v.title, cl.name AS class, h.display_name AS host,
             COALESCE(c.substitute_host_id, c.host_id) AS host_id FROM consultation c
             JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
             JOIN study_group g ON g.id = c.group_id LEFT JOIN school_class cl ON cl.id = g.class_id
             JOIN person h ON h.id = c.host_id
             WHERE c.school_id = $1 AND c.state = 'planned' AND c.start_at > $2",
        )
        .bind(school.id.as_str())
        .bind(now_ms)
        .fetch_all(self.connection())
        .await?;
        rows.iter()
            .map(|row| {
                let id = ConsultationId::new(text(row, "id")?);
                let one = Row {
                    start_ms: int(row, "start_at")?,
                    end_ms: int(row, "end_at")?,
                    host_id: text(row, "host_id")?,
                    group: text(row, "group_id")?,
                    title: text(row, "title")?,
                    class: optional_text(row, "class")?,
                    host: row.try_get("host")?,
                };
                Ok((id, one))
            })
            .collect()
    }
}

#[derive(Clone, Debug)]
struct Row {
    start_ms: i64,
    end_ms: i64,
    host_id: String,
    group: String,
    title: String,
    class: Option<String>,
    host: String,
}

/// The first and the last day on which something changes.
fn days_of(change: &CalendarChange, calendar: &Calendar) -> Option<(Date, Date)> {
    let refused = change.refused.iter().map(|one| &one.at);
    let all = change.moved.iter().chain(&change.planned).chain(&change.removed).chain(refused);
    let instants: Vec<i64> = all.flat_map(|one| [one.from_ms, one.to_ms]).flatten().collect();
    let (first, last) = (instants.iter().min()?, instants.iter().max()?);
    Some((calendar.date_at(*first), calendar.date_at(*last)))
}

fn difference(before: &BTreeMap<ConsultationId, Row>, after: &BTreeMap<ConsultationId, Row>) -> CalendarChange {
    let moved = |id: &ConsultationId, row: &Row, from_ms, to_ms| Moved {
        id: id.clone(),
        title: row.title.clone(),
        class: row.class.clone(),
        host: row.host.clone(),
        from_ms,
        to_ms,
    };
    let mut change = CalendarChange::default();
    for (id, row) in after {
        match before.get(id) {
            None => change.planned.push(moved(id, row, None, Some(row.start_ms))),
            Some(old) if (old.start_ms, old.end_ms) != (row.start_ms, row.end_ms) => {
                change.moved.push(moved(id, row, Some(old.start_ms), Some(row.start_ms)));
            }
            Some(_) => {}
        }
    }
    for (id, row) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
        change.removed.push(moved(id, row, Some(row.start_ms), None));
    }
    for list in [&mut change.moved, &mut change.planned, &mut change.removed] {
        list.sort_by_key(|one| (one.from_ms.or(one.to_ms), one.id.clone()));
    }
    change
}

/// Pairs that have one host or one group at one time.
fn collisions(after: &BTreeMap<ConsultationId, Row>) -> Vec<(ConsultationId, ConsultationId)> {
    let mut rows: Vec<(&ConsultationId, &Row)> = after.iter().collect();
    rows.sort_by_key(|(_, row)| row.start_ms);
    let mut found = Vec::new();
    for (n, (id, row)) in rows.iter().enumerate() {
        for (other_id, other) in rows[n + 1..].iter().take_while(|(_, other)| other.start_ms < row.end_ms) {
            if (row.host_id == other.host_id || row.group == other.group) && found.len() < MOST_COLLISIONS {
                found.push(((*id).clone(), (*other_id).clone()));
            }
        }
    }
    found
}
