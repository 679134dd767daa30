//! An attempt as its runner is told of it: what its outputs-to-be ask for is filled in here, at the last moment.

use std::collections::BTreeMap;

use penstock_api::runner::{
    ExecutionInfo, JobAttempt, JobEnvironment, JobRequest, JobResources, Lease, ReportRequest, StepRequest,
};
use penstock_domain::Timestamp;
use penstock_engine::{LEASE_MS, outputs};
use penstock_guest::{LeaseToken, lease_token};
use penstock_pipeline::{Facts, JobFacts, Late, Outputs, fill_late};
use penstock_store::DispatchJob;

/// Why an attempt can't be told of: a sentence for whoever wrote the file.
pub struct NotFilled(pub String);

/// What depends on what stages have handed on.
struct Filled {
    variables: BTreeMap<String, String>,
    /// Of each step, its own.
    steps: Vec<BTreeMap<String, String>>,
    /// For the conditions of steps; None where there are none.
    facts: Option<serde_json::Value>,
}

impl Filled {
    fn of(job: &DispatchJob) -> Result<Self, NotFilled> {
        let spec = &job.spec;
        let outputs = outputs(&job.context, &job.handed_on);
        let mut variables = spec.variables.clone();
        fill(job, &outputs, &spec.late, &mut variables)?;
        let mut steps = vec![];
        for step in &spec.steps {
            let mut own = step.variables.clone();
            if !step.late.is_empty() {
                let mut all = variables.clone();
                all.extend(own.clone());
                fill(job, &outputs, &step.late, &mut all)?;
                let filled =
                    step.late.iter().filter_map(|l| Some((l.name.clone(), all.get(&l.name)?.clone())));
                own.extend(filled);
            }
            steps.push(own);
        }
        let has_conditions = spec.steps.iter().any(|s| s.condition.is_some());
        let facts = has_conditions.then(|| JobFacts {
            run: job.context.run.clone(),
            variables: variables.clone(),
            matrix: spec.matrix.clone(),
            outputs,
            stages: job.stages.clone(),
        });
        let facts = facts.map(serde_json::to_value).transpose().map_err(|e| NotFilled(e.to_string()))?;
        Ok(Self { variables, steps, facts })
    }
}

fn fill(
    job: &DispatchJob,
    outputs: &Outputs,
    late: &[Late],
    variables: &mut BTreeMap<String, String>,
) -> Result<(), NotFilled> {
    if late.is_empty() {
        return Ok(());
    }
    let before = variables.clone();
    let facts = Facts {
        success: true,
        failure: false,
        cancelled: false,
        stages: &job.stages,
        outputs,
        matrix: &job.spec.matrix,
        run: &job.context.run,
        variables: &before,
    };
    fill_late(late, variables, &facts).map_err(|e| NotFilled(format!("a variable can't be filled in: {e}")))
}

/// The attempt as the runner is told of it.
///
/// # Errors
/// [`NotFilled`]: no runner could be told of it.
pub fn job_request(
    job: &DispatchJob,
    secret_key: &str,
    public_url: &str,
    now: Timestamp,
) -> Result<JobRequest, NotFilled> {
    let filled = Filled::of(job)?;
    let run = &job.context.run;
    let lease = LeaseToken { attempt: job.attempt, runner: job.runner_id };
    Ok(JobRequest {
        job: JobAttempt {
            id: job.job_id,
            name: job.job_name.clone(),
            attempt: job.attempt,
            lease: Lease {
                token: lease_token(secret_key, job.job_id, lease),
                expires_at: now.plus_ms(LEASE_MS),
            },
        },
        execution: ExecutionInfo {
            id: job.execution_id,
            number: job.number,
            pipeline_id: job.pipeline_id,
            pipeline_name: job.pipeline_name.clone(),
            stage: job.stage_name.clone(),
            event: run.event,
            repository_url: job.repository_url.clone(),
            commit_sha: run.commit_sha.clone(),
            branch: run.branch.clone(),
            base_branch: Some(run.base_branch.clone()).filter(|branch| !branch.is_empty()),
            pull_request: Some(run.pull_request).filter(|number| *number != 0),
        },
        environment: JobEnvironment {
            variables: variables(job, filled.variables),
            checkout: job.spec.checkout && run.commit_sha.is_some(),
        },
        steps: steps(job, filled.steps),
        outputs: job.spec.outputs.clone(),
        facts: filled.facts,
        secrets: BTreeMap::new(),
        reports: reports(job),
        resources: job.spec.resources.map(|r| JobResources { cpus: r.cpus, memory_mib: r.memory_mib }),
        timeout_seconds: seconds(job.spec.timeout_ms),
        callback_url: public_url.to_owned(),
    })
}

fn reports(job: &DispatchJob) -> Vec<ReportRequest> {
    let wanted = job.spec.reports.iter();
    wanted
        .map(|report| ReportRequest {
            format: report.format.clone(),
            path: report.path.clone(),
            test_type: report.test_type.clone(),
        })
        .collect()
}

/// An environment's own variables stand over what the file says for every environment.
fn variables(job: &DispatchJob, mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let Some(deployed) = &job.deployment else { return variables };
    variables.extend(deployed.variables.clone());
    let told = [
        ("PENSTOCK_ENVIRONMENT", Some(deployed.environment.clone())),
        ("PENSTOCK_ENVIRONMENT_TYPE", Some(deployed.environment_type.clone())),
        ("PENSTOCK_ENVIRONMENT_URL", deployed.url.clone()),
        ("PENSTOCK_VERSION", Some(deployed.version.clone())),
        ("PENSTOCK_PREVIOUS_VERSION", deployed.previous_version.clone()),
        ("PENSTOCK_ROLLBACK", deployed.is_rollback.then(|| "true".to_owned())),
    ];
    variables.extend(told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    variables
}

fn steps(job: &DispatchJob, variables: Vec<BTreeMap<String, String>>) -> Vec<StepRequest> {
    let all = job.spec.steps.iter().zip(&job.steps).zip(variables);
    all.map(|((step, id), variables)| StepRequest {
        id: *id,
        key: step.id.clone(),
        name: step.name.clone(),
        run: step.run.clone(),
        shell: step.shell.clone(),
        uses: step.uses.clone(),
        with: step.with.clone(),
        condition: step.condition.clone(),
        variables,
        working_directory: step.working_directory.clone(),
        timeout_seconds: step.timeout_ms.map(seconds),
        continue_on_error: step.continue_on_error,
        skipped: step.skipped,
    })
    .collect()
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms.max(0)).unwrap_or(0).div_ceil(1000)
}
