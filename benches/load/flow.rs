//! What a client sends and what it makes of what it receives: numbered, dated packets, counted all and read in samples.

use std::time::{Duration, Instant};

use media::rtp::extension::ExtensionIds;
use media::rtp::{self, extension};
use media::sdp::Media;
use media::transport::feedback::ArrivalLog;
use media::transport::srtp::{Inbound, Outbound};

use crate::meter::wall_ns;
use crate::sdp::{AUDIO, LEVEL_EXTENSION, MID_EXTENSION, NUMBER_EXTENSION, VIDEO};

/// Payload of a video packet.
pub const VIDEO_BYTES: usize = 1100;
/// Payload of an audio packet: Opus at 40 kbit/s.
const AUDIO_BYTES: usize = 100;
pub const FRAME: Duration = Duration::from_nanos(33_333_333);
pub const SOUND: Duration = Duration::from_millis(20);
/// How often a receiver tells what has come, as browsers do at these rates.
const FEEDBACK: Duration = Duration::from_millis(50);
/// Payload type of what repeats, and of padding.
const REPEATED: u8 = 97;
/// Packets that carry the MID.
const WITH_MID: u64 = 200;

/// VP8 descriptor with a 15-bit picture id and TL0PICIDX, and where it ends.
const DESCRIPTOR_BYTES: usize = 6;
/// VP8 payload header, that of a key frame.
const FRAME_BYTES: usize = 10;
/// Who, which packet, when.
const MARK_BYTES: usize = 2 + 4 + 8;

/// One stream that a client sends.
pub struct Track {
    pub media: Media,
    pub ssrc: u32,
    mid: usize,
    /// Of the last packet.
    index: u64,
    timestamp: u32,
    frames: u64,
    /// Bytes of video that are due but less than a packet.
    owed: f64,
    bits_per_second: f64,
    wants_key_frame: bool,
}

impl Track {
    pub fn new(media: Media, publisher: u16, mid: usize, bits_per_second: f64) -> Self {
        let ssrc = 0x0100_0000 * u32::from(media == Media::Video) + 0x10_0000 + u32::from(publisher);
        let (timestamp, frames) = (u32::from(publisher) * 977, 0);
        Self { media, ssrc, mid, index: 0, timestamp, frames, owed: 0.0, bits_per_second, wants_key_frame: true }
    }

    pub fn want_key_frame(&mut self) {
        self.wants_key_frame = true;
    }

    /// How long until its next frame.
    pub fn interval(&self) -> Duration {
        if self.media == Media::Audio { SOUND } else { FRAME }
    }

    /// Makes the packets of the next frame, encrypted.
    pub fn next_frame(&mut self, publisher: u16, outbound: &mut Outbound, datagrams: &mut Vec<Vec<u8>>) {
        datagrams.clear();
        self.frames += 1;
        if self.media == Media::Audio {
            self.timestamp = self.timestamp.wrapping_add(960);
            self.push(publisher, false, true, AUDIO_BYTES, outbound, datagrams);
            return;
        }
        self.timestamp = self.timestamp.wrapping_add(3000);
        self.owed += self.bits_per_second / 8.0 * FRAME.as_secs_f64();
        let packets = (self.owed / VIDEO_BYTES as f64) as usize;
        self.owed -= (packets * VIDEO_BYTES) as f64;
        for number in 0..packets {
            self.push(publisher, number == 0, number + 1 == packets, VIDEO_BYTES, outbound, datagrams);
        }
    }

