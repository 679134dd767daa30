//! What steps see, and what is told of them.

use penstock_api::runner::LogStream;
use penstock_domain::{Reason, WorkStatus};
use std::fs;

use crate::agent::{self, Scratch, eventually};
use crate::job::job;
use crate::plane::{Plane, RUNNER_TOKEN};

const OK: (WorkStatus, Option<i32>, Option<Reason>) = (WorkStatus::Succeeded, Some(0), None);

#[tokio::test]
async fn steps_run_in_order_in_one_workspace_and_everything_is_told() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let job = job(&plane, &["echo one > file; echo out; echo err >&2", "cat file; printf 'no line end'"]);
    assert_eq!(runner.push(&job).await, 202);
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert_eq!(told.steps(), [OK, OK]);
    assert_eq!(told.stdout(), ["out", "one", "no line end"]);
    assert_eq!(told.text(LogStream::Stderr), ["err"]);
    let jobs = scratch.join("work/0/jobs");
    eventually("the workspace is removed", || std::fs::read_dir(&jobs).unwrap().next().is_none()).await;
}

#[tokio::test]
async fn a_silent_command_needs_one_call_back_and_one_that_prints_needs_two() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    // A machine that was busy just then may need more calls, but not every time.
    let mut fewest = (usize::MAX, usize::MAX);
    for _ in 0..20 {
        let (silent, prints) = (job(&plane, &["true"]), job(&plane, &["echo hi"]));
        for job in [&silent, &prints] {
            assert_eq!(runner.push(job).await, 202);
            plane.finished(job.job.id).await;
        }
        let calls = |id| plane.told(id).calls.len();
        fewest = (fewest.0.min(calls(silent.job.id)), fewest.1.min(calls(prints.job.id)));
    }
    assert_eq!(fewest, (1, 2));
}

#[tokio::test]
async fn a_step_that_the_plan_left_out_is_told_as_skipped_and_never_run() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let mut job = job(&plane, &["echo first", "echo never", "echo last"]);
    job.steps[1].skipped = true;
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert_eq!(told.steps(), [OK, (WorkStatus::Skipped, None, Some(Reason::ConditionFalse)), OK]);
}

#[tokio::test]
async fn after_a_failed_step_the_rest_is_skipped() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    // `-e`: the first command that fails ends the step.
    let job = job(&plane, &["true", "(exit 3); echo never", "echo never"]);
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ExitCode))));
    assert_eq!(told.message(), "Step `step 1` ended with exit code 3.");
    let skipped = (WorkStatus::Skipped, None, Some(Reason::DependencyFailed));
    assert_eq!(told.steps(), [OK, (WorkStatus::Failed, Some(3), Some(Reason::ExitCode)), skipped]);
    assert!(told.lines.is_empty());
}

#[tokio::test]
async fn a_step_that_may_fail_does_not_fail_the_job() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let mut job = job(&plane, &["kill -9 $$", "echo on"]);
    job.steps[0].continue_on_error = true;
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert_eq!(told.steps(), [(WorkStatus::Failed, Some(137), Some(Reason::ExitCode)), OK]);
    assert_eq!(told.stdout(), ["on"]);
}

