//! What the machine can do without us: a durable insert, a shell.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::report::percentile;

pub struct Limits {
    pub inserts_per_second: f64,
    pub insert_p50_ms: f64,
    pub shell_ms: f64,
}

const INSERTS: u32 = 3_000;
const SHELLS: u32 = 300;

pub fn measure() -> Result<Limits> {
    let (inserts_per_second, insert_p50_ms) = inserts()?;
    let started = Instant::now();
    for _ in 0..SHELLS {
        Command::new("sh").args(["-c", ":"]).status()?;
    }
    let shell_ms = started.elapsed().as_secs_f64() * 1000.0 / f64::from(SHELLS);
    Ok(Limits { inserts_per_second, insert_p50_ms, shell_ms })
}

/// One row at a time, each synced to the disk before the next: the journal mode and level of the server.
fn inserts() -> Result<(f64, f64)> {
    let folder = std::env::temp_dir().join(format!("penstock-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let db = rusqlite::Connection::open(folder.join("bare.db"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch("CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT) STRICT")?;
    let mut statement = db.prepare("INSERT INTO t VALUES (?1, ?2)")?;
    let body = "x".repeat(1_000);
    let mut samples = vec![];
    let started = Instant::now();
    for n in 0..INSERTS {
        let one = Instant::now();
        statement.execute((n.to_string(), &body))?;
        samples.push(one.elapsed().as_secs_f64() * 1000.0);
    }
    let rate = f64::from(INSERTS) / started.elapsed().as_secs_f64();
    drop(statement);
    drop(db);
    std::fs::remove_dir_all(&folder)?;
    Ok((rate, percentile(&mut samples, 0.5)))
}
