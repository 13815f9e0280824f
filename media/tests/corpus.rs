//! MD-05 to MD-10, and SG-06: the targets of `fuzz/` on stable Rust. The committed corpus and whatever once crashed is
//! replayed, then bent at random. `KAFEDRA_LONG_TESTS=1` bends a million times for each parser.

#[path = "../../fuzz/src/parsers.rs"]
mod parsers;
#[path = "../../fuzz/src/session.rs"]
mod session;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};

/// A target and its name; how many bent inputs an ordinary run and the long one try.
type Target = (&'static str, fn(&[u8]), u32, u32);

const TARGETS: [Target; 9] = [
    ("stun", parsers::stun, 2_000, 1_000_000),
    ("framing", parsers::framing, 2_000, 1_000_000),
    ("hello", parsers::hello, 2_000, 1_000_000),
    ("rtp", parsers::rtp, 2_000, 1_000_000),
    ("rtcp", parsers::rtcp, 2_000, 1_000_000),
    ("codecs", parsers::codecs, 2_000, 1_000_000),
    ("sdp", parsers::sdp, 1_000, 1_000_000),
    // Two and four handshakes for each input.
    ("dtls", session::dtls, 20, 20_000),
    ("session", session::session, 20, 20_000),
];

/// Every file of a target's folder.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus of {name}");
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn the_corpus_is_harmless() {
    for (name, target, ..) in TARGETS {
        for input in corpus(name) {
            target(&input);
        }
    }
}

/// Changes of an input: a byte, a few bytes gone, some put in, the end cut off.
fn bend(mut input: Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (place, kind, value) in edits {
        let place = if input.is_empty() { 0 } else { place.index(input.len()) };
        match kind % 5 {
            _ if input.is_empty() => input.push(*value),
            0 => input[place] = *value,
            1 => input[place] ^= 1 << (value % 8),
            2 => drop(input.drain(place..(place + usize::from(value % 16)).min(input.len()))),
            3 => drop(input.splice(place..place, std::iter::repeat_n(*value, usize::from(value % 16)))),
            _ => input.truncate(place),
        }
    }
    input
}

#[test]
fn what_is_close_to_the_corpus_is_harmless_too() {
    let is_long = std::env::var_os("KAFEDRA_LONG_TESTS").is_some();
    for (name, target, ordinary, long) in TARGETS {
        let cases = if is_long { long } else { ordinary };
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let rng = TestRng::deterministic_rng(config.rng_algorithm);
        let mut runner = if is_long { TestRunner::new(config) } else { TestRunner::new_with_rng(config, rng) };
        let edits = vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 0..12);
        let inputs = (prop::sample::select(corpus(name)), edits).prop_map(|(input, edits)| bend(input, &edits));
        runner
            .run(&inputs, |input| {
                target(&input);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {cases} bent inputs");
    }
}
