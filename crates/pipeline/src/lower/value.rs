//! Single values of a kind: flags, numbers, lengths of time.
//!
//! Every reader gives the value, or says what is wrong and gives None.

use super::read::{At, Reader};
use crate::diagnostic::code;
use crate::duration::{parse_ms, write_ms};
use crate::limits::{MAX_TIMEOUT_MS, MIN_TIMEOUT_MS};
use crate::template::has_expressions;
use crate::tree::{Scalar, shown};

impl Reader<'_> {
    pub fn flag(&mut self, at: &At<'_>, what: &str) -> Option<bool> {
        let flag = at.scalar().and_then(Scalar::flag);
        if flag.is_none() {
            let is_filled_in = at.scalar().is_some_and(|scalar| has_expressions(&scalar.text));
            let hint = match (is_filled_in, what) {
                (true, "`enabled`") => "write it as `if`: nothing is filled in here",
                (true, _) => "nothing is filled in here; write `true` or `false`",
                (false, _) => "write `true` or `false`, without quotes",
            };
            self.error(at, code::WRONG_TYPE, format!("{what} has to be true or false")).hint(hint);
        }
        flag
    }

    pub fn count(&mut self, at: &At<'_>, what: &str, min: u32, max: u32) -> Option<u32> {
        let n = self.whole(at, what, i64::from(min), i64::from(max))?;
        u32::try_from(n).ok()
    }

    /// A whole number that may be negative.
    pub fn integer(&mut self, at: &At<'_>, what: &str, min: i32, max: i32) -> Option<i32> {
        let n = self.whole(at, what, i64::from(min), i64::from(max))?;
        i32::try_from(n).ok()
    }

    fn whole(&mut self, at: &At<'_>, what: &str, min: i64, max: i64) -> Option<i64> {
        match at.scalar().and_then(Scalar::whole) {
            Some(n) if (min..=max).contains(&n) => return Some(n),
            Some(n) => {
                let message = format!("{what} has to be from {min} to {max}, and this is {n}");
                self.error(at, code::OUT_OF_RANGE, message).done();
            }
            None => self.wrong_type(at, what, &format!("a whole number from {min} to {max}")).done(),
        }
        None
    }

    pub fn factor(&mut self, at: &At<'_>, what: &str, max: f64) -> Option<f64> {
        self.number(at, what, 1.0, max)
    }

    pub fn number(&mut self, at: &At<'_>, what: &str, min: f64, max: f64) -> Option<f64> {
        match at.scalar().and_then(Scalar::number) {
            Some(n) if (min..=max).contains(&n) => return Some(n),
            Some(_) => {
                self.error(at, code::OUT_OF_RANGE, format!("{what} has to be from {min} to {max}")).done();
            }
            None => {
                let percent = at.scalar().is_some_and(|scalar| scalar.text.ends_with('%'));
                let hint = percent.then(|| "leave the `%` out".to_owned());
                self.wrong_type(at, what, &format!("a number from {min} to {max}")).hint_if_any(hint);
            }
        }
        None
    }

    pub fn timeout_ms(&mut self, at: Option<At<'_>>) -> Option<i64> {
        self.duration_ms(&at?, "`timeout`", MIN_TIMEOUT_MS, MAX_TIMEOUT_MS)
    }

    pub fn duration_ms(&mut self, at: &At<'_>, what: &str, min: i64, max: i64) -> Option<i64> {
        let text = self.literal(at, what)?;
        let Some(ms) = parse_ms(text) else {
            let hint = match text.parse::<u32>() {
                Ok(n) => format!("say of what: `{n}s` or `{n}m`"),
                Err(_) => "write it like `90s`, `5m`, `2h` or `1h30m`".to_owned(),
            };
            self.error(at, code::BAD_DURATION, format!("{what} is no length of time: `{}`", shown(text)))
                .hint(hint);
            return None;
        };
        if (min..=max).contains(&ms) {
            return Some(ms);
        }
        let message = format!(
            "{what} has to be from {} to {}, and this is {}",
            write_ms(min),
            write_ms(max),
            write_ms(ms)
        );
        self.error(at, code::OUT_OF_RANGE, message).done();
        None
    }
}
