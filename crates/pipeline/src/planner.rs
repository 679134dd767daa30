//! Definition and run to [`Plan`]: variables merged, texts filled in, matrices written out, steps with a false `if`
//! marked. What asks for results of the run itself stays as written.

mod around;
pub(crate) mod bounds;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::definition::{Action, Concurrency, Definition, Deploy, Job, Stage, Step, Successor, Variable};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::expression::uses::Uses;
use crate::expression::{Known, evaluate_early, names, syntax};
use crate::limits::{MAX_GROUP_BYTES, MAX_PATH_CHARS, MAX_RUN_BYTES, MAX_VERSION_BYTES};
use crate::matrix;
use crate::plan::{
    Late, OFF, Plan, PlannedConcurrency, PlannedDeploy, PlannedJob, PlannedStage, PlannedStep,
    PlannedSuccessor, Resources, RunContext, Siblings,
};
use crate::template::Template;

use around::{Around, Own};
pub use bounds::check_parameter_name;
pub(crate) use bounds::commands;
use bounds::outside;

type Variables = BTreeMap<String, String>;

/// Makes `definition` concrete for one execution.
///
/// # Errors
/// All that can't be filled in or doesn't fit, in the order of the file; parameters have no place in it.
pub fn plan(definition: &Definition, context: &RunContext) -> Result<Plan, Vec<Diagnostic>> {
    let mut context = Cow::Borrowed(context);
    if !definition.inputs.is_empty() {
        definition.fill_inputs(context.to_mut());
    }
    let mut planner = Planner::new(&context);
    planner.check_context();
    planner.check_inputs(definition);
    let mut around = Around::default();
    let own = planner.fill(&definition.variables, &mut around);
    // Parameters that the file doesn't mention are variables too.
    around.known.extend(context.variables.clone());
    planner.spend(&around.known);
    let plan = Plan {
        timeout_ms: definition.timeout_ms,
        max_concurrent: definition.max_concurrent,
        late: own.late,
        concurrency: definition.concurrency.as_ref().and_then(|group| planner.concurrency(group, &around)),
        priority: definition.priority,
        then: definition.then.iter().map(|next| planner.successor(next, &around)).collect(),
        stages: definition
            .stages
            .iter()
            .map(|stage| planner.stage(stage, &around, definition.priority))
            .collect(),
        variables: around.known,
    };
    if planner.out.has_errors() { Err(planner.out.finish()) } else { Ok(plan) }
}

/// [`plan`], for jobs that a running step adds to its stage.
///
/// `variables` and `late` are those around the jobs: the pipeline's and the stage's. `priority` is the pipeline's.
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
    let mut planner = Planner::new(context);
    let around = Around::of(variables, late);
    let within = Within { priority, always: false, resources: None };
    let jobs = jobs.iter().flat_map(|job| planner.jobs(job, &around, within)).collect();
    if planner.out.has_errors() { Err(planner.out.finish()) } else { Ok(jobs) }
}

struct Planner<'c> {
    context: &'c RunContext,
    /// Of the job that is planned; empty outside of one.
    matrix: Variables,
    out: Diagnostics,
    /// Of names, values and scripts so far.
    bytes: usize,
}

/// What a job takes over from what it is in.
#[derive(Clone, Copy)]
struct Within {
    priority: i32,
    /// Its stage cleans up.
    always: bool,
    /// What the stage says for all of its jobs.
    resources: Option<Resources>,
}

impl<'c> Planner<'c> {
    fn new(context: &'c RunContext) -> Self {
        Self { context, matrix: Variables::new(), out: Diagnostics::default(), bytes: 0 }
    }

    fn known<'a>(&'a self, around: &'a Around) -> Known<'a> {
        Known { run: self.context, variables: &around.known, matrix: &self.matrix, facts: None, steps: None }
    }
}

