//! The scheduler: opens and closes rooms by the timetable. `plan` decides, `driver` does; the store is the truth.

pub mod driver;
pub mod plan;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::domain::consultation::{Closing, RoomFact, State};
use crate::domain::ids::{ConsultationId, PersonId};
use crate::store::consultation::Consultation;
use crate::store::origin::Origin;

/// What the scheduler needs of the rooms. Each call may come again after a restart or a retry: doing it twice is harmless.
pub trait RoomOpener: Send + Sync + 'static {
    /// A room for this consultation, in its present state (Open or Live). `false`: it did not open; ask again soon.
    fn open_room(&self, consultation: Consultation) -> BoxFuture<'_, bool>;
    /// Everybody out. The consultation's final state is in the store already.
    fn close_room(&self, id: ConsultationId, closing: Closing) -> BoxFuture<'_, ()>;
    /// Open became Live; the room shows it.
    fn state_changed(&self, id: ConsultationId, state: State) -> BoxFuture<'_, ()>;
    /// The end is near: this many milliseconds from now.
    fn warn(&self, id: ConsultationId, ends_in_ms: i64) -> BoxFuture<'_, ()>;
    /// The rooms that this hub runs now.
    fn open_rooms(&self) -> Vec<ConsultationId>;
    /// How long host and at least one recipient were together up to `now_ms`, by the attendance register, in milliseconds.
    fn shared_ms(&self, id: ConsultationId, now_ms: i64) -> BoxFuture<'_, i64>;
}

/// Talks to the scheduler; cheap to clone. Nothing here waits for the scheduler's answer.
#[derive(Clone, Debug)]
pub struct ScheduleHandle {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
pub(crate) enum Order {
    Poke,
    /// With where its cause came from.
    Fact(RoomFact, Option<Origin>),
}

impl ScheduleHandle {
    /// The timetable has changed: look again.
    pub fn poke(&self) {
        // A full queue holds a look already.
        let _ = self.orders.try_send(Order::Poke);
    }

    /// What a room reports of its people.
    pub async fn fact(&self, fact: RoomFact) {
        let _ = self.orders.send(Order::Fact(fact, Origin::current())).await;
    }

    /// A host has come: Open becomes Live and the delay is noted. Repeats are harmless.
    pub async fn host_arrived(&self, consultation: ConsultationId, person: PersonId, at_ms: i64) {
        self.fact(RoomFact::HostArrived { consultation, person, at_ms }).await;
    }

    /// The last host has gone (`false`), or one is back.
    pub async fn host_presence(&self, consultation: ConsultationId, present: bool, at_ms: i64) {
        self.fact(RoomFact::HostPresence { consultation, present, at_ms }).await;
    }

    /// The host has ended it.
    pub async fn ended_by_host(&self, consultation: ConsultationId, person: PersonId, at_ms: i64) {
        self.fact(RoomFact::EndedByHost { consultation, person, at_ms }).await;
    }
}
