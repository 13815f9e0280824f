//! How many cases a property test runs: few where everybody waits for them, 10,000 when `KAFEDRA_LONG_TESTS` is set.
//!
//! The properties of DOMAIN 2.7 and the invariants of 2.3 ask here, so that one variable lengthens them all:
//! `KAFEDRA_LONG_TESTS=1 cargo test --release --lib -- p1_ p2_ inv_` and so on; `docs/domain-coverage.md` names them.

use proptest::test_runner::Config;

/// Cases of the long profile.
const LONG: u32 = 10_000;

/// `usual` cases, or those of the long profile.
pub fn cases(usual: u32) -> Config {
    let is_long = std::env::var_os("KAFEDRA_LONG_TESTS").is_some();
    Config { cases: if is_long { LONG } else { usual }, failure_persistence: None, ..Config::default() }
}
