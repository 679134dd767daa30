//! What goes to a runner with a job, so that it can answer the conditions of the steps.

use std::collections::BTreeMap;

use penstock_domain::WorkStatus;
use serde::{Deserialize, Serialize};

use crate::expression::{Facts, StepFact, StepFacts};
use crate::plan::{Outputs, RunContext};

/// All that is known before the job's first step. What becomes of the steps, the runner knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobFacts {
    pub run: RunContext,
    /// [`crate::PlannedJob::variables`], filled in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// [`crate::PlannedJob::matrix`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matrix: BTreeMap<String, String>,
    /// Of the stages that have ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: Outputs,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, WorkStatus>,
}

impl JobFacts {
    /// What is known when a step's turn comes. `failed`: an earlier step did, of those whose failure counts.
    /// `variables` are those that the step sees.
    pub const fn at_step<'a>(
        &'a self,
        failed: bool,
        variables: &'a BTreeMap<String, String>,
        steps: &'a BTreeMap<String, StepFact>,
    ) -> StepFacts<'a> {
        let Self { run, matrix, outputs, stages, .. } = self;
        // Nothing is asked any more once the execution is being cancelled.
        let (success, failure, cancelled) = (!failed, failed, false);
        StepFacts {
            facts: Facts { success, failure, cancelled, stages, outputs, run, matrix, variables },
            steps,
        }
    }
}
