//! The last packets of one layer, decrypted: what is forwarded is read from here, and so is what receivers ask for again.

use crate::negotiate::Codec;
use crate::rtp::{self, vp8};

/// Packets kept of a video layer: about two seconds at 2.5 Mbit/s. A power of two.
pub const VIDEO_PACKETS: usize = 512;
/// Packets kept of an audio source: enough for one batch from the socket.
pub const AUDIO_PACKETS: usize = 64;

/// One packet as it came, without its header extension.
#[derive(Clone, Debug)]
pub struct CachedPacket {
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub codec: Codec,
    /// A decoder can start here.
    pub starts_key_frame: bool,
    pub vp8: Option<vp8::Descriptor>,
    pub payload: Vec<u8>,
}

/// A ring indexed by sequence number; an old packet goes when one a ring's length newer comes.
#[derive(Debug)]
pub struct PacketCache {
    ring: Vec<Option<CachedPacket>>,
}

impl PacketCache {
    /// `packets` is a power of two.
    pub fn new(packets: usize) -> Self {
        debug_assert!(packets.is_power_of_two());
        Self { ring: vec![None; packets] }
    }

    /// Copies a packet in, into the buffer of the one it replaces.
    pub fn insert(&mut self, header: &rtp::Header, codec: Codec, payload: &[u8]) -> &CachedPacket {
        let index = usize::from(header.sequence) & (self.ring.len() - 1);
        let packet = self.ring[index].get_or_insert_with(|| CachedPacket {
            sequence: 0,
            timestamp: 0,
            marker: false,
            codec,
            starts_key_frame: false,
            vp8: None,
            payload: Vec::with_capacity(payload.len()),
        });
        packet.sequence = header.sequence;
        packet.timestamp = header.timestamp;
        packet.marker = header.marker;
        packet.codec = codec;
        packet.payload.clear();
        packet.payload.extend_from_slice(payload);
        packet.vp8 = if codec == Codec::Vp8 { vp8::parse(payload) } else { None };
        packet.starts_key_frame = match codec {
            Codec::Vp8 => packet.vp8.is_some_and(|descriptor| descriptor.key_frame),
            Codec::H264 => rtp::h264::starts_key_frame(payload),
            Codec::Opus => true,
        };
        packet
    }

    /// The packet of this sequence number, if it is still here.
    pub fn find(&self, sequence: u16) -> Option<&CachedPacket> {
        self.ring[usize::from(sequence) & (self.ring.len() - 1)].as_ref().filter(|packet| packet.sequence == sequence)
    }
}
