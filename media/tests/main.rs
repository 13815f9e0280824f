//! Tests of the core from outside: peers made by hand on the same DTLS and SRTP layers, a virtual clock, no sockets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod pair;

mod allocations;
mod codecs;
mod continuity;
mod corpus;
mod faults;
mod forgery;
mod forwarding;
mod hostile;
mod impaired;
mod negotiation;
mod netem;
mod report;
mod strangers;
