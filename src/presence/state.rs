//! The presence machine: who is online here and on the other hubs of the school. It does no I/O and owns no clock:
//! `handle_*` tell it what happened and when, `poll_output` says what to do, `poll_timeout` when to wake it.
//!
//! Everything here is soft: it lives in memory, is repaired by beats and snapshots, and may be forgotten. Redis keeps
//! nothing (notes are published, no key is ever written), so an emptied or full Redis cannot make it wrong.
//! Each `handle_*` may fill the outbox: poll it dry before the next one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use signaling::ids::{PersonId, RoomId};

use super::note::{Entry, NodeId, Note, PART_ENTRIES};

/// How often a hub says that it lives.
const BEAT: Duration = Duration::from_millis(500);
/// Three beats lost: the link (own beats) or the other hub (theirs) is in doubt.
const DOUBT: Duration = Duration::from_millis(1_500);
/// A hub that is silent this long on a link that works is gone, with its people (SAFETY promises 8 s).
const EXPIRY: Duration = Duration::from_secs(5);
/// Without a link nobody can be heard, so people stay, marked stale; after this they are forgotten.
const FORGET: Duration = Duration::from_secs(300);
/// Pause between attempts to connect.
const RECONNECT: Duration = Duration::from_millis(500);
/// Answers to `Hello` and `Want` that come close together are one snapshot.
const SNAPSHOT_GAP: Duration = Duration::from_millis(100);
/// At these bounds strangers are ignored: more hubs than this, more connections on one hub than this.
const NODES_MAX: usize = 64;
const ENTRIES_MAX: usize = 50_000;
/// More unsent notes than this are replaced by one snapshot.
const OUTBOX_MAX: usize = 4_096;

/// A person who is online, once for each room they are in (`None`: signed in, in no room).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Online {
    /// Who.
    pub person: PersonId,
    /// Known for people of this hub; for others the caller asks the store.
    pub display_name: Option<String>,
    /// Where.
    pub room: Option<RoomId>,
    /// Heard of through a link that is down or a hub that is silent: may be out of date.
    pub stale: bool,
}

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Put this on the channel; losing it is repaired later.
    Publish(Note),
    /// Throw the connection away and make a new one, then call `handle_connected`.
    Reconnect,
}

/// The path through Redis, judged by our own beats coming back.
#[derive(Clone, Copy, Debug)]
enum Link {
    /// This hub is alone by configuration: always well.
    Alone,
    /// No connection worth the name, since then; the next attempt is due at `retry_at`.
    Down { since: Instant, retry_at: Instant },
    /// Connected, and no beat of ours has come back yet.
    Trying { since: Instant, down_since: Instant, beat_at: Instant },
    /// Beats come back.
    Up { since: Instant, echo_at: Instant, beat_at: Instant },
}

struct Here {
    person: PersonId,
    display_name: String,
    room: Option<RoomId>,
}

/// Another hub, as far as we have heard.
struct Peer {
    heard_at: Instant,
    /// Newest change that `entries` holds; `None` until the first snapshot is whole.
    seq: Option<u64>,
    entries: HashMap<u64, Entry>,
    /// Parts of a snapshot that is still arriving.
    arriving: Option<(u64, HashMap<u64, Entry>)>,
    asked_at: Option<Instant>,
    stale: bool,
}

/// The machine. One per hub and school.
pub(super) struct State {
    node: NodeId,
    here: HashMap<u64, Here>,
    /// Counts our changes.
    seq: u64,
    peers: HashMap<NodeId, Peer>,
    link: Link,
    snapshot_at: Option<Instant>,
    outbox: VecDeque<Output>,
    /// Grows whenever the answer of `online` or `is_healthy` may have changed.
    revision: u64,
}

impl State {
    /// A hub that is alone: no beats, no outputs, always healthy.
    pub(super) fn alone() -> Self {
        Self::with_link(NodeId::from_random(0), Link::Alone)
    }

    /// A hub that shares its presence with others; asks for a connection at once.
    pub(super) fn linked(node: NodeId, now: Instant) -> Self {
        Self::with_link(node, Link::Down { since: now, retry_at: now })
    }

