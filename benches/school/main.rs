//! Costs of the school's rules at the size of a real school: the planning check, a year's expansion, the scheduler's look at
//! a million dates, imports. `docs/performance.md` says how to read them.
//!
//! Words name the parts to run (`planning ticks imports`); without any, all of them. What grows is shown at three sizes in
//! one run, so that the machine's speed does not count.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

mod imports;
mod made;
mod memory;
mod planning;
mod ticks;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    // `cargo test --benches` wants to know only that it starts.
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    let wants = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if wants("planning") {
        planning::run(&runtime);
    }
    if wants("ticks") {
        runtime.block_on(ticks::run());
    }
    if wants("imports") {
        runtime.block_on(imports::run());
    }
}
