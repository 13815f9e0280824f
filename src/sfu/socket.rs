//! One UDP socket with batches in both directions: `recvmmsg` in, `sendmmsg` with UDP GSO trains out.
#![allow(unsafe_code)]
// The one place that calls libc: `recvmmsg`, `sendmmsg`, `ppoll` and the GSO control message have no safe wrapper in the
// dependencies. Every pointer below points into a buffer that the same function owns or borrows for the length of the call.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::Duration;

use media::output::Batch;
use media::path::{Path, Protocol};

/// Datagrams taken per system call.
const RECEIVE_BATCH: usize = 64;
/// No datagram of ours is larger than an Ethernet frame; a larger one is cut short and fails its integrity check.
const DATAGRAM_BYTES: usize = 2048;
/// Trains handed over per system call: what a call costs is small beside 64 trains, and their headers fit the stack.
const SEND_BATCH: usize = 64;
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
    received: Vec<(usize, Path)>,
    /// Bound to every address: the kernel then tells which one was asked, and is told which one answers.
    is_wildcard: bool,
}

/// One train, or one datagram, on its way out.
#[derive(Clone, Copy)]
struct Message<'a> {
    to: Path,
    bytes: &'a [u8],
    segment: usize,
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
        let is_wildcard = local.ip().is_unspecified();
        if is_wildcard {
            tell_asked_address(&socket, local.is_ipv4())?;
        }
        Ok(Self {
            socket,
            local,
            is_wildcard,
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
        let mut controls = [Control::default(); RECEIVE_BATCH];
        let buffers = self.buffer.chunks_exact_mut(DATAGRAM_BYTES);
        let places = headers.iter_mut().zip(&mut vectors).zip(&mut names).zip(&mut controls);
        for ((((header, vector), name), control), buffer) in places.zip(buffers) {
            vector.iov_base = buffer.as_mut_ptr().cast();
            vector.iov_len = buffer.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            if self.is_wildcard {
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = mem::size_of::<Control>() as _;
            }
        }
        // SAFETY: the headers point to `vectors`, `names`, `controls` and `self.buffer`, which outlive the call; the count is
        // theirs.
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
            let (length, remote) = match address(name) {
                Some(from) => (header.msg_len as usize, from),
                None => (0, SocketAddr::from(([0, 0, 0, 0], 0))),
            };
            let local = if self.is_wildcard { asked_address(&header.msg_hdr) } else { None };
            let local = local.map_or(self.local, |ip| SocketAddr::new(ip, self.local.port()));
            self.received.push((length.min(DATAGRAM_BYTES), Path::udp(local, remote)));
        }
        count == RECEIVE_BATCH
    }

    /// The datagrams of the last [`Socket::receive`].
    pub fn datagrams(&mut self) -> impl Iterator<Item = (Path, &mut [u8])> {
        self.received
            .iter()
            .zip(self.buffer.chunks_exact_mut(DATAGRAM_BYTES))
            .filter(|((length, _), _)| *length > 0)
            .map(|((length, path), buffer)| (*path, &mut buffer[..*length]))
    }

    /// Whether datagrams of this path leave by this socket.
    fn owns(&self, path: &Path) -> bool {
        let is_mine =
            path.local.ip() == self.local.ip() || (self.is_wildcard && path.local.is_ipv4() == self.local.is_ipv4());
        path.protocol == Protocol::Udp && is_mine && path.local.port() == self.local.port()
    }

    /// Sends the trains whose paths are this socket's; gives how many datagrams the kernel refused.
    pub fn send(&mut self, batch: &Batch) -> u64 {
        let Some(first) = batch.trains().first() else { return 0 };
        let mut refused = 0;
        let mut messages = [Message { to: first.to, bytes: &[], segment: 0 }; SEND_BATCH];
        let mut count = 0;
        for train in batch.trains() {
            if !self.owns(&train.to) {
                continue;
            }
            let bytes = &batch.slab()[train.start..train.start + train.length];
            let piece = if self.without_gso { train.segment } else { bytes.len() };
            for bytes in bytes.chunks(piece) {
                messages[count] = Message { to: train.to, bytes, segment: train.segment };
                count += 1;
                if count == SEND_BATCH {
                    refused += self.send_messages(&messages);
                    count = 0;
                }
            }
        }
        if count > 0 {
            refused += self.send_messages(&messages[..count]);
        }
        refused
    }

    /// Sends at most [`SEND_BATCH`] messages, with all that the call needs on the stack.
    fn send_messages(&mut self, messages: &[Message<'_>]) -> u64 {
        // SAFETY: all-zero bytes are valid values of these C structs.
        let mut names: [libc::sockaddr_in6; SEND_BATCH] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut vectors: [libc::iovec; SEND_BATCH] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; SEND_BATCH] = unsafe { mem::zeroed() };
        let mut controls = [Control::default(); SEND_BATCH];
        let places = headers.iter_mut().zip(&mut names).zip(&mut vectors).zip(&mut controls);
        for ((((header, name), vector), control), message) in places.zip(messages) {
            vector.iov_base = message.bytes.as_ptr().cast_mut().cast();
            vector.iov_len = message.bytes.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_namelen = write_address(message.to.remote, name);
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            let segment = (message.segment < message.bytes.len()).then_some(message.segment as u16);
            let source = self.is_wildcard.then_some(message.to.local.ip());
            let length = control.write(segment, source);
            if length > 0 {
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = length as _;
            }
        }

        let headers = &mut headers[..messages.len()];
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
            let train = messages[done];
            let Message { bytes, segment, .. } = train;
            match error.raw_os_error() {
                Some(libc::EINTR) => continue,
                Some(libc::EAGAIN) if !waited => {
                    // A full send buffer drains in microseconds; one wait, then it is loss like any other.
                    waited = true;
                    let mut polled = [libc::pollfd { fd: self.fd(), events: libc::POLLOUT, revents: 0 }];
                    wait(&mut polled, Some(Duration::from_millis(2)));
                    continue;
                }
                Some(libc::EIO | libc::EOPNOTSUPP) if segment < bytes.len() => {
                    // The interface cannot segment (no checksum offload): one by one, from now on.
                    self.without_gso = true;
                    refused += self.send_singly(train);
                }
                Some(libc::EINVAL | libc::EMSGSIZE) if segment < bytes.len() => {
                    // The way to this receiver is narrower than a segment, which the kernel then does not cut: one by one,
                    // to this receiver, now. No peer can take the trains from the others.
                    refused += self.send_singly(train);
                }
                // Unreachable receiver and the like: this train is lost, the others go on.
                _ => refused += bytes.len().div_ceil(segment) as u64,
            }
            done += 1;
        }
        refused
    }

    /// Sends the datagrams of one train without segmentation.
    fn send_singly(&mut self, train: Message<'_>) -> u64 {
        let single = |bytes| Message { bytes, ..train };
        train.bytes.chunks(train.segment).map(|bytes| self.send_messages(&[single(bytes)])).sum()
    }

    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Space for the control messages of one datagram: a segment size and a packet info.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 64]);

