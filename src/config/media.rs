//! `[media]`: the UDP side.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use signaling::message::session::VideoCodec;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// UDP port of the first worker; the next workers take the next ports. 0: any free port for each.
    pub udp_port: u16,
    /// Worker threads; 0: one for each core.
    pub workers: u16,
    /// Address that the UDP sockets bind.
    pub bind: IpAddr,
    /// Addresses told to clients; empty: those of this machine's interfaces.
    pub advertise: Vec<IpAddr>,
    /// Codec in which the web client sends cameras.
    pub camera_codec: VideoCodec,
    /// Codec in which it sends shared screens.
    pub screen_codec: VideoCodec,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            udp_port: 8090,
            workers: 0,
            bind: IpAddr::from([0, 0, 0, 0]),
            advertise: Vec::new(),
            camera_codec: VideoCodec::Vp8,
            screen_codec: VideoCodec::Vp8,
        }
    }
}