    fn push(
        &mut self,
        publisher: u16,
        is_first: bool,
        is_last: bool,
        bytes: usize,
        outbound: &mut Outbound,
        datagrams: &mut Vec<Vec<u8>>,
    ) {
        self.index += 1;
        let is_video = self.media == Media::Video;
        let payload_type = if is_video { VIDEO } else { AUDIO };
        let mut packet = Vec::with_capacity(bytes + 64);
        packet.extend_from_slice(&[0x80, payload_type | u8::from(is_last && is_video) << 7]);
        packet.extend_from_slice(&(self.index as u16).to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        let mid = self.mid.to_string();
        let level = [0x80 | (20 + (publisher % 64) as u8)];
        let elements: [(u8, &[u8]); 2] = [
            (if self.index < WITH_MID { MID_EXTENSION } else { 0 }, mid.as_bytes()),
            (if is_video { 0 } else { LEVEL_EXTENSION }, &level),
        ];
        if extension::write(&mut packet, &elements) {
            packet[0] |= 0x10;
        }
        let header = packet.len();
        if is_video {
            let picture = self.frames as u16 & 0x7fff;
            let start = if is_first { 0x90 } else { 0x80 };
            packet.extend_from_slice(&[start, 0xe0, 0x80 | (picture >> 8) as u8, picture as u8, picture as u8, 0x20]);
            let is_key_frame = is_first && std::mem::take(&mut self.wants_key_frame);
            let frame = if is_key_frame { [0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0xe0, 1] } else { [0x11; FRAME_BYTES] };
            packet.extend_from_slice(&frame);
        }
        packet.extend_from_slice(&publisher.to_be_bytes());
        packet.extend_from_slice(&(self.index as u32).to_be_bytes());
        packet.extend_from_slice(&wall_ns().to_be_bytes());
        packet.resize(header + bytes, fill(publisher, self.index as u32));
        outbound.seal_rtp(&mut packet, 0, header, self.ssrc, self.index);
        datagrams.push(packet);
    }
}

fn fill(publisher: u16, index: u32) -> u8 {
    (publisher as u8).wrapping_mul(31) ^ index as u8
}

/// One stream that a client receives.
#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    media: Media,
    first: u64,
    highest: u64,
    received: u64,
    /// Publisher's packet number less ours: constant unless the server lost something before it numbered it.
    offset: Option<(u16, u32)>,
}

/// Counts of a client, or of all.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub sent: u64,
    pub received: u64,
    pub bytes: u64,
    /// Numbers that never came.
    pub lost: u64,
    /// Padding and repeats.
    pub others: u64,
    /// Late or doubled.
    pub disordered: u64,
    /// RTCP packets sent in a storm.
    pub controls: u64,
    pub sampled: u64,
    /// Samples that are not what their publisher sent, or not the one that was due.
    pub wrong: u64,
    /// From publisher's send to receiver's arrival, in nanoseconds; of the samples.
    pub delays: Vec<u32>,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.others += other.others;
        self.disordered += other.disordered;
        self.controls += other.controls;
        self.sampled += other.sampled;
        self.wrong += other.wrong;
        self.delays.extend_from_slice(&other.delays);
    }
}

/// A client's media.
pub struct Flow {
    pub publisher: u16,
    pub tracks: Vec<Track>,
    /// One of so many packets is decrypted and compared.
    sample: u64,
    streams: Vec<Stream>,
    newest: usize,
    pub tally: Tally,
    /// Arrival of the first media packet, wall clock.
    pub first_ns: u64,
    /// What came since the last feedback, and when that was given; `None`: it gives none.
    feedback: Option<(ArrivalLog, Option<Instant>)>,
}

impl Flow {
    pub fn publisher(publisher: u16, bits_per_second: f64) -> Self {
        let tracks =
            vec![Track::new(Media::Audio, publisher, 0, 0.0), Track::new(Media::Video, publisher, 1, bits_per_second)];
        Self { publisher, tracks, ..Self::watcher(1) }
    }

    pub fn watcher(sample: u64) -> Self {
        Self {
            publisher: 0,
            tracks: Vec::new(),
            sample,
            streams: Vec::new(),
            newest: 0,
            tally: Tally::default(),
            first_ns: 0,
            feedback: None,
        }
    }

    /// It tells the server which packets came when.
    pub fn with_feedback(mut self) -> Self {
        self.feedback = Some((ArrivalLog::default(), None));
        self
    }

    pub fn gives_feedback(&self) -> bool {
        self.feedback.is_some()
    }

    /// What is to be told now, if it is time.
    pub fn feedback(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (arrivals, given) = self.feedback.as_mut()?;
        if given.is_some_and(|given| now.saturating_duration_since(given) < FEEDBACK) {
            return None;
        }
        let packet = arrivals.take(1, 0)?;
        *given = Some(now);
        Some(packet)
    }

    /// What has come since the last feedback, whenever that was. `None`: nothing.
    pub fn feedback_now(&mut self) -> Option<Vec<u8>> {
        self.feedback.as_mut()?.0.take(1, 0)
    }

    /// SSRC and newest sequence number of one of the streams of a kind, counted round. `None`: there are none.
    pub fn newest(&self, media: Media, number: usize) -> Option<(u32, u16)> {
        let of_kind = || self.streams.iter().filter(|stream| stream.media == media);
        let stream = of_kind().nth(number.checked_rem(of_kind().count())?)?;
        Some((stream.ssrc, stream.highest as u16))
    }

