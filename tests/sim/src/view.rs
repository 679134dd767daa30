//! An execution as the tables have it, read by the simulator's own SQL.

use penstock_domain::Timestamp;
use penstock_store::{Row, Value};

use crate::database::Database;

#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    pub id: String,
    pub pipeline_id: String,
    pub pipeline: String,
    pub number: i64,
    pub status: String,
    pub reason: Option<String>,
    pub created_at: Option<i64>,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub stages_total: i64,
    pub stages_completed: i64,
    pub stages_failed: i64,
    pub own_limit: Option<i64>,
    pub branch: String,
    pub event: String,
    pub commit: Option<String>,
    pub retry_of: Option<String>,
    pub event_key: Option<String>,
    /// It brings back an earlier version.
    pub takes_back: bool,
    pub has_target: bool,
    pub timeout_ms: i64,
    /// How it ends, once what cleans up has ended.
    pub ending: Option<(String, String)>,
    pub group: Option<String>,
    pub priority: i64,
    pub stages: Vec<Stage>,
    pub timers: Vec<Timer>,
    pub deployments: Vec<Deployment>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub id: String,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub jobs_total: i64,
    pub jobs_finished: i64,
    pub jobs_failed: i64,
    pub jobs: Vec<Job>,
    pub gates: Vec<Gate>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: String,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub attempt: i64,
    pub ready_at: Option<i64>,
    pub runner_id: Option<String>,
    pub assigned_at: Option<i64>,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub is_carried: bool,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub status: String,
    pub reason: Option<String>,
    pub exit_code: Option<i64>,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub name: String,
    pub status: String,
    pub actual: Option<f64>,
    pub is_blocker: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Timer {
    pub kind: String,
    pub stage_id: Option<String>,
    pub job_id: Option<String>,
    pub attempt: Option<i64>,
    pub due_at: Option<i64>,
    /// Of its stage's approval. Its own time may be later, where it rang in vain.
    pub approval_expires_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    pub id: String,
    pub stage_id: String,
    pub environment_id: String,
    pub version: String,
    pub status: String,
    pub health_check_passed: Option<i64>,
    pub rollback_of: Option<String>,
    pub approval: Option<String>,
}

pub fn is_final(status: &str) -> bool {
    !matches!(status, "pending" | "running" | "queued")
}

impl Execution {
    pub fn is_final(&self) -> bool {
        is_final(&self.status)
    }

    pub fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|s| s.id == id)
    }

    pub fn job(&self, id: &str) -> Option<&Job> {
        self.stages.iter().flat_map(|s| &s.jobs).find(|j| j.id == id)
    }
}

impl Stage {
    pub fn is_final(&self) -> bool {
        is_final(&self.status)
    }
}

impl Job {
    pub fn is_final(&self) -> bool {
        is_final(&self.status)
    }
}

fn text(row: &Row, column: usize) -> String {
    row.text(column).unwrap_or_default().to_owned()
}

fn optional(row: &Row, column: usize) -> Option<String> {
    row.optional_text(column).ok().flatten().map(str::to_owned)
}

fn integer(row: &Row, column: usize) -> i64 {
    row.integer(column).unwrap_or(0)
}

fn optional_integer(row: &Row, column: usize) -> Option<i64> {
    row.integer(column).ok()
}

fn time(row: &Row, column: usize) -> Option<i64> {
    row.optional_parse::<Timestamp>(column).ok().flatten().map(Timestamp::as_millis)
}

/// The whole of one execution.
pub fn execution(database: &Database, id: &str) -> Option<Execution> {
    let rows = database.look(
        "SELECT e.id, e.pipeline_id, p.pipeline_name, e.execution_number, e.status, e.reason, e.created_at, e.started_at,
           e.completed_at, e.stages_total, e.stages_completed, e.stages_failed, e.concurrency_limit, e.branch_name,
           e.trigger_event, e.commit_sha, e.retry_of, e.context ->> '$.takes_back' IS NOT NULL,
           e.context ->> '$.target' IS NOT NULL, e.timeout_ms, e.ending ->> '$.status', e.ending ->> '$.reason',
           e.concurrency_key, e.priority, e.event_key
         FROM pipeline_executions AS e JOIN pipeline_configurations AS p ON p.id = e.pipeline_id WHERE e.id = ?1",
        [id],
    );
    let r = rows.first()?;
    Some(Execution {
        id: text(r, 0),
        pipeline_id: text(r, 1),
        pipeline: text(r, 2),
        number: integer(r, 3),
        status: text(r, 4),
        reason: optional(r, 5),
        created_at: time(r, 6),
        started_at: time(r, 7),
        completed_at: time(r, 8),
        stages_total: integer(r, 9),
        stages_completed: integer(r, 10),
        stages_failed: integer(r, 11),
        own_limit: optional_integer(r, 12),
        branch: text(r, 13),
        event: text(r, 14),
        commit: optional(r, 15),
        retry_of: optional(r, 16),
        takes_back: integer(r, 17) == 1,
        has_target: integer(r, 18) == 1,
        timeout_ms: integer(r, 19),
        ending: optional(r, 20).zip(optional(r, 21)),
        group: optional(r, 22),
        priority: integer(r, 23),
        event_key: optional(r, 24),
        stages: stages(database, id),
        timers: timers(database, id),
        deployments: deployments(database, id),
    })
}

