//! One simulcast layer (or the only stream) of a source: its packets, its reception, its size.

use std::time::{Duration, Instant};

use super::keyframe::KeyFrameRequest;
use super::rates::Rates;
use super::reception::Reception;
use super::rtx_cache::{AUDIO_PACKETS, PacketCache, VIDEO_PACKETS};
use crate::negotiate::{Codec, Codecs};
use crate::rtp;
use crate::rtp::dependency::MAX_LAYERS;
use crate::rtp::extension::Extensions;
use crate::rtp::frame::Tracker;

/// A layer that has sent nothing for this long is gone: the publisher lacks the bandwidth for it, or nobody may see it.
const ACTIVE: Duration = Duration::from_millis(700);

/// Spatial layers within a stream, and the height of each.
type Inner = (u8, [u16; MAX_LAYERS as usize]);

/// State of one layer.
#[derive(Debug)]
pub struct Layer {
    /// `None`: the only stream of its m-line.
    pub rid: Option<String>,
    /// Known from its first packet on.
    pub ssrc: Option<u32>,
    /// Of its newest packet.
    pub codec: Option<Codec>,
    pub reception: Reception,
    pub cache: PacketCache,
    /// What its packets refer to.
    pub tracker: Tracker,
    /// Sequence numbers that came since the last flush.
    pub pending: Vec<u16>,
    pub request: KeyFrameRequest,
    /// Height of its last key frame, when the codec tells it.
    pub height: Option<u16>,
    /// Spatial layers within it, and the height of each (0: not told), as of its last key frame; those above `kept` as of
    /// when they were sent.
    pub spatial: Option<Inner>,
    /// The publisher was told to send no spatial layer above this one, for nobody watches them. `None`: all.
    kept: Option<u8>,
    /// Since when nobody has wanted the highest that is sent.
    inner_unwanted: Option<Instant>,
    last_packet: Option<Instant>,
    /// What it costs to forward.
    pub rates: Rates,
    /// The publisher was told to stop it, for nobody watches it.
    is_asleep: bool,
    /// Since when nobody has wanted it.
    pub unwanted: Option<Instant>,
    /// RTP time and publisher's NTP time (32.32 seconds) of the last sender report.
    pub sender_report: Option<(u32, u64)>,
    pub packets: u64,
    pub octets: u64,
}

impl Layer {
    pub fn new(rid: Option<String>, is_audio: bool) -> Self {
        let (clock, packets) = if is_audio { (48_000, AUDIO_PACKETS) } else { (90_000, VIDEO_PACKETS) };
        Self {
            rid,
            ssrc: None,
            codec: None,
            reception: Reception::new(clock),
            cache: PacketCache::new(packets),
            tracker: Tracker::default(),
            pending: Vec::new(),
            request: KeyFrameRequest::default(),
            height: None,
            spatial: None,
            kept: None,
            inner_unwanted: None,
            last_packet: None,
            rates: Rates::default(),
            is_asleep: false,
            unwanted: None,
            sender_report: None,
            packets: 0,
            octets: 0,
        }
    }

    /// Takes a decrypted packet. `true`: its size or codec became known or changed, or it came to life. `is_encrypted`: end to end,
    /// so that the payload says nothing.
    pub fn receive(
        &mut self,
        now: Instant,
        header: &rtp::Header,
        extensions: &Extensions<'_>,
        codec: Codec,
        payload: &[u8],
        is_encrypted: bool,
    ) -> bool {
        let was_active = self.is_active(now);
        self.last_packet = Some(now);
        self.packets += 1;
        self.octets += payload.len() as u64;
        let info = self.tracker.examine(codec, extensions, payload, is_encrypted);
        self.rates.note(now, info.spatial, info.temporal, payload.len());
        let packet = self.cache.insert(header, extensions, codec, info, payload);
        let is_other_codec = self.codec.replace(codec) != Some(codec);
        let mut changed = !was_active || is_other_codec;
        if packet.info.starts_key_frame {
            self.request.satisfy();
            let inner = packet.info.heights.map(|found| whole(found, self.kept.and(self.spatial)));
            let height = inner.and_then(highest);
            if height.is_some() && self.height != height {
                self.height = height;
                changed = true;
            }
            if inner.is_some() && inner != self.spatial {
                self.spatial = inner;
                changed = true;
            }
        }
        self.pending.push(header.sequence);
        changed
    }

    /// The spatial layer for a picture drawn `max_height` high: the highest that is not higher, else the lowest. All, while
    /// the heights are not known.
    pub fn choose_spatial(&self, max_height: u16) -> u8 {
        let Some((layers, heights)) = self.spatial.filter(|(layers, _)| *layers > 1) else { return u8::MAX };
        let heights = heights.iter().take(usize::from(layers));
        if heights.clone().any(|height| *height == 0) {
            return u8::MAX;
        }
        heights.filter(|height| **height <= max_height).count().saturating_sub(1) as u8
    }

    /// Height of a spatial layer, where it is told.
    pub fn height_of(&self, spatial: u8) -> Option<u16> {
        match self.spatial {
            Some((_, heights)) => heights.get(usize::from(spatial)).copied().filter(|height| *height > 0),
            None => self.height,
        }
    }

    pub fn is_active(&self, now: Instant) -> bool {
        self.last_packet.is_some_and(|last| now.saturating_duration_since(last) < ACTIVE)
    }

