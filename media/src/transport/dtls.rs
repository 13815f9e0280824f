//! DTLS of one transport: the hub is the server, the client's certificate must have the fingerprint of its offer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::{ClientAuthType, ConfigBuilder};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error;
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::protection_profile::ProtectionProfile;

use super::hello::{Hello, HelloCollector};
use super::srtp::Keys;

/// DTLS is bound to the ICE transport, not to an address: the layer below sees one constant peer, so paths can move.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1);

/// The certificate of a worker and its fingerprint.
pub struct Identity {
    pub crypto: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    pub fingerprint: Fingerprint,
}

impl Identity {
    /// A fresh self-signed certificate.
    ///
    /// # Errors
    /// When the provider cannot generate a key.
    pub fn generate(crypto: Arc<dyn RTCCryptoProvider>) -> Result<Self, Error> {
        let certificate = Certificate::generate_self_signed(vec!["kafedra".to_owned()], crypto.crypto())?;
        let der = certificate.certificate.first().ok_or(Error::ErrNoCertificates)?;
        let fingerprint = Fingerprint::of(der.as_ref(), crypto.as_ref()).ok_or(Error::ErrNoCertificates)?;
        Ok(Self { crypto, certificate, fingerprint })
    }
}

/// A SHA-256 certificate fingerprint. Two are compared in constant time.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        rtc::crypto::constant_time_eq(&self.0, &other.0)
    }
}

impl Eq for Fingerprint {}

impl Fingerprint {
    fn of(der: &[u8], crypto: &dyn RTCCryptoProvider) -> Option<Self> {
        crypto.crypto().hash(HashAlgorithm::Sha256, der).ok()?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            write!(formatter, "{}{byte:02X}", if position == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// What became of a datagram.
pub enum DtlsEvent {
    /// The handshake is through, with these keys.
    Established(Keys),
    /// The client closed, or a fatal error ended the association.
    Closed,
}

/// DTLS state of one transport.
pub struct Dtls {
    identity: Arc<Identity>,
    remote: Fingerprint,
    /// Made when the first ClientHello shows which SRTP profiles the client lists.
    endpoint: Option<Endpoint>,
    hello: HelloCollector,
    established: bool,
}

impl Dtls {
    pub fn new(identity: Arc<Identity>, remote: Fingerprint) -> Self {
        Self { identity, remote, endpoint: None, hello: HelloCollector::default(), established: false }
    }

    /// The fingerprint the client promised.
    pub fn remote(&self) -> Fingerprint {
        self.remote
    }

    /// Takes a datagram from a validated address.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Option<DtlsEvent> {
        if self.endpoint.is_some() {
            return self.read(now, datagram);
        }
        let hello = self.hello.push(datagram);
        if hello == Hello::Incomplete {
            return None;
        }
        self.endpoint = Some(self.listen(srtp_profiles(hello))?);
        let held = std::mem::take(&mut self.hello).into_datagrams();
        held.iter().filter_map(|datagram| self.read(now, datagram)).last()
    }

    fn read(&mut self, now: Instant, datagram: &[u8]) -> Option<DtlsEvent> {
        let endpoint = self.endpoint.as_mut()?;
        let Ok(events) = endpoint.read(now, PEER, None, BytesMut::from(datagram)) else {
            // A bad record is no reason to give up: what ends an association is its close_notify or the handshake timer.
            return None;
        };
        let mut found = None;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.established = true;
                    found = Some(self.keys().map_or(DtlsEvent::Closed, DtlsEvent::Established));
                }
                EndpointEvent::PeerClosed => {
                    self.endpoint = None;
                    return Some(DtlsEvent::Closed);
                }
                // Data channels are refused in the answer; whatever comes is dropped unread.
                _ => {}
            }
        }
        found
    }

    pub fn is_established(&self) -> bool {
        self.established
    }

    /// The client has closed, and nothing of it is to come.
    pub fn is_closed(&self) -> bool {
        self.established && self.endpoint.is_none()
    }

    /// The next datagram to send to the client.
    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.endpoint.as_mut()?.poll_transmit().map(|transmit| transmit.message)
    }

    /// When [`Dtls::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.established { None } else { self.endpoint.as_ref()?.poll_timeout(&PEER) }
    }

    /// Repeats a lost flight. `false`: the handshake has failed for good.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.endpoint.as_mut().is_none_or(|endpoint| endpoint.handle_timeout(PEER, now).is_ok())
    }

    fn listen(&self, profiles: Vec<SrtpProtectionProfile>) -> Option<Endpoint> {
        let (crypto, promised) = (self.identity.crypto.clone(), self.remote);
        let verify = move |chain: &[Vec<u8>], _: &[_]| {
            let shown = chain.first().and_then(|der| Fingerprint::of(der, crypto.as_ref()));
            match shown {
                Some(shown) if shown == promised => Ok(()),
                _ => Err(Error::Other("certificate does not match the fingerprint of the offer".to_owned())),
            }
        };
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.identity.crypto.clone())
            .with_certificates(vec![self.identity.certificate.clone()])
            .with_srtp_protection_profiles(profiles)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // The chain is self-signed by design; the fingerprint above is the check.
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(verify)))
            .build(false, None)
            .ok()?;
        Some(Endpoint::new(PEER, TransportProtocol::UDP, Some(Arc::new(config))))
    }

    fn keys(&self) -> Option<Keys> {
        let state = self.endpoint.as_ref()?.get_connection_state(PEER)?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => ProtectionProfile::AeadAes256Gcm,
            _ => return None,
        };
        let mut config = Config { profile, ..Config::default() };
        let material =
            state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len()).ok()?;
        config.set_session_keys_from_keying_material(material.as_ref(), false).ok()?;
        Some(Keys {
            profile,
            local_key: config.keys.local_master_key,
            local_salt: config.keys.local_master_salt,
            remote_key: config.keys.remote_master_key,
            remote_salt: config.keys.remote_master_salt,
        })
    }
}

/// What to offer this client. The DTLS layer follows the client's order and browsers put AES-CM first, so a client that
/// lists AES-128-GCM (four times cheaper per packet) is offered nothing else. AES-CM is next, because it is what everybody
/// else has; AES-256-GCM is for those who allow nothing less.
fn srtp_profiles(hello: Hello) -> Vec<SrtpProtectionProfile> {
    const GCM: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
    const COUNTER: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;
    const GCM_256: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm;
    let ours = [GCM, COUNTER, GCM_256];
    let listed = match hello {
        Hello::Profiles(profiles) => profiles,
        Hello::Incomplete | Hello::Unreadable => return ours.to_vec(),
    };
    // Without one in common the handshake goes on with what the client does not know, and fails there.
    vec![ours.into_iter().find(|profile| listed.contains(&(*profile as u16))).unwrap_or(GCM)]
}
