//! Executions, test results and deployments put straight into the tables, beside what a slow reader makes of them.

use penstock_domain::{ExecutionStatus, PipelineId, Timestamp};
use penstock_metrics::{Date, DayRow, FinishedDeployment, FinishedExecution, Records, TestFacts};
use penstock_store::Store;
use penstock_testkit::database::{Database, migrated, now_or_never};

pub const DAY_MS: i64 = 86_400_000;
pub const ENVIRONMENTS: [&str; 4] = ["production", "staging", "production", "hotfix"];

/// Numbers that look arbitrary and are the same each time.
pub struct Arbitrary(pub u64);

impl Arbitrary {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

pub struct RawExecution {
    pub id: String,
    pub pipeline: usize,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    completed_at: Timestamp,
    status: ExecutionStatus,
    /// Of its job: the results of this one count, those of the ones before do not.
    attempt: u64,
    results: Vec<TestFacts>,
    /// Also of attempts that do not count.
    reports: usize,
}

pub struct RawDeployment {
    id: String,
    pipeline: usize,
    environment: usize,
    /// The execution's creation, where the commit's own time is not known.
    since: Timestamp,
    completed_at: Timestamp,
    is_rollback: bool,
    status: &'static str,
    /// Nobody refused it before anything was touched.
    began: bool,
}

/// What was put into the database, remembered.
pub struct History<'a> {
    pub database: &'a Database,
    pub store: Store<&'a Database>,
    pub pipelines: Vec<PipelineId>,
    pub executions: Vec<RawExecution>,
    pub deployments: Vec<RawDeployment>,
    pub any: Arbitrary,
}

