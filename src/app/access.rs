//! Tells rooms when somebody's access may have changed outside this hub: by another hub, by the command line, or because
//! a date or one's time in office hours ran out (WS-07: the effect comes within a second).

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::api::ApiState;
use crate::domain::access::STAY_AFTER_MS;
use crate::store::StoreError;
use crate::store::access::{AccessLook, AccessMarks};

/// How often the store is asked: one small read.
const LOOK: Duration = Duration::from_millis(400);
/// How often the schools' next midnight is worked out anew.
const MIDNIGHT_MS: i64 = 60_000;
/// Sign-ins named one by one; when more run out at once everybody is looked at.
const NAMED: i64 = 256;

/// What was seen at the last look.
struct Seen {
    marks: AccessMarks,
    at_ms: i64,
    /// The next instant at which a school's date changes: roles, enrolments and the age of children go by dates.
    midnight_ms: i64,
    midnight_until_ms: i64,
}

/// Watches until it is aborted.
pub async fn watch(state: ApiState) {
    let mut seen = None;
    let mut tick = tokio::time::interval(LOOK);
    // After a pause one look makes up for all that were missed.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // A store that is away throws nobody out; what happened meanwhile is seen when it is back.
        if let Err(error) = look(&state, &mut seen).await {
            tracing::debug!(%error, "changes of access could not be looked for");
        }
    }
}

async fn look(state: &ApiState, seen: &mut Option<Seen>) -> Result<(), StoreError> {
    let now_ms = state.clock.now_ms();
    let after_ms = seen.as_ref().map_or(now_ms, |seen| seen.at_ms);
    // In office hours the next one is waiting: who has had their turn leaves now, not with the next minute's look.
    let found = state.store.access_look(after_ms, now_ms, STAY_AFTER_MS, NAMED).await?;
    let AccessLook { marks, run_out, is_turn_over } = found;
    let Some(last) = seen else {
        let midnight_ms = next_midnight(state, now_ms).await?;
        *seen = Some(Seen { marks, at_ms: now_ms, midnight_ms, midnight_until_ms: now_ms + MIDNIGHT_MS });
        // Who came before the first look was let in by what this look has read, or later.
        state.rooms.access_changed();
        return Ok(());
    };
    let passed_midnight = now_ms >= last.midnight_ms;
    if passed_midnight || now_ms >= last.midnight_until_ms || now_ms < last.at_ms {
        last.midnight_ms = next_midnight(state, now_ms).await?;
        last.midnight_until_ms = now_ms + MIDNIGHT_MS;
    }
    if passed_midnight || is_turn_over || marks.people != last.marks.people {
        state.rooms.access_changed();
    } else if marks.sign_ins != last.marks.sign_ins || run_out.len() as i64 == NAMED {
        state.rooms.sign_ins_changed();
    }
    for hash in run_out {
        state.tickets.revoke(&hash);
        // Nobody listens when no socket is open.
        let _ = state.revoked.send(hash);
    }
    (last.marks, last.at_ms) = (marks, now_ms);
    Ok(())
}

async fn next_midnight(state: &ApiState, now_ms: i64) -> Result<i64, StoreError> {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let midnights = state.store.schools().await?.into_iter().filter_map(|school| {
        let tomorrow = now.to_zoned(school.zone()).tomorrow().ok()?;
        Some(tomorrow.start_of_day().ok()?.timestamp().as_millisecond())
    });
    Ok(midnights.min().unwrap_or(i64::MAX))
}
