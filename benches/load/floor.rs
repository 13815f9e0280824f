//! The floor under every figure: plain UDP fan-out with AES-128-GCM and `sendmmsg`, and nothing else. It runs in a process
//! of its own, driven by the same clients, so that its processor time is read as the hub's is.
#![allow(unsafe_code)]
// `recvmmsg` and `sendmmsg`; every pointer points into a buffer that lives as long as the process.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::mem;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::ptr;

use media::rtp;
use media::transport::srtp::{Inbound, Outbound};

use crate::peer::Identity;

const BATCH: usize = 64;
const DATAGRAM_BYTES: usize = 2048;
const MESSAGES: usize = 1024;
/// UDP GSO takes at most 64 segments and 64 KiB.
const SEGMENTS: usize = 48;

struct Route {
    inbound: Inbound,
    receivers: Vec<(libc::sockaddr_in, Outbound)>,
}

struct Message {
    to: libc::sockaddr_in,
    start: usize,
    length: usize,
    segment: usize,
}

/// The process: reads `publisher port:receiver port,…` lines up to an empty one, says its port, forwards until it is ended.
pub fn run(with_gso: bool) {
    let identity = Identity::new();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let sizes = socket2::SockRef::from(&socket);
    let _ = (sizes.set_recv_buffer_size(8 << 20), sizes.set_send_buffer_size(8 << 20));
    println!("{}", socket.local_addr().expect("bound").port());
    std::io::stdout().flush().expect("the parent listens");

    let mut routes = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let Some((publisher, receivers)) = line.split_once(':') else { break };
        let number = |text: &str| text.parse::<u16>().expect("a port");
        let receivers = receivers.split(',').map(|port| {
            let to = libc::sockaddr_in {
                sin_family: libc::AF_INET as u16,
                sin_port: number(port).to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
                sin_zero: [0; 8],
            };
            (to, identity.fixed(number(port)).1)
        });
        let inbound = identity.fixed(number(publisher)).0;
        routes.insert(number(publisher), Route { inbound, receivers: receivers.collect() });
    }
    forward(&socket, routes, with_gso);
}

fn forward(socket: &UdpSocket, mut routes: HashMap<u16, Route>, with_gso: bool) -> ! {
    let mut buffers = vec![0u8; BATCH * DATAGRAM_BYTES];
    let mut names: Vec<SocketAddr> = Vec::new();
    let mut slab: Vec<u8> = Vec::with_capacity(8 << 20);
    let mut messages: Vec<Message> = Vec::with_capacity(8192);
    let mut opened: Vec<(u16, std::ops::Range<usize>, rtp::Header)> = Vec::with_capacity(BATCH);
    loop {
        let lengths = receive(socket, &mut buffers, &mut names);
        opened.clear();
        for ((number, length), from) in lengths.iter().enumerate().zip(&names) {
            let packet = &mut buffers[number * DATAGRAM_BYTES..][..*length];
            let Some(route) = routes.get_mut(&from.port()) else { continue };
            let Some(header) = rtp::parse(packet) else { continue };
            let Ok(end) = route.inbound.open_rtp(packet, &header) else { continue };
            let start = number * DATAGRAM_BYTES;
            opened.push((from.port(), start..start + end, header));
        }
        slab.clear();
        messages.clear();
        if with_gso {
            // Packets of one publisher in one batch form a train for each receiver.
            for group in opened.chunk_by(|a, b| a.0 == b.0) {
                let Some(route) = routes.get_mut(&group[0].0) else { continue };
                for (to, outbound) in &mut route.receivers {
                    for (_, range, header) in group {
                        seal(*to, outbound, &buffers[range.clone()], header, &mut slab, &mut messages, true);
                    }
                }
            }
        } else {
            for (from, range, header) in &opened {
                let Some(route) = routes.get_mut(from) else { continue };
                for (to, outbound) in &mut route.receivers {
                    seal(*to, outbound, &buffers[range.clone()], header, &mut slab, &mut messages, false);
                }
            }
        }
        send(socket, &slab, &messages);
    }
}

