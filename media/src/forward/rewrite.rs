//! Keeps what a receiver sees of a slot continuous while sources and layers change: sequence numbers, timestamps, VP8
//! picture ids.

use std::collections::VecDeque;
use std::time::Instant;

use super::rtx_cache::CachedPacket;
use crate::rtp::frame::PayloadIds;
use crate::rtp::{is_newer, marking};

/// Left-out packets remembered, to number late ones right; what is older is not sent any more.
const LEFT_OUT: usize = 256;

/// A packet's numbers as the receiver sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Extended sequence number: rollover counter and 16 bits, what SRTP counts by.
    pub index: u64,
    pub timestamp: u32,
    /// Decode targets that the receiver gets, for the dependency descriptor; `u32::MAX`: as the source says.
    pub active: u32,
    pub picture_id: u16,
    /// Of the dependency descriptor.
    pub frame_number: u16,
    pub tl0_picture_index: u8,
    /// Last packet of a picture.
    pub marker: bool,
}

impl Mapped {
    pub fn sequence(&self) -> u16 {
        self.index as u16
    }
}

/// The offsets of one slot.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    /// Sequence number of the source's first packet since the last switch: what is older belongs to another time.
    base: Option<u16>,
    /// Newest sequence number taken from the source since then.
    newest: u16,
    /// Added to the source's number to give the receiver's, in each field's width.
    sequence: u16,
    timestamp: u32,
    picture_id: u16,
    frame_number: u16,
    tl0_picture_index: u8,
    /// Packets left out, oldest first: the source's sequence number, and whether its whole picture was (once for each).
    left_out: VecDeque<(u16, bool)>,
    left_out_pictures: u16,
    /// Some of them are forgotten: the newest of those.
    forgotten: Option<u16>,
    /// VP8 picture that was left out last.
    left_out_picture: Option<u16>,
    /// The newest packet sent.
    last: Option<(Mapped, Instant)>,
}

impl Rewrite {
    /// Starts a new source or layer at this packet, right behind what was sent last: one sequence number and one picture
    /// on, and as much media time as time has passed.
    pub fn switch(&mut self, now: Instant, first: &CachedPacket) {
        let (picture_id, tl0_picture_index) = ids(first);
        if let Some((last, sent)) = &self.last {
            let clock = u64::from(first.codec.clock());
            let elapsed = now.saturating_duration_since(*sent).as_micros() as u64 * clock / 1_000_000;
            let timestamp = last.timestamp.wrapping_add(elapsed.max(1) as u32);
            self.sequence = last.sequence().wrapping_add(1).wrapping_sub(first.sequence);
            self.timestamp = timestamp.wrapping_sub(first.timestamp);
            self.picture_id = last.picture_id.wrapping_add(1).wrapping_sub(picture_id);
            self.frame_number = last.frame_number.wrapping_add(1).wrapping_sub(frame_number(first));
            self.tl0_picture_index = last.tl0_picture_index.wrapping_add(1).wrapping_sub(tl0_picture_index);
        } else {
            // Small numbers at first: a receiver that misses the first packets still guesses rollover 0.
            self.sequence = 1u16.wrapping_sub(first.sequence);
        }
        self.base = Some(first.sequence);
        self.newest = first.sequence;
        self.left_out.clear();
        self.left_out_pictures = 0;
        self.forgotten = None;
        self.left_out_picture = None;
    }

    /// Leaves a packet out: the numbers close up behind it. One that comes late leaves its number empty instead, for those
    /// behind it are given out already.
    pub fn leave_out(&mut self, packet: &CachedPacket) {
        let Some(base) = self.base else { return };
        if !is_newer(packet.sequence, self.newest) || !is_newer(packet.sequence, base) {
            return;
        }
        self.advance(packet.sequence, base);
        // VP8 frames refer to no picture id: the ids close up too, and decoders look for no picture in between. In VP9 and
        // in the dependency descriptor the numbers are what references count by.
        let picture = match &packet.info.ids {
            PayloadIds::Vp8(descriptor) => descriptor.picture_id.map(|(picture_id, ..)| picture_id),
            _ => None,
        };
        let is_new_picture = picture.is_some() && picture != self.left_out_picture;
        self.left_out_picture = picture;
        if self.left_out.len() >= LEFT_OUT {
            self.forgotten = self.forget();
        }
        self.left_out.push_back((packet.sequence, is_new_picture));
        self.left_out_pictures = self.left_out_pictures.wrapping_add(u16::from(is_new_picture));
    }

    /// Makes the oldest left-out packet part of the offsets.
    fn forget(&mut self) -> Option<u16> {
        let (oldest, was_new_picture) = self.left_out.pop_front()?;
        self.sequence = self.sequence.wrapping_sub(1);
        self.picture_id = self.picture_id.wrapping_sub(u16::from(was_new_picture));
        self.left_out_pictures = self.left_out_pictures.wrapping_sub(u16::from(was_new_picture));
        Some(oldest)
    }