fn stages(database: &Database, id: &str) -> Vec<Stage> {
    let rows = database.look(
        "SELECT id, stage_name, status, reason, started_at, completed_at, jobs_total, jobs_finished, jobs_failed
         FROM pipeline_stages WHERE execution_id = ?1 ORDER BY stage_order",
        [id],
    );
    let mut stages: Vec<_> = rows
        .iter()
        .map(|r| Stage {
            id: text(r, 0),
            name: text(r, 1),
            status: text(r, 2),
            reason: optional(r, 3),
            started_at: time(r, 4),
            completed_at: time(r, 5),
            jobs_total: integer(r, 6),
            jobs_finished: integer(r, 7),
            jobs_failed: integer(r, 8),
            jobs: vec![],
            gates: vec![],
        })
        .collect();
    for (stage, job) in jobs(database, id) {
        if let Some(stage) = stages.iter_mut().find(|s| s.id == stage) {
            stage.jobs.push(job);
        }
    }
    let gates = database.look(
        "SELECT stage_id, gate_name, status, actual_value, blocker FROM quality_gate_evaluations WHERE execution_id = ?1",
        [id],
    );
    for r in &gates {
        let actual = match r.0.get(3) {
            Some(Value::Real(actual)) => Some(*actual),
            #[allow(clippy::cast_precision_loss, reason = "a few tests")]
            Some(Value::Integer(actual)) => Some(*actual as f64),
            _ => None,
        };
        let gate = Gate { name: text(r, 1), status: text(r, 2), actual, is_blocker: integer(r, 4) == 1 };
        if let Some(stage) = stages.iter_mut().find(|s| s.id == text(r, 0)) {
            stage.gates.push(gate);
        }
    }
    stages
}

fn jobs(database: &Database, id: &str) -> Vec<(String, Job)> {
    let rows = database.look(
        "SELECT stage_id, id, job_name, status, reason, attempt, ready_at, runner_id, assigned_at, started_at,
           completed_at, carried_from IS NOT NULL
         FROM jobs WHERE execution_id = ?1 ORDER BY job_order, id",
        [id],
    );
    let mut jobs: Vec<_> = rows
        .iter()
        .map(|r| {
            let job = Job {
                id: text(r, 1),
                name: text(r, 2),
                status: text(r, 3),
                reason: optional(r, 4),
                attempt: integer(r, 5),
                ready_at: time(r, 6),
                runner_id: optional(r, 7),
                assigned_at: time(r, 8),
                started_at: time(r, 9),
                completed_at: time(r, 10),
                is_carried: integer(r, 11) == 1,
                steps: vec![],
            };
            (text(r, 0), job)
        })
        .collect();
    let steps = database.look(
        "SELECT s.job_id, s.status, s.reason, s.exit_code, s.started_at, s.completed_at
         FROM jobs AS j CROSS JOIN steps AS s ON s.job_id = j.id WHERE j.execution_id = ?1 ORDER BY s.step_order",
        [id],
    );
    for r in &steps {
        let step = Step {
            status: text(r, 1),
            reason: optional(r, 2),
            exit_code: optional_integer(r, 3),
            started_at: time(r, 4),
            completed_at: time(r, 5),
        };
        let of = text(r, 0);
        if let Some((_, job)) = jobs.iter_mut().find(|(_, job)| job.id == of) {
            job.steps.push(step);
        }
    }
    jobs
}

fn timers(database: &Database, id: &str) -> Vec<Timer> {
    let rows = database.look(
        "SELECT t.kind, t.stage_id, t.job_id, t.attempt, t.due_at,
           (SELECT a.expires_at FROM pipeline_approvals AS a WHERE a.stage_id = t.stage_id)
         FROM timers AS t WHERE t.execution_id = ?1",
        [id],
    );
    let timer = |r: &Row| Timer {
        kind: text(r, 0),
        stage_id: optional(r, 1),
        job_id: optional(r, 2),
        attempt: optional_integer(r, 3),
        due_at: time(r, 4),
        approval_expires_at: time(r, 5),
    };
    rows.iter().map(timer).collect()
}

fn deployments(database: &Database, id: &str) -> Vec<Deployment> {
    let rows = database.look(
        "SELECT d.id, d.stage_id, d.environment_id, d.version, d.status, d.health_check_passed, d.rollback_of,
           (SELECT a.status FROM pipeline_approvals AS a WHERE a.stage_id = d.stage_id)
         FROM deployments AS d WHERE d.execution_id = ?1 ORDER BY d.id",
        [id],
    );
    let deployment = |r: &Row| Deployment {
        id: text(r, 0),
        stage_id: text(r, 1),
        environment_id: text(r, 2),
        version: text(r, 3),
        status: text(r, 4),
        health_check_passed: optional_integer(r, 5),
        rollback_of: optional(r, 6),
        approval: optional(r, 7),
    };
    rows.iter().map(deployment).collect()
}
