//! Members of what has some: stages, steps, inputs, the matrix, variables; and of what has none.

use super::findings::{Findings, Spot};
use super::functions::is_function;
use super::names::{MAPS, NAMES, NUMBERS, Offered, Site};
use super::uses::{OutputOf, Uses, Which};
use super::written;
use crate::definition::InputKind;
use crate::diagnostic::code;
use crate::suggest::nearest;

pub(super) fn check(uses: &Uses<'_>, site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    check_plain(uses, findings);
    check_fields(uses, findings);
    if matches!(site, Site::Work | Site::Step | Site::Value) {
        check_stages(uses, offered, findings);
        check_outputs(uses, offered, findings);
    }
    if site == Site::Step {
        check_steps(uses, offered, findings);
    }
    check_inputs(uses, site, offered, findings);
    check_matrix(uses, offered, findings);
    if !matches!(site, Site::Run | Site::Label) {
        check_variables(uses, site, offered, findings);
    }
}

/// Most names are a text or a number, and have no members.
fn check_plain(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    for (name, member) in &uses.members {
        if !NAMES.contains(name) || MAPS.contains(name) || uses.local.contains(name) {
            continue;
        }
        let kind = if NUMBERS.contains(name) { "a number" } else { "a text" };
        let both = format!("{name}_{member}");
        let hint = if NAMES.contains(&both.as_str()) {
            format!("did you mean `{both}`?")
        } else if is_function(member) {
            format!("`{member}` is a function: write `{name}.{member}(\"…\")`")
        } else {
            format!("write `{name}` alone")
        };
        let message = format!("`{name}` is {kind}, and has no `{member}`");
        findings.error(code::EXPRESSION_TYPE, Spot::Member(name, member), message, hint);
    }
}

fn check_fields(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    for (map, field) in &uses.fields {
        let (what, known): (_, &[&str]) = match *map {
            "stages" => ("a stage", &["status"]),
            _ => ("a step", &["status", "exit_code"]),
        };
        let spot = Spot::Field(map, None, field);
        if *field == "outputs" {
            let message = format!("the outputs of {what} can be asked for by name only");
            let hint = format!("write `{map}.name.outputs.version`");
            findings.error(code::UNKNOWN_NAME, spot, message, hint);
        } else if !known.contains(field) {
            let message = format!("{what} has no `{field}` in expressions");
            let hint = match nearest(field, known.iter().copied()) {
                _ if matches!(*field, "result" | "outcome" | "conclusion") => {
                    "ask for its `status`".to_owned()
                }
                Some(near) => format!("did you mean `{near}`?"),
                None if *map == "stages" => "ask for its `status`, or for one of its `outputs`".to_owned(),
                None => "ask for its `status`, its `exit_code` or one of its `outputs`".to_owned(),
            };
            findings.error(code::UNKNOWN_NAME, spot, message, hint);
        }
    }
}

fn check_stages(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let Which::Named(names) = &uses.stages else { return };
    if offered.any_stage {
        return;
    }
    for name in names {
        let spot = Spot::Member("stages", name);
        if !offered.stages.contains_key(name) {
            let hint = closest(name, offered.stages.keys(), "the stages are");
            findings.error(code::UNKNOWN_STAGE, spot, format!("there is no stage `{name}`"), hint);
            continue;
        }
        // Of outputs, more is said.
        let is_output = uses.outputs.iter().any(|output| output.map == "stages" && output.owner == name);
        let Some(stage) = offered.stage.filter(|_| !is_output) else { continue };
        if stage == name {
            let message = format!("`{name}` asks for itself, and has no result yet");
            findings.warn(code::NOT_AWAITED, spot, message, "ask for another stage");
        } else if !offered.waits_for(stage, name) {
            let message = format!("this asks for `{name}`, and does not wait for it");
            findings.warn(code::NOT_AWAITED, spot, message, format!("add `{name}` to `depends_on`"));
        }
    }
}

fn check_outputs(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    for OutputOf { owner, name, .. } in uses.outputs.iter().filter(|output| output.map == "stages") {
        let Some(stage) = offered.stages.get(*owner) else { continue };
        let spot = Spot::Member("stages", owner);
        if !stage.outputs.contains(*name) {
            let hint = match nearest(name, stage.outputs.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a job of `{owner}` has to declare it: `outputs: [{name}]`"),
            };
            let message = format!("stage `{owner}` has no output `{name}`");
            findings.error(code::UNKNOWN_OUTPUT, Spot::Output("stages", owner, name), message, hint);
        } else if offered.stage.is_some_and(|stage| !offered.waits_for(stage, owner)) {
            let message = format!("this asks for an output of `{owner}`, and does not wait for it");
            let hint = format!("add `{owner}` to the stage's `depends_on`");
            findings.error(code::NOT_AWAITED, spot, message, hint);
        } else if stage.off {
            let message = format!("`{owner}` never runs, so that its outputs are always empty");
            findings.warn(code::UNREACHABLE, spot, message, "switch it on, or take this out");
        }
    }
}

