//! `GET /metrics`: what a Prometheus server scrapes, named by the OpenTelemetry conventions for CI/CD.

use std::collections::BTreeMap;

use penstock_domain::{ExecutionStatus, Reason};
use penstock_guest::{Answer, Platform};
use penstock_store::{Connection, PipelineRuns, RunTotal, Store};

use crate::answers::{keep, recall, respond};
use crate::exposition::{Exposition, Kind};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4";
/// Series beyond these many pipelines would be too many for one scrape.
const MAX_PIPELINES: u32 = 1_000;
const MAX_RUNNERS: u32 = 1_000;
const KEY: &str = "prometheus";

const DURATION: &str = "cicd_pipeline_run_duration_seconds";
const ACTIVE: &str = "cicd_pipeline_run_active";
const ERRORS: &str = "cicd_pipeline_run_errors_total";
const WORKERS: &str = "cicd_worker_count";
const SYSTEM_ERRORS: &str = "cicd_system_errors_total";
const PIPELINE: &str = "cicd_pipeline_name";
const STATE: &str = "cicd_pipeline_run_state";

/// Runners by what they do.
#[derive(Debug, Default)]
struct Workers {
    available: u64,
    busy: u64,
    offline: u64,
}

pub async fn show<C: Connection>(platform: &impl Platform, store: &Store<C>) -> Answer {
    let now = platform.now();
    if let Some(body) = recall(platform, KEY, now).await {
        return Ok(respond(CONTENT_TYPE, body));
    }
    let buckets = store.run_buckets().await?;
    let pipelines = store.pipeline_runs(MAX_PIPELINES).await?;
    let mut workers = Workers::default();
    for runner in store.runners(None, MAX_RUNNERS).await? {
        match (runner.unreachable_until, runner.running) {
            (Some(until), _) if until > now => workers.offline += 1,
            (_, 0) => workers.available += 1,
            _ => workers.busy += 1,
        }
    }
    let body = write(&pipelines, &workers, &buckets);
    keep(platform, KEY, now, &body).await;
    Ok(respond(CONTENT_TYPE, body))
}

fn write(pipelines: &[PipelineRuns], workers: &Workers, buckets: &[u32]) -> String {
    let mut page = Exposition::default();
    page.begin(DURATION, Kind::Histogram, "Duration of pipeline runs that have ended.");
    for pipeline in pipelines {
        write_durations(&mut page, pipeline, buckets);
    }
    page.begin(ACTIVE, Kind::Gauge, "Pipeline runs that wait or run now.");
    for pipeline in pipelines {
        for (state, runs) in [("pending", pipeline.queued), ("executing", pipeline.running)] {
            page.sample(ACTIVE, &[(PIPELINE, &pipeline.pipeline_name), (STATE, state)], runs);
        }
    }
    page.begin(ERRORS, Kind::Counter, "Pipeline runs that failed, by their first reason.");
    for pipeline in pipelines {
        for (error, runs) in errors(&pipeline.totals) {
            page.sample(ERRORS, &[(PIPELINE, &pipeline.pipeline_name), ("error_type", error)], runs);
        }
    }
    page.begin(WORKERS, Kind::Gauge, "Runners, by what they do.");
    let states = [("available", workers.available), ("busy", workers.busy), ("offline", workers.offline)];
    for (state, count) in states {
        page.sample(WORKERS, &[("cicd_worker_state", state)], count);
    }
    page.begin(SYSTEM_ERRORS, Kind::Counter, "Pipeline runs that failed by a fault that is not theirs.");
    for ((component, error), runs) in system_errors(pipelines) {
        page.sample(SYSTEM_ERRORS, &[("cicd_system_component", component), ("error_type", error)], runs);
    }
    page.text()
}

/// One histogram for each way to end.
fn write_durations(page: &mut Exposition, pipeline: &PipelineRuns, buckets: &[u32]) {
    let mut ways: BTreeMap<(&str, Option<&str>), Vec<&RunTotal>> = BTreeMap::new();
    for total in pipeline.totals.iter().filter(|total| total.up_to_seconds > 0) {
        ways.entry((result(total), error_type(total))).or_default().push(total);
    }
    for ((result, error), totals) in ways {
        let mut labels = vec![
            (PIPELINE, pipeline.pipeline_name.as_str()),
            (STATE, "executing"),
            ("cicd_pipeline_result", result),
        ];
        labels.extend(error.map(|error| ("error_type", error)));
        let cumulative = |bound: u32| -> u64 {
            totals.iter().filter(|total| total.up_to_seconds <= bound).map(|total| total.runs).sum()
        };
        // The last one holds whatever is longer.
        let (_, finite) = buckets.split_last().unwrap_or((&0, &[]));
        let counts: Vec<_> = finite.iter().map(|bound| (*bound, cumulative(*bound))).collect();
        let ms: u64 = totals.iter().map(|total| total.duration_ms).sum();
        page.histogram(DURATION, &labels, &counts, cumulative(u32::MAX), ms as f64 / 1_000.0);
    }
}

