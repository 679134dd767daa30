//! Handing on to the scheduler what is about an execution.

use penstock_api::internal::ExecutionRef;
use penstock_domain::ExecutionId;
use penstock_guest::{Failure, Platform, ask_scheduler};
use serde::Serialize;

/// Asks the scheduler, and answers the execution that it names.
///
/// # Errors
/// The scheduler's own problem, or 503 where it does not answer.
pub async fn ask(
    platform: &impl Platform,
    path: &str,
    body: &impl Serialize,
) -> Result<ExecutionId, Failure> {
    let answer = ask_scheduler(platform, path, body).await?;
    let named: ExecutionRef =
        serde_json::from_slice(answer.body()).map_err(|e| Failure::Internal(Box::new(e)))?;
    Ok(named.execution_id)
}
