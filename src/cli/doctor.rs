//! `kafedra doctor`: what would keep the hub from working here, one plain line each: ok, warn or fail.

mod network;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use super::{Done, Failure};
use crate::api::server::open_files_limit;
use crate::app::open_store;
use crate::clock::WallClock;
use crate::config::Config;
use crate::store::audit;

/// The clock of a machine without a battery starts in 1970; nothing of ours is older than this (2026-01-01).
const EARLIEST_MS: i64 = 1_767_225_600_000;
const LATEST_MS: i64 = EARLIEST_MS + 50 * 366 * 86_400_000;

/// Open files that a school of 300 people online needs with room to spare.
const FILES_WANTED: u64 = 4096;

const SPACE_FAIL: u64 = 100 << 20;
const SPACE_WARN: u64 = 1 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Default)]
struct Report {
    failed: usize,
}

impl Report {
    fn line(&mut self, verdict: Verdict, what: &str, detail: impl std::fmt::Display) {
        let word = match verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        self.failed += usize::from(verdict == Verdict::Fail);
        println!("{word}  {what}: {detail}");
    }
}

pub async fn run(config: Config, clock: WallClock) -> Done {
    let mut report = Report::default();
    report.line(Verdict::Ok, "version", env!("CARGO_PKG_VERSION"));
    clock_line(&mut report, &clock);
    zone_line(&mut report);
    let is_running = listen_line(&mut report, config.server.listen);
    network::public_address(&mut report, &config, is_running);
    media_lines(&mut report, &config, is_running);
    network::udp(&mut report, &config, is_running).await;
    network::turn(&mut report, &config, clock.now_ms());
    network::redis(&mut report, &config).await;
    space_line(&mut report, &config.data.dir);
    files_line(&mut report);
    store_lines(&mut report, &config).await;
    match report.failed {
        0 => Ok(()),
        1 => Err(Failure::Work("1 check failed".into())),
        failed => Err(Failure::Work(format!("{failed} checks failed"))),
    }
}

fn clock_line(report: &mut Report, clock: &WallClock) {
    let now_ms = clock.now_ms();
    let time = crate::api::session::rfc3339(now_ms);
    if !(EARLIEST_MS..LATEST_MS).contains(&now_ms) {
        report.line(Verdict::Fail, "clock", time);
    } else if is_synchronised() == Some(false) {
        let hint = "no time server keeps it right; lessons open by this clock (chrony, systemd-timesyncd)";
        report.line(Verdict::Warn, "clock", format!("{time}; {hint}"));
    } else {
        report.line(Verdict::Ok, "clock", time);
    }
}

/// Whether the kernel says that a time server steers its clock; `None`: it does not tell.
#[allow(unsafe_code)]
fn is_synchronised() -> Option<bool> {
    let mut state = std::mem::MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: zeroed is valid for this C struct and asks to change nothing (`modes` 0); the call fills it and lives no longer
    // than it.
    let status = unsafe {
        if libc::adjtimex(state.as_mut_ptr()) < 0 {
            return None;
        }
        state.assume_init().status
    };
    Some(status & libc::STA_UNSYNC == 0)
}

fn zone_line(report: &mut Report) {
    match jiff::tz::TimeZone::get("Europe/Moscow") {
        Ok(_) => report.line(Verdict::Ok, "time zones", "known"),
        Err(error) => report.line(Verdict::Fail, "time zones", format!("{error}; install tzdata")),
    }
}

/// Whether a hub runs here.
fn listen_line(report: &mut Report, address: SocketAddr) -> bool {
    match TcpListener::bind(address) {
        Ok(_) => report.line(Verdict::Ok, "listen", address),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && network::is_hub(address) => {
            report.line(Verdict::Ok, "listen", format!("{address}: a hub runs there"));
            return true;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            report.line(Verdict::Fail, "listen", format!("{address} is taken by something that is no hub"));
        }
        Err(error) => report.line(Verdict::Fail, "listen", format!("{address}: {error}")),
    }
    false
}

