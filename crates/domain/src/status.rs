//! States, and which may follow which.

use thiserror::Error;

use crate::vocabulary::words;

words! {
    /// An execution's state.
    ExecutionStatus, "execution status" {
        Queued = "queued", Running = "running", Succeeded = "succeeded", Failed = "failed",
        Cancelled = "cancelled", Timeout = "timeout",
    }
}

words! {
    /// The state of a stage, a job or a step.
    WorkStatus, "status" {
        Pending = "pending", Running = "running", Succeeded = "succeeded", Failed = "failed",
        Cancelled = "cancelled", Skipped = "skipped",
    }
}

/// A state that may not follow another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} can't go from {from} to {to}")]
pub struct IllegalTransition {
    pub what: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

impl ExecutionStatus {
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// `to`, where it may follow `self`.
    ///
    /// # Errors
    /// [`IllegalTransition`]: a final state stays, and only a running execution can succeed or time out.
    pub const fn become_(self, to: Self) -> Result<Self, IllegalTransition> {
        use ExecutionStatus::{Cancelled, Failed, Queued, Running, Succeeded, Timeout};
        match (self, to) {
            (Queued, Running | Failed | Cancelled) | (Running, Succeeded | Failed | Cancelled | Timeout) => {
                Ok(to)
            }
            _ => Err(IllegalTransition { what: "an execution", from: self.as_str(), to: to.as_str() }),
        }
    }
}

impl WorkStatus {
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// Whether what depends on this may go on: it succeeded, or was left out on purpose.
    pub const fn satisfies_dependents(self) -> bool {
        matches!(self, Self::Succeeded | Self::Skipped)
    }

    /// `to`, where it may follow `self`. Running to pending is a retry.
    ///
    /// # Errors
    /// [`IllegalTransition`]: a final state stays; what never ran can't have succeeded.
    pub const fn become_(self, to: Self) -> Result<Self, IllegalTransition> {
        use WorkStatus::{Cancelled, Failed, Pending, Running, Skipped, Succeeded};
        match (self, to) {
            (Pending, Running | Failed | Cancelled | Skipped)
            | (Running, Succeeded | Failed | Cancelled | Pending) => Ok(to),
            _ => Err(IllegalTransition { what: "work", from: self.as_str(), to: to.as_str() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_against_every_other() {
        let legal = |from: WorkStatus| {
            WorkStatus::ALL
                .iter()
                .filter(|to| from.become_(**to).is_ok())
                .map(|s| s.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(legal(WorkStatus::Pending), ["running", "failed", "cancelled", "skipped"]);
        assert_eq!(legal(WorkStatus::Running), ["pending", "succeeded", "failed", "cancelled"]);
        for end in WorkStatus::ALL.iter().filter(|s| s.is_final()) {
            assert!(legal(*end).is_empty(), "{end} is final");
        }
    }

    #[test]
    fn an_execution_that_ended_stays_ended() {
        for from in ExecutionStatus::ALL {
            for to in ExecutionStatus::ALL {
                assert!(!(from.become_(*to).is_ok() && from.is_final()), "{from} to {to}");
            }
        }
        assert!(ExecutionStatus::Queued.become_(ExecutionStatus::Succeeded).is_err());
    }
}
