//! The last packets of one layer, decrypted: what is forwarded is read from here, and so is what receivers ask for again.

use crate::negotiate::Codec;
use crate::rtp::extension::Extensions;
use crate::rtp::frame::FrameInfo;
use crate::rtp::{self, marking, red};

/// Packets kept of a video layer: about two seconds at 2.5 Mbit/s. A power of two.
pub const VIDEO_PACKETS: usize = 512;
/// Packets kept of an audio source: enough for one batch from the socket.
pub const AUDIO_PACKETS: usize = 64;

/// One packet as it came; of its header extension, what is passed on.
#[derive(Clone, Debug)]
pub struct CachedPacket {
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub codec: Codec,
    pub info: FrameInfo,
    pub orientation: Option<u8>,
    pub playout_delay: Option<[u8; 3]>,
    pub marking: Option<marking::Element>,
    /// The dependency descriptor as it came; empty: none, or not understood.
    pub dependency: Vec<u8>,
    /// In a RED packet, the newest block; receivers without RED get that alone. `None`: malformed.
    pub primary: Option<red::Primary>,
    pub payload: Vec<u8>,
}

impl CachedPacket {
    /// An empty packet.
    pub fn new(codec: Codec) -> Self {
        Self {
            sequence: 0,
            timestamp: 0,
            marker: false,
            codec,
            info: FrameInfo::default(),
            orientation: None,
            playout_delay: None,
            marking: None,
            dependency: Vec::new(),
            primary: None,
            payload: Vec::new(),
        }
    }
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

    /// Copies a packet in, into the buffers of the one it replaces.
    pub fn insert(
        &mut self,
        header: &rtp::Header,
        extensions: &Extensions<'_>,
        codec: Codec,
        info: FrameInfo,
        payload: &[u8],
    ) -> &CachedPacket {
        let index = usize::from(header.sequence) & (self.ring.len() - 1);
        let packet = self.ring[index].get_or_insert_with(|| CachedPacket::new(codec));
        packet.sequence = header.sequence;
        packet.timestamp = header.timestamp;
        packet.marker = header.marker;
        packet.codec = codec;
        packet.orientation = extensions.orientation;
        packet.playout_delay = extensions.playout_delay;
        packet.marking = extensions.marking.and_then(marking::Element::new);
        packet.dependency.clear();
        if info.dependency.is_some() {
            packet.dependency.extend_from_slice(extensions.dependency.unwrap_or_default());
        }
        packet.primary = if codec == Codec::Red { red::primary(payload) } else { None };
        packet.info = info;
        packet.payload.clear();
        packet.payload.extend_from_slice(payload);
        packet
    }

    /// The packet of this sequence number, if it is still here.
    pub fn find(&self, sequence: u16) -> Option<&CachedPacket> {
        self.ring[usize::from(sequence) & (self.ring.len() - 1)].as_ref().filter(|packet| packet.sequence == sequence)
    }
}
