//! What stands out, in sentences. Each comes from one rule, and the rule is named beside it.

use serde::Serialize;

use crate::compare::change_percent;
use crate::figures::Figures;

/// Fewer executions than this say nothing about a rate.
const ENOUGH_EXECUTIONS: u64 = 10;
/// Fewer finished changes than this say nothing about a rate.
const ENOUGH_CHANGES: u64 = 5;
const LOW_SUCCESS_RATE: f64 = 80.0;
const HIGH_CHANGE_FAILURE_RATE: f64 = 15.0;
const LOW_TEST_AUTOMATION_RATE: f64 = 50.0;
/// In points of percent.
const NOTABLE_RATE_CHANGE: f64 = 5.0;
const NOTABLE_COVERAGE_LOSS: f64 = 2.0;
/// In percent of the previous value.
const NOTABLE_DURATION_CHANGE: f64 = 20.0;
const LONG_QUEUE_SECONDS: f64 = 60.0;
const SLOW_RECOVERY_MINUTES: f64 = 24.0 * 60.0;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Insight {
    pub rule: &'static str,
    pub severity: Severity,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    Info,
    Good,
}

/// A range, and the one before it.
struct Seen<'a> {
    now: &'a Figures,
    then: &'a Figures,
}

type Rule = fn(&Seen<'_>) -> Option<(Severity, String)>;

const RULES: [(&str, Rule); 13] = [
    ("nothing_finished", nothing_finished),
    ("low_success_rate", low_success_rate),
    ("success_rate_fell", success_rate_fell),
    ("success_rate_rose", success_rate_rose),
    ("slower", slower),
    ("faster", faster),
    ("long_queue", long_queue),
    ("unrecovered_failures", unrecovered_failures),
    ("high_change_failure_rate", high_change_failure_rate),
    ("slow_recovery", slow_recovery),
    ("no_deployments_any_more", no_deployments_any_more),
    ("coverage_fell", coverage_fell),
    ("few_tests", few_tests),
];

/// Warnings first.
pub(crate) fn insights(now: &Figures, then: &Figures) -> Vec<Insight> {
    let seen = Seen { now, then };
    let told = |(rule, tell): (&'static str, Rule)| {
        tell(&seen).map(|(severity, text)| Insight { rule, severity, text })
    };
    let mut found: Vec<_> = RULES.into_iter().filter_map(told).collect();
    found.sort_by_key(|insight| insight.severity);
    found
}

fn decided(figures: &Figures) -> u64 {
    figures.successful_executions + figures.failed_executions
}

fn has_enough(figures: &Figures) -> bool {
    decided(figures) >= ENOUGH_EXECUTIONS
}

fn nothing_finished(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let nothing = seen.now.total_executions == 0;
    nothing.then(|| (Severity::Info, "No execution ended in this time.".to_owned()))
}

fn low_success_rate(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let rate = seen.now.success_rate.filter(|rate| has_enough(seen.now) && *rate < LOW_SUCCESS_RATE)?;
    let (failed, all) = (seen.now.failed_executions, decided(seen.now));
    let text = format!(
        "Only {rate:.1} % of the executions succeeded: {failed} of {all} failed. Look at what they failed of."
    );
    Some((Severity::Warning, text))
}

/// The points of percent that the success rate went up, where both ranges have enough to tell.
fn success_rate_gain(seen: &Seen<'_>) -> Option<(f64, f64, f64)> {
    let both = has_enough(seen.now) && has_enough(seen.then);
    let (now, then) = (seen.now.success_rate?, seen.then.success_rate?);
    both.then_some((now - then, then, now))
}

fn success_rate_fell(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let (_, then, now) = success_rate_gain(seen).filter(|(gain, ..)| *gain <= -NOTABLE_RATE_CHANGE)?;
    Some((Severity::Warning, format!("The success rate fell from {then:.1} % to {now:.1} %.")))
}

fn success_rate_rose(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let (_, then, now) = success_rate_gain(seen).filter(|(gain, ..)| *gain >= NOTABLE_RATE_CHANGE)?;
    Some((Severity::Good, format!("The success rate rose from {then:.1} % to {now:.1} %.")))
}

/// By how much the average duration changed, in percent, where both ranges have enough to tell.
fn duration_change(seen: &Seen<'_>) -> Option<(f64, f64)> {
    let both = has_enough(seen.now) && has_enough(seen.then);
    let now = seen.now.average_duration_seconds;
    let change = change_percent(now, seen.then.average_duration_seconds)?;
    both.then_some((change, now?))
}

fn slower(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let (change, now) = duration_change(seen).filter(|(change, _)| *change >= NOTABLE_DURATION_CHANGE)?;
    let text = format!("Executions take {change:.0} % longer than before: {} on average.", spelled(now));
    Some((Severity::Warning, text))
}

fn faster(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let (change, now) = duration_change(seen).filter(|(change, _)| *change <= -NOTABLE_DURATION_CHANGE)?;
    let text =
        format!("Executions take {:.0} % less time than before: {} on average.", -change, spelled(now));
    Some((Severity::Good, text))
}

fn long_queue(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let wait = seen.now.queue_time_seconds.filter(|wait| *wait >= LONG_QUEUE_SECONDS)?;
    let text = format!(
        "Executions wait {} on average before they start. Allow more at once, or add runners.",
        spelled(wait)
    );
    Some((Severity::Warning, text))
}

fn unrecovered_failures(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let text = match seen.now.dora.unrecovered_failures {
        0 => return None,
        1 => "One failed change in production has had no successful deployment after it.".to_owned(),
        many => format!("{many} failed changes in production have had no successful deployment after them."),
    };
    Some((Severity::Warning, text))
}

fn high_change_failure_rate(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let is_high = |rate: &f64| seen.now.dora.changes >= ENOUGH_CHANGES && *rate > HIGH_CHANGE_FAILURE_RATE;
    let rate = seen.now.dora.change_failure_rate.filter(is_high)?;
    Some((Severity::Warning, format!("{rate:.1} % of the changes in production failed or were rolled back.")))
}

fn slow_recovery(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let taken = seen.now.dora.mean_time_to_recovery_minutes.filter(|taken| *taken > SLOW_RECOVERY_MINUTES)?;
    let text =
        format!("Production takes {} on average to recover from a failed change.", spelled(taken * 60.0));
    Some((Severity::Warning, text))
}

fn no_deployments_any_more(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let stopped = seen.now.dora.deployment_frequency == 0.0 && seen.then.dora.deployment_frequency > 0.0;
    let text = "Nothing was deployed to production in this time; before, something was.";
    stopped.then(|| (Severity::Info, text.to_owned()))
}

fn few_tests(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let is_low = |rate: &f64| has_enough(seen.now) && *rate < LOW_TEST_AUTOMATION_RATE;
    let rate = seen.now.test_automation_rate.filter(is_low)?;
    let text =
        format!("{rate:.1} % of the executions have test results. Report them with `reports:` in the jobs.");
    Some((Severity::Info, text))
}

fn coverage_fell(seen: &Seen<'_>) -> Option<(Severity, String)> {
    let (now, then) = (seen.now.average_coverage?, seen.then.average_coverage?);
    let text = || format!("The average coverage fell from {then:.1} % to {now:.1} %.");
    (now - then <= -NOTABLE_COVERAGE_LOSS).then(|| (Severity::Warning, text()))
}

/// A duration in its largest fitting unit.
fn spelled(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s if s < 48.0 * 3_600.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;
    use crate::tally::Tally;

    fn rules(now: Tally, then: Tally) -> Vec<&'static str> {
        let found = insights(&Figures::of(&now, 7), &Figures::of(&then, 7));
        assert!(found.is_sorted_by_key(|insight| insight.severity), "warnings come first");
        found.into_iter().map(|insight| insight.rule).collect()
    }

    /// Executions that took so long each, all with tests.
    fn executions(succeeded: u64, failed: u64, seconds: u64) -> Tally {
        let tested = succeeded + failed;
        let durations = vec![seconds * 1_000; tested as usize];
        Tally {
            succeeded,
            failed,
            tested,
            duration_ms_sum: durations.iter().sum(),
            durations: Histogram::of_day(&durations),
            ..Tally::default()
        }
    }

    #[test]
    fn a_quiet_week_says_only_that_it_was_quiet() {
        assert_eq!(rules(Tally::default(), Tally::default()), ["nothing_finished"]);
        assert_eq!(rules(executions(20, 1, 60), executions(20, 1, 60)), Vec::<&str>::new());
    }

    #[test]
    fn each_rule_tells_from_its_threshold_on() {
        assert_eq!(rules(executions(15, 5, 60), Tally::default()), ["low_success_rate"]);
        assert_eq!(rules(executions(6, 3, 60), Tally::default()), Vec::<&str>::new(), "nine say nothing");
        assert_eq!(rules(executions(90, 10, 60), executions(95, 5, 60)), ["success_rate_fell"]);
        assert_eq!(rules(executions(95, 5, 60), executions(90, 10, 60)), ["success_rate_rose"]);
        assert_eq!(rules(executions(20, 0, 72), executions(20, 0, 60)), ["slower"]);
        assert_eq!(rules(executions(20, 0, 48), executions(20, 0, 60)), ["faster"]);
        let waited = Tally { queue_ms_sum: 1_200_000, started: 20, ..executions(20, 0, 60) };
        assert_eq!(rules(waited, Tally::default()), ["long_queue"]);
        let untested = Tally { tested: 9, ..executions(20, 0, 60) };
        assert_eq!(rules(untested, Tally::default()), ["few_tests"]);
        let covered =
            |hundredths| Tally { coverage_hundredths_sum: hundredths, covered: 1, ..executions(1, 0, 1) };
        assert_eq!(rules(covered(7_800), covered(8_000)), ["coverage_fell"]);
    }

    #[test]
    fn production_speaks_for_itself() {
        let changes = |changes, failed, open, recovery_minutes: u64| Tally {
            changes,
            change_failures: failed,
            recovered: failed - open,
            unrecovered: open,
            recovery_ms_sum: recovery_minutes * 60_000 * (failed - open),
            ..executions(1, 0, 1)
        };
        let none = || executions(1, 0, 1);
        assert_eq!(rules(changes(10, 1, 0, 60), none()), Vec::<&str>::new());
        assert_eq!(rules(changes(10, 2, 0, 60), none()), ["high_change_failure_rate"]);
        assert_eq!(rules(changes(4, 2, 0, 60), none()), Vec::<&str>::new(), "four say nothing");
        assert_eq!(rules(changes(10, 1, 1, 0), none()), ["unrecovered_failures"]);
        assert_eq!(rules(changes(10, 1, 0, 1_441), none()), ["slow_recovery"]);
        assert_eq!(rules(none(), changes(1, 0, 0, 0)), ["no_deployments_any_more"]);
    }
}
