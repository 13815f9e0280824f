//! Whole sessions: bytes become what one hostile peer of three does, from raw datagrams to well-sealed packets with anything
//! inside. Whatever it does, the two others go on, and when all are gone nothing is left.

use std::net::SocketAddr;
use std::time::Duration;

use media::model::{OfferRequest, PeerKey, Publish, SlotWish, SourceKey, SourceKind};
use media::rtp::{self, extension};

use crate::pair::{EXTENSIONS, LineSpec, Peer, ROOM, Received, World, vp8};

/// More steps tell nothing new, and slow the search.
const STEPS: usize = 64;
const MARK: &[u8] = b"of the clean publisher";

/// The input, taken apart from the front.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// As many bytes as the next two say, or what is left.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let (low, high) = (self.byte()?, self.byte()?);
        let length = usize::from(u16::from_le_bytes([low, high & 7])).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(bytes)
    }
}

/// A room with a hostile publisher, a clean one, and somebody who watches both.
struct Scene {
    world: World,
    hostile: Peer,
    clean: Peer,
    watcher: Peer,
    /// Of the clean publisher.
    sent: u16,
    /// Of the hostile one, by SSRC.
    sequences: [u16; 8],
}

fn stranger() -> SocketAddr {
    SocketAddr::from(([10, 6, 6, 6], 6))
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let mut hostile = Peer::new(
            1,
            vec![
                LineSpec::Send(SourceKey(1), SourceKind::Camera, &["q", "h"]),
                LineSpec::Send(SourceKey(2), SourceKind::Microphone, &[]),
                LineSpec::Send(SourceKey(3), SourceKind::Screen, &[]),
                LineSpec::Receive("video"),
                LineSpec::Receive("audio"),
            ],
        );
        hostile.all_codecs = true;
        let mut clean = Peer::new(2, vec![LineSpec::Send(SourceKey(20), SourceKind::Camera, &[])]);
        let mut watcher = Peer::new(3, ["video", "video", "video", "audio"].map(LineSpec::Receive).to_vec());
        watcher.all_codecs = true;
        for peer in [&mut hostile, &mut clean, &mut watcher] {
            peer.connect(&mut world);
        }
        let wish =
            |mid: &str, source| SlotWish { mid: mid.to_owned(), source: Some(SourceKey(source)), max_height: 1080 };
        world.sfu.set_slots(world.now, ROOM, watcher.key, vec![wish("0", 20), wish("1", 1), wish("2", 3)]);
        world.sfu.set_slots(world.now, ROOM, hostile.key, vec![wish("3", 20)]);
        let mut scene = Self { world, hostile, clean, watcher, sent: 0, sequences: [0; 8] };
        scene.check();
        scene
    }

    /// The clean publisher sends one more packet, and the watcher gets it as it was.
    fn check(&mut self) {
        let Self { world, clean, watcher, .. } = self;
        for peer in [&*clean, &*watcher] {
            world.deliver(peer.address, &peer.good_check());
        }
        self.sent += 1;
        let payload = vp8((self.sent == 1).then_some(90), self.sent, MARK);
        let before = watcher.receive(world);
        clean.send(world, 77, 0, "", self.sent, u32::from(self.sent) * 3_000, &payload);
        let arrived = watcher.receive(world);
        let slot = watcher.slot_ssrcs()["0"];
        let of_slot = |received: &&Received| received.header.ssrc == slot;
        for received in before.iter().chain(&arrived).filter(of_slot) {
            assert!(received.payload.ends_with(MARK), "another's packet in the clean publisher's slot");
        }
        assert_eq!(arrived.iter().filter(of_slot).count(), 1, "the clean publisher goes on");
    }

    /// Lets time pass in which all stay.
    fn pass(&mut self, time: Duration) {
        for peer in [&self.hostile, &self.clean, &self.watcher] {
            self.world.deliver(peer.address, &peer.good_check());
        }
        self.world.pass(time);
    }

    /// A packet that passes SRTP, with anything in it.
    fn rtp(&mut self, script: &mut Script<'_>) -> Option<()> {
        const TYPES: [u8; 12] = [96, 97, 98, 99, 45, 46, 108, 109, 49, 111, 63, 0];
        let [flags, kind, step, time] = [script.byte()?, script.byte()?, script.byte()?, script.byte()?];
        let (block, payload) = (script.bytes()?, script.bytes()?);
        let stream = usize::from(flags & 7);
        let sequence = self.sequences[stream].wrapping_add(u16::from(step) * u16::from(step));
        self.sequences[stream] = sequence;
        let ssrc = 100 + stream as u32;
        let mut packet = vec![0x80 | flags & 0x20, TYPES[usize::from(kind) % 12] | flags & 0x80];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(time) << 8).to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        if flags & 0x40 != 0 {
            // Anything as the extension block.
            let words = block.len() / 4;
            packet.extend_from_slice(if flags & 0x10 != 0 { &[0x10, 0] } else { &[0xbe, 0xde] });
            packet.extend_from_slice(&(words as u16).to_be_bytes());
            packet.extend_from_slice(&block[..words * 4]);
            packet[0] |= 0x10;
        } else {
            let mid = [b'0' + (kind >> 4) % 3];
            let rid: &[u8] = if stream & 1 == 0 { b"q" } else { b"h" };
            let level = [step];
            let mut elements: Vec<(u8, &[u8])> = vec![(EXTENSIONS.mid, &mid), (EXTENSIONS.audio_level, &level)];
            if mid == [b'0'] {
                elements.push((EXTENSIONS.rid, rid));
            }
            elements.push((EXTENSIONS.dependency, block));
            if extension::write(&mut packet, &elements) {
                packet[0] |= 0x10;
            }
        }
        packet.extend_from_slice(payload);
        let header = rtp::parse(&packet).expect("made by hand").payload_offset;
        let (_, outbound) = self.hostile.srtp.as_mut().expect("connected");
        if outbound.seal_rtp(&mut packet, 0, header, ssrc, u64::from(sequence)) {
            self.world.deliver(self.hostile.address, &packet);
        }
        Some(())
    }

    /// Reports and requests that pass SRTCP, of the hostile peer or of the watcher.
    fn rtcp(&mut self, script: &mut Script<'_>) -> Option<()> {
        let of_watcher = script.byte()? & 1 != 0;
        let clear = script.bytes()?;
        let peer = if of_watcher { &mut self.watcher } else { &mut self.hostile };
        let mut clear = clear.to_vec();
        if let Some(target) = clear.get_mut(8..12) {
            // A number that is in use is hit more often than chance does.
            if target[0] & 1 != 0 {
                let ssrcs = peer.slot_ssrcs();
                let mut known: Vec<u32> = ssrcs.into_values().collect();
                known.sort_unstable();
                let ssrc = known[usize::from(target[1]) % known.len()];
                target.copy_from_slice(&ssrc.to_be_bytes());
            }
        }
        if clear.len() >= 8
            && let Some(sealed) = peer.srtp.as_mut().expect("connected").1.seal_rtcp(&clear)
        {
            self.world.deliver(peer.address, &sealed);
        }
        Some(())
    }

    /// What the hostile peer's room asks of the core.
    fn command(&mut self, script: &mut Script<'_>) -> Option<()> {
        let [what, value] = [script.byte()?, script.byte()?];
        let sfu = &mut self.world.sfu;
        match what % 4 {
            0 => sfu.pause(ROOM, SourceKey(u64::from(value % 4)), what & 0x80 != 0),
            1 => {
                let allowed = Publish { audio: value & 1 != 0, video: value & 2 != 0, screen: value & 4 != 0 };
                sfu.allow(ROOM, PeerKey(1), allowed);
            }
            2 => {
                let wish = |mid: u8| SlotWish {
                    mid: mid.to_string(),
                    source: (value & 1 << mid != 0).then_some(SourceKey(u64::from(value >> 4))),
                    max_height: u16::from(what) * 8,
                };
                sfu.set_slots(self.world.now, ROOM, PeerKey(1), (0..6).map(wish).collect());
            }
            _ => sfu.set_encrypted(ROOM, SourceKey(u64::from(value % 4)), what & 0x80 != 0),
        }
        Some(())
    }

    /// Another offer, with bytes of it changed.
    fn offer(&mut self, script: &mut Script<'_>) -> Option<()> {
        let mut request = self.hostile.request(Publish::ALL);
        let mut bytes = std::mem::take(&mut request.sdp).into_bytes();
        for edit in script.bytes()?.chunks_exact(4) {
            let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
            bytes[place] = edit[2];
            bytes.drain(place..(place + usize::from(edit[3] % 32)).min(bytes.len() - 1));
        }
        let request = OfferRequest { sdp: String::from_utf8_lossy(&bytes).into_owned(), ..request };
        if let Ok(answer) = self.world.sfu.handle_offer(self.world.now, ROOM, PeerKey(1), &request) {
            assert!(media::sdp::parse(&answer).is_ok());
        }
        Some(())
    }

    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        match script.byte()? % 8 {
            0 => self.world.deliver(self.hostile.address, script.bytes()?),
            1 => self.world.deliver(stranger(), script.bytes()?),
            2 => {
                let attribute = u16::from_be_bytes([script.byte()?, script.byte()?]);
                let check = self.hostile.check_with(attribute, script.bytes()?);
                self.world.deliver(self.hostile.address, &check);
            }
            3 => self.rtcp(script)?,
            4 => self.pass(Duration::from_millis(u64::from(script.byte()?) * 4)),
            5 => self.command(script)?,
            6 => self.offer(script)?,
            _ => self.rtp(script)?,
        }
        Some(())
    }
}

