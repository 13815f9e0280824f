//! Two or three machines on a pretended channel, with a pretended clock.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use super::*;
use proptest::prelude::*;

/// Hubs, the channel between them and the time.
struct World {
    origin: Instant,
    elapsed: Duration,
    hubs: Vec<State>,
    /// Which hubs reach Redis at all.
    reachable: Vec<bool>,
}

impl World {
    fn new(count: u128) -> Self {
        let origin = Instant::now();
        let hubs: Vec<State> = (1..=count).map(|number| State::linked(NodeId::from_random(number), origin)).collect();
        let reachable = vec![true; hubs.len()];
        let mut world = Self { origin, elapsed: Duration::ZERO, hubs, reachable };
        world.advance(Duration::from_millis(300));
        world
    }

    fn now(&self) -> Instant {
        self.origin + self.elapsed
    }

    /// Lets time pass in steps of 50 ms, carrying notes without delay.
    fn advance(&mut self, duration: Duration) {
        let until = self.elapsed + duration;
        while self.elapsed < until {
            self.elapsed += Duration::from_millis(50);
            let now = self.now();
            for index in 0..self.hubs.len() {
                if self.hubs[index].poll_timeout().is_some_and(|at| at <= now) {
                    self.hubs[index].handle_timeout(now);
                }
            }
            self.settle();
        }
    }

    fn settle(&mut self) {
        let now = self.now();
        let mut moved = true;
        while moved {
            moved = false;
            for index in 0..self.hubs.len() {
                while let Some(output) = self.hubs[index].poll_output() {
                    moved = true;
                    match output {
                        Output::Reconnect if self.reachable[index] => self.hubs[index].handle_connected(now),
                        Output::Publish(note) if self.reachable[index] => {
                            let payload = note.to_payload();
                            for (hub, reachable) in self.hubs.iter_mut().zip(&self.reachable) {
                                if *reachable {
                                    hub.handle_payload(now, &payload);
                                }
                            }
                        }
                        Output::Reconnect | Output::Publish(_) => {}
                    }
                }
            }
        }
    }

    fn enter(&mut self, hub: usize, connection: u64, person: &str, room: &str) {
        self.hubs[hub].handle_enter(connection, PersonId::new(person), person.to_uppercase(), Some(RoomId::new(room)));
        self.settle();
    }

    fn leave(&mut self, hub: usize, connection: u64) {
        self.hubs[hub].handle_leave(connection);
        self.settle();
    }

    /// `person@room`, with `?` when stale.
    fn sees(&self, hub: usize) -> Vec<String> {
        let text = |online: Online| {
            let room = online.room.map_or(String::from("-"), |room| room.to_string());
            format!("{}@{room}{}", online.person, if online.stale { "?" } else { "" })
        };
        self.hubs[hub].online().into_iter().map(text).collect()
    }
}

#[test]
fn hubs_see_each_others_people_at_once() {
    let mut world = World::new(2);
    world.enter(0, 1, "anna", "r1");
    world.enter(1, 1, "boris", "r2");
    assert_eq!(world.sees(0), ["anna@r1", "boris@r2"]);
    assert_eq!(world.sees(1), ["anna@r1", "boris@r2"]);
    world.leave(0, 1);
    assert_eq!(world.sees(1), ["boris@r2"]);
}

#[test]
fn a_hub_that_comes_later_learns_who_is_there() {
    let mut world = World::new(3);
    world.reachable[2] = false;
    world.advance(Duration::from_secs(3));
    for connection in 0..1_201 {
        world.enter(0, connection, &format!("p{connection:04}"), "hall");
    }
    assert_eq!(world.sees(2).len(), 0);
    world.reachable[2] = true;
    world.advance(Duration::from_secs(2));
    assert_eq!(world.sees(2).len(), 1_201);
}

#[test]
fn a_person_in_one_room_by_two_devices_is_one_row_until_both_left() {
    let mut world = World::new(2);
    world.enter(0, 1, "anna", "r1");
    world.enter(1, 9, "anna", "r1");
    assert_eq!(world.sees(0), ["anna@r1"]);
    world.leave(1, 9);
    assert_eq!(world.sees(0), ["anna@r1"]);
    world.leave(0, 1);
    assert_eq!(world.sees(1), Vec::<String>::new());
}

