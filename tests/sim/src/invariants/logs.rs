//! Log lines are kept once each, in their order, without gaps.

use std::collections::BTreeMap;

use crate::world::World;

pub fn check(world: &World) -> Result<(), String> {
    let sql = "SELECT job_id, attempt, first_seq, last_seq, lines FROM log_chunks ORDER BY id";
    let mut kept: BTreeMap<(String, u32), Vec<String>> = BTreeMap::new();
    for row in &world.database.look(sql, []) {
        let key = (row.text(0).unwrap_or_default().to_owned(), row.unsigned(1).unwrap_or(0));
        let lines: serde_json::Value = row.json(4).unwrap_or_default();
        let of_attempt = kept.entry(key.clone()).or_default();
        let next = i64::try_from(of_attempt.len()).unwrap_or(0) + 1;
        if row.integer(2) != Ok(next) {
            return Err(format!("log of {key:?}: line {next} is missing, or there twice"));
        }
        let texts = lines.as_array().into_iter().flatten();
        of_attempt.extend(texts.map(|l| l["text"].as_str().unwrap_or_default().to_owned()));
        if row.integer(3) != Ok(i64::try_from(of_attempt.len()).unwrap_or(0)) {
            return Err(format!("log of {key:?}: a chunk says that it ends elsewhere"));
        }
    }
    for ((job, attempt), lines) in &world.facts.borrow().lines {
        let found = kept.get(&(job.to_string(), *attempt)).map_or(&[][..], Vec::as_slice);
        if !found.starts_with(lines) {
            return Err(format!(
                "log of {job} attempt {attempt}: {lines:?} was taken, and {found:?} is kept"
            ));
        }
    }
    Ok(())
}
