//! The clients' sockets: one UDP port each, many datagrams per system call, arrivals stamped by the kernel so that a busy
//! load generator does not count as the server's delay.
#![allow(unsafe_code)]
// `recvmmsg`, `sendmmsg` and `epoll` have no safe wrapper in the dependencies. Every pointer points into a buffer that the
// same value owns or that is borrowed for the length of the call.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// Datagrams taken per system call.
const BATCH: usize = 64;
const DATAGRAM_BYTES: usize = 2048;
const CONTROL_BYTES: usize = 64;

/// A connected, non-blocking socket.
pub struct Port(UdpSocket);

impl Port {
    /// Binds a free port of an address.
    ///
    /// # Errors
    /// When the process is out of descriptors, or the address is not the machine's.
    pub fn bind(ip: IpAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        // The client may be late by a whole key frame: what it drops would be counted as the server's loss.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        Ok(Self(socket))
    }

    pub fn connect(&self, server: SocketAddr) -> io::Result<()> {
        self.0.connect(server)
    }

    /// Arrivals come with the kernel's time from now on.
    pub fn stamp(&self) {
        let on: libc::c_int = 1;
        // SAFETY: `on` outlives the call and has the size that is told.
        unsafe {
            libc::setsockopt(
                self.fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPNS,
                ptr::from_ref(&on).cast(),
                mem::size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub fn send(&self, datagram: &[u8]) {
        // A full buffer on loopback loses the datagram; the receivers' counts tell.
        let _ = self.0.send(datagram);
    }

    /// Sends several datagrams with one system call.
    pub fn send_all(&self, datagrams: &[Vec<u8>]) {
        for datagrams in datagrams.chunks(BATCH) {
            // SAFETY: all-zero bytes are valid values of these C structs.
            let mut vectors: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
            // SAFETY: as above.
            let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
            for ((header, vector), datagram) in headers.iter_mut().zip(&mut vectors).zip(datagrams) {
                vector.iov_base = datagram.as_ptr().cast_mut().cast();
                vector.iov_len = datagram.len();
                header.msg_hdr.msg_iov = vector;
                header.msg_hdr.msg_iovlen = 1;
            }
            // SAFETY: the headers point to `vectors` and `datagrams`, which outlive the call.
            unsafe { libc::sendmmsg(self.fd(), headers.as_mut_ptr(), datagrams.len() as libc::c_uint, 0) };
        }
    }
}

/// Receive buffers, used for one socket after the other.
pub struct Inbox {
    buffer: Vec<u8>,
    control: Vec<u64>,
    /// Length and arrival (wall clock, 0: not stamped) of each datagram.
    received: Vec<(usize, u64)>,
}

impl Inbox {
    pub fn new() -> Self {
        Self {
            buffer: vec![0; BATCH * DATAGRAM_BYTES],
            control: vec![0; BATCH * CONTROL_BYTES / 8],
            received: Vec::with_capacity(BATCH),
        }
    }

    /// Takes what has come on a socket, at most one batch. Whether there may be more.
    pub fn receive(&mut self, port: &Port) -> bool {
        // SAFETY: all-zero bytes are valid values of these C structs.
        let mut vectors: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        let buffers = self.buffer.chunks_exact_mut(DATAGRAM_BYTES);
        let controls = self.control.chunks_exact_mut(CONTROL_BYTES / 8);
        for (((header, vector), buffer), control) in headers.iter_mut().zip(&mut vectors).zip(buffers).zip(controls) {
            vector.iov_base = buffer.as_mut_ptr().cast();
            vector.iov_len = buffer.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        // SAFETY: the headers point to `vectors` and the buffers of `self`, which outlive the call.
        let count = unsafe {
            libc::recvmmsg(
                port.fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        self.received.clear();
        for header in headers.iter().take(count) {
            self.received.push(((header.msg_len as usize).min(DATAGRAM_BYTES), arrival(&header.msg_hdr)));
        }
        count == BATCH
    }

    /// The datagrams of the last [`Inbox::receive`], with their arrival.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (u64, &mut [u8])> {
        self.received
            .iter()
            .zip(self.buffer.chunks_exact_mut(DATAGRAM_BYTES))
            .map(|((length, arrival), buffer)| (*arrival, &mut buffer[..*length]))
    }
}

fn arrival(header: &libc::msghdr) -> u64 {
    // SAFETY: the kernel filled `msg_control` and `msg_controllen` of this header, and the buffer is still there.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null() || (*message).cmsg_type != libc::SCM_TIMESTAMPNS {
            return 0;
        }
        let time: libc::timespec = ptr::read_unaligned(libc::CMSG_DATA(message).cast());
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

/// Which of many sockets have something.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poll {
    pub fn new() -> Self {
        // SAFETY: a plain system call; the descriptor belongs to nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
        Self { epoll, events: vec![libc::epoll_event { events: 0, u64: 0 }; 512] }
    }

    pub fn add(&self, port: &Port, number: usize) {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number as u64 };
        // SAFETY: `event` outlives the call. A closed socket leaves the set by itself.
        unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, port.fd(), &mut event) };
    }

    /// Waits; gives the numbers of the sockets that have something.
    pub fn wait(&mut self, time: Duration) -> impl Iterator<Item = usize> {
        let time = libc::timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos() as _ };
        // SAFETY: the events and `time` outlive the call. The plain system call, for old C libraries lack the wrapper.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                ptr::from_ref(&time),
                ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        self.events[..usize::try_from(count).unwrap_or(0)].iter().map(|event| event.u64 as usize)
    }
}
