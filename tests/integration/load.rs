//! The load generator's clients, where they meet servers that are not ours: descriptions and connectivity checks. (What
//! they measure is shown by `make bench`.)

#[path = "../../benches/load/ice.rs"]
mod ice;
#[path = "../../benches/load/sdp.rs"]
mod sdp;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use media::sdp::Media;
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, ATTR_XORMAPPED_ADDRESS,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _};
use rtc::stun::xoraddr::XorMappedAddress;

use ice::Role;
use sdp::{Line, Local, Remote};

/// What Janus 1.1.2 offers a watcher of one publisher, shortened by lines that clients do not read.
const OFFER: &str = "v=0\r\no=- 1795871441629176 1 IN IP4 192.0.2.2\r\ns=VideoRoom 1\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.2\r\na=sendonly\r\na=mid:0\r\na=rtcp-mux\r\n\
    a=ice-ufrag:rwCL\r\na=ice-pwd:pfI7y43JexQQ/SkaXj4zIN\r\na=ice-options:trickle\r\na=setup:actpass\r\n\
    a=rtpmap:111 opus/48000/2\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=candidate:1 1 udp 2015363327 192.0.2.2 37157 typ host\r\na=end-of-candidates\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 192.0.2.2\r\na=sendonly\r\na=mid:1\r\na=rtcp-mux\r\n\
    a=ice-ufrag:rwCL\r\na=ice-pwd:pfI7y43JexQQ/SkaXj4zIN\r\na=setup:actpass\r\na=rtpmap:96 VP8/90000\r\n\
    a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=candidate:1 1 udp 2015363327 192.0.2.2 37157 typ host\r\na=end-of-candidates\r\n";

fn provider() -> Arc<dyn RTCCryptoProvider> {
    rtc::crypto::default_provider().unwrap()
}

fn local() -> Local {
    Local {
        ufrag: "load5000".to_owned(),
        password: "0123456789012345678901".to_owned(),
        fingerprint: "AA:BB".to_owned(),
        address: SocketAddr::from(([192, 0, 2, 2], 5000)),
        gives_feedback: false,
    }
}

fn message(datagram: &[u8]) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(datagram).unwrap();
    message
}

/// A check of the server, as a client should get it.
fn server_check(local: &Local, password: &str) -> Vec<u8> {
    let server = Local { ufrag: "rwCL".to_owned(), ..local.clone() };
    let sdp = format!("a=ice-ufrag:{}\r\na=ice-pwd:{password}\r\n", local.ufrag);
    ice::check(Role::Controlling, &server, &Remote::read(&sdp), provider().crypto())
}

#[test]
fn an_offer_of_janus_is_answered_line_by_line() {
    let lines = Line::answering(OFFER).unwrap();
    assert_eq!(lines, [Media::Audio, Media::Video].map(|media| Line { media, sends: false }));
    let answer = local().describe(&lines, |_| unreachable!("nothing is sent"));
    let sections: Vec<&str> = answer.split("m=").collect();
    assert_eq!(sections.len(), 3);
    for (mid, section) in sections[1..].iter().enumerate() {
        for line in [&format!("a=mid:{mid}"), "a=recvonly", "a=setup:active", "a=rtcp-mux", "a=ice-ufrag:load5000"] {
            assert!(section.lines().any(|written| written == line), "{line} in {section}");
        }
    }
    assert!(sections[0].contains("a=group:BUNDLE 0 1\r\n"));
    assert_eq!(answer.matches("a=candidate:1 1 udp 2130706431 192.0.2.2 5000 typ host\r\n").count(), 1);
    assert!(sections[1].contains("a=candidate:"), "the line that carries the bundle");
    assert!(!answer.contains("a=ssrc:"));
}

#[test]
fn a_publisher_names_its_streams() {
    let lines = [Media::Audio, Media::Video].map(|media| Line { media, sends: true });
    let offer = local().describe(&lines, |media| if media == Media::Audio { 7 } else { 8 });
    let sections: Vec<&str> = offer.split("m=").collect();
    assert!(sections[1].contains("a=sendonly\r\n") && sections[1].contains("a=ssrc:7 cname:load\r\n"));
    assert!(sections[2].contains("a=sendonly\r\n") && sections[2].contains("a=ssrc:8 cname:load\r\n"));
}

#[test]
fn an_offer_numbered_otherwise_is_refused_by_name() {
    let check = |offer: &str, expected: &str| assert_eq!(Line::answering(offer).unwrap_err(), expected);
    check(&OFFER.replace("a=mid:1", "a=mid:v"), "m-line 1 lacks a=mid:1");
    check(&OFFER.replace("a=rtpmap:111", "a=rtpmap:109"), "m-line 0 lacks a=rtpmap:111 opus/48000/2");
    check(&OFFER.replace("VP8", "H264"), "m-line 1 lacks a=rtpmap:96 VP8/90000");
    check(&OFFER.replace("m=video", "m=application"), "m-line 1 is application");
}

