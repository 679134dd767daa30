//! What a step's text is written in.

use penstock_api::runner::{JobRequest, LogStream};
use penstock_domain::{Reason, WorkStatus};

use crate::agent::{self, Scratch};
use crate::job::job;
use crate::plane::{Plane, Told};

async fn ran(plane: &Plane, shell: &str, text: &str, set_up: impl FnOnce(&mut JobRequest)) -> Told {
    let scratch = Scratch::new();
    let runner = agent::plain(plane, &scratch).await;
    let mut job = job(plane, &[text]);
    job.steps[0].shell = shell.into();
    set_up(&mut job);
    assert_eq!(runner.push(&job).await, 202);
    plane.finished(job.job.id).await
}

#[tokio::test]
async fn bash_ends_where_a_part_of_a_pipe_fails() {
    let plane = Plane::start().await;
    let told = ran(&plane, "bash", "a=(1 2); echo ${a[1]}; (exit 3) | cat; echo never", |_| {}).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ExitCode))));
    assert_eq!((told.stdout(), told.steps()[0].1), (vec!["2"], Some(3)));
}

#[tokio::test]
async fn a_shell_that_the_machine_lacks_is_named() {
    let plane = Plane::start().await;
    for (shell, text, named) in [
        ("python3", "print(1)", "`python3`"),
        ("script", "#!/opt/no/such/perl\n", "`/opt/no/such/perl`"),
        ("fish", "echo", "`fish`"),
    ] {
        let told = ran(&plane, shell, text, |job| {
            job.environment.variables.insert("PATH".into(), "/nonexistent".into());
        })
        .await;
        assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ConfigError))));
        assert!(told.message().contains(named), "{}", told.message());
        assert_eq!(told.text(LogStream::System), [told.message()]);
    }
}

#[tokio::test]
async fn a_script_is_a_file_of_its_own_outside_of_the_workspace() {
    let plane = Plane::start().await;
    let text = "#!/bin/sh -u\necho \"$(stat -c %a \"$0\")\"; ls; case $0 in \"$PWD\"/*) echo inside;; esac; $undefined";
    let told = ran(&plane, "script", text, |_| {}).await;
    assert_eq!(told.stdout(), ["700"], "{:?}", told.lines);
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ExitCode))), "its own options count");
}

#[tokio::test]
async fn a_script_may_find_its_program_by_env() {
    let plane = Plane::start().await;
    let told = ran(&plane, "script", "#!/usr/bin/env sh\necho \"$PENSTOCK_JOB\"", |_| {}).await;
    assert_eq!((told.end(), told.stdout()), (Some((WorkStatus::Succeeded, None)), vec!["unit"]));
}

/// Where the machine has them.
#[tokio::test]
async fn python_and_node_import_from_where_they_run() {
    let plane = Plane::start().await;
    let scripts = [
        ("python3", "own.py", "def greet(): print('hi')", "import own\nown.greet()"),
        ("node", "own.js", "exports.greet = () => console.log('hi')", "require('./own').greet()"),
    ];
    for (program, file, module, text) in scripts {
        let found = std::process::Command::new(program).arg("--version").output();
        if !found.is_ok_and(|output| output.status.success()) {
            continue;
        }
        let scratch = Scratch::new();
        let runner = agent::plain(&plane, &scratch).await;
        let mut job = job(&plane, &[&format!("mkdir lib; echo \"{module}\" > lib/{file}"), text]);
        job.steps[1].shell = program.into();
        job.steps[1].working_directory = Some("lib".into());
        runner.push(&job).await;
        let told = plane.finished(job.job.id).await;
        assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)), "{:?}", told.lines);
        assert_eq!(told.stdout(), ["hi"]);
    }
}
