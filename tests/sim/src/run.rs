//! One run, from its beginning until everything has ended that can end.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::bugs::Bug;
use crate::choices::{Choices, Fault};
use crate::database::Database;
use crate::executor::Step;
use crate::invariants::Invariants;
use crate::scenario::{Scenario, generate};
use crate::trace::Trace;
use crate::world::{BEGINNING_MS, World};
use crate::{Violation, beginning, people, runners, servers};

/// Things go wrong for so long after the last deed.
const STORMY_MS: i64 = 60_000;
/// After that everything has to come to an end, also what takes its whole timeout.
const CALM_MS: i64 = 12 * 3_600_000;
/// A run that takes more steps goes round in circles.
const MAX_STEPS: u64 = 400_000;
/// How often it is looked whether everything has ended.
const LOOK_EVERY_MS: i64 = 20_000;

/// What decides a run.
#[derive(Debug, Clone, Default)]
pub struct Input {
    pub seed: u64,
    /// None: as the seed makes it.
    pub scenario: Option<Scenario>,
    pub without: BTreeSet<Fault>,
    pub muted: BTreeSet<(Fault, u64)>,
    pub bug: Option<&'static Bug>,
    pub is_traced: bool,
}

impl Input {
    pub fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub fn scenario(&self) -> Scenario {
        self.scenario.clone().unwrap_or_else(|| generate(self.seed))
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub steps: u64,
    pub entries: u64,
    pub violation: Option<Violation>,
    pub taken: Vec<(Fault, u64)>,
    pub trace: Vec<String>,
    /// How many executions ended, and how.
    pub ended: Vec<String>,
}

/// On a thread of its own: what components keep in statics is forgotten with it, as with an instance.
pub fn run(input: &Input) -> Report {
    let input = input.clone();
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(move || run_here(&input));
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(report)) => report,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
            let violation = Violation { invariant: "panics", message: text.unwrap_or_default() };
            Report { violation: Some(violation), ..Report::default() }
        }
        Err(error) => {
            let violation = Violation { invariant: "simulator", message: error.to_string() };
            Report { violation: Some(violation), ..Report::default() }
        }
    }
}

fn run_here(input: &Input) -> Report {
    let scenario = input.scenario();
    let choices = Choices::new(input.seed, &input.without, input.muted.clone());
    let trace = if input.is_traced { Trace::on() } else { Trace::off() };
    let mut database = Database::new();
    if let Some(bug) = input.bug {
        bug.switch_on(&mut database);
    }
    let world = World::new(input.seed, scenario, choices, trace, database);
    let listener = world.clone();
    penstock_guest::listen(move |level, message| {
        listener.note(|| format!("server logs {level:?}: {message}"))
    });
    let mut report = Report::default();
    report.violation = live(&world, &mut report).err();
    penstock_guest::listen(|_, _| {});
    report.taken = world.taken();
    report.ended = world
        .database
        .look("SELECT status || COALESCE(' ' || reason, '') FROM pipeline_executions", [])
        .iter()
        .filter_map(|r| r.text(0).ok().map(str::to_owned))
        .collect();
    world.executor.clear();
    report.trace = world.trace.borrow().lines.iter().cloned().collect();
    report
}

fn live(world: &Rc<World>, report: &mut Report) -> Result<(), Violation> {
    beginning::begin(world);
    let mut invariants = Invariants::new(world);
    report.entries += invariants.look(world)?;
    for index in 0..2 {
        world.spawn_outside(servers::keep_up(world.clone(), index));
    }
    world.spawn_outside(servers::tick(world.clone()));
    runners::begin(world);
    people::begin(world);
    let last_deed = world.scenario.deeds.last().map_or(0, |deed| i64::try_from(deed.at_ms).unwrap_or(0));
    let calm_from = BEGINNING_MS + last_deed + STORMY_MS;
    let mut look_at = calm_from;
    loop {
        if world.true_ms() >= calm_from && !world.is_calm() {
            world.calm();
            for index in 0..2 {
                world.spawn_outside(servers::keep_up(world.clone(), index));
            }
            world.spawn_outside(runners::help_out(world.clone()));
            world.spawn_outside(people::tidy_up(world.clone()));
        }
        if world.is_calm() && world.true_ms() >= look_at {
            look_at = world.true_ms() + LOOK_EVERY_MS;
            if invariants.has_all_ended(world) {
                break;
            }
            if world.true_ms() > calm_from + CALM_MS {
                return Err(invariants.unended(world));
            }
        }
        if report.steps > MAX_STEPS {
            let message = format!("{MAX_STEPS} steps, and no end");
            return Err(Violation { invariant: "ends", message });
        }
        let is_slow = world.executor.next_due_ms().is_some_and(|due| due < world.true_ms() + 2_000)
            && world.happens(Fault::Slow);
        if is_slow {
            world.executor.pass();
        }
        if world.executor.step() == Step::Done {
            break;
        }
        report.steps += 1;
        if world.has_news.take() {
            report.entries += invariants.look(world)?;
        }
        if let Some(violation) = world.seen_wrong.take() {
            return Err(violation);
        }
    }
    invariants.at_the_end(world)
}
