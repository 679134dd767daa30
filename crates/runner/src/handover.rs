//! What the steps of a job hand on by files: outputs, variables for the steps after them, and jobs to be added.
//!
//! Each step has paths of its own, at which nothing is until it writes there. Does not decide what follows from a file
//! that can't be used, and sends nothing.

use std::collections::BTreeMap;
use std::path::Path;

use penstock_api::runner::{MAX_ADDED_JOBS_BYTES, MAX_OUTPUT_BYTES, MAX_OUTPUTS, MAX_OUTPUTS_BYTES};
use penstock_pipeline::check_parameter_name;
use penstock_pipeline::limits::MAX_NAME_CHARS;

use crate::assignments;
use crate::folder::AttemptFolder;
use crate::outbox::Outbox;
use crate::text_file;

/// The variables that name the files, and what the files are called.
pub const FILES: [(&str, &str); 3] = [OUTPUTS, VARIABLES, JOBS];
const OUTPUTS: (&str, &str) = ("PENSTOCK_OUTPUT", "output");
const VARIABLES: (&str, &str) = ("PENSTOCK_ENV", "env");
const JOBS: (&str, &str) = ("PENSTOCK_JOBS", "jobs");

/// More than any of the files may come to when all that is in it is written at length.
const MAX_FILE_BYTES: usize = MAX_ADDED_JOBS_BYTES;

type Values = BTreeMap<String, String>;

/// What has been handed on so far.
#[derive(Default)]
pub struct Handover {
    /// By the step's index, where it set any.
    outputs: BTreeMap<usize, Values>,
    /// For the environment of the steps to come.
    variables: Values,
}

impl Handover {
    /// Takes in what a step that has ended wrote. Of a file that can't be used nothing is.
    ///
    /// # Errors
    /// A sentence for the log.
    pub fn take(&mut self, step: usize, folder: &AttemptFolder) -> Result<(), String> {
        let variables = self.variables_of(step, folder);
        let outputs = self.outputs_of(step, folder);
        variables.map_err(|why| format!("The variables that the step set can't be used: {why}."))?;
        outputs.map_err(|why| format!("The outputs of the step can't be used: {why}."))
    }

    pub const fn variables(&self) -> &Values {
        &self.variables
    }

    pub fn outputs(&self, step: usize) -> Option<&Values> {
        self.outputs.get(&step)
    }

    /// The outputs that a job told to hand on; the step that set one last wins. What is left out is said in the log.
    pub fn declared(&self, names: &[String], outbox: &Outbox) -> Values {
        let mut declared = Values::new();
        for name in names {
            match self.outputs.values().rev().find_map(|set| set.get(name)) {
                None => outbox.say(None, &format!("No step set the output `{name}`.")),
                Some(value) if outbox.redactor().mask(value) != *value => {
                    outbox.say(None, &format!("The output `{name}` holds a secret, and is left out."));
                }
                Some(value) => drop(declared.insert(name.clone(), value.clone())),
            }
        }
        declared
    }

    fn outputs_of(&mut self, step: usize, folder: &AttemptFolder) -> Result<(), String> {
        let Some(text) = read(&folder.handed_on(step, OUTPUTS.1))? else { return Ok(()) };
        let set = values(&text, check_output_name)?;
        check_size(self.outputs.values().flatten().chain(&set), "outputs")?;
        self.outputs.insert(step, set);
        Ok(())
    }

    fn variables_of(&mut self, step: usize, folder: &AttemptFolder) -> Result<(), String> {
        let Some(text) = read(&folder.handed_on(step, VARIABLES.1))? else { return Ok(()) };
        let set = values(&text, check_parameter_name)?;
        let others = self.variables.iter().filter(|(name, _)| !set.contains_key(*name));
        check_size(others.chain(&set), "variables")?;
        self.variables.extend(set);
        Ok(())
    }
}

/// The jobs that a step wants added to its stage; None where it wants none.
///
/// # Errors
/// A sentence for the log.
pub fn jobs(step: usize, folder: &AttemptFolder) -> Result<Option<String>, String> {
    read(&folder.handed_on(step, JOBS.1))
        .map_err(|why| format!("The jobs that the step wants to add can't be used: {why}."))
}

/// None where there is no file, or nothing in it.
fn read(path: &Path) -> Result<Option<String>, String> {
    let text = text_file::read(path, MAX_FILE_BYTES).map_err(|error| error.to_string())?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}

fn values(text: &str, check_name: impl Fn(&str) -> Result<(), String>) -> Result<Values, String> {
    let mut set = Values::new();
    for (name, value) in assignments::parse(text)? {
        check_name(name)?;
        if value.len() > MAX_OUTPUT_BYTES {
            return Err(format!("`{name}` has more than {} KiB", MAX_OUTPUT_BYTES >> 10));
        }
        if value.contains('\0') {
            return Err(format!("`{name}` holds a zero byte"));
        }
        set.insert(name.to_owned(), value);
    }
    if set.len() > MAX_OUTPUTS {
        return Err(format!("a step can set at most {MAX_OUTPUTS}, and these are {}", set.len()));
    }
    Ok(set)
}

