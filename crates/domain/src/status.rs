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

words! {
    /// A quality gate's state.
    GateStatus, "gate status" {
        Pending = "pending", Passed = "passed", Failed = "failed", Overridden = "overridden",
    }
}

words! {
    /// An approval's state.
    ApprovalStatus, "approval status" {
        Pending = "pending", Approved = "approved", Rejected = "rejected", Expired = "expired",
        AutoApproved = "auto_approved",
    }
}

words! {
    /// A deployment's state.
    DeploymentStatus, "deployment status" {
        Initiated = "initiated", Deploying = "deploying", Deployed = "deployed", Failed = "failed",
        RolledBack = "rolled_back", HealthCheckFailed = "health_check_failed",
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

impl GateStatus {
    /// Whether what is behind the gate may go on.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Passed | Self::Overridden)
    }

    /// `to`, where it may follow `self`.
    ///
    /// # Errors
    /// [`IllegalTransition`]: a gate is evaluated once, and only a failed one can be overridden.
    pub const fn become_(self, to: Self) -> Result<Self, IllegalTransition> {
        use GateStatus::{Failed, Overridden, Passed, Pending};
        match (self, to) {
            (Pending, Passed | Failed) | (Failed, Overridden) => Ok(to),
            _ => Err(IllegalTransition { what: "a gate", from: self.as_str(), to: to.as_str() }),
        }
    }
}

impl ApprovalStatus {
    /// Whether what waits for the approval may go on.
    pub const fn is_given(self) -> bool {
        matches!(self, Self::Approved | Self::AutoApproved)
    }

    /// `to`, where it may follow `self`.
    ///
    /// # Errors
    /// [`IllegalTransition`]: an approval is decided once.
    pub const fn become_(self, to: Self) -> Result<Self, IllegalTransition> {
        use ApprovalStatus::{Approved, AutoApproved, Expired, Pending, Rejected};
        match (self, to) {
            (Pending, Approved | Rejected | Expired | AutoApproved) => Ok(to),
            _ => Err(IllegalTransition { what: "an approval", from: self.as_str(), to: to.as_str() }),
        }
    }
}

impl DeploymentStatus {
    /// Whether nothing more happens to the environment for its sake.
    pub const fn has_ended(self) -> bool {
        !matches!(self, Self::Initiated | Self::Deploying)
    }

    /// `to`, where it may follow `self`.
    ///
    /// # Errors
    /// [`IllegalTransition`]: only what was deployed can be rolled back, and only what deploys can fail its check.
    pub const fn become_(self, to: Self) -> Result<Self, IllegalTransition> {
        use DeploymentStatus::{Deployed, Deploying, Failed, HealthCheckFailed, Initiated, RolledBack};
        match (self, to) {
            (Initiated, Deploying | Failed)
            | (Deploying, Deployed | Failed | HealthCheckFailed)
            | (Deployed, RolledBack) => Ok(to),
            _ => Err(IllegalTransition { what: "a deployment", from: self.as_str(), to: to.as_str() }),
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

    #[test]
    fn only_a_failed_gate_can_be_overridden() {
        let legal = |from: GateStatus| {
            GateStatus::ALL
                .iter()
                .filter(|to| from.become_(**to).is_ok())
                .map(|s| s.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(legal(GateStatus::Pending), ["passed", "failed"]);
        assert_eq!(legal(GateStatus::Failed), ["overridden"]);
        assert!(legal(GateStatus::Passed).is_empty() && legal(GateStatus::Overridden).is_empty());
        let open: Vec<_> = GateStatus::ALL.iter().filter(|s| s.is_open()).map(|s| s.as_str()).collect();
        assert_eq!(open, ["passed", "overridden"]);
    }

    #[test]
    fn an_approval_is_decided_once_and_a_deployment_ends_once() {
        for from in ApprovalStatus::ALL {
            let moves = ApprovalStatus::ALL.iter().any(|to| from.become_(*to).is_ok());
            assert_eq!(moves, *from == ApprovalStatus::Pending, "{from}");
        }
        let legal = |from: DeploymentStatus| {
            let all = DeploymentStatus::ALL.iter();
            all.filter(|to| from.become_(**to).is_ok()).map(|s| s.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(legal(DeploymentStatus::Initiated), ["deploying", "failed"]);
        assert_eq!(legal(DeploymentStatus::Deploying), ["deployed", "failed", "health_check_failed"]);
        assert_eq!(legal(DeploymentStatus::Deployed), ["rolled_back"]);
        assert!(legal(DeploymentStatus::HealthCheckFailed).is_empty());
    }
}
