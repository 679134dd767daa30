//! A scenario from a seed.

use super::{
    Condition, Deed, DeploySpec, EnvironmentSpec, GateSpec, GroupSpec, JobSpec, MatrixSpec, PEOPLE,
    PipelineSpec, RetryScope, RetrySpec, RunnerSpec, Scenario, StageSpec, StepSpec, Triggers, What,
};
use crate::random::Random;

const LABELS: [&str; 3] = ["linux", "gpu", "arm"];
const CAUSES: [&str; 4] = ["exit_code", "runner_lost", "timed_out", "dispatch_failed"];
const STAGE_NAMES: [&str; 8] = ["build", "test", "lint", "pack", "check", "ship", "notify", "sweep"];

pub fn generate(seed: u64) -> Scenario {
    let mut random = Random::of(seed, "scenario");
    let size = match random.below(20) {
        0 => Size::LARGE,
        1..=5 => Size::DEPLOYING,
        6..=9 => Size::QUEUEING,
        10..=12 => Size::FAILING,
        _ => Size::SMALL,
    };
    let environments = environments(&mut random, size);
    let count = random.between(1, 2);
    let shares = random.chance(300);
    let pipelines: Vec<_> =
        (0..count).map(|n| pipeline(&mut random, n, shares, size, environments.len())).collect();
    let mut pipelines = pipelines;
    if pipelines.len() > 1 && random.chance(300) {
        pipelines[0].then = Some(1);
    }
    let runners = runners(&mut random);
    let deeds = deeds(&mut random, &pipelines, environments.len(), size);
    Scenario { pipelines, environments, runners, deeds }
}

#[derive(Clone, Copy)]
struct Size {
    stages: u64,
    jobs: u64,
    deeds: u64,
    /// In so many of 1,000.
    deploys: u64,
    asks: u64,
    fails: u64,
    starts: u64,
    limit: u64,
    rushes: u64,
}

impl Size {
    const SMALL: Self = Self {
        stages: 4,
        jobs: 2,
        deeds: 5,
        deploys: 250,
        asks: 450,
        fails: 180,
        starts: 350,
        limit: 5,
        rushes: 50,
    };
    const LARGE: Self = Self {
        stages: 8,
        jobs: 4,
        deeds: 8,
        deploys: 200,
        asks: 400,
        fails: 150,
        starts: 400,
        limit: 5,
        rushes: 50,
    };
    /// Few versions that come and go.
    const DEPLOYING: Self = Self {
        stages: 2,
        jobs: 1,
        deeds: 8,
        deploys: 900,
        asks: 250,
        fails: 60,
        starts: 500,
        limit: 5,
        rushes: 500,
    };
    /// More than may run.
    const QUEUEING: Self = Self {
        stages: 2,
        jobs: 2,
        deeds: 8,
        deploys: 50,
        asks: 200,
        fails: 100,
        starts: 800,
        limit: 2,
        rushes: 300,
    };
    /// Little goes well.
    const FAILING: Self = Self {
        stages: 3,
        jobs: 2,
        deeds: 5,
        deploys: 100,
        asks: 300,
        fails: 550,
        starts: 500,
        limit: 5,
        rushes: 50,
    };
}

fn environments(random: &mut Random, size: Size) -> Vec<EnvironmentSpec> {
    let count = if random.chance(size.deploys * 2) { random.between(1, 2) } else { 0 };
    let names = ["staging", "production"];
    let one = |random: &mut Random, name: &str| EnvironmentSpec {
        name: name.to_owned(),
        asks: random.chance(size.asks),
        required: u32::try_from(random.between(1, 2)).unwrap_or(1),
        expires_in_seconds: u32::try_from(random.pick(&[60_u64, 120, 600, 1800])).unwrap_or(60),
        kind: if random.chance(750) { "manual" } else { random.pick(&["automated", "conditional"]) },
        rollback_enabled: random.chance(850),
        is_checked: random.chance(300),
    };
    names.iter().take(usize::try_from(count).unwrap_or(0)).map(|name| one(random, name)).collect()
}

