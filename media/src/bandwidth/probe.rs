//! Probes: a few milliseconds at a higher rate, filled up with padding, to find out whether more gets through. Only when
//! somebody would see the difference: a larger layer is wanted, and the estimate does not carry it.
//!
//! On a jittery path packets come in lumps, and how fast those of a few milliseconds came says nothing. There a cluster is
//! longer and less steep, and what tells is whether its last packets are held up longer than its first: a full path holds up
//! each more than the one before, jitter does not.

/// Length of a cluster, and its least packets: fewer say little about a rate.
const LENGTH_US: u64 = 20_000;
const LEAST_PACKETS: u32 = 6;
/// Length where the delays of packets differ by more than this, in milliseconds; how much more than is known to get through
/// it tries, and what it costs at most. A full path is left with a queue of 90 ms by it.
const LONG_US: u64 = 300_000;
pub const JITTERY_MS: f64 = 20.0;
const LONG_STEP: f64 = 1.3;
const MOST_LONG_BYTES: u32 = 200_000;
/// A cluster never costs more than this, whatever is wanted.
const MOST_BYTES: u32 = 40_000;
/// Feedback for a cluster that has not come by then will not come.
const PATIENCE_US: u64 = 1_500_000;
/// Part of the packets that must have arrived.
const ENOUGH: f64 = 0.75;
/// Between clusters: at once after a success, and twice as long after each failure.
const PAUSE_US: u64 = 150_000;
const BACKOFF_US: u64 = 1_500_000;
const MOST_BACKOFFS: u32 = 3;
/// Below this part of its target, the cluster has found the limit.
const SATURATED: f64 = 0.9;

/// What came back of a cluster.
#[derive(Clone, Copy, Debug, Default)]
struct Echo {
    packets: u32,
    bytes: u64,
    sent_us: (u64, u64),
    arrival_us: (i64, i64),
    /// Sizes of the packet that arrived first, and of the one sent last: intervals have one end less than packets.
    first_bytes: u64,
    last_bytes: u64,
    /// Sum of the delays of each third, by when it was to be sent, and of how many.
    delays_us: [(i64, i64); 3],
}

#[derive(Clone, Copy, Debug)]
struct Cluster {
    target_bps: f64,
    wanted_bytes: u32,
    /// Of a long one: the jitter of its path.
    jitter_ms: Option<f64>,
    sent_bytes: u32,
    sent_packets: u32,
    started_us: u64,
    /// All of it is sent.
    ended_us: Option<u64>,
    echo: Echo,
}

/// The probes of one receiver.
#[derive(Debug, Default)]
pub struct Prober {
    cluster: Option<Cluster>,
    not_before_us: u64,
    failures: u32,
}

impl Prober {
    /// Begins a cluster, if it is time for one. `estimate_bps`: what is known to get through.
    /// `jitter_ms`: of the path.
    pub fn begin(&mut self, now_us: u64, estimate_bps: f64, wanted_bps: f64, jitter_ms: f64) -> bool {
        if self.cluster.is_some() || now_us < self.not_before_us || wanted_bps <= estimate_bps {
            return false;
        }
        let is_long = jitter_ms > JITTERY_MS;
        let (length_us, step, most) =
            if is_long { (LONG_US, LONG_STEP, MOST_LONG_BYTES) } else { (LENGTH_US, 2.0, MOST_BYTES) };
        let target_bps = wanted_bps.min(estimate_bps * step).max(estimate_bps * 1.2);
        let wanted_bytes = ((target_bps * length_us as f64 / 8e6) as u32).clamp(LEAST_PACKETS * 250, most);
        self.cluster = Some(Cluster {
            target_bps,
            wanted_bytes,
            jitter_ms: is_long.then_some(jitter_ms),
            sent_bytes: 0,
            sent_packets: 0,
            started_us: now_us,
            ended_us: None,
            echo: Echo::default(),
        });
        true
    }

    /// No probe before this time: the path was full just now.
    pub fn hold(&mut self, until_us: u64) {
        self.not_before_us = self.not_before_us.max(until_us);
    }

    /// The path is full: no more of a long cluster.
    pub fn stop(&mut self, now_us: u64) {
        if self.cluster.is_some_and(|cluster| cluster.jitter_ms.is_some() && cluster.ended_us.is_none()) {
            self.cluster = None;
            self.fail(now_us);
        }
    }

    fn fail(&mut self, now_us: u64) {
        self.not_before_us = now_us + (BACKOFF_US << self.failures.min(MOST_BACKOFFS));
        self.failures += 1;
    }

    /// A cluster is being sent: what leaves now belongs to it.
    pub fn is_sending(&self) -> bool {
        self.cluster.is_some_and(|cluster| cluster.ended_us.is_none())
    }

