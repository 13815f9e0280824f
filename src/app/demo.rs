//! What the hub says at the start in demo mode: where, who, and what opens next.

use crate::api::ApiState;
use crate::clock::WallClock;
use crate::config::Config;
use crate::store::consultation::Viewer;
use crate::store::demo::DemoError;
use crate::store::{self, Store, StoreError};

/// The demo school's one password. It is public: never in production.
pub const PASSWORD: &str = "kafedra-demo";

/// Loads the demo school into an empty store and opens lessons around now; a real school is left alone.
pub async fn load(store: &Store, clock: &WallClock, config: &Config) -> Result<(), DemoError> {
    let days = config.schedule.horizon_days;
    if store::demo::start(store, super::timing(config), days, clock.now_ms()).await?.is_none() {
        tracing::warn!("school.demo is set, but the store holds a real school: it is left alone");
    }
    Ok(())
}

/// Keeps one lesson of each form open for as long as the demo runs.
pub async fn keep(state: &ApiState) {
    match renew(state).await {
        Ok(0) => {}
        Ok(_) => (state.poke_schedule)(),
        Err(error) => tracing::warn!(%error, "the demo's lessons are not renewed"),
    }
}

async fn renew(state: &ApiState) -> Result<usize, DemoError> {
    let timings = state.store.timings(state.timing).await?;
    let mut made = 0;
    for school in state.store.schools().await?.iter().filter(|school| school.is_demo) {
        made += store::demo::refresh(&state.store, school, &timings, state.clock.now_ms()).await?;
    }
    Ok(made)
}

/// Lines for the person who started it.
pub async fn greeting(store: &Store, clock: &WallClock) -> String {
    match lines(store, clock.now_ms()).await {
        Ok(text) => text,
        // The hub runs all the same; only its greeting is short.
        Err(error) => format!("Demo school ({error}). Password of everybody: {PASSWORD}\n"),
    }
}

async fn lines(store: &Store, now_ms: i64) -> Result<String, StoreError> {
    use std::fmt::Write as _;

    let mut text = String::new();
    for school in store.schools().await?.into_iter().filter(|school| school.is_demo) {
        let _ = writeln!(text, "\n{} (demo). Password of everybody: {PASSWORD}", school.name);
        let logins = store.logins(&school.id).await?;
        for role in logins.iter().map(|login| login.role).collect::<std::collections::BTreeSet<_>>() {
            let codes: Vec<&str> =
                logins.iter().filter(|login| login.role == role).map(|login| login.code.as_str()).collect();
            let _ = writeln!(text, "  {:<12} {}", role.as_str(), codes.join(" "));
        }
        let next = store.timetable(&Viewer::of_school(&school.id), now_ms, now_ms + 24 * 3_600_000).await?;
        let _ = writeln!(text, "Now and next ({}):", school.tz);
        for one in next.into_iter().filter(|one| !one.state.is_final()).take(8) {
            let time = jiff::Timestamp::from_millisecond(one.start_ms).unwrap_or_default().to_zoned(school.zone());
            let _ = writeln!(text, "  {} {:<16} {}", time.strftime("%d.%m %H:%M"), one.form.as_str(), one.title);
        }
    }
    Ok(text)
}