fn check_steps(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let Which::Named(names) = &uses.steps else { return };
    for name in names.iter().filter(|name| !offered.steps.contains_key(*name)) {
        let message = format!("no step before this one has the id `{name}`");
        let hint = closest(name, offered.steps.keys(), "give an earlier step an `id`; known are");
        findings.error(code::UNKNOWN_STEP, Spot::Member("steps", name), message, hint);
    }
}

fn check_inputs(uses: &Uses<'_>, site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    if site == Site::Label || uses.local.contains("inputs") {
        return;
    }
    let Which::Named(names) = &uses.inputs else {
        if site == Site::Run {
            let message = "in a script, inputs have to be named one by one".to_owned();
            findings.error(code::UNTRUSTED_IN_RUN, Spot::Name("inputs"), message, "write `inputs.name`");
        }
        return;
    };
    for name in names {
        let spot = Spot::Member("inputs", name);
        match offered.inputs.get(name) {
            None => {
                let message = format!("there is no input `{name}`");
                let hint =
                    closest(name, offered.inputs.keys(), "declare it in `on.manual.inputs`; known are");
                findings.error(code::UNKNOWN_INPUT, spot, message, hint);
            }
            Some(Some(InputKind::String)) if site == Site::Run => {
                let message =
                    format!("the input `{name}` may hold any text, and in a script text becomes commands");
                let hint = format!("every input is in the environment: write `\"${name}\"`");
                findings.error(code::UNTRUSTED_IN_RUN, spot, message, hint);
            }
            Some(_) => {}
        }
    }
}

fn check_matrix(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let (Which::Named(names), Some(matrix)) = (&uses.matrix, offered.matrix) else { return };
    if !matrix.is_whole {
        return;
    }
    for name in names.iter().filter(|name| !matrix.axes.contains_key(*name)) {
        let message = format!("the matrix has no `{name}`");
        let hint = closest(name, matrix.axes.keys(), "it has");
        findings.error(code::UNKNOWN_NAME, Spot::Member("matrix", name), message, hint);
    }
}

fn check_variables(uses: &Uses<'_>, site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let Which::Named(names) = &uses.variables else {
        if site == Site::Early && !offered.late.is_empty() {
            let message = "some variables are filled in only while the execution runs".to_owned();
            let hint = "name the variable that is meant";
            findings.error(code::UNKNOWN_NAME, Spot::Name("variables"), message, hint);
        }
        return;
    };
    for name in names {
        let spot = Spot::Member("variables", name);
        if offered.late.contains(name) {
            if site == Site::Early {
                let message =
                    format!("the variable `{name}` asks for an output, and this is filled in before");
                let hint = "every variable is in the environment of a step; use it there";
                findings.error(code::UNKNOWN_NAME, spot, message, hint);
            }
            continue;
        }
        if offered.variables.contains_key(name) || uses.foreseen.contains(name.as_str()) {
            continue;
        }
        let (message, hint) = unset_variable(name, offered);
        findings.warn(code::UNSET_VARIABLE, spot, message, hint);
    }
}

fn unset_variable(name: &str, offered: &Offered<'_>) -> (String, String) {
    if let Some(line) = offered.below.get(name) {
        let message = format!("the variable `{name}` has no value yet: it is set on line {line}");
        return (message, "a value may use what stands above it; move this below".to_owned());
    }
    let message = format!("nothing in the file sets the variable `{name}` here");
    let hint = match nearest(name, offered.variables.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let asks = written::member("variables", name);
            format!("without a parameter of that name, the run fails; `has({asks})` asks first")
        }
    };
    (message, hint)
}

/// The nearest of `known`, or all of them.
fn closest<'k>(name: &str, known: impl Iterator<Item = &'k String> + Clone, otherwise: &str) -> String {
    match nearest(name, known.clone().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let known = known.cloned().collect::<Vec<_>>().join(", ");
            format!("{otherwise} {}", if known.is_empty() { "none" } else { &known })
        }
    }
}
