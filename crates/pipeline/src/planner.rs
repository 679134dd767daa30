//! Definition and run to [`Plan`]: variables merged, texts filled in, steps with a false `if` marked.

use std::collections::BTreeMap;

use crate::definition::{Action, Definition, Deploy, Job, Place, Stage, Step, Variable};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::expression::{ExpressionError, Known, evaluate_early};
use crate::limits::{MAX_PLAN_BYTES, MAX_RUN_BYTES, MAX_VALUE_BYTES, MAX_VARIABLES, MAX_VERSION_BYTES};
use crate::lower::check_variable_name;
use crate::plan::{Late, Plan, PlannedDeploy, PlannedJob, PlannedStage, PlannedStep, RunContext};
use crate::template::Template;
use crate::tree::{Span, segment};

type Variables = BTreeMap<String, String>;

/// Makes `definition` concrete for one execution.
///
/// # Errors
/// All that can't be filled in or doesn't fit, in the order of the file; parameters have no place in it.
pub fn plan(definition: &Definition, context: &RunContext) -> Result<Plan, Vec<Diagnostic>> {
    let mut planner = Planner { context, out: Diagnostics::default(), bytes: 0 };
    planner.check_context();
    let mut variables = Variables::new();
    planner.fill(&definition.variables, &mut variables);
    // Parameters that the file doesn't mention are variables too.
    variables.extend(context.variables.clone());
    planner.spend(&variables);
    let stages = definition.stages.iter().map(|stage| planner.stage(stage, &variables)).collect();
    let plan = Plan {
        timeout_ms: definition.timeout_ms,
        max_concurrent: definition.max_concurrent,
        concurrency: None,
        priority: 0,
        then: vec![],
        late: vec![],
        variables,
        stages,
    };
    if planner.out.has_errors() { Err(planner.out.finish()) } else { Ok(plan) }
}

/// [`plan`], for jobs that a running step adds to its stage.
///
/// `variables` and `late` are those around the jobs: the pipeline's and the stage's.
///
/// # Errors
/// As [`plan`].
pub fn plan_jobs(
    jobs: &[Job],
    context: &RunContext,
    variables: &BTreeMap<String, String>,
    late: &[Late],
    priority: i32,
) -> Result<Vec<PlannedJob>, Vec<Diagnostic>> {
    let _ = (late, priority);
    let mut planner = Planner { context, out: Diagnostics::default(), bytes: 0 };
    let jobs = jobs.iter().map(|job| planner.job(job, variables)).collect();
    if planner.out.has_errors() { Err(planner.out.finish()) } else { Ok(jobs) }
}

struct Planner<'c> {
    context: &'c RunContext,
    out: Diagnostics,
    /// Of names, values and scripts so far.
    bytes: usize,
}

