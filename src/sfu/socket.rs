//! One UDP socket with batches in both directions: `recvmmsg` in, `sendmmsg` with UDP GSO trains out.
#![allow(unsafe_code)]
// The one place that calls libc: `recvmmsg`, `sendmmsg`, `ppoll` and the GSO control message have no safe wrapper in the
// dependencies. Every pointer below points into a buffer that the same function owns or borrows for the length of the call,
// or that the socket owns for its life.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::Duration;

use media::output::{Batch, Train};
use media::path::{Path, Protocol};

/// Datagrams taken, or trains handed over, per system call: what a call costs is small beside 64 of them.
const BATCH: usize = 64;
/// No datagram of ours is larger than an Ethernet frame; a larger one is cut short and fails its integrity check.
const DATAGRAM_BYTES: usize = 2048;
/// Kernel buffers: a key frame to 300 receivers is about 10 MB; the kernel caps this at `net.core.*mem_max`.
const BUFFER_BYTES: usize = 8 << 20;

/// A bound, non-blocking socket and its buffers.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
    /// Set on a socket whose kernel or interface refuses UDP_SEGMENT: datagrams then go one by one.
    without_gso: bool,
    /// `BATCH` pieces of `DATAGRAM_BYTES`; never resized, for `incoming` points into it.
    buffer: Vec<u8>,
    received: Vec<(usize, Path)>,
    /// Bound to every address: the kernel then tells which one was asked, and is told which one answers.
    is_wildcard: bool,
    incoming: Headers,
    outgoing: Headers,
    /// Trains, or single datagrams, that the next call hands over.
    pieces: Vec<Train>,
}

/// What the kernel reads and writes beside the datagrams, of `BATCH` messages. Made once: to clear it for every call would
/// cost as much as a datagram. The boxes own what the messages point to.
struct Headers {
    messages: Box<[libc::mmsghdr; BATCH]>,
    vectors: Box<[libc::iovec; BATCH]>,
    names: Box<[libc::sockaddr_storage; BATCH]>,
    controls: Box<[Control; BATCH]>,
}

// SAFETY: the pointers in it point into its own boxes and into buffers of the socket that owns it, or are set anew before
// each call; nothing in it belongs to a thread.
unsafe impl Send for Headers {}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Headers").finish_non_exhaustive()
    }
}

impl Headers {
    fn new() -> Self {
        // SAFETY: all-zero bytes are valid values of these C structs.
        let (messages, vectors, names) = unsafe {
            (
                Box::new(mem::zeroed::<[libc::mmsghdr; BATCH]>()),
                Box::new(mem::zeroed::<[libc::iovec; BATCH]>()),
                Box::new(mem::zeroed::<[libc::sockaddr_storage; BATCH]>()),
            )
        };
        Self { messages, vectors, names, controls: Box::new([Control::default(); BATCH]) }
    }

    /// For datagrams that come into these pieces of a buffer.
    fn receiving(buffer: &mut [u8]) -> Self {
        let mut headers = Self::new();
        for (place, piece) in buffer.chunks_exact_mut(DATAGRAM_BYTES).take(BATCH).enumerate() {
            headers.point(place, piece.as_mut_ptr(), piece.len());
        }
        headers
    }

    /// Tells one message where its parts are.
    fn point(&mut self, place: usize, bytes: *mut u8, length: usize) {
        self.vectors[place] = libc::iovec { iov_base: bytes.cast(), iov_len: length };
        let header = &mut self.messages[place].msg_hdr;
        header.msg_iov = ptr::from_mut(&mut self.vectors[place]);
        header.msg_iovlen = 1;
        header.msg_name = ptr::from_mut(&mut self.names[place]).cast();
        header.msg_control = ptr::from_mut(&mut self.controls[place]).cast();
    }

    /// Tells the kernel how much room a message has for an address and control messages.
    fn make_room(&mut self, place: usize, takes_control: bool) {
        let header = &mut self.messages[place].msg_hdr;
        header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        header.msg_controllen = if takes_control { mem::size_of::<Control>() as _ } else { 0 };
    }

