//! Which source every slot carries: video as the receiver wishes, audio the loudest (or as wished).

use super::Sfu;
use crate::forward::{SourceIndex, Subscriber};
use crate::model::{RoomKey, SfuEvent, SourceKey, SourceKind};
use crate::sdp::Media;
use crate::transport::{Role, TransportIndex};

impl Sfu {
    /// Brings the wished slots of one receiver in line with its wishes.
    pub(super) fn apply_wishes(&mut self, index: TransportIndex) {
        let Some(Some(transport)) = self.transports.get(index.0) else { return };
        let Some(room) = self.rooms.get(&transport.room) else { return };
        let mut wanted = Vec::new();
        for (line, state) in transport.lines.iter().enumerate() {
            let Role::Slot(slot) = &state.role else { continue };
            let wish = transport.wishes.iter().find(|wish| wish.mid == state.mid);
            if wish.is_none() && slot.media == Media::Audio {
                continue;
            }
            let source =
                wish.and_then(|wish| wish.source).and_then(|key| room.sources.get(&key)).copied().filter(|source| {
                    let kind = self.sources[source.0].as_ref().map(|source| source.kind.is_audio());
                    kind == Some(slot.media == Media::Audio)
                });
            wanted.push((line, source, wish.map_or(0, |wish| wish.max_height)));
        }
        for (line, source, max_height) in wanted {
            if let Some(slot) = self.transport(index).and_then(|transport| transport.slot(line)) {
                slot.max_height = max_height;
            }
            self.assign(index, line, source);
        }
        let room = self.transports[index.0].as_ref().map(|transport| transport.room);
        if let Some(room) = room {
            // Voices follow their pictures.
            self.assign_audio_of(room, index);
        }
        self.divide(self.now, index);
        self.tell_slots(index);
    }

    /// A source has come: receivers that wish for it get it.
    pub(super) fn apply_wishes_for(&mut self, room: RoomKey, key: SourceKey) {
        let Some(state) = self.rooms.get(&room) else { return };
        let waiting: Vec<TransportIndex> = state
            .peers
            .values()
            .copied()
            .filter(|index| {
                let transport = self.transports[index.0].as_ref();
                transport.is_some_and(|transport| transport.wishes.iter().any(|wish| wish.source == Some(key)))
            })
            .collect();
        for index in waiting {
            self.apply_wishes(index);
        }
    }

    /// Fills the audio slots of everybody in the room.
    pub(super) fn assign_audio(&mut self, room: RoomKey) {
        let Some(state) = self.rooms.get(&room) else { return };
        let peers: Vec<TransportIndex> = state.peers.values().copied().collect();
        for index in peers {
            self.assign_audio_of(room, index);
        }
    }

    /// Fills one receiver's audio slots with the loudest sources of others. A voice takes the slot beside its picture, which
    /// the player keeps together with it; else it stays in its slot while it stays in the choice.
    pub(super) fn assign_audio_of(&mut self, room: RoomKey, index: TransportIndex) {
        let Some(Some(transport)) = self.transports.get(index.0) else { return };
        let free: Vec<(usize, Option<SourceIndex>)> = transport
            .lines
            .iter()
            .enumerate()
            .filter_map(|(line, state)| match &state.role {
                Role::Slot(slot)
                    if slot.media == Media::Audio && !transport.wishes.iter().any(|wish| wish.mid == state.mid) =>
                {
                    Some((line, slot.source))
                }
                _ => None,
            })
            .collect();
        if free.is_empty() {
            return;
        }
        let Some(state) = self.rooms.get(&room) else { return };
        let mut chosen: Vec<SourceIndex> = state
            .speakers
            .ranking()
            .iter()
            .copied()
            .filter(|source| self.sources[source.0].as_ref().is_some_and(|source| source.owner != index))
            .take(free.len())
            .collect();
        let beside = self.beside_their_pictures(index, &chosen);
        let mut places: Vec<(usize, Option<SourceIndex>)> = Vec::with_capacity(free.len());
        let mut take = |chosen: &mut Vec<SourceIndex>, wanted: &dyn Fn(usize, SourceIndex) -> bool| {
            for (line, _) in &free {
                if places.iter().any(|(taken, _)| taken == line) {
                    continue;
                }
                if let Some(place) = chosen.iter().position(|source| wanted(*line, *source)) {
                    places.push((*line, Some(chosen.remove(place))));
                }
            }
        };
        take(&mut chosen, &|line, source| beside.contains(&(line, source)));
        take(&mut chosen, &|line, source| free.contains(&(line, Some(source))));
        take(&mut chosen, &|_, _| true);
        for (line, current) in free {
            let wanted = places.iter().find(|(place, _)| *place == line).and_then(|(_, source)| *source);
            if current != wanted {
                self.assign(index, line, wanted);
            }
        }
        self.tell_slots(index);
    }

