//! One measured run: who publishes, who watches, for how long; and what came of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::flow::{Flow, Tally};
use crate::meter::{Xcal, process_cpu};
use crate::peer::{Identity, Peer};
use crate::swarm::Swarm;

/// How long everybody may take to connect and see everything.
const CONNECT: Duration = Duration::from_secs(60);
/// Traffic before the measured time.
const SETTLE: Duration = Duration::from_millis(1500);
/// How long the publishers' own cost is measured.
const PUBLISHERS_ALONE: Duration = Duration::from_secs(2);

/// Who is there.
#[derive(Clone, Debug)]
pub struct Cast {
    pub publishers: u16,
    /// Of each watcher: whom it watches.
    pub watchers: Vec<Vec<u16>>,
    pub bits_per_second: f64,
    /// One of so many packets is read by each watcher.
    pub sample: u64,
    pub workers: usize,
    /// So many rooms of this cast.
    pub rooms: u16,
}

/// What clients can join.
pub trait Server {
    fn pid(&self) -> u32;

    /// A publisher of sound and picture; it sends when the swarm publishes.
    ///
    /// # Errors
    /// The server's refusal.
    fn publish(&mut self, swarm: &Swarm, room: u16, number: u16, bits_per_second: f64) -> Result<(), String>;

    /// A watcher of these publishers' sound and picture; one of `sample` packets is read.
    ///
    /// # Errors
    /// The server's refusal.
    fn watch(&mut self, swarm: &Swarm, room: u16, publishers: &[u16], sample: u64) -> Result<(), String>;
}

impl Cast {
    /// One publisher, this many receivers.
    pub fn webinar(receivers: usize) -> Self {
        let watchers = vec![vec![0]; receivers];
        Self { publishers: 1, watchers, bits_per_second: 1.5e6, sample: 64, workers: 1, rooms: 1 }
    }

    /// Receivers of each packet.
    pub fn fan_out(&self) -> f64 {
        self.watchers.iter().map(Vec::len).sum::<usize>() as f64 / f64::from(self.publishers)
    }

    /// Everybody publishes and watches all others.
    pub fn conference(people: u16, bits_per_second: f64, workers: usize) -> Self {
        let others = |me| (0..people).filter(|other| *other != me).collect();
        let watchers = (0..people).map(others).collect();
        Self { publishers: people, watchers, bits_per_second, sample: 8, workers, rooms: 1 }
    }
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub us_per_packet: f64,
    pub xcal_us: f64,
    pub packets_per_second: f64,
    /// Processors that the server kept busy.
    pub load: f64,
    pub tally: Tally,
    /// Sent by publishers, times their receivers, less received; at the edges of the time a few are on their way.
    pub missing: i64,
    pub joins_ms: Vec<f64>,
    /// Server CPU from the first watcher's offer until the last sees everybody, for each watcher.
    pub cpu_per_join_ms: f64,
    /// Of that, what goes on beside the joins: the publishers' packets taken in, as before the first watcher, and what was
    /// sent to those who were in already, at the price that the run found.
    pub forwarding_per_join_ms: f64,
}

impl Figures {
    pub fn xcals(&self) -> f64 {
        self.us_per_packet / self.xcal_us
    }

    /// A quantile of the delays, in milliseconds.
    pub fn delay_ms(&self, quantile: f64) -> f64 {
        let mut delays = self.tally.delays.clone();
        delays.sort_unstable();
        let place = (delays.len() as f64 * quantile) as usize;
        delays.get(place.min(delays.len().saturating_sub(1))).map_or(f64::NAN, |delay| f64::from(*delay) / 1e6)
    }
}

/// Processors that a server keeps busy while only publishers are there.
fn publishers_load(pid: u32) -> f64 {
    let (before, start) = (process_cpu(pid), Instant::now());
    std::thread::sleep(PUBLISHERS_ALONE);
    process_cpu(pid).saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64()
}

/// Measures a server that the swarm is connected to.
pub fn measure(swarm: &Swarm, pid: u32, xcal: &Xcal, seconds: f64, fan_out: f64) -> Figures {
    std::thread::sleep(SETTLE);
    swarm.restart();
    let (mark, before) = (xcal.mark(), process_cpu(pid));
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let spent = (process_cpu(pid).saturating_sub(before)).as_secs_f64();
    let passed = start.elapsed().as_secs_f64();
    let report = swarm.report();
    let received = report.tally.received.max(1) as f64;
    Figures {
        us_per_packet: spent * 1e6 / received,
        xcal_us: xcal.since(mark),
        packets_per_second: received / passed,
        load: spent / passed,
        missing: (report.tally.sent as f64 * fan_out) as i64 - report.tally.received as i64,
        tally: report.tally,
        ..Figures::default()
    }
}

