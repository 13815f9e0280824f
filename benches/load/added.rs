//! One more source in a full room: what it costs each receiver until its slot carries it, without renegotiation.

use std::time::{Duration, Instant};

use crate::meter::{Xcal, process_cpu};
use crate::scenario::{Cast, Server, measure};
use crate::swarm::Swarm;

const PATIENCE: Duration = Duration::from_secs(60);

/// What one source costs.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// Server CPU for each receiver, less what its packets cost.
    pub cpu_ms_per_receiver: f64,
    /// From the publisher's offer until the last receiver has picture and sound.
    pub all_see_ms: f64,
}

/// Receivers sit there with an empty slot; the source that they wish for comes.
///
/// # Errors
/// The server's refusal, or nobody sees it.
pub fn run(server: &mut dyn Server, receivers: usize, xcal: &Xcal) -> Result<Added, Box<dyn std::error::Error>> {
    let cast = Cast::webinar(receivers);
    let swarm = Swarm::start();
    for _ in 0..receivers {
        server.watch(&swarm, 0, &[0], cast.sample)?;
    }
    if !swarm.wait(PATIENCE, |report| report.connected == receivers) {
        return Err("receivers do not connect".into());
    }
    std::thread::sleep(Duration::from_secs(1));
    swarm.publish();
    let (cpu, start) = (process_cpu(server.pid()), Instant::now());
    server.publish(&swarm, 0, 0, cast.bits_per_second)?;
    if !swarm.wait(PATIENCE, |report| report.streams >= 2) {
        return Err("the source does not reach everybody".into());
    }
    let (spent, passed) = (process_cpu(server.pid()).saturating_sub(cpu), start.elapsed());
    let packets = swarm.report().tally.received as f64;
    let steady = measure(&swarm, server.pid(), xcal, 2.0, receivers as f64);
    let forwarding = packets * steady.us_per_packet / 1e3;
    Ok(Added {
        cpu_ms_per_receiver: (spent.as_secs_f64() * 1e3 - forwarding).max(0.0) / receivers as f64,
        all_see_ms: passed.as_secs_f64() * 1e3,
    })
}
