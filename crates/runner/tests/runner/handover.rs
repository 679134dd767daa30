//! What steps hand on: outputs, variables for later steps, and jobs to be added.

use std::fs;

use http::StatusCode;
use penstock_api::problem::{FieldError, Problem};
use penstock_api::runner::{JobRequest, LogStream};
use penstock_domain::{Reason, WorkStatus};

use crate::agent::{self, Scratch, eventually};
use crate::job::job;
use crate::plane::{Plane, Told};

const SUCCEEDED: Option<(WorkStatus, Option<Reason>)> = Some((WorkStatus::Succeeded, None));
const CONFIG_ERROR: Option<(WorkStatus, Option<Reason>)> =
    Some((WorkStatus::Failed, Some(Reason::ConfigError)));

/// A job that hands on these outputs.
fn handing_on(plane: &Plane, outputs: &[&str], commands: &[&str]) -> JobRequest {
    let mut job = job(plane, commands);
    job.outputs = outputs.iter().map(|name| (*name).to_owned()).collect();
    job
}

async fn ran(job: &JobRequest, plane: &Plane) -> Told {
    let scratch = Scratch::new();
    let runner = agent::plain(plane, &scratch).await;
    assert_eq!(runner.push(job).await, 202);
    plane.finished(job.job.id).await
}

#[tokio::test]
async fn the_outputs_that_a_job_declares_are_told_with_its_success() {
    let plane = Plane::start().await;
    let set = "echo version=1 >> \"$PENSTOCK_OUTPUT\"; echo other=x >> \"$PENSTOCK_OUTPUT\"";
    let again = "[ ! -e \"$PENSTOCK_OUTPUT\" ]; \
                 printf 'version=2\\nnotes<<END\\nfirst\\nsecond = 2\\nEND\\n' >> \"$PENSTOCK_OUTPUT\"";
    let told = ran(&handing_on(&plane, &["version", "notes", "missing"], &[set, again]), &plane).await;
    assert_eq!(
        (told.end(), told.outputs()),
        (SUCCEEDED, vec![("notes", "first\nsecond = 2"), ("version", "2")])
    );
    assert_eq!(told.text(LogStream::System), ["No step set the output `missing`."]);
}

#[tokio::test]
async fn a_job_that_fails_hands_on_nothing() {
    let plane = Plane::start().await;
    let set = "echo version=1 >> \"$PENSTOCK_OUTPUT\"; false";
    let told = ran(&handing_on(&plane, &["version"], &[set]), &plane).await;
    assert_eq!((told.end(), told.outputs()), (Some((WorkStatus::Failed, Some(Reason::ExitCode))), vec![]));
}

#[tokio::test]
async fn an_output_that_holds_a_secret_is_left_out() {
    let plane = Plane::start().await;
    let set = "echo \"url=https://x:$KEY@host\" >> \"$PENSTOCK_OUTPUT\"; echo plain=x >> \"$PENSTOCK_OUTPUT\"; \
               printf 'coded=%s\\n' \"$(printf %s \"$KEY\" | base64)\" >> \"$PENSTOCK_OUTPUT\"";
    let mut job = handing_on(&plane, &["url", "coded", "plain"], &[set]);
    job.secrets.insert("KEY".into(), "tops3cret/key".into());
    let told = ran(&job, &plane).await;
    assert_eq!((told.end(), told.outputs()), (SUCCEEDED, vec![("plain", "x")]));
    assert_eq!(
        told.text(LogStream::System),
        [
            "The output `url` holds a secret, and is left out.",
            "The output `coded` holds a secret, and is left out.",
        ]
    );
}

#[tokio::test]
async fn outputs_that_can_not_be_used_fail_the_step() {
    let plane = Plane::start().await;
    let told =
        ran(&handing_on(&plane, &[], &["echo no >> \"$PENSTOCK_OUTPUT\"", "echo never"]), &plane).await;
    assert_eq!(told.end(), CONFIG_ERROR);
    assert_eq!(told.steps()[0], (WorkStatus::Failed, Some(0), Some(Reason::ConfigError)));
    assert_eq!(told.steps()[1].0, WorkStatus::Skipped);
    let why = "The outputs of the step can't be used: line 1 has neither `name=value` nor `name<<END`.";
    assert_eq!((told.message().as_str(), told.text(LogStream::System)), (why, vec![why]));
}

#[tokio::test]
async fn variables_that_a_step_sets_are_in_the_environment_of_those_after_it() {
    let plane = Plane::start().await;
    let set = "echo A=set >> \"$PENSTOCK_ENV\"; echo B=set >> \"$PENSTOCK_ENV\"; echo C=set >> \"$PENSTOCK_ENV\"; \
               echo \"$A\"";
    let show = "echo \"$A $B $C\"";
    let mut job = job(&plane, &[set, show, show]);
    job.environment.variables.insert("A".into(), "job".into());
    job.steps[1].variables.insert("B".into(), "step".into());
    job.secrets.insert("C".into(), "x".into());
    let told = ran(&job, &plane).await;
    assert_eq!((told.end(), told.stdout()), (SUCCEEDED, vec!["job", "set step x", "set set x"]));
}