fn pipeline(random: &mut Random, n: u64, shares: bool, size: Size, environments: usize) -> PipelineSpec {
    let name = format!("p{n}");
    let stages = (0..random.between(1, size.stages)).fold(vec![], |mut stages, _| {
        let stage = stage(random, &stages, size, environments);
        stages.push(stage);
        stages
    });
    let on = triggers(random);
    PipelineSpec {
        // Who makes a pipeline says when the clock starts it, in what the database has.
        is_in_forge: random.chance(350) && !matches!(on, Triggers::Scheduled(_)),
        repository: if shares { "acme/shared".to_owned() } else { format!("acme/{name}") },
        name,
        on,
        timeout_seconds: match random.below(5) {
            0 => None,
            1 => Some(random.between(20, 90)),
            _ => Some(random.between(300, 1800)),
        },
        own_limit: random.chance(200).then(|| u32::try_from(random.between(1, 3)).unwrap_or(1)),
        group: random.chance(250).then(|| GroupSpec {
            is_per_branch: random.chance(500),
            limit: u32::try_from(random.between(1, 2)).unwrap_or(1),
            cancels: random.chance(500),
        }),
        then: None,
        priority: if random.chance(700) { 0 } else { random.pick(&[-5, 5]) },
        limit: u32::try_from(random.between(1, size.limit)).unwrap_or(1),
        is_broken: random.chance(40),
        stages,
    }
}

fn triggers(random: &mut Random) -> Triggers {
    match random.below(21) {
        0..=11 => Triggers::Default,
        12 | 13 => Triggers::PushToMain,
        14..=16 => Triggers::PushAndTag,
        17 => Triggers::ByHand,
        // Everything begins at 13 minutes past the hour.
        _ => {
            let minutes = (14..18).filter(|_| random.chance(400)).collect::<Vec<_>>();
            Triggers::Scheduled(if minutes.is_empty() { vec![14] } else { minutes })
        }
    }
}

fn stage(random: &mut Random, before: &[StageSpec], size: Size, environments: usize) -> StageSpec {
    let index = before.len();
    // Nothing waits for what cleans up.
    let others: Vec<usize> = (0..index).filter(|s| !before[*s].cleans_up).collect();
    let mut depends_on: Vec<usize> = others.iter().copied().filter(|_| random.chance(450)).collect();
    if depends_on.is_empty() && !others.is_empty() && random.chance(600) {
        depends_on.push(random.pick(&others));
    }
    let ancestors = ancestors(before, &depends_on);
    let deploy = (environments > 0 && random.chance(size.deploys)).then(|| DeploySpec {
        environment: random.index(environments),
        version: match random.below(4) {
            0 => Some("v1".to_owned()),
            // Versions that come again.
            1 | 2 => Some("'v${{ number % 2 }}'".to_owned()),
            _ => None,
        },
        is_checked: random.chance(500),
    });
    let cleans_up = deploy.is_none() && random.chance(120);
    let gates = if deploy.is_none() && !cleans_up && random.chance(200) { gates(random) } else { vec![] };
    let least = u64::from(gates.is_empty() || random.chance(600));
    let jobs: Vec<_> =
        (0..random.between(least, size.jobs)).map(|n| job(random, n, before, &ancestors, size)).collect();
    let word = STAGE_NAMES[index % STAGE_NAMES.len()];
    // What is asked of those that failed, too.
    let asks_anyway = jobs.iter().any(|job| job.asks_for.is_some()) && random.chance(300);
    let condition = match asks_anyway {
        true => Some(Condition::Always),
        false => random.chance(250).then(|| condition(random, &ancestors, 2)),
    };
    StageSpec {
        name: if index < STAGE_NAMES.len() { word.to_owned() } else { format!("{word}{index}") },
        condition,
        timeout_seconds: random.chance(150).then(|| random.between(5, 120)),
        depends_on,
        cleans_up,
        continue_on_error: random.chance(100),
        gates,
        deploy,
        jobs,
    }
}

/// What it depends on, directly or not: the only stages whose end is certain when it is decided on.
fn ancestors(before: &[StageSpec], depends_on: &[usize]) -> Vec<usize> {
    let mut found: Vec<usize> = depends_on.to_vec();
    let mut at = 0;
    while let Some(stage) = found.get(at).copied() {
        for further in &before[stage].depends_on {
            if !found.contains(further) {
                found.push(*further);
            }
        }
        at += 1;
    }
    found.sort_unstable();
    found
}

