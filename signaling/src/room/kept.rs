//! What a room that fell and is built anew goes on with: its people come back by themselves, the host's decisions do not.

use std::collections::BTreeSet;

use crate::ids::PersonId;
use crate::message::floor::RoomPolicy;
use crate::message::session::RoomState;

use super::Room;

/// The decisions taken in a room, and its times as last told.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub state: RoomState,
    pub host_present: bool,
    times: (u64, u64, u64),
    policy: RoomPolicy,
    promoted: BTreeSet<PersonId>,
    removed: BTreeSet<PersonId>,
    /// Who passed the lobby is not stopped there again.
    admitted: BTreeSet<PersonId>,
}

impl Room {
    /// Brings `kept` up to date. Called after every event, so it copies only what has changed.
    pub fn keep_in(&self, kept: &mut Option<Kept>) {
        let times = (self.config.start_ms, self.config.end_ms, self.config.closes_ms);
        let is_same = kept.as_ref().is_some_and(|kept| {
            (kept.state, kept.host_present, kept.times) == (self.config.state, self.host_present, times)
                && kept.policy == self.policy
                && kept.promoted == self.promoted
                && kept.removed == self.removed
                && kept.admitted == self.admitted
        });
        if !is_same {
            *kept = Some(Kept {
                state: self.config.state,
                host_present: self.host_present,
                times,
                policy: self.policy.clone(),
                promoted: self.promoted.clone(),
                removed: self.removed.clone(),
                admitted: self.admitted.clone(),
            });
        }
    }

    /// Takes over what an earlier machine of this room kept. Before anybody joins.
    pub fn go_on(&mut self, kept: Kept) {
        self.config.state = kept.state;
        (self.config.start_ms, self.config.end_ms, self.config.closes_ms) = kept.times;
        self.policy = kept.policy;
        self.promoted = kept.promoted;
        self.removed.extend(kept.removed);
        self.admitted = kept.admitted;
    }
}
