//! Presence: one contract for both kinds, the shared one against a real Redis that this test starts, kills and freezes.

pub(crate) mod redis_server;

use std::time::Duration;

use kafedra::presence::{OnlineSeat, Presence};
use signaling::ids::{PersonId, RoomId};

use self::redis_server::RedisServer;

/// What SAFETY promises for a join or leave to be seen on another hub.
const SEEN: Duration = Duration::from_secs(1);
/// What SAFETY promises for coming back after Redis did.
const CONVERGED: Duration = Duration::from_secs(3);
/// For what has no promise: long enough for a busy machine, an error and not a hang after that.
const PATIENCE: Duration = Duration::from_secs(20);

fn shared(url: &str, namespace: &str) -> Presence {
    Presence::redis(url, None, namespace).unwrap()
}

fn enter(presence: &Presence, person: &str, room: Option<&str>) -> OnlineSeat {
    presence.enter(PersonId::new(person), &format!("Name of {person}"), room.map(RoomId::new))
}

/// `person@room`, with `?` when stale.
fn seen(presence: &Presence) -> Vec<String> {
    let text = |online: kafedra::presence::Online| {
        let room = online.room.map_or(String::from("-"), |room| room.to_string());
        format!("{}@{room}{}", online.person, if online.stale { "?" } else { "" })
    };
    presence.online().into_iter().map(text).collect()
}

/// Waits, by the watcher alone, until `condition` holds.
async fn wait_until(presence: &Presence, within: Duration, what: &str, condition: impl Fn(&Presence) -> bool) {
    let mut watcher = presence.watch();
    let waiting = async {
        loop {
            watcher.borrow_and_update();
            if condition(presence) {
                return;
            }
            watcher.changed().await.expect("the handle is alive");
        }
    };
    if tokio::time::timeout(within, waiting).await.is_err() {
        panic!("not within {within:?}: {what}; seen {:?}, healthy {}", seen(presence), presence.healthy());
    }
}

async fn wait_seen(presence: &Presence, within: Duration, expected: &[&str]) {
    wait_until(presence, within, &format!("{expected:?}"), |presence| seen(presence) == expected).await;
}

/// What both kinds promise. `here` and `there` are two handles that share presence.
async fn contract(here: &Presence, there: &Presence) {
    for presence in [here, there] {
        wait_until(presence, PATIENCE, "healthy", Presence::healthy).await;
    }

    let anna = enter(here, "anna", Some("r1"));
    let boris = enter(there, "boris", None);
    for presence in [here, there] {
        wait_seen(presence, SEEN, &["anna@r1", "boris@-"]).await;
    }
    let named = here.online();
    assert_eq!(named[0].display_name.as_deref(), Some("Name of anna"), "own people have names");

    boris.move_to(Some(RoomId::new("r1")));
    let anna_on_phone = enter(there, "anna", Some("r1"));
    let anna_elsewhere = enter(there, "anna", Some("r2"));
    for presence in [here, there] {
        wait_seen(presence, SEEN, &["anna@r1", "anna@r2", "boris@r1"]).await;
    }

    drop(anna);
    drop(boris);
    for presence in [here, there] {
        wait_seen(presence, SEEN, &["anna@r1", "anna@r2"]).await;
    }
    drop(anna_on_phone);
    drop(anna_elsewhere);
    for presence in [here, there] {
        wait_seen(presence, SEEN, &[]).await;
    }

    // Many at once: nobody is lost.
    let crowd: Vec<OnlineSeat> = (0..1_500).map(|number| enter(here, &format!("p{number:04}"), Some("hall"))).collect();
    wait_until(there, PATIENCE, "1500 people", |presence| presence.online().len() == 1_500).await;
    drop(crowd);
    wait_seen(there, PATIENCE, &[]).await;
}

#[tokio::test]
async fn local_presence_keeps_the_contract() {
    let presence = Presence::local();
    contract(&presence, &presence.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_presence_keeps_the_contract() {
    let redis = RedisServer::start().await;
    let here = shared(&redis.url(), "school");
    let there = shared(&redis.url(), "school");
    contract(&here, &there).await;
    assert_eq!(redis.key_count().await, 0, "presence writes no keys");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schools_on_one_redis_do_not_see_each_other() {
    let redis = RedisServer::start().await;
    let first = shared(&redis.url(), "first");
    let second = shared(&redis.url(), "second");
    let also_first = shared(&redis.url(), "first");
    let _anna = enter(&first, "anna", None);
    wait_seen(&also_first, PATIENCE, &["anna@-"]).await;
    wait_until(&second, PATIENCE, "healthy", Presence::healthy).await;
    assert_eq!(seen(&second), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_outlives_its_redis_and_heals_when_it_returns() {
    let mut redis = RedisServer::start().await;
    let here = shared(&redis.url(), "school");
    let there = shared(&redis.url(), "school");
    let _anna = enter(&here, "anna", Some("r1"));
    let boris = enter(&there, "boris", Some("r1"));
    wait_seen(&here, PATIENCE, &["anna@r1", "boris@r1"]).await;

    redis.kill();
    wait_seen(&here, CONVERGED, &["anna@r1", "boris@r1?"]).await;
    assert!(!here.healthy());
    // Own people come and go as if nothing had happened.
    let _vera = enter(&here, "vera", None);
    drop(boris);
    assert_eq!(seen(&here), ["anna@r1", "boris@r1?", "vera@-"]);

    redis.start_again().await;
    for presence in [&here, &there] {
        wait_seen(presence, CONVERGED, &["anna@r1", "vera@-"]).await;
        assert!(presence.healthy());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_delays_no_caller_and_is_noticed() {
    let redis = RedisServer::start().await;
    let here = shared(&redis.url(), "school");
    let there = shared(&redis.url(), "school");
    let _anna = enter(&here, "anna", None);
    wait_seen(&there, PATIENCE, &["anna@-"]).await;

    redis.freeze();
    wait_seen(&there, CONVERGED, &["anna@-?"]).await;
    let boris = tokio::time::timeout(Duration::from_millis(250), async { enter(&here, "boris", None) }).await;
    assert!(boris.is_ok(), "entering waits for nobody");

    redis.thaw();
    wait_seen(&there, CONVERGED, &["anna@-", "boris@-"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flushed_redis_and_cut_connections_lose_nobody() {
    let redis = RedisServer::start().await;
    let here = shared(&redis.url(), "school");
    let there = shared(&redis.url(), "school");
    let _anna = enter(&here, "anna", None);
    wait_seen(&there, PATIENCE, &["anna@-"]).await;

    redis.command(&["FLUSHALL"]).await;
    redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    let _boris = enter(&there, "boris", None);
    for presence in [&here, &there] {
        wait_seen(presence, CONVERGED, &["anna@-", "boris@-"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_stops_takes_its_people_with_it_at_once() {
    let redis = RedisServer::start().await;
    let here = shared(&redis.url(), "school");
    let there = shared(&redis.url(), "school");
    let anna = enter(&here, "anna", None);
    wait_seen(&there, PATIENCE, &["anna@-"]).await;
    // The seat holds a handle: both go, the driver says goodbye.
    drop(anna);
    drop(here);
    wait_seen(&there, SEEN, &[]).await;
}

#[tokio::test]
async fn a_malformed_address_is_refused_and_an_absent_redis_is_not() {
    assert!(Presence::redis("not an address", None, "school").is_err());
    let lonely = shared("redis://127.0.0.1:1/", "school");
    let _anna = enter(&lonely, "anna", None);
    assert!(!lonely.healthy());
    assert_eq!(seen(&lonely), ["anna@-"]);
}
