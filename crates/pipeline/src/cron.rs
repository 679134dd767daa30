//! Cron expressions of five fields: which minutes of a wall clock they mean.
//!
//! Written here because what there is brings a second calendar and its clock into every component, for a hundred
//! lines. The words are Vixie's: `*`, `a`, `a-b`, `a,b`, `*/n` and `a-b/n`, names of months and days; where both the
//! day of the month and the day of the week are said (neither begins with `*`), either is enough.

use jiff::civil::{Date, DateTime};
use thiserror::Error;

use crate::limits::MAX_CRON_CHARS;
use crate::tree::shown;

/// The minutes that a cron expression means; a bit for each number of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 0.
    weekdays: u64,
    /// Both days are said: either is enough.
    either_day: bool,
}

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum BadCron {
    #[error("a cron expression can have at most {MAX_CRON_CHARS} characters")]
    TooLong,
    #[error(
        "a cron expression has five fields (minute, hour, day of the month, month, day of the week), and this has {0}"
    )]
    Fields(usize),
    #[error("`{text}` is no {field} of a cron expression, which is from {min} to {max}")]
    Field { text: String, field: &'static str, min: u32, max: u32 },
    #[error("`{text}` is once only, at {min}: the {field} of a cron expression is from {min} to {max}")]
    Step { text: String, field: &'static str, min: u32, max: u32 },
    #[error("there is never such a day")]
    Never,
}

impl BadCron {
    /// What was meant by the words of a field, where that is known.
    pub fn meant(&self) -> Option<String> {
        let Self::Field { text, field, .. } = self else { return None };
        let words = [MONTH, WEEKDAY].into_iter().find(|known| known.name == *field)?.words;
        let long = text.split(|c: char| !c.is_ascii_alphabetic()).find(|part| part.len() > SHORT_WORD)?;
        let short = long.get(..SHORT_WORD)?.to_ascii_lowercase();
        let word = words.iter().find(|word| **word == short)?;
        Some(text.replace(long, word))
    }
}

/// Letters of the words for months and days.
const SHORT_WORD: usize = 3;

struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// What the numbers are called, from `min` on.
    words: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", min: 0, max: 59, words: &[] };
const HOUR: Field = Field { name: "hour", min: 0, max: 23, words: &[] };
const DAY: Field = Field { name: "day of the month", min: 1, max: 31, words: &[] };
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is 7, too.
const WEEKDAY: Field = Field {
    name: "day of the week",
    min: 0,
    max: 7,
    words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// The longest time without a 29th of February is eight years, around 2100.
const MAX_DAYS: u32 = 9 * 366;

impl Cron {
    /// # Errors
    /// [`BadCron`]: the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, BadCron> {
        if text.chars().count() > MAX_CRON_CHARS {
            return Err(BadCron::TooLong);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(BadCron::Fields(fields.len()));
        };
        let weekdays = WEEKDAY.parse(weekday)?;
        let cron = Self {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        let never = cron.next(DateTime::constant(2024, 1, 1, 0, 0, 0, 0)).is_none();
        if never { Err(BadCron::Never) } else { Ok(cron) }
    }

    /// All that is wrong with what somebody writes; more than what can't be read at all.
    ///
    /// # Errors
    /// In the order of the text.
    pub fn check(text: &str) -> Result<(), Vec<BadCron>> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let known = [MINUTE, HOUR, DAY, MONTH, WEEKDAY];
        let mut wrong: Vec<BadCron> = vec![];
        if fields.len() == known.len() {
            for (field, text) in known.iter().zip(fields) {
                wrong.extend(field.parse(text).err().or_else(|| field.oversteps(text)));
            }
        }
        if wrong.is_empty() {
            wrong.extend(Self::parse(text).err());
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The first minute after the one of `after`.
    pub fn next(&self, after: DateTime) -> Option<DateTime> {
        let mut date = after.date();
        let mut minute_of_day =
            u32::try_from(after.hour()).ok()? * 60 + u32::try_from(after.minute()).ok()? + 1;
        for _ in 0..MAX_DAYS {
            if let Some(found) = self.minute_from(minute_of_day).filter(|_| self.is_day(date)) {
                let narrow = |n: u32| i8::try_from(n).ok();
                return Some(date.at(narrow(found / 60)?, narrow(found % 60)?, 0, 0));
            }
            date = date.tomorrow().ok()?;
            minute_of_day = 0;
        }
        None
    }

    /// The first minute of a day, counted from its beginning, that is not before `minute`.
    fn minute_from(&self, minute: u32) -> Option<u32> {
        (minute..24 * 60).find(|minute| has(self.hours, minute / 60) && has(self.minutes, minute % 60))
    }

    fn is_day(&self, date: Date) -> bool {
        let of = |n: i8| u32::try_from(n).unwrap_or_default();
        let day = has(self.days, of(date.day()));
        let weekday = has(self.weekdays, of(date.weekday().to_sunday_zero_offset()));
        has(self.months, of(date.month())) && if self.either_day { day || weekday } else { day && weekday }
    }
}

fn has(bits: u64, number: u32) -> bool {
    bits >> number & 1 == 1
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, BadCron> {
        let wrong = || BadCron::Field { text: shown(text), field: self.name, min: self.min, max: self.max };
        text.split(',').try_fold(0, |bits, part| Some(bits | self.part(part)?)).ok_or_else(wrong)
    }

    /// `*/90` of minutes is every hour, and nobody means that.
    fn oversteps(&self, text: &str) -> Option<BadCron> {
        let Self { name, min, max, .. } = *self;
        let part = text.split(',').find(|part| {
            let step = part.strip_prefix("*/").and_then(|step| step.parse::<u32>().ok());
            step.is_some_and(|step| step > max - min + 1)
        })?;
        Some(BadCron::Step { text: shown(part), field: name, min, max })
    }

    /// `*`, `a`, `a-b`, each of the first and the last with `/n` behind it.
    fn part(&self, text: &str) -> Option<u64> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (text, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max),
            Some((first, last)) => (self.number(first)?, self.last(last)?),
            // From which number on would `5/10` be counted, and up to which?
            None if step == 1 => (self.number(range)?, self.number(range)?),
            None => return None,
        };
        let numbers = (first..=last).step_by(usize::try_from(step).ok()?);
        (first <= last).then(|| numbers.fold(0, |bits, number| bits | 1 << number))
    }

    /// The end of a range: `fri-sun` ends with the week.
    fn last(&self, text: &str) -> Option<u32> {
        let number = self.number(text)?;
        Some(if number == 0 && self.name == WEEKDAY.name { self.max } else { number })
    }

    fn number(&self, text: &str) -> Option<u32> {
        let named = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        if let Some(named) = named {
            return Some(self.min + u32::try_from(named).ok()?);
        }
        let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        text.parse().ok().filter(|number| plain && (self.min..=self.max).contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_few(cron: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron).unwrap();
        let mut last: DateTime = after.parse().unwrap();
        let mut times = vec![];
        for _ in 0..count {
            last = cron.next(last).unwrap();
            times.push(last.strftime("%Y-%m-%dT%H:%M").to_string());
        }
        times
    }

    #[test]
    fn each_form_of_a_field_means_its_numbers() {
        for (field, numbers) in [
            ("*", vec![0, 1, 2, 3, 4, 5, 6, 7]),
            ("1-3", vec![1, 2, 3]),
            ("mon-WED,5", vec![1, 2, 3, 5]),
            ("*/2", vec![0, 2, 4, 6]),
            ("1-5/2", vec![1, 3, 5]),
            ("fri-sun", vec![5, 6, 7]),
            ("7", vec![7]),
        ] {
            let bits = numbers.iter().fold(0_u64, |bits, number| bits | 1 << number);
            assert_eq!(WEEKDAY.parse(field), Ok(bits), "{field}");
        }
        for field in
            ["", "8", "-1", "1-", "3-1", "*/0", "1/2", "a", "1,,2", "+1", "1 ", "L", "2#1", "?", "９"]
        {
            assert!(WEEKDAY.parse(field).is_err(), "{field}");
        }
    }

    #[test]
    fn either_day_is_enough_where_both_are_said() {
        assert_eq!(
            next_few("0 12 13 * fri", "2026-02-12T12:00:00", 3),
            ["2026-02-13T12:00", "2026-02-20T12:00", "2026-02-27T12:00"]
        );
        assert_eq!(next_few("0 12 13 * *", "2026-02-13T12:00:00", 1), ["2026-03-13T12:00"]);
        assert_eq!(next_few("0 0 * * 0", "2026-02-13T12:00:00", 2), ["2026-02-15T00:00", "2026-02-22T00:00"]);
    }

    #[test]
    fn the_next_minute_may_be_years_away() {
        assert_eq!(next_few("59 23 29 2 *", "2096-02-29T23:59:00", 1), ["2104-02-29T23:59"]);
        assert_eq!(
            next_few("0 0 31 * *", "2026-03-31T00:00:00", 2),
            ["2026-05-31T00:00", "2026-07-31T00:00"]
        );
        assert_eq!(Cron::parse("0 0 31 2,4,6 *"), Err(BadCron::Never));
        assert_eq!(Cron::parse("* * * * *").unwrap().next(DateTime::MAX), None);
    }
}
