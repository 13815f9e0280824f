//! What the gap report stands on: where there should be help, and when it was last there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::super::school::School;
use super::super::sql::{self, optional_text, text};
use super::super::{Store, StoreError};
use super::Range;
use crate::domain::evidence::gaps::{Known, Place};
use crate::domain::ids::UnitId;

impl Store {
    /// Subjects of classes that should have help: those of the programmes and of published cards. A host has those of the own
    /// cards, a unit's head those of the unit's classes. Only classes of the school year that `today` lies in.
    pub async fn places(&self, school: &School, range: &Range, today: Date) -> Result<BTreeSet<Place>, StoreError> {
        let programmes = "SELECT sub.name AS subject, cl.name AS class, cl.unit_id, NULL AS host_id FROM programme g
            JOIN subject sub ON sub.id = g.subject_id JOIN school_class cl ON cl.grade = g.grade AND cl.year_id = g.year_id
            JOIN school_year y ON y.id = cl.year_id AND y.starts_on <= $2 AND y.ends_on >= $2 WHERE g.school_id = $1";
        let cards = "SELECT sub.name AS subject, cl.name AS class, cl.unit_id, s.host_id AS host_id FROM card_version v
            JOIN lesson_card k ON k.id = v.card_id JOIN card_slot s ON s.version_id = v.id
            JOIN subject sub ON sub.id = v.subject_id JOIN study_group g ON g.id = v.group_id
            JOIN school_class cl ON cl.id = g.class_id
            JOIN school_year y ON y.id = cl.year_id AND y.starts_on <= $2 AND y.ends_on >= $2
            WHERE k.school_id = $1 AND v.status = 'published'";
        let mut places = BTreeSet::new();
        for select in [programmes, cards] {
            let rows = sqlx::query(select).bind(school.id.as_str()).bind(today.to_string());
            for row in &rows.fetch_all(self.readers()).await? {
                let is_in = match range {
                    Range::School => true,
                    Range::Units(units) => {
                        optional_text(row, "unit_id")?.is_some_and(|unit| units.contains(&UnitId::new(unit)))
                    }
                    Range::Host(host) => optional_text(row, "host_id")?.as_deref() == Some(host.as_str()),
                };
                if is_in {
                    places.insert((text(row, "subject")?, text(row, "class")?));
                }
            }
        }
        Ok(places)
    }

    /// When help was last held in each place of this school year, corrections applied, and when it comes next.
    pub async fn help_by_place(&self, school: &School, today: Date) -> Result<BTreeMap<Place, Known>, StoreError> {
        let rows = sqlx::query(
            "SELECT subject, class, MAX(CASE WHEN outcome = 'held' AND date <= $2 THEN date END) AS held,
             MIN(CASE WHEN outcome IN ('planned', 'open', 'live') AND date >= $2 THEN date END) AS next FROM (
                 SELECT sub.name AS subject, cl.name AS class, c.date, COALESCE((SELECT x.new_value FROM correction x
                 WHERE x.consultation_id = c.id AND x.field = 'outcome' ORDER BY x.n DESC LIMIT 1), c.state) AS outcome
                 FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
                 JOIN subject sub ON sub.id = v.subject_id JOIN study_group g ON g.id = c.group_id
                 JOIN school_class cl ON cl.id = g.class_id
                 JOIN school_year y ON y.id = cl.year_id AND y.starts_on <= $2 AND y.ends_on >= $2
                 WHERE c.school_id = $1 AND c.date >= y.starts_on
             ) AS dates GROUP BY subject, class",
        )
        .bind(school.id.as_str())
        .bind(today.to_string())
        .fetch_all(self.readers())
        .await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            let day = |name: &'static str| optional_text(row, name)?.map(|day| sql::date(&day)).transpose();
            let one = Known { last_held: day("held")?, next: day("next")? };
            known.insert((text(row, "subject")?, text(row, "class")?), one);
        }
        Ok(known)
    }
}
