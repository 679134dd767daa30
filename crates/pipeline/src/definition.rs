//! What a pipeline file says, checked: every name is known, every reference holds, every expression parses.

use penstock_domain::StageType;

use crate::plan::{HealthCheck, PlannedGate, ReportRequest};
use crate::retry::RetryPolicy;
use crate::template::Template;
use crate::trigger::{Refusal, Trigger, Triggers};

/// Where something was written, for what turns out only later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// JSON pointer, such as `/stages/0/jobs/1/steps/2/run`.
    pub pointer: String,
    /// From 1; 0 where it isn't in the file.
    pub line: u32,
    /// From 1, in characters; 0 where it isn't in the file.
    pub column: u32,
}

/// A whole pipeline, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub name: Option<String>,
    pub triggers: Triggers,
    pub variables: Vec<Variable>,
    pub timeout_ms: i64,
    /// Executions of this pipeline at once; None where the file gives no limit.
    pub max_concurrent: Option<u32>,
    pub stages: Vec<Stage>,
}

/// In the order of the file: a value may use the variables above it and those of the levels around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    pub name: String,
    pub value: Template,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub name: String,
    /// As given, else by what the stage does, else inferred from the name.
    pub stage_type: StageType,
    pub depends_on: Vec<String>,
    pub condition: Option<Condition>,
    pub timeout_ms: Option<i64>,
    pub variables: Vec<Variable>,
    pub gates: Vec<PlannedGate>,
    pub deploy: Option<Deploy>,
    pub jobs: Vec<Job>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Deploy {
    pub environment: String,
    pub strategy: String,
    /// None stands for the commit.
    pub version: Option<Template>,
    pub health_check: Option<HealthCheck>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub name: String,
    pub runs_on: Vec<String>,
    pub condition: Option<Condition>,
    pub variables: Vec<Variable>,
    pub timeout_ms: i64,
    pub retry: RetryPolicy,
    pub checkout: bool,
    pub reports: Vec<ReportRequest>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// As given, else the first line of `run`.
    pub name: String,
    pub run: Template,
    pub condition: Option<Condition>,
    pub variables: Vec<Variable>,
    pub working_directory: Option<String>,
    pub timeout_ms: Option<i64>,
    pub continue_on_error: bool,
}

/// The expression of an `if`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub expression: String,
    pub place: Place,
}

impl Definition {
    /// Whether `trigger` starts an execution, or why not.
    ///
    /// # Errors
    /// [`Refusal`], with the patterns that did not fit.
    pub fn admits(&self, trigger: &Trigger<'_>) -> Result<(), Refusal> {
        self.triggers.admits(trigger)
    }
}
