//! Drivers of `signaling::Room`: a task per room, a pair of tasks per WebSocket, and the registry that knows the rooms.
//!
//! A room's truth is in its task and nowhere else. Whatever a room wants done leaves as an output: to outboxes (never
//! waited on), to the SFU, to the store, to whoever listens to [`registry::RoomEvent`]s.

pub mod access;
mod actor;
pub mod connection;
pub mod headless;
mod media_keys;
pub mod media_watch;
pub mod outbox;
mod records;
pub mod registry;
pub mod relays;
pub mod school_gate;