impl Default for Control {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Control {
    /// Writes the segment size of a train and the address it leaves from; gives the bytes used.
    fn write(&mut self, segment: Option<u16>, source: Option<IpAddr>) -> usize {
        let mut used = 0;
        if let Some(segment) = segment {
            used += self.push(used, libc::SOL_UDP, libc::UDP_SEGMENT, &segment.to_ne_bytes());
        }
        match source {
            Some(IpAddr::V4(ip)) => {
                // `in_pktinfo`: interface (any), the address to send from, one that only counts when receiving.
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&ip.octets());
                used += self.push(used, libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            Some(IpAddr::V6(ip)) => {
                // `in6_pktinfo`: the address to send from, interface (any: the receiver's scope says it where it matters).
                let mut info = [0; 20];
                info[..16].copy_from_slice(&ip.octets());
                used += self.push(used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
            None => {}
        }
        used
    }

    /// Appends one message; gives its bytes with padding.
    fn push(&mut self, at: usize, level: libc::c_int, kind: libc::c_int, value: &[u8]) -> usize {
        // SAFETY: plain arithmetic.
        let (space, length) =
            unsafe { (libc::CMSG_SPACE(value.len() as _) as usize, libc::CMSG_LEN(value.len() as _) as usize) };
        assert!(at + space <= self.0.len(), "two messages fit: 24 + 40 bytes");
        let header = mem::size_of::<libc::cmsghdr>();
        // SAFETY: the place is inside the buffer (asserted), aligned (the buffer is, and every space is a multiple of it);
        // a header and the value are written into it.
        unsafe {
            let message = self.0.as_mut_ptr().add(at).cast::<libc::cmsghdr>();
            (*message).cmsg_level = level;
            (*message).cmsg_type = kind;
            (*message).cmsg_len = length as _;
            ptr::copy_nonoverlapping(value.as_ptr(), self.0.as_mut_ptr().add(at + header), value.len());
        }
        space
    }
}

/// Lets the kernel say with each datagram which of our addresses was asked.
fn tell_asked_address(socket: &UdpSocket, is_ipv4: bool) -> io::Result<()> {
    let (level, option) =
        if is_ipv4 { (libc::IPPROTO_IP, libc::IP_PKTINFO) } else { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) };
    let on: libc::c_int = 1;
    // SAFETY: the option's value is an int that lives through the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&on).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Which of our addresses a datagram was sent to.
fn asked_address(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel has filled the header's control buffer with whole messages; the macros walk it within its length,
    // and the type of each message says what its data is. Data may be unaligned for its type.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = ptr::read_unaligned(libc::CMSG_DATA(message).cast::<libc::in_pktinfo>());
                    return Some(IpAddr::V4(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = ptr::read_unaligned(libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>());
                    return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                }
                _ => message = libc::CMSG_NXTHDR(header, message),
            }
        }
    }
    None
}

/// Wakes a worker out of [`Poller::wait`] from another thread.
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

/// What a thread waits for; the list is made once.
pub struct Poller {
    polled: Vec<libc::pollfd>,
}

impl Poller {
    pub fn new(fds: impl IntoIterator<Item = RawFd>) -> Self {
        let polled = fds.into_iter().map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
        Self { polled }
    }