    /// One train, or one datagram, on its way out.
    fn write(&mut self, place: usize, slab: &[u8], train: &Train, is_wildcard: bool) {
        let bytes = &slab[train.start..train.start + train.length];
        self.point(place, bytes.as_ptr().cast_mut(), bytes.len());
        let name = write_address(train.to.remote, &mut self.names[place]);
        let segment = (train.segment < train.length).then_some(train.segment as u16);
        let control = self.controls[place].write(segment, is_wildcard.then_some(train.to.local.ip()));
        let header = &mut self.messages[place].msg_hdr;
        header.msg_namelen = name;
        header.msg_controllen = control as _;
        if control == 0 {
            header.msg_control = ptr::null_mut();
        }
    }
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
        let mut buffer = vec![0; BATCH * DATAGRAM_BYTES];
        let mut incoming = Headers::receiving(&mut buffer);
        (0..BATCH).for_each(|place| incoming.make_room(place, is_wildcard));
        Ok(Self {
            socket,
            local,
            is_wildcard,
            without_gso: false,
            buffer,
            received: Vec::with_capacity(BATCH),
            incoming,
            outgoing: Headers::new(),
            pieces: Vec::with_capacity(BATCH),
        })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes what has come, at most one batch. Whether the batch was full: there may be more.
    pub fn receive(&mut self) -> bool {
        // What the last call has written over.
        for place in 0..self.received.len() {
            self.incoming.make_room(place, self.is_wildcard);
        }
        // SAFETY: the messages point into `self.incoming` and `self.buffer`, which outlive the call; the count is theirs.
        let count = unsafe {
            libc::recvmmsg(
                self.fd(),
                self.incoming.messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        self.received.clear();
        for (header, name) in self.incoming.messages.iter().zip(&*self.incoming.names).take(count) {
            // An address family that is neither is skipped by a length of zero, so that indexes keep matching buffers.
            let (length, remote) = match address(name) {
                Some(from) => (header.msg_len as usize, from),
                None => (0, SocketAddr::from(([0, 0, 0, 0], 0))),
            };
            let local = if self.is_wildcard { asked_address(&header.msg_hdr) } else { None };
            let local = local.map_or(self.local, |ip| SocketAddr::new(ip, self.local.port()));
            self.received.push((length.min(DATAGRAM_BYTES), Path::udp(local, remote)));
        }
        count == BATCH
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
        let mut refused = 0;
        for train in batch.trains() {
            if !self.owns(&train.to) {
                continue;
            }
            let most = if self.without_gso { train.segment } else { train.length };
            for piece in pieces(train, most) {
                self.pieces.push(piece);
                if self.pieces.len() == BATCH {
                    refused += self.send_pieces(batch.slab());
                }
            }
        }
        refused + self.send_pieces(batch.slab())
    }

    /// Sends what `pieces` has, at most [`BATCH`] of them, and empties it.
    fn send_pieces(&mut self, slab: &[u8]) -> u64 {
        let pieces = mem::take(&mut self.pieces);
        for (place, piece) in pieces.iter().enumerate() {
            self.outgoing.write(place, slab, piece, self.is_wildcard);
        }
        let mut refused = 0;
        let mut done = 0;
        let mut waited = false;
        while done < pieces.len() {
            match self.hand_over(done..pieces.len()) {
                Ok(sent) => {
                    done += sent;
                    waited = false;
                    continue;
                }
                Err(libc::EINTR) => continue,
                Err(libc::EAGAIN) if !waited => {
                    // A full send buffer drains in microseconds; one wait, then it is loss like any other.
                    waited = true;
                    let mut polled = [libc::pollfd { fd: self.fd(), events: libc::POLLOUT, revents: 0 }];
                    wait(&mut polled, Some(Duration::from_millis(2)));
                    continue;
                }
                Err(libc::EIO | libc::EOPNOTSUPP) if pieces[done].segment < pieces[done].length => {
                    // The interface cannot segment (no checksum offload): one by one, from now on.
                    self.without_gso = true;
                    refused += self.send_singly(slab, done, &pieces[done]);
                }
                Err(libc::EINVAL | libc::EMSGSIZE) if pieces[done].segment < pieces[done].length => {
                    // The way to this receiver is narrower than a segment, which the kernel then does not cut: one by one,
                    // to this receiver, now. No peer can take the trains from the others.
                    refused += self.send_singly(slab, done, &pieces[done]);
                }
                // Unreachable receiver and the like: this train is lost, the others go on.
                Err(_) => refused += pieces[done].length.div_ceil(pieces[done].segment) as u64,
            }
            done += 1;
        }
        self.pieces = pieces;
        self.pieces.clear();
        refused
    }

    /// Hands the messages of these places to the kernel; gives how many it took, at least one, or its error number.
    fn hand_over(&mut self, places: std::ops::Range<usize>) -> Result<usize, libc::c_int> {
        let fd = self.fd();
        let messages = &mut self.outgoing.messages[places];
        // SAFETY: the messages were pointed at parts of `self.outgoing` and of the batch's slab, which outlive the call.
        let sent = unsafe {
            libc::sendmmsg(fd, messages.as_mut_ptr(), messages.len() as libc::c_uint, libc::MSG_DONTWAIT as _)
        };
        match usize::try_from(sent) {
            Ok(sent @ 1..) => Ok(sent),
            _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or_default()),
        }
    }

    /// Sends the datagrams of one train without segmentation, in the place that the train had; gives how many were refused.
    fn send_singly(&mut self, slab: &[u8], place: usize, train: &Train) -> u64 {
        let mut refused = 0;
        for piece in pieces(train, train.segment) {
            self.outgoing.write(place, slab, &piece, self.is_wildcard);
            let mut result = self.hand_over(place..place + 1);
            if result == Err(libc::EAGAIN) {
                let mut polled = [libc::pollfd { fd: self.fd(), events: libc::POLLOUT, revents: 0 }];
                wait(&mut polled, Some(Duration::from_millis(2)));
                result = self.hand_over(place..place + 1);
            }
            refused += u64::from(result.is_err());
        }
        refused
    }

    fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd()
    }
}

/// A train in pieces of at most so many bytes.
fn pieces(train: &Train, most: usize) -> impl Iterator<Item = Train> {
    let train = *train;
    (0..train.length).step_by(most.max(1)).map(move |offset| Train {
        start: train.start + offset,
        length: most.min(train.length - offset),
        ..train
    })
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

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.fd()
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
fn write_address(address: SocketAddr, name: &mut libc::sockaddr_storage) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            let name: *mut libc::sockaddr_in = ptr::from_mut(name).cast();
            // SAFETY: the storage is larger and aligned at least as strictly; every field of the name is written.
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
            let name: *mut libc::sockaddr_in6 = ptr::from_mut(name).cast();
            // SAFETY: as above.
            unsafe {
                *name = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
            }
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
