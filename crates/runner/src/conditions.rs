//! Whether a step is run, which is known when its turn comes.

use std::collections::BTreeMap;

use penstock_api::runner::{JobRequest, StepRequest};
use penstock_domain::{Reason, WorkStatus};
use penstock_pipeline::{JobFacts, StepFact, may_step_run};

use crate::handover::Handover;

/// What conditions may ask of the steps before.
#[derive(Default)]
pub struct Conditions {
    /// Read when the first condition is asked.
    facts: Option<JobFacts>,
    /// By what the steps are called.
    steps: BTreeMap<String, StepFact>,
}

impl Conditions {
    /// Why a step is left out; None where it is run. `failed`: one before it did, and that counts.
    ///
    /// # Errors
    /// A sentence for the log, where there is no answer.
    pub fn ask(
        &mut self,
        job: &JobRequest,
        step: &StepRequest,
        failed: bool,
        handover: &Handover,
    ) -> Result<Option<Reason>, String> {
        if step.skipped {
            return Ok(Some(Reason::ConditionFalse));
        }
        let Some(condition) = &step.condition else {
            return Ok(failed.then_some(Reason::DependencyFailed));
        };
        let facts = match &mut self.facts {
            Some(facts) => facts,
            none => none.insert(read(job)?),
        };
        let mut variables = facts.variables.clone();
        for (name, value) in handover.variables().iter().chain(&step.variables) {
            variables.insert(name.clone(), value.clone());
        }
        match may_step_run(Some(condition), &facts.at_step(failed, &variables, &self.steps)) {
            Ok(holds) => Ok((!holds).then_some(Reason::ConditionFalse)),
            Err(error) => Err(format!("The step's `if` has no answer: {error}.")),
        }
    }

    /// What became of a step, for the conditions of later ones.
    pub fn note(
        &mut self,
        step: &StepRequest,
        status: WorkStatus,
        exit_code: Option<i32>,
        outputs: Option<&BTreeMap<String, String>>,
    ) {
        if let Some(key) = &step.key {
            let outputs = outputs.cloned().unwrap_or_default();
            self.steps.insert(key.clone(), StepFact { status, exit_code, outputs });
        }
    }
}

fn read(job: &JobRequest) -> Result<JobFacts, String> {
    let sent =
        job.facts.as_ref().ok_or("The step has an `if`, and the facts that it asks for were not sent.")?;
    serde::Deserialize::deserialize(sent).map_err(|error| {
        format!("The step's `if` has no answer: the facts that were sent can't be read ({error}).")
    })
}
