//! The id under which a request is found in the log: the client's where it is sane, else a new one.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderValue};

use crate::app::REQUEST_ID;

/// Room for any common form of id.
const MAX_BYTES: usize = 128;

/// New ids: unlike those of other processes by a random half, unlike each other by a count.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub fn new() -> Self {
        Self { process: RandomState::new().hash_one(std::process::id()), next: AtomicU64::new(1) }
    }

    pub fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(REQUEST_ID) {
            Some(id) if is_sane(id.as_bytes()) => id.clone(),
            _ => self.fresh(),
        }
    }

    fn fresh(&self) -> HeaderValue {
        let id = format!("{:016x}-{:08x}", self.process, self.next.fetch_add(1, Ordering::Relaxed));
        HeaderValue::from_str(&id).expect("hexadecimal digits fit a header")
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=MAX_BYTES).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let ids = RequestIds::new();
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            ids.of(&headers).to_str().unwrap().to_owned()
        };
        assert_eq!(of("0190-a_b.c:D/e+f="), "0190-a_b.c:D/e+f=");
        for odd in ["", "a b", "a\"b", "{x}", &"a".repeat(129)] {
            assert_ne!(of(odd), odd);
        }
        assert_ne!(ids.fresh(), ids.fresh());
    }
}
