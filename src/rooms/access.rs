//! The door of a room: who may come in, as what. The rules are `domain::access`, the facts come from the store; this seam
//! lets the registry be tested without a school.

use futures_util::future::BoxFuture;
use signaling::ids::{PersonId, RoomId};
use signaling::message::session::RoomRole;
use signaling::refusal::RefusalCode;

use crate::domain::policy::Principal;

/// As what a person comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub role: RoomRole,
    /// The child beside whom a guardian sits.
    pub beside: Option<PersonId>,
}

/// Not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: RefusalCode,
    pub retry_after_ms: Option<u64>,
}

impl From<RefusalCode> for Refused {
    fn from(code: RefusalCode) -> Self {
        Self { code, retry_after_ms: None }
    }
}

/// What a person wants in the room: a token may be good for one and not for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Take part.
    Join,
    /// Send by a program (WHIP).
    Publish,
    /// Watch by a program (WHEP).
    Watch,
}

/// Decides at the door. Asked at every join, and again when something about the person may have changed.
pub trait Gate: Send + Sync + 'static {
    fn admit<'a>(
        &'a self,
        who: &'a Principal,
        room: &'a RoomId,
        beside: Option<&'a PersonId>,
        purpose: Purpose,
    ) -> BoxFuture<'a, Result<Entry, Refused>>;

    /// Whether somebody who sits there has had their own turn (office hours): the room goes on without them.
    fn is_out_of_turn<'a>(&'a self, _who: &'a Principal, _room: &'a RoomId) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(false))
    }

    /// Whether the sign-in still holds. `true` when nobody can tell: a store that is away throws nobody out.
    fn is_signed_in<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, bool>;

    /// Notes that the sign-in is in use: a lesson has no other traffic than its socket's.
    fn in_use<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, ()>;
}

/// The wire's code for a code of the rules; the two lists share their words.
pub fn wire_code(word: &str) -> RefusalCode {
    serde_json::from_value(serde_json::Value::from(word)).unwrap_or(RefusalCode::RoleNotPermitted)
}
