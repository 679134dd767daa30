//! GitHub asks for patience where it takes nothing more from a token for a while: then it is left alone until that
//! is over, by every request of this component.
//!
//! It is remembered in the key-value store. Should that be lost, GitHub says it again.

use penstock_domain::Timestamp;
use penstock_forge::outcome::MAX_RETRY_SECONDS;
use penstock_forge::{Outcome, RetryCause};
use penstock_guest::Platform;
use serde::{Deserialize, Serialize};

const KEY: &str = "github-paused";

#[derive(Serialize, Deserialize)]
struct Pause {
    until: Timestamp,
    why: RetryCause,
}

/// What GitHub would answer now, where it asked for patience and that is not over.
pub async fn present(platform: &impl Platform) -> Option<Outcome> {
    let Pause { until, why } = serde_json::from_slice(&platform.get(KEY).await?).ok()?;
    let left_ms = until.since_ms(platform.now());
    let seconds = u32::try_from(left_ms.saturating_add(999) / 1000).ok()?;
    // What lies further off than an answer can ask for was written under another clock.
    (1..=MAX_RETRY_SECONDS).contains(&seconds).then_some(Outcome::RetryAfter { seconds, why })
}

/// Remembers it, where the outcome asks for patience.
pub async fn keep(platform: &impl Platform, outcome: &Outcome) {
    let Outcome::RetryAfter { why, .. } = *outcome else { return };
    let Some(seconds) = outcome.limited_seconds() else { return };
    let pause = Pause { until: platform.now().plus_ms(i64::from(seconds) * 1000), why };
    if let Ok(text) = serde_json::to_vec(&pause) {
        platform.set(KEY, &text).await;
    }
}
