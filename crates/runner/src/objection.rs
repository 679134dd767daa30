//! What speaks against a job, whoever sent it: no runner could run it.

use penstock_api::runner::JobRequest;

/// More steps than any pipeline has, and what one batch of events can report.
const MAX_STEPS: usize = 500;
/// More patterns of reports than any pipeline has; each is a search.
const MAX_REPORTS: usize = 64;
const MAX_REPORT_PATH_BYTES: usize = 1_024;
/// All secrets of a job together: each is looked for in some fifteen spellings, at once.
const MAX_SECRET_BYTES: usize = 256 * 1024;

/// A sentence for who sent the job; None where it can be run.
pub fn objection(job: &JobRequest) -> Option<String> {
    if job.job.attempt == 0 {
        return Some("`job.attempt` counts from 1".into());
    }
    if job.steps.len() > MAX_STEPS {
        return Some(format!("a job may have {MAX_STEPS} steps"));
    }
    if job.reports.len() > MAX_REPORTS || job.reports.iter().any(|r| r.path.len() > MAX_REPORT_PATH_BYTES) {
        return Some(format!(
            "a job may ask for {MAX_REPORTS} reports, each by a pattern of {MAX_REPORT_PATH_BYTES} bytes"
        ));
    }
    if job.secrets.values().map(String::len).sum::<usize>() > MAX_SECRET_BYTES {
        return Some(format!("all secrets of a job together may have {MAX_SECRET_BYTES} bytes"));
    }
    if !job.callback_url.starts_with("http://") && !job.callback_url.starts_with("https://") {
        return Some("`callback_url` has to be an http or https URL".into());
    }
    let of_steps = job.steps.iter().flat_map(|step| step.variables.iter().chain(&step.with));
    let mut all = job.environment.variables.iter().chain(of_steps).chain(&job.secrets);
    if let Some((name, _)) = all.find(|(name, value)| !is_name(name) || value.contains('\0')) {
        return Some(format!(
            "the variable `{}` has a name or value that no environment can hold",
            name.escape_debug()
        ));
    }
    let nul = job.steps.iter().find(|step| step.run.contains('\0'))?;
    Some(format!("the command of step `{}` contains a NUL character", nul.name))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
