//! Why an attempt has to end before its steps do, and how that reaches everyone who works on it.

use tokio::sync::watch;

/// Weaker before stronger: a stronger cause replaces a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopCause {
    /// The control plane no longer wants the work.
    Cancelled,
    /// This runner was asked to end, and its time is up.
    RunnerStopping,
    /// Someone else may hold the attempt by now: kill at once, tell nothing.
    LeaseLost,
}

/// Cheap to clone; all clones are of one attempt.
#[derive(Clone)]
pub struct Stop(watch::Sender<Option<StopCause>>);

impl Stop {
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub fn raise(&self, cause: StopCause) {
        self.0.send_if_modified(|current| {
            let stronger = Some(cause) > *current;
            if stronger {
                *current = Some(cause);
            }
            stronger
        });
    }

    pub fn cause(&self) -> Option<StopCause> {
        *self.0.borrow()
    }

    /// Resolves when there is a cause at least as strong.
    pub(crate) async fn raised(&self, least: StopCause) -> StopCause {
        let mut receiver = self.0.subscribe();
        let cause = receiver.wait_for(|cause| *cause >= Some(least)).await.ok().and_then(|cause| *cause);
        // The sender lives in `self`, so waiting ends only with a cause.
        cause.unwrap_or(StopCause::LeaseLost)
    }
}