fn gates(random: &mut Random) -> Vec<GateSpec> {
    let one = |random: &mut Random, n: u64| GateSpec {
        name: format!("gate{n}"),
        most_failed: u32::try_from(random.below(3)).unwrap_or(0),
        is_blocker: random.chance(750),
    };
    (0..random.between(1, 2)).map(|n| one(random, n)).collect()
}

fn job(random: &mut Random, n: u64, before: &[StageSpec], ancestors: &[usize], size: Size) -> JobSpec {
    let retry = random.chance(500 + size.fails / 2).then(|| RetrySpec {
        max: u32::try_from(random.between(0, 3)).unwrap_or(0),
        delay_seconds: random.pick(&[0, 1, 5, 20]),
        backoff: u32::try_from(random.between(1, 3)).unwrap_or(1),
        on: if random.chance(500) {
            vec![]
        } else {
            CAUSES.into_iter().filter(|_| random.chance(550)).collect()
        },
    });
    let adds = random.chance(80).then(|| {
        Box::new(JobSpec {
            name: format!("j{n}-more"),
            runs_on: vec![],
            condition: None,
            retry: None,
            timeout_seconds: 60,
            continue_on_error: false,
            matrix: None,
            hands_on: false,
            asks_for: None,
            adds: None,
            priority: None,
            report: None,
            steps: vec![step(random, size)],
        })
    });
    let matrix = adds.is_none() && random.chance(180);
    let offered: Vec<(usize, String)> = ancestors
        .iter()
        .flat_map(|s| before[*s].jobs.iter().map(move |job| (*s, job)))
        .filter(|(_, job)| job.hands_on)
        .map(|(stage, job)| (stage, job.name.clone()))
        .collect();
    JobSpec {
        name: format!("j{n}"),
        runs_on: LABELS.into_iter().filter(|_| random.chance(250)).collect(),
        condition: random.chance(180).then(|| condition(random, ancestors, 1)),
        retry,
        timeout_seconds: random.pick(&[10, 30, 60, 300]),
        continue_on_error: random.chance(120),
        adds,
        hands_on: !matrix && random.chance(350),
        asks_for: (!offered.is_empty() && random.chance(600))
            .then(|| offered[random.index(offered.len())].clone()),
        matrix: matrix.then(|| MatrixSpec {
            count: u32::try_from(random.between(2, 4)).unwrap_or(2),
            max_parallel: random.chance(500).then(|| u32::try_from(random.between(1, 2)).unwrap_or(1)),
            fail_fast: random.chance(500),
        }),
        priority: random.chance(150).then(|| random.pick(&[-1, 3])),
        report: random.chance(300).then(|| {
            let tests = random.between(1, 5);
            let failed = if random.chance(500) { 0 } else { random.below(tests + 1) };
            (u32::try_from(tests).unwrap_or(1), u32::try_from(failed).unwrap_or(0))
        }),
        steps: (0..random.between(1, 3)).map(|_| step(random, size)).collect(),
    }
}

fn step(random: &mut Random, size: Size) -> StepSpec {
    let exit_code = if random.chance(size.fails) { random.pick(&[1, 2, 127]) } else { 0 };
    StepSpec {
        work_ms: random.pick(&[5, 50, 400, 1500, 4000, 12_000]),
        exit_code,
        fails_through: if random.chance(500) {
            u32::MAX
        } else {
            u32::try_from(random.between(1, 2)).unwrap_or(1)
        },
        continue_on_error: random.chance(120),
        is_skipped: random.chance(80),
    }
}

