//! SRTP (RFC 3711, RFC 7714) of one transport: in place, with no allocation per packet; SRTCP by the `srtp` layer of `rtc`.

use std::collections::HashMap;

use bytes::BytesMut;
use rtc::crypto::{
    AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoError, HmacAlgorithm, Mac, RTCCrypto, StreamCipher,
    StreamCipherAlgorithm,
};
use rtc::srtp::context::Context;
use rtc::srtp::option::srtcp_replay_protection;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::replay::ReplayWindow;
use crate::rtp;

/// SSRCs with authentic RTCP on one transport.
const RTCP_SENDERS: usize = 128;
/// Packets of unknown SSRCs tried with one context: the SRTCP layer keeps state for each SSRC it sees, authentic or not.
const TRIALS: usize = 64;
/// Authenticated RTP streams of one transport: 64 m-lines with three layers and their retransmissions.
const STREAMS: usize = 64 * 6;

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    Malformed,
    /// Seen before, or older than the window.
    Replayed,
    /// The tag does not match.
    Forged,
    /// More streams than one transport may have.
    TooMany,
}

/// Master keys of both directions.
pub struct Keys {
    pub profile: ProtectionProfile,
    pub local_key: Vec<u8>,
    pub local_salt: Vec<u8>,
    pub remote_key: Vec<u8>,
    pub remote_salt: Vec<u8>,
}

/// Both directions, from one set of keys.
///
/// # Errors
/// When the provider does not know the profile's algorithms.
pub fn session(keys: &Keys, crypto: &dyn RTCCrypto) -> Result<(Inbound, Outbound), rtc::shared::error::Error> {
    let cipher = |key: &[u8], salt: &[u8]| {
        Cipher::new(keys.profile, key, salt, crypto).map_err(|e| rtc::shared::error::Error::Other(e.to_string()))
    };
    let inbound = Inbound {
        cipher: cipher(&keys.remote_key, &keys.remote_salt)?,
        streams: HashMap::new(),
        rtcp: Context::new(
            &keys.remote_key,
            &keys.remote_salt,
            keys.profile,
            None,
            Some(srtcp_replay_protection(super::replay::WINDOW as usize)),
            crypto,
        )?,
        rtcp_senders: Vec::new(),
        rtcp_keys: (keys.profile, keys.remote_key.clone(), keys.remote_salt.clone()),
        trial: None,
    };
    let outbound = Outbound {
        cipher: cipher(&keys.local_key, &keys.local_salt)?,
        rtcp: Context::new(&keys.local_key, &keys.local_salt, keys.profile, None, None, crypto)?,
    };
    Ok((inbound, outbound))
}

/// What arrives.
pub struct Inbound {
    cipher: Cipher,
    /// Only streams with at least one authenticated packet have an entry.
    streams: HashMap<u32, ReplayWindow>,
    /// Sees only packets of the senders below.
    rtcp: Context,
    /// Each has sent at least one authentic packet.
    rtcp_senders: Vec<u32>,
    rtcp_keys: (ProtectionProfile, Vec<u8>, Vec<u8>),
    /// Tries unknown senders, and how many it has tried.
    trial: Option<(Context, usize)>,
}

impl Inbound {
    /// Authenticates and decrypts in place; gives where the payload ends.
    ///
    /// # Errors
    /// See [`Rejected`]; nothing changed then but the buffer.
    pub fn open_rtp(&mut self, packet: &mut [u8], header: &rtp::Header) -> Result<usize, Rejected> {
        let known = self.streams.get(&header.ssrc);
        if known.is_none() && self.streams.len() >= STREAMS {
            return Err(Rejected::TooMany);
        }
        let fresh = ReplayWindow::default();
        let window = known.unwrap_or(&fresh);
        let index = window.index_of(header.sequence);
        if !window.is_fresh(index) {
            return Err(Rejected::Replayed);
        }
        let end = self.cipher.open(packet, header.payload_offset, header.ssrc, index)?;
        self.streams.entry(header.ssrc).or_default().accept(index);
        Ok(end)
    }

