//! When a failed attempt is tried again, and after how long.

use penstock_domain::RetryCause;
use serde::{Deserialize, Serialize};

use crate::limits;

/// The wait before the first further try where the file gives none.
pub(crate) const DEFAULT_DELAY_MS: i64 = 10_000;
/// The factor between two waits where the file gives none.
pub(crate) const DEFAULT_BACKOFF: f64 = 2.0;

/// How often, after how long and for which causes an attempt is made again. The default never does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetryPolicy {
    /// Tries after the first.
    #[serde(skip_serializing_if = "is_zero")]
    pub max: u32,
    #[serde(skip_serializing_if = "is_default_delay")]
    pub delay_ms: i64,
    #[serde(skip_serializing_if = "is_default_backoff")]
    pub backoff: f64,
    /// Where the file names none: every cause there is.
    #[serde(skip_serializing_if = "is_every_cause")]
    pub on: Vec<RetryCause>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max: 0, delay_ms: DEFAULT_DELAY_MS, backoff: DEFAULT_BACKOFF, on: RetryCause::ALL.to_vec() }
    }
}

impl RetryPolicy {
    /// Whether an attempt that failed for `cause` is followed by another; attempts are numbered from 1.
    pub fn allows(&self, cause: RetryCause, failed_attempt: u32) -> bool {
        failed_attempt <= self.max && self.on.contains(&cause)
    }

    /// Milliseconds to wait before `attempt` starts. The first waits for nothing, the second for `delay_ms`, each
    /// later one `backoff` times as long as the one before it, and none longer than an hour.
    pub fn delay_before(&self, attempt: u32) -> i64 {
        let Some(earlier_retries) = attempt.checked_sub(2) else { return 0 };
        let exponent = i32::try_from(earlier_retries.min(1_000)).unwrap_or(1_000);
        let delay = self.delay_ms.max(0) as f64 * self.backoff.max(1.0).powi(exponent);
        // Infinity and what doesn't fit saturate; a NaN becomes 0.
        (delay as i64).clamp(0, limits::MAX_RETRY_DELAY_MS)
    }
}

fn is_zero(max: &u32) -> bool {
    *max == 0
}

fn is_default_delay(delay_ms: &i64) -> bool {
    *delay_ms == DEFAULT_DELAY_MS
}

fn is_default_backoff(backoff: &f64) -> bool {
    *backoff == DEFAULT_BACKOFF
}

fn is_every_cause(on: &[RetryCause]) -> bool {
    on == RetryCause::ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_longer_than_the_last_until_an_hour() {
        let policy = RetryPolicy { max: 5, delay_ms: 60_000, backoff: 4.0, ..RetryPolicy::default() };
        let waits: Vec<i64> = (0..8).map(|attempt| policy.delay_before(attempt)).collect();
        assert_eq!(waits, [0, 0, 60_000, 240_000, 960_000, 3_600_000, 3_600_000, 3_600_000]);
    }

    #[test]
    fn no_policy_can_make_a_wait_that_is_out_of_bounds() {
        for (delay_ms, backoff) in [(i64::MAX, 10.0), (-5, 2.0), (1, f64::NAN), (1, f64::INFINITY), (1, -3.0)]
        {
            let policy = RetryPolicy { max: 5, delay_ms, backoff, ..RetryPolicy::default() };
            for attempt in [0, 1, 2, 3, 1_000, u32::MAX] {
                assert!((0..=limits::MAX_RETRY_DELAY_MS).contains(&policy.delay_before(attempt)));
            }
        }
    }

    #[test]
    fn only_named_causes_are_tried_again_and_only_so_often() {
        let policy = RetryPolicy { max: 2, on: vec![RetryCause::RunnerLost], ..RetryPolicy::default() };
        assert!(policy.allows(RetryCause::RunnerLost, 1));
        assert!(policy.allows(RetryCause::RunnerLost, 2));
        assert!(!policy.allows(RetryCause::RunnerLost, 3));
        assert!(!policy.allows(RetryCause::ExitCode, 1));
        assert!(!RetryPolicy::default().allows(RetryCause::RunnerLost, 1));
    }
}
