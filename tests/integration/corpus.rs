//! MD-05 to MD-10 for text and files: the fuzz targets of those on stable Rust (those of packets: `media/tests/corpus.rs`). The
//! committed corpus is replayed, then bent at random. `KAFEDRA_LONG_TESTS=1` bends a million times.

#[path = "../../fuzz/src/words.rs"]
mod words;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// A target and its name.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 6] = [
    ("signaling", words::signaling),
    ("cards", words::cards),
    ("sheet", words::sheet),
    ("roster", words::roster),
    ("marks", words::marks),
    ("timetable", words::timetable),
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus of {name}");
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn the_corpus_is_harmless() {
    for (name, target) in TARGETS {
        for input in corpus(name) {
            target(&input);
        }
    }
}

#[test]
fn what_is_close_to_the_corpus_is_harmless_too() {
    let cases = if std::env::var_os("KAFEDRA_LONG_TESTS").is_some() { 1_000_000 } else { 2_000 };
    for (name, target) in TARGETS {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let piece = (prop::sample::select(corpus(name)), any::<prop::sample::Index>(), 0..40_usize);
        let inputs = (prop::sample::select(corpus(name)), vec((any::<prop::sample::Index>(), piece), 0..6));
        let bent = inputs.prop_map(|(mut input, pieces)| {
            for (place, (other, from, length)) in pieces {
                let place = if input.is_empty() { 0 } else { place.index(input.len()) };
                let from = if other.is_empty() { 0 } else { from.index(other.len()) };
                let end = (place + length / 2).min(input.len());
                let piece = other[from..(from + length).min(other.len())].to_vec();
                input.splice(place..end, piece);
            }
            input
        });
        runner
            .run(&bent, |input| {
                target(&input);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {cases} bent inputs");
    }
}
