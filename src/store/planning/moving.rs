//! Moving and cancelling: what was planned is cancelled, what takes its place is planned and checked like everything else.

use jiff::civil::{Date, Time};

use super::super::school::School;
use super::super::sql::{self, int, text};
use super::super::transition::{Actor, TransitionError};
use super::super::{AuditEvent, StoreError, Tx};
use super::substitute::{Again, again, checked};
use super::{PlanError, successor_of, view};
use crate::domain::calendar::{Calendar, Span};
use crate::domain::consultation::{Event, Facts, State, Timings};
use crate::domain::ids::{CardId, ConsultationId, PersonId};
use crate::domain::planning::finding::Finding;
use crate::domain::planning::view::Entry;
use crate::domain::planning::{check, check_carried};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

impl From<TransitionError> for PlanError {
    fn from(error: TransitionError) -> Self {
        match error {
            TransitionError::Refused(code) => Self::Refused(code),
            TransitionError::Store(error) => Self::Store(error),
        }
    }
}

impl Tx {
    /// Moves a consultation to another date and time: a successor in the same card version takes its place. The successor is
    /// checked as if it were planned anew; bookings, topics and the substitute go along.
    #[allow(clippy::too_many_arguments)]
    pub async fn move_consultation(
        &mut self,
        school: &School,
        calendar: &Calendar,
        id: &ConsultationId,
        (date, start): (Date, Time),
        reason: &str,
        actor: &Actor,
        timings: &Timings,
        now_ms: i64,
    ) -> Result<ConsultationId, PlanError> {
        self.lock_planning(school).await?;
        let mut again = again(self.connection(), id).await?;
        if again.school != school.id {
            return Err(StoreError::NotFound.into());
        }
        if !matches!(again.state, State::Planned | State::Open) {
            return Err(PlanError::Refused(RefusalCode::IllegalTransition));
        }
        if reason.trim().is_empty() {
            return Err(PlanError::Refused(RefusalCode::ReasonRequired));
        }
        let to = successor_of(id);
        let lasts = again.end_ms - again.start_ms;
        let was_ms = again.start_ms;
        (again.date, again.start_ms) = (date, calendar.instant_ms(date, start));
        again.end_ms = again.start_ms + lasts;
        if again.start_ms <= now_ms {
            return Err(PlanError::Refused(RefusalCode::TooLate));
        }
        let mut view = view::load(self.connection(), school, calendar.clone(), Span { from: date, to: date }).await?;
        let is_office = again.slot.office_minutes().is_some();
        let carried = if is_office { self.carried(&again, id).await? } else { Vec::new() };
        let later_ms = again.start_ms - was_ms;
        let carried: Vec<Entry> = carried.into_iter().map(|one| one.moved(later_ms, date)).collect();
        // The place that becomes free is no obstacle, and neither are its own appointments.
        let own = format!("{id}#");
        view.remove_where(|one| one.id == *id || one.id.as_str().starts_with(&own));
        // What was chosen goes along, and is what the rules of parts look at.
        view.chosen.extend(again.chosen.clone().map(|chosen| (to.clone(), chosen)));
        let host = again.substitute.clone().unwrap_or_else(|| again.host.clone());
        let mut wish = again.wish(&to, &host);
        if is_office {
            // Nobody sits there for all of it: each student has an appointment.
            wish.students.clear();
        }
        let mut findings = check(&view, &wish);
        findings.extend(check_carried(&view, &wish, &carried));
        if findings.iter().any(Finding::is_refusal) {
            return Err(PlanError::Findings(vec![checked(&to, &again, findings)]));
        }
        let timing = timings.of(&school.id);
        let facts = Facts {
            state: State::Planned,
            start_ms: again.start_ms,
            end_ms: again.end_ms,
            opens_ms: again.start_ms - timing.lead_ms,
            closes_ms: again.end_ms + timing.overrun_ms,
            grace_from_ms: None,
            host_lost_ms: None,
        };
        let remarks: Vec<&str> = findings.iter().map(|one| one.code.as_str()).collect();
        let row = vec![
            to.as_str().into(),
            school.id.as_str().into(),
            again.card.as_str().into(),
            again.slot_id.as_str().into(),
            again.slot_key.as_str().into(),
            date.to_string().into(),
            facts.start_ms.into(),
            facts.end_ms.into(),
            facts.opens_ms.into(),
            facts.closes_ms.into(),
            again.slot.form.as_str().into(),
            again.group.as_str().into(),
            again.host.as_str().into(),
            again.substitute.as_ref().map(|one| one.as_str().to_owned()).into(),
            facts.state.as_str().into(),
            0_i64.into(),
            (!remarks.is_empty()).then(|| sql::to_json(&remarks)).into(),
            view.act_on(date).map(str::to_owned).into(),
            id.as_str().into(),
            facts.due_ms(timing).into(),
            now_ms.into(),
        ];
        let into = "consultation (id, school_id, card_id, slot_id, slot_key, date, start_at, end_at, opens_at, closes_at, form, group_id, host_id, substitute_host_id, state, sequence, warnings, local_act_id, moved_from, due_at, updated_at)";
        sql::insert_many(self.connection(), into, 21, vec![row]).await?;
        // The successor first, so that the notice of the step knows the new time.
        self.take_along(id, &to, facts.start_ms).await?;
        let event = Event::Move { to: to.clone(), reason: reason.to_owned() };
        self.transition(id, event, Some(actor), timings, now_ms).await?;
        let event = AuditEvent::new(school.id.clone(), now_ms, "consultation.plan", "consultation", to.as_str())
            .by(&actor.person, actor.role.map(Role::as_str))
            .because(reason.trim())
            .with(serde_json::json!({ "moved_from": id, "date": date, "start_ms": facts.start_ms }));
        self.audit(event).await?;
        self.access_changed();
        Ok(to)
    }