#[test]
fn names_stay_on_their_own_hub() {
    let mut world = World::new(2);
    world.enter(0, 1, "anna", "r1");
    assert_eq!(world.hubs[0].online()[0].display_name.as_deref(), Some("ANNA"));
    assert_eq!(world.hubs[1].online()[0].display_name, None);
}

#[test]
fn without_redis_own_people_stay_and_others_are_marked_stale_within_two_seconds() {
    let mut world = World::new(2);
    world.enter(0, 1, "anna", "r1");
    world.enter(1, 1, "boris", "r2");
    world.reachable = vec![false, false];
    world.advance(Duration::from_secs(2));
    assert!(!world.hubs[0].is_healthy());
    assert_eq!(world.sees(0), ["anna@r1", "boris@r2?"]);
    world.enter(0, 2, "vera", "r1");
    world.leave(1, 1);
    world.reachable = vec![true, true];
    world.advance(Duration::from_secs(1));
    assert!(world.hubs[0].is_healthy());
    assert_eq!(world.sees(0), ["anna@r1", "vera@r1"]);
    assert_eq!(world.sees(1), ["anna@r1", "vera@r1"]);
}

#[test]
fn a_hub_that_died_is_forgotten_within_eight_seconds() {
    let mut world = World::new(2);
    world.enter(1, 1, "boris", "r2");
    world.reachable[1] = false;
    world.advance(Duration::from_secs(2));
    assert_eq!(world.sees(0), ["boris@r2?"]);
    world.advance(Duration::from_secs(5));
    assert_eq!(world.sees(0), Vec::<String>::new());
}

#[test]
fn a_hub_that_says_goodbye_is_forgotten_at_once() {
    let mut world = World::new(2);
    world.enter(1, 1, "boris", "r2");
    world.hubs[1].handle_shutdown();
    world.settle();
    assert_eq!(world.sees(0), Vec::<String>::new());
}

#[test]
fn a_lost_note_is_repaired_by_the_next_beat() {
    let mut world = World::new(2);
    world.hubs[0].handle_enter(1, PersonId::new("anna"), String::new(), None);
    while world.hubs[0].poll_output().is_some() {}
    assert_eq!(world.sees(1), Vec::<String>::new());
    world.advance(Duration::from_millis(800));
    assert_eq!(world.sees(1), ["anna@-"]);
}

#[test]
fn a_slow_driver_gets_a_snapshot_in_place_of_a_backlog() {
    let mut world = World::new(2);
    for connection in 0..10_000 {
        world.hubs[0].handle_enter(connection, PersonId::new(format!("p{connection}")), String::new(), None);
    }
    assert!(world.hubs[0].outbox.len() <= OUTBOX_MAX + ENTRIES_MAX / PART_ENTRIES);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.sees(1).len(), 10_000);
}

#[test]
fn a_hub_alone_is_healthy_and_asks_for_nothing() {
    let mut state = State::alone();
    state.handle_enter(1, PersonId::new("anna"), String::from("Anna"), None);
    assert!(state.is_healthy() && state.poll_output().is_none() && state.poll_timeout().is_none());
    assert_eq!(state.online().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, once all is well again everyone sees exactly who is there.
    #[test]
    fn hubs_agree_after_any_trouble(
        steps in proptest::collection::vec((0usize..3, 0u64..6, 0u8..6, 0u64..1_500), 1..60),
    ) {
        let mut world = World::new(3);
        for (hub, connection, action, wait_ms) in steps {
            match action {
                0 | 1 => world.enter(hub, connection, &format!("p{hub}-{connection}"), "r"),
                2 => world.leave(hub, connection),
                3 => world.reachable[hub] = !world.reachable[hub],
                // A note lost on the way.
                4 => drop(world.hubs[hub].poll_output()),
                _ => world.advance(Duration::from_millis(wait_ms)),
            }
        }
        world.reachable = vec![true; 3];
        world.advance(Duration::from_secs(8));
        let mut expected: Vec<String> = world
            .hubs
            .iter()
            .flat_map(|hub| hub.here.values().map(|here| format!("{}@r", here.person)))
            .collect();
        expected.sort();
        for hub in 0..3 {
            prop_assert!(world.hubs[hub].is_healthy());
            prop_assert_eq!(world.sees(hub), expected.clone());
        }
    }
}
