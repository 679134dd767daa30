//! A range against the one before it.

use serde::Serialize;

use crate::figures::{Figures, rounded};

/// One figure then and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The figure's name, as it is spelled in the summary.
    pub metric: &'static str,
    pub current: Option<f64>,
    pub previous: Option<f64>,
    /// Of the previous value; None where there is none, or it is 0.
    pub change_percent: Option<f64>,
    /// None where one of the two has no data, and for what is neither good nor bad.
    pub verdict: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Better,
    Worse,
    Same,
}

/// Which way a figure should go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Good {
    Up,
    Down,
    Either,
}

type Read = fn(&Figures) -> Option<f64>;

const COMPARED: [(&str, Good, Read); 11] = [
    ("total_executions", Good::Either, |f| Some(f.total_executions as f64)),
    ("success_rate", Good::Up, |f| f.success_rate),
    ("average_duration_seconds", Good::Down, |f| f.average_duration_seconds),
    ("queue_time_seconds", Good::Down, |f| f.queue_time_seconds),
    ("test_automation_rate", Good::Up, |f| f.test_automation_rate),
    ("average_coverage", Good::Up, |f| f.average_coverage),
    ("code_quality_score", Good::Up, |f| f.code_quality_score),
    ("deployment_frequency", Good::Up, |f| Some(f.dora.deployment_frequency)),
    ("lead_time_for_changes_minutes", Good::Down, |f| f.dora.lead_time_for_changes_minutes),
    ("change_failure_rate", Good::Down, |f| f.dora.change_failure_rate),
    ("mean_time_to_recovery_minutes", Good::Down, |f| f.dora.mean_time_to_recovery_minutes),
];

/// Every figure that can be compared, in a fixed order.
pub(crate) fn compare(current: &Figures, previous: &Figures) -> Vec<Comparison> {
    let one = |(metric, good, read): (&'static str, Good, Read)| {
        let (now, then) = (read(current), read(previous));
        Comparison {
            metric,
            current: now,
            previous: then,
            change_percent: change_percent(now, then),
            verdict: verdict(good, now, then),
        }
    };
    COMPARED.into_iter().map(one).collect()
}

pub(crate) fn change_percent(now: Option<f64>, then: Option<f64>) -> Option<f64> {
    let (now, then) = (now?, then.filter(|value| *value > 0.0)?);
    Some(rounded((now - then) / then * 100.0, 2))
}

fn verdict(good: Good, now: Option<f64>, then: Option<f64>) -> Option<Verdict> {
    let (now, then) = (now?, then?);
    match good {
        Good::Either => None,
        // The figures are rounded: what is shown as equal is equal.
        _ if now == then => Some(Verdict::Same),
        Good::Up => Some(if now > then { Verdict::Better } else { Verdict::Worse }),
        Good::Down => Some(if now < then { Verdict::Better } else { Verdict::Worse }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_something_to_be_compared_with() {
        assert_eq!(change_percent(Some(15.0), Some(10.0)), Some(50.0));
        assert_eq!(change_percent(Some(0.0), Some(10.0)), Some(-100.0));
        for (now, then) in [(None, Some(1.0)), (Some(1.0), None), (Some(1.0), Some(0.0))] {
            assert_eq!(change_percent(now, then), None);
        }
    }

    #[test]
    fn longer_is_worse_and_more_often_is_better() {
        assert_eq!(verdict(Good::Down, Some(2.0), Some(1.0)), Some(Verdict::Worse));
        assert_eq!(verdict(Good::Up, Some(2.0), Some(1.0)), Some(Verdict::Better));
        assert_eq!(verdict(Good::Up, Some(1.0), Some(1.0)), Some(Verdict::Same));
        assert_eq!(verdict(Good::Either, Some(2.0), Some(1.0)), None);
        assert_eq!(verdict(Good::Down, Some(2.0), None), None);
    }
}