    /// Booked appointments, as entries of a plan.
    async fn carried(&mut self, again: &Again, id: &ConsultationId) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, student_id, starts, ends FROM appointment
             WHERE consultation_id = $1 AND state = 'booked' AND student_id IS NOT NULL ORDER BY starts",
        )
        .bind(id.as_str())
        .fetch_all(self.connection())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Entry {
                    id: ConsultationId::new(format!("{id}#{}", text(row, "id")?)),
                    card: CardId::new(again.card.as_str()),
                    date: again.date,
                    start_ms: int(row, "starts")?,
                    end_ms: int(row, "ends")?,
                    // The host is counted with the consultation.
                    host: PersonId::new(""),
                    group: again.group.clone(),
                    is_individual: true,
                    students: vec![PersonId::new(text(row, "student_id")?)],
                    academic_hours: 0,
                })
            })
            .collect()
    }

    /// Bookings with their place inside the consultation, and what was chosen for the date.
    async fn take_along(
        &mut self,
        from: &ConsultationId,
        to: &ConsultationId,
        start_ms: i64,
    ) -> Result<(), StoreError> {
        let (was_ms,): (i64,) = sqlx::query_as("SELECT start_at FROM consultation WHERE id = $1")
            .bind(from.as_str())
            .fetch_one(self.connection())
            .await?;
        // The very rows: messages, notes, files and requests hang on them. Free times of office hours go along.
        sqlx::query(
            "UPDATE appointment SET consultation_id = $1, starts = starts + $2, ends = ends + $2
             WHERE consultation_id = $3 AND state IN ('booked', 'free')",
        )
        .bind(to.as_str())
        .bind(start_ms - was_ms)
        .bind(from.as_str())
        .execute(self.connection())
        .await?;
        for sql in [
            "UPDATE waiting_list SET consultation_id = $1 WHERE consultation_id = $2 AND state = 'waiting'",
            "UPDATE help_request SET consultation_id = $1 WHERE consultation_id = $2 AND state = 'scheduled'",
        ] {
            sqlx::query(sql).bind(to.as_str()).bind(from.as_str()).execute(self.connection()).await?;
        }
        for sql in [
            "INSERT INTO consultation_part (consultation_id, part_id)
             SELECT $1, part_id FROM consultation_part WHERE consultation_id = $2",
            "INSERT INTO consultation_topic (consultation_id, topic_id)
             SELECT $1, topic_id FROM consultation_topic WHERE consultation_id = $2",
            "INSERT INTO consultation_source (consultation_id, n, kind, ref_id, text)
             SELECT $1, n, kind, ref_id, text FROM consultation_source WHERE consultation_id = $2",
        ] {
            sqlx::query(sql).bind(to.as_str()).bind(from.as_str()).execute(self.connection()).await?;
        }
        Ok(())
    }
}
