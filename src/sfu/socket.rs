//! One UDP socket with batches in both directions: `recvmmsg` in, `sendmmsg` with UDP GSO trains out.
#![allow(unsafe_code)]
// The one place that calls libc: `recvmmsg`, `sendmmsg`, `ppoll` and the GSO control message have no safe wrapper in the
// dependencies. Every pointer below points into a buffer that the same function owns or borrows for the length of the call.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::Duration;

use media::output::Batch;

/// Datagrams taken per system call.
const RECEIVE_BATCH: usize = 64;
/// No datagram of ours is larger than an Ethernet frame; a larger one is cut short and fails its integrity check.
const DATAGRAM_BYTES: usize = 2048;
/// Trains handed over per system call.
const SEND_BATCH: usize = 256;
/// Kernel buffers: a key frame to 300 receivers is about 10 MB; the kernel caps this at `net.core.*mem_max`.
const BUFFER_BYTES: usize = 8 << 20;

/// A bound, non-blocking socket and its receive buffers.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
    /// Set on a socket whose kernel or interface refuses UDP_SEGMENT: datagrams then go one by one.
    without_gso: bool,
    buffer: Vec<u8>,
    received: Vec<(usize, SocketAddr)>,
}

impl Socket {
    /// Binds. Port 0: any free port.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if address.is_ipv6() {
            // IPv4 has its own socket on the same port.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // Smaller buffers work too, only worse: what the kernel refuses is not worth failing for.
        let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(BUFFER_BYTES);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            local,
            without_gso: false,
            buffer: vec![0; RECEIVE_BATCH * DATAGRAM_BYTES],
            received: Vec::with_capacity(RECEIVE_BATCH),
        })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes what has come, at most one batch. Whether the batch was full: there may be more.
    pub fn receive(&mut self) -> bool {
        // SAFETY: all-zero bytes are valid values of these C structs.
        let mut names: [libc::sockaddr_storage; RECEIVE_BATCH] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut vectors: [libc::iovec; RECEIVE_BATCH] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; RECEIVE_BATCH] = unsafe { mem::zeroed() };
        let buffers = self.buffer.chunks_exact_mut(DATAGRAM_BYTES);
        for (((header, vector), name), buffer) in headers.iter_mut().zip(&mut vectors).zip(&mut names).zip(buffers) {
            vector.iov_base = buffer.as_mut_ptr().cast();
            vector.iov_len = buffer.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        }
        // SAFETY: the headers point to `vectors`, `names` and `self.buffer`, which outlive the call; the count is theirs.
        let count = unsafe {
            libc::recvmmsg(
                self.fd(),
                headers.as_mut_ptr(),
                RECEIVE_BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        self.received.clear();
        for (header, name) in headers.iter().zip(&names).take(count) {
            // An address family that is neither is skipped by a length of zero, so that indexes keep matching buffers.
            let (length, from) = match address(name) {
                Some(from) => (header.msg_len as usize, from),
                None => (0, SocketAddr::from(([0, 0, 0, 0], 0))),
            };
            self.received.push((length.min(DATAGRAM_BYTES), from));
        }
        count == RECEIVE_BATCH
    }

    /// The datagrams of the last [`Socket::receive`].
    pub fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        self.received
            .iter()
            .zip(self.buffer.chunks_exact_mut(DATAGRAM_BYTES))
            .filter(|((length, _), _)| *length > 0)
            .map(|((length, from), buffer)| (*from, &mut buffer[..*length]))
    }

    /// Sends the trains whose receivers have this socket's address family; gives how many datagrams the kernel refused.
    pub fn send(&mut self, batch: &Batch) -> u64 {
        let mut refused = 0;
        let is_ipv4 = self.local.is_ipv4();
        let mut trains = batch.trains().iter().filter(|train| train.to.is_ipv4() == is_ipv4).peekable();
        while trains.peek().is_some() {
            let mut messages = Vec::with_capacity(SEND_BATCH);
            while messages.len() < SEND_BATCH
                && let Some(train) = trains.next()
            {
                let bytes = &batch.slab()[train.start..train.start + train.length];
                if self.without_gso {
                    messages.extend(bytes.chunks(train.segment).map(|datagram| (train.to, datagram, datagram.len())));
                } else {
                    messages.push((train.to, bytes, train.segment));
                }
            }
            refused += self.send_messages(&messages);
        }
        refused
    }

    fn send_messages(&mut self, messages: &[(SocketAddr, &[u8], usize)]) -> u64 {
        /// Space of one control message with a 16-bit value.
        #[repr(C, align(8))]
        #[derive(Clone, Copy)]
        struct Control([u8; 24]);

        let mut names: Vec<(libc::sockaddr_storage, libc::socklen_t)> =
            messages.iter().map(|(to, ..)| sockaddr(*to)).collect();
        let mut vectors: Vec<libc::iovec> = messages
            .iter()
            .map(|(_, bytes, _)| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() })
            .collect();
        let mut controls = vec![Control([0; 24]); messages.len()];
        let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(messages.len());
        for (((name, vector), control), (_, bytes, segment)) in
            names.iter_mut().zip(&mut vectors).zip(&mut controls).zip(messages)
        {
            // SAFETY: all-zero bytes are a valid value of this C struct.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = ptr::from_mut(&mut name.0).cast();
            header.msg_hdr.msg_namelen = name.1;
            if *segment < bytes.len() {
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                // SAFETY: `control` is aligned and large enough for a header and a u16 (CMSG_SPACE(2) is 24 here), and
                // `msg_control` was set to it just above.
                unsafe {
                    header.msg_hdr.msg_controllen = libc::CMSG_SPACE(2) as _;
                    let message = libc::CMSG_FIRSTHDR(&header.msg_hdr);
                    (*message).cmsg_level = libc::SOL_UDP;
                    (*message).cmsg_type = libc::UDP_SEGMENT;
                    (*message).cmsg_len = libc::CMSG_LEN(2) as _;
                    ptr::write_unaligned(libc::CMSG_DATA(message).cast::<u16>(), *segment as u16);
                }
            }
            headers.push(header);
        }

        let mut refused = 0;
        let mut done = 0;
        let mut waited = false;
        while done < headers.len() {
            let rest = &mut headers[done..];
            // SAFETY: the headers point to `names`, `vectors`, `controls` and the batch's slab, which outlive the call.
            let sent = unsafe {
                libc::sendmmsg(self.fd(), rest.as_mut_ptr(), rest.len() as libc::c_uint, libc::MSG_DONTWAIT as _)
            };
            if let Ok(sent @ 1..) = usize::try_from(sent) {
                done += sent;
                waited = false;
                continue;
            }
            let error = io::Error::last_os_error();
            let (to, bytes, segment) = messages[done];
            match error.raw_os_error() {
                Some(libc::EINTR) => continue,
                Some(libc::EAGAIN) if !waited => {
                    // A full send buffer drains in microseconds; one wait, then it is loss like any other.
                    waited = true;
                    wait(&[self.fd()], libc::POLLOUT, Some(Duration::from_millis(2)));
                    continue;
                }
                Some(libc::EIO | libc::EINVAL | libc::EOPNOTSUPP | libc::EMSGSIZE) if segment < bytes.len() => {
                    // The interface cannot segment (no checksum offload): one by one, from now on.
                    self.without_gso = true;
                    for datagram in bytes.chunks(segment) {
                        refused += u64::from(self.socket.send_to(datagram, to).is_err());
                    }
                }
                // Unreachable receiver and the like: this train is lost, the others go on.
                _ => refused += bytes.len().div_ceil(segment) as u64,
            }
            done += 1;
        }
        refused
    }

    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Wakes a worker out of [`wait_readable`] from another thread.
