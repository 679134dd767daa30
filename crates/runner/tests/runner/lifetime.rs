//! How a runner begins and ends, and what that means for its work.

use std::fs;
use std::process::Stdio;

use penstock_domain::{Reason, WorkStatus};
use rustix::process::Signal;

use crate::agent::{self, Scratch, eventually, gone, is_running, pid_in};
use crate::job::job;
use crate::plane::Plane;

#[tokio::test]
async fn the_steps_of_a_killed_runner_die_with_it() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut runner = agent::plain(&plane, &scratch).await;
    let (shell, child, escaped) = (scratch.join("shell"), scratch.join("child"), scratch.join("escaped"));
    let run = format!(
        "trap '' TERM HUP; echo $$ > {}; (trap '' TERM HUP; while :; do sleep 0.05; done) & echo $! > {}; \
         setsid sh -c 'echo $$ > {}; exec sleep 300' & while :; do sleep 0.05; done",
        shell.display(),
        child.display(),
        escaped.display()
    );
    runner.push(&job(&plane, &[&run])).await;
    let mut pids = vec![];
    for file in [&shell, &child, &escaped] {
        pids.push(pid_in(file).await);
    }
    assert!(pids.iter().all(|pid| is_running(*pid)));
    runner.signal(Signal::KILL);
    runner.ended().await;
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn a_stopped_runner_lets_its_jobs_end_and_takes_no_more() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut runner = agent::plain(&plane, &scratch).await;
    let (go, started) = (scratch.join("go"), scratch.join("started"));
    let run =
        format!("touch {}; until [ -e {} ]; do sleep 0.01; done; echo done", started.display(), go.display());
    let running = job(&plane, &[&run]);
    runner.push(&running).await;
    eventually("it runs", || started.exists()).await;
    runner.signal(Signal::TERM);
    // The first of them may still come before the signal does.
    loop {
        match runner.push(&job(&plane, &["true"])).await {
            202 | 429 => tokio::task::yield_now().await,
            status => break assert_eq!(status, 503),
        }
    }
    fs::write(&go, "").unwrap();
    assert_eq!(plane.finished(running.job.id).await.stdout(), ["done"]);
    assert!(runner.ended().await.success());
}

#[tokio::test]
async fn a_stopped_runner_ends_what_takes_too_long_and_says_that_it_was_the_runner() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("AGENT_GRACE_MS", "0").env("AGENT_KILL_GRACE_MS", "100");
    let mut runner = agent::start(&plane, program).await;
    let file = scratch.join("pid");
    let job = job(&plane, &[&format!("echo $$ > {}; while :; do sleep 0.05; done", file.display())]);
    runner.push(&job).await;
    let step = pid_in(&file).await;
    runner.signal(Signal::TERM);
    assert!(runner.ended().await.success());
    assert!(!is_running(step));
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::RunnerLost))));
}

#[tokio::test]
async fn an_orphaned_runner_ends_after_what_runs() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let agent = agent::program(&plane, &scratch);
    // A parent of its own, that can be killed alone.
    let pid_file = scratch.join("agent");
    let mut parent = std::process::Command::new("sh");
    parent.arg("-c").arg(format!("\"$0\" & echo $! > {}; wait", pid_file.display())).arg(agent.get_program());
    parent.envs(agent.get_envs().filter_map(|(name, value)| Some((name, value?))));
    parent.env("AGENT_STOP_WHEN_ORPHANED", "1").stdin(Stdio::null());
    let mut shell = agent::start(&plane, parent).await;
    let runner_pid = pid_in(&pid_file).await;

    let (go, started) = (scratch.join("go"), scratch.join("started"));
    let run =
        format!("touch {}; until [ -e {} ]; do sleep 0.01; done; echo done", started.display(), go.display());
    let running = job(&plane, &[&run]);
    assert_eq!(shell.push(&running).await, 202);
    eventually("it runs", || started.exists()).await;
    shell.signal(Signal::KILL);
    shell.ended().await;
    loop {
        match shell.push(&job(&plane, &["true"])).await {
            202 | 429 => tokio::task::yield_now().await,
            status => break assert_eq!(status, 503),
        }
    }
    assert!(is_running(runner_pid), "it waits for what runs");
    fs::write(&go, "").unwrap();
    assert_eq!(plane.finished(running.job.id).await.end(), Some((WorkStatus::Succeeded, None)));
    gone(runner_pid).await;
}

#[tokio::test]
async fn a_runner_waits_for_its_control_plane_and_gives_up_only_on_a_no() {
    let (mut plane, scratch) = (Plane::start().await, Scratch::new());
    plane.go_away().await;
    let mut early = agent::program(&plane, &scratch).spawn().unwrap();
    plane.come_back().await;
    plane.until("the runner is registered", |state| state.registrations.len() == 1).await;
    early.kill().unwrap();
    early.wait().unwrap();

    let mut wrong = agent::program(&plane, &scratch);
    wrong.env("AGENT_TOKEN", "wrong-token");
    let refused = tokio::task::spawn_blocking(move || wrong.output().unwrap()).await.unwrap();
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && words.contains("does not take the runner token"), "{words}");
    assert!(!words.contains("wrong-token"), "the token is not shown: {words}");
}

#[tokio::test]
async fn a_runner_may_start_while_an_earlier_one_in_its_folder_still_works() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let first = agent::plain(&plane, &scratch).await;
    let (go, started) = (scratch.join("go"), scratch.join("started"));
    let run =
        format!("touch {}; until [ -e {} ]; do sleep 0.01; done; echo done", started.display(), go.display());
    let long = job(&plane, &[&run]);
    first.push(&long).await;
    eventually("it runs", || started.exists()).await;
    let second = agent::plain(&plane, &scratch).await;
    assert_eq!(second.push(&long).await, 409, "what the one has, the other does not run");
    let quick = job(&plane, &["echo quick"]);
    assert_eq!(second.push(&quick).await, 202);
    assert_eq!(plane.finished(quick.job.id).await.stdout(), ["quick"]);
    fs::write(&go, "").unwrap();
    assert_eq!(plane.finished(long.job.id).await.stdout(), ["done"]);
}

#[tokio::test]
async fn a_guardian_that_was_killed_is_replaced_before_the_next_step_runs() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut runner = agent::plain(&plane, &scratch).await;
    let guardian = runner.guardian().unwrap();
    rustix::process::kill_process(guardian, Signal::KILL).unwrap();
    gone(guardian).await;
    let file = scratch.join("pid");
    let job = job(&plane, &[&format!("echo $$ > {}; while :; do sleep 0.05; done", file.display())]);
    assert_eq!(runner.push(&job).await, 202);
    let step = pid_in(&file).await;
    eventually("there is a guardian again", || runner.guardian().is_some_and(is_running)).await;
    runner.signal(Signal::KILL);
    runner.ended().await;
    gone(step).await;
}
