//! What the world outside of the server knows: what it sent and was answered, what runners did, what the forge was told.
//!
//! Invariants are judged by this, never by what the server says of itself alone.

use std::collections::{BTreeMap, BTreeSet};

use penstock_domain::{JobId, Reason, RunnerId, WorkStatus};

#[derive(Debug, Default)]
pub struct Facts {
    /// Webhooks that were accepted, by the forge's id of them.
    pub accepted: BTreeMap<String, Delivery>,
    pub attempts: BTreeMap<(JobId, u32), Attempt>,
    /// By their index in the scenario.
    pub runners: BTreeMap<usize, RunnerFacts>,
    /// In the order in which the forge was told.
    pub told: Vec<Told>,
    /// Executions that were answered to whoever asked for them with a key.
    pub keyed: BTreeMap<String, Vec<String>>,
    /// Retries that were asked for, by their keys: whether of what failed alone, and from which stage on.
    pub retries: BTreeMap<String, (bool, Option<String>)>,
    /// Executions that somebody wanted to end at once.
    pub forced: BTreeSet<String>,
    /// Log lines that were answered as kept.
    pub lines: BTreeMap<(JobId, u32), Vec<String>>,
}

#[derive(Debug, Clone)]
pub struct Delivery {
    /// What `What` it tells of, as the index of the deed.
    pub deed: usize,
}

/// One attempt as the runners have it.
#[derive(Debug, Default, Clone)]
pub struct Attempt {
    /// Those that took it, each once.
    pub taken_by: Vec<usize>,
    /// The latest end of its lease that the server has answered a heartbeat with.
    pub lease_until_ms: Option<i64>,
    /// What the runner says that it came to.
    pub said: Option<(WorkStatus, Option<Reason>)>,
    /// Its end was reported and answered with a success.
    pub reported: Option<(WorkStatus, Option<Reason>)>,
    /// The runner did as it should all the time.
    pub is_honest: bool,
    /// The runner said that the steps came to what they did.
    pub reports_handed_in: bool,
}

#[derive(Debug, Default, Clone)]
pub struct RunnerFacts {
    pub id: Option<RunnerId>,
    pub token: String,
    /// What it works on now.
    pub running: Vec<(JobId, u32)>,
    /// It was told to end these.
    pub cancelled: Vec<(JobId, u32)>,
}

/// A commit status that the forge has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub repository: String,
    pub sha: String,
    pub context: String,
    pub state: String,
    pub description: String,
    pub execution: String,
}
