//! One client: offer and answer, ICE, DTLS-SRTP on the `rtc` crates. What it sends and receives is in `flow`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::transport::srtp::{Inbound, Keys, Outbound, session};
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::ConfigBuilder;
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::srtp::protection_profile::ProtectionProfile;

use crate::flow::Flow;
use crate::ice::{self, Role};
use crate::net::Port;
use crate::sdp::{Line, Local, Remote};
use crate::storm::Storm;

/// How often consent is renewed, as browsers do.
const CONSENT: Duration = Duration::from_secs(4);
/// A check or a flight of the handshake that got no answer is repeated.
const REPEAT: Duration = Duration::from_millis(100);

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

/// A client's connection.
pub struct Peer {
    pub port: Port,
    pub flow: Flow,
    pub srtp: Option<(Inbound, Outbound)>,
    /// When its offer was posted, wall clock.
    pub posted_ns: u64,
    pub role: Role,
    identity: Arc<Identity>,
    local: Local,
    remote: Remote,
    /// `None` before it began.
    server: Option<SocketAddr>,
    dtls: Option<Endpoint>,
    next_check: Option<Instant>,
    next_flight: Option<Instant>,
    storm: Option<Storm>,
}

const PASSWORD: &str = "0123456789012345678901";

impl Peer {
    /// On loopback.
    pub fn new(identity: Arc<Identity>, flow: Flow) -> std::io::Result<Self> {
        Self::at(Ipv4Addr::LOCALHOST.into(), identity, flow)
    }

    /// On one of the machine's addresses.
    pub fn at(ip: IpAddr, identity: Arc<Identity>, flow: Flow) -> std::io::Result<Self> {
        let port = Port::bind(ip)?;
        let address = port.address();
        let local = Local {
            ufrag: format!("load{}", address.port()),
            password: PASSWORD.to_owned(),
            fingerprint: identity.fingerprint.clone(),
            address,
            gives_feedback: flow.gives_feedback(),
        };
        Ok(Self {
            port,
            flow,
            srtp: None,
            posted_ns: 0,
            role: Role::Controlling,
            identity,
            local,
            remote: Remote::default(),
            server: None,
            dtls: None,
            next_check: None,
            next_flight: None,
            storm: None,
        })
    }

    /// Without a handshake, for the floor.
    pub fn fixed(identity: &Arc<Identity>, flow: Flow, server: SocketAddr) -> std::io::Result<Self> {
        let mut peer = Self::new(identity.clone(), flow)?;
        peer.srtp = Some(identity.fixed(peer.port.address().port()));
        peer.port.connect(server)?;
        Ok(peer)
    }

    /// Its description with these m-lines.
    pub fn describe(&self, lines: &[Line]) -> String {
        self.local.describe(lines, |media| self.flow.ssrc(media))
    }

    /// Takes the server's description and starts.
    pub fn begin(&mut self, now: Instant, remote: Remote) -> std::io::Result<()> {
        let server = remote
            .address_for(self.local.address.ip())
            .ok_or_else(|| std::io::Error::other("the server names no candidate"))?;
        self.server = Some(server);
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

    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    fn check(&mut self, now: Instant) {
        self.port.send(&ice::check(self.role, &self.local, &self.remote, self.identity.crypto.crypto()));
        self.next_check = Some(now + if self.is_connected() { CONSENT } else { REPEAT });
    }

    /// Does what is due; gives when to come back.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Instant> {
        if self.next_check.is_some_and(|at| at <= now) {
            self.check(now);
        }
        if self.next_flight.is_some_and(|at| at <= now) && !self.is_connected() {
            if let (Some(dtls), Some(server)) = (&mut self.dtls, self.server) {
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
        let Some(server) = self.server else { return false };
        match media::demux::classify(datagram) {
            media::demux::Kind::Stun => {
                let crypto = self.identity.crypto.crypto();
                if let Some(answer) = ice::answer(datagram, &self.local, server, crypto) {
                    self.port.send(&answer);
                } else if self.next_flight.is_none() && ice::is_success(datagram, &self.remote, crypto) {
                    // The path is open: DTLS may begin.
                    self.flush(now);
                }
                false
            }
            media::demux::Kind::Dtls => self.handle_dtls(now, server, datagram),
            _ => false,
        }
    }

    fn handle_dtls(&mut self, now: Instant, server: SocketAddr, datagram: &[u8]) -> bool {
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

    /// Tells what has arrived since it did last, when that is due.
    pub fn give_feedback(&mut self, now: Instant) {
        let Some((_, outbound)) = &mut self.srtp else { return };
        if let Some(sealed) = self.flow.feedback(now).and_then(|clear| outbound.seal_rtcp(&clear)) {
            self.port.send(&sealed);
        }
    }

    /// Begins or ends a storm of RTCP.
    pub fn set_storm(&mut self, storms: bool) {
        self.storm = storms.then(Storm::default);
    }

    /// Sends the next packet of a storm. `false`: it does not storm.
    pub fn storm(&mut self) -> bool {
        let (Some(storm), Some((_, outbound))) = (&mut self.storm, &mut self.srtp) else { return false };
        if let Some(sealed) = storm.next(&mut self.flow).and_then(|clear| outbound.seal_rtcp(&clear)) {
            self.port.send(&sealed);
            self.flow.tally.controls += 1;
        }
        true
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