#[tokio::test]
async fn a_variable_that_would_change_what_runs_is_refused() {
    let plane = Plane::start().await;
    let set = "echo PATH=/evil >> \"$PENSTOCK_ENV\"";
    let told = ran(&job(&plane, &[set, "echo never"]), &plane).await;
    assert_eq!((told.end(), told.stdout().len()), (CONFIG_ERROR, 0));
    assert!(told.message().contains("`PATH` would change what runs"), "{}", told.message());
    let told = ran(&job(&plane, &["echo PENSTOCK_JOB=x >> \"$PENSTOCK_ENV\""]), &plane).await;
    assert_eq!(told.end(), CONFIG_ERROR);
    assert!(told.message().contains("`PENSTOCK`"), "{}", told.message());
}

#[tokio::test]
async fn jobs_that_a_step_adds_are_handed_in_before_its_end_is_told() {
    let (mut plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let (go, done) = (scratch.join("go"), scratch.join("done"));
    let add = format!(
        "echo up; until [ -e {} ]; do sleep 0.01; done; printf 'jobs: [{{ name: a }}]\\n' > \"$PENSTOCK_JOBS\"; touch {}",
        go.display(),
        done.display()
    );
    let job = job(&plane, &["true", &add, "echo next"]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "it is running", |told| !told.lines.is_empty()).await;
    // The plane itself checks that jobs come before the end of their step, and are the same when they come again.
    plane.go_away().await;
    fs::write(&go, "").unwrap();
    eventually("the step is done while nobody listens", || done.exists()).await;
    plane.with(|state| state.swallow_answers = 4);
    plane.come_back().await;
    let told = plane.finished(job.job.id).await;
    assert_eq!((told.end(), told.stdout()), (SUCCEEDED, vec!["up", "next"]));
    assert_eq!(
        told.added_jobs.iter().collect::<Vec<_>>(),
        [(&"1".to_owned(), &"jobs: [{ name: a }]\n".to_owned())]
    );
    assert_eq!(told.text(LogStream::System), ["2 jobs were added to the stage."]);
}

#[tokio::test]
async fn what_is_wrong_with_added_jobs_is_told_in_the_log_and_fails_the_step() {
    let plane = Plane::start().await;
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_jobs", "No", "2 things are wrong");
    let error = |line, message: &str| FieldError {
        pointer: "/jobs/0".into(),
        line: Some(line),
        column: Some(3),
        code: "bad_value".into(),
        message: message.into(),
    };
    let problem =
        problem.with_errors(vec![error(1, "a job needs a name"), error(4, "`stepz` is no word of ours")]);
    plane.with(|state| state.refused_jobs = Some(problem));
    let told = ran(&job(&plane, &["echo x > \"$PENSTOCK_JOBS\"", "echo never"]), &plane).await;
    assert_eq!((told.end(), told.jobs_calls), (CONFIG_ERROR, 1));
    assert_eq!(told.steps()[0], (WorkStatus::Failed, Some(0), Some(Reason::ConfigError)));
    assert_eq!(
        told.text(LogStream::System),
        [
            "The jobs were not added (422 invalid_jobs): 2 things are wrong",
            "1:3: a job needs a name",
            "4:3: `stepz` is no word of ours",
        ]
    );
}

#[tokio::test]
async fn jobs_of_a_failed_step_and_those_that_hold_a_secret_or_are_too_long_are_not_sent() {
    let plane = Plane::start().await;
    let failed = ran(&job(&plane, &["echo x > \"$PENSTOCK_JOBS\"; false"]), &plane).await;
    assert_eq!((failed.steps()[0].2, failed.jobs_calls), (Some(Reason::ExitCode), 0));

    let mut secret = job(&plane, &["echo \"run: $KEY\" > \"$PENSTOCK_JOBS\""]);
    secret.secrets.insert("KEY".into(), "tops3cret".into());
    let told = ran(&secret, &plane).await;
    assert_eq!((told.end(), told.jobs_calls), (CONFIG_ERROR, 0));
    assert!(told.message().contains("hold a secret"), "{}", told.message());

    let long = job(&plane, &["head -c 262145 /dev/zero | tr '\\0' x > \"$PENSTOCK_JOBS\""]);
    let told = ran(&long, &plane).await;
    assert_eq!((told.end(), told.jobs_calls), (CONFIG_ERROR, 0));
    assert!(told.message().contains("more than 256 KiB"), "{}", told.message());
}

#[tokio::test]
async fn a_cancel_ends_the_waiting_for_jobs_to_be_added() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", "not now");
    plane.with(|state| state.refused_jobs = Some(busy));
    let job = job(&plane, &["echo x > \"$PENSTOCK_JOBS\"", "echo never"]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "it is tried again", |told| told.jobs_calls > 1).await;
    runner.cancel(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Cancelled, Some(Reason::CancelledByUser))));
    assert_eq!(
        told.steps().iter().map(|step| step.0).collect::<Vec<_>>(),
        [WorkStatus::Cancelled, WorkStatus::Skipped]
    );
}