#[test]
fn a_client_goes_to_the_candidate_on_its_own_address() {
    let several = "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:1 1 tcp 9 127.0.0.1 9 typ host tcptype passive\r\n\
        a=candidate:2 1 udp 9 fd00::2 4 typ host\r\na=candidate:3 1 UDP 9 198.51.100.1 5 typ host\r\n\
        a=candidate:4 1 udp 9 127.0.0.1 6 typ host\r\n";
    let remote = Remote::read(several);
    assert_eq!((remote.ufrag.as_str(), remote.password.as_str()), ("u", "p"));
    assert_eq!(remote.address_for(Ipv4Addr::LOCALHOST.into()), Some(SocketAddr::from(([127, 0, 0, 1], 6))));
    let elsewhere = Ipv4Addr::new(203, 0, 113, 1).into();
    assert_eq!(remote.address_for(elsewhere), Some(SocketAddr::from(([198, 51, 100, 1], 5))));
    assert_eq!(Remote::read("a=ice-ufrag:u\r\n").address_for(elsewhere), None);
    assert_eq!(Remote::read(OFFER).address_for(elsewhere), Some(SocketAddr::from(([192, 0, 2, 2], 37157))));
}

#[test]
fn a_check_says_the_role_and_only_the_controlling_side_nominates() {
    let (local, remote, provider) = (local(), Remote::read(OFFER), provider());
    for role in [Role::Controlling, Role::Controlled] {
        let mut check = message(&ice::check(role, &local, &remote, provider.crypto()));
        assert_eq!(check.typ, BINDING_REQUEST);
        assert_eq!(check.get(ATTR_USERNAME).unwrap(), b"rwCL:load5000");
        assert!(check.contains(ATTR_PRIORITY));
        let controls = role == Role::Controlling;
        assert_eq!(check.contains(ATTR_ICE_CONTROLLING), controls);
        assert_eq!(check.contains(ATTR_USE_CANDIDATE), controls);
        assert_eq!(check.contains(ATTR_ICE_CONTROLLED), !controls);
        FINGERPRINT.check(&check).unwrap();
        MessageIntegrity::check(&mut check, remote.password.as_bytes(), provider.crypto()).unwrap();
    }
}

#[test]
fn a_check_of_the_server_is_answered() {
    let (local, provider) = (local(), provider());
    let from = SocketAddr::from(([192, 0, 2, 2], 37157));
    let check = server_check(&local, &local.password);
    let mut answer = message(&ice::answer(&check, &local, from, provider.crypto()).unwrap());
    assert_eq!((answer.typ, answer.transaction_id), (BINDING_SUCCESS, message(&check).transaction_id));
    let mut mapped = XorMappedAddress::default();
    mapped.get_from_as(&answer, ATTR_XORMAPPED_ADDRESS).unwrap();
    assert_eq!(SocketAddr::new(mapped.ip, mapped.port), from);
    FINGERPRINT.check(&answer).unwrap();
    MessageIntegrity::check(&mut answer, local.password.as_bytes(), provider.crypto()).unwrap();
}

#[test]
fn what_is_no_check_with_our_password_is_not_answered() {
    let (local, provider) = (local(), provider());
    let check = |datagram: &[u8]| assert_eq!(ice::answer(datagram, &local, local.address, provider.crypto()), None);
    check(&server_check(&local, "not the password"));
    check(&ice::answer(&server_check(&local, &local.password), &local, local.address, provider.crypto()).unwrap());
    check(b"\x00\x01\x00\x00");
    check(b"");
}

#[test]
fn only_the_servers_yes_opens_the_path() {
    let (local, remote, provider) = (local(), Remote::read(OFFER), provider());
    let server = Local { ufrag: remote.ufrag.clone(), password: remote.password.clone(), ..local.clone() };
    let check = ice::check(Role::Controlled, &local, &remote, provider.crypto());
    let yes = ice::answer(&check, &server, local.address, provider.crypto()).unwrap();
    assert!(ice::is_success(&yes, &remote, provider.crypto()));
    assert!(!ice::is_success(&check, &remote, provider.crypto()), "a check is no answer");

    let mut forged = yes.clone();
    forged[24] ^= 1;
    assert!(!ice::is_success(&forged, &remote, provider.crypto()));

    let mut refusal = Message::new();
    refusal.transaction_id = message(&check).transaction_id;
    refusal.set_type(BINDING_ERROR);
    refusal.write_header();
    MessageIntegrity::new_short_term_integrity_with_provider(remote.password.clone(), provider.crypto())
        .add_to(&mut refusal)
        .unwrap();
    assert!(!ice::is_success(&refusal.raw, &remote, provider.crypto()), "a role conflict");
}
