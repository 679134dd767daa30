//! Standard Webhooks signatures: how the control plane signs what it pushes, and how a receiver checks it.
//!
//! The signed text is `id.timestamp.body`; the header is `v1,` and the base64 of its HMAC-SHA256. Several
//! signatures may stand in one header, with spaces between, while a secret is rotated.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use penstock_domain::Timestamp;
use sha2::Sha256;
use thiserror::Error;

pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

/// How far a signed timestamp may lie from the receiver's clock.
pub const TOLERANCE_SECONDS: i64 = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    #[error("the signature does not fit; sender and receiver need the same token")]
    Mismatch,
    #[error("the timestamp lies more than {TOLERANCE_SECONDS} s from this clock")]
    TooFar,
}

/// The `webhook-signature` of a body sent at `at` (whole seconds).
pub fn sign(token: &[u8], id: &str, at: Timestamp, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(mac(token, id, seconds(at), body).finalize().into_bytes()))
}

/// Checks a header against the body, in constant time.
///
/// # Errors
/// [`SignatureError`], where no signature in the header fits, or its time is too far off.
pub fn verify(
    token: &[u8],
    id: &str,
    timestamp: &str,
    header: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let sent: i64 = timestamp.parse().map_err(|_| SignatureError::Mismatch)?;
    let fits = header.split(' ').filter_map(|s| s.strip_prefix("v1,")).any(|s| {
        STANDARD.decode(s).is_ok_and(|given| mac(token, id, sent, body).verify_slice(&given).is_ok())
    });
    if !fits {
        return Err(SignatureError::Mismatch);
    }
    if (seconds(now) - sent).abs() > TOLERANCE_SECONDS { Err(SignatureError::TooFar) } else { Ok(()) }
}

pub fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

fn mac(token: &[u8], id: &str, sent: i64, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{sent}.").as_bytes());
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_id_time_and_body_fit() {
        let now = Timestamp::from_millis(1_700_000_000_123);
        let header = sign(b"k", "a", now, b"body");
        let stamp = seconds(now).to_string();
        assert_eq!(verify(b"k", "a", &stamp, &header, b"body", now), Ok(()));
        assert_eq!(verify(b"k", "a", &stamp, &format!("v1,AAAA {header}"), b"body", now), Ok(()));
        for (token, id, body) in [(b"x", "a", b"body"), (b"k", "b", b"body"), (b"k", "a", b"bodY")] {
            assert_eq!(verify(token, id, &stamp, &header, body, now), Err(SignatureError::Mismatch));
        }
        for bad in ["", "v1", "v1,", "v1,!!", "v2,AAAA", &header[..header.len() - 2]] {
            assert_eq!(verify(b"k", "a", &stamp, bad, b"body", now), Err(SignatureError::Mismatch), "{bad}");
        }
        let late = now.plus_ms(301_000);
        assert_eq!(verify(b"k", "a", &stamp, &header, b"body", late), Err(SignatureError::TooFar));
    }
}
