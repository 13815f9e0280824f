//! What the clock wants done: pure, from consultations near now and the rooms that are open. The same look at the same state gives
//! the same plan, so that a lost poke, a second look or a restart only repeats or delays.

use std::collections::HashSet;

use crate::domain::consultation::{State, Timings};
use crate::domain::ids::ConsultationId;
use crate::store::consultation::ClockRow;

/// People are told this long before the end.
pub const WARNING_MS: i64 = 5 * 60_000;

/// What there is to look at.
#[derive(Debug)]
pub struct Look<'a> {
    pub now_ms: i64,
    /// Every consultation that is due, and every one that owns a room.
    pub rows: &'a [ClockRow],
    /// Rooms that this hub runs.
    pub open_rooms: &'a HashSet<ConsultationId>,
    /// Rooms whose people have been told that the end is near.
    pub warned: &'a HashSet<ConsultationId>,
    pub timings: &'a Timings,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Its time has come: let the clock's event happen to it in the store.
    Step(ConsultationId),
    /// It owns a room that this hub does not run (after a restart).
    Reopen(ConsultationId),
    /// A room whose consultation is over or gone.
    CloseStray(ConsultationId),
    Warn {
        id: ConsultationId,
        ends_in_ms: i64,
    },
}

/// Everything to do now, and when to look again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// By these rows alone; the store knows of later ones.
    pub next_wake_ms: Option<i64>,
}

/// Compares what should be with what is.
pub fn plan(look: &Look<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut wake = |at: i64| plan.next_wake_ms = Some(plan.next_wake_ms.map_or(at, |next| next.min(at)));
    let mut owners = HashSet::new();
    for row in look.rows {
        let Some(due) = row.facts.due_ms(look.timings.of(&row.school)) else { continue };
        if row.facts.state.has_room() {
            owners.insert(&row.id);
        }
        if due <= look.now_ms {
            // What it leads to is seen at the next look, right after.
            plan.actions.push(Action::Step(row.id.clone()));
            continue;
        }
        wake(due);
        if !row.facts.state.has_room() {
            continue;
        }
        if !look.open_rooms.contains(&row.id) {
            plan.actions.push(Action::Reopen(row.id.clone()));
        }
        let warn_at = row.facts.end_ms - WARNING_MS;
        if look.now_ms < warn_at {
            wake(warn_at);
        } else if row.facts.state == State::Live && look.now_ms < row.facts.end_ms && !look.warned.contains(&row.id) {
            let ends_in_ms = row.facts.end_ms - look.now_ms;
            plan.actions.push(Action::Warn { id: row.id.clone(), ends_in_ms });
        }
    }
    let mut strays: Vec<_> = look.open_rooms.iter().filter(|room| !owners.contains(room)).cloned().collect();
    strays.sort();
    plan.actions.extend(strays.into_iter().map(Action::CloseStray));
    plan
}

#[cfg(test)]
mod tests;
