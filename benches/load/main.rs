//! The load generator: many clients in one process against the real hub, against the floor, and against Janus when it is
//! installed. `make bench` prints the table; `docs/performance.md` says how to read it.
//!
//! Server CPU is that of the server's process, per RTP packet that a client received; also in xcal (`meter`). Words name
//! the parts to run (`webinar conference storm thirty receivers rooms source memory`); `LOAD_SECONDS` is how long each is measured.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod added;
mod driver;
mod floor;
mod flow;
mod hub;
mod ice;
mod janus;
mod memory;
mod meter;
mod net;
mod peer;
mod scenario;
mod sdp;
mod storm;
mod swarm;
mod table;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use driver::Driver;
use hub::Hub;
use janus::Janus;
use meter::Xcal;
use peer::Identity;
use scenario::{Cast, Figures};
use table::Table;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

type Run = Result<Figures, Box<dyn std::error::Error>>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.first().map(String::as_str) {
        Some("floor") => floor::run(false),
        Some("floor-gso") => floor::run(true),
        Some("driver") => driver::serve(words.get(1).and_then(|workers| workers.parse().ok()).unwrap_or(1)),
        _ => Bench::new().run(&words),
    }
}

struct Bench {
    seconds: f64,
    identity: Arc<Identity>,
    xcal: Xcal,
    table: Table,
}

