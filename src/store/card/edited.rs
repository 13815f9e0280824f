//! The planning check of what an edit of the calendar moves and brings. What stays where it is counts first; then what moves,
//! then what is new, each in the order of time, so that a preview and the edit itself come to the same.

use std::collections::{HashMap, HashSet};

use super::super::planning::view;
use super::super::school::School;
use super::super::sql::{int, text};
use super::super::{StoreError, Tx};
use super::judge::{Judge, RefusedDate};
use super::{Existing, Wanted};
use crate::domain::calendar::{Calendar, Span};
use crate::domain::ids::ConsultationId;
use crate::domain::planning::view::Entry;

/// A date from its start to its end, as some calendar wants it.
pub(in crate::store) type Place = (ConsultationId, i64, i64);

impl Wanted {
    pub(in crate::store) fn place(&self) -> Place {
        (self.occurrence.id.clone(), self.occurrence.start_ms, self.occurrence.end_ms)
    }
}

impl RefusedDate {
    fn place(&self) -> Place {
        (self.id.clone(), self.start_ms, self.end_ms)
    }
}

impl Existing {
    /// Whether a settling would leave it at its time with its people.
    fn stays(&self, one: &Wanted) -> bool {
        let occurrence = &one.occurrence;
        !self.is_planned
            || (self.start_ms, self.end_ms) == (occurrence.start_ms, occurrence.end_ms)
                && self.group == one.group
                && self.host == one.host.as_str()
                && self.form == one.form
    }
}

impl Tx {
    /// Those of `wanted` that stay or may be planned, with their remarks, and the dates that are refused. What was not planned
    /// before either though it was wanted at the same time (`wanted_before`) is no consequence of the edit and is left out.
    pub(in crate::store) async fn judge_changes(
        &mut self,
        school: &School,
        calendar: &Calendar,
        wanted: Vec<Wanted>,
        wanted_before: &HashSet<Place>,
        now_ms: i64,
    ) -> Result<(Vec<Wanted>, Vec<RefusedDate>), StoreError> {
        let existing = self.future(&school.id, None, now_ms, i64::MAX).await?;
        let ids: HashSet<ConsultationId> = wanted.iter().map(|one| one.occurrence.id.clone()).collect();
        let (mut kept, mut moving, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for one in wanted {
            match existing.get(&one.occurrence.id) {
                Some(row) if row.stays(&one) => kept.push(one),
                Some(_) => moving.push(one),
                None => new.push(one),
            }
        }
        let dates = || moving.iter().chain(&new).map(|one| one.occurrence.date);
        let (Some(from), Some(to)) = (dates().min(), dates().max()) else { return Ok((kept, Vec::new())) };
        let mut view = view::load(self.connection(), school, calendar.clone(), Span { from, to }).await?;
        // Places that become free stand in nobody's way, and neither do the appointments in them.
        let moves: HashSet<&str> = moving.iter().map(|one| one.occurrence.id.as_str()).collect();
        let is_leaving = |entry: &Entry| {
            let id = entry.id.as_str().split('#').next().unwrap_or_default();
            let goes = existing
                .get(&ConsultationId::new(id))
                .is_some_and(|row| row.is_planned && !row.is_successor && !ids.contains(&ConsultationId::new(id)));
            goes || moves.contains(id)
        };
        view.remove_where(is_leaving);
        let sources = self.sources_of_dates(school, now_ms).await?;
        let mut judge = Judge::over(view);
        for list in [&mut moving, &mut new] {
            list.sort_by(|one, other| {
                let key = |one: &Wanted| (one.occurrence.start_ms, one.occurrence.id.clone());
                key(one).cmp(&key(other))
            });
        }
        for one in moving.into_iter().chain(new) {
            let id = &one.occurrence.id;
            let host = existing.get(id).and_then(|row| row.substitute.clone()).unwrap_or_else(|| one.host.clone());
            let more = sources.get(id).copied().unwrap_or(0);
            judge.ask(one, &host, more);
        }
        let (accepted, refused) = judge.done();
        kept.extend(accepted);
        let is_news = |one: &RefusedDate| existing.contains_key(&one.id) || !wanted_before.contains(&one.place());
        Ok((kept, refused.into_iter().filter(is_news).collect()))
    }

    /// How many sources dates have of their own: requests that were put into them.
    async fn sources_of_dates(
        &mut self,
        school: &School,
        now_ms: i64,
    ) -> Result<HashMap<ConsultationId, usize>, StoreError> {
        let rows = sqlx::query(
            "SELECT x.consultation_id, COUNT(*) AS n FROM consultation_source x JOIN consultation c ON c.id = x.consultation_id
             WHERE c.school_id = $1 AND c.start_at > $2 AND c.state = 'planned' GROUP BY x.consultation_id",
        )
        .bind(school.id.as_str())
        .bind(now_ms)
        .fetch_all(self.connection())
        .await?;
        rows.iter()
            .map(|row| {
                let n = usize::try_from(int(row, "n")?).unwrap_or_default();
                Ok((ConsultationId::new(text(row, "consultation_id")?), n))
            })
            .collect()
    }
}