    /// Bytes of padding that are due now to keep the cluster at its rate.
    pub fn due(&self, now_us: u64) -> u32 {
        let Some(cluster) = self.cluster.filter(|cluster| cluster.ended_us.is_none()) else { return 0 };
        let elapsed = (now_us.saturating_sub(cluster.started_us)) as f64 / 1e6;
        // One packet ahead, so that the first leaves at once.
        let due = (cluster.target_bps / 8.0 * elapsed) as u32 + 250;
        due.min(cluster.wanted_bytes).saturating_sub(cluster.sent_bytes)
    }

    /// A packet left, padding or media.
    pub fn note_sent(&mut self, now_us: u64, bytes: u32) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.ended_us.is_none()) else { return };
        cluster.sent_bytes += bytes;
        cluster.sent_packets += 1;
        if cluster.sent_bytes >= cluster.wanted_bytes && cluster.sent_packets >= LEAST_PACKETS {
            cluster.ended_us = Some(now_us);
        }
    }

    /// A packet of the cluster has arrived.
    pub fn note_arrival(&mut self, sent_us: u64, arrival_us: i64, bytes: u64) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| sent_us >= cluster.started_us) else { return };
        let length_us = (f64::from(cluster.wanted_bytes) * 8e6 / cluster.target_bps) as u64;
        let third = ((sent_us - cluster.started_us) * 3 / length_us.max(1)).min(2) as usize;
        let echo = &mut cluster.echo;
        let delay_us = arrival_us - sent_us as i64;
        let (sum, count) = &mut echo.delays_us[third];
        (*sum, *count) = (*sum + delay_us, *count + 1);
        if echo.packets == 0 {
            (echo.sent_us, echo.arrival_us) = ((sent_us, sent_us), (arrival_us, arrival_us));
        }
        if arrival_us <= echo.arrival_us.0 {
            (echo.arrival_us.0, echo.first_bytes) = (arrival_us, bytes);
        }
        if sent_us >= echo.sent_us.1 {
            (echo.sent_us.1, echo.last_bytes) = (sent_us, bytes);
        }
        echo.arrival_us.1 = echo.arrival_us.1.max(arrival_us);
        echo.packets += 1;
        echo.bytes += bytes;
    }

    /// After a feedback: the rate that the cluster has shown, when it is over.
    pub fn result(&mut self, now_us: u64) -> Option<f64> {
        let cluster = self.cluster?;
        let ended_us = match cluster.ended_us {
            Some(ended_us) => ended_us,
            // Nothing to pad with, or the receiver is gone.
            None if now_us.saturating_sub(cluster.started_us) > PATIENCE_US => now_us,
            None => return None,
        };
        let is_complete = f64::from(cluster.echo.packets) >= ENOUGH * f64::from(cluster.sent_packets.max(1));
        let is_late = now_us.saturating_sub(ended_us) > PATIENCE_US || cluster.ended_us.is_none();
        // What is missing may come with the next feedback, and only the last packets show the queue.
        if cluster.echo.packets < cluster.sent_packets && !is_late && !(is_complete && now_us > ended_us + 400_000) {
            return None;
        }
        self.cluster = None;
        let shown = match cluster.jitter_ms {
            _ if !is_complete => None,
            None => cluster.echo.bps(),
            Some(jitter_ms) => cluster.echo.bps_by_delay(jitter_ms),
        };
        match shown {
            Some(bps) if bps >= SATURATED * cluster.target_bps => {
                self.failures = 0;
                self.not_before_us = now_us + PAUSE_US;
                Some(bps.min(cluster.target_bps))
            }
            shown => {
                self.fail(now_us);
                // A little less than what the limit let through, so that the queue drains.
                shown.map(|bps| bps * 0.95)
            }
        }
    }
}

impl Echo {
    fn bps(&self) -> Option<f64> {
        let arrival_us = self.arrival_us.1 - self.arrival_us.0;
        if self.packets < LEAST_PACKETS - 1 || arrival_us <= 0 {
            return None;
        }
        let received = (self.bytes - self.first_bytes) as f64 * 8e6 / arrival_us as f64;
        let sent_us = self.sent_us.1.saturating_sub(self.sent_us.0);
        let sent = if sent_us > 0 { (self.bytes - self.last_bytes) as f64 * 8e6 / sent_us as f64 } else { f64::MAX };
        // Held up and then let go together on the way: the arrival says nothing.
        if received > 4.0 * sent { None } else { Some(received.min(sent)) }
    }
}

