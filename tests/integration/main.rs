//! The hub from outside, against real parts. ONE binary: a module for each subject.
// Looking from outside, these tests measure real time.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

/// A hub in this process, for the modules below.
mod hub;

/// A headless WebRTC client, for the modules below.
mod client;

/// Hosts of their own, for the modules below.
mod netns;

/// A wire between a client and the hub, for the modules below.
mod wire;

/// The real program as a child, for the modules below.
mod program;

mod access;
mod cli;
mod config;
mod corpus;
mod coverage;
mod csrf;
mod device_check;
mod doctor;
mod evidence;
mod founding;
mod guide;
mod headers;
mod help;
mod import;
mod inv_71;
mod journal;
mod lessons;
mod load;
mod logs;
mod materials;
mod matrix;
mod notices;
mod off_path;
mod ops;
mod password;
mod paths;
mod people;
mod planning;
mod presence;
mod rate;
mod refusals;
mod relay;
mod session;
mod sfu;
mod soak;
mod sockets;
mod st01;
mod ten;
mod whip;
