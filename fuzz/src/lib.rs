//! What the fuzz targets do with their bytes. The same files are compiled into the tests of the hub, where they replay the
//! committed corpus on stable Rust: `media/tests/corpus.rs` and `tests/integration/corpus.rs`.
#![allow(clippy::unwrap_used)]

// `kafedra::domain` without the rest of the hub, so that a fuzz build is no build of SQLite.
extern crate self as kafedra;

#[allow(dead_code)]
#[path = "../../src"]
mod hub {
    pub mod domain;
}
pub use hub::domain;

/// What the harness of `media/tests` counts there; here nothing is counted.
mod allocations {
    pub fn counted<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
}

#[allow(dead_code)]
#[path = "../../media/tests/pair.rs"]
pub mod pair;

pub mod parsers;
pub mod session;
pub mod words;
