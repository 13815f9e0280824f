//! What one more watcher takes: how far the hub's memory rises from 300 of them to 600. The first 300 also pay for what is kept
//! once (connections to the store, prepared statements, the source's cache), and hide in what was freed while the hub started.

use std::time::Duration;

use crate::meter::resident_bytes;
use crate::scenario::Server;
use crate::swarm::Swarm;

/// Watchers before the first reading, and as many again.
pub const HALF: u16 = 300;
/// Until every history for retransmissions has its size.
const SETTLE: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(90);

/// Resident bytes with a publisher alone, with half of the watchers and with all.
pub struct Memory {
    pub before: f64,
    pub half: f64,
    pub all: f64,
}

impl Memory {
    pub fn of_one_more(&self) -> f64 {
        (self.all - self.half) / f64::from(HALF)
    }

    pub fn of_each(&self) -> f64 {
        (self.all - self.before) / f64::from(2 * HALF)
    }
}

/// One publisher at 1.5 Mbit/s, sound and picture.
pub fn run(server: &mut dyn Server) -> Result<Memory, Box<dyn std::error::Error>> {
    let swarm = Swarm::start();
    server.publish(&swarm, 0, 0, 1.5e6)?;
    if !swarm.wait(CONNECT, |report| report.connected == 1) {
        return Err("the publisher does not connect".into());
    }
    swarm.publish();
    let weigh = |server: &dyn Server| {
        std::thread::sleep(SETTLE);
        resident_bytes(server.pid()) as f64
    };
    let before = weigh(server);
    let mut weights = [0.0; 2];
    for (turn, weight) in weights.iter_mut().enumerate() {
        for _ in 0..HALF {
            server.watch(&swarm, 0, &[0], 1024)?;
        }
        let all = (turn + 1) * usize::from(HALF) + 1;
        if !swarm.wait(CONNECT, |report| report.connected == all && report.streams == 2) {
            return Err(format!("{} of {all} are connected", swarm.report().connected).into());
        }
        *weight = weigh(server);
    }
    let [half, all] = weights;
    Ok(Memory { before, half, all })
}
