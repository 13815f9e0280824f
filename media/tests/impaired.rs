//! The core on bad lines: what a receiver sees and hears, measured in virtual time (SAFETY MD-13, MD-14, MD-20).

mod sim;

use std::time::{Duration, Instant};

use media::model::{SfuEvent, SourceKind};
use media::stats::LayerReport;

use crate::netem::Path;
use crate::pair::ROOM;
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

/// Loss on the publisher's line: the hub asks for what it lacks, and the publisher repairs it as browsers do.
fn check_up(name: &str, loss: f64, least_heard: f64, most_frozen: Duration) {
    let mut sim = Sim::one_to_one(Path::default());
    sim.publishers[0].up.path.loss = loss;
    let start = sim.now();
    sim.run(seconds(20));
    trace(name, &sim, start);
    let end = sim.now();
    let heard = sim.receivers[0].heard_share(start, end);
    assert!(heard >= least_heard, "{name}: {heard:.4} of the voice heard");
    let frozen = sim.screen("1").frozen(start + seconds(2), end);
    assert!(frozen <= most_frozen, "{name}: frozen {frozen:?}");
    let report = sim.world.sfu.report(end, ROOM).expect("the room is open");
    let layers: &[LayerReport] = &report.transports[0].sources[0].layers;
    let lost: f64 = layers.iter().map(|layer| layer.lost as f64).sum();
    let packets: f64 = layers.iter().map(|layer| layer.packets as f64).sum();
    println!("{name}: {lost} of {packets} never came, {} repairs", sim.publishers[0].repaired());
    assert!(lost / packets < loss / 20.0, "{name}: {lost} of {packets} never came");
    assert!(f64::from(sim.publishers[0].repaired()) > packets * loss * 0.8, "{name}: by repairs");
    assert!(sim.publishers[0].closest_requests() >= Duration::from_millis(490), "{name}");
    let requests = sim.publishers[0].requests.len();
    assert!(requests <= 5, "{name}: key frames are asked for {requests} times");
}

#[test]
fn five_percent_loss_on_the_publishers_line_is_repaired() {
    check_up("loss 5 % to the hub", 0.05, 0.99, Duration::ZERO);
}

#[test]
fn twenty_percent_loss_on_the_publishers_line_leaves_the_voice_whole_and_the_picture_moving() {
    check_up("loss 20 % to the hub", 0.2, 0.97, SECOND);
}

#[test]
fn forty_percent_loss_ends_no_call_and_is_over_when_it_is_over() {
    let clean = Path::default();
    let mut sim = Sim::one_to_one(clean.clone());
    sim.run(seconds(10));
    let lossy = sim.now();
    let both = |sim: &mut Sim, path: &Path| {
        sim.receivers[0].down.path = path.clone();
        sim.receivers[0].up.path = path.clone();
    };
    both(&mut sim, &Path { loss: 0.4, ..Path::default() });
    sim.run(seconds(20));
    let over = sim.now();
    both(&mut sim, &clean);
    sim.run(seconds(25));
    trace("loss 40 % both ways from 10 s to 30 s", &sim, lossy);
    let end = sim.now();
    assert!(!sim.world.events.iter().any(|event| matches!(event, SfuEvent::Disconnected { .. })));
    let heard = sim.receivers[0].heard_share(lossy, over);
    assert!(heard >= 0.85, "{heard:.4} of the voice heard");
    let shown = sim.screen("1").shown.iter().filter(|(at, _)| *at > lossy && *at < over).count();
    assert!(shown > 60, "{shown} pictures in 20 s");
    let after = over + seconds(5);
    assert!(sim.receivers[0].heard_share(after, end) > 0.999);
    assert_eq!(sim.screen("1").frozen(after, end), Duration::ZERO);
    assert!(sim.screen("1").share(end - seconds(5), end, 2) > 0.9, "the top layer is back");
    assert!(sim.publishers[0].closest_requests() >= Duration::from_millis(490));
}