    /// Waits until one of these can be read, or the time is over; `None`: as long as it takes.
    pub fn wait(&mut self, time: Option<Duration>) {
        wait(&mut self.polled, time);
    }

    /// Whether the descriptor in this place could be read then, or has failed.
    pub fn is_ready(&self, place: usize) -> bool {
        self.polled.get(place).is_some_and(|polled| polled.revents != 0)
    }
}

fn wait(polled: &mut [libc::pollfd], time: Option<Duration>) {
    for polled in polled.iter_mut() {
        polled.revents = 0;
    }
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

/// Writes an address in the kernel's form; gives how long that is.
fn write_address(address: SocketAddr, name: &mut libc::sockaddr_in6) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            let name: *mut libc::sockaddr_in = ptr::from_mut(name).cast();
            // SAFETY: an IPv4 name is shorter than an IPv6 one and aligned no more strictly; every field of it is written.
            unsafe {
                *name = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
            }
            mem::size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            *name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
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
            // A link-local address is none without its interface.
            Some(SocketAddr::V6(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id)))
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
            Poller::new([receiver.fd()]).wait(Some(Duration::from_secs(5)));
            receiver.receive();
            got.extend(receiver.datagrams().map(|(path, bytes)| (path.remote, bytes.to_vec())));
        }
        let from = sender.local_addr().unwrap();
        assert_eq!(got, (0..3u8).map(|byte| (from, vec![byte; 5])).collect::<Vec<_>>());
    }

    /// What a client that asks `asked` hears from, of a socket bound to all addresses; trains and single datagrams.
    fn check_answers_from(wildcard: &str, asked: &str) {
        let asked: IpAddr = asked.parse().unwrap();
        let mut hub = Socket::bind(SocketAddr::new(wildcard.parse().unwrap(), 0)).unwrap();
        let to = SocketAddr::new(asked, hub.local().port());
        let client = UdpSocket::bind(SocketAddr::new(asked, 0)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client.send_to(b"which of you?", to).unwrap();
        Poller::new([hub.fd()]).wait(Some(Duration::from_secs(5)));
        hub.receive();
        let (path, _) = hub.datagrams().next().unwrap();
        assert_eq!(path, Path::udp(to, client.local_addr().unwrap()));
        for lengths in [&[7_usize][..], &[9, 9, 9, 4]] {
            let mut batch = Batch::default();
            for length in lengths {
                batch.push(path, &vec![1; *length]);
            }
            assert_eq!(hub.send(&batch), 0);
            for length in lengths {
                assert_eq!(client.recv_from(&mut [0; 64]).unwrap(), (*length, to));
            }
        }
    }

    #[test]
    fn a_socket_on_all_addresses_answers_from_the_one_that_was_asked() {
        // The kernel by itself would answer 127.0.0.1 with 127.0.0.1 in each case.
        check_answers_from("0.0.0.0", "127.0.0.1");
        check_answers_from("0.0.0.0", "127.0.0.77");
        if UdpSocket::bind("[::1]:0").is_ok() {
            check_answers_from("::", "::1");
        }
    }

    #[test]
    fn a_waker_ends_the_wait() {
        let waker = Waker::new().unwrap();
        waker.wake();
        Poller::new([waker.fd()]).wait(None);
        waker.clear();
    }

    #[test]
    fn the_machine_has_a_loopback_address_and_it_comes_last() {
        let found = interface_addresses();
        assert!(found.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(found.iter().skip_while(|ip| !ip.is_loopback()).all(IpAddr::is_loopback));
    }
}
