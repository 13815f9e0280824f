//! Who speaks, from RFC 6464 levels, without decoding: a smoothed loudness per source, a stable ranking for the audio
//! slots, and a dominant speaker that a cough does not unseat.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::forward::SourceIndex;
use crate::model::SourceKind;

/// How often the ranking is looked at.
pub const TICK: Duration = Duration::from_millis(100);
/// Sources kept in the ranking: nine slots of one receiver, so that ten people all hear each other, and one more for a
/// receiver that is itself in it.
const RANKED: usize = 10;
/// Loudness (0 to 127, of the smoothed 127 - level) from which somebody counts as speaking: -57 dBov.
const SPEAKING: f32 = 70.0;
/// How much louder one must be to go before another.
const MARGIN: f32 = 6.0;
/// How long the newcomer must be that much louder to become dominant.
const DOMINANT_AFTER: Duration = Duration::from_millis(600);
/// Silence after which a speaker is no longer named.
const QUIET_AFTER: Duration = Duration::from_millis(1500);
/// Speakers named to the room.
const NAMED: usize = 4;
/// Added to what is compared, so that these come first whatever the others' loudness: a shared screen's sound is for
/// everybody, and never crowded out by voices; the dominant speaker is whom everybody listens to.
const SCREEN: f32 = 2000.0;
const DOMINANT: f32 = 1000.0;

#[derive(Clone, Debug)]
struct Voice {
    source: SourceIndex,
    kind: SourceKind,
    /// Smoothed loudness.
    loudness: f32,
    /// The same, but falling over seconds: whoever takes breath keeps the place.
    held: f32,
    /// Loudest since the last tick.
    peak: f32,
    spoke: Option<Instant>,
}

/// The voices of one room.
#[derive(Debug, Default)]
pub struct Speakers {
    voices: Vec<Voice>,
    /// Where each source stands among them: packets come by the thousand.
    places: HashMap<SourceIndex, usize>,
    /// In the order in which audio slots are filled. One goes before another only by being clearly louder, so the order of
    /// equals does not change.
    ranking: Vec<SourceIndex>,
    dominant: Option<SourceIndex>,
    challenger: Option<(SourceIndex, Instant)>,
}

impl Speakers {
    pub fn add(&mut self, source: SourceIndex, kind: SourceKind) {
        self.places.insert(source, self.voices.len());
        self.voices.push(Voice { source, kind, loudness: 0.0, held: 0.0, peak: 0.0, spoke: None });
        if self.ranking.len() < RANKED {
            self.ranking.push(source);
        }
    }

    pub fn remove(&mut self, source: SourceIndex) {
        self.voices.retain(|voice| voice.source != source);
        self.places = self.voices.iter().enumerate().map(|(place, voice)| (voice.source, place)).collect();
        self.ranking.retain(|ranked| *ranked != source);
        self.dominant = self.dominant.filter(|dominant| *dominant != source);
        self.challenger = self.challenger.filter(|(challenger, _)| *challenger != source);
        if self.ranking.len() < RANKED {
            let spare = self.voices.iter().map(|voice| voice.source).find(|source| !self.ranking.contains(source));
            self.ranking.extend(spare);
        }
    }

    /// A packet's level: 0 loudest, 127 silence.
    pub fn note(&mut self, source: SourceIndex, level: u8) {
        if let Some(voice) = self.places.get(&source).and_then(|place| self.voices.get_mut(*place)) {
            voice.peak = voice.peak.max(127.0 - f32::from(level));
        }
    }

    /// Sources in the order in which audio slots are filled.
    pub fn ranking(&self) -> &[SourceIndex] {
        &self.ranking
    }

