//! What is known of an execution, as far as gates ask.

use serde::{Deserialize, Deserializer, Serialize};

use crate::coverage::Ratio;

/// `passed + failed + skipped == total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestCounts {
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

/// The sum of an execution's reports. None is what no report said anything about.
///
/// As JSON `{"tests": {"total": 3, …}, "lines": {"covered": 8, "total": 10}, …}`. A missing member, `null`, and an
/// object whose members are all `null` (a sum over no rows) read as None.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    #[serde(deserialize_with = "tests", skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCounts>,
    #[serde(deserialize_with = "ratio", skip_serializing_if = "Option::is_none")]
    pub lines: Option<Ratio>,
    #[serde(deserialize_with = "ratio", skip_serializing_if = "Option::is_none")]
    pub branches: Option<Ratio>,
    #[serde(deserialize_with = "ratio", skip_serializing_if = "Option::is_none")]
    pub functions: Option<Ratio>,
}

impl Facts {
    /// Adds what another report of the same execution says. A file that two coverage reports measure counts twice.
    pub fn add(&mut self, other: Self) {
        if let Some(tests) = other.tests {
            self.tests.get_or_insert_default().add(tests);
        }
        let ratios = [
            (&mut self.lines, other.lines),
            (&mut self.branches, other.branches),
            (&mut self.functions, other.functions),
        ];
        for (own, other) in ratios {
            if let Some(other) = other {
                own.get_or_insert_default().add(other);
            }
        }
    }
}

impl TestCounts {
    /// Tests that came to an end, well or not.
    pub const fn ran(self) -> u64 {
        self.total.saturating_sub(self.skipped)
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

/// Numbers as SQL sums them: any may be null.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sums {
    total: Option<u64>,
    covered: Option<u64>,
    passed: Option<u64>,
    failed: Option<u64>,
    skipped: Option<u64>,
}

fn tests<'de, D: Deserializer<'de>>(d: D) -> Result<Option<TestCounts>, D::Error> {
    let sums = Option::<Sums>::deserialize(d)?;
    Ok(sums.and_then(|sums| {
        Some(TestCounts {
            total: sums.total?,
            passed: sums.passed.unwrap_or(0),
            failed: sums.failed.unwrap_or(0),
            skipped: sums.skipped.unwrap_or(0),
        })
    }))
}

fn ratio<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Ratio>, D::Error> {
    let sums = Option::<Sums>::deserialize(d)?;
    Ok(sums.and_then(|sums| Some(Ratio { covered: sums.covered.unwrap_or(0), total: sums.total? })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_add_up_and_what_nobody_said_stays_unknown() {
        let tests = Some(TestCounts { total: 3, passed: 1, failed: 1, skipped: 1 });
        let mut facts = Facts::default();
        facts.add(Facts { tests, ..Facts::default() });
        facts.add(Facts { tests, lines: Some(Ratio { covered: 1, total: 2 }), ..Facts::default() });
        facts.add(Facts { lines: Some(Ratio { covered: 3, total: 4 }), ..Facts::default() });
        assert_eq!(facts.tests, Some(TestCounts { total: 6, passed: 2, failed: 2, skipped: 2 }));
        assert_eq!(facts.lines, Some(Ratio { covered: 4, total: 6 }));
        assert_eq!((facts.branches, facts.functions), (None, None));
    }

    #[test]
    fn facts_read_what_they_write_and_what_a_database_sums() {
        let read = |json: &str| serde_json::from_str::<Facts>(json).unwrap();
        let facts = Facts {
            tests: Some(TestCounts { total: 2, passed: 1, failed: 0, skipped: 1 }),
            branches: Some(Ratio { covered: 0, total: 2 }),
            ..Facts::default()
        };
        let json = serde_json::to_string(&facts).unwrap();
        let written =
            r#"{"tests":{"total":2,"passed":1,"failed":0,"skipped":1},"branches":{"covered":0,"total":2}}"#;
        assert_eq!(json, written);
        assert_eq!(read(&json), facts);
        for nothing in ["{}", r#"{"tests":null,"lines":null}"#, r#"{"tests":{"total":null},"lines":{}}"#] {
            assert_eq!(read(nothing), Facts::default(), "{nothing}");
        }
        assert_eq!(
            read(r#"{"lines":{"total":4,"covered":null}}"#).lines,
            Some(Ratio { covered: 0, total: 4 })
        );
    }
}