/// What the hub says to a publisher that gets no transport-wide feedback.
#[test]
fn a_publisher_that_knows_remb_alone_fills_a_thin_line_and_does_not_overrun_it() {
    let mut sim = Sim::new();
    sim.publish_with(1, SourceKind::Camera, &[("", 720, 2_500_000.0)], false);
    sim.watch(50, 1, Path::default());
    sim.wish(0, &[(1, 720)]);
    let thin = Path { rate: Some(600_000), queue: Duration::from_millis(300), ..Path::default() };
    let wide = Path { delay: Duration::from_millis(5), ..Path::default() };
    let start = sim.now();
    sim.run(seconds(15));
    assert!(sim.publishers[0].allowed.last().is_some_and(|(_, bps)| *bps > 3_000_000.0), "on a wide line");
    sim.publishers[0].up.path = thin;
    let shrunk = sim.now();
    sim.run(seconds(30));
    let end = sim.now();
    trace("REMB alone, 600 kbit/s from 15 s to 45 s", &sim, start);
    let allowed = &sim.publishers[0].allowed;
    println!("{:?}", allowed.iter().map(|(_, bps)| (bps / 1000.0) as u32).collect::<Vec<_>>());
    let since = |from: Instant| allowed.iter().filter(move |(at, _)| *at > from && *at <= end).map(|(_, bps)| *bps);
    assert!(since(shrunk + seconds(5)).all(|bps| (250_000.0..850_000.0).contains(&bps)));
    let heard = sim.receivers[0].heard_share(shrunk + seconds(5), end);
    assert!(heard > 0.97, "{heard:.4} of the voice heard");
    let frozen = sim.screen("1").frozen(shrunk + seconds(5), end);
    assert!(frozen < seconds(3), "frozen {frozen:?} in 25 s");
    sim.publishers[0].up.path = wide;
    sim.run(seconds(25));
    assert!(sim.publishers[0].allowed.last().is_some_and(|(_, bps)| *bps > 2_500_000.0), "it grows again");
}

/// Behind a long buffer nothing is lost for a while: its queue has to tell. `replaces`: in the offer.
fn check_upstream(name: &str, replaces: Vec<(&'static str, &'static str)>, has_voice: bool) {
    let mut sim = Sim::new();
    let stamps = !replaces.is_empty();
    sim.publish_as(1, SourceKind::Camera, &[("", 720, 1_500_000.0)], replaces);
    sim.publishers[0].stamps = stamps;
    sim.publishers[0].has_voice = has_voice;
    sim.watch(50, 1, Path::default());
    sim.wish(0, &[(1, 720)]);
    let start = sim.now();
    sim.run(seconds(10));
    assert!(sim.publishers[0].allowed.last().is_some_and(|(_, bps)| *bps > 1_500_000.0), "{name}: on a wide line");
    let thin = Path { rate: Some(300_000), queue: seconds(2), delay: Duration::from_millis(5), ..Path::default() };
    sim.publishers[0].up.path = thin;
    let shrunk = sim.now();
    sim.run(seconds(5));
    let mut queues = Vec::new();
    for _ in 0..20 {
        sim.publishers[0].up.longest_queue = Duration::ZERO;
        sim.run(SECOND);
        queues.push(sim.publishers[0].up.longest_queue);
    }
    let end = sim.now();
    trace(name, &sim, start);
    let allowed = &sim.publishers[0].allowed;
    let since = |from: Instant| allowed.iter().filter(move |(at, _)| *at > from && *at <= end).map(|(_, bps)| *bps);
    println!("{name}: {:?}", since(shrunk).map(|bps| (bps / 1000.0) as u32).collect::<Vec<_>>());
    println!("{name}: {queues:?}");
    let told = |at: Instant| allowed.iter().rfind(|(told, _)| *told <= at).map_or(0.0, |(_, bps)| *bps);
    assert!(told(shrunk + seconds(5)) < 330_000.0, "{name}: what it is told");
    // Of what it may, the publisher keeps back what a voice takes and a tenth; a step of growth may be too much.
    let most = if has_voice { 330_000.0 } else { 1.16 * (300_000.0 / 0.9 + 80_000.0) };
    assert!(since(shrunk + seconds(5)).all(|bps| bps < most), "{name}: what it is told later");
    assert!(since(shrunk + seconds(8)).all(|bps| (200_000.0..most).contains(&bps)), "{name}: what it is told later");
    assert!(queues.iter().all(|queue| *queue < Duration::from_millis(500)), "{name}: {queues:?}");
    let frozen = sim.screen("1").frozen(shrunk + seconds(5), end);
    assert!(frozen < seconds(3), "{name}: frozen {frozen:?} in 20 s");
    sim.publishers[0].up.path = Path { delay: Duration::from_millis(5), ..Path::default() };
    sim.run(seconds(30));
    let last = sim.publishers[0].allowed.last().map(|(_, bps)| *bps);
    assert!(last.is_some_and(|bps| bps > 1_200_000.0), "{name}: it grows again: {last:?}");
}

#[test]
fn a_publisher_that_knows_remb_alone_is_told_of_the_queue_on_its_line() {
    check_upstream("REMB by the voice's time", Vec::new(), true);
    check_upstream("REMB by the picture's time", Vec::new(), false);
    let stamped = (
        "a=extmap:13 urn:3gpp:video-orientation\r\n",
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n",
    );
    check_upstream("REMB by abs-send-time", vec![stamped], false);
}

