//! Which ready job goes to which runner.

use std::collections::BTreeMap;

use penstock_domain::{ExecutionId, JobId, RunnerId};
use serde::{Deserialize, Serialize};

/// A runner that can be reached, with the slots that it has free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerSlots {
    pub id: RunnerId,
    pub labels: Vec<String>,
    pub free: u32,
    /// Pushes in a row that it did not take.
    pub failures: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyJob {
    pub id: JobId,
    pub execution_id: ExecutionId,
    pub runs_on: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub job: JobId,
    pub execution: ExecutionId,
    pub runner: RunnerId,
}

/// Whether a runner with these labels has every one that is asked for.
pub fn fits(labels: &[String], runs_on: &[String]) -> bool {
    runs_on.iter().all(|wanted| labels.contains(wanted))
}

/// Gives the jobs, in their order, to the fitting runner that failed least lately and has the most free slots, until
/// nothing more fits. A job that fits nobody is passed over and holds up no other.
pub fn assign(ready: &[ReadyJob], runners: &[RunnerSlots]) -> Vec<Assignment> {
    let mut free: BTreeMap<RunnerId, u32> = runners.iter().map(|r| (r.id, r.free)).collect();
    let mut assignments = vec![];
    for job in ready {
        let fitting = runners.iter().filter(|r| free[&r.id] > 0 && fits(&r.labels, &job.runs_on));
        let Some(runner) =
            fitting.max_by_key(|r| (std::cmp::Reverse(r.failures), free[&r.id], std::cmp::Reverse(r.id)))
        else {
            continue;
        };
        free.entry(runner.id).and_modify(|n| *n -= 1);
        assignments.push(Assignment { job: job.id, execution: job.execution_id, runner: runner.id });
    }
    assignments
}

#[cfg(test)]
mod tests {
    use penstock_domain::Timestamp;
    use penstock_domain::id::uuid_v7;

    use super::*;

    fn id(n: u8) -> uuid::Uuid {
        uuid_v7(Timestamp::from_millis(0), [n; 10])
    }

    fn runner(n: u8, labels: &[&str], free: u32) -> RunnerSlots {
        RunnerSlots {
            id: RunnerId(id(n)),
            labels: labels.iter().map(|l| (*l).to_owned()).collect(),
            free,
            failures: 0,
        }
    }

    fn ready(n: u8, runs_on: &[&str]) -> ReadyJob {
        let runs_on = runs_on.iter().map(|l| (*l).to_owned()).collect();
        ReadyJob { id: JobId(id(n)), execution_id: ExecutionId(id(0)), runs_on }
    }

    #[test]
    fn a_job_that_fits_nobody_holds_up_no_other() {
        let runners = [runner(1, &["linux"], 1)];
        let given = assign(&[ready(1, &["gpu"]), ready(2, &["linux"]), ready(3, &[])], &runners);
        assert_eq!(given.iter().map(|a| a.job).collect::<Vec<_>>(), [JobId(id(2))]);
    }

    #[test]
    fn work_is_spread_and_no_slot_is_given_twice() {
        let runners = [runner(1, &["linux"], 1), runner(2, &["linux", "gpu"], 2)];
        let jobs: Vec<_> = (1..=5).map(|n| ready(n, &["linux"])).collect();
        let given: Vec<_> = assign(&jobs, &runners).iter().map(|a| a.runner).collect();
        assert_eq!(given, [RunnerId(id(2)), RunnerId(id(1)), RunnerId(id(2))]);
    }
}
