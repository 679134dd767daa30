//! What to write instead: of what other systems call a thing, and of what a script can't hold.

use super::findings::Findings;
use super::functions::{STATUS_FUNCTIONS, is_function};
use super::names::{HARMLESS_IN_RUN, NAMES, Offered, Site};
use super::uses::{OutputOf, Uses, Which};
use super::written;
use crate::suggest::nearest;

/// What GitHub Actions and GitLab have, and what it is called here.
const ELSEWHERE: [(&str, &str); 20] = [
    ("sha", "commit"),
    ("ref_name", "branch"),
    ("head_ref", "branch"),
    ("base_ref", "base_branch"),
    ("event_name", "event"),
    ("actor", "author"),
    ("triggering_actor", "author"),
    ("run_number", "number"),
    ("run_id", "number"),
    ("workflow", "pipeline"),
    ("repository", "repository"),
    ("CI_COMMIT_SHA", "commit"),
    ("CI_COMMIT_BRANCH", "branch"),
    ("CI_COMMIT_REF_NAME", "branch"),
    ("CI_COMMIT_TAG", "tag"),
    ("CI_COMMIT_MESSAGE", "commit_message"),
    ("CI_COMMIT_AUTHOR", "author"),
    ("CI_PIPELINE_SOURCE", "event"),
    ("CI_PIPELINE_IID", "number"),
    ("CI_MERGE_REQUEST_IID", "pull_request"),
];

/// Instead of a name that no shell may be given.
pub(super) fn instead_in_run(name: &str, uses: &Uses<'_>) -> String {
    match (name, &uses.variables) {
        ("variables", Which::Named(names)) if names.len() == 1 => {
            let name: String = names.iter().cloned().collect();
            format!("every variable is in the environment: write `\"${name}\"`")
        }
        ("stages", _) => match uses.outputs.iter().find(|output| output.map == "stages") {
            Some(OutputOf { owner, name, .. }) => {
                through_a_variable(name, &written::output("stages", owner, name))
            }
            None => through_a_variable("STATUS", "stages.….status"),
        },
        _ => in_the_environment(name),
    }
}

/// How a script has what may be any text.
fn in_the_environment(name: &str) -> String {
    match name {
        "variables" => "every variable is in the environment: write `\"$NAME\"`".to_owned(),
        "branch" => "it is in the environment: write `\"$PENSTOCK_BRANCH\"`".to_owned(),
        "pipeline" => "it is in the environment: write `\"$PENSTOCK_PIPELINE\"`".to_owned(),
        "repository" => "it is in the environment: write `\"$PENSTOCK_REPOSITORY_URL\"`".to_owned(),
        _ => through_a_variable(name, name),
    }
}

fn through_a_variable(name: &str, expression: &str) -> String {
    let variable: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    // Brackets have double quotes of their own.
    let quote = if expression.contains('"') { '\'' } else { '"' };
    format!(
        "give it to the step as `variables: {{ {variable}: {quote}${{{{ {expression} }}}}{quote} }}` and write `\"${variable}\"`"
    )
}

pub(super) fn instead_of_steps(site: Site, uses: &Uses<'_>) -> String {
    match uses.outputs.iter().find(|output| output.map == "steps") {
        Some(output) if site == Site::Run => by_the_environment(output.name),
        _ => "ask for it in the `if` of a later step of the job".to_owned(),
    }
}

/// How a step tells a later one of its job.
fn by_the_environment(output: &str) -> String {
    let name = output.replace('-', "_").to_ascii_uppercase();
    format!("let the earlier step write `{name}=value` to `$PENSTOCK_ENV`; then it is `\"${name}\"` here")
}

/// Instead of a name with a dash that was read as a minus.
pub(super) fn instead_of_dashes(site: Site, parts: &[String]) -> String {
    let written = written::path(parts.iter().map(String::as_str));
    match parts {
        [map, .., output] if site == Site::Run && map == "steps" => by_the_environment(output),
        [map, .., output] if map == "stages" => at(site, output, &written),
        _ => format!("write `{written}`"),
    }
}

