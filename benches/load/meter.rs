//! What processor time costs: of a process, of a thread, and of one `xcal`, the yardstick that takes out the machine's
//! speed and its noise.
#![allow(unsafe_code)]
// `clock_gettime` on another process's clock has no safe wrapper in the dependencies; the call writes into one local value.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of the calibration's datagram.
const BYTES: usize = 1200;
/// Round trips per sample, and the pause between samples: about 1 % of one processor.
const ROUNDS: usize = 64;
const PAUSE: Duration = Duration::from_millis(20);

fn read_clock(clock: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes into `time`, which outlives the call.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    (result == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Processor time of a process, all threads that are or were, in user space and kernel. Zero: it is gone.
pub fn process_cpu(pid: u32) -> Duration {
    // What `clock_getcpuclockid` computes: the scheduler's clock of that process.
    read_clock(((!(pid as libc::clockid_t)) << 3) | 2).unwrap_or_default()
}

fn thread_cpu() -> Duration {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default()
}

/// The wall clock in nanoseconds, the one in which the kernel stamps arrivals.
pub fn wall_ns() -> u64 {
    read_clock(libc::CLOCK_REALTIME).unwrap_or_default().as_nanos() as u64
}

/// Resident bytes of a process.
pub fn resident_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// Samples the CPU of one 1200-byte loopback send and receive for as long as it lives.
pub struct Xcal {
    ends: Arc<AtomicBool>,
    spent_ns: Arc<AtomicU64>,
    rounds: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Xcal {
    pub fn start() -> Self {
        let (ends, spent_ns, rounds) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let shared = (ends.clone(), spent_ns.clone(), rounds.clone());
        let thread = std::thread::spawn(move || {
            let (ends, spent_ns, rounds) = shared;
            let receiver = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            let sender = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            sender.connect(receiver.local_addr().expect("bound")).expect("loopback");
            let mut buffer = [7u8; BYTES];
            while !ends.load(Ordering::Relaxed) {
                let before = thread_cpu();
                for _ in 0..ROUNDS {
                    sender.send(&buffer).expect("loopback takes it");
                    receiver.recv(&mut buffer).expect("loopback gives it");
                }
                spent_ns.fetch_add((thread_cpu() - before).as_nanos() as u64, Ordering::Relaxed);
                rounds.fetch_add(ROUNDS as u64, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        });
        Self { ends, spent_ns, rounds, thread: Some(thread) }
    }

    /// So far: time spent and round trips.
    pub fn mark(&self) -> (u64, u64) {
        (self.spent_ns.load(Ordering::Relaxed), self.rounds.load(Ordering::Relaxed))
    }

    /// Microseconds of one xcal since a mark.
    pub fn since(&self, mark: (u64, u64)) -> f64 {
        let (spent, rounds) = self.mark();
        (spent - mark.0) as f64 / (rounds - mark.1).max(1) as f64 / 1e3
    }
}

impl Drop for Xcal {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
