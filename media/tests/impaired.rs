//! The core on bad lines: what a receiver sees and hears, measured in virtual time (SAFETY MD-13, MD-14, MD-20).

mod sim;

use std::time::{Duration, Instant};

use media::model::SourceKind;

use crate::netem::Path;
use sim::{SIMULCAST, Sim};

const SECOND: Duration = Duration::from_secs(1);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Prints what happened, for whoever asks with `--nocapture`.
fn trace(name: &str, sim: &Sim, start: Instant) {
    println!("{name}");
    for (second, (bps, queue)) in sim.seconds.iter().enumerate() {
        let from = start + seconds(second as u64);
        let shares: Vec<String> =
            (0..3).map(|layer| format!("{:.2}", sim.screen("1").share(from, from + SECOND, layer))).collect();
        println!(
            "{second:3} s estimate {:5.0} loss {:.2} {:?} sent {:5.0} kbit/s queue {:4} ms layers {} heard {:.3}",
            sim.views[second].estimate_bps.unwrap_or(0.0) / 1000.0,
            sim.views[second].fraction_lost,
            sim.views[second].slots[1].reason,
            bps / 1000.0,
            queue.as_millis(),
            shares.join(" "),
            sim.receivers[0].heard_share(from, from + SECOND)
        );
    }
    let asked: Vec<usize> =
        sim.publishers.iter().flat_map(|one| one.layers.iter().map(|layer| layer.asked.len())).collect();
    println!(
        "key frames asked {asked:?}, padding {}, counters {:?}",
        sim.receivers[0].padding,
        sim.world.sfu.load().counters
    );
}

/// Twenty seconds on a path: least part of the voice heard, most time frozen, least part in the top layer at the end.
fn check(name: &str, path: Path, least_heard: f64, most_frozen: Duration, least_top: f64) {
    let mut sim = Sim::one_to_one(path);
    let start = sim.now();
    sim.run(seconds(20));
    trace(name, &sim, start);
    let end = sim.now();
    let heard = sim.receivers[0].heard_share(start, end);
    assert!(heard >= least_heard, "{name}: {heard:.4} of the voice heard");
    let frozen = sim.screen("1").frozen(start + seconds(2), end);
    assert!(frozen <= most_frozen, "{name}: frozen {frozen:?}");
    let top = sim.screen("1").share(end - seconds(5), end, 2);
    assert!(top >= least_top, "{name}: {top:.2} in the top layer");
    assert!(
        sim.publishers[0].closest_requests() >= Duration::from_millis(490),
        "{name}: key frames are asked for in a storm"
    );
}

#[test]
fn one_percent_loss_is_not_seen() {
    check("loss 1 %", Path { loss: 0.01, ..Path::default() }, 0.999, Duration::ZERO, 0.95);
}

#[test]
fn five_percent_loss_is_hardly_seen() {
    check("loss 5 %", Path { loss: 0.05, ..Path::default() }, 0.99, seconds(1), 0.9);
}

#[test]
fn twenty_percent_loss_leaves_the_voice_whole_and_the_picture_moving() {
    check("loss 20 %", Path { loss: 0.2, ..Path::default() }, 0.97, seconds(4), 0.0);
}

#[test]
fn bursts_of_loss_are_repaired() {
    check("loss 10 % in bursts of 5", Path { loss: 0.1, burst: 5.0, ..Path::default() }, 0.93, seconds(3), 0.0);
}

#[test]
fn jitter_is_taken_for_no_queue() {
    let path = Path { jitter: Duration::from_millis(100), ..Path::default() };
    // Clusters of some milliseconds say nothing on such a path, so the top layer is not reached.
    check("jitter 100 ms", path, 0.999, seconds(1), 0.0);
}

#[test]
fn reordering_and_duplicates_are_not_seen() {
    let path = Path { reorder: 0.05, duplicate: 0.02, ..Path::default() };
    check("reordering 5 %, duplicates 2 %", path, 0.999, seconds(1), 0.9);
}

#[test]
fn a_line_that_shrinks_to_a_tenth_keeps_the_voice_and_gets_its_picture_back() {
    let wide = Path { rate: Some(3_000_000), queue: Duration::from_millis(600), ..Path::default() };
    let narrow = Path { rate: Some(300_000), ..wide.clone() };
    let mut sim = Sim::one_to_one(wide.clone());
    let start = sim.now();
    sim.run(seconds(15));
    sim.receivers[0].down.path = narrow;
    let shrunk = sim.now();
    sim.run(seconds(20));
    sim.receivers[0].down.path = wide;
    let grown = sim.now();
    sim.run(seconds(30));
    trace("3 Mbit/s, 300 kbit/s, 3 Mbit/s", &sim, start);
    let end = sim.now();

    assert!(sim.screen("1").share(start + seconds(5), shrunk, 2) > 0.95, "the top layer while there is room");
    for (second, (bps, queue)) in sim.seconds.iter().enumerate().take(35).skip(20) {
        assert!(*bps <= 330_000.0, "second {second}: {bps} bit/s");
        assert!(*queue < Duration::from_millis(500), "second {second}: {queue:?}");
    }
    let heard = sim.receivers[0].heard_share(shrunk + seconds(5), grown);
    assert!(heard > 0.97, "{heard}");
    let frozen = sim.screen("1").frozen(shrunk + seconds(5), grown);
    assert!(frozen < seconds(2), "frozen {frozen:?} at 300 kbit/s");
    let back = sim.screen("1").first(grown, 2).map(|at| at - grown);
    assert!(back.is_some_and(|back| back < seconds(20)), "the top layer is back after {back:?}");
    assert!(sim.screen("1").share(end - seconds(5), end, 2) > 0.9);
    assert!(sim.publishers[0].closest_requests() >= Duration::from_millis(490));
}

