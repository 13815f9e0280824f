//! MD-21: a panic in one peer's work. The driver catches it and calls `recover`; that peer loses its transport and is told,
//! nobody else loses a packet.

use std::panic::{AssertUnwindSafe, catch_unwind};

use media::model::{PeerKey, SfuEvent, SlotWish, SourceKey, SourceKind};
use media::sfu::fault::Fault;

use crate::pair::{LineSpec, Peer, ROOM, World, vp8};

const WATCHERS: u64 = 4;

/// Does as the driver does.
fn survive(world: &mut World, work: impl FnOnce(&mut World)) -> bool {
    let survived = catch_unwind(AssertUnwindSafe(|| work(world))).is_ok();
    if !survived {
        while catch_unwind(AssertUnwindSafe(|| world.sfu.recover())).is_err() {}
    }
    survived
}

struct Scene {
    world: World,
    publisher: Peer,
    watchers: Vec<Peer>,
    sent: u16,
}

impl Scene {
    fn new() -> Self {
        Self::of(WATCHERS)
    }

    fn of(count: u64) -> Self {
        let mut world = World::new();
        let mut publisher = Peer::new(1, vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])]);
        publisher.connect(&mut world);
        let mut watchers: Vec<Peer> = (0..count).map(|n| Peer::new(10 + n, vec![LineSpec::Receive("video")])).collect();
        for watcher in &mut watchers {
            watcher.connect(&mut world);
            let wish = SlotWish { mid: "0".to_owned(), source: Some(SourceKey(1)), max_height: 1080 };
            world.sfu.set_slots(world.now, ROOM, watcher.key, vec![wish]);
        }
        let mut scene = Self { world, publisher, watchers, sent: 0 };
        scene.send();
        assert_eq!(scene.arrived(), vec![1; count as usize]);
        scene
    }

    /// A packet of the publisher, up to the core.
    fn send(&mut self) {
        self.send_bytes(b"picture");
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        self.sent += 1;
        let payload = vp8((self.sent == 1).then_some(90), self.sent, bytes);
        let at = u32::from(self.sent) * 3_000;
        self.publisher.send(&mut self.world, 9, 0, "", self.sent, at, &payload);
    }

    /// How many packets each watcher has got.
    fn arrived(&mut self) -> Vec<usize> {
        let world = &mut self.world;
        survive(world, |world| world.drain());
        world.drain();
        self.watchers.iter_mut().map(|watcher| watcher.receive(world).len()).collect()
    }
}

#[test]
fn a_receiver_in_whose_work_it_falls_goes_and_the_others_get_every_packet() {
    for victim in 0..WATCHERS as usize {
        let mut scene = Scene::new();
        let key = scene.watchers[victim].key;
        scene.world.sfu.set_fault(Fault::Forward(key));
        scene.send();
        let mut expected = vec![1; WATCHERS as usize];
        expected[victim] = 0;
        assert_eq!(scene.arrived(), expected, "each once, the victim not");
        assert!(scene.world.events.contains(&SfuEvent::Fallen { peer: key }));
        scene.send();
        assert_eq!(scene.arrived(), expected);
        // It comes back over a new connection.
        let address = scene.watchers[victim].address;
        scene.watchers[victim] = Peer::new(key.0, vec![LineSpec::Receive("video")]);
        scene.watchers[victim].address = address;
        scene.watchers[victim].connect(&mut scene.world);
        let wish = SlotWish { mid: "0".to_owned(), source: Some(SourceKey(1)), max_height: 1080 };
        scene.world.sfu.set_slots(scene.world.now, ROOM, key, vec![wish]);
        scene.publisher.send(&mut scene.world, 9, 0, "", 100, 300_000, &vp8(Some(90), 100, b"key"));
        assert_eq!(scene.arrived(), vec![1; WATCHERS as usize]);
    }
}

/// What a picture is to a large room does not fit into one slab: it leaves in parts, and each receiver gets each packet once,
/// wherever a part ends and whoever falls there.
#[test]
fn a_picture_that_leaves_in_parts_reaches_everybody_once() {
    const ROOM_OF: usize = 64;
    const PACKETS: usize = 8;
    // A part takes some 28 receivers.
    let victims = [None, Some(0), Some(27), Some(28), Some(29), Some(30), Some(57), Some(58), Some(63)];
    for victim in victims {
        let mut scene = Scene::of(ROOM_OF as u64);
        if let Some(victim) = victim {
            let key = scene.watchers[victim].key;
            scene.world.sfu.set_fault(Fault::Forward(key));
        }
        for _ in 0..PACKETS {
            scene.send_bytes(&[7; 1_080]);
        }
        let mut expected = vec![PACKETS; ROOM_OF];
        if let Some(victim) = victim {
            expected[victim] = 0;
        }
        let mut parts = 0;
        survive(&mut scene.world, |world| parts = world.drain_in_parts());
        assert_eq!(scene.arrived(), expected, "{victim:?}");
        assert!(victim.is_some() || parts >= 3, "{parts} parts");
        scene.send();
        assert_eq!(
            scene.arrived(),
            expected.iter().map(|count| count.min(&1)).copied().collect::<Vec<_>>(),
            "{victim:?}"
        );
    }
}

#[test]
fn a_publisher_in_whose_work_it_falls_goes_and_its_source_with_it() {
    for fault in [Fault::Datagram(PeerKey(1)), Fault::Timer(PeerKey(1))] {
        let mut scene = Scene::new();
        scene.world.events.clear();
        scene.world.sfu.set_fault(fault);
        let survived = match fault {
            Fault::Timer(_) => {
                let Scene { world, .. } = &mut scene;
                survive(world, |world| world.pass(std::time::Duration::from_secs(2)))
            }
            _ => {
                let payload = vp8(None, 2, b"picture");
                let packet = scene.publisher.packet(9, 0, "", 2, 3_000, &payload, None);
                let from = scene.publisher.address;
                survive(&mut scene.world, |world| world.deliver(from, &packet))
            }
        };
        assert!(!survived, "{fault:?}");
        scene.arrived();
        assert!(scene.world.events.contains(&SfuEvent::Fallen { peer: PeerKey(1) }), "{fault:?}");
        assert_eq!(scene.world.sfu.load().transports, WATCHERS as usize, "{fault:?}");
        assert_eq!(scene.world.sfu.load().sources, 0, "{fault:?}");
        scene.world.sfu.close_room(ROOM);
        assert!(scene.world.sfu.is_empty());
    }
}

#[test]
fn one_fall_after_another_leaves_the_rest() {
    let mut scene = Scene::new();
    for victim in [0, 2] {
        scene.world.sfu.set_fault(Fault::Forward(scene.watchers[victim].key));
        scene.send();
        scene.arrived();
    }
    scene.send();
    assert_eq!(scene.arrived(), [0, 1, 0, 1]);
}

#[test]
fn a_fall_in_a_command_costs_whom_it_is_about_and_not_who_sent_last() {
    let mut scene = Scene::new();
    scene.send();
    scene.arrived();
    let key = scene.watchers[1].key;
    scene.world.sfu.set_fault(Fault::Command(key));
    let wish = SlotWish { mid: "0".to_owned(), source: Some(SourceKey(1)), max_height: 90 };
    let survived = survive(&mut scene.world, |world| world.sfu.set_slots(world.now, ROOM, key, vec![wish]));
    assert!(!survived);
    scene.send();
    assert_eq!(scene.arrived(), [1, 0, 1, 1]);
    assert!(scene.world.events.contains(&SfuEvent::Fallen { peer: key }));
}
