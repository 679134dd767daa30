//! The runner's clock: the one place here that reads the time of day. Durations come from tokio's clock instead.

use penstock_domain::Timestamp;

#[expect(clippy::disallowed_methods, reason = "this is the adapter that reads the wall clock")]
pub fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