fn media_lines(report: &mut Report, config: &Config, is_running: bool) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = if config.media.workers == 0 { cores } else { usize::from(config.media.workers) };
    for worker in 0..workers {
        let port = match config.media.udp_port {
            0 => 0,
            first => first.saturating_add(worker as u16),
        };
        port_lines(report, config, &format!("UDP for worker {worker}"), Type::DGRAM, port, is_running);
    }
    match config.media.bound_tcp_port() {
        Some(port) => port_lines(report, config, "TCP for media", Type::STREAM, port, is_running),
        None => {
            let hint = "off (media.tcp); clients whose network lets no UDP through need a relay";
            report.line(Verdict::Warn, "TCP for media", hint);
        }
    }
    let is_local = config.media.advertise.iter().all(IpAddr::is_loopback) && !config.media.advertise.is_empty();
    if is_local {
        report.line(Verdict::Warn, "media address", "only this machine can reach it; set media.advertise");
    }
}

/// A port on every address that media binds.
fn port_lines(report: &mut Report, config: &Config, what: &str, kind: Type, port: u16, is_running: bool) {
    for address in &config.media.bind {
        let address = SocketAddr::new(*address, port);
        match bind(address, kind) {
            Ok(()) => report.line(Verdict::Ok, what, address),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && is_running => {
                report.line(Verdict::Ok, what, format!("{address}: the running hub has it"));
            }
            // As the hub does: a machine without one family is no reason not to start.
            Err(error) if address.ip().is_unspecified() && lacks_family(&error) => {
                report.line(Verdict::Ok, what, format!("{address}: left out, this machine lacks the family"));
            }
            Err(error) => report.line(Verdict::Fail, what, format!("{address}: {error}")),
        }
    }
}

fn bind(address: SocketAddr, kind: Type) -> std::io::Result<()> {
    let protocol = if kind == Type::STREAM { Protocol::TCP } else { Protocol::UDP };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // As the hub does: connections of its last life may linger.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())
}

fn lacks_family(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

fn space_line(report: &mut Report, folder: &Path) {
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let Some(free) = free_bytes(existing) else {
        report.line(Verdict::Warn, "disk space", format!("{}: the system does not tell", existing.display()));
        return;
    };
    let verdict = match free {
        free if free < SPACE_FAIL => Verdict::Fail,
        free if free < SPACE_WARN => Verdict::Warn,
        _ => Verdict::Ok,
    };
    report.line(verdict, "disk space", format!("{} MB free for {}", free >> 20, folder.display()));
}

/// Bytes that an ordinary user can still write to the file system of `path`.
#[allow(unsafe_code)]
fn free_bytes(path: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut stats = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the name ends in NUL and lives through the call; on success (0) the call has filled the struct.
    unsafe {
        if libc::statvfs(name.as_ptr(), stats.as_mut_ptr()) != 0 {
            return None;
        }
        let stats = stats.assume_init();
        Some(stats.f_bavail.saturating_mul(stats.f_frsize))
    }
}

fn files_line(report: &mut Report) {
    match open_files_limit() {
        Some(limit) if limit < FILES_WANTED => {
            report.line(Verdict::Warn, "open files", format!("{limit} at once; {FILES_WANTED} are better (ulimit -n)"));
        }
        Some(limit) => report.line(Verdict::Ok, "open files", format!("{limit} at once")),
        None => report.line(Verdict::Warn, "open files", "the system does not tell"),
    }
}

async fn store_lines(report: &mut Report, config: &Config) {
    if config.data.database.is_empty() && !config.data.dir.join("kafedra.db").exists() {
        report.line(Verdict::Ok, "store", format!("not there yet, will be made in {}", config.data.dir.display()));
        return;
    }
    let store = match open_store(config).await {
        Ok(store) => store,
        Err(error) => {
            report.line(Verdict::Fail, "store", crate::api::problem::chain(&error));
            return;
        }
    };
    match store.write(|_| Box::pin(async { Ok::<(), crate::store::StoreError>(()) })).await {
        Ok(()) => report.line(Verdict::Ok, "store", "opens, is whole and can be written"),
        Err(error) => report.line(Verdict::Fail, "store", crate::api::problem::chain(&error)),
    }
    match audit::verify(&store).await {
        Ok(found) if found.is_intact() => report.line(Verdict::Ok, "journal", format!("{} rows, intact", found.rows)),
        Ok(found) => report.line(Verdict::Fail, "journal", format!("changed in {} places", found.broken.len())),
        Err(error) => report.line(Verdict::Fail, "journal", crate::api::problem::chain(&error)),
    }
    store.close().await;
}