/// What a job can name in its `outputs`.
fn check_output_name(name: &str) -> Result<(), String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins
        && name.len() <= MAX_NAME_CHARS
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    {
        return Ok(());
    }
    let shown: String = name.escape_debug().take(MAX_NAME_CHARS).collect();
    Err(format!(
        "`{shown}` can't be an output: up to {MAX_NAME_CHARS} letters, digits, `_` and `-` can, not beginning with a digit"
    ))
}

fn check_size<'a>(all: impl Iterator<Item = (&'a String, &'a String)>, what: &str) -> Result<(), String> {
    if all.map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_OUTPUTS_BYTES {
        return Err(format!(
            "with them, the {what} of this job have more than {} KiB",
            MAX_OUTPUTS_BYTES >> 10
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::redact::Redactor;

    struct Scene {
        base: PathBuf,
        folder: AttemptFolder,
        handover: Handover,
    }

    impl Scene {
        fn new() -> Self {
            let name = format!("penstock-handover-{:x}", crate::backoff::random_u64());
            let base = std::env::temp_dir().join(name);
            let folder = AttemptFolder::create(base.clone()).unwrap();
            Self { base, folder, handover: Handover::default() }
        }

        fn outputs(&mut self, step: usize, text: impl AsRef<[u8]>) -> Result<(), String> {
            fs::write(self.folder.handed_on(step, "output"), text).unwrap();
            self.handover.take(step, &self.folder)
        }

        fn variables(&mut self, step: usize, text: &str) -> Result<(), String> {
            fs::write(self.folder.handed_on(step, "env"), text).unwrap();
            self.handover.take(step, &self.folder)
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.base);
        }
    }

    #[test]
    fn a_step_that_says_nothing_hands_on_nothing() {
        let mut scene = Scene::new();
        assert_eq!(scene.handover.take(0, &scene.folder), Ok(()));
        assert_eq!(scene.outputs(0, "\n"), Ok(()));
        assert_eq!((scene.handover.outputs(0), scene.handover.variables().len()), (None, 0));
        assert_eq!(jobs(0, &scene.folder), Ok(None));
    }

    #[test]
    fn the_step_that_set_an_output_last_wins() {
        let mut scene = Scene::new();
        scene.outputs(0, "a=1\nb=1\na=2").unwrap();
        scene.outputs(3, "b=2\nwith-dash=x").unwrap();
        assert_eq!(scene.handover.outputs(0).unwrap()["a"], "2");
        let outbox = Outbox::new(Redactor::default(), scene.base.join("log"));
        let names = ["a", "b"].map(str::to_owned);
        let declared = scene.handover.declared(&names, &outbox);
        assert_eq!(declared, [("a", "2"), ("b", "2")].map(|(n, v)| (n.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn what_can_not_be_used_is_told_and_nothing_of_it_is_taken() {
        let mut scene = Scene::new();
        let long = "x".repeat(MAX_OUTPUT_BYTES);
        let many: String = (0..=MAX_OUTPUTS).map(|n| format!("n{n}=\n")).collect();
        let all: String = (0..8).map(|n| format!("n{n}={long}\n")).collect();
        for (text, complaint) in [
            ("a=1\nno".into(), "line 2 has neither"),
            ("a=1\n1b=1".into(), "`1b` can't be an output"),
            ("a=1\n b=1".into(), "` b` can't be an output"),
            (format!("a=1\nb={long}x"), "`b` has more than 8 KiB"),
            ("a=1\nb=\0".into(), "`b` holds a zero byte"),
            (many, "at most 64, and these are 65"),
            (all, "the outputs of this job have more than 64 KiB"),
            (" ".repeat(MAX_FILE_BYTES + 1), "the file has more than 256 KiB"),
        ] {
            let refused = scene.outputs(0, text).unwrap_err();
            assert!(refused.starts_with("The outputs of the step can't be used: "), "{refused}");
            assert!(refused.contains(complaint), "{refused}");
            assert_eq!(scene.handover.outputs(0), None);
        }
        assert!(scene.outputs(0, b"a=\xff").unwrap_err().contains("no text in UTF-8"));
    }

    #[test]
    fn variables_that_would_change_what_runs_are_refused() {
        let mut scene = Scene::new();
        for name in ["PATH", "LD_PRELOAD", "GIT_DIR", "BASH_ENV", "PENSTOCK_JOB", "a b", ""] {
            let refused = scene.variables(0, &format!("FINE=1\n{name}=x")).unwrap_err();
            assert!(refused.starts_with("The variables that the step set can't be used: `"), "{refused}");
        }
        assert!(scene.handover.variables().is_empty());
        scene.variables(1, "A=1\nB=1").unwrap();
        scene.variables(2, "B=2").unwrap();
        assert_eq!((&*scene.handover.variables()["A"], &*scene.handover.variables()["B"]), ("1", "2"));
    }

    #[test]
    fn a_variable_that_is_set_again_counts_once() {
        let mut scene = Scene::new();
        let long = "x".repeat(MAX_OUTPUT_BYTES);
        for step in 0..20 {
            assert_eq!(scene.variables(step, &format!("A={long}")), Ok(()));
        }
    }
}
