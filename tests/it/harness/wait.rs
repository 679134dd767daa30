//! Waiting for a condition, with a bound.

use std::time::{Duration, Instant};

/// For whatever happens by itself within moments: on a busy machine moments are long.
pub const SOON: Duration = Duration::from_secs(60);
/// For what happens when a lease has run out (30 s), and what follows from it.
pub const AFTER_A_LEASE: Duration = Duration::from_secs(120);
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What `look` finds, as soon as it finds something.
///
/// # Panics
/// With `what` was waited for, when it did not come within the bound.
#[track_caller]
pub fn wait_for<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited {} s in vain for {what}", within.as_secs());
        std::thread::sleep(LOOK_EVERY);
    }
}
