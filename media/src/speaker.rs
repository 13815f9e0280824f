//! Who speaks, from RFC 6464 levels, without decoding: a smoothed loudness per source, a stable ranking for the audio
//! slots, and a dominant speaker that a cough does not unseat.

use std::time::{Duration, Instant};

use crate::forward::SourceIndex;
use crate::model::SourceKind;

/// How often the ranking is looked at.
pub const TICK: Duration = Duration::from_millis(100);
/// Sources kept in the ranking: nine slots of one receiver, so that ten people all hear each other, and one more for a
/// receiver that is itself in it.
const RANKED: usize = 10;
/// Loudness (0 to 127, of the smoothed 127 - level) from which somebody counts as speaking: about -50 dBov.
const SPEAKING: f32 = 70.0;
/// How much louder a newcomer must be to take a ranked source's place.
const MARGIN: f32 = 6.0;
/// How long the newcomer must be that much louder to become dominant.
const DOMINANT_AFTER: Duration = Duration::from_millis(600);
/// Silence after which a speaker is no longer named.
const QUIET_AFTER: Duration = Duration::from_millis(1500);
/// Speakers named to the room.
const NAMED: usize = 4;

#[derive(Clone, Debug)]
struct Voice {
    source: SourceIndex,
    kind: SourceKind,
    /// Smoothed loudness.
    loudness: f32,
    /// Loudest since the last tick.
    peak: f32,
    spoke: Option<Instant>,
}

/// The voices of one room.
#[derive(Debug, Default)]
pub struct Speakers {
    voices: Vec<Voice>,
    /// Loudest first at the time they came in; the order of those that stay does not change.
    ranking: Vec<SourceIndex>,
    dominant: Option<SourceIndex>,
    challenger: Option<(SourceIndex, Instant)>,
}

impl Speakers {
    pub fn add(&mut self, source: SourceIndex, kind: SourceKind) {
        self.voices.push(Voice { source, kind, loudness: 0.0, peak: 0.0, spoke: None });
        if self.ranking.len() < RANKED {
            self.ranking.push(source);
        }
    }

    pub fn remove(&mut self, source: SourceIndex) {
        self.voices.retain(|voice| voice.source != source);
        self.ranking.retain(|ranked| *ranked != source);
        self.dominant = self.dominant.filter(|dominant| *dominant != source);
        self.challenger = self.challenger.filter(|(challenger, _)| *challenger != source);
        let spare = self.voices.iter().map(|voice| voice.source).find(|source| !self.ranking.contains(source));
        self.ranking.extend(spare);
    }

    /// A packet's level: 0 loudest, 127 silence.
    pub fn note(&mut self, source: SourceIndex, level: u8) {
        if let Some(voice) = self.voices.iter_mut().find(|voice| voice.source == source) {
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
            voice.peak = 0.0;
            if voice.loudness >= SPEAKING {
                voice.spoke = Some(now);
            }
        }
        self.choose_dominant(now);
        self.rank()
    }

    fn score(&self, source: SourceIndex) -> f32 {
        self.voices.iter().find(|voice| voice.source == source).map_or(0.0, |voice| {
            // A shared screen's sound is for everybody: it is never crowded out by voices.
            voice.loudness + if voice.kind == SourceKind::ScreenAudio { 127.0 } else { 0.0 }
        })
    }

    fn rank(&mut self) -> bool {
        let mut changed = false;
        let outside: Vec<SourceIndex> = self
            .voices
            .iter()
            .filter(|voice| {
                !self.ranking.contains(&voice.source)
                    && (voice.loudness >= SPEAKING || voice.kind == SourceKind::ScreenAudio)
            })
            .map(|voice| voice.source)
            .collect();
        for newcomer in outside {
            let weakest = (0..self.ranking.len())
                .min_by(|a, b| self.score(self.ranking[*a]).total_cmp(&self.score(self.ranking[*b])));
            if let Some(weakest) = weakest
                && self.score(newcomer) > self.score(self.ranking[weakest]) + MARGIN
            {
                self.ranking.remove(weakest);
                self.ranking.insert(0, newcomer);
                changed = true;
            }
        }
        // Within the ranking, whoever speaks moves before whoever has been quiet, so that receivers with few slots hear them.
        let speaking = |source: &SourceIndex| self.score(*source) >= SPEAKING;
        let (mut first, second): (Vec<_>, Vec<_>) = self.ranking.iter().copied().partition(speaking);
        first.extend(second);
        if first != self.ranking {
            self.ranking = first;
            changed = true;
        }
        changed
    }

    fn choose_dominant(&mut self, now: Instant) {
        let loudest = self
            .voices
            .iter()
            .filter(|voice| voice.kind == SourceKind::Microphone && voice.loudness >= SPEAKING)
            .max_by(|a, b| a.loudness.total_cmp(&b.loudness));
        let Some(loudest) = loudest.map(|voice| voice.source) else {
            self.challenger = None;
            return;
        };
        let Some(dominant) = self.dominant else {
            self.dominant = Some(loudest);
            return;
        };
        let is_louder = loudest != dominant && self.score(loudest) > self.score(dominant) + MARGIN;
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
}
