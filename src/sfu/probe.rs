//! Datagrams by hand, for `kafedra doctor`: whether UDP reaches an address, and whether a STUN or TURN server answers
//! (RFC 8489, RFC 8656).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;

const WAIT: Duration = Duration::from_secs(1);
const TRIES: usize = 3;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Binds `at` and sends datagrams to `to`, which shall be the same socket seen from outside. Whether one came.
///
/// # Errors
/// `AddrInUse` when somebody (perhaps the hub) has the port.
pub fn echo(at: SocketAddr, to: IpAddr) -> io::Result<bool> {
    let receiver = UdpSocket::bind(at)?;
    receiver.set_read_timeout(Some(WAIT))?;
    let to = SocketAddr::new(to, receiver.local_addr()?.port());
    let nonce: [u8; 16] = rand::random();
    let sender = sender(to)?;
    let mut buffer = [0; 64];
    for _ in 0..TRIES {
        if sender.send_to(&nonce, to).is_err() {
            continue;
        }
        while let Ok((length, _)) = receiver.recv_from(&mut buffer) {
            if buffer[..length] == nonce {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Sends datagrams that a hub counts as those of a stranger and drops.
///
/// # Errors
/// When there is no way to `to` at all.
pub fn knock(to: SocketAddr) -> io::Result<()> {
    let sender = sender(to)?;
    for _ in 0..TRIES {
        sender.send_to(&[0x14, 0xfe, 0xfd, 0, 0], to)?;
    }
    Ok(())
}

/// Whether this address is one of this machine's own.
pub fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// What a STUN or TURN server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Success,
    /// An error response; the code of its ERROR-CODE attribute, 0 when it has none.
    Error(u16),
}

/// Asks for a binding: the simplest question of STUN. `None`: no answer.
pub fn binding(server: SocketAddr) -> Option<Answer> {
    ask(server, 0x0001, &[])
}

/// Asks for an allocation without credentials: a TURN server refuses with 401 and thereby says that it is one.
pub fn allocation(server: SocketAddr) -> Option<Answer> {
    exchange(&connected(server)?, ALLOCATE, &UDP).map(|reply| reply.answer)
}

/// Asks for an allocation with a credential, and gives it back at once: whether the server takes what the hub signs.
pub fn allocation_with(server: SocketAddr, username: &str, password: &str) -> Option<Answer> {
    let socket = connected(server)?;
    let refusal = exchange(&socket, ALLOCATE, &UDP)?;
    let signed = |method: u16, attributes: &[u8]| {
        let mut attributes = attributes.to_vec();
        attribute(&mut attributes, USERNAME, username.as_bytes());
        attribute(&mut attributes, REALM, &refusal.realm);
        attribute(&mut attributes, NONCE, &refusal.nonce);
        let key = Md5::digest([username.as_bytes(), &refusal.realm, password.as_bytes()].join(&b':'));
        exchange_signed(&socket, method, attributes, &key)
    };
    let reply = signed(ALLOCATE, &UDP)?;
    if reply.answer == Answer::Success {
        // LIFETIME: none any more. Whether that arrives does not matter, it ends by itself.
        signed(REFRESH, &[0x00, 0x0d, 0x00, 0x04, 0, 0, 0, 0]);
    }
    Some(reply.answer)
}

const ALLOCATE: u16 = 0x0003;
const REFRESH: u16 = 0x0004;
/// REQUESTED-TRANSPORT.
const UDP: [u8; 8] = [0x00, 0x19, 0x00, 0x04, 17, 0, 0, 0];
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;

/// An answer with what the next request needs of it.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    answer: Answer,
    realm: Vec<u8>,
    nonce: Vec<u8>,
}

fn attribute(attributes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    attributes.extend_from_slice(&kind.to_be_bytes());
    attributes.extend_from_slice(&(value.len() as u16).to_be_bytes());
    attributes.extend_from_slice(value);
    attributes.resize(attributes.len().next_multiple_of(4), 0);
}

fn ask(server: SocketAddr, method: u16, attributes: &[u8]) -> Option<Answer> {
    exchange(&connected(server)?, method, attributes).map(|reply| reply.answer)
}

fn connected(server: SocketAddr) -> Option<UdpSocket> {
    let socket = sender(server).ok()?;
    socket.set_read_timeout(Some(WAIT)).ok()?;
    // Only its answers are heard.
    socket.connect(server).ok()?;
    Some(socket)
}

fn exchange(socket: &UdpSocket, method: u16, attributes: &[u8]) -> Option<Reply> {
    let transaction = rand::random();
    send_and_wait(socket, method, transaction, &message(method, transaction, attributes))
}

/// With MESSAGE-INTEGRITY by a long-term key (RFC 8489 section 14.5).
fn exchange_signed(socket: &UdpSocket, method: u16, mut attributes: Vec<u8>, key: &[u8]) -> Option<Reply> {
    const TAG: usize = 20;
    let transaction = rand::random();
    // The length in the header counts the tag already.
    let covered = attributes.len();
    attribute(&mut attributes, MESSAGE_INTEGRITY, &[0; TAG]);
    let mut request = message(method, transaction, &attributes);
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(&request[..20 + covered]);
    let end = request.len();
    request[end - TAG..].copy_from_slice(&mac.finalize().into_bytes());
    send_and_wait(socket, method, transaction, &request)
}

fn message(method: u16, transaction: [u8; 12], attributes: &[u8]) -> Vec<u8> {
    let length = attributes.len() as u16;
    [&method.to_be_bytes()[..], &length.to_be_bytes(), &MAGIC, &transaction, attributes].concat()
}

fn send_and_wait(socket: &UdpSocket, method: u16, transaction: [u8; 12], request: &[u8]) -> Option<Reply> {
    let mut buffer = [0; 1500];
    for _ in 0..TRIES {
        // A port where nobody listens makes this fail, once the refusal has come.
        let _ = socket.send(request);
        while let Ok(length) = socket.recv(&mut buffer) {
            if let Some(reply) = parse(&buffer[..length], method, transaction) {
                return Some(reply);
            }
        }
    }
    None
}

/// `None`: no response to this request.
fn parse(datagram: &[u8], method: u16, transaction: [u8; 12]) -> Option<Reply> {
    let (head, mut attributes) = datagram.split_at_checked(20)?;
    if head[4..8] != MAGIC || head[8..] != transaction {
        return None;
    }
    let mut reply = Reply { answer: Answer::Error(0), realm: Vec::new(), nonce: Vec::new() };
    match u16::from_be_bytes([head[0], head[1]]) {
        kind if kind == method | 0x0100 => reply.answer = Answer::Success,
        kind if kind != method | 0x0110 => return None,
        _ => {}
    }
    while let Some((head, rest)) = attributes.split_at_checked(4) {
        let (kind, length) =
            (u16::from_be_bytes([head[0], head[1]]), usize::from(u16::from_be_bytes([head[2], head[3]])));
        let value = rest.get(..length)?;
        match kind {
            ERROR_CODE if length >= 4 && reply.answer != Answer::Success => {
                reply.answer = Answer::Error(u16::from(value[2] & 7) * 100 + u16::from(value[3]));
            }
            REALM => reply.realm = value.to_vec(),
            NONCE => reply.nonce = value.to_vec(),
            _ => {}
        }
        // Attributes are padded to four bytes.
        attributes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(reply)
}

fn sender(to: SocketAddr) -> io::Result<UdpSocket> {
    UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_socket_hears_itself_on_its_own_address_and_not_on_another() {
        let at = SocketAddr::new(LOOPBACK, 0);
        assert!(echo(at, LOOPBACK).unwrap());
        assert!(!echo(at, IpAddr::from([127, 0, 0, 9])).unwrap());
        let taken = UdpSocket::bind(at).unwrap();
        assert_eq!(echo(taken.local_addr().unwrap(), LOOPBACK).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(is_ours(LOOPBACK));
        assert!(!is_ours(IpAddr::from([192, 0, 2, 1])));
    }

    #[test]
    fn an_answer_is_read_by_its_class_and_code() {
        let transaction = [7; 12];
        let response = |kind: u16, attributes: &[u8]| {
            [&kind.to_be_bytes()[..], &(attributes.len() as u16).to_be_bytes(), &MAGIC, &transaction, attributes]
                .concat()
        };
        let realm = [0x00, 0x14, 0x00, 0x03, b'a', b'b', b'c', 0];
        let unauthorised = [&realm[..], &[0x00, 0x09, 0x00, 0x04, 0, 0, 4, 1]].concat();
        let answer = |datagram: &[u8], method| parse(datagram, method, transaction).map(|reply| reply.answer);
        assert_eq!(answer(&response(0x0101, &[]), 1), Some(Answer::Success));
        assert_eq!(answer(&response(0x0113, &unauthorised), 3), Some(Answer::Error(401)));
        assert_eq!(parse(&response(0x0113, &unauthorised), 3, transaction).unwrap().realm, b"abc");
        assert_eq!(answer(&response(0x0113, &[]), 3), Some(Answer::Error(0)));
        assert_eq!(parse(&response(0x0101, &[]), 3, transaction), None, "of another request");
        assert_eq!(parse(&response(0x0101, &[]), 1, [8; 12]), None, "of another transaction");
        for cut in 0..20 {
            assert_eq!(parse(&response(0x0101, &[])[..cut], 1, transaction), None);
        }
    }
}