    /// Looks at what came since the last tick. Whether the ranking changed.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        for voice in &mut self.voices {
            // Up at once, down slowly: a pause between words is no end of a speech.
            let weight = if voice.peak > voice.loudness { 0.5 } else { 0.12 };
            voice.loudness += (voice.peak - voice.loudness) * weight;
            voice.held = voice.loudness.max(voice.held * 0.97);
            voice.peak = 0.0;
            if voice.loudness >= SPEAKING {
                voice.spoke = Some(now);
            }
        }
        self.choose_dominant(now);
        self.rank()
    }

    fn voice(&self, source: SourceIndex) -> Option<&Voice> {
        self.places.get(&source).and_then(|place| self.voices.get(*place))
    }

    fn score(&self, source: SourceIndex) -> f32 {
        self.voice(source).map_or(0.0, |voice| {
            let is_screen = voice.kind == SourceKind::ScreenAudio;
            let first = if Some(source) == self.dominant { DOMINANT } else { 0.0 };
            voice.held + if is_screen { SCREEN } else { first }
        })
    }

    /// Whether it has a claim to a better place now.
    fn is_up(&self, source: SourceIndex) -> bool {
        let is_up = |voice: &Voice| voice.loudness >= SPEAKING || voice.kind == SourceKind::ScreenAudio;
        Some(source) == self.dominant || self.voice(source).is_some_and(is_up)
    }

    fn rank(&mut self) -> bool {
        let mut changed = false;
        for place in 0..self.voices.len() {
            let newcomer = self.voices[place].source;
            if !self.is_up(newcomer) || self.ranking.contains(&newcomer) {
                continue;
            }
            let weakest = (0..self.ranking.len())
                .min_by(|a, b| self.score(self.ranking[*a]).total_cmp(&self.score(self.ranking[*b])));
            if let Some(weakest) = weakest
                && self.score(newcomer) > self.score(self.ranking[weakest]) + MARGIN
            {
                self.ranking.remove(weakest);
                self.ranking.push(newcomer);
                changed = true;
            }
        }
        // Receivers with few slots hear those in front. Whoever speaks goes before the first that is quieter by the margin.
        // None of those it passes is louder than it by the margin, for then it would stand before that first one already.
        for place in 1..self.ranking.len() {
            let source = self.ranking[place];
            if !self.is_up(source) {
                continue;
            }
            let reach = self.score(source) - MARGIN;
            if let Some(before) = self.ranking[..place].iter().position(|other| self.score(*other) < reach) {
                self.ranking[before..=place].rotate_right(1);
                changed = true;
            }
        }
        changed
    }

    fn choose_dominant(&mut self, now: Instant) {
        let loudest = self
            .voices
            .iter()
            .filter(|voice| voice.kind == SourceKind::Microphone && voice.loudness >= SPEAKING)
            .max_by(|a, b| a.loudness.total_cmp(&b.loudness));
        let Some((loudest, loudness)) = loudest.map(|voice| (voice.source, voice.loudness)) else {
            self.challenger = None;
            return;
        };
        let Some(dominant) = self.dominant else {
            self.dominant = Some(loudest);
            return;
        };
        let defended = self.voice(dominant).map_or(0.0, |voice| voice.held);
        let is_louder = loudest != dominant && loudness > defended + MARGIN;
        match self.challenger {
            _ if !is_louder => self.challenger = None,
            Some((challenger, since)) if challenger == loudest => {
                if now.saturating_duration_since(since) >= DOMINANT_AFTER {
                    self.dominant = Some(loudest);
                    self.challenger = None;
                }
            }
            _ => self.challenger = Some((loudest, now)),
        }
    }

    /// Who speaks now, the dominant speaker first, then the loudest; at most four.
    pub fn speaking(&self, now: Instant) -> Vec<SourceIndex> {
        let is_heard = |voice: &&Voice| {
            voice.kind == SourceKind::Microphone
                && voice.spoke.is_some_and(|spoke| now.saturating_duration_since(spoke) < QUIET_AFTER)
        };
        let mut speaking: Vec<&Voice> = self.voices.iter().filter(is_heard).collect();
        speaking.sort_by(|a, b| {
            let is_dominant = |voice: &Voice| Some(voice.source) == self.dominant;
            is_dominant(b).cmp(&is_dominant(a)).then(b.loudness.total_cmp(&a.loudness))
        });
        speaking.truncate(NAMED);
        speaking.into_iter().map(|voice| voice.source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Room {
        speakers: Speakers,
        now: Instant,
    }

    impl Room {
        fn with(sources: usize) -> Self {
            // The origin of time; the core is told the time, and so are its tests.
            #[allow(clippy::disallowed_methods)]
            let now = Instant::now();
            let mut speakers = Speakers::default();
            for source in 0..sources {
                speakers.add(SourceIndex(source), SourceKind::Microphone);
            }
            Self { speakers, now }
        }

        fn speak(&mut self, ms: u64, levels: &[(usize, u8)]) {
            for _ in 0..ms / 100 {
                for (source, level) in levels {
                    self.speakers.note(SourceIndex(*source), *level);
                }
                self.now += TICK;
                self.speakers.handle_timeout(self.now);
            }
        }

        fn speaking(&self) -> Vec<usize> {
            self.speakers.speaking(self.now).into_iter().map(|source| source.0).collect()
        }
    }

    #[test]
    fn a_cough_does_not_unseat_the_speaker_but_a_speech_does() {
        let mut room = Room::with(3);
        room.speak(2000, &[(0, 30)]);
        assert_eq!(room.speaking(), [0]);
        room.speak(300, &[(0, 30), (1, 5)]);
        assert_eq!(room.speaking()[0], 0, "a cough");
        room.speak(2000, &[(0, 30), (1, 5)]);
        assert_eq!(room.speaking(), [1, 0]);
        room.speak(4000, &[]);
        assert_eq!(room.speaking(), [0usize; 0]);
    }

    #[test]
    fn a_voice_from_outside_the_ranking_gets_in_and_the_others_keep_their_places() {
        let mut room = Room::with(20);
        assert!(!room.speakers.ranking().contains(&SourceIndex(15)));
        room.speak(500, &[(15, 20)]);
        assert_eq!(room.speakers.ranking()[0], SourceIndex(15));
        let before = room.speakers.ranking().to_vec();
        room.speak(1000, &[(15, 20)]);
        assert_eq!(room.speakers.ranking(), before);
        room.speakers.remove(SourceIndex(15));
        assert_eq!(room.speakers.ranking().len(), RANKED);
    }
    #[test]
    fn the_louder_go_before_the_quieter_and_equals_keep_their_places() {
        let mut room = Room::with(8);
        // Five open microphones in a noisy place, a teacher who came last, and nothing from two.
        let noisy: Vec<(usize, u8)> = (0..5).map(|source| (source, if source == 0 { 48 } else { 50 })).collect();
        let with = |level: u8| [&noisy[..], &[(7, level)]].concat();
        room.speak(1000, &noisy);
        room.speak(1000, &with(20));
        let order = |room: &Room| room.speakers.ranking().iter().map(|source| source.0).collect::<Vec<_>>();
        assert_eq!(order(&room), [7, 0, 1, 2, 3, 4, 5, 6]);
        // She takes breath: the noise does not take her place.
        room.speak(1000, &noisy);
        room.speak(300, &with(25));
        assert_eq!(order(&room)[0], 7);
        // Somebody who speaks up goes before the noise, and not before her who dominates.
        for _ in 0..10 {
            room.speak(100, &[&with(20)[..], &[(6, 25)]].concat());
        }
        assert_eq!(order(&room)[..3], [7, 6, 0]);
    }

    #[test]
    fn voices_of_about_one_loudness_do_not_take_turns() {
        let mut room = Room::with(6);
        let mut state = 7u32;
        let mut changes = 0;
        for round in 0..600 {
            let levels: Vec<(usize, u8)> = (0..6)
                .map(|source| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (source, 30 + (state >> 24) as u8 % 7)
                })
                .collect();
            let before = room.speakers.ranking().to_vec();
            room.speak(100, &levels);
            changes += usize::from(round > 10 && room.speakers.ranking() != before);
        }
        assert_eq!(changes, 0, "in a minute");
    }

    #[test]
    fn a_level_finds_its_voice_after_others_have_left() {
        let mut room = Room::with(4);
        room.speakers.remove(SourceIndex(1));
        room.speak(1000, &[(3, 20), (1, 10)]);
        assert_eq!(room.speaking(), [3]);
        assert_eq!(room.speakers.ranking(), [SourceIndex(3), SourceIndex(0), SourceIndex(2)]);
    }
}
