//! The environment of a step: a clean base, facts about the run, the job's variables, the step's, the secrets.
//!
//! Of the runner's own environment only `PATH` is passed on, for the tools of the machine; its tokens never are.

use std::collections::BTreeMap;
use std::ffi::OsString;

use penstock_api::runner::{JobRequest, StepRequest};

use crate::folder::AttemptFolder;
use crate::procfs::MARKER;
use crate::repository;

const FALLBACK_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The runner's own search path.
pub fn search_path() -> OsString {
    std::env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| FALLBACK_PATH.into())
}

/// Later entries win over earlier ones; only the marker can't be replaced. `handed_on` are the variables that earlier
/// steps set.
pub fn of_step(
    job: &JobRequest,
    step: &StepRequest,
    handed_on: &BTreeMap<String, String>,
    folder: &AttemptFolder,
    path: &OsString,
    marker: &str,
) -> BTreeMap<OsString, OsString> {
    let mut all = BTreeMap::new();
    let mut set = |name: &str, value: OsString| drop(all.insert(OsString::from(name), value));
    set("PATH", path.clone());
    set("HOME", folder.home.clone().into());
    set("TMPDIR", folder.temporary.clone().into());
    set("LANG", "C.UTF-8".into());
    set("CI", "true".into());
    // Nobody is there to answer.
    set("GIT_TERMINAL_PROMPT", "0".into());
    for (name, value) in facts(job, step) {
        set(name, value.into());
    }
    set("PENSTOCK_WORKSPACE", folder.workspace.clone().into());
    let of_job = job.environment.variables.iter().chain(handed_on);
    for (name, value) in of_job.chain(&step.variables).chain(&job.secrets) {
        set(name, value.into());
    }
    set(MARKER, marker.into());
    all
}

fn facts(job: &JobRequest, step: &StepRequest) -> Vec<(&'static str, String)> {
    let run = &job.execution;
    let mut facts = vec![
        ("PENSTOCK", "true".to_owned()),
        ("PENSTOCK_EXECUTION_ID", run.id.to_string()),
        ("PENSTOCK_EXECUTION_NUMBER", run.number.to_string()),
        ("PENSTOCK_PIPELINE_ID", run.pipeline_id.to_string()),
        ("PENSTOCK_PIPELINE", run.pipeline_name.clone()),
        ("PENSTOCK_STAGE", run.stage.clone()),
        ("PENSTOCK_JOB", job.job.name.clone()),
        ("PENSTOCK_JOB_ID", job.job.id.to_string()),
        ("PENSTOCK_ATTEMPT", job.job.attempt.to_string()),
        ("PENSTOCK_STEP", step.name.clone()),
        ("PENSTOCK_EVENT", run.event.to_string()),
        ("PENSTOCK_BRANCH", run.branch.clone()),
        ("PENSTOCK_REPOSITORY_URL", repository::without_credentials(&run.repository_url)),
    ];
    facts.extend(run.commit_sha.clone().map(|sha| ("PENSTOCK_COMMIT", sha)));
    facts.extend(run.base_branch.clone().map(|branch| ("PENSTOCK_BASE_BRANCH", branch)));
    facts.extend(run.pull_request.map(|number| ("PENSTOCK_PULL_REQUEST", number.to_string())));
    facts
}
