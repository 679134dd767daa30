//! Nothing is lost and nothing is doubled, whatever the control plane goes through.

use std::fs;

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