fn condition(random: &mut Random, ancestors: &[usize], depth: u32) -> Condition {
    let deeper = |random: &mut Random| Box::new(condition(random, ancestors, depth - 1));
    match random.below(if depth == 0 { 8 } else { 11 }) {
        0 => Condition::Literal(random.chance(500)),
        1 => Condition::OnMain,
        2 => Condition::IsPush,
        3 => Condition::Always,
        4 => Condition::Success,
        5 => Condition::Failure,
        6 | 7 if !ancestors.is_empty() => {
            let status = random.pick(&["succeeded", "failed", "skipped"]);
            Condition::StageIs(random.pick(ancestors), status)
        }
        6 | 7 => Condition::OnMain,
        8 => Condition::Not(deeper(random)),
        9 => Condition::And(deeper(random), deeper(random)),
        _ => Condition::Or(deeper(random), deeper(random)),
    }
}

fn runners(random: &mut Random) -> Vec<RunnerSpec> {
    let one = |random: &mut Random| RunnerSpec {
        labels: LABELS.into_iter().filter(|_| random.chance(650)).collect(),
        capacity: u32::try_from(random.between(1, 3)).unwrap_or(1),
        claims: random.chance(300),
    };
    (0..random.between(1, 3)).map(|_| one(random)).collect()
}

fn deeds(random: &mut Random, pipelines: &[PipelineSpec], environments: usize, size: Size) -> Vec<Deed> {
    let span_ms = random.pick(&[500, 5_000, 20_000, 60_000, 120_000]);
    let mut at_ms = 0;
    let mut deeds: Vec<Deed> = (0..random.between(1, size.deeds))
        .map(|n| {
            // Some happen at the same time.
            if n > 0 && random.chance(800) {
                at_ms = random.below(span_ms);
            }
            let starts = n == 0 || random.chance(size.starts);
            let what = match !starts && random.chance(size.fails / 2) {
                true => retry(random),
                false => deed(random, pipelines, environments, starts),
            };
            Deed { at_ms, what }
        })
        .collect();
    if random.chance(size.rushes) {
        deeds.extend(rush(random, pipelines.len(), span_ms));
    }
    deeds.sort_by_key(|deed| deed.at_ms);
    deeds
}

/// Several who start something in the same moment.
fn rush(random: &mut Random, pipelines: usize, span_ms: u64) -> Vec<Deed> {
    let at_ms = random.below(span_ms);
    let one = |n| What::Execute { pipeline: n % pipelines, branch: "main", key: None };
    (0..random.between(2, 4) as usize).map(|n| Deed { at_ms, what: one(n) }).collect()
}

fn retry(random: &mut Random) -> What {
    let scope = match random.below(10) {
        0..=5 => RetryScope::Failed,
        6 | 7 => RetryScope::All,
        _ => RetryScope::From(random.index(4)),
    };
    What::Retry { nth: random.below(6), scope }
}

fn deed(random: &mut Random, pipelines: &[PipelineSpec], environments: usize, starts: bool) -> What {
    let pipeline = random.index(pipelines.len());
    let repository = pipelines[pipeline].repository.clone();
    let commit = u32::try_from(random.below(5)).unwrap_or(0);
    let nth = random.below(6);
    let branch = if random.chance(750) { "main" } else { "feature" };
    let author = random.pick(&PEOPLE);
    match random.below(if starts { 10 } else { 30 }) {
        0..=4 => What::Push { repository, branch, commit, author },
        5 => {
            let number = random.between(1, 4);
            // Where one comes from is the same whenever it is told of.
            What::PullRequest { repository, number, commit, is_fork: number % 2 == 1 }
        }
        6 => What::Tag { repository, tag: format!("v{}", random.below(3)), commit },
        7..=9 => {
            let key = random.chance(300).then(|| u32::try_from(random.below(2)).unwrap_or(0));
            What::Execute { pipeline, branch, key }
        }
        10..=12 => What::Cancel { nth, force: random.chance(300) },
        13 | 14 => retry(random),
        15 => What::Release { nth },
        16..=20 if environments > 0 => {
            What::Decide { nth, who: random.index(PEOPLE.len()), approve: random.chance(800) }
        }
        21 | 25..=29 if environments > 0 => What::RollBack { nth: nth % 2 },
        22 if environments > 0 => What::Lift { nth },
        23 if environments > 0 => {
            What::SwitchApproval { environment: random.index(environments), asks: random.chance(500) }
        }
        24 => What::Override { nth },
        _ => What::Push { repository, branch, commit, author },
    }
}
