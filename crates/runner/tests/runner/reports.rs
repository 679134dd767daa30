//! Reports are handed in between the last step and the end of the job, whatever happens meanwhile.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_api::runner::{JobRequest, LogStream, ReportRequest};
use penstock_domain::{Reason, WorkStatus};
use rustix::process::Signal;

use crate::agent::{self, Scratch, eventually, is_running, pid_in};
use crate::job::job;
use crate::plane::{Plane, Told};

const SUCCEEDED: Option<(WorkStatus, Option<Reason>)> = Some((WorkStatus::Succeeded, None));

fn reporting(plane: &Plane, commands: &[&str], reports: &[(&str, &str)]) -> JobRequest {
    let mut job = job(plane, commands);
    let request = |(format, path): &(&str, &str)| ReportRequest {
        format: (*format).to_owned(),
        path: (*path).to_owned(),
        test_type: None,
    };
    job.reports = reports.iter().map(request).collect();
    job
}

fn paths(told: &Told) -> Vec<&str> {
    told.reports.keys().map(|(path, _)| path.as_str()).collect()
}

#[tokio::test]
async fn also_a_failed_step_hands_in_its_reports_and_all_of_them_before_the_end() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let write = "mkdir -p 'test results' cov; echo '<a/>' > 'test results/a+b.xml'; echo '<b/>' > 'test results/b.xml'; \
                 echo TN: > cov/lcov.info; exit 3";
    let wanted = [("lcov", "cov/lcov.info"), ("junit", "test results/*.xml")];
    let mut job = reporting(&plane, &[write, "echo never"], &wanted);
    job.reports[1].test_type = Some("integration".to_owned());
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::ExitCode))));
    let came: Vec<_> = told
        .reports
        .iter()
        .map(|((path, format), report)| {
            (
                path.as_str(),
                format.as_str(),
                report.test_type.as_str(),
                report.content_type.as_str(),
                report.body.as_str(),
            )
        })
        .collect();
    assert_eq!(
        came,
        [
            ("cov/lcov.info", "lcov", "unit", "text/plain", "TN:\n"),
            ("test results/a+b.xml", "junit", "integration", "application/xml", "<a/>\n"),
            ("test results/b.xml", "junit", "integration", "application/xml", "<b/>\n"),
        ]
    );
    assert_eq!((told.reports_at_end, told.report_calls), (3, 3));
    assert_eq!(told.text(LogStream::System), ["3 reports were handed in."]);
}

#[tokio::test]
async fn secrets_are_masked_in_reports_too() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    // The second lies across two reads of the file, and the third is spelled as XML spells it.
    let write = "{ printf 'a %s ' \"$KEY\"; head -c 262130 /dev/zero | tr '\\0' x; printf '%s' \"$KEY\"; \
                 printf ' tops3cret&lt;/key'; } > report.xml";
    let mut job = reporting(&plane, &[write], &[("junit", "report.xml")]);
    job.secrets.insert("KEY".into(), "tops3cret</key".into());
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    let body = told.reports.values().next().unwrap().body.replace('x', "");
    assert_eq!(body, "a *** *** ***");
}

#[tokio::test]
async fn a_server_that_is_away_for_a_while_misses_no_report() {
    let (mut plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let (go, done) = (scratch.join("go"), scratch.join("done"));
    let wait = format!(
        "echo up; until [ -e {} ]; do sleep 0.01; done; echo '<a/>' > a.xml; echo '<b/>' > b.xml; touch {}",
        go.display(),
        done.display()
    );
    let job = reporting(&plane, &[&wait], &[("junit", "*.xml")]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "it is running", |told| !told.lines.is_empty()).await;
    plane.go_away().await;
    fs::write(&go, "").unwrap();
    eventually("the job is done while nobody listens", || done.exists()).await;
    plane.with(|state| state.is_busy_with_reports = true);
    plane.come_back().await;
    plane.until_told(job.job.id, "a report was tried twice", |told| told.report_calls > 1).await;
    assert_eq!(plane.told(job.job.id).end(), None, "the end waits for the reports");
    plane.with(|state| (state.is_busy_with_reports, state.swallow_answers) = (false, 3));
    let told = plane.finished(job.job.id).await;
    assert_eq!((told.end(), paths(&told), told.reports_at_end), (SUCCEEDED, vec!["a.xml", "b.xml"], 2));
}

#[tokio::test]
async fn a_report_that_is_refused_is_told_in_the_log_and_changes_nothing_else() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let no = |status, code: &str, detail: &str| Problem::new(status, code, "No", detail);
    let refused = [
        ("bad.xml", no(StatusCode::BAD_REQUEST, "bad_report", "line 1 is no XML")),
        ("large.xml", no(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "it is too long")),
    ];
    plane.with(|state| {
        state.refused_reports =
            refused.map(|(path, problem)| (path.to_owned(), problem)).into_iter().collect::<HashMap<_, _>>();
    });
    let write = "touch bad.xml good.xml large.xml; truncate -s 67108865 larger.xml";
    let job = reporting(&plane, &[write], &[("junit", "*.xml")]);
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!((told.end(), paths(&told), told.report_calls), (SUCCEEDED, vec!["good.xml"], 3));
    assert_eq!(
        told.text(LogStream::System),
        [
            "The report `bad.xml` was not taken (400 bad_report): line 1 is no XML",
            "The report `large.xml` was not taken (413 body_too_large): it is too long",
            "`larger.xml` has more than 64 MiB, and is not handed in.",
            "1 report was handed in.",
        ]
    );
}

