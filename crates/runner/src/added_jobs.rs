//! Hands in the jobs that a step wants added to its stage, until the control plane has answered.
//!
//! Does not read what is in them: what is wrong is said by the control plane, with its lines.

use std::time::Duration;

use bytes::Bytes;
use penstock_api::runner::{JobRequest, JobsAdded};
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::control::{CALL_TIMEOUT, CallError, Control, YAML};
use crate::stop::{Stop, StopCause};

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// However long a server asks to be left alone, the step waits for its answer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// What the control plane made of the jobs.
pub enum Answer {
    Added(u32),
    /// One line of the log for each thing that is wrong.
    Refused(Vec<String>),
}

/// What one step wants added.
pub struct Addition<'a> {
    pub request: &'a JobRequest,
    pub step: usize,
    pub control: &'a Control,
    pub stop: &'a Stop,
}

impl Addition<'_> {
    /// Sends the text again and again, for it is known by attempt and step. Who has waited enough drops this.
    ///
    /// # Errors
    /// Why the attempt ends before there is an answer.
    pub(crate) async fn send(&self, text: String) -> Result<Answer, StopCause> {
        tokio::select! {
            biased;
            cause = self.stop.raised(StopCause::Cancelled) => Err(cause),
            answer = self.until_answered(text.into()) => answer,
        }
    }

    async fn until_answered(&self, body: Bytes) -> Result<Answer, StopCause> {
        let JobRequest { job, callback_url, .. } = self.request;
        let base = callback_url.trim_end_matches('/');
        let url = format!("{base}/api/v1/jobs/{}/jobs?upload={}", job.id, self.step);
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let token = &job.lease.token;
            let called = self.control.post::<JobsAdded>(&url, token, YAML, body.clone(), CALL_TIMEOUT).await;
            let error = match called {
                Ok(answer) => return Ok(Answer::Added(answer.map_or(0, |answer| answer.added))),
                Err(error) => error,
            };
            match error {
                CallError::Refused { status: 409, code, .. } if code == "lease_expired" => {
                    self.stop.raise(StopCause::LeaseLost);
                    return Err(StopCause::LeaseLost);
                }
                CallError::Later { .. } | CallError::Down { .. } | CallError::Refused { status: 409, .. } => {
                    tracing::debug!(url, %error, "trying again");
                    sleep(backoff.next().max(error.retry_after().min(MAX_RETRY_AFTER))).await;
                }
                CallError::Refused { status, code, detail, errors } => {
                    let mut lines = vec![format!("The jobs were not added ({status} {code}): {detail}")];
                    lines.extend(errors.iter().map(|error| match (error.line, error.column) {
                        (Some(line), Some(column)) => format!("{line}:{column}: {}", error.message),
                        _ => format!("{}: {}", error.pointer, error.message),
                    }));
                    return Ok(Answer::Refused(lines));
                }
            }
        }
    }
}
