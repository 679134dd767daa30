//! What a pipeline file says, checked: every name is known, every reference holds, every expression parses.

use penstock_domain::StageType;

use crate::plan::{HealthCheck, PlannedGate, ReportRequest, Resources};
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
    pub concurrency: Option<Concurrency>,
    /// From -100 to 100.
    pub priority: i32,
    /// What a run may be given; empty where the file says nothing of it, and then anything may be.
    pub inputs: Vec<Input>,
    /// Pipelines that are started when this one has ended.
    pub then: Vec<Successor>,
    pub stages: Vec<Stage>,
}

/// A group of executions, of which only so many run at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Concurrency {
    pub group: Template,
    pub limit: u32,
    pub cancel_in_progress: bool,
}

/// What a run is given by whoever starts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub name: String,
    pub kind: InputKind,
    pub required: bool,
    /// As text; of its kind.
    pub default: Option<String>,
    pub description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    String,
    Number,
    Boolean,
    /// One of these.
    Choice(Vec<String>),
}

/// A pipeline that is started when this one has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Successor {
    pub pipeline: String,
    pub condition: Option<Condition>,
    pub branch: Option<Template>,
    pub parameters: Vec<Variable>,
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
    /// `type: cleanup`, written out.
    pub always: bool,
    pub continue_on_error: bool,
    pub enabled: bool,
    pub variables: Vec<Variable>,
    pub gates: Vec<PlannedGate>,
    pub deploy: Option<Deploy>,
    /// What its jobs have where they don't say it themselves.
    pub resources: Option<Resources>,
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
    /// Without what the stage says.
    pub resources: Option<Resources>,
    pub checkout: bool,
    pub reports: Vec<ReportRequest>,
    pub matrix: Option<Matrix>,
    /// None: the pipeline's.
    pub priority: Option<i32>,
    pub continue_on_error: bool,
    pub enabled: bool,
    pub outputs: Vec<String>,
    pub steps: Vec<Step>,
}

/// One job for each combination.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Every combination that is left after `include` and `exclude`, in the order of the file; at least one.
    pub combinations: Vec<Vec<(String, String)>>,
    pub max_parallel: Option<u32>,
    pub fail_fast: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// As given, else the first line of `run`.
    pub name: String,
    pub id: Option<String>,
    pub action: Action,
    pub enabled: bool,
    pub condition: Option<Condition>,
    pub variables: Vec<Variable>,
    pub working_directory: Option<String>,
    pub timeout_ms: Option<i64>,
    pub continue_on_error: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `run`, or `script`, whose shell is `script` where it names its own by `#!`.
    Run { text: Template, shell: String },
    /// `uses`: a folder of the repository.
    Uses { path: String, with: Vec<Variable> },
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