    /// Authenticates and decrypts a compound RTCP packet.
    ///
    /// # Errors
    /// See [`Rejected`]; forged packets leave no state.
    pub fn open_rtcp(&mut self, packet: &[u8], crypto: &dyn RTCCrypto) -> Result<BytesMut, Rejected> {
        let ssrc = packet.get(4..8).and_then(|b| b.first_chunk()).map(|b| u32::from_be_bytes(*b));
        let ssrc = ssrc.ok_or(Rejected::Malformed)?;
        if !self.rtcp_senders.contains(&ssrc) {
            if self.rtcp_senders.len() >= RTCP_SENDERS {
                return Err(Rejected::TooMany);
            }
            self.try_sender(packet, crypto)?;
            self.rtcp_senders.push(ssrc);
        }
        self.rtcp.decrypt_rtcp(packet).map_err(|_| Rejected::Forged)
    }

    /// Authenticates a packet of a sender that is not known yet.
    fn try_sender(&mut self, packet: &[u8], crypto: &dyn RTCCrypto) -> Result<(), Rejected> {
        let (mut context, tried) = match self.trial.take() {
            Some(trial) => trial,
            None => {
                let (profile, key, salt) = &self.rtcp_keys;
                let context = Context::new(key, salt, *profile, None, None, crypto);
                (context.map_err(|_| Rejected::Malformed)?, 0)
            }
        };
        let result = context.decrypt_rtcp(packet);
        if result.is_err() && tried + 1 < TRIALS {
            self.trial = Some((context, tried + 1));
        }
        result.map(drop).map_err(|_| Rejected::Forged)
    }
}

/// What leaves.
pub struct Outbound {
    cipher: Cipher,
    rtcp: Context,
}

impl Outbound {
    /// Encrypts the packet that starts at `start` of the slab and appends its tag. `false`: it could not be encrypted;
    /// the caller truncates the slab.
    pub fn seal_rtp(&mut self, slab: &mut Vec<u8>, start: usize, header: usize, ssrc: u32, index: u64) -> bool {
        self.cipher.seal(slab, start, header, ssrc, index).is_ok()
    }

    /// Encrypts a compound RTCP packet.
    pub fn seal_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.rtcp.encrypt_rtcp(packet).ok()
    }
}

/// Session keys of one direction.
enum Cipher {
    Gcm { aead: Box<dyn AeadCipher>, salt: [u8; 12] },
    Counter { stream: Box<dyn StreamCipher>, mac: Box<dyn Mac>, salt: [u8; 14] },
}

const GCM_TAG: usize = 16;
const HMAC_TAG: usize = 10;