/// Lets everybody of a cast join and publish, until all see all.
///
/// # Errors
/// The server's refusal, or somebody does not connect or see everything.
pub fn connect(server: &mut dyn Server, swarm: &Swarm, cast: &Cast) -> Result<(), Box<dyn std::error::Error>> {
    publishers(server, swarm, cast)?;
    watchers(server, swarm, cast)
}

fn publishers(server: &mut dyn Server, swarm: &Swarm, cast: &Cast) -> Result<(), Box<dyn std::error::Error>> {
    for room in 0..cast.rooms {
        for number in 0..cast.publishers {
            server.publish(swarm, room, room * cast.publishers + number, cast.bits_per_second)?;
        }
    }
    if !swarm.wait(CONNECT, |report| report.connected == report.clients) {
        return Err("publishers do not connect".into());
    }
    swarm.publish();
    std::thread::sleep(Duration::from_millis(300));
    Ok(())
}

fn watchers(server: &mut dyn Server, swarm: &Swarm, cast: &Cast) -> Result<(), Box<dyn std::error::Error>> {
    for room in 0..cast.rooms {
        for publishers in &cast.watchers {
            let publishers: Vec<u16> = publishers.iter().map(|number| room * cast.publishers + number).collect();
            server.watch(swarm, room, &publishers, cast.sample)?;
        }
    }
    let streams = cast.watchers.iter().map(Vec::len).min().unwrap_or(0) * 2;
    let all = usize::from(cast.rooms) * (cast.watchers.len() + usize::from(cast.publishers));
    if !swarm.wait(CONNECT, |report| report.connected == all && report.streams >= streams) {
        let report = swarm.report();
        return Err(format!("{} of {all} connected, streams {} of {streams}", report.connected, report.streams).into());
    }
    Ok(())
}

/// Runs a cast against a server.
pub fn run(
    server: &mut dyn Server,
    cast: &Cast,
    xcal: &Xcal,
    seconds: f64,
) -> Result<Figures, Box<dyn std::error::Error>> {
    let swarm = Swarm::start();
    publishers(server, &swarm, cast)?;
    let receiving = publishers_load(server.pid());
    let (cpu, start) = (process_cpu(server.pid()), Instant::now());
    watchers(server, &swarm, cast)?;
    let (joining, passed) = (process_cpu(server.pid()).saturating_sub(cpu), start.elapsed());
    let forwarded = swarm.report().tally.received as f64;
    let mut figures = measure(&swarm, server.pid(), xcal, seconds, cast.fan_out());
    let watchers = (usize::from(cast.rooms) * cast.watchers.len()) as f64;
    figures.cpu_per_join_ms = joining.as_secs_f64() * 1e3 / watchers;
    let sending = (figures.load - receiving).max(0.0) / figures.packets_per_second;
    figures.forwarding_per_join_ms = (receiving * passed.as_secs_f64() + forwarded * sending) * 1e3 / watchers;
    figures.joins_ms = swarm.report().joins.iter().map(|join| *join as f64 / 1e6).collect();
    Ok(figures)
}

/// The floor's process; ended when dropped.
struct Floor(Child);

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a cast against the floor.
pub fn floor(
    cast: &Cast,
    identity: &Arc<Identity>,
    xcal: &Xcal,
    seconds: f64,
    with_gso: bool,
) -> Result<Figures, Box<dyn std::error::Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(if with_gso { "floor-gso" } else { "floor" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut port = String::new();
    BufReader::new(child.stdout.as_mut().ok_or("a pipe")?).read_line(&mut port)?;
    let server = std::net::SocketAddr::from(([127, 0, 0, 1], port.trim().parse()?));
    let pid = child.id();
    let publisher = |number| Peer::fixed(identity, Flow::publisher(number, cast.bits_per_second), server);
    let publishers = (0..cast.publishers).map(publisher).collect::<Result<Vec<_>, _>>()?;
    let watcher = |_: &_| Peer::fixed(identity, Flow::watcher(cast.sample), server);
    let watchers = cast.watchers.iter().map(watcher).collect::<Result<Vec<_>, _>>()?;
    let mut stdin = child.stdin.take().ok_or("a pipe")?;
    let floor = Floor(child);
    for publisher in &publishers {
        let mine =
            cast.watchers.iter().zip(&watchers).filter(|(watched, _)| watched.contains(&publisher.flow.publisher));
        let ports: Vec<String> = mine.map(|(_, watcher)| watcher.port.address().port().to_string()).collect();
        writeln!(stdin, "{}:{}", publisher.port.address().port(), ports.join(","))?;
    }
    writeln!(stdin)?;
    let swarm = Swarm::start();
    for peer in publishers.into_iter().chain(watchers) {
        peer.port.stamp();
        swarm.add(peer, None);
    }
    swarm.publish();
    let figures = measure(&swarm, pid, xcal, seconds, cast.fan_out());
    drop(floor);
    Ok(figures)
}