/// A sequence of datagrams and commands into one peer of a room.
pub fn session(data: &[u8]) {
    let mut scene = Scene::new();
    let mut script = Script(data);
    for _ in 0..STEPS {
        if scene.step(&mut script).is_none() {
            break;
        }
    }
    scene.check();
    scene.pass(Duration::from_secs(1));
    scene.check();
    assert!(scene.world.take(stranger()).is_empty(), "a stranger is not answered");
    scene.world.sfu.close_room(ROOM);
    assert!(scene.world.sfu.is_empty(), "nothing is left of anybody");
}

/// DTLS records into a peer whose address is valid but which has no keys: its own flights, bent, and anything else.
pub fn dtls(data: &[u8]) {
    let mut world = World::new();
    let mut hostile = Peer::new(1, vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])]);
    hostile.offer(&mut world);
    world.deliver(hostile.address, &hostile.good_check());
    hostile.start_dtls(world.now);
    let mut flights = hostile.dtls_datagrams();
    let mut script = Script(data);
    for _ in 0..STEPS {
        let Some(what) = script.byte() else { break };
        match what % 4 {
            0 => {
                let Some(bytes) = script.bytes() else { break };
                world.deliver(hostile.address, bytes);
            }
            1 if !flights.is_empty() => {
                let mut datagram = flights.remove(0);
                // Where it is bent, and by how much; by nothing: it is as it was.
                let [place, bend] = [script.byte(), script.byte()].map(Option::unwrap_or_default);
                let place = usize::from(place) % datagram.len();
                datagram[place] ^= bend;
                world.deliver(hostile.address, &datagram);
            }
            2 => world.pass(Duration::from_millis(u64::from(script.byte().unwrap_or_default()) * 8)),
            _ => {
                for datagram in world.take(hostile.address) {
                    if media::demux::classify(&datagram) == media::demux::Kind::Dtls {
                        hostile.handle_dtls(world.now, &datagram);
                    }
                }
                flights.extend(hostile.dtls_datagrams());
            }
        }
    }
    world.drain();
    // Whoever comes after them connects.
    Peer::new(2, vec![LineSpec::Receive("video")]).connect(&mut world);
    world.sfu.close_room(ROOM);
    assert!(world.sfu.is_empty());
}