#[derive(Debug)]
pub struct Waker {
    event: std::fs::File,
}

impl Waker {
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn new() -> io::Result<Self> {
        use std::os::fd::FromRawFd as _;
        // SAFETY: a plain system call.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(Self { event: unsafe { std::fs::File::from_raw_fd(fd) } })
    }

    pub fn wake(&self) {
        use std::io::Write as _;
        // A full counter means that the wake-up is already pending.
        let _ = (&self.event).write(&1u64.to_ne_bytes());
    }

    /// Takes all pending wake-ups.
    pub fn clear(&self) {
        use std::io::Read as _;
        let _ = (&self.event).read(&mut [0; 8]);
    }

    pub fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}

/// Waits until one of these can be read, or the time is over; `None`: as long as it takes.
pub fn wait_readable(fds: &[RawFd], time: Option<Duration>) {
    wait(fds, libc::POLLIN, time);
}

fn wait(fds: &[RawFd], events: libc::c_short, time: Option<Duration>) {
    let mut polled: Vec<libc::pollfd> = fds.iter().map(|fd| libc::pollfd { fd: *fd, events, revents: 0 }).collect();
    let time = time.map(|time| libc::timespec {
        tv_sec: time.as_secs().min(3600) as libc::time_t,
        tv_nsec: libc::c_long::from(time.subsec_nanos() as i32),
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `polled` and `time` outlive the call; the count is that of `polled`.
    unsafe {
        libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, time, ptr::null());
    }
}

fn sockaddr(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    let address = socket2::SockAddr::from(address);
    // SAFETY: all-zero bytes are a valid value of this C struct.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    // SAFETY: `address` holds `len` bytes of a socket address, never more than the storage.
    unsafe {
        ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            ptr::from_mut(&mut storage).cast::<u8>(),
            address.len() as usize,
        );
    }
    (storage, address.len())
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what the storage holds, and it is larger and aligned at least as strictly.
            let v4 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}

