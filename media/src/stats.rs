//! Counters of one worker, for metrics and the support dump.

/// Since the worker started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub datagrams_received: u64,
    /// From an address that no authenticated check has validated, and not STUN (MD-01).
    pub strangers: u64,
    /// Binding requests that were not authentic.
    pub checks_refused: u64,
    pub checks_answered: u64,
    /// SRTP packets with a wrong tag, replayed or malformed.
    pub packets_rejected: u64,
    /// Media that its sender may not send, or of a paused source.
    pub packets_not_allowed: u64,
    pub packets_received: u64,
    pub packets_forwarded: u64,
    pub packets_resent: u64,
    pub key_frame_requests: u64,
}

/// What a worker carries now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub rooms: usize,
    pub transports: usize,
    pub sources: usize,
    pub counters: Counters,
}
