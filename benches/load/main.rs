//! The load generator: many clients in one process against the real hub, against the floor, and against Janus when it is
//! installed. `make bench` prints the table; `docs/performance.md` says how to read it.
//!
//! Server CPU is that of the server's process, per RTP packet that a client received; also in xcal (`meter`).
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod floor;
mod flow;
mod hub;
mod meter;
mod net;
mod peer;
mod scenario;
mod swarm;

use std::sync::Arc;

use meter::Xcal;
use peer::Identity;
use scenario::{Cast, Figures};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.first().map(String::as_str) {
        Some("floor") => floor::run(false),
        Some("floor-gso") => floor::run(true),
        _ => run(&words),
    }
}

fn run(words: &[String]) {
    let seconds = std::env::var("LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5.0);
    let identity = Arc::new(Identity::new());
    let xcal = Xcal::start();
    let wants = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let casts = [
        Cast::webinar("webinar", 100),
        Cast::conference("conference", 10, 1.5e6, 1),
        Cast::conference("thirty", 30, 150e3, 2),
    ];
    for cast in casts.iter().filter(|cast| wants(cast.name)) {
        print(cast.name, "floor", scenario::floor(cast, &identity, &xcal, seconds, false));
        print(cast.name, "floor+gso", scenario::floor(cast, &identity, &xcal, seconds, true));
        print(cast.name, "kafedra", scenario::hub(cast, &identity, &xcal, seconds));
    }
}

fn print(name: &str, server: &str, figures: Result<Figures, Box<dyn std::error::Error>>) {
    match figures {
        Err(error) => println!("{name:12} {server:10} {error}"),
        Ok(figures) => {
            let median = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
            };
            println!(
                "{name:12} {server:10} {:6.2} us {:5.2} xcal ({:.2} us)  {:7.0} pkt/s load {:.2}  delay {:.2}/{:.2} ms  lost {} disordered {} wrong {}/{} missing {}  join {:.1} ms, cpu {:.2} ms, {:.0} KB",
                figures.us_per_packet,
                figures.xcals(),
                figures.xcal_us,
                figures.packets_per_second,
                figures.load,
                figures.delay_ms(0.5),
                figures.delay_ms(0.99),
                figures.tally.lost,
                figures.tally.disordered,
                figures.tally.wrong,
                figures.tally.sampled,
                figures.missing,
                median(figures.joins_ms.clone()),
                figures.cpu_per_join_ms,
                figures.bytes_per_watcher / 1024.0,
            );
        }
    }
}
