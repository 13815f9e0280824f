//! Seats of programs (WHIP and WHEP): a person's right, exercised without a WebSocket. They pass the same door, sit in
//! the same room and obey the same rights.

use signaling::ids::{PeerId, RoomId};
use signaling::message::{ClientMessage, ServerMessage};
use signaling::room::Seat;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{mpsc, watch};
use tokio::time::Interval;

use super::access::Refused;
use super::actor::Sink;
use super::connection::RECHECK;
use super::registry::{Bound, Rooms, Signals};
use crate::domain::policy::Principal;

/// Messages that may wait for the program's driver; more are lost.
const INBOX: usize = 256;

/// Whether a program makes anything of this message. The others (who came, whose line is bad) are as many as the room is
/// large, for each who comes: 400 watchers were sent 70,000 of them at a change of their lines, 27 MB.
fn is_read(message: &ServerMessage) -> bool {
    matches!(
        message,
        ServerMessage::Joined(_)
            | ServerMessage::Answer(_)
            | ServerMessage::Error(_)
            | ServerMessage::Sources(_)
            | ServerMessage::Speakers(_)
            | ServerMessage::Closed(_)
            | ServerMessage::Reconnect(_)
    )
}

/// A program's seat. Dropping it gives the seat up.
pub struct Headless {
    bound: Option<Bound>,
    messages: mpsc::Receiver<Box<ServerMessage>>,
    peer: PeerId,
}

/// What holds a program's seat: the sign-in and the right that it was taken with (WS-07).
pub struct Tether {
    rooms: Rooms,
    who: Principal,
    seat: Option<Bound>,
    revoked: broadcast::Receiver<String>,
    signals: watch::Receiver<Signals>,
    recheck: Interval,
}

impl Tether {
    /// Waits until the program has to go: signed out, expired, no longer admitted, or the hub stops.
    pub async fn ended(&mut self) {
        let Signals { mut access, mut sign_ins, .. } = *self.signals.borrow_and_update();
        // Something may have ended between the door and here.
        // Boxed: asking the store is rare, and its futures are most of what a program's task would take.
        while Box::pin(self.holds()).await {
            loop {
                tokio::select! {
                    revoked = self.revoked.recv() => match revoked {
                        Ok(session) if session == self.who.session => return,
                        Ok(_) => continue,
                        // Behind: the store knows.
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return,
                    },
                    _ = self.recheck.tick() => break,
                    changed = self.signals.changed() => {
                        let seen = *self.signals.borrow_and_update();
                        if changed.is_err() || seen.stopping {
                            return;
                        }
                        let before = (access, sign_ins);
                        (access, sign_ins) = (seen.access, seen.sign_ins);
                        if before != (access, sign_ins) {
                            break;
                        }
                    }
                }
            }
        }
    }

    async fn holds(&self) -> bool {
        let Some(seat) = &self.seat else { return false };
        self.rooms.is_signed_in(&self.who).await && self.rooms.may_stay(&self.who, seat).await
    }
}

impl Rooms {
    /// Watches over a program's seat. `revoked`: sign-ins (by their hash) that end, heard from before the seat was taken.
    pub fn tether(&self, seat: &Headless, who: Principal, revoked: broadcast::Receiver<String>) -> Tether {
        let mut recheck = tokio::time::interval(RECHECK);
        // The first look is one interval from now: the seat has just been checked.
        recheck.reset();
        Tether { rooms: self.clone(), who, seat: seat.bound.clone(), revoked, signals: self.signals(), recheck }
    }

    /// Takes a seat for a program of this person. `Seat::Person` is not for programs.
    ///
    /// # Errors
    /// Every refusal of a join; `host_absent` and `room_locked` where a person would wait in the lobby.
    pub async fn join_headless(&self, room: &RoomId, who: &Principal, seat: Seat) -> Result<Headless, Refused> {
        let (sender, messages) = mpsc::channel(INBOX);
        let sink = Sink::Program { channel: sender, reads: is_read };
        let bound = self.join(who, room, None, seat, sink).await?;
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

    /// The next message to this seat that [`is_read`]. `None`: the
    /// seat is gone.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        self.messages.recv().await.map(|message| *message)
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
