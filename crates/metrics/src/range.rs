//! The time ranges that can be asked for, and the days that they are made of.

use std::str::FromStr;

use penstock_domain::{Timestamp, UnknownWord};
use serde::{Deserialize, Serialize};

use crate::date::Date;

const HOUR_MS: i64 = 3_600_000;

/// A closed list: what is asked for is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeRange {
    #[serde(rename = "24h")]
    Hours24,
    #[serde(rename = "7d")]
    Days7,
    #[serde(rename = "30d")]
    Days30,
    #[serde(rename = "90d")]
    Days90,
}

/// From a moment up to another, which is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// The part of a window that lies in one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    pub date: Date,
    pub window: Window,
}

impl TimeRange {
    pub const ALL: [Self; 4] = [Self::Hours24, Self::Days7, Self::Days30, Self::Days90];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hours24 => "24h",
            Self::Days7 => "7d",
            Self::Days30 => "30d",
            Self::Days90 => "90d",
        }
    }

    /// Its length, which rates per day are divided by.
    pub const fn days(self) -> u32 {
        match self {
            Self::Hours24 => 1,
            Self::Days7 => 7,
            Self::Days30 => 30,
            Self::Days90 => 90,
        }
    }

    /// The last 24 hours; or today so far with the whole days before it, as many as the range names together.
    pub fn window(self, now: Timestamp) -> Window {
        let from = match self {
            Self::Hours24 => now.plus_ms(-24 * HOUR_MS),
            _ => Date::of(now).plus_days(1 - i64::from(self.days())).start(),
        };
        Window { from, to: now }
    }

    /// The window before, up to the same time of its last day: as long as [`TimeRange::window`], to compare with.
    pub fn previous(self, now: Timestamp) -> Window {
        self.window(now.plus_ms(-24 * HOUR_MS * i64::from(self.days())))
    }
}

impl std::fmt::Display for TimeRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TimeRange {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|range| range.as_str() == word).ok_or_else(|| UnknownWord {
            list: "time range",
            word: word.to_owned(),
            allowed: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}

impl Window {
    /// Its days, oldest first. A window from [`TimeRange`] has at most 90.
    pub fn slices(self) -> Vec<Slice> {
        let mut found = vec![];
        let mut from = self.from;
        while from < self.to {
            let date = Date::of(from);
            let to = date.end().min(self.to);
            found.push(Slice { date, window: Self { from, to } });
            // The calendar's last day has no end that can be written.
            if to <= from {
                break;
            }
            from = to;
        }
        found
    }
}

impl Slice {
    /// Whether it is all of its day.
    pub fn is_whole(self) -> bool {
        self.window.from == self.date.start() && self.window.to == self.date.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_is_today_so_far_and_the_whole_days_before() {
        let now = at("2024-03-03T10:30:00.000Z");
        let slices = TimeRange::Days7.window(now).slices();
        let dates: Vec<_> = slices.iter().map(|s| s.date.to_string()).collect();
        assert_eq!((dates.len(), dates[0].as_str(), dates[6].as_str()), (7, "2024-02-26", "2024-03-03"));
        assert_eq!(slices.iter().filter(|s| s.is_whole()).count(), 6);
        let before = TimeRange::Days7.previous(now);
        assert_eq!((before.from, before.to), (at("2024-02-19T00:00:00Z"), at("2024-02-25T10:30:00Z")));
    }

    #[test]
    fn the_last_24_hours_are_two_parts_of_days() {
        let window = TimeRange::Hours24.window(at("2024-03-01T10:30:00.000Z"));
        let slices = window.slices();
        assert_eq!(slices.len(), 2);
        assert_eq!(slices[0].window.to, slices[1].window.from);
        assert!(slices.iter().all(|slice| !slice.is_whole()));
        let previous = TimeRange::Hours24.previous(at("2024-03-01T10:30:00.000Z"));
        assert_eq!(previous.to, window.from);
    }

    #[test]
    fn at_midnight_the_day_that_begins_has_nothing_yet() {
        let slices = TimeRange::Days7.window(at("2024-03-03T00:00:00.000Z")).slices();
        assert_eq!((slices.len(), slices.iter().all(|slice| slice.is_whole())), (6, true));
    }

    #[test]
    fn a_clock_beyond_the_calendar_ends_too() {
        for now in [i64::MIN, i64::MAX] {
            assert!(TimeRange::Days90.window(Timestamp::from_millis(now)).slices().len() <= 91);
        }
    }

    #[test]
    fn only_the_four_ranges_are_known() {
        for range in TimeRange::ALL {
            assert_eq!(range.as_str().parse(), Ok(range));
        }
        for bad in ["", "1y", "7D", "-7d", "7 d", "999999999999999d"] {
            assert_eq!(bad.parse::<TimeRange>().unwrap_err().allowed, "24h, 7d, 30d, 90d");
        }
    }
}
