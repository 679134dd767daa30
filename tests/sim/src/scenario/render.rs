//! Specifications as the text that people write: the pipeline file.

use std::fmt::Write as _;

use super::{Condition, GroupSpec, JobSpec, PipelineSpec, Scenario, StageSpec, StepSpec, Triggers};

/// The variable in which a job is given what another handed on.
pub const ASKED_FOR: &str = "ASKED_FOR";

/// The words by which a step tells the simulated runner what it comes to.
pub fn run_of(step: &StepSpec) -> String {
    format!("work {} exit {} through {}", step.work_ms, step.exit_code, step.fails_through)
}

/// What [`run_of`] said: milliseconds, exit code, the last attempt that has it.
pub fn read_run(run: &str) -> Option<(u64, i32, u32)> {
    let mut words = run.split(' ');
    let mut number = |name: &str| (words.next() == Some(name)).then(|| words.next()).flatten();
    let work = number("work")?.parse().ok()?;
    let exit = number("exit")?.parse().ok()?;
    Some((work, exit, number("through")?.parse().ok()?))
}

pub fn condition(condition: &Condition, stages: &[StageSpec]) -> String {
    let text = |inner: &Condition| self::condition(inner, stages);
    match condition {
        Condition::Literal(truth) => truth.to_string(),
        Condition::OnMain => "branch == \"main\"".to_owned(),
        Condition::IsPush => "event == \"push\"".to_owned(),
        Condition::Always => "always()".to_owned(),
        Condition::Success => "success()".to_owned(),
        Condition::Failure => "failure()".to_owned(),
        Condition::StageIs(stage, status) => {
            format!("stages.{}.status == \"{status}\"", stages[*stage].name)
        }
        Condition::Not(inner) => format!("!({})", text(inner)),
        Condition::And(left, right) => format!("({}) && ({})", text(left), text(right)),
        Condition::Or(left, right) => format!("({}) || ({})", text(left), text(right)),
    }
}

/// The file, as YAML.
pub fn pipeline(spec: &PipelineSpec, scenario: &Scenario) -> String {
    let mut text = format!("name: {}\n", spec.name);
    // Writing to a String can't fail.
    let mut line = |indent: usize, words: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{:indent$}{words}", "");
    };
    match &spec.on {
        Triggers::Default => {}
        Triggers::PushToMain => line(0, format_args!("on: {{ push: {{ branches: [main] }} }}")),
        Triggers::PushAndTag => line(0, format_args!("on: {{ push: {{}}, tag: [\"v*\"] }}")),
        Triggers::ByHand => line(0, format_args!("on: {{ manual: {{}} }}")),
        Triggers::Scheduled(minutes) => {
            let minutes = minutes.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            line(
                0,
                format_args!(
                    "on: {{ push: {{}}, schedule: [{{ cron: \"{minutes} 22 14 11 *\", branch: main }}] }}"
                ),
            );
        }
    }
    if let Some(seconds) = spec.timeout_seconds {
        line(0, format_args!("timeout: {seconds}s"));
    }
    if let Some(limit) = spec.own_limit {
        line(0, format_args!("max_concurrent: {limit}"));
    }
    if let Some(GroupSpec { is_per_branch, limit, cancels }) = spec.group {
        let group = if is_per_branch { "g-${{ branch }}" } else { "g" };
        let cancels = if cancels { ", cancel_in_progress: true" } else { "" };
        line(0, format_args!("concurrency: {{ group: \"{group}\", limit: {limit}{cancels} }}"));
    }
    if spec.priority != 0 {
        line(0, format_args!("priority: {}", spec.priority));
    }
    if let Some(then) = spec.then {
        line(0, format_args!("then: [{{ pipeline: {} }}]", scenario.pipelines[then].name));
    }
    if spec.is_broken {
        line(0, format_args!("stagess: []"));
    }
    line(0, format_args!("stages:"));
    for stage in &spec.stages {
        stage_lines(stage, spec, scenario, &mut line);
    }
    text
}