/// How the run ended, as the conventions spell it.
fn result(total: &RunTotal) -> &'static str {
    match total.status {
        ExecutionStatus::Succeeded => "success",
        ExecutionStatus::Cancelled => "cancellation",
        ExecutionStatus::Timeout => "timeout",
        _ if total.reason.is_some_and(|reason| component(reason).is_some()) => "error",
        _ => "failure",
    }
}

/// Only what failed has one.
fn error_type(total: &RunTotal) -> Option<&'static str> {
    let failed = matches!(total.status, ExecutionStatus::Failed | ExecutionStatus::Timeout);
    failed.then(|| total.reason.map_or("_OTHER", Reason::as_str))
}

/// The part of the system whose fault it is, where it is not the work's own.
fn component(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::RunnerLost | Reason::RunnerError => Some("runner"),
        Reason::DispatchFailed | Reason::NoMatchingRunner => Some("scheduler"),
        _ => None,
    }
}

fn errors(totals: &[RunTotal]) -> BTreeMap<&'static str, u64> {
    let mut found = BTreeMap::new();
    for total in totals {
        if let Some(error) = error_type(total) {
            *found.entry(error).or_default() += total.runs;
        }
    }
    found
}

fn system_errors(pipelines: &[PipelineRuns]) -> BTreeMap<(&'static str, &'static str), u64> {
    let mut found = BTreeMap::new();
    for total in pipelines.iter().flat_map(|pipeline| &pipeline.totals) {
        let of = total.reason.and_then(component).zip(error_type(total));
        if let Some(of) = of {
            *found.entry(of).or_default() += total.runs;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(status: ExecutionStatus, reason: Option<Reason>, up_to_seconds: u32, runs: u64) -> RunTotal {
        RunTotal { status, reason, up_to_seconds, runs, duration_ms: runs * 1_500 }
    }

    #[test]
    fn a_pipeline_s_runs_are_told_by_how_they_ended() {
        let totals = vec![
            total(ExecutionStatus::Succeeded, None, 1, 4),
            total(ExecutionStatus::Succeeded, None, 60, 2),
            total(ExecutionStatus::Succeeded, None, i32::MAX as u32, 1),
            total(ExecutionStatus::Failed, Some(Reason::RunnerLost), 60, 3),
            total(ExecutionStatus::Failed, Some(Reason::ConfigError), 0, 5),
            total(ExecutionStatus::Cancelled, Some(Reason::CancelledByUser), 0, 7),
        ];
        let pipeline_name = "a \"b\"\\\n".to_owned();
        let pipelines = [PipelineRuns { pipeline_name, queued: 1, running: 2, totals }];
        let text = write(&pipelines, &Workers { busy: 1, ..Workers::default() }, &[1, 60, i32::MAX as u32]);
        let name = r#"cicd_pipeline_name="a \"b\"\\\n""#;
        let success =
            format!("{name},cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"success\"");
        for line in [
            "# TYPE cicd_pipeline_run_duration_seconds histogram".to_owned(),
            format!("cicd_pipeline_run_duration_seconds_bucket{{{success},le=\"1\"}} 4"),
            format!("cicd_pipeline_run_duration_seconds_bucket{{{success},le=\"60\"}} 6"),
            format!("cicd_pipeline_run_duration_seconds_bucket{{{success},le=\"+Inf\"}} 7"),
            format!("cicd_pipeline_run_duration_seconds_sum{{{success}}} 10.5"),
            format!("cicd_pipeline_run_duration_seconds_count{{{success}}} 7"),
            format!("cicd_pipeline_run_active{{{name},cicd_pipeline_run_state=\"pending\"}} 1"),
            format!("cicd_pipeline_run_active{{{name},cicd_pipeline_run_state=\"executing\"}} 2"),
            format!("cicd_pipeline_run_errors_total{{{name},error_type=\"config_error\"}} 5"),
            format!("cicd_pipeline_run_errors_total{{{name},error_type=\"runner_lost\"}} 3"),
            "cicd_worker_count{cicd_worker_state=\"busy\"} 1".to_owned(),
            "cicd_worker_count{cicd_worker_state=\"offline\"} 0".to_owned(),
            "cicd_system_errors_total{cicd_system_component=\"runner\",error_type=\"runner_lost\"} 3"
                .to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
        }
        assert!(text.contains("cicd_pipeline_result=\"error\",error_type=\"runner_lost\""));
        assert!(!text.contains("cicd_pipeline_result=\"cancellation\""), "they never started");
    }
}
