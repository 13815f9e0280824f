//! Why the hub says no: the closed list of codes of DOMAIN.md 2.4, shared by WebSocket and HTTP.

use serde::{Deserialize, Serialize};

/// A refusal's code. The same words stand in RFC 9457 problems and in the `error` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    NotAuthenticated,
    SessionExpired,
    NoRole,
    RoleNotPermitted,
    NotOnRoster,
    GuardianLinkMissing,
    GuardianLinkEnded,
    WardIsAdult,
    NotOnTimetable,
    TooEarly,
    TooLate,
    FormMismatch,
    IllegalTransition,
    ReasonRequired,
    HostAbsent,
    RoomFull,
    RemovedFromRoom,
    RoomLocked,
    SlowMode,
    RateLimited,
    /// The message is not JSON of the protocol, or breaks a bound.
    BadMessage,
    /// A message that its sender's state does not allow now (a second join, an answer to nothing).
    OutOfOrder,
    /// `hello` names a protocol version that the hub does not speak.
    VersionNotSupported,
    /// The SDP offer cannot be answered.
    BadOffer,
    /// The thing named is not there, or not for this person to know of.
    NotFound,
    /// The store is out of space.
    StorageFull,
    /// Try again: the hub is overloaded or restarting.
    Unavailable,
    /// The hub failed; a fault of ours, logged.
    Internal,
}
