//! The hub as a whole: builds the parts from the configuration, introduces them to each other, and takes them down in
//! order. The program runs one; a test may run several in one process.

pub mod access;
pub mod demo;
pub mod opener;
pub mod outgoing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::api::{self, ApiState, Parts};
use crate::clock::WallClock;
use crate::config::Config;
use crate::config::presence::Backend;
use crate::domain::consultation::Timing;
use crate::presence::Presence;
use crate::presence::redis::PresenceError;
use crate::schedule::ScheduleHandle;
use crate::schedule::driver::Scheduler;
use crate::sfu::worker::SfuConfig;
use crate::store::{Store, StoreError};

/// How often sessions that are over are forgotten and histograms trimmed.
const HOUSEKEEPING: Duration = Duration::from_secs(20);
/// Turns of the same after which what has been kept long enough is looked for: an hour.
const RETENTION_TURNS: u64 = 180;

/// Why the hub does not start. Each text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("the data folder {path} cannot be made")]
    DataFolder {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the store does not open")]
    Store(#[source] StoreError),
    #[error("the demo school does not load")]
    Demo(#[source] crate::store::demo::DemoError),
    #[error("cannot listen on {address}; is another hub running? Another address: --listen")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("letters cannot be sent as configured; see [notify] smtp_*")]
    Mail(#[source] crate::notify::mail::MailerError),
    #[error(transparent)]
    Media(#[from] crate::sfu::worker::StartError),
    #[error("presence over Redis does not start")]
    Presence(#[source] PresenceError),
}

/// A hub that runs. Dropping it without [`RunningApp::stop`] cuts everything off at once.
pub struct RunningApp {
    /// Where it listens; with port 0 in the configuration, the port that it got.
    pub addr: SocketAddr,
    pub state: ApiState,
    stop: watch::Sender<bool>,
    stop_schedule: watch::Sender<bool>,
    serving: JoinHandle<()>,
    housekeeping: JoinHandle<()>,
    watching: JoinHandle<()>,
    scheduling: JoinHandle<()>,
    carrying: JoinHandle<()>,
    notifying: JoinHandle<()>,
}

/// Starts hubs.
#[derive(Clone, Copy, Debug)]
pub struct App;

impl App {
    /// Builds every part and listens. When it returns, the hub answers.
    ///
    /// # Errors
    /// The first part that does not start.
    pub async fn start(config: Config, clock: WallClock) -> Result<RunningApp, AppError> {
        let config = Arc::new(config);
        let store = open_store(&config).await?;
        api::guide::sweep(&config.data.dir.join("files"));
        // Downtime is nobody's attendance: stays end where the last hub knew of them, before the scheduler judges by them.
        store.close_all_stale_attendance().await.map_err(AppError::Store)?;
        if config.school.demo {
            demo::load(&store, &clock, &config).await.map_err(AppError::Demo)?;
        }
        let presence = presence(&config)?;
        let sfu = crate::sfu::worker::start(&SfuConfig {
            bind: config.media.bind.clone(),
            first_port: config.media.udp_port,
            first_public_port: config.media.udp_public_port,
            tcp_port: config.media.bound_tcp_port(),
            public_tcp_port: config.media.tcp_public_port,
            workers: workers(&config),
            advertise: config.media.advertise.clone(),
        })?;
        let address = config.server.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| AppError::Listen { address, source })?;
        let addr = listener.local_addr().map_err(|source| AppError::Listen { address, source })?;
        let mut config = config;
        if address.port() == 0 {
            Arc::make_mut(&mut config).server.listen = addr;
        }
        let (stop, stopped) = watch::channel(false);
        let connections = api::server::Connections::default();
        let (schedule, orders) = crate::schedule::driver::channel();
        let (outgoing, poked) = outgoing::Outgoing::new(&config, &store, clock.now_ms()).await?;
        let notifier = outgoing.notifier(&config, &store, &clock);
        let state = ApiState::new(parts(
            &config,
            store,
            clock,
            presence,
            sfu,
            &connections,
            (schedule.clone(), outgoing, stopped.clone()),
        ));
        let notifying = tokio::spawn(notifier.run(poked, stopped.clone()));
        let (stop_schedule, schedule_stopped) = watch::channel(false);
        let scheduling = tokio::spawn(scheduler(&state, &config).run(orders, schedule_stopped));
        let carrying = tokio::spawn(opener::carry(state.rooms.clone(), schedule));
        let serving = tokio::spawn(api::server::serve(
            listener,
            api::router(state.clone()),
            api::server::max_connections(config.server.max_connections, media_connections(&config)),
            connections,
            stopped,
            Duration::from_secs(u64::from(config.server.shutdown_grace_s)),
        ));
        let housekeeping = tokio::spawn(keep_house(state.clone()));
        let watching = tokio::spawn(access::watch(state.clone()));
        Ok(RunningApp {
            addr,
            state,
            stop,
            stop_schedule,
            serving,
            housekeeping,
            watching,
            scheduling,
            carrying,
            notifying,
        })
    }
}

impl RunningApp {
    /// Takes the hub down: no new connections, clients are told to come back, running requests finish, then the store
    /// closes, so that everything acknowledged is on disk.
    pub async fn stop(self) {
        // First the scheduler, which would open again what is being closed.
        let _ = self.stop_schedule.send(true);
        if let Err(error) = self.scheduling.await
            && error.is_panic()
        {
            tracing::error!("the scheduler had panicked");
        }
        self.carrying.abort();
        self.state.rooms.shutdown().await;
        let _ = self.stop.send(true);
        self.housekeeping.abort();
        self.watching.abort();
        if let Err(error) = self.serving.await
            && error.is_panic()
        {
            tracing::error!("the accept loop had panicked");
        }
        if let Err(error) = self.notifying.await
            && error.is_panic()
        {
            tracing::error!("the driver of notices had panicked");
        }
        self.state.store.close().await;
    }
}

/// Opens the database of a configuration, making the data folder when it is missing. The command line uses it too.
///
/// # Errors
/// [`AppError::DataFolder`] or [`AppError::Store`].
pub async fn open_store(config: &Config) -> Result<Store, AppError> {
    if config.data.database.is_empty() {
        let path = &config.data.dir;
        std::fs::create_dir_all(path)
            .map_err(|source| AppError::DataFolder { path: path.display().to_string(), source })?;
    }
    Store::open(&config.database_url()).await.map_err(AppError::Store)
}

/// One worker for each core, unless the configuration says otherwise.
fn workers(config: &Config) -> usize {
    match config.media.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => usize::from(workers),
    }
}

fn presence(config: &Config) -> Result<Presence, AppError> {
    match config.presence.backend {
        Backend::Local => Ok(Presence::local()),
        Backend::Redis => {
            let password = Some(config.presence.password.expose()).filter(|password| !password.is_empty());
            Presence::redis(&config.presence.url, password, "kafedra").map_err(AppError::Presence)
        }
    }
}

fn parts(
    config: &Arc<Config>,
    store: Store,
    clock: WallClock,
    presence: Presence,
    sfu: crate::sfu::handle::SfuHandle,
    connections: &api::server::Connections,
    (schedule, outgoing, stopping): (ScheduleHandle, outgoing::Outgoing, watch::Receiver<bool>),
) -> Parts {
    let public_url = config.public_url();
    let mut origins = config.server.allowed_origins.clone();
    origins.push(public_url.clone());
    let rooms = crate::rooms::registry::Rooms::new(crate::rooms::registry::Parts {
        store: store.clone(),
        clock: clock.clone(),
        sfu: Some(sfu.clone()),
        presence: presence.clone(),
        gate: Arc::new(crate::rooms::school_gate::SchoolGate::new(store.clone(), clock.clone())),
        settings: crate::rooms::registry::Settings {
            publishers_per_person: config.limits.sources_per_person as usize,
            watchers_per_person: config.limits.watchers_per_person as usize,
            sockets_per_person: config.limits.sockets_per_person as usize,
            joins_per_minute: config.limits.joins_per_minute,
            joins_burst: config.limits.joins_burst,
            relays: crate::rooms::relays::Relays::new(&config.turn),
            timing: timing(config),
            camera_codec: config.media.camera_codec,
            screen_codec: config.media.screen_codec,
            ..Default::default()
        },
    });
    let open = connections.clone();
    let online = presence.clone();
    let gauges: Vec<api::observe::Gauge> = vec![
        Box::new({
            let rooms = rooms.clone();
            move || rooms.figures()
        }),
        Box::new(move || vec![("kafedra_connections", open.open() as f64)]),
        Box::new(move || vec![("kafedra_people_online", online.online().len() as f64)]),
    ];
    let heart = presence.clone();
    let presence_is_healthy: api::health::Check = Box::new(move || {
        let healthy = heart.healthy();
        Box::pin(std::future::ready(healthy))
    });
    Parts {
        store,
        clock,
        presence,
        sfu,
        rooms,
        programs: api::whip::Programs::default(),
        origins: api::origin::Origins::new(origins),
        headers: api::headers::Headers::new(&public_url),
        passwords: api::password::Passwords::new(),
        login_limits: api::login_limit::LoginLimits::new(
            config.limits.logins_per_account,
            config.limits.logins_per_address,
        ),
        strangers: api::strangers::Strangers::new(config.limits.strangers_per_network),
        rate_limits: api::rate_limit::RateLimits::new(config.limits.api_per_second, config.limits.api_burst),
        tickets: api::tickets::Tickets::default(),
        revoked: broadcast::channel(1024).0,
        web: api::web::Web::new(&config.server.web_dir),
        metrics: api::observe::Metrics::new(gauges),
        ready: api::health::Readiness::new(vec![("presence", presence_is_healthy)]),
        timing: timing(config),
        told: outgoing.told.clone(),
        stopping,
        send_mail: outgoing.send_mail(),
        mail_codes: crate::rate::Buckets::new(1, Duration::from_secs(60), 3),
        device_checks: crate::api::device_check::Limits::default(),
        push_key: outgoing.push_key(),
        may_push_to: outgoing.may_push_to(),
        may_call: outgoing.may_call(),
        poke_notices: outgoing.poke(),
        poke_schedule: Box::new(move || schedule.poke()),
        config: Arc::clone(config),
    }
}

fn scheduler(state: &ApiState, config: &Config) -> Scheduler {
    Scheduler {
        store: state.store.clone(),
        rooms: Arc::new(opener::Opener { rooms: state.rooms.clone(), store: state.store.clone() }),
        clock: state.clock.clone(),
        timing: timing(config),
        horizon_days: config.schedule.horizon_days,
    }
}

/// Media connections over TCP at most.
fn media_connections(config: &Config) -> usize {
    let takes_any = config.media.bound_tcp_port().is_some();
    if takes_any { crate::sfu::worker::most_tcp_connections(workers(config)) } else { 0 }
}

/// The configured times around consultations.
pub fn timing(config: &Config) -> Timing {
    let minutes = |minutes: u32| i64::from(minutes) * 60_000;
    Timing {
        lead_ms: minutes(config.schedule.lead_minutes),
        host_grace_ms: minutes(config.schedule.host_grace_minutes),
        overrun_ms: minutes(config.schedule.overrun_minutes),
        host_lost_ms: minutes(config.schedule.host_lost_minutes),
        shared_ms: minutes(config.schedule.min_shared_minutes),
    }
}

/// What the clock alone does in individual help: answers that stand are closed, overdue requests are told of, links of children
/// who have come of age end.
async fn keep_help(state: &ApiState) {
    let now_ms = state.clock.now_ms();
    let done = async {
        state.store.close_answered_requests(now_ms).await?;
        if state.store.alert_overdue_requests(now_ms).await? > 0 {
            (state.poke_notices)();
        }
        if state.store.end_links_of_adults(now_ms).await? > 0 {
            state.rooms.access_changed();
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = done.await {
        tracing::warn!(cause = %api::problem::chain(&error), "requests and links wait for the next round");
    }
}

/// Destroys what has been kept long enough, with an act.
async fn end_by_time(state: &ApiState) {
    match state.store.expire_consents(state.clock.now_ms()).await {
        Ok(0) => {}
        Ok(noted) => tracing::info!(noted, "consents whose signers may not sign any more have ended"),
        Err(error) => tracing::warn!(%error, "consents could not be looked at"),
    }
    match state.store.end_by_time(state.clock.now_ms()).await {
        Ok(ended) if ended.rows == 0 => {}
        Ok(ended) => {
            let folder = state.config.data.dir.join("files");
            for file in &ended.files {
                match tokio::fs::remove_file(folder.join(file)).await {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        tracing::warn!(%error, file, "a file that was kept long enough stays; remove it by hand");
                    }
                    _ => {}
                }
            }
            tracing::info!(
                rows = ended.rows,
                files = ended.files.len(),
                "what was kept long enough is destroyed; an act was written"
            );
        }
        Err(error) => tracing::warn!(cause = %api::problem::chain(&error), "what was kept long enough stays for now"),
    }
}

async fn keep_house(state: ApiState) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    let mut turns: u64 = 0;
    loop {
        tick.tick().await;
        if turns.is_multiple_of(RETENTION_TURNS) {
            end_by_time(&state).await;
        }
        turns += 1;
        state.mail_codes.forget_idle();
        state.device_checks.forget_idle();
        state.metrics.upkeep();
        state.rate_limits.forget_idle();
        state.rooms.forget_idle();
        if state.config.school.demo {
            demo::keep(&state).await;
        }
        keep_help(&state).await;
        if let Err(error) = state.store.purge_sessions(state.clock.now_ms()).await {
            tracing::warn!(cause = %api::problem::chain(&error), "old sessions stay for now");
        }
    }
}