#[test]
fn a_thin_line_is_not_overrun_at_the_start() {
    let path = Path { rate: Some(300_000), queue: Duration::from_millis(600), ..Path::default() };
    let mut sim = Sim::one_to_one(path);
    let start = sim.now();
    sim.run(seconds(20));
    trace("300 kbit/s from the start", &sim, start);
    let end = sim.now();
    assert!(sim.receivers[0].heard_share(start + seconds(3), end) > 0.97);
    assert!(sim.screen("1").frozen(start + seconds(5), end) < seconds(2));
    assert!(sim.seconds[5..].iter().all(|(_, queue)| *queue < Duration::from_millis(500)));
}

#[test]
fn of_many_pictures_the_screen_comes_first_and_the_last_cameras_wait() {
    let mut sim = Sim::new();
    sim.publish(1, SourceKind::Screen, &[("", 1080, 400_000.0)]);
    for key in 2..=6 {
        sim.publish(key, SourceKind::Camera, &SIMULCAST);
    }
    sim.watch(50, 6, Path { rate: Some(1_000_000), ..Path::default() });
    sim.wish(0, &[(2, 360), (3, 180), (4, 180), (5, 180), (6, 180), (1, 1080)]);
    let start = sim.now();
    sim.run(seconds(20));
    let end = sim.now();
    let shown: Vec<usize> = (1..=6)
        .map(|mid: u8| {
            let screen = sim.screen(&mid.to_string());
            screen.shown.iter().filter(|(at, _)| *at > end - seconds(5)).count()
        })
        .collect();
    trace("1 Mbit/s for a screen and five cameras", &sim, start);
    println!("{shown:?}");
    assert!(shown[5] > 140, "the screen moves: {shown:?}");
    assert!(shown[0] > 140, "so does the largest tile: {shown:?}");
    assert!(shown[..5].contains(&0), "somebody waits: {shown:?}");
    assert!(sim.receivers[0].heard_share(start + seconds(5), end) > 0.99);
    assert!(sim.seconds[8..].iter().all(|(_, queue)| *queue < Duration::from_millis(500)), "{:?}", sim.seconds);
}

#[test]
fn layers_that_nobody_watches_are_stopped_and_come_back_when_they_are_wanted() {
    let mut sim = Sim::one_to_one(Path::default());
    sim.run(seconds(3));
    sim.wish(0, &[(1, 180)]);
    sim.run(seconds(4));
    assert!(sim.publishers[0].told.is_empty(), "who switches back within seconds makes nothing flap");
    sim.run(seconds(3));
    let rids = |sim: &Sim| sim.publishers[0].told.last().map(|(_, rids, _)| rids.join(" "));
    assert_eq!(rids(&sim).as_deref(), Some("q"));
    sim.run(seconds(5));
    sim.wish(0, &[(1, 720)]);
    let asked = sim.now();
    sim.run(seconds(3));
    assert_eq!(rids(&sim).as_deref(), Some("q h f"));
    let back = sim.screen("1").first(asked, 2).map(|at| at - asked);
    assert!(back.is_some_and(|back| back < SECOND), "{back:?}");

    // Hidden, it costs nothing, and after a while not even the publisher.
    sim.wish(0, &[(1, 0)]);
    let hidden = sim.now();
    sim.run(seconds(10));
    let after = sim.screen("1").shown.iter().filter(|(at, _)| *at > hidden + Duration::from_millis(100)).count();
    assert_eq!(after, 0);
    assert!(sim.publishers[0].told.last().is_some_and(|(_, rids, is_watched)| rids.is_empty() && !is_watched));
    sim.wish(0, &[(1, 720)]);
    let asked = sim.now();
    sim.run(seconds(3));
    let back = sim.screen("1").first(asked, 2).map(|at| at - asked);
    assert!(back.is_some_and(|back| back < SECOND), "{back:?}");
    assert_eq!(sim.publishers[0].told.len(), 4, "{:?}", sim.publishers[0].told);
}

#[test]
fn a_storm_of_requests_from_one_receiver_reaches_the_publisher_twice_a_second() {
    let mut sim = Sim::one_to_one(Path::default());
    sim.receivers[0].storm = true;
    sim.run(seconds(10));
    let asked: usize = sim.publishers[0].layers.iter().map(|layer| layer.asked.len()).max().unwrap_or(0);
    assert!((15..=21).contains(&asked), "{asked}");
    assert!(sim.publishers[0].closest_requests() >= Duration::from_millis(490));
}
