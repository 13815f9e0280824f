//! Names on the wire. Each id is its own type; bare strings and integers stop at the parser.

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// Wraps text that the caller has already bounded.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A room: one real-time consultation owns one (DOMAIN 2.1). The hub uses the consultation's id.
    RoomId
);
text_id!(
    /// A person of the school, as the store names them.
    PersonId
);
text_id!(
    /// One seat in a room: a person on one device. Kept across a resume; never reused.
    PeerId
);
text_id!(
    /// One published source of media (a camera, a microphone, a screen). `peer:label`.
    SourceId
);
text_id!(
    /// The client's own name for a chat message, unique per author: makes sending idempotent.
    ClientMessageId
);
text_id!(
    /// The store's name for a chat message.
    MessageId
);
text_id!(
    /// The secret by which a dropped socket takes its seat again. Never logged.
    ResumeToken
);
text_id!(
    /// Media identification tag of an m-line (RFC 5888): the name of a slot.
    Mid
);
