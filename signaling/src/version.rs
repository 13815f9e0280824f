//! The protocol's version.

/// Spoken by this build. A client says its own in `hello`; anything else is refused with `version_not_supported`.
pub const PROTOCOL_VERSION: u16 = 1;
