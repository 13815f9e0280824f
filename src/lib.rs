//! Kafedra hub: the parts, from the rules at the bottom to the program at the top.

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod notify;
pub mod presence;
pub mod rate;
pub mod rooms;
pub mod schedule;
pub mod sfu;
pub mod store;
