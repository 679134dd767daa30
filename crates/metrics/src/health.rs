//! One number for how the pipelines are: a weighted mean of what is known.

use crate::figures::Figures;

/// From 0 to 100; None where nothing is known. A part without data is left out, and the others weigh more.
///
/// The parts and their weights: success rate 40, changes that did not fail 30, tests that passed 20, coverage 10.
pub fn health_score(figures: &Figures) -> Option<u8> {
    let parts = [
        (40.0, figures.success_rate),
        (30.0, figures.dora.change_failure_rate.map(|rate| 100.0 - rate)),
        (20.0, figures.code_quality_score),
        (10.0, figures.average_coverage),
    ];
    let known = parts.into_iter().filter_map(|(weight, value)| Some((weight, value?)));
    let (weights, sum) =
        known.fold((0.0, 0.0), |(weights, sum), (weight, value)| (weights + weight, sum + weight * value));
    (weights > 0.0).then(|| (sum / weights).round().clamp(0.0, 100.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;

    fn score(tally: &Tally) -> Option<u8> {
        health_score(&Figures::of(tally, 7))
    }

    #[test]
    fn without_data_there_is_no_score() {
        assert_eq!(score(&Tally::default()), None);
        assert_eq!(score(&Tally { cancelled: 9, ..Tally::default() }), None);
    }

    #[test]
    fn the_parts_weigh_as_they_are_documented() {
        let executions = Tally { succeeded: 1, failed: 1, ..Tally::default() };
        assert_eq!(score(&executions), Some(50), "alone, the success rate is all");
        let changes = Tally { changes: 4, change_failures: 1, unrecovered: 1, ..executions };
        assert_eq!(score(&changes), Some(61), "(40 × 50 + 30 × 75) / 70");
        let tests = Tally { tests_passed: 9, tests_failed: 1, tested: 1, ..changes };
        assert_eq!(score(&tests), Some(67), "(40 × 50 + 30 × 75 + 20 × 90) / 90");
        let all = Tally { coverage_hundredths_sum: 8_000, covered: 1, ..tests };
        assert_eq!(score(&all), Some(69), "(40 × 50 + 30 × 75 + 20 × 90 + 10 × 80) / 100");
    }
}