impl Cipher {
    fn new(profile: ProtectionProfile, key: &[u8], salt: &[u8], crypto: &dyn RTCCrypto) -> Result<Self, CryptoError> {
        // Labels of RFC 3711 section 4.3.2.
        let (encryption, authentication, salting) = (0, 1, 2);
        let aes = match key.len() {
            32 => BlockCipherAlgorithm::Aes256,
            _ => BlockCipherAlgorithm::Aes128,
        };
        let wanted = |length: usize, label: u8| derive(crypto, aes, key, salt, label, length);
        let too_short = |_| CryptoError::AuthenticationFailed;
        let gcm = match profile {
            ProtectionProfile::AeadAes128Gcm => Some(AeadAlgorithm::Aes128Gcm),
            ProtectionProfile::AeadAes256Gcm => Some(AeadAlgorithm::Aes256Gcm),
            _ => None,
        };
        if let Some(algorithm) = gcm {
            return Ok(Self::Gcm {
                aead: crypto.new_aead(algorithm, &wanted(profile.key_len(), encryption)?)?,
                salt: wanted(12, salting)?.try_into().map_err(too_short)?,
            });
        }
        Ok(Self::Counter {
            stream: crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &wanted(16, encryption)?)?,
            mac: crypto.new_hmac(HmacAlgorithm::Sha1, &wanted(20, authentication)?)?,
            salt: wanted(14, salting)?.try_into().map_err(too_short)?,
        })
    }

    fn open(&mut self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Result<usize, Rejected> {
        match self {
            Self::Gcm { aead, salt } => {
                let end = packet.len().checked_sub(GCM_TAG).filter(|end| *end >= header).ok_or(Rejected::Malformed)?;
                let (aad, rest) = packet.split_at_mut(header);
                let (payload, tag) = rest.split_at_mut(end - header);
                aead.open_in_place(&gcm_nonce(salt, ssrc, index), aad, payload, tag).map_err(|_| Rejected::Forged)?;
                Ok(end)
            }
            Self::Counter { stream, mac, salt } => {
                let end = packet.len().checked_sub(HMAC_TAG).filter(|end| *end >= header).ok_or(Rejected::Malformed)?;
                let rollover = ((index >> 16) as u32).to_be_bytes();
                let mut tag = [0u8; 20];
                mac.sign(&[&packet[..end], &rollover], &mut tag).map_err(|_| Rejected::Forged)?;
                if !rtc::crypto::constant_time_eq(&tag[..HMAC_TAG], &packet[end..]) {
                    return Err(Rejected::Forged);
                }
                stream
                    .apply_keystream(&counter_iv(salt, ssrc, index), &mut packet[header..end])
                    .map_err(|_| Rejected::Forged)?;
                Ok(end)
            }
        }
    }

    fn seal(
        &mut self,
        slab: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), CryptoError> {
        match self {
            Self::Gcm { aead, salt } => {
                let mut tag = [0u8; GCM_TAG];
                let (aad, payload) = slab[start..].split_at_mut(header);
                aead.seal_in_place(&gcm_nonce(salt, ssrc, index), aad, payload, &mut tag)?;
                slab.extend_from_slice(&tag);
            }
            Self::Counter { stream, mac, salt } => {
                stream.apply_keystream(&counter_iv(salt, ssrc, index), &mut slab[start + header..])?;
                let rollover = ((index >> 16) as u32).to_be_bytes();
                let mut tag = [0u8; 20];
                mac.sign(&[&slab[start..], &rollover], &mut tag)?;
                slab.extend_from_slice(&tag[..HMAC_TAG]);
            }
        }
        Ok(())
    }
}

/// AES-CM key derivation (RFC 3711 section 4.3.3; with a 256-bit key RFC 6188 section 3) with a rate of zero.
fn derive(
    crypto: &dyn RTCCrypto,
    aes: BlockCipherAlgorithm,
    key: &[u8],
    salt: &[u8],
    label: u8,
    length: usize,
) -> Result<Vec<u8>, CryptoError> {
    let mut derived = Vec::with_capacity(length + 16);
    for counter in 0u8.. {
        let mut block = [0u8; 16];
        block[..salt.len().min(14)].copy_from_slice(&salt[..salt.len().min(14)]);
        block[7] ^= label;
        block[15] = counter;
        crypto.block_encrypt(aes, key, &mut block)?;
        derived.extend_from_slice(&block);
        if derived.len() >= length {
            break;
        }
    }
    derived.truncate(length);
    Ok(derived)
}

/// RFC 7714 section 8.1.
fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut nonce = [0u8; 12];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..12].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in nonce.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    nonce
}

