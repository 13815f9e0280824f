//! Moving a consultation from one state to the next: compare and set, with its journal row in the same transaction.

use sqlx::AssertSqlSafe;

use super::consultation::{CLOCK_COLUMNS, ClockRow, clock_row};
use super::school::zone;
use super::sql::{optional_date, word};
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::calendar::date_in;
use crate::domain::consultation::{Effect, Event, IncidentKind, State, Step, Timings, apply};
use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::person::in_force;
use crate::domain::policy::table::permits;
use crate::domain::policy::{Action, Relation};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// Why a consultation did not move.
#[derive(Debug, thiserror::Error)]
pub enum TransitionError {
    #[error("refused: {0}")]
    Refused(RefusalCode),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a transition did.
#[derive(Clone, Debug)]
pub struct Transition {
    pub id: ConsultationId,
    pub before: State,
    pub after: State,
    /// `None`: there was nothing to do.
    pub step: Option<Step>,
}

/// Who did it; nobody is the clock.
#[derive(Clone, Debug)]
pub struct Actor {
    pub person: PersonId,
    pub role: Option<Role>,
}

impl Store {
    /// Lets one event happen to a consultation.
    pub async fn transition(
        &self,
        id: ConsultationId,
        event: Event,
        actor: Option<Actor>,
        timings: Timings,
        now_ms: i64,
    ) -> Result<Transition, TransitionError> {
        self.write(move |tx| Box::pin(async move { tx.transition(&id, event, actor.as_ref(), &timings, now_ms).await }))
            .await
    }

    /// Closes an open or live consultation at once: a technical fault, or an emergency. Poke the scheduler afterwards: it shows
    /// everybody out. Refusals: `illegal_transition`, `reason_required`.
    pub async fn close_consultation(
        &self,
        id: ConsultationId,
        kind: IncidentKind,
        reason: String,
        actor: Actor,
        timings: Timings,
        now_ms: i64,
    ) -> Result<Transition, TransitionError> {
        self.transition(id, Event::Fault { kind, reason }, Some(actor), timings, now_ms).await
    }

    /// Cancels a planned or open consultation; `reason` is for people and must not be blank. Poke the scheduler afterwards: it
    /// closes the room. Refusals: `illegal_transition`, `reason_required`.
    pub async fn cancel_consultation(
        &self,
        id: ConsultationId,
        reason: String,
        actor: Actor,
        timings: Timings,
        now_ms: i64,
    ) -> Result<Transition, TransitionError> {
        self.transition(id, Event::Cancel { reason }, Some(actor), timings, now_ms).await
    }
}

impl Tx {
    /// Lets one event happen to a consultation. [`StoreError::Conflict`]: another hub was first, ask again.
    pub async fn transition(
        &mut self,
        id: &ConsultationId,
        event: Event,
        actor: Option<&Actor>,
        timings: &Timings,
        now_ms: i64,
    ) -> Result<Transition, TransitionError> {
        let row = self.clock_row(id).await?;
        let host = match actor {
            Some(Actor { person, role: None }) => Some(self.host_of_room(person, now_ms).await?),
            _ => None,
        };
        let actor = host.as_ref().or(actor);
        let timing = timings.of(&row.school);
        let shared_s = match &event {
            Event::Clock { shared_ms, .. } | Event::EndedByHost { shared_ms } => Some(shared_ms / 1000),
            _ => None,
        };
        let step = apply(&row.facts, timing, event, now_ms).map_err(TransitionError::Refused)?;
        let before = row.facts.state;
        let Some(step) = step else {
            return Ok(Transition { id: id.clone(), before, after: before, step: None });
        };
        let mut facts = row.facts.clone();
        facts.state = step.to;
        let (mut host_delay, mut moved_to) = (None, None);
        for effect in &step.effects {
            match effect {
                Effect::GraceFrom { ms } => facts.grace_from_ms = Some(*ms),
                Effect::HostLost { since_ms } => facts.host_lost_ms = *since_ms,
                Effect::HostDelay { seconds, .. } => host_delay = Some(*seconds),
                Effect::MovedTo(to) => moved_to = Some(to.as_str().to_owned()),
                _ => {}
            }
        }
        let told = i64::from(step.to == State::Cancelled);
        let done = sqlx::query(
            "UPDATE consultation SET state = $1, not_held_reason = $2, detail = COALESCE($3, detail), grace_from = $4,
             host_lost_at = $5, host_delay_s = COALESCE($6, host_delay_s), moved_to = COALESCE($7, moved_to),
             due_at = $8, updated_at = $9, sequence = sequence + $10,
             opened_at = COALESCE(opened_at, $11), live_at = COALESCE(live_at, $12), closed_at = COALESCE(closed_at, $13),
             shared_s = COALESCE($14, shared_s)
             WHERE id = $15 AND state = $16",
        )
        .bind(step.to.as_str())
        .bind(step.not_held.map(|reason| reason.as_str()))
        .bind(step.detail.as_deref())
        .bind(facts.grace_from_ms)
        .bind(facts.host_lost_ms)
        .bind(host_delay)
        .bind(moved_to)
        .bind(facts.due_ms(timing))
        .bind(now_ms)
        .bind(told)
        .bind((step.to == State::Open).then_some(now_ms))
        .bind((step.to == State::Live).then_some(now_ms))
        .bind(step.to.is_final().then_some(now_ms))
        .bind(shared_s.filter(|_| step.to.is_final()))
        .bind(id.as_str())
        .bind(before.as_str())
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if done.rows_affected() != 1 {
            return Err(StoreError::Conflict.into());
        }
        self.audit(journal(&row, &step, actor, shared_s, now_ms)).await?;
        self.count_load(id, &row.facts, &step, now_ms).await?;
        if let Some(kind) = step.incident() {
            let said = step.detail.as_deref().unwrap_or_default();
            self.keep_incident(&row.school, id, (kind, said), actor, now_ms).await?;
        }
        self.tell_step(&row.school, id, before, &step, now_ms).await?;
        if step.to.is_final() && before != step.to {
            self.settle_help(id, step.to, step.not_held, step.detail.as_deref(), (actor, now_ms)).await?;
        }
        Ok(Transition { id: id.clone(), before, after: step.to, step: Some(step) })
    }

