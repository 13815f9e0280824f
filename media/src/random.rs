//! Random credentials and SSRCs from the seed in the config: SHA-256 over seed and counter, so that a test can repeat a run.

use std::sync::Arc;

use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};

/// A stream of random bytes, as strong as its seed.
pub(crate) struct Random {
    crypto: Arc<dyn RTCCryptoProvider>,
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) fn new(crypto: Arc<dyn RTCCryptoProvider>, seed: [u8; 32]) -> Self {
        Self { crypto, seed, counter: 0 }
    }

    fn block(&mut self) -> Vec<u8> {
        let mut input = [0u8; 40];
        input[..32].copy_from_slice(&self.seed);
        input[32..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        self.crypto
            .crypto()
            .hash(HashAlgorithm::Sha256, &input)
            .expect("the provider was chosen because it hashes SHA-256")
    }

    /// A 32-bit number.
    pub(crate) fn u32(&mut self) -> u32 {
        let block = self.block();
        u32::from_be_bytes([block[0], block[1], block[2], block[3]])
    }

    /// Text of `length` characters out of 64 (6 bits each), as ICE credentials want (RFC 8839 section 5.4).
    pub(crate) fn text(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.block().iter().take(length - text.len()) {
                text.push(char::from(ALPHABET[usize::from(byte & 63)]));
            }
        }
        text
    }
}
