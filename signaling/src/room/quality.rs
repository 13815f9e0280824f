//! How well every seat's line carries: what the SFU measures and what clients report become one level that all see, a list
//! of who cannot hear whom, and a row for each minute as evidence.

use std::time::{Duration, Instant};

use crate::ids::PeerId;
use crate::message::ServerMessage;
use crate::message::media::{QualityReport, SignalLevel, Unheard, UnheardNow};

use super::member::Member;
use super::timer::Timer;
use super::{Record, Room};

/// A report that is older counts no more: its client is gone or silent.
const STALE: Duration = Duration::from_secs(35);
/// A level gets better only when it has been better for so many observations in a row: bars that flicker help nobody.
const BETTER_AFTER: u8 = 2;
/// Evidence is kept by the minute.
const MINUTE: Duration = Duration::from_secs(60);
/// Most pairs told; beyond, the rest is left out.
const MOST_PAIRS: usize = 64;

/// How a line did in a few seconds, by the SFU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// `None`: no report of the receiver came.
    pub rtt_ms: Option<u32>,
    /// Lost in either direction, the worse of both, in thousandths.
    pub loss_permille: u16,
    pub jitter_ms: u32,
}

/// How a line did in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualityMinute {
    /// The longest round trip.
    pub rtt_ms: u32,
    /// Mean of what was measured and reported, in thousandths.
    pub loss_permille: u16,
    /// The largest.
    pub jitter_ms: u32,
    /// Time that watched video stood still, by the client.
    pub freeze_ms: u32,
}

/// One seat's line.
#[derive(Debug, Default)]
pub(super) struct Quality {
    measured: Option<(Instant, Measured)>,
    reported: Option<(Instant, QualityReport)>,
    level: Option<SignalLevel>,
    /// Observations in a row that were better than the level.
    better: u8,
    minute: Sum,
    /// Its first offer, until media stands.
    pub(super) began: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    rows: u32,
    loss: u32,
    kept: QualityMinute,
}

impl Sum {
    fn add(&mut self, rtt_ms: u32, loss_permille: u16, jitter_ms: u32, freeze_ms: u32) {
        self.rows += 1;
        self.loss += u32::from(loss_permille);
        self.kept.rtt_ms = self.kept.rtt_ms.max(rtt_ms);
        self.kept.jitter_ms = self.kept.jitter_ms.max(jitter_ms);
        self.kept.freeze_ms = self.kept.freeze_ms.saturating_add(freeze_ms);
    }

    fn take(&mut self) -> Option<QualityMinute> {
        let sum = std::mem::take(self);
        let loss_permille = u16::try_from(sum.loss.checked_div(sum.rows)?).unwrap_or(1_000);
        Some(QualityMinute { loss_permille, ..sum.kept })
    }
}

impl Quality {
    pub(super) fn level(&self) -> Option<SignalLevel> {
        self.level
    }

    fn judge(&mut self, now: Instant) {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < STALE;
        let (mut rtt, mut loss, mut freeze) = (0, 0, 0);
        let mut is_known = false;
        if let Some((_, measured)) = self.measured.filter(|(at, _)| is_fresh(*at)) {
            (rtt, loss, is_known) = (measured.rtt_ms.unwrap_or(0), measured.loss_permille, true);
        }
        if let Some((_, report)) = self.reported.as_ref().filter(|(at, _)| is_fresh(*at)) {
            (rtt, loss, is_known) = (rtt.max(report.rtt_ms), loss.max(report.loss_permille), true);
            freeze = report.freeze_ms;
        }
        let now_is = is_known.then_some(level(rtt, loss, freeze));
        let rank = |level: Option<SignalLevel>| level.map_or(0, |level| level as u8);
        if self.level.is_none() || now_is.is_none() || rank(now_is) >= rank(self.level) {
            (self.level, self.better) = (now_is, 0);
            return;
        }
        self.better += 1;
        if self.better >= BETTER_AFTER {
            (self.level, self.better) = (now_is, 0);
        }
    }

    /// Peers that do not arrive here, by the client's own word.
    fn unheard(&self, now: Instant) -> &[PeerId] {
        match &self.reported {
            Some((at, report)) if now.saturating_duration_since(*at) < STALE => &report.unheard,
            _ => &[],
        }
    }
}

