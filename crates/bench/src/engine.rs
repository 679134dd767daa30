//! What deciding costs, and reading a file; and whether it stays so however much there is.
//!
//! The real store on SQLite in memory with the real triggers, without a server: a decision is measured by itself, a
//! change with its snapshot and its commit.

use std::time::Instant;

use anyhow::{Context, Result};
use penstock_domain::{
    ExecutionId, JobId, PipelineId, PipelineType, RunnerId, Timestamp, TriggerEvent, WorkStatus, id::uuid_v7,
};
use penstock_engine::{
    Event, ExecutionContext, JobReport, Moment, NewExecution, Origin, RunnerReport, Snapshot, Work, create,
    decide,
};
use penstock_pipeline::{RunContext, parse, plan};
use penstock_store::{Cause, Entry, Pipeline, Runner, Store};
use penstock_testkit::database::{Database, migrated, now_or_never};

use crate::report::{Report, percentile};

/// Times that each thing is done.
const TIMES: usize = 200;
/// Executions at once, each of so many stages, in the long run; the curve has a point for each tenth.
const EXECUTIONS: usize = 1_000;
const STAGES: usize = 100;
/// What is run of the executions' 100,000 jobs for each point of the curve.
const CHANGES: usize = 2_000;

pub fn measure(report: &mut Report) -> Result<()> {
    reading(report)?;
    deciding(report)?;
    many(report)
}

/// `stages` stages of `jobs` jobs, each stage after the one before.
fn file(stages: usize, jobs: usize) -> String {
    let mut text = "name: bench\nstages:\n".to_owned();
    for stage in 0..stages {
        text += &format!("  - name: s{stage}\n");
        if stage > 0 {
            text += &format!("    depends_on: [s{}]\n", stage - 1);
        }
        text += "    jobs:\n";
        for job in 0..jobs {
            text += &format!("      - {{ name: j{job}, steps: [make] }}\n");
        }
    }
    text
}

fn median_us(mut once: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut samples = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let started = Instant::now();
        once()?;
        samples.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(percentile(&mut samples, 0.5))
}

fn reading(report: &mut Report) -> Result<()> {
    let text = file(STAGES, 1);
    let us = median_us(|| {
        parse(&text).definition.context("the file is right")?;
        Ok(())
    })?;
    report.row(
        "a file of 100 stages validated, p50",
        format!("{:.2} ms", us / 1e3),
        "5 ms".into(),
        format!("{:.2}×", us / 5e3),
    );
    Ok(())
}

/// A database with one pipeline and one runner.
struct World<'d> {
    store: Store<&'d Database>,
    pipeline: PipelineId,
    runner: RunnerId,
    drawn: u64,
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

impl<'d> World<'d> {
    fn new(database: &'d Database) -> Result<Self> {
        let store = now_or_never(migrated(database));
        let id = |n: u8| uuid_v7(Timestamp::from_millis(1), [n; 10]);
        let world = Self { store, pipeline: PipelineId(id(1)), runner: RunnerId(id(2)), drawn: 0 };
        let view = penstock_api::view::Pipeline {
            id: world.pipeline,
            pipeline_name: "bench".into(),
            pipeline_type: PipelineType::FullCicd,
            repository_url: "https://git.example/a/b.git".into(),
            definition: None,
            definition_path: None,
            branch_patterns: vec![],
            trigger_events: vec![],
            max_concurrent_executions: 1_000,
            public_status: false,
            is_active: true,
            configuration: Default::default(),
            created_by: "bench".into(),
            created_at: now(),
            updated_at: now(),
        };
        let repository_key = "git.example/a/b".into();
        let pipeline =
            Pipeline { view, repository_key, forge: None, forge_repository: None, deleted_at: None };
        now_or_never(world.store.save_pipeline(&pipeline, None, 0, &cause(), now()))?;
        let (id, name, url) = (world.runner, "one".to_owned(), Some("http://r".to_owned()));
        let runner = Runner { id, name, labels: vec![], capacity: 1_000, url };
        now_or_never(world.store.register_runner(&runner, now()))?;
        Ok(world)
    }

    fn moment(&mut self) -> Moment {
        self.drawn += 1;
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&self.drawn.to_be_bytes());
        Moment { now: now(), seed }
    }

    fn start(&mut self, text: &str) -> Result<ExecutionId> {
        let definition = parse(text).definition.context("the file is right")?;
        let run = RunContext {
            branch: "main".into(),
            tag: None,
            event: TriggerEvent::Push,
            commit_sha: None,
            commit_message: String::new(),
            author: String::new(),
            repository_url: String::new(),
            pipeline_name: "bench".into(),
            number: 0,
            variables: Default::default(),
            inputs: Default::default(),
            changed_paths: None,
            event_name: None,
            base_branch: String::new(),
            pull_request: 0,
        };
        let planned = plan(&definition, &run).map_err(|found| anyhow::anyhow!("{found:?}"))?;
        let (origin, admission) = (Origin::default(), Default::default());
        let new =
            NewExecution { origin, context: ExecutionContext::of(run), work: Work::Plan(planned), admission };
        let state =
            now_or_never(self.store.pipeline_state(self.pipeline))?.context("the pipeline is there")?;
        let (id, decision) = create(new, &state, &self.moment())?;
        now_or_never(self.store.commit(&Entry::of_execution(id, &decision), &cause(), now()))?;
        Ok(id)
    }

    fn snapshot(&self, job: JobId) -> Result<Snapshot> {
        now_or_never(self.store.snapshot(None, Some(job), false))?.context("the job is there")
    }

    /// Snapshot, decision and commit.
    fn tell(&mut self, job: JobId, event: &Event) -> Result<()> {
        let snapshot = self.snapshot(job)?;
        let id = snapshot.execution.id;
        let decision = decide(snapshot, event, &self.moment())?;
        now_or_never(self.store.commit(&Entry::of_execution(id, &decision), &cause(), now()))?;
        Ok(())
    }

    fn ready(&self, limit: u32) -> Result<Vec<JobId>> {
        let ready = now_or_never(self.store.ready_jobs(&[&vec![]], now(), limit))?;
        Ok(ready.into_iter().map(|job| job.id).collect())
    }

    fn assign(&mut self, job: JobId) -> Result<()> {
        self.tell(job, &Event::Assign { job, runner: self.runner })
    }

    fn finished(&self, job: JobId) -> Event {
        let (at, status, reason) = (now(), WorkStatus::Succeeded, None);
        let reports = vec![
            JobReport::StepStarted { step: 0, at },
            JobReport::StepFinished { step: 0, at, status, exit_code: Some(0), reason },
            JobReport::JobFinished { at, status, reason, message: None, outputs: Default::default() },
        ];
        Event::Report(RunnerReport { job, attempt: 1, runner: self.runner, reports })
    }
}

