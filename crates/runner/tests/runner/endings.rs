//! Work that ends before its time: timeouts, cancels, leases, and what steps leave behind.

use std::path::Path;

use penstock_api::runner::JobRequest;
use penstock_domain::{Reason, WorkStatus};

use crate::agent::{self, Agent, Scratch, gone, is_running, pid_in};
use crate::job::job;
use crate::plane::Plane;

/// A step whose grandchild ignores SIGTERM and says who it is.
fn stubborn(pid_file: &Path) -> String {
    format!("sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 0.05; done' & wait", pid_file.display())
}

async fn hasty(plane: &Plane, scratch: &Scratch) -> Agent {
    let mut program = agent::program(plane, scratch);
    program.env("AGENT_KILL_GRACE_MS", "100");
    agent::start(plane, program).await
}

async fn push(runner: &Agent, job: &JobRequest) {
    assert_eq!(runner.push(job).await, 202);
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_ended_with_all_that_it_started() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = hasty(&plane, &scratch).await;
    let file = scratch.join("pid");
    let mut job = job(&plane, &[&stubborn(&file), "echo never"]);
    job.steps[0].timeout_seconds = Some(1);
    push(&runner, &job).await;
    let grandchild = pid_in(&file).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::TimedOut))));
    assert_eq!(told.steps()[0], (WorkStatus::Failed, None, Some(Reason::TimedOut)));
    assert_eq!(told.steps()[1].0, WorkStatus::Skipped);
    assert!(!is_running(grandchild), "nothing runs on when the end is told");
}

#[tokio::test]
async fn a_job_that_takes_too_long_ends_though_its_steps_may_fail() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = hasty(&plane, &scratch).await;
    let mut job = job(&plane, &["sleep 300", "echo never"]);
    job.timeout_seconds = 1;
    job.steps[0].continue_on_error = true;
    push(&runner, &job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::TimedOut))));
    assert!(told.stdout().is_empty());
}

#[tokio::test]
async fn a_cancelled_step_may_clean_up_and_its_job_is_told_cancelled() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let file = scratch.join("pid");
    let clean = format!(
        "trap 'echo cleaned; exit 0' TERM; echo $$ > {}; while :; do sleep 0.05; done",
        file.display()
    );
    let job = job(&plane, &[&clean, "echo never"]);
    push(&runner, &job).await;
    pid_in(&file).await;
    assert_eq!(runner.cancel(&job).await, 202);
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Cancelled, Some(Reason::CancelledByUser))));
    assert_eq!(told.steps()[0].0, WorkStatus::Cancelled);
    assert_eq!(told.steps()[1].0, WorkStatus::Skipped);
    assert_eq!(told.stdout(), ["cleaned"]);
}

#[tokio::test]
async fn the_answer_to_a_heartbeat_can_cancel() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    plane.with(|state| state.heartbeat_seconds = 1);
    let runner = hasty(&plane, &scratch).await;
    let file = scratch.join("pid");
    let job = job(&plane, &[&stubborn(&file)]);
    push(&runner, &job).await;
    let grandchild = pid_in(&file).await;
    plane.until_told(job.job.id, "a heart beats", |told| told.heartbeats > 0).await;
    plane.with(|state| state.jobs.get_mut(&job.job.id).unwrap().cancel = true);
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Cancelled, Some(Reason::CancelledByUser))));
    gone(grandchild).await;
}

#[tokio::test]
async fn a_lost_lease_ends_the_work_at_once_and_in_silence() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    // With its long grace the runner would wait for what ignores SIGTERM: here it must not.
    let runner = agent::plain(&plane, &scratch).await;
    let file = scratch.join("pid");
    let talks = format!("echo hello; {}", stubborn(&file).replace("sleep 0.05", "sleep 0.05; echo more"));
    let work = job(&plane, &[&talks]);
    push(&runner, &work).await;
    let grandchild = pid_in(&file).await;
    plane.until_told(work.job.id, "it is running", |told| !told.lines.is_empty()).await;
    plane.with(|state| state.jobs.get_mut(&work.job.id).unwrap().lease_lost = true);
    gone(grandchild).await;
    // Both slots are free again, and the first word about the lost lease was the last.
    for _ in 0..2 {
        let next = job(&plane, &["true"]);
        push(&runner, &next).await;
        plane.finished(next.job.id).await;
    }
    let told = plane.told(work.job.id);
    assert_eq!((told.end(), told.fenced), (None, 1));
}

#[tokio::test]
async fn who_hears_nothing_for_the_length_of_a_lease_gives_the_job_up() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    plane.with(|state| (state.heartbeat_seconds, state.lease_seconds) = (1, 2));
    let runner = agent::plain(&plane, &scratch).await;
    let file = scratch.join("pid");
    let work = job(&plane, &[&stubborn(&file)]);
    push(&runner, &work).await;
    let grandchild = pid_in(&file).await;
    plane.until_told(work.job.id, "a heart beats", |told| told.heartbeats > 0).await;
    // The network swallows everything, and the control plane may give the job to another.
    plane.with(|state| state.is_silent = true);
    gone(grandchild).await;
    plane.with(|state| state.is_silent = false);
    let next = job(&plane, &["true"]);
    push(&runner, &next).await;
    plane.finished(next.job.id).await;
    assert_eq!(plane.told(work.job.id).end(), None, "what became of it is the control plane's to say");
}

#[tokio::test]
async fn a_control_plane_that_does_not_run_ends_no_lease() {
    let (mut plane, scratch) = (Plane::start().await, Scratch::new());
    plane.with(|state| (state.heartbeat_seconds, state.lease_seconds) = (1, 2));
    let runner = agent::plain(&plane, &scratch).await;
    let file = scratch.join("go");
    let work = job(&plane, &[&format!("until [ -e {} ]; do sleep 0.05; done; echo done", file.display())]);
    push(&runner, &work).await;
    plane.until_told(work.job.id, "a heart beats", |told| told.heartbeats > 0).await;
    plane.go_away().await;
    // Longer than the lease: this is the time that the test is about.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    plane.come_back().await;
    std::fs::write(&file, "").unwrap();
    assert_eq!(plane.finished(work.job.id).await.stdout(), ["done"]);
}

#[tokio::test]
async fn a_server_in_the_background_serves_the_next_step_and_ends_with_the_job() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let (kept, escaped) = (scratch.join("kept"), scratch.join("escaped"));
    // The one keeps the step's pipes open; the other has left the step's process group and session.
    let first = format!(
        "(echo up; while :; do sleep 0.05; done) & echo $! > {}; \
         setsid sh -c 'echo $$ > {}; exec sleep 300' > /dev/null 2>&1 &",
        kept.display(),
        escaped.display()
    );
    let second = format!(
        "until [ -s {} ]; do sleep 0.01; done; kill -0 $(cat {}) && echo still there",
        escaped.display(),
        kept.display()
    );
    let job = job(&plane, &[&first, &second]);
    push(&runner, &job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert_eq!(told.stdout(), ["up", "still there"]);
    assert!(!is_running(pid_in(&kept).await), "the background ends before the end is told");
    gone(pid_in(&escaped).await).await;
}
