//! Which jobs are taken, and how others are refused.

use std::fs;

use penstock_api::runner::ReportRequest;
use penstock_domain::WorkStatus;

use crate::agent::{self, Scratch, eventually};
use crate::job::job;
use crate::plane::Plane;

#[tokio::test]
async fn only_what_is_signed_with_the_runners_token_is_taken() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let job = job(&plane, &["true"]);
    let (status, body) = runner.send("/v1/jobs", &job, "another token").await;
    assert_eq!(status, 401);
    assert!(body.contains("invalid_signature"), "{body}");
    assert_eq!(runner.send("/v1/cancel", &job, "another token").await.0, 401);
    assert_eq!(runner.send_raw("/v1/jobs", b"{}".to_vec(), "token-1").await.0, 400);
    assert_eq!(runner.send_raw("/v1/jobs", vec![b'x'; (4 << 20) + 1], "token-1").await.0, 413);
    assert_eq!(runner.get("/v1/jobs").await, 405);
    assert_eq!(runner.get("/else").await, 404);
    assert_eq!(runner.get("/healthz").await, 200);
    assert_eq!(runner.push(&job).await, 202, "and after all that the runner is as good as before");
    plane.finished(job.job.id).await;
}

#[tokio::test]
async fn a_job_that_can_not_be_run_is_refused_with_the_reason() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let base = job(&plane, &["true"]);
    let mut bad_name = base.clone();
    bad_name.secrets.insert("A=B".into(), "x".into());
    let mut nul = base.clone();
    nul.steps[0].run = "echo \0".into();
    let mut many = base.clone();
    many.steps = vec![base.steps[0].clone(); 1_000];
    let mut nowhere = base.clone();
    nowhere.callback_url = "ftp://x".into();
    let mut big = base.clone();
    big.secrets.insert("BIG".into(), "x".repeat(1 << 20));
    let report =
        |path: &str| ReportRequest { format: "junit".into(), path: path.to_owned(), test_type: None };
    let mut searching = base.clone();
    searching.reports = vec![report("*.xml"); 1_000];
    let mut long = base.clone();
    long.reports = vec![report(&"x".repeat(10_000))];
    for bad in [bad_name, nul, many, nowhere, big, searching, long] {
        let (status, body) = runner.send("/v1/jobs", &bad, "token-1").await;
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("invalid_job"), "{body}");
    }
}

#[tokio::test]
async fn no_attempt_runs_twice_whether_it_runs_or_ran_or_the_runner_was_started_anew() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut runner = agent::plain(&plane, &scratch).await;
    let (go, count) = (scratch.join("go"), scratch.join("count"));
    let run = format!("echo x >> {}; until [ -e {} ]; do sleep 0.01; done", count.display(), go.display());
    let first = job(&plane, &[&run]);
    let mut second = first.clone();
    second.job.attempt = 2;
    assert_eq!(runner.push(&second).await, 202);
    eventually("it runs", || count.exists()).await;
    assert_eq!(runner.push(&second).await, 409, "while it runs");
    assert_eq!(runner.push(&first).await, 409, "an earlier attempt is stale");
    fs::write(&go, "").unwrap();
    plane.finished(second.job.id).await;
    assert_eq!(runner.push(&second).await, 409, "when it ran");
    runner.signal(rustix::process::Signal::KILL);
    runner.ended().await;
    let runner = agent::plain(&plane, &scratch).await;
    assert_eq!(runner.push(&second).await, 409, "after a restart");
    assert_eq!(runner.push(&first).await, 409, "after a restart");
    assert_eq!(fs::read_to_string(&count).unwrap(), "x\n");
}