#[tokio::test]
async fn patterns_without_files_and_links_out_of_the_workspace_are_told_in_the_log() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    fs::write(scratch.join("outside.xml"), "<outside/>").unwrap();
    let link = format!("ln -s {} link.xml; echo '<a/>' > a.xml", scratch.join("outside.xml").display());
    let job = reporting(&plane, &[&link], &[("lcov", "cov/*.info"), ("junit", "**/*.xml")]);
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!((told.end(), paths(&told)), (SUCCEEDED, vec!["a.xml"]));
    assert_eq!(
        told.text(LogStream::System),
        [
            "No file matches `cov/*.info`, so there is no lcov report of it.",
            "`link.xml` leads out of the workspace, and is not handed in.",
            "1 report was handed in.",
        ]
    );
}

#[tokio::test]
async fn what_still_writes_when_the_last_step_ends_is_ended_before_reports_are_read() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    plane.with(|state| state.is_busy_with_reports = true);
    let file = scratch.join("pid");
    let write = format!(
        "touch a.xml; (while :; do echo x >> a.xml; sleep 0.01; done) & echo $! > {}",
        file.display()
    );
    let job = reporting(&plane, &[&write], &[("junit", "a.xml")]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "a report is tried", |told| told.report_calls > 0).await;
    assert!(!is_running(pid_in(&file).await), "nothing writes any longer");
    plane.with(|state| state.is_busy_with_reports = false);
    assert_eq!(plane.finished(job.job.id).await.reports_at_end, 1);
}

#[tokio::test]
async fn a_cancel_ends_the_handing_in() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    plane.with(|state| state.is_busy_with_reports = true);
    let job = reporting(&plane, &["touch a.xml"], &[("junit", "a.xml")]);
    runner.push(&job).await;
    plane.until_told(job.job.id, "a report is tried", |told| told.report_calls > 0).await;
    assert_eq!(runner.cancel(&job).await, 202);
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Cancelled, Some(Reason::CancelledByUser))));
    assert_eq!(told.steps()[0].0, WorkStatus::Succeeded);
}

#[tokio::test]
async fn a_job_that_was_cancelled_in_a_step_hands_in_nothing() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let file = scratch.join("pid");
    let write = format!("touch a.xml; echo $$ > {}; exec sleep 300", file.display());
    let job = reporting(&plane, &[&write], &[("junit", "a.xml")]);
    runner.push(&job).await;
    pid_in(&file).await;
    runner.cancel(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Cancelled, Some(Reason::CancelledByUser))));
    assert_eq!((told.report_calls, told.lines.len()), (0, 0));
}

#[tokio::test]
async fn a_success_whose_reports_a_stopping_runner_keeps_is_none() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("AGENT_GRACE_MS", "100");
    let mut runner = agent::start(&plane, program).await;
    plane.with(|state| state.is_busy_with_reports = true);
    let (fine, broken) = (
        reporting(&plane, &["touch a.xml"], &[("junit", "a.xml")]),
        reporting(&plane, &["touch a.xml; false"], &[("junit", "a.xml")]),
    );
    for job in [&fine, &broken] {
        runner.push(job).await;
        plane.until_told(job.job.id, "a report is tried", |told| told.report_calls > 0).await;
    }
    runner.signal(Signal::TERM);
    let ends = [plane.finished(fine.job.id).await.end(), plane.finished(broken.job.id).await.end()];
    assert_eq!(ends[0], Some((WorkStatus::Failed, Some(Reason::RunnerLost))));
    assert_eq!(ends[1], Some((WorkStatus::Failed, Some(Reason::ExitCode))), "a failure stays what it is");
    assert!(runner.ended().await.success());
}

#[tokio::test]
async fn a_lease_that_is_lost_while_handing_in_ends_the_attempt_in_silence() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let mut program = agent::program(&plane, &scratch);
    program.env("AGENT_SLOTS", "1");
    let runner = agent::start(&plane, program).await;
    plane.with(|state| state.is_busy_with_reports = true);
    let work = reporting(&plane, &["touch a.xml b.xml"], &[("junit", "*.xml")]);
    runner.push(&work).await;
    // Then nothing else is left to be told but reports.
    plane.until_told(work.job.id, "the step has ended", |told| !told.steps().is_empty()).await;
    plane.with(|state| (state.is_busy_with_reports, state.loses_lease_at_report) = (false, true));
    plane.until_told(work.job.id, "the lease is lost", |told| told.fenced > 0).await;
    let next = job(&plane, &["true"]);
    let taken = async {
        while runner.push(&next).await != 202 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), taken).await.expect("the slot is free again");
    plane.finished(next.job.id).await;
    let told = plane.told(work.job.id);
    assert_eq!((told.end(), told.fenced, told.reports.len()), (None, 1, 0));
}

#[tokio::test]
async fn a_job_whose_checkout_failed_has_no_reports_to_look_for() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let mut job = reporting(&plane, &["true"], &[("junit", "a.xml")]);
    job.execution.commit_sha = Some("0".repeat(40));
    job.execution.repository_url = format!("file://{}", scratch.join("no-repository").display());
    job.environment.checkout = true;
    runner.push(&job).await;
    let told = plane.finished(job.job.id).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::CheckoutFailed))));
    assert!(told.text(LogStream::System).iter().all(|line| !line.contains("a.xml")), "{:?}", told.lines);
}
