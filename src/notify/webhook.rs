//! One call of a webhook: the notice as JSON, signed with the time in it, so that it can be neither forged nor replayed.
//!
//! The receiver computes HMAC-SHA256 of `TIMESTAMP.BODY` with its secret, compares it with `Kafedra-Signature`, and refuses a
//! timestamp that is more than a few minutes off. `Kafedra-Delivery` is the same with each try: seen twice is done once.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::SendError;
use super::outside::{Fence, judge};
use crate::store::deliveries::Due;
use crate::store::notices::Webhook;

/// `v1=` and the hex of the signature.
pub fn signature(secret: &str, timestamp_s: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Makes one try.
///
/// # Errors
/// What the receiver's silence or status means.
pub async fn call(fence: &Fence, hook: &Webhook, due: &Due, now_ms: i64) -> Result<(), SendError> {
    let (client, url) = fence.client(&hook.url).await?;
    let body = serde_json::json!({
        "delivery": due.id,
        "school": due.school,
        "kind": due.notice.kind(),
        "at_ms": due.created_ms,
        "notice": due.notice,
    })
    .to_string();
    let timestamp_s = now_ms / 1000;
    let response = client
        .post(url)
        .header("content-type", "application/json")
        .header("kafedra-delivery", &due.id)
        .header("kafedra-timestamp", timestamp_s)
        .header("kafedra-signature", signature(&hook.secret, timestamp_s, &body))
        .body(body)
        .send()
        .await
        .map_err(|error| SendError::Later(error.without_url().to_string()))?;
    // A webhook is forgotten when it says Gone (410), not for a 404 of a server that is being set up.
    match response.status().as_u16() {
        404 => Err(SendError::Later("status 404".to_owned())),
        status => judge(status),
    }
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn a_signature_covers_time_and_body() {
        // `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret`
        let signed = signature("secret", 1_700_000_000, "{}");
        assert_eq!(signed, "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
        assert_ne!(signed, signature("secret", 1_700_000_001, "{}"));
        assert_ne!(signed, signature("secret", 1_700_000_000, "{ }"));
        assert_ne!(signed, signature("other", 1_700_000_000, "{}"));
    }
}
