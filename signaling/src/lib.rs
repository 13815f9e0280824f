//! Wire protocol and room state machine of Kafedra, sans-I/O.
//!
//! [`message`] is everything that crosses the WebSocket, [`room`] the machine behind one room, [`rate`] how fast one
//! connection may write. No clock, no socket, no task lives here: the hub's `rooms/` drives it.

pub mod ids;
pub mod message;
pub mod rate;
pub mod refusal;
pub mod room;
#[cfg(any(test, feature = "schema"))]
mod schema;
pub mod version;

#[cfg(any(test, feature = "schema"))]
pub use schema::schema;

#[cfg(test)]
mod typescript;