#[tokio::test]
async fn a_full_runner_says_so_until_a_slot_is_free() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let go = scratch.join("go");
    let wait = format!("until [ -e {} ]; do sleep 0.01; done", go.display());
    let both = [job(&plane, &[&wait]), job(&plane, &[&wait])];
    for job in &both {
        assert_eq!(runner.push(job).await, 202);
    }
    let third = job(&plane, &["true"]);
    assert_eq!(runner.push(&third).await, 429);
    assert_eq!(runner.push(&both[0]).await, 409, "what is here is here, full or not");
    fs::write(&go, "").unwrap();
    plane.finished(both[0].job.id).await;
    assert_eq!(runner.push(&third).await, 202, "the slot is free when the end is told");
    plane.finished(third.job.id).await;
}

#[tokio::test]
async fn a_later_attempt_ends_the_earlier_one() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let file = scratch.join("pid");
    let first = job(&plane, &[&format!("echo $$ > {}; while :; do sleep 0.05; done", file.display())]);
    runner.push(&first).await;
    let earlier = agent::pid_in(&file).await;
    let mut second = first.clone();
    second.job.attempt = 2;
    second.steps[0].run = "true".into();
    assert_eq!(runner.push(&second).await, 202);
    agent::gone(earlier).await;
    assert_eq!(plane.finished(second.job.id).await.end(), Some((WorkStatus::Succeeded, None)));
}

#[tokio::test]
async fn a_runner_that_can_not_be_reached_claims_its_jobs() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("AGENT_CLAIMS", "1");
    let _runner = agent::start(&plane, program).await;
    assert_eq!(plane.with(|state| state.registrations[0].url.clone()), None);
    let jobs: Vec<_> = (0..5).map(|n| job(&plane, &[&format!("echo {n}")])).collect();
    plane.with(|state| state.claims.extend(jobs.iter().cloned()));
    // A word to the plane wakes the claims that wait in it.
    plane.nudge();
    for (n, job) in jobs.iter().enumerate() {
        assert_eq!(plane.finished(job.job.id).await.stdout(), [n.to_string()]);
    }
}

#[tokio::test]
async fn a_claimed_job_begins_when_the_control_plane_knows_that_it_came() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("AGENT_CLAIMS", "1");
    let _runner = agent::start(&plane, program).await;
    let job = job(&plane, &["echo begun"]);
    plane.with(|state| {
        state.is_busy_with_heartbeats = true;
        state.claims.push_back(job.clone());
    });
    plane.nudge();
    plane.until("it was asked again", |state| state.refused_heartbeats >= 3).await;
    let told = plane.told(job.job.id);
    assert!(told.calls.is_empty() && told.events.is_empty(), "{:?} {:?}", told.calls, told.events);
    plane.with(|state| state.is_busy_with_heartbeats = false);
    assert_eq!(plane.finished(job.job.id).await.stdout(), ["begun"]);
}

#[tokio::test]
async fn a_claimed_job_that_went_to_another_meanwhile_never_begins() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("AGENT_CLAIMS", "1");
    let _runner = agent::start(&plane, program).await;
    let file = scratch.join("begun");
    let late = job(&plane, &[&format!("touch {}", file.display())]);
    let next = job(&plane, &["echo next"]);
    plane.with(|state| {
        state.jobs.entry(late.job.id).or_default().lease_lost = true;
        state.claims.extend([late.clone(), next.clone()]);
    });
    plane.nudge();
    assert_eq!(plane.finished(next.job.id).await.stdout(), ["next"]);
    let told = plane.told(late.job.id);
    assert_eq!((told.fenced, told.events.len(), file.exists()), (1, 0, false));
}

#[tokio::test]
async fn a_forgotten_runner_makes_itself_known_again() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("AGENT_PRESENCE_MS", "20");
    let mut runner = agent::start(&plane, program).await;
    plane.with(|state| state.forgets = true);
    plane.until("the runner is registered again", |state| state.registrations.len() == 2).await;
    runner.meet(&plane);
    let job = job(&plane, &["echo back"]);
    assert_eq!(runner.push(&job).await, 202);
    assert_eq!(plane.finished(job.job.id).await.stdout(), ["back"]);
}
