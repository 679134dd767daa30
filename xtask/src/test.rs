//! `cargo xtask test`: everything that has to hold before a change goes in.
//!
//! A step that fails does not hide what the later ones would find; only what can't run without it is left out.

use std::num::NonZero;
use std::process::Command;
use std::time::Instant;

use crate::build;
use crate::cargo::{cargo, piped, run};
use crate::compiler::Compiler;
use crate::failure::{Failure, Outcome};
use crate::progress::{duration, watch};
use crate::set_up;
use crate::tally::{Reader, Tally};
use crate::test_inputs::{self, TestInputs};
use crate::workspace::Workspace;

pub fn everything(workspace: &Workspace) -> Outcome {
    let started = Instant::now();
    set_up::prepare(workspace)?;
    let inputs = test_inputs::prepare(workspace)?;

    let mut failures = Vec::new();
    let mut step = |outcome: Outcome| match outcome {
        Ok(()) => true,
        Err(failure) => {
            eprintln!("{failure}\n");
            failures.push(failure);
            false
        }
    };
    step(run("format", cargo(workspace, ["fmt", "--all", "--check"])));
    let (linting, plain) = (Compiler::linting(workspace)?, Compiler::default());
    // What a lint refuses may still be right.
    let built = step(build::components(workspace, &linting)) || step(build::components(workspace, &plain));
    let compiler = [linting, plain].into_iter().find(|compiler| step(programs(workspace, compiler)));
    let mut tally = Tally::default();
    if let Some(compiler) = compiler.filter(|_| built) {
        step(tests(workspace, &inputs, &compiler, &mut tally));
    }

    let elapsed = duration(started.elapsed());
    eprintln!("\n{tally}, in {elapsed}");
    match failures.as_slice() {
        [] => Ok(()),
        failures => {
            let lines = failures.iter().map(|failure| format!("\n  {failure}"));
            Err(Failure::new(format!("not everything holds:{}", lines.collect::<String>())))
        }
    }
}

/// How many tests of a program run at once, as the test harness reads it.
const TEST_THREADS: &str = "RUST_TEST_THREADS";
/// What takes long waits for processes, timers and disks.
const TESTS_PER_CORE: usize = 2;
/// Where the simulator's fresh seeds begin.
const SEEDS_FROM: &str = "PENSTOCK_SIM_FROM";

/// Others for each state of the sources, and the same ones for the same: what fails, fails again. Without a history, or
/// where a base is given, whoever runs them decides.
fn seeds(workspace: &Workspace) -> Option<u64> {
    if std::env::var_os(SEEDS_FROM).is_some() {
        return None;
    }
    let asked = ["rev-parse", "--short=12", "HEAD^{tree}"];
    let told = Command::new("git").args(asked).current_dir(&workspace.root).output().ok()?;
    let tree = String::from_utf8(told.stdout).ok()?;
    u64::from_str_radix(tree.trim().get(..12)?, 16).ok()
}

fn programs(workspace: &Workspace, compiler: &Compiler) -> Outcome {
    run("tests, programs", compiler.cargo(workspace, ["test", "--workspace", "--no-run"]))
}

fn tests(workspace: &Workspace, inputs: &TestInputs, compiler: &Compiler, tally: &mut Tally) -> Outcome {
    let mut command =
        compiler.cargo(workspace, ["test", "--workspace", "--no-fail-fast", "--", "--show-output"]);
    command.envs(inputs.0.iter().map(|(name, path)| (name, path)));
    command.envs(seeds(workspace).map(|base| (SEEDS_FROM, base.to_string())));
    if std::env::var_os(TEST_THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        command.env(TEST_THREADS, (TESTS_PER_CORE * cores).to_string());
    }
    let (mut child, lines) = piped(command)?;
    let started = Instant::now();
    let reader = std::cell::RefCell::new(Reader::default());
    watch(
        &lines,
        |line| reader.borrow_mut().take(line).iter().for_each(|shown| println!("{shown}")),
        || eprintln!("{:<48} {:>8}", reader.borrow().program(), duration(started.elapsed())),
    );
    let mut reader = reader.into_inner();
    let status = child.wait().map_err(Failure::because("can't wait for cargo"))?;
    let left = reader.close();
    *tally = reader.tally;
    if status.success() {
        return Ok(());
    }
    left.iter().for_each(|line| println!("{line}"));
    Err(Failure::new("tests: what failed stands above"))
}
