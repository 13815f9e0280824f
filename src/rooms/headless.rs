//! Seats of programs (WHIP and WHEP): a person's right, exercised without a WebSocket. They pass the same door, sit in
//! the same room and obey the same rights.

use signaling::ids::{PeerId, RoomId};
use signaling::message::{ClientMessage, ServerMessage};
use signaling::room::Seat;
use tokio::sync::mpsc;

use super::access::Refused;
use super::actor::Sink;
use super::registry::{Bound, Rooms};
use crate::domain::policy::Principal;

/// Messages that may wait for the program's driver; more are lost.
const INBOX: usize = 256;

/// A program's seat. Dropping it gives the seat up.
pub struct Headless {
    bound: Option<Bound>,
    messages: mpsc::Receiver<ServerMessage>,
    peer: PeerId,
}

impl Rooms {
    /// Takes a seat for a program of this person. `Seat::Person` is not for programs.
    ///
    /// # Errors
    /// Every refusal of a join; `host_absent` and `room_locked` where a person would wait in the lobby.
    pub async fn join_headless(&self, room: &RoomId, who: &Principal, seat: Seat) -> Result<Headless, Refused> {
        let (sender, messages) = mpsc::channel(INBOX);
        let bound = self.join(who, room, None, seat, Sink::Program(sender)).await?;
        let peer = bound.peer.clone();
        Ok(Headless { bound: Some(bound), messages, peer })
    }
}

impl Headless {
    /// The seat; its sources are `{peer}:{label}`.
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// Says something to the room, as any client would.
    pub async fn say(&self, message: ClientMessage) {
        if let Some(bound) = &self.bound {
            bound.say(message).await;
        }
    }

    /// The next message to this seat: answers, refusals, slots; a watcher also reads sources and speakers. `None`: the
    /// seat is gone.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        self.messages.recv().await
    }

    /// Whether the room has taken the seat away.
    pub fn is_gone(&self) -> bool {
        self.bound.as_ref().is_none_or(Bound::is_gone)
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        if let Some(bound) = self.bound.take() {
            // Waits only while the room is busy.
            tokio::spawn(bound.lose());
        }
    }
}
