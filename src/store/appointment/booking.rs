//! Taking a time, giving it back, and moving up from the waiting list.

use jiff::civil::Date;
use sqlx::Row as _;

use super::{Appointment, BookingError};
use crate::domain::appointment::{AppointmentState, BookingFacts, BookingRules, Origin, may_book, may_give_back};
use crate::domain::ids::{AppointmentId, ConsultationId, PersonId, RequestId, SchoolId};
use crate::domain::norm::{Breach, NormMode, check_daily};
use crate::domain::notice::Notice;
use crate::domain::refusal::RefusalCode;
use crate::store::planning::view::norms;
use crate::store::sql::{self, int, optional_int, text};
use crate::store::transition::Actor;
use crate::store::{Backend, Store, StoreError, Tx};

/// Somebody takes a time for a student.
#[derive(Clone, Debug)]
pub struct Booking {
    pub appointment: AppointmentId,
    pub student: PersonId,
    pub actor: Actor,
    pub message: Option<String>,
    pub origin: Origin,
    pub request: Option<RequestId>,
    pub rules: BookingRules,
    pub now_ms: i64,
}

/// Somebody gives a time back, or the host takes it away (`by_host`), which needs a reason.
#[derive(Clone, Debug)]
pub struct GiveBack {
    pub appointment: AppointmentId,
    pub actor: Actor,
    pub by_host: bool,
    pub reason: String,
    pub rules: BookingRules,
    pub now_ms: i64,
}

/// Lists that one student waits in.
const MOST_WAITING: i64 = 5;

impl Store {
    /// Books; gives the consultation. Refusals: those of [`may_book`].
    pub async fn book(&self, booking: Booking) -> Result<ConsultationId, BookingError> {
        self.write(move |tx| Box::pin(async move { tx.book(&booking).await })).await
    }

    /// Gives a time back and lets the waiting list move up. Refusals: those of [`may_give_back`], `reason_required`.
    pub async fn give_back(&self, back: GiveBack) -> Result<(), BookingError> {
        self.write(move |tx| Box::pin(async move { tx.give_back(&back).await })).await
    }

    /// Puts a student on the waiting list. Refusals: `booking_closed`, `booking_limit`; [`StoreError::Conflict`]: there is a
    /// free time, or they have one or wait already.
    pub async fn wait_for(
        &self,
        school: SchoolId,
        consultation: ConsultationId,
        student: PersonId,
        actor: Actor,
        message: Option<String>,
        now_ms: i64,
    ) -> Result<(), BookingError> {
        self.write(move |tx| {
            Box::pin(async move {
                tx.lock_booking(&consultation).await?;
                let row = sqlx::query(
                    "SELECT c.state, (SELECT MAX(a.starts) FROM appointment a WHERE a.consultation_id = c.id) AS last,
                     (SELECT COUNT(*) FROM appointment a WHERE a.consultation_id = c.id AND a.state = 'free'
                      AND a.starts > $2) AS free,
                     (SELECT COUNT(*) FROM appointment a WHERE a.consultation_id = c.id AND a.student_id = $3
                      AND a.state = 'booked') AS theirs,
                     (SELECT COUNT(*) FROM waiting_list w WHERE w.student_id = $3 AND w.state = 'waiting') AS waiting
                     FROM consultation c WHERE c.id = $1",
                )
                .bind(consultation.as_str())
                .bind(now_ms)
                .bind(student.as_str())
                .fetch_one(tx.connection())
                .await?;
                let last = optional_int(&row, "last")?;
                if text(&row, "state")? != "planned" || last.is_none_or(|last| last <= now_ms) {
                    return Err(RefusalCode::BookingClosed.into());
                }
                if int(&row, "waiting")? >= MOST_WAITING {
                    return Err(RefusalCode::BookingLimit.into());
                }
                if int(&row, "free")? > 0 || int(&row, "theirs")? > 0 {
                    return Err(StoreError::Conflict.into());
                }
                let id = uuid::Uuid::now_v7().to_string();
                let row = vec![
                    id.as_str().into(),
                    school.as_str().into(),
                    consultation.as_str().into(),
                    student.as_str().into(),
                    actor.person.as_str().into(),
                    message.into(),
                    now_ms.into(),
                    "waiting".into(),
                    now_ms.into(),
                ];
                let into =
                    "waiting_list (id, school_id, consultation_id, student_id, by_id, message, at, state, updated_at)";
                sql::insert_many(tx.connection(), into, 9, vec![row]).await?;
                let id = AppointmentId::new(id);
                tx.note_booking(&school, "waiting_list.join", &id, Some(&actor), None, now_ms).await?;
                Ok(())
            })
        })
        .await
    }

