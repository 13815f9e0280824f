//! Property tests: whatever comes, the core does not panic, and what is not authentic moves nothing.

use std::time::Duration;

use media::demux::classify;
use media::model::{OfferRequest, PeerKey, Publish, SourceKey, SourceKind};
use media::rtp::extension::{self, ExtensionIds};
use media::rtp::{self, av1, dependency, h264, marking, red, vp8, vp9};
use media::sdp;
use media::transport::hello::HelloCollector;
use media::transport::ice::ufrag_of;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::pair::{LineSpec, Peer, ROOM, World, vp8 as vp8_payload};

const CHROMIUM: &str = include_str!("chromium_offer.sdp");

/// Bytes that look like something: a plausible first octet, then noise.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![Just(0u8), Just(1), 20u8..=63, 128u8..=191, any::<u8>()];
    (first, vec(any::<u8>(), 0..400)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_parser_panics_on_noise(bytes in datagram()) {
        let _ = (classify(&bytes), ufrag_of(&bytes), vp8::parse(&bytes), vp9::parse(&bytes), av1::parse(&bytes));
        let _ = (h264::parse(&bytes), red::primary(&bytes), marking::parse(&bytes), dependency::parse(&bytes, None));
        let _ = HelloCollector::default().push(&bytes);
        if let Some(header) = rtp::parse(&bytes) {
            prop_assert!(header.payload_offset <= bytes.len());
            let ids = ExtensionIds {
                mid: 1,
                rid: 2,
                repaired_rid: 3,
                audio_level: 4,
                abs_send_time: 5,
                transport_cc: 6,
                dependency: 7,
                marking: 8,
                orientation: 9,
                playout_delay: 10,
            };
            let _ = extension::read(&bytes, &header, &ids);
        }
    }

    #[test]
    fn a_mutated_offer_gives_an_answer_or_a_refusal(
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..30), 1..6),
    ) {
        let mut bytes = CHROMIUM.as_bytes().to_vec();
        for (place, byte, cut) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
            bytes.drain(place..(place + cut).min(bytes.len() - 1));
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut world = World::new();
        let sends = vec![("1".to_owned(), SourceKey(1), SourceKind::Camera)];
        let request = OfferRequest { sdp: text, sends, allowed: Publish::ALL };
        if let Ok(answer) = world.sfu.handle_offer(world.now, ROOM, PeerKey(1), &request) {
            prop_assert!(sdp::parse(&answer).is_ok());
            prop_assert!(!answer.lines().any(|line| line.len() < 2 || line.as_bytes()[1] != b'='));
        } else {
            prop_assert!(world.sfu.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_from_anywhere_moves_no_state(
        noise in vec((datagram(), any::<bool>()), 1..60),
        flips in vec((any::<prop::sample::Index>(), 1u8..), 1..20),
    ) {
        let mut world = World::new();
        let mut publisher = Peer::new(1, vec![LineSpec::Send(SourceKey(1), SourceKind::Camera, &[])]);
        let mut watcher = Peer::new(2, vec![LineSpec::Receive("video")]);
        publisher.connect(&mut world);
        watcher.connect(&mut world);
        let wish = media::model::SlotWish { mid: "0".to_owned(), source: Some(SourceKey(1)), max_height: 1080 };
        world.sfu.set_slots(world.now, ROOM, PeerKey(2), vec![wish]);
        publisher.send(&mut world, 9, 0, "", 1, 0, &vp8_payload(Some(90), 1, b"key"));
        prop_assert_eq!(watcher.receive(&mut world).len(), 1);

        let good = publisher.packet(9, 0, "", 2, 0, &vp8_payload(None, 2, b"next"), None);
        for (place, flip) in flips {
            let mut forged = good.clone();
            let place = place.index(forged.len());
            forged[place] ^= flip;
            world.deliver(publisher.address, &forged);
        }
        for (bytes, from_publisher) in &noise {
            let from = if *from_publisher { publisher.address } else { "10.6.6.6:6".parse().unwrap() };
            // A close_notify cannot be forged on an established association: its epoch is encrypted.
            world.deliver(from, bytes);
        }
        prop_assert!(watcher.receive(&mut world).is_empty());
        world.pass(Duration::from_millis(100));
        world.deliver(publisher.address, &good);
        prop_assert_eq!(watcher.receive(&mut world).len(), 1, "the call goes on");
    }
}