/// Every address of the machine's interfaces that is up: routable ones first, loopback last, link-local left out.
pub fn interface_addresses() -> Vec<IpAddr> {
    let mut head: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: the call fills `head` with a list that is freed below, and nothing of it is kept.
    if unsafe { libc::getifaddrs(&mut head) } != 0 {
        return vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    }
    let mut found = Vec::new();
    let mut next = head;
    while !next.is_null() {
        // SAFETY: a non-null entry of the list is valid until `freeifaddrs`.
        let entry = unsafe { &*next };
        next = entry.ifa_next;
        if entry.ifa_addr.is_null() || entry.ifa_flags & libc::IFF_UP as libc::c_uint == 0 {
            continue;
        }
        // SAFETY: the family says how long the address is; only that much is read.
        let ip = unsafe {
            match i32::from((*entry.ifa_addr).sa_family) {
                libc::AF_INET => {
                    let v4 = &*entry.ifa_addr.cast::<libc::sockaddr_in>();
                    Some(IpAddr::V4(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes())))
                }
                libc::AF_INET6 => {
                    let v6 = &*entry.ifa_addr.cast::<libc::sockaddr_in6>();
                    Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
                }
                _ => None,
            }
        };
        let usable = |ip: &IpAddr| match ip {
            IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_unspecified(),
            IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 != 0xfe80 && !v6.is_unspecified(),
        };
        found.extend(ip.filter(usable));
    }
    // SAFETY: `head` came from `getifaddrs` and is freed once.
    unsafe { libc::freeifaddrs(head) };
    found.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()));
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_one_socket_sends_the_other_receives_with_its_address() {
        let mut receiver = Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for byte in 0..3u8 {
            sender.send_to(&[byte; 5], receiver.local()).unwrap();
        }
        let mut got = Vec::new();
        while got.len() < 3 {
            wait_readable(&[receiver.fd()], Some(Duration::from_secs(5)));
            receiver.receive();
            got.extend(receiver.datagrams().map(|(from, bytes)| (from, bytes.to_vec())));
        }
        let from = sender.local_addr().unwrap();
        assert_eq!(got, (0..3u8).map(|byte| (from, vec![byte; 5])).collect::<Vec<_>>());
    }

    #[test]
    fn a_waker_ends_the_wait() {
        let waker = Waker::new().unwrap();
        waker.wake();
        wait_readable(&[waker.fd()], None);
        waker.clear();
    }

    #[test]
    fn the_machine_has_a_loopback_address_and_it_comes_last() {
        let found = interface_addresses();
        assert!(found.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(found.iter().skip_while(|ip| !ip.is_loopback()).all(IpAddr::is_loopback));
    }
}