impl Echo {
    /// What was sent got through in that time, and in as much more as the last were held up longer than the first, but for
    /// half the jitter.
    fn bps_by_delay(&self, jitter_ms: f64) -> Option<f64> {
        // The mean: where packets do not overtake, a dense row of them comes almost as late as the latest, but one before it
        // may be quick.
        let mean = |(sum, count): (i64, i64)| (count > 0).then(|| sum / count);
        let (first, last) = (mean(self.delays_us[0])?, mean(self.delays_us[2])?);
        let sent_us = self.sent_us.1.saturating_sub(self.sent_us.0) as f64;
        // From the first third to the last are two thirds of the time.
        let held_us = ((last - first) as f64 - jitter_ms * 500.0).max(0.0) * 1.5;
        (sent_us > 0.0).then(|| (self.bytes - self.last_bytes) as f64 * 8e6 / (sent_us + held_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a cluster over a path of this rate.
    fn probe(prober: &mut Prober, from_us: u64, path_bps: f64) -> Option<f64> {
        let (mut now, mut free) = (from_us, 0.0f64);
        let mut packets = Vec::new();
        while prober.is_sending() {
            while prober.due(now) > 0 && prober.is_sending() {
                prober.note_sent(now, 300);
                free = free.max(now as f64) + 300.0 * 8e6 / path_bps;
                packets.push((now, free as i64 + 20_000));
            }
            now += 5_000;
        }
        for (sent, arrival) in packets {
            prober.note_arrival(sent, arrival, 300);
        }
        prober.result(now + 200_000)
    }

    #[test]
    fn a_path_with_room_shows_the_target_and_a_full_one_its_rate() {
        let mut prober = Prober::default();
        assert!(prober.begin(1_000_000, 1e6, 5e6, 5.0));
        let shown = probe(&mut prober, 1_000_000, 1e8).unwrap_or_default();
        assert!((1.8e6..=2e6).contains(&shown), "{shown}");
        assert!(!prober.begin(1_240_000, 2e6, 5e6, 5.0), "not without a pause");
        assert!(prober.begin(2_000_000, 2e6, 5e6, 5.0));
        let shown = probe(&mut prober, 2_000_000, 2.4e6).unwrap_or_default();
        assert!((2e6..2.6e6).contains(&shown), "{shown}");
        assert!(!prober.begin(3_000_000, 2.2e6, 5e6, 5.0), "a failure is not repeated at once");
    }

    /// Sends a long cluster over a path of this rate on which every packet waits for up to 100 ms more.
    fn probe_jittery(prober: &mut Prober, from_us: u64, path_bps: f64, seed: u32) -> Option<f64> {
        let (mut now, mut free, mut newest, mut dice) = (from_us, 0.0f64, 0, seed);
        let mut packets = Vec::new();
        while prober.is_sending() {
            while prober.due(now) > 0 && prober.is_sending() {
                prober.note_sent(now, 300);
                free = free.max(now as f64) + 300.0 * 8e6 / path_bps;
                dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                newest = newest.max(free as i64 + 20_000 + i64::from(dice >> 8) % 100_000);
                packets.push((now, newest));
            }
            now += 5_000;
        }
        for (sent, arrival) in packets {
            prober.note_arrival(sent, arrival, 300);
        }
        prober.result(now + 300_000)
    }

    #[test]
    fn on_a_jittery_path_a_longer_cluster_tells_room_from_none() {
        for seed in 0..50 {
            let mut prober = Prober::default();
            assert!(prober.begin(1_000_000, 1e6, 5e6, 40.0));
            let shown = probe_jittery(&mut prober, 1_000_000, 1e8, seed).unwrap_or_default();
            assert!((1.2e6..=1.31e6).contains(&shown), "{shown}");
            let mut prober = Prober::default();
            assert!(prober.begin(1_000_000, 1e6, 5e6, 40.0));
            let shown = probe_jittery(&mut prober, 1_000_000, 1e6, seed).unwrap_or_default();
            assert!((0.8e6..1.15e6).contains(&shown), "{shown}");
            assert!(!prober.begin(3_000_000, 1e6, 5e6, 40.0), "a failure is not repeated at once");
        }
    }

    #[test]
    fn a_long_cluster_ends_when_the_path_is_full() {
        let mut prober = Prober::default();
        assert!(prober.begin(1_000_000, 1e6, 5e6, 40.0));
        prober.stop(1_100_000);
        assert!(!prober.is_sending() && !prober.begin(1_200_000, 1e6, 5e6, 40.0));
    }

    #[test]
    fn nobody_is_probed_for_what_nobody_wants() {
        let mut prober = Prober::default();
        assert!(!prober.begin(1_000_000, 1e6, 1e6, 5.0));
        assert_eq!(prober.due(1_000_000), 0);
    }
}