    fn with_link(node: NodeId, link: Link) -> Self {
        Self {
            node,
            here: HashMap::new(),
            seq: 0,
            peers: HashMap::new(),
            link,
            snapshot_at: None,
            outbox: VecDeque::new(),
            revision: 0,
        }
    }

    /// A connection of this hub appeared, or moved to another room. False at the bound: it is not recorded.
    pub(super) fn handle_enter(
        &mut self,
        connection: u64,
        person: PersonId,
        display_name: String,
        room: Option<RoomId>,
    ) -> bool {
        if self.here.len() >= ENTRIES_MAX && !self.here.contains_key(&connection) {
            return false;
        }
        self.here.insert(connection, Here { person: person.clone(), display_name, room: room.clone() });
        self.seq += 1;
        self.revision += 1;
        let (node, seq) = (self.node.clone(), self.seq);
        self.publish_if_up(Note::Entered { node, seq, entry: Entry { connection, person, room } });
        true
    }

    /// A connection of this hub moved to `room`.
    pub(super) fn handle_move(&mut self, connection: u64, room: Option<RoomId>) {
        if let Some(here) = self.here.get(&connection) {
            let (person, display_name) = (here.person.clone(), here.display_name.clone());
            self.handle_enter(connection, person, display_name, room);
        }
    }

    /// A connection of this hub is gone.
    pub(super) fn handle_leave(&mut self, connection: u64) {
        if self.here.remove(&connection).is_some() {
            self.seq += 1;
            self.revision += 1;
            let (node, seq) = (self.node.clone(), self.seq);
            self.publish_if_up(Note::Left { node, seq, connection });
        }
    }

