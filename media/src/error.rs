//! Why an offer gets no answer: one variant per thing a client could do about it.

use crate::sdp::SdpError;

/// Why an offer was refused. The transport, if there was one, is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The text is not SDP that the hub reads, or breaks a limit.
    #[error("the description cannot be read")]
    Sdp(#[from] SdpError),
    /// ICE user fragment or password is missing (RFC 8839).
    #[error("ICE credentials are missing")]
    NoIceCredentials,
    /// No `a=fingerprint`, or none with a hash the hub accepts (sha-256).
    #[error("a sha-256 certificate fingerprint is missing")]
    NoFingerprint,
    /// The client must offer `actpass` or `active`: the hub is the DTLS server.
    #[error("the hub is the DTLS server: offer setup:actpass")]
    Setup,
    /// Every live m-line must be in one BUNDLE group (RFC 8843) with RTCP multiplexed.
    #[error("all m-lines must be bundled")]
    NotBundled,
    /// A source was announced for an m-line that is not in the offer, does not send, or has the wrong kind.
    #[error("no sending m-line {mid:?} for the announced source")]
    NoSuchSend { mid: String },
    /// The same source key is already published in the room.
    #[error("source announced twice")]
    DuplicateSource,
    /// The room is not known to this worker.
    #[error("unknown room")]
    UnknownRoom,
    /// The worker carries as many transports as it may.
    #[error("no room for another transport")]
    Full,
    /// Randomness or DTLS set-up failed: our fault, not the client's.
    #[error("the transport could not be set up")]
    Internal,
}
