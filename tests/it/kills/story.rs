//! A job that leaves a mark for every attempt, and waits for leave to end.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{AFTER_A_LEASE, Installation, Project, SOON, has_ended, job, one_job_with, wait_for};

pub struct Story<'a> {
    pub at: &'a Installation,
    pub project: Project<'a>,
    runs: PathBuf,
    leave: PathBuf,
}

impl<'a> Story<'a> {
    /// Its job is tried again where a runner was lost, which is nobody's fault.
    pub fn new(at: &'a Installation) -> Self {
        let number = at.number();
        let (runs, leave) = (at.note(&format!("runs-{number}")), at.note(&format!("leave-{number}")));
        let step = format!(
            "echo before; echo $PENSTOCK_COMMIT $PENSTOCK_ATTEMPT >> {}; until [ -e {} ]; do sleep 0.05; done; echo after",
            runs.display(),
            leave.display()
        );
        let retry = json!({ "retry": { "max": 3, "delay": "0s", "on": ["runner_lost", "dispatch_failed"] } });
        let project = Project::new(at, &one_job_with(&[&step], &retry));
        Self { at, project, runs, leave }
    }

    /// From now on its job comes to an end.
    pub fn let_go(&self) {
        std::fs::write(&self.leave, "").expect("a note can be written");
    }

    /// Every beginning of a step: its commit and its attempt.
    pub fn begun(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.runs).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn wait_until_begun(&self, attempts: usize) {
        let what = format!("{attempts} attempts to begin");
        wait_for(&what, AFTER_A_LEASE, || (self.begun().len() >= attempts).then_some(()));
    }

    /// Waits until the database has such rows, more closely than any user can.
    #[track_caller]
    pub fn wait_for_rows(&self, rows: &str) {
        let database = self.at.database();
        wait_for(rows, SOON, || (database.count(rows) > 0).then_some(()));
    }

    /// Lets it end, and holds that it ended well: once, with everything told, whatever died in between.
    #[track_caller]
    pub fn ends_well(&self, sha: &str) -> Value {
        self.let_go();
        let id = self.project.execution_of(sha);
        let ended = self.at.wait_long_for_execution(&id, "to end", AFTER_A_LEASE, has_ended);
        assert_eq!(ended["execution"]["status"], "succeeded", "{ended:#}");
        let attempt = job(&ended, "build", "app")["attempt"].as_u64().expect("a number");

        let begun: Vec<_> = self.begun().into_iter().filter(|line| line.starts_with(sha)).collect();
        let mut once = begun.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), begun.len(), "an attempt ran twice: {begun:?}");
        assert!((1..=attempt).contains(&(begun.len() as u64)), "{begun:?} of {attempt} attempts");
        let of_sha = self.project.executions().into_iter().filter(|one| one["commit_sha"] == sha).count();
        assert_eq!(of_sha, 1, "one push is one execution");
        if attempt == 1 {
            let log = self.at.log(&id);
            for line in ["| before\n", "| after\n"] {
                assert_eq!(log.matches(line).count(), 1, "{log}");
            }
        }
        let mut told: Vec<_> = self.project.statuses(sha).into_iter().map(|status| status.state).collect();
        // An answer that died with the server is asked for again.
        told.dedup();
        assert_eq!(told, ["pending", "success"]);
        self.at.at_rest();
        ended
    }
}
