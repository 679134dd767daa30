//! What a step runs: its own text, or that of an action in the repository, with what the action is told.
//!
//! How an action is written, the pipeline crate knows. It lies in the workspace, also when its links are followed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use penstock_api::runner::StepRequest;
use penstock_pipeline::limits::MAX_SOURCE_BYTES;
use penstock_pipeline::parse_action;

use crate::{step, text_file};

/// An action's text is in one of these.
const FILES: [&str; 2] = ["action.yml", "action.yaml"];
/// The variable that tells an action where it lies.
const FOLDER: &str = "PENSTOCK_ACTION_PATH";

/// What is to be run, and what it finds in its environment beside what every step does.
pub struct Task {
    pub text: String,
    pub shell: String,
    pub variables: BTreeMap<OsString, OsString>,
}

impl Task {
    /// # Errors
    /// A sentence for the log; further lines say what else is wrong.
    pub fn of(step: &StepRequest, workspace: &Path) -> Result<Self, String> {
        let Some(uses) = &step.uses else {
            let (text, shell) = (step.run.clone(), step.shell.clone());
            return Ok(Self { text, shell, variables: BTreeMap::new() });
        };
        Self::of_action(uses, &step.with, workspace)
            .map_err(|why| format!("The action `{uses}` can't be used: {why}"))
    }

    fn of_action(uses: &str, with: &BTreeMap<String, String>, workspace: &Path) -> Result<Self, String> {
        let folder = below(workspace, uses)?;
        let (name, text) = read(workspace, uses)?;
        let action = parse_action(&text).map_err(|wrong| {
            lines(wrong.iter().map(|d| format!("{name}:{}:{}: {}", d.line, d.column, d.message)))
        })?;
        let given = action.environment(with).map_err(|problems| {
            lines(problems.iter().map(|problem| format!("`{}` {}", problem.name, problem.message)))
        })?;
        let mut variables: BTreeMap<OsString, OsString> =
            given.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        variables.insert(FOLDER.into(), folder.into());
        Ok(Self { text: action.run, shell: action.shell, variables })
    }
}

/// What an action says of itself, and the name of its file.
fn read(workspace: &Path, uses: &str) -> Result<(&'static str, String), String> {
    for name in FILES {
        let file = below(workspace, &format!("{uses}/{name}"))?;
        if let Some(text) = text_file::read(&file, MAX_SOURCE_BYTES).map_err(|error| format!("{error}."))? {
            return Ok((name, text));
        }
    }
    let [one, other] = FILES;
    Err(format!("there is no `{one}` and no `{other}` in that folder of the workspace."))
}

/// The path without links. What is not there is nowhere else either.
fn below(workspace: &Path, relative: &str) -> Result<PathBuf, String> {
    match step::below(workspace, relative) {
        Ok(Some(path)) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(workspace.join(relative)),
        Ok(None) => Err("it leads out of the workspace; give a folder below it.".to_owned()),
        Err(error) => Err(format!("it can't be looked at ({error}).")),
    }
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join("\n")
}