impl Bench {
    fn new() -> Self {
        let seconds = std::env::var("LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5.0);
        Self { seconds, identity: Arc::new(Identity::new()), xcal: Xcal::start(), table: Table::default() }
    }

    fn run(mut self, words: &[String]) {
        let wants = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
        if wants("webinar") {
            self.webinar();
        }
        if wants("conference") {
            self.conference();
        }
        if wants("storm") {
            self.storm();
        }
        if wants("thirty") {
            self.thirty();
        }
        if wants("receivers") {
            self.receivers();
        }
        if wants("rooms") {
            self.rooms();
        }
        if wants("source") {
            self.source();
        }
        if wants("memory") {
            self.memory();
        }
        if !self.table.print() {
            println!("\nSome targets are missed.");
        }
    }

    /// Floor, hub and Janus on one cast. `most`: floors.
    fn compare(&mut self, name: &str, cast: &Cast, most: f64, most_of_janus: Option<(f64, f64)>) -> Option<Figures> {
        let floor = match scenario::floor(cast, &self.identity, &self.xcal, self.seconds, false) {
            Ok(floor) => floor,
            Err(error) => {
                self.table.fail(format!("{name}: the floor"), error);
                return None;
            }
        };
        self.table.note(format!("{name}: floor"), cost(&floor));
        let with_gso = scenario::floor(cast, &self.identity, &self.xcal, self.seconds, true);
        if let Ok(with_gso) = &with_gso {
            self.table.note(format!("{name}: floor with GSO"), cost(with_gso));
        }
        let figures = match self.hub(cast, LOOPBACK) {
            Ok(figures) => figures,
            Err(error) => {
                self.table.fail(name, error);
                return None;
            }
        };
        let floors = figures.xcals() / floor.xcals();
        let of_gso = with_gso.map_or(f64::NAN, |with_gso| figures.xcals() / with_gso.xcals());
        let target = if most < 1.4 { "1.3 floors" } else { "1.5 floors" };
        let result = format!("{}; {floors:.2} floors ({of_gso:.2} of that with GSO)", cost(&figures));
        self.table.check(format!("{name}: CPU per packet"), result, target, floors <= most);
        self.table.check(format!("{name}: loss"), received(&figures), "none", is_whole(&figures));
        self.as_browsers_do(name, cast, &floor, most);
        self.beside_janus(name, cast, most_of_janus);
        Some(figures)
    }

    /// The hub once more, with watchers that give transport-wide feedback: then it estimates, paces and probes for each.
    fn as_browsers_do(&mut self, name: &str, cast: &Cast, floor: &Figures, most: f64) {
        let run = Hub::start(cast.workers, LOOPBACK, self.identity.clone()).and_then(|mut hub| {
            hub.with_feedback = true;
            scenario::run(&mut hub, cast, &self.xcal, self.seconds)
        });
        let measure = format!("{name}: with feedback, as browsers give it");
        match run {
            Ok(figures) => {
                let floors = figures.xcals() / floor.xcals();
                let others = figures.tally.others as f64 / figures.tally.received as f64 * 100.0;
                let result = format!(
                    "{}; {floors:.2} floors; {}, and {others:.1} % padding; delay {:.2} and {:.2} ms",
                    cost(&figures),
                    received(&figures),
                    figures.delay_ms(0.5),
                    figures.delay_ms(0.99)
                );
                let target = if most < 1.4 { "1.3 floors, no loss" } else { "1.5 floors, no loss" };
                self.table.check(measure, result, target, floors <= most && is_whole(&figures));
            }
            Err(error) => self.table.fail(measure, error),
        }
    }

    /// Janus on the same cast, as shipped and tuned, and the hub once more on Janus's address, which is not loopback's:
    /// the two are to pay the same for the way. `most`: of Janus's cost, what the hub may take of each; `None`: nothing
    /// is asked.
    fn beside_janus(&mut self, name: &str, cast: &Cast, most: Option<(f64, f64)>) {
        if !janus::is_installed() {
            self.table.note(format!("{name}: Janus"), "not measured: Janus is not installed");
            return;
        }
        let runs = [(0, "as shipped", most.map(|most| most.0)), (2, "with event_loops = 2", most.map(|most| most.1))];
        for (event_loops, called, most) in runs {
            let measure = format!("{name}: Janus {called}");
            let both = self.janus(cast, event_loops).and_then(|(janus, ip)| Ok((janus, self.hub(cast, ip)?)));
            let (janus, hub) = match both {
                Ok(both) => both,
                Err(error) => {
                    self.table.fail(measure, error);
                    continue;
                }
            };
            let times = janus.xcals() / hub.xcals();
            let whole = if is_whole(&janus) { "whole" } else { "NOT WHOLE" };
            // An xcal is a little cheaper while Janus runs, which lets the processors rest less: both are said.
            let in_time = janus.us_per_packet / hub.us_per_packet;
            let result = format!(
                "{}; the hub beside it {:.2} us, {:.2} xcal: 1/{times:.1} in xcal, 1/{in_time:.1} in us; Janus: {}: {whole}; delay {:.2} and {:.2} ms",
                cost(&janus),
                hub.us_per_packet,
                hub.xcals(),
                received(&janus),
                janus.delay_ms(0.5),
                janus.delay_ms(0.99)
            );
            let Some(most) = most else {
                self.table.note(measure, result);
                continue;
            };
            let target = match (1.0 / most).round() as u32 {
                8 => "1/8",
                5 => "1/5",
                4 => "1/4",
                _ => "1/3",
            };
            self.table.check(measure, result, target, 1.0 / times <= most);
        }
    }

    fn hub(&self, cast: &Cast, ip: IpAddr) -> Run {
        let mut hub = Hub::start(cast.workers, ip, self.identity.clone())?;
        scenario::run(&mut hub, cast, &self.xcal, self.seconds)
    }

    /// Also on which address.
    fn janus(&self, cast: &Cast, event_loops: usize) -> Result<(Figures, IpAddr), Box<dyn std::error::Error>> {
        let mut janus = Janus::start(event_loops, self.identity.clone())?;
        Ok((scenario::run(&mut janus, cast, &self.xcal, self.seconds)?, janus.address()))
    }

    fn webinar(&mut self) {
        let name = "webinar 1 to 100";
        let Some(figures) = self.compare(name, &Cast::webinar(100), 1.3, Some((1.0 / 8.0, 1.0 / 4.0))) else {
            return;
        };
        let joins = figures.joins_ms.clone();
        let (median, slow) = (quantile(&joins, 0.5), quantile(&joins, 0.95));
        let result = format!("{median:.1} ms, 95 % within {slow:.1} ms");
        self.table.check("join: offer posted to first media packet", result, "60 ms", slow < 60.0);
        self.join_cpu(name, &figures);
    }

    fn join_cpu(&mut self, name: &str, figures: &Figures) {
        let own = figures.cpu_per_join_ms - figures.forwarding_per_join_ms;
        let result = format!("{own:.2} ms, and {:.2} ms of other traffic meanwhile", figures.forwarding_per_join_ms);
        self.table.check(format!("{name}: CPU of a join"), result, "3 ms", (0.0..3.0).contains(&own));
    }

    fn conference(&mut self) {
        let cast = Cast::conference(10, 1.5e6, 1);
        let Some(figures) = self.compare("conference 10 by 10", &cast, 1.3, Some((1.0 / 5.0, 1.0 / 3.0))) else {
            return;
        };
        let (median, slow) = (figures.delay_ms(0.5), figures.delay_ms(0.99));
        let is_met = median < 0.3 && slow < 1.5;
        let result = format!("p50 {median:.2} ms, p99 {slow:.2} ms");
        self.table.check("delay added, 10 by 10", result, "0.3 and 1.5 ms", is_met);
        self.join_cpu("conference 10 by 10", &figures);
    }

    /// MD-20: one of ten receivers sends a thousand RTCP packets a second.
    fn storm(&mut self) {
        let name = "1,000 RTCP packets/s of one receiver, 10 by 10: CPU beside the same room in calm";
        let cast = Cast::conference(10, 1.5e6, 1);
        let run = Hub::start(cast.workers, LOOPBACK, self.identity.clone()).and_then(|mut hub| {
            hub.with_feedback = true;
            storm::run(&mut hub, &cast, &self.xcal, self.seconds)
        });
        match run {
            Ok(cost) => {
                let (calm, storm) = (&cost.calm, &cost.storm);
                let extra = cost.extra_load() * 100.0;
                let result = format!(
                    "{extra:+.1} % of a core, {:.1} xcal for each of {:.0} a second; the room {:.2} xcal per packet in calm, {:.2} in storm; {} sent again or padding, {} in calm; {}",
                    cost.xcals(),
                    cost.pace,
                    calm.xcals(),
                    storm.xcals(),
                    storm.tally.others,
                    calm.tally.others,
                    received(storm)
                );
                self.table.check(name, result, "10 % of a core, no loss", extra < 10.0 && is_whole(storm));
            }
            Err(error) => self.table.fail(name, error),
        }
    }

    fn thirty(&mut self) {
        let cast = Cast::conference(30, 150e3, 2);
        self.compare("30 by 30 at 150 kbit/s, two workers", &cast, 1.5, None);
    }

    fn receivers(&mut self) {
        let casts = [10, 100, 300, 1000].map(|receivers| {
            let cast = Cast { bits_per_second: 0.5e6, sample: 1024, ..Cast::webinar(receivers) };
            (format!("1 to {receivers} receivers"), cast)
        });
        self.growth("growth, 10 to 1,000 receivers", &casts);
    }

    fn rooms(&mut self) {
        let casts = [1, 10, 100, 300].map(|rooms| {
            let cast = Cast { bits_per_second: 0.5e6, rooms, ..Cast::webinar(4) };
            (format!("{rooms} rooms of 1 to 4"), cast)
        });
        self.growth("growth, 1 to 300 rooms", &casts);
    }

    fn growth(&mut self, name: &str, casts: &[(String, Cast)]) {
        let mut costs = Vec::new();
        for (size, cast) in casts {
            let run = Driver::start(cast.workers, self.identity.clone())
                .map_err(Into::into)
                .and_then(|mut driver| scenario::run(&mut driver, cast, &self.xcal, self.seconds));
            match run {
                Ok(figures) => {
                    let result = format!("{}, {} lost, load {:.2}", cost(&figures), figures.tally.lost, figures.load);
                    self.table.note(format!("growth: {size}"), result);
                    costs.push(figures.xcals());
                }
                Err(error) => self.table.fail(format!("growth: {size}"), error),
            }
        }
        let (Some(first), Some(most)) = (costs.first(), costs.iter().copied().reduce(f64::max)) else { return };
        let result = format!("{:.2} to {most:.2} xcal from the smallest to the dearest", first);
        self.table.check(name, result, "flat within 20 %", most <= first * 1.2);
    }

    fn memory(&mut self) {
        for (name, with_feedback) in
            [("memory per watching receiver", false), ("memory per watching receiver that gives feedback", true)]
        {
            self.memory_of(name, with_feedback);
        }
    }

    fn memory_of(&mut self, name: &str, with_feedback: bool) {
        let run = Hub::start(1, LOOPBACK, self.identity.clone()).and_then(|mut hub| {
            hub.with_feedback = with_feedback;
            memory::run(&mut hub)
        });
        match run {
            Ok(memory) => {
                let (more, each) = (memory.of_one_more() / 1e3, memory.of_each() / 1e3);
                let [before, half, all] = [memory.before, memory.half, memory.all].map(|bytes| bytes / 1e6);
                let result = format!(
                    "{more:.1} KB; {before:.1} MB without, {half:.1} MB with {}, {all:.1} MB with {} ({each:.1} KB each)",
                    memory::HALF,
                    2 * memory::HALF
                );
                self.table.check(name, result, "40 KB", more < 40.0);
            }
            Err(error) => self.table.fail(name, error),
        }
    }

    fn source(&mut self) {
        let added =
            Hub::start(1, LOOPBACK, self.identity.clone()).and_then(|mut hub| added::run(&mut hub, 200, &self.xcal));
        match added {
            Ok(added) => {
                let cpu = added.cpu_ms_per_receiver;
                let result = format!("{cpu:.3} ms for each, all see it after {:.0} ms", added.all_see_ms);
                self.table.check("one more source in a room of 200", result, "0.1 ms per receiver", cpu < 0.1);
            }
            Err(error) => self.table.fail("one more source in a room of 200", error),
        }
    }
}

/// Nothing lost, nothing wrong, and as much received as was sent (but for what is on its way at the edges).
fn is_whole(figures: &Figures) -> bool {
    let tally = &figures.tally;
    let on_its_way = tally.received as i64 / 100;
    tally.lost == 0 && tally.wrong == 0 && figures.missing.abs() <= on_its_way
}

fn received(figures: &Figures) -> String {
    let tally = &figures.tally;
    format!(
        "{} received, {} lost, {} out of order, {} of {} samples wrong",
        tally.received, tally.lost, tally.disordered, tally.wrong, tally.sampled
    )
}

fn cost(figures: &Figures) -> String {
    let rate = figures.packets_per_second / 1e3;
    format!("{:.2} us, {:.2} xcal at {rate:.0}k packets/s", figures.us_per_packet, figures.xcals())
}

fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * quantile) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