impl Planner<'_> {
    /// What the file has no say in.
    fn check_context(&mut self) {
        let parameters = &self.context.variables;
        if parameters.len() > MAX_VARIABLES {
            let message = format!("there can be at most {MAX_VARIABLES} parameters");
            self.refuse(&outside("/parameters"), code::LIMIT, message, "leave some out");
        }
        for (name, value) in parameters.iter().take(MAX_VARIABLES) {
            let place = outside(&format!("/parameters{}", segment(name)));
            if let Err(message) = check_variable_name(name) {
                self.refuse(&place, code::BAD_NAME, message, "call the parameter something else");
            }
            if commands(name) {
                let message = format!("`{name}` would change what runs, which a parameter can't");
                self.refuse(&place, code::BAD_NAME, message, "set it as a variable in the file");
            }
            self.check_value(name, value, &place);
        }
        let commit = self.context.commit_sha.as_deref().unwrap_or("");
        if !commit.chars().all(|c| c.is_ascii_hexdigit()) {
            let message = "a commit's name has hexadecimal digits only".to_owned();
            self.refuse(&outside("/commit_sha"), code::BAD_VALUE, message, "give the full hash of a commit");
        }
    }

    fn stage(&mut self, stage: &Stage, outer: &Variables) -> PlannedStage {
        let mut variables = self.copy(outer);
        let own = self.fill(&stage.variables, &mut variables);
        self.spend(&own);
        PlannedStage {
            name: stage.name.clone(),
            stage_type: stage.stage_type,
            depends_on: stage.depends_on.clone(),
            condition: stage.condition.as_ref().map(|condition| condition.expression.clone()),
            timeout_ms: stage.timeout_ms,
            always: stage.always,
            continue_on_error: stage.continue_on_error,
            late: vec![],
            variables: own,
            gates: stage.gates.clone(),
            deploy: stage.deploy.as_ref().map(|deploy| self.deploy(deploy, &variables)),
            jobs: stage.jobs.iter().map(|job| self.job(job, &variables)).collect(),
        }
    }

    fn deploy(&mut self, deploy: &Deploy, variables: &Variables) -> PlannedDeploy {
        PlannedDeploy {
            environment: deploy.environment.clone(),
            strategy: deploy.strategy.clone(),
            late_version: None,
            version: deploy.version.as_ref().and_then(|version| self.version(version, variables)),
            health_check: deploy.health_check.clone(),
        }
    }

    /// What comes to nothing, as a tag does in a push to a branch, stands for the commit.
    fn version(&mut self, written: &Template, variables: &Variables) -> Option<String> {
        let place = written.place().cloned().unwrap_or_else(|| outside(""));
        let filled = match written.fill(&Known {
            run: self.context,
            variables,
            matrix: &Variables::new(),
            facts: None,
            steps: None,
        }) {
            Ok(filled) => filled,
            Err((error, place)) => {
                self.fails(&error, &place);
                return None;
            }
        };
        let version = filled.trim();
        if version.len() > MAX_VERSION_BYTES {
            let message = format!("`version` gets longer than {MAX_VERSION_BYTES} bytes");
            self.refuse(&place, code::LIMIT, message, "use something short, such as a tag or a number");
        } else if version.contains(char::is_control) {
            let message = "`version` would hold a line end or another control character".to_owned();
            self.refuse(&place, code::BAD_VALUE, message, "use one line of text");
        } else if !version.is_empty() {
            return Some(version.to_owned());
        }
        None
    }

    fn job(&mut self, job: &Job, outer: &Variables) -> PlannedJob {
        let mut variables = self.copy(outer);
        self.fill(&job.variables, &mut variables);
        self.spend(&variables);
        self.spend_bytes(job.reports.iter().map(|report| report.path.len()).sum());
        PlannedJob {
            name: job.name.clone(),
            matrix: Variables::new(),
            siblings: None,
            priority: 0,
            continue_on_error: job.continue_on_error,
            outputs: job.outputs.clone(),
            late: vec![],
            runs_on: job.runs_on.clone(),
            condition: job.condition.as_ref().map(|condition| condition.expression.clone()),
            retry: job.retry.clone(),
            timeout_ms: job.timeout_ms,
            checkout: job.checkout,
            reports: job.reports.clone(),
            steps: job.steps.iter().map(|step| self.step(step, &variables)).collect(),
            variables,
        }
    }

    fn step(&mut self, step: &Step, outer: &Variables) -> PlannedStep {
        let (own, variables);
        if step.variables.is_empty() {
            (own, variables) = (Variables::new(), std::borrow::Cow::Borrowed(outer));
        } else {
            let mut all = self.copy(outer);
            own = self.fill(&step.variables, &mut all);
            variables = std::borrow::Cow::Owned(all);
        }
        self.spend(&own);
        let none = Variables::new();
        let known =
            Known { run: self.context, variables: &variables, matrix: &none, facts: None, steps: None };
        let skipped = match &step.condition {
            None => false,
            Some(condition) => match evaluate_early(&condition.expression, &known) {
                Ok(holds) => !holds,
                Err(error) => {
                    self.fails(&error, &condition.place);
                    true
                }
            },
        };
        let Action::Run { text, shell } = &step.action else { unreachable!() };
        let run = text.fill(&known).unwrap_or_else(|(error, place)| {
            self.fails(&error, &place);
            String::new()
        });
        if run.len() > MAX_RUN_BYTES {
            let message = format!("`run` of step `{}` gets too long, filled in", step.name);
            self.refuse(&outside(""), code::LIMIT, message, "put the script into the repository");
        }
        self.spend_bytes(run.len());
        PlannedStep {
            name: step.name.clone(),
            id: step.id.clone(),
            run,
            shell: shell.clone(),
            uses: None,
            with: Variables::new(),
            condition: None,
            late: vec![],
            variables: own,
            working_directory: step.working_directory.clone(),
            timeout_ms: step.timeout_ms,
            continue_on_error: step.continue_on_error,
            skipped,
        }
    }

    /// Fills in `written` in its order, into `all`; gives what is new. Parameters of the run stay as they are.
    fn fill(&mut self, written: &[Variable], all: &mut Variables) -> Variables {
        let mut own = Variables::new();
        for Variable { name, value } in written {
            if self.too_large() {
                break;
            }
            if let Some(parameter) = self.context.variables.get(name) {
                all.insert(name.clone(), parameter.clone());
                continue;
            }
            let filled = value.fill(&Known {
                run: self.context,
                variables: all,
                matrix: &Variables::new(),
                facts: None,
                steps: None,
            });
            let text = filled.unwrap_or_else(|(error, place)| {
                self.fails(&error, &place);
                String::new()
            });
            let place = value.place().cloned().unwrap_or_else(|| outside(""));
            // What is refused is not used any further, or it would grow with every use.
            let text = if self.check_value(name, &text, &place) { text } else { String::new() };
            all.insert(name.clone(), text.clone());
            own.insert(name.clone(), text);
        }
        own
    }

    /// Once the plan is too large, nothing more is copied: it is refused anyway.
    fn copy(&self, variables: &Variables) -> Variables {
        if self.too_large() { Variables::new() } else { variables.clone() }
    }

    fn check_value(&mut self, name: &str, value: &str, place: &Place) -> bool {
        if value.len() > MAX_VALUE_BYTES {
            let message = format!("variable `{name}` gets longer than {} KiB", MAX_VALUE_BYTES / 1024);
            self.refuse(place, code::LIMIT, message, "put it into a file of the repository");
        } else if value.contains('\0') {
            let message = format!("variable `{name}` would hold a zero byte");
            self.refuse(place, code::BAD_VALUE, message, "leave it out");
        } else {
            return true;
        }
        false
    }

    fn spend(&mut self, variables: &Variables) {
        self.spend_bytes(variables.iter().map(|(name, value)| name.len() + value.len()).sum());
    }

    fn spend_bytes(&mut self, bytes: usize) {
        let before = self.bytes;
        self.bytes += bytes;
        if before <= MAX_PLAN_BYTES && self.too_large() {
            let message =
                format!("with variables in every job, the plan has more than {} MiB", MAX_PLAN_BYTES >> 20);
            let hint = "set large variables at the jobs that need them";
            self.refuse(&outside(""), code::LIMIT, message, hint);
        }
    }

    fn too_large(&self) -> bool {
        self.bytes > MAX_PLAN_BYTES
    }

    fn fails(&mut self, error: &ExpressionError, place: &Place) {
        if self.too_large() {
            // What was not copied would seem to be missing.
            return;
        }
        let hint = "give the run a parameter of that name, or ask with `has(…)` first";
        self.refuse(place, code::EXPRESSION_FAILS, error.to_string(), hint);
    }

    fn refuse(&mut self, place: &Place, code: &'static str, message: String, hint: &str) {
        let span = Span { line: place.line, column: place.column, length: 1 };
        self.out.error(span, place.pointer.clone(), code, message).hint(hint);
    }
}

/// Who may start a pipeline need not be who may change what it does; through these a value becomes a command.
fn commands(parameter: &str) -> bool {
    const NAMES: [&str; 12] = [
        "PATH",
        "HOME",
        "SHELL",
        "IFS",
        "ENV",
        "BASH_ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "PROMPT_COMMAND",
        "EDITOR",
        "PAGER",
        "NODE_OPTIONS",
    ];
    const PREFIXES: [&str; 8] = ["LD_", "DYLD_", "GIT_", "SSH_", "PYTHON", "PERL", "RUBY", "JAVA_TOOL_"];
    NAMES.contains(&parameter) || PREFIXES.iter().any(|prefix| parameter.starts_with(prefix))
}

fn outside(pointer: &str) -> Place {
    Place { pointer: pointer.to_owned(), line: 0, column: 0 }
}