fn stage_lines(
    stage: &StageSpec,
    spec: &PipelineSpec,
    scenario: &Scenario,
    line: &mut impl FnMut(usize, std::fmt::Arguments<'_>),
) {
    line(2, format_args!("- name: {}", stage.name));
    if !stage.depends_on.is_empty() {
        let names: Vec<_> = stage.depends_on.iter().map(|s| spec.stages[*s].name.as_str()).collect();
        line(4, format_args!("depends_on: [{}]", names.join(", ")));
    }
    if let Some(asked) = &stage.condition {
        line(4, format_args!("if: '{}'", condition(asked, &spec.stages)));
    }
    if let Some(seconds) = stage.timeout_seconds {
        line(4, format_args!("timeout: {seconds}s"));
    }
    if stage.cleans_up {
        line(4, format_args!("type: cleanup"));
    }
    if stage.continue_on_error {
        line(4, format_args!("continue_on_error: true"));
    }
    if !stage.gates.is_empty() {
        line(4, format_args!("gates:"));
        for gate in &stage.gates {
            let (name, most, blocker) = (&gate.name, gate.most_failed, gate.is_blocker);
            line(
                6,
                format_args!(
                    "{name}: {{ type: code_quality, metric: failed_tests, operator: \"<=\", threshold: {most}, blocker: {blocker} }}"
                ),
            );
        }
    }
    if let Some(deploy) = &stage.deploy {
        line(4, format_args!("deploy:"));
        line(6, format_args!("environment: {}", scenario.environments[deploy.environment].name));
        if let Some(version) = &deploy.version {
            line(6, format_args!("version: {version}"));
        }
        if deploy.is_checked {
            let name = &scenario.environments[deploy.environment].name;
            line(
                6,
                format_args!(
                    "health_check: {{ url: \"http://{name}.app.sim/healthz\", interval: 2s, attempts: 3, successes: 1 }}"
                ),
            );
        }
    }
    if stage.jobs.is_empty() {
        return;
    }
    line(4, format_args!("jobs:"));
    for job in &stage.jobs {
        job_lines(job, &spec.stages, 6, line);
    }
}

/// What a running job hands in to add this one.
pub fn added(job: &JobSpec) -> String {
    let mut text = "jobs:\n".to_owned();
    job_lines(job, &[], 2, &mut |indent: usize, words: std::fmt::Arguments<'_>| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{:indent$}{words}", "");
    });
    text
}

fn job_lines(
    job: &JobSpec,
    stages: &[StageSpec],
    at: usize,
    line: &mut impl FnMut(usize, std::fmt::Arguments<'_>),
) {
    line(at, format_args!("- name: {}", job.name));
    if !job.runs_on.is_empty() {
        line(at + 2, format_args!("runs_on: [{}]", job.runs_on.join(", ")));
    }
    if let Some(asked) = &job.condition {
        line(at + 2, format_args!("if: '{}'", condition(asked, stages)));
    }
    line(at + 2, format_args!("timeout: {}s", job.timeout_seconds));
    if job.continue_on_error {
        line(at + 2, format_args!("continue_on_error: true"));
    }
    if let Some(priority) = job.priority {
        line(at + 2, format_args!("priority: {priority}"));
    }
    if let Some(matrix) = &job.matrix {
        let values = (1..=matrix.count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let most = matrix.max_parallel.map(|n| format!(", max_parallel: {n}")).unwrap_or_default();
        let fast = if matrix.fail_fast { ", fail_fast: true" } else { "" };
        line(at + 2, format_args!("matrix: {{ n: [{values}]{most}{fast} }}"));
    }
    if let Some(retry) = &job.retry {
        let on = if retry.on.is_empty() { String::new() } else { format!(", on: [{}]", retry.on.join(", ")) };
        line(
            at + 2,
            format_args!(
                "retry: {{ max: {}, delay: {}s, backoff: {}.0{on} }}",
                retry.max, retry.delay_seconds, retry.backoff
            ),
        );
    }
    if job.hands_on {
        line(at + 2, format_args!("outputs: [{}]", job.output()));
    }
    if let Some((stage, name)) = &job.asks_for
        && let Some(stage) = stages.get(*stage)
        && let Some(asked) = stage.job(name)
    {
        let value = format!("${{{{ stages.{}.outputs.{} }}}}", stage.name, asked.output());
        line(at + 2, format_args!("variables: {{ {ASKED_FOR}: \"{value}\" }}"));
    }
    if job.report.is_some() {
        line(at + 2, format_args!("reports: {{ junit: \"report.xml\" }}"));
    }
    line(at + 2, format_args!("steps:"));
    for step in &job.steps {
        line(at + 4, format_args!("- run: \"{}\"", run_of(step)));
        if step.continue_on_error {
            line(at + 6, format_args!("continue_on_error: true"));
        }
        if step.is_skipped {
            line(at + 6, format_args!("if: 'false'"));
        }
    }
}
