//! SFU core, sans-I/O: bytes and the time come in, bytes and events go out. No socket, no clock, no lock, no task.
//!
//! `sfu` is what a worker thread drives; it leans on `demux` (whose datagram is this), `transport` (ICE-lite, DTLS, SRTP of
//! one peer), `negotiate` over `sdp` (the answer to an offer), `forward` (sources, layers, slots) and `speaker`.
#![deny(unsafe_code)]

pub mod model;