    /// A connection was made and is subscribed: see whether a beat comes back.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        if let Link::Down { since: down_since, .. } = self.link {
            self.link = Link::Trying { since: now, down_since, beat_at: now };
            self.handle_timeout(now);
        }
    }

    /// Something came from the channel.
    pub(super) fn handle_payload(&mut self, now: Instant, payload: &[u8]) {
        if let Some(note) = Note::parse(payload) {
            self.handle_note(now, note);
        }
    }

    fn handle_note(&mut self, now: Instant, note: Note) {
        match note {
            Note::Beat { node, .. } if node == self.node => self.handle_echo(now),
            Note::Want { node } => {
                if node == self.node {
                    self.snapshot_at.get_or_insert(now + SNAPSHOT_GAP);
                }
            }
            Note::Hello { node } if node != self.node => {
                self.snapshot_at.get_or_insert(now + SNAPSHOT_GAP);
            }
            Note::Beat { node, seq } => self.handle_change(now, node, seq, |peer| peer.seq == Some(seq)),
            Note::Entered { node, seq, entry } => self.handle_change(now, node, seq, |peer| {
                let follows = peer.seq.is_some_and(|known| known.checked_add(1) == Some(seq));
                let fits = peer.entries.len() < ENTRIES_MAX || peer.entries.contains_key(&entry.connection);
                if follows && fits {
                    peer.entries.insert(entry.connection, entry);
                    peer.seq = Some(seq);
                }
                follows && fits
            }),
            Note::Left { node, seq, connection } => self.handle_change(now, node, seq, |peer| {
                let follows = peer.seq.is_some_and(|known| known.checked_add(1) == Some(seq));
                if follows {
                    peer.entries.remove(&connection);
                    peer.seq = Some(seq);
                }
                follows
            }),
            Note::Snapshot { node, seq, first, last, entries } => {
                if let Some(peer) = self.peer(now, &node) {
                    peer.take_part(seq, first, last, entries);
                    self.revision += 1;
                }
            }
            Note::Bye { node } => {
                if self.peers.remove(&node).is_some() {
                    self.revision += 1;
                }
            }
            Note::Hello { .. } => {}
        }
    }

    /// Applies a numbered change of another hub; if `apply` finds that it does not follow what we know, asks for all.
    fn handle_change(&mut self, now: Instant, node: NodeId, seq: u64, apply: impl FnOnce(&mut Peer) -> bool) {
        let Some(peer) = self.peer(now, &node) else { return };
        let before = peer.seq;
        // A snapshot may overtake a change that it already holds.
        let is_old = before.is_some_and(|known| seq <= known);
        let applied = apply(peer);
        let changed = peer.seq != before;
        let may_ask = peer.asked_at.is_none_or(|asked| now.saturating_duration_since(asked) >= BEAT);
        if !applied && !is_old && may_ask {
            peer.asked_at = Some(now);
            self.publish_if_up(Note::Want { node });
        }
        if changed {
            self.revision += 1;
        }
    }

    /// The entry of another hub, marked as heard just now. `None`: ourselves, or too many hubs.
    fn peer(&mut self, now: Instant, node: &NodeId) -> Option<&mut Peer> {
        if *node == self.node || (self.peers.len() >= NODES_MAX && !self.peers.contains_key(node)) {
            return None;
        }
        let is_up = matches!(self.link, Link::Up { .. });
        let peer = self.peers.entry(node.clone()).or_insert_with(|| Peer::unknown(now));
        peer.heard_at = now;
        if is_up && peer.stale {
            peer.stale = false;
            self.revision += 1;
        }
        Some(peer)
    }

    fn handle_echo(&mut self, now: Instant) {
        match &mut self.link {
            Link::Up { echo_at, .. } => *echo_at = now,
            Link::Trying { beat_at, .. } => {
                self.link = Link::Up { since: now, echo_at: now, beat_at: *beat_at };
                self.revision += 1;
                // Both sides may have missed anything meanwhile: tell all, and ask all.
                self.publish_if_up(Note::Hello { node: self.node.clone() });
                self.publish_snapshot();
            }
            Link::Alone | Link::Down { .. } => {}
        }
    }

    /// Does whatever is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self.link {
            Link::Alone => {}
            Link::Down { since, retry_at } => {
                if now >= retry_at {
                    self.link = Link::Down { since, retry_at: now + RECONNECT };
                    self.outbox.push_back(Output::Reconnect);
                }
                if now.saturating_duration_since(since) >= FORGET && !self.peers.is_empty() {
                    self.peers.clear();
                    self.revision += 1;
                }
            }
            Link::Trying { since, down_since, beat_at } => {
                if now.saturating_duration_since(since) >= DOUBT {
                    self.go_down(now, down_since);
                } else if now >= beat_at {
                    self.link = Link::Trying { since, down_since, beat_at: now + BEAT };
                    self.publish_beat();
                }
            }
            Link::Up { since, echo_at, beat_at } => {
                if now.saturating_duration_since(echo_at) >= DOUBT {
                    self.go_down(now, now);
                } else if now >= beat_at {
                    self.link = Link::Up { since, echo_at, beat_at: now + BEAT };
                    self.publish_beat();
                }
                if self.snapshot_at.is_some_and(|at| now >= at) {
                    self.publish_snapshot();
                }
                let peers_before = self.peers.len();
                self.peers.retain(|_, peer| now < peer.heard_at.max(since) + EXPIRY);
                let mut changed = self.peers.len() != peers_before;
                for peer in self.peers.values_mut().filter(|peer| !peer.stale && now >= peer.heard_at + DOUBT) {
                    peer.stale = true;
                    changed = true;
                }
                self.revision += u64::from(changed);
            }
        }
    }

    fn go_down(&mut self, now: Instant, since: Instant) {
        self.link = Link::Down { since, retry_at: now + RECONNECT };
        self.snapshot_at = None;
        self.outbox.clear();
        self.outbox.push_back(Output::Reconnect);
        for peer in self.peers.values_mut() {
            peer.stale = true;
            peer.arriving = None;
        }
        self.revision += 1;
    }

    /// Leaves in order: the others forget our people at once.
    pub(super) fn handle_shutdown(&mut self) {
        self.publish_if_up(Note::Bye { node: self.node.clone() });
    }

    /// The next thing to do; `None` when there is nothing until the next `handle_*`.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When `handle_timeout` has something to do; `None`: never.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.link {
            Link::Alone => None,
            Link::Down { retry_at, .. } => Some(retry_at),
            Link::Trying { since, beat_at, .. } => Some(beat_at.min(since + DOUBT)),
            Link::Up { since, echo_at, beat_at } => {
                let peers = self
                    .peers
                    .values()
                    .map(|peer| if peer.stale { peer.heard_at.max(since) + EXPIRY } else { peer.heard_at + DOUBT });
                peers.chain(self.snapshot_at).chain([beat_at, echo_at + DOUBT]).min()
            }
        }
    }

    /// Everyone online, sorted by person and room; one row for each person and room.
    pub(super) fn online(&self) -> Vec<Online> {
        let mut rows: BTreeMap<(&PersonId, Option<&RoomId>), Online> = BTreeMap::new();
        for peer in self.peers.values() {
            for entry in peer.entries.values() {
                let row = rows.entry((&entry.person, entry.room.as_ref())).or_insert_with(|| Online {
                    person: entry.person.clone(),
                    display_name: None,
                    room: entry.room.clone(),
                    stale: true,
                });
                row.stale &= peer.stale;
            }
        }
        for here in self.here.values() {
            let online = Online {
                person: here.person.clone(),
                display_name: Some(here.display_name.clone()),
                room: here.room.clone(),
                stale: false,
            };
            rows.insert((&here.person, here.room.as_ref()), online);
        }
        rows.into_values().collect()
    }

    /// Whether what `online` says of other hubs can be believed.
    pub(super) fn is_healthy(&self) -> bool {
        matches!(self.link, Link::Alone | Link::Up { .. })
    }

    /// Changes when something worth looking at changed.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    fn publish_if_up(&mut self, note: Note) {
        if !matches!(self.link, Link::Up { .. }) {
            return;
        }
        if self.outbox.len() >= OUTBOX_MAX {
            // The driver is behind: the others will see the gap, or get this snapshot first.
            self.outbox.clear();
            self.publish_snapshot();
        } else {
            self.outbox.push_back(Output::Publish(note));
        }
    }

    fn publish_beat(&mut self) {
        self.outbox.push_back(Output::Publish(Note::Beat { node: self.node.clone(), seq: self.seq }));
    }

    fn publish_snapshot(&mut self) {
        self.snapshot_at = None;
        let entries: Vec<Entry> = self
            .here
            .iter()
            .map(|(connection, here)| Entry {
                connection: *connection,
                person: here.person.clone(),
                room: here.room.clone(),
            })
            .collect();
        let parts = entries.len().div_ceil(PART_ENTRIES).max(1);
        for index in 0..parts {
            let from = index * PART_ENTRIES;
            let until = entries.len().min(from + PART_ENTRIES);
            self.outbox.push_back(Output::Publish(Note::Snapshot {
                node: self.node.clone(),
                seq: self.seq,
                first: index == 0,
                last: index + 1 == parts,
                entries: entries[from..until].to_vec(),
            }));
        }
    }
}

impl Peer {
    fn unknown(now: Instant) -> Self {
        Self { heard_at: now, seq: None, entries: HashMap::new(), arriving: None, asked_at: None, stale: false }
    }

    /// Takes a part of a snapshot; the last one replaces what was known, unless a part is missing.
    fn take_part(&mut self, seq: u64, first: bool, last: bool, entries: Vec<Entry>) {
        if first {
            self.arriving = Some((seq, HashMap::new()));
        }
        let Some((arriving_seq, arriving)) = &mut self.arriving else { return };
        if *arriving_seq != seq || arriving.len() + entries.len() > ENTRIES_MAX {
            self.arriving = None;
            return;
        }
        arriving.extend(entries.into_iter().map(|entry| (entry.connection, entry)));
        if last && let Some((seq, entries)) = self.arriving.take() {
            self.seq = Some(seq);
            self.entries = entries;
            self.asked_at = None;
        }
    }
}

#[cfg(test)]
mod tests;