    fn advance(&mut self, newest: u16, base: u16) {
        self.newest = newest;
        // The base trails at a distance, so that "older than the base" stays decidable in 16 bits.
        if newest.wrapping_sub(base) > 0x4000 {
            let base = newest.wrapping_sub(0x2000);
            self.base = Some(base);
            self.forgotten = self.forgotten.filter(|forgotten| is_newer(*forgotten, base));
            while self.left_out.front().is_some_and(|(sequence, _)| !is_newer(*sequence, base)) {
                self.forget();
            }
        }
    }

    /// Packets left out before this one, and VP8 pictures among them.
    fn left_out_before(&self, sequence: u16) -> (u16, u16) {
        // Nearly every packet is the newest.
        if self.left_out.back().is_none_or(|(newest, _)| is_newer(sequence, *newest)) {
            return (self.left_out.len() as u16, self.left_out_pictures);
        }
        let before = self.left_out.iter().filter(|(left_out, _)| is_newer(sequence, *left_out));
        before.fold((0, 0), |(packets, pictures), (_, is_new_picture)| {
            (packets + 1, pictures + u16::from(*is_new_picture))
        })
    }

    /// The numbers for a packet of the current source. `None`: it is from before the switch.
    pub fn map(&mut self, now: Instant, packet: &CachedPacket) -> Option<Mapped> {
        let base = self.base?;
        if packet.sequence != base && !is_newer(packet.sequence, base) {
            return None;
        }
        if is_newer(packet.sequence, self.newest) {
            self.advance(packet.sequence, base);
        }
        if self.forgotten.is_some_and(|forgotten| !is_newer(packet.sequence, forgotten)) {
            return None;
        }
        let (before, pictures) = self.left_out_before(packet.sequence);
        let (picture_id, tl0_picture_index) = ids(packet);
        let sequence = packet.sequence.wrapping_add(self.sequence).wrapping_sub(before);
        let mapped = Mapped {
            index: self.index_of(sequence),
            timestamp: packet.timestamp.wrapping_add(self.timestamp),
            active: u32::MAX,
            picture_id: picture_id.wrapping_add(self.picture_id).wrapping_sub(pictures) & 0x7fff,
            frame_number: frame_number(packet).wrapping_add(self.frame_number),
            tl0_picture_index: tl0_picture_index.wrapping_add(self.tl0_picture_index),
            marker: packet.marker,
        };
        if self.last.as_ref().is_none_or(|(last, _)| mapped.index > last.index) {
            self.last = Some((mapped, now));
        }
        Some(mapped)
    }

    /// The receiver's timestamp for a timestamp of the current source.
    pub fn timestamp(&self, source: u32) -> u32 {
        source.wrapping_add(self.timestamp)
    }

    /// The receiver's timestamp of the newest packet; 0 before the first.
    pub fn last_timestamp(&self) -> u32 {
        self.last.as_ref().map_or(0, |(last, _)| last.timestamp)
    }

    /// The newest sequence number sent, if any was.
    pub fn last_index(&self) -> Option<u64> {
        self.last.as_ref().map(|(last, _)| last.index)
    }

    /// The extended number nearest to the newest sent.
    fn index_of(&self, sequence: u16) -> u64 {
        let Some((last, _)) = &self.last else { return u64::from(sequence) };
        let ahead = sequence.wrapping_sub(last.sequence());
        if ahead < 0x8000 {
            last.index + u64::from(ahead)
        } else {
            last.index.saturating_sub(u64::from(last.sequence().wrapping_sub(sequence)))
        }
    }
}

/// Picture id and TL0PICIDX, 0 where there is none. A payload that tells no index, or may not be read, may have it in its
/// frame marking.
fn ids(packet: &CachedPacket) -> (u16, u8) {
    match (&packet.info.ids, &packet.marking) {
        (PayloadIds::None, Some(marking)) => (0, marking.tl0_picture_index().unwrap_or_default()),
        (ids, _) => ids.ids(),
    }
}

/// The frame marking as the receiver gets it: its index runs on as the payload's does.
pub fn marking(packet: &CachedPacket, mapped: &Mapped) -> Option<marking::Element> {
    let marking = packet.marking?;
    let (_, theirs) = ids(packet);
    let index = marking.tl0_picture_index().unwrap_or_default();
    Some(marking.with_tl0_picture_index(index.wrapping_add(mapped.tl0_picture_index.wrapping_sub(theirs))))
}

