//! How long to wait between tries: doubling from a base to a cap, with jitter so that many runners that lost
//! the same server don't come back in step.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
}

impl Backoff {
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, tries: 0 }
    }

    /// The next wait: between half and the whole of the doubled one.
    pub fn next(&mut self) -> Duration {
        // 2^16 times any base is beyond any cap, so the exponent may stop there.
        let whole = self.base.saturating_mul(1 << self.tries.min(16)).min(self.cap);
        self.tries = self.tries.saturating_add(1);
        let half = whole / 2;
        half + half.mul_f64(fraction())
    }

    pub const fn reset(&mut self) {
        self.tries = 0;
    }
}

/// Random bits from the standard library's own source: enough for jitter and for names, not for keys.
pub fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn fraction() -> f64 {
    // 53 bits are what a double holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let bits = (random_u64() >> 11) as f64;
    bits / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_again_after_success() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(1_000));
        for whole in [100, 200, 400, 800, 1_000, 1_000] {
            let wait = backoff.next();
            assert!(wait >= ms(whole) / 2 && wait <= ms(whole), "{wait:?} of {whole} ms");
        }
        backoff.reset();
        assert!(backoff.next() <= ms(100));
        for _ in 0..100 {
            let _ = backoff.next();
        }
        assert!(backoff.next() <= ms(1_000));
    }
}
