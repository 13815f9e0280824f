//! How much RTCP of one peer is looked at (MD-20): it costs the worker time whatever it asks for, and a peer may send as much
//! of it as its line carries.
//!
//! Counted is what is authentic, so that nobody else uses up a peer's share, and what it costs: the packets of a compound,
//! but for the report and the description that every compound begins with (RFC 3550 section 6.1).

use std::time::Instant;

/// In a second: feedback on arrivals twenty to thirty times (browsers 20, others with each frame of 30), reports of each
/// m-line, key frame requests.
const BASE: f64 = 100.0;
/// And for each video slot: who asks for repairs does so in rounds of 20 ms and at each gap at once, of which a stream of
/// 1.5 Mbit/s (150 packets) that loses every fifth has some 24.
const PER_SLOT: f64 = 75.0;
/// However many slots.
const MOST: f64 = 1_000.0;
/// What may come at once, in seconds of the rate: after a line that stood still, everything does.
const BURST: f64 = 1.0;
/// Packets of a compound that cost nothing of their own.
const PREFIX: usize = 2;

/// Share of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct ControlShare {
    used: f64,
    told: Option<Instant>,
}

impl ControlShare {
    /// Whether this compound is looked at; `slots`: m-lines on which the peer receives video.
    pub fn take(&mut self, now: Instant, slots: usize, compound: &[u8]) -> bool {
        let rate = (BASE + PER_SLOT * slots as f64).min(MOST);
        let elapsed = self.told.replace(now).map_or(0.0, |told| now.saturating_duration_since(told).as_secs_f64());
        self.used = (self.used - rate * elapsed).max(0.0);
        let used = self.used + cost(compound);
        let fits = used <= rate * BURST;
        if fits {
            self.used = used;
        }
        fits
    }
}

/// Packets that count.
fn cost(compound: &[u8]) -> f64 {
    let (mut rest, mut packets) = (compound, 0usize);
    while let [_, _, high, low, ..] = rest {
        packets += 1;
        let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
        rest = rest.get(length..).unwrap_or_default();
    }
    packets.saturating_sub(PREFIX).max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A receiver report without blocks.
    const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];

    /// Of so many compounds in each millisecond of ten seconds, those looked at.
    fn looked_at(slots: usize, each_ms: u32, compound: &[u8]) -> u32 {
        // The origin of time; the core is told the time, and so are its tests.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut share = ControlShare::default();
        let in_a_ms =
            |ms| (0..each_ms).filter(|_| share.take(start + Duration::from_millis(ms), slots, compound)).count();
        (0..10_000u64).map(in_a_ms).sum::<usize>() as u32
    }

    #[test]
    fn what_browsers_send_is_all_looked_at_and_a_flood_is_not() {
        assert_eq!(looked_at(13, 1, &REPORT), 10_000, "a thousand in a second");
        let found = looked_at(9, 20, &REPORT);
        assert!((8_500..8_600).contains(&found), "775 in a second, and a second's burst: {found}");
        let found = looked_at(0, 1, &REPORT);
        assert!((1_090..1_110).contains(&found), "{found}");
    }

    #[test]
    fn a_compound_costs_what_is_in_it() {
        assert!((cost(&REPORT.repeat(3)) - 1.0).abs() < 1e-9, "report, description and feedback");
        assert!((cost(&REPORT.repeat(180)) - 178.0).abs() < 1e-9);
        assert!((cost(&[]) - 1.0).abs() < 1e-9);
        assert!((cost(&[0x80, 201, 0xff, 0xff]) - 1.0).abs() < 1e-9, "cut short");
        // A datagram full of reports of nobody: 102 are looked at in all, and no more of them than of any other kind.
        assert!(looked_at(0, 1, &REPORT.repeat(180)) == 0, "it never fits");
        assert!((60..70).contains(&looked_at(0, 1, &REPORT.repeat(20))));
    }
}
