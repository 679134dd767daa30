//! The simulator is itself proven: every deliberate bug is caught, and within so many seeds.

use penstock_sim::bugs::{ALL, Bug};
use penstock_sim::{Input, run};

/// The seeds that a bug may survive.
const MOST_SEEDS: u64 = 3_000;
const THREADS: usize = 2;

/// The seed that catches it, and what it was caught as.
fn caught(bug: &'static Bug) -> Option<(u64, String)> {
    (0..MOST_SEEDS).find_map(|seed| {
        let report = run(&Input { bug: Some(bug), ..Input::of(seed) });
        report.violation.map(|violation| (seed, violation.to_string()))
    })
}

#[test]
fn there_are_at_least_twenty_and_each_has_its_own_name() {
    let mut names: Vec<_> = ALL.iter().map(|bug| bug.name).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() == ALL.len() && names.len() >= 20, "{} names", names.len());
}

#[test]
fn every_deliberate_bug_is_caught() {
    // Some of them alone: `PENSTOCK_SIM_BUG=name,name`.
    let only = std::env::var("PENSTOCK_SIM_BUG").ok();
    let is_wanted =
        |bug: &&Bug| only.as_ref().is_none_or(|names| names.split(',').any(|name| name == bug.name));
    let wanted: Vec<_> = ALL.iter().filter(is_wanted).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let survived = std::sync::Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(bug) = wanted.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    match caught(bug) {
                        Some((seed, what)) => {
                            println!("{:<28} after {:>3} seeds: {what}", bug.name, seed + 1)
                        }
                        None => {
                            println!("{:<28} SURVIVED", bug.name);
                            survived.lock().unwrap().push(bug.name);
                        }
                    }
                }
            });
        }
    });
    let survived = survived.into_inner().unwrap();
    assert!(survived.is_empty(), "these were not caught within {MOST_SEEDS} seeds: {survived:?}");
}
