//! What a job may use of the machine.

use penstock_api::runner::JobResources;
use penstock_domain::{Reason, WorkStatus};

use crate::agent::{self, Scratch};
use crate::job::job;
use crate::plane::Plane;

#[tokio::test]
async fn a_job_has_the_processors_that_it_may_have_in_all_of_its_steps() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let mut job = job(&plane, &["nproc", "(nproc) & wait"]);
    job.resources = Some(JobResources { cpus: Some(1), memory_mib: None });
    runner.push(&job).await;
    assert_eq!(plane.finished(job.job.id).await.stdout(), ["1", "1"]);
}

#[tokio::test]
async fn what_uses_more_memory_than_it_may_is_killed_whoever_of_its_processes_has_it() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    // tail keeps what it will print, and nobody reads that.
    let mut greedy = job(&plane, &["head -c 200000000 /dev/zero | tail -c 200000000 | sleep 300", "echo no"]);
    greedy.resources = Some(JobResources { cpus: None, memory_mib: Some(64) });
    runner.push(&greedy).await;
    let told = plane.finished(greedy.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::MemoryLimit))));
    assert_eq!(told.steps()[0], (WorkStatus::Failed, None, Some(Reason::MemoryLimit)));
    assert!(told.stdout().is_empty());

    let mut modest = job(&plane, &["sleep 1; echo fine"]);
    modest.resources = Some(JobResources { cpus: None, memory_mib: Some(64) });
    runner.push(&modest).await;
    assert_eq!(plane.finished(modest.job.id).await.stdout(), ["fine"]);
}
