//! Nothing is lost and nothing is doubled, whatever the control plane goes through.

use std::fs;
use std::path::Path;

use penstock_api::runner::LogStream;
use penstock_domain::WorkStatus;

use crate::agent::{self, Scratch, eventually};
use crate::job::job;
use crate::plane::Plane;

#[tokio::test]
async fn a_control_plane_that_is_away_for_a_while_misses_nothing() {
    let (mut plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let (go, printed) = (scratch.join("go"), scratch.join("printed"));
    let count = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo \"line $i of a log that is longer than memory\"; done";
    let run = format!(
        "echo first; until [ -e {} ]; do sleep 0.01; done; {count}; touch {}",
        go.display(),
        printed.display()
    );
    let job = job(&plane, &[&run]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "it is running", |told| !told.lines.is_empty()).await;
    plane.go_away().await;
    fs::write(&go, "").unwrap();
    eventually("the job is done while nobody listens", || printed.exists()).await;
    plane.come_back().await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert_eq!(told.lines.len(), 20_001);
    assert_eq!(told.lines[&20_001].text, "line 20000 of a log that is longer than memory");
}

/// Prints when it is let go, more than fits into the runner's memory, and is done when it is let go again.
pub fn prints_a_lot(go: &Path, printed: &Path, done: &Path) -> String {
    let wait = |file: &Path| format!("until [ -e {} ]; do sleep 0.01; done", file.display());
    let count = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo \"line $i of a log that is longer than memory\"; done";
    format!("echo first; {}; {count}; touch {}; {}", wait(go), printed.display(), wait(done))
}

#[tokio::test]
async fn lines_that_the_disk_does_not_give_back_are_told_as_lost_and_hold_up_nothing() {
    let (mut plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let (go, printed, done) = (scratch.join("go"), scratch.join("printed"), scratch.join("done"));
    let job = job(&plane, &[&prints_a_lot(&go, &printed, &done)]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "it is running", |told| !told.lines.is_empty()).await;
    plane.go_away().await;
    fs::write(&go, "").unwrap();
    eventually("all is printed while nobody listens", || printed.exists()).await;
    let spool = scratch.join(&format!("work/0/jobs/{}.1/log.ndjson", job.job.id));
    fs::File::options().write(true).open(spool).unwrap().set_len(0).unwrap();
    fs::write(&done, "").unwrap();
    plane.come_back().await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)));
    assert_eq!(told.lines.len(), 20_001, "each line has something in its place");
    let words = told.text(LogStream::System);
    assert!(
        words.iter().any(|text| text.starts_with("Lines ") && text.contains(" were lost: ")),
        "{words:?}"
    );
    assert_eq!(told.stdout().len() + words.len(), 20_001);
}

#[tokio::test]
async fn lines_that_the_control_plane_does_not_take_are_told_as_lost() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    plane.with(|state| state.refused_words = Some("poison".into()));
    let go = scratch.join("go");
    let wait = format!("until [ -e {} ]; do sleep 0.01; done", go.display());
    let job = job(&plane, &[&format!("echo early; {wait}; echo poison"), "echo late"]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "the first line is seen", |told| !told.lines.is_empty()).await;
    fs::write(&go, "").unwrap();
    let told = plane.finished(job.job.id).await;
    assert_eq!((told.end(), told.lines.len()), (Some((WorkStatus::Succeeded, None)), 3));
    let words = told.text(LogStream::System).join("\n");
    assert!(words.contains("lost: the control plane did not take them (400 bad_log_line)."), "{words}");
}

#[tokio::test]
async fn a_control_plane_that_lost_the_log_is_told_the_end_all_the_same() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let go = scratch.join("go");
    let job =
        job(&plane, &[&format!("echo early; until [ -e {} ]; do sleep 0.01; done; echo late", go.display())]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "the first line is seen", |told| !told.lines.is_empty()).await;
    plane.with(|state| state.jobs.get_mut(&job.job.id).unwrap().lines.clear());
    fs::write(&go, "").unwrap();
    let told = plane.until_told(job.job.id, "the job ends", |told| told.end().is_some()).await;
    assert_eq!((told.end(), told.lines.len()), (Some((WorkStatus::Succeeded, None)), 0));
}

#[tokio::test]
async fn what_was_taken_but_not_answered_is_sent_again_and_is_the_same() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    plane.with(|state| state.swallow_answers = 6);
    let job = job(&plane, &["echo a; sleep 0.1; echo b", "echo c"]);
    runner.push(&job).await;
    plane.until("every answer that is to be lost was", |state| state.swallow_answers == 0).await;
    // The plane itself checks that lines and events which come again are the same.
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.stdout(), ["a", "b", "c"]);
    assert_eq!(told.steps().len(), 2);
}

#[tokio::test]
async fn lines_are_seen_while_the_step_still_runs() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let go = scratch.join("go");
    let job =
        job(&plane, &[&format!("echo early; until [ -e {} ]; do sleep 0.01; done; echo late", go.display())]);
    runner.push(&job).await;
    let told = plane.until_told(job.job.id, "the first line is seen", |told| !told.lines.is_empty()).await;
    assert_eq!((told.stdout(), told.events.len()), (vec!["early"], 1), "and the step is seen to run");
    fs::write(&go, "").unwrap();
    assert_eq!(plane.finished(job.job.id).await.stdout(), ["early", "late"]);
}
