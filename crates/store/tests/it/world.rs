//! A database with a pipeline and a runner in it, and a clock that moves when told.

use std::cell::Cell;

use penstock_api::view;
use penstock_domain::{ExecutionId, ExecutionStatus, JobId, PipelineId, RunnerId, Timestamp, WorkStatus};
use penstock_engine::{
    Admission, Changes, Decision, Event, ExecutionContext, Group, JobReport, Moment, NewExecution, Origin,
    Refusal, RunnerReport, Work, create, decide,
};
use penstock_pipeline::{RunContext, parse, plan};
use penstock_store::{Cause, Entry, Pipeline, Runner, Store, StoreError};
use penstock_testkit::database::{Database, migrated, now_or_never};

pub const CANCEL: Event = Event::Cancel { reason: penstock_domain::Reason::CancelledByUser, force: false };

pub struct World<'a> {
    pub store: Store<&'a Database>,
    pub database: &'a Database,
    pub pipeline: PipelineId,
    pub runner: RunnerId,
    /// Their names.
    pub environments: std::cell::RefCell<Vec<String>>,
    /// Whether a new execution's jobs are given away with it.
    pub gives_at_once: Cell<bool>,
    now: Cell<i64>,
    drawn: Cell<u64>,
}

impl<'a> World<'a> {
    pub fn new(database: &'a Database) -> Self {
        let store = now_or_never(migrated(database));
        let id = |n: u8| penstock_domain::id::uuid_v7(Timestamp::from_millis(1), [n; 10]);
        let world = Self {
            store,
            database,
            pipeline: PipelineId(id(1)),
            runner: RunnerId(id(2)),
            environments: Default::default(),
            gives_at_once: Cell::new(false),
            now: Cell::new(1_700_000_000_000),
            drawn: Cell::new(0),
        };
        now_or_never(world.store.save_pipeline(&world.pipeline_row(), None, 0, &cause(), world.now()))
            .unwrap();
        world.register(10);
        world
    }

    fn pipeline_row(&self) -> Pipeline {
        Pipeline {
            view: view::Pipeline {
                id: self.pipeline,
                pipeline_name: "web".into(),
                pipeline_type: penstock_domain::PipelineType::FullCicd,
                repository_url: "https://git.example/a/b.git".into(),
                definition: None,
                definition_path: Some(".penstock.yml".into()),
                branch_patterns: vec!["main".into()],
                trigger_events: vec![],
                max_concurrent_executions: 2,
                public_status: true,
                is_active: true,
                configuration: view::Configuration::default(),
                created_by: "admin".into(),
                created_at: self.now(),
                updated_at: self.now(),
            },
            repository_key: "git.example/a/b".into(),
            forge: None,
            forge_repository: Some("a/b".into()),
            deleted_at: None,
        }
    }

    pub fn register(&self, capacity: u32) {
        let (id, name) = (self.runner, "one".to_owned());
        let runner =
            Runner { id, name, labels: vec!["linux".into()], capacity, url: Some("http://r".into()) };
        now_or_never(self.store.register_runner(&runner, self.now())).unwrap();
    }