impl<'a> History<'a> {
    pub fn new(database: &'a Database, seed: u64) -> Self {
        let store = now_or_never(migrated(database));
        let id = |n: u8| PipelineId(penstock_domain::id::uuid_v7(Timestamp::from_millis(1), [n; 10]));
        let pipelines = vec![id(1), id(2), id(3)];
        for (n, pipeline) in pipelines.iter().enumerate() {
            let sql = "INSERT INTO pipeline_configurations (id, pipeline_name, pipeline_type, repository_url,
                repository_key, created_by, created_at, updated_at)
              VALUES (?1, ?2, 'deploy', '', '', 'ada', '', '')";
            database.raw().execute(sql, (pipeline.to_string(), format!("p{n}"))).unwrap();
        }
        for (n, kind) in ENVIRONMENTS.iter().enumerate() {
            let sql =
                "INSERT INTO deployment_environments (id, environment_name, environment_type, created_by,
                created_at, updated_at)
              VALUES (?1, ?2, ?3, 'ada', '', '')";
            database.raw().execute(sql, (n.to_string(), format!("e{n}"), kind)).unwrap();
        }
        Self { database, store, pipelines, executions: vec![], deployments: vec![], any: Arbitrary(seed) }
    }

    /// An execution that ended at that moment; some end as they are created, the others run first.
    pub fn execute(&mut self, completed_at: Timestamp) -> usize {
        let any = &mut self.any;
        let status = match any.below(10) {
            0..=5 => ExecutionStatus::Succeeded,
            6 | 7 => ExecutionStatus::Failed,
            8 => ExecutionStatus::Timeout,
            _ => ExecutionStatus::Cancelled,
        };
        let started_at = (!any.one_in(15)).then(|| completed_at.plus_ms(-(any.below(4_000_000) as i64)));
        let created_at = started_at.unwrap_or(completed_at).plus_ms(-(any.below(90_000) as i64));
        let raw = RawExecution {
            id: format!("x{}", self.executions.len()),
            pipeline: any.below(3) as usize,
            created_at,
            started_at,
            completed_at,
            status,
            attempt: 1 + any.below(3),
            results: vec![],
            reports: 0,
        };
        self.insert(&raw);
        self.executions.push(raw);
        self.executions.len() - 1
    }

    fn insert(&mut self, raw: &RawExecution) {
        let ended = (raw.status.as_str(), Some(raw.completed_at.to_string()), raw.seconds());
        let at_once = self.any.one_in(4);
        let (status, completed, seconds) = if at_once { ended.clone() } else { ("running", None, None) };
        let sql = "INSERT INTO pipeline_executions (id, pipeline_id, execution_number, branch_name, trigger_event,
            context, timeout_ms, commit_author, status, started_at, completed_at, duration_seconds, created_at)
          VALUES (?1, ?2, ?3, 'main', 'push', '{}', 1, 'ada', ?4, ?5, ?6, ?7, ?8)";
        let started = raw.started_at.map(|at| at.to_string());
        let (pipeline, number) = (self.pipelines[raw.pipeline].to_string(), self.executions.len() as i64);
        let created = raw.created_at.to_string();
        let row = (&raw.id, pipeline, number, status, started, completed, seconds, created);
        self.database.raw().prepare_cached(sql).unwrap().execute(row).unwrap();
        self.insert_stage(&raw.id, 0);
        let sql = "INSERT INTO jobs (id, execution_id, stage_id, job_name, job_order, runs_on, spec, status, attempt,
            created_at)
          VALUES (?1, ?1, ?1 || '-0', 'j', 0, '[]', '{}', 'succeeded', ?2, '')";
        self.database.raw().prepare_cached(sql).unwrap().execute((&raw.id, raw.attempt as i64)).unwrap();
        if !at_once {
            let sql = "UPDATE pipeline_executions SET status = ?2, completed_at = ?3, duration_seconds = ?4
              WHERE id = ?1";
            let row = (&raw.id, ended.0, ended.1, ended.2);
            self.database.raw().prepare_cached(sql).unwrap().execute(row).unwrap();
        }
    }

    /// The stage is named after the execution and its place.
    pub fn insert_stage(&self, execution: &str, order: usize) -> String {
        let id = format!("{execution}-{order}");
        let sql =
            "INSERT INTO pipeline_stages (id, execution_id, stage_name, stage_type, stage_order, status,
            jobs_total, created_at)
          VALUES (?1, ?2, ?1, 'deploy', ?3, 'succeeded', 1, '')";
        self.database.raw().prepare_cached(sql).unwrap().execute((&id, execution, order as i64)).unwrap();
        id
    }

    /// Adds a report to an execution, whenever that ended: of tests or of coverage, of the last attempt or of one
    /// before it.
    pub fn report(&mut self, execution: usize) {
        let any = &mut self.any;
        let raw = &mut self.executions[execution];
        let (format, facts) = if any.one_in(3) {
            let coverage = Some(any.below(10_001) as f64 / 100.0);
            ("lcov", TestFacts { passed: 0, failed: 0, coverage })
        } else {
            ("junit", TestFacts { passed: any.below(500), failed: any.below(9), coverage: None })
        };
        let attempt = if any.one_in(3) { 1 + any.below(raw.attempt) } else { raw.attempt };
        let skipped = if format == "junit" { 7 } else { 0 };
        let sql = "INSERT INTO test_results (id, execution_id, stage_id, job_id, attempt, format, report_path,
            suite_order, test_suite, test_type, total_tests, passed_tests, failed_tests, skipped_tests,
            coverage_percentage, created_at)
          VALUES (?1 || '-' || ?2, ?1, ?1 || '-0', ?1, ?3, ?4, 'r', ?2, 's', 'unit', ?5 + ?6 + ?7, ?5, ?6, ?7, ?8, '')";
        let (passed, failed) = (facts.passed as i64, facts.failed as i64);
        let row =
            (&raw.id, raw.reports as i64, attempt as i64, format, passed, failed, skipped, facts.coverage);
        self.database.raw().execute(sql, row).unwrap();
        raw.reports += 1;
        if attempt == raw.attempt {
            raw.results.push(facts);
        }
    }

    /// A deployment by that execution, which ends at that moment.
    pub fn deploy(&mut self, execution: usize, completed_at: Timestamp) -> usize {
        let by = &self.executions[execution];
        let any = &mut self.any;
        let commit_at = (!any.one_in(3)).then(|| completed_at.plus_ms(-(any.below(9_000_000) as i64)));
        let began = !any.one_in(6);
        let ends = ["deployed", "deployed", "failed", "health_check_failed"];
        let raw = RawDeployment {
            id: format!("d{}", self.deployments.len()),
            pipeline: by.pipeline,
            environment: any.below(4) as usize,
            since: commit_at.unwrap_or(by.created_at),
            completed_at,
            is_rollback: any.one_in(8),
            status: if began { ends[any.below(4) as usize] } else { "failed" },
            began,
        };
        let stage = self.insert_stage(&by.id, 1 + self.deployments.len());
        let sql = "INSERT INTO deployments (id, execution_id, stage_id, pipeline_id, environment_id,
            deployment_strategy, version, commit_at, rollback_of, status, initiated_at, created_at)
          VALUES (?1, ?2, ?3, ?4, ?5, 'rolling', '1', ?6, ?7, 'initiated', ?8, '')";
        let pipeline = self.pipelines[raw.pipeline].to_string();
        let of = raw.is_rollback.then_some(&raw.id);
        let (environment, commit_at) = (raw.environment.to_string(), commit_at.map(|at| at.to_string()));
        let ended = completed_at.to_string();
        let row = (&raw.id, &by.id, stage, pipeline, environment, commit_at, of, &ended);
        self.database.raw().execute(sql, row).unwrap();
        let sql = "UPDATE deployments SET status = ?2, started_at = ?3, completed_at = ?4 WHERE id = ?1";
        let started = raw.began.then_some(&ended);
        self.database.raw().execute(sql, (&raw.id, raw.status, started, &ended)).unwrap();
        self.deployments.push(raw);
        self.deployments.len() - 1
    }

    /// A deployment that stood until now turns out to be bad.
    pub fn withdraw(&mut self, deployment: usize) {
        let raw = &mut self.deployments[deployment];
        if raw.status == "deployed" {
            raw.status = "rolled_back";
            let change = if self.any.one_in(2) { "rollback_triggered = 1" } else { "status = 'rolled_back'" };
            let sql = format!("UPDATE deployments SET {change} WHERE id = ?1");
            self.database.raw().execute(&sql, [&raw.id]).unwrap();
        }
    }

    /// The day as it must be, looking at everything there is.
    pub fn expected(&self, date: Date, pipeline: Option<usize>) -> DayRow {
        let is_wanted = |p: usize, at: Timestamp| pipeline.is_none_or(|w| w == p) && Date::of(at) == date;
        let executions = self.executions.iter().filter(|e| is_wanted(e.pipeline, e.completed_at));
        let deployments =
            self.deployments.iter().filter(|d| d.began && is_wanted(d.pipeline, d.completed_at));
        let records = Records {
            executions: executions.map(RawExecution::record).collect(),
            deployments: deployments.map(|d| self.record(d)).collect(),
        };
        DayRow::of(date, pipeline.map(|p| self.pipelines[p]), &records)
    }

    fn record(&self, raw: &RawDeployment) -> FinishedDeployment {
        let heals = |d: &&RawDeployment| {
            (d.pipeline, d.environment, d.status) == (raw.pipeline, raw.environment, "deployed")
                && d.completed_at > raw.completed_at
        };
        let recovered_at = self.deployments.iter().filter(heals).map(|d| d.completed_at).min();
        FinishedDeployment {
            is_production: ENVIRONMENTS[raw.environment] == "production",
            is_rollback: raw.is_rollback,
            is_failed: raw.status != "deployed",
            lead_ms: Some(raw.completed_at.since_ms(raw.since) as u64),
            recovery_ms: recovered_at.map(|at| at.since_ms(raw.completed_at) as u64),
        }
    }
}

impl RawExecution {
    fn seconds(&self) -> Option<f64> {
        let from = self.started_at.unwrap_or(self.completed_at);
        Some(self.completed_at.since_ms(from) as f64 / 1_000.0)
    }

    fn record(&self) -> FinishedExecution {
        let coverages: Vec<f64> = self.results.iter().filter_map(|t| t.coverage).collect();
        let mean = || coverages.iter().sum::<f64>() / coverages.len() as f64;
        let tests = TestFacts {
            passed: self.results.iter().map(|t| t.passed).sum(),
            failed: self.results.iter().map(|t| t.failed).sum(),
            coverage: (!coverages.is_empty()).then(mean),
        };
        FinishedExecution {
            status: self.status,
            duration_ms: self.started_at.map(|at| self.completed_at.since_ms(at) as u64),
            queue_ms: self.started_at.map(|at| at.since_ms(self.created_at) as u64),
            tests: (!self.results.is_empty()).then_some(tests),
        }
    }
}