    /// Which of these sounds belong into which audio slot of a receiver: the video slot at the same place of the order carries
    /// the camera to the microphone, or the screen to its sound.
    fn beside_their_pictures(&self, index: TransportIndex, sounds: &[SourceIndex]) -> Vec<(usize, SourceIndex)> {
        let Some(Some(transport)) = self.transports.get(index.0) else { return Vec::new() };
        let slots = |media| {
            transport.lines.iter().enumerate().filter_map(move |(line, state)| match &state.role {
                Role::Slot(slot) if slot.media == media => Some((line, slot.source)),
                _ => None,
            })
        };
        let pairs = slots(Media::Audio).zip(slots(Media::Video));
        pairs
            .filter_map(|((line, _), (_, picture))| {
                let picture = self.sources[picture?.0].as_ref()?;
                let kind = match picture.kind {
                    SourceKind::Screen => SourceKind::ScreenAudio,
                    _ => SourceKind::Microphone,
                };
                let sound = sounds.iter().find(|sound| {
                    let sound = self.sources[sound.0].as_ref();
                    sound.is_some_and(|sound| sound.peer == picture.peer && sound.kind == kind)
                })?;
                Some((line, *sound))
            })
            .collect()
    }

    /// Makes a slot carry a source (or nothing), and the source know it.
    fn assign(&mut self, index: TransportIndex, line: usize, wanted: Option<SourceIndex>) {
        let Some(slot) = self.transport(index).and_then(|transport| transport.slot(line)) else { return };
        let current = slot.source;
        if current != wanted {
            slot.assign(wanted);
            let subscriber = Subscriber { transport: index, line };
            if let Some(source) = current.and_then(|source| self.source(source)) {
                source.subscribers.retain(|other| *other != subscriber);
            }
            if let Some(source) = wanted.and_then(|source| self.source(source)) {
                source.subscribers.push(subscriber);
            }
        }
    }

    /// Chooses the layer of every subscriber again: a layer came, went, or changed its size.
    pub(super) fn retarget(&mut self, place: SourceIndex) {
        let now = self.now;
        // Sound has one layer.
        if self.sources.get(place.0).and_then(Option::as_ref).is_none_or(|source| source.kind.is_audio()) {
            return;
        }
        self.divide_undecided(now, place);
        let Some(Some(source)) = self.sources.get(place.0) else { return };
        for subscriber in &source.subscribers {
            let Some(Some(transport)) = self.transports.get_mut(subscriber.transport.0) else { continue };
            if let Some(slot) = transport.slot(subscriber.line) {
                source.aim(now, slot);
            }
        }
        self.want_awaited(place);
    }

    /// Notes for every layer of the source whether a subscriber waits for its key frame, and asks for what is due.
    pub(super) fn want_awaited(&mut self, place: SourceIndex) {
        let Some(Some(source)) = self.sources.get_mut(place.0) else { return };
        if source.kind.is_audio() || !source.is_open() {
            return;
        }
        for subscriber in &source.subscribers {
            let Some(Some(transport)) = self.transports.get_mut(subscriber.transport.0) else { continue };
            if !transport.is_ready() {
                continue;
            }
            if let Some(layer) = transport.slot(subscriber.line).and_then(|slot| slot.awaits())
                && let Some(layer) = source.layers.get_mut(usize::from(layer))
            {
                layer.request.want();
            }
        }
        self.send_key_frame_requests(place);
    }

    /// The flow of a source stops; what comes next starts with a key frame.
    pub(super) fn interrupt(&mut self, place: SourceIndex) {
        let Some(Some(source)) = self.sources.get_mut(place.0) else { return };
        for layer in &mut source.layers {
            layer.pending.clear();
        }
        for subscriber in &source.subscribers {
            let Some(Some(transport)) = self.transports.get_mut(subscriber.transport.0) else { continue };
            if let Some(slot) = transport.slot(subscriber.line) {
                slot.interrupt();
            }
        }
        self.want_awaited(place);
    }

    /// Tells a receiver's room what its slots carry, when that has changed.
    pub(super) fn tell_slots(&mut self, index: TransportIndex) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        let slots: Vec<(String, Option<SourceKey>)> = transport
            .lines
            .iter()
            .filter_map(|line| match &line.role {
                Role::Slot(slot) => {
                    let source = slot.source.and_then(|source| self.sources[source.0].as_ref());
                    Some((line.mid.clone(), source.map(|source| source.key)))
                }
                _ => None,
            })
            .collect();
        if slots != transport.told {
            transport.told.clone_from(&slots);
            let (room, peer) = (transport.room, transport.peer);
            self.tell(room, SfuEvent::SlotsChanged { peer, slots });
        }
    }
}