impl Planner<'_> {
    fn concurrency(&mut self, written: &Concurrency, around: &Around) -> Option<PlannedConcurrency> {
        let group = self.line(&written.group, around, "`group`", MAX_GROUP_BYTES)?;
        if group.is_empty() {
            let place = written.group.place().cloned().unwrap_or_else(|| outside(""));
            let message = "`group` comes to nothing for this run".to_owned();
            self.refuse(&place, code::BAD_VALUE, message, "put a word before it: `web-${{ branch }}`");
            return None;
        }
        Some(PlannedConcurrency {
            group,
            limit: written.limit,
            cancel_in_progress: written.cancel_in_progress,
        })
    }

    fn successor(&mut self, written: &Successor, around: &Around) -> PlannedSuccessor {
        let mut planned = PlannedSuccessor {
            pipeline: written.pipeline.clone(),
            condition: written.condition.as_ref().map(|condition| condition.expression.clone()),
            branch: written.branch.as_ref().and_then(|branch| {
                let branch = self.line(branch, around, "`branch`", MAX_PATH_CHARS)?;
                (!branch.is_empty()).then_some(branch)
            }),
            parameters: Variables::new(),
            late: vec![],
        };
        for Variable { name, value } in &written.parameters {
            let Some((text, late)) = self.text(name, value, around) else { continue };
            if late {
                planned.late.push(Late { name: name.clone(), text });
            } else {
                planned.parameters.insert(name.clone(), text);
            }
        }
        self.spend(&planned.parameters);
        self.spend_late(&planned.late);
        planned
    }

    fn stage(&mut self, stage: &Stage, outer: &Around, priority: i32) -> PlannedStage {
        let mut around = self.copy(outer);
        let own = self.fill(&stage.variables, &mut around);
        self.spend(&own.variables);
        self.spend_late(&own.late);
        let within = Within { priority, always: stage.always, resources: stage.resources };
        PlannedStage {
            name: stage.name.clone(),
            stage_type: stage.stage_type,
            depends_on: stage.depends_on.clone(),
            condition: planned_condition(stage.enabled, stage.always, stage.condition.as_ref()),
            timeout_ms: stage.timeout_ms,
            always: stage.always,
            continue_on_error: stage.continue_on_error,
            late: own.late,
            variables: own.variables,
            gates: stage.gates.clone(),
            deploy: stage.deploy.as_ref().map(|deploy| self.deploy(deploy, &around)),
            jobs: stage.jobs.iter().flat_map(|job| self.jobs(job, &around, within)).collect(),
        }
    }

    fn deploy(&mut self, deploy: &Deploy, around: &Around) -> PlannedDeploy {
        let late = deploy.version.as_ref().filter(|version| version.is_late(&around.unknown));
        let known = deploy.version.as_ref().filter(|_| late.is_none());
        PlannedDeploy {
            environment: deploy.environment.clone(),
            strategy: deploy.strategy.clone(),
            // What comes to nothing, as a tag does in a push to a branch, stands for the commit.
            version: known
                .and_then(|version| self.line(version, around, "`version`", MAX_VERSION_BYTES))
                .filter(|version| !version.is_empty()),
            late_version: late.and_then(|version| Some(self.text("version", version, around)?.0)),
            health_check: deploy.health_check.clone(),
        }
    }

    /// A text of one line, filled in.
    fn line(&mut self, written: &Template, around: &Around, what: &str, max_bytes: usize) -> Option<String> {
        let place = written.place().cloned().unwrap_or_else(|| outside(""));
        let filled = match written.fill(&self.known(around)) {
            Ok(filled) => filled,
            Err((error, place)) => {
                self.fails(&error, &place);
                return None;
            }
        };
        let line = filled.trim();
        if line.len() > max_bytes {
            let message = format!("{what} gets longer than {max_bytes} bytes");
            self.refuse(&place, code::LIMIT, message, "use something short, such as a tag or a number");
        } else if line.contains(char::is_control) {
            let message = format!("{what} would hold a line end or another control character");
            self.refuse(&place, code::BAD_VALUE, message, "use one line of text");
        } else {
            return Some(line.to_owned());
        }
        None
    }

    /// Every job that one of the file stands for.
    fn jobs(&mut self, job: &Job, outer: &Around, within: Within) -> Vec<PlannedJob> {
        let names = match matrix::names(job) {
            Ok(names) => names,
            Err(error) => {
                self.fails(&error, &outside(""));
                return vec![];
            }
        };
        let Some(matrix) = &job.matrix else {
            return names.into_iter().map(|name| self.job(job, name, outer, within)).collect();
        };
        let siblings = Siblings {
            group: job.name.clone(),
            max_parallel: matrix.max_parallel,
            fail_fast: matrix.fail_fast,
        };
        let mut jobs = vec![];
        for (name, combination) in names.into_iter().zip(&matrix.combinations) {
            if self.too_large() {
                break;
            }
            self.matrix = matrix::values(combination);
            jobs.push(PlannedJob { siblings: Some(siblings.clone()), ..self.job(job, name, outer, within) });
            self.matrix.clear();
        }
        jobs
    }

    fn job(&mut self, job: &Job, name: String, outer: &Around, within: Within) -> PlannedJob {
        let mut around = self.copy(outer);
        self.fill(&job.variables, &mut around);
        self.set_matrix(&mut around);
        self.spend(&around.known);
        self.spend_late(&around.late);
        self.spend_bytes(name.len() + job.reports.iter().map(|report| report.path.len()).sum::<usize>());
        PlannedJob {
            name,
            matrix: self.matrix.clone(),
            siblings: None,
            priority: job.priority.unwrap_or(within.priority),
            continue_on_error: job.continue_on_error,
            outputs: job.outputs.clone(),
            runs_on: self.labels(&job.runs_on),
            condition: planned_condition(job.enabled, within.always, job.condition.as_ref()),
            retry: job.retry.clone(),
            timeout_ms: job.timeout_ms,
            resources: resources(job.resources, within.resources),
            checkout: job.checkout,
            reports: job.reports.clone(),
            steps: job.steps.iter().map(|step| self.step(step, &around)).collect(),
            late: around.late,
            variables: around.known,
        }
    }

    /// Each value of the matrix is a variable, over the job's own.
    fn set_matrix(&mut self, around: &mut Around) {
        for (axis, value) in &self.matrix {
            let name = matrix::variable_name(axis);
            if !self.context.variables.contains_key(&name) {
                around.set(&mut Own::default(), &name, value.clone());
            }
        }
    }

    fn labels(&mut self, written: &[String]) -> Vec<String> {
        let mut labels: Vec<String> = vec![];
        for label in written {
            match matrix::fill(label, &self.matrix) {
                Ok(label) if labels.iter().any(|known| known == label.trim()) => {}
                Ok(label) => labels.push(label.trim().to_owned()),
                Err(error) => self.fails(&error, &outside("")),
            }
        }
        labels
    }

    fn step(&mut self, step: &Step, outer: &Around) -> PlannedStep {
        let mut around = Cow::Borrowed(outer);
        let mut own = Own::default();
        if !step.variables.is_empty() {
            around = Cow::Owned(self.copy(outer));
            own = self.fill(&step.variables, around.to_mut());
        }
        self.spend(&own.variables);
        self.spend_late(&own.late);
        let (condition, skipped) = self.step_condition(step, &around);
        let mut planned = PlannedStep {
            name: step.name.clone(),
            id: step.id.clone(),
            run: String::new(),
            shell: "sh".to_owned(),
            uses: None,
            with: Variables::new(),
            condition,
            late: own.late,
            variables: own.variables,
            working_directory: step.working_directory.clone(),
            timeout_ms: step.timeout_ms,
            continue_on_error: step.continue_on_error,
            skipped,
        };
        match &step.action {
            Action::Run { text, shell } => {
                planned.run = self.script(text, &step.name, &around);
                planned.shell.clone_from(shell);
            }
            Action::Uses { path, with } => {
                planned.uses = Some(path.clone());
                for Variable { name, value } in with {
                    let given = self.text(name, value, &around);
                    planned.with.extend(given.map(|(text, _)| (name.clone(), text)));
                }
                self.spend(&planned.with);
            }
        }
        planned
    }

    /// What is asked of the run itself is asked when the step's turn has come; all else now.
    fn step_condition(&mut self, step: &Step, around: &Around) -> (Option<String>, bool) {
        let Some(condition) = step.condition.as_ref().filter(|_| step.enabled) else {
            return (None, !step.enabled);
        };
        let answer = syntax::parse(&condition.expression).and_then(|expression| {
            let uses = Uses::of(&expression);
            if names::asks_for_status_in(&uses) || uses.is_late(&around.unknown) {
                return Ok(None);
            }
            evaluate_early(&expression, &self.known(around)).map(Some)
        });
        match answer {
            Ok(None) => (Some(condition.expression.clone()), false),
            Ok(Some(holds)) => (None, !holds),
            Err(error) => {
                self.fails(&error, &condition.place);
                (None, true)
            }
        }
    }

    fn script(&mut self, text: &Template, step: &str, around: &Around) -> String {
        let run = text.fill(&self.known(around)).unwrap_or_else(|(error, place)| {
            self.fails(&error, &place);
            String::new()
        });
        if run.len() > MAX_RUN_BYTES {
            let message = format!("`run` of step `{step}` gets too long, filled in");
            self.refuse(&outside(""), code::LIMIT, message, "put the script into the repository");
        }
        self.spend_bytes(run.len());
        run
    }

    /// Fills in `written` in its order, into `around`; gives what is new. Parameters of the run stay as they are.
    fn fill(&mut self, written: &[Variable], around: &mut Around) -> Own {
        let mut own = Own::default();
        for Variable { name, value } in written {
            if self.too_large() {
                break;
            }
            if let Some(parameter) = self.context.variables.get(name) {
                around.known.insert(name.clone(), parameter.clone());
                continue;
            }
            match self.text(name, value, around) {
                Some((text, true)) => around.set_late(&mut own, name, text),
                Some((text, false)) => around.set(&mut own, name, text),
                // What is refused is not used any further, or it would grow with every use.
                None => around.set(&mut own, name, String::new()),
            }
        }
        own
    }

    /// A variable's text as far as it is known, and whether that leaves anything to fill in.
    fn text(&mut self, name: &str, value: &Template, around: &Around) -> Option<(String, bool)> {
        let late = value.is_late(&around.unknown);
        let known = self.known(around);
        let filled = if late { value.fill_known(&known, &around.unknown) } else { value.fill(&known) };
        let text = match filled {
            Ok(text) => text,
            Err((error, place)) => {
                self.fails(&error, &place);
                return None;
            }
        };
        let place = value.place().cloned().unwrap_or_else(|| outside(""));
        self.check_value(name, &text, &place).then_some((text, late))
    }

    /// Once the plan is too large, nothing more is copied: it is refused anyway.
    fn copy(&self, around: &Around) -> Around {
        if self.too_large() { Around::default() } else { around.clone() }
    }
}

/// Each member of a job's own goes before the stage's.
fn resources(own: Option<Resources>, of_stage: Option<Resources>) -> Option<Resources> {
    let (Some(own), Some(stage)) = (own, of_stage) else { return own.or(of_stage) };
    Some(Resources { cpus: own.cpus.or(stage.cpus), memory_mib: own.memory_mib.or(stage.memory_mib) })
}

/// What is switched off never runs; what cleans up does not ask whether the others succeeded.
fn planned_condition(
    enabled: bool,
    always: bool,
    written: Option<&crate::definition::Condition>,
) -> Option<String> {
    if !enabled {
        return Some(OFF.to_owned());
    }
    let expression = &written?.expression;
    if !always || expression == OFF {
        return Some(expression.clone());
    }
    Some(despite_failure(expression))
}

/// A condition that does not stand for `success() && (…)`.
pub(crate) fn despite_failure(condition: &str) -> String {
    match syntax::parse(condition) {
        Ok(expression) if !names::asks_for_status(&expression) => format!("always() && ({condition})"),
        _ => condition.to_owned(),
    }
}
