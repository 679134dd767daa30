//! `90s`, `5m`, `1h30m`: lengths of time as people write them.

/// Largest first.
pub(crate) const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Milliseconds of `text`: numbers each with `d`, `h`, `m`, `s` or `ms`, largest unit first, without blanks.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, remaining) = after.split_at(end);
        // Taking from one iterator makes every unit come at most once, and the large ones first.
        let (_, unit_ms) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(*unit_ms)?)?;
        rest = remaining;
    }
    (!text.is_empty()).then_some(total)
}

/// `ms` as [`parse_ms`] reads it.
pub(crate) fn write_ms(ms: i64) -> String {
    let parts = [
        ("d", ms / 86_400_000),
        ("h", ms / 3_600_000 % 24),
        ("m", ms / 60_000 % 60),
        ("s", ms / 1_000 % 60),
        ("ms", ms % 1_000),
    ];
    let text: String = parts.iter().filter(|(_, n)| *n > 0).map(|(unit, n)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{parse_ms, write_ms};

    #[test]
    fn lengths_of_time_read_as_people_write_them() {
        for (text, ms) in [
            ("90s", Some(90_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("1h30m", Some(5_400_000)),
            ("1d", Some(86_400_000)),
            ("250ms", Some(250)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("m", None),
            ("-5m", None),
            ("1.5h", None),
            ("5 m", None),
            ("5M", None),
            ("30m1h", None),
            ("1h1h", None),
            ("5min", None),
            ("99999999999999999999s", None),
            ("9999999999999999d", None),
            ("５m", None),
        ] {
            assert_eq!(parse_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for ms in [0, 1, 1_000, 5_400_000, 86_400_000, 90_061_001] {
            assert_eq!(parse_ms(&write_ms(ms)), Some(ms));
        }
    }
}
