//! How durations are distributed, in a size that does not grow with their number.

use serde::{Deserialize, Serialize};

/// A day keeps so many different values as they are; beyond, it keeps buckets of them.
const EXACT_VALUES: usize = 256;
/// Buckets in each power of two; half of one is the largest error: 1/128.
const FINENESS: u32 = 64;
/// Longer ones count as this long: 400 days.
const LONGEST_MS: u64 = 400 * 86_400_000;

/// Counts of durations in milliseconds, by value. Where they are buckets, the middle of each stands for all in it: a
/// bucket is at most 1/64 as wide as what it holds is long, so that is never off by more than 0.79 %.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct Histogram {
    /// Value and count, in the order of values, each once.
    counts: Vec<(u64, u64)>,
}

/// Value, count, value, count, …
impl From<Histogram> for Vec<u64> {
    fn from(histogram: Histogram) -> Self {
        histogram.counts.into_iter().flat_map(|(value, count)| [value, count]).collect()
    }
}

impl From<Vec<u64>> for Histogram {
    fn from(flat: Vec<u64>) -> Self {
        let pairs = flat.chunks_exact(2).filter_map(|pair| match pair {
            [value, count] => Some((*value, *count)),
            _ => None,
        });
        Self::grouped(pairs.collect())
    }
}

/// The middle of the bucket that the value lies in; below 128 ms that is the value itself.
fn middle_ms(ms: u64) -> u64 {
    let ms = ms.min(LONGEST_MS);
    let shift = (u64::BITS - ms.leading_zeros()).saturating_sub(FINENESS.ilog2() + 1);
    let width = 1_u64 << shift;
    (ms >> shift << shift) + (width - 1) / 2
}

impl Histogram {
    /// Of one day's values: exact, or in buckets where there are too many different ones.
    pub fn of_day(values: &[u64]) -> Self {
        let exact = Self::grouped(values.iter().map(|ms| (*ms, 1)).collect());
        if exact.counts.len() <= EXACT_VALUES {
            return exact;
        }
        Self::grouped(exact.counts.into_iter().map(|(ms, count)| (middle_ms(ms), count)).collect())
    }

    fn grouped(mut pairs: Vec<(u64, u64)>) -> Self {
        pairs.sort_unstable();
        let mut counts: Vec<(u64, u64)> = Vec::with_capacity(pairs.len());
        for (value, count) in pairs {
            match counts.last_mut() {
                Some((last, sum)) if *last == value => *sum += count,
                _ => counts.push((value, count)),
            }
        }
        Self { counts }
    }

    /// All of them together.
    pub fn sum<'a>(histograms: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::grouped(histograms.into_iter().flat_map(|h| h.counts.iter().copied()).collect())
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// The value at `rank`, from 1 in the order of length.
    fn at(&self, rank: u64) -> Option<f64> {
        let mut seen = 0;
        let mut counts = self.counts.iter();
        let found = counts.find(|(_, count)| {
            seen += *count;
            seen >= rank
        });
        found.map(|(value, _)| *value as f64)
    }

    /// The middle one, or the mean of the two in the middle.
    pub fn median_ms(&self) -> Option<f64> {
        let count = self.count();
        let (lower, upper) = (self.at(count.div_ceil(2))?, self.at(count / 2 + 1)?);
        Some(f64::midpoint(lower, upper))
    }

    /// The shortest that at least `percent` of all are not longer than.
    pub fn percentile_ms(&self, percent: u64) -> Option<f64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        self.at(rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_never_off_by_more_than_a_128th() {
        let mut ms = 0_u64;
        while ms < LONGEST_MS {
            let error = middle_ms(ms).abs_diff(ms);
            assert!(error * 128 <= ms, "{ms}: {error}");
            assert_eq!(middle_ms(middle_ms(ms)), middle_ms(ms), "a middle stays where it is");
            ms += 1 + ms / 1_000;
        }
    }

    #[test]
    fn a_day_has_a_bounded_size_however_much_happens_on_it() {
        let values: Vec<u64> = (0..2_000_000).map(|n| n * n % 40_000_000_000).collect();
        let crowded = Histogram::of_day(&values);
        assert_eq!(crowded.count(), 2_000_000);
        assert!(crowded.counts.len() < 2_000, "{} buckets", crowded.counts.len());
        assert!(middle_ms(u64::MAX) <= LONGEST_MS + LONGEST_MS / 64);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let histogram = Histogram::of_day(&[90_001, 0, 1, u64::MAX, 1]);
        let text = serde_json::to_string(&histogram).unwrap();
        assert_eq!(text, format!("[0,1,1,2,90001,1,{},1]", u64::MAX));
        assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), histogram);
    }

    #[test]
    fn medians_and_percentiles_are_those_of_the_sorted_values() {
        let of = |values: &[u64]| {
            let histogram = Histogram::of_day(values);
            (histogram.median_ms(), histogram.percentile_ms(95))
        };
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[7_001]), (Some(7_001.0), Some(7_001.0)));
        assert_eq!(of(&[100_001, 2, 3, 1]), (Some(2.5), Some(100_001.0)));
        assert_eq!(of(&(1..=100).collect::<Vec<_>>()), (Some(50.5), Some(95.0)));
    }

    #[test]
    fn a_sum_is_that_of_all_values_in_whatever_order() {
        let days = [Histogram::of_day(&[5, 900]), Histogram::of_day(&[900, 1]), Histogram::default()];
        let sum = Histogram::sum(&days);
        assert_eq!(sum, Histogram::of_day(&[1, 5, 900, 900]));
        assert_eq!(Histogram::sum(days.iter().rev()), sum);
    }
}
