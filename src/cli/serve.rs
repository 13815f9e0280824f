//! `kafedra serve`: start, say where, wait for a signal, stop in order.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{Done, Failure, logging};
use crate::app::{App, RunningApp, demo};
use crate::clock::WallClock;
use crate::config::Config;

/// A hub that does not come down in this time past its grace period is cut off.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(config: Config, clock: WallClock) -> Done {
    logging::start(&config.log)?;
    count_panics();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::work(&error))?;
    let done = runtime.block_on(serve(config, clock));
    // Work that ignores the end (a blocking password check) does not hold the process up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn serve(config: Config, clock: WallClock) -> Done {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::work(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Failure::work(&error))?;
    let grace = Duration::from_secs(u64::from(config.server.shutdown_grace_s)) + PATIENCE;
    let app = App::start(config, clock).await?;
    announce(&app).await;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    if tokio::time::timeout(grace, app.stop()).await.is_err() {
        return Err(Failure::Work("the hub did not stop in time and was cut off".into()));
    }
    tracing::info!("stopped");
    Ok(())
}

async fn announce(app: &RunningApp) {
    let url = app.state.config.public_url();
    tracing::info!(listen = %app.addr, version = env!("CARGO_PKG_VERSION"), "serving");
    println!("Kafedra {} at {url}", env!("CARGO_PKG_VERSION"));
    if app.state.config.school.demo {
        print!("{}", demo::greeting(&app.state.store, &app.state.clock).await);
    } else if app.state.store.schools().await.is_ok_and(|schools| schools.is_empty()) {
        println!(
            "There is no school yet and nobody can sign in. Found it, also while this runs: kafedra school init --help"
        );
    }
}

/// A panic is a bug of ours: counted, logged by place and never with what it held, and the process goes on.
fn count_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        metrics::counter!("kafedra_panics_total", "where" => "process").increment(1);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
        usual(panic);
    }));
}