/// Instead of a name that means nothing.
pub(super) fn instead_of_name(
    name: &str,
    site: Site,
    offered: &Offered<'_>,
    findings: &Findings<'_>,
) -> String {
    let chain = findings.chain(name);
    let part = |part: usize| chain.and_then(|chain| chain.text(part));
    match (name, part(1)) {
        ("env" | "vars", Some(variable)) => variable_at(site, variable),
        ("env" | "vars", None) => variable_at(site, "NAME"),
        ("needs", Some(stage)) => match (part(2), part(3)) {
            (Some("outputs"), Some(output)) => at(site, output, &written::output("stages", stage, output)),
            _ => at(site, "STATUS", &format!("{}.status", written::member("stages", stage))),
        },
        ("job", _) => "ask with `success()` or `failure()`".to_owned(),
        ("github", Some("ref")) | ("ref", None) if site != Site::Run => "write `branch` or `tag`".to_owned(),
        ("github", Some("event")) => instead_of_payload(part(2), part(3), site),
        ("github" | "gitlab" | "ci", Some(member)) => match elsewhere(member) {
            Some(known) => stands_for(site, known),
            None => format!("names stand alone here: {}", NAMES.join(", ")),
        },
        ("github" | "gitlab" | "ci", None) => format!("names stand alone here: {}", NAMES.join(", ")),
        ("changed", _) => "write `changed(\"src/**\")`".to_owned(),
        _ if STATUS_FUNCTIONS.contains(&name) => format!("write `{name}()`"),
        _ if is_function(name) => format!("`{name}` is a function, and takes what it is about in brackets"),
        _ if offered.variables.contains_key(name) => variable_at(site, name),
        _ if site == Site::Run && nearest(name, NAMES) == Some("variables") => {
            variable_at(site, part(1).unwrap_or("NAME"))
        }
        _ => match (elsewhere(name), nearest(name, known_at(site))) {
            (Some(known), _) => stands_for(site, known),
            (None, Some(near)) => format!("did you mean `{near}`? A text needs quotes: `\"{name}\"`"),
            (None, None) => {
                format!(
                    "a text needs quotes: `\"{name}\"`; known are {}",
                    known_at(site).collect::<Vec<_>>().join(", ")
                )
            }
        },
    }
}

/// What a forge's own event tells.
fn instead_of_payload(member: Option<&str>, field: Option<&str>, site: Site) -> String {
    let known = match (member, field) {
        (Some("pull_request"), Some("number")) | (Some("number"), _) => "pull_request",
        (Some("pull_request"), Some("base")) => "base_branch",
        (Some("pull_request"), Some("head")) | (Some("ref"), _) => "branch",
        (Some("head_commit"), Some("message")) | (Some("pull_request"), Some("title")) => "commit_message",
        (Some("inputs"), Some(input)) => return format!("write `{}`", written::member("inputs", input)),
        _ => return format!("names stand alone here: {}", NAMES.join(", ")),
    };
    stands_for(site, known)
}

fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, known)| *known)
}

/// What a script may hold is fewer.
fn known_at(site: Site) -> impl Iterator<Item = &'static str> + Clone {
    let fits = move |name: &&str| site != Site::Run || HARMLESS_IN_RUN.contains(name) || *name == "inputs";
    NAMES.into_iter().filter(fits)
}

fn stands_for(site: Site, known: &str) -> String {
    if site == Site::Run && !HARMLESS_IN_RUN.contains(&known) {
        in_the_environment(known)
    } else {
        format!("write `{known}`")
    }
}

/// An expression, or what a script has instead.
fn at(site: Site, name: &str, expression: &str) -> String {
    if site == Site::Run { through_a_variable(name, expression) } else { format!("write `{expression}`") }
}

fn variable_at(site: Site, name: &str) -> String {
    if site == Site::Run {
        format!("every variable is in the environment: write `\"${name}\"`")
    } else {
        format!("write `{}`", written::member("variables", name))
    }
}