    /// Takes a student off the waiting list. [`StoreError::NotFound`]: they are not on it.
    pub async fn wait_no_more(
        &self,
        school: SchoolId,
        consultation: ConsultationId,
        student: PersonId,
        actor: Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE waiting_list SET state = 'left', updated_at = $1
                     WHERE consultation_id = $2 AND student_id = $3 AND state = 'waiting'",
                )
                .bind(now_ms)
                .bind(consultation.as_str())
                .bind(student.as_str())
                .execute(tx.connection())
                .await?;
                if done.rows_affected() == 0 {
                    return Err(StoreError::NotFound);
                }
                let id = AppointmentId::new(consultation.as_str());
                tx.note_booking(&school, "waiting_list.leave", &id, Some(&actor), None, now_ms).await
            })
        })
        .await
    }
}

impl Tx {
    /// Two hubs on one PostgreSQL book the same office hours one after the other; SQLite has one writer anyway.
    pub(super) async fn lock_booking(&mut self, consultation: &ConsultationId) -> Result<(), StoreError> {
        if self.backend() == Backend::Postgres {
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(hashtext($1)) AS TEXT)")
                .bind(consultation.as_str())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    pub(in crate::store) async fn book(&mut self, booking: &Booking) -> Result<ConsultationId, BookingError> {
        let one = self.appointment_now(&booking.appointment).await?;
        self.lock_booking(&one.consultation).await?;
        // The day's screen time and the limits are the student's, in whatever consultation.
        self.lock_booking(&ConsultationId::new(booking.student.as_str())).await?;
        let one = self.appointment_now(&one.id).await?;
        let (facts, breach) = self.booking_facts(&one, &booking.student).await?;
        may_book(&facts, &booking.rules, booking.now_ms)?;
        let done = sqlx::query(
            "UPDATE appointment SET state = 'booked', student_id = $1, booked_by = $2, message = $3, booked_at = $4,
             origin = $5, request_id = $6 WHERE id = $7 AND state = 'free'",
        )
        .bind(booking.student.as_str())
        .bind(booking.actor.person.as_str())
        .bind(booking.message.as_deref())
        .bind(booking.now_ms)
        .bind(booking.origin.as_str())
        .bind(booking.request.as_ref().map(RequestId::as_str))
        .bind(one.id.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() != 1 {
            return Err(RefusalCode::SlotTaken.into());
        }
        if breach.is_some() {
            self.remark(&one.consultation, RefusalCode::DailyScreenCap).await?;
        }
        self.access_changed();
        sqlx::query(
            "UPDATE waiting_list SET state = 'moved_up', appointment_id = $1, updated_at = $2
             WHERE consultation_id = $3 AND student_id = $4 AND state = 'waiting'",
        )
        .bind(one.id.as_str())
        .bind(booking.now_ms)
        .bind(one.consultation.as_str())
        .bind(booking.student.as_str())
        .execute(self.connection())
        .await?;
        let detail = serde_json::json!({ "student": booking.student.as_str(), "origin": booking.origin });
        self.note_booking(&one.school, "appointment.book", &one.id, Some(&booking.actor), Some(detail), booking.now_ms)
            .await?;
        let lesson = self.lesson_at(&one).await?;
        let appointment = one.id.as_str().to_owned();
        let notice = match booking.origin {
            Origin::WaitingList => Notice::AppointmentMovedUp { lesson, appointment },
            _ => Notice::AppointmentBooked { lesson, appointment },
        };
        let mut people = self.with_guardians(vec![booking.student.clone()], date_of(one.starts_ms)).await?;
        people.push(one.host.id.clone());
        self.tell(&one.school, people, notice, one.id.as_str().to_owned(), booking.now_ms).await?;
        Ok(one.consultation)
    }

    /// The lesson as a notice names it, at the time of the appointment.
    pub(super) async fn lesson_at(&mut self, one: &Appointment) -> Result<crate::domain::notice::Lesson, StoreError> {
        let mut lesson = self.lesson_of(&one.consultation).await?;
        lesson.start_ms = one.starts_ms;
        Ok(lesson)
    }

    /// A norm that is only warned of, or lifted by an order, stays on the date as a remark: it is evidence (clause 4.1).
    async fn remark(&mut self, id: &ConsultationId, code: RefusalCode) -> Result<(), StoreError> {
        let row = sqlx::query("SELECT warnings FROM consultation WHERE id = $1")
            .bind(id.as_str())
            .fetch_one(self.connection())
            .await?;
        let warnings = sql::optional_text(&row, "warnings")?;
        let mut codes: Vec<String> =
            warnings.map(|codes| sql::json(&codes, "warnings")).transpose()?.unwrap_or_default();
        if codes.iter().any(|known| known == code.as_str()) {
            return Ok(());
        }
        codes.push(code.as_str().to_owned());
        sqlx::query("UPDATE consultation SET warnings = $1 WHERE id = $2")
            .bind(sql::to_json(&codes))
            .bind(id.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// What stands for and against a booking, and the norm of the student's day that it breaks.
    async fn booking_facts(
        &mut self,
        one: &Appointment,
        student: &PersonId,
    ) -> Result<(BookingFacts, Option<Breach>), StoreError> {
        let row =
            sqlx::query("SELECT c.state, c.date, c.group_id, c.start_at, c.end_at FROM consultation c WHERE c.id = $1")
                .bind(one.consultation.as_str())
                .fetch_one(self.connection())
                .await?;
        let date = text(&row, "date")?;
        let held = sqlx::query(
            "SELECT COUNT(*) AS in_all, SUM(CASE WHEN COALESCE(c.substitute_host_id, c.host_id) = $2 THEN 1 ELSE 0 END) AS here
             FROM appointment a JOIN consultation c ON c.id = a.consultation_id
             WHERE a.student_id = $1 AND a.state = 'booked' AND (a.origin IS NULL OR a.origin <> 'card')",
        )
        .bind(student.as_str())
        .bind(one.host.id.as_str())
        .fetch_one(self.connection())
        .await?;
        let here: Option<i64> = held.try_get("here")?;
        let has_conflict = self.is_elsewhere(student, (one.starts_ms, one.ends_ms), &one.id).await?;
        let minutes = sqlx::query(
            "SELECT (SELECT CAST(COALESCE(SUM(c.end_at - c.start_at), 0) AS BIGINT) FROM consultation c JOIN card_slot s ON s.id = c.slot_id
              JOIN enrollment e ON e.study_group_id = c.group_id AND e.role = 'student' AND e.person_id = $1
              AND (e.valid_from IS NULL OR e.valid_from <= c.date) AND (e.valid_to IS NULL OR e.valid_to >= c.date)
              WHERE c.form <> 'individual' AND s.audience_students = 1 AND c.date = $2
              AND c.state IN ('planned', 'open', 'live', 'held'))
             + (SELECT CAST(COALESCE(SUM(a.ends - a.starts), 0) AS BIGINT) FROM appointment a JOIN consultation c ON c.id = a.consultation_id
              WHERE a.student_id = $1 AND c.date = $2 AND a.state IN ('booked', 'attended')) AS ms",
        )
        .bind(student.as_str())
        .bind(date.as_str())
        .fetch_one(self.connection())
        .await?;
        let planned = int(&minutes, "ms")? / 60_000;
        let breach = self.day_breach(one, student, &date, planned + (one.ends_ms - one.starts_ms) / 60_000).await?;
        let enforced = breach.as_ref().filter(|breach| breach.mode == NormMode::Enforce);
        let cap = enforced.map(|breach| i64::from(breach.cap_minutes));
        let facts = BookingFacts {
            state: one.state,
            starts_ms: one.starts_ms,
            ends_ms: one.ends_ms,
            is_on: matches!(text(&row, "state")?.as_str(), "planned" | "open" | "live"),
            held_with_host: u32::try_from(here.unwrap_or(0)).unwrap_or(u32::MAX),
            held_in_all: u32::try_from(int(&held, "in_all")?).unwrap_or(u32::MAX),
            has_conflict,
            screen_minutes: planned,
            screen_cap: cap,
        };
        Ok((facts, breach))
    }

    /// The norm of a day that a student's minutes break (INV-41), by the same rows as planning: a school's mode for each, of the
    /// grades that the student learns in that day. One that an order lifts comes back as a remark.
    async fn day_breach(
        &mut self,
        one: &Appointment,
        student: &PersonId,
        date: &str,
        minutes: i64,
    ) -> Result<Option<Breach>, StoreError> {
        let rows: Vec<(i64,)> = sqlx::query_as(
            "SELECT DISTINCT cl.grade FROM enrollment e JOIN study_group g ON g.id = e.study_group_id
             JOIN school_class cl ON cl.id = g.class_id WHERE e.person_id = $1 AND e.role = 'student'
             AND (e.valid_from IS NULL OR e.valid_from <= $2) AND (e.valid_to IS NULL OR e.valid_to >= $2)",
        )
        .bind(student.as_str())
        .bind(date)
        .fetch_all(self.connection())
        .await?;
        let grades: Vec<u8> = rows.into_iter().filter_map(|(grade,)| u8::try_from(grade).ok()).collect();
        let norms = norms(self.connection(), one.school.as_str()).await?;
        let Some(mut breach) = check_daily(&norms, &grades, sql::date(date)?, minutes) else { return Ok(None) };
        let (orders,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM override_grant WHERE consultation_id = $1 AND kind = $2 AND host_id = $3",
        )
        .bind(one.consultation.as_str())
        .bind(RefusalCode::DailyScreenCap.as_str())
        .bind(one.host.id.as_str())
        .fetch_one(self.connection())
        .await?;
        if orders > 0 {
            breach.mode = NormMode::Warn;
        }
        Ok(Some(breach))
    }

    /// Whether a student has a consultation, a regular lesson or another appointment at a time (INV-14).
    pub(super) async fn is_elsewhere(
        &mut self,
        student: &PersonId,
        (starts_ms, ends_ms): (i64, i64),
        but: &AppointmentId,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM consultation c JOIN card_slot s ON s.id = c.slot_id
              JOIN enrollment e ON e.study_group_id = c.group_id AND e.role = 'student' AND e.person_id = $1
              AND (e.valid_from IS NULL OR e.valid_from <= c.date) AND (e.valid_to IS NULL OR e.valid_to >= c.date)
              WHERE c.form <> 'individual' AND s.audience_students = 1 AND c.state IN ('planned', 'open', 'live')
              AND c.start_at < $3 AND c.end_at > $2)
             + (SELECT COUNT(*) FROM appointment a WHERE a.student_id = $1 AND a.state = 'booked' AND a.id <> $4
              AND a.starts < $3 AND a.ends > $2) AS n",
        )
        .bind(student.as_str())
        .bind(starts_ms)
        .bind(ends_ms)
        .bind(but.as_str())
        .fetch_one(self.connection())
        .await?;
        Ok(int(&row, "n")? > 0 || self.is_in_lesson(student, (starts_ms, ends_ms)).await?)
    }

    pub(in crate::store) async fn give_back(&mut self, back: &GiveBack) -> Result<(), BookingError> {
        let one = self.appointment_now(&back.appointment).await?;
        self.lock_booking(&one.consultation).await?;
        let one = self.appointment_now(&one.id).await?;
        if back.by_host {
            if one.state != AppointmentState::Booked || one.ends_ms <= back.now_ms {
                return Err(RefusalCode::IllegalTransition.into());
            }
            if back.reason.trim().is_empty() {
                return Err(RefusalCode::ReasonRequired.into());
            }
        } else {
            may_give_back(one.state, one.starts_ms, &back.rules, back.now_ms)?;
        }
        let state =
            if back.by_host { AppointmentState::CancelledByHost } else { AppointmentState::CancelledByRecipient };
        self.end_booking(&one, state, Some(&back.actor), &back.reason, back.now_ms).await?;
        // A time that the card names for one student is nobody else's.
        if !back.by_host && one.origin != Some(Origin::Card) {
            let free = self.free_again(&one).await?;
            self.move_up(&one, &free, &back.rules, back.now_ms).await?;
        }
        Ok(())
    }

    /// Ends a booked time without its having been held; both sides are told.
    pub(super) async fn end_booking(
        &mut self,
        one: &Appointment,
        state: AppointmentState,
        actor: Option<&Actor>,
        reason: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.access_changed();
        sqlx::query(
            "UPDATE appointment SET state = $1, ended_by = $2, ended_at = $3, reason = $4 WHERE id = $5 AND state = 'booked'",
        )
        .bind(state.as_str())
        .bind(actor.map(|actor| actor.person.as_str()))
        .bind(now_ms)
        .bind(Some(reason).filter(|reason| !reason.trim().is_empty()))
        .bind(one.id.as_str())
        .execute(self.connection())
        .await?;
        let detail = serde_json::json!({ "to": state });
        self.note_booking(&one.school, "appointment.cancel", &one.id, actor, Some(detail), now_ms).await?;
        let Some(student) = &one.student else { return Ok(()) };
        let lesson = self.lesson_at(one).await?;
        let notice =
            Notice::AppointmentCancelled { lesson, appointment: one.id.as_str().to_owned(), reason: reason.to_owned() };
        let mut people = self.with_guardians(vec![student.id.clone()], date_of(one.starts_ms)).await?;
        people.push(one.host.id.clone());
        self.tell(&one.school, people, notice, one.id.as_str().to_owned(), now_ms).await
    }

    /// The row of a time that was given back stays as it is; a new one is free.
    pub(super) async fn free_again(&mut self, one: &Appointment) -> Result<AppointmentId, StoreError> {
        let id = AppointmentId::fresh();
        let row = vec![
            id.as_str().into(),
            one.consultation.as_str().into(),
            one.starts_ms.into(),
            one.ends_ms.into(),
            AppointmentState::Free.as_str().into(),
        ];
        let into = "appointment (id, consultation_id, starts, ends, state)";
        sql::insert_many(self.connection(), into, 5, vec![row]).await?;
        Ok(id)
    }

    /// Gives a free time to the first on the waiting list who may have it; who may not (another lesson, the day's norm) keeps
    /// waiting for another time.
    pub(super) async fn move_up(
        &mut self,
        of: &Appointment,
        free: &AppointmentId,
        rules: &BookingRules,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT student_id, by_id, message FROM waiting_list WHERE consultation_id = $1 AND state = 'waiting'
             ORDER BY at, id",
        )
        .bind(of.consultation.as_str())
        .fetch_all(self.connection())
        .await?;
        for row in &rows {
            let booking = Booking {
                appointment: free.clone(),
                student: PersonId::new(text(row, "student_id")?),
                actor: Actor { person: PersonId::new(text(row, "by_id")?), role: None },
                message: sql::optional_text(row, "message")?,
                origin: Origin::WaitingList,
                request: None,
                rules: rules.clone(),
                now_ms,
            };
            // The future is boxed: booking and moving up call each other.
            match Box::pin(self.book(&booking)).await {
                Ok(_) => return Ok(()),
                Err(BookingError::Refused(_)) => {}
                Err(BookingError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A day for whom to tell: the guardians of that day; half a day of time zone does not matter here, as the room asks anew.
pub(super) fn date_of(at_ms: i64) -> Date {
    crate::domain::calendar::date_in(&jiff::tz::TimeZone::UTC, at_ms)
}
