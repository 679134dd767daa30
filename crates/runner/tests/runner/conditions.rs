//! Which steps are run, as the steps before them went.

use std::collections::BTreeMap;

use penstock_api::runner::{JobRequest, LogStream};
use penstock_domain::{Reason, TriggerEvent, WorkStatus};
use penstock_pipeline::{JobFacts, RunContext};

use crate::agent::{self, Scratch, pid_in};
use crate::job::job;
use crate::plane::{Plane, Told};

type End = (WorkStatus, Option<i32>, Option<Reason>);
const OK: End = (WorkStatus::Succeeded, Some(0), None);
const NO: End = (WorkStatus::Failed, Some(1), Some(Reason::ExitCode));
const FALSE: End = (WorkStatus::Skipped, None, Some(Reason::ConditionFalse));
const SKIPPED: End = (WorkStatus::Skipped, None, Some(Reason::DependencyFailed));

const FAILED: Option<(WorkStatus, Option<Reason>)> = Some((WorkStatus::Failed, Some(Reason::ExitCode)));

/// Each step with its key, its `if` (where it has one), and what it runs.
fn conditional(plane: &Plane, steps: &[(&str, &str, &str)]) -> JobRequest {
    let commands: Vec<&str> = steps.iter().map(|(_, _, run)| *run).collect();
    let mut job = job(plane, &commands);
    for (request, (key, condition, _)) in job.steps.iter_mut().zip(steps) {
        request.key = Some((*key).to_owned());
        request.condition = Some((*condition).to_owned()).filter(|text| !text.is_empty());
    }
    job.facts = Some(serde_json::to_value(facts()).unwrap());
    job
}

fn facts() -> JobFacts {
    let context = serde_json::json!({ "event": TriggerEvent::Push, "branch": "main" });
    let run: RunContext = serde_json::from_value(context).unwrap();
    let pair = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    JobFacts {
        run,
        variables: pair("MODE", "fast"),
        matrix: pair("os", "linux"),
        outputs: [("build".to_owned(), pair("version", "1.2"))].into(),
        stages: [("build".to_owned(), WorkStatus::Succeeded)].into(),
    }
}

async fn ran(job: &JobRequest, plane: &Plane) -> Told {
    let scratch = Scratch::new();
    let runner = agent::plain(plane, &scratch).await;
    assert_eq!(runner.push(job).await, 202);
    plane.finished(job.job.id).await
}

#[tokio::test]
async fn after_a_failure_only_those_run_that_want_to() {
    let plane = Plane::start().await;
    let job = conditional(
        &plane,
        &[
            ("one", "", "false"),
            ("two", "", "echo never"),
            ("three", "failure()", "echo ring; exit 7"),
            ("four", "success()", "echo never"),
            ("five", "branch == 'main'", "echo never"),
            ("six", "always()", "echo tidy"),
        ],
    );
    let told = ran(&job, &plane).await;
    let seven = (WorkStatus::Failed, Some(7), Some(Reason::ExitCode));
    assert_eq!(told.steps(), [NO, SKIPPED, seven, FALSE, FALSE, OK]);
    assert_eq!((told.end(), told.stdout()), (FAILED, vec!["ring", "tidy"]));
    assert_eq!(told.message(), "Step `step 0` ended with exit code 1.", "the first failure is the job's");
}

#[tokio::test]
async fn a_step_that_may_fail_is_no_failure_to_the_others() {
    let plane = Plane::start().await;
    let mut job = conditional(
        &plane,
        &[
            ("lint", "", "exit 2"),
            ("on", "", "echo on"),
            ("ring", "failure()", "echo never"),
            ("asked", "steps.lint.status == 'failed' && steps.lint.exit_code == 2", "echo asked"),
        ],
    );
    job.steps[0].continue_on_error = true;
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert_eq!(told.steps()[1..], [OK, FALSE, OK]);
}

#[tokio::test]
async fn a_condition_may_ask_for_facts_outputs_and_variables_that_steps_set() {
    let plane = Plane::start().await;
    let asked = "steps.first.outputs.colour == 'red' && variables.SET == 'yes' && variables.MODE == 'slow' && \
                 matrix.os == 'linux' && stages.build.outputs.version == '1.2' && \
                 stages.build.status == 'succeeded' && event == 'push'";
    let set = "echo colour=red >> \"$PENSTOCK_OUTPUT\"; echo SET=yes >> \"$PENSTOCK_ENV\"";
    let mut job = conditional(
        &plane,
        &[
            ("first", "", set),
            ("second", asked, "echo yes"),
            ("third", "steps.first.outputs.colour == 'blue'", "x"),
        ],
    );
    job.steps[1].variables.insert("MODE".into(), "slow".into());
    let told = ran(&job, &plane).await;
    assert_eq!((told.steps(), told.stdout()), (vec![OK, OK, FALSE], vec!["yes"]), "{:?}", told.lines);
}

#[tokio::test]
async fn a_condition_without_an_answer_fails_its_step_and_says_why() {
    let plane = Plane::start().await;
    let job = conditional(
        &plane,
        &[("one", "variables.ABSENT == '1'", "echo never"), ("two", "failure()", "echo ring")],
    );
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ConfigError))));
    assert_eq!(told.steps(), [(WorkStatus::Failed, None, Some(Reason::ConfigError)), OK]);
    assert_eq!(told.message(), "The step's `if` has no answer: there is no `ABSENT`.");
    assert_eq!(told.text(LogStream::System), [told.message()]);

    let mut job = conditional(&plane, &[("one", "always()", "echo never")]);
    job.facts = None;
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ConfigError))));
    assert!(told.message().contains("were not sent"), "{}", told.message());
}

#[tokio::test]
async fn what_the_plan_left_out_is_so_for_its_own_reason_also_after_a_failure() {
    let plane = Plane::start().await;
    let mut job = conditional(&plane, &[("one", "", "false"), ("two", "", "echo never")]);
    job.steps[1].skipped = true;
    assert_eq!(ran(&job, &plane).await.steps(), [NO, FALSE]);
}

#[tokio::test]
async fn after_a_cancel_nothing_runs_whatever_it_wants() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let file = scratch.join("pid");
    let wait = format!("echo $$ > {}; exec sleep 300", file.display());
    let job = conditional(&plane, &[("one", "", &wait), ("two", "always()", "echo never")]);
    runner.push(&job).await;
    pid_in(&file).await;
    runner.cancel(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Cancelled, Some(Reason::CancelledByUser))));
    assert_eq!(told.steps()[1], (WorkStatus::Skipped, None, Some(Reason::CancelledByUser)));
    assert!(told.stdout().is_empty());
}

#[tokio::test]
async fn after_the_jobs_time_is_up_nothing_runs_and_an_earlier_failure_stays_the_jobs() {
    let plane = Plane::start().await;
    let mut job = conditional(&plane, &[("one", "", "exec sleep 300"), ("two", "always()", "echo never")]);
    job.timeout_seconds = 1;
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::TimedOut))));
    assert_eq!((told.steps()[1], told.stdout().len()), (SKIPPED, 0));

    let steps =
        [("one", "", "false"), ("two", "always()", "exec sleep 300"), ("three", "always()", "echo never")];
    let mut job = conditional(&plane, &steps);
    job.timeout_seconds = 1;
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), FAILED);
    assert_eq!(told.steps()[1].2, Some(Reason::TimedOut));
    assert_eq!((told.steps()[2], told.stdout().len()), (SKIPPED, 0));
}
