//! Addresses that are asked whether something is well: http or https, and no secret in them.

use thiserror::Error;

use crate::limits::MAX_URL_BYTES;

/// What is wrong with an address; the text goes behind the name of what holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadAddress {
    #[error("can have at most {} KiB", MAX_URL_BYTES / 1024)]
    TooLong,
    #[error("has to begin with `https://` or `http://`")]
    NotHttp,
    #[error("can't hold blanks or letters beyond ASCII; write them percent-encoded")]
    NotAscii,
    #[error("can't hold credentials, since whoever may read this would read them")]
    Credentials,
    #[error("has no host, or a port that there is not")]
    NoHost,
}

/// # Errors
/// [`BadAddress`]: the first thing that is wrong.
pub fn check_address(text: &str) -> Result<(), BadAddress> {
    if text.len() > MAX_URL_BYTES {
        return Err(BadAddress::TooLong);
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.ok_or(BadAddress::NotHttp)?.split(['/', '?', '#']).next().unwrap_or("");
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(BadAddress::NotAscii);
    }
    if authority.contains('@') {
        return Err(BadAddress::Credentials);
    }
    if is_authority(authority) { Ok(()) } else { Err(BadAddress::NoHost) }
}

/// A host, and a port if any.
fn is_authority(text: &str) -> bool {
    // The colons within brackets are those of an address.
    let port_at = text.rfind(':').filter(|at| *at > text.rfind(']').unwrap_or(0));
    let (host, port) = port_at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_fine = match bare {
        Some(address) => {
            !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c))
        }
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    host_is_fine && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}