    /// An environment with these columns beside those that it must have.
    pub fn environment(&self, name: &str, columns: &str, values: &str) {
        let n = self.environments.borrow().len() as u8 + 10;
        let id = penstock_domain::id::uuid_v7(Timestamp::from_millis(1), [n; 10]);
        let sql = format!(
            "INSERT INTO deployment_environments (id, environment_name, environment_type, created_by, created_at,
             updated_at{columns}) VALUES ('{id}', '{name}', 'production', 'admin', 'now', 'now'{values})"
        );
        self.database.raw().execute(&sql, []).unwrap();
        self.environments.borrow_mut().push(name.to_owned());
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }

    pub fn pass(&self, ms: i64) {
        self.now.set(self.now.get() + ms);
    }

    pub fn moment(&self) -> Moment {
        self.drawn.set(self.drawn.get() + 1);
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&self.drawn.get().to_be_bytes());
        Moment { now: self.now(), seed }
    }

    pub fn run_context(&self) -> RunContext {
        RunContext {
            branch: "main".into(),
            tag: None,
            event: penstock_domain::TriggerEvent::Push,
            commit_sha: Some("a".repeat(40)),
            commit_message: String::new(),
            author: "ada".into(),
            repository_url: "https://git.example/a/b.git".into(),
            pipeline_name: "web".into(),
            number: 0,
            variables: std::collections::BTreeMap::new(),
            inputs: std::collections::BTreeMap::new(),
            changed_paths: None,
            event_name: None,
            base_branch: String::new(),
            pull_request: 0,
        }
    }

    /// Starts an execution of the file's text.
    pub fn start(&self, text: &str) -> ExecutionId {
        let parsed = parse(text);
        assert_eq!(parsed.errors().map(|d| d.message.clone()).collect::<Vec<_>>(), Vec::<String>::new());
        let planned = plan(&parsed.definition.unwrap(), &self.run_context()).unwrap();
        let context =
            ExecutionContext { authors: vec!["ada".into()], ..ExecutionContext::of(self.run_context()) };
        let group = planned.concurrency.as_ref().map(|c| Group {
            name: c.group.clone(),
            key: format!("git.example/a/b#{}", c.group),
            limit: c.limit,
            cancel_in_progress: c.cancel_in_progress,
        });
        let admission = Admission { own_limit: planned.max_concurrent, group, priority: planned.priority };
        self.launch(NewExecution { origin: Origin::default(), context, work: Work::Plan(planned), admission })
    }

    pub fn launch(&self, new: NewExecution) -> ExecutionId {
        let mut state = now_or_never(self.store.pipeline_state(self.pipeline)).unwrap().unwrap();
        if let Some(group) = &new.admission.group {
            state.group = Some(now_or_never(self.store.group_state(&group.key)).unwrap());
        }
        let names: Vec<_> = self.environments.borrow().iter().cloned().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        state.environments = now_or_never(self.store.environments_of(self.pipeline, &names)).unwrap();
        if self.gives_at_once.get() {
            state.runners = now_or_never(self.store.supply_and_demand(self.now())).unwrap().0;
        }
        let (id, decision) = create(new, &state, &self.moment()).unwrap();
        self.commit(id, &decision).unwrap();
        id
    }

    pub fn commit(&self, id: ExecutionId, decision: &Decision) -> Result<i64, StoreError> {
        now_or_never(self.store.commit(&Entry::of_execution(id, decision), &cause(), self.now()))
    }

    /// Reads, decides and commits, in the narrow scope first.
    pub fn tell(
        &self,
        execution: Option<ExecutionId>,
        job: Option<JobId>,
        event: &Event,
    ) -> Result<Changes, Refusal> {
        for whole in [job.is_none(), true] {
            let snapshot = now_or_never(self.store.snapshot(execution, job, whole)).unwrap().unwrap();
            let id = snapshot.execution.id;
            match decide(snapshot, event, &self.moment()) {
                Err(Refusal::NeedsWhole) => {}
                Err(refusal) => return Err(refusal),
                Ok(decision) => {
                    if !decision.is_empty() {
                        self.commit(id, &decision).unwrap();
                    }
                    return Ok(decision.changes);
                }
            }
        }
        unreachable!("the whole is enough for every decision")
    }

    /// Gives every ready job to the runner; answers them.
    pub fn assign_all(&self) -> Vec<JobId> {
        let (runners, demands) = now_or_never(self.store.supply_and_demand(self.now())).unwrap();
        let demands: Vec<_> =
            demands.iter().filter(|d| runners.iter().any(|r| penstock_engine::fits(&r.labels, d))).collect();
        let ready = now_or_never(self.store.ready_jobs(&demands, self.now(), 100)).unwrap();
        let given = penstock_engine::assign(&ready, &runners);
        for a in &given {
            self.tell(Some(a.execution), Some(a.job), &Event::Assign { job: a.job, runner: a.runner })
                .unwrap();
        }
        given.into_iter().map(|a| a.job).collect()
    }

    pub fn report(&self, job: JobId, attempt: u32, reports: Vec<JobReport>) -> Result<Changes, Refusal> {
        let report = RunnerReport { job, attempt, runner: self.runner, reports };
        self.tell(None, Some(job), &Event::Report(report))
    }

    /// The runner runs all steps of the job, the last one with this end.
    pub fn finish(&self, job: JobId, attempt: u32, status: WorkStatus) -> Result<Changes, Refusal> {
        self.finish_with(job, attempt, status, &[])
    }

    /// The same, handing these outputs on.
    pub fn finish_with(
        &self,
        job: JobId,
        attempt: u32,
        status: WorkStatus,
        outputs: &[(&str, &str)],
    ) -> Result<Changes, Refusal> {
        let at = self.now();
        let snapshot = now_or_never(self.store.snapshot(None, Some(job), false)).unwrap().unwrap();
        let last = snapshot.steps.len() as u32 - 1;
        let mut reports = vec![];
        for step in 0..=last {
            let status = if step == last { status } else { WorkStatus::Succeeded };
            let failed = status == WorkStatus::Failed;
            let reason = failed.then_some(penstock_domain::Reason::ExitCode);
            reports.push(JobReport::StepStarted { step, at });
            reports.push(JobReport::StepFinished {
                step,
                at,
                status,
                exit_code: Some(failed.into()),
                reason,
            });
        }
        let reason = (status == WorkStatus::Failed).then_some(penstock_domain::Reason::ExitCode);
        let outputs = outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        reports.push(JobReport::JobFinished { at, status, reason, message: None, outputs });
        self.report(job, attempt, reports)
    }

    /// Runs everything that becomes ready until nothing does.
    pub fn run_to_the_end(&self) {
        loop {
            let jobs = self.assign_all();
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                let attempt = self.attempt(job);
                self.finish(job, attempt, WorkStatus::Succeeded).unwrap();
            }
        }
    }

    /// The job of this name that runs.
    pub fn running(&self, name: &str) -> JobId {
        let sql = "SELECT id FROM jobs WHERE job_name = ?1 AND status = 'running'";
        let id: String = self.database.raw().query_row(sql, [name], |r| r.get(0)).unwrap();
        id.parse().unwrap()
    }

    /// Begins what waits in queues and has room, until nothing more does.
    pub fn admit(&self) -> Vec<ExecutionId> {
        let mut admitted = vec![];
        loop {
            let found = now_or_never(self.store.admissible(50)).unwrap();
            let Some(first) = found.first() else { return admitted };
            let mut state = now_or_never(self.store.pipeline_state(first.pipeline)).unwrap().unwrap();
            if let Some(group) = &first.admission.group {
                state.group = Some(now_or_never(self.store.group_state(&group.key)).unwrap());
            }
            assert!(state.has_room(&first.admission), "what is found has room");
            self.tell(Some(first.execution), None, &Event::Admit).unwrap();
            admitted.push(first.execution);
        }
    }

    pub fn attempt(&self, job: JobId) -> u32 {
        now_or_never(self.store.holder(job)).unwrap().unwrap().attempt
    }

    pub fn status(&self, id: ExecutionId) -> ExecutionStatus {
        now_or_never(self.store.execution_status(id)).unwrap().unwrap()
    }

    /// The execution as lines: `stage status reason`, `  job status reason attempt`, `    step status`.
    pub fn picture(&self, id: ExecutionId) -> String {
        let detail = now_or_never(self.store.execution_detail(id)).unwrap().unwrap();
        let reason = |r: Option<penstock_domain::Reason>| r.map(|r| format!(" ({r})")).unwrap_or_default();
        let e = &detail.execution;
        let mut text = format!(
            "#{} {}{} {}/{} stages, {} failed\n",
            e.execution_number,
            e.status,
            reason(e.reason),
            e.stages_completed,
            e.stages_total,
            e.stages_failed
        );
        if let Some(details) = &e.error_details {
            text += &format!("! {details}\n");
        }
        for stage in detail.stages {
            text += &format!(
                "{} {}{} {}/{}\n",
                stage.stage_name,
                stage.status,
                reason(stage.reason),
                stage.jobs_finished,
                stage.jobs_total
            );
            for job in stage.jobs.unwrap() {
                text +=
                    &format!("  {} {}{} attempt {}\n", job.name, job.status, reason(job.reason), job.attempt);
                for step in job.steps {
                    text += &format!("    {} {}{}\n", step.name, step.status, reason(step.reason));
                }
            }
        }
        text
    }

    pub fn count(&self, sql: &str) -> i64 {
        self.database.raw().query_row(sql, [], |r| r.get(0)).unwrap()
    }
}

pub fn cause() -> Cause {
    Cause::new("test", "test")
}

/// One stage of one job of one step.
pub const SMALL: &str = "
name: small
on: push
stages:
  - name: build
    jobs: [{ name: app, runs_on: linux, steps: [{ run: make }] }]
";
