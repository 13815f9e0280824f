//! What the core takes from the allocator: nothing for a forwarded packet, little for a watcher.
#![allow(unsafe_code)]
// An allocator can only be replaced by unsafe code; this one passes every call on as it came.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use media::model::{PeerKey, SlotWish, SourceKey, SourceKind};
use media::sfu::Output;
use media::transport::feedback::ArrivalLog;

use crate::pair::{LineSpec, Opened, Peer, ROOM, World, usual_path, vp8};

const CAMERA: SourceKey = SourceKey(11);
const MICROPHONE: SourceKey = SourceKey(12);

thread_local! {
    /// Only calls of the core count, and only those of this test's thread.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn note(calls: u64, bytes: i64) {
    // A thread that ends may allocate after its locals are gone.
    if COUNTS.try_with(Cell::get).unwrap_or(false) {
        CALLS.with(|counter| counter.set(counter.get() + calls));
        BYTES.with(|counter| counter.set(counter.get() + bytes));
    }
}

// SAFETY: every call goes to the system's allocator unchanged; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a call of the core and counts what it takes.
pub fn counted<T>(call: impl FnOnce() -> T) -> T {
    COUNTS.with(|counts| counts.set(true));
    let result = call();
    COUNTS.with(|counts| counts.set(false));
    result
}

/// A watcher, as browsers are: it tells what arrives (transport-wide feedback), so that there is an estimate, pacing, and a
/// history of what was sent for it.
struct Watcher {
    peer: Peer,
    arrivals: ArrivalLog,
}

impl Watcher {
    /// What has come, and every 50 ms or so what is told of it.
    fn answer(&mut self, world: &mut World, is_due: bool) {
        for datagram in world.take(self.peer.address) {
            if let Some(Opened::Media { number: Some(number), .. }) = self.peer.open(datagram) {
                self.arrivals.note(world.now, number);
            }
        }
        if is_due && let Some(clear) = self.arrivals.take(1, 0) {
            let sealed = self.peer.seal(&clear);
            world.deliver(self.peer.address, &sealed);
        }
    }
}

/// A room with one publisher of sound and picture, and this many watchers of both.
fn room(watchers: u64) -> (World, Peer, Vec<Watcher>) {
    let mut world = World::new();
    let lines =
        vec![LineSpec::Send(CAMERA, SourceKind::Camera, &[]), LineSpec::Send(MICROPHONE, SourceKind::Microphone, &[])];
    let mut publisher = Peer::new(1, lines);
    publisher.connect(&mut world);
    let watchers = (0..watchers).map(|number| watcher(&mut world, 2 + number)).collect();
    (world, publisher, watchers)
}

fn watcher(world: &mut World, number: u64) -> Watcher {
    let mut peer = Peer::new(number, vec![LineSpec::Receive("video"), LineSpec::Receive("audio")]);
    peer.with_feedback = true;
    peer.connect(world);
    let wish = |mid: &str, source| SlotWish { mid: mid.to_owned(), source: Some(source), max_height: 1080 };
    let wishes = vec![wish("0", CAMERA), wish("1", MICROPHONE)];
    counted(|| world.sfu.set_slots(world.now, ROOM, PeerKey(number), wishes));
    Watcher { peer, arrivals: ArrivalLog::default() }
}

/// A second of sound and picture, encrypted beforehand, then given to the core.
fn second(world: &mut World, publisher: &mut Peer, watchers: &mut [Watcher], number: u16) -> u64 {
    const KEY_FRAMES: [u16; 2] = [0, 90];
    let before = world.sfu.load().counters.packets_forwarded;
    for frame in 0..30u16 {
        let picture = number * 30 + frame;
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for part in 0..6 {
            let key_frame = (part == 0 && KEY_FRAMES.contains(&picture)).then_some(360);
            let payload = vp8(key_frame, picture, &[part as u8; 1000]);
            let sequence = picture * 6 + part;
            datagrams.push(publisher.packet(1000, 0, "", sequence, u32::from(picture) * 3000, &payload, None));
        }
        for part in 0..2 {
            let sequence = picture * 2 + part;
            datagrams.push(publisher.packet(2000, 1, "", sequence, u32::from(sequence) * 960, &[7; 100], Some(20)));
        }
        for datagram in &mut datagrams {
            counted(|| world.sfu.handle_datagram(world.now, usual_path(publisher.address), datagram));
        }
        // Timers and reports of receivers run beside it, outside the count: they come so often whatever is forwarded.
        while let Some(output) = counted(|| world.sfu.poll_output()) {
            if let Output::Transmit(batch) = &output {
                world.sent.extend(batch.datagrams().map(|(to, bytes)| (to, bytes.to_vec())));
            }
            counted(|| drop(output));
        }
        world.pass(Duration::from_millis(33));
        let calls = CALLS.with(Cell::get);
        for watcher in &mut *watchers {
            watcher.answer(world, frame % 2 == 0);
        }
        CALLS.with(|counter| counter.set(calls));
    }
    world.sent.clear();
    world.sfu.load().counters.packets_forwarded - before
}

#[test]
fn forwarding_allocates_nothing() {
    const WATCHERS: u64 = 20;
    let (mut world, mut publisher, mut watchers) = room(WATCHERS);
    for warm_up in 0..4 {
        second(&mut world, &mut publisher, &mut watchers, warm_up);
    }
    CALLS.with(|counter| counter.set(0));
    let forwarded: u64 = (4..14).map(|number| second(&mut world, &mut publisher, &mut watchers, number)).sum();
    assert_eq!(forwarded, 10 * 30 * 8 * WATCHERS, "everything is forwarded");
    assert_eq!(CALLS.with(Cell::get), 0, "allocations in {forwarded} forwarded packets");
}

#[test]
fn a_watcher_takes_less_than_its_share_of_memory() {
    const WATCHERS: i64 = 50;
    let (mut world, mut publisher, mut watchers) = room(0);
    for number in 0..3 {
        second(&mut world, &mut publisher, &mut watchers, number);
    }
    BYTES.with(|counter| counter.set(0));
    watchers.extend((0..WATCHERS as u64).map(|number| watcher(&mut world, 100 + number)));
    let joined = BYTES.with(Cell::get) / WATCHERS;
    // Long enough that every packet of the history is there. The batch, which all share, is not a watcher's.
    for number in 3..8 {
        second(&mut world, &mut publisher, &mut watchers, number);
    }
    let bytes = BYTES.with(Cell::get) / WATCHERS;
    println!("{joined} bytes when joined, {bytes} after five seconds");
    assert!(bytes < 40_000, "{bytes} bytes for each watcher, {joined} of them when it joined");
}
