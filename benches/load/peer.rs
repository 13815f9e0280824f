//! One client: offer and answer, ICE, DTLS-SRTP on the `rtc` crates. What it sends and receives is in `flow`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::rtp::extension;
use media::sdp::Media;
use media::transport::srtp::{Inbound, Keys, Outbound, session};
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::ConfigBuilder;
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::srtp::protection_profile::ProtectionProfile;
use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _};
use rtc::stun::xoraddr::XorMappedAddress;

use crate::flow::Flow;
use crate::net::Port;

/// How often consent is renewed, as browsers do.
const CONSENT: Duration = Duration::from_secs(4);
/// A check or a flight of the handshake that got no answer is repeated.
const REPEAT: Duration = Duration::from_millis(100);

pub const VIDEO: u8 = 96;
pub const AUDIO: u8 = 111;
pub const MID_EXTENSION: u8 = 4;
pub const LEVEL_EXTENSION: u8 = 1;

/// Certificate and cryptography of all clients: making a key for each would measure the client.
pub struct Identity {
    crypto: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    fingerprint: String,
}

impl Identity {
    pub fn new() -> Self {
        let crypto = rtc::crypto::default_provider().expect("a provider is compiled in");
        let certificate = Certificate::generate_self_signed(vec!["load".to_owned()], crypto.crypto()).expect("a key");
        let hash = crypto.crypto().hash(HashAlgorithm::Sha256, certificate.certificate[0].as_ref()).expect("SHA-256");
        let fingerprint = hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        Self { crypto, certificate, fingerprint }
    }

    /// Both ends of an SRTP session with keys that both can compute: the floor has no handshake.
    pub fn fixed(&self, number: u16) -> (Inbound, Outbound) {
        let key = [&number.to_be_bytes()[..], &[7; 14]].concat();
        let keys = Keys {
            profile: ProtectionProfile::AeadAes128Gcm,
            local_key: key.clone(),
            local_salt: vec![9; 12],
            remote_key: key,
            remote_salt: vec![9; 12],
        };
        session(&keys, self.crypto.crypto()).expect("fixed keys")
    }
}

/// An m-line of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub media: Media,
    pub sends: bool,
}

/// The server's side of a description.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    pub ufrag: String,
    pub password: String,
    pub address: Option<SocketAddr>,
}

impl Remote {
    /// Reads an answer (or a server's offer); of its candidates the first on loopback counts.
    pub fn read(sdp: &str) -> Self {
        let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        let candidates = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        let addresses = candidates.filter_map(|candidate| {
            let mut words = candidate.split(' ').skip(2);
            let is_udp = words.next()?.eq_ignore_ascii_case("udp");
            let ip = words.nth(1)?.parse().ok()?;
            is_udp.then_some(SocketAddr::new(ip, words.next()?.parse().ok()?))
        });
        let addresses: Vec<SocketAddr> = addresses.filter(SocketAddr::is_ipv4).collect();
        let loopback = addresses.iter().find(|address| address.ip().is_loopback());
        Self {
            ufrag: value("a=ice-ufrag:"),
            password: value("a=ice-pwd:"),
            address: loopback.or(addresses.first()).copied(),
        }
    }
}

/// A client's connection.
pub struct Peer {
    pub port: Port,
    pub flow: Flow,
    pub srtp: Option<(Inbound, Outbound)>,
    /// When its offer was posted, wall clock.
    pub posted_ns: u64,
    identity: Arc<Identity>,
    ufrag: String,
    remote: Remote,
    dtls: Option<Endpoint>,
    next_check: Option<Instant>,
    next_flight: Option<Instant>,
}

const PASSWORD: &str = "0123456789012345678901";

impl Peer {
    pub fn new(identity: Arc<Identity>, flow: Flow) -> std::io::Result<Self> {
        let port = Port::bind()?;
        let ufrag = format!("load{}", port.address().port());
        Ok(Self {
            port,
            flow,
            srtp: None,
            posted_ns: 0,
            identity,
            ufrag,
            remote: Remote::default(),
            dtls: None,
            next_check: None,
            next_flight: None,
        })
    }

