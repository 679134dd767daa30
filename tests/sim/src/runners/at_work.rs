//! One attempt on one runner: its heartbeats, its steps, and what it tells of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use penstock_api::runner::{JobEvent, JobRequest, LogLine, LogStream, StepRequest};
use penstock_domain::{JobId, Reason, WorkStatus};
use serde_json::{Value, json};

use super::{GIVES_UP_MS, Manner, post};
use crate::choices::Fault;
use crate::scenario::{JobSpec, render};
use crate::world::World;

const HEARTBEAT_MS: u64 = 10_000;
/// Beyond every lease.
const LATE_MS: (u64, u64) = (31_000, 75_000);
/// How often a call back is sent again.
const MAX_TRIES: u32 = 40;

pub(super) struct AtWork {
    world: Rc<World>,
    index: usize,
    request: JobRequest,
    manner: Manner,
    /// When it was last answered.
    heard_ms: Cell<i64>,
    is_over: Cell<bool>,
    lines: RefCell<Vec<String>>,
}

/// Why the work went no further.
enum Stopped {
    /// It is not wanted any more.
    Cancelled,
    /// The lease is gone, or nobody answers.
    Lost,
}

impl AtWork {
    pub(super) fn new(world: &Rc<World>, index: usize, request: JobRequest, manner: Manner) -> Self {
        Self {
            world: world.clone(),
            index,
            request,
            manner,
            heard_ms: Cell::new(world.true_ms()),
            is_over: Cell::new(false),
            lines: RefCell::default(),
        }
    }

    fn key(&self) -> (JobId, u32) {
        (self.request.job.id, self.request.job.attempt)
    }

    fn is_cancelled(&self) -> bool {
        self.world.facts.borrow().runners.get(&self.index).is_some_and(|r| r.cancelled.contains(&self.key()))
    }

    fn end(&self) {
        self.is_over.set(true);
        let key = self.key();
        if let Some(runner) = self.world.facts.borrow_mut().runners.get_mut(&self.index) {
            runner.running.retain(|one| *one != key);
        }
    }

    fn path(&self, verb: &str) -> String {
        format!("/api/v1/jobs/{}/{verb}", self.request.job.id)
    }

    pub(super) async fn heartbeats(&self) {
        if matches!(self.manner, Manner::Vanishes | Manner::ReturnsLate) {
            return;
        }
        loop {
            self.world.sleep(self.pause_ms()).await;
            if self.is_over.get() {
                return;
            }
            // Who stalls hardly breathes.
            let is_faint = self.manner == Manner::Stalls && self.world.random(|r| r.chance(500));
            if is_faint || self.world.happens(Fault::HeartbeatLost) {
                continue;
            }
            let (began_ms, was_fenced) = (self.world.true_ms(), self.is_fenced());
            match post(&self.world, &self.path("heartbeat"), &self.request.job.lease.token, Bytes::new())
                .await
            {
                Ok(answered) if answered.status().is_success() => {
                    self.heard_ms.set(began_ms);
                    self.taken(was_fenced, "a heartbeat");
                    let told: Value = serde_json::from_slice(answered.body()).unwrap_or_default();
                    if told["cancel"] == true {
                        let mut facts = self.world.facts.borrow_mut();
                        facts.runners.entry(self.index).or_default().cancelled.push(self.key());
                    }
                }
                Ok(answered) if answered.status() == 409 => {
                    self.is_over.set(true);
                    return;
                }
                _ => {}
            }
        }
    }

    /// Until its next heartbeat.
    fn pause_ms(&self) -> u64 {
        if self.manner != Manner::Falters {
            return HEARTBEAT_MS;
        }
        let promised = self.world.facts.borrow().attempts.get(&self.key()).and_then(|a| a.lease_until_ms);
        let until = promised.unwrap_or_else(|| self.request.job.lease.expires_at.as_millis());
        // As long as another request takes, to meet with the clock's.
        let early = self.world.random(|r| r.below(4));
        match u64::try_from(until - self.world.common_now().as_millis()) {
            Ok(left_ms @ 1..) => left_ms.saturating_sub(early).max(1),
            _ => HEARTBEAT_MS,
        }
    }

