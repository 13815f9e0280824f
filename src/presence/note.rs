//! What hubs of one school tell each other: the notes on the presence channel, and the parser for what strangers may
//! put there. Names of people never travel, only ids: the store of the receiving hub knows the names.

use serde::{Deserialize, Serialize};
use signaling::ids::{PersonId, RoomId};

/// Longest id that is believed; ours are UUIDs (36).
const ID_MAX_BYTES: usize = 128;
/// Longest note that is parsed: a snapshot part of 500 entries with the longest ids stays below.
const NOTE_MAX_BYTES: usize = 256 * 1024;
/// Entries of one snapshot part.
pub(super) const PART_ENTRIES: usize = 500;

/// One run of one hub. A restarted hub is a new node, so an old number can never be taken for a new one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(String);

impl NodeId {
    /// Names this run; `random` comes from the caller so that the core stays deterministic.
    pub fn from_random(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }
}

/// One connection of one person, as another hub sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) connection: u64,
    pub(super) person: PersonId,
    pub(super) room: Option<RoomId>,
}

/// A message between hubs. `seq` counts the changes of `node`: who finds a gap asks for a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Note {
    /// I am new or back: everyone, say whom you have.
    Hello { node: NodeId },
    /// I live, and `seq` is my newest change. It comes back to its sender too, which proves the whole path.
    Beat { node: NodeId, seq: u64 },
    /// A connection appeared or moved to another room.
    Entered { node: NodeId, seq: u64, entry: Entry },
    /// A connection is gone.
    Left { node: NodeId, seq: u64, connection: u64 },
    /// I missed something of `node`: please send a snapshot.
    Want { node: NodeId },
    /// All entries of `node` at `seq`, in parts that follow each other without a gap.
    Snapshot { node: NodeId, seq: u64, first: bool, last: bool, entries: Vec<Entry> },
    /// I leave in order: forget me at once.
    Bye { node: NodeId },
}

impl Note {
    /// Reads a foreign note; `None` for whatever this hub would not have written.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        if payload.len() > NOTE_MAX_BYTES {
            return None;
        }
        let note: Self = serde_json::from_slice(payload).ok()?;
        note.is_within_bounds().then_some(note)
    }

    /// The text that goes on the channel.
    pub(super) fn to_payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("notes hold only strings, integers and booleans")
    }

    fn is_within_bounds(&self) -> bool {
        let entry_fits = |entry: &Entry| {
            (1..=ID_MAX_BYTES).contains(&entry.person.as_str().len())
                && entry.room.as_ref().is_none_or(|room| room.as_str().len() <= ID_MAX_BYTES)
        };
        let node_fits = |node: &NodeId| node.0.len() == 32 && node.0.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self {
            Self::Hello { node } | Self::Want { node } | Self::Bye { node } => node_fits(node),
            Self::Beat { node, .. } | Self::Left { node, .. } => node_fits(node),
            Self::Entered { node, entry, .. } => node_fits(node) && entry_fits(entry),
            Self::Snapshot { node, entries, .. } => {
                node_fits(node) && entries.len() <= PART_ENTRIES && entries.iter().all(entry_fits)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn entry(person: &str) -> Entry {
        Entry { connection: 7, person: PersonId::new(person), room: Some(RoomId::new("room")) }
    }

    #[test]
    fn a_note_survives_the_channel() {
        let node = NodeId::from_random(1);
        let note = Note::Snapshot { node, seq: 3, first: true, last: false, entries: vec![entry("a"), entry("b")] };
        assert_eq!(Note::parse(&note.to_payload()), Some(note));
    }

    #[test]
    fn a_note_out_of_bounds_is_not_believed() {
        let node = NodeId::from_random(1);
        for entry in [entry(""), entry(&"x".repeat(129))] {
            let note = Note::Entered { node: node.clone(), seq: 1, entry };
            assert_eq!(Note::parse(&note.to_payload()), None);
        }
        assert_eq!(Note::parse(br#"{"type":"bye","node":"short"}"#), None);
        assert_eq!(Note::parse(&vec![b' '; NOTE_MAX_BYTES + 1]), None);
    }

    #[test]
    fn the_longest_snapshot_part_fits_into_a_note() {
        let longest = Entry {
            connection: u64::MAX,
            person: PersonId::new("x".repeat(ID_MAX_BYTES)),
            room: Some(RoomId::new("y".repeat(ID_MAX_BYTES))),
        };
        let entries = vec![longest; PART_ENTRIES];
        let note =
            Note::Snapshot { node: NodeId::from_random(u128::MAX), seq: u64::MAX, first: true, last: true, entries };
        assert!(Note::parse(&note.to_payload()).is_some());
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Note::parse(&bytes);
        }
    }
}