    /// The host of a room, who is a person there, with the role that lets them hold it (INV-71).
    pub async fn host_of_room(&mut self, person: &PersonId, now_ms: i64) -> Result<Actor, StoreError> {
        let rows: Vec<(String, Option<String>, Option<String>, String)> = sqlx::query_as(
            "SELECT r.role, r.valid_from, r.valid_to, s.tz FROM role_assignment r JOIN school s ON s.id = r.school_id
             WHERE r.person_id = $1 ORDER BY r.created_at, r.id",
        )
        .bind(person.as_str())
        .fetch_all(self.connection())
        .await?;
        for (role, from, to, tz) in rows {
            let (role, today) = (word(Role::parse(&role), "role")?, date_in(&zone(&tz), now_ms));
            let may_host = permits(Action::RoomHost, role).iter().any(|permit| permit.relation == Relation::Host);
            if may_host && in_force(today, optional_date(from)?, optional_date(to)?) {
                return Ok(Actor { person: person.clone(), role: Some(role) });
            }
        }
        Ok(Actor { person: person.clone(), role: None })
    }

    async fn clock_row(&mut self, id: &ConsultationId) -> Result<ClockRow, StoreError> {
        let sql = format!("SELECT {CLOCK_COLUMNS} FROM consultation WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_one(self.connection()).await?;
        clock_row(&row)
    }
}

fn journal(row: &ClockRow, step: &Step, actor: Option<&Actor>, shared_s: Option<i64>, now_ms: i64) -> AuditEvent {
    let action = match (row.facts.state, step.to) {
        (from, to) if from == to => "consultation.note",
        (_, State::Planned) => "consultation.plan",
        (_, State::Open) => "consultation.open",
        (_, State::Live) => "consultation.live",
        (_, State::Held) => "consultation.held",
        (_, State::NotHeld) => "consultation.not_held",
        (_, State::Cancelled) => "consultation.cancel",
    };
    let mut detail = serde_json::json!({ "from": row.facts.state, "to": step.to });
    let mut note = |key: &str, value: serde_json::Value| {
        detail[key] = value;
    };
    if let Some(reason) = step.not_held {
        note("not_held", reason.as_str().into());
    }
    if let Some(shared_s) = shared_s.filter(|_| step.to.is_final()) {
        note("shared_s", shared_s.into());
    }
    for effect in &step.effects {
        match effect {
            Effect::HostDelay { seconds, late } => {
                note("host_delay_s", (*seconds).into());
                note("late", (*late).into());
            }
            Effect::HostLost { since_ms } => note("host_present", since_ms.is_none().into()),
            Effect::GraceFrom { ms } => note("grace_from_ms", (*ms).into()),
            Effect::Notice { late } => note("late_notice", (*late).into()),
            Effect::Load { counted } => note("load_counted", (*counted).into()),
            Effect::MovedTo(to) => note("moved_to", to.as_str().into()),
            Effect::AlertDeputy => note("deputy_alerted", true.into()),
            Effect::Incident(kind) => note("incident", kind.as_str().into()),
            Effect::OpenRoom | Effect::CloseRoom(_) => {}
        }
    }
    let mut event = AuditEvent::new(row.school.clone(), now_ms, action, "consultation", row.id.as_str()).with(detail);
    if let Some(actor) = actor {
        event = event.by(&actor.person, actor.role.map(Role::as_str));
    }
    if let Some(reason) = &step.detail {
        event = event.because(reason.clone());
    }
    event
}
