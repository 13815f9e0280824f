//! Presence: who is online and in which room. Soft state that may be lost at any time and heals by itself; nothing here
//! decides rights or is kept as evidence (attendance is the rooms' own record).
//!
//! `state` is the machine, `note` its language; `local` keeps it in this process (the default), `redis` shares it
//! between the hubs of one school. Calls never wait on the network: they change the machine and wake its driver.

pub mod local;
mod note;
pub mod redis;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use signaling::ids::{PersonId, RoomId};
use tokio::sync::{Notify, watch};
use tokio_util::sync::DropGuard;

pub use self::state::Online;
use self::state::State;

/// The handle: clone it freely.
#[derive(Clone)]
pub struct Presence {
    hub: Arc<Hub>,
}

struct Hub {
    shared: Arc<Shared>,
    next_connection: AtomicU64,
    /// Ends the driver with the last handle; `None` when there is none to end.
    _driver: Option<DropGuard>,
}

/// What handle and driver share. The mutex is held for a few map operations, never across an await.
struct Shared {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    /// Wakes the driver when the machine has something to say.
    wake: Notify,
}

impl Presence {
    fn new(shared: Arc<Shared>, driver: Option<DropGuard>) -> Self {
        Self { hub: Arc::new(Hub { shared, next_connection: AtomicU64::new(1), _driver: driver }) }
    }

    /// Records a connection of a person; it counts until the returned seat is dropped. `room`: `None` for someone who
    /// is signed in and in no room. Beyond 50,000 connections on one hub newcomers are not shown.
    #[must_use = "dropping the seat takes the person offline"]
    pub fn enter(&self, person: PersonId, display_name: &str, room: Option<RoomId>) -> OnlineSeat {
        let connection = self.hub.next_connection.fetch_add(1, Ordering::Relaxed);
        let name = display_name.to_owned();
        self.hub.shared.change(|state| state.handle_enter(connection, person, name, room));
        OnlineSeat { presence: self.clone(), connection }
    }

    /// Everyone online here and on the other hubs, one row for each person and room, sorted.
    pub fn online(&self) -> Vec<Online> {
        self.hub.shared.state().online()
    }

    /// Wakes whenever `online` or `healthy` may answer differently. The value is a revision, so a slow watcher misses
    /// steps but never the newest state, and no backlog can grow.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.hub.shared.revision.subscribe()
    }

    /// Whether what is said of other hubs is fresh. Always true for the in-process kind.
    pub fn healthy(&self) -> bool {
        self.hub.shared.state().is_healthy()
    }
}

/// One connection being online. Dropping it takes the connection off, also when its task panics.
pub struct OnlineSeat {
    presence: Presence,
    connection: u64,
}

impl OnlineSeat {
    /// The same connection is now in `room`.
    pub fn move_to(&self, room: Option<RoomId>) {
        self.presence.hub.shared.change(|state| state.handle_move(self.connection, room));
    }
}

impl Drop for OnlineSeat {
    fn drop(&mut self) {
        self.presence.hub.shared.change(|state| state.handle_leave(self.connection));
    }
}

impl Shared {
    fn new(state: State) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), revision: watch::Sender::new(0), wake: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic inside the machine leaves soft state that beats and snapshots repair.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the machine from outside, then tells the watchers and the driver.
    fn change<R>(&self, action: impl FnOnce(&mut State) -> R) -> R {
        let result = self.apply(action);
        self.wake.notify_one();
        result
    }

    /// Changes the machine, then tells the watchers; the driver, who calls this, needs no waking.
    fn apply<R>(&self, action: impl FnOnce(&mut State) -> R) -> R {
        let (result, revision) = {
            let mut state = self.state();
            let result = action(&mut state);
            (result, state.revision())
        };
        self.revision.send_if_modified(|seen| {
            let is_newer = revision > *seen;
            *seen = revision.max(*seen);
            is_newer
        });
        result
    }
}