#[tokio::test]
async fn a_step_gets_the_facts_and_its_variables_and_nothing_of_the_runners_environment() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("LEAK", "leaked").env("HOME", "/leaked").env("LANG", "xx");
    let runner = agent::start(&plane, program).await;
    let mut job = job(&plane, &["env; cd; pwd; read line || echo nothing to read"]);
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    job.environment.variables = pairs(&[("A", "job"), ("B", "job"), ("C", "job")]);
    job.steps[0].variables = pairs(&[("B", "step"), ("C", "step")]);
    job.secrets = pairs(&[("C", "yes")]);
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    let out = told.stdout();
    for (name, value) in [
        ("CI", "true"),
        ("PENSTOCK", "true"),
        ("PENSTOCK_EXECUTION_NUMBER", "7"),
        ("PENSTOCK_PIPELINE", "web"),
        ("PENSTOCK_STAGE", "build"),
        ("PENSTOCK_JOB", "unit"),
        ("PENSTOCK_ATTEMPT", "1"),
        ("PENSTOCK_STEP", "step 0"),
        ("PENSTOCK_EVENT", "push"),
        ("PENSTOCK_BRANCH", "main"),
        ("PENSTOCK_REPOSITORY_URL", "https://example.org/web.git"),
        ("A", "job"),
        ("B", "step"),
        ("C", "yes"),
        ("LANG", "C.UTF-8"),
    ] {
        assert!(out.contains(&format!("{name}={value}").as_str()), "{name} in {out:#?}");
    }
    let all = out.join("\n");
    for absent in ["LEAK", "leaked", "AGENT_", RUNNER_TOKEN, "token-1"] {
        assert!(!all.contains(absent), "{absent} in {all}");
    }
    assert!(out.contains(&"nothing to read"));
    let root = scratch.join("work/0/jobs").display().to_string();
    assert!(out.iter().any(|line| line.starts_with(&root) && line.ends_with("/home")), "{out:#?}");
}

#[tokio::test]
async fn secrets_are_masked_however_they_come_out() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let print = "printf '%s and ' \"$KEY\"; printf %s \"$KEY\" | cut -c1-7 | tr -d '\\n'; sleep 0.3; \
                 printf %s \"$KEY\" | cut -c8-; echo \"$KEY\" >&2; printf %s \"$KEY\" | base64; echo \"$PEM\"; false";
    let mut job = job(&plane, &[print]);
    job.steps[0].name = "with tops3cret/key".into();
    job.secrets.insert("KEY".into(), "tops3cret/key".into());
    job.secrets.insert("PEM".into(), "line-one\nline-two\n".into());
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.stdout(), ["*** and ", "***", "***", "***"], "{:?}", told.lines);
    assert_eq!(told.text(LogStream::Stderr), ["***"]);
    assert_eq!(told.message(), "Step `with ***` ended with exit code 1.");
}

#[tokio::test]
async fn a_line_that_does_not_end_is_shown_while_the_step_waits() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let go = scratch.join("go");
    let job = job(
        &plane,
        &[&format!("printf 'waiting...'; until [ -e {} ]; do sleep 0.01; done; echo", go.display())],
    );
    runner.push(&job).await;
    plane.until_told(job.job.id, "the words are seen", |told| told.stdout() == ["waiting..."]).await;
    fs::write(&go, "").unwrap();
    assert_eq!(plane.finished(job.job.id).await.stdout(), ["waiting..."]);
}

#[tokio::test]
async fn a_step_runs_in_its_working_directory_and_never_outside_of_the_workspace() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let mut inside = job(&plane, &["mkdir -p a/b", "basename $PWD"]);
    inside.steps[1].working_directory = Some("a/b".into());
    runner.push(&inside).await;
    assert_eq!(plane.finished(inside.job.id).await.stdout(), ["b"]);

    let mut outside = job(&plane, &["ln -s / out", "pwd"]);
    outside.steps[1].working_directory = Some("out/etc".into());
    runner.push(&outside).await;
    let told = plane.finished(outside.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ConfigError))));
    assert!(told.stdout().is_empty() && told.message().contains("leads out of the workspace"));
}

#[tokio::test]
async fn a_very_long_script_and_a_very_long_log_get_through() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let script = format!(
        "{}\ni=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo line $i; done",
        "# words\n".repeat(40_000)
    );
    let job = job(&plane, &[&script]);
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    let expected: Vec<String> = (1..=5_000).map(|n| format!("line {n}")).collect();
    assert_eq!(told.stdout(), expected);
}

#[tokio::test]
async fn variables_that_no_process_can_be_started_with_are_the_jobs_fault_and_said_so() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let mut job = job(&plane, &["true"]);
    job.environment.variables.insert("BIG".into(), "x".repeat(200_000));
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::RunnerError))));
    assert!(told.message().contains("make its variables and secrets shorter"), "{}", told.message());
}
