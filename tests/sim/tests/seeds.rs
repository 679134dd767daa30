//! Fresh seeds each time: the base is printed, and `PENSTOCK_SIM_FROM` takes it again.

use std::collections::BTreeMap;

use penstock_sim::{Input, run};

const SEEDS: u64 = 200;
const THREADS: u64 = 2;

fn base() -> u64 {
    let given = std::env::var("PENSTOCK_SIM_FROM").ok().and_then(|text| text.parse().ok());
    #[expect(clippy::disallowed_methods, reason = "fresh seeds each time; the base is told")]
    let now =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_secs());
    given.unwrap_or_else(now)
}

#[test]
fn no_fresh_seed_violates_anything() {
    let base = base();
    println!("seeds from {base}: cargo xtask sim --seeds {SEEDS} --from {base}");
    let failed = std::sync::Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let failed = &failed;
            scope.spawn(move || {
                for seed in (base..base + SEEDS).filter(|seed| seed % THREADS == thread) {
                    if let Some(violation) = run(&Input::of(seed)).violation {
                        failed.lock().unwrap().push(format!("seed {seed}: {violation}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:#?}\nsee one: cargo xtask sim --seeds 1 --from SEED");
}

#[test]
fn the_same_seed_comes_to_the_same() {
    for seed in [1, 2, 3] {
        let (first, second) = (run(&Input::of(seed)), run(&Input::of(seed)));
        assert_eq!((first.steps, first.entries), (second.steps, second.entries), "seed {seed}");
        assert_eq!((first.ended, first.violation), (second.ended, second.violation), "seed {seed}");
    }
}

#[test]
fn executions_end_in_every_way() {
    let mut ways: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..60 {
        for way in run(&Input::of(seed)).ended {
            *ways.entry(way).or_default() += 1;
        }
    }
    for way in ["succeeded", "failed exit_code", "cancelled cancelled_by_user", "failed runner_lost"] {
        assert!(ways.contains_key(way), "{ways:?}");
    }
}
