//! `[media]`: the ports of audio and video.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use signaling::message::session::VideoCodec;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// UDP port of the first worker; the next workers take the next ports. 0: any free port for each.
    pub udp_port: u16,
    /// UDP port of the first worker as clients see it, when a router maps another one; 0: `udp_port`.
    pub udp_public_port: u16,
    /// Whether clients may come over TCP, whose network lets no UDP through.
    pub tcp: bool,
    /// TCP port that all workers share; 0: the number of `udp_port`.
    pub tcp_port: u16,
    /// TCP port as clients see it, when a router maps another one (443); 0: `tcp_port`.
    pub tcp_public_port: u16,
    /// Worker threads; 0: one for each core.
    pub workers: u16,
    /// Addresses that the sockets bind; of those that stand for a whole family, a family that is not there is left out.
    pub bind: Vec<IpAddr>,
    /// Addresses told to clients; empty: those of this machine's interfaces.
    pub advertise: Vec<IpAddr>,
    /// Codec in which the web client sends cameras.
    pub camera_codec: VideoCodec,
    /// Codec in which it sends shared screens.
    pub screen_codec: VideoCodec,
}

impl Media {
    /// The TCP port to bind: `None` when there shall be none, 0 for any that is free.
    pub fn bound_tcp_port(&self) -> Option<u16> {
        let port = if self.tcp_port == 0 { self.udp_port } else { self.tcp_port };
        self.tcp.then_some(port)
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            udp_port: 8090,
            udp_public_port: 0,
            tcp: true,
            tcp_port: 0,
            tcp_public_port: 0,
            workers: 0,
            bind: vec![IpAddr::from([0, 0, 0, 0]), IpAddr::from([0; 16])],
            advertise: Vec::new(),
            camera_codec: VideoCodec::Vp8,
            screen_codec: VideoCodec::Vp8,
        }
    }
}