fn cause() -> Cause {
    Cause::new("bench", "bench")
}

/// A decision on the end of one job, and the whole of its change: of 10 jobs, and of 1,000.
fn deciding(report: &mut Report) -> Result<()> {
    let (small, large) = (of_size(10)?, of_size(1_000)?);
    report.row(
        "one decision in an execution of 1,000 jobs, p50",
        format!("{:.1} µs (of 10 jobs: {:.1} µs)", large.narrow_us, small.narrow_us),
        "200 µs".into(),
        format!("{:.2}×", large.narrow_us / 200.0),
    );
    report.row(
        "the same where it is the whole that is decided on",
        format!("{:.1} µs", large.whole_us),
        "200 µs".into(),
        format!("{:.2}×", large.whole_us / 200.0),
    );
    report.row(
        "one change (snapshot, decision, commit) in an execution of 1,000 jobs, p50",
        format!("{:.0} µs", large.change_us),
        format!("in one of 10: {:.0} µs", small.change_us),
        format!("{:.2}×", large.change_us / small.change_us),
    );
    Ok(())
}

struct Costs {
    narrow_us: f64,
    whole_us: f64,
    change_us: f64,
}

fn of_size(jobs: usize) -> Result<Costs> {
    let database = Database::in_memory();
    let mut world = World::new(&database)?;
    // Ten stages, of which the first has all of the jobs that run now.
    world.start(&file(10, jobs / 10))?;
    let job = *world.ready(1)?.first().context("a job is ready")?;
    world.assign(job)?;
    let event = world.finished(job);
    let at = world.moment();
    let narrow = world.snapshot(job)?;
    let narrow_us = decided_us(&narrow, &event, &at)?;
    let execution = narrow.execution.id;
    let whole =
        now_or_never(world.store.snapshot(Some(execution), Some(job), true))?.context("it is there")?;
    let cancel = Event::Cancel { reason: penstock_domain::Reason::CancelledByUser, force: false };
    let whole_us = decided_us(&whole, &cancel, &at)?;
    // Enough of them that a job is ready for each time.
    for _ in 0..TIMES.div_ceil(jobs / 10) {
        world.start(&file(10, jobs / 10))?;
    }
    let change_us = changes(&mut world)?;
    Ok(Costs { narrow_us, whole_us, change_us })
}

fn decided_us(snapshot: &Snapshot, event: &Event, at: &Moment) -> Result<f64> {
    let mut copies: Vec<_> = std::iter::repeat_with(|| snapshot.clone()).take(TIMES).collect();
    median_us(|| {
        let snapshot = copies.pop().context("there is a copy for each")?;
        decide(snapshot, event, at)?;
        Ok(())
    })
}

/// Jobs given away, each a change of its own.
fn changes(world: &mut World<'_>) -> Result<f64> {
    let mut jobs = world.ready(u32::try_from(TIMES).unwrap_or(u32::MAX))?;
    median_us(|| {
        let job = jobs.pop().context("a job is ready for each")?;
        world.assign(job)
    })
}

/// Many executions at once: what a change costs when there are few of them, and when there are all.
fn many(report: &mut Report) -> Result<()> {
    let database = Database::in_memory();
    let mut world = World::new(&database)?;
    let text = file(STAGES, 1);
    let mut curve = vec![];
    for point in [1, 5, 10] {
        let wanted = EXECUTIONS * point / 10;
        let present = count(&database)?;
        for _ in present..wanted {
            world.start(&text)?;
        }
        let mut done = 0;
        let mut samples = vec![];
        while done < CHANGES {
            for job in world.ready(100)? {
                world.assign(job)?;
                let event = world.finished(job);
                let started = Instant::now();
                world.tell(job, &event)?;
                samples.push(started.elapsed().as_secs_f64() * 1e6);
                done += 1;
            }
        }
        curve.push((wanted, percentile(&mut samples, 0.5)));
    }
    let first = curve.first().map_or(f64::NAN, |(_, us)| *us);
    let told: Vec<_> = curve.iter().map(|(n, us)| format!("{n}: {us:.0} µs")).collect();
    let last = curve.last().map_or(f64::NAN, |(_, us)| *us);
    report.row(
        "the end of a job that ends its stage of 100, with so many executions at once, p50",
        told.join(", "),
        format!("with 100 of them: {first:.0} µs"),
        format!("{:.2}×", last / first),
    );
    Ok(())
}

fn count(database: &Database) -> Result<usize> {
    let sql = "SELECT count(*) FROM pipeline_executions";
    Ok(database
        .raw()
        .query_row(sql, [], |row| row.get::<_, i64>(0))
        .map(|n| usize::try_from(n).unwrap_or(0))?)
}
