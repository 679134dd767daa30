//! Source text to [`Definition`] to [`Plan`], with every diagnostic.
//!
//! ```text
//! text ──parse──▶ Definition ──admits(trigger)──▶ go, or a Refusal with its reason
//!                     └───────plan(context)─────▶ Plan, stored as JSON and worked off by the engine
//! ```
//!
//! [`parse`] reads YAML (and so JSON) into a tree that knows where everything was written, then lowers it by hand,
//! so that all that is wrong is told at once. [`plan`] makes the definition concrete for one execution: variables
//! are merged, `${{ … }}` is filled in, matrices are written out, steps whose `if` is false are marked. Conditions of
//! stages and jobs stay text, because they may ask for results: [`evaluate`] answers them when the time has come. So
//! do variables that ask for outputs of other stages ([`Late`]), which [`fill_late`] fills in then, and conditions of
//! steps that ask what became of earlier ones ([`may_step_run`]).
//!
//! - Stages without `depends_on` start at once, side by side; so do the jobs of a stage. Steps go one by one.
//! - Without `on`, every push, every pull request and a start by hand run the pipeline; with `on`, only what it names.
//! - Variables: pipeline under stage under job under its matrix under step under the run's inputs and parameters. A
//!   value may use what stands above it in its level, and the levels around.
//! - A condition without `always()`, `success()`, `failure()` or `cancelled()` stands for `success() && (…)`.
//! - Members that begin with `x-` are the author's own, for what is anchored once and repeated (`<<: *name`).
//! - Patterns: see [`Patterns`]. Limits: see [`limits`]. What is known and not there yet: `not_supported_yet`.
//!
//! Deliberately not here: files, clocks, the forge, scheduling, and which pipeline a webhook means.
//!
//! # How `${{ … }}` stays safe
//!
//! Branch names, tags, commit messages and authors are written by whoever can push or open a pull request. Text that
//! is pasted into a script becomes part of the script, so `run` refuses them, and variables too, since a variable may
//! hold any of them; all of these are in the step's environment (`"$PENSTOCK_BRANCH"`, `"$NAME"`), where the shell
//! treats them as data. What is left for `run` can hold no shell syntax that its author did not write: `number`,
//! `pull_request`, `event`, `commit`, values of the matrix, and inputs of a closed type.

mod address;
mod configuration;
mod cron;
mod definition;
mod diagnostic;
mod duration;
mod encoding;
mod expression;
mod glob;
mod input;
mod job_facts;
pub mod limits;
mod lower;
mod matrix;
mod plan;
mod planner;
mod retry;
mod schedule;
#[cfg(feature = "schema")]
mod schema;
mod suggest;
mod template;
mod tree;
mod trigger;

pub use address::{BadAddress, check_address};
pub use configuration::{Configuration, ConfigurationProblem, definition_from};
pub use definition::{
    Action, Concurrency, Condition, Definition, Deploy, Input, InputKind, Job, Matrix, Place, Stage, Step,
    Successor, Variable,
};
pub use diagnostic::{Diagnostic, Parsed, ParsedJobs, Severity, Source, code};
pub use encoding::parse_bytes;
pub use expression::{
    ExpressionError, Facts, StepFact, StepFacts, evaluate, fill_late, fill_parameters, fill_text,
    fill_version, may_start, may_step_run,
};
pub use glob::{BadPattern, Patterns};
pub use input::{GivenInputs, InputProblem};
pub use job_facts::JobFacts;
pub use lower::{ActionInput, LocalAction, parse, parse_action, parse_jobs};
pub use plan::{
    HealthCheck, Late, OFF, Outputs, Plan, PlannedConcurrency, PlannedDeploy, PlannedGate, PlannedJob,
    PlannedStage, PlannedStep, PlannedSuccessor, ReportRequest, Resources, RunContext, Scalar, Siblings,
};
pub use planner::{check_parameter_name, plan, plan_jobs};
pub use retry::RetryPolicy;
pub use schedule::{Missed, missed, next_run};
#[cfg(feature = "schema")]
pub use schema::json_schema;
pub use template::Template;
pub use trigger::{BranchFilter, Refusal, Schedule, Trigger, Triggers};
