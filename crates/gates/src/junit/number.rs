//! Numbers as tools write them, in the manner of whatever country the machine believed to be in.

/// Milliseconds of a thousand years: what is longer was never measured.
const MAX_MS: f64 = 3.2e13;

/// Seconds to whole milliseconds; None for what is no length of time.
pub(super) fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim().trim_end_matches('s');
    let is_number = value.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let seconds: f64 = if is_number { plain(value).parse().ok()? } else { return None };
    let ms = (seconds * 1000.0).round();
    // Checked just before: finite, not negative, and far below what a u64 holds.
    (0.0..=MAX_MS).contains(&ms).then_some(ms as u64)
}

/// With a point before the decimals, and nothing between the thousands. A comma beside a point, or with exactly three
/// digits behind it and more than a zero before it, parts thousands.
fn plain(value: &str) -> String {
    let parts_thousands = value.contains('.')
        || value.matches(',').count() > 1
        || value.split_once(',').is_some_and(|(before, after)| after.len() == 3 && before != "0");
    value.replace(',', if parts_thousands { "" } else { "." })
}

/// A count of tests; 0 for what is none.
pub(super) fn count(value: &str) -> u64 {
    value.trim().replace(',', "").parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written_in_different_countries() {
        for (written, ms) in [
            ("1.5", Some(1_500)),
            ("0", Some(0)),
            ("1,234.5", Some(1_234_500)),
            ("1,234,567.8", Some(1_234_567_800)),
            ("1,234", Some(1_234_000)),
            ("0,123", Some(123)),
            ("12,5", Some(12_500)),
            (".25", Some(250)),
            ("1.4e-05", Some(0)),
            ("4.50611114501953e-05", Some(0)),
            ("0.012s", Some(12)),
            ("", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("<<computed>>", None),
            ("1e300", None),
            ("99999999999999", None),
        ] {
            assert_eq!(milliseconds(written), ms, "{written}");
        }
        assert_eq!((count("1,204"), count(" 7 "), count("-1"), count("many")), (1_204, 7, 0, 0));
    }
}
