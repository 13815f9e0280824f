//! Office hours and their times: cut when they are planned, moved along with them, and never thrown away with a booking in them
//! without a word.

use super::appointment;
use crate::domain::appointment::{AppointmentState, cut};
use crate::domain::ids::{AppointmentId, ConsultationId};
use crate::store::request::Helped;
use crate::store::sql::{self, placeholders};
use crate::store::{StoreError, Tx};

/// Office hours that are planned or moved.
#[derive(Clone, Debug)]
pub struct Hours {
    pub id: ConsultationId,
    pub start_ms: i64,
    pub end_ms: i64,
    pub minutes: u16,
}

impl Tx {
    /// Cuts new office hours into free times.
    pub(in crate::store) async fn cut_hours(&mut self, hours: &[Hours]) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for one in hours {
            for (starts, ends) in cut(one.start_ms, one.end_ms, one.minutes) {
                rows.push(vec![
                    AppointmentId::fresh().as_str().into(),
                    one.id.as_str().into(),
                    starts.into(),
                    ends.into(),
                    AppointmentState::Free.as_str().into(),
                ]);
            }
        }
        sql::insert_many(self.connection(), "appointment (id, consultation_id, starts, ends, state)", 5, rows).await
    }

    /// Office hours have moved from `was_ms`: booked times go with them, those that no longer fit are taken back by the host,
    /// and the rest is cut anew. Gives how many were taken back.
    pub(in crate::store) async fn recut_hours(
        &mut self,
        hours: &Hours,
        was_ms: i64,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        sqlx::query("DELETE FROM appointment WHERE consultation_id = $1 AND state = 'free'")
            .bind(hours.id.as_str())
            .execute(self.connection())
            .await?;
        let later = hours.start_ms - was_ms;
        // The unique index is asked row by row: first out of the way, then back.
        for by in [later - AWAY_MS, AWAY_MS] {
            sqlx::query(
                "UPDATE appointment SET starts = starts + $1, ends = ends + $1 WHERE consultation_id = $2 AND state = 'booked'",
            )
            .bind(by)
            .bind(hours.id.as_str())
            .execute(self.connection())
            .await?;
        }
        let (mut taken, mut taken_back) = (Vec::new(), 0);
        for one in self.booked_in(&hours.id).await? {
            if one.ends_ms > hours.end_ms || one.starts_ms < hours.start_ms {
                taken_back += 1;
                self.end_booking(&one, AppointmentState::CancelledByHost, None, "moved", now_ms).await?;
            } else {
                taken.push((one.starts_ms, one.ends_ms));
            }
        }
        let free = cut(hours.start_ms, hours.end_ms, hours.minutes)
            .into_iter()
            .filter(|(from, to)| taken.iter().all(|(starts, ends)| to <= starts || from >= ends));
        let rows = free
            .map(|(starts, ends)| {
                vec![
                    AppointmentId::fresh().as_str().into(),
                    hours.id.as_str().into(),
                    starts.into(),
                    ends.into(),
                    AppointmentState::Free.as_str().into(),
                ]
            })
            .collect();
        sql::insert_many(self.connection(), "appointment (id, consultation_id, starts, ends, state)", 5, rows).await?;
        Ok(taken_back)
    }

    /// Office hours have come to stand where some who had booked have another lesson or appointment: the host takes those
    /// bookings back, their times are free for others. Gives how many.
    pub(in crate::store) async fn take_back_clashing(
        &mut self,
        hours: &ConsultationId,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        let mut taken_back = 0;
        for one in self.booked_in(hours).await? {
            let Some(student) = &one.student else { continue };
            if !self.is_elsewhere(&student.id, (one.starts_ms, one.ends_ms), &one.id).await? {
                continue;
            }
            taken_back += 1;
            self.end_booking(&one, AppointmentState::CancelledByHost, None, "moved", now_ms).await?;
            self.free_again(&one).await?;
        }
        Ok(taken_back)
    }

    pub(super) async fn booked_in(
        &mut self,
        consultation: &ConsultationId,
    ) -> Result<Vec<super::Appointment>, StoreError> {
        let sql = format!("{} WHERE a.consultation_id = $1 AND a.state = 'booked' ORDER BY a.starts", super::SELECT);
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(consultation.as_str()).fetch_all(self.connection()).await?;
        rows.iter().map(appointment).collect()
    }

    /// These consultations are taken out of the plan: who had booked is told, requests are owed again, what hangs on them goes.
    pub(in crate::store) async fn forget_hours(
        &mut self,
        gone: &[ConsultationId],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        for id in gone {
            for one in self.booked_in(id).await? {
                if one.booked_by.is_some() {
                    self.end_booking(&one, AppointmentState::CancelledByHost, None, "plan_changed", now_ms).await?;
                }
            }
            self.settle_requests(id, Helped::FellThrough, None, now_ms).await?;
        }
        for chunk in gone.chunks(400) {
            let of = placeholders(1, chunk.len());
            for statement in [
                format!(
                    "UPDATE request_file SET appointment_id = NULL WHERE appointment_id IN (SELECT id FROM appointment WHERE consultation_id IN ({of}))"
                ),
                format!("DELETE FROM waiting_list WHERE consultation_id IN ({of})"),
                format!("DELETE FROM walk_in WHERE consultation_id IN ({of})"),
                format!("DELETE FROM consultation_source WHERE consultation_id IN ({of})"),
                format!("DELETE FROM consultation_topic WHERE consultation_id IN ({of})"),
                format!("DELETE FROM consultation_part WHERE consultation_id IN ({of})"),
            ] {
                let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
                for id in chunk {
                    query = query.bind(id.as_str());
                }
                query.execute(self.connection()).await?;
            }
        }
        Ok(())
    }
}

/// Further than any school plans.
const AWAY_MS: i64 = 100 * 366 * 24 * 3_600_000;