#[test]
fn bursts_of_loss_are_repaired() {
    check("loss 10 % in bursts of 5", Path { loss: 0.1, burst: 5.0, ..Path::default() }, 0.93, seconds(3), 0.0);
}

#[test]
fn jitter_is_taken_for_no_queue() {
    let path = Path { jitter: Duration::from_millis(100), ..Path::default() };
    check("jitter 100 ms", path, 0.999, seconds(1), 0.95);
}

/// Clusters of some milliseconds say nothing on such a path: what tells is whether a longer one is held up more and more.
#[test]
fn on_a_jittery_line_the_top_layer_is_reached_and_kept() {
    let mut found = Vec::new();
    // Another receiver, another seed.
    for (key, jitter) in
        (50..62).map(|key| (key, 100)).chain([(62, 50), (63, 50), (64, 30), (65, 30), (66, 15), (67, 15)])
    {
        let jittery = Path { jitter: Duration::from_millis(jitter), rate: Some(3_000_000), ..Path::default() };
        let mut sim = Sim::new();
        sim.publish(1, SourceKind::Camera, &SIMULCAST);
        sim.watch(key, 1, jittery);
        sim.wish(0, &[(1, 720)]);
        let start = sim.now();
        sim.run(seconds(60));
        let end = sim.now();
        trace(&format!("jitter 100 ms, 3 Mbit/s, seed {key}"), &sim, start);
        let reached = sim.screen("1").first(start, 2).map_or(seconds(99), |at| at - start);
        let kept = sim.screen("1").share(start + seconds(30), end, 2);
        let queue = sim.seconds.iter().map(|(_, queue)| *queue).max().unwrap_or_default();
        let frozen = sim.screen("1").frozen(start + seconds(2), end);
        assert!(sim.receivers[0].heard_share(start, end) > 0.999);
        found.push((key, reached, kept, queue, frozen));
    }
    println!("{found:#?}");
    for (key, reached, kept, queue, frozen) in found {
        assert!(reached < seconds(30), "seed {key}: the top layer after {reached:?}");
        assert!(kept > 0.98, "seed {key}: {kept:.3} in the top layer");
        assert!(queue < Duration::from_millis(500), "seed {key}: {queue:?}");
        assert!(frozen < SECOND, "seed {key}: frozen {frozen:?}");
    }
}

