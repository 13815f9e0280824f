//! Datagrams by hand, for `kafedra doctor`: whether UDP reaches an address, and whether a STUN or TURN server answers
//! (RFC 8489, RFC 8656).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

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
    // REQUESTED-TRANSPORT: UDP.
    ask(server, 0x0003, &[0x00, 0x19, 0x00, 0x04, 17, 0, 0, 0])
}

fn ask(server: SocketAddr, method: u16, attributes: &[u8]) -> Option<Answer> {
    let socket = sender(server).ok()?;
    socket.set_read_timeout(Some(WAIT)).ok()?;
    let transaction: [u8; 12] = rand::random();
    let length = u16::try_from(attributes.len()).ok()?;
    let request = [&method.to_be_bytes()[..], &length.to_be_bytes(), &MAGIC, &transaction, attributes].concat();
    let mut buffer = [0; 1500];
    for _ in 0..TRIES {
        socket.send_to(&request, server).ok()?;
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if from == server
                && let Some(answer) = parse(&buffer[..length], method, transaction)
            {
                return Some(answer);
            }
        }
    }
    None
}

/// `None`: no response to this request.
fn parse(datagram: &[u8], method: u16, transaction: [u8; 12]) -> Option<Answer> {
    let (head, mut attributes) = datagram.split_at_checked(20)?;
    if head[4..8] != MAGIC || head[8..] != transaction {
        return None;
    }
    match u16::from_be_bytes([head[0], head[1]]) {
        kind if kind == method | 0x0100 => return Some(Answer::Success),
        kind if kind != method | 0x0110 => return None,
        _ => {}
    }
    while let Some((head, rest)) = attributes.split_at_checked(4) {
        let (kind, length) =
            (u16::from_be_bytes([head[0], head[1]]), usize::from(u16::from_be_bytes([head[2], head[3]])));
        let value = rest.get(..length)?;
        if kind == 0x0009 && length >= 4 {
            return Some(Answer::Error(u16::from(value[2] & 7) * 100 + u16::from(value[3])));
        }
        // Attributes are padded to four bytes.
        attributes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Answer::Error(0))
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
        assert_eq!(parse(&response(0x0101, &[]), 1, transaction), Some(Answer::Success));
        assert_eq!(parse(&response(0x0113, &unauthorised), 3, transaction), Some(Answer::Error(401)));
        assert_eq!(parse(&response(0x0113, &[]), 3, transaction), Some(Answer::Error(0)));
        assert_eq!(parse(&response(0x0101, &[]), 3, transaction), None, "of another request");
        assert_eq!(parse(&response(0x0101, &[]), 1, [8; 12]), None, "of another transaction");
        for cut in 0..20 {
            assert_eq!(parse(&response(0x0101, &[])[..cut], 1, transaction), None);
        }
    }
}