fn frame_number(packet: &CachedPacket) -> u16 {
    packet.info.dependency.as_ref().map_or(0, |dependency| dependency.number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;
    use crate::negotiate::Codec;
    use crate::rtp::vp8::Descriptor;

    fn packet(sequence: u16, timestamp: u32, picture_id: u16) -> CachedPacket {
        let mut packet = CachedPacket { sequence, timestamp, ..CachedPacket::new(Codec::Vp8) };
        packet.info.starts_key_frame = true;
        packet.info.ids = PayloadIds::Vp8(Descriptor {
            picture_id: Some((picture_id, 2, true)),
            tl0_picture_index: Some((7, 4)),
            ..Descriptor::default()
        });
        packet
    }

    // The origin of time; the core is told the time, and so are its tests.
    #[allow(clippy::disallowed_methods)]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_switch_continues_every_number() {
        let start = origin();
        let mut rewrite = Rewrite::default();
        rewrite.switch(start, &packet(1000, 90_000, 5));
        assert_eq!(rewrite.map(start, &packet(1000, 90_000, 5)).unwrap().index, 1);
        let before = rewrite.map(start, &packet(1001, 93_000, 6)).unwrap();

        let later = start + Duration::from_millis(100);
        rewrite.switch(later, &packet(65_535, 7, 0x7fff));
        let after = rewrite.map(later, &packet(65_535, 7, 0x7fff)).unwrap();
        assert_eq!(after.index, before.index + 1);
        assert_eq!(after.timestamp, before.timestamp + 9000);
        assert_eq!(after.picture_id, before.picture_id + 1);
        assert_eq!(after.tl0_picture_index, before.tl0_picture_index + 1);
        assert_eq!(rewrite.map(later, &packet(0, 3007, 0)).unwrap().index, before.index + 2);
        assert_eq!(rewrite.map(later, &packet(65_534, 7, 0)), None, "from before the switch");
    }

    #[test]
    fn numbers_close_up_behind_what_is_left_out_and_late_packets_find_their_place() {
        let start = origin();
        let mut rewrite = Rewrite::default();
        rewrite.switch(start, &packet(65_530, 0, 10));
        let map = |rewrite: &mut Rewrite, number: u32| {
            let packet = packet(65_530u16.wrapping_add(number as u16), number, 10 + number as u16);
            rewrite.map(start, &packet).map(|mapped| (mapped.index, mapped.picture_id))
        };
        let leave_out = |rewrite: &mut Rewrite, number: u32, picture: u16| {
            rewrite.leave_out(&packet(65_530u16.wrapping_add(number as u16), number, picture));
        };
        let (first, picture) = map(&mut rewrite, 0).unwrap();
        leave_out(&mut rewrite, 1, 11);
        leave_out(&mut rewrite, 2, 11);
        leave_out(&mut rewrite, 4, 14);
        assert_eq!(map(&mut rewrite, 8), Some((first + 5, picture + 6)), "three packets of two pictures");
        assert_eq!(map(&mut rewrite, 3), Some((first + 1, picture + 2)), "late: two packets of one picture before it");
        leave_out(&mut rewrite, 5, 15);
        assert_eq!(map(&mut rewrite, 9), Some((first + 6, picture + 7)), "what is left out late leaves a gap");
    }

    #[test]
    fn no_number_is_given_twice_whatever_is_left_out_or_late() {
        let start = origin();
        let mut rewrite = Rewrite::default();
        rewrite.switch(start, &packet(60_000, 0, 0));
        let mut given = std::collections::HashSet::new();
        let mut state = 7u32;
        let mut late = Vec::new();
        let mut newest = 0;
        for number in 0..150_000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let made = packet(60_000u16.wrapping_add(number as u16), number, number as u16);
            match state >> 24 {
                0..80 => rewrite.leave_out(&made),
                80..90 => late.push(made),
                _ => {
                    let index = rewrite.map(start, &made).unwrap().index;
                    assert!(index > newest, "newer packets have higher numbers");
                    newest = index;
                    assert!(given.insert(index));
                }
            }
            if late.len() > 5 {
                for made in late.drain(..) {
                    if let Some(mapped) = rewrite.map(start, &made) {
                        assert!(given.insert(mapped.index), "{} is given twice", mapped.index);
                    }
                }
            }
        }
        assert!(newest > 90_000, "{newest}");
    }

    #[test]
    fn a_late_packet_keeps_its_place_and_the_rollover_is_counted() {
        let start = origin();
        let mut rewrite = Rewrite::default();
        rewrite.switch(start, &packet(0, 0, 0));
        let mut last = 0;
        for number in 0..200_000u32 {
            last = rewrite.map(start, &packet(number as u16, number, 0)).unwrap().index;
        }
        assert_eq!(last, 200_000);
        let late = rewrite.map(start, &packet(199_990u32 as u16, 0, 0)).unwrap();
        assert_eq!(late.index, 199_991);
        assert_eq!(rewrite.last_index(), Some(200_000));
    }
}
