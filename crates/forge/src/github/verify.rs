//! `X-Hub-Signature-256`: `sha256=` and 64 lower-case hexadecimal digits, over the raw bytes of the body.
//!
//! The older `X-Hub-Signature` (SHA-1) is not looked at.

use crate::signature::{SignatureError, sign_hex, verify_hex};

const PREFIX: &str = "sha256=";

/// Checks a delivery, in constant time where the form is right.
///
/// # Errors
/// [`SignatureError`]: answer 401, keep nothing.
pub fn verify(secret: &[u8], header: Option<&[u8]>, body: &[u8]) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Missing)?;
    let digits = header.strip_prefix(PREFIX.as_bytes()).ok_or(SignatureError::Malformed)?;
    // Everybody can sign with an empty secret.
    if secret.is_empty() {
        return Err(SignatureError::Mismatch);
    }
    verify_hex(secret, digits, body)
}

/// The header that GitHub would send: for demonstrations and tests of a receiver.
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    format!("{PREFIX}{}", sign_hex(secret, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const HEADER: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_published_vector_fits() {
        assert_eq!(verify(SECRET, Some(HEADER.as_bytes()), BODY), Ok(()));
        assert_eq!(sign(SECRET, BODY), HEADER);
    }

    #[test]
    fn another_secret_or_body_does_not_fit() {
        let header = Some(HEADER.as_bytes());
        for (secret, body) in [
            (&b"x"[..], BODY),
            (b"", BODY),
            (SECRET, b""),
            (SECRET, b"Hello, World"),
            (SECRET, b"hello, World!"),
        ] {
            assert_eq!(verify(secret, header, body), Err(SignatureError::Mismatch));
        }
        assert_eq!(verify(b"", Some(sign(b"", BODY).as_bytes()), BODY), Err(SignatureError::Mismatch));
        let mut digits = HEADER.to_owned().into_bytes();
        for at in "sha256=".len()..digits.len() {
            let right = digits[at];
            digits[at] = if right == b'0' { b'1' } else { b'0' };
            assert_eq!(verify(SECRET, Some(&digits), BODY), Err(SignatureError::Mismatch), "digit {at}");
            digits[at] = right;
        }
    }

    #[test]
    fn only_the_exact_form_is_compared_at_all() {
        let digits = &HEADER["sha256=".len()..];
        let texts = [
            String::new(),
            "sha256".to_owned(),
            "sha256=".to_owned(),
            digits.to_owned(),
            HEADER[..HEADER.len() - 1].to_owned(),
            HEADER[..HEADER.len() - 2].to_owned(),
            format!("{HEADER}0"),
            format!("{HEADER}00"),
            format!("{HEADER}{HEADER}"),
            format!("{HEADER}, {HEADER}"),
            format!(" {HEADER}"),
            format!("{HEADER}\n"),
            HEADER.to_uppercase(),
            format!("sha256={}", digits.to_uppercase()),
            format!("SHA256={digits}"),
            format!("sha1={digits}"),
            format!("sha256=0x{}", &digits[2..]),
            format!("sha256=+{}", &digits[1..]),
            format!("sha256=é{}", &digits[2..]),
        ];
        let not_text = [b"sha256=\xff\xfe", &digits.as_bytes()[2..]].concat();
        for header in texts.iter().map(String::as_bytes).chain([&not_text[..]]) {
            let shown = String::from_utf8_lossy(header);
            assert_eq!(verify(SECRET, Some(header), BODY), Err(SignatureError::Malformed), "{shown}");
        }
        assert_eq!(verify(SECRET, None, BODY), Err(SignatureError::Missing));
    }
}
