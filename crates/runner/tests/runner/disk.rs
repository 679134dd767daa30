//! A disk that is full: no job is lost to it.

use std::fs;
use std::time::Duration;

use penstock_api::runner::LogStream;
use penstock_domain::WorkStatus;
use rustix::process::Signal;

use crate::agent::{self, Agent, Scratch, eventually};
use crate::delivery::prints_a_lot;
use crate::job::job;
use crate::plane::Plane;

async fn on_small_disk(plane: &Plane, scratch: &Scratch) -> Agent {
    agent::start(plane, agent::program_on_small_disk(plane, scratch)).await
}

#[tokio::test]
async fn a_job_that_can_not_be_remembered_is_refused_until_there_is_room() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = on_small_disk(&plane, &scratch).await;
    let job = job(&plane, &["echo done"]);
    runner.leave_room(Some(0));
    let (status, body) = runner.send("/v1/jobs", &job, "token-1").await;
    assert_eq!(status, 503);
    assert!(body.contains("\"runner_unable\""), "{body}");
    assert_eq!(fs::read_dir(scratch.join("work/0/jobs")).unwrap().count(), 0, "nothing of it is left");
    runner.leave_room(None);
    assert_eq!(runner.push(&job).await, 202);
    assert_eq!(plane.finished(job.job.id).await.stdout(), ["done"]);
}

#[tokio::test]
async fn a_job_whose_folder_can_not_be_made_is_refused_until_it_can() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let (jobs, aside) = (scratch.join("work/0/jobs"), scratch.join("aside"));
    let job = job(&plane, &["echo done"]);
    fs::rename(&jobs, &aside).unwrap();
    assert_eq!(runner.push(&job).await, 503);
    fs::rename(&aside, &jobs).unwrap();
    assert_eq!(runner.push(&job).await, 202);
    let told = plane.finished(job.job.id).await;
    assert_eq!((told.end(), told.stdout()), (Some((WorkStatus::Succeeded, None)), vec!["done"]));
}

#[tokio::test]
async fn a_line_of_the_ledger_that_was_cut_off_spoils_no_other() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut runner = on_small_disk(&plane, &scratch).await;
    let [first, second, torn, later] = [(); 4].map(|()| job(&plane, &["true"]));
    assert_eq!(runner.push(&first).await, 202);
    plane.finished(first.job.id).await;
    // All of the line but for its end; and then the line before it is a whole one, too.
    let ledger = scratch.join("work/0/attempts.log");
    let line = format!("{} 1", torn.job.id).len() as u64;
    runner.leave_room(Some(fs::metadata(&ledger).unwrap().len() + line));
    assert_eq!(runner.push(&torn).await, 503);
    runner.leave_room(None);
    assert_eq!(runner.push(&second).await, 202);
    plane.finished(second.job.id).await;
    runner.leave_room(Some(fs::metadata(&ledger).unwrap().len() + line));
    assert_eq!(runner.push(&later).await, 503);
    runner.signal(Signal::KILL);
    runner.ended().await;

    let runner = agent::plain(&plane, &scratch).await;
    for known in [&first, &second] {
        assert_eq!(runner.push(known).await, 409, "it ran");
    }
    for refused in [&torn, &later] {
        assert_eq!(runner.push(refused).await, 202, "it was refused, and never ran");
        plane.finished(refused.job.id).await;
    }
}

#[tokio::test]
async fn a_runner_claims_nothing_while_its_disk_is_full() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program_on_small_disk(&plane, &scratch);
    program.env("AGENT_CLAIMS", "1").env("AGENT_SLOTS", "1");
    let runner = agent::start(&plane, program).await;
    plane.until("a claim is open", |state| state.claimed == 1).await;
    runner.leave_room(Some(0));
    // The claim that is open takes one: there was room when it was made.
    let jobs: Vec<_> = (0..4).map(|n| job(&plane, &[&format!("echo {n}")])).collect();
    plane.with(|state| state.claims.extend(jobs.iter().cloned()));
    plane.nudge();
    plane.until("one was given", |state| state.claims.len() < jobs.len()).await;
    // Time enough for others to be claimed, if they were.
    tokio::time::sleep(Duration::from_secs(1)).await;
    runner.leave_room(None);
    for (n, job) in jobs.iter().enumerate().skip(1) {
        assert_eq!(plane.finished(job.job.id).await.stdout(), [n.to_string()]);
    }
}

#[tokio::test]
async fn a_log_that_does_not_fit_ends_with_the_reason() {
    let (mut plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = on_small_disk(&plane, &scratch).await;
    let (go, printed) = (scratch.join("go"), scratch.join("printed"));
    let job = job(&plane, &[&prints_a_lot(&go, &printed, &printed), "echo more"]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "it is running", |told| !told.lines.is_empty()).await;
    plane.go_away().await;
    runner.leave_room(Some(0));
    fs::write(&go, "").unwrap();
    eventually("all is printed while nobody listens", || printed.exists()).await;
    plane.come_back().await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert!(told.stdout().len() < 20_000, "most of it could be kept nowhere");
    let (_, last) = told.lines.last_key_value().unwrap();
    assert_eq!(last.stream, LogStream::System);
    let begin = "The log ends here: the runner can't write it to its disk (";
    assert!(last.text.starts_with(begin), "{}", last.text);
}
