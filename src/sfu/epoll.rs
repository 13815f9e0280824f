//! A set of descriptors of which some are ready: `epoll(7)`. The set is a descriptor itself, so that a worker without TCP
//! clients waits for three descriptors, and one with hundreds for three too.
#![allow(unsafe_code)]
// `epoll` has no safe wrapper in the dependencies that leaves waiting to the caller. Descriptors are passed by reference to
// what owns them, buffers live through the calls.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};

/// Events taken per call.
const EVENTS: usize = 64;

/// What a descriptor is watched for. Errors and hang-ups always wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    Read,
    ReadAndWrite,
    /// Reading, and only one of several processes or threads that watch the same descriptor is woken.
    Shared,
}

impl Interest {
    fn flags(self) -> u32 {
        let flags = match self {
            Self::Read => libc::EPOLLIN,
            Self::ReadAndWrite => libc::EPOLLIN | libc::EPOLLOUT,
            Self::Shared => libc::EPOLLIN | libc::EPOLLEXCLUSIVE,
        };
        flags as u32
    }
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// As given when it was added.
    pub token: u64,
    /// There is something to read, an end or an error among it.
    pub can_read: bool,
    pub can_write: bool,
}

#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a plain system call.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Watches a descriptor. It leaves the set by itself when it is closed.
    ///
    /// # Errors
    /// When it is in the set already, or the system is out of watches.
    pub fn add(&self, what: &impl AsRawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, what, token, interest)
    }

    /// # Errors
    /// When the descriptor is not in the set.
    pub fn change(&self, what: &impl AsRawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, what, token, interest)
    }

    /// # Errors
    /// When the descriptor is not in the set.
    pub fn remove(&self, what: &impl AsRawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, what, 0, Interest::Read)
    }

    fn control(&self, operation: libc::c_int, what: &impl AsRawFd, token: u64, interest: Interest) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest.flags(), u64: token };
        // SAFETY: `event` lives through the call, both descriptors are open.
        let result = unsafe { libc::epoll_ctl(self.fd(), operation, what.as_raw_fd(), &mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// What is ready now, at most 64 of it; does not wait.
    pub fn ready(&self, found: &mut Vec<Ready>) {
        self.take(found, 0);
    }

    /// Waits until something is ready, an [`Alarm`] for example. Gives at most 64 of it; nothing when a signal came.
    pub fn wait(&self, found: &mut Vec<Ready>) {
        self.take(found, -1);
    }

    fn take(&self, found: &mut Vec<Ready>, ms: libc::c_int) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: `events` lives through the call, the count is its length.
        let count = unsafe { libc::epoll_wait(self.fd(), events.as_mut_ptr(), EVENTS as libc::c_int, ms) };
        found.clear();
        found.extend(events.iter().take(usize::try_from(count).unwrap_or(0)).map(|event| {
            let (token, flags) = (event.u64, event.events);
            let is_over = (libc::EPOLLERR | libc::EPOLLHUP | libc::EPOLLRDHUP) as u32;
            Ready {
                token,
                can_read: flags & (libc::EPOLLIN as u32 | is_over) != 0,
                can_write: flags & libc::EPOLLOUT as u32 != 0,
            }
        }));
    }
}

/// A descriptor that becomes readable at a time: `timerfd(2)`. A thread that waits a thousand times a second for packets sets
/// it some fifty times, where a time limit for each wait would have the kernel set and clear a timer each time.
#[derive(Debug)]
pub struct Alarm {
    fd: OwnedFd,
    /// When it rings; `None`: it does not.
    set: Option<Instant>,
}

impl Alarm {
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a plain system call.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) }, set: None })
    }

    /// Lets it ring at this time or before: one that was set for earlier stays, and rings for nothing.
    pub fn ring_by(&mut self, now: Instant, at: Instant) {
        if self.set.is_some_and(|set| now < set && set <= at) {
            return;
        }
        // Zero would stop it.
        let rest = at.saturating_duration_since(now).max(Duration::from_nanos(1));
        let rest = libc::timespec {
            tv_sec: rest.as_secs().min(3600) as libc::time_t,
            tv_nsec: libc::c_long::from(rest.subsec_nanos() as i32),
        };
        let time = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: rest };
        // SAFETY: `time` lives through the call; what was set before is not asked for.
        let result = unsafe { libc::timerfd_settime(self.fd.as_raw_fd(), 0, &time, ptr::null_mut()) };
        debug_assert!(result == 0, "the descriptor and the time are valid");
        self.set = Some(at);
    }

    /// It has rung.
    pub fn clear(&mut self) {
        let mut count = [0u8; 8];
        // SAFETY: `count` lives through the call, the length is its. Nothing to read: it was set anew meanwhile.
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        self.set = None;
    }
}

impl AsRawFd for Alarm {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_alarm_rings_at_the_earliest_of_the_times_it_was_set_for_and_again() {
        let epoll = Epoll::new().unwrap();
        let mut alarm = Alarm::new().unwrap();
        epoll.add(&alarm, 7, Interest::Read).unwrap();
        let mut ready = Vec::new();
        // Times are told; what the test waits for is the alarm itself.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let far = start + Duration::from_secs(1000);
        for rings in 1..4 {
            alarm.ring_by(start, far);
            epoll.ready(&mut ready);
            assert_eq!(ready, [], "{rings}");
            // Long past by the time it is set: it rings at once. What is later does not put it off.
            alarm.ring_by(start, start);
            alarm.ring_by(start - Duration::from_secs(1), far);
            epoll.wait(&mut ready);
            assert_eq!(ready.iter().map(|ready| ready.token).collect::<Vec<_>>(), [7]);
            alarm.clear();
        }
        epoll.ready(&mut ready);
        assert_eq!(ready, [], "it rings once");
    }
}
