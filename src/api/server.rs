//! The accept loop: hyper for each connection, with the bounds that `axum::serve` lacks (measured: a partial header stayed
//! open for more than 70 s there, and at the limit of open files nobody was answered any more).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::auth::PeerAddress;

/// First byte and whole head of a request, and idling between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest head of a request.
const HEAD_BYTES: usize = 64 << 10;

/// Bytes of one connection that the kernel takes and has not sent yet.
const MOST_UNSENT: u32 = 64 << 10;

/// Files that are kept free of connections: database, sockets of media, logs.
const SPARE_FILES: u64 = 500;

/// Open connections, for `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<AtomicUsize>);

impl Connections {
    pub fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted(Connections);

/// A connection's place under the cap, in the extensions of its requests. Whoever takes the connection over (an upgrade)
/// keeps a clone: hyper lets go of its own then.
#[derive(Clone)]
pub struct Place {
    _held: Arc<(OwnedSemaphorePermit, Counted)>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves until `stop` turns true, then lets running requests finish for `grace`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    max_connections: usize,
    connections: Connections,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) {
    let permits = Arc::new(Semaphore::new(max_connections));
    let running = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of files or memory: without a pause this loop would spin.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // One too many is closed at once: everybody else goes on being served.
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            metrics::counter!("kafedra_connections_refused_total").increment(1);
            continue;
        };
        connections.0.fetch_add(1, Ordering::Relaxed);
        let place = Place { _held: Arc::new((permit, Counted(connections.clone()))) };
        running.spawn(connection(stream, PeerAddress(peer), place, router.clone(), stop.clone()));
    }
    drop(listener);
    running.close();
    if tokio::time::timeout(grace, running.wait()).await.is_err() {
        tracing::warn!("connections were still open after the grace period");
    }
}

/// One connection until it closes, is upgraded, or has finished its request after `stop`. Resets, timeouts and bad heads
/// are the client's affair.
async fn connection(
    stream: TcpStream,
    peer: PeerAddress,
    place: Place,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    // Signaling is small messages that must not wait for each other.
    let _ = stream.set_nodelay(true);
    // What a slow reader leaves unsent waits in an outbox, which has a bound, not in megabytes of the kernel.
    let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(MOST_UNSENT);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(place.clone());
        router.clone().oneshot(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Connections that this process can hold: the setting, or the limit of open files less what the hub itself needs and what
/// `media` may take at most, of which no more than a quarter is kept free.
pub fn max_connections(setting: u32, media: usize) -> usize {
    if setting > 0 {
        return setting as usize;
    }
    share_of_files(open_files_limit().unwrap_or(1024), media as u64)
}

fn share_of_files(files: u64, media: u64) -> usize {
    files.saturating_sub(SPARE_FILES).saturating_sub(media.min(files / 4)).clamp(64, 1 << 20) as usize
}

/// The soft limit of open files, raised to the hard one; `None`: the system does not tell.
#[allow(unsafe_code)]
pub fn open_files_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls read or write the one struct that is passed and lives on this stack.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return None;
        }
        if limit.rlim_cur < limit.rlim_max {
            let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raised) == 0 {
                limit = raised;
            }
        }
    }
    Some(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::share_of_files;

    #[test]
    fn connections_leave_files_for_the_hub_and_for_media_over_tcp() {
        assert_eq!(share_of_files(20_000, 0), 19_500);
        assert_eq!(share_of_files(20_000, 4_096), 15_404);
        assert_eq!(share_of_files(20_000, 1 << 19), 14_500, "not more than a quarter");
        assert_eq!(share_of_files(256, 4_096), 64);
    }
}
