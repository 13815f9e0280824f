//! What a client says and hears of ICE (RFC 8445): checks in either role, answers to the server's own. One candidate on
//! each side, so there is one pair and nothing to choose. Nothing here opens a socket or reads a clock.

use std::net::SocketAddr;

use rtc::crypto::RTCCrypto;
use rtc::stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _};
use rtc::stun::xoraddr::XorMappedAddress;

use super::sdp::{Local, Remote};

/// Of a host candidate's peer reflexive twin (RFC 8445, 5.1.2.1).
const PRIORITY: u32 = 0x6e00_01ff;

/// Who chooses the pair: the side that offered, and always the one whose other side is lite (RFC 8445, 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Controlling,
    /// The server is a full agent and has offered.
    Controlled,
}

/// A binding request; the controlling side nominates with each.
pub fn check(role: Role, local: &Local, remote: &Remote, crypto: &dyn RTCCrypto) -> Vec<u8> {
    let mut request = Message::new();
    request.new_transaction_id().expect("random numbers");
    request.set_type(BINDING_REQUEST);
    request.write_header();
    request.add(ATTR_USERNAME, format!("{}:{}", remote.ufrag, local.ufrag).as_bytes());
    // Full agents answer no check without the role and the priority.
    request.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
    let tie_breaker = 1u64.to_be_bytes();
    match role {
        Role::Controlling => {
            request.add(ATTR_ICE_CONTROLLING, &tie_breaker);
            request.add(ATTR_USE_CANDIDATE, &[]);
        }
        Role::Controlled => request.add(ATTR_ICE_CONTROLLED, &tie_breaker),
    }
    MessageIntegrity::new_short_term_integrity_with_provider(remote.password.clone(), crypto)
        .add_to(&mut request)
        .expect("a key of any length");
    FINGERPRINT.add_to(&mut request).expect("a checksum");
    request.raw
}

/// The answer to the server's check that came from there. `None`: it is no request, or not one with our password.
pub fn answer(datagram: &[u8], local: &Local, from: SocketAddr, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
    let request = read(datagram, &local.password, crypto).filter(|message| message.typ == BINDING_REQUEST)?;
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(local.password.clone(), crypto);
    let mapped = XorMappedAddress { ip: from.ip(), port: from.port() };
    let mut response = Message::new();
    response
        .build(&[
            Box::new(request),
            Box::new(BINDING_SUCCESS),
            Box::new(mapped),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ])
        .ok()?;
    Some(response.raw)
}

/// Whether a datagram is the server's yes to a check: not its own check, and not a role conflict (487).
pub fn is_success(datagram: &[u8], remote: &Remote, crypto: &dyn RTCCrypto) -> bool {
    read(datagram, &remote.password, crypto).is_some_and(|message| message.typ == BINDING_SUCCESS)
}

/// A message whose integrity this password proves.
fn read(datagram: &[u8], password: &str, crypto: &dyn RTCCrypto) -> Option<Message> {
    let mut message = Message::new();
    message.unmarshal_binary(datagram).ok()?;
    MessageIntegrity::check(&mut message, password.as_bytes(), crypto).ok()?;
    Some(message)
}
