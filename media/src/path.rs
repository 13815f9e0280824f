//! A way between this hub and a client: the transport protocol, our address and theirs (the 5-tuple). Checks validate
//! paths, not addresses: a client that was heard over UDP has proved nothing about TCP, or about another address of ours.

use std::net::SocketAddr;

/// What carries the datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    Udp,
    /// Each datagram with its length before it (RFC 4571).
    Tcp,
}

/// One way to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    pub protocol: Protocol,
    /// Our address that the client asked; answers leave from it.
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

impl Path {
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, local, remote }
    }

    pub fn tcp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { protocol: Protocol::Tcp, local, remote }
    }
}