fn seal(
    to: libc::sockaddr_in,
    outbound: &mut Outbound,
    packet: &[u8],
    header: &rtp::Header,
    slab: &mut Vec<u8>,
    messages: &mut Vec<Message>,
    joins: bool,
) {
    let start = slab.len();
    slab.extend_from_slice(packet);
    // No rollover in the minute that a run takes at 220 packets a second: the sequence number is the index.
    outbound.seal_rtp(slab, start, header.payload_offset, header.ssrc, u64::from(header.sequence));
    let length = slab.len() - start;
    if joins
        && let Some(last) = messages.last_mut()
        && last.to.sin_port == to.sin_port
        && last.segment == length
        && last.length / last.segment < SEGMENTS
    {
        last.length += length;
        return;
    }
    messages.push(Message { to, start, length, segment: length });
}

fn receive(socket: &UdpSocket, buffers: &mut [u8], names: &mut Vec<SocketAddr>) -> Vec<usize> {
    // SAFETY: all-zero bytes are valid values of these C structs.
    let mut from: [libc::sockaddr_in; BATCH] = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut vectors: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    for (((header, vector), name), buffer) in
        headers.iter_mut().zip(&mut vectors).zip(&mut from).zip(buffers.chunks_exact_mut(DATAGRAM_BYTES))
    {
        vector.iov_base = buffer.as_mut_ptr().cast();
        vector.iov_len = buffer.len();
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = ptr::from_mut(name).cast();
        header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
    }
    // SAFETY: the headers point to `vectors`, `from` and `buffers`, which outlive the call.
    let count = unsafe {
        let flags = libc::MSG_WAITFORONE as _;
        libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), BATCH as libc::c_uint, flags, ptr::null_mut())
    };
    let count = usize::try_from(count).unwrap_or(0);
    names.clear();
    names.extend(from.iter().take(count).map(|name| SocketAddr::from(([127, 0, 0, 1], u16::from_be(name.sin_port)))));
    headers.iter().take(count).map(|header| (header.msg_len as usize).min(DATAGRAM_BYTES)).collect()
}

fn send(socket: &UdpSocket, slab: &[u8], messages: &[Message]) {
    #[repr(C, align(8))]
    #[derive(Clone, Copy)]
    struct Control([u8; 24]);

    for messages in messages.chunks(MESSAGES) {
        let mut controls = vec![Control([0; 24]); messages.len()];
        let mut vectors: Vec<libc::iovec> = messages
            .iter()
            .map(|message| libc::iovec {
                iov_base: slab[message.start..].as_ptr().cast_mut().cast(),
                iov_len: message.length,
            })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(messages.len());
        for ((message, vector), control) in messages.iter().zip(&mut vectors).zip(&mut controls) {
            // SAFETY: all-zero bytes are a valid value of this C struct.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = ptr::from_ref(&message.to).cast_mut().cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            if message.length > message.segment {
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                // SAFETY: the control buffer is aligned and holds one message with a u16.
                unsafe {
                    header.msg_hdr.msg_controllen = libc::CMSG_SPACE(2) as _;
                    let control = libc::CMSG_FIRSTHDR(&header.msg_hdr);
                    (*control).cmsg_level = libc::SOL_UDP;
                    (*control).cmsg_type = libc::UDP_SEGMENT;
                    (*control).cmsg_len = libc::CMSG_LEN(2) as _;
                    ptr::write_unaligned(libc::CMSG_DATA(control).cast::<u16>(), message.segment as u16);
                }
            }
            headers.push(header);
        }
        let mut done = 0;
        while done < headers.len() {
            let rest = &mut headers[done..];
            // SAFETY: the headers point to `messages`, `vectors`, `controls` and `slab`, which outlive the call.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as libc::c_uint, 0) };
            done += usize::try_from(sent).unwrap_or(0).max(1);
        }
    }
}