/// RFC 3711 section 4.1.1; the last two octets count blocks.
fn counter_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0u8; 16];
    iv[4..8].copy_from_slice(&ssrc.to_be_bytes());
    iv[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in iv.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    iv
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PROFILES: [ProtectionProfile; 3] =
        [ProtectionProfile::AeadAes128Gcm, ProtectionProfile::Aes128CmHmacSha1_80, ProtectionProfile::AeadAes256Gcm];

    fn pair(profile: ProtectionProfile) -> (Inbound, Outbound) {
        let provider = rtc::crypto::default_provider().unwrap();
        let (key, salt) = (vec![7; profile.key_len()], vec![9; profile.salt_len()]);
        let keys =
            Keys { profile, local_key: key.clone(), local_salt: salt.clone(), remote_key: key, remote_salt: salt };
        session(&keys, provider.crypto()).unwrap()
    }

    fn packet(sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(b"a payload of some length");
        packet
    }

    fn check(profile: ProtectionProfile) {
        let (mut inbound, mut outbound) = pair(profile);
        let clear = packet(1);
        let mut sealed = clear.clone();
        assert!(outbound.seal_rtp(&mut sealed, 0, 12, 5, 1));
        assert_ne!(sealed[12..clear.len()], clear[12..]);

        for bit in [12 * 8, sealed.len() * 8 - 1, 8] {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let header = rtp::parse(&forged).unwrap();
            assert_eq!(inbound.open_rtp(&mut forged, &header), Err(Rejected::Forged));
        }
        assert!(inbound.streams.is_empty(), "forged packets leave no state");

        let header = rtp::parse(&sealed).unwrap();
        let replay = sealed.clone();
        let end = inbound.open_rtp(&mut sealed, &header).unwrap();
        assert_eq!(sealed[..end], clear);
        assert_eq!(inbound.open_rtp(&mut replay.clone(), &header), Err(Rejected::Replayed));
    }

    #[test]
    fn gcm_opens_what_it_sealed_once_and_nothing_else() {
        check(ProtectionProfile::AeadAes128Gcm);
        check(ProtectionProfile::AeadAes256Gcm);
    }

    #[test]
    fn counter_mode_opens_what_it_sealed_once_and_nothing_else() {
        check(ProtectionProfile::Aes128CmHmacSha1_80);
    }

    #[test]
    fn forged_reports_of_made_up_senders_keep_nobody_out() {
        let provider = rtc::crypto::default_provider().unwrap();
        for profile in PROFILES {
            let (mut inbound, mut outbound) = pair(profile);
            let clear = [0x80, 201, 0, 1, 0, 0, 0, 5];
            let sealed = outbound.seal_rtcp(&clear).unwrap();
            for ssrc in 1000..2000_u32 {
                let mut forged = sealed.to_vec();
                forged[4..8].copy_from_slice(&ssrc.to_be_bytes());
                assert_eq!(inbound.open_rtcp(&forged, provider.crypto()), Err(Rejected::Forged));
            }
            assert!(inbound.rtcp_senders.is_empty());
            assert_eq!(inbound.open_rtcp(&sealed, provider.crypto()).unwrap()[..], clear[..]);
            assert_eq!(inbound.open_rtcp(&sealed, provider.crypto()), Err(Rejected::Forged), "a replay");
        }
    }

    #[test]
    fn all_profiles_agree_with_the_srtp_layer_of_rtc() {
        for profile in PROFILES {
            let (_, mut outbound) = pair(profile);
            let provider = rtc::crypto::default_provider().unwrap();
            let (key, salt) = (vec![7; profile.key_len()], vec![9; profile.salt_len()]);
            let mut theirs = Context::new(&key, &salt, profile, None, None, provider.crypto()).unwrap();
            let mut sealed = packet(1);
            assert!(outbound.seal_rtp(&mut sealed, 0, 12, 5, 1));
            assert_eq!(theirs.decrypt_rtp(&sealed).unwrap()[..], packet(1)[..]);
        }
    }

    #[test]
    fn a_packet_shorter_than_its_tag_is_malformed() {
        let (mut inbound, _) = pair(ProtectionProfile::AeadAes128Gcm);
        let mut short = packet(1)[..20].to_vec();
        let header = rtp::parse(&short).unwrap();
        assert_eq!(inbound.open_rtp(&mut short, &header), Err(Rejected::Malformed));
    }
}
