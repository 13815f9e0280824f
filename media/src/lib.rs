//! SFU core, sans-I/O: bytes and the time come in, bytes and events go out. No socket, no clock, no lock, no task.
//!
//! [`sfu::Sfu`] is what a worker thread drives; it leans on `demux` (whose datagram is this), `transport` (ICE-lite, DTLS,
//! SRTP of one peer), `negotiate` over `sdp` (the answer to an offer), `forward` (sources, layers, slots), `bandwidth` and `pacer` (how much a
//! receiver gets, and how fast) and `speaker`.
#![deny(unsafe_code)]

pub mod model;
pub mod sfu;

pub mod bandwidth;
pub mod demux;
pub mod error;
pub mod forward;
pub mod framing;
pub mod negotiate;
pub mod output;
pub mod pacer;
pub mod path;
mod random;
pub mod rtp;
pub mod sdp;
pub mod speaker;
pub mod stats;
pub mod transport;
