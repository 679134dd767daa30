//! Waits until the server says that it is ready.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A first start compiles every component; on a small machine that takes a while.
const WITHIN: Duration = Duration::from_secs(120);
const ASK_AGAIN: Duration = Duration::from_millis(25);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Of an answer that is not the one hoped for; enough for a problem's text.
const ANSWER_MAX_BYTES: u64 = 8 * 1024;

/// Asks `GET /readyz` until it answers 200.
///
/// # Errors
/// Where it does not within [`WITHIN`]: with what it said last.
pub async fn wait(server: &str) -> Result<()> {
    let url = format!("{server}/readyz");
    let asked = tokio::task::spawn_blocking(move || ask_until_ready(&url));
    asked.await.context("the question whether the server is ready was lost")?
}

fn ask_until_ready(url: &str) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_WITHIN))
        // It is this machine's own server; a proxy could only be in the way.
        .proxy(None)
        .build()
        .into();
    let started = Instant::now();
    loop {
        let said = match agent.get(url).call() {
            Ok(answer) if answer.status().as_u16() == 200 => return Ok(()),
            Ok(mut answer) => {
                let status = answer.status();
                let text = answer.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_string();
                format!("{status} {}", text.unwrap_or_default())
            }
            Err(error) => error.to_string(),
        };
        if started.elapsed() > WITHIN {
            bail!(
                "the server is not ready after {} s; {url} says: {}",
                WITHIN.as_secs(),
                crate::terminal::tame(said.trim())
            );
        }
        std::thread::sleep(ASK_AGAIN);
    }
}
