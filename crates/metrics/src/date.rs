//! A day of the calendar, in UTC.

use std::str::FromStr;

use penstock_domain::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01; spelled `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date(i64);

/// What is not spelled as a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadDate(String);

impl Date {
    /// The day that the moment lies in.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(DAY_MS))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY_MS))
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        self.plus_days(1).start()
    }

    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.start().to_string();
        f.write_str(text.split('T').next().unwrap_or_default())
    }
}

impl std::fmt::Display for BadDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is not a day; write it as YYYY-MM-DD", self.0)
    }
}

impl std::error::Error for BadDate {}

impl FromStr for Date {
    type Err = BadDate;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadDate(text.to_owned());
        let start: Timestamp = format!("{text}T00:00:00.000Z").parse().map_err(|_| bad())?;
        let date = Self::of(start);
        if date.to_string() == text { Ok(date) } else { Err(bad()) }
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lasts_from_midnight_to_midnight() {
        let day: Date = "2024-02-29".parse().unwrap();
        assert_eq!(day.start().to_string(), "2024-02-29T00:00:00.000Z");
        assert_eq!(day.end().to_string(), "2024-03-01T00:00:00.000Z");
        assert_eq!(Date::of(day.end().plus_ms(-1)), day);
        assert_eq!(Date::of(day.end()), day.plus_days(1));
        assert_eq!(Date::of(Timestamp::from_millis(-1)).to_string(), "1969-12-31");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for bad in ["", "2023-02-29", "2024-1-1", "yesterday", "2024-01-01T00:00:00Z", "12024-01-01"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }
}