    pub(super) async fn work(&self) {
        match self.manner {
            Manner::Vanishes => {
                self.end();
                return;
            }
            Manner::ReturnsLate => {
                let late_ms = self.world.random(|r| r.between(LATE_MS.0, LATE_MS.1));
                self.world.sleep(late_ms).await;
            }
            Manner::Stalls => {
                while !self.is_cancelled() && !self.is_over.get() {
                    self.world.sleep(5_000).await;
                }
                self.end();
                return;
            }
            Manner::Falters => {
                let late_ms = self.world.random(|r| r.between(LATE_MS.0, LATE_MS.1));
                self.world.sleep(late_ms).await;
            }
            Manner::Good | Manner::Lies => {}
        }
        let result = self.steps().await;
        match result {
            Ok((status, reason)) => {
                self.hand_in_report().await;
                let (status, reason) = self.said(status, reason);
                if let Some(attempt) = self.world.facts.borrow_mut().attempts.get_mut(&self.key()) {
                    attempt.said = Some((status, reason));
                }
                self.finish(status, reason).await;
            }
            Err(Stopped::Cancelled) => {
                self.finish(WorkStatus::Cancelled, Some(Reason::CancelledByUser)).await
            }
            Err(Stopped::Lost) => {}
        }
        self.end();
    }

    /// What it says of what it came to.
    fn said(&self, status: WorkStatus, reason: Option<Reason>) -> (WorkStatus, Option<Reason>) {
        if self.manner != Manner::Lies {
            return (status, reason);
        }
        match self.world.random(|r| r.below(6)) {
            0..=2 => (WorkStatus::Succeeded, None),
            3 => {
                let reasons = [Reason::ApprovalRejected, Reason::HealthCheckFailed, Reason::GateFailed];
                (WorkStatus::Failed, Some(self.world.random(|r| r.pick(&reasons))))
            }
            4 => (WorkStatus::Skipped, None),
            _ => (WorkStatus::Failed, Some(Reason::ExitCode)),
        }
    }

