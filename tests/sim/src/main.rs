//! Runs seeds, on two threads, and tells what they came to. A seed that fails is made smaller and shown.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use penstock_sim::scenario::render;
use penstock_sim::{Input, run, shrink};

const HELP: &str = "\
Usage: cargo xtask sim [--seeds N] [--from SEED] [--trace] [--keep-going]

  --seeds N      so many seeds, one after the other (300)
  --from SEED    the first of them; without it, one that the time decides
  --trace        shows what happens in each of them
  --keep-going   does not end with the first violation
";

/// As many seeds at once.
const THREADS: usize = 2;

struct Wanted {
    seeds: u64,
    from: u64,
    is_traced: bool,
    keeps_going: bool,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted { seeds: 300, from: fresh(), is_traced: false, keeps_going: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().ok_or_else(|| format!("{argument} needs a number\n\n{HELP}"))?;
            text.parse::<u64>().map_err(|_| format!("`{text}` is no number\n\n{HELP}"))
        };
        match argument.as_str() {
            "--seeds" => wanted.seeds = number()?,
            "--from" => wanted.from = number()?,
            "--trace" => wanted.is_traced = true,
            "--keep-going" => wanted.keeps_going = true,
            _ => return Err(HELP.to_owned()),
        }
    }
    Ok(wanted)
}

/// A base that nobody has tried yet; it is told, so that it can be tried again.
#[expect(clippy::disallowed_methods, reason = "the one number that no seed decides")]
fn fresh() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |since| since.as_secs())
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(help) => {
            eprintln!("{help}");
            return ExitCode::FAILURE;
        }
    };
    println!("seeds from {}", wanted.from);
    let (next, steps) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let failed = Mutex::new(vec![]);
    let ran = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= wanted.seeds || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let seed = wanted.from.wrapping_add(nth);
                    let input = Input { is_traced: wanted.is_traced, ..Input::of(seed) };
                    let report = run(&input);
                    steps.fetch_add(report.steps, Ordering::Relaxed);
                    ran.fetch_add(1, Ordering::Relaxed);
                    if wanted.is_traced {
                        let lines = report.trace.join("\n");
                        println!("seed {seed}: {} steps, {:?}\n{lines}\n", report.steps, report.ended);
                    }
                    if let Some(violation) = report.violation {
                        println!("seed {seed}: {violation}");
                        stop.store(!wanted.keeps_going, Ordering::Relaxed);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push((input, violation));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((input, violation)) = failed.iter().min_by_key(|(input, _)| input.seed) {
        show(input, violation);
    }
    let (ran, steps) = (ran.into_inner(), steps.into_inner());
    println!("seeds: {ran}, steps: {steps}, violations: {}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The seed, made as small as it gets.
fn show(input: &Input, violation: &penstock_sim::Violation) {
    println!("\nseed {} is made smaller …", input.seed);
    let (smallest, report) = shrink::shrink(input, violation);
    let scenario = smallest.scenario();
    println!();
    for pipeline in &scenario.pipelines {
        println!("{}", render::pipeline(pipeline, &scenario));
    }
    for environment in &scenario.environments {
        println!("{environment:?}");
    }
    for runner in &scenario.runners {
        println!("{runner:?}");
    }
    println!("\nfaults: {:?}\n", report.taken);
    for line in &report.trace {
        println!("{line}");
    }
    let told = report.violation.map_or_else(|| "(it is gone)".to_owned(), |v| v.to_string());
    println!("\nseed {}: {told}", input.seed);
    println!("again: cargo xtask sim --seeds 1 --from {}\n", input.seed);
}
