//! A set of descriptors of which some are ready: `epoll(7)`. The set is a descriptor itself, so that a worker without TCP
//! clients waits for three descriptors, and one with hundreds for three too.
#![allow(unsafe_code)]
// `epoll` has no safe wrapper in the dependencies that leaves waiting to the caller. Descriptors are passed by reference to
// what owns them, buffers live through the calls.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};

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
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: `events` lives through the call, the count is its length.
        let count = unsafe { libc::epoll_wait(self.fd(), events.as_mut_ptr(), EVENTS as libc::c_int, 0) };
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
