//! Versions have no gaps, what was decided on an older state is refused, and executions are numbered without gaps.

use std::collections::BTreeMap;

use super::Entry;
use crate::world::World;

#[derive(Debug, Default)]
pub struct Versions {
    subjects: BTreeMap<String, i64>,
    numbers: BTreeMap<String, i64>,
}

impl Versions {
    pub fn check(&mut self, world: &World, entry: &Entry) -> Result<(), String> {
        self.step(&entry.subject, entry.expect)?;
        for guard in entry.change["guards"].as_array().into_iter().flatten() {
            let subject = guard["subject"].as_str().unwrap_or_default();
            self.step(subject, guard["expect"].as_i64().unwrap_or(-1))?;
        }
        let subjects =
            world.database.look("SELECT version FROM subjects WHERE subject = ?1", [&entry.subject]);
        let kept = subjects.first().and_then(|r| r.integer(0).ok());
        if kept != self.subjects.get(&entry.subject).copied() {
            return Err(format!("{} is kept at version {kept:?}", entry.subject));
        }
        for created in entry.change["created"]["executions"].as_array().into_iter().flatten() {
            let pipeline = created["pipeline_id"].as_str().unwrap_or_default().to_owned();
            let number = created["execution_number"].as_i64().unwrap_or(-1);
            let last = self.numbers.entry(pipeline).or_insert(0);
            if number != *last + 1 {
                return Err(format!("execution #{number} follows #{last}"));
            }
            *last = number;
        }
        Ok(())
    }

    fn step(&mut self, subject: &str, expect: i64) -> Result<(), String> {
        let version = self.subjects.entry(subject.to_owned()).or_insert(0);
        if *version != expect {
            return Err(format!(
                "{subject} is at version {version}, and was changed as if it were at {expect}"
            ));
        }
        *version += 1;
        Ok(())
    }
}
