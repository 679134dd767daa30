//! What a forge's answer means for the one who asked, and how long to wait before asking again.

use serde::{Deserialize, Serialize};

/// The longest wait that an answer can ask for. GitHub's budgets are by the hour.
pub const MAX_RETRY_SECONDS: u32 = 3_600;
/// The first wait where the forge names none.
const BACKOFF_FIRST_SECONDS: u32 = 5;
/// The longest wait where the forge names none: a status this late is still wanted.
const BACKOFF_CAP_SECONDS: u32 = 900;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Not there, or not shown to this token: forges don't tell which.
    NotFound,
    /// The token is missing, wrong or expired. No use before it is replaced.
    Unauthorized {
        why: String,
    },
    /// The token may not do this. No use before it has the right, or another takes its place.
    Forbidden {
        why: String,
    },
    /// The repository lies elsewhere now: [`crate::RequestSpec::redirected`].
    Moved {
        location: String,
    },
    RetryAfter {
        seconds: u32,
        why: RetryCause,
    },
    /// The same request will get the same answer.
    Permanent {
        why: String,
    },
}

impl Outcome {
    /// The seconds for which the forge takes nothing from this token, whatever it is; None where it said no such thing.
    pub const fn limited_seconds(&self) -> Option<u32> {
        match self {
            Self::RetryAfter { seconds, why: RetryCause::RateLimit | RetryCause::SecondaryRateLimit } => {
                Some(*seconds)
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryCause {
    /// The token's budget is used up.
    RateLimit,
    /// Too much at once.
    SecondaryRateLimit,
    /// The forge is out of order.
    ServerError,
}

/// The wait after the `attempt`th failure, counted from 1: 5 s, doubling, 15 minutes at most.
pub fn backoff_seconds(attempt: u32) -> u32 {
    let doublings = attempt.saturating_sub(1).min(u32::BITS - 1);
    BACKOFF_FIRST_SECONDS.saturating_mul(1 << doublings).min(BACKOFF_CAP_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let waits: Vec<_> = (0..=10).map(backoff_seconds).collect();
        assert_eq!(waits, [5, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(backoff_seconds(u32::MAX), 900);
    }
}
