//! What watchers take: how far the hub's memory rises with 600 of them, what it then keeps once (connections to the store,
//! prepared statements, the source's cache) included. Fewer would hide in what was freed while the hub started.

use std::time::Duration;

use crate::meter::resident_bytes;
use crate::scenario::Server;
use crate::swarm::Swarm;

pub const WATCHERS: u16 = 600;
/// Until every history for retransmissions has its size.
const SETTLE: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(90);

/// Resident bytes with a publisher alone, and with all watchers.
pub struct Memory {
    pub before: f64,
    pub after: f64,
}

impl Memory {
    pub fn per_watcher(&self) -> f64 {
        (self.after - self.before) / f64::from(WATCHERS)
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
    std::thread::sleep(SETTLE);
    let before = resident_bytes(server.pid()) as f64;
    for _ in 0..WATCHERS {
        server.watch(&swarm, 0, &[0], 1024)?;
    }
    let all = usize::from(WATCHERS) + 1;
    if !swarm.wait(CONNECT, |report| report.connected == all && report.streams == 2) {
        return Err(format!("{} of {all} are connected", swarm.report().connected).into());
    }
    std::thread::sleep(SETTLE);
    Ok(Memory { before, after: resident_bytes(server.pid()) as f64 })
}