/// MD-14 on a path with jitter: it hides neither a line that shrinks nor one that grows.
#[test]
fn a_jittery_line_that_shrinks_to_a_tenth_is_not_overrun_and_gets_its_picture_back() {
    for (key, jitter) in [(50, 100), (51, 100), (52, 100), (53, 50), (54, 50), (55, 25)] {
        let jitter = Duration::from_millis(jitter);
        let wide = Path { jitter, rate: Some(3_000_000), queue: Duration::from_millis(600), ..Path::default() };
        let narrow = Path { rate: Some(300_000), ..wide.clone() };
        let mut sim = Sim::new();
        sim.publish(1, SourceKind::Camera, &SIMULCAST);
        sim.watch(key, 1, wide.clone());
        sim.wish(0, &[(1, 720)]);
        let start = sim.now();
        sim.run(seconds(30));
        let shrunk = sim.now();
        sim.receivers[0].down.path = narrow;
        sim.run(seconds(20));
        let grown = sim.now();
        sim.receivers[0].down.path = wide;
        sim.run(seconds(40));
        let end = sim.now();
        let name = format!("3 Mbit/s, 300 kbit/s, 3 Mbit/s, jitter {jitter:?}, seed {key}");
        trace(&name, &sim, start);
        let reached = sim.screen("1").first(start, 2).map(|at| at - start);
        assert!(reached.is_some_and(|reached| reached < seconds(30)), "{name}: {reached:?}");
        let thin = &sim.seconds[35..50];
        // Jitter pauses the picture more often, and a key frame after a pause, as large as five others, makes one second fuller.
        let mean = thin.iter().map(|(bps, _)| bps).sum::<f64>() / thin.len() as f64;
        assert!(mean <= 300_000.0, "{name}: {mean} bit/s");
        for (second, (bps, queue)) in thin.iter().enumerate() {
            assert!(*bps <= 390_000.0, "{name}: second {second}: {bps} bit/s");
            assert!(*queue < Duration::from_millis(500), "{name}: second {second}: {queue:?}");
        }
        let heard = sim.receivers[0].heard_share(shrunk + seconds(5), grown);
        assert!(heard > 0.97, "{name}: {heard}");
        let back = sim.screen("1").first(grown, 2).map(|at| at - grown);
        println!("{name}: back after {back:?}");
        assert!(back.is_some_and(|back| back < seconds(30)), "{name}: the top layer is back after {back:?}");
        assert!(sim.screen("1").share(end - seconds(5), end, 2) > 0.95, "{name}: and stays");
    }
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

/// MD-20: somebody says a thousand times a second what it may get, now much and now little.
#[test]
fn a_storm_of_estimates_from_one_receiver_costs_the_others_nothing() {
    let mut sim = Sim::new();
    sim.publish(1, SourceKind::Camera, &SIMULCAST);
    sim.watch(50, 1, Path::default());
    sim.watch_with(51, 1, false, Path::default());
    for receiver in [0, 1] {
        sim.wish(receiver, &[(1, 720)]);
    }
    sim.run(seconds(5));
    let start = sim.now();
    let before = sim.publishers[0].down.sent;
    sim.receivers[1].remb_storm = true;
    sim.run(seconds(20));
    let end = sim.now();
    trace("a storm of REMB from another receiver", &sim, start);
    assert!(sim.publishers[0].closest_requests() >= Duration::from_millis(490));
    let told = sim.publishers[0].down.sent - before;
    println!("{told} datagrams to the publisher, {} requests", sim.publishers[0].requests.len());
    assert!(told < 20 * 30, "{told} datagrams to the publisher in 20 s");
    assert_eq!(sim.screen("1").frozen(start, end), Duration::ZERO);
    assert!(sim.screen("1").share(start, end, 2) > 0.95);
    assert!(sim.receivers[0].heard_share(start, end) > 0.999);
    let view = sim.world.sfu.receiver(end, ROOM, sim.receivers[1].peer.key).expect("it is there");
    println!("{:?}", view.slots[1]);
    assert!(view.slots[1].switches <= 20, "its own picture is not torn about: {:?}", view.slots[1]);
    assert!(sim.receivers[1].heard_share(start, end) > 0.999);
}

/// MD-20: somebody asks a thousand times a second for the newest 17 packets of its picture, which it has. `with_feedback`:
/// without, nothing is known of its line.
fn check_repairs(with_feedback: bool) {
    let mut sim = Sim::new();
    sim.publish(1, SourceKind::Camera, &SIMULCAST);
    sim.watch_with(50, 1, with_feedback, Path::default());
    sim.watch(51, 1, Path::default());
    for receiver in [0, 1] {
        sim.wish(receiver, &[(1, 720)]);
    }
    sim.run(seconds(5));
    let start = sim.now();
    sim.receivers[0].nack_storm = true;
    sim.receivers[0].repeats.clear();
    sim.receivers[0].bytes = (0, 0);
    sim.run(seconds(20));
    let end = sim.now();
    trace("a storm of NACK", &sim, start);
    let receiver = &sim.receivers[0];
    let most = receiver.repeats.values().copied().max().unwrap_or(0);
    let (repeated, first) = receiver.bytes;
    println!("{most} times at most, {repeated} bytes again of {first}");
    assert!((1..=10).contains(&most), "a packet was sent {most} times again");
    assert!(repeated < first + first / 10, "{repeated} bytes were sent again of {first}");
    for receiver in &sim.receivers {
        assert!(receiver.screens["1"].share(start, end, 2) > 0.95, "its picture and that of the others stay");
        assert!(receiver.heard_share(start, end) > 0.999);
    }
    assert!(sim.publishers[0].closest_requests() >= Duration::from_millis(490));
}

#[test]
fn a_storm_of_nacks_is_answered_with_no_more_than_was_sent() {
    check_repairs(true);
    check_repairs(false);
}

/// MD-20: what one peer sends of RTCP is looked at up to a bound, and the others do not notice.
#[test]
fn of_a_flood_of_control_packets_a_share_is_looked_at() {
    let mut sim = Sim::new();
    sim.publish(1, SourceKind::Camera, &SIMULCAST);
    for key in [50, 51] {
        sim.watch(key, 1, Path::default());
    }
    for receiver in [0, 1] {
        sim.wish(receiver, &[(1, 720)]);
    }
    sim.run(seconds(5));
    assert_eq!(sim.world.sfu.load().counters.control_ignored, 0, "what browsers send is all looked at");
    let start = sim.now();
    sim.receivers[1].storm = true;
    sim.run(seconds(10));
    let end = sim.now();
    let ignored = sim.world.sfu.load().counters.control_ignored;
    // One picture: 175 in a second, and a second's burst, of a thousand.
    assert!((8_000..8_300).contains(&ignored), "{ignored} of 10,000");
    let view = sim.world.sfu.receiver(end, ROOM, sim.receivers[1].peer.key).expect("it is there");
    assert_eq!(view.control_ignored, ignored);
    assert!(sim.screen("1").share(start, end, 2) > 0.95);
    assert_eq!(sim.screen("1").frozen(start, end), Duration::ZERO);
}
