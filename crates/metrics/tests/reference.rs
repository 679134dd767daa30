//! The figures of ranges, summed of days, against an obvious computation over the raw records.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

use penstock_domain::{ExecutionStatus, Timestamp};
use penstock_metrics::{
    Dashboard, Date, DayRow, FinishedDeployment, FinishedExecution, Period, Records, Report, TestFacts,
    TimeRange, Window,
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Numbers that look arbitrary and are the same each time.
struct Arbitrary(u64);

impl Arbitrary {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

struct RawExecution {
    at: Timestamp,
    record: FinishedExecution,
}

struct RawDeployment {
    at: Timestamp,
    environment: u64,
    is_rollback: bool,
    is_failed: bool,
    lead_ms: u64,
}

const PRODUCTION: u64 = 2;

struct World {
    executions: Vec<RawExecution>,
    deployments: Vec<RawDeployment>,
    now: Timestamp,
}

/// Some 200 days, every seventh without anything and the last ones crowded; some of what ends, ends exactly at
/// midnight.
fn world(seed: u64) -> World {
    let mut any = Arbitrary(seed);
    let now: Timestamp = "2024-07-20T15:42:07.123Z".parse().unwrap();
    let moment = |any: &mut Arbitrary| loop {
        let days = if any.one_in(2) { 8 } else { 200 };
        let at = now.plus_ms(-(any.below(days * DAY_MS as u64) as i64));
        let at = if any.one_in(20) { Date::of(at).start() } else { at };
        if Date::of(at).start().as_millis() / DAY_MS % 7 != 3 {
            return at;
        }
    };
    let executions = (0..6_000).map(|_| RawExecution { at: moment(&mut any), record: execution(&mut any) });
    let executions = executions.collect();
    let deployment = |_| RawDeployment {
        at: moment(&mut any),
        environment: any.below(4),
        is_rollback: any.one_in(8),
        is_failed: any.one_in(4),
        lead_ms: any.below(40 * HOUR_MS as u64),
    };
    let deployments = (0..2_000).map(deployment).collect();
    World { executions, deployments, now }
}

fn execution(any: &mut Arbitrary) -> FinishedExecution {
    let status = match any.below(10) {
        0..=5 => ExecutionStatus::Succeeded,
        6 | 7 => ExecutionStatus::Failed,
        8 => ExecutionStatus::Timeout,
        _ => ExecutionStatus::Cancelled,
    };
    let has_started = !any.one_in(15);
    let coverage = any.one_in(2).then(|| any.below(10_001) as f64 / 100.0);
    let tests = TestFacts { passed: any.below(500), failed: any.below(9), coverage };
    FinishedExecution {
        status,
        duration_ms: has_started.then(|| 20 + any.below(3_000_000)),
        queue_ms: has_started.then(|| any.below(90_000)),
        tests: any.one_in(3).then_some(tests),
    }
}

impl World {
    /// Walks on from the failure until something succeeded.
    fn recovery_ms(&self, failed: &RawDeployment) -> Option<i64> {
        let mut later: Vec<_> = self
            .deployments
            .iter()
            .filter(|d| d.at > failed.at && d.environment == failed.environment)
            .collect();
        later.sort_by_key(|d| d.at);
        later.iter().find(|d| !d.is_failed).map(|d| d.at.since_ms(failed.at))
    }

    fn record(&self, raw: &RawDeployment) -> FinishedDeployment {
        FinishedDeployment {
            is_production: raw.environment == PRODUCTION,
            is_rollback: raw.is_rollback,
            is_failed: raw.is_failed,
            lead_ms: Some(raw.lead_ms),
            recovery_ms: self.recovery_ms(raw).map(|ms| ms as u64),
        }
    }

    fn records(&self, window: Window) -> Records {
        let inside = |at: Timestamp| window.from <= at && at < window.to;
        let executions = self.executions.iter().filter(|e| inside(e.at)).map(|e| e.record.clone());
        let deployments = self.deployments.iter().filter(|d| inside(d.at)).map(|d| self.record(d));
        Records { executions: executions.collect(), deployments: deployments.collect() }
    }

    /// As the store does it: a row for each day that has anything.
    fn days(&self, window: Window) -> Vec<DayRow> {
        let rows = window.slices().into_iter().map(|s| (s, self.records(s.window)));
        let rows = rows.filter(|(_, records)| *records != Records::default());
        rows.map(|(slice, records)| DayRow::of(slice.date, None, &records)).collect()
    }

    fn period(&self, range: TimeRange) -> Period {
        let window = range.window(self.now);
        let previous = self.days(range.previous(self.now));
        Period { range, window, days: self.days(window), previous }
    }
}

fn near(found: Option<f64>, expected: Option<f64>, tolerance: f64, what: &str) {
    match (found, expected) {
        (None, None) => {}
        (Some(found), Some(expected)) => {
            let error = (found - expected).abs();
            assert!(error <= tolerance + 1e-9, "{what}: {found} instead of {expected}");
        }
        _ => panic!("{what}: {found:?} instead of {expected:?}"),
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[n / 2]),
        n => Some((sorted[n / 2 - 1] + sorted[n / 2]) / 2.0),
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

fn check_executions(world: &World, range: TimeRange) {
    let period = world.period(range);
    let shown = Dashboard::of(&period, vec![]);
    let (from, to) = (period.window.from, period.window.to);
    let all: Vec<_> =
        world.executions.iter().filter(|e| e.at >= from && e.at < to).map(|e| &e.record).collect();
    let decided: Vec<_> = all.iter().filter(|e| e.status != ExecutionStatus::Cancelled).collect();
    let succeeded = decided.iter().filter(|e| e.status == ExecutionStatus::Succeeded).count();
    let metrics = &shown.execution_metrics;
    assert_eq!(metrics.total_executions, all.len() as u64);
    assert_eq!(metrics.failed_executions, (decided.len() - succeeded) as u64);
    near(metrics.success_rate, share(succeeded, decided.len()), 0.005, "success rate");
    let durations: Vec<f64> = decided.iter().filter_map(|e| Some(e.duration_ms? as f64 / 1e3)).collect();
    near(metrics.average_duration_seconds, mean(&durations), 0.001, "average duration");
    let exact = median(&durations).unwrap();
    near(shown.performance_metrics.median_duration_seconds, Some(exact), exact / 100.0, "median duration");
    let waits: Vec<f64> = all.iter().filter_map(|e| Some(e.queue_ms? as f64 / 1e3)).collect();
    near(shown.performance_metrics.queue_time_seconds, mean(&waits), 0.001, "queue time");
    let tests: Vec<_> = decided.iter().filter_map(|e| e.tests).collect();
    near(metrics.test_automation_rate, share(tests.len(), decided.len()), 0.005, "test automation");
    let coverages: Vec<f64> = tests.iter().filter_map(|t| t.coverage).collect();
    near(shown.quality_metrics.average_coverage, mean(&coverages), 0.006, "coverage");
    let passed: u64 = tests.iter().map(|t| t.passed).sum();
    let run: u64 = tests.iter().map(|t| t.passed + t.failed).sum();
    let quality = shown.quality_metrics.code_quality_score;
    near(quality, share(passed as usize, run as usize), 0.005, "quality");
}

fn check_deployments(world: &World, range: TimeRange) {
    let period = world.period(range);
    let shown = Dashboard::of(&period, vec![]);
    let (from, to) = (period.window.from, period.window.to);
    let all: Vec<_> = world.deployments.iter().filter(|d| d.at >= from && d.at < to).collect();
    let forward: Vec<_> = all.iter().filter(|d| !d.is_rollback).collect();
    let metrics = &shown.deployment_metrics;
    assert_eq!(metrics.total_deployments, forward.len() as u64);
    assert_eq!(metrics.successful_deployments, forward.iter().filter(|d| !d.is_failed).count() as u64);
    assert_eq!(metrics.rollbacks, (all.len() - forward.len()) as u64);
    let changes: Vec<&RawDeployment> =
        forward.into_iter().copied().filter(|d| d.environment == PRODUCTION).collect();
    let (failed, good): (Vec<&RawDeployment>, Vec<_>) = changes.into_iter().partition(|d| d.is_failed);
    let a_day = good.len() as f64 / f64::from(range.days());
    near(Some(shown.dora.deployment_frequency), Some(a_day), 0.0001, "frequency");
    near(
        shown.dora.change_failure_rate,
        share(failed.len(), failed.len() + good.len()),
        0.005,
        "change failures",
    );
    let leads: Vec<f64> = good.iter().map(|d| d.lead_ms as f64 / 6e4).collect();
    let exact = median(&leads);
    near(shown.dora.lead_time_for_changes, exact, 0.01 + exact.unwrap_or(0.0) / 100.0, "lead time");
    let recoveries: Vec<f64> =
        failed.iter().filter_map(|d| Some(world.recovery_ms(d)? as f64 / 6e4)).collect();
    near(shown.dora.mean_time_to_recovery, mean(&recoveries), 0.01, "recovery");
    assert_eq!(shown.dora.unrecovered_failures, (failed.len() - recoveries.len()) as u64);
}

#[test]
fn every_range_has_the_figures_of_its_raw_records() {
    for seed in [1, 20_240_720, u64::MAX] {
        let world = world(seed);
        for range in TimeRange::ALL {
            check_executions(&world, range);
            check_deployments(&world, range);
        }
    }
}

#[test]
fn the_days_of_a_range_have_their_own_exact_medians() {
    let world = world(7);
    let report = Report::of(&world.period(TimeRange::Days30), None);
    assert_eq!(report.metrics.len(), 30);
    for day in &report.metrics {
        let inside = world.executions.iter().filter(|e| Date::of(e.at) == day.metric_date);
        let counts = inside.filter(|e| e.record.status != ExecutionStatus::Cancelled);
        let durations: Vec<f64> =
            counts.filter_map(|e| Some(e.record.duration_ms? as f64 / 60_000.0)).collect();
        near(day.median_duration_minutes, median(&durations), 0.0051, "median of a day");
        near(day.average_duration_minutes, mean(&durations), 0.0051, "average of a day");
    }
    assert!(report.metrics.iter().any(|day| day.total_executions == 0), "there are days without anything");
}

#[test]
fn the_days_may_come_in_any_order_and_so_may_their_records() {
    let world = world(11);
    let period = world.period(TimeRange::Days90);
    let mut turned = period.clone();
    turned.days.reverse();
    turned.previous.rotate_left(17);
    assert_eq!(Dashboard::of(&turned, vec![]), Dashboard::of(&period, vec![]));
    for slice in period.window.slices() {
        let records = world.records(slice.window);
        let mut shuffled = records.clone();
        shuffled.executions.reverse();
        let half = shuffled.deployments.len() / 2;
        shuffled.deployments.rotate_left(half);
        assert_eq!(DayRow::of(slice.date, None, &shuffled), DayRow::of(slice.date, None, &records));
    }
}

#[test]
fn a_row_that_was_kept_is_the_row_that_is_read() {
    let world = world(13);
    for row in world.days(TimeRange::Days90.window(world.now)) {
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<DayRow>(&text).unwrap(), row);
    }
}

#[test]
fn a_range_without_anything_has_no_rates_and_no_score() {
    let now = "2024-07-20T15:42:07.123Z".parse().unwrap();
    let range = TimeRange::Days7;
    let period = Period { range, window: range.window(now), days: vec![], previous: vec![] };
    let shown = serde_json::to_value(Dashboard::of(&period, vec![])).unwrap();
    assert_eq!(shown["execution_metrics"]["trends"].as_array().unwrap().len(), 7);
    for absent in [
        "/execution_metrics/success_rate",
        "/execution_metrics/average_duration",
        "/deployment_metrics/lead_time",
        "/quality_metrics/average_coverage",
        "/quality_metrics/security_issues",
        "/performance_metrics/median_duration_seconds",
        "/dora/change_failure_rate",
        "/dora/mean_time_to_recovery",
        "/health_score",
    ] {
        assert!(shown.pointer(absent).unwrap().is_null(), "{absent}");
    }
    assert_eq!(shown["dora"]["deployment_frequency"], 0.0);
}
