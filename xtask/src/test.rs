//! `cargo xtask test`: everything that has to hold before a change goes in.
//!
//! A step that fails does not hide what the later ones would find; only what can't run without it is left out.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::build;
use crate::cargo::{cargo, piped, run};
use crate::failure::{Failure, Outcome};
use crate::progress::{duration, watch};
use crate::set_up;
use crate::tally::{Reader, Tally};
use crate::test_inputs::{self, TestInputs};
use crate::workspace::{WASM_TARGET, Workspace};

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
    let built = step(build::components(workspace));
    let linted = Compiler::linting(workspace)?;
    let compiler = if step(compile("tests, programs, lint", workspace, &linted)) {
        Some(linted)
    } else {
        // What a lint refuses may still be right.
        let plain = Compiler::default();
        step(compile("tests, programs", workspace, &plain)).then_some(plain)
    };
    step(lint_components(workspace));
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

/// What compiles the workspace, as cargo is told by its environment.
#[derive(Default)]
struct Compiler(Vec<(&'static str, OsString)>);

impl Compiler {
    /// Clippy itself, which is the compiler with more lints. As a pass of its own it would look at everything once more,
    /// and at every dependency.
    fn linting(workspace: &Workspace) -> Outcome<Self> {
        let told = Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root).output();
        let told = told.map_err(Failure::because("can't start rustc"))?;
        let clippy = Path::new(String::from_utf8_lossy(&told.stdout).trim()).join("bin/clippy-driver");
        // Between arguments stands what cargo-clippy puts there.
        let arguments = ["-D", "warnings", ""].join("__CLIPPY_HACKERY__");
        Ok(Self(vec![("RUSTC_WORKSPACE_WRAPPER", clippy.into()), ("CLIPPY_ARGS", arguments.into())]))
    }

    fn cargo<'a>(&self, workspace: &Workspace, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = cargo(workspace, arguments);
        command.envs(self.0.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn compile(phase: &str, workspace: &Workspace, compiler: &Compiler) -> Outcome {
    run(phase, compiler.cargo(workspace, ["test", "--workspace", "--no-run"]))
}

/// The components once more for the target that they are made for: parts of them exist only there.
fn lint_components(workspace: &Workspace) -> Outcome {
    let names = workspace.components()?;
    let packages = names.iter().flat_map(|name| ["-p", name]);
    let arguments = ["clippy", "--target", WASM_TARGET].into_iter().chain(packages);
    run("lint (Wasm)", cargo(workspace, arguments.chain(["--", "-D", "warnings"])))
}

fn tests(workspace: &Workspace, inputs: &TestInputs, compiler: &Compiler, tally: &mut Tally) -> Outcome {
    let mut command =
        compiler.cargo(workspace, ["test", "--workspace", "--no-fail-fast", "--", "--show-output"]);
    command.envs(inputs.0.iter().map(|(name, path)| (name, path)));
    command.envs(seeds(workspace).map(|base| (SEEDS_FROM, base.to_string())));
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
