//! The room machine, driven through its public face by scripted peers under a virtual clock.
#![allow(clippy::unwrap_used)]

mod chat;
mod floor;
mod forms;
mod hostile;
mod lobby;
mod negotiation;
mod quality;
mod resume;
mod scenario;