/// The thresholds of the web client's own judgement: what voices survive, what they do not, what hinders talk.
fn level(rtt_ms: u32, loss_permille: u16, freeze_ms: u32) -> SignalLevel {
    if loss_permille >= 80 || rtt_ms >= 800 || freeze_ms >= 4_000 {
        SignalLevel::Poor
    } else if loss_permille >= 20 || rtt_ms >= 400 || freeze_ms >= 1_000 {
        SignalLevel::Fair
    } else {
        SignalLevel::Good
    }
}

impl Room {
    pub(super) fn note_quality(&mut self, now: Instant, peer: &PeerId, report: QualityReport) {
        let Some(member) = self.members.get_mut(peer) else { return };
        let quality = &mut member.quality;
        quality.minute.add(report.rtt_ms, report.loss_permille, report.jitter_ms, report.freeze_ms);
        quality.reported = Some((now, report));
        quality.judge(now);
        self.note_minute(now);
        self.tell_unheard(now);
        self.dirty = true;
    }

    pub(super) fn note_measured(&mut self, now: Instant, peer: &PeerId, measured: Measured) {
        let Some(member) = self.members.get_mut(peer) else { return };
        let quality = &mut member.quality;
        quality.minute.add(measured.rtt_ms.unwrap_or(0), measured.loss_permille, measured.jitter_ms, 0);
        quality.measured = Some((now, measured));
        quality.judge(now);
        self.note_minute(now);
        self.dirty = true;
    }

    /// Media of this seat stands: how long that took is kept once for each connection.
    pub(super) fn note_connected(&mut self, now: Instant, peer: &PeerId) {
        let Some(member) = self.members.get_mut(peer).filter(|member| member.is_person()) else { return };
        let Some(began) = member.quality.began.take() else { return };
        let (person, took) = (member.person.clone(), now.saturating_duration_since(began));
        self.record(Record::MediaJoined { person, took });
    }

    fn note_minute(&mut self, now: Instant) {
        if !self.timers.is_set(&Timer::Minute) {
            self.timers.set(Timer::Minute, now + MINUTE);
        }
    }

    /// A minute is over: what was counted in it is kept. The next one begins with the next observation.
    pub(super) fn keep_minute(&mut self, now: Instant) {
        let mut rows = Vec::new();
        for member in self.members.values_mut().filter(|member| member.is_person()) {
            if let Some(minute) = member.quality.minute.take() {
                rows.push((member.person.clone(), minute));
            }
        }
        for (person, minute) in rows {
            self.record(Record::Quality { person, minute });
        }
        self.tell_unheard(now);
    }

    /// Tells moderators who cannot hear whom, and each speaker who cannot hear them, when that has changed.
    fn tell_unheard(&mut self, now: Instant) {
        let is_speaking = |peer: &PeerId| {
            let kind = crate::message::media::SourceKind::Microphone;
            self.members.get(peer).is_some_and(|member| member.switched_on.has(kind))
                && self.may_publish(peer, kind).is_ok()
        };
        let mut pairs: Vec<Unheard> = self
            .members
            .iter()
            .filter(|(_, member)| member.is_seated() && member.is_person() && !self.is_restricted(member))
            .flat_map(|(listener, member)| {
                let speakers = member.quality.unheard(now).iter().filter(|speaker| is_speaking(speaker));
                speakers.map(|speaker| Unheard { speaker: speaker.clone(), listener: listener.clone() })
            })
            .take(MOST_PAIRS)
            .collect();
        pairs.sort_by(|a, b| (&a.speaker, &a.listener).cmp(&(&b.speaker, &b.listener)));
        pairs.dedup();
        if pairs == self.sent_unheard {
            return;
        }
        let before = std::mem::replace(&mut self.sent_unheard, pairs);
        let is_told = |member: &Member| Self::hears_broadcasts(member) && member.is_person();
        for peer in self.peers_where(is_told) {
            let is_moderator = self.members.get(&peer).is_some_and(|member| member.role.is_staff());
            let concerns = |pair: &&Unheard| is_moderator || pair.speaker == peer;
            let pairs: Vec<Unheard> = self.sent_unheard.iter().filter(concerns).cloned().collect();
            if pairs.iter().ne(before.iter().filter(concerns)) {
                self.send(&peer, ServerMessage::Unheard(UnheardNow { pairs }));
            }
        }
    }
}
