//! Sums that can be added to each other: whole numbers only, so that the order never matters.

use serde::{Deserialize, Serialize};

use penstock_domain::ExecutionStatus;

use crate::histogram::Histogram;
use crate::record::{FinishedDeployment, FinishedExecution, Records, TestFacts};

/// Everything that a figure of a range is computed of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    pub succeeded: u64,
    /// Failed, or ran out of time.
    pub failed: u64,
    pub cancelled: u64,
    /// Of those that started and were not cancelled.
    pub duration_ms_sum: u64,
    pub durations: Histogram,
    /// Of all that started.
    pub queue_ms_sum: u64,
    pub started: u64,
    /// Executions with tests that passed or failed, of those that themselves succeeded or failed.
    pub tested: u64,
    pub tests_passed: u64,
    pub tests_failed: u64,
    /// The sum of the executions' coverages, in hundredths of a percent, and the number of executions that have one.
    pub coverage_hundredths_sum: u64,
    pub covered: u64,
    /// Deployments to any environment that are no rollbacks.
    pub deployments: u64,
    pub deployments_succeeded: u64,
    pub rollbacks: u64,
    /// Deployments to production that are no rollbacks.
    pub changes: u64,
    pub change_failures: u64,
    /// Of the changes that succeeded.
    pub lead_times: Histogram,
    pub recovery_ms_sum: u64,
    pub recovered: u64,
    pub unrecovered: u64,
}

impl Tally {
    pub fn of(records: &Records) -> Self {
        let durations: Vec<u64> = records.executions.iter().filter_map(counted_duration_ms).collect();
        let leads: Vec<u64> = records.deployments.iter().filter_map(counted_lead_ms).collect();
        let mut tally = Self {
            duration_ms_sum: durations.iter().sum(),
            durations: Histogram::of_day(&durations),
            lead_times: Histogram::of_day(&leads),
            ..Self::default()
        };
        records.executions.iter().for_each(|execution| tally.add_execution(execution));
        records.deployments.iter().for_each(|deployment| tally.add_deployment(deployment));
        tally
    }

    pub fn sum<'a>(tallies: impl IntoIterator<Item = &'a Self> + Clone) -> Self {
        let mut sum = Self {
            durations: Histogram::sum(tallies.clone().into_iter().map(|tally| &tally.durations)),
            lead_times: Histogram::sum(tallies.clone().into_iter().map(|tally| &tally.lead_times)),
            ..Self::default()
        };
        tallies.into_iter().for_each(|tally| sum.add(tally));
        sum
    }

    fn add_execution(&mut self, execution: &FinishedExecution) {
        if let Some(ms) = execution.queue_ms {
            self.queue_ms_sum += ms;
            self.started += 1;
        }
        match execution.status {
            ExecutionStatus::Succeeded => self.succeeded += 1,
            ExecutionStatus::Failed | ExecutionStatus::Timeout => self.failed += 1,
            ExecutionStatus::Cancelled => {
                self.cancelled += 1;
                return;
            }
            ExecutionStatus::Queued | ExecutionStatus::Running => return,
        }
        if let Some(tests) = &execution.tests {
            self.add_tests(tests);
        }
    }

    fn add_tests(&mut self, tests: &TestFacts) {
        // A report of coverage alone, or of tests that were all skipped, is no test's result.
        self.tested += u64::from(tests.passed + tests.failed > 0);
        self.tests_passed += tests.passed;
        self.tests_failed += tests.failed;
        if let Some(coverage) = tests.coverage {
            self.coverage_hundredths_sum += (coverage.clamp(0.0, 100.0) * 100.0).round() as u64;
            self.covered += 1;
        }
    }

    fn add_deployment(&mut self, deployment: &FinishedDeployment) {
        if deployment.is_rollback {
            self.rollbacks += 1;
            return;
        }
        self.deployments += 1;
        self.deployments_succeeded += u64::from(!deployment.is_failed);
        if deployment.is_production {
            self.add_change(deployment);
        }
    }

    fn add_change(&mut self, change: &FinishedDeployment) {
        self.changes += 1;
        match (change.is_failed, change.recovery_ms) {
            (false, _) => {}
            (true, Some(ms)) => {
                self.change_failures += 1;
                self.recovery_ms_sum += ms;
                self.recovered += 1;
            }
            (true, None) => {
                self.change_failures += 1;
                self.unrecovered += 1;
            }
        }
    }

    /// The sums and counts of another.
    fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.duration_ms_sum += other.duration_ms_sum;
        self.queue_ms_sum += other.queue_ms_sum;
        self.started += other.started;
        self.tested += other.tested;
        self.tests_passed += other.tests_passed;
        self.tests_failed += other.tests_failed;
        self.coverage_hundredths_sum += other.coverage_hundredths_sum;
        self.covered += other.covered;
        self.deployments += other.deployments;
        self.deployments_succeeded += other.deployments_succeeded;
        self.rollbacks += other.rollbacks;
        self.changes += other.changes;
        self.change_failures += other.change_failures;
        self.recovery_ms_sum += other.recovery_ms_sum;
        self.recovered += other.recovered;
        self.unrecovered += other.unrecovered;
    }
}

/// The duration, where it counts: of what ran to an end of its own.
pub(crate) fn counted_duration_ms(execution: &FinishedExecution) -> Option<u64> {
    let ran_out = matches!(
        execution.status,
        ExecutionStatus::Succeeded | ExecutionStatus::Failed | ExecutionStatus::Timeout
    );
    execution.duration_ms.filter(|_| ran_out)
}

/// The lead time, where it counts: of a change that succeeded.
pub(crate) fn counted_lead_ms(deployment: &FinishedDeployment) -> Option<u64> {
    let counts = deployment.is_production && !deployment.is_rollback && !deployment.is_failed;
    deployment.lead_ms.filter(|_| counts)
}
