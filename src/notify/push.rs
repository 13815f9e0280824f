//! Web Push: a message that only the browser can read (RFC 8291, aes128gcm of RFC 8188), with the hub's own proof of who
//! sends it (VAPID, RFC 8292). On the primitives of `ring`, which is here for media anyway.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::SendError;
use super::outside::{Fence, judge};
use crate::store::notices::PushTarget;

/// Bytes of text in one push: services take 4096 with everything around it.
pub const MOST_TEXT: usize = 3000;
/// Seconds that a service keeps a push for a browser that sleeps.
const TTL_S: u32 = 12 * 3600;
const RECORD: u32 = 4096;

/// The hub's key pair; the public half is what browsers subscribe with.
pub struct Vapid {
    pair: EcdsaKeyPair,
    /// `https://…` or `mailto:…`: whom a push service may ask.
    contact: String,
}

impl Vapid {
    /// A new key pair, PKCS#8 in base64url.
    pub fn fresh() -> String {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        BASE64.encode(document.expect("the system has random numbers"))
    }

    /// The key pair of a stored text; `None`: not one.
    pub fn read(pkcs8: &str, contact: String) -> Option<Self> {
        let bytes = BASE64.decode(pkcs8).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes, &SystemRandom::new()).ok()?;
        Some(Self { pair, contact })
    }

    /// base64url, as `applicationServerKey` wants it.
    pub fn public_key(&self) -> String {
        BASE64.encode(self.pair.public_key())
    }

    /// The `Authorization` for a push service.
    fn authorization(&self, origin: &str, now_s: i64) -> Option<String> {
        let claims = serde_json::json!({ "aud": origin, "exp": now_s + 12 * 3600, "sub": self.contact });
        let head = BASE64.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let signed = format!("{head}.{}", BASE64.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        Some(format!("vapid t={signed}.{}, k={}", BASE64.encode(signature), self.public_key()))
    }
}

impl std::fmt::Debug for Vapid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vapid(***)")
    }
}

/// Makes one try. `topic` replaces an earlier push of the same that has not been shown yet.
///
/// # Errors
/// What the service's silence or status means.
pub async fn send(
    fence: &Fence,
    vapid: &Vapid,
    target: &PushTarget,
    text: &str,
    topic: &str,
    is_urgent: bool,
    now_ms: i64,
) -> Result<(), SendError> {
    let (client, url) = fence.client(&target.endpoint).await?;
    let body = encrypt(text.as_bytes(), &target.p256dh, &target.auth)
        .ok_or_else(|| SendError::Gone("the browser's keys are unusable".to_owned()))?;
    let authorization = vapid
        .authorization(&url.origin().ascii_serialization(), now_ms / 1000)
        .ok_or_else(|| SendError::Later("no signature".to_owned()))?;
    let response = client
        .post(url)
        .header("authorization", authorization)
        .header("content-encoding", "aes128gcm")
        .header("content-type", "application/octet-stream")
        .header("ttl", TTL_S)
        .header("urgency", if is_urgent { "high" } else { "normal" })
        .header("topic", topic)
        .body(body)
        .send()
        .await
        .map_err(|error| SendError::Later(error.without_url().to_string()))?;
    judge(response.status().as_u16())
}

/// Encrypts for one browser; `None`: its keys are no keys.
fn encrypt(text: &[u8], p256dh: &str, auth: &str) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    let theirs = BASE64.decode(p256dh.trim_end_matches('=')).ok()?;
    let auth = BASE64.decode(auth.trim_end_matches('=')).ok()?;
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).ok()?;
    let ours = own.compute_public_key().ok()?;
    let mut salt = [0_u8; 16];
    random.fill(&mut salt).ok()?;
    agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, &theirs), |secret| {
        seal(text, secret, ours.as_ref(), &theirs, &auth, &salt)
    })
    .ok()?
}

/// RFC 8291 section 3.4 on one record.
fn seal(text: &[u8], secret: &[u8], ours: &[u8], theirs: &[u8], auth: &[u8], salt: &[u8; 16]) -> Option<Vec<u8>> {
    let (key, nonce) = content_key(secret, ours, theirs, auth, salt);
    let mut sealed = text.to_vec();
    // The delimiter of the last record (RFC 8188 section 2).
    sealed.push(2);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
    let mut body = Vec::with_capacity(21 + ours.len() + sealed.len());
    body.extend_from_slice(salt);
    body.extend_from_slice(&RECORD.to_be_bytes());
    body.push(u8::try_from(ours.len()).ok()?);
    body.extend_from_slice(ours);
    body.extend_from_slice(&sealed);
    Some(body)
}

/// HKDF written out: each output is shorter than one hash, so one block of each expansion is all there is.
pub fn content_key(secret: &[u8], ours: &[u8], theirs: &[u8], auth: &[u8], salt: &[u8]) -> ([u8; 16], [u8; 12]) {
    let mac = |key: &[u8], parts: &[&[u8]]| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        for part in parts {
            context.update(part);
        }
        let mut out = [0_u8; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    };
    let input = mac(&mac(auth, &[secret]), &[b"WebPush: info\0", theirs, ours, &[1]]);
    let pseudo_random = mac(salt, &[&input]);
    let key = mac(&pseudo_random, &[b"Content-Encoding: aes128gcm\0", &[1]]);
    let nonce = mac(&pseudo_random, &[b"Content-Encoding: nonce\0", &[1]]);
    let (mut short_key, mut short_nonce) = ([0; 16], [0; 12]);
    short_key.copy_from_slice(&key[..16]);
    short_nonce.copy_from_slice(&nonce[..12]);
    (short_key, short_nonce)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Bytes of an uncompressed point.
    const POINT: usize = 65;

    #[test]
    fn the_example_of_rfc_8291_comes_out_byte_by_byte() {
        let decode = |text: &str| BASE64.decode(text).unwrap();
        let ours = decode("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let theirs = decode("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let body = seal(
            b"When I grow up, I want to be a watermelon",
            &decode("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"),
            &ours,
            &theirs,
            &decode("BTBZMqHH6r4Tts7J_aSIgg"),
            &decode("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
        );
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8\
                        wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(BASE64.encode(body.unwrap()), expected.replace(['\n', ' '], ""));
    }

    #[test]
    fn a_key_pair_survives_the_store() {
        let stored = Vapid::fresh();
        let read = |text: &str| Vapid::read(text, "https://hub.example".to_owned());
        assert_eq!(read(&stored).unwrap().public_key(), read(&stored).unwrap().public_key());
        assert!(read("nonsense").is_none());
        assert_eq!(BASE64.decode(read(&stored).unwrap().public_key()).unwrap().len(), POINT);
    }

    #[test]
    fn keys_that_are_none_encrypt_nothing() {
        let point = BASE64.encode([4; POINT]);
        assert!(encrypt(b"x", &point, &BASE64.encode([1; 16])).is_none(), "not a point of the curve");
    }
}