    /// Notes the number that a packet has among all to this receiver. `false`: it is padding, sent to find out what the line
    /// bears, and nothing more.
    fn note(&mut self, packet: &[u8]) -> bool {
        let Some((arrivals, _)) = &mut self.feedback else { return true };
        let Some(header) = rtp::parse(packet) else { return true };
        let ids = ExtensionIds { transport_cc: NUMBER_EXTENSION, ..ExtensionIds::default() };
        if let Some(number) = extension::read(packet, &header, &ids).transport_cc {
            arrivals.note(Instant::now(), number);
        }
        header.payload_type & 0x7f != REPEATED
    }

    pub fn ssrc(&self, media: Media) -> u32 {
        self.tracks.iter().find(|track| track.media == media).map_or(0, |track| track.ssrc)
    }

    /// Forgets the counts so far; gaps are counted from the next packet on.
    pub fn restart(&mut self) {
        self.tally = Tally::default();
        for stream in &mut self.streams {
            stream.first = stream.highest + 1;
            stream.received = 0;
        }
    }

    /// The counts, gaps included.
    pub fn report(&self) -> Tally {
        let lost =
            self.streams.iter().map(|stream| (stream.highest + 1 - stream.first).saturating_sub(stream.received));
        Tally { lost: lost.sum(), ..self.tally.clone() }
    }

    /// Streams that carry something.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Takes an RTP packet.
    pub fn receive(&mut self, arrival_ns: u64, packet: &mut [u8], inbound: &mut Inbound) {
        if !self.note(packet) {
            self.tally.others += 1;
            return;
        }
        if self.first_ns == 0 {
            self.first_ns = if arrival_ns == 0 { wall_ns() } else { arrival_ns };
        }
        self.tally.received += 1;
        self.tally.bytes += packet.len() as u64;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        if self.streams.get(self.newest).is_none_or(|stream| stream.ssrc != ssrc) {
            self.newest = match self.streams.iter().position(|stream| stream.ssrc == ssrc) {
                Some(known) => known,
                None => {
                    let first = u64::from(sequence);
                    self.streams.push(Stream {
                        ssrc,
                        media: if packet[1] & 0x7f == VIDEO { Media::Video } else { Media::Audio },
                        first,
                        highest: first.wrapping_sub(1),
                        received: 0,
                        offset: None,
                    });
                    self.streams.len() - 1
                }
            };
        }
        let stream = &mut self.streams[self.newest];
        stream.received += 1;
        let ahead = sequence.wrapping_sub(stream.highest as u16);
        if ahead == 0 || ahead >= 0x8000 {
            self.tally.disordered += 1;
        } else {
            stream.highest = stream.highest.wrapping_add(u64::from(ahead));
        }
        if self.tally.received.is_multiple_of(self.sample) || stream.offset.is_none() {
            self.tally.sampled += 1;
            match read(packet, inbound) {
                Some((publisher, index, sent_ns)) => {
                    let offset = (publisher, index.wrapping_sub(u32::from(sequence)) & 0xffff);
                    self.tally.wrong += u64::from(stream.offset.replace(offset).is_some_and(|before| before != offset));
                    if arrival_ns != 0 {
                        self.tally.delays.push(arrival_ns.saturating_sub(sent_ns).min(u64::from(u32::MAX)) as u32);
                    }
                }
                None => self.tally.wrong += 1,
            }
        }
    }
}

/// Decrypts and compares a packet. `None`: it is not what a publisher sent.
fn read(packet: &mut [u8], inbound: &mut Inbound) -> Option<(u16, u32, u64)> {
    let header = rtp::parse(packet)?;
    let end = inbound.open_rtp(packet, &header).ok()?;
    let payload = &packet[header.payload_offset..end];
    let content = match header.payload_type & 0x7f {
        AUDIO => payload,
        _ => payload.get(DESCRIPTOR_BYTES + FRAME_BYTES..)?,
    };
    let publisher = u16::from_be_bytes(*content.first_chunk()?);
    let index = u32::from_be_bytes(*content.get(2..)?.first_chunk()?);
    let sent_ns = u64::from_be_bytes(*content.get(6..)?.first_chunk()?);
    let expected = fill(publisher, index);
    content[MARK_BYTES..].iter().all(|byte| *byte == expected).then_some((publisher, index, sent_ns))
}
