#![allow(clippy::unwrap_used)]
//! A model of hub and store in memory: restarts at random instants, and each room is opened exactly once (P14).

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::domain::consultation::{Downtime, Effect, Event, Facts, Timing, apply};
use crate::domain::ids::SchoolId;

const MIN: i64 = 60_000;

fn row(name: usize, start_min: i64, minutes: i64) -> ClockRow {
    let start_ms = start_min * MIN;
    let end_ms = start_ms + minutes * MIN;
    let facts = Facts {
        state: State::Planned,
        start_ms,
        end_ms,
        opens_ms: start_ms - 10 * MIN,
        closes_ms: end_ms + 10 * MIN,
        grace_from_ms: None,
        host_lost_ms: None,
    };
    ClockRow { id: ConsultationId::new(name.to_string()), school: SchoolId::new("s"), facts }
}

/// What lasts over a restart.
struct Model {
    rows: Vec<ClockRow>,
    timings: Timings,
    openings: HashMap<ConsultationId, u32>,
}

impl Model {
    fn look<'a>(&'a self, now_ms: i64, near: &'a [ClockRow], rooms: &'a HashSet<ConsultationId>) -> Plan {
        let warned = HashSet::new();
        plan(&Look { now_ms, rows: near, open_rooms: rooms, warned: &warned, timings: &self.timings })
    }

    /// Rows due by now and those that own a room.
    fn near(&self, now_ms: i64) -> Vec<ClockRow> {
        let timing = Timing::default();
        let is_near =
            |row: &&ClockRow| row.facts.state.has_room() || row.facts.due_ms(&timing).is_some_and(|due| due <= now_ms);
        self.rows.iter().filter(is_near).cloned().collect()
    }

    /// One look, its steps done at once. Gives whether anything was stepped.
    fn turn(&mut self, now_ms: i64, rooms: &mut HashSet<ConsultationId>, down: Option<Downtime>) -> bool {
        let near = self.near(now_ms);
        let plan = self.look(now_ms, &near, rooms);
        let mut stepped = false;
        for action in plan.actions {
            match action {
                Action::Step(id) => {
                    stepped = true;
                    let row = self.rows.iter_mut().find(|row| row.id == id).unwrap();
                    let event = Event::Clock { shared_ms: 0, down };
                    let Some(step) = apply(&row.facts, &Timing::default(), event, now_ms).unwrap() else { continue };
                    for effect in &step.effects {
                        if let Effect::GraceFrom { ms } = effect {
                            row.facts.grace_from_ms = Some(*ms);
                        }
                    }
                    if row.facts.state == State::Planned && step.to == State::Open {
                        *self.openings.entry(id.clone()).or_default() += 1;
                    }
                    row.facts.state = step.to;
                    if step.to.is_final() {
                        rooms.remove(&id);
                    }
                }
                Action::Reopen(id) => {
                    rooms.insert(id);
                }
                Action::CloseStray(id) => {
                    rooms.remove(&id);
                }
                Action::Warn { .. } => {}
            }
        }
        stepped
    }
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    /// Looking twice without doing anything gives the same, after all is done there is nothing left to do, and the rooms are those
    /// of the consultations that are open or live.
    #[test]
    fn inv_03_a_look_leaves_a_room_to_each_that_owns_one_and_to_no_other(starts in proptest::collection::vec((0i64..300, 1i64..90), 1..30), now in -20i64..420) {
        let rows = starts.iter().enumerate().map(|(n, (start, minutes))| row(n, *start, *minutes)).collect();
        let mut model = Model { rows, timings: Timings::new(Timing::default()), openings: HashMap::new() };
        let mut rooms = HashSet::new();
        let now_ms = now * MIN;
        let near = model.near(now_ms);
        prop_assert_eq!(model.look(now_ms, &near, &rooms), model.look(now_ms, &near, &rooms));
        let mut turns = 0;
        while model.turn(now_ms, &mut rooms, None) {
            turns += 1;
            prop_assert!(turns < 10);
        }
        model.turn(now_ms, &mut rooms, None);
        let near = model.near(now_ms);
        prop_assert_eq!(model.look(now_ms, &near, &rooms).actions, vec![]);
        let owners: HashSet<_> =
            model.rows.iter().filter(|row| row.facts.state.has_room()).map(|row| row.id.clone()).collect();
        prop_assert_eq!(owners, rooms);
    }

    /// Killed and restarted at any instants, the hub opens each consultation at most once, and exactly once when it was up at
    /// some moment of its window; in the end everything is over.
    #[test]
    fn p14_restarts_at_random_instants_open_each_room_once(
        starts in proptest::collection::vec((0i64..300, 1i64..90), 1..20),
        mut cuts in proptest::collection::vec(-20i64..420, 0..12),
    ) {
        let rows: Vec<_> = starts.iter().enumerate().map(|(n, (start, minutes))| row(n, *start, *minutes)).collect();
        let mut model = Model { rows: rows.clone(), timings: Timings::new(Timing::default()), openings: HashMap::new() };
        cuts.sort_unstable();
        // Up, down, up, down… between the cuts; up at the end.
        let mut edges = vec![-30 * MIN];
        edges.extend(cuts.iter().map(|cut| cut * MIN));
        if edges.len() % 2 == 0 {
            edges.push(430 * MIN);
        }
        edges.push(600 * MIN);
        let mut up = Vec::new();
        let mut last_alive = None;
        for span in edges.chunks(2) {
            let (from, to) = (span[0], *span.get(1).unwrap_or(&(600 * MIN)));
            up.push((from, to));
            let mut rooms = HashSet::new();
            let down = last_alive.map(|from_ms| Downtime { from_ms, to_ms: from });
            let mut now = from;
            while now <= to {
                let mut turns = 0;
                while model.turn(now, &mut rooms, down) {
                    turns += 1;
                    prop_assert!(turns < 50, "the clock spins at {now}");
                }
                let due = model.rows.iter().filter_map(|row| row.facts.due_ms(&Timing::default())).min();
                match due {
                    Some(due) => now = due.max(now + 1),
                    None => break,
                }
            }
            last_alive = Some(to);
        }
        for row in &rows {
            let opened = model.openings.get(&row.id).copied().unwrap_or(0);
            let was_up = up.iter().any(|(from, to)| *from < row.facts.end_ms && *to >= row.facts.opens_ms);
            prop_assert_eq!(opened, u32::from(was_up), "{:?} up {:?}", row, up);
        }
        prop_assert!(model.rows.iter().all(|row| row.facts.state.is_final()));
    }
}