    /// Not sent because the hub asked for that: it comes back when it is wanted.
    pub fn is_asleep(&self) -> bool {
        self.is_asleep
    }

    pub fn set_asleep(&mut self, is_asleep: bool) {
        self.is_asleep = is_asleep;
        self.unwanted = None;
    }

    /// Told the highest spatial layer that anybody wants of it (`u8::MAX`: all). `true`: the publisher is to send others
    /// than so far: at once what is wanted and not sent, no longer what nobody has wanted for `after`.
    pub fn keep(&mut self, now: Instant, wanted: u8, after: Duration) -> bool {
        let Some((count @ 2.., _)) = self.spatial else {
            self.inner_unwanted = None;
            return false;
        };
        let top = count - 1;
        let wanted = wanted.min(top);
        let sent = self.kept.unwrap_or(top);
        if wanted >= sent {
            self.inner_unwanted = None;
        }
        let is_over = |since: Instant| now.saturating_duration_since(since) >= after;
        let changes = wanted > sent || wanted < sent && is_over(*self.inner_unwanted.get_or_insert(now));
        if changes {
            self.inner_unwanted = None;
            self.kept = (wanted < top).then_some(wanted);
            self.rates.set_stopped_above(self.kept);
        }
        changes
    }

    /// How many of its spatial layers, from the largest down, the publisher is not to send.
    pub fn stopped_layers(&self) -> u8 {
        match (self.kept, self.spatial) {
            (Some(kept), Some((count, _))) => count.saturating_sub(kept + 1),
            _ => 0,
        }
    }

    /// Whether a spatial layer is not sent because the hub asked for that.
    pub fn is_stopped(&self, spatial: u8) -> bool {
        let top = self.spatial.map_or(0, |(count, _)| count.saturating_sub(1));
        self.kept.is_some_and(|kept| spatial.min(top) > kept)
    }

    /// Whether who takes these codecs can decode it; as long as its own is not known, it may be.
    pub fn is_for(&self, codecs: Codecs) -> bool {
        self.codec.is_none_or(|codec| codecs.has(codec))
    }

    pub fn last_packet(&self) -> Option<Instant> {
        self.last_packet
    }
}

/// What a stream has in all, by what its key frame shows and by what was known when the layers above were stopped: those are
/// taken on, or where the publisher has changed its size meanwhile, as twice the height of the one below each.
fn whole(found: Inner, known: Option<Inner>) -> Inner {
    let Some((count, heights)) = known.filter(|(count, _)| found.0 < *count) else { return found };
    let shown = usize::from(found.0);
    if found.1[..shown] == heights[..shown] || found.1[..shown].contains(&0) {
        return (count, heights);
    }
    let mut heights = found.1;
    for layer in shown.max(1)..usize::from(count).min(heights.len()) {
        heights[layer] = heights[layer - 1].saturating_mul(2);
    }
    (count, heights)
}

/// Height of the largest picture, where it is told.
fn highest((count, heights): Inner) -> Option<u16> {
    heights.into_iter().take(usize::from(count)).max().filter(|height| *height > 0)
}

/// The layer for a picture drawn `max_height` high, of those that pass: the highest that is not higher, else the lowest
/// there is. Layers are in the order of the offer, which is also their rank while their heights are unknown.
pub fn choose(layers: &[Layer], max_height: u16, passes: impl Fn(&Layer) -> bool) -> u8 {
    let passing = || layers.iter().enumerate().filter(|(_, layer)| passes(layer)).map(|(number, _)| number);
    let height = |number: &usize| height_in(layers, *number);
    let lowest = passing().min_by_key(height);
    let fitting = passing().filter(|number| height(number) <= max_height).max_by_key(height);
    fitting.or(lowest).map_or(0, |number| number as u8)
}

/// Of a camera of 720 lines, each layer half of the one above.
const ASSUMED: [u16; 3] = [180, 360, 720];

/// The height by which a layer is chosen. Where none of a source's layers tells it (AV1 without a descriptor, or a payload that is secret), they
/// are taken for those of a usual camera: as the highest of all, each but the lowest would fit nowhere.
pub fn height_in(layers: &[Layer], number: usize) -> u16 {
    let told = layers.get(number).and_then(|layer| layer.height);
    let none_tells = layers.len() > 1 && layers.iter().all(|layer| layer.height.is_none());
    match told {
        Some(height) => height,
        None if none_tells => ASSUMED[(ASSUMED.len() + number).saturating_sub(layers.len()).min(ASSUMED.len() - 1)],
        None => u16::MAX,
    }
}

/// This layer if it passes, else the highest below it that does, else the lowest above.
pub fn choose_below(layers: &[Layer], wish: u8, passes: impl Fn(&Layer) -> bool) -> u8 {
    let rank = |number: &usize| (height_in(layers, *number), *number);
    if usize::from(wish) >= layers.len() {
        return 0;
    }
    let limit = rank(&usize::from(wish));
    let passing = || layers.iter().enumerate().filter(|(_, layer)| passes(layer)).map(|(number, _)| number);
    let below = passing().filter(|number| rank(number) <= limit).max_by_key(rank);
    below.or_else(|| passing().min_by_key(rank)).map_or(wish, |number| number as u8)
}
