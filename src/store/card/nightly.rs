//! The planning check of what the nightly horizon brings (INV-13 to INV-44): a date that is refused is not planned, and those
//! who answer for the card learn of it; what is only warned of stays on the date as a remark.

use std::collections::HashSet;

use jiff::civil::Date;

use super::super::planning::view;
use super::super::school::School;
use super::super::{StoreError, Tx};
use super::Wanted;
use super::judge::Judge;
use crate::domain::calendar::{Calendar, Span};
use crate::domain::ids::ConsultationId;

impl Tx {
    /// Those of `wanted` that are not there yet and may be planned, with their remarks. The rest is told of.
    pub(super) async fn judge_additions(
        &mut self,
        school: &School,
        calendar: &Calendar,
        wanted: Vec<Wanted>,
        now_ms: i64,
    ) -> Result<Vec<Wanted>, StoreError> {
        let dates = || wanted.iter().map(|one| one.occurrence.date);
        let (Some(from), Some(to)) = (dates().min(), dates().max()) else { return Ok(wanted) };
        self.lock_planning(school).await?;
        let there = self.named_between(school, from, to).await?;
        let wanted: Vec<Wanted> = wanted.into_iter().filter(|one| !there.contains(&one.occurrence.id)).collect();
        if wanted.is_empty() {
            return Ok(wanted);
        }
        let view = view::load(self.connection(), school, calendar.clone(), Span { from, to }).await?;
        let mut judge = Judge::over(view);
        for one in wanted {
            let host = one.host.clone();
            judge.ask(one, &host, 0);
        }
        let (kept, refused) = judge.done();
        let today = calendar.date_at(now_ms).to_string();
        self.tell_refused(school, &refused, "", &today, now_ms).await?;
        Ok(kept)
    }

    /// Names of all consultations on these dates, whatever became of them.
    async fn named_between(
        &mut self,
        school: &School,
        from: Date,
        to: Date,
    ) -> Result<HashSet<ConsultationId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM consultation WHERE school_id = $1 AND start_at >= $2 AND date >= $3 AND date <= $4",
        )
        .bind(school.id.as_str())
        // Two days before: dates are the school's, and what was moved by hand keeps its name.
        .bind(
            school.zone().to_timestamp(from.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_millisecond) - 2 * 86_400_000,
        )
        .bind(from.to_string())
        .bind(to.to_string())
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(|(id,)| ConsultationId::new(id)).collect())
    }
}