    /// Without a handshake, for the floor.
    pub fn fixed(identity: &Arc<Identity>, flow: Flow, server: SocketAddr) -> std::io::Result<Self> {
        let mut peer = Self::new(identity.clone(), flow)?;
        peer.srtp = Some(identity.fixed(peer.port.address().port()));
        peer.port.connect(server)?;
        Ok(peer)
    }

    /// A description with these m-lines; the client is the active side of DTLS in offers and answers alike.
    pub fn describe(&self, lines: &[Line]) -> String {
        let mids: Vec<String> = (0..lines.len()).map(|mid| mid.to_string()).collect();
        let mut sdp =
            format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
        for (mid, line) in lines.iter().enumerate() {
            let (name, payloads) = if line.media == Media::Audio { ("audio", "111") } else { ("video", "96 97") };
            let direction = if line.sends { "sendonly" } else { "recvonly" };
            sdp += &format!(
                "m={name} 9 UDP/TLS/RTP/SAVPF {payloads}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n\
                 a=ice-ufrag:{}\r\na=ice-pwd:{PASSWORD}\r\na=fingerprint:sha-256 {}\r\na=setup:active\r\n\
                 a=rtcp-mux\r\na=extmap:{MID_EXTENSION} {}\r\n",
                self.ufrag,
                self.identity.fingerprint,
                extension::MID
            );
            if line.media == Media::Audio {
                sdp += &format!("a=extmap:{LEVEL_EXTENSION} {}\r\n", extension::AUDIO_LEVEL);
                sdp += "a=rtpmap:111 opus/48000/2\r\n";
            } else {
                sdp += "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
                        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
            }
            if line.sends {
                let ssrc = self.flow.ssrc(line.media);
                sdp += &format!("a=msid:load track{mid}\r\na=ssrc:{ssrc} cname:load\r\n");
            }
        }
        sdp + &format!("a=candidate:1 1 udp 2130706431 127.0.0.1 {} typ host\r\n", self.port.address().port())
    }

