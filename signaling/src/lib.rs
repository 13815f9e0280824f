//! Wire protocol and room state machine of Kafedra, sans-I/O.
//!
//! [`message`] is everything that crosses the WebSocket, [`room`] the machine behind one room. No clock, no socket, no
//! task lives here: the hub's `rooms/` drives it.

pub mod ids;
pub mod message;
pub mod refusal;
pub mod room;
pub mod version;

#[cfg(test)]
mod typescript;