    async fn steps(&self) -> Result<(WorkStatus, Option<Reason>), Stopped> {
        let began_ms = self.world.true_ms();
        let limit_ms = i64::try_from(self.request.timeout_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let mut ended: Option<(WorkStatus, Option<Reason>)> = None;
        for index in 0..self.request.steps.len() {
            let step = &self.request.steps[index];
            let number = u32::try_from(index).unwrap_or(0);
            if ended.is_some() || step.skipped {
                let reason = if ended.is_some() { Reason::DependencyFailed } else { Reason::ConditionFalse };
                self.tell(vec![self.finished(number, WorkStatus::Skipped, None, Some(reason))]).await?;
                continue;
            }
            self.tell(vec![JobEvent::StepStarted { step: number, at: self.world.common_now() }]).await?;
            self.say(number, &format!("step {number} runs")).await;
            self.add_jobs().await?;
            let (work_ms, exit_code, through) = self.read(step);
            let left_ms = u64::try_from(limit_ms - (self.world.true_ms() - began_ms)).unwrap_or(0);
            self.rest(work_ms.min(left_ms)).await?;
            let exit_code = if self.request.job.attempt <= through { exit_code } else { 0 };
            // A liar's own steps contradict what it says of them.
            let lies = self.manner == Manner::Lies && self.world.random(|r| r.chance(500));
            if lies && self.world.random(|r| r.chance(300)) {
                continue;
            }
            let exit_code = if lies { 1 } else { exit_code };
            let (status, code, reason) = if work_ms > left_ms {
                (WorkStatus::Failed, None, Some(Reason::TimedOut))
            } else if exit_code != 0 {
                (WorkStatus::Failed, Some(exit_code), Some(Reason::ExitCode))
            } else {
                (WorkStatus::Succeeded, Some(0), None)
            };
            self.tell(vec![self.finished(number, status, code, reason)]).await?;
            let may_fail = step.continue_on_error && reason == Some(Reason::ExitCode);
            if status == WorkStatus::Failed && !may_fail {
                ended = Some((WorkStatus::Failed, reason));
            }
        }
        Ok(ended.unwrap_or((WorkStatus::Succeeded, None)))
    }

    /// Hands in the job that its file makes it add, sometimes twice: it is there once.
    async fn add_jobs(&self) -> Result<(), Stopped> {
        let Some(added) = self.spec().and_then(|spec| spec.adds.as_deref()) else { return Ok(()) };
        let body = Bytes::from(render::added(added));
        let times = if self.world.happens(Fault::RunnerDoubles) { 2 } else { 1 };
        for _ in 0..times {
            self.until_taken(&format!("{}?upload=0", self.path("jobs")), body.clone()).await?;
        }
        Ok(())
    }

    fn read(&self, step: &StepRequest) -> (u64, i32, u32) {
        render::read_run(&step.run).unwrap_or_else(|| {
            self.world.violated("dispatch", format!("a step runs what nobody wrote: {}", step.run));
            (0, 0, 0)
        })
    }

    fn finished(
        &self,
        step: u32,
        status: WorkStatus,
        exit_code: Option<i32>,
        reason: Option<Reason>,
    ) -> JobEvent {
        JobEvent::StepFinished { step, at: self.world.common_now(), status, exit_code, reason }
    }

    /// Works; ends early where it is not wanted, or where nobody answers any more.
    async fn rest(&self, mut ms: u64) -> Result<(), Stopped> {
        loop {
            if self.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            let is_alone = self.world.true_ms() - self.heard_ms.get() > GIVES_UP_MS;
            if self.manner == Manner::Good && (is_alone || self.is_over.get()) {
                self.world.note(|| format!("runner {} gives {} up", self.index, self.request.job.name));
                self.dishonest();
                return Err(Stopped::Lost);
            }
            if ms == 0 {
                return Ok(());
            }
            let piece = ms.min(5_000);
            self.world.sleep(piece).await;
            ms -= piece;
        }
    }

    fn dishonest(&self) {
        if let Some(attempt) = self.world.facts.borrow_mut().attempts.get_mut(&self.key()) {
            attempt.is_honest = false;
        }
    }

    /// Sends events until they are taken, and sometimes more than that.
    async fn tell(&self, mut events: Vec<JobEvent>) -> Result<(), Stopped> {
        if self.world.happens(Fault::RunnerBabbles) {
            self.babble().await;
        }
        if self.world.happens(Fault::RunnerDisorders) {
            // What it says later comes first; what was said already says nothing.
            events.push(self.finished(0, WorkStatus::Succeeded, Some(0), None));
            events.reverse();
            self.dishonest();
        }
        let times = if self.world.happens(Fault::RunnerDoubles) { 2 } else { 1 };
        let body = Bytes::from(json!({ "events": events }).to_string());
        for _ in 0..times {
            self.until_taken(&self.path("events"), body.clone()).await?;
        }
        Ok(())
    }

    /// Somebody else may have the job by now: then nothing that this one says may be taken.
    fn is_fenced(&self) -> bool {
        let (job, attempt) = self.key();
        let rows = self.world.database.look("SELECT attempt FROM jobs WHERE id = ?1", [job.to_string()]);
        rows.first().and_then(|r| r.integer(0).ok()).is_some_and(|now| now > i64::from(attempt))
    }

    fn taken(&self, was_fenced: bool, path: &str) {
        if was_fenced {
            let (job, attempt) = self.key();
            let what = format!("{path} was taken of attempt {attempt} of {job}, which another has");
            self.world.violated("fenced", what);
        }
    }

    async fn until_taken(&self, path: &str, body: Bytes) -> Result<(), Stopped> {
        for _ in 0..MAX_TRIES {
            let was_fenced = self.is_fenced();
            match post(&self.world, path, &self.request.job.lease.token, body.clone()).await {
                Ok(answered) if answered.status().is_success() => {
                    self.taken(was_fenced, path);
                    return Ok(());
                }
                Ok(answered) if answered.status().is_client_error() => {
                    let is_lost = answered.status() == 409;
                    self.world
                        .note(|| format!("runner {}: {path} is answered {}", self.index, answered.status()));
                    let is_honest =
                        self.world.facts.borrow().attempts.get(&self.key()).is_some_and(|a| a.is_honest);
                    if !is_lost && is_honest {
                        let why = String::from_utf8_lossy(answered.body()).into_owned();
                        self.world.violated("reports", format!("a right report was refused: {why}"));
                    }
                    return Err(Stopped::Lost);
                }
                _ => self.world.sleep(self.world.random(|r| r.between(200, 2_000))).await,
            }
        }
        Err(Stopped::Lost)
    }

    /// What nobody can understand, or what is not its own to say.
    async fn babble(&self) {
        let other = penstock_domain::id::uuid_v7(self.world.common_now(), [7; 10]);
        let end = json!({ "events": [{ "type": "job_finished", "at": self.world.common_now(), "status": "succeeded" }] });
        let (path, token, body) = match self.world.random(|r| r.below(5)) {
            0 => (self.path("events"), self.request.job.lease.token.clone(), "{\"events\": [{".to_owned()),
            1 => (
                format!("/api/v1/jobs/{other}/events"),
                self.request.job.lease.token.clone(),
                end.to_string(),
            ),
            2 => (self.path("events"), "pl_1.0.x".to_owned(), end.to_string()),
            3 => (
                self.path("events"),
                self.request.job.lease.token.clone(),
                json!({ "events": [self.finished(99, WorkStatus::Succeeded, Some(0), None)] }).to_string(),
            ),
            _ => (self.path("logs"), self.request.job.lease.token.clone(), "[1,2".to_owned()),
        };
        if let Ok(answered) = post(&self.world, &path, &token, body.into()).await
            && answered.status().is_success()
        {
            let what = format!("nonsense was taken: {path} answered {}", answered.status());
            self.world.violated("nonsense", what);
        }
    }

    async fn say(&self, step: u32, text: &str) {
        let seq = {
            let mut lines = self.lines.borrow_mut();
            lines.push(text.to_owned());
            lines.len() as u64
        };
        let at = self.world.common_now();
        let line = LogLine { seq, step: Some(step), stream: LogStream::Stdout, at, text: text.to_owned() };
        let body = Bytes::from(json!(line).to_string());
        let times = if self.world.happens(Fault::RunnerDoubles) { 2 } else { 1 };
        for _ in 0..times {
            if self.until_taken(&self.path("logs"), body.clone()).await.is_ok() {
                let lines = self.lines.borrow().clone();
                self.world.facts.borrow_mut().lines.insert(self.key(), lines);
            }
        }
    }

    fn spec(&self) -> Option<&JobSpec> {
        let execution = &self.request.execution;
        let pipeline = self.world.scenario.pipelines.iter().find(|p| p.name == execution.pipeline_name)?;
        let stage = pipeline.stages.iter().find(|s| s.name == execution.stage)?;
        stage.job(&self.request.job.name)
    }

    async fn hand_in_report(&self) {
        if self.request.reports.is_empty() {
            return;
        }
        let Some((tests, failed)) = self.spec().and_then(|spec| spec.report) else { return };
        let path = format!("{}?type=junit&path=report.xml", self.path("reports"));
        let body = Bytes::from(junit(tests, failed));
        if self.until_taken(&path, body).await.is_ok()
            && let Some(attempt) = self.world.facts.borrow_mut().attempts.get_mut(&self.key())
        {
            attempt.reports_handed_in = true;
        }
    }

    async fn finish(&self, status: WorkStatus, reason: Option<Reason>) {
        // Also told by those that did not succeed: then it is to count for nothing.
        let outputs = self.request.outputs.iter().map(|name| (name.clone(), handed_on(self.key()))).collect();
        let event =
            JobEvent::JobFinished { at: self.world.common_now(), status, reason, message: None, outputs };
        self.world.note(|| {
            let name = &self.request.job.name;
            format!("runner {} says that {name} {status} ({reason:?})", self.index)
        });
        if self.tell(vec![event]).await.is_ok()
            && let Some(attempt) = self.world.facts.borrow_mut().attempts.get_mut(&self.key())
        {
            attempt.reported = Some((status, reason));
        }
    }
}

/// What an attempt hands on: which one it is.
fn handed_on((job, attempt): (JobId, u32)) -> String {
    format!("{job}/{attempt}")
}

fn junit(tests: u32, failed: u32) -> String {
    let case = |n: u32| match n < failed {
        true => format!("<testcase name=\"t{n}\"><failure message=\"no\"/></testcase>"),
        false => format!("<testcase name=\"t{n}\"/>"),
    };
    let cases: String = (0..tests).map(case).collect();
    format!("<testsuite name=\"all\" tests=\"{tests}\" failures=\"{failed}\">{cases}</testsuite>")
}
