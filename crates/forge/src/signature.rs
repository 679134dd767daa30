//! Hexadecimal HMAC-SHA256 signatures of webhooks, compared in constant time.
//!
//! Which header bears one, and in which form, is each forge's own (`verify.rs`).

use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;

/// All of them are answered 401 `invalid_signature`: what exactly is wrong helps the owner, in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    #[error("the webhook bears no signature; set the same secret at the forge as here")]
    Missing,
    #[error("the signature is not of the form that this forge sends; check what stands between it and here")]
    Malformed,
    #[error("the signature does not fit the body; set the same secret at the forge as here")]
    Mismatch,
}

/// Bytes of an HMAC-SHA256.
const MAC_BYTES: usize = 32;

/// Compares 64 lower-case hexadecimal digits with the body's HMAC-SHA256.
pub(crate) fn verify_hex(secret: &[u8], digits: &[u8], body: &[u8]) -> Result<(), SignatureError> {
    let given = decode(digits).ok_or(SignatureError::Malformed)?;
    mac(secret, body).verify_slice(&given).map_err(|_| SignatureError::Mismatch)
}

/// 64 lower-case hexadecimal digits: what the forge would send for this body.
pub(crate) fn sign_hex(secret: &[u8], body: &[u8]) -> String {
    mac(secret, body).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(body);
    mac
}

fn decode(digits: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; MAC_BYTES] = pairs.try_into().ok()?;
    let mut bytes = [0; MAC_BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