    /// Takes the server's description and starts.
    pub fn begin(&mut self, now: Instant, remote: Remote) -> std::io::Result<()> {
        let server = remote.address.ok_or_else(|| std::io::Error::other("the server names no candidate"))?;
        self.remote = remote;
        self.port.connect(server)?;
        self.port.stamp();
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.identity.crypto.clone())
            .with_certificates(vec![self.identity.certificate.clone()])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_insecure_skip_verify(true)
            .build(true, None)
            .map_err(std::io::Error::other)?;
        let mut dtls = Endpoint::new(SocketAddr::from(([0, 0, 0, 0], 1)), TransportProtocol::UDP, None);
        dtls.connect(now, server, Arc::new(config), None).map_err(std::io::Error::other)?;
        self.dtls = Some(dtls);
        self.check(now);
        Ok(())
    }

    fn server(&self) -> SocketAddr {
        self.remote.address.expect("begun")
    }

    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    fn check(&mut self, now: Instant) {
        let mut request = Message::new();
        request.new_transaction_id().expect("random numbers");
        request.set_type(BINDING_REQUEST);
        request.write_header();
        request.add(ATTR_USERNAME, format!("{}:{}", self.remote.ufrag, self.ufrag).as_bytes());
        // ICE-CONTROLLING and PRIORITY: Janus answers no check without them.
        request.add(rtc::stun::attributes::ATTR_ICE_CONTROLLING, &[0, 0, 0, 0, 0, 0, 0, 1]);
        request.add(rtc::stun::attributes::ATTR_PRIORITY, &[0x6e, 0, 1, 0xff]);
        request.add(ATTR_USE_CANDIDATE, &[]);
        let password = self.remote.password.clone();
        MessageIntegrity::new_short_term_integrity_with_provider(password, self.identity.crypto.crypto())
            .add_to(&mut request)
            .expect("a key of any length");
        FINGERPRINT.add_to(&mut request).expect("a checksum");
        self.port.send(&request.raw);
        self.next_check = Some(now + if self.is_connected() { CONSENT } else { REPEAT });
    }

    /// Does what is due; gives when to come back.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Instant> {
        if self.next_check.is_some_and(|at| at <= now) {
            self.check(now);
        }
        if self.next_flight.is_some_and(|at| at <= now) && !self.is_connected() {
            let server = self.server();
            if let Some(dtls) = &mut self.dtls {
                // A flight that ends in an error shows as a client that never connects.
                let _ = dtls.handle_timeout(server, now);
            }
            self.flush(now);
        }
        let flight = self.next_flight.filter(|_| !self.is_connected());
        self.next_check.into_iter().chain(flight).min()
    }

    fn flush(&mut self, now: Instant) {
        let Some(dtls) = &mut self.dtls else { return };
        while let Some(transmit) = dtls.poll_transmit() {
            self.port.send(&transmit.message);
        }
        self.next_flight = Some(now + REPEAT);
    }

    /// Takes what is no media: STUN and DTLS. Whether it became connected by it.
    pub fn handle_control(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if self.remote.address.is_none() {
            return false;
        }
        match media::demux::classify(datagram) {
            media::demux::Kind::Stun => {
                let mut message = Message::new();
                if message.unmarshal_binary(datagram).is_err() {
                    return false;
                }
                if message.typ == BINDING_REQUEST {
                    self.answer(&message);
                } else if self.next_flight.is_none() {
                    // The path is open: DTLS may begin.
                    self.flush(now);
                }
                false
            }
            media::demux::Kind::Dtls => self.handle_dtls(now, datagram),
            _ => false,
        }
    }

    fn answer(&self, request: &Message) {
        let server = self.server();
        let mut response = Message::new();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            PASSWORD.to_owned(),
            self.identity.crypto.crypto(),
        );
        let mapped = XorMappedAddress { ip: server.ip(), port: server.port() };
        let built = response.build(&[
            Box::new(request.clone()),
            Box::new(BINDING_SUCCESS),
            Box::new(mapped),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ]);
        if built.is_ok() {
            self.port.send(&response.raw);
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let server = self.server();
        let Some(dtls) = &mut self.dtls else { return false };
        let events = dtls.read(now, server, None, BytesMut::from(datagram)).unwrap_or_default();
        let is_complete = events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
        if is_complete && self.srtp.is_none() {
            let state = dtls.get_connection_state(server).expect("complete");
            let profile = ProtectionProfile::AeadAes128Gcm;
            let mut config = rtc::srtp::config::Config { profile, ..Default::default() };
            let length = config.keying_material_len();
            let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], length).expect("complete");
            config.set_session_keys_from_keying_material(material.as_ref(), true).expect("the right length");
            let keys = Keys {
                profile,
                local_key: config.keys.local_master_key,
                local_salt: config.keys.local_master_salt,
                remote_key: config.keys.remote_master_key,
                remote_salt: config.keys.remote_master_salt,
            };
            self.srtp = Some(session(&keys, self.identity.crypto.crypto()).expect("keys of the handshake"));
        }
        self.flush(now);
        is_complete
    }

    /// Whether an RTCP packet asks for a key frame.
    pub fn asks_for_key_frame(&mut self, datagram: &[u8]) -> bool {
        use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
        let Some((inbound, _)) = &mut self.srtp else { return false };
        let Ok(mut clear) = inbound.open_rtcp(datagram, self.identity.crypto.crypto()) else { return false };
        let packets = rtc::rtcp::packet::unmarshal(&mut clear).unwrap_or_default();
        packets.iter().any(|packet| packet.as_any().is::<PictureLossIndication>())
    }
}
